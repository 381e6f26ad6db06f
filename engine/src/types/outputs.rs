//! Checking what is about finished states: signals, `ensure`, `until`, `record`.

use diptych_protocol::graph::NodeKind;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::Global;
use crate::syntax::ast::{self, BinaryOp, ExprKind};
use crate::types::expressions::Checker;
use crate::types::rules::Rule;
use crate::types::states::Memory;
use crate::types::typed::{Checked, Typed};
use crate::types::{Ensure, Model, Signal};

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
    pub(super) fn anonymous(&mut self, name: &str, span: Span, value: Typed) -> usize {
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
}

/// The name of an element of an array.
pub(super) fn element(name: &str, at: usize) -> String {
    format!("{name}[{at}]")
}

fn comparison(op: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    matches!(op, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
}
