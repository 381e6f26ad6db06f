//! The nearest rows of a point: exactly, ties by row.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use diptych_protocol::math;
use diptych_protocol::space::{Edge, Space};

use super::per_axes;
use super::tree::KdTree;

/// Asks a tree for the nearest rows, a point at a time. Room, no state.
#[derive(Default)]
pub struct Nearest {
    /// What is still to be looked into, the nearest first: (bits of the distance that nothing in it is below, what).
    open: BinaryHeap<Reverse<(u64, u32)>>,
    /// The best so far, the worst of them first: distance, then row.
    best: BinaryHeap<u64>,
}

impl Nearest {
    /// Appends the `count` nearest rows of a point, `own` left out, by (squared distance, row); fewer if there are not so
    /// many. The squared distance is the sum of [`Space::delta`] squared in the order of the axes, in `f32`. `positions`
    /// are those that the tree was built over.
    #[expect(clippy::too_many_arguments, reason = "a question, and where to ask it")]
    pub fn ask(
        &mut self,
        tree: &KdTree<'_>,
        space: &Space,
        positions: &[&[f32]],
        from: &[f32; 3],
        own: Option<u32>,
        count: usize,
        into: &mut Vec<u32>,
    ) {
        per_axes!(positions, |columns| self.ask_in(tree, space, columns, from, own, count));
        let start = into.len();
        into.resize(start + self.best.len(), 0);
        for place in into[start..].iter_mut().rev() {
            *place = self.best.pop().map_or(0, |key| key as u32);
        }
    }

    fn ask_in<const K: usize>(
        &mut self,
        tree: &KdTree<'_>,
        space: &Space,
        columns: [&[f32]; K],
        from: &[f32; 3],
        own: Option<u32>,
        count: usize,
    ) {
        let chunks = tree.shape.chunks;
        // Nodes of the tree over the chunks are numbered from 1 up to twice the chunks, buckets from there.
        let buckets = 2 * chunks;
        self.best.clear();
        self.open.clear();
        self.open.push(Reverse((0, 1)));
        while let Some(Reverse((bits, what))) = self.open.pop() {
            // Equal distances are looked into, too: the row decides. So is all if distances are no numbers.
            if self.best.len() == count && f64::from_bits(bits) > self.worst() {
                return;
            }
            if what >= buckets {
                for &row in tree.rows_at(what - buckets) {
                    if Some(row) != own {
                        self.offer(distance(space, &columns, from, row), row, count);
                    }
                }
            } else if what < chunks {
                for child in [2 * what, 2 * what + 1] {
                    let (lo, hi) = tree.node_box_of::<K>(child);
                    self.look_later(space, from, lo, hi, child, count);
                }
            } else {
                for place in tree.places((what - chunks) as usize) {
                    let (lo, hi) = tree.box_at::<K>(place as u32);
                    self.look_later(space, from, lo, hi, buckets + place as u32, count);
                }
            }
        }
    }

    /// The squared distance that others must not be above.
    fn worst(&self) -> f64 {
        self.best.peek().map_or(f64::INFINITY, |key| f64::from(f32::from_bits((key >> 32) as u32)))
    }

    fn offer(&mut self, squared: f32, row: u32, count: usize) {
        // No distance is negative: bits order as numbers do, NaN last.
        let key = u64::from(squared.to_bits()) << 32 | u64::from(row);
        if self.best.len() < count {
            self.best.push(key);
        } else if let Some(mut worst) = self.best.peek_mut()
            && key < *worst
        {
            *worst = key;
        }
    }

    fn look_later<const K: usize>(
        &mut self,
        space: &Space,
        from: &[f32; 3],
        lo: [f32; K],
        hi: [f32; K],
        what: u32,
        count: usize,
    ) {
        // The box of nothing is inside out.
        if lo[0] > hi[0] {
            return;
        }
        let least = least(space, from, &lo, &hi);
        if self.best.len() < count || least.partial_cmp(&self.worst()) != Some(std::cmp::Ordering::Greater) {
            self.open.push(Reverse((least.to_bits(), what)));
        }
    }
}

#[inline(always)]
fn distance<const K: usize>(space: &Space, columns: &[&[f32]; K], from: &[f32; 3], row: u32) -> f32 {
    let mut squared = 0.0;
    for axis in 0..K {
        let d = space.delta(axis, from[axis], columns[axis][row as usize]);
        squared = if axis == 0 { d * d } else { squared + d * d };
    }
    math::canonical(squared)
}

/// No squared distance to a point of a box, as [`distance`] computes it, is below this.
fn least<const K: usize>(space: &Space, from: &[f32; 3], lo: &[f32; K], hi: &[f32; K]) -> f64 {
    let mut squared = 0.0;
    for axis in 0..K {
        let (own, lo, hi) = (f64::from(from[axis]), f64::from(lo[axis]), f64::from(hi[axis]));
        let gap = |by: f64| (lo - own + by).max(own - hi - by).max(0.0);
        let (least, side) = if space.edge == Edge::Torus {
            let side = f64::from(space.side(axis));
            (gap(0.0).min(gap(side)).min(gap(-side)), side)
        } else {
            (gap(0.0), 0.0)
        };
        // `delta` rounds twice, each time by half an ULP of at most two sizes.
        let size = own.abs().max(lo.abs()).max(hi.abs()).max(side);
        let least = (least - 16.0 * f64::from(f32::EPSILON) * size).max(0.0);
        squared += least * least;
    }
    // Squares and sums round by a few parts in 2^24, and lose their bits below the smallest normal number.
    (squared * (1.0 - 1e-6) - 1e-37).max(0.0)
}
