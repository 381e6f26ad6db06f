//! Where a run's time went: what its workers told of it, added up by stages, steps and systems, and a table of that for
//! people.
//!
//! All of it is measured, but for one thing: which line of a system costs most cannot be, since its code is one piece of
//! vector code a batch. It is estimated from the operations that each line was written with, and said to be.

pub(crate) mod lines;
mod shown;

use std::collections::BTreeMap;

use diptych_protocol::id::{StageId, StepId, SystemId, Tick};
use diptych_protocol::program::Program;
use diptych_protocol::table::Table;
use diptych_protocol::trace::{Event, What};

pub use shown::{Line, Report};

/// What a run's workers told of their time, a section a program that it ran.
#[derive(Clone, Default, Debug)]
pub struct Profile {
    sections: Vec<Section>,
    dropped: u64,
}

/// Of one program. Where another process has written into the rings sums may be anything, and nothing else comes of it.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) program: Program,
    /// Of each worker from when to when it was seen in frames, in nanoseconds.
    seen: Vec<Option<(u64, u64)>>,
    /// Whose frames: the first tick, and the last.
    ticks: Option<(Tick, Tick)>,
    pub(crate) setup: u64,
    pub(crate) stages: Vec<Stage>,
    pub(crate) steps: BTreeMap<StepId, Spent>,
    pub(crate) systems: Table<SystemId, Spent>,
    pub(crate) reduces: BTreeMap<StepId, Spent>,
    /// Waits for the coordinator, in nanoseconds.
    pub(crate) held: u64,
    /// What each worker has done in stages that may not be complete yet.
    open: BTreeMap<(Tick, StageId), Vec<u64>>,
}

/// Time that something took, in nanoseconds of workers; how often, and for how many rows.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Spent {
    pub(crate) nanos: u64,
    pub(crate) rows: u64,
}

impl Spent {
    fn add(&mut self, event: &Event, rows: usize) {
        self.nanos = self.nanos.saturating_add(event.end - event.begin);
        self.rows = self.rows.saturating_add(rows as u64);
    }
}

/// Time of a stage.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Stage {
    /// Waits at its end.
    pub(crate) waits: u64,
    /// Of each frame what its busiest worker did, and what all together did.
    busiest: u64,
    all: u64,
}

impl Stage {
    /// How much longer the busiest worker had to do than it would have if each had the same.
    pub(crate) fn uneven(&self, workers: usize) -> Option<f64> {
        (self.all > 0).then(|| self.busiest as f64 * workers as f64 / self.all as f64)
    }
}

impl Section {
    fn new(program: &Program, workers: usize) -> Self {
        Self {
            program: program.clone(),
            seen: vec![None; workers],
            ticks: None,
            setup: 0,
            stages: vec![Stage::default(); program.schedule.frame.len()],
            steps: BTreeMap::new(),
            systems: program.systems.ids().map(|_| Spent::default()).collect(),
            reduces: BTreeMap::new(),
            held: 0,
            open: BTreeMap::new(),
        }
    }

    fn event(&mut self, worker: usize, event: &Event) {
        if event.tick == Tick::SETUP {
            if let What::Batch { .. } = event.what {
                self.setup = self.setup.saturating_add(event.end - event.begin);
            }
            return;
        }
        if matches!(event.what, What::Began(_)) {
            return;
        }
        let (first, last) = self.ticks.unwrap_or((event.tick, event.tick));
        self.ticks = Some((first.min(event.tick), last.max(event.tick)));
        let (begin, end) = self.seen[worker].unwrap_or((event.begin, event.end));
        self.seen[worker] = Some((begin.min(event.begin), end.max(event.end)));
        let step = |stage: StageId| self.program.schedule.frame[usize::from(stage.0)].steps.first().copied();
        match event.what {
            What::Batch { step, rows, .. } => {
                let rows = match self.program.steps[step].domain.rows(&self.program) {
                    Some(_) => rows.len(),
                    None => 0,
                };
                self.steps.entry(step).or_default().add(event, rows);
                let workers = self.seen.len();
                let busy = self.open.entry((event.tick, event.stage)).or_insert_with(|| vec![0; workers]);
                busy[worker] = busy[worker].saturating_add(event.end - event.begin);
            }
            What::System(system, rows) => self.systems[system].add(event, rows.len()),
            What::Reduce(rows) => {
                if let Some(step) = step(event.stage) {
                    self.reduces.entry(step).or_default().add(event, rows.len());
                }
            }
            What::Wait(_) => {
                let waits = &mut self.stages[usize::from(event.stage.0)].waits;
                *waits = waits.saturating_add(event.end - event.begin);
            }
            What::Held(_) => self.held = self.held.saturating_add(event.end - event.begin),
            What::Began(_) => {}
        }
    }

    /// All ticks through this one are complete.
    fn complete(&mut self, published: Tick) {
        let open = self.open.split_off(&(published.next(), StageId(0)));
        for ((_, stage), busy) in std::mem::replace(&mut self.open, open) {
            let stage = &mut self.stages[usize::from(stage.0)];
            stage.busiest = stage.busiest.saturating_add(busy.iter().copied().max().unwrap_or(0));
            stage.all = busy.iter().fold(stage.all, |all, busy| all.saturating_add(*busy));
        }
    }

    /// Workers, or threads.
    pub(crate) fn workers(&self) -> usize {
        self.seen.len()
    }

    /// Frames that were seen.
    pub(crate) fn frames(&self) -> u32 {
        self.ticks.map_or(0, |(first, last)| last.0 - first.0 + 1)
    }

    /// The first of them, counted from 1.
    pub(crate) fn first(&self) -> u32 {
        self.ticks.map_or(0, |(first, _)| first.frames_done())
    }

    /// Time that workers had: from when the first was seen until the last was.
    pub(crate) fn nanos(&self) -> u64 {
        let seen = || self.seen.iter().flatten();
        let begin = seen().map(|(begin, _)| *begin).min().unwrap_or(0);
        let end = seen().map(|(_, end)| *end).max().unwrap_or(0);
        (end - begin).saturating_mul(self.workers() as u64)
    }
}

impl Profile {
    /// From now on this program runs.
    pub(crate) fn program(&mut self, program: &Program, workers: usize) {
        self.sections.push(Section::new(program, workers));
    }

    pub(crate) fn event(&mut self, worker: usize, event: &Event) {
        if let Some(section) = self.sections.last_mut() {
            section.event(worker, event);
        }
    }

    /// All ticks through this one are complete.
    pub(crate) fn complete(&mut self, published: Tick) {
        if let Some(section) = self.sections.last_mut() {
            section.complete(published);
        }
    }

    /// The run is over; so many events found no room.
    pub(crate) fn finished(mut self, dropped: u64) -> Self {
        self.dropped = dropped;
        self
    }

    /// The table.
    pub fn report(&self) -> Report {
        Report::new(&self.sections, self.dropped)
    }
}
