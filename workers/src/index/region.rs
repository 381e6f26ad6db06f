//! The rows that stand in a window, looked for once: for one block, or for an area of several that are near each other.

use diptych_protocol::space::Space;

use super::block::Bounds;
use super::cut::{greater, lesser};
use super::order::Order;
use super::tree::KdTree;
use super::window::{Window, bits};
use crate::wide::wide;

/// What whoever stands in a box sees.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Where distances are measured.
    pub space: &'a Space,
    /// The box's lows,
    pub lo: [f32; 3],
    /// and its highs.
    pub hi: [f32; 3],
    /// How far it sees.
    pub reach: f32,
    /// A larger box that those who ask next stand in, too: what is around it is looked for once, and each of them takes from
    /// it what it sees.
    pub area: Option<Bounds>,
}

impl Sight<'_> {
    /// The box around all that ask.
    pub(super) fn area(&self) -> Bounds {
        let (lo, hi) = self.area.unwrap_or((self.lo, self.hi));
        (
            std::array::from_fn(|axis| lesser(lo[axis], self.lo[axis])),
            std::array::from_fn(|axis| greater(hi[axis], self.hi[axis])),
        )
    }
}

/// What was looked for: whoever stands in a box, and sees no further than this, finds all of it.
#[derive(Default)]
pub(super) struct Reached(Option<(Bounds, f32)>);

impl Reached {
    /// What is within reach of a box.
    pub fn new(bounds: Bounds, reach: f32) -> Self {
        Self(Some((bounds, reach)))
    }

    /// Forgets it: another tree is asked, or the same built anew.
    pub fn forget(&mut self) {
        self.0 = None;
    }

    /// Whether all within sight was looked for.
    pub fn holds(&self, sight: &Sight<'_>) -> bool {
        self.0.as_ref().is_some_and(|((lo, hi), reach)| {
            sight.reach <= *reach && (0..3).all(|axis| lo[axis] <= sight.lo[axis] && sight.hi[axis] <= hi[axis])
        })
    }
}

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
    reached: Reached,
}

impl Area {
    /// Forgets what it was made for.
    pub fn forget(&mut self) {
        self.reached.forget();
    }

    /// Takes the rows that are in the window of what is in sight, ascending.
    pub fn find<const K: usize>(
        &mut self,
        tree: &KdTree<'_>,
        columns: [&[f32]; K],
        sight: &Sight<'_>,
        window: &Window<K>,
        into: &mut Vec<u32>,
    ) {
        if !self.reached.holds(sight) {
            let (lo, hi) = sight.area();
            self.region.find(tree, &Window::new(sight.space, &lo, &hi, sight.reach), columns);
            for (at, column) in self.at.iter_mut().zip(columns) {
                at.clear();
                at.extend(self.region.rows.iter().map(|&row| column[row as usize]));
            }
            self.reached = Reached::new((lo, hi), sight.reach);
        }
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
pub(super) fn first(count: usize) -> u64 {
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
