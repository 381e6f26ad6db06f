//! Two runs are compared: the first frame, column, block and row that differ are named, a single flipped bit among them; runs that
//! differ in their workers alone do not differ.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use diptych::hashes::Hashes;
use diptych_protocol::checkpoint::{Checkpoint, HEAD_BYTES, Head, Sums};
use diptych_protocol::reader::Reader;
use diptych_protocol::segment;
use diptych_tests::{command, kill, root, segments_of, summary, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Rows that come and go, memory, an enum; a rule that is another one from frame 13 on where `late` is.
const TOWN: &str = "scenario town\nparam late: f64 = 0\nparam n: u32 = 500\nrun { frames = 40, seed = 4 }\n\
    space torus (0, 0) .. (30, 30)\nenum Mood { Calm, Cross }\n\
    component Position = vec2\ncomponent Wealth = f64\ncomponent Feels = Mood\n\
    group people[n, max 4_000] { position Position = uniform(space), Wealth = uniform(0, 1), Feels = Calm }\n\
    system move for people owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.2)) }\n\
    system earn for people owns Wealth, Feels {\n    let mut more: f64 = uniform(0, 1)\n    \
    if frame >= 12 and row == 77 { more += late }\n    \
    Wealth += more\n    if fresh Wealth > 20 { Feels = Cross }\n    \
    if chance(0.02) { spawn people { Position = fresh Position, Wealth = 0.5, Feels = Calm } }\n    \
    if chance(0.02) { despawn self }\n}\n\
    signal wealth = mean(people: Wealth)\nsignal slow = lag(wealth, 5)\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("town.dip"), TOWN).unwrap();
        Self(folder)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn path(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    #[track_caller]
    fn run(&self, file: &str, out: &str, more: &[&str]) -> Value {
        let (file, out) = (if file.contains('/') { file.into() } else { self.path(file) }, self.path(out));
        summary(&command(BINARY, &[&["run", &file, "--out", &out, "--summary", "json"], more].concat()))
    }

    fn diff(&self, a: &str, b: &str, more: &[&str]) -> Output {
        command(BINARY, &[&["diff", &self.path(a), &self.path(b)], more].concat())
    }

    /// What is found of two that differ, as JSON and as text.
    #[track_caller]
    fn parted(&self, a: &str, b: &str) -> (Value, String) {
        let [machine, people] = [&["--json"][..], &[]].map(|more| {
            let output = self.diff(a, b, more);
            assert_eq!(output.status.code(), Some(1), "{}", told(&output));
            String::from_utf8(output.stdout).unwrap()
        });
        (serde_json::from_str(&machine).unwrap(), people)
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn runs_of_different_worker_counts_do_not_differ() {
    let place = Place::new();
    let kept = ["--hashes", "3", "--checkpoint-every", "8"];
    let ended =
        ["0", "1", "3"].map(|workers| place.run("town.dip", workers, &[&kept[..], &["--workers", workers]].concat()));
    assert!(ended.iter().all(|it| it["state_hash"] == ended[0]["state_hash"]));
    let files = ["0", "1", "3"].map(|workers| std::fs::read(place.at(workers).join("hashes.bin")).unwrap());
    assert!(files.iter().all(|file| *file == files[0]), "hash trees differ");
    for (a, b) in [("0", "1"), ("1", "3"), ("3", "3")] {
        let output = place.diff(a, b, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", told(&output));
        let text = told(&output);
        assert!(text.contains("programs  the same") && text.ends_with("the same  nothing differs\n"), "{text}");
        // States 0, 3 .. 39 and 40, those of 24, 32 and 40 by their values.
        assert!(text.contains("16 states, of frames 0 to 40 (13 by hash trees, 3 by their values)"), "{text}");
        let found: Value = serde_json::from_slice(&place.diff(a, b, &["--json"]).stdout).unwrap();
        assert_eq!((&found["same"], &found["compared"]["states"]), (&true.into(), &16.into()));
    }
    // Folders of checkpoints, and single ones, too.
    let one = place.path("1/checkpoints/frame-0000000032.checkpoint");
    for (a, b, states) in [("0/checkpoints", "3/checkpoints", "3 states"), ("0/checkpoints", one.as_str(), "1 state,")]
    {
        let output = place.diff(a, b, &[]);
        assert!(output.status.success() && told(&output).contains(states), "{}", told(&output));
    }
}

/// Of the last state there is nothing but its hash: that is compared.
#[test]
fn runs_that_kept_nothing_are_compared_by_how_they_ended() {
    let place = Place::new();
    place.run("town.dip", "a", &[]);
    place.run("town.dip", "b", &["--workers", "1"]);
    place.run("town.dip", "short", &["--frames", "20"]);
    let output = place.diff("a", "b", &[]);
    assert!(output.status.success() && told(&output).contains("by the hash of the last"), "{}", told(&output));
    let output = place.diff("a", "short", &[]);
    assert_eq!(output.status.code(), Some(2), "{}", told(&output));
    assert!(
        told(&output).contains("have kept nothing of the same frame: run them with --hashes K"),
        "{}",
        told(&output)
    );
    let output = place.diff("a", "nowhere", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("neither a run's directory, nor a folder of checkpoints"), "{}", told(&output));
}

/// A parameter that counts from one frame on, and for one row.
#[test]
fn another_parameter_is_told_and_the_first_frame_that_it_makes_another_one_is_found() {
    let place = Place::new();
    for (name, more) in [("a", &["--set", "late=0"][..]), ("b", &["--set", "late=0.25"])] {
        place.run("town.dip", name, &[more, &["--hashes", "10", "--checkpoint-every", "15"]].concat());
        place.run("town.dip", &format!("bare {name}"), more);
    }
    for (a, b, kept) in [("a", "b", true), ("bare a", "bare b", false)] {
        let (found, text) = place.parted(a, b);
        assert_eq!(found["others"], serde_json::json!(["parameter late: 0 in A, 0.25 in B"]));
        let first = &found["first_difference"];
        assert_eq!(
            (&first["frame"], &first["last_same"], &first["by"]),
            (&13.into(), &12.into(), &"made again".into())
        );
        let column = &first["columns"][0];
        assert_eq!(
            (&column["column"], &column["row"], &column["rows"]),
            (&"Wealth".into(), &77.into(), &1.into()),
            "{text}"
        );
        let value = |side: &str| column[side]["value"].as_str().unwrap().parse::<f64>().unwrap();
        assert_eq!(value("a") + 0.25, value("b"));
        assert!(
            column["written_by"] == "the rule `earn`" && column["place"].as_str().unwrap().contains("town.dip:12:")
        );
        assert_eq!(found["spread"].as_array().unwrap().is_empty(), !kept);
        assert!(text.contains("first difference: frame 13 (frame 12 is the same)"), "{text}");
        assert!(text.contains("people.Wealth: 1 row in block 0"), "{text}");
    }
    // Without it the first one that was kept.
    let output = place.diff("a", "b", &["--no-repeat", "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["first_difference"]["frame"], 15);
    assert_eq!(found["first_difference"]["last_same"], 10);
}

#[test]
fn other_seeds_differ_from_the_first_state_on() {
    let place = Place::new();
    for seed in ["1", "2"] {
        place.run("town.dip", seed, &["--hashes", "20", "--seed", seed]);
    }
    let (found, text) = place.parted("1", "2");
    assert_eq!(
        (&found["first_difference"]["frame"], &found["first_difference"]["last_same"]),
        (&0.into(), &Value::Null)
    );
    assert!(text.contains("other     seed: 1 in A, 2 in B") && text.contains("first difference: frame 0\n"), "{text}");
    assert!(text.contains("people.Position.x: 500 rows in block 0 (rows 0 .. 16384)"), "{text}");
}

/// Sets the checksums of a checkpoint right.
fn seal(bytes: &mut [u8]) {
    let head: Head = bytemuck::pod_read_unaligned(&bytes[..size_of::<Head>()]);
    let end = head.sums.offset as usize;
    let mut sums = Sums::default();
    sums.add(&bytes[HEAD_BYTES..end]);
    let sealed = sums.seal(head);
    bytes[end..].copy_from_slice(&sealed.sums);
    bytes[..HEAD_BYTES].copy_from_slice(&sealed.head);
}

/// Turns one bit of a column over.
fn flip(path: &Path, column: &str, row: usize, bit: usize) -> (f32, f32) {
    let checkpoint = Checkpoint::read(path).unwrap();
    let offset = checkpoint.description.columns.iter().find(|it| it.name == column).unwrap().offset as usize;
    let mut bytes = std::fs::read(path).unwrap();
    let read = |bytes: &[u8]| f32::from_le_bytes(bytes[offset + 4 * row..][..4].try_into().unwrap());
    let before = read(&bytes);
    bytes[offset + 4 * row + bit / 8] ^= 1 << (bit % 8);
    seal(&mut bytes);
    std::fs::write(path, &bytes).unwrap();
    (before, read(&bytes))
}

#[test]
fn a_bit_flipped_in_a_checkpoint_of_a_million_rows_is_found() {
    let place = Place::new();
    for (name, workers) in [("a", "1"), ("b", "2")] {
        let kept =
            ["--checkpoint-every", "4", "--hashes", "8", "--frames", "8", "--workers", workers, "--set", "n=1_000_000"];
        place.run("scenarios/drift.dip", name, &kept);
    }
    let path = place.at("b/checkpoints/frame-0000000008.checkpoint");
    let (before, after) = flip(&path, "Position.y", 777_123, 3);
    let (found, text) = place.parted("a", "b");
    let first = &found["first_difference"];
    assert_eq!((&first["frame"], &first["last_same"], &first["by"]), (&8.into(), &4.into(), &"values".into()));
    let column = &first["columns"][0];
    assert_eq!(first["columns"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&column["column"], &column["row"], &column["rows"]),
        (&"Position.y".into(), &777_123.into(), &1.into())
    );
    assert_eq!((&column["blocks"], &column["ulps"]), (&serde_json::json!([47]), &8.into()));
    assert_eq!((&first["a"]["as_computed"], &first["b"]["as_computed"]), (&true.into(), &false.into()));
    for words in [
        "note      B's checkpoint of frame 8 is not the state that B had hashed",
        "points.Position.y: 1 row in block 47 (rows 770048 .. 786432)",
        "row 777123, entity 777123",
        &format!("A  {before} (0x{:08x})", before.to_bits()),
        &format!("B  {after} (0x{:08x})   8 ULP apart, bit 3 turned over", after.to_bits()),
        "written by the rule `drift` (scenarios/drift.dip:",
        "A is what its program computes: made again from frame 4",
        "B is not what its program computes",
        "between frames 4 and 8",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // From the file alone it is known that the one before is the same.
    assert_eq!(place.diff("a/checkpoints", "b/checkpoints", &[]).status.code(), Some(1));
    let output = place.diff("a/checkpoints/frame-0000000004.checkpoint", "b/checkpoints", &[]);
    assert!(output.status.success(), "{}", told(&output));
}

/// A bit in the memory of a run that goes on: another process writes there, as a cosmic ray does. Nothing is kept but hashes.
#[test]
fn a_bit_flipped_in_the_memory_of_a_run_of_a_million_rows_is_found() {
    let place = Place::new();
    let (row, bit) = (345_678, 19);
    let arguments = |name: &str, more: &[&str]| -> Vec<String> {
        let kept =
            ["run", "scenarios/drift.dip", "--hashes", "100", "--workers", "2", "--out", &place.path(name), "--frames"];
        kept.iter().chain(more).map(ToString::to_string).collect()
    };
    let mut run = Command::new(BINARY);
    run.args(arguments("b", &["100000000"])).current_dir(root()).stdout(Stdio::null()).stderr(Stdio::piped());
    let run = run.spawn().unwrap();
    let at = |frames: u32| {
        let here = |name: &String| Reader::open(name).is_ok_and(|it| it.frames() > Some(frames));
        segments_of(run.id()).into_iter().find(here)
    };
    assert!(wait_until(Duration::from_secs(60), || at(130).is_some()), "no run");
    let name = at(130).unwrap();
    let reader = Reader::open(&name).unwrap();
    let column = reader.description.columns.iter().find(|it| it.name == "Velocity.x").unwrap();
    assert_eq!(column.panels.len(), 1, "nobody writes it");
    let place_of = (column.panels[0] + 4 * row + bit / 8) as u64;
    let file = OpenOptions::new().read(true).write(true).open(segment::path(&name)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place_of).unwrap();
    let flipped_at = reader.frames().unwrap();
    file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], place_of).unwrap();
    assert!(wait_until(Duration::from_secs(60), || reader.frames() > Some(flipped_at + 450)), "it does not go on");
    kill(run.id(), Signal::INT);
    let ended = run.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", told(&ended));
    let about = std::fs::read_to_string(place.at("b/run.json")).unwrap();
    let frames = serde_json::from_str::<Value>(&about).unwrap()["summary"]["frames"].to_string();
    let output = command(BINARY, &arguments("a", &[&frames]).iter().map(String::as_str).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", told(&output));
    // What was kept says in which blocks; what is computed, in which row.
    let text = self::told(&place.diff("a", "b", &["--no-repeat"]));
    let found = place.diff("a", "b", &["--json"]);
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let first = &found["first_difference"];
    let frame = first["frame"].as_u64().unwrap() as u32;
    assert!(
        frame.is_multiple_of(100) && (flipped_at..=flipped_at + 202).contains(&frame),
        "{frame}, flipped at {flipped_at}"
    );
    assert_eq!((&first["a"]["as_computed"], &first["b"]["as_computed"]), (&true.into(), &false.into()), "{text}");
    let told = &first["b"]["flips"][0];
    assert_eq!(
        (&told["column"], &told["row"], &told["bit"]),
        (&"Velocity.x".into(), &row.into(), &bit.into()),
        "{text}"
    );
    assert!(text.contains("points.Velocity.x: block 21 (rows 344064 .. 360448)"), "{text}");
    assert!(text.contains("no rule: it is what set-up made it"), "{text}");
}

#[test]
fn hash_trees_of_a_run_that_was_killed_and_resumed_are_those_of_an_undisturbed_one() {
    let place = Place::new();
    let kept = ["--hashes", "3", "--checkpoint-every", "50", "--frames", "4000"];
    place.run("town.dip", "whole", &kept);
    let whole = std::fs::read(place.at("whole/hashes.bin")).unwrap();
    let scenario = place.path("town.dip");
    for round in 0..3 {
        let (cut, out) = (format!("cut {round}"), place.path(&format!("cut {round}")));
        let mut run = Command::new(BINARY);
        run.args(["run", &scenario, "--out", &out, "--workers", "2"]).args(kept);
        let mut run = run.current_dir(root()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let checkpoints = place.at(&cut).join("checkpoints");
        let begun = || diptych::coordinator::checkpoints(&checkpoints).is_ok_and(|all| !all.is_empty());
        assert!(wait_until(Duration::from_secs(60), || begun() || run.try_wait().is_ok_and(|it| it.is_some())));
        std::thread::sleep(Duration::from_millis(40 * round));
        kill(run.id(), Signal::KILL);
        run.wait().unwrap();
        let output = command(BINARY, &["resume", &out, "--workers", "1"]);
        assert!(output.status.success(), "{}", told(&output));
        let file = std::fs::read(place.at(&cut).join("hashes.bin")).unwrap();
        assert!(file == whole, "round {round}: {} bytes, {} of an undisturbed run", file.len(), whole.len());
        assert!(place.diff("whole", &cut, &["--no-repeat"]).status.success());
    }
}

/// A full disk at the first tree, or a kill before it, leaves a file without a whole head, or none.
#[test]
fn a_run_whose_hash_trees_never_came_to_be_is_resumed_and_compared() {
    let place = Place::new();
    let kept = ["--hashes", "3", "--checkpoint-every", "8", "--frames", "16"];
    place.run("town.dip", "whole", &kept);
    for bytes in [None, Some(0), Some(15)] {
        let name = format!("cut {}", bytes.unwrap_or(99));
        place.run("town.dip", &name, &kept);
        let file = place.at(&name).join("hashes.bin");
        match bytes {
            Some(bytes) => OpenOptions::new().write(true).open(&file).unwrap().set_len(bytes).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let output = place.diff("whole", &name, &[]);
        assert!(output.status.success(), "{bytes:?}: {}", told(&output));
        let text = told(&output);
        assert!(text.contains("2 states, of frames 8 to 16") && text.contains("B was to keep hash trees"), "{text}");
        let (run, to) = (place.path(&name), place.path(&format!("{name} csv")));
        let output = command(BINARY, &["export", &run, "--out", &to, "--format", "csv"]);
        assert!(output.status.success(), "{bytes:?}: {}", told(&output));
        let output = command(BINARY, &["resume", &run, "--frames", "24"]);
        assert!(output.status.success(), "{bytes:?}: {}", told(&output));
        let states: Vec<u32> = Hashes::read(&file).unwrap().states().map(|(state, _)| state).collect();
        assert_eq!(states, [16, 18, 21, 24], "{bytes:?}");
    }
}
