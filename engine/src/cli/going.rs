//! A run from the command line, however it came about: what is shown while it goes on.

use std::io::IsTerminal;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::reader::Reader;
use diptych_protocol::segment;
use diptych_workers::body::processor;
use diptych_workers::kernel::Registry;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::arguments::{BackendName, Checkpointing, Every, Going, Tracing};
use super::directory::Directory;
use super::lines::lines;
use super::watch::watch;
use super::{WRONG, aside, fail};
use crate::Program;
use crate::compile::{Compiled, Settings};
use crate::coordinator::{
    self, Checkpoints, Command, Deadline, Options, Origin, Outcome, Pictures, Plan, Progress, Records, Rejected,
    RunError, Swap, Swapped, Trace, WriteErrors,
};
use crate::journal::{Journal, JournalError};

/// The frames that a trace shows if nothing else is said: set-up, and 200 frames.
const TRACED: Range<u32> = 0..201;

/// Whether this processor can run a back end; if not, says so, and with which code to exit.
pub(super) fn possible(backend: BackendName) -> Result<(), ExitCode> {
    match processor(backend.into()).filter(|processor| !processor.here()) {
        None => Ok(()),
        Some(missing) => Err(fail(
            WRONG,
            format_args!("this processor has no {} (`diptych doctor` says what it has)", missing.name()),
        )),
    }
}

/// Removes what killed runs left, and says what.
pub(super) fn sweep() {
    let left = segment::list().into_iter().filter(|found| !found.in_use);
    let told: Vec<(String, String)> = left.map(|stale| (stale.name.clone(), whose(&stale.name))).collect();
    for stale in segment::sweep() {
        let whose = told.iter().find(|(name, _)| *name == stale.name).map_or("", |(_, whose)| whose);
        aside(format_args!("note: removed {} ({} bytes), left by a run {whose}\n", stale.name, stale.bytes));
    }
}

/// Whose memory a segment is that nobody runs in, and how to go on.
fn whose(name: &str) -> String {
    let Ok(reader) = Reader::open(name) else { return "that was killed".into() };
    let frame = reader.frames().map_or_else(|| "in set-up".into(), |frames| format!("at frame {frames}"));
    let killed = format!("of {} that was killed {frame}", reader.description.scenario);
    let folder = reader.description.checkpoints.as_ref();
    let last = folder.and_then(|folder| Some((folder, coordinator::checkpoints(folder.as_ref()).ok()?.last()?.0)));
    match last {
        Some((folder, frame)) => format!("{killed}; go on with it from frame {frame}: diptych resume {folder}"),
        None => killed,
    }
}

/// What a run begins with, or goes on from.
pub(super) struct Start<'a> {
    pub(super) program: &'a Program,
    pub(super) data: Vec<Vec<u8>>,
    /// Workers that the scenario asks for.
    pub(super) workers: Option<u16>,
    pub(super) origin: Option<Origin>,
    pub(super) records: Option<Records>,
    pub(super) pictures: Option<Pictures>,
    pub(super) checkpoints: Option<Checkpoints>,
    pub(super) journal: Option<Journal>,
    /// What is written of it.
    pub(super) directory: Option<Directory>,
    /// What is known of it beforehand.
    pub(super) swaps: Vec<Swap>,
    pub(super) commands: Vec<Command>,
    /// A file that is looked at, what it was compiled to, and how.
    pub(super) watched: Option<(PathBuf, &'a Compiled, Settings)>,
}

impl Checkpointing {
    /// When they are written; what is not said is as it was.
    pub(super) fn plan(&self, before: Option<Plan>) -> Plan {
        let before = before.unwrap_or_default();
        let (frames, seconds) = match self.every {
            None => (before.frames, before.seconds),
            Some(Every::Frames(frames)) => (Some(frames), None),
            Some(Every::Seconds(seconds)) => (None, Some(seconds)),
        };
        Plan { frames, seconds, keep: self.keep.unwrap_or(before.keep) }
    }
}

impl Going {
    /// Whether what is said of checkpoints makes sense together. (A run that is resumed has a folder.)
    pub(super) fn sense(&self) -> Result<(), &'static str> {
        let asked = self.checkpoints.every.is_some() || self.checkpoints.keep.is_some();
        match asked && self.kept().is_none() {
            true => Err("checkpoints of how many frames or seconds there are to be is said, and not where: say \
                         --checkpoints DIR, or --out DIR"),
            false => Ok(()),
        }
    }

    /// The checkpoints of a run that begins.
    pub(super) fn begun_checkpoints(&self) -> Option<Checkpoints> {
        let folder = self.kept()?;
        Some(Checkpoints { folder, plan: self.checkpoints.plan(None), overwrite: self.force, resumed: false })
    }

    /// What is told of where time goes.
    fn traced(&self) -> Trace {
        let Tracing { trace, trace_frames, profile } = &self.tracing;
        let frames = trace_frames.clone().unwrap_or(TRACED);
        Trace { file: trace.clone(), frames, overwrite: self.force, profile: *profile }
    }

    /// The journal that is said to be begun.
    pub(super) fn begun_journal(&self) -> Result<Option<Journal>, JournalError> {
        self.journal.as_ref().map(|path| Journal::create(path, self.force)).transpose()
    }
}

/// Runs to the end, and shows how it goes.
pub(super) fn go(going: &Going, registry: &Registry, start: Start<'_>) -> Result<Outcome, RunError> {
    let bar = (!going.quiet && std::io::stderr().is_terminal()).then(|| bar(start.program.frames));
    let (shown, aside) = (bar.clone(), Aside(bar.clone()));
    let watched =
        start.watched.map(|(file, compiled, settings)| watch(file, compiled, settings, registry, aside.clone()));
    let (_watch, editions) = watched
        .transpose()
        .map_err(|e| RunError::Workers(format!("cannot start a thread: {e}")))?
        .map_or((None, None), |(watch, editions)| (Some(watch), Some(editions)));
    let lines = going.commands.as_deref().map(lines).transpose().map_err(RunError::Workers)?;
    let (beside, lost, near) = (aside.clone(), aside.clone(), aside.clone());
    let options = Options {
        workers: going.workers.workers.or(start.workers),
        backend: going.backend.into(),
        signals: true,
        deadline: Deadline((going.batch_deadline > 0.0).then(|| Duration::from_secs_f64(going.batch_deadline))),
        data: start.data,
        origin: start.origin,
        checkpoints: start.checkpoints,
        pictures: start.pictures,
        records: start.records.map(|it| Records { on_slow: going.on_slow_output.into(), ..it }),
        viewers: start.directory.as_ref().map_or_else(Vec::new, |directory| directory.viewers(going.force)),
        write_errors: WriteErrors::new(
            going.on_write_error.into(),
            Some(Box::new(move |why| lost.say(&format!("error: {why}\nnote: the run goes on without that file\n")))),
        ),
        progress: shown.map(|bar| Box::new(move |progress| tell(&bar, progress)) as Box<dyn FnMut(Progress)>),
        swaps: start.swaps,
        commands: start.commands,
        editions,
        lines,
        on_begin: start.directory.as_ref().map(Directory::on_begin),
        on_command: Some(Box::new(move |told| beside.say(&commanded(told)))),
        on_nan: Some(Box::new(move |found| near.say(&format!("warning: values that are no numbers in {found}\n")))),
        on_swap: Some(Box::new(move |what| aside.say(&swapped(what)))),
        journal: start.journal,
        injections: going.injections.clone(),
        trace: going.traced(),
        ..Options::default()
    };
    let mut result = coordinator::run(start.program, registry, options);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let written = start.directory.map_or(Ok(()), |directory| directory.ended(&result));
    if let (Err(error), Ok(outcome)) = (written, &mut result) {
        // What the run came to is told all the same.
        super::aside(format_args!("error: {error}\n"));
        outcome.lost.push(error.to_string());
    }
    result
}

/// Where something is said while the run goes on: beside the progress bar, if there is one.
#[derive(Clone)]
pub(super) struct Aside(pub(super) Option<ProgressBar>);

impl Aside {
    /// Says it, on stderr.
    pub(super) fn say(&self, text: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| aside(format_args!("{text}"))),
            None => aside(format_args!("{text}")),
        }
    }
}

/// What became of a command. Of several thousand nobody wants to hear: those that were rejected are told.
fn commanded(told: &Result<Command, Rejected>) -> String {
    match told {
        Ok(_) => String::new(),
        Err(Rejected { frame, line, why }) => format!("error: `{line}` sets nothing: {why} (at frame {frame})\n"),
    }
}

/// What became of a program that the run was to go on with.
fn swapped(what: Result<&Swapped, &RunError>) -> String {
    match what {
        Ok(swapped) => {
            let pause = swapped.pause.as_secs_f64() * 1e3;
            format!("another program from frame {} on (pause {pause:.1} ms)\n{}", swapped.frame, swapped.report)
        }
        Err(error) => format!("error: {error}\nnote: the run goes on as it was\n"),
    }
}

fn bar(frames: u32) -> ProgressBar {
    // Without an end there is nothing to be a part of.
    let (bar, style) = match frames {
        FRAMES_MAX => (ProgressBar::no_length(), "{spinner} {pos} frames, {per_sec}, {msg}"),
        frames => (ProgressBar::new(frames.into()), "{bar:32} {pos}/{len} frames, {per_sec}, {msg}, {eta} left"),
    };
    let style = ProgressStyle::with_template(style);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn tell(bar: &ProgressBar, progress: Progress) {
    // Another program may have another end.
    if bar.length().is_some() && progress.of != FRAMES_MAX {
        bar.set_length(progress.of.into());
    }
    bar.set_message(format!("{} agents", HumanCount(progress.agents)));
    bar.set_position(progress.frames.into());
}
