//! States of a run are written for others, whichever of them were kept: what stands in the files is the state of that frame.

use std::path::{Path, PathBuf};
use std::process::Output;

use diptych_tests::{command, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

const TOWN: &str = "scenario town\nrun { frames = 30, dt = 0.5, seed = 4 }\nspace torus (0, 0) .. (30, 30)\nenum Mood { Calm, Cross }\n\
    input gift: f64 = 0 in 0 .. 9\n\
    component Position = vec2\ncomponent Wealth = f64\ncomponent Feels = Mood\ncomponent Grass = f32\n\
    group people[100, max 900] { position Position = uniform(space), Wealth = uniform(0, 1), Feels = Calm }\n\
    group banks[3] { Wealth = row }\n\
    grid soil[4, 3] { Grass = 1 }\n\
    system move for people owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.2)) }\n\
    system earn for people owns Wealth, Feels {\n    Wealth += uniform(0, 1) + gift\n    if fresh Wealth > 4 { Feels = Cross }\n    \
    if chance(0.05) { spawn people { Position = fresh Position, Wealth = 0.5, Feels = Calm } }\n    \
    if chance(0.05) { despawn self }\n}\n\
    system grow for soil owns Grass { Grass = Grass * 2 }\n\
    signal wealth = sum(people: Wealth)\nsignal n = count(people)\nsignal grass = sum(soil: Grass)\n\
    record every 1 to \"town.csv\" { n, wealth, grass }\n";

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

    fn run(&self, out: &str, more: &[&str]) {
        let (file, out) = (self.path("town.dip"), self.path(out));
        summary(&command(BINARY, &[&["run", &file, "--out", &out, "--summary", "json"], more].concat()));
    }

    fn export(&self, run: &str, out: &str, more: &[&str]) -> Output {
        command(BINARY, &[&["export", &self.path(run), "--out", &self.path(out)], more].concat())
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The rows of a CSV file, without its header line.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_string).collect()).collect()
}

#[test]
fn an_exported_state_is_that_of_its_frame_whether_it_was_kept_or_not() {
    let place = Place::new();
    place.run("kept", &["--checkpoint-every", "10", "--checkpoint-keep", "2"]);
    place.run("bare", &[]);
    let asked = ["--format", "csv", "--from", "3", "--to", "27", "--every", "8"];
    for run in ["kept", "bare"] {
        let output = place.export(run, &format!("{run} csv"), &asked);
        assert!(output.status.success(), "{}", told(&output));
    }
    let all = names(&place.at("bare csv"));
    assert_eq!(all.len(), 4 * 3, "{all:?}");
    assert_eq!(all[0], "banks-0000000003.csv");
    // As the record of the run has it.
    let record = rows(&place.at("bare/town.csv"));
    for frame in [3, 11, 19, 27] {
        let people = rows(&place.at(&format!("bare csv/people-{frame:010}.csv")));
        let sum = people.iter().map(|row| row[6].parse::<f64>().unwrap()).sum::<f64>();
        let told = &record[frame];
        assert_eq!(people.len().to_string(), told[2], "frame {frame}");
        assert!((sum - told[3].parse::<f64>().unwrap()).abs() < 1e-9, "frame {frame}");
        assert!(people.iter().all(|row| row[0] == frame.to_string() && row[1] == (0.5 * frame as f64).to_string()));
        assert!(people.iter().all(|row| ["Calm", "Cross"].contains(&row[7].as_str())));
        let soil = rows(&place.at(&format!("bare csv/soil-{frame:010}.csv")));
        let grown = soil.iter().all(|cell| cell[3].parse::<f32>().unwrap() == (1u32 << frame) as f32);
        assert!(soil.len() == 12 && grown, "frame {frame}");
    }
    for name in all {
        let read = |run: &str| std::fs::read(place.at(&format!("{run} csv")).join(&name)).unwrap();
        assert!(read("kept") == read("bare"), "{name}");
    }
}

#[test]
fn without_frames_the_states_that_were_kept_are_exported_and_paraview_gets_a_series() {
    let place = Place::new();
    place.run("r", &["--checkpoint-every", "10"]);
    let output = place.export("r", "vtk", &["--columns", "Feels,Grass"]);
    assert!(output.status.success(), "{}", told(&output));
    let expected = ["people-0000000010.vtp", "people-0000000020.vtp", "people-0000000030.vtp", "people.pvd"];
    let soil = ["soil-0000000010.vti", "soil-0000000020.vti", "soil-0000000030.vti", "soil.pvd"];
    // What has no place is left out.
    assert_eq!(names(&place.at("vtk")), [expected, soil].concat());
    let series = std::fs::read_to_string(place.at("vtk/people.pvd")).unwrap();
    assert!(series.contains("timestep=\"10\" part=\"0\" file=\"people-0000000020.vtp\""), "{series}");
    let bytes = std::fs::read(place.at("vtk/people-0000000030.vtp")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("Name=\"Feels\"") && !text.contains("Name=\"Wealth\""));
    // A checkpoint alone, and a folder of them.
    for from in ["r/checkpoints", "r/checkpoints/frame-0000000020.checkpoint"] {
        let output = place.export(from, "again", &["--from", "20", "--to", "20", "--every", "1", "--force"]);
        assert!(output.status.success(), "{}", told(&output));
        let whole = place.export("r", "whole", &["--from", "20", "--to", "20", "--every", "1", "--force"]);
        assert!(whole.status.success());
        let read = |folder: &str| std::fs::read(place.at(folder).join("people-0000000020.vtp")).unwrap();
        assert!(read("again") == read("whole"), "{from}");
    }
}

#[test]
fn what_cannot_be_exported_is_told_and_nothing_is_written_over() {
    let place = Place::new();
    place.run("r", &["--checkpoint-every", "10"]);
    assert!(place.export("r", "out", &[]).status.success());
    for (more, words) in [
        (&[][..], "people-0000000010.vtp exists; say --force"),
        (&["--force", "--group", "dogs"], "there is no group dogs; there is people, banks, soil"),
        (&["--force", "--group", "banks"], "banks has no position, and is no grid"),
        (&["--force", "--columns", "Age"], "has a component Age; there is Position, Wealth, Feels, Grass"),
        (&["--force", "--to", "31", "--every", "1"], "the run has come to frame 30, and --to is 31"),
        (&["--force", "--from", "21", "--to", "29"], "no state of the frames 21 to 29 was kept: say --every K"),
    ] {
        let output = place.export("r", "out", more);
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", told(&output));
        assert!(told(&output).contains(words), "{words}: {}", told(&output));
    }
    let output = place.export("r/checkpoints", "early", &["--from", "5", "--every", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("the first state that was kept is that of frame 10"), "{}", told(&output));
}

#[test]
fn snapshots_of_a_run_are_what_is_exported_of_it_also_where_it_was_resumed() {
    let place = Place::new();
    let kept = ["--vtp", "7", "--checkpoint-every", "10"];
    place.run("whole", &kept);
    let frames = [0, 7, 14, 21, 28, 30].map(|frame| format!("people-{frame:010}.vtp"));
    let people = |folder: &Path| -> Vec<String> {
        names(folder).into_iter().filter(|name| name.starts_with("people-")).collect()
    };
    assert_eq!(people(&place.at("whole/vtp")), frames);
    assert!(place.export("whole", "out", &["--every", "7", "--to", "28"]).status.success());
    for name in &frames[..5] {
        let read = |folder: &str| std::fs::read(place.at(folder).join(name)).unwrap();
        assert!(read("whole/vtp") == read("out"), "{name}");
    }
    // It has ended at frame 20, and goes on: what only said where it had ended is no part of the series.
    place.run("cut", &[&kept[..], &["--frames", "20"]].concat());
    assert_eq!(people(&place.at("cut/vtp")).last().unwrap(), "people-0000000020.vtp");
    let output = command(BINARY, &["resume", &place.path("cut"), "--frames", "30"]);
    assert!(output.status.success(), "{}", told(&output));
    assert_eq!(people(&place.at("cut/vtp")), frames);
    for name in names(&place.at("whole/vtp")) {
        let read = |run: &str| std::fs::read(place.at(run).join("vtp").join(&name)).unwrap();
        assert!(read("whole") == read("cut"), "{name}");
    }
}

#[test]
fn states_of_a_run_that_was_changed_from_outside_are_made_again_by_its_journal_alone() {
    let place = Place::new();
    std::fs::write(place.at("commands"), "@5 gift = 2\n@20 gift = 0\n").unwrap();
    let (commands, journal) = (place.path("commands"), place.path("journal"));
    place.run("live", &["--commands", &commands]);
    place.run("told", &["--commands", &commands, "--journal", &journal]);
    let asked = ["--format", "csv", "--group", "people", "--from", "9", "--to", "29", "--every", "10"];
    let output = place.export("live", "live csv", &asked);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("its states cannot be made again"), "{}", told(&output));
    assert!(place.export("told", "told csv", &asked).status.success());
    let record = rows(&place.at("told/town.csv"));
    for frame in [9, 19, 29] {
        let people = rows(&place.at(&format!("told csv/people-{frame:010}.csv")));
        let sum = people.iter().map(|row| row[6].parse::<f64>().unwrap()).sum::<f64>();
        assert!((sum - record[frame][3].parse::<f64>().unwrap()).abs() < 1e-9, "frame {frame}");
    }
}
