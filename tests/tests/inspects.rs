//! While it runs you can look at it from another process: whole states, without pausing it.

use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use diptych_protocol::reader::{ReadError, Reader};
use diptych_tests::{command, kill, segments_of, summary, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// In state t each X and each Y is t: two rules, two columns.
const STEPS: &str = "scenario steps\nparam n: u32 = 1_000 in 1 .. 10_000_000\ncomponent X = f64\ncomponent Y = u32\n\
    group points[n] { X = 0\n Y = 0 }\nsystem steps for points owns X { X += 1 }\nsystem counts for points owns Y { Y += 1 }\n\
    signal mean_x = mean(points: X)\n";

/// A run that goes on until it is dropped.
struct Run {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Run {
    fn of(text: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("it.dip");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(BINARY);
        command.arg("run").arg(&file).args(["--frames", "100000000", "--quiet", "--no-outputs"]).args(arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, _folder: folder }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its memory, once there is a state.
    fn reader(&self) -> Reader {
        let mut reader = None;
        assert!(wait_until(Duration::from_secs(30), || {
            let opened = segments_of(self.pid()).first().and_then(|name| Reader::open(name).ok());
            reader = opened.filter(|reader| reader.frames().is_some_and(|frames| frames > 2));
            reader.is_some()
        }));
        reader.unwrap()
    }

    fn inspect(&self, arguments: &[&str]) -> Output {
        command(BINARY, &[&["inspect", &self.pid().to_string()], arguments].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.inspect(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        kill(self.pid(), Signal::INT);
        if !wait_until(Duration::from_secs(20), || matches!(self.child.try_wait(), Ok(Some(_)))) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

/// All rows of both columns, of one look; whether they were lent.
fn rows_of_both(reader: &Reader, pause: Duration) -> Result<(u32, bool), ReadError> {
    let column = |name: &str| reader.description.columns.iter().position(|it| it.name == name).unwrap();
    let (x, y) = (column("X"), column("Y"));
    let seen = reader.look(|state| {
        let x = state.column(x, 0..u32::MAX)?;
        thread::sleep(pause);
        Ok((x, state.column(y, 0..u32::MAX)?))
    })?;
    let (x, y) = seen.value;
    let rows = reader.description.groups[0].capacity.min(y.len() as u32 / 4) as usize;
    assert_eq!((x.len(), y.len()), (8 * rows, 4 * rows));
    assert!(x.chunks_exact(8).all(|it| f64::from_le_bytes(it.try_into().unwrap()) == f64::from(seen.frames)));
    assert!(y.chunks_exact(4).all(|it| u32::from_le_bytes(it.try_into().unwrap()) == seen.frames));
    Ok((seen.frames, seen.lent))
}

#[test]
fn an_inspector_sees_whole_states_only() {
    for workers in ["2", "0"] {
        let run = Run::of(STEPS, &["--workers", workers, "--set", "n=300_000"]);
        let reader = run.reader();
        let (mut frames, begun) = (Vec::new(), Instant::now());
        while begun.elapsed() < Duration::from_secs(3) {
            frames.push(rows_of_both(&reader, Duration::ZERO).unwrap().0);
        }
        assert!(frames.is_sorted() && frames.first() != frames.last(), "{workers} workers: {frames:?}");
    }
}

#[test]
fn frames_that_are_shorter_than_a_copy_are_lent() {
    for workers in ["2", "0"] {
        let run = Run::of(STEPS, &["--workers", workers, "--set", "n=2_000"]);
        let reader = run.reader();
        let (mut frames, mut loans) = (Vec::new(), 0);
        // Where the machine has much else to do a frame may be as long as that.
        assert!(wait_until(Duration::from_secs(60), || {
            let (frame, lent) = rows_of_both(&reader, Duration::from_millis(1)).unwrap();
            frames.push(frame);
            loans += u32::from(lent);
            loans >= 3
        }));
        assert!(frames.is_sorted(), "{workers} workers: {frames:?}");
    }
}

#[test]
fn who_takes_too_long_holds_up_nobody_and_is_told() {
    let run = Run::of(STEPS, &["--workers", "2", "--set", "n=2_000"]);
    let reader = run.reader();
    let before = reader.frames().unwrap();
    assert!(wait_until(Duration::from_secs(60), || {
        matches!(rows_of_both(&reader, Duration::from_millis(40)), Err(ReadError::Overtaken(_)))
    }));
    assert!(reader.frames().unwrap() > before + 100);
}

#[test]
fn a_stopped_inspector_holds_up_nobody() {
    let run = Run::of(STEPS, &["--workers", "2", "--set", "n=2_000"]);
    let reader = run.reader();
    for _ in 0..6 {
        let pid = run.pid().to_string();
        let look = ["inspect", &pid, "--group", "points", "--rows", "0..2000", "--watch=0.05", "--json"];
        let mut child = Command::new(BINARY).args(look).stdout(Stdio::null()).spawn().unwrap();
        // While another one asks for states all the time, and has them taken back.
        let asks = Instant::now();
        while asks.elapsed() < Duration::from_millis(300) {
            let _ = rows_of_both(&reader, Duration::from_millis(1));
        }
        kill(child.id(), Signal::STOP);
        for _ in 0..5 {
            let before = reader.frames().unwrap();
            assert!(wait_until(Duration::from_secs(5), || reader.frames().unwrap() > before + 20));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn looking_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.dip");
    std::fs::write(&file, STEPS).unwrap();
    let arguments = [
        "run",
        file.to_str().unwrap(),
        "--frames",
        "20000",
        "--workers",
        "2",
        "--no-outputs",
        "--quiet",
        "--summary",
        "json",
    ];
    let expected = summary(&command(BINARY, &arguments));
    let mut child = Command::new(BINARY).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut looks = 0;
    while child.try_wait().unwrap().is_none() {
        let reader = segments_of(child.id()).first().and_then(|name| Reader::open(name).ok());
        let look = |reader: &Reader| rows_of_both(reader, Duration::from_millis(1)).is_ok();
        looks += u32::from(reader.as_ref().is_some_and(look));
    }
    let found = summary(&child.wait_with_output().unwrap());
    for hash in ["state_hash", "content_hash", "program_hash"] {
        assert_eq!(found[hash], expected[hash]);
    }
    assert!(looks > 0);
}

#[test]
fn a_run_is_shown_with_workers_groups_rows_and_signals() {
    let run = Run::of(STEPS, &["--workers", "2"]);
    run.reader();
    let seen = run.json(&["--group", "points", "--sample", "3", "--signals"]);
    let frame = seen["frame"].as_u64().unwrap();
    assert_eq!(seen["signals"]["mean_x"].as_f64(), Some(frame as f64));
    assert_eq!(seen["rows"]["columns"], serde_json::json!(["X", "Y"]));
    let rows = seen["rows"]["rows"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| row["row"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 333, 666]);
    for row in rows {
        assert_eq!(row["values"], serde_json::json!([frame as f64, frame]));
    }
    let workers = seen["workers"].as_array().unwrap();
    assert_eq!(workers.len(), 2);
    let lives = |worker: &Value| std::path::Path::new(&format!("/proc/{}", worker["process"])).exists();
    assert!(workers.iter().all(lives), "{workers:?}");
    assert_eq!(seen["groups"][0]["columns"][0], serde_json::json!({ "name": "X", "type": "f64" }));
    assert!(seen["frames_per_s"].as_f64().unwrap() > 0.0);
    let text = run.inspect(&["--group", "points", "--entity", "7"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("row 7, entity 7") && text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let listed = command(BINARY, &["inspect", "--json"]);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let mine = listed["runs"].as_array().unwrap().iter().find(|it| it["process"] == run.pid()).unwrap();
    assert_eq!(mine["scenario"], "steps");
}

#[test]
fn a_row_is_found_by_its_entity_wherever_it_has_moved() {
    let text = std::fs::read_to_string(diptych_tests::scenario("boids-p1.dip")).unwrap();
    let run = Run::of(&text, &["--workers", "2", "--set", "n=5000"]);
    run.reader();
    for entity in ["0", "17", "4999"] {
        let seen = run.json(&["--group", "boids", "--entity", entity]);
        let [row] = &seen["rows"]["rows"].as_array().unwrap()[..] else { panic!("{seen}") };
        assert_eq!(row["entity"].to_string(), entity);
        assert_eq!(row["values"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let run = Run::of(STEPS, &["--workers", "1"]);
    run.reader();
    let told = |output: Output, code: i32, parts: &[&str]| {
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    };
    told(run.inspect(&["--group", "people"]), 2, &["steps has no group people; it has points"]);
    told(run.inspect(&["--group", "points", "--entity", "1000"]), 2, &["no points with the id 1000 lives at frame"]);
    told(run.inspect(&["--group", "points", "--rows", "1000..1010"]), 2, &["points has 1000 rows at frame"]);
    let pid = run.pid().to_string();
    told(command(BINARY, &["inspect", "999999999"]), 2, &["there is no run 999999999; there are: ", &pid]);
    told(command(BINARY, &["inspect", "no-such"]), 2, &["there is no run no-such"]);
    // Whoever begins a run removes such files: another test may.
    let stale = "diptych-4194305-1-77";
    let path = std::path::Path::new("/dev/shm").join(stale);
    let tried = (0..50).any(|_| {
        std::fs::write(&path, "x").unwrap();
        let output = command(BINARY, &["inspect", stale]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        error.contains("was left by a run that was killed")
    });
    assert!(tried);
    let _ = std::fs::remove_file(&path);
}
