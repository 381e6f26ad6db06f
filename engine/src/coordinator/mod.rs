//! The coordinator: lays out memory, launches workers, publishes the horizon, supervises, and ends cleanly.
//! It computes no bit of a frame.

mod in_process;
mod launch;
mod outcome;
mod supervise;

use std::path::PathBuf;

use diptych_protocol::blame::Blame;
use diptych_protocol::id::WorkerId;
use diptych_protocol::layout::Layout;
use diptych_protocol::limits::{FRAMES_MAX, WORKERS_MAX};
use diptych_protocol::message::{Backend, Death};
use diptych_protocol::program::Program;
use diptych_protocol::segment::{Segment, SegmentError};
use diptych_protocol::{header, verify};
use diptych_workers::kernel::Registry;

pub use outcome::{Outcome, State, Stopped};

/// How to run a program. Nothing here changes a result.
#[derive(Default)]
pub struct Options {
    /// Worker processes; 0 runs the batches in this process, on rayon; without a number, one a core.
    pub workers: Option<u16>,
    /// How bodies are run.
    pub backend: Backend,
    /// End after the current frame on SIGINT, SIGTERM or SIGHUP. Without it, signals do what they did before.
    pub signals: bool,
    /// Told, a few times a second, how many frames are complete.
    pub progress: Option<Box<dyn FnMut(Progress)>>,
    /// The program that is started as a worker; without one, this process's own.
    pub worker_program: Option<PathBuf>,
    /// Where workers are to die, for tests of survival.
    pub deaths: Vec<(WorkerId, Death)>,
    /// Told the process ids of the workers as they start, for tests of survival.
    pub on_launch: Option<Box<dyn FnMut(WorkerId, u32)>>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Frames complete.
    pub frames: u32,
    /// Frames to run.
    pub of: u32,
    /// Rows of all lasting groups.
    pub agents: u64,
}

/// Why a run did not come to its end. Each says whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine cannot hold it.
    #[error(transparent)]
    Machine(#[from] SegmentError),
    /// A rule failed. The last good state is whole.
    #[error("{0}")]
    Fault(String, Box<Blame>),
    /// A kernel and its system do not fit.
    #[error("{0}")]
    Kernel(#[from] diptych_protocol::access::AccessError),
    /// The program was not made by this engine's compiler, or it has a defect.
    #[error("the program breaks an invariant: {0}")]
    Program(String),
    /// Workers cannot be started or do not live.
    #[error("{0}")]
    Workers(String),
    /// More than the engine can count.
    #[error("{what} {given} is beyond the limit of {limit}")]
    Limit {
        /// What.
        what: &'static str,
        /// How much was asked for.
        given: u64,
        /// The most there can be.
        limit: u64,
    },
}

/// How many cores this process may use.
pub fn cores() -> u16 {
    std::thread::available_parallelism().map_or(1, |n| n.get().min(usize::from(WORKERS_MAX)) as u16)
}

/// Runs a program to its last frame, or until it is told to stop.
pub fn run(program: &Program, registry: &Registry, mut options: Options) -> Result<Outcome, RunError> {
    let workers = options.workers.unwrap_or_else(cores);
    let within = |what, given: u64, limit: u64| match given > limit {
        true => Err(RunError::Limit { what, given, limit }),
        false => Ok(()),
    };
    within("a number of workers of", workers.into(), WORKERS_MAX.into())?;
    within("a number of frames of", program.frames.into(), FRAMES_MAX.into())?;
    verify::verify(program)
        .map_err(|all| RunError::Program(all.first().map_or_else(String::new, ToString::to_string)))?;
    let layout = Layout::new(program, workers);
    let segment = Segment::create(layout.bytes)?;
    header::write(segment.memory(), program, &layout);
    let summary = match workers {
        0 => in_process::run(program, registry, &layout, segment.memory(), &mut options)?,
        _ => supervise::run(program, &layout, &segment, workers, &mut options)?,
    };
    Ok(Outcome::new(summary, State::new(program.clone(), layout, segment), workers, options.backend))
}
