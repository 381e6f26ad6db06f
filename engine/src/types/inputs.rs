//! Inputs: signals that keep their value from state to state, until somebody outside sets them.
//!
//! An input is a block that remembers what it is: the value written for it where there is nothing to remember, and then
//! what it was. What sets it puts the value into what is remembered ([`diptych_protocol::commands`]).

use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{self, Expr};
use crate::types::State;
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::states::equations::select;
use crate::types::typed::{Kind, Typed};

/// A checked input.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Input {
    pub name: String,
    pub span: Span,
    pub ty: Type,
    /// The lowest and the highest value.
    pub range: Option<(Value, Value)>,
    /// What remembers it, by its place.
    pub state: usize,
}

impl Checker<'_, '_> {
    /// What an input is, as a signal.
    pub(super) fn input(&mut self, input: &ast::Param) -> Option<Typed> {
        let (name, span) = (input.name.text.clone(), input.name.span);
        let written = ast::TypeExpr { kind: ast::TypeKind::Named(input.type_name.clone()), span: input.type_name.span };
        let ty = self.single_type(&written)?;
        if ty.lanes != 1 || matches!(ty.sort, Sort::Entity(_)) {
            let message = format!("an input is a number, a `bool` or a variant, not a `{}`", self.type_name(ty));
            let error = Diagnostic::error(codes::E0206, input.type_name.span, message);
            self.diagnostics.push(error.help("make several inputs, and put them together in a signal"));
            return None;
        }
        let first = self.of_input(&input.default, ty);
        let range = match &input.range {
            Some((low, high)) => {
                let (a, b) = (self.of_input(low, ty), self.of_input(high, ty));
                Some((a?, b?))
            }
            None => None,
        };
        let first = first?;
        let wrong = |message: String| Diagnostic::error(codes::E0405, input.default.span, message);
        if let (Some((low, high)), Some((at, _))) = (range, &input.range) {
            let ordered = ty.sort == Sort::Plain && ty.scalar != Scalar::Bool;
            if !ordered || low.as_f64().partial_cmp(&high.as_f64()).is_none_or(|it| it.is_gt()) {
                let message = format!("the range {low} .. {high} holds nothing, or is not one of numbers");
                self.diagnostics.push(Diagnostic::error(codes::E0405, at.span, message));
                return None;
            }
            if !(low.as_f64()..=high.as_f64()).contains(&first.as_f64()) {
                let error =
                    wrong(format!("input `{name}` begins as {first}, its range is {low} .. {high}, ends included"));
                self.diagnostics.push(error);
                return None;
            }
        }
        let state = self.model.states.len();
        let kept = Typed { ty, kind: Kind::Kept(state) };
        let started = Typed { ty: Type::scalar(Scalar::Bool), kind: Kind::Started(state) };
        let value = select(started, kept, Typed { ty, kind: Kind::Const(vec![first]) });
        let key = format!("{name}/input");
        self.model.states.push(State { key, span, inputs: Vec::new(), out: value.clone(), keep: value, place: None });
        self.model.inputs.push(Input { name, span, ty, range, state });
        Some(Typed { ty, kind: Kind::State(state) })
    }

    /// A constant of the type of an input.
    fn of_input(&mut self, expr: &Expr, ty: Type) -> Option<Value> {
        let checked = self.check(expr, Some(ty.scalar));
        let typed = coerce(checked, ty, expr.span, "the input", self.diagnostics)?;
        let value = typed.scalar();
        if value.is_none() {
            let error = Diagnostic::error(codes::E0304, expr.span, "an input begins as a constant");
            self.diagnostics.push(error.help("write a number, or the name of a `param` or `let`"));
        }
        value
    }
}
