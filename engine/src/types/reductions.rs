//! Checking reductions: what the rows of groups come to, in signals.

use diptych_protocol::body::{Binary, Compare};
use diptych_protocol::program::{Reduce, Span};
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, Expr, Fold, Query};
use crate::types::expressions::Checker;
use crate::types::rules::{Named, TurnInfo};
use crate::types::typed::{Checked, Kind, Turn, Typed};
use crate::types::{Origin, Reduction};

/// What is reduced, of one group.
struct Part {
    group: usize,
    filter: Option<Typed>,
    value: Option<Typed>,
}

impl Checker<'_, '_> {
    /// `mean(boids: Speed)`, `count(people where Health == I)`
    pub(super) fn reduction(&mut self, fold: Fold, span: Span, walk: &ast::Walk, value: Option<&Expr>) -> Checked {
        let (mut parts, mut wrong) = (Vec::new(), false);
        self.readings = 0;
        self.each_walk(walk, |checker, walk| match checker.part(fold, span, walk, value) {
            Some(part) => parts.push(part),
            None => wrong = true,
        });
        let result = if wrong { None } else { self.reduced(fold, span, &parts) };
        result.map_or(Checked::Error, Checked::Typed)
    }

    /// What a reduction is of, of one group.
    fn part(&mut self, fold: Fold, span: Span, walk: &ast::Walk, value: Option<&Expr>) -> Option<Part> {
        let wrong = |span, message: String| Diagnostic::error(codes::E0415, span, message);
        if self.rule.as_ref().is_some_and(|rule| rule.group.is_some()) {
            let error = wrong(span, "a reduction within a reduction".into());
            self.diagnostics.push(error.help("name the inner one: `signal m = mean(...)`, and use it outside"));
            return None;
        }
        let ast::Over::Rows(name, Query::All) = &walk.over else {
            let error = wrong(walk.span, "a reduction is over all rows of a group".into());
            self.diagnostics.push(error.help("say which rows count: `where ...`"));
            return None;
        };
        let group = self.names.group(name, self.diagnostics)?;
        if self.model.groups[group].origin != Origin::Blueprint {
            let message = format!("rows of `{}` do not last to the end of a frame", name.text);
            self.diagnostics.push(wrong(name.span, message));
            return None;
        }
        // Its own values: a function's floor hides what is around, not the rows.
        let floor = self.floor.take();
        let outer = self.scope.len();
        if let Some(variable) = &walk.variable {
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
        let part = self.part_of(fold, span, group, walk.filter.as_deref(), value);
        if let Some(rule) = &mut self.rule {
            rule.group = None;
        }
        self.close_scope(outer);
        self.floor = floor;
        part
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
            (Fold::Any | Fold::All, value) => {
                // Some that hold, or none that does not.
                let truth = match value {
                    Some(value) => self.truth(value, "what `any` and `all` ask")?,
                    None => Typed::value(Value::Bool(fold == Fold::Any)),
                };
                let truth = match fold {
                    Fold::Any => truth,
                    _ => Typed::new(truth.ty, Kind::Unary(diptych_protocol::body::Unary::Not, Box::new(truth))),
                };
                let filter = match filter {
                    Some(a) => Typed { ty: truth.ty, kind: Kind::Binary(Binary::And, Box::new(a), Box::new(truth)) },
                    None => truth,
                };
                return Some(Part { group, filter: Some(filter), value: None });
            }
            (Fold::Sum | Fold::Mean | Fold::Min | Fold::Max, Some(value)) => {
                let at = value.span;
                let typed = self.single(value, None)?;
                if typed.ty.scalar == Scalar::Bool || typed.ty.sort != Sort::Plain {
                    let message = format!("`{}` takes numbers, not `{}`", fold.word(), self.type_name(typed.ty));
                    let error = Diagnostic::error(codes::E0302, at, message);
                    self.diagnostics.push(error.help("count instead: `count(G where ...)`"));
                    return None;
                }
                Some(typed)
            }
            (Fold::ArgMin | Fold::ArgMax | Fold::Pick, _) => {
                let message = format!("`{}` is no signal: it gives a row", fold.word());
                self.diagnostics.push(Diagnostic::error(codes::E0415, span, message));
                return None;
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
    fn reduced(&mut self, fold: Fold, span: Span, parts: &[Part]) -> Option<Typed> {
        let count = |checker: &mut Self| checker.total(Reduce::Count, None, parts, span);
        let value = parts.first()?.value.as_ref();
        let Some(value) = value else {
            let count = count(self).converted(Scalar::U32);
            let op = match fold {
                Fold::Any => Compare::Gt,
                Fold::All => Compare::Eq,
                _ => return Some(count),
            };
            let none = Typed { ty: count.ty, kind: Kind::Const(vec![Value::U32(0)]) };
            let kind = Kind::Compare(op, Box::new(count), Box::new(none));
            return Some(Typed { ty: Type::scalar(Scalar::Bool), kind });
        };
        let lanes = value.ty.lanes;
        if let Some(other) = parts.iter().filter_map(|part| part.value.as_ref()).find(|it| it.ty.lanes != lanes) {
            let (first, other) = (self.type_name(value.ty), self.type_name(other.ty));
            let message = format!("of one group this is `{first}`, of another `{other}`");
            self.diagnostics.push(Diagnostic::error(codes::E0301, span, message));
            return None;
        }
        let how = match fold {
            Fold::Sum => Reduce::Sum,
            // The mean of all is no mean of means.
            Fold::Mean if parts.len() > 1 => Reduce::Sum,
            Fold::Mean => Reduce::Mean,
            Fold::Min => Reduce::Min,
            _ => Reduce::Max,
        };
        let mut results: Vec<Typed> = (0..lanes).map(|lane| self.total(how, Some(lane), parts, span)).collect();
        if fold == Fold::Mean && parts.len() > 1 {
            let count = count(self);
            let mean = |sum: Typed| Typed {
                ty: sum.ty,
                kind: Kind::Binary(Binary::Div, Box::new(sum), Box::new(count.clone())),
            };
            results = results.into_iter().map(mean).collect();
        }
        match <[Typed; 1]>::try_from(results) {
            Ok([one]) => Some(one),
            Err(lanes) => {
                let ty = Type::vector(Scalar::F64, lanes.len() as u8);
                Some(Typed { ty, kind: Kind::Vector(lanes) })
            }
        }
    }

    /// One lane of all parts, put together.
    fn total(&mut self, how: Reduce, lane: Option<u8>, parts: &[Part], span: Span) -> Typed {
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
            self.reduce(part.group, how, value, part.filter.clone(), span)
        });
        let both = |a: Typed, b: Typed| Typed { ty: a.ty, kind: Kind::Binary(op, Box::new(a), Box::new(b)) };
        totals.reduce(both).unwrap_or(Typed::zero(Type::scalar(Scalar::F64)))
    }

    /// A reduction, or an equal one from before.
    fn reduce(&mut self, group: usize, how: Reduce, value: Option<Typed>, filter: Option<Typed>, span: Span) -> Typed {
        let known = self.model.reductions.iter().position(|reduction| {
            reduction.group == group && reduction.how == how && reduction.value == value && reduction.filter == filter
        });
        let at = known.unwrap_or_else(|| {
            self.model.reductions.push(Reduction { group, how, value, filter, span });
            self.model.reductions.len() - 1
        });
        Typed { ty: Type::scalar(Scalar::F64), kind: Kind::Reduced(at) }
    }
}
