//! Loads and stores.

use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::arithmetic::signed;
use super::super::machine::{Address, Machine, Part};
use super::code::{Arg, Role};
use super::machine::Wide;

impl Wide {
    /// Eight lanes, or four, at an address.
    pub fn lanes_at(&mut self, scalar: Scalar, at: Address) -> Part {
        let code = match (scalar.size(), signed(scalar)) {
            (4 | 8, _) => Code::VEX_Vmovups_ymm_ymmm256,
            (2, true) => Code::VEX_Vpmovsxwd_ymm_xmmm128,
            (2, false) => Code::VEX_Vpmovzxwd_ymm_xmmm128,
            (_, true) => Code::VEX_Vpmovsxbd_ymm_xmmm64,
            (_, false) => Code::VEX_Vpmovzxbd_ymm_xmmm64,
        };
        let lanes = self.make(code, &[Self::memory(at)], None);
        if scalar == Scalar::Bool { self.mask_of_bits(lanes) } else { lanes }
    }

    /// All ones of each 1.
    fn mask_of_bits(&mut self, bits: Part) -> Part {
        let zero = self.all(0);
        self.two(Code::VEX_Vpsubd_ymm_ymm_ymmm256, zero, bits)
    }

    /// Stores lanes.
    pub fn lanes_to(&mut self, scalar: Scalar, at: Address, part: Part) {
        let to = Self::memory(at);
        if scalar.size() >= 4 {
            return self.push(Code::VEX_Vmovups_ymmm256_ymm, Role::Reads, &[to, Arg::Y(part)], None);
        }
        let part = if scalar == Scalar::Bool {
            let one = self.all(1);
            self.two(Code::VEX_Vandps_ymm_ymm_ymmm256, part, one)
        } else {
            part
        };
        let [low, high] = self.halves(part);
        let code = match scalar {
            Scalar::U16 => Code::VEX_Vpackusdw_xmm_xmm_xmmm128,
            _ => Code::VEX_Vpackssdw_xmm_xmm_xmmm128,
        };
        let words = self.make_half(code, &[Arg::X(low), Arg::X(high)], Some(2));
        if scalar.size() == 2 {
            return self.push(Code::VEX_Vmovups_xmmm128_xmm, Role::Reads, &[to, Arg::X(words)], None);
        }
        let code = match scalar {
            Scalar::I8 => Code::VEX_Vpacksswb_xmm_xmm_xmmm128,
            _ => Code::VEX_Vpackuswb_xmm_xmm_xmmm128,
        };
        let bytes = self.make_half(code, &[Arg::X(words), Arg::X(words)], Some(2));
        self.push(Code::VEX_Vmovq_xmmm64_xmm, Role::Reads, &[to, Arg::X(bytes)], None);
    }

    /// One value in all lanes.
    pub fn one_for_all(&mut self, scalar: Scalar, at: Address) -> Part {
        match scalar.size() {
            4 => self.make(Code::VEX_Vbroadcastss_ymm_m32, &[Self::memory(at)], None),
            8 => self.make(Code::VEX_Vbroadcastsd_ymm_m64, &[Self::memory(at)], None),
            _ => {
                let one = self.narrow_at(scalar, at);
                let lanes = self.splat(one);
                if scalar == Scalar::Bool { self.mask_of_bits(lanes) } else { lanes }
            }
        }
    }

    /// A narrow integer, extended: a number.
    fn narrow_at(&mut self, scalar: Scalar, at: Address) -> Part {
        let code = match scalar {
            Scalar::I8 => Code::Movsx_r32_rm8,
            Scalar::I16 => Code::Movsx_r32_rm16,
            Scalar::U16 => Code::Movzx_r32_rm16,
            _ => Code::Movzx_r32_rm8,
        };
        let to = self.a_number();
        self.push(code, Role::Makes, &[Arg::D(to), Self::memory(at)], None);
        to
    }

    /// A value a lane, at places of its own: one by one. Processors' own gathers are no faster, and read too far where
    /// values are narrow.
    pub fn values_at(&mut self, scalar: Scalar, base: Part, places: Part) -> Vec<Part> {
        let places = self.places_of(places);
        if scalar == Scalar::F64 {
            return places.chunks_exact(4).map(|places| self.doubles_at(base, places)).collect();
        }
        let halves = places.chunks_exact(4).map(|places| self.four_at(scalar, base, places));
        let halves: Vec<Part> = halves.collect();
        let lanes = self.whole(halves[0], halves[1]);
        vec![if scalar == Scalar::Bool { self.mask_of_bits(lanes) } else { lanes }]
    }

    fn doubles_at(&mut self, base: Part, places: &[Part]) -> Part {
        let halves = places.chunks_exact(2).map(|pair| {
            let [low, high] = [pair[0], pair[1]].map(|place| Self::memory(self.address(base, place, Scalar::F64)));
            let low = self.make_half(Code::VEX_Vmovsd_xmm_m64, &[low], None);
            self.make_half(Code::VEX_Vmovhpd_xmm_xmm_m64, &[Arg::X(low), high], None)
        });
        let halves: Vec<Part> = halves.collect();
        self.whole(halves[0], halves[1])
    }

    fn four_at(&mut self, scalar: Scalar, base: Part, places: &[Part]) -> Part {
        let mut lanes = None;
        for (lane, place) in places.iter().enumerate() {
            let at = self.address(base, *place, scalar);
            let one = if scalar.size() == 4 { Self::memory(at) } else { Arg::D(self.narrow_at(scalar, at)) };
            lanes = Some(match lanes {
                None => self.make_half(Code::VEX_Vmovd_xmm_rm32, &[one], None),
                Some(lanes) => {
                    let args = [Arg::X(lanes), one, Arg::Number(lane as i64)];
                    self.make_half(Code::VEX_Vpinsrd_xmm_xmm_rm32_imm8, &args, None)
                }
            });
        }
        lanes.unwrap_or(base)
    }

    /// Each lane as a number.
    fn places_of(&mut self, lanes: Part) -> Vec<Part> {
        if let Some(places) = self.places.get(&lanes) {
            return places.clone();
        }
        let mut places = Vec::with_capacity(8);
        for half in self.halves(lanes) {
            for pair in 0..2 {
                let both = self.a_number();
                let args = [Arg::Q(both), Arg::X(half), Arg::Number(pair)];
                self.push(Code::VEX_Vpextrq_rm64_xmm_imm8, Role::Makes, &args, None);
                let low = self.a_number();
                self.push(Code::Mov_r32_rm32, Role::Makes, &[Arg::D(low), Arg::D(both)], None);
                self.push(Code::Shr_rm64_imm8, Role::Changes, &[Arg::Q(both), Arg::Number(32)], None);
                places.extend([low, both]);
            }
        }
        self.places.insert(lanes, places.clone());
        places
    }
}
