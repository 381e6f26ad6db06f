//! One turn of a loop: where its other stands, what it computes, what is remembered of it.

use diptych_protocol::body::{At, Binary, Compare, Op};
use diptych_protocol::id::{Id, LoopId};
use diptych_protocol::types::Scalar;

use super::function::{Function, Parts};
use super::machine::{If, Part};
use super::{calls, words};

/// Where the other of a turn stands.
#[derive(Clone)]
pub(super) enum Place {
    /// At one place for all lanes.
    Shared {
        place: Part,
        /// The columns, as far as they are read.
        columns: Vec<Option<Part>>,
        /// The other's row, if it is asked for.
        row: Option<Part>,
        /// Whether deltas are plain differences.
        straight: bool,
    },
    /// At a place a lane.
    Lists { places: Parts, columns: Vec<Option<Part>>, rows: Parts },
    /// It is a number.
    Count(Parts),
}

impl Function<'_> {
    /// The columns of a loop that its turns read: where they begin.
    pub(super) fn columns(&mut self, it: LoopId, first: usize) -> Vec<Option<Part>> {
        let slots = &self.plan.slots.loops[it.index()];
        let mut read = vec![false; slots.columns.len()];
        for at in self.body.loops[it].body().filter(|at| self.plan.needed[*at]) {
            let slot = match self.op(at) {
                Op::Read { column, when, at: At::Other(of) } if of == it => self.plan.slots.other(it, column, when),
                Op::Delta(of, axis) if of == it => slots.position.get(usize::from(axis)).copied(),
                _ => None,
            };
            if let Some(slot) = slot {
                read[slot] = true;
            }
        }
        read.into_iter().enumerate().map(|(slot, read)| read.then(|| self.word(first + slot))).collect()
    }

    /// Emits a turn. `present` are the lanes that make it, if not all do; those and the condition of the loop decide
    /// what is remembered.
    pub(super) fn turn(&mut self, it: LoopId, place: Place, present: Option<Parts>) {
        let range = self.body.loops[it].body();
        self.forget(range.clone());
        // A loop inside may park what stands outside of this one; where this one makes no turn, it is not parked.
        let parked = self.parked.clone();
        let places = self.places[it.index()].replace(place);
        let guard = std::mem::replace(&mut self.guard, present);
        let plan = self.plan;
        self.steps(&plan.inside[it.index()]);
        let present = std::mem::replace(&mut self.guard, guard);
        let active = self.body.loops[it].active.map(|active| self.value(active));
        let counts = self.both(active, present);
        self.ask(it, counts.as_ref());
        self.remember(it, counts);
        self.places[it.index()] = places;
        self.parked = parked;
        self.forget(range);
    }

    /// Lets whoever listens hear what the turn asks for, in the lanes where it counts.
    fn ask(&mut self, it: LoopId, counts: Option<&Parts>) {
        let body = self.body;
        for ask in &body.loops[it].asks {
            let when = self.value(ask.when);
            let asking = self.both(Some(when), counts.cloned()).unwrap_or_default();
            let any = self.any(&asking);
            let (some, after) = (self.m.block(), self.m.block());
            self.m.branch(If::Any(any), some, after);
            self.enter(some);
            // What is first used in here is not there outside.
            let outside = (self.values.clone(), self.bytes.clone());
            let first = self.plan.words.asks[usize::from(ask.number)];
            self.put(Scalar::Bool, first + 1, &asking);
            for (word, &value) in (first + words::ASK_VALUES..).zip(&ask.values) {
                let scalar = self.scalar(value);
                let parts = self.value(value);
                let parts = self.canonical(scalar, parts);
                self.put(scalar, word, &parts);
            }
            let [listener, rows, count] = [first, words::ROWS, words::COUNT].map(|word| self.word(word));
            let lanes = self.m.number(self.lanes as i64);
            self.m.call(calls::ask(), &[listener, rows, count, self.lane, lanes]);
            (self.values, self.bytes) = outside;
            self.m.jump(after);
            self.enter(after);
        }
    }

    /// What was computed in a turn is none of the next one's.
    fn forget(&mut self, range: std::ops::Range<usize>) {
        self.values[range.clone()].fill(None);
        self.bytes[range.clone()].fill(None);
        self.parked[range].fill(None);
    }

    /// A column's value of the other.
    pub(super) fn other(&mut self, it: LoopId, scalar: Scalar, slot: Option<usize>) -> Parts {
        const WRONG: &str = "a value of another outside of its loop";
        let Some(slot) = slot else { return self.wrong(scalar, WRONG) };
        match self.places[it.index()].clone() {
            Some(Place::Shared { place, columns, .. }) => {
                let Some(base) = columns[slot] else { return self.wrong(scalar, WRONG) };
                let at = self.m.address(base, place, scalar);
                self.broadcast(scalar, at)
            }
            Some(Place::Lists { places, columns, .. }) => {
                let Some(base) = columns[slot] else { return self.wrong(scalar, WRONG) };
                self.gather(scalar, base, &places)
            }
            _ => self.wrong(scalar, WRONG),
        }
    }

    /// The other's row, or the counter.
    pub(super) fn other_row(&mut self, it: LoopId) -> Parts {
        match self.places[it.index()].clone() {
            Some(Place::Shared { row: Some(row), .. }) => self.splat(row),
            Some(Place::Lists { rows, .. }) => rows,
            Some(Place::Count(counter)) => counter,
            _ => self.wrong(Scalar::U32, "another's row outside of its loop"),
        }
    }

    /// The other's coordinate minus the own one.
    pub(super) fn delta(&mut self, it: LoopId, axis: u8, scalar: Scalar) -> Parts {
        let axis = usize::from(axis);
        let slot = self.plan.slots.loops[it.index()].position.get(axis).copied();
        let Some(from) = self.body.loops[it].over.from().get(axis).copied() else {
            return self.wrong(scalar, "a delta along no axis");
        };
        let other = self.other(it, scalar, slot);
        let other: Parts = other.into_iter().map(|part| self.m.settle(part)).collect();
        let from = self.value(from);
        let plain = self.pairs(Binary::Sub, scalar, &other, &from);
        let straight = matches!(self.places[it.index()], Some(Place::Shared { straight: true, .. }));
        if straight || !self.goes_around(it) {
            return plain;
        }
        // Exact: at most one of the two is taken off, and what is not is a zero whose subtraction changes nothing.
        let space = &self.program.space;
        let side = match scalar {
            Scalar::F64 => f64::from(space.hi[axis]) - f64::from(space.lo[axis]),
            _ => f64::from(space.side(axis)),
        };
        let (long, back) = (self.real(scalar, side), self.real(scalar, -side));
        let (half, minus_half) = (self.real(scalar, 0.5 * side), self.real(scalar, -0.5 * side));
        let parts = plain.into_iter();
        parts
            .map(|d| {
                let above = self.m.compare(Compare::Gt, scalar, d, half);
                let above = self.m.masked(scalar, above, long);
                let below = self.m.compare(Compare::Lt, scalar, d, minus_half);
                let below = self.m.masked(scalar, below, back);
                let around = self.m.binary(Binary::Or, scalar, above, below);
                self.m.binary(Binary::Sub, scalar, d, around)
            })
            .collect()
    }
}
