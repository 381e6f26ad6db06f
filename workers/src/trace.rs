//! What a worker notes of its time, where a run is traced. Where it is not, a batch costs a look at a `bool`.
//!
//! The clock is read at the end of each part of a batch, and where a wait ends: what follows begins there, so that looking for
//! a batch counts to the batch.

use diptych_protocol::board::Board;
use diptych_protocol::id::{BatchId, RowRange, StageId, StepId, SystemId, Tick, WorkerId};
use diptych_protocol::layout::Layout;
use diptych_protocol::memory::Memory;
use diptych_protocol::trace::{Event, Traced, What, Writer, now};
use diptych_protocol::track::Track;
use diptych_protocol::walker::Walker;

use crate::runner::Claim;

/// When the parts of the batch that runs were over.
#[derive(Default)]
pub struct Laps {
    on: bool,
    batch: Option<(StepId, BatchId, RowRange)>,
    ends: Vec<(Part, u64)>,
}

/// A part of a batch.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    System(SystemId),
    Reduce,
}

impl Laps {
    /// A batch begins.
    #[inline]
    pub(crate) fn begin(&mut self, step: StepId, batch: BatchId, rows: RowRange) {
        if self.on {
            self.batch = Some((step, batch, rows));
            self.ends.clear();
        }
    }

    /// A part of it is over.
    #[inline]
    pub(crate) fn end(&mut self, part: Part) {
        if self.on {
            self.ends.push((part, now()));
        }
    }

    /// Whether the next batch is traced.
    #[inline]
    pub(crate) fn turn(&mut self, on: bool) {
        self.on = on;
    }

    /// What there is to tell of a batch that began then: its parts, then itself.
    pub(crate) fn tell(&mut self, claim: Claim, begin: u64, mut tell: impl FnMut(Event)) -> u64 {
        let Some((step, batch, rows)) = self.batch.take() else { return begin };
        let Claim { tick, stage, .. } = claim;
        let mut since = begin;
        for &(part, end) in &self.ends {
            let what = match part {
                Part::System(system) => What::System(system, rows),
                Part::Reduce => What::Reduce(rows),
            };
            tell(Event { begin: since, end, tick, stage, what });
            since = end;
        }
        let end = if self.ends.is_empty() { now() } else { since };
        tell(Event { begin, end, tick, stage, what: What::Batch { step, batch, rows } });
        end
    }
}

/// A worker that notes its time.
pub struct Tracer<'m> {
    on: Option<On<'m>>,
}

struct On<'m> {
    traced: Traced,
    writer: Writer<'m>,
    board: Board<'m>,
    /// When the last event was over; 0 if that is not known.
    last: u64,
    /// It waits: for the coordinator, and has slept, or not.
    waits: Option<(bool, bool)>,
}

impl<'m> Tracer<'m> {
    /// Of the worker in this slot, who begins.
    pub fn new(memory: &'m Memory, layout: &Layout, traced: Option<Traced>, me: WorkerId) -> Self {
        let ring = layout.trace.get(usize::from(me.0)).copied();
        let on = traced.zip(ring).map(|(traced, ring)| {
            let writer = Writer::new(memory, ring);
            let mut on = On { traced, writer, board: Board::new(memory, layout), last: now(), waits: None };
            let tick = on.board.published().next();
            on.note(tick, StageId(0), What::Began(std::process::id()), on.last);
            on
        });
        Self { on }
    }

    /// A batch is about to be run: says whether it is traced.
    #[inline]
    pub(crate) fn begin(&mut self, walker: &Walker) -> bool {
        self.on.as_mut().is_some_and(|on| on.begin(walker))
    }

    /// It has been run.
    #[inline]
    pub(crate) fn ran(&mut self, claim: Claim, laps: &mut Laps) {
        if let Some(on) = self.on.as_mut().filter(|on| on.last != 0) {
            on.last = laps.tell(claim, on.last, |event| {
                if on.writer.write(&event) {
                    on.board.ring();
                }
            });
        }
    }

    /// It waits, for others or for the coordinator; whether it sleeps.
    #[inline]
    pub(crate) fn waits(&mut self, walker: &Walker, held: bool, sleeps: bool) {
        if let Some(on) = &mut self.on {
            if on.waits.is_some_and(|(before, _)| before != held) {
                on.waited(walker);
            }
            on.waits = Some((held, sleeps || on.waits.is_some_and(|(_, slept)| slept)));
        }
    }

    /// A stage is complete that it may have waited for.
    #[inline]
    pub(crate) fn passed(&mut self, walker: &Walker) {
        if let Some(on) = &mut self.on {
            on.waited(walker);
        }
    }
}

impl On<'_> {
    fn begin(&mut self, walker: &Walker) -> bool {
        self.waited(walker);
        let traced = self.traced.has(walker.tick());
        match (traced, self.last) {
            (false, _) => self.last = 0,
            (true, 0) => self.last = now(),
            (true, _) => {}
        }
        traced
    }

    /// If it has waited, that is over.
    fn waited(&mut self, walker: &Walker) {
        let Some((held, slept)) = self.waits.take() else { return };
        let tick = walker.tick();
        if !self.traced.has(tick) {
            self.last = 0;
            return;
        }
        let end = now();
        if self.last != 0 {
            let what = if held { What::Held(slept) } else { What::Wait(slept) };
            self.note(tick, walker.stage(), what, end);
        }
        self.last = end;
    }

    fn note(&mut self, tick: Tick, stage: StageId, what: What, end: u64) {
        if self.writer.write(&Event { begin: self.last, end, tick, stage, what }) {
            self.board.ring();
        }
    }
}

/// Tells of a batch that was run in this process, by the thread with this number, and began then.
pub(crate) fn ran_here(track: &Track<'_>, thread: usize, claim: Claim, begin: u64, laps: &mut Laps) {
    if let Some(ring) = track.layout.trace.get(thread) {
        let mut writer = Writer::new(track.memory, *ring);
        laps.tell(claim, begin, |event| {
            // Nobody waits for a ring here: the rings are emptied between frames.
            let _ = writer.write(&event);
        });
    }
}
