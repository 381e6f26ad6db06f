//! Checking calls of the scenario's own functions, and what is measured from the own row.

use diptych_protocol::program::Span;
use diptych_protocol::space::Edge;
use diptych_protocol::types::{Scalar, Sort, Type};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::types::Model;
use crate::types::convert::coerce;
use crate::types::expressions::Checker;
use crate::types::rules::{LocalInfo, Named, Rule};
use crate::types::states::Memory;
use crate::types::typed::{Checked, Function, Kind, Local, Pair, Step, Turn, Typed, Whose};

/// How deep functions call functions.
const CALLS_DEEP: usize = 16;
/// Calls that one body may come to, those within functions counted.
pub(super) const CALLS_MAX: usize = 10_000;

impl<'a> Checker<'a, '_> {
    /// A call of a function: its body takes the place of the call.
    pub(super) fn inline(&mut self, function: usize, name: &Name, arguments: &[Expr], span: Span) -> Checked {
        let called = self.names.functions[function];
        self.called[function] = true;
        if self.inlining.contains(&function) {
            let message = format!("`{}` calls itself", name.text);
            let error = Diagnostic::error(codes::E0312, span, message).label(called.name.span, "defined here");
            return self.error(error.help("every rule comes to an end: use a `for` loop over a range"));
        }
        self.calls += 1;
        if self.inlining.len() >= CALLS_DEEP || self.calls > CALLS_MAX {
            let message = match self.calls > CALLS_MAX {
                true => format!("more than {CALLS_MAX} calls in one body, those within functions counted"),
                false => format!("functions call each other deeper than {CALLS_DEEP}"),
            };
            return self.error(Diagnostic::error(codes::E0312, span, message));
        }
        if arguments.len() != called.parameters.len() {
            let (needed, given) = (called.parameters.len(), arguments.len());
            let s = if needed == 1 { "" } else { "s" };
            let message = format!("`{}` takes {needed} argument{s}, {given} given", name.text);
            let error = Diagnostic::error(codes::E0303, name.span, message);
            return self.error(error.label(called.name.span, "defined here"));
        }
        let mut values = Vec::new();
        for (argument, (parameter, ty)) in arguments.iter().zip(&called.parameters) {
            let Some(ty) = self.single_type(ty) else { return Checked::Error };
            let checked = self.check(argument, Some(ty.scalar));
            let what = format!("parameter `{}`", parameter.text);
            match coerce(checked, ty, argument.span, &what, self.diagnostics) {
                Some(value) => values.push(value),
                None => return Checked::Error,
            }
        }
        self.function_body(function, values).map_or(Checked::Error, Checked::Typed)
    }

    fn function_body(&mut self, function: usize, values: Vec<Typed>) -> Option<Typed> {
        let called = self.names.functions[function];
        let result = self.single_type(&called.result)?;
        let outer = self.scope.len();
        let floor = self.floor.replace(outer);
        // Nor does it see the row that a field is of.
        let subject = self.subject.take();
        self.inlining.push(function);
        let mut steps = Vec::new();
        for (value, (parameter, _)) in values.into_iter().zip(&called.parameters) {
            if value.constant().is_some() {
                // Known values stay known: they may be needed so, as the number of nearest rows is.
                self.scope.push((parameter.text.clone(), Named::Known(Checked::Typed(value))));
                continue;
            }
            let ty = value.ty;
            let (name, span) = (parameter.text.clone(), parameter.span);
            let local = Local(self.locals.len());
            self.locals.push(LocalInfo { name: name.clone(), span, ty, mutable: false, used: true });
            self.scope.push((name, Named::Local(local)));
            steps.push(Step::Set(local, value));
        }
        let checked = self.check(&called.body, Some(result.scalar));
        let what = format!("the result of `{}`", called.name.text);
        let value = coerce(checked, result, called.body.span, &what, self.diagnostics);
        self.inlining.pop();
        self.subject = subject;
        self.floor = floor;
        self.scope.truncate(outer);
        let value = value?;
        let ty = value.ty;
        Some(if steps.is_empty() { value } else { Typed { ty, kind: Kind::Block(steps, Box::new(value)) } })
    }

    /// Checks functions that nothing calls, so that their mistakes are told.
    pub(super) fn unused_functions(&mut self, model: &mut Model<'a>) {
        std::mem::swap(&mut self.model, model);
        for at in 0..self.called.len() {
            if self.called[at] {
                continue;
            }
            let function = self.names.functions[at];
            let types: Option<Vec<Type>> = function.parameters.iter().map(|(_, ty)| self.single_type(ty)).collect();
            if let Some(types) = types {
                // Draws are allowed in functions: they are checked as if a system called them.
                self.rule = Some(Rule { system: Some(usize::MAX), ..Rule::default() });
                // So are state blocks, as if a signal did.
                self.memory = Some(Memory { owner: function.name.text.clone(), rows: None });
                let states = self.model.states.len();
                self.calls = 0;
                let values = types.into_iter().map(|ty| Typed { ty, kind: Kind::Row }).collect();
                self.function_body(at, values);
                self.model.states.truncate(states);
                (self.rule, self.memory) = (None, None);
            }
            if !self.diagnostics.failed() {
                let message = format!("nothing calls `{}`", function.name.text);
                self.diagnostics.push(Diagnostic::warning(codes::W0107, function.name.span, message));
            }
        }
        std::mem::swap(&mut self.model, model);
    }

    /// `delta(other)`: from the own position to that of another row, the short way; `distance(other)`: how far.
    pub(super) fn way_to(&mut self, distance: bool, of: &Expr, span: Span) -> Checked {
        let word = if distance { "distance" } else { "delta" };
        let turn = match &of.kind {
            ExprKind::Name(name) => match self.named(name) {
                Some(Named::Turn(turn)) => Some(turn),
                _ => None,
            },
            _ => None,
        };
        let spatial = turn.filter(|turn| self.turns[turn.0].spatial);
        let delta = match spatial {
            Some(turn) => self.turn_delta(turn),
            None => {
                let of_value = match self.check(of, None) {
                    Checked::Error => return Checked::Error,
                    Checked::Typed(value) => value,
                    _ => return self.no_reference(word, of.span),
                };
                let Sort::Entity(group) = of_value.ty.sort else { return self.no_reference(word, of.span) };
                self.reference_delta(turn, of_value, group.0 as usize, word, span)
            }
        };
        let Some(delta) = delta else { return Checked::Error };
        if !distance {
            return Checked::Typed(delta);
        }
        let scalar = Type::scalar(delta.ty.scalar);
        if delta.ty.lanes == 1 {
            let kind = Kind::Unary(diptych_protocol::body::Unary::Abs, Box::new(delta));
            return Checked::Typed(Typed { ty: scalar, kind });
        }
        Checked::Typed(Typed { ty: scalar, kind: Kind::Call(Function::Length, vec![delta]) })
    }

    fn no_reference(&mut self, word: &str, span: Span) -> Checked {
        let error = Diagnostic::error(codes::E0302, span, format!("`{word}` takes another row"));
        self.error(error.help(match word {
            "distance" => "the variable of a loop over rows, or a reference; `distance(v, w)` takes vectors",
            _ => "the variable of a loop over rows, or a reference",
        }))
    }

    fn turn_delta(&mut self, turn: Turn) -> Option<Typed> {
        let group = self.turns[turn.0].group?;
        let ty = self.model.groups[group].members.iter().find(|member| member.position)?.ty;
        Some(Typed { ty, kind: Kind::Delta(turn) })
    }

    /// Between positions that the frame started from.
    fn reference_delta(
        &mut self,
        turn: Option<Turn>,
        of: Typed,
        group: usize,
        word: &str,
        span: Span,
    ) -> Option<Typed> {
        let Some(own) = self.own_group() else {
            self.outside_system(&format!("`{word}`"), span);
            return None;
        };
        let mut ends = Vec::new();
        let whose = match turn {
            Some(turn) => Whose::Other(turn),
            None => Whose::Of(Box::new(of)),
        };
        for (group, whose) in [(own, Whose::Own), (group, whose)] {
            let Some(member) = self.model.groups[group].members.iter().find(|member| member.position) else {
                let message = format!("group `{}` has no position", self.model.groups[group].name);
                self.diagnostics.push(Diagnostic::error(codes::E0518, span, message));
                return None;
            };
            let name = member.name.clone();
            match self.read_position(group, &name, span, whose) {
                Checked::Typed(typed) => ends.push(typed),
                _ => return None,
            }
        }
        let to = ends.pop()?;
        let from = ends.pop()?;
        let ty = to.ty;
        Some(Typed { ty, kind: Kind::Call(Function::Way, vec![from, to]) })
    }

    /// `wrap(p)`: a position brought back into the space.
    pub(super) fn wrapped(&mut self, name: &Name, mut arguments: Vec<(Typed, Span)>) -> Checked {
        let Some((position, span)) = arguments.pop() else { return Checked::Error };
        let Some(space) = self.space else {
            if self.names.space.is_some() {
                return Checked::Error;
            }
            let error = Diagnostic::error(codes::E0408, name.span, "the scenario has no space");
            return self.error(error.help("say `space torus (0, 0) .. (1, 1)`"));
        };
        if position.ty.lanes != space.dimensions || !position.ty.scalar.is_float() {
            let message = format!("`wrap` takes a position in {} dimensions, not `{}`", space.dimensions, position.ty);
            return self.error(Diagnostic::error(codes::E0302, span, message));
        }
        if space.edge == Edge::Open {
            let warning = Diagnostic::warning(codes::W0105, name.span, "an open space has no edge to wrap around");
            self.diagnostics.push(warning);
            return Checked::Typed(position);
        }
        let ty = position.ty;
        Checked::Typed(Typed { ty, kind: Kind::Call(Function::Wrap, vec![position]) })
    }

    /// `pair uniform(0, 1)`: the same for both ends.
    pub(super) fn pair(&mut self, draw: &Expr, span: Span, expected: Option<Scalar>) -> Checked {
        let wrong = |message: &str| {
            let error = Diagnostic::error(codes::E0315, span, message);
            error.help(
                "write it in a loop over rows of the own group: `for x in G within r { if pair chance(0.5) ... }`",
            )
        };
        let own = self.own_group();
        let turn = match &self.rule {
            Some(Rule { open, .. }) if self.floor.is_none() => open.last().copied(),
            _ => None,
        };
        let Some(turn) = turn.filter(|turn| own.is_some() && self.turns[turn.0].group == own) else {
            return self.error(wrong("a `pair` draw is made in a loop over rows of the own group"));
        };
        if !matches!(draw.kind, ExprKind::Call(..)) {
            return self.error(wrong("`pair` goes with a draw"));
        }
        match self.check(draw, expected) {
            Checked::Typed(Typed { ty, kind: Kind::Draw { draw, ordinal, arguments, .. } }) => Checked::Typed(Typed {
                ty,
                kind: Kind::Draw { draw, ordinal, arguments, pair: Some(Pair::Turn(turn)) },
            }),
            Checked::Error => Checked::Error,
            _ => self.error(wrong("`pair` goes with a draw")),
        }
    }
}
