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
    let by = seed as usize % order.len().max(1);
    order.rotate_left(by);
    order
}

/// The arrays of an inverse with room for so many rows and targets.
struct Arrays {
    counts: Vec<u32>,
    first_slots: Vec<u32>,
    chunk_slots: Vec<u32>,
    scattered: Vec<AtomicU32>,
    starts: Vec<u32>,
    listed: Vec<u32>,
}

impl Arrays {
    fn new(room: &InverseShape) -> Self {
        let table = (room.chunks * room.batches) as usize;
        Self {
            counts: vec![7; table],
            first_slots: vec![7; table],
            chunk_slots: vec![7; room.chunks as usize + 1],
            scattered: (0..room.rows).map(|_| AtomicU32::new(NO_ROW)).collect(),
            starts: vec![7; room.targets as usize + 1],
            listed: vec![7; room.rows as usize],
        }
    }

    /// All phases; what they leave, as far as it means anything.
    fn invert(&mut self, shape: &InverseShape, references: &[u32], seed: u64) -> (Vec<u32>, Vec<u32>) {
        let chunks = shape.chunks as usize;
        let mut scratch = InverseScratch::default();
        let rows = |batch: u32| {
            let start = batch * shape.batch_rows;
            RowRange::new(start, shape.rows.min(start + shape.batch_rows))
        };
        let table = |batch: u32| batch as usize * chunks..(batch as usize + 1) * chunks;
        for batch in shuffled(shape.batches, seed) {
            count(shape, &references[rows(batch).indices()], &mut self.counts[table(batch)]);
        }
        let all = 0..chunks * shape.batches as usize;
        place(shape, &self.counts[all.clone()], &mut self.first_slots[all], &mut self.chunk_slots);
        for batch in shuffled(shape.batches, seed / 3) {
            let own = &references[rows(batch).indices()];
            scatter(shape, rows(batch), own, &self.first_slots[table(batch)], &mut scratch, &self.scattered);
        }
        for chunk in shuffled(shape.chunks, seed / 7) {
            let slots = self.chunk_slots[chunk as usize] as usize..self.chunk_slots[chunk as usize + 1] as usize;
            let targets = shape.targets_of(chunk);
            let end = targets.end as usize + usize::from(chunk + 1 == shape.chunks);
            let chunk = Chunk {
                chunk,
                scattered: &self.scattered[slots.clone()],
                first_slot: slots.start as u32,
                starts: &mut self.starts[targets.start as usize..end],
                listed: &mut self.listed[slots],
            };
            list(shape, references, &mut scratch, chunk);
        }
        let starts = self.starts[..=shape.targets as usize].to_vec();
        let listed = self.listed[..starts[starts.len() - 1] as usize].to_vec();
        (starts, listed)
    }
}

/// References of so many rows to the first of so many targets, some to none and to rows that are not there. Half of the seeds
/// have mostly rows side by side that refer to targets side by side.
fn references(rows: u32, targets: u32, crowd: u32, seed: u64) -> Vec<u32> {
    let (mut state, mut last) = (seed, 0);
    let side_by_side = seed.count_ones().is_multiple_of(2);
    let mut reference = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = (state >> 33) as u32;
        if side_by_side && !(state >> 50).is_multiple_of(50) {
            // Also to the first that is not there.
            last = (last + draw % 5).min(targets);
            return last;
        }
        match (state >> 60) as u32 {
            0 => NO_ROW,
            1 => targets + (draw % 9),
            _ => {
                last = draw % crowd;
                last
            }
        }
    };
    (0..rows).map(|_| reference()).collect()
}

fn check(shape: &InverseShape, references: &[u32], starts: &[u32], listed: &[u32]) -> Result<(), TestCaseError> {
    let mut expected = vec![vec![]; shape.targets as usize];
    for (row, &target) in references.iter().enumerate() {
        if let Some(list) = expected.get_mut(target as usize) {
            list.push(row as u32);
        }
    }
    for (target, expected) in expected.iter().enumerate() {
        let found = &listed[starts[target] as usize..starts[target + 1] as usize];
        prop_assert_eq!(found, expected.as_slice());
    }
    prop_assert_eq!(starts[shape.targets as usize] as usize, expected.iter().map(Vec::len).sum::<usize>());
    Ok(())
}

#[test]
fn lists_of_a_crowd_are_those_of_a_loop_over_everything() {
    for (rows, targets) in [(1 << 16, 7), ((1 << 16) + 1, 7), (200_000, 1), (200_000, 5_000)] {
        let references = references(rows, targets, targets, 3);
        let shape = InverseShape::new(rows, targets);
        let mut arrays = Arrays::new(&shape);
        let (starts, listed) = arrays.invert(&shape, &references, 5);
        check(&shape, &references, &starts, &listed).unwrap();
    }
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
        let references = references(rows, targets, crowd, seed);
        let shape = InverseShape::new(rows, targets);
        let (starts, listed) = Arrays::new(&shape).invert(&shape, &references, seed);
        check(&shape, &references, &starts, &listed)?;
    }

    #[test]
    fn lists_of_fewer_rows_are_those_from_clean_arrays(
        most in 1u32..6000,
        targets_most in 1u32..20_000,
        // A share of the rows and of the targets, in thousandths.
        frames in prop::collection::vec((0u32..=1000, 0u32..=1000, any::<u64>()), 2..6),
    ) {
        let room = InverseShape::new(most, targets_most);
        let mut arrays = Arrays::new(&room);
        for (rows, targets, seed) in frames {
            let shape = room.with(most * rows / 1000, targets_most * targets / 1000);
            prop_assert!(shape.chunks <= room.chunks && shape.batches <= room.batches);
            let references = references(shape.rows, shape.targets, 1 + seed as u32 % targets_most, seed);
            let found = arrays.invert(&shape, &references, seed);
            check(&shape, &references, &found.0, &found.1)?;
            prop_assert_eq!(found, Arrays::new(&room).invert(&shape, &references, !seed));
        }
    }
}
