//! Rows into ascending order, fast where they are near each other.

use diptych_protocol::limits::BLOCK_ROWS_MAX;

/// Brings a block's distinct rows into ascending order, each placed by how many are below it: no branch.
pub(crate) fn ascend_few(rows: &mut [u32]) {
    let count = rows.len();
    if count > BLOCK_ROWS_MAX {
        rows.sort_unstable();
        return;
    }
    let mut few = [u32::MAX; BLOCK_ROWS_MAX];
    few[..count].copy_from_slice(rows);
    for &row in &few[..count] {
        let below: u32 = few.iter().map(|&other| u32::from(other < row)).sum();
        rows[below as usize % BLOCK_ROWS_MAX] = row;
    }
}

/// Sets of rows as bits: 64 rows a word, 64 words a summary word. All zero between uses.
#[derive(Default)]
pub(super) struct Order {
    words: Vec<u64>,
    summary: Vec<u64>,
}

/// So few rows are sorted sooner than set as bits.
const FEW: usize = 20;
/// Rows of a summary word.
const SUMMARY_ROWS: usize = 64 * 64;

impl Order {
    /// Brings distinct rows into ascending order.
    pub fn ascend(&mut self, rows: &mut [u32]) {
        if rows.is_sorted() {
            return;
        }
        let (mut low, mut high) = (u32::MAX, 0);
        for &row in &*rows {
            low = low.min(row);
            high = high.max(row);
        }
        let base = low & !63;
        let span = (high - base) as usize + 1;
        // The bits cost a few nanoseconds a row and a fraction of one a summary word; a sort costs tens a row.
        if rows.len() <= FEW || span / SUMMARY_ROWS > 16 * rows.len() {
            rows.sort_unstable();
            return;
        }
        if self.words.len() * 64 < span {
            self.words.resize(span.div_ceil(SUMMARY_ROWS) * 64, 0);
            self.summary.resize(span.div_ceil(SUMMARY_ROWS), 0);
        }
        for &row in &*rows {
            let bit = (row - base) as usize;
            self.words[bit / 64] |= 1 << (bit % 64);
            self.summary[bit / SUMMARY_ROWS] |= 1 << (bit / 64 % 64);
        }
        let mut next = 0;
        for (i, summary) in self.summary[..span.div_ceil(SUMMARY_ROWS)].iter_mut().enumerate() {
            while *summary != 0 {
                let word = i * 64 + summary.trailing_zeros() as usize;
                *summary &= *summary - 1;
                let mut bits = std::mem::take(&mut self.words[word]);
                while bits != 0 {
                    rows[next] = base + (word * 64) as u32 + bits.trailing_zeros();
                    next += 1;
                    bits &= bits - 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Order, ascend_few};

    #[test]
    fn ascends_few_rows() {
        for count in [0, 1, 2, 7, 15, 16, 17, 40] {
            let mut rows: Vec<u32> = (0..count).map(|row| (row * 2_654_435_761_u64 % 1_000_003) as u32).collect();
            let mut expected = rows.clone();
            expected.sort_unstable();
            ascend_few(&mut rows);
            assert_eq!(rows, expected);
        }
    }

    #[test]
    fn ascends_near_and_far_rows() {
        let mut order = Order::default();
        let mut state = 1u64;
        for span in [30, 64, 100, 4096, 5000, 1 << 20, 1 << 29] {
            for count in [1, 2, 20, 21, 25, 100] {
                let mut rows: Vec<u32> = (0..count)
                    .map(|_| {
                        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        777 + ((state >> 33) % span) as u32
                    })
                    .collect();
                rows.sort_unstable();
                rows.dedup();
                let expected = rows.clone();
                let len = rows.len();
                for i in 0..len {
                    rows.swap(i, i * 7 % len);
                }
                order.ascend(&mut rows);
                assert_eq!(rows, expected);
            }
        }
    }
}
