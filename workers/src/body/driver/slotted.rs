//! Blocks of a batch that is given by the slots of an index: rows that are near each other, in whatever order they stand.

use diptych_protocol::id::{ColumnId, IndexId};
use diptych_protocol::program::{Reach, When};
use diptych_protocol::types::Scalar;
use diptych_protocol::values::{Cells, Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::asked::nothing;
use super::bound::{Bound, recycle};
use super::only::FewSlots;
use super::panel::Panel;
use super::rule::Rule;

/// Where a column of the own rows is read.
#[derive(Clone, Copy)]
pub(super) enum Own<'b> {
    /// In the index's order: the batch's slots.
    BySlot(Values<'b>),
    /// As rows stand.
    ByRow(Values<'b>),
    /// As rows stand, where other batches are just writing theirs.
    Open(Cells<'b>),
}

impl<'b> Own<'b> {
    fn new(batch: &'b Batch<'_, '_>, index: IndexId, column: ColumnId, when: When) -> Self {
        if when == When::Fresh && batch.in_order() {
            return Own::BySlot(batch.read_values(column, when, Reach::Own));
        }
        match batch.grid_copy_here(index, column, when) {
            Some(copy) => Own::BySlot(copy),
            None => batch.read_by_row(column, when).map_or_else(|| Own::Open(batch.read_cells(column)), Own::ByRow),
        }
    }
}

/// A column that forming the blocks has read: one of the positions that the index is over.
fn found<'b>(
    batch: &Batch<'_, '_>,
    index: IndexId,
    column: ColumnId,
    when: When,
    placed: [&'b [f32]; 3],
) -> Option<Own<'b>> {
    let index = &batch.program().indexes[index];
    let axis = index.positions.iter().position(|position| *position == column)?;
    // Those of `f64` were rounded.
    let same = when == index.when && batch.program().columns[column].scalar == Scalar::F32;
    same.then(|| Own::BySlot(Values::F32(placed[axis])))
}

impl Rule {
    /// Block by block; of few rows, those with any of them. The others keep what they have, of these columns, and ask for
    /// nothing.
    pub(super) fn slotted(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        panels: &mut [Panel<'_>],
        index: IndexId,
        few: Option<(FewSlots<'_>, &[ColumnId])>,
    ) {
        let all = batch.slot_rows();
        let forming = self.core.reaching(index);
        if let Some(at) = forming {
            let by_parties = self.core.by_parties() || !batch.in_order();
            self.blocks.form_slots(self.core.around(at), &bound.spaces[at], batch.rows, by_parties);
        }
        let mut sources: Vec<Own<'_>> = recycle(std::mem::take(&mut self.rooms.sources));
        let placed = forming.and_then(|_| self.blocks.positions());
        sources.extend(self.slots.own.iter().map(|slot| {
            let found = placed.and_then(|placed| found(batch, index, slot.column, slot.when, placed));
            found.unwrap_or_else(|| Own::new(batch, index, slot.column, slot.when))
        }));
        let step = self.core.stretch_of_slots();
        let blocks = if forming.is_some() { self.blocks.ranges() } else { all.len().div_ceil(step) };
        for block in 0..blocks {
            let range = match forming {
                Some(_) => self.blocks.range(block),
                None => block * step..all.len().min((block + 1) * step),
            };
            let rows = &all[range.clone()];
            if let Some((few, stores)) = few
                && !few.any(range.clone())
            {
                let (stored, asked) = panels.split_at_mut(stores.len());
                for ((column, room), panel) in stores.iter().zip(&mut self.out).zip(stored) {
                    FewSlots::keep(batch, *column, (range.clone(), rows), room, panel);
                }
                // Lanes of an earlier block without a row may have written here.
                asked.iter_mut().for_each(|panel| nothing(panel.here(), range.clone()));
                continue;
            }
            let room = range.start..range.start + self.core.room(rows.len());
            let near = forming.and_then(|_| self.blocks.near(block));
            let lanes = self.core.ask_in(batch, bound, rows.iter().copied(), Some(range.clone()), near);
            let places = || lanes.iter().map(|row| *row as usize);
            let mut own: Vec<Values<'_>> = recycle(std::mem::take(&mut self.rooms.own));
            for (column, source) in self.own.iter_mut().zip(&sources) {
                match *source {
                    // Lanes without a row may hold anything.
                    Own::BySlot(copy) if room.end <= copy.len() => {
                        own.push(copy.range(room.clone()));
                        continue;
                    }
                    Own::BySlot(copy) => {
                        let last = range.end - 1;
                        column.gather(copy, room.clone().map(|slot| slot.min(last)));
                    }
                    Own::ByRow(values) => column.gather(values, places()),
                    Own::Open(cells) => column.gather_cells(cells, places()),
                }
                own.push(column.values());
            }
            let mut out: Vec<ValuesMut<'_>> = recycle(std::mem::take(&mut self.rooms.out));
            for (column, panel) in self.out.iter_mut().zip(&mut *panels) {
                match panel {
                    // Lanes without a row write what later blocks of the batch write again.
                    Panel::Here(panel) if room.end <= panel.len() => out.push(panel.range(room.clone())),
                    _ => {
                        column.resize(lanes.len());
                        out.push(column.values_mut());
                    }
                }
            }
            self.core.run(batch, bound, rows.len(), &own, &mut out);
            self.rooms.own = recycle(own);
            self.rooms.out = recycle(out);
            for (column, panel) in self.out.iter().zip(&mut *panels) {
                match panel {
                    Panel::Here(panel) if room.end <= panel.len() => {}
                    Panel::Here(panel) => column.scatter(panel, range.clone()),
                    Panel::ByRow(cells) => column.scatter_cells(*cells, rows.iter().map(|row| *row as usize)),
                }
            }
        }
        self.rooms.sources = recycle(sources);
    }
}
