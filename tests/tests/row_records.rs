//! Records of rows: what is written is what the rows were in that state, whoever ran it, however slowly it is written; nothing is
//! missing without a word, and what was written can be read back.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use diptych::coordinator::{Edition, OnSlow, Options, RecordError, Records, RunError, Swap};
use diptych_protocol::message::Backend;
use diptych_protocol::program::Program;
use diptych_tests::kills::{Kills, Random};
use diptych_tests::outputs::{recording, rows_of};
use diptych_tests::{command, kill, program, program_with_data, run_with, summary, wait_until};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Rows that come and go, variants, truths, references.
const TOWN: &str = "scenario town
run { frames = 40, seed = 4 }
space torus (0, 0) .. (30, 30)
enum Health { Well, Ill }
component Position = vec2
component Wealth = f64
component Small = i8
component State = Health
component Old = bool
component Friend = entity of people
group people[9_000, max 20_000] {
    position Position = uniform(space), Wealth = uniform(0, 1), Small = -3, Old = chance(0.5),
    State = if chance(0.3) { Ill } else { Well }, Friend = none
}
system live for people owns Position, Wealth, State {
    Position = wrap(Position + polar(uniform(0, TAU), 0.2))
    Wealth += uniform(0, 0.1)
    if chance(0.1) { State = Ill }
    if chance(0.02) { spawn people { Position = fresh Position, Wealth = 0.5, Small = 7, Old = false, State = Well, Friend = self } }
    if chance(0.02) { despawn self }
}
signal n = count(people)
";

fn town(records: &str) -> Program {
    program(&format!("{TOWN}{records}"), &[], 40)
}

/// The lines of a CSV record that are of a frame, without frame and time.
fn of_frame(rows: &[String], frame: u32) -> Vec<Vec<String>> {
    let rows = rows.iter().skip(1).map(|row| row.split(',').map(str::to_string).collect::<Vec<_>>());
    rows.filter(|row| row[0] == frame.to_string()).map(|row| row[2..].to_vec()).collect()
}

#[test]
fn rows_are_those_of_the_state_that_is_due() {
    let with = town("record every 15 to \"all.csv\" for people\n");
    let folder = tempfile::tempdir().unwrap();
    run_with(&with, 2, BINARY, recording(folder.path())).unwrap();
    let rows = rows_of(&folder.path().join("all.csv"));
    assert_eq!(
        rows[0],
        "frame,time,entity,generation,Position.x,Position.y,Wealth,Small,Old,State,Friend.index,Friend.life"
    );
    let mut frames: Vec<&str> = rows[1..].iter().filter_map(|row| row.split(',').next()).collect();
    frames.dedup();
    assert_eq!(frames, ["0", "15", "30", "40"]);
    for frame in [0, 15, 30, 40] {
        // The same without a record, to that frame: what its state is.
        let outcome = run_with(&program(TOWN, &[], frame), 1, BINARY, Options::default()).unwrap();
        let f64s = |name: &str| outcome.state.column::<f64>("people", name).unwrap();
        let (x, wealth) = (outcome.state.column::<f32>("people", "Position.x").unwrap(), f64s("Wealth"));
        let (small, old) = (
            outcome.state.column::<i8>("people", "Small").unwrap(),
            outcome.state.column::<u8>("people", "Old").unwrap(),
        );
        let states = outcome.state.column::<u8>("people", "State").unwrap();
        let found = of_frame(&rows, frame);
        assert_eq!(found.len(), x.len(), "frame {frame}");
        assert!(!found.is_empty());
        for (row, found) in found.iter().enumerate() {
            let state = ["Well", "Ill"][usize::from(states[row])];
            let expected = [
                x[row].to_string(),
                wealth[row].to_string(),
                small[row].to_string(),
                (old[row] != 0).to_string(),
                state.into(),
            ];
            let found = [&found[2], &found[4], &found[5], &found[6], &found[7]];
            assert!(found.into_iter().eq(&expected), "frame {frame}, row {row}: {found:?}, {expected:?}");
        }
        // Who is born has a friend, others have none.
        let friends = found.iter().filter(|row| !row[8].is_empty()).count();
        assert_eq!(friends, small.iter().filter(|small| **small == 7).count());
    }
}

/// Values of the own row, conditions, samples.
const SOME: &str = "
field richness for people = Wealth * 2
record every 10 to \"ill.parquet\" for people where State == Ill and Position.x < 10 { Position, State, richness, Friend }
record every 10 to \"ill.csv\" for people where State == Ill and Position.x < 10 { Position, State, richness, Friend }
record every 7 to \"some.csv\" for people sample 0.05 { Old, half = f32(Wealth) / 2, now = frame, Small, living = n }
record every 13 to \"some.ndjson\" for people where Old sample 0.05
";

fn written(program: &Program, workers: u16, options: Options) -> (Vec<(String, Vec<u8>)>, u128) {
    let folder = tempfile::tempdir().unwrap();
    let outcome =
        run_with(program, workers, BINARY, Options { records: Some(Records::new(folder.path(), false)), ..options });
    (bytes_in(folder.path()), outcome.unwrap().digest.state)
}

fn bytes_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let read = |name: std::ffi::OsString| {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        (name.into_string().unwrap(), bytes)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn files_are_the_same_byte_for_byte_whoever_ran_it_and_change_no_bit_of_it() {
    let (with, without) = (town(SOME), program(TOWN, &[], 40));
    assert_eq!(with.hash(), without.hash(), "what is taken of rows is no part of the program");
    let quiet = run_with(&without, 2, BINARY, Options::default()).unwrap().digest.state;
    let (expected, state) = written(&with, 1, Options::default());
    assert_eq!(expected.len(), 4);
    assert_eq!(state, quiet);
    for (workers, backend) in [(0, Backend::Compiled), (2, Backend::Compiled), (3, Backend::Interpreter)] {
        let (found, state) = written(&with, workers, Options { backend, ..Options::default() });
        assert!(found == expected, "{workers} workers, {}", backend.name());
        assert_eq!(state, quiet);
    }
    let mut random = Random(9);
    let mut killed = 0;
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let kills = Kills::random(&mut random, 2, 3, 20_000);
        let (outcome, deaths) = kills.run(&with, 2, BINARY, recording(folder.path()));
        killed += deaths;
        assert_eq!(outcome.digest.state, quiet);
        assert!(bytes_in(folder.path()) == expected);
    }
    assert!(killed > 0);
}

#[test]
fn formats_hold_the_same_rows() {
    let with = town(SOME);
    let folder = tempfile::tempdir().unwrap();
    run_with(&with, 2, BINARY, recording(folder.path())).unwrap();
    let csv = rows_of(&folder.path().join("ill.csv"));
    let parquet = rows_of(&folder.path().join("ill.parquet"));
    assert_eq!(csv.len(), parquet.len() + 1);
    let names: Vec<&str> = csv[0].split(',').collect();
    for (line, row) in csv[1..].iter().zip(&parquet) {
        let row = row.trim_start_matches('{').trim_end_matches('}');
        let cells: Vec<(&str, &str)> = row.split(", ").map(|cell| cell.split_once(": ").unwrap()).collect();
        assert!(cells.iter().map(|(name, _)| *name).eq(names.iter().copied()), "{row}");
        for ((name, cell), field) in cells.iter().zip(line.split(',')) {
            let same = match field {
                "" => *cell == "null",
                field => {
                    *cell == field
                        || *cell == format!("\"{field}\"")
                        || cell.parse::<f64>().is_ok_and(|cell| Ok(cell) == field.parse())
                }
            };
            assert!(same, "{name}: {cell} and {field}");
        }
    }
}

#[test]
fn a_sample_has_the_same_entities_in_each_state() {
    let with = program(
        &format!("{TOWN}record every 4 to \"some.csv\" for people where Wealth < 9 sample 0.1 {{ Wealth }}\n"),
        &[("seed", "4")][..0],
        40,
    );
    let folder = tempfile::tempdir().unwrap();
    run_with(&with, 2, BINARY, recording(folder.path())).unwrap();
    let rows = rows_of(&folder.path().join("some.csv"));
    let who = |frame| -> Vec<(String, String)> {
        of_frame(&rows, frame).into_iter().map(|row| (row[0].clone(), row[1].clone())).collect()
    };
    let first = who(0);
    assert!((700..1_100).contains(&first.len()), "{} of 9000", first.len());
    // Whoever lives on stays in the sample: some nine in ten a frame of four.
    let later = who(4);
    let stayed = first.iter().filter(|it| later.contains(it)).count();
    assert!(stayed * 100 > first.len() * 85 && stayed < first.len(), "{stayed} of {}", first.len());
    let young = later.iter().filter(|it| !first.contains(it)).count();
    assert!(young > 20 && young * 4 < later.len(), "{young} of {}", later.len());
}

/// A pipe that nobody reads for a while is a sink that is slow.
fn slowly(on_slow: OnSlow) -> (Vec<String>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("slow.csv");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let reading = pipe.clone();
    let reader = std::thread::spawn(move || {
        let mut file = std::fs::File::open(reading).unwrap();
        std::thread::sleep(Duration::from_millis(400));
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        text
    });
    let with = town("record to \"slow.csv\" for people { Wealth }\n");
    let records = Records { on_slow, ..Records::new(folder.path(), true) };
    let outcome = run_with(&with, 2, BINARY, Options { records: Some(records), ..Options::default() }).unwrap();
    let text = reader.join().unwrap();
    let mut frames: Vec<String> = text.lines().skip(1).map(|row| row.split(',').next().unwrap().to_string()).collect();
    frames.dedup();
    (frames, outcome.skipped.iter().map(|skipped| skipped.states).sum())
}

#[test]
fn where_a_record_is_written_slowly_the_run_waits_or_what_is_left_out_is_counted() {
    let (frames, skipped) = slowly(OnSlow::Wait);
    assert!(
        frames.iter().map(String::as_str).eq((0..=40)
            .map(|frame| frame.to_string())
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str))
    );
    assert_eq!(skipped, 0);
    let (frames, skipped) = slowly(OnSlow::Skip);
    assert!(skipped > 0, "nothing was slow");
    assert_eq!(frames.len() as u64 + skipped, 41);
    assert_eq!((frames[0].as_str(), frames[frames.len() - 1].as_str()), ("0", "40"));
}

#[test]
fn what_is_left_out_is_told_in_the_summary() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("town.dip"), format!("{TOWN}record to \"slow.csv\" for people\n")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path("slow.csv"), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let pipe = path("slow.csv");
    let reader = std::thread::spawn(move || {
        let mut file = std::fs::File::open(pipe).unwrap();
        std::thread::sleep(Duration::from_millis(400));
        std::io::copy(&mut file, &mut std::io::sink()).unwrap();
    });
    let run = ["run", &path("town.dip"), "--out", &path(""), "--force", "--workers", "2", "--on-slow-output", "skip"];
    let output = command(BINARY, &[&run[..], &["--summary", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    reader.join().unwrap();
    let found = summary(&output);
    assert!(found["skipped"][0]["states"].as_u64().unwrap() > 0, "{found}");
    assert!(found["skipped"][0]["record"].as_str().unwrap().ends_with("slow.csv"));
}

#[test]
fn a_full_disk_leaves_whole_files_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("town.dip"), format!("{TOWN}{SOME}record to \"n.parquet\" {{ n }}\n")).unwrap();
    for (policy, frames) in [("stop", None), ("go-on", Some(40))] {
        let out = path(policy);
        // Some record meets it first, of those that are due then.
        let run = ["run", &path("town.dip"), "--out", &out, "--workers", "2", "--inject", "full@20"];
        let output = command(BINARY, &[&run[..], &["--on-write-error", policy, "--summary", "json"]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{policy}: {told}");
        assert!(told.contains("No space left on device"), "{policy}: {told}");
        if let Some(frames) = frames {
            assert_eq!(summary(&output)["frames"], frames);
            assert_eq!(summary(&output)["lost"].as_array().unwrap().len(), 1);
        }
        for name in ["ill.parquet", "ill.csv", "some.csv", "some.ndjson", "n.parquet"] {
            assert!(rows_of(&Path::new(&out).join(name)).len() > 1, "{policy}: {name}");
        }
    }
}

#[test]
fn parquet_is_not_written_to_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("n.parquet");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let reading = pipe.clone();
    let reader = std::thread::spawn(move || std::fs::File::open(reading).map(drop));
    let with = town("record to \"n.parquet\" { n }\n");
    let options = Options { records: Some(Records::new(folder.path(), true)), ..Options::default() };
    match run_with(&with, 0, BINARY, options) {
        Err(RunError::Record(RecordError::Write { source, .. })) => {
            assert!(source.to_string().contains("pipe"), "{source}");
        }
        other => panic!("{:?}", other.map(|outcome| outcome.frames)),
    }
    assert!(wait_until(Duration::from_secs(2), || reader.is_finished()));
}

#[test]
fn a_record_of_rows_goes_on_ends_and_begins_with_a_swap() {
    let (before, after) = (
        "record every 6 to \"on.csv\" for people where Small > 0 { Small }\nrecord every 6 to \"ends.parquet\" for people { Old }\n",
        "record every 9 to \"on.csv\" for people where Small < 0 { Small }\nrecord every 9 to \"begins.csv\" for people { Wealth }\n",
    );
    for workers in [0, 2] {
        let folder = tempfile::tempdir().unwrap();
        let swaps = vec![Swap { frame: 20, edition: Edition { program: town(after), data: Vec::new() } }];
        let options = Options { swaps, ..recording(folder.path()) };
        run_with(&town(before), workers, BINARY, options).unwrap();
        let frames = |name: &str| {
            let of = |row: &String| row.split([',', '}']).next().unwrap().trim_start_matches("{frame: ").to_string();
            let mut all: Vec<String> = rows_of(&folder.path().join(name)).iter().map(of).collect();
            all.dedup();
            all.retain(|frame| frame != "frame");
            all.join(" ")
        };
        assert_eq!(frames("on.csv"), "6 12 18 27 36 40", "{workers} workers: nobody was born in state 0");
        assert_eq!(frames("ends.parquet"), "0 6 12 18 20");
        assert_eq!(frames("begins.csv"), "20 27 36 40");
        let on = rows_of(&folder.path().join("on.csv"));
        let small = |row: &String| row.split(',').next_back().unwrap().to_string();
        assert!(
            on[1..]
                .iter()
                .all(|row| small(row) == if row < &"20".to_string() { "7" } else { "-3" } || row.starts_with("6,"))
        );
    }
}

/// When the next program was ready is not seen in a file: the state at a swap is that of the program before it.
#[test]
fn the_state_at_a_swap_is_as_the_program_before_it_left_it() {
    let record = |value: &str| format!("record every 6 to \"on.csv\" for people {{ said = {value} }}\n");
    for workers in [0, 1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let edition = Edition { program: town(&record("2.0")), data: Vec::new() };
        let options = Options { swaps: vec![Swap { frame: 18, edition }], ..recording(folder.path()) };
        run_with(&town(&record("1.0")), workers, BINARY, options).unwrap();
        let rows = rows_of(&folder.path().join("on.csv"));
        let mut said: Vec<(u32, String)> = rows[1..]
            .iter()
            .map(|row| (row.split(',').next().unwrap().parse().unwrap(), row.split(',').next_back().unwrap().into()))
            .collect();
        said.dedup();
        let expected = [(0, "1"), (6, "1"), (12, "1"), (18, "1"), (24, "2"), (30, "2"), (36, "2"), (40, "2")];
        assert!(said.iter().map(|(frame, said)| (*frame, said.as_str())).eq(expected), "{workers} workers: {said:?}");
    }
}

/// The same names with other numbers begin a file of their own.
#[test]
fn other_variants_begin_another_file() {
    let records = "record every 10 to \"who.parquet\" for people { State }\nrecord every 10 to \"one.csv\" { first = min(people: 1) }\n";
    let before = town(records);
    let text = format!("{TOWN}{records}").replace("enum Health { Well, Ill }", "enum Health { Dead, Well, Ill }");
    let after = program(&text, &[], 40);
    let folder = tempfile::tempdir().unwrap();
    let swaps = vec![Swap { frame: 20, edition: Edition { program: after, data: Vec::new() } }];
    run_with(&before, 2, BINARY, Options { swaps, ..recording(folder.path()) }).unwrap();
    assert!(rows_of(&folder.path().join("who.2.parquet")).len() > 1_000);
    assert!(!folder.path().join("one.2.csv").exists());
}

/// Rows that are kept in an order of space are who they are.
#[test]
fn rows_in_an_order_of_space_are_written_with_all_that_they_have() {
    let text = "scenario flock\nrun { frames = 12, seed = 4 }\nspace torus (0, 0) .. (30, 30)\ncomponent Position = vec2\n\
                component Name = u32\ncomponent Near = u32\n\
                group boids[3_000] { position Position = uniform(space), Name = row, Near = 0 }\n\
                system look for boids owns Near { Near = count(x in boids within 1.0) }\n\
                system move for boids owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.3)) }\n\
                record every 4 to \"all.csv\" for boids\nrecord every 4 to \"some.csv\" for boids where Near > 9 sample 0.5 { Name }\n";
    let with = program(text, &[], 12);
    assert!(with.groups.values().any(|group| group.order.is_some()), "the group is to be kept in order");
    let folder = tempfile::tempdir().unwrap();
    run_with(&with, 2, BINARY, recording(folder.path())).unwrap();
    for file in ["all.csv", "some.csv"] {
        let rows = rows_of(&folder.path().join(file));
        let names: Vec<&str> = rows[0].split(',').collect();
        let (entity, name) = (2, names.iter().position(|name| *name == "Name").unwrap());
        let is_who = |row: &&String| {
            let cells: Vec<&str> = row.split(',').collect();
            cells[entity] == cells[name]
        };
        assert_eq!(rows[1..].iter().filter(is_who).count(), rows.len() - 1, "{file}");
        assert!(rows.len() > 100, "{file}");
    }
    let mut last: Vec<u32> =
        of_frame(&rows_of(&folder.path().join("all.csv")), 12).iter().map(|row| row[0].parse().unwrap()).collect();
    assert!(last.windows(2).any(|pair| pair[0] > pair[1]), "rows have not moved");
    last.sort_unstable();
    assert!(last.into_iter().eq(0..3_000));
}

/// What is taken of rows is no part of the program's hash; an edit of it counts all the same.
#[test]
fn an_edit_of_a_record_of_rows_counts_while_a_run_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("town.dip"), TOWN).unwrap();
    let mut child = std::process::Command::new(BINARY)
        .args([
            "run",
            &path("town.dip"),
            "--out",
            &path("out"),
            "--workers",
            "1",
            "--frames",
            "10000000",
            "--watch",
            "-q",
        ])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    assert!(wait_until(Duration::from_secs(20), || folder.path().join("out/run.json").exists()));
    std::fs::write(path("town.dip"), format!("{TOWN}record every 1000 to \"new.csv\" for people {{ Small }}\n"))
        .unwrap();
    let there = wait_until(Duration::from_secs(20), || folder.path().join("out/new.csv").exists());
    kill(child.id(), rustix::process::Signal::INT);
    let ended = wait_until(Duration::from_secs(20), || child.try_wait().unwrap().is_some());
    let _ = child.kill();
    child.wait().unwrap();
    assert!(there && ended);
}

/// A sink that takes nothing any more keeps nobody: whoever says so twice has the run end.
#[test]
fn a_record_that_nobody_reads_does_not_keep_a_run_that_is_told_to_stop_twice() {
    for workers in ["0", "2"] {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("town.dip"), format!("{TOWN}record to \"stuck.csv\" for people\n")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, path("stuck.csv"), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        let held = std::fs::File::options().read(true).write(true).open(path("stuck.csv")).unwrap();
        let mut child = std::process::Command::new(BINARY)
            .args([
                "run",
                &path("town.dip"),
                "--out",
                &path("."),
                "--force",
                "--workers",
                workers,
                "--frames",
                "100000",
            ])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(800));
        kill(child.id(), rustix::process::Signal::INT);
        std::thread::sleep(Duration::from_millis(1_300));
        kill(child.id(), rustix::process::Signal::INT);
        let ended = wait_until(Duration::from_secs(10), || child.try_wait().unwrap().is_some());
        let _ = child.kill();
        assert!(ended, "{workers} workers: it hangs");
        assert!(child.wait().unwrap().code().is_some(), "{workers} workers");
        drop(held);
    }
}

#[test]
fn a_group_is_made_from_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let columns = "{ Position, Wealth, Small, State, Old, twice = Wealth * 2 }";
    let with = town(&format!(
        "record every 20 to \"people.parquet\" for people where Small < 0 {columns}\n\
         record every 20 to \"people.csv\" for people where Small < 0 {columns}\n"
    ));
    run_with(&with, 2, BINARY, recording(folder.path())).unwrap();
    let csv = rows_of(&folder.path().join("people.csv"));
    let expected = of_frame(&csv, 20);
    for file in ["people.parquet", "people.csv"] {
        let path = folder.path().join(file).display().to_string();
        let text = format!(
            "scenario again\nrun {{ frames = 1 }}\nspace torus (0, 0) .. (30, 30)\nenum Health {{ Well, Ill }}\n\
             component Position = vec2\ncomponent Wealth = f64\ncomponent Small = i8\ncomponent State = Health\n\
             component Old = bool\ncomponent Twice = f64\n\
             group people from \"{path}\" at 20 {{\n    position Position\n    Wealth\n    Small\n    State\n    Old\n    \
             Twice = twice\n}}\n\
             record to \"again.csv\" for people {{ Position, Wealth, Small, State, Old, Twice }}\n"
        );
        let (again, data) = program_with_data(&text, &[], 0);
        let out = tempfile::tempdir().unwrap();
        run_with(&again, 1, BINARY, Options { data, ..recording(out.path()) }).unwrap();
        let found = of_frame(&rows_of(&out.path().join("again.csv")), 0);
        assert_eq!(found.len(), expected.len(), "{file}");
        assert!(found.iter().zip(&expected).all(|(a, b)| a[1..] == b[2..]), "{file}: {:?} {:?}", found[0], expected[0]);
    }
}
