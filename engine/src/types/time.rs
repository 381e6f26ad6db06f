//! Functions of time. All are made of the number of the state, not of sums of time steps: nothing drifts, and whoever asks
//! gets the same.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::resolve::{Global, Meaning};
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::types::expressions::Checker;
use crate::types::states::equations::{binary, compare, fraction, not, select, truth};
use crate::types::typed::{Checked, Kind, Typed};

impl Checker<'_, '_> {
    /// Whether this is the first state of a field that remembers, of rows that are all there from the first state on.
    pub(super) fn begins(&self) -> bool {
        let rows = self.memory.as_ref().and_then(|memory| memory.rows.as_ref());
        rows.is_some_and(|rows| rows.first && self.model.groups[rows.group].first.is_none())
    }

    /// Whether what is checked is of the state that a frame makes, not of that which it starts from: a fresh field.
    fn is_of_next(&self) -> bool {
        self.subject.as_ref().is_some_and(|subject| subject.fresh.is_some())
    }

    /// The number of the state.
    pub(super) fn frame(&self) -> Typed {
        let frame = Typed { ty: Type::scalar(Scalar::U32), kind: Kind::Frame };
        match (self.begins(), self.is_of_next()) {
            (true, _) => Typed::value(Value::U32(0)),
            (_, true) => binary(Binary::Add, &frame, &Typed::value(Value::U32(1))),
            _ => frame,
        }
    }

    /// The time of the state.
    pub(super) fn time(&self) -> Typed {
        let f64 = Type::scalar(Scalar::F64);
        match (self.begins(), self.is_of_next()) {
            (true, _) => Typed::value(Value::F64(0.0)),
            (_, true) => {
                let cycle = self.model.run.cycle;
                let frame = match cycle {
                    0 => self.frame(),
                    _ => binary(Binary::Rem, &self.frame(), &Typed::value(Value::U32(cycle))),
                };
                let frame = Typed::new(f64, Kind::Convert(Box::new(frame)));
                binary(Binary::Mul, &frame, &Typed::value(Value::F64(self.model.run.dt)))
            }
            _ => Typed { ty: f64, kind: Kind::Time },
        }
    }

    /// `on EVENT`: whether it happens.
    pub(super) fn happening(&mut self, event: &Expr) -> Checked {
        let ExprKind::Name(name) = &event.kind else { return Checked::Error };
        let is_event = |meaning| match meaning {
            Meaning::Signal(at) => matches!(self.names.signals[at], Global::Signal(signal) if signal.event),
            Meaning::Field(at) => self.names.fields[at].event,
            _ => false,
        };
        let meaning = self.names.meaning(name).filter(|_| self.named(name).is_none());
        if meaning.is_some_and(is_event) {
            return self.check(event, None);
        }
        let error = match meaning.is_some() || self.named(name).is_some() {
            true => Diagnostic::error(codes::E0204, event.span, format!("`{name}` is no event")).help(
                "say when one happens, `event NAME when ...`; while something is true: `where ...`, `if ... { }`",
            ),
            false => {
                let hint = did_you_mean(name, self.names.all(is_event));
                Diagnostic::error(codes::E0201, event.span, format!("there is no event `{name}`")).maybe_help(hint)
            }
        };
        self.error(error)
    }

    /// `every K`: whether the number of the state is a multiple of K.
    pub(super) fn each(&mut self, step: &Expr, word: &Name) -> Checked {
        if !self.knows_time() {
            return self.outside_system("`every`", word.span);
        }
        let checked = match self.check(step, Some(Scalar::U32)) {
            Checked::Error => return Checked::Error,
            Checked::Int(step) => u32::try_from(step).ok().map(|step| Typed::value(Value::U32(step))),
            Checked::Typed(typed) if typed.ty.lanes == 1 && typed.ty.scalar.is_integer() => {
                (typed.ty.sort == Sort::Plain).then(|| typed.converted(Scalar::U32))
            }
            _ => None,
        };
        match checked.filter(|step| step.scalar() != Some(Value::U32(0))) {
            Some(step) => {
                let frame = self.frame();
                let rest = binary(Binary::Rem, &frame, &step);
                Checked::Typed(compare(Compare::Eq, &rest, &Typed::value(Value::U32(0))))
            }
            None => {
                let error =
                    Diagnostic::error(codes::E0401, step.span, "`every` takes a number of frames, an integer above 0");
                self.error(error.help("`every 12`; in units of time: `pulse(2.5)`"))
            }
        }
    }

    /// `phase(P)`, `cycle(P)`, `pulse(P)`, `pulse(P, SHARE)`: where a state is in periods of so much time; without P in cycles
    /// of the run.
    pub(super) fn of_time(&mut self, name: &Name, arguments: &[Expr]) -> Checked {
        if !self.knows_time() {
            return self.outside_system(&format!("`{}`", name.text), name.span);
        }
        let most = if name.text == "pulse" { 2 } else { 1 };
        if arguments.len() > most {
            return self.wrong_count(name, most, arguments.len());
        }
        let (cycle, dt) = (self.model.run.cycle, self.model.run.dt);
        let periods = match arguments.first() {
            Some(period) => {
                let Some(typed) = self.single(period, Some(Scalar::F64)) else { return Checked::Error };
                let known = typed.scalar().map(Value::as_f64);
                if typed.ty != Type::scalar(typed.ty.scalar)
                    || typed.ty.scalar == Scalar::Bool
                    || known.is_some_and(|period| period.is_nan() || period <= 0.0)
                {
                    let message = format!("`{}` takes a period of time, a number above 0", name.text);
                    return self.error(Diagnostic::error(codes::E0302, period.span, message));
                }
                match known.and_then(|period| whole(period / dt)) {
                    Some(frames) => Periods::Frames(frames),
                    None => Periods::Time(dt, typed.converted(Scalar::F64)),
                }
            }
            None if cycle > 0 => Periods::Frames(cycle),
            None => {
                let error = Diagnostic::error(codes::E0303, name.span, format!("`{}` of which period?", name.text));
                return self.error(error.help("say it, `phase(365)`, or give time a cycle: `run { cycle = 365 }`"));
            }
        };
        let frame = self.frame();
        let value = match (name.text.as_str(), arguments.get(1)) {
            ("phase", _) => periods.phase(&frame),
            ("cycle", _) => periods.number(&frame),
            (_, None) => {
                // The first state of a period: another one than that before it.
                let one = Typed::value(Value::U32(1));
                let before = periods.number(&binary(Binary::Sub, &frame, &one));
                let first = compare(Compare::Eq, &frame, &Typed::value(Value::U32(0)));
                let same = compare(Compare::Eq, &periods.number(&frame), &before);
                select(first, truth(true), not(&same))
            }
            (_, Some(share)) => {
                let Some(typed) = self.single(share, Some(Scalar::F64)) else { return Checked::Error };
                let outside = |share: f64| !(0.0..=1.0).contains(&share);
                if typed.ty.lanes > 1
                    || !typed.ty.scalar.is_float()
                    || typed.scalar().is_some_and(|share| outside(share.as_f64()))
                {
                    let message = "the share of a period is a float of 0 to 1";
                    return self.error(Diagnostic::error(codes::E0302, share.span, message));
                }
                compare(Compare::Lt, &periods.phase(&frame), &typed.converted(Scalar::F64))
            }
        };
        Checked::Typed(value)
    }
}

/// A whole number, if this is one but for what a division rounds.
fn whole(frames: f64) -> Option<u32> {
    let near = frames.round();
    let same = (frames - near).abs() <= near * 1e-12;
    (same && (1.0..f64::from(u32::MAX)).contains(&near)).then_some(near as u32)
}

/// What time is counted in.
enum Periods {
    /// So much time, with the time step.
    Time(f64, Typed),
    /// So many frames.
    Frames(u32),
}

impl Periods {
    /// Which part of the one that a state is in has passed. Of whole frames without a rounding but the quotient's: so a pulse
    /// is as long in each period.
    fn phase(&self, frame: &Typed) -> Typed {
        match self {
            Periods::Frames(frames) => {
                let within = wide(&binary(Binary::Rem, frame, &Typed::value(Value::U32(*frames))));
                binary(Binary::Div, &within, &Typed::value(Value::F64(f64::from(*frames))))
            }
            Periods::Time(dt, period) => fraction(&passed(frame, *dt, period)),
        }
    }

    /// How many have passed before a state.
    fn number(&self, frame: &Typed) -> Typed {
        match self {
            Periods::Frames(frames) => binary(Binary::Div, frame, &Typed::value(Value::U32(*frames))),
            Periods::Time(dt, period) => {
                let passed = passed(frame, *dt, period);
                let whole = Typed::new(passed.ty, Kind::Unary(Unary::Floor, Box::new(passed)));
                Typed::new(Type::scalar(Scalar::U32), Kind::Convert(Box::new(whole)))
            }
        }
    }
}

/// A number of a state, as a float.
fn wide(frame: &Typed) -> Typed {
    Typed::new(Type::scalar(Scalar::F64), Kind::Convert(Box::new(frame.clone())))
}

/// How many periods of time have passed before a state, with the part of the one that it is in.
fn passed(frame: &Typed, dt: f64, period: &Typed) -> Typed {
    binary(Binary::Div, &binary(Binary::Mul, &wide(frame), &Typed::value(Value::F64(dt))), period)
}
