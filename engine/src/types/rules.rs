//! Checking the bodies of systems: statements, variables, loops.

use std::collections::BTreeMap;

use diptych_protocol::program::{Span, When};
use diptych_protocol::types::{Scalar, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, Expr, ExprKind, Stmt, StmtKind};
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Kind, Local, Step, Turn, Typed, Whose};
use crate::types::{Edit, Gain, Loss, Model, Place, Read};

/// What a name of a block stands for.
#[derive(Clone, Debug)]
pub(super) enum Named {
    Local(Local),
    Turn(Turn),
    /// A value that is known when compiled: literals stay adaptable, arrays can be chosen from.
    Known(Checked),
}

/// A variable.
#[derive(Debug)]
pub(super) struct LocalInfo {
    pub name: String,
    pub span: Span,
    pub ty: Type,
    pub mutable: bool,
    pub used: bool,
}

/// A loop.
#[derive(Debug)]
pub(super) struct TurnInfo {
    /// Whose rows it goes over; none for a range.
    pub group: Option<usize>,
    /// Whether these rows are the own ones: in a signal.
    pub own: bool,
    /// Whether it asks an index: deltas come with its turns.
    pub spatial: bool,
    /// The index whose summaries it meets: what it goes over may stand for many rows.
    pub far: Option<usize>,
    /// Over the cells around the own one: how many.
    pub cells: Option<u32>,
    /// The most turns that it makes, where that is known.
    pub most: Option<u32>,
    /// Over the nearest: the variables that decide which rows these are.
    pub decided: Vec<Local>,
}

/// What is being checked: the body of a system, or something about a finished state.
#[derive(Default, Debug)]
pub(super) struct Rule {
    pub system: Option<usize>,
    /// Whose rows bare names of components mean.
    pub group: Option<usize>,
    /// Whether they are taken by a sink: then signals are of the same state.
    pub taken: bool,
    /// Of each owned member what the system makes of it.
    pub next: BTreeMap<usize, Local>,
    /// Which lanes of which members may have been assigned, and where.
    pub assigned: BTreeMap<(usize, u8), Span>,
    pub reads: Vec<Read>,
    pub indexes: Vec<usize>,
    pub inverses: Vec<usize>,
    pub matchings: Vec<usize>,
    /// Of each owned member whether it was assigned.
    pub marks: BTreeMap<usize, Local>,
    /// Of each publication of the system its value and whether it is made, and where it may have been made.
    pub published: BTreeMap<usize, [Local; 2]>,
    pub publishing: BTreeMap<usize, Span>,
    /// The components that are added and removed.
    pub gains: Vec<Gain>,
    pub losses: Vec<Loss>,
    /// Whether it says which rows take part in a matching, or in a system: then it sees its own row alone.
    pub filters: bool,
    /// The index that is asked for summaries of what is far: one a rule, since rows of its buckets ask together.
    pub far: Option<usize>,
    /// Loops that are open, outermost first.
    pub open: Vec<Turn>,
    /// The births and ends that are asked for, and the first values of the variables that say so.
    pub edits: Vec<Edit>,
    pub first: Vec<Step>,
}

impl Rule {
    /// Notes a read.
    pub(super) fn note(&mut self, read: Read) {
        let known = self.reads.iter().any(|r| r.place == read.place && r.when == read.when && r.reach == read.reach);
        if !known {
            self.reads.push(read);
        }
    }
}

/// A body that was checked.
#[derive(Debug)]
pub struct RuleBody {
    /// What is done, the first value of each owned member among it.
    pub steps: Vec<Step>,
    /// What is stored in the end, and where it was assigned.
    pub stores: Vec<(Place, Local, Span)>,
    /// Of each owned member whether it was assigned.
    pub marks: Vec<(Place, Local)>,
    /// What is published, by the places of the publications: the values, and whether they are.
    pub published: Vec<(usize, [Local; 2])>,
    /// The components that are added,
    pub gains: Vec<Gain>,
    /// and those that are removed.
    pub losses: Vec<Loss>,
    /// The births and ends that are asked for.
    pub edits: Vec<Edit>,
    /// Which rows it is for, if not for all: what `steps` do is done to these alone.
    pub only: Option<Typed>,
}

impl<'a> Checker<'a, '_> {
    /// Checks the body of a system, whose owned members are known.
    pub(super) fn rule_body(&mut self, at: usize, group: usize, body: &'a [Stmt], model: &mut Model<'a>) {
        let written = self.names.systems[at];
        std::mem::swap(&mut self.model, model);
        let owns = self.model.systems[at].owns.clone();
        let mut rule = Rule { system: Some(at), group: Some(group), ..Rule::default() };
        let mut steps = Vec::new();
        for &place in &owns {
            let member = &self.model.groups[group].members[place.member];
            let (name, ty, span) = (member.name.clone(), member.ty, member.span);
            let local = Local(self.locals.len());
            self.locals.push(LocalInfo { name, span, ty, mutable: true, used: true });
            rule.next.insert(place.member, local);
            let derived = self.model.groups[group].origin != super::Origin::Blueprint;
            let first = match derived {
                // Rows that are made anew have nothing to carry; every path must assign.
                true => Typed::zero(ty),
                false => Typed { ty, kind: Kind::Read { place, when: When::Prev, whose: Whose::Own } },
            };
            steps.push(Step::Set(local, first));
        }
        self.rule = Some(rule);
        for &place in &owns {
            let name = self.model.groups[group].members[place.member].name.clone();
            let mark = self.asked(&name, written.name.span, Type::scalar(Scalar::Bool));
            self.rule.iter_mut().for_each(|rule| {
                rule.marks.insert(place.member, mark);
            });
        }
        self.begin_publications(at);
        self.draws = 0;
        self.calls = 0;
        self.readings = 0;
        self.rule.iter_mut().for_each(|rule| rule.filters = true);
        let only = self.choice(written, group);
        self.rule.iter_mut().for_each(|rule| rule.filters = false);
        let mut done = Vec::new();
        self.statements(body, &mut done);
        match &only {
            Some(only) => steps.push(Step::If(only.clone(), done, Vec::new())),
            None => steps.append(&mut done),
        }
        let Some(mut rule) = self.rule.take() else { return };
        steps.splice(0..0, std::mem::take(&mut rule.first));
        let mut stores = Vec::new();
        for &place in &owns {
            let member = &self.model.groups[group].members[place.member];
            let span = rule.assigned.iter().find(|((it, _), _)| *it == place.member).map(|(_, span)| *span);
            // Of a component of several parts some may be carried.
            let part_of = |it: usize| self.model.groups[group].members[it].component == member.component;
            let never = !rule.assigned.keys().any(|(it, _)| part_of(*it));
            if never && !self.diagnostics.failed() {
                let (name, system) = (&member.component, self.model.systems[at].name);
                let owned = member.owner.map_or(self.model.systems[at].span, |(_, span)| span);
                let message = format!("system `{system}` owns `{name}` and never assigns it");
                let error = Diagnostic::error(codes::E0501, owned, message);
                self.diagnostics.push(error.help(format!("assign it, `{name} = ...`, or leave it out of `owns`")));
            }
            stores.push((place, rule.next[&place.member], span.unwrap_or(member.span)));
        }
        let system = &mut self.model.systems[at];
        system.reads = rule.reads;
        system.indexes = rule.indexes;
        system.inverses = rule.inverses;
        system.matchings = rule.matchings;
        let marks = rule.marks.into_iter().map(|(member, local)| (Place { group, member }, local)).collect();
        let published = rule.published.into_iter().collect();
        let (gains, losses, edits) = (rule.gains, rule.losses, rule.edits);
        system.body = Some(RuleBody { steps, stores, marks, published, gains, losses, edits, only });
        std::mem::swap(&mut self.model, model);
    }

    /// Statements of one block: names that it makes end with it.
    pub(super) fn statements(&mut self, body: &[Stmt], steps: &mut Vec<Step>) {
        let outer = self.scope.len();
        for stmt in body {
            if self.diagnostics.full() {
                break;
            }
            self.statement(stmt, steps);
        }
        self.close_scope(outer);
    }

    /// Ends a block: says what nothing used.
    pub(super) fn close_scope(&mut self, outer: usize) {
        for (name, named) in self.scope.split_off(outer) {
            if let Named::Local(local) = named
                && !self.locals[local.0].used
                && !name.starts_with('_')
                && !self.diagnostics.failed()
            {
                let message = format!("nothing uses `{name}`");
                let warning = Diagnostic::warning(codes::W0107, self.locals[local.0].span, message);
                self.diagnostics.push(warning);
            }
        }
    }

    fn statement(&mut self, stmt: &Stmt, steps: &mut Vec<Step>) {
        match &stmt.kind {
            StmtKind::Let(bindings) => bindings.iter().for_each(|binding| self.binding(binding, steps)),
            StmtKind::Assign { target, op, place, value } => self.assign(target, *op, *place, value, steps),
            StmtKind::If { condition, yes, no } if let Some(taken) = self.decide(condition) => {
                self.statements(if taken { yes } else { no }, steps);
            }
            StmtKind::If { condition, yes, no } => {
                let condition = self.truth(condition, "a condition");
                let before = self.rule.as_ref().map(|rule| (rule.assigned.clone(), rule.publishing.clone()));
                let (mut a, mut b) = (Vec::new(), Vec::new());
                self.statements(yes, &mut a);
                // The other way starts from the same; afterwards either may have been taken.
                let (then, told) = match (&mut self.rule, before) {
                    (Some(rule), Some((assigned, publishing))) => (
                        std::mem::replace(&mut rule.assigned, assigned),
                        std::mem::replace(&mut rule.publishing, publishing),
                    ),
                    _ => Default::default(),
                };
                self.statements(no, &mut b);
                if let Some(rule) = &mut self.rule {
                    then.into_iter().for_each(|(lane, span)| {
                        rule.assigned.entry(lane).or_insert(span);
                    });
                    told.into_iter().for_each(|(publication, span)| {
                        rule.publishing.entry(publication).or_insert(span);
                    });
                }
                if let Some(condition) = condition {
                    steps.push(Step::If(condition, a, b));
                }
            }
            StmtKind::Spawn(birth) => {
                self.spawn(birth, false, stmt.span, steps);
            }
            StmtKind::Despawn(row) => self.despawn(row, steps),
            StmtKind::Add(member) => self.gain(member, stmt.span, steps),
            StmtKind::Remove(component) => self.loss(component, stmt.span, steps),
            StmtKind::Publish(publication) => self.publish(publication, stmt.span, steps),
            StmtKind::For { walk, body } => self.each_walk(walk, |checker, written| {
                let mut turns = Vec::new();
                match checker.open_walk(written) {
                    Some((walk, outer)) => {
                        checker.statements(body, &mut turns);
                        checker.close_walk(outer);
                        checker.decided_before(written, walk.turn, &turns);
                        steps.push(Step::Loop(Box::new(walk), turns));
                    }
                    None => checker.turns_of_nothing(written, body),
                }
            }),
        }
    }

    /// The body of a loop that is wrong itself: for its other mistakes.
    fn turns_of_nothing(&mut self, walk: &ast::Walk, body: &[Stmt]) {
        let group = self.own_group();
        let outer = self.scope.len();
        if let Some(variable) = &walk.variable {
            self.scope.push((variable.text.clone(), Named::Known(Checked::Error)));
        }
        self.turns.push(TurnInfo {
            group,
            own: false,
            spatial: false,
            far: None,
            cells: None,
            most: Some(1),
            decided: Vec::new(),
        });
        if let Some(rule) = &mut self.rule {
            rule.open.push(Turn(self.turns.len() - 1));
        }
        self.statements(body, &mut Vec::new());
        self.close_walk(outer);
    }

    /// `let a = x`
    pub(super) fn binding(&mut self, binding: &ast::Binding, steps: &mut Vec<Step>) {
        let value = match &binding.ty {
            Some(ty) => {
                let Some(ty) = self.single_type(ty) else { return };
                let checked = self.value_of(&binding.value, Some(ty.scalar), steps);
                let what = format!("`{}`", binding.name.text);
                let value = coerce(checked, ty, binding.value.span, &what, self.diagnostics);
                value.unwrap_or_else(|| Typed::zero(ty))
            }
            None => {
                let checked = self.value_of(&binding.value, None, steps);
                match checked {
                    // What is known stays known, so that literals adapt to what they meet.
                    Checked::Int(_) | Checked::Float(_) | Checked::None | Checked::Array(_) if !binding.mutable => {
                        self.scope.push((binding.name.text.clone(), Named::Known(checked)));
                        return;
                    }
                    Checked::Error => {
                        self.scope.push((binding.name.text.clone(), Named::Known(Checked::Error)));
                        return;
                    }
                    // A constant stays one: it may be needed so.
                    Checked::Typed(typed) if !binding.mutable && typed.constant().is_some() => {
                        self.scope.push((binding.name.text.clone(), Named::Known(Checked::Typed(typed))));
                        return;
                    }
                    Checked::Typed(typed) => typed,
                    Checked::Array(_) => {
                        let error = Diagnostic::error(codes::E0514, binding.value.span, "an array cannot be changed");
                        self.diagnostics.push(error.help("leave `mut` out"));
                        return;
                    }
                    literal => {
                        // The first assignment of something typed would come too late to say what was meant.
                        let ty = match literal {
                            Checked::Int(_) => Type::scalar(Scalar::I32),
                            _ => Type::scalar(Scalar::F32),
                        };
                        match coerce(literal, ty, binding.value.span, "", self.diagnostics) {
                            Some(typed) => typed,
                            None => return,
                        }
                    }
                }
            }
        };
        let local = self.variable(&binding.name, value.ty, binding.mutable);
        steps.push(Step::Set(local, value));
    }

    /// A value that a statement gives to something: also that of a birth, which the statement then asks for.
    pub(super) fn value_of(&mut self, value: &Expr, expected: Option<Scalar>, steps: &mut Vec<Step>) -> Checked {
        match &value.kind {
            ExprKind::Spawn(birth) => self.spawn(birth, true, value.span, steps).map_or(Checked::Error, Checked::Typed),
            _ => self.check(value, expected),
        }
    }

    /// `{ let a = x  a + 1 }` as a value.
    pub(super) fn block(&mut self, lets: &[Stmt], value: &Expr, expected: Option<Scalar>) -> Checked {
        let outer = self.scope.len();
        let mut steps = Vec::new();
        for stmt in lets {
            match &stmt.kind {
                StmtKind::Let(bindings) => bindings.iter().for_each(|binding| self.binding(binding, &mut steps)),
                _ => {
                    let error = Diagnostic::error(codes::E0514, stmt.span, "a value is made of `let`s and one value");
                    self.diagnostics.push(error.help("use the statement form, outside of the value"));
                }
            }
        }
        let value = self.check(value, expected);
        self.close_scope(outer);
        match value {
            Checked::Typed(typed) if !steps.is_empty() => {
                Checked::Typed(Typed { ty: typed.ty, kind: Kind::Block(steps, Box::new(typed)) })
            }
            value => value,
        }
    }
}
