//! Inputs are set while a run goes on: by lines that come when they come, for states that nobody has begun. What was set in
//! which state is written down, and a replay sets it there again.

use std::io::Write;
use std::process::{Command as Process, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diptych::Program;
use diptych::coordinator::{Command, Edition, Options, Outcome, Swap, Told};
use diptych_protocol::message::Backend;
use diptych_protocol::types::Value;
use diptych_tests::{command, kill, program, run_with, segments_of, summary, wait_until};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const LONG: Duration = Duration::from_secs(30);

const TEXT: &str = "scenario ordered\nrun { frames = endless }\nenum Phase { Rest, Work }\n\
    component Load = f64\ngroup g[60_000] { Load = 0 }\n\
    input gain: f32 = 1 in -10 .. 10\ninput phase: Phase = Work\ninput step: u32 = 2\n\
    system work for g owns Load { if phase == Work { Load += gain * step } }\n\
    signal load = mean(g: Load)\n";

/// Runs a program under lines that are all there before it begins, and tells what became of them.
fn told(program: &Program, workers: u16, lines: &[&str], options: Options) -> (Outcome, Vec<Told>) {
    let (send, receive) = channel();
    lines.iter().for_each(|line| send.send((*line).to_string()).unwrap());
    drop(send);
    let all = Arc::new(Mutex::new(Vec::new()));
    let known = Arc::clone(&all);
    let on_command = move |told: &Told| known.lock().unwrap().push(told.clone());
    let options = Options {
        lines: Some(receive),
        on_command: Some(Box::new(on_command)),
        backend: Backend::Interpreter,
        ..options
    };
    let outcome = run_with(program, workers, BINARY, options).unwrap();
    let all = all.lock().unwrap().clone();
    (outcome, all)
}

fn set(frame: u32, input: &str, value: Value) -> Command {
    Command { frame, input: input.into(), value }
}

#[test]
fn lines_set_what_they_say_and_wrong_ones_say_why_not() {
    let program = program(TEXT, &[], 20);
    let lines = [
        "// how it goes on",
        "@3 gain = -2.5",
        "@1_0 phase = Rest // for a while",
        "",
        "step = 7",
        "@12 phase = Phase.Work",
        "gian = 1",
        "gain = 11",
        "gain = much",
        "phase = Feast",
        "@x gain = 1",
        "gain",
        "@30 gain = 3",
    ];
    let commands = || {
        vec![
            set(0, "step", Value::U32(7)),
            set(3, "gain", Value::F32(-2.5)),
            set(10, "phase", Value::U8(0)),
            set(12, "phase", Value::U8(1)),
        ]
    };
    for workers in [0, 1, 2] {
        let options = Options { commands: commands(), ..Options::default() };
        let planned = run_with(&program, workers, BINARY, options).unwrap();
        let (outcome, told) = told(&program, workers, &lines, Options::default());
        assert_eq!(outcome.digest, planned.digest, "{workers} workers");
        let done: Vec<Command> = told.iter().filter_map(|told| told.clone().ok()).collect();
        assert_eq!(done, commands());
        let why: Vec<String> = told.into_iter().filter_map(|told| told.err().map(|rejected| rejected.why)).collect();
        let expected = [
            "there is no input `gian`",
            "input `gain` cannot be 11: its range is -10 .. 10, ends included",
            "input `gain` is `f32`, and `much` is none",
            "`Phase` has no variant `Feast`: it has Rest, Work",
            "`x` is no frame",
            "write [@FRAME] NAME = VALUE",
        ];
        assert_eq!(why, expected);
    }
}

/// An input goes on with what it is set to; one that the next program lacks can no longer be set.
#[test]
fn commands_go_on_across_a_swap() {
    let first = program(TEXT, &[], 20);
    let second = program(&TEXT.replace("input step: u32 = 2\n", "let step = 3\n").replace("= 1 in", "= 5 in"), &[], 20);
    let lines = ["@4 gain = 2", "@8 gain = 3", "@9 gain = 4", "@12 step = 9", "@15 gain = 0"];
    let mut digests = Vec::new();
    for workers in [0, 1, 2, 3] {
        let swap = Swap { frame: 8, edition: Edition { program: second.clone(), data: Vec::new() } };
        let (outcome, told) = told(&first, workers, &lines, Options { swaps: vec![swap], ..Options::default() });
        let load = 4.0 * 2.0 + 4.0 * 4.0 + 3.0 * 3.0 + 6.0 * 12.0;
        assert_eq!(outcome.state.signal("load"), Some(Value::F64(load)));
        let done: Vec<u32> = told.iter().filter_map(|told| told.as_ref().ok().map(|it| it.frame)).collect();
        assert_eq!(done, [4, 8, 9, 15]);
        assert!(told.iter().any(|told| told.as_ref().is_err_and(|it| it.why.contains("no input `step`"))), "{told:?}");
        digests.push(outcome.digest);
    }
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

/// By hand, through a pipe, while it runs: some are wrong, some are for states that are past.
#[test]
fn a_run_under_commands_is_replayed_in_the_same_bits() {
    for workers in ["2", "1", "0"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a.dip"), TEXT).unwrap();
        let mut run = Process::new(BINARY)
            .args(["run", "a.dip", "--commands", "-", "--journal", "a.journal", "--summary", "json", "--watch"])
            .args(["--workers", workers])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(path("stderr")).unwrap())
            .spawn()
            .unwrap();
        let said = || std::fs::read_to_string(path("stderr")).unwrap();
        let mut hand = run.stdin.take().unwrap();
        let pid = run.id();
        for round in 0..12 {
            let gain = f64::from(round % 7) - 3.0;
            let phase = if round % 4 == 3 { "Rest" } else { "Work" };
            writeln!(hand, "gain = {gain}\nphase = {phase}\n@1 step = 3\nspeed = {round}").unwrap();
            let wrong = |said: String| said.matches("there is no input `speed`").count();
            assert!(wait_until(LONG, || wrong(said()) > round as usize), "{}", said());
            if round == 5 {
                std::fs::write(path("b.dip"), TEXT.replace("gain * step", "gain * step * 2")).unwrap();
                std::fs::rename(path("b.dip"), path("a.dip")).unwrap();
                assert!(wait_until(LONG, || said().contains("another program from frame")), "{}", said());
            }
            std::thread::sleep(Duration::from_millis(15));
        }
        assert!(said().contains("is past, or on its way"), "{}", said());
        kill(pid, Signal::INT);
        let output = run.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", said());
        assert!(segments_of(pid).is_empty());
        let ended = summary(&output);
        let journal = std::fs::read_to_string(path("a.journal")).unwrap();
        let count = |word: &str| journal.lines().filter(|line| line.starts_with(&format!("{{\"{word}\""))).count();
        assert!(count("command") >= 12 && count("rejected") >= 12 && count("swap") == 1, "{journal}");
        for workers in ["0", "1", "2", "3"] {
            let arguments = ["replay", path("a.journal").to_str().unwrap(), "--workers", workers, "--summary", "json"]
                .map(str::to_string);
            let again = command(BINARY, &arguments.each_ref().map(String::as_str));
            assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
            let again = summary(&again);
            assert_eq!(again["state_hash"], ended["state_hash"], "--workers {workers}");
            assert_eq!(again["signals"], ended["signals"]);
        }
    }
}

/// As `echo 'gain = 2' > pipe` does, again and again: each opens the pipe, says something and goes.
#[test]
fn a_named_pipe_hears_one_writer_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("a.dip"), TEXT).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path("pipe"), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let run = std::process::Command::new(BINARY)
        .args(["run", "a.dip", "--frames", "100000000", "--commands", "pipe", "--no-outputs"])
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(path("stderr")).unwrap())
        .spawn()
        .unwrap();
    let said = || std::fs::read_to_string(path("stderr")).unwrap();
    for round in 0..3 {
        std::fs::write(path("pipe"), format!("speed = {round}\n")).unwrap();
        let heard = || said().matches("there is no input `speed`").count() > round;
        assert!(wait_until(LONG, heard), "{}", said());
    }
    kill(run.id(), Signal::INT);
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130), "{}", said());
}
