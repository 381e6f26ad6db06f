//! Invariants of births and ends: what names entities, what rules ask for, when it is brought into the rows.

use std::collections::BTreeSet;

use crate::id::{BodyId, ColumnId, GroupId, SystemId};
use crate::limits::BIRTHS_MAX;
use crate::program::{Change, Code, Column, Domain, Edit, EditPhase, Living, Origin, Program, Stage, Work};
use crate::types::{NEWBORN, NO_ROW, Scalar, Type};
use crate::verify::Violation;

/// Whether every id is in range.
pub(super) fn ids(program: &Program) -> bool {
    let columns = |all: &[ColumnId]| all.iter().all(|column| program.columns.contains(*column));
    let group = |(_, group): (GroupId, &crate::program::Group)| {
        let directory = match group.origin {
            Origin::Directory(of) => program.groups.contains(of),
            Origin::Blueprint(_) | Origin::Buckets(_) => true,
        };
        directory && group.living.is_none_or(|it| columns(&[it.entities, it.generations, it.directory]))
    };
    let edit = |edit: &Edit| {
        let values: Vec<ColumnId> = match &edit.change {
            Change::Birth { values, .. } => values.iter().map(|(column, _)| *column).collect(),
            Change::Leave { .. } | Change::Remove { .. } => Vec::new(),
        };
        program.systems.contains(edit.system) && program.groups.contains(edit.group) && columns(&values)
    };
    program.groups.iter().all(group) && program.edits.values().all(edit)
}

/// Checks living groups and what is asked of them.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, group) in program.groups.iter() {
        let problem = match (group.living, group.origin) {
            (Some(living), _) => living_group(program, id, living),
            (None, Origin::Directory(of)) => directory(program, id, of),
            (None, _) => None,
        };
        let problem = problem.or_else(|| phases(program, id));
        violations.extend(problem.map(|what| Violation::Living(id, what)));
    }
    for (id, column) in program.columns.iter() {
        let group = &program.groups[column.group];
        let comes_and_goes = group.living.is_some() || matches!(group.origin, Origin::Directory(_));
        if column.edited != (comes_and_goes && column.owner.is_none() && column.matched.is_none()) {
            violations.push(Violation::Column(id, "edited are the columns of living groups that nobody owns"));
        }
    }
    for (id, edit) in program.edits.iter() {
        violations.extend(problem_of(program, edit).map(|what| Violation::Edit(id, what)));
    }
    let mut free = u64::from(NEWBORN);
    for (id, edit) in program.edits.iter() {
        let Change::Birth { newborn: Some(newborn), .. } = edit.change else { continue };
        let end = u64::from(newborn.first) + u64::from(newborn.count);
        let rows = program.groups[program.systems[edit.system].group].rows;
        let each = u64::from(rows) * u64::from(edit.most()) == u64::from(newborn.count);
        if u64::from(newborn.first) < free || end > u64::from(NO_ROW) || !each {
            violations.push(Violation::Edit(id, "newborn rows have a name for each request, and no other's"));
        }
        free = end.max(free);
    }
    let mut asked: BTreeSet<(SystemId, Option<u16>, u16)> = BTreeSet::new();
    for (id, edit) in program.edits.iter() {
        let ask = edit.turns.map(|turns| turns.ask);
        if !places(edit).into_iter().all(|place| asked.insert((edit.system, ask, place))) {
            violations.push(Violation::Edit(id, "a result serves two edits"));
        }
    }
}

fn names_entities(program: &Program, column: &Column, group: GroupId) -> bool {
    let moves = column.owner.is_some_and(|owner| program.systems[owner].code == Code::Carry);
    column.group == group && column.component_type == Type::scalar(Scalar::U32) && (column.edited || moves)
}

fn living_group(program: &Program, id: GroupId, living: Living) -> Option<&'static str> {
    let group = &program.groups[id];
    let column = |column: ColumnId| &program.columns[column];
    let directory = column(living.directory);
    if !group.lasts() || group.raster.is_some() {
        Some("rows come and go in a group with a blueprint, whose rows are no cells")
    } else if living.first > group.rows {
        Some("set-up makes more rows than there is room for")
    } else if !names_entities(program, column(living.entities), id)
        || !names_entities(program, column(living.generations), id)
        || living.entities == living.generations
    {
        Some("two edited columns of its own name its entities")
    } else if program.groups[directory.group].origin != Origin::Directory(id)
        || !names_entities(program, directory, directory.group)
    {
        Some("its directory is a column of a group of its own")
    } else {
        None
    }
}

fn directory(program: &Program, id: GroupId, of: GroupId) -> Option<&'static str> {
    let living = program.groups[of].living;
    let columns = program.columns.values().filter(|column| column.group == id).count();
    let named = living.is_some_and(|living| program.columns[living.directory].group == id);
    let group = &program.groups[id];
    if !named || columns != 1 || group.rows != program.groups[of].rows {
        Some("a directory has one column, and a row for each that its living group can have")
    } else if !group.position.is_empty() || group.raster.is_some() || group.order.is_some() {
        Some("a directory is no place in space")
    } else {
        None
    }
}

/// The places of results that an edit takes.
fn places(edit: &Edit) -> Vec<u16> {
    match &edit.change {
        Change::Leave { when } => vec![*when],
        Change::Remove { row } => vec![*row],
        Change::Birth { when, values, newborn } => {
            let values = values.iter().map(|(_, place)| *place);
            std::iter::once(*when).chain(values).chain(newborn.map(|it| it.name)).collect()
        }
    }
}

fn problem_of(program: &Program, edit: &Edit) -> Option<&'static str> {
    let body = match &program.systems[edit.system].code {
        Code::Body(body) => Some(&program.bodies[*body]),
        // A kernel knows itself with which values it asks.
        Code::Native(_) if edit.turns.is_some() => None,
        Code::Native(_) | Code::Carry => return Some("nobody asks for it"),
    };
    let gives = |place: u16, scalar: Scalar| {
        let Some(body) = body else { return true };
        let value = match edit.turns {
            None => body.results.get(usize::from(place)).copied(),
            Some(turns) => body.asks().get(usize::from(turns.ask)).and_then(|ask| ask.value(place)),
        };
        value.is_some_and(|value| body.ops[value].scalar == scalar)
    };
    if edit.turns.is_some_and(|turns| !(1..=BIRTHS_MAX).contains(&turns.most)) {
        return Some("a row asks for too many births, or for none");
    }
    let Some(living) = program.groups[edit.group].living else { return Some("its group is not living") };
    match &edit.change {
        Change::Leave { when } => {
            let own = program.systems[edit.system].group == edit.group;
            let wrong = !own || edit.turns.is_some() || !gives(*when, Scalar::Bool);
            wrong.then_some("own rows end where a truth value says so")
        }
        Change::Remove { row } => {
            let condition = edit.turns.is_some() && *row == 0;
            (condition || !gives(*row, Scalar::U32)).then_some("a row is told by its number")
        }
        Change::Birth { when, values, newborn } => {
            let own = program.columns.iter().filter(|(_, column)| column.group == edit.group && column.is_kept());
            let own = own.map(|(id, _)| id);
            let own = own.filter(|id| *id != living.entities && *id != living.generations);
            if !own.eq(values.iter().map(|(column, _)| *column)) {
                Some("a birth has a value for each column of its group, in order")
            } else if edit.turns.is_some() && *when != 0 {
                Some("a turn asks where its condition is true")
            } else if !gives(*when, Scalar::Bool)
                || !values.iter().all(|(column, place)| gives(*place, program.columns[*column].scalar))
            {
                Some("a birth is told by a truth value, and values of the columns' types")
            } else if newborn.is_some_and(|it| body.is_none() || !gives(it.name, Scalar::U32) || it.first < NEWBORN) {
                Some("a newborn row is known by a name that no entity has")
            } else {
                None
            }
        }
    }
}

/// The phases of a living group, and the stages they stand in.
fn phases_in(program: &Program, stages: &[Stage], group: GroupId) -> Vec<(usize, EditPhase, Domain)> {
    let mut found = Vec::new();
    for (at, stage) in stages.iter().enumerate() {
        for step in &stage.steps {
            let step = &program.steps[*step];
            match step.work {
                Work::Edit(of, phase) if of == group => found.push((at, phase, step.domain)),
                _ => {}
            }
        }
    }
    found
}

/// The phases that a frame has for a group, a stage each but for what may run beside the one before or behind it.
pub fn phases_of(program: &Program, group: GroupId) -> Vec<(EditPhase, Domain)> {
    let mut phases = Vec::new();
    if program.groups[group].living.is_some() {
        let bears = crate::edits::birth_blocks(program, group) > 0;
        phases.push((EditPhase::CatchUp, Domain::Blocks(group)));
        phases.extend(bears.then_some((EditPhase::Asks, Domain::Births(group))));
        phases.push((EditPhase::Count, Domain::Blocks(group)));
        phases.push((EditPhase::Place, Domain::Once));
        phases.extend(bears.then_some((EditPhase::Births, Domain::Births(group))));
        phases.push((EditPhase::Gaps, Domain::Blocks(group)));
    }
    if !crate::edits::holders_of(program, group).is_empty() {
        phases.push((EditPhase::Refer, Domain::Blocks(group)));
    }
    phases
}

fn phases(program: &Program, group: GroupId) -> Option<&'static str> {
    let (setup, frame) = (&program.schedule.setup, &program.schedule.frame);
    let begin = phases_in(program, setup, group);
    let begins = program.groups[group].living.map(|_| (EditPhase::Begin, Domain::Blocks(group)));
    if !begin.iter().map(|(_, phase, domain)| (*phase, *domain)).eq(begins) {
        return Some("set-up names its entities once");
    }
    let found = phases_in(program, frame, group);
    if !found.iter().map(|(_, phase, domain)| (*phase, *domain)).eq(phases_of(program, group)) {
        return Some("its births and ends go through their phases, in order");
    }
    let apart = |pair: &[(usize, EditPhase, Domain)]| {
        let together = beside(pair[1].1) == Some(pair[0].1);
        if together { pair[0].0 == pair[1].0 } else { pair[0].0 < pair[1].0 }
    };
    let last = |counts: fn(&Work) -> bool| {
        frame.iter().rposition(|stage| stage.steps.iter().any(|step| counts(&program.steps[*step].work)))
    };
    let last_pass = last(|work| !matches!(work, Work::Edit(..)) && !finished(work));
    let last_move = last(|work| matches!(work, Work::Edit(_, phase) if *phase != EditPhase::Refer));
    let reduce = frame.iter().position(|stage| stage.steps.iter().any(|step| finished(&program.steps[*step].work)));
    let (Some(first), Some(end)) = (found.first(), found.last()) else { return None };
    if !found.windows(2).all(apart) {
        Some("each of its phases is a stage after the one before, but for those that may run together")
    } else if last_pass.is_some_and(|pass| pass >= first.0) || reduce.is_some_and(|reduce| reduce <= end.0) {
        Some("births and ends come after all systems and before what looks at the finished state")
    } else if end.1 == EditPhase::Refer && last_move.is_some_and(|moves| moves >= end.0) {
        Some("references to newborn rows are made when all rows are where they will be")
    } else {
        None
    }
}

/// The phase that one shares its stage with, if its group has that.
pub fn beside(phase: EditPhase) -> Option<EditPhase> {
    match phase {
        EditPhase::Asks => Some(EditPhase::CatchUp),
        EditPhase::Gaps => Some(EditPhase::Births),
        _ => None,
    }
}

/// Whether work looks at the finished state.
fn finished(work: &Work) -> bool {
    matches!(work, Work::Reduce(_) | Work::Tally(..) | Work::Pick(_) | Work::Commit)
}

/// Whether what a system's body gives and asks for is taken by its edits: all else means nothing.
pub(super) fn results(program: &Program, violations: &mut Vec<Violation>) {
    let systems = program.systems.values().filter_map(|system| match system.code {
        Code::Body(body) => Some(body),
        _ => None,
    });
    let heard: BTreeSet<BodyId> = systems.collect();
    for (id, body) in program.bodies.iter() {
        if !heard.contains(&id) && !body.asks().is_empty() {
            violations.push(Violation::Body(id, "its turns ask for what no edit takes"));
        }
    }
    for (id, system) in program.systems.iter() {
        let Code::Body(body) = system.code else { continue };
        let of_rows = program.edits_of(id).filter(|(_, edit)| edit.turns.is_none());
        let taken: usize = of_rows.map(|(_, edit)| places(edit).len()).sum();
        if program.bodies[body].results.len() != taken {
            violations.push(Violation::Body(body, "it gives results that no edit takes"));
        }
        let numbers = program.bodies[body].asks().into_iter().map(|ask| ask.number);
        let heard: BTreeSet<u16> = program.edits_of(id).filter_map(|(_, edit)| Some(edit.turns?.ask)).collect();
        if !numbers.eq(0..heard.len() as u16) || !heard.iter().copied().eq(0..heard.len() as u16) {
            violations.push(Violation::Body(body, "its turns ask for what no edit takes"));
        }
    }
}
