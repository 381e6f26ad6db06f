//! The nearest rows of a point: exactly, ties by entity, which is the row's number unless rows move.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::exact::Asked;
use super::per_axes;
use super::window::Window;

/// Asks a tree for the nearest rows, a point at a time. Room, no state.
#[derive(Default)]
pub struct Nearest {
    search: Search,
}

impl Nearest {
    /// Appends the nearest rows of a point, by (squared distance, entity); fewer if there are not so many.
    pub fn ask(&mut self, asked: &Asked<'_>, into: &mut Vec<u32>) {
        self.search.begin();
        // Who is a row of the tree begins with its own bucket: what is further than the best there is never looked into.
        let home = asked.own.map(|row| asked.tree.place_of_row(row));
        if let Some(place) = home {
            self.look_into(place, asked);
            self.search.narrow(asked, place);
        }
        while let Some(place) = self.search.next_bucket(asked) {
            if Some(place) != home {
                self.look_into(place, asked);
            }
        }
        self.search.finish(into);
    }

    fn look_into(&mut self, place: u32, asked: &Asked<'_>) {
        asked.keys(asked.tree.rows_at(place), |row, key| {
            if Some(row) != asked.own {
                self.search.offer(key, asked.count);
            }
        });
    }
}

/// A search that looks into one bucket after another, the nearest first, and keeps the best rows that it is given.
#[derive(Default)]
pub(super) struct Search {
    /// What is still to be looked into, the nearest first: (bits of the distance that nothing in it is below, what).
    open: BinaryHeap<Reverse<(u64, u32)>>,
    /// The best so far by their keys, the worst of them first.
    best: BinaryHeap<u128>,
    /// Places of buckets, and marks to find them by.
    found: Vec<u32>,
    marks: Vec<u8>,
}

impl Search {
    /// Forgets the last one, and starts at the root.
    pub fn begin(&mut self) {
        self.best.clear();
        self.open.clear();
        self.open.push(Reverse((0, 1)));
    }

    /// Instead of at the root, goes on at the buckets that are as near as the worst so far, if there are enough of those, and
    /// the point stands in the bucket that they are from: then they are few, and found at once.
    pub fn narrow(&mut self, asked: &Asked<'_>, home: u32) {
        let axes = [(); 3];
        per_axes!(&axes[..asked.tree.shape.axes], |axes| self.narrow_to(asked, home, axes));
    }

    fn narrow_to<const K: usize>(&mut self, asked: &Asked<'_>, home: u32, _: [(); K]) {
        let (tree, worst) = (&asked.tree, self.worst(asked.count));
        let (at, (lo, hi)) = (asked.from.map(|x| x as f32), tree.box_at::<K>(home));
        if !worst.is_finite() || !(0..K).all(|axis| lo[axis] <= at[axis] && at[axis] <= hi[axis]) {
            return;
        }
        // Rounded up, so that what is as near as the worst is within it.
        let window = Window::<K>::new(asked.space, &at, &at, (worst.sqrt() as f32).next_up());
        let Self { found, marks, .. } = self;
        found.clear();
        tree.find(&window, found, marks);
        self.open.clear();
        for at in 0..self.found.len() {
            let place = self.found[at];
            let (lo, hi) = tree.box_at::<K>(place);
            self.look_later(asked, worst, lo, hi, 2 * tree.shape.chunks + place);
        }
    }

    /// Gives up: there are no more buckets.
    pub fn end(&mut self) {
        self.open.clear();
    }

    /// The place of the next bucket that a row can be in which is better than the worst.
    pub fn next_bucket(&mut self, asked: &Asked<'_>) -> Option<u32> {
        // Only how many axes there are matters here.
        let axes = [(); 3];
        per_axes!(&axes[..asked.tree.shape.axes], |axes| self.next_of(asked, axes))
    }

    fn next_of<const K: usize>(&mut self, asked: &Asked<'_>, _: [(); K]) -> Option<u32> {
        let tree = &asked.tree;
        let chunks = tree.shape.chunks;
        // Nodes of the tree over the chunks are numbered from 1 up to twice the chunks, buckets from there.
        let buckets = 2 * chunks;
        while let Some(Reverse((bits, what))) = self.open.pop() {
            // Equal distances are looked into, too: the row decides. So is all if distances are no numbers.
            let worst = self.worst(asked.count);
            if f64::from_bits(bits) > worst {
                self.open.clear();
            } else if what >= buckets {
                return Some(what - buckets);
            } else if what < chunks {
                for child in [2 * what, 2 * what + 1] {
                    let (lo, hi) = tree.node_box_of::<K>(child);
                    self.look_later(asked, worst, lo, hi, child);
                }
            } else {
                for place in tree.places((what - chunks) as usize) {
                    let (lo, hi) = tree.box_at::<K>(place as u32);
                    self.look_later(asked, worst, lo, hi, buckets + place as u32);
                }
            }
        }
        None
    }

    #[inline(always)]
    fn look_later<const K: usize>(&mut self, asked: &Asked<'_>, worst: f64, lo: [f32; K], hi: [f32; K], what: u32) {
        // The box of nothing is inside out.
        if lo[0] > hi[0] {
            return;
        }
        let least = asked.least(&lo, &hi);
        if least.partial_cmp(&worst) != Some(Ordering::Greater) {
            self.open.push(Reverse((least.to_bits(), what)));
        }
    }

    /// The squared distance that others must not be above.
    fn worst(&self, count: usize) -> f64 {
        match self.best.peek() {
            Some(key) if self.best.len() >= count => f64::from_bits((key >> 64) as u64),
            _ => f64::INFINITY,
        }
    }

    /// Whether a row would be one of the best.
    pub fn takes(&self, key: u128, count: usize) -> bool {
        self.best.len() < count || self.best.peek().is_some_and(|worst| key < *worst)
    }

    /// Takes a row in, if it is one of the best.
    pub fn offer(&mut self, key: u128, count: usize) {
        if self.best.len() < count {
            self.best.push(key);
        } else if let Some(mut worst) = self.best.peek_mut()
            && key < *worst
        {
            *worst = key;
        }
    }

    /// Appends the best rows, in order.
    pub fn finish(&mut self, into: &mut Vec<u32>) {
        let start = into.len();
        into.resize(start + self.best.len(), 0);
        for place in into[start..].iter_mut().rev() {
            *place = self.best.pop().map_or(0, |key| key as u32);
        }
    }
}
