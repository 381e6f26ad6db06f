//! A program of one's own: the engine, with systems in Rust.

use std::process::ExitCode;

use diptych_workers::kernel::Registry;
use diptych_workers::system::System;

use crate::cli;
use crate::source::Source;

/// A program that runs scenarios with systems of its own. It is the whole command line of `diptych` (`run`, `check`,
/// `explain`, …), and its own workers: it starts itself again. So [`Self::main`] is all that `main` does; what stands
/// before it runs in every worker, too.
///
/// ```no_run
/// # use diptych::prelude::*;
/// # struct Fall;
/// # impl System for Fall {
/// #     const NAME: &'static str = "fall";
/// #     type Query = Id;
/// #     type Scratch = ();
/// #     fn new(_: &mut Setup) -> Result<Self, AccessError> { Ok(Self) }
/// #     fn run(&self, _: View<Id>, _: &Frame, (): &mut ()) -> Result<(), Fault> { Ok(()) }
/// # }
/// fn main() -> std::process::ExitCode {
///     App::new().system::<Fall>().main()
/// }
/// ```
#[derive(Clone)]
pub struct App {
    registry: Registry,
    scenario: Option<Source>,
}

impl Default for App {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Registry> for App {
    fn from(registry: Registry) -> Self {
        Self { registry, scenario: None }
    }
}

impl App {
    /// With the kernels that come with the engine.
    pub fn new() -> Self {
        Self::from(Registry::builtin())
    }

    /// Adds a system under its name; a later one of the same name takes its place.
    #[must_use]
    pub fn system<S: System>(self) -> Self {
        Self { registry: self.registry.system::<S>(), ..self }
    }

    /// Brings a scenario along, so that commands need no file: `diptych-of-mine run`, or just `diptych-of-mine`. A file
    /// that is given is taken instead. `path` is what diagnostics call it, and where files that it names are looked
    /// for: beside it.
    #[must_use]
    pub fn scenario(self, path: &str, text: &str) -> Self {
        Self { scenario: Some(Source { path: path.into(), text: text.into() }), ..self }
    }

    /// The kernels by name, for those who run programs through the library: [`crate::coordinator::run`].
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// A worker, if this process was started as one, else the command line.
    pub fn main(&self) -> ExitCode {
        cli::command_line(&self.registry, self.scenario.as_ref())
    }
}
