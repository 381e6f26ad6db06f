//! Emits what was put in order, and the jumps over regions.

use diptych_protocol::id::{Id, ValueId};

use super::function::{Function, Parts};
use super::grain::Grain;
use super::machine::{If, Kind, Variable};
use super::regions::{Region, Step};

impl Function<'_> {
    /// Emits operations in the order that was found for them.
    pub(super) fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Op(id) => self.step(*id),
                Step::Region(region) => self.skipped(region),
            }
        }
    }

    /// Emits a region; of a body without loops vector by vector, as each may be skipped by itself.
    fn skipped(&mut self, region: &Region) {
        // What a turn uses of values from outside it has in words.
        let turns = self.places.iter().any(Option::is_some);
        let mut masks = Vec::new();
        for condition in &region.conditions {
            let words = turns || self.plan.grains.of(*condition) == Grain::Words;
            masks.push(if words { self.value(*condition) } else { self.bytes_of(*condition) });
        }
        let any = self.any(&masks.concat());
        let gives: Vec<Vec<Variable>> = region.gives.iter().map(|id| self.zeros(*id)).collect();
        let (inside, after) = (self.m.block(), self.m.block());
        self.m.branch(If::Any(any), inside, after);
        self.enter(inside);
        // What is first used in here is not there outside.
        let outside = (self.values.clone(), self.bytes.clone());
        let vectors = if self.body.loops.is_empty() { self.lanes / self.m.width() } else { 1 };
        if vectors == 1 {
            self.computed(region, &gives, 0);
        } else {
            let masks: Vec<Parts> = region.conditions.iter().map(|condition| self.value(*condition)).collect();
            // They stand before the first vector, for all.
            region
                .ops
                .iter()
                .flat_map(|id| self.plan.inputs(self.body, *id))
                .for_each(|input| self.ready(region, input));
            for vector in 0..vectors {
                let masks: Parts = masks.iter().map(|mask| mask[vector]).collect();
                let any = self.any(&masks);
                let (one, next) = (self.m.block(), self.m.block());
                self.m.branch(If::Any(any), one, next);
                self.enter(one);
                self.narrowed(vector, |f| f.computed(region, &gives, vector));
                self.m.jump(next);
                self.enter(next);
            }
        }
        (self.values, self.bytes) = outside;
        self.m.jump(after);
        self.enter(after);
        for (id, variables) in region.gives.iter().zip(&gives) {
            let parts: Parts = variables.iter().map(|variable| self.m.read(*variable)).collect();
            self.values[id.index()] = Some(parts);
        }
    }

    /// Emits a region's operations, and keeps what they give.
    fn computed(&mut self, region: &Region, gives: &[Vec<Variable>], vector: usize) {
        region.ops.iter().for_each(|id| self.step(*id));
        for (id, variables) in region.gives.iter().zip(gives) {
            let parts = self.value(*id);
            let first = vector * parts.len();
            variables[first..].iter().zip(parts).for_each(|(variable, part)| self.m.set(*variable, part));
        }
    }

    /// Brings about what a region uses from outside, in words.
    fn ready(&mut self, region: &Region, id: ValueId) {
        if region.ops.binary_search(&id).is_err() && (self.in_bytes(id) || self.values[id.index()].is_some()) {
            self.value(id);
        }
    }

    /// Emits for the lanes of one vector alone.
    fn narrowed(&mut self, vector: usize, emit: impl FnOnce(&mut Self)) {
        let width = self.m.width();
        let all = (self.values.clone(), self.bytes.clone(), self.lane, self.lanes);
        let vectors = self.lanes / width;
        for parts in self.values.iter_mut().flatten() {
            let each = parts.len() / vectors;
            *parts = parts[vector * each..][..each].to_vec();
        }
        self.bytes.fill(None);
        self.lane = self.m.plus(self.lane, (vector * width) as i64);
        self.lanes = width;
        emit(self);
        (self.values, self.bytes, self.lane, self.lanes) = all;
    }

    /// Variables for a value, as it is where the region is skipped.
    fn zeros(&mut self, id: ValueId) -> Vec<Variable> {
        let scalar = self.scalar(id);
        let variables = self.zero(scalar).into_iter().map(|zero| {
            let variable = self.m.variable(Kind::Vector(scalar));
            self.m.set(variable, zero);
            variable
        });
        variables.collect()
    }

    fn in_bytes(&self, id: ValueId) -> bool {
        self.plan.grains.of(id) == Grain::Bytes
    }
}
