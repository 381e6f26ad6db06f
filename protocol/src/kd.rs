//! The shape of a k-d index in shared memory: which arrays it has, and how long each is. A pure function of the most
//! rows of the group, the axes and the bucket size; how the arrays are filled and asked is the workers' business. In a
//! frame with fewer rows their first parts are used, as [`KdShape::with`] says: what is behind means nothing.
//!
//! Rows are parted into *chunks* (a power of two of them) by planes chosen from a sample; each chunk is built by a
//! tree of its own, whose leaves are the *buckets*. A *slot* is a place in chunk-then-bucket order.

use crate::layout::{Arena, Place, Words};
use crate::limits::{COUNTING, KD_CHUNK_ROWS, STRETCH_FAN, STRETCH_ROWS};
use crate::stretches::StretchPlaces;
use crate::summary::{SummaryPlaces, SummaryShape};

/// Chunks are numbered in 16 bits, and the counting step's table is batches times chunks.
pub const CHUNKS_MAX: u32 = 1 << 14;

/// How many chunks a group of so many rows is parted into: a power of two.
pub fn chunks(rows: u32) -> u32 {
    rows.div_ceil(KD_CHUNK_ROWS).next_power_of_two().clamp(1, CHUNKS_MAX)
}

/// Rows of a batch of the counting and scattering steps: few batches, since each has a count for every chunk. Each has whole
/// boxes around stretches of rows, of the two lowest levels.
pub fn count_batch_rows(rows: u32) -> u32 {
    COUNTING.batch_rows(rows).next_multiple_of(STRETCH_ROWS * STRETCH_FAN)
}

/// The most buckets a chunk of so many rows can have. The tree over it has at most `ceil(n / bucket)` leaves, rounded up to
/// a power of two. Where coordinates are equal some have too many rows and are cut, each into `ceil(leaf / bucket)`: with L
/// leaves that is at most `ceil(n / bucket) + L - 1`.
pub fn chunk_buckets_max(rows: u32, bucket_rows: u32) -> u32 {
    match rows.div_ceil(bucket_rows) {
        0 => 0,
        full => full + full.next_power_of_two() - 1,
    }
}

/// The most buckets of a whole index, however its rows fall into chunks: each chunk has at most `3 ceil(n / bucket) - 2`,
/// and rounds up once.
pub fn buckets_max(rows: u32, bucket_rows: u32) -> u32 {
    3 * rows.div_ceil(bucket_rows) + chunks(rows)
}

/// The numbers that fix an index's arrays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KdShape {
    /// Rows of the group: the most there can be, or those of a frame.
    pub rows: u32,
    /// 1, 2 or 3.
    pub axes: usize,
    /// Rows of a bucket, at the most; a quarter more where buckets are cut into pieces, if they are not the largest.
    pub bucket_rows: u32,
    /// Chunks, a power of two.
    pub chunks: u32,
    /// Rows of a counting batch.
    pub count_batch_rows: u32,
    /// Counting batches.
    pub count_batches: u32,
    /// The most buckets.
    pub buckets_max: u32,
}

impl KdShape {
    /// The shape for a group of so many rows.
    pub fn new(rows: u32, axes: usize, bucket_rows: u32) -> Self {
        let count_batch_rows = count_batch_rows(rows);
        Self {
            rows,
            axes,
            bucket_rows,
            chunks: chunks(rows),
            count_batch_rows,
            count_batches: rows.div_ceil(count_batch_rows),
            buckets_max: buckets_max(rows, bucket_rows),
        }
    }

    /// The shape in a frame with so many rows, at most [`KdShape::rows`]: the same counting batches, as far as they have
    /// rows, and as many chunks as these rows ask for. No array is longer than at the most.
    pub fn with(self, rows: u32) -> Self {
        Self {
            rows,
            chunks: chunks(rows),
            count_batches: rows.div_ceil(self.count_batch_rows),
            buckets_max: buckets_max(rows, self.bucket_rows),
            ..self
        }
    }
}

/// Where an index's arrays stand. Boxes are `axes` lows, then `axes` highs.
#[derive(Clone, Debug)]
pub struct KdPlaces {
    /// The numbers behind it.
    pub shape: KdShape,
    /// Split: positions of `f64`, rounded to `f32`, an axis each; empty where they are `f32` themselves. The tree stands
    /// over these; the exact test of a distance is that of the rules, in `f64`.
    pub rounded: Vec<Place<f32>>,
    /// Split: the plane of node i (heap order, 1-based, `chunks` long): its axis.
    pub split_axis: Place<u32>,
    /// Split: the plane's coordinate; a row is on the left if (coordinate, row) is less than (value, row) of the plane.
    pub split_value: Place<f32>,
    /// Split: the plane's row, which parts equal coordinates.
    pub split_row: Place<u32>,
    /// Count: each row's chunk.
    pub chunk_of: Place<u16>,
    /// Count: rows a batch and chunk (`batch * chunks + chunk`).
    pub counts: Place<u32>,
    /// Place: the first slot of each batch's rows of each chunk, in the order of `counts`.
    pub first_slots: Place<u32>,
    /// Place: the first slot of each chunk, and the end (`chunks + 1`).
    pub chunk_slots: Place<u32>,
    /// Place: where each chunk's buckets stand in the bucket arrays, and the end (`chunks + 1`).
    pub chunk_places: Place<u32>,
    /// Scatter: the rows of each chunk, in row order. Written all over: words.
    pub scattered: Words<u32>,
    /// Build: the row in each slot; within a bucket in row order, or by compact pieces of at most
    /// [`BLOCK_ROWS_MAX`](crate::limits::BLOCK_ROWS_MAX) rows where the group's rows are kept in the order of slots, and in
    /// row order within these. (Not `scattered` in place: a batch must be able to run again.)
    pub slot_rows: Place<u32>,
    /// Build: each row's bucket, counted within its chunk. Written all over: words.
    pub local_bucket: Words<u16>,
    /// Build: how many buckets each chunk has.
    pub chunk_buckets: Place<u32>,
    /// Build: the first slot of each bucket.
    pub bucket_start: Place<u32>,
    /// Build: one past the last slot of each bucket.
    pub bucket_end: Place<u32>,
    /// Build: the tight box of each bucket, `2 * axes` arrays of `buckets_max`, lows first.
    pub bucket_box: Vec<Place<f32>>,
    /// Build: the tight box of each chunk, `2 * axes` values a chunk. Seal reads it.
    pub chunk_box: Place<f32>,
    /// Seal: the number of each chunk's first bucket when all are numbered through, and their count (`chunks + 1`).
    pub chunk_base: Place<u32>,
    /// Seal: boxes of the implicit binary tree over the chunks (heap order, 1-based), `2 * axes` values a node,
    /// `2 * chunks` nodes; chunk c is node `chunks + c`.
    pub node_box: Place<f32>,
    /// Count and Seal: boxes around stretches of rows, where the group's rows are kept in the order of slots.
    pub stretches: Option<StretchPlaces>,
    /// Build and Seal: what its nodes keep of their rows, if anything.
    pub summary: Option<SummaryPlaces>,
}

impl KdPlaces {
    /// Takes room for an index. `ordered` says that the group's rows are kept in the order of slots.
    pub fn new(shape: KdShape, rounded: bool, ordered: bool, summary: Option<SummaryShape>, arena: &mut Arena) -> Self {
        let rows = shape.rows as usize;
        let chunks = shape.chunks as usize;
        let buckets = shape.buckets_max as usize;
        Self {
            shape,
            rounded: (0..if rounded { shape.axes } else { 0 }).map(|_| arena.place(rows)).collect(),
            split_axis: arena.place(chunks),
            split_value: arena.place(chunks),
            split_row: arena.place(chunks),
            chunk_of: arena.place(rows),
            counts: arena.place(chunks * shape.count_batches as usize),
            first_slots: arena.place(chunks * shape.count_batches as usize),
            chunk_slots: arena.place(chunks + 1),
            chunk_places: arena.place(chunks + 1),
            scattered: arena.words(rows),
            slot_rows: arena.place(rows),
            local_bucket: arena.words(rows),
            chunk_buckets: arena.place(chunks),
            bucket_start: arena.place(buckets),
            bucket_end: arena.place(buckets),
            bucket_box: (0..2 * shape.axes).map(|_| arena.place(buckets)).collect(),
            chunk_box: arena.place(chunks * 2 * shape.axes),
            chunk_base: arena.place(chunks + 1),
            node_box: arena.place(2 * chunks * 2 * shape.axes),
            stretches: ordered.then(|| StretchPlaces::new(shape.rows, shape.axes, arena)),
            summary: summary.map(|summary| SummaryPlaces::new(summary, shape, arena)),
        }
    }
}
