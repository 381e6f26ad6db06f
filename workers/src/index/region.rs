//! The rows that stand in a window, looked for once: for one block, or for an area of several that are near each other.

use diptych_protocol::space::Space;

use super::order::Order;
use super::per_axes;
use super::tree::KdTree;
use super::window::{Window, bits};
use crate::wide::wide;

/// The rows within a window, ascending. Room, no state.
#[derive(Default)]
pub(super) struct Region {
    /// Places of the buckets that the window meets.
    found: Vec<u32>,
    marks: Vec<u8>,
    /// Rows of buckets that reach out of the window.
    unsure: Vec<u32>,
    rows: Vec<u32>,
    order: Order,
}

impl Region {
    /// Finds the rows of a tree that are in a window.
    pub fn find<const K: usize>(&mut self, tree: &KdTree<'_>, window: &Window<K>, columns: [&[f32]; K]) {
        self.found.clear();
        tree.find(window, &mut self.found, &mut self.marks);
        self.unsure.clear();
        self.rows.clear();
        for &place in &self.found {
            let (lo, hi) = tree.box_at::<K>(place);
            let rows = if window.holds(&lo, &hi) { &mut self.rows } else { &mut self.unsure };
            rows.extend_from_slice(tree.rows_at(place));
        }
        // A bucket reaches further than a block sees: half and more of the rows are outside.
        wide(|| {
            let mut at = [[0.0; 64]; K];
            for rows in self.unsure.chunks(64) {
                for (at, column) in at.iter_mut().zip(columns) {
                    for (x, &row) in at.iter_mut().zip(rows) {
                        *x = column[row as usize];
                    }
                }
                take(window.inside(&at) & first(rows.len()), rows, &mut self.rows);
            }
        });
        self.order.ascend(&mut self.rows);
    }

    /// The rows.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }
}

/// A region around several blocks, with the coordinates of its rows side by side: each block takes its own from it.
/// What it was made for is forgotten before another tree is asked.
#[derive(Default)]
pub(super) struct Area {
    region: Region,
    /// The coordinates of the region's rows, an axis each.
    at: [Vec<f32>; 3],
    /// Whoever stands in this box, and asks no further than this, finds all in the region.
    around: Option<([f32; 3], [f32; 3], f32)>,
}

impl Area {
    /// Forgets what it was made for.
    pub fn forget(&mut self) {
        self.around = None;
    }

    /// Whether it holds what is within reach of a box.
    pub fn holds(&self, lo: &[f32; 3], hi: &[f32; 3], reach: f32) -> bool {
        self.around.as_ref().is_some_and(|(from, to, most)| {
            reach <= *most && (0..3).all(|axis| from[axis] <= lo[axis] && hi[axis] <= to[axis])
        })
    }

    /// Makes it hold what is within reach of a box.
    pub fn find(
        &mut self,
        tree: &KdTree<'_>,
        space: &Space,
        positions: &[&[f32]],
        (lo, hi): ([f32; 3], [f32; 3]),
        reach: f32,
    ) {
        per_axes!(positions, |columns| self.region.find(tree, &Window::new(space, &lo, &hi, reach), columns));
        let Self { region, at, around } = self;
        for (at, column) in at.iter_mut().zip(positions) {
            at.clear();
            at.extend(region.rows.iter().map(|&row| column[row as usize]));
        }
        *around = Some((lo, hi, reach));
    }

    /// Takes the rows that are in a window, ascending.
    pub fn within<const K: usize>(&self, window: &Window<K>, into: &mut Vec<u32>) {
        into.clear();
        wide(|| {
            for (number, rows) in self.region.rows.chunks(64).enumerate() {
                let mut marks = [0; 64];
                let marks_here = &mut marks[..rows.len()];
                marks_here.fill(1);
                for (axis, at) in self.at.iter().enumerate().take(K) {
                    let at = &at[64 * number..][..rows.len()];
                    window.mark_axis(axis, at, at, marks_here);
                }
                take(bits(&marks), rows, into);
            }
        });
    }
}

/// So many of 64 bits, one at least.
#[inline(always)]
fn first(count: usize) -> u64 {
    u64::MAX >> (64 - count)
}

/// Takes the rows whose bits are set.
#[inline(always)]
fn take(mut bits: u64, rows: &[u32], into: &mut Vec<u32>) {
    while bits != 0 {
        into.push(rows[bits.trailing_zeros() as usize]);
        bits &= bits - 1;
    }
}
