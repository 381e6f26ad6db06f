//! Values that stand in the function's frame instead of registers.
//!
//! A loop over candidates has room for few values beside its sums. What it uses of the values before it is counted;
//! the rest is parked in the frame and loaded where it is used, often as a part of the instruction itself.

use diptych_protocol::body::{Op, Over};
use diptych_protocol::id::{Id, LoopId, ValueId};
use diptych_protocol::types::Scalar;

use super::function::{Function, Parts};
use super::machine::Part;

/// Those that a turn needs for what it computes.
const TEMPORARY: usize = 6;

impl Function<'_> {
    /// Vectors of sums that stay in registers; more are kept in the frame.
    pub(super) fn sums(&self) -> usize {
        self.m.registers().map_or(usize::MAX, |registers| registers / 2)
    }

    /// Loads vectors from the frame.
    pub(super) fn unpark(&mut self, scalar: Scalar, offsets: &[u32]) -> Parts {
        let mut parts: Parts = Vec::with_capacity(offsets.len());
        for (place, offset) in offsets.iter().enumerate() {
            parts.push(match offsets[..place].iter().position(|known| known == offset) {
                Some(known) => parts[known],
                None => self.m.unkeep(scalar, *offset),
            });
        }
        parts
    }

    /// Parks a value; one vector that is the same in all parts needs room once.
    fn park(&mut self, id: ValueId, parts: &[Part]) {
        let mut offsets: Vec<u32> = Vec::with_capacity(parts.len());
        for (place, part) in parts.iter().enumerate() {
            let known = parts[..place].iter().position(|known| known == part);
            let offset = match known {
                Some(known) => offsets[known],
                None => {
                    let offset = self.m.room(16);
                    self.m.keep(*part, offset);
                    offset
                }
            };
            offsets.push(offset);
        }
        self.parked[id.index()] = Some(offsets);
    }

    /// Brings about what a loop uses of what stands before it; of an innermost loop what does not fit is parked.
    pub(super) fn bring(&mut self, it: LoopId) {
        let mut free = self.plan.free(self.body, it);
        for (value, _) in &free {
            self.value(*value);
        }
        let registers = match self.m.registers() {
            _ if self.nests(it) => return,
            Some(registers) => registers,
            None => return self.hold(&free),
        };
        let carried = self.body.loops[it].carried.iter().zip(&self.plan.carried[it.index()]);
        let sums: usize = carried.filter(|(_, needed)| **needed).map(|(c, _)| self.parts(self.scalar(c.start))).sum();
        let mut left = registers.saturating_sub(TEMPORARY + sums.min(self.sums()));
        free.sort_by_key(|(value, uses)| (std::cmp::Reverse(*uses), *value));
        for (value, _) in free {
            if self.parked[value.index()].is_some() {
                continue;
            }
            let parts = self.value(value);
            let mut distinct = parts.clone();
            distinct.dedup();
            match left.checked_sub(distinct.len()) {
                Some(rest) => left = rest,
                None => self.park(value, &parts),
            }
        }
    }

    /// Lets a loop have copies of what it uses, so that they are in registers there, whatever is between it and the
    /// first use.
    fn hold(&mut self, free: &[(ValueId, usize)]) {
        for (value, _) in free {
            if let Some(parts) = self.values[value.index()].clone() {
                self.held.push((*value, parts.clone()));
                let mut copies: Parts = Vec::with_capacity(parts.len());
                for (place, part) in parts.iter().enumerate() {
                    copies.push(match parts[..place].iter().position(|known| known == part) {
                        Some(known) => copies[known],
                        None => self.m.copy(*part),
                    });
                }
                self.values[value.index()] = Some(copies);
            }
        }
    }

    /// Gives back what was held for a loop.
    pub(super) fn leave(&mut self) {
        for (value, parts) in self.held.drain(..) {
            self.values[value.index()] = Some(parts);
        }
    }

    /// Whether another loop stands in a loop's body.
    pub(super) fn nests(&self, it: LoopId) -> bool {
        self.body.loops[it].body().any(|at| self.plan.needed[at] && matches!(self.op(at), Op::Loop(_)))
    }

    /// Whether a loop's body asks for deltas, which may go around a torus.
    pub(super) fn goes_around(&self, it: LoopId) -> bool {
        let spatial = matches!(self.body.loops[it].over, Over::Within { .. } | Over::Nearest { .. });
        spatial
            && self.program.space.edge == diptych_protocol::space::Edge::Torus
            && self.body.loops[it]
                .body()
                .any(|at| self.plan.needed[at] && matches!(self.op(at), Op::Delta(of, _) if of == it))
    }

    /// The operation at a place.
    pub(super) fn op(&self, at: usize) -> Op {
        self.body.ops[ValueId::new(at as u32)].op
    }
}
