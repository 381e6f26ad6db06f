//! Random bodies: every operation, every type, every kind of loop, loops in loops.

use diptych_protocol::body::{Ask, At, Binary, Body, Carried, Compare, Loop, Op, Over, Store, Unary, Update};
use diptych_protocol::id::{ColumnId, DataId, GroupId, Id, IndexId, InverseId, LoopId, ReducedId, SignalId, ValueId};
use diptych_protocol::program::{
    Column, Data, Group, Index, IndexKind, Inverse, Origin, Outputs, PROGRAM_VERSION, Program, Reduce, Reduction,
    Schedule, Signal, Span, When,
};
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Type, Value};
use diptych_protocol::verify::{Violation, verify};

use super::numbers::{Numbers, SCALARS};

/// The side of the torus.
pub const SIDE: f32 = 8.0;
const COLUMNS_A_GROUP: u32 = 4 + SCALARS.len() as u32;

/// Two groups: each has two positions of `f32`, two of `f64` and a column of each type; an index over either position,
/// an inverse; signals and files' columns of each type.
pub fn program(torus: bool) -> Program {
    let mut columns = Table::default();
    for group in [GroupId(0), GroupId(1)] {
        let scalars = [Scalar::F32, Scalar::F32, Scalar::F64, Scalar::F64].into_iter().chain(SCALARS);
        for scalar in scalars {
            let component_type = Type::scalar(scalar);
            let component = String::new();
            columns.push(Column {
                group,
                component,
                component_type,
                lane: 0,
                scalar,
                owner: None,
                edited: false,
                matched: None,
                draft: false,
                mark: false,
            });
        }
    }
    let span = Span::default();
    let group = |positions: [u32; 2]| Group {
        name: String::new(),
        rows: 1000,
        origin: Origin::Blueprint(diptych_protocol::id::BodyId(0)),
        position: positions.map(ColumnId).to_vec(),
        order: None,
        raster: None,
        living: None,
        span,
    };
    let index = |group: u32, first: u32| Index {
        name: String::new(),
        group: GroupId(group),
        positions: vec![ColumnId(group * COLUMNS_A_GROUP + first), ColumnId(group * COLUMNS_A_GROUP + first + 1)],
        when: When::Prev,
        kind: IndexKind::Tree { bucket_rows: 64, summary: None },
        buckets: None,
        span,
    };
    let signal = |scalar: &Scalar| Signal { name: String::new(), ty: Type::scalar(*scalar), named: false, span };
    let edge = if torus { Edge::Torus } else { Edge::Open };
    Program {
        version: PROGRAM_VERSION,
        scenario: "conformance".into(),
        seed: 1,
        frames: 10,
        dt: 0.1,
        cycle: 0,
        nan: diptych_protocol::nan::NanPolicy::default(),
        space: Space { edge, dimensions: 2, lo: [0.0; 3], hi: [SIDE, SIDE, 0.0] },
        params: Vec::new(),
        enums: Table::default(),
        data: SCALARS.iter().map(|&scalar| Data { name: String::new(), scalar, rows: 1000, content: 0 }).collect(),
        groups: [group([0, 1]), group([COLUMNS_A_GROUP + 2, COLUMNS_A_GROUP + 3])].into_iter().collect(),
        columns,
        indexes: [index(0, 0), index(1, 2)].into_iter().collect(),
        edits: Table::default(),
        inverses: [Inverse {
            name: String::new(),
            group: GroupId(1),
            column: ColumnId(2 * COLUMNS_A_GROUP - 2),
            lives: None,
            when: When::Prev,
            to: GroupId(0),
            span,
        }]
        .into_iter()
        .collect(),
        matchings: Table::default(),
        systems: Table::default(),
        bodies: Table::default(),
        reductions: [Reduction {
            group: GroupId(0),
            body: diptych_protocol::id::BodyId(0),
            filtered: false,
            how: Reduce::Count,
            span,
        }]
        .into_iter()
        .collect(),
        signals: SCALARS.iter().map(signal).collect(),
        outputs: Outputs::default(),
        steps: Table::default(),
        schedule: Schedule::default(),
        fields: Vec::new(),
        sources: Table::default(),
    }
}

/// The column of a type in the first group.
pub fn column_of(scalar: Scalar) -> u32 {
    4 + SCALARS.iter().position(|of| *of == scalar).unwrap() as u32
}

/// What the verifier says against the body itself.
pub fn complaints(program: &Program, body: &Body) -> Vec<Violation> {
    let mut program = program.clone();
    program.bodies.push(body.clone());
    let all = verify(&program).err().unwrap_or_default();
    assert!(!all.iter().any(|violation| matches!(violation, Violation::Id { .. })), "{all:?}");
    // A body that nobody runs may read and ask for what it likes.
    let about = |v: &Violation| match v {
        Violation::Op(_, _, what) => !what.contains("not declared"),
        Violation::Loop(..) => true,
        Violation::Body(_, what) => !what.contains("no edit takes"),
        _ => false,
    };
    all.into_iter().filter(about).collect()
}

/// A random body of about so many operations.
pub fn body(numbers: &mut Numbers, size: usize) -> Body {
    let mut maker = Maker { numbers, body: Body::default(), open: Vec::new(), seen: Vec::new(), deep: 0, asks: 0 };
    maker.stretch(size);
    let outs = 1 + maker.numbers.below(5);
    for place in 0..outs {
        let scalar = maker.numbers.of(&SCALARS);
        let last = maker.body.ops.len();
        // Mostly what was computed late, which depends on much.
        let value = match maker.seen.last().copied() {
            Some(value) if place == 0 && last > 0 => value,
            _ => maker.pick(scalar),
        };
        let scalar = maker.body.ops[value].scalar;
        if maker.numbers.once_in(2) {
            let column = ColumnId(4 + SCALARS.iter().position(|known| *known == scalar).unwrap() as u32);
            maker.body.stores.push(Store { column, value, span: Span::default() });
        } else {
            maker.body.results.push(value);
        }
    }
    maker.body
}

struct Maker<'a> {
    numbers: &'a mut Numbers,
    body: Body,
    /// The loops that are open here.
    open: Vec<LoopId>,
    /// The values that are visible here.
    seen: Vec<ValueId>,
    deep: usize,
    /// What turns ask for so far.
    asks: u16,
}

impl Maker<'_> {
    fn push(&mut self, scalar: Scalar, op: Op) -> ValueId {
        let value = self.body.push(scalar, op);
        self.seen.push(value);
        value
    }

    fn constant(&mut self, value: Value) -> ValueId {
        self.push(value.scalar(), Op::Const(value))
    }

    /// A value of a type: one that is there, if there is one, and a later one rather than an early one.
    fn pick(&mut self, scalar: Scalar) -> ValueId {
        let fit: Vec<ValueId> =
            self.seen.iter().copied().filter(|value| self.body.ops[*value].scalar == scalar).collect();
        if fit.is_empty() || self.numbers.once_in(12) {
            return self.leaf(scalar);
        }
        let late = fit.len().min(4);
        if self.numbers.once_in(2) { fit[fit.len() - 1 - self.numbers.below(late)] } else { self.numbers.of(&fit) }
    }

    fn leaf(&mut self, scalar: Scalar) -> ValueId {
        let place = SCALARS.iter().position(|known| *known == scalar).unwrap() as u32;
        let when = self.numbers.of(&[When::Prev, When::Fresh]);
        if let Some(it) = self.open.last().copied().filter(|_| !self.numbers.once_in(3)) {
            let it = if self.numbers.once_in(4) { self.open[0] } else { it };
            match (self.group(it), scalar) {
                (_, Scalar::F32) if self.body.loops[it].over.index() == Some(IndexId(0)) => {
                    let axis = self.numbers.below(2) as u8;
                    return self.push(scalar, Op::Delta(it, axis));
                }
                (_, Scalar::F64) if self.body.loops[it].over.index() == Some(IndexId(1)) => {
                    let axis = self.numbers.below(2) as u8;
                    return self.push(scalar, Op::Delta(it, axis));
                }
                (Some(_), Scalar::U32) | (None, Scalar::I32) if self.numbers.once_in(2) => {
                    return self.push(scalar, Op::Other(it));
                }
                (Some(group), _) => {
                    let column = ColumnId(group.0 * COLUMNS_A_GROUP + 4 + place);
                    return self.push(scalar, Op::Read { column, when, at: At::Other(it) });
                }
                _ => {}
            }
        }
        let op = match (self.numbers.below(8), scalar) {
            (0, _) => Op::Signal(SignalId(place)),
            (1, _) => Op::Data(DataId(place)),
            (2, Scalar::U32) => Op::Row,
            (3, Scalar::U32) => Op::Frame,
            (2, Scalar::F64) => Op::Time,
            (3, Scalar::F64) => Op::Reduced(ReducedId(0)),
            (2..6, _) => {
                let at = if self.numbers.once_in(3) { At::Shift([1, -2, 0]) } else { At::Own };
                Op::Read { column: ColumnId(4 + place), when, at }
            }
            _ => Op::Const(self.numbers.value(scalar)),
        };
        self.push(scalar, op)
    }

    fn group(&self, it: LoopId) -> Option<GroupId> {
        match self.body.loops[it].over {
            Over::Within { index, .. } | Over::Nearest { index, .. } | Over::Far { index, .. } => {
                Some(GroupId(index.0))
            }
            Over::Group(group) => Some(group),
            Over::Inverse(_) => Some(GroupId(1)),
            Over::Count { .. } => None,
            // Not made here: over rows as `Over::Group` and `Over::Inverse` are.
            Over::Members(_) | Over::Holder(_) => None,
        }
    }

    fn stretch(&mut self, size: usize) {
        for _ in 0..size {
            if self.deep < 3 && self.numbers.once_in(if self.deep == 0 { 6 } else { 10 }) {
                self.walk();
            } else {
                self.operation();
            }
        }
    }

    fn operation(&mut self) {
        use Binary::*;
        use Unary::*;
        const UNARY: [Unary; 22] = [
            Neg, Abs, Not, Sqrt, Cbrt, Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Exp, Ln, Log2, Log10, Floor,
            Ceil, Round, Trunc,
        ];
        const BINARY: [Binary; 14] = [Add, Sub, Mul, Div, Rem, Min, Max, Pow, Atan2, And, Or, Xor, Shl, Shr];
        const COMPARE: [Compare; 6] = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];
        let scalar = if self.numbers.once_in(3) { Scalar::F32 } else { self.numbers.of(&SCALARS) };
        match self.numbers.below(12) {
            0..3 => {
                let all: Vec<Unary> = UNARY.into_iter().filter(|op| op.accepts(scalar)).collect();
                let (op, a) = (self.numbers.of(&all), self.pick(scalar));
                self.push(scalar, Op::Unary(op, a));
            }
            3..6 => {
                let all: Vec<Binary> = BINARY.into_iter().filter(|op| op.accepts(scalar)).collect();
                let op = self.numbers.of(&all);
                let (a, b) = (self.pick(scalar), self.pick(scalar));
                self.push(scalar, Op::Binary(op, a, b));
            }
            6 => {
                let all: Vec<Compare> = COMPARE.into_iter().filter(|op| op.accepts(scalar)).collect();
                let op = self.numbers.of(&all);
                let (a, b) = (self.pick(scalar), self.pick(scalar));
                self.push(Scalar::Bool, Op::Compare(op, a, b));
            }
            7 => {
                let (condition, a, b) = (self.pick(Scalar::Bool), self.pick(scalar), self.pick(scalar));
                self.push(scalar, Op::Select(condition, a, b));
            }
            8 => {
                let from = self.numbers.of(&SCALARS);
                let a = self.pick(from);
                self.push(scalar, Op::Convert(a));
            }
            9 => {
                let row = self.pick(Scalar::U32);
                let place = SCALARS.iter().position(|known| *known == scalar).unwrap() as u32;
                let column = ColumnId(4 + place + COLUMNS_A_GROUP * self.numbers.below(2) as u32);
                self.push(scalar, Op::Read { column, when: When::Prev, at: At::Row(row) });
            }
            10 => {
                let scalar = self.numbers.of(&[Scalar::F32, Scalar::F64]);
                let (entity, turn) = (self.pick(Scalar::U32), self.pick(Scalar::U32));
                let (site, lane) = (self.numbers.bits() as u32, self.numbers.below(2) as u8);
                self.push(scalar, Op::Draw { site, lane, entity, turn });
            }
            _ => {
                self.leaf(scalar);
            }
        }
    }

    fn over(&mut self) -> Over {
        let space = self.numbers.below(2) as u32;
        let (scalar, first) = if space == 0 { (Scalar::F32, 0) } else { (Scalar::F64, 2) };
        let from = |maker: &mut Self| -> Vec<ValueId> {
            let read = |axis: u32| Op::Read { column: ColumnId(first + axis), when: When::Prev, at: At::Own };
            (0..2).map(|axis| maker.push(scalar, read(axis))).collect()
        };
        let index = IndexId(space);
        match self.numbers.below(7) {
            0..2 => {
                let from = from(self);
                Over::Within { index, reach: 1.0, from }
            }
            2 => {
                let from = from(self);
                Over::Nearest { index, count: 5, from, among: None }
            }
            3 => Over::Group(GroupId(space)),
            4 => Over::Inverse(InverseId(0)),
            _ => {
                let three = self.constant(Value::I32(3));
                let (a, b) = (self.pick(Scalar::I32), self.pick(Scalar::I32));
                let first = self.push(Scalar::I32, Op::Binary(Binary::And, a, three));
                let last = self.push(Scalar::I32, Op::Binary(Binary::And, b, three));
                let end = self.push(Scalar::I32, Op::Binary(Binary::Add, first, last));
                let first = if self.numbers.once_in(4) { self.constant(Value::I32(1)) } else { first };
                Over::Count { first, end }
            }
        }
    }

    fn walk(&mut self) {
        let mask = if self.numbers.once_in(3) { Some(self.pick(Scalar::Bool)) } else { None };
        let count = 1 + if self.numbers.once_in(5) { self.numbers.below(12) } else { self.numbers.below(4) };
        let over = self.over();
        let mut starts = Vec::new();
        for _ in 0..count {
            let scalar = if self.numbers.once_in(2) { Scalar::F32 } else { self.numbers.of(&SCALARS) };
            starts.push(match self.numbers.below(3) {
                0 if scalar != Scalar::Bool => {
                    let zero = diptych_protocol::eval::convert(Value::U8(0), scalar);
                    self.constant(zero)
                }
                _ => self.pick(scalar),
            });
        }
        let it = LoopId::new(self.body.loops.len() as u32);
        let at = self.body.push(Scalar::Bool, Op::Loop(it));
        self.body.loops.push(Loop {
            over,
            mask,
            question: None,
            at,
            end: at,
            active: None,
            carried: Vec::new(),
            asks: Vec::new(),
        });
        // Known already, so that the body's operations can ask for them.
        let unknown = |start: &ValueId| Carried { start: *start, update: Update::Set(*start) };
        self.body.loops[it].carried = starts.iter().map(unknown).collect();
        let (seen, open) = (self.seen.clone(), self.open.clone());
        self.open.push(it);
        self.deep += 1;
        for (place, start) in starts.iter().enumerate() {
            if self.numbers.once_in(2) {
                self.push(self.body.ops[*start].scalar, Op::Carried(it, place as u16));
            }
        }
        let size = 1 + self.numbers.below(9);
        self.stretch(size);
        let active = if self.numbers.once_in(3) { None } else { Some(self.pick(Scalar::Bool)) };
        let mut carried = Vec::new();
        for start in &starts {
            let scalar = self.body.ops[*start].scalar;
            let one = scalar.is_integer() && self.numbers.once_in(4);
            let value = if one {
                let one = diptych_protocol::eval::convert(Value::U8(1), scalar);
                self.constant(one)
            } else {
                self.pick(scalar)
            };
            let when = if self.numbers.once_in(3) { Some(self.pick(Scalar::Bool)) } else { None };
            let update = match self.numbers.below(4) {
                _ if scalar == Scalar::Bool => Update::Set(value),
                0 => Update::Set(value),
                1 => Update::Sub(value, when),
                _ => Update::Add(value, when),
            };
            carried.push(Carried { start: *start, update });
        }
        let mut asks = Vec::new();
        while asks.len() < 2 && self.numbers.once_in(4) {
            let when = self.pick(Scalar::Bool);
            let values = 0..self.numbers.below(4);
            let values = values.map(|_| {
                let scalar = self.numbers.of(&SCALARS);
                self.pick(scalar)
            });
            let values = values.collect();
            asks.push(Ask { number: self.asks, when, values });
            self.asks += 1;
        }
        let end = ValueId::new(self.body.ops.len() as u32);
        let walked = &mut self.body.loops[it];
        (walked.end, walked.active, walked.carried, walked.asks) = (end, active, carried, asks);
        (self.seen, self.open) = (seen, open);
        self.deep -= 1;
        for (place, start) in starts.iter().enumerate() {
            if !self.numbers.once_in(4) {
                self.push(self.body.ops[*start].scalar, Op::Result(it, place as u16));
            }
        }
    }
}
