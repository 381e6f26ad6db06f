//! Tests of rasters, and of reads at an offset.

use super::*;
use crate::body::At;
use crate::raster::{Raster, Rim};

const CELLS: GroupId = GroupId(2);
const HEAT: ColumnId = ColumnId(5);
const SOIL: ColumnId = ColumnId(6);
const BLUEPRINT: BodyId = BodyId(1);
const SPREAD: BodyId = BodyId(2);
const HEATS: SystemId = SystemId(3);

/// The program of [`super::sound`], and cells that take the heat of one beside.
fn cells() -> Program {
    let mut p = sound();
    let f32 = Type::scalar(Scalar::F32);
    let rim = Rim::Outside(vec![(HEAT, Value::F32(1.0))]);
    p.groups.push(Group {
        name: "cells".into(),
        rows: 600,
        origin: Origin::Blueprint(BLUEPRINT),
        position: Vec::new(),
        order: None,
        raster: Some(Raster { axes: 2, extents: [30, 20, 1], rim }),
        living: None,
        span: Span::default(),
    });
    p.columns.push(column(2, "Heat", f32, 0, Some(3)));
    p.columns.push(column(2, "Soil", f32, 0, None));
    let mut made = Body::default();
    let zero = made.push(Scalar::F32, Op::Const(Value::F32(0.0)));
    made.stores = [HEAT, SOIL].map(|column| Store { column, value: zero, span: Span::default() }).to_vec();
    p.bodies.push(made);
    let mut spread = Body::default();
    let heat = spread.push(Scalar::F32, Op::Read { column: HEAT, when: When::Prev, at: At::Shift([-1, 2, 0]) });
    spread.stores = vec![Store { column: HEAT, value: heat, span: Span::default() }];
    p.bodies.push(spread);
    let mut heats = system("heat", 2, vec![HEAT], vec![read(HEAT, When::Prev, Reach::Any)], vec![]);
    heats.code = Code::Body(SPREAD);
    p.systems.push(heats);
    let works = [(Work::Blueprint(CELLS), 0), (Work::Pass { systems: vec![HEATS], reduces: false }, 6)];
    for ((work, stage), setup) in works.into_iter().zip([true, false]) {
        let step = p.steps.push(Step { name: String::new(), work, domain: rows(2, 64) });
        let stages = if setup { &mut p.schedule.setup } else { &mut p.schedule.frame };
        stages[stage].steps.push(step);
    }
    p
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), expected: impl Fn(&Violation) -> bool) {
    let mut program = cells();
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(expected), "{violations:?}");
}

fn raster(p: &mut Program) -> &mut Raster {
    p.groups[CELLS].raster.get_or_insert(Raster { axes: 0, extents: [0; 3], rim: Rim::Torus })
}

fn look(p: &mut Program, column: ColumnId, when: When, offset: [i16; 3]) {
    p.bodies[SPREAD].ops[ValueId(0)].op = Op::Read { column, when, at: At::Shift(offset) };
}

#[test]
fn a_sound_raster_passes() {
    assert_eq!(verify(&cells()), Ok(()));
}

#[test]
fn the_cells_of_a_raster_are_the_rows_of_its_group() {
    let wrong = |v: &Violation| matches!(v, Violation::Raster(CELLS, _));
    broken(|p| raster(p).extents = [30, 21, 1], wrong);
    broken(|p| raster(p).extents = [600, 1, 0], wrong);
    broken(|p| raster(p).extents = [10, 20, 3], wrong);
    broken(|p| raster(p).extents = [1 << 16, 1 << 16, 1], wrong);
    broken(|p| raster(p).axes = 0, wrong);
    broken(|p| raster(p).axes = 1, wrong);
    broken(|p| raster(p).axes = 4, wrong);
    broken(|p| p.groups[CELLS].origin = Origin::Buckets(IndexId(0)), wrong);
    broken(|p| p.groups[CELLS].position = vec![SOIL], wrong);
    let outside = |values: Vec<(ColumnId, Value)>| move |p: &mut Program| raster(p).rim = Rim::Outside(values);
    broken(outside(vec![(HEAT, Value::F64(0.0))]), wrong);
    broken(outside(vec![(MASS, Value::F32(0.0))]), wrong);
    broken(outside(vec![(HEAT, Value::F32(0.0)), (HEAT, Value::F32(1.0))]), wrong);
    broken(outside(vec![(ColumnId(99), Value::F32(0.0))]), |v| matches!(v, Violation::Id { .. }));
}

#[test]
fn a_read_at_an_offset_is_of_the_own_raster_and_has_a_value_beyond_the_edge() {
    let wrong = |v: &Violation| matches!(v, Violation::Op(SPREAD, ..));
    broken(|p| look(p, HEAT, When::Prev, [0, 0, 1]), wrong);
    broken(|p| look(p, SOIL, When::Prev, [1, 0, 0]), wrong);
    broken(|p| look(p, MASS, When::Prev, [1, 0, 0]), wrong);
    broken(|p| look(p, HEAT, When::Fresh, [1, 0, 0]), wrong);
    broken(|p| p.systems[HEATS].reads.clear(), wrong);
    broken(|p| p.systems[HEATS].reads[0].reach = Reach::Own, wrong);
    broken(|p| p.groups[CELLS].raster = None, wrong);
    broken(|p| raster(p).rim = Rim::Outside(Vec::new()), wrong);
    // Declared, but nothing says what it is outside.
    broken(
        |p| {
            look(p, SOIL, When::Prev, [1, 0, 0]);
            p.systems[HEATS].reads.push(read(SOIL, When::Prev, Reach::Any));
        },
        wrong,
    );
    // A set-up has no neighbours.
    let shifted = Op::Read { column: HEAT, when: When::Prev, at: At::Shift([1, 0, 0]) };
    broken(|p| p.bodies[BLUEPRINT].ops[ValueId(0)].op = shifted, |v| matches!(v, Violation::Op(BLUEPRINT, ..)));
}
