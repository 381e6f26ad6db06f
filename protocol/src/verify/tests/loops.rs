//! The same for loops, inverses, reductions and outputs.

use super::{MASS, MOVE, PULL, ROWS, SUM, X, read, rows, sound as plain, system};
use crate::body::{At, Binary, Body, Carried, Compare, Loop, Op, Over, Store, Update};
use crate::id::{
    BodyId, ColumnId, DataId, EnumId, GroupId, IndexId, InverseId, LoopId, ReducedId, ReductionId, SignalId, StepId,
    SystemId, ValueId,
};
use crate::limits::{NEAREST_MAX, REDUCE_ROWS};
use crate::program::{
    Code, Data, Domain, Ensure, IndexKind, Inverse, InversePhase, Outputs, Program, Reach, Record, Recorded, Reduce,
    Reduction, Signal, Span, Stage, StageKind, Step, When, Work,
};
use crate::types::{Scalar, Type, Value};
use crate::verify::{Violation, verify};

const TO: ColumnId = ColumnId(5);
const NEAR: ColumnId = ColumnId(6);
pub(super) const ASKS: SystemId = SystemId(3);
const ASKING: BodyId = BodyId(1);
const ADDED: BodyId = BodyId(2);
const SAID: BodyId = BodyId(3);
const ALL: ReductionId = ReductionId(0);

pub(super) fn v(number: u32) -> ValueId {
    ValueId(number)
}

/// A sum over what is near, then one over what refers, with a counter inside.
fn asking() -> Body {
    let mut body = Body::default();
    let own = |column| Op::Read { column, when: When::Prev, at: At::Own };
    let of = |it| Op::Read { column: MASS, when: When::Prev, at: At::Other(LoopId(it)) };
    for (scalar, op) in [
        (Scalar::F32, own(X)),
        (Scalar::F32, own(ColumnId(1))),
        (Scalar::F32, Op::Const(Value::F32(0.0))),
        (Scalar::F32, Op::Const(Value::F32(0.1))),
        (Scalar::I32, Op::Const(Value::I32(0))),
        (Scalar::I32, Op::Const(Value::I32(3))),
        (Scalar::Bool, Op::Compare(Compare::Lt, v(2), v(3))),
        (Scalar::Bool, Op::Loop(LoopId(0))),
        (Scalar::F32, Op::Delta(LoopId(0), 0)),
        (Scalar::F32, of(0)),
        (Scalar::Bool, Op::Compare(Compare::Lt, v(8), v(3))),
        (Scalar::F32, Op::Carried(LoopId(0), 0)),
        (Scalar::F32, Op::Binary(Binary::Mul, v(9), v(11))),
        (Scalar::F32, Op::Result(LoopId(0), 0)),
        (Scalar::Bool, Op::Loop(LoopId(1))),
        (Scalar::F32, of(1)),
        (Scalar::Bool, Op::Loop(LoopId(2))),
        (Scalar::I32, Op::Other(LoopId(2))),
        (Scalar::F32, Op::Result(LoopId(2), 0)),
        (Scalar::F32, Op::Result(LoopId(1), 0)),
    ] {
        body.push(scalar, op);
    }
    let within = Over::Within { index: IndexId(0), reach: 0.1, from: vec![v(0), v(1)] };
    for (over, at, end, mask, active, start, update) in [
        (within, 7, 13, Some(v(6)), Some(v(10)), 2, Update::Add(v(12), None)),
        (Over::Inverse(InverseId(0)), 14, 19, None, None, 13, Update::Add(v(18), Some(v(6)))),
        (Over::Count { first: v(4), end: v(5) }, 16, 18, None, None, 2, Update::Set(v(15))),
    ] {
        let carried = vec![Carried { start: v(start), update }];
        body.loops.push(Loop { over, mask, question: None, at: v(at), end: v(end), active, carried, asks: Vec::new() });
    }
    body.stores.push(Store { column: NEAR, value: v(19), span: Span::default() });
    body
}

/// The sound program, and a system that asks an index and an inverse; the masses are summed, and the sum ends the run.
pub(super) fn sound() -> Program {
    let mut p = plain();
    p.columns.push(super::column(0, "To", Type::entity(GroupId(0)), 0, None));
    p.columns.push(super::column(0, "Near", Type::scalar(Scalar::F32), 0, Some(ASKS.0)));
    let made = &mut p.bodies[BodyId(0)].stores;
    made.push(Store { column: TO, value: v(0), span: Span::default() });
    made.push(Store { column: NEAR, value: v(2), span: Span::default() });
    let (group, span) = (GroupId(0), Span::default());
    p.inverses.push(Inverse { name: "to".into(), group, column: TO, lives: None, when: When::Prev, to: group, span });
    let mut asks = system("ask", 0, vec![NEAR], vec![read(MASS, When::Prev, Reach::Any)], vec![IndexId(0)]);
    (asks.inverses, asks.code) = (vec![InverseId(0)], Code::Body(ASKING));
    p.systems.push(asks);
    p.bodies.push(asking());
    let mut added = Body::default();
    let mass = added.push(Scalar::F32, Op::Read { column: MASS, when: When::Prev, at: At::Own });
    let condition = added.push(Scalar::Bool, Op::Compare(Compare::Gt, mass, mass));
    added.results = vec![mass, condition];
    p.bodies.push(added);
    let mut said = Body::default();
    let sum = said.push(Scalar::F64, Op::Reduced(ReducedId(0)));
    let holds = said.push(Scalar::Bool, Op::Compare(Compare::Eq, sum, sum));
    said.results = vec![sum, holds];
    p.bodies.push(said);
    p.reductions.push(Reduction { group, body: ADDED, filtered: true, how: Reduce::Sum, span });
    for (name, scalar) in [("sum", Scalar::F64), ("holds", Scalar::Bool)] {
        p.signals.push(Signal { name: name.into(), ty: Type::scalar(scalar), named: true, span });
    }
    p.outputs = Outputs {
        body: Some(SAID),
        ensures: vec![Ensure { text: String::new(), holds: SignalId(1), sides: None, span }],
        until: Some(SignalId(1)),
        series: 0,
        records: vec![Record {
            path: "a".into(),
            every: 1,
            what: Recorded::Signals(vec![("sum".into(), SignalId(0))]),
            span,
        }],
        inputs: Default::default(),
        extracts: Default::default(),
        renders: Default::default(),
        graph: Vec::new(),
    };
    let batch_rows = p.inverse_shape(InverseId(0)).batch_rows;
    for (place, phase) in InversePhase::ALL.into_iter().enumerate() {
        let domain = match phase {
            InversePhase::Place => Domain::Once,
            InversePhase::List => Domain::Targets(InverseId(0)),
            _ => rows(0, batch_rows),
        };
        let step = Step { name: String::new(), work: Work::Inverse(InverseId(0), phase), domain };
        let steps = vec![p.steps.push(step)];
        p.schedule.frame.insert(6 + place, Stage { kind: StageKind::Index, steps });
    }
    p.steps[StepId(9)].work = Work::Pass { systems: vec![SystemId(1), MOVE, ASKS], reduces: false };
    for stages in [&mut p.schedule.setup, &mut p.schedule.frame] {
        let step = Step { name: String::new(), work: Work::Reduce(group), domain: rows(0, REDUCE_ROWS) };
        let steps = vec![p.steps.push(step)];
        stages.insert(stages.len() - 1, Stage { kind: StageKind::Reduce, steps });
    }
    p
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), expected: impl Fn(&Violation) -> bool) {
    let mut program = sound();
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(expected), "{violations:?}");
}

pub(super) fn op(p: &mut Program, at: u32, op: Op) {
    p.bodies[ASKING].ops[v(at)].op = op;
}

pub(super) fn it(p: &mut Program, number: u32) -> &mut Loop {
    &mut p.bodies[ASKING].loops[LoopId(number)]
}

#[test]
fn a_sound_program_with_loops_passes() {
    assert_eq!(verify(&sound()), Ok(()));
}

#[test]
fn ids_of_loops_inverses_and_outputs_are_in_range() {
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(|p| p.systems[ASKS].inverses.push(InverseId(9)), id);
    broken(|p| p.inverses[InverseId(0)].column = ColumnId(99), id);
    broken(|p| p.inverses[InverseId(0)].to = GroupId(9), id);
    broken(|p| p.inverses[InverseId(0)].lives = Some(ColumnId(99)), id);
    broken(|p| p.columns[ColumnId(0)].component_type = Type::entity(GroupId(9)), id);
    broken(|p| p.signals[SignalId(0)].ty = Type::variant(EnumId(9)), id);
    broken(|p| p.reductions[ALL].body = BodyId(9), id);
    broken(|p| p.outputs.until = Some(SignalId(9)), id);
    broken(|p| p.outputs.records[0].what = Recorded::Signals(vec![("sum".into(), SignalId(9))]), id);
    broken(|p| p.bodies[ADDED].results.push(v(99)), id);
    broken(|p| op(p, 8, Op::Delta(LoopId(9), 0)), id);
    broken(|p| op(p, 8, Op::Signal(SignalId(9))), id);
    broken(|p| op(p, 8, Op::Data(DataId(0))), id);
    broken(|p| it(p, 0).at = v(99), id);
    broken(|p| it(p, 1).over = Over::Inverse(InverseId(9)), id);
    broken(|p| it(p, 1).over = Over::Group(GroupId(9)), id);
    broken(|p| p.steps[StepId(11)].domain = Domain::Targets(InverseId(9)), id);
}

#[test]
fn loops_nest_and_stand_where_they_say() {
    let wrong = |v: &Violation| matches!(v, Violation::Loop(..));
    broken(|p| it(p, 0).at = v(8), wrong);
    broken(|p| it(p, 0).end = v(7), wrong);
    broken(|p| it(p, 2).end = v(20), wrong);
    broken(|p| op(p, 7, Op::Loop(LoopId(1))), wrong);
    broken(|p| op(p, 16, Op::Const(Value::Bool(true))), wrong);
    broken(|p| _ = p.bodies[ASKING].loops.push(it(&mut sound(), 2).clone()), wrong);
}

#[test]
fn the_parts_of_a_loop_are_known_and_typed() {
    let wrong = |v: &Violation| matches!(v, Violation::Loop(..));
    broken(|p| it(p, 0).mask = Some(v(10)), wrong);
    broken(|p| it(p, 0).mask = Some(v(2)), wrong);
    broken(|p| it(p, 0).active = Some(v(12)), wrong);
    broken(|p| it(p, 0).active = Some(v(14)), wrong);
    broken(|p| it(p, 0).carried[0].start = v(9), wrong);
    broken(|p| it(p, 0).carried[0].start = v(4), wrong);
    broken(|p| it(p, 0).carried[0].update = Update::Set(v(13)), wrong);
    broken(|p| it(p, 0).carried[0].update = Update::Set(v(10)), wrong);
    broken(|p| it(p, 0).carried[0].update = Update::Add(v(12), Some(v(12))), wrong);
    // What a turn of the outer loop ends with does not stand in the inner one.
    broken(|p| it(p, 1).active = Some(v(17)), wrong);
    broken(|p| it(p, 0).carried[0] = Carried { start: v(6), update: Update::Add(v(10), None) }, wrong);
}

#[test]
fn what_a_loop_goes_over_makes_sense() {
    let wrong = |v: &Violation| matches!(v, Violation::Loop(..));
    let within = |p: &mut Program, reach| {
        it(p, 0).over = Over::Within { index: IndexId(0), reach, from: vec![v(0), v(1)] };
    };
    broken(|p| within(p, f32::NAN), wrong);
    broken(|p| within(p, -0.1), wrong);
    broken(|p| within(p, 0.6), wrong);
    // A space that is none has no sides to compare with.
    broken(|p| p.space.dimensions = 9, |v| matches!(v, Violation::Space(_)));
    for count in [0, NEAREST_MAX + 1] {
        let from = vec![v(0), v(1)];
        broken(|p| it(p, 0).over = Over::Nearest { index: IndexId(0), count, from, among: None }, wrong);
    }
    // A grid answers within a reach, and nothing else.
    for over in
        [Over::Nearest { index: IndexId(0), count: 3, from: vec![v(0), v(1)], among: None }, Over::Members(IndexId(0))]
    {
        let gridded = |p: &mut Program| {
            p.indexes[IndexId(0)].kind = IndexKind::Grid { cell: 0.1, copies: Vec::new() };
            it(p, 0).over = over;
        };
        broken(gridded, wrong);
    }
    broken(|p| it(p, 2).over = Over::Count { first: v(2), end: v(5) }, wrong);
    broken(|p| it(p, 2).over = Over::Count { first: v(4), end: v(17) }, wrong);
    for from in [vec![], vec![v(0)], vec![v(1), v(0)], vec![v(0), v(2)], vec![v(0), v(9)]] {
        broken(|p| it(p, 0).over = Over::Within { index: IndexId(0), reach: 0.1, from }, wrong);
    }
}

#[test]
fn values_of_loops_are_used_where_they_mean_something() {
    let wrong = |v: &Violation| matches!(v, Violation::Op(..));
    let other = |it| Op::Read { column: MASS, when: When::Prev, at: At::Other(LoopId(it)) };
    broken(|p| op(p, 2, other(0)), wrong);
    broken(|p| op(p, 13, Op::Delta(LoopId(0), 0)), wrong);
    broken(|p| op(p, 13, Op::Carried(LoopId(0), 0)), wrong);
    broken(|p| op(p, 13, Op::Other(LoopId(0))), wrong);
    broken(|p| op(p, 12, Op::Result(LoopId(0), 0)), wrong);
    broken(|p| op(p, 13, Op::Result(LoopId(0), 1)), wrong);
    broken(|p| op(p, 11, Op::Carried(LoopId(0), 7)), wrong);
    broken(|p| op(p, 8, Op::Delta(LoopId(0), 2)), wrong);
    broken(|p| op(p, 19, Op::Result(LoopId(2), 0)), wrong);
    broken(|p| op(p, 13, Op::Binary(Binary::Add, v(2), v(9))), wrong);
    broken(|p| p.bodies[ASKING].ops[v(17)].scalar = Scalar::U32, wrong);
    broken(|p| p.bodies[ASKING].ops[v(7)].scalar = Scalar::U32, wrong);
    broken(|p| p.bodies[ASKING].stores[0].value = v(9), |v| matches!(v, Violation::Body(..)));
}

#[test]
fn bodies_use_what_their_system_declares_and_what_is_there() {
    let wrong = |v: &Violation| matches!(v, Violation::Op(..));
    let far = |column, when| Op::Read { column, when, at: At::Row(v(0)) };
    broken(|p| p.systems[ASKS].reads.clear(), wrong);
    broken(|p| p.systems[ASKS].indexes.clear(), wrong);
    broken(|p| p.systems[ASKS].inverses.clear(), wrong);
    broken(|p| op(p, 2, Op::Read { column: PULL, when: When::Fresh, at: At::Own }), wrong);
    broken(|p| op(p, 2, far(MASS, When::Prev)), wrong);
    broken(|p| op(p, 2, Op::Reduced(ReducedId(0))), wrong);
    broken(|p| op(p, 2, Op::Signal(SignalId(0))), wrong);
    broken(|p| it(p, 1).over = Over::Group(GroupId(1)), wrong);
    // The other's column is one of the other's group, with the type it has there.
    broken(|p| op(p, 9, Op::Read { column: SUM, when: When::Fresh, at: At::Other(LoopId(0)) }), wrong);
    broken(|p| op(p, 9, Op::Read { column: TO, when: When::Prev, at: At::Other(LoopId(0)) }), wrong);
    // At set-up nothing is read, and data are of enough rows.
    broken(|p| super::op(p, 2, Op::Read { column: MASS, when: When::Prev, at: At::Own }), wrong);
    broken(|p| super::op(p, 2, Op::Signal(SignalId(0))), wrong);
    let data = |rows| Data { name: "d".into(), scalar: Scalar::F32, rows, content: 0 };
    let file = |p: &mut Program, rows| {
        let data = p.data.push(data(rows));
        super::op(p, 2, Op::Data(data));
    };
    broken(|p| file(p, ROWS - 1), wrong);
    let mut program = sound();
    file(&mut program, ROWS);
    assert_eq!(verify(&program), Ok(()));
    // Of a finished state a reduction reads the own row, and signals read reductions, and what signals were.
    broken(|p| p.bodies[ADDED].ops[v(0)].op = Op::Read { column: PULL, when: When::Prev, at: At::Own }, wrong);
    broken(|p| p.bodies[ADDED].ops[v(0)].op = Op::Read { column: SUM, when: When::Fresh, at: At::Own }, wrong);
    broken(|p| p.bodies[SAID].ops[v(0)] = crate::body::Typed { scalar: Scalar::U32, op: Op::Row }, wrong);
}

#[test]
fn loops_over_buckets_go_over_what_the_index_ties_to_the_own_row() {
    let wrong = |v: &Violation| matches!(v, Violation::Op(..));
    let members = |p: &mut Program| it(p, 1).over = Over::Members(IndexId(0));
    let holder = |p: &mut Program| {
        it(p, 1).over = Over::Holder(IndexId(0));
        op(p, 15, Op::Const(Value::F32(1.0)));
    };
    for change in [members, holder] {
        let mut program = sound();
        change(&mut program);
        assert_eq!(verify(&program), Ok(()));
        let undeclared = |p: &mut Program| {
            change(p);
            it(p, 0).over = Over::Group(GroupId(0));
            op(p, 8, Op::Const(Value::F32(0.0)));
            p.systems[ASKS].indexes.clear();
        };
        broken(undeclared, wrong);
    }
    // Masses are of points, not of their buckets.
    broken(|p| it(p, 1).over = Over::Holder(IndexId(0)), wrong);
    // How many buckets there are is known when the index is.
    let clusters = |p: &mut Program| {
        holder(p);
        it(p, 1).over = Over::Group(GroupId(1));
    };
    let mut program = sound();
    clusters(&mut program);
    assert_eq!(verify(&program), Ok(()));
    let unknown = |p: &mut Program| {
        clusters(p);
        it(p, 0).over = Over::Group(GroupId(0));
        op(p, 8, Op::Const(Value::F32(0.0)));
        p.systems[ASKS].indexes.clear();
    };
    broken(unknown, wrong);
}

#[test]
fn inverses_are_of_references_between_lasting_groups() {
    let wrong = |v: &Violation| matches!(v, Violation::Inverse(..));
    broken(|p| p.inverses[InverseId(0)].column = MASS, wrong);
    broken(|p| p.inverses[InverseId(0)].group = GroupId(1), wrong);
    broken(|p| p.inverses[InverseId(0)].to = GroupId(1), wrong);
    broken(|p| p.inverses[InverseId(0)].when = When::Fresh, wrong);
    broken(
        |p| {
            p.inverses[InverseId(0)].to = GroupId(1);
            p.columns[TO].component_type = Type::entity(GroupId(1));
        },
        wrong,
    );
}

#[test]
fn the_phases_of_an_inverse_stand_in_order_before_it_is_asked() {
    let phases = |v: &Violation| matches!(v, Violation::InversePhases(_));
    broken(|p| p.schedule.frame.swap(6, 7), phases);
    broken(|p| drop(p.schedule.frame.remove(8)), phases);
    broken(|p| p.schedule.frame.swap(9, 11), |v| matches!(v, Violation::InverseAskedTooEarly(..)));
    let step = |v: &Violation| matches!(v, Violation::Step(..));
    for phase in 11..15 {
        broken(|p| p.steps[StepId(phase)].domain = rows(0, 64), step);
    }
    broken(
        |p| {
            p.columns[TO].owner = Some(MOVE);
            p.systems[MOVE].owns.push(TO);
            p.inverses[InverseId(0)].when = When::Fresh;
        },
        |v| matches!(v, Violation::InverseTooEarly(..)),
    );
}

#[test]
fn groups_with_reductions_are_aggregated_once_right_before_the_commit() {
    let stage = |v: &Violation| matches!(v, Violation::Stage { .. });
    broken(|p| drop(p.schedule.setup.remove(1)), stage);
    broken(|p| drop(p.schedule.frame.remove(12)), stage);
    broken(|p| p.schedule.frame.swap(11, 12), stage);
    broken(|p| p.reductions = Default::default(), |v| matches!(v, Violation::Stage { .. } | Violation::Id { .. }));
    broken(|p| p.steps[StepId(15)].domain = rows(0, 64), |v| matches!(v, Violation::Step(..)));
}

#[test]
fn reductions_signals_and_records_fit_their_bodies() {
    let reduction = |v: &Violation| matches!(v, Violation::Reduction(..));
    broken(|p| p.reductions[ALL].how = Reduce::Count, reduction);
    broken(|p| p.reductions[ALL].filtered = false, reduction);
    broken(|p| p.bodies[ADDED].results.swap(0, 1), reduction);
    broken(|p| p.reductions[ALL].group = GroupId(1), reduction);
    let outputs = |v: &Violation| matches!(v, Violation::Outputs(_));
    broken(|p| p.outputs.until = Some(SignalId(0)), outputs);
    broken(|p| p.outputs.ensures[0].holds = SignalId(0), outputs);
    broken(|p| p.outputs.records[0].every = 0, outputs);
    broken(|p| p.outputs.records[0].what = Recorded::Signals(Vec::new()), outputs);
    broken(|p| p.outputs.body = None, outputs);
    broken(|p| p.bodies[SAID].results.truncate(1), outputs);
    broken(|p| p.signals[SignalId(0)].ty = Type::scalar(Scalar::F32), outputs);
    broken(|p| p.signals[SignalId(0)].ty.lanes = 2, outputs);
}

#[test]
fn damaged_bytes_of_loops_never_panic_the_verifier() {
    let bytes = sound().to_bytes();
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % damaged.len();
            damaged[at] = (state >> 24) as u8;
        }
        if let Ok(program) = postcard::from_bytes::<Program>(&damaged) {
            let _ = verify(&program);
        }
    }
}
