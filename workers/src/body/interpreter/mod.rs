//! The interpreter: runs a body operation by operation, each for all lanes of a block. It is the meaning that compiled
//! code is compared with, bit for bit.
//!
//! A buffer a value; nothing allocates once the buffers have grown to the largest block. NaN is made canonical where
//! values come out; before that nothing can tell one NaN from another.

use diptych_protocol::body::Body;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::math;
use diptych_protocol::program::Program;
use diptych_protocol::random::{self, Address};
use diptych_protocol::types::{Scalar, Value};
use diptych_protocol::values::{Values, ValuesMut};

use self::plan::{Plan, Step};
use self::turns::LoopState;
use super::block::{Block, Executor, Turns, Uniforms, padded};
use super::column::{Column, pair};
use super::requests::Requests;

mod arithmetic;
mod plan;
#[cfg(test)]
mod tests;
mod turns;

/// Runs one body, which must have passed the verifier.
#[derive(Clone, Debug)]
pub struct Interpreter {
    plan: Plan,
    state: State,
}

/// All buffers.
#[derive(Clone, Debug)]
struct State {
    buffers: Vec<Column>,
    loops: Vec<LoopState>,
    /// Lanes that are rows.
    rows: Vec<u8>,
    /// Lanes that an update changes.
    mask: Vec<u8>,
    /// What turns have asked for.
    requests: Vec<Requests>,
}

impl Interpreter {
    /// Makes a body ready.
    pub fn new(program: &Program, body: &Body) -> Self {
        let plan = Plan::new(program, body);
        let state = State {
            buffers: plan.buffers.iter().map(|scalar| Column::new(scalar.unwrap_or(Scalar::Bool))).collect(),
            loops: vec![LoopState::default(); body.loops.len()],
            rows: Vec::new(),
            mask: Vec::new(),
            requests: plan.requests.iter().map(|scalars| Requests::new(scalars)).collect(),
        };
        Self { plan, state }
    }
}

impl Executor for Interpreter {
    fn run(&mut self, block: &Block<'_>, out: &mut [ValuesMut<'_>]) {
        let lanes = padded(block.count);
        let Self { plan, state } = self;
        if state.rows.len() < lanes {
            state.grow(plan, lanes);
        }
        for (lane, row) in state.rows[..lanes].iter_mut().enumerate() {
            *row = u8::from(lane < block.count);
        }
        state.steps(plan, 0..plan.steps.len(), block, lanes, None);
        for (out, &from) in out.iter_mut().zip(&plan.out) {
            store(&state.buffers[from], out, lanes);
        }
    }

    fn requests(&mut self, number: usize) -> Option<&mut Requests> {
        self.state.requests.get_mut(number)
    }

    /// A block that asks an index is one vector: an operation costs its rows hardly more than it costs at least.
    fn lanes(&self) -> usize {
        BLOCK_ROWS_MAX
    }

    /// A usual body's buffers stay in the second cache. Of a loop as many turns are made as the row with the most of them
    /// asks for.
    fn stretch(&self, loops: bool) -> usize {
        if loops { 64 } else { 512 }
    }
}

impl State {
    fn grow(&mut self, plan: &Plan, lanes: usize) {
        for (buffer, scalar) in self.buffers.iter_mut().zip(&plan.buffers) {
            if scalar.is_some() {
                buffer.resize(lanes);
            }
        }
        for &(at, value) in &plan.constants {
            self.buffers[at].fill(value);
        }
        self.loops.iter_mut().for_each(|it| it.grow(lanes));
        self.rows.resize(lanes, 0);
        self.mask.resize(lanes, 0);
    }

    /// Runs steps in order. `inside` is the loop whose body they stand in.
    fn steps(
        &mut self,
        plan: &Plan,
        range: std::ops::Range<usize>,
        block: &Block<'_>,
        lanes: usize,
        inside: Option<usize>,
    ) {
        let mut at = range.start;
        while at < range.end {
            let placed = &plan.steps[at];
            if let Step::Loop(it) = placed.step {
                self.run_loop(plan, it, block, lanes, inside);
                at = plan.loops[it].tail.end;
                continue;
            }
            let (before, rest) = self.buffers.split_at_mut(placed.out);
            compute(placed.step, before, &mut rest[0], block, lanes, &self.loops);
            at += 1;
        }
    }
}

/// One step that is no loop. It reads buffers before the one that it writes.
fn compute(step: Step, before: &[Column], out: &mut Column, block: &Block<'_>, lanes: usize, loops: &[LoopState]) {
    match step {
        Step::Row => {
            if let Column::U32(out) = out {
                out[..lanes].copy_from_slice(&block.rows[..lanes]);
            }
        }
        Step::Frame => out.fill(Value::U32(block.uniforms.frame)),
        Step::Time => out.fill(Value::F64(block.uniforms.time)),
        Step::Signal(signal) => signalled(out, block.uniforms.signals[signal]),
        Step::Reduced(reduction) => out.fill(Value::F64(block.uniforms.reduced[reduction])),
        Step::Own(slot) => {
            pair!(Column, Values, out, block.own[slot], (out, own) => out[..lanes].copy_from_slice(&own[..lanes]));
        }
        Step::Far { slot, row } => {
            if let Column::U32(rows) = &before[row] {
                read(out, block.far[slot], &rows[..lanes]);
            }
        }
        Step::OfOther { it, slot } => match &block.loops[it] {
            Turns::Shared(shared) => {
                let place = loops[it].place;
                pair!(Column, Values, out, shared.columns[slot], (out, other) => out[..lanes].fill(other[place]));
            }
            Turns::Lists(lists) => read(out, lists.columns[slot], &loops[it].others[..lanes]),
            Turns::Count => {}
        },
        Step::Other(it) => match (&block.loops[it], out) {
            (Turns::Shared(_), Column::U32(out)) => out[..lanes].fill(loops[it].row),
            (Turns::Lists(_), Column::U32(out)) => out[..lanes].copy_from_slice(&loops[it].others[..lanes]),
            (Turns::Count, Column::I32(out)) => out[..lanes].copy_from_slice(&loops[it].counters[..lanes]),
            _ => {}
        },
        Step::Delta { it, slot, axis, from } => {
            delta(&block.loops[it], &loops[it], slot, axis, &before[from], out, block)
        }
        Step::Draw { site, lane, entity, turn } => {
            if let (Column::U32(entities), Column::U32(turns)) = (&before[entity], &before[turn]) {
                draw(site, lane, &entities[..lanes], &turns[..lanes], out, &block.uniforms);
            }
        }
        Step::Unary(op, a) => arithmetic::unary(op, &before[a], out, lanes),
        Step::Binary(op, a, b) => arithmetic::binary(op, &before[a], &before[b], out, lanes),
        Step::Compare(op, a, b) => {
            if let Column::Bool(out) = out {
                arithmetic::compare(op, &before[a], &before[b], out, lanes);
            }
        }
        Step::Select(condition, a, b) => {
            if let Column::Bool(condition) = &before[condition] {
                arithmetic::select(condition, &before[a], &before[b], out, lanes);
            }
        }
        Step::Convert(a) => arithmetic::convert(&before[a], out, lanes),
        Step::Copy(a) => copy(&before[a], out, lanes),
        Step::Loop(_) => {}
    }
}

fn copy(from: &Column, to: &mut Column, lanes: usize) {
    pair!(Column, Column, from, to, (from, to) => to[..lanes].copy_from_slice(&from[..lanes]));
}

/// The values of these rows; 0 for rows that are not there.
fn read(out: &mut Column, column: Values<'_>, rows: &[u32]) {
    pair!(Column, Values, out, column, (out, column) => {
        for (out, &row) in out.iter_mut().zip(rows) {
            *out = column.get(row as usize).copied().unwrap_or_default();
        }
    });
}

/// A signal's bits stand in the low end of its word.
fn signalled(out: &mut Column, bits: u64) {
    match out {
        Column::F32(out) => out.fill(f32::from_bits(bits as u32)),
        Column::F64(out) => out.fill(f64::from_bits(bits)),
        Column::I8(out) => out.fill(bits as i8),
        Column::I16(out) => out.fill(bits as i16),
        Column::I32(out) => out.fill(bits as i32),
        Column::U8(out) => out.fill(bits as u8),
        Column::U16(out) => out.fill(bits as u16),
        Column::U32(out) => out.fill(bits as u32),
        Column::Bool(out) => out.fill(u8::from(bits & 1 != 0)),
    }
}

fn draw(site: u32, lane: u8, entities: &[u32], turns: &[u32], out: &mut Column, uniforms: &Uniforms<'_>) {
    let words = |(&entity, &turn): (&u32, &u32)| {
        Address { seed: uniforms.seed, entity, tick: uniforms.tick, site, turn }.block()
    };
    let words = entities.iter().zip(turns).map(words);
    match out {
        Column::F32(out) => out.iter_mut().zip(words).for_each(|(out, words)| *out = random::uniform_f32(words, lane)),
        Column::F64(out) => out.iter_mut().zip(words).for_each(|(out, words)| *out = random::uniform_f64(words, lane)),
        _ => {}
    }
}

/// The other's coordinate minus the own one.
fn delta(
    turns: &Turns<'_>,
    state: &LoopState,
    slot: usize,
    axis: usize,
    from: &Column,
    out: &mut Column,
    block: &Block<'_>,
) {
    let lanes = padded(block.count);
    let space = block.uniforms.space;
    match (turns, from, out) {
        (Turns::Shared(shared), Column::F32(from), Column::F32(out)) => {
            let Values::F32(column) = shared.columns[slot] else { return };
            let other = column[state.place];
            let own = out[..lanes].iter_mut().zip(&from[..lanes]);
            if shared.straight {
                own.for_each(|(out, own)| *out = other - own);
            } else {
                own.for_each(|(out, own)| *out = space.delta(axis, *own, other));
            }
        }
        (Turns::Shared(shared), Column::F64(from), Column::F64(out)) => {
            let Values::F64(column) = shared.columns[slot] else { return };
            let other = column[state.place];
            let own = out[..lanes].iter_mut().zip(&from[..lanes]);
            if shared.straight {
                own.for_each(|(out, own)| *out = other - own);
            } else {
                own.for_each(|(out, own)| *out = space.delta_f64(axis, *own, other));
            }
        }
        (Turns::Lists(lists), Column::F32(from), Column::F32(out)) => {
            let Values::F32(column) = lists.columns[slot] else { return };
            let others = from[..lanes].iter().zip(&state.others);
            for (out, (own, other)) in out.iter_mut().zip(others) {
                *out = space.delta(axis, *own, column.get(*other as usize).copied().unwrap_or_default());
            }
        }
        (Turns::Lists(lists), Column::F64(from), Column::F64(out)) => {
            let Values::F64(column) = lists.columns[slot] else { return };
            let others = from[..lanes].iter().zip(&state.others);
            for (out, (own, other)) in out.iter_mut().zip(others) {
                *out = space.delta_f64(axis, *own, column.get(*other as usize).copied().unwrap_or_default());
            }
        }
        _ => {}
    }
}

fn store(from: &Column, out: &mut ValuesMut<'_>, lanes: usize) {
    match (from, out) {
        (Column::F32(from), ValuesMut::F32(out)) => {
            out[..lanes].iter_mut().zip(from).for_each(|(out, x)| *out = math::canonical(*x));
        }
        (Column::F64(from), ValuesMut::F64(out)) => {
            out[..lanes].iter_mut().zip(from).for_each(|(out, x)| *out = math::canonical(*x));
        }
        (from, out) => {
            pair!(Column, ValuesMut, from, out, (from, out) => out[..lanes].copy_from_slice(&from[..lanes]));
        }
    }
}
