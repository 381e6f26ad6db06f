//! Invariants of groups whose rows are kept in an order: whoever sees their rows knows that they move.

use crate::body::{At, Body, Op, Over};
use crate::id::{ColumnId, GroupId, IndexId, SystemId};
use crate::program::{Code, Domain, IndexKind, Order, Program, Reach, Read, System, When};
use crate::types::{Scalar, Sort};
use crate::verify::Violation;

/// Checks each such group, and that nothing is carried elsewhere.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, group) in program.groups.iter() {
        let Some(order) = group.order else { continue };
        let problem = index(program, id, order)
            .or_else(|| columns(program, id, order))
            .or_else(|| rules(program, id, order))
            .or_else(|| others(program, id, order));
        violations.extend(problem.map(|what| Violation::Order(id, what)));
    }
    for (id, group) in program.groups.iter() {
        let blind = group.entities().is_some_and(|entities| !nearest_know(program, id, entities));
        let what = "of rows as near as each other the one with the lesser entity is nearer: it has to be read";
        violations.extend(blind.then_some(Violation::Order(id, what)));
    }
    for system in program.systems.values().filter(|system| system.code == Code::Carry) {
        if program.groups[system.group].order.is_none() {
            violations.push(Violation::Order(system.group, "it carries columns, but its rows stay where they are"));
        }
    }
}

fn index(program: &Program, id: GroupId, order: Order) -> Option<&'static str> {
    let index = &program.indexes[order.index];
    let summarised = index.summary().is_some() || index.buckets.is_some();
    if index.group != id || index.when != When::Prev {
        Some("its order is that of an index over its own rows of `prev`")
    } else if summarised {
        Some("a tree whose buckets are looked at has their rows by number, and gives no order")
    } else if program.indexes.iter().any(|(other, index)| index.group == id && other != order.index) {
        Some("another index is over rows that move")
    } else {
        None
    }
}

fn columns(program: &Program, id: GroupId, order: Order) -> Option<&'static str> {
    let entities = &program.columns[order.entities];
    let moved = |system: SystemId| program.systems[system].code == Code::Carry;
    let living = program.groups[id].living;
    if entities.group != id || entities.scalar != Scalar::U32 || !entities.owner.is_some_and(moved) {
        Some("the column of its entities is carried")
    } else if living.is_some_and(|living| living.entities != order.entities) {
        Some("it has its entities once")
    } else if living.is_some_and(|living| !program.columns[living.generations].owner.is_some_and(moved)) {
        Some("the lives of its entities are carried")
    } else if program.columns.values().any(|column| column.group == id && column.owner.is_none()) {
        Some("each of its columns moves with its rows")
    } else {
        None
    }
}

/// What its own rules do.
fn rules(program: &Program, id: GroupId, order: Order) -> Option<&'static str> {
    for (number, system) in program.systems.iter().filter(|(_, system)| system.group == id) {
        match system.code {
            Code::Native(_) => return Some("native systems run over rows that stay where they are"),
            Code::Body(_) | Code::Carry => {}
        }
        let mut steps = program.steps.values().filter(|step| step.work.systems().contains(&number));
        if !steps.all(|step| matches!(step.domain, Domain::Slots { index, .. } if index == order.index)) {
            return Some("its passes go by the slots of its order");
        }
    }
    None
}

/// What rules and others see of its rows.
fn others(program: &Program, id: GroupId, order: Order) -> Option<&'static str> {
    let of = |column: ColumnId| program.columns[column].group == id;
    let refers = |sort: Sort| sort == Sort::Entity(id);
    // References to rows that come and go are found by a directory: in `prev`, where they are looked for.
    let found = program.groups[id].living.is_some();
    if program.inverses.values().any(|inverse| inverse.group == id || (inverse.to == id && !found))
        || (!found && program.columns.values().any(|column| refers(column.component_type.sort)))
    {
        return Some("references need rows that stay where they are");
    }
    for body in program.systems.ids().flat_map(|id| program.bodies_of(id)) {
        let body = &program.bodies[body];
        let numbered = |op: Op| match op {
            Op::Read { column, when, at: At::Row(_) } => of(column) && (!found || when == When::Fresh),
            _ => false,
        };
        if body.ops.values().any(|typed| numbered(typed.op)) {
            return Some("a row is read by its number");
        }
        if body.loops.values().any(|it| it.over == Over::Group(id) || it.over.buckets() == Some(order.index)) {
            return Some("a loop goes over rows as they stand");
        }
        if numbers_others(body, order.index) {
            return Some("a rule takes a neighbour's number for its entity");
        }
        if body.ops.values().any(|typed| is_apart(program, body, typed.op, order.index)) {
            return Some("what a rule reads of neighbours stands in the order of slots");
        }
    }
    let native = |system: &&System| matches!(system.code, Code::Native(_));
    let mut native = program.systems.values().filter(native);
    let looks =
        |system: &System| system.reads.iter().any(|read| of(read.column)) || system.indexes.contains(&order.index);
    native.any(looks).then_some("a native system reads its rows")
}

/// Whether all rules that ask for the nearest rows of a group read who these are.
fn nearest_know(program: &Program, id: GroupId, entities: ColumnId) -> bool {
    let named = Read { column: entities, when: When::Prev, reach: Reach::Any };
    program.systems.iter().all(|(system, of)| of.reads.contains(&named) || !asks_nearest(program, system, id))
}

fn asks_nearest(program: &Program, system: SystemId, id: GroupId) -> bool {
    let asks = |over: &Over| matches!(over, Over::Nearest { index, .. } if program.indexes[*index].group == id);
    program.loops_of(system).any(|it| asks(&it.over))
}

/// Whether a body takes the numbers of rows from a loop over an index.
fn numbers_others(body: &Body, index: IndexId) -> bool {
    body.ops.values().any(|typed| match typed.op {
        Op::Other(it) => body.loops[it].over.index() == Some(index),
        _ => false,
    })
}

/// Whether it reads of a neighbour what does not stand where the index says it is. A grid says slots: `prev` stands there
/// as far as it is copied. A tree says rows of `prev`: what they become stands elsewhere.
fn is_apart(program: &Program, body: &Body, op: Op, index: IndexId) -> bool {
    let Op::Read { column, when, at: At::Other(it) } = op else { return false };
    if body.loops[it].over.index() != Some(index) {
        return false;
    }
    match &program.indexes[index].kind {
        IndexKind::Grid { copies, .. } => when == When::Prev && !copies.contains(&(column, When::Prev)),
        IndexKind::Tree { .. } => when == When::Fresh,
    }
}
