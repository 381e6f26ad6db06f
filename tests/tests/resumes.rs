//! The coordinator is killed: its workers go, and the run is resumed from its last checkpoint, at any number of workers, to the same
//! bits; its records and its journal are those of a run that nobody disturbed.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use diptych::coordinator::checkpoints;
use diptych_tests::kills::Random;
use diptych_tests::outputs::rows_of;
use diptych_tests::{children, command, kill, lives, root, segments_of, summary, wait_until};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const SECOND: Duration = Duration::from_secs(1);

/// Rows that come and go, neighbours, an input, memory, a record that is not due at each checkpoint.
const TOWN: &str = "scenario town\nrun { frames = 1500, seed = 4 }\nspace torus (0, 0) .. (30, 30)\n\
    input rate: f64 = 0.1 in 0 .. 1\n\
    component Position = vec2\ncomponent Wealth = f64\ncomponent Near = u32\n\
    group people[900, max 4_000] { position Position = uniform(space), Wealth = uniform(0, 1), Near = 0 }\n\
    system live for people owns Position, Wealth, Near {\n    \
    Position = wrap(Position + polar(uniform(0, TAU), 0.2))\n    Wealth += uniform(0, rate)\n    \
    Near = count(x in people within 1)\n    \
    if chance(0.02) { spawn people { Position = fresh Position, Wealth = 0.5, Near = 0 } }\n    \
    if chance(0.02) { despawn self }\n}\n\
    signal wealth = mean(people: Wealth)\nsignal slow = lag(wealth, 5)\nsignal near = sum(people: Near)\n\
    record every 7 to \"town.csv\" { wealth, slow, near, n = count(people) }\n\
    record every 2 to \"states.parquet\" { wealth, slow, near, n = count(people) }\n\
    record every 90 to \"who.csv\" for people where Wealth > 0.8\n\
    record every 35 to \"some.parquet\" for people sample 0.1 { Position, Near }\n\
    record every 50 to \"near.ndjson\" for people where Near > 5 { Near }\n";
const COMMANDS: &str = "@20 rate = 0.4\n@700 rate = 0.05\n@701 rate = 0.9\n@1400 rate = 0\n";

fn start(arguments: &[&str]) -> Child {
    Command::new(BINARY)
        .args(arguments)
        .current_dir(root())
        .env_remove("DIPTYCH_WORKERS")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

struct Town {
    folder: tempfile::TempDir,
}

impl Town {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("town.dip"), TOWN).unwrap();
        std::fs::write(folder.path().join("commands"), COMMANDS).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// What is said to begin it, or to go on with it.
    fn arguments(&self, resume: bool, workers: &str) -> Vec<String> {
        let mut all: Vec<String> = match resume {
            true => vec!["resume".into(), self.path("kept")],
            false => {
                let mut all = vec!["run".into(), self.path("town.dip"), "--force".into()];
                let named = [("--checkpoints", "kept"), ("--out", "records"), ("--journal", "journal")];
                all.extend(named.into_iter().flat_map(|(option, name)| [option.into(), self.path(name)]));
                all.extend(["--checkpoint-every".into(), "60".into()]);
                all
            }
        };
        all.extend(["--commands".into(), self.path("commands"), "--workers".into(), workers.into()]);
        all.extend(["--summary".into(), "json".into()]);
        all
    }

    /// The rows of all its records.
    fn records(&self, folder: &str) -> Vec<(String, Vec<String>)> {
        let names = ["town.csv", "states.parquet", "who.csv", "some.parquet", "near.ndjson"];
        names.map(|name| (name.to_string(), rows_of(&self.folder.path().join(folder).join(name)))).into()
    }

    fn begun(&self) -> bool {
        checkpoints(&self.folder.path().join("kept")).is_ok_and(|all| !all.is_empty())
    }
}

fn strings(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

/// Kills the coordinator after so long; nothing if it came to its end before.
fn killed(mut child: Child, after: Duration) -> Result<(), Output> {
    let pid = child.id();
    std::thread::sleep(after);
    let workers = children(pid);
    kill(pid, Signal::KILL);
    let status = child.wait().unwrap();
    assert!(wait_until(SECOND, || workers.iter().all(|worker| !lives(*worker))), "a worker outlives its coordinator");
    if status.success() { Err(child.wait_with_output().unwrap()) } else { Ok(()) }
}

#[test]
fn the_coordinator_is_killed_at_any_moment_and_the_run_resumed_ends_in_the_same_bits() {
    let quiet = Town::new();
    let output = command(BINARY, &strings(&quiet.arguments(false, "2")));
    let expected = summary(&output);
    assert_eq!(expected["frames"], 1500, "{}", String::from_utf8_lossy(&output.stderr));
    let mut random = Random(5);
    for round in 0..4 {
        let town = Town::new();
        let (mut deaths, mut resumed) = (0, 0);
        let end = loop {
            let workers = ["0", "1", "2", "3"][random.next(4) as usize];
            let resume = town.begun();
            resumed += u32::from(resume);
            let child = start(&strings(&town.arguments(resume, workers)));
            // Not for ever: a machine that is busy may come to no checkpoint in time.
            let after = Duration::from_millis(30 + random.next(if deaths < 12 { 500 } else { 60_000 }));
            match killed(child, after) {
                Ok(()) => deaths += 1,
                Err(output) => break output,
            }
        };
        let found = summary(&end);
        for key in ["frames", "state_hash", "content_hash", "signals", "stopped"] {
            assert_eq!(
                found[key], expected[key],
                "round {round}, after {deaths} deaths, {resumed} times resumed: {key}"
            );
        }
        assert_eq!(town.records("records"), quiet.records("records"), "round {round}");
        let lines = |town: &Town| -> Vec<String> {
            let journal = town.read("journal");
            // The first line names the path.
            journal.lines().skip(1).map(str::to_string).collect()
        };
        assert_eq!(lines(&town), lines(&quiet), "round {round}");
        let replay = command(BINARY, &["replay", &town.path("journal"), "--workers", "1", "--summary", "json"]);
        assert_eq!(
            summary(&replay)["state_hash"],
            expected["state_hash"],
            "{}",
            String::from_utf8_lossy(&replay.stderr)
        );
        let left = std::fs::read_dir(town.folder.path().join("kept")).unwrap().count();
        assert_eq!(left, 4, "three checkpoints and the lock");
    }
}

/// The next start sweeps, and tells how to go on.
#[test]
fn whoever_starts_next_is_told_how_to_resume() {
    let town = Town::new();
    let child = start(&strings(&town.arguments(false, "2")));
    let pid = child.id();
    assert!(wait_until(SECOND * 20, || town.begun()), "no checkpoint");
    assert!(killed(child, Duration::ZERO).is_ok());
    assert_eq!(segments_of(pid).len(), 1);
    let output = command(BINARY, &["run", "scenarios/drift.dip", "--set", "n=1000", "--frames", "1", "--no-outputs"]);
    let told = String::from_utf8_lossy(&output.stderr);
    let line = told.lines().find(|line| line.contains(&format!("diptych-{pid}-"))).unwrap_or_else(|| panic!("{told}"));
    assert!(line.contains("left by a run of town that was killed at frame "), "{line}");
    let (_, resume) = line.split_once("go on with it from frame ").unwrap_or_else(|| panic!("{line}"));
    assert!(resume.ends_with(&format!(": diptych resume {}", town.path("kept"))), "{line}");
    assert!(segments_of(pid).is_empty(), "it is not swept");
}

/// Ctrl-C: the last state is kept, and the run goes on as if nothing had been.
#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let quiet = Town::new();
    let expected = summary(&command(BINARY, &strings(&quiet.arguments(false, "1"))));
    for workers in ["0", "2"] {
        let town = Town::new();
        let child = start(&strings(&town.arguments(false, workers)));
        assert!(wait_until(SECOND * 20, || town.begun()), "no checkpoint");
        kill(child.id(), Signal::INT);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
        let stopped = summary(&output);
        assert_eq!(stopped["checkpoints"]["last_frame"], stopped["frames"]);
        let output = command(BINARY, &strings(&town.arguments(true, "3")));
        let found = summary(&output);
        assert_eq!(found["resumed_from"], stopped["frames"], "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!((&found["state_hash"], &found["frames"]), (&expected["state_hash"], &expected["frames"]));
        assert_eq!(town.records("records"), quiet.records("records"));
    }
}

fn refused(arguments: &[&str], code: i32, told: &[&str]) {
    let output = command(BINARY, arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    told.iter().for_each(|part| assert!(text.contains(part), "{arguments:?}: {part:?} is not in {text}"));
}

#[test]
fn what_cannot_be_gone_on_from_is_told_and_the_one_before_it_offered() {
    let town = Town::new();
    let mut arguments = town.arguments(false, "0");
    arguments.extend(["--frames".into(), "130".into()]);
    command(BINARY, &strings(&arguments));
    let kept = town.path("kept");
    let all = checkpoints(Path::new(&kept)).unwrap();
    assert_eq!(all.iter().map(|(frame, _)| *frame).collect::<Vec<_>>(), [60, 120, 130]);
    let last = all[2].1.display().to_string();
    let before = all[1].1.display().to_string();
    let mut bytes = std::fs::read(&last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&last, &bytes).unwrap();
    let offer = format!("note: the one before it is of frame 120: diptych resume {before}");
    refused(&["resume", &kept], 2, &["it is damaged: the bytes 4096 .. ", &offer]);
    std::fs::write(&last, &bytes[..middle]).unwrap();
    refused(&["resume", &last], 2, &["it is cut off: it has ", &offer]);
    std::fs::write(&last, "frame 130").unwrap();
    refused(&["resume", &kept], 2, &["it is no checkpoint", &offer]);
    refused(&["resume", &kept, "--at", "59"], 2, &["no checkpoint is of frame 59 or before it; the first is of 60"]);
    refused(&["resume", &before, "--set", "size=3"], 2, &["size"]);
    refused(&["resume", &town.path("nowhere")], 2, &["cannot look for checkpoints in "]);
    refused(&["resume", &town.path("")], 2, &["there is no checkpoint in it"]);
    refused(
        &["run", &town.path("town.dip"), "--no-outputs", "--checkpoints", &kept],
        2,
        &["there are checkpoints in ", "diptych resume ", "--force"],
    );
    refused(&["run", &town.path("town.dip"), "--checkpoint-every", "9"], 2, &["--checkpoints DIR"]);
    refused(&["run", &town.path("town.dip"), "--checkpoint-every", "0"], 2, &["1 or more"]);
    refused(
        &["run", &town.path("town.dip"), "--no-outputs", "--checkpoints", &town.path("town.dip")],
        2,
        &["cannot make the folder "],
    );
    // The one before it is whole, and the run's own files go on from it.
    std::fs::write(town.folder.path().join("records/town.csv"), "frame\n").unwrap();
    refused(&["resume", &before, "--workers", "0"], 2, &["cannot go on with the record ", "it has 6 bytes, and had "]);
    std::fs::remove_file(town.folder.path().join("journal")).unwrap();
    refused(&["resume", &before], 2, &["the run has a journal", "--journal FILE"]);
    refused(
        &["resume", &before, "--journal", &town.path("new"), "--frames", "60"],
        2,
        &["is at frame 120", "--at FRAME"],
    );
    // Nobody who was refused has taken anything away.
    assert_eq!(checkpoints(Path::new(&kept)).unwrap().len(), 3);
}

fn run_in(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(BINARY).args(arguments).current_dir(folder).env_remove("DIPTYCH_WORKERS").output().unwrap()
}

fn done(output: &Output) -> serde_json::Value {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    summary(output)
}

fn refused_in(town: &Town, arguments: &[&str], told: &[&str]) {
    let output = run_in(town.folder.path(), arguments);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
    told.iter().for_each(|part| assert!(text.contains(part), "{arguments:?}: {part:?} is not in {text}"));
}

/// A record that cannot be written: the run stops, and goes on from the last state in which nothing is missing. One that the run
/// goes on without stays so, and is told again.
#[test]
fn a_full_disk_leaves_no_hole_in_a_record() {
    let quiet = Town::new();
    let json = ["--summary", "json", "--workers", "1"];
    done(&run_in(quiet.folder.path(), &[&["run", "town.dip", "--frames", "120"][..], &json].concat()));
    for (policy, whole) in [("stop", true), ("go-on", false)] {
        let town = Town::new();
        let run = ["run", "town.dip", "--frames", "120", "--checkpoints", "kept", "--checkpoint-every", "20"];
        let full = ["--inject", "full@49", "--on-write-error", policy];
        let output = run_in(town.folder.path(), &[&run[..], &full, &json].concat());
        assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
        let resumed = run_in(town.folder.path(), &[&["resume", "kept"][..], &json].concat());
        assert_eq!(resumed.status.code(), Some(if whole { 0 } else { 3 }), "{policy}");
        assert_eq!(summary(&resumed)["lost"].as_array().unwrap().len(), usize::from(!whole), "{policy}");
        let same = town.records("").iter().zip(quiet.records("")).filter(|(a, b)| *a == b).count();
        assert_eq!(same, if whole { 5 } else { 4 }, "{policy}");
    }
}

/// Commands for states to come wait in the checkpoint, too: nobody has to say them again.
#[test]
fn what_is_to_be_set_in_states_to_come_is_kept() {
    let (quiet, town) = (Town::new(), Town::new());
    let json = ["--summary", "json", "--workers", "1", "--no-outputs"];
    let commands = ["--commands", "commands"];
    let expected = done(&run_in(quiet.folder.path(), &[&["run", "town.dip"][..], &commands, &json].concat()));
    let run = ["run", "town.dip", "--frames", "300", "--checkpoints", "kept"];
    done(&run_in(town.folder.path(), &[&run[..], &commands, &json].concat()));
    let found = done(&run_in(town.folder.path(), &[&["resume", "kept", "--frames", "1500"][..], &json].concat()));
    assert_eq!((&found["state_hash"], &found["frames"]), (&expected["state_hash"], &expected["frames"]));
}

/// Without `--out`, by relative names, from within the folder, as often as it takes, for longer than was said at first.
#[test]
fn a_run_in_its_own_folder_goes_on_there() {
    let (quiet, town) = (Town::new(), Town::new());
    let json = ["--summary", "json", "--workers", "1"];
    let commands = ["--commands", "commands"];
    let whole = ["run", "town.dip", "--frames", "200"];
    let expected = done(&run_in(quiet.folder.path(), &[&whole[..], &commands, &json].concat()));
    let begin =
        ["run", "town.dip", "--frames", "70", "--checkpoints", "kept", "--checkpoint-every", "30", "--journal", "j"];
    done(&run_in(town.folder.path(), &[&begin[..], &commands, &json].concat()));
    let inside = town.folder.path().join("kept");
    let output = run_in(
        &inside,
        &[&["resume", "frame-0000000060.checkpoint", "--frames", "130", "--force"][..], &json].concat(),
    );
    assert_eq!(done(&output)["resumed_from"], 60);
    let found = done(&run_in(town.folder.path(), &[&["resume", "kept", "--frames", "200"][..], &json].concat()));
    assert_eq!((&found["state_hash"], &found["frames"]), (&expected["state_hash"], &expected["frames"]));
    assert_eq!(town.records(""), quiet.records(""));
    let replayed = done(&run_in(town.folder.path(), &[&["replay", "j"][..], &json].concat()));
    assert_eq!((&replayed["state_hash"], &replayed["frames"]), (&expected["state_hash"], &expected["frames"]));
}

/// What was set in the very state of a checkpoint, and behind it, is known from the journal alone.
#[test]
fn what_was_set_is_known_from_the_journal_alone() {
    let lines = "@60 rate = 0.7\n@80 rate = 0.2\n";
    let (quiet, town) = (Town::new(), Town::new());
    let json = ["--summary", "json", "--workers", "2"];
    for it in [&quiet, &town] {
        std::fs::write(it.folder.path().join("commands"), lines).unwrap();
    }
    let run = ["run", "town.dip", "--commands", "commands", "--journal", "j", "--checkpoints", "kept"];
    let every = ["--checkpoint-every", "60", "--no-outputs", "--frames"];
    let expected = done(&run_in(quiet.folder.path(), &[&run[..], &every, &["130"], &json].concat()));
    done(&run_in(town.folder.path(), &[&run[..], &every, &["90"], &json].concat()));
    let first = "kept/frame-0000000060.checkpoint";
    // With a journal of its own, too: the old one is read, and a branch of it is replayed from the checkpoint.
    refused_in(&town, &["resume", first], &["there is a later state, of frame 90", "--at 60", "--force"]);
    let own = ["resume", first, "--frames", "130", "--journal", "own", "--checkpoints", "other", "--force"];
    for (arguments, journal) in [(&own[..], "own"), (&["resume", first, "--frames", "130", "--force"], "j")] {
        let found = done(&run_in(town.folder.path(), &[arguments, &json].concat()));
        assert_eq!(found["state_hash"], expected["state_hash"], "{journal}");
        let replayed = done(&run_in(town.folder.path(), &[&["replay", journal][..], &json].concat()));
        assert_eq!(replayed["state_hash"], expected["state_hash"], "{journal}");
    }
    let told = |town: &Town| town.read("j").lines().filter(|line| line.contains("\"command\"")).count();
    assert_eq!((told(&town), told(&quiet)), (2, 2));
}

/// A journal that is cut off anywhere, within a character too, is one without its last line.
#[test]
fn a_journal_that_is_cut_off_is_gone_on_with() {
    let town = Town::new();
    let json = ["--summary", "json", "--workers", "0", "--no-outputs"];
    let run =
        ["run", "town.dip", "--frames", "70", "--checkpoints", "kept", "--checkpoint-every", "30", "--journal", "j"];
    done(&run_in(town.folder.path(), &[&run[..], &json].concat()));
    let mut journal = std::fs::read(town.folder.path().join("j")).unwrap();
    journal.extend("{\"rejected\":{\"frame\":7,\"line\":\"\u{e4}".as_bytes().iter().take(39));
    journal.push(0xc3);
    std::fs::write(town.folder.path().join("j"), journal).unwrap();
    let first = ["resume", "kept/frame-0000000060.checkpoint", "--frames", "80", "--force"];
    done(&run_in(town.folder.path(), &[&first[..], &json].concat()));
    assert_eq!(done(&run_in(town.folder.path(), &["replay", "j", "--summary", "json"]))["frames"], 80);
}

/// Two runs never write the same files: the one that comes later is told.
#[test]
fn a_run_is_not_resumed_while_it_runs() {
    let town = Town::new();
    let mut arguments = town.arguments(false, "1");
    arguments.extend(["--frames".into(), "100000000".into()]);
    let child = start(&strings(&arguments));
    assert!(wait_until(SECOND * 20, || town.begun()), "no checkpoint");
    let kept = town.path("kept");
    // By force: it has written a later one meanwhile.
    refused(
        &["resume", &kept, "--force", "--journal", &town.path("other")],
        2,
        &["another run writes its checkpoints to "],
    );
    let elsewhere = ["resume", &kept, "--force", "--journal", &town.path("third"), "--checkpoints", &town.path("else")];
    refused(&elsewhere, 2, &["cannot go on with the record ", "another run writes it"]);
    kill(child.id(), Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A journal into a pipe, a checkpoint that is never due: neither is in the way.
#[test]
fn what_is_no_file_is_not_brought_to_the_disk() {
    let town = Town::new();
    let run = [
        "run",
        "town.dip",
        "--frames",
        "40",
        "--no-outputs",
        "--journal",
        "/dev/stderr",
        "--force",
        "--checkpoints",
        "kept",
    ];
    for every in ["20", "4294967295"] {
        let output = run_in(town.folder.path(), &[&run[..], &["--checkpoint-every", every]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(checkpoints(&town.folder.path().join("kept")).unwrap().last().unwrap().0, 40);
    }
}

/// `--at` is the state itself, `--set` a run of its own.
#[test]
fn a_state_is_sought_and_another_run_branches_off() {
    let town = Town::new();
    let mut arguments = town.arguments(false, "2");
    arguments.extend(["--frames".into(), "150".into()]);
    command(BINARY, &strings(&arguments));
    let kept = town.path("kept");
    let run = |more: &[&str]| summary(&command(BINARY, &[more, &["--summary", "json", "--workers", "1"]].concat()));
    let (file, commands) = (town.path("town.dip"), town.path("commands"));
    let whole = run(&["run", &file, "--no-outputs", "--frames", "97", "--commands", &commands]);
    let sought = run(&["resume", &kept, "--at", "97", "--frames", "97"]);
    assert_eq!((&sought["state_hash"], &sought["frames"]), (&whole["state_hash"], &whole["frames"]));
    // From frame 97 on with other draws: a journal of its own tells from where.
    let branch = ["resume", &kept, "--at", "97", "--seed", "9", "--out", &town.path("branch")];
    let other = run(&branch);
    assert_ne!(other["state_hash"], run(&["resume", &kept, "--at", "97"])["state_hash"]);
    let rows = town.read("branch/town.csv");
    assert!(rows.lines().nth(1).is_some_and(|first| first.starts_with("98,")), "{rows}");
    assert_eq!(town.read("records/town.csv").lines().last().unwrap().split(',').next(), Some("150"));
    let journal = town.path("own");
    let own = run(&["resume", &kept, "--seed", "9", "--frames", "170", "--journal", &journal]);
    assert_eq!(own["resumed_from"], 150);
    let replayed = run(&["replay", &journal]);
    assert_eq!((&replayed["state_hash"], &replayed["resumed_from"]), (&own["state_hash"], &own["resumed_from"]));
    let sought = town.path("sought");
    run(&["resume", &kept, "--at", "97", "--journal", &sought]);
    refused(&["replay", &sought], 2, &["the run began with the state of frame 97, which no checkpoint has"]);
}
