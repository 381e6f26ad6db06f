//! Where time goes: rings of events, one a worker, that the coordinator empties beside the run.
//!
//! They are laid out only where somebody asks for a trace or a profile. Each ring has one writer, the worker whose slot it
//! has (after a death its replacement), and one reader, the coordinator. Nobody waits for it: where it is full an event is
//! dropped and counted, and neither results nor speed depend on it. Times are those of `CLOCK_MONOTONIC`, which all
//! processes of a machine share.
//!
//! A writer stores the event, then, releasing, how many there are; a reader loads that, acquiring, takes them out, and
//! stores how far it is. Who dies between the two has not written it.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::id::{BatchId, Id, RowRange, StageId, StepId, SystemId, Tick};
use crate::layout::{Arena, LINE, Words};
use crate::limits::TRACE_RING;
use crate::memory::Memory;
use crate::program::Program;

/// 64-bit words of an event.
const EVENT_WORDS: usize = 5;
/// Where the reader's word stands, and where the events begin: each behind a line of its own.
const TAKEN: usize = LINE / 8;
const EVENTS: usize = 2 * LINE / 8;

/// What a run traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Traced {
    /// How many rings there are: one a worker or, in one process, one a thread.
    pub rings: u16,
    /// The first tick whose events are written,
    pub from: Tick,
    /// and the last.
    pub through: Tick,
}

impl Traced {
    /// Whether a tick's events are written.
    #[inline]
    pub fn has(&self, tick: Tick) -> bool {
        self.from <= tick && tick <= self.through
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline]
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Something that took a worker's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// When it began, in nanoseconds: see [`now`].
    pub begin: u64,
    /// When it was over.
    pub end: u64,
    /// In which tick.
    pub tick: Tick,
    /// In which of its stages.
    pub stage: StageId,
    /// What it was.
    pub what: What,
}

/// What took a worker's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    /// It attached, and begins: the process with this id.
    Began(u32),
    /// It ran a batch, of these rows (slots, a chunk's number: as its step divides). Parts of it come before it.
    Batch {
        /// Of this step,
        step: StepId,
        /// this one.
        batch: BatchId,
        /// Its rows.
        rows: RowRange,
    },
    /// A part of a batch: a system of a pass.
    System(SystemId, RowRange),
    /// A part of a batch: a pass aggregates its rows.
    Reduce(RowRange),
    /// It waited for others to complete the stage; whether it slept meanwhile.
    Wait(bool),
    /// It waited for the coordinator to let it go on; whether it slept meanwhile.
    Held(bool),
}

impl Event {
    fn pack(&self) -> [u64; EVENT_WORDS] {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let (kind, a, b, rows) = match self.what {
            What::Began(pid) => (1, pid, 0, RowRange::new(0, 0)),
            What::Batch { step, batch, rows } => (2, step.0, batch.0, rows),
            What::System(system, rows) => (3, system.0, 0, rows),
            What::Reduce(rows) => (4, 0, 0, rows),
            What::Wait(slept) => (5, u32::from(slept), 0, RowRange::new(0, 0)),
            What::Held(slept) => (6, u32::from(slept), 0, RowRange::new(0, 0)),
        };
        let head = pair(self.tick.0, u32::from(self.stage.0) << 16 | kind);
        [self.begin, self.end, head, pair(a, b), pair(rows.start, rows.end)]
    }

    /// Nothing if no event of this program is written so: another process has written there.
    fn unpack([begin, end, head, pair, rows]: [u64; EVENT_WORDS], program: &Program) -> Option<Self> {
        let (tick, stage) = (Tick((head >> 32) as u32), StageId((head >> 16) as u16));
        let (a, b) = ((pair >> 32) as u32, pair as u32);
        let (start, stop) = ((rows >> 32) as u32, rows as u32);
        let rows = (start <= stop).then_some(RowRange { start, end: stop })?;
        let what = match head as u16 {
            1 => What::Began(a),
            2 => What::Batch { step: StepId::new(a), batch: BatchId(b), rows },
            3 => What::System(SystemId::new(a), rows),
            4 => What::Reduce(rows),
            5 => What::Wait(a != 0),
            6 => What::Held(a != 0),
            _ => return None,
        };
        let known = match what {
            What::Batch { step, .. } => program.steps.contains(step),
            What::System(system, _) => program.systems.contains(system),
            _ => true,
        };
        let staged = usize::from(stage.0) < program.stages(tick).len();
        (known && staged && begin <= end).then_some(Self { begin, end, tick, stage, what })
    }
}

/// Gives out the rings.
pub(crate) fn places(rings: u16, arena: &mut Arena) -> Vec<Words<u64>> {
    (0..rings).map(|_| arena.words(EVENTS + TRACE_RING * EVENT_WORDS)).collect()
}

/// Where a writer is in its ring.
pub struct Writer<'m> {
    words: &'m [AtomicU64],
    written: u64,
    /// How many the reader had taken out when it was asked last.
    taken: u64,
}

impl<'m> Writer<'m> {
    /// Goes on where whoever had the ring before was.
    pub fn new(memory: &'m Memory, ring: Words<u64>) -> Self {
        let words = memory.words(ring);
        let load = |at: usize| {
            let word: &AtomicU64 = &words[at];
            word.load(Ordering::Acquire)
        };
        Self { words, written: load(0), taken: load(TAKEN) }
    }

    /// Writes an event, or counts it where there is no room. Says whether it is time to take events out: half of the
    /// ring has been filled since that was said last.
    pub fn write(&mut self, event: &Event) -> bool {
        if self.written.wrapping_sub(self.taken) >= TRACE_RING as u64 {
            self.taken = self.words[TAKEN].load(Ordering::Acquire);
        }
        if self.written.wrapping_sub(self.taken) >= TRACE_RING as u64 {
            let dropped = &self.words[1];
            dropped.store(dropped.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
            return false;
        }
        let start = EVENTS + self.written as usize % TRACE_RING * EVENT_WORDS;
        for (word, value) in self.words[start..start + EVENT_WORDS].iter().zip(event.pack()) {
            word.store(value, Ordering::Relaxed);
        }
        self.written = self.written.wrapping_add(1);
        self.words[0].store(self.written, Ordering::Release);
        self.written.is_multiple_of(TRACE_RING as u64 / 2)
    }
}

/// Takes all events out of a ring, in their order. Gives how many were dropped since the ring was made.
pub fn drain(memory: &Memory, ring: Words<u64>, program: &Program, mut take: impl FnMut(Event)) -> u64 {
    let words: &[AtomicU64] = memory.words(ring);
    let written = words[0].load(Ordering::Acquire);
    let taken = words[TAKEN].load(Ordering::Relaxed);
    // More than there is room for is nothing that a writer has written.
    for number in 0..written.wrapping_sub(taken).min(TRACE_RING as u64) {
        let start = EVENTS + taken.wrapping_add(number) as usize % TRACE_RING * EVENT_WORDS;
        let event = std::array::from_fn(|at| words[start + at].load(Ordering::Relaxed));
        if let Some(event) = Event::unpack(event, program) {
            take(event);
        }
    }
    words[TAKEN].store(written, Ordering::Release);
    words[1].load(Ordering::Relaxed)
}

const _: () = assert!(TRACE_RING.is_power_of_two());

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::segment::Segment;
    use crate::verify;

    fn event(number: u64, what: What) -> Event {
        Event {
            begin: 10 * number,
            end: 10 * number + 7,
            tick: Tick(number as u32 % 1000 + 2),
            stage: StageId(0),
            what,
        }
    }

    #[test]
    fn events_come_out_as_they_went_in_also_behind_a_death() {
        let program = verify::tests::sound();
        let layout = Layout::traced(&program, 1, 1);
        let segment = Segment::create(layout.bytes).unwrap();
        let (memory, ring) = (segment.memory(), layout.trace[0]);
        let rows = RowRange::new(64, 128);
        let all = [
            What::Began(4711),
            What::System(SystemId::new(0), rows),
            What::Reduce(rows),
            What::Batch { step: StepId::new(1), batch: BatchId(3), rows },
            What::Wait(true),
            What::Held(false),
        ];
        let events: Vec<Event> = (1..).zip(all).map(|(number, what)| event(number, what)).collect();
        let mut writer = Writer::new(memory, ring);
        events[..3].iter().for_each(|event| assert!(!writer.write(event)));
        // Whoever takes the place goes on behind them.
        let mut writer = Writer::new(memory, ring);
        events[3..].iter().for_each(|event| assert!(!writer.write(event)));
        let mut seen = Vec::new();
        assert_eq!(drain(memory, ring, &program, |event| seen.push(event)), 0);
        assert_eq!(seen, events);
        drain(memory, ring, &program, |event| panic!("{event:?} comes out twice"));
    }

    #[test]
    fn what_finds_no_room_is_counted_and_nothing_else_is_lost() {
        let program = verify::tests::sound();
        let layout = Layout::traced(&program, 1, 1);
        let segment = Segment::create(layout.bytes).unwrap();
        let (memory, ring) = (segment.memory(), layout.trace[0]);
        let mut writer = Writer::new(memory, ring);
        let mut halves = 0;
        for number in 0..TRACE_RING as u64 + 100 {
            halves += u32::from(writer.write(&event(number, What::Wait(false))));
        }
        assert_eq!(halves, 2);
        let mut seen = 0;
        let dropped = drain(memory, ring, &program, |event| {
            assert_eq!(event.begin, 10 * seen);
            seen += 1;
        });
        assert_eq!((seen, dropped), (TRACE_RING as u64, 100));
        assert!(!writer.write(&event(9, What::Held(true))));
        let mut last = Vec::new();
        assert_eq!(drain(memory, ring, &program, |event| last.push(event)), 100);
        assert_eq!(last, [event(9, What::Held(true))]);
    }

    #[test]
    fn rubbish_is_no_event() {
        let program = verify::tests::sound();
        let sound = event(1, What::Batch { step: StepId::new(0), batch: BatchId(0), rows: RowRange::new(0, 9) }).pack();
        assert!(Event::unpack(sound, &program).is_some());
        for word in 0..EVENT_WORDS {
            let mut spoilt = sound;
            spoilt[word] = u64::MAX;
            // A time behind all others is one, and rows may be any that are a range: here there is none of them.
            let is_event = Event::unpack(spoilt, &program).is_some();
            assert_eq!(is_event, [1, 4].contains(&word), "{word}");
        }
    }
}
