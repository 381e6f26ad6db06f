//! `kill -9` any worker at any moment: the run goes on and ends in the same bits.

use diptych::Program;
use diptych::coordinator::{Options, Outcome};
use diptych_protocol::id::Tick;
use diptych_protocol::inject::{Failure, Injection, Moment};

use diptych_protocol::program::{Reduce, StageKind};
use diptych_tests::kills::{Kills, Random};
use diptych_tests::outputs::WithOutputs;
use diptych_tests::{run_with, shipped};

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
        StageKind::Index | StageKind::Systems | StageKind::Edit | StageKind::Reduce | StageKind::Commit => Tick(4),
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
    let flagship = with.finish();
    let churn = shipped("churn.dip", &[("n", "3_000")], 6);
    let churned = undisturbed(&churn).digest;
    for kind in StageKind::ALL {
        // In the flagship nobody is born.
        let (program, expected) = if kind == StageKind::Edit { (&churn, churned) } else { (&flagship, expected) };
        let stages = program.stages(tick_of(kind));
        assert!(stages.iter().any(|stage| stage.kind == kind), "no kill case for {}", kind.name());
        for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
            // Twice: also whoever takes its place there, or comes to another such batch.
            let kill = Injection::new(Failure::Kill, tick_of(kind)).within(kind).at(moment);
            let injections = vec![kill; 2];
            let outcome = run_with(program, 2, BINARY, Options { injections, ..Options::default() }).unwrap();
            assert_eq!(outcome.digest, expected, "{} {moment:?}", kind.name());
            assert!(outcome.worker_deaths >= 1, "{} {moment:?}: nobody died", kind.name());
            assert_eq!(outcome.worker_deaths as usize + outcome.not_injected.len(), 2, "{} {moment:?}", kind.name());
            assert!(outcome.not_injected.is_empty() || moment == Moment::Done, "{} {moment:?}", kind.name());
            let replayed = outcome.batches_replayed;
            assert_eq!(replayed == 0, moment == Moment::Done, "{} {moment:?}: {replayed} batches", kind.name());
        }
    }
}

/// Signals from outside, at random times, to one worker or to all at once, from the moment of launch on.
fn random_kills(kills: u32, workers: u16, seed: u64) -> u32 {
    let program = flagship(40);
    let expected = undisturbed(&program).digest;
    let mut random = Random(seed);
    let mut killed = 0;
    while killed < kills {
        let plan = Kills::random(&mut random, workers, 8, 30_000);
        let (outcome, hit) = plan.run(&program, workers, BINARY, Options::default());
        assert_eq!(outcome.digest, expected);
        killed += hit;
    }
    killed
}

#[test]
fn two_hundred_random_kills_end_in_the_undisturbed_bits() {
    assert!(random_kills(140, 2, 1) >= 140);
    assert!(random_kills(60, 3, 2) >= 60);
}

/// A kernel that brings its process down every time is not replayed for ever: the run fails, and says which rule, where it is
/// written, and whose rows. One that is killed is tried for longer: it may not be its fault.
#[test]
fn a_kernel_that_kills_its_process_fails_the_run_with_blame() {
    let folder = tempfile::tempdir().unwrap();
    for (kernel, expected) in [
        ("test.abort", ["2 workers died running the same batch of step drift (", "SIGABRT"]),
        ("test.kill", ["8 workers in a row were killed in the same batch of step drift (", "too little memory"]),
    ] {
        let path = folder.path().join("dies.dip");
        std::fs::write(&path, diptych_tests::drift_with(kernel)).unwrap();
        let output = diptych_tests::command(
            BINARY,
            &["run", path.to_str().unwrap(), "--set", "n=1000", "--frames", "9", "--workers", "2"],
        );
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(expected.iter().all(|part| stderr.contains(part)), "{stderr}");
        assert!(stderr.contains("dies.dip:") && stderr.contains("rows 0 .. 1000 of points"), "{stderr}");
    }
}
