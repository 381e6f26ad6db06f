//! The fourth phase: the rows of each list, in the order of their ranking.

use diptych_protocol::matching_view::SortView;

use crate::inverse::{self, Chunk, InverseScratch};

/// Lists the rows of a chunk, and sorts each list by the numbers that its rows drew, then by entity.
pub fn sort(scratch: &mut InverseScratch, v: SortView<'_>) {
    let SortView { list, drawn } = v;
    let (first_slot, starts, listed) = (list.first_slot, list.starts, list.listed);
    let chunk =
        Chunk { chunk: list.chunk, scattered: list.scattered, first_slot, starts: &mut *starts, listed: &mut *listed };
    inverse::list(&list.shape, list.references, scratch, chunk);
    // Where a list begins its forerunner ends; the last one of the chunk ends with it.
    let end = first_slot + listed.len() as u32;
    let lists = list.shape.targets_of(list.chunk).len();
    for at in 0..lists {
        let end = starts.get(at + 1).copied().unwrap_or(end);
        let rows = (starts[at] - first_slot) as usize..(end - first_slot) as usize;
        // Rows of a list ascend before, and so does what is equal after: a key of both makes it one order.
        listed[rows].sort_unstable_by_key(|&row| (drawn[row as usize], row));
    }
}
