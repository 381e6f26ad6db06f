//! Checking records: what is written to files, of states and of rows.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::resolve::Meaning;
use crate::syntax::ast::{self, Expr, ExprKind};
use crate::types::expressions::Checker;
use crate::types::outputs::element;
use crate::types::typed::{Checked, Typed, Whose};
use crate::types::world::said_twice;
use crate::types::{Extract, Origin, Record, Recorded, Role};

/// Columns that every record has, or may have.
const GIVEN: [&str; 4] = ["frame", "time", "entity", "generation"];

/// A value of each row, or several, with their names.
type Named = Vec<(String, Typed)>;

impl<'a> Checker<'a, '_> {
    pub(super) fn record(&mut self, record: &'a ast::Record) {
        let most = u64::from(u32::MAX);
        let every =
            record.every.as_ref().map(|every| self.integer(every, "the step of a record", 1..=most, codes::E0415));
        let path = record.path.text.as_str();
        if crate::sheets::Format::of(path).is_none() {
            let message = format!("`{path}`: records are written as CSV, NDJSON or Parquet files");
            let error = Diagnostic::error(codes::E0415, record.path.span, message);
            self.diagnostics.push(error.help("let the name end in `.csv`, `.ndjson` or `.parquet`"));
        }
        if let Some(first) = self.model.records.iter().find(|first| first.path == path) {
            let message = format!("two records write `{path}`");
            let error = Diagnostic::error(codes::E0415, record.path.span, message).label(first.span, "the first");
            self.diagnostics.push(error.help("give each a file of its own"));
        }
        let what = match &record.rows {
            None => Some(self.signals_of(record)),
            Some(rows) => self.rows_of(record, rows),
        };
        let every = match every {
            Some(None) => return,
            Some(Some(every)) => every as u32,
            None => 1,
        };
        if let Some(what) = what {
            self.model.records.push(Record { path: path.to_string(), every, what, span: record.span });
        }
    }

    /// The columns of a record, by names that are told apart.
    fn columns_of(
        &mut self,
        record: &'a ast::Record,
        mut of: impl FnMut(&mut Self, &'a ast::RecordColumn) -> Named,
    ) -> Named {
        let mut columns = Named::new();
        for (at, column) in record.columns.iter().enumerate() {
            let name = &column.name;
            let twice = record.columns[..at].iter().find(|other| other.name.text == name.text);
            if let Some(first) = twice {
                self.diagnostics.push(said_twice(&name.text, first.name.span, name.span));
                continue;
            }
            let given = &GIVEN[..if record.rows.is_some() { 4 } else { 2 }];
            if given.contains(&name.text.as_str()) && (column.value.is_none() || record.rows.is_some()) {
                let message = format!("every record begins with `{}`", name.text);
                let error = Diagnostic::error(codes::E0415, name.span, message);
                self.diagnostics.push(error.help("leave it out, or give it another name"));
                continue;
            }
            columns.extend(of(self, column));
        }
        columns
    }

    fn signals_of(&mut self, record: &'a ast::Record) -> Recorded {
        if record.columns.is_empty() {
            let error = Diagnostic::error(codes::E0415, record.span, "a record without columns");
            self.diagnostics.push(error.help("name signals between its braces, or values: `{ mean = mean(g: X) }`"));
        }
        let columns = self.columns_of(record, |checker, column| {
            let name = &column.name;
            let expr = match (&column.value, checker.names.meaning(&name.text)) {
                (Some(value), _) => value,
                (None, Some(Meaning::Signal(_))) => {
                    &Expr { kind: ExprKind::Name(name.text.clone()), span: name.span, depth: 1 }
                }
                (None, _) => {
                    let signals = checker.names.all(|meaning| matches!(meaning, Meaning::Signal(_)));
                    let hint = did_you_mean(&name.text, signals);
                    let error =
                        Diagnostic::error(codes::E0201, name.span, format!("there is no signal `{}`", name.text));
                    let value = format!("for a value of its own write `{} = ...`", name.text);
                    checker.diagnostics.push(error.help(hint.unwrap_or(value)));
                    return Named::new();
                }
            };
            checker.named_values(&name.text, expr)
        });
        let spans = |name: &str| -> Span {
            let of = record.columns.iter().find(|column| name.starts_with(&column.name.text));
            of.map_or(record.span, |column| column.name.span)
        };
        let columns = columns.into_iter().map(|(name, value)| {
            let signal = self.anonymous(&name, spans(&name), value);
            (name, signal)
        });
        Recorded::Signals(columns.collect())
    }

    /// What an expression gives: of an array a value an element.
    fn named_values(&mut self, name: &str, expr: &Expr) -> Named {
        match self.check(expr, None) {
            Checked::Array(all) => (0..).zip(all).map(|(at, value)| (element(name, at), value)).collect(),
            checked => Vec::from_iter(self.alone(checked, expr, None).map(|value| (name.to_string(), value))),
        }
    }

    fn rows_of(&mut self, record: &'a ast::Record, rows: &'a ast::RecordRows) -> Option<Recorded> {
        let sample = match &rows.sample {
            Some(share) => Some(self.share(share)?),
            None => None,
        };
        let group = self.group_that_lasts(&rows.group)?;
        let taken = self.in_rows(group, None, |checker| {
            checker.rule.as_mut().into_iter().for_each(|rule| rule.taken = true);
            let filter = match &rows.filter {
                Some(filter) => Some(checker.truth(filter, "what follows `where`")?),
                None => None,
            };
            let columns = match record.columns.is_empty() {
                true => checker.whole_rows(group, rows.group.span),
                false => checker.columns_of(record, |checker, column| checker.column_of_rows(group, column)),
            };
            Some((filter, columns))
        });
        self.rule.as_mut().into_iter().for_each(|rule| rule.taken = false);
        let (filter, columns) = taken?;
        // What is wrong with the columns has been told.
        (!columns.is_empty()).then(|| {
            self.model.extracts.push(Extract { group, filter, sample, columns, span: record.span });
            Recorded::Rows(self.model.extracts.len() - 1)
        })
    }

    /// `sample SHARE`
    fn share(&mut self, expr: &Expr) -> Option<f64> {
        let share = self.fixed("sample", expr)?;
        if share > 0.0 && share <= 1.0 {
            return Some(share);
        }
        let error = Diagnostic::error(codes::E0415, expr.span, format!("a sample of a share of {share}"));
        self.diagnostics.push(error.help("it is above 0, and at most 1 (all rows)"));
        None
    }

    /// A group whose rows are there when a state is finished.
    pub(super) fn group_that_lasts(&mut self, name: &ast::Name) -> Option<usize> {
        let group = self.names.group(name, self.diagnostics)?;
        if self.model.groups[group].origin != Origin::Blueprint {
            let message = format!("rows of `{}` do not last to the end of a frame", name.text);
            self.diagnostics.push(Diagnostic::error(codes::E0415, name.span, message));
            return None;
        }
        Some(group)
    }

    /// All that rows have.
    fn whole_rows(&mut self, group: usize, span: Span) -> Named {
        let members = &self.model.groups[group].members;
        let names = members.iter().filter(|member| !matches!(member.role, Role::Mark(_)));
        let names: Vec<String> = names.map(|member| member.name.clone()).collect();
        names.into_iter().filter_map(|name| self.leaf_of_row(group, name, span)).collect()
    }

    /// One leaf of the own row.
    fn leaf_of_row(&mut self, group: usize, leaf: String, span: Span) -> Option<(String, Typed)> {
        match self.read(group, &leaf, span, Whose::Own, None) {
            Checked::Typed(typed) => Some((leaf, typed)),
            _ => None,
        }
    }

    fn column_of_rows(&mut self, group: usize, column: &ast::RecordColumn) -> Named {
        let name = &column.name;
        let Some(value) = &column.value else {
            let members = &self.model.groups[group].members;
            let has = format!("has {}", name.text);
            let leaves = members.iter().filter(|it| it.component == name.text || it.name == has);
            let leaves: Vec<String> = leaves.map(|member| member.name.clone()).collect();
            if !leaves.is_empty() {
                return leaves.into_iter().filter_map(|leaf| self.leaf_of_row(group, leaf, name.span)).collect();
            }
            let field = self.names.meaning(&name.text);
            if !matches!(field, Some(Meaning::Field(_) | Meaning::RowBus(_))) {
                let members = &self.model.groups[group].members;
                let hint = did_you_mean(&name.text, members.iter().map(|member| member.component.as_str()));
                let rows = self.model.groups[group].name;
                let message = format!("rows of `{rows}` have no `{}`", name.text);
                let error = Diagnostic::error(codes::E0201, name.span, message);
                let value = format!("for a value of its own write `{} = ...`", name.text);
                self.diagnostics.push(error.help(hint.unwrap_or(value)));
                return Named::new();
            }
            let expr = Expr { kind: ExprKind::Name(name.text.clone()), span: name.span, depth: 1 };
            return self.named_values(&name.text, &expr);
        };
        self.named_values(&name.text, value)
    }
}
