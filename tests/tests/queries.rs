//! Points and radii that rows compute: what is found is what the plain queries find, and what a look at every row
//! finds; in every space, for points beside all rows, for radii of nothing and of everything; the same bits by every
//! back end, at any number of workers, and when workers are killed.

use diptych::Program;
use diptych::coordinator::{Options, Outcome, Stopped};
use diptych_protocol::message::Backend;
use diptych_tests::kills::ends_the_same;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

fn outcome(program: &Program, backend: Backend, workers: u16) -> Outcome {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}"))
}

fn signal(outcome: &Outcome, name: &str) -> f64 {
    outcome.state.signal(name).unwrap_or_else(|| panic!("no signal {name}")).as_f64()
}

/// Everywhere: rows of the group itself, and of one that stands elsewhere. Each rule that asks with a point or a radius
/// stands beside one that does not need to; `Wrong` counts where they differ. Sums of floats show any other order.
fn world(space: &str, vector: &str, place: &str, index: &str) -> String {
    let equal = if vector == "f32" { "near == far" } else { "length_squared(near - far) == 0" };
    format!(
        "scenario world
param n: u32 = 1_500
space {space}
component Position = {vector}
component Sight = f32
component Mass = f32
component Wrong = u32
component Seen = u32
component Pull = {vector}
group points[n] {{
    position Position = {place}
    Sight = if row % 5 == 0 {{ 0 }} else {{ uniform(0, 2) }}
    Mass = uniform(0.5, 2)
    Wrong = 0
    Seen = 0
    Pull = {vector}(0)
}}
group watchers[n / 4 + 1] {{
    position Position = {place}
    Sight = exponential(0.7) % 2
    Wrong = 0
    Seen = 0
}}
{index}
system move for points owns Position {{ Position = if chance(0.3) {{ {place} }} else {{ Position }} }}
system look for points owns Wrong, Seen, Pull {{
    let here = Position + {vector}(0)
    let plain = sum(x in points within 1.2 : x.Mass)
    let asked = sum(x in points within 1.2 of here : x.Mass)
    let mut near = {vector}(0), mut far = {vector}(0)
    for x in points within 2 where distance(x) <= Sight {{ near += delta(x) * x.Mass }}
    for x in points within Sight {{ far += delta(x) * x.Mass }}
    let both = sum(x in points within Sight of here : x.Mass)
    let same = sum(x in points within 2 where distance(x) <= Sight : x.Mass)
    Seen = count(x in points within Sight)
    Pull = far
    Wrong += if plain == asked and both == same and {equal} {{ 0 }} else {{ 1 }}
}}
system watch for watchers owns Wrong, Seen {{
    let plain = sum(x in points within 1.2 : x.Mass), asked = sum(x in points within 1.2 of Position * 1.0 : x.Mass)
    let own = sum(x in points within Sight : x.Mass), most = sum(x in points within 2 where distance(x) <= Sight : x.Mass)
    Seen = count(x in points within Sight of Position + {vector}(3))
    Wrong += if plain == asked and own == most {{ 0 }} else {{ 1 }}
}}
signal wrong = sum(points: Wrong) + sum(watchers: Wrong)
signal seen = sum(points: Seen) + sum(watchers: Seen)
ensure \"both ways find the same\" wrong == 0
"
    )
}

#[test]
fn points_and_radii_of_rows_find_what_plain_queries_find() {
    let plane = "vec2(uniform(0, 30), exponential(8) % 30)";
    for (space, vector, place) in [
        ("torus (0) .. (300)", "f32", "uniform(0, 300)"),
        ("open 1", "f32", "uniform(0, 300)"),
        ("torus (0, 0) .. (30, 30)", "vec2", plane),
        // A side that no radius is below half of.
        ("torus (0, 0) .. (30, 4)", "vec2", "vec2(uniform(0, 30), uniform(0, 4))"),
        ("box (0, 0) .. (30, 30)", "vec2", plane),
        ("open 2", "vec2", plane),
        // Few places, many rows in each.
        ("torus (0, 0) .. (30, 30)", "vec2", "vec2(floor(uniform(0, 6)), 0)"),
        ("open 3", "vec3", "vec3(uniform(0, 12), uniform(0, 12), uniform(0, 12))"),
        ("torus (0, 0) .. (30, 30)", "dvec2", "dvec2(uniform(0, 30), exponential(8) % 30)"),
        ("open 3", "dvec3", "dvec3(uniform(0, 12), uniform(0, 12), uniform(0, 12))"),
    ] {
        for n in ["1_500", "70", "1"] {
            let program =
                program(&world(space, vector, place, "index a = kdtree of points { bucket = 16 }"), &[("n", n)], 3);
            let found = outcome(&program, Backend::Compiled, 0);
            assert_eq!(found.stopped, Stopped::Frames, "{space}, {n}: {} rows differ", signal(&found, "wrong"));
            assert!(n == "1" || signal(&found, "seen") > 0.0, "{space}, {n}");
        }
    }
}

/// Against a look at every row. In an open space the way is a plain difference.
#[test]
fn points_beside_all_rows_and_strange_radii_find_what_a_look_at_every_row_finds() {
    let text = "scenario strange
space open 2
component Position = vec2
component Radius = f32
component Wrong = u32
component Near = u32
group points[600] { position Position = vec2(uniform(-5, 5), normal(0, 1)), Wrong = 0 }
group askers[900] {
    Radius = if row % 9 == 0 { 0.0 / f32(row - row) } else if row % 9 == 1 { 1.0 / f32(row - row) }
        else if row % 9 == 2 { -1 } else if row % 9 == 3 { 0 } else if row % 9 == 4 { 1e30 } else { uniform(0, 4) }
    Wrong = 0
    Near = 0
}
system ask for askers owns Wrong, Near {
    let to = vec2(uniform(-8, 8), uniform(-8, 8)), none = 0.0 / f32(row - row)
    let at = if row % 7 == 0 { vec2(none, 0) } else { to }
    Near = count(x in points within Radius of at)
    let all = count(x in points where length_squared(x.Position - at) <= Radius * Radius and Radius >= 0)
    let fixed = count(x in points within 1.5 of at)
    let full = count(x in points where length_squared(x.Position - at) <= 1.5 * 1.5)
    let nearest = min(x in points nearest 3 of at : length_squared(x.Position - at))
    let least = min(x in points : length_squared(x.Position - at))
    let third = max(x in points nearest 3 of at : length_squared(x.Position - at))
    let above = count(x in points where length_squared(x.Position - at) < third)
    let good = fresh Near == all and fixed == full and (nearest == least or row % 7 == 0) and above <= 2
    Wrong += if good { 0 } else { 1 }
}
system see for points owns Wrong {
    // A point that a loop has computed, and a loop that is asked with what another one found.
    let middle = mean(x in points within 1 : x.Position)
    let some = count(x in points within 1)
    let there = if some > 0 { middle } else { Position }
    let found = count(x in points within 0.5 + 0.1 * f32(count(y in points within 0.3 of there)) of there)
    let radius = 0.5 + 0.1 * f32(count(y in points where y != self and length_squared(y.Position - there) <= 0.3 * 0.3))
    let full = count(x in points where length_squared(x.Position - there) <= radius * radius)
    Wrong += if found == full { 0 } else { 1 }
}
signal wrong = sum(askers: Wrong) + sum(points: Wrong)
signal near = sum(askers: Near)
ensure \"what is found is what is there\" wrong == 0
";
    for backend in BACKENDS {
        let found = outcome(&program(text, &[], 3), backend, 2);
        assert_eq!(found.stopped, Stopped::Frames, "{} rows differ", signal(&found, "wrong"));
        assert!(signal(&found, "near") > 1e4, "{}", signal(&found, "near"));
    }
}

#[test]
fn questions_have_the_same_bits_by_every_back_end_at_any_number_of_workers_and_under_kills() {
    let place = "vec2(uniform(0, 30), exponential(8) % 30)";
    // With a grid beside the tree, rows of the points go by its slots.
    for index in ["", "index a = kdtree of points { bucket = 16 }\nindex b = grid of points { cell = 1.5 }"] {
        let text = world("torus (0, 0) .. (30, 30)", "vec2", place, index);
        // Plain loops ask the grid then, whose order is another.
        let text = text.replace("ensure \"both ways find the same\" wrong == 0", "");
        let program = program(&text, &[], 4);
        let expected = outcome(&program, Backend::Interpreter, 0).digest;
        for (backend, workers) in BACKENDS.into_iter().flat_map(|backend| [0, 1, 2, 3].map(|count| (backend, count))) {
            assert_eq!(outcome(&program, backend, workers).digest, expected, "{}, {workers} workers", backend.name());
        }
        ends_the_same(&program, BINARY, expected, 7, 4);
    }
}
