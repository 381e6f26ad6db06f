//! Invariants of bodies.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Body, Op, Typed};
use crate::id::{BodyId, ColumnId, Id, ValueId};
use crate::program::{Code, Origin, Program};
use crate::types::Scalar;
use crate::verify::Violation;

/// Checks all bodies, and what those in use store.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, body) in program.bodies.iter() {
        for (value, typed) in body.ops.iter() {
            violations.extend(op(body, value, typed).map(|what| Violation::Op(id, value, what)));
        }
    }
    let mut by_group: BTreeMap<_, Vec<ColumnId>> = BTreeMap::new();
    for (id, column) in program.columns.iter() {
        by_group.entry(column.group).or_default().push(id);
    }
    for (id, group) in program.groups.iter() {
        if let Origin::Blueprint(body) = group.origin {
            let columns: BTreeSet<ColumnId> = by_group.get(&id).into_iter().flatten().copied().collect();
            stores(program, body, &columns, true, violations);
        }
    }
    for system in program.systems.values() {
        if let Code::Body(body) = system.code {
            stores(program, body, &system.owns.iter().copied().collect(), false, violations);
        }
    }
}

fn stores(program: &Program, id: BodyId, columns: &BTreeSet<ColumnId>, all: bool, violations: &mut Vec<Violation>) {
    let body = &program.bodies[id];
    let mut missing = columns.clone();
    for (column, value) in &body.stores {
        if !columns.contains(column) {
            violations.push(Violation::Store(id, *column, "which is not its to write"));
        } else if !missing.remove(column) {
            violations.push(Violation::Store(id, *column, "twice"));
        }
        if body.ops[*value].scalar != program.columns[*column].scalar {
            violations.push(Violation::Store(id, *column, "from a value of another type"));
        }
    }
    if all {
        violations.extend(missing.into_iter().map(|column| Violation::Store(id, column, "never")));
    }
}

fn op(body: &Body, at: ValueId, typed: &Typed) -> Option<&'static str> {
    let before = |value: ValueId| if value < at { body.ops.get(value).map(|typed| typed.scalar) } else { None };
    const ORDER: &str = "an operand stands after its use";
    const TYPES: &str = "operands or result have the wrong type";
    let result = typed.scalar;
    let right = match typed.op {
        Op::Const(value) => value.scalar() == result,
        Op::Row => result == Scalar::U32,
        Op::Draw { lane, .. } => result.is_float() && lane <= 1,
        Op::Unary(op, a) => {
            let Some(a) = before(a) else { return Some(ORDER) };
            a == result && op.accepts(a)
        }
        Op::Binary(op, a, b) => {
            let (Some(a), Some(b)) = (before(a), before(b)) else { return Some(ORDER) };
            a == result && b == result && op.accepts(a)
        }
        Op::Compare(op, a, b) => {
            let (Some(a), Some(b)) = (before(a), before(b)) else { return Some(ORDER) };
            result == Scalar::Bool && a == b && op.accepts(a)
        }
        Op::Select(condition, a, b) => {
            let (Some(condition), Some(a), Some(b)) = (before(condition), before(a), before(b)) else {
                return Some(ORDER);
            };
            condition == Scalar::Bool && a == result && b == result
        }
        Op::Convert(a) => {
            if before(a).is_none() {
                return Some(ORDER);
            }
            true
        }
    };
    debug_assert!(at.index() < body.ops.len());
    (!right).then_some(TYPES)
}
