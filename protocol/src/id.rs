//! Typed ids: dense numbers that name things, and the row, batch and tick numbers that pass between them.

use serde::{Deserialize, Serialize};

/// A dense number that indexes one [`Table`](crate::table::Table).
pub trait Id: Copy + Eq + Ord + std::fmt::Debug {
    /// The id with this number.
    fn new(number: u32) -> Self;
    /// The number of this id.
    fn number(self) -> u32;
    /// The number as an index into a slice.
    fn index(self) -> usize {
        self.number() as usize
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub struct $name(pub u32);
        impl Id for $name {
            fn new(number: u32) -> Self { Self(number) }
            fn number(self) -> u32 { self.0 }
        }
    )*};
}

ids! {
    /// A group of rows.
    GroupId,
    /// One scalar column of one group.
    ColumnId,
    /// A rule that owns columns.
    SystemId,
    /// A spatial index.
    IndexId,
    /// A compiled expression body.
    BodyId,
    /// A value inside one body.
    ValueId,
    /// A loop inside one body.
    LoopId,
    /// An inverse of a reference column.
    InverseId,
    /// A pairing of rows.
    MatchingId,
    /// An aggregate over the rows of a group.
    ReductionId,
    /// One value that a reduction comes to.
    ReducedId,
    /// A value that is set from outside.
    InputId,
    /// One value a state.
    SignalId,
    /// What a sink takes of rows.
    ExtractId,
    /// A named set of variants.
    EnumId,
    /// A column of a file that groups are made from.
    DataId,
    /// A birth or an end that a system asks for.
    EditId,
    /// A schedule entry.
    StepId,
    /// A file or text that spans point into.
    SourceId,
}

/// Which worker: a slot number, kept by a worker's replacement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct WorkerId(pub u16);

/// One pass through the stages. Tick 0 is no tick (fresh memory holds it), tick 1 is set-up and makes state 0,
/// tick `f + 2` is frame `f` and makes state `f + 1`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Tick(pub u32);

impl Tick {
    /// Before anything ran.
    pub const NONE: Tick = Tick(0);
    /// The tick that evaluates the blueprints.
    pub const SETUP: Tick = Tick(1);

    /// The tick after this one.
    #[must_use]
    pub fn next(self) -> Tick {
        Tick(self.0.saturating_add(1))
    }

    /// How many frames are complete once this tick is published.
    pub fn frames_done(self) -> u32 {
        self.0.saturating_sub(1)
    }

    /// The tick after which `frames` frames are complete.
    pub fn after_frames(frames: u32) -> Tick {
        Tick(frames + 1)
    }

    /// The frame number that this tick's rules see: the number of the state they start from.
    pub fn frame(self) -> u32 {
        self.0.saturating_sub(2)
    }
}

/// A stage of a tick's schedule, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StageId(pub u16);

/// A batch of a step, counted from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct BatchId(pub u32);

/// A half-open range of rows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct RowRange {
    /// The first row.
    pub start: u32,
    /// One past the last row.
    pub end: u32,
}

impl RowRange {
    /// The rows `start .. end`.
    pub fn new(start: u32, end: u32) -> Self {
        debug_assert!(start <= end);
        Self { start, end }
    }

    /// How many rows.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there is no row.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// As a range of slice indexes.
    pub fn indices(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A stable name of a row: it outlives moves and reorders, and its generation tells a reuse of the index apart.
/// Indexes are counted within a group, so that another group changes nobody's random draws.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Entity {
    /// The index, unique among the living of its group.
    pub index: u32,
    /// How often the index was given out before.
    pub generation: u32,
}
