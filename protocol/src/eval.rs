//! What every operation means, on constants: the reference that all back ends are compared with.
//!
//! The rules are the docs in [`crate::body`]; this is their text as code. A NaN result is the one of
//! [`crate::math::canonical`], so that a folded constant has the same bits wherever it was folded.

use crate::body::{Binary, Body, Compare, Op, Unary};
use crate::id::{ColumnId, ValueId};
use crate::math;
use crate::random::{self, Address};
use crate::table::Table;
use crate::types::{Scalar, Value};

/// Applies `$f` to a float of either width, `$i` to an integer of any; everything else is no number.
macro_rules! number {
    ($value:expr, $x:ident => $float:expr, $int:expr) => {
        match $value {
            Value::F32($x) => Some(Value::F32(math::canonical($float))),
            Value::F64($x) => Some(Value::F64(math::canonical($float))),
            Value::I8($x) => Some(Value::I8($int)),
            Value::I16($x) => Some(Value::I16($int)),
            Value::I32($x) => Some(Value::I32($int)),
            Value::U8($x) => Some(Value::U8($int)),
            Value::U16($x) => Some(Value::U16($int)),
            Value::U32($x) => Some(Value::U32($int)),
            Value::Bool(_) => None,
        }
    };
    ($a:expr, $b:expr, ($x:ident, $y:ident) => $float:expr, $int:expr) => {
        match ($a, $b) {
            (Value::F32($x), Value::F32($y)) => Some(Value::F32(math::canonical($float))),
            (Value::F64($x), Value::F64($y)) => Some(Value::F64(math::canonical($float))),
            (Value::I8($x), Value::I8($y)) => Some(Value::I8($int)),
            (Value::I16($x), Value::I16($y)) => Some(Value::I16($int)),
            (Value::I32($x), Value::I32($y)) => Some(Value::I32($int)),
            (Value::U8($x), Value::U8($y)) => Some(Value::U8($int)),
            (Value::U16($x), Value::U16($y)) => Some(Value::U16($int)),
            (Value::U32($x), Value::U32($y)) => Some(Value::U32($int)),
            _ => None,
        }
    };
}

/// Applies `$f` to a float of either width; everything else is none.
macro_rules! float {
    ($value:expr, $x:ident => $float:expr) => {
        match $value {
            Value::F32($x) => Some(Value::F32(math::canonical($float))),
            Value::F64($x) => Some(Value::F64(math::canonical($float))),
            _ => None,
        }
    };
    ($a:expr, $b:expr, ($x:ident, $y:ident) => $float:expr) => {
        match ($a, $b) {
            (Value::F32($x), Value::F32($y)) => Some(Value::F32(math::canonical($float))),
            (Value::F64($x), Value::F64($y)) => Some(Value::F64(math::canonical($float))),
            _ => None,
        }
    };
}

/// Applies `$f` to an integer of any type; everything else is none.
macro_rules! integer {
    ($value:expr, $x:ident => $integer:expr) => {
        match $value {
            Value::I8($x) => Some(Value::I8($integer)),
            Value::I16($x) => Some(Value::I16($integer)),
            Value::I32($x) => Some(Value::I32($integer)),
            Value::U8($x) => Some(Value::U8($integer)),
            Value::U16($x) => Some(Value::U16($integer)),
            Value::U32($x) => Some(Value::U32($integer)),
            _ => None,
        }
    };
    ($a:expr, $b:expr, ($x:ident, $y:ident) => $integer:expr) => {
        match ($a, $b) {
            (Value::I8($x), Value::I8($y)) => Some(Value::I8($integer)),
            (Value::I16($x), Value::I16($y)) => Some(Value::I16($integer)),
            (Value::I32($x), Value::I32($y)) => Some(Value::I32($integer)),
            (Value::U8($x), Value::U8($y)) => Some(Value::U8($integer)),
            (Value::U16($x), Value::U16($y)) => Some(Value::U16($integer)),
            (Value::U32($x), Value::U32($y)) => Some(Value::U32($integer)),
            _ => None,
        }
    };
}

/// What integers do beyond what `std` says in one word.
pub trait Integer: Copy {
    /// The magnitude; the smallest stays itself.
    fn magnitude(self) -> Self;
    /// Shifted left by an amount that counts as unsigned; by the width or more: 0.
    fn shifted_left(self, by: Self) -> Self;
    /// Shifted right, filled with the sign; by the width or more, only the fill is left.
    fn shifted_right(self, by: Self) -> Self;
}
macro_rules! integers {
    ($($t:ident as $u:ident, |$x:ident| $magnitude:expr, $fill:expr;)*) => {$(
        impl Integer for $t {
            #[inline(always)]
            fn magnitude(self) -> Self {
                let $x = self;
                $magnitude
            }
            #[inline(always)]
            fn shifted_left(self, by: Self) -> Self {
                let by = u32::from(by as $u);
                if by < $t::BITS { self << by } else { 0 }
            }
            #[inline(always)]
            fn shifted_right(self, by: Self) -> Self {
                let by = u32::from(by as $u);
                #[allow(unused_variables, reason = "unsigned ones fill with 0")]
                let $x = self;
                if by < $t::BITS { self >> by } else { $fill }
            }
        }
    )*};
}
integers! {
    i8 as u8, |x| x.wrapping_abs(), x >> 7;
    i16 as u16, |x| x.wrapping_abs(), x >> 15;
    i32 as u32, |x| x.wrapping_abs(), x >> 31;
    u8 as u8, |x| x, 0;
    u16 as u16, |x| x, 0;
    u32 as u32, |x| x, 0;
}

/// One operand. Nothing where the operation does not take its type.
pub fn unary(op: Unary, value: Value) -> Option<Value> {
    match op {
        Unary::Neg => number!(value, x => -x, x.wrapping_neg()),
        Unary::Abs => number!(value, x => math::abs(x), x.magnitude()),
        Unary::Not => match value {
            Value::Bool(x) => Some(Value::Bool(!x)),
            value => integer!(value, x => !x),
        },
        Unary::Cbrt => float!(value, x => math::cbrt(x)),
        Unary::Sinh => float!(value, x => math::sinh(x)),
        Unary::Cosh => float!(value, x => math::cosh(x)),
        Unary::Tanh => float!(value, x => math::tanh(x)),
        Unary::Sqrt => float!(value, x => math::sqrt(x)),
        Unary::Sin => float!(value, x => math::sin(x)),
        Unary::Cos => float!(value, x => math::cos(x)),
        Unary::Tan => float!(value, x => math::tan(x)),
        Unary::Asin => float!(value, x => math::asin(x)),
        Unary::Acos => float!(value, x => math::acos(x)),
        Unary::Atan => float!(value, x => math::atan(x)),
        Unary::Exp => float!(value, x => math::exp(x)),
        Unary::Ln => float!(value, x => math::ln(x)),
        Unary::Log2 => float!(value, x => math::log2(x)),
        Unary::Log10 => float!(value, x => math::log10(x)),
        Unary::Floor => float!(value, x => math::floor(x)),
        Unary::Ceil => float!(value, x => math::ceil(x)),
        Unary::Round => float!(value, x => math::round(x)),
        Unary::Trunc => float!(value, x => math::trunc(x)),
    }
}

/// Two operands of one type. Nothing where the types differ or the operation does not take them.
pub fn binary(op: Binary, a: Value, b: Value) -> Option<Value> {
    match op {
        Binary::Add => number!(a, b, (x, y) => x + y, x.wrapping_add(y)),
        Binary::Sub => number!(a, b, (x, y) => x - y, x.wrapping_sub(y)),
        Binary::Mul => number!(a, b, (x, y) => x * y, x.wrapping_mul(y)),
        Binary::Div => number!(a, b, (x, y) => x / y, if y == 0 { 0 } else { x.wrapping_div(y) }),
        Binary::Rem => number!(a, b, (x, y) => math::rem(x, y), if y == 0 { 0 } else { x.wrapping_rem(y) }),
        Binary::Min => number!(a, b, (x, y) => math::min(x, y), x.min(y)),
        Binary::Max => number!(a, b, (x, y) => math::max(x, y), x.max(y)),
        Binary::Pow => float!(a, b, (x, y) => math::pow(x, y)),
        Binary::Atan2 => float!(a, b, (x, y) => math::atan2(x, y)),
        Binary::And => match (a, b) {
            (Value::Bool(x), Value::Bool(y)) => Some(Value::Bool(x && y)),
            _ => integer!(a, b, (x, y) => x & y),
        },
        Binary::Or => match (a, b) {
            (Value::Bool(x), Value::Bool(y)) => Some(Value::Bool(x || y)),
            _ => integer!(a, b, (x, y) => x | y),
        },
        Binary::Xor => match (a, b) {
            (Value::Bool(x), Value::Bool(y)) => Some(Value::Bool(x ^ y)),
            _ => integer!(a, b, (x, y) => x ^ y),
        },
        Binary::Shl => integer!(a, b, (x, y) => x.shifted_left(y)),
        Binary::Shr => integer!(a, b, (x, y) => x.shifted_right(y)),
    }
}

/// A comparison of two values of one type.
pub fn compare(op: Compare, a: Value, b: Value) -> Option<bool> {
    fn of<T: PartialOrd>(op: Compare, x: T, y: T) -> bool {
        match op {
            Compare::Eq => x == y,
            Compare::Ne => x != y,
            Compare::Lt => x < y,
            Compare::Le => x <= y,
            Compare::Gt => x > y,
            Compare::Ge => x >= y,
        }
    }
    match (a, b) {
        _ if !op.accepts(a.scalar()) => None,
        (Value::F32(x), Value::F32(y)) => Some(of(op, x, y)),
        (Value::F64(x), Value::F64(y)) => Some(of(op, x, y)),
        (Value::I8(x), Value::I8(y)) => Some(of(op, x, y)),
        (Value::I16(x), Value::I16(y)) => Some(of(op, x, y)),
        (Value::I32(x), Value::I32(y)) => Some(of(op, x, y)),
        (Value::U8(x), Value::U8(y)) => Some(of(op, x, y)),
        (Value::U16(x), Value::U16(y)) => Some(of(op, x, y)),
        (Value::U32(x), Value::U32(y)) => Some(of(op, x, y)),
        (Value::Bool(x), Value::Bool(y)) => Some(of(op, x, y)),
        _ => None,
    }
}

/// The value in another type.
pub fn convert(value: Value, to: Scalar) -> Value {
    macro_rules! cast {
        ($x:expr) => {
            match to {
                Scalar::F32 => Value::F32(math::canonical($x as f32)),
                Scalar::F64 => Value::F64(math::canonical($x as f64)),
                Scalar::I8 => Value::I8($x as i8),
                Scalar::I16 => Value::I16($x as i16),
                Scalar::I32 => Value::I32($x as i32),
                Scalar::U8 => Value::U8($x as u8),
                Scalar::U16 => Value::U16($x as u16),
                Scalar::U32 => Value::U32($x as u32),
                Scalar::Bool => Value::Bool(value.as_f64() != 0.0),
            }
        };
    }
    #[allow(clippy::unnecessary_cast, reason = "one text for all types")]
    match value {
        Value::F32(x) => cast!(x),
        Value::F64(x) => cast!(x),
        Value::I8(x) => cast!(x),
        Value::I16(x) => cast!(x),
        Value::I32(x) => cast!(x),
        Value::U8(x) => cast!(x),
        Value::U16(x) => cast!(x),
        Value::U32(x) => cast!(x),
        Value::Bool(x) => cast!(u8::from(x)),
    }
}

/// A draw at an address. Nothing where the type is no float.
pub fn draw(scalar: Scalar, address: Address, lane: u8) -> Option<Value> {
    match scalar {
        Scalar::F32 => Some(Value::F32(random::uniform_f32(address.block(), lane))),
        Scalar::F64 => Some(Value::F64(random::uniform_f64(address.block(), lane))),
        _ => None,
    }
}

/// Where an operation is evaluated: whose row, in which tick of which run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Here {
    /// The row's entity index.
    pub entity: u32,
    /// The scenario's seed.
    pub seed: u64,
    /// The tick.
    pub tick: u32,
}

/// One operation that needs nothing but values before it: no column, no loop, no signal. Nothing where it does, or
/// where the body is malformed.
pub fn op(op: Op, scalar: Scalar, before: impl Fn(ValueId) -> Option<Value>, here: Here) -> Option<Value> {
    let index = |id: ValueId| match before(id)? {
        Value::U32(x) => Some(x),
        _ => None,
    };
    let result = match op {
        Op::Const(constant) => constant,
        Op::Row => Value::U32(here.entity),
        Op::Draw { site, lane, entity, turn } => {
            let (entity, turn) = (index(entity)?, index(turn)?);
            draw(scalar, Address { seed: here.seed, entity, tick: here.tick, site, turn }, lane)?
        }
        Op::Unary(op, a) => unary(op, before(a)?)?,
        Op::Binary(op, a, b) => binary(op, before(a)?, before(b)?)?,
        Op::Compare(op, a, b) => Value::Bool(compare(op, before(a)?, before(b)?)?),
        Op::Select(condition, a, b) => match before(condition)? {
            Value::Bool(true) => before(a)?,
            Value::Bool(false) => before(b)?,
            _ => return None,
        },
        Op::Convert(a) => convert(before(a)?, scalar),
        _ => return None,
    };
    (result.scalar() == scalar).then_some(result)
}

/// What a body without columns and loops stores for one row, in the order of its stores. Nothing where it has such.
pub fn row(body: &Body, here: Here) -> Option<Vec<(ColumnId, Value)>> {
    let mut values: Table<ValueId, Value> = Table::default();
    for typed in body.ops.values() {
        let value = op(typed.op, typed.scalar, |id| values.get(id).copied(), here)?;
        values.push(value);
    }
    body.stores.iter().map(|store| Some((store.column, *values.get(store.value)?))).collect()
}

#[cfg(test)]
mod tests;
