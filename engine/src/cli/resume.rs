//! `diptych resume`: a run goes on from a checkpoint, or another one branches off there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use diptych_workers::kernel::Registry;

use super::again::{Again, Known};
use super::arguments::Resume;
use super::directory::{self, Directory, folder_of};
use super::ending::ended;
use super::going::{Start, go, possible, sweep};
use super::{WRONG, aside, fail, scenario};
use crate::Program;
use crate::compile::{self, Compiled, Settings};
use crate::coordinator::{self, Checkpoint, Checkpoints, Origin, Outcome, Records, RunError};
use crate::journal::Journal;
use crate::source::{self, Source};

pub(super) fn resume(mut arguments: Resume, registry: &Registry) -> ExitCode {
    arguments.from = match directory::checkpoints_of(&arguments.from) {
        Ok(from) => from,
        Err(error) => return fail(WRONG, error),
    };
    match resumed(&arguments, registry) {
        Ok(result) => ended(&arguments.going, arguments.kept().as_deref(), result),
        Err(code) => code,
    }
}

impl Resume {
    /// Whether it goes on with another program.
    fn is_other(&self) -> bool {
        self.scenario.is_some() || !self.given.sets.is_empty() || self.given.seed.is_some()
    }

    /// Whether it is the same run that goes on.
    fn is_same(&self) -> bool {
        self.at.is_none() && !self.is_other()
    }

    /// Where its checkpoints are.
    fn kept(&self) -> Option<PathBuf> {
        let own = || if self.from.is_file() { folder_of(&self.from).into() } else { self.from.clone() };
        self.going.kept().or_else(|| self.is_same().then(own))
    }
}

fn resumed(arguments: &Resume, registry: &Registry) -> Result<Result<Outcome, RunError>, ExitCode> {
    possible(arguments.going.backend)?;
    let path = choose(arguments)?;
    let origin = directory::origin(&path).map_err(|error| refused(&path, &error.to_string()))?;
    sweep();
    let known = Known::of(&origin, arguments.going.journal.is_some(), registry)?;
    if let Some(frames) = arguments.frames.filter(|frames| *frames < arguments.at.unwrap_or(origin.frame())) {
        let there = arguments.at.unwrap_or(origin.frame());
        return Err(fail(
            WRONG,
            format_args!(
                "the run is at frame {there}, behind its last frame, {frames}; an earlier state is --at FRAME"
            ),
        ));
    }
    if let Some(at) = arguments.at.filter(|at| *at < origin.frame()) {
        let there = origin.frame();
        return Err(fail(WRONG, format_args!("{} is the state of frame {there}, behind frame {at}", path.display())));
    }
    if arguments.is_same() {
        is_last(arguments, &path, origin.frame())?;
        return Ok(continued(arguments, registry, origin, known));
    }
    let (origin, frames) = match arguments.at {
        Some(at) if at > origin.frame() => {
            let again = Again::from(origin, known, registry);
            let again = again.by(arguments.going.workers.workers, arguments.going.backend.into());
            let (state, frames) = again.run_to(at)?;
            (Origin::of(state), frames)
        }
        _ => {
            let frames = origin.program().frames;
            (origin, frames)
        }
    };
    if let Some(folder) = arguments.going.kept().filter(|it| same_place(it, folder_of(&path))) {
        return Err(fail(
            WRONG,
            format_args!(
                "{} has the checkpoints of the run that it branches off: name another folder",
                folder.display()
            ),
        ));
    }
    let compiled = match arguments.is_other() {
        true => branch(arguments, registry, origin.program(), frames)?,
        false => same(arguments, origin.program(), frames),
    };
    Ok(branched(arguments, registry, origin, &compiled))
}

/// The checkpoint that is meant.
fn choose(arguments: &Resume) -> Result<PathBuf, ExitCode> {
    if arguments.from.is_file() {
        return Ok(arguments.from.clone());
    }
    let folder = &arguments.from;
    let found = coordinator::checkpoints(folder)
        .map_err(|error| fail(WRONG, format_args!("cannot look for checkpoints in {}: {error}", folder.display())))?;
    let before = |frame: u32| arguments.at.is_none_or(|at| frame <= at);
    let meant = found.iter().rev().find(|(frame, _)| before(*frame)).map(|(_, path)| path.clone());
    meant.ok_or_else(|| match (found.first(), arguments.at) {
        (Some((first, _)), Some(at)) => fail(
            WRONG,
            format_args!("{}: no checkpoint is of frame {at} or before it; the first is of {first}", folder.display()),
        ),
        _ => fail(WRONG, format_args!("{}: there is no checkpoint in it", folder.display())),
    })
}

/// A run goes on from its last state: going back takes what is behind with it, and is said.
fn is_last(arguments: &Resume, path: &Path, frame: u32) -> Result<(), ExitCode> {
    let folder = folder_of(path);
    let later = coordinator::checkpoints(folder).unwrap_or_default().pop().filter(|(last, _)| *last > frame);
    match later {
        Some((last, file)) if !arguments.going.force && Checkpoint::read(&file).is_ok() => Err(fail(
            WRONG,
            format_args!(
                "there is a later state, of frame {last}: `resume {folder}` goes on from it, `--at {frame}` from this one as a \
                 run of its own; to go back, say --force: later checkpoints are removed, and records cut",
                folder = folder.display()
            ),
        )),
        _ => Ok(()),
    }
}

/// Says why a checkpoint is not gone on from, and offers the one before it.
fn refused(path: &Path, why: &str) -> ExitCode {
    let code = fail(WRONG, format_args!("{}: {why}", path.display()));
    let folder = folder_of(path);
    let before = coordinator::checkpoints(folder).unwrap_or_default();
    let before = before.iter().rev().find(|(_, other)| other.file_name() < path.file_name());
    if let Some((frame, other)) = before {
        let other = other.display();
        aside(format_args!("note: the one before it is of frame {frame}: diptych resume {other}\n"));
    }
    code
}

/// The same run.
fn continued(arguments: &Resume, registry: &Registry, origin: Origin, known: Known) -> Result<Outcome, RunError> {
    let going = &arguments.going;
    let Some((path, Checkpoint { description, program, .. })) = origin.checkpoint() else {
        unreachable!("it was read from one")
    };
    let run = &description.run;
    let mut program = program.clone();
    program.frames = arguments.frames.unwrap_or(program.frames);
    program.nan = arguments.given.nan.map_or(program.nan, Into::into);
    let records = match (&going.out, &run.records) {
        _ if going.no_outputs => None,
        (Some(out), _) => Some(Records::new(out, going.force)),
        (None, Some(folder)) => {
            Some(Records { resumed: Some(run.written.clone()), ..Records::new(folder, going.force) })
        }
        (None, None) => None,
    };
    let folder = going.kept().unwrap_or_else(|| folder_of(path).to_path_buf());
    let directory = match (&going.out, &run.records) {
        (Some(_), _) => going.directory(&program, Some(&origin), (Some(&folder), false))?,
        (None, Some(records)) => Directory::resumed(going, records.as_ref(), folder_of(path), origin.told())?,
        (None, None) => None,
    };
    // Where the records go on, the pictures do.
    let here = records.as_ref().map_or_else(Default::default, |records| records.folder.clone());
    let pictures = going.pictures(&program, &here, records.as_ref().is_some_and(|records| records.resumed.is_some()));
    let checkpoints = Checkpoints {
        folder,
        plan: going.checkpoints.plan(Some(run.plan)),
        overwrite: going.force,
        resumed: going.kept().is_none(),
    };
    let journal = match (going.begun_journal()?, &known.journal) {
        (None, Some(path)) => Some(Journal::resume(path)?),
        (begun, _) => begun,
    };
    go(
        going,
        registry,
        Start {
            program: &program,
            data: Vec::new(),
            workers: None,
            origin: Some(origin),
            records,
            pictures,
            checkpoints: Some(checkpoints),
            journal,
            directory,
            swaps: known.swaps,
            commands: known.commands,
            watched: None,
        },
    )
}

/// The program that made a state.
fn same(arguments: &Resume, program: &Program, frames: u32) -> Compiled {
    let mut program = program.clone();
    program.frames = arguments.frames.unwrap_or(frames);
    program.nan = arguments.given.nan.map_or(program.nan, Into::into);
    Compiled { program, data: Vec::new(), warnings: Vec::new(), workers: None }
}

/// Another program: of the same text, or of another one, with what the run was told and what is told now.
fn branch(arguments: &Resume, registry: &Registry, before: &Program, frames: u32) -> Result<Compiled, ExitCode> {
    let text = before.sources.values().next().cloned().unwrap_or(Source { path: String::new(), text: String::new() });
    let source = match &arguments.scenario {
        Some(file) => source::read(file).map_err(|error| fail(WRONG, error))?,
        None => text.clone(),
    };
    let mut sets: Vec<(String, String)> = Vec::new();
    // What the run was told, where the new text has it, too: not what its text said by itself.
    let names = |source: &Source| compile::params(source).map(|(params, _)| params).unwrap_or_default();
    let (said, there) = (names(&text), names(&source));
    for (name, value) in &before.params {
        let value = value.to_string();
        let by_itself = said.iter().any(|it| it.name == *name && it.default == value);
        let set_now = arguments.given.sets.iter().any(|(now, _)| now == name);
        if !by_itself && !set_now && there.iter().any(|it| it.name == *name) {
            sets.push((name.clone(), value));
        }
    }
    sets.extend(arguments.given.sets.iter().cloned());
    let seed = Some(arguments.given.seed.unwrap_or(before.seed));
    let frames = arguments.frames.or_else(|| arguments.scenario.is_none().then_some(frames));
    let nan = arguments.given.nan.map(Into::into).or_else(|| arguments.scenario.is_none().then_some(before.nan));
    let settings = Settings { sets, seed, frames, nan };
    let compiled = compile::compile(&source, &settings, &crate::catalog::Catalog(registry));
    scenario::shown(&source, compiled)
}

/// Whether two paths are the same place.
fn same_place(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// A run of its own, which begins with a state.
fn branched(arguments: &Resume, registry: &Registry, origin: Origin, compiled: &Compiled) -> Result<Outcome, RunError> {
    let going = &arguments.going;
    let directory = going.directory(&compiled.program, Some(&origin), (going.kept().as_deref(), false))?;
    go(
        going,
        registry,
        Start {
            program: &compiled.program,
            data: compiled.data.clone(),
            workers: compiled.workers,
            origin: Some(origin),
            records: going.out.as_ref().map(|folder| Records::new(folder, going.force)),
            pictures: going.pictures(&compiled.program, &going.out.clone().unwrap_or_default(), false),
            checkpoints: going.begun_checkpoints(),
            journal: going.begun_journal()?,
            directory,
            swaps: Vec::new(),
            commands: Vec::new(),
            watched: None,
        },
    )
}
