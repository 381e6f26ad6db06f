//! The driver: brings a system's body its rows, a block at a time.
//!
//! Three ways. Where no loop goes over a neighbourhood, blocks are stretches of the batch's rows, and columns are used
//! where they stand, also those of cells at an offset (`moved`). Else blocks are rows that are near each other: their columns are gathered, and so are those of
//! the rows that may be within reach, unless these stand in long runs, or a grid has them in its order; what comes out
//! is scattered. Where a pass goes by the slots of a grid, blocks are stretches of those (`slotted`).

use diptych_protocol::access::AccessError;
use diptych_protocol::blame::Fault;
use diptych_protocol::id::{ColumnId, SystemId};
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::program::{Code, Program};
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use self::blocks::Blocks;
use self::bound::{Bound, Rooms, recycle};
use self::core::Core;
use self::moved::Moved;
use super::block::{Uniforms, padded};
use super::column::Column;
use super::slots::Slots;
use super::{Backend, executor};
use crate::kernel::Kernel;

mod around;
mod blocks;
mod bound;
mod candidates;
mod core;
mod moved;
mod runs;
mod slotted;

/// Rows of a block of a stream: a usual body's buffers stay in the second cache.
pub(super) const STREAM_ROWS: usize = 512;
/// A body as the kernel of its system.
pub struct BodyKernel {
    core: Core,
    slots: Slots,
    stores: Vec<ColumnId>,
    /// The index that forms the blocks; without one blocks are stretches.
    forming: Option<usize>,
    blocks: Blocks,
    /// What is read at an offset; such a body is always a stream.
    moved: Option<Moved>,
    rooms: Rooms,
    own: Vec<Column>,
    out: Vec<Column>,
}

impl BodyKernel {
    /// For a system whose code is a body.
    pub fn new(program: &Program, system: SystemId, backend: Backend) -> Result<Self, AccessError> {
        let system = &program.systems[system];
        let Code::Body(body) = system.code else {
            return Err(AccessError(format!("system {} has no body", system.name)));
        };
        let body = &program.bodies[body];
        let slots = Slots::of(program, body);
        let core = Core::new(program, system.group, body, &slots, executor(program, body, backend)?);
        Ok(Self {
            forming: core.forming(),
            core,
            stores: body.stores.iter().map(|store| store.column).collect(),
            blocks: Blocks::default(),
            moved: Moved::of(program, system.group, &slots),
            rooms: Rooms::default(),
            own: slots.own.iter().map(|slot| Column::new(slot.scalar)).collect(),
            out: slots.out.iter().map(|scalar| Column::new(*scalar)).collect(),
            slots,
        })
    }

    /// Blocks are stretches.
    fn stream(&mut self, batch: &Batch<'_, '_>, bound: &Bound<'_>, panels: &mut [ValuesMut<'_>]) {
        let step = self.core.stretch();
        let (mut next, end) = (batch.rows.start as usize, batch.rows.end as usize);
        while next < end {
            let (first, most) = (next, step.min(end - next));
            let count = self.moved.as_ref().map_or(most, |moved| moved.cut(first, most));
            next += count;
            let at = first - batch.rows.start as usize;
            let lanes = at..at + padded(count);
            self.core.ask(batch, bound, first as u32..(first + count) as u32);
            let mut own: Vec<Values<'_>> = recycle(std::mem::take(&mut self.rooms.own));
            match &mut self.moved {
                Some(moved) => {
                    moved.ask(&bound.own, first, count);
                    own.extend(moved.own(&bound.own, lanes.clone()));
                }
                None => own.extend(bound.own.iter().map(|column| column.range(lanes.clone()))),
            }
            let mut out: Vec<ValuesMut<'_>> = recycle(std::mem::take(&mut self.rooms.out));
            out.extend(panels.iter_mut().map(|panel| panel.range(lanes.clone())));
            self.core.run(batch, bound, count, &own, &mut out);
            self.rooms.own = recycle(own);
            self.rooms.out = recycle(out);
        }
    }

    /// Blocks are rows near each other.
    fn gathered(&mut self, batch: &Batch<'_, '_>, bound: &Bound<'_>, panels: &mut [ValuesMut<'_>], forming: usize) {
        self.blocks.form(self.core.around(forming), &bound.spaces[forming], batch.rows);
        let place = |row: &u32| (row - batch.rows.start) as usize;
        for i in 0..self.blocks.len() {
            let mut rows = [0; BLOCK_ROWS_MAX];
            let rows = self.blocks.rows(i, &mut rows);
            let lanes = self.core.ask(batch, bound, rows.iter().copied());
            for (room, column) in self.own.iter_mut().zip(&bound.own) {
                room.gather(*column, lanes.iter().map(place));
            }
            self.out.iter_mut().for_each(|room| room.resize(lanes.len()));
            let mut own: Vec<Values<'_>> = recycle(std::mem::take(&mut self.rooms.own));
            own.extend(self.own.iter().map(Column::values));
            let mut out: Vec<ValuesMut<'_>> = recycle(std::mem::take(&mut self.rooms.out));
            out.extend(self.out.iter_mut().map(Column::values_mut));
            self.core.run(batch, bound, rows.len(), &own, &mut out);
            self.rooms.own = recycle(own);
            self.rooms.out = recycle(out);
            for (room, panel) in self.out.iter().zip(&mut *panels) {
                room.scatter(panel, rows.iter().map(place));
            }
        }
    }
}

impl Kernel for BodyKernel {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let bound = Bound::new(batch, &self.slots, &self.core, &mut self.rooms);
        if let Some(index) = batch.slots() {
            self.slotted(batch, &bound, index);
            bound.give_back(&mut self.rooms);
            return Ok(());
        }
        let mut panels: Vec<ValuesMut<'_>> = recycle(std::mem::take(&mut self.rooms.panels));
        panels.extend(self.stores.iter().map(|column| batch.write_values(*column)));
        match self.forming {
            Some(forming) => self.gathered(batch, &bound, &mut panels, forming),
            None => self.stream(batch, &bound, &mut panels),
        }
        self.rooms.panels = recycle(panels);
        bound.give_back(&mut self.rooms);
        Ok(())
    }
}

/// The row of each lane; those that fill up repeat the last.
pub(super) fn fill_rows(room: &mut Vec<u32>, rows: impl Iterator<Item = u32>) {
    room.clear();
    room.extend(rows);
    let last = room.last().copied().unwrap_or(0);
    room.resize(padded(room.len()), last);
}

/// What is the same for all rows of the batch's tick.
pub(super) fn uniforms<'b>(batch: &'b Batch<'_, '_>) -> Uniforms<'b> {
    let frame = batch.tick.frame();
    Uniforms {
        seed: batch.program().seed,
        tick: batch.tick.0,
        frame,
        time: f64::from(frame) * batch.program().dt,
        signals: batch.signals(),
        reduced: &[],
        space: batch.space(),
    }
}
