//! Checking `spawn` and `despawn`: who may come and go, and what a newborn row has.

use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{self, Expr, ExprKind, Name};
use crate::types::Role;
use crate::types::expressions::Checker;
use crate::types::typed::{Kind, Local, Step, Typed};
use crate::types::world::said_twice;

/// A birth or an end that a body asks for.
#[derive(Debug)]
pub struct Edit {
    /// Whose rows come or go.
    pub group: usize,
    /// Where it was written.
    pub span: Span,
    /// What is asked for.
    pub change: Change,
}

/// What is asked for, as variables of the body.
#[derive(Debug)]
pub enum Change {
    /// The own row ends, if this is true.
    Leave(Local),
    /// The row that this refers to ends, if there is one.
    Remove(Local),
    /// A row is born if the first is true, with these values for the members of its group.
    Birth(Local, Vec<Local>),
}

impl Checker<'_, '_> {
    /// `spawn GROUP { Component = value }`
    pub(super) fn spawn(&mut self, group: &Name, given: &[ast::Member], span: Span, steps: &mut Vec<Step>) {
        if !self.may_edit("spawn", span) {
            return;
        }
        let Some(at) = self.names.group(group, self.diagnostics) else { return };
        if !self.comes_and_goes(at, group.span) {
            return;
        }
        let when = self.asked("born", span, Type::scalar(Scalar::Bool));
        let mut values: Vec<Local> = Vec::new();
        let mut told: Vec<&ast::Member> = Vec::new();
        for member in given {
            let name = &member.component;
            if let Some(first) = told.iter().find(|other| other.component.text == name.text) {
                self.diagnostics.push(said_twice(&name.text, first.component.span, name.span));
            } else if !self.model.groups[at].members.iter().any(|known| known.component == name.text) {
                self.no_such_member(at, name);
            }
            told.push(member);
        }
        let mut next = 0;
        while next < self.model.groups[at].members.len() {
            let component = self.model.groups[at].members[next].component.clone();
            let leaves =
                self.model.groups[at].members[next..].iter().take_while(|it| it.component == component).count();
            let said = given.iter().find(|member| member.component.text == component);
            let begun = self.is_presence_of(at, next, given);
            let made: Vec<Option<Typed>> = match said {
                Some(member) => self.given(member),
                None if begun => vec![Some(Typed::value(Value::Bool(true)))],
                None => (next..next + leaves).map(|place| self.of_blueprint_alone(at, place, &values, span)).collect(),
            };
            for leaf in 0..leaves {
                let (name, ty) = {
                    let member = &self.model.groups[at].members[next + leaf];
                    (member.name.clone(), member.ty)
                };
                let local = self.asked(&name, span, ty);
                if let Some(Some(value)) = made.get(leaf) {
                    steps.push(Step::Set(local, value.clone()));
                }
                values.push(local);
            }
            next += leaves;
        }
        steps.push(Step::Set(when, Typed::value(Value::Bool(true))));
        self.ask(Edit { group: at, span, change: Change::Birth(when, values) });
    }

    /// `despawn self`, `despawn REFERENCE`
    pub(super) fn despawn(&mut self, row: &Expr, steps: &mut Vec<Step>) {
        let span = row.span;
        if !self.may_edit("despawn", span) {
            return;
        }
        if let (ExprKind::This, Some(own)) = (&row.kind, self.own_group()) {
            if self.comes_and_goes(own, span) {
                let leaves = self.asked("ends", span, Type::scalar(Scalar::Bool));
                steps.push(Step::Set(leaves, Typed::value(Value::Bool(true))));
                self.ask(Edit { group: own, span, change: Change::Leave(leaves) });
            }
            return;
        }
        let Some(typed) = self.single(row, None) else { return };
        let Sort::Entity(group) = typed.ty.sort else {
            let message = format!("`despawn` takes a row, not `{}`", self.type_name(typed.ty));
            let error = Diagnostic::error(codes::E0521, span, message);
            self.diagnostics.push(error.help("`despawn self`, or a reference to a row: `despawn Prey`"));
            return;
        };
        let group = diptych_protocol::id::Id::index(group);
        if self.comes_and_goes(group, span) {
            let removed = self.asked("removed", span, typed.ty);
            steps.push(Step::Set(removed, typed));
            self.ask(Edit { group, span, change: Change::Remove(removed) });
        }
    }

    fn ask(&mut self, edit: Edit) {
        if let Some(rule) = &mut self.rule {
            rule.edits.push(edit);
        }
    }

    /// Whether rows can be asked to come or go here.
    fn may_edit(&mut self, word: &str, span: Span) -> bool {
        let rule = self.rule.as_ref().filter(|rule| rule.system.is_some() && self.floor.is_none());
        let Some(rule) = rule else {
            let error = Diagnostic::error(codes::E0521, span, format!("`{word}` stands in the bodies of systems only"));
            self.diagnostics.push(error.help("functions and values change nothing"));
            return false;
        };
        if rule.open.is_empty() {
            return true;
        }
        let error = Diagnostic::error(codes::E0521, span, format!("`{word}` would be asked for once a turn"));
        self.diagnostics.push(error.help(match word {
            "spawn" => "decide in the loop, `let mut born = false`, and say it behind it: `if born { spawn ... }`",
            _ => "choose in the loop which row it is, and say it behind it; or let each row decide itself: `despawn self`",
        }));
        false
    }

    fn comes_and_goes(&mut self, group: usize, span: Span) -> bool {
        if self.names.groups.get(group).is_some_and(|group| group.max.is_some()) {
            return true;
        }
        let (name, declared) = (self.model.groups[group].name, self.model.groups[group].span);
        let message = format!("rows of `{name}` do not come and go");
        let error = Diagnostic::error(codes::E0521, span, message).label(declared, "declared here");
        self.diagnostics.push(error.help(format!("say how many it can have: `group {name}[ROWS, max MOST]`")));
        false
    }

    pub(super) fn no_such_member(&mut self, group: usize, name: &Name) {
        if self.is_wrong_itself(group, &name.text) || self.names.component(name, self.diagnostics).is_none() {
            return;
        }
        let group = &self.model.groups[group];
        let hint = did_you_mean(&name.text, group.members.iter().map(|member| member.component.as_str()));
        let message = format!("group `{}` has no component `{}`", group.name, name.text);
        self.diagnostics.push(Diagnostic::error(codes::E0506, name.span, message).maybe_help(hint));
    }

    /// The values of a component that is given.
    pub(super) fn given(&mut self, member: &ast::Member) -> Vec<Option<Typed>> {
        let (name, mut values) = (&member.component, Vec::new());
        match (&member.value, self.shapes.get(&name.text).cloned()) {
            (Some(value), Some(shape)) => self.initial(value, &shape, &name.text, &mut values),
            (None, Some(_)) => {
                let error = Diagnostic::error(codes::E0410, name.span, format!("`{}` needs a value", name.text));
                self.diagnostics.push(error.help(format!("write `{} = ...`, or leave it to the blueprint", name.text)));
            }
            (_, None) => {}
        }
        values
    }

    /// Whether a member says who has a component that is given.
    fn is_presence_of(&self, group: usize, place: usize, given: &[ast::Member]) -> bool {
        let members = &self.model.groups[group].members;
        let of = members.iter().find(|member| member.role == Role::Value && member.presence == Some(place));
        of.is_some_and(|of| given.iter().any(|member| member.component.text == of.component))
    }

    /// What the blueprint says of a component, for a row that is born later. `before` has the components above it.
    fn of_blueprint_alone(&mut self, group: usize, place: usize, before: &[Local], span: Span) -> Option<Typed> {
        let member = &self.model.groups[group].members[place];
        let (component, mut value) = (member.component.clone(), member.value.clone()?);
        let mut lost = false;
        let mut draws = self.draws;
        value.visit(&mut |typed| match &mut typed.kind {
            Kind::Component(above) => match before.get(*above) {
                Some(local) => typed.kind = Kind::Local(*local),
                None => lost = true,
            },
            Kind::Draw { ordinal, .. } => {
                *ordinal = draws;
                draws += 1;
            }
            Kind::Row | Kind::Data(_) | Kind::Coordinate(_) => lost = true,
            _ => {}
        });
        self.draws = draws;
        if lost {
            let message = format!("the blueprint's `{component}` is about the rows of set-up: a birth must give it");
            let error = Diagnostic::error(codes::E0521, span, message).label(member_span(self, group, place), "here");
            self.diagnostics.push(error.help(format!("write `{component} = ...` between the braces")));
            return None;
        }
        Some(value)
    }
}

fn member_span(checker: &Checker<'_, '_>, group: usize, place: usize) -> Span {
    checker.model.groups[group].members[place].span
}
