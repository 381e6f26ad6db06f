//! A body as instructions of a [`Machine`]: one function.
//!
//! A value of the body is a list of vectors, its *parts*. Operations are emitted in order, if they are needed; *leaves*
//! (constants, reads, ...) where they are first used, which keeps registers free.

use diptych_protocol::body::{At, Body, Compare, Op};
use diptych_protocol::id::{Id, ValueId};
use diptych_protocol::program::Program;
use diptych_protocol::types::Scalar;

use super::carried::Remembered;
use super::grain::Grain;
use super::machine::{Address, Block, If, Kind, Machine, Part};
use super::plan::Plan;
use super::turn::Place;
use super::{CompileError, words};

/// A value of the body: its vectors.
pub(super) type Parts = Vec<Part>;

/// Emits a planned body.
pub(super) fn emit(program: &Program, body: &Body, plan: &Plan, machine: &mut dyn Machine) -> Result<(), CompileError> {
    let mut function = Function::new(program, body, plan, machine);
    function.whole();
    function.malformed.map_or(Ok(()), |what| Err(CompileError::Malformed(what)))
}

/// A function in the making.
pub(super) struct Function<'a> {
    pub program: &'a Program,
    pub body: &'a Body,
    pub plan: &'a Plan,
    pub m: &'a mut dyn Machine,
    /// The first lane that is computed, and how many are, here.
    pub lane: Part,
    pub lanes: usize,
    /// Room for the arguments and the result of a call, made with the first one.
    pub call_room: Option<[u32; 3]>,
    /// Words that were read before the loop over the rows.
    pub known: Vec<Option<Part>>,
    /// What stands in registers, as far as its makers care.
    pub values: Vec<Option<Parts>>,
    /// The same, in bytes.
    pub bytes: Vec<Option<Parts>>,
    /// What stands in the frame instead: offsets.
    pub parked: Vec<Option<Vec<u32>>>,
    /// The turns that are being emitted.
    pub places: Vec<Option<Place>>,
    /// What loops remember.
    pub remembered: Vec<Vec<Option<Remembered>>>,
    /// What they ended with.
    pub results: Vec<Vec<Option<Parts>>>,
    /// The lanes that matter here, if not all do.
    pub guard: Option<Parts>,
    /// What stood in registers before a loop that has copies.
    pub held: Vec<(ValueId, Parts)>,
    /// What is wrong with the body.
    pub malformed: Option<&'static str>,
}

impl<'a> Function<'a> {
    fn new(program: &'a Program, body: &'a Body, plan: &'a Plan, m: &'a mut dyn Machine) -> Self {
        let lane = m.words();
        Self {
            program,
            body,
            plan,
            m,
            lane,
            lanes: plan.lanes,
            call_room: None,
            known: vec![None; plan.words.len],
            values: vec![None; body.ops.len()],
            bytes: vec![None; body.ops.len()],
            parked: vec![None; body.ops.len()],
            places: body.loops.values().map(|_| None).collect(),
            remembered: body.loops.values().map(|it| vec![None; it.carried.len()]).collect(),
            results: body.loops.values().map(|it| vec![None; it.carried.len()]).collect(),
            guard: None,
            held: Vec::new(),
            malformed: None,
        }
    }

    /// The loop over the block's rows, and all that is computed for them.
    fn whole(&mut self) {
        let (rows, end) = (self.m.block(), self.m.block());
        let count = self.word(words::COUNT);
        let lane = self.m.variable(Kind::Number);
        let zero = self.m.number(0);
        self.m.set(lane, zero);
        self.know_columns();
        self.m.jump(rows);
        self.m.switch(rows);
        self.lane = self.m.read(lane);
        self.guard_of_counters(count);
        let (body, plan) = (self.body, self.plan);
        self.steps(&plan.outside);
        let out = body.stores.iter().map(|store| store.value).chain(body.results.iter().copied());
        for (place, value) in out.enumerate() {
            let (scalar, word) = (self.scalar(value), self.plan.words.out + place);
            if scalar.size() == 1 && self.plan.grains.of(value) != Grain::Words {
                let parts = self.bytes_of(value);
                self.put_bytes(scalar, word, &parts);
                continue;
            }
            let parts = self.value(value);
            let parts = self.canonical(scalar, parts);
            self.put(scalar, word, &parts);
        }
        let next = self.m.plus(self.lane, self.plan.lanes as i64);
        self.m.set(lane, next);
        self.m.branch(If::Below(next, count), rows, end);
        self.m.seal(rows);
        self.enter(end);
        self.m.done();
    }

    /// Where nothing goes over others, registers are free for where columns begin.
    fn know_columns(&mut self) {
        let words = &self.plan.words;
        if self.body.loops.is_empty() {
            for word in (words.own..words.far).chain(words.out..words.len) {
                self.known[word] = Some(self.word(word));
            }
        }
    }

    /// Goes on in a block that all jumps have been made to.
    pub(super) fn enter(&mut self, block: Block) {
        self.m.switch(block);
        self.m.seal(block);
    }

    /// Lanes without a row may hold anything, also the bounds of a counter that ends never.
    fn guard_of_counters(&mut self, count: Part) {
        if self.plan.kinds.contains(&words::Kind::Count) {
            let left = self.m.minus(count, self.lane);
            let left = self.m.splat(left);
            let mut guard = Parts::new();
            for part in 0..self.parts(Scalar::U32) {
                let numbers = self.m.numbers_from((part * self.m.width()) as u32);
                guard.push(self.m.compare(Compare::Lt, Scalar::I32, numbers, left));
            }
            self.guard = Some(guard);
        }
    }

    /// Emits an operation that is needed, if it is not emitted where it is first used.
    pub(super) fn step(&mut self, id: ValueId) {
        let typed = self.body.ops[id];
        match typed.op {
            Op::Loop(it) => self.walk(it),
            _ if self.plan.grains.of(id) != Grain::Bytes => {
                if let Some(parts) = self.operation(typed.scalar, typed.op) {
                    self.values[id.index()] = Some(parts);
                }
            }
            _ if self.waits(id) => {}
            op => self.bytes[id.index()] = Some(self.byte_operation(typed.scalar, op)),
        }
    }

    /// An operation that is no leaf.
    fn operation(&mut self, scalar: Scalar, op: Op) -> Option<Parts> {
        Some(match op {
            Op::Unary(op, a) => {
                let a = self.value(a);
                self.unary(op, scalar, a)
            }
            Op::Binary(op, a, b) => self.binary(op, scalar, a, b),
            Op::Compare(op, a, b) => {
                let scalar = self.scalar(a);
                let (a, b) = (self.value(a), self.value(b));
                self.compare(op, scalar, &a, &b)
            }
            Op::Select(condition, a, b) => {
                let (condition, a, b) = (self.value(condition), self.value(a), self.value(b));
                self.select(scalar, &condition, &a, &b)
            }
            Op::Convert(a) => {
                let from = self.scalar(a);
                let a = self.value(a);
                self.convert(from, scalar, a)
            }
            Op::Draw { site, lane, entity, turn } => {
                let (entity, turn) = (self.value(entity), self.value(turn));
                self.draw(scalar, (site, lane), &entity, &turn)
            }
            Op::Read { column, when, at: At::Row(row) } => {
                let row = self.value(row);
                self.far(scalar, column, when, &row)
            }
            _ => return None,
        })
    }

    /// A value's parts, here.
    pub(super) fn value(&mut self, id: ValueId) -> Parts {
        if let Some(offsets) = &self.parked[id.index()] {
            let offsets = offsets.clone();
            return self.unpark(self.body.ops[id].scalar, &offsets);
        }
        if let Some(parts) = &self.values[id.index()] {
            return parts.clone();
        }
        if self.plan.grains.of(id) == Grain::Bytes {
            let parts = self.spread(id);
            self.values[id.index()] = Some(parts.clone());
            return parts;
        }
        let typed = self.body.ops[id];
        match self.leaf(typed.scalar, typed.op) {
            Some(leaf) => {
                if leaf.keep {
                    self.values[id.index()] = Some(leaf.parts.clone());
                }
                leaf.parts
            }
            None => self.wrong(typed.scalar, "an operation is used before it is there"),
        }
    }

    /// Notes a fault, and goes on with anything.
    pub(super) fn wrong(&mut self, scalar: Scalar, what: &'static str) -> Parts {
        self.malformed = Some(what);
        self.zero(scalar)
    }

    /// A value's type.
    pub(super) fn scalar(&self, id: ValueId) -> Scalar {
        self.body.ops[id].scalar
    }

    /// How many vectors a value of this type has.
    pub(super) fn parts(&self, scalar: Scalar) -> usize {
        let width = self.m.width();
        if scalar == Scalar::F64 { self.lanes * 2 / width } else { self.lanes / width }
    }

    /// Bytes of a vector.
    pub(super) fn bytes(&self) -> u32 {
        self.m.width() as u32 * 4
    }

    /// A word.
    pub(super) fn word(&mut self, place: usize) -> Part {
        if let Some(part) = self.known[place] {
            return part;
        }
        let at = Address::at(self.m.words(), place as i32 * 8);
        self.m.load_number(8, at)
    }
}
