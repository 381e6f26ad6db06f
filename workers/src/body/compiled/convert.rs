//! Conversions between types.

use diptych_protocol::body::{Binary, Compare};
use diptych_protocol::types::Scalar;

use super::calls;
use super::function::{Function, Parts};
use super::machine::Part;

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
                let one = self.m.all(1);
                let number = a.into_iter().map(|a| self.m.masked(Scalar::U32, a, one)).collect();
                if to.is_float() { self.convert(Scalar::U8, to, number) } else { number }
            }
            (Scalar::F32, Scalar::F64) => a.into_iter().flat_map(|a| self.m.promote(a)).collect(),
            (Scalar::F64, Scalar::F32) => a.chunks_exact(2).map(|pair| self.m.demote(pair[0], pair[1])).collect(),
            (Scalar::F32 | Scalar::F64, _) => self.float_to_integer(from, to, &a),
            (_, Scalar::F32) => a.into_iter().map(|a| self.m.integer_to_float(from == Scalar::U32, a)).collect(),
            (_, Scalar::F64) => a.into_iter().flat_map(|a| self.m.integer_to_double(from == Scalar::U32, a)).collect(),
            _ => self.wrap(to, a),
        }
    }

    /// Truncates and saturates; NaN becomes 0. Narrow types saturate once more.
    fn float_to_integer(&mut self, from: Scalar, to: Scalar, a: &[Part]) -> Parts {
        let unsigned = to == Scalar::U32;
        if unsigned && from == Scalar::F64 && !self.m.rounds() {
            return self.call_on(calls::double_to_u32(), &[(from, &a.to_vec())], to, &[]);
        }
        let parts: Parts = if from == Scalar::F32 {
            a.iter().map(|a| self.m.float_to_integer(unsigned, *a)).collect()
        } else {
            a.chunks_exact(2).map(|pair| self.m.double_to_integer(unsigned, pair[0], pair[1])).collect()
        };
        let (low, high): (i32, i32) = match to {
            Scalar::I8 => (-0x80, 0x7f),
            Scalar::I16 => (-0x8000, 0x7fff),
            Scalar::U8 => (0, 0xff),
            Scalar::U16 => (0, 0xffff),
            _ => return parts,
        };
        let (low, high) = (self.m.all(low as u32), self.m.all(high as u32));
        let parts = parts.into_iter();
        parts
            .map(|part| {
                let part = self.m.binary(Binary::Max, Scalar::I32, part, low);
                self.m.binary(Binary::Min, Scalar::I32, part, high)
            })
            .collect()
    }
}
