//! Operations with one and two operands, and comparisons.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{I32X4, I64};
use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature};
use diptych_protocol::body::{Binary, Compare, Op, Unary};
use diptych_protocol::id::ValueId;
use diptych_protocol::types::{Scalar, Value};

use super::calls;
use super::function::{Function, Part, Parts};
use super::words;

impl Function<'_> {
    /// One operand.
    pub(super) fn unary(&mut self, op: Unary, scalar: Scalar, a: Parts) -> Parts {
        let float = scalar.is_float();
        let vectors = match op {
            Unary::Floor | Unary::Ceil | Unary::Trunc | Unary::Round => self.rounds,
            Unary::Neg | Unary::Abs | Unary::Not | Unary::Sqrt => true,
            _ => false,
        };
        if !vectors {
            let Some(address) = calls::unary(op, scalar) else { return self.wrong(scalar, "an operand's type") };
            return self.call_on(address, &[(scalar, &a)], scalar, &[]);
        }
        let parts = a.into_iter().map(|a| match op {
            Unary::Neg if float => self.b.ins().fneg(a),
            Unary::Neg => self.b.ins().ineg(a),
            Unary::Abs if float => self.b.ins().fabs(a),
            Unary::Abs if signed(scalar) => self.b.ins().iabs(a),
            Unary::Not => self.b.ins().bnot(a),
            Unary::Sqrt => self.b.ins().sqrt(a),
            Unary::Floor => self.b.ins().floor(a),
            Unary::Ceil => self.b.ins().ceil(a),
            Unary::Trunc => self.b.ins().trunc(a),
            Unary::Round => self.round(scalar, a),
            _ => a,
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
        let (float, signed) = (scalar.is_float(), signed(scalar));
        let pairs = a.into_iter().zip(b);
        let parts = pairs.map(|(a, b)| match op {
            Binary::Add if float => self.b.ins().fadd(a, b),
            Binary::Sub if float => self.b.ins().fsub(a, b),
            Binary::Mul if float => self.b.ins().fmul(a, b),
            Binary::Div => self.b.ins().fdiv(a, b),
            Binary::Add => self.b.ins().iadd(a, b),
            Binary::Sub => self.b.ins().isub(a, b),
            Binary::Mul => self.b.ins().imul(a, b),
            Binary::Min | Binary::Max if float => self.extreme(op, a, b),
            Binary::Min if signed => self.b.ins().smin(a, b),
            Binary::Max if signed => self.b.ins().smax(a, b),
            Binary::Min => self.b.ins().umin(a, b),
            Binary::Max => self.b.ins().umax(a, b),
            Binary::And => self.b.ins().band(a, b),
            Binary::Or => self.b.ins().bor(a, b),
            _ => self.b.ins().bxor(a, b),
        });
        let parts = parts.collect();
        match op {
            Binary::Add | Binary::Sub | Binary::Mul => self.wrap(scalar, parts),
            _ => parts,
        }
    }

    /// The smaller or the larger float. Equal ones differ in the sign of zero at most: it is in either, or in both.
    fn extreme(&mut self, op: Binary, a: Part, b: Part) -> Part {
        let ty = self.b.func.dfg.value_type(a);
        let (beyond, zeros) = if op == Binary::Min {
            (self.b.ins().fcmp(FloatCC::LessThan, b, a), self.b.ins().bor(a, b))
        } else {
            (self.b.ins().fcmp(FloatCC::GreaterThan, b, a), self.b.ins().band(a, b))
        };
        let nan = self.b.ins().fcmp(FloatCC::Unordered, a, a);
        let other = self.b.ins().bor(beyond, nan);
        let other = self.cast(ty, other);
        let taken = self.b.ins().bitselect(other, b, a);
        let equal = self.b.ins().fcmp(FloatCC::Equal, a, b);
        let equal = self.cast(ty, equal);
        self.b.ins().bitselect(equal, zeros, taken)
    }

    /// To the nearest, ties away from zero: truncated, and one more where half or more was cut off, which is exact.
    fn round(&mut self, scalar: Scalar, a: Part) -> Part {
        let ty = self.b.func.dfg.value_type(a);
        let (half, one) = (self.real(scalar, 0.5), self.real(scalar, 1.0));
        let whole = self.b.ins().trunc(a);
        let cut = self.b.ins().fsub(a, whole);
        let cut = self.b.ins().fabs(cut);
        let far = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, cut, half);
        let far = self.cast(ty, far);
        let sign = self.real(scalar, -0.0);
        let sign = self.b.ins().band(sign, a);
        let one = self.b.ins().bor(one, sign);
        let next = self.b.ins().fadd(whole, one);
        self.b.ins().bitselect(far, next, whole)
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
            parts.map(|a| if op == Binary::Shl { self.left(a, by) } else { self.right(a, by, signed) }).collect();
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
                        let high = self.left(part, up);
                        self.right(high, up, true)
                    })
                    .collect()
            }
            Some(low) => {
                let low = self.all(low);
                parts.into_iter().map(|part| self.b.ins().band(part, low)).collect()
            }
        }
    }

    /// A comparison: a mask.
    pub(super) fn compare(&mut self, op: Compare, scalar: Scalar, a: &[Part], b: &[Part]) -> Parts {
        let pairs = a.iter().zip(b);
        if scalar.is_float() {
            let masks: Parts = pairs.map(|(a, b)| self.b.ins().fcmp(float_condition(op), *a, *b)).collect();
            return if scalar == Scalar::F64 { self.narrow(&masks) } else { masks };
        }
        let condition = condition(op, scalar != Scalar::U32);
        pairs.map(|(a, b)| self.b.ins().icmp(condition, *a, *b)).collect()
    }

    /// Draws.
    pub(super) fn draw(&mut self, scalar: Scalar, place: u64, entity: &Parts, turn: &Parts) -> Parts {
        let Some(address) = calls::draw(scalar) else { return self.wrong(scalar, "a draw of no float") };
        let (seed, tick) = (self.word(words::SEED), self.word(words::TICK));
        let place = self.b.ins().iconst(I64, place as i64);
        self.call_on(address, &[(Scalar::U32, entity), (Scalar::U32, turn)], scalar, &[seed, tick, place])
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
                let room = [self.room(len), self.room(len), self.room(len)];
                *self.call_room.insert(room)
            }
        };
        let mut arguments = Vec::new();
        for ((_, parts), room) in operands.iter().zip(room) {
            for (place, part) in parts.iter().enumerate() {
                self.keep(*part, room + place as u32 * 16);
            }
            arguments.push(self.b.ins().iadd_imm_s(self.frame, i64::from(room)));
        }
        arguments.push(self.b.ins().iadd_imm_s(self.frame, i64::from(room[2])));
        arguments.push(self.b.ins().iconst(I64, self.plan.lanes as i64));
        arguments.extend(more);
        let mut signature = Signature::new(self.b.func.signature.call_conv);
        signature.params.extend(arguments.iter().map(|_| AbiParam::new(I64)));
        self.call(address, signature, &arguments);
        let offsets: Vec<u32> = (0..self.parts(result) as u32).map(|place| room[2] + place * 16).collect();
        self.unpark(result, &offsets)
    }

    /// Whether two masks' lanes differ nowhere: rows that are not the same.
    pub(super) fn differs(&mut self, a: &[Part], b: &[Part]) -> Parts {
        a.iter().zip(b).map(|(a, b)| self.b.ins().icmp(IntCC::NotEqual, *a, *b)).collect()
    }

    /// A number in all lanes.
    pub(super) fn splat(&mut self, scalar: Part) -> Parts {
        let part = self.b.ins().splat(I32X4, scalar);
        vec![part; self.plan.lanes / 4]
    }
}

/// Whether lanes of this type count as signed.
pub(super) fn signed(scalar: Scalar) -> bool {
    matches!(scalar, Scalar::I8 | Scalar::I16 | Scalar::I32)
}

fn float_condition(op: Compare) -> FloatCC {
    match op {
        Compare::Eq => FloatCC::Equal,
        Compare::Ne => FloatCC::NotEqual,
        Compare::Lt => FloatCC::LessThan,
        Compare::Le => FloatCC::LessThanOrEqual,
        Compare::Gt => FloatCC::GreaterThan,
        Compare::Ge => FloatCC::GreaterThanOrEqual,
    }
}

fn condition(op: Compare, signed: bool) -> IntCC {
    match (op, signed) {
        (Compare::Eq, _) => IntCC::Equal,
        (Compare::Ne, _) => IntCC::NotEqual,
        (Compare::Lt, true) => IntCC::SignedLessThan,
        (Compare::Le, true) => IntCC::SignedLessThanOrEqual,
        (Compare::Gt, true) => IntCC::SignedGreaterThan,
        (Compare::Ge, true) => IntCC::SignedGreaterThanOrEqual,
        (Compare::Lt, false) => IntCC::UnsignedLessThan,
        (Compare::Le, false) => IntCC::UnsignedLessThanOrEqual,
        (Compare::Gt, false) => IntCC::UnsignedGreaterThan,
        (Compare::Ge, false) => IntCC::UnsignedGreaterThanOrEqual,
    }
}
