//! Invariants of conditions: which rows may be among the nearest.

use crate::body::{Binary, Body, Loop, Op, Over, Update};
use crate::id::{BodyId, LoopId, ValueId};
use crate::limits::OFFERED_MAX;
use crate::program::Program;
use crate::types::{Scalar, Value};

/// What is wrong with the condition of a loop in a body.
pub(super) fn problem(program: &Program, id: BodyId, walked: &Loop, among: BodyId) -> Option<&'static str> {
    if among >= id {
        return Some("its condition is no earlier body");
    }
    if walked.question.is_some() {
        return Some("it has a condition, and a question of its own");
    }
    let body = &program.bodies[among];
    let given: Vec<Scalar> = body.results.iter().map(|value| body.ops[*value].scalar).collect();
    let bits = body.results.first().map(|value| body.ops[*value].op);
    let (Some(Op::Result(it, place)), [Scalar::U32, Scalar::Bool], true) = (bits, &*given, body.stores.is_empty())
    else {
        return Some("its condition gives no bits, or not whether a row asks");
    };
    let offered = &body.loops[it];
    let same = match &offered.over {
        Over::Nearest { index, count, among: None, .. } => Some(*index) == walked.over.index() && *count == OFFERED_MAX,
        _ => false,
    };
    if !same {
        return Some("its condition goes over other rows");
    }
    (!bit_by_bit(body, it, offered, place)).then_some("a turn of its condition tells more than its own bit")
}

/// Whether turn t of a loop sets bit t of what it carries, or not, whatever the other turns do.
fn bit_by_bit(body: &Body, it: LoopId, offered: &Loop, place: u16) -> bool {
    let op = |value: ValueId| body.ops.get(value).map(|typed| typed.op);
    let starts = |place: u16, with: u32| {
        let carried = offered.carried.get(usize::from(place))?;
        (op(carried.start) == Some(Op::Const(Value::U32(with)))).then_some(carried.update)
    };
    // The bits, and the one of the turn.
    let Some(Update::Add(bit, Some(_))) = starts(place, 0) else { return false };
    let Some(Op::Carried(of, second)) = op(bit) else { return false };
    let Some(Update::Set(double)) = starts(second, 1) else { return false };
    let doubles = op(double) == Some(Op::Binary(Binary::Add, bit, bit));
    // Nothing else in the turn looks at what is carried.
    let carried = |value: ValueId| matches!(op(value), Some(Op::Carried(of, _)) if of == it);
    let inside = || offered.body().map(|at| ValueId(at as u32));
    let looked_at = inside().filter(|at| *at != double).any(|at| op(at).is_some_and(|op| op.operands().any(carried)));
    let inner = body.loops.values().filter(|inner| inside().any(|at| at == inner.at));
    let looks = |inner: &Loop| inner.values().any(carried);
    of == it
        && doubles
        && offered.active.is_none()
        && offered.carried.len() == 2
        && !looked_at
        && !inner.into_iter().any(looks)
}
