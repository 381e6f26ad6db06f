//! The coordinator: lays out memory, launches workers, publishes the horizon, supervises, and ends cleanly.
//! It computes no bit of a frame.

mod checkpoints;
mod commands;
mod crew;
mod deaths;
mod in_process;
mod inject;
mod launch;
mod origin;
mod outcome;
mod pulse;
mod record;
mod site;
mod supervise;
mod swap;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use diptych_protocol::blame::Blame;
use diptych_protocol::board::Halt;
use diptych_protocol::checkpoint::Run as Beside;
use diptych_protocol::data::DataError;
use diptych_protocol::id::{Tick, WorkerId};
use diptych_protocol::inject::Injection;
use diptych_protocol::limits::WORKERS_MAX;
use diptych_protocol::message::Backend;
use diptych_protocol::program::Program;
use diptych_protocol::segment::SegmentError;
use diptych_workers::kernel::Registry;

use crate::journal::{Journal, JournalError};
use crate::signals::Signals;

use checkpoints::Keeper;
use commands::Commands;
use inject::Disk;
use record::Recorder;
use site::{Setting, Site};

pub use checkpoints::{Checkpointed, Checkpoints, CheckpointsError, checkpoints};
pub use commands::{Command, Rejected, Told, value};
pub use diptych_protocol::checkpoint::{Checkpoint, CheckpointError, Plan};
pub use origin::Origin;
pub use outcome::{Ensured, Outcome, State, Stopped};
pub use pulse::Deadline;
pub use record::{RecordError, Records};
pub use swap::{Edition, Report, Swap, Swapped};

/// How to run a program. Nothing here changes a result, but for what inputs are set to, and the programs that it
/// is to go on with.
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
    /// Lines that say what inputs are set to, as they come: `[@FRAME] NAME = VALUE`.
    pub lines: Option<Receiver<String>>,
    /// Told what became of each command.
    pub on_command: Option<OnCommand>,
    /// The state to go on from; without one the run begins, with set-up.
    pub origin: Option<Origin>,
    /// Where checkpoints are written, and when; without it none is.
    pub checkpoints: Option<Checkpoints>,
    /// Where records are written; without it none is.
    pub records: Option<Records>,
    /// End after the current frame on SIGINT, SIGTERM or SIGHUP. Without it, signals do what they did before.
    pub signals: bool,
    /// Told, a few times a second, how many frames are complete.
    pub progress: Option<Box<dyn FnMut(Progress)>>,
    /// The program that is started as a worker; without one, this process's own.
    pub worker_program: Option<PathBuf>,
    /// Failures that the run is to have, each at its place: to see what it survives.
    pub injections: Vec<Injection>,
    /// How long a worker may show no sign of life.
    pub deadline: Deadline,
    /// Told the process ids of the workers as they start, for tests of survival.
    pub on_launch: Option<Box<dyn FnMut(WorkerId, u32)>>,
    /// Programs to go on with, each at its frame, in the order of the frames. If one cannot be, the run fails.
    pub swaps: Vec<Swap>,
    /// Programs to go on with as soon as they are ready; where several have come meanwhile, with the last. If one cannot be,
    /// the run goes on as it is.
    pub editions: Option<Receiver<Edition>>,
    /// Told what became of each program that the run was to go on with.
    pub on_swap: Option<OnSwap>,
    /// Where it is written down what the run was, and went on with.
    pub journal: Option<Journal>,
}

/// Is told what became of a command.
pub type OnCommand = Box<dyn FnMut(&Told)>;

/// Is told of a swap that has happened, or why a program could not be gone on with.
pub type OnSwap = Box<dyn FnMut(Result<&Swapped, &RunError>)>;

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
    /// Checkpoints cannot be written.
    #[error("{0}")]
    Checkpoints(#[from] CheckpointsError),
    /// The journal cannot be written.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// Programs are to be gone on with in another order than that of their frames.
    #[error("a swap at frame {0} comes behind one at frame {1}: say them in the order of their frames")]
    Swaps(u32, u32),
    /// A failure that cannot be had.
    #[error("cannot inject {injection}: {why}")]
    Injection {
        /// Which.
        injection: Injection,
        /// Why not.
        why: String,
    },
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

impl Options {
    /// Tells what became of commands, and writes it down.
    fn tell_commands(&mut self, program: &Program, commands: &mut Commands) -> Result<(), RunError> {
        for told in commands.told() {
            if let Some(journal) = &mut self.journal {
                journal.command(program, &told)?;
            }
            if let Some(hear) = &mut self.on_command {
                hear(&told);
            }
        }
        Ok(())
    }
}

/// What a run does beside its frames, as a checkpoint tells it.
fn beside(program: &Program, options: &Options, origin: Option<&Origin>) -> Beside {
    let records = options.records.as_ref().and_then(|records| checkpoints::everywhere(&records.folder));
    let journal = options.journal.as_ref().and_then(|journal| checkpoints::everywhere(journal.path()));
    let parents = origin.map_or_else(Vec::new, |origin| origin.parents(program));
    Beside { records, journal, parents, ..Beside::default() }
}

/// Runs a program to its last frame, or until it is told to stop.
pub fn run(program: &Program, registry: &Registry, mut options: Options) -> Result<Outcome, RunError> {
    let workers = workers(options.workers)?;
    let origin = options.origin.take();
    record::check(program, options.records.as_ref())?;
    let frames = options.swaps.iter().map(|swap| swap.frame);
    if let Some((before, after)) = frames.clone().zip(frames.skip(1)).find(|(before, after)| before > after) {
        return Err(RunError::Swaps(after, before));
    }
    let records = options.records.is_some() && !program.outputs.records.is_empty();
    inject::check(program, &options, workers, records || options.checkpoints.is_some())?;
    let disk = Disk::new(&options.injections);
    let from = origin.as_ref().map(Origin::frame);
    let run = beside(program, &options, origin.as_ref());
    let mut keeper = Keeper::open(options.checkpoints.as_ref(), run, from, disk.clone())?;
    let checkpoints = options.checkpoints.as_ref().and_then(|it| checkpoints::everywhere(&it.folder));
    let setting = Setting { workers, checkpoints };
    let begun = origin.as_ref().filter(|_| options.journal.is_some()).map(Origin::told);
    let mut site = match origin {
        Some(origin) => {
            let (site, other) = origin.site(program, registry, &mut options, &setting)?;
            if let (Some(other), Some(told)) = (other, &mut options.on_swap) {
                told(Ok(&other));
            }
            site
        }
        None => {
            let data = std::mem::take(&mut options.data);
            Arc::new(Site::new(program.clone(), Some(&data), &setting)?)
        }
    };
    if let Some(journal) = &mut options.journal {
        journal.run(&site.program, begun)?;
    }
    let through = options.swaps.first().map_or(Tick(u32::MAX), |swap| Tick::after_frames(swap.frame));
    let (given, lines) = (std::mem::take(&mut options.commands), options.lines.take());
    let mut commands = Commands::new(&site.program, &given, lines, through, from)?;
    let mut recorder = Recorder::open(&site.program, options.records.take(), from, disk.clone())?;
    let signals = options.signals.then(Signals::catch).transpose().map_err(RunError::Workers)?;
    let saved = (&mut keeper, signals.as_ref());
    let figures = match workers {
        0 => in_process::run(&mut site, registry, &mut options, &mut recorder, &mut commands, saved),
        _ => supervise::run(&mut site, registry, &mut options, &mut recorder, &mut commands, saved),
    };
    // Whichever way it ended nobody runs any more, and the last good state is there to be read.
    site.board().halt(Halt::End);
    let recorded = recorder.drain(&site.track(), site.board().published());
    let insists = || signals.as_ref().is_some_and(Signals::insisted);
    let kept = keeper.finish(&site, insists, || recorder.beside(options.journal.as_ref()));
    let recorded = recorded.and(recorder.finish(&mut site.track()));
    let figures = figures?;
    recorded?;
    kept?;
    commands.over(site.latest().record().tick);
    options.tell_commands(&site.program, &mut commands)?;
    let not_injected = inject::left(&options.injections, figures.tally.injected, &disk);
    let mut outcome = Outcome::new(figures, State::new(site), workers, options.backend, not_injected);
    (outcome.resumed, outcome.checkpoints) = (from, keeper.told());
    if let Some(journal) = &mut options.journal {
        journal.end(outcome.frames, outcome.stopped, outcome.digest.state)?;
    }
    Ok(outcome)
}
