//! Failures that a run is told to have: whether they can come about, those that are the coordinator's own, and which never did.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use diptych_protocol::id::StageId;
use diptych_protocol::inject::{Failure, Injection};
use diptych_protocol::layout::Layout;
use diptych_protocol::limits::INJECTIONS_MAX;
use diptych_protocol::program::{Program, Stage};
use diptych_protocol::verify;

use super::{Options, RunError, within};

/// A disk that is full where the run is told so. All who write the run's files ask it.
#[derive(Clone, Default)]
pub(super) struct Disk(Arc<[(u32, AtomicBool)]>);

impl Disk {
    /// Of the frames for which the run is told that it is full.
    pub(super) fn new(injections: &[Injection]) -> Self {
        let full = injections.iter().filter(|it| it.failure == Failure::Full);
        Self(full.map(|it| (it.tick.frames_done(), AtomicBool::new(false))).collect())
    }

    /// Whether there is space for what is written of a frame: once for each time that the run is told so, there is none.
    pub(super) fn space(&self, frame: u32) -> io::Result<()> {
        match self.0.iter().any(|(full, had)| *full == frame && !had.swap(true, Ordering::Relaxed)) {
            true => Err(rustix::io::Errno::NOSPC.into()),
            false => Ok(()),
        }
    }
}

/// Those that did not come about, when workers took these, a bit each.
pub(super) fn left(injections: &[Injection], taken: u64, disk: &Disk) -> Vec<Injection> {
    let mut full = disk.0.iter().map(|(_, had)| had.load(Ordering::Relaxed));
    let mut left = injections.to_vec();
    let mut number = 0;
    left.retain(|it| {
        let happened = match it.failure.of_worker() {
            true => taken & (1 << number) != 0,
            false => full.next().unwrap_or(false),
        };
        number += 1;
        !happened
    });
    left
}

/// Refuses what cannot come about, as far as that is known before a run.
pub(super) fn check(program: &Program, options: &Options, workers: u16) -> Result<(), RunError> {
    let records = options.records.is_some() && !program.outputs.records.is_empty();
    let writes = records || options.checkpoints.is_some();
    within("a number of injected failures of", options.injections.len() as u64, INJECTIONS_MAX as u64)?;
    for injection in &options.injections {
        let refused = |why: String| Err(RunError::Injection { injection: *injection, why });
        if injection.failure.of_worker() && workers == 0 {
            return refused("it happens to a worker process, and there is none: say --workers 1, or more".into());
        }
        if !injection.failure.of_worker() && !writes {
            return refused("the run writes nothing".into());
        }
        // Which program runs when is known of swaps that are planned. Of those that come, nothing is.
        if options.editions.is_none() {
            let frame = injection.tick.frames_done();
            let before = options.swaps.iter().rev().find(|swap| swap.frame < frame);
            let program = before.map_or(program, |swap| &swap.edition.program);
            if let Err(why) = fits(program, injection, workers) {
                return refused(why);
            }
        }
    }
    Ok(())
}

fn fits(program: &Program, injection: &Injection, workers: u16) -> Result<(), String> {
    let frame = injection.tick.frames_done();
    if frame > program.frames {
        return Err(format!("the run has {} frames: say 1 to {}, or 0 for set-up", program.frames, program.frames));
    }
    // What is wrong with a program is told elsewhere.
    if !injection.failure.of_worker() || verify::verify(program).is_err() {
        return Ok(());
    }
    let stages = program.stages(injection.tick);
    let numbered = || (0..).map(StageId).zip(stages);
    let meant = |(number, stage): &(StageId, &Stage)| injection.stages.has(*number, stage.kind);
    let layout = Layout::new(program, workers);
    let most = numbered().filter(meant).map(|(number, _)| layout.stage(injection.tick, number).tickets).max();
    let Some(most) = most else {
        let there: Vec<String> =
            numbered().map(|(number, stage)| format!("{} {}", number.0, stage.kind.name())).collect();
        return Err(format!("frame {frame} has no such stage; it has {}", there.join(", ")));
    };
    match injection.batch.filter(|batch| *batch >= most) {
        None => Ok(()),
        Some(batch) => {
            Err(format!("there is no batch {batch}: of such stages of frame {frame} none can have more than {most}"))
        }
    }
}
