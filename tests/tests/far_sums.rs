//! Sums over what is near and far: how near they come to the sum over all rows, that they count each row once, and that
//! they are the same bits whoever computes them.

use diptych::Program;
use diptych::coordinator::{Options, State};
use diptych_protocol::digest::Digest;
use diptych_protocol::message::Backend;
use diptych_protocol::nan::NanPolicy;
use diptych_protocol::program::{Domain, Work};
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

/// Positions of a Plummer sphere with a scale of 1 in three dimensions, of a disc of radius 1 in two.
const PLUMMER: &str = "at(1 / sqrt(pow(U, -2.0 / 3.0) - 1), 1 - 2 * V, TAU * W)";
const DISC: &str = "polar(TAU * V, sqrt(U))";

/// Bodies at rest, and how each is pulled by all others. `float` is `f32` or `f64`.
fn world(float: &str, axes: usize, place: &str, mass: &str, index: &str) -> String {
    let vector = if float == "f64" { format!("dvec{axes}") } else { format!("vec{axes}") };
    format!(
        "scenario world\nparam n: u32 = 1000\nparam angle: f32 = 0.6\nparam soft: f64 = 1e-4\nspace open {axes}\n\
         fn at(r: {float}, z: {float}, phi: {float}) -> {vector3} {{\n\
         \x20   let s = sqrt(max(1 - z * z, 0))\n    {vector3}(r * s * cos(phi), r * s * sin(phi), r * z)\n}}\n\
         component U = {float}\ncomponent V = {float}\ncomponent W = {float}\n\
         component Position = {vector}\ncomponent Mass = {float}\ncomponent Pull = {vector}\ncomponent Met = {float}\n\
         group bodies[n] {{\n    U = uniform(0.001, 0.99)\n    V = uniform(0, 1)\n    W = uniform(0, 1)\n\
         \x20   position Position = {place}\n    Mass = {mass}\n    Pull = {vector}(0)\n    Met = 0\n}}\n\
         index masses = kdtree of bodies {{ {index}, sum = Mass, angle = angle }}\n\
         system pull for bodies owns Pull, Met {{\n    let mut a = {vector}(0), mut met: {float} = 0\n\
         \x20   for b in bodies far masses {{\n        let d = delta(b)\n\
         \x20       let s = length_squared(d) + {float}(soft)\n\
         \x20       a += d * (b.Mass / (s * sqrt(s)))\n        met += b.Mass\n    }}\n    Pull = a\n    Met = met\n}}\n",
        vector3 = if float == "f64" { "dvec3" } else { "vec3" },
    )
}

fn state(text: &str, sets: &[(&str, &str)]) -> State {
    run_with(&program(text, sets, 1), 0, BINARY, Options::default()).unwrap_or_else(|e| panic!("{e}")).state
}

fn column(state: &State, name: &str) -> Vec<f64> {
    match state.column::<f64>("bodies", name) {
        Some(values) => values,
        None => state.column::<f32>("bodies", name).unwrap().into_iter().map(f64::from).collect(),
    }
}

fn vectors(state: &State, name: &str, axes: usize) -> Vec<[f64; 3]> {
    let lanes: Vec<Vec<f64>> =
        (0..axes).map(|axis| column(state, &format!("{name}.{}", ["x", "y", "z"][axis]))).collect();
    (0..lanes[0].len()).map(|row| std::array::from_fn(|axis| lanes.get(axis).map_or(0.0, |lane| lane[row]))).collect()
}

fn size(v: [f64; 3]) -> f64 {
    (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt()
}

/// How some rows are off, relative to the sum over all rows in `f64`, from the least to the largest.
fn errors(state: &State, axes: usize, soft: f64) -> Vec<f64> {
    let (at, mass, pull) = (vectors(state, "Position", axes), column(state, "Mass"), vectors(state, "Pull", axes));
    let step = (at.len() / 600).max(1);
    let mut errors: Vec<f64> = (0..at.len())
        .step_by(step)
        .map(|row| {
            let mut exact = [0.0; 3];
            for other in (0..at.len()).filter(|other| *other != row) {
                let d: [f64; 3] = std::array::from_fn(|axis| at[other][axis] - at[row][axis]);
                let s = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + soft;
                (0..3).for_each(|axis| exact[axis] += d[axis] * (mass[other] / (s * s.sqrt())));
            }
            let off = size(std::array::from_fn(|axis| pull[row][axis] - exact[axis]));
            if off == 0.0 { 0.0 } else { off / size(exact) }
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    errors
}

/// The median and the 99th percentile; the language's reference has the same table.
#[test]
fn far_sums_are_as_near_to_the_exact_force_as_is_said() {
    for (what, axes, place, limits) in [
        (
            "sphere",
            3,
            PLUMMER,
            [(0.3, 1.5e-4, 5.5e-4), (0.5, 7.8e-4, 2.7e-3), (0.7, 1.7e-3, 7.8e-3), (1.0, 4.1e-3, 1.9e-2)],
        ),
        ("disc", 2, DISC, [(0.3, 3.4e-3, 2.1e-2), (0.5, 9.2e-3, 6.2e-2), (0.7, 1.9e-2, 0.16), (1.0, 3.7e-2, 0.35)]),
    ] {
        let text = world("f32", axes, place, "f32(1) / f32(n)", "bucket = 32");
        for (angle, median, worst) in limits {
            let state = state(&text, &[("n", "20_000"), ("angle", &angle.to_string())]);
            let errors = errors(&state, axes, 1e-4);
            let (half, most) = (errors[errors.len() / 2], errors[errors.len() * 99 / 100]);
            println!("{what}, angle {angle}: median {half:.2e}, 99th percentile {most:.2e}");
            assert!(half <= median && most <= worst, "{what}, angle {angle}: {half} and {most}");
        }
    }
}

#[test]
fn an_angle_of_0_takes_each_row_by_itself() {
    for (axes, place) in [(3, PLUMMER), (2, DISC)] {
        let text = world("f64", axes, place, "V / n", "bucket = 16");
        let errors = errors(&state(&text, &[("n", "3_000"), ("angle", "0")]), axes, 1e-4);
        assert!(errors[errors.len() - 1] < 1e-13, "{errors:?}");
    }
}

/// What no tree likes. Whole masses are summed exactly: that each row meets all that it is not itself shows in its sum.
#[test]
fn each_row_is_counted_once_whatever_rows_lie_like() {
    let cluster = "(if row % 2 == 0 { vec3(0) } else { vec3(1e4, 1, 0) }) + vec3(U, V, W)";
    for (place, n, worst) in [
        ("vec3(1, 2, 3)", "1_000", 1e-6),
        (cluster, "2_000", 0.05),
        ("vec3(row, 0, 0)", "3_000", 0.2),
        ("vec3(row / 7 % 3, 0, row / 500)", "3_000", 0.3),
        ("vec3(U, V, W)", "1", 0.0),
        ("vec3(U, V, W)", "2", 1e-5),
        ("vec3(U, V, W)", "31", 0.2),
        ("vec3(U, V, W)", "2_049", 0.1),
    ] {
        for angle in ["0", "0.6", "1.5"] {
            for bucket in ["bucket = 8", "bucket = 64"] {
                let text = world("f32", 3, place, "f32(1 + row % 3)", bucket);
                let state = state(&text, &[("n", n), ("angle", angle)]);
                let (mass, met) = (column(&state, "Mass"), column(&state, "Met"));
                let total: f64 = mass.iter().sum();
                let all = mass.iter().zip(&met).all(|(mass, met)| mass + met == total);
                assert!(all, "{place}, {n} rows, angle {angle}, {bucket}");
                let errors = errors(&state, 3, 1e-4);
                let most = errors[errors.len() * 99 / 100];
                assert!(angle == "1.5" || most <= worst, "{place}, {n} rows, angle {angle}, {bucket}: {most}");
            }
        }
    }
}

#[test]
fn rows_without_weight_pull_nothing_and_are_pulled() {
    let none = state(&world("f32", 3, PLUMMER, "0", "bucket = 8"), &[]);
    assert!(vectors(&none, "Pull", 3).into_iter().all(|pull| pull == [0.0; 3]));
    // One that weighs among many that do not: everyone is drawn to it.
    let text = world("f32", 3, PLUMMER, "if row == 77 { 1 } else { 0 }", "bucket = 8");
    let one = state(&text, &[("angle", "0.8")]);
    let errors = errors(&one, 3, 1e-4);
    assert!(errors[errors.len() - 1] < 1e-5, "{errors:?}");
}

/// The same, with what is far summed over fresh positions, and several systems in a pass.
fn moving(float: &str) -> String {
    let text = world(float, 3, PLUMMER, "V", "bucket = 16").replace("kdtree of bodies", "kdtree of fresh bodies");
    let vector = if float == "f64" { "dvec3" } else { "vec3" };
    format!(
        "{text}component Velocity = {vector}\ncomponent Deep = {float}\n\
         system move for bodies owns Position {{ Position += Pull * 0.001 }}\n\
         system count for bodies owns U {{ U += fresh Met + {float}(uniform(0, 1)) }}\n\
         system dense for bodies owns W {{ W = sum(b in bodies within 0.5 of fresh Position : b.Mass) }}\n\
         system depth for bodies owns V {{ V = sum(b in bodies far masses where distance(b) > 0.1 : b.Mass / distance(b)) }}\n"
    )
}

fn digest(program: &Program, backend: Backend, workers: u16) -> Digest {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}")).digest
}

#[test]
fn far_sums_are_the_same_bits_by_every_back_end_at_any_number_of_workers_in_any_batches() {
    for float in ["f32", "f64"] {
        let by_slots = program(&moving(float), &[("n", "1_500")], 2);
        let (mut by_rows, mut small) = (by_slots.clone(), by_slots.clone());
        let mut passes = 0;
        for (program, rows) in [(&mut by_rows, true), (&mut small, false)] {
            for (_, step) in program.steps.iter_mut() {
                let Domain::Slots { index, .. } = step.domain else { continue };
                assert!(matches!(step.work, Work::Pass { .. }));
                let group = program.indexes[index].group;
                let batch_rows = if rows { 192 } else { 64 };
                step.domain =
                    if rows { Domain::Rows { group, batch_rows } } else { Domain::Slots { index, batch_rows } };
                passes += 1;
            }
        }
        assert!(passes >= 2, "no pass goes by slots");
        let expected = digest(&by_slots, Backend::Interpreter, 0);
        for (how, program) in [("by slots", &by_slots), ("by rows", &by_rows), ("in small batches", &small)] {
            for (backend, workers) in
                BACKENDS.into_iter().flat_map(|backend| [0, 2, 3].map(|workers| (backend, workers)))
            {
                // Which batches there are is part of the program, and of its hash: the content is not.
                let found = digest(program, backend, workers).content;
                assert_eq!(found, expected.content, "{float}, {how}, {}, {workers} workers", backend.name());
            }
        }
    }
}

#[test]
fn a_steady_frame_with_far_sums_allocates_nothing() {
    // The count that a worker writes in one frame it still finds in the next.
    let text = "scenario steady\nspace open 2\ncomponent Position = vec2\ncomponent Mass = f32\ncomponent Met = u32\n\
         group points[5_000] { position Position = vec2(exponential(9), uniform(0, 40)), Mass = 1, Met = 0 }\n\
         group counters[64] { Position = vec2(0) }\nindex masses = kdtree of points { bucket = 16, sum = Mass }\n\
         system meet for points owns Met { Met = u32(sum(x in points far masses : x.Mass)) }\n\
         system counts native \"test.allocations\" for counters owns Position reads Position\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steady.dip");
    std::fs::write(&path, text).unwrap();
    let content = |frames: &str| {
        let arguments = ["run", path.to_str().unwrap(), "--frames", frames, "--workers", "1", "--summary", "json"];
        let output = diptych_tests::command(BINARY, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        diptych_tests::summary(&output)["content_hash"].as_str().unwrap().to_string()
    };
    assert_eq!(content("10"), content("40"));
}

#[test]
fn a_position_that_is_no_number_is_blamed_before_it_is_summed() {
    let text = world("f32", 3, PLUMMER, "1", "bucket = 16")
        + "system spoil for bodies owns Position { Position *= if frame == 2 { 0 / (Mass - 1) } else { 1 } }\n";
    // Even where nothing looks at what the rule writes.
    let program = Program { nan: NanPolicy::Allow, ..program(&text, &[], 5) };
    let error = run_with(&program, 0, BINARY, Options::default()).err().map(|e| e.to_string()).unwrap_or_default();
    for part in ["masses", "Position.x is NaN"] {
        assert!(error.contains(part), "{error}");
    }
}
