//! The two words that workers agree over: a batch's ticket and a worker's progress.
//!
//! | ticket | tick | worker | meaning |
//! |---|---|---|---|
//! | free | older than mine | any | nobody has claimed the batch in this tick: mine for one compare-exchange |
//! | free | mine | none | its holder died and was buried: mine for one compare-exchange |
//! | claimed | mine | w | w is running it |
//! | done | mine | w | w has run it: its writes are complete |
//! | any | newer than mine | any | the tick I believe in is over; a late claim fails harmlessly |
//!
//! One word says all, so that no state "done but not claimed" can exist. Which step and batch a ticket is for
//! follows from its place: each batch of each step of the schedule has its own.

use crate::id::{StageId, Tick, WorkerId};

/// What a ticket says beside its tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Held {
    /// Nobody's.
    Free,
    /// Claimed and not done.
    Claimed(WorkerId),
    /// Done.
    Done(WorkerId),
}

/// A batch's ticket: tick (32 bits), worker (16), state (16).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    /// The tick it was last claimed or freed in.
    pub tick: Tick,
    /// By whom.
    pub held: Held,
}

impl Ticket {
    /// From its word.
    pub fn unpack(word: u64) -> Self {
        let worker = WorkerId((word >> 16) as u16);
        let held = match word & 0xffff {
            1 => Held::Claimed(worker),
            2 => Held::Done(worker),
            _ => Held::Free,
        };
        Self { tick: Tick((word >> 32) as u32), held }
    }

    /// To its word.
    pub fn pack(self) -> u64 {
        let low = match self.held {
            Held::Free => 0,
            Held::Claimed(worker) => u64::from(worker.0) << 16 | 1,
            Held::Done(worker) => u64::from(worker.0) << 16 | 2,
        };
        u64::from(self.tick.0) << 32 | low
    }

    /// Who claimed it, if anybody has.
    pub fn holder(self) -> Option<WorkerId> {
        match self.held {
            Held::Free => None,
            Held::Claimed(worker) | Held::Done(worker) => Some(worker),
        }
    }

    /// Whether a worker in this tick may claim the batch.
    pub fn claimable(self, tick: Tick) -> bool {
        self.tick < tick || (self.tick == tick && self.held == Held::Free)
    }
}

/// How far a worker is: in which stage of which tick, and how many of the stage's batches it has done.
/// Progress never goes back. A stage is complete when the counts of all workers in it add up to its batches, or
/// when any worker is past it: nobody passes a stage that is not complete.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Progress {
    /// The tick (32 bits).
    pub tick: Tick,
    /// The stage (12 bits).
    pub stage: StageId,
    /// Batches of the stage that this worker has done (20 bits).
    pub done: u32,
}

impl Progress {
    /// From its word; 0 is a worker that has not begun.
    pub fn unpack(word: u64) -> Self {
        Self {
            tick: Tick((word >> 32) as u32),
            stage: StageId((word >> 20 & 0xfff) as u16),
            done: (word & 0xf_ffff) as u32,
        }
    }

    /// To its word.
    pub fn pack(self) -> u64 {
        u64::from(self.tick.0) << 32 | u64::from(self.stage.0) << 20 | u64::from(self.done)
    }
}
