//! Lanes of 8 bits.

use diptych_protocol::body::{Binary, Compare};
use iced_x86::Code;

use super::super::machine::{Machine, Part};
use super::code::Arg;
use super::machine::Wide;

impl Wide {
    pub fn two_bytes(&mut self, op: Binary, a: Part, b: Part) -> Part {
        let code = match op {
            Binary::Add => Code::VEX_Vpaddb_ymm_ymm_ymmm256,
            Binary::Sub => Code::VEX_Vpsubb_ymm_ymm_ymmm256,
            Binary::Min => Code::VEX_Vpminub_ymm_ymm_ymmm256,
            Binary::Max => Code::VEX_Vpmaxub_ymm_ymm_ymmm256,
            Binary::And => Code::VEX_Vandps_ymm_ymm_ymmm256,
            Binary::Or => Code::VEX_Vorps_ymm_ymm_ymmm256,
            Binary::Xor => Code::VEX_Vxorps_ymm_ymm_ymmm256,
            _ => unreachable!("{op:?} does not go in bytes"),
        };
        self.two(code, a, b)
    }

    /// Of unsigned bytes: those that are not below others are the larger of both.
    pub fn compared_bytes(&mut self, op: Compare, a: Part, b: Part) -> Part {
        let (with, flipped) = match op {
            Compare::Eq => (b, false),
            Compare::Ne => (b, true),
            Compare::Ge => (self.two_bytes(Binary::Max, a, b), false),
            Compare::Lt => (self.two_bytes(Binary::Max, a, b), true),
            Compare::Le => (self.two_bytes(Binary::Min, a, b), false),
            Compare::Gt => (self.two_bytes(Binary::Min, a, b), true),
        };
        let equal = self.two(Code::VEX_Vpcmpeqb_ymm_ymm_ymmm256, a, with);
        if !flipped {
            return equal;
        }
        let ones = self.all_bytes(0xff);
        self.two_bytes(Binary::Xor, equal, ones)
    }

    /// Each eight bytes as eight lanes.
    pub fn words_of(&mut self, bytes: Part, mask: bool) -> [Part; 4] {
        let code = if mask { Code::VEX_Vpmovsxbd_ymm_xmmm64 } else { Code::VEX_Vpmovzxbd_ymm_xmmm64 };
        let [low, high] = self.halves(bytes).map(|half| {
            let upper = self.make_half(Code::VEX_Vpsrldq_xmm_xmm_imm8, &[Arg::X(half), Arg::Number(8)], None);
            [half, upper].map(|eight| self.make(code, &[Arg::X(eight)], None))
        });
        [low[0], low[1], high[0], high[1]]
    }

    /// Four times eight lanes as bytes. Integers that do not fit saturate, as nobody sees.
    pub fn bytes_of(&mut self, words: [Part; 4], mask: bool) -> Part {
        let [low, high] = [[words[0], words[1]], [words[2], words[3]]]
            .map(|[a, b]| self.two(Code::VEX_Vpackssdw_ymm_ymm_ymmm256, a, b));
        let code = if mask { Code::VEX_Vpacksswb_ymm_ymm_ymmm256 } else { Code::VEX_Vpackuswb_ymm_ymm_ymmm256 };
        let mixed = self.two(code, low, high);
        // Both packed half by half: fours of the low halves, then of the high ones.
        let mut order = [0; 32];
        for (place, from) in [0u8, 4, 1, 5, 2, 6, 3, 7].into_iter().enumerate() {
            order[4 * place] = from;
        }
        let order = self.constant(order);
        self.make(Code::VEX_Vpermd_ymm_ymm_ymmm256, &[Arg::Y(order), Arg::Y(mixed)], Some(2))
    }
}
