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
    if entities.group != id || entities.scalar != Scalar::U32 || !entities.owner.is_some_and(moved) {
        Some("the column of its entities is carried")
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
    if program.inverses.values().any(|inverse| inverse.group == id || inverse.to == id)
        || program.columns.values().any(|column| refers(column.component_type.sort))
    {
        return Some("references need rows that stay where they are");
    }
    for (system, body) in program.systems.ids().flat_map(|id| program.bodies_of(id).into_iter().map(move |it| (id, it)))
    {
        let body = &program.bodies[body];
        if body.ops.values().any(|typed| matches!(typed.op, Op::Read { column, at: At::Row(_), .. } if of(column))) {
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
        let named = Read { column: order.entities, when: When::Prev, reach: Reach::Any };
        if asks_nearest(body, order.index) && !program.systems[system].reads.contains(&named) {
            return Some("of rows as near as each other the one with the lesser entity is nearer: it has to be read");
        }
    }
    let native = |system: &&System| matches!(system.code, Code::Native(_));
    let mut native = program.systems.values().filter(native);
    let looks =
        |system: &System| system.reads.iter().any(|read| of(read.column)) || system.indexes.contains(&order.index);
    native.any(looks).then_some("a native system reads its rows")
}

/// Whether a body takes the numbers of rows from a loop over an index.
fn numbers_others(body: &Body, index: IndexId) -> bool {
    body.ops.values().any(|typed| match typed.op {
        Op::Other(it) => body.loops[it].over.index() == Some(index),
        _ => false,
    })
}

fn asks_nearest(body: &Body, index: IndexId) -> bool {
    body.loops.values().any(|it| matches!(it.over, Over::Nearest { index: asked, .. } if asked == index))
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
