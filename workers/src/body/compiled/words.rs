//! The words that the code finds its data in: one flat list of 64-bit words, pointers and numbers.

use diptych_protocol::body::{Loop, Over};

use crate::body::slots::Slots;

/// How many rows.
pub(super) const COUNT: usize = 0;
/// The row of each lane.
pub(super) const ROWS: usize = 1;
/// The seed.
pub(super) const SEED: usize = 2;
/// The tick.
pub(super) const TICK: usize = 3;
/// The frame's number.
pub(super) const FRAME: usize = 4;
/// The bits of the time.
pub(super) const TIME: usize = 5;
/// The signals.
pub(super) const SIGNALS: usize = 6;
/// The reductions.
pub(super) const REDUCED: usize = 7;
const FIRST: usize = 8;

/// Of a whole column: where it begins, then how many values it has.
pub(super) const FAR: usize = 2;

/// Of a loop with shared turns: where the addresses stand of each vector's first run and of what is behind its last one, [so
/// many bytes](runs_stride) apart,
pub(super) const RUNS: usize = 0;
/// the row of each place, or 0,
pub(super) const PLACE_ROWS: usize = 1;
/// whether deltas are plain differences,
pub(super) const STRAIGHT: usize = 2;
/// and the columns.
pub(super) const SHARED_COLUMNS: usize = 3;

/// Bytes from a vector's two addresses to those of the next vector: as many a lane as an index may be scaled by.
pub(super) fn runs_stride(lanes: usize) -> usize {
    lanes.max(2 * size_of::<u64>())
}

/// Of a loop with lists: where they start,
pub(super) const STARTS: usize = 0;
/// the rows in them,
pub(super) const LIST_ROWS: usize = 1;
/// the last row that all columns have,
pub(super) const LAST: usize = 2;
/// and the columns.
pub(super) const LIST_COLUMNS: usize = 3;

/// What a loop's turns come as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Shared,
    Lists,
    Count,
}

impl Kind {
    pub(super) fn of(it: &Loop) -> Self {
        match it.over {
            Over::Within { .. } | Over::Group(_) | Over::Far { .. } => Kind::Shared,
            Over::Nearest { .. } | Over::Inverse(_) | Over::Members(_) | Over::Holder(_) => Kind::Lists,
            Over::Count { .. } => Kind::Count,
        }
    }

    /// Words before the columns.
    pub(super) fn head(self) -> usize {
        match self {
            Kind::Shared => SHARED_COLUMNS,
            Kind::Lists => LIST_COLUMNS,
            Kind::Count => 0,
        }
    }
}

/// Where each slot has its words.
#[derive(Default, Debug)]
pub(super) struct Words {
    pub own: usize,
    pub data: usize,
    pub far: usize,
    pub loops: Vec<usize>,
    pub out: usize,
    /// Of what turns ask for: who hears of it, where the condition goes, where the values go.
    pub asks: Vec<usize>,
    pub len: usize,
}

/// Words of a request before its values.
pub(super) const ASK_VALUES: usize = 2;

impl Words {
    pub(super) fn new(slots: &Slots, kinds: &[Kind]) -> Self {
        let own = FIRST;
        let data = own + slots.own.len();
        let far = data + slots.data.len();
        let mut next = far + FAR * slots.far.len();
        let mut loops = Vec::new();
        for (it, kind) in slots.loops.iter().zip(kinds) {
            loops.push(next);
            next += kind.head() + it.columns.len();
        }
        let out = next;
        next += slots.out.len();
        let mut asks = Vec::new();
        for values in &slots.asks {
            asks.push(next);
            next += ASK_VALUES + values.len();
        }
        Words { own, data, far, loops, out, asks, len: next }
    }
}
