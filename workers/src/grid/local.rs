//! A grid in plain vectors of one process: what the phases do in shared memory, for tests, benchmarks and tools.

use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::grid::{GridShape, Lattice};
use diptych_protocol::grid_view::GridView;
use diptych_protocol::id::RowRange;
use diptych_protocol::inverse::InverseShape;
use diptych_protocol::space::Space;

use super::cells::{bounds, count};
use crate::index::BadPosition;
use crate::inverse::{self, Chunk, InverseScratch};

/// All arrays of a grid, and its phases as methods. See [`diptych_protocol::grid::GridPlaces`] for what each holds. As
/// many rows are in it as were given last; what is behind theirs in an array means nothing.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are the arrays that GridPlaces documents, by the same names")]
pub struct LocalGrid {
    pub shape: GridShape,
    pub rows: u32,
    pub bounds: Vec<f32>,
    pub cell_of: Vec<u32>,
    pub counts: Vec<u32>,
    pub first_slots: Vec<u32>,
    pub chunk_slots: Vec<u32>,
    pub scattered: Vec<AtomicU32>,
    pub cell_start: Vec<u32>,
    pub slot_rows: Vec<u32>,
}

impl LocalGrid {
    /// Room for a grid of this shape, which has all its rows until others are held.
    pub fn new(shape: GridShape) -> Self {
        let (rows, chunks) = (shape.rows as usize, shape.chunks as usize);
        let table = chunks * shape.count_batches as usize;
        Self {
            shape,
            rows: shape.rows,
            bounds: vec![0.0; shape.bounds(shape.rows)],
            cell_of: vec![0; rows],
            counts: vec![0; table],
            first_slots: vec![0; table],
            chunk_slots: vec![0; chunks + 1],
            scattered: (0..rows).map(|_| AtomicU32::new(0)).collect(),
            cell_start: vec![0; shape.cells_max as usize + 1],
            slot_rows: vec![0; rows],
        }
    }

    /// Goes on with so many rows: at most as many as there is room for.
    pub fn hold(&mut self, rows: u32) {
        assert!(rows <= self.shape.rows, "more rows than there is room for");
        self.rows = rows;
    }

    /// All phases, one batch after another.
    pub fn build(
        &mut self,
        space: &Space,
        positions: &[&[f32]],
        scratch: &mut InverseScratch,
    ) -> Result<(), BadPosition> {
        self.hold(positions[0].len() as u32);
        for batch in 0..self.batches() {
            self.bounds(batch, positions);
        }
        for batch in 0..self.batches() {
            self.count(batch, space, positions)?;
        }
        self.place();
        for batch in 0..self.batches() {
            self.scatter(batch, scratch);
        }
        for chunk in 0..self.shape.chunks {
            self.build_chunk(chunk, scratch);
        }
        Ok(())
    }

    fn lattice(&self) -> (Lattice, InverseShape) {
        let lattice = self.shape.lattice(&self.bounds[..self.shape.bounds(self.rows)], self.rows);
        (lattice, self.shape.lists(&lattice, self.rows))
    }

    /// How many counting batches have rows.
    pub fn batches(&self) -> u32 {
        self.rows.div_ceil(self.shape.count_batch_rows)
    }

    /// The rows of a counting batch.
    pub fn rows_of(&self, batch: u32) -> RowRange {
        let start = batch * self.shape.count_batch_rows;
        RowRange::new(start, self.rows.min(start + self.shape.count_batch_rows))
    }

    /// The first phase, nothing where the space has edges.
    pub fn bounds(&mut self, batch: u32, positions: &[&[f32]]) {
        let (rows, width) = (self.rows_of(batch), 2 * self.shape.axes);
        if let Some(to) = self.bounds.chunks_exact_mut(width).nth(batch as usize) {
            bounds(positions, rows, to);
        }
    }

    /// The second phase.
    pub fn count(&mut self, batch: u32, space: &Space, positions: &[&[f32]]) -> Result<(), BadPosition> {
        let (rows, (lattice, shape)) = (self.rows_of(batch), self.lattice());
        let (at, chunks) = (batch as usize, shape.chunks as usize);
        let counts = &mut self.counts[at * chunks..(at + 1) * chunks];
        count(&lattice, &shape, space, positions, rows, &mut self.cell_of[rows.indices()], counts)
    }

    /// The third phase.
    pub fn place(&mut self) {
        let (_, shape) = self.lattice();
        let table = (shape.chunks * shape.batches) as usize;
        let chunk_slots = &mut self.chunk_slots[..=shape.chunks as usize];
        inverse::place(&shape, &self.counts[..table], &mut self.first_slots[..table], chunk_slots);
    }

    /// The fourth phase.
    pub fn scatter(&mut self, batch: u32, scratch: &mut InverseScratch) {
        let (rows, (_, shape)) = (self.rows_of(batch), self.lattice());
        let (at, chunks) = (batch as usize, shape.chunks as usize);
        let first_slots = &self.first_slots[at * chunks..(at + 1) * chunks];
        inverse::scatter(&shape, rows, &self.cell_of[rows.indices()], first_slots, scratch, &self.scattered);
    }

    /// The last phase; nothing for a chunk without cells.
    pub fn build_chunk(&mut self, chunk: u32, scratch: &mut InverseScratch) {
        let (_, shape) = self.lattice();
        if chunk >= shape.chunks {
            return;
        }
        let cells = shape.targets_of(chunk);
        let last = usize::from(chunk + 1 == shape.chunks);
        let slots = self.chunk_slots[chunk as usize] as usize..self.chunk_slots[chunk as usize + 1] as usize;
        let arrays = Chunk {
            chunk,
            scattered: &self.scattered[slots.clone()],
            first_slot: slots.start as u32,
            starts: &mut self.cell_start[cells.start as usize..cells.end as usize + last],
            listed: &mut self.slot_rows[slots],
        };
        inverse::list(&shape, &self.cell_of, scratch, arrays);
    }

    /// The finished grid.
    pub fn view(&self) -> GridView<'_> {
        let (lattice, shape) = self.lattice();
        let cell_start = &self.cell_start[..=shape.targets as usize];
        GridView { lattice, cell_start, slot_rows: &self.slot_rows[..self.rows as usize] }
    }

    /// The bits of all arrays, as far as they mean anything.
    pub fn bits(&self) -> Vec<Vec<u32>> {
        let rows = self.rows as usize;
        let scattered = self.scattered[..rows].iter().map(|row| row.load(Ordering::Relaxed)).collect();
        let bounds = self.bounds[..self.shape.bounds(self.rows)].iter().map(|x| x.to_bits()).collect();
        let (_, shape) = self.lattice();
        let table = (shape.chunks * shape.batches) as usize;
        vec![
            bounds,
            self.cell_of[..rows].to_vec(),
            self.counts[..table].to_vec(),
            self.first_slots[..table].to_vec(),
            self.chunk_slots[..=shape.chunks as usize].to_vec(),
            scattered,
            self.cell_start[..=shape.targets as usize].to_vec(),
            self.slot_rows[..rows].to_vec(),
        ]
    }
}
