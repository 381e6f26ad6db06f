//! Operations lane by lane, and conversions.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::arithmetic::signed;
use super::super::machine::{Machine, Part};
use super::code::Arg;
use super::level::{Codes, Level};
use super::machine::Wide;

/// The codes for `f32` and those for `f64`.
macro_rules! float {
    ($scalar:expr, $single:ident $single_512:ident, $double:ident $double_512:ident) => {
        if $scalar == Scalar::F64 { [Code::$double, Code::$double_512] } else { [Code::$single, Code::$single_512] }
    };
}

impl Wide {
    /// Two operands, the second perhaps in memory.
    pub fn two(&mut self, codes: Codes, a: Part, b: Part) -> Part {
        self.make(codes, &[Arg::V(a), Arg::V(b)], Some(2))
    }

    /// One operand, perhaps in memory.
    fn one(&mut self, codes: Codes, a: Part) -> Part {
        self.make(codes, &[Arg::V(a)], Some(1))
    }

    fn and(&mut self, a: Part, b: Part) -> Part {
        self.two_operands(Binary::And, Scalar::U32, a, b)
    }

    fn xor(&mut self, a: Part, b: Part) -> Part {
        self.two_operands(Binary::Xor, Scalar::U32, a, b)
    }

    fn not(&mut self, a: Part) -> Part {
        let ones = if self.is_mask(a) { self.all_masks(true) } else { self.all(u32::MAX) };
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
                self.two_operands(Binary::Sub, Scalar::I32, zero, a)
            }
            Unary::Abs => self.one([Code::VEX_Vpabsd_ymm_ymmm256, Code::EVEX_Vpabsd_zmm_k1z_zmmm512b32], a),
            Unary::Not => self.not(a),
            Unary::Sqrt => {
                let codes = float!(scalar,
                    VEX_Vsqrtps_ymm_ymmm256 EVEX_Vsqrtps_zmm_k1z_zmmm512b32_er,
                    VEX_Vsqrtpd_ymm_ymmm256 EVEX_Vsqrtpd_zmm_k1z_zmmm512b64_er);
                self.one(codes, a)
            }
            Unary::Floor => self.rounded(scalar, a, 1),
            Unary::Ceil => self.rounded(scalar, a, 2),
            Unary::Trunc => self.rounded(scalar, a, 3),
            _ => unreachable!("{op:?} is a call"),
        }
    }

    /// To an integer: 1 down, 2 up, 3 towards zero.
    fn rounded(&mut self, scalar: Scalar, a: Part, how: i64) -> Part {
        let codes = float!(scalar,
            VEX_Vroundps_ymm_ymmm256_imm8 EVEX_Vrndscaleps_zmm_k1z_zmmm512b32_imm8_sae,
            VEX_Vroundpd_ymm_ymmm256_imm8 EVEX_Vrndscalepd_zmm_k1z_zmmm512b64_imm8_sae);
        self.make(codes, &[Arg::V(a), Arg::Number(how)], Some(1))
    }

    pub fn two_operands(&mut self, op: Binary, scalar: Scalar, a: Part, b: Part) -> Part {
        match self.is_mask(a) {
            true => self.two_masks(op, a, b),
            false => self.two(self.code_of_two(op, scalar), a, b),
        }
    }

    /// The instruction that has two vectors for operands.
    pub fn code_of_two(&self, op: Binary, scalar: Scalar) -> Codes {
        let float = scalar.is_float();
        match op {
            Binary::Add if float => float!(scalar,
                VEX_Vaddps_ymm_ymm_ymmm256 EVEX_Vaddps_zmm_k1z_zmm_zmmm512b32_er,
                VEX_Vaddpd_ymm_ymm_ymmm256 EVEX_Vaddpd_zmm_k1z_zmm_zmmm512b64_er),
            Binary::Sub if float => float!(scalar,
                VEX_Vsubps_ymm_ymm_ymmm256 EVEX_Vsubps_zmm_k1z_zmm_zmmm512b32_er,
                VEX_Vsubpd_ymm_ymm_ymmm256 EVEX_Vsubpd_zmm_k1z_zmm_zmmm512b64_er),
            Binary::Mul if float => float!(scalar,
                VEX_Vmulps_ymm_ymm_ymmm256 EVEX_Vmulps_zmm_k1z_zmm_zmmm512b32_er,
                VEX_Vmulpd_ymm_ymm_ymmm256 EVEX_Vmulpd_zmm_k1z_zmm_zmmm512b64_er),
            Binary::Div => float!(scalar,
                VEX_Vdivps_ymm_ymm_ymmm256 EVEX_Vdivps_zmm_k1z_zmm_zmmm512b32_er,
                VEX_Vdivpd_ymm_ymm_ymmm256 EVEX_Vdivpd_zmm_k1z_zmm_zmmm512b64_er),
            Binary::Add => [Code::VEX_Vpaddd_ymm_ymm_ymmm256, Code::EVEX_Vpaddd_zmm_k1z_zmm_zmmm512b32],
            Binary::Sub => [Code::VEX_Vpsubd_ymm_ymm_ymmm256, Code::EVEX_Vpsubd_zmm_k1z_zmm_zmmm512b32],
            Binary::Mul => [Code::VEX_Vpmulld_ymm_ymm_ymmm256, Code::EVEX_Vpmulld_zmm_k1z_zmm_zmmm512b32],
            Binary::Min if signed(scalar) => {
                [Code::VEX_Vpminsd_ymm_ymm_ymmm256, Code::EVEX_Vpminsd_zmm_k1z_zmm_zmmm512b32]
            }
            Binary::Max if signed(scalar) => {
                [Code::VEX_Vpmaxsd_ymm_ymm_ymmm256, Code::EVEX_Vpmaxsd_zmm_k1z_zmm_zmmm512b32]
            }
            Binary::Min => [Code::VEX_Vpminud_ymm_ymm_ymmm256, Code::EVEX_Vpminud_zmm_k1z_zmm_zmmm512b32],
            Binary::Max => [Code::VEX_Vpmaxud_ymm_ymm_ymmm256, Code::EVEX_Vpmaxud_zmm_k1z_zmm_zmmm512b32],
            Binary::And => [Code::VEX_Vandps_ymm_ymm_ymmm256, Code::EVEX_Vpandd_zmm_k1z_zmm_zmmm512b32],
            Binary::Or => [Code::VEX_Vorps_ymm_ymm_ymmm256, Code::EVEX_Vpord_zmm_k1z_zmm_zmmm512b32],
            Binary::Xor => [Code::VEX_Vxorps_ymm_ymm_ymmm256, Code::EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32],
            _ => unreachable!("{op:?} is a call"),
        }
    }

    /// A comparison of floats by the instruction's own number for it; none of those used here signals.
    pub fn float_mask(&mut self, scalar: Scalar, a: Part, b: Part, how: i64) -> Part {
        let [code, code_512] = float!(scalar,
            VEX_Vcmpps_ymm_ymm_ymmm256_imm8 EVEX_Vcmpps_kr_k1_zmm_zmmm512b32_imm8_sae,
            VEX_Vcmppd_ymm_ymm_ymmm256_imm8 EVEX_Vcmppd_kr_k1_zmm_zmmm512b64_imm8_sae);
        let args = [Arg::V(a), Arg::V(b), Arg::Number(how)];
        match self.text.level.masks() {
            true => self.make_mask(code_512, &args, Some(2)),
            false => self.make([code; 2], &args, Some(2)),
        }
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
        if self.is_mask(a) {
            return self.compared_masks(op, self.width(), a, b);
        }
        if self.text.level.masks() {
            let code = match scalar {
                Scalar::U32 => Code::EVEX_Vpcmpud_kr_k1_zmm_zmmm512b32_imm8,
                _ => Code::EVEX_Vpcmpd_kr_k1_zmm_zmmm512b32_imm8,
            };
            return self.make_mask(code, &[Arg::V(a), Arg::V(b), Arg::Number(number_of(op))], Some(2));
        }
        let (a, b) = match op {
            Compare::Eq | Compare::Ne => (a, b),
            _ if scalar == Scalar::U32 => {
                let low = self.all(1 << 31);
                (self.xor(a, low), self.xor(b, low))
            }
            _ => (a, b),
        };
        let (equal, above) = ([Code::VEX_Vpcmpeqd_ymm_ymm_ymmm256; 2], [Code::VEX_Vpcmpgtd_ymm_ymm_ymmm256; 2]);
        let (codes, a, b, flipped) = match op {
            Compare::Eq => (equal, a, b, false),
            Compare::Ne => (equal, a, b, true),
            Compare::Gt => (above, a, b, false),
            Compare::Le => (above, a, b, true),
            Compare::Lt => (above, b, a, false),
            Compare::Ge => (above, b, a, true),
        };
        let mask = self.two(codes, a, b);
        if flipped { self.not(mask) } else { mask }
    }

    /// See [`Machine::select`].
    pub fn selected(&mut self, scalar: Scalar, mask: Part, a: Part, b: Part) -> Part {
        if self.is_mask(a) {
            return self.selected_masks(mask, a, b);
        }
        let [code, code_512] = float!(scalar,
            VEX_Vblendvps_ymm_ymm_ymmm256_ymm EVEX_Vblendmps_zmm_k1z_zmm_zmmm512b32,
            VEX_Vblendvpd_ymm_ymm_ymmm256_ymm EVEX_Vblendmpd_zmm_k1z_zmm_zmmm512b64);
        let (code, last) = match self.text.level.masks() {
            true => (code_512, Arg::Where(mask)),
            false => (code, Arg::V(mask)),
        };
        self.make([code; 2], &[Arg::V(b), Arg::V(a), last], Some(2))
    }

    /// One mask of two of 64 bits.
    pub fn one_mask(&mut self, low: Part, high: Part) -> Part {
        if self.text.level.masks() {
            return self.make_mask(Code::VEX_Kunpckbw_kr_kr_kr, &[Arg::K(high), Arg::K(low)], None);
        }
        // Even 32-bit lanes of both, half by half, then the halves in order.
        let args = [Arg::V(low), Arg::V(high), Arg::Number(0x88)];
        let even = self.make([Code::VEX_Vshufps_ymm_ymm_ymmm256_imm8; 2], &args, Some(2));
        self.make([Code::VEX_Vpermq_ymm_ymmm256_imm8; 2], &[Arg::V(even), Arg::Number(0xd8)], Some(1))
    }

    /// Two masks of 64 bits: for what is masked alone, which sees no bits past the lanes.
    pub fn wide_masks(&mut self, mask: Part) -> [Part; 2] {
        if self.text.level.masks() {
            return [mask, self.shifted_mask(mask, 8)];
        }
        self.halves(mask).map(|half| self.make([Code::VEX_Vpmovsxdq_ymm_xmmm128; 2], &[Arg::H(half)], Some(1)))
    }

    /// The low and the high half, each as a low one.
    pub fn halves(&mut self, a: Part) -> [Part; 2] {
        let codes = [Code::VEX_Vextracti128_xmmm128_ymm_imm8, Code::EVEX_Vextracti64x4_ymmm256_k1z_zmm_imm8];
        [a, self.make_as(Arg::H, codes, &[Arg::V(a), Arg::Number(1)], None)]
    }

    /// Two low halves as one vector.
    pub fn whole(&mut self, low: Part, high: Part) -> Part {
        let codes = [Code::VEX_Vinserti128_ymm_ymm_xmmm128_imm8, Code::EVEX_Vinserti64x4_zmm_k1z_zmm_ymmm256_imm8];
        self.make(codes, &[Arg::V(low), Arg::H(high), Arg::Number(1)], Some(2))
    }

    /// All stretches of 128 bits, each as the low one.
    pub fn pieces(&mut self, a: Part) -> Vec<Part> {
        let codes = [Code::VEX_Vextracti128_xmmm128_ymm_imm8, Code::EVEX_Vextracti32x4_xmmm128_k1z_zmm_imm8];
        let pieces = 1..self.text.level.bytes() / 16;
        let piece = |piece| self.make_as(Arg::X, codes, &[Arg::V(a), Arg::Number(piece as i64)], None);
        [a].into_iter().chain(pieces.map(piece).collect::<Vec<_>>()).collect()
    }

    /// The other way.
    pub fn joined(&mut self, pieces: &[Part]) -> Part {
        let codes = [Code::VEX_Vinserti128_ymm_ymm_xmmm128_imm8, Code::EVEX_Vinserti32x4_zmm_k1z_zmm_xmmm128_imm8];
        let mut all = pieces[0];
        for (place, piece) in pieces.iter().enumerate().skip(1) {
            all = self.make(codes, &[Arg::V(all), Arg::X(*piece), Arg::Number(place as i64)], Some(2));
        }
        all
    }

    pub fn floats_of(&mut self, unsigned: bool, a: Part) -> Part {
        let convert = [Code::VEX_Vcvtdq2ps_ymm_ymmm256, Code::EVEX_Vcvtdq2ps_zmm_k1z_zmmm512b32_er];
        if !unsigned {
            return self.one(convert, a);
        }
        if self.text.level == Level::Avx512 {
            return self.one([Code::EVEX_Vcvtudq2ps_zmm_k1z_zmmm512b32_er; 2], a);
        }
        // Both halves are exact, and so is the product: only the sum rounds.
        let low = self.all(0xffff);
        let low = self.and(a, low);
        let high = self.right(a, 16, false);
        let (low, high) = (self.one(convert, low), self.one(convert, high));
        let scale = self.all(65536f32.to_bits());
        let high = self.two_operands(Binary::Mul, Scalar::F32, high, scale);
        self.two_operands(Binary::Add, Scalar::F32, high, low)
    }

    pub fn doubles_of(&mut self, unsigned: bool, a: Part) -> [Part; 2] {
        let convert = [Code::VEX_Vcvtdq2pd_ymm_xmmm128, Code::EVEX_Vcvtdq2pd_zmm_k1z_ymmm256b32_er];
        if unsigned && self.text.level == Level::Avx512 {
            let convert = [Code::EVEX_Vcvtudq2pd_zmm_k1z_ymmm256b32_er; 2];
            return self.halves(a).map(|half| self.make(convert, &[Arg::H(half)], Some(1)));
        }
        let a = if unsigned {
            let low = self.all(1 << 31);
            self.xor(a, low)
        } else {
            a
        };
        self.halves(a).map(|half| {
            let double = self.make(convert, &[Arg::H(half)], Some(1));
            if !unsigned {
                return double;
            }
            let back = self.all_wide(2_147_483_648f64.to_bits());
            self.two_operands(Binary::Add, Scalar::F64, double, back)
        })
    }

    pub fn integers_of_floats(&mut self, unsigned: bool, a: Part) -> Part {
        let convert = [Code::VEX_Vcvttps2dq_ymm_ymmm256, Code::EVEX_Vcvttps2dq_zmm_k1z_zmmm512b32_sae];
        let edge = self.all(2_147_483_648f32.to_bits());
        if !unsigned {
            // What does not fit becomes the smallest integer: right below, to be flipped above, to be cleared for NaN.
            let whole = self.one(convert, a);
            let above = self.compared(Compare::Ge, Scalar::F32, a, edge);
            let whole = match self.text.level.masks() {
                true => {
                    let ones = self.all(u32::MAX);
                    self.merged(Binary::Xor, Scalar::U32, above, whole, ones)
                }
                false => self.xor(whole, above),
            };
            let is = self.float_mask(Scalar::F32, a, a, 7);
            return self.only_where(Scalar::I32, is, whole);
        }
        // Of a NaN and zero the second is taken.
        let zero = self.all(0);
        let a = self.two([Code::VEX_Vmaxps_ymm_ymm_ymmm256, Code::EVEX_Vmaxps_zmm_k1z_zmm_zmmm512b32_sae], a, zero);
        if self.text.level == Level::Avx512 {
            // What is too large becomes the largest.
            return self.one([Code::EVEX_Vcvttps2udq_zmm_k1z_zmmm512b32_sae; 2], a);
        }
        let high = self.compared(Compare::Ge, Scalar::F32, a, edge);
        let off = self.and(high, edge);
        let rest = self.two_operands(Binary::Sub, Scalar::F32, a, off);
        let whole = self.one(convert, rest);
        let low = self.all(1 << 31);
        let back = self.and(high, low);
        let whole = self.xor(whole, back);
        let end = self.all(4_294_967_296f32.to_bits());
        let above = self.compared(Compare::Ge, Scalar::F32, a, end);
        self.two_operands(Binary::Or, Scalar::U32, whole, above)
    }

    /// To the low half of a vector.
    pub fn integers_of_doubles(&mut self, unsigned: bool, a: Part) -> Part {
        let is = self.float_mask(Scalar::F64, a, a, 7);
        let a = self.only_where(Scalar::F64, is, a);
        let (least, most) = if unsigned { (0.0, 4_294_967_295.0) } else { (-2_147_483_648.0, 2_147_483_647.0) };
        let (least, most) = (self.all_wide(f64::to_bits(least)), self.all_wide(f64::to_bits(most)));
        let a = self.two([Code::VEX_Vmaxpd_ymm_ymm_ymmm256, Code::EVEX_Vmaxpd_zmm_k1z_zmm_zmmm512b64_sae], a, least);
        let mut a = self.two([Code::VEX_Vminpd_ymm_ymm_ymmm256, Code::EVEX_Vminpd_zmm_k1z_zmm_zmmm512b64_sae], a, most);
        if unsigned && self.text.level == Level::Avx512 {
            let codes = [Code::EVEX_Vcvttpd2udq_ymm_k1z_zmmm512b64_sae; 2];
            return self.make_as(Arg::H, codes, &[Arg::V(a)], Some(1));
        }
        if unsigned {
            a = self.rounded(Scalar::F64, a, 3);
            let half = self.all_wide(2_147_483_648f64.to_bits());
            a = self.two_operands(Binary::Sub, Scalar::F64, a, half);
        }
        let codes = [Code::VEX_Vcvttpd2dq_xmm_ymmm256, Code::EVEX_Vcvttpd2dq_ymm_k1z_zmmm512b64_sae];
        let whole = self.make_as(Arg::H, codes, &[Arg::V(a)], Some(1));
        if !unsigned {
            return whole;
        }
        let low = self.all(1 << 31);
        self.xor(whole, low)
    }
}

/// What an instruction of AVX-512 calls a comparison of integers.
pub(super) fn number_of(op: Compare) -> i64 {
    match op {
        Compare::Eq => 0,
        Compare::Lt => 1,
        Compare::Le => 2,
        Compare::Ne => 4,
        Compare::Ge => 5,
        Compare::Gt => 6,
    }
}
