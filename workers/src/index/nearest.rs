//! The nearest rows of a point: exactly, ties by entity, which is the row's number unless rows move.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::crowd::{CROWD_ROWS_MAX, Crowd, Guess};
use super::exact::{Asked, Exact};
use super::per_axes;
use super::window::Window;

/// Asks a tree for the nearest rows. Room; what it guesses from what it found never shows in what it finds.
#[derive(Default)]
pub struct Nearest {
    search: Search,
    guess: Guess,
    narrow: Crowd<f32>,
    wide: Crowd<f64>,
}

impl Nearest {
    /// Appends the nearest rows of a point, by (squared distance, entity); fewer if there are not so many.
    pub fn ask(&mut self, asked: &Asked<'_>, into: &mut Vec<u32>) {
        self.search.nearest(asked, into);
    }

    /// Appends the nearest of each of some rows of the tree, and where those of each begin in what is appended to. Who asks
    /// in `asked` does not matter. Rows one behind another that share a bucket look around together.
    pub fn ask_rows(&mut self, asked: &Asked<'_>, rows: &[u32], starts: &mut Vec<u32>, into: &mut Vec<u32>) {
        let (tree, mut rest) = (&asked.tree, rows);
        while let Some(&first) = rest.first() {
            let home = tree.place_of_row(first);
            let together = if self.guess.is_there() { CROWD_ROWS_MAX } else { 1 };
            let alike = rest.iter().take(together).take_while(|row| tree.place_of_row(**row) == home);
            let (crowd, later) = rest.split_at(alike.count());
            self.ask_crowd(asked, crowd, starts, into);
            rest = later;
        }
    }

    fn ask_crowd(&mut self, asked: &Asked<'_>, rows: &[u32], starts: &mut Vec<u32>, into: &mut Vec<u32>) {
        let Self { search, guess, narrow, wide, .. } = self;
        let (mut most, mut sum) = (0.0_f64, 0.0);
        let mut each = |row: u32, found: Option<(&[u32], f64)>| {
            starts.push(into.len() as u32);
            let furthest = match found {
                Some((nearest, furthest)) => {
                    into.extend_from_slice(nearest);
                    furthest
                }
                None => search.nearest(&asked.by(row), into),
            };
            (most, sum) = (most.max(furthest), sum + furthest);
        };
        let axes = asked.tree.shape.axes;
        let guessed = guess.is_there()
            && match &asked.positions {
                Exact::F32(columns) => {
                    per_axes!(&columns[..axes], |columns| narrow.ask(asked, columns, guess, rows, &mut each))
                }
                Exact::F64(columns) => {
                    per_axes!(&columns[..axes], |columns| wide.ask(asked, columns, guess, rows, &mut each))
                }
            };
        if !guessed {
            *guess = Guess::default();
            rows.iter().for_each(|row| each(*row, None));
        }
        guess.hear(rows.len(), most, sum / rows.len() as f64);
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
    /// Appends the nearest rows of a point; says how far the furthest is, squared, or that there are not so many.
    fn nearest(&mut self, asked: &Asked<'_>, into: &mut Vec<u32>) -> f64 {
        self.begin();
        // Who is a row of the tree begins with its own bucket: what is further than the best there is never looked into.
        let home = asked.own.map(|row| asked.tree.place_of_row(row));
        if let Some(place) = home {
            self.look_into(place, asked);
            self.narrow(asked, place);
        }
        while let Some(place) = self.next_bucket(asked) {
            if Some(place) != home {
                self.look_into(place, asked);
            }
        }
        let furthest = self.worst(asked.count);
        self.finish(into);
        furthest
    }

    fn look_into(&mut self, place: u32, asked: &Asked<'_>) {
        asked.keys(asked.tree.rows_at(place), |row, key| {
            if Some(row) != asked.own {
                self.offer(key, asked.count);
            }
        });
    }

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
