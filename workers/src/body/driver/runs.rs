//! Stretches of places, cut where rows of the block stand.

use std::ops::Range;

use diptych_protocol::id::RowRange;

use crate::body::block::Run;

/// Own rows with fewer others than this between them share a stretch: a stretch costs about as much as a few turns.
const GAP: u32 = 4;

/// Appends the stretches of a range of places; `own` are the block's own places, ascending, perhaps some outside.
pub(super) fn cut(range: Range<u32>, own: impl Iterator<Item = u32>, runs: &mut Vec<Run>) {
    let (begun, mut next) = (runs.len(), range.start);
    for place in own.filter(|place| range.contains(place)) {
        match runs[begun..].last_mut() {
            Some(last) if last.own && place - last.end < GAP => last.end = place + 1,
            _ => {
                if next < place {
                    runs.push(Run { start: next, end: place, own: false });
                }
                runs.push(Run { start: place, end: place + 1, own: true });
            }
        }
        next = place + 1;
    }
    if next < range.end {
        runs.push(Run { start: next, end: range.end, own: false });
    }
}

/// Appends whole ranges of rows, and says of each whether any of the own rows is in it.
pub(super) fn flag(ranges: &[RowRange], own: &[u32], runs: &mut Vec<Run>) {
    runs.extend(ranges.iter().map(|&RowRange { start, end }| {
        // All of them, without a branch: no order is asked of them, and a block has few.
        let own = own.iter().fold(false, |own, row| own | (row.wrapping_sub(start) < end - start));
        Run { start, end, own }
    }));
}

/// Where rows stand in a list, those that do; both ascend.
pub(super) fn places(rows: &[u32], listed: &[u32]) -> impl Iterator<Item = u32> {
    let mut next = 0;
    rows.iter().filter_map(move |row| {
        while listed.get(next).is_some_and(|other| other < row) {
            next += 1;
        }
        (listed.get(next) == Some(row)).then_some(next as u32)
    })
}

/// The same where the own places are one stretch.
#[inline]
pub(super) fn part(range: Range<u32>, own: &Range<u32>, runs: &mut Vec<Run>) {
    if range.end <= own.start || own.end <= range.start {
        if !range.is_empty() {
            runs.push(Run { start: range.start, end: range.end, own: false });
        }
        return;
    }
    let (start, end) = (own.start.clamp(range.start, range.end), own.end.clamp(range.start, range.end));
    for (piece, own) in [(range.start..start, false), (start..end, true), (end..range.end, false)] {
        if !piece.is_empty() {
            runs.push(Run { start: piece.start, end: piece.end, own });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RowRange, Run, cut, flag, part, places};

    #[test]
    fn a_stretch_of_own_places_is_parted_off() {
        let run = |start, end, own| Run { start, end, own };
        for (range, own, expected) in [
            (3..9, 4..6, vec![run(3, 4, false), run(4, 6, true), run(6, 9, false)]),
            (3..9, 0..5, vec![run(3, 5, true), run(5, 9, false)]),
            (3..9, 6..20, vec![run(3, 6, false), run(6, 9, true)]),
            (3..9, 9..12, vec![run(3, 9, false)]),
            (3..9, 0..3, vec![run(3, 9, false)]),
            (3..9, 0..20, vec![run(3, 9, true)]),
            (3..3, 0..20, vec![]),
        ] {
            let mut runs = Vec::new();
            part(range, &own, &mut runs);
            assert_eq!(runs, expected);
        }
    }

    #[test]
    fn ranges_with_own_rows_are_flagged() {
        let mut runs = Vec::new();
        let ranges = [(0, 4), (8, 9), (9, 20), (30, 31)].map(|(start, end)| RowRange::new(start, end));
        flag(&ranges, &[40, 19, 8, 4], &mut runs);
        let run = |start, end, own| Run { start, end, own };
        assert_eq!(runs, [run(0, 4, false), run(8, 9, true), run(9, 20, true), run(30, 31, false)]);
    }

    #[test]
    fn rows_are_found_in_a_list_if_they_are_there() {
        for (rows, listed, expected) in [
            (vec![], vec![1, 2], vec![]),
            (vec![1, 2], vec![], vec![]),
            (vec![2, 3, 7, 9], vec![0, 2, 3, 4, 8, 9, 10], vec![1, 2, 5]),
            (vec![11, 12], vec![0, 2], vec![]),
        ] {
            assert_eq!(places(&rows, &listed).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn own_places_are_in_flagged_stretches_and_nothing_is_lost() {
        for (range, own) in [
            (0..0, vec![]),
            (0..9, vec![]),
            (3..20, vec![3, 4, 9, 19]),
            (3..20, vec![0, 2, 25]),
            (5..6, vec![5]),
            (0..64, (16..32).collect()),
        ] {
            let mut runs = vec![Run { start: 0, end: 0, own: true }];
            cut(range.clone(), own.iter().copied(), &mut runs);
            let places: Vec<u32> = runs[1..].iter().flat_map(|run| run.start..run.end).collect();
            assert_eq!(places, range.collect::<Vec<_>>());
            for run in &runs[1..] {
                assert!(run.start < run.end);
                assert_eq!(run.own, own.iter().any(|place| (run.start..run.end).contains(place)));
            }
        }
    }
}
