//! Histograms: how many rows have each bin.

use diptych_protocol::program::Bins;

use super::{Fold, Rows, as_floats};

/// Bins, with what they are told by.
pub(super) struct Histogram {
    /// Where each begins, and where the last ends.
    edges: Vec<f64>,
    /// Bins a unit of length.
    scale: f64,
}

impl Histogram {
    /// Of these bins.
    pub(super) fn new(bins: Bins) -> Self {
        let edges = (0..=usize::from(bins.count)).map(|bin| bins.edge(bin)).collect();
        Self { edges, scale: f64::from(bins.count) / (bins.high - bins.low) }
    }

    /// The bin that has a value, if one does. The edges say which; the quotient, which is rounded, says where to begin.
    #[inline]
    fn bin(&self, x: f64) -> Option<usize> {
        let last = self.edges.len() - 2;
        let low = self.edges[0];
        if !(low <= x && x < self.edges[last + 1]) {
            return None;
        }
        let mut bin = (((x - low) * self.scale) as usize).min(last);
        while x < self.edges[bin] {
            bin -= 1;
        }
        while x >= self.edges[bin + 1] {
            bin += 1;
        }
        Some(bin)
    }

    fn count<T: Copy + Into<f64>>(&self, partial: &mut [u64], rows: Rows<'_>, values: &[T]) {
        rows.each(values, |x| {
            if let Some(bin) = self.bin(x.into()) {
                partial[bin] += 1;
            }
        });
    }
}

impl Fold for Histogram {
    fn begin(&self, partial: &mut [u64]) {
        partial.fill(0);
    }

    fn rows(&self, partial: &mut [u64], rows: Rows<'_>) {
        let Some(values) = rows.values else { return };
        as_floats!(values, v => self.count(partial, rows, v));
    }

    fn merge(&self, all: &mut [u64], block: &[u64]) {
        all.iter_mut().zip(block).for_each(|(all, block)| *all = all.wrapping_add(*block));
    }

    fn results(&self, all: &[u64], results: &mut [f64]) {
        results.iter_mut().zip(all).for_each(|(result, count)| *result = *count as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::block::Values;
    use crate::reduce::tests::Numbers;

    fn counts(bins: Bins, rows: &[Rows<'_>]) -> Vec<f64> {
        let histogram = Histogram::new(bins);
        let mut all = vec![0; usize::from(bins.count)];
        histogram.begin(&mut all);
        for rows in rows {
            let mut block = vec![9; all.len()];
            histogram.begin(&mut block);
            histogram.rows(&mut block, *rows);
            histogram.merge(&mut all, &block);
        }
        let mut results = vec![0.0; all.len()];
        histogram.results(&all, &mut results);
        results
    }

    #[test]
    fn a_bin_has_its_low_edge_and_not_its_high_one() {
        let values = [-0.1f32, -0.0, 0.0, 0.99, 1.0, 2.999_999, 3.0, 4.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let rows = Rows { count: values.len(), values: Some(Values::F32(&values)), kept: None };
        assert_eq!(counts(Bins { low: 0.0, high: 4.0, count: 4 }, &[rows, rows]), [6.0, 2.0, 2.0, 2.0]);
        let kept = [1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1];
        assert_eq!(counts(Bins { low: 0.0, high: 4.0, count: 1 }, &[Rows { kept: Some(&kept), ..rows }]), [2.0]);
        assert_eq!(counts(Bins { low: 0.0, high: 4.0, count: 2 }, &[]), [0.0, 0.0]);
    }

    /// Edges that a quotient misses by its rounding, and bins narrower than numbers are apart.
    #[test]
    fn each_value_stands_between_the_edges_of_its_bin() {
        let mut numbers = Numbers(3);
        for bins in [
            Bins { low: 0.0, high: 98.0, count: 2 },
            Bins { low: 0.0, high: 49.0, count: 49 },
            Bins { low: -0.1, high: 0.3, count: 7 },
            Bins { low: 1e16, high: 1e16 + 8.0, count: 1_024 },
            Bins { low: 0.0, high: f64::from_bits(5), count: 1_000 },
            Bins { low: -1e307, high: 7e306, count: 3 },
        ] {
            let histogram = Histogram::new(bins);
            let next = |x: f64, by: i64| f64::from_bits(x.to_bits().wrapping_add_signed(by));
            let near = histogram.edges.iter().flat_map(|x| [next(*x, -1), *x, next(*x, 1)]);
            let within: Vec<f64> = (0..500).map(|_| bins.low + (bins.high - bins.low) * numbers.unit()).collect();
            for x in near.chain(within) {
                let expected = (0..usize::from(bins.count)).find(|&bin| bins.edge(bin) <= x && x < bins.edge(bin + 1));
                assert_eq!(histogram.bin(x), expected, "{x} in {bins:?}");
            }
        }
    }
}
