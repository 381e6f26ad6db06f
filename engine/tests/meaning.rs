//! What expressions mean: initialisers compiled, then evaluated by the reference.

#![allow(clippy::expect_used, reason = "what is not as expected fails the test")]

mod support;

use diptych::compile::{Compiled, Settings, compile};
use diptych::source::Source;
use diptych_protocol::eval::{self, Here};
use diptych_protocol::id::{ColumnId, GroupId, SystemId, Tick};
use diptych_protocol::program::{IndexPhase, Origin, Program, StageKind, Work};
use diptych_protocol::types::Value;
use support::EveryKernel;

#[track_caller]
fn compiled(text: &str) -> Compiled {
    let source = Source { path: "test.dip".into(), text: format!("scenario test\n{text}") };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => compiled,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// The values of the first group's columns in a row at set-up.
#[track_caller]
fn row(program: &Program, row: u32) -> Vec<Value> {
    let Origin::Blueprint(body) = program.groups[GroupId(0)].origin else { panic!("derived") };
    let mut stored = eval::row(&program.bodies[body], Here { entity: row, seed: program.seed, tick: Tick::SETUP.0 })
        .expect("well formed");
    stored.sort_by_key(|(column, _)| *column);
    stored.into_iter().map(|(_, value)| value).collect()
}

/// The value of one expression in row 5 of a group, as a component of this type.
#[track_caller]
fn value(ty: &str, expression: &str) -> Vec<Value> {
    row(
        &compiled(&format!("space box (0, 0) .. (4, 8)\ncomponent A = {ty}\ngroup g[10] {{ A = {expression} }}"))
            .program,
        5,
    )
}

use Value::{Bool, F32, F64, I32, U8, U32};

#[test]
fn literals_become_what_they_meet() {
    assert_eq!(value("f32", "1"), [F32(1.0)]);
    assert_eq!(value("u8", "200 + 55"), [U8(255)]);
    assert_eq!(value("f64", "0.1"), [F64(0.1)]);
    assert_eq!(value("f32", "row + 0.5"), [F32(5.5)]);
    assert_eq!(value("u32", "row + 1"), [U32(6)]);
    assert_eq!(value("f64", "PI"), [F64(std::f64::consts::PI)]);
    assert_eq!(value("f32", "TAU"), [F32(std::f32::consts::TAU)]);
    assert_eq!(value("f64", "f32(0.1) + 0.1"), [F64(f64::from(0.1f32 + 0.1f32))]);
    assert_eq!(value("f64", "f64(0.1) + f32(0.5)"), [F64(0.6)]);
    assert_eq!(value("f32", "1e-3"), [F32(1e-3)]);
    assert_eq!(value("f32", "1_000.5"), [F32(1000.5)]);
}

#[test]
fn operators_hold_as_in_arithmetic() {
    assert_eq!(value("i32", "1 + 2 * 3"), [I32(7)]);
    assert_eq!(value("i32", "(1 + 2) * 3"), [I32(9)]);
    assert_eq!(value("i32", "10 - 3 - 2"), [I32(5)]);
    assert_eq!(value("i32", "-7 / 2"), [I32(-3)]);
    assert_eq!(value("i32", "-7 % 3"), [I32(-1)]);
    assert_eq!(value("f32", "7 / 2.0"), [F32(3.5)]);
    assert_eq!(value("bool", "1 < 2 and not 3 <= 2 or false"), [Bool(true)]);
    assert_eq!(value("bool", "true || false && false"), [Bool(true)]);
    assert_eq!(value("bool", "!(row == 5)"), [Bool(false)]);
    assert_eq!(value("f32", "if row % 2 == 1 { 1 } else { 2 }"), [F32(1.0)]);
    assert_eq!(value("u32", "if row > 7 { 1 } else if row > 4 { 2 } else { 3 }"), [U32(2)]);
    assert_eq!(value("i32", "i32(row) - 8"), [I32(-3)]);
}

#[test]
fn functions_do_what_they_are_called() {
    assert_eq!(value("f32", "sqrt(16) + abs(-2) + min(3, 4) + max(1.5, 1)"), [F32(10.5)]);
    assert_eq!(value("f32", "floor(2.7) + ceil(2.1) + round(2.5) + trunc(-2.7)"), [F32(6.0)]);
    assert_eq!(value("f32", "clamp(f32(row), 0, 3) + sign(-f32(row)) + pow(2, 3)"), [F32(10.0)]);
    assert_eq!(value("u32", "clamp(row, 1, 3) + sign(row)"), [U32(4)]);
    assert_eq!(value("f32", "length(vec2(3, 4)) + length_squared(vec3(1, 2, 2))"), [F32(14.0)]);
    assert_eq!(value("f32", "dot(vec2(1, 2), vec2(3, 4)) + distance(vec2(0), vec2(3, 4))"), [F32(16.0)]);
    assert_eq!(value("f32", "ln(exp(1.0)) + log2(8) + log10(100)"), [F32(6.0)]);
    assert_eq!(value("f64", "sin(0) + cos(0) + tan(0) + asin(0) + acos(1) + atan(0) + atan2(0, 1)"), [F64(1.0)]);
}

#[test]
fn vectors_work_lane_by_lane() {
    assert_eq!(value("vec2", "vec2(1, 2) + vec2(3)"), [F32(4.0), F32(5.0)]);
    assert_eq!(value("vec2", "2 * vec2(1, 2) / 4"), [F32(0.5), F32(1.0)]);
    assert_eq!(value("vec2", "-vec2(1, 2)"), [F32(-1.0), F32(-2.0)]);
    assert_eq!(value("f32", "vec3(1, 2, 3).z"), [F32(3.0)]);
    assert_eq!(value("vec2", "normalize(vec2(0, -2))"), [F32(0.0), F32(-1.0)]);
    assert_eq!(value("vec3", "normalize(vec3(0))"), [F32(0.0); 3]);
    assert_eq!(value("dvec2", "vec2(1, 2)"), [F64(1.0), F64(2.0)]);
    assert_eq!(value("vec2", "max(vec2(1, 5), vec2(3)) * row"), [F32(15.0), F32(25.0)]);
    assert_eq!(value("vec2", "clamp(vec2(1, 5), 2, 3)"), [F32(2.0), F32(3.0)]);
    assert_eq!(value("vec2", "polar(0, 2)"), [F32(2.0), F32(0.0)]);
}

#[test]
fn a_constant_has_the_bits_of_the_row_value() {
    let folded = value("f32", "sin(f32(0.7)) * exp(f32(0.3)) % 0.1");
    let run = value("f32", "sin(f32(0.7) + row * 0) * exp(f32(0.3) + row * 0) % 0.1");
    assert_eq!(folded, run);
}

#[test]
fn components_see_those_before_them_and_constants_any() {
    let text = "let a = b * 2\nlet b = n + 1\nparam n: u32 = 3\ncomponent X = f32\ncomponent Y = f32\n\
                group g[a] { X = a + dt, Y = X * 10 }\nrun { dt = 0.5 }";
    let compiled = compiled(text);
    assert_eq!(compiled.program.groups[GroupId(0)].rows, 8);
    assert_eq!(row(&compiled.program, 0), [F32(8.5), F32(85.0)]);
}

#[test]
fn draws_keep_within_their_bounds_and_differ() {
    let text = "space torus (-1, 2) .. (1, 8)\ncomponent P = vec2\ncomponent U = f32\ncomponent D = f64\n\
                component C = vec2\ncomponent E = f32\ncomponent B = bool\ncomponent V = vec3\ncomponent N = f32\n\
                group g[1000] {\n position P = uniform(space)\n U = uniform(3, 4)\n D = uniform(0, 1)\n\
                C = disc(vec2(5), 2)\n E = exponential(2)\n B = chance(0.25)\n V = uniform(vec3(0), vec3(1))\n\
                N = normal(10, 2) }";
    let program = compiled(text).program;
    let rows: Vec<Vec<f64>> =
        (0..1000).map(|r| row(&program, r).into_iter().map(Value::as_f64).collect::<Vec<f64>>()).collect();
    let square = |x: f64| x * x;
    let mean = |column: usize| rows.iter().map(|row| row[column]).sum::<f64>() / 1000.0;
    for row in &rows {
        assert!((-1.0..1.0).contains(&row[0]) && (2.0..8.0).contains(&row[1]) && (3.0..4.0).contains(&row[2]));
        assert!(square(row[4] - 5.0) + square(row[5] - 5.0) <= 4.000001 && row[6] >= 0.0);
        assert!(row[8] != row[9] && row[9] != row[10] && row[8] != row[10]);
    }
    for (column, expected, slack) in [
        (0, 0.0, 0.06),
        (1, 5.0, 0.2),
        (3, 0.5, 0.03),
        (6, 2.0, 0.2),
        (7, 0.25, 0.05),
        (10, 0.5, 0.03),
        (11, 10.0, 0.2),
    ] {
        assert!((mean(column) - expected).abs() < slack, "column {column}: {}", mean(column));
    }
    // 53 bits, not 24.
    assert!(rows.iter().any(|row| row[3] != f64::from(row[3] as f32)));
}

#[test]
fn a_draw_keeps_its_place_whatever_stands_around_it() {
    let short = compiled("component A = f32\ngroup g[9] { A = uniform(0, 1) }").program;
    let long = compiled(
        "component B = f32\ncomponent A = f32\ngroup f[9] { B = normal(0, 1) }\n\
         group g[99] { A = uniform(0, 1), B = uniform(0, 1) }",
    )
    .program;
    let Origin::Blueprint(body) = long.groups[GroupId(1)].origin else { panic!("derived") };
    let stored =
        eval::row(&long.bodies[body], Here { entity: 3, seed: long.seed, tick: Tick::SETUP.0 }).expect("well formed");
    let column = long.column(GroupId(1), "A", 0).expect("there");
    let found = stored.iter().find(|(c, _)| *c == column).map(|(_, value)| *value);
    assert_eq!(found, Some(row(&short, 3)[0]));
}

#[test]
fn fresh_reads_of_the_own_row_share_a_pass_and_others_wait() {
    let text = "component A = f32\ncomponent B = f32\ncomponent C = f32\n\
                group g[100] { A = 1, B = 1, C = 1 }\n\
                system third native \"k\" for g owns C fresh others B\n\
                system second native \"k\" for g owns B fresh A\n\
                system first native \"k\" for g owns A reads A";
    let program = compiled(text).program;
    let stages: Vec<(StageKind, Vec<&Work>)> = program
        .schedule
        .frame
        .iter()
        .map(|stage| (stage.kind, stage.steps.iter().map(|step| &program.steps[*step].work).collect()))
        .collect();
    assert_eq!(
        stages,
        [
            (StageKind::Systems, vec![&Work::Pass { systems: vec![SystemId(2), SystemId(1)], reduces: false }]),
            (StageKind::Systems, vec![&Work::Pass { systems: vec![SystemId(0)], reduces: false }]),
            (StageKind::Commit, vec![&Work::Commit]),
        ]
    );
}

#[test]
fn an_index_over_fresh_positions_stands_between_owner_and_asker() {
    let text = "space open 1\ncomponent X = f32\ncomponent Y = f32\n\
                group g[100] { position X = 1, Y = 1 }\nindex i = kdtree of fresh g\n\
                system asks native \"k\" for g owns Y index i\nsystem moves native \"k\" for g owns X";
    let program = compiled(text).program;
    let kinds: Vec<StageKind> = program.schedule.frame.iter().map(|stage| stage.kind).collect();
    let mut expected = vec![StageKind::Systems];
    expected.extend([StageKind::Index; IndexPhase::TREE.len()]);
    expected.extend([StageKind::Systems, StageKind::Commit]);
    assert_eq!(kinds, expected);
    assert_eq!(program.columns[ColumnId(0)].owner, Some(SystemId(1)));
}

#[test]
fn what_is_set_from_outside_wins() {
    let source = Source {
        path: "t".into(),
        text: "scenario t\nparam n: u32 = 1\nrun { frames = 1, seed = 1, workers = 3 }\ncomponent A = u32\n\
               group g[n] { A = row }"
            .into(),
    };
    let sets = vec![("n".into(), "7".into()), ("n".into(), "2 * 4_000".into())];
    let settings = Settings { sets, seed: Some(u64::MAX), frames: Some(9), nan: None };
    let compiled = compile(&source, &settings, &EveryKernel).expect("right");
    assert_eq!(compiled.program.params, [("n".to_string(), U32(8000))]);
    assert_eq!((compiled.program.seed, compiled.program.frames, compiled.workers), (u64::MAX, 9, Some(3)));
    assert_eq!(compiled.program.groups[GroupId(0)].rows, 8000);
}

#[test]
fn references_and_variants_become_plain_numbers() {
    let text = "enum Health { S, I }
        component A = u32
        component To = entity of g
        component H = Health
        group g[10] {
            To = g[0]
            H = S
            A = 0
        }
        system s for g owns A {
            let one: u8 = u8(H) + 1
            A = if u32(self) < u32(To) { u32(self) + 1 } else { u32(one) }
        }";
    compiled(text);
}
