//! A body about a finished state, evaluated a row at a time by the rules of [`diptych_protocol::eval`]. It knows no
//! loops.

use diptych_protocol::body::{At, Body, Op, Typed};
use diptych_protocol::eval::{self, Here};
use diptych_protocol::id::{Id, ValueId};
use diptych_protocol::program::Program;
use diptych_protocol::types::{Scalar, Value};

use crate::body::block::{Block, Executor, Values, ValuesMut};
use crate::body::slots::Slots;

/// The body and, of the row that is evaluated, the value of each operation.
pub(crate) struct RowByRow {
    ops: Vec<Typed>,
    out: Vec<ValueId>,
    slots: Slots,
    values: Vec<Option<Value>>,
}

impl RowByRow {
    pub(crate) fn new(program: &Program, body: &Body) -> Self {
        Self {
            ops: body.ops.values().copied().collect(),
            out: body.stores.iter().map(|store| store.value).chain(body.results.iter().copied()).collect(),
            slots: Slots::of(program, body),
            values: Vec::with_capacity(body.ops.len()),
        }
    }
}

impl Executor for RowByRow {
    fn run(&mut self, block: &Block<'_>, out: &mut [ValuesMut<'_>]) {
        let uniforms = &block.uniforms;
        for lane in 0..block.count {
            self.values.clear();
            let here = Here { entity: block.rows[lane], seed: uniforms.seed, tick: uniforms.tick };
            for typed in &self.ops {
                let value = match typed.op {
                    Op::Read { column, when, at: At::Own } => {
                        self.slots.own(column, when).map(|at| value_at(block.own[at], lane))
                    }
                    Op::Frame => Some(Value::U32(uniforms.frame)),
                    Op::Time => Some(Value::F64(uniforms.time)),
                    Op::Reduced(reduction) => uniforms.reduced.get(reduction.index()).map(|x| Value::F64(*x)),
                    op => eval::op(op, typed.scalar, |id| self.values.get(id.index()).copied().flatten(), here),
                };
                self.values.push(value);
            }
            for (out, value) in out.iter_mut().zip(&self.out) {
                if let Some(value) = self.values.get(value.index()).copied().flatten() {
                    put(out, lane, value);
                }
            }
        }
    }
}

fn value_at(values: Values<'_>, lane: usize) -> Value {
    match values {
        Values::F32(v) => Value::F32(v[lane]),
        Values::F64(v) => Value::F64(v[lane]),
        Values::I8(v) => Value::I8(v[lane]),
        Values::I16(v) => Value::I16(v[lane]),
        Values::I32(v) => Value::I32(v[lane]),
        Values::U8(v) => Value::U8(v[lane]),
        Values::U16(v) => Value::U16(v[lane]),
        Values::U32(v) => Value::U32(v[lane]),
        Values::Bool(v) => Value::Bool(v[lane] != 0),
    }
}

fn put(out: &mut ValuesMut<'_>, lane: usize, value: Value) {
    let bits = value.bits();
    match out {
        ValuesMut::F32(v) => v[lane] = f32::from_bits(bits as u32),
        ValuesMut::F64(v) => v[lane] = f64::from_bits(bits),
        ValuesMut::I8(v) => v[lane] = bits as i8,
        ValuesMut::I16(v) => v[lane] = bits as i16,
        ValuesMut::I32(v) => v[lane] = bits as i32,
        ValuesMut::U8(v) | ValuesMut::Bool(v) => v[lane] = bits as u8,
        ValuesMut::U16(v) => v[lane] = bits as u16,
        ValuesMut::U32(v) => v[lane] = bits as u32,
    }
}

/// The bits of a lane.
pub(crate) fn bits_at(values: Values<'_>, lane: usize) -> u64 {
    let value = value_at(values, lane);
    debug_assert!(value.scalar() == values.scalar() || values.scalar() == Scalar::Bool);
    value.bits()
}
