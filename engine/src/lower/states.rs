//! State blocks: which slot keeps what, and what their equations come to.
//!
//! **Binding.** What a block of the whole model keeps is a value of the finished state like any signal: the body of the
//! outputs makes it, and reads that of the state before. So a slot is signals, without a name that a scenario could use: one
//! a lane, whose name is the block's key, and one that is true, always, which tells in the first state that there is none
//! before it. They are part of what is hashed, and who goes on from a state has them with it. What a block keeps of each row
//! is a column, of the member that [`State::place`](crate::types::State) says.

use diptych_protocol::body::Op;
use diptych_protocol::graph::NodeKind;
use diptych_protocol::id::{Id, InputId, SignalId, ValueId};
use diptych_protocol::program::{Input, Signal};
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Type, Value};

use crate::lower::expressions::Flattener;
use crate::lower::graph::Key;
use crate::lower::{World, with_lane};
use crate::types::{self, Model, State};

/// Where a block of the whole model keeps something: the signals of its lanes, and behind them whether it has begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    first: u32,
    lanes: u32,
}

/// A slot a block, behind all other signals.
pub(super) fn slots(model: &Model<'_>, first: u32) -> Vec<Option<Slot>> {
    let mut next = first;
    let slot = |state: &State| {
        state.place.is_none().then(|| {
            let slot = Slot { first: next, lanes: u32::from(state.keep.ty.lanes) };
            next += slot.lanes + 1;
            slot
        })
    };
    model.states.iter().map(slot).collect()
}

/// The signals of all slots.
pub(super) fn signals<'w>(world: &'w World<'_>) -> impl Iterator<Item = Signal> + 'w {
    let states = world.model.states.iter().filter(|state| state.place.is_none());
    states.flat_map(|state| {
        let ty = state.keep.ty;
        let kept = ty.lane_names().iter().map(move |lane| (with_lane(&state.key, lane), Type { lanes: 1, ..ty }));
        let begun = (format!("{} has begun", state.key), Type::scalar(Scalar::Bool));
        kept.chain([begun]).map(|(name, ty)| Signal { name, ty, named: false, span: state.span })
    })
}

/// What is set from outside, and where it is kept. In the order of the text.
pub(super) fn inputs(world: &World<'_>) -> Table<InputId, Input> {
    let mut written: Vec<&types::Input> = world.model.inputs.iter().collect();
    written.sort_by_key(|input| input.span.start);
    let inputs = written.into_iter().filter_map(|input| {
        let slot = world.slots.get(input.state).copied().flatten()?;
        Some(Input {
            name: input.name.clone(),
            ty: input.ty,
            kept: SignalId::new(slot.first),
            begun: SignalId::new(slot.first + slot.lanes),
            range: input.range,
            span: input.span,
        })
    });
    inputs.collect()
}

impl Flattener<'_> {
    /// An input of a state block, or what comes out of it. Computed once.
    pub(super) fn state(&mut self, state: usize, input: Option<usize>) -> Vec<ValueId> {
        if let Some(known) = self.states.get(&(state, input)).cloned() {
            if input.is_none() {
                self.leans_on(Key::State(state));
            }
            return known;
        }
        let Some(world) = self.world else { return Vec::new() };
        let it = &world.model.states[state];
        let lanes = match input {
            None => {
                let key = Key::State(state);
                self.drawn(key, NodeKind::State, it.key.clone(), it.span, it.out.ty, |this| this.lanes(&it.out))
            }
            Some(input) => it.inputs.get(input).and_then(Option::as_ref).map_or(Vec::new(), |typed| self.lanes(typed)),
        };
        self.states.insert((state, input), lanes.clone());
        lanes
    }

    fn slot(&self, state: usize) -> Option<Slot> {
        self.world?.slots.get(state).copied().flatten()
    }

    /// What a block of the whole model kept.
    pub(super) fn kept(&mut self, state: usize, ty: Type) -> Vec<ValueId> {
        let Some(slot) = self.slot(state) else { return Vec::new() };
        let lanes = slot.first..slot.first + slot.lanes;
        lanes.map(|lane| self.push(ty.scalar, Op::Signal(SignalId::new(lane)))).collect()
    }

    /// Whether it has kept anything.
    pub(super) fn started(&mut self, state: usize) -> Vec<ValueId> {
        let Some(slot) = self.slot(state) else { return Vec::new() };
        vec![self.push(Scalar::Bool, Op::Signal(SignalId::new(slot.first + slot.lanes)))]
    }

    /// Gives what all blocks of the whole model keep, as [`signals`] lists them.
    pub(super) fn keep(&mut self) {
        let Some(world) = self.world else { return };
        for state in world.model.states.iter().filter(|state| state.place.is_none()) {
            for lane in self.lanes(&state.keep) {
                self.builder.result(lane);
            }
            let begun = self.builder.constant(Value::Bool(true));
            self.builder.result(begun);
        }
    }
}
