//! Asking the tree: a block of rows at a time, candidates in canonical order.

use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::space::Space;

use super::block::Blocks;
use super::candidates::Candidates;
use super::per_axes;
use super::region::{Area, Region, Sight};
use super::stretches::Stretches;
use super::tree::KdTree;
use super::window::Window;

/// Rows that ask together, and the rows that their neighbours are among.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// One to [`BLOCK_ROWS_MAX`] rows of the batch, near each other in space, in ascending order.
    pub rows: &'a [u32],
    /// Everything within reach of any of them, and more. Each row itself is among them.
    pub candidates: Candidates<'a>,
    /// Whether all candidates are so near that none is nearer around a torus: then [`Space::delta`] of any of the rows
    /// and any candidate is the plain difference, bit for bit. Always so in an open space and a box.
    pub straight: bool,
}

/// What a worker keeps from batch to batch to ask trees: room, no state.
#[derive(Default)]
pub struct Neighbours {
    blocks: Blocks,
    asker: Asker,
}

impl Neighbours {
    /// Cuts the batch's rows into blocks and calls `f` with each: every row is in exactly one. `positions` are those
    /// that the tree was built over.
    ///
    /// The candidates hold every row for which the exact test passes: the sum of [`Space::delta`] squared is at most
    /// `reach` squared, in `f32`. That test is the caller's, and on a torus `reach` is at most half a side.
    pub fn for_each_block(
        &mut self,
        tree: &KdTree<'_>,
        space: &Space,
        positions: &[&[f32]],
        rows: RowRange,
        reach: f32,
        mut f: impl FnMut(Block<'_>),
    ) {
        self.asker.forget();
        self.blocks.form(tree, positions, rows, reach);
        for i in 0..self.blocks.len() {
            let mut rows = [0; BLOCK_ROWS_MAX];
            let rows = self.blocks.rows(i, &mut rows);
            let (lo, hi) = self.blocks.bounds(i);
            let straight = self.asker.ask(tree, positions, &Sight { space, lo, hi, reach, area: self.blocks.area(i) });
            f(Block { rows, candidates: self.asker.candidates(), straight });
        }
    }
}

/// Asks a tree, a window at a time. Room; what it remembers of a tree ends with [`Asker::forget`].
#[derive(Default)]
pub struct Asker {
    /// What is around one block alone.
    region: Region,
    /// What is around several.
    area: Area,
    /// The same where rows are kept in the tree's order.
    stretches: Stretches,
    by_stretches: bool,
    candidates: Vec<u32>,
    runs: Vec<RowRange>,
}

impl Asker {
    /// Forgets what it has found: another tree, or the same built anew, is asked from now on.
    pub fn forget(&mut self) {
        self.area.forget();
        self.stretches.forget();
    }

    /// Finds the candidates of whoever stands in a box: of a group's own rows, or of those of another. `positions` are those
    /// that the tree was built over. Says whether all candidates are so near that none is nearer around a torus
    /// ([`Block::straight`]).
    pub fn ask(&mut self, tree: &KdTree<'_>, positions: &[&[f32]], sight: &Sight<'_>) -> bool {
        self.by_stretches = false;
        let straight = per_axes!(positions, |columns| {
            let Sight { space, lo, hi, reach, .. } = sight;
            let window = Window::new(space, lo, hi, *reach);
            if sight.area.is_some() {
                self.area.find(tree, columns, sight, &window, &mut self.candidates);
            } else {
                self.region.find(tree, &window, columns);
                self.candidates.clear();
                self.candidates.extend_from_slice(self.region.rows());
            }
            window.straight(space, lo, hi)
        });
        Candidates::find_runs(&self.candidates, &mut self.runs);
        straight
    }

    /// The same in runs of rows alone, with others among them; where the tree has no boxes around stretches of rows, or these
    /// are large, as [`Self::ask`] finds them. Says whether all that are *within reach* are so near.
    pub fn ask_runs(&mut self, tree: &KdTree<'_>, positions: &[&[f32]], sight: &Sight<'_>) -> bool {
        let straight = per_axes!(positions, |columns| {
            let Sight { space, lo, hi, reach, .. } = sight;
            let window = sized(Window::new(space, lo, hi, *reach), columns);
            let found = self.stretches.find(tree, sight, &window);
            found.then(|| window.straight(space, lo, hi))
        });
        self.by_stretches = straight.is_some();
        straight.unwrap_or_else(|| self.ask(tree, positions, sight))
    }

    /// What was found, in canonical order.
    pub fn candidates(&self) -> Candidates<'_> {
        if self.by_stretches {
            Candidates::new(&[], self.stretches.runs())
        } else {
            Candidates::new(&self.candidates, &self.runs)
        }
    }
}

/// A window of as many axes as there are columns.
fn sized<const K: usize>(window: Window<K>, _: [&[f32]; K]) -> Window<K> {
    window
}
