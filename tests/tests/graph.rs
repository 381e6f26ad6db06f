//! The graph of quantities: what state blocks, buses, fields, events and time are, against their equations, for the whole
//! model and for each row; that a row keeps what it remembers; that compiling has no memory.

use std::collections::BTreeMap;

use diptych::Program;
use diptych::coordinator::{Options, Outcome};
use diptych::explain::ir;
use diptych_protocol::id::GroupId;
use diptych_protocol::math;
use diptych_protocol::message::Backend;
use diptych_tests::kills::{Kills, Random};
use diptych_tests::outputs::{recording, text};
use diptych_tests::{command, program, root, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const DT: f64 = 0.25;

/// What the blocks are asked for: each name with its text, over `x`, `c` and `d`.
const BLOCKS: [(&str, &str); 16] = [
    ("delayed", "delay(x)"),
    ("begun", "delay(x, 7)"),
    ("twice", "delay(delay(x, 1), 2)"),
    ("lagged", "lag(x, 1.5)"),
    ("at_once", "x |> lag(0)"),
    ("slewed", "slew(x, 0.4)"),
    ("ramped", "slew(x, 0.4, 0.2)"),
    ("turned", "phasor(0.3 + x)"),
    ("shifted", "phasor(0.3, -0.25)"),
    ("held", "hold(x, c)"),
    ("added", "accumulate(x)"),
    ("restarted", "accumulate(x, c)"),
    ("latched", "latch(c, d)"),
    ("risen", "rises(c)"),
    ("fallen", "falls(c)"),
    ("crossed", "crosses(x, 0.1)"),
];

/// The equations, as the reference of the language has them: what a block gives for the inputs of each state.
fn expected(name: &str, x: &[f64], c: &[bool], d: &[bool]) -> Vec<f64> {
    let truth = |truth: bool| f64::from(u8::from(truth));
    let fraction = |x: f64| match x - math::floor(x) {
        part if part < 1.0 => part,
        _ => 0.0,
    };
    let before = |k: usize, first: f64| if k == 0 { first } else { x[k - 1] };
    let mut kept: Option<f64> = None;
    let mut all = Vec::new();
    for k in 0..x.len() {
        let m = kept;
        let slew = |up: f64, down: f64| m.map_or(x[k], |m| m + (x[k] - m).max(-(down * DT)).min(up * DT));
        let lag = |tau: f64| m.map_or(x[k], |m| m + (x[k] - m) * (1.0 - math::exp(-DT / tau)));
        let y = match name {
            "delayed" => before(k, x[0]),
            "begun" => before(k, 7.0),
            "twice" => match k {
                0 => 2.0,
                1 => 1.0,
                _ => x[k - 2],
            },
            "lagged" => lag(1.5),
            "at_once" => lag(0.0),
            "slewed" => slew(0.4, 0.4),
            "ramped" => slew(0.4, 0.2),
            "turned" => m.map_or(0.0, |m| fraction(m + (0.3 + x[k]) * DT)),
            "shifted" => m.map_or(0.75, |m| fraction(m + 0.3 * DT)),
            "held" => m.filter(|_| !c[k]).unwrap_or(x[k]),
            "added" => m.map_or(x[k], |m| m + x[k]),
            "restarted" => m.filter(|_| !c[k]).map_or(x[k], |m| m + x[k]),
            "latched" => truth((m == Some(1.0) || c[k]) && !d[k]),
            "risen" => truth(k > 0 && c[k] && !c[k - 1]),
            "fallen" => truth(k > 0 && !c[k] && c[k - 1]),
            "crossed" => truth(k > 0 && (x[k] >= 0.1) != (x[k - 1] >= 0.1)),
            other => panic!("{other}"),
        };
        kept = Some(y);
        all.push(y);
    }
    all
}

/// The columns of a table by their names; truths are 0 and 1.
fn columns(table: &str) -> BTreeMap<String, Vec<f64>> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut columns: BTreeMap<String, Vec<f64>> = names.iter().map(|name| ((*name).to_string(), Vec::new())).collect();
    for line in lines {
        for (name, value) in names.iter().zip(line.split(',')) {
            let value = match value {
                "true" => 1.0,
                "false" => 0.0,
                number => number.parse().unwrap(),
            };
            columns.get_mut(*name).unwrap().push(value);
        }
    }
    columns
}

fn recorded(program: &Program, workers: u16, name: &str) -> BTreeMap<String, Vec<f64>> {
    let folder = tempfile::tempdir().unwrap();
    run_with(program, workers, BINARY, recording(folder.path())).unwrap();
    columns(&text(folder.path(), name))
}

#[track_caller]
fn same(name: &str, found: &[f64], expected: &[f64]) {
    let bits = |all: &[f64]| all.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(found), bits(expected), "{name}: {found:?} against {expected:?}");
}

const ROWS: &str = "scenario blocks\n\
    run { dt = 0.25 }\n\
    component X = f64\n\
    group rows[70] { X = f64(row) * 0.1 - 3 }\n\
    system wander for rows owns X { X = X * 0.9 + uniform(-2.0, 2.0) }\n";

#[test]
fn each_state_block_of_the_model_obeys_its_equation_bit_for_bit() {
    let mut text =
        format!("{ROWS}signal x = mean(rows: X)\nsignal c = fract(x * 3) < 0.3\nsignal d = fract(x * 7) < 0.2\n");
    BLOCKS.iter().for_each(|(name, block)| text += &format!("signal {name} = {block}\n"));
    let names: Vec<&str> = BLOCKS.iter().map(|(name, _)| *name).collect();
    text += &format!("record to \"all.csv\" {{ x, c, d, {} }}\n", names.join(", "));
    let program = program(&text, &[], 80);
    for workers in [0, 2] {
        let found = recorded(&program, workers, "all.csv");
        let truth = |name: &str| found[name].iter().map(|x| *x != 0.0).collect::<Vec<_>>();
        let (x, c, d) = (&found["x"], truth("c"), truth("d"));
        assert_eq!(x.len(), 81);
        assert!(c.contains(&true) && c.contains(&false) && d.contains(&true), "the inputs show nothing");
        for name in &names {
            same(name, &found[*name], &expected(name, x, &c, &d));
        }
    }
}

#[test]
fn each_state_block_of_rows_obeys_its_equation_bit_for_bit() {
    let mut text = ROWS.to_string();
    text += "field x for rows = X\nfield c for rows = fract(x * 3) < 0.3\nfield d for rows = fract(x * 7) < 0.2\n";
    BLOCKS.iter().for_each(|(name, block)| text += &format!("field {name} for rows = {block}\n"));
    // Somebody looks at what is lazy, too.
    text += "signal any_c = any(rows: c or d)\n";
    for backend in [Backend::Interpreter, Backend::Compiled] {
        let mut states: Vec<BTreeMap<&str, Vec<f64>>> = Vec::new();
        for frames in 0..25 {
            let options = Options { backend, ..Options::default() };
            let outcome = run_with(&program(&text, &[], frames), 0, BINARY, options).unwrap();
            let column = |name: &str| match outcome.state.column::<f64>("rows", name) {
                Some(column) => column,
                None => outcome.state.column::<u8>("rows", name).unwrap().into_iter().map(f64::from).collect(),
            };
            let of_blocks = BLOCKS.iter().map(|(name, _)| (*name, column(name)));
            states.push(of_blocks.chain([("X", column("X"))]).collect());
        }
        for row in 0..70 {
            let of = |name: &str| states.iter().map(|state| state[name][row]).collect::<Vec<f64>>();
            let x = of("X");
            let below = |factor: f64, share: f64| {
                x.iter().map(|x| x * factor - math::floor(x * factor) < share).collect::<Vec<_>>()
            };
            let (c, d) = (below(3.0, 0.3), below(7.0, 0.2));
            for (name, _) in &BLOCKS {
                same(&format!("{name} of row {row}"), &of(name), &expected(name, &x, &c, &d));
            }
        }
    }
}

/// Whatever becomes of a row, what it remembers stays with it: births, ends, and places that change.
#[test]
fn a_row_keeps_what_it_remembers_through_births_and_ends() {
    let text = "scenario herd\n\
        component Born = u32\ncomponent Weight = f64\n\
        group herd[700, max 3_000] { Born = 0, Weight = f64(row) + 1 }\n\
        system live for herd {\n\
            if chance(0.06) { despawn self }\n\
            if chance(0.07) { spawn herd { Born = frame + 1, Weight = Weight + 0.5 } }\n\
        }\n\
        signal level = f64(frame)\n\
        field age for herd = accumulate(1)\n\
        field path for herd = accumulate(Weight)\n\
        field heard for herd = accumulate(level)\n";
    let states = |frames: u32, workers: u16| -> Outcome {
        run_with(&program(text, &[], frames), workers, BINARY, Options::default()).unwrap()
    };
    for frames in [0, 1, 2, 17, 40] {
        let outcome = states(frames, 0);
        let of = |name: &str| outcome.state.column::<f64>("herd", name).unwrap();
        let born = outcome.state.column::<u32>("herd", "Born").unwrap();
        let (weight, age, path, heard) = (of("Weight"), of("age"), of("path"), of("heard"));
        assert!(frames < 17 || born.iter().any(|born| *born > 0), "nobody was born");
        for row in 0..born.len() {
            let lived = f64::from(frames - born[row] + 1);
            assert_eq!(age[row], lived, "frame {frames}, row {row}");
            assert_eq!(path[row], weight[row] * lived, "frame {frames}, row {row}");
            // Signals are not known to a blueprint: until its first frame a row has heard nothing.
            let sum: f64 = (born[row]..frames).map(f64::from).sum();
            assert_eq!(heard[row], sum, "frame {frames}, row {row}, born in {}", born[row]);
        }
        for workers in [1, 2, 3] {
            assert_eq!(states(frames, workers).digest, outcome.digest, "frame {frames}, {workers} workers");
        }
    }
    let program = program(text, &[], 150);
    let quiet = run_with(&program, 2, BINARY, Options::default()).unwrap().digest;
    let mut random = Random(5);
    let (outcome, _) = Kills::random(&mut random, 2, 6, 20_000).run(&program, 2, BINARY, Options::default());
    assert_eq!(outcome.digest, quiet);
}

#[test]
fn a_row_keeps_what_it_remembers_where_rows_are_kept_in_spatial_order() {
    let text = "scenario crowd\nspace torus (0, 0) .. (30, 30)\n\
        component Position = vec2\ncomponent Weight = f64\ncomponent Near = u32\n\
        group crowd[2_000] { position Position = uniform(space), Weight = f64(row) + 1, Near = 0 }\n\
        system look for crowd owns Near { Near = count(x in crowd within 1) }\n\
        system walk for crowd owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.7)) }\n\
        field path for crowd = accumulate(Weight)\n\
        field crowded for crowd = latch(Near > 9, false)\n";
    let program = program(text, &[], 30);
    assert!(program.groups[GroupId(0)].order.is_some(), "rows stay where they are");
    let first = run_with(&program, 0, BINARY, Options::default()).unwrap();
    let of = |name: &str| first.state.column::<f64>("crowd", name).unwrap();
    let (weight, path) = (of("Weight"), of("path"));
    assert!(weight.windows(2).any(|pair| pair[0] > pair[1]), "nobody moved");
    (0..2_000).for_each(|row| assert_eq!(path[row], weight[row] * 31.0, "row {row}"));
    for workers in [1, 2, 3] {
        assert_eq!(run_with(&program, workers, BINARY, Options::default()).unwrap().digest, first.digest);
    }
}

/// 10^16 + 1 is 10^16: what comes first shows.
#[test]
fn a_bus_goes_by_order_then_by_text() {
    let rows = "scenario meeting\ncomponent Kind = u8\ncomponent Sum = f64\ncomponent Last = f64\ncomponent Mean = f64\n\
        group rows[4] { Kind = u8(row), Sum = 0, Last = 0, Mean = 0 }\n";
    let text = format!(
        "{rows}\
        bus add: f64 = sum {{ publish 1 order 2\n publish -1e16 order 1\n publish 1e16 }}\n\
        bus tie: f64 = sum {{ publish 1e16\n publish 1\n publish -1e16 order 1 }}\n\
        bus last: f64 = last default 9 {{ publish 1 order 5 when frame > 2\n publish 2 order 5\n publish 3 order -1 }}\n\
        bus empty: f64 = max default 9 |> scale(2) {{ publish 1 when frame > 100 }}\n\
        bus least: f64 = min {{ publish f64(frame)\n publish 2 when frame > 1 }}\n\
        bus times: f64 = product {{ publish 3 when frame > 0\n publish f64(frame) when frame > 1 }}\n\
        bus mid: vec2 = mean {{ publish vec2(1, 2)\n publish vec2(3, 6) when frame > 0 }}\n\
        bus Add for rows: f64 = sum default 5 {{ publish 1e16 }}\n\
        bus One for rows: f64 = last default -1\n\
        bus Mid for rows: f64 = mean default -1 {{ publish 1 when Kind > 2 }}\n\
        system a for rows {{ if Kind > 0 {{ publish Add = 1 }} publish One order 3 = 10 + Kind }}\n\
        system b for rows {{ publish Add order 1 = -1e16 if Kind == 1 {{ publish One order 3 = 20 }} if Kind == 2 {{ publish Mid = 4 }} }}\n\
        system c for rows {{ if Kind > 1 {{ publish One order 2 = 30 }} if Kind > 2 {{ publish Mid = 2 }} }}\n\
        system take for rows owns Sum, Last, Mean {{ Sum = fresh Add  Last = fresh One  Mean = fresh Mid }}\n\
        record to \"all.csv\" {{ add, tie, last, empty, least, times, mid }}\n"
    );
    let of_model = program(&text, &[], 4);
    let found = recorded(&of_model, 2, "all.csv");
    same("add", &found["add"], &[1.0; 5]);
    same("tie", &found["tie"], &[0.0; 5]);
    same("last", &found["last"], &[2.0; 5]);
    same("empty", &found["empty"], &[18.0; 5]);
    same("least", &found["least"], &[0.0, 1.0, 2.0, 2.0, 2.0]);
    same("times", &found["times"], &[1.0, 3.0, 6.0, 9.0, 12.0]);
    same("mid.y", &found["mid.y"], &[2.0, 4.0, 4.0, 4.0, 4.0]);
    let outcome = run_with(&of_model, 2, BINARY, Options::default()).unwrap();
    let of = |name: &str| outcome.state.column::<f64>("rows", name).unwrap();
    // (10^16 + 1) - 10^16 is 0; the row that does not publish its 1 has the same.
    same("Add", &of("Sum"), &[0.0; 4]);
    same("One", &of("Last"), &[10.0, 20.0, 12.0, 13.0]);
    same("Mid", &of("Mean"), &[-1.0, -1.0, 4.0, 1.5]);
    let backwards = program(&text.replace("publish Add order 1 = -1e16", "publish Add order -1 = -1e16"), &[], 4);
    let outcome = run_with(&backwards, 2, BINARY, Options::default()).unwrap();
    same("Add", &outcome.state.column::<f64>("rows", "Sum").unwrap(), &[0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn a_bus_is_read_of_other_rows_and_through_references() {
    let text = "scenario others\nspace box (0, 0) .. (10, 10)\n\
        component Position = vec2\ncomponent To = entity of rows\ncomponent Around = f64\ncomponent Through = f64\n\
        group rows[40] { position Position = vec2(row, 5) * 0.25, To = rows[(row + 1) % 40], Around = 0, Through = 0 }\n\
        bus Call for rows: f64 = sum { publish 100 }\n\
        system call for rows { if Position.x < 5 { publish Call = f64(Position.x) } }\n\
        system hear for rows owns Around, Through {\n\
            Around = sum(x in rows within 0.3 : fresh x.Call)\n\
            Through = fresh To.Call\n\
        }\n";
    let outcome = run_with(&program(text, &[], 1), 2, BINARY, Options::default()).unwrap();
    let of = |name: &str| outcome.state.column::<f64>("rows", name).unwrap();
    let call = |row: usize| 100.0 + if row < 20 { row as f64 * 0.25 } else { 0.0 };
    let around = |row: usize| {
        let near = [row.checked_sub(1), Some(row + 1).filter(|row| *row < 40)];
        near.into_iter().flatten().map(call).sum::<f64>()
    };
    same("Around", &of("Around"), &(0..40).map(around).collect::<Vec<_>>());
    same("Through", &of("Through"), &(0..40).map(|row| call((row + 1) % 40)).collect::<Vec<_>>());
}

#[test]
fn a_field_is_what_the_row_has_in_the_state_that_is_read() {
    let text = "scenario fields\nspace torus (0, 0) .. (20, 20)\n\
        component Position = vec2\ncomponent V = vec2\ncomponent Old = f32\ncomponent New = f32\ncomponent Most = f32\n\
        group rows[300] { position Position = uniform(space), V = vec2(row, 1), Old = 0, New = 0, Most = 0 }\n\
        field speed for rows = length(V)\n\
        fn same(x: f32) -> f32 { let s = x  s }\n\
        field twice for rows = speed + same(speed)\n\
        field near for rows = count(x in rows within 2)\n\
        event fast for rows when speed > 150\n\
        system push for rows owns V { V = V * 1.5 }\n\
        system look for rows owns Old, New, Most {\n\
            Old = twice\n\
            New = fresh twice\n\
            Most = max(x in rows within 2 : x.twice) + f32(near)\n\
        }\n\
        system stop for rows owns Position { on fast { Position = vec2(0) } }\n\
        signal all_fast = count(rows where fast)\n\
        signal mean = mean(x in rows : x.twice)\n";
    let outcome = run_with(&program(text, &[], 1), 2, BINARY, Options::default()).unwrap();
    let of = |name: &str| outcome.state.column::<f32>("rows", name).unwrap();
    let speed = |x: f32| (x * x + 1.0).sqrt();
    // Rows are kept in spatial order; the faster they are, the higher were they counted.
    let sorted = |mut all: Vec<f32>| {
        all.sort_by(f32::total_cmp);
        all
    };
    let (old, new) = (sorted(of("Old")), sorted(of("New")));
    for row in 0..300 {
        assert_eq!(old[row], 2.0 * speed(row as f32), "row {row}");
        let (x, y) = (row as f32 * 1.5, 1.5f32);
        assert_eq!(new[row], 2.0 * (x * x + y * y).sqrt(), "row {row}");
    }
    let stopped = of("Position.x").into_iter().zip(of("Position.y")).filter(|it| *it == (0.0, 0.0)).count();
    assert_eq!(stopped, (0..300).filter(|row| speed(*row as f32) > 150.0).count());
    // A state later they are what this frame made.
    let fast = (0..300)
        .filter(|row| diptych_protocol::math::sqrt((*row as f32 * 1.5) * (*row as f32 * 1.5) + 2.25) > 150.0)
        .count() as u32;
    assert_eq!(outcome.state.signal("all_fast"), Some(diptych_protocol::types::Value::U32(fast)));
}

#[test]
fn events_happen_when_their_conditions_say_and_rules_go_by_them() {
    let text = "scenario events\ncomponent A = u32\ncomponent B = u32\ncomponent C = u32\ncomponent D = u32\n\
        group rows[3] { A = 0, B = 0, C = 0, D = row }\n\
        event third every 3\n\
        event late when frame >= 5\n\
        event turns when rises(frame >= 5)\n\
        event grown for rows when rises(D >= 6)\n\
        system a for rows owns A { on third { A += 1 } }\n\
        system b for rows on turns owns B { B += 1 }\n\
        system c for rows every 4 owns C { C += 1 }\n\
        system d for rows owns D { every 1 { D += 1 } }\n\
        signal grows = count(rows where grown)\n\
        record to \"all.csv\" { third, late, turns, grows }\n";
    let program = program(text, &[], 10);
    let found = recorded(&program, 1, "all.csv");
    let truths = |happens: &dyn Fn(u32) -> bool| (0..=10).map(|k| f64::from(u8::from(happens(k)))).collect::<Vec<_>>();
    same("third", &found["third"], &truths(&|k| k % 3 == 0));
    same("late", &found["late"], &truths(&|k| k >= 5));
    same("turns", &found["turns"], &truths(&|k| k == 5));
    same("grows", &found["grows"], &truths(&|k| (4..=6).contains(&k)));
    let outcome = run_with(&program, 2, BINARY, Options::default()).unwrap();
    let of = |name: &str| outcome.state.column::<u32>("rows", name).unwrap();
    // Frames start from states 0 to 9.
    assert_eq!((of("A"), of("B"), of("C")), (vec![4; 3], vec![1; 3], vec![3; 3]));
}

#[test]
fn time_begins_again_and_phases_are_of_the_number_of_the_state() {
    let text = "scenario time\nrun { frames = endless, dt = 0.1, cycle = 7, until = frame == 40 }\ncomponent A = f64\n\
        group rows[2] { A = 0 }\n\
        system a for rows owns A { A = time + phase() }\n\
        signal p = phase()\nsignal n = cycle()\nsignal first = pulse()\nsignal t = time\n\
        signal tenth = phase(1.37)\nsignal over = cycle(1.37)\nsignal beat = pulse(1.37)\nsignal half = pulse(1.37, 0.5)\n\
        record to \"all.csv\" { p, n, first, t, tenth, over, beat, half }\n";
    let program = program(text, &[], u32::MAX - 2);
    let found = recorded(&program, 2, "all.csv");
    let each = |of: &dyn Fn(u32) -> f64| (0..=40).map(of).collect::<Vec<f64>>();
    let truth = |truth: bool| f64::from(u8::from(truth));
    let passed = |k: u32| f64::from(k) * 0.1 / 1.37;
    same("p", &found["p"], &each(&|k| f64::from(k % 7) / 7.0));
    same("n", &found["n"], &each(&|k| f64::from(k / 7)));
    same("first", &found["first"], &each(&|k| truth(k % 7 == 0)));
    same("t", &found["t"], &each(&|k| f64::from(k % 7) * 0.1));
    same("time", &found["time"], &each(&|k| f64::from(k % 7) * 0.1));
    same("tenth", &found["tenth"], &each(&|k| passed(k) - passed(k).floor()));
    same("over", &found["over"], &each(&|k| passed(k).floor()));
    same("beat", &found["beat"], &each(&|k| truth(k == 0 || passed(k).floor() != passed(k - 1).floor())));
    same("half", &found["half"], &each(&|k| truth(passed(k) - passed(k).floor() < 0.5)));
    let outcome = run_with(&program, 0, BINARY, Options::default()).unwrap();
    assert_eq!(outcome.frames, 40);
    let (k, last) = (39u32, outcome.state.column::<f64>("rows", "A").unwrap()[0]);
    assert_eq!(last, f64::from(k % 7) * 0.1 + f64::from(k % 7) / 7.0);
}

/// Periods of whole frames have pulses of one length, whatever 1 / 365 is as a float.
#[test]
fn pulses_are_as_long_in_each_period() {
    let text = "scenario pulses\nrun { frames = 1, dt = 0.1, cycle = 365 }\ncomponent A = f64\ngroup rows[1] { A = 0 }\n\
        system a for rows owns A { A = A + 1 }\n\
        signal year = pulse(36.5, 0.2)\nsignal days = accumulate(u32(year))\n\
        signal own = accumulate(u32(phase() < 0.2))\nsignal three = accumulate(u32(pulse(3, 0.4)))\n\
        record to \"all.csv\" { days, own, three }\n";
    let found = recorded(&program(text, &[], 3650), 1, "all.csv");
    let counted = |period: u32, open: u32| {
        let open = move |k: u32| (0..=k).filter(|k| k % period < open).count() as f64;
        (0..=3650).map(open).collect::<Vec<f64>>()
    };
    same("days", &found["days"], &counted(365, 73));
    same("own", &found["own"], &counted(365, 73));
    same("three", &found["three"], &counted(30, 12));
}

/// The same text is the same program, whatever was compiled before.
#[test]
fn compiling_remembers_nothing() {
    let mut texts: Vec<(String, String)> = std::fs::read_dir(root().join("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "dip"))
        .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
        .filter(|(_, text)| !text.contains(" from \""))
        .collect();
    texts.sort();
    let mut random = Random(11);
    let mut first: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for _ in 0..3 * texts.len() {
        let (path, text) = &texts[random.next(texts.len() as u64) as usize];
        let bytes = program(text, &[], 3).to_bytes();
        let known = first.entry(path.clone()).or_insert_with(|| bytes.clone());
        assert!(*known == bytes, "{path} is another program");
    }
    assert!(first.len() > texts.len() / 2);
}

/// A small graph, as it is lowered.
#[test]
fn the_graph_is_lowered_to_expressions_and_slots() {
    let text = "scenario small\ncomponent A = f64\ngroup rows[9] { A = 1 }\n\
        signal a = mean(rows: A)\n\
        signal total = delay(total, 0.0) + a\n\
        bus b: f64 = sum default 5 |> scale(2) { publish total when frame > 3 }\n\
        signal s = hold(b, frame > 7)\n";
    let found = ir::named(&program(text, &[], 1), "signals").unwrap();
    let body = &found[found.find("signals a").unwrap()..];
    assert_eq!(body.trim_end(), SMALL.trim(), "\n{body}");
}

const SMALL: &str = "
signals a, total, b, s, total/delay, total/delay has begun, s/hold, s/hold has begun {
  %0 = f64 reduced R0
  %1 = bool signal total/delay has begun
  %2 = f64 signal total/delay
  %3 = f64 const 0.0
  %4 = f64 select %1 %2 %3
  %5 = f64 add %4 %0
  %6 = u32 frame
  %7 = u32 const 3
  %8 = bool gt %6 %7
  %9 = f64 const 5.0
  %10 = f64 select %8 %5 %9
  %11 = f64 const 2.0
  %12 = f64 mul %10 %11
  %13 = bool signal s/hold has begun
  %14 = u32 const 7
  %15 = bool gt %6 %14
  %16 = f64 signal s/hold
  %17 = f64 select %15 %12 %16
  %18 = f64 select %13 %17 %12
  %19 = bool const true
  result %0 %5 %12 %18 %5 %19 %18 %19
}
";

#[test]
fn why_shows_what_a_quantity_was_made_of() {
    let text = "scenario small\ncomponent A = f64\ngroup rows[9] { A = 1 }\n\
        signal a = mean(rows: A)\n\
        signal total = delay(total, 0.0) + a\n\
        event later when frame > 3\n\
        bus b: f64 = sum default 5 |> scale(2) { publish total when later\n publish 0.5 }\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.dip");
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    let answer = |arguments: &[&str]| {
        let output = command(BINARY, &[&["why", &file, "--workers", "1"], arguments].concat());
        let told = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), told.replace(&format!("{}/", folder.path().display()), ""))
    };
    let (code, told) = answer(&["--of", "b", "--at", "5"]);
    assert_eq!(code, Some(0), "{told}");
    let lines: Vec<String> = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "small, state 5",
        "",
        "bus b 13 small.dip:7:5",
        "|> scale(2) 13 small.dip:7:31",
        "publish total 6 small.dip:7:50",
        "signal total 6 small.dip:5:8",
        "state total/delay 5 small.dip:5:16",
        "signal a 1 small.dip:4:8",
        "mean(rows: A) 1 small.dip:4:12",
        "when later true small.dip:7:61",
        "event later true small.dip:6:7",
        "publish 0.5 0.5 small.dip:8:10",
    ];
    assert_eq!(lines, expected, "\n{told}");
    let (code, told) = answer(&["--of", "b", "--at", "5", "--lines", "2"]);
    assert_eq!((code, told.lines().count()), (Some(0), 5), "{told}");
    let (code, told) = answer(&["--of", "totl"]);
    assert_eq!(code, Some(2));
    assert!(told.contains("there is no signal, event or bus `totl`; did you mean `total`?"), "{told}");
}
