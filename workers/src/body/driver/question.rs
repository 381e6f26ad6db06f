//! What a loop asks with, where that is not the own position and one radius for all: computed for the rows of a batch
//! ahead of the body that has the loop.

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{BodyId, GroupId};
use diptych_protocol::limits::LANES_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::values::Values;
use diptych_protocol::view::Batch;

use super::ahead::Answers;
use super::bound::recycle;
use super::panel::Panel;
use super::rule::Rule;
use crate::body::Backend;
use crate::body::column::Column;
use crate::index;

/// A body that gives points, and perhaps radii, and what it gave for the rows of a batch, in their order.
pub(super) struct Question {
    rule: Rule,
    axes: usize,
    found: Vec<Column>,
    /// Points of `f64`, rounded.
    rounded: [Vec<f32>; 3],
    panels: Vec<Panel<'static>>,
}

impl Question {
    pub fn new(program: &Program, group: GroupId, body: BodyId, backend: Backend) -> Result<Self, AccessError> {
        let rule = Rule::new(program, group, body, backend)?;
        let found = rule.slots.out.iter().map(|scalar| Column::new(*scalar)).collect();
        let axes = usize::from(program.space.dimensions);
        Ok(Self { rule, axes, found, rounded: Default::default(), panels: Vec::new() })
    }

    /// Computes them.
    pub fn ask(&mut self, batch: &Batch<'_, '_>, before: Answers<'_>) {
        let mut panels: Vec<Panel<'_>> = recycle(std::mem::take(&mut self.panels));
        for column in &mut self.found {
            column.resize(batch.rows.len().next_multiple_of(LANES_MAX));
            panels.push(Panel::Here(column.values_mut()));
        }
        self.rule.run(batch, before, &mut panels);
        self.panels = recycle(panels);
        for (axis, (rounded, found)) in self.rounded.iter_mut().zip(&self.found).take(self.axes).enumerate() {
            if let Values::F64(values) = found.values() {
                rounded.resize(values.len(), 0.0);
                index::round(batch.space(), axis, values, rounded);
            }
        }
    }

    /// The points, an axis each.
    pub fn points(&self) -> [&[f32]; 3] {
        let mut points: [&[f32]; 3] = [&[]; 3];
        for ((to, rounded), found) in points.iter_mut().zip(&self.rounded).zip(&self.found).take(self.axes) {
            *to = match found.values() {
                Values::F32(values) => values,
                _ => rounded,
            };
        }
        points
    }

    /// The points as they were computed, if they are of `f64`.
    pub fn exact(&self) -> [&[f64]; 3] {
        let mut exact: [&[f64]; 3] = [&[]; 3];
        for (to, found) in exact.iter_mut().zip(&self.found).take(self.axes) {
            if let Values::F64(values) = found.values() {
                *to = values;
            }
        }
        exact
    }

    /// The radii, if rows have radii of their own.
    pub fn radii(&self) -> Option<&[f32]> {
        match self.found.get(self.axes)?.values() {
            Values::F32(values) => Some(values),
            _ => None,
        }
    }
}
