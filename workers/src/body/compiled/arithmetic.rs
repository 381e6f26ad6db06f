//! Operations with one and two operands, and comparisons.

use diptych_protocol::body::{Binary, Compare, Op, Unary};
use diptych_protocol::id::ValueId;
use diptych_protocol::types::{Scalar, Value};

use super::calls;
use super::function::{Function, Parts};
use super::machine::Part;

impl Function<'_> {
    /// One operand.
    pub(super) fn unary(&mut self, op: Unary, scalar: Scalar, a: Parts) -> Parts {
        let vectors = match op {
            Unary::Floor | Unary::Ceil | Unary::Trunc | Unary::Round => self.m.rounds(),
            Unary::Neg | Unary::Abs | Unary::Not | Unary::Sqrt => true,
            _ => false,
        };
        if !vectors {
            let Some(address) = calls::unary(op, scalar) else { return self.wrong(scalar, "an operand's type") };
            return self.call_on(address, &[(scalar, &a)], scalar, &[]);
        }
        let parts = a.into_iter().map(|a| match op {
            Unary::Abs if !scalar.is_float() && !signed(scalar) => a,
            Unary::Round => self.round(scalar, a),
            op => self.m.unary(op, scalar, a),
        });
        let parts = parts.collect();
        self.wrap(scalar, parts)
    }

    /// Two operands.
    pub(super) fn binary(&mut self, op: Binary, scalar: Scalar, a: ValueId, b: ValueId) -> Parts {
        let left = self.value(a);
        if let (Binary::Shl | Binary::Shr, Op::Const(by)) = (op, self.body.ops[b].op) {
            return self.shift(op, scalar, left, by);
        }
        let right = self.value(b);
        self.binary_of(op, scalar, left, right)
    }

    /// Two operands, as parts.
    pub(super) fn binary_of(&mut self, op: Binary, scalar: Scalar, a: Parts, b: Parts) -> Parts {
        if let Some(address) = calls::binary(op, scalar) {
            return self.call_on(address, &[(scalar, &a), (scalar, &b)], scalar, &[]);
        }
        let pairs = a.into_iter().zip(b);
        let parts = pairs.map(|(a, b)| match op {
            Binary::Min | Binary::Max if scalar.is_float() => self.extreme(op, scalar, a, b),
            op => self.m.binary(op, scalar, a, b),
        });
        let parts = parts.collect();
        match op {
            Binary::Add | Binary::Sub | Binary::Mul => self.wrap(scalar, parts),
            _ => parts,
        }
    }

    /// The smaller or the larger float. Equal ones differ in the sign of zero at most: it is in either, or in both.
    fn extreme(&mut self, op: Binary, scalar: Scalar, a: Part, b: Part) -> Part {
        let (beyond, zeros) = match op {
            Binary::Min => (Compare::Lt, Binary::Or),
            _ => (Compare::Gt, Binary::And),
        };
        let beyond = self.m.compare(beyond, scalar, b, a);
        let zeros = self.m.binary(zeros, scalar, a, b);
        let nan = self.m.unordered(scalar, a, a);
        let other = self.m.binary(Binary::Or, Scalar::Bool, beyond, nan);
        let taken = self.m.select(scalar, other, b, a);
        let equal = self.m.compare(Compare::Eq, scalar, a, b);
        self.m.select(scalar, equal, zeros, taken)
    }

    /// To the nearest, ties away from zero: truncated, and one more where half or more was cut off, which is exact.
    fn round(&mut self, scalar: Scalar, a: Part) -> Part {
        let (half, one) = (self.real(scalar, 0.5), self.real(scalar, 1.0));
        let whole = self.m.unary(Unary::Trunc, scalar, a);
        let cut = self.m.binary(Binary::Sub, scalar, a, whole);
        let cut = self.m.unary(Unary::Abs, scalar, cut);
        let far = self.m.compare(Compare::Ge, scalar, cut, half);
        let sign = self.real(scalar, -0.0);
        let sign = self.m.binary(Binary::And, scalar, sign, a);
        let one = self.m.binary(Binary::Or, scalar, one, sign);
        let next = self.m.binary(Binary::Add, scalar, whole, one);
        self.m.select(scalar, far, next, whole)
    }

    /// A shift by a constant, which counts as unsigned.
    fn shift(&mut self, op: Binary, scalar: Scalar, a: Parts, by: Value) -> Parts {
        let width = scalar.size() as u32 * 8;
        let by = match by {
            Value::I8(x) => u32::from(x as u8),
            Value::I16(x) => u32::from(x as u16),
            Value::I32(x) => x as u32,
            Value::U8(x) => u32::from(x),
            Value::U16(x) => u32::from(x),
            Value::U32(x) => x,
            _ => return self.wrong(scalar, "a shift by no integer"),
        };
        let signed = signed(scalar);
        if by >= width && (op == Binary::Shl || !signed) {
            return self.zero(scalar);
        }
        let by = by.min(width - 1);
        let parts = a.into_iter();
        let parts =
            parts.map(|a| if op == Binary::Shl { self.m.left(a, by) } else { self.m.right(a, by, signed) }).collect();
        if op == Binary::Shl { self.wrap(scalar, parts) } else { parts }
    }

    /// Brings a narrow integer back into its range.
    pub(super) fn wrap(&mut self, scalar: Scalar, parts: Parts) -> Parts {
        let low = match scalar {
            Scalar::U8 => Some(0xff),
            Scalar::U16 => Some(0xffff),
            _ => None,
        };
        let up = match scalar {
            Scalar::I8 => 24,
            Scalar::I16 => 16,
            _ => 0,
        };
        match low {
            None if up == 0 => parts,
            None => {
                let parts = parts.into_iter();
                parts
                    .map(|part| {
                        let high = self.m.left(part, up);
                        self.m.right(high, up, true)
                    })
                    .collect()
            }
            Some(low) => {
                let low = self.m.all(low);
                parts.into_iter().map(|part| self.m.binary(Binary::And, scalar, part, low)).collect()
            }
        }
    }

    /// A comparison: a mask.
    pub(super) fn compare(&mut self, op: Compare, scalar: Scalar, a: &[Part], b: &[Part]) -> Parts {
        let masks: Parts = a.iter().zip(b).map(|(a, b)| self.m.compare(op, scalar, *a, *b)).collect();
        if scalar != Scalar::F64 {
            return masks;
        }
        masks.chunks_exact(2).map(|pair| self.m.narrow(pair[0], pair[1])).collect()
    }

    /// Calls a function from memory to memory.
    pub(super) fn call_on(
        &mut self,
        address: usize,
        operands: &[(Scalar, &Parts)],
        result: Scalar,
        more: &[Part],
    ) -> Parts {
        let len = self.plan.lanes as u32 * 8;
        let room = match self.call_room {
            Some(room) => room,
            None => {
                let room = [self.m.room(len), self.m.room(len), self.m.room(len)];
                *self.call_room.insert(room)
            }
        };
        let mut arguments = Vec::new();
        for ((_, parts), room) in operands.iter().zip(room) {
            for (place, part) in parts.iter().enumerate() {
                self.m.keep(*part, room + place as u32 * self.bytes());
            }
            arguments.push(self.m.frame(room));
        }
        arguments.push(self.m.frame(room[2]));
        arguments.push(self.m.number(self.lanes as i64));
        arguments.extend(more);
        self.m.call(address, &arguments);
        let offsets: Vec<u32> = (0..self.parts(result) as u32).map(|place| room[2] + place * self.bytes()).collect();
        self.unpark(result, &offsets)
    }

    /// A number in all lanes.
    pub(super) fn splat(&mut self, number: Part) -> Parts {
        let part = self.m.splat(number);
        vec![part; self.parts(Scalar::U32)]
    }

    /// Two operands, vector by vector.
    pub(super) fn pairs(&mut self, op: Binary, scalar: Scalar, a: &[Part], b: &[Part]) -> Parts {
        a.iter().zip(b).map(|(a, b)| self.m.binary(op, scalar, *a, *b)).collect()
    }
}

/// Whether lanes of this type count as signed.
pub(super) fn signed(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::I8 | Scalar::I16 | Scalar::I32)
}
