//! The two levels of the machine: what they have of vectors, registers and masks.

use iced_x86::{Code, Register};

use super::code::Class;

/// Which instructions there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in super::super) enum Level {
    /// 256 bits; masks are vectors.
    Avx2,
    /// 512 bits; masks have registers of their own.
    Avx512,
}

/// An instruction by AVX2, and by AVX-512.
pub(super) type Codes = [Code; 2];

/// Numbers' registers, those that a call leaves alone last. Not the stack's, not the frame's.
const NUMBERS: [Register; 14] = [
    Register::RAX,
    Register::RCX,
    Register::RDX,
    Register::RSI,
    Register::RDI,
    Register::R8,
    Register::R9,
    Register::R10,
    Register::R11,
    Register::RBX,
    Register::R12,
    Register::R13,
    Register::R14,
    Register::R15,
];

impl Level {
    /// Whether this processor has what the code needs.
    pub(in super::super) fn here(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        match self {
            Level::Avx2 => has!("avx2"),
            Level::Avx512 => {
                has!("avx2") && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl")
            }
        }
    }

    /// The code of an instruction.
    pub(super) fn code(self, [avx2, avx512]: Codes) -> Code {
        match self {
            Level::Avx2 => avx2,
            Level::Avx512 => avx512,
        }
    }

    /// Bytes of a vector.
    pub(super) fn bytes(self) -> usize {
        match self {
            Level::Avx2 => 32,
            Level::Avx512 => 64,
        }
    }

    /// Whether masks have registers of their own.
    pub(super) fn masks(self) -> bool {
        self == Level::Avx512
    }

    /// The registers of a class.
    pub(super) fn registers(self, class: Class) -> Vec<Register> {
        match (class, self) {
            (Class::Number, _) => NUMBERS.to_vec(),
            (Class::Vector, Level::Avx2) => (0..16).map(|number| Register::YMM0 + number).collect(),
            (Class::Vector, Level::Avx512) => (0..32).map(|number| Register::ZMM0 + number).collect(),
            // The first one says everywhere.
            (Class::Mask, _) => (1..8).map(|number| Register::K0 + number).collect(),
        }
    }

    /// Those that are left free for what stands in the frame, if anything does.
    pub(super) fn scratch(self, class: Class) -> [Register; 2] {
        match (class, self) {
            (Class::Number, _) => [Register::R10, Register::R11],
            (Class::Vector, Level::Avx2) => [Register::YMM14, Register::YMM15],
            (Class::Vector, Level::Avx512) => [Register::ZMM30, Register::ZMM31],
            (Class::Mask, _) => [Register::K6, Register::K7],
        }
    }

    /// Whether a call leaves a register alone.
    pub(super) fn survives(register: Register) -> bool {
        matches!(register, Register::RBX | Register::R12 | Register::R13 | Register::R14 | Register::R15)
    }

    /// Bytes of a register.
    pub(super) fn size(self, class: Class) -> u32 {
        if class == Class::Vector { self.bytes() as u32 } else { 8 }
    }

    /// A register from memory or from another.
    pub(super) fn load(self, class: Class) -> Code {
        match class {
            Class::Number => Code::Mov_r64_rm64,
            Class::Vector => self.code([Code::VEX_Vmovups_ymm_ymmm256, Code::EVEX_Vmovups_zmm_k1z_zmmm512]),
            Class::Mask => Code::VEX_Kmovq_kr_km64,
        }
    }

    /// A register to memory.
    pub(super) fn save(self, class: Class) -> Code {
        match class {
            Class::Number => Code::Mov_rm64_r64,
            Class::Vector => self.code([Code::VEX_Vmovups_ymmm256_ymm, Code::EVEX_Vmovups_zmmm512_k1z_zmm]),
            Class::Mask => Code::VEX_Kmovq_m64_kr,
        }
    }

    /// All bits 0, of three registers.
    pub(super) fn clear(self, class: Class) -> Code {
        match class {
            Class::Mask => Code::VEX_Kxorq_kr_kr_kr,
            _ => self.code([Code::VEX_Vxorps_ymm_ymm_ymmm256, Code::EVEX_Vpxord_zmm_k1z_zmm_zmmm512b32]),
        }
    }

    /// The low half of a vector's register.
    pub(super) fn half(self, whole: Register) -> Register {
        match self {
            Level::Avx2 => self.quarter(whole),
            Level::Avx512 => Register::YMM0 + (whole as u32 - Register::ZMM0 as u32),
        }
    }

    /// The low 128 bits of it.
    pub(super) fn quarter(self, whole: Register) -> Register {
        let first = match self {
            Level::Avx2 => Register::YMM0,
            Level::Avx512 => Register::ZMM0,
        };
        Register::XMM0 + (whole as u32 - first as u32)
    }
}
