//! A block of rows, as a back end sees it: every value that the body may need, by slot.

use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::space::Space;
pub use diptych_protocol::values::{Values, ValuesMut};

use super::requests::Requests;

/// What is the same for all rows of a tick.
#[derive(Clone, Copy, Debug)]
pub struct Uniforms<'a> {
    /// The seed of all draws.
    pub seed: u64,
    /// The tick, as draws are addressed by it.
    pub tick: u32,
    /// [`Op::Frame`](diptych_protocol::body::Op::Frame).
    pub frame: u32,
    /// [`Op::Time`](diptych_protocol::body::Op::Time).
    pub time: f64,
    /// The signals of the state the tick starts from, the bits of each in the low end; by their ids.
    pub signals: &'a [u64],
    /// The results of the reductions of the finished state, by their ids; for the body of the outputs alone.
    pub reduced: &'a [f64],
    /// The space of the positions.
    pub space: &'a Space,
}

/// A block: `count` rows, and room for some more. Whatever is told a lane has [`Executor::room`] values, those past
/// `count` repeat the last row's or mean nothing; what a back end writes there means nothing either.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// How many rows; not 0.
    pub count: usize,
    /// The row of each lane, if the body [asks](diptych_protocol::body::Body::asks_rows) for it. Lanes past `count` repeat
    /// the last.
    pub rows: &'a [u32],
    /// The own columns, then the columns of files, a value a lane.
    pub own: &'a [Values<'a>],
    /// Whole columns.
    pub far: &'a [Values<'a>],
    /// What each loop goes over.
    pub loops: &'a [Turns<'a>],
    /// The rest.
    pub uniforms: Uniforms<'a>,
}

/// Lanes that a block of so many rows has room for, where the body has loops.
pub fn padded(count: usize) -> usize {
    count.next_multiple_of(BLOCK_ROWS_MAX)
}

/// What a loop goes over.
#[derive(Clone, Copy, Debug)]
pub enum Turns<'a> {
    /// The same others for every row of the block.
    Shared(Shared<'a>),
    /// Others of its own for every row.
    Lists(Lists<'a>),
    /// A counter, which the body computes itself.
    Count,
}

/// The same others for every row, in canonical order.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    /// The *places* of the others, run by run.
    pub runs: &'a [Run],
    /// Where vectors of rows have runs of their own: which of these.
    pub apart: Option<Apart<'a>>,
    /// The row of each place; without it, the place is the row.
    pub rows: Option<&'a [u32]>,
    /// The loop's columns by place.
    pub columns: &'a [Values<'a>],
    /// Whether each delta is the plain difference, bit for bit, for every row and every other within reach: no way around a
    /// torus is shorter. Others that are not have a plain difference that is beyond reach, too.
    pub straight: bool,
}

impl<'a> Shared<'a> {
    /// The runs of a lane.
    pub fn runs_of(&self, lane: usize) -> &'a [Run] {
        let Some(Apart { lanes, ends }) = self.apart else { return self.runs };
        let vector = lane / lanes;
        &self.runs[vector.checked_sub(1).map_or(0, |before| ends[before]) as usize..ends[vector] as usize]
    }
}

/// Vectors of rows with runs of their own: what is near some rows of a block is not near all of them. A row still has all
/// of its others among its vector's, in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Apart<'a> {
    /// Rows of a vector: as many as are [computed at once](Executor::lanes).
    pub lanes: usize,
    /// Where the runs of each vector that has rows end; they stand one behind another.
    pub ends: &'a [u32],
}

/// A stretch of places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C)]
pub struct Run {
    /// The first.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Whether rows of the block may be among them: a row is no neighbour of itself.
    pub own: bool,
}

/// Others of its own for every row.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// Where each lane's list begins, and where the last one ends: one more than lanes; what lanes past `count`
    /// have means nothing.
    pub starts: &'a [u32],
    /// The rows of the others. Never the own row where that is left out.
    pub rows: &'a [u32],
    /// The loop's columns, whole: by row.
    pub columns: &'a [Values<'a>],
}

/// Runs a body, block after block. Keeps buffers, but no state.
pub trait Executor: Send {
    /// Computes the block's rows. `out` has the stores, then the results, a value a lane. Every NaN that is written is
    /// canonical.
    fn run(&mut self, block: &Block<'_>, out: &mut [ValuesMut<'_>]);

    /// What turns have asked for since that was last cleared, of one number; nothing if there is no such number.
    fn requests(&mut self, number: usize) -> Option<&mut Requests>;

    /// Lanes that a block of so many rows has to have room for; at most a multiple of
    /// [`LANES_MAX`](diptych_protocol::limits::LANES_MAX).
    fn room(&self, count: usize) -> usize {
        padded(count)
    }

    /// Rows that are computed at once, a *vector* of them. Where they are fewer than a block that asks an index has, each
    /// vector may have [runs of its own](Apart).
    fn lanes(&self) -> usize;

    /// Rows that a block should have, where it may have any number; whether the body has loops.
    fn stretch(&self, loops: bool) -> usize;
}
