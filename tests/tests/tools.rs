//! `check` and `explain` say what a scenario is without running it.

use diptych_tests::{command, root, shipped, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const FLOCK: &str = "scenarios/flock.dip";

/// Runs the command line; checks the code; stdout and stderr.
#[track_caller]
fn told(arguments: &[&str], code: i32) -> (String, String) {
    let output = command(BINARY, arguments);
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stdout}{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    (stdout, stderr)
}

fn all_shipped() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("scenarios")).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(".dip"));
    names.sort();
    assert!(names.len() >= 4);
    names.iter().map(|name| format!("scenarios/{name}")).collect()
}

#[test]
fn every_shipped_scenario_checks_without_a_warning() {
    for path in all_shipped() {
        let (stdout, stderr) = told(&["check", &path, "--deny-warnings", "--workers", "3"], 0);
        for part in ["compiled in", "no warnings", "program  ", "group    ", "systems  ", "frame    ", "on 3 workers"] {
            assert!(stdout.contains(part), "{path}: {part:?} is not in\n{stdout}");
        }
        assert_eq!(stderr, "", "{path}");
    }
}

#[test]
fn the_summary_of_a_check_agrees_with_a_run() {
    let sets = ["--set", "n=2_000", "--seed", "5", "--workers", "2", "--summary", "json"];
    let with = |head: &[&str]| summary(&command(BINARY, &[head, &sets].concat()));
    let check = with(&["check", FLOCK]);
    let run = with(&["run", FLOCK, "--frames", "1", "--no-outputs", "--quiet"]);
    for key in ["scenario", "program_hash", "engine", "seed", "workers", "shm_bytes"] {
        assert_eq!(check[key], run[key], "{key}");
    }
    assert_eq!(check["groups"][0]["rows"], 2_000);
    assert_eq!((&check["groups"][0]["columns_owned"], &check["groups"][0]["in_order"]), (&4.into(), &true.into()));
    assert_eq!(check["groups"][0]["bytes_a_row"], 20);
    assert_eq!(check["groups"][0]["bytes_a_row_in_memory"], 40);
    assert_eq!(check["systems"], serde_json::json!({ "text": 2, "native": 0 }));
    let indexes = serde_json::json!({ "declared": [], "made_for_neighbours": ["boids neighbours"] });
    assert_eq!(check["indexes"], indexes);
    let counts =
        ["warnings", "inverses", "matches", "signals", "ensures", "levels", "stages"].map(|key| check[key].as_u64());
    assert_eq!(counts, [0, 0, 0, 1, 1, 5, 7].map(Some));
    assert_eq!((&check["records"][0], &check["fits"]), (&"flock.csv".into(), &true.into()));
}

#[test]
fn wrong_scenarios_warnings_and_small_machines() {
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(root().join(FLOCK)).unwrap();
        assert!(text.contains(from), "{from:?}");
        let path = folder.path().join(name);
        std::fs::write(&path, text.replace(from, to)).unwrap();
        path.to_str().unwrap().to_string()
    };
    let wrong = with("wrong.dip", "fresh Velocity * dt", "fresh Velocitty * dt");
    for command in ["check", "explain"] {
        let (stdout, stderr) = told(&[command, &wrong], 2);
        assert!(stdout.is_empty() && stderr.contains("wrong.dip:") && stderr.contains("Velocitty"), "{stdout}{stderr}");
    }
    let unused = with("unused.dip", "let side", "let unused = 1\nlet side");
    let (stdout, stderr) = told(&["check", &unused], 0);
    assert!(stdout.contains("1 warning\n") && stderr.contains("nothing uses `unused`"), "{stdout}{stderr}");
    let (_, stderr) = told(&["check", &unused, "--deny-warnings"], 2);
    assert!(stderr.contains("error: 1 warning, and none may be"), "{stderr}");
    let (_, stderr) = told(&["check", FLOCK, "--set", "radios=1"], 2);
    assert!(stderr.contains("radios"), "{stderr}");
    let (_, stderr) = told(&["check", FLOCK, "--workers", "5000"], 2);
    assert!(stderr.contains("1024"), "{stderr}");
    // A terabyte of rows: the scenario is right, only this machine cannot hold it.
    let wide = (0..300).map(|at| format!("component C{at} = dvec3\n")).collect::<String>();
    let first = (0..300).map(|at| format!("C{at} = dvec3(row)\n")).collect::<String>();
    let path = folder.path().join("wide.dip");
    std::fs::write(&path, format!("scenario wide\nspace open 2\n{wide}group g[1_000_000_000] {{\n{first}}}\n"))
        .unwrap();
    let (stdout, _) = told(&["check", path.to_str().unwrap()], 0);
    assert!(stdout.contains("not now: the run needs"), "{stdout}");
    assert!(summary(&command(BINARY, &["check", path.to_str().unwrap(), "--summary", "json"]))["fits"] == false);
}

#[test]
fn the_table_of_flock() {
    let expected = "\
flock: boids (100,000 rows)

            flock            move
boids
  Position  prev prev*       owns prev
  Velocity  owns prev prev*  fresh
(prev: as the frame started; fresh: as this frame made it; * of any row, else of the own one)

frame: 5 levels in 7 stages
stage  level  kind     batches           work
    0      0  index    63 x 1,600 rows   boids neighbours: count
    1      1  index    1                 boids neighbours: place
    2      2  index    63 x 1,600 rows   boids neighbours: scatter
    3      3  index    40 x 1 chunk      boids neighbours: build
    4      4  systems  63 x 1,600 slots  pass over boids: flock, move, boids in order
    5      -  reduce   13 x 8,192 rows   boids: mean, mean, count
    6      -  commit   1                 commit: polarisation; 1 ensure; 1 record

indexes
  boids neighbours  grid of boids over prev Position, 400 x 100 cells, made for neighbours; built in
                    stages 0 to 3; asked by flock (stage 4); rows are kept in its order

outputs, of each finished state
  signal  polarisation: f64
  ensure  nobody is lost
  record  \"flock.csv\" every 10: polarisation
";
    let (stdout, _) = told(&["explain", FLOCK], 0);
    assert_eq!(stdout, expected);
}

#[test]
fn every_explanation_fits_a_terminal() {
    for path in all_shipped() {
        let (stdout, _) = told(&["explain", &path], 0);
        assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{path}\n{stdout}");
    }
    // With more systems than a table can show, each has a list.
    let mut text = "scenario many\nspace open 2\n".to_string();
    for at in 0..9 {
        text += &format!("component C{at} = f32\n");
    }
    text += "group g[100] {\n";
    (0..9).for_each(|at| text += &format!("C{at} = 1\n"));
    text += "}\n";
    for at in 0..9 {
        let before = if at == 0 { "C8".to_string() } else { format!("fresh C{}", at - 1) };
        text += &format!("system s{at} for g owns C{at} {{ C{at} = {before} + 1.0 }}\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("many.dip");
    std::fs::write(&path, text).unwrap();
    let (stdout, _) = told(&["explain", path.to_str().unwrap()], 0);
    assert!(
        stdout.contains("s0 over g\n  owns    C0\n  prev    C8\ns1 over g\n  owns    C1\n  fresh   C0\n"),
        "{stdout}"
    );
}

#[test]
fn graphs_have_every_stage_and_every_step() {
    for path in all_shipped() {
        let name = path.strip_prefix("scenarios/").unwrap();
        let program = shipped(name, &[], 1);
        let (mermaid, _) = told(&["explain", &path, "--schedule", "mermaid"], 0);
        let (dot, _) = told(&["explain", &path, "--schedule", "dot"], 0);
        assert!(mermaid.starts_with("flowchart TD\n") && dot.starts_with("digraph \"") && dot.ends_with("}\n"));
        assert_eq!(dot.matches(['{', '[']).count(), dot.matches(['}', ']']).count(), "{dot}");
        assert_eq!(mermaid.matches("  subgraph ").count(), mermaid.matches("  end\n").count());
        for (at, stage) in program.schedule.frame.iter().enumerate() {
            let kind = stage.kind.name();
            assert!(
                mermaid.contains(&format!("subgraph stage{at}[\"stage {at}")) && mermaid.contains(kind),
                "{mermaid}"
            );
            assert!(dot.contains(&format!("subgraph cluster_{at} {{\n    label=\"stage {at}")), "{dot}");
            for step in &stage.steps {
                assert!(mermaid.contains(&format!("    step{}[\"", step.0)), "{mermaid}");
                assert!(dot.contains(&format!("    step{} [label=\"", step.0)), "{dot}");
            }
        }
    }
}

#[test]
fn code_is_shown_by_name() {
    let (rule, _) = told(&["explain", FLOCK, "--ir", "flock"], 0);
    for part in ["system flock for boids {", "loop L0 within boids-neighbours reach 2 from", "store boids.Velocity.y %"]
    {
        assert!(rule.contains(part), "{part:?} is not in\n{rule}");
    }
    let (first, _) = told(&["explain", FLOCK, "--ir", "boids"], 0);
    assert!(first.starts_with("group boids {\n") && first.contains(" = f32 draw site 0x"), "{first}");
    let (signals, _) = told(&["explain", FLOCK, "--ir", "signals"], 0);
    assert!(signals.contains("reduction R0 mean of boids {\n") && signals.contains("f64 reduced R0\n"), "{signals}");
    // What a run takes changes what is explained: a constant that was folded.
    let (wider, _) = told(&["explain", FLOCK, "--set", "radius=3", "--ir", "flock"], 0);
    assert!(wider.contains("reach 3 from"), "{wider}");
    let (everything, _) = told(&["explain", FLOCK, "--all"], 0);
    assert!(everything.contains("set-up: ") && everything.contains(&rule) && everything.contains(&signals));
    let (_, stderr) = told(&["explain", FLOCK, "--ir", "flok"], 2);
    assert!(stderr.contains("did you mean `flock`?"), "{stderr}");
    let (_, stderr) = told(&["explain", "scenarios/drift.dip", "--ir", "drift"], 2);
    assert!(stderr.contains("native kernel \"drift\""), "{stderr}");
    told(&["explain", FLOCK, "--ir", "flock", "--schedule", "dot"], 2);
    told(&["explain", FLOCK, "--schedule", "svg"], 2);
}
