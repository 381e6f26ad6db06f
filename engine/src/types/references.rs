//! References: to no row, to a row that is there, and draws that both ends of a pair share.

use diptych_protocol::id::Id;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::types::Origin;
use crate::types::expressions::Checker;
use crate::types::typed::{Checked, Kind, Pair, Typed};

/// Two values that meet: of a `none` and a reference the `none` is of its group.
pub(super) fn none_like(a: (Checked, Span), b: (Checked, Span)) -> ((Checked, Span), (Checked, Span)) {
    let like = |none: Checked, other: &Checked| match (none, other) {
        (Checked::None, Checked::Typed(typed)) if matches!(typed.ty.sort, Sort::Entity(_)) => {
            Checked::Typed(Typed::zero(typed.ty))
        }
        (none, _) => none,
    };
    let first = like(a.0, &b.0);
    let second = like(b.0, &first);
    ((first, a.1), (second, b.1))
}

impl Checker<'_, '_> {
    /// `alive(x)`: whether a reference is to a row that is there.
    pub(super) fn alive(&mut self, name: &Name, arguments: &[Expr]) -> Checked {
        let [of] = arguments else { return self.wrong_count(name, 1, arguments.len()) };
        let bool = Type::scalar(Scalar::Bool);
        let typed = match self.check(of, None) {
            Checked::Error => return Checked::Error,
            Checked::None => return Checked::Typed(Typed::value(Value::Bool(false))),
            Checked::Typed(typed) => typed,
            other => return self.no_reference_for(name, &other, of.span),
        };
        let Sort::Entity(group) = typed.ty.sort else {
            return self.no_reference_for(name, &Checked::Typed(typed), of.span);
        };
        let Some(group) = self.model.groups.get(group.index()) else {
            return self.outside_system("who is alive", name.span);
        };
        if group.origin != Origin::Blueprint {
            let message = format!("rows of `{}` are made anew each frame: none of them lasts", group.name);
            return self.error(Diagnostic::error(codes::E0509, of.span, message));
        }
        // Of rows that come and go it is found through other rows.
        if group.first.is_some() && self.rule.as_ref().is_none_or(|rule| rule.system.is_none()) {
            return self.outside_system("who is alive", name.span);
        }
        Checked::Typed(Typed { ty: bool, kind: Kind::Alive(Box::new(typed)) })
    }

    fn no_reference_for(&mut self, name: &Name, given: &Checked, span: Span) -> Checked {
        let message = format!("`{}` takes a reference, not {}", name.text, given.called(&self.diagnostics.types));
        let error = Diagnostic::error(codes::E0302, span, message);
        self.error(error.help("components of type `entity of G`, `G[i]`, `fresh MATCH`, the variable of a loop"))
    }

    /// `pair(x, uniform(0, 1))`: the same for the own row and for `x`, if that draws so as well.
    pub(super) fn pair_with(
        &mut self,
        name: &Name,
        arguments: &[Expr],
        span: Span,
        expected: Option<Scalar>,
    ) -> Checked {
        let [other, draw] = arguments else { return self.wrong_count(name, 2, arguments.len()) };
        let Some(own) = self.own_group() else { return self.outside_system("a pair", span) };
        let end = match self.check(other, None) {
            Checked::Error => return Checked::Error,
            Checked::Typed(typed) if typed.ty == self.names.entity(own) => typed,
            given => {
                let own = self.model.groups[own].name;
                let given = given.called(&self.diagnostics.types);
                let message = format!("both ends of a pair are rows of `{own}`, this is {given}");
                let error = Diagnostic::error(codes::E0315, other.span, message);
                return self.error(error.help("rows of two groups draw apart: let one draw, and the other read it"));
            }
        };
        let wrong = || {
            let error = Diagnostic::error(codes::E0315, draw.span, "`pair` goes with a draw");
            error.help("write the draw behind the other row: `pair(x, uniform(0, 1))`, `pair(x, chance(0.5))`")
        };
        if !matches!(draw.kind, ExprKind::Call(..)) {
            return self.error(wrong());
        }
        match self.check(draw, expected) {
            Checked::Typed(Typed { ty, kind: Kind::Draw { draw, ordinal, arguments, pair: None } }) => {
                let pair = Some(Pair::With(Box::new(end)));
                Checked::Typed(Typed { ty, kind: Kind::Draw { draw, ordinal, arguments, pair } })
            }
            Checked::Error => Checked::Error,
            _ => self.error(wrong()),
        }
    }
}
