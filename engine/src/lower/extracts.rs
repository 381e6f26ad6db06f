//! Lowering what sinks take of rows: a body that gives the values of a row, and whether it is taken.

use diptych_protocol::id::{GroupId, Id};
use diptych_protocol::program::Extract;

use crate::lower::{Bodies, World};
use crate::types;

pub(super) fn lower(extract: &types::Extract, world: &World<'_>, bodies: &mut Bodies) -> Extract {
    let values = extract.columns.iter().map(|(_, value)| value).chain(&extract.filter);
    let body = bodies.of_finished_rows(world, extract.group, values);
    Extract {
        group: GroupId::new(extract.group as u32),
        body,
        filtered: extract.filter.is_some(),
        sample: extract.sample,
        columns: extract.columns.iter().map(|(name, value)| (name.clone(), value.ty)).collect(),
        span: extract.span,
    }
}
