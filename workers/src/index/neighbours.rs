//! Asking the tree: a block of rows at a time, candidates in canonical order.

use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::space::Space;

use super::block::{Blocks, Bounds};
use super::candidates::Candidates;
use super::cut::{greater, lesser};
use super::per_axes;
use super::region::{Area, Region};
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
            let straight = self.asker.ask(tree, space, positions, &lo, &hi, reach, self.blocks.area(i));
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
    candidates: Vec<u32>,
    runs: Vec<RowRange>,
}

impl Asker {
    /// Forgets what it has found: another tree, or the same built anew, is asked from now on.
    pub fn forget(&mut self) {
        self.area.forget();
    }

    /// Finds the candidates of whoever stands in the box `lo .. hi`: of a group's own rows, or of those of another.
    /// `positions` are those that the tree was built over. `area` is a larger box that those who ask next stand in, too:
    /// what is around it is looked for once, and each of them takes from it what it sees. Says whether all candidates are so
    /// near that none is nearer around a torus ([`Block::straight`]).
    #[expect(clippy::too_many_arguments, reason = "a tree, where it is, and who asks from where")]
    pub fn ask(
        &mut self,
        tree: &KdTree<'_>,
        space: &Space,
        positions: &[&[f32]],
        lo: &[f32; 3],
        hi: &[f32; 3],
        reach: f32,
        area: Option<Bounds>,
    ) -> bool {
        let straight = per_axes!(positions, |columns| {
            let window = Window::new(space, lo, hi, reach);
            match area {
                None => {
                    self.region.find(tree, &window, columns);
                    self.candidates.clear();
                    self.candidates.extend_from_slice(self.region.rows());
                }
                Some(area) => {
                    if !self.area.holds(lo, hi, reach) {
                        self.area.find(tree, space, positions, around(&area, lo, hi), reach);
                    }
                    self.area.within(&window, &mut self.candidates);
                }
            }
            window.straight(space, lo, hi)
        });
        Candidates::find_runs(&self.candidates, &mut self.runs);
        straight
    }

    /// What was found, in canonical order.
    pub fn candidates(&self) -> Candidates<'_> {
        Candidates::new(&self.candidates, &self.runs)
    }
}

/// The box around two boxes.
fn around(area: &Bounds, lo: &[f32; 3], hi: &[f32; 3]) -> Bounds {
    (
        std::array::from_fn(|axis| lesser(area.0[axis], lo[axis])),
        std::array::from_fn(|axis| greater(area.1[axis], hi[axis])),
    )
}
