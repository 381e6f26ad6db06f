//! `diptych why`.

use std::process::ExitCode;

use diptych_protocol::message::Backend;
use diptych_workers::kernel::Registry;

use super::arguments::Why;
use super::{INTERRUPTED, WRONG, ending, fail, scenario};
use crate::coordinator::{self, Options, Stopped};
use crate::source::Source;

pub(super) fn why(arguments: &Why, registry: &Registry, inside: Option<&Source>) -> ExitCode {
    let source = match scenario::read(arguments.file.as_deref(), inside) {
        Ok(source) => source,
        Err(code) => return code,
    };
    let compiled = scenario::compile(&source, &arguments.given, arguments.at, registry);
    let compiled = match scenario::shown(&source, compiled) {
        Ok(compiled) => compiled,
        Err(code) => return code,
    };
    let options = Options {
        workers: arguments.workers.workers.or(compiled.workers),
        backend: Backend::default(),
        data: compiled.data.clone(),
        signals: true,
        ..Options::default()
    };
    let outcome = match coordinator::run(&compiled.program, registry, options) {
        Ok(outcome) => outcome,
        Err(error) => return ending::failed(&error),
    };
    if outcome.stopped == Stopped::Interrupted {
        return ExitCode::from(INTERRUPTED);
    }
    // An `until` or an `ensure` may have ended the run before.
    if arguments.at.is_some_and(|at| at != outcome.frames) {
        eprintln!("note: the run ended with frame {}", outcome.frames);
    }
    match outcome.state.why(&arguments.names, arguments.lines) {
        Ok(text) => {
            use std::io::Write;
            // A reader that went away is no error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => fail(WRONG, error),
    }
}
