//! Operations on buffers: one choice of operation and type, then a tight loop. The rules are those of
//! [`diptych_protocol::body`].

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::eval::Integer;
use diptych_protocol::math;

use crate::body::column::{Column, pair};

#[inline(always)]
fn map<A: Copy, R>(a: &[A], out: &mut [R], lanes: usize, f: impl Fn(A) -> R) {
    out[..lanes].iter_mut().zip(&a[..lanes]).for_each(|(out, a)| *out = f(*a));
}

#[inline(always)]
fn zip<A: Copy, R>(a: &[A], b: &[A], out: &mut [R], lanes: usize, f: impl Fn(A, A) -> R) {
    out[..lanes].iter_mut().zip(&a[..lanes]).zip(&b[..lanes]).for_each(|((out, a), b)| *out = f(*a, *b));
}

pub(super) fn unary(op: Unary, a: &Column, out: &mut Column, lanes: usize) {
    macro_rules! float {
        ($a:expr, $out:expr) => {
            match op {
                Unary::Neg => map($a, $out, lanes, |x| -x),
                Unary::Abs => map($a, $out, lanes, math::abs),
                Unary::Not => {}
                Unary::Sqrt => map($a, $out, lanes, math::sqrt),
                Unary::Cbrt => map($a, $out, lanes, math::cbrt),
                Unary::Sinh => map($a, $out, lanes, math::sinh),
                Unary::Cosh => map($a, $out, lanes, math::cosh),
                Unary::Tanh => map($a, $out, lanes, math::tanh),
                Unary::Sin => map($a, $out, lanes, math::sin),
                Unary::Cos => map($a, $out, lanes, math::cos),
                Unary::Tan => map($a, $out, lanes, math::tan),
                Unary::Asin => map($a, $out, lanes, math::asin),
                Unary::Acos => map($a, $out, lanes, math::acos),
                Unary::Atan => map($a, $out, lanes, math::atan),
                Unary::Exp => map($a, $out, lanes, math::exp),
                Unary::Ln => map($a, $out, lanes, math::ln),
                Unary::Log2 => map($a, $out, lanes, math::log2),
                Unary::Log10 => map($a, $out, lanes, math::log10),
                Unary::Floor => map($a, $out, lanes, math::floor),
                Unary::Ceil => map($a, $out, lanes, math::ceil),
                Unary::Round => map($a, $out, lanes, math::round),
                Unary::Trunc => map($a, $out, lanes, math::trunc),
            }
        };
    }
    macro_rules! integer {
        ($a:expr, $out:expr) => {
            match op {
                Unary::Neg => map($a, $out, lanes, |x| x.wrapping_neg()),
                Unary::Abs => map($a, $out, lanes, Integer::magnitude),
                Unary::Not => map($a, $out, lanes, |x| !x),
                _ => {}
            }
        };
    }
    match (a, out) {
        (Column::F32(a), Column::F32(out)) => float!(a, out),
        (Column::F64(a), Column::F64(out)) => float!(a, out),
        (Column::I8(a), Column::I8(out)) => integer!(a, out),
        (Column::I16(a), Column::I16(out)) => integer!(a, out),
        (Column::I32(a), Column::I32(out)) => integer!(a, out),
        (Column::U8(a), Column::U8(out)) => integer!(a, out),
        (Column::U16(a), Column::U16(out)) => integer!(a, out),
        (Column::U32(a), Column::U32(out)) => integer!(a, out),
        (Column::Bool(a), Column::Bool(out)) => map(a, out, lanes, |x| x ^ 1),
        _ => unreachable!("a verified body mixes no types"),
    }
}

pub(super) fn binary(op: Binary, a: &Column, b: &Column, out: &mut Column, lanes: usize) {
    macro_rules! float {
        ($a:expr, $b:expr, $out:expr) => {
            match op {
                Binary::Add => zip($a, $b, $out, lanes, |x, y| x + y),
                Binary::Sub => zip($a, $b, $out, lanes, |x, y| x - y),
                Binary::Mul => zip($a, $b, $out, lanes, |x, y| x * y),
                Binary::Div => zip($a, $b, $out, lanes, |x, y| x / y),
                Binary::Rem => zip($a, $b, $out, lanes, math::rem),
                Binary::Min => zip($a, $b, $out, lanes, math::min),
                Binary::Max => zip($a, $b, $out, lanes, math::max),
                Binary::Pow => zip($a, $b, $out, lanes, math::pow),
                Binary::Atan2 => zip($a, $b, $out, lanes, math::atan2),
                Binary::And | Binary::Or | Binary::Xor | Binary::Shl | Binary::Shr => {}
            }
        };
    }
    macro_rules! integer {
        ($a:expr, $b:expr, $out:expr) => {
            match op {
                Binary::Add => zip($a, $b, $out, lanes, |x, y| x.wrapping_add(y)),
                Binary::Sub => zip($a, $b, $out, lanes, |x, y| x.wrapping_sub(y)),
                Binary::Mul => zip($a, $b, $out, lanes, |x, y| x.wrapping_mul(y)),
                Binary::Div => zip($a, $b, $out, lanes, |x, y| if y == 0 { 0 } else { x.wrapping_div(y) }),
                Binary::Rem => zip($a, $b, $out, lanes, |x, y| if y == 0 { 0 } else { x.wrapping_rem(y) }),
                Binary::Min => zip($a, $b, $out, lanes, |x, y| x.min(y)),
                Binary::Max => zip($a, $b, $out, lanes, |x, y| x.max(y)),
                Binary::And => zip($a, $b, $out, lanes, |x, y| x & y),
                Binary::Or => zip($a, $b, $out, lanes, |x, y| x | y),
                Binary::Xor => zip($a, $b, $out, lanes, |x, y| x ^ y),
                Binary::Shl => zip($a, $b, $out, lanes, Integer::shifted_left),
                Binary::Shr => zip($a, $b, $out, lanes, Integer::shifted_right),
                Binary::Pow | Binary::Atan2 => {}
            }
        };
    }
    match (a, b, out) {
        (Column::F32(a), Column::F32(b), Column::F32(out)) => float!(a, b, out),
        (Column::F64(a), Column::F64(b), Column::F64(out)) => float!(a, b, out),
        (Column::I8(a), Column::I8(b), Column::I8(out)) => integer!(a, b, out),
        (Column::I16(a), Column::I16(b), Column::I16(out)) => integer!(a, b, out),
        (Column::I32(a), Column::I32(b), Column::I32(out)) => integer!(a, b, out),
        (Column::U8(a), Column::U8(b), Column::U8(out)) => integer!(a, b, out),
        (Column::U16(a), Column::U16(b), Column::U16(out)) => integer!(a, b, out),
        (Column::U32(a), Column::U32(b), Column::U32(out)) => integer!(a, b, out),
        (Column::Bool(a), Column::Bool(b), Column::Bool(out)) => match op {
            Binary::And => zip(a, b, out, lanes, |x, y| x & y),
            Binary::Or => zip(a, b, out, lanes, |x, y| x | y),
            Binary::Xor => zip(a, b, out, lanes, |x, y| x ^ y),
            _ => {}
        },
        _ => unreachable!("a verified body mixes no types"),
    }
}

pub(super) fn compare(op: Compare, a: &Column, b: &Column, out: &mut [u8], lanes: usize) {
    fn of<T: Copy + PartialOrd>(op: Compare, a: &[T], b: &[T], out: &mut [u8], lanes: usize) {
        match op {
            Compare::Eq => zip(a, b, out, lanes, |x, y| u8::from(x == y)),
            Compare::Ne => zip(a, b, out, lanes, |x, y| u8::from(x != y)),
            Compare::Lt => zip(a, b, out, lanes, |x, y| u8::from(x < y)),
            Compare::Le => zip(a, b, out, lanes, |x, y| u8::from(x <= y)),
            Compare::Gt => zip(a, b, out, lanes, |x, y| u8::from(x > y)),
            Compare::Ge => zip(a, b, out, lanes, |x, y| u8::from(x >= y)),
        }
    }
    pair!(Column, Column, a, b, (a, b) => of(op, a, b, out, lanes));
}

pub(super) fn select(condition: &[u8], a: &Column, b: &Column, out: &mut Column, lanes: usize) {
    fn of<T: Copy>(condition: &[u8], a: &[T], b: &[T], out: &mut [T], lanes: usize) {
        let sides = a[..lanes].iter().zip(&b[..lanes]);
        for ((out, (a, b)), condition) in out[..lanes].iter_mut().zip(sides).zip(&condition[..lanes]) {
            *out = if *condition != 0 { *a } else { *b };
        }
    }
    match (a, b, out) {
        (Column::F32(a), Column::F32(b), Column::F32(out)) => of(condition, a, b, out, lanes),
        (Column::F64(a), Column::F64(b), Column::F64(out)) => of(condition, a, b, out, lanes),
        (Column::I8(a), Column::I8(b), Column::I8(out)) => of(condition, a, b, out, lanes),
        (Column::I16(a), Column::I16(b), Column::I16(out)) => of(condition, a, b, out, lanes),
        (Column::I32(a), Column::I32(b), Column::I32(out)) => of(condition, a, b, out, lanes),
        (Column::U8(a), Column::U8(b), Column::U8(out)) => of(condition, a, b, out, lanes),
        (Column::U16(a), Column::U16(b), Column::U16(out)) => of(condition, a, b, out, lanes),
        (Column::U32(a), Column::U32(b), Column::U32(out)) => of(condition, a, b, out, lanes),
        (Column::Bool(a), Column::Bool(b), Column::Bool(out)) => of(condition, a, b, out, lanes),
        _ => unreachable!("a verified body mixes no types"),
    }
}

pub(super) fn convert(a: &Column, out: &mut Column, lanes: usize) {
    macro_rules! from {
        ($a:expr, $zero:expr) => {
            match out {
                Column::F32(out) => map($a, out, lanes, |x| x as f32),
                Column::F64(out) => map($a, out, lanes, |x| x as f64),
                Column::I8(out) => map($a, out, lanes, |x| x as i8),
                Column::I16(out) => map($a, out, lanes, |x| x as i16),
                Column::I32(out) => map($a, out, lanes, |x| x as i32),
                Column::U8(out) => map($a, out, lanes, |x| x as u8),
                Column::U16(out) => map($a, out, lanes, |x| x as u16),
                Column::U32(out) => map($a, out, lanes, |x| x as u32),
                Column::Bool(out) => map($a, out, lanes, |x| u8::from(x != $zero)),
            }
        };
    }
    #[allow(clippy::unnecessary_cast, reason = "one text for all types")]
    match a {
        Column::F32(a) => from!(a, 0.0),
        Column::F64(a) => from!(a, 0.0),
        Column::I8(a) => from!(a, 0),
        Column::I16(a) => from!(a, 0),
        Column::I32(a) => from!(a, 0),
        Column::U8(a) | Column::Bool(a) => from!(a, 0),
        Column::U16(a) => from!(a, 0),
        Column::U32(a) => from!(a, 0),
    }
}

/// Where the mask is not 0, `into` becomes `from`; elsewhere it stays, bit for bit.
pub(super) fn set(into: &mut Column, from: &Column, mask: &[u8]) {
    fn of<T: Copy>(into: &mut [T], from: &[T], mask: &[u8]) {
        let lanes = mask.len();
        for ((into, from), mask) in into[..lanes].iter_mut().zip(&from[..lanes]).zip(mask) {
            *into = if *mask != 0 { *from } else { *into };
        }
    }
    pair!(Column, Column, into, from, (into, from) => of(into, from, mask));
}

/// Where the mask is not 0, `into` plus `value` (or minus); elsewhere it stays: no zero is added.
pub(super) fn add(into: &mut Column, value: &Column, minus: bool, mask: &[u8]) {
    fn of<T: Copy>(into: &mut [T], value: &[T], mask: &[u8], sum: impl Fn(T, T) -> T) {
        let lanes = mask.len();
        for ((into, value), mask) in into[..lanes].iter_mut().zip(&value[..lanes]).zip(mask) {
            *into = if *mask != 0 { sum(*into, *value) } else { *into };
        }
    }
    macro_rules! float {
        ($into:expr, $value:expr) => {
            if minus { of($into, $value, mask, |x, y| x - y) } else { of($into, $value, mask, |x, y| x + y) }
        };
    }
    macro_rules! integer {
        ($into:expr, $value:expr) => {
            if minus {
                of($into, $value, mask, |x, y| x.wrapping_sub(y))
            } else {
                of($into, $value, mask, |x, y| x.wrapping_add(y))
            }
        };
    }
    match (into, value) {
        (Column::F32(into), Column::F32(value)) => float!(into, value),
        (Column::F64(into), Column::F64(value)) => float!(into, value),
        (Column::I8(into), Column::I8(value)) => integer!(into, value),
        (Column::I16(into), Column::I16(value)) => integer!(into, value),
        (Column::I32(into), Column::I32(value)) => integer!(into, value),
        (Column::U8(into), Column::U8(value)) => integer!(into, value),
        (Column::U16(into), Column::U16(value)) => integer!(into, value),
        (Column::U32(into), Column::U32(value)) => integer!(into, value),
        _ => unreachable!("a verified body mixes no types"),
    }
}
