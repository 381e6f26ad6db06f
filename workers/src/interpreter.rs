//! The block interpreter: runs a [`Body`] over a range of rows, up to [`BLOCK`] of them at a time, operation by
//! operation. The same bits as [`diptych_protocol::eval`] row by row, which a property test holds it to.
//!
//! Nothing allocates after [`Interpreter::new`]. NaN is made canonical where values are stored; before that nothing
//! can tell one NaN from another.

use diptych_protocol::body::{Binary, Body, Compare, Op, Typed, Unary};
use diptych_protocol::id::{ColumnId, Id, RowRange, Tick, ValueId};
use diptych_protocol::math;
use diptych_protocol::random::{self, Address};
use diptych_protocol::types::{Scalar, Value};

/// Rows of a block: every buffer of a usual body stays in the second cache.
pub const BLOCK: usize = 256;

/// Values of one column for a range of rows.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Lanes<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    Bool(&'a [bool]),
}

/// The values of one operation for a block.
#[derive(Clone, Debug)]
enum Buffer {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    Bool(Vec<bool>),
}

impl Buffer {
    fn new(scalar: Scalar) -> Self {
        match scalar {
            Scalar::F32 => Buffer::F32(vec![0.0; BLOCK]),
            Scalar::F64 => Buffer::F64(vec![0.0; BLOCK]),
            Scalar::I8 => Buffer::I8(vec![0; BLOCK]),
            Scalar::I16 => Buffer::I16(vec![0; BLOCK]),
            Scalar::I32 => Buffer::I32(vec![0; BLOCK]),
            Scalar::U8 => Buffer::U8(vec![0; BLOCK]),
            Scalar::U16 => Buffer::U16(vec![0; BLOCK]),
            Scalar::U32 => Buffer::U32(vec![0; BLOCK]),
            Scalar::Bool => Buffer::Bool(vec![false; BLOCK]),
        }
    }

    fn fill(&mut self, value: Value) {
        match (self, value) {
            (Buffer::F32(out), Value::F32(x)) => out.fill(x),
            (Buffer::F64(out), Value::F64(x)) => out.fill(x),
            (Buffer::I8(out), Value::I8(x)) => out.fill(x),
            (Buffer::I16(out), Value::I16(x)) => out.fill(x),
            (Buffer::I32(out), Value::I32(x)) => out.fill(x),
            (Buffer::U8(out), Value::U8(x)) => out.fill(x),
            (Buffer::U16(out), Value::U16(x)) => out.fill(x),
            (Buffer::U32(out), Value::U32(x)) => out.fill(x),
            (Buffer::Bool(out), Value::Bool(x)) => out.fill(x),
            _ => {}
        }
    }
}

/// Runs one body. The body must have passed the verifier.
#[derive(Clone, Debug)]
pub struct Interpreter {
    ops: Vec<Typed>,
    stores: Vec<(ColumnId, ValueId)>,
    buffers: Vec<Buffer>,
}

/// Where a block of rows stands.
#[derive(Clone, Copy)]
struct Block {
    first: u32,
    rows: usize,
    seed: u64,
    tick: Tick,
}

impl Interpreter {
    /// Takes room for a body, and lays down its constants.
    pub fn new(body: &Body) -> Self {
        let ops: Vec<Typed> = body.ops.values().copied().collect();
        let mut buffers: Vec<Buffer> = ops.iter().map(|typed| Buffer::new(typed.scalar)).collect();
        for (buffer, typed) in buffers.iter_mut().zip(&ops) {
            if let Op::Const(value) = typed.op {
                buffer.fill(value);
            }
        }
        Self { ops, stores: body.stores.iter().map(|store| (store.column, store.value)).collect(), buffers }
    }

    /// Computes rows, and hands each column's values to `store`, a block of rows at a time.
    pub fn run(&mut self, rows: RowRange, seed: u64, tick: Tick, store: &mut dyn FnMut(ColumnId, RowRange, Lanes<'_>)) {
        let mut first = rows.start;
        while first < rows.end {
            let end = rows.end.min(first.saturating_add(BLOCK as u32));
            let range = RowRange::new(first, end);
            let block = Block { first, rows: range.len(), seed, tick };
            for at in 0..self.ops.len() {
                let (before, rest) = self.buffers.split_at_mut(at);
                if let Some(out) = rest.first_mut() {
                    compute(self.ops[at].op, before, out, block);
                }
            }
            for (column, value) in &self.stores {
                if let Some(buffer) = self.buffers.get_mut(value.index()) {
                    store(*column, range, canonical(buffer, range.len()));
                }
            }
            first = end;
        }
    }
}

fn canonical(buffer: &mut Buffer, rows: usize) -> Lanes<'_> {
    match buffer {
        Buffer::F32(values) => {
            values[..rows].iter_mut().for_each(|x| *x = math::canonical(*x));
            Lanes::F32(&values[..rows])
        }
        Buffer::F64(values) => {
            values[..rows].iter_mut().for_each(|x| *x = math::canonical(*x));
            Lanes::F64(&values[..rows])
        }
        Buffer::I8(values) => Lanes::I8(&values[..rows]),
        Buffer::I16(values) => Lanes::I16(&values[..rows]),
        Buffer::I32(values) => Lanes::I32(&values[..rows]),
        Buffer::U8(values) => Lanes::U8(&values[..rows]),
        Buffer::U16(values) => Lanes::U16(&values[..rows]),
        Buffer::U32(values) => Lanes::U32(&values[..rows]),
        Buffer::Bool(values) => Lanes::Bool(&values[..rows]),
    }
}

fn compute(op: Op, before: &[Buffer], out: &mut Buffer, block: Block) {
    let at = |value: ValueId| before.get(value.index());
    match op {
        Op::Const(_) => {}
        Op::Row => {
            if let Buffer::U32(out) = out {
                out.iter_mut().zip(block.first..).take(block.rows).for_each(|(out, row)| *out = row);
            }
        }
        Op::Draw { site, lane, entity, turn } => {
            if let (Some(Buffer::U32(entities)), Some(Buffer::U32(turns))) = (at(entity), at(turn)) {
                draw(site, lane, entities, turns, out, block);
            }
        }
        Op::Unary(op, a) => {
            if let Some(a) = at(a) {
                unary(op, a, out, block.rows);
            }
        }
        Op::Binary(op, a, b) => {
            if let (Some(a), Some(b)) = (at(a), at(b)) {
                binary(op, a, b, out, block.rows);
            }
        }
        Op::Compare(op, a, b) => {
            if let (Some(a), Some(b), Buffer::Bool(out)) = (at(a), at(b), out) {
                compare(op, a, b, &mut out[..block.rows]);
            }
        }
        Op::Select(condition, a, b) => {
            if let (Some(Buffer::Bool(condition)), Some(a), Some(b)) = (at(condition), at(a), at(b)) {
                select(&condition[..block.rows], a, b, out);
            }
        }
        Op::Convert(a) => {
            if let Some(a) = at(a) {
                convert(a, out, block.rows);
            }
        }
        _ => {}
    }
}

fn draw(site: u32, lane: u8, entities: &[u32], turns: &[u32], out: &mut Buffer, block: Block) {
    let words = |row: usize| {
        Address { seed: block.seed, entity: entities[row], tick: block.tick.0, site, turn: turns[row] }.block()
    };
    match out {
        Buffer::F32(out) => {
            (0..block.rows).zip(out).for_each(|(row, out)| *out = random::uniform_f32(words(row), lane));
        }
        Buffer::F64(out) => {
            (0..block.rows).zip(out).for_each(|(row, out)| *out = random::uniform_f64(words(row), lane));
        }
        _ => {}
    }
}

#[inline(always)]
fn map<A: Copy, R>(a: &[A], out: &mut [R], rows: usize, f: impl Fn(A) -> R) {
    out[..rows].iter_mut().zip(&a[..rows]).for_each(|(out, a)| *out = f(*a));
}

#[inline(always)]
fn zip<A: Copy, R>(a: &[A], b: &[A], out: &mut [R], rows: usize, f: impl Fn(A, A) -> R) {
    out[..rows].iter_mut().zip(&a[..rows]).zip(&b[..rows]).for_each(|((out, a), b)| *out = f(*a, *b));
}

fn unary(op: Unary, a: &Buffer, out: &mut Buffer, rows: usize) {
    macro_rules! float {
        ($a:expr, $out:expr) => {
            match op {
                Unary::Neg => map($a, $out, rows, |x| -x),
                Unary::Abs => map($a, $out, rows, math::abs),
                Unary::Not => {}
                Unary::Sqrt => map($a, $out, rows, math::sqrt),
                Unary::Cbrt => map($a, $out, rows, math::cbrt),
                Unary::Sinh => map($a, $out, rows, math::sinh),
                Unary::Cosh => map($a, $out, rows, math::cosh),
                Unary::Tanh => map($a, $out, rows, math::tanh),
                Unary::Sin => map($a, $out, rows, math::sin),
                Unary::Cos => map($a, $out, rows, math::cos),
                Unary::Tan => map($a, $out, rows, math::tan),
                Unary::Asin => map($a, $out, rows, math::asin),
                Unary::Acos => map($a, $out, rows, math::acos),
                Unary::Atan => map($a, $out, rows, math::atan),
                Unary::Exp => map($a, $out, rows, math::exp),
                Unary::Ln => map($a, $out, rows, math::ln),
                Unary::Log2 => map($a, $out, rows, math::log2),
                Unary::Log10 => map($a, $out, rows, math::log10),
                Unary::Floor => map($a, $out, rows, math::floor),
                Unary::Ceil => map($a, $out, rows, math::ceil),
                Unary::Round => map($a, $out, rows, math::round),
                Unary::Trunc => map($a, $out, rows, math::trunc),
            }
        };
    }
    macro_rules! integer {
        ($a:expr, $out:expr, $abs:expr) => {
            match op {
                Unary::Neg => map($a, $out, rows, |x| x.wrapping_neg()),
                Unary::Abs => map($a, $out, rows, $abs),
                _ => {}
            }
        };
    }
    match (a, out) {
        (Buffer::F32(a), Buffer::F32(out)) => float!(a, out),
        (Buffer::F64(a), Buffer::F64(out)) => float!(a, out),
        (Buffer::I8(a), Buffer::I8(out)) => integer!(a, out, i8::wrapping_abs),
        (Buffer::I16(a), Buffer::I16(out)) => integer!(a, out, i16::wrapping_abs),
        (Buffer::I32(a), Buffer::I32(out)) => integer!(a, out, i32::wrapping_abs),
        (Buffer::U8(a), Buffer::U8(out)) => integer!(a, out, |x| x),
        (Buffer::U16(a), Buffer::U16(out)) => integer!(a, out, |x| x),
        (Buffer::U32(a), Buffer::U32(out)) => integer!(a, out, |x| x),
        (Buffer::Bool(a), Buffer::Bool(out)) if op == Unary::Not => map(a, out, rows, |x: bool| !x),
        _ => {}
    }
}

fn binary(op: Binary, a: &Buffer, b: &Buffer, out: &mut Buffer, rows: usize) {
    macro_rules! float {
        ($a:expr, $b:expr, $out:expr) => {
            match op {
                Binary::Add => zip($a, $b, $out, rows, |x, y| x + y),
                Binary::Sub => zip($a, $b, $out, rows, |x, y| x - y),
                Binary::Mul => zip($a, $b, $out, rows, |x, y| x * y),
                Binary::Div => zip($a, $b, $out, rows, |x, y| x / y),
                Binary::Rem => zip($a, $b, $out, rows, math::rem),
                Binary::Min => zip($a, $b, $out, rows, math::min),
                Binary::Max => zip($a, $b, $out, rows, math::max),
                Binary::Pow => zip($a, $b, $out, rows, math::pow),
                Binary::Atan2 => zip($a, $b, $out, rows, math::atan2),
                _ => {}
            }
        };
    }
    macro_rules! integer {
        ($a:expr, $b:expr, $out:expr) => {
            match op {
                Binary::Add => zip($a, $b, $out, rows, |x, y| x.wrapping_add(y)),
                Binary::Sub => zip($a, $b, $out, rows, |x, y| x.wrapping_sub(y)),
                Binary::Mul => zip($a, $b, $out, rows, |x, y| x.wrapping_mul(y)),
                Binary::Div => zip($a, $b, $out, rows, |x, y| if y == 0 { 0 } else { x.wrapping_div(y) }),
                Binary::Rem => zip($a, $b, $out, rows, |x, y| if y == 0 { 0 } else { x.wrapping_rem(y) }),
                Binary::Min => zip($a, $b, $out, rows, |x, y| x.min(y)),
                Binary::Max => zip($a, $b, $out, rows, |x, y| x.max(y)),
                _ => {}
            }
        };
    }
    match (a, b, out) {
        (Buffer::F32(a), Buffer::F32(b), Buffer::F32(out)) => float!(a, b, out),
        (Buffer::F64(a), Buffer::F64(b), Buffer::F64(out)) => float!(a, b, out),
        (Buffer::I8(a), Buffer::I8(b), Buffer::I8(out)) => integer!(a, b, out),
        (Buffer::I16(a), Buffer::I16(b), Buffer::I16(out)) => integer!(a, b, out),
        (Buffer::I32(a), Buffer::I32(b), Buffer::I32(out)) => integer!(a, b, out),
        (Buffer::U8(a), Buffer::U8(b), Buffer::U8(out)) => integer!(a, b, out),
        (Buffer::U16(a), Buffer::U16(b), Buffer::U16(out)) => integer!(a, b, out),
        (Buffer::U32(a), Buffer::U32(b), Buffer::U32(out)) => integer!(a, b, out),
        (Buffer::Bool(a), Buffer::Bool(b), Buffer::Bool(out)) => match op {
            Binary::And => zip(a, b, out, rows, |x, y| x & y),
            Binary::Or => zip(a, b, out, rows, |x, y| x | y),
            _ => {}
        },
        _ => {}
    }
}

fn compare(op: Compare, a: &Buffer, b: &Buffer, out: &mut [bool]) {
    fn of<T: Copy + PartialOrd>(op: Compare, a: &[T], b: &[T], out: &mut [bool]) {
        let rows = out.len();
        match op {
            Compare::Eq => zip(a, b, out, rows, |x, y| x == y),
            Compare::Ne => zip(a, b, out, rows, |x, y| x != y),
            Compare::Lt => zip(a, b, out, rows, |x, y| x < y),
            Compare::Le => zip(a, b, out, rows, |x, y| x <= y),
            Compare::Gt => zip(a, b, out, rows, |x, y| x > y),
            Compare::Ge => zip(a, b, out, rows, |x, y| x >= y),
        }
    }
    match (a, b) {
        (Buffer::F32(a), Buffer::F32(b)) => of(op, a, b, out),
        (Buffer::F64(a), Buffer::F64(b)) => of(op, a, b, out),
        (Buffer::I8(a), Buffer::I8(b)) => of(op, a, b, out),
        (Buffer::I16(a), Buffer::I16(b)) => of(op, a, b, out),
        (Buffer::I32(a), Buffer::I32(b)) => of(op, a, b, out),
        (Buffer::U8(a), Buffer::U8(b)) => of(op, a, b, out),
        (Buffer::U16(a), Buffer::U16(b)) => of(op, a, b, out),
        (Buffer::U32(a), Buffer::U32(b)) => of(op, a, b, out),
        (Buffer::Bool(a), Buffer::Bool(b)) => of(op, a, b, out),
        _ => {}
    }
}

fn select(condition: &[bool], a: &Buffer, b: &Buffer, out: &mut Buffer) {
    fn of<T: Copy>(condition: &[bool], a: &[T], b: &[T], out: &mut [T]) {
        for (((out, a), b), condition) in out.iter_mut().zip(a).zip(b).zip(condition) {
            *out = if *condition { *a } else { *b };
        }
    }
    match (a, b, out) {
        (Buffer::F32(a), Buffer::F32(b), Buffer::F32(out)) => of(condition, a, b, out),
        (Buffer::F64(a), Buffer::F64(b), Buffer::F64(out)) => of(condition, a, b, out),
        (Buffer::I8(a), Buffer::I8(b), Buffer::I8(out)) => of(condition, a, b, out),
        (Buffer::I16(a), Buffer::I16(b), Buffer::I16(out)) => of(condition, a, b, out),
        (Buffer::I32(a), Buffer::I32(b), Buffer::I32(out)) => of(condition, a, b, out),
        (Buffer::U8(a), Buffer::U8(b), Buffer::U8(out)) => of(condition, a, b, out),
        (Buffer::U16(a), Buffer::U16(b), Buffer::U16(out)) => of(condition, a, b, out),
        (Buffer::U32(a), Buffer::U32(b), Buffer::U32(out)) => of(condition, a, b, out),
        (Buffer::Bool(a), Buffer::Bool(b), Buffer::Bool(out)) => of(condition, a, b, out),
        _ => {}
    }
}

fn convert(a: &Buffer, out: &mut Buffer, rows: usize) {
    macro_rules! from {
        ($a:expr, $truth:expr) => {
            match out {
                Buffer::F32(out) => map($a, out, rows, |x| x as f32),
                Buffer::F64(out) => map($a, out, rows, |x| x as f64),
                Buffer::I8(out) => map($a, out, rows, |x| x as i8),
                Buffer::I16(out) => map($a, out, rows, |x| x as i16),
                Buffer::I32(out) => map($a, out, rows, |x| x as i32),
                Buffer::U8(out) => map($a, out, rows, |x| x as u8),
                Buffer::U16(out) => map($a, out, rows, |x| x as u16),
                Buffer::U32(out) => map($a, out, rows, |x| x as u32),
                Buffer::Bool(out) => map($a, out, rows, $truth),
            }
        };
    }
    match a {
        Buffer::F32(a) => from!(a, |x| x != 0.0),
        Buffer::F64(a) => from!(a, |x| x != 0.0),
        Buffer::I8(a) => from!(a, |x| x != 0),
        Buffer::I16(a) => from!(a, |x| x != 0),
        Buffer::I32(a) => from!(a, |x| x != 0),
        Buffer::U8(a) => from!(a, |x| x != 0),
        Buffer::U16(a) => from!(a, |x| x != 0),
        Buffer::U32(a) => from!(a, |x| x != 0),
        Buffer::Bool(a) => match out {
            Buffer::F32(out) => map(a, out, rows, |x| f32::from(u8::from(x))),
            Buffer::F64(out) => map(a, out, rows, |x| f64::from(u8::from(x))),
            Buffer::I8(out) => map(a, out, rows, i8::from),
            Buffer::I16(out) => map(a, out, rows, i16::from),
            Buffer::I32(out) => map(a, out, rows, i32::from),
            Buffer::U8(out) => map(a, out, rows, u8::from),
            Buffer::U16(out) => map(a, out, rows, u16::from),
            Buffer::U32(out) => map(a, out, rows, u32::from),
            Buffer::Bool(out) => map(a, out, rows, |x| x),
        },
    }
}
