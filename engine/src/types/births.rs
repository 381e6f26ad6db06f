//! Checking `spawn` and `despawn`: who may come and go, and what a newborn row has.

use diptych_protocol::id::Id;
use diptych_protocol::program::Span;
use diptych_protocol::types::{NEWBORN, NO_ROW, Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{self, Expr, ExprKind, Name};
use crate::types::expressions::Checker;
use crate::types::rules::LocalInfo;
use crate::types::typed::{Checked, Kind, Local, Step, Typed};
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
    Birth(Local, Vec<Local>, Option<Newborn>),
}

/// How a body refers to a row that it asks for.
#[derive(Clone, Copy, Debug)]
pub struct Newborn {
    /// The reference; none, until its statement is reached.
    pub reference: Local,
    /// The first of the names that it can have, and how many there are.
    pub first: u32,
    /// How many there are.
    pub count: u32,
}

impl Checker<'_, '_> {
    /// `spawn GROUP { Component = value }`; a reference to the new row, if that is wanted.
    pub(super) fn spawn(
        &mut self,
        birth: &ast::Birth,
        named: bool,
        span: Span,
        steps: &mut Vec<Step>,
    ) -> Option<Typed> {
        let ast::Birth { group, members: given } = birth;
        if !self.may_edit("spawn", span) {
            return None;
        }
        let at = self.names.group(group, self.diagnostics)?;
        if !self.comes_and_goes(at, group.span) {
            return None;
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
            let made: Vec<Option<Typed>> = match said {
                Some(member) => self.given(member),
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
        let newborn = if named { Some(self.newborn(at, span)?) } else { None };
        let reference = newborn.map(|newborn| {
            let ty = Type::life(Id::new(at as u32));
            steps.push(Step::Set(newborn.reference, Typed { ty, kind: Kind::Newborn(newborn.first) }));
            Typed { ty, kind: Kind::Local(newborn.reference) }
        });
        self.ask(Edit { group: at, span, change: Change::Birth(when, values, newborn) });
        reference
    }

    /// Names for the rows that a statement asks for.
    fn newborn(&mut self, group: usize, span: Span) -> Option<Newborn> {
        let rows = self.own_group().map_or(0, |own| self.model.groups[own].rows);
        let first = NEWBORN + self.newborns;
        let room = NO_ROW - first;
        if rows > room {
            let message = format!("references to newborn rows have {} names: too few for this", NO_ROW - NEWBORN);
            let error = Diagnostic::error(codes::E0601, span, message);
            self.diagnostics.push(error.help("each row of a system takes one for each `spawn` that it refers to"));
            return None;
        }
        self.newborns += rows;
        let reference = self.asked("newborn", span, Type::life(Id::new(group as u32)));
        Some(Newborn { reference, first, count: rows })
    }

    /// A birth where only a value can stand.
    pub(super) fn spawn_in_value(&mut self, span: Span) -> Checked {
        let error = Diagnostic::error(codes::E0521, span, "a birth is no part of a value");
        self.error(error.help("let a statement ask for it: `let child = spawn ...`, `Child = spawn ...`"))
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
        let group = group.index();
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

    /// A variable that says what is asked for: nothing, until its statement is reached.
    fn asked(&mut self, name: &str, span: Span, ty: Type) -> Local {
        let local = Local(self.locals.len());
        self.locals.push(LocalInfo { name: name.to_string(), span, ty, mutable: true, used: true });
        if let Some(rule) = &mut self.rule {
            rule.first.push(Step::Set(local, Typed::zero(ty)));
        }
        local
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

    fn no_such_member(&mut self, group: usize, name: &Name) {
        if self.is_wrong_itself(group, &name.text) || self.names.component(name, self.diagnostics).is_none() {
            return;
        }
        let group = &self.model.groups[group];
        let hint = did_you_mean(&name.text, group.members.iter().map(|member| member.component.as_str()));
        let message = format!("group `{}` has no component `{}`", group.name, name.text);
        self.diagnostics.push(Diagnostic::error(codes::E0506, name.span, message).maybe_help(hint));
    }

    /// The values of a component that is given.
    fn given(&mut self, member: &ast::Member) -> Vec<Option<Typed>> {
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
