//! What a plan says of one parameter: a value, a list, a range, or a range to be sampled.

use diptych_protocol::math;
use toml::Spanned;
use toml::de::DeValue;

use super::error::{Page, PlanError};
use super::keys::{Keys, number, shown};

/// Values of one axis, at most.
pub const VALUES_MAX: u64 = 1_000_000;

/// How values lie between two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scale {
    /// As far apart everywhere.
    #[default]
    Linear,
    /// Each as many times the one before: both ends are above 0.
    Log,
}

/// What a plan says of one parameter.
#[derive(Clone, PartialEq, Debug)]
pub enum Values {
    /// A value alone: nothing varies.
    One(String),
    /// These values, as `--set` would be given them.
    List(Vec<String>),
    /// So many values, both ends among them.
    Count { from: f64, to: f64, count: u32, scale: Scale },
    /// A range that samples are drawn from.
    Sampled { low: f64, high: f64, scale: Scale },
}

impl Values {
    /// Reads them.
    pub fn read(page: &Page, name: &str, value: &Spanned<DeValue<'_>>) -> Result<Self, PlanError> {
        match value.get_ref() {
            DeValue::Array(list) if list.is_empty() => {
                Err(page.error(value.span().start, format!("`{name}` has an empty list: give it a value or more")))
            }
            DeValue::Array(list) => {
                let texts = list.iter().map(|value| scalar(page, name, value));
                Ok(Self::List(texts.collect::<Result<_, _>>()?))
            }
            DeValue::Table(table) => {
                let what = format!("the range of `{name}`");
                ranged(page, name, value.span().start, Keys::new(page, &what, table))
            }
            _ => Ok(Self::One(scalar(page, name, value)?)),
        }
    }

    /// The values, of a parameter that is an integer or not. Nothing of what is sampled.
    pub fn texts(&self, integer: bool) -> Option<Vec<String>> {
        match self {
            Self::One(text) => Some(vec![text.clone()]),
            Self::List(texts) => Some(texts.clone()),
            Self::Count { from, to, count, scale } => {
                let share = |at: u32| f64::from(at) / f64::from((count - 1).max(1));
                let value = |at: u32| match scale {
                    _ if at + 1 == *count && at > 0 => *to,
                    // Multiplied first: tenths come out as tenths.
                    Scale::Linear => from + (to - from) * f64::from(at) / f64::from((count - 1).max(1)),
                    Scale::Log => from * math::pow(to / from, share(at)),
                };
                // Logarithmic integers are rounded; linear ones that are none are told to be.
                let rounds = integer && *scale == Scale::Log;
                let value = |at| if rounds { math::floor(value(at) + 0.5) } else { value(at) };
                Some((0..*count).map(|at| text(value(at), integer)).collect())
            }
            Self::Sampled { .. } => None,
        }
    }
}

/// A number as `--set` is given it.
pub fn text(value: f64, integer: bool) -> String {
    if integer && math::floor(value) == value && math::abs(value) < 9e15 {
        return format!("{}", value as i64);
    }
    format!("{value:?}")
}

fn scalar(page: &Page, name: &str, value: &Spanned<DeValue<'_>>) -> Result<String, PlanError> {
    let refused = |why: &str| {
        let given = shown(value.get_ref());
        Err(page.error(value.span().start, format!("`{name}` is {given}: {why}")))
    };
    match value.get_ref() {
        DeValue::String(text) if text.trim().is_empty() => refused("that is no value"),
        DeValue::String(text) => Ok(text.trim().to_string()),
        DeValue::Boolean(it) => Ok(it.to_string()),
        DeValue::Integer(it) => match i64::from_str_radix(it.as_str(), it.radix()) {
            Ok(it) => Ok(it.to_string()),
            Err(_) => refused("an integer has 64 bits at most"),
        },
        DeValue::Float(it) => match it.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(it.as_str().trim_start_matches('+').to_string()),
            _ => refused("a parameter is a finite number"),
        },
        _ => refused("a value is a number, true or false, or a text in quotes"),
    }
}

fn ranged(page: &Page, name: &str, at: usize, mut keys: Keys<'_>) -> Result<Values, PlanError> {
    let scale = keys.word("scale", &[("linear", Scale::Linear), ("log", Scale::Log)])?.unwrap_or_default();
    let above_0 = |low: f64, high: f64| match scale {
        Scale::Log if low <= 0.0 || high <= 0.0 => Err(page
            .error(at, format!("the range of `{name}` is {low} to {high}: of scale = \"log\" both ends are above 0"))),
        _ => Ok(()),
    };
    if let Some(lhs) = keys.take("lhs") {
        let ends = match lhs.get_ref() {
            DeValue::Array(ends) if ends.len() == 2 => number(ends[0].get_ref()).zip(number(ends[1].get_ref())),
            _ => None,
        };
        keys.finish()?;
        let Some((low, high)) = ends.filter(|(low, high)| low.is_finite() && high.is_finite() && low < high) else {
            let message =
                format!("`{name}` is to be sampled from a range: `lhs = [LOW, HIGH]`, two numbers, LOW below HIGH");
            return Err(page.error(lhs.span().start, message));
        };
        above_0(low, high)?;
        return Ok(Values::Sampled { low, high, scale });
    }
    let (from, to) = (keys.take("from"), keys.take("to"));
    let (step, count) = (keys.take("step"), keys.integer("count", 1..=VALUES_MAX)?);
    keys.finish()?;
    let (Some(from), Some(to)) = (from, to) else {
        let message = format!(
            "the range of `{name}` needs both ends: {{ from = 0, to = 1, step = 0.1 }}, {{ from = 0, to = 1, count = 11 }}, or \
             {{ lhs = [0, 1] }}"
        );
        return Err(page.error(at, message));
    };
    let end = |value: &Spanned<DeValue<'_>>| {
        number(value.get_ref()).filter(|it| it.is_finite()).ok_or_else(|| {
            let given = shown(value.get_ref());
            page.error(value.span().start, format!("the range of `{name}` has {given} where a number is needed"))
        })
    };
    let (first, last) = (end(from)?, end(to)?);
    match (step, count) {
        (Some(step), None) if scale == Scale::Linear => {
            let step = (end(step)?, step.span().start);
            steps(first, last, step.0)
                .map(Values::List)
                .map_err(|why| page.error(step.1, format!("the range of `{name}`: {why}")))
        }
        (None, Some(count)) if count == 1 && first != last => {
            Err(page.error(at, format!("the range of `{name}` has two ends and one value: `count` is 2 or more")))
        }
        (None, Some(count)) => {
            above_0(first, last)?;
            Ok(Values::Count { from: first, to: last, count: count as u32, scale })
        }
        (Some(_), None) => {
            Err(page.error(at, format!("the range of `{name}`: with scale = \"log\" say `count`, and not `step`")))
        }
        _ => Err(page.error(at, format!("the range of `{name}` needs either `step` or `count`"))),
    }
}

/// The values from one end to the other, which is one of them if a step hits it. Counted in decimals as they are written: the
/// third step of 0.1 is 0.3, and no 0.30000000000000004.
fn steps(from: f64, to: f64, step: f64) -> Result<Vec<String>, String> {
    if step == 0.0 || (to - from) * step < 0.0 {
        return Err(format!("steps of {step} do not lead from {from} to {to}"));
    }
    let places = [from, to, step].map(|it| Decimal::of(it).map(|it| it.places));
    let [Some(a), Some(b), Some(c)] = places else {
        return Err("its numbers are too large or too small to be counted in decimals: write a list".into());
    };
    let places = a.max(b).max(c);
    let scaled = [from, to, step].map(|it| Decimal::of(it)?.scaled(places));
    let [Some(from), Some(to), Some(step)] = scaled else {
        return Err("its numbers differ too much in size to be counted in decimals: write a list".into());
    };
    let count = (to - from) / step + 1;
    if count > i128::from(VALUES_MAX) {
        return Err(format!("it has {count} values; at most {VALUES_MAX}"));
    }
    Ok((0..count).map(|at| Decimal { digits: from + at * step, places }.to_string()).collect())
}

/// A decimal number: so many units of the last of its places.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    places: u32,
}

impl Decimal {
    /// The shortest one that reads as this number.
    fn of(value: f64) -> Option<Self> {
        let text = format!("{value}");
        let places = text.split_once('.').map_or(0, |(_, behind)| behind.len());
        let digits: i128 = text.replace('.', "").parse().ok()?;
        (digits.abs() < 10i128.pow(30) && places <= 30).then_some(Self { digits, places: places as u32 })
    }

    /// The digits with more places.
    fn scaled(self, places: u32) -> Option<i128> {
        self.digits.checked_mul(10i128.checked_pow(places - self.places)?)
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, digits) = (if self.digits < 0 { "-" } else { "" }, self.digits.unsigned_abs());
        let places = self.places as usize;
        if places == 0 {
            return write!(f, "{sign}{digits}");
        }
        let text = format!("{digits:0width$}", width = places + 1);
        let (whole, behind) = text.split_at(text.len() - places);
        match behind.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}.0"),
            behind => write!(f, "{sign}{whole}.{behind}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(from: f64, to: f64, step: f64) -> String {
        steps(from, to, step).map_or_else(|why| why, |texts| texts.join(" "))
    }

    #[test]
    fn steps_are_counted_in_decimals() {
        assert_eq!(values(0.0, 0.5, 0.1), "0.0 0.1 0.2 0.3 0.4 0.5");
        assert_eq!(values(0.02, 0.1, 0.03), "0.02 0.05 0.08");
        assert_eq!(values(-0.05, 0.05, 0.05), "-0.05 0.0 0.05");
        assert_eq!(values(1.0, 10.0, 3.0), "1 4 7 10");
        assert_eq!(values(3.0, 1.0, -1.0), "3 2 1");
        assert_eq!(values(5.0, 5.0, 1.0), "5");
        assert_eq!(values(0.0, 1.0, -0.1), "steps of -0.1 do not lead from 0 to 1");
        assert_eq!(values(0.0, 1e9, 1e-3), "it has 1000000000001 values; at most 1000000");
        assert_eq!(
            values(0.0, 1e300, 1.0),
            "its numbers are too large or too small to be counted in decimals: write a list"
        );
    }

    proptest! {
        #[test]
        fn each_step_reads_as_the_number_it_is(from in -1_000i32..1_000, step in 1i32..500, count in 1i32..50, places in 0u32..4) {
            let unit = f64::from(10i32.pow(places));
            let of = |at: i32| f64::from(from + at * step) / unit;
            let texts = steps(of(0), of(count), f64::from(step) / unit).unwrap();
            let read: Vec<f64> = texts.iter().map(|text| text.parse().unwrap()).collect();
            prop_assert_eq!(read, (0..=count).map(of).collect::<Vec<_>>());
        }
    }

    #[test]
    fn counts_have_both_ends() {
        let count = |from, to, count, scale, integer| Values::Count { from, to, count, scale }.texts(integer).unwrap();
        assert_eq!(count(0.0, 1.0, 5, Scale::Linear, false), ["0.0", "0.25", "0.5", "0.75", "1.0"]);
        assert_eq!(count(0.0, 1.0, 11, Scale::Linear, false)[3], "0.3");
        assert_eq!(count(1.0, 10.0, 4, Scale::Linear, true), ["1", "4", "7", "10"]);
        assert_eq!(count(10.0, 1000.0, 3, Scale::Log, true), ["10", "100", "1000"]);
        assert_eq!(count(7.0, 7.0, 1, Scale::Linear, true), ["7"]);
    }
}
