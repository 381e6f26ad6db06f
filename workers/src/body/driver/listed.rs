//! Rows that are computed by themselves, wherever they stand: cells near the ends of lines, rows that a condition chose.

use diptych_protocol::values::Values;
use diptych_protocol::view::Batch;

use super::bound::{Bound, recycle};
use super::moved::{End, Moved};
use super::panel::Panel;
use super::rule::Rule;
use crate::body::column::Column;

impl Rule {
    /// Runs over these rows of the batch, ascending.
    pub(super) fn listed(&mut self, batch: &Batch<'_, '_>, bound: &Bound<'_>, panels: &mut [Panel<'_>], rows: &[u32]) {
        let moved = self.moved.take();
        for rows in rows.chunks(self.core.stretch()) {
            self.ends.clear();
            let x = |row: u32| moved.as_ref().map_or(0, |moved| moved.x(row));
            self.ends.extend(rows.iter().map(|&row| End { row, x: x(row) }));
            self.by_themselves(batch, bound, panels, moved.as_ref());
        }
        self.moved = moved;
    }

    /// Computes the rows in `ends`, as one block.
    pub(super) fn by_themselves(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        panels: &mut [Panel<'_>],
        moved: Option<&Moved>,
    ) {
        let start = batch.rows.start;
        let ends = std::mem::take(&mut self.ends);
        let room = self.core.room(ends.len());
        let places = || ends.iter().map(|end| (end.row - start) as usize);
        self.core.ask(batch, bound, ends.iter().map(|end| end.row));
        for (slot, (column, values)) in self.own.iter_mut().zip(&bound.own).enumerate() {
            match moved.filter(|moved| moved.moves(slot)) {
                Some(moved) => moved.gather(slot, *values, &ends, column),
                None => column.gather(*values, places()),
            }
            column.repeat_last(room - ends.len());
        }
        self.out.iter_mut().for_each(|column| column.resize(room));
        let mut own: Vec<Values<'_>> = recycle(std::mem::take(&mut self.rooms.own));
        own.extend(self.own.iter().map(Column::values));
        let mut out = recycle(std::mem::take(&mut self.rooms.out));
        out.extend(self.out.iter_mut().map(Column::values_mut));
        self.core.run(batch, bound, ends.len(), &own, &mut out);
        self.rooms.own = recycle(own);
        self.rooms.out = recycle(out);
        for (column, panel) in self.out.iter().zip(panels) {
            column.scatter(panel.here(), places());
        }
        self.ends = ends;
    }
}
