//! The nearest of those rows for which a condition is true are what a look at every row finds: in every space, for
//! positions of either precision, whatever the condition reads, be it true of nobody, of everybody or of one; the same bits
//! by every back end, at any number of workers, and when workers are killed.

use diptych::Program;
use diptych::coordinator::{Options, Outcome, Stopped};
use diptych_protocol::message::Backend;
use diptych_tests::kills::ends_the_same;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];
const DISC: &str = "vec2(uniform(0, 30), exponential(8) % 30)";

fn outcome(program: &Program, backend: Backend, workers: u16) -> Outcome {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}"))
}

fn signal(outcome: &Outcome, name: &str) -> f64 {
    outcome.state.signal(name).unwrap_or_else(|| panic!("no signal {name}")).as_f64()
}

/// Each row that is met must have as many better ones as were met before it, and there must be no more to meet.
fn world(space: &str, vector: &str, place: &str, ripe: &str, index: &str) -> String {
    let squared = |of: &str| {
        if vector == "f32" { format!("delta({of}) * delta({of})") } else { format!("length_squared(delta({of}))") }
    };
    let (x, y) = (squared("x"), squared("y"));
    format!(
        "scenario world
param n: u32 = 600
space {space}
component Position = {vector}
component Number = u32
component Team = u32
component Ripe = bool
component Wrong = u32
component Met = u32
group points[n] {{
    position Position = {place}
    Number = row
    Team = row % 3
    Ripe = {ripe}
    Wrong = 0
    Met = 0
}}
group watchers[n / 4 + 1] {{
    position Position = {place}
    Team = u32(uniform(0, 3))
    Wrong = 0
    Met = 0
}}
{index}
system move for points owns Position {{ Position = if chance(0.3) {{ {place} }} else {{ Position }} }}
system look for points owns Wrong, Met {{
    let mut met = 0, mut wrong = 0
    for x in points nearest 3 where x.Ripe {{
        let d = {x}
        let better = count(y in points where y.Ripe and ({y} < d or ({y} == d and y.Number < x.Number)))
        if i32(better) != met {{ wrong += 1 }}
        met += 1
    }}
    if met != i32(min(3, count(y in points where y.Ripe))) {{ wrong += 1 }}
    let mut foes = 0
    if row % 2 == 0 {{
        for x in points nearest 40 where x.Ripe and x.Team != Team {{
            let d = {x}
            let better = count(y in points where y.Ripe and y.Team != Team and
                ({y} < d or ({y} == d and y.Number < x.Number)))
            if i32(better) != foes {{ wrong += 1 }}
            foes += 1
        }}
        if foes != i32(min(40, count(y in points where y.Ripe and y.Team != Team))) {{ wrong += 1 }}
    }}
    Wrong += u32(wrong)
    Met = u32(met + foes)
}}
system watch for watchers owns Wrong, Met {{
    let mut met = 0, mut wrong = 0
    for x in points nearest 2 where x.Ripe and x.Team == Team {{
        let d = {x}
        let better = count(y in points where y.Ripe and y.Team == Team and
            ({y} < d or ({y} == d and y.Number < x.Number)))
        if i32(better) != met {{ wrong += 1 }}
        met += 1
    }}
    if met != i32(min(2, count(y in points where y.Ripe and y.Team == Team))) {{ wrong += 1 }}
    let plain = sum(x in points nearest 5 where x.Ripe and x.Team == Team : x.Number)
    let asked = sum(x in points nearest 5 of Position + {vector}(0) where x.Ripe and x.Team == Team : x.Number)
    if plain != asked {{ wrong += 1 }}
    Wrong += u32(wrong)
    Met = u32(met)
}}
signal wrong = sum(points: Wrong) + sum(watchers: Wrong)
signal met = sum(points: Met) + sum(watchers: Met)
ensure \"a look at every row finds the same\" wrong == 0
"
    )
}

#[test]
fn the_nearest_that_count_are_those_that_a_look_at_every_row_finds() {
    let tree = "index a = kdtree of points { bucket = 8 }";
    for (space, vector, place) in [
        ("torus (0) .. (300)", "f32", "uniform(0, 300)"),
        ("open 1", "f32", "floor(uniform(0, 100))"),
        ("torus (0, 0) .. (30, 30)", "vec2", DISC),
        ("torus (0, 0) .. (30, 4)", "vec2", "vec2(uniform(0, 30), uniform(0, 4))"),
        ("box (0, 0) .. (30, 30)", "vec2", DISC),
        // A line; and few places, many rows in each.
        ("open 2", "vec2", "vec2(normal(0, 1), 0)"),
        ("torus (0, 0) .. (30, 30)", "vec2", "vec2(floor(uniform(0, 6)), 0)"),
        ("torus (0, 0, 0) .. (9, 9, 9)", "vec3", "vec3(uniform(0, 9), uniform(0, 9), 8.9)"),
        ("torus (0, 0) .. (30, 30)", "dvec2", "dvec2(uniform(0, 30), exponential(8) % 30)"),
        // Many round to one `f32`.
        ("open 3", "dvec3", "dvec3(floor(uniform(0, 2)), 7, 1) + dvec3(uniform(0, 1), uniform(0, 1), 1) * 1e-9"),
    ] {
        for (n, ripe) in
            [("600", "chance(0.1)"), ("600", "row == 7"), ("70", "false"), ("70", "true"), ("2", "true"), ("1", "true")]
        {
            let program = program(&world(space, vector, place, ripe, tree), &[("n", n)], 2);
            let found = outcome(&program, Backend::Compiled, 0);
            assert_eq!(found.stopped, Stopped::Frames, "{space}, {n}, {ripe}: {} wrong", signal(&found, "wrong"));
            assert!(n == "1" || (signal(&found, "met") > 0.0) == (ripe != "false"), "{space}, {n}, {ripe}");
        }
    }
}

/// `nearest` among positions of `f64` without a condition, and through points that rows compute.
#[test]
fn the_nearest_of_exact_positions_are_those_that_a_look_at_every_row_finds() {
    // With a grid beside the tree, rows of the points go by its slots.
    let slots = "index a = kdtree of points { bucket = 16 }\nindex b = grid of points { cell = 1.5 }";
    for (space, index, place) in [
        ("open 2", "", "dvec2(floor(uniform(0, 3)), 1) + dvec2(uniform(0, 1), uniform(0, 1)) * 1e-9"),
        ("box (0, 0) .. (9, 9)", slots, "dvec2(uniform(0, 9), exponential(3) % 9)"),
        (
            "torus (0, 0) .. (9, 9)",
            "",
            "dvec2(if chance(0.5) { 1e-9 } else { 8.999999 }, 4) + dvec2(uniform(0, 1), 0) * 1e-8",
        ),
    ] {
        let text = format!(
            "scenario exact
space {space}
component Position = dvec2
component Number = u32
component Wrong = u32
group points[500] {{ position Position = {place}, Number = row, Wrong = 0 }}
{index}
system look for points owns Wrong {{
    let mut met = 0, mut wrong = 0
    for x in points nearest 9 {{
        let d = length_squared(delta(x))
        let better = count(y in points where length_squared(delta(y)) < d or
            (length_squared(delta(y)) == d and y.Number < x.Number))
        if i32(better) != met {{ wrong += 1 }}
        met += 1
    }}
    let asked = sum(x in points nearest 9 of Position * 1.0 : x.Number)
    if count(x in points within 1.5) != count(x in points where distance(x) <= 1.5) {{ wrong += 1 }}
    if met != 9 or asked != sum(x in points nearest 9 : x.Number) {{ wrong += 1 }}
    Wrong += u32(wrong)
}}
signal wrong = sum(points: Wrong)
ensure \"a look at every row finds the same\" wrong == 0
"
        );
        // The same of where rows are in the end.
        let near = text.replace("nearest 9 {", "nearest 9 of fresh Position {");
        let near = near.replace("delta(y)", "fresh y.Position - fresh Position");
        let near = near.replace(
            "let asked = sum(x in points nearest 9 of Position * 1.0",
            "let asked = sum(x in points nearest 9",
        );
        let moved = format!(
            "{near}system move for points owns Position {{ Position = if chance(0.5) {{ {place} }} else {{ Position }} }}\n"
        );
        let texts = if space.starts_with("torus") { vec![text] } else { vec![text, moved] };
        for (text, backend) in texts.iter().flat_map(|text| BACKENDS.map(|backend| (text, backend))) {
            let found = outcome(&program(text, &[], 2), backend, 2);
            assert_eq!(found.stopped, Stopped::Frames, "{space}: {} wrong", signal(&found, "wrong"));
        }
    }
}

/// A condition that reads all it can: the own row, what loops before it found, loops of its own, references, signals,
/// what this frame has made, draws of the row and of pairs, and what another condition chose.
const READS: &str = "
system look for points owns Seen, Prey {
    let crowd = count(x in points within 1.5)
    let mut wanted = f32(crowd) * 0.1
    if Sight > 1 { wanted += 0.2 }
    let first = argmin(x in points nearest 4 where x.Mass > wanted and x.Ripe : distance(x))
    Prey = first
    let mut seen = 0.0
    if Sight > 0.4 {
        for x in points nearest 6 where x != first and x.Mass < first.Mass + 1 and distance(x) > 0.1 and
            any(y in points within 0.7 : y.Mass > Mass) {
            seen += x.Mass * distance(x)
        }
    }
    let drawn = sum(x in points nearest 3 where chance(0.2) : x.Mass)
    let both = sum(x in points nearest 3 where pair uniform(0, 1) < 0.3 : delta(x).x)
    let there = sum(x in points nearest 3 of Position + vec2(Sight, 1) where fresh x.Ripe and x.Mass > mean_mass : x.Mass)
    Seen = seen + drawn + both + there
}
system ripen for points owns Ripe { Ripe = if chance(0.1) { not Ripe } else { Ripe } }
";

fn reading(index: &str, systems: &str) -> String {
    format!(
        "scenario reading
space torus (0, 0) .. (30, 30)
component Position = vec2
component Sight = f32
component Mass = f32
component Ripe = bool
component Seen = f32
component Prey = entity of points
group points[300] {{
    position Position = {DISC}
    Sight = uniform(0, 2)
    Mass = uniform(0.5, 2)
    Ripe = chance(0.3)
    Seen = 0
    Prey = points[row]
}}
{index}
system move for points owns Position {{ Position = if chance(0.3) {{ {DISC} }} else {{ Position }} }}
{systems}
signal mean_mass = mean(points: Mass)
signal seen = sum(points: Seen)
"
    )
}

#[test]
fn conditions_have_the_same_bits_by_every_back_end_at_any_number_of_workers_and_under_kills() {
    // With a grid beside the tree, rows of the points go by its slots.
    for index in ["", "index a = kdtree of points { bucket = 16 }\nindex b = grid of points { cell = 1.5 }"] {
        let program = program(&reading(index, READS), &[], 2);
        let expected = outcome(&program, Backend::Interpreter, 0);
        assert!(signal(&expected, "seen").abs() > 300.0, "{}", signal(&expected, "seen"));
        for (backend, workers) in BACKENDS.into_iter().flat_map(|backend| [0, 1, 2, 3].map(|count| (backend, count))) {
            let found = outcome(&program, backend, workers).digest;
            assert_eq!(found, expected.digest, "{}, {workers} workers", backend.name());
        }
        ends_the_same(&program, BINARY, expected.digest, 7, 4);
    }
}

/// Cells ask, whose conditions look at the cells beside them; and rows that go bucket by bucket through a tree.
#[test]
fn conditions_of_cells_and_of_rows_that_sum_what_is_far_have_the_same_bits() {
    let cells = "scenario cells
space torus (0, 0) .. (30, 30)
component Position = vec2
component Mass = f32
component Heat = f32
component Taken = f32
group points[400] { position Position = vec2(uniform(0, 30), exponential(8) % 30), Mass = uniform(0, 1) }
grid soil[40, 30] { Heat = uniform(0, 1), Taken = 0 }
system take for soil owns Taken, Heat {
    let slope = shift(1, 0).Heat - shift(-1, 1).Heat
    Taken = sum(x in points nearest 2 of centre(self) where x.Mass > slope and x.Mass > Heat : x.Mass)
    Heat = mix(Heat, shift(0, 1).Heat, 0.1)
}
signal seen = sum(soil: Taken)
";
    let far = "scenario far
space open 2
component Position = vec2
component Mass = f32
component Seen = f32
group points[700] { position Position = vec2(normal(0, 3), normal(0, 1)), Mass = uniform(0.5, 2), Seen = 0 }
index masses = kdtree of points { bucket = 16, sum = Mass, angle = 0.6 }
system pull for points owns Seen {
    let mut pull = 0.0
    for b in points far masses { pull += b.Mass / (1 + length_squared(delta(b))) }
    Seen = sum(x in points nearest 3 where x.Mass * 100 < pull : x.Mass)
}
signal seen = sum(points: Seen)
";
    for text in [cells, far] {
        let program = program(text, &[], 3);
        let expected = outcome(&program, Backend::Interpreter, 0);
        assert!(signal(&expected, "seen") > 100.0, "{}", signal(&expected, "seen"));
        for (backend, workers) in BACKENDS.into_iter().flat_map(|backend| [0, 2].map(|count| (backend, count))) {
            let found = outcome(&program, backend, workers).digest;
            assert_eq!(found, expected.digest, "{}, {workers} workers", backend.name());
        }
    }
}
