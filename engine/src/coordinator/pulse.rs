//! Hangs: a worker that shows no sign of life for too long is killed; its death is survived like any other.
//!
//! A worker shows that it lives with each batch that it has run, and while it waits for others. So what is measured is how
//! long a batch takes, and whether a worker moves at all: one that was stopped, in a batch or between two, does not. Before
//! it has attached it has nothing to show, and lives as long as it is seen to use a core. What counts is not the clock but
//! how often the coordinator has looked: where all of a run is paused (a container, a laptop's lid), nobody looks, and nobody
//! is killed for it.
//!
//! **How long is too long** adapts to the run: [`TIMES`] the longest that any of its workers has been silent for and lived,
//! but never less than the [`Deadline`]. A worker under a debugger is left alone.

use std::time::{Duration, Instant};

use diptych_protocol::id::Tick;

use super::supervise::PROGRESS_EVERY;

/// So many times the longest silence that ended well.
const TIMES: u32 = 8;

/// The least time without a sign of life after which a worker is killed; nothing: none ever is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline(pub Option<Duration>);

impl Default for Deadline {
    /// Half a minute.
    fn default() -> Self {
        Self(Some(Duration::from_secs(30)))
    }
}

impl Deadline {
    /// As looks of the coordinator.
    fn looks(self) -> Option<u32> {
        let looks = self.0?.as_millis().div_ceil(PROGRESS_EVERY.as_millis());
        Some(u32::try_from(looks).unwrap_or(u32::MAX).max(2))
    }
}

/// What was seen of a worker last.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Pulse {
    seen: Option<u64>,
    /// Looks since it showed a sign of life.
    silent: u32,
}

impl Pulse {
    /// Whether a worker has shown a sign of life since.
    pub(super) fn beats(&self, now: u64) -> bool {
        self.seen.is_some_and(|seen| seen != now)
    }
}

/// Looks at workers from time to time.
#[derive(Debug)]
pub(super) struct Watch {
    deadline: Deadline,
    looked: Instant,
    /// The longest that a worker has been silent for and lived.
    longest: u32,
    /// What had been done, and for how many looks all have waited since.
    done: (u64, Tick),
    waited: u32,
}

impl Watch {
    pub(super) fn new(deadline: Deadline) -> Self {
        Self { deadline, looked: Instant::now(), longest: 0, done: (0, Tick::NONE), waited: 0 }
    }

    /// Whether it is time to look again. However long it was: it is one look.
    pub(super) fn due(&mut self) -> bool {
        let due = self.looked.elapsed() >= PROGRESS_EVERY;
        if due {
            self.looked = Instant::now();
        }
        due && self.deadline.0.is_some()
    }

    /// A look at all of them: whether they have waited for each other for too long, with nothing `done` (batches, ticks), and
    /// for how many seconds.
    pub(super) fn idle(&mut self, done: (u64, Tick), all_wait: bool) -> Option<f64> {
        if self.done != done {
            (self.done, self.waited) = (done, 0);
        }
        self.waited += u32::from(all_wait);
        let seconds = f64::from(self.waited) * PROGRESS_EVERY.as_secs_f64();
        self.deadline.looks().filter(|looks| self.waited > *looks).map(|_| seconds)
    }

    /// A look at a worker: whether it has been silent for too long.
    pub(super) fn look(&mut self, pulse: &mut Pulse, now: u64) -> bool {
        if pulse.seen != Some(now) {
            // Its first sign says nothing of how long it took.
            if pulse.seen.is_some() {
                self.longest = self.longest.max(pulse.silent);
            }
            *pulse = Pulse { seen: Some(now), silent: 0 };
            return false;
        }
        pulse.silent = pulse.silent.saturating_add(1);
        let limit = self.deadline.looks().map(|looks| looks.max(self.longest.saturating_mul(TIMES)));
        limit.is_some_and(|limit| pulse.silent > limit)
    }
}

/// A number that changes as long as a process uses a core: the time that it has, as the system counts it.
pub(super) fn busy(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_ascii_whitespace()).into_iter().flatten();
    // Of a user's code and of the system's: fields 14 and 15, of which 2 stand before the bracket.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}

/// Whether a debugger has hold of a process.
pub(super) fn traced(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    line.is_some_and(|tracer| tracer.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(watch: &mut Watch, pulse: &mut Pulse, signs: &[u64]) -> Vec<bool> {
        signs.iter().map(|now| watch.look(pulse, *now)).collect()
    }

    #[test]
    fn who_is_silent_for_longer_than_the_deadline_hangs() {
        let mut watch = Watch::new(Deadline(Some(Duration::from_millis(250))));
        let mut pulse = Pulse::default();
        assert_eq!(looks(&mut watch, &mut pulse, &[1, 2, 2, 2, 2, 2]), [false, false, false, false, false, true]);
        let mut never = Watch::new(Deadline(None));
        assert!(!never.due());
        assert!(!looks(&mut never, &mut Pulse::default(), &[7; 1000]).contains(&true));
    }

    #[test]
    fn workers_that_wait_for_each_other_and_do_nothing_do_not_get_on() {
        let mut watch = Watch::new(Deadline(Some(Duration::from_millis(250))));
        let mut idle = |batches, all_wait| watch.idle((batches, Tick(3)), all_wait).is_some();
        // Somebody runs a long batch and shows nothing: that is no wait. Then one is done, and then nothing any more.
        assert_eq!([false; 9].map(|wait| idle(1, wait)), [false; 9]);
        assert_eq!([true; 3].map(|wait| idle(1, wait)), [false; 3]);
        assert_eq!([true; 5].map(|wait| idle(2, wait)), [false, false, false, true, true]);
        let mut never = Watch::new(Deadline(None));
        assert!((0..1000).all(|_| never.idle((1, Tick(3)), true).is_none()));
    }

    #[test]
    fn a_process_that_computes_is_busy() {
        let before = busy(std::process::id());
        let mut sum = 0u64;
        while busy(std::process::id()) == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert_eq!(busy(u32::MAX), 0);
    }

    #[test]
    fn a_run_of_long_batches_is_given_longer() {
        let mut watch = Watch::new(Deadline(Some(Duration::from_millis(250))));
        // Silent for 3 looks, and alive: from then on 24 are allowed.
        looks(&mut watch, &mut Pulse::default(), &[1, 1, 1, 1, 2]);
        let told = looks(&mut watch, &mut Pulse::default(), &[5; 26]);
        assert_eq!(told.iter().position(|hangs| *hangs), Some(25));
    }
}
