//! Types as they are written: what a component falls apart into.

use diptych_protocol::types::Type;

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::resolve::Meaning;
use crate::syntax::ast::{TypeExpr, TypeKind};
use crate::types::convert::{TYPES, named_type};
use crate::types::expressions::Checker;

/// Leaves of one component: what `u8` lanes of arrays and a reader's patience allow.
const LEAVES_MAX: usize = 128;

/// A component's type, as a tree.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// One value.
    Leaf(Type),
    /// So many of one shape.
    Array(Box<Shape>, usize),
    /// Named parts.
    Struct(Vec<(String, Shape)>),
}

impl Shape {
    /// The leaves, each with what stands behind the component's name: nothing, `.mass`, `[2].at`.
    pub fn leaves(&self) -> Vec<(String, Type)> {
        match self {
            Shape::Leaf(ty) => vec![(String::new(), *ty)],
            Shape::Array(shape, count) => {
                let leaves = shape.leaves();
                let each =
                    (0..*count).flat_map(|at| leaves.iter().map(move |(name, ty)| (format!("[{at}]{name}"), *ty)));
                each.collect()
            }
            Shape::Struct(fields) => {
                let each = fields.iter().flat_map(|(field, shape)| {
                    shape.leaves().into_iter().map(move |(name, ty)| (format!(".{field}{name}"), ty))
                });
                each.collect()
            }
        }
    }

    fn count(&self) -> usize {
        match self {
            Shape::Leaf(_) => 1,
            Shape::Array(shape, count) => shape.count().saturating_mul(*count),
            Shape::Struct(fields) => fields.iter().map(|(_, shape)| shape.count()).fold(0, usize::saturating_add),
        }
    }

    /// Its only type, if it is a single value.
    pub fn single(&self) -> Option<Type> {
        match self {
            Shape::Leaf(ty) => Some(*ty),
            _ => None,
        }
    }

    /// For people.
    pub fn describe(&self) -> String {
        match self {
            Shape::Leaf(ty) => format!("`{ty}`"),
            Shape::Array(shape, count) => format!("an array of {count} times {}", shape.describe()),
            Shape::Struct(fields) => {
                let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
                format!("a struct with {}", names.join(", "))
            }
        }
    }
}

impl Checker<'_, '_> {
    /// The shape of a component's type.
    pub(super) fn shape(&mut self, ty: &TypeExpr) -> Option<Shape> {
        let shape = match &ty.kind {
            TypeKind::Named(_) | TypeKind::Entity(_) => Shape::Leaf(self.single_type(ty)?),
            TypeKind::Array(element, count) => {
                let count = self.integer(count, "the length of an array", 1..=LEAVES_MAX as u64, codes::E0413)?;
                Shape::Array(Box::new(self.shape(element)?), count as usize)
            }
            TypeKind::Struct(fields) => {
                let mut all: Vec<(String, Shape)> = Vec::new();
                for (at, (name, field)) in fields.iter().enumerate() {
                    if let Some((first, _)) = fields[..at].iter().find(|(other, _)| other.text == name.text) {
                        self.diagnostics.push(super::world::said_twice(&name.text, first.span, name.span));
                    }
                    all.push((name.text.clone(), self.shape(field)?));
                }
                if all.is_empty() {
                    let error = Diagnostic::error(codes::E0413, ty.span, "a struct without fields");
                    self.diagnostics.push(error.help("write `{ name: TYPE }`"));
                    return None;
                }
                Shape::Struct(all)
            }
        };
        let count = shape.count();
        if count > LEAVES_MAX {
            let message = format!("a component of {count} values: at most {LEAVES_MAX} are possible");
            self.diagnostics.push(Diagnostic::error(codes::E0413, ty.span, message));
            return None;
        }
        Some(shape)
    }

    /// A type that one value has.
    pub(super) fn single_type(&mut self, ty: &TypeExpr) -> Option<Type> {
        match &ty.kind {
            TypeKind::Named(name) => {
                if let Some(ty) = named_type(&name.text) {
                    return Some(ty);
                }
                if let Some(Meaning::Enum(it)) = self.names.meaning(&name.text) {
                    return Some(Type::variant(diptych_protocol::id::EnumId(it as u32)));
                }
                let enums = self.names.all(|meaning| matches!(meaning, Meaning::Enum(_)));
                let all: Vec<&str> = TYPES.iter().map(|(name, _)| *name).chain(enums).collect();
                let error = Diagnostic::error(codes::E0206, name.span, format!("there is no type `{}`", name.text));
                let list = format!("types are {}, and `entity of GROUP`", all.join(" "));
                let hint = did_you_mean(&name.text, all);
                self.diagnostics.push(error.help(hint.unwrap_or(list)));
                None
            }
            TypeKind::Entity(group) => {
                let group = self.names.group(group, self.diagnostics)?;
                Some(self.names.entity(group))
            }
            TypeKind::Array(..) | TypeKind::Struct(_) => {
                let error = Diagnostic::error(codes::E0206, ty.span, "arrays and structs are types of components only");
                self.diagnostics.push(error.help("pass and return single values"));
                None
            }
        }
    }

    /// A type for people, enums and groups by their names.
    pub(super) fn type_name(&self, ty: Type) -> String {
        self.diagnostics.types.of(ty)
    }
}
