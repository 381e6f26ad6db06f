//! Inverses of references: for each row the rows that refer to it, built in phases by whoever claims them.
//!
//! The arrays are named in [`diptych_protocol::inverse`]. As with an index, a phase is a pure function over slices of
//! them, which reads only what earlier phases wrote, so that it can run again, anywhere, in any order of its batches:
//!
//! 1. [`count()`] counts a batch's references to each chunk of targets,
//! 2. [`place()`] sums the counts to places,
//! 3. [`scatter()`] brings the referring rows to the chunk of what they refer to,
//! 4. [`list()`] sorts a chunk's rows by target.
//!
//! A reference to a row that is not there, [`NO_ROW`] above all, is in no list.

use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::id::RowRange;
use diptych_protocol::inverse::InverseShape;
use diptych_protocol::inverse_view::Lookup;
use diptych_protocol::types::NO_ROW;

use crate::index::{self, TOGETHER};
use crate::wide::wide;

/// What a worker keeps from batch to batch: room, no state.
#[derive(Default)]
pub struct InverseScratch {
    next: Vec<u32>,
    /// Of each row of a chunk that has no more than [`FOUND_MAX`], which of its targets it refers to, and how many rows before
    /// it do.
    found: Vec<[u32; 2]>,
}

/// So many rows of a chunk a worker keeps to itself. All rows may refer to one chunk: no worker should hold all of them.
const FOUND_MAX: usize = 1 << 16;

#[inline(always)]
fn chunk_of(shape: &InverseShape, target: u32) -> Option<usize> {
    (target < shape.targets).then_some((target >> shape.chunk_bits) as usize)
}

/// The chunk that all of these targets are in, where that is one, and not the last one, which may be cut off.
#[inline(always)]
fn one_chunk(shape: &InverseShape, targets: &[u32; TOGETHER]) -> Option<usize> {
    let apart = targets.iter().fold(0, |apart, target| apart | (target ^ targets[0]));
    let chunk = targets[0] >> shape.chunk_bits;
    (apart >> shape.chunk_bits == 0 && chunk < shape.targets >> shape.chunk_bits).then_some(chunk as usize)
}

/// Finds the rows that references are to: none, where whom they mean has ended.
pub fn look_up<'a>(references: &[u32], lookup: Lookup<'a>) -> &'a [u32] {
    let Lookup { lives, directory, generations, found } = lookup;
    for ((to, index), life) in found.iter_mut().zip(references).zip(lives) {
        let row = directory.get(*index as usize).copied().unwrap_or(NO_ROW);
        *to = if generations.get(row as usize) == Some(life) { row } else { NO_ROW };
    }
    found
}

/// Counts the references of a batch's rows, one count a chunk.
pub fn count(shape: &InverseShape, references: &[u32], counts: &mut [u32]) {
    let shape = *shape;
    counts.fill(0);
    wide(
        #[inline(always)]
        move || {
            let (together, rest) = references.as_chunks();
            for targets in together {
                match one_chunk(&shape, targets) {
                    Some(chunk) => counts[chunk] += TOGETHER as u32,
                    None => targets.iter().filter_map(|&to| chunk_of(&shape, to)).for_each(|chunk| counts[chunk] += 1),
                }
            }
            rest.iter().filter_map(|&target| chunk_of(&shape, target)).for_each(|chunk| counts[chunk] += 1);
        },
    );
}

/// Gives each (chunk, batch) its first slot, in that order.
pub fn place(shape: &InverseShape, counts: &[u32], first_slots: &mut [u32], chunk_slots: &mut [u32]) {
    index::sum(shape.chunks as usize, counts, first_slots, chunk_slots);
}

/// Writes each referring row of the batch to its slot. The slots of two batches are disjoint: the stores are atomic
/// only because batches interleave in them.
pub fn scatter(
    shape: &InverseShape,
    rows: RowRange,
    references: &[u32],
    first_slots: &[u32],
    scratch: &mut InverseScratch,
    scattered: &[AtomicU32],
) {
    let (shape, next) = (*shape, &mut scratch.next);
    next.clear();
    next.extend_from_slice(first_slots);
    wide(
        #[inline(always)]
        move || {
            let (one, of) = (|targets: &_| one_chunk(&shape, targets), |target| chunk_of(&shape, target));
            index::bring(rows.start, references, one, of, next, scattered);
        },
    );
}

/// A chunk's parts of the arrays that [`list()`] reads and writes.
pub struct Chunk<'a> {
    /// Its number.
    pub chunk: u32,
    /// The rows that refer to it, ascending.
    pub scattered: &'a [AtomicU32],
    /// Its first slot.
    pub first_slot: u32,
    /// Where the lists of its targets begin; of the last chunk also where the last one ends.
    pub starts: &'a mut [u32],
    /// The lists.
    pub listed: &'a mut [u32],
}

/// Sorts a chunk's rows by what they refer to. They come ascending, and stay so within a list.
pub fn list(shape: &InverseShape, references: &[u32], scratch: &mut InverseScratch, chunk: Chunk<'_>) {
    let targets = shape.targets_of(chunk.chunk);
    let Chunk { scattered, first_slot, starts, listed, .. } = chunk;
    let InverseScratch { next: counts, found, .. } = scratch;
    counts.clear();
    counts.resize(targets.len(), 0);
    let target_of = |row: &AtomicU32| references[row.load(Ordering::Relaxed) as usize] - targets.start;
    // A row's place is found in two steps. In one it would hang on the count that the row before has just written, if both
    // refer to the same target: that takes twice as long.
    let (few, many) = scattered.split_at(if scattered.len() <= FOUND_MAX { scattered.len() } else { 0 });
    found.clear();
    found.extend(few.iter().map(|row| {
        let target = target_of(row);
        let count = &mut counts[target as usize];
        *count += 1;
        [target, *count - 1]
    }));
    many.iter().for_each(|row| counts[target_of(row) as usize] += 1);
    let mut start = first_slot;
    for (to, count) in starts.iter_mut().zip(&*counts) {
        *to = start;
        start += count;
    }
    // Of the last chunk one more: the end of all.
    if let Some(end) = starts.get_mut(counts.len()) {
        *end = start;
    }
    for (row, &[target, before]) in few.iter().zip(&*found) {
        listed[(starts[target as usize] + before - first_slot) as usize] = row.load(Ordering::Relaxed);
    }
    if !many.is_empty() {
        counts.copy_from_slice(&starts[..targets.len()]);
    }
    for row in many {
        let next = &mut counts[target_of(row) as usize];
        listed[(*next - first_slot) as usize] = row.load(Ordering::Relaxed);
        *next += 1;
    }
}

#[cfg(test)]
mod tests;
