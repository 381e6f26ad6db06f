//! Diagnostics: what is wrong, where, and what to do. Data until the edge, where they are rendered.

mod readings;

use std::collections::BTreeSet;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use diptych_protocol::id::Id;
use diptych_protocol::program::{Source, Span};
use diptych_protocol::types::{Sort, Type};

pub use readings::{Before, Readings};

/// Diagnostics kept of one compilation; what a 16 MB file of noise adds beyond them helps nobody.
const KEPT_MAX: usize = 64;

/// Bytes of a line that are looked at behind the last place to show.
const SHOWN_AFTER: usize = 1024;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The scenario does not compile.
    Error,
    /// It compiles, but hardly says what was meant.
    Warning,
}

/// A place, and what to say there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What.
    pub text: String,
}

/// One thing to tell the author of a scenario.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One of [`crate::codes::CODES`].
    pub code: &'static str,
    /// The message, whole without its place.
    pub message: String,
    /// Where, with a short text.
    pub primary: Label,
    /// Further places.
    pub labels: Vec<Label>,
    /// What to do, a line each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            primary: Label { span, text: String::new() },
            labels: Vec::new(),
            help: Vec::new(),
        }
    }

    /// A warning.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Says something at the primary place.
    #[must_use]
    pub fn here(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Shows another place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Says what to do, where there is something to say.
    #[must_use]
    pub fn maybe_help(mut self, text: Option<String>) -> Self {
        self.help.extend(text);
        self
    }

    /// As text for people: code, message, `path:line:column`, the source line with the span marked, help.
    pub fn render(&self, source: &Source, colours: bool) -> String {
        let window = Window::around(&source.text, self);
        let mut snippet = Snippet::source(window.text).line_start(window.line).path(source.path.as_str()).annotation(
            AnnotationKind::Primary.span(window.range(self.primary.span)).label(self.primary.text.as_str()),
        );
        for label in &self.labels {
            snippet =
                snippet.annotation(AnnotationKind::Context.span(window.range(label.span)).label(label.text.as_str()));
        }
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level.primary_title(self.message.as_str()).id(self.code).element(snippet);
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// All diagnostics as text for people, a blank line between two.
pub fn render(source: &Source, diagnostics: &[Diagnostic], colours: bool) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&diagnostic.render(source, colours));
        text.push_str("\n\n");
    }
    text
}

/// The lines that a diagnostic touches: all that the renderer has to look at.
struct Window<'a> {
    text: &'a str,
    start: usize,
    line: usize,
}

impl<'a> Window<'a> {
    fn around(text: &'a str, diagnostic: &Diagnostic) -> Self {
        let spans = || std::iter::once(diagnostic.primary.span).chain(diagnostic.labels.iter().map(|l| l.span));
        let first = floor(text, spans().map(|s| s.start).min().unwrap_or(0) as usize);
        let last = floor(text, spans().map(|s| s.end).max().unwrap_or(0) as usize).max(first);
        let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
        // A line may have megabytes; what stands far behind the place is not shown anyway.
        let end = end.min(floor(text, last + SHOWN_AFTER));
        Window { text: &text[start..end], start, line: text[..start].matches('\n').count() + 1 }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = floor(self.text, (span.start as usize).saturating_sub(self.start));
        let end = floor(self.text, (span.end as usize).saturating_sub(self.start));
        start..end.max(start)
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The diagnostics of one compilation, as they come up.
#[derive(Default, Debug)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
    errors: usize,
    /// Names that were told to mean nothing.
    unknown: BTreeSet<String>,
    /// What the scenario's own types are called.
    pub types: TypeNames,
}

/// What the scenario's own types are called, for messages.
#[derive(Default, Debug)]
pub struct TypeNames {
    /// The enums, each with its variants.
    pub enums: Vec<(String, Vec<String>)>,
    /// The groups, to whose rows references are.
    pub groups: Vec<String>,
}

impl TypeNames {
    /// A type for people.
    pub fn of(&self, ty: Type) -> String {
        match ty.sort {
            Sort::Enum(it) => self.enums.get(it.index()).map_or_else(|| ty.to_string(), |(name, _)| name.clone()),
            Sort::Entity(group) => match self.groups.get(group.index()) {
                Some(group) => format!("entity of {group}"),
                None => ty.to_string(),
            },
            Sort::Plain => ty.to_string(),
        }
    }
}

impl Diagnostics {
    /// Tells that a name means nothing: once, however often it is used.
    pub fn unknown(&mut self, name: &str, diagnostic: Diagnostic) {
        if self.unknown.insert(name.to_string()) {
            self.push(diagnostic);
        }
    }

    /// Keeps a diagnostic, unless it was told already (of a function, once a call) or there are very many.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let same = |told: &Diagnostic| {
            told.code == diagnostic.code
                && told.primary.span == diagnostic.primary.span
                && told.message == diagnostic.message
        };
        if self.items.iter().any(same) {
            return;
        }
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.items.len() < KEPT_MAX {
            self.items.push(diagnostic);
        }
    }

    /// Whether an error is among them.
    pub fn failed(&self) -> bool {
        self.errors > 0
    }

    /// Whether more would not be kept: time to stop looking for them.
    pub fn full(&self) -> bool {
        self.errors >= KEPT_MAX
    }

    /// How many errors so far.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// How many have been told.
    pub fn count(&self) -> usize {
        self.items.len()
    }

    /// Adds a label to those that have been told since there were so many.
    pub fn label_since(&mut self, count: usize, span: Span, text: &str) {
        for item in self.items.iter_mut().skip(count) {
            item.labels.push(Label { span, text: text.to_string() });
        }
    }

    /// All of them, in the order of the text.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.items.sort_by_key(|d| (d.primary.span.start, d.primary.span.end));
        self.items
    }
}

/// The name among the candidates that was probably meant: at most a third of its letters differ.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const NAME_BYTES_MAX: usize = 64;
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= NAME_BYTES_MAX && *candidate != name)
        .map(|candidate| (distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()).div_ceil(3))
        .filter(|(distance, candidate)| *distance < candidate.len().min(name.len()))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean ...`, if something is near.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// How many letters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rendering_shows_path_line_column_and_what_to_do() {
        let source = Source { path: "a.dip".into(), text: "scenario x\nlet a = b\nlet b = a\n".into() };
        let text = Diagnostic::error("E0203", Span { start: 15, end: 16 }, "`a` and `b` need each other")
            .here("needs `b`")
            .label(Span { start: 25, end: 26 }, "needs `a`")
            .help("give one of them a value")
            .render(&source, false);
        for part in ["error[E0203]: `a` and `b` need each other", "a.dip:2:5", "let a = b", "^ needs `b`", "help: give"]
        {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
    }

    #[test]
    fn any_span_renders() {
        let source = Source { path: "a".into(), text: "é\n\tü".into() };
        for start in 0..8 {
            for end in 0..8 {
                Diagnostic::error("E0101", Span { start, end }, "")
                    .label(Span { start: end, end: start }, "x")
                    .render(&source, true);
            }
        }
    }

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        assert_eq!(nearest("Positon", ["Mass", "Position"]), Some("Position"));
        assert_eq!(nearest("mass", ["Mass"]), Some("Mass"));
        assert_eq!(nearest("frmaes", ["frames", "seed"]), Some("frames"));
        assert_eq!(nearest("xyz", ["frames", "seed"]), None);
    }
}
