//! Checking which rows a loop asks for: within a radius, the nearest, those of a bucket, those that refer to the own row.

use diptych_protocol::id::{GroupId, Id};
use diptych_protocol::limits::NEAREST_MAX;
use diptych_protocol::program::{Reach, Span, When};
use diptych_protocol::space::Edge;
use diptych_protocol::types::{Scalar, Sort, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::resolve::Meaning;
use crate::syntax::ast::{self, Expr, ExprKind, Query};
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Function, Kind, Over, Typed};
use crate::types::{Index, IndexKind, Inverse, Origin, Place, Read};

impl<'a> Checker<'a, '_> {
    pub(super) fn query(
        &mut self,
        name: &ast::Name,
        group: usize,
        own: usize,
        query: &Query,
        span: Span,
    ) -> Option<Over> {
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
}
