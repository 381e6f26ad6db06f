//! Operations lane by lane.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{self, ConstantData, InstBuilder, Type};
use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::Scalar;

use super::super::arithmetic::signed;
use super::super::machine::Part;
use super::{Cranelift, mask, value};

impl Cranelift<'_> {
    /// A vector of these bytes.
    pub fn bytes(&mut self, ty: Type, bytes: Vec<u8>) -> ir::Value {
        let constant = self.b.func.dfg.constants.insert(ConstantData::from(bytes));
        self.b.ins().vconst(ty, constant)
    }

    pub fn one_operand(&mut self, op: Unary, scalar: Scalar, a: Part) -> ir::Value {
        let a = self.typed(scalar, a);
        let float = scalar.is_float();
        match op {
            Unary::Neg if float => self.b.ins().fneg(a),
            Unary::Neg => self.b.ins().ineg(a),
            Unary::Abs if float => self.b.ins().fabs(a),
            Unary::Abs => self.b.ins().iabs(a),
            Unary::Not => self.b.ins().bnot(a),
            Unary::Sqrt => self.b.ins().sqrt(a),
            Unary::Floor => self.b.ins().floor(a),
            Unary::Ceil => self.b.ins().ceil(a),
            Unary::Trunc => self.b.ins().trunc(a),
            _ => unreachable!("{op:?} is a call"),
        }
    }

    pub fn two_operands(&mut self, op: Binary, scalar: Scalar, a: Part, b: Part) -> ir::Value {
        let (a, b) = match op {
            // Bits may be of any vectors: what comes out is of the first's type.
            Binary::And | Binary::Or | Binary::Xor if scalar == Scalar::Bool => {
                let a = value(a);
                (a, self.cast(self.b.func.dfg.value_type(a), value(b)))
            }
            _ => (self.typed(scalar, a), self.typed(scalar, b)),
        };
        let float = scalar.is_float();
        match op {
            Binary::Add if float => self.b.ins().fadd(a, b),
            Binary::Sub if float => self.b.ins().fsub(a, b),
            Binary::Mul if float => self.b.ins().fmul(a, b),
            Binary::Div => self.b.ins().fdiv(a, b),
            Binary::Add => self.b.ins().iadd(a, b),
            Binary::Sub => self.b.ins().isub(a, b),
            Binary::Mul => self.b.ins().imul(a, b),
            Binary::Min if signed(scalar) => self.b.ins().smin(a, b),
            Binary::Max if signed(scalar) => self.b.ins().smax(a, b),
            Binary::Min => self.b.ins().umin(a, b),
            Binary::Max => self.b.ins().umax(a, b),
            Binary::And => self.b.ins().band(a, b),
            Binary::Or => self.b.ins().bor(a, b),
            Binary::Xor => self.b.ins().bxor(a, b),
            _ => unreachable!("{op:?} is a call"),
        }
    }

    pub fn compared(&mut self, op: Compare, scalar: Scalar, a: Part, b: Part) -> ir::Value {
        if scalar.is_float() {
            let (a, b) = (self.typed(scalar, a), self.typed(scalar, b));
            return self.b.ins().fcmp(float_condition(op), a, b);
        }
        let (a, b) = (self.cast(mask(scalar), value(a)), self.cast(mask(scalar), value(b)));
        self.b.ins().icmp(condition(op, scalar != Scalar::U32), a, b)
    }
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
