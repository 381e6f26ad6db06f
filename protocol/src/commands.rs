//! Commands: what inputs are set to from outside, on the way to the commit that makes it part of a state.
//!
//! An input keeps its value from state to state, in a signal without a name; another one says whether it has one yet. The
//! commit of a tick computes the signals of its state from those of the state before, and a command for the tick is as if
//! that state had had the value already. So it is like any other thing that is remembered: in the panels, in the hash.
//!
//! Commands stand in a ring. The coordinator writes those of a tick, in the order in which they count, before the horizon lets
//! the tick begin; commits read the entries of their tick, and write nothing: they can be run again. An entry is
//! written over only when a later tick than its own has been published. Whoever reads it meanwhile asks for another tick than the old
//! one and the new one, so that it does not matter which of its words are seen.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::id::{Id, InputId, SignalId, Tick};
use crate::layout::{Arena, Words};
use crate::limits::COMMANDS_MAX;
use crate::program::{Program, Span};
use crate::track::Track;
use crate::types::{Scalar, Sort, Type, Value};

/// A value that is set from outside.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Input {
    /// Its name.
    pub name: String,
    /// Its type: of one lane.
    pub ty: Type,
    /// The signal that keeps it.
    pub kept: SignalId,
    /// The signal that says whether it is kept already (`bool`).
    pub begun: SignalId,
    /// The lowest and the highest value that it may be set to, if not all are.
    pub range: Option<(Value, Value)>,
    /// Where it was written.
    pub span: Span,
}

/// Why an input cannot be set to a value.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Refused {
    /// There is none of this name.
    #[error("there is no input `{0}`")]
    Unknown(String),
    /// The value has another type.
    #[error("input `{name}` is `{wanted}`, not `{given}`")]
    Type {
        /// The input.
        name: String,
        /// Its type.
        wanted: &'static str,
        /// That of the value.
        given: &'static str,
    },
    /// The value is none that it may have.
    #[error("input `{name}` cannot be {value}: {wanted}")]
    Value {
        /// The input.
        name: String,
        /// What it was to be.
        value: Value,
        /// What it may be.
        wanted: String,
    },
}

impl Input {
    /// The bits of a value, if the input may have it.
    pub fn bits(&self, program: &Program, value: Value) -> Result<u64, Refused> {
        let name = self.name.clone();
        if value.scalar() != self.ty.scalar {
            return Err(Refused::Type { name, wanted: self.ty.scalar.name(), given: value.scalar().name() });
        }
        let refused = |wanted: String| Err(Refused::Value { name, value, wanted });
        match (self.ty.sort, self.range) {
            (Sort::Enum(of), _) if value.as_f64() >= program.enums[of].variants.len() as f64 => {
                refused(format!("`{}` has {} variants", program.enums[of].name, program.enums[of].variants.len()))
            }
            (_, Some((low, high))) if !(low.as_f64()..=high.as_f64()).contains(&value.as_f64()) => {
                refused(format!("its range is {low} .. {high}, ends included"))
            }
            _ => Ok(value.bits()),
        }
    }

    /// What is wrong with it, if something is. Its signals exist.
    pub(crate) fn problem(&self, program: &Program) -> Option<&'static str> {
        let bool = Type::scalar(Scalar::Bool);
        let fits = |value: Value| value.scalar() == self.ty.scalar;
        if self.ty.lanes != 1 || matches!(self.ty.sort, Sort::Entity(_)) {
            Some("an input is a single number, truth value or variant")
        } else if program.signals[self.kept].ty != self.ty || program.signals[self.begun].ty != bool {
            Some("the signals of an input do not have its type")
        } else if !self.range.is_none_or(|(low, high)| fits(low) && fits(high) && low.as_f64() <= high.as_f64()) {
            Some("the range of an input holds nothing")
        } else {
            None
        }
    }
}

/// What an input is set to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Command {
    /// The tick whose state is the first to have it.
    pub tick: Tick,
    /// The input.
    pub input: InputId,
    /// The value's bits, in the low end.
    pub bits: u64,
}

/// Entries of the ring: those of the tick that was published last, and those of the next.
const RING: usize = 2 * COMMANDS_MAX;

/// The entries that count, of such counts: never more than there are.
fn asked(settled: u64, sent: u64) -> (u64, u64) {
    (settled, sent.min(settled.saturating_add(RING as u64)))
}

/// Where commands stand in the segment.
#[derive(Clone, Copy, Debug)]
pub struct CommandPlaces {
    /// Two words each: the tick and the input, and the bits. Nothing where there are no inputs.
    ring: Words<u64>,
    /// How many were ever sent.
    sent: Words<u64>,
    /// How many of them nobody will ask for any more.
    settled: Words<u64>,
}

impl CommandPlaces {
    /// Takes room for those of a program.
    pub fn new(program: &Program, arena: &mut Arena) -> Self {
        let any = usize::from(!program.outputs.inputs.is_empty());
        Self { ring: arena.words(2 * any * RING), sent: arena.words(any), settled: arena.words(any) }
    }
}

impl Track<'_> {
    fn counts(&self) -> Option<(&AtomicU64, &AtomicU64)> {
        let places = &self.layout.outputs.commands;
        let (sent, settled) = (self.memory.words(places.sent), self.memory.words(places.settled));
        Some((sent.first()?, settled.first()?))
    }

    fn entry(&self, number: u64) -> &[AtomicU64] {
        let ring: &[AtomicU64] = self.memory.words(self.layout.outputs.commands.ring);
        &ring[2 * (number as usize % RING)..][..2]
    }

    /// How many commands can be sent now.
    pub fn command_room(&self) -> usize {
        self.counts().map_or(0, |(sent, settled)| {
            let waiting = sent.load(Ordering::Relaxed).wrapping_sub(settled.load(Ordering::Relaxed));
            RING.saturating_sub(waiting as usize)
        })
    }

    /// Sends a command; false if there is no room. For the coordinator, in the order of the ticks; of several to one input in
    /// a tick the last one counts. The horizon has not let the tick begin.
    pub fn send(&self, command: Command) -> bool {
        let Some((sent, _)) = self.counts().filter(|_| self.command_room() > 0) else { return false };
        let number = sent.load(Ordering::Relaxed);
        let entry = self.entry(number);
        entry[1].store(command.bits, Ordering::Relaxed);
        entry[0].store(u64::from(command.tick.0) << 32 | u64::from(command.input.number()), Ordering::Relaxed);
        sent.store(number.wrapping_add(1), Ordering::Release);
        true
    }

    /// Makes room: commands of earlier ticks than this, which has been published, are not asked for any more. For the
    /// coordinator.
    pub fn settle_commands(&self, published: Tick) {
        let Some((sent, settled)) = self.counts() else { return };
        let (from, to) = asked(settled.load(Ordering::Relaxed), sent.load(Ordering::Relaxed));
        let early = |number: &u64| self.entry(*number)[0].load(Ordering::Relaxed) >> 32 < u64::from(published.0);
        let count = (from..to).take_while(early).count() as u64;
        settled.store(from + count, Ordering::Release);
    }

    /// Puts the commands of a tick into the signals of the state before it.
    pub fn command(&self, tick: Tick, signals: &mut [u64]) {
        let Some((sent, settled)) = self.counts() else { return };
        // In this order: what is settled while the entries are read is of earlier ticks.
        let (from, to) = asked(settled.load(Ordering::Acquire), sent.load(Ordering::Acquire));
        for number in from..to {
            let [to, bits] = [0, 1].map(|word| self.entry(number)[word].load(Ordering::Relaxed));
            if to >> 32 != u64::from(tick.0) {
                continue;
            }
            if let Some(input) = self.program.outputs.inputs.get(InputId(to as u32)) {
                signals[input.kept.index()] = bits;
                signals[input.begun.index()] = 1;
            }
        }
    }
}
