//! Whichever way a run ends, nothing is left: no process after a second, nothing in /dev/shm.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use diptych_tests::{children, command, kill, lives, root, segments_of, summary, wait_until};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const SECOND: Duration = Duration::from_secs(1);

/// A run whose output is kept.
fn start(arguments: &[&str]) -> Child {
    Command::new(BINARY)
        .args(arguments)
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A run that goes on for hours, once its workers (none, if it is in one process) run frames.
fn endless(workers: &str) -> (Child, Vec<u32>) {
    let scenario = "scenarios/colliding-particles.dip";
    let child = start(&[
        "run",
        scenario,
        "--set",
        "n=2000",
        "--frames",
        "100000000",
        "--workers",
        workers,
        "--summary",
        "json",
    ]);
    let pid = child.id();
    let count: usize = workers.parse().unwrap();
    assert!(wait_until(SECOND * 20, || children(pid).len() == count && running(pid)), "the run does not start");
    (child, children(pid))
}

/// Whether the run has completed a frame.
fn running(pid: u32) -> bool {
    segments_of(pid).iter().any(|name| {
        diptych_protocol::reader::Reader::open(name).is_ok_and(|reader| reader.frames().is_some_and(|f| f > 1))
    })
}

#[test]
fn a_signal_ends_the_run_after_a_whole_frame_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        for workers in ["0", "2", "3"] {
            let (child, workers) = endless(workers);
            let pid = child.id();
            kill(pid, signal);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
            let summary = summary(&output);
            assert_eq!(summary["stopped"], "interrupted");
            assert!(summary["frames"].as_u64() > Some(0));
            assert!(workers.iter().all(|&w| !lives(w)), "a worker is left");
            assert!(segments_of(pid).is_empty(), "a segment is left");
        }
    }
}

/// What an interrupted run has computed is what a run of that many frames computes.
#[test]
fn an_interrupted_run_ends_in_the_state_of_its_last_whole_frame() {
    let (child, _) = endless("2");
    kill(child.id(), Signal::INT);
    let interrupted = summary(&child.wait_with_output().unwrap());
    let frames = interrupted["frames"].to_string();
    let whole = command(
        BINARY,
        &[
            "run",
            "scenarios/colliding-particles.dip",
            "--set",
            "n=2000",
            "--frames",
            &frames,
            "--workers",
            "1",
            "--summary",
            "json",
        ],
    );
    assert_eq!(summary(&whole)["state_hash"], interrupted["state_hash"]);
}

#[test]
fn the_coordinators_death_takes_its_workers_and_the_next_start_sweeps() {
    let (mut child, workers) = endless("2");
    let pid = child.id();
    assert_eq!(segments_of(pid).len(), 1);
    kill(pid, Signal::KILL);
    assert!(wait_until(SECOND, || workers.iter().all(|&w| !lives(w))), "a worker outlives its coordinator");
    child.wait().unwrap();
    // Unless another run has been started meanwhile, on the same machine by the same user: then that one has swept.
    let left = segments_of(pid).len() == 1;
    let next = command(BINARY, &["run", "scenarios/drift.dip", "--set", "n=100", "--frames", "1", "--workers", "1"]);
    assert!(next.status.success());
    assert!(segments_of(pid).is_empty(), "the next start left a dead run's segment");
    let told = String::from_utf8_lossy(&next.stderr);
    assert!(!left || told.contains("left by a run of colliding-particles that was killed at frame "), "{told}");
}

#[test]
fn a_failed_run_blames_the_row_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        ("test.nan", "system drift", "entity 77: Position.x becomes NaN", 1),
        ("test.panic", "system drift", "the kernel panicked: three is too many", 1),
        ("test.forget", "system drift", "the kernel did not write Position.y of this row", 1),
    ];
    for (kernel, rule, message, code) in cases {
        let path = folder.path().join("failing.dip");
        let text = diptych_tests::drift_with(kernel);
        // An index and a rule that asks it: bad positions are found before.
        let text = text
            + "component Cluster = u32\ngroup others[64] { position Position = uniform(space)\n Cluster = 0 }\n\
               index tree = kdtree of points { bucket = 8 }\n\
               component Mass = f32\ncomponent Barycentre = vec2\ngroup buckets = buckets of tree { Mass, Barycentre }\n";
        let text = text.replace("Velocity = vec2(", "Mass = 1.0\n    Velocity = vec2(")
            + "system summary native \"cluster.summarise\" for buckets owns Mass, Barycentre reads points.Mass index tree\n";
        std::fs::write(&path, text).unwrap();
        for workers in ["0", "2"] {
            let path = path.to_str().unwrap();
            let child = start(&["run", path, "--set", "n=5000", "--frames", "9", "--workers", workers]);
            let pid = child.id();
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{kernel}: {stderr}");
            assert!(stderr.contains(message) && stderr.contains(rule) && stderr.contains("failing.dip:"), "{stderr}");
            assert!(segments_of(pid).is_empty() && children(pid).is_empty());
        }
    }
}

/// Every batch of its frame fails: whoever comes to which first, the blame is the same.
#[test]
fn of_several_faults_the_first_in_the_schedule_is_blamed_at_any_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failing.dip");
    std::fs::write(&path, diptych_tests::drift_with("test.panic")).unwrap();
    for workers in ["0", "1", "2", "3", "5"].into_iter().cycle().take(15) {
        let arguments = ["run", path.to_str().unwrap(), "--set", "n=200000", "--frames", "9", "--workers", workers];
        let output = command(BINARY, &arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let error = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(
            error.contains("frame 3, system drift ") && error.contains(", rows 0 .. "),
            "{workers} workers: {stderr}"
        );
    }
}

/// More rows than there can be names at once: each name is had some hundred times.
#[test]
fn a_hundred_million_births_take_no_more_room_than_the_first_few() {
    let run = |frames: &str| {
        let child = start(&[
            "run",
            "scenarios/churn.dip",
            "--frames",
            frames,
            "--workers",
            "2",
            "--no-outputs",
            "--summary",
            "json",
        ]);
        let pid = child.id();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(wait_until(SECOND, || segments_of(pid).is_empty()), "{:?}", segments_of(pid));
        let summary = summary(&output);
        let number = |name: &str| summary[name].as_f64().unwrap();
        (number("shm_bytes"), number("peak_rss_bytes"), summary["signals"]["line"].as_f64().unwrap())
    };
    let (few, many) = (run("20"), run("1010"));
    println!("20 frames {few:?}, 1010 frames {many:?}");
    assert_eq!(few.0, many.0);
    assert!(many.1 < 1.05 * few.1, "{} and {} bytes", few.1, many.1);
    // Each frame a tenth of 10^6 rows divides: lines are as long as there were frames by ten.
    assert!(many.2 > 95.0, "{}", many.2);
}

/// The processes whose command line has a word, by which workers of one scenario are known.
fn with_word(word: &str) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().into_string().ok()?.parse().ok());
    pids.filter(|pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word) && lives(*pid)
    })
    .collect()
}

/// Kills a coordinator: its workers, who are known by the scenario's name, are gone within a second, and the next start
/// sweeps.
#[track_caller]
fn dies_with_its_workers(mut child: Child, name: &str, what: &str) {
    let (pid, word) = (child.id(), format!(" of {name}"));
    assert!(!with_word(&word).is_empty(), "{what}: no workers");
    kill(pid, Signal::KILL);
    child.wait().unwrap();
    assert!(wait_until(SECOND, || with_word(&word).is_empty()), "{what}: a worker outlives its coordinator");
    assert!(command(BINARY, &["doctor"]).status.success());
    assert!(segments_of(pid).is_empty(), "{what}: the next start left a dead run's segment");
}

#[test]
fn the_coordinators_death_takes_workers_that_wait_compute_or_are_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let drift = std::fs::read_to_string(root().join("scenarios/drift.dip")).unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(format!("{name}.dip"));
        std::fs::write(&path, text.replace("scenario drift", &format!("scenario {name}"))).unwrap();
        path.display().to_string()
    };
    let begin = |name: &str, text: &str, more: &[&str]| {
        let file = file(name, text);
        let sized =
            ["--set", "n=2000", "--frames", "100000000", "--workers", "2", "--no-outputs", "--batch-deadline", "0"];
        let child = start(&[&["run", &file], &sized[..], more].concat());
        assert!(wait_until(SECOND * 20, || children(child.id()).len() == 2), "the run does not start");
        child
    };
    let runs = |child: &Child| assert!(wait_until(SECOND * 20, || running(child.id())), "no frames");
    // As long as commands can come, workers are let on only a little ahead: without their coordinator they park.
    let pipe = folder.path().join("commands");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let child = begin("parked", &drift, &["--commands", &pipe.display().to_string()]);
    runs(&child);
    kill(child.id(), Signal::STOP);
    std::thread::sleep(SECOND / 5);
    dies_with_its_workers(child, "parked", "parked workers");

    let child = begin("computes", &diptych_tests::drift_with("test.hang"), &[]);
    std::thread::sleep(SECOND / 2);
    dies_with_its_workers(child, "computes", "workers in a batch without end");

    let child = begin("stopped", &drift, &[]);
    runs(&child);
    children(child.id()).iter().for_each(|worker| kill(*worker, Signal::STOP));
    dies_with_its_workers(child, "stopped", "stopped workers");
}

/// Whatever it was about: compiling, setting up, starting the other workers, changing over.
#[test]
fn the_coordinators_death_takes_the_workers_of_a_program_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watched.dip");
    let text = |push: u32| {
        format!(
            "scenario watched\nspace torus (0, 0) .. (9, 9)\ncomponent Position = vec2\ncomponent Near = u32\n\
             group points[20_000] {{ position Position = uniform(space), Near = 0 }}\n\
             system walk for points owns Position {{ Position = wrap(Position + vec2(0.{push}, 0)) }}\n\
             system look for points owns Near {{ Near = count(x in points within 0.05) }}\n"
        )
    };
    for round in 0..6 {
        std::fs::write(&path, text(1)).unwrap();
        let file = path.display().to_string();
        let child = start(&["run", &file, "--watch", "--frames", "100000000", "--workers", "2"]);
        assert!(wait_until(SECOND * 20, || running(child.id())), "the run does not start");
        std::fs::write(&path, text(2 + round)).unwrap();
        // The file is looked at a few times a second; what comes of it takes some tens of milliseconds.
        let coming = || segments_of(child.id()).len() > 1 || children(child.id()).len() > 2;
        assert!(wait_until(SECOND * 10, coming), "nothing is prepared");
        std::thread::sleep(SECOND / 40 * round);
        dies_with_its_workers(child, "watched", &format!("round {round}"));
    }
}
