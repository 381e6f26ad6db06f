//! The shared words in a real segment, and how to wait for them: spin briefly, then park.
//!
//! **Orders.** Loads acquire, stores release. A worker reads or writes rows only of a batch it claimed; it claims in
//! a stage only after it has seen, by acquiring loads, that every batch of the stage before is done (or that
//! somebody had seen it and gone on, which carries over); each done was released after the batch's writes. So all
//! writes of earlier stages and ticks happen before, and the `prev` panel of this tick is rewritten only after all
//! its readers are done. Only parking needs more: a sequentially consistent fence on either side, because the
//! sleeper writes *parked* and reads progress, while the waker writes progress and reads *parked*.
//!
//! Whether a tick has begun is asked with sequential consistency, too: a worker publishes a tick, then reads the horizon; the
//! coordinator lowers the horizon, then reads what is published. If it does not see the tick that it lowered it to, nobody
//! has seen the old one behind it. On x86 that costs nothing.
//!
//! **The horizon is three words**: what the coordinator allows; `held`, the state that it has leased to somebody who looks at
//! it, which nobody may write over; and `stop_at`, which the commit of tick t sets where state t ends the run. A worker that asks whether it may begin tick t + 1 has seen t published, or published it itself
//! after it saw that commit done; so what the commits of t and of all ticks before it wrote is there to be read, and
//! what a later tick may write cannot change the answer. The loads count as one load of the first word: a state is leased while
//! nobody may begin the tick after the next, as what the coordinator allows says, and what it allows is raised afterwards.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use rustix::thread::futex;

use crate::id::WorkerId;
use crate::layout::{LINE, Layout, SLOT_WORDS};
use crate::memory::Memory;
use crate::walker::{SharedWords, Word};

/// Where a worker's counters stand in its slot: batches run, beats while it waited, and its process.
pub const COUNTERS: usize = LINE / 8;
/// Where a worker's blame stands in its slot.
pub const BLAME: usize = 2 * LINE / 8;
/// Whoever sleeps wakes by itself after this, and looks: no lost wake-up can hang a run.
const PARKED_MAX: Duration = Duration::from_millis(20);

/// The shared words of a segment.
#[derive(Clone, Copy)]
pub struct Board<'m> {
    horizon: &'m AtomicU32,
    stop_at: &'m AtomicU32,
    held: &'m AtomicU32,
    halt: &'m AtomicU32,
    asked: &'m AtomicU32,
    lent: &'m AtomicU32,
    published: &'m AtomicU32,
    reissues: &'m AtomicU32,
    wake: &'m AtomicU32,
    bell: &'m AtomicU32,
    parked: &'m [AtomicU64],
    injected: &'m AtomicU64,
    slots: &'m [AtomicU64],
    tickets: &'m [AtomicU64],
}

/// Why workers leave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Halt {
    /// The run is over.
    End,
    /// A batch failed: its worker's slot has the blame.
    Fault,
}

impl<'m> Board<'m> {
    /// The words of this segment.
    pub fn new(memory: &'m Memory, layout: &Layout) -> Self {
        let control = &layout.control;
        Self {
            horizon: &memory.words(control.horizon)[0],
            stop_at: &memory.words(control.stop_at)[0],
            held: &memory.words(control.held)[0],
            halt: &memory.words(control.halt)[0],
            asked: &memory.words(control.asked)[0],
            lent: &memory.words(control.lent)[0],
            published: &memory.words(control.published)[0],
            reissues: &memory.words(control.reissues)[0],
            wake: &memory.words(control.wake)[0],
            bell: &memory.words(control.bell)[0],
            parked: memory.words(control.parked),
            injected: &memory.words(control.injected)[0],
            slots: memory.words(layout.slots),
            tickets: memory.words(layout.tickets),
        }
    }

    #[inline]
    fn slot(&self, worker: WorkerId) -> &'m [AtomicU64] {
        &self.slots[usize::from(worker.0) * SLOT_WORDS..][..SLOT_WORDS]
    }

    /// How many tickets there are.
    pub fn tickets(&self) -> u32 {
        self.tickets.len() as u32
    }

    /// Lets workers run through this tick.
    pub fn set_horizon(&self, tick: crate::id::Tick) {
        self.horizon.store(tick.0, Ordering::SeqCst);
        self.wake_workers();
    }

    /// Puts a hold on the last complete state: from now on nobody begins the tick after the next. It is let go of by the
    /// [`Lease`](crate::still::Lease) that takes it up. False if somebody may have begun that tick, or there is a hold already.
    #[must_use]
    pub fn hold(&self, tick: crate::id::Tick) -> bool {
        let in_time = self.horizon() <= tick.next() && self.published() >= tick;
        in_time && self.held.compare_exchange(0, tick.0, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    /// The tick whose state is held.
    pub fn held(&self) -> Option<crate::id::Tick> {
        Some(crate::id::Tick(self.held.load(Ordering::SeqCst))).filter(|tick| *tick != crate::id::Tick::NONE)
    }

    /// Ends a hold.
    pub fn let_go(&self) {
        self.held.store(0, Ordering::SeqCst);
        self.wake_workers();
    }

    /// The tick to run through: what the coordinator allows, no further than the tick after a state that is held, or than
    /// where a state ended the run.
    #[inline]
    pub fn horizon(&self) -> crate::id::Tick {
        let horizon = self.horizon.load(Ordering::SeqCst);
        let horizon = self.held().map_or(horizon, |held| horizon.min(held.next().0));
        crate::id::Tick(self.stop_at().map_or(horizon, |stop| horizon.min(stop.0)))
    }

    /// Ends the run with this tick. Only its commit does this, as often as it is run: the first word stands, and no
    /// later tick begins.
    pub fn set_stop_at(&self, tick: crate::id::Tick) {
        let _ = self.stop_at.compare_exchange(0, tick.0, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The tick that ended the run, once it is published.
    #[inline]
    pub fn stop_at(&self) -> Option<crate::id::Tick> {
        Some(crate::id::Tick(self.stop_at.load(Ordering::Acquire))).filter(|tick| *tick != crate::id::Tick::NONE)
    }

    /// The last complete tick.
    pub fn published(&self) -> crate::id::Tick {
        crate::id::Tick(self.published.load(Ordering::SeqCst))
    }

    /// Publishes a tick: for a run in one process, where nobody meets.
    pub fn publish(&self, tick: crate::id::Tick) {
        self.published.store(tick.0, Ordering::Release);
    }

    /// Makes everybody leave. The first reason stands.
    pub fn halt(&self, why: Halt) {
        let _ = self.halt.compare_exchange(0, why as u32 + 1, Ordering::AcqRel, Ordering::Acquire);
        self.wake_workers();
        self.ring();
    }

    /// Why everybody leaves, if they do.
    pub fn halted(&self) -> Option<Halt> {
        match self.halt.load(Ordering::Acquire) {
            0 => None,
            1 => Some(Halt::End),
            _ => Some(Halt::Fault),
        }
    }

    /// Whether somebody from outside has asked for a state to be lent.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Acquire) != 0
    }

    /// Lends a state: nobody begins the tick after the next before [`Self::take_back`]. Whoever has asked so far has it.
    pub fn lend(&self, tick: crate::id::Tick) {
        self.asked.store(0, Ordering::SeqCst);
        self.lent.store(tick.0, Ordering::SeqCst);
    }

    /// Ends that. Before the horizon is raised: who still sees the state lent sees it whole.
    pub fn take_back(&self) {
        self.lent.store(0, Ordering::SeqCst);
    }

    /// Says which process a worker is. For people alone.
    pub fn set_process(&self, worker: WorkerId, process: u32) {
        self.slot(worker)[COUNTERS + 2].store(process.into(), Ordering::Relaxed);
    }

    /// Counts a batch that a worker has run. Only for people: nothing depends on it.
    #[inline]
    pub fn count_batch(&self, worker: WorkerId) {
        let counter = &self.slot(worker)[COUNTERS];
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// How many batches the worker (and those before it in its slot) have run.
    pub fn batches_run(&self, worker: WorkerId) -> u64 {
        self.slot(worker)[COUNTERS].load(Ordering::Relaxed)
    }

    /// Shows that a worker lives, while it waits.
    #[inline]
    pub fn beat(&self, worker: WorkerId) {
        let counter = &self.slot(worker)[COUNTERS + 1];
        counter.store(counter.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// A number that changes as long as the worker lives: with each batch that it has run, and while it waits.
    pub fn pulse(&self, worker: WorkerId) -> u64 {
        let beats = self.slot(worker)[COUNTERS + 1].load(Ordering::Relaxed);
        self.batches_run(worker).wrapping_add(beats)
    }

    /// The words of a worker's slot that hold its blame.
    pub fn blame_words(&self, worker: WorkerId) -> &'m [AtomicU64] {
        &self.slot(worker)[BLAME..]
    }

    /// Takes an injected failure, by its place in the list of them; says whether nobody had.
    pub fn inject(&self, number: usize) -> bool {
        let bit = 1 << number;
        self.injected.fetch_or(bit, Ordering::AcqRel) & bit == 0
    }

    /// The injected failures that were taken, a bit each.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Acquire)
    }

    /// Wakes the workers that parked, if any did.
    #[inline]
    pub fn wake_workers(&self) {
        fence(Ordering::SeqCst);
        if self.parked.iter().any(|word| word.load(Ordering::Relaxed) != 0) {
            self.wake.fetch_add(1, Ordering::Release);
            let _ = futex::wake(self.wake, futex::Flags::empty(), i32::MAX as u32);
        }
    }

    /// What [`Self::park`] compares with: read it before looking for work a last time.
    pub fn wake_count(&self) -> u32 {
        self.wake.load(Ordering::Acquire)
    }

    /// Says that a worker is about to park, or no longer is.
    pub fn set_parked(&self, worker: WorkerId, parked: bool) {
        let (word, bit) = (&self.parked[usize::from(worker.0) / 64], 1u64 << (worker.0 % 64));
        if parked {
            word.fetch_or(bit, Ordering::SeqCst);
            fence(Ordering::SeqCst);
        } else {
            word.fetch_and(!bit, Ordering::SeqCst);
        }
    }

    /// Sleeps until workers are woken, or a little while.
    pub fn park(&self, seen: u32) {
        sleep_on(self.wake, seen, PARKED_MAX);
    }

    /// Rings for the coordinator.
    pub fn ring(&self) {
        self.bell.fetch_add(1, Ordering::Release);
        let _ = futex::wake(self.bell, futex::Flags::empty(), i32::MAX as u32);
    }

    /// How often it was rung for the coordinator.
    pub fn rings(&self) -> u32 {
        self.bell.load(Ordering::Acquire)
    }

    /// Sleeps until it is rung for the coordinator again, or so long.
    pub fn wait_for_ring(&self, seen: u32, at_most: Duration) {
        sleep_on(self.bell, seen, at_most);
    }
}

/// A futex between processes: never the private kind, always with a timeout.
fn sleep_on(word: &AtomicU32, seen: u32, at_most: Duration) {
    let timeout = futex::Timespec { tv_sec: at_most.as_secs() as _, tv_nsec: at_most.subsec_nanos() as _ };
    // Woken, changed already, interrupted, timed out: all the same to the caller, who looks again.
    let _ = futex::wait(word, futex::Flags::empty(), seen, Some(&timeout));
}

impl SharedWords for Board<'_> {
    #[inline]
    fn load(&self, word: Word) -> u64 {
        match word {
            Word::Ticket(ticket) => self.tickets[ticket as usize].load(Ordering::Acquire),
            Word::Progress(worker) => self.slot(worker)[0].load(Ordering::Acquire),
            Word::Horizon => self.horizon().0.into(),
            Word::Published => self.published.load(Ordering::Acquire).into(),
            Word::Halt => self.halt.load(Ordering::Acquire).into(),
            Word::Reissues => self.reissues.load(Ordering::Acquire).into(),
        }
    }

    #[inline]
    fn store(&self, word: Word, value: u64) {
        match word {
            Word::Ticket(ticket) => self.tickets[ticket as usize].store(value, Ordering::Release),
            Word::Progress(worker) => self.slot(worker)[0].store(value, Ordering::Release),
            Word::Horizon => self.horizon.store(value as u32, Ordering::Release),
            Word::Published => self.published.store(value as u32, Ordering::Release),
            Word::Halt => self.halt.store(value as u32, Ordering::Release),
            Word::Reissues => self.reissues.store(value as u32, Ordering::Release),
        }
    }

    #[inline]
    fn exchange(&self, word: Word, old: u64, new: u64) -> bool {
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        match word {
            Word::Ticket(t) => self.tickets[t as usize].compare_exchange(old, new, success, failure).is_ok(),
            Word::Progress(w) => self.slot(w)[0].compare_exchange(old, new, success, failure).is_ok(),
            Word::Horizon => exchange_narrow(self.horizon, old, new),
            Word::Published => {
                let (success, failure) = (Ordering::SeqCst, Ordering::SeqCst);
                self.published.compare_exchange(old as u32, new as u32, success, failure).is_ok()
            }
            Word::Halt => exchange_narrow(self.halt, old, new),
            Word::Reissues => exchange_narrow(self.reissues, old, new),
        }
    }
}

fn exchange_narrow(word: &AtomicU32, old: u64, new: u64) -> bool {
    word.compare_exchange(old as u32, new as u32, Ordering::AcqRel, Ordering::Acquire).is_ok()
}
