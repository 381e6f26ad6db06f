//! An index in plain vectors of one process: what the phases do in shared memory, for tests, benchmarks and tools.

use std::sync::atomic::{AtomicU16, AtomicU32};

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;
use diptych_protocol::kd_view::{HighStretches, KdView, LowStretches, StretchView};
use diptych_protocol::space::Space;
use diptych_protocol::stretches::Levels;

use super::build::{BuildError, ChunkArrays, build};
use super::count::{BadPosition, Splits, count};
use super::place::place;
use super::refit::{refit, refit_above};
use super::scatter::scatter;
use super::scratch::KdScratch;
use super::seal::seal;
use super::split::split;
use super::tree::KdTree;

/// Why an index could not be built.
#[derive(Clone, Debug, thiserror::Error)]
pub enum IndexError {
    /// A position is at fault.
    #[error(transparent)]
    Position(#[from] BadPosition),
    /// A tree is at fault.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// All arrays of an index, and its phases as methods. See [`diptych_protocol::kd::KdPlaces`] for what each holds. As many
/// rows are in it as were given last (`shape` is theirs); what is behind theirs in an array means nothing.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the arrays that KdPlaces documents, by the same names")]
pub struct LocalIndex {
    pub room: KdShape,
    pub shape: KdShape,
    pub in_pieces: bool,
    pub split_axis: Vec<u32>,
    pub split_value: Vec<f32>,
    pub split_row: Vec<u32>,
    pub chunk_of: Vec<u16>,
    pub counts: Vec<u32>,
    pub first_slots: Vec<u32>,
    pub chunk_slots: Vec<u32>,
    pub chunk_places: Vec<u32>,
    pub scattered: Vec<AtomicU32>,
    pub slot_rows: Vec<u32>,
    pub local_bucket: Vec<AtomicU16>,
    pub chunk_buckets: Vec<u32>,
    pub bucket_start: Vec<u32>,
    pub bucket_end: Vec<u32>,
    pub bucket_box: Vec<Vec<f32>>,
    pub chunk_box: Vec<f32>,
    pub chunk_base: Vec<u32>,
    pub node_box: Vec<f32>,
    pub stretches: Vec<Vec<f32>>,
}

impl LocalIndex {
    /// Room for an index of this shape, which has all its rows until others are held.
    pub fn new(shape: KdShape) -> Self {
        let rows = shape.rows as usize;
        let chunks = shape.chunks as usize;
        let buckets = shape.buckets_max as usize;
        let table = chunks * shape.count_batches as usize;
        Self {
            room: shape,
            shape,
            in_pieces: false,
            split_axis: vec![0; chunks],
            split_value: vec![0.0; chunks],
            split_row: vec![0; chunks],
            chunk_of: vec![0; rows],
            counts: vec![0; table],
            first_slots: vec![0; table],
            chunk_slots: vec![0; chunks + 1],
            chunk_places: vec![0; chunks + 1],
            scattered: (0..rows).map(|_| AtomicU32::new(0)).collect(),
            slot_rows: vec![0; rows],
            local_bucket: (0..rows).map(|_| AtomicU16::new(0)).collect(),
            chunk_buckets: vec![0; chunks],
            bucket_start: vec![0; buckets],
            bucket_end: vec![0; buckets],
            bucket_box: vec![vec![0.0; buckets]; 2 * shape.axes],
            chunk_box: vec![0.0; chunks * 2 * shape.axes],
            chunk_base: vec![0; chunks + 1],
            node_box: vec![0.0; 2 * chunks * 2 * shape.axes],
            stretches: vec![vec![0.0; Levels::new(shape.rows).places()]; 2 * shape.axes],
        }
    }

    /// Goes on with so many rows: at most as many as there is room for.
    pub fn hold(&mut self, rows: u32) {
        assert!(rows <= self.room.rows, "more rows than there is room for");
        self.shape = self.room.with(rows);
    }

    /// All phases, one batch after another.
    pub fn build(&mut self, space: &Space, positions: &[&[f32]], scratch: &mut KdScratch) -> Result<(), IndexError> {
        self.hold(positions[0].len() as u32);
        self.split(positions, scratch);
        for batch in 0..self.shape.count_batches {
            self.count(batch, space, positions, scratch)?;
        }
        self.place();
        for batch in 0..self.shape.count_batches {
            self.scatter(batch, scratch);
        }
        for chunk in 0..self.shape.chunks {
            self.build_chunk(chunk, positions, scratch)?;
        }
        self.seal();
        Ok(())
    }

    /// The rows of a counting batch.
    pub fn rows_of(&self, batch: u32) -> RowRange {
        let start = batch * self.shape.count_batch_rows;
        RowRange::new(start, self.shape.rows.min(start + self.shape.count_batch_rows))
    }

    /// A batch's row of a table.
    fn table_row(&self, batch: u32) -> std::ops::Range<usize> {
        let chunks = self.shape.chunks as usize;
        batch as usize * chunks..(batch as usize + 1) * chunks
    }

    /// The first phase.
    pub fn split(&mut self, positions: &[&[f32]], scratch: &mut KdScratch) {
        let shape = &self.shape;
        split(shape, positions, scratch, &mut self.split_axis, &mut self.split_value, &mut self.split_row);
    }

    /// A batch of the second phase.
    pub fn count(
        &mut self,
        batch: u32,
        space: &Space,
        positions: &[&[f32]],
        scratch: &mut KdScratch,
    ) -> Result<(), BadPosition> {
        let (rows, table_row) = (self.rows_of(batch), self.table_row(batch));
        let splits = Splits { axis: &self.split_axis, value: &self.split_value, row: &self.split_row };
        let chunk_of = &mut self.chunk_of[rows.indices()];
        let counts = &mut self.counts[table_row];
        count(&self.shape, space, positions, splits, rows, scratch, chunk_of, counts)?;
        if self.in_pieces {
            let levels = Levels::new(self.shape.rows);
            let (mut fine, mut coarse): ([&mut [f32]; 6], [&mut [f32]; 6]) = Default::default();
            for ((side, fine), coarse) in self.stretches.iter_mut().zip(&mut fine).zip(&mut coarse) {
                let (low, high) = side.split_at_mut(levels.start(1));
                let above = levels.of_rows(1, rows);
                *fine = &mut low[levels.of_rows(0, rows)];
                *coarse = &mut high[above.start - levels.start(1)..above.end - levels.start(1)];
            }
            refit(positions, rows, LowStretches { fine, coarse });
        }
        Ok(())
    }

    /// The third phase.
    pub fn place(&mut self) {
        let slots = (&mut self.first_slots, &mut self.chunk_slots, &mut self.chunk_places);
        let table = (self.shape.chunks * self.shape.count_batches) as usize;
        place(&self.shape, &self.counts[..table], slots.0, slots.1, slots.2);
    }

    /// A batch of the fourth phase.
    pub fn scatter(&mut self, batch: u32, scratch: &mut KdScratch) {
        let rows = self.rows_of(batch);
        let first_slots = &self.first_slots[self.table_row(batch)];
        scatter(&self.shape, rows, &self.chunk_of[rows.indices()], first_slots, scratch, &self.scattered);
    }

    /// A batch of the fifth phase.
    pub fn build_chunk(&mut self, chunk: u32, positions: &[&[f32]], scratch: &mut KdScratch) -> Result<(), BuildError> {
        let chunk = chunk as usize;
        let width = 2 * self.shape.axes;
        let slots = self.chunk_slots[chunk] as usize..self.chunk_slots[chunk + 1] as usize;
        let places = self.chunk_places[chunk] as usize..self.chunk_places[chunk + 1] as usize;
        let mut boxes = self.bucket_box.iter_mut();
        let mut bucket_box: [&mut [f32]; 6] =
            std::array::from_fn(|_| boxes.next().map_or(&mut [][..], |array| &mut array[places.clone()]));
        let arrays = ChunkArrays {
            first_slot: slots.start as u32,
            slot_rows: &mut self.slot_rows[slots.clone()],
            local_bucket: &self.local_bucket,
            bucket_start: &mut self.bucket_start[places.clone()],
            bucket_end: &mut self.bucket_end[places],
            bucket_box: &mut bucket_box[..width],
            chunk_box: &mut self.chunk_box[chunk * width..(chunk + 1) * width],
            chunk_buckets: &mut self.chunk_buckets[chunk],
            leaves: None,
            in_pieces: self.in_pieces,
        };
        build(&self.shape, positions, &self.scattered[slots], scratch, arrays)
    }

    /// The last phase. Returns how many buckets there are.
    pub fn seal(&mut self) -> u32 {
        if self.in_pieces {
            let levels = Levels::new(self.shape.rows);
            let mut sides: [&mut [f32]; 6] = Default::default();
            for (side, all) in sides.iter_mut().zip(&mut self.stretches) {
                *side = &mut all[levels.start(1)..levels.places()];
            }
            refit_above(self.shape.axes, HighStretches { levels, sides });
        }
        seal(&self.shape, &self.chunk_buckets, &self.chunk_box, &mut self.chunk_base, &mut self.node_box)
    }

    /// The finished index.
    pub fn tree(&self) -> KdTree<'_> {
        let rows = self.shape.rows as usize;
        KdTree(KdView {
            shape: self.shape,
            chunk_of: &self.chunk_of[..rows],
            local_bucket: &self.local_bucket[..rows],
            chunk_base: &self.chunk_base,
            chunk_places: &self.chunk_places,
            slot_rows: &self.slot_rows[..rows],
            bucket_start: &self.bucket_start,
            bucket_end: &self.bucket_end,
            bucket_box: std::array::from_fn(|i| self.bucket_box.get(i).map_or(&[][..], |array| array)),
            node_box: &self.node_box,
            stretches: self.in_pieces.then(|| StretchView {
                levels: Levels::new(self.shape.rows),
                sides: std::array::from_fn(|i| self.stretches.get(i).map_or(&[][..], |array| array)),
            }),
        })
    }
}
