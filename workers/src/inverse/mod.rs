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

use crate::index;

/// What a worker keeps from batch to batch: room, no state.
#[derive(Default)]
pub struct InverseScratch {
    next: Vec<u32>,
}

fn chunk_of(shape: &InverseShape, target: u32) -> Option<usize> {
    (target < shape.targets).then_some((target >> shape.chunk_bits) as usize)
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
    counts.fill(0);
    // Rows side by side mostly refer to one chunk: each count in memory would wait for the one before.
    let (mut last, mut count) = (0, 0);
    for chunk in references.iter().filter_map(|&target| chunk_of(shape, target)) {
        if chunk != last {
            counts[last] += std::mem::replace(&mut count, 0);
            last = chunk;
        }
        count += 1;
    }
    if count > 0 {
        counts[last] += count;
    }
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
    let next = &mut scratch.next;
    next.clear();
    next.extend_from_slice(first_slots);
    // As when they were counted.
    let (mut last, mut slot) = (0, next.first().copied().unwrap_or(0));
    for (row, &target) in (rows.start..rows.end).zip(references) {
        if let Some(chunk) = chunk_of(shape, target) {
            if chunk != last {
                next[last] = slot;
                (last, slot) = (chunk, next[chunk]);
            }
            scattered[slot as usize].store(row, Ordering::Relaxed);
            slot += 1;
        }
    }
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
    let target_of = |row: u32| (references[row as usize] - targets.start) as usize;
    let rows = || chunk.scattered.iter().map(|row| row.load(Ordering::Relaxed));
    let next = &mut scratch.next;
    next.clear();
    next.resize(targets.len(), 0);
    for row in rows() {
        next[target_of(row)] += 1;
    }
    let mut start = 0;
    for (next, to) in next.iter_mut().zip(&mut *chunk.starts) {
        *to = chunk.first_slot + start;
        start += std::mem::replace(next, start);
    }
    // Of the last chunk one more: the end of all.
    if let Some(end) = chunk.starts.get_mut(next.len()) {
        *end = chunk.first_slot + start;
    }
    for row in rows() {
        let next = &mut next[target_of(row)];
        chunk.listed[*next as usize] = row;
        *next += 1;
    }
}

#[cfg(test)]
mod tests;
