//! Rows of one bucket that ask for their nearest together: what is around them is looked for once, and each goes through
//! all of it.
//!
//! How far is looked is a guess, from what those before needed. A row whose nearest are not all within it is left to a
//! search of its own, so that guesses never show in what is found.

use diptych_protocol::space::{Edge, Space};

use super::cut::{greater, lesser};
use super::exact::{Asked, Precision};
use super::window::{Window, bits};
use crate::wide::wide;

/// Rows that ask together, at most: what is around more of them is too much for each.
pub(super) const CROWD_ROWS_MAX: usize = 64;

/// Where so many rows are around, and so many more for each that is wanted, the guess is taken for a wrong one.
const AROUND_MAX: usize = 2_048;
const AROUND_A_WANTED: usize = 16;

/// A guess is forgotten by one part in so many with each row, squared: more of them than ask together.
const REMEMBERED_ROWS: usize = 100;

/// How often a bound on squared distances is moved until it is taken as it is.
const BOUNDS_MAX: u32 = 8;

/// How far the furthest of those that were wanted were lately, squared.
#[derive(Default)]
pub(super) struct Guess {
    most: f64,
    mean: f64,
}

impl Guess {
    /// Whether there is any yet.
    pub fn is_there(&self) -> bool {
        self.most > 0.0
    }

    /// Hears how far they were for some rows: at most, and in the mean.
    pub fn hear(&mut self, rows: usize, most: f64, mean: f64) {
        let remembered = self.most * (REMEMBERED_ROWS.saturating_sub(rows) as f64 / REMEMBERED_ROWS as f64);
        // A little further than was needed, so that few miss it; and not nothing, where many stand in one place.
        (self.most, self.mean) = ((most * 1.1).max(remembered).max(f64::from(f32::MIN_POSITIVE)), mean);
    }
}

/// What rows that ask together go through. Room, no state.
#[derive(Default)]
pub(super) struct Crowd<T: Precision> {
    found: Vec<u32>,
    marks: Vec<u8>,
    /// What is around, in no particular order, and where, an axis each.
    rows: Vec<u32>,
    at: [Vec<T>; 3],
    /// How far it is from one of the rows, squared.
    squared: Vec<T>,
    /// What of it may be wanted: (squared distance, place).
    keys: Vec<T::Key>,
    /// The nearest of a row.
    nearest: Vec<u32>,
}

impl<T: Precision> Crowd<T> {
    /// Calls `each` with the nearest of each of some rows of the tree, by (squared distance, entity), and with how far the
    /// furthest is, squared; or with nothing, where they are further than was guessed. Returns false, and calls nobody, if so
    /// many rows are around that the guess is taken for a wrong one.
    pub fn ask<const K: usize>(
        &mut self,
        asked: &Asked<'_>,
        columns: [&[T]; K],
        guess: &Guess,
        rows: &[u32],
        mut each: impl FnMut(u32, Option<(&[u32], f64)>),
    ) -> bool {
        let reach = guess.most.sqrt() as f32;
        let (mut lo, mut hi) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for (axis, column) in columns.iter().enumerate() {
            let all = || rows.iter().map(|row| column[*row as usize].narrow());
            (lo[axis], hi[axis]) = (all().fold(f32::INFINITY, lesser), all().fold(f32::NEG_INFINITY, greater));
        }
        let window = Window::<K>::new(asked.space, &lo, &hi, reach);
        if !self.gather(asked, &window, columns) {
            return false;
        }
        // Everything: then nothing is further.
        let all = self.rows.len() == asked.tree.shape.rows as usize;
        let bounds = Bounds {
            first: T::near(1.6 * guess.mean),
            last: if all { T::near(f64::INFINITY) } else { T::near(f64::from(reach * reach)) },
        };
        // Positions of `f64` may be an ULP of the window's off: among what is beyond every bound that decides nothing.
        let straight = !all && window.straight(asked.space, &lo, &hi);
        let space = if straight { Space { edge: Edge::Open, ..*asked.space } } else { *asked.space };
        wide(|| {
            for &row in rows {
                let from = columns.map(|column| column[row as usize]);
                if space.edge == Edge::Torus {
                    self.measure(&Space { edge: Edge::Torus, ..space }, from);
                } else {
                    self.measure(&Space { edge: Edge::Open, ..space }, from);
                }
                each(row, self.choose(asked, row, all, bounds));
            }
        });
        true
    }

    /// Gathers what is in a window; false if that is too much.
    fn gather<const K: usize>(&mut self, asked: &Asked<'_>, window: &Window<K>, columns: [&[T]; K]) -> bool {
        let Self { found, marks, rows, at, .. } = self;
        found.clear();
        asked.tree.find(window, found, marks);
        let around: usize = found.iter().map(|place| asked.tree.rows_at(*place).len()).sum();
        if around > AROUND_MAX + AROUND_A_WANTED * asked.count {
            return false;
        }
        rows.clear();
        at.iter_mut().for_each(Vec::clear);
        let (mut exact, mut narrow) = ([[T::default(); 64]; K], [[0.0; 64]; K]);
        for place in &*found {
            for part in asked.tree.rows_at(*place).chunks(64) {
                for ((exact, narrow), column) in exact.iter_mut().zip(&mut narrow).zip(columns) {
                    for ((exact, narrow), row) in exact.iter_mut().zip(narrow).zip(part) {
                        *exact = column[*row as usize];
                        *narrow = exact.narrow();
                    }
                }
                let mut inside = window.inside(&narrow) & (u64::MAX >> (64 - part.len()));
                while inside != 0 {
                    let number = inside.trailing_zeros() as usize;
                    inside &= inside - 1;
                    rows.push(part[number]);
                    for (at, exact) in at.iter_mut().zip(&exact) {
                        at.push(exact[number]);
                    }
                }
            }
        }
        true
    }

    /// Measures how far everything is from a point.
    #[inline(always)]
    fn measure<const K: usize>(&mut self, space: &Space, from: [T; K]) {
        let count = self.rows.len();
        self.squared.resize(count, T::default());
        let at: [&[T]; K] = std::array::from_fn(|axis| &self.at[axis][..count]);
        for (place, squared) in self.squared.iter_mut().enumerate() {
            *squared = T::squared(space, from, at.map(|at| at[place]));
        }
    }

    /// Chooses the nearest of what was measured from a row; `all` says that there is nothing else.
    #[inline(always)]
    fn choose(&mut self, asked: &Asked<'_>, own: u32, all: bool, bounds: Bounds<T>) -> Option<(&[u32], f64)> {
        let Self { rows, squared, keys, nearest, .. } = self;
        // The row itself is among them, as near as can be.
        let needed = if all { rows.len().min(asked.count + 1) } else { asked.count + 1 };
        let bound = bounds.choose(squared, needed);
        keys.clear();
        for (number, squared) in squared.chunks(64).enumerate() {
            let mut marks = [0; 64];
            for (mark, squared) in marks.iter_mut().zip(squared) {
                *mark = u8::from(*squared <= bound);
            }
            let mut near = bits(&marks);
            while near != 0 {
                let place = near.trailing_zeros();
                near &= near - 1;
                keys.push(squared[place as usize].key(64 * number as u32 + place));
            }
        }
        if keys.len() < needed {
            return None;
        }
        keys.sort_unstable();
        let name = |key: &T::Key| {
            let row = rows[T::whose(*key) as usize];
            asked.entities.map_or(row, |entities| entities[row as usize])
        };
        let equal = keys.chunk_by_mut(|a, b| T::same(*a, *b)).filter(|equal| equal.len() > 1);
        equal.for_each(|equal| equal.sort_unstable_by_key(name));
        nearest.clear();
        let others =
            keys.iter().map(|key| T::whose(*key) as usize).filter(|place| rows[*place] != own).take(asked.count);
        let mut furthest = 0.0;
        nearest.extend(others.map(|place| {
            furthest = squared[place].double();
            rows[place]
        }));
        Some((nearest, if nearest.len() < asked.count { f64::INFINITY } else { furthest }))
    }
}

/// Bounds on squared distances.
#[derive(Clone, Copy)]
struct Bounds<T> {
    /// The one to begin with.
    first: T,
    /// The one that nothing is known beyond.
    last: T,
}

impl<T: Precision> Bounds<T> {
    /// One that as many of the values as are needed are not above, if there are so many, and not many more, if that is soon
    /// found.
    #[inline(always)]
    fn choose(self, values: &[T], needed: usize) -> T {
        let most = 2 * needed + 8;
        let (mut low, mut high) = (0.0, self.last.double());
        let mut bound = if self.first < self.last { self.first } else { self.last };
        for _ in 0..BOUNDS_MAX {
            let below = values.iter().map(|value| u32::from(*value <= bound)).sum::<u32>() as usize;
            if below > most {
                high = bound.double();
            } else if below >= needed || bound >= self.last {
                return bound;
            } else {
                low = bound.double();
            }
            let known = high < self.last.double();
            let next = if known { 0.5 * (low + high) } else { 2.0 * low };
            bound = if next > 0.0 && next < high { T::near(next) } else { T::near(high) };
        }
        T::near(high)
    }
}
