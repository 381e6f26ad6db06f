//! Rows that are kept in the order of a grid or a k-d tree: nobody sees it but the clock. Draws, references to entities,
//! what is measured and what is blamed go by entities; and the bits are the same by every back end, at any number of
//! workers, and when workers are killed.

use diptych::Program;
use diptych::coordinator::Options;
use diptych_protocol::digest::Digest;
use diptych_protocol::message::Backend;
use diptych_tests::kills::ends_the_same;
use diptych_tests::{command, program, run_with, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

/// Points that wander, with a name and a weight that nobody writes; draws of rows, of turns and of pairs; what others
/// make in the same frame; watchers of another group; a rule of a later level. All that is made of neighbours is whole
/// numbers.
const WORLD: &str = "scenario world
param n: u32 = 3_000
space torus (0, 0) .. (40, 40)
component Position = vec2
component Name = u32
component Weight = f64
component Wrong = u32
component Crowd = u32
component Luck = u32
component Busy = u32
component Watched = i16
group points[n] {
    position Position = uniform(space)
    Name = row
    Weight = f64(row) * 0.5
    Wrong = 0
    Crowd = 0
    Luck = 0
    Busy = 0
}
group watchers[n / 5] {
    position Position = uniform(space)
    Watched = 0
}
system move for points owns Position {
    let away = if fresh Crowd > 4 { 0.7 } else { 0.2 }
    Position = wrap(Position + polar(uniform(0, TAU), away))
}
system check for points owns Wrong { Wrong += if row == Name { 0 } else { 1 } }
system crowd for points owns Crowd {
    Crowd = count(x in points within 1.5)
    + count(x in points within 1.5 where chance(0.25)) + count(x in points within 1.5 where pair uniform(0, 1) < 0.5)
}
system luck for points owns Luck { Luck = sum(x in points within 0.8 where x.Name % 3 == 0 : fresh x.Crowd + x.Name) }
system busy for points owns Busy { Busy = if fresh Luck > 100 and chance(0.5) { Busy + fresh Crowd } else { Busy } }
system watch for watchers owns Watched {
    Watched = i16(sum(x in points within 1.5 : fresh x.Crowd) % 1000) + i16(count(x in points within 1 where chance(0.5)))
}
index cells = grid of points
signal wrong = sum(points: Wrong)
signal weight = sum(points: Weight)
signal first = sum(points where row < 10 : Name)
ensure \"rows know who they are\" wrong == 0
ensure \"nothing is lost\" weight == f64(n) * (f64(n) - 1) / 4
ensure \"rows are counted by entity\" first == 45
";

/// Another index over the points, which nobody asks: it keeps them where they are.
const PIN: &str = "index pin = kdtree of points { bucket = 64 }\n";

/// Points that hop from place to place of a lattice, many as near to each other as others are, by a tree alone: what is
/// within a radius of all or of each row, what is nearest, what is nearest of some, and of a point beside; what is around a point far away; draws of all of
/// these; watchers of another group.
const TREE_WORLD: &str = "scenario trees
param n: u32 = 2_500
space torus (0, 0) .. (40, 40)
component Position = vec2
component Name = u32
component Weight = f64
component Reach = f32
component Wrong = u32
component Crowd = u32
component Near = u32
component Luck = u32
component Afar = u32
component Far = u32
component Watched = u32
group points[n] {
    position Position = vec2(floor(uniform(0, 80)) * 0.5, floor(uniform(0, 80)) * 0.5)
    Name = row
    Weight = f64(row) * 0.5
    Reach = 0.5 + 0.25 * f32(row % 4)
    Wrong = 0
    Crowd = 0
    Near = 0
    Luck = 0
    Afar = 0
    Far = 0
}
group watchers[n / 5] {
    position Position = vec2(floor(uniform(0, 80)) * 0.5, floor(uniform(0, 80)) * 0.5)
    Watched = 0
}
index tree = kdtree of points { bucket = 32 }
system move for points owns Position {
    let hop = if fresh Crowd > 4 { 1.0 } else { 0.5 }
    Position = wrap(Position + vec2((floor(uniform(0, 3)) - 1) * hop, (floor(uniform(0, 3)) - 1) * hop))
}
system check for points owns Wrong { Wrong += if row == Name { 0 } else { 1 } }
system crowd for points owns Crowd {
    Crowd = count(x in points within 1) + count(x in points within 0.6 where chance(0.25))
    + count(x in points within Reach) + sum(x in points within 0.6 where pair uniform(0, 1) < 0.5 : x.Crowd) % 7
}
system near for points owns Near {
    let mut turn: u32 = 0, mut names: u32 = 0
    for x in points nearest 5 { turn += 1  names += turn * x.Name }
    for x in points nearest 3 where x.Name % 3 == 0 { turn += 1  names += turn * x.Name }
    for x in points nearest 2 of Position + vec2(0.25, 0.25) { turn += 1  names += turn * x.Name }
    Near = names + count(x in points nearest 4 where chance(0.5))
}
system afar for points owns Afar { Afar = sum(x in points within 1.5 of wrap(Position + vec2(13, 7)) : x.Name) }
system far for points owns Far {
    Far = count(x in points within Reach) + 100 * count(x in points within Reach of wrap(Position + vec2(3, 20)))
}
system luck for points owns Luck { Luck = if fresh Near % 2 == 0 and chance(0.5) { Luck + fresh Crowd } else { Luck } }
system watch for watchers owns Watched {
    let mut turn: u32 = 0, mut names: u32 = 0
    for x in points nearest 3 { turn += 1  names += turn * x.Name }
    Watched = names + sum(x in points within 1.5 : x.Crowd) + count(x in points within 1 where chance(0.5))
}
signal wrong = sum(points: Wrong)
signal weight = sum(points: Weight)
signal first = sum(points where row < 10 : Name)
signal crowd = sum(points: Crowd)
ensure \"rows know who they are\" wrong == 0
ensure \"nothing is lost\" weight == f64(n) * (f64(n) - 1) / 4
ensure \"rows are counted by entity\" n < 10 or first == 45
";

/// The same for the tree.
const GRID_PIN: &str = "index pin = grid of points { cell = 20 }\n";

fn in_order(program: &Program) -> bool {
    program.groups.values().any(|group| group.order.is_some())
}

fn digest(program: &Program, backend: Backend, workers: u16) -> Digest {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}")).digest
}

#[test]
fn an_order_changes_nothing_but_the_order() {
    let worlds = [(WORLD, PIN), (TREE_WORLD, GRID_PIN)];
    for ((world, pin), n) in worlds.into_iter().flat_map(|world| ["3_000", "65", "5"].map(|n| (world, n))) {
        let moves = program(world, &[("n", n)], 12);
        let stays = program(&format!("{world}{pin}"), &[("n", n)], 12);
        assert!(in_order(&moves) && !in_order(&stays));
        let [moves, stays] = [moves, stays].map(|program| digest(&program, Backend::Compiled, 0));
        assert_eq!(moves.content, stays.content, "{n} rows");
        assert_ne!(moves.state, stays.state, "{n} rows: the order of rows is state");
    }
}

#[test]
fn rows_in_order_have_the_same_bits_by_every_back_end_at_any_number_of_workers_and_under_kills() {
    // Sums of floats: they show any change of order.
    for world in [WORLD, TREE_WORLD] {
        let text = format!(
            "{world}component Push = vec2\n\
             group pushed[500] {{ position Position = uniform(space), Push = vec2(0) }}\n\
             system push for pushed owns Push {{ Push = sum(x in points within 1.5 : delta(x) * f32(x.Weight)) }}\n"
        );
        let program = program(&text, &[], 8);
        assert!(in_order(&program));
        let expected = digest(&program, Backend::Interpreter, 0);
        for (backend, workers) in BACKENDS.into_iter().flat_map(|backend| [0, 1, 2, 3, 5].map(|count| (backend, count)))
        {
            assert_eq!(digest(&program, backend, workers), expected, "{}, {workers} workers", backend.name());
        }
        ends_the_same(&program, BINARY, expected, 5, 6);
    }
}

#[test]
fn a_row_that_moved_is_blamed_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failing.dip");
    let fails = "Position = if row == 1234 and frame == 7 { vec2(0.0 / f32(frame - 7)) } else { wrap(Position + ";
    let text = WORLD.replace("Position = wrap(Position + ", fails).replace("away))\n}", "away)) }\n}");
    std::fs::write(&path, text).unwrap();
    for workers in ["0", "2"] {
        let output = command(BINARY, &["run", path.to_str().unwrap(), "--frames", "20", "--workers", workers]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("Position.x becomes NaN") && said.contains("1234"), "{said}");
    }
}

/// In a steady frame a worker allocates nothing: the count that it writes in one frame it still finds in the next.
#[test]
fn a_steady_frame_in_order_allocates_nothing() {
    let text = "scenario steady\nspace torus (0, 0) .. (40, 40)\ncomponent Position = vec2\ncomponent Crowd = u32\n\
                component Sum = u32\ncomponent Name = u32\n\
                group points[5_000] { position Position = uniform(space), Crowd = 0, Sum = 0, Name = row }\n\
                group counters[64] { Position = vec2(0) }\n\
                system crowd for points owns Crowd { Crowd = count(x in points within 1) }\n\
                system total for points owns Sum { Sum = sum(x in points within 1 : fresh x.Crowd) }\n";
    assert!(in_order(&program(text, &[], 1)));
    let counts = "system counts native \"test.allocations\" for counters owns Position reads Position\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steady.dip");
    std::fs::write(&path, format!("{text}{counts}")).unwrap();
    let content = |frames: &str| {
        let arguments = ["run", path.to_str().unwrap(), "--frames", frames, "--workers", "1", "--summary", "json"];
        let output = command(BINARY, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        summary(&output)["content_hash"].clone()
    };
    assert_eq!(content("10"), content("60"));
}
