//! What was decided while a run went on is written down, and a replay of it ends in the same bits. Runs are watched here as a
//! person would: by the command line, an editor's writes, and signals.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use diptych_protocol::reader::Reader;
use diptych_tests::{children, command, kill, lives, segments_of, summary, wait_until};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const LONG: Duration = Duration::from_secs(30);

const TEXT: &str = "scenario edited\nparam n: u32 = 10\nparam noise: f32 = 0.1\nrun { frames = 100_000_000, seed = 3 }\n\
    component X = f32\ngroup points[n] { X = uniform(0, 1) }\n\
    system step for points owns X { X = X * 0.99 + uniform(0, noise) }\n\
    signal total = sum(points: X)\nrecord every 1_000 to \"total.csv\" { total }\n";

/// A run that is watched, in a folder of its own.
struct Watched {
    folder: tempfile::TempDir,
    child: Child,
}

impl Watched {
    fn start(workers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("edited.dip"), TEXT).unwrap();
        let arguments =
            ["run", "edited.dip", "--watch", "--journal", "run.journal", "--set", "n=300_000", "--workers", workers];
        let child = Command::new(BINARY)
            .args(arguments)
            .args(["--summary", "json"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let watched = Self { folder, child };
        assert!(wait_until(LONG, || watched.frames() > 3), "the run does not start: {}", watched.said());
        watched
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap()
    }

    fn frames(&self) -> u32 {
        let read = |name: &String| Reader::open(name).ok().and_then(|reader| reader.frames());
        segments_of(self.child.id()).iter().filter_map(read).max().unwrap_or(0)
    }

    /// Saves a text as editors do: beside it, then over it.
    #[track_caller]
    fn save(&self, text: &str, expected: &str) {
        let before = self.said().len();
        std::fs::write(self.path("edited.tmp"), text).unwrap();
        std::fs::rename(self.path("edited.tmp"), self.path("edited.dip")).unwrap();
        let come = wait_until(LONG, || self.said()[before..].contains(expected));
        assert!(come, "no {expected:?} in {}", self.said());
    }

    /// Ends it by Ctrl-C.
    fn end(mut self) -> (tempfile::TempDir, serde_json::Value) {
        let pid = self.child.id();
        let workers = children(pid);
        kill(pid, Signal::INT);
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(130), "{}", self.said());
        assert!(segments_of(pid).is_empty(), "a segment is left");
        assert!(workers.into_iter().all(|pid| !lives(pid)), "a worker is left");
        let output = Output { status, stdout, stderr: Vec::new() };
        (self.folder, summary(&output))
    }
}

fn replay(journal: &Path, workers: &str, more: &[&str]) -> Output {
    let arguments = [&["replay", journal.to_str().unwrap(), "--summary", "json", "--workers", workers], more].concat();
    command(BINARY, &arguments)
}

#[test]
fn a_watched_run_goes_on_with_each_edit_and_its_replay_ends_in_the_same_bits() {
    for workers in ["2", "0"] {
        let run = Watched::start(workers);
        run.save(&TEXT.replace("0.99", "0.98"), "another program from frame");
        run.save(&TEXT.replace("0.99", "0.98 +"), "error[");
        assert!(run.said().contains("the run goes on as it was"));
        let commented = TEXT.replace("0.99", "0.98").replace("system", "// the rule\nsystem");
        run.save(&commented, "means what it did");
        let frames = run.frames();
        assert!(wait_until(LONG, || run.frames() > frames), "the run stands still");
        run.save(
            &TEXT
                .replace("{ total }", "{ total, y = sum(points: Y) }")
                .replace("X = uniform(0, 1)", "X = 0, Y = row")
                .replace("component X", "component Y = f32\ncomponent X"),
            "new    points.Y",
        );
        let (folder, ended) = run.end();
        assert_eq!(ended["swaps"].as_array().unwrap().len(), 2, "{ended}");
        assert_eq!(ended["stopped"], "interrupted");
        let journal = folder.path().join("run.journal");
        for workers in ["0", "1", "2", "3"] {
            let again = replay(&journal, workers, &[]);
            assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
            let again = summary(&again);
            assert_eq!(again["state_hash"], ended["state_hash"], "--workers {workers}");
            assert_eq!((&again["frames"], &again["program_hash"]), (&ended["frames"], &ended["program_hash"]));
        }
        // What was recorded is recorded again.
        let out = folder.path().join("again");
        assert!(replay(&journal, "2", &["--out", out.to_str().unwrap()]).status.success());
        for name in ["total.csv", "total.2.csv"] {
            let read = |folder: &Path| std::fs::read_to_string(folder.join(name)).unwrap();
            assert_eq!(read(folder.path()), read(&out), "{name}");
        }
    }
}

#[test]
fn a_replay_that_ends_otherwise_fails_and_a_run_without_an_end_is_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::write(path("a.dip"), TEXT).unwrap();
    let (scenario, journal) = (path("a.dip"), path("a.journal"));
    let run = |more: &[&str]| {
        let arguments =
            ["run", &scenario, "--frames", "20", "--no-outputs", "--journal", &journal, "--summary", "json"];
        command(BINARY, &[&arguments, more].concat())
    };
    let first = summary(&run(&["--workers", "1", "--seed", "18446744073709551615", "--set", "noise=1e-7"]));
    let refused = run(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("a.journal exists") && said.contains("--force"), "{said}");
    let same = replay(Path::new(&journal), "2", &[]);
    assert_eq!(summary(&same)["state_hash"], first["state_hash"]);
    let text = std::fs::read_to_string(&journal).unwrap();
    let state = first["state_hash"].as_str().unwrap();
    std::fs::write(&journal, text.replace(state, &state.replace(['0', '1', '2'], "7"))).unwrap();
    let other = replay(Path::new(&journal), "1", &[]);
    assert_eq!(other.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&other.stderr).contains("ended at frame 20 in the state"));
    let first_line = text.lines().next().unwrap();
    std::fs::write(&journal, format!("{first_line}\n{{\"end\":")).unwrap();
    let cut = replay(Path::new(&journal), "1", &[]);
    assert!(cut.status.success() && String::from_utf8_lossy(&cut.stderr).contains("has no end"));
    std::fs::write(&journal, text.replace("0.99", "0.5")).unwrap();
    let edited = replay(Path::new(&journal), "1", &[]);
    assert_eq!(edited.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&edited.stderr).contains("becomes another program here"));
    std::fs::write(&journal, "nonsense\n").unwrap();
    assert_eq!(replay(Path::new(&journal), "1", &[]).status.code(), Some(2));
}

/// Whoever is killed while programs are swapped, nothing is left, and the journal tells what happened.
#[test]
fn kills_around_live_swaps_leave_nothing_and_change_nothing() {
    let run = Watched::start("2");
    let pid = run.child.id();
    for round in 0..6 {
        let factor = format!("0.9{round}");
        let text = TEXT.replace("0.99", &factor);
        std::fs::write(run.path("edited.tmp"), &text).unwrap();
        std::fs::rename(run.path("edited.tmp"), run.path("edited.dip")).unwrap();
        // Old and new ones, whoever there is.
        let swaps = |said: String| said.matches("another program from frame").count();
        assert!(
            wait_until(LONG, || {
                children(pid)
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| (at + round) % 2 == 0)
                    .for_each(|(_, pid)| kill(pid, Signal::KILL));
                std::thread::sleep(Duration::from_millis(25 + 10 * round as u64));
                swaps(run.said()) > round
            }),
            "{}",
            run.said()
        );
        assert!(segments_of(pid).len() <= 2);
    }
    assert!(wait_until(LONG, || segments_of(pid).len() == 1 && children(pid).len() == 2), "{:?}", segments_of(pid));
    let (folder, ended) = run.end();
    assert!(ended["worker_deaths"].as_u64() > Some(0), "{ended}");
    let again = replay(&folder.path().join("run.journal"), "1", &[]);
    assert_eq!(summary(&again)["state_hash"], ended["state_hash"], "{}", String::from_utf8_lossy(&again.stderr));
}

/// The replay ends in the same bits when its workers are killed, old and new.
#[test]
fn kills_of_a_replay_change_nothing() {
    let run = Watched::start("2");
    for factor in ["0.98", "0.97", "0.96"] {
        let frames = run.frames();
        assert!(wait_until(LONG, || run.frames() > frames + 50), "the run stands still");
        run.save(&TEXT.replace("0.99", factor), "another program from frame");
    }
    let (folder, ended) = run.end();
    let again = Command::new(BINARY)
        .args(["replay", folder.path().join("run.journal").to_str().unwrap()])
        .args(["--summary", "json", "--workers", "3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (pid, over) = (again.id(), std::sync::atomic::AtomicBool::new(false));
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                std::thread::sleep(Duration::from_millis(40));
                if over.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let there = children(pid);
                there.get(round % there.len().max(1)).into_iter().for_each(|pid| kill(*pid, Signal::KILL));
            }
        });
        let output = again.wait_with_output().unwrap();
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        output
    });
    assert!(output.status.success());
    let again = summary(&output);
    assert_eq!(again["state_hash"], ended["state_hash"]);
    assert_eq!(again["swaps"].as_array().unwrap().len(), 3);
    assert!(again["worker_deaths"].as_u64() > Some(0), "nobody was killed");
}

/// Where the coordinator is killed while it prepares a swap, its workers, old and new, go with it.
#[test]
fn a_killed_coordinator_takes_both_crews_with_it() {
    let mut run = Watched::start("2");
    let pid = run.child.id();
    // Compiling and setting up so many rows takes a while.
    let text =
        TEXT.replace("n: u32 = 10", "n: u32 = 10\ncomponent W = dvec3\ngroup wide[2_000_000] { W = dvec3(0.5) }");
    std::fs::write(run.path("edited.dip"), text).unwrap();
    assert!(wait_until(LONG, || segments_of(pid).len() == 2), "nothing is prepared: {}", run.said());
    let workers = children(pid);
    kill(pid, Signal::KILL);
    assert!(wait_until(Duration::from_secs(2), || workers.iter().all(|pid| !lives(*pid))), "a worker outlives it");
    run.child.wait().unwrap();
    let next = command(BINARY, &["run", "scenarios/drift.dip", "--set", "n=100", "--frames", "1", "--workers", "1"]);
    assert!(next.status.success());
    assert!(segments_of(pid).is_empty(), "the next start left a dead run's segments");
}
