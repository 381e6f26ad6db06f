//! The scenarios of the language reference compile, without a warning.

use diptych::codes::CODES;
use diptych::compile::{KernelCatalog, Settings, compile};
use diptych::source::Source;
use diptych_protocol::id::SystemId;
use diptych_protocol::program::Program;

struct Examples;

impl KernelCatalog for Examples {
    fn names(&self) -> Vec<String> {
        ["crowd", "fall", "travel", "turn"].map(|name| format!("example.{name}")).to_vec()
    }

    fn check(&self, _: &Program, _: SystemId) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn every_example_compiles() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/README.md");
    let page = std::fs::read_to_string(path).expect("the reference is there");
    let mut count = 0;
    for block in page.split("```dip\n").skip(1) {
        let text = block.split("```").next().unwrap_or_default().to_string();
        let source = Source { path: format!("README.md, example {}", count + 1), text };
        match compile(&source, &Settings::default(), &Examples) {
            Ok(compiled) => assert_eq!(compiled.warnings, [], "{}", source.path),
            Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
        }
        count += 1;
    }
    assert!(count >= 2);
}

#[test]
fn codes_are_told_once_and_in_order() {
    assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
}
