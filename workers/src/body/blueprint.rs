//! Blueprints: bodies that make a group's rows at set-up.

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{BodyId, ColumnId};
use diptych_protocol::program::Program;
use diptych_protocol::types::Scalar;
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::block::{Block, Executor, Turns};
use super::driver::{fill_rows, uniforms};
use super::slots::Slots;
use super::{Backend, executor};

/// A blueprint's body and its back end.
pub struct Blueprint {
    executor: Box<dyn Executor>,
    slots: Slots,
    stores: Vec<ColumnId>,
    rows: Vec<u32>,
}

impl Blueprint {
    /// For the body of a group.
    pub fn new(program: &Program, body: BodyId, backend: Backend) -> Result<Self, AccessError> {
        let body = &program.bodies[body];
        Ok(Self {
            executor: executor(program, body, backend)?,
            slots: Slots::of(program, body),
            stores: body.stores.iter().map(|store| store.column).collect(),
            rows: Vec::new(),
        })
    }

    /// Makes the batch's rows.
    pub fn run(&mut self, batch: &Batch<'_, '_>) {
        let data: Vec<Values<'_>> = self.data(batch);
        let mut panels = batch.blueprint_values(&self.stores);
        // A verified blueprint asks nothing: its loops count.
        let loops: Vec<Turns<'_>> = self.slots.loops.iter().map(|_| Turns::Count).collect();
        let step = self.executor.stretch(!self.slots.loops.is_empty());
        for first in batch.rows.indices().step_by(step) {
            let count = step.min(batch.rows.end as usize - first);
            let room = self.executor.room(count);
            fill_rows(&mut self.rows, first as u32..(first + count) as u32, room);
            let at = first - batch.rows.start as usize;
            let lanes = at..at + room;
            let own: Vec<Values<'_>> = data.iter().map(|column| column.range(lanes.clone())).collect();
            let mut out: Vec<ValuesMut<'_>> = panels.iter_mut().map(|panel| panel.range(lanes.clone())).collect();
            let (rows, uniforms) = (&self.rows, uniforms(batch));
            let block = Block { count, rows, own: &own, far: &[], loops: &loops, uniforms };
            self.executor.run(&block, &mut out);
        }
    }

    /// The values that came with the scenario from files, of the batch's rows (with room for a last block of lanes), in
    /// the order of the slots.
    fn data<'b>(&self, batch: &'b Batch<'_, '_>) -> Vec<Values<'b>> {
        let (start, count) = (batch.rows.start as usize, self.executor.room(batch.rows.len()));
        let rows = start..start + count;
        let columns = self.slots.data.iter().map(|&(data, scalar)| match scalar {
            Scalar::F32 => Values::F32(batch.data_rows(data, rows.clone())),
            Scalar::F64 => Values::F64(batch.data_rows(data, rows.clone())),
            Scalar::I8 => Values::I8(batch.data_rows(data, rows.clone())),
            Scalar::I16 => Values::I16(batch.data_rows(data, rows.clone())),
            Scalar::I32 => Values::I32(batch.data_rows(data, rows.clone())),
            Scalar::U8 => Values::U8(batch.data_rows(data, rows.clone())),
            Scalar::U16 => Values::U16(batch.data_rows(data, rows.clone())),
            Scalar::U32 => Values::U32(batch.data_rows(data, rows.clone())),
            Scalar::Bool => Values::Bool(batch.data_rows(data, rows.clone())),
        });
        columns.collect()
    }
}
