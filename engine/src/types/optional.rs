//! Checking components that rows may be without: which rows have one, who adds and removes it.
//!
//! An optional component has a member of its own before its values, its *presence*: a truth value a row. A row without the
//! component reads 0 of it.

use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, Name};
use crate::types::expressions::{Checker, RowMember};
use crate::types::typed::{Kind, Local, Step, Typed};
use crate::types::{Member, Role};

/// The member that says which rows have a component: no component has a name like it.
pub(super) fn presence_name(component: &str) -> String {
    format!("has {component}")
}

/// A component that a system adds to its rows.
#[derive(Debug)]
pub struct Gain {
    /// The member that says which rows have it.
    pub presence: usize,
    /// A variable: whether the row asks for it.
    pub asked: Local,
    /// Variables: the values it begins with, a member each.
    pub values: Vec<Local>,
}

/// A component that a system removes from its rows.
#[derive(Debug)]
pub struct Loss {
    /// The member that says which rows have it.
    pub presence: usize,
    /// A variable: whether the row asks for it.
    pub asked: Local,
}

impl Checker<'_, '_> {
    /// The presence of an optional component of a blueprint, as the member before its values.
    pub(super) fn presence(&mut self, member: &ast::Member, members: &mut Vec<Member>) -> Option<usize> {
        let span = member.optional?;
        if self.row.is_none() {
            let message = "rows of a derived group are made anew each frame, with all that they have";
            self.diagnostics.push(Diagnostic::error(codes::E0523, span, message).help("leave `optional` out"));
            return None;
        }
        let name = presence_name(&member.component.text);
        if let Some(position) = member.position {
            let error = Diagnostic::error(codes::E0407, position, "every row has a position: it is not optional");
            self.diagnostics.push(error.label(span, "said here"));
        }
        // Without a value nobody has it at first.
        let bool = Type::scalar(Scalar::Bool);
        let first = match (&member.value, &member.filter) {
            (None, None) => Some(Typed::value(Value::Bool(false))),
            (None, Some(filter)) => {
                let message = format!("rows that have `{}` at first need a value of it", member.component.text);
                let error = Diagnostic::error(codes::E0410, filter.span, message);
                let help = format!("write `optional {} = ... where ...`", member.component.text);
                self.diagnostics.push(error.help(help));
                None
            }
            (Some(_), None) => Some(Typed::value(Value::Bool(true))),
            (Some(_), Some(filter)) => self.truth(filter, "what follows `where`"),
        };
        if let Some(row) = &mut self.row {
            row.push(RowMember { name: name.clone(), component: name.clone(), ty: bool, used: true });
        }
        members.push(Member {
            name: name.clone(),
            component: name,
            span,
            ty: bool,
            position: false,
            used: true,
            value: first,
            owner: None,
            role: Role::Presence,
            presence: None,
            gained: false,
        });
        Some(members.len() - 1)
    }

    /// The presence of a component that is added, removed or asked for; an error where rows cannot be without it.
    pub(super) fn optional(&mut self, group: usize, component: &Name) -> Option<usize> {
        let of = &self.model.groups[group];
        if let Some(presence) = of.member(&presence_name(&component.text)) {
            return Some(presence);
        }
        if !of.members.iter().any(|member| member.component == component.text) {
            self.no_such_member(group, component);
            return None;
        }
        let message = format!("every row of `{}` has `{}`", of.name, component.text);
        let span = of.members.iter().find(|it| it.component == component.text).map_or(of.span, |member| member.span);
        let error = Diagnostic::error(codes::E0523, component.span, message).label(span, "declared here");
        let help = format!("say in the group that rows may be without it: `optional {} = ...`", component.text);
        self.diagnostics.push(error.help(help));
        None
    }

    /// `add Component = value`
    pub(super) fn gain(&mut self, member: &ast::Member, span: Span, steps: &mut Vec<Step>) {
        let Some((group, presence)) = self.may_change(&member.component, "add", 0, span) else { return };
        let component = &member.component.text;
        let places: Vec<usize> = (presence + 1..self.model.groups[group].members.len())
            .take_while(|at| self.model.groups[group].members[*at].component == *component)
            .collect();
        let values = self.given(member);
        let known = self.rule.as_ref().and_then(|rule| rule.gains.iter().position(|it| it.presence == presence));
        let known = known.unwrap_or_else(|| {
            let asked = self.asked(component, span, Type::scalar(Scalar::Bool));
            let own: Vec<(String, Type)> = places
                .iter()
                .map(|at| {
                    (self.model.groups[group].members[*at].name.clone(), self.model.groups[group].members[*at].ty)
                })
                .collect();
            let values = own.into_iter().map(|(name, ty)| self.asked(&name, span, ty)).collect();
            let Some(rule) = &mut self.rule else { return 0 };
            rule.gains.push(Gain { presence, asked, values });
            rule.gains.len() - 1
        });
        let Some(gain) = self.rule.as_ref().and_then(|rule| rule.gains.get(known)) else { return };
        for (local, value) in gain.values.iter().zip(values) {
            steps.extend(value.map(|value| Step::Set(*local, value)));
        }
        steps.push(Step::Set(gain.asked, Typed::value(Value::Bool(true))));
    }

    /// `remove Component`
    pub(super) fn loss(&mut self, component: &Name, span: Span, steps: &mut Vec<Step>) {
        let Some((_, presence)) = self.may_change(component, "remove", 1, span) else { return };
        let known = self.rule.as_ref().and_then(|rule| rule.losses.iter().find(|it| it.presence == presence));
        let asked = match known {
            Some(known) => known.asked,
            None => {
                let asked = self.asked(&component.text, span, Type::scalar(Scalar::Bool));
                if let Some(rule) = &mut self.rule {
                    rule.losses.push(Loss { presence, asked });
                }
                asked
            }
        };
        steps.push(Step::Set(asked, Typed::value(Value::Bool(true))));
    }

    /// Whether the own row can be given or freed of a component here: its group, and who has it. `what` tells the two apart.
    fn may_change(&mut self, component: &Name, word: &str, what: u8, span: Span) -> Option<(usize, usize)> {
        let rule = self.rule.as_ref().filter(|rule| rule.system.is_some() && !rule.filters && self.floor.is_none());
        let Some((group, turns)) = rule.and_then(|rule| Some((rule.group?, !rule.open.is_empty()))) else {
            let error = Diagnostic::error(codes::E0523, span, format!("`{word}` stands in the bodies of systems only"));
            self.diagnostics.push(error.help("functions and values change nothing"));
            return None;
        };
        let presence = self.optional(group, component)?;
        if turns {
            let error = Diagnostic::error(codes::E0523, span, format!("`{word}` would be asked for once a turn"));
            let help =
                format!("decide in the loop, `let mut so = false`, and say it behind it: `if so {{ {word} ... }}`");
            self.diagnostics.push(error.help(help));
            return None;
        }
        let rule = self.rule.as_mut()?;
        if let Some(first) = rule.assigned.insert((presence, what), span) {
            let message = format!("`{word} {}` stands a second time on this path", component.text);
            let error = Diagnostic::error(codes::E0515, span, message).label(first, "the first");
            self.diagnostics.push(error.help("say it once on each path"));
            return None;
        }
        self.model.groups[group].members.iter_mut().for_each(|member| {
            if member.component == component.text || member.name == presence_name(&component.text) {
                member.gained = true;
            }
        });
        Some((group, presence))
    }

    /// A variable that says what is asked for: nothing, until its statement is reached.
    pub(super) fn asked(&mut self, name: &str, span: Span, ty: Type) -> Local {
        self.remembered(name, span, Typed::zero(ty))
    }
}

/// A first value of an optional component: 0 where the row is without it.
pub(super) fn where_present(presence: Option<usize>, value: Option<Typed>, ty: Type) -> Option<Typed> {
    let Some(presence) = presence else { return value };
    let bool = Type::scalar(Scalar::Bool);
    let has = Typed { ty: bool, kind: Kind::Component(presence) };
    let zero = Typed::zero(ty);
    let value = value.unwrap_or_else(|| zero.clone());
    Some(Typed { ty, kind: Kind::Select(Box::new(has), Box::new(value), Box::new(zero)) })
}
