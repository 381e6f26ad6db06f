//! Grids in whole runs: what a rule finds by one it finds by a tree; the same bits by every back end, at any number of
//! workers, and when workers are killed; nothing is allocated on the way.

use diptych::Program;
use diptych::coordinator::Options;
use diptych_protocol::digest::Digest;
use diptych_protocol::message::Backend;
use diptych_protocol::program::IndexKind;
use diptych_tests::kills::ends_the_same;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

/// Points that wander, what each sees, and watchers of another group. All that is made of neighbours is whole numbers,
/// or a float that does not depend on an order.
fn world(space: &str, vector: &str, wander: &str, index: &str) -> String {
    format!(
        "scenario world\nparam n: u32 = 3_000\nspace {space}\n\
         component Position = {vector}\ncomponent Kind = u8\ncomponent Crowd = u32\ncomponent Friends = u32\n\
         component Gap = f32\n\
         group points[n] {{\n    position Position = {wander}\n    Kind = u8(row % 3)\n    Crowd = 0\n    Friends = 0\n    Gap = 0\n}}\n\
         group watchers[n / 5] {{\n    position Position = {wander}\n    Crowd = 0\n}}\n{index}\n\
         system move for points owns Position {{ Position = if chance(0.3) {{ {wander} }} else {{ Position }} }}\n\
         system crowd for points owns Crowd {{ Crowd = count(x in points within 1.5) }}\n\
         system friends for points owns Friends {{\n\
         \x20   Friends = sum(x in points within 0.8 where x.Kind == Kind : fresh x.Crowd)\n}}\n\
         system gap for points owns Gap {{ Gap = f32(min(x in points within 2.0 of fresh Position : distance(x))) }}\n\
         system watch for watchers owns Crowd {{ Crowd = sum(x in points within 1.5 : u32(x.Kind)) }}\n"
    )
}

fn is_grid(program: &Program) -> bool {
    program.indexes.values().any(|index| matches!(index.kind, IndexKind::Grid { .. }))
}

fn digest(program: &Program, backend: Backend, workers: u16) -> Digest {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}")).digest
}

const TREES: &str = "index a = kdtree of points { bucket = 16 }\nindex b = kdtree of fresh points { bucket = 16 }";
const GRIDS: &str = "index a = grid of points\nindex b = grid of fresh points { cell = 1.1 }";

#[test]
fn what_is_found_by_a_grid_is_found_by_a_tree() {
    let line = "uniform(0, 400)";
    let plane = "vec2(uniform(0, 40), exponential(9) % 40)";
    let room = "vec3(uniform(0, 14), uniform(0, 14), uniform(0, 14))";
    for (space, vector, wander) in [
        ("torus (0) .. (400)", "f32", line),
        ("open 1", "f32", line),
        ("torus (0, 0) .. (40, 40)", "vec2", plane),
        ("box (0, 0) .. (40, 40)", "vec2", plane),
        // Rows outside of the box; cells of a torus that are few.
        ("box (5, 5) .. (30, 60)", "vec2", plane),
        ("open 2", "vec2", plane),
        ("torus (0, 0, 0) .. (14, 14, 14)", "vec3", room),
        ("torus (0, 0, 0) .. (14, 4.5, 14)", "vec3", "vec3(uniform(0, 14), uniform(0, 4.5), uniform(0, 14))"),
        ("open 3", "vec3", room),
        ("torus (0, 0) .. (40, 40)", "dvec2", "dvec2(uniform(0, 40), exponential(9) % 40)"),
        ("open 2", "dvec2", "dvec2(uniform(0, 40), exponential(9) % 40)"),
        ("box (0, 0, 0) .. (14, 14, 14)", "dvec3", "dvec3(uniform(0, 14), uniform(0, 14), uniform(0, 14))"),
    ] {
        let [tree, grid] = [TREES, GRIDS].map(|index| program(&world(space, vector, wander, index), &[], 4));
        assert!(is_grid(&grid) && !is_grid(&tree));
        let [by_tree, by_grid] = [&tree, &grid].map(|program| digest(program, Backend::Compiled, 0).content);
        assert_eq!(by_tree, by_grid, "{space}");
    }
}

#[test]
fn grids_give_the_same_bits_by_every_back_end_at_any_number_of_workers_and_under_kills() {
    for space in ["open 2", "torus (0, 0) .. (40, 40)"] {
        // Sums of floats: they show any change of order.
        let index = format!(
            "{GRIDS}\ncomponent Push = vec2\ngroup pushed[500] {{ position Position = vec2(row, row) / 13.0, Push = vec2(0) }}\n\
             system push for pushed owns Push {{ Push = sum(x in points within 1.5 : delta(x) * f32(x.Kind)) }}"
        );
        let program = program(&world(space, "vec2", "vec2(uniform(0, 40), exponential(9) % 40)", &index), &[], 4);
        let expected = digest(&program, Backend::Interpreter, 0);
        for (backend, workers) in
            BACKENDS.into_iter().flat_map(|backend| [0, 1, 2, 3].map(|workers| (backend, workers)))
        {
            assert_eq!(digest(&program, backend, workers), expected, "{space}, {}, {workers} workers", backend.name());
        }
        ends_the_same(&program, BINARY, expected, 11, 4);
    }
}

/// In a steady frame a worker allocates nothing: the count that it writes in one frame it still finds in the next.
#[test]
fn a_steady_frame_with_grids_allocates_nothing() {
    for space in ["open 2", "torus (0, 0) .. (40, 40)"] {
        let text = format!(
            "scenario steady\nspace {space}\ncomponent Position = vec2\ncomponent Crowd = u32\ncomponent Sum = u32\n\
             component To = entity of points\n\
             group points[5_000] {{\n    position Position = vec2(uniform(0, 40), uniform(0, 40))\n    Crowd = 0\n    Sum = 0\n\
             \x20   To = points[0]\n}}\n\
             group counters[64] {{ Position = vec2(0) }}\nindex cells = grid of points\n\
             system crowd for points owns Crowd {{ Crowd = count(x in points within 1) }}\n\
             system total for points owns Sum {{ Sum = sum(x in points within 1 : fresh x.Crowd) }}\n\
             system counts native \"test.allocations\" for counters owns Position reads Position\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steady.dip");
        std::fs::write(&path, text).unwrap();
        let content = |frames: &str| {
            let arguments = ["run", path.to_str().unwrap(), "--frames", frames, "--workers", "1", "--summary", "json"];
            let output = diptych_tests::command(BINARY, &arguments);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            diptych_tests::summary(&output)["content_hash"].as_str().unwrap().to_string()
        };
        assert_eq!(content("10"), content("60"), "{space}");
    }
}

#[test]
fn a_position_that_no_grid_can_hold_is_blamed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failing.dip");
    // `test.nan` makes one after some frames.
    let text = diptych_tests::drift_with("test.nan")
        + "component Near = u32\ngroup others[64] { position Position = uniform(space), Near = 0 }\n\
           index cells = grid of points\n\
           system look for others owns Near { Near = count(x in points within 1) }\n";
    for text in [
        text.clone(),
        text.replace("space torus (0, 0) .. (100, 100)", "space open 2").replace("uniform(space)", "vec2(0)"),
    ] {
        std::fs::write(&path, text).unwrap();
        let arguments = ["run", path.to_str().unwrap(), "--set", "n=5000", "--frames", "9", "--workers", "2"];
        // Even where nothing looks at what the rule writes.
        let arguments = [&arguments[..], &["--nan", "allow"]].concat();
        let output = diptych_tests::command(BINARY, &arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        for part in
            ["index cells", "failing.dip:", "entity 77: Position.x is NaN", "Position is written by system drift"]
        {
            assert!(stderr.contains(part), "{stderr}");
        }
    }
}

/// A rule that reads a fresh column of the others gathers what it reads: only own positions are in the grid's order.
#[test]
fn a_rule_that_gathers_all_it_reads_finds_the_same() {
    let [tree, grid] = ["kdtree", "grid"].map(|kind| {
        let text = format!(
            "scenario gathering\nspace torus (0, 0) .. (40, 40)\ncomponent P = vec2\ncomponent A = u32\ncomponent B = u32\n\
             group g[3_000] {{ position P = uniform(space), A = row, B = 0 }}\nindex i = {kind} of g\n\
             system a for g owns A {{ A = A + 1 }}\n\
             system b for g owns B {{ B = sum(x in g within 1.5 : fresh x.A) }}\n"
        );
        program(&text, &[], 3)
    });
    assert!(is_grid(&grid) && !is_grid(&tree));
    let [by_tree, by_grid] = [&tree, &grid].map(|program| digest(program, Backend::Compiled, 0).content);
    assert_eq!(by_tree, by_grid);
}
