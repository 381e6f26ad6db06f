//! The command line. Exit codes: 0 done; 1 the run failed, or an `ensure` did; 2 the scenario or the arguments are
//! wrong; 3 the machine cannot hold the run, or its records; 130 ended by a signal after a whole frame.

mod again;
mod arguments;
mod check;
mod diff;
mod directory;
mod doctor;
mod ending;
mod explain;
mod export;
mod going;
mod inspect;
mod lines;
mod list;
mod pictures;
mod plot;
mod replay;
mod resume;
mod run;
mod scenario;
mod summary;
mod sweep;
mod sweep_summary;
mod watch;
mod why;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::FromArgMatches;
use diptych_workers::kernel::Registry;

use arguments::{Arguments, Command};

use crate::source::Source;

/// The code of a run that failed.
const FAILED: u8 = 1;
/// The code of a wrong scenario or wrong arguments.
const WRONG: u8 = 2;
/// The code of a machine that cannot hold the run.
const TOO_BIG: u8 = 3;
/// The code of a run that a signal ended.
const INTERRUPTED: u8 = 130;

/// The whole of a program that runs scenarios with these kernels: a worker, if it was started as one, else the
/// command line.
pub fn main(registry: &Registry) -> ExitCode {
    command_line(registry, None)
}

/// The same for a program that brings a scenario along: where no file is named, that is meant, and without any
/// arguments it is run.
pub(crate) fn command_line(registry: &Registry, inside: Option<&Source>) -> ExitCode {
    if let Some(code) = diptych_workers::attach::serve_if_worker(registry) {
        return code;
    }
    crate::signals::outlive_file_limits();
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if inside.is_some() && words.len() == 1 {
        words.push("run".into());
    }
    let parsed = arguments::command(inside.is_some()).try_get_matches_from(words);
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way, too, with code 0. A closed pipe is nobody's fault.
            let _ = error.print();
            return ExitCode::from(error.exit_code().clamp(0, i32::from(WRONG)) as u8);
        }
    };
    let code = match arguments.command {
        Command::Run(arguments) => run::run(&arguments, registry, inside),
        Command::Resume(arguments) => resume::resume(arguments, registry),
        Command::Replay(arguments) => replay::replay(&arguments, registry),
        Command::Check(arguments) => check::check(&arguments, registry, inside),
        Command::Explain(arguments) => explain::explain(&arguments, registry, inside),
        Command::Why(arguments) => why::why(&arguments, registry, inside),
        Command::Diff(arguments) => diff::diff(&arguments, registry),
        Command::Export(arguments) => export::export(&arguments, registry),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::List { folder } => list::list(&folder),
        Command::Plot(arguments) => plot::plot(&arguments),
        Command::Sweep(arguments) => sweep::sweep(&arguments, registry, inside),
        Command::SweepRun { parent, .. } => sweep::serve(parent, registry),
        Command::Doctor => doctor::doctor(),
    };
    match UNSAID.get() {
        Some(why) => fail(TOO_BIG, format_args!("cannot write to stdout: {why}")),
        None => code,
    }
}

/// Why a line could not be printed.
static UNSAID: OnceLock<std::io::Error> = OnceLock::new();

/// Prints a line to stdout; a reader that went away is no error.
fn say(line: std::fmt::Arguments<'_>) {
    match writeln!(std::io::stdout(), "{line}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => drop(UNSAID.set(error)),
        Ok(()) | Err(_) => {}
    }
}

/// Says something aside, on stderr. Where that cannot be written there is nobody to tell.
fn aside(text: std::fmt::Arguments<'_>) {
    let _ = std::io::stderr().write_fmt(text);
}

/// Prints an error and says with which code to exit.
fn fail(code: u8, message: impl std::fmt::Display) -> ExitCode {
    aside(format_args!("error: {message}\n"));
    ExitCode::from(code)
}
