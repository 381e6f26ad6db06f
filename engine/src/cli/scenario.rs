//! A scenario named on the command line: read, compiled, and its diagnostics shown. The same for every command.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use diptych_protocol::nan::NanPolicy;
use diptych_workers::kernel::Registry;

use super::arguments::Given;
use super::{WRONG, aside, fail};
use crate::catalog::Catalog;
use crate::compile::{self, Compiled, Settings};
use crate::diagnostic::{self, Diagnostic};
use crate::source::{self, Source};

/// Reads the file, or takes the scenario that the program brings along; on failure says why, and with which code to
/// exit.
pub(super) fn read(file: Option<&Path>, inside: Option<&Source>) -> Result<Source, ExitCode> {
    match (file, inside) {
        (Some(file), _) => source::read(file).map_err(|error| fail(WRONG, error)),
        (None, Some(inside)) => Ok(inside.clone()),
        (None, None) => Err(fail(WRONG, "no scenario is named")),
    }
}

/// Compiles it, silently.
pub(super) fn compile(
    source: &Source,
    given: &Given,
    frames: Option<u32>,
    registry: &Registry,
) -> Result<Compiled, Vec<Diagnostic>> {
    compile::compile(source, &settings(given, frames), &Catalog(registry))
}

/// What the compiler is told on the command line.
pub(super) fn settings(given: &Given, frames: Option<u32>) -> Settings {
    let nan = given.nan.map(NanPolicy::from);
    Settings { sets: given.sets.clone(), seed: given.seed, frames, nan }
}

/// Shows what there is to say about it; on failure says with which code to exit.
pub(super) fn shown(source: &Source, compiled: Result<Compiled, Vec<Diagnostic>>) -> Result<Compiled, ExitCode> {
    let compiled = compiled.map_err(|errors| wrong(source, &errors))?;
    show(source, &compiled.warnings);
    Ok(compiled)
}

/// Shows errors.
pub(super) fn wrong(source: &Source, errors: &[Diagnostic]) -> ExitCode {
    show(source, errors);
    ExitCode::from(WRONG)
}

fn show(source: &Source, diagnostics: &[Diagnostic]) {
    aside(format_args!("{}", rendered(source, diagnostics)));
}

/// Diagnostics as they are shown; nothing of none.
pub(super) fn rendered(source: &Source, diagnostics: &[Diagnostic]) -> String {
    match diagnostics {
        [] => String::new(),
        all => diagnostic::render(source, all, std::io::stderr().is_terminal()),
    }
}
