//! Lowering reductions: a body that says what a row contributes.

use diptych_protocol::id::{GroupId, Id};
use diptych_protocol::program::Reduction;

use crate::lower::births::Names;
use crate::lower::{Bodies, World};
use crate::types;

/// A reduction, with the body of what a row contributes.
pub(super) fn lower(reduction: &types::Reduction, world: &World<'_>, bodies: &mut Bodies) -> Reduction {
    let body = bodies.make(world, reduction.group, String::new(), |flattener| {
        flattener.names = Names::Fresh;
        for part in [&reduction.value, &reduction.filter].into_iter().flatten() {
            for lane in flattener.lanes(part) {
                flattener.builder.result(lane);
            }
        }
    });
    Reduction {
        group: GroupId::new(reduction.group as u32),
        body,
        filtered: reduction.filter.is_some(),
        how: reduction.how,
        span: reduction.span,
    }
}
