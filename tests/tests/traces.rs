//! Where time goes can be seen, and looking at it changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diptych::coordinator::{Edition, Options, Swap, Trace};
use diptych_tests::{command, everything, program, run_with, summary};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// A slice of a track, in nanoseconds.
#[derive(Clone, Debug)]
struct Slice {
    name: String,
    begin: u64,
    end: u64,
}

/// What a trace tells: names of tracks, and what stands on each.
struct Told {
    slices: BTreeMap<String, Vec<Slice>>,
    instants: Vec<(String, String)>,
    about: Value,
}

/// Nanoseconds of a time as the format has it: microseconds with a fraction.
fn nanos(time: &Value) -> u64 {
    let micros = time.as_f64().unwrap();
    assert!(micros >= 0.0 && micros.is_finite());
    (micros * 1000.0).round() as u64
}

/// Reads a trace by the letter of the format: every event is of a known kind and complete, every track has a name, slices of
/// a track lie in each other or apart, and a parent stands before its children.
fn read(path: &Path) -> Told {
    let text = std::fs::read_to_string(path).unwrap();
    let trace: Value = serde_json::from_str(&text).unwrap();
    let (mut names, mut slices) = (BTreeMap::new(), BTreeMap::<u64, Vec<Slice>>::new());
    let mut instants = Vec::new();
    for event in trace["traceEvents"].as_array().unwrap() {
        let (kind, track) = (event["ph"].as_str().unwrap(), event["tid"].as_u64());
        let name = event["name"].as_str().unwrap().to_string();
        assert!(event["pid"].is_u64() && !name.is_empty(), "{event}");
        match (kind, track) {
            ("M", None) => assert_eq!(name, "process_name"),
            ("M", Some(track)) if name == "thread_name" => {
                assert!(names.insert(track, event["args"]["name"].as_str().unwrap().to_string()).is_none(), "{event}");
            }
            ("M", Some(_)) => assert!(name == "thread_sort_index" && event["args"]["sort_index"].is_u64(), "{event}"),
            ("X", Some(track)) => {
                let begin = nanos(&event["ts"]);
                slices.entry(track).or_default().push(Slice { name, begin, end: begin + nanos(&event["dur"]) });
            }
            ("i", Some(track)) => {
                assert_eq!(event["s"], "t");
                nanos(&event["ts"]);
                instants.push((track, name));
            }
            _ => panic!("{event}"),
        }
    }
    for (track, slices) in &mut slices {
        let place: Vec<usize> = (0..slices.len()).collect();
        let mut order: Vec<usize> = place;
        // Of slices that begin together the longer one is the parent; of equal ones the first.
        order.sort_by_key(|&at| (slices[at].begin, std::cmp::Reverse(slices[at].end), at));
        let mut open: Vec<usize> = Vec::new();
        for at in order {
            while open.last().is_some_and(|&parent| slices[parent].end <= slices[at].begin) {
                open.pop();
            }
            if let Some(&parent) = open.last() {
                assert!(slices[at].end <= slices[parent].end, "{track}: {:?} in {:?}", slices[at], slices[parent]);
                assert!(parent < at, "{track}: {:?} stands before {:?}", slices[at], slices[parent]);
            }
            open.push(at);
        }
    }
    let named = |track: u64| names.get(&track).unwrap_or_else(|| panic!("track {track} has no name")).clone();
    let told = instants.into_iter().map(|(track, name)| (named(track), name));
    Told {
        instants: told.collect(),
        slices: slices.into_iter().map(|(track, slices)| (named(track), slices)).collect(),
        about: trace["otherData"].clone(),
    }
}

fn has(slices: &[Slice], part: &str) -> bool {
    slices.iter().any(|slice| slice.name.contains(part))
}

#[test]
fn a_trace_shows_stages_batches_waits_and_what_the_coordinator_does() {
    let folder = tempfile::tempdir().unwrap();
    for workers in ["0", "1", "2"] {
        let file = folder.path().join(format!("{workers}.json"));
        let (path, kept) = (file.to_str().unwrap(), folder.path().join(workers));
        let run = ["run", "scenarios/boids-p1.dip", "--set", "n=20000", "--frames", "12", "--workers", workers];
        let more = ["--no-outputs", "--quiet", "--trace", path, "--checkpoint-every", "5", "--checkpoints"];
        let output = command(BINARY, &[&run[..], &more, &[kept.to_str().unwrap()]].concat());
        assert!(output.status.success(), "{output:?}");
        let told = read(&file);
        assert_eq!(told.about["events_dropped"], 0);
        let tracks: Vec<&Vec<Slice>> =
            told.slices.iter().filter(|(name, _)| name.starts_with(['w', 't'])).map(|it| it.1).collect();
        assert!(!tracks.is_empty() && (workers == "0" || tracks.len() <= workers.parse().unwrap()));
        let all: Vec<Slice> = tracks.into_iter().flatten().cloned().collect();
        for part in [
            "set-up",
            "frame 1",
            "frame 12",
            "index: boids neighbours: count",
            "steer",
            "move",
            "commit",
            "reduce: boids: mean",
        ] {
            assert!(has(&all, part), "{workers} workers: no {part}");
        }
        assert!(!has(&all, "frame 13"));
        assert!(has(&told.slices["checkpoints"], "checkpoint of frame 5"), "{workers} workers");
        assert!(workers != "2" || has(&all, "wait"));
        // Of each frame each batch once, whoever ran it.
        let steered = all.iter().filter(|slice| slice.name == "steer").count();
        assert!(steered > 0 && steered % 12 == 0, "{steered}");
    }
}

#[test]
fn a_death_shows_and_so_does_who_takes_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.json");
    let run = ["run", "scenarios/boids-p1.dip", "--set", "n=20000", "--frames", "12", "--workers", "2", "--no-outputs"];
    let more = ["--quiet", "--trace", file.to_str().unwrap(), "--inject", "kill@5:systems"];
    let output = command(BINARY, &[&run[..], &more].concat());
    assert!(output.status.success(), "{output:?}");
    let told = read(&file);
    let dead: Vec<&(String, String)> = told.instants.iter().filter(|(_, name)| name.starts_with("died")).collect();
    let [(track, how)] = dead[..] else { panic!("{:?}", told.instants) };
    assert_eq!(how, "died: SIGKILL");
    let lives = told.instants.iter().filter(|(it, name)| it == track && name.ends_with("begins")).count();
    assert_eq!(lives, 2);
    assert!(has(&told.slices["coordinator"], "died (SIGKILL): reaped, another one started"));
}

#[test]
fn only_the_frames_that_are_asked_for_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.json");
    let run = ["run", "scenarios/flock.dip", "--set", "n=5000", "--frames", "30", "--workers", "2", "--no-outputs"];
    let more = ["--quiet", "--trace", file.to_str().unwrap(), "--trace-frames", "10..13", "--profile"];
    let output = command(BINARY, &[&run[..], &more].concat());
    assert!(output.status.success(), "{output:?}");
    let told = read(&file);
    let names = told.slices.values().flatten().filter_map(|slice| slice.name.strip_prefix("frame "));
    let frames: BTreeSet<u32> = names.map(|number| number.parse().unwrap()).collect();
    assert_eq!(frames, BTreeSet::from([10, 11, 12]));
    // The profile is of all frames all the same.
    assert!(String::from_utf8(output.stdout).unwrap().contains("where time went: flock, 30 frames"));
}

#[test]
fn a_swap_has_tracks_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let text = "scenario steps\ncomponent X = f64\ngroup points[5_000] { X = row }\n\
                system step for points owns X { X += 1 }\n";
    let (first, second) = (program(text, &[], 40), program(&text.replace("+= 1", "+= 2"), &[], 40));
    for workers in [0, 2] {
        let file = folder.path().join(format!("{workers}.json"));
        let edition = Edition { program: second.clone(), data: Vec::new() };
        let trace = Trace { file: Some(file.clone()), frames: 0..100, overwrite: false, profile: true };
        let options = Options { swaps: vec![Swap { frame: 20, edition }], trace, ..Options::default() };
        let outcome = run_with(&first, workers, BINARY, options).unwrap();
        let told = read(&file);
        assert!(told.slices.keys().any(|name| name.ends_with("(program 2)")), "{:?}", told.slices.keys());
        assert!(has(&told.slices["coordinator"], "swap to another program"));
        let report = serde_json::to_value(outcome.profile.unwrap().report()).unwrap();
        let frames: Vec<&Value> = report["programs"].as_array().unwrap().iter().map(|it| &it["frames"]).collect();
        assert_eq!(frames, [20, 20]);
    }
}

#[test]
fn a_trace_and_a_profile_change_no_bit() {
    let program = everything(12);
    let folder = tempfile::tempdir().unwrap();
    for workers in [0, 1, 2, 3] {
        let plain = run_with(&program, workers, BINARY, Options::default()).unwrap();
        let file = folder.path().join(format!("{workers}.json"));
        let trace = Trace { file: Some(file.clone()), frames: 0..100, overwrite: false, profile: true };
        let traced = run_with(&program, workers, BINARY, Options { trace, ..Options::default() }).unwrap();
        assert_eq!(plain.digest, traced.digest);
        assert_eq!(plain.state.program().hash(), traced.state.program().hash());
        read(&file);
        assert!(plain.profile.is_none() && traced.profile.is_some());
    }
}

#[test]
fn a_profile_accounts_for_the_time_that_workers_had() {
    let run = ["run", "scenarios/boids-p1.dip", "--set", "n=30000", "--frames", "20", "--no-outputs", "--quiet"];
    for workers in ["0", "1", "2"] {
        let text = command(BINARY, &[&run[..], &["--workers", workers, "--profile"]].concat());
        let text = String::from_utf8(text.stdout).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.contains("steer") && text.contains("boids-p1.dip:") && text.contains("~ line "), "{text}");
        let output = command(BINARY, &[&run[..], &["--workers", workers, "--profile", "--summary", "json"]].concat());
        let profile = &summary(&output)["profile"];
        assert_eq!(profile["events_dropped"], 0);
        let part = &profile["programs"][0];
        assert_eq!((&part["frames"], &part["rows"]), (&20.into(), &30_000.into()));
        let lines = part["lines"].as_array().unwrap();
        let outer = lines.iter().filter(|line| line["depth"] == 0);
        let share = |line: &Value| line["share"].as_f64().unwrap() + line["waits"].as_f64().unwrap_or(0.0);
        let all: f64 = outer.map(share).sum();
        assert!((all - 1.0).abs() < 1e-6, "{workers} workers: {all}\n{text}");
        let steer = lines.iter().find(|line| line["what"] == "steer").unwrap();
        assert!(steer["rows_per_s"].as_f64().unwrap() > 0.0 && steer["bytes_per_s"].as_f64().unwrap() > 0.0);
        let code = steer["heaviest"]["text"].as_str().unwrap();
        assert!(code.contains("within"), "{code}");
        let pass = lines.iter().find(|line| line["what"].as_str().unwrap().contains("systems: pass")).unwrap();
        assert!(pass["share"].as_f64() > steer["share"].as_f64());
        assert!(pass["uneven"].as_f64().unwrap() >= 1.0);
    }
}

#[test]
fn a_trace_is_not_written_over_a_file_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.json");
    std::fs::write(&file, "mine").unwrap();
    let run = ["run", "scenarios/flock.dip", "--set", "n=1000", "--frames", "3", "--no-outputs", "--workers", "1"];
    let more = ["--quiet", "--trace", file.to_str().unwrap()];
    let output = command(BINARY, &[&run[..], &more].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("exists; say --force"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    let output = command(BINARY, &[&run[..], &more, &["--force"]].concat());
    assert!(output.status.success(), "{output:?}");
    read(&file);
}

#[test]
fn a_trace_that_cannot_be_written_costs_the_run_nothing_else() {
    let run = ["run", "scenarios/flock.dip", "--set", "n=1000", "--frames", "30", "--no-outputs", "--workers", "1"];
    let output = command(BINARY, &[&run[..], &["--force", "--trace", "/dev/full", "--summary", "json"]].concat());
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let summary = summary(&output);
    assert_eq!(summary["frames"], 30);
    assert!(summary["lost"][0].as_str().unwrap().contains("cannot write the trace /dev/full"), "{summary}");
}
