//! Finished machine code. One of the few modules with `unsafe`.

#![expect(unsafe_code, reason = "calling generated code, and giving its memory back")]

use cranelift_jit::JITModule;
use cranelift_module::FuncId;
use memmap2::{Mmap, MmapMut};

use super::CompileError;
use super::arguments::Checked;

type Entry = extern "C" fn(*const u64);

/// A function in machine code, with the memory it stands in.
pub(super) struct Code {
    memory: Memory,
    entry: Entry,
    len: usize,
}

enum Memory {
    Module(Option<Box<JITModule>>),
    Map(#[expect(dead_code, reason = "holds the code")] Mmap),
}

impl Code {
    /// The code of a function, which is defined, finished and takes one pointer to words.
    pub(super) fn of_module(module: JITModule, function: FuncId, len: usize) -> Self {
        let entry = entry(module.get_finalized_function(function));
        Self { memory: Memory::Module(Some(Box::new(module))), entry, len }
    }

    /// Code from bytes, which are made when their address is known: at most `room` of them. The function, which takes
    /// one pointer to words, begins at the place `start`.
    pub(super) fn of_bytes(
        room: usize,
        start: usize,
        bytes: impl FnOnce(u64) -> Result<Vec<u8>, CompileError>,
    ) -> Result<Self, CompileError> {
        let fails = |error: std::io::Error| CompileError::Generator(format!("no memory for code: {error}"));
        let mut map = MmapMut::map_anon(room).map_err(fails)?;
        let bytes = bytes(map.as_ptr() as usize as u64)?;
        match map.get_mut(..bytes.len()) {
            Some(place) if start < bytes.len() => place.copy_from_slice(&bytes),
            _ => return Err(CompileError::Generator("code of an unexpected length".into())),
        }
        let map = map.make_exec().map_err(fails)?;
        let entry = entry(map[start..].as_ptr());
        Ok(Self { memory: Memory::Map(map), entry, len: bytes.len() })
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

fn entry(code: *const u8) -> Entry {
    // SAFETY: a generator made it with this signature and the platform's C calling convention; it stays mapped as long
    // as the memory of the `Code` that holds the entry.
    unsafe { std::mem::transmute::<*const u8, Entry>(code) }
}

impl Drop for Code {
    fn drop(&mut self) {
        if let Memory::Module(module) = &mut self.memory
            && let Some(module) = module.take()
        {
            // SAFETY: nobody runs the code: running borrows `self`, and the entry is not given out.
            unsafe { module.free_memory() };
        }
    }
}
