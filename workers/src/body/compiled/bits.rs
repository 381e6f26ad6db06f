//! Vectors as bits: constants and masks.

use diptych_protocol::body::Binary;
use diptych_protocol::types::{Scalar, Value};

use super::function::{Function, Parts};
use super::machine::Part;

impl Function<'_> {
    /// A float in each lane.
    pub(super) fn real(&mut self, scalar: Scalar, value: f64) -> Part {
        if scalar == Scalar::F64 { self.m.all_wide(value.to_bits()) } else { self.m.all((value as f32).to_bits()) }
    }

    /// A constant.
    pub(super) fn constant(&mut self, value: Value) -> Parts {
        let part = match value {
            Value::F32(x) => self.m.all(x.to_bits()),
            Value::F64(x) => self.m.all_wide(x.to_bits()),
            Value::I8(x) => self.m.all(i32::from(x) as u32),
            Value::I16(x) => self.m.all(i32::from(x) as u32),
            Value::I32(x) => self.m.all(x as u32),
            Value::U8(x) => self.m.all(u32::from(x)),
            Value::U16(x) => self.m.all(u32::from(x)),
            Value::U32(x) => self.m.all(x),
            Value::Bool(x) => self.m.all_masks(x),
        };
        vec![part; self.parts(value.scalar())]
    }

    /// All bits 0.
    pub(super) fn zero(&mut self, scalar: Scalar) -> Parts {
        let part = match scalar {
            Scalar::F64 => self.m.all_wide(0),
            Scalar::Bool => self.m.all_masks(false),
            _ => self.m.all(0),
        };
        vec![part; self.parts(scalar)]
    }

    /// A mask as one over the vectors of a type.
    pub(super) fn mask_of(&mut self, scalar: Scalar, mask: &[Part]) -> Parts {
        if scalar == Scalar::F64 { mask.iter().flat_map(|part| self.m.widen(*part)).collect() } else { mask.to_vec() }
    }

    /// The first where the mask says so, else the second.
    pub(super) fn select(&mut self, scalar: Scalar, mask: &[Part], a: &[Part], b: &[Part]) -> Parts {
        let mask = self.mask_of(scalar, mask);
        mask.iter().zip(a).zip(b).map(|((mask, a), b)| self.m.select(scalar, *mask, *a, *b)).collect()
    }

    /// The value where the mask says so, else all bits 0.
    pub(super) fn masked(&mut self, scalar: Scalar, mask: &[Part], a: &[Part]) -> Parts {
        if scalar == Scalar::Bool {
            return self.pairs(Binary::And, scalar, mask, a);
        }
        let mask = self.mask_of(scalar, mask);
        mask.iter().zip(a).map(|(mask, a)| self.m.masked(scalar, *mask, *a)).collect()
    }

    /// What is true of both, where one may be everything.
    pub(super) fn both(&mut self, a: Option<Parts>, b: Option<Parts>) -> Option<Parts> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.pairs(Binary::And, Scalar::Bool, &a, &b)),
            (one, other) => one.or(other),
        }
    }

    /// A mask that is true for a lane somewhere if this one is.
    pub(super) fn any(&mut self, mask: &[Part]) -> Part {
        let mut whole = mask[0];
        for part in &mask[1..] {
            whole = self.m.binary(Binary::Or, Scalar::Bool, whole, *part);
        }
        whole
    }

    /// A NaN becomes the one that is stored.
    pub(super) fn canonical(&mut self, scalar: Scalar, parts: Parts) -> Parts {
        if !scalar.is_float() {
            return parts;
        }
        let nan = if scalar == Scalar::F64 { self.m.all_wide(0x7ff8 << 48) } else { self.m.all(0x7fc0_0000) };
        let parts = parts.into_iter();
        parts
            .map(|part| {
                let is = self.m.unordered(scalar, part, part);
                self.m.select(scalar, is, nan, part)
            })
            .collect()
    }
}
