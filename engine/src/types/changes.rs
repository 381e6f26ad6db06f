//! Checking what is asked of rows beside their values: whether they have a component, whether it changed.
//!
//! Whether a component changed is a *mark*, a member that is made when a scenario first asks for it: true where its owner
//! assigned it in the frame before, and of rows that were just made.

use diptych_protocol::body::Binary;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{ClauseKind, Expr, Name, System};
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Kind, Typed, Whose};
use crate::types::{Member, Origin, Role};

/// What is asked of a component of a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// `has(C)`
    Has,
    /// `changed(C)`
    Changed,
}

impl Asked {
    fn word(self) -> &'static str {
        match self {
            Asked::Has => "has",
            Asked::Changed => "changed",
        }
    }
}

impl Checker<'_, '_> {
    /// `has(Infection)`, `changed(other.Health)`
    pub(super) fn asked_of(&mut self, asked: Asked, name: &Name, arguments: &[Expr]) -> Checked {
        let [of] = arguments else { return self.wrong_count(name, 1, arguments.len()) };
        self.asking = Some(asked);
        let told = self.check(of, None);
        // What was asked about takes the question, and answers it.
        match (self.asking.take(), told) {
            (_, Checked::Error) => Checked::Error,
            (None, told) => told,
            (Some(_), _) => {
                let message = format!("`{}` takes a component of a row", asked.word());
                let error = Diagnostic::error(codes::E0523, of.span, message);
                let help = format!("in the rule of a system, or what is measured: `{0}(C)`, `{0}(x.C)`", asked.word());
                self.error(error.help(help))
            }
        }
    }

    /// The answer for a component of some row.
    pub(super) fn answer(
        &mut self,
        asked: Asked,
        group: usize,
        component: &Name,
        whose: Whose,
        fresh: Option<Span>,
    ) -> Checked {
        if let Some(span) = fresh {
            let message = format!("`{}` is about the state that the frame started from", asked.word());
            return self.error(Diagnostic::error(codes::E0523, span, message).help("leave `fresh` out"));
        }
        let members = match asked {
            Asked::Has => self.optional(group, component).into_iter().collect(),
            Asked::Changed => self.marks(group, component),
        };
        let mut answer: Option<Typed> = None;
        for member in members {
            let leaf = self.model.groups[group].members[member].name.clone();
            let Checked::Typed(told) = self.read(group, &leaf, component.span, whose.clone(), None) else {
                return Checked::Error;
            };
            answer = Some(match answer {
                Some(other) => either(other, told),
                None => told,
            });
        }
        answer.map_or(Checked::Error, Checked::Typed)
    }

    /// The marks of a component's values, which are made where there are none yet.
    fn marks(&mut self, group: usize, component: &Name) -> Vec<usize> {
        let of = &self.model.groups[group];
        let values: Vec<usize> =
            (0..of.members.len()).filter(|at| of.members[*at].component == component.text).collect();
        if values.is_empty() {
            self.no_such_member(group, component);
            return Vec::new();
        }
        let problem = if of.origin != Origin::Blueprint {
            Some((format!("rows of `{}` are made anew each frame", of.name), "each of them is new"))
        } else if values.iter().all(|at| of.members[*at].owner.is_none() && of.members[*at].presence.is_none()) {
            let message = format!("no system owns `{}`: it never changes", component.text);
            Some((message, "ask about what a system assigns"))
        } else {
            None
        };
        if let Some((message, help)) = problem {
            self.diagnostics.push(Diagnostic::error(codes::E0523, component.span, message).help(help));
            return Vec::new();
        }
        // A kernel says of a component as a whole whether it wrote it.
        let native = of.members[values[0]].owner.is_some_and(|(owner, _)| self.model.systems[owner].kernel.is_some());
        let told = if native { 1 } else { values.len() };
        values.into_iter().take(told).map(|value| self.mark(group, value)).collect()
    }

    fn mark(&mut self, group: usize, of: usize) -> usize {
        let members = &mut self.model.groups[group].members;
        if let Some(known) = members.iter().position(|member| member.role == Role::Mark(of)) {
            return known;
        }
        let name = format!("changed {}", members[of].name);
        let (owner, span, gained, presence) =
            (members[of].owner, members[of].span, members[of].gained, members[of].presence);
        members.push(Member {
            name: name.clone(),
            component: name,
            span,
            ty: Type::scalar(Scalar::Bool),
            position: false,
            used: true,
            // A row that was just made is new to everybody.
            value: Some(Typed::value(Value::Bool(true))),
            owner,
            role: Role::Mark(of),
            presence,
            gained,
        });
        members.len() - 1
    }

    /// Which rows a system is for, as its clauses say: what rules only those rows.
    pub(super) fn choice(&mut self, system: &System, group: usize) -> Option<Typed> {
        let of = &self.model.groups[group];
        if chooses(system) && of.origin != Origin::Blueprint {
            let message = format!("rows of `{}` are made anew each frame: a rule makes all of them", of.name);
            let error = Diagnostic::error(codes::E0523, system.name.span, message);
            self.diagnostics.push(error.help("say in the rule what the others are: `if c { ... } else { ... }`"));
            return None;
        }
        let mut choice: Option<Typed> = None;
        let mut also = |told: Option<Typed>| {
            choice = match (choice.take(), told) {
                (Some(a), Some(b)) => Some(both(a, b)),
                (one, other) => one.or(other),
            };
        };
        let not = |told: Typed| Typed::new(told.ty, Kind::Unary(diptych_protocol::body::Unary::Not, Box::new(told)));
        for clause in &system.clauses {
            match &clause.kind {
                ClauseKind::Having(components) => {
                    components.iter().for_each(|it| also(self.of_clause(Asked::Has, group, it)));
                }
                ClauseKind::Lacking(components) => {
                    components.iter().for_each(|it| also(self.of_clause(Asked::Has, group, it).map(not)));
                }
                ClauseKind::Changed(components) => {
                    let told = components.iter().filter_map(|it| self.of_clause(Asked::Changed, group, it));
                    also(told.reduce(either));
                }
                ClauseKind::Where(condition) => also(self.truth(condition, "what follows `where`")),
                _ => {}
            }
        }
        choice
    }

    fn of_clause(&mut self, asked: Asked, group: usize, component: &Name) -> Option<Typed> {
        match self.answer(asked, group, component, Whose::Own, None) {
            Checked::Typed(typed) => Some(typed),
            _ => None,
        }
    }
}

/// Whether a system says which rows it is for.
pub(super) fn chooses(system: &System) -> bool {
    system.clauses.iter().any(|clause| {
        matches!(
            clause.kind,
            ClauseKind::Having(_) | ClauseKind::Lacking(_) | ClauseKind::Changed(_) | ClauseKind::Where(_)
        )
    })
}

fn either(a: Typed, b: Typed) -> Typed {
    Typed::new(a.ty, Kind::Binary(Binary::Or, Box::new(a), Box::new(b)))
}

fn both(a: Typed, b: Typed) -> Typed {
    Typed::new(a.ty, Kind::Binary(Binary::And, Box::new(a), Box::new(b)))
}
