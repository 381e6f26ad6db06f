//! The equations of state blocks: the table of [`super`], made of typed expressions.

use diptych_protocol::body::{Binary, Compare, Unary};
use diptych_protocol::types::{Scalar, Type, Value};

use crate::types::states::Block;
use crate::types::typed::{Function, Kind, Typed};

/// What comes out of a block with these inputs, and what it keeps. `before` is what it kept, nothing in the first state.
/// Nothing where the inputs are not those of the block.
pub(super) fn equations(block: Block, inputs: &[Typed], before: Option<&Typed>, dt: f64) -> Option<(Typed, Typed)> {
    let kept = match (block, inputs, before) {
        (Block::Delay, [x], None) => return Some((x.clone(), x.clone())),
        (Block::Delay, [x, first], None) => return Some((first.clone(), x.clone())),
        (Block::Delay, [x, ..], Some(m)) => return Some((m.clone(), x.clone())),
        (Block::Rises | Block::Falls, [c], None) => return Some((truth(false), c.clone())),
        (Block::Rises, [c], Some(m)) => return Some((and(c, &not(m)), c.clone())),
        (Block::Falls, [c], Some(m)) => return Some((and(m, &not(c)), c.clone())),
        (Block::Crosses, [x, level], before) => {
            let above = compare(Compare::Ge, x, level);
            return Some((before.map_or_else(|| truth(false), |m| compare(Compare::Ne, m, &above)), above));
        }
        (Block::Starts, [], before) => return Some((truth(before.is_none()), truth(true))),
        (Block::Lag | Block::Slew | Block::Hold | Block::Accumulate, [x, ..], None) => x.clone(),
        (Block::Lag, [x, tau], Some(m)) => {
            let tau = binary(Binary::Max, tau, &like(tau, 0.0));
            let decay = unary(Unary::Exp, &binary(Binary::Div, &like(&tau, -dt), &tau));
            let share = binary(Binary::Sub, &like(&tau, 1.0), &decay);
            binary(Binary::Add, m, &binary(Binary::Mul, &binary(Binary::Sub, x, m), &share))
        }
        (Block::Slew, [x, up, rest @ ..], Some(m)) => {
            // Nobody goes the other way: a rate below 0 is 0.
            let step = |rate: &Typed| {
                let rate = binary(Binary::Max, rate, &like(rate, 0.0));
                binary(Binary::Mul, &rate, &like(&rate, dt))
            };
            let lowest = unary(Unary::Neg, &step(rest.first().unwrap_or(up)));
            let way = binary(Binary::Sub, x, m);
            let bounded = Typed::new(way.ty, Kind::Call(Function::Clamp, vec![way, lowest, step(up)]));
            binary(Binary::Add, m, &bounded)
        }
        (Block::Phasor, [rate], None) => like(rate, 0.0),
        (Block::Phasor, [_, start], None) => fraction(start),
        (Block::Phasor, [rate, ..], Some(m)) => {
            fraction(&binary(Binary::Add, m, &binary(Binary::Mul, rate, &like(rate, dt))))
        }
        (Block::Hold, [x, c], Some(m)) => select(c.clone(), x.clone(), m.clone()),
        (Block::Accumulate, [x], Some(m)) => binary(Binary::Add, m, x),
        (Block::Accumulate, [x, c], Some(m)) => select(c.clone(), x.clone(), binary(Binary::Add, m, x)),
        (Block::Latch, [set, reset], None) => and(set, &not(reset)),
        (Block::Latch, [set, reset], Some(m)) => and(&logic(Binary::Or, m, set), &not(reset)),
        _ => return None,
    };
    Some((kept.clone(), kept))
}

/// One of two values.
pub(in crate::types) fn select(c: Typed, a: Typed, b: Typed) -> Typed {
    Typed::new(a.ty, Kind::Select(Box::new(c), Box::new(a), Box::new(b)))
}

/// Lane by lane; a scalar goes with every lane.
pub(in crate::types) fn binary(op: Binary, a: &Typed, b: &Typed) -> Typed {
    let ty = if a.ty.lanes >= b.ty.lanes { a.ty } else { b.ty };
    Typed::new(ty, Kind::Binary(op, Box::new(a.clone()), Box::new(b.clone())))
}

fn unary(op: Unary, a: &Typed) -> Typed {
    Typed::new(a.ty, Kind::Unary(op, Box::new(a.clone())))
}

pub(in crate::types) fn compare(op: Compare, a: &Typed, b: &Typed) -> Typed {
    Typed::new(Type::scalar(Scalar::Bool), Kind::Compare(op, Box::new(a.clone()), Box::new(b.clone())))
}

pub(in crate::types) fn logic(op: Binary, a: &Typed, b: &Typed) -> Typed {
    Typed::new(a.ty, Kind::Binary(op, Box::new(a.clone()), Box::new(b.clone())))
}

fn and(a: &Typed, b: &Typed) -> Typed {
    logic(Binary::And, a, b)
}

pub(in crate::types) fn not(a: &Typed) -> Typed {
    unary(Unary::Not, a)
}

pub(in crate::types) fn truth(truth: bool) -> Typed {
    Typed::value(Value::Bool(truth))
}

/// A number in the precision of another.
pub(in crate::types) fn like(other: &Typed, value: f64) -> Typed {
    Typed::value(Value::F64(value)).converted(other.ty.scalar)
}

/// The part of a number behind the point, in `0 .. 1`: what is so little below a whole number that it would come to 1 is 0.
pub(in crate::types) fn fraction(x: &Typed) -> Typed {
    let part = Typed::new(x.ty, Kind::Call(Function::Fract, vec![x.clone()]));
    select(compare(Compare::Lt, &part, &like(x, 1.0)), part, like(x, 0.0))
}
