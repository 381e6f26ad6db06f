//! Vectors as bits: constants, casts, shuffles, masks.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I32, I32X4, I64X2};
use cranelift_codegen::ir::{ConstantData, Endianness, InstBuilder, MemFlagsData, Type};
use diptych_protocol::types::{Scalar, Value};

use super::function::{Function, Part, Parts, vector};

impl Function<'_> {
    /// A vector of these bytes.
    fn bytes(&mut self, ty: Type, bytes: Vec<u8>) -> Part {
        let constant = self.b.func.dfg.constants.insert(ConstantData::from(bytes));
        self.b.ins().vconst(ty, constant)
    }

    /// Four lanes.
    pub(super) fn quad(&mut self, lanes: [u32; 4]) -> Part {
        self.bytes(I32X4, lanes.iter().flat_map(|lane| lane.to_le_bytes()).collect())
    }

    /// A vector of one 32-bit pattern.
    pub(super) fn all(&mut self, lane: u32) -> Part {
        self.quad([lane; 4])
    }

    /// A float in each lane.
    pub(super) fn real(&mut self, scalar: Scalar, value: f64) -> Part {
        if scalar == Scalar::F64 {
            self.bytes(F64X2, value.to_le_bytes().repeat(2))
        } else {
            self.bytes(F32X4, (value as f32).to_le_bytes().repeat(4))
        }
    }

    /// A constant.
    pub(super) fn constant(&mut self, value: Value) -> Parts {
        let part = match value {
            Value::F32(x) => self.bytes(F32X4, x.to_le_bytes().repeat(4)),
            Value::F64(x) => self.bytes(F64X2, x.to_le_bytes().repeat(2)),
            Value::I8(x) => self.all(i32::from(x) as u32),
            Value::I16(x) => self.all(i32::from(x) as u32),
            Value::I32(x) => self.all(x as u32),
            Value::U8(x) => self.all(u32::from(x)),
            Value::U16(x) => self.all(u32::from(x)),
            Value::U32(x) => self.all(x),
            Value::Bool(x) => self.all(if x { u32::MAX } else { 0 }),
        };
        vec![part; self.parts(value.scalar())]
    }

    /// All bits 0.
    pub(super) fn zero(&mut self, scalar: Scalar) -> Parts {
        let part = self.bytes(vector(scalar), vec![0; 16]);
        vec![part; self.parts(scalar)]
    }

    /// The same bits as another type.
    pub(super) fn cast(&mut self, ty: Type, part: Part) -> Part {
        if self.b.func.dfg.value_type(part) == ty {
            return part;
        }
        self.b.ins().bitcast(ty, MemFlagsData::new().with_endianness(Endianness::Little), part)
    }

    /// Two vectors' bytes, picked.
    pub(super) fn pick(&mut self, a: Part, b: Part, bytes: [u8; 16]) -> Part {
        let ty = self.b.func.dfg.value_type(a);
        let (a, b) = (self.cast(I8X16, a), self.cast(I8X16, b));
        let bytes = self.b.func.dfg.immediates.push(ConstantData::from(bytes.to_vec()));
        let picked = self.b.ins().shuffle(a, b, bytes);
        self.cast(ty, picked)
    }

    /// The low halves of two vectors.
    pub(super) fn low_halves(&mut self, a: Part, b: Part) -> Part {
        self.pick(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
    }

    /// The high half of a vector, as the low one.
    pub(super) fn high_half(&mut self, a: Part) -> Part {
        self.pick(a, a, [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15])
    }

    /// A mask of four lanes from those of two and two.
    pub(super) fn narrow(&mut self, masks: &[Part]) -> Parts {
        let pairs = masks.chunks_exact(2);
        pairs
            .map(|pair| {
                let (a, b) = (self.cast(I32X4, pair[0]), self.cast(I32X4, pair[1]));
                self.pick(a, b, [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27])
            })
            .collect()
    }

    /// A mask as one over the vectors of a type, in that type.
    pub(super) fn mask_of(&mut self, scalar: Scalar, mask: &[Part]) -> Parts {
        let mut parts = Parts::new();
        for part in mask {
            if scalar == Scalar::F64 {
                let (low, high) = (self.b.ins().swiden_low(*part), self.b.ins().swiden_high(*part));
                parts.push(self.cast(F64X2, low));
                parts.push(self.cast(F64X2, high));
            } else {
                parts.push(self.cast(vector(scalar), *part));
            }
        }
        parts
    }

    /// The first where the mask says so, else the second.
    pub(super) fn select(&mut self, scalar: Scalar, mask: &[Part], a: &[Part], b: &[Part]) -> Parts {
        let mask = self.mask_of(scalar, mask);
        mask.iter().zip(a).zip(b).map(|((mask, a), b)| self.b.ins().bitselect(*mask, *a, *b)).collect()
    }

    /// The value where the mask says so, else all bits 0.
    pub(super) fn masked(&mut self, scalar: Scalar, mask: &[Part], a: &[Part]) -> Parts {
        let mask = self.mask_of(scalar, mask);
        mask.iter().zip(a).map(|(mask, a)| self.b.ins().band(*mask, *a)).collect()
    }

    /// What is true of both, where one may be everything.
    pub(super) fn both(&mut self, a: Option<Parts>, b: Option<Parts>) -> Option<Parts> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.iter().zip(&b).map(|(a, b)| self.b.ins().band(*a, *b)).collect()),
            (one, other) => one.or(other),
        }
    }

    /// Whether the mask is true for any lane.
    pub(super) fn any(&mut self, mask: &[Part]) -> Part {
        let mut whole = mask[0];
        for part in &mask[1..] {
            whole = self.b.ins().bor(whole, *part);
        }
        self.b.ins().vany_true(whole)
    }

    /// A NaN becomes the one that is stored.
    pub(super) fn canonical(&mut self, scalar: Scalar, parts: Parts) -> Parts {
        if !scalar.is_float() {
            return parts;
        }
        let nan = match scalar {
            Scalar::F64 => self.bytes(F64X2, 0x7ff8_0000_0000_0000u64.to_le_bytes().repeat(2)),
            _ => self.bytes(F32X4, 0x7fc0_0000u32.to_le_bytes().repeat(4)),
        };
        let unordered = cranelift_codegen::ir::condcodes::FloatCC::Unordered;
        parts
            .into_iter()
            .map(|part| {
                let is = self.b.ins().fcmp(unordered, part, part);
                let is = self.cast(vector(scalar), is);
                self.b.ins().bitselect(is, nan, part)
            })
            .collect()
    }

    /// Shifts all lanes left by a constant.
    pub(super) fn left(&mut self, part: Part, by: u32) -> Part {
        let by = self.b.ins().iconst(I32, i64::from(by));
        self.b.ins().ishl(part, by)
    }

    /// Shifts all lanes right by a constant, filled with the sign or with zeros.
    pub(super) fn right(&mut self, part: Part, by: u32, signed: bool) -> Part {
        let by = self.b.ins().iconst(I32, i64::from(by));
        if signed { self.b.ins().sshr(part, by) } else { self.b.ins().ushr(part, by) }
    }

    /// Nothing, in two lanes of 64 bits.
    pub(super) fn zero_pair(&mut self) -> Part {
        self.bytes(I64X2, vec![0; 16])
    }
}
