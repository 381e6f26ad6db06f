//! States of a run, made again: from a checkpoint, or from its beginning, with all that is known to have happened to it.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diptych_protocol::still::Still;
use diptych_workers::kernel::Registry;

use super::ending::failed;
use super::{INTERRUPTED, WRONG, directory, fail, replay, scenario};
use crate::Program;
use crate::catalog::Catalog;
use crate::compile;
use crate::coordinator::{self, Backend, Command, Edition, Options, Origin, State, Stopped, Swap, ViewError, Viewer};
use crate::diff::side::Side;
use crate::journal::{self, Text};
use crate::run_directory::About;

/// What is known of a run behind its checkpoint: what its journal says.
#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) journal: Option<PathBuf>,
    pub(super) swaps: Vec<Swap>,
    pub(super) commands: Vec<Command>,
}

impl Known {
    /// Of a run that was in this state; `other` says that it gets another journal.
    pub(super) fn of(origin: &Origin, other: bool, registry: &Registry) -> Result<Self, ExitCode> {
        let Some((_, checkpoint)) = origin.checkpoint() else { return Ok(Self::default()) };
        let run = &checkpoint.description.run;
        let mut known = Self::default();
        for waiting in &run.waiting {
            known.command(origin.program(), waiting.frame, &waiting.input, &waiting.value)?;
        }
        let Some(path) = run.journal.as_ref().map(PathBuf::from) else { return Ok(known) };
        let recorded = match journal::read(&path) {
            Ok(recorded) => recorded,
            // What it said of states to come is not known: whoever begins another one knows.
            Err(_) if other => return Ok(known),
            Err(error) => {
                let remedy = "say --journal FILE to begin another one";
                return Err(fail(WRONG, format_args!("the run has a journal, but {error}; {remedy}")));
            }
        };
        let (frame, hash) = (origin.frame(), format!("{:032x}", origin.program().hash()));
        // A swap at the checkpoint's frame has happened if the state is of its program.
        let behind = (recorded.swaps.iter())
            .rposition(|(at, text)| *at < frame || *at == frame && text.program == hash)
            .map_or(0, |last| last + 1);
        for (at, text) in &recorded.swaps[behind..] {
            let compiled = replay::program(&recorded, text, text.frames, registry)?;
            let edition = Edition { program: compiled.program, data: compiled.data };
            known.swaps.push(Swap { frame: *at, edition });
        }
        for (at, input, text) in recorded.commands.iter().filter(|(at, ..)| *at > frame) {
            known.command(origin.program(), *at, input, text)?;
        }
        known.journal = Some(path);
        Ok(known)
    }

    /// Takes in what an input is to be set to: once, however often that is told.
    fn command(&mut self, program: &Program, frame: u32, input: &str, text: &str) -> Result<(), ExitCode> {
        let swap = self.swaps.iter().rev().find(|swap| swap.frame < frame);
        let program = swap.map_or(program, |swap| &swap.edition.program);
        let value = coordinator::value(program, input, text)
            .map_err(|why| fail(WRONG, format_args!("the run was to set {input} to {text} in state {frame}: {why}")))?;
        let command = Command { frame, input: input.into(), value };
        if !self.commands.contains(&command) {
            self.commands.push(command);
        }
        Ok(())
    }
}

/// A run that can be run again, to any of its states.
pub(super) struct Again<'r> {
    registry: &'r Registry,
    program: Program,
    data: Vec<Vec<u8>>,
    /// The state that it is in; nothing before set-up.
    origin: Option<Origin>,
    known: Known,
    workers: Option<u16>,
    backend: Backend,
}

impl<'r> Again<'r> {
    /// From a state that it was in.
    pub(super) fn from(origin: Origin, known: Known, registry: &'r Registry) -> Self {
        let program = origin.program().clone();
        let (data, origin) = (Vec::new(), Some(origin));
        Self { registry, program, data, origin, known, workers: Some(0), backend: Backend::default() }
    }

    /// From a checkpoint of it.
    pub(super) fn from_checkpoint(path: &Path, registry: &'r Registry) -> Result<Self, ExitCode> {
        let origin =
            directory::origin(path).map_err(|error| fail(WRONG, format_args!("{}: {error}", path.display())))?;
        let known = Known::of(&origin, false, registry)?;
        Ok(Self::from(origin, known, registry))
    }

    /// From a checkpoint, or from the beginning, of a run that may have a directory.
    pub(super) fn of(side: &Side, checkpoint: Option<&Path>, registry: &'r Registry) -> Result<Self, ExitCode> {
        let path = side.path.display();
        if side.about.as_ref().is_some_and(|about| !about.is_known()) {
            let why = "it was open to commands or other texts, and no journal tells what came of that (--journal)";
            return Err(fail(WRONG, format_args!("{path}: its states cannot be made again: {why}")));
        }
        match (checkpoint, &side.about, side.checkpoints.keys().next()) {
            (Some(checkpoint), ..) => Self::from_checkpoint(checkpoint, registry),
            (None, Some(about), _) => Self::from_start(&side.path, about, registry),
            (None, None, first) => {
                let first = first.copied().unwrap_or(0);
                Err(fail(WRONG, format_args!("{path}: the first state that was kept is that of frame {first}")))
            }
        }
    }

    /// From the beginning, by what its directory says.
    fn from_start(directory: &Path, about: &About, registry: &'r Registry) -> Result<Self, ExitCode> {
        if let Some(from) = &about.from {
            let begun = match &from.checkpoint {
                Some(path) => Self::from_checkpoint(path.as_ref(), registry)?,
                None => {
                    let why = format!("it began with the state of frame {}, which no checkpoint has", from.frame);
                    return Err(fail(WRONG, format_args!("{}: {why}", directory.display())));
                }
            };
            if format!("{:032x}", begun.program.hash()) == about.program_hash {
                return Ok(begun);
            }
            let why =
                "it branched off another run with another program: it is made again from its own checkpoints alone";
            return Err(fail(WRONG, format_args!("{}: {why}", directory.display())));
        }
        let (known, compiled) = match About::named(directory, about.journal.as_ref()) {
            Some(path) => {
                let recorded = journal::read(&path).map_err(|error| fail(WRONG, error))?;
                let compiled = replay::program(&recorded, &recorded.text, recorded.text.frames, registry)?;
                let mut known = Known { journal: Some(path), ..Known::default() };
                for (frame, text) in &recorded.swaps {
                    let swapped = replay::program(&recorded, text, text.frames, registry)?;
                    let edition = Edition { program: swapped.program, data: swapped.data };
                    known.swaps.push(Swap { frame: *frame, edition });
                }
                for (frame, input, text) in &recorded.commands {
                    known.command(&compiled.program, *frame, input, text)?;
                }
                (known, compiled)
            }
            None => {
                let (source, settings) = about.text(directory).map_err(|error| fail(WRONG, error))?;
                let compiled = compile::compile(&source, &settings, &Catalog(registry));
                let compiled = compiled.map_err(|errors| scenario::wrong(&source, &errors))?;
                (Known::default(), compiled)
            }
        };
        let now = Text::of(&compiled.program);
        if now.program != about.program_hash {
            let why = match now.data == about.data {
                true => format!("{} made it, and this is {}", about.engine, journal::ENGINE),
                false => "the files that it was made from hold other values now".into(),
            };
            return Err(fail(
                WRONG,
                format_args!(
                    "{}: its text becomes another program here ({}) than in the run ({}): {why}",
                    directory.display(),
                    now.program,
                    about.program_hash
                ),
            ));
        }
        let (program, data) = (compiled.program, compiled.data);
        Ok(Self { registry, program, data, origin: None, known, workers: Some(0), backend: Backend::default() })
    }

    /// How it is run, instead of in this process: nothing of it changes a state.
    pub(super) fn by(self, workers: Option<u16>, backend: Backend) -> Self {
        Self { workers, backend, ..self }
    }

    /// Runs on to a frame, and writes nothing. Gives the state, and how many frames the run has in all.
    pub(super) fn run_to(self, frame: u32) -> Result<(State, u32), ExitCode> {
        self.run(frame, Vec::new())
    }

    /// Looks at states, ascending, none before the one that it is in; and goes on from the last of them.
    pub(super) fn visit(
        self,
        frames: &[u32],
        look: impl FnMut(&Still<'_>) -> Result<(), ViewError> + 'static,
    ) -> Result<Self, ExitCode> {
        let Some(last) = frames.last().copied() else { return Ok(self) };
        let (registry, mut known, workers, backend) = (self.registry, self.known.clone(), self.workers, self.backend);
        let visitor = Visitor { frames: frames.iter().copied().collect(), look };
        let (state, _) = self.run(last, vec![Box::new(visitor)])?;
        // A swap comes behind the state of its frame.
        known.swaps.retain(|swap| swap.frame >= last);
        known.commands.retain(|command| command.frame > last);
        Ok(Self::from(Origin::of(state), known, registry).by(workers, backend))
    }

    fn run(self, frame: u32, viewers: Vec<Box<dyn Viewer>>) -> Result<(State, u32), ExitCode> {
        let Self { registry, mut program, data, origin, known, workers, backend } = self;
        let mut swaps = known.swaps;
        swaps.retain(|swap| swap.frame <= frame);
        let frames = swaps.last().map_or(program.frames, |swap| swap.edition.program.frames);
        program.frames = frame;
        swaps.iter_mut().for_each(|swap| swap.edition.program.frames = frame);
        let options = Options {
            workers,
            backend,
            signals: true,
            data,
            origin,
            swaps,
            commands: known.commands,
            viewers,
            ..Options::default()
        };
        let outcome = coordinator::run(&program, registry, options).map_err(|error| failed(&error))?;
        match outcome.frames == frame {
            true => Ok((outcome.state, frames)),
            false if outcome.stopped == Stopped::Interrupted => Err(ExitCode::from(INTERRUPTED)),
            false => Err(fail(WRONG, format_args!("the run ends at frame {}, before frame {frame}", outcome.frames))),
        }
    }
}

/// Looks at some states.
struct Visitor<L> {
    frames: VecDeque<u32>,
    look: L,
}

impl<L: FnMut(&Still<'_>) -> Result<(), ViewError>> Viewer for Visitor<L> {
    fn due(&self) -> Option<u32> {
        self.frames.front().copied()
    }

    fn look(&mut self, still: &Still<'_>, _: bool) -> Result<(), ViewError> {
        match self.frames.pop_front_if(|frame| *frame == still.tick().frames_done()) {
            Some(_) => (self.look)(still),
            None => Ok(()),
        }
    }
}
