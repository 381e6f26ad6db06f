//! Invariants of the schedule.

use std::collections::BTreeMap;

use crate::id::{GroupId, IndexId, InverseId, StepId, SystemId};
use crate::limits::{REDUCE_ROWS, ROW_ALIGN, ROWS_MAX, STAGE_BATCHES_MAX, STAGES_MAX, TALLY_ROWS, TICKETS_MAX};
use crate::program::{
    Code, Domain, EditPhase, IndexKind, IndexPhase, InversePhase, Origin, Program, Reach, Stage, StageKind, Step, When,
    Work,
};
use crate::verify::{Violation, matchings, reductions};

/// Where a system runs in the frame: its stage, its step, its place in the pass.
pub(super) type Place = (usize, StepId, usize);

/// What stands where in the frame.
#[derive(Default)]
pub(super) struct Places {
    pub(super) systems: BTreeMap<SystemId, Vec<Place>>,
    phases: BTreeMap<IndexId, Vec<(usize, IndexPhase)>>,
    inverses: BTreeMap<InverseId, Vec<(usize, InversePhase)>>,
}

/// Checks steps and schedule.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, step) in program.steps.iter() {
        violations.extend(domain(program, step).map(|what| Violation::Step(id, what)));
        if let Domain::Rows { batch_rows: rows, .. } | Domain::Slots { batch_rows: rows, .. } = step.domain
            && (rows == 0 || rows % ROW_ALIGN != 0)
        {
            violations.push(Violation::BatchRows { of: format!("{id:?}"), rows });
        }
    }
    each_step_once(program, violations);
    let (setup, frame) = (&program.schedule.setup, &program.schedule.frame);
    let mut tickets = 0;
    for (tick, stages, allowed) in [("set-up", setup, StageKind::Setup), ("frame", frame, StageKind::Systems)] {
        if stages.len() > usize::from(STAGES_MAX) {
            violations.push(Violation::Stages(stages.len()));
        }
        for (at, stage) in stages.iter().enumerate() {
            let last = at + 1 == stages.len();
            let what = problem_of_stage(program, stage, last, allowed == StageKind::Setup);
            violations.extend(what.map(|what| Violation::Stage { tick, stage: at, what }));
            let batches = stage.steps.iter().map(|step| batches(program, &program.steps[*step])).sum();
            if batches > u64::from(STAGE_BATCHES_MAX) {
                violations.push(Violation::StageBatches { tick, batches });
            }
            tickets += batches;
        }
        if stages.is_empty() {
            violations.push(Violation::Stage { tick, stage: 0, what: "the last stage is the commit" });
        }
    }
    if tickets > u64::from(TICKETS_MAX) {
        violations.push(Violation::Tickets(tickets));
    }
    blueprints(program, violations);
    let places = places(program);
    systems(program, &places, violations);
    indexes(program, &places, violations);
    inverses(program, &places, violations);
    reductions::scheduled(program, &places, violations);
}

fn each_step_once(program: &Program, violations: &mut Vec<Violation>) {
    let mut uses = vec![0u32; program.steps.len()];
    for stage in program.schedule.setup.iter().chain(&program.schedule.frame) {
        stage.steps.iter().for_each(|step| uses[step.0 as usize] += 1);
    }
    let wrong = program.steps.ids().zip(uses).filter(|(_, uses)| *uses != 1);
    violations.extend(wrong.map(|(id, _)| Violation::Step(id, "it stands in exactly one stage")));
}

/// Whether a step divides what its work is about.
fn domain(program: &Program, step: &Step) -> Option<&'static str> {
    let over = |wanted: GroupId| matches!(step.domain, Domain::Rows { group, .. } if group == wanted);
    let good = match &step.work {
        Work::Blueprint(group) => over(*group),
        Work::Commit | Work::Pick(_) => step.domain == Domain::Once,
        Work::Edit(group, phase) => match phase {
            EditPhase::Begin | EditPhase::CatchUp | EditPhase::Count | EditPhase::Gaps | EditPhase::Refer => {
                step.domain == Domain::Blocks(*group)
            }
            EditPhase::Asks | EditPhase::Births => step.domain == Domain::Births(*group),
            EditPhase::Place => step.domain == Domain::Once,
        },
        Work::Reduce(group) => step.domain == Domain::Rows { group: *group, batch_rows: REDUCE_ROWS },
        Work::Tally(group, _) => step.domain == Domain::Rows { group: *group, batch_rows: TALLY_ROWS },
        Work::Inverse(inverse, phase) => {
            let shape = program.inverse_shape(*inverse);
            let group = program.inverses[*inverse].group;
            match phase {
                InversePhase::Count | InversePhase::Scatter => {
                    step.domain == Domain::Rows { group, batch_rows: shape.batch_rows }
                }
                InversePhase::Place => step.domain == Domain::Once,
                InversePhase::List => step.domain == Domain::Targets(*inverse),
            }
        }
        Work::Match(matching, phase) => step.domain == matchings::domain(program, *matching, *phase),
        Work::Pass { systems, .. } => match systems.first() {
            Some(first) => {
                let group = program.systems[*first].group;
                if systems.iter().any(|system| program.systems[*system].group != group) {
                    return Some("the systems of a pass run over one group");
                }
                if let Domain::Slots { index, .. } = step.domain {
                    return of_slots(program, index, group, systems).or_else(|| of_summaries(program, index, systems));
                }
                over(group)
            }
            None => return Some("a pass without systems"),
        },
        Work::Index(index, phase) => {
            let group = program.indexes[*index].group;
            match phase {
                IndexPhase::Split | IndexPhase::Place | IndexPhase::Seal => step.domain == Domain::Once,
                IndexPhase::Build => step.domain == Domain::Chunks(*index),
                IndexPhase::Bounds | IndexPhase::Count | IndexPhase::Scatter => {
                    let batch_rows = program.indexes[*index].batch_rows(program.groups[group].rows.min(ROWS_MAX));
                    step.domain == Domain::Rows { group, batch_rows }
                }
            }
        }
    };
    (!good).then_some("its domain is not what its work divides")
}

/// Whether a pass may go by the slots of an index: of its own group, with bodies that know how, one of which waits for it.
fn of_slots(program: &Program, index: IndexId, group: GroupId, systems: &[SystemId]) -> Option<&'static str> {
    let gone_by = &program.indexes[index];
    match &gone_by.kind {
        IndexKind::Tree { summary, .. } if summary.is_none() && !program.keeps_order(index) => {
            return Some("slots are those of a grid, of a tree with summaries, or of the order that rows are kept in");
        }
        IndexKind::Grid { copies, .. }
            if !gone_by.positions.iter().all(|column| copies.contains(&(*column, gone_by.when))) =>
        {
            return Some("a grid whose slots are gone by has copies of its positions");
        }
        IndexKind::Tree { .. } | IndexKind::Grid { .. } => {}
    }
    if gone_by.group != group {
        return Some("slots are those of an index over the pass's own group");
    }
    if !program.keeps_order(index) && !systems.iter().any(|system| program.systems[*system].indexes.contains(&index)) {
        return Some("slots are those of an index that the pass asks");
    }
    let native = |system: &SystemId| matches!(program.systems[*system].code, Code::Native(_));
    systems.iter().any(native).then_some("native systems run over rows as they stand")
}

/// Whether a pass by the slots of an index asks for the summaries of another one: its blocks lie across those buckets.
fn of_summaries(program: &Program, index: IndexId, systems: &[SystemId]) -> Option<&'static str> {
    let asks = |system: &SystemId| program.loops_of(*system).filter_map(|it| it.over.far()).any(|other| other != index);
    systems.iter().any(asks).then_some("a pass by slots asks for the summaries of that index alone")
}

fn batches(program: &Program, step: &Step) -> u64 {
    if let Some((group, batch_rows)) = step.domain.rows(program) {
        return u64::from(program.groups[group].rows.div_ceil(batch_rows.max(1)));
    }
    match step.domain {
        Domain::Chunks(index) => u64::from(program.index_chunks(index)),
        Domain::Targets(inverse) => u64::from(program.inverse_shape(inverse).chunks),
        domain => u64::from(crate::layout::batches_max(program, domain)),
    }
}

fn problem_of_stage(program: &Program, stage: &Stage, last: bool, setup: bool) -> Option<&'static str> {
    let kind = |step: &StepId| match program.steps[*step].work {
        Work::Blueprint(_) => StageKind::Setup,
        Work::Index(..) | Work::Inverse(..) | Work::Match(..) => StageKind::Index,
        Work::Reduce(_) | Work::Tally(..) | Work::Pick(_) => StageKind::Reduce,
        Work::Pass { .. } => StageKind::Systems,
        Work::Edit(..) => StageKind::Edit,
        Work::Commit => StageKind::Commit,
    };
    let in_tick = match stage.kind {
        StageKind::Setup => setup,
        StageKind::Index | StageKind::Systems => !setup,
        StageKind::Edit | StageKind::Reduce | StageKind::Commit => true,
    };
    if stage.steps.is_empty() {
        Some("no steps")
    } else if stage.steps.iter().any(|step| kind(step) != stage.kind) {
        Some("a step of another kind")
    } else if !in_tick {
        Some("a kind that has no place in this tick")
    } else if last != (stage.kind == StageKind::Commit) || (last && stage.steps.len() != 1) {
        Some("the last stage, and no other, is the commit, alone")
    } else {
        None
    }
}

fn blueprints(program: &Program, violations: &mut Vec<Violation>) {
    let mut evaluated: BTreeMap<GroupId, usize> = BTreeMap::new();
    for step in program.schedule.setup.iter().flat_map(|stage| &stage.steps) {
        if let Work::Blueprint(group) = program.steps[*step].work {
            *evaluated.entry(group).or_default() += 1;
        }
    }
    for (id, group) in program.groups.iter() {
        let times = evaluated.get(&id).copied().unwrap_or(0);
        if times != usize::from(matches!(group.origin, Origin::Blueprint(_))) {
            violations.push(Violation::Blueprint(id, times));
        }
    }
}

fn places(program: &Program) -> Places {
    let mut places = Places::default();
    for (at, stage) in program.schedule.frame.iter().enumerate() {
        for step in &stage.steps {
            match &program.steps[*step].work {
                Work::Pass { systems, .. } => {
                    for (place, system) in systems.iter().enumerate() {
                        places.systems.entry(*system).or_default().push((at, *step, place));
                    }
                }
                Work::Index(index, phase) => places.phases.entry(*index).or_default().push((at, *phase)),
                Work::Inverse(inverse, phase) => places.inverses.entry(*inverse).or_default().push((at, *phase)),
                Work::Match(..) | Work::Edit(..) | Work::Blueprint(_) => {}
                Work::Reduce(_) | Work::Tally(..) | Work::Pick(_) | Work::Commit => {}
            }
        }
    }
    places
}

fn systems(program: &Program, places: &Places, violations: &mut Vec<Violation>) {
    let place = |system: SystemId| places.systems.get(&system).and_then(|all| all.first());
    for (id, system) in program.systems.iter() {
        let times = places.systems.get(&id).map_or(0, Vec::len);
        if times != 1 {
            violations.push(Violation::SystemRuns(id, times));
        }
        let Some(own) = place(id) else { continue };
        for read in system.reads.iter().filter(|read| read.when == When::Fresh) {
            let Some(owner) = program.columns[read.column].owner.and_then(place) else { continue };
            let same_pass = read.reach == Reach::Own && owner.1 == own.1 && owner.2 < own.2;
            if owner.0 >= own.0 && !same_pass {
                violations.push(Violation::FreshTooEarly(id, read.column));
            }
        }
        let buckets = match program.groups[system.group].origin {
            Origin::Buckets(index) => Some(index),
            Origin::Blueprint(_) | Origin::Directory(_) => None,
        };
        let order = program.groups[system.group].order.map(|order| order.index);
        for index in system.indexes.iter().copied().chain(buckets).chain(order) {
            let sealed = places.phases.get(&index).and_then(|phases| phases.last());
            if sealed.is_none_or(|(stage, _)| *stage >= own.0) {
                violations.push(Violation::AskedTooEarly(id, index));
            }
        }
        for &inverse in &system.inverses {
            let listed = places.inverses.get(&inverse).and_then(|phases| phases.last());
            if listed.is_none_or(|(stage, _)| *stage >= own.0) {
                violations.push(Violation::InverseAskedTooEarly(id, inverse));
            }
        }
    }
}

fn indexes(program: &Program, places: &Places, violations: &mut Vec<Violation>) {
    for (id, index) in program.indexes.iter() {
        let phases = places.phases.get(&id).map_or(&[][..], Vec::as_slice);
        let in_order = phases.iter().map(|(_, phase)| *phase).eq(index.phases(&program.space).iter().copied());
        if !in_order || !phases.is_sorted_by(|a, b| a.0 < b.0) {
            violations.push(Violation::IndexPhases(id));
        }
        let Some((first, _)) = phases.first().filter(|_| index.when == When::Fresh) else { continue };
        for column in &index.positions {
            let owner = program.columns[*column].owner.and_then(|owner| places.systems.get(&owner)?.first());
            if owner.is_none_or(|owner| owner.0 >= *first) {
                violations.push(Violation::IndexTooEarly(id, *column));
            }
        }
    }
}

fn inverses(program: &Program, places: &Places, violations: &mut Vec<Violation>) {
    for (id, inverse) in program.inverses.iter() {
        let phases = places.inverses.get(&id).map_or(&[][..], Vec::as_slice);
        let in_order = phases.iter().map(|(_, phase)| *phase).eq(InversePhase::ALL);
        if !in_order || !phases.is_sorted_by(|a, b| a.0 < b.0) {
            violations.push(Violation::InversePhases(id));
        }
        let Some((first, _)) = phases.first().filter(|_| inverse.when == When::Fresh) else { continue };
        let owner = program.columns[inverse.column].owner.and_then(|owner| places.systems.get(&owner)?.first());
        if owner.is_none_or(|owner| owner.0 >= *first) {
            violations.push(Violation::InverseTooEarly(id, inverse.column));
        }
    }
}
