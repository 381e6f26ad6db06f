//! The rules of types.

use diptych_protocol::program::Span;

use crate::syntax::ast::{Name, TypeExpr, TypeKind};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

impl Parser<'_> {
    /// A type.
    pub(super) fn type_expr(&mut self) -> Option<TypeExpr> {
        self.deep_type().map(|(ty, _)| ty)
    }

    /// A type, and how deep it is.
    pub(super) fn deep_type(&mut self) -> Option<(TypeExpr, u16)> {
        self.deeper("type", Self::any_type)
    }

    fn any_type(&mut self) -> Option<(TypeExpr, u16)> {
        let start = self.token().span.start;
        let (kind, mut depth) = match self.kind() {
            Kind::Entity => {
                self.advance();
                self.expect(Kind::Of, "`of` and a group")?;
                (TypeKind::Entity(self.name("a group")?), 1)
            }
            Kind::BraceOpen => {
                self.advance();
                let (fields, inner) = self.fields()?;
                (TypeKind::Struct(fields), self.type_depth(inner, start)?)
            }
            _ => (TypeKind::Named(self.name("a type")?), 1),
        };
        let mut ty = TypeExpr { kind, span: self.since(start) };
        while self.kind() == Kind::BracketOpen && !self.breaks(0) {
            self.advance();
            let count = self.enclosed(Self::expr)?;
            self.expect(Kind::BracketClose, "`]`")?;
            depth = self.type_depth(depth.max(count.depth), start)?;
            ty = TypeExpr { kind: TypeKind::Array(Box::new(ty), Box::new(count)), span: self.since(start) };
        }
        Some((ty, depth))
    }

    /// `mass: f32, at: vec2 }`, and how deep they are.
    fn fields(&mut self) -> Option<(Vec<(Name, TypeExpr)>, u16)> {
        let (mut fields, mut depth) = (Vec::new(), 0);
        self.members(|parser| {
            let (name, ty, inner) = parser.typed("a name for the field")?;
            fields.push((name, ty));
            depth = inner.max(depth);
            Some(())
        })?;
        Some((fields, depth))
    }

    /// `NAME: TYPE`, and how deep it is.
    pub(super) fn typed(&mut self, what: &str) -> Option<(Name, TypeExpr, u16)> {
        let name = self.name(what)?;
        self.expect(Kind::Colon, "`:` and a type")?;
        let (ty, depth) = self.deep_type()?;
        Some((name, ty, depth))
    }

    fn type_depth(&mut self, inner: u16, start: u32) -> Option<u16> {
        let span: Span = self.since(start);
        self.depth_around(inner, "type", span)
    }
}
