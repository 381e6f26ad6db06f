//! Components of rows: the way from a component's name to one of its leaves, through structs and arrays.

use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::resolve::Meaning;
use crate::syntax::ast::{self, ExprKind};
use crate::types::expressions::Checker;
use crate::types::fields::Subject;
use crate::types::rows::Segment;
use crate::types::shapes::Shape;
use crate::types::typed::{Checked, Whose};

impl Checker<'_, '_> {
    /// A component of some row.
    pub(super) fn component(
        &mut self,
        group: usize,
        name: &ast::Name,
        span: Span,
        segments: &[Segment<'_>],
        whose: Whose,
        fresh: Option<Span>,
    ) -> Checked {
        if segments.is_empty()
            && let Some(asked) = self.asking.take()
        {
            return self.answer(asked, group, name, whose, fresh);
        }
        let known = self.model.groups[group].members.iter().any(|m| m.component == name.text);
        if let (Some(Meaning::Field(field)), false) = (self.names.meaning(&name.text), known) {
            return self.field_of(field, Subject { group, whose, fresh }, span, segments);
        }
        if let (Some(Meaning::RowBus(bus)), false) = (self.names.meaning(&name.text), known) {
            return self.row_bus_of(bus, Subject { group, whose, fresh }, span, segments);
        }
        if !known {
            return self.no_component(group, name);
        }
        let Some(mut shape) = self.shapes.get(&name.text).cloned() else { return Checked::Error };
        let mut suffix = String::new();
        let mut rest = segments;
        loop {
            match (&shape, rest.split_first()) {
                (Shape::Leaf(_), _) => break,
                (Shape::Struct(fields), Some((Segment::Field(field), behind))) => {
                    let Some((_, inner)) = fields.iter().find(|(known, _)| *known == field.text) else {
                        let hint = did_you_mean(&field.text, fields.iter().map(|(known, _)| known.as_str()));
                        let message = format!("`{}{suffix}` has no field `{}`", name.text, field.text);
                        let error = Diagnostic::error(codes::E0314, field.span, message);
                        return self.error(error.maybe_help(hint));
                    };
                    suffix.push_str(&format!(".{}", field.text));
                    (shape, rest) = (inner.clone(), behind);
                }
                (Shape::Array(inner, count), Some((Segment::Index(index), behind))) => {
                    let (inner, count) = ((**inner).clone(), *count);
                    let known = match self.check(index, Some(Scalar::I32)) {
                        Checked::Error => return Checked::Error,
                        Checked::Int(at) => Some(at),
                        Checked::Typed(typed) => typed.scalar().map(|value| value.as_f64() as i128),
                        _ => None,
                    };
                    match known {
                        Some(at) if (0..count as i128).contains(&at) => {
                            suffix.push_str(&format!("[{at}]"));
                            (shape, rest) = (inner, behind);
                        }
                        Some(at) => {
                            let message = format!("[{at}] of an array of {count}");
                            let error = Diagnostic::error(codes::E0311, index.span, message);
                            return self.error(error.help(format!("places go from 0 to {}", count - 1)));
                        }
                        None => {
                            // Whatever the number: every element is read, one is chosen.
                            let mut elements = Vec::new();
                            for at in 0..count {
                                let (leaf, behind) = match self.leaf_behind(&inner, behind) {
                                    Some(found) => found,
                                    None => return self.not_single(name, &suffix, &shape, index.span),
                                };
                                rest = behind;
                                let full = format!("{}{suffix}[{at}]{leaf}", name.text);
                                match self.read(group, &full, span, whose.clone(), fresh) {
                                    Checked::Typed(typed) => elements.push(typed),
                                    _ => return Checked::Error,
                                }
                            }
                            let value = self.choose(elements, index);
                            return self.behind(value, rest, None);
                        }
                    }
                }
                (_, behind) => {
                    let span = behind.map_or(span, |(segment, _)| segment.span());
                    return self.not_single(name, &suffix, &shape, span);
                }
            }
        }
        let leaf = format!("{}{suffix}", name.text);
        // What stands behind a reference is the other row's, and `fresh` is about that: `fresh To.Money` looks through
        // the `To` that the frame started from. For a new `To` there is `(fresh To).Money`.
        let reference = self.model.groups[group]
            .member(&leaf)
            .is_some_and(|member| matches!(self.model.groups[group].members[member].ty.sort, Sort::Entity(_)));
        let (here, behind) = if reference && !rest.is_empty() { (None, fresh) } else { (fresh, None) };
        let value = self.read(group, &leaf, span, whose, here);
        self.behind(value, rest, behind)
    }

    /// The rest of the way to a leaf, by fields and constant places only.
    fn leaf_behind<'s, 'e>(&self, shape: &Shape, segments: &'s [Segment<'e>]) -> Option<(String, &'s [Segment<'e>])> {
        match (shape, segments.split_first()) {
            (Shape::Leaf(_), _) => Some((String::new(), segments)),
            (Shape::Struct(fields), Some((Segment::Field(field), behind))) => {
                let (_, inner) = fields.iter().find(|(known, _)| *known == field.text)?;
                let (leaf, rest) = self.leaf_behind(inner, behind)?;
                Some((format!(".{}{leaf}", field.text), rest))
            }
            (Shape::Array(inner, count), Some((Segment::Index(index), behind))) => {
                let ExprKind::Int(at) = index.kind else { return None };
                let (leaf, rest) = self.leaf_behind(inner, behind)?;
                (at < *count as u64).then(|| (format!("[{at}]{leaf}"), rest))
            }
            _ => None,
        }
    }

    fn not_single(&mut self, name: &ast::Name, suffix: &str, shape: &Shape, span: Span) -> Checked {
        let message = format!("`{}{suffix}` is {}, not a single value", name.text, shape.describe());
        self.error(Diagnostic::error(codes::E0314, span, message).help("choose a part: `.field`, `[0]`"))
    }

    /// Whether the group's text has the component: then it is wrong itself, and told.
    pub(super) fn is_wrong_itself(&self, group: usize, component: &str) -> bool {
        let written = self.names.groups.get(group);
        written.is_some_and(|group| group.members.iter().any(|member| member.component.text == component))
    }

    fn no_component(&mut self, group: usize, name: &ast::Name) -> Checked {
        if self.is_wrong_itself(group, &name.text) {
            return Checked::Error;
        }
        if ["x", "y", "z"].contains(&name.text.as_str()) || self.names.component(name, self.diagnostics).is_some() {
            let group = &self.model.groups[group];
            let hint = did_you_mean(&name.text, group.members.iter().map(|member| member.component.as_str()));
            let message = format!("group `{}` has no component `{}`", group.name, name.text);
            let error = Diagnostic::error(codes::E0506, name.span, message).maybe_help(hint);
            self.diagnostics.push(error);
        }
        Checked::Error
    }
}
