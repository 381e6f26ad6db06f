//! How a run is run, and who is told of it.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use diptych_protocol::id::WorkerId;
use diptych_protocol::inject::Injection;
use diptych_protocol::message::Backend;
use diptych_protocol::program::Program;

use super::RunError;
use super::checkpoints::Checkpoints;
use super::commands::{Command, Commands, Told};
use super::nan::NanFound;
use super::origin::Origin;
use super::pictures::Pictures;
use super::pulse::Deadline;
use super::records::Records;
use super::series::OnState;
use super::swap::{Edition, Swap, Swapped};
use super::tracer::Trace;
use super::viewers::Viewer;
use super::write_errors::WriteErrors;
use crate::journal::{Journal, JournalError};

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
    /// Told when all that could keep the run from beginning is known not to: it begins now, with so many workers.
    pub on_begin: Option<OnBegin>,
    /// Told what became of each command.
    pub on_command: Option<OnCommand>,
    /// The state to go on from; without one the run begins, with set-up.
    pub origin: Option<Origin>,
    /// Where checkpoints are written, and when; without it none is.
    pub checkpoints: Option<Checkpoints>,
    /// Where records are written; without it none is.
    pub records: Option<Records>,
    /// Who looks at whole states while it goes on.
    pub viewers: Vec<Box<dyn Viewer>>,
    /// Pictures that are drawn; without it none is.
    pub pictures: Option<Pictures>,
    /// Told the signals of states, as the program's outputs say of which ([`Outputs::series`]), in their order.
    ///
    /// [`Outputs::series`]: diptych_protocol::program::Outputs::series
    pub on_state: Option<OnState>,
    /// What to do when a file can be written no further.
    pub write_errors: WriteErrors,
    /// End after the current frame on SIGINT, SIGTERM or SIGHUP. Without it, signals do what they did before.
    pub signals: bool,
    /// What is told of where time goes.
    pub trace: Trace,
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
    /// Told of each column and each rule that writes it the first value that was no number, where the program's policy is to
    /// go on and tell.
    pub on_nan: Option<OnNan>,
    /// Where it is written down what the run was, and went on with.
    pub journal: Option<Journal>,
}

/// Is told that a run begins: its program, and how many workers it has.
pub type OnBegin = Box<dyn FnOnce(&Program, u16) -> Result<(), RunError>>;

/// Is told of a value that is no number.
pub type OnNan = Box<dyn FnMut(&NanFound)>;

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

impl Options {
    /// Tells what became of commands, and writes it down.
    pub(super) fn tell_commands(&mut self, program: &Program, commands: &mut Commands) -> Result<(), RunError> {
        for told in commands.told() {
            self.note(|journal| journal.command(program, &told))?;
            if let Some(hear) = &mut self.on_command {
                hear(&told);
            }
        }
        Ok(())
    }

    /// Writes something down, if there is a journal. One that the run goes on without has no more lines.
    pub(super) fn note(
        &mut self,
        write: impl FnOnce(&mut Journal) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let written = write(journal);
        if written.is_err() {
            self.journal = None;
        }
        self.write_errors.weigh(written)
    }
}
