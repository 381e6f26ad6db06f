//! Checking loops over rows and ranges, and loops as values.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::id::{GroupId, Id};
use diptych_protocol::limits::NEAREST_MAX;
use diptych_protocol::program::{Reach, Span, When};
use diptych_protocol::space::Edge;
use diptych_protocol::types::{NO_ROW, Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::Meaning;
use crate::syntax::ast::{self, Expr, ExprKind, Fold, Query};
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::rules::{LocalInfo, Named, TurnInfo};
use crate::types::typed::{Checked, Draw, Function, Kind, Local, Over, Step, Turn, Typed, Walk};
use crate::types::{Index, IndexKind, Inverse, Origin, Place, Read};

/// How deep loops nest.
const LOOPS_MAX: usize = 4;

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
        self.turns.push(TurnInfo { group, own: false, spatial, far, cells });
        let outer = self.scope.len();
        if let Some(variable) = &walk.variable {
            self.scope.push((variable.text.clone(), Named::Turn(turn)));
        }
        if let Some(rule) = &mut self.rule {
            rule.open.push(turn);
        }
        let filter = walk.filter.as_ref().map(|filter| self.truth(filter, "what follows `where`"));
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

    fn query(&mut self, name: &ast::Name, group: usize, own: usize, query: &Query, span: Span) -> Option<Over> {
        let wrong = |span, message: String| Diagnostic::error(codes::E0518, span, message);
        match query {
            Query::All => {
                if let Origin::Buckets(index) = self.model.groups[group].origin {
                    self.asks_index(index);
                }
                Some(Over::Group(group))
            }
            Query::Within { radius, of } => {
                let (when, point) = self.measured_from(name, group, own, of.as_deref(), "within", span)?;
                let ty = Type::scalar(Scalar::F32);
                let checked = self.check(radius, Some(Scalar::F32));
                let typed = coerce(checked, ty, radius.span, "a radius", self.diagnostics)?;
                let Some(value) = typed.scalar() else {
                    if self.in_a_loop() {
                        let error = wrong(radius.span, "in another loop, a radius is a constant".into());
                        let all = "take the largest one, and leave out what is too far: `where distance(x) <= r`";
                        self.diagnostics.push(error.help(all));
                        return None;
                    }
                    let index = self.index_over(group, when, span, true);
                    return Some(Over::Within { index, radius: typed, point });
                };
                let reach = value.as_f64();
                if !(reach > 0.0 && reach.is_finite()) {
                    let error = wrong(radius.span, format!("a radius of {reach}: it must be above 0 and finite"));
                    self.diagnostics.push(error);
                    return None;
                }
                self.fits_torus(reach, radius.span)?;
                let index = self.index_over(group, when, span, point.is_some());
                Some(Over::Within { index, radius: typed, point })
            }
            Query::Nearest { count, of } => {
                let (when, point) = self.measured_from(name, group, own, of.as_deref(), "nearest", span)?;
                let wide = |member: &&super::Member| member.position && member.ty.scalar == Scalar::F64;
                if self.model.groups[group].members.iter().any(|member| wide(&member)) {
                    let error = wrong(span, "`nearest` among positions of `f64` is not supported yet".into());
                    self.diagnostics.push(error.help("use `within`, or positions of `f32`"));
                    return None;
                }
                match self.check(count, None) {
                    Checked::Error => return None,
                    Checked::Typed(typed) if typed.ty.scalar.is_integer() && typed.scalar().is_none() => {
                        let error = wrong(count.span, "the number of nearest rows is a constant".into());
                        self.diagnostics.push(
                            error.help("take the largest one, and count those that were met: `if near < k { ... }`"),
                        );
                        return None;
                    }
                    _ => {}
                }
                let most = u64::from(NEAREST_MAX);
                let count = self.integer(count, "the number of nearest rows", 1..=most, codes::E0518)?;
                let index = self.index_over(group, when, span, true);
                Some(Over::Nearest { index, count: count as u16, point })
            }
            Query::Far(tree) => self.far_over(name, group, own, tree),
            Query::Around { beside, steps } => self.cells_around(name, group, own, *beside, steps),
            Query::By { fresh, column } => match self.names.meaning(&column.text) {
                Some(Meaning::Index(index)) => self.bucket_over(name, group, own, index, *fresh, column),
                _ => self.inverse_over(group, own, *fresh, column, span),
            },
        }
    }

    fn fits_torus(&mut self, reach: f64, span: Span) -> Option<()> {
        let space = self.space?;
        if space.edge != Edge::Torus {
            return Some(());
        }
        let half = (0..usize::from(space.dimensions)).map(|axis| 0.5 * space.side(axis)).fold(f32::INFINITY, f32::min);
        if reach <= f64::from(half) {
            return Some(());
        }
        let message =
            format!("a radius of {reach} on a torus whose half side is {half}: neighbours would be met twice");
        let error = Diagnostic::error(codes::E0518, span, message);
        self.diagnostics.push(error.help("use a larger space or a smaller radius"));
        None
    }

    /// Whether a loop is open around what is checked now.
    fn in_a_loop(&self) -> bool {
        self.rule.as_ref().is_some_and(|rule| !rule.open.is_empty())
    }

    /// A point that distances are measured from.
    fn asked_point(&mut self, of: &Expr, ty: Type) -> Option<Typed> {
        if self.in_a_loop() {
            let error = Diagnostic::error(
                codes::E0518,
                of.span,
                "in another loop, distances are measured from the own position",
            );
            let all = "let another system compute what is around the point, or look around outside of the loop";
            self.diagnostics.push(error.help(all));
            return None;
        }
        let checked = self.check(of, Some(ty.scalar));
        let typed = coerce(checked, ty, of.span, "the point that distances are measured from", self.diagnostics)?;
        let torus = self.space.is_some_and(|space| space.edge == Edge::Torus);
        Some(if torus { Typed { ty, kind: Kind::Call(Function::Wrap, vec![typed]) } } else { typed })
    }

    /// Checks that there are positions, and says which ones distances are between: of which state, and the point that
    /// they are measured from if that is not the own position.
    fn measured_from(
        &mut self,
        name: &ast::Name,
        group: usize,
        own: usize,
        of: Option<&Expr>,
        word: &str,
        span: Span,
    ) -> Option<(When, Option<Typed>)> {
        let has_position =
            |it: usize, checker: &Self| checker.model.groups[it].members.iter().any(|member| member.position);
        if let Some(of) = of.filter(|of| !self.is_own_position(own, of))
            && has_position(group, self)
        {
            let found = self.model.groups[group].members.iter().position(|member| member.position)?;
            let ty = self.model.groups[group].members[found].ty;
            let point = self.asked_point(of, ty)?;
            if let Some(rule) = &mut self.rule {
                rule.note(Read { place: Place { group, member: found }, when: When::Prev, reach: Reach::Any, span });
            }
            return Some((When::Prev, Some(point)));
        }
        for (it, whose) in [(group, "the rows that are looked for"), (own, "the system's own rows")] {
            if !self.model.groups[it].members.iter().any(|member| member.position) {
                let message = format!("`{word}`: group `{}`, {whose}, has no position", self.model.groups[it].name);
                let error = Diagnostic::error(codes::E0518, name.span, message);
                let all = match self.rasters.get(it) {
                    Some(Some(_)) => "neighbours of cells are `around` and `beside` them",
                    _ => "mark one in the group, `position Position = ...`, or leave the query out to meet all rows",
                };
                self.diagnostics.push(error.help(all));
                return None;
            }
        }
        let ty = |group: usize| self.model.groups[group].members.iter().find(|member| member.position).map(|m| m.ty);
        if ty(own) != ty(group) {
            let message = format!("`{word}`: the positions of both groups have one type");
            let error = Diagnostic::error(codes::E0518, name.span, message);
            self.diagnostics.push(error.help("declare one component, and use it in both"));
            return None;
        }
        let when = match of.map(|of| &of.kind) {
            Some(ExprKind::Fresh(_)) => When::Fresh,
            _ => When::Prev,
        };
        self.note_positions(group, own, when, of.map_or(span, |of| of.span))?;
        Some((when, None))
    }

    /// Notes that distances are between these positions of two groups, `prev` or fresh; says so where they cannot be.
    pub(super) fn note_positions(&mut self, group: usize, own: usize, when: When, span: Span) -> Option<()> {
        for it in [group, own] {
            let at = self.model.groups[it].members.iter().position(|member| member.position)?;
            let member = &self.model.groups[it].members[at];
            let place = Place { group: it, member: at };
            let (name, owner) = (member.name.clone(), member.owner.map(|(owner, _)| owner));
            let system = self.rule.as_ref().and_then(|rule| rule.system);
            if when == When::Fresh && (owner.is_none() || owner == system) {
                let message = match owner {
                    None => format!("no system owns `{name}`: there are no fresh positions"),
                    Some(_) => format!("`{name}` is what the system itself makes"),
                };
                let error = Diagnostic::error(codes::E0518, span, message);
                self.diagnostics.push(error.help(match owner {
                    None => "leave `of fresh` out",
                    Some(_) => "leave `of fresh` out, or look around in a second system",
                }));
                return None;
            }
            if let Some(rule) = &mut self.rule {
                let own_row = Read { place, when, reach: Reach::Own, span };
                let any_row = Read { place, when, reach: Reach::Any, span };
                if it == own {
                    rule.note(own_row);
                }
                if it == group {
                    rule.note(any_row);
                }
            }
        }
        Some(())
    }

    /// Whether an expression is the own position, or what this frame makes of it.
    fn is_own_position(&self, own: usize, of: &Expr) -> bool {
        let Some(mine) = self.model.groups[own].members.iter().find(|member| member.position) else { return false };
        let named = |of: &Expr| matches!(&of.kind, ExprKind::Name(name) if *name == *mine.component);
        match &of.kind {
            ExprKind::Fresh(inner) => named(inner),
            _ => named(of),
        }
    }

    /// The index over a group's positions: a declared one, or one that is made for the purpose. The nearest are found by
    /// a tree; what is within a radius rather by a declared grid, if there is one.
    fn index_over(&mut self, group: usize, when: When, span: Span, nearest: bool) -> usize {
        let find = |grid: bool| {
            let fits = |index: &Index| index.group == group && index.when == when;
            let is_grid = |index: &Index| matches!(index.kind, IndexKind::Grid { .. });
            self.model.indexes.iter().position(|index| fits(index) && is_grid(index) == grid)
        };
        let known = if nearest { find(false) } else { find(true).or_else(|| find(false)) };
        let index = known.unwrap_or_else(|| {
            let name = match when {
                When::Prev => format!("{} neighbours", self.model.groups[group].name),
                When::Fresh => format!("{} fresh neighbours", self.model.groups[group].name),
            };
            let kind = IndexKind::Tree { bucket_rows: super::groups::BUCKET_NEIGHBOURS };
            self.model.indexes.push(Index {
                name,
                span,
                group,
                when,
                kind,
                summary: None,
                buckets: None,
                declared: false,
            });
            self.model.indexes.len() - 1
        });
        self.asks_index(index);
        index
    }

    /// Notes that an index is asked.
    pub(super) fn asks_index(&mut self, index: usize) {
        if let Some(rule) = &mut self.rule
            && !rule.indexes.contains(&index)
        {
            rule.indexes.push(index);
        }
    }

    /// `by tree`: what the buckets of an index tie to the own row.
    fn bucket_over(
        &mut self,
        name: &ast::Name,
        group: usize,
        own: usize,
        index: usize,
        fresh: bool,
        column: &ast::Name,
    ) -> Option<Over> {
        if matches!(self.model.indexes.get(index)?.kind, IndexKind::Grid { .. }) {
            let message = format!("`by {}`: it is a grid, which has no buckets", column.text);
            let error = Diagnostic::error(codes::E0518, column.span, message);
            self.diagnostics.push(error.help("what is near by is `within` a radius; buckets are those of a `kdtree`"));
            return None;
        }
        let (indexed, buckets) = (self.model.indexes[index].group, self.model.indexes[index].buckets);
        let over = match (group == indexed, own == indexed) {
            (true, true) => Over::Members(index),
            (true, false) if buckets == Some(own) => Over::Members(index),
            (false, true) if buckets == Some(group) => Over::Holder(index),
            _ => {
                let own = self.model.groups[own].name;
                let message =
                    format!("`by {}`: the index ties no rows of `{}` to rows of `{own}`", column.text, name.text);
                let error = Diagnostic::error(codes::E0518, column.span, message);
                self.diagnostics.push(error.help(format!(
                    "it ties rows of `{}` to each other, and to a group `buckets of {}`",
                    self.model.groups[indexed].name, column.text
                )));
                return None;
            }
        };
        if fresh {
            let message = "an index is fresh, or not, where it is declared";
            let error = Diagnostic::error(codes::E0518, column.span, message);
            self.diagnostics.push(error.help(format!("say `by {}`", column.text)));
            return None;
        }
        self.asks_index(index);
        Some(over)
    }

    fn inverse_over(&mut self, group: usize, own: usize, fresh: bool, column: &ast::Name, span: Span) -> Option<Over> {
        let Some(member) = self.model.groups[group].member(&column.text) else {
            let message = format!("group `{}` has no component `{}`", self.model.groups[group].name, column.text);
            self.diagnostics.push(Diagnostic::error(codes::E0506, column.span, message));
            return None;
        };
        let (ty, owner) = {
            let member = &self.model.groups[group].members[member];
            (member.ty, member.owner.map(|(owner, _)| owner))
        };
        if self.model.groups[group].origin != Origin::Blueprint {
            let message = format!(
                "rows of `{}` are made anew each frame: none is found by what it refers to",
                self.model.groups[group].name
            );
            let error = Diagnostic::error(codes::E0518, column.span, message);
            self.diagnostics
                .push(error.help("go over all of them, or say `by` and the index that they are buckets of"));
            return None;
        }
        if ty.sort != Sort::Entity(GroupId::new(own as u32)) {
            let own = self.model.groups[own].name;
            let message =
                format!("`by {}`: it is `{}`, not a reference to rows of `{own}`", column.text, self.type_name(ty));
            let error = Diagnostic::error(codes::E0518, column.span, message);
            self.diagnostics.push(error.help(format!("declare it so: `component {} = entity of {own}`", column.text)));
            return None;
        }
        let when = if fresh { When::Fresh } else { When::Prev };
        if fresh && (owner.is_none() || owner == self.rule.as_ref().and_then(|rule| rule.system)) {
            let message = format!("`{}` has no fresh value here", column.text);
            let error = Diagnostic::error(codes::E0507, column.span, message);
            self.diagnostics.push(error.help("another system must own it; or leave `fresh` out"));
            return None;
        }
        let place = Place { group, member };
        let known = self.model.inverses.iter().position(|inverse| inverse.place == place && inverse.when == when);
        let inverse = known.unwrap_or_else(|| {
            let by = if fresh { "by fresh" } else { "by" };
            let name = format!("{} {by} {}", self.model.groups[group].name, column.text);
            self.model.inverses.push(Inverse { name, span, place, when, to: own });
            self.model.inverses.len() - 1
        });
        if let Some(rule) = &mut self.rule {
            rule.note(Read { place, when, reach: Reach::Any, span });
            if !rule.inverses.contains(&inverse) {
                rule.inverses.push(inverse);
            }
        }
        Some(Over::By { inverse })
    }

    /// A hidden variable.
    fn hidden(&mut self, name: &str, span: Span, ty: Type) -> Local {
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
        if self.rule.as_ref().is_some_and(|rule| rule.system.is_none()) {
            return self.reduction(fold, span, walk, value);
        }
        let Some((walk, outer)) = self.open_walk(walk) else { return Checked::Error };
        let result = self.folded(fold, span, walk, value, expected);
        self.close_walk(outer);
        result.map_or(Checked::Error, Checked::Typed)
    }

    fn folded(
        &mut self,
        fold: Fold,
        span: Span,
        mut walk: Walk,
        value: Option<&Expr>,
        expected: Option<Scalar>,
    ) -> Option<Typed> {
        let (bool, u32) = (Type::scalar(Scalar::Bool), Type::scalar(Scalar::U32));
        let one = matches!(fold, Fold::ArgMin | Fold::ArgMax | Fold::Pick);
        let single = one.then(|| self.no_single_row(walk.turn, span)).flatten();
        if let Some(error) = single.or_else(|| (fold == Fold::Pick).then(|| self.no_draw(span)).flatten()) {
            self.diagnostics.push(error);
            return None;
        }
        let value = match (fold, value) {
            (Fold::Any | Fold::All, Some(value)) => Some(self.truth(value, "what `any` and `all` ask")?),
            (Fold::Count | Fold::Pick, Some(value)) => {
                let message = format!("`{}` takes no value", fold.word());
                let error = Diagnostic::error(codes::E0303, value.span, message);
                self.diagnostics.push(error.help("say which rows count: `where ...`"));
                return None;
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
        };
        let local = |ty: Type, local: Local| Typed { ty, kind: Kind::Local(local) };
        let binary = |op: Binary, a: Typed, b: Typed| {
            let ty = a.ty;
            Typed { ty, kind: Kind::Binary(op, Box::new(a), Box::new(b)) }
        };
        let one = Typed::value(Value::U32(1));
        // Turns that are unrolled need no choice where a truth value says as much.
        let filter = walk
            .filter
            .take_if(|_| matches!(walk.over, Over::Around(_)) && matches!(fold, Fold::Count | Fold::Any | Fold::All));
        let turn = walk.turn;
        let mut before = Vec::new();
        let mut turns = Vec::new();
        let result = match (fold, value) {
            (Fold::Count, _) => {
                let count = self.hidden("count", span, u32);
                before.push(Step::Set(count, Typed::value(Value::U32(0))));
                let one = filter.map_or(one, |filter| filter.converted(Scalar::U32));
                turns.push(Step::Set(count, binary(Binary::Add, local(u32, count), one)));
                local(u32, count)
            }
            (Fold::Any | Fold::All, value) => {
                let (start, op) = if fold == Fold::Any { (false, Binary::Or) } else { (true, Binary::And) };
                let found = self.hidden("found", span, bool);
                before.push(Step::Set(found, Typed::value(Value::Bool(start))));
                let value = value.unwrap_or(Typed::value(Value::Bool(true)));
                let value = match (filter, fold) {
                    (None, _) => value,
                    (Some(filter), Fold::Any) => binary(Binary::And, filter, value),
                    (Some(filter), _) => {
                        let not = Typed::new(bool, Kind::Unary(Unary::Not, Box::new(filter)));
                        binary(Binary::Or, not, value)
                    }
                };
                turns.push(Step::Set(found, binary(op, local(bool, found), value)));
                local(bool, found)
            }
            (Fold::Sum, Some(value)) => {
                let ty = value.ty;
                let sum = self.hidden("sum", span, ty);
                before.push(Step::Set(sum, Typed::zero(ty)));
                turns.push(Step::Set(sum, binary(Binary::Add, local(ty, sum), value)));
                local(ty, sum)
            }
            (Fold::Mean, Some(value)) => {
                // Integers are summed as they are, and divided as floats.
                let ty = value.ty;
                let (sum, count) = (self.hidden("sum", span, ty), self.hidden("count", span, u32));
                before.push(Step::Set(sum, Typed::zero(ty)));
                before.push(Step::Set(count, Typed::value(Value::U32(0))));
                turns.push(Step::Set(sum, binary(Binary::Add, local(ty, sum), value)));
                turns.push(Step::Set(count, binary(Binary::Add, local(u32, count), one)));
                let scalar = if ty.scalar.is_float() { ty.scalar } else { Scalar::F32 };
                let (sum, count) = (local(ty, sum).converted(scalar), local(u32, count).converted(scalar));
                binary(Binary::Div, sum, count)
            }
            (Fold::Min | Fold::Max, Some(value)) => {
                let op = if fold == Fold::Min { Binary::Min } else { Binary::Max };
                let ty = value.ty;
                let best = self.hidden("best", span, ty);
                before.push(Step::Set(best, Typed::extreme(ty, fold == Fold::Min)));
                turns.push(Step::Set(best, binary(op, local(ty, best), value)));
                local(ty, best)
            }
            (Fold::ArgMin | Fold::ArgMax | Fold::Pick, value) => {
                let group = self.turns[turn.0].group;
                let Some(group) = group else {
                    let message = format!("`{}` gives a row: it goes over rows, not over a range", fold.word());
                    self.diagnostics.push(Diagnostic::error(codes::E0302, span, message));
                    return None;
                };
                let value = value.unwrap_or_else(|| {
                    let f32 = Type::scalar(Scalar::F32);
                    let bounds = vec![Typed::value(Value::F32(0.0)), Typed::value(Value::F32(1.0))];
                    self.drawn(f32, Draw::Uniform, bounds)
                });
                let least = fold != Fold::ArgMax;
                let (ty, row) = (value.ty, Type::entity(GroupId::new(group as u32)));
                let (best, who) = (self.hidden("best", span, ty), self.hidden("who", span, row));
                let now = self.hidden("now", span, ty);
                before.push(Step::Set(best, Typed::extreme(ty, least)));
                before.push(Step::Set(who, Typed { ty: row, kind: Kind::Const(vec![Value::U32(NO_ROW)]) }));
                turns.push(Step::Set(now, value));
                let op = if least { Compare::Lt } else { Compare::Gt };
                let nearer = Kind::Compare(op, Box::new(local(ty, now)), Box::new(local(ty, best)));
                // The first one counts also where its value is the extreme itself.
                let none = Typed { ty: row, kind: Kind::Const(vec![Value::U32(NO_ROW)]) };
                let first = Kind::Compare(Compare::Eq, Box::new(local(row, who)), Box::new(none));
                let number = Kind::Compare(Compare::Eq, Box::new(local(ty, now)), Box::new(local(ty, now)));
                let first = binary(Binary::And, Typed { ty: bool, kind: first }, Typed { ty: bool, kind: number });
                let better = binary(Binary::Or, Typed { ty: bool, kind: nearer }, first);
                let other = Typed { ty: row, kind: Kind::Other(turn) };
                let change = vec![Step::Set(best, local(ty, now)), Step::Set(who, other)];
                turns.push(Step::If(better, change, Vec::new()));
                local(row, who)
            }
            _ => return None,
        };
        before.push(Step::Loop(Box::new(walk), turns));
        Some(Typed { ty: result.ty, kind: Kind::Block(before, Box::new(result)) })
    }
}
