//! Conversions between types.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::types::{F32X4, F64X2, I32X4, I64X2};
use diptych_protocol::body::Compare;
use diptych_protocol::types::Scalar;

use super::calls;
use super::function::{Function, Part, Parts};

impl Function<'_> {
    /// The value in another type.
    pub(super) fn convert(&mut self, from: Scalar, to: Scalar, a: Parts) -> Parts {
        match (from, to) {
            _ if from == to => a,
            (_, Scalar::Bool) => {
                let zero = self.zero(from);
                self.compare(Compare::Ne, from, &a, &zero)
            }
            (Scalar::Bool, _) => {
                let one = self.all(1);
                let number = a.into_iter().map(|a| self.b.ins().band(a, one)).collect();
                if to.is_float() { self.convert(Scalar::U8, to, number) } else { number }
            }
            (Scalar::F32, Scalar::F64) => self.promote(&a),
            (Scalar::F64, Scalar::F32) => self.demote(&a),
            (Scalar::F32 | Scalar::F64, _) => self.float_to_integer(from, to, &a),
            (_, Scalar::F32) => {
                let unsigned = from == Scalar::U32;
                let parts = a.into_iter();
                parts
                    .map(|a| {
                        if unsigned {
                            self.b.ins().fcvt_from_uint(F32X4, a)
                        } else {
                            self.b.ins().fcvt_from_sint(F32X4, a)
                        }
                    })
                    .collect()
            }
            (_, Scalar::F64) => self.integer_to_double(from == Scalar::U32, &a),
            _ => self.wrap(to, a),
        }
    }

    fn promote(&mut self, a: &[Part]) -> Parts {
        let mut parts = Parts::new();
        for part in a {
            parts.push(self.b.ins().fvpromote_low(*part));
            let high = self.high_half(*part);
            parts.push(self.b.ins().fvpromote_low(high));
        }
        parts
    }

    fn demote(&mut self, a: &[Part]) -> Parts {
        let pairs = a.chunks_exact(2);
        pairs
            .map(|pair| {
                let (low, high) = (self.b.ins().fvdemote(pair[0]), self.b.ins().fvdemote(pair[1]));
                self.low_halves(low, high)
            })
            .collect()
    }

    fn integer_to_double(&mut self, unsigned: bool, a: &[Part]) -> Parts {
        let mut parts = Parts::new();
        for part in a {
            for half in [*part, self.high_half(*part)] {
                // Together these two are one instruction, or two.
                parts.push(if unsigned {
                    let wide = self.b.ins().uwiden_low(half);
                    self.b.ins().fcvt_from_uint(F64X2, wide)
                } else {
                    let wide = self.b.ins().swiden_low(half);
                    self.b.ins().fcvt_from_sint(F64X2, wide)
                });
            }
        }
        parts
    }

    /// Truncates and saturates; NaN becomes 0. Narrow types saturate once more.
    fn float_to_integer(&mut self, from: Scalar, to: Scalar, a: &[Part]) -> Parts {
        let unsigned = to == Scalar::U32;
        if unsigned && from == Scalar::F64 && !self.rounds {
            return self.call_on(calls::double_to_u32(), &[(from, &a.to_vec())], to, &[]);
        }
        let parts: Parts = if from == Scalar::F32 {
            let parts = a.iter();
            parts
                .map(|a| {
                    if unsigned {
                        self.b.ins().fcvt_to_uint_sat(I32X4, *a)
                    } else {
                        self.b.ins().fcvt_to_sint_sat(I32X4, *a)
                    }
                })
                .collect()
        } else {
            let pairs = a.chunks_exact(2);
            pairs
                .map(|pair| {
                    let (low, high) =
                        (self.double_to_integer(unsigned, pair[0]), self.double_to_integer(unsigned, pair[1]));
                    self.low_halves(low, high)
                })
                .collect()
        };
        let (low, high): (i32, i32) = match to {
            Scalar::I8 => (-0x80, 0x7f),
            Scalar::I16 => (-0x8000, 0x7fff),
            Scalar::U8 => (0, 0xff),
            Scalar::U16 => (0, 0xffff),
            _ => return parts,
        };
        let (low, high) = (self.all(low as u32), self.all(high as u32));
        let parts = parts.into_iter();
        parts
            .map(|part| {
                let part = self.b.ins().smax(part, low);
                self.b.ins().smin(part, high)
            })
            .collect()
    }

    /// Two lanes to the low two of four.
    fn double_to_integer(&mut self, unsigned: bool, a: Part) -> Part {
        let zero = self.zero_pair();
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
