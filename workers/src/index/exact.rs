//! A point among the rows of a tree, and distances from it in the precision that positions have.

use diptych_protocol::math;
use diptych_protocol::space::{Edge, Space};

use super::per_axes;
use super::tree::KdTree;

/// The positions that a tree was built over, an axis each, in their own precision; as many axes as the tree has.
#[derive(Clone, Copy, Debug)]
pub enum Exact<'a> {
    /// Those that the tree has.
    F32([&'a [f32]; 3]),
    /// Those that were rounded for it.
    F64([&'a [f64]; 3]),
}

/// A point that asks a tree for what is nearest.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The tree.
    pub tree: KdTree<'a>,
    /// The space of the positions.
    pub space: &'a Space,
    /// The positions of its rows.
    pub positions: Exact<'a>,
    /// The entity of each row, where that is not its number.
    pub entities: Option<&'a [u32]>,
    /// The point, in the precision of the positions.
    pub from: [f64; 3],
    /// The row that asks, if it is one of them: it is left out.
    pub own: Option<u32>,
    /// How many rows are wanted.
    pub count: usize,
}

impl Asked<'_> {
    /// What a row is ordered by: the bits of the squared distance, then the entity; then its number, which is told from it.
    /// No distance is negative, so that bits order as numbers do, NaN last.
    #[inline(always)]
    pub(super) fn key(&self, row: u32) -> u128 {
        let mut found = 0;
        self.keys(&[row], |_, key| found = key);
        found
    }

    /// The keys of some rows.
    #[inline(always)]
    pub(super) fn keys(&self, rows: &[u32], mut each: impl FnMut(u32, u128)) {
        let axes = self.tree.shape.axes;
        let mut with = |row, squared: f64| {
            let entity = self.entities.map_or(row, |entities| entities[row as usize]);
            let named = u64::from(entity) << 32 | u64::from(row);
            each(row, u128::from(math::canonical(squared).to_bits()) << 64 | u128::from(named));
        };
        match &self.positions {
            Exact::F32(columns) => per_axes!(&columns[..axes], |columns| {
                rows.iter().for_each(|&row| with(row, f64::from(self.squared(columns, row))));
            }),
            Exact::F64(columns) => per_axes!(&columns[..axes], |columns| {
                rows.iter().for_each(|&row| with(row, self.squared(columns, row)));
            }),
        }
    }

    #[inline(always)]
    fn squared<T: Precision, const K: usize>(&self, columns: [&[T]; K], row: u32) -> T {
        let from = std::array::from_fn(|axis| T::near(self.from[axis]));
        T::squared(self.space, from, columns.map(|column| column[row as usize]))
    }

    /// The same, asked by a row of the tree.
    pub(super) fn by(&self, row: u32) -> Self {
        let mut from = [0.0; 3];
        for (axis, from) in from.iter_mut().enumerate().take(self.tree.shape.axes) {
            *from = match &self.positions {
                Exact::F32(columns) => f64::from(columns[axis][row as usize]),
                Exact::F64(columns) => columns[axis][row as usize],
            };
        }
        Self { from, own: Some(row), ..*self }
    }

    /// No squared distance to a row whose position, rounded for the tree, is in this box is below this.
    #[inline(always)]
    pub(super) fn least<const K: usize>(&self, lo: &[f32; K], hi: &[f32; K]) -> f64 {
        let mut squared = 0.0;
        for axis in 0..K {
            let (own, lo, hi) = (self.from[axis], f64::from(lo[axis]), f64::from(hi[axis]));
            let gap = |by: f64| (lo - own + by).max(own - hi - by).max(0.0);
            let (least, side) = if self.space.edge == Edge::Torus {
                let side = f64::from(self.space.side(axis));
                (gap(0.0).min(gap(side)).min(gap(-side)), side)
            } else {
                (gap(0.0), 0.0)
            };
            // `delta` of `f32` rounds twice, each time by half an ULP of at most two sizes; a position of `f64` is rounded by
            // an ULP at most.
            let size = own.abs().max(lo.abs()).max(hi.abs()).max(side);
            let least = (least - 16.0 * f64::from(f32::EPSILON) * size).max(0.0);
            squared += least * least;
        }
        // Squares and sums of `f32` round by a few parts in 2^24, and lose their bits below the smallest normal number;
        // where coordinates of `f64` are smaller than that, so are their squares.
        (squared * (1.0 - 1e-6) - 1e-37).max(0.0)
    }
}

/// A precision of positions.
pub(super) trait Precision: Copy + PartialOrd + Default {
    /// A squared distance and whose it is, in the order of distances: none is negative, so that their bits order as they do.
    type Key: Copy + Ord;

    /// As the tree has it, but for an ULP.
    fn narrow(self) -> f32;
    /// In full.
    fn double(self) -> f64;
    /// The nearest of this precision.
    fn near(value: f64) -> Self;
    /// The sum of [`Space::delta`] squared, in the order of the axes.
    fn squared<const K: usize>(space: &Space, from: [Self; K], to: [Self; K]) -> Self;
    /// A key of a squared distance.
    fn key(self, whose: u32) -> Self::Key;
    /// Whose a key is.
    fn whose(key: Self::Key) -> u32;
    /// Whether two keys are of one distance.
    fn same(a: Self::Key, b: Self::Key) -> bool;
}

/// The same code for both.
macro_rules! precision {
    ($float:ident, $key:ident, $delta:ident) => {
        impl Precision for $float {
            type Key = $key;

            #[inline(always)]
            fn narrow(self) -> f32 {
                self as f32
            }

            #[inline(always)]
            fn double(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn near(value: f64) -> Self {
                value as $float
            }

            #[inline(always)]
            fn squared<const K: usize>(space: &Space, from: [Self; K], to: [Self; K]) -> Self {
                let mut squared = 0.0;
                for axis in 0..K {
                    let d = space.$delta(axis, from[axis], to[axis]);
                    squared = if axis == 0 { d * d } else { squared + d * d };
                }
                squared
            }

            #[inline(always)]
            fn key(self, whose: u32) -> $key {
                $key::from(self.to_bits()) << 32 | $key::from(whose)
            }

            #[inline(always)]
            fn whose(key: $key) -> u32 {
                key as u32
            }

            #[inline(always)]
            fn same(a: $key, b: $key) -> bool {
                a >> 32 == b >> 32
            }
        }
    };
}
precision!(f32, u64, delta);
precision!(f64, u128, delta_f64);
