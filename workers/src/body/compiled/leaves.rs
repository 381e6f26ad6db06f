//! Leaves: what needs no other operation of the row. Emitted where it is first used.

use diptych_protocol::body::{At, Op};
use diptych_protocol::id::Id;
use diptych_protocol::types::Scalar;

use super::function::{Function, Parts};
use super::machine::Address;
use super::words;

/// A leaf, and whether later uses should find it where the first one has put it.
pub(super) struct Leaf {
    pub parts: Parts,
    pub keep: bool,
}

impl Function<'_> {
    /// Emits a leaf; nothing if it is none.
    pub(super) fn leaf(&mut self, scalar: Scalar, op: Op) -> Option<Leaf> {
        // What is remembered may stand in the frame, and a constant in the instruction.
        let keep = !matches!(op, Op::Carried(..) | Op::Result(..));
        let parts = match op {
            Op::Const(value) => self.constant(value),
            Op::Row => self.own_rows(),
            Op::Frame => self.uniform(scalar, words::FRAME),
            Op::Time => self.uniform(scalar, words::TIME),
            Op::Signal(signal) => self.listed(scalar, words::SIGNALS, signal.index()),
            Op::Reduced(reduction) => self.listed(scalar, words::REDUCED, reduction.index()),
            Op::Read { column, when, at: at @ (At::Own | At::Shift(_)) } => {
                match at.offset().and_then(|offset| self.plan.slots.own(column, when, offset)) {
                    Some(slot) => self.get(scalar, self.plan.words.own + slot),
                    None => self.wrong(scalar, "an own column without a slot"),
                }
            }
            Op::Data(data) => match self.plan.slots.data.iter().position(|(known, _)| *known == data) {
                Some(slot) => self.get(scalar, self.plan.words.data + slot),
                None => self.wrong(scalar, "a file's column without a slot"),
            },
            Op::Read { column, when, at: At::Other(it) } => {
                let slot = self.plan.slots.other(it, column, when);
                self.other(it, scalar, slot)
            }
            Op::Other(it) => self.other_row(it),
            Op::Delta(it, axis) => self.delta(it, axis, scalar),
            Op::Loop(_) => self.zero(scalar),
            Op::Carried(it, place) => match self.carried(it, usize::from(place)) {
                Some(parts) => parts,
                None => self.wrong(scalar, "a carried value outside of its loop"),
            },
            Op::Result(it, place) => match self.results[it.index()].get(usize::from(place)).cloned().flatten() {
                Some(parts) => parts,
                None => self.wrong(scalar, "a result before its loop"),
            },
            _ => return None,
        };
        Some(Leaf { parts, keep })
    }

    /// The row of each lane.
    pub(super) fn own_rows(&mut self) -> Parts {
        self.get(Scalar::U32, words::ROWS)
    }

    /// A word in all lanes: its low bits, if the type is narrower.
    fn uniform(&mut self, scalar: Scalar, word: usize) -> Parts {
        let at = Address::at(self.m.words(), word as i32 * 8);
        self.broadcast(scalar, at)
    }

    /// One of a list of 64-bit words in all lanes: its low bits.
    fn listed(&mut self, scalar: Scalar, list: usize, place: usize) -> Parts {
        let base = self.word(list);
        self.broadcast(scalar, Address::at(base, place as i32 * 8))
    }
}
