//! Rows in the order of numbers that they have, fast where they nearly are.

use diptych_protocol::id::RowRange;

/// The rows of a batch by a number, then by row: `number << 32 | row`.
#[derive(Default)]
pub(crate) struct Keys {
    keys: Vec<u64>,
    unsorted: Vec<u64>,
    starts: Vec<u32>,
}

/// Counting costs a number far less than comparing costs a row.
const NUMBERS_A_ROW: usize = 32;

impl Keys {
    /// What was sorted last.
    pub fn sorted(&self) -> &[u64] {
        &self.keys
    }

    /// Sorts rows by their numbers.
    pub fn sort(&mut self, rows: RowRange, number: impl Fn(u32) -> u32) {
        let Self { keys, unsorted, starts } = self;
        keys.clear();
        keys.extend((rows.start..rows.end).map(|row| (u64::from(number(row)) << 32) | u64::from(row)));
        if keys.is_sorted() {
            return;
        }
        let (low, high) = keys.iter().fold((u64::MAX, 0), |(low, high), &key| (low.min(key), high.max(key)));
        let numbers = (high >> 32).saturating_sub(low >> 32) as usize + 1;
        if numbers > NUMBERS_A_ROW * keys.len() {
            keys.sort_unstable();
            return;
        }
        // Rows in spatial order have few numbers: counting is several times faster than comparing.
        std::mem::swap(keys, unsorted);
        let place = |key: u64| ((key >> 32) - (low >> 32)) as usize;
        starts.clear();
        starts.resize(numbers + 1, 0);
        for &key in &*unsorted {
            starts[place(key) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        keys.resize(unsorted.len(), 0);
        for &key in &*unsorted {
            let start = &mut starts[place(key)];
            keys[*start as usize] = key;
            *start += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_by_number_then_row() {
        let mut keys = Keys::default();
        for (range, spread) in [(0..0, 1), (5..6, 9), (3..900, 1), (3..900, 7), (100..700, 5_000), (100..700, u32::MAX)]
        {
            let number = |row: u32| row.wrapping_mul(2_654_435_761) % spread;
            keys.sort(RowRange::new(range.start, range.end), number);
            let mut expected: Vec<u64> = range.map(|row| (u64::from(number(row)) << 32) | u64::from(row)).collect();
            expected.sort_unstable();
            assert_eq!(keys.sorted(), expected);
        }
    }
}
