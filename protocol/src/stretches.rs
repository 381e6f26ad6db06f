//! Boxes around stretches of rows, level over level: where they stand in an array. A pure function of the rows.
//!
//! A box of the lowest level is around [`STRETCH_ROWS`] rows, one of the next around [`STRETCH_FAN`] of these, and so on.
//! Rows that are kept in the order of an index were near each other a frame ago, so these boxes are small.

use std::ops::Range;

use crate::id::RowRange;
use crate::layout::{Arena, Place};
use crate::limits::{STRETCH_FAN, STRETCH_ROWS};

/// More levels than any number of rows has.
pub const LEVELS_MAX: usize = 6;

/// The levels of boxes over so many rows: two or more, of which the highest has few boxes. Each begins at a multiple of
/// [`STRETCH_FAN`]; what is between one's last box and the next level means nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    starts: [u32; LEVELS_MAX + 1],
    boxes: [u32; LEVELS_MAX],
    count: usize,
}

impl Levels {
    /// For so many rows.
    pub fn new(rows: u32) -> Self {
        let mut levels = Self { starts: [0; LEVELS_MAX + 1], boxes: [0; LEVELS_MAX], count: 0 };
        let mut boxes = rows.div_ceil(STRETCH_ROWS);
        loop {
            let level = levels.count;
            levels.boxes[level] = boxes;
            levels.starts[level + 1] = levels.starts[level] + boxes.next_multiple_of(STRETCH_FAN);
            levels.count += 1;
            if boxes <= STRETCH_FAN && levels.count >= 2 {
                return levels;
            }
            boxes = boxes.div_ceil(STRETCH_FAN);
        }
    }

    /// How many levels there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many places all of them take.
    pub fn places(&self) -> usize {
        self.starts[self.count] as usize
    }

    /// How many boxes a level has.
    pub fn boxes(&self, level: usize) -> u32 {
        self.boxes[level]
    }

    /// Where a level begins.
    pub fn start(&self, level: usize) -> usize {
        self.starts[level] as usize
    }

    /// The places of the boxes of one of the two lowest levels that are around the rows of a batch of the counting
    /// step.
    pub fn of_rows(&self, level: usize, rows: RowRange) -> Range<usize> {
        let around = if level == 0 { STRETCH_ROWS } else { STRETCH_ROWS * STRETCH_FAN };
        let place = |edge: u32| self.start(level) + edge as usize;
        place(rows.start / around)..place(rows.end.div_ceil(around))
    }
}

/// Where the boxes around an index's rows stand, of all levels: an array an axis of lows, then an array an axis of highs.
#[derive(Clone, Debug)]
pub struct StretchPlaces {
    /// The arrays.
    pub sides: Vec<Place<f32>>,
}

impl StretchPlaces {
    /// Takes room for so many rows.
    pub fn new(rows: u32, axes: usize, arena: &mut Arena) -> Self {
        let places = Levels::new(rows).places();
        Self { sides: (0..2 * axes).map(|_| arena.place(places)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_hold_all_rows_and_more_rows_never_need_less_room() {
        let mut before = 0;
        for rows in [0, 1, 4, 5, 255, 256, 257, 16_384, 16_385, 1_000_000, 1_048_577, 100_000_000, u32::MAX - 256] {
            let levels = Levels::new(rows);
            assert_eq!(levels.boxes(0), rows.div_ceil(STRETCH_ROWS));
            for level in 1..levels.count() {
                assert_eq!(levels.boxes(level), levels.boxes(level - 1).div_ceil(STRETCH_FAN));
                assert!(levels.start(level) >= levels.start(level - 1) + levels.boxes(level - 1) as usize);
            }
            assert!(levels.count() >= 2 && levels.boxes(levels.count() - 1) <= STRETCH_FAN);
            assert!(levels.places() >= before);
            before = levels.places();
        }
    }
}
