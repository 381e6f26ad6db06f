//! What a batch may touch that is given by the slots of an index: rows that lie anywhere. One of the few modules with
//! `unsafe`.

#![expect(unsafe_code, reason = "typed slices and atomics of shared columns, exclusive by claim")]

use crate::id::{ColumnId, IndexId};
use crate::program::{Domain, IndexKind, Reach, When, Work};
use crate::values::{Cells, Values, ValuesMut};
use crate::view::{Batch, POISON};

impl Batch<'_, '_> {
    /// The index whose slots its rows are given by, if they are: [`Domain::Slots`].
    #[inline]
    pub fn slots(&self) -> Option<IndexId> {
        match self.program().steps[self.step].domain {
            Domain::Slots { index, .. } => Some(index),
            _ => None,
        }
    }

    /// Whether its slots are its rows of `next` as well: its group is kept in this order ([`crate::program::Order`]).
    /// Then the batch has a stretch of `next`, and its rows of `prev` lie anywhere.
    #[inline]
    pub fn in_order(&self) -> bool {
        self.slots().is_some_and(|index| self.program().keeps_order(index))
    }

    /// The rows of a batch that is given by slots, in their order; where it is [`Self::in_order`], those of `prev`.
    pub fn slot_rows(&self) -> &[u32] {
        self.slots().map_or(&[], |index| &self.rows_of_slots(index)[self.rows.indices()])
    }

    /// The row of `prev` in each slot of an index, for a batch that is given by them, or one that edits rows which are kept in
    /// this order.
    ///
    /// # Panics
    /// If the batch is neither.
    pub(crate) fn rows_of_slots(&self, index: IndexId) -> &[u32] {
        let group = self.program().indexes[index].group;
        let edits = self.program().keeps_order(index)
            && matches!(self.program().steps[self.step].work, Work::Edit(of, _) if of == group);
        assert!(edits || self.slots() == Some(index), "a batch that is not given by these slots");
        match self.program().indexes[index].kind {
            IndexKind::Tree { .. } => self.kd_slot_rows(index),
            IndexKind::Grid { .. } => self.grid_slot_rows(index),
        }
    }

    /// Whether another system of the same pass writes a column: its rows stand there as soon as it has returned, but only
    /// those of this batch.
    fn is_open(&self, column: ColumnId, when: When) -> bool {
        let owner = self.program().columns[column].owner.filter(|_| when == When::Fresh);
        owner.is_some_and(|owner| self.program().steps[self.step].work.systems().contains(&owner))
    }

    /// What [`Self::read_values`] gives of the own rows, where a batch is given by slots: the whole column, by row;
    /// nothing where other batches are just writing it, then there are [`Self::read_cells`].
    ///
    /// # Panics
    /// If `next` is asked for of a group that is kept in order: [`Self::read_values`] has it.
    pub fn read_by_row(&self, column: ColumnId, when: When) -> Option<Values<'_>> {
        assert!(self.may_read(column, when, Reach::Own), "a body reads what its system does not declare");
        assert!(when == When::Prev || !self.in_order(), "rows of `next` are in order");
        // SAFETY: declared. `prev` is written by nobody; a `next` that no system of this pass owns was completed in an
        // earlier stage (verified).
        (!self.is_open(column, when)).then(|| unsafe { self.typed(column, when, self.all_rows(column)) })
    }

    /// A column that an earlier system of the same pass has written for the own rows. Other rows mean nothing.
    pub fn read_cells(&self, column: ColumnId) -> Cells<'_> {
        assert!(self.may_read(column, When::Fresh, Reach::Own), "a body reads what its system does not declare");
        self.cells(column)
    }

    /// As [`Self::write_values`], for a system that carries: the batch's rows and no lane more, since free names are listed
    /// behind the last row.
    ///
    /// # Panics
    /// If no system runs, it does not own the column, or it takes it twice.
    pub fn carried_values(&self, column: ColumnId) -> ValuesMut<'_> {
        assert!(self.system().is_some(), "a body writes outside of its system");
        self.system().into_iter().for_each(|system| self.take(system, column));
        // SAFETY: the system owns the column, the batch holds these rows, and no other slice of them lives: each is handed out
        // once a system.
        unsafe { self.typed_mut(column, self.rows.indices()) }
    }

    /// As [`Self::write_values`], where a batch is given by slots: its rows lie anywhere.
    ///
    /// # Panics
    /// If no system runs, it does not own the column, or it takes it twice.
    pub fn write_cells(&self, column: ColumnId) -> Cells<'_> {
        assert!(self.system().is_some(), "a body writes outside of its system");
        self.system().into_iter().for_each(|system| self.take(system, column));
        let cells = self.cells(column);
        if cfg!(debug_assertions)
            && let Cells::Four(_) = cells
        {
            let rows = || self.slot_rows().iter().map(|row| *row as usize);
            cells.set_four(rows(), rows().map(|_| POISON));
        }
        cells
    }

    pub(crate) fn cells(&self, column: ColumnId) -> Cells<'_> {
        assert!(self.slots().is_some() && !self.in_order(), "a batch that has a stretch of rows");
        assert!(self.is_open(column, When::Fresh), "a column that is not written by slots");
        let place = &self.track().layout.columns[column];
        let (offset, rows) = (self.panel(column, When::Fresh), self.all_rows(column).len());
        assert!(rows <= place.capacity as usize, "a column's view");
        let memory = self.track().memory;
        // SAFETY: a system of this pass owns the column, and this pass goes by slots: all its batches see the column's
        // `next` as atomics alone, and nobody else sees it before the stage is complete (verified).
        unsafe {
            match place.scalar.size() {
                1 => Cells::One(memory.atomics_at(offset, rows)),
                2 => Cells::Two(memory.atomics_at(offset, rows)),
                4 => Cells::Four(memory.atomics_at(offset, rows)),
                _ => Cells::Eight(memory.atomics_at(offset, rows)),
            }
        }
    }
}
