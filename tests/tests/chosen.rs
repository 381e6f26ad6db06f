//! Which rows a system is for: optional components, changes, conditions. What comes of them is what their rules say, row by
//! row and frame by frame; and looking at few rows gives the bits of looking at all, whoever does it.

use diptych::Program;
use diptych::coordinator::{Options, Stopped};
use diptych_protocol::digest::Digest;
use diptych_protocol::message::Backend;
use diptych_tests::kills::ends_the_same;
use diptych_tests::{command, program, run_with, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

/// Components that come and go, and marks; beside them plain components that follow the written rules by hand.
const MODEL: &str = "
scenario model
param n: u32 = 700
param share: u32 = 20
component Key = u32
component Load = { a: u32, at: vec2 }
component Tag = u32
component Value = u32
component Seen = u32
component HasLoad = bool
component LoadA = u32
component LoadX = f32
component LoadNew = bool
component HasTag = bool
component TagIs = u32
component ValueIs = u32
component ValueNew = bool
component SeenIs = u32

fn mix(a: u32, b: u32) -> u32 {
    let c = bit_xor(a, b * 2654435761) * 2246822519
    let d = bit_xor(c, shift_right(c, 15)) * 3266489917
    bit_xor(d, shift_right(d, 13)) % 100
}

group cells[ROWS] {
    Key = row * 7919 + 13
    optional Load = Load(3, vec2(Key % 5, 1)) where Key % 3 == 0
    optional Tag
    Value = 0
    Seen = 0
    HasLoad = Key % 3 == 0
    LoadA = if Key % 3 == 0 { 3 } else { 0 }
    LoadX = if Key % 3 == 0 { f32(Key % 5) } else { 0 }
    LoadNew = true
    HasTag = false
    TagIs = 0
    ValueIs = 0
    ValueNew = true
    SeenIs = 0
}
system gain for cells without Load where mix(Key, frame) < share {
    add Load = Load(frame, vec2(1, 2))
}
system grow for cells with Load where mix(Key, frame + 50) < 60 owns Load { Load.a += 1 + frame % 3 }
system trade for cells {
    if mix(Key, frame + 1) < share { add Load = Load(1000, vec2(7, 7)) }
    if mix(Key, frame + 2) < share { remove Load } else { if mix(Key, frame + 3) < 10 { remove Tag } }
}
system tag for cells changed Load without Tag { add Tag = Load.a }
system count for cells where mix(Key, frame + 9) < share owns Value { Value ?= Value + mix(Key, frame + 10) % 2 }
system see for cells changed Value, Load where Key % 2 == 0 owns Seen { Seen += 1 }

system by_hand for cells owns HasLoad, LoadA, LoadX, LoadNew, HasTag, TagIs, ValueIs, ValueNew, SeenIs {
    let asks = not HasLoad and mix(Key, frame) < share
    let also = not HasLoad and mix(Key, frame + 1) < share
    let drops = mix(Key, frame + 2) < share
    let grows = mix(Key, frame + 50) < 60
    let untags = not drops and mix(Key, frame + 3) < 10
    let tags = LoadNew and not HasTag
    let counts = mix(Key, frame + 9) < share and mix(Key, frame + 10) % 2 == 1
    if (ValueNew or LoadNew) and Key % 2 == 0 { SeenIs += 1 }
    TagIs = if HasTag { if untags { 0 } else { TagIs } } else if tags { LoadA } else { 0 }
    HasTag = if HasTag { not untags } else { tags }
    ValueIs = if counts { ValueIs + 1 } else { ValueIs }
    ValueNew = counts
    LoadA = if HasLoad {
        if drops { 0 } else if grows { LoadA + 1 + frame % 3 } else { LoadA }
    } else if asks { frame } else if also { 1000 } else { 0 }
    LoadX = if HasLoad { if drops { 0 } else { LoadX } } else if asks { 1 } else if also { 7 } else { 0 }
    LoadNew = if HasLoad { grows and not drops } else { asks or also }
    HasLoad = if HasLoad { not drops } else { asks or also }
}
LIFE
ensure \"who has what\" all(cells: has(Load) == HasLoad and has(Tag) == HasTag)
ensure \"what it is\" all(cells: Load.a == LoadA and Load.at.x == LoadX and Tag == TagIs)
ensure \"what changed\" all(cells: changed(Value) == ValueNew)
ensure \"what was counted\" all(cells: Value == ValueIs and Seen == SeenIs)
signal loads = count(cells where has(Load))
signal tags = count(cells where has(Tag))
signal seen = sum(cells: Seen)
";

/// Births and ends beside it. A newborn row is new: all that it has counts as changed.
const LIFE: &str = "
component Age = u32
system live for cells owns Age {
    Age += 1
    if mix(Key, frame + 20) < 6 {
        spawn cells { Key = Key * 31 + frame, Age = 0 }
    }
    if mix(Key, frame + 21) < 4 and mix(Key, frame + 20) >= 6 {
        spawn cells { Key = Key * 37 + frame, Age = 0, Load = Load(9, vec2(8, 8)), HasLoad = true, LoadA = 9, LoadX = 8 }
    }
    if mix(Key, frame + 22) < 10 { despawn self }
}
";

fn model(living: bool) -> String {
    match living {
        false => MODEL.replace("ROWS", "n").replace("LIFE", ""),
        true => {
            let text = MODEL.replace("ROWS", "n, max 4 * n").replace("LIFE", LIFE);
            text.replace("    Value = 0\n", "    Value = 0\n    Age = 0\n")
        }
    }
}

#[track_caller]
fn holds(program: &Program, what: &str) {
    let mut first: Option<Digest> = None;
    for backend in BACKENDS {
        for workers in [0, 1, 2, 3] {
            let how = format!("{what}, {}, {workers} workers", backend.name());
            let outcome = run_with(program, workers, BINARY, Options { backend, ..Options::default() })
                .unwrap_or_else(|e| panic!("{how}: {e}"));
            assert_ne!(outcome.stopped, Stopped::Ensure, "{how}: frame {}, {:?}", outcome.frames, outcome.ensures);
            assert_eq!(outcome.digest, *first.get_or_insert(outcome.digest), "{how}");
        }
    }
}

#[test]
fn what_comes_and_goes_and_what_changed_are_as_the_rules_say() {
    for living in [false, true] {
        for (n, share) in [("1", "50"), ("64", "50"), ("700", "1"), ("700", "20"), ("5_000", "3"), ("700", "90")] {
            let program = program(&model(living), &[("n", n), ("share", share)], 25);
            assert!(program.columns.values().any(|column| column.draft));
            assert!(program.systems.values().any(|system| system.only.is_some()));
            holds(&program, &format!("n {n}, share {share}, living {living}"));
        }
    }
}

#[test]
fn what_comes_and_goes_survives_the_death_of_workers() {
    for living in [false, true] {
        let program = program(&model(living), &[("n", "5_000"), ("share", "2")], 60);
        let expected = run_with(&program, 0, BINARY, Options::default()).unwrap().digest;
        ends_the_same(&program, BINARY, expected, 5, 8);
    }
}

/// The same rule twice: with a condition of the system, and with an `if` around all that it does.
fn twice(text: &str, condition: &str) -> [String; 2] {
    let chosen = text.replace("ONLY", &format!("where {condition}")).replace("IF", "");
    let (before, rule) = text.split_once("IF").expect("a rule");
    let depth = rule.char_indices().scan(1, |depth, (at, c)| {
        *depth += i32::from(c == '{') - i32::from(c == '}');
        Some((at, *depth))
    });
    let end = depth.into_iter().find(|(_, depth)| *depth == 0).expect("its end").0;
    let inner = format!("{before}if {condition} {{{}}}{}", &rule[..end], &rule[end..]);
    [chosen, inner.replace("ONLY", "")]
}

const RULES: [(&str, &str); 4] = [
    (
        "stream",
        "
scenario stream
component Key = u32
component X = f32
component V = vec2
component B = u8
group rows[5_000] {
    Key = row * 977
    X = uniform(0, 1)
    V = vec2(row, 1)
    B = 0
}
system step for rows ONLY owns X, V, B {IF
    X = X * 0.5 + uniform(0, 1)
    V.y += fresh X
    if chance(0.5) { B += 1 }
}
system later for rows owns Key { Key = Key * 5 + u32(fresh X * 100) + u32(fresh B) }
",
    ),
    (
        "cells",
        "
scenario lattice
component Key = u32
component Heat = f32
component Alive = bool
grid soil[97, 41] {
    edge = torus
    Key = row * 977
    Heat = uniform(0, 1)
    Alive = chance(0.4)
}
system step for soil ONLY owns Heat, Alive {IF
    Heat = 0.25 * (shift(1, 0).Heat + shift(-1, 0).Heat + shift(0, 1).Heat + shift(0, -1).Heat)
    Alive = count(c in soil around 1 where c.Alive) % 3 == 1
}
system age for soil owns Key { Key = Key * 5 + 1 }
",
    ),
    (
        "neighbours",
        "
scenario neighbours
space torus (0, 0) .. (40, 40)
component Position = vec2
component Key = u32
component Crowd = u32
component Near = f32
component Self = entity of points
group points[3_000] {
    position Position = uniform(space)
    Key = row * 977
    Crowd = 0
    Near = 0
    Self = self
}
index tree = kdtree of points
system look for points ONLY owns Crowd, Near {IF
    Crowd = Crowd + count(x in points within 1.5 where x.Key % 2 == 0)
    Near = min(x in points nearest 3 where x.Key % 3 != 0 : distance(x))
}
system move for points owns Position, Key {
    Position = wrap(Position + polar(uniform(0, TAU), 0.3))
    Key = Key * 5 + 1
}
",
    ),
    (
        "births",
        "
scenario births
component Key = u32
component X = f32
component Friend = entity of rows
group rows[1_000, max 9_000] {
    Key = row * 977
    X = uniform(0, 1)
    Friend = self
}
system step for rows ONLY owns X {IF
    X = X + Friend.X * 0.1
    if Key % 7 < 2 { spawn rows { Key = Key * 11 + frame, Friend = self } }
    if Key % 11 == 0 { despawn self }
    if Key % 13 == 0 { despawn Friend }
}
system key for rows owns Key { Key = Key * 5 + 1 }
",
    ),
];

/// Rows that are given by the slots of an index; a reference to them keeps them where they stand.
fn by_slots(index: &str, stays: bool) -> String {
    let (component, value) = if stays { ("component Self = entity of points", "Self = self") } else { ("", "") };
    format!(
        "
scenario by-slots
space torus (0, 0) .. (40, 40)
component Position = vec2
component Key = u32
component Crowd = u32
component Kept = u32
component Told = u32
{component}
group points[3_000] {{
    position Position = uniform(space)
    Key = row * 977
    Crowd = 0
    Kept = row
    Told = 0
    {value}
}}
{index}
system look for points ONLY owns Crowd, Told {{IF
    Crowd = Crowd + count(x in points within 1.5 where x.Key % 2 == 0) + Kept % 2
    if chance(0.5) {{ Told += 1 }}
}}
system hear for points changed Crowd owns Kept {{ Kept = Kept + fresh Told }}
system move for points owns Position, Key {{
    Position = wrap(Position + polar(uniform(0, TAU), 0.3))
    Key = Key * 5 + 1
}}
"
    )
}

fn rules() -> Vec<(&'static str, String)> {
    let mut rules: Vec<(&str, String)> = RULES.map(|(name, text)| (name, text.to_string())).to_vec();
    for (name, index, stays) in [
        ("rows in the order of a grid", "", false),
        ("rows in the order of a tree", "index tree = kdtree of points", false),
        ("rows by the slots of a grid", "index cells = grid of points { cell = 1.5 }", true),
    ] {
        rules.push((name, by_slots(index, stays)));
    }
    rules
}

#[test]
fn looking_at_few_rows_gives_the_bits_of_looking_at_all() {
    let conditions = ["Key % 50 == 3", "Key % 7 == 1", "Key % 5 != 0", "Key == 1", "Key % 50 == frame % 50"];
    for (name, text) in rules() {
        for condition in conditions.into_iter().chain(["chance(0.03)", "row % 40 == frame % 40"]) {
            let [chosen, inner] = twice(&text, condition).map(|text| program(&text, &[], 12));
            assert!(chosen.systems.values().any(|system| system.only.is_some()), "{name}");
            let told = |program: &Program| program.systems.values().filter(|system| system.only.is_some()).count();
            assert_eq!(told(&chosen), told(&inner) + 1, "{name}");
            let expected = run_with(&inner, 0, BINARY, Options::default()).unwrap().digest;
            for (backend, workers) in [(0, 0), (1, 0), (1, 2), (1, 3)].map(|(at, workers)| (BACKENDS[at], workers)) {
                let outcome = run_with(&chosen, workers, BINARY, Options { backend, ..Options::default() }).unwrap();
                let how = format!("{name}, {condition}, {}, {workers} workers", backend.name());
                assert_eq!(outcome.digest, expected, "{how}");
            }
        }
    }
}

#[test]
fn few_rows_survive_the_death_of_workers() {
    for (name, text) in rules() {
        let [chosen, inner] = twice(&text, "Key % 50 == 3").map(|text| program(&text, &[], 300));
        let expected = run_with(&inner, 0, BINARY, Options::default()).unwrap().digest;
        println!("{name}");
        ends_the_same(&chosen, BINARY, expected, 7, 4);
    }
}

/// A kernel says itself what it changed: row by row, or of whole columns at once.
#[test]
fn what_a_system_in_rust_writes_has_changed_and_nothing_else() {
    let text = "scenario marking
param n: u32 = 3_000
component Heat = { now: u32, most: u32 }
component Push = u32
component Pushed = bool
component Seen = u32
component Told = u32
group stones[n] {
    Heat = Heat(0, 0)
    Push = row % 3
    Pushed = true
    Seen = 0
    Told = 0
}
system heat native \"test.marking\" for stones owns Heat reads Push
system push for stones owns Push, Pushed { Pushed = Push > 0  Push = (Push * 5 + frame + row) % 4 }
system see for stones changed Heat owns Seen { Seen += 1 }
system tell for stones where Pushed owns Told { Told += 1 }
ensure \"what is pushed has changed\" all(stones: changed(Heat) == Pushed)
ensure \"what changed is seen a frame later\" all(stones: Seen == Told)
ensure \"all of it is told\" sum(stones: Heat.now) >= sum(stones: Told) - n
";
    let run = |binary: &str, arguments: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marking.dip");
        std::fs::write(&path, text).unwrap();
        let path = path.to_str().unwrap();
        let output = command(binary, &[&["run", path, "--frames", "30", "--summary", "json"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        summary(&output)["state_hash"].clone()
    };
    let first = run(BINARY, &["--workers", "0"]);
    for workers in ["1", "2", "3"] {
        assert_eq!(run(BINARY, &["--workers", workers]), first, "{workers} workers");
    }
}
