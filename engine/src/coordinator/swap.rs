//! Hot swap: a run goes on with another program, from a whole frame on.
//!
//! Beside the run the new program is verified, laid out, given memory, and, unless it takes over all that it has, set up
//! ([`prepare`]); then its workers are
//! launched, and attach. None of that can harm the run: where it fails, nothing has happened but a report. At the frame the
//! old workers are told to leave and are reaped, every one; the last tick that they *published* is the state that goes on,
//! and one that they had begun is never seen. What [`Plan`] keeps of that state is brought into the new memory; the new
//! program aggregates and commits it once more, so that its own signals have values ([`adopt`]); it is published there, and
//! the new workers go on from it. No frame runs mixed: a worker knows one program in its life.
//!
//! Set-up and that last step run in this process, on threads: they are no part of a frame, and nobody else runs meanwhile.
//!
//! Which frame it is decides what comes out, not when the program was ready: a swap is told with its frame, or, live, gets
//! one that is told afterwards, and stands in the journal.

mod report;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use diptych_protocol::adopt::Plan;
use diptych_protocol::blame::Blame;
use diptych_protocol::id::Tick;
use diptych_protocol::message::Backend;
use diptych_protocol::program::{Program, StageKind};
use diptych_protocol::still::Still;
use diptych_workers::float_mode;
use diptych_workers::in_process::InProcess;
use diptych_workers::kernel::Registry;
use rayon::ThreadPool;

pub use report::Report;

use super::site::{Setting, Site};
use super::supervise::failed;
use super::{RunError, cores};

/// A program to go on with.
#[derive(Clone, PartialEq, Debug)]
pub struct Edition {
    /// The program.
    pub program: Program,
    /// The columns of files that it is made from, as [`Program::data`] lists them.
    pub data: Vec<Vec<u8>>,
}

/// A swap that is known beforehand.
#[derive(Clone, PartialEq, Debug)]
pub struct Swap {
    /// So many frames are complete, 0 or more, and fewer than the program before runs: else it does not come to it.
    pub frame: u32,
    /// What the run goes on with.
    pub edition: Edition,
}

/// A swap that has happened.
#[derive(Clone, PartialEq, Debug)]
pub struct Swapped {
    /// So many frames were complete.
    pub frame: u32,
    /// The hash of the program that the run goes on with.
    pub program_hash: u128,
    /// What was kept, and what was not.
    pub report: Report,
    /// From when the frame before was complete until workers could go on.
    pub pause: Duration,
}

/// Where the programs come from that a run is to go on with.
pub(super) struct Editions {
    planned: VecDeque<Swap>,
    live: Option<Receiver<Edition>>,
}

/// What a run is to go on with next.
pub(super) struct Next {
    /// At which frame, if that is known.
    pub(super) frame: Option<u32>,
    pub(super) edition: Edition,
}

impl Editions {
    pub(super) fn new(planned: Vec<Swap>, live: Option<Receiver<Edition>>) -> Self {
        Self { planned: planned.into(), live }
    }

    /// The last tick before the next one that is planned.
    pub(super) fn due(&self) -> Tick {
        self.planned.front().map_or(Tick(u32::MAX), |swap| Tick::after_frames(swap.frame))
    }

    /// The next one: what is planned first, then whatever has come last.
    pub(super) fn next(&mut self) -> Option<Next> {
        if let Some(Swap { frame, edition }) = self.planned.pop_front() {
            return Some(Next { frame: Some(frame), edition });
        }
        let edition = self.live.as_ref()?.try_iter().last()?;
        Some(Next { frame: None, edition })
    }
}

/// A program that is ready for its workers.
pub(super) struct Prepared {
    pub(super) site: Arc<Site>,
    plan: Plan,
    pub(super) report: Report,
    pub(super) machine: InProcess,
    pub(super) pool: Arc<ThreadPool>,
}

/// Threads that compute as workers do.
pub(super) fn pool() -> Result<Arc<ThreadPool>, RunError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores().into()).start_handler(|_| float_mode::set()).build();
    pool.map(Arc::new).map_err(|e| RunError::Workers(format!("cannot start threads: {e}")))
}

/// Gives a program memory, and sets it up as far as it may have to take over nothing. It gives up where it is told so.
pub(super) fn prepare(
    edition: Edition,
    old: &Program,
    (registry, backend): (&Registry, Backend),
    (setting, pool): (&Setting, Arc<ThreadPool>),
    given_up: &AtomicBool,
) -> Result<Prepared, RunError> {
    let Edition { program, data } = edition;
    let plan = Plan::new(old, &program);
    let whole = plan.is_whole(&program);
    let site = Site::new(program, (!whole).then_some(&data[..]), setting)?;
    let machine = pool.install(|| InProcess::new(&site.program, registry, backend))?;
    if !whole {
        let mut track = site.track();
        track.set_up_for(&plan);
        let first = |kind| matches!(kind, StageKind::Setup | StageKind::Edit) && !given_up.load(Ordering::Relaxed);
        pool.install(|| machine.stages(&track, Tick::SETUP, first)).map_err(|blame| failed(&site.program, blame))?;
    }
    site.board().publish(Tick::SETUP);
    let report = Report::new(old, &site.program, &plan);
    Ok(Prepared { site: Arc::new(site), plan, report, machine, pool })
}

/// Brings a state into what is prepared, and publishes it there.
pub(super) fn adopt(prepared: &Prepared, state: &Still<'_>) -> Result<Tick, RunError> {
    let Prepared { site, plan, machine, pool, .. } = prepared;
    let mut track = site.track();
    let finish = |kind| matches!(kind, StageKind::Reduce | StageKind::Commit);
    let tick: Result<Tick, Box<Blame>> = pool.install(|| {
        let tick = track.adopt(state, plan);
        machine.stages(&track, tick, finish).map(|()| tick)
    });
    let tick = tick.map_err(|blame| failed(&site.program, blame))?;
    site.board().publish(tick);
    Ok(tick)
}
