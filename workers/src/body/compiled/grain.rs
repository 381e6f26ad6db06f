//! Which values are computed in bytes.
//!
//! Truth values, integers of 8 bits and whatever is known to be no larger: a count of the eight cells around is one. A
//! vector has four times as many of them as of values of 32 bits. What stands inside of loops stays wide.

use diptych_protocol::body::{At, Binary, Body, Op, Typed, Unary};
use diptych_protocol::id::{Id, ValueId};
use diptych_protocol::types::{Scalar, Value};

/// How a value is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Grain {
    /// In lanes of 32 or 64 bits.
    Words,
    /// In lanes of 8 bits, integers as unsigned ones.
    Bytes,
    /// As it is wanted: a leaf.
    Either,
}

/// What is known of the values of a body.
pub(super) struct Grains {
    of: Vec<Grain>,
    ranges: Vec<Option<Range>>,
}

/// Least and greatest value of an integer.
type Range = (i64, i64);

impl Grains {
    /// All in words.
    pub(super) fn words(body: &Body) -> Self {
        Self { of: vec![Grain::Words; body.ops.len()], ranges: Vec::new() }
    }

    /// In bytes as far as they go.
    pub(super) fn bytes(body: &Body) -> Self {
        let mut grains = Self { of: Vec::with_capacity(body.ops.len()), ranges: Vec::with_capacity(body.ops.len()) };
        let mut inside = 0;
        for (id, typed) in body.ops.iter() {
            if let Op::Loop(it) = typed.op {
                inside = inside.max(body.loops[it].end.index());
            }
            let range = grains.range(body, typed.scalar, typed.op);
            grains.ranges.push(range);
            let outside = id.index() >= inside;
            let grain = if outside { grains.grain(body, id) } else { Grain::Words };
            grains.of.push(grain);
        }
        grains
    }

    /// Whether more of what is needed is computed in bytes than is not.
    pub(super) fn pay(&self, body: &Body, needed: &[bool]) -> bool {
        let (mut bytes, mut words) = (0, 0);
        for ((grain, needed), typed) in self.of.iter().zip(needed).zip(body.ops.values()) {
            match grain {
                _ if !needed || matches!(typed.op, Op::Const(_)) => {}
                Grain::Bytes => bytes += 1,
                Grain::Words => words += 1,
                Grain::Either => {}
            }
        }
        body.loops.is_empty() && bytes >= words && bytes > 0
    }

    /// Makes a value wide.
    pub(super) fn widen(&mut self, id: ValueId) {
        if self.of[id.index()] == Grain::Bytes {
            self.of[id.index()] = Grain::Words;
        }
    }

    /// How a value is made.
    pub(super) fn of(&self, id: ValueId) -> Grain {
        self.of[id.index()]
    }

    /// The operand that a `Min` or `Max` always takes, where it is one.
    pub(super) fn decided(&self, op: Binary, a: ValueId, b: ValueId) -> Option<ValueId> {
        let (x, y) = (self.ranges.get(a.index()).copied()??, self.ranges.get(b.index()).copied()??);
        match op {
            Binary::Min if x.1 <= y.0 => Some(a),
            Binary::Max if x.0 >= y.1 => Some(a),
            Binary::Min if y.1 <= x.0 => Some(b),
            Binary::Max if y.0 >= x.1 => Some(b),
            _ => None,
        }
    }

    /// Whether a value can stand in a byte.
    fn fits(&self, body: &Body, id: ValueId) -> bool {
        let scalar = body.ops[id].scalar;
        scalar == Scalar::Bool
            || (scalar.is_integer() && self.ranges[id.index()].is_some_and(|(least, most)| least >= 0 && most <= 255))
    }

    fn grain(&self, body: &Body, id: ValueId) -> Grain {
        let Typed { scalar, op } = body.ops[id];
        if !self.fits(body, id) {
            return Grain::Words;
        }
        let at_hand = |id: &ValueId| self.of[id.index()] != Grain::Words;
        // Constants are at hand in either form, so they decide nothing.
        let in_bytes = |id: &ValueId| at_hand(id) && !matches!(body.ops[*id].op, Op::Const(_));
        let fit = op.operands().all(|operand| self.fits(body, operand));
        let some = op.operands().any(|operand| in_bytes(&operand));
        let wraps = || scalar == Scalar::U8 || self.exact(body, scalar, op);
        let bytes = match op {
            Op::Const(_) => return Grain::Either,
            Op::Read { at: At::Own | At::Shift(_), .. } if matches!(scalar, Scalar::Bool | Scalar::U8) => {
                return Grain::Either;
            }
            Op::Convert(_) => fit && some,
            Op::Unary(Unary::Not, _) => scalar == Scalar::Bool && some,
            Op::Binary(Binary::Add | Binary::Sub, ..) => fit && some && wraps(),
            Op::Binary(Binary::And | Binary::Or | Binary::Xor, ..) => fit && some,
            Op::Binary(op @ (Binary::Min | Binary::Max), a, b) => match self.decided(op, a, b) {
                Some(taken) => at_hand(&taken),
                None => fit && some,
            },
            Op::Compare(..) => fit && some,
            // What is taken decides; the condition is brought to it.
            Op::Select(_, a, b) => fit && (in_bytes(&a) || in_bytes(&b) || (some && at_hand(&a) && at_hand(&b))),
            _ => false,
        };
        if bytes { Grain::Bytes } else { Grain::Words }
    }

    /// Whether an operation never wraps.
    fn exact(&self, body: &Body, scalar: Scalar, op: Op) -> bool {
        let whole = all(scalar);
        self.unwrapped(body, op).is_some_and(|(least, most)| least >= whole.0 && most <= whole.1)
    }

    /// What a sum or difference comes to, of integers without an end.
    fn unwrapped(&self, body: &Body, op: Op) -> Option<Range> {
        let range = |id: ValueId| if body.ops[id].scalar.is_integer() { self.ranges[id.index()] } else { None };
        match op {
            Op::Binary(Binary::Add, a, b) => {
                let (a, b) = (range(a)?, range(b)?);
                Some((a.0 + b.0, a.1 + b.1))
            }
            Op::Binary(Binary::Sub, a, b) => {
                let (a, b) = (range(a)?, range(b)?);
                Some((a.0 - b.1, a.1 - b.0))
            }
            _ => None,
        }
    }

    fn range(&self, body: &Body, scalar: Scalar, op: Op) -> Option<Range> {
        if !scalar.is_integer() {
            return None;
        }
        let whole = all(scalar);
        let within = |range: Range| if range.0 >= whole.0 && range.1 <= whole.1 { range } else { whole };
        let known = |id: ValueId| self.ranges[id.index()].unwrap_or(whole);
        Some(match op {
            Op::Const(value) => number(value).map_or(whole, |value| (value, value)),
            Op::Convert(a) => match body.ops[a].scalar {
                Scalar::Bool => (0, 1),
                from if from.is_integer() => within(self.ranges[a.index()].unwrap_or(all(from))),
                _ => whole,
            },
            Op::Binary(Binary::Add | Binary::Sub, ..) => self.unwrapped(body, op).map_or(whole, within),
            Op::Binary(Binary::Min, a, b) => (known(a).0.min(known(b).0), known(a).1.min(known(b).1)),
            Op::Binary(Binary::Max, a, b) => (known(a).0.max(known(b).0), known(a).1.max(known(b).1)),
            Op::Select(_, a, b) => (known(a).0.min(known(b).0), known(a).1.max(known(b).1)),
            _ => whole,
        })
    }
}

/// All values of an integer type.
fn all(scalar: Scalar) -> Range {
    match scalar {
        Scalar::I8 => (i8::MIN.into(), i8::MAX.into()),
        Scalar::I16 => (i16::MIN.into(), i16::MAX.into()),
        Scalar::U8 => (0, u8::MAX.into()),
        Scalar::U16 => (0, u16::MAX.into()),
        Scalar::U32 => (0, u32::MAX.into()),
        _ => (i32::MIN.into(), i32::MAX.into()),
    }
}

fn number(value: Value) -> Option<i64> {
    Some(match value {
        Value::I8(x) => x.into(),
        Value::I16(x) => x.into(),
        Value::I32(x) => x.into(),
        Value::U8(x) => x.into(),
        Value::U16(x) => x.into(),
        Value::U32(x) => x.into(),
        _ => return None,
    })
}
