//! The phases against a loop over everything, in any order of their batches.

use std::sync::atomic::AtomicU32;

use diptych_protocol::id::RowRange;
use diptych_protocol::inverse::InverseShape;
use diptych_protocol::types::NO_ROW;
use proptest::prelude::*;

use super::{Chunk, InverseScratch, count, list, place, scatter};

/// An order of `0 .. count` that a seed fixes, with some numbers twice: a batch may run again.
fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let key = |n: &u32| (u64::from(*n) + 1).wrapping_mul(seed | 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let mut order: Vec<u32> = (0..count).chain((0..count).filter(|n| n % 3 == (seed % 3) as u32)).collect();
    order.sort_by_key(key);
    let by = seed as usize % order.len();
    order.rotate_left(by);
    order
}

fn inverse(shape: &InverseShape, references: &[u32], seed: u64) -> (Vec<u32>, Vec<u32>) {
    let (chunks, batches) = (shape.chunks as usize, shape.batches as usize);
    let mut scratch = InverseScratch::default();
    let mut counts = vec![7; chunks * batches];
    let mut first_slots = vec![7; chunks * batches];
    let mut chunk_slots = vec![7; chunks + 1];
    let scattered: Vec<AtomicU32> = references.iter().map(|_| AtomicU32::new(NO_ROW)).collect();
    let mut starts = vec![7; shape.targets as usize + 1];
    let mut listed = vec![7; references.len()];
    let rows = |batch: u32| {
        let start = batch * shape.batch_rows;
        RowRange::new(start, shape.rows.min(start + shape.batch_rows))
    };
    let table = |batch: u32| batch as usize * chunks..(batch as usize + 1) * chunks;
    for batch in shuffled(shape.batches, seed) {
        count(shape, &references[rows(batch).indices()], &mut counts[table(batch)]);
    }
    place(shape, &counts, &mut first_slots, &mut chunk_slots);
    for batch in shuffled(shape.batches, seed / 3) {
        let own = &references[rows(batch).indices()];
        scatter(shape, rows(batch), own, &first_slots[table(batch)], &mut scratch, &scattered);
    }
    for chunk in shuffled(shape.chunks, seed / 7) {
        let slots = chunk_slots[chunk as usize] as usize..chunk_slots[chunk as usize + 1] as usize;
        let targets = shape.targets_of(chunk);
        let end = targets.end as usize + usize::from(chunk + 1 == shape.chunks);
        let chunk = Chunk {
            chunk,
            scattered: &scattered[slots.clone()],
            first_slot: slots.start as u32,
            starts: &mut starts[targets.start as usize..end],
            listed: &mut listed[slots],
        };
        list(shape, references, &mut scratch, chunk);
    }
    (starts, listed)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn lists_are_those_of_a_loop_over_everything(
        rows in 1u32..6000,
        targets in 1u32..20_000,
        crowd in 1u32..20_000,
        seed: u64,
    ) {
        let mut state = seed;
        let references: Vec<u32> = (0..rows)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                match (state >> 60) as u32 {
                    0 => NO_ROW,
                    1 => targets + ((state >> 33) as u32 % 9),
                    _ => (state >> 33) as u32 % crowd,
                }
            })
            .collect();
        let shape = InverseShape::new(rows, targets);
        let mut expected = vec![vec![]; targets as usize];
        for (row, &target) in references.iter().enumerate() {
            if let Some(list) = expected.get_mut(target as usize) {
                list.push(row as u32);
            }
        }
        let (starts, listed) = inverse(&shape, &references, seed);
        for (target, expected) in expected.iter().enumerate() {
            let found = &listed[starts[target] as usize..starts[target + 1] as usize];
            prop_assert_eq!(found, expected.as_slice());
        }
        prop_assert_eq!(starts[targets as usize] as usize, expected.iter().map(Vec::len).sum::<usize>());
    }
}
