//! The fourth phase: the rows of each chunk, in row order.

use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;

use super::scratch::KdScratch;

/// Rows side by side mostly are of one chunk: so many are looked at together.
const TOGETHER: usize = 16;

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
    let bring = |next: &mut [u32], row: u32, chunk: u16| {
        let slot = &mut next[usize::from(chunk)];
        scattered[*slot as usize].store(row, Ordering::Relaxed);
        *slot += 1;
    };
    let (together, rest) = chunk_of.as_chunks::<TOGETHER>();
    let mut first = rows.start;
    for chunks in together {
        if chunks.iter().fold(0, |apart, chunk| apart | (chunk ^ chunks[0])) == 0 {
            let next = &mut next[usize::from(chunks[0])];
            let slots = &scattered[*next as usize..*next as usize + TOGETHER];
            slots.iter().zip(first..).for_each(|(slot, row)| slot.store(row, Ordering::Relaxed));
            *next += TOGETHER as u32;
        } else {
            (first..).zip(chunks).for_each(|(row, &chunk)| bring(next, row, chunk));
        }
        first += TOGETHER as u32;
    }
    (first..).zip(rest).for_each(|(row, &chunk)| bring(next, row, chunk));
}
