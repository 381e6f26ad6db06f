//! Results: what is kept of a run's series of signals.
//!
//! | text | value |
//! |---|---|
//! | `final SIGNAL` | of the last state |
//! | `at FRAME SIGNAL` | of that state; nothing if the run ended before |
//! | `min SIGNAL`, `max SIGNAL` | the lowest, the highest; NaN is left out |
//! | `mean SIGNAL`, `sum SIGNAL` | in the order of the states; of a `bool` the share of states, and how many, that have it |
//! | `quantile Q SIGNAL`, `median SIGNAL` | the smallest value such that at least a share Q of the values are at or below it |
//! | `first CONDITION` | the number of the first state in which it holds; nothing if there is none |
//!
//! A condition is `SIGNAL OP VALUE`, with `==`, `!=`, `<`, `<=`, `>` or `>=`, or a `bool` or its `not`. `from FRAME` and `to FRAME` behind
//! it leave out the states before and behind. States are those that the plan looks at (`every`); the last one counts for `final`
//! whatever its number.

use diptych_protocol::id::{Id, SignalId};
use diptych_protocol::math;
use diptych_protocol::program::Program;
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Sort, Type};
use serde::{Deserialize, Serialize};

use crate::diagnostic::did_you_mean;
use crate::shown::Shown;

/// What kind of values a column of a table has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// True or false.
    Bool,
    /// Integers of 64 bits.
    Integer,
    /// `f64`; of an `f32` the shortest decimal that reads as it.
    Float,
    /// Names of variants.
    Text,
}

impl Kind {
    /// Of a type's values.
    pub fn of(ty: Type) -> Self {
        match (ty.sort, ty.scalar) {
            (Sort::Enum(_), _) => Kind::Text,
            (_, Scalar::Bool) => Kind::Bool,
            (_, Scalar::F32 | Scalar::F64) => Kind::Float,
            _ => Kind::Integer,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

const COMPARISONS: [(&str, Compare); 6] = [
    ("==", Compare::Eq),
    ("!=", Compare::Ne),
    ("<=", Compare::Le),
    (">=", Compare::Ge),
    ("<", Compare::Lt),
    (">", Compare::Gt),
];

#[derive(Clone, Copy, PartialEq, Debug)]
enum How {
    Final,
    At(u32),
    Min,
    Max,
    Mean,
    Sum,
    Quantile(f64),
    First(Compare, f64),
}

/// A result.
#[derive(Clone, PartialEq, Debug)]
pub struct Reducer {
    how: How,
    signal: SignalId,
    ty: Type,
    from: u32,
    to: u32,
}

impl Reducer {
    /// The final value of a signal.
    pub fn last(program: &Program, signal: SignalId) -> Self {
        Self { how: How::Final, signal, ty: program.signals[signal].ty, from: 0, to: u32::MAX }
    }

    /// Reads a result, of a program of whose states one in `every` is looked at.
    pub fn read(text: &str, program: &Program, every: u32) -> Result<Self, String> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let (mut from, mut to) = (0, u32::MAX);
        while let [.., word @ ("from" | "to"), number] = words[..] {
            let end = frame(number).ok_or_else(|| format!("`{word} {number}`: a state's number is needed"))?;
            if word == "from" {
                from = end
            } else {
                to = end
            }
            words.truncate(words.len() - 2);
        }
        if from > to {
            return Err(format!("no state is from {from} to {to}"));
        }
        let (how, rest) = words.split_first().ok_or_else(|| USAGE.to_string())?;
        let signal = |rest: &[&str]| match rest {
            [name] => named(program, name),
            _ => Err(format!("`{how}` is of one signal: {USAGE}")),
        };
        let (how, (signal, ty)) = match (*how, rest) {
            ("final", _) => (How::Final, signal(rest)?),
            ("min", _) => (How::Min, signal(rest)?),
            ("max", _) => (How::Max, signal(rest)?),
            ("mean", _) => (How::Mean, signal(rest)?),
            ("sum", _) => (How::Sum, signal(rest)?),
            ("median", _) => (How::Quantile(0.5), signal(rest)?),
            ("quantile", [share, rest @ ..]) => {
                let share = share.parse::<f64>().ok().filter(|it| (0.0..=1.0).contains(it));
                let share = share.ok_or_else(|| format!("`quantile {}`: a share is 0 to 1", words[1]))?;
                (How::Quantile(share), signal(rest)?)
            }
            ("at", [at, rest @ ..]) => {
                let at = frame(at).ok_or_else(|| format!("`at {at}`: a state's number is needed"))?;
                if !at.is_multiple_of(every) {
                    return Err(format!("state {at} is not looked at: one in {every} is (`every`)"));
                }
                (How::At(at), signal(rest)?)
            }
            ("first", rest) => condition(program, &rest.join(" "))?,
            _ => return Err(format!("there is no `{how}`: {USAGE}")),
        };
        if matches!(how, How::Final | How::At(_)) && (from, to) != (0, u32::MAX) {
            return Err(format!("`{}` is of one state: it has no `from` and no `to`", words[0]));
        }
        let numbers = matches!(how, How::Min | How::Max | How::Mean | How::Sum | How::Quantile(_));
        if numbers && !matches!(ty.sort, Sort::Plain) {
            let name = &program.signals[signal].name;
            return Err(format!("`{name}` is no number: of it there is `final`, `at`, or `first {name} == ...`"));
        }
        Ok(Self { how, signal, ty, from, to })
    }

    /// What kind of values it has.
    pub fn kind(&self) -> Kind {
        match self.how {
            How::Final | How::At(_) | How::Min | How::Max | How::Quantile(_) => Kind::of(self.ty),
            How::Mean | How::Sum => Kind::Float,
            How::First(..) => Kind::Integer,
        }
    }
}

const USAGE: &str = "write `final SIGNAL`, `min`, `max`, `mean`, `sum`, `median`, `quantile 0.9 SIGNAL`, `at 100 SIGNAL` or \
                     `first SIGNAL > 0.5`, and behind it `from FRAME`, `to FRAME`";

fn frame(text: &str) -> Option<u32> {
    text.replace('_', "").parse().ok()
}

fn named(program: &Program, name: &str) -> Result<(SignalId, Type), String> {
    let named = || program.signals.iter().filter(|(_, signal)| signal.named);
    if let Some((id, signal)) = named().find(|(_, signal)| signal.name == name) {
        return Ok((id, signal.ty));
    }
    let all: Vec<String> = named().map(|(_, signal)| format!("`{}`", signal.name)).collect();
    let all =
        if all.is_empty() { "the scenario has none".to_string() } else { format!("signals are {}", all.join(", ")) };
    let help = did_you_mean(name, named().map(|(_, signal)| signal.name.as_str())).unwrap_or(all);
    Err(format!("there is no signal `{name}`; {help}"))
}

/// `SIGNAL OP VALUE`, `SIGNAL` or `not SIGNAL`.
fn condition(program: &Program, text: &str) -> Result<(How, (SignalId, Type)), String> {
    let compared = COMPARISONS.iter().filter_map(|(sign, how)| text.split_once(sign).map(|sides| (*sign, *how, sides)));
    // Of `<=` and `<` the one that begins first, and of those the longer one.
    let Some((sign, how, (name, value))) = compared.min_by_key(|(sign, _, (left, _))| (left.len(), 2 - sign.len()))
    else {
        let (wanted, name) = match text.trim().strip_prefix("not ") {
            Some(name) => (0.0, name.trim()),
            None => (1.0, text.trim()),
        };
        let (signal, ty) = named(program, name)?;
        return match ty == Type::scalar(Scalar::Bool) {
            true => Ok((How::First(Compare::Eq, wanted), (signal, ty))),
            false => Err(format!("`{name}` is no bool: `first {name} > 0`")),
        };
    };
    let (signal, ty) = named(program, name.trim())?;
    let value = value.trim();
    let number = match (ty.sort, ty.scalar, value) {
        (Sort::Enum(of), ..) => {
            let variants = &program.enums[of].variants;
            variants.iter().position(|it| it == value).map(|it| it as f64)
        }
        (_, Scalar::Bool, "true") => Some(1.0),
        (_, Scalar::Bool, "false") => Some(0.0),
        (_, Scalar::F32, _) => value.replace('_', "").parse::<f32>().ok().map(f64::from),
        _ => value.replace('_', "").parse::<f64>().ok(),
    };
    match number.filter(|it| !it.is_nan()) {
        Some(number) => Ok((How::First(how, number), (signal, ty))),
        None => Err(format!("`{} {sign} {value}`: `{value}` is no value that it can have", name.trim())),
    }
}

/// A result as the states go by.
pub struct Running {
    of: Reducer,
    /// States that count.
    count: u64,
    sum: f64,
    /// The bits of the value that is meant, if it is one of a state, or the state's number.
    kept: Option<u64>,
    /// All values, of a quantile.
    all: Vec<f64>,
}

impl Running {
    /// Before any state.
    pub fn new(of: Reducer) -> Self {
        Self { of, count: 0, sum: 0.0, kept: None, all: Vec::new() }
    }

    /// The next state.
    pub fn hear(&mut self, state: u32, signals: &Table<SignalId, u64>) {
        if !(self.of.from..=self.of.to).contains(&state) {
            return;
        }
        let Some(&bits) = signals.get(self.of.signal) else { return };
        let value = number(self.of.ty, bits);
        let before = self.kept.map(|bits| number(self.of.ty, bits));
        // A NaN is neither lower nor higher; the first one stays where there is nothing else.
        let nan = before.is_some_and(f64::is_nan);
        match self.of.how {
            How::Final => {}
            How::At(at) if at == state => self.kept = Some(bits),
            How::At(_) => {}
            How::Min if before.is_none_or(|before| value < before) || nan => self.kept = Some(bits),
            How::Max if before.is_none_or(|before| value > before) || nan => self.kept = Some(bits),
            How::Min | How::Max => {}
            How::Mean | How::Sum => {
                self.count += 1;
                self.sum += value;
            }
            How::Quantile(_) => self.all.push(value),
            How::First(how, with) if self.kept.is_none() && holds(how, value, with) => self.kept = Some(state.into()),
            How::First(..) => {}
        }
    }

    /// The result, once the run has ended with these signals: as a text, or nothing.
    pub fn finish(mut self, program: &Program, last: &[u64]) -> Option<String> {
        let ty = self.of.ty;
        let text = |bits: u64| {
            let shown = Shown { enums: &program.enums, ty, bits };
            (!shown.no_row()).then(|| shown.to_string())
        };
        match self.of.how {
            How::Final => text(*last.get(self.of.signal.index())?),
            How::At(_) | How::Min | How::Max => text(self.kept?),
            How::Mean => (self.count > 0).then(|| (self.sum / self.count as f64).to_string()),
            How::Sum => (self.count > 0).then(|| self.sum.to_string()),
            How::First(..) => self.kept.map(|state| state.to_string()),
            How::Quantile(share) => {
                let seen = !self.all.is_empty();
                self.all.retain(|value| !value.is_nan());
                self.all.sort_by(f64::total_cmp);
                let wanted = math::floor(-(share * self.all.len() as f64)).abs() as usize;
                match self.all.get(wanted.saturating_sub(1)) {
                    Some(value) => Some(as_typed(ty.scalar, *value)),
                    None => seen.then(|| f64::NAN.to_string()),
                }
            }
        }
    }
}

fn holds(how: Compare, value: f64, with: f64) -> bool {
    match how {
        Compare::Eq => value == with,
        Compare::Ne => value != with,
        Compare::Lt => value < with,
        Compare::Le => value <= with,
        Compare::Gt => value > with,
        Compare::Ge => value >= with,
    }
}

/// A value as a number, which all of these are exactly.
fn number(ty: Type, bits: u64) -> f64 {
    diptych_protocol::types::Value::from_bits(ty.scalar, bits).as_f64()
}

/// The text of a number that a value of this type was.
fn as_typed(scalar: Scalar, value: f64) -> String {
    match scalar {
        Scalar::F32 => (value as f32).to_string(),
        Scalar::Bool => (value != 0.0).to_string(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::compile::{Settings, compile};
    use diptych_protocol::program::Source;
    use diptych_protocol::types::Value;

    fn program() -> Program {
        let text = "scenario t\nrun { frames = 3, dt = 0.5, seed = 1 }\nspace box (0, 0) .. (9, 9)\n\
                    enum Mood { Calm, Wild }\ncomponent Position = vec2\n\
                    group a[4] { position Position = uniform(space) }\n\
                    system go for a owns Position { Position = Position }\n\
                    signal n = frame\nsignal x = f32(frame) / 10\nsignal late = frame > 2\n";
        let source = Source { path: "t.dip".into(), text: text.into() };
        let compiled = compile(&source, &Settings::default(), &Catalog(&crate::Registry::builtin()));
        compiled.unwrap_or_else(|errors| panic!("{}", crate::diagnostic::render(&source, &errors, false))).program
    }

    /// States whose signals are these.
    fn reduced(text: &str, states: &[(u32, f32, bool)]) -> Option<String> {
        let program = program();
        let mut running = Running::new(Reducer::read(text, &program, 1).unwrap_or_else(|why| panic!("{text}: {why}")));
        let mut last = Vec::new();
        for (state, (n, x, late)) in (0..).zip(states) {
            let of = |name: &str| match name {
                "n" => Value::U32(*n).bits(),
                "x" => Value::F32(*x).bits(),
                "late" => Value::Bool(*late).bits(),
                _ => 0,
            };
            let signals: Table<SignalId, u64> = program.signals.values().map(|signal| of(&signal.name)).collect();
            running.hear(state, &signals);
            last = signals.values().copied().collect();
        }
        running.finish(&program, &last)
    }

    #[test]
    fn results_are_what_the_series_says() {
        let states = [(3, 0.1, false), (9, f32::NAN, false), (4, -0.5, true), (4, 0.3, true), (8, 0.2, false)];
        for (text, result) in [
            ("final n", Some("8")),
            ("final x", Some("0.2")),
            ("at 2 x", Some("-0.5")),
            ("at 7 x", None),
            ("min n", Some("3")),
            ("max n", Some("9")),
            ("min x", Some("-0.5")),
            ("max x", Some("0.3")),
            ("max x to 1", Some("0.1")),
            ("max x from 1 to 1", Some("NaN")),
            ("max n from 3", Some("8")),
            ("max n from 9", None),
            ("mean n", Some("5.6")),
            ("mean late", Some("0.4")),
            ("sum late", Some("2")),
            ("sum n from 2 to 3", Some("8")),
            ("mean x", Some("NaN")),
            ("median n", Some("4")),
            ("median x", Some("0.1")),
            ("quantile 0 n", Some("3")),
            ("quantile 0.6 n", Some("4")),
            ("quantile 0.61 n", Some("8")),
            ("quantile 1 n", Some("9")),
            ("first n > 4", Some("1")),
            ("first n>=4 from 2", Some("2")),
            ("first n != 3", Some("1")),
            ("first n > 9", None),
            ("first x == 0.3", Some("3")),
            ("first late", Some("2")),
            ("first not late from 2", Some("4")),
            ("first late == true", Some("2")),
        ] {
            assert_eq!(reduced(text, &states).as_deref(), result, "{text}");
        }
    }

    #[test]
    fn what_is_no_result_says_why() {
        let program = program();
        for (text, why) in [
            ("", "write `final SIGNAL`"),
            ("max", "`max` is of one signal: write"),
            ("max m", "there is no signal `m`; "),
            ("biggest n", "there is no `biggest`: write"),
            ("quantile 2 n", "`quantile 2`: a share is 0 to 1"),
            ("max n from 5 to 3", "no state is from 5 to 3"),
            ("final n from 5", "`final` is of one state: it has no `from` and no `to`"),
            ("first n", "`n` is no bool: `first n > 0`"),
            ("first n > lots", "`n > lots`: `lots` is no value that it can have"),
            ("max n from here", "`from here`: a state's number is needed"),
        ] {
            let told = Reducer::read(text, &program, 1).map(|_| ()).unwrap_err();
            assert!(told.starts_with(why), "{text}: {told}");
        }
    }
}
