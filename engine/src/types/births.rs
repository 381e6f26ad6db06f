//! Checking `spawn` and `despawn`: who may come and go, and what a newborn row has.

use diptych_protocol::body::Binary;
use diptych_protocol::id::Id;
use diptych_protocol::limits::BIRTHS_MAX;
use diptych_protocol::program::Span;
use diptych_protocol::types::{NEWBORN, NO_ROW, Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{self, Expr, ExprKind, Name};
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Kind, Local, Step, Typed};
use crate::types::world::said_twice;
use crate::types::{Model, Role};

/// A birth or an end that a body asks for.
#[derive(Debug)]
pub struct Edit {
    /// Whose rows come or go.
    pub group: usize,
    /// Where it was written.
    pub span: Span,
    /// What is asked for.
    pub change: Change,
    /// Which turns of a loop ask, if it stands in one.
    pub turns: Option<Turns>,
}

/// Turns of a loop that ask.
#[derive(Clone, Copy, Debug)]
pub struct Turns {
    /// The number of what they ask for, in their body.
    pub ask: u16,
    /// How many births a row may ask for in a frame.
    pub most: u32,
}

/// What is asked for, as variables of the body; of turns that ask, as those of the turn.
#[derive(Debug)]
pub enum Change {
    /// The own row ends, if this is true.
    Leave(Local),
    /// The row that this refers to ends, if there is one.
    Remove(Local),
    /// A row is born if the first is true, with these values for the members of its group.
    Birth(Local, Vec<Local>, Option<Newborn>),
}

/// What a native system says that it asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Declared {
    /// Whose rows come or go.
    pub group: usize,
    /// Rows are born: so many in a frame for each row that asks, at most. Else rows end.
    pub births: Option<u32>,
    /// Where it was written.
    pub span: Span,
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
    /// How many births of this frame the row has asked for before, where turns ask.
    pub nth: Option<Local>,
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
        let ast::Birth { group, most, members: given } = birth;
        if !self.may_edit("spawn", span) {
            return None;
        }
        let at = self.names.group(group, self.diagnostics)?;
        if !self.comes_and_goes(at, group.span) {
            return None;
        }
        let turns = match self.in_turns() {
            true => Some(self.turns_of_births(most.as_ref(), span)?),
            false => {
                most.iter().for_each(|most| self.no_turns(most));
                None
            }
        };
        let when = self.requested("born", span, Type::scalar(Scalar::Bool));
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
                let local = self.requested(&name, span, ty);
                if let Some(Some(value)) = made.get(leaf) {
                    steps.push(Step::Set(local, value.clone()));
                }
                values.push(local);
            }
            next += leaves;
        }
        let most = turns.map_or(1, |turns| turns.most);
        let newborn = if named { Some(self.newborn(at, most, span)?) } else { None };
        let reference = newborn.map(|Newborn { reference, first, nth, .. }| {
            let ty = Type::life(Id::new(at as u32));
            steps.push(Step::Set(reference, Typed { ty, kind: Kind::Newborn { first, most, nth } }));
            if let Some(nth) = nth {
                let u32 = Type::scalar(Scalar::U32);
                let before = Box::new(Typed { ty: u32, kind: Kind::Local(nth) });
                let one = Box::new(Typed::value(Value::U32(1)));
                steps.push(Step::Set(nth, Typed { ty: u32, kind: Kind::Binary(Binary::Add, before, one) }));
            }
            Typed { ty, kind: Kind::Local(reference) }
        });
        match turns {
            Some(turns) => {
                let with = values.iter().copied().chain(newborn.map(|newborn| newborn.reference));
                steps.push(Step::Ask(turns.ask, with.collect()));
            }
            None => steps.push(Step::Set(when, Typed::value(Value::Bool(true)))),
        }
        self.ask(Edit { group: at, span, change: Change::Birth(when, values, newborn), turns });
        reference
    }

    /// Whether statements stand in a loop here.
    fn in_turns(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| !rule.open.is_empty())
    }

    /// The number of what turns ask for next.
    fn next_ask(&self) -> u16 {
        let edits = self.rule.iter().flat_map(|rule| &rule.edits);
        edits.filter(|edit| edit.turns.is_some()).count() as u16
    }

    /// How many births a row can ask for by a statement in loops: as it says, or as many turns as they make at most.
    fn turns_of_births(&mut self, said: Option<&Expr>, span: Span) -> Option<Turns> {
        let ask = self.next_ask();
        let limit = u64::from(BIRTHS_MAX);
        if let Some(said) = said {
            let most = self.integer(said, "the births that a row can ask for", 1..=limit, codes::E0521)?;
            return Some(Turns { ask, most: most as u32 });
        }
        let open = self.rule.as_ref().map_or(&[][..], |rule| &rule.open);
        let turns = open.iter().map(|turn| self.turns[turn.0].most);
        let most = turns.into_iter().try_fold(1u32, |most, turns| Some(most.saturating_mul(turns?)));
        let (message, help) = match most {
            Some(most) if u64::from(most) <= limit => return Some(Turns { ask, most: most.max(1) }),
            Some(most) => (
                format!("a row could ask for {most} births here: at most {BIRTHS_MAX} by one statement"),
                "bound the loop, or say how many it will be at most: `spawn G[max 8] { ... }`",
            ),
            None => (
                "nothing says how many births a row can ask for here".to_string(),
                "say it, `spawn G[max 8] { ... }`; or bound the loop, `for i in 0 .. min(n, 8)`",
            ),
        };
        self.diagnostics.push(Diagnostic::error(codes::E0521, span, message).help(help));
        None
    }

    /// `[max N]` outside of loops.
    fn no_turns(&mut self, most: &Expr) {
        let error = Diagnostic::error(codes::E0521, most.span, "outside of loops a row asks for one birth");
        self.diagnostics.push(error.help("leave `[max ...]` out"));
    }

    /// Names for the rows that a statement asks for.
    fn newborn(&mut self, group: usize, most: u32, span: Span) -> Option<Newborn> {
        let rows = self.own_group().map_or(0, |own| self.model.groups[own].rows);
        let first = NEWBORN + self.newborns;
        let room = NO_ROW - first;
        let count = rows.checked_mul(most).filter(|count| *count <= room);
        let Some(count) = count else {
            let message = format!("references to newborn rows have {} names: too few for this", NO_ROW - NEWBORN);
            let error = Diagnostic::error(codes::E0601, span, message);
            self.diagnostics.push(error.help("each row of a system takes one for each `spawn` that it refers to"));
            return None;
        };
        self.newborns += count;
        let turns = self.in_turns();
        let reference = self.requested("newborn", span, Type::life(Id::new(group as u32)));
        let nth = turns.then(|| self.counted(span));
        Some(Newborn { reference, first, count, nth })
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
                // However often it is asked for: once.
                let leaves = self.remembered("ends", span, Typed::value(Value::Bool(false)));
                steps.push(Step::Set(leaves, Typed::value(Value::Bool(true))));
                self.ask(Edit { group: own, span, change: Change::Leave(leaves), turns: None });
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
            let removed = self.requested("removed", span, typed.ty);
            let mut turns = None;
            if self.in_turns() {
                let row = self.requested("row", span, Type::scalar(Scalar::U32));
                steps.push(Step::Set(row, Typed { ty: Type::scalar(Scalar::U32), kind: Kind::RowOf(Box::new(typed)) }));
                let ask = self.next_ask();
                steps.push(Step::Ask(ask, vec![row]));
                turns = Some(Turns { ask, most: 1 });
            } else {
                steps.push(Step::Set(removed, typed));
            }
            self.ask(Edit { group, span, change: Change::Remove(removed), turns });
        }
    }

    fn ask(&mut self, edit: Edit) {
        if let Some(rule) = &mut self.rule {
            rule.edits.push(edit);
        }
    }

    /// A variable that says what is asked for: nothing, until its statement is reached. Of turns, of the turn alone.
    fn requested(&mut self, name: &str, span: Span, ty: Type) -> Local {
        match self.in_turns() {
            true => self.hidden(name, span, ty),
            false => self.asked(name, span, ty),
        }
    }

    /// How many births the row has asked for before.
    fn counted(&mut self, span: Span) -> Local {
        self.remembered("births before", span, Typed::value(Value::U32(0)))
    }

    /// A variable with a first value, which is there all through the body.
    pub(super) fn remembered(&mut self, name: &str, span: Span, first: Typed) -> Local {
        let local = self.hidden(name, span, first.ty);
        if let Some(rule) = &mut self.rule {
            rule.first.push(Step::Set(local, first));
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
        let open = rule.open.iter().map(|turn| &self.turns[turn.0]);
        if !open.clone().any(|turn| turn.cells.is_some()) {
            return true;
        }
        let message = format!("`{word}` stands in no loop over cells around");
        let error = Diagnostic::error(codes::E0521, span, message);
        self.diagnostics.push(error.help(match word {
            "spawn" => "count in the loop, `let mut young = 0`, and say it behind it: `for i in 0 .. min(young, 8) { spawn ... }`",
            _ => "choose in the loop which row it is, and say it behind it; or let each row decide itself: `despawn self`",
        }));
        false
    }

    /// `spawns GROUP[max N]`
    pub(super) fn spawns(&mut self, group: &Name, most: Option<&Expr>, model: &Model<'_>) -> Option<Declared> {
        let at = self.names.group(group, self.diagnostics)?;
        let limit = u64::from(BIRTHS_MAX);
        let births = match most {
            Some(most) => self.integer(most, "the births that a row can ask for", 1..=limit, codes::E0521)? as u32,
            None => 1,
        };
        let living = self.lives(at, model.groups[at].name, model.groups[at].span, group.span);
        living.then_some(Declared { group: at, births: Some(births), span: group.span })
    }

    /// `despawns GROUP`
    pub(super) fn despawns(&mut self, group: &Name, model: &Model<'_>) -> Option<Declared> {
        let at = self.names.group(group, self.diagnostics)?;
        let living = self.lives(at, model.groups[at].name, model.groups[at].span, group.span);
        living.then_some(Declared { group: at, births: None, span: group.span })
    }

    /// Notes what a system declares, once.
    pub(super) fn declare(&mut self, system: usize, declared: Option<Declared>, model: &mut Model<'_>) {
        let Some(declared) = declared else { return };
        let known = &mut model.systems[system].edits;
        let same =
            |other: &&Declared| other.group == declared.group && other.births.is_some() == declared.births.is_some();
        match known.iter().find(same) {
            Some(first) => {
                let what = if declared.births.is_some() { "spawns" } else { "despawns" };
                self.diagnostics.push(said_twice(what, first.span, declared.span));
            }
            None => known.push(declared),
        }
    }

    fn comes_and_goes(&mut self, group: usize, span: Span) -> bool {
        let (name, declared) = (self.model.groups[group].name, self.model.groups[group].span);
        self.lives(group, name, declared, span)
    }

    fn lives(&mut self, group: usize, name: &str, declared: Span, span: Span) -> bool {
        if self.names.groups.get(group).is_some_and(|group| group.max.is_some()) {
            return true;
        }
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
