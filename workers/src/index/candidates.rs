//! The rows that a block's neighbours are among.

use diptych_protocol::id::RowRange;

/// A run is worth copying as a slice if runs have at least this many rows on average.
const RUN_ROWS_MIN: usize = 8;

/// The candidates of a block, in canonical order: ascending rows. The block's own rows are among them.
#[derive(Clone, Copy, Debug)]
pub struct Candidates<'a> {
    rows: &'a [u32],
    runs: &'a [RowRange],
}

impl<'a> Candidates<'a> {
    pub(super) fn new(rows: &'a [u32], runs: &'a [RowRange]) -> Self {
        Self { rows, runs }
    }

    /// Looks for contiguous runs in ascending rows; none where they are too short.
    pub(super) fn find_runs(rows: &[u32], runs: &mut Vec<RowRange>) {
        runs.clear();
        let breaks = rows.windows(2).map(|pair| u32::from(pair[1] != pair[0] + 1)).sum::<u32>() as usize;
        if !rows.is_empty() && (breaks + 1) * RUN_ROWS_MIN <= rows.len() {
            let mut start = rows[0];
            let mut end = start;
            for &row in rows {
                if row != end {
                    runs.push(RowRange::new(start, end));
                    start = row;
                }
                end = row + 1;
            }
            runs.push(RowRange::new(start, end));
        }
    }

    /// The rows, ascending.
    pub fn rows(&self) -> &'a [u32] {
        self.rows
    }

    /// The same rows as contiguous ranges, ascending; empty where they are too scattered for that to pay.
    pub fn runs(&self) -> &'a [RowRange] {
        self.runs
    }

    /// Copies a column's values of the candidates, in canonical order.
    #[inline]
    pub fn gather<T: Copy>(&self, column: &[T], into: &mut Vec<T>) {
        into.clear();
        if self.runs.is_empty() {
            into.extend(self.rows.iter().map(|&row| column[row as usize]));
        } else {
            for run in self.runs {
                into.extend_from_slice(&column[run.indices()]);
            }
        }
    }
}
