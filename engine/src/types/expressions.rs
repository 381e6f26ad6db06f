//! Checking expressions: every operand gets a type, literals adapt, and what can be computed now is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::program::Span;
use diptych_protocol::space::Space;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::resolve::Names;
use crate::syntax::ast::{self, BinaryOp, Expr, ExprKind, UnaryOp};
use crate::table::Column;
use crate::types::Model;
use crate::types::changes::Asked;
use crate::types::convert::{adapt, literal, mixed};
use crate::types::fields::{FieldState, Subject};
use crate::types::files::FileInHand;
use crate::types::outputs::SignalState;
use crate::types::rasters::Raster;
use crate::types::references::none_like;
use crate::types::rules::{LocalInfo, Named, Rule, TurnInfo};
use crate::types::shapes::Shape;
use crate::types::states::{Later, Memory};
use crate::types::typed::{Checked, Kind, Typed};

/// A component of the blueprint being checked.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct RowMember {
    /// With the way to the leaf.
    pub name: String,
    pub component: String,
    pub ty: Type,
    /// Whether a later initialiser used it.
    pub used: bool,
}

/// Where expressions are checked: what they may use.
pub struct Checker<'a, 'd> {
    /// All names.
    pub names: &'a Names<'a>,
    /// The constants computed so far; by their places in [`Names::constants`].
    pub constants: Vec<Option<Checked>>,
    /// Which constants something used.
    pub used: Vec<bool>,
    /// The space, once it is known.
    pub space: Option<Space>,
    /// How the cells of each group stand that is a grid; as in [`Names::groups`].
    pub(super) rasters: Vec<Option<Raster>>,
    /// What the components fall apart into.
    pub(super) shapes: BTreeMap<String, Shape>,
    /// In a blueprint: the components before this one. Nothing where only constants make sense.
    pub row: Option<Vec<RowMember>>,
    /// In a blueprint: all its components, also the later ones.
    pub group: Option<&'a ast::Group>,
    /// Where files are looked for.
    pub(super) folder: PathBuf,
    /// In a blueprint from a file: the file.
    pub(super) file: Option<FileInHand>,
    /// The columns of files so far.
    pub(super) data: Vec<Column>,
    /// In a rule: the groups, indexes, systems it is about.
    pub(super) model: Model<'a>,
    /// The rule that is being checked.
    pub(super) rule: Option<Rule>,
    /// What the component that stands next is asked, instead of its value.
    pub(super) asking: Option<Asked>,
    /// The signals, as far as they are checked.
    pub(super) signals: Vec<SignalState>,
    /// Whose state blocks stand here, if any may.
    pub(super) memory: Option<Memory>,
    /// How many state blocks have which key.
    pub(super) keys: BTreeMap<String, usize>,
    /// The fields, as far as they are checked,
    pub(super) fields: Vec<FieldState>,
    /// and those that are being checked.
    pub(super) fields_open: Vec<usize>,
    /// Which buses of rows somebody reads.
    pub(super) buses_read: Vec<bool>,
    /// How many fields are being read here, one within another.
    pub(super) in_fields: usize,
    /// The row that bare names of components mean, in a field of another row or a fresh one.
    pub(super) subject: Option<Subject>,
    /// Inputs of state blocks that are checked when all signals are known.
    pub(super) later: Vec<Later>,
    /// All variables of all bodies.
    pub(super) locals: Vec<LocalInfo>,
    /// All loops of all bodies.
    pub(super) turns: Vec<TurnInfo>,
    /// The names that blocks have made, innermost last.
    pub(super) scope: Vec<(String, Named)>,
    /// In a function: where its own names begin. It sees no others, and no row.
    pub(super) floor: Option<usize>,
    /// The functions that are being inlined.
    pub(super) inlining: Vec<usize>,
    /// Which functions something calls.
    pub(super) called: Vec<bool>,
    /// Which unions something goes over.
    pub(super) unions: Vec<bool>,
    /// Calls inlined so far, of the current body.
    pub(super) calls: usize,
    /// Readings of loops over unions so far, of the current body.
    pub(super) readings: usize,
    /// Draws of the current initialiser or body so far.
    pub draws: u32,
    /// Names of newborn rows that are given out, in all bodies.
    pub(super) newborns: u32,
    /// Where mistakes go.
    pub diagnostics: &'d mut Diagnostics,
}

impl<'a, 'd> Checker<'a, 'd> {
    /// For constants.
    pub fn new(names: &'a Names<'a>, diagnostics: &'d mut Diagnostics) -> Self {
        Self {
            names,
            constants: vec![None; names.constants.len()],
            used: vec![false; names.constants.len()],
            space: None,
            rasters: Vec::new(),
            shapes: BTreeMap::new(),
            row: None,
            group: None,
            folder: PathBuf::new(),
            file: None,
            data: Vec::new(),
            model: Model::default(),
            rule: None,
            asking: None,
            signals: vec![SignalState::New; names.signals.len()],
            memory: None,
            keys: BTreeMap::new(),
            fields: vec![FieldState::New; names.fields.len()],
            fields_open: Vec::new(),
            buses_read: vec![false; names.buses.len()],
            in_fields: 0,
            subject: None,
            later: Vec::new(),
            locals: Vec::new(),
            turns: Vec::new(),
            scope: Vec::new(),
            floor: None,
            inlining: Vec::new(),
            called: vec![false; names.functions.len()],
            unions: vec![false; names.unions.len()],
            calls: 0,
            readings: 0,
            draws: 0,
            newborns: 0,
            diagnostics,
        }
    }

    /// Tells a mistake.
    pub fn error(&mut self, diagnostic: Diagnostic) -> Checked {
        self.diagnostics.push(diagnostic);
        Checked::Error
    }

    /// Checks an expression. `expected` is the scalar that literals become where nothing nearer says so.
    pub fn check(&mut self, expr: &Expr, expected: Option<Scalar>) -> Checked {
        if self.diagnostics.full() {
            return Checked::Error;
        }
        match &expr.kind {
            ExprKind::Error => Checked::Error,
            ExprKind::Int(number) => Checked::Int(i128::from(*number)),
            ExprKind::Float(number) => Checked::Float(*number),
            ExprKind::Bool(truth) => Checked::Typed(Typed::value(Value::Bool(*truth))),
            ExprKind::Name(_) | ExprKind::Lane(..) | ExprKind::Index(..) | ExprKind::This => {
                self.place(expr, None, expected)
            }
            ExprKind::Fresh(inner) => self.place(inner, Some(expr.span), expected),
            ExprKind::Block(lets, value) => self.block(lets, value, expected),
            ExprKind::Array(elements) => self.array(elements, expr.span),
            ExprKind::Fold(fold, span, walk, value, constants) if self.is_of_states() => {
                self.reduction(*fold, *span, walk, value.as_deref(), constants)
            }
            ExprKind::Fold(fold, span, walk, value, _) => self.fold(*fold, *span, walk, value.as_deref(), expected),
            ExprKind::Pair(draw) => self.pair(draw, expr.span, expected),
            ExprKind::Spawn(_) => self.spawn_in_value(expr.span),
            ExprKind::Row => {
                if self.row.is_none() && self.own_group().is_none() {
                    if self.of_another_row("`row`", expr.span) {
                        return Checked::Error;
                    }
                    return self.outside("`row`", expr.span);
                }
                Checked::Typed(Typed { ty: Type::scalar(Scalar::U32), kind: Kind::Row })
            }
            ExprKind::Space => self.error(
                Diagnostic::error(codes::E0302, expr.span, "the space is no value")
                    .help("it can be drawn from: `uniform(space)`"),
            ),
            ExprKind::Unary(op, operand) => {
                let value = self.check(operand, expected);
                self.unary(*op, value, expr.span)
            }
            ExprKind::In(row, group) => self.membership(row, group),
            ExprKind::Binary(..) if let Some(truth) = self.decide(expr) => {
                Checked::Typed(Typed::value(Value::Bool(truth)))
            }
            ExprKind::Binary(op, place, a, b) => {
                let (left, right) = (self.check(a, expected), self.check(b, expected));
                self.binary(*op, *place, (left, a.span), (right, b.span))
            }
            ExprKind::If(condition, yes, no) => self.condition(condition, yes, no, expected),
            ExprKind::Call(name, arguments) => self.call(name, arguments, expr.span, expected),
            ExprKind::Pipe(value, adapter) => {
                let value = self.check(value, expected);
                self.adapted(value, adapter, expr.span, expected)
            }
        }
    }

    /// `[1, 2, 3]`: of one type.
    fn array(&mut self, elements: &[Expr], span: Span) -> Checked {
        let mut checked = Vec::new();
        for element in elements {
            match self.check(element, None) {
                Checked::Error => return Checked::Error,
                Checked::Array(_) => {
                    let error = Diagnostic::error(codes::E0314, element.span, "an array within an array");
                    return self.error(error.help("make it one array, and compute the place: `table[i * 3 + j]`"));
                }
                value => checked.push((value, element.span)),
            }
        }
        if checked.is_empty() {
            return self.error(Diagnostic::error(codes::E0314, span, "an array of nothing"));
        }
        let floats = checked.iter().any(|(value, _)| matches!(value, Checked::Float(_)));
        let alone = if floats { Scalar::F32 } else { Scalar::I32 };
        let sorted = checked.iter().all(|(value, _)| match value {
            Checked::Typed(typed) => typed.ty.sort != Sort::Plain || typed.ty.scalar == Scalar::Bool,
            _ => false,
        });
        let all = match sorted {
            true => checked
                .into_iter()
                .filter_map(|(value, _)| match value {
                    Checked::Typed(typed) => Some(typed),
                    _ => None,
                })
                .collect(),
            false => match self.common(checked, alone) {
                Some(all) => all.into_iter().map(|(typed, _)| typed).collect::<Vec<_>>(),
                None => return Checked::Error,
            },
        };
        let ty = all[0].ty;
        if all.iter().any(|typed| typed.ty != ty) {
            let error = Diagnostic::error(codes::E0301, span, "the elements of an array have one type");
            return self.error(error.help("convert them: `f32(...)`"));
        }
        Checked::Array(all)
    }

    /// What is only known of a row.
    pub fn outside(&mut self, what: &str, span: Span) -> Checked {
        let error = Diagnostic::error(codes::E0307, span, format!("{what} is only known of a row"));
        self.error(error.help(match (&self.rule, self.floor.is_some()) {
            (Some(Rule { system: None, .. }), _) => {
                "signals are of all rows: `mean(people: Age)`, `count(people where Ill)`"
            }
            (_, true) => "a function sees its parameters and constants: pass what else it needs",
            _ => "use it in a group's blueprint or in the body of a system",
        }))
    }

    fn unary(&mut self, op: UnaryOp, value: Checked, span: Span) -> Checked {
        match (op, value) {
            (_, Checked::Error) => Checked::Error,
            (UnaryOp::Neg, Checked::Int(x)) => Checked::Int(-x),
            (UnaryOp::Neg, Checked::Float(x)) => Checked::Float(-x),
            (UnaryOp::Neg, Checked::Typed(x)) if Unary::Neg.accepts(x.ty.scalar) && x.ty.sort == Sort::Plain => {
                Checked::Typed(Typed::new(x.ty, Kind::Unary(Unary::Neg, Box::new(x))))
            }
            (UnaryOp::Not, Checked::Typed(x)) if x.ty == Type::scalar(Scalar::Bool) => {
                Checked::Typed(Typed::new(x.ty, Kind::Unary(Unary::Not, Box::new(x))))
            }
            (op, value) => {
                let (symbol, wanted) = match op {
                    UnaryOp::Neg => ("-", "a number"),
                    UnaryOp::Not => ("not", "a `bool`"),
                };
                let message = format!("`{symbol}` takes {wanted}, not {}", value.called(&self.diagnostics.types));
                self.error(Diagnostic::error(codes::E0302, span, message))
            }
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, place: Span, a: (Checked, Span), b: (Checked, Span)) -> Checked {
        if matches!(a.0, Checked::Error) || matches!(b.0, Checked::Error) {
            return Checked::Error;
        }
        let compare = match op {
            BinaryOp::Equal => Some(Compare::Eq),
            BinaryOp::NotEqual => Some(Compare::Ne),
            BinaryOp::Less => Some(Compare::Lt),
            BinaryOp::LessEqual => Some(Compare::Le),
            BinaryOp::Greater => Some(Compare::Gt),
            BinaryOp::GreaterEqual => Some(Compare::Ge),
            _ => None,
        };
        if let Some(compare) = compare {
            return self.compare(compare, op, place, a, b);
        }
        let code = match op {
            BinaryOp::Add => Binary::Add,
            BinaryOp::Sub => Binary::Sub,
            BinaryOp::Mul => Binary::Mul,
            BinaryOp::Div => Binary::Div,
            BinaryOp::Rem => Binary::Rem,
            BinaryOp::And => Binary::And,
            _ => Binary::Or,
        };
        if let (Checked::Int(x), Checked::Int(y)) = (&a.0, &b.0) {
            return self.literal_integers(op, place, *x, *y, b.1);
        }
        if let (Some(x), Some(y)) = (literal(&a.0), literal(&b.0)) {
            // At least one is a float: so is the result, in the precision of literals.
            let (x, y) = (Typed::value(Value::F64(x)), Typed::value(Value::F64(y)));
            if code.accepts(Scalar::F64) {
                let folded = Typed::new(x.ty, Kind::Binary(code, Box::new(x), Box::new(y))).scalar();
                return folded.map_or(Checked::Error, |value| Checked::Float(value.as_f64()));
            }
        }
        let (left, right) = (a.0.called(&self.diagnostics.types), b.0.called(&self.diagnostics.types));
        let Some((x, y)) = self.unify(a, b.clone(), None) else { return Checked::Error };
        let (lanes, fits) = match (x.ty.lanes, y.ty.lanes) {
            (1, 1) => (1, true),
            (m, n) if m == n => (m, matches!(op, BinaryOp::Add | BinaryOp::Sub)),
            (m, 1) => (m, matches!(op, BinaryOp::Mul | BinaryOp::Div)),
            (1, n) => (n, op == BinaryOp::Mul),
            (m, _) => (m, false),
        };
        let logic = matches!(op, BinaryOp::And | BinaryOp::Or);
        if !fits || !code.accepts(x.ty.scalar) || (logic && x.ty.scalar != Scalar::Bool) {
            let message = format!("`{}` does not take {left} and {right}", op.symbol());
            let error = Diagnostic::error(codes::E0302, place, message);
            let vectors = x.ty.lanes > 1 || y.ty.lanes > 1;
            let help = "vectors are added, subtracted, and multiplied or divided by a scalar; also `dot(a, b)`";
            return self.error(error.maybe_help(vectors.then(|| help.to_string())));
        }
        if x.ty.scalar.is_integer()
            && matches!(op, BinaryOp::Div | BinaryOp::Rem)
            && y.scalar().is_some_and(|value| value.as_f64() == 0.0)
        {
            return self.by_zero(b.1);
        }
        let ty = Type::vector(x.ty.scalar, lanes);
        Checked::Typed(Typed::new(ty, Kind::Binary(code, Box::new(x), Box::new(y))))
    }

    fn by_zero(&mut self, span: Span) -> Checked {
        self.error(Diagnostic::error(codes::E0306, span, "an integer is divided by zero").here("this is 0"))
    }

    fn literal_integers(&mut self, op: BinaryOp, place: Span, x: i128, y: i128, right: Span) -> Checked {
        let result = match op {
            BinaryOp::Add => x.checked_add(y),
            BinaryOp::Sub => x.checked_sub(y),
            BinaryOp::Mul => x.checked_mul(y),
            BinaryOp::Div | BinaryOp::Rem if y == 0 => return self.by_zero(right),
            BinaryOp::Div => x.checked_div(y),
            BinaryOp::Rem => x.checked_rem(y),
            _ => {
                let message = format!("`{}` takes `bool`s, not integers", op.symbol());
                return self.error(Diagnostic::error(codes::E0302, place, message));
            }
        };
        match result {
            Some(result) => Checked::Int(result),
            None => self.error(Diagnostic::error(codes::E0305, place, "the result is too large for any integer")),
        }
    }

    fn compare(
        &mut self,
        compare: Compare,
        op: BinaryOp,
        place: Span,
        a: (Checked, Span),
        b: (Checked, Span),
    ) -> Checked {
        let truth = |truth: bool| Checked::Typed(Typed::value(Value::Bool(truth)));
        if let (Checked::Int(x), Checked::Int(y)) = (&a.0, &b.0) {
            return truth(match compare {
                Compare::Eq => x == y,
                Compare::Ne => x != y,
                Compare::Lt => x < y,
                Compare::Le => x <= y,
                Compare::Gt => x > y,
                Compare::Ge => x >= y,
            });
        }
        let (a, b) = none_like(a, b);
        if let (Checked::Typed(x), Checked::Typed(y)) = (&a.0, &b.0)
            && (x.ty.sort != Sort::Plain || y.ty.sort != Sort::Plain)
        {
            let (x, y) = (x.clone(), y.clone());
            if x.ty == y.ty && matches!(compare, Compare::Eq | Compare::Ne) {
                return self.same(compare, x, y);
            }
            let message =
                format!("`{}` does not take `{}` and `{}`", op.symbol(), self.type_name(x.ty), self.type_name(y.ty));
            let error = Diagnostic::error(codes::E0302, place, message);
            return self.error(error.help("variants and references of one kind are compared by `==` and `!=`"));
        }
        let (left, right) = (a.0.called(&self.diagnostics.types), b.0.called(&self.diagnostics.types));
        let wide = literal(&a.0).is_some() && literal(&b.0).is_some();
        let Some((x, y)) = self.unify(a, b, wide.then_some(Scalar::F64)) else { return Checked::Error };
        if x.ty.lanes > 1 || y.ty.lanes > 1 || !compare.accepts(x.ty.scalar) {
            let message = format!("`{}` does not take {left} and {right}", op.symbol());
            let error = Diagnostic::error(codes::E0302, place, message);
            return self
                .error(error.help("numbers are compared; a `bool` only by `==` and `!=`; a vector lane by lane"));
        }
        Checked::Typed(Typed::new(Type::scalar(Scalar::Bool), Kind::Compare(compare, Box::new(x), Box::new(y))))
    }

    fn condition(&mut self, condition: &Expr, yes: &Expr, no: &Expr, expected: Option<Scalar>) -> Checked {
        if let Some(taken) = self.decide(condition) {
            return self.check(if taken { yes } else { no }, expected);
        }
        let c = self.truth(condition, "a condition");
        let (a, b) = (self.check(yes, expected), self.check(no, expected));
        let Some(c) = c.filter(|_| !matches!(a, Checked::Error) && !matches!(b, Checked::Error)) else {
            return Checked::Error;
        };
        if let Some(Value::Bool(chosen)) = c.scalar()
            && let (Checked::Int(_) | Checked::Float(_), Checked::Int(_) | Checked::Float(_)) = (&a, &b)
        {
            let float = matches!(a, Checked::Float(_)) || matches!(b, Checked::Float(_));
            let value = if chosen { a } else { b };
            return if float { literal(&value).map_or(Checked::Error, Checked::Float) } else { value };
        }
        let ((a, _), (b, _)) = none_like((a, yes.span), (b, no.span));
        if let (Checked::None, Checked::None) = (&a, &b) {
            return Checked::None;
        }
        if let (Checked::Typed(x), Checked::Typed(y)) = (&a, &b)
            && x.ty == y.ty
        {
            let kind = Kind::Select(Box::new(c), Box::new(x.clone()), Box::new(y.clone()));
            return Checked::Typed(Typed::new(x.ty, kind));
        }
        let Some((x, y)) = self.unify((a, yes.span), (b, no.span), expected) else { return Checked::Error };
        if x.ty.lanes != y.ty.lanes {
            let error = mixed(&Checked::Typed(x), yes.span, &Checked::Typed(y), no.span, &self.diagnostics.types);
            return self.error(error);
        }
        let ty = x.ty;
        Checked::Typed(Typed::new(ty, Kind::Select(Box::new(c), Box::new(x), Box::new(y))))
    }

    /// A lane of a vector.
    pub(super) fn lane_of(&mut self, value: Checked, lane: &ast::Name) -> Checked {
        if matches!(value, Checked::Error) {
            return value;
        }
        let number = ["x", "y", "z"].iter().position(|name| *name == lane.text);
        match (value, number) {
            (Checked::Typed(typed), Some(number)) if typed.ty.lanes > 1 && number < usize::from(typed.ty.lanes) => {
                let ty = Type::scalar(typed.ty.scalar);
                Checked::Typed(Typed::new(ty, Kind::Lane(Box::new(typed), number as u8)))
            }
            (value, _) => {
                let message = format!("{} has no lane `{}`", value.called(&self.diagnostics.types), lane.text);
                let error = Diagnostic::error(codes::E0308, lane.span, message);
                self.error(error.help("a `vec2` has `.x` and `.y`, a `vec3` also `.z`"))
            }
        }
    }

    /// Brings two operands to one scalar: literals adapt, integers become the other's float, `f32` becomes `f64`.
    /// Literals alone become `expected`, or `i32` and `f32`.
    pub fn unify(
        &mut self,
        a: (Checked, Span),
        b: (Checked, Span),
        expected: Option<Scalar>,
    ) -> Option<(Typed, Typed)> {
        let scalar = match (&a.0, &b.0) {
            (Checked::Error, _) | (_, Checked::Error) => return None,
            // Variants and references are no numbers.
            (Checked::Typed(x), Checked::Typed(y)) if x.ty.sort == Sort::Plain && y.ty.sort == Sort::Plain => {
                join(x.ty.scalar, y.ty.scalar)
            }
            (Checked::Typed(_), Checked::Typed(_)) | (Checked::Array(_), _) | (_, Checked::Array(_)) => None,
            (Checked::Typed(x), _) | (_, Checked::Typed(x)) if x.ty.sort != Sort::Plain => None,
            (Checked::Typed(x), other) | (other, Checked::Typed(x)) => match (x.ty.scalar, other) {
                (Scalar::Bool, _) => None,
                (scalar, Checked::Float(_)) if scalar.is_integer() => Some(Scalar::F32),
                (scalar, _) => Some(scalar),
            },
            (Checked::Int(_), Checked::Int(_)) => {
                Some(expected.filter(|scalar| *scalar != Scalar::Bool).unwrap_or(Scalar::I32))
            }
            _ => Some(expected.filter(|scalar| scalar.is_float()).unwrap_or(Scalar::F32)),
        };
        let Some(scalar) = scalar else {
            let error = mixed(&a.0, a.1, &b.0, b.1, &self.diagnostics.types);
            self.diagnostics.push(error);
            return None;
        };
        let x = adapt(a.0, scalar, a.1, self.diagnostics);
        let y = adapt(b.0, scalar, b.1, self.diagnostics);
        x.zip(y)
    }
}

/// The scalar that two meet in.
pub fn join(a: Scalar, b: Scalar) -> Option<Scalar> {
    match (a, b) {
        _ if a == b => Some(a),
        (Scalar::Bool, _) | (_, Scalar::Bool) => None,
        (Scalar::F64, _) | (_, Scalar::F64) if a.is_float() && b.is_float() => Some(Scalar::F64),
        _ if a.is_float() && b.is_integer() => Some(a),
        _ if b.is_float() && a.is_integer() => Some(b),
        _ => None,
    }
}
