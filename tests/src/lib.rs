//! What the tests share: running scenarios through a real binary or through the library, and looking at processes.

pub mod hits;
pub mod kills;
pub mod outputs;
pub mod small;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use diptych::catalog::Catalog;
use diptych::compile::{Settings, compile};
use diptych::coordinator::{Options, Outcome, RunError, run};
use diptych::source::Source;
use diptych::{Program, Registry};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// A shipped scenario's path.
pub fn scenario(name: &str) -> PathBuf {
    root().join("scenarios").join(name)
}

/// The text of the drift scenario with another kernel, one that owns and reads `Position`.
///
/// # Panics
/// If the scenario cannot be read.
pub fn drift_with(kernel: &str) -> String {
    let text = std::fs::read_to_string(scenario("drift.dip")).unwrap_or_else(|e| panic!("drift.dip: {e}"));
    let text = text.replace("native \"drift\"", &format!("native {kernel:?}"));
    text.replace("reads Position, Velocity", "reads Position")
}

/// Compiles a text, which must be right.
#[track_caller]
pub fn program(text: &str, sets: &[(&str, &str)], frames: u32) -> Program {
    program_with_data(text, sets, frames).0
}

/// The same, with the columns of the files that it names: [`diptych::coordinator::Options::data`].
#[track_caller]
pub fn program_with_data(text: &str, sets: &[(&str, &str)], frames: u32) -> (Program, Vec<Vec<u8>>) {
    let source = Source { path: "test.dip".into(), text: text.into() };
    let settings = Settings {
        sets: sets.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect(),
        seed: None,
        frames: Some(frames),
        nan: None,
    };
    match compile(&source, &settings, &Catalog(&Registry::builtin())) {
        Ok(compiled) => (compiled.program, compiled.data),
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// A shipped scenario's program.
#[track_caller]
pub fn shipped(name: &str, sets: &[(&str, &str)], frames: u32) -> Program {
    let text = std::fs::read_to_string(scenario(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    program(&text, sets, frames)
}

/// A program that has a little of everything: each kind of stage, and each kind of work that a stage can do.
#[track_caller]
pub fn everything(frames: u32) -> Program {
    program(EVERYTHING, &[], frames)
}

/// Its text.
pub const EVERYTHING: &str = include_str!("everything.dip");

/// Runs a program whose workers are this binary.
pub fn run_with(program: &Program, workers: u16, binary: &str, options: Options) -> Result<Outcome, RunError> {
    let options = Options { workers: Some(workers), worker_program: Some(binary.into()), ..options };
    run(program, &Registry::builtin(), options)
}

/// Runs a binary to its end.
#[track_caller]
pub fn command(binary: &str, arguments: &[&str]) -> Output {
    Command::new(binary)
        .args(arguments)
        .current_dir(root())
        .env_remove("DIPTYCH_WORKERS")
        .output()
        .unwrap_or_else(|e| panic!("cannot start {binary}: {e}"))
}

/// The JSON summary of a run: its last line.
#[track_caller]
pub fn summary(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .unwrap_or_else(|e| panic!("{e}: {last:?}\nstderr: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The living children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let mut children = Vec::new();
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    children
}

/// Whether a process lives (a zombie does not).
pub fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rfind(')').is_some_and(|end| !stat[end + 1..].trim_start().starts_with('Z'))
}

/// Kills a process.
pub fn kill(pid: u32, signal: rustix::process::Signal) {
    if let Some(pid) = rustix::process::Pid::from_raw(pid as i32) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Waits until something holds; false if it does not within the time.
pub fn wait_until(at_most: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > at_most {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// The segments of one coordinator that are in /dev/shm.
pub fn segments_of(pid: u32) -> Vec<String> {
    let prefix = format!("diptych-{pid}-");
    let entries = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    entries.filter_map(|e| e.file_name().into_string().ok()).filter(|name| name.starts_with(&prefix)).collect()
}
