//! Which rows end, counted and found by number.

use std::ops::Range;

use diptych_protocol::edit_view::Ended;

/// The part of a word of 64 rows, from this one on, that lies in a range of rows.
fn within(first: u32, rows: &Range<u32>) -> u64 {
    let from = rows.start.saturating_sub(first).min(64);
    let to = rows.end.saturating_sub(first).min(64);
    let below = |bits: u32| if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
    below(to) & !below(from)
}

/// The words of the rows of a range, as far as there are such, with the first row of each.
fn words<'e>(ended: &'e Ended<'_>, rows: Range<u32>) -> impl Iterator<Item = (u32, u64, u64)> + 'e {
    let rows = rows.start..rows.end.min(ended.rows);
    let numbers = if rows.is_empty() { 0..0 } else { rows.start / 64..rows.end.div_ceil(64) };
    numbers.map(move |number| (number * 64, ended.word(number as usize), within(number * 64, &rows)))
}

/// How many rows of a range end.
pub fn count(ended: &Ended<'_>, rows: Range<u32>) -> u32 {
    words(ended, rows).map(|(_, word, part)| (word & part).count_ones()).sum()
}

fn bits(first: u32, mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let row = (word != 0).then(|| first + word.trailing_zeros());
        word &= word.wrapping_sub(1);
        row
    })
}

/// The rows of a range that end, ascending.
pub fn ending<'e>(ended: &'e Ended<'_>, rows: Range<u32>) -> impl Iterator<Item = u32> + 'e {
    words(ended, rows).flat_map(|(first, word, part)| bits(first, word & part))
}

/// The rows of a range that go on, ascending.
pub fn surviving<'e>(ended: &'e Ended<'_>, rows: Range<u32>) -> impl Iterator<Item = u32> + 'e {
    words(ended, rows).flat_map(|(first, word, part)| bits(first, !word & part))
}

/// Where to begin looking for a number, in blocks that say what stands before each: the block, and how many to leave out.
pub fn block_of(before: &[u32], number: u32) -> (u32, u32) {
    let block = before.partition_point(|first| *first <= number).saturating_sub(1);
    (block as u32, number - before.get(block).copied().unwrap_or(number))
}
