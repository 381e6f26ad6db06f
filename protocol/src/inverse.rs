//! The shape of an inverse of a reference column in shared memory. A pure function of how many rows refer and how
//! many are referred to.
//!
//! The rows that are referred to are cut into *chunks* of equal size. Referring rows are brought to the chunk of what
//! they refer to, then listed row by row within it; in each list they stand in ascending order.

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
        let chunk_rows = targets.div_ceil(INVERSE_CHUNKS_MAX).max(INVERSE_CHUNK_ROWS).next_power_of_two();
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

    /// The targets of a chunk.
    pub fn targets_of(&self, chunk: u32) -> std::ops::Range<u32> {
        let start = chunk << self.chunk_bits;
        start..self.targets.min(start.saturating_add(1 << self.chunk_bits))
    }
}
