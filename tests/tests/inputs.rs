//! Inputs: what somebody outside sets is part of the state that it was meant for, whoever runs, and whoever dies.

use diptych::coordinator::{Command, Options, Outcome, RunError};
use diptych_protocol::commands::Refused;
use diptych_protocol::id::Tick;
use diptych_protocol::inject::{Failure, Injection, Moment};
use diptych_protocol::message::Backend;
use diptych_protocol::program::StageKind;
use diptych_protocol::types::Value;
use diptych_tests::outputs::{recording, text};
use diptych_tests::{command, program, run_with, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

const TEXT: &str = "
scenario inputs
enum Phase { Rest, Work, Feast }
component Load = f32
component Turns = u32
group g[5_000] { Load = 0, Turns = 0 }
/// How much is added to each row.
/// In a frame.
input gain: f32 = 1.5 in -10 .. 10
input open: bool = true
input phase: Phase = Work
input step: u32 = 2
input rate: f64 = 0.25
system work for g owns Load, Turns {
    if open and phase == Work { Load += gain * f32(rate) }
    Turns += step
}
signal load = mean(g: Load)
signal doubled = 2 * gain
signal slow = delay(step)
record to \"inputs.csv\" { gain, open, phase, step, rate, load, doubled, slow }
";

fn set(frame: u32, input: &str, value: Value) -> Command {
    Command { frame, input: input.into(), value }
}

fn given() -> Vec<Command> {
    vec![
        set(5, "gain", Value::F32(7.0)),
        set(3, "gain", Value::F32(-2.0)),
        set(0, "step", Value::U32(5)),
        // The last one of a state counts.
        set(5, "gain", Value::F32(4.0)),
        set(5, "open", Value::Bool(false)),
        set(8, "open", Value::Bool(true)),
        set(8, "phase", Value::U8(2)),
        set(9, "phase", Value::U8(1)),
        set(9, "rate", Value::F64(0.5)),
        set(12, "step", Value::U32(0)),
    ]
}

/// What the table of a run says, by a model of one row.
fn plain(frames: u32) -> String {
    let (mut gain, mut open, mut phase, mut step, mut rate) = (1.5f32, true, "Work", 5u32, 0.25f64);
    let (mut load, mut before) = (0.0f32, None);
    let mut table = String::from("frame,time,gain,open,phase,step,rate,load,doubled,slow\n");
    for frame in 0..=frames {
        if frame > 0 && open && phase == "Work" {
            load += gain * rate as f32;
        }
        match frame {
            3 => gain = -2.0,
            5 => (gain, open) = (4.0, false),
            8 => (open, phase) = (true, "Feast"),
            9 => (phase, rate) = ("Work", 0.5),
            12 => step = 0,
            _ => {}
        }
        let slow = before.unwrap_or(step);
        before = Some(step);
        let doubled = 2.0 * gain;
        table += &format!("{frame},{frame},{gain},{open},{phase},{step},{rate},{load},{doubled},{slow}\n");
    }
    table
}

#[test]
fn inputs_are_set_for_a_state_and_stay_as_they_are() {
    let program = program(TEXT, &[], 15);
    let mut first: Option<Outcome> = None;
    for (workers, backend) in
        [0, 1, 2, 3].map(|workers| (workers, Backend::Compiled)).into_iter().chain([(2, Backend::Interpreter)])
    {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { commands: given(), backend, ..recording(folder.path()) };
        let outcome = run_with(&program, workers, BINARY, options).unwrap();
        assert_eq!(text(folder.path(), "inputs.csv"), plain(15), "{workers} workers");
        let turns: Vec<u32> = outcome.state.column("g", "Turns").unwrap();
        assert!(turns.iter().all(|turns| *turns == 12 * 5), "frames 1 to 12 start from states with a step");
        let expected = first.get_or_insert_with(|| {
            run_with(&program, 0, BINARY, Options { commands: given(), ..Options::default() }).unwrap()
        });
        assert_eq!(outcome.digest, expected.digest);
    }
}

#[test]
fn the_hash_of_a_state_knows_what_inputs_are_set_to() {
    let program = program(TEXT, &[], 4);
    let run = |commands| run_with(&program, 0, BINARY, Options { commands, ..Options::default() }).unwrap();
    // Nothing that any row has seen yet.
    let (bare, set_late) = (run(vec![]), run(vec![set(4, "gain", Value::F32(3.0))]));
    assert_ne!(bare.digest.state, set_late.digest.state);
    assert_eq!(bare.digest.content, set_late.digest.content);
    assert_eq!(set_late.state.signal("gain"), Some(Value::F32(3.0)));
    // What is set to what it was is another way to the same state, and what comes too late is none at all.
    assert_eq!(bare.digest, run(vec![set(4, "gain", Value::F32(1.5))]).digest);
    assert_eq!(bare.digest, run(vec![set(5, "gain", Value::F32(3.0))]).digest);
}

#[test]
fn no_death_loses_a_command() {
    let commands = || {
        let mut commands = given();
        // More of them than are on their way at once.
        commands.extend((0..3_000).map(|at| {
            set(
                at / 3 + 20,
                ["gain", "rate", "step"][at as usize % 3],
                match at % 3 {
                    0 => Value::F32((at % 19) as f32 - 9.0),
                    1 => Value::F64(f64::from(at) / 1e4),
                    _ => Value::U32(at % 7),
                },
            )
        }));
        commands
    };
    let program = program(TEXT, &[], 1_030);
    let expected = run_with(&program, 0, BINARY, Options { commands: commands(), ..Options::default() }).unwrap();
    assert_eq!(expected.state.signal("step"), Some(Value::U32(2_999 % 7)));
    for tick in [Tick::SETUP, Tick(4), Tick(6)] {
        for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
            let kill = Injection::new(Failure::Kill, tick).within(StageKind::Commit).at(moment);
            let injections = vec![kill; 2];
            let options = Options { injections, commands: commands(), ..Options::default() };
            let outcome = run_with(&program, 2, BINARY, options).unwrap();
            assert!(outcome.worker_deaths >= 1, "{tick:?} {moment:?}: nobody died");
            assert_eq!(outcome.digest, expected.digest, "{tick:?} {moment:?}");
        }
    }
}

#[test]
fn what_an_input_cannot_be_is_refused_before_anything_runs() {
    let program = program(TEXT, &[], 4);
    let refused = |command: Command| {
        let options = Options { commands: vec![command], ..Options::default() };
        match run_with(&program, 0, BINARY, options) {
            Err(RunError::Command(refused)) => refused,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it ran"),
        }
    };
    assert_eq!(refused(set(1, "gian", Value::F32(1.0))), Refused::Unknown("gian".into()));
    for (command, told) in [
        (set(1, "gain", Value::F32(10.5)), "input `gain` cannot be 10.5: its range is -10 .. 10, ends included"),
        (set(1, "gain", Value::F32(f32::NAN)), "input `gain` cannot be NaN: its range is -10 .. 10, ends included"),
        (set(1, "gain", Value::F64(1.0)), "input `gain` is `f32`, not `f64`"),
        (set(1, "phase", Value::U8(3)), "input `phase` cannot be 3: `Phase` has 3 variants"),
        (set(1, "load", Value::F64(1.0)), "there is no input `load`"),
    ] {
        assert_eq!(refused(command).to_string(), told);
    }
}

#[test]
fn inputs_are_listed_with_what_they_are_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inputs.dip");
    std::fs::write(&path, TEXT).unwrap();
    let path = path.to_str().unwrap();
    let help = command(BINARY, &["run", path, "--help"]);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let listed = "Inputs, which can be set while it runs:\n  gain = 1.5    f32 in -10 .. 10\n          How much is added to each row.\n          In a frame.\n  open = true    bool\n";
    assert!(help.contains(listed), "{help}");
    let check = command(BINARY, &["check", path]);
    assert!(String::from_utf8_lossy(&check.stdout).contains("inputs   gain, open, phase, step, rate\n"));
    let check = summary(&command(BINARY, &["check", path, "--summary", "json"]));
    assert_eq!(check["inputs"], serde_json::json!(["gain", "open", "phase", "step", "rate"]));
}
