//! The shape of an inverse of a reference column in shared memory. A pure function of how many rows refer and how
//! many are referred to, at the most. In a frame with fewer the first parts of the arrays are used, as
//! [`InverseShape::with`] says: what is behind means nothing.
//!
//! The rows that are referred to are cut into *chunks* of equal size. Referring rows are brought to the chunk of what
//! they refer to, then listed row by row within it; in each list they stand in ascending order.

use crate::layout::{Arena, Place, Words};
use crate::limits::{COUNTING, INVERSE_CHUNK_ROWS, INVERSE_CHUNKS_MAX};

/// How large everything is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InverseShape {
    /// Rows that refer.
    pub rows: u32,
    /// Rows that are referred to.
    pub targets: u32,
    /// Targets of a chunk: two to this power.
    pub chunk_bits: u32,
    /// How many chunks.
    pub chunks: u32,
    /// Referring rows of a batch that counts or scatters.
    pub batch_rows: u32,
    /// How many such batches.
    pub batches: u32,
}

impl InverseShape {
    /// For so many referring rows and so many targets.
    pub fn new(rows: u32, targets: u32) -> Self {
        Self::in_chunks(rows, targets, targets.div_ceil(INVERSE_CHUNKS_MAX).max(INVERSE_CHUNK_ROWS))
    }

    /// With chunks of at least so many targets.
    pub fn in_chunks(rows: u32, targets: u32, chunk_rows: u32) -> Self {
        let chunk_rows = chunk_rows.next_power_of_two();
        let batch_rows = COUNTING.batch_rows(rows);
        Self {
            rows,
            targets,
            chunk_bits: chunk_rows.trailing_zeros(),
            chunks: targets.div_ceil(chunk_rows).max(1),
            batch_rows,
            batches: rows.div_ceil(batch_rows).max(1),
        }
    }

    /// The shape in a frame with so many referring rows and targets, neither more than here: the same batches and chunks, as
    /// far as they have any; one chunk at least.
    pub fn with(self, rows: u32, targets: u32) -> Self {
        Self {
            rows,
            targets,
            chunks: targets.div_ceil(1 << self.chunk_bits).max(1),
            batches: rows.div_ceil(self.batch_rows),
            ..self
        }
    }

    /// The targets of a chunk.
    pub fn targets_of(&self, chunk: u32) -> std::ops::Range<u32> {
        let start = chunk << self.chunk_bits;
        start..self.targets.min(start.saturating_add(1 << self.chunk_bits))
    }
}

/// Where an inverse's arrays stand.
#[derive(Clone, Debug)]
pub struct InversePlaces {
    /// The numbers behind it.
    pub shape: InverseShape,
    /// Count: the row that each referring row refers to, where rows come and go; empty where a reference is a row.
    pub found: Place<u32>,
    /// Count: references a batch and chunk (`batch * chunks + chunk`).
    pub counts: Place<u32>,
    /// Place: the first slot of each batch's references to each chunk, in the order of `counts`.
    pub first_slots: Place<u32>,
    /// Place: the first slot of each chunk, and the end (`chunks + 1`).
    pub chunk_slots: Place<u32>,
    /// Scatter: the referring rows of each chunk, ascending. Written all over: words.
    pub scattered: Words<u32>,
    /// List: where each target's list begins, and where the last one ends (`targets + 1`).
    pub starts: Place<u32>,
    /// List: the lists, one behind another; rows ascend in each. (Not `scattered` in place: a batch must be able to
    /// run again.)
    pub listed: Place<u32>,
}

impl InversePlaces {
    /// Takes room for an inverse, whose references are rows, or have to be looked up.
    pub fn new(shape: InverseShape, looked_up: bool, arena: &mut Arena) -> Self {
        let (rows, chunks) = (shape.rows as usize, shape.chunks as usize);
        let table = chunks * shape.batches as usize;
        Self {
            shape,
            found: arena.place(if looked_up { rows } else { 0 }),
            counts: arena.place(table),
            first_slots: arena.place(table),
            chunk_slots: arena.place(chunks + 1),
            scattered: arena.words(rows),
            starts: arena.place(shape.targets as usize + 1),
            listed: arena.place(rows),
        }
    }
}
