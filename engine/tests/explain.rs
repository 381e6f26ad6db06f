//! The code that `flock` is lowered to, as text in the repository: a change of lowering shows as a change of it.
//!
//! Where the change is meant: `DIPTYCH_WRITE_SNAPSHOTS=1 cargo test -p diptych --test explain`, and read the diff.

#![allow(clippy::expect_used, reason = "what is not as expected fails the test")]

use std::path::Path;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych::{Program, Registry, catalog::Catalog, explain};

const WRITE: &str = "DIPTYCH_WRITE_SNAPSHOTS";

#[track_caller]
fn compiled(text: &str) -> Program {
    let source = Source { path: "test.dip".into(), text: text.into() };
    match compile(&source, &Settings::default(), &Catalog(&Registry::builtin())) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

#[test]
fn flock_is_lowered_as_before() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = std::fs::read_to_string(root.join("../scenarios/flock.dip")).expect("a shipped scenario");
    let made = explain::ir::all(&compiled(&scenario));
    let path = root.join("tests/snapshots/flock.ir");
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &made).expect("a file that can be written");
    }
    let kept = std::fs::read_to_string(&path).expect("the snapshot");
    let differs = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    let line = differs.unwrap_or_else(|| kept.lines().count().min(made.lines().count()));
    assert!(
        kept == made,
        "flock is lowered otherwise, from line {} on: {:?}, not {:?}. If that is meant, set {WRITE}=1 and read the diff",
        line + 1,
        made.lines().nth(line),
        kept.lines().nth(line),
    );
}

/// Loops of every kind, one in another, a mask, conditions, indexes over both panels, an inverse.
const LOOPS: &str = "
scenario loops
space torus (0, 0) .. (10, 10)
component Position = vec2
component Home = entity of places
component Crowd = u32
component Far = f32
group places[8] { position Position = uniform(space)\n Crowd = 0 }
group people[100] { position Position = uniform(space)\n Home = places[row % 8]\n Far = 0.0 }
system gather for places owns Crowd {
    let mut crowd: u32 = 0
    for x in people by Home { crowd += 1 }
    Crowd = crowd
}
system look for people owns Far {
    let mut far = 0.0
    for other in people nearest 3 {
        for i in 0 .. 4 { far += length(delta(other)) }
    }
    Far = far
}
system walk for people owns Position { Position = wrap(Position + vec2(0.1, 0.0)) }
";

/// A tree that sums, over fresh positions.
const FAR: &str = "
scenario far
space open 2
component Position = vec2
component Mass = f32
component Deep = f32
group stars[100] { position Position = vec2(row, 0)\n Mass = 1\n Deep = 0 }
index masses = kdtree of fresh stars { bucket = 16, sum = Mass, angle = 0.5 }
system walk for stars owns Position { Position += vec2(0.1, 0.0) }
system fall for stars owns Deep { Deep = sum(x in stars far masses : x.Mass / distance(x)) }
";

#[test]
fn sums_of_a_tree_are_shown() {
    let program = compiled(FAR);
    let text = explain::ir::all(&program);
    assert!(text.contains("  loop L0 far and near in masses from (%1 %2) carry ("), "{text}");
    let indexes = explain::stages::indexes(&program).expect("has one");
    // The table breaks lines between words.
    let words = indexes.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("buckets of 16 rows, sums of Mass, opening angle 0.5"), "{indexes}");
}

/// The nearest of those that a condition is true for.
const AMONG: &str = "
scenario among
space open 2
component Position = vec2
component Ripe = bool
component Way = vec2
group food[100] { position Position = vec2(row, 0)\n Ripe = true }
group ants[100] { position Position = vec2(0, row)\n Way = vec2(0) }
system look for ants owns Way { Way = sum(f in food nearest 2 where f.Ripe : delta(f)) }
";

#[test]
fn conditions_of_the_nearest_are_shown() {
    let text = explain::ir::all(&compiled(AMONG));
    let parts = [
        "nearest 2 in food-neighbours from (%1 %2) among condition 2 carry (",
        "condition 2 of system look {\n",
        "nearest 32 in food-neighbours from (%0 %1) carry (%2 add %5 if %6, %3 set %7) {\n",
    ];
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}

/// Rows that are paired where they meet.
const MATCH: &str = "
scenario hunting
component Where = entity of soil
component Heat = f32
grid soil[5, 5] { Heat = 0 }
group wolves[10] { Where = soil[row], Heat = 1 }
group sheep[20] { Where = soil[row] }
match hunt = wolves where Heat > 0.5 with sheep at fresh Where
match date = wolves with wolves
system roam for wolves owns Where { Where = soil[u32(uniform(0, 25))] }
system graze for sheep owns Where { Where = soil[u32(uniform(0, 25))] }
system eat for wolves owns Heat { Heat = if alive(fresh hunt) or alive(fresh date) { 1 } else { 0 } }
system grow for soil owns Heat { Heat += 1 }
";

#[test]
fn matches_are_shown() {
    let program = compiled(MATCH);
    let filter = explain::ir::named(&program, "hunt").expect("a filter");
    assert!(filter.starts_with("match hunt where of wolves {\n") && filter.contains("  result %"), "{filter}");
    assert!(explain::ir::all(&program).contains(&filter));
    let none = explain::ir::named(&program, "date").expect_err("no filter");
    assert_eq!(none, "match `date` has no `where`: all rows take part");
    let indexes = explain::stages::indexes(&program).expect("has some");
    let words = indexes.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "hunt pairs, at random, rows of wolves where they say so with rows of sheep, at one row of soil by fresh Where; \
         built in stages",
        "date pairs, at random, rows of wolves, with each other; built in stages 0 to 5; asked by eat",
    ] {
        assert!(words.contains(part), "{part:?} is not in\n{indexes}");
    }
    let frame = explain::stages::frame(&program);
    assert!(frame.contains("hunt: rank sheep") && frame.contains("hunt: pair"), "{frame}");
    let graph = explain::graph::dot(&program);
    assert!(graph.contains("hunt, asked by eat") && graph.contains("fresh wolves.Where"), "{graph}");
    let table = explain::table::table(&program);
    assert!(table.contains("  hunt"), "{table}");
}

#[test]
fn loops_of_every_kind_are_shown() {
    let program = compiled(LOOPS);
    let text = explain::ir::all(&program);
    let parts = [
        "group places {\n",
        "  loop L0 inverse people-by-Home carry (%0 add %1) {\n  }\n",
        "  loop L0 nearest 3 in people-neighbours from (%1 %2) carry (%0 set %14) {\n    %6 = f32 carried L0.0\n",
        "    loop L1 count %3 .. %4 carry (%6 add %12) {\n    }\n    %14 = f32 result L1.0\n  }\n",
        "  store people.Far %15\n}\n",
    ];
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
    let graph = explain::graph::dot(&program);
    assert!(graph.contains("people neighbours, asked by look") && graph.contains("asked by gather"), "{graph}");
    let indexes = explain::stages::indexes(&program).expect("has some");
    assert!(indexes.contains("that refer to each row of places by prev Home"), "{indexes}");
}
