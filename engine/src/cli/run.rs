//! `diptych run`.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::segment;
use diptych_workers::body::processor;
use diptych_workers::kernel::Registry;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::arguments::{self, BackendName, Run, Summary};
use super::lines::lines;
use super::watch::watch;
use super::{FAILED, INTERRUPTED, TOO_BIG, WRONG, fail, say, scenario, summary};
use crate::compile::{self, Compiled, ParamDoc};
use crate::coordinator::{
    self, Command, Deadline, Options, Outcome, Progress, RecordError, Records, Rejected, RunError, Stopped, Swapped,
};
use crate::journal::{Journal, JournalError};
use crate::source::Source;

pub(super) fn run(arguments: &Run, registry: &Registry, inside: Option<&Source>) -> ExitCode {
    if arguments.file.is_none() && inside.is_none() {
        return help(None);
    }
    let source = match scenario::read(arguments.file.as_deref(), inside) {
        Ok(source) => source,
        Err(code) => return code,
    };
    if arguments.help {
        return help(Some(&source));
    }
    if let Err(code) = possible(arguments.backend) {
        return code;
    }
    let compiled = scenario::compile(&source, &arguments.given, arguments.frames, registry);
    let compiled = match scenario::shown(&source, compiled) {
        Ok(compiled) => compiled,
        Err(code) => return code,
    };
    sweep();
    match coordinate(arguments, registry, &compiled) {
        Ok(outcome) => finish(arguments.summary, &outcome),
        Err(error) => failed(&error),
    }
}

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
    for stale in segment::sweep() {
        eprintln!("note: removed {} ({} bytes), left by a run that was killed", stale.name, stale.bytes);
    }
}

/// Tells why a run failed; gives the code to exit with.
pub(super) fn failed(error: &RunError) -> ExitCode {
    let code = match error {
        RunError::Machine(_) | RunError::Full(..) => TOO_BIG,
        RunError::Record(error) => code_of(error),
        RunError::Journal(JournalError::Refused { what: "write", .. }) => TOO_BIG,
        RunError::Kernel(_)
        | RunError::Limit { .. }
        | RunError::Data(_)
        | RunError::Command(_)
        | RunError::Journal(_) => WRONG,
        RunError::Fault(..) | RunError::Program(_) | RunError::Swaps(..) | RunError::Workers(_) => FAILED,
    };
    fail(code, error)
}

fn coordinate(arguments: &Run, registry: &Registry, compiled: &Compiled) -> Result<Outcome, RunError> {
    let journal = arguments.journal.as_ref().map(|path| Journal::create(path, arguments.force)).transpose()?;
    let bar = (!arguments.quiet && std::io::stderr().is_terminal()).then(|| bar(compiled.program.frames));
    let (shown, aside) = (bar.clone(), Aside(bar.clone()));
    let watched = arguments.file.clone().filter(|_| arguments.watch).map(|file| {
        let settings = scenario::settings(&arguments.given, arguments.frames);
        watch(file, compiled, settings, registry, aside.clone())
    });
    let (_watch, editions) = watched
        .transpose()
        .map_err(|e| RunError::Workers(format!("cannot start a thread: {e}")))?
        .map_or((None, None), |(watch, editions)| (Some(watch), Some(editions)));
    let lines = arguments.commands.as_deref().map(lines).transpose().map_err(RunError::Workers)?;
    let (beside, near) = (aside.clone(), aside.clone());
    let options = Options {
        workers: arguments.workers.workers.or(compiled.workers),
        backend: arguments.backend.into(),
        signals: true,
        deadline: Deadline((arguments.batch_deadline > 0.0).then(|| Duration::from_secs_f64(arguments.batch_deadline))),
        data: compiled.data.clone(),
        records: (!arguments.no_outputs)
            .then(|| Records { folder: arguments.out.clone().unwrap_or_default(), overwrite: arguments.force }),
        progress: shown.map(|bar| Box::new(move |progress| tell(&bar, progress)) as Box<dyn FnMut(Progress)>),
        editions,
        lines,
        on_command: Some(Box::new(move |told| beside.say(&commanded(told)))),
        on_swap: Some(Box::new(move |what| aside.say(&swapped(what)))),
        on_nan: Some(Box::new(move |found| near.say(&format!("warning: values that are no numbers in {found}\n")))),
        journal,
        ..Options::default()
    };
    let result = coordinator::run(&compiled.program, registry, options);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

/// Where something is said while the run goes on: beside the progress bar, if there is one.
#[derive(Clone)]
pub(super) struct Aside(Option<ProgressBar>);

impl Aside {
    /// Says it, on stderr.
    pub(super) fn say(&self, text: &str) {
        match &self.0 {
            Some(bar) => bar.suspend(|| eprint!("{text}")),
            None => eprint!("{text}"),
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

/// A disk that is full is the machine's fault, a file in the way the caller's.
fn code_of(error: &RecordError) -> u8 {
    use std::io::ErrorKind;
    match error {
        RecordError::Write { .. } => TOO_BIG,
        RecordError::Make { source, .. } => match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem => TOO_BIG,
            _ => WRONG,
        },
        RecordError::Exists(_) => WRONG,
        RecordError::Missing(_) => FAILED,
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

/// Shows how a run ended, and says with which code to exit.
pub(super) fn finish(as_text: Summary, outcome: &Outcome) -> ExitCode {
    match as_text {
        Summary::Text => say(format_args!("{}", summary::text(outcome))),
        Summary::Json => say(format_args!("{}", summary::json(outcome))),
    }
    match outcome.stopped {
        Stopped::Frames | Stopped::Until => ExitCode::SUCCESS,
        Stopped::Ensure => {
            let messages = outcome.ensures.iter().filter_map(|ensure| ensure.message.as_deref());
            fail(FAILED, messages.collect::<Vec<_>>().join("\nerror: "))
        }
        Stopped::Interrupted => ExitCode::from(INTERRUPTED),
    }
}

/// The command's help and, of a scenario, its parameters.
fn help(source: Option<&Source>) -> ExitCode {
    let mut command = arguments::command(false);
    if let Some(run) = command.find_subcommand_mut("run") {
        say(format_args!("{}", run.clone().bin_name("diptych run").render_long_help()));
    }
    let Some(source) = source else { return ExitCode::SUCCESS };
    match compile::params(source) {
        Ok((params, inputs)) => {
            say(format_args!("Parameters of {}:", source.path));
            for param in &params {
                let range = param.range.as_ref().map_or_else(String::new, |(from, to)| format!(" in {from} .. {to}"));
                say(format_args!("  --set {}={}    {}{range}", param.name, param.default, param.type_name));
                documented(param);
            }
            if params.is_empty() {
                say(format_args!("  none"));
            }
            if !inputs.is_empty() {
                say(format_args!("Inputs, which can be set while it runs:"));
            }
            for input in &inputs {
                let range = input.range.as_ref().map_or_else(String::new, |(from, to)| format!(" in {from} .. {to}"));
                say(format_args!("  {} = {}    {}{range}", input.name, input.default, input.type_name));
                documented(input);
            }
            ExitCode::SUCCESS
        }
        Err(errors) => scenario::wrong(source, &errors),
    }
}

fn documented(param: &ParamDoc) {
    for line in &param.docs {
        say(format_args!("          {line}"));
    }
}
