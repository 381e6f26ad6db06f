//! A body made ready to run: every operand is the place of a buffer, every read a slot.

use diptych_protocol::body::{At, Binary, Body, Compare, Loop, Op, Over, Unary, Update};
use diptych_protocol::id::{Id, LoopId, ValueId};
use diptych_protocol::program::Program;
use diptych_protocol::types::{Scalar, Value};

use crate::body::slots::Slots;

/// What is done, on buffers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Row,
    Frame,
    Time,
    Signal(usize),
    Reduced(usize),
    Own(usize),
    Far { slot: usize, row: usize },
    OfOther { it: usize, slot: usize },
    Other(usize),
    Delta { it: usize, slot: usize, axis: usize, from: usize },
    Draw { site: u32, lane: u8, entity: usize, turn: usize },
    Unary(Unary, usize),
    Binary(Binary, usize, usize),
    Compare(Compare, usize, usize),
    Select(usize, usize, usize),
    Convert(usize),
    Copy(usize),
    Loop(usize),
}

/// A step and the buffer that it writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub step: Step,
    pub out: usize,
}

/// A loop on buffers. Its body is `head`, which ends with what decides whether the turn counts, and `tail`.
#[derive(Clone, Debug)]
pub(super) struct LoopPlan {
    pub mask: Option<usize>,
    pub active: Option<usize>,
    pub head: std::ops::Range<usize>,
    pub tail: std::ops::Range<usize>,
    /// First and end of a counter.
    pub count: Option<(usize, usize)>,
    pub carried: Vec<CarriedPlan>,
    pub asks: Vec<AskPlan>,
}

/// What a turn asks for: the number of that, and the buffers of the condition and the values.
#[derive(Clone, Debug)]
pub(super) struct AskPlan {
    pub number: usize,
    pub when: usize,
    pub values: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct CarriedPlan {
    pub start: usize,
    pub at: usize,
    pub update: Update,
    /// The buffers of the update's value and condition.
    pub value: usize,
    pub when: Option<usize>,
}

/// The whole body.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub steps: Vec<Placed>,
    pub loops: Vec<LoopPlan>,
    /// What each buffer holds; nothing for those that are not used.
    pub buffers: Vec<Option<Scalar>>,
    pub constants: Vec<(usize, Value)>,
    /// The buffers of what comes out.
    pub out: Vec<usize>,
    /// What turns ask with.
    pub requests: Vec<Vec<Scalar>>,
}

/// Where values are kept. Carried values come first, so that every operation writes a buffer behind all that it reads.
struct Places<'a> {
    body: &'a Body,
    /// The first carried value of each loop.
    carried: Vec<usize>,
    all_carried: usize,
}

impl<'a> Places<'a> {
    fn new(body: &'a Body) -> Self {
        let mut next = 0;
        let mut first = |count: usize| {
            next += count;
            next - count
        };
        let carried = body.loops.values().map(|it| first(it.carried.len())).collect();
        Self { body, carried, all_carried: next }
    }

    fn carried(&self, it: LoopId, place: u16) -> usize {
        self.carried[it.index()] + usize::from(place)
    }

    /// Whether a value is needed as the turn found it while the turn's end already changes what is carried.
    fn outlives_its_turn(&self, it: LoopId, value: ValueId) -> bool {
        let walked: &Loop = &self.body.loops[it];
        let used = |c: &diptych_protocol::body::Carried| c.update.value() == value || c.update.when() == Some(value);
        walked.active == Some(value) || walked.carried.iter().any(used)
    }

    fn of(&self, value: ValueId) -> usize {
        match self.body.ops[value].op {
            Op::Result(it, place) => self.carried(it, place),
            Op::Carried(it, place) if !self.outlives_its_turn(it, value) => self.carried(it, place),
            _ => self.all_carried + value.index(),
        }
    }
}

impl Plan {
    pub fn new(program: &Program, body: &Body) -> Self {
        let slots = Slots::of(program, body);
        let places = Places::new(body);
        let of = |value: ValueId| places.of(value);
        let mut plan = Plan {
            steps: Vec::new(),
            loops: Vec::new(),
            buffers: vec![None; places.all_carried + body.ops.len()],
            constants: Vec::new(),
            requests: slots.asks.clone(),
            out: body.stores.iter().map(|s| of(s.value)).chain(body.results.iter().map(|v| of(*v))).collect(),
        };
        // How many steps stand before each operation.
        let mut before = Vec::with_capacity(body.ops.len() + 1);
        for (value, typed) in body.ops.iter() {
            before.push(plan.steps.len());
            let out = of(value);
            if out >= places.all_carried {
                plan.buffers[out] = Some(typed.scalar);
            }
            let step = match typed.op {
                Op::Const(constant) => {
                    plan.constants.push((out, constant));
                    continue;
                }
                Op::Result(..) => continue,
                Op::Carried(it, place) => match places.carried(it, place) {
                    same if same == out => continue,
                    carried => Step::Copy(carried),
                },
                Op::Row => Step::Row,
                Op::Frame => Step::Frame,
                Op::Time => Step::Time,
                Op::Signal(signal) => Step::Signal(signal.index()),
                Op::Reduced(reduction) => Step::Reduced(reduction.index()),
                Op::Read { column, when, at } => match at {
                    At::Own => Step::Own(found(slots.own(column, when, [0; 3]))),
                    At::Shift(offset) => Step::Own(found(slots.own(column, when, offset))),
                    At::Row(row) => Step::Far { slot: found(slots.far(column, when)), row: of(row) },
                    At::Other(it) => Step::OfOther { it: it.index(), slot: found(slots.other(it, column, when)) },
                },
                Op::Data(data) => {
                    Step::Own(slots.own.len() + found(slots.data.iter().position(|(known, _)| *known == data)))
                }
                Op::Draw { site, lane, entity, turn } => Step::Draw { site, lane, entity: of(entity), turn: of(turn) },
                Op::Unary(op, a) => Step::Unary(op, of(a)),
                Op::Binary(op, a, b) => Step::Binary(op, of(a), of(b)),
                Op::Compare(op, a, b) => Step::Compare(op, of(a), of(b)),
                Op::Select(condition, a, b) => Step::Select(of(condition), of(a), of(b)),
                Op::Convert(a) => Step::Convert(of(a)),
                Op::Loop(it) => Step::Loop(it.index()),
                Op::Other(it) => Step::Other(it.index()),
                Op::Delta(it, axis) => {
                    let axis = usize::from(axis);
                    let slot = slots.loops[it.index()].position[axis];
                    Step::Delta { it: it.index(), slot, axis, from: of(body.loops[it].over.from()[axis]) }
                }
            };
            plan.steps.push(Placed { step, out });
        }
        before.push(plan.steps.len());
        for (id, it) in body.loops.iter() {
            for (place, carried) in it.carried.iter().enumerate() {
                plan.buffers[places.carried[id.index()] + place] = Some(body.ops[carried.start].scalar);
            }
            plan.loops.push(loop_plan(&places, &before, id, it));
        }
        plan
    }
}

fn loop_plan(places: &Places<'_>, before: &[usize], id: LoopId, it: &Loop) -> LoopPlan {
    let of = |value: ValueId| places.of(value);
    let body = before[it.at.index() + 1]..before[it.end.index()];
    // One that stands before the loop is known when the turn begins.
    let known = it.active.filter(|active| *active > it.at).map(|active| before[active.index() + 1]);
    let middle = known.unwrap_or(body.start);
    let carried = |(place, carried): (usize, &diptych_protocol::body::Carried)| CarriedPlan {
        start: of(carried.start),
        at: places.carried[id.index()] + place,
        update: carried.update,
        value: of(carried.update.value()),
        when: carried.update.when().map(of),
    };
    LoopPlan {
        mask: it.mask.map(of),
        active: it.active.map(of),
        head: body.start..middle,
        tail: middle..body.end,
        count: match it.over {
            Over::Count { first, end } => Some((of(first), of(end))),
            _ => None,
        },
        carried: it.carried.iter().enumerate().map(carried).collect(),
        asks: (it.asks.iter())
            .map(|ask| AskPlan {
                number: usize::from(ask.number),
                when: of(ask.when),
                values: ask.values.iter().map(|value| of(*value)).collect(),
            })
            .collect(),
    }
}

/// A slot of what the body reads: there is one for each.
fn found(slot: Option<usize>) -> usize {
    match slot {
        Some(slot) => slot,
        None => unreachable!("slots hold all that their body reads"),
    }
}
