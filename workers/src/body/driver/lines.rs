//! Many whole lines of cells as one block.
//!
//! Between lines that do not lie at an edge themselves, the cell at an offset stands so many places further, whatever the
//! line: all of them are one stretch of the panel. Only for cells near the ends of a line that is wrong, as it would be the
//! next line's: these are computed once more, by themselves.

use diptych_protocol::view::Batch;

use super::bound::Bound;
#[allow(unused_imports, reason = "the page names it")]
use super::moved::Moved;
use super::panel::Panel;
use super::rule::Rule;

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
            self.by_themselves(batch, bound, panels, Some(&moved));
        }
        self.moved = Some(moved);
    }
}
