//! Checking what is about finished states: signals and their reductions, `ensure`, `until`, `record`.

use diptych_protocol::body::{Binary, Compare};
use diptych_protocol::program::{Reduce, Span};
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::{Global, Meaning};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, Fold, Query};
use crate::types::expressions::Checker;
use crate::types::rules::{Named, Rule, TurnInfo};
use crate::types::states::Memory;
use crate::types::typed::{Checked, Kind, Turn, Typed};
use crate::types::world::said_twice;
use crate::types::{Ensure, Model, Origin, Record, Reduction, Signal};

/// How far signals may lean on signals further down in the text.
const LEANING_MAX: usize = 64;

/// How far a signal is.
#[derive(Clone, Debug)]
pub(super) enum SignalState {
    New,
    /// Being checked, as the so-manieth of a chain.
    Open(usize),
    Done(Option<Type>),
}

impl<'a> Checker<'a, '_> {
    /// All outputs, once groups and owners are known.
    pub(super) fn outputs(&mut self, model: &mut Model<'a>) {
        std::mem::swap(&mut self.model, model);
        let names = self.names;
        self.rule = Some(Rule::default());
        for at in 0..names.signals.len() {
            self.signal_type(at);
        }
        self.late_inputs();
        for ensure in &names.ensures {
            self.ensure(ensure);
        }
        let settings = names.run.map_or(&[][..], |run| &run.settings);
        if let Some(setting) = settings.iter().find(|setting| setting.name.text == "until") {
            let condition = self.truth(&setting.value, "`until`");
            self.model.until = condition.map(|condition| self.anonymous("until", setting.value.span, condition));
        }
        for record in &names.records {
            self.record(record);
        }
        self.rule = None;
        std::mem::swap(&mut self.model, model);
    }

    /// The type of a signal, which is checked if it was not yet.
    pub(super) fn signal_type(&mut self, at: usize) -> Option<Type> {
        let depth = self.signals.iter().filter(|state| matches!(state, SignalState::Open(_))).count();
        match self.signals[at].clone() {
            SignalState::Done(ty) => return ty,
            SignalState::Open(_) => {
                let mut ring: Vec<(usize, usize)> = (self.signals.iter().enumerate())
                    .filter_map(|(it, state)| match state {
                        SignalState::Open(order) => Some((*order, it)),
                        _ => None,
                    })
                    .collect();
                ring.sort_unstable();
                let from = ring.iter().position(|(_, it)| *it == at).unwrap_or(0);
                let name = |it: usize| format!("`{}`", self.names.signals[it].name().text);
                let shown: Vec<String> = ring[from..].iter().map(|(_, it)| name(*it)).chain([name(at)]).collect();
                let message = format!("signals need each other: {}", shown.join(" needs "));
                let error = Diagnostic::error(codes::E0203, self.names.signals[at].name().span, message);
                self.diagnostics.push(
                    error.help(
                        "give one of them a value that needs none of the others, or what it was: `delay(x, 0.0)`",
                    ),
                );
                return None;
            }
            SignalState::New if depth >= LEANING_MAX => {
                let message = format!("more than {LEANING_MAX} signals lean on signals further down");
                let error = Diagnostic::error(codes::E0106, self.names.signals[at].name().span, message);
                self.diagnostics.push(error.help("write them in the order in which they are computed"));
                self.signals[at] = SignalState::Done(None);
                return None;
            }
            SignalState::New => {}
        }
        self.signals[at] = SignalState::Open(depth);
        let global = self.names.signals[at];
        let name = global.name();
        // It may be asked for from within a reduction or a function: it is a value of its own.
        let rule = self.rule.replace(Rule::default());
        let floor = self.floor.replace(self.scope.len());
        let inlining = std::mem::take(&mut self.inlining);
        let memory = self.memory.replace(Memory { owner: name.text.clone(), rows: None });
        let value = match global {
            Global::Signal(signal) if signal.event => self.truth(&signal.value, "when an event happens"),
            Global::Signal(signal) => self.single(&signal.value, None),
            Global::Bus(bus) => self.bus_of_model(bus),
        };
        self.memory = memory;
        self.inlining = inlining;
        self.floor = floor;
        self.rule = rule;
        let ty = value.as_ref().map(|value| value.ty);
        self.signals[at] = SignalState::Done(ty);
        if let Some(value) = value {
            let (name, span, bus) = (name.text.clone(), name.span, matches!(global, Global::Bus(_)));
            self.model.signals.push(Signal { name, span, number: Some(at), bus, value });
        }
        ty
    }

    /// A value of each state that has no name.
    fn anonymous(&mut self, name: &str, span: Span, value: Typed) -> usize {
        self.model.signals.push(Signal { name: name.into(), span, number: None, bus: false, value });
        self.model.signals.len() - 1
    }

    fn ensure(&mut self, ensure: &ast::Ensure) {
        let Some(condition) = self.truth(&ensure.condition, "what is ensured") else { return };
        let sides = match &ensure.condition.kind {
            ExprKind::Binary(op, _, a, b) if comparison(*op) => {
                // They compiled as parts of the whole: literals take the type that they have alone.
                let mut quiet = crate::diagnostic::Diagnostics::default();
                std::mem::swap(self.diagnostics, &mut quiet);
                let sides = self.single(a, Some(Scalar::F64)).zip(self.single(b, Some(Scalar::F64)));
                std::mem::swap(self.diagnostics, &mut quiet);
                sides.filter(|(a, b)| a.ty.lanes == 1 && b.ty.lanes == 1)
            }
            _ => None,
        };
        let text = ensure.text.text.clone();
        let holds = self.anonymous(&text, ensure.span, condition);
        let sides = sides.map(|(a, b)| (self.anonymous(&text, ensure.span, a), self.anonymous(&text, ensure.span, b)));
        self.model.ensures.push(Ensure { text, holds, sides, span: ensure.span });
    }

    fn record(&mut self, record: &'a ast::Record) {
        let wrong = |span, message: String| Diagnostic::error(codes::E0415, span, message);
        let most = u64::from(u32::MAX);
        let every =
            record.every.as_ref().map(|every| self.integer(every, "the step of a record", 1..=most, codes::E0415));
        let path = record.path.text.as_str();
        if !path.ends_with(".csv") {
            let error = wrong(record.path.span, format!("`{path}`: records are written as CSV files"));
            self.diagnostics.push(error.help("let the name end in `.csv`"));
        }
        if let Some(first) = self.model.records.iter().find(|first| first.path == path) {
            let error = wrong(record.path.span, format!("two records write `{path}`")).label(first.span, "the first");
            self.diagnostics.push(error.help("give each a file of its own"));
        }
        if record.columns.is_empty() {
            let error = wrong(record.span, "a record without columns".into());
            self.diagnostics.push(error.help("name signals between its braces, or values: `{ mean = mean(g: X) }`"));
        }
        let mut columns: Vec<(String, usize)> = Vec::new();
        for (at, column) in record.columns.iter().enumerate() {
            let name = &column.name;
            let twice = record.columns[..at].iter().find(|other| other.name.text == name.text);
            if let Some(first) = twice {
                self.diagnostics.push(said_twice(&name.text, first.name.span, name.span));
                continue;
            }
            if ["frame", "time"].contains(&name.text.as_str()) && column.value.is_none() {
                let error = wrong(name.span, format!("every record begins with `{}`", name.text));
                self.diagnostics.push(error.help("leave it out"));
                continue;
            }
            let value = match (&column.value, self.names.meaning(&name.text)) {
                (Some(value), _) => self.single(value, None),
                (None, Some(Meaning::Signal(_))) => {
                    let expr = Expr { kind: ExprKind::Name(name.text.clone()), span: name.span, depth: 1 };
                    self.single(&expr, None)
                }
                (None, _) => {
                    let signals = self.names.all(|meaning| matches!(meaning, Meaning::Signal(_)));
                    let hint = crate::diagnostic::did_you_mean(&name.text, signals);
                    let error =
                        Diagnostic::error(codes::E0201, name.span, format!("there is no signal `{}`", name.text));
                    let value = format!("for a value of its own write `{} = ...`", name.text);
                    self.diagnostics.push(error.help(hint.unwrap_or(value)));
                    None
                }
            };
            if let Some(value) = value {
                let signal = self.anonymous(&name.text, name.span, value);
                columns.push((name.text.clone(), signal));
            }
        }
        let every = match every {
            Some(None) => return,
            Some(Some(every)) => every as u32,
            None => 1,
        };
        self.model.records.push(Record { path: path.to_string(), every, columns, span: record.span });
    }

    /// `mean(boids: Speed)`, `count(people where Health == I)`
    pub(super) fn reduction(&mut self, fold: Fold, span: Span, walk: &ast::Walk, value: Option<&Expr>) -> Checked {
        let (mut parts, mut wrong) = (Vec::new(), false);
        self.readings = 0;
        self.each_walk(walk, |checker, walk| match checker.part(fold, span, walk, value) {
            Some(part) => parts.push(part),
            None => wrong = true,
        });
        let result = if wrong { None } else { self.reduced(fold, span, &parts) };
        result.map_or(Checked::Error, Checked::Typed)
    }

    /// What a reduction is of, of one group.
    fn part(&mut self, fold: Fold, span: Span, walk: &ast::Walk, value: Option<&Expr>) -> Option<Part> {
        let wrong = |span, message: String| Diagnostic::error(codes::E0415, span, message);
        if self.rule.as_ref().is_some_and(|rule| rule.group.is_some()) {
            let error = wrong(span, "a reduction within a reduction".into());
            self.diagnostics.push(error.help("name the inner one: `signal m = mean(...)`, and use it outside"));
            return None;
        }
        let ast::Over::Rows(name, Query::All) = &walk.over else {
            let error = wrong(walk.span, "a reduction is over all rows of a group".into());
            self.diagnostics.push(error.help("say which rows count: `where ...`"));
            return None;
        };
        let group = self.names.group(name, self.diagnostics)?;
        if self.model.groups[group].origin != Origin::Blueprint {
            let message = format!("rows of `{}` do not last to the end of a frame", name.text);
            self.diagnostics.push(wrong(name.span, message));
            return None;
        }
        // Its own values: a function's floor hides what is around, not the rows.
        let floor = self.floor.take();
        let outer = self.scope.len();
        if let Some(variable) = &walk.variable {
            self.turns.push(TurnInfo {
                group: Some(group),
                own: true,
                spatial: false,
                far: None,
                cells: None,
                most: None,
                decided: Vec::new(),
            });
            let turn = Turn(self.turns.len() - 1);
            self.scope.push((variable.text.clone(), Named::Turn(turn)));
        }
        if let Some(rule) = &mut self.rule {
            rule.group = Some(group);
        }
        let part = self.part_of(fold, span, group, walk.filter.as_deref(), value);
        if let Some(rule) = &mut self.rule {
            rule.group = None;
        }
        self.close_scope(outer);
        self.floor = floor;
        part
    }

    fn part_of(
        &mut self,
        fold: Fold,
        span: Span,
        group: usize,
        filter: Option<&Expr>,
        value: Option<&Expr>,
    ) -> Option<Part> {
        let filter = match filter {
            Some(filter) => Some(self.truth(filter, "what follows `where`")?),
            None => None,
        };
        let value = match (fold, value) {
            (Fold::Count, None) => None,
            (Fold::Any | Fold::All, value) => {
                // Some that hold, or none that does not.
                let truth = match value {
                    Some(value) => self.truth(value, "what `any` and `all` ask")?,
                    None => Typed::value(Value::Bool(fold == Fold::Any)),
                };
                let truth = match fold {
                    Fold::Any => truth,
                    _ => Typed::new(truth.ty, Kind::Unary(diptych_protocol::body::Unary::Not, Box::new(truth))),
                };
                let filter = match filter {
                    Some(a) => Typed { ty: truth.ty, kind: Kind::Binary(Binary::And, Box::new(a), Box::new(truth)) },
                    None => truth,
                };
                return Some(Part { group, filter: Some(filter), value: None });
            }
            (Fold::Sum | Fold::Mean | Fold::Min | Fold::Max, Some(value)) => {
                let at = value.span;
                let typed = self.single(value, None)?;
                if typed.ty.scalar == Scalar::Bool || typed.ty.sort != Sort::Plain {
                    let message = format!("`{}` takes numbers, not `{}`", fold.word(), self.type_name(typed.ty));
                    let error = Diagnostic::error(codes::E0302, at, message);
                    self.diagnostics.push(error.help("count instead: `count(G where ...)`"));
                    return None;
                }
                Some(typed)
            }
            (Fold::ArgMin | Fold::ArgMax | Fold::Pick, _) => {
                let message = format!("`{}` is no signal: it gives a row", fold.word());
                self.diagnostics.push(Diagnostic::error(codes::E0415, span, message));
                return None;
            }
            (fold, value) => {
                let (wants, help) = match value {
                    Some(_) => ("takes no value", "say which rows count: `where ...`"),
                    None => ("needs a value a row", "after a colon: `mean(people: Age)`"),
                };
                let message = format!("`{}` {wants}", fold.word());
                self.diagnostics.push(Diagnostic::error(codes::E0303, span, message).help(help));
                return None;
            }
        };
        Some(Part { group, filter, value })
    }

    /// Reductions of all groups of what is gone over, put together in their order.
    fn reduced(&mut self, fold: Fold, span: Span, parts: &[Part]) -> Option<Typed> {
        let count = |checker: &mut Self| checker.total(Reduce::Count, None, parts, span);
        let value = parts.first()?.value.as_ref();
        let Some(value) = value else {
            let count = count(self).converted(Scalar::U32);
            let op = match fold {
                Fold::Any => Compare::Gt,
                Fold::All => Compare::Eq,
                _ => return Some(count),
            };
            let none = Typed { ty: count.ty, kind: Kind::Const(vec![Value::U32(0)]) };
            let kind = Kind::Compare(op, Box::new(count), Box::new(none));
            return Some(Typed { ty: Type::scalar(Scalar::Bool), kind });
        };
        let lanes = value.ty.lanes;
        if let Some(other) = parts.iter().filter_map(|part| part.value.as_ref()).find(|it| it.ty.lanes != lanes) {
            let (first, other) = (self.type_name(value.ty), self.type_name(other.ty));
            let message = format!("of one group this is `{first}`, of another `{other}`");
            self.diagnostics.push(Diagnostic::error(codes::E0301, span, message));
            return None;
        }
        let how = match fold {
            Fold::Sum => Reduce::Sum,
            // The mean of all is no mean of means.
            Fold::Mean if parts.len() > 1 => Reduce::Sum,
            Fold::Mean => Reduce::Mean,
            Fold::Min => Reduce::Min,
            _ => Reduce::Max,
        };
        let mut results: Vec<Typed> = (0..lanes).map(|lane| self.total(how, Some(lane), parts, span)).collect();
        if fold == Fold::Mean && parts.len() > 1 {
            let count = count(self);
            let mean = |sum: Typed| Typed {
                ty: sum.ty,
                kind: Kind::Binary(Binary::Div, Box::new(sum), Box::new(count.clone())),
            };
            results = results.into_iter().map(mean).collect();
        }
        match <[Typed; 1]>::try_from(results) {
            Ok([one]) => Some(one),
            Err(lanes) => {
                let ty = Type::vector(Scalar::F64, lanes.len() as u8);
                Some(Typed { ty, kind: Kind::Vector(lanes) })
            }
        }
    }

    /// One lane of all parts, put together.
    fn total(&mut self, how: Reduce, lane: Option<u8>, parts: &[Part], span: Span) -> Typed {
        let op = match how {
            Reduce::Min => Binary::Min,
            Reduce::Max => Binary::Max,
            _ => Binary::Add,
        };
        let totals = parts.iter().map(|part| {
            let value = part.value.clone().zip(lane).map(|(value, lane)| match value.ty.lanes {
                1 => value,
                _ => Typed::new(Type::scalar(value.ty.scalar), Kind::Lane(Box::new(value), lane)),
            });
            self.reduce(part.group, how, value, part.filter.clone(), span)
        });
        let both = |a: Typed, b: Typed| Typed { ty: a.ty, kind: Kind::Binary(op, Box::new(a), Box::new(b)) };
        totals.reduce(both).unwrap_or(Typed::zero(Type::scalar(Scalar::F64)))
    }

    /// A reduction, or an equal one from before.
    fn reduce(&mut self, group: usize, how: Reduce, value: Option<Typed>, filter: Option<Typed>, span: Span) -> Typed {
        let known = self.model.reductions.iter().position(|reduction| {
            reduction.group == group && reduction.how == how && reduction.value == value && reduction.filter == filter
        });
        let at = known.unwrap_or_else(|| {
            self.model.reductions.push(Reduction { group, how, value, filter, span });
            self.model.reductions.len() - 1
        });
        Typed { ty: Type::scalar(Scalar::F64), kind: Kind::Reduced(at) }
    }
}

/// What is reduced, of one group.
struct Part {
    group: usize,
    filter: Option<Typed>,
    value: Option<Typed>,
}

fn comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    matches!(op, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
}
