//! Fields: a value a row, of each state.
//!
//! A field is lazy: whoever reads it computes it, from what the row has in the state that is read. So it costs nothing where
//! nobody reads it, and no memory. Its expression is checked anew at each place that names it, as if it stood there.
//!
//! A field that remembers (see [`super::states`]) is *made*: what its blocks keep, and its value, are columns of its own, and a
//! system of its own moves them on, once a frame, from the fresh values of the row. A row's first state is its blueprint's to
//! make; where that cannot be known (signals, other rows, loops), the row has zeros until its first frame, which is then the
//! first state of its blocks.

use std::collections::BTreeSet;

use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::ast::Name;
use crate::types::calls::CALLS_MAX;
use crate::types::expressions::{Checker, RowMember};
use crate::types::rows::Segment;
use crate::types::rules::{LocalInfo, Rule, RuleBody};
use crate::types::shapes::Shape;
use crate::types::states::{self, Memory, Rows};
use crate::types::typed::{Checked, Kind, Local, Step, Typed, Whose};
use crate::types::{Member, Model, Origin, Place, Role, State, System};

/// How deep fields are made of fields.
const FIELDS_DEEP: usize = 32;

/// A field, for people.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Field {
    pub name: String,
    pub group: usize,
    pub span: Span,
    /// Of one that is made its members, its own value first.
    pub made: Vec<Place>,
    /// Systems, and what is measured.
    pub readers: BTreeSet<String>,
}

/// How far a field is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FieldState {
    New,
    Open,
    /// Computed where it is read.
    Lazy,
    /// A component of its group.
    Made,
    /// Told already.
    Wrong,
}

/// The row that bare names of components mean, where it is not simply the own one of `prev`.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub group: usize,
    pub whose: Whose,
    /// Where `fresh` stands: then what has an owner is read fresh.
    pub fresh: Option<Span>,
}

impl<'a> Checker<'a, '_> {
    /// All fields, once it is known who owns what.
    pub(super) fn all_fields(&mut self, model: &mut Model<'a>) {
        std::mem::swap(&mut self.model, model);
        for at in 0..self.names.fields.len() {
            self.field_state(at);
        }
        std::mem::swap(&mut self.model, model);
    }

    /// Warns of those that nobody reads. One that is made may be meant for those who look on.
    pub(super) fn unused_fields(&mut self, model: &Model<'_>) {
        for field in model.fields.iter().filter(|field| field.readers.is_empty() && field.made.is_empty()) {
            let message = format!("nothing reads field `{}`", field.name);
            self.diagnostics.push(Diagnostic::warning(codes::W0107, field.span, message));
        }
    }

    /// Notes that a field is read here.
    fn field_is_read(&mut self, at: usize) {
        // Not where it is only looked whether it makes sense.
        let reader = match (&self.rule, self.fields_open.last()) {
            (_, Some(field)) => format!("field {}", self.names.fields[*field].name.text),
            (Some(Rule { system: Some(system), .. }), None) => match self.model.systems.get(*system) {
                Some(system) => system.name.to_string(),
                None => return,
            },
            _ => "what is measured".to_string(),
        };
        let span = self.names.fields[at].name.span;
        self.model.fields.iter_mut().filter(|field| field.span == span).for_each(|field| {
            field.readers.insert(reader.clone());
        });
    }

    /// How far a field is; it is checked if it was not yet.
    fn field_state(&mut self, at: usize) -> FieldState {
        let field = self.names.fields[at];
        match self.fields[at] {
            FieldState::New if self.fields_open.len() >= FIELDS_DEEP => {
                self.too_deep(at);
                return FieldState::Wrong;
            }
            FieldState::New => {}
            FieldState::Open => {
                let open = self.fields_open.iter().map(|at| self.names.fields[*at].name.text.as_str());
                let ring: Vec<String> =
                    open.chain([field.name.text.as_str()]).map(|name| format!("`{name}`")).collect();
                let from = ring.iter().position(|name| Some(name) == ring.last()).unwrap_or(0);
                let message = format!("fields need each other: {}", ring[from..].join(" needs "));
                let error = Diagnostic::error(codes::E0203, field.name.span, message);
                self.diagnostics.push(error.help("give one of them a value that needs none of the others"));
                return FieldState::Wrong;
            }
            known => return known,
        }
        self.fields[at] = FieldState::Open;
        self.fields_open.push(at);
        // It may be asked for from within a body: it is checked by itself.
        let (rule, memory) = (self.rule.take(), self.memory.take());
        let (row, group) = (self.row.take(), self.group.take());
        let calls = std::mem::take(&mut self.calls);
        // What it is made of comes first: circles are told there, and columns stand behind those that they are made of.
        let parts = crate::resolve::fields_of(self.names, &field.value);
        let known: Vec<FieldState> = parts.into_iter().map(|part| self.field_state(part)).collect();
        let made = if known.contains(&FieldState::Wrong) { None } else { self.checked_field(at) };
        (self.rule, self.memory, self.row, self.group) = (rule, memory, row, group);
        self.calls = calls;
        self.fields_open.pop();
        self.fields[at] = made.unwrap_or(FieldState::Wrong);
        self.fields[at]
    }

    fn checked_field(&mut self, at: usize) -> Option<FieldState> {
        let field = self.names.fields[at];
        let group = self.names.group(&field.group, self.diagnostics)?;
        if self.model.groups[group].origin != Origin::Blueprint {
            let message = format!("rows of `{}` are made anew each frame: they have no fields", field.group.text);
            self.diagnostics.push(Diagnostic::error(codes::E0509, field.group.span, message));
            return None;
        }
        let (name, span) = (field.name.text.clone(), field.name.span);
        self.model.fields.push(Field { name, group, span, made: Vec::new(), readers: BTreeSet::new() });
        let blocks = crate::resolve::called(self.names, &field.value);
        if blocks.iter().any(|name| states::is_block(name)) {
            return self.made(at, group);
        }
        self.rule = Some(Rule { system: Some(usize::MAX), group: Some(group), ..Rule::default() });
        self.field_value(at, None)?;
        Some(FieldState::Lazy)
    }

    /// The value of a field, as if it stood here.
    fn field_value(&mut self, at: usize, subject: Option<Subject>) -> Option<Typed> {
        let field = self.names.fields[at];
        self.calls += 1;
        if self.in_fields >= FIELDS_DEEP || self.calls > CALLS_MAX {
            self.too_deep(at);
            return None;
        }
        self.about(subject, |checker| match field.event {
            true => checker.truth(&field.value, "when an event happens"),
            false => checker.single(&field.value, None),
        })
    }

    fn too_deep(&mut self, at: usize) {
        if self.calls > CALLS_MAX + 1 {
            return; // Told.
        }
        let message = match self.calls > CALLS_MAX {
            true => format!("more than {CALLS_MAX} fields and calls in one body, those within others counted"),
            false => format!("fields are made of fields deeper than {FIELDS_DEEP}"),
        };
        let error = Diagnostic::error(codes::E0312, self.names.fields[at].name.span, message);
        self.diagnostics.push(error.help("let a system keep one of them in a component"));
    }

    /// Checks something about a row by itself: nothing but the row is known. Without a subject it is the own row.
    pub(super) fn about<T>(&mut self, subject: Option<Subject>, check: impl FnOnce(&mut Self) -> T) -> T {
        let subject = std::mem::replace(&mut self.subject, subject);
        let scope = std::mem::take(&mut self.scope);
        let (floor, inlining) = (self.floor.take(), std::mem::take(&mut self.inlining));
        self.in_fields += 1;
        let value = check(self);
        self.in_fields -= 1;
        (self.subject, self.scope, self.floor, self.inlining) = (subject, scope, floor, inlining);
        value
    }

    /// Makes a field that remembers: its columns, and the system that moves them on.
    fn made(&mut self, at: usize, group: usize) -> Option<FieldState> {
        let field = self.names.fields[at];
        let (name, span) = (&field.name.text, field.name.span);
        let keys = self.keys.clone();
        let mut rows = Rows { group, first: true, begun: None, members: Vec::new(), met: 0 };
        let first = self.first_value(at, &mut rows);
        if first.is_none() {
            let begun = self.keeper(group, &format!("{name} has begun"), Type::scalar(Scalar::Bool), span);
            rows.begun = Some(begun);
        }
        self.keys = keys;
        let system = self.model.systems.len();
        self.rule = Some(Rule { system: Some(system), group: Some(group), ..Rule::default() });
        (rows.first, rows.met) = (false, 0);
        let states = self.model.states.len();
        self.memory = Some(Memory { owner: name.clone(), rows: Some(rows) });
        let value = self.field_value(at, Some(Subject { group, whose: Whose::Own, fresh: Some(span) }));
        let rows = self.memory.take()?.rows?;
        let rule = self.rule.take()?;
        let value = value?;
        let (ty, mut kept) = (value.ty, Vec::new());
        for state in states..self.model.states.len() {
            let State { place, keep, .. } = &self.model.states[state];
            kept.extend(place.map(|place| (place.member, keep.clone())));
        }
        kept.extend(rows.begun.map(|begun| (begun, Typed::value(Value::Bool(true)))));
        // What comes out of the block is often what it keeps: then that is the field.
        let same = match value.kind {
            Kind::State(state) if self.model.states[state].out == self.model.states[state].keep => {
                self.model.states[state].place
            }
            _ => None,
        };
        let whole = match same {
            Some(place) => place.member,
            None => {
                let member = self.keeper(group, name, ty, span);
                self.model.groups[group].members[member].value = Some(first.unwrap_or_else(|| Typed::zero(ty)));
                kept.push((member, value));
                member
            }
        };
        let members = &mut self.model.groups[group].members;
        (members[whole].name, members[whole].component) = (name.clone(), name.clone());
        self.shapes.insert(name.clone(), Shape::Leaf(ty));
        let members = std::iter::once(whole).chain(kept.iter().map(|(member, _)| *member).filter(|it| *it != whole));
        let made: Vec<Place> = members.map(|member| Place { group, member }).collect();
        self.model.fields.iter_mut().filter(|field| field.span == span).for_each(|field| field.made.clone_from(&made));
        // The value comes first: variables of its blocks go into what these keep.
        if same.is_none() {
            kept.rotate_right(1);
        }
        self.mover(at, (system, group), rule, kept);
        Some(FieldState::Made)
    }

    /// The system that moves on what a field keeps: each of these members gets its value, in this order.
    fn mover(&mut self, at: usize, (system, group): (usize, usize), mut rule: Rule, kept: Vec<(usize, Typed)>) {
        let field = self.names.fields[at];
        let (name, span) = (&field.name.text, field.name.span);
        let (mut steps, mut stores, mut marks) = (std::mem::take(&mut rule.first), Vec::new(), Vec::new());
        for (member, value) in kept {
            self.model.groups[group].members[member].owner = Some((system, span));
            let mut set = |value: Typed| {
                let local = Local(self.locals.len());
                self.locals.push(LocalInfo { name: name.clone(), span, ty: value.ty, mutable: true, used: true });
                steps.push(Step::Set(local, value));
                local
            };
            let (local, mark) = (set(value), set(Typed::value(Value::Bool(true))));
            stores.push((Place { group, member }, local, span));
            marks.push((Place { group, member }, mark));
        }
        self.model.systems.push(System {
            name,
            span,
            group,
            kernel: None,
            owns: stores.iter().map(|(place, ..)| *place).collect(),
            reads: rule.reads,
            indexes: rule.indexes,
            inverses: rule.inverses,
            matchings: rule.matchings,
            constants: Vec::new(),
            edits: Vec::new(),
            batch_rows: None,
            body: Some(RuleBody {
                steps,
                stores,
                marks,
                published: Vec::new(),
                gains: Vec::new(),
                losses: Vec::new(),
                edits: Vec::new(),
                only: None,
            }),
        });
    }

    /// The field in a row's first state, as its blueprint knows it; nothing where that does not know enough.
    fn first_value(&mut self, at: usize, rows: &mut Rows) -> Option<Typed> {
        let group = rows.group;
        let members = &self.model.groups[group].members;
        let before = members.len();
        let row = members.iter().map(|member| RowMember {
            name: member.name.clone(),
            component: member.component.clone(),
            ty: member.ty,
            used: true,
        });
        self.row = Some(row.collect());
        self.group = self.names.groups.get(group).copied();
        self.memory = Some(Memory { owner: self.names.fields[at].name.text.clone(), rows: Some(rows.clone()) });
        let mut quiet = Diagnostics::default();
        std::mem::swap(self.diagnostics, &mut quiet);
        let value = self.field_value(at, None);
        std::mem::swap(self.diagnostics, &mut quiet);
        (self.row, self.group) = (None, None);
        let made = self.memory.take().and_then(|memory| memory.rows);
        match (value.filter(|_| !quiet.failed()), made) {
            (Some(value), Some(made)) => {
                // Members are made one by one: each has the variables of the whole.
                let steps = variables(&value);
                for member in made.members.iter().filter(|_| !steps.is_empty()) {
                    let member = &mut self.model.groups[group].members[*member];
                    member.value = member.value.take().map(|keep| {
                        let ty = keep.ty;
                        Typed { ty, kind: Kind::Block(steps.clone(), Box::new(keep)) }
                    });
                }
                rows.members = made.members;
                Some(value)
            }
            _ => {
                self.model.groups[group].members.truncate(before);
                None
            }
        }
    }

    /// A member that keeps something of a field.
    pub(super) fn keeper(&mut self, group: usize, name: &str, ty: Type, span: Span) -> usize {
        let members = &mut self.model.groups[group].members;
        members.push(Member {
            name: name.to_string(),
            component: name.to_string(),
            span,
            ty,
            position: false,
            used: true,
            value: Some(Typed::zero(ty)),
            owner: None,
            role: Role::Value,
            presence: None,
            gained: false,
        });
        members.len() - 1
    }

    /// A field by its bare name.
    pub(super) fn field(&mut self, at: usize, span: Span, segments: &[Segment<'_>], fresh: Option<Span>) -> Checked {
        let own = self.own_group().or_else(|| self.group_of_blueprint());
        match self.looked_at(own, fresh) {
            Some(row) => self.field_of(at, row, span, segments),
            None => self.outside(&format!("field `{}`", self.names.fields[at].name.text), span),
        }
    }

    /// The row that a bare name is of, if that is known: the own one, of this group, unless it is said to be another.
    pub(super) fn looked_at(&self, own: Option<usize>, fresh: Option<Span>) -> Option<Subject> {
        match &self.subject {
            Some(subject) => Some(Subject { fresh: fresh.or(subject.fresh), ..subject.clone() }),
            None => Some(Subject { group: own?, whose: Whose::Own, fresh }),
        }
    }

    /// A field of some row.
    pub(super) fn field_of(&mut self, at: usize, row: Subject, span: Span, segments: &[Segment<'_>]) -> Checked {
        let Subject { group, whose, fresh } = row;
        let field = self.names.fields[at];
        if self.model.groups.is_empty() {
            let error =
                Diagnostic::error(codes::E0307, span, format!("field `{}` is of rows that are made", field.name.text));
            return self.error(error.help("a blueprint makes them: write here what the field is made of"));
        }
        let of = match self.names.group(&field.group, self.diagnostics) {
            Some(of) => of,
            None => return Checked::Error,
        };
        if of != group {
            let message = format!("group `{}` has no field `{}`", self.model.groups[group].name, field.name.text);
            let error = Diagnostic::error(codes::E0506, span, message);
            return self.error(error.label(field.name.span, format!("it is one of `{}`", field.group.text)));
        }
        let state = self.field_state(at);
        self.field_is_read(at);
        match state {
            FieldState::Made => {
                let name = Name { text: field.name.text.clone(), span };
                self.component(group, &name, span, segments, whose, fresh)
            }
            FieldState::Lazy => {
                let plain = matches!(whose, Whose::Own) && fresh.is_none();
                let subject = (!plain).then_some(Subject { group, whose, fresh });
                let told = self.diagnostics.count();
                let value = self.field_value(at, subject);
                // What not every reader can have.
                self.diagnostics.label_since(told, span, "read here");
                self.behind(value.map_or(Checked::Error, Checked::Typed), segments, None)
            }
            FieldState::New | FieldState::Open | FieldState::Wrong => Checked::Error,
        }
    }
}

/// The variables that are set within a value, those before which others need.
fn variables(value: &Typed) -> Vec<Step> {
    let mut all: Vec<(usize, Step)> = Vec::new();
    value.clone().visit(&mut |typed| {
        let Kind::Block(steps, _) = &typed.kind else { return };
        all.extend(steps.iter().filter_map(|step| match step {
            Step::Set(local, _) => Some((local.0, step.clone())),
            _ => None,
        }));
    });
    // Each is numbered when what it is set to is known.
    all.sort_by_key(|(local, _)| *local);
    all.into_iter().map(|(_, step)| step).collect()
}
