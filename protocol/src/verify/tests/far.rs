//! The same for trees that sum, and loops over what is far.

use super::loops::{ASKS, it, op, sound as asked, v};
use super::{MASS, PULL, X};
use crate::body::{At, Op, Over};
use crate::id::{ColumnId, IndexId, LoopId, StepId};
use crate::limits::ANGLE_MAX;
use crate::program::{Code, Domain, IndexKind, Program, Summary, When};
use crate::space::{Edge, Space};
use crate::types::{Scalar, Type};
use crate::verify::{Violation, verify};

const TREE: IndexId = IndexId(0);
const PASS: StepId = StepId(9);

fn sums(p: &mut Program, sums: Vec<ColumnId>, angle: f32) {
    p.indexes[TREE].kind = IndexKind::Tree { bucket_rows: 64, summary: Some(Summary { sums, angle }) };
}

/// The sound program with loops, in an open space: what was a loop within a reach is one over near and far.
fn sound() -> Program {
    let mut p = asked();
    p.space = Space::open(2);
    sums(&mut p, vec![MASS], 0.5);
    it(&mut p, 0).over = Over::Far { index: TREE, from: vec![v(0), v(1)] };
    p
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), wrong: impl Fn(&Violation) -> bool) {
    let mut program = sound();
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(wrong), "{violations:?}");
}

#[test]
fn a_sound_program_with_sums_passes_by_rows_and_by_slots() {
    assert_eq!(verify(&sound()), Ok(()));
    let mut program = sound();
    program.systems.iter_mut().for_each(|(_, system)| system.code = Code::Body(crate::id::BodyId(1)));
    // Whatever else is wrong with it now, its slots are not.
    program.steps[PASS].domain = Domain::Slots { index: TREE, batch_rows: 64 };
    let found = verify(&program).err().unwrap_or_default();
    assert!(!found.iter().any(|v| matches!(v, Violation::Step(..))), "{found:?}");
}

#[test]
fn a_tree_sums_floats_of_its_rows_with_a_weight_and_an_angle() {
    let wrong = |v: &Violation| matches!(v, Violation::Index(..));
    for columns in [vec![], vec![X], vec![MASS, MASS], vec![super::SUM], vec![MASS, ColumnId(5)]] {
        broken(|p| sums(p, columns, 0.5), wrong);
    }
    for angle in [-0.1, 2.0 * ANGLE_MAX, f32::NAN, f32::INFINITY] {
        broken(|p| sums(p, vec![MASS], angle), wrong);
    }
    // A part of a vector does not weigh.
    let vector = |p: &mut Program| p.columns[MASS].component_type = Type::vector(Scalar::F32, 2);
    broken(vector, wrong);
    broken(|p| sums(p, vec![ColumnId(99)], 0.5), |v| matches!(v, Violation::Id { .. }));
}

#[test]
fn what_is_far_is_asked_of_one_tree_with_sums_over_the_own_group_in_a_space_with_an_end() {
    let wrong = |v: &Violation| matches!(v, Violation::Loop(..));
    let torus = Space { edge: Edge::Torus, dimensions: 2, lo: [0.0; 3], hi: [1.0, 1.0, 0.0] };
    broken(|p| p.space = torus, wrong);
    broken(|p| p.indexes[TREE].kind = IndexKind::Tree { bucket_rows: 64, summary: None }, wrong);
    broken(|p| it(p, 0).over = Over::Far { index: TREE, from: vec![v(1), v(0)] }, wrong);
    let second = |p: &mut Program| {
        let mut other = p.indexes[TREE].clone();
        other.buckets = None;
        let other = p.indexes.push(other);
        it(p, 1).over = Over::Far { index: other, from: vec![v(0), v(1)] };
    };
    broken(second, wrong);
    broken(|p| p.systems[ASKS].indexes.clear(), |v| matches!(v, Violation::Op(..)));
}

#[test]
fn of_what_is_far_there_are_deltas_and_sums_alone() {
    let wrong = |v: &Violation| matches!(v, Violation::Op(..));
    let other = |column, when| Op::Read { column, when, at: At::Other(LoopId(0)) };
    broken(|p| op(p, 9, other(X, When::Prev)), wrong);
    broken(|p| op(p, 9, other(PULL, When::Prev)), wrong);
    broken(|p| op(p, 9, other(MASS, When::Fresh)), wrong);
    let row = |p: &mut Program| {
        op(p, 9, Op::Other(LoopId(0)));
        p.bodies[crate::id::BodyId(1)].ops[v(9)].scalar = Scalar::U32;
    };
    broken(row, wrong);
}

#[test]
fn a_pass_by_slots_goes_by_those_of_the_tree_that_it_asks_for_what_is_far() {
    let wrong = |v: &Violation| matches!(v, Violation::Step(..));
    let slots = |p: &mut Program, index| p.steps[PASS].domain = Domain::Slots { index, batch_rows: 64 };
    // Native systems are in the pass; the tree has no sums; it is another tree.
    broken(|p| slots(p, TREE), wrong);
    let only_bodies = |p: &mut Program| {
        p.systems.iter_mut().for_each(|(_, system)| system.code = Code::Body(crate::id::BodyId(1)));
    };
    let plain = |p: &mut Program| {
        only_bodies(p);
        slots(p, TREE);
        p.indexes[TREE].kind = IndexKind::Tree { bucket_rows: 64, summary: None };
    };
    broken(plain, wrong);
    let other = |p: &mut Program| {
        only_bodies(p);
        let mut other = p.indexes[TREE].clone();
        other.buckets = None;
        let other = p.indexes.push(other);
        p.systems[ASKS].indexes.push(other);
        slots(p, other);
    };
    broken(other, wrong);
}
