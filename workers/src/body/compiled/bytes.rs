//! Values in bytes: truth values as masks of 8 bits, integers as unsigned ones.

use diptych_protocol::body::{At, Binary, Op, Unary};
use diptych_protocol::id::{Id, ValueId};
use diptych_protocol::types::{Scalar, Value};

use super::function::{Function, Parts};
use super::grain::Grain;
use super::machine::Part;

impl Function<'_> {
    /// A value in bytes.
    pub(super) fn bytes_of(&mut self, id: ValueId) -> Parts {
        if let Some(parts) = &self.bytes[id.index()] {
            return parts.clone();
        }
        let typed = self.body.ops[id];
        let parts = match (self.plan.grains.of(id), typed.op) {
            (Grain::Either, Op::Const(value)) => self.byte_everywhere(value),
            (Grain::Either, Op::Read { .. }) => {
                let raw = self.raw(id);
                match typed.scalar {
                    Scalar::Bool => raw.into_iter().map(|bits| self.m.masks_of_bytes(bits)).collect(),
                    _ => raw,
                }
            }
            (Grain::Bytes, _) if self.waits(id) => self.converted(id),
            (Grain::Bytes, _) => return self.wrong(typed.scalar, "an operation in bytes is used before it is there"),
            _ => {
                let words = self.value(id);
                let mask = typed.scalar == Scalar::Bool;
                words.chunks_exact(4).map(|four| self.m.condense([four[0], four[1], four[2], four[3]], mask)).collect()
            }
        };
        self.bytes[id.index()] = Some(parts.clone());
        parts
    }

    /// A value that is made in bytes, in words.
    pub(super) fn spread(&mut self, id: ValueId) -> Parts {
        let mask = self.scalar(id) == Scalar::Bool;
        let bytes = self.bytes_of(id);
        bytes.into_iter().flat_map(|part| self.m.spread(part, mask)).collect()
    }

    /// Whether an operation is emitted where it is first used: mostly a sum takes in a mask as it is.
    pub(super) fn waits(&self, id: ValueId) -> bool {
        let Op::Convert(from) = self.body.ops[id].op else { return false };
        self.plan.grains.of(id) == Grain::Bytes && self.scalar(from) == Scalar::Bool && self.scalar(id).is_integer()
    }

    /// An operation that is no leaf, in bytes.
    pub(super) fn byte_operation(&mut self, scalar: Scalar, op: Op) -> Parts {
        match op {
            Op::Unary(Unary::Not, a) => {
                let (a, ones) = (self.bytes_of(a), self.m.all_byte_masks(true));
                a.into_iter().map(|a| self.m.binary(Binary::Xor, Scalar::Bool, a, ones)).collect()
            }
            Op::Binary(Binary::Add, a, b) if self.counts(b) => self.counted(a, b),
            Op::Binary(Binary::Add, a, b) if self.counts(a) => self.counted(b, a),
            Op::Binary(op @ (Binary::Min | Binary::Max), a, b) => match self.plan.grains.decided(op, a, b) {
                Some(taken) => self.bytes_of(taken),
                None => self.byte_pairs(a, b, |f, a, b| f.m.binary_bytes(op, a, b)),
            },
            Op::Binary(op, a, b) => self.byte_pairs(a, b, |f, a, b| f.m.binary_bytes(op, a, b)),
            Op::Compare(op, a, b) => self.byte_pairs(a, b, |f, a, b| f.m.compare_bytes(op, a, b)),
            Op::Select(condition, a, b) => {
                let (masks, a, b) = (self.bytes_of(condition), self.bytes_of(a), self.bytes_of(b));
                masks.iter().zip(a).zip(b).map(|((mask, a), b)| self.m.select_bytes(*mask, a, b)).collect()
            }
            Op::Convert(a) if scalar == Scalar::Bool && self.scalar(a) != Scalar::Bool => {
                let (a, zero) = (self.bytes_of(a), self.m.all_bytes(0));
                a.into_iter().map(|a| self.m.compare_bytes(diptych_protocol::body::Compare::Ne, a, zero)).collect()
            }
            Op::Convert(a) => self.bytes_of(a),
            _ => self.wrong(scalar, "an operation that does not go in bytes"),
        }
    }

    fn byte_pairs(&mut self, a: ValueId, b: ValueId, mut of: impl FnMut(&mut Self, Part, Part) -> Part) -> Parts {
        let (a, b) = (self.bytes_of(a), self.bytes_of(b));
        a.into_iter().zip(b).map(|(a, b)| of(self, a, b)).collect()
    }

    /// Whether a value is a truth value that was computed, as a number.
    fn counts(&self, id: ValueId) -> bool {
        match self.body.ops[id].op {
            Op::Convert(from) => self.waits(id) && !self.is_read(from),
            _ => false,
        }
    }

    fn counted(&mut self, to: ValueId, counted: ValueId) -> Parts {
        let Op::Convert(mask) = self.body.ops[counted].op else { return self.bytes_of(to) };
        self.byte_pairs(to, mask, |f, to, mask| f.m.step_bytes(to, mask))
    }

    /// A truth value as a number: as it stands in its column, if it comes from there.
    fn converted(&mut self, id: ValueId) -> Parts {
        let Op::Convert(from) = self.body.ops[id].op else { return self.wrong(Scalar::U8, "no conversion") };
        if self.is_read(from) {
            return self.raw(from);
        }
        let (masks, one) = (self.bytes_of(from), self.m.all_bytes(1));
        masks.into_iter().map(|mask| self.m.masked_bytes(mask, one)).collect()
    }

    fn is_read(&self, id: ValueId) -> bool {
        let own = matches!(self.body.ops[id].op, Op::Read { at: At::Own | At::Shift(_), .. });
        own && self.plan.grains.of(id) == Grain::Either
    }

    /// A column as it stands.
    fn raw(&mut self, id: ValueId) -> Parts {
        let Op::Read { column, when, at } = self.body.ops[id].op else { return self.wrong(Scalar::U8, "no read") };
        let Some(slot) = at.offset().and_then(|offset| self.plan.slots.own(column, when, offset)) else {
            return self.wrong(Scalar::U8, "an own column without a slot");
        };
        let base = self.word(self.plan.words.own + slot);
        let at = self.m.address(base, self.lane, Scalar::U8);
        let stride = self.bytes() as i32;
        (0..self.byte_parts()).map(|part| self.m.load_bytes(at.behind(part as i32 * stride))).collect()
    }

    pub(super) fn byte_everywhere(&mut self, value: Value) -> Parts {
        let part = match value {
            Value::Bool(is) => self.m.all_byte_masks(is),
            value => self.m.all_bytes(value.as_f64() as u8),
        };
        vec![part; self.byte_parts()]
    }

    /// Stores the lanes of a column of bytes.
    pub(super) fn put_bytes(&mut self, scalar: Scalar, word: usize, parts: &[Part]) {
        let base = self.word(word);
        let at = self.m.address(base, self.lane, Scalar::U8);
        let stride = self.bytes() as i32;
        for (place, part) in parts.iter().enumerate() {
            let mut part = *part;
            if scalar == Scalar::Bool {
                let one = self.m.all_bytes(1);
                part = self.m.masked_bytes(part, one);
            }
            self.m.store_bytes(at.behind(place as i32 * stride), part);
        }
    }

    /// How many vectors a value in bytes has.
    fn byte_parts(&self) -> usize {
        self.plan.lanes / self.bytes() as usize
    }
}
