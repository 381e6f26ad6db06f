//! What went wrong in a batch, and where: written by the worker into its slot, read by the coordinator.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::id::{Entity, RowRange, StepId, SystemId, Tick};
use crate::program::Span;

/// Why a batch cannot be completed, as whoever ran it says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// The row, if it is one row's fault.
    pub row: Option<u32>,
    /// Where the row stands in `next`, if its group is kept in an order.
    pub slot: Option<u32>,
    /// What was found, what was expected, what to do.
    pub message: String,
    /// Where in the text, if that is known better than by the system.
    pub span: Option<Span>,
    /// Whether there is no room for what rules asked for: no rule is wrong by itself.
    pub full: bool,
}

impl Fault {
    /// A fault of no particular row.
    pub fn new(message: impl Into<String>) -> Self {
        Self { row: None, message: message.into(), slot: None, span: None, full: false }
    }

    /// A row's fault.
    pub fn at(row: u32, message: impl Into<String>) -> Self {
        Self { row: Some(row), message: message.into(), slot: None, span: None, full: false }
    }

    /// There is no room.
    pub fn full(message: impl Into<String>) -> Self {
        Self { row: None, message: message.into(), slot: None, span: None, full: true }
    }
}

/// A fault and where it happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Blame {
    /// In which tick.
    pub tick: Tick,
    /// In which step.
    pub step: StepId,
    /// In which system of the step's pass.
    pub system: Option<SystemId>,
    /// The batch's rows.
    pub rows: RowRange,
    /// Whose row it was.
    pub entity: Option<Entity>,
    /// What happened.
    pub fault: Fault,
}

impl Blame {
    /// Writes it into a slot's words. A message that is too long is cut.
    pub fn write(&self, words: &[AtomicU64]) {
        let room = (words.len() - 1) * 8;
        let mut blame = self.clone();
        let bytes = loop {
            match postcard::to_allocvec(&blame) {
                Ok(bytes) if bytes.len() <= room => break bytes,
                _ if blame.fault.message.is_empty() => return,
                _ => {
                    let mut keep = blame.fault.message.len() * 3 / 4;
                    while !blame.fault.message.is_char_boundary(keep) {
                        keep -= 1;
                    }
                    blame.fault.message.truncate(keep);
                }
            }
        };
        for (word, chunk) in words[1..].iter().zip(bytes.chunks(8)) {
            let mut eight = [0; 8];
            eight[..chunk.len()].copy_from_slice(chunk);
            word.store(u64::from_le_bytes(eight), Ordering::Relaxed);
        }
        words[0].store(bytes.len() as u64, Ordering::Release);
    }

    /// Reads what a worker wrote, if it did.
    pub fn read(words: &[AtomicU64]) -> Option<Self> {
        let len = words[0].load(Ordering::Acquire) as usize;
        if len == 0 || len > (words.len() - 1) * 8 {
            return None;
        }
        let mut bytes: Vec<u8> =
            words[1..].iter().take(len.div_ceil(8)).flat_map(|w| w.load(Ordering::Relaxed).to_le_bytes()).collect();
        bytes.truncate(len);
        postcard::from_bytes(&bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blame_survives_its_slot_and_a_long_message_is_cut() {
        let words: Vec<AtomicU64> = (0..64).map(|_| AtomicU64::new(0)).collect();
        assert_eq!(Blame::read(&words), None);
        let mut blame = Blame {
            tick: Tick(9),
            step: StepId(3),
            system: Some(SystemId(1)),
            rows: RowRange::new(64, 128),
            entity: Some(Entity { index: 70, generation: 0 }),
            fault: Fault::at(70, "Position.x is NaN"),
        };
        blame.write(&words);
        assert_eq!(Blame::read(&words), Some(blame.clone()));
        blame.fault.message = "é".repeat(1000);
        blame.write(&words);
        let cut = Blame::read(&words).unwrap();
        assert!(cut.fault.message.len() > 200 && blame.fault.message.starts_with(&cut.fault.message));
    }
}
