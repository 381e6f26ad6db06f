//! Rows that come and go, kept in the order of a grid or a k-d tree: nobody sees the order but the clock. Who is born as whom,
//! who refers to whom, draws, marks and what is measured are those of the same rules over rows that stay where they are; the
//! bits are the same by every back end, at any number of workers, and when workers are killed.

use diptych::Program;
use diptych::coordinator::{Options, Outcome};
use diptych_protocol::digest::Digest;
use diptych_protocol::message::Backend;
use diptych_tests::kills::{Random, ends_the_same};
use diptych_tests::{command, program, run_with, summary};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

/// Animals that wander, meet, refer to each other and to newborn rows, end themselves and others, carry what nobody writes, have
/// components that come and go and are asked whether they changed; nests of another living group that refer to them;
/// stones whose rows stay, that ask for births and ends among them. All that is made of neighbours is whole numbers.
fn world(look: &str, index: &str) -> String {
    format!(
        "scenario world
param n: u32 = 2_000
param birth: u32 = 4
param twin: u32 = 3
param death: u32 = 4
param kill: u32 = 3
space torus (0, 0) .. (40, 40)
component Position = vec2
component Key = u32
component Weight = f64
component Crowd = u32
component Met = u32
component Kin = u32
component Friend = entity of animals
component Mother = entity of animals
component Child = entity of animals
component Mark = u32
component Heeded = u32
component Owner = entity of animals
component Seen = u32

fn mix(a: u32, b: u32) -> u32 {{
    let c = bit_xor(a, b * 2654435761) * 2246822519
    let d = bit_xor(c, shift_right(c, 15)) * 3266489917
    bit_xor(d, shift_right(d, 13))
}}

group animals[n, max 2 * n + 500] {{
    position Position = vec2(floor(uniform(0, 80)) * 0.5, floor(uniform(0, 80)) * 0.5)
    Key = mix(row, 1)
    Weight = f64(floor(uniform(0, 100)))
    Crowd = 0
    Met = 0
    Kin = 0
    Friend = none
    Mother = none
    Child = none
    optional Mark
    Heeded = 0
}}
group nests[10, max 4 * n + 500] {{ Owner = none, Key = row, Seen = 0 }}
group stones[200] {{ position Position = uniform(space), Key = row, Child = none, Seen = 0 }}
{index}
system move for animals owns Position {{
    let hop = if fresh Crowd > 4 {{ 1.0 }} else {{ 0.5 }}
    Position = wrap(Position + vec2((floor(uniform(0, 3)) - 1) * hop, (floor(uniform(0, 3)) - 1) * hop))
}}
system crowd for animals owns Crowd {{
    Crowd = count(x in animals within 1) + count(x in animals within 0.6 where chance(0.25))
        + sum(x in animals within 0.6 where pair uniform(0, 1) < 0.5 : x.Key % 9)
}}
system meet for animals owns Met {{ Met = {look} }}
system befriend for animals owns Friend, Kin {{
    let who = argmin(x in animals within 1.2 : mix(x.Key, Key))
    Kin = Friend.Key % 1000 + Mother.Met + count(x in nests by Owner) * 10_000 + count(x in stones by fresh Child) * 100_000
    if mix(Key, frame + 5) % 100 < kill {{ despawn Friend }}
    if mix(Key, frame + 3) % 100 < 40 {{ Friend = who }}
}}
system mark for animals without Mark where mix(Key, frame + 31) % 100 < 10 {{ add Mark = Met }}
system wipe for animals with Mark where mix(Key, frame + 33) % 100 < 20 {{ remove Mark }}
system heed for animals changed Mark owns Heeded {{ Heeded += 1 + Mark }}
system breed for animals owns Child {{
    let mut last = Child
    if population < n + n / 2 {{
        for i in 0 .. min(i32(mix(Key, frame) % 100 / 97), 3) {{
            let child = spawn animals {{ Position = Position, Key = mix(Key, frame * 8 + u32(i)), Mother = self }}
            if i == 0 {{ last = child }}
        }}
        if mix(Key, frame + 9) % 100 < twin {{
            let a = spawn animals {{ Position = Position, Key = mix(Key, frame + 500), Mother = self, Weight = 0.5 }}
            let b = spawn animals {{ Position = Position, Key = mix(Key, frame + 5_000), Mother = last, Child = a }}
            spawn nests {{ Owner = b, Key = Key }}
            last = if Key % 2 == 0 {{ a }} else {{ b }}
        }}
        if mix(Key, frame + 11) % 100 < birth {{ spawn animals {{ Position = Position, Key = mix(Key, frame + 9_000) }} }}
    }}
    Child = last
}}
system die for animals {{
    if mix(Key, frame + 7) % 100 < death {{ despawn self }}
    for x in animals within 0.6 {{
        if mix(x.Key, Key + frame) % 100 < kill {{ despawn x }}
    }}
}}
system abandon for nests owns Seen {{
    Seen += if alive(Owner) {{ Owner.Crowd }} else {{ 0 }}
    if Owner == none or not alive(Owner) {{ despawn self }}
}}
system drop for stones owns Child, Seen {{
    Seen = count(x in animals within 1.5) + Child.Met
    let mut last = Child
    // One birth at most: who is born first in a loop over neighbours follows from the order in which they are found.
    let least = min(x in animals within 0.4 : x.Key)
    for x in animals within 0.4 {{
        if mix(x.Key, Key + frame) % 100 < 5 {{ despawn x }}
        if x.Key == least and mix(x.Key, Key + frame + 1) % 100 < 20 {{
            last = spawn animals[max 200] {{ Position = Position, Key = mix(x.Key, Key + frame * 1_000), Friend = last }}
        }}
    }}
    Child = last
}}
signal population = count(animals)
signal weight = sum(animals: Weight)
signal kin = sum(animals: f64(Kin))
signal low = count(animals where row < 10)
"
    )
}

/// What a grid answers, and what a tree does; and an index that nobody asks, which keeps rows where they are.
fn worlds() -> [(String, &'static str); 2] {
    let nearest =
        "sum(x in animals nearest 4 : x.Key % 1000) + sum(x in animals nearest 2 where x.Key % 3 == 0 : x.Crowd)";
    [
        (
            world("sum(x in animals within 0.8 where x.Key % 3 == 0 : fresh x.Crowd + x.Key % 1000)", ""),
            "index pin = kdtree of animals { bucket = 64 }\n",
        ),
        (
            world(nearest, "index tree = kdtree of animals { bucket = 32 }"),
            "index pin = grid of animals { cell = 20 }\n",
        ),
    ]
}

fn in_order(program: &Program) -> bool {
    program.groups[program.group("animals").unwrap()].order.is_some()
}

fn run(program: &Program, backend: Backend, workers: u16) -> Outcome {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}"))
}

fn digest(program: &Program, backend: Backend, workers: u16) -> Digest {
    run(program, backend, workers).digest
}

/// Populations that grow, shrink, end and fill up.
#[test]
fn an_order_changes_nothing_but_the_order_of_rows_that_come_and_go() {
    let mut random = Random(17);
    let mut moved = 0;
    for at in 0..36 {
        let mut below = |most: u64| random.next(most);
        let (world, pin) = &worlds()[at % 2];
        let n = [0, 1, 63, 64, 65, 300, 2_000][below(7) as usize];
        let rates = [("birth", below(20)), ("twin", below(12)), ("death", below(20)), ("kill", below(6)), ("n", n)];
        let rates = rates.map(|(name, value)| (name, value.to_string()));
        let sets: Vec<(&str, &str)> = rates.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let frames = [1, 2, 3, 20, 60][below(5) as usize];
        let moves = program(world, &sets, frames);
        let stays = program(&format!("{world}{pin}"), &sets, frames);
        assert!(in_order(&moves) && !in_order(&stays));
        let workers = [0, 0, 2][at % 3];
        let [moves, stays] = [moves, stays].map(|program| digest(&program, Backend::Compiled, workers));
        assert_eq!(moves.content, stays.content, "run {at}: {frames} frames, {sets:?}");
        moved += u32::from(moves.state != stays.state);
    }
    assert!(moved > 20, "the order of rows is state: {moved}");
}

/// Points that stay, in an order of their own, let sparks be born whose rows nobody keeps in order.
#[test]
fn who_is_born_as_whom_does_not_depend_on_the_order_of_those_who_ask() {
    let text = "scenario sparks\nspace torus (0, 0) .. (30, 30)\ncomponent Position = vec2\ncomponent Near = u32\n\
                component Key = u32\ncomponent Luck = f32\ncomponent Sum = f32\nindex cells = grid of points\n\
                group points[2_000] { position Position = uniform(space), Near = 0, Key = row }\n\
                group sparks[50, max 20_000] { Key = 0, Luck = uniform(0, 1), Sum = 0 }\n\
                system look for points owns Near { Near = count(x in points within 1) }\n\
                system move for points owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.3)) }\n\
                system strike for points {\n\
                    if chance(0.01) { spawn sparks { Key = Key } }\n\
                    for i in 0 .. 3 { if chance(0.01) { spawn sparks { Key = Key * 4 + u32(i) } } }\n\
                }\n\
                system glow for sparks owns Sum {\n\
                    if chance(0.1) { despawn self }\n\
                    Sum += Luck + uniform(0, 1) + sum(x in sparks : x.Luck)\n\
                }\n";
    let moves = program(text, &[], 40);
    let stays = program(&format!("{text}index pin = kdtree of points {{ bucket = 64 }}\n"), &[], 40);
    let order = |program: &Program| program.groups[program.group("points").unwrap()].order;
    assert!(order(&moves).is_some() && order(&stays).is_none());
    let [moves, stays] = [moves, stays].map(|program| run(&program, Backend::Compiled, 2));
    assert!(moves.state.column::<u32>("sparks", "Key").unwrap().len() > 300);
    // Rows of sparks stand where they would, too: sums over all of them are of floats.
    assert_eq!(moves.state.column::<f32>("sparks", "Sum"), stays.state.column::<f32>("sparks", "Sum"));
    assert_eq!(moves.digest.content, stays.digest.content);
}

#[test]
fn rows_that_come_and_go_in_order_have_the_same_bits_at_any_number_of_workers_and_under_kills() {
    for (world, _) in worlds() {
        // Sums of floats: they show any change of order.
        let text = format!(
            "{world}component Push = vec2\n\
             group pushed[500] {{ position Position = uniform(space), Push = vec2(0) }}\n\
             system push for pushed owns Push {{ Push = sum(x in animals within 1.5 : delta(x) * f32(x.Weight)) }}\n"
        );
        let program = program(&text, &[("n", "9_000")], 12);
        assert!(in_order(&program));
        let expected = digest(&program, Backend::Interpreter, 0);
        for (backend, workers) in BACKENDS.into_iter().flat_map(|backend| [0, 1, 2, 3, 5].map(|count| (backend, count)))
        {
            assert_eq!(digest(&program, backend, workers), expected, "{}, {workers} workers", backend.name());
        }
        ends_the_same(&program, BINARY, expected, 8, 7);
    }
}

/// In a steady frame a worker allocates nothing: the count that it writes in one frame it still finds in the next.
#[test]
fn a_steady_frame_of_births_and_ends_in_order_allocates_nothing() {
    let text = "scenario steady\nspace torus (0, 0) .. (40, 40)\ncomponent Position = vec2\ncomponent Crowd = u32\n\
                component Name = u32\ncomponent Sum = u32\n\
                group points[5_000, max 6_000] { position Position = uniform(space), Crowd = 0, Name = row }\n\
                group counters[64] { Position = vec2(0) }\n\
                system crowd for points owns Crowd { Crowd = count(x in points within 1) }\n\
                system live for points where (row + frame) % 50 == 0 {\n\
                    spawn points { Position = Position, Name = Name, Crowd = 0 }\n    despawn self\n}\n";
    assert!(program(text, &[], 1).groups.values().any(|group| group.order.is_some()));
    let counts = "system counts native \"test.allocations\" for counters owns Position reads Position\n\
                  signal counted = max(counters: Position.x)\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steady.dip");
    std::fs::write(&path, format!("{text}{counts}")).unwrap();
    let allocations = |frames: &str| {
        let arguments = ["run", path.to_str().unwrap(), "--frames", frames, "--workers", "1", "--summary", "json"];
        let output = command(BINARY, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        summary(&output)["signals"]["counted"].clone()
    };
    assert_eq!(allocations("110"), allocations("160"));
}
