//! Loops: turn by turn, each computed for all lanes, counted for those that it is for.

use diptych_protocol::body::Update;

use super::plan::{LoopPlan, Plan};
use super::{State, arithmetic, copy};
use crate::body::block::{Block, Lists, Shared, Turns};
use crate::body::column::Column;

/// Where a loop stands.
#[derive(Clone, Default, Debug)]
pub(super) struct LoopState {
    /// The place of the other that all lanes share, and its row.
    pub place: usize,
    pub row: u32,
    /// The other of each lane, where lanes have lists; 0 where a lane's list is over.
    pub others: Vec<u32>,
    /// The counter of each lane.
    pub counters: Vec<i32>,
    /// Lanes that make turns.
    live: Vec<u8>,
    /// Lanes that this turn is for; from the loop's condition on, lanes that it counts for.
    turn: Vec<u8>,
}

impl LoopState {
    pub fn grow(&mut self, lanes: usize) {
        self.others.resize(lanes, 0);
        self.counters.resize(lanes, 0);
        self.live.resize(lanes, 0);
        self.turn.resize(lanes, 0);
    }
}

fn any(mask: &[u8]) -> bool {
    mask.iter().fold(0, |all, lane| all | lane) != 0
}

fn and(mask: &mut [u8], other: &Column) {
    if let Column::Bool(other) = other {
        mask.iter_mut().zip(other).for_each(|(mask, other)| *mask &= other);
    }
}

impl State {
    pub(super) fn run_loop(&mut self, plan: &Plan, it: usize, block: &Block<'_>, lanes: usize, inside: Option<usize>) {
        let walked = &plan.loops[it];
        for carried in &walked.carried {
            if let Ok([start, at]) = self.buffers.get_disjoint_mut([carried.start, carried.at]) {
                copy(start, at, lanes);
            }
        }
        let (outer, rest) = self.loops.split_at_mut(it);
        let live = &mut rest[0].live[..lanes];
        live.copy_from_slice(&inside.map_or(&self.rows, |outside| &outer[outside].turn)[..lanes]);
        if let Some(mask) = walked.mask {
            and(live, &self.buffers[mask]);
        }
        if any(live) {
            match &block.loops[it] {
                Turns::Shared(shared) => self.shared(plan, it, shared, block, lanes),
                Turns::Lists(lists) => self.lists(plan, it, lists, block, lanes),
                Turns::Count => self.count(plan, it, block, lanes),
            }
        }
    }

    fn shared(&mut self, plan: &Plan, it: usize, shared: &Shared<'_>, block: &Block<'_>, lanes: usize) {
        let vector = shared.apart.map_or(lanes, |apart| apart.lanes);
        for first in (0..lanes).step_by(vector) {
            let vector = first..lanes.min(first + vector);
            for run in shared.runs_of(first) {
                for place in run.start..run.end {
                    let state = &mut self.loops[it];
                    state.place = place as usize;
                    state.row = shared.rows.map_or(place, |rows| rows[place as usize]);
                    state.turn[..vector.start].fill(0);
                    state.turn[vector.end..lanes].fill(0);
                    state.turn[vector.clone()].copy_from_slice(&state.live[vector.clone()]);
                    if run.own {
                        for (turn, own) in state.turn.iter_mut().zip(&block.rows[..lanes]) {
                            *turn &= u8::from(*own != state.row);
                        }
                    }
                    self.turn(plan, it, block, lanes);
                }
            }
        }
    }

    fn lists(&mut self, plan: &Plan, it: usize, lists: &Lists<'_>, block: &Block<'_>, lanes: usize) {
        let length = |lane: usize| lists.starts[lane + 1] - lists.starts[lane];
        let live = &self.loops[it].live;
        let longest = (0..lanes).filter(|&lane| live[lane] != 0).map(length).max().unwrap_or(0);
        for number in 0..longest {
            let LoopState { others, live, turn, .. } = &mut self.loops[it];
            for lane in 0..lanes {
                let at = lists.starts[lane] + number;
                let more = at < lists.starts[lane + 1];
                others[lane] = if more { lists.rows[at as usize] } else { 0 };
                turn[lane] = live[lane] & u8::from(more);
            }
            self.turn(plan, it, block, lanes);
        }
    }

    fn count(&mut self, plan: &Plan, it: usize, block: &Block<'_>, lanes: usize) {
        let Some((first, end)) = plan.loops[it].count else { return };
        let left = |state: &State, lane: usize| match (&state.buffers[first], &state.buffers[end]) {
            (Column::I32(first), Column::I32(end)) => i64::from(end[lane]) - i64::from(first[lane]),
            _ => 0,
        };
        let live = &self.loops[it].live;
        let longest = (0..lanes).filter(|&lane| live[lane] != 0).map(|lane| left(self, lane)).max().unwrap_or(0);
        for number in 0..longest.max(0) {
            for lane in 0..lanes {
                let more = number < left(self, lane);
                let first = if let Column::I32(first) = &self.buffers[first] { first[lane] } else { 0 };
                let LoopState { counters, live, turn, .. } = &mut self.loops[it];
                counters[lane] = first.wrapping_add(number as i32);
                turn[lane] = live[lane] & u8::from(more);
            }
            self.turn(plan, it, block, lanes);
        }
    }

    /// One turn. What comes behind the condition is left out where it counts for nobody, and nobody asks: no operation has an effect.
    fn turn(&mut self, plan: &Plan, it: usize, block: &Block<'_>, lanes: usize) {
        let walked = &plan.loops[it];
        if let Some(active) = walked.active {
            self.steps(plan, walked.head.clone(), block, lanes, Some(it));
            and(&mut self.loops[it].turn[..lanes], &self.buffers[active]);
        }
        if any(&self.loops[it].turn[..lanes]) {
            self.steps(plan, walked.tail.clone(), block, lanes, Some(it));
            self.ask(walked, it, block);
            self.update(walked, it, lanes);
        }
    }

    fn ask(&mut self, walked: &LoopPlan, it: usize, block: &Block<'_>) {
        for ask in &walked.asks {
            let Column::Bool(when) = &self.buffers[ask.when] else { continue };
            let lanes = self.loops[it].turn.iter().zip(when).zip(&block.rows[..block.count]).enumerate();
            for (lane, (_, row)) in lanes.filter(|(_, ((turn, when), _))| **turn & **when != 0) {
                self.requests[ask.number].push(*row, ask.values.iter().map(|at| &self.buffers[*at]), lane);
            }
        }
    }

    fn update(&mut self, walked: &LoopPlan, it: usize, lanes: usize) {
        let mask = &mut self.mask[..lanes];
        for carried in &walked.carried {
            mask.copy_from_slice(&self.loops[it].turn[..lanes]);
            if let Some(when) = carried.when {
                and(mask, &self.buffers[when]);
            }
            let Ok([value, at]) = self.buffers.get_disjoint_mut([carried.value, carried.at]) else { continue };
            match carried.update {
                Update::Set(_) => arithmetic::set(at, value, mask),
                Update::Add(..) => arithmetic::add(at, value, false, mask),
                Update::Sub(..) => arithmetic::add(at, value, true, mask),
            }
        }
    }
}
