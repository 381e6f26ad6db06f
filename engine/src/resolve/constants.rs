//! The order in which constants can be computed. Walks with a stack of its own: chains may be long.

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resolve::{Meaning, Names};
use crate::syntax::ast::{Birth, Expr, ExprKind, Over, Query, Stmt, StmtKind, Walk};

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
            let mut needs = Needs::default();
            constant.parts().into_iter().for_each(|part| collect(names, part, &mut needs));
            needs.constants
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

/// What an expression calls that is no function of the scenario, also through those.
pub fn called(names: &Names<'_>, expr: &Expr) -> Vec<String> {
    let mut needs = Needs::default();
    collect(names, expr, &mut needs);
    needs.called
}

/// The signals that an expression names, also through the functions it calls.
pub fn signals_of(names: &Names<'_>, expr: &Expr) -> Vec<usize> {
    let mut needs = Needs::default();
    collect(names, expr, &mut needs);
    needs.signals
}

/// The fields that an expression names, of whatever rows, also through the signals that it needs.
pub fn fields_of(names: &Names<'_>, expr: &Expr) -> Vec<usize> {
    let mut needs = Needs::default();
    collect(names, expr, &mut needs);
    let mut seen = vec![false; names.signals.len()];
    while let Some(signal) = needs.signals.pop() {
        if !std::mem::replace(&mut seen[signal], true) {
            names.signals[signal].parts().iter().for_each(|part| collect(names, part, &mut needs));
        }
    }
    needs.fields
}

/// What an expression needs, also through the functions it calls.
#[derive(Default)]
struct Needs {
    constants: Vec<usize>,
    signals: Vec<usize>,
    fields: Vec<usize>,
    /// Functions looked into already.
    functions: Vec<usize>,
    /// What is called beside them.
    called: Vec<String>,
}

impl Needs {
    /// What a function needs, if the name is that of one.
    fn function(&mut self, names: &Names<'_>, name: &str) {
        match names.meaning(name) {
            Some(Meaning::Function(function)) if !self.functions.contains(&function) => {
                self.functions.push(function);
                collect(names, &names.functions[function].body, self);
            }
            Some(Meaning::Function(_)) => {}
            _ => self.called.push(name.to_string()),
        }
    }
}

fn collect(names: &Names<'_>, expr: &Expr, needs: &mut Needs) {
    let mut all = |parts: &[&Expr]| parts.iter().for_each(|part| collect(names, part, needs));
    match &expr.kind {
        ExprKind::Name(name) => match names.meaning(name) {
            Some(Meaning::Constant(constant)) => needs.constants.push(constant),
            Some(Meaning::Signal(signal)) => needs.signals.push(signal),
            Some(Meaning::Field(field)) => needs.fields.push(field),
            _ => {}
        },
        ExprKind::Lane(a, name) => {
            collect(names, a, needs);
            if let Some(Meaning::Field(field)) = names.meaning(&name.text) {
                needs.fields.push(field);
            }
        }
        ExprKind::Unary(_, a) | ExprKind::Fresh(a) | ExprKind::Pair(a) | ExprKind::In(a, _) => all(&[a]),
        ExprKind::Binary(_, _, a, b) | ExprKind::Index(a, b) => all(&[a, b]),
        ExprKind::If(a, b, c) => all(&[a, b, c]),
        ExprKind::Call(name, arguments) => {
            arguments.iter().for_each(|argument| collect(names, argument, needs));
            needs.function(names, &name.text);
        }
        ExprKind::Pipe(value, adapter) => {
            collect(names, value, needs);
            adapter.arguments.iter().for_each(|argument| collect(names, argument, needs));
            needs.function(names, &adapter.name.text);
        }
        ExprKind::Array(elements) => elements.iter().for_each(|element| collect(names, element, needs)),
        ExprKind::Block(lets, value) => {
            lets.iter().for_each(|step| collect_step(names, step, needs));
            collect(names, value, needs);
        }
        ExprKind::Fold(_, _, walk, value, constants) => {
            collect_walk(names, walk, needs);
            value.iter().for_each(|value| collect(names, value, needs));
            constants.iter().for_each(|constant| collect(names, constant, needs));
        }
        ExprKind::Spawn(birth) => collect_birth(names, birth, needs),
        ExprKind::Error
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::Row
        | ExprKind::This
        | ExprKind::Space => {}
    }
}

fn collect_step(names: &Names<'_>, step: &Stmt, needs: &mut Needs) {
    match &step.kind {
        StmtKind::Let(bindings) => bindings.iter().for_each(|binding| collect(names, &binding.value, needs)),
        StmtKind::Assign { value, .. } => collect(names, value, needs),
        StmtKind::If { condition, yes, no } => {
            collect(names, condition, needs);
            yes.iter().chain(no).for_each(|step| collect_step(names, step, needs));
        }
        StmtKind::Spawn(birth) => collect_birth(names, birth, needs),
        StmtKind::Despawn(row) => collect(names, row, needs),
        StmtKind::Add(member) => member.value.iter().for_each(|value| collect(names, value, needs)),
        StmtKind::Remove(_) => {}
        StmtKind::Publish(publication) => {
            publication.order.iter().chain([&publication.value]).for_each(|value| collect(names, value, needs));
        }
        StmtKind::For { walk, body } => {
            collect_walk(names, walk, needs);
            body.iter().for_each(|step| collect_step(names, step, needs));
        }
    }
}

fn collect_birth(names: &Names<'_>, birth: &Birth, needs: &mut Needs) {
    let values = birth.members.iter().filter_map(|member| member.value.as_ref());
    values.chain(&birth.most).for_each(|value| collect(names, value, needs));
}

fn collect_walk(names: &Names<'_>, walk: &Walk, needs: &mut Needs) {
    match &walk.over {
        Over::Range(low, high) => [low, high].into_iter().for_each(|end| collect(names, end, needs)),
        Over::Rows(_, Query::Within { radius: number, of } | Query::Nearest { count: number, of }) => {
            std::iter::once(number).chain(of).for_each(|part| collect(names, part, needs));
        }
        Over::Rows(_, Query::Around { steps, .. }) => collect(names, steps, needs),
        Over::Rows(_, Query::All | Query::Far(_) | Query::By { .. }) => {}
    }
    walk.filter.iter().for_each(|filter| collect(names, filter, needs));
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
