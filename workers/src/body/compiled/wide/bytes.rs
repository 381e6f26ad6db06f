//! Lanes of 8 bits.

use diptych_protocol::body::{Binary, Compare};
use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::machine::{Machine, Part};
use super::code::Arg;
use super::level::Level;
use super::machine::Wide;
use super::vectors::number_of;

impl Wide {
    pub fn two_bytes(&mut self, op: Binary, a: Part, b: Part) -> Part {
        let codes = match op {
            Binary::Add => [Code::VEX_Vpaddb_ymm_ymm_ymmm256, Code::EVEX_Vpaddb_zmm_k1z_zmm_zmmm512],
            Binary::Sub => [Code::VEX_Vpsubb_ymm_ymm_ymmm256, Code::EVEX_Vpsubb_zmm_k1z_zmm_zmmm512],
            Binary::Min => [Code::VEX_Vpminub_ymm_ymm_ymmm256, Code::EVEX_Vpminub_zmm_k1z_zmm_zmmm512],
            Binary::Max => [Code::VEX_Vpmaxub_ymm_ymm_ymmm256, Code::EVEX_Vpmaxub_zmm_k1z_zmm_zmmm512],
            Binary::And | Binary::Or | Binary::Xor => return self.two_operands(op, Scalar::U8, a, b),
            _ => unreachable!("{op:?} does not go in bytes"),
        };
        self.two(codes, a, b)
    }

    /// Of unsigned bytes, or of masks.
    pub fn compared_bytes(&mut self, op: Compare, a: Part, b: Part) -> Part {
        if self.is_mask(a) {
            return self.compared_masks(op, self.text.level.bytes(), a, b);
        }
        if self.text.level.masks() {
            let args = [Arg::V(a), Arg::V(b), Arg::Number(number_of(op))];
            return self.make_mask(Code::EVEX_Vpcmpub_kr_k1_zmm_zmmm512_imm8, &args, Some(2));
        }
        // Those that are not below others are the larger of both.
        let (with, flipped) = match op {
            Compare::Eq => (b, false),
            Compare::Ne => (b, true),
            Compare::Ge => (self.two_bytes(Binary::Max, a, b), false),
            Compare::Lt => (self.two_bytes(Binary::Max, a, b), true),
            Compare::Le => (self.two_bytes(Binary::Min, a, b), false),
            Compare::Gt => (self.two_bytes(Binary::Min, a, b), true),
        };
        let equal = self.two([Code::VEX_Vpcmpeqb_ymm_ymm_ymmm256; 2], a, with);
        if !flipped {
            return equal;
        }
        let ones = self.all_bytes(0xff);
        self.two_bytes(Binary::Xor, equal, ones)
    }

    /// See [`Machine::select_bytes`].
    pub fn selected_bytes(&mut self, mask: Part, a: Part, b: Part) -> Part {
        if self.is_mask(a) {
            return self.selected_masks(mask, a, b);
        }
        let (code, last) = match self.text.level.masks() {
            true => (Code::EVEX_Vpblendmb_zmm_k1z_zmm_zmmm512, Arg::Where(mask)),
            false => (Code::VEX_Vpblendvb_ymm_ymm_ymmm256_ymm, Arg::V(mask)),
        };
        self.make([code; 2], &[Arg::V(b), Arg::V(a), last], Some(2))
    }

    /// See [`Machine::masked_bytes`].
    pub fn bytes_where(&mut self, mask: Part, a: Part) -> Part {
        if self.text.level.masks() {
            return self.make([Code::EVEX_Vmovdqu8_zmm_k1z_zmmm512; 2], &[Arg::V(a), Arg::Only(mask)], Some(1));
        }
        self.two_bytes(Binary::And, mask, a)
    }

    /// See [`Machine::step_bytes`].
    pub fn stepped_bytes(&mut self, a: Part, mask: Part) -> Part {
        if self.text.level.masks() {
            let one = self.all_bytes(1);
            return self.changed([Code::EVEX_Vpaddb_zmm_k1z_zmm_zmmm512; 2], mask, a, one);
        }
        // A mask is -1.
        self.two_bytes(Binary::Sub, a, mask)
    }

    /// Bytes as four vectors of lanes.
    pub fn words_of(&mut self, bytes: Part, mask: bool) -> [Part; 4] {
        if self.is_mask(bytes) {
            // Bits past the lanes are 0.
            return [0, 16, 32, 48].map(|by| {
                let part = if by == 0 { bytes } else { self.shifted_mask(bytes, by) };
                self.make_mask(Code::VEX_Kmovw_kr_km16, &[Arg::K(part)], None)
            });
        }
        let eights: Vec<Part> = match self.text.level {
            Level::Avx512 => self.pieces(bytes),
            Level::Avx2 => (self.halves(bytes).into_iter())
                .flat_map(|half| {
                    let args = [Arg::X(half), Arg::Number(8)];
                    [half, self.make_as(Arg::X, [Code::VEX_Vpsrldq_xmm_xmm_imm8; 2], &args, None)]
                })
                .collect(),
        };
        let codes = match mask {
            true => [Code::VEX_Vpmovsxbd_ymm_xmmm64; 2],
            false => [Code::VEX_Vpmovzxbd_ymm_xmmm64, Code::EVEX_Vpmovzxbd_zmm_k1z_xmmm128],
        };
        [0, 1, 2, 3].map(|at| self.make(codes, &[Arg::X(eights[at])], None))
    }

    /// Four vectors of lanes as bytes. What becomes of integers that do not fit nobody sees.
    pub fn bytes_of(&mut self, words: [Part; 4], mask: bool) -> Part {
        if self.is_mask(words[0]) {
            let [low, high] = [[words[0], words[1]], [words[2], words[3]]]
                .map(|[a, b]| self.make_mask(Code::VEX_Kunpckwd_kr_kr_kr, &[Arg::K(b), Arg::K(a)], None));
            return self.make_mask(Code::VEX_Kunpckdq_kr_kr_kr, &[Arg::K(high), Arg::K(low)], None);
        }
        if self.text.level == Level::Avx512 {
            let codes = [Code::EVEX_Vpmovdb_xmmm128_k1z_zmm; 2];
            let pieces = words.map(|part| self.make_as(Arg::X, codes, &[Arg::V(part)], None));
            return self.joined(&pieces);
        }
        let [low, high] = [[words[0], words[1]], [words[2], words[3]]]
            .map(|[a, b]| self.two([Code::VEX_Vpackssdw_ymm_ymm_ymmm256; 2], a, b));
        let code = if mask { Code::VEX_Vpacksswb_ymm_ymm_ymmm256 } else { Code::VEX_Vpackuswb_ymm_ymm_ymmm256 };
        let mixed = self.two([code; 2], low, high);
        // Both packed half by half: fours of the low halves, then of the high ones.
        let order = self.bytes(|byte| if byte % 4 == 0 { [0, 4, 1, 5, 2, 6, 3, 7][byte / 4] } else { 0 });
        self.make([Code::VEX_Vpermd_ymm_ymm_ymmm256; 2], &[Arg::V(order), Arg::V(mixed)], Some(2))
    }
}
