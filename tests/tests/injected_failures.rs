//! What is injected happens, once, where it is said, in each stage of a run: it ends in the undisturbed bits, or stops with the
//! blame that is promised, and leaves nothing.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use diptych::Program;
use diptych::coordinator::{Options, Outcome, Records, RunError};
use diptych_protocol::id::{StageId, Tick};
use diptych_protocol::inject::{Failure, Injection, Moment, Stages};
use diptych_protocol::program::{IndexKind, StageKind, Work};
use diptych_tests::{EVERYTHING, command, everything, root, run_with, segments_of, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const FRAMES: u32 = 30;

fn undisturbed(program: &Program) -> Outcome {
    run_with(program, 0, BINARY, Options::default()).unwrap()
}

/// Each stage of set-up, and each stage of a frame in a frame of its own.
fn each_stage(program: &Program) -> Vec<(Tick, StageId)> {
    let setup = (0..program.schedule.setup.len() as u16).map(|stage| (Tick::SETUP, StageId(stage)));
    let frame = (0..program.schedule.frame.len() as u16).map(|stage| (Tick(stage as u32 + 2), StageId(stage)));
    setup.chain(frame).collect()
}

fn everywhere(program: &Program, failure: Failure, moment: Moment) -> Vec<Injection> {
    let at = |(tick, stage)| Injection { stages: Stages::Number(stage), ..Injection::new(failure, tick) }.at(moment);
    each_stage(program).into_iter().map(at).collect()
}

/// What the other tests go by: the scenario has each kind of stage, and each kind of work.
#[test]
fn everything_has_everything_that_can_be_hit() {
    let program = everything(FRAMES);
    assert!(program.schedule.frame.len() < FRAMES as usize);
    for kind in StageKind::ALL {
        let all = program.schedule.setup.iter().chain(&program.schedule.frame);
        assert!(all.into_iter().any(|stage| stage.kind == kind), "no stage of kind {}", kind.name());
    }
    let name = |work: &Work| format!("{work:?}").split(['(', ' ']).next().unwrap_or_default().to_string();
    let works: BTreeSet<String> = program.steps.values().map(|step| name(&step.work)).collect();
    let all = ["Blueprint", "Commit", "Edit", "Index", "Inverse", "Match", "Pass", "Pick", "Reduce", "Tally"];
    assert_eq!(works.iter().map(String::as_str).collect::<Vec<_>>(), all);
    let trees = program.indexes.values().filter(|index| matches!(index.kind, IndexKind::Tree { .. })).count();
    assert!(trees > 0 && trees < program.indexes.len(), "a tree and a grid");
    assert!(program.groups.values().any(|group| group.order.is_some()), "no rows are kept in order");
}

#[test]
fn one_death_in_each_stage_at_each_moment_and_the_bits_are_the_same() {
    let program = everything(FRAMES);
    let expected = undisturbed(&program).digest;
    for failure in [Failure::Kill, Failure::Abort, Failure::Segv] {
        for moment in Moment::ALL {
            let injections = everywhere(&program, failure, moment);
            let many = injections.len();
            let outcome = run_with(&program, 2, BINARY, Options { injections, ..Options::default() }).unwrap();
            let how = format!("{} {}", failure.name(), moment.name());
            assert_eq!(outcome.not_injected, [], "{how}");
            assert_eq!(outcome.digest, expected, "{how}");
            assert_eq!(outcome.worker_deaths as usize, many, "{how}");
            assert_eq!(outcome.batches_replayed as usize, if moment == Moment::Done { 0 } else { many }, "{how}");
        }
    }
}

/// A batch that is done is nobody's fault: a panic behind it is a bad exit, and survived.
#[test]
fn a_panic_in_any_stage_stops_the_run_and_names_it() {
    let program = everything(FRAMES);
    let expected = undisturbed(&program).digest;
    for moment in [Moment::Claimed, Moment::Written] {
        for injection in everywhere(&program, Failure::Panic, moment) {
            let options = Options { injections: vec![injection], ..Options::default() };
            let Err(RunError::Fault(said, blame)) = run_with(&program, 2, BINARY, options) else {
                panic!("{injection}: the run went on")
            };
            assert!(said.contains(&format!("the kernel panicked: told to, by {injection}")), "{said}");
            let Stages::Number(stage) = injection.stages else { panic!("{injection}") };
            assert_eq!(blame.tick, injection.tick);
            assert!(
                program.stages(blame.tick)[usize::from(stage.0)].steps.contains(&blame.step),
                "{injection}: {said}"
            );
        }
    }
    let injections = everywhere(&program, Failure::Panic, Moment::Done);
    let (many, options) = (injections.len(), Options { injections, ..Options::default() });
    let outcome = run_with(&program, 2, BINARY, options).unwrap();
    assert_eq!((outcome.digest, outcome.worker_deaths as usize), (expected, many));
}

/// A crash may be the batch's fault, and the second is taken for it; a kill is not, unless it comes again and again.
#[test]
fn the_second_crash_and_the_eighth_kill_in_a_row_in_a_batch_of_any_stage_stop_the_run() {
    let program = everything(FRAMES);
    let expected = undisturbed(&program).digest;
    for kind in StageKind::ALL {
        let tick = if kind == StageKind::Setup { Tick::SETUP } else { Tick(5) };
        let stage = (0..).map(StageId).zip(program.stages(tick)).find(|(_, stage)| stage.kind == kind);
        let stages = Stages::Number(stage.unwrap().0);
        for (failure, most, part) in [
            (Failure::Abort, 2, "2 workers died running the same batch of step "),
            (Failure::Segv, 2, "2 workers died running the same batch of step "),
            (Failure::Kill, 8, "8 workers in a row were killed in the same batch of step "),
        ] {
            let injection = Injection { stages, ..Injection::new(failure, tick) }.of_batch(0);
            // One worker: with more, batches are finished between.
            let run = |many: usize| {
                let options = Options { injections: vec![injection; many], ..Options::default() };
                run_with(&program, 1, BINARY, options)
            };
            let fewer = run(most - 1).unwrap();
            assert_eq!((fewer.digest, fewer.worker_deaths as usize), (expected, most - 1), "{injection}");
            let said = run(most).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains(part), "{injection}: {said:?}");
        }
    }
}

/// Whoever crashes in the first batch that it sees may be gone before it is heard that it has attached: its crash is the batch's
/// all the same.
#[test]
fn a_crash_counts_however_soon_it_comes() {
    let program = everything(3);
    for round in 0..30 {
        let injections = vec![Injection::new(Failure::Segv, Tick::SETUP).within(StageKind::Setup).of_batch(0); 2];
        let outcome = run_with(&program, 1, BINARY, Options { injections, ..Options::default() });
        let said = outcome.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("2 workers died running the same batch"), "round {round}: {said:?}");
    }
}

/// Processes that were started as workers of a scenario.
fn workers_of(scenario: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let of = format!(" of {scenario}");
    let lines = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.split('\0').any(|word| word.starts_with("worker ") && word.ends_with(&of))).count()
}

/// By the command line, with all that a user has of it.
fn every_kind_of_stage(failure: Failure) {
    let name = format!("everything-{}", failure.name());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.dip").display().to_string();
    std::fs::write(&file, EVERYTHING.replace("scenario everything", &format!("scenario {name}"))).unwrap();
    let all = ["run", &file, "--no-outputs", "--frames", "6", "--summary", "json"];
    let quiet = summary(&command(BINARY, &[&all[..], &["--workers", "0"]].concat()));
    for (at, kind) in StageKind::ALL.into_iter().enumerate() {
        let frame = if kind == StageKind::Setup { 0 } else { 4 };
        let moment = Moment::ALL[at % 3].name();
        let injected = format!("{}@{frame}:{}:*:{moment}", failure.name(), kind.name());
        let child = Command::new(BINARY)
            .args(all)
            .args(["--workers", "2", "--batch-deadline", "0.4", "--inject", &injected])
            .current_dir(root())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        if failure == Failure::Panic && moment != "done" {
            assert_eq!(output.status.code(), Some(1), "{injected}: {told}");
            assert!(told.contains("the kernel panicked: told to, by panic@"), "{injected}: {told}");
        } else {
            assert_eq!(output.status.code(), Some(0), "{injected}: {told}");
            let ended = summary(&output);
            assert_eq!(ended["state_hash"], quiet["state_hash"], "{injected}");
            assert!(ended["worker_deaths"].as_u64() >= Some(1), "{injected}: nobody died");
            assert_eq!(ended["not_injected"], serde_json::json!([]), "{injected}");
        }
        assert!(segments_of(pid).is_empty(), "{injected}: a segment is left");
        assert_eq!(workers_of(&name), 0, "{injected}: a worker is left");
    }
}

#[test]
fn deaths_in_every_kind_of_stage_leave_nothing() {
    [Failure::Kill, Failure::Abort, Failure::Segv, Failure::Panic].into_iter().for_each(every_kind_of_stage);
}

#[test]
fn a_worker_that_is_stopped_in_any_kind_of_stage_is_replaced() {
    every_kind_of_stage(Failure::Stop);
}

#[test]
fn a_worker_that_does_not_come_to_an_end_in_any_kind_of_stage_is_replaced() {
    every_kind_of_stage(Failure::Stall);
}

/// What was written before stays written, and is what an undisturbed run writes.
#[test]
fn a_disk_that_is_full_at_a_frame_ends_the_run_with_whole_records() {
    let program = everything(12);
    let record = |folder: &std::path::Path| std::fs::read_to_string(folder.join("everything.csv")).unwrap();
    let run = |workers: u16, full: &[u32]| {
        let folder = tempfile::tempdir().unwrap();
        let injections = full.iter().map(|frame| Injection::new(Failure::Full, Tick::after_frames(*frame))).collect();
        let records = Some(Records::new(folder.path(), false));
        let outcome = run_with(&program, workers, BINARY, Options { injections, records, ..Options::default() });
        (outcome, record(folder.path()))
    };
    let (_, whole) = run(0, &[]);
    for workers in [0, 2] {
        for full in [0, 2, 6, 12] {
            let (outcome, written) = run(workers, &[full]);
            let said = outcome.err().map(|error| error.to_string()).unwrap_or_default();
            let rows = full as usize / 2;
            let part = format!("No space left on device (os error 28); {rows} rows of it were written");
            assert!(said.contains(&part), "{full}: {said:?}");
            let lines: Vec<&str> = whole.lines().take(1 + rows).collect();
            assert_eq!(written, lines.join("\n") + "\n", "{full}, {workers} workers");
        }
        // A frame of which nothing is written.
        let (outcome, written) = run(workers, &[3]);
        assert_eq!(outcome.unwrap().not_injected, [Injection::new(Failure::Full, Tick::after_frames(3))]);
        assert_eq!(written, whole);
    }
}

#[test]
fn what_cannot_come_about_is_refused_and_what_did_not_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.dip").display().to_string();
    std::fs::write(&file, EVERYTHING).unwrap();
    let run = |rest: &[&str]| command(BINARY, &[&["run", &file, "--no-outputs", "--frames", "5"], rest].concat());
    for (injected, workers, part) in [
        ("kill@6", "2", "the run has 5 frames: say 1 to 5, or 0 for set-up"),
        ("kill@3:setup", "2", "frame 3 has no such stage; it has 0 index, 1 systems, 2 index"),
        ("kill@3:99", "2", "frame 3 has no such stage; it has 0 index"),
        ("kill@0:index", "2", "frame 0 has no such stage; it has 0 setup, 1 edit"),
        ("kill@3:commit:1", "2", "no batch 1: of such stages of frame 3 none can have more than 1"),
        ("kill@3:sistems", "2", "say setup, index, systems, edit, reduce, commit, or its number"),
        ("die@3", "2", "say kill, stop, abort, segv, panic, stall, full"),
        ("stop@3", "0", "say --workers 1, or more"),
        ("full@3", "2", "the run writes nothing"),
    ] {
        let output = run(&["--workers", workers, "--inject", injected]);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{injected}: {told}");
        assert!(told.contains(part) && told.contains(injected), "{injected}: {told}");
    }
    // How many rows there will be is not known before: there is room for twice as many birds, which would be batch 5.
    let late = "kill@3:1:5";
    let output = run(&["--workers", "2", "--inject", late]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains(&format!("{late} did not come about")), "{told}");
}
