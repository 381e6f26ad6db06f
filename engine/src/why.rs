//! Why: what a signal, an event or a bus was made of in a state, as a tree for people.
//!
//! Nothing is traced while a run goes on. A finished state has all that its signals were made of: what rows came to, and
//! what the state before had. So whoever asks gets the body of the outputs computed once more, with all that it has on the way.

use diptych_protocol::access::AccessError;
use diptych_protocol::graph::{Node, NodeKind};
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Program, Span};
use diptych_protocol::track::Track;
use diptych_protocol::types::{Type, Value};
use diptych_workers::graph;

use crate::diagnostic::did_you_mean;
use crate::shown::Shown;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum WhyError {
    /// There is no such quantity.
    #[error("there is no signal, event or bus `{name}`{hint}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was perhaps meant.
        hint: String,
    },
    /// The graph cannot be computed: the program was not made by this engine.
    #[error(transparent)]
    Access(#[from] AccessError),
}

/// The trees of these, or of all that have a name, each of so many lines at most. Once nobody runs any more.
pub(crate) fn why(track: &Track<'_>, names: &[String], lines: usize) -> Result<String, WhyError> {
    let (program, nodes) = (track.program, &track.program.outputs.graph);
    let values = graph::values(track)?;
    let asked = |node: &Node| {
        matches!(node.kind, NodeKind::Signal | NodeKind::Event | NodeKind::Input | NodeKind::Bus)
            && is_named(program, node)
    };
    let roots: Vec<usize> = match names.is_empty() {
        true => (0..nodes.len()).filter(|at| asked(&nodes[*at])).collect(),
        false => {
            let one = |name: &String| {
                let known = nodes.iter().position(|node| asked(node) && node.name == *name);
                known.ok_or_else(|| {
                    let all = nodes.iter().filter(|node| asked(node)).map(|node| node.name.as_str());
                    let hint = match program.fields.iter().any(|field| field.name == *name) {
                        true => {
                            "; it is a field, a value a row, and this is about what the whole model has".to_string()
                        }
                        false => did_you_mean(name, all).map_or_else(String::new, |hint| format!("; {hint}")),
                    };
                    WhyError::Unknown { name: name.clone(), hint }
                })
            };
            names.iter().map(one).collect::<Result<_, _>>()?
        }
    };
    let mut text = format!("{}, state {}\n", program.scenario, state_of(track.record().tick));
    for root in roots {
        let mut tree = Tree { program, values: &values, seen: vec![false; nodes.len()], rows: Vec::new(), lines };
        tree.add(root, 0);
        text.push('\n');
        text.push_str(&tree.text());
    }
    Ok(text)
}

/// Whether the scenario gives a node its name.
fn is_named(program: &Program, node: &Node) -> bool {
    let lanes = node.ty.lane_names();
    let full = |lane: &&str| if lane.is_empty() { node.name.clone() } else { format!("{}.{lane}", node.name) };
    lanes.first().is_some_and(|lane| program.signals.values().any(|it| it.named && it.name == full(lane)))
}

struct Tree<'a> {
    program: &'a Program,
    values: &'a [Vec<Option<Value>>],
    /// Which nodes have been shown.
    seen: Vec<bool>,
    rows: Vec<[String; 3]>,
    lines: usize,
}

impl Tree<'_> {
    fn add(&mut self, at: usize, depth: usize) {
        let Some(node) = self.program.outputs.graph.get(at) else { return };
        if self.rows.len() >= self.lines {
            if self.rows.len() == self.lines {
                self.rows.push(["...".to_string(), String::new(), String::new()]);
            }
            return;
        }
        let known = std::mem::replace(&mut self.seen[at], true);
        let what = match (node.kind, node.name.is_empty()) {
            (NodeKind::Reduction, _) => self.written(self.with_arguments(node.span)),
            (kind, true) => format!("{} {}", kind.name(), self.written(node.span)),
            (kind, false) => format!("{} {}", kind.name(), node.name),
        };
        let again = if known && !node.from.is_empty() { "  (as above)" } else { "" };
        let place = self.program.place_of(node.span).unwrap_or_default();
        self.rows.push([format!("{}{what}{again}", "  ".repeat(depth)), self.value(at, node.ty), place]);
        if !known {
            for from in &node.from {
                self.add(*from as usize, depth + 1);
            }
        }
    }

    /// The value of a node; a vector between parentheses.
    fn value(&self, at: usize, ty: Type) -> String {
        let lane = |value: &Option<Value>| match value {
            Some(value) => {
                let ty = Type { lanes: 1, ..ty };
                Shown { enums: &self.program.enums, ty, bits: value.bits() }.to_string()
            }
            None => "-".to_string(),
        };
        let lanes: Vec<String> = self.values.get(at).into_iter().flatten().map(lane).collect();
        if lanes.len() == 1 { lanes.concat() } else { format!("({})", lanes.join(", ")) }
    }

    /// From a word to the parenthesis that closes what stands behind it.
    fn with_arguments(&self, word: Span) -> Span {
        let text = self.program.sources.values().next().and_then(|source| source.text.get(word.end as usize..));
        let mut open = 0;
        for (at, byte) in text.unwrap_or_default().bytes().enumerate() {
            match byte {
                b'(' => open += 1,
                b')' if open == 1 => return Span { start: word.start, end: word.end + at as u32 + 1 },
                b')' => open -= 1,
                _ if open == 0 && !byte.is_ascii_whitespace() => break,
                _ => {}
            }
        }
        word
    }

    /// What stands there, on one line and not too long.
    fn written(&self, span: Span) -> String {
        const SHOWN_MAX: usize = 60;
        let text = self
            .program
            .sources
            .values()
            .next()
            .and_then(|source| source.text.get(span.start as usize..span.end as usize));
        let words: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
        let text = words.join(" ");
        if text.chars().count() <= SHOWN_MAX {
            return text;
        }
        text.chars().take(SHOWN_MAX - 3).chain("...".chars()).collect()
    }

    /// The rows, in columns.
    fn text(&self) -> String {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        let line = |[what, value, place]: &[String; 3]| format!("{what:first$}  {value:second$}  {place}");
        self.rows.iter().map(|row| format!("{}\n", line(row).trim_end())).collect()
    }
}
