//! Invariants of what sinks take of rows.

use crate::id::Id;
use crate::program::{Extract, Program};
use crate::types::Scalar;
use crate::verify::Violation;

pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    let extracts = &program.outputs.extracts;
    for (id, extract) in extracts.iter() {
        violations.extend(problem(program, extract).map(|what| Violation::Extract(id, what)));
    }
    // The program's hash leaves them out, and nothing else.
    let first = program.bodies.len() - extracts.len().min(program.bodies.len());
    let mut bodies: Vec<usize> = extracts.values().map(|extract| extract.body.index()).collect();
    bodies.sort_unstable();
    if !bodies.into_iter().eq(first..program.bodies.len()) {
        violations.push(Violation::Outputs("the bodies of extracts are not the last, one each"));
    }
}

fn problem(program: &Program, extract: &Extract) -> Option<&'static str> {
    let body = &program.bodies[extract.body];
    let found = body.results.iter().map(|value| body.ops[*value].scalar);
    let lanes = extract.columns.iter().flat_map(|(_, ty)| std::iter::repeat_n(ty.scalar, usize::from(ty.lanes)));
    if !found.eq(lanes.chain(extract.filtered.then_some(Scalar::Bool))) || !body.stores.is_empty() {
        return Some("its body gives something else than its columns and a condition");
    }
    if !program.groups[extract.group].lasts() {
        return Some("rows of its group do not last to the end of a frame");
    }
    if extract.columns.is_empty() || extract.columns.iter().any(|(_, ty)| !(1..=3).contains(&ty.lanes)) {
        return Some("it takes nothing, or what is no vector");
    }
    extract.sample.is_some_and(|share| !(share > 0.0 && share <= 1.0)).then_some("a sample of no share")
}
