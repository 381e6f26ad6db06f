//! What operations mean at their edges.

use crate::body::Store;
use crate::eval::*;
use crate::program::Span;
use Value::{Bool, F32, F64, I8, I16, I32, U8, U16, U32};

fn bits(value: Option<Value>) -> Option<u64> {
    match value? {
        F32(x) => Some(u64::from(x.to_bits())),
        F64(x) => Some(x.to_bits()),
        _ => None,
    }
}

#[test]
fn integer_division_by_zero_gives_zero() {
    for (a, zero) in [
        (I8(5), I8(0)),
        (I16(-5), I16(0)),
        (I32(i32::MIN), I32(0)),
        (U8(5), U8(0)),
        (U16(5), U16(0)),
        (U32(u32::MAX), U32(0)),
    ] {
        assert_eq!(binary(Binary::Div, a, zero), Some(zero));
        assert_eq!(binary(Binary::Rem, a, zero), Some(zero));
    }
}

#[test]
fn the_smallest_by_minus_one_wraps() {
    assert_eq!(binary(Binary::Div, I8(i8::MIN), I8(-1)), Some(I8(i8::MIN)));
    assert_eq!(binary(Binary::Div, I16(i16::MIN), I16(-1)), Some(I16(i16::MIN)));
    assert_eq!(binary(Binary::Div, I32(i32::MIN), I32(-1)), Some(I32(i32::MIN)));
    assert_eq!(binary(Binary::Rem, I32(i32::MIN), I32(-1)), Some(I32(0)));
    assert_eq!(unary(Unary::Neg, I32(i32::MIN)), Some(I32(i32::MIN)));
    assert_eq!(unary(Unary::Abs, I8(i8::MIN)), Some(I8(i8::MIN)));
    assert_eq!(unary(Unary::Neg, U32(1)), Some(U32(u32::MAX)));
    assert_eq!(unary(Unary::Abs, U8(255)), Some(U8(255)));
}

#[test]
fn integers_wrap_truncate_and_keep_the_sign_of_the_dividend() {
    assert_eq!(binary(Binary::Add, U8(250), U8(10)), Some(U8(4)));
    assert_eq!(binary(Binary::Sub, U16(0), U16(1)), Some(U16(u16::MAX)));
    assert_eq!(binary(Binary::Mul, I32(i32::MAX), I32(2)), Some(I32(-2)));
    assert_eq!(binary(Binary::Div, I32(-7), I32(2)), Some(I32(-3)));
    assert_eq!(binary(Binary::Rem, I32(-7), I32(2)), Some(I32(-1)));
    assert_eq!(binary(Binary::Rem, I32(7), I32(-2)), Some(I32(1)));
    assert_eq!(binary(Binary::Min, I8(-3), I8(2)), Some(I8(-3)));
    assert_eq!(binary(Binary::Max, U32(3), U32(2)), Some(U32(3)));
}

#[test]
fn float_division_is_ieee() {
    assert_eq!(binary(Binary::Div, F32(1.0), F32(0.0)), Some(F32(f32::INFINITY)));
    assert_eq!(binary(Binary::Div, F64(-1.0), F64(0.0)), Some(F64(f64::NEG_INFINITY)));
    assert_eq!(bits(binary(Binary::Div, F32(0.0), F32(0.0))), Some(0x7fc0_0000));
    assert_eq!(bits(binary(Binary::Rem, F64(1.0), F64(0.0))), Some(0x7ff8_0000_0000_0000));
    assert_eq!(bits(unary(Unary::Sqrt, F64(-1.0))), Some(0x7ff8_0000_0000_0000));
    assert_eq!(bits(unary(Unary::Neg, F32(f32::NAN))), Some(0x7fc0_0000));
}

#[test]
fn zeros_keep_their_sign() {
    let (plus, minus) = (F32(0.0), F32(-0.0));
    let negative = Some(u64::from((-0.0f32).to_bits()));
    assert_eq!(bits(unary(Unary::Neg, plus)), negative);
    assert_eq!(bits(unary(Unary::Abs, minus)), Some(0));
    assert_eq!(bits(binary(Binary::Add, minus, minus)), negative);
    assert_eq!(bits(binary(Binary::Min, plus, minus)), negative);
    assert_eq!(bits(binary(Binary::Max, minus, plus)), Some(0));
    assert_eq!(bits(unary(Unary::Sqrt, minus)), negative);
    assert_eq!(bits(unary(Unary::Round, F32(-0.3))), negative);
    assert_eq!(compare(Compare::Eq, plus, minus), Some(true));
    assert_eq!(compare(Compare::Lt, minus, plus), Some(false));
}

#[test]
fn nan_compares_as_nothing_and_loses_to_numbers() {
    for op in [Compare::Eq, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge] {
        assert_eq!(compare(op, F32(f32::NAN), F32(1.0)), Some(false));
        assert_eq!(compare(op, F64(f64::NAN), F64(f64::NAN)), Some(false));
    }
    assert_eq!(compare(Compare::Ne, F64(f64::NAN), F64(f64::NAN)), Some(true));
    assert_eq!(binary(Binary::Min, F32(f32::NAN), F32(2.0)), Some(F32(2.0)));
    assert_eq!(binary(Binary::Max, F32(2.0), F32(f32::NAN)), Some(F32(2.0)));
}

#[test]
fn floats_become_integers_by_truncation_and_saturate() {
    for (value, to, expected) in [
        (F32(-2.9), Scalar::I32, I32(-2)),
        (F64(300.0), Scalar::U8, U8(255)),
        (F64(-1.0), Scalar::U8, U8(0)),
        (F32(f32::NAN), Scalar::I16, I16(0)),
        (F32(f32::INFINITY), Scalar::I32, I32(i32::MAX)),
        (F64(f64::NEG_INFINITY), Scalar::I8, I8(i8::MIN)),
        (F64(4e9), Scalar::U32, U32(4_000_000_000)),
    ] {
        assert_eq!(convert(value, to), expected, "{value} to {}", to.name());
    }
}

#[test]
fn integers_round_to_floats_and_wrap_to_narrower_ones() {
    assert_eq!(convert(U32(u32::MAX), Scalar::F32), F32(4_294_967_296.0));
    assert_eq!(convert(I32(16_777_217), Scalar::F32), F32(16_777_216.0));
    assert_eq!(convert(I32(i32::MIN), Scalar::F64), F64(-2_147_483_648.0));
    assert_eq!(convert(I32(300), Scalar::U8), U8(44));
    assert_eq!(convert(I32(-1), Scalar::U32), U32(u32::MAX));
    assert_eq!(convert(U8(200), Scalar::I8), I8(-56));
    assert_eq!(convert(F64(1e300), Scalar::F32), F32(f32::INFINITY));
    assert_eq!(bits(Some(convert(F64(-f64::NAN), Scalar::F32))), Some(0x7fc0_0000));
}

#[test]
fn truth_is_zero_or_one() {
    assert_eq!(convert(Bool(true), Scalar::F32), F32(1.0));
    assert_eq!(convert(Bool(false), Scalar::I8), I8(0));
    assert_eq!(convert(I32(-3), Scalar::Bool), Bool(true));
    assert_eq!(convert(F32(-0.0), Scalar::Bool), Bool(false));
    assert_eq!(convert(F32(f32::NAN), Scalar::Bool), Bool(true));
    assert_eq!(convert(F32(0.25), Scalar::Bool), Bool(true));
    assert_eq!(binary(Binary::And, Bool(true), Bool(false)), Some(Bool(false)));
    assert_eq!(binary(Binary::Or, Bool(true), Bool(false)), Some(Bool(true)));
    assert_eq!(unary(Unary::Not, Bool(true)), Some(Bool(false)));
    assert_eq!(compare(Compare::Ne, Bool(true), Bool(false)), Some(true));
}

#[test]
fn every_operation_takes_exactly_the_types_it_says() {
    let values = [F32(1.0), F64(1.0), I8(1), I16(1), I32(1), U8(1), U16(1), U32(1), Bool(true)];
    let unaries = [
        Unary::Neg,
        Unary::Abs,
        Unary::Not,
        Unary::Sqrt,
        Unary::Sin,
        Unary::Cos,
        Unary::Tan,
        Unary::Asin,
        Unary::Acos,
        Unary::Atan,
        Unary::Exp,
        Unary::Ln,
        Unary::Log2,
        Unary::Log10,
        Unary::Floor,
        Unary::Ceil,
        Unary::Round,
        Unary::Trunc,
    ];
    let binaries = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Rem,
        Binary::Min,
        Binary::Max,
        Binary::Pow,
        Binary::Atan2,
        Binary::And,
        Binary::Or,
    ];
    let compares = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];
    for a in values {
        for op in unaries {
            let result = unary(op, a);
            assert_eq!(result.is_some(), op.accepts(a.scalar()), "{op:?} {a:?}");
            assert!(result.is_none_or(|r| r.scalar() == a.scalar()));
        }
        for b in values {
            let same = a.scalar() == b.scalar();
            for op in binaries {
                assert_eq!(binary(op, a, b).is_some(), same && op.accepts(a.scalar()), "{op:?} {a:?} {b:?}");
            }
            for op in compares {
                assert_eq!(compare(op, a, b).is_some(), same && op.accepts(a.scalar()), "{op:?} {a:?} {b:?}");
            }
        }
    }
}

#[test]
fn a_row_is_evaluated_in_order() {
    let mut body = Body::default();
    let row_number = body.push(Scalar::U32, Op::Row);
    let three = body.push(Scalar::U32, Op::Const(U32(3)));
    let sum = body.push(Scalar::U32, Op::Binary(Binary::Add, row_number, three));
    let large = body.push(Scalar::Bool, Op::Compare(Compare::Gt, sum, three));
    let chosen = body.push(Scalar::U32, Op::Select(large, sum, three));
    body.stores.push(Store { column: ColumnId(0), value: chosen, span: Span::default() });
    assert_eq!(row(&body, Here { entity: 4, seed: 0, tick: 1 }), Some(vec![(ColumnId(0), U32(7))]));
    body.stores.push(Store { column: ColumnId(1), value: ValueId(99), span: Span::default() });
    assert_eq!(row(&body, Here { entity: 4, seed: 0, tick: 1 }), None);
}
