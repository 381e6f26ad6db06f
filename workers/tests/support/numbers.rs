//! Random numbers with a liking for edges.

use diptych_protocol::types::{Scalar, Value};

/// All types.
pub const SCALARS: [Scalar; 9] = [
    Scalar::F32,
    Scalar::F64,
    Scalar::I8,
    Scalar::I16,
    Scalar::I32,
    Scalar::U8,
    Scalar::U16,
    Scalar::U32,
    Scalar::Bool,
];

/// A stream of numbers that a seed fixes.
pub struct Numbers(pub u64);

impl Numbers {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A number in `0 .. 1`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A value of a type.
    pub fn value(&mut self, scalar: Scalar) -> Value {
        let edge = self.once_in(3);
        match scalar {
            Scalar::F32 if edge => Value::F32(self.of(&F32_EDGES)),
            Scalar::F32 if self.once_in(20) => Value::F32(f32::from_bits(self.bits() as u32)),
            Scalar::F32 => Value::F32((self.unit() * 20.0 - 10.0) as f32),
            Scalar::F64 if edge => Value::F64(self.of(&F64_EDGES)),
            Scalar::F64 if self.once_in(20) => Value::F64(f64::from_bits(self.bits())),
            Scalar::F64 => Value::F64(self.unit() * 20.0 - 10.0),
            Scalar::I8 if edge => Value::I8(self.of(&[i8::MIN, -1, 0, 1, i8::MAX, 7, 8])),
            Scalar::I8 => Value::I8(self.bits() as i8),
            Scalar::I16 if edge => Value::I16(self.of(&[i16::MIN, -1, 0, 1, i16::MAX, 15, 16])),
            Scalar::I16 => Value::I16(self.bits() as i16),
            Scalar::I32 if edge => Value::I32(self.of(&[i32::MIN, -1, 0, 1, 2, i32::MAX, 31, 32])),
            Scalar::I32 => Value::I32(self.bits() as i32),
            Scalar::U8 if edge => Value::U8(self.of(&[0, 1, 2, 7, 8, 127, 128, u8::MAX])),
            Scalar::U8 => Value::U8(self.bits() as u8),
            Scalar::U16 if edge => Value::U16(self.of(&[0, 1, 15, 16, 0x7fff, 0x8000, u16::MAX])),
            Scalar::U16 => Value::U16(self.bits() as u16),
            Scalar::U32 if edge => Value::U32(self.of(&[0, 1, 5, 31, 32, 0x7fff_ffff, 0x8000_0000, u32::MAX])),
            Scalar::U32 => Value::U32(self.bits() as u32 & 63),
            Scalar::Bool => Value::Bool(self.once_in(2)),
        }
    }
}

/// Values of a type that code gets wrong.
pub fn edges(scalar: Scalar) -> Vec<Value> {
    let integers: [i64; 16] = [0, 1, 2, -1, -2, 7, 8, 31, 32, 100, -100, i64::MIN, i64::MAX, 1 << 15, 1 << 16, 1 << 31];
    match scalar {
        Scalar::F32 => F32_EDGES.map(Value::F32).to_vec(),
        Scalar::F64 => F64_EDGES.map(Value::F64).to_vec(),
        Scalar::I8 => integers.map(|x| Value::I8(x.clamp(-128, 127) as i8)).to_vec(),
        Scalar::I16 => integers.map(|x| Value::I16(x.clamp(-0x8000, 0x7fff) as i16)).to_vec(),
        Scalar::I32 => integers.map(|x| Value::I32(x.clamp(-0x8000_0000, 0x7fff_ffff) as i32)).to_vec(),
        Scalar::U8 => integers.map(|x| Value::U8(x as u8)).to_vec(),
        Scalar::U16 => integers.map(|x| Value::U16(x as u16)).to_vec(),
        Scalar::U32 => integers.map(|x| Value::U32(x as u32)).to_vec(),
        Scalar::Bool => vec![Value::Bool(false), Value::Bool(true)],
    }
}

const F32_EDGES: [f32; 22] = [
    0.0,
    -0.0,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    f32::from_bits(0xffc0_1234),
    1e39f64 as f32,
    -128.0,
    -128.9,
    -129.0,
    255.5,
    65535.5,
    2_147_483_648.0,
    4_294_967_296.0,
    f32::MIN_POSITIVE,
    f32::from_bits(1),
    f32::from_bits(0x8000_0001),
    0.5,
    -0.5,
    -2.5,
    0.499_999_97,
    8_388_609.0,
];

const F64_EDGES: [f64; 21] = [
    0.0,
    -0.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    f64::from_bits(0xfff8_0000_0000_1234),
    1e39,
    -128.0,
    -128.9,
    -129.0,
    255.5,
    65535.5,
    2_147_483_647.5,
    4_294_967_295.5,
    f64::MIN_POSITIVE,
    f64::from_bits(1),
    1e-40,
    0.5,
    -0.5,
    -2.5,
    0.499_999_999_999_999_94,
];
