//! What is kept of each finished state beside its rows: partial aggregates, signals, what ensures found, and the ring
//! from which records are written.
//!
//! - *Partials*: a few words a (reduction, block of rows), written by the batch that has the block, read by the commit.
//! - *Tallies* and *picks* of quantiles: how many rows of a batch have each value of a digit, and what is known of the key of
//!   the wanted row when a digit is found. See [`crate::reduction`].
//! - *Signals*: three panels, which ticks take in turn: the commit of tick t writes its own, while everybody reads that of
//!   tick t - 1; and those of t - 2, which the state t - 1 was made of, stay as long as t is not published.
//! - *Ring*: the signals of the states that a record is due for. The coordinator empties it; it lets workers run only
//!   as far as the ring has room, so that nobody waits inside a frame and nothing is lost.
//!
//! A state's place in the ring follows from its number alone, so that a commit that is run again writes the same words.

use crate::commands::CommandPlaces;
use crate::id::{ReductionId, Tick};
use crate::layout::{Arena, Place, Words};
use crate::limits::{RECORD_RING, REDUCE_ROWS, TALLY_ROWS};
use crate::program::Program;
use crate::reduction::DIGIT_VALUES;
use crate::table::Table;

/// Panels of signals.
pub const SIGNAL_PANELS: usize = 3;

/// Where outputs stand in the segment.
#[derive(Clone, Debug)]
pub struct OutputPlaces {
    /// Of each reduction, so many words a block as it has ([`Reduce::partial_words`](crate::program::Reduce::partial_words)).
    pub partials: Table<ReductionId, Words<u64>>,
    /// Of each reduction, what it needs if it is a quantile.
    pub selections: Table<ReductionId, Option<SelectionPlaces>>,
    /// The signals of ticks, in turn, the bits of each in the low end: see [`Self::signals_of`].
    pub signals: [Place<u64>; SIGNAL_PANELS],
    /// What each reduction of the last finished state came to, the bits of an `f64`. For people alone.
    pub reduced: Words<u64>,
    /// Of each ensure, the first tick that it failed in; 0 if none.
    pub failed: Words<u32>,
    /// The ring's slots; none if nothing is recorded.
    pub ring: Words<u64>,
    /// Which states are recorded.
    pub due: Due,
    /// What inputs are set to.
    pub commands: CommandPlaces,
}

/// Where a quantile is looked for.
#[derive(Clone, Copy, Debug)]
pub struct SelectionPlaces {
    /// [`DIGIT_VALUES`] a batch: rows that have this value of the digit that is counted.
    pub tallies: Place<u32>,
    /// Two words a digit: see [`Pick`](crate::state_view::Pick).
    pub picks: Place<u64>,
}

impl SelectionPlaces {
    fn new(program: &Program, reduction: ReductionId, arena: &mut Arena) -> Option<Self> {
        let keys = program.keys(reduction)?;
        let batches = program.groups[program.reductions[reduction].group].rows.div_ceil(TALLY_ROWS) as usize;
        Some(Self { tallies: arena.place(batches * DIGIT_VALUES), picks: arena.place(2 * keys.digits() as usize) })
    }
}

impl OutputPlaces {
    /// Lays out what a program's outputs need.
    pub fn new(program: &Program, arena: &mut Arena) -> Self {
        let blocks = |rows: u32| rows.div_ceil(REDUCE_ROWS) as usize;
        let signals = program.outputs.records.iter().filter(|record| record.extract().is_none());
        let due = Due::new(signals.map(|record| record.every).chain([program.outputs.series]));
        let signals = program.signals.len();
        Self {
            partials: program
                .reductions
                .values()
                .map(|it| arena.words(it.how.partial_words() * blocks(program.groups[it.group].rows)))
                .collect(),
            selections: program.reductions.ids().map(|id| SelectionPlaces::new(program, id, arena)).collect(),
            signals: std::array::from_fn(|_| arena.place(signals)),
            reduced: arena.words(program.reduced().count()),
            failed: arena.words(program.outputs.ensures.len()),
            ring: arena.words(if due.step == 0 { 0 } else { RECORD_RING as usize * slot_words(signals) }),
            due,
            commands: CommandPlaces::new(program, arena),
        }
    }

    /// The signals of the state that a tick makes.
    #[inline]
    pub fn signals_of(&self, tick: Tick) -> Place<u64> {
        self.signals[tick.0 as usize % SIGNAL_PANELS]
    }

    /// Where a state's slot begins in the ring, in words.
    pub fn slot(&self, state: u32) -> usize {
        (state / self.due.step.max(1) % RECORD_RING) as usize * slot_words(self.signals[0].len)
    }
}

/// Words of a slot: the tick, then each signal's bits.
fn slot_words(signals: usize) -> usize {
    1 + signals
}

/// Which states are recorded, and which share the ring with them: it has a slot for every state that `step` divides,
/// due or not, so that a state's slot follows from its number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Due {
    every: Vec<u32>,
    /// The largest step that hits all due states; 0 if nothing is recorded.
    pub step: u32,
}

impl Due {
    /// What is due, of records of every so many states.
    pub fn new(every: impl IntoIterator<Item = u32>) -> Self {
        let mut every: Vec<u32> = every.into_iter().filter(|&every| every > 0).collect();
        every.sort_unstable();
        every.dedup();
        let step = every.iter().copied().fold(0, divisor);
        Self { every, step }
    }

    /// Whether a record is due for this state.
    pub fn due(&self, state: u32) -> bool {
        self.every.iter().any(|every| state.is_multiple_of(*every))
    }

    /// The last state that the ring has room for, if all states before `state` have been taken out. It is never below
    /// `state` itself.
    pub fn room(&self, state: u32) -> u32 {
        let ring = self.step.saturating_mul(RECORD_RING);
        if ring == 0 {
            return u32::MAX;
        }
        // The first state after `state`'s own slot (or the next one there is) that would take a slot again.
        state.next_multiple_of_or_max(self.step).saturating_add(ring).saturating_sub(1)
    }

    /// Whether half of the ring has been filled with this state: time to take them out, while workers fill the rest.
    pub fn half(&self, state: u32) -> bool {
        self.step > 0 && state.is_multiple_of(self.step.saturating_mul(RECORD_RING / 2).max(1))
    }

    /// The due states of a range.
    pub fn states(&self, from: u32, through: u32) -> impl Iterator<Item = u32> + '_ {
        let step = self.step.max(1);
        let first = from.next_multiple_of_or_max(step);
        let through = if self.step == 0 { None } else { Some(through) };
        through.into_iter().flat_map(move |through| (first..=through).step_by(step as usize)).filter(|&s| self.due(s))
    }
}

/// A multiple that stops at the end of the numbers.
trait NextMultiple {
    fn next_multiple_of_or_max(self, step: u32) -> u32;
}

impl NextMultiple for u32 {
    fn next_multiple_of_or_max(self, step: u32) -> u32 {
        self.checked_next_multiple_of(step).unwrap_or(u32::MAX)
    }
}

/// The greatest common divisor; 0 divides by everything.
fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// The number of the state that a tick makes.
pub fn state_of(tick: Tick) -> u32 {
    tick.frames_done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_of_the_ring_hits_every_due_state() {
        for every in [vec![], vec![1], vec![7], vec![6, 4], vec![10, 15, 7], vec![5, 5]] {
            let due = Due::new(every.iter().copied());
            assert_eq!(due.step == 0, every.is_empty());
            let expected: Vec<u32> = (0..=300).filter(|s| every.iter().any(|e| s % e == 0)).collect();
            assert_eq!(due.states(0, 300).collect::<Vec<_>>(), expected);
            assert_eq!(due.states(7, 299).collect::<Vec<_>>(), expected_between(&expected, 7, 299));
            assert!(expected.iter().all(|s| s.is_multiple_of(due.step)));
        }
    }

    fn expected_between(all: &[u32], from: u32, through: u32) -> Vec<u32> {
        all.iter().copied().filter(|s| (from..=through).contains(s)).collect()
    }

    #[test]
    fn no_state_within_the_room_takes_a_slot_that_is_still_full() {
        for every in [1u32, 3, 7] {
            let due = Due::new([every]);
            let slot = |state: u32| state / due.step % RECORD_RING;
            for taken_before in [0, 1, every, 50 * every + 1, RECORD_RING * every] {
                let room = due.room(taken_before);
                assert!(room >= taken_before);
                let mut slots: Vec<u32> = due.states(taken_before, room).map(slot).collect();
                assert_eq!(slots.len(), RECORD_RING as usize);
                slots.sort_unstable();
                slots.dedup();
                assert_eq!(slots.len(), RECORD_RING as usize, "every {every}, from {taken_before}");
            }
        }
        assert_eq!(Due::new([]).room(5), u32::MAX);
        assert_eq!(Due::new([u32::MAX]).room(5), u32::MAX - 1);
        assert_eq!(Due::new([1]).room(u32::MAX), u32::MAX - 1);
    }
}
