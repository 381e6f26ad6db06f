//! The kernels of this program, as the compiler asks for them.

use diptych_protocol::id::SystemId;
use diptych_protocol::program::Program;
use diptych_workers::kernel::Registry;

use crate::compile::KernelCatalog;

/// A registry as the compiler sees it: names, and whether a system gives a kernel what it needs.
pub struct Catalog<'r>(pub &'r Registry);

impl KernelCatalog for Catalog<'_> {
    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn check(&self, program: &Program, system: SystemId) -> Result<(), String> {
        self.0.bind(program, system).map(|_| ()).map_err(|e| e.to_string())
    }
}
