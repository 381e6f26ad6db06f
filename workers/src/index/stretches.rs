//! Candidates in stretches of rows, where rows are kept in the order of the tree.
//!
//! Rows one behind another were near each other a frame ago, and mostly still are: the boxes around a few of them each,
//! and around many of these, are the tree of the frame before, fitted anew. What they find is in canonical order as it
//! stands, and is read where it stands: whole stretches, with some rows in vain.
//!
//! Nothing says that the order is good: rows begin in any, and may jump. Where much is found the tree is asked whether it
//! finds less.

use diptych_protocol::id::RowRange;
use diptych_protocol::kd_view::StretchView;
use diptych_protocol::limits::{STRETCH_FAN, STRETCH_ROWS};
use diptych_protocol::stretches::LEVELS_MAX;

use super::region::{Reached, Sight, first};
use super::tree::KdTree;
use super::window::Window;
use crate::wide::wide;

/// Boxes that are looked at together: as many as marks are turned to bits of.
const FAN: usize = 64;
const _: () = assert!(FAN == STRETCH_FAN as usize);

/// So many rows are taken for what is around without a doubt.
const ROWS_FEW: usize = 2_048;

/// Stretches may find so many times the rows of the buckets that the tree finds: those cost more, and are cut down by
/// looking at each.
const TIMES_BUCKETS: usize = 2;

/// So many rows between two stretches are taken with them: to begin anew costs as much as a few rows in vain.
const BRIDGE: i64 = STRETCH_ROWS as i64;

/// The stretches around an area, with their boxes: each block takes its own from them.
#[derive(Default)]
pub(super) struct Stretches {
    reached: Reached,
    /// Whether the order is good there.
    good: bool,
    /// Their numbers, ascending.
    numbers: Vec<u32>,
    /// Lows, then highs, an axis each; filled up to whole vectors.
    sides: [Vec<f32>; 6],
    /// What the last block takes; the first is nobody's.
    runs: Vec<RowRange>,
    count: usize,
    /// Buckets.
    found: Vec<u32>,
    marks: Vec<u8>,
}

impl Stretches {
    /// Forgets what it was made for.
    pub fn forget(&mut self) {
        self.reached.forget();
    }

    /// Finds the runs of rows that are within sight, or says that the tree has to be asked.
    pub fn find<const K: usize>(&mut self, tree: &KdTree<'_>, sight: &Sight<'_>, window: &Window<K>) -> bool {
        let Some(all) = &tree.stretches else { return false };
        if !self.reached.holds(sight) {
            let (lo, hi) = sight.area();
            self.good = self.look::<K>(tree, all, &Window::new(sight.space, &lo, &hi, sight.reach));
            self.reached = Reached::new((lo, hi), sight.reach);
        }
        if self.good {
            let rows = tree.shape.rows;
            wide(
                #[inline(always)]
                || self.narrow(window, rows),
            );
        }
        self.good
    }

    /// What was found last.
    pub fn runs(&self) -> &[RowRange] {
        &self.runs[1..=self.count]
    }

    /// Looks for the stretches around an area; false if the tree finds less.
    fn look<const K: usize>(&mut self, tree: &KdTree<'_>, all: &StretchView<'_>, window: &Window<K>) -> bool {
        if !search(all, window, ROWS_FEW, &mut self.numbers) {
            self.found.clear();
            tree.find(window, &mut self.found, &mut self.marks);
            let rows: usize = self.found.iter().map(|place| tree.rows_at(*place).len()).sum();
            if !search(all, window, TIMES_BUCKETS * rows, &mut self.numbers) {
                return false;
            }
        }
        let room = self.numbers.len().next_multiple_of(FAN);
        for (own, side) in self.sides.iter_mut().zip(all.sides).take(2 * K) {
            own.clear();
            own.extend(self.numbers.iter().map(|number| side[*number as usize]));
            own.resize(room, 0.0);
        }
        // One more than there are: none, at first.
        self.runs.clear();
        self.runs.resize(self.numbers.len() + 1, RowRange::new(0, 0));
        true
    }

    /// Takes the runs of the stretches that a window meets.
    #[inline(always)]
    fn narrow<const K: usize>(&mut self, window: &Window<K>, rows: u32) {
        let (mut start, mut end, mut count) = (0, -BRIDGE - 1, 0);
        for (part, numbers) in self.numbers.chunks(FAN).enumerate() {
            let mut met = met_at(|side| &self.sides[side], window, FAN * part) & first(numbers.len());
            while met != 0 {
                let next = i64::from(numbers[met.trailing_zeros() as usize] * STRETCH_ROWS);
                met &= met - 1;
                // No branch: where a run ends nobody can foresee.
                let joined = next <= end + BRIDGE;
                start = if joined { start } else { next };
                end = next + i64::from(STRETCH_ROWS);
                count += usize::from(!joined);
                self.runs[count] = RowRange { start: start as u32, end: end as u32 };
            }
        }
        // The last stretch may have fewer rows.
        if let Some(last) = self.runs[..=count].last_mut() {
            last.end = last.end.min(rows);
        }
        self.count = count;
    }
}

/// Lists the stretches that a window meets, ascending; false if they have more rows than `most`.
fn search<const K: usize>(all: &StretchView<'_>, window: &Window<K>, most: usize, numbers: &mut Vec<u32>) -> bool {
    let most = most / STRETCH_ROWS as usize;
    let mut count = 0;
    let few = wide(
        #[inline(always)]
        || {
            let top = all.levels.count() - 1;
            // What is still to be looked into: a path down to the lowest level, a group of boxes each.
            let mut open = [(0u32, 0u64); LEVELS_MAX];
            for group in 0..all.levels.boxes(top).div_ceil(STRETCH_FAN) {
                let mut level = top;
                open[level] = (group, met(all, window, level, group));
                loop {
                    let (group, boxes) = &mut open[level];
                    if *boxes == 0 {
                        if level == top {
                            break;
                        }
                        level += 1;
                        continue;
                    }
                    let below = *group * STRETCH_FAN + boxes.trailing_zeros();
                    *boxes &= *boxes - 1;
                    let mut boxes = met(all, window, level - 1, below);
                    if level > 1 {
                        level -= 1;
                        open[level] = (below, boxes);
                        continue;
                    }
                    if numbers.len() < count + FAN {
                        numbers.resize(2 * count + FAN, 0);
                    }
                    let room = &mut numbers[count..];
                    let mut found = 0;
                    while boxes != 0 {
                        room[found] = below * STRETCH_FAN + boxes.trailing_zeros();
                        boxes &= boxes - 1;
                        found += 1;
                    }
                    count += found;
                    if count > most {
                        return false;
                    }
                }
            }
            true
        },
    );
    numbers.truncate(count);
    few
}

/// Which boxes of a group a window meets.
#[inline(always)]
fn met<const K: usize>(all: &StretchView<'_>, window: &Window<K>, level: usize, group: u32) -> u64 {
    let start = FAN * group as usize;
    let met = met_at(|side| all.sides[side], window, all.levels.start(level) + start);
    // What is behind the last box of a level means nothing.
    met & first((all.levels.boxes(level) as usize - start).min(FAN))
}

/// Which of the boxes from a place on a window meets.
#[inline(always)]
fn met_at<'s, const K: usize>(side: impl Fn(usize) -> &'s [f32], window: &Window<K>, place: usize) -> u64 {
    let boxes = |number: usize| side(number)[place..].first_chunk().unwrap_or(&[f32::NAN; FAN]);
    window.met(std::array::from_fn(boxes), std::array::from_fn(|axis| boxes(K + axis)))
}
