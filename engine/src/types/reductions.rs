//! Checking reductions: what the rows of groups come to, in signals.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::limits::BINS_MAX;
use diptych_protocol::program::{Bins, Reduce, Span};
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, Expr, Fold, Query};
use crate::types::Reduction;
use crate::types::expressions::Checker;
use crate::types::rules::{Named, Rule, TurnInfo};
use crate::types::typed::{Checked, Kind, Turn, Typed};

/// What is reduced, of one group.
struct Part {
    group: usize,
    filter: Option<Typed>,
    value: Option<Typed>,
}

impl Checker<'_, '_> {
    /// Whether what is checked is about finished states, not about a row.
    pub(super) fn is_of_states(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| rule.system.is_none())
    }

    /// `mean(boids: Speed)`, `count(people where Health == I)`, `quantile(people: Age, 0.9)`
    pub(super) fn reduction(
        &mut self,
        fold: Fold,
        span: Span,
        walk: &ast::Walk,
        value: Option<&Expr>,
        constants: &[Expr],
    ) -> Checked {
        let (mut parts, mut wrong) = (Vec::new(), false);
        let how = self.how(fold, span, constants);
        self.readings = 0;
        self.each_walk(walk, |checker, walk| match checker.part(fold, span, walk, value) {
            Some(part) => parts.push(part),
            None => wrong = true,
        });
        let how = how.filter(|_| !wrong);
        how.and_then(|how| self.reduced(fold, how, span, &parts)).unwrap_or(Checked::Error)
    }

    /// What is made of what rows contribute.
    fn how(&mut self, fold: Fold, span: Span, constants: &[Expr]) -> Option<Reduce> {
        let wanted = fold.constants();
        if constants.len() != wanted.len() {
            let (word, takes) = (fold.word(), wanted.join(", "));
            let message = format!("`{word}` takes {} behind its value, not {}", wanted.len(), constants.len());
            let error = Diagnostic::error(codes::E0303, span, message);
            self.diagnostics.push(error.help(format!("write `{word}(G : value, {takes})`")));
            return None;
        }
        let numbers: Vec<Option<f64>> =
            wanted.iter().zip(constants).map(|(what, constant)| self.fixed(what, constant)).collect();
        let numbers: Vec<f64> = numbers.into_iter().collect::<Option<_>>()?;
        let wrong = |message: String| Diagnostic::error(codes::E0415, span, message);
        Some(match (fold, numbers.as_slice()) {
            (Fold::Count | Fold::Any | Fold::All, _) => Reduce::Count,
            (Fold::Sum, _) => Reduce::Sum,
            (Fold::Mean, _) => Reduce::Mean,
            (Fold::Min, _) => Reduce::Min,
            (Fold::Max, _) => Reduce::Max,
            (Fold::Variance | Fold::Deviation, _) => Reduce::Variance,
            (Fold::Births, _) => Reduce::Births,
            (Fold::Ends, _) => Reduce::Ends,
            (Fold::Median, _) => Reduce::Quantile { share: 0.5 },
            (Fold::Quantile, &[share]) => {
                if !(0.0..=1.0).contains(&share) {
                    let error = wrong(format!("a share of {share}"));
                    self.diagnostics.push(error.help("shares go from 0 (the smallest) to 1 (the largest)"));
                    return None;
                }
                Reduce::Quantile { share }
            }
            (Fold::Histogram, &[low, high, count]) => {
                let whole = count.fract() == 0.0 && (1.0..=f64::from(BINS_MAX)).contains(&count);
                let bins = Bins { low, high, count: if whole { count as u16 } else { 0 } };
                if !bins.make_sense() {
                    let error = wrong(format!("a histogram of {count} bins from {low} to {high}"));
                    let help = format!("it has 1 to {BINS_MAX} bins, and ends above where it begins");
                    self.diagnostics.push(error.help(help));
                    return None;
                }
                Reduce::Histogram(bins)
            }
            (fold, _) => {
                self.diagnostics.push(wrong(format!("`{}` is no signal: it gives a row", fold.word())));
                return None;
            }
        })
    }

    /// A number that is known when the scenario is compiled.
    pub(super) fn fixed(&mut self, what: &str, expr: &Expr) -> Option<f64> {
        let number = match self.check(expr, Some(Scalar::F64)) {
            Checked::Error => return None,
            Checked::Int(x) => Some(x as f64),
            Checked::Float(x) => Some(x),
            Checked::Typed(typed) if typed.ty.scalar != Scalar::Bool && typed.ty.sort == Sort::Plain => {
                typed.scalar().map(Value::as_f64)
            }
            _ => None,
        };
        if number.is_none() {
            let error = Diagnostic::error(codes::E0304, expr.span, format!("`{what}` is a constant number"));
            self.diagnostics.push(error.help("write a number, or the name of a `param` or `let`"));
        }
        number
    }

    /// What a reduction is of, of one group.
    fn part(&mut self, fold: Fold, span: Span, walk: &ast::Walk, value: Option<&Expr>) -> Option<Part> {
        let wrong = |span, message: String| Diagnostic::error(codes::E0415, span, message);
        if let Some(Rule { group: Some(_), taken, .. }) = &self.rule {
            let (message, help) = match taken {
                true => ("a reduction in what is said of each row", "name it: `signal m = mean(...)`, and use that"),
                false => {
                    ("a reduction within a reduction", "name the inner one: `signal m = mean(...)`, and use it outside")
                }
            };
            self.diagnostics.push(wrong(span, message.into()).help(help));
            return None;
        }
        let ast::Over::Rows(name, Query::All) = &walk.over else {
            let error = wrong(walk.span, "a reduction is over all rows of a group".into());
            self.diagnostics.push(error.help("say which rows count: `where ...`"));
            return None;
        };
        let group = self.group_that_lasts(name)?;
        if matches!(fold, Fold::Births | Fold::Ends) && self.model.groups[group].first.is_none() {
            let error = wrong(name.span, format!("rows of `{}` neither come nor go", name.text));
            let help = format!("give it room for more: `group {}[100, max 1_000]`", name.text);
            self.diagnostics.push(error.help(help));
            return None;
        }
        self.in_rows(group, walk.variable.as_ref(), |checker| {
            checker.part_of(fold, span, group, walk.filter.as_deref(), value)
        })
    }

    /// Checks what is about the rows of a group in a finished state.
    pub(super) fn in_rows<T>(
        &mut self,
        group: usize,
        variable: Option<&ast::Name>,
        check: impl FnOnce(&mut Self) -> T,
    ) -> T {
        // Its own values: a function's floor hides what is around, not the rows.
        let floor = self.floor.take();
        let outer = self.scope.len();
        if let Some(variable) = variable {
            self.turns.push(TurnInfo {
                group: Some(group),
                own: true,
                spatial: false,
                far: None,
                cells: None,
                most: None,
                decided: Vec::new(),
            });
            let turn = Turn(self.turns.len() - 1);
            self.scope.push((variable.text.clone(), Named::Turn(turn)));
        }
        if let Some(rule) = &mut self.rule {
            rule.group = Some(group);
        }
        let checked = check(self);
        if let Some(rule) = &mut self.rule {
            rule.group = None;
        }
        self.close_scope(outer);
        self.floor = floor;
        checked
    }

    fn part_of(
        &mut self,
        fold: Fold,
        span: Span,
        group: usize,
        filter: Option<&Expr>,
        value: Option<&Expr>,
    ) -> Option<Part> {
        let filter = match filter {
            Some(filter) => Some(self.truth(filter, "what follows `where`")?),
            None => None,
        };
        let value = match (fold, value) {
            (Fold::Count, None) => None,
            (Fold::Births | Fold::Ends, None) if filter.is_none() => None,
            (Fold::Births | Fold::Ends, None) => {
                let message = format!("`{}` is of all rows of a group", fold.word());
                let error = Diagnostic::error(codes::E0415, span, message);
                self.diagnostics.push(error.help("leave the condition out"));
                return None;
            }
            (Fold::Any | Fold::All, value) => {
                // Some that hold, or none that does not.
                let truth = match value {
                    Some(value) => self.truth(value, "what `any` and `all` ask")?,
                    None => Typed::value(Value::Bool(fold == Fold::Any)),
                };
                let truth = match fold {
                    Fold::Any => truth,
                    _ => Typed::new(truth.ty, Kind::Unary(Unary::Not, Box::new(truth))),
                };
                let filter = match filter {
                    Some(a) => Typed { ty: truth.ty, kind: Kind::Binary(Binary::And, Box::new(a), Box::new(truth)) },
                    None => truth,
                };
                return Some(Part { group, filter: Some(filter), value: None });
            }
            (Fold::ArgMin | Fold::ArgMax | Fold::Pick, _) => return None,
            (fold, Some(value)) if !fold.is_bare() => {
                let at = value.span;
                let typed = self.single(value, None)?;
                if typed.ty.scalar == Scalar::Bool || typed.ty.sort != Sort::Plain {
                    let message = format!("`{}` takes numbers, not `{}`", fold.word(), self.type_name(typed.ty));
                    let error = Diagnostic::error(codes::E0302, at, message);
                    self.diagnostics.push(error.help("count instead: `count(G where ...)`"));
                    return None;
                }
                if fold == Fold::Histogram && typed.ty.lanes > 1 {
                    let message = format!("a histogram is of single numbers, not of `{}`", self.type_name(typed.ty));
                    self.diagnostics.push(Diagnostic::error(codes::E0302, at, message).help("take one lane: `.x`"));
                    return None;
                }
                Some(typed)
            }
            (fold, value) => {
                let (wants, help) = match value {
                    Some(_) => ("takes no value", "say which rows count: `where ...`"),
                    None => ("needs a value a row", "after a colon: `mean(people: Age)`"),
                };
                let message = format!("`{}` {wants}", fold.word());
                self.diagnostics.push(Diagnostic::error(codes::E0303, span, message).help(help));
                return None;
            }
        };
        Some(Part { group, filter, value })
    }

    /// Reductions of all groups of what is gone over, put together in their order.
    fn reduced(&mut self, fold: Fold, how: Reduce, span: Span, parts: &[Part]) -> Option<Checked> {
        let several = parts.len() > 1;
        if several && matches!(how, Reduce::Variance | Reduce::Quantile { .. }) {
            let message = format!("`{}` is of one group, not of several", fold.word());
            let error = Diagnostic::error(codes::E0415, span, message);
            self.diagnostics.push(error.help("take it of each group"));
            return None;
        }
        if let Reduce::Histogram(bins) = how {
            let bin = |bin| self.total(how, bin, Some(0), parts, span).converted(Scalar::U32);
            return Some(Checked::Array((0..bins.count).map(bin).collect()));
        }
        let count = |checker: &mut Self| checker.total(Reduce::Count, 0, None, parts, span);
        let value = parts.first()?.value.as_ref();
        let Some(value) = value else {
            let count = self.total(how, 0, None, parts, span).converted(Scalar::U32);
            let op = match fold {
                Fold::Any => Compare::Gt,
                Fold::All => Compare::Eq,
                _ => return Some(Checked::Typed(count)),
            };
            let none = Typed { ty: count.ty, kind: Kind::Const(vec![Value::U32(0)]) };
            let kind = Kind::Compare(op, Box::new(count), Box::new(none));
            return Some(Checked::Typed(Typed { ty: Type::scalar(Scalar::Bool), kind }));
        };
        let lanes = value.ty.lanes;
        if let Some(other) = parts.iter().filter_map(|part| part.value.as_ref()).find(|it| it.ty.lanes != lanes) {
            let (first, other) = (self.type_name(value.ty), self.type_name(other.ty));
            let message = format!("of one group this is `{first}`, of another `{other}`");
            self.diagnostics.push(Diagnostic::error(codes::E0301, span, message));
            return None;
        }
        // The mean of all is no mean of means.
        let mean = several && how == Reduce::Mean;
        let how = if mean { Reduce::Sum } else { how };
        let mut results: Vec<Typed> = (0..lanes).map(|lane| self.total(how, 0, Some(lane), parts, span)).collect();
        if mean {
            let count = count(self);
            let mean = |sum: Typed| Typed {
                ty: sum.ty,
                kind: Kind::Binary(Binary::Div, Box::new(sum), Box::new(count.clone())),
            };
            results = results.into_iter().map(mean).collect();
        }
        if fold == Fold::Deviation {
            let root = |it: Typed| Typed { ty: it.ty, kind: Kind::Unary(Unary::Sqrt, Box::new(it)) };
            results = results.into_iter().map(root).collect();
        }
        Some(Checked::Typed(match <[Typed; 1]>::try_from(results) {
            Ok([one]) => one,
            Err(lanes) => {
                let ty = Type::vector(Scalar::F64, lanes.len() as u8);
                Typed { ty, kind: Kind::Vector(lanes) }
            }
        }))
    }

    /// A result of one lane of all parts, put together.
    fn total(&mut self, how: Reduce, result: u16, lane: Option<u8>, parts: &[Part], span: Span) -> Typed {
        let op = match how {
            Reduce::Min => Binary::Min,
            Reduce::Max => Binary::Max,
            _ => Binary::Add,
        };
        let totals = parts.iter().map(|part| {
            let value = part.value.clone().zip(lane).map(|(value, lane)| match value.ty.lanes {
                1 => value,
                _ => Typed::new(Type::scalar(value.ty.scalar), Kind::Lane(Box::new(value), lane)),
            });
            let at = self.reduce(part.group, how, value, part.filter.clone(), span);
            Typed { ty: Type::scalar(Scalar::F64), kind: Kind::Reduced(at, result) }
        });
        let both = |a: Typed, b: Typed| Typed { ty: a.ty, kind: Kind::Binary(op, Box::new(a), Box::new(b)) };
        totals.reduce(both).unwrap_or(Typed::zero(Type::scalar(Scalar::F64)))
    }

    /// A reduction, or an equal one from before.
    fn reduce(&mut self, group: usize, how: Reduce, value: Option<Typed>, filter: Option<Typed>, span: Span) -> usize {
        let known = self.model.reductions.iter().position(|reduction| {
            reduction.group == group && reduction.how == how && reduction.value == value && reduction.filter == filter
        });
        known.unwrap_or_else(|| {
            self.model.reductions.push(Reduction { group, how, value, filter, span });
            self.model.reductions.len() - 1
        })
    }
}
