//! A third opinion: what a body computes, row by row, turn by turn, on the reference of each operation.

use diptych_protocol::body::{At, Body, Op, Over, Update};
use diptych_protocol::eval::{self, Here};
use diptych_protocol::id::{Id, LoopId, ValueId};
use diptych_protocol::math;
use diptych_protocol::program::Program;
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::types::{Scalar, Value};
use diptych_workers::body::block::{Block, Turns, Values};
use diptych_workers::body::slots::Slots;

/// What a row asks for: by which number, and with which values.
pub type Asked = (u16, u32, Vec<Value>);

/// What each output is for each row, and what the rows ask for: row by row, turn by turn.
pub fn run(program: &Program, body: &Body, block: &Block<'_>) -> (Vec<Vec<Value>>, Vec<Asked>) {
    let slots = Slots::of(program, body);
    let outs: Vec<ValueId> = body.stores.iter().map(|store| store.value).chain(body.results.iter().copied()).collect();
    let (mut all, mut asked) = (vec![Vec::new(); outs.len()], Vec::new());
    for lane in 0..block.count {
        let mut row = Row {
            program,
            body,
            block,
            slots: &slots,
            lane,
            values: vec![None; body.ops.len()],
            carried: vec![Vec::new(); body.loops.len()],
            turns: vec![None; body.loops.len()],
            asked: Vec::new(),
        };
        row.ops(0, body.ops.len());
        for (out, value) in all.iter_mut().zip(&outs) {
            out.push(canonical(row.get(*value)));
        }
        asked.append(&mut row.asked);
    }
    (all, asked)
}

fn canonical(value: Value) -> Value {
    match value {
        Value::F32(x) => Value::F32(math::canonical(x)),
        Value::F64(x) => Value::F64(math::canonical(x)),
        other => other,
    }
}

/// A value of a column.
pub fn at(values: &Values<'_>, place: usize) -> Option<Value> {
    Some(match values {
        Values::F32(v) => Value::F32(*v.get(place)?),
        Values::F64(v) => Value::F64(*v.get(place)?),
        Values::I8(v) => Value::I8(*v.get(place)?),
        Values::I16(v) => Value::I16(*v.get(place)?),
        Values::I32(v) => Value::I32(*v.get(place)?),
        Values::U8(v) => Value::U8(*v.get(place)?),
        Values::U16(v) => Value::U16(*v.get(place)?),
        Values::U32(v) => Value::U32(*v.get(place)?),
        Values::Bool(v) => Value::Bool(*v.get(place)? != 0),
    })
}

fn zero(scalar: Scalar) -> Value {
    eval::convert(Value::U8(0), scalar)
}

fn word(scalar: Scalar, bits: u64) -> Value {
    match scalar {
        Scalar::F32 => Value::F32(f32::from_bits(bits as u32)),
        Scalar::F64 => Value::F64(f64::from_bits(bits)),
        Scalar::I8 => Value::I8(bits as i8),
        Scalar::I16 => Value::I16(bits as i16),
        Scalar::I32 => Value::I32(bits as i32),
        Scalar::U8 => Value::U8(bits as u8),
        Scalar::U16 => Value::U16(bits as u16),
        Scalar::U32 => Value::U32(bits as u32),
        Scalar::Bool => Value::Bool(bits as u8 != 0),
    }
}

/// The shortest of three ways, in the operands' own precision.
fn delta(space: &Space, axis: usize, own: Value, other: Value) -> Value {
    match (own, other) {
        (Value::F32(own), Value::F32(other)) => Value::F32(space.delta(axis, own, other)),
        (Value::F64(own), Value::F64(other)) => {
            let d = other - own;
            let (side, half) = (f64::from(space.side(axis)), 0.5 * f64::from(space.side(axis)));
            Value::F64(match space.edge {
                Edge::Torus if d > half => d - side,
                Edge::Torus if d < -half => d + side,
                _ => d,
            })
        }
        _ => panic!("positions are floats"),
    }
}

/// The turn that a loop makes: where its other stands, and its row or number.
#[derive(Clone, Copy)]
struct Turn {
    place: usize,
    number: Value,
}

struct Row<'a> {
    program: &'a Program,
    body: &'a Body,
    block: &'a Block<'a>,
    slots: &'a Slots,
    lane: usize,
    values: Vec<Option<Value>>,
    carried: Vec<Vec<Value>>,
    turns: Vec<Option<Turn>>,
    asked: Vec<Asked>,
}

impl Row<'_> {
    fn get(&self, value: ValueId) -> Value {
        self.values[value.index()].unwrap()
    }

    fn is(&self, value: Option<ValueId>) -> bool {
        value.is_none_or(|value| self.get(value) == Value::Bool(true))
    }

    fn ops(&mut self, start: usize, end: usize) {
        let mut next = start;
        while next < end {
            let id = ValueId::new(next as u32);
            let typed = self.body.ops[id];
            next += 1;
            let value = match typed.op {
                Op::Loop(it) => {
                    self.walk(it);
                    next = self.body.loops[it].end.index();
                    Value::Bool(false)
                }
                op => self.op(typed.scalar, op),
            };
            self.values[id.index()] = Some(value);
        }
    }

    fn columns(&self, it: LoopId) -> &[Values<'_>] {
        match &self.block.loops[it.index()] {
            Turns::Shared(shared) => shared.columns,
            Turns::Lists(lists) => lists.columns,
            Turns::Count => &[],
        }
    }

    fn op(&self, scalar: Scalar, op: Op) -> Value {
        let (block, slots) = (self.block, self.slots);
        match op {
            Op::Frame => Value::U32(block.uniforms.frame),
            Op::Time => Value::F64(block.uniforms.time),
            Op::Signal(signal) => word(scalar, block.uniforms.signals[signal.index()]),
            Op::Reduced(reduction) => Value::F64(block.uniforms.reduced[reduction.index()]),
            Op::Read { column, when, at: place } => match place {
                At::Own => at(&block.own[slots.own(column, when, [0; 3]).unwrap()], self.lane).unwrap(),
                At::Shift(offset) => at(&block.own[slots.own(column, when, offset).unwrap()], self.lane).unwrap(),
                At::Other(it) => {
                    let slot = slots.other(it, column, when).unwrap();
                    at(&self.columns(it)[slot], self.turns[it.index()].unwrap().place).unwrap()
                }
                At::Row(row) => {
                    let Value::U32(row) = self.get(row) else { panic!("a row is a u32") };
                    at(&block.far[slots.far(column, when).unwrap()], row as usize).unwrap_or(zero(scalar))
                }
            },
            Op::Data(data) => {
                let slot = slots.data.iter().position(|(known, _)| *known == data).unwrap();
                at(&block.own[slots.own.len() + slot], self.lane).unwrap()
            }
            Op::Result(it, place) | Op::Carried(it, place) => self.carried[it.index()][usize::from(place)],
            Op::Other(it) => self.turns[it.index()].unwrap().number,
            Op::Delta(it, axis) => {
                let axis = usize::from(axis);
                let slot = slots.loops[it.index()].position[axis];
                let other = at(&self.columns(it)[slot], self.turns[it.index()].unwrap().place).unwrap();
                canonical(delta(&self.program.space, axis, self.get(self.body.loops[it].over.from()[axis]), other))
            }
            op => {
                let here = Here { entity: block.rows[self.lane], seed: block.uniforms.seed, tick: block.uniforms.tick };
                eval::op(op, scalar, |id| self.values[id.index()], here).unwrap()
            }
        }
    }

    fn walk(&mut self, it: LoopId) {
        let walked = &self.body.loops[it];
        self.carried[it.index()] = walked.carried.iter().map(|carried| self.get(carried.start)).collect();
        if !self.is(walked.mask) {
            return;
        }
        let block = self.block;
        match (&block.loops[it.index()], &walked.over) {
            (Turns::Shared(shared), _) => {
                for run in shared.runs_of(self.lane) {
                    for place in run.start..run.end {
                        let row = shared.rows.map_or(place, |rows| rows[place as usize]);
                        if !run.own || row != block.rows[self.lane] {
                            self.turn(it, Turn { place: place as usize, number: Value::U32(row) });
                        }
                    }
                }
            }
            (Turns::Lists(lists), _) => {
                for at in lists.starts[self.lane]..lists.starts[self.lane + 1] {
                    let row = lists.rows[at as usize];
                    self.turn(it, Turn { place: row as usize, number: Value::U32(row) });
                }
            }
            (Turns::Count, Over::Count { first, end }) => {
                let (Value::I32(first), Value::I32(end)) = (self.get(*first), self.get(*end)) else {
                    panic!("bounds are of i32")
                };
                for number in first..end {
                    self.turn(it, Turn { place: 0, number: Value::I32(number) });
                }
            }
            _ => panic!("turns of another kind"),
        }
    }

    fn turn(&mut self, it: LoopId, turn: Turn) {
        let walked = &self.body.loops[it];
        self.turns[it.index()] = Some(turn);
        let range = walked.body();
        self.ops(range.start, range.end);
        if !self.is(walked.active) {
            return;
        }
        for ask in &walked.asks {
            if self.is(Some(ask.when)) {
                let values = ask.values.iter().map(|value| canonical(self.get(*value))).collect();
                self.asked.push((ask.number, self.block.rows[self.lane], values));
            }
        }
        let old = self.carried[it.index()].clone();
        let new = walked.carried.iter().zip(&old).map(|(carried, old)| {
            let value = self.get(carried.update.value());
            let op = match carried.update {
                Update::Set(_) => return value,
                Update::Add(..) => diptych_protocol::body::Binary::Add,
                Update::Sub(..) => diptych_protocol::body::Binary::Sub,
            };
            if self.is(carried.update.when()) { eval::binary(op, *old, value).unwrap() } else { *old }
        });
        self.carried[it.index()] = new.collect();
    }
}
