//! Workers that hang are killed and replaced, and the run ends in the same bits; whoever only waits, or is paused with all
//! others, is left alone.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use diptych::Program;
use diptych::coordinator::{Deadline, Edition, Options, Outcome, RunError, Swap};
use diptych_tests::kills::Random;
use diptych_tests::{children, command, drift_with, kill, lives, program, run_with, scenario, shipped, wait_until};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Fifty frames a millisecond, so that a stop falls anywhere.
fn long() -> Program {
    let text = "scenario long\nspace torus (0, 0) .. (9, 9)\ncomponent Position = vec2\ncomponent Near = u32\n\
        group points[3_000] { position Position = uniform(space), Near = 0 }\n\
        system walk for points owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.1)) }\n\
        system look for points owns Near { Near = count(x in points within 0.3) }\n\
        signal near = sum(points: Near)\n";
    program(text, &[], 1500)
}

/// Runs, and stops these workers (all, if none is named) at this moment, without ever letting them go on.
fn stopped(program: &Program, workers: u16, after: Duration, whom: Option<usize>) -> Result<Outcome, RunError> {
    let pids: Arc<Mutex<Vec<u32>>> = Arc::default();
    let launched = Arc::clone(&pids);
    let options = Options {
        deadline: Deadline(Some(Duration::from_secs(1))),
        on_launch: Some(Box::new(move |_, pid| launched.lock().unwrap().push(pid))),
        ..Options::default()
    };
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(after);
        let there: Vec<u32> = pids.lock().unwrap().clone();
        let hit = there.into_iter().enumerate().filter(|(slot, _)| whom.is_none_or(|whom| whom == *slot));
        let hit: Vec<u32> = hit.map(|(_, pid)| pid).collect();
        hit.iter().for_each(|pid| kill(*pid, Signal::STOP));
        hit
    });
    let outcome = run_with(program, workers, BINARY, options);
    let hit = stopper.join().unwrap();
    assert!(hit.into_iter().all(|pid| !lives(pid)), "a stopped worker outlives the run");
    outcome
}

#[test]
fn a_worker_that_is_stopped_anywhere_is_replaced_and_the_bits_are_the_same() {
    let program = long();
    let quiet = run_with(&program, 2, BINARY, Options::default()).unwrap();
    let mut random = Random(3);
    let mut deaths = 0;
    for round in 0..6u64 {
        let workers = 1 + (round % 3) as u16;
        let whom = (round != 5).then(|| random.next(workers.into()) as usize);
        // Set-up takes some; the whole run is longer than that.
        let after = Duration::from_millis(60 + random.next(200));
        let outcome = stopped(&program, workers, after, whom).unwrap();
        assert_eq!(outcome.digest, quiet.digest, "{workers} workers, {whom:?} stopped after {after:?}");
        deaths += outcome.worker_deaths;
    }
    assert!(deaths >= 3, "hardly anybody was stopped in time: {deaths}");
}

/// Nobody waits for ever for a worker that does not even come to attach: of the first program, or of the one that it goes on with.
#[test]
fn a_worker_that_is_stopped_before_it_has_attached_is_replaced() {
    let program = long();
    let quiet = run_with(&program, 2, BINARY, Options::default()).unwrap();
    for (swap, stopped) in [(false, 0..1), (false, 0..2), (true, 2..3), (true, 2..4)] {
        let edition = Edition { program: program.clone(), data: Vec::new() };
        let alone = !swap && stopped.len() == 1;
        let mut launched = 0;
        let options = Options {
            deadline: Deadline(Some(Duration::from_millis(500))),
            swaps: swap.then_some(Swap { frame: 700, edition }).into_iter().collect(),
            on_launch: Some(Box::new(move |_, pid| {
                if stopped.contains(&launched) {
                    kill(pid, Signal::STOP);
                }
                launched += 1;
            })),
            ..Options::default()
        };
        let outcome = run_with(&program, 2, BINARY, options).unwrap();
        assert_eq!(outcome.digest, quiet.digest);
        // Where the other one could run it all by itself, it may have before anybody looked.
        assert!(alone || outcome.worker_deaths >= 1, "nobody was stopped, {swap}");
    }
}

#[test]
fn a_kernel_that_never_ends_stops_the_run_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hang.dip");
    std::fs::write(&file, drift_with("test.hang")).unwrap();
    let file = file.display().to_string();
    let sized = ["--set", "n=2000", "--frames", "10", "--workers", "2", "--batch-deadline", "1"];
    let output = command(BINARY, &[&["run", &file], &sized[..]].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("2 workers hung in the same batch of step drift ("), "{told}");
    assert!(told.contains("--batch-deadline"), "{told}");
}

#[test]
fn workers_that_wait_are_not_taken_for_dead() {
    // Of three workers two have nothing to do, for many times the deadline.
    let program = shipped("drift.dip", &[("n", "64")], 400_000);
    let options = Options { deadline: Deadline(Some(Duration::from_secs(1))), ..Options::default() };
    assert_eq!(run_with(&program, 3, BINARY, options).unwrap().worker_deaths, 0);
}

#[test]
fn a_run_that_is_paused_as_a_whole_loses_nobody() {
    let mut run = std::process::Command::new(BINARY);
    run.arg("run").arg(scenario("drift.dip"));
    run.args(["--workers", "2", "--frames", "60000", "--set", "n=20000"]);
    run.args(["--batch-deadline", "1", "--summary", "json", "--no-outputs"]);
    let run = run.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let coordinator = run.id();
    assert!(wait_until(Duration::from_secs(20), || children(coordinator).len() == 2), "no workers");
    std::thread::sleep(Duration::from_millis(100));
    let all: Vec<u32> = children(coordinator).into_iter().chain([coordinator]).collect();
    all.iter().rev().for_each(|pid| kill(*pid, Signal::STOP));
    std::thread::sleep(Duration::from_secs(4));
    all.iter().for_each(|pid| kill(*pid, Signal::CONT));
    let output = run.wait_with_output().unwrap();
    let summary: serde_json::Value =
        serde_json::from_str(String::from_utf8_lossy(&output.stdout).lines().last().unwrap()).unwrap();
    assert_eq!(summary["frames"], 60000);
    assert_eq!(summary["worker_deaths"], 0);
}
