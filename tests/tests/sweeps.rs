//! Sweeps: one table, whatever happens on the way to it. However often a sweep is interrupted or killed, in however many parts it
//! is run, and in whatever order: byte for byte the same. What one run does, others do not notice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use diptych_tests::{children, command, kill, lives, root, scenario, segments_of, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const PATIENCE: Duration = Duration::from_secs(60);

/// A plan over wolves and sheep, quick runs: eight points, three of each.
fn wolves(folder: &Path) -> PathBuf {
    let text = format!(
        "scenario = {:?}\nframes = 60\nseed = 5\nreplicates = 3\n\n[parameters]\nside = 12\nsheep = 40\nwolves = 5\n\
         lambs = {{ from = 0.02, to = 0.05, step = 0.01 }}\npups = [0.04, 0.08]\n\n[results]\n\
         sheep_peak = \"max sheep_alive\"\nsheep_mean = \"mean sheep_alive from 20\"\nwolves_end = \"final wolves_alive\"\n\
         few = \"first sheep_alive < 30\"\ngrass = \"median grass\"\n",
        scenario("wolf-sheep.dip")
    );
    plan(folder, &text)
}

fn plan(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("plan.toml");
    fs::write(&path, text).unwrap();
    path
}

fn sweep(plan: &Path, out: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["sweep", plan.to_str().unwrap(), "--out", out.to_str().unwrap()];
    arguments.extend(more);
    command(BINARY, &arguments)
}

fn start(plan: &Path, out: &Path) -> Child {
    Command::new(BINARY)
        .args(["sweep", plan.to_str().unwrap(), "--out", out.to_str().unwrap(), "--jobs", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[track_caller]
fn done(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_string()
}

/// Lines of a folder's journal.
fn lines(out: &Path) -> usize {
    fs::read_to_string(out.join("journal.jsonl")).map_or(0, |text| text.lines().count())
}

fn table(out: &Path) -> Vec<u8> {
    fs::read(out.join("results.parquet")).unwrap()
}

/// The rows of a table in CSV, as maps.
fn rows(path: &Path) -> Vec<std::collections::BTreeMap<String, String>> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| names.iter().zip(line.split(',')).map(|(n, v)| ((*n).to_string(), v.to_string())).collect();
    lines.map(row).collect()
}

/// All processes below one.
fn family(pid: u32) -> Vec<u32> {
    let own = children(pid);
    own.iter().flat_map(|pid| family(*pid)).chain(own.clone()).collect()
}

#[test]
fn interrupted_and_killed_it_ends_with_the_table_of_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let plan = wolves(folder.path());
    let (whole, broken) = (folder.path().join("whole"), folder.path().join("broken"));
    done(&sweep(&plan, &whole, &["--jobs", "1"]));
    assert_eq!(lines(&whole), 25);

    let child = start(&plan, &broken);
    assert!(wait_until(PATIENCE, || lines(&broken) > 4), "it does not begin");
    kill(child.id(), Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", error(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("go on: diptych sweep") && told.contains("missing"), "{told}");
    let first = lines(&broken);
    assert!(first < 25 && !broken.join("results.parquet").exists());

    let mut child = start(&plan, &broken);
    assert!(wait_until(PATIENCE, || lines(&broken) > first + 4), "it does not go on");
    let family = family(child.id());
    kill(child.id(), Signal::KILL);
    child.wait().unwrap();
    assert!(!family.is_empty());
    assert!(wait_until(Duration::from_secs(2), || family.iter().all(|pid| !lives(*pid))), "runs outlive their sweep");
    let second = lines(&broken);
    assert!(second < 25, "it was killed too late to show anything");

    // What a crash has cut off is no run.
    let mut text = fs::read_to_string(broken.join("journal.jsonl")).unwrap();
    text.push_str("{\"run\":{\"run\":24,\"poi");
    fs::write(broken.join("journal.jsonl"), text).unwrap();
    let told = done(&sweep(&plan, &broken, &["--jobs", "2"]));
    assert!(told.contains("24 of 24 runs done"), "{told}");
    assert_eq!(table(&broken), table(&whole));
    assert!(family.iter().all(|pid| segments_of(*pid).is_empty()), "memory of killed runs is left");

    // Where all is done there is nothing to run, and the table is the same.
    let begun = fs::read(broken.join("journal.jsonl")).unwrap();
    done(&sweep(&plan, &broken, &[]));
    assert_eq!(fs::read(broken.join("journal.jsonl")).unwrap(), begun);
    assert_eq!(table(&broken), table(&whole));
}

#[test]
fn merged_shards_are_the_table_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let plan = wolves(folder.path());
    let at = |name: &str| folder.path().join(name);
    done(&sweep(&plan, &at("whole"), &[]));
    // Two in one folder, one in another.
    done(&sweep(&plan, &at("a"), &["--shard", "3/3"]));
    let told = done(&sweep(&plan, &at("a"), &["--shard", "1/3", "--workers", "2"]));
    assert!(told.contains("16 of 24 runs done") && told.contains("this was part 1/3"), "{told}");
    let merge = |folders: &[&str], to: &str, more: &[&str]| {
        let folders = folders.iter().map(|it| at(it).to_str().unwrap().to_string());
        let to = ["--to".to_string(), at(to).to_str().unwrap().to_string()];
        let more = more.iter().map(|it| (*it).to_string());
        let all: Vec<String> =
            ["sweep".to_string(), "merge".to_string()].into_iter().chain(folders).chain(to).chain(more).collect();
        command(BINARY, &all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let early = merge(&["a"], "early.parquet", &[]);
    assert_eq!(early.status.code(), Some(1));
    let missing = "16 of 24 runs are there; missing: 1, 4, 7, 10, 13, 16, 19, 22.";
    assert!(error(&early).contains(missing), "{}", error(&early));
    assert!(!at("early.parquet").exists());
    done(&merge(&["a"], "early.csv", &["--partial"]));
    assert_eq!(rows(&at("early.csv")).len(), 16);

    done(&sweep(&plan, &at("b"), &["--shard", "2/3"]));
    let told = done(&merge(&["a", "b"], "merged.parquet", &[]));
    assert!(told.contains("24 of 24 runs done"), "{told}");
    assert_eq!(fs::read(at("merged.parquet")).unwrap(), table(&at("whole")));
    let again = merge(&["a", "b"], "merged.parquet", &[]);
    assert!(error(&again).contains("merged.parquet exists; say --force to write over it"), "{}", error(&again));
    // The last part of a folder that has all of them writes the table.
    done(&sweep(&plan, &at("a"), &["--shard", "2/3"]));
    assert_eq!(table(&at("a")), table(&at("whole")));
}

#[test]
fn a_row_is_what_its_run_alone_gives() {
    let folder = tempfile::tempdir().unwrap();
    let plan = wolves(folder.path());
    let text = fs::read_to_string(&plan).unwrap().replace("frames = 60", "frames = 60\noutputs = true");
    fs::write(&plan, text).unwrap();
    let (out, csv) = (folder.path().join("out"), folder.path().join("results.csv"));
    done(&sweep(&plan, &out, &["--to", csv.to_str().unwrap()]));
    let rows = rows(&csv);
    assert_eq!(rows.len(), 24);
    let seeds: std::collections::BTreeSet<&String> = rows.iter().map(|row| &row["seed"]).collect();
    assert_eq!(seeds.len(), 24, "each run has a seed of its own");
    for number in [0usize, 10, 23] {
        let row = &rows[number];
        assert_eq!(row["run"], number.to_string());
        assert_eq!((&row["point"], &row["replicate"]), (&(number / 3).to_string(), &(number % 3).to_string()));
        let alone = folder.path().join(format!("alone-{number}"));
        let sets: Vec<String> =
            ["side", "sheep", "wolves", "lambs", "pups"].iter().map(|name| format!("{name}={}", row[*name])).collect();
        let file = scenario("wolf-sheep.dip");
        let mut arguments = vec!["run", file.to_str().unwrap(), "--seed", &row["seed"], "--frames", "60"];
        sets.iter().for_each(|set| arguments.extend(["--set", set]));
        arguments.extend(["--out", alone.to_str().unwrap(), "--summary", "json", "--workers", "2"]);
        let summary = diptych_tests::summary(&command(BINARY, &arguments));
        assert_eq!(row["state_hash"], summary["state_hash"].as_str().unwrap());
        assert_eq!(row["wolves_end"], summary["signals"]["wolves_alive"].to_string().trim_end_matches(".0"));
        let series = fs::read_to_string(alone.join("wolf-sheep.csv")).unwrap();
        assert_eq!(series, fs::read_to_string(out.join(format!("runs/{number:06}/wolf-sheep.csv"))).unwrap());
        let column = |at: usize| -> Vec<f64> {
            series.lines().skip(1).map(|line| line.split(',').nth(at).unwrap().parse().unwrap()).collect()
        };
        let (sheep, mut grass) = (column(2), column(4));
        let number = |name: &str| row[name].parse::<f64>().ok();
        assert_eq!(number("sheep_peak"), sheep.iter().copied().reduce(f64::max));
        assert_eq!(number("sheep_mean"), Some(sheep[20..].iter().sum::<f64>() / 41.0));
        assert_eq!(number("few"), sheep.iter().position(|n| *n < 30.0).map(|state| state as f64));
        grass.sort_by(f64::total_cmp);
        assert_eq!(number("grass"), Some(grass[30]));
    }
}

#[test]
fn a_run_that_fails_or_takes_too_long_stops_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.dip");
    let text = "scenario bad\nparam n: u32 = 3\nparam limit: u32 = 100\nrun { frames = 50, dt = 1, seed = 1 }\n\
                space box (0, 0) .. (9, 9)\ncomponent Position = vec2\n\
                group a[n] { position Position = uniform(space) }\n\
                system go for a owns Position { Position = Position }\n\
                signal rows = count(a)\nsignal now = frame\nensure \"early\" now < limit\n";
    fs::write(&file, text).unwrap();
    let run = |text: &str, more: &[&str]| {
        let out = tempfile::tempdir_in(folder.path()).unwrap().keep();
        let csv = out.with_extension("csv");
        let more: Vec<&str> = more.iter().copied().chain(["--to", csv.to_str().unwrap()]).collect();
        let output = sweep(&plan(folder.path(), text), &out, &more);
        (output, rows(&csv), out)
    };
    let (output, rows, out) = run("scenario = \"bad.dip\"\n[parameters]\nlimit = [100, 20, 200]", &[]);
    assert_eq!(output.status.code(), Some(1));
    let statuses: Vec<&str> = rows.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses, ["ok", "failed", "ok"], "{}", error(&output));
    assert!(rows[1]["error"].contains("ensure \"\"early\"\" does not hold at frame 20"), "{:?}", rows[1]);
    assert_eq!((rows[0]["now"].as_str(), rows[1]["now"].as_str()), ("50", ""));
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .contains("failed   1 run without a result (1 failed, 0 took too long): 1\n")
    );
    // It failed by itself: it is not run again unless that is said.
    let again = sweep(&folder.path().join("plan.toml"), &out, &["--summary", "json"]);
    let told: Value = diptych_tests::summary(&again);
    assert_eq!((&told["ok"], &told["failed"], &told["missing"]), (&2.into(), &1.into(), &Value::Array(vec![])));
    assert_eq!(lines(&out), 4);
    sweep(&folder.path().join("plan.toml"), &out, &["--retry"]);
    assert_eq!(lines(&out), 5);

    let text =
        "scenario = \"bad.dip\"\ntimeout = 4.5\nframes = 4_000_000_000\n[parameters]\nlimit = [4_000_000_000, 7]";
    let (_, rows, _) = run(text, &["--jobs", "2"]);
    assert_eq!((rows[0]["status"].as_str(), rows[1]["status"].as_str()), ("timeout", "failed"));
    assert_eq!(rows[0]["error"], "it took longer than 4.5 s");

    // A process that crashes, for whatever reason, is a row like another.
    let drift = diptych_tests::drift_with("test.abort");
    fs::write(&file, drift.replace("scenario drift", "scenario bad")).unwrap();
    let (_, rows, _) = run("scenario = \"bad.dip\"\nreplicates = 2\nframes = 6\n[parameters]\nn = 1000", &[]);
    assert!(rows.iter().all(|row| row["status"] == "failed" && !row["error"].is_empty()), "{rows:?}");
}

#[test]
fn a_killed_run_is_a_row_and_its_memory_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        format!("scenario = {:?}\nframes = 100_000_000\nreplicates = 2\n[parameters]\nn = 2000", scenario("drift.dip"));
    let plan = plan(folder.path(), &text);
    let child = start(&plan, &folder.path().join("out"));
    let sweeping = child.id();
    assert!(wait_until(PATIENCE, || children(sweeping).len() == 2), "it does not begin");
    let runs = children(sweeping);
    assert!(wait_until(PATIENCE, || runs.iter().all(|pid| !segments_of(*pid).is_empty())), "they do not begin");
    runs.iter().for_each(|pid| kill(*pid, Signal::KILL));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("its process was killed by signal 9"), "{told}");
    assert!(runs.iter().all(|pid| segments_of(*pid).is_empty()));
}

#[test]
fn another_plan_another_scenario_and_another_sweep_at_once_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dip = folder.path().join("wolf-sheep.dip");
    fs::copy(scenario("wolf-sheep.dip"), &dip).unwrap();
    let text = "scenario = \"wolf-sheep.dip\"\nframes = 3\n[parameters]\nside = 5\nsheep = 4\nwolves = [1, 2]\n";
    let (plan, out) = (plan(folder.path(), text), folder.path().join("out"));
    done(&sweep(&plan, &out, &[]));
    let refused = |why: &str| {
        let output = sweep(&plan, &out, &[]);
        assert_eq!(output.status.code(), Some(2));
        let error = error(&output);
        assert!(error.contains(why) && error.contains("say --out DIR to begin this one elsewhere"), "{error}");
    };
    // How it is run is no part of what it is.
    fs::write(&plan, format!("timeout = 9\njobs = 1\n# another comment\n{text}")).unwrap();
    done(&sweep(&plan, &out, &[]));
    fs::write(&plan, text.replace("[1, 2]", "[1, 2, 3]")).unwrap();
    refused("the plan has changed: other runs or other results (2 then, 3 now)");
    fs::write(&plan, text.replace("frames = 3", "frames = 4")).unwrap();
    refused("the scenario has changed");
    fs::write(&plan, text).unwrap();
    let rules = fs::read_to_string(&dip).unwrap();
    fs::write(&dip, rules.replace("Energy / 2", "Energy / 3").replace("left / 2", "left / 3")).unwrap();
    refused("the scenario has changed, or a file that it reads");
    fs::write(&dip, format!("// Comments are no rules.\n{rules}")).unwrap();
    done(&sweep(&plan, &out, &[]));

    let long = text.replace("frames = 3", "frames = 100_000_000");
    fs::write(&plan, long).unwrap();
    let out = folder.path().join("long");
    let child = start(&plan, &out);
    assert!(wait_until(PATIENCE, || children(child.id()).len() == 2), "it does not begin");
    let second = sweep(&plan, &out, &[]);
    assert!(error(&second).contains("another run writes it"), "{}", error(&second));
    // Told once it waits for its runs, told again it ends them.
    kill(child.id(), Signal::INT);
    std::thread::sleep(Duration::from_millis(1_200));
    assert!(lives(child.id()));
    kill(child.id(), Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", error(&output));
    assert_eq!(lines(&out), 1, "what was ended is run again some time");

    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("mine.txt"), "mine").unwrap();
    let output = sweep(&plan, &other, &[]);
    assert!(error(&output).contains("is not empty, and has no sweep in it"), "{}", error(&output));
    assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
}

#[test]
fn common_seeds_are_those_of_the_replicate_alone() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(wolves(folder.path())).unwrap();
    let plan = plan(
        folder.path(),
        &text.replace("replicates = 3", "replicates = 3\nseeds = \"common\"").replace("frames = 60", "frames = 2"),
    );
    let (out, csv) = (folder.path().join("out"), folder.path().join("results.csv"));
    done(&sweep(&plan, &out, &["--to", csv.to_str().unwrap()]));
    let rows = rows(&csv);
    assert!(rows.iter().all(|row| row["seed"] == rows[row["replicate"].parse::<usize>().unwrap()]["seed"]));
    assert_ne!(rows[0]["seed"], rows[1]["seed"]);
}

#[test]
fn a_dry_run_says_what_would_be_run_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, out) = (wolves(folder.path()), folder.path().join("out"));
    let told = done(&sweep(&plan, &out, &["--dry-run"]));
    for line in [
        "24 runs of wolf-sheep, 8 points; 3 of each, each with a seed of its own",
        "memory   about ",
        "cost     a run takes about ",
        "results  sheep_peak, sheep_mean, wolves_end, few, grass",
        "    7    12     40       5   0.05  0.08",
    ] {
        assert!(told.contains(line), "{line:?} in\n{told}");
    }
    let told: Value = diptych_tests::summary(&sweep(&plan, &out, &["--dry-run", "--summary", "json"]));
    assert_eq!((&told["runs"], told["points"].as_array().unwrap().len()), (&24.into(), 8));
    assert!(told["seconds"].as_f64().unwrap() > 0.0);
    let small = sweep(&plan, &out, &["--max-memory", "1MiB"]);
    assert_eq!(small.status.code(), Some(3));
    assert!(
        error(&small).contains("needs about") && error(&small).contains("1.00 MiB may be used (max_memory)"),
        "{}",
        error(&small)
    );
    assert!(!out.exists());
}

#[test]
fn a_summary_has_mean_and_spread_of_each_point() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, out, csv) = (wolves(folder.path()), folder.path().join("out"), folder.path().join("results.csv"));
    let told: Value =
        diptych_tests::summary(&sweep(&plan, &out, &["--summary", "json", "--to", csv.to_str().unwrap()]));
    let rows = rows(&csv);
    for (point, told) in told["points"].as_array().unwrap().iter().enumerate() {
        let of = |row: &&std::collections::BTreeMap<String, String>| row["point"] == point.to_string();
        let peaks: Vec<f64> = rows.iter().filter(of).map(|row| row["sheep_peak"].parse().unwrap()).collect();
        let mean = peaks.iter().sum::<f64>() / 3.0;
        let sd = (peaks.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 2.0).sqrt();
        let result = &told["results"]["sheep_peak"];
        assert_eq!((result["n"].as_u64(), result["mean"].as_f64()), (Some(3), Some(mean)));
        assert!((result["sd"].as_f64().unwrap() - sd).abs() < 1e-9);
        assert_eq!(told["parameters"]["lambs"], ["0.02", "0.03", "0.04", "0.05"][point / 2]);
    }
}

#[test]
fn truths_and_variants_are_values_like_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let text = "scenario moods\nenum Mood { Calm, Wild, Sad }\nparam mood: Mood = Calm\nparam fast: bool = false\n\
                run { frames = 4, dt = 1.0, seed = 1 }\nspace box (0, 0) .. (9, 9)\ncomponent Position = vec2\n\
                group a[4] { position Position = uniform(space) }\nsystem go for a owns Position { Position = Position }\n\
                signal wild = mood == Wild\nsignal speed = if fast { frame * 2 } else { frame }\n";
    fs::write(folder.path().join("moods.dip"), text).unwrap();
    let of = |parameters: &str| plan(folder.path(), &format!("scenario = \"moods.dip\"\n[parameters]\n{parameters}"));
    let (out, csv) = (folder.path().join("out"), folder.path().join("results.csv"));
    let plan = of("mood = [\"Sad\", \"Wild\"]\nfast = [true, false]");
    done(&sweep(&plan, &out, &["--to", csv.to_str().unwrap()]));
    let rows: Vec<String> = rows(&csv)
        .iter()
        .map(|it| [&it["mood"], &it["fast"], &it["wild"], &it["speed"]].map(String::as_str).join(" "))
        .collect();
    assert_eq!(rows, ["Sad true false 8", "Sad false false 4", "Wild true true 8", "Wild false true 4"]);
    let wrong = sweep(&of("mood = \"Mad\""), &folder.path().join("other"), &[]);
    let told = "plan.toml:3: `mood = Mad`: `Mood` has no variant `Mad`; its variants are `Calm`, `Wild`, `Sad`";
    assert!(error(&wrong).ends_with(told), "{}", error(&wrong));
}

/// Wrong plans, each with what is said of it.
const WRONG: [(&str, &str); 30] = [
    ("frames = ", "plan.toml:1: this is not TOML: "),
    ("frames = 3", "plan.toml: it says no scenario: `scenario = \"FILE\"`, a path that begins at the plan's folder"),
    ("scenario = 3", "plan.toml:1: `scenario` is 3, and must be a text in quotes"),
    ("scenario = \"nowhere.dip\"", "plan.toml:1: "),
    ("SCENARIO\nreplicate = 3", "plan.toml:2: a plan has no `replicate`; did you mean `replicates`?"),
    ("SCENARIO\nreplicates = 0", "plan.toml:2: `replicates` is 0, and must be an integer of 1 to 1000000"),
    ("SCENARIO\nreplicates = 1.5", "plan.toml:2: `replicates` is 1.5, and must be an integer of 1 to 1000000"),
    ("SCENARIO\nseed = -1", "plan.toml:2: `seed` is -1, and must be an integer of 0 to 18446744073709551615"),
    ("SCENARIO\nseeds = \"same\"", "plan.toml:2: `seeds = \"same\"`: it is \"distinct\" or \"common\""),
    ("SCENARIO\ntimeout = 0", "plan.toml:2: `timeout` is 0, and must be a number above 0"),
    ("SCENARIO\noutputs = 1", "plan.toml:2: `outputs` is 1, and must be true or false"),
    (
        "SCENARIO\nmax_memory = \"much\"",
        "plan.toml:2: `max_memory` is the text \"much\", and must be bytes, or like \"16 GiB\"",
    ),
    ("SCENARIO\n[parameters]\nlamb = 3", "plan.toml:3: the scenario has no parameter `lamb`; did you mean `lambs`?"),
    ("SCENARIO\n[parameters]\nlambs = []", "plan.toml:3: `lambs` has an empty list: give it a value or more"),
    (
        "SCENARIO\n[parameters]\nlambs = [0.1, 2]",
        "plan.toml:3: parameter `lambs` is 2, its range is 0 .. 1, ends included",
    ),
    (
        "SCENARIO\n[parameters]\nside = [20, 20.5]",
        "plan.toml:3: `side = 20.5`: the parameter is `u32`, this is a float",
    ),
    ("SCENARIO\n[parameters]\nside = \"wide\"", "plan.toml:3: `side = wide`: there is no value `wide`"),
    ("SCENARIO\n[parameters]\nlambs = nan", "plan.toml:3: `lambs` is nan: a parameter is a finite number"),
    ("SCENARIO\n[parameters]\nlambs = { from = 0, step = 0.1 }", "plan.toml:3: the range of `lambs` needs both ends"),
    (
        "SCENARIO\n[parameters]\nlambs = { from = 0, to = 1 }",
        "plan.toml:3: the range of `lambs` needs either `step` or `count`",
    ),
    (
        "SCENARIO\n[parameters]\nlambs = { from = 0, to = 1, steps = 2 }",
        "plan.toml:3: the range of `lambs` has no `steps`; did you mean `step`?",
    ),
    (
        "SCENARIO\n[parameters]\nlambs = { from = 1, to = 0, step = 0.1 }",
        "plan.toml:3: the range of `lambs`: steps of 0.1 do not lead from 1 to 0",
    ),
    (
        "SCENARIO\n[parameters]\nlambs = { lhs = [0, 1] }",
        "plan.toml:3: `lambs` is sampled: say how often, `samples = 100`",
    ),
    (
        "SCENARIO\nsamples = 3\n[parameters]\nlambs = { lhs = [0, 1], scale = \"log\" }",
        "plan.toml:4: the range of `lambs` is 0 to 1: of scale = \"log\" both ends are above 0",
    ),
    ("SCENARIO\ndesign = \"no.csv\"", "plan.toml:2: the design "),
    (
        "SCENARIO\n[results]\npeak = \"max sheeps\"",
        "plan.toml:3: the result `peak`: there is no signal `sheeps`; signals are `sheep_alive`, `wolves_alive`, `grass`",
    ),
    (
        "SCENARIO\n[results]\npeak = \"most grass\"",
        "plan.toml:3: the result `peak`: there is no `most`: write `final SIGNAL`",
    ),
    (
        "SCENARIO\n[results]\npeak = \"first grass\"",
        "plan.toml:3: the result `peak`: `grass` is no bool: `first grass > 0`",
    ),
    (
        "SCENARIO\n[results]\nseed = \"final grass\"",
        "plan.toml:3: the result `seed` is called as another column of the table: give it another name",
    ),
    (
        "SCENARIO\nevery = 10\n[results]\nx = \"at 15 grass\"",
        "plan.toml:4: the result `x`: state 15 is not looked at: one in 10 is (`every`)",
    ),
];

#[test]
fn wrong_plans_say_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let named = format!("scenario = {:?}", scenario("wolf-sheep.dip"));
    for (text, message) in WRONG {
        let output = sweep(&plan(folder.path(), &text.replace("SCENARIO", &named)), &folder.path().join("out"), &[]);
        let error = error(&output).replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(output.status.code(), Some(2), "{text}\n{error}");
        assert!(error.starts_with(&format!("error: {message}")), "{text}\n{error}\nwanted {message}");
    }
    fs::write(folder.path().join("points.csv"), "lambs,pups\n0.1,0.1\n0.2,3\n").unwrap();
    let output =
        sweep(&plan(folder.path(), &format!("{named}\ndesign = \"points.csv\"")), &folder.path().join("out"), &[]);
    assert!(
        error(&output).contains("points.csv:3: parameter `pups` is 3, its range is 0 .. 1, ends included"),
        "{}",
        error(&output)
    );
    assert!(!folder.path().join("out").exists());
}

#[test]
fn the_shipped_plan_is_right() {
    let plan = root().join("scenarios/wolf-sheep-sweep.toml");
    let told: Value = diptych_tests::summary(&sweep(&plan, Path::new("nowhere"), &["--dry-run", "--summary", "json"]));
    assert_eq!((&told["runs"], told["points"].as_array().unwrap().len()), (&200.into(), 40));
}
