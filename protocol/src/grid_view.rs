//! The arrays of a grid as each phase may touch them. One of the few modules with `unsafe`.
//!
//! Each method checks that the batch is one of that phase of that index, and hands its slices out once.

#![expect(unsafe_code, reason = "typed slices of shared index arrays, exclusive by claim")]

use crate::grid::{CopyPlace, GridPlaces, Lattice};
use crate::id::{ColumnId, IndexId};
use crate::inverse::InverseShape;
use crate::inverse_view::{ListView, PlaceView, ScatterView};
use crate::layout::IndexPlaces;
use crate::program::{IndexKind, IndexPhase, Reach, When, Work};
use crate::types::Scalar;
use crate::values::{Values, ValuesMut};
use crate::view::Batch;

/// What counting writes.
pub struct CellsView<'b> {
    /// Where the cells lie.
    pub lattice: Lattice,
    /// The shape of their lists.
    pub shape: InverseShape,
    /// The cells of the batch's own rows.
    pub cell_of: &'b mut [u32],
    /// The batch's counts, one a chunk.
    pub counts: &'b mut [u32],
    /// Room for the batch's own positions, where they are rounded in this phase: an axis each, else empty.
    pub rounded: [&'b mut [f32]; 3],
}

/// A finished grid, all of it to read.
#[derive(Clone, Copy, Debug)]
pub struct GridView<'b> {
    /// Where the cells lie.
    pub lattice: Lattice,
    /// The first slot of each cell, and the end.
    pub cell_start: &'b [u32],
    /// The row in each slot; ascending within a cell.
    pub slot_rows: &'b [u32],
}

impl<'t> Batch<'t, '_> {
    fn grid_places(&self, index: IndexId) -> &'t GridPlaces {
        match &self.track().layout.indexes[index] {
            IndexPlaces::Grid(places) => places,
            IndexPlaces::Tree(_) => panic!("a k-d tree is taken for a grid"),
        }
    }

    fn grid_phase(&self, index: IndexId, phase: IndexPhase) -> &'t GridPlaces {
        assert_eq!(self.program().steps[self.step].work, Work::Index(index, phase), "another phase's batch");
        self.hand_out_once();
        self.grid_places(index)
    }

    /// Where the cells lie, and the shape of their lists, with the rows that are there in this frame.
    ///
    /// # Safety
    /// The bounds of an open space are complete.
    unsafe fn lattice(&self, index: IndexId, p: &GridPlaces) -> (Lattice, InverseShape) {
        let rows = self.group_rows(self.program().indexes[index].group);
        // SAFETY: the caller's duty.
        let lattice = p.shape.lattice(unsafe { self.array(p.bounds, 0..p.shape.bounds(rows)) }, rows);
        (lattice, p.shape.lists(&lattice, rows))
    }

    /// For a batch that finds bounds: lows, then highs of its rows, an axis each; and room for rounded positions.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the claim")]
    pub fn grid_bounds(&self, index: IndexId) -> (&mut [f32], [&mut [f32]; 3]) {
        let p = self.grid_phase(index, IndexPhase::Bounds);
        let (batch, width) = (self.number.0 as usize, 2 * p.shape.axes);
        // SAFETY: each batch writes its own row of the table, and its own rows.
        unsafe { (self.array_mut(p.bounds, batch * width..(batch + 1) * width), self.rounded_rows(index, p)) }
    }

    /// Room for the batch's own rounded positions; empty where they are not rounded in this phase.
    ///
    /// # Safety
    /// It is taken once.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the claim")]
    unsafe fn rounded_rows(&self, index: IndexId, p: &GridPlaces) -> [&mut [f32]; 3] {
        let rounds = self.rounds(index);
        std::array::from_fn(|axis| match p.rounded.get(axis) {
            // SAFETY: each batch of the phase that rounds writes its own rows.
            Some(place) if rounds => unsafe { self.array_mut(*place, self.rows.indices()) },
            _ => Default::default(),
        })
    }

    /// For a batch that counts.
    pub fn grid_count(&self, index: IndexId) -> CellsView<'_> {
        let p = self.grid_phase(index, IndexPhase::Count);
        // SAFETY: Bounds is complete; each batch writes its own rows' cells and its own row of the table.
        unsafe {
            let (lattice, shape) = self.lattice(index, p);
            let (batch, chunks) = (self.number.0 as usize, shape.chunks as usize);
            CellsView {
                lattice,
                cell_of: self.array_mut(p.cell_of, self.rows.indices()),
                counts: self.array_mut(p.lists.counts, batch * chunks..(batch + 1) * chunks),
                rounded: self.rounded_rows(index, p),
                shape,
            }
        }
    }

    /// For the batch that places.
    pub fn grid_place(&self, index: IndexId) -> PlaceView<'_> {
        let p = self.grid_phase(index, IndexPhase::Place);
        // SAFETY: Bounds and Count are complete; the phase has one batch, which this is.
        unsafe { self.place_lists(&p.lists, self.lattice(index, p).1) }
    }

    /// For a batch that scatters. What refers are rows, what they refer to their cells.
    pub fn grid_scatter(&self, index: IndexId) -> ScatterView<'_> {
        let p = self.grid_phase(index, IndexPhase::Scatter);
        // SAFETY: Bounds, Count and Place are complete.
        unsafe {
            let cells = self.array(p.cell_of, self.rows.indices());
            self.scatter_lists(&p.lists, self.lattice(index, p).1, cells)
        }
    }

    /// For a batch that builds its chunk: the lists of its cells, and the columns to copy, each whole, as it is read, and
    /// its room in the chunk's slots. Nothing where fewer cells than ever are possible have left the chunk none.
    pub fn grid_build(
        &self,
        index: IndexId,
    ) -> Option<(ListView<'_>, impl Iterator<Item = (Values<'_>, ValuesMut<'_>)>)> {
        let p = self.grid_phase(index, IndexPhase::Build);
        // SAFETY: Bounds, Count, Place and Scatter are complete; the chunk is its batch's alone.
        let lists = unsafe {
            let (_, shape) = self.lattice(index, p);
            if self.number.0 >= shape.chunks {
                return None;
            }
            self.list_chunk(&p.lists, shape, self.array(p.cell_of, 0..shape.rows as usize))
        };
        let (first, count) = (lists.first_slot as usize, lists.listed.len());
        let pair = move |copy: &CopyPlace| {
            // SAFETY: `prev` is written by nobody, and `fresh` positions of the index were completed in an earlier stage
            // (verified). The slots are the batch's own alone, and each copy is handed out once.
            unsafe {
                let from = self.typed(copy.column, copy.when, self.all_rows(copy.column));
                (from, self.copy_mut(copy, first, count))
            }
        };
        Some((lists, p.copies.iter().map(pair)))
    }

    /// # Safety
    /// The slots of this copy are the batch's own alone, and no other slice of them lives.
    unsafe fn copy_mut(&self, copy: &CopyPlace, first: usize, count: usize) -> ValuesMut<'_> {
        let (memory, size) = (self.track().memory, copy.scalar.size());
        assert!((first + count) * size <= copy.place.len, "slots beyond a copy's end");
        let offset = copy.place.offset + first * size;
        // SAFETY: the caller's duty.
        unsafe {
            match copy.scalar {
                Scalar::F32 => ValuesMut::F32(memory.write_at(offset, count)),
                Scalar::F64 => ValuesMut::F64(memory.write_at(offset, count)),
                Scalar::I8 => ValuesMut::I8(memory.write_at(offset, count)),
                Scalar::I16 => ValuesMut::I16(memory.write_at(offset, count)),
                Scalar::I32 => ValuesMut::I32(memory.write_at(offset, count)),
                Scalar::U8 => ValuesMut::U8(memory.write_at(offset, count)),
                Scalar::U16 => ValuesMut::U16(memory.write_at(offset, count)),
                Scalar::U32 => ValuesMut::U32(memory.write_at(offset, count)),
                Scalar::Bool => ValuesMut::Bool(memory.write_at(offset, count)),
            }
        }
    }

    fn check_asks_grid(&self, index: IndexId) {
        // All systems of a pass that goes by its slots may look at them: one of them has declared it (verified).
        let slots = self.slots() == Some(index);
        let declared = slots || self.system().is_some_and(|s| self.program().systems[s].indexes.contains(&index));
        assert!(declared, "a body asks an index that its system does not declare");
    }

    /// The finished grid, for a system that declared it.
    ///
    /// # Panics
    /// If the running system did not declare the index.
    pub fn grid(&self, index: IndexId) -> GridView<'_> {
        self.check_asks_grid(index);
        let p = self.grid_places(index);
        let rows = self.group_rows(self.program().indexes[index].group) as usize;
        // SAFETY: the grid was built in an earlier stage (verified); nothing writes it before the next tick.
        unsafe {
            let (lattice, shape) = self.lattice(index, p);
            GridView {
                lattice,
                cell_start: self.array(p.lists.starts, 0..shape.targets as usize + 1),
                slot_rows: self.array(p.lists.listed, 0..rows),
            }
        }
    }

    /// The row in each slot: for [`Self::rows_of_slots`], which says who may ask.
    pub(crate) fn grid_slot_rows(&self, index: IndexId) -> &[u32] {
        let rows = self.group_rows(self.program().indexes[index].group) as usize;
        // SAFETY: as in `grid`.
        unsafe { self.array(self.grid_places(index).lists.listed, 0..rows) }
    }

    /// The copy of a column in the batch's own slots, where it is given by the slots of this grid.
    pub fn grid_copy_here(&self, index: IndexId, column: ColumnId, when: When) -> Option<Values<'_>> {
        if when == When::Fresh && self.in_order() {
            return None;
        }
        let grid = matches!(self.program().indexes[index].kind, IndexKind::Grid { .. });
        let copy = (grid && self.slots() == Some(index)).then(|| self.grid_copy(index, column, when)).flatten()?;
        Some(copy.range(self.rows.indices()))
    }

    /// A column in the order of slots, if it is copied, or if its rows of `next` are kept in this order.
    ///
    /// # Panics
    /// If the running system did not declare the index.
    pub fn grid_copy(&self, index: IndexId, column: ColumnId, when: When) -> Option<Values<'_>> {
        self.check_asks_grid(index);
        let order = self.program().groups[self.program().columns[column].group].order;
        if when == When::Fresh && order.is_some_and(|order| order.index == index) {
            return Some(self.read_values(column, when, Reach::Any));
        }
        let copy = self.grid_places(index).copies.iter().find(|copy| copy.column == column && copy.when == when)?;
        let rows = self.group_rows(self.program().indexes[index].group) as usize;
        let (memory, offset) = (self.track().memory, copy.place.offset);
        assert!(rows * copy.scalar.size() <= copy.place.len, "slots beyond a copy's end");
        // SAFETY: as in `grid`.
        unsafe {
            Some(match copy.scalar {
                Scalar::F32 => Values::F32(memory.read_at(offset, rows)),
                Scalar::F64 => Values::F64(memory.read_at(offset, rows)),
                Scalar::I8 => Values::I8(memory.read_at(offset, rows)),
                Scalar::I16 => Values::I16(memory.read_at(offset, rows)),
                Scalar::I32 => Values::I32(memory.read_at(offset, rows)),
                Scalar::U8 => Values::U8(memory.read_at(offset, rows)),
                Scalar::U16 => Values::U16(memory.read_at(offset, rows)),
                Scalar::U32 => Values::U32(memory.read_at(offset, rows)),
                Scalar::Bool => Values::Bool(memory.read_at(offset, rows)),
            })
        }
    }
}
