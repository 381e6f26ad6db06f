//! A finished index, as it is read.

use std::ops::{Deref, Range};
use std::sync::atomic::Ordering;

use diptych_protocol::kd_view::KdView;

use super::window::Window;

/// A sealed index, to be asked. Cheap to make: it only borrows.
#[derive(Clone, Copy, Debug)]
pub struct KdTree<'a>(pub KdView<'a>);

impl<'a> Deref for KdTree<'a> {
    type Target = KdView<'a>;

    #[inline(always)]
    fn deref(&self) -> &KdView<'a> {
        &self.0
    }
}

impl<'a> KdTree<'a> {
    /// How many buckets there are.
    pub fn buckets(&self) -> u32 {
        self.chunk_base[self.shape.chunks as usize]
    }

    /// The number of a row's bucket, `0 .. buckets()`: in tree order, so that near numbers are near in space.
    #[inline(always)]
    pub fn bucket_of(&self, row: u32) -> u32 {
        let row = row as usize;
        let local = self.local_bucket[row].load(Ordering::Relaxed);
        self.chunk_base[usize::from(self.chunk_of[row])] + u32::from(local)
    }

    /// The place of a row's bucket in the bucket arrays.
    #[inline(always)]
    pub(super) fn place_of_row(&self, row: u32) -> u32 {
        let row = row as usize;
        self.chunk_places[usize::from(self.chunk_of[row])] + u32::from(self.local_bucket[row].load(Ordering::Relaxed))
    }

    /// The rows of a bucket, ascending (in each of its pieces, where it is cut into such).
    pub fn bucket_rows(&self, bucket: u32) -> &'a [u32] {
        self.rows_at(self.place_of(bucket).1)
    }

    /// The chunk that a bucket is in, and its place in the bucket arrays.
    pub(super) fn place_of(&self, bucket: u32) -> (u32, u32) {
        // The chunk before the first that starts behind the bucket; empty chunks start with their successor.
        let chunk = self.chunk_base[..self.shape.chunks as usize].partition_point(|&base| base <= bucket) - 1;
        (chunk as u32, self.chunk_places[chunk] + (bucket - self.chunk_base[chunk]))
    }

    /// The rows of the bucket at a place.
    #[inline(always)]
    pub(super) fn rows_at(&self, place: u32) -> &'a [u32] {
        let place = place as usize;
        &self.slot_rows[self.bucket_start[place] as usize..self.bucket_end[place] as usize]
    }

    /// The slots of a row's bucket.
    pub fn bucket_slots(&self, row: u32) -> Range<u32> {
        let place = self.place_of_row(row) as usize;
        self.bucket_start[place]..self.bucket_end[place]
    }

    /// The box of the bucket at a place.
    #[inline(always)]
    pub(super) fn box_at<const K: usize>(&self, place: u32) -> ([f32; K], [f32; K]) {
        let place = place as usize;
        let lo = std::array::from_fn(|axis| self.bucket_box[axis][place]);
        let hi = std::array::from_fn(|axis| self.bucket_box[K + axis][place]);
        (lo, hi)
    }

    /// The box of a node of the tree over the chunks.
    #[inline(always)]
    pub(super) fn node_box_of<const K: usize>(&self, node: u32) -> ([f32; K], [f32; K]) {
        let sides = &self.node_box[node as usize * 2 * K..];
        (std::array::from_fn(|axis| sides[axis]), std::array::from_fn(|axis| sides[K + axis]))
    }

    /// The places of a chunk's buckets.
    #[inline(always)]
    pub(super) fn places(&self, chunk: usize) -> Range<usize> {
        let start = self.chunk_places[chunk] as usize;
        start..start + (self.chunk_base[chunk + 1] - self.chunk_base[chunk]) as usize
    }

    /// Appends the places of all buckets whose box a window meets, each once, in no particular order.
    pub(super) fn find<const K: usize>(&self, window: &Window<K>, found: &mut Vec<u32>, marks: &mut Vec<u8>) {
        let chunks = self.shape.chunks as usize;
        let width = 2 * K;
        // A path to a leaf leaves one sibling a level behind: 15 at most.
        let mut open = [0usize; 32];
        let mut depth = 1;
        open[0] = 1;
        while depth > 0 {
            depth -= 1;
            let node = open[depth];
            let (lo, hi) = self.node_box[node * width..(node + 1) * width].split_at(K);
            if !window.meets(lo, hi) {
                continue;
            }
            if node < chunks {
                open[depth] = 2 * node + 1;
                open[depth + 1] = 2 * node;
                depth += 2;
            } else {
                self.find_in_chunk(node - chunks, window, found, marks);
            }
        }
    }

    fn find_in_chunk<const K: usize>(
        &self,
        chunk: usize,
        window: &Window<K>,
        found: &mut Vec<u32>,
        marks: &mut Vec<u8>,
    ) {
        let places = self.places(chunk);
        marks.clear();
        marks.resize(places.len(), 1);
        for axis in 0..K {
            let (lo, hi) = (self.bucket_box[axis], self.bucket_box[K + axis]);
            window.mark_axis(axis, &lo[places.clone()], &hi[places.clone()], marks);
        }
        for (place, &mark) in places.zip(&*marks) {
            if mark != 0 {
                found.push(place as u32);
            }
        }
    }
}
