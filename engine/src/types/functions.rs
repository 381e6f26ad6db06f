//! Checking calls: functions, conversions, vectors and draws.

use diptych_protocol::body::{Binary, Unary};
use diptych_protocol::program::Span;
use diptych_protocol::space::Edge;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::resolve::Meaning;
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::types::changes::Asked;
use crate::types::convert::{adapt, coerce, literal, mixed, named_type};
use crate::types::expressions::{Checker, join};
use crate::types::states::BLOCKS;
use crate::types::typed::{Checked, Draw, Function, Kind, Typed};

/// What a name with arguments means.
#[derive(Clone, Copy)]
enum Callee {
    /// One operation, lane by lane.
    One(Unary),
    /// Two operands.
    Two(Binary),
    /// Integers bit by bit.
    Bits1(Unary),
    Bits(Binary),
    Function(Function),
    Draw(Draw),
}

/// The functions, with how many arguments they take.
const FUNCTIONS: &[(&str, usize, Callee)] = &[
    ("sinh", 1, Callee::One(Unary::Sinh)),
    ("cosh", 1, Callee::One(Unary::Cosh)),
    ("tanh", 1, Callee::One(Unary::Tanh)),
    ("cbrt", 1, Callee::One(Unary::Cbrt)),
    ("bit_not", 1, Callee::Bits1(Unary::Not)),
    ("bit_and", 2, Callee::Bits(Binary::And)),
    ("bit_or", 2, Callee::Bits(Binary::Or)),
    ("bit_xor", 2, Callee::Bits(Binary::Xor)),
    ("shift_left", 2, Callee::Bits(Binary::Shl)),
    ("shift_right", 2, Callee::Bits(Binary::Shr)),
    ("modulo", 2, Callee::Function(Function::Modulo)),
    ("fract", 1, Callee::Function(Function::Fract)),
    ("mix", 3, Callee::Function(Function::Mix)),
    ("step", 2, Callee::Function(Function::StepAt)),
    ("smoothstep", 3, Callee::Function(Function::Smooth)),
    ("hypot", 2, Callee::Function(Function::Hypot)),
    ("copysign", 2, Callee::Function(Function::CopySign)),
    ("cross", 2, Callee::Function(Function::Cross)),
    ("rotate", 2, Callee::Function(Function::Rotate)),
    ("heading", 1, Callee::Function(Function::Heading)),
    ("clamp_length", 3, Callee::Function(Function::ClampLength)),
    ("wrap", 1, Callee::Function(Function::Wrap)),
    ("scale", 2, Callee::Function(Function::Scale)),
    ("offset", 2, Callee::Function(Function::Offset)),
    ("remap", 5, Callee::Function(Function::Remap)),
    ("deadband", 2, Callee::Function(Function::DeadBand)),
    ("quantize", 2, Callee::Function(Function::Quantize)),
    ("sqrt", 1, Callee::One(Unary::Sqrt)),
    ("sin", 1, Callee::One(Unary::Sin)),
    ("cos", 1, Callee::One(Unary::Cos)),
    ("tan", 1, Callee::One(Unary::Tan)),
    ("asin", 1, Callee::One(Unary::Asin)),
    ("acos", 1, Callee::One(Unary::Acos)),
    ("atan", 1, Callee::One(Unary::Atan)),
    ("exp", 1, Callee::One(Unary::Exp)),
    ("ln", 1, Callee::One(Unary::Ln)),
    ("log2", 1, Callee::One(Unary::Log2)),
    ("log10", 1, Callee::One(Unary::Log10)),
    ("abs", 1, Callee::One(Unary::Abs)),
    ("floor", 1, Callee::One(Unary::Floor)),
    ("ceil", 1, Callee::One(Unary::Ceil)),
    ("round", 1, Callee::One(Unary::Round)),
    ("trunc", 1, Callee::One(Unary::Trunc)),
    ("atan2", 2, Callee::Two(Binary::Atan2)),
    ("pow", 2, Callee::Two(Binary::Pow)),
    ("min", 2, Callee::Two(Binary::Min)),
    ("max", 2, Callee::Two(Binary::Max)),
    ("sign", 1, Callee::Function(Function::Sign)),
    ("clamp", 3, Callee::Function(Function::Clamp)),
    ("length", 1, Callee::Function(Function::Length)),
    ("length_squared", 1, Callee::Function(Function::LengthSquared)),
    ("normalize", 1, Callee::Function(Function::Normalize)),
    ("dot", 2, Callee::Function(Function::Dot)),
    ("distance", 2, Callee::Function(Function::Distance)),
    ("polar", 2, Callee::Function(Function::Polar)),
    ("uniform", 2, Callee::Draw(Draw::Uniform)),
    ("normal", 2, Callee::Draw(Draw::Normal)),
    ("disc", 2, Callee::Draw(Draw::Disc)),
    ("chance", 1, Callee::Draw(Draw::Chance)),
    ("exponential", 1, Callee::Draw(Draw::Exponential)),
];

/// Functions of other rows, of cells, of time.
const OTHERS: [&str; 12] =
    ["delta", "shift", "cell", "centre", "sample", "alive", "pair", "has", "changed", "phase", "cycle", "pulse"];

/// Whether an argument (beside the first one) fits, what is wanted, and the result's type.
type Shape = (fn(Type, Type) -> bool, &'static str, Type);

impl Checker<'_, '_> {
    /// A call.
    pub(super) fn call(&mut self, name: &Name, arguments: &[Expr], span: Span, expected: Option<Scalar>) -> Checked {
        if let Some(ty) = named_type(&name.text) {
            return match ty.lanes {
                1 => self.conversion(ty.scalar, arguments, name),
                _ => self.vector(ty, arguments, name),
            };
        }
        if let Some(Meaning::Function(function)) = self.names.meaning(&name.text) {
            return self.inline(function, name, arguments, span);
        }
        if let ("delta" | "distance", [of]) = (name.text.as_str(), arguments) {
            return self.way_to(name.text == "distance", of, span);
        }
        match (name.text.as_str(), arguments) {
            ("alive", _) => return self.alive(name, arguments),
            ("has", _) => return self.asked_of(Asked::Has, name, arguments),
            ("changed", _) => return self.asked_of(Asked::Changed, name, arguments),
            ("pair", _) => return self.pair_with(name, arguments, span, expected),
            ("shift", steps) => return self.shifted(steps, span),
            ("cell", _) => return self.cell_under(name, arguments),
            ("centre", _) => return self.centre(name, arguments),
            ("on", [event]) => return self.happening(event),
            ("every", [step]) => return self.each(step, name),
            ("phase" | "cycle" | "pulse", _) => return self.of_time(name, arguments),
            ("sample", _) => return self.sample(name, arguments, span),
            _ => {}
        }
        if let Some((_, block, ..)) = BLOCKS.iter().find(|(known, ..)| *known == name.text) {
            return self.state_block(*block, name, arguments, span);
        }
        let Some(&(_, count, callee)) = FUNCTIONS.iter().find(|(known, _, _)| *known == name.text) else {
            let functions = self.names.all(|meaning| matches!(meaning, Meaning::Function(_)));
            let blocks = BLOCKS.iter().map(|(known, ..)| *known);
            let known = FUNCTIONS.iter().map(|(known, _, _)| *known).chain(blocks).chain(functions).chain(OTHERS);
            let hint = did_you_mean(&name.text, known.chain(["vec2", "vec3", "f32", "f64", "i32", "u32"]));
            let message = format!("there is no function `{}`", name.text);
            let error = Diagnostic::error(codes::E0209, name.span, message).maybe_help(hint);
            self.diagnostics.unknown(&format!("{}()", name.text), error);
            return Checked::Error;
        };
        if let Callee::Draw(_) = callee
            && self.row.is_none()
            && self.rule.as_ref().is_none_or(|rule| rule.system.is_none())
        {
            return self.outside(&format!("the draw `{}`", name.text), span);
        }
        if let Callee::Draw(_) = callee
            && self.in_fields > 0
        {
            let error = Diagnostic::error(
                codes::E0307,
                span,
                "a field or a bus has one value, whoever reads it: it does not draw",
            );
            return self.error(error.help("let a system draw, and keep it in a component"));
        }
        if let Callee::Draw(_) = callee
            && let Some(error) = self.no_draw(span)
        {
            return self.error(error);
        }
        if let (Callee::Draw(Draw::Uniform), [Expr { kind: ExprKind::Space, span, .. }]) = (callee, arguments) {
            return self.uniform_in_space(*span);
        }
        if arguments.len() != count {
            return self.wrong_count(name, count, arguments.len());
        }
        let mut checked = Vec::new();
        for argument in arguments {
            match self.check(argument, expected) {
                Checked::Error => return Checked::Error,
                Checked::None => return self.wrong_operand(name, "numbers", "`none`", argument.span),
                value => checked.push((value, argument.span)),
            }
        }
        match callee {
            Callee::One(op) => self.one(op, name, checked),
            Callee::Two(op) => self.two(op, name, checked),
            Callee::Bits1(op) => self.bits_of_one(op, name, checked, expected),
            Callee::Bits(op) => self.bits(op, name, checked, expected),
            Callee::Function(function) => self.function(function, name, checked),
            Callee::Draw(draw) => self.draw(draw, name, checked, expected),
        }
    }

    pub(super) fn wrong_count(&mut self, name: &Name, needed: usize, given: usize) -> Checked {
        let s = if needed == 1 { "" } else { "s" };
        let message = format!("`{}` takes {needed} argument{s}, {given} given", name.text);
        self.error(Diagnostic::error(codes::E0303, name.span, message))
    }

    fn wrong_operand(&mut self, name: &Name, wanted: &str, given: &str, span: Span) -> Checked {
        let message = format!("`{}` takes {wanted}, not {given}", name.text);
        self.error(Diagnostic::error(codes::E0302, span, message))
    }

    /// `f32(x)`
    fn conversion(&mut self, scalar: Scalar, arguments: &[Expr], name: &Name) -> Checked {
        let [argument] = arguments else { return self.wrong_count(name, 1, arguments.len()) };
        match self.check(argument, Some(scalar)) {
            Checked::Error => Checked::Error,
            // A reference becomes the number of its row, a variant its place: plain numbers, also of one width.
            Checked::Typed(typed) if typed.ty.lanes == 1 => {
                let number = typed.converted(scalar);
                Checked::Typed(Typed { ty: Type::scalar(scalar), ..number })
            }
            Checked::Float(x) => Checked::Typed(Typed::value(Value::F64(x)).converted(scalar)),
            value @ Checked::Int(_) if scalar != Scalar::Bool => {
                adapt(value, scalar, argument.span, self.diagnostics).map_or(Checked::Error, Checked::Typed)
            }
            other => self.wrong_operand(name, "a scalar", &other.called(&self.diagnostics.types), argument.span),
        }
    }

    /// `vec2(x, y)`, `vec2(s)`
    fn vector(&mut self, ty: Type, arguments: &[Expr], name: &Name) -> Checked {
        let lanes = usize::from(ty.lanes);
        if arguments.len() != lanes && arguments.len() != 1 {
            return self.wrong_count(name, lanes, arguments.len());
        }
        let scalar = Type::scalar(ty.scalar);
        let mut parts = Vec::new();
        for argument in arguments {
            let value = self.check(argument, Some(ty.scalar));
            let what = format!("each lane of `{}`", name.text);
            match coerce(value, scalar, argument.span, &what, self.diagnostics) {
                Some(part) => parts.push(part),
                None => return Checked::Error,
            }
        }
        if let [single] = parts.as_slice() {
            // A draw stays one draw: all lanes show the same value.
            let zero = vec![diptych_protocol::eval::convert(Value::F64(-0.0), ty.scalar); lanes];
            let zero = Typed { ty, kind: Kind::Const(zero) };
            let sum = Kind::Binary(Binary::Add, Box::new(zero), Box::new(single.clone()));
            return Checked::Typed(Typed::new(ty, sum));
        }
        Checked::Typed(Typed::new(ty, Kind::Vector(parts)))
    }

    fn one(&mut self, op: Unary, name: &Name, mut arguments: Vec<(Checked, Span)>) -> Checked {
        let Some((value, span)) = arguments.pop() else { return Checked::Error };
        let (typed, is_literal) = match value {
            Checked::Int(x) if op == Unary::Abs => return Checked::Int(x.abs()),
            Checked::Typed(typed) => (typed, false),
            other => match literal(&other) {
                Some(x) => (Typed::value(Value::F64(x)), true),
                None => return Checked::Error,
            },
        };
        if !op.accepts(typed.ty.scalar) || typed.ty.sort != Sort::Plain {
            let wanted = if op == Unary::Abs { "a number" } else { "a float" };
            return self.wrong_operand(name, wanted, &format!("`{}`", self.type_name(typed.ty)), span);
        }
        let result = Typed::new(typed.ty, Kind::Unary(op, Box::new(typed)));
        match result.scalar() {
            Some(value) if is_literal => Checked::Float(value.as_f64()),
            _ => Checked::Typed(result),
        }
    }

    /// Integers bit by bit; literals alone become what is expected, or `i32`.
    fn bits(
        &mut self,
        op: Binary,
        name: &Name,
        mut arguments: Vec<(Checked, Span)>,
        expected: Option<Scalar>,
    ) -> Checked {
        let (Some(b), Some(a)) = (arguments.pop(), arguments.pop()) else { return Checked::Error };
        let span = a.1;
        let Some((x, y)) = self.unify(a, b, expected.filter(|scalar| scalar.is_integer())) else {
            return Checked::Error;
        };
        if !x.ty.scalar.is_integer() || x.ty.sort != Sort::Plain || x.ty.lanes > 1 {
            return self.wrong_operand(
                name,
                "two integers",
                &format!("`{}` and `{}`", self.type_name(x.ty), self.type_name(y.ty)),
                span,
            );
        }
        let ty = x.ty;
        Checked::Typed(Typed::new(ty, Kind::Binary(op, Box::new(x), Box::new(y))))
    }

    fn bits_of_one(
        &mut self,
        op: Unary,
        name: &Name,
        mut arguments: Vec<(Checked, Span)>,
        expected: Option<Scalar>,
    ) -> Checked {
        let Some((value, span)) = arguments.pop() else { return Checked::Error };
        let Some(x) = adapt_integer(value, expected, span, self.diagnostics) else { return Checked::Error };
        if !x.ty.scalar.is_integer() || x.ty.sort != Sort::Plain {
            return self.wrong_operand(name, "an integer", &format!("`{}`", self.type_name(x.ty)), span);
        }
        let ty = x.ty;
        Checked::Typed(Typed::new(ty, Kind::Unary(op, Box::new(x))))
    }

    fn two(&mut self, op: Binary, name: &Name, mut arguments: Vec<(Checked, Span)>) -> Checked {
        let (Some(b), Some(a)) = (arguments.pop(), arguments.pop()) else { return Checked::Error };
        match (&a.0, &b.0) {
            (Checked::Int(x), Checked::Int(y)) if op == Binary::Min => return Checked::Int(*x.min(y)),
            (Checked::Int(x), Checked::Int(y)) if op == Binary::Max => return Checked::Int(*x.max(y)),
            _ => {}
        }
        if let (Some(x), Some(y)) = (literal(&a.0), literal(&b.0)) {
            let (x, y) = (Typed::value(Value::F64(x)), Typed::value(Value::F64(y)));
            let folded = Typed::new(x.ty, Kind::Binary(op, Box::new(x), Box::new(y))).scalar();
            return folded.map_or(Checked::Error, |value| Checked::Float(value.as_f64()));
        }
        let span = a.1;
        let Some((x, y)) = self.unify(a, b, None) else { return Checked::Error };
        if !op.accepts(x.ty.scalar) || (x.ty.lanes != y.ty.lanes && x.ty.lanes.min(y.ty.lanes) > 1) {
            let wanted = if matches!(op, Binary::Min | Binary::Max) { "two numbers" } else { "two floats" };
            return self.wrong_operand(
                name,
                wanted,
                &format!("`{}` and `{}`", self.type_name(x.ty), self.type_name(y.ty)),
                span,
            );
        }
        let ty = Type::vector(x.ty.scalar, x.ty.lanes.max(y.ty.lanes));
        Checked::Typed(Typed::new(ty, Kind::Binary(op, Box::new(x), Box::new(y))))
    }

    /// Brings all arguments to one scalar; literals alone to `alone`.
    pub(super) fn common(&mut self, arguments: Vec<(Checked, Span)>, alone: Scalar) -> Option<Vec<(Typed, Span)>> {
        let mut scalar: Option<Scalar> = None;
        for (place, (value, span)) in arguments.iter().enumerate() {
            let own = match value {
                Checked::Typed(typed) => typed.ty.scalar,
                // A float literal lifts integers, and adapts to floats.
                Checked::Float(_) if scalar.is_none_or(|s| !s.is_integer()) => continue,
                Checked::Float(_) => Scalar::F32,
                _ => continue,
            };
            scalar = Some(match scalar {
                None => own,
                Some(before) => match join(before, own) {
                    Some(joined) => joined,
                    None => {
                        let first = arguments.first().filter(|_| place > 0)?;
                        let error = mixed(&first.0, first.1, value, *span, &self.diagnostics.types);
                        self.diagnostics.push(error);
                        return None;
                    }
                },
            });
        }
        let floats = arguments.iter().any(|(value, _)| matches!(value, Checked::Float(_)));
        // No literal number becomes a truth value.
        if scalar == Some(Scalar::Bool)
            && let Some((number, at)) = arguments.iter().find(|(value, _)| literal(value).is_some())
            && let Some((truth, from)) = arguments.iter().find(|(value, _)| literal(value).is_none())
        {
            let error = mixed(truth, *from, number, *at, &self.diagnostics.types);
            self.diagnostics.push(error);
            return None;
        }
        let scalar = match scalar {
            Some(scalar) if scalar.is_integer() && floats => Scalar::F32,
            Some(scalar) => scalar,
            None => alone,
        };
        arguments
            .into_iter()
            .map(|(value, span)| adapt(value, scalar, span, self.diagnostics).map(|typed| (typed, span)))
            .collect()
    }

    fn function(&mut self, function: Function, name: &Name, arguments: Vec<(Checked, Span)>) -> Checked {
        let integers = arguments.iter().all(|(value, _)| matches!(value, Checked::Int(_)));
        let literals = arguments.iter().all(|(value, _)| literal(value).is_some());
        if let (true, [(Checked::Int(x), _), rest @ ..]) = (integers, arguments.as_slice()) {
            match (function, rest) {
                (Function::Sign, []) => return Checked::Int(x.signum()),
                (Function::Clamp, [(Checked::Int(low), _), (Checked::Int(high), _)]) => {
                    return Checked::Int((*x).max(*low).min(*high));
                }
                _ => {}
            }
        }
        let alone =
            if literals && matches!(function, Function::Sign | Function::Clamp) { Scalar::F64 } else { Scalar::F32 };
        let Some(arguments) = self.common(arguments, alone) else { return Checked::Error };
        let Some((first, _)) = arguments.first() else { return Checked::Error };
        let ty = first.ty;
        let scalar = Type::scalar(ty.scalar);
        let (fits, wanted, result): Shape = match function {
            Function::Sign => (|t: Type, _: Type| t.scalar != Scalar::Bool, "a number", ty),
            Function::Clamp => {
                (|t: Type, f: Type| t.scalar != Scalar::Bool && (t.lanes == f.lanes || t.lanes == 1), "numbers", ty)
            }
            Function::Length | Function::LengthSquared => (|t: Type, _: Type| t.lanes > 1, "a vector", scalar),
            Function::Normalize => (|t: Type, _: Type| t.lanes > 1, "a vector", ty),
            Function::Dot | Function::Distance => {
                (|t: Type, f: Type| t.lanes > 1 && t.lanes == f.lanes, "two vectors of one size", scalar)
            }
            Function::Polar => (
                |t: Type, _: Type| t.lanes == 1 && t.scalar.is_float(),
                "an angle and a radius",
                Type { lanes: 2, ..ty },
            ),
            Function::Modulo
            | Function::Mix
            | Function::StepAt
            | Function::Smooth
            | Function::CopySign
            | Function::Scale
            | Function::Offset
            | Function::Remap
            | Function::DeadBand
            | Function::Quantize => {
                (|t: Type, f: Type| t.scalar.is_float() && (t.lanes == f.lanes || t.lanes == 1), "floats", ty)
            }
            Function::Fract => (|t: Type, _: Type| t.scalar.is_float(), "a float", ty),
            Function::Hypot => (|t: Type, _: Type| t.scalar.is_float() && t.lanes == 1, "two floats", ty),
            Function::Cross => (|t: Type, _: Type| t.lanes == 3, "two vectors of three lanes", ty),
            Function::Rotate => {
                (|t: Type, f: Type| f.lanes == 2 && t.lanes <= 2, "a vector of two lanes and an angle", ty)
            }
            Function::Heading => (|t: Type, _: Type| t.lanes == 2, "a vector of two lanes", scalar),
            Function::ClampLength => {
                (|t: Type, f: Type| f.lanes > 1 && (t.lanes == 1 || t == f), "a vector and two lengths", ty)
            }
            Function::Wrap => return self.wrapped(name, arguments),
            // Made by `delta` alone.
            Function::Way => return Checked::Error,
        };
        let plain = |ty: Type| ty.sort == Sort::Plain;
        if let Some((wrong, span)) =
            arguments.iter().find(|(argument, _)| !fits(argument.ty, ty) || !plain(argument.ty))
        {
            return self.wrong_operand(name, wanted, &format!("`{}`", self.type_name(wrong.ty)), *span);
        }
        let arguments = arguments.into_iter().map(|(argument, _)| argument).collect();
        let call = Typed::new(result, Kind::Call(function, arguments));
        match call.scalar() {
            Some(value) if literals && alone == Scalar::F64 => Checked::Float(value.as_f64()),
            _ => Checked::Typed(call),
        }
    }

    fn draw(&mut self, draw: Draw, name: &Name, arguments: Vec<(Checked, Span)>, expected: Option<Scalar>) -> Checked {
        let alone = expected.filter(|scalar| scalar.is_float()).unwrap_or(Scalar::F32);
        let Some(arguments) = self.common(arguments, alone) else { return Checked::Error };
        let Some((first, _)) = arguments.first() else { return Checked::Error };
        let ty = first.ty;
        if let Some((wrong, span)) = arguments.iter().find(|(argument, _)| !argument.ty.scalar.is_float()) {
            let message = format!("`{}` takes floats, not `{}`", name.text, self.type_name(wrong.ty));
            let error = Diagnostic::error(codes::E0302, *span, message);
            return self.error(error.help("convert it: `f32(...)`; for an integer draw: `u32(uniform(0, 10))`"));
        }
        let lanes: Vec<u8> = arguments.iter().map(|(argument, _)| argument.ty.lanes).collect();
        let (fits, wanted) = match draw {
            Draw::Uniform => (lanes.iter().all(|n| *n == lanes[0]), "two bounds of one size"),
            Draw::Normal => (lanes.get(1).is_some_and(|n| *n == 1 || *n == lanes[0]), "a mean and a deviation"),
            Draw::Disc => (lanes == [2, 1], "a centre of two lanes and a radius"),
            Draw::Chance => (lanes == [1], "a probability"),
            Draw::Exponential => (lanes == [1], "a mean"),
        };
        if !fits {
            let given: Vec<String> = arguments.iter().map(|(argument, _)| format!("`{}`", argument.ty)).collect();
            return self.wrong_operand(name, wanted, &given.join(" and "), name.span);
        }
        if let Some(reason) = senseless(draw, &arguments) {
            let span = arguments.last().map_or(name.span, |(_, span)| *span);
            return self.error(Diagnostic::error(codes::E0309, span, format!("`{}`: {reason}", name.text)));
        }
        let result = if draw == Draw::Chance { Type::scalar(Scalar::Bool) } else { ty };
        let arguments = arguments.into_iter().map(|(argument, _)| argument).collect();
        Checked::Typed(self.drawn(result, draw, arguments))
    }

    pub(super) fn drawn(&mut self, ty: Type, draw: Draw, arguments: Vec<Typed>) -> Typed {
        let ordinal = self.draws;
        self.draws += 1;
        Typed { ty, kind: Kind::Draw { draw, ordinal, arguments, pair: None } }
    }

    fn uniform_in_space(&mut self, span: Span) -> Checked {
        let help = "say `space torus (0, 0) .. (1, 1)` or `space box (0, 0) .. (1, 1)`";
        let Some(space) = self.space else {
            if self.names.space.is_some() {
                return Checked::Error; // The space itself is wrong, and told.
            }
            return self.error(Diagnostic::error(codes::E0408, span, "the scenario has no space").help(help));
        };
        if space.edge == Edge::Open {
            let message = "an open space has no end: nothing can be uniform in it";
            return self.error(Diagnostic::error(codes::E0408, span, message).help(help));
        }
        let ty = Type::vector(Scalar::F32, space.dimensions);
        let corner = |corner: [f32; 3]| {
            let lanes = corner.iter().take(usize::from(space.dimensions)).map(|x| Value::F32(*x)).collect();
            Typed { ty, kind: Kind::Const(lanes) }
        };
        let arguments = vec![corner(space.lo), corner(space.hi)];
        Checked::Typed(self.drawn(ty, Draw::Uniform, arguments))
    }
}

/// Why a draw from constants makes no sense.
fn senseless(draw: Draw, arguments: &[(Typed, Span)]) -> Option<String> {
    let values = |argument: usize| arguments.get(argument).and_then(|(typed, _)| typed.constant()).unwrap_or(&[]);
    match draw {
        Draw::Uniform => values(0).iter().zip(values(1)).find_map(|(low, high)| {
            let (a, b) = (low.as_f64(), high.as_f64());
            let side = match low {
                Value::F32(_) => f64::from(b as f32 - a as f32),
                _ => b - a,
            };
            if a > b {
                Some(format!("the low end {low} is above the high end {high}"))
            } else {
                (!side.is_finite()).then(|| format!("from {low} to {high} is no finite distance"))
            }
        }),
        Draw::Normal => negative(values(1), "the deviation"),
        Draw::Disc => negative(values(1), "the radius"),
        Draw::Exponential => negative(values(0), "the mean"),
        Draw::Chance => {
            let wrong = values(0).iter().find(|p| !(0.0..=1.0).contains(&p.as_f64()));
            wrong.map(|p| format!("a probability is in 0 ..= 1, not {p}"))
        }
    }
}

fn negative(values: &[Value], what: &str) -> Option<String> {
    let wrong = values.iter().find(|value| value.as_f64() < 0.0 || value.as_f64().is_nan());
    wrong.map(|value| format!("{what} {value} is negative"))
}

/// A typed value as it is, a literal as an integer.
fn adapt_integer(
    value: Checked,
    expected: Option<Scalar>,
    span: Span,
    diagnostics: &mut crate::diagnostic::Diagnostics,
) -> Option<Typed> {
    let scalar = expected.filter(|scalar| scalar.is_integer()).unwrap_or(Scalar::I32);
    match value {
        Checked::Typed(typed) => Some(typed),
        literal => coerce(literal, Type::scalar(scalar), span, "", diagnostics),
    }
}
