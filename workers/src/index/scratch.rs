//! What the phases keep from batch to batch, so that a steady frame allocates nothing.

use super::count::Plane;
use super::cut::Point;
use super::leaves::Leaves;
use super::summarise::SummaryScratch;

/// Room that the phases work in. Holds no state: what is in it never shows in what they write.
#[derive(Default)]
pub struct KdScratch {
    /// Split: the sample. Build: the points of a leaf that is too long.
    pub(super) points: Vec<Point>,
    /// Count: the planes, packed.
    pub(super) planes: Vec<Plane>,
    /// Scatter: the next slot of each chunk. Build: of each bucket.
    pub(super) next: Vec<u32>,
    /// Build: the chunk's rows.
    pub(super) rows: Vec<u32>,
    /// Build: their coordinates, one to three a row.
    pub(super) coordinates: Vec<f32>,
    /// Build: the same as whole numbers, the axes in the order of the library's turns.
    pub(super) turned: Vec<u32>,
    /// Build: the bucket of each of the chunk's rows.
    pub(super) bucket_of: Vec<u16>,
    /// Build: the leaves of a tree of halved boxes.
    pub(super) leaves: Leaves,
    /// Build: the boxes of the chunk's nodes.
    pub summary: SummaryScratch,
}
