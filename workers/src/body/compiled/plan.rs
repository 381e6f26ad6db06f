//! What of a body is needed, and where the code finds its data.

use diptych_protocol::body::{Body, Op, Over, Update};
use diptych_protocol::id::{Id, LoopId, ValueId};
use diptych_protocol::program::Program;

use super::grain::Grains;
use super::regions::{self, Step};
use super::words::{Kind, Words};
use crate::body::slots::Slots;

/// What any generator needs to know of a body.
pub(super) struct Plan {
    pub lanes: usize,
    /// Whether it reads the rows of its lanes.
    pub rows: bool,
    pub slots: Slots,
    pub words: Words,
    /// What each loop's turns come as.
    pub kinds: Vec<Kind>,
    /// Whether an operation is needed.
    pub needed: Vec<bool>,
    /// Which are computed in bytes.
    pub grains: Grains,
    /// In which order what stands outside of loops is emitted, and what stands in the body of each.
    pub outside: Vec<Step>,
    pub inside: Vec<Vec<Step>>,
    /// Of each loop, which carried values are needed.
    pub carried: Vec<Vec<bool>>,
    /// One past the last signal that is read.
    pub signals: usize,
    /// One past the last reduction that is read.
    pub reduced: usize,
}

impl Plan {
    /// For so many lanes, perhaps computing in bytes what can be.
    pub(super) fn new(program: &Program, body: &Body, lanes: usize, in_bytes: bool) -> Self {
        let slots = Slots::of(program, body);
        let kinds: Vec<Kind> = body.loops.values().map(Kind::of).collect();
        let words = Words::new(&slots, &kinds);
        let mut need = Need::new(body);
        need.all();
        let after = |id: Option<usize>| id.map_or(0, |id| id + 1);
        let signals = after(
            body.ops.values().filter_map(|t| if let Op::Signal(s) = t.op { Some(s.index()) } else { None }).max(),
        );
        let reduced = after(
            body.ops.values().filter_map(|t| if let Op::Reduced(r) = t.op { Some(r.index()) } else { None }).max(),
        );
        let rows = body.asks_rows();
        let grains = if in_bytes { Grains::bytes(body) } else { Grains::words(body) };
        let mut plan = Self {
            lanes,
            rows,
            slots,
            words,
            kinds,
            needed: need.needed,
            grains,
            outside: Vec::new(),
            inside: Vec::new(),
            carried: need.carried,
            signals,
            reduced,
        };
        plan.outside = regions::order(body, &plan, None);
        for step in &plan.outside {
            if let Step::Region(region) = step {
                region.ops.iter().for_each(|id| plan.grains.widen(*id));
            }
        }
        plan.inside = body.loops.iter().map(|(it, _)| regions::order(body, &plan, Some(it))).collect();
        plan
    }

    /// Whether computing in bytes pays: where nothing goes over others.
    pub(super) fn pays_in_bytes(body: &Body) -> bool {
        let mut need = Need::new(body);
        need.all();
        Grains::bytes(body).pay(body, &need.needed)
    }

    /// What a loop's turns use of what stands before the loop, and how often.
    pub(super) fn free(&self, body: &Body, it: LoopId) -> Vec<(ValueId, usize)> {
        let walked = &body.loops[it];
        let range = walked.body();
        let mut uses = vec![0usize; walked.at.index()];
        let mut count = |value: ValueId| {
            if value < walked.at {
                uses[value.index()] += 1;
            }
        };
        self.ends(body, it, &mut count);
        for place in range {
            let Some(typed) = body.ops.get(ValueId::new(place as u32)) else { continue };
            if !self.needed[place] {
                continue;
            }
            typed.op.operands().for_each(&mut count);
            match typed.op {
                Op::Delta(of, axis) => {
                    body.loops[of].over.from().get(usize::from(axis)).into_iter().for_each(|v| count(*v))
                }
                Op::Loop(inner) => {
                    let inside = &body.loops[inner];
                    inside.mask.into_iter().for_each(&mut count);
                    if let Over::Count { first, end } = inside.over {
                        count(first);
                        count(end);
                    }
                    for (carried, needed) in inside.carried.iter().zip(&self.carried[inner.index()]) {
                        if *needed {
                            count(carried.start);
                        }
                    }
                    self.ends(body, inner, &mut count);
                }
                _ => {}
            }
        }
        uses.iter().enumerate().filter(|(_, n)| **n > 0).map(|(i, n)| (ValueId::new(i as u32), *n)).collect()
    }

    /// What an operation is computed from.
    pub(super) fn inputs(&self, body: &Body, id: ValueId) -> Vec<ValueId> {
        let op = &body.ops[id].op;
        let mut inputs: Vec<ValueId> = op.operands().collect();
        match *op {
            Op::Result(it, _) => inputs.push(body.loops[it].at),
            Op::Delta(it, axis) => inputs.extend(body.loops[it].over.from().get(usize::from(axis))),
            Op::Loop(it) => {
                let walked = &body.loops[it];
                inputs.extend(walked.mask);
                if let Over::Count { first, end } = walked.over {
                    inputs.extend([first, end]);
                }
                inputs.extend(walked.carried.iter().map(|carried| carried.start));
                inputs.extend(self.free(body, it).into_iter().map(|(value, _)| value));
            }
            _ => {}
        }
        inputs
    }

    /// What each turn ends with.
    fn ends(&self, body: &Body, it: LoopId, count: &mut impl FnMut(ValueId)) {
        let walked = &body.loops[it];
        walked.active.into_iter().for_each(&mut *count);
        for (carried, needed) in walked.carried.iter().zip(&self.carried[it.index()]) {
            if *needed {
                count(carried.update.value());
                carried.update.when().into_iter().for_each(&mut *count);
            }
        }
        for ask in &walked.asks {
            count(ask.when);
            ask.values.iter().copied().for_each(&mut *count);
        }
    }
}

/// Marks what is needed, from what comes out.
struct Need<'a> {
    body: &'a Body,
    needed: Vec<bool>,
    carried: Vec<Vec<bool>>,
    open: Vec<ValueId>,
}

impl<'a> Need<'a> {
    fn new(body: &'a Body) -> Self {
        let carried = body.loops.values().map(|it| vec![false; it.carried.len()]).collect();
        Self { body, needed: vec![false; body.ops.len()], carried, open: Vec::new() }
    }

    fn value(&mut self, value: ValueId) {
        if let Some(needed) = self.needed.get_mut(value.index())
            && !*needed
        {
            *needed = true;
            self.open.push(value);
        }
    }

    fn all(&mut self) {
        let body = self.body;
        body.stores.iter().map(|store| store.value).chain(body.results.iter().copied()).for_each(|v| self.value(v));
        // A loop that asks for something, and those that it stands in.
        let asking = body.loops.values().filter(|it| !it.asks.is_empty());
        for inner in asking {
            let around = body.loops.values().filter(|it| it.at <= inner.at && inner.end <= it.end);
            around.for_each(|it| self.value(it.at));
            inner.asks.iter().for_each(|ask| {
                self.value(ask.when);
                ask.values.iter().for_each(|value| self.value(*value));
            });
        }
        while let Some(value) = self.open.pop() {
            let op = body.ops[value].op;
            op.operands().for_each(|operand| self.value(operand));
            match op {
                Op::Result(it, place) | Op::Carried(it, place) => {
                    self.value(body.loops[it].at);
                    self.carry(it, usize::from(place));
                }
                Op::Delta(it, axis) => {
                    body.loops[it].over.from().get(usize::from(axis)).into_iter().for_each(|v| self.value(*v));
                }
                Op::Loop(it) => {
                    let walked = &body.loops[it];
                    walked.mask.into_iter().chain(walked.active).for_each(|v| self.value(v));
                    if let Over::Count { first, end } = walked.over {
                        self.value(first);
                        self.value(end);
                    }
                }
                _ => {}
            }
        }
    }

    fn carry(&mut self, it: LoopId, place: usize) {
        let Some(needed) = self.carried[it.index()].get_mut(place) else { return };
        if !std::mem::replace(needed, true) {
            let carried = self.body.loops[it].carried[place];
            self.value(carried.start);
            self.value(carried.update.value());
            if let Update::Add(_, Some(when)) | Update::Sub(_, Some(when)) = carried.update {
                self.value(when);
            }
        }
    }
}
