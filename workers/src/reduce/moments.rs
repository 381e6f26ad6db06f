//! Variances, by means and sums of squares about them.
//!
//! Of rows that are computed together first the mean is formed, then the squares of the distances from it, with what the
//! rounding of the mean puts wrong taken off again: the corrected two-pass algorithm of Chan, Golub and LeVeque,
//! "Algorithms for computing the sample variance: analysis and recommendations", 1983. What two sets of rows come to
//! together follows from what each comes to by the formula of the same paper: of means m and sums of squares S over n
//! rows, with d = m2 - m1, it is m1 + d n2 / n and S1 + S2 + d^2 n1 n2 / n. Neither subtracts large sums from each other, so
//! that a spread that is small beside the mean is not lost.

use super::{Fold, Rows, as_floats};

/// Sums side by side: value i is added to sum i mod so many, and these then in their order.
const LANES: usize = 8;

/// Variances.
pub(super) struct Moments;

/// The mean of rows, the squares of the distances from it, summed, and how many counted.
#[derive(Clone, Copy)]
struct Partial {
    mean: f64,
    squares: f64,
    count: u64,
}

impl Fold for Moments {
    fn begin(&self, partial: &mut [u64]) {
        Partial { mean: 0.0, squares: 0.0, count: 0 }.keep(partial);
    }

    fn rows(&self, partial: &mut [u64], rows: Rows<'_>) {
        let Some(values) = rows.values else { return };
        let of = as_floats!(values, v => of(v, rows.kept, rows.counted()));
        Partial::of(partial).with(of).keep(partial);
    }

    fn merge(&self, all: &mut [u64], block: &[u64]) {
        Partial::of(all).with(Partial::of(block)).keep(all);
    }

    fn results(&self, all: &[u64], results: &mut [f64]) {
        let all = Partial::of(all);
        results[0] = all.squares / all.count as f64;
    }
}

impl Partial {
    fn of(words: &[u64]) -> Self {
        Self { mean: f64::from_bits(words[0]), squares: f64::from_bits(words[1]), count: words[2] }
    }

    fn keep(self, words: &mut [u64]) {
        words.copy_from_slice(&[self.mean.to_bits(), self.squares.to_bits(), self.count]);
    }

    /// Together with rows behind them.
    fn with(self, other: Self) -> Self {
        if self.count == 0 || other.count == 0 {
            return if self.count == 0 { other } else { self };
        }
        let count = self.count + other.count;
        let share = other.count as f64 / count as f64;
        let apart = other.mean - self.mean;
        Self {
            mean: self.mean + apart * share,
            squares: self.squares + other.squares + apart * apart * (self.count as f64 * share),
            count,
        }
    }
}

fn of<T: Copy + Into<f64>>(values: &[T], kept: Option<&[u8]>, count: u64) -> Partial {
    if count == 0 {
        return Partial { mean: 0.0, squares: 0.0, count };
    }
    let n = count as f64;
    let mean = sum(values, kept, |x| x) / n;
    let rest = sum(values, kept, |x| x - mean);
    let squares = sum(values, kept, |x| (x - mean) * (x - mean)) - rest * rest / n;
    // Where all rows are equal, rounding alone could leave it below 0. NaN stays.
    Partial { mean: mean + rest / n, squares: if squares < 0.0 { 0.0 } else { squares }, count }
}

/// The sum of what is made of the values that count.
#[inline(always)]
fn sum<T: Copy + Into<f64>>(values: &[T], kept: Option<&[u8]>, of: impl Fn(f64) -> f64 + Copy) -> f64 {
    let mut sums = [0.0; LANES];
    let (many, rest) = values.as_chunks::<LANES>();
    match kept {
        None => {
            for some in many {
                for (sum, x) in sums.iter_mut().zip(some) {
                    *sum += of((*x).into());
                }
            }
            sums.iter_mut().zip(rest).for_each(|(sum, x)| *sum += of((*x).into()));
        }
        Some(kept) => {
            // What does not count is selected away: it may be NaN.
            let counted = |x: T, kept: u8| if kept != 0 { of(x.into()) } else { 0.0 };
            let (many_kept, rest_kept) = kept.as_chunks::<LANES>();
            for (some, kept) in many.iter().zip(many_kept) {
                for ((sum, x), kept) in sums.iter_mut().zip(some).zip(kept) {
                    *sum += counted(*x, *kept);
                }
            }
            sums.iter_mut().zip(rest).zip(rest_kept).for_each(|((sum, x), kept)| *sum += counted(*x, *kept));
        }
    }
    sums.into_iter().fold(0.0, |all, sum| all + sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::block::Values;
    use crate::reduce::tests::{Numbers, folded};

    fn variance(blocks: &[Vec<f64>]) -> f64 {
        let rows = blocks.iter().map(|v| Rows { count: v.len(), values: Some(Values::F64(v)), kept: None });
        folded::<3>(&Moments, rows)
    }

    /// The definition, of numbers that have been moved to where it loses nothing.
    fn plain(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn a_small_spread_about_a_large_mean_is_not_lost() {
        let mut numbers = Numbers(1);
        for (offset, spread, within) in [(0.0, 1.0, 1e-12), (1e9, 1e-3, 1e-4), (-1e12, 1.0, 1e-4), (1e6, 1e3, 1e-12)] {
            let moved: Vec<f64> = (0..20_000).map(|_| spread * (numbers.unit() - 0.5)).collect();
            // What is left of them when they have been rounded at the offset.
            let values: Vec<f64> = moved.iter().map(|x| x + offset).collect();
            let exact = plain(&values.iter().map(|x| x - offset).collect::<Vec<_>>());
            for cut in [1, 7, 4_096, 8_192, 20_000] {
                let blocks: Vec<Vec<f64>> = values.chunks(cut).map(<[f64]>::to_vec).collect();
                let found = variance(&blocks);
                assert!((found / exact - 1.0).abs() < within, "{found} for {exact} at {offset}, cut by {cut}");
            }
        }
    }

    #[test]
    fn what_is_equal_has_no_variance_and_what_is_no_number_has_nan() {
        assert_eq!(variance(&[vec![0.1; 4_095], vec![0.1; 9]]), 0.0);
        assert_eq!(variance(&[vec![], vec![1e300], vec![]]), 0.0);
        assert_eq!(variance(&[vec![1.0], vec![3.0]]), 1.0);
        assert_eq!(variance(&[vec![1.0, 3.0]]), 1.0);
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(variance(&[vec![1.0, wrong], vec![2.0]]).is_nan());
        }
        assert!(variance(&[]).is_nan() && variance(&[vec![]]).is_nan());
    }

    #[test]
    fn rows_that_do_not_count_leave_no_trace() {
        let mut numbers = Numbers(2);
        for rows in [1usize, 7, 8, 9, 100, 4_096] {
            let kept: Vec<u8> = (0..rows).map(|_| u8::from(numbers.unit() < 0.4)).collect();
            let value = |kept: &u8| if *kept == 0 { f32::NAN } else { 3.0 };
            let values: Vec<f32> = kept.iter().map(value).collect();
            let found =
                folded::<3>(&Moments, [Rows { count: rows, values: Some(Values::F32(&values)), kept: Some(&kept) }]);
            assert_eq!(found.to_bits(), if kept.contains(&1) { 0 } else { 0x7ff8 << 48 }, "of {rows}");
        }
    }
}
