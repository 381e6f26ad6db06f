//! What has been made of rows, to be looked at afterwards: by whoever ran a batch, of the rows that it wrote; by the
//! coordinator, of the rows that a rule failed at. One of the few modules with `unsafe`.

#![expect(unsafe_code, reason = "typed slices of columns whose writers have returned")]

use std::sync::atomic::AtomicU64;

use crate::board::Board;
use crate::edits::RecordPlaces;
use crate::id::{ColumnId, EditId, Entity};
use crate::memory::Memory;
use crate::nan::Sighting;
use crate::program::{Program, When, Work};
use crate::track::Track;
use crate::types::{Scalar, Value};
use crate::values::{Cells, Values};
use crate::view::Batch;

/// What a batch has made of a column.
pub enum Made<'b> {
    /// Its rows, in its order.
    Here(Values<'b>),
    /// The whole column: the batch's rows are [`Written::slot_rows`].
    ByRow(Cells<'b>),
}

/// A batch of which what runs now has returned, to be looked at. Nothing can be written while it lives.
#[derive(Clone, Copy)]
pub struct Written<'b, 't, 'm>(&'b Batch<'t, 'm>);

impl<'t, 'm> Batch<'t, 'm> {
    /// What the running system, or the blueprint, has written. As [`Self::enter`], it takes all slices back that were handed
    /// out.
    pub fn written(&mut self) -> Written<'_, 't, 'm> {
        Written(self)
    }
}

impl<'b, 'm> Written<'b, '_, 'm> {
    /// The program.
    pub fn program(&self) -> &'m Program {
        self.0.program()
    }

    /// What has been made of a column.
    ///
    /// # Panics
    /// If another one writes the column.
    pub fn made(&self, column: ColumnId) -> Made<'b> {
        let batch = self.0;
        let of = &batch.program().columns[column];
        let own = match batch.program().steps[batch.step].work {
            Work::Blueprint(group) => of.group == group,
            _ => of.owner.is_some() && of.owner == batch.system(),
        };
        assert!(own, "a column that is not the batch's to write");
        if batch.slots().is_some() && !batch.in_order() {
            return Made::ByRow(batch.cells(column));
        }
        // SAFETY: the batch holds these rows of the column, and this holds the batch: nobody can take them for writing.
        Made::Here(unsafe { batch.typed(column, When::Fresh, batch.rows.indices()) })
    }

    /// The values of a column of the rows that the running system lets be born: a list, in the order in which they were asked
    /// for.
    ///
    /// # Panics
    /// If the edit is another system's.
    pub fn births(&self, edit: EditId, column: ColumnId) -> Option<Values<'b>> {
        let batch = self.0;
        assert!(batch.system() == Some(batch.program().edits[edit].system), "another system's edit");
        let places = &batch.track().layout.edits.records[edit];
        let RecordPlaces::Births { values, .. } = &places.record else { return None };
        let (_, place) = values.iter().find(|(of, _)| *of == column)?;
        let (scalar, room) = (batch.program().columns[column].scalar, places.room as usize);
        let offset = place.offset + batch.number.0 as usize * room * scalar.size();
        let births = batch.recorded(places, batch.number.0) as usize;
        assert!(offset + births * scalar.size() <= place.offset + place.len, "a batch beyond its list");
        // SAFETY: each batch writes its own part of each list; and as in `made`.
        Some(unsafe { values_at(batch.track().memory, scalar, offset, births) })
    }

    /// The rows of each word of 64 that the running system looked at, where it looks at some only: the others it has copied.
    pub fn chosen(&self) -> Option<&'b [AtomicU64]> {
        let only = self.0.system().and_then(|system| self.program().systems[system].only);
        (only.is_some() && self.0.slots().is_none()).then(|| self.0.chosen().now)
    }

    /// The row at a place of the batch, as [`Batch::entity`] takes it.
    pub fn row(&self, place: usize) -> u32 {
        if self.0.slots().is_some() { self.0.slot_rows()[place] } else { self.0.rows.start + place as u32 }
    }

    /// Where the row at a place of the batch stands in `next`, if its group is kept in an order.
    pub fn slot(&self, place: usize) -> Option<u32> {
        self.0.in_order().then(|| self.0.rows.start + place as u32)
    }

    /// The rows of a batch that is given by slots.
    pub fn slot_rows(&self) -> &'b [u32] {
        self.0.slot_rows()
    }

    /// The stable name of a row.
    pub fn entity(&self, row: u32) -> Entity {
        self.0.entity(row)
    }

    /// Whether a watch that warns found something in an earlier tick.
    pub fn has_warned(&self, watch: usize) -> bool {
        self.0.track().sighting(watch).is_some_and(|sighting| sighting.tick < self.0.tick)
    }

    /// Says that a watch that warns has found something.
    pub fn warn(&self, watch: usize, entity: Option<u32>) {
        self.0.track().sighted(watch, Sighting { tick: self.0.tick, entity });
    }
}

/// # Safety
/// Nobody writes these values while the slice lives.
unsafe fn values_at(memory: &Memory, scalar: Scalar, offset: usize, len: usize) -> Values<'_> {
    // SAFETY: the caller's duty.
    unsafe {
        match scalar {
            Scalar::F32 => Values::F32(memory.read_at(offset, len)),
            Scalar::F64 => Values::F64(memory.read_at(offset, len)),
            Scalar::I8 => Values::I8(memory.read_at(offset, len)),
            Scalar::I16 => Values::I16(memory.read_at(offset, len)),
            Scalar::I32 => Values::I32(memory.read_at(offset, len)),
            Scalar::U8 => Values::U8(memory.read_at(offset, len)),
            Scalar::U16 => Values::U16(memory.read_at(offset, len)),
            Scalar::U32 => Values::U32(memory.read_at(offset, len)),
            Scalar::Bool => Values::Bool(memory.read_at(offset, len)),
        }
    }
}

impl Track<'_> {
    /// A value of a row: `prev` of the state whose record the track holds, or what the frame behind it has made of the row as
    /// far as it came. Nothing where there is no such row.
    ///
    /// # Panics
    /// If workers have not been told to leave.
    pub fn value(&self, column: ColumnId, when: When, row: u32) -> Option<Value> {
        assert!(Board::new(self.memory, self.layout).halted().is_some(), "a state is read while workers run");
        let place = &self.layout.columns[column];
        let record = self.record();
        let panel = match when {
            When::Prev => record.prev_panel(column),
            When::Fresh => record.next_panel(self.program, column),
        };
        if row >= self.rows(self.program.columns[column].group, record.tick)? {
            return None;
        }
        let offset = place.panels[panel] + row as usize * place.scalar.size();
        // SAFETY: as in `prev_bytes`: when workers have been told to leave, the coordinator comes here after they were reaped.
        let value = unsafe {
            match values_at(self.memory, place.scalar, offset, 1) {
                Values::F32(of) => Value::F32(of[0]),
                Values::F64(of) => Value::F64(of[0]),
                Values::I8(of) => Value::I8(of[0]),
                Values::I16(of) => Value::I16(of[0]),
                Values::I32(of) => Value::I32(of[0]),
                Values::U8(of) => Value::U8(of[0]),
                Values::U16(of) => Value::U16(of[0]),
                Values::U32(of) => Value::U32(of[0]),
                Values::Bool(of) => Value::Bool(of[0] != 0),
            }
        };
        Some(value)
    }
}
