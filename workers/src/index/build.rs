//! The fifth phase: a tree over one chunk, whose leaves become the buckets: kiddo's, or one of halved boxes where its nodes
//! are summarised.

use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use diptych_protocol::kd::KdShape;
use diptych_protocol::limits::{BLOCK_ROWS_MAX, KD_BUCKETS};
use kiddo::kd_tree::ConstructionError;

use super::cut::{BUCKET_ROWS_MAX, Bucket, Point, cut, greater, lesser};
use super::halve::halve;
use super::leaves::{Leaves, with_leaves};
use super::per_axes;
use super::scratch::KdScratch;

/// One chunk's parts of the arrays that [`build()`] writes. Places behind the chunk's last bucket become empty buckets.
#[derive(Debug)]
pub struct ChunkArrays<'a, 'b> {
    /// The chunk's first slot.
    pub first_slot: u32,
    /// The row in each of its slots.
    pub slot_rows: &'a mut [u32],
    /// Every row's bucket within its chunk: the whole array; only the chunk's own rows are written.
    pub local_bucket: &'a [AtomicU16],
    /// The first slot of each of its buckets.
    pub bucket_start: &'a mut [u32],
    /// One past the last slot of each of its buckets.
    pub bucket_end: &'a mut [u32],
    /// The tight box of each of its buckets: an array an axis of lows, then an array an axis of highs.
    pub bucket_box: &'a mut [&'b mut [f32]],
    /// The tight box of the chunk.
    pub chunk_box: &'a mut [f32],
    /// How many buckets it has.
    pub chunk_buckets: &'a mut u32,
    /// Where its nodes are summarised: how many buckets each has, in preorder. The tree is then one of halved boxes.
    pub leaves: Option<&'a mut [u32]>,
    /// Whether buckets are cut into compact pieces of at most [`BLOCK_ROWS_MAX`] rows, and may have a quarter more for that.
    pub in_pieces: bool,
}

/// Why a chunk could not be built: never the scenario's fault.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BuildError {
    /// The library refused.
    #[error("kiddo cannot build a tree of {rows} rows: {reason}")]
    Refused {
        /// Rows of the chunk.
        rows: usize,
        /// What it said.
        reason: ConstructionError,
    },
    /// The library's leaves are no partition of the rows.
    #[error("the leaves of kiddo's tree hold {found} rows of {rows}")]
    Lost {
        /// Rows of the chunk.
        rows: usize,
        /// Rows found in leaves.
        found: usize,
    },
    /// The library's leaves overlap, or hold what was not given.
    #[error("the leaves of kiddo's tree hold row {place} of {rows} twice, or it is none of them")]
    Strange {
        /// Rows of the chunk.
        rows: usize,
        /// The place within the chunk.
        place: usize,
    },
    /// There are more buckets than there is room for.
    #[error("a chunk of {rows} rows has more than {limit} buckets")]
    TooManyBuckets {
        /// Rows of the chunk.
        rows: usize,
        /// The limit.
        limit: usize,
    },
    /// The bucket size is none of [`diptych_protocol::limits::KD_BUCKETS`].
    #[error("buckets of {rows} rows are not offered")]
    BucketRows {
        /// The size asked for.
        rows: u32,
    },
}

/// No bucket: more than a chunk can have.
const NOWHERE: u16 = u16::MAX;

/// Builds the buckets of one chunk. `rows_of_chunk` is the chunk's part of `scattered`. A leaf that is longer than a
/// bucket may be (its rows are equal on an axis that kiddo split along) is cut into compact pieces; empty leaves are skipped;
/// within a bucket rows ascend, or where it is cut within each of its pieces.
pub fn build(
    shape: &KdShape,
    positions: &[&[f32]],
    rows_of_chunk: &[AtomicU32],
    scratch: &mut KdScratch,
    arrays: ChunkArrays<'_, '_>,
) -> Result<(), BuildError> {
    scratch.rows.clear();
    scratch.rows.extend(rows_of_chunk.iter().map(|row| row.load(Ordering::Relaxed)));
    per_axes!(positions, |columns| build_in(shape, columns, scratch, arrays))
}

fn build_in<const K: usize>(
    shape: &KdShape,
    columns: [&[f32]; K],
    scratch: &mut KdScratch,
    mut arrays: ChunkArrays<'_, '_>,
) -> Result<(), BuildError> {
    scratch.coordinates.clear();
    for &row in &scratch.rows {
        scratch.coordinates.extend(columns.map(|column| column[row as usize]));
    }
    let KdScratch { coordinates, turned, rows, bucket_of, points: spare, next, leaves, .. } = scratch;
    let (points, _) = coordinates.as_chunks::<K>();
    if let Some(nodes) = arrays.leaves.take() {
        spare.clear();
        spare.extend(points.iter().zip(0..).map(|(point, place)| {
            let mut at = [0.0; 3];
            at[..K].copy_from_slice(point);
            Point { at, row: place }
        }));
        halve(spare, shape.bucket_rows as usize, arrays.bucket_start.len(), leaves, nodes);
        return Buckets { shape, points, rows, bucket_of, spare, next, arrays, used: 0 }.fill(leaves);
    }
    with_leaves(points, turned, leaf_rows(shape, points.len(), arrays.in_pieces), |leaves| {
        let buckets = Buckets { shape, points, rows, bucket_of, spare, next, arrays, used: 0 };
        buckets.fill(leaves)
    })?
}

/// The most rows of a leaf, as kiddo is asked for. It halves until none has more: one row above a whole number of halvings
/// has leaves hardly more than half full. Where buckets are cut into pieces these too, and blocks with them; there leaves
/// that have no more than [`most_rows`] after one halving less are buckets.
fn leaf_rows(shape: &KdShape, rows: usize, in_pieces: bool) -> u32 {
    let bucket_rows = shape.bucket_rows;
    let leaves = rows.div_ceil(2 * bucket_rows as usize).next_power_of_two();
    let fits = in_pieces && rows.div_ceil(leaves) <= most_rows(bucket_rows, true);
    if fits && KD_BUCKETS.contains(&(2 * bucket_rows)) { 2 * bucket_rows } else { bucket_rows }
}

/// The most rows of a bucket.
fn most_rows(bucket_rows: u32, in_pieces: bool) -> usize {
    let more = if in_pieces { bucket_rows / 4 } else { 0 };
    ((bucket_rows + more) as usize).min(BUCKET_ROWS_MAX)
}

/// The buckets of one chunk in the making.
struct Buckets<'a, 'b, 'c, const K: usize> {
    shape: &'a KdShape,
    points: &'a [[f32; K]],
    rows: &'a [u32],
    bucket_of: &'a mut Vec<u16>,
    spare: &'a mut Vec<Point>,
    next: &'a mut Vec<u32>,
    arrays: ChunkArrays<'b, 'c>,
    used: usize,
}

impl<const K: usize> Buckets<'_, '_, '_, K> {
    fn fill(mut self, leaves: &Leaves) -> Result<(), BuildError> {
        let bucket_rows = self.shape.bucket_rows as usize;
        let most = most_rows(self.shape.bucket_rows, self.arrays.in_pieces);
        self.bucket_of.clear();
        self.bucket_of.resize(self.rows.len(), NOWHERE);
        self.next.clear();
        let mut start = 0;
        for &end in &leaves.ends {
            let leaf = &leaves.items[start..end as usize];
            start = end as usize;
            if leaf.is_empty() {
                continue;
            }
            if leaf.len() <= most {
                self.add(leaf.iter().copied())?;
                continue;
            }
            let mut spare = std::mem::take(self.spare);
            spare.clear();
            spare.extend(leaf.iter().map(|&place| {
                let mut at = [0.0; 3];
                at[..K].copy_from_slice(&self.points[place as usize]);
                Point { at, row: place }
            }));
            let mut outcome = Ok(());
            cut(&mut spare, 0, leaf.len().div_ceil(bucket_rows), &mut |piece, _| {
                if outcome.is_ok() {
                    outcome = self.add(piece.iter().map(|point| point.row));
                }
            });
            *self.spare = spare;
            outcome?;
        }
        if leaves.items.len() != self.rows.len() {
            return Err(BuildError::Lost { rows: self.rows.len(), found: leaves.items.len() });
        }
        self.finish();
        Ok(())
    }

    /// The rows at these places of the chunk are the next bucket.
    fn add(&mut self, places: impl ExactSizeIterator<Item = u32>) -> Result<(), BuildError> {
        let bucket = self.used;
        let arrays = &mut self.arrays;
        let limit = arrays.bucket_start.len().min(usize::from(NOWHERE));
        if bucket == limit {
            return Err(BuildError::TooManyBuckets { rows: self.rows.len(), limit });
        }
        let start = if bucket == 0 { arrays.first_slot } else { arrays.bucket_end[bucket - 1] };
        arrays.bucket_start[bucket] = start;
        arrays.bucket_end[bucket] = start + places.len() as u32;
        self.next.push(start - arrays.first_slot);
        let mut lo = [f32::INFINITY; K];
        let mut hi = [f32::NEG_INFINITY; K];
        for place in places {
            let place = place as usize;
            if self.bucket_of.get(place) != Some(&NOWHERE) {
                return Err(BuildError::Strange { rows: self.rows.len(), place });
            }
            self.bucket_of[place] = bucket as u16;
            let point = self.points[place];
            for axis in 0..K {
                lo[axis] = lesser(lo[axis], point[axis]);
                hi[axis] = greater(hi[axis], point[axis]);
            }
        }
        self.set_box(bucket, lo, hi);
        self.used += 1;
        Ok(())
    }

    fn set_box(&mut self, bucket: usize, lo: [f32; K], hi: [f32; K]) {
        let (lows, highs) = self.arrays.bucket_box.split_at_mut(K);
        for axis in 0..K {
            lows[axis][bucket] = lo[axis];
            highs[axis][bucket] = hi[axis];
        }
    }

    /// Brings the places in each bucket's slots into the order of compact pieces.
    fn cut_buckets(&mut self) {
        let Self { points, arrays, used, .. } = self;
        let mut room = Bucket::default();
        for bucket in 0..*used {
            let slots = arrays.bucket_start[bucket] - arrays.first_slot..arrays.bucket_end[bucket] - arrays.first_slot;
            let slots = &mut arrays.slot_rows[slots.start as usize..slots.end as usize];
            if slots.len() > BLOCK_ROWS_MAX {
                room.cut(points, slots, slots.len().div_ceil(BLOCK_ROWS_MAX));
            }
        }
    }

    /// Rows to their slots (in row order, which is the order of places), and what is said of the whole chunk.
    fn finish(mut self) {
        for ((place, &row), &bucket) in self.rows.iter().enumerate().zip(&*self.bucket_of) {
            let slot = &mut self.next[usize::from(bucket)];
            self.arrays.slot_rows[*slot as usize] = place as u32;
            *slot += 1;
            self.arrays.local_bucket[row as usize].store(bucket, Ordering::Relaxed);
        }
        if self.arrays.in_pieces {
            self.cut_buckets();
        }
        for row in &mut *self.arrays.slot_rows {
            *row = self.rows[*row as usize];
        }
        let (lows, highs) = self.arrays.bucket_box.split_at(K);
        for axis in 0..K {
            self.arrays.chunk_box[axis] = lows[axis][..self.used].iter().copied().fold(f32::INFINITY, lesser);
            self.arrays.chunk_box[K + axis] = highs[axis][..self.used].iter().copied().fold(f32::NEG_INFINITY, greater);
        }
        *self.arrays.chunk_buckets = self.used as u32;
        let end = self.arrays.first_slot + self.rows.len() as u32;
        for bucket in self.used..self.arrays.bucket_start.len() {
            self.arrays.bucket_start[bucket] = end;
            self.arrays.bucket_end[bucket] = end;
            self.set_box(bucket, [f32::INFINITY; K], [f32::NEG_INFINITY; K]);
        }
    }
}
