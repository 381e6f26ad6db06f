//! Asking the tree: a block of rows at a time, candidates in canonical order.

use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
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
        self.blocks.form(tree, positions, rows, reach);
        for i in 0..self.blocks.len() {
            let mut rows = [0; BLOCK_ROWS_MAX];
            let rows = self.blocks.rows(i, &mut rows);
            let (lo, hi) = self.blocks.bounds(i);
            let straight = self.asker.ask(tree, space, positions, &lo, &hi, reach);
            f(Block { rows, candidates: self.asker.candidates(), straight });
        }
    }
}

/// Asks a tree, a window at a time. Room, no state.
#[derive(Default)]
pub struct Asker {
    /// Places of the buckets that a window meets.
    found: Vec<u32>,
    marks: Vec<u8>,
    /// Rows of buckets that reach out of the window.
    unsure: Vec<u32>,
    candidates: Vec<u32>,
    order: Order,
    runs: Vec<RowRange>,
}

impl Asker {
    /// Finds the candidates of whoever stands in the box `lo .. hi`: of a group's own rows, or of those of another.
    /// `positions` are those that the tree was built over. Says whether all are so near that none is nearer around a
    /// torus ([`Block::straight`]).
    pub fn ask(
        &mut self,
        tree: &KdTree<'_>,
        space: &Space,
        positions: &[&[f32]],
        lo: &[f32; 3],
        hi: &[f32; 3],
        reach: f32,
    ) -> bool {
        let straight = per_axes!(positions, |columns| {
            let window = Window::new(space, lo, hi, reach);
            self.collect(tree, &window, columns);
            window.straight(space, lo, hi)
        });
        self.order.ascend(&mut self.candidates);
        Candidates::find_runs(&self.candidates, &mut self.runs);
        straight
    }

    /// What was found, in canonical order.
    pub fn candidates(&self) -> Candidates<'_> {
        Candidates::new(&self.candidates, &self.runs)
    }

    /// Collects the rows within a window, in any order.
    fn collect<const K: usize>(&mut self, tree: &KdTree<'_>, window: &Window<K>, columns: [&[f32]; K]) {
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
