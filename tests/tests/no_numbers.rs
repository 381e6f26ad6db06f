//! Values that are no numbers: the rule that makes one is found, in the frame that makes it, and the run does what the
//! scenario says: it stops with blame, goes on and tells, or goes on.

use diptych::Program;
use diptych::coordinator::{NanFound, Options};
use diptych_protocol::message::Backend;
use diptych_protocol::nan::NanPolicy;
use diptych_tests::kills::{Kills, Random};
use diptych_tests::{command, program, run_with, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

/// A way to make such a value: what it is, a scenario, who makes it where, what of the row the rule reads.
struct Way {
    what: &'static str,
    text: &'static str,
    by: &'static str,
    found: &'static str,
    inputs: Option<&'static str>,
}

/// Each makes many at once, in several batches, and the first ones in frame 3 (but for set-up).
const WAYS: [Way; 10] = [
    Way {
        what: "a rule over rows where they stand",
        text: "scenario t\ncomponent Charge = f32\ncomponent Load = vec2\n\
               group points[20_000] { Charge = uniform(1, 9), Load = vec2(0, row % 7) }\n\
               system decay for points owns Charge {\n    let less = if frame == 3 { 9.0 } else { 0.5 }\n\
               \x20   Charge = sqrt(Charge * Charge - less + 0.5) + 0 * Load.y\n}\n",
        by: "frame 3, system decay (test.dip:7:5), rows ",
        found: ": Charge becomes NaN",
        inputs: Some("inputs of the row: Charge = "),
    },
    Way {
        what: "a rule that reads what its frame has made of the row",
        text: "scenario t\ncomponent Speed = dvec2\ncomponent Way = dvec2\n\
               group points[20_000] { Speed = dvec2(row, 1), Way = dvec2(0) }\n\
               system push for points owns Speed { Speed = if frame == 3 and row % 3 == 1 { Speed * 1e300 * 1e300 } else { Speed } }\n\
               system move for points owns Way { Way = Way + (fresh Speed - fresh Speed) }\n",
        by: "frame 3, system move (test.dip:6:35), rows 0 .. ",
        found: ", entity 1: Way.x becomes NaN",
        inputs: Some("inputs of the row: Way = (0, 0), fresh Speed = (inf, inf)"),
    },
    Way {
        what: "a rule over rows that are kept in an order",
        text: "scenario t\nspace torus (0, 0) .. (80, 80)\ncomponent Position = vec2\ncomponent Speed = vec2\n\
               component Heat = f32\n\
               group points[20_000] { position Position = uniform(space), Speed = vec2(0.1, 0), Heat = 0 }\n\
               system push for points owns Speed {\n    let crowd = count(x in points within 1)\n\
               \x20   Speed = vec2(0.1, if frame == 3 and crowd > 3 { 1.0 } else { 0.5 })\n}\n\
               system warm for points owns Heat {\n    Heat = 0.5 * Heat + sqrt(0.7 - fresh Speed.y)\n}\n\
               system move for points owns Position { Position = wrap(Position + Speed) }\n",
        by: "frame 3, system warm (test.dip:12:5), slots ",
        found: ": Heat becomes NaN",
        inputs: Some(", fresh Speed = (0.1, 1)"),
    },
    Way {
        what: "a rule that goes by the slots of a tree",
        text: "scenario t\nspace open 2\ncomponent Position = vec2\ncomponent Mass = f32\ncomponent Pull = f32\n\
               group bodies[20_000] { position Position = vec2(normal(0, 9), normal(0, 9)), Mass = 1, Pull = 0 }\n\
               index masses = kdtree of bodies { bucket = 16, sum = Mass }\n\
               system pull for bodies owns Pull {\n    let far = sum(x in bodies far masses : x.Mass)\n\
               \x20   Pull = if frame == 3 and row % 5 == 0 { sqrt(0 - Mass - far) } else { far }\n}\n",
        by: "frame 3, system pull (test.dip:10:5), slots ",
        found: ": Pull becomes NaN",
        inputs: Some(", Mass = 1"),
    },
    Way {
        what: "a rule that is for few rows",
        text: "scenario t\ncomponent Charge = f32\ncomponent Age = u32\n\
               group points[40_000] { Charge = 1, Age = row % 400 }\n\
               system age for points owns Age { Age = Age + 1 }\n\
               system fade for points where Age == 200 owns Charge {\n\
               \x20   Charge = if frame == 3 { sqrt(0 - Charge) } else { 2 }\n}\n",
        by: "frame 3, system fade (test.dip:7:5), rows 0 .. ",
        found: ", entity 197: Charge becomes NaN",
        inputs: Some("inputs of the row: Charge = 1, Age = 200"),
    },
    Way {
        what: "a rule over cells",
        text: "scenario t\ncomponent Heat = f32\ngrid soil[300, 200] { edge = torus, Heat = uniform(0, 1) }\n\
               system spread for soil owns Heat {\n\
               \x20   let all = Heat + sum(x in soil beside 1 : x.Heat)\n\
               \x20   Heat = if frame == 3 and Heat > 0.6 { all / 0 - all / 0 } else { all / 5 }\n}\n",
        by: "frame 3, system spread (test.dip:6:5), rows ",
        found: ": Heat becomes NaN",
        inputs: Some("inputs of the row: Heat = 0."),
    },
    Way {
        what: "births",
        text: "scenario t\ncomponent Charge = f32\ncomponent Age = u32\n\
               group points[20_000, max 100_000] { Charge = 1, Age = row % 40 }\n\
               system live for points owns Age {\n\
               \x20   if Age % 40 == 16 { spawn points { Charge = if frame == 3 { sqrt(0 - Charge) } else { 1 }, Age = 0 } }\n    Age = Age + 1\n}\n",
        by: "frame 3, system live (test.dip:6:25), rows 0 .. ",
        found: ", entity 13: it lets a row of points be born with Charge = NaN",
        inputs: Some("inputs of the row: Charge = 1, Age = 16"),
    },
    Way {
        what: "births in loops",
        text: "scenario t\ncomponent Charge = f32\ncomponent Age = u32\n\
               group points[20_000, max 200_000] { Charge = 1, Age = row % 40 }\n\
               system live for points owns Age {\n    for i in 0 .. 3 {\n\
               \x20       if Age % 40 == 16 { spawn points { Charge = if u32(i) + frame == 5 { sqrt(0 - Charge) } else { 1 }, Age = 0 } }\n    }\n    Age = Age + 1\n}\n",
        by: "frame 3, system live (test.dip:7:29), rows 0 .. ",
        found: ", entity 13: it lets a row of points be born with Charge = NaN",
        inputs: Some("inputs of the row: Charge = 1, Age = 16"),
    },
    Way {
        what: "set-up",
        text: "scenario t\ncomponent Charge = f32\ngroup points[20_000] {\n    Charge = if row % 7 == 6 { sqrt(-1.0) } else { 1 }\n}\n\
               system stay for points owns Charge { Charge = Charge }\n",
        by: "set-up, group points (test.dip:4:5), rows 0 .. ",
        found: ", entity 6: Charge becomes NaN",
        inputs: None,
    },
    Way {
        what: "a position that no index reads",
        text: "scenario t\nspace open 2\ncomponent Position = vec2\ncomponent Speed = vec2\n\
               group points[20_000] { position Position = vec2(row, 0), Speed = vec2(1, 1) }\n\
               system move for points owns Position {\n\
               \x20   Position = if frame == 3 and row % 9 == 2 { Position / 0 } else { Position + Speed }\n}\n",
        by: "frame 3, system move (test.dip:7:5), rows 0 .. ",
        found: ", entity 2: Position.x becomes inf, and a position is finite",
        inputs: Some("inputs of the row: Position = (5, 3), Speed = (1, 1)"),
    },
];

fn with(way: &Way, policy: NanPolicy) -> Program {
    Program { nan: policy, ..program(way.text, &[], 6) }
}

fn everywhere() -> impl Iterator<Item = (Backend, u16)> {
    BACKENDS.into_iter().flat_map(|backend| [0, 1, 2, 3].map(|workers| (backend, workers)))
}

/// Why a run fails; nothing if it does not.
fn failure(program: &Program, backend: Backend, workers: u16) -> Option<String> {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).err().map(|error| error.to_string())
}

#[test]
fn the_rule_that_makes_it_is_blamed_with_its_inputs_whoever_runs_it() {
    for way in &WAYS {
        let program = with(way, NanPolicy::Stop);
        let expected = failure(&program, Backend::Interpreter, 0).unwrap_or_else(|| panic!("{}: it goes on", way.what));
        for part in [way.by, way.found].into_iter().chain(way.inputs) {
            assert!(expected.contains(part), "{}: {expected}", way.what);
        }
        assert_eq!(way.inputs.is_some(), expected.contains("inputs of the row"), "{}: {expected}", way.what);
        for (backend, workers) in everywhere() {
            let found = failure(&program, backend, workers);
            assert_eq!(found.as_ref(), Some(&expected), "{}, {}, {workers} workers", way.what, backend.name());
        }
    }
}

/// What the run is told, and the hashes that it ends with.
fn told(program: &Program, backend: Backend, workers: u16) -> (Vec<NanFound>, diptych_protocol::digest::Digest) {
    let options = Options { backend, ..Options::default() };
    let outcome = run_with(program, workers, BINARY, options).unwrap_or_else(|error| panic!("{error}"));
    (outcome.nans, outcome.digest)
}

#[test]
fn a_run_that_is_warned_ends_as_one_that_is_not_and_is_told_the_same_whoever_runs_it() {
    // What is no position no index looks at; the last one is one.
    for way in &WAYS {
        let undisturbed = told(&with(way, NanPolicy::Allow), Backend::Interpreter, 0);
        assert!(undisturbed.0.is_empty(), "{}: it was to be allowed", way.what);
        let program = with(way, NanPolicy::Warn);
        let expected = told(&program, Backend::Interpreter, 0);
        let first = expected.0.first().unwrap_or_else(|| panic!("{}: nothing is told", way.what));
        let rule = way.by.split(' ').skip_while(|word| *word != "system").nth(1);
        assert!(rule.is_none_or(|rule| first.by.contains(rule)), "{}: {first}", way.what);
        assert_eq!(first.frame, rule.map(|_| 3), "{}: {first}", way.what);
        assert!(first.place.as_ref().is_some_and(|place| way.by.contains(place.as_str())), "{}: {first}", way.what);
        assert_eq!(expected.1, undisturbed.1, "{}: a warning changed the state", way.what);
        for (backend, workers) in everywhere() {
            assert_eq!(
                told(&program, backend, workers),
                expected,
                "{}, {}, {workers} workers",
                way.what,
                backend.name()
            );
        }
    }
}

#[test]
fn warnings_survive_kills() {
    let mut random = Random(11);
    let mut killed = 0;
    for way in WAYS.iter().filter(|way| way.what.contains("births") || way.what.contains("rows where")) {
        let program = with(way, NanPolicy::Warn);
        let expected = told(&program, Backend::Compiled, 0);
        for _ in 0..4 {
            let kills = Kills::random(&mut random, 3, 4, 6_000);
            let (outcome, hit) = kills.run(&program, 3, BINARY, Options::default());
            assert_eq!((outcome.nans, outcome.digest), expected, "{}", way.what);
            killed += hit;
        }
    }
    assert!(killed > 0, "nobody was hit");
}

#[test]
fn a_scenario_that_says_nothing_stops_at_positions_alone() {
    for way in &WAYS {
        let program = program(way.text, &[], 6);
        assert_eq!(program.nan, NanPolicy::Positions);
        let stops = failure(&program, Backend::Compiled, 1);
        assert_eq!(stops.is_some(), way.what.starts_with("a position"), "{}: {stops:?}", way.what);
    }
}

#[test]
fn an_infinite_value_is_a_number_unless_it_is_a_position() {
    let text = WAYS[0].text.replace("sqrt(Charge * Charge - less + 0.5)", "Charge / 0");
    let mut program = program(&text, &[], 6);
    for policy in NanPolicy::ALL {
        program.nan = policy;
        assert_eq!(failure(&program, Backend::Compiled, 0), None, "{}", policy.name());
    }
}

#[test]
fn the_policy_is_no_part_of_what_a_program_is() {
    let hashes = NanPolicy::ALL.map(|policy| with(&WAYS[0], policy).hash());
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Runs a file by the binary: exit code, stdout's summary, stderr.
fn by_hand(text: &str, arguments: &[&str]) -> (Option<i32>, std::process::Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.dip");
    std::fs::write(&path, text).unwrap();
    let run = ["run", path.to_str().unwrap(), "--frames", "6"];
    let output = command(BINARY, &run.iter().chain(arguments).copied().collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&output.stderr).replace(&format!("{}/", folder.path().display()), "");
    // What runs left that other tests killed.
    let said = said.split_inclusive('\n').filter(|line| !line.starts_with("note: removed")).collect();
    (output.status.code(), output, said)
}

#[test]
fn systems_in_rust_are_blamed_too() {
    let text = |births: u8| {
        format!(
            "scenario t\ncomponent Charge = f32\ngroup points[20_000, max 400_000] {{ Charge = uniform(0, 1) }}\n\
             system spoil native \"test.spoil\" for points owns Charge spawns points with {{ births = {births}.0 }}\n\
             run {{ nan = stop }}\n"
        )
    };
    let cases =
        [(0, "4:8", ": Charge becomes NaN"), (1, "4:64", ": it lets a row of points be born with Charge = NaN")];
    for (births, place, found) in cases {
        let said = ["0", "1", "2", "3"].map(|workers| {
            let (code, _, said) = by_hand(&text(births), &["--workers", workers]);
            assert_eq!(code, Some(1), "{said}");
            said
        });
        let by = format!("frame 3, system spoil (test.dip:{place}), rows ");
        assert!(said[0].contains(&by) && said[0].contains(found), "{}", said[0]);
        assert_eq!(said[0].contains("inputs of the row: Charge = 0.0"), births == 0, "{}", said[0]);
        assert!(said.iter().all(|other| *other == said[0]), "{said:?}");
    }
}

#[test]
fn the_command_line_has_the_last_word_and_the_summary_says_what_was_found() {
    let way = &WAYS[6];
    let text = way.text.to_string() + "run { nan = stop }\n";
    assert_eq!(by_hand(&text, &["--workers", "2"]).0, Some(1));
    assert_eq!(by_hand(&text, &["--workers", "2", "--nan", "allow"]).0, Some(0));
    let (code, output, said) = by_hand(&text, &["--workers", "2", "--nan", "warn", "--summary", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let warning = "warning: values that are no numbers in points.Charge: first in frame 3, entity 13, by a birth of system live \
                   (test.dip:6:25)\n";
    assert_eq!(said, warning);
    let summary = summary(&output);
    assert_eq!((&summary["nan"]["policy"], &summary["nan"]["columns"]), (&"warn".into(), &1.into()));
    let first = &summary["nan"]["first"][0];
    assert_eq!((&first["column"], &first["frame"], &first["entity"]), (&"Charge".into(), &3.into(), &13.into()));
    let (_, output, _) = by_hand(&text, &["--workers", "0", "--nan", "warn"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        shown.contains("nan      1 column had values that are no numbers\n") && shown.contains("entity 13"),
        "{shown}"
    );
}
