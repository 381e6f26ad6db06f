//! What loops remember from turn to turn.

use diptych_protocol::body::{Binary, Carried, Op, Unary, Update};
use diptych_protocol::id::{Id, LoopId, ValueId};
use diptych_protocol::types::{Scalar, Value};

use super::function::{Function, Parts};
use super::machine::{Kind, Variable};

/// Where a carried value stands.
#[derive(Clone)]
pub(super) enum Remembered {
    /// In registers, as far as they last.
    Variables(Vec<Variable>),
    /// In the frame.
    Frame(Vec<u32>),
}

impl Function<'_> {
    /// Puts the values before the first turn in place.
    pub(super) fn start(&mut self, it: LoopId) {
        let mut left = self.sums();
        for (place, carried) in self.body.loops[it].carried.iter().enumerate() {
            if !self.plan.carried[it.index()][place] {
                continue;
            }
            let scalar = self.scalar(carried.start);
            let start = self.value(carried.start);
            // What a turn's operations read must not change under them: only what nothing reads can be kept in place.
            let read = self.body.loops[it].body().any(|at| self.op(at) == Op::Carried(it, place as u16));
            let remembered = match left.checked_sub(start.len()) {
                None if !read && !matches!(carried.update, Update::Set(_)) => {
                    let offsets: Vec<u32> = start.iter().map(|_| self.m.room(16)).collect();
                    start.iter().zip(&offsets).for_each(|(part, offset)| self.m.keep(*part, *offset));
                    Remembered::Frame(offsets)
                }
                rest => {
                    left = rest.unwrap_or(0);
                    let variables = start.iter().map(|part| {
                        let variable = self.m.variable(Kind::Vector(scalar));
                        self.m.set(variable, *part);
                        variable
                    });
                    Remembered::Variables(variables.collect())
                }
            };
            self.remembered[it.index()][place] = Some(remembered);
        }
    }

    /// A carried value as it is now.
    pub(super) fn carried(&mut self, it: LoopId, place: usize) -> Option<Parts> {
        let scalar = self.scalar(self.body.loops[it].carried.get(place)?.start);
        match self.remembered[it.index()][place].clone()? {
            Remembered::Variables(variables) => Some(variables.iter().map(|it| self.m.read(*it)).collect()),
            Remembered::Frame(offsets) => Some(self.unpark(scalar, &offsets)),
        }
    }

    /// Remembers a turn, in the lanes where it counts.
    pub(super) fn remember(&mut self, it: LoopId, counts: Option<Parts>) {
        let body = self.body;
        let mut all = Vec::new();
        let mut masks: Vec<(Option<ValueId>, Option<Parts>)> = Vec::new();
        for (place, carried) in body.loops[it].carried.iter().enumerate() {
            if !self.plan.carried[it.index()][place] {
                continue;
            }
            let when = carried.update.when();
            let counts = match masks.iter().find(|(known, _)| *known == when) {
                Some((_, mask)) => mask.clone(),
                None => {
                    let own = when.map(|when| self.value(when));
                    let mask = self.both(own, counts.clone());
                    masks.push((when, mask.clone()));
                    mask
                }
            };
            let Some(new) = self.update(it, place, carried, counts) else { continue };
            match self.remembered[it.index()][place].clone() {
                Some(Remembered::Variables(variables)) => all.extend(variables.into_iter().zip(new)),
                Some(Remembered::Frame(offsets)) => {
                    offsets.into_iter().zip(new).for_each(|(offset, part)| self.m.keep(part, offset));
                }
                None => {}
            }
        }
        all.into_iter().for_each(|(variable, part)| self.m.set(variable, part));
    }

    /// What a turn makes of a carried value.
    fn update(&mut self, it: LoopId, place: usize, carried: &Carried, counts: Option<Parts>) -> Option<Parts> {
        let scalar = self.scalar(carried.start);
        let id = carried.update.value();
        let op = match carried.update {
            Update::Set(_) => {
                let new = self.value(id);
                let Some(counts) = counts else { return Some(new) };
                let old = self.carried(it, place)?;
                return Some(self.select(scalar, &counts, &new, &old));
            }
            Update::Add(..) => Binary::Add,
            Update::Sub(..) => Binary::Sub,
        };
        let Some(counts) = counts else {
            let (new, old) = (self.value(id), self.carried(it, place)?);
            return Some(self.binary_of(op, scalar, old, new));
        };
        if !scalar.is_float() && is_one(self.body.ops[id].op) {
            let steps = self.carried(it, place)?.into_iter().zip(counts).map(|(old, mask)| self.m.step(old, mask, op));
            let steps = steps.collect();
            return Some(self.wrap(scalar, steps));
        }
        if self.m.merges() {
            let (new, old) = (self.value(id), self.carried(it, place)?);
            let masks = self.mask_of(scalar, &counts);
            let all = old.into_iter().zip(new).zip(masks);
            let merged = all.map(|((old, new), mask)| self.m.merge(op, scalar, mask, old, new)).collect();
            return Some(self.wrap(scalar, merged));
        }
        if scalar.is_float() {
            return self.sum(it, place, op, carried, &counts);
        }
        let new = self.value(id);
        let (new, old) = (self.masked(scalar, &counts, &new), self.carried(it, place)?);
        Some(self.binary_of(op, scalar, old, new))
    }

    /// A sum of floats. Where the turn does not count, +0.0 is added or taken off; only -0.0 + +0.0 is not the first of
    /// the two, and a sum that begins with +0.0 never becomes -0.0. One that begins with something else takes off what
    /// is negated.
    fn sum(&mut self, it: LoopId, place: usize, op: Binary, carried: &Carried, counts: &Parts) -> Option<Parts> {
        let scalar = self.scalar(carried.start);
        let new = self.value(carried.update.value());
        let (op, new) = if op == Binary::Add && !is_plus_zero(self.body.ops[carried.start].op) {
            (Binary::Sub, new.into_iter().map(|part| self.m.unary(Unary::Neg, scalar, part)).collect())
        } else {
            (op, new)
        };
        let new = self.masked(scalar, counts, &new);
        let old = self.carried(it, place)?;
        // The remembered value stands second, if it can: it may be in memory.
        let pairs = old.into_iter().zip(new);
        let sums = pairs.map(|(old, new)| match op {
            Binary::Add => self.m.binary(op, scalar, new, old),
            _ => self.m.binary(op, scalar, old, new),
        });
        Some(sums.collect())
    }
}

fn is_one(op: Op) -> bool {
    let Op::Const(value) = op else { return false };
    value.scalar() != Scalar::Bool && value.as_f64() == 1.0
}

fn is_plus_zero(op: Op) -> bool {
    let Op::Const(value) = op else { return false };
    match value {
        Value::F32(x) => x.to_bits() == 0,
        Value::F64(x) => x.to_bits() == 0,
        _ => false,
    }
}
