//! The coordinator: lays out memory, launches workers, publishes the horizon, supervises, and ends cleanly.
//! It computes no bit of a frame.

mod allowance;
mod beside;
mod blame;
mod checkpoints;
mod commands;
mod crew;
mod deaths;
mod error;
mod in_process;
mod inject;
mod launch;
mod lender;
mod nan;
mod options;
mod origin;
mod outcome;
mod pictures;
mod pulse;
mod records;
mod series;
mod site;
mod supervise;
mod swap;
mod takers;
mod tracer;
mod viewers;
mod write_errors;

use std::sync::Arc;

use diptych_protocol::board::Halt;
use diptych_protocol::limits::WORKERS_MAX;
use diptych_protocol::program::Program;
use diptych_workers::kernel::Registry;

use beside::Beside;
use site::{Setting, Site};

pub use checkpoints::{Checkpointed, Checkpoints, CheckpointsError, checkpoints};
pub(crate) use commands::shown;
pub use commands::{Command, Rejected, Told, value};
pub use diptych_protocol::checkpoint::{Checkpoint, CheckpointError, Plan};
pub use diptych_protocol::message::Backend;
pub use error::RunError;
pub use nan::NanFound;
pub use options::{OnBegin, OnCommand, OnNan, OnSwap, Options, Progress};
pub use origin::Origin;
pub use outcome::{Ensured, Outcome, State, Stopped};
pub use pictures::{Picture, Pictures};
pub use pulse::Deadline;
pub use records::{OnSlow, RecordError, Records, Skipped};
pub use series::OnState;
pub use swap::{Edition, Report, Swap, Swapped};
pub use tracer::{Trace, TraceError};
pub use viewers::{ViewError, Viewer};
pub use write_errors::{OnLost, OnWriteError, WriteErrors};

/// How many cores this process may use.
pub fn cores() -> u16 {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(usize::from(WORKERS_MAX)) as u16)
}

fn within(what: &'static str, given: u64, limit: u64) -> Result<(), RunError> {
    if given > limit { Err(RunError::Limit { what, given, limit }) } else { Ok(()) }
}

/// How many workers a run has: as many as are asked for, else one a core.
pub fn workers(asked: Option<u16>) -> Result<u16, RunError> {
    let workers = asked.unwrap_or_else(cores);
    within("a number of workers of", workers.into(), WORKERS_MAX.into())?;
    Ok(workers)
}

/// Whether what is asked for can be, as far as that is known before anything is made. Gives the number of workers.
fn check(program: &Program, options: &Options) -> Result<u16, RunError> {
    let workers = workers(options.workers)?;
    allowance::threads()?;
    records::check(program, options.records.as_ref())?;
    pictures::check(program, options.pictures.as_ref())?;
    let frames = options.swaps.iter().map(|swap| swap.frame);
    if let Some((before, after)) = frames.clone().zip(frames.skip(1)).find(|(before, after)| before > after) {
        return Err(RunError::Swaps(after, before));
    }
    inject::check(program, options, workers)?;
    Ok(workers)
}

/// Gives a program memory, and the state that it goes on from, if it does not begin.
fn make(program: &Program, registry: &Registry, options: &mut Options, workers: u16) -> Result<Arc<Site>, RunError> {
    let folder = options.checkpoints.as_ref().map(|checkpoints| &checkpoints.folder);
    let checkpoints = folder.and_then(|folder| beside::everywhere(folder));
    let setting = Setting { workers, checkpoints, traced: options.trace.traced(workers) };
    let Some(origin) = options.origin.take() else {
        let data = std::mem::take(&mut options.data);
        return Ok(Arc::new(Site::new(program.clone(), Some(&data), &setting)?));
    };
    let (site, other) = origin.site(program, registry, options, &setting)?;
    if let (Some(other), Some(told)) = (other, &mut options.on_swap) {
        told(Ok(&other));
    }
    Ok(site)
}

/// Runs a program to its last frame, or until it is told to stop.
pub fn run(program: &Program, registry: &Registry, mut options: Options) -> Result<Outcome, RunError> {
    let workers = check(program, &options)?;
    let past = options.origin.as_ref().map(|origin| origin.past(program, options.journal.is_some()));
    let mut site = make(program, registry, &mut options, workers)?;
    let mut beside = Beside::open(&site.program, &mut options, past, workers)?;
    options.on_begin.take().map_or(Ok(()), |begin| begin(&site.program, workers))?;
    let figures = match workers {
        0 => in_process::run(&mut site, registry, &mut options, &mut beside),
        _ => supervise::run(&mut site, registry, &mut options, &mut beside),
    };
    // Whichever way it ended nobody runs any more, and the last good state is there to be read.
    site.board().halt(Halt::End);
    let over = beside.over(&site, &mut options);
    let told = beside.tracer.finish(&site, site.board().published(), &mut options.write_errors);
    let figures = figures?;
    over?;
    site.track().latest()?;
    let not_injected = beside.not_injected(&options, &figures);
    let mut outcome = Outcome::new(figures, State::new(site), workers, options.backend, not_injected);
    outcome.skipped = beside.skipped();
    (outcome.resumed, outcome.checkpoints) = (beside.from(), beside.keeper.told());
    options.note(|journal| journal.end(outcome.frames, outcome.stopped, outcome.digest.state))?;
    outcome.lost = options.write_errors.into_lost();
    (outcome.trace, outcome.profile) = (told.file, told.profile);
    Ok(outcome)
}
