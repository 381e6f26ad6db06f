//! Counts, sums, means and extremes.

use diptych_protocol::math;
use diptych_protocol::program::Reduce;

use super::{Fold, Rows};
use crate::body::block::Values;

/// What rows came to: the value's bits (an `i64` or an `f64`, as the reduction has it), and how many counted.
#[derive(Clone, Copy)]
struct Partial {
    bits: u64,
    count: u64,
}

/// How contributions are put together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Sums {
    pub(super) how: Reduce,
    /// Whether sums are of integers.
    pub(super) integer: bool,
}

impl Partial {
    fn of(words: &[u64]) -> Self {
        Self { bits: words[0], count: words[1] }
    }

    fn keep(self, words: &mut [u64]) {
        words.copy_from_slice(&[self.bits, self.count]);
    }
}

impl Fold for Sums {
    fn begin(&self, partial: &mut [u64]) {
        let bits = match self.how {
            Reduce::Min => f64::INFINITY.to_bits(),
            Reduce::Max => f64::NEG_INFINITY.to_bits(),
            // Both zeros have these bits.
            _ => 0,
        };
        Partial { bits, count: 0 }.keep(partial);
    }

    fn rows(&self, partial: &mut [u64], rows: Rows<'_>) {
        let (before, kept) = (Partial::of(partial), rows.kept);
        let after = match rows.values {
            None => Partial { count: before.count + rows.counted(), ..before },
            Some(Values::F32(v)) => self.floats(before, v.iter().map(|x| f64::from(*x)), kept),
            Some(Values::F64(v)) => self.floats(before, v.iter().copied(), kept),
            Some(Values::I8(v)) => self.integers(before, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::I16(v)) => self.integers(before, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::I32(v)) => self.integers(before, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::U8(v) | Values::Bool(v)) => self.integers(before, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::U16(v)) => self.integers(before, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::U32(v)) => self.integers(before, v.iter().map(|x| i64::from(*x)), kept),
        };
        after.keep(partial);
    }

    fn merge(&self, all: &mut [u64], block: &[u64]) {
        let (a, b) = (Partial::of(all), Partial::of(block));
        let bits = if self.wraps() {
            (a.bits as i64).wrapping_add(b.bits as i64) as u64
        } else {
            let (x, y) = (f64::from_bits(a.bits), f64::from_bits(b.bits));
            let both = match self.how {
                Reduce::Min => math::min(x, y),
                Reduce::Max => math::max(x, y),
                _ => x + y,
            };
            both.to_bits()
        };
        Partial { bits, count: a.count.wrapping_add(b.count) }.keep(all);
    }

    fn results(&self, all: &[u64], results: &mut [f64]) {
        let all = Partial::of(all);
        let value = if self.wraps() { all.bits as i64 as f64 } else { f64::from_bits(all.bits) };
        results[0] = match self.how {
            Reduce::Count => all.count as f64,
            Reduce::Mean => value / all.count as f64,
            _ => value,
        };
    }
}

impl Sums {
    fn floats(&self, partial: Partial, values: impl Iterator<Item = f64>, kept: Option<&[u8]>) -> Partial {
        let start = f64::from_bits(partial.bits);
        let (value, count) = match self.how {
            Reduce::Min => fold(start, values, kept, math::min),
            Reduce::Max => fold(start, values, kept, math::max),
            _ => fold(start, values, kept, |sum, x| sum + x),
        };
        Partial { bits: value.to_bits(), count: partial.count + count }
    }

    fn integers(&self, partial: Partial, values: impl Iterator<Item = i64>, kept: Option<&[u8]>) -> Partial {
        match self.how {
            // No column holds an integer that a float of 64 bits does not.
            Reduce::Min | Reduce::Max => self.floats(partial, values.map(|x| x as f64), kept),
            _ => {
                let (sum, count) = fold(partial.bits as i64, values, kept, i64::wrapping_add);
                Partial { bits: sum as u64, count: partial.count + count }
            }
        }
    }

    fn wraps(&self) -> bool {
        self.integer && matches!(self.how, Reduce::Sum | Reduce::Mean)
    }
}

/// How many are 1; the others are 0.
pub(super) fn trues(kept: &[u8]) -> u64 {
    // Side by side, no more of them than a byte can count.
    const LANES: usize = 32;
    let count = |kept: &[u8]| {
        let (many, rest) = kept.as_chunks::<LANES>();
        let mut counts = [0u8; LANES];
        for some in many {
            counts.iter_mut().zip(some).for_each(|(count, kept)| *count = count.wrapping_add(*kept));
        }
        counts.iter().chain(rest).map(|count| u64::from(*count)).sum::<u64>()
    };
    kept.chunks(LANES * usize::from(u8::MAX)).map(count).sum()
}

/// Row after row; how many of them counted.
#[inline(always)]
fn fold<T: Copy>(start: T, values: impl Iterator<Item = T>, kept: Option<&[u8]>, add: impl Fn(T, T) -> T) -> (T, u64) {
    match kept {
        None => values.fold((start, 0), |(all, count), x| (add(all, x), count + 1)),
        Some(kept) => {
            values.zip(kept).fold(
                (start, 0),
                |(all, count), (x, &kept)| {
                    if kept != 0 { (add(all, x), count + 1) } else { (all, count) }
                },
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::folded;

    fn of(how: Reduce, integer: bool, blocks: &[(Values<'_>, Option<&[u8]>)]) -> f64 {
        let values = |values| (how != Reduce::Count).then_some(values);
        let rows = blocks.iter().map(|(v, kept)| Rows { count: v.len(), values: values(*v), kept: *kept });
        folded::<2>(&Sums { how, integer }, rows)
    }

    #[test]
    fn of_nothing_each_has_its_own_answer() {
        let none: &[(Values<'_>, Option<&[u8]>)] = &[];
        let left_out: &[(Values<'_>, Option<&[u8]>)] = &[(Values::F32(&[1.0, 2.0]), Some(&[0, 0]))];
        for blocks in [none, left_out] {
            assert_eq!(of(Reduce::Count, false, blocks), 0.0);
            assert_eq!(of(Reduce::Sum, false, blocks).to_bits(), 0.0f64.to_bits());
            assert_eq!(of(Reduce::Mean, false, blocks).to_bits(), 0x7ff8 << 48);
            assert_eq!(of(Reduce::Min, false, blocks), f64::INFINITY);
            assert_eq!(of(Reduce::Max, false, blocks), f64::NEG_INFINITY);
        }
    }

    #[test]
    fn integers_wrap_in_64_bits_and_extremes_leave_nan_out() {
        let big: &[u32] = &[u32::MAX, u32::MAX, 3];
        let sum = f64::from(u32::MAX) * 2.0 + 3.0;
        assert_eq!(of(Reduce::Sum, true, &[(Values::U32(big), None)]), sum);
        assert_eq!(of(Reduce::Mean, true, &[(Values::U32(big), None), (Values::I32(&[]), None)]), sum / 3.0);
        assert_eq!(of(Reduce::Sum, true, &[(Values::I8(&[-128, -128]), None), (Values::I8(&[1]), None)]), -255.0);
        assert_eq!(of(Reduce::Mean, true, &[(Values::Bool(&[1, 0, 1, 0]), None)]), 0.5);
        assert_eq!(of(Reduce::Max, true, &[(Values::I16(&[-3, -9]), Some(&[0, 1]))]), -9.0);
        let nans: &[f32] = &[f32::NAN, 2.0, -0.0, 0.0, f32::NAN];
        assert_eq!(of(Reduce::Min, false, &[(Values::F32(nans), None)]).to_bits(), (-0.0f64).to_bits());
        assert_eq!(of(Reduce::Max, false, &[(Values::F32(nans), None)]), 2.0);
        assert_eq!(of(Reduce::Min, false, &[(Values::F32(&[f32::NAN]), None)]), f64::INFINITY);
        assert_eq!(of(Reduce::Sum, false, &[(Values::F32(nans), None)]).to_bits(), 0x7ff8 << 48);
        assert_eq!(of(Reduce::Count, false, &[(Values::F32(nans), Some(&[1, 0, 1, 1, 0]))]), 3.0);
    }

    #[test]
    fn truths_are_counted_however_many_there_are() {
        for rows in [0usize, 1, 31, 32, 33, 255 * 32, 255 * 32 + 1, 40_000] {
            let kept: Vec<u8> = (0..rows).map(|row| u8::from(row % 3 != 1)).collect();
            assert_eq!(trues(&kept), kept.iter().map(|kept| u64::from(*kept)).sum::<u64>(), "of {rows}");
            assert_eq!(trues(&vec![1; rows]), rows as u64);
        }
    }

    #[test]
    fn floats_are_summed_in_the_order_of_the_rows_then_of_the_blocks() {
        let (a, b) = ([1e16f64, 1.0, -1e16, 0.5], [1.0, 1e-17]);
        let expected = (((0.0 + 1e16) + 1.0) - 1e16 + 0.5) + ((0.0 + 1.0) + 1e-17);
        assert_eq!(of(Reduce::Sum, false, &[(Values::F64(&a), None), (Values::F64(&b), None)]), expected);
    }
}
