//! The interpreter against the reference, on random bodies.

use diptych_protocol::body::{Binary, Body, Compare, Op, Unary};
use diptych_protocol::eval;
use diptych_protocol::id::{ColumnId, Id, RowRange, Tick, ValueId};
use diptych_protocol::types::{Scalar, Value};
use proptest::prelude::*;

use crate::interpreter::{BLOCK, Interpreter, Lanes};

const SCALARS: [Scalar; 9] = [
    Scalar::F32,
    Scalar::F64,
    Scalar::I8,
    Scalar::I16,
    Scalar::I32,
    Scalar::U8,
    Scalar::U16,
    Scalar::U32,
    Scalar::Bool,
];
const UNARIES: [Unary; 18] = [
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
const BINARIES: [Binary; 11] = [
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
const COMPARES: [Compare; 6] = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];

/// Numbers at which operations turn.
const EDGES: [f64; 12] = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 127.0, -128.0, 4e9, 1e39, f64::INFINITY, f64::NAN];

/// Appends an operation that the numbers choose; those that do not fit become constants.
fn grow(body: &mut Body, (what, which, a, b, c): (u8, usize, usize, usize, usize)) {
    let scalar = SCALARS[which % SCALARS.len()];
    let constant = || Op::Const(eval::convert(Value::F64(EDGES[a % EDGES.len()]), scalar));
    let count = body.ops.len();
    let pick = |n: usize| ValueId::new((n % count.max(1)) as u32);
    let same = |wanted: Scalar, n: usize| {
        let fitting: Vec<ValueId> = body.ops.iter().filter(|(_, t)| t.scalar == wanted).map(|(id, _)| id).collect();
        (!fitting.is_empty()).then(|| fitting[n % fitting.len()])
    };
    let scalar_of = |id: ValueId| body.ops[id].scalar;
    let (result, op) = match what % 8 {
        0 => (Scalar::U32, Op::Row),
        1 => (if which % 2 == 0 { Scalar::F32 } else { Scalar::F64 }, Op::Draw { site: a as u32, lane: (b % 2) as u8 }),
        2 if count > 0 && UNARIES[which % 18].accepts(scalar_of(pick(a))) => {
            (scalar_of(pick(a)), Op::Unary(UNARIES[which % 18], pick(a)))
        }
        3 | 4 if count > 0 && BINARIES[which % 11].accepts(scalar_of(pick(a))) => {
            let other = same(scalar_of(pick(a)), b).unwrap_or(pick(a));
            (scalar_of(pick(a)), Op::Binary(BINARIES[which % 11], pick(a), other))
        }
        5 if count > 0 && COMPARES[which % 6].accepts(scalar_of(pick(a))) => {
            let other = same(scalar_of(pick(a)), b).unwrap_or(pick(a));
            (Scalar::Bool, Op::Compare(COMPARES[which % 6], pick(a), other))
        }
        6 if count > 0 => match same(Scalar::Bool, c) {
            Some(condition) => {
                let other = same(scalar_of(pick(a)), b).unwrap_or(pick(a));
                (scalar_of(pick(a)), Op::Select(condition, pick(a), other))
            }
            None => (scalar, constant()),
        },
        7 if count > 0 => (scalar, Op::Convert(pick(a))),
        _ => (scalar, constant()),
    };
    body.push(result, op);
}

fn bits(value: Value) -> u64 {
    match value {
        Value::F32(x) => u64::from(x.to_bits()),
        other => other.as_f64().to_bits(),
    }
}

fn at(lanes: Lanes<'_>, row: usize) -> Value {
    match lanes {
        Lanes::F32(v) => Value::F32(v[row]),
        Lanes::F64(v) => Value::F64(v[row]),
        Lanes::I8(v) => Value::I8(v[row]),
        Lanes::I16(v) => Value::I16(v[row]),
        Lanes::I32(v) => Value::I32(v[row]),
        Lanes::U8(v) => Value::U8(v[row]),
        Lanes::U16(v) => Value::U16(v[row]),
        Lanes::U32(v) => Value::U32(v[row]),
        Lanes::Bool(v) => Value::Bool(v[row]),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_block_has_the_bits_of_its_rows(
        choices in prop::collection::vec((any::<u8>(), 0usize..720, 0usize..64, 0usize..64, 0usize..64), 1..40),
        start in 0u32..5000,
        rows in 1u32..600,
        seed: u64,
        tick in 1u32..9,
    ) {
        let mut body = Body::default();
        choices.into_iter().for_each(|choice| grow(&mut body, choice));
        body.stores = body.ops.ids().map(|value| (ColumnId(value.0), value)).collect();
        let (range, tick) = (RowRange::new(start, start + rows), Tick(tick));
        let mut blocks = Vec::new();
        Interpreter::new(&body).run(range, seed, tick, &mut |column, rows, lanes| {
            assert!(rows.len() <= BLOCK);
            for row in 0..rows.len() {
                blocks.push((rows.start + row as u32, column, at(lanes, row)));
            }
        });
        prop_assert_eq!(blocks.len(), rows as usize * body.ops.len());
        blocks.sort_by_key(|(row, column, _)| (*row, *column));
        let mut found = blocks.into_iter();
        for row in range.start..range.end {
            for (column, expected) in eval::row(&body, row, seed, tick).expect("the body is well formed") {
                let (at_row, at_column, value) = found.next().expect("as many values");
                prop_assert_eq!((at_row, at_column), (row, column));
                prop_assert_eq!(value.scalar(), expected.scalar());
                prop_assert_eq!(bits(value), bits(expected), "{:?} gives {}, not {}", body.ops[ValueId(column.0)], value, expected);
            }
        }
    }
}

#[test]
fn nothing_is_computed_for_no_rows() {
    let mut body = Body::default();
    let row = body.push(Scalar::U32, Op::Row);
    body.stores.push((ColumnId(0), row));
    Interpreter::new(&body).run(RowRange::new(5, 5), 0, Tick::SETUP, &mut |_, _, _| panic!("no rows"));
}
