//! Native kernels: rules in Rust, registered under a name that a scenario's `native "name"` refers to.

use std::collections::BTreeMap;

use diptych_protocol::access::{Access, AccessError};
use diptych_protocol::blame::Fault;
use diptych_protocol::id::{EditId, SystemId};
use diptych_protocol::program::{Code, Program};
use diptych_protocol::view::Batch;

use crate::system::System;

/// A kernel bound to one system. It runs batch after batch and may keep buffers, but no state: batches come in any
/// order, in any worker, and some of them twice.
///
/// What it computes must depend on nothing but the batch's views, the constants and the space: no clock, no thread,
/// no address, no map with a random order; only [`diptych_protocol::math`] for functions beyond `sqrt`.
pub trait Kernel: Send {
    /// Computes the batch's rows of all that the system owns: every row, or `own_carried`.
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault>;

    /// Which row of the batch that was just run asked for a birth, if the kernel knows: for blame.
    fn asked_by(&self, _edit: EditId, _birth: usize) -> Option<u32> {
        None
    }
}

/// Makes a kernel for a system: takes its handles, or says what the system lacks.
pub type Bind = fn(&mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError>;

/// Kernels by name.
#[derive(Clone, Default)]
pub struct Registry {
    kernels: BTreeMap<&'static str, Bind>,
}

impl Registry {
    /// No kernels.
    pub fn empty() -> Self {
        Self::default()
    }

    /// Those that come with the engine.
    pub fn builtin() -> Self {
        crate::native::register(Self::empty())
    }

    /// Adds a kernel; a later one of the same name takes its place.
    #[must_use]
    pub fn with(mut self, name: &'static str, bind: Bind) -> Self {
        self.kernels.insert(name, bind);
        self
    }

    /// Adds a system in Rust under its name.
    #[must_use]
    pub fn system<S: System>(self) -> Self {
        self.with(S::NAME, crate::system::bind::<S>)
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<String> {
        self.kernels.keys().map(ToString::to_string).collect()
    }

    /// Binds a system's kernel; nothing for a system in text.
    pub fn bind(&self, program: &Program, system: SystemId) -> Result<Option<Box<dyn Kernel>>, AccessError> {
        let Code::Native(name) = &program.systems[system].code else { return Ok(None) };
        let bind = self
            .kernels
            .get(name.as_str())
            .ok_or_else(|| AccessError(format!("there is no kernel named {name:?} in this program")))?;
        let mut access = Access::new(program, system);
        let kernel = bind(&mut access)?;
        access.finish()?;
        Ok(Some(kernel))
    }
}
