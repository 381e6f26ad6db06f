//! The arrays of an inverse as each phase may touch them. One of the few modules with `unsafe`.
//!
//! Each method checks that the batch is one of that phase of that inverse, and hands its slices out once.

#![expect(unsafe_code, reason = "typed slices of shared arrays of inverses, exclusive by claim")]

use std::sync::atomic::AtomicU32;

use crate::id::InverseId;
use crate::inverse::{InversePlaces, InverseShape};
use crate::program::{InversePhase, Work};
use crate::view::Batch;

/// What counting reads and writes.
pub struct CountView<'b> {
    /// The numbers behind the arrays.
    pub shape: InverseShape,
    /// The references of the batch's own rows.
    pub references: &'b [u32],
    /// The batch's counts, one a chunk.
    pub counts: &'b mut [u32],
}

/// What placing reads and writes.
pub struct PlaceView<'b> {
    /// The numbers behind the arrays.
    pub shape: InverseShape,
    /// References a batch and chunk.
    pub counts: &'b [u32],
    /// The first slot of each batch's references to each chunk.
    pub first_slots: &'b mut [u32],
    /// The first slot of each chunk, and the end.
    pub chunk_slots: &'b mut [u32],
}

/// What scattering reads and writes.
pub struct ScatterView<'b> {
    /// The numbers behind the arrays.
    pub shape: InverseShape,
    /// The references of the batch's own rows.
    pub references: &'b [u32],
    /// The batch's first slots, one a chunk.
    pub first_slots: &'b [u32],
    /// Where rows go.
    pub scattered: &'b [AtomicU32],
}

/// What listing a chunk reads and writes.
pub struct ListView<'b> {
    /// The numbers behind the arrays.
    pub shape: InverseShape,
    /// The chunk.
    pub chunk: u32,
    /// The references of all rows.
    pub references: &'b [u32],
    /// The rows that refer to the chunk, ascending.
    pub scattered: &'b [AtomicU32],
    /// The chunk's first slot.
    pub first_slot: u32,
    /// Where the lists of the chunk's targets begin; of the last chunk also where the last one ends.
    pub starts: &'b mut [u32],
    /// The chunk's lists.
    pub listed: &'b mut [u32],
}

/// A finished inverse.
#[derive(Clone, Copy, Debug)]
pub struct InverseView<'b> {
    /// Where each target's list begins, and where the last one ends.
    pub starts: &'b [u32],
    /// The lists: rows that refer, ascending in each.
    pub listed: &'b [u32],
}

impl<'t> Batch<'t, '_> {
    fn inverse_phase(&self, inverse: InverseId, phase: InversePhase) -> &'t InversePlaces {
        assert_eq!(self.program().steps[self.step].work, Work::Inverse(inverse, phase), "another phase's batch");
        self.hand_out_once();
        &self.track().layout.inverses[inverse]
    }

    /// For a batch that counts.
    pub fn inverse_count(&self, inverse: InverseId) -> CountView<'_> {
        let p = self.inverse_phase(inverse, InversePhase::Count);
        let (chunks, batch) = (p.shape.chunks as usize, self.number.0 as usize);
        CountView {
            shape: p.shape,
            references: &self.references(inverse)[self.rows.indices()],
            // SAFETY: each batch writes its own row of the table.
            counts: unsafe { self.array_mut(p.counts, batch * chunks..(batch + 1) * chunks) },
        }
    }

    /// For the batch that places.
    pub fn inverse_place(&self, inverse: InverseId) -> PlaceView<'_> {
        let p = self.inverse_phase(inverse, InversePhase::Place);
        // SAFETY: Count is complete; the phase has one batch, which this is; each array is cut once.
        unsafe {
            PlaceView {
                shape: p.shape,
                counts: self.array(p.counts, 0..p.counts.len),
                first_slots: self.array_mut(p.first_slots, 0..p.first_slots.len),
                chunk_slots: self.array_mut(p.chunk_slots, 0..p.chunk_slots.len),
            }
        }
    }

    /// For a batch that scatters.
    pub fn inverse_scatter(&self, inverse: InverseId) -> ScatterView<'_> {
        let p = self.inverse_phase(inverse, InversePhase::Scatter);
        let (chunks, batch) = (p.shape.chunks as usize, self.number.0 as usize);
        ScatterView {
            shape: p.shape,
            references: &self.references(inverse)[self.rows.indices()],
            // SAFETY: Place is complete.
            first_slots: unsafe { self.array(p.first_slots, batch * chunks..(batch + 1) * chunks) },
            scattered: self.track().memory.words(p.scattered),
        }
    }

    /// For a batch that lists a chunk.
    pub fn inverse_list(&self, inverse: InverseId) -> ListView<'_> {
        let p = self.inverse_phase(inverse, InversePhase::List);
        let chunk = self.number.0;
        let targets = p.shape.targets_of(chunk);
        let last = usize::from(chunk + 1 == p.shape.chunks);
        // SAFETY: Place is complete; the starts and slots of a chunk are its own batch's alone, and the end of all is the
        // last chunk's.
        unsafe {
            let slots = self.array(p.chunk_slots, chunk as usize..chunk as usize + 2);
            let slots = slots[0] as usize..slots[1] as usize;
            ListView {
                shape: p.shape,
                chunk,
                references: self.references(inverse),
                scattered: &self.track().memory.words::<AtomicU32>(p.scattered)[slots.clone()],
                first_slot: slots.start as u32,
                starts: self.array_mut(p.starts, targets.start as usize..targets.end as usize + last),
                listed: self.array_mut(p.listed, slots),
            }
        }
    }

    /// The finished inverse, for a system that declared it.
    ///
    /// # Panics
    /// If the running system did not declare the inverse.
    pub fn inverse(&self, inverse: InverseId) -> InverseView<'_> {
        let declared = self.system().is_some_and(|s| self.program().systems[s].inverses.contains(&inverse));
        assert!(declared, "a body asks an inverse that its system does not declare");
        let p = &self.track().layout.inverses[inverse];
        // SAFETY: it was listed in an earlier stage (verified); nothing writes it before the next tick.
        unsafe {
            InverseView { starts: self.array(p.starts, 0..p.starts.len), listed: self.array(p.listed, 0..p.listed.len) }
        }
    }
}
