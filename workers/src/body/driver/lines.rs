//! Many whole lines of cells as one block.
//!
//! Between lines that do not lie at an edge themselves, the cell at an offset stands so many places further, whatever the
//! line: all of them are one stretch of the panel. Only for cells near the ends of a line that is wrong, as it would be the
//! next line's: these are computed once more, by themselves.

use diptych_protocol::values::Values;
use diptych_protocol::view::Batch;

use super::bound::{Bound, recycle};
use super::moved::Moved;
use super::panel::Panel;
use super::rule::Rule;
use crate::body::column::Column;

impl Rule {
    /// Runs over so many lines from `first` on, which [`Moved::lines`] has given.
    pub(super) fn lines(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        panels: &mut [Panel<'_>],
        (first, count): (usize, usize),
    ) {
        if let Some(moved) = &mut self.moved {
            moved.ask_lines(first);
        }
        self.stretch(batch, bound, panels, (first, count));
        let Some(moved) = self.moved.take() else { return };
        self.ends.clear();
        moved.ends(first, count, &mut self.ends);
        if !self.ends.is_empty() {
            self.again(batch, bound, panels, &moved);
        }
        self.moved = Some(moved);
    }

    /// Computes the cells near the ends of lines.
    fn again(&mut self, batch: &Batch<'_, '_>, bound: &Bound<'_>, panels: &mut [Panel<'_>], moved: &Moved) {
        let start = batch.rows.start;
        let ends = std::mem::take(&mut self.ends);
        let room = self.core.room(ends.len());
        let places = || ends.iter().map(|end| (end.row - start) as usize);
        self.core.ask(batch, bound, ends.iter().map(|end| end.row), None);
        for (slot, (column, values)) in self.own.iter_mut().zip(&bound.own).enumerate() {
            if moved.moves(slot) {
                moved.gather(slot, *values, &ends, column);
            } else {
                column.gather(*values, places());
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
