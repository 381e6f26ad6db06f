//! `kill -9` any worker at any moment: the run goes on and ends in the same bits.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use diptych::Program;
use diptych::coordinator::{Options, Outcome};
use diptych_protocol::id::{Tick, WorkerId};
use diptych_protocol::message::{Death, Moment};
use diptych_protocol::program::{Reduce, StageKind};
use diptych_tests::outputs::WithOutputs;
use diptych_tests::{kill, run_with, shipped};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

fn flagship(frames: u32) -> Program {
    shipped("colliding-particles.dip", &[("n", "3_000")], frames)
}

fn undisturbed(program: &Program) -> Outcome {
    run_with(program, 0, BINARY, Options::default()).unwrap()
}

/// Where in the schedule a kind of stage first runs.
fn tick_of(kind: StageKind) -> Tick {
    match kind {
        StageKind::Setup => Tick::SETUP,
        // A frame in the middle of the run.
        StageKind::Index | StageKind::Systems | StageKind::Reduce | StageKind::Commit => Tick(4),
    }
}

/// Every kind of stage, the serial ones included, and every moment around a batch. A new kind of stage fails here
/// until the schedule of the flagship has it.
#[test]
fn a_death_in_any_stage_at_any_moment_costs_a_batch_not_the_run() {
    let bare = flagship(6);
    let expected = undisturbed(&bare).digest;
    let mut with = WithOutputs::of(bare);
    let all = with.reduce(Reduce::Count, false, |_, _| vec![]);
    with.reduced("all", all);
    let program = with.finish();
    for kind in StageKind::ALL {
        let stages = program.stages(tick_of(kind));
        assert!(stages.iter().any(|stage| stage.kind == kind), "no kill case for {}", kind.name());
        for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
            // All workers are told to die there: whoever gets a batch of that stage does.
            let death = Death { tick: tick_of(kind), stage: kind, moment };
            let deaths = [0, 1].map(|w| (WorkerId(w), death)).to_vec();
            let outcome = run_with(&program, 2, BINARY, Options { deaths, ..Options::default() }).unwrap();
            assert_eq!(outcome.digest, expected, "{} {moment:?}", kind.name());
            assert!(outcome.worker_deaths >= 1, "{} {moment:?}: nobody died", kind.name());
            let replayed = outcome.batches_replayed;
            assert_eq!(replayed == 0, moment == Moment::Done, "{} {moment:?}: {replayed} batches", kind.name());
        }
    }
}

/// Signals from outside, at random times, to one worker or to all at once, from the moment of launch on.
fn random_kills(kills: u32, workers: u16, seed: u64) -> u32 {
    let program = flagship(40);
    let expected = undisturbed(&program).digest;
    let mut random = seed;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut killed = 0;
    while killed < kills {
        let pids = Rc::new(RefCell::new(vec![0u32; workers.into()]));
        let launched = Rc::clone(&pids);
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let shared = std::sync::Arc::new(std::sync::Mutex::new(vec![0u32; workers.into()]));
        let told = std::sync::Arc::clone(&shared);
        // This run's plan: how long to wait before each kill, and whom.
        let plan: Vec<(u64, Option<usize>)> = (0..8)
            .map(|_| {
                let whom = if next(4) == 0 { None } else { Some(next(workers.into()) as usize) };
                (next(30_000), whom)
            })
            .collect();
        let killer = std::thread::spawn(move || {
            let mut killed = 0;
            for (wait_us, whom) in plan {
                if stopped.recv_timeout(Duration::from_micros(wait_us)).is_ok() {
                    break;
                }
                let pids = shared.lock().unwrap().clone();
                for (slot, pid) in pids.into_iter().enumerate() {
                    if pid != 0 && whom.is_none_or(|w| w == slot) && diptych_tests::lives(pid) {
                        kill(pid, Signal::KILL);
                        killed += 1;
                    }
                }
            }
            killed
        });
        let on_launch = Box::new(move |worker: WorkerId, pid: u32| {
            launched.borrow_mut()[usize::from(worker.0)] = pid;
            told.lock().unwrap()[usize::from(worker.0)] = pid;
        });
        let outcome =
            run_with(&program, workers, BINARY, Options { on_launch: Some(on_launch), ..Options::default() }).unwrap();
        let _ = stop.send(());
        killed += killer.join().unwrap();
        assert_eq!(outcome.digest, expected);
        assert!(pids.borrow().iter().all(|&pid| !diptych_tests::lives(pid)), "a worker outlived its run");
    }
    killed
}

#[test]
fn two_hundred_random_kills_end_in_the_undisturbed_bits() {
    assert!(random_kills(140, 2, 1) >= 140);
    assert!(random_kills(60, 3, 2) >= 60);
}

/// A kernel that brings its process down every time is not replayed for ever: the run fails, and says which step.
#[test]
fn a_kernel_that_kills_its_process_fails_the_run_with_blame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("abort.dip");
    std::fs::write(&path, diptych_tests::drift_with("test.abort")).unwrap();
    let output = diptych_tests::command(
        BINARY,
        &["run", path.to_str().unwrap(), "--set", "n=1000", "--frames", "9", "--workers", "2"],
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("workers died running the same batch of step") && stderr.contains("SIGABRT"), "{stderr}");
}
