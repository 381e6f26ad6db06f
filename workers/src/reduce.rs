//! Reductions: what the rows of a finished state come to.
//!
//! The rows of a block of [`REDUCE_ROWS`](diptych_protocol::limits::REDUCE_ROWS) are folded one after another, then the
//! blocks: a fixed order, whoever has which block. Integers and truth values are summed in `i64`, wrapping, floats in
//! `f64`. The extremes leave NaN out. Nothing is added for a row that its condition leaves out, not even a zero.

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{GroupId, Id, ReductionId, RowRange};
use diptych_protocol::math;
use diptych_protocol::program::{Program, Reduce};
use diptych_protocol::state_view::Partial;
use diptych_protocol::table::Table;
use diptych_protocol::types::Scalar;
use diptych_protocol::view::Batch;

use crate::body::Backend;
use crate::body::block::Values;
use crate::finished::{FinishedBody, STRETCH};

/// All reductions of a program, ready to run.
pub struct Reductions {
    bound: Table<ReductionId, Bound>,
    reduced: Vec<f64>,
}

struct Bound {
    group: GroupId,
    body: FinishedBody,
    fold: Fold,
    filtered: bool,
}

/// How contributions are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fold {
    how: Reduce,
    /// Whether sums are of integers.
    integer: bool,
}

impl Reductions {
    /// Takes room for each.
    pub fn new(program: &Program, backend: Backend) -> Result<Self, AccessError> {
        let bound: Table<ReductionId, Bound> = program
            .reductions
            .values()
            .map(|reduction| {
                let body = &program.bodies[reduction.body];
                let value = body.results.first().map_or(Scalar::Bool, |value| body.ops[*value].scalar);
                Ok(Bound {
                    group: reduction.group,
                    body: FinishedBody::new(program, body, STRETCH, backend)?,
                    fold: Fold { how: reduction.how, integer: !value.is_float() },
                    filtered: reduction.filtered,
                })
            })
            .collect::<Result<_, AccessError>>()?;
        let reduced = vec![0.0; bound.len()];
        Ok(Self { bound, reduced })
    }

    /// Folds the batch's blocks of rows, for each reduction of the group.
    pub fn blocks(&mut self, group: GroupId, batch: &Batch<'_, '_>) {
        for block in batch.reduce_blocks() {
            for (id, bound) in self.bound.iter_mut().filter(|(_, bound)| bound.group == group) {
                batch.set_partial(id, block, bound.block(batch, block));
            }
        }
    }

    /// What each reduction of the finished state is, by their ids. For the commit.
    pub fn results(&mut self, batch: &Batch<'_, '_>) -> &[f64] {
        for (id, bound) in self.bound.iter() {
            self.reduced[id.index()] = bound.fold.result(batch.partials(id));
        }
        &self.reduced
    }
}

impl Bound {
    fn block(&mut self, batch: &Batch<'_, '_>, block: RowRange) -> Partial {
        let mut partial = self.fold.start();
        let mut start = block.start;
        while start < block.end {
            let rows = RowRange::new(start, block.end.min(start + STRETCH as u32));
            // A plain count needs no value.
            if self.fold.how == Reduce::Count && !self.filtered {
                partial.count += rows.len() as u64;
            } else {
                let values = usize::from(self.fold.how != Reduce::Count);
                let results = values + usize::from(self.filtered);
                if (0..results).any(|at| self.body.column(batch, at, rows).is_none()) {
                    self.body.run(batch, rows, &[]);
                }
                let result = |at: usize| {
                    let column = self.body.column(batch, at, rows);
                    column.unwrap_or_else(|| self.body.result(at, rows.len()))
                };
                let kept = match self.filtered.then(|| result(values)) {
                    Some(Values::Bool(kept)) => Some(kept),
                    _ => None,
                };
                partial = self.fold.rows(partial, (values == 1).then(|| result(0)), kept);
            }
            start = rows.end;
        }
        partial
    }
}

impl Fold {
    /// Nothing, as the sum or the extreme of it.
    fn start(self) -> Partial {
        let bits = match self.how {
            Reduce::Min => f64::INFINITY.to_bits(),
            Reduce::Max => f64::NEG_INFINITY.to_bits(),
            // Both zeros have these bits.
            Reduce::Count | Reduce::Sum | Reduce::Mean => 0,
        };
        Partial { bits, count: 0 }
    }

    /// A partial, and rows after it: their values (of a count none), and which of them count.
    fn rows(self, partial: Partial, values: Option<Values<'_>>, kept: Option<&[u8]>) -> Partial {
        match values {
            None => {
                let more = kept.map_or(0, trues);
                Partial { count: partial.count + more, ..partial }
            }
            Some(Values::F32(v)) => self.floats(partial, v.iter().map(|x| f64::from(*x)), kept),
            Some(Values::F64(v)) => self.floats(partial, v.iter().copied(), kept),
            Some(Values::I8(v)) => self.integers(partial, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::I16(v)) => self.integers(partial, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::I32(v)) => self.integers(partial, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::U8(v) | Values::Bool(v)) => self.integers(partial, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::U16(v)) => self.integers(partial, v.iter().map(|x| i64::from(*x)), kept),
            Some(Values::U32(v)) => self.integers(partial, v.iter().map(|x| i64::from(*x)), kept),
        }
    }

    fn floats(self, partial: Partial, values: impl Iterator<Item = f64>, kept: Option<&[u8]>) -> Partial {
        let start = f64::from_bits(partial.bits);
        let (value, count) = match self.how {
            Reduce::Min => fold(start, values, kept, math::min),
            Reduce::Max => fold(start, values, kept, math::max),
            Reduce::Count | Reduce::Sum | Reduce::Mean => fold(start, values, kept, |sum, x| sum + x),
        };
        Partial { bits: value.to_bits(), count: partial.count + count }
    }

    fn integers(self, partial: Partial, values: impl Iterator<Item = i64>, kept: Option<&[u8]>) -> Partial {
        match self.how {
            // No column holds an integer that a float of 64 bits does not.
            Reduce::Min | Reduce::Max => self.floats(partial, values.map(|x| x as f64), kept),
            Reduce::Count | Reduce::Sum | Reduce::Mean => {
                let (sum, count) = fold(partial.bits as i64, values, kept, i64::wrapping_add);
                Partial { bits: sum as u64, count: partial.count + count }
            }
        }
    }

    /// What the blocks come to together.
    fn result(self, blocks: impl Iterator<Item = Partial>) -> f64 {
        let sum = matches!(self.how, Reduce::Sum | Reduce::Mean);
        let all = blocks.fold(self.start(), |all, block| {
            let bits = if sum && self.integer {
                (all.bits as i64).wrapping_add(block.bits as i64) as u64
            } else {
                let (x, y) = (f64::from_bits(all.bits), f64::from_bits(block.bits));
                let both = match self.how {
                    Reduce::Min => math::min(x, y),
                    Reduce::Max => math::max(x, y),
                    Reduce::Count | Reduce::Sum | Reduce::Mean => x + y,
                };
                both.to_bits()
            };
            Partial { bits, count: all.count.wrapping_add(block.count) }
        });
        let value = if sum && self.integer { all.bits as i64 as f64 } else { f64::from_bits(all.bits) };
        math::canonical(match self.how {
            Reduce::Count => all.count as f64,
            Reduce::Mean => value / all.count as f64,
            Reduce::Sum | Reduce::Min | Reduce::Max => value,
        })
    }
}

/// How many are 1; the others are 0.
fn trues(kept: &[u8]) -> u64 {
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

    fn of(how: Reduce, integer: bool, blocks: &[(Values<'_>, Option<&[u8]>)]) -> f64 {
        let fold = Fold { how, integer };
        let partials = blocks
            .iter()
            .map(|(values, kept)| fold.rows(fold.start(), (how != Reduce::Count).then_some(*values), *kept));
        fold.result(partials)
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
