//! Checking loops over rows and ranges, and loops as values.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::lower::assigned;
use crate::syntax::ast::{self, Expr, Fold};
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::rules::{LocalInfo, Named, TurnInfo};
use crate::types::typed::{Checked, Draw, Kind, Local, Over, Step, Turn, Typed, Walk};

/// How deep loops nest.
const LOOPS_MAX: usize = 4;

/// The most turns that a loop makes, where that is known when compiled.
fn most_turns(over: &Over) -> Option<u32> {
    let known = |value: &Typed| value.scalar().map(|value| value.as_f64());
    // `min(n, 4)` is at most 4.
    let end = |value: &Typed| match &value.kind {
        Kind::Binary(Binary::Min, a, b) => known(a).or_else(|| known(b)),
        Kind::Convert(inner) if inner.ty.scalar.is_integer() => match &inner.kind {
            Kind::Binary(Binary::Min, a, b) => known(a).or_else(|| known(b)),
            _ => None,
        },
        _ => known(value),
    };
    match over {
        Over::Range { first, end: last } => Some((end(last)? - known(first)?).clamp(0.0, f64::from(u32::MAX)) as u32),
        Over::Nearest { count, .. } => Some(u32::from(*count)),
        Over::Around(offsets) => Some(offsets.len() as u32),
        Over::Holder(_) => Some(1),
        Over::Group(_) | Over::Within { .. } | Over::By { .. } | Over::Far(_) | Over::Members(_) => None,
    }
}

impl<'a> Checker<'a, '_> {
    /// Opens a loop: its variable is known until it is closed. Gives what to close it with.
    pub(super) fn open_walk(&mut self, walk: &ast::Walk) -> Option<(Walk, usize)> {
        let own = match &self.rule {
            Some(rule) if rule.system.is_some() => rule.group,
            _ => {
                self.outside_system("a loop", walk.span);
                return None;
            }
        };
        let depth = self.rule.as_ref().map_or(0, |rule| rule.open.len());
        if depth >= LOOPS_MAX {
            let message = format!("loops nest deeper than {LOOPS_MAX}");
            let error = Diagnostic::error(codes::E0106, walk.span, message);
            self.diagnostics.push(error.help("let another system gather a part of it in a component of its own"));
            return None;
        }
        let turn = Turn(self.turns.len());
        let (over, group) = match &walk.over {
            ast::Over::Range(first, end) => (self.range(first, end)?, None),
            ast::Over::Rows(name, query) => {
                if self.floor.is_some() {
                    self.outside_system("a loop over rows", walk.span);
                    return None;
                }
                if self.of_another_row("what is around", walk.span) {
                    return None;
                }
                if self.rule.as_ref().is_some_and(|rule| rule.filters) {
                    self.beyond_filter(walk.span);
                    return None;
                }
                let group = self.names.group(name, self.diagnostics)?;
                (self.query(name, group, own?, query, walk.span)?, Some(group))
            }
        };
        let spatial = matches!(over, Over::Within { .. } | Over::Nearest { .. } | Over::Far(_));
        let far = if let Over::Far(index) = over { Some(index) } else { None };
        let cells = match &over {
            Over::Around(offsets) => Some(offsets.len() as u32),
            _ => None,
        };
        let nearest = matches!(over, Over::Nearest { .. });
        if let (Some(filter), true, true) = (&walk.filter, nearest, depth > 0) {
            let error = Diagnostic::error(codes::E0518, filter.span, "in another loop, `nearest` takes no `where`");
            let all = "look around outside of that loop; or find the nearest of all, and say `if ...` inside";
            self.diagnostics.push(error.help(all));
            return None;
        }
        let most = most_turns(&over);
        self.turns.push(TurnInfo { group, own: false, spatial, far, cells, most, decided: Vec::new() });
        let outer = self.scope.len();
        if let Some(variable) = &walk.variable {
            self.scope.push((variable.text.clone(), Named::Turn(turn)));
        }
        if let Some(rule) = &mut self.rule {
            rule.open.push(turn);
        }
        let looked = |locals: &[LocalInfo]| locals.iter().map(|local| local.used).collect::<Vec<_>>();
        let before = looked(&self.locals);
        if nearest {
            self.locals.iter_mut().for_each(|local| local.used = false);
        }
        let filter = walk.filter.as_ref().map(|filter| self.truth(filter, "what follows `where`"));
        if nearest {
            let all = looked(&self.locals).into_iter().enumerate();
            self.turns[turn.0].decided = all.filter(|(_, used)| *used).map(|(at, _)| Local(at)).collect();
            self.locals.iter_mut().zip(before).for_each(|(local, before)| local.used |= before);
        }
        let filter = match filter {
            Some(None) => {
                self.close_walk(outer);
                return None;
            }
            Some(filter) => filter,
            None => None,
        };
        Some((Walk { turn, over, filter }, outer))
    }

    /// Says where the turns of a loop change what decides which rows are the nearest: these are found before the first.
    pub(super) fn decided_before(&mut self, walk: &ast::Walk, turn: Turn, turns: &[Step]) {
        let Some(filter) = &walk.filter else { return };
        let mut changed = Vec::new();
        assigned(turns, &mut changed);
        if let Some(local) = self.turns[turn.0].decided.iter().find(|local| changed.contains(local)) {
            let name = &self.locals[local.0].name;
            let message =
                format!("the loop changes `{name}`: which rows are the nearest is found before its first turn");
            let error = Diagnostic::error(codes::E0518, filter.span, message);
            self.diagnostics.push(error.help("find the nearest of all, and say `if ...` in the loop"));
        }
    }

    /// Closes a loop.
    pub(super) fn close_walk(&mut self, outer: usize) {
        self.close_scope(outer);
        if let Some(rule) = &mut self.rule {
            rule.open.pop();
        }
    }

    fn range(&mut self, first: &Expr, end: &Expr) -> Option<Over> {
        let mut ends = Vec::new();
        for end in [first, end] {
            let checked = self.check(end, Some(Scalar::I32));
            let typed = match checked {
                Checked::Typed(typed) if typed.ty.scalar.is_integer() && typed.ty.lanes == 1 => {
                    typed.converted(Scalar::I32)
                }
                Checked::Int(_) => {
                    coerce(checked, Type::scalar(Scalar::I32), end.span, "the end of a range", self.diagnostics)?
                }
                Checked::Error => return None,
                other => {
                    let message =
                        format!("a range has integers as its ends, not {}", other.called(&self.diagnostics.types));
                    let error = Diagnostic::error(codes::E0304, end.span, message);
                    self.diagnostics.push(error.help("convert it: `i32(...)`"));
                    return None;
                }
            };
            ends.push(typed);
        }
        let end = ends.pop()?;
        Some(Over::Range { first: ends.pop()?, end })
    }

    /// A hidden variable.
    pub(super) fn hidden(&mut self, name: &str, span: Span, ty: Type) -> Local {
        self.locals.push(LocalInfo { name: name.into(), span, ty, mutable: true, used: true });
        Local(self.locals.len() - 1)
    }

    /// `sum(x in G within r where c : e)`
    pub(super) fn fold(
        &mut self,
        fold: Fold,
        span: Span,
        walk: &ast::Walk,
        value: Option<&Expr>,
        expected: Option<Scalar>,
    ) -> Checked {
        if fold.is_of_all() {
            let message = format!("`{}` is of all rows of a finished state", fold.word());
            let error = Diagnostic::error(codes::E0415, span, message);
            let example = format!("name it outside: `signal s = {}(...)`, and use it here", fold.word());
            return self.error(error.help(example));
        }
        if self.no_common_row(fold, walk) {
            return Checked::Error;
        }
        let (mut walks, mut wrong) = (Vec::new(), false);
        self.each_walk(walk, |checker, walk| {
            let Some((walk, outer)) = checker.open_walk(walk) else {
                wrong = true;
                return;
            };
            match checker.of_each(fold, span, walk.turn, value, expected) {
                Some(value) => walks.push((walk, value)),
                None => wrong = true,
            }
            checker.close_walk(outer);
        });
        if wrong || walks.is_empty() || !self.of_one_type(&walks, value) {
            return Checked::Error;
        }
        self.folded(fold, span, walks).map_or(Checked::Error, Checked::Typed)
    }

    /// What a fold takes of each row, if it takes something.
    #[expect(clippy::option_option, reason = "an error, nothing, or a value")]
    fn of_each(
        &mut self,
        fold: Fold,
        span: Span,
        turn: Turn,
        value: Option<&Expr>,
        expected: Option<Scalar>,
    ) -> Option<Option<Typed>> {
        let one = matches!(fold, Fold::ArgMin | Fold::ArgMax | Fold::Pick);
        let single = one.then(|| self.no_single_row(turn, span)).flatten();
        if let Some(error) = single.or_else(|| (fold == Fold::Pick).then(|| self.no_draw(span)).flatten()) {
            self.diagnostics.push(error);
            return None;
        }
        Some(match (fold, value) {
            (Fold::Any | Fold::All, Some(value)) => Some(self.truth(value, "what `any` and `all` ask")?),
            (Fold::Count | Fold::Pick, Some(value)) => {
                let message = format!("`{}` takes no value", fold.word());
                let error = Diagnostic::error(codes::E0303, value.span, message);
                self.diagnostics.push(error.help("say which rows count: `where ...`"));
                return None;
            }
            (Fold::Pick, None) if self.turns[turn.0].group.is_some() => {
                let bounds = vec![Typed::value(Value::F32(0.0)), Typed::value(Value::F32(1.0))];
                Some(self.drawn(Type::scalar(Scalar::F32), Draw::Uniform, bounds))
            }
            (Fold::Count | Fold::Pick | Fold::Any, None) => None,
            (_, Some(value)) => {
                let at = value.span;
                let typed = self.single(value, expected)?;
                let lanes = matches!(fold, Fold::ArgMin | Fold::ArgMax);
                if typed.ty.scalar == Scalar::Bool || typed.ty.sort != Sort::Plain || (lanes && typed.ty.lanes > 1) {
                    let message = format!("`{}` takes numbers, not `{}`", fold.word(), self.type_name(typed.ty));
                    let help = (typed.ty.scalar == Scalar::Bool)
                        .then(|| "count instead: `count(x in G where ...)`".to_string());
                    self.diagnostics.push(Diagnostic::error(codes::E0302, at, message).maybe_help(help));
                    return None;
                }
                Some(typed)
            }
            (_, None) => {
                let message = format!("`{}` needs a value a row", fold.word());
                let error = Diagnostic::error(codes::E0303, span, message);
                self.diagnostics.push(error.help(format!("`{}(x in G : x.Mass)`", fold.word())));
                return None;
            }
        })
    }

    /// Loops one after another, over all groups of what is gone over, that carry the same variables.
    fn folded(&mut self, fold: Fold, span: Span, walks: Vec<(Walk, Option<Typed>)>) -> Option<Typed> {
        let (bool, u32) = (Type::scalar(Scalar::Bool), Type::scalar(Scalar::U32));
        let ty = walks.first()?.1.as_ref().map_or(u32, |value| value.ty);
        let binary = |op: Binary, a: Typed, b: Typed| {
            let ty = a.ty;
            Typed { ty, kind: Kind::Binary(op, Box::new(a), Box::new(b)) }
        };
        let least = fold != Fold::ArgMax;
        // The variables, and what they begin with.
        let variables = match fold {
            Fold::Count => vec![("count", Typed::zero(u32))],
            Fold::Any | Fold::All => vec![("found", Typed::value(Value::Bool(fold == Fold::All)))],
            Fold::Sum => vec![("sum", Typed::zero(ty))],
            Fold::Mean => vec![("sum", Typed::zero(ty)), ("count", Typed::zero(u32))],
            Fold::Min | Fold::Max => vec![("best", Typed::extreme(ty, fold == Fold::Min))],
            Fold::ArgMin | Fold::ArgMax | Fold::Pick => {
                let Some(group) = self.turns[walks.first()?.0.turn.0].group else {
                    let message = format!("`{}` gives a row: it goes over rows, not over a range", fold.word());
                    self.diagnostics.push(Diagnostic::error(codes::E0302, span, message));
                    return None;
                };
                let row = self.names.entity(group);
                vec![("best", Typed::extreme(ty, least)), ("who", Typed::zero(row)), ("now", Typed::zero(ty))]
            }
            // Of finished states alone, and told.
            _ => return None,
        };
        let mut steps = Vec::new();
        let mut carried = Vec::new();
        for (name, start) in variables {
            let variable = self.hidden(name, span, start.ty);
            carried.push((variable, start.ty));
            // What only holds within a turn begins with it.
            if name != "now" {
                steps.push(Step::Set(variable, start));
            }
        }
        let set = |at: usize, value: Typed| Step::Set(carried[at].0, value);
        let old = |at: usize| Typed { ty: carried[at].1, kind: Kind::Local(carried[at].0) };
        for (mut walk, value) in walks {
            // Turns that are unrolled need no choice where a truth value says as much.
            let filter = walk.filter.take_if(|_| {
                matches!(walk.over, Over::Around(_)) && matches!(fold, Fold::Count | Fold::Any | Fold::All)
            });
            let one = || Typed::value(Value::U32(1));
            let turns = match (fold, value) {
                (Fold::Count, _) => {
                    let one = filter.map_or_else(one, |filter| filter.converted(Scalar::U32));
                    vec![set(0, binary(Binary::Add, old(0), one))]
                }
                (Fold::Any | Fold::All, value) => {
                    let op = if fold == Fold::Any { Binary::Or } else { Binary::And };
                    let value = value.unwrap_or(Typed::value(Value::Bool(true)));
                    let value = match (filter, fold) {
                        (None, _) => value,
                        (Some(filter), Fold::Any) => binary(Binary::And, filter, value),
                        (Some(filter), _) => {
                            let not = Typed::new(bool, Kind::Unary(Unary::Not, Box::new(filter)));
                            binary(Binary::Or, not, value)
                        }
                    };
                    vec![set(0, binary(op, old(0), value))]
                }
                (Fold::Sum, Some(value)) => vec![set(0, binary(Binary::Add, old(0), value))],
                (Fold::Mean, Some(value)) => {
                    vec![set(0, binary(Binary::Add, old(0), value)), set(1, binary(Binary::Add, old(1), one()))]
                }
                (Fold::Min, Some(value)) => vec![set(0, binary(Binary::Min, old(0), value))],
                (Fold::Max, Some(value)) => vec![set(0, binary(Binary::Max, old(0), value))],
                (Fold::ArgMin | Fold::ArgMax | Fold::Pick, Some(value)) => {
                    let (best, who, now) = (old(0), old(1), old(2));
                    let row = who.ty;
                    let op = if least { Compare::Lt } else { Compare::Gt };
                    let nearer = Kind::Compare(op, Box::new(now.clone()), Box::new(best));
                    // The first one counts also where its value is the extreme itself.
                    let first = Kind::Compare(Compare::Eq, Box::new(who), Box::new(Typed::zero(row)));
                    let number = Kind::Compare(Compare::Eq, Box::new(now.clone()), Box::new(now.clone()));
                    let first = binary(Binary::And, Typed { ty: bool, kind: first }, Typed { ty: bool, kind: number });
                    let better = binary(Binary::Or, Typed { ty: bool, kind: nearer }, first);
                    let other = Typed { ty: row, kind: Kind::Other(walk.turn) };
                    vec![set(2, value), Step::If(better, vec![set(0, now), set(1, other)], Vec::new())]
                }
                _ => return None,
            };
            steps.push(Step::Loop(Box::new(walk), turns));
        }
        let result = match fold {
            Fold::Mean => {
                // Integers are summed as they are, and divided as floats.
                let scalar = if ty.scalar.is_float() { ty.scalar } else { Scalar::F32 };
                binary(Binary::Div, old(0).converted(scalar), old(1).converted(scalar))
            }
            Fold::ArgMin | Fold::ArgMax | Fold::Pick => old(1),
            _ => old(0),
        };
        Some(Typed { ty: result.ty, kind: Kind::Block(steps, Box::new(result)) })
    }
}
