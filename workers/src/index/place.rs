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
    let chunk_slots = &mut chunk_slots[..=chunks];
    let chunk_places = &mut chunk_places[..=chunks];
    // The rows of each chunk, one place up: the sums then start at 0.
    chunk_slots.fill(0);
    for counts in counts.chunks_exact(chunks) {
        for (sum, count) in chunk_slots[1..].iter_mut().zip(counts) {
            *sum += count;
        }
    }
    chunk_places[0] = 0;
    for chunk in 1..=chunks {
        chunk_places[chunk] = chunk_places[chunk - 1] + chunk_buckets_max(chunk_slots[chunk], shape.bucket_rows);
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
