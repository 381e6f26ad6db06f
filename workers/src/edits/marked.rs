//! What is marked of rows or indexes, counted and found by number.

use std::ops::Range;

use diptych_protocol::ask_view::Marked;

/// The part of a word of 64 rows, from this one on, that lies in a range of rows.
fn within(first: u32, rows: &Range<u32>) -> u64 {
    let from = rows.start.saturating_sub(first).min(64);
    let to = rows.end.saturating_sub(first).min(64);
    let below = |bits: u32| if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    below(to) & !below(from)
}

/// The words of a range, as far as it goes, with the first row of each.
fn words(all: Marked<'_>, rows: Range<u32>) -> impl Iterator<Item = (u32, u64, u64)> {
    let rows = rows.start..rows.end.min(all.len);
    let numbers = if rows.is_empty() { 0..0 } else { rows.start / 64..rows.end.div_ceil(64) };
    numbers.map(move |number| (number * 64, all.word(number as usize), within(number * 64, &rows)))
}

/// How many of a range are marked.
pub fn count(all: Marked<'_>, rows: Range<u32>) -> u32 {
    words(all, rows).map(|(_, word, part)| (word & part).count_ones()).sum()
}

fn bits(first: u32, mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let row = (word != 0).then(|| first + word.trailing_zeros());
        word &= word.wrapping_sub(1);
        row
    })
}

/// Those of a range that are marked, ascending.
pub fn marked(all: Marked<'_>, rows: Range<u32>) -> impl Iterator<Item = u32> {
    words(all, rows).flat_map(|(first, word, part)| bits(first, word & part))
}

/// Those that are not, ascending.
pub fn unmarked(all: Marked<'_>, rows: Range<u32>) -> impl Iterator<Item = u32> {
    words(all, rows).flat_map(|(first, word, part)| bits(first, !word & part))
}

/// Those with these numbers among all that are marked. How many are before each block of so many rows is known.
pub fn numbered<'m>(
    all: Marked<'m>,
    before: &[u32],
    block_rows: u32,
    numbers: Range<u32>,
) -> impl Iterator<Item = u32> + use<'m> {
    let (block, skip) = block_of(before, numbers.start);
    marked(all, block * block_rows..all.len).skip(skip as usize).take(numbers.len())
}

/// Where to begin looking for a number, in blocks that say what stands before each: the block, and how many to leave out.
pub fn block_of(before: &[u32], number: u32) -> (u32, u32) {
    let block = before.partition_point(|first| *first <= number).saturating_sub(1);
    (block as u32, number - before.get(block).copied().unwrap_or(number))
}
