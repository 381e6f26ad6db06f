//! Columns: lanes loaded and stored, one value for all lanes, a value a lane from anywhere.

use diptych_protocol::body::Compare;
use diptych_protocol::id::ColumnId;
use diptych_protocol::program::When;
use diptych_protocol::types::Scalar;

use super::function::{Function, Parts};
use super::machine::{Address, Part};
use super::words::FAR;

impl Function<'_> {
    /// Where the lanes of a column begin.
    fn lanes_of(&mut self, scalar: Scalar, word: usize) -> Address {
        let base = self.word(word);
        self.m.address(base, self.lane, scalar)
    }

    /// Bytes from one vector of a column to the next.
    fn stride(&self, scalar: Scalar) -> i32 {
        (self.lanes / self.parts(scalar) * scalar.size()) as i32
    }

    /// The lanes of a column that is told a value a lane.
    pub(super) fn get(&mut self, scalar: Scalar, word: usize) -> Parts {
        let (at, stride) = (self.lanes_of(scalar, word), self.stride(scalar));
        (0..self.parts(scalar)).map(|part| self.m.load(scalar, at.behind(part as i32 * stride))).collect()
    }

    /// Stores the lanes of a column.
    pub(super) fn put(&mut self, scalar: Scalar, word: usize, parts: &[Part]) {
        let (at, stride) = (self.lanes_of(scalar, word), self.stride(scalar));
        for (place, part) in parts.iter().enumerate() {
            self.m.store(scalar, at.behind(place as i32 * stride), *part);
        }
    }

    /// One value at an address, in all lanes.
    pub(super) fn broadcast(&mut self, scalar: Scalar, at: Address) -> Parts {
        let part = self.m.broadcast(scalar, at);
        vec![part; self.parts(scalar)]
    }

    /// A value a lane from a column, at places of its own, which the column has.
    pub(super) fn gather(&mut self, scalar: Scalar, base: Part, places: &[Part]) -> Parts {
        places.iter().flat_map(|places| self.m.gather(scalar, base, *places)).collect()
    }

    /// The value at a row of a whole column, 0 where it has no such row.
    pub(super) fn far(&mut self, scalar: Scalar, column: ColumnId, when: When, row: &[Part]) -> Parts {
        let Some(slot) = self.plan.slots.far(column, when) else {
            return self.wrong(scalar, "a column without a slot");
        };
        let word = self.plan.words.far + slot * FAR;
        let (base, len) = (self.word(word), self.word(word + 1));
        let len = self.splat(len);
        let has = self.compare(Compare::Lt, Scalar::U32, row, &len);
        let safe = self.masked(Scalar::U32, &has, row);
        let values = self.gather(scalar, base, &safe);
        self.masked(scalar, &has, &values)
    }
}
