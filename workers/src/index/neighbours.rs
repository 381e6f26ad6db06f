//! Asking the tree: a block of rows at a time, candidates in canonical order.

use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::space::Space;

use super::block::Blocks;
use super::candidates::Candidates;
use super::cut::Point;
use super::order::Order;
use super::per_axes;
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
    /// Places of the buckets that a window meets.
    found: Vec<u32>,
    marks: Vec<u8>,
    /// Rows of buckets that reach out of the window.
    unsure: Vec<u32>,
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
        for i in 0..self.blocks.pieces.len() {
            let piece = self.blocks.pieces[i].clone();
            let mut rows = [0; BLOCK_ROWS_MAX];
            let rows = ascending(self.blocks.points(&piece), &mut rows);
            let straight = per_axes!(positions, |columns| {
                let window = Window::new(space, &piece.lo, &piece.hi, reach);
                self.ask(tree, &window, columns);
                window.straight(space, &piece.lo, &piece.hi)
            });
            self.order.ascend(&mut self.candidates);
            f(Block { rows, candidates: Candidates::new(&self.candidates, &mut self.runs), straight });
        }
    }

    /// Collects the rows within a window, in any order.
    fn ask<const K: usize>(&mut self, tree: &KdTree<'_>, window: &Window<K>, columns: [&[f32]; K]) {
        self.found.clear();
        tree.find(window, &mut self.found, &mut self.marks);
        self.unsure.clear();
        self.candidates.clear();
        for &place in &self.found {
            let (lo, hi) = tree.box_at::<K>(place);
            let rows = if window.holds(&lo, &hi) { &mut self.candidates } else { &mut self.unsure };
            rows.extend_from_slice(tree.rows_at(place));
        }
        // A bucket reaches further than a block sees: half and more of the rows are outside.
        let mut at = [[0.0; 64]; K];
        for rows in self.unsure.chunks(64) {
            for (at, column) in at.iter_mut().zip(columns) {
                for (x, &row) in at.iter_mut().zip(rows) {
                    *x = column[row as usize];
                }
            }
            let mut inside = window.inside(&at) & (u64::MAX >> (64 - rows.len()));
            while inside != 0 {
                self.candidates.push(rows[inside.trailing_zeros() as usize]);
                inside &= inside - 1;
            }
        }
    }
}

/// The rows of at most [`BLOCK_ROWS_MAX`] points in ascending order, each placed by how many are below it: no branch.
fn ascending<'a>(points: &[Point], sorted: &'a mut [u32; BLOCK_ROWS_MAX]) -> &'a [u32] {
    let mut rows = [u32::MAX; BLOCK_ROWS_MAX];
    for (row, point) in rows.iter_mut().zip(points) {
        *row = point.row;
    }
    for &row in &rows[..points.len()] {
        let below: u32 = rows.iter().map(|&other| u32::from(other < row)).sum();
        sorted[below as usize % BLOCK_ROWS_MAX] = row;
    }
    &sorted[..points.len()]
}
