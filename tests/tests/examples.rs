//! The examples of systems in Rust, run as their users run them: the same bits at any number of workers, whoever dies.

use std::path::Path;

use diptych::compile::{KernelCatalog, Settings, compile};
use diptych::coordinator::Options;
use diptych::source;
use diptych_protocol::id::{SystemId, Tick};
use diptych_protocol::inject::{Failure, Injection, Moment};

use diptych_protocol::program::{Program, StageKind};
use diptych_tests::{command, root, run_with, summary};

const WELL: &str = env!("CARGO_BIN_EXE_example-well");
const WAYS: &str = env!("CARGO_BIN_EXE_example-ways");
const CROWD: &str = env!("CARGO_BIN_EXE_example-crowd");
const WALK: &str = env!("CARGO_BIN_EXE_example-walk");
const MEADOW: &str = env!("CARGO_BIN_EXE_example-meadow");

/// The binary, the file that it needs, and small parameters.
const EXAMPLES: [(&str, Option<&str>, &[&str]); 5] = [
    (WELL, None, &["--set", "n=5_000"]),
    (WAYS, Some("engine/examples/ways.dip"), &["--set", "n=5_000"]),
    (CROWD, None, &["--set", "n=2_000", "--frames", "20"]),
    (WALK, None, &["--set", "n=5_000", "--frames", "50"]),
    (MEADOW, None, &["--set", "n=9_000", "--frames", "60"]),
];

fn run(binary: &str, file: Option<&str>, arguments: &[&str]) -> serde_json::Value {
    let words: Vec<&str> =
        ["run"].into_iter().chain(file).chain(arguments.iter().copied()).chain(["--summary", "json"]).collect();
    let output = command(binary, &words);
    assert!(output.status.success(), "{binary}: {}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "{binary} warns: {}", String::from_utf8_lossy(&output.stderr));
    summary(&output)
}

#[test]
fn examples_give_the_same_bits_at_any_worker_count() {
    for (binary, file, arguments) in EXAMPLES {
        let hashes = |more: &[&str]| {
            let summary = run(binary, file, &[arguments, more].concat());
            [summary["state_hash"].clone(), summary["content_hash"].clone()]
        };
        let expected = hashes(&["--workers", "0"]);
        for workers in ["1", "2", "3"] {
            assert_eq!(hashes(&["--workers", workers]), expected, "{binary} --workers {workers}");
        }
        assert_eq!(hashes(&["--workers", "2", "--backend", "interpreter"]), expected, "{binary}, interpreted");
        assert_ne!(hashes(&["--workers", "2", "--seed", "77"]), expected, "{binary}: another seed");
    }
}

#[test]
fn examples_do_what_they_say() {
    let signal = |summary: &serde_json::Value, name: &str| summary["signals"][name].as_f64().unwrap();
    // Angular momentum stays: its mean is 0.7 times that of the squared distance, 1.75, up to drawing 5,000 of them.
    let momenta = ["1", "200"].map(|frames| signal(&run(WELL, None, &["--frames", frames]), "momentum"));
    assert!((momenta[0] - momenta[1]).abs() < 1e-5 && (momenta[0] - 0.7 * 1.75).abs() < 0.05, "{momenta:?}");
    // A density of 2 a unit area, and less near each other than without the pushing.
    let crowded = signal(&run(CROWD, None, &["--frames", "40"]), "crowded");
    assert!((3.0..6.3).contains(&crowded), "{crowded}");
    // restless * length^2 * frames; the relative deviation of a mean of 20,000 squares is a hundredth.
    let spread = signal(&run(WALK, None, &[]), "spread");
    assert!((spread / (0.5 * 0.1 * 0.1 * 100.0) - 1.0).abs() < 0.04, "{spread}");
}

#[test]
fn a_scenario_that_is_brought_along_needs_no_file_and_another_is_taken_instead() {
    let output = command(WALK, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.starts_with("walk: 100 frames of 20,000 agents"), "{text}");
    let output = command(WALK, &["check"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = command(WALK, &["run", "scenarios/drift.dip", "--set", "n=100", "--frames", "2"]);
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("drift: 2 frames of 100 agents"));
    // Without one of its own, a program still wants to be told.
    let output = command(WAYS, &["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("<FILE>"));
}

#[test]
fn a_rule_in_text_draws_the_numbers_of_the_one_in_rust() {
    let text = std::fs::read_to_string(root().join("engine/examples/walk.dip")).unwrap();
    let native =
        "system step native \"walk.step\" for walkers owns Position with { restless = restless, length = 0.1 }";
    let body = "system step for walkers owns Position {
        if chance(restless) { Position += vec2(normal(0.0, 0.1), normal(0.0, 0.1)) }
    }";
    assert!(text.contains(native));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("walk.dip");
    std::fs::write(&path, text.replace(native, body)).unwrap();
    let hash = |file| run(WALK, file, &["--frames", "20", "--set", "n=2_000"])["content_hash"].clone();
    assert_eq!(hash(path.to_str()), hash(None));
}

/// Takes every system as it is: whether it fits is the workers' business here.
struct Anything;

impl KernelCatalog for Anything {
    fn names(&self) -> Vec<String> {
        ["crowd.shove", "meadow.grow", "meadow.graze"].map(String::from).to_vec()
    }
    fn check(&self, _: &Program, _: SystemId) -> Result<(), String> {
        Ok(())
    }
}

fn crowd(change: impl Fn(String) -> String) -> Program {
    example("crowd", change)
}

fn example(name: &str, change: impl Fn(String) -> String) -> Program {
    let mut source = source::read(Path::new(&root().join(format!("engine/examples/{name}.dip")))).unwrap();
    source.text = change(source.text);
    let sets = vec![("n".into(), "2_000".into())];
    compile(&source, &Settings { sets, frames: Some(6), ..Settings::default() }, &Anything).unwrap().program
}

#[test]
fn a_worker_that_dies_within_a_system_in_rust_costs_a_batch_not_the_run() {
    let program = crowd(|text| text);
    let expected = run_with(&program, 1, CROWD, Options::default()).unwrap().digest;
    for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
        let kill = Injection::new(Failure::Kill, Tick(4)).within(StageKind::Systems).at(moment);
        let injections = vec![kill; 2];
        let outcome = run_with(&program, 2, CROWD, Options { injections, ..Options::default() }).unwrap();
        assert_eq!(outcome.digest, expected, "{moment:?}");
        assert!(outcome.worker_deaths >= 1, "{moment:?}: nobody died");
    }
}

#[test]
fn a_worker_refuses_a_program_that_its_systems_do_not_fit() {
    let program = crowd(|text| text.replace("reads State ", ""));
    let error = run_with(&program, 1, CROWD, Options::default()).err().map(|error| error.to_string());
    let said = error.unwrap_or_default();
    assert!(said.contains("the kernel needs `reads State`, which system shove does not declare"), "{said}");
}

#[test]
fn births_and_ends_of_a_system_in_rust_come_out_the_same_whoever_dies() {
    let program = example("meadow", |text| text);
    let expected = run_with(&program, 1, MEADOW, Options::default()).unwrap().digest;
    for stage in [StageKind::Systems, StageKind::Edit] {
        for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
            let kill = Injection::new(Failure::Kill, Tick(4)).within(stage).at(moment);
            let injections = vec![kill; 2];
            let outcome = run_with(&program, 2, MEADOW, Options { injections, ..Options::default() }).unwrap();
            assert_eq!(outcome.digest, expected, "{stage:?}, {moment:?}");
            assert!(outcome.worker_deaths >= 1, "{stage:?}, {moment:?}: nobody died");
        }
    }
}

#[test]
fn births_and_ends_of_a_system_in_rust_are_those_that_its_scenario_declares() {
    let text = std::fs::read_to_string(root().join("engine/examples/meadow.dip")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meadow.dip");
    let run = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let output = command(MEADOW, &["run", path.to_str().unwrap(), "--frames", "9", "--no-outputs"]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let refused = |from: &str, to: &str, with: &str| {
        let (code, said) = run(from, to);
        assert!(code == Some(2) && said.contains(with), "{code:?}: {said}");
    };
    refused("spawns grass[max 2] ", "", "the kernel needs `spawns grass`, which system grow does not declare");
    refused(" despawns grass with { reach", " with { reach", "the kernel needs `despawns grass`, which system graze");
    let idle = "system graze declares `spawns grass`, which the kernel does not ask for: take it out";
    refused("despawns grass with { reach", "despawns grass spawns grass with { reach", idle);
    let more = "    Age = u32(uniform(0, 20))\n    Eaten = 0";
    refused("    Age = u32(uniform(0, 20))", more, "lack component Eaten: name it in `Spawn<(...)>`");
    // Room for one a row, where each asks for two.
    let (code, said) = run(
        "spawns grass[max 2] despawns grass with { lasts = 20, seeds = 0.1",
        "spawns grass despawns grass with { lasts = 20, seeds = 1",
    );
    assert!(code == Some(3) && said.contains("births into grass: raise `spawns grass[max ...]`"), "{code:?}: {said}");
}
