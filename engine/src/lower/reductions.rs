//! Lowering reductions: a body that says what a row contributes, and what all come to.

use diptych_protocol::body::Op;
use diptych_protocol::id::{GroupId, Id, ReducedId, ValueId};
use diptych_protocol::program::Reduction;
use diptych_protocol::types::Scalar;

use crate::lower::expressions::Flattener;
use crate::lower::{Bodies, World};
use crate::types;

/// A reduction, with the body of what a row contributes.
pub(super) fn lower(reduction: &types::Reduction, world: &World<'_>, bodies: &mut Bodies) -> Reduction {
    let parts = [&reduction.value, &reduction.filter].into_iter().flatten();
    let body = bodies.of_finished_rows(world, reduction.group, parts);
    Reduction {
        group: GroupId::new(reduction.group as u32),
        body,
        filtered: reduction.filter.is_some(),
        how: reduction.how,
        span: reduction.span,
    }
}

impl Flattener<'_> {
    /// One of the values that a reduction of the model comes to.
    pub(super) fn reduced(&mut self, reduction: usize, result: u16) -> ValueId {
        let before = self.world.into_iter().flat_map(|world| &world.model.reductions[..reduction]);
        let first: usize = before.map(|it| it.how.results()).sum();
        self.push(Scalar::F64, Op::Reduced(ReducedId::new((first + usize::from(result)) as u32)))
    }
}
