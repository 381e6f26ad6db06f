//! The directory of a run has what is needed to repeat it, and says how it ended, whichever way that was.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use diptych_tests::{command, kill, root, summary, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

const TOWN: &str = "scenario town\nparam n: u32 = 300\nparam pace: f32 = 0.5 in 0 .. 9\nrun { frames = 60, dt = 0.5, seed = 4 }\n\
    space torus (0, 0) .. (30, 30)\ncomponent Position = vec2\ncomponent Wealth = f64\n\
    group people[n] { position Position = uniform(space), Wealth = uniform(0, 1) }\n\
    system live for people owns Position, Wealth {\n    \
    Position = wrap(Position + polar(uniform(0, TAU), pace))\n    Wealth += uniform(0, 1)\n}\n\
    signal wealth = mean(people: Wealth)\nrecord every 7 to \"tables/town.csv\" { wealth }\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("town.dip"), TOWN).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn run(&self, out: &str, more: &[&str]) -> Output {
        let (file, out) = (self.path("town.dip"), self.path(out));
        command(BINARY, &[&["run", &file, "--out", &out, "--summary", "json", "--workers", "1"], more].concat())
    }

    fn about(&self, out: &str) -> Value {
        about(&self.0.path().join(out))
    }
}

fn about(folder: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join("run.json")).unwrap()).unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a shell makes of the command.
fn by_shell(line: &str) -> Output {
    Command::new("sh").args(["-c", line]).current_dir("/").env_remove("DIPTYCH_WORKERS").output().unwrap()
}

#[test]
fn a_run_directory_has_what_is_needed_to_repeat_the_run_and_to_cite_it() {
    let place = Place::new();
    let output = place.run("a run", &["--set", "pace=0.25", "--seed", "9", "--frames", "41"]);
    let (told, about) = (summary(&output), place.about("a run"));
    assert_eq!(about["status"], "done", "{about}");
    assert_eq!((&about["scenario"], &about["seed"], &about["frames"]), (&"town".into(), &9.into(), &41.into()));
    assert_eq!(about["params"], serde_json::json!({ "n": "300", "pace": "0.25" }));
    for key in ["program_hash", "engine", "state_hash", "content_hash", "workers", "backend"] {
        assert_eq!(about[key], told[key], "{key}");
    }
    assert_eq!(about["summary"], told);
    assert_eq!(about["records"], serde_json::json!(["tables/town.csv"]));
    let machine = &about["machine"];
    assert!(machine["cores"].as_u64() > Some(0) && machine["system"].as_str().unwrap().contains("Linux"), "{machine}");
    for key in ["began", "ended"] {
        assert!(about[key].as_str().unwrap().starts_with("20"), "{key}");
    }
    let folder = place.0.path().join("a run");
    assert_eq!(std::fs::read_to_string(folder.join("scenario.dip")).unwrap(), TOWN);
    assert_eq!(std::fs::read_to_string(folder.join("tables/town.csv")).unwrap().lines().count(), 8);
    // As it stands there, from anywhere.
    let repeat = about["repeat"].as_str().unwrap();
    let again = by_shell(&format!("{repeat} --no-outputs --workers 2 --summary json"));
    assert_eq!(summary(&again)["state_hash"], told["state_hash"], "{repeat}");
}

#[test]
fn a_branch_and_a_run_with_commands_say_how_they_are_repeated_too() {
    let place = Place::new();
    place.run("first", &["--checkpoint-every", "20", "--frames", "40"]);
    assert!(place.0.path().join("first/checkpoints/frame-0000000040.checkpoint").is_file());
    for (name, more) in [("other", &["--set", "pace=3"][..]), ("same", &[])] {
        let (first, out) = (place.path("first"), place.path(name));
        let branch = ["resume", &first, "--at", "20", "--out", &out, "--summary", "json", "--workers", "1"];
        let output = command(BINARY, &[&branch, more].concat());
        let (told, about) = (summary(&output), place.about(name));
        assert_eq!((&about["from"]["frame"], &about["status"]), (&20.into(), &"done".into()), "{about}");
        let repeat = about["repeat"].as_str().unwrap();
        let again = by_shell(&format!("{repeat} --no-outputs --workers 0 --summary json"));
        assert_eq!(summary(&again)["state_hash"], told["state_hash"], "{repeat}: {}", self::told(&again));
    }
    let text = TOWN.replace("seed = 4 }", "seed = 4 }\ninput gift: f64 = 0").replace("Wealth +=", "Wealth += gift +");
    std::fs::write(place.path("town.dip"), text).unwrap();
    std::fs::write(place.path("commands"), "@20 gift = 3\n").unwrap();
    let (commands, journal) = (place.path("commands"), place.path("journal"));
    let told = summary(&place.run("live", &["--commands", &commands, "--journal", &journal]));
    let repeat = place.about("live")["repeat"].as_str().unwrap().to_string();
    assert!(repeat.contains(" replay "), "{repeat}");
    assert_eq!(summary(&by_shell(&format!("{repeat} --summary json")))["state_hash"], told["state_hash"]);
    place.run("lost", &["--commands", &commands]);
    assert_eq!(place.about("lost")["repeat"], Value::Null);
}

/// What was said when it began counts as long as it goes on.
#[test]
fn a_run_that_was_resumed_says_how_the_whole_of_it_is_repeated() {
    let place = Place::new();
    place.run("begun", &["--set", "n=40", "--nan", "stop", "--frames", "20", "--checkpoint-every", "10"]);
    let (begun, branch) = (place.path("begun"), place.path("branch"));
    let other = ["--set", "pace=3", "--seed", "5", "--frames", "30", "--checkpoint-every", "10"];
    let output = command(BINARY, &[&["resume", &begun, "--at", "10", "--out", &branch][..], &other].concat());
    assert!(output.status.success(), "{}", told(&output));
    // The other way round: as `begun` goes on, it removes the state that `branch` began with.
    for name in ["branch", "begun"] {
        for frames in ["40", "50"] {
            let output = command(BINARY, &["resume", &place.path(name), "--frames", frames, "--summary", "json"]);
            let (whole, about) = (summary(&output), place.about(name));
            let repeat = about["repeat"].as_str().unwrap();
            let again = by_shell(&format!("{repeat} --no-outputs --workers 0 --summary json"));
            let again = summary(&again);
            for key in ["program_hash", "state_hash", "frames"] {
                assert_eq!(again[key], whole[key], "{key} of {name}: {repeat}");
            }
            assert_eq!((&about["program_hash"], &about["nan"]), (&whole["program_hash"], &"stop".into()), "{name}");
        }
    }
}

/// In their own directory they move with it; that another run has come to where they were changes nothing.
#[test]
fn a_run_directory_that_was_moved_takes_its_journal_with_it() {
    let place = Place::new();
    let text = TOWN.replace("seed = 4 }", "seed = 4 }\ninput gift: f64 = 0").replace("Wealth +=", "Wealth += gift +");
    std::fs::write(place.path("town.dip"), text).unwrap();
    let run = |out: &str, gift: &str, frames: &str| {
        std::fs::write(place.path("commands"), format!("@5 gift = {gift}\n@35 gift = 1\n")).unwrap();
        let (commands, journal) = (place.path("commands"), place.path(&format!("{out}/j.jsonl")));
        std::fs::create_dir_all(place.path(out)).unwrap();
        let kept = ["--journal", &journal, "--checkpoint-every", "10", "--frames", frames];
        let output = place.run(out, &[&["--commands", &commands][..], &kept].concat());
        assert!(output.status.success(), "{}", told(&output));
        summary(&output)
    };
    let whole = run("whole", "3", "60");
    for (there, here, is_taken) in [("a", "b", false), ("c", "d", true)] {
        run(there, "3", "30");
        std::fs::rename(place.path(there), place.path(here)).unwrap();
        let other = place.path(&format!("{there}/j.jsonl"));
        let before = is_taken.then(|| {
            run(there, "8", "30");
            std::fs::read(&other).unwrap()
        });
        let (here, to) = (place.path(here), place.path(&format!("{here} csv")));
        let asked = ["--to", "25", "--every", "5", "--format", "csv"];
        let exported = command(BINARY, &[&["export", &here, "--out", &to][..], &asked].concat());
        assert!(exported.status.success(), "{}", told(&exported));
        let output = command(BINARY, &["resume", &here, "--frames", "60", "--summary", "json"]);
        assert_eq!(summary(&output)["state_hash"], whole["state_hash"], "{}", told(&output));
        let journal = std::fs::read_to_string(format!("{here}/j.jsonl")).unwrap();
        assert!(journal.contains("gift") && !journal.contains("\"8\""), "{journal}");
        assert_eq!(std::fs::read(&other).ok(), before);
    }
}

#[test]
fn a_run_directory_is_never_written_over_unless_told() {
    let place = Place::new();
    assert!(place.run("r", &[]).status.success());
    let before = place.about("r");
    let again = place.run("r", &["--seed", "5"]);
    let said = told(&again);
    assert_eq!(again.status.code(), Some(2), "{said}");
    assert!(said.contains("is a run's already (town, begun 20") && said.contains("done); say --force"), "{said}");
    assert_eq!(place.about("r"), before);
    let forced = place.run("r", &["--seed", "5", "--force"]);
    assert!(forced.status.success(), "{}", told(&forced));
    assert_eq!(place.about("r")["seed"], 5);
    // A text of somebody's.
    std::fs::create_dir(place.path("mine")).unwrap();
    std::fs::write(place.path("mine/scenario.dip"), "precious").unwrap();
    let refused = place.run("mine", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(told(&refused).contains("scenario.dip exists, and is another text"), "{}", told(&refused));
    assert_eq!(std::fs::read_to_string(place.path("mine/scenario.dip")).unwrap(), "precious");
    assert_eq!(std::fs::read_dir(place.path("mine")).unwrap().count(), 1, "it has left something behind");
    // What does not begin leaves nothing that would be in the way.
    let refused = place.run("bad", &["--workers", "60000"]);
    assert_eq!(refused.status.code(), Some(2), "{}", told(&refused));
    assert!(!place.0.path().join("bad/run.json").exists());
    assert!(place.run("bad", &[]).status.success());
}

#[test]
fn the_directory_says_how_the_run_ended_whichever_way_it_did() {
    let place = Place::new();
    std::fs::write(place.path("town.dip"), format!("{TOWN}ensure \"poor\" wealth < 9\n")).unwrap();
    assert_eq!(place.run("ensure", &[]).status.code(), Some(1));
    let about = place.about("ensure");
    assert_eq!(about["status"], "failed");
    assert!(about["error"].as_str().unwrap().contains("\"poor\" does not hold at frame"), "{about}");
    assert_eq!(about["summary"]["stopped"], "ensure");

    let text = TOWN
        .replace("component Wealth = f64", "component Wealth = f64\ncomponent Spot = f32")
        .replace("Wealth = uniform(0, 1) }", "Wealth = uniform(0, 1), Spot = 0 }")
        .replace("Wealth {", "Wealth, Spot {\n Spot = sqrt(20 - f32(frame))\n");
    std::fs::write(place.path("town.dip"), text).unwrap();
    let output = place.run("fault", &["--nan", "stop", "--checkpoint-every", "10"]);
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    let about = place.about("fault");
    assert_eq!((&about["status"], &about["summary"]), (&"failed".into(), &Value::Null));
    assert!(about["error"].as_str().unwrap().contains("Spot"), "{about}");

    std::fs::write(place.path("town.dip"), TOWN).unwrap();
    let (file, out) = (place.path("town.dip"), place.path("long"));
    let start = |more: &[&str]| {
        let mut long = Command::new(BINARY);
        long.args(["run", &file, "--out", &out, "--frames", "400000000", "--workers", "1"]).args(more);
        long.current_dir(root()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let folder = place.0.path().join("long");
    let running = || folder.join("run.json").exists() && about_status(&folder) == "running";
    for (signal, status) in [(Signal::INT, "interrupted"), (Signal::KILL, "running")] {
        let mut run = start(&["--force", "--checkpoint-every", "100"]);
        assert!(wait_until(Duration::from_secs(20), running), "it does not begin");
        let twice = place.run("long", &["--force"]);
        assert!(told(&twice).contains("another run writes to") && twice.status.code() == Some(2), "{}", told(&twice));
        assert!(wait_until(Duration::from_secs(20), || {
            std::fs::read_dir(folder.join("checkpoints")).is_ok_and(|all| all.count() > 1)
        }));
        kill(run.id(), signal);
        run.wait().unwrap();
        assert_eq!(about_status(&folder), status);
    }
    // One that was killed goes on, and then says so.
    let kept = diptych::coordinator::checkpoints(&folder.join("checkpoints")).unwrap();
    let last = kept.last().unwrap().0;
    let frames = (last + 150).to_string();
    let output = command(BINARY, &["resume", &out, "--frames", &frames, "--summary", "json"]);
    let about = place.about("long");
    assert_eq!((&about["status"], &about["frames"]), (&"done".into(), &(last + 150).into()), "{}", told(&output));
    assert_eq!(about["state_hash"], summary(&output)["state_hash"]);
    assert_eq!(about["resumed"][0]["frame"], last);
}

fn about_status(folder: &Path) -> String {
    about(folder)["status"].as_str().unwrap().into()
}

#[test]
fn a_run_directory_is_resumed_by_its_name() {
    let place = Place::new();
    let whole = summary(&place.run("whole", &[]));
    place.run("cut", &["--frames", "30", "--checkpoint-every", "10"]);
    let output = command(BINARY, &["resume", &place.path("cut"), "--frames", "60", "--summary", "json"]);
    assert_eq!(summary(&output)["state_hash"], whole["state_hash"], "{}", told(&output));
    let about = place.about("cut");
    assert_eq!((&about["status"], &about["state_hash"]), (&"done".into(), &whole["state_hash"]));
    assert_eq!((&about["frames"], &about["resumed"][0]["frame"]), (&60.into(), &30.into()));
    assert!(about["repeat"].as_str().unwrap().ends_with("--frames 60"), "{about}");
    let read = |name: &str| std::fs::read_to_string(place.path(name)).unwrap();
    assert_eq!(read("cut/tables/town.csv"), read("whole/tables/town.csv"));
    // Wherever it has been moved to.
    place.run("there", &["--frames", "30", "--checkpoint-every", "10"]);
    std::fs::rename(place.path("there"), place.path("here")).unwrap();
    let output = command(BINARY, &["resume", &place.path("here"), "--frames", "60", "--summary", "json"]);
    assert_eq!(summary(&output)["state_hash"], whole["state_hash"], "{}", told(&output));
    assert_eq!(place.about("here")["status"], "done");
    assert!(!place.0.path().join("there").exists());
    assert_eq!(read("here/tables/town.csv"), read("whole/tables/town.csv"));
    // Without states there is nothing to go on from.
    let output = command(BINARY, &["resume", &place.path("whole")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("this run has kept no states"), "{}", told(&output));
}
