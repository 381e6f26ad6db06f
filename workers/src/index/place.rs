//! The third phase: counts become places.

use diptych_protocol::kd::{KdShape, chunk_buckets_max};

/// Gives each (chunk, batch) its first slot, in that order, and each chunk its part of the bucket arrays.
pub fn place(
    shape: &KdShape,
    counts: &[u32],
    first_slots: &mut [u32],
    chunk_slots: &mut [u32],
    chunk_places: &mut [u32],
) {
    let chunks = shape.chunks as usize;
    sum(chunks, counts, first_slots, chunk_slots);
    chunk_places[0] = 0;
    for chunk in 0..chunks {
        let rows = chunk_slots[chunk + 1] - chunk_slots[chunk];
        chunk_places[chunk + 1] = chunk_places[chunk] + chunk_buckets_max(rows, shape.bucket_rows);
    }
}

/// Gives each (chunk, batch) its first slot, in that order, and each chunk its own. The table is read and written batch
/// by batch, as it stands.
pub(crate) fn sum(chunks: usize, counts: &[u32], first_slots: &mut [u32], chunk_slots: &mut [u32]) {
    let chunk_slots = &mut chunk_slots[..=chunks];
    // The rows of each chunk, one place up: the sums then start at 0.
    chunk_slots.fill(0);
    for counts in counts.chunks_exact(chunks) {
        for (sum, count) in chunk_slots[1..].iter_mut().zip(counts) {
            *sum += count;
        }
    }
    for chunk in 1..=chunks {
        chunk_slots[chunk] += chunk_slots[chunk - 1];
    }
    let mut rest = &mut first_slots[..counts.len()];
    let mut before: Option<(&[u32], &[u32])> = None;
    for counts in counts.chunks_exact(chunks) {
        let (slots, behind) = rest.split_at_mut(chunks);
        match before {
            None => slots.copy_from_slice(&chunk_slots[..chunks]),
            Some((slots_before, counts_before)) => {
                for ((slot, slot_before), count_before) in slots.iter_mut().zip(slots_before).zip(counts_before) {
                    *slot = slot_before + count_before;
                }
            }
        }
        before = Some((slots, counts));
        rest = behind;
    }
}
