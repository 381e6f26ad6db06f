//! What tests of the front end share.

use diptych::compile::KernelCatalog;
use diptych_protocol::id::SystemId;
use diptych_protocol::program::Program;

/// A catalog of one kernel, `k`, which suits every system.
pub struct EveryKernel;

impl KernelCatalog for EveryKernel {
    fn names(&self) -> Vec<String> {
        vec!["k".into()]
    }

    fn check(&self, _: &Program, _: SystemId) -> Result<(), String> {
        Ok(())
    }
}
