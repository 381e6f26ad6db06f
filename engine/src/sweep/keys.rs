//! The keys of a TOML table, taken one by one: what is left over is unknown, and refused.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Page, PlanError};
use crate::diagnostic::did_you_mean;

/// What is left of a table.
pub struct Keys<'a> {
    page: &'a Page,
    what: &'a str,
    /// In the order of the text.
    left: Vec<(&'a str, usize, &'a Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    /// All of a table that is called so in messages.
    pub fn new(page: &'a Page, what: &'a str, table: &'a DeTable<'a>) -> Self {
        let mut left: Vec<_> =
            table.iter().map(|(name, value)| (name.get_ref().as_ref(), name.span().start, value)).collect();
        left.sort_by_key(|(_, at, _)| *at);
        Self { page, what, left, known: Vec::new() }
    }

    /// Where a key stands that is not taken yet.
    pub fn at(&self, name: &str) -> Option<usize> {
        self.left.iter().find(|(it, ..)| *it == name).map(|(_, at, _)| *at)
    }

    /// Takes a key.
    pub fn take(&mut self, name: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.push(name);
        let at = self.left.iter().position(|(it, ..)| *it == name)?;
        Some(self.left.remove(at).2)
    }

    /// Takes a text.
    pub fn text(&mut self, name: &'static str) -> Result<Option<(String, usize)>, PlanError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Ok(Some((text.to_string(), value.span().start))),
            other => Err(self.refused(name, value, other, "a text in quotes")),
        }
    }

    /// Takes one of a few words.
    pub fn word<T: Copy>(&mut self, name: &'static str, words: &[(&str, T)]) -> Result<Option<T>, PlanError> {
        let Some((text, at)) = self.text(name)? else { return Ok(None) };
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
            return Ok(Some(*meant));
        }
        let all = words.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(" or ");
        Err(self.page.error(at, format!("`{name} = \"{text}\"`: it is {all}")))
    }

    /// Takes an integer within limits.
    pub fn integer(&mut self, name: &'static str, limits: RangeInclusive<u64>) -> Result<Option<u64>, PlanError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let given = match value.get_ref() {
            DeValue::Integer(it) => u64::from_str_radix(it.as_str(), it.radix()).ok(),
            _ => None,
        };
        let (low, high) = (*limits.start(), *limits.end());
        match given.filter(|given| limits.contains(given)) {
            Some(given) => Ok(Some(given)),
            None => Err(self.refused(name, value, value.get_ref(), &format!("an integer of {low} to {high}"))),
        }
    }

    /// Takes a number above 0.
    pub fn positive(&mut self, name: &'static str) -> Result<Option<f64>, PlanError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match number(value.get_ref()).filter(|it| it.is_finite() && *it > 0.0) {
            Some(given) => Ok(Some(given)),
            None => Err(self.refused(name, value, value.get_ref(), "a number above 0")),
        }
    }

    /// Takes a yes or no.
    pub fn truth(&mut self, name: &'static str) -> Result<Option<bool>, PlanError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Boolean(it) => Ok(Some(*it)),
            other => Err(self.refused(name, value, other, "true or false")),
        }
    }

    /// The keys that are left, where any name may stand.
    pub fn rest(&mut self) -> Vec<(&'a str, usize, &'a Spanned<DeValue<'a>>)> {
        std::mem::take(&mut self.left)
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), PlanError> {
        let Some((name, at, _)) = self.left.first() else { return Ok(()) };
        let known = self.known.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        let help =
            did_you_mean(name, self.known.iter().copied()).unwrap_or_else(|| format!("{} has {known}", self.what));
        Err(self.page.error(*at, format!("{} has no `{name}`; {help}", self.what)))
    }

    fn refused(&self, name: &str, at: &Spanned<DeValue<'_>>, given: &DeValue<'_>, wanted: &str) -> PlanError {
        self.page.error(at.span().start, format!("`{name}` is {}, and must be {wanted}", shown(given)))
    }
}

/// A number of either kind.
pub fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Integer(it) => i64::from_str_radix(it.as_str(), it.radix()).ok().map(|it| it as f64),
        DeValue::Float(it) => it.as_str().parse().ok(),
        _ => None,
    }
}

/// What was given, for a message.
pub fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{text}\""),
        DeValue::Integer(it) => it.to_string(),
        DeValue::Float(it) => it.to_string(),
        DeValue::Boolean(it) => it.to_string(),
        DeValue::Datetime(it) => format!("the time {it}"),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}
