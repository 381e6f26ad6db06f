//! The fourth phase: the rows of each chunk, in row order.

use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;

use super::scratch::KdScratch;

/// Rows side by side mostly are of one chunk: so many are looked at together.
pub(crate) const TOGETHER: usize = 16;

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
    let alike = |chunks: &[u16; TOGETHER]| chunks.iter().fold(0, |apart, chunk| apart | (chunk ^ chunks[0])) == 0;
    let one = |chunks: &[u16; TOGETHER]| alike(chunks).then_some(usize::from(chunks[0]));
    bring(rows.start, chunk_of, one, |chunk| Some(usize::from(chunk)), next, scattered);
}

/// Writes rows to the next slots of their chunks, from `first` on; those of no chunk nowhere. What `of` says of each, `one` may
/// say of all.
#[inline(always)]
pub(crate) fn bring<T: Copy>(
    first: u32,
    items: &[T],
    one: impl Fn(&[T; TOGETHER]) -> Option<usize>,
    of: impl Fn(T) -> Option<usize>,
    next: &mut [u32],
    scattered: &[AtomicU32],
) {
    let each = |next: &mut [u32], row: u32, item: T| {
        if let Some(chunk) = of(item) {
            scattered[next[chunk] as usize].store(row, Ordering::Relaxed);
            next[chunk] += 1;
        }
    };
    let (together, rest) = items.as_chunks();
    let mut first = first;
    for items in together {
        match one(items) {
            Some(chunk) => {
                let slot = next[chunk] as usize;
                let slots = &scattered[slot..slot + TOGETHER];
                slots.iter().zip(first..).for_each(|(slot, row)| slot.store(row, Ordering::Relaxed));
                next[chunk] += TOGETHER as u32;
            }
            None => (first..).zip(items).for_each(|(row, &item)| each(next, row, item)),
        }
        first += TOGETHER as u32;
    }
    (first..).zip(rest).for_each(|(row, &item)| each(next, row, item));
}
