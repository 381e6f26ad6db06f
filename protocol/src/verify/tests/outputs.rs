//! Reductions, signals and outputs: a sound program with them, and each way to break it.

use crate::body::{At, Body, Compare, Op};
use crate::graph::{Lane, Node, NodeKind};
use crate::id::{
    BodyId, ColumnId, DataId, EnumId, ExtractId, GroupId, IndexId, InputId, ReducedId, ReductionId, SignalId, StepId,
    SystemId, ValueId,
};
use crate::limits::REDUCE_ROWS;
use crate::program::{
    Domain, Ensure, Extract, Form, Input, Layer, Living, Order, Outputs, PointSize, Program, Record, Recorded, Reduce,
    Reduction, Render, Scene, Signal, Span, Stage, StageKind, Step, When, Work,
};
use crate::table::Table;
use crate::types::{Scalar, Type, Value};
use crate::verify::{Violation, verify};

const MASS: ColumnId = ColumnId(2);
const HEAVY: ReductionId = ReductionId(0);
const HEAVY_MEAN: ReducedId = ReducedId(0);
const ALL: SignalId = SignalId(0);
const HOLDS: SignalId = SignalId(1);
const PASS: StepId = StepId(9);

/// The mean mass of the heavy, and how many points there are: in the state's two signals.
fn with_outputs() -> Program {
    let mut program = super::sound();
    let mut heavy = Body::default();
    let mass = heavy.push(Scalar::F32, Op::Read { column: MASS, when: When::Prev, at: At::Own });
    let one = heavy.push(Scalar::F32, Op::Const(Value::F32(1.0)));
    let above = heavy.push(Scalar::Bool, Op::Compare(Compare::Gt, mass, one));
    heavy.results = vec![mass, above];
    let heavy = program.bodies.push(heavy);
    let nothing = program.bodies.push(Body::default());
    let reduction = |body, filtered, how| Reduction { group: GroupId(0), body, filtered, how, span: Span::default() };
    program.reductions.push(reduction(heavy, true, Reduce::Mean));
    program.reductions.push(reduction(nothing, false, Reduce::Count));
    let mut state = Body::default();
    let mean = state.push(Scalar::F64, Op::Reduced(HEAVY_MEAN));
    let holds = state.push(Scalar::Bool, Op::Compare(Compare::Eq, mean, mean));
    state.results = vec![mean, holds];
    let state = program.bodies.push(state);
    let signal =
        |name: &str, scalar| Signal { name: name.into(), ty: Type::scalar(scalar), named: true, span: Span::default() };
    program.signals.push(signal("mean", Scalar::F64));
    program.signals.push(signal("holds", Scalar::Bool));
    let ensure = Ensure { text: "it holds".into(), holds: HOLDS, sides: Some((ALL, ALL)), span: Span::default() };
    let record = |path: &str| Record { path: path.into(), every: 3, what: mean_alone(), span: Span::default() };
    let input = Input {
        name: "mean".into(),
        ty: Type::scalar(Scalar::F64),
        kept: ALL,
        begun: HOLDS,
        range: Some((Value::F64(0.0), Value::F64(9.0))),
        span: Span::default(),
    };
    program.outputs = Outputs {
        body: Some(state),
        ensures: vec![ensure],
        until: Some(HOLDS),
        series: 0,
        records: vec![record("a.csv"), record("b.csv")],
        inputs: [input].into_iter().collect(),
        extracts: Table::default(),
        renders: Vec::new(),
        graph: vec![Node {
            kind: NodeKind::Signal,
            name: "mean".into(),
            span: Span::default(),
            ty: Type::scalar(Scalar::F64),
            lanes: vec![Lane::Computed(ValueId(0))],
            from: vec![0],
        }],
    };
    for setup in [true, false] {
        let step = program.steps.push(Step {
            name: String::new(),
            work: Work::Reduce(GroupId(0)),
            domain: Domain::Rows { group: GroupId(0), batch_rows: REDUCE_ROWS },
        });
        let stages = if setup { &mut program.schedule.setup } else { &mut program.schedule.frame };
        let last = stages.len() - 1;
        stages.insert(last, Stage { kind: StageKind::Reduce, steps: vec![step] });
    }
    program
}

fn mean_alone() -> Recorded {
    Recorded::Signals(vec![("mean".into(), ALL)])
}

/// The same, and what a record takes of rows.
fn with_an_extract() -> Program {
    let mut program = with_outputs();
    let mut body = Body::default();
    let read = Op::Read { column: MASS, when: When::Prev, at: At::Own };
    let mass = body.push(Scalar::F32, read);
    let yes = body.push(Scalar::Bool, Op::Const(Value::Bool(true)));
    body.results = vec![mass, yes];
    let columns = vec![("Mass".into(), Type::scalar(Scalar::F32))];
    let body = program.bodies.push(body);
    let extract =
        Extract { group: GroupId(0), body, filtered: true, sample: Some(0.5), columns, span: Span::default() };
    let rows = Recorded::Rows(program.outputs.extracts.push(extract));
    let record = Record { path: "rows.parquet".into(), every: 10, what: rows, span: Span::default() };
    program.outputs.records.push(record);
    program
}

#[test]
fn what_sinks_take_of_rows_is_what_their_bodies_give() {
    const ROWS: ExtractId = ExtractId(0);
    assert_eq!(verify(&with_an_extract()), Ok(()));
    let broken = |change: fn(&mut Program), expected: fn(&Violation) -> bool| {
        let mut program = with_an_extract();
        change(&mut program);
        let violations = verify(&program).expect_err("it is broken");
        assert!(violations.iter().any(expected), "{violations:?}");
    };
    let id: fn(&Violation) -> bool = |v| matches!(v, Violation::Id { .. });
    let wrong: fn(&Violation) -> bool = |v| matches!(v, Violation::Extract(..));
    broken(|p| p.outputs.extracts[ROWS].body = BodyId(99), id);
    broken(|p| p.outputs.extracts[ROWS].group = GroupId(9), id);
    broken(|p| p.outputs.records[2].what = Recorded::Rows(ExtractId(1)), id);
    broken(|p| p.outputs.extracts[ROWS].filtered = false, wrong);
    broken(|p| p.outputs.extracts[ROWS].columns[0].1 = Type::vector(Scalar::F32, 2), wrong);
    broken(|p| p.outputs.extracts[ROWS].sample = Some(0.0), wrong);
    broken(|p| p.outputs.extracts[ROWS].sample = Some(f64::NAN), wrong);
    broken(
        |p| {
            p.bodies.push(Body::default());
        },
        |v| matches!(v, Violation::Outputs(_)),
    );
}

/// The same, drawn: a point where each row's mass says.
fn with_a_picture() -> Program {
    let mut program = with_an_extract();
    let layer = Layer { extract: ExtractId(0), form: Form::Points, colour: None, size: PointSize::Any, range: None };
    let scene = Scene { layers: vec![layer], ..Scene::default() };
    program.outputs.renders.push(Render { path: "a.png".into(), every: Some(2), scene, span: Span::default() });
    program
}

#[test]
fn a_layer_of_a_picture_takes_what_it_shows() {
    assert_eq!(verify(&with_a_picture()), Ok(()));
    let broken = |change: fn(&mut Render)| {
        let mut program = with_a_picture();
        change(&mut program.outputs.renders[0]);
        let violations = verify(&program).expect_err("it is broken");
        assert!(
            violations.iter().any(|it| matches!(it, Violation::Outputs(_) | Violation::Id { .. })),
            "{violations:?}"
        );
    };
    broken(|it| it.every = Some(0));
    broken(|it| it.path.clear());
    broken(|it| it.scene.layers[0].extract = ExtractId(7));
    broken(|it| it.scene.layers[0].colour = Some("Mass".into()));
    broken(|it| it.scene.layers[0].size = PointSize::Radius);
    broken(|it| it.scene.layers[0].form = Form::Cells);
    broken(|it| it.scene.layers[0].form = Form::Rows);
}

#[test]
fn what_sinks_take_of_rows_is_no_part_of_the_hash() {
    let (with, without) = (with_a_picture(), with_outputs());
    assert_eq!(with.hash(), without.hash());
    assert_ne!(with.sinks_hash(), without.sinks_hash());
    assert_ne!(with.to_bytes(), without.to_bytes());
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), expected: impl Fn(&Violation) -> bool) {
    let mut program = with_outputs();
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(expected), "{violations:?}");
}

fn state(program: &mut Program) -> &mut Body {
    let body = program.outputs.body.unwrap_or(BodyId(0));
    &mut program.bodies[body]
}

#[test]
fn a_sound_program_with_outputs_passes() {
    assert_eq!(verify(&with_outputs()), Ok(()));
}

#[test]
fn ids_of_outputs_are_in_range() {
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(|p| p.reductions[HEAVY].group = GroupId(9), id);
    broken(|p| p.reductions[HEAVY].body = BodyId(99), id);
    broken(|p| p.outputs.body = Some(BodyId(99)), id);
    broken(|p| p.outputs.until = Some(SignalId(2)), id);
    broken(|p| p.outputs.ensures[0].holds = SignalId(2), id);
    broken(|p| p.outputs.ensures[0].sides = Some((ALL, SignalId(2))), id);
    broken(|p| p.outputs.records[1].what = Recorded::Signals(vec![("mean".into(), SignalId(2))]), id);
    broken(|p| state(p).results[0] = ValueId(9), id);
    broken(|p| state(p).ops[ValueId(0)].op = Op::Reduced(ReducedId(2)), id);
    broken(|p| state(p).ops[ValueId(0)].op = Op::Data(DataId(0)), id);
}

#[test]
fn signals_conditions_and_records_make_sense() {
    let wrong = |v: &Violation| matches!(v, Violation::Outputs(_));
    broken(|p| p.outputs.until = Some(ALL), wrong);
    broken(|p| p.outputs.ensures[0].holds = ALL, wrong);
    broken(
        |p| {
            p.outputs.graph.clear();
            p.outputs.body = None;
        },
        wrong,
    );
    broken(|p| state(p).results.truncate(1), wrong);
    broken(|p| p.signals[ALL].ty = Type::scalar(Scalar::F32), wrong);
    broken(|p| p.signals[ALL].ty = Type::vector(Scalar::F64, 2), wrong);
    broken(|p| p.outputs.records[0].every = 0, wrong);
    broken(|p| p.outputs.records[0].what = Recorded::Signals(Vec::new()), wrong);
    broken(|p| p.outputs.records[0].path.clear(), wrong);
    broken(|p| p.outputs.records[0].path = "b.csv".into(), wrong);
}

#[test]
fn reductions_give_what_they_say_of_rows_that_last() {
    let wrong = |v: &Violation| matches!(v, Violation::Reduction(..));
    broken(|p| p.reductions[HEAVY].filtered = false, wrong);
    broken(|p| p.reductions[HEAVY].how = Reduce::Count, wrong);
    broken(|p| p.reductions[ReductionId(1)].filtered = true, wrong);
    broken(|p| p.reductions[HEAVY].group = GroupId(1), wrong);
    broken(
        |p| {
            let body = p.reductions[HEAVY].body;
            p.bodies[body].results.reverse();
        },
        wrong,
    );
}

#[test]
fn bodies_about_a_finished_state_read_that_state() {
    let wrong = |v: &Violation| matches!(v, Violation::Op(..));
    // Fresh of what nobody owns, prev of what somebody does, another row.
    for (column, when, at) in
        [(MASS, When::Fresh, At::Own), (ColumnId(3), When::Prev, At::Own), (MASS, When::Prev, At::Row(ValueId(0)))]
    {
        broken(
            |p| {
                let body = p.reductions[HEAVY].body;
                p.bodies[body].ops[ValueId(0)].op = Op::Read { column, when, at };
            },
            wrong,
        );
    }
    broken(
        |p| {
            let body = p.reductions[HEAVY].body;
            p.bodies[body].ops[ValueId(0)].op = Op::Reduced(HEAVY_MEAN);
        },
        wrong,
    );
    // What signals were in the state before is for the body of the outputs alone.
    broken(
        |p| {
            let body = p.reductions[HEAVY].body;
            p.bodies[body].ops[ValueId(0)].op = Op::Signal(ALL);
        },
        wrong,
    );
    broken(|p| state(p).ops[ValueId(0)].op = Op::Read { column: MASS, when: When::Prev, at: At::Own }, wrong);
}

#[test]
fn inputs_are_kept_in_signals_of_their_own() {
    const MEAN: InputId = InputId(0);
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(|p| p.outputs.inputs[MEAN].kept = SignalId(2), id);
    broken(|p| p.outputs.inputs[MEAN].begun = SignalId(2), id);
    broken(|p| p.outputs.inputs[MEAN].ty = Type::variant(EnumId(0)), id);
    let wrong = |v: &Violation| matches!(v, Violation::Outputs(_));
    broken(|p| p.outputs.inputs[MEAN].kept = HOLDS, wrong);
    broken(|p| p.outputs.inputs[MEAN].begun = ALL, wrong);
    broken(|p| p.outputs.inputs[MEAN].ty = Type::scalar(Scalar::F32), wrong);
    broken(|p| p.outputs.inputs[MEAN].range = Some((Value::F64(1.0), Value::F64(0.0))), wrong);
    broken(|p| p.outputs.inputs[MEAN].range = Some((Value::F64(f64::NAN), Value::F64(0.0))), wrong);
    broken(|p| p.outputs.inputs[MEAN].range = Some((Value::F32(0.0), Value::F64(1.0))), wrong);
    broken(
        |p| {
            let again = p.outputs.inputs[MEAN].clone();
            p.outputs.inputs.push(again);
        },
        wrong,
    );
}

#[test]
fn the_graph_is_of_what_there_is() {
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(|p| p.outputs.graph[0].lanes[0] = Lane::Computed(ValueId(99)), id);
    broken(|p| p.outputs.graph[0].from[0] = 1, id);
    let mut whole = with_outputs();
    let hash = whole.hash();
    whole.outputs.graph.clear();
    assert_eq!(whole.hash(), hash, "it is for people");
}

#[test]
fn groups_are_aggregated_once_a_tick_before_the_commit() {
    let refused = |change: &dyn Fn(&mut Program)| {
        let mut program = with_outputs();
        change(&mut program);
        assert!(verify(&program).is_err());
    };
    refused(&|p| drop(p.schedule.setup.remove(1)));
    refused(&|p| drop(p.schedule.frame.remove(8)));
    refused(&|p| p.schedule.frame.swap(7, 8));
    refused(&|p| p.schedule.frame[8].kind = StageKind::Systems);
    refused(&|p| {
        let stage = p.schedule.frame[8].clone();
        p.schedule.frame.insert(8, stage);
    });
    refused(&|p| p.steps[StepId(11)].domain = Domain::Rows { group: GroupId(0), batch_rows: 64 });
    refused(&|p| p.steps[StepId(11)].work = Work::Reduce(GroupId(1)));
}

/// The same, where the pass over the points aggregates them.
fn with_a_pass_that_reduces() -> Program {
    let mut program = with_outputs();
    // What the pass makes, and what nobody does.
    let made = Op::Read { column: ColumnId(0), when: When::Fresh, at: At::Own };
    let heavy = program.reductions[HEAVY].body;
    program.bodies[heavy].ops[ValueId(1)].op = made;
    if let Work::Pass { reduces, .. } = &mut program.steps[PASS].work {
        *reduces = true;
    }
    program.steps[PASS].domain = Domain::Rows { group: GroupId(0), batch_rows: 2 * REDUCE_ROWS };
    // The stage of their own was put in last.
    let stage = program.schedule.frame.remove(8);
    assert_eq!((stage.kind, program.steps.len()), (StageKind::Reduce, 13));
    program.steps = program.steps.values().take(12).cloned().collect();
    program
}

#[test]
fn a_pass_aggregates_whole_blocks_of_rows_that_stay_and_are_finished() {
    assert_eq!(verify(&with_a_pass_that_reduces()), Ok(()));
    let refused = |why: &str, change: &dyn Fn(&mut Program)| {
        let mut program = with_a_pass_that_reduces();
        change(&mut program);
        let violations = verify(&program).expect_err(why);
        let told = violations.iter().any(|v| matches!(v, Violation::Step(PASS, what) if what.contains(why)));
        assert!(told, "{why}: {violations:?}");
    };
    refused("has whole blocks", &|p| p.steps[PASS].domain = super::rows(0, REDUCE_ROWS + 64));
    refused("goes by rows", &|p| p.steps[PASS].domain = Domain::Slots { index: IndexId(0), batch_rows: REDUCE_ROWS });
    let names = Living { first: 9, entities: MASS, generations: MASS, directory: MASS };
    refused("stay where they are", &|p| p.groups[GroupId(0)].living = Some(names));
    refused("stay where they are", &|p| {
        p.groups[GroupId(0)].order = Some(Order { index: IndexId(0), entities: MASS });
    });
    // Whoever makes what is read runs in a later stage.
    refused("made later", &|p| {
        p.steps[PASS].work = Work::Pass { systems: vec![SystemId(1)], reduces: true };
        let work = Work::Pass { systems: vec![super::MOVE], reduces: false };
        let step = p.steps.push(Step { name: String::new(), work, domain: super::rows(0, 64) });
        p.schedule.frame.insert(8, Stage { kind: StageKind::Systems, steps: vec![step] });
    });
    // Nobody aggregates, somebody does twice, or what nobody asks for.
    let once = |change: &dyn Fn(&mut Program)| {
        let mut program = with_a_pass_that_reduces();
        change(&mut program);
        let violations = verify(&program).expect_err("it is broken");
        let told =
            violations.iter().any(|v| matches!(v, Violation::Stage { what, .. } if what.contains("aggregated once")));
        assert!(told, "{violations:?}");
    };
    let reducing = |p: &mut Program, step: StepId, now: bool| {
        if let Work::Pass { reduces, .. } = &mut p.steps[step].work {
            *reduces = now;
        }
    };
    once(&|p| reducing(p, PASS, false));
    once(&|p| reducing(p, StepId(8), true));
    once(&|p| {
        let step = p.steps[StepId(11)].clone();
        let step = p.steps.push(step);
        p.schedule.frame.insert(8, Stage { kind: StageKind::Reduce, steps: vec![step] });
    });
}
