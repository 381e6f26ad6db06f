//! The coordinator: lays out memory, launches workers, publishes the horizon, supervises, and ends cleanly.
//! It computes no bit of a frame.

mod commands;
mod in_process;
mod launch;
mod outcome;
mod record;
mod supervise;

use std::path::PathBuf;

use diptych_protocol::blame::Blame;
use diptych_protocol::board::{Board, Halt};
use diptych_protocol::data::{self, DataError};
use diptych_protocol::id::WorkerId;
use diptych_protocol::layout::Layout;
use diptych_protocol::limits::{FRAMES_MAX, WORKERS_MAX};
use diptych_protocol::message::{Backend, Death};
use diptych_protocol::program::Program;
use diptych_protocol::segment::{Segment, SegmentError};
use diptych_protocol::track::Track;
use diptych_protocol::{header, verify};
use diptych_workers::kernel::Registry;

use commands::Commands;
use record::Recorder;

pub use commands::Command;
pub use outcome::{Ensured, Outcome, State, Stopped};
pub use record::{RecordError, Records};

/// How to run a program. Nothing here changes a result, but for what inputs are set to.
#[derive(Default)]
pub struct Options {
    /// Worker processes; 0 runs the batches in this process, on rayon; without a number, one a core.
    pub workers: Option<u16>,
    /// How bodies are run.
    pub backend: Backend,
    /// The columns of files that the program's groups are made from, as [`Program::data`] lists them: the values'
    /// bytes, little-endian.
    pub data: Vec<Vec<u8>>,
    /// What inputs are set to, in the order in which it counts.
    pub commands: Vec<Command>,
    /// Where records are written; without it none is.
    pub records: Option<Records>,
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
    /// A group has no room for the rows that are born. The last good state is whole.
    #[error("{0}")]
    Full(String, Box<Blame>),
    /// A kernel and its system do not fit.
    #[error("{0}")]
    Kernel(#[from] diptych_protocol::access::AccessError),
    /// The program was not made by this engine's compiler, or it has a defect.
    #[error("the program breaks an invariant: {0}")]
    Program(String),
    /// The columns of files that came with the program are not those that it was made for.
    #[error("{0}")]
    Data(#[from] DataError),
    /// An input cannot be set so.
    #[error("{0}")]
    Command(#[from] diptych_protocol::commands::Refused),
    /// A record cannot be written.
    #[error("{0}")]
    Record(#[from] RecordError),
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

fn within(what: &'static str, given: u64, limit: u64) -> Result<(), RunError> {
    if given > limit { Err(RunError::Limit { what, given, limit }) } else { Ok(()) }
}

/// How many workers a run has: as many as are asked for, else one a core.
pub fn workers(asked: Option<u16>) -> Result<u16, RunError> {
    let workers = asked.unwrap_or_else(cores);
    within("a number of workers of", workers.into(), WORKERS_MAX.into())?;
    Ok(workers)
}

/// Runs a program to its last frame, or until it is told to stop.
pub fn run(program: &Program, registry: &Registry, mut options: Options) -> Result<Outcome, RunError> {
    let workers = workers(options.workers)?;
    within("a number of frames of", program.frames.into(), FRAMES_MAX.into())?;
    verify::verify(program)
        .map_err(|all| RunError::Program(all.first().map_or_else(String::new, ToString::to_string)))?;
    data::check(program, &options.data)?;
    record::check(program, options.records.as_ref())?;
    let layout = Layout::new(program, workers);
    let segment = Segment::create(layout.bytes)?;
    header::write(segment.memory(), program, &layout);
    data::write(segment.memory(), &layout, &options.data);
    let track = Track::new(segment.memory(), &layout, program);
    let mut commands = Commands::new(program, &options.commands)?;
    let mut recorder = Recorder::open(track, options.records.as_ref())?;
    let figures = match workers {
        0 => in_process::run(program, registry, &layout, segment.memory(), &mut options, &mut recorder, &mut commands),
        _ => supervise::run(program, &layout, &segment, workers, &mut options, &mut recorder, &mut commands),
    };
    // Whichever way it ended nobody runs any more, and the last good state is there to be read.
    Board::new(segment.memory(), &layout).halt(Halt::End);
    let recorded = recorder.finish();
    let figures = figures?;
    recorded?;
    Ok(Outcome::new(figures, State::new(program.clone(), layout, segment), workers, options.backend))
}
