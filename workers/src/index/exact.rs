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
                rows.iter().for_each(|&row| with(row, self.squared_f32(columns, row)));
            }),
            Exact::F64(columns) => per_axes!(&columns[..axes], |columns| {
                rows.iter().for_each(|&row| with(row, self.squared_f64(columns, row)));
            }),
        }
    }

    /// The sum of [`Space::delta`] squared in the order of the axes, in `f32`.
    #[inline(always)]
    fn squared_f32<const K: usize>(&self, columns: [&[f32]; K], row: u32) -> f64 {
        let mut squared = 0.0;
        for (axis, column) in columns.iter().enumerate() {
            let d = self.space.delta(axis, self.from[axis] as f32, column[row as usize]);
            squared = if axis == 0 { d * d } else { squared + d * d };
        }
        f64::from(squared)
    }

    /// The same of [`Space::delta_f64`].
    #[inline(always)]
    fn squared_f64<const K: usize>(&self, columns: [&[f64]; K], row: u32) -> f64 {
        let mut squared = 0.0;
        for (axis, column) in columns.iter().enumerate() {
            let d = self.space.delta_f64(axis, self.from[axis], column[row as usize]);
            squared = if axis == 0 { d * d } else { squared + d * d };
        }
        squared
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
