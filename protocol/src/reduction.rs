//! Reductions: what the rows of a group come to in a finished state.
//!
//! Three ways lead there, by what is asked ([`Reduce::way`]):
//!
//! - *Blocks*: rows are folded block by block ([`REDUCE_ROWS`](crate::limits::REDUCE_ROWS)) to partials of a few words, and the
//!   partials in the order of the blocks. A fixed tree: the same bits, whoever folded which block.
//! - *Digits*: a quantile is found by radix selection. Values become keys whose order as integers is theirs; from the
//!   highest digit of the keys on, those rows are counted by digit whose higher digits are known, and from the counts
//!   follows which digit the wanted one has. Nothing is sorted or copied, and counts add up the same in any order.
//! - *Books*: what births and ends have counted already.

use serde::{Deserialize, Serialize};

use crate::id::{BodyId, GroupId, ReducedId, ReductionId};
use crate::limits::BINS_MAX;
use crate::program::{Program, Span};
use crate::types::Scalar;

/// An aggregate over the rows of a group, of a finished state. It comes to one value, or to several ([`Reduce::results`]).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reduction {
    /// Whose rows.
    pub group: GroupId,
    /// What a row contributes: its results are the value (if one is taken), and then, if there is one, the condition
    /// under which it counts. It reads `fresh` of columns that have an owner, `prev` of all others.
    pub body: BodyId,
    /// Whether the last result is a condition.
    pub filtered: bool,
    /// What is made of the contributions.
    pub how: Reduce,
    /// Where it was written.
    pub span: Span,
}

/// What is made of the contributions of rows. Integers are summed in `i64` (wrapping), floats in `f64`, in the order
/// of the rows within a block, then of the blocks. Each result is an `f64`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reduce {
    /// How many rows.
    Count,
    /// Their sum; of nothing 0.
    Sum,
    /// Their sum by their number; of nothing NaN.
    Mean,
    /// The smallest, NaN left out; of nothing infinity.
    Min,
    /// The largest, NaN left out; of nothing minus infinity.
    Max,
    /// The mean square of the distance from the mean: the sum divided by their number, not by one less. Of nothing NaN.
    Variance,
    /// How many rows each bin has.
    Histogram(Bins),
    /// The smallest value such that at least this share of the rows, 0 to 1, are at or below it, NaN left out; of
    /// nothing NaN. (The inverse of the empirical distribution: definition 1 of Hyndman and Fan, "Sample quantiles in
    /// statistical packages", 1996.) -0.0 stands below 0.0.
    Quantile {
        /// The share.
        share: f64,
    },
    /// How many rows of a living group were born in the frame; at set-up 0.
    Births,
    /// How many ended.
    Ends,
}

/// The ways to what rows come to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// By partials of blocks.
    Blocks,
    /// By counting digits.
    Digits,
    /// By the books of births and ends.
    Books,
}

impl Reduce {
    /// The way to it.
    pub fn way(self) -> Way {
        match self {
            Reduce::Quantile { .. } => Way::Digits,
            Reduce::Births | Reduce::Ends => Way::Books,
            _ => Way::Blocks,
        }
    }

    /// Whether it is made of a value a row.
    pub fn takes_value(self) -> bool {
        !matches!(self, Reduce::Count | Reduce::Births | Reduce::Ends)
    }

    /// How many values it comes to: of a histogram one a bin.
    pub fn results(self) -> usize {
        match self {
            Reduce::Histogram(bins) => usize::from(bins.count),
            _ => 1,
        }
    }

    /// Words of what a block comes to: the value's bits and how many rows counted; of a variance the mean, the sum of
    /// squares about it, and how many; of a histogram how many a bin.
    pub fn partial_words(self) -> usize {
        match (self.way(), self) {
            (Way::Digits | Way::Books, _) => 0,
            (Way::Blocks, Reduce::Histogram(bins)) => usize::from(bins.count),
            (Way::Blocks, Reduce::Variance) => 3,
            (Way::Blocks, _) => 2,
        }
    }
}

/// The bins of a histogram: stretches of one length that cover `low <= x < high`. What lies elsewhere, NaN among it, is in
/// none.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Bins {
    /// Where the first begins.
    pub low: f64,
    /// Where the last ends.
    pub high: f64,
    /// How many, 1 to [`BINS_MAX`].
    pub count: u16,
}

impl Bins {
    /// Whether they are bins: at least one and not too many, above each other, and not infinitely long together.
    pub fn make_sense(self) -> bool {
        let room = (self.high - self.low) * f64::from(self.count);
        (1..=BINS_MAX).contains(&self.count) && self.low < self.high && self.low.is_finite() && room.is_finite()
    }

    /// Where a bin begins; of the number of bins, where the last ends.
    pub fn edge(self, bin: usize) -> f64 {
        if bin == usize::from(self.count) {
            return self.high;
        }
        self.low + (self.high - self.low) * bin as f64 / f64::from(self.count)
    }
}

/// The keys of a type's values: unsigned integers in the order of the values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Keys {
    /// Bits of a key.
    pub bits: u32,
}

/// Bits of a digit of a key; the last may have fewer.
pub const DIGIT_BITS: u32 = 11;
/// How many values a digit has.
pub const DIGIT_VALUES: usize = 1 << DIGIT_BITS;

impl Keys {
    /// Of values of this type.
    pub fn of(scalar: Scalar) -> Self {
        Self { bits: 8 * scalar.size() as u32 }
    }

    /// How many digits a key has.
    pub fn digits(self) -> u32 {
        self.bits.div_ceil(DIGIT_BITS)
    }

    /// How far a digit, counted from the highest, stands from the low end.
    pub fn shift(self, digit: u32) -> u32 {
        self.bits.saturating_sub((digit + 1) * DIGIT_BITS)
    }

    /// The bits of a digit.
    pub fn width(self, digit: u32) -> u32 {
        (self.bits - digit * DIGIT_BITS).min(DIGIT_BITS)
    }
}

impl Program {
    /// What all reductions come to, one after another: of each value, which reduction it is of, and which of its results.
    pub fn reduced(&self) -> impl Iterator<Item = (ReductionId, u16)> {
        let results = |(id, reduction): (ReductionId, &Reduction)| {
            (0..reduction.how.results() as u16).map(move |result| (id, result))
        };
        self.reductions.iter().flat_map(results)
    }

    /// The first value that a reduction comes to; the others follow.
    pub fn first_reduced(&self, reduction: ReductionId) -> ReducedId {
        let before = self.reductions.iter().take_while(|(id, _)| *id != reduction);
        ReducedId(before.map(|(_, it)| it.how.results() as u32).sum())
    }

    /// The keys of what a quantile is of; nothing of other reductions.
    pub fn keys(&self, reduction: ReductionId) -> Option<Keys> {
        let reduction = &self.reductions[reduction];
        let body = &self.bodies[reduction.body];
        let value = body.results.first().filter(|_| reduction.how.way() == Way::Digits)?;
        Some(Keys::of(body.ops[*value].scalar))
    }

    /// How many digits have to be known before all quantiles of a group are, or those of all groups.
    pub fn digits(&self, group: Option<GroupId>) -> u32 {
        let of = self.reductions.iter().filter(|(_, it)| group.is_none_or(|group| it.group == group));
        of.filter_map(|(id, _)| self.keys(id)).map(Keys::digits).max().unwrap_or(0)
    }
}
