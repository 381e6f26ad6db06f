//! Checking groups and indexes.

use diptych_protocol::kd;
use diptych_protocol::limits::{KD_BUCKETS, ROWS_MAX};
use diptych_protocol::program::{Span, When};
use diptych_protocol::types::{Scalar, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, GroupOrigin};
use crate::types::convert::coerce;
use crate::types::expressions::{Checker, RowMember};
use crate::types::world::said_twice;
use crate::types::{Group, Index, Member, Model, Origin};

/// Rows of a bucket where the scenario says nothing.
const BUCKET_DEFAULT: u32 = 64;

impl<'a> Checker<'a, '_> {
    /// All groups. Those of buckets learn their rows from [`Checker::derived`].
    pub(super) fn groups(&mut self) -> Vec<Group<'a>> {
        let names = self.names;
        let types: Vec<Option<Type>> =
            names.components.iter().map(|component| self.type_by_name(&component.type_name)).collect();
        if names.groups.is_empty() && !self.diagnostics.failed() {
            let error = Diagnostic::error(codes::E0412, names.header, "the scenario has no group: nothing to simulate");
            self.diagnostics.push(error.help("a group is written `group NAME[ROWS] { Component = value }`"));
        }
        names.groups.iter().map(|group| self.group(group, &types)).collect()
    }

    fn group(&mut self, group: &'a ast::Group, types: &[Option<Type>]) -> Group<'a> {
        let derived = matches!(group.origin, GroupOrigin::Buckets(_));
        let (rows, origin) = match &group.origin {
            GroupOrigin::Rows(rows) => {
                let what = format!("the number of rows of `{}`", group.name.text);
                let rows = self.integer(rows, &what, 1..=u64::from(ROWS_MAX), codes::E0406);
                (rows.unwrap_or(1) as u32, Origin::Blueprint)
            }
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
        let mut members: Vec<Member<'a>> = Vec::new();
        for member in &group.members {
            members.extend(self.member(group, member, derived, &members, types));
        }
        for (member, row) in members.iter_mut().zip(self.row.take().unwrap_or_default()) {
            member.used = row.used;
        }
        self.group = None;
        Group { name: &group.name.text, span: group.name.span, rows, origin, members }
    }

    fn member(
        &mut self,
        group: &'a ast::Group,
        member: &'a ast::Member,
        derived: bool,
        before: &[Member<'a>],
        types: &[Option<Type>],
    ) -> Option<Member<'a>> {
        let name = &member.component;
        let component = self.names.component(name, self.diagnostics)?;
        if let Some(first) = before.iter().find(|other| other.name == name.text) {
            self.diagnostics.push(said_twice(&name.text, first.span, name.span));
            return None;
        }
        let ty = types[component]?;
        if let Some(span) = member.position {
            self.position(span, ty, name, derived, before);
        }
        let value = match &member.value {
            Some(value) if derived => {
                let message = format!("`{}` of a derived group is made anew each frame and takes no value", name.text);
                let error = Diagnostic::error(codes::E0410, value.span, message);
                self.diagnostics.push(error.help("a system that owns it gives it its value"));
                None
            }
            Some(value) => {
                self.draws = 0;
                let checked = self.check(value, Some(ty.scalar));
                let what = format!("component `{}`", name.text);
                coerce(checked, ty, value.span, &what, self.diagnostics)
            }
            None if derived => None,
            None => {
                let message = format!("`{}` needs a first value in group `{}`", name.text, group.name.text);
                let error = Diagnostic::error(codes::E0410, name.span, message);
                self.diagnostics.push(error.help(format!("write `{} = ...`", name.text)));
                None
            }
        };
        if let Some(row) = &mut self.row {
            row.push(RowMember { name: &name.text, ty, used: false });
        }
        let position = member.position.is_some();
        Some(Member { name: &name.text, span: name.span, ty, position, used: false, value, owner: None })
    }

    fn position(&mut self, span: Span, ty: Type, name: &ast::Name, derived: bool, before: &[Member<'a>]) {
        let error = |message: String| Diagnostic::error(codes::E0407, name.span, message);
        let axes = |n: u8| ["", "f32", "vec2", "vec3"].get(usize::from(n)).copied().unwrap_or("");
        let problem = if derived {
            error("rows of a derived group have no position".into()).help("leave `position` out")
        } else if let Some(first) = before.iter().find(|other| other.position) {
            error("a group has one position".into()).here("the second").label(first.span, "the first")
        } else if ty.scalar == Scalar::F64 {
            error(format!("positions of type `{ty}` are not supported yet"))
                .help("positions are `f32`, `vec2` or `vec3`")
        } else if ty.scalar != Scalar::F32 {
            error(format!("a `{ty}` is no position")).help("positions are `f32`, `vec2` or `vec3`")
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
    pub(super) fn indexes(&mut self, groups: &[Group<'a>]) -> Vec<Index<'a>> {
        let names = self.names;
        names.indexes.iter().map(|index| self.index(index, groups)).collect()
    }

    fn index(&mut self, index: &'a ast::Index, groups: &[Group<'a>]) -> Index<'a> {
        self.known_settings(&index.settings, &["bucket"], "a k-d tree");
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
        let group = self.names.group(&index.group, self.diagnostics);
        if let Some(group) = group.and_then(|group| groups.get(group)) {
            let problem = match group.origin {
                Origin::Buckets(_) => {
                    Some(("is derived from an index itself", "index a group that has rows of its own"))
                }
                Origin::Blueprint if !group.members.iter().any(|member| member.position) => {
                    Some(("has no position", "mark one in the group: `position Position = ...`"))
                }
                Origin::Blueprint => None,
            };
            if let Some((what, help)) = problem {
                let message = format!("group `{}` {what}", group.name);
                self.diagnostics.push(Diagnostic::error(codes::E0411, index.group.span, message).help(help));
            }
        }
        Index {
            name: &index.name.text,
            span: index.name.span,
            group: group.unwrap_or(0),
            when: if index.fresh { When::Fresh } else { When::Prev },
            bucket_rows,
            buckets: None,
        }
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
            let bucket_rows = index.bucket_rows;
            let rows = model.groups.get(index.group).map_or(1, |group| group.rows);
            model.groups[place].rows = kd::buckets_max(rows, bucket_rows);
        }
    }
}
