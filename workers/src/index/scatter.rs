//! The fourth phase: the rows of each chunk, in row order.

use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;

use super::scratch::KdScratch;

/// Writes each row of the batch to its slot. `chunk_of` are the batch's own rows, `first_slots` is the batch's own row
/// of the table. The slots of two batches are disjoint: the stores are atomic only because batches interleave in them.
pub fn scatter(
    shape: &KdShape,
    rows: RowRange,
    chunk_of: &[u16],
    first_slots: &[u32],
    scratch: &mut KdScratch,
    scattered: &[AtomicU32],
) {
    let next = &mut scratch.next;
    next.clear();
    next.extend_from_slice(&first_slots[..shape.chunks as usize]);
    for (row, &chunk) in (rows.start..rows.end).zip(chunk_of) {
        let slot = &mut next[usize::from(chunk)];
        scattered[*slot as usize].store(row, Ordering::Relaxed);
        *slot += 1;
    }
}
