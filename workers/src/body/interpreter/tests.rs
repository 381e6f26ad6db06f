//! The interpreter against the reference, on random bodies; and its loops against plain ones.

use diptych_protocol::body::{Binary, Body, Carried, Compare, Loop, Op, Over, Unary, Update};
use diptych_protocol::eval::{self, Here};
use diptych_protocol::id::{Id, LoopId, ValueId};
use diptych_protocol::program::Program;
use diptych_protocol::space::Space;
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Value};
use proptest::prelude::*;

use super::Interpreter;
use crate::body::block::{Block, Executor, Lists, Run, Shared, Turns, Uniforms, Values, ValuesMut, padded};
use crate::body::column::Column;

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
const UNARIES: [Unary; 22] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Not,
    Unary::Sqrt,
    Unary::Cbrt,
    Unary::Sin,
    Unary::Cos,
    Unary::Tan,
    Unary::Asin,
    Unary::Acos,
    Unary::Atan,
    Unary::Sinh,
    Unary::Cosh,
    Unary::Tanh,
    Unary::Exp,
    Unary::Ln,
    Unary::Log2,
    Unary::Log10,
    Unary::Floor,
    Unary::Ceil,
    Unary::Round,
    Unary::Trunc,
];
const BINARIES: [Binary; 14] = [
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
    Binary::Xor,
    Binary::Shl,
    Binary::Shr,
];
const COMPARES: [Compare; 6] = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];

/// Numbers at which operations turn.
const EDGES: [f64; 12] = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 127.0, -128.0, 4e9, 1e39, f64::INFINITY, f64::NAN];

/// What numbers choose: kind, which, and operands.
type Choice = (u8, usize, usize, usize, usize);

/// Appends an operation that the numbers choose; those that do not fit become constants.
fn grow(body: &mut Body, (what, which, a, b, c): Choice) {
    let scalar = SCALARS[which % SCALARS.len()];
    let constant = || Op::Const(eval::convert(Value::F64(EDGES[a % EDGES.len()]), scalar));
    let count = body.ops.len();
    let pick = |n: usize| ValueId::new((n % count.max(1)) as u32);
    let same = |wanted: Scalar, n: usize| {
        let fitting: Vec<ValueId> = body.ops.iter().filter(|(_, t)| t.scalar == wanted).map(|(id, _)| id).collect();
        (!fitting.is_empty()).then(|| fitting[n % fitting.len()])
    };
    let scalar_of = |id: ValueId| body.ops[id].scalar;
    let like = |n: usize, like: usize| same(scalar_of(pick(like)), n).unwrap_or(pick(like));
    let (result, op) = match what % 8 {
        0 => (Scalar::U32, Op::Row),
        1 => match (same(Scalar::U32, b), same(Scalar::U32, c)) {
            (Some(entity), Some(turn)) => {
                let scalar = if which % 2 == 0 { Scalar::F32 } else { Scalar::F64 };
                (scalar, Op::Draw { site: a as u32, lane: (b % 2) as u8, entity, turn })
            }
            _ => (Scalar::U32, Op::Row),
        },
        2 if count > 0 && UNARIES[which % 22].accepts(scalar_of(pick(a))) => {
            (scalar_of(pick(a)), Op::Unary(UNARIES[which % 22], pick(a)))
        }
        3 | 4 if count > 0 && BINARIES[which % 14].accepts(scalar_of(pick(a))) => {
            (scalar_of(pick(a)), Op::Binary(BINARIES[which % 14], pick(a), like(b, a)))
        }
        5 if count > 0 && COMPARES[which % 6].accepts(scalar_of(pick(a))) => {
            (Scalar::Bool, Op::Compare(COMPARES[which % 6], pick(a), like(b, a)))
        }
        6 if count > 0 => match same(Scalar::Bool, c) {
            Some(condition) => (scalar_of(pick(a)), Op::Select(condition, pick(a), like(b, a))),
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

fn at(column: &Column, lane: usize) -> Value {
    match column {
        Column::F32(v) => Value::F32(v[lane]),
        Column::F64(v) => Value::F64(v[lane]),
        Column::I8(v) => Value::I8(v[lane]),
        Column::I16(v) => Value::I16(v[lane]),
        Column::I32(v) => Value::I32(v[lane]),
        Column::U8(v) => Value::U8(v[lane]),
        Column::U16(v) => Value::U16(v[lane]),
        Column::U32(v) => Value::U32(v[lane]),
        Column::Bool(v) => Value::Bool(v[lane] != 0),
    }
}

/// A program without anything: bodies here read no column.
fn bare() -> Program {
    Program {
        version: diptych_protocol::program::PROGRAM_VERSION,
        scenario: String::new(),
        seed: 0,
        frames: 0,
        dt: 1.0,
        cycle: 0,
        nan: diptych_protocol::nan::NanPolicy::default(),
        space: Space::open(2),
        params: Vec::new(),
        enums: Table::default(),
        data: Table::default(),
        groups: Table::default(),
        columns: Table::default(),
        indexes: Table::default(),
        inverses: Table::default(),
        edits: Table::default(),
        matchings: Table::default(),
        systems: Table::default(),
        bodies: Table::default(),
        reductions: Table::default(),
        signals: Table::default(),
        outputs: Default::default(),
        steps: Table::default(),
        schedule: Default::default(),
        fields: Vec::new(),
        sources: Table::default(),
    }
}

/// Runs a body's results over rows that follow one another.
fn run(
    it: &mut Interpreter,
    body: &Body,
    start: u32,
    count: usize,
    loops: &[Turns<'_>],
    seed: u64,
    tick: u32,
) -> Vec<Column> {
    let lanes = padded(count);
    let rows: Vec<u32> = (0..lanes).map(|lane| start + lane.min(count - 1) as u32).collect();
    let mut out: Vec<Column> = body.results.iter().map(|value| Column::new(body.ops[*value].scalar)).collect();
    out.iter_mut().for_each(|column| column.resize(lanes));
    let space = Space::open(2);
    let uniforms = Uniforms { seed, tick, frame: 7, time: 0.5, signals: &[], reduced: &[], space: &space };
    let block = Block { count, rows: &rows, own: &[], far: &[], loops, uniforms };
    let mut slices: Vec<ValuesMut<'_>> = out.iter_mut().map(Column::values_mut).collect();
    it.run(&block, &mut slices);
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn a_block_has_the_bits_of_its_rows(
        choices in prop::collection::vec((any::<u8>(), 0usize..5544, 0usize..64, 0usize..64, 0usize..64), 1..40),
        start in 0u32..5000,
        counts in prop::collection::vec(1usize..300, 1..3),
        seed: u64,
        tick in 1u32..9,
    ) {
        let mut body = Body::default();
        choices.into_iter().for_each(|choice| grow(&mut body, choice));
        body.results = body.ops.ids().collect();
        let mut interpreter = Interpreter::new(&bare(), &body);
        for count in counts {
            let out = run(&mut interpreter, &body, start, count, &[], seed, tick);
            for lane in 0..count {
                let here = Here { entity: start + lane as u32, seed, tick };
                let mut values: Table<ValueId, Value> = Table::default();
                for (id, typed) in body.ops.iter() {
                    let before = |id: ValueId| values.get(id).copied();
                    let expected = eval::op(typed.op, typed.scalar, before, here).expect("the body is well formed");
                    values.push(expected);
                    let found = at(&out[id.index()], lane);
                    prop_assert_eq!(bits(found), bits(expected), "{:?} gives {}, not {}", typed, found, expected);
                }
            }
        }
    }
}

/// Appends a loop's operation, its body, and the loop itself.
fn looped(
    body: &mut Body,
    over: Over,
    make: impl FnOnce(&mut Body, LoopId) -> (Option<ValueId>, Vec<Carried>),
) -> LoopId {
    let it = LoopId::new(body.loops.len() as u32);
    let at = body.push(Scalar::Bool, Op::Loop(it));
    // A place of its own before those of loops inside.
    body.loops.push(Loop {
        over,
        mask: None,
        question: None,
        at,
        end: at,
        active: None,
        carried: Vec::new(),
        asks: Vec::new(),
    });
    let (active, carried) = make(body, it);
    let end = ValueId::new(body.ops.len() as u32);
    let entry = &mut body.loops[it];
    (entry.end, entry.active, entry.carried) = (end, active, carried);
    it
}

fn constant(body: &mut Body, value: Value) -> ValueId {
    body.push(value.scalar(), Op::Const(value))
}

#[test]
fn nested_counters_swap_and_sum_as_plain_loops_do() {
    let mut body = Body::default();
    let row = body.push(Scalar::U32, Op::Row);
    let rows = body.push(Scalar::I32, Op::Convert(row));
    let (zero, one, three) = (0, 1, 3);
    let [zero, one, three] = [zero, one, three].map(|x| constant(&mut body, Value::I32(x)));
    let part = body.push(Scalar::I32, Op::Binary(Binary::Rem, rows, three));
    let outer = looped(&mut body, Over::Count { first: zero, end: part }, |body, outer| {
        let k = body.push(Scalar::I32, Op::Other(outer));
        let a = body.push(Scalar::I32, Op::Carried(outer, 0));
        let b = body.push(Scalar::I32, Op::Carried(outer, 1));
        let inner = looped(body, Over::Count { first: k, end: rows }, |body, inner| {
            let j = body.push(Scalar::I32, Op::Other(inner));
            let even = body.push(Scalar::I32, Op::Binary(Binary::And, j, one));
            let odd = body.push(Scalar::Bool, Op::Compare(Compare::Eq, even, one));
            let big = body.push(Scalar::Bool, Op::Compare(Compare::Gt, j, three));
            let product = body.push(Scalar::I32, Op::Binary(Binary::Mul, j, k));
            let add = Carried { start: k, update: Update::Add(product, Some(big)) };
            let sub = Carried { start: b, update: Update::Sub(j, None) };
            (Some(odd), vec![add, sub])
        });
        let sum = body.push(Scalar::I32, Op::Result(inner, 0));
        let less = body.push(Scalar::I32, Op::Result(inner, 1));
        let next = body.push(Scalar::I32, Op::Binary(Binary::Add, sum, less));
        let total = Carried { start: zero, update: Update::Add(next, None) };
        // The first two change places, and each turn must see them as they were.
        (
            None,
            vec![
                Carried { start: one, update: Update::Set(b) },
                Carried { start: three, update: Update::Set(a) },
                total,
            ],
        )
    });
    body.results = (0..3).map(|place| body.push(Scalar::I32, Op::Result(outer, place))).collect();
    let mut interpreter = Interpreter::new(&bare(), &body);
    let out = run(&mut interpreter, &body, 0, 41, &[Turns::Count, Turns::Count], 1, 1);
    for lane in 0..41 {
        let row = lane as i32;
        let (mut a, mut b, mut total) = (1, 3, 0);
        for k in 0..row % 3 {
            let (mut sum, mut less) = (k, b);
            for j in (k..row).filter(|j| j & 1 == 1) {
                sum += if j > 3 { j * k } else { 0 };
                less -= j;
            }
            total += sum + less;
            (a, b) = (b, a);
        }
        let found: Vec<Value> = out.iter().map(|column| at(column, lane)).collect();
        assert_eq!(found, [a, b, total].map(Value::I32));
    }
}

#[test]
fn shared_others_leave_the_own_row_out_and_lists_are_each_row_s_own() {
    // Both loops join the others' rows in order: what = what * 7 + row; the first only where it is odd.
    let mut body = Body::default();
    let (one, seven) = (constant(&mut body, Value::U32(1)), constant(&mut body, Value::U32(7)));
    let row = body.push(Scalar::U32, Op::Row);
    let masked = body.push(Scalar::Bool, Op::Compare(Compare::Ne, row, seven));
    let mut results = Vec::new();
    for filtered in [true, false] {
        let over = Over::Group(diptych_protocol::id::GroupId(0));
        let it = looped(&mut body, over, |body, it| {
            let other = body.push(Scalar::U32, Op::Other(it));
            let low = body.push(Scalar::U32, Op::Binary(Binary::And, other, one));
            let odd = body.push(Scalar::Bool, Op::Compare(Compare::Eq, low, one));
            let known = body.push(Scalar::U32, Op::Carried(it, 0));
            let shifted = body.push(Scalar::U32, Op::Binary(Binary::Mul, known, seven));
            let joined = body.push(Scalar::U32, Op::Binary(Binary::Add, shifted, other));
            (filtered.then_some(odd), vec![Carried { start: row, update: Update::Set(joined) }])
        });
        body.loops[it].mask = Some(masked);
        results.push(body.push(Scalar::U32, Op::Result(it, 0)));
    }
    body.results = results;
    let others: Vec<u32> = vec![2, 3, 5, 6, 9, 11, 13, 20];
    let runs =
        [Run { start: 0, end: 2, own: true }, Run { start: 2, end: 3, own: true }, Run { start: 3, end: 8, own: true }];
    let count = 21;
    let list = |lane: usize| (0..(lane % 5) as u32).map(move |n| lane as u32 * 3 + n);
    let (mut starts, mut rows) = (vec![], vec![]);
    for lane in 0..count {
        starts.push(rows.len() as u32);
        rows.extend(list(lane));
    }
    starts.resize(padded(count) + 1, rows.len() as u32);
    let columns: [Values<'_>; 0] = [];
    let loops = [
        Turns::Shared(Shared { runs: &runs, apart: None, rows: Some(&others), columns: &columns, straight: true }),
        Turns::Lists(Lists { starts: &starts, rows: &rows, columns: &columns }),
    ];
    let mut interpreter = Interpreter::new(&bare(), &body);
    let out = run(&mut interpreter, &body, 0, count, &loops, 1, 1);
    let join = |start: u32, others: &mut dyn Iterator<Item = u32>| {
        others.fold(start, |known, other| known.wrapping_mul(7).wrapping_add(other))
    };
    for lane in 0..count {
        let row = lane as u32;
        let (shared, own) = if row == 7 {
            (row, row)
        } else {
            let near = &mut others.iter().copied().filter(|other| other % 2 == 1 && *other != row);
            (join(row, near), join(row, &mut list(lane)))
        };
        assert_eq!(at(&out[0], lane), Value::U32(shared), "{row}");
        assert_eq!(at(&out[1], lane), Value::U32(own), "{row}");
    }
}

#[test]
fn a_turn_that_does_not_count_leaves_even_a_negative_zero() {
    let mut body = Body::default();
    let minus = constant(&mut body, Value::F32(-0.0));
    let zero = constant(&mut body, Value::F32(0.0));
    let [first, end] = [0, 4].map(|x| constant(&mut body, Value::I32(x)));
    let never = constant(&mut body, Value::Bool(false));
    let it = looped(&mut body, Over::Count { first, end }, |_, _| {
        (None, vec![Carried { start: minus, update: Update::Add(zero, Some(never)) }])
    });
    let result = body.push(Scalar::F32, Op::Result(it, 0));
    body.results = vec![result];
    let out = run(&mut Interpreter::new(&bare(), &body), &body, 0, 3, &[Turns::Count], 1, 1);
    assert_eq!(bits(at(&out[0], 0)), u64::from((-0.0f32).to_bits()));
}
