//! Functions of vectors and of the space, as operations. Each has one written order of its steps.

use diptych_protocol::body::{Binary, Compare, Op, Unary};
use diptych_protocol::id::ValueId;
use diptych_protocol::space::{Edge, Space};
use diptych_protocol::types::{Scalar, Value};

use crate::lower::expressions::{Flattener, pairs};

impl Flattener<'_> {
    /// Lane by lane.
    pub(super) fn each(
        &mut self,
        scalar: Scalar,
        a: &[ValueId],
        b: &[ValueId],
        f: impl Fn(&mut Self, Scalar, ValueId, ValueId) -> ValueId,
    ) -> Vec<ValueId> {
        pairs(a, b).into_iter().map(|(a, b)| f(self, scalar, a, b)).collect()
    }

    /// `x - y * floor(x / y)`
    pub(super) fn modulo(&mut self, scalar: Scalar, x: ValueId, y: ValueId) -> ValueId {
        let quotient = self.binary(scalar, Binary::Div, x, y);
        let floor = self.unary(scalar, Unary::Floor, quotient);
        let product = self.binary(scalar, Binary::Mul, y, floor);
        self.binary(scalar, Binary::Sub, x, product)
    }

    /// `t * t * (3 - 2 * t)` with `t` the place between the edges, brought to `0 ..= 1`.
    pub(super) fn smooth(&mut self, scalar: Scalar, low: &[ValueId], high: &[ValueId], x: &[ValueId]) -> Vec<ValueId> {
        let (zero, one) = (self.number(scalar, 0.0), self.number(scalar, 1.0));
        let (two, three) = (self.number(scalar, 2.0), self.number(scalar, 3.0));
        let sides = self.each(scalar, high, low, |this, scalar, high, low| this.binary(scalar, Binary::Sub, high, low));
        let ways = self.each(scalar, x, low, |this, scalar, x, low| this.binary(scalar, Binary::Sub, x, low));
        self.each(scalar, &ways, &sides, |this, scalar, way, side| {
            let t = this.binary(scalar, Binary::Div, way, side);
            let t = this.binary(scalar, Binary::Max, t, zero);
            let t = this.binary(scalar, Binary::Min, t, one);
            let twice = this.binary(scalar, Binary::Mul, two, t);
            let rest = this.binary(scalar, Binary::Sub, three, twice);
            let square = this.binary(scalar, Binary::Mul, t, t);
            this.binary(scalar, Binary::Mul, square, rest)
        })
    }

    pub(super) fn cross(&mut self, scalar: Scalar, v: &[ValueId], w: &[ValueId]) -> Vec<ValueId> {
        let (&[a, b, c], &[x, y, z]) = (v, w) else { return Vec::new() };
        let mut part = |p: ValueId, q: ValueId, r: ValueId, s: ValueId| {
            let (left, right) = (self.binary(scalar, Binary::Mul, p, q), self.binary(scalar, Binary::Mul, r, s));
            self.binary(scalar, Binary::Sub, left, right)
        };
        vec![part(b, z, c, y), part(c, x, a, z), part(a, y, b, x)]
    }

    /// `v * (clamp(length, low, high) / length)`; the zero vector divides by 1 and stays.
    pub(super) fn clamp_length(
        &mut self,
        scalar: Scalar,
        v: &[ValueId],
        low: &[ValueId],
        high: &[ValueId],
    ) -> Vec<ValueId> {
        let (Some(length), Some(&low), Some(&high)) = (self.length(scalar, v), low.first(), high.first()) else {
            return Vec::new();
        };
        let (zero, one) = (self.number(scalar, 0.0), self.number(scalar, 1.0));
        let some = self.compare(Compare::Gt, length, zero);
        let raised = self.binary(scalar, Binary::Max, length, low);
        let wanted = self.binary(scalar, Binary::Min, raised, high);
        let divisor = self.push(scalar, Op::Select(some, length, one));
        let factor = self.binary(scalar, Binary::Div, wanted, divisor);
        let lanes = v.iter().map(|&lane| {
            let scaled = self.binary(scalar, Binary::Mul, lane, factor);
            self.push(scalar, Op::Select(some, scaled, lane))
        });
        lanes.collect()
    }

    pub(super) fn space(&self) -> Space {
        self.world.map_or(Space::default(), |world| world.model.space)
    }

    /// A corner of the space in the precision at hand.
    pub(super) fn corner(&mut self, scalar: Scalar, x: f32) -> ValueId {
        self.builder.constant(match scalar {
            Scalar::F64 => Value::F64(f64::from(x)),
            _ => Value::F32(x),
        })
    }

    /// The length of a side, in the precision at hand.
    pub(super) fn side(&mut self, scalar: Scalar, axis: usize) -> ValueId {
        let space = self.space();
        self.builder.constant(match scalar {
            Scalar::F64 => Value::F64(f64::from(space.hi[axis]) - f64::from(space.lo[axis])),
            _ => Value::F32(space.side(axis)),
        })
    }

    /// [`Space::place`], step by step.
    pub(super) fn wrap(&mut self, scalar: Scalar, axis: usize, x: ValueId) -> ValueId {
        let space = self.space();
        let (lo, hi) = (self.corner(scalar, space.lo[axis]), self.corner(scalar, space.hi[axis]));
        match space.edge {
            Edge::Open => x,
            Edge::Box => {
                let above = self.compare(Compare::Gt, x, hi);
                let capped = self.push(scalar, Op::Select(above, hi, x));
                let below = self.compare(Compare::Lt, x, lo);
                self.push(scalar, Op::Select(below, lo, capped))
            }
            Edge::Torus => {
                let side = self.side(scalar, axis);
                let (from_lo, to_hi) = (self.compare(Compare::Ge, x, lo), self.compare(Compare::Lt, x, hi));
                let inside = self.push(Scalar::Bool, Op::Binary(Binary::And, from_lo, to_hi));
                let way = self.binary(scalar, Binary::Sub, x, lo);
                let turns = self.binary(scalar, Binary::Div, way, side);
                let turns = self.unary(scalar, Unary::Floor, turns);
                let back = self.binary(scalar, Binary::Mul, side, turns);
                let y = self.binary(scalar, Binary::Sub, x, back);
                let beyond = self.compare(Compare::Ge, y, hi);
                let y = self.push(scalar, Op::Select(beyond, lo, y));
                let before = self.compare(Compare::Lt, y, lo);
                let y = self.push(scalar, Op::Select(before, lo, y));
                self.push(scalar, Op::Select(inside, x, y))
            }
        }
    }

    /// [`Space::delta`], step by step.
    pub(super) fn way(&mut self, scalar: Scalar, axis: usize, from: ValueId, to: ValueId) -> ValueId {
        let d = self.binary(scalar, Binary::Sub, to, from);
        if self.space().edge != Edge::Torus {
            return d;
        }
        let side = self.side(scalar, axis);
        let half = self.number(scalar, 0.5);
        let half = self.binary(scalar, Binary::Mul, half, side);
        let minus_half = self.unary(scalar, Unary::Neg, half);
        let (far, near) = (self.compare(Compare::Gt, d, half), self.compare(Compare::Lt, d, minus_half));
        let (less, more) = (self.binary(scalar, Binary::Sub, d, side), self.binary(scalar, Binary::Add, d, side));
        let rest = self.push(scalar, Op::Select(near, more, d));
        self.push(scalar, Op::Select(far, less, rest))
    }
}
