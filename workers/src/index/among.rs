//! The nearest of those rows for which a condition is true that somebody else knows.

use diptych_protocol::limits::OFFERED_MAX;

use super::exact::Asked;
use super::nearest::Search;

/// One point's search. It offers rows, some at a time, and is told which of them count, until no other row can be one of
/// those that are wanted. A row is offered once at most: where the condition is true nowhere, every row once. Room; what
/// it remembers ends with [`Among::finish`].
#[derive(Default)]
pub struct Among {
    search: Search,
    /// The bucket that is being offered, by its place, and how many of its rows have been looked at.
    bucket: Option<(u32, usize)>,
    /// The rows that were offered last, by their keys.
    offered: Vec<u128>,
}

impl Among {
    /// Starts.
    pub fn begin(&mut self) {
        self.search.begin();
        self.bucket = None;
        self.offered.clear();
    }

    /// Appends rows that may be wanted, [`OFFERED_MAX`] at most, in no particular order; none if all is known.
    pub fn offer(&mut self, asked: &Asked<'_>, into: &mut Vec<u32>) {
        self.offered.clear();
        while let Some((place, seen)) = self.bucket.or_else(|| Some((self.search.next_bucket(asked)?, 0))) {
            let rows = &asked.tree.rows_at(place)[seen..];
            for (number, &row) in rows.iter().enumerate() {
                if self.offered.len() == usize::from(OFFERED_MAX) {
                    self.bucket = Some((place, seen + number));
                    return;
                }
                let key = asked.key(row);
                if Some(row) != asked.own && self.search.takes(key, asked.count) {
                    self.offered.push(key);
                    into.push(row);
                }
            }
            self.bucket = None;
        }
    }

    /// Hears which of the rows that were offered last count, a bit each from the lowest on; of at most `count` wanted ones.
    pub fn hear(&mut self, bits: u32, count: usize) {
        for (number, &key) in self.offered.iter().enumerate() {
            if bits >> number & 1 != 0 {
                self.search.offer(key, count);
            }
        }
    }

    /// Nothing more is offered.
    pub fn end(&mut self) {
        self.search.end();
        self.bucket = None;
    }

    /// Appends those that count, the nearest first: as many as were wanted, or all there are.
    pub fn finish(&mut self, into: &mut Vec<u32>) {
        self.search.finish(into);
    }
}
