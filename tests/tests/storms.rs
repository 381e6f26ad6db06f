//! Workers are stopped and let go on at random, some for longer than the deadline: the run ends in the undisturbed bits.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diptych::Program;
use diptych::coordinator::{Deadline, Options};
use diptych_protocol::digest::Digest;
use diptych_protocol::message::Backend;
use diptych_tests::kills::Random;
use diptych_tests::{everything, kill, lives, run_with, shipped};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
/// What workers may be silent for.
const DEADLINE_MS: u64 = 500;
/// Nobody is stopped after so long: the run shall end.
const STORM_MS: u64 = 2_500;

/// A run in a storm; how many died of it, and how often somebody was stopped.
fn storm(program: &Program, workers: u16, expected: Digest, seed: u64) -> (u32, u32) {
    let pids: Arc<Mutex<Vec<u32>>> = Arc::default();
    let launched = Arc::clone(&pids);
    let options = Options {
        deadline: Deadline(Some(Duration::from_millis(DEADLINE_MS))),
        backend: [Backend::Compiled, Backend::Interpreter][seed as usize % 2],
        on_launch: Some(Box::new(move |_, pid| launched.lock().unwrap().push(pid))),
        ..Options::default()
    };
    let over = AtomicBool::new(false);
    let (outcome, stops) = std::thread::scope(|scope| {
        let stopper = scope.spawn(|| {
            let (mut random, mut passed_ms, mut stops) = (Random(seed), 0, 0);
            let mut left: Vec<u32> = Vec::new();
            while !over.load(Ordering::Relaxed) && passed_ms < STORM_MS {
                let mut there: Vec<u32> = pids.lock().unwrap().clone();
                there.retain(|pid| lives(*pid) && !left.contains(pid));
                // One of them, or all at once.
                let whom = (random.next(4) != 0).then(|| random.next(there.len().max(1) as u64) as usize);
                let hit: Vec<u32> = match whom {
                    Some(at) => there.get(at).copied().into_iter().collect(),
                    None => there,
                };
                hit.iter().for_each(|pid| kill(*pid, Signal::STOP));
                stops += hit.len() as u32;
                // Mostly for a moment; for about as long as is allowed; for ever.
                let stopped_ms = match random.next(24) {
                    0 => DEADLINE_MS - 50 + random.next(300),
                    1 | 2 => 0,
                    _ => 1 + random.next(15),
                };
                std::thread::sleep(Duration::from_millis(stopped_ms));
                match stopped_ms {
                    0 => left.extend(hit),
                    _ => hit.iter().for_each(|pid| kill(*pid, Signal::CONT)),
                }
                let between_ms = random.next(15);
                std::thread::sleep(Duration::from_millis(between_ms));
                passed_ms += stopped_ms + between_ms;
            }
            stops
        });
        let outcome = run_with(program, workers, BINARY, options);
        over.store(true, Ordering::Relaxed);
        (outcome, stopper.join().unwrap())
    });
    let outcome = outcome.unwrap_or_else(|error| panic!("storm {seed}: {error}"));
    assert_eq!(outcome.digest, expected, "storm {seed}, {workers} workers");
    assert!(pids.lock().unwrap().iter().all(|pid| !lives(*pid)), "storm {seed}: a worker outlives the run");
    (outcome.worker_deaths, stops)
}

#[test]
fn workers_that_are_stopped_and_let_go_on_in_storms_change_nothing() {
    let programs = [everything(250), shipped("colliding-particles.dip", &[("n", "3_000")], 250)];
    let (mut deaths, mut stops) = (0, 0);
    let crews: [&[u16]; 2] = [&[1, 2, 3], &[2]];
    for (at, (program, crews)) in programs.iter().zip(crews).enumerate() {
        let expected = run_with(program, 0, BINARY, Options::default()).unwrap().digest;
        for &workers in crews {
            let (died, stopped) = storm(program, workers, expected, at as u64 * 3 + u64::from(workers));
            println!(
                "{} on {workers} workers: {stopped} times somebody was stopped, {died} were killed for it",
                program.scenario
            );
            deaths += died;
            stops += stopped;
        }
    }
    assert!(stops > 100 && deaths > 5, "{stops} times somebody was stopped, {deaths} died");
}
