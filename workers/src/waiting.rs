//! Waiting for others: spin briefly, then park. Never more spinners than cores: the coordinator sets the patience. Who waits
//! shows that it lives, so that the coordinator can tell it from one that hangs.

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use diptych_protocol::board::Board;
use diptych_protocol::id::WorkerId;
use diptych_protocol::message::Patience;

/// Looks at the clock every so many spins: a look costs as much as a few spins.
const SPINS_A_LOOK: u32 = 64;

/// A worker's patience, as far as it has run out.
pub struct Waiting {
    patience: Duration,
    spins: u32,
    since: Option<Instant>,
    parking: Option<u32>,
}

impl Waiting {
    /// Fresh patience.
    pub fn new(patience: Patience) -> Self {
        Self { patience: Duration::from_micros(patience.spin_us.into()), spins: 0, since: None, parking: None }
    }

    /// Whether it sleeps from now on.
    #[inline]
    pub fn sleeps(&self) -> bool {
        self.parking.is_some()
    }

    /// Something happened: begin anew.
    #[inline]
    pub fn reset(&mut self, board: &Board<'_>, me: WorkerId) {
        self.spins = 0;
        self.since = None;
        if self.parking.take().is_some() {
            board.set_parked(me, false);
        }
    }

    /// Waits a little. Called between looks for work; once patience has run out, first says so, lets the caller
    /// look once more, and then sleeps until somebody passes a stage.
    pub fn pause(&mut self, board: &Board<'_>, me: WorkerId) {
        if let Some(seen) = self.parking {
            board.beat(me);
            board.park(seen);
            self.parking = Some(board.wake_count());
            return;
        }
        spin_loop();
        self.spins += 1;
        if !self.spins.is_multiple_of(SPINS_A_LOOK) {
            return;
        }
        board.beat(me);
        if self.since.get_or_insert_with(Instant::now).elapsed() >= self.patience {
            self.parking = Some(board.wake_count());
            board.set_parked(me, true);
        }
    }
}
