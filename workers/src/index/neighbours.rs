//! Asking the tree: a block of rows at a time, candidates in canonical order.

use diptych_protocol::id::RowRange;
use diptych_protocol::space::Space;

use super::block::Blocks;
use super::candidates::Candidates;
use super::order::Order;
use super::per_axes;
use super::tree::KdTree;
use super::window::Window;

/// Rows that ask together, and the rows that their neighbours are among.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// One to [`BLOCK_ROWS_MAX`](diptych_protocol::limits::BLOCK_ROWS_MAX) rows of the batch, near each other in space,
    /// in ascending order.
    pub rows: &'a [u32],
    /// Everything within reach of any of them, and more. Each row itself is among them.
    pub candidates: Candidates<'a>,
}

/// What a worker keeps from batch to batch to ask trees: room, no state.
#[derive(Default)]
pub struct Neighbours {
    blocks: Blocks,
    rows: Vec<u32>,
    found: Vec<u32>,
    marks: Vec<u8>,
    lows: Vec<f32>,
    candidates: Vec<u32>,
    order: Order,
    runs: Vec<RowRange>,
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
        self.blocks.form(tree, positions, rows, reach);
        per_axes!(positions, |columns| self.ask(tree, space, columns, reach, &mut f));
    }

    fn ask<const K: usize>(
        &mut self,
        tree: &KdTree<'_>,
        space: &Space,
        columns: [&[f32]; K],
        reach: f32,
        f: &mut impl FnMut(Block<'_>),
    ) {
        for i in 0..self.blocks.pieces.len() {
            let piece = &self.blocks.pieces[i];
            self.rows.clear();
            self.rows.extend(self.blocks.points(piece).iter().map(|point| point.row));
            self.rows.sort_unstable();
            let window = Window::<K>::new(space, &piece.lo, &piece.hi, reach);
            self.found.clear();
            tree.find(&window, &mut self.found, &mut self.marks);
            self.candidates.clear();
            for &place in &self.found {
                self.candidates.extend_from_slice(tree.rows_at(place));
            }
            self.sift(&window, columns);
            self.order.ascend(&mut self.candidates);
            f(Block { rows: &self.rows, candidates: Candidates::new(&self.candidates, &mut self.runs) });
        }
    }

    /// Drops the rows that are outside the window: a bucket reaches further than a block sees.
    fn sift<const K: usize>(&mut self, window: &Window<K>, columns: [&[f32]; K]) {
        self.marks.clear();
        self.marks.resize(self.candidates.len(), 1);
        for (axis, column) in columns.into_iter().enumerate() {
            self.lows.clear();
            self.lows.extend(self.candidates.iter().map(|&row| column[row as usize]));
            window.mark_axis(axis, &self.lows, &self.lows, &mut self.marks);
        }
        let mut kept = 0;
        for i in 0..self.candidates.len() {
            self.candidates[kept] = self.candidates[i];
            kept += usize::from(self.marks[i]);
        }
        self.candidates.truncate(kept);
    }
}
