//! The last phase: what stands at the same place is paired.

use std::ops::Range;
use std::sync::atomic::Ordering;

use diptych_protocol::matching_view::{PairView, Ranked};

/// Pairs the rows of a chunk of lists. Each row is in one list, so each is written once; the stores are atomic only
/// because batches interleave in them.
pub fn pair(v: PairView<'_>) {
    if !v.meets {
        all(&v);
        return;
    }
    for list in v.lists.clone() {
        match &v.second {
            Some(second) => {
                let others = rows(second, list..list + 1).iter();
                rows(&v.first, list..list + 1).iter().zip(others).for_each(|(a, b)| join(&v.first, *a, second, *b));
            }
            None => {
                let pairs = rows(&v.first, list..list + 1).chunks_exact(2);
                pairs.for_each(|pair| join(&v.first, pair[0], &v.first, pair[1]));
            }
        }
    }
}

/// The chunk's part of one ranking of all rows.
fn all(v: &PairView<'_>) {
    let slots = slots(&v.first, v.lists.clone());
    match &v.second {
        Some(second) => {
            let others = second.listed.get(slots.start..).unwrap_or(&[]);
            v.first.listed[slots].iter().zip(others).for_each(|(a, b)| join(&v.first, *a, second, *b));
        }
        None => {
            // Who stands at an even place is paired with the next one, in whatever chunk that is.
            let first = slots.start.next_multiple_of(2);
            let end = slots.end.next_multiple_of(2).min(v.first.listed.len());
            let pairs = v.first.listed.get(first..end).unwrap_or(&[]).chunks_exact(2);
            pairs.for_each(|pair| join(&v.first, pair[0], &v.first, pair[1]));
        }
    }
}

/// Where the rows of some lists stand.
fn slots(side: &Ranked<'_>, lists: Range<usize>) -> Range<usize> {
    side.starts[lists.start] as usize..side.starts[lists.end] as usize
}

fn rows<'a>(side: &Ranked<'a>, lists: Range<usize>) -> &'a [u32] {
    &side.listed[slots(side, lists)]
}

fn join(a: &Ranked<'_>, row: u32, b: &Ranked<'_>, other: u32) {
    a.partners[row as usize].store(other, Ordering::Relaxed);
    b.partners[other as usize].store(row, Ordering::Relaxed);
}
