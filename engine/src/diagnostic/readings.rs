//! One text that is read several times, once for each group that it is about: what is wrong with all of them is told
//! once, what is wrong with some says with which.

use std::collections::BTreeSet;

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// What says that something is missing. It is, only if no reading of the text has it.
const OF_WHAT_IS_MISSING: [&str; 3] = [codes::E0501, codes::W0107, codes::W0108];

/// What was told before a reading.
pub struct Before {
    items: Vec<Diagnostic>,
    errors: usize,
    unknown: BTreeSet<String>,
}

/// What was told in a reading.
struct Reading {
    /// For messages: `in march of red`.
    of: String,
    items: Vec<Diagnostic>,
    unknown: BTreeSet<String>,
}

/// The readings of one text.
#[derive(Default)]
pub struct Readings {
    all: Vec<Reading>,
    /// Whether it was not read for some group: what is missing for the others may be there for it.
    skipped: bool,
}

impl Diagnostics {
    /// Begins a reading: what is told from now on is told apart.
    pub fn begin_reading(&mut self) -> Before {
        Before { items: std::mem::take(&mut self.items), errors: self.errors, unknown: self.unknown.clone() }
    }
}

impl Readings {
    /// Ends a reading.
    pub fn end(&mut self, of: String, before: Before, diagnostics: &mut Diagnostics) {
        let items = std::mem::replace(&mut diagnostics.items, before.items);
        let unknown = std::mem::replace(&mut diagnostics.unknown, before.unknown);
        diagnostics.errors = before.errors;
        self.all.push(Reading { of, items, unknown });
    }

    /// Notes that there is nothing to read for a group.
    pub fn skip(&mut self) {
        self.skipped = true;
    }

    /// Tells what came up. Only what stands in the `shared` text was read by all.
    pub fn tell(self, shared: Option<Span>, diagnostics: &mut Diagnostics) {
        let same = |a: &Diagnostic, b: &Diagnostic| a.code == b.code && a.primary.span == b.primary.span;
        let all = self.all.len();
        for at in 0..all {
            for item in &self.all[at].items {
                let has = |reading: &&Reading| reading.items.iter().any(|other| same(item, other));
                let span = item.primary.span;
                if shared.is_some_and(|shared| span.start < shared.start || span.end > shared.end) {
                    diagnostics.push(item.clone());
                    continue;
                }
                if self.all[..at].iter().any(|reading| has(&reading)) {
                    continue;
                }
                let with: Vec<&str> = self.all.iter().filter(has).map(|reading| reading.of.as_str()).collect();
                let missing = OF_WHAT_IS_MISSING.contains(&item.code);
                match with.len() == all {
                    true if missing && self.skipped => {}
                    true => diagnostics.push(item.clone()),
                    false if missing => {}
                    false => {
                        let message = format!("{} ({})", item.message, with.join(", "));
                        diagnostics.push(Diagnostic { message, ..item.clone() });
                    }
                }
            }
        }
        diagnostics.unknown.extend(self.all.into_iter().flat_map(|reading| reading.unknown));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(readings: &[&[(&'static str, u32)]]) -> Vec<String> {
        let mut diagnostics = Diagnostics::default();
        let mut all = Readings::default();
        for (at, errors) in readings.iter().enumerate() {
            let before = diagnostics.begin_reading();
            for (code, start) in *errors {
                let span = Span { start: *start, end: *start };
                diagnostics.push(Diagnostic::error(code, span, format!("wrong at {start}")));
            }
            all.end(format!("in {at}"), before, &mut diagnostics);
        }
        assert!(!diagnostics.failed(), "nothing is told before all have read");
        all.tell(None, &mut diagnostics);
        diagnostics.into_sorted().into_iter().map(|it| it.message).collect()
    }

    #[test]
    fn what_all_say_is_told_once_and_what_some_say_with_who_they_are() {
        let both = [("E0304", 3), ("E0304", 5)];
        assert_eq!(told(&[&both, &both]), ["wrong at 3", "wrong at 5"]);
        assert_eq!(told(&[&both, &both[1..]]), ["wrong at 3 (in 0)", "wrong at 5"]);
        assert_eq!(told(&[&[], &both[..1], &both[..1]]), ["wrong at 3 (in 1, in 2)"]);
    }

    #[test]
    fn what_is_missing_is_missing_in_all() {
        assert_eq!(told(&[&[("E0501", 1)], &[("E0501", 1)]]), ["wrong at 1"]);
        assert!(told(&[&[("E0501", 1)], &[]]).is_empty());
    }
}
