//! The leaf strategy that only records: which of the chunk's rows each leaf of a kiddo tree holds.

use kiddo::kd_tree::{KdTree, KdTreeAccessor};
use kiddo::traits::leaf_strategy::{BucketLimitType, LeafProjection, LeafView};
use kiddo::{ConstructibleLeafStrategy, Eytzinger, Immutable, LeafStrategy};

use super::build::BuildError;
use super::cut::{greater, lesser, ordered};

/// The leaves in tree order. kiddo never asks this tree anything: our own boxes do that, in shared memory.
#[derive(Debug, Default)]
pub(super) struct Leaves {
    /// Places within the chunk, leaf after leaf.
    pub items: Vec<u32>,
    /// Where each leaf ends in `items`.
    pub ends: Vec<u32>,
}

impl<const K: usize, const B: usize> LeafStrategy<u32, u32, Eytzinger, K, B> for Leaves {
    type Num = u32;
    type Mutability = Immutable;
    /// Soft: a run of equal coordinates may overfill a leaf; it is cut afterwards.
    const BUCKET_LIMIT_TYPE: BucketLimitType = BucketLimitType::Soft;
    const LEAF_PROJECTION: LeafProjection = LeafProjection::LeafView;

    fn size(&self) -> usize {
        self.items.len()
    }

    fn leaf_count(&self) -> usize {
        self.ends.len()
    }

    fn leaf_len(&self, leaf: usize) -> usize {
        let start = if leaf == 0 { 0 } else { self.ends[leaf - 1] };
        (self.ends[leaf] - start) as usize
    }

    fn leaf_view(&self, _leaf: usize) -> LeafView<'_, u32, u32, K, B> {
        // Coordinates are not kept: to a query every leaf is empty.
        LeafView::new([&[]; K], &[])
    }
}

impl<const K: usize, const B: usize> ConstructibleLeafStrategy<u32, u32, Eytzinger, K, B> for Leaves {
    fn new_with_capacity(points: usize) -> Self {
        Self { items: Vec::with_capacity(points), ends: Vec::with_capacity(2 * points.div_ceil(B)) }
    }

    fn append_leaf(&mut self, _points: &[&[u32]; K], items: &[u32]) {
        self.items.extend_from_slice(items);
        self.ends.push(self.items.len() as u32);
    }
}

/// Builds a tree over points and lends its leaves to `f`; `turned` is room. Coordinates are given as whole numbers of the same
/// order: kiddo does nothing but compare them, and these take fewer instructions. The bucket sizes are those of
/// [`KD_BUCKETS`](diptych_protocol::limits::KD_BUCKETS): kiddo wants them when it is compiled.
pub(super) fn with_leaves<const K: usize, R>(
    points: &[[f32; K]],
    turned: &mut Vec<u32>,
    bucket_rows: u32,
    f: impl FnOnce(&Leaves) -> R,
) -> Result<R, BuildError> {
    match bucket_rows {
        8 => grow::<K, 8, R>(points, turned, f),
        16 => grow::<K, 16, R>(points, turned, f),
        32 => grow::<K, 32, R>(points, turned, f),
        64 => grow::<K, 64, R>(points, turned, f),
        128 => grow::<K, 128, R>(points, turned, f),
        256 => grow::<K, 256, R>(points, turned, f),
        512 => grow::<K, 512, R>(points, turned, f),
        rows => Err(BuildError::BucketRows { rows }),
    }
}

fn grow<const K: usize, const B: usize, R>(
    points: &[[f32; K]],
    turned: &mut Vec<u32>,
    f: impl FnOnce(&Leaves) -> R,
) -> Result<R, BuildError> {
    let order = longest_first(points);
    turned.clear();
    for point in points {
        turned.extend(order.map(|axis| ordered(point[axis])));
    }
    let (turned, _) = turned.as_chunks::<K>();
    // The remainder spares a look at the bounds with each comparison: turns are less than K anyway.
    let tree = KdTree::<u32, u32, Eytzinger, Leaves, K, B>::builder()
        .with_serial_construction()
        .build_from_source(turned, |point, turn| point[turn % K], |place, _| place as u32)
        .map_err(|reason| BuildError::Refused { rows: points.len(), reason })?;
    Ok(f(KdTreeAccessor::leaves(&tree)))
}

/// The axes, the longest first. kiddo splits them in turn, whatever the points: begun with the shorter side of a chunk
/// that is twice as long as wide, an odd number of turns leaves buckets five times as long as wide.
fn longest_first<const K: usize>(points: &[[f32; K]]) -> [usize; K] {
    // Several points at a time: comparing one after another would wait for each.
    const LANES: usize = 8;
    let (mut lo, mut hi) = ([[f32::INFINITY; K]; LANES], [[f32::NEG_INFINITY; K]; LANES]);
    for points in points.chunks(LANES) {
        for ((lo, hi), point) in lo.iter_mut().zip(&mut hi).zip(points) {
            for axis in 0..K {
                (lo[axis], hi[axis]) = (lesser(lo[axis], point[axis]), greater(hi[axis], point[axis]));
            }
        }
    }
    let side = |axis: usize| {
        let least = lo.iter().fold(f32::INFINITY, |least, lo| lesser(least, lo[axis]));
        hi.iter().fold(f32::NEG_INFINITY, |greatest, hi| greater(greatest, hi[axis])) - least
    };
    let sides: [f32; K] = std::array::from_fn(side);
    let mut order: [usize; K] = std::array::from_fn(|axis| axis);
    // Stable: equal sides in the order of the axes.
    order.sort_by(|&a, &b| sides[b].total_cmp(&sides[a]));
    order
}
