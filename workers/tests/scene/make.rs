//! Bodies in the making.

use diptych_protocol::body::{At, Binary, Body, Carried, Compare, Loop, Op, Over, Store, Update};
use diptych_protocol::id::{ColumnId, Id, IndexId, LoopId, ValueId};
use diptych_protocol::program::{Span, When};
use diptych_protocol::types::{Scalar, Value};

use super::{COLUMNS, INDEX, REACH};

/// A body in the making.
pub struct Make {
    pub body: Body,
    /// Where own positions are read.
    pub when: When,
    /// What finds others within reach.
    pub finder: IndexId,
}

impl Make {
    pub fn f32(&mut self, x: f32) -> ValueId {
        self.body.push(Scalar::F32, Op::Const(Value::F32(x)))
    }

    pub fn u32(&mut self, x: u32) -> ValueId {
        self.body.push(Scalar::U32, Op::Const(Value::U32(x)))
    }

    pub fn two(&mut self, op: Binary, a: ValueId, b: ValueId) -> ValueId {
        self.body.push(self.body.ops[a].scalar, Op::Binary(op, a, b))
    }

    pub fn compare(&mut self, op: Compare, a: ValueId, b: ValueId) -> ValueId {
        self.body.push(Scalar::Bool, Op::Compare(op, a, b))
    }

    pub fn read(&mut self, column: u32, when: When, at: At) -> ValueId {
        self.body.push(COLUMNS[column as usize].4, Op::Read { column: ColumnId(column), when, at })
    }

    pub fn result(&mut self, it: LoopId, place: u16) -> ValueId {
        let start = self.body.loops[it].carried[usize::from(place)].start;
        self.body.push(self.body.ops[start].scalar, Op::Result(it, place))
    }

    pub fn store(&mut self, column: u32, value: ValueId) {
        self.body.stores.push(Store { column: ColumnId(column), value, span: Span::default() });
    }

    pub fn draw(&mut self, site: u32) -> ValueId {
        let (entity, turn) = (self.body.push(Scalar::U32, Op::Row), self.u32(0));
        self.body.push(Scalar::F32, Op::Draw { site, lane: 0, entity, turn })
    }

    pub fn looped(
        &mut self,
        over: Over,
        mask: Option<ValueId>,
        turn: impl FnOnce(&mut Self, LoopId) -> (Option<ValueId>, Vec<(ValueId, Update)>),
    ) -> LoopId {
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
        let (active, carried) = turn(self, it);
        let end = ValueId::new(self.body.ops.len() as u32);
        let entry = &mut self.body.loops[it];
        (entry.end, entry.active) = (end, active);
        entry.carried = carried.into_iter().map(|(start, update)| Carried { start, update }).collect();
        it
    }

    /// What joins the rows of others in their order.
    pub fn joined(&mut self, it: LoopId, place: u16) -> Update {
        let (other, known) =
            (self.body.push(Scalar::U32, Op::Other(it)), self.body.push(Scalar::U32, Op::Carried(it, place)));
        let factor = self.u32(31);
        let more = self.two(Binary::Mul, known, factor);
        Update::Set(self.two(Binary::Add, more, other))
    }

    /// The loop over everything within reach: a pull, a count, the order.
    pub fn within(&mut self, position: [u32; 2]) -> LoopId {
        let from = position.map(|column| self.read(column, self.when, At::Own)).to_vec();
        let (nothing, none, one) = (self.f32(0.0), self.u32(0), self.u32(1));
        let limit = self.f32(REACH * REACH);
        self.looped(Over::Within { index: self.finder, reach: REACH, from }, None, |make, it| {
            let [dx, dy] = [0, 1].map(|axis| make.body.push(Scalar::F32, Op::Delta(it, axis)));
            let (xx, yy) = (make.two(Binary::Mul, dx, dx), make.two(Binary::Mul, dy, dy));
            let squared = make.two(Binary::Add, xx, yy);
            let near = make.compare(Compare::Le, squared, limit);
            let mass = make.read(2, When::Prev, At::Other(it));
            let pull = make.two(Binary::Mul, mass, dx);
            let order = make.joined(it, 2);
            let sums = [(nothing, Update::Add(pull, None)), (none, Update::Add(one, None)), (none, order)];
            (Some(near), sums.to_vec())
        })
    }

    pub fn nearest(&mut self, position: [u32; 2], count: usize) -> ValueId {
        let from = position.map(|column| self.read(column, self.when, At::Own)).to_vec();
        let none = self.u32(0);
        let over = Over::Nearest { index: INDEX, count: count as u16, from, among: None };
        let it = self.looped(over, None, |make, it| (None, vec![(none, make.joined(it, 0))]));
        self.result(it, 0)
    }
}
