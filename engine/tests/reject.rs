//! Wrong scenarios, each with what the compiler must say written on the offending line:
//!
//! - `//~ CODE part of the message` on the line itself; `//~^ CODE ...` for the line before.
//! - `=> part of the help` behind it, where what to do matters as much as what is wrong.
//! - `//@ set NAME=VALUE` gives a parameter a value from outside.

#![allow(clippy::expect_used, reason = "what is not as expected fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use diptych::codes::CODES;
use diptych::compile::{KernelCatalog, Settings, compile};
use diptych::source::{self, Source};
use diptych_protocol::id::SystemId;
use diptych_protocol::program::Program;

/// `test.any` takes every system, `test.none` none.
struct TestKernels;

impl KernelCatalog for TestKernels {
    fn names(&self) -> Vec<String> {
        vec!["test.any".into(), "test.none".into()]
    }

    fn check(&self, program: &Program, system: SystemId) -> Result<(), String> {
        match &program.systems[system].code {
            diptych_protocol::program::Code::Native(name) if name == "test.none" => {
                Err("it needs nothing at all".into())
            }
            _ => Ok(()),
        }
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/reject");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// One thing that is said.
#[derive(Debug)]
struct Word {
    line: usize,
    code: String,
    message: String,
    help: String,
}

impl Word {
    fn answers(&self, expected: &Word) -> bool {
        let same = self.line == expected.line && self.code == expected.code;
        same && self.message.contains(&expected.message) && self.help.contains(&expected.help)
    }
}

/// What the compiler says.
fn told(source: &Source) -> Vec<Word> {
    let sets = source.text.lines().filter_map(|line| line.strip_prefix("//@ set ")?.split_once('='));
    let sets = sets.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let settings = Settings { sets, ..Settings::default() };
    let diagnostics = match compile(source, &settings, &TestKernels) {
        Ok(compiled) => compiled.warnings,
        Err(diagnostics) => diagnostics,
    };
    let line = |at: u32| source.text[..at as usize].matches('\n').count() + 1;
    let words = diagnostics.into_iter().map(|d| Word {
        line: line(d.primary.span.start),
        code: d.code.to_string(),
        message: d.message,
        help: d.help.join("; "),
    });
    words.collect()
}

/// What the comments expect.
fn expected(text: &str) -> Vec<Word> {
    let mut all = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for note in line.split("//~").skip(1) {
            let (note, back) = note.strip_prefix('^').map_or((note, 0), |note| (note, 1));
            let (code, part) = note.trim().split_once(' ').unwrap_or((note.trim(), ""));
            let (message, help) = part.split_once("=>").unwrap_or((part, ""));
            all.push(Word {
                line: at + 1 - back,
                code: code.to_string(),
                message: message.trim().to_string(),
                help: help.trim().to_string(),
            });
        }
    }
    all
}

#[test]
fn wrong_scenarios_are_told_so_on_the_offending_line() {
    let mut failures = String::new();
    for file in files() {
        let source = source::read(&file).expect("readable");
        let mut told = told(&source);
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        for wanted in expected(&source.text) {
            let Word { line, code, message, help } = &wanted;
            match told.iter().position(|word| word.answers(&wanted)) {
                Some(place) => drop(told.remove(place)),
                None => failures += &format!("{name}:{line}: nobody says {code} {message} => {help}\n"),
            }
        }
        for Word { line, code, message, help } in told {
            failures += &format!("{name}:{line}: unexpected //~ {code} {message} => {help}\n");
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn there_are_many_and_each_expects_something() {
    let files = files();
    assert!(files.len() >= 40, "{} wrong scenarios", files.len());
    for file in files {
        assert!(!expected(&source::read(&file).expect("readable").text).is_empty(), "{}", file.display());
    }
}

#[test]
fn every_code_has_a_scenario_that_shows_it() {
    let shown: BTreeSet<String> = files()
        .iter()
        .flat_map(|file| expected(&source::read(file).expect("readable").text))
        .map(|word| word.code)
        .collect();
    let missing: Vec<&str> = CODES.iter().map(|(code, _)| *code).filter(|code| !shown.contains(*code)).collect();
    assert!(missing.is_empty(), "no scenario in scenarios/reject shows {missing:?}");
}
