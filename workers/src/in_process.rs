//! The same batches in one process, on rayon: for debugging, and as the reference that worker processes must equal.

use std::ops::Range;
use std::sync::Mutex;

use crossbeam::utils::CachePadded;
use diptych_protocol::access::AccessError;
use diptych_protocol::blame::Blame;
use diptych_protocol::board::Board;
use diptych_protocol::id::{StageId, Tick};
use diptych_protocol::program::{Program, StageKind};
use diptych_protocol::trace::{Traced, now};
use diptych_protocol::track::Track;
use diptych_protocol::walker::Course;
use rayon::prelude::*;

use crate::body::Backend;
use crate::kernel::Registry;
use crate::runner::{Claim, Runner};
use crate::trace::ran_here;

/// Runners, one a thread of the current rayon pool.
pub struct InProcess {
    runners: Vec<CachePadded<Mutex<Runner>>>,
    traced: Option<Traced>,
}

impl InProcess {
    /// Binds a program's kernels once a thread.
    pub fn new(program: &Program, registry: &Registry, backend: Backend) -> Result<Self, AccessError> {
        let runners = (0..rayon::current_num_threads())
            .map(|_| Ok(CachePadded::new(Mutex::new(Runner::new(program, registry, backend)?))))
            .collect::<Result<_, AccessError>>()?;
        Ok(Self { runners, traced: None })
    }

    /// From now on threads note their time.
    pub fn trace(&mut self, traced: Option<Traced>) {
        self.traced = traced;
    }

    /// Runs one tick whole and publishes it. Of several faults the one of the first batch is blamed.
    pub fn tick(&self, track: &mut Track<'_>, tick: Tick) -> Result<(), Box<Blame>> {
        track.begin(tick);
        self.stages(track, tick, |_| true)?;
        Board::new(track.memory, track.layout).publish(tick);
        Ok(())
    }

    /// Runs the stages of a tick that are of some kinds, from the record that the track holds. Whoever calls says when to
    /// publish it.
    pub fn stages(&self, track: &Track<'_>, tick: Tick, of: impl Fn(StageKind) -> bool) -> Result<(), Box<Blame>> {
        let stages = track.stages_of(tick).iter().zip(0..);
        for stage in stages.filter(|(stage, _)| of(stage.kind)).map(|(_, number)| StageId(number)) {
            let batches = 0..track.batches(tick, stage).unwrap_or(0);
            if let Some(blame) = self.first_fault(track, tick, stage, batches) {
                return Err(blame);
            }
        }
        Ok(())
    }

    /// Runs some batches of a stage, from the record that the track holds, when all stages before are complete: whether any
    /// of them was run before or not. Gives the blame of the first that fails.
    pub fn first_fault(
        &self,
        track: &Track<'_>,
        tick: Tick,
        stage: StageId,
        batches: Range<u32>,
    ) -> Option<Box<Blame>> {
        let faults = (batches.into_par_iter())
            .filter_map(|batch| self.run(track, Claim { tick, stage, batch }).err().map(|blame| (batch, blame)));
        faults.min_by_key(|(batch, _)| *batch).map(|(_, blame)| blame)
    }

    fn run(&self, track: &Track<'_>, claim: Claim) -> Result<(), Box<Blame>> {
        let mine = rayon::current_thread_index().unwrap_or(0) % self.runners.len();
        let mut runner = match self.runners[mine].lock() {
            Ok(runner) => runner,
            Err(poisoned) => poisoned.into_inner(),
        };
        let traced = self.traced.is_some_and(|traced| traced.has(claim.tick));
        runner.laps().turn(traced);
        let begin = if traced { now() } else { 0 };
        #[expect(unsafe_code, reason = "runs each batch of a stage once")]
        // SAFETY: the caller runs each batch of a stage once at a time, stages one after another, in a segment that no worker
        // process attaches to, or whose workers have been reaped; the program was verified.
        let result = unsafe { runner.run_claimed(track, claim, |_| ()) };
        if traced {
            ran_here(track, mine, claim, begin, runner.laps());
        }
        result
    }
}
