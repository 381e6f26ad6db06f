//! Invariants of what a frame makes for itself alone, and of what says which rows a system need not look at.

use crate::body::{At, Op};
use crate::id::BodyId;
use crate::program::{Code, Origin, Program, When};
use crate::types::Scalar;
use crate::verify::Violation;

/// Checks drafts, and the conditions of systems.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, column) in program.columns.iter().filter(|(_, column)| column.draft) {
        let group = &program.groups[column.group];
        let problem = if column.owner.is_none() || column.matched.is_some() {
            "a draft is what a system makes"
        } else if !matches!(group.origin, Origin::Blueprint(_)) {
            "rows that are made anew each frame need no drafts"
        } else if group.position.contains(&id) {
            "a position is no draft"
        } else {
            continue;
        };
        violations.push(Violation::Column(id, problem));
    }
    for (id, column) in program.columns.iter().filter(|(_, column)| column.mark) {
        if column.owner.is_none() || column.scalar != Scalar::Bool || column.draft {
            violations.push(Violation::Column(id, "a mark is a truth value that somebody makes"));
        }
    }
    for (id, system) in program.systems.iter() {
        let Some(body) = system.only else { continue };
        let drafts = system.owns.iter().any(|column| program.columns[*column].draft);
        let problem = match system.code {
            Code::Body(_) if drafts || !program.groups[system.group].lasts() => Some(Violation::Only(id)),
            Code::Body(_) => problem_of(program, body).map(|what| Violation::Body(body, what)),
            Code::Native(_) | Code::Carry => Some(Violation::Only(id)),
        };
        violations.extend(problem);
    }
}

/// Who reads what of its own row is checked with the system's other bodies.
fn problem_of(program: &Program, id: BodyId) -> Option<&'static str> {
    let body = &program.bodies[id];
    let given: Vec<Scalar> = body.results.iter().map(|value| body.ops[*value].scalar).collect();
    let elsewhere = |op: Op| matches!(op, Op::Read { when, at, .. } if when != When::Prev || at != At::Own);
    if given != [Scalar::Bool] || !body.stores.is_empty() {
        Some("which rows a system looks at is one truth value")
    } else if !body.loops.is_empty() || body.ops.values().any(|typed| elsewhere(typed.op)) {
        Some("which rows a system looks at, each says by itself, as the frame started from it")
    } else {
        None
    }
}
