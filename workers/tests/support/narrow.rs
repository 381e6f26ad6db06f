//! Random bodies whose values mostly fit into a byte: what cells count, compare and become.

use diptych_protocol::body::{At, Binary, Body, Compare, Op, Unary};
use diptych_protocol::id::{ColumnId, Id, ValueId};
use diptych_protocol::program::When;
use diptych_protocol::types::{Scalar, Value};

use super::bodies::column_of;
use super::numbers::Numbers;

/// A random body of about so many operations.
pub fn body(numbers: &mut Numbers, size: usize) -> Body {
    let mut maker = Maker { numbers, body: Body::default() };
    for _ in 0..4 {
        maker.read();
    }
    for _ in 0..size {
        maker.one();
    }
    let last = maker.body.ops.len();
    for _ in 0..1 + maker.numbers.below(4) {
        let back = maker.numbers.below(last.min(12));
        maker.body.results.push(ValueId::new((last - 1 - back) as u32));
    }
    maker.body
}

struct Maker<'a> {
    numbers: &'a mut Numbers,
    body: Body,
}

impl Maker<'_> {
    fn push(&mut self, scalar: Scalar, op: Op) -> ValueId {
        self.body.push(scalar, op)
    }

    fn read(&mut self) -> ValueId {
        let scalar = self.numbers.of(&[Scalar::Bool, Scalar::Bool, Scalar::U8, Scalar::U8, Scalar::F32]);
        let at = if self.numbers.once_in(2) { At::Shift([1, -2, 0]) } else { At::Own };
        let column = ColumnId(column_of(scalar));
        self.push(scalar, Op::Read { column, when: When::Prev, at })
    }

    fn constant(&mut self, scalar: Scalar) -> ValueId {
        let value = Value::U32(self.numbers.below(12) as u32);
        self.push(scalar, Op::Const(diptych_protocol::eval::convert(value, scalar)))
    }

    /// An earlier value of a type, or a new one.
    fn some(&mut self, scalar: Scalar) -> ValueId {
        let known: Vec<ValueId> =
            self.body.ops.iter().filter(|(_, it)| it.scalar == scalar).map(|(id, _)| id).collect();
        match known.is_empty() || self.numbers.once_in(8) {
            true => self.constant(scalar),
            // Mostly one that was made late.
            false => known[known.len() - 1 - self.numbers.below(known.len().min(5))],
        }
    }

    fn one(&mut self) {
        use Binary::*;
        let integer = self.numbers.of(&[Scalar::U8, Scalar::U32, Scalar::I32, Scalar::U8, Scalar::I8]);
        match self.numbers.below(10) {
            0 => {
                self.read();
            }
            1 | 2 => {
                let from = self.numbers.of(&[Scalar::Bool, Scalar::Bool, Scalar::U8, Scalar::U32, Scalar::F32]);
                let a = self.some(from);
                let to = if self.numbers.once_in(4) { Scalar::Bool } else { integer };
                self.push(to, Op::Convert(a));
            }
            3 | 4 => {
                let (a, b) = (self.some(integer), self.some(integer));
                let op = self.numbers.of(&[Add, Add, Sub, Min, Max, And, Or, Xor]);
                self.push(integer, Op::Binary(op, a, b));
            }
            5 => {
                let (a, b) = (self.some(Scalar::Bool), self.some(Scalar::Bool));
                let op = self.numbers.of(&[And, Or, Xor]);
                self.push(Scalar::Bool, Op::Binary(op, a, b));
            }
            6 => {
                let a = self.some(Scalar::Bool);
                self.push(Scalar::Bool, Op::Unary(Unary::Not, a));
            }
            7 => {
                let scalar = if self.numbers.once_in(5) { Scalar::F32 } else { integer };
                let (a, b) = (self.some(scalar), self.some(scalar));
                let of = [Compare::Eq, Compare::Ne, Compare::Lt, Compare::Le, Compare::Gt, Compare::Ge];
                let op = self.numbers.of(&of);
                self.push(Scalar::Bool, Op::Compare(op, a, b));
            }
            8 => {
                let (site, lane) = (self.numbers.below(9) as u32, self.numbers.below(2) as u8);
                let entity = self.some(Scalar::U32);
                let turn = self.constant(Scalar::U32);
                let draw = self.push(Scalar::F32, Op::Draw { site, lane, entity, turn });
                // Mostly taken only where something is true.
                let (condition, other) = (self.some(Scalar::Bool), self.some(Scalar::F32));
                let less = self.push(Scalar::Bool, Op::Compare(Compare::Lt, draw, other));
                self.push(Scalar::Bool, Op::Binary(And, condition, less));
            }
            _ => {
                let scalar = self.numbers.of(&[Scalar::U8, Scalar::U32, Scalar::Bool, Scalar::F32]);
                let (condition, a, b) = (self.some(Scalar::Bool), self.some(scalar), self.some(scalar));
                self.push(scalar, Op::Select(condition, a, b));
            }
        }
    }
}
