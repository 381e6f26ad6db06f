//! What the functions that bring a value into another range are made of: lane by lane.

use diptych_protocol::body::{Binary, Unary};
use diptych_protocol::id::ValueId;
use diptych_protocol::types::Scalar;

use crate::lower::expressions::Flattener;
use crate::types::typed::Function;

impl Flattener<'_> {
    /// The lanes of `scale`, `offset`, `remap`, `deadband`, `quantize`; none of another function.
    pub(super) fn adapter(&mut self, function: Function, scalar: Scalar, arguments: &[Vec<ValueId>]) -> Vec<ValueId> {
        let mut two = |op: Binary, a: &[ValueId], b: &[ValueId]| {
            self.each(scalar, a, b, |this, scalar, a, b| this.binary(scalar, op, a, b))
        };
        match (function, arguments) {
            (Function::Scale, [x, factor]) => two(Binary::Mul, x, factor),
            (Function::Offset, [x, more]) => two(Binary::Add, x, more),
            (Function::Remap, [x, a, b, c, d]) => {
                let (way, from, to) = (two(Binary::Sub, x, a), two(Binary::Sub, b, a), two(Binary::Sub, d, c));
                let slope = two(Binary::Div, &to, &from);
                let way = two(Binary::Mul, &way, &slope);
                two(Binary::Add, c, &way)
            }
            (Function::DeadBand, [x, width]) => self.each(scalar, x, width, |this, scalar, x, width| {
                let low = this.unary(scalar, Unary::Neg, width);
                let raised = this.binary(scalar, Binary::Max, x, low);
                let within = this.binary(scalar, Binary::Min, raised, width);
                this.binary(scalar, Binary::Sub, x, within)
            }),
            (Function::Quantize, [x, step]) => self.each(scalar, x, step, |this, scalar, x, step| {
                let steps = this.binary(scalar, Binary::Div, x, step);
                let whole = this.unary(scalar, Unary::Round, steps);
                this.binary(scalar, Binary::Mul, whole, step)
            }),
            _ => Vec::new(),
        }
    }
}
