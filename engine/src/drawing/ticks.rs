//! Ticks of an axis: round numbers, and how they are written.

use diptych_protocol::math;

/// An axis: from the number at one end to that at the other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Axis {
    /// The lower end.
    pub low: f64,
    /// The upper end, above the lower one.
    pub high: f64,
    /// Whether it goes by factors, not by differences; then both are above 0.
    pub logarithmic: bool,
}

/// The most minor ticks that are worth the ink.
const TICKS_MAX: i64 = 1_000;

/// Beyond it there is no arithmetic with room on both sides.
const NUMBER_MAX: f64 = 1e200;

impl Axis {
    /// For numbers from one to another, in whichever order, with a little room if `room` says so. What is not finite is replaced.
    pub fn over(low: f64, high: f64, logarithmic: bool, room: bool) -> Self {
        let sane = |number: f64| math::abs(number) <= NUMBER_MAX;
        if logarithmic {
            let (low, high) = match low >= 1.0 / NUMBER_MAX && high >= low && sane(high) {
                true => (low, high),
                false => (1.0, 10.0),
            };
            let (low, high) = if high / low < 1.1 { (low / 2.0, high * 2.0) } else { (low, high) };
            let more = if room { math::pow(high / low, 0.04) } else { 1.0 };
            return Self { low: low / more, high: high * more, logarithmic };
        }
        let (low, high) = if sane(low) && sane(high) { (low.min(high), low.max(high)) } else { (0.0, 1.0) };
        // The same everywhere: something around it.
        let least = 1e-9 * low.abs().max(high.abs());
        let (low, high) = match high - low > least {
            true => (low, high),
            false => {
                let around = if high == 0.0 { 1.0 } else { 0.05 * high.abs() };
                (low - around, high + around)
            }
        };
        if !room {
            return Self { low, high, logarithmic };
        }
        let more = 0.045 * (high - low);
        // What is never negative does not begin below 0.
        let down = if low >= 0.0 && low < more { 0.0 } else { low - more };
        let up = if high <= 0.0 && -high < more { 0.0 } else { high + more };
        Self { low: down, high: up, logarithmic }
    }

    /// Where a number stands: 0 at the lower end, 1 at the upper one.
    pub fn share(&self, number: f64) -> f64 {
        match self.logarithmic {
            false => (number - self.low) / (self.high - self.low),
            true => math::ln(number / self.low) / math::ln(self.high / self.low),
        }
    }

    /// At most about so many round numbers, each with how it is written.
    pub fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let numbers = if self.logarithmic { self.factors(most) } else { Vec::new() };
        if numbers.len() >= 2 {
            return numbers.into_iter().map(|number| (number, written(number, None))).collect();
        }
        let step = self.step(most);
        let (first, last) = (math::ceil(self.low / step - 1e-9), math::floor(self.high / step + 1e-9));
        let count = ((last - first) as i64).clamp(0, TICKS_MAX);
        let numbers = (0..=count).map(|at| (first + at as f64) * step);
        numbers.map(|number| (number, written(number, Some(step)))).collect()
    }

    /// How far at most so many round numbers are apart.
    pub fn step(&self, most: usize) -> f64 {
        step((self.high - self.low) / most.max(1) as f64)
    }

    /// Powers of ten; where there are few, two and five times them as well.
    fn factors(&self, most: usize) -> Vec<f64> {
        let (from, to) = (math::floor(math::log10(self.low)) as i64, math::ceil(math::log10(self.high)) as i64);
        let powers = || (from..=to).map(|power| math::pow(10.0, power as f64));
        let within = |number: &f64| *number >= self.low * 0.999_999 && *number <= self.high * 1.000_001;
        let few = (to - from) as usize * 3 <= most + 2;
        let all: Vec<f64> = match few {
            true => powers().flat_map(|power| [power, 2.0 * power, 5.0 * power]).filter(within).collect(),
            false => powers().filter(within).collect(),
        };
        let every = all.len().div_ceil(most.max(1)).max(1);
        all.into_iter().step_by(every).collect()
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below a number.
fn step(least: f64) -> f64 {
    let power = math::pow(10.0, math::floor(math::log10(least.max(f64::MIN_POSITIVE))));
    let found = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= least * (1.0 - 1e-9));
    found.unwrap_or(10.0) * power
}

/// A number for people: as many digits as the distance to the next tick asks for, thousands apart, powers of ten where there are many.
pub fn written(number: f64, step: Option<f64>) -> String {
    if !number.is_finite() {
        return if number.is_nan() { "NaN".into() } else { format!("{}∞", if number < 0.0 { "−" } else { "" }) };
    }
    let size = math::abs(number);
    if size < 1e-300 || step.is_some_and(|step| size < 1e-6 * step) {
        return "0".into();
    }
    if size >= 1e7 || (size < 1e-4 && step.is_none_or(|step| step < 1e-4)) {
        let power = math::floor(math::log10(size) + 1e-12);
        let unit = math::pow(10.0, power);
        let digits = digits(step.map_or(0.1, |step| step / unit)).min(6);
        return format!("{}×10{}", signed(number / unit, digits), raised(power as i64));
    }
    match step {
        Some(step) => signed(number, digits(step)),
        // Three digits that count, and none that says nothing.
        None => {
            let text = signed(number, digits(size / 100.0));
            let zeros = text.contains('.').then(|| text.trim_end_matches('0').trim_end_matches('.').to_string());
            zeros.unwrap_or(text)
        }
    }
}

/// Digits behind the point that a step asks for.
fn digits(step: f64) -> usize {
    math::ceil(-math::log10(step.max(1e-12)) - 1e-9).clamp(0.0, 12.0) as usize
}

fn signed(number: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", math::abs(number));
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut apart = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 && whole.len() > 4 {
            apart.push(',');
        }
        apart.push(digit);
    }
    let sign = if number < 0.0 { "−" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{apart}{point}{fraction}")
}

fn raised(number: i64) -> String {
    // There is no raised minus in every font; this one stands as high.
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let digit = |letter: char| letter.to_digit(10).map_or('¯', |digit| DIGITS[digit as usize]);
    number.to_string().chars().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, logarithmic: bool) -> Vec<String> {
        Axis::over(low, high, logarithmic, false).ticks(5).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(0.0, 1000.0, false), ["0", "200", "400", "600", "800", "1000"]);
        assert_eq!(labels(0.03, 0.97, false), ["0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(labels(-1.0, 1.0, false), ["−1.0", "−0.5", "0", "0.5", "1.0"]);
        assert_eq!(labels(0.0, 250_000.0, false), ["0", "50,000", "100,000", "150,000", "200,000", "250,000"]);
        assert_eq!(labels(0.0, 4e7, false), ["0", "1×10⁷", "2×10⁷", "3×10⁷", "4×10⁷"]);
        assert_eq!(labels(0.0, 2e-5, false).last().unwrap(), "2.0×10¯⁵");
        assert_eq!(labels(1.0, 1e6, true), ["1", "100", "10,000", "1,000,000"]);
        assert_eq!(labels(2.0, 60.0, true), ["2", "5", "10", "20", "50"]);
        assert_eq!(labels(97.0, 99.0, true), ["50", "100"]);
    }

    #[test]
    fn every_axis_has_an_extent_and_few_ticks() {
        let odd = [f64::NAN, f64::INFINITY, f64::MIN, f64::MAX, 0.0, -0.0, 1e-310, 5.0, -3e9, 1e300];
        for low in odd {
            for high in odd {
                for logarithmic in [false, true] {
                    let axis = Axis::over(low, high, logarithmic, true);
                    assert!(axis.low < axis.high, "{low} .. {high}: {axis:?}");
                    assert!(axis.ticks(6).len() <= 14, "{low} .. {high}: {:?}", axis.ticks(6));
                }
            }
        }
    }
}
