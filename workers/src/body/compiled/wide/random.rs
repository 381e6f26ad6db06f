//! Random numbers: Philox4x32, a block a lane.
//!
//! The processor multiplies words of every other lane, to 64 bits. So even and odd lanes go apart, each word in the low
//! half of 64 bits; what stands in the high half means nothing until both are put together again.

use diptych_protocol::body::Binary;
use diptych_protocol::random::{MULTIPLIERS, ROUNDS, WEYL};
use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::machine::{Machine, Part};
use super::code::Arg;
use super::machine::Wide;

impl Wide {
    /// See [`Machine::random`].
    pub fn philox(&mut self, counter: [Part; 4], key: [Part; 2], last: bool) -> [Part; 2] {
        let mut halves = [counter, counter.map(|word| self.high(word))];
        for round in 0..ROUNDS {
            let key = match round {
                0 => key,
                _ => [0, 1].map(|at| {
                    let by = self.all(WEYL[at].wrapping_mul(round));
                    self.two_operands(Binary::Add, Scalar::U32, key[at], by)
                }),
            };
            // Of the last round only what is asked for.
            let (first, third) = (round + 1 < ROUNDS || last, round + 1 < ROUNDS || !last);
            for c in &mut halves {
                let of_first = if first { self.times(c[0], MULTIPLIERS[0]) } else { c[0] };
                let of_third = if third { self.times(c[2], MULTIPLIERS[1]) } else { c[2] };
                *c = [
                    if third { self.mixed(of_third, c[1], key[0]) } else { c[0] },
                    of_third,
                    if first { self.mixed(of_first, c[3], key[1]) } else { c[2] },
                    of_first,
                ];
            }
        }
        let [even, odd] = halves;
        let wanted = if last { [2, 3] } else { [0, 1] };
        wanted.map(|word| {
            let codes = [Code::VEX_Vpsllq_ymm_ymm_imm8, Code::EVEX_Vpsllq_zmm_k1z_zmmm512b64_imm8];
            let odd = self.make(codes, &[Arg::V(odd[word]), Arg::Number(32)], None);
            if self.text.level.masks() {
                let odds = self.mask_constant(0xaaaa);
                return self.selected(Scalar::U32, odds, odd, even[word]);
            }
            let args = [Arg::V(even[word]), Arg::V(odd), Arg::Number(0b1010_1010)];
            self.make([Code::VEX_Vpblendd_ymm_ymm_ymmm256_imm8; 2], &args, Some(2))
        })
    }

    /// The high words of 64 bits, as low ones.
    fn high(&mut self, words: Part) -> Part {
        let codes = [Code::VEX_Vpsrlq_ymm_ymm_imm8, Code::EVEX_Vpsrlq_zmm_k1z_zmmm512b64_imm8];
        self.make(codes, &[Arg::V(words), Arg::Number(32)], None)
    }

    fn times(&mut self, words: Part, by: u32) -> Part {
        let by = self.all(by);
        self.two([Code::VEX_Vpmuludq_ymm_ymm_ymmm256, Code::EVEX_Vpmuludq_zmm_k1z_zmm_zmmm512b64], words, by)
    }

    fn mixed(&mut self, product: Part, word: Part, key: Part) -> Part {
        let high = self.high(product);
        let mixed = self.two_operands(Binary::Xor, Scalar::U32, high, word);
        self.two_operands(Binary::Xor, Scalar::U32, mixed, key)
    }
}
