//! All back ends compute the same bits: random bodies over random blocks, compared with a reference that goes row by
//! row and turn by turn. `CONFORMANCE_CASES` sets how many.

mod support;

use diptych_protocol::body::{At, Binary, Body, Compare, Op, Unary};
use diptych_protocol::id::ColumnId;
use diptych_protocol::program::{Program, When};
use diptych_protocol::types::{Scalar, Value};
use diptych_workers::body::block::{Executor, ValuesMut};
use diptych_workers::body::compiled::{Compiled, Processor};
use proptest::prelude::*;
use support::blocks::{self, Data, bits};
use support::numbers::{Numbers, SCALARS, edges};
use support::{bodies, narrow, reference};

/// What is compiled for, as far as this processor has it.
const WAYS: [(usize, Processor); 10] = [
    (4, Processor::Portable),
    (8, Processor::Portable),
    (16, Processor::Portable),
    (4, Processor::Plain),
    (8, Processor::Avx2),
    (16, Processor::Avx2),
    (32, Processor::Avx2),
    (16, Processor::Avx512),
    (32, Processor::Avx512),
    (64, Processor::Avx512),
];

fn ways() -> impl Iterator<Item = (usize, Processor)> {
    WAYS.into_iter().filter(|(_, processor)| processor.here())
}

/// Compares an executor with the reference, in a block of data.
fn compare(name: &str, executor: &mut dyn Executor, program: &Program, body: &Body, data: &Data) -> Result<(), String> {
    let mut out = blocks::outputs(program, body, data.count);
    let lanes = executor.lanes();
    let (expected, asked) = data.block(program, body, lanes, |block| {
        let mut room: Vec<ValuesMut<'_>> = out.iter_mut().map(|held| held.values_mut()).collect();
        executor.run(block, &mut room);
        reference::run(program, body, block)
    });
    for (place, (held, expected)) in out.iter().zip(&expected).enumerate() {
        for (row, expected) in expected.iter().enumerate() {
            let found = reference::at(&held.values(), row).ok_or("a row is missing")?;
            if bits(found) != bits(*expected) {
                return Err(format!(
                    "{name}: output {place}, row {row}: {found:?} instead of {expected:?} of {body:?}"
                ));
            }
        }
    }
    for number in 0..body.asks().len() {
        let expected: Vec<(u32, Vec<u64>)> = (asked.iter())
            .filter(|(of, ..)| usize::from(*of) == number)
            .map(|(_, row, values)| (*row, values.iter().map(|value| bits(*value)).collect()))
            .collect();
        let Some(requests) = executor.requests(number) else { return Err(format!("{name}: nobody hears {number}")) };
        let rows = requests.rows().iter().enumerate();
        let mut found: Vec<(u32, Vec<u64>)> = rows
            .map(|(at, row)| {
                let values = requests.values().filter_map(|column| reference::at(&column, at));
                (*row, values.map(bits).collect())
            })
            .collect();
        requests.clear();
        // Those of a row come in the order of its turns.
        let (mut expected, place) = (expected, |(row, _): &(u32, Vec<u64>)| *row);
        expected.sort_by_key(place);
        found.sort_by_key(place);
        if found != expected {
            return Err(format!("{name}: ask {number}: {found:?} instead of {expected:?} of {body:?}"));
        }
    }
    Ok(())
}

fn check(seed: u64, size: usize, torus: bool, body: impl FnOnce(&mut Numbers, usize) -> Body) -> Result<(), String> {
    let numbers = &mut Numbers(seed);
    let program = bodies::program(torus);
    let body = body(numbers, size);
    let complaints = bodies::complaints(&program, &body);
    if !complaints.is_empty() {
        return Err(format!("the verifier says {complaints:?} about {body:#?}"));
    }
    let datas = [(); 3].map(|()| Data::new(&program, &body, numbers));
    for (lanes, processor) in ways() {
        let mut compiled = Compiled::with(&program, &body, lanes, processor)
            .map_err(|error| format!("{lanes}: {error}, {body:#?}"))?;
        for data in &datas {
            compare(&format!("compiled, {lanes} lanes, {processor:?}"), &mut compiled, &program, &body, data)?;
        }
    }
    Ok(())
}

fn cases() -> u32 {
    std::env::var("CONFORMANCE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_bodies_compute_the_bits_of_the_reference(seed: u64, size in 1usize..40, torus: bool) {
        if let Err(what) = check(seed, size, torus, bodies::body) {
            return Err(TestCaseError::fail(what));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().div_ceil(10), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn bodies_with_more_values_than_registers_compute_them_too(seed: u64, size in 100usize..400, torus: bool) {
        if let Err(what) = check(seed, size, torus, bodies::body) {
            return Err(TestCaseError::fail(what));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn bodies_of_narrow_values_compute_them_too(seed: u64, size in 1usize..60) {
        if let Err(what) = check(seed, size, false, narrow::body) {
            return Err(TestCaseError::fail(what));
        }
    }
}

/// A body that gives every operation on two columns of a type, and every conversion of the first.
fn everything_of(scalar: Scalar) -> Body {
    use Binary::*;
    use Unary::*;
    let mut body = Body::default();
    let read = |when| Op::Read { column: ColumnId(4), when, at: At::Own };
    let (a, b) = (body.push(scalar, read(When::Prev)), body.push(scalar, read(When::Fresh)));
    let less = body.push(Scalar::Bool, Op::Compare(Compare::Ne, a, b));
    body.results = vec![a, less];
    let mut give = |scalar, op| {
        let value = body.push(scalar, op);
        body.results.push(value);
    };
    for op in [
        Neg, Abs, Not, Sqrt, Cbrt, Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Exp, Ln, Log2, Log10, Floor,
        Ceil, Round, Trunc,
    ] {
        if op.accepts(scalar) {
            give(scalar, Op::Unary(op, a));
        }
    }
    for op in [Add, Sub, Mul, Div, Rem, Min, Max, Pow, Atan2, And, Or, Xor, Shl, Shr] {
        if op.accepts(scalar) {
            give(scalar, Op::Binary(op, a, b));
        }
    }
    for op in [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge] {
        if op.accepts(scalar) {
            give(Scalar::Bool, Op::Compare(op, a, b));
        }
    }
    give(scalar, Op::Select(less, b, a));
    SCALARS.iter().for_each(|to| give(*to, Op::Convert(a)));
    if scalar.is_integer() {
        for by in 0..40u8 {
            let by = body.push(scalar, Op::Const(diptych_protocol::eval::convert(Value::U8(by), scalar)));
            for op in [Shl, Shr] {
                let value = body.push(scalar, Op::Binary(op, a, by));
                body.results.push(value);
            }
        }
    }
    body
}

#[test]
fn every_operation_knows_all_pairs_of_edges() {
    let program = bodies::program(false);
    for scalar in SCALARS {
        let body = everything_of(scalar);
        let all = edges(scalar);
        let mut firsts = all.iter().flat_map(|a| all.iter().map(move |_| *a));
        let mut seconds = all.iter().flat_map(|_| all.iter().copied());
        let data = Data::own([&mut firsts, &mut seconds], scalar, all.len() * all.len());
        for (lanes, processor) in ways() {
            let mut compiled = Compiled::with(&program, &body, lanes, processor).unwrap();
            compare(&format!("compiled, {lanes} lanes, {processor:?}"), &mut compiled, &program, &body, &data).unwrap();
        }
    }
}

#[test]
#[should_panic(expected = "too short")]
fn a_column_that_is_too_short_is_no_wrong_read() {
    let program = bodies::program(false);
    let body = everything_of(Scalar::F32);
    let mut few = std::iter::repeat_n(Value::F32(1.0), 3).chain(std::iter::repeat(Value::F32(2.0)));
    let mut ones = std::iter::repeat(Value::F32(1.0));
    let mut data = Data::own([&mut few, &mut ones], Scalar::F32, 3);
    data.cut();
    let mut compiled = Compiled::new(&program, &body, Processor::best()).unwrap();
    let _ = compare("compiled", &mut compiled, &program, &body, &data);
}

#[test]
fn other_numbers_of_lanes_are_refused() {
    let (program, body) = (bodies::program(false), everything_of(Scalar::U8));
    let wrong = |(lanes, processor)| Compiled::with(&program, &body, lanes, processor).is_err();
    assert!([0, 1, 3, 128].map(|lanes| (lanes, Processor::Portable)).into_iter().all(wrong));
    assert!([(4, Processor::Avx2), (8, Processor::Avx512)].into_iter().all(wrong));
}
