//! The arrays of an inverse as each phase may touch them. One of the few modules with `unsafe`.
//!
//! Each method checks that the batch is one of that phase of that inverse, and hands its slices out once.

#![expect(unsafe_code, reason = "typed slices of shared arrays of inverses, exclusive by claim")]

use std::sync::atomic::AtomicU32;

use crate::id::InverseId;
use crate::inverse::{InversePlaces, InverseShape};
use crate::program::{InversePhase, When, Work};
use crate::view::Batch;

/// What counting reads and writes.
pub struct CountView<'b> {
    /// The numbers behind the arrays.
    pub shape: InverseShape,
    /// The references of the batch's own rows.
    pub references: &'b [u32],
    /// How to find the rows that they are to, and where to keep these, where a reference is more than a row.
    pub lookup: Option<Lookup<'b>>,
    /// The batch's counts, one a chunk.
    pub counts: &'b mut [u32],
}

/// What tells which row a reference is to, where rows come and go.
pub struct Lookup<'b> {
    /// Which life each reference means.
    pub lives: &'b [u32],
    /// The row of each entity.
    pub directory: &'b [u32],
    /// The life of the entity that each row is.
    pub generations: &'b [u32],
    /// The rows that are found.
    pub found: &'b mut [u32],
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
    /// The places of an inverse, and its shape with the rows that are there in this frame.
    fn inverse_places(&self, inverse: InverseId) -> (&'t InversePlaces, InverseShape) {
        let places = &self.track().layout.inverses[inverse];
        let inverse = &self.program().inverses[inverse];
        (places, places.shape.with(self.group_rows(inverse.group), self.group_rows(inverse.to)))
    }

    fn inverse_phase(&self, inverse: InverseId, phase: InversePhase) -> (&'t InversePlaces, InverseShape) {
        assert_eq!(self.program().steps[self.step].work, Work::Inverse(inverse, phase), "another phase's batch");
        self.hand_out_once();
        self.inverse_places(inverse)
    }

    /// For a batch that counts.
    pub fn inverse_count(&self, inverse: InverseId) -> CountView<'_> {
        let (p, shape) = self.inverse_phase(inverse, InversePhase::Count);
        let (chunks, batch) = (shape.chunks as usize, self.number.0 as usize);
        CountView {
            shape,
            references: &self.reference_column(inverse)[self.rows.indices()],
            lookup: self.lookup(inverse, p),
            // SAFETY: each batch writes its own row of the table.
            counts: unsafe { self.array_mut(p.counts, batch * chunks..(batch + 1) * chunks) },
        }
    }

    /// What looks references up, of the batch's own rows.
    fn lookup(&self, inverse: InverseId, p: &InversePlaces) -> Option<Lookup<'_>> {
        let inverse = &self.program().inverses[inverse];
        let (lives, living) = (inverse.lives?, self.program().groups[inverse.to].living?);
        // SAFETY: `prev` is written by nobody; `next` references were completed in an earlier stage (verified); each batch
        // finds its own rows.
        unsafe {
            Some(Lookup {
                lives: &self.rows_of(lives, inverse.when, self.all_rows(lives))[self.rows.indices()],
                directory: self.rows_of(living.directory, When::Prev, self.all_rows(living.directory)),
                generations: self.rows_of(living.generations, When::Prev, self.all_rows(living.generations)),
                found: self.array_mut(p.found, self.rows.indices()),
            })
        }
    }

    /// The rows that references are to, of every row of the group that refers, in the phases behind counting.
    fn references(&self, inverse: InverseId) -> &[u32] {
        let p = &self.track().layout.inverses[inverse];
        let rows = self.group_rows(self.program().inverses[inverse].group) as usize;
        match self.program().inverses[inverse].lives {
            // SAFETY: counting is complete.
            Some(_) => unsafe { self.array(p.found, 0..rows) },
            None => self.reference_column(inverse),
        }
    }

    /// For the batch that places.
    pub fn inverse_place(&self, inverse: InverseId) -> PlaceView<'_> {
        let (p, shape) = self.inverse_phase(inverse, InversePhase::Place);
        // SAFETY: Count is complete; the phase has one batch, which this is; each array is cut once.
        unsafe { self.place_lists(p, shape) }
    }

    /// For a batch that scatters.
    pub fn inverse_scatter(&self, inverse: InverseId) -> ScatterView<'_> {
        let (p, shape) = self.inverse_phase(inverse, InversePhase::Scatter);
        // SAFETY: Place is complete.
        unsafe { self.scatter_lists(p, shape, &self.references(inverse)[self.rows.indices()]) }
    }

    /// For a batch that lists a chunk; nothing where fewer targets than ever are possible have left it none.
    pub fn inverse_list(&self, inverse: InverseId) -> Option<ListView<'_>> {
        let (p, shape) = self.inverse_phase(inverse, InversePhase::List);
        // SAFETY: Place is complete; the batch's chunk is its own alone, and this is called once.
        (self.number.0 < shape.chunks).then(|| unsafe { self.list_chunk(p, shape, self.references(inverse)) })
    }

    /// What places lists of this shape, which has no more chunks and targets than there is room for. Rows of the table that
    /// are behind its last batch are an earlier frame's.
    ///
    /// # Safety
    /// Counting is complete; the phase has one batch, which this is, and it calls this once.
    pub(crate) unsafe fn place_lists(&self, p: &InversePlaces, shape: InverseShape) -> PlaceView<'_> {
        let (chunks, table) = (shape.chunks as usize, (shape.chunks * shape.batches) as usize);
        // SAFETY: the caller's duty; each array is cut once.
        unsafe {
            PlaceView {
                shape,
                counts: self.array(p.counts, 0..table),
                first_slots: self.array_mut(p.first_slots, 0..table),
                chunk_slots: self.array_mut(p.chunk_slots, 0..chunks + 1),
            }
        }
    }

    /// What scatters the batch's rows to their chunks.
    ///
    /// # Safety
    /// Placing is complete.
    pub(crate) unsafe fn scatter_lists<'b>(
        &'b self,
        p: &InversePlaces,
        shape: InverseShape,
        references: &'b [u32],
    ) -> ScatterView<'b> {
        let (chunks, batch) = (shape.chunks as usize, self.number.0 as usize);
        // SAFETY: the caller's duty.
        let first_slots = unsafe { self.array(p.first_slots, batch * chunks..(batch + 1) * chunks) };
        ScatterView { shape, references, first_slots, scattered: self.track().memory.words(p.scattered) }
    }

    /// What lists the batch's chunk, which is one of the shape's.
    ///
    /// # Safety
    /// Placing and scattering are complete; the phase has a batch a chunk, and this one calls this once.
    pub(crate) unsafe fn list_chunk<'b>(
        &'b self,
        p: &InversePlaces,
        shape: InverseShape,
        references: &'b [u32],
    ) -> ListView<'b> {
        let chunk = self.number.0;
        let targets = shape.targets_of(chunk);
        let last = usize::from(chunk + 1 == shape.chunks);
        // SAFETY: the starts and slots of a chunk are its own batch's alone, and the end of all is the last chunk's; the
        // rest is the caller's duty.
        unsafe {
            let slots = self.array(p.chunk_slots, chunk as usize..chunk as usize + 2);
            let slots = slots[0] as usize..slots[1] as usize;
            ListView {
                shape,
                chunk,
                references,
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
        let (p, shape) = self.inverse_places(inverse);
        // SAFETY: it was listed in an earlier stage (verified); nothing writes it before the next tick.
        unsafe {
            let starts = self.array(p.starts, 0..shape.targets as usize + 1);
            InverseView { starts, listed: self.array(p.listed, 0..starts[starts.len() - 1] as usize) }
        }
    }
}
