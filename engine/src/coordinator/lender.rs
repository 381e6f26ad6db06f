//! Lends states to whoever looks at the run from outside, where frames are too short to be copied otherwise.
//!
//! Somebody asks by a word in the segment. The coordinator lowers the horizon to a tick that nobody has run beyond, waits until
//! it is published, and says so; for [`LENT_MAX`] workers run one more frame and no further. Then it takes the state back,
//! whoever has it, and lends none for [`REST`]: whatever others do, a run has 19 of 20 parts of its time.

use std::time::{Duration, Instant};

use diptych_protocol::board::Board;
use diptych_protocol::id::Tick;

/// How long a state is lent.
const LENT_MAX: Duration = Duration::from_millis(5);
/// How long none is lent after that.
const REST: Duration = Duration::from_millis(95);

/// Lends states.
#[derive(Default)]
pub(super) struct Lender(Loan);

#[derive(Clone, Copy, Default)]
enum Loan {
    /// Nothing is lent, since the last one was taken back then.
    #[default]
    Never,
    Rest(Instant),
    /// This state is lent as soon as it is complete.
    Due(Tick),
    /// It is lent, until then.
    Lent(Tick, Instant),
}

impl Lender {
    /// Whether somebody asks, and it is time.
    pub(super) fn wants(&self, board: &Board<'_>) -> bool {
        let rested = match self.0 {
            Loan::Never => true,
            Loan::Rest(since) => since.elapsed() >= REST,
            Loan::Due(_) | Loan::Lent(..) => false,
        };
        rested && board.asked()
    }

    /// The state that is lent next.
    pub(super) fn set_due(&mut self, tick: Tick) {
        self.0 = Loan::Due(tick);
    }

    /// Lends what is due, and takes back what is lent. Nobody has begun a tick behind [`Self::room`].
    pub(super) fn look(&mut self, board: &Board<'_>, published: Tick) {
        match self.0 {
            Loan::Due(tick) if published >= tick => {
                board.lend(tick);
                self.0 = Loan::Lent(tick, Instant::now() + LENT_MAX);
            }
            Loan::Lent(_, until) if Instant::now() >= until => {
                board.take_back();
                self.0 = Loan::Rest(Instant::now());
            }
            _ => {}
        }
    }

    /// The last tick that workers may run.
    pub(super) fn room(&self) -> Tick {
        match self.0 {
            Loan::Due(tick) => tick,
            Loan::Lent(tick, _) => tick.next(),
            Loan::Never | Loan::Rest(_) => Tick(u32::MAX),
        }
    }

    /// How long it can be waited before it is looked at again.
    pub(super) fn patience(&self) -> Duration {
        match self.0 {
            Loan::Lent(_, until) => until.saturating_duration_since(Instant::now()),
            // Who asks meanwhile has rung already; who asks afterwards rings.
            Loan::Rest(since) => REST.checked_sub(since.elapsed()).unwrap_or(Duration::MAX),
            Loan::Never | Loan::Due(_) => Duration::MAX,
        }
    }
}
