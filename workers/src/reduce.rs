//! Reductions: what the rows of a finished state come to.
//!
//! By blocks: the rows of a block of [`REDUCE_ROWS`](diptych_protocol::limits::REDUCE_ROWS) are folded one after another
//! (`Fold`), then what the blocks came to, in their order: a fixed tree, whoever folded which block. Integers are summed in
//! `i64` and wrap, floats in `f64`. Quantiles go by digits. Nothing is added for a row that its condition leaves out, not even
//! a zero.

mod histogram;
mod moments;
mod quantile;
mod sums;

use std::sync::atomic::Ordering;

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{GroupId, ReductionId, RowRange};
use diptych_protocol::math;
use diptych_protocol::program::{Program, Reduce, Reduction};
use diptych_protocol::reduction::DIGIT_VALUES;
use diptych_protocol::table::Table;
use diptych_protocol::types::Scalar;
use diptych_protocol::view::Batch;

use crate::body::Backend;
use crate::body::block::Values;
use crate::finished::{FinishedBody, STRETCH};
use crate::reduce::histogram::Histogram;
use crate::reduce::moments::Moments;
use crate::reduce::quantile::{Counts, Quantile};
use crate::reduce::sums::{Sums, trues};

/// All reductions of a program, ready to run.
pub struct Reductions {
    bound: Table<ReductionId, Bound>,
    /// What they come to, one after another.
    reduced: Vec<f64>,
    counts: Box<Counts>,
}

struct Bound {
    group: GroupId,
    contributions: Contributions,
    how: How,
    /// What a block comes to, and all blocks.
    block: Vec<u64>,
    all: Vec<u64>,
    /// Its place in [`Reductions::reduced`].
    results: std::ops::Range<usize>,
}

/// How it is made.
enum How {
    Blocks(Box<dyn Fold + Send>),
    Digits(Quantile),
    Books(Reduce),
}

/// What becomes of the rows of a block, in a few words.
trait Fold {
    /// Of nothing.
    fn begin(&self, partial: &mut [u64]);

    /// Adds rows behind those that it was made of.
    fn rows(&self, partial: &mut [u64], rows: Rows<'_>);

    /// Adds what a block behind them came to.
    fn merge(&self, all: &mut [u64], block: &[u64]);

    /// What all came to.
    fn results(&self, all: &[u64], results: &mut [f64]);
}

/// Rows: what each contributes (of a count nothing), and whether it counts (1, else 0).
#[derive(Clone, Copy)]
struct Rows<'v> {
    count: usize,
    values: Option<Values<'v>>,
    kept: Option<&'v [u8]>,
}

impl Rows<'_> {
    /// How many count.
    fn counted(&self) -> u64 {
        self.kept.map_or(self.count as u64, trues)
    }

    /// Each value that counts.
    #[inline(always)]
    fn each<T: Copy>(&self, values: &[T], mut f: impl FnMut(T)) {
        match self.kept {
            None => values.iter().for_each(|x| f(*x)),
            Some(kept) => values.iter().zip(kept).filter(|(_, kept)| **kept != 0).for_each(|(x, _)| f(*x)),
        }
    }
}

/// The same expression for values of any type, each of which is an `f64`.
macro_rules! as_floats {
    ($values:expr, $v:ident => $result:expr) => {
        match $values {
            crate::body::block::Values::F32($v) => $result,
            crate::body::block::Values::F64($v) => $result,
            crate::body::block::Values::I8($v) => $result,
            crate::body::block::Values::I16($v) => $result,
            crate::body::block::Values::I32($v) => $result,
            crate::body::block::Values::U8($v) | crate::body::block::Values::Bool($v) => $result,
            crate::body::block::Values::U16($v) => $result,
            crate::body::block::Values::U32($v) => $result,
        }
    };
}
use as_floats;

/// A body that says what rows contribute.
struct Contributions {
    body: FinishedBody,
    valued: bool,
    filtered: bool,
}

impl Contributions {
    /// Goes over rows, some at a time.
    fn each(&mut self, batch: &Batch<'_, '_>, rows: RowRange, mut f: impl FnMut(Rows<'_>)) {
        let (values, results) = (usize::from(self.valued), usize::from(self.valued) + usize::from(self.filtered));
        for start in (rows.start..rows.end).step_by(STRETCH) {
            let rows = RowRange::new(start, rows.end.min(start + STRETCH as u32));
            if (0..results).any(|at| self.body.column(batch, at, rows).is_none()) {
                self.body.run(batch, rows, &[], &[]);
            }
            let result = |at: usize| {
                let column = self.body.column(batch, at, rows);
                column.unwrap_or_else(|| self.body.result(at, rows.len()))
            };
            let kept = match self.filtered.then(|| result(values)) {
                Some(Values::Bool(kept)) => Some(kept),
                _ => None,
            };
            f(Rows { count: rows.len(), values: self.valued.then(|| result(0)), kept });
        }
    }
}

impl How {
    fn of(reduction: &Reduction, value: Scalar) -> Self {
        match reduction.how {
            Reduce::Births | Reduce::Ends => How::Books(reduction.how),
            Reduce::Quantile { share } => How::Digits(Quantile::new(value, share)),
            Reduce::Histogram(bins) => How::Blocks(Box::new(Histogram::new(bins))),
            Reduce::Variance => How::Blocks(Box::new(Moments)),
            how => How::Blocks(Box::new(Sums { how, integer: !value.is_float() })),
        }
    }
}

impl Reductions {
    /// Takes room for each.
    pub fn new(program: &Program, backend: Backend) -> Result<Self, AccessError> {
        let mut end = 0;
        let mut bound = |reduction: &Reduction| {
            let body = &program.bodies[reduction.body];
            let value = body.results.first().map_or(Scalar::Bool, |value| body.ops[*value].scalar);
            let first = end;
            end += reduction.how.results();
            Ok(Bound {
                group: reduction.group,
                contributions: Contributions {
                    body: FinishedBody::new(program, body, STRETCH, backend)?,
                    valued: reduction.how.takes_value(),
                    filtered: reduction.filtered,
                },
                how: How::of(reduction, value),
                block: vec![0; reduction.how.partial_words()],
                all: vec![0; reduction.how.partial_words()],
                results: first..end,
            })
        };
        let bound = program.reductions.values().map(&mut bound).collect::<Result<_, AccessError>>()?;
        Ok(Self { bound, reduced: vec![0.0; end], counts: Box::new([0; DIGIT_VALUES]) })
    }

    /// Folds the batch's blocks of rows, for each reduction of the group that goes by blocks.
    pub fn blocks(&mut self, group: GroupId, batch: &Batch<'_, '_>) {
        for block in batch.reduce_blocks() {
            for (id, bound) in self.bound.iter_mut().filter(|(_, bound)| bound.group == group) {
                let How::Blocks(fold) = &bound.how else { continue };
                let partial = bound.block.as_mut_slice();
                fold.begin(partial);
                bound.contributions.each(batch, block, |rows| fold.rows(partial, rows));
                batch.set_partial(id, block, partial);
            }
        }
    }

    /// Counts the batch's rows by a digit, for each quantile of the group.
    pub fn tally(&mut self, group: GroupId, digit: u8, batch: &Batch<'_, '_>) {
        let Self { bound, counts, .. } = self;
        for (id, bound) in bound.iter_mut().filter(|(_, bound)| bound.group == group) {
            let Some(quantile) = bound.how.with_digit(digit) else { continue };
            let known = digit.checked_sub(1).map(|before| batch.pick(id, before));
            counts.fill(0);
            let count = |rows: Rows<'_>| quantile.count(digit.into(), known, rows, counts);
            bound.contributions.each(batch, batch.rows, count);
            batch.set_tally(id, counts);
        }
    }

    /// Finds a digit of each quantile from the counts of all batches.
    pub fn pick(&mut self, digit: u8, batch: &Batch<'_, '_>) {
        let Self { bound, counts, .. } = self;
        for (id, bound) in bound.iter() {
            let Some(quantile) = bound.how.with_digit(digit) else { continue };
            counts.fill(0);
            for tally in batch.tallies(id) {
                counts.iter_mut().zip(tally).for_each(|(all, count)| *all += count);
            }
            let known = digit.checked_sub(1).map(|before| batch.pick(id, before));
            batch.set_pick(id, quantile.pick(digit.into(), known, counts));
        }
    }

    /// What the reductions of the finished state come to. For the commit.
    pub fn results(&mut self, batch: &Batch<'_, '_>) -> &[f64] {
        for (id, bound) in self.bound.iter_mut() {
            let results = &mut self.reduced[bound.results.clone()];
            match &bound.how {
                How::Blocks(fold) => {
                    fold.begin(&mut bound.all);
                    for words in batch.partials(id) {
                        let words = words.iter().map(|word| word.load(Ordering::Relaxed));
                        bound.block.iter_mut().zip(words).for_each(|(to, word)| *to = word);
                        fold.merge(&mut bound.all, &bound.block);
                    }
                    fold.results(&bound.all, results);
                }
                How::Digits(quantile) => {
                    results[0] = quantile.result(batch.pick(id, quantile.keys.digits() as u8 - 1));
                }
                How::Books(how) => {
                    let settled = batch.settled(bound.group);
                    results[0] = f64::from(if *how == Reduce::Births { settled.births } else { settled.ends });
                }
            }
            results.iter_mut().for_each(|result| *result = math::canonical(*result));
        }
        &self.reduced
    }
}

impl How {
    /// A quantile, if its keys have such a digit.
    fn with_digit(&self, digit: u8) -> Option<Quantile> {
        match self {
            How::Digits(quantile) => Some(*quantile).filter(|it| u32::from(digit) < it.keys.digits()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What blocks of rows come to, of a fold of one result.
    pub(super) fn folded<'v, const WORDS: usize>(fold: &dyn Fold, blocks: impl IntoIterator<Item = Rows<'v>>) -> f64 {
        let (mut all, mut block, mut result) = ([7; WORDS], [7; WORDS], [0.0]);
        fold.begin(&mut all);
        for rows in blocks {
            fold.begin(&mut block);
            fold.rows(&mut block, rows);
            fold.merge(&mut all, &block);
        }
        fold.results(&all, &mut result);
        math::canonical(result[0])
    }

    /// Numbers that look random: the golden-ratio sequence, scrambled (SplitMix64, Steele, Lea and Flood 2014).
    pub(super) struct Numbers(pub(super) u64);

    impl Numbers {
        /// From 0 to below 1.
        pub(super) fn unit(&mut self) -> f64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let x = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((x ^ x >> 31) >> 11) as f64 / (1u64 << 53) as f64
        }
    }
}
