//! Typed expressions: what the checker makes and lowering flattens.

use diptych_protocol::body::{Binary, Compare, Store, Unary};
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Type, Value};
use diptych_protocol::{eval, id::ColumnId};

use crate::lower::expressions::Flattener;

/// An expression with its type.
#[derive(Clone, PartialEq, Debug)]
pub struct Typed {
    /// The type.
    pub ty: Type,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of typed expressions. Operations work lane by lane; a scalar operand goes with every lane.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Kind {
    /// One value a lane.
    Const(Vec<Value>),
    /// The number of the row.
    Row,
    /// An earlier component of the same blueprint, by its place.
    Component(usize),
    Lane(Box<Typed>, u8),
    /// Of scalars.
    Vector(Vec<Typed>),
    Unary(Unary, Box<Typed>),
    Binary(Binary, Box<Typed>, Box<Typed>),
    Compare(Compare, Box<Typed>, Box<Typed>),
    Select(Box<Typed>, Box<Typed>, Box<Typed>),
    /// To the scalar of the expression's own type.
    Convert(Box<Typed>),
    Call(Function, Vec<Typed>),
    Draw {
        draw: Draw,
        /// Which draw of its initialiser.
        ordinal: u32,
        arguments: Vec<Typed>,
    },
}

/// Functions that are more than one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Function {
    Sign,
    Clamp,
    Length,
    LengthSquared,
    Normalize,
    Dot,
    Distance,
    Polar,
}

/// What is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Draw {
    Uniform,
    Normal,
    Disc,
    Chance,
    Exponential,
}

impl Typed {
    /// A constant scalar.
    pub fn value(value: Value) -> Self {
        Self { ty: Type::scalar(value.scalar()), kind: Kind::Const(vec![value]) }
    }

    /// An expression; computed at once where all parts are constant, by the same code and the same reference as at
    /// run time, so that it makes no difference to the bits.
    pub fn new(ty: Type, kind: Kind) -> Self {
        let typed = Self { ty, kind };
        let constant = match &typed.kind {
            Kind::Lane(a, _) | Kind::Unary(_, a) | Kind::Convert(a) => a.constant().is_some(),
            Kind::Vector(all) | Kind::Call(_, all) => all.iter().all(|a| a.constant().is_some()),
            Kind::Binary(_, a, b) | Kind::Compare(_, a, b) => a.constant().is_some() && b.constant().is_some(),
            Kind::Select(c, a, b) => [c, a, b].iter().all(|e| e.constant().is_some()),
            Kind::Const(_) | Kind::Row | Kind::Component(_) | Kind::Draw { .. } => false,
        };
        if !constant {
            return typed;
        }
        match typed.fold() {
            Some(values) => Self { ty, kind: Kind::Const(values) },
            None => typed,
        }
    }

    fn fold(&self) -> Option<Vec<Value>> {
        let mut flattener = Flattener::new("", "");
        let lanes = flattener.lanes(self);
        let mut body = flattener.body;
        let store = |(lane, value)| Store { column: ColumnId(lane as u32), value, span: Span::default() };
        body.stores = lanes.into_iter().enumerate().map(store).collect();
        Some(eval::row(&body, eval::Here::default())?.into_iter().map(|(_, value)| value).collect())
    }

    /// The values of the lanes, if they are known.
    pub fn constant(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::Const(values) => Some(values),
            _ => None,
        }
    }

    /// The value of a constant scalar.
    pub fn scalar(&self) -> Option<Value> {
        match self.constant() {
            Some([value]) => Some(*value),
            _ => None,
        }
    }

    /// The same with lanes of another type.
    #[must_use]
    pub fn converted(self, scalar: Scalar) -> Self {
        if self.ty.scalar == scalar {
            return self;
        }
        let ty = Type::vector(scalar, self.ty.lanes);
        Self::new(ty, Kind::Convert(Box::new(self)))
    }
}

/// What checking an expression gives.
#[derive(Clone, PartialEq, Debug)]
pub enum Checked {
    /// A number written without a type: it becomes what it meets.
    Int(i128),
    /// A float written without a type.
    Float(f64),
    /// Everything else.
    Typed(Typed),
    /// Told already.
    Error,
}

impl Checked {
    /// The type for people.
    pub fn describe(&self) -> String {
        match self {
            Checked::Int(_) => "an integer".into(),
            Checked::Float(_) => "a float".into(),
            Checked::Typed(typed) => format!("`{}`", typed.ty),
            Checked::Error => "an error".into(),
        }
    }
}
