//! The order in which constants can be computed. Walks with a stack of its own: chains may be long.

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resolve::{Meaning, Names};
use crate::syntax::ast::{Expr, ExprKind};

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
}

/// Each constant after those it needs. Members of a cycle are told and left out.
pub(super) fn order(names: &Names<'_>, diagnostics: &mut Diagnostics) -> Vec<usize> {
    let needs: Vec<Vec<usize>> = names
        .constants
        .iter()
        .map(|constant| {
            let mut needs = Vec::new();
            constant.parts().into_iter().for_each(|part| collect(names, part, &mut needs));
            needs
        })
        .collect();
    let mut states = vec![State::New; needs.len()];
    let mut cyclic = vec![false; needs.len()];
    let mut order = Vec::new();
    for root in 0..needs.len() {
        if states[root] != State::New {
            continue;
        }
        states[root] = State::Open;
        let mut path = vec![(root, 0)];
        while let Some((at, next)) = path.last_mut() {
            let at = *at;
            let Some(&need) = needs[at].get(*next) else {
                states[at] = State::Done;
                if !cyclic[at] {
                    order.push(at);
                }
                path.pop();
                continue;
            };
            *next += 1;
            match states[need] {
                State::New => {
                    states[need] = State::Open;
                    path.push((need, 0));
                }
                State::Open => {
                    let from = path.iter().position(|&(member, _)| member == need).unwrap_or(0);
                    let members: Vec<usize> = path[from..].iter().map(|&(member, _)| member).collect();
                    members.iter().for_each(|&member| cyclic[member] = true);
                    diagnostics.push(cycle(names, &members));
                }
                State::Done => {}
            }
        }
    }
    order
}

fn collect(names: &Names<'_>, expr: &Expr, needs: &mut Vec<usize>) {
    match &expr.kind {
        ExprKind::Name(name) => {
            if let Some(Meaning::Constant(constant)) = names.meaning(name) {
                needs.push(constant);
            }
        }
        ExprKind::Unary(_, a) | ExprKind::Lane(a, _) => collect(names, a, needs),
        ExprKind::Binary(_, _, a, b) => {
            collect(names, a, needs);
            collect(names, b, needs);
        }
        ExprKind::If(a, b, c) => {
            collect(names, a, needs);
            collect(names, b, needs);
            collect(names, c, needs);
        }
        ExprKind::Call(_, arguments) => arguments.iter().for_each(|argument| collect(names, argument, needs)),
        ExprKind::Error
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::Row
        | ExprKind::Space => {}
    }
}

/// Named from the member that stands first in the text.
fn cycle(names: &Names<'_>, members: &[usize]) -> Diagnostic {
    const SHOWN_MAX: usize = 8;
    let first = members.iter().enumerate().min_by_key(|(_, member)| **member).map_or(0, |(place, _)| place);
    let ring: Vec<usize> = members[first..].iter().chain(&members[..first]).copied().collect();
    let name = |member: usize| format!("`{}`", names.constants[member].name());
    let mut shown: Vec<String> = ring.iter().take(SHOWN_MAX).map(|&member| name(member)).collect();
    if ring.len() > SHOWN_MAX {
        shown.push("...".into());
    }
    shown.push(name(ring[0]));
    let message = format!("constants need each other: {}", shown.join(" needs "));
    let mut error = Diagnostic::error(codes::E0203, names.constants[ring[0]].span(), message);
    for &member in ring.iter().skip(1).take(SHOWN_MAX) {
        error = error.label(names.constants[member].span(), "also in the circle");
    }
    error.help("give one of them a value that needs none of the others")
}
