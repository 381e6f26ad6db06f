//! Operations lane by lane, and conversions.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::arithmetic::signed;
use super::super::machine::{Machine, Part};
use super::code::Arg;
use super::machine::Wide;

/// The code for `f32` and that for `f64`.
macro_rules! float {
    ($scalar:expr, $single:ident, $double:ident) => {
        if $scalar == Scalar::F64 { Code::$double } else { Code::$single }
    };
}

impl Wide {
    /// Two operands, the second perhaps in memory.
    pub fn two(&mut self, code: Code, a: Part, b: Part) -> Part {
        self.make(code, &[Arg::Y(a), Arg::Y(b)], Some(2))
    }

    fn and(&mut self, a: Part, b: Part) -> Part {
        self.two(Code::VEX_Vandps_ymm_ymm_ymmm256, a, b)
    }

    fn xor(&mut self, a: Part, b: Part) -> Part {
        self.two(Code::VEX_Vxorps_ymm_ymm_ymmm256, a, b)
    }

    fn not(&mut self, a: Part) -> Part {
        let ones = self.all(u32::MAX);
        self.xor(a, ones)
    }

    pub fn one_operand(&mut self, op: Unary, scalar: Scalar, a: Part) -> Part {
        let wide = scalar == Scalar::F64;
        match op {
            Unary::Neg if scalar.is_float() => {
                let sign = if wide { self.all_wide(1 << 63) } else { self.all(1 << 31) };
                self.xor(a, sign)
            }
            Unary::Abs if scalar.is_float() => {
                let rest = if wide { self.all_wide(u64::MAX >> 1) } else { self.all(u32::MAX >> 1) };
                self.and(a, rest)
            }
            Unary::Neg => {
                let zero = self.all(0);
                self.two(Code::VEX_Vpsubd_ymm_ymm_ymmm256, zero, a)
            }
            Unary::Abs => self.make(Code::VEX_Vpabsd_ymm_ymmm256, &[Arg::Y(a)], Some(1)),
            Unary::Not => self.not(a),
            Unary::Sqrt => {
                let code = float!(scalar, VEX_Vsqrtps_ymm_ymmm256, VEX_Vsqrtpd_ymm_ymmm256);
                self.make(code, &[Arg::Y(a)], Some(1))
            }
            Unary::Floor => self.rounded(scalar, a, 1),
            Unary::Ceil => self.rounded(scalar, a, 2),
            Unary::Trunc => self.rounded(scalar, a, 3),
            _ => unreachable!("{op:?} is a call"),
        }
    }

    /// To an integer: 1 down, 2 up, 3 towards zero.
    fn rounded(&mut self, scalar: Scalar, a: Part, how: i64) -> Part {
        let code = float!(scalar, VEX_Vroundps_ymm_ymmm256_imm8, VEX_Vroundpd_ymm_ymmm256_imm8);
        self.make(code, &[Arg::Y(a), Arg::Number(how)], Some(1))
    }

    pub fn two_operands(&mut self, op: Binary, scalar: Scalar, a: Part, b: Part) -> Part {
        let float = scalar.is_float();
        let code = match op {
            Binary::Add if float => float!(scalar, VEX_Vaddps_ymm_ymm_ymmm256, VEX_Vaddpd_ymm_ymm_ymmm256),
            Binary::Sub if float => float!(scalar, VEX_Vsubps_ymm_ymm_ymmm256, VEX_Vsubpd_ymm_ymm_ymmm256),
            Binary::Mul if float => float!(scalar, VEX_Vmulps_ymm_ymm_ymmm256, VEX_Vmulpd_ymm_ymm_ymmm256),
            Binary::Div => float!(scalar, VEX_Vdivps_ymm_ymm_ymmm256, VEX_Vdivpd_ymm_ymm_ymmm256),
            Binary::Add => Code::VEX_Vpaddd_ymm_ymm_ymmm256,
            Binary::Sub => Code::VEX_Vpsubd_ymm_ymm_ymmm256,
            Binary::Mul => Code::VEX_Vpmulld_ymm_ymm_ymmm256,
            Binary::Min if signed(scalar) => Code::VEX_Vpminsd_ymm_ymm_ymmm256,
            Binary::Max if signed(scalar) => Code::VEX_Vpmaxsd_ymm_ymm_ymmm256,
            Binary::Min => Code::VEX_Vpminud_ymm_ymm_ymmm256,
            Binary::Max => Code::VEX_Vpmaxud_ymm_ymm_ymmm256,
            Binary::And => Code::VEX_Vandps_ymm_ymm_ymmm256,
            Binary::Or => Code::VEX_Vorps_ymm_ymm_ymmm256,
            Binary::Xor => Code::VEX_Vxorps_ymm_ymm_ymmm256,
            _ => unreachable!("{op:?} is a call"),
        };
        self.two(code, a, b)
    }

    /// A comparison of floats by the instruction's own number for it; none of those used here signals.
    pub fn float_mask(&mut self, scalar: Scalar, a: Part, b: Part, how: i64) -> Part {
        let code = float!(scalar, VEX_Vcmpps_ymm_ymm_ymmm256_imm8, VEX_Vcmppd_ymm_ymm_ymmm256_imm8);
        self.make(code, &[Arg::Y(a), Arg::Y(b), Arg::Number(how)], Some(2))
    }

    pub fn compared(&mut self, op: Compare, scalar: Scalar, a: Part, b: Part) -> Part {
        if scalar.is_float() {
            let how = match op {
                Compare::Eq => 0x00,
                Compare::Ne => 0x04,
                Compare::Lt => 0x11,
                Compare::Le => 0x12,
                Compare::Gt => 0x1e,
                Compare::Ge => 0x1d,
            };
            return self.float_mask(scalar, a, b, how);
        }
        let (a, b) = match op {
            Compare::Eq | Compare::Ne => (a, b),
            _ if scalar == Scalar::U32 => {
                let low = self.all(1 << 31);
                (self.xor(a, low), self.xor(b, low))
            }
            _ => (a, b),
        };
        match op {
            Compare::Eq => self.two(Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, a, b),
            Compare::Gt => self.two(Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, a, b),
            Compare::Lt => self.two(Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, b, a),
            Compare::Ne => {
                let equal = self.two(Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256, a, b);
                self.not(equal)
            }
            Compare::Le => {
                let above = self.two(Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, a, b);
                self.not(above)
            }
            Compare::Ge => {
                let below = self.two(Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256, b, a);
                self.not(below)
            }
        }
    }

    /// The low and the high half, each as a low one.
    pub fn halves(&mut self, a: Part) -> [Part; 2] {
        let high = self.vector();
        let args = [Arg::X(high), Arg::Y(a), Arg::Number(1)];
        self.push(Code::VEX_Vextracti128_xmmm128_ymm_imm8, super::code::Role::Makes, &args, None);
        [a, high]
    }

    /// Two low halves as one vector.
    pub fn whole(&mut self, low: Part, high: Part) -> Part {
        let args = [Arg::Y(low), Arg::X(high), Arg::Number(1)];
        self.make(Code::VEX_Vinserti128_ymm_ymm_xmmm128_imm8, &args, Some(2))
    }

    pub fn floats_of(&mut self, unsigned: bool, a: Part) -> Part {
        let convert = |s: &mut Self, a| s.make(Code::VEX_Vcvtdq2ps_ymm_ymmm256, &[Arg::Y(a)], Some(1));
        if !unsigned {
            return convert(self, a);
        }
        // Both halves are exact, and so is the product: only the sum rounds.
        let low = self.all(0xffff);
        let low = self.and(a, low);
        let high = self.right(a, 16, false);
        let (low, high) = (convert(self, low), convert(self, high));
        let scale = self.all(65536f32.to_bits());
        let high = self.two_operands(Binary::Mul, Scalar::F32, high, scale);
        self.two_operands(Binary::Add, Scalar::F32, high, low)
    }

    pub fn doubles_of(&mut self, unsigned: bool, a: Part) -> [Part; 2] {
        let a = if unsigned {
            let low = self.all(1 << 31);
            self.xor(a, low)
        } else {
            a
        };
        self.halves(a).map(|half| {
            let double = self.make(Code::VEX_Vcvtdq2pd_ymm_xmmm128, &[Arg::X(half)], Some(1));
            if !unsigned {
                return double;
            }
            let back = self.all_wide(2_147_483_648f64.to_bits());
            self.two_operands(Binary::Add, Scalar::F64, double, back)
        })
    }

    pub fn integers_of_floats(&mut self, unsigned: bool, a: Part) -> Part {
        let convert = |s: &mut Self, a| s.make(Code::VEX_Vcvttps2dq_ymm_ymmm256, &[Arg::Y(a)], Some(1));
        let edge = self.all(2_147_483_648f32.to_bits());
        if !unsigned {
            // What does not fit becomes the smallest integer: right below, to be flipped above, to be cleared for NaN.
            let whole = convert(self, a);
            let above = self.compared(Compare::Ge, Scalar::F32, a, edge);
            let whole = self.xor(whole, above);
            let is = self.float_mask(Scalar::F32, a, a, 7);
            return self.and(whole, is);
        }
        // Of a NaN and zero the second is taken.
        let zero = self.all(0);
        let a = self.two(Code::VEX_Vmaxps_ymm_ymm_ymmm256, a, zero);
        let high = self.compared(Compare::Ge, Scalar::F32, a, edge);
        let off = self.and(high, edge);
        let rest = self.two_operands(Binary::Sub, Scalar::F32, a, off);
        let whole = convert(self, rest);
        let low = self.all(1 << 31);
        let back = self.and(high, low);
        let whole = self.xor(whole, back);
        let end = self.all(4_294_967_296f32.to_bits());
        let above = self.compared(Compare::Ge, Scalar::F32, a, end);
        self.two_operands(Binary::Or, Scalar::U32, whole, above)
    }

    /// Four lanes to the low four of eight.
    pub fn integers_of_doubles(&mut self, unsigned: bool, a: Part) -> Part {
        let is = self.float_mask(Scalar::F64, a, a, 7);
        let a = self.and(a, is);
        let (least, most) = if unsigned { (0.0, 4_294_967_295.0) } else { (-2_147_483_648.0, 2_147_483_647.0) };
        let (least, most) = (self.all_wide(f64::to_bits(least)), self.all_wide(f64::to_bits(most)));
        let a = self.two(Code::VEX_Vmaxpd_ymm_ymm_ymmm256, a, least);
        let mut a = self.two(Code::VEX_Vminpd_ymm_ymm_ymmm256, a, most);
        if unsigned {
            a = self.rounded(Scalar::F64, a, 3);
            let half = self.all_wide(2_147_483_648f64.to_bits());
            a = self.two_operands(Binary::Sub, Scalar::F64, a, half);
        }
        let whole = self.make_half(Code::VEX_Vcvttpd2dq_xmm_ymmm256, &[Arg::Y(a)], Some(1));
        if !unsigned {
            return whole;
        }
        let low = self.all(1 << 31);
        self.xor(whole, low)
    }
}
