//! In which order operations are emitted, and which of them are skipped where no lane needs them.
//!
//! Both sides of a condition are computed, and one is taken: for what costs little that is cheapest. A draw, a function
//! that is called or a value from anywhere is worth a jump. Such an operation is *demanded* where a condition is true:
//! because a selection takes it only there, because both sides of an `and` must be true, or because a turn counts only
//! there. It stands in a *region*, with all that only it needs and that needs it only there; where the region's
//! conditions are false in all lanes it is jumped over, and its values are zeros that nobody takes.

use diptych_protocol::body::{At, Binary, Body, Op, Unary, Update};
use diptych_protocol::id::{Id, LoopId, ValueId};
use diptych_protocol::types::Scalar;

use super::plan::Plan;

/// Conditions of a region, at most.
const CONDITIONS: usize = 3;

/// What is emitted next.
#[derive(Debug)]
pub(super) enum Step {
    Op(ValueId),
    Region(Region),
}

/// Operations that are skipped together.
#[derive(Debug)]
pub(super) struct Region {
    /// In the lanes where one of these is true the operations may be needed.
    pub conditions: Vec<ValueId>,
    /// In order.
    pub ops: Vec<ValueId>,
    /// Those whose values are used outside.
    pub gives: Vec<ValueId>,
}

/// Where a value is needed.
#[derive(Clone, PartialEq, Debug)]
enum Demand {
    Nowhere,
    /// Where one of these is true.
    Where(Vec<ValueId>),
    Everywhere,
}

/// The order of a body's operations outside of loops, or of those in a loop's body outside of loops in there.
pub(super) fn order(body: &Body, plan: &Plan, it: Option<LoopId>) -> Vec<Step> {
    let scope = Scope::new(body, plan, it);
    scope.arrange(scope.ops.clone(), &vec![false; body.ops.len()])
}

/// Operations that stand side by side.
struct Scope<'a> {
    body: &'a Body,
    plan: &'a Plan,
    /// Those that are needed.
    ops: Vec<ValueId>,
    demands: Vec<Demand>,
    /// Which dear operations a value is computed from: a bit for each, or for some.
    from: Vec<u128>,
    /// What comes out.
    ends: Vec<ValueId>,
}

impl<'a> Scope<'a> {
    fn new(body: &'a Body, plan: &'a Plan, it: Option<LoopId>) -> Self {
        let range = it.map_or(0..body.ops.len(), |it| body.loops[it].body());
        let mut ops = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let id = ValueId::new(at as u32);
            at = match body.ops[id].op {
                Op::Loop(inner) => body.loops[inner].end.index(),
                _ => at + 1,
            };
            if plan.needed[id.index()] {
                ops.push(id);
            }
        }
        let demands = vec![Demand::Nowhere; body.ops.len()];
        let mut scope = Self { body, plan, ops, demands, from: vec![0; body.ops.len()], ends: Vec::new() };
        scope.trace();
        scope.demand_ends(it);
        scope.demand_operands();
        scope
    }

    fn trace(&mut self) {
        let mut next = 0;
        for &id in &self.ops {
            let inputs = self.plan.inputs(self.body, id);
            let mut from = inputs.into_iter().fold(0, |from, input| from | self.from[input.index()]);
            if dear(self.body, id) {
                from |= 1 << (next % 128);
                next += 1;
            }
            self.from[id.index()] = from;
        }
    }

    fn demand_ends(&mut self, it: Option<LoopId>) {
        let body = self.body;
        let mut ends: Vec<(ValueId, Demand)> = Vec::new();
        match it {
            None => {
                let all = body.stores.iter().map(|store| store.value).chain(body.results.iter().copied());
                ends.extend(all.map(|value| (value, Demand::Everywhere)));
            }
            Some(it) => {
                let active = body.loops[it].active;
                ends.extend(active.map(|active| (active, Demand::Everywhere)));
                let counts = active.map_or(Demand::Everywhere, |active| Demand::Where(vec![active]));
                for (carried, needed) in body.loops[it].carried.iter().zip(&self.plan.carried[it.index()]) {
                    if !needed {
                        continue;
                    }
                    let adds = match carried.update {
                        Update::Add(_, Some(when)) | Update::Sub(_, Some(when)) if active.is_none() => {
                            Demand::Where(vec![when])
                        }
                        _ => counts.clone(),
                    };
                    ends.push((carried.update.value(), adds));
                    ends.extend(carried.update.when().map(|when| (when, counts.clone())));
                }
                for ask in &body.loops[it].asks {
                    ends.push((ask.when, Demand::Everywhere));
                    ends.extend(ask.values.iter().map(|value| (*value, Demand::Where(vec![ask.when]))));
                }
            }
        }
        for (value, demand) in ends {
            self.ends.push(value);
            self.demand(value, demand);
        }
    }

    /// From the last to the first: what uses a value stands behind it.
    fn demand_operands(&mut self) {
        for id in self.ops.clone().into_iter().rev() {
            let here = self.demands[id.index()].clone();
            match self.body.ops[id].op {
                Op::Select(condition, a, b) => {
                    self.demand(condition, here.clone());
                    self.demand_where(condition, a, here.clone());
                    self.demand(b, here);
                }
                // What stands first decides about the other.
                Op::Binary(Binary::And, a, b) if self.body.ops[id].scalar == Scalar::Bool => {
                    let (first, second) = if a <= b { (a, b) } else { (b, a) };
                    self.demand(first, here.clone());
                    self.demand_where(first, second, here);
                }
                Op::Loop(_) => {
                    self.plan.inputs(self.body, id).into_iter().for_each(|value| self.demand(value, Demand::Everywhere))
                }
                _ => self.plan.inputs(self.body, id).into_iter().for_each(|value| self.demand(value, here.clone())),
            }
        }
    }

    /// A value is needed where a condition is true. If that needs the same dear operations, they cannot wait for it, and the
    /// value is as good as needed wherever the whole is.
    fn demand_where(&mut self, condition: ValueId, value: ValueId, whole: Demand) {
        let apart = self.from[condition.index()] & self.from[value.index()] == 0;
        self.demand(value, if apart { Demand::Where(vec![condition]) } else { whole });
    }

    fn demand(&mut self, value: ValueId, demand: Demand) {
        let known = &mut self.demands[value.index()];
        match (&mut *known, demand) {
            (_, Demand::Nowhere) | (Demand::Everywhere, _) => {}
            (Demand::Where(known), Demand::Where(more)) => {
                known.extend(more);
                known.sort_unstable();
                known.dedup();
                if known.len() > CONDITIONS {
                    self.demands[value.index()] = Demand::Everywhere;
                }
            }
            (_, demand) => *known = demand,
        }
    }

    /// Orders operations, of which `late` are to come after them.
    fn arrange(&self, ops: Vec<ValueId>, late: &[bool]) -> Vec<Step> {
        let dear = ops.iter().filter(|id| dear(self.body, **id));
        let mut found = dear.filter_map(|id| match &self.demands[id.index()] {
            Demand::Where(conditions) if !conditions.iter().any(|condition| late[condition.index()]) => {
                self.region(&ops, *id, conditions.clone())
            }
            _ => None,
        });
        let Some((region, before, after)) = found.next() else {
            return ops.into_iter().map(Step::Op).collect();
        };
        let mut later = late.to_vec();
        region.ops.iter().chain(&after).for_each(|id| later[id.index()] = true);
        let mut steps = self.arrange(before, &later);
        steps.push(Step::Region(region));
        steps.extend(self.arrange(after, late));
        steps
    }

    /// The region of an operation, what comes before it and what comes after it.
    fn region(
        &self,
        ops: &[ValueId],
        dear: ValueId,
        conditions: Vec<ValueId>,
    ) -> Option<(Region, Vec<ValueId>, Vec<ValueId>)> {
        // What the conditions are computed from comes before.
        let mut decides = vec![false; self.body.ops.len()];
        conditions.iter().for_each(|condition| decides[condition.index()] = true);
        for id in self.ops.iter().rev().filter(|id| **id <= *conditions.last().unwrap_or(id)) {
            if decides[id.index()] {
                self.plan.inputs(self.body, *id).into_iter().for_each(|input| decides[input.index()] = true);
            }
        }
        let only_there = |id: ValueId| match &self.demands[id.index()] {
            Demand::Where(mine) => mine.iter().all(|condition| conditions.contains(condition)),
            _ => false,
        };
        let (mut inside, mut behind) = (vec![false; self.body.ops.len()], vec![false; self.body.ops.len()]);
        let mut sorted: [Vec<ValueId>; 3] = Default::default();
        for &id in ops {
            let inputs = self.plan.inputs(self.body, id);
            let late = inputs.iter().any(|input| behind[input.index()]);
            let uses = inputs.iter().any(|input| inside[input.index()]);
            let place = match () {
                () if !late && skips(self.body.ops[id].op) && !decides[id.index()] && only_there(id) => 1,
                () if late || uses => 2,
                () => 0,
            };
            (inside[id.index()], behind[id.index()]) = (place == 1, place == 2);
            sorted[place].push(id);
        }
        let [before, members, after] = sorted;
        if !inside[dear.index()] {
            return None;
        }
        let mut used = vec![false; self.body.ops.len()];
        self.ends.iter().for_each(|end| used[end.index()] = true);
        let others = self.ops.iter().filter(|id| !inside[id.index()]);
        others.flat_map(|id| self.plan.inputs(self.body, *id)).for_each(|input| used[input.index()] = true);
        let gives = members.iter().copied().filter(|id| used[id.index()]).collect();
        Some((Region { conditions, ops: members, gives }, before, after))
    }
}

/// Whether an operation may stand in a region: no loop, and nothing that is emitted where it is first used anyway.
fn skips(op: Op) -> bool {
    match op {
        Op::Read { at, .. } => matches!(at, At::Row(_)),
        Op::Draw { .. } => true,
        op => op.operands().next().is_some(),
    }
}

/// Whether an operation costs more than a jump.
fn dear(body: &Body, id: ValueId) -> bool {
    let typed = body.ops[id];
    match typed.op {
        Op::Draw { .. } | Op::Read { at: At::Row(_), .. } => true,
        Op::Unary(op, _) => !matches!(
            op,
            Unary::Neg
                | Unary::Abs
                | Unary::Not
                | Unary::Sqrt
                | Unary::Floor
                | Unary::Ceil
                | Unary::Round
                | Unary::Trunc
        ),
        Op::Binary(Binary::Pow | Binary::Atan2 | Binary::Rem, ..) => true,
        Op::Binary(Binary::Div, ..) => typed.scalar.is_integer(),
        _ => false,
    }
}
