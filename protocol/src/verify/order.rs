//! Invariants of groups whose rows are kept in an order: whoever sees their rows knows that they move.

use crate::body::{At, Body, Op, Over};
use crate::id::{ColumnId, GroupId, IndexId, SystemId};
use crate::program::{Code, Domain, IndexKind, Order, Program, System, When, Work};
use crate::types::{Scalar, Sort};
use crate::verify::Violation;

/// Checks each such group, and that nothing is carried elsewhere.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, group) in program.groups.iter() {
        let Some(order) = group.order else { continue };
        let problem = grid(program, id, order)
            .or_else(|| columns(program, id, order))
            .or_else(|| rules(program, id, order))
            .or_else(|| others(program, id));
        violations.extend(problem.map(|what| Violation::Order(id, what)));
    }
    for system in program.systems.values().filter(|system| system.code == Code::Carry) {
        if program.groups[system.group].order.is_none() {
            violations.push(Violation::Order(system.group, "it carries columns, but its rows stay where they are"));
        }
    }
}

fn grid(program: &Program, id: GroupId, order: Order) -> Option<&'static str> {
    let index = &program.indexes[order.index];
    if index.group != id || !matches!(index.kind, IndexKind::Grid { .. }) || index.when != When::Prev {
        Some("its order is that of a grid over its own rows of `prev`")
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
        let mut steps =
            program.steps.values().filter(|step| matches!(&step.work, Work::Pass(all) if all.contains(&number)));
        if !steps.all(|step| matches!(step.domain, Domain::Slots { index, .. } if index == order.index)) {
            return Some("its passes go by the slots of its order");
        }
    }
    None
}

/// What rules and others see of its rows.
fn others(program: &Program, id: GroupId) -> Option<&'static str> {
    let of = |column: ColumnId| program.columns[column].group == id;
    let refers = |sort: Sort| sort == Sort::Entity(id);
    if program.inverses.values().any(|inverse| inverse.group == id || inverse.to == id)
        || program.columns.values().any(|column| refers(column.component_type.sort))
    {
        return Some("references need rows that stay where they are");
    }
    for body in program.systems.ids().flat_map(|system| program.bodies_of(system)) {
        let body = &program.bodies[body];
        if body.ops.values().any(|typed| matches!(typed.op, Op::Read { column, at: At::Row(_), .. } if of(column))) {
            return Some("a row is read by its number");
        }
        if body.loops.values().any(|it| it.over == Over::Group(id)) {
            return Some("a loop goes over rows as they stand");
        }
        let moves = |index: IndexId| program.indexes[index].group == id;
        if numbers_others(body, moves) {
            return Some("a rule takes a neighbour's number for its entity");
        }
        if body.ops.values().any(|typed| is_apart(program, body, typed.op, moves)) {
            return Some("what a rule reads of neighbours stands in the order of slots");
        }
    }
    let native = |system: &&System| matches!(system.code, Code::Native(_));
    let mut native = program.systems.values().filter(native);
    native.any(|system| system.reads.iter().any(|read| of(read.column))).then_some("a native system reads its rows")
}

/// Whether a body takes the numbers of rows from a loop over such an index.
fn numbers_others(body: &Body, of: impl Fn(IndexId) -> bool) -> bool {
    body.ops.values().any(|typed| match typed.op {
        Op::Other(it) => body.loops[it].over.index().is_some_and(&of),
        _ => false,
    })
}

/// Whether it reads what a neighbour was, and the grid has no copy of it: what neighbours become stands in order.
fn is_apart(program: &Program, body: &Body, op: Op, of: impl Fn(IndexId) -> bool) -> bool {
    let Op::Read { column, when: When::Prev, at: At::Other(it) } = op else { return false };
    let Some(index) = body.loops[it].over.index().filter(|index| of(*index)) else { return false };
    !matches!(&program.indexes[index].kind, IndexKind::Grid { copies, .. } if copies.contains(&(column, When::Prev)))
}
