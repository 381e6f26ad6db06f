//! Masks: where they are vectors, by the bits of those; else in registers of their own, a bit a lane.

use diptych_protocol::body::{Binary, Compare};
use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::machine::{Machine, Part};
use super::code::{Arg, Class, Inst, Role};
use super::level::Codes;
use super::machine::Wide;

impl Wide {
    /// Whether a part is a mask that has a register of its own.
    pub fn is_mask(&self, part: Part) -> bool {
        self.text.class(part) == Class::Mask
    }

    /// Makes a mask.
    pub fn make_mask(&mut self, code: Code, args: &[Arg], memory: Option<usize>) -> Part {
        let to = self.text.part(Class::Mask);
        self.push([code; 2], Role::Makes, &[&[Arg::K(to)], args].concat(), memory);
        to
    }

    /// A mask of so many lanes, the same in all.
    pub fn mask_everywhere(&mut self, lanes: usize, is: bool) -> Part {
        self.mask_constant(if is { u64::MAX >> (64 - lanes) } else { 0 })
    }

    /// A mask of these bits.
    pub fn mask_constant(&mut self, bits: u64) -> Part {
        let mut bytes = vec![0; self.text.level.bytes()];
        bytes[..8].copy_from_slice(&bits.to_le_bytes());
        self.constant(Class::Mask, bytes)
    }

    /// `And`, `Or` and `Xor` of masks.
    pub fn two_masks(&mut self, op: Binary, a: Part, b: Part) -> Part {
        let code = match op {
            Binary::And => Code::VEX_Kandq_kr_kr_kr,
            Binary::Or => Code::VEX_Korq_kr_kr_kr,
            _ => Code::VEX_Kxorq_kr_kr_kr,
        };
        self.make_mask(code, &[Arg::K(a), Arg::K(b)], None)
    }

    /// Where masks of so many lanes are equal, or not.
    pub fn compared_masks(&mut self, op: Compare, lanes: usize, a: Part, b: Part) -> Part {
        let differ = self.two_masks(Binary::Xor, a, b);
        if op == Compare::Ne {
            return differ;
        }
        let all = self.mask_everywhere(lanes, true);
        self.two_masks(Binary::Xor, differ, all)
    }

    /// The first mask where another says so, else the second.
    pub fn selected_masks(&mut self, mask: Part, a: Part, b: Part) -> Part {
        let yes = self.two_masks(Binary::And, mask, a);
        let no = self.make_mask(Code::VEX_Kandnq_kr_kr_kr, &[Arg::K(mask), Arg::K(b)], None);
        self.two_masks(Binary::Or, yes, no)
    }

    /// A part of a mask: so many lanes further, in bits past the lanes anything.
    pub fn shifted_mask(&mut self, mask: Part, by: usize) -> Part {
        self.make_mask(Code::VEX_Kshiftrq_kr_kr_imm8, &[Arg::K(mask), Arg::Number(by as i64)], None)
    }

    /// See [`Machine::masked`].
    pub fn only_where(&mut self, scalar: Scalar, mask: Part, a: Part) -> Part {
        if !self.text.level.masks() || self.is_mask(a) {
            return self.two_operands(Binary::And, Scalar::Bool, mask, a);
        }
        let code = match scalar {
            Scalar::F64 => Code::EVEX_Vmovupd_zmm_k1z_zmmm512,
            _ => Code::EVEX_Vmovups_zmm_k1z_zmmm512,
        };
        self.make([code; 2], &[Arg::V(a), Arg::Only(mask)], Some(1))
    }

    /// See [`Machine::merge`].
    pub fn merged(&mut self, op: Binary, scalar: Scalar, mask: Part, a: Part, b: Part) -> Part {
        self.changed(self.code_of_two(op, scalar), mask, a, b)
    }

    /// Of the first operand the lanes are changed that a mask says.
    pub fn changed(&mut self, codes: Codes, mask: Part, a: Part, b: Part) -> Part {
        let to = self.vector();
        self.text.insts.push(Inst::Move { to, from: a });
        self.push(codes, Role::Changes, &[Arg::V(to), Arg::V(to), Arg::V(b), Arg::Where(mask)], Some(2));
        to
    }

    /// See [`Machine::step`].
    pub fn stepped(&mut self, a: Part, mask: Part, op: Binary) -> Part {
        if self.text.level.masks() {
            let one = self.all(1);
            return self.merged(op, Scalar::I32, mask, a, one);
        }
        // A mask is -1.
        let op = if op == Binary::Add { Binary::Sub } else { Binary::Add };
        self.two_operands(op, Scalar::I32, a, mask)
    }

    /// Lanes of 32 bits, or bytes, that are 0 or 1, as a mask.
    pub fn mask_of_bits(&mut self, bits: Part, bytes: bool) -> Part {
        if self.text.level.masks() {
            let code = match bytes {
                true => Code::EVEX_Vptestmb_kr_k1_zmm_zmmm512,
                false => Code::EVEX_Vptestmd_kr_k1_zmm_zmmm512b32,
            };
            return self.make_mask(code, &[Arg::V(bits), Arg::V(bits)], None);
        }
        let zero = self.all(0);
        let code = if bytes { Code::VEX_Vpsubb_ymm_ymm_ymmm256 } else { Code::VEX_Vpsubd_ymm_ymm_ymmm256 };
        self.two([code; 2], zero, bits)
    }
}
