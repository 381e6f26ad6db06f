//! Finished machine code. One of the few modules with `unsafe`.

#![expect(unsafe_code, reason = "calling generated code, and giving its memory back")]

use cranelift_jit::JITModule;
use cranelift_module::FuncId;

use super::arguments::Checked;

/// A function in machine code, with the memory it stands in.
pub(super) struct Code {
    module: Option<JITModule>,
    entry: extern "C" fn(*const u64),
    len: usize,
}

impl Code {
    /// The code of a function, which is defined, finished and takes one pointer to words.
    pub(super) fn of_module(module: JITModule, function: FuncId, len: usize) -> Self {
        let entry = module.get_finalized_function(function);
        // SAFETY: the generator made it with this signature and the platform's C calling convention; it stays mapped
        // as long as the module, which is freed in `drop` alone.
        let entry = unsafe { std::mem::transmute::<*const u8, extern "C" fn(*const u64)>(entry) };
        Self { module: Some(module), entry, len }
    }

    /// Runs it.
    pub(super) fn run(&self, arguments: &Checked<'_>) {
        (self.entry)(arguments.as_ptr());
    }

    /// Bytes of it.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: nobody runs the code: running borrows `self`, and the entry is not given out.
            unsafe { module.free_memory() };
        }
    }
}
