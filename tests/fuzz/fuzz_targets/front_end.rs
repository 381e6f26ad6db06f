//! Whatever the bytes: the compiler makes a program that its verifier takes, or says what is wrong, in bounded time and
//! memory. Run by `tests/fuzz/run`, which says how.

#![no_main]

use diptych::codes;
use diptych::compile::{KernelCatalog, Settings, compile};
use diptych::diagnostic::render;
use diptych_protocol::id::SystemId;
use diptych_protocol::program::{Program, Source};
use libfuzzer_sys::fuzz_target;

/// Takes every kernel.
struct Any;

impl KernelCatalog for Any {
    fn names(&self) -> Vec<String> {
        vec!["test.any".into()]
    }

    fn check(&self, _: &Program, _: SystemId) -> Result<(), String> {
        Ok(())
    }
}

fuzz_target!(|text: &str| {
    let source = Source { path: "/nowhere/fuzz.dip".into(), text: text.to_string() };
    match compile(&source, &Settings::default(), &Any) {
        // A program came through its verifier; it is the same every time.
        Ok(compiled) => {
            let again = compile(&source, &Settings::default(), &Any).expect("compiled before");
            assert_eq!(compiled.program.hash(), again.program.hash(), "two compilations differ");
        }
        Err(diagnostics) => {
            assert!(diagnostics.iter().any(|d| d.code.starts_with('E')), "refused without a reason");
            assert!(diagnostics.iter().all(|d| d.code != codes::INTERNAL), "{}", render(&source, &diagnostics, false));
            render(&source, &diagnostics, false);
        }
    }
});
