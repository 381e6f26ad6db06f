//! The scenarios on the pages of `scenarios/` compile, without a warning.

#![allow(clippy::expect_used, reason = "what is not as expected fails the test")]

use diptych::codes::CODES;
use diptych::compile::{KernelCatalog, Settings, compile};
use diptych::source::Source;
use diptych_protocol::id::SystemId;
use diptych_protocol::program::Program;

struct Examples;

impl KernelCatalog for Examples {
    fn names(&self) -> Vec<String> {
        ["crowd", "fall"].map(|name| format!("example.{name}")).to_vec()
    }

    fn check(&self, _: &Program, _: SystemId) -> Result<(), String> {
        Ok(())
    }
}

/// Compiles every block of a page, and says how many there are.
fn examples(page: &str) -> usize {
    // Paths within them are relative to the page's folder.
    let path = format!("{}/../scenarios/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the page is there");
    let blocks = text.split("```dip\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let mut count = 0;
    for block in blocks {
        count += 1;
        let source = Source { path: format!("{path}, example {count}"), text: block.to_string() };
        match compile(&source, &Settings::default(), &Examples) {
            Ok(compiled) => {
                let warnings = diptych::diagnostic::render(&source, &compiled.warnings, false);
                assert!(warnings.is_empty(), "{warnings}");
            }
            Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
        }
    }
    count
}

#[test]
fn every_example_of_the_reference_compiles() {
    assert!(examples("README.md") >= 10);
}

#[test]
fn every_example_of_the_guide_compiles() {
    assert!(examples("coming-from.md") >= 3);
}

#[test]
fn codes_are_told_once_and_in_order() {
    assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
}
