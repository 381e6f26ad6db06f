//! A sound program, and each way to break it.

mod outputs;

use crate::body::Store;
use crate::body::{Binary, Body, Compare, Op, Unary};
use crate::id::{BodyId, ColumnId, GroupId, IndexId, StepId, SystemId, ValueId};
use crate::limits::{FRAMES_MAX, ROWS_MAX, STAGES_MAX};
use crate::program::Outputs;
use crate::program::{
    Code, Column, Domain, Group, Index, IndexKind, IndexPhase, Origin, PROGRAM_VERSION, Program, Reach, Read, Schedule,
    Source, Span, Stage, StageKind, Step, System, When, Work,
};
use crate::space::{Edge, Space};
use crate::table::Table;
use crate::types::{Scalar, Type, Value};
use crate::verify::{Violation, verify};
use crate::{grid, kd};

mod far;
mod loops;
mod rasters;
mod statistics;

const ROWS: u32 = 1000;
const X: ColumnId = ColumnId(0);
const MASS: ColumnId = ColumnId(2);
const PULL: ColumnId = ColumnId(3);
const SUM: ColumnId = ColumnId(4);
const MOVE: SystemId = SystemId(2);

fn column(group: u32, component: &str, component_type: Type, lane: u8, owner: Option<u32>) -> Column {
    let (group, component) = (GroupId(group), component.to_string());
    Column {
        group,
        component,
        component_type,
        lane,
        scalar: component_type.scalar,
        owner: owner.map(SystemId),
        edited: false,
        matched: None,
        draft: false,
        mark: false,
    }
}

fn read(column: ColumnId, when: When, reach: Reach) -> Read {
    Read { column, when, reach }
}

fn system(name: &str, group: u32, owns: Vec<ColumnId>, reads: Vec<Read>, indexes: Vec<IndexId>) -> System {
    System {
        name: name.into(),
        group: GroupId(group),
        owns,
        reads,
        indexes,
        inverses: Vec::new(),
        code: Code::Native("k".into()),
        only: None,
        constants: Vec::new(),
        batch_rows: None,
        span: Span::default(),
    }
}

fn rows(group: u32, batch_rows: u32) -> Domain {
    Domain::Rows { group: GroupId(group), batch_rows }
}

/// Points with position, mass and pull; a tree over them; clusters with a sum. Clusters sum, points are pulled by the
/// sums, and move by their own fresh pull, in one pass.
pub(crate) fn sound() -> Program {
    let (f32, vec2) = (Type::scalar(Scalar::F32), Type::vector(Scalar::F32, 2));
    let mut body = Body::default();
    let row = body.push(Scalar::U32, Op::Row);
    let x = body.push(Scalar::F32, Op::Convert(row));
    let one = body.push(Scalar::F32, Op::Const(Value::F32(1.0)));
    let draw = body.push(Scalar::F32, Op::Draw { site: 1, lane: 0, entity: row, turn: row });
    let sum = body.push(Scalar::F32, Op::Binary(Binary::Add, x, draw));
    let less = body.push(Scalar::Bool, Op::Compare(Compare::Lt, sum, one));
    let chosen = body.push(Scalar::F32, Op::Select(less, sum, one));
    let negative = body.push(Scalar::F32, Op::Unary(Unary::Neg, chosen));
    body.stores = [(X, x), (ColumnId(1), negative), (MASS, one), (PULL, chosen)]
        .map(|(column, value)| Store { column, value, span: Span::default() })
        .to_vec();
    let group = |name: &str, rows, origin, position| Group {
        name: name.into(),
        rows,
        origin,
        position,
        order: None,
        raster: None,
        living: None,
        span: Span::default(),
    };
    let mut steps = Table::default();
    let mut stage = |kind, all: Vec<(Work, Domain)>| Stage {
        kind,
        steps: all.into_iter().map(|(work, domain)| steps.push(Step { name: String::new(), work, domain })).collect(),
    };
    let index = IndexId(0);
    let setup = vec![
        stage(StageKind::Setup, vec![(Work::Blueprint(GroupId(0)), rows(0, 64))]),
        stage(StageKind::Commit, vec![(Work::Commit, Domain::Once)]),
    ];
    let mut frame: Vec<Stage> = IndexPhase::TREE
        .into_iter()
        .map(|phase| {
            let domain = match phase {
                IndexPhase::Count | IndexPhase::Scatter => rows(0, kd::count_batch_rows(ROWS)),
                IndexPhase::Build => Domain::Chunks(index),
                _ => Domain::Once,
            };
            stage(StageKind::Index, vec![(Work::Index(index, phase), domain)])
        })
        .collect();
    frame.push(stage(
        StageKind::Systems,
        vec![(Work::Pass { systems: vec![SystemId(0)], reduces: false }, rows(1, 64))],
    ));
    frame.push(stage(
        StageKind::Systems,
        vec![(Work::Pass { systems: vec![SystemId(1), MOVE], reduces: false }, rows(0, 64))],
    ));
    frame.push(stage(StageKind::Commit, vec![(Work::Commit, Domain::Once)]));
    Program {
        version: PROGRAM_VERSION,
        scenario: "sound".into(),
        seed: 1,
        frames: 10,
        dt: 0.1,
        cycle: 0,
        nan: crate::nan::NanPolicy::default(),
        space: Space { edge: Edge::Torus, dimensions: 2, lo: [0.0; 3], hi: [1.0, 1.0, 0.0] },
        params: Vec::new(),
        enums: Table::default(),
        data: Table::default(),
        inverses: Table::default(),
        edits: Table::default(),
        matchings: Table::default(),
        reductions: Table::default(),
        signals: Table::default(),
        outputs: Outputs::default(),
        groups: [
            group("points", ROWS, Origin::Blueprint(BodyId(0)), vec![X, ColumnId(1)]),
            group("clusters", kd::buckets_max(ROWS, 64), Origin::Buckets(index), vec![]),
        ]
        .into_iter()
        .collect(),
        columns: [
            column(0, "Position", vec2, 0, Some(2)),
            column(0, "Position", vec2, 1, Some(2)),
            column(0, "Mass", f32, 0, None),
            column(0, "Pull", f32, 0, Some(1)),
            column(1, "Sum", f32, 0, Some(0)),
        ]
        .into_iter()
        .collect(),
        indexes: [Index {
            name: "tree".into(),
            group: GroupId(0),
            positions: vec![X, ColumnId(1)],
            when: When::Prev,
            kind: IndexKind::Tree { bucket_rows: 64, summary: None },
            buckets: Some(GroupId(1)),
            span: Span::default(),
        }]
        .into_iter()
        .collect(),
        systems: [
            system("sum", 1, vec![SUM], vec![read(MASS, When::Prev, Reach::Any)], vec![index]),
            system("pull", 0, vec![PULL], vec![read(SUM, When::Fresh, Reach::Any)], vec![index]),
            system("move", 0, vec![X, ColumnId(1)], vec![read(PULL, When::Fresh, Reach::Own)], vec![]),
        ]
        .into_iter()
        .collect(),
        bodies: [body].into_iter().collect(),
        steps,
        schedule: Schedule { setup, frame },
        fields: Vec::new(),
        sources: [Source { path: "s".into(), text: String::new() }].into_iter().collect(),
    }
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), expected: impl Fn(&Violation) -> bool) {
    let mut program = sound();
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(expected), "{violations:?}");
}

fn op(program: &mut Program, at: u32, op: Op) {
    program.bodies[BodyId(0)].ops[ValueId(at)].op = op;
}

#[test]
fn a_sound_program_passes() {
    assert_eq!(verify(&sound()), Ok(()));
}

#[test]
fn version_frames_time_step_and_space_are_checked() {
    broken(|p| p.version += 1, |v| matches!(v, Violation::Version(_)));
    broken(|p| p.frames = FRAMES_MAX + 1, |v| matches!(v, Violation::Frames(_)));
    broken(|p| p.dt = 0.0, |v| matches!(v, Violation::TimeStep(_)));
    broken(|p| p.dt = f64::NAN, |v| matches!(v, Violation::TimeStep(_)));
    broken(|p| p.space.dimensions = 4, |v| matches!(v, Violation::Space(_)));
    broken(|p| p.space.dimensions = 0, |v| matches!(v, Violation::Space(_)));
    broken(|p| p.space.hi[1] = 0.0, |v| matches!(v, Violation::Space(_)));
    broken(|p| p.space.lo[0] = f32::NEG_INFINITY, |v| matches!(v, Violation::Space(_)));
}

#[test]
fn ids_out_of_range_are_refused() {
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(|p| p.groups[GroupId(0)].origin = Origin::Blueprint(BodyId(9)), id);
    broken(|p| p.groups[GroupId(1)].origin = Origin::Buckets(IndexId(9)), id);
    broken(|p| p.groups[GroupId(0)].position.push(ColumnId(u32::MAX)), id);
    broken(|p| p.columns[X].group = GroupId(9), id);
    broken(|p| p.columns[X].owner = Some(SystemId(9)), id);
    broken(|p| p.indexes[IndexId(0)].group = GroupId(9), id);
    broken(|p| p.indexes[IndexId(0)].positions[0] = ColumnId(9), id);
    broken(|p| p.indexes[IndexId(0)].buckets = Some(GroupId(9)), id);
    broken(|p| p.systems[MOVE].group = GroupId(9), id);
    broken(|p| p.systems[MOVE].owns.push(ColumnId(9)), id);
    broken(|p| p.systems[MOVE].reads[0].column = ColumnId(9), id);
    broken(|p| p.systems[MOVE].indexes.push(IndexId(9)), id);
    broken(|p| p.systems[MOVE].code = Code::Body(BodyId(9)), id);
    broken(|p| p.bodies[BodyId(0)].stores[0].column = ColumnId(9), id);
    broken(|p| p.bodies[BodyId(0)].stores[0].value = ValueId(99), id);
    broken(|p| p.steps[StepId(0)].work = Work::Blueprint(GroupId(9)), id);
    broken(|p| p.steps[StepId(0)].work = Work::Index(IndexId(9), IndexPhase::Split), id);
    broken(|p| p.steps[StepId(0)].work = Work::Pass { systems: vec![SystemId(9)], reduces: false }, id);
    broken(|p| p.steps[StepId(0)].domain = rows(9, 64), id);
    broken(|p| p.steps[StepId(0)].domain = Domain::Chunks(IndexId(9)), id);
    broken(|p| p.schedule.setup[0].steps[0] = StepId(99), id);
}

#[test]
fn groups_have_rows_within_limits() {
    broken(|p| p.groups[GroupId(0)].rows = 0, |v| matches!(v, Violation::Rows(..)));
    broken(|p| p.groups[GroupId(0)].rows = ROWS_MAX + 1, |v| matches!(v, Violation::Rows(..)));
    broken(|p| p.groups[GroupId(0)].rows = u32::MAX, |v| matches!(v, Violation::Rows(..)));
}

#[test]
fn each_lane_of_a_component_is_one_column_of_its_scalar() {
    let wrong = |v: &Violation| matches!(v, Violation::Column(..));
    broken(|p| p.columns[X].component_type.lanes = 4, wrong);
    broken(|p| p.columns[X].component_type.lanes = 0, wrong);
    broken(|p| p.columns[MASS].component_type = Type::vector(Scalar::U32, 2), wrong);
    broken(|p| p.columns[X].lane = 2, wrong);
    broken(|p| p.columns[MASS].scalar = Scalar::U32, wrong);
    broken(|p| p.columns[X].lane = 1, wrong);
    broken(|p| p.columns[MASS].component_type.lanes = 2, wrong);
}

#[test]
fn a_position_is_a_whole_component_of_floats_in_the_dimensions_of_space() {
    let wrong = |v: &Violation| matches!(v, Violation::Position(..));
    broken(|p| p.groups[GroupId(0)].position.truncate(1), wrong);
    broken(|p| p.groups[GroupId(0)].position.reverse(), wrong);
    broken(|p| p.groups[GroupId(0)].position[1] = MASS, wrong);
    broken(|p| p.space.dimensions = 1, wrong);
    broken(
        |p| {
            p.space.dimensions = 1;
            p.groups[GroupId(0)].position = vec![MASS];
            (p.columns[MASS].component_type.scalar, p.columns[MASS].scalar) = (Scalar::U32, Scalar::U32);
        },
        wrong,
    );
}

#[test]
fn indexes_and_derived_groups_fit_each_other() {
    let index = |v: &Violation| matches!(v, Violation::Index(..));
    let derived = |v: &Violation| matches!(v, Violation::Derived(..));
    broken(|p| p.indexes[IndexId(0)].group = GroupId(1), index);
    broken(|p| p.indexes[IndexId(0)].positions.clear(), index);
    broken(|p| p.indexes[IndexId(0)].positions.reverse(), index);
    broken(|p| p.indexes[IndexId(0)].kind = IndexKind::Tree { bucket_rows: 0, summary: None }, index);
    broken(|p| p.indexes[IndexId(0)].buckets = Some(GroupId(0)), index);
    broken(
        |p| {
            p.indexes[IndexId(0)].when = When::Fresh;
            p.columns[X].owner = None;
        },
        index,
    );
    broken(|p| p.indexes[IndexId(0)].buckets = None, derived);
    broken(|p| p.groups[GroupId(1)].rows += 1, derived);
    broken(|p| p.groups[GroupId(1)].position = vec![SUM], derived);
    broken(|p| p.columns[SUM].owner = None, derived);
}

#[test]
fn columns_and_systems_agree_about_one_owner() {
    let wrong = |v: &Violation| matches!(v, Violation::Ownership(..));
    broken(|p| p.systems[MOVE].owns.push(PULL), wrong);
    broken(|p| p.systems[MOVE].owns.push(X), wrong);
    broken(|p| p.systems[MOVE].owns.push(SUM), wrong);
    broken(|p| p.columns[MASS].owner = Some(MOVE), wrong);
    broken(|p| p.columns[PULL].owner = Some(MOVE), wrong);
    broken(|p| p.systems[MOVE].owns.clear(), |v| matches!(v, Violation::OwnsNothing(_)));
}

#[test]
fn reads_make_sense() {
    let wrong = |v: &Violation| matches!(v, Violation::Read(..));
    broken(|p| p.systems[SystemId(1)].reads[0].reach = Reach::Own, wrong);
    broken(|p| p.systems[SystemId(1)].reads[0].when = When::Prev, wrong);
    broken(|p| p.systems[MOVE].reads[0].column = MASS, wrong);
    broken(|p| p.systems[MOVE].reads[0].column = X, wrong);
}

#[test]
fn rows_a_batch_are_a_multiple_of_the_alignment() {
    let wrong = |v: &Violation| matches!(v, Violation::BatchRows { .. });
    broken(|p| p.systems[MOVE].batch_rows = Some(100), wrong);
    broken(|p| p.systems[MOVE].batch_rows = Some(0), wrong);
    broken(|p| p.steps[StepId(0)].domain = rows(0, 0), wrong);
    broken(|p| p.steps[StepId(0)].domain = rows(0, 65), wrong);
}

#[test]
fn operations_follow_their_operands_and_take_their_types() {
    let wrong = |v: &Violation| matches!(v, Violation::Op(..));
    broken(|p| op(p, 4, Op::Binary(Binary::Add, ValueId(1), ValueId(4))), wrong);
    broken(|p| op(p, 4, Op::Binary(Binary::Add, ValueId(1), ValueId(u32::MAX))), wrong);
    broken(|p| op(p, 4, Op::Binary(Binary::Add, ValueId(0), ValueId(1))), wrong);
    broken(|p| op(p, 4, Op::Binary(Binary::And, ValueId(1), ValueId(1))), wrong);
    broken(|p| op(p, 1, Op::Convert(ValueId(1))), wrong);
    broken(|p| op(p, 2, Op::Const(Value::F64(1.0))), wrong);
    broken(|p| op(p, 2, Op::Row), wrong);
    broken(|p| op(p, 3, Op::Draw { site: 1, lane: 2, entity: ValueId(0), turn: ValueId(0) }), wrong);
    broken(|p| op(p, 4, Op::Draw { site: 1, lane: 0, entity: ValueId(1), turn: ValueId(0) }), wrong);
    broken(|p| op(p, 5, Op::Compare(Compare::Lt, ValueId(0), ValueId(1))), wrong);
    broken(|p| op(p, 4, Op::Compare(Compare::Lt, ValueId(1), ValueId(1))), wrong);
    broken(|p| op(p, 6, Op::Select(ValueId(4), ValueId(4), ValueId(2))), wrong);
    broken(|p| op(p, 6, Op::Select(ValueId(5), ValueId(0), ValueId(2))), wrong);
    broken(|p| op(p, 6, Op::Select(ValueId(5), ValueId(4), ValueId(6))), wrong);
    broken(|p| op(p, 7, Op::Unary(Unary::Not, ValueId(6))), wrong);
    broken(|p| op(p, 7, Op::Unary(Unary::Neg, ValueId(7))), wrong);
}

#[test]
fn bodies_store_what_is_theirs_once_with_its_type() {
    let wrong = |v: &Violation| matches!(v, Violation::Store(..));
    broken(|p| p.bodies[BodyId(0)].stores.truncate(3), wrong);
    broken(|p| p.bodies[BodyId(0)].stores.push(Store { column: X, value: ValueId(1), span: Span::default() }), wrong);
    broken(|p| p.bodies[BodyId(0)].stores.push(Store { column: SUM, value: ValueId(1), span: Span::default() }), wrong);
    broken(|p| p.bodies[BodyId(0)].stores[0].value = ValueId(0), wrong);
    broken(|p| p.systems[MOVE].code = Code::Body(BodyId(0)), wrong);
}

#[test]
fn stages_are_few_and_full() {
    broken(
        |p| {
            let stage = p.schedule.frame[0].clone();
            p.schedule.frame.splice(0..0, std::iter::repeat_n(stage, usize::from(STAGES_MAX)));
        },
        |v| matches!(v, Violation::Stages(_)),
    );
    broken(|p| p.groups[GroupId(0)].rows = ROWS_MAX, |v| matches!(v, Violation::StageBatches { .. }));
    broken(|p| p.schedule.frame[6].steps.clear(), |v| matches!(v, Violation::Stage { .. }));
    broken(
        |p| {
            p.groups[GroupId(0)].rows = 64_000_000;
            let stage = p.schedule.setup[0].clone();
            p.schedule.frame.splice(0..0, std::iter::repeat_n(stage, 300));
        },
        |v| matches!(v, Violation::Tickets(_)),
    );
    broken(|p| p.schedule.frame.clear(), |v| matches!(v, Violation::Stage { .. }));
}

#[test]
fn every_step_stands_once_in_a_stage_of_its_kind_over_what_it_divides() {
    let step = |v: &Violation| matches!(v, Violation::Step(..));
    let stage = |v: &Violation| matches!(v, Violation::Stage { .. });
    broken(|p| p.schedule.frame[6].steps.push(StepId(9)), step);
    broken(|p| drop(p.schedule.setup.remove(0)), step);
    broken(|p| p.steps[StepId(0)].domain = Domain::Once, step);
    broken(|p| p.steps[StepId(2)].domain = rows(0, 64), step);
    broken(|p| p.steps[StepId(3)].domain = rows(0, 64), step);
    broken(|p| p.steps[StepId(6)].domain = Domain::Once, step);
    broken(|p| p.steps[StepId(8)].domain = rows(0, 64), step);
    broken(|p| p.steps[StepId(8)].work = Work::Pass { systems: vec![], reduces: false }, step);
    broken(|p| p.steps[StepId(9)].work = Work::Pass { systems: vec![SystemId(1), SystemId(0)], reduces: false }, step);
    broken(|p| p.steps[StepId(10)].domain = rows(0, 64), step);
    broken(|p| p.schedule.frame[6].kind = StageKind::Index, stage);
    broken(|p| p.schedule.setup[0].kind = StageKind::Commit, stage);
    broken(
        |p| {
            let stage = p.schedule.frame.remove(0);
            p.schedule.setup.insert(0, stage);
        },
        stage,
    );
}

#[test]
fn the_commit_is_last_and_alone() {
    let wrong = |v: &Violation| matches!(v, Violation::Stage { .. });
    broken(|p| drop(p.schedule.frame.pop()), wrong);
    broken(|p| drop(p.schedule.setup.pop()), wrong);
    broken(|p| p.schedule.frame.swap(7, 8), wrong);
    broken(
        |p| {
            let second = p.steps.push(Step { name: String::new(), work: Work::Commit, domain: Domain::Once });
            p.schedule.frame[8].steps.push(second);
        },
        wrong,
    );
}

#[test]
fn blueprints_and_systems_run_exactly_once() {
    broken(|p| p.steps[StepId(0)].work = Work::Blueprint(GroupId(1)), |v| matches!(v, Violation::Blueprint(..)));
    let runs = |v: &Violation| matches!(v, Violation::SystemRuns(..));
    broken(|p| p.steps[StepId(9)].work = Work::Pass { systems: vec![SystemId(1)], reduces: false }, runs);
    broken(|p| p.steps[StepId(9)].work = Work::Pass { systems: vec![SystemId(1), MOVE, MOVE], reduces: false }, runs);
}

#[test]
fn the_phases_of_an_index_stand_in_order() {
    let wrong = |v: &Violation| matches!(v, Violation::IndexPhases(_));
    broken(|p| p.schedule.frame.swap(0, 1), wrong);
    broken(|p| drop(p.schedule.frame.remove(3)), wrong);
    broken(
        |p| {
            let step = p.schedule.frame.remove(1).steps[0];
            p.schedule.frame[0].steps.push(step);
        },
        wrong,
    );
}

/// The sound program with a grid instead of its tree; nothing is made of buckets then, and nobody asks.
fn gridded() -> Program {
    let mut program = sound();
    program.indexes[IndexId(0)].kind = grid(0.1, vec![(X, When::Prev), (MASS, When::Prev)]);
    program.indexes[IndexId(0)].buckets = None;
    let rest = program.systems.values().skip(1).cloned().map(|system| System { indexes: Vec::new(), ..system });
    program.systems = rest.collect();
    program.systems[SystemId(0)].reads.clear();
    program.groups = program.groups.values().take(1).cloned().collect();
    program.columns = program.columns.values().take(4).cloned().collect();
    for (_, column) in program.columns.iter_mut() {
        column.owner = column.owner.map(|owner| SystemId(owner.0 - 1));
    }
    let mut steps = Table::default();
    let mut stage =
        |kind, work, domain| Stage { kind, steps: vec![steps.push(Step { name: String::new(), work, domain })] };
    let setup = stage(StageKind::Setup, Work::Blueprint(GroupId(0)), rows(0, 64));
    let ended = stage(StageKind::Commit, Work::Commit, Domain::Once);
    let counted = rows(0, grid::count_batch_rows(ROWS));
    let mut frame: Vec<Stage> =
        [(IndexPhase::Count, counted), (IndexPhase::Place, Domain::Once), (IndexPhase::Scatter, counted)]
            .into_iter()
            .chain([(IndexPhase::Build, Domain::Chunks(IndexId(0)))])
            .map(|(phase, domain)| stage(StageKind::Index, Work::Index(IndexId(0), phase), domain))
            .collect();
    frame.push(stage(
        StageKind::Systems,
        Work::Pass { systems: vec![SystemId(0), SystemId(1)], reduces: false },
        rows(0, 64),
    ));
    frame.push(stage(StageKind::Commit, Work::Commit, Domain::Once));
    program.schedule = Schedule { setup: vec![setup, ended], frame };
    program.steps = steps;
    program
}

fn grid(cell: f32, copies: Vec<(ColumnId, When)>) -> IndexKind {
    IndexKind::Grid { cell, copies }
}

#[test]
fn a_sound_program_with_a_grid_passes() {
    assert_eq!(verify(&gridded()), Ok(()));
}

#[test]
fn a_grid_has_cells_and_copies_that_make_sense() {
    #[track_caller]
    fn wrong(change: impl FnOnce(&mut Program)) {
        let mut program = gridded();
        change(&mut program);
        let violations = verify(&program).expect_err("it is broken");
        assert!(violations.iter().any(|v| matches!(v, Violation::Index(..))), "{violations:?}");
    }
    for cell in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        wrong(|p| p.indexes[IndexId(0)].kind = grid(cell, Vec::new()));
    }
    wrong(|p| p.indexes[IndexId(0)].kind = grid(0.1, vec![(MASS, When::Prev), (MASS, When::Prev)]));
    wrong(|p| p.indexes[IndexId(0)].kind = grid(0.1, vec![(PULL, When::Fresh)]));
    wrong(|p| p.indexes[IndexId(0)].kind = grid(0.1, vec![(X, When::Fresh)]));
    wrong(|p| p.systems[SystemId(0)].indexes = vec![IndexId(0)]);
    let mut program = gridded();
    program.indexes[IndexId(0)].kind = grid(0.1, vec![(ColumnId(9), When::Prev)]);
    assert!(verify(&program).expect_err("it is broken").iter().all(|v| matches!(v, Violation::Id { .. })));
}

#[test]
fn a_pass_goes_by_the_slots_of_a_grid_that_it_asks() {
    let slots = |index, batch_rows| Domain::Slots { index: IndexId(index), batch_rows };
    let violations = |change: &dyn Fn(&mut Program)| {
        let mut program = gridded();
        change(&mut program);
        verify(&program).expect_err("it is broken")
    };
    let pass = StepId(5);
    // Nobody asks it; it is a tree; there is no such index; batches of no rows; no pass.
    for change in [
        &(|p: &mut Program| p.steps[pass].domain = slots(0, 64)) as &dyn Fn(&mut Program),
        &|p| {
            (p.steps[pass].domain, p.indexes[IndexId(0)].kind) =
                (slots(0, 64), IndexKind::Tree { bucket_rows: 32, summary: None })
        },
        &|p| p.steps[StepId(2)].domain = slots(0, 64),
    ] {
        let found = violations(change);
        assert!(found.iter().any(|v| matches!(v, Violation::Step(..))), "{found:?}");
    }
    let found = violations(&|p| p.steps[pass].domain = slots(7, 64));
    assert!(found.iter().any(|v| matches!(v, Violation::Id { .. })), "{found:?}");
    let found = violations(&|p| p.steps[pass].domain = slots(0, 0));
    assert!(found.iter().any(|v| matches!(v, Violation::BatchRows { .. })), "{found:?}");
}

#[test]
fn the_phases_of_a_grid_stand_in_order() {
    for change in [(|p| p.schedule.frame.swap(0, 1)) as fn(&mut Program), |p| drop(p.schedule.frame.remove(2))] {
        let mut program = gridded();
        change(&mut program);
        let violations = verify(&program).expect_err("it is broken");
        assert!(violations.iter().any(|v| matches!(v, Violation::IndexPhases(_))), "{violations:?}");
    }
    // In an open space the bounds come first.
    let mut program = gridded();
    program.space = Space::open(2);
    assert!(verify(&program).is_err());
    let work = Work::Index(IndexId(0), IndexPhase::Bounds);
    let step = program.steps.push(Step { name: String::new(), work, domain: rows(0, grid::count_batch_rows(ROWS)) });
    program.schedule.frame.insert(0, Stage { kind: StageKind::Index, steps: vec![step] });
    assert_eq!(verify(&program), Ok(()));
}

#[test]
fn fresh_reads_are_complete() {
    let early = |v: &Violation| matches!(v, Violation::FreshTooEarly(..));
    // The reader before its owner in one pass; any row in the owner's own pass; an earlier stage.
    broken(|p| p.steps[StepId(9)].work = Work::Pass { systems: vec![MOVE, SystemId(1)], reduces: false }, early);
    broken(|p| p.systems[MOVE].reads[0].reach = Reach::Any, early);
    broken(|p| p.schedule.frame.swap(6, 7), early);
    // The same in a stage of their own, in order: sound.
    let mut program = sound();
    program.steps[StepId(9)].work = Work::Pass { systems: vec![SystemId(1)], reduces: false };
    program.systems[MOVE].reads[0].reach = Reach::Any;
    let work = Work::Pass { systems: vec![MOVE], reduces: false };
    let step = program.steps.push(Step { name: String::new(), work, domain: rows(0, 64) });
    program.schedule.frame.insert(8, Stage { kind: StageKind::Systems, steps: vec![step] });
    assert_eq!(verify(&program), Ok(()));
}

#[test]
fn an_index_over_fresh_positions_waits_for_them() {
    broken(|p| p.indexes[IndexId(0)].when = When::Fresh, |v| matches!(v, Violation::IndexTooEarly(..)));
}

#[test]
fn an_index_is_asked_when_it_is_sealed() {
    let early = |v: &Violation| matches!(v, Violation::AskedTooEarly(..));
    broken(|p| p.schedule.frame.swap(5, 6), early);
    // A system over the buckets needs no clause for that.
    broken(
        |p| {
            p.systems[SystemId(0)].indexes.clear();
            p.schedule.frame.swap(5, 6);
        },
        early,
    );
}

#[test]
fn damaged_bytes_never_panic_the_verifier() {
    let bytes = [sound().to_bytes(), gridded().to_bytes()];
    let mut state = 1u64;
    for turn in 0..20_000 {
        let mut damaged = bytes[turn % 2].clone();
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
