//! Checking groups and indexes.

use diptych_protocol::kd;
use diptych_protocol::limits::{KD_BUCKETS, ROWS_MAX};
use diptych_protocol::program::{Span, When};
use diptych_protocol::types::{Scalar, Type};

use crate::codes;
use crate::diagnostic::{Diagnostic, Readings};
use crate::syntax::ast::{self, ExprKind, GroupOrigin};
use crate::types::convert::coerce;
use crate::types::expressions::{Checker, RowMember};
use crate::types::optional::where_present;
use crate::types::shapes::Shape;
use crate::types::typed::Typed;
use crate::types::world::said_twice;
use crate::types::{Group, Index, IndexKind, Member, Model, Origin, Role};

/// Rows of a bucket where the scenario says nothing.
const BUCKET_DEFAULT: u32 = 64;
/// Rows of a bucket of an index that is made for neighbours.
pub(super) const BUCKET_NEIGHBOURS: u32 = 32;

impl<'a> Checker<'a, '_> {
    /// All groups. Those of buckets learn their rows from [`Checker::derived`].
    pub(super) fn groups(&mut self, model: &mut Model<'a>) {
        let names = self.names;
        for component in &names.components {
            if let Some(shape) = self.shape(&component.ty) {
                self.shapes.insert(component.name.text.clone(), shape);
            }
        }
        self.all_rasters();
        if names.groups.is_empty() && !self.diagnostics.failed() {
            let error = Diagnostic::error(codes::E0412, names.header, "the scenario has no group: nothing to simulate");
            self.diagnostics.push(error.help("a group is written `group NAME[ROWS] { Component = value }`"));
        }
        let mut readings: Vec<Readings> = names.blueprints.iter().map(|_| Readings::default()).collect();
        for (at, group) in names.groups.iter().enumerate() {
            let before = group.blueprint.is_some().then(|| self.diagnostics.begin_reading());
            let made = self.group(at, group);
            model.groups.push(made);
            let of = names
                .blueprints
                .iter()
                .position(|it| group.blueprint.as_ref().is_some_and(|of| of.text == it.name.text));
            if let (Some(of), Some(before)) = (of, before) {
                readings[of].end(format!("in `{}`", group.name.text), before, self.diagnostics);
            }
        }
        for (readings, blueprint) in readings.into_iter().zip(&names.blueprints) {
            readings.tell(Some(blueprint.span), self.diagnostics);
        }
    }

    fn group(&mut self, at: usize, group: &'a ast::Group) -> Group<'a> {
        let raster = self.rasters.get(at).cloned().flatten();
        let derived = matches!(group.origin, GroupOrigin::Buckets(_));
        let (rows, origin) = match &group.origin {
            GroupOrigin::Rows(rows) => {
                let what = format!("the number of rows of `{}`", group.name.text);
                let least = u64::from(group.max.is_none());
                let rows = self.integer(rows, &what, least..=u64::from(ROWS_MAX), codes::E0406);
                (rows.unwrap_or(1) as u32, Origin::Blueprint)
            }
            GroupOrigin::Cells { .. } => {
                let cells = raster.iter().flat_map(|raster| raster.extents).product();
                (cells, Origin::Blueprint)
            }
            GroupOrigin::File { file, frame } => (self.open_file(file, frame.as_ref()).unwrap_or(1), Origin::Blueprint),
            GroupOrigin::Buckets(index) => {
                let index = self.names.index(index, self.diagnostics);
                (1, Origin::Buckets(index.unwrap_or(usize::MAX)))
            }
        };
        if group.members.is_empty() {
            let message = format!("group `{}` has no component", group.name.text);
            let error = Diagnostic::error(codes::E0412, group.name.span, message);
            self.diagnostics.push(error.help("write `Component = value` between its braces"));
        }
        self.row = (!derived).then(Vec::new);
        self.group = Some(group);
        let mut members: Vec<Member> = Vec::new();
        for member in &group.members {
            self.member(group, member, derived, &mut members);
        }
        for (member, row) in members.iter_mut().zip(self.row.take().unwrap_or_default()) {
            member.used |= row.used;
        }
        self.group = None;
        self.file = None;
        let (rows, first) = match &group.max {
            Some(max) => {
                let what = format!("the most rows of `{}`", group.name.text);
                let most = self.integer(max, &what, u64::from(rows.max(1))..=u64::from(ROWS_MAX), codes::E0406);
                (most.unwrap_or(1) as u32, Some(rows))
            }
            None => (rows, None),
        };
        Group { name: &group.name.text, span: group.name.span, rows, first, origin, raster, members }
    }

    fn member(
        &mut self,
        group: &'a ast::Group,
        member: &'a ast::Member,
        derived: bool,
        members: &mut Vec<Member>,
    ) -> Option<()> {
        let name = &member.component;
        self.names.component(name, self.diagnostics)?;
        if let Some(first) = members.iter().find(|other| other.component == name.text) {
            self.diagnostics.push(said_twice(&name.text, first.span, name.span));
            return None;
        }
        let shape = self.shapes.get(&name.text)?.clone();
        if let Some(span) = member.position {
            match shape.single() {
                Some(ty) => self.position(span, ty, name, derived, members),
                None => {
                    let error =
                        Diagnostic::error(codes::E0407, name.span, format!("{} is no position", shape.describe()));
                    self.diagnostics.push(error.help("positions are `f32`, `vec2` or `vec3`, or those of `f64`"));
                }
            }
        }
        self.draws = 0;
        self.calls = 0;
        let presence = self.presence(member, members);
        let mut values = Vec::new();
        match &member.value {
            Some(value) if derived => {
                let message = format!("`{}` of a derived group is made anew each frame and takes no value", name.text);
                let error = Diagnostic::error(codes::E0410, value.span, message);
                self.diagnostics.push(error.help("a system that owns it gives it its value"));
            }
            Some(value) => self.initial(value, &shape, &name.text, &mut values),
            None if derived || presence.is_some() => {}
            None if self.file.is_some() => {
                let leaves = shape.leaves().into_iter();
                values =
                    leaves.map(|(suffix, ty)| self.leaf_of_file(&format!("{}{suffix}", name.text), ty, name)).collect();
            }
            None => {
                let message = format!("`{}` needs a first value in group `{}`", name.text, group.name.text);
                let error = Diagnostic::error(codes::E0410, name.span, message);
                self.diagnostics.push(error.help(format!("write `{} = ...`", name.text)));
            }
        }
        values.resize(shape.leaves().len(), None);
        let position = member.position.is_some();
        for ((suffix, ty), value) in shape.leaves().into_iter().zip(values) {
            let leaf = format!("{}{suffix}", name.text);
            if let Some(row) = &mut self.row {
                row.push(RowMember { name: leaf.clone(), component: name.text.clone(), ty, used: false });
            }
            let component = name.text.clone();
            members.push(Member {
                name: leaf,
                component,
                span: name.span,
                ty,
                position,
                used: false,
                value: where_present(presence, value, ty),
                owner: None,
                role: Role::Value,
                presence,
                gained: false,
            });
        }
        Some(())
    }

    /// The first values of a component's leaves: one for all, or part by part.
    pub(super) fn initial(&mut self, value: &ast::Expr, shape: &Shape, name: &str, values: &mut Vec<Option<Typed>>) {
        match (shape, &value.kind) {
            (Shape::Array(inner, count), ExprKind::Array(elements)) => {
                if elements.len() != *count {
                    let message = format!("`{name}` has {count} elements, {} given", elements.len());
                    self.diagnostics.push(Diagnostic::error(codes::E0410, value.span, message));
                    return;
                }
                for (at, element) in elements.iter().enumerate() {
                    self.initial(element, inner, &format!("{name}[{at}]"), values);
                }
            }
            (Shape::Struct(fields), ExprKind::Call(call, arguments)) if call.text == name => {
                if arguments.len() != fields.len() {
                    let message = format!("`{name}` has {} fields, {} given", fields.len(), arguments.len());
                    self.diagnostics.push(Diagnostic::error(codes::E0410, value.span, message));
                    return;
                }
                for (argument, (field, inner)) in arguments.iter().zip(fields) {
                    self.initial(argument, inner, &format!("{name}.{field}"), values);
                }
            }
            (Shape::Struct(fields), _) => {
                let parts: Vec<&str> = fields.iter().map(|(field, _)| field.as_str()).collect();
                let message = format!("`{name}` is {}: it needs a value for each part", shape.describe());
                let error = Diagnostic::error(codes::E0410, value.span, message);
                self.diagnostics.push(error.help(format!("write `{name}({})`", parts.join(", "))));
            }
            (Shape::Array(..), _) => {
                // One value for every element.
                let leaves = shape.leaves();
                let Some(&(_, ty)) = leaves.first() else { return };
                if leaves.iter().any(|(_, other)| *other != ty) {
                    let error =
                        Diagnostic::error(codes::E0410, value.span, format!("`{name}` needs a value for each part"));
                    self.diagnostics.push(error.help("write `[a, b, c]`"));
                    return;
                }
                let checked = self.check(value, Some(ty.scalar));
                let typed = coerce(checked, ty, value.span, &format!("each element of `{name}`"), self.diagnostics);
                values.extend(std::iter::repeat_n(typed, leaves.len()));
            }
            (Shape::Leaf(ty), _) => {
                let checked = self.check(value, Some(ty.scalar));
                let what = format!("component `{name}`");
                values.push(coerce(checked, *ty, value.span, &what, self.diagnostics));
            }
        }
    }

    fn position(&mut self, span: Span, ty: Type, name: &ast::Name, derived: bool, before: &[Member]) {
        let error = |message: String| Diagnostic::error(codes::E0407, name.span, message);
        let axes = |n: u8| ["", "f32", "vec2", "vec3"].get(usize::from(n)).copied().unwrap_or("");
        let cells = matches!(self.group.map(|group| &group.origin), Some(GroupOrigin::Cells { .. }));
        let problem = if cells {
            error("cells of a grid stay where they are: they have no position of their own".into())
                .help("leave `position` out; the middle of a cell is `centre(self)`")
        } else if derived {
            error("rows of a derived group have no position".into()).help("leave `position` out")
        } else if let Some(first) = before.iter().find(|other| other.position) {
            error("a group has one position".into()).here("the second").label(first.span, "the first")
        } else if !ty.scalar.is_float() {
            error(format!("a `{ty}` is no position")).help("positions are `f32`, `vec2` or `vec3`, or those of `f64`")
        } else {
            match self.space {
                Some(space) if space.dimensions == ty.lanes => return,
                Some(space) => {
                    let dimensions = space.dimensions;
                    let message = format!("a position in {dimensions} dimensions cannot be a `{ty}`");
                    error(message).help(format!("make it a `{}`", axes(dimensions)))
                }
                None if self.names.space.is_some() => return,
                None => error("a position needs a space".into()).help(format!("say `space open {}`", ty.lanes)),
            }
        };
        self.diagnostics.push(if problem.labels.is_empty() { problem.label(span, "as the position") } else { problem });
    }

    /// All indexes.
    pub(super) fn indexes(&mut self, model: &mut Model<'a>) {
        let names = self.names;
        for index in &names.indexes {
            let index = self.index(index, &model.groups);
            model.indexes.push(index);
        }
    }

    fn index(&mut self, index: &'a ast::Index, groups: &[Group<'a>]) -> Index {
        let kind = if index.grid { self.grid(index) } else { self.tree(index) };
        let group = self.names.group(&index.group, self.diagnostics);
        let summary = if index.grid { None } else { self.summary(index, group.and_then(|group| groups.get(group))) };
        if let Some(group) = group.and_then(|group| groups.get(group)) {
            let position = group.members.iter().find(|member| member.position);
            let problem = match (group.origin, position) {
                (Origin::Buckets(_), _) => {
                    Some(("is derived from an index itself", "index a group that has rows of its own"))
                }
                (Origin::Blueprint, None) => {
                    Some(("has no position", "mark one in the group: `position Position = ...`"))
                }
                (Origin::Blueprint, Some(_)) => None,
            };
            if let Some((what, help)) = problem {
                let message = format!("group `{}` {what}", group.name);
                self.diagnostics.push(Diagnostic::error(codes::E0411, index.group.span, message).help(help));
            }
        }
        Index {
            name: index.name.text.clone(),
            declared: true,
            span: index.name.span,
            group: group.unwrap_or(0),
            when: if index.fresh { When::Fresh } else { When::Prev },
            kind,
            summary,
            buckets: None,
        }
    }

    fn grid(&mut self, index: &'a ast::Index) -> IndexKind {
        self.known_settings(&index.settings, &["cell"], "a grid");
        let setting = index.settings.iter().find(|setting| setting.name.text == "cell");
        let cell = setting.and_then(|setting| {
            let cell = self.constant(&setting.value, Type::scalar(Scalar::F32), "the cell")?.as_f64() as f32;
            if !(cell > 0.0 && cell.is_finite()) {
                let message = format!("a cell of {cell}: it must be above 0 and finite");
                let error = Diagnostic::error(codes::E0411, setting.value.span, message);
                self.diagnostics.push(error.help("leave `cell` out: it is then as long as the rules look"));
            }
            Some(cell)
        });
        IndexKind::Grid { cell }
    }

    fn tree(&mut self, index: &'a ast::Index) -> IndexKind {
        self.known_settings(&index.settings, &["bucket", "sum", "angle"], "a k-d tree");
        let mut bucket_rows = BUCKET_DEFAULT;
        if let Some(setting) = index.settings.iter().find(|setting| setting.name.text == "bucket") {
            let given = self.integer(&setting.value, "the bucket", 1..=u64::from(ROWS_MAX), codes::E0411);
            match given.map(|given| given as u32) {
                Some(given) if KD_BUCKETS.contains(&given) => bucket_rows = given,
                Some(given) => {
                    let known = KD_BUCKETS.map(|rows| rows.to_string()).join(", ");
                    let message = format!("a bucket cannot have {given} rows");
                    let error = Diagnostic::error(codes::E0411, setting.value.span, message);
                    self.diagnostics.push(error.help(format!("choose one of {known}")));
                }
                None => {}
            }
        }
        IndexKind::Tree { bucket_rows }
    }

    /// Gives derived groups their index and their rows.
    pub(super) fn derived(&mut self, model: &mut Model<'a>) {
        for place in 0..model.groups.len() {
            let Origin::Buckets(at) = model.groups[place].origin else { continue };
            let span = model.groups[place].span;
            let Some(index) = model.indexes.get_mut(at) else { continue };
            if let Some(first) = index.buckets.replace(place) {
                let message = format!("the buckets of `{}` have a group already", index.name);
                let error = Diagnostic::error(codes::E0411, span, message).label(model.groups[first].span, "this one");
                self.diagnostics.push(error.help("put the components of both into one group"));
            }
            let IndexKind::Tree { bucket_rows } = index.kind else {
                let error =
                    Diagnostic::error(codes::E0411, span, format!("`{}` is a grid: it has no buckets", index.name));
                self.diagnostics.push(error.help(format!("make it a tree: `index {} = kdtree of ...`", index.name)));
                continue;
            };
            let rows = model.groups.get(index.group).map_or(1, |group| group.rows);
            model.groups[place].rows = kd::buckets_max(rows, bucket_rows);
        }
    }
}
