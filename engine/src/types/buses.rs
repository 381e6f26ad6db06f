//! Buses: what several publish, put together in their order.
//!
//! | mode | of those that publish |
//! |---|---|
//! | `sum`, `product` | one after another, from the first |
//! | `mean` | their sum by their number |
//! | `min`, `max` | lane by lane; NaN is left out |
//! | `last` | the last one's |
//!
//! The order is that of their `order N` (0 if left out), of equal ones that of the text. Where nobody publishes, it is the
//! bus's default: if it says none, zero (1 of a product).

use diptych_protocol::body::Binary;
use diptych_protocol::graph::NodeKind;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort, Type};

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::syntax::ast::{Adapter, Bus, Expr, ExprKind, Name};
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::rules::{LocalInfo, Named};
use crate::types::states::equations::{binary, like, logic, select, truth};
use crate::types::typed::{Checked, Kind, Local, Note, Step, Typed};

/// How what is published is put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Sum,
    Mean,
    Min,
    Max,
    Product,
    Last,
}

const MODES: [(&str, Mode); 6] = [
    ("sum", Mode::Sum),
    ("mean", Mode::Mean),
    ("min", Mode::Min),
    ("max", Mode::Max),
    ("product", Mode::Product),
    ("last", Mode::Last),
];

/// What somebody publishes, and when; nothing: always.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub value: Typed,
    pub when: Option<Typed>,
}

/// What a bus is, before anybody publishes.
pub(super) struct Meeting {
    pub ty: Type,
    pub mode: Mode,
    pub default: Typed,
}

impl Checker<'_, '_> {
    /// The value of a bus of the whole model.
    pub(super) fn bus_of_model(&mut self, bus: &Bus) -> Option<Typed> {
        let meeting = self.meeting(bus)?;
        if bus.publishers.is_empty() {
            let error =
                Diagnostic::error(codes::E0419, bus.name.span, format!("nobody publishes on `{}`", bus.name.text));
            self.diagnostics.push(error.help("write `{ publish VALUE }` behind it"));
            return None;
        }
        let mut published = self.written_publishers(bus, meeting.ty)?;
        published.sort_by_key(|(order, _)| *order);
        let published: Vec<Published> = published.into_iter().map(|(_, published)| published).collect();
        let together = self.together(&meeting, bus.name.span, &published);
        self.through(together, bus)
    }

    /// What a bus says of itself.
    pub(super) fn meeting(&mut self, bus: &Bus) -> Option<Meeting> {
        let ty = self.single_type(&bus.ty)?;
        let Some((_, mode)) = MODES.iter().find(|(word, _)| *word == bus.mode.text) else {
            let message = format!("a bus is no `{}`", bus.mode.text);
            let hint = did_you_mean(&bus.mode.text, MODES.iter().map(|(word, _)| *word));
            let all = "it is `sum`, `mean`, `min`, `max`, `product` or `last`".to_string();
            self.diagnostics.push(Diagnostic::error(codes::E0419, bus.mode.span, message).help(hint.unwrap_or(all)));
            return None;
        };
        let number = ty.sort == Sort::Plain && ty.scalar != Scalar::Bool;
        if (*mode != Mode::Last && !number) || (*mode == Mode::Mean && !ty.scalar.is_float()) {
            let message = format!("no bus is the `{}` of `{}`", bus.mode.text, self.type_name(ty));
            let error = Diagnostic::error(codes::E0419, bus.mode.span, message);
            self.diagnostics.push(error.help(match number {
                true => "a mean is of floats",
                false => "what is no number is not added up: let the `last` one count",
            }));
            return None;
        }
        let none = Typed::zero(ty);
        let default = match &bus.default {
            Some(default) => {
                let checked = self.check(default, Some(ty.scalar));
                coerce(checked, ty, default.span, "the default of the bus", self.diagnostics)?
            }
            None if *mode == Mode::Product => binary(Binary::Add, &none, &like(&none, 1.0)),
            None => none,
        };
        Some(Meeting { ty, mode: *mode, default })
    }

    /// Those that publish in the braces of the bus, with their orders.
    pub(super) fn written_publishers(&mut self, bus: &Bus, ty: Type) -> Option<Vec<(i64, Published)>> {
        let mut all = Some(Vec::new());
        for publisher in &bus.publishers {
            let checked = self.check(&publisher.value, Some(ty.scalar));
            let what = format!("what is published on `{}`", bus.name.text);
            let value = coerce(checked, ty, publisher.value.span, &what, self.diagnostics);
            let when = match &publisher.when {
                Some(when) => {
                    let told = self.truth(when, "what follows `when`");
                    told.map(|told| Some(self.noted(NodeKind::When, when.span, told)))
                }
                None => Some(None),
            };
            let order = self.order_of(publisher.order.as_ref());
            match (value, when, order, &mut all) {
                (Some(value), Some(when), Some(order), Some(all)) => {
                    let value = self.noted(NodeKind::Publisher, publisher.value.span, value);
                    all.push((order, Published { value, when }));
                }
                _ => all = None,
            }
        }
        all
    }

    /// `order N`: a constant, 0 if left out.
    pub(super) fn order_of(&mut self, order: Option<&Expr>) -> Option<i64> {
        let Some(order) = order else { return Some(0) };
        // Whatever is wrong with it, this is what it must be.
        let mut quiet = Diagnostics::default();
        std::mem::swap(self.diagnostics, &mut quiet);
        let checked = self.check(order, Some(Scalar::I32));
        std::mem::swap(self.diagnostics, &mut quiet);
        let known = match checked {
            Checked::Int(order) => i32::try_from(order).ok().map(i64::from),
            Checked::Typed(typed) if typed.ty.scalar.is_integer() => typed.scalar().map(|value| value.as_f64() as i64),
            _ => None,
        };
        if known.is_none() {
            let error = Diagnostic::error(codes::E0419, order.span, "the order of a publisher is an integer constant");
            self.diagnostics.push(error.help("lower ones come first: `order -1`, `order 10`; without one it is 0"));
        }
        known
    }

    /// What was put together, through the adapters of the bus.
    pub(super) fn through(&mut self, together: Typed, bus: &Bus) -> Option<Typed> {
        let ty = together.ty;
        let mut value = Checked::Typed(together);
        for adapter in &bus.adapters {
            value = self.adapted(value, adapter, adapter.span, Some(ty.scalar));
        }
        let span = bus.adapters.last().map_or(bus.name.span, |adapter| adapter.span);
        coerce(value, ty, span, &format!("what comes out of `{}`", bus.name.text), self.diagnostics)
    }

    /// `value |> f(b)`: `f(value, b)`.
    pub(super) fn adapted(
        &mut self,
        value: Checked,
        adapter: &Adapter,
        span: Span,
        expected: Option<Scalar>,
    ) -> Checked {
        if matches!(value, Checked::Error) {
            return value;
        }
        // No text has a name like this.
        const COMING_IN: &str = "|>";
        let at = adapter.name.span;
        let first = Expr { kind: ExprKind::Name(COMING_IN.into()), span: at, depth: 1 };
        let arguments: Vec<Expr> = std::iter::once(first).chain(adapter.arguments.iter().cloned()).collect();
        let outer = self.scope.len();
        self.scope.push((COMING_IN.into(), Named::Known(value)));
        let name = Name { text: adapter.name.text.clone(), span: at };
        let value = self.call(&name, &arguments, span, expected);
        self.scope.truncate(outer);
        match value {
            Checked::Typed(value) => Checked::Typed(self.noted(NodeKind::Adapter, adapter.span, value)),
            value => value,
        }
    }

    /// A value of the graph of quantities, noted so that people can ask for it; of rows it is just the value.
    fn noted(&self, kind: NodeKind, span: Span, value: Typed) -> Typed {
        let of_model = self.memory.as_ref().is_some_and(|memory| memory.rows.is_none());
        if !of_model {
            return value;
        }
        Typed { ty: value.ty, kind: Kind::Noted(Note { kind, span }, Box::new(value)) }
    }
}

impl Checker<'_, '_> {
    /// What is published, put together in this order. Each is looked at once: what has come together so far stands in
    /// variables.
    pub(super) fn together(&mut self, meeting: &Meeting, span: Span, published: &[Published]) -> Typed {
        let mut steps = Vec::new();
        let mut set = |checker: &mut Self, value: Typed| {
            let (local, ty) = (Local(checker.locals.len()), value.ty);
            let name = "what is published".to_string();
            checker.locals.push(LocalInfo { name, span, ty, mutable: false, used: true });
            steps.push(Step::Set(local, value));
            Typed { ty, kind: Kind::Local(local) }
        };
        let (zero, one) = (like(&meeting.default, 0.0), like(&meeting.default, 1.0));
        let mut all: Option<Typed> = None;
        let mut count = zero.clone();
        // Whether anybody has published so far; nothing: somebody always does.
        let mut any: Option<Typed> = Some(truth(false));
        for Published { value, when } in published {
            let value = set(self, value.clone());
            let when = when.clone().map(|when| set(self, when));
            let more = match (&all, &any) {
                (None, _) => value,
                (Some(all), None) => meeting.both(all, &value),
                (Some(all), Some(any)) => select(any.clone(), meeting.both(all, &value), value),
            };
            let more = match (&when, all) {
                (Some(when), Some(all)) => select(when.clone(), more, all),
                _ => more,
            };
            all = Some(set(self, more));
            if meeting.mode == Mode::Mean {
                let one = when.clone().map_or(one.clone(), |when| select(when, one.clone(), zero.clone()));
                count = set(self, binary(Binary::Add, &count, &one));
            }
            any = any.zip(when).map(|(any, when)| set(self, logic(Binary::Or, &any, &when)));
        }
        let Some(mut all) = all else { return meeting.default.clone() };
        if meeting.mode == Mode::Mean {
            all = binary(Binary::Div, &all, &count);
        }
        if let Some(any) = any {
            all = select(any, all, meeting.default.clone());
        }
        Typed { ty: meeting.ty, kind: Kind::Block(steps, Box::new(all)) }
    }
}

impl Meeting {
    fn both(&self, a: &Typed, b: &Typed) -> Typed {
        match self.mode {
            Mode::Sum | Mode::Mean => binary(Binary::Add, a, b),
            Mode::Min => binary(Binary::Min, a, b),
            Mode::Max => binary(Binary::Max, a, b),
            Mode::Product => binary(Binary::Mul, a, b),
            Mode::Last => b.clone(),
        }
    }
}
