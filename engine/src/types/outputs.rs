//! Checking what is about finished states: signals, `ensure`, `until`, `record`.

use diptych_protocol::graph::NodeKind;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::{Global, Meaning};
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind};
use crate::types::expressions::Checker;
use crate::types::rules::Rule;
use crate::types::states::Memory;
use crate::types::typed::{Checked, Typed};
use crate::types::world::said_twice;
use crate::types::{Ensure, Model, Record, Signal};

/// How far signals may lean on signals further down in the text.
const LEANING_MAX: usize = 64;

/// How far a signal is.
#[derive(Clone, Debug)]
pub(super) enum SignalState {
    New,
    /// Being checked, as the so-manieth of a chain.
    Open(usize),
    Done(Option<SignalType>),
}

/// What a signal gives.
#[derive(Clone, Debug)]
pub(super) enum SignalType {
    One(Type),
    /// So many of a type: elements that have numbers of their own, beyond those of the names.
    Array(Type, std::ops::Range<usize>),
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
    pub(super) fn signal_type(&mut self, at: usize) -> Option<SignalType> {
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
        let (subject, fields) = (self.subject.take(), std::mem::take(&mut self.in_fields));
        let memory = self.memory.replace(Memory { owner: name.text.clone(), rows: None });
        let values = match global {
            Global::Signal(signal) if signal.event => Err(self.truth(&signal.value, "when an event happens")),
            Global::Signal(signal) => match self.check(&signal.value, None) {
                Checked::Array(all) => Ok(all),
                checked => Err(self.alone(checked, &signal.value, None)),
            },
            Global::Bus(bus) => Err(self.bus_of_model(bus)),
            Global::Input(input) => Err(self.input(input)),
        };
        self.memory = memory;
        (self.subject, self.in_fields) = (subject, fields);
        self.inlining = inlining;
        self.floor = floor;
        self.rule = rule;
        let (name, span, kind) = (&name.text, name.span, global.kind());
        let ty = match values {
            Ok(all) => {
                let named = self.model.signals.iter().filter_map(|signal| signal.number).max();
                let first = named.map_or(0, |most| most + 1).max(self.names.signals.len());
                let numbers = first..first + all.len();
                let ty = all.first().map(|value| value.ty);
                let elements = all.into_iter().zip(numbers.clone()).enumerate();
                self.model.signals.extend(elements.map(|(place, (value, number))| Signal {
                    name: element(name, place),
                    span,
                    number: Some(number),
                    kind,
                    value,
                }));
                ty.map(|ty| SignalType::Array(ty, numbers))
            }
            Err(value) => value.map(|value| {
                let ty = value.ty;
                self.model.signals.push(Signal { name: name.clone(), span, number: Some(at), kind, value });
                SignalType::One(ty)
            }),
        };
        self.signals[at] = SignalState::Done(ty.clone());
        ty
    }

    /// A value of each state that has no name.
    fn anonymous(&mut self, name: &str, span: Span, value: Typed) -> usize {
        self.model.signals.push(Signal { name: name.into(), span, number: None, kind: NodeKind::Signal, value });
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
            let expr = match (&column.value, self.names.meaning(&name.text)) {
                (Some(value), _) => value,
                (None, Some(Meaning::Signal(_))) => {
                    &Expr { kind: ExprKind::Name(name.text.clone()), span: name.span, depth: 1 }
                }
                (None, _) => {
                    let signals = self.names.all(|meaning| matches!(meaning, Meaning::Signal(_)));
                    let hint = crate::diagnostic::did_you_mean(&name.text, signals);
                    let error =
                        Diagnostic::error(codes::E0201, name.span, format!("there is no signal `{}`", name.text));
                    let value = format!("for a value of its own write `{} = ...`", name.text);
                    self.diagnostics.push(error.help(hint.unwrap_or(value)));
                    continue;
                }
            };
            let values = match self.check(expr, None) {
                Checked::Array(all) => (0..).zip(all).map(|(at, value)| (element(&name.text, at), value)).collect(),
                checked => Vec::from_iter(self.alone(checked, expr, None).map(|value| (name.text.clone(), value))),
            };
            for (name, value) in values {
                let signal = self.anonymous(&name, column.name.span, value);
                columns.push((name, signal));
            }
        }
        let every = match every {
            Some(None) => return,
            Some(Some(every)) => every as u32,
            None => 1,
        };
        self.model.records.push(Record { path: path.to_string(), every, columns, span: record.span });
    }
}

/// The name of an element of an array.
fn element(name: &str, at: usize) -> String {
    format!("{name}[{at}]")
}

fn comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    matches!(op, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
}
