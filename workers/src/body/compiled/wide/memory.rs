//! Loads and stores.

use diptych_protocol::types::Scalar;
use iced_x86::Code;

use super::super::arithmetic::signed;
use super::super::machine::{Address, Machine, Part};
use super::code::{Arg, Class, Inst, Role};
use super::level::Level;
use super::machine::Wide;

impl Wide {
    /// The lanes of a vector, at an address.
    pub fn lanes_at(&mut self, scalar: Scalar, at: Address) -> Part {
        let codes = match (scalar.size(), signed(scalar)) {
            (4 | 8, _) => [self.text.level.load(Class::Vector); 2],
            (2, true) => [Code::VEX_Vpmovsxwd_ymm_xmmm128, Code::EVEX_Vpmovsxwd_zmm_k1z_ymmm256],
            (2, false) => [Code::VEX_Vpmovzxwd_ymm_xmmm128, Code::EVEX_Vpmovzxwd_zmm_k1z_ymmm256],
            (_, true) => [Code::VEX_Vpmovsxbd_ymm_xmmm64, Code::EVEX_Vpmovsxbd_zmm_k1z_xmmm128],
            (_, false) => [Code::VEX_Vpmovzxbd_ymm_xmmm64, Code::EVEX_Vpmovzxbd_zmm_k1z_xmmm128],
        };
        let lanes = self.make(codes, &[Self::memory(at)], None);
        if scalar == Scalar::Bool { self.mask_of_bits(lanes, false) } else { lanes }
    }

    /// Stores lanes.
    pub fn lanes_to(&mut self, scalar: Scalar, at: Address, part: Part) {
        let to = Self::memory(at);
        if scalar.size() >= 4 {
            return self.push([self.text.level.save(Class::Vector); 2], Role::Reads, &[to, Arg::V(part)], None);
        }
        let part = if scalar == Scalar::Bool {
            let one = self.all(1);
            self.only_where(Scalar::U32, part, one)
        } else {
            part
        };
        if self.text.level == Level::Avx512 {
            let two = scalar.size() == 2;
            let code = if two { Code::EVEX_Vpmovdw_ymmm256_k1z_zmm } else { Code::EVEX_Vpmovdb_xmmm128_k1z_zmm };
            return self.push([code; 2], Role::Reads, &[to, Arg::V(part)], None);
        }
        let [low, high] = self.halves(part);
        let code = match scalar {
            Scalar::U16 => Code::VEX_Vpackusdw_xmm_xmm_xmmm128,
            _ => Code::VEX_Vpackssdw_xmm_xmm_xmmm128,
        };
        let words = self.make_as(Arg::X, [code; 2], &[Arg::X(low), Arg::X(high)], Some(2));
        if scalar.size() == 2 {
            return self.push([Code::VEX_Vmovups_xmmm128_xmm; 2], Role::Reads, &[to, Arg::X(words)], None);
        }
        let code = match scalar {
            Scalar::I8 => Code::VEX_Vpacksswb_xmm_xmm_xmmm128,
            _ => Code::VEX_Vpackuswb_xmm_xmm_xmmm128,
        };
        let bytes = self.make_as(Arg::X, [code; 2], &[Arg::X(words), Arg::X(words)], Some(2));
        self.push([Code::VEX_Vmovq_xmmm64_xmm; 2], Role::Reads, &[to, Arg::X(bytes)], None);
    }

    /// One value in all lanes.
    pub fn one_for_all(&mut self, scalar: Scalar, at: Address) -> Part {
        let codes = match scalar.size() {
            4 => [Code::VEX_Vbroadcastss_ymm_m32, Code::EVEX_Vbroadcastss_zmm_k1z_xmmm32],
            8 => [Code::VEX_Vbroadcastsd_ymm_m64, Code::EVEX_Vbroadcastsd_zmm_k1z_xmmm64],
            _ => {
                let one = self.narrow_at(scalar, at);
                let lanes = self.splat(one);
                return if scalar == Scalar::Bool { self.mask_of_bits(lanes, false) } else { lanes };
            }
        };
        self.make(codes, &[Self::memory(at)], None)
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
        self.push([code; 2], Role::Makes, &[Arg::D(to), Self::memory(at)], None);
        to
    }

    /// A value a lane, at places of its own: one by one. Gathers of AVX2 are no faster, and all read too far where values
    /// are narrow.
    pub fn values_at(&mut self, scalar: Scalar, base: Part, places: Part) -> Vec<Part> {
        if self.text.level == Level::Avx512 && scalar.size() >= 4 {
            return self.gathered(scalar, base, places);
        }
        let places = self.places_of(places);
        if scalar == Scalar::F64 {
            let pieces: Vec<Part> = places.chunks_exact(2).map(|places| self.two_at(base, places)).collect();
            return pieces.chunks_exact(self.text.level.bytes() / 16).map(|pieces| self.joined(pieces)).collect();
        }
        let pieces: Vec<Part> = places.chunks_exact(4).map(|places| self.four_at(scalar, base, places)).collect();
        let lanes = self.joined(&pieces);
        vec![if scalar == Scalar::Bool { self.mask_of_bits(lanes, false) } else { lanes }]
    }

    /// The same by an instruction. It counts places as signed, of which there are fewer than that has room for.
    fn gathered(&mut self, scalar: Scalar, base: Part, places: Part) -> Vec<Part> {
        let (code, places, zero) = match scalar {
            Scalar::F64 => {
                let wide = [Code::EVEX_Vpmovzxdq_zmm_k1z_ymmm256; 2];
                let places = self.halves(places).map(|half| self.make(wide, &[Arg::H(half)], Some(1)));
                (Code::EVEX_Vgatherqpd_zmm_k1_vm64z, places.to_vec(), self.all_wide(0))
            }
            _ => (Code::EVEX_Vgatherdps_zmm_k1_vm32z, vec![places], self.all(0)),
        };
        let gather = |places: Part| {
            // The instruction clears its mask.
            let all = self.all_masks(true);
            let (mask, to) = (self.copy(all), self.vector());
            self.text.insts.push(Inst::Move { to, from: zero });
            let from = Self::memory(self.address(base, places, scalar));
            self.push([code; 2], Role::Changes, &[Arg::V(to), from, Arg::Where(mask)], None);
            to
        };
        places.into_iter().map(gather).collect()
    }

    fn two_at(&mut self, base: Part, places: &[Part]) -> Part {
        let [low, high] = [places[0], places[1]].map(|place| Self::memory(self.address(base, place, Scalar::F64)));
        let low = self.make_as(Arg::X, [Code::VEX_Vmovsd_xmm_m64, Code::EVEX_Vmovsd_xmm_k1z_m64], &[low], None);
        let codes = [Code::VEX_Vmovhpd_xmm_xmm_m64, Code::EVEX_Vmovhpd_xmm_xmm_m64];
        self.make_as(Arg::X, codes, &[Arg::X(low), high], None)
    }

    fn four_at(&mut self, scalar: Scalar, base: Part, places: &[Part]) -> Part {
        let mut lanes = None;
        for (lane, place) in places.iter().enumerate() {
            let at = self.address(base, *place, scalar);
            let one = if scalar.size() == 4 { Self::memory(at) } else { Arg::D(self.narrow_at(scalar, at)) };
            lanes = Some(match lanes {
                None => self.make_as(Arg::X, [Code::VEX_Vmovd_xmm_rm32, Code::EVEX_Vmovd_xmm_rm32], &[one], None),
                Some(lanes) => {
                    let args = [Arg::X(lanes), one, Arg::Number(lane as i64)];
                    let codes = [Code::VEX_Vpinsrd_xmm_xmm_rm32_imm8, Code::EVEX_Vpinsrd_xmm_xmm_rm32_imm8];
                    self.make_as(Arg::X, codes, &args, None)
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
        let mut places = Vec::with_capacity(self.width());
        for piece in self.pieces(lanes) {
            for pair in 0..2 {
                let both = self.a_number();
                let args = [Arg::Q(both), Arg::X(piece), Arg::Number(pair)];
                let codes = [Code::VEX_Vpextrq_rm64_xmm_imm8, Code::EVEX_Vpextrq_rm64_xmm_imm8];
                self.push(codes, Role::Makes, &args, None);
                let low = self.a_number();
                self.push([Code::Mov_r32_rm32; 2], Role::Makes, &[Arg::D(low), Arg::D(both)], None);
                self.push([Code::Shr_rm64_imm8; 2], Role::Changes, &[Arg::Q(both), Arg::Number(32)], None);
                places.extend([low, both]);
            }
        }
        self.places.insert(lanes, places.clone());
        places
    }
}
