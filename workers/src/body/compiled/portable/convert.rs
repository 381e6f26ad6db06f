//! Halves of vectors, wide masks, conversions.

use cranelift_codegen::ir::types::{F64X2, I8X16, I32X4, I64X2};
use cranelift_codegen::ir::{self, ConstantData, InstBuilder};
use diptych_protocol::types::Scalar;

use super::super::machine::Part;
use super::{Cranelift, value};

impl Cranelift<'_> {
    /// Two vectors' bytes, picked.
    fn pick(&mut self, a: ir::Value, b: ir::Value, bytes: [u8; 16]) -> ir::Value {
        let ty = self.b.func.dfg.value_type(a);
        let (a, b) = (self.cast(I8X16, a), self.cast(I8X16, b));
        let bytes = self.b.func.dfg.immediates.push(ConstantData::from(bytes.to_vec()));
        let picked = self.b.ins().shuffle(a, b, bytes);
        self.cast(ty, picked)
    }

    /// The low halves of two vectors.
    pub fn low_halves(&mut self, a: ir::Value, b: ir::Value) -> ir::Value {
        self.pick(a, b, [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23])
    }

    /// The high half of a vector, as the low one.
    pub fn high_half(&mut self, a: ir::Value) -> ir::Value {
        self.pick(a, a, [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15])
    }

    /// A mask of four lanes from those of two and two.
    pub fn one_mask(&mut self, low: Part, high: Part) -> ir::Value {
        let (low, high) = (self.cast(I32X4, value(low)), self.cast(I32X4, value(high)));
        self.pick(low, high, [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27])
    }

    pub fn doubles_of(&mut self, unsigned: bool, a: Part) -> [ir::Value; 2] {
        let low = self.typed(Scalar::I32, a);
        let high = self.high_half(low);
        // Together these two are one instruction, or two.
        [low, high].map(|half| {
            if unsigned {
                let wide = self.b.ins().uwiden_low(half);
                self.b.ins().fcvt_from_uint(F64X2, wide)
            } else {
                let wide = self.b.ins().swiden_low(half);
                self.b.ins().fcvt_from_sint(F64X2, wide)
            }
        })
    }

    /// Two lanes to the low two of four.
    pub fn half_of_integers(&mut self, unsigned: bool, a: Part) -> ir::Value {
        let a = self.typed(Scalar::F64, a);
        let zero = self.bytes(I64X2, vec![0; 16]);
        // The code generator knows these pairs of instructions as one, and has not got them apart.
        if unsigned {
            let wide = self.b.ins().fcvt_to_uint_sat(I64X2, a);
            self.b.ins().uunarrow(wide, zero)
        } else {
            let wide = self.b.ins().fcvt_to_sint_sat(I64X2, a);
            self.b.ins().snarrow(wide, zero)
        }
    }
}
