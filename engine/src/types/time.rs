//! Functions of time. All are made of the number of the state, not of sums of time steps: nothing drifts, and whoever asks
//! gets the same.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::{Scalar, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Expr, Name};
use crate::types::expressions::Checker;
use crate::types::states::equations::{binary, compare, fraction, not, select, truth};
use crate::types::typed::{Checked, Kind, Typed};

impl Checker<'_, '_> {
    /// `phase(P)`, `cycle(P)`, `pulse(P)`, `pulse(P, SHARE)`: where a state is in periods of so much time; without P in cycles
    /// of the run.
    pub(super) fn of_time(&mut self, name: &Name, arguments: &[Expr]) -> Checked {
        if self.rule.is_none() {
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
                Periods::Time(dt, typed.converted(Scalar::F64))
            }
            None if cycle > 0 => Periods::Frames(cycle),
            None => {
                let error = Diagnostic::error(codes::E0303, name.span, format!("`{}` of which period?", name.text));
                return self.error(error.help("say it, `phase(365)`, or give time a cycle: `run { cycle = 365 }`"));
            }
        };
        let frame = Typed { ty: Type::scalar(Scalar::U32), kind: Kind::Frame };
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
                if typed.ty.lanes > 1 || !typed.ty.scalar.is_float() {
                    let message = "the share of a period is a float of 0 to 1";
                    return self.error(Diagnostic::error(codes::E0302, share.span, message));
                }
                compare(Compare::Lt, &periods.phase(&frame), &typed.converted(Scalar::F64))
            }
        };
        Checked::Typed(value)
    }
}

/// What time is counted in.
enum Periods {
    /// So much time, with the time step.
    Time(f64, Typed),
    /// So many frames.
    Frames(u32),
}

impl Periods {
    /// How many have passed before a state, with the part of the one that it is in.
    fn passed(&self, frame: &Typed) -> Typed {
        let f64 = Type::scalar(Scalar::F64);
        let frame = Typed::new(f64, Kind::Convert(Box::new(frame.clone())));
        let (time, period) = match self {
            Periods::Time(dt, period) => (binary(Binary::Mul, &frame, &Typed::value(Value::F64(*dt))), period.clone()),
            Periods::Frames(frames) => (frame, Typed::value(Value::F64(f64::from(*frames)))),
        };
        binary(Binary::Div, &time, &period)
    }

    fn phase(&self, frame: &Typed) -> Typed {
        fraction(&self.passed(frame))
    }

    fn number(&self, frame: &Typed) -> Typed {
        match self {
            Periods::Frames(frames) => binary(Binary::Div, frame, &Typed::value(Value::U32(*frames))),
            Periods::Time(..) => {
                let passed = self.passed(frame);
                let whole = Typed::new(passed.ty, Kind::Unary(Unary::Floor, Box::new(passed)));
                Typed::new(Type::scalar(Scalar::U32), Kind::Convert(Box::new(whole)))
            }
        }
    }
}
