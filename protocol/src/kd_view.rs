//! The arrays of a k-d index as each phase may touch them. One of the few modules with `unsafe`.
//!
//! Each method checks that the batch is one of that phase of that index, and hands its slices out once.

#![expect(unsafe_code, reason = "typed slices of shared index arrays, exclusive by claim")]

use std::sync::atomic::{AtomicU16, AtomicU32};

use crate::id::IndexId;
use crate::kd::{KdPlaces, KdShape};
use crate::layout::IndexPlaces;
use crate::program::{IndexPhase, When, Work};
use crate::stretches::Levels;
use crate::summary::SummaryShape;
use crate::values::Values;
use crate::view::Batch;

/// What choosing the planes writes.
pub struct SplitView<'b> {
    /// The numbers behind the arrays.
    pub shape: KdShape,
    /// Positions of `f64`, rounded: an axis each, empty where they are `f32` themselves.
    pub rounded: [&'b mut [f32]; 3],
    /// A plane's axis.
    pub axis: &'b mut [u32],
    /// A plane's coordinate.
    pub value: &'b mut [f32],
    /// A plane's row.
    pub row: &'b mut [u32],
}

/// What counting reads and writes.
pub struct CountView<'b> {
    /// The numbers behind the arrays.
    pub shape: KdShape,
    /// The planes.
    pub splits: Planes<'b>,
    /// The chunks of the batch's own rows.
    pub chunk_of: &'b mut [u16],
    /// The batch's counts, one a chunk.
    pub counts: &'b mut [u32],
    /// The boxes around the batch's own rows, if there are such.
    pub stretches: Option<LowStretches<'b>>,
}

/// The boxes around the rows of one batch, of the two lowest levels: lows, then highs, an axis each; `2 * axes` are used.
#[derive(Debug)]
pub struct LowStretches<'b> {
    /// Of the lowest.
    pub fine: [&'b mut [f32]; 6],
    /// Of the one above.
    pub coarse: [&'b mut [f32]; 6],
}

/// The boxes around all rows in the making.
#[derive(Debug)]
pub struct HighStretches<'b> {
    /// Where the levels stand.
    pub levels: Levels,
    /// All from the second lowest on, which stands there already: lows, then highs, an axis each; `2 * axes` are used.
    pub sides: [&'b mut [f32]; 6],
}

/// The boxes around the rows of a sealed index.
#[derive(Clone, Copy, Debug)]
pub struct StretchView<'b> {
    /// Where the levels stand.
    pub levels: Levels,
    /// Lows, then highs, an axis each; `2 * axes` are used.
    pub sides: [&'b [f32]; 6],
}

/// The planes that part rows into chunks, in heap order from 1.
#[derive(Clone, Copy)]
pub struct Planes<'b> {
    /// A plane's axis.
    pub axis: &'b [u32],
    /// A plane's coordinate.
    pub value: &'b [f32],
    /// A plane's row.
    pub row: &'b [u32],
}

/// What placing reads and writes.
pub struct PlaceView<'b> {
    /// The numbers behind the arrays.
    pub shape: KdShape,
    /// Rows a batch and chunk.
    pub counts: &'b [u32],
    /// The first slot of each batch's rows of each chunk.
    pub first_slots: &'b mut [u32],
    /// The first slot of each chunk, and the end.
    pub chunk_slots: &'b mut [u32],
    /// Where each chunk's buckets stand, and the end.
    pub chunk_places: &'b mut [u32],
}

/// What scattering reads and writes.
pub struct ScatterView<'b> {
    /// The numbers behind the arrays.
    pub shape: KdShape,
    /// The chunks of the batch's own rows.
    pub chunk_of: &'b [u16],
    /// The batch's first slots, one a chunk.
    pub first_slots: &'b [u32],
    /// Where rows go.
    pub scattered: &'b [AtomicU32],
}

/// What building a chunk reads and writes.
pub struct BuildView<'b> {
    /// The numbers behind the arrays.
    pub shape: KdShape,
    /// The chunk's rows, in row order.
    pub rows_of_chunk: &'b [AtomicU32],
    /// The chunk's first slot.
    pub first_slot: u32,
    /// The chunk's slots.
    pub slot_rows: &'b mut [u32],
    /// Each row's bucket within its chunk, all rows.
    pub local_bucket: &'b [AtomicU16],
    /// The chunk's buckets: first slots.
    pub bucket_start: &'b mut [u32],
    /// The chunk's buckets: ends.
    pub bucket_end: &'b mut [u32],
    /// The chunk's buckets: lows, then highs, an axis each; `2 * axes` are used.
    pub bucket_box: [&'b mut [f32]; 6],
    /// The chunk's box.
    pub chunk_box: &'b mut [f32],
    /// How many buckets it has.
    pub chunk_buckets: &'b mut u32,
    /// Its nodes, if they are summarised.
    pub summary: Option<NodesView<'b>>,
    /// Whether buckets are cut into compact pieces, and may have a quarter more rows for that: the group's rows are kept in
    /// the order of these slots.
    pub in_pieces: bool,
}

/// The summaries of a chunk's nodes in the making.
pub struct NodesView<'b> {
    /// The numbers behind the arrays.
    pub shape: SummaryShape,
    /// [`SummaryShape::width`] numbers a node.
    pub nodes: &'b mut [f64],
    /// Buckets of each node.
    pub leaves: &'b mut [u32],
}

/// What numbering the buckets reads and writes.
pub struct SealView<'b> {
    /// The numbers behind the arrays.
    pub shape: KdShape,
    /// Buckets a chunk.
    pub chunk_buckets: &'b [u32],
    /// Boxes of the chunks.
    pub chunk_box: &'b [f32],
    /// The number of each chunk's first bucket, and the count.
    pub chunk_base: &'b mut [u32],
    /// Boxes of the tree over the chunks.
    pub node_box: &'b mut [f32],
    /// The boxes around stretches of rows, if there are such.
    pub stretches: Option<HighStretches<'b>>,
    /// The nodes above the chunks, if they are summarised.
    pub summary: Option<TopView<'b>>,
}

/// The summaries above the chunks in the making.
pub struct TopView<'b> {
    /// The numbers behind the arrays.
    pub shape: SummaryShape,
    /// The first slot of each chunk, and the end.
    pub chunk_slots: &'b [u32],
    /// Where each chunk's buckets stand, and the end: its first node is at twice that.
    pub chunk_places: &'b [u32],
    /// The chunks' nodes.
    pub nodes: &'b [f64],
    /// The nodes above.
    pub top: &'b mut [f64],
}

/// The summaries of a sealed index.
#[derive(Clone, Copy, Debug)]
pub struct SummaryView<'b> {
    /// The numbers behind the arrays.
    pub shape: SummaryShape,
    /// The chunks' nodes.
    pub nodes: &'b [f64],
    /// Buckets of each of them.
    pub leaves: &'b [u32],
    /// The nodes above the chunks.
    pub top: &'b [f64],
}

/// A sealed index, all of it to read.
#[derive(Clone, Copy, Debug)]
pub struct KdView<'b> {
    /// The numbers behind the arrays.
    pub shape: KdShape,
    /// Each row's chunk.
    pub chunk_of: &'b [u16],
    /// Each row's bucket within its chunk.
    pub local_bucket: &'b [AtomicU16],
    /// The row in each slot.
    pub slot_rows: &'b [u32],
    /// Where each chunk's buckets stand in the bucket arrays, and the end.
    pub chunk_places: &'b [u32],
    /// The number of each chunk's first bucket, and the count.
    pub chunk_base: &'b [u32],
    /// First slots of the buckets.
    pub bucket_start: &'b [u32],
    /// Ends of the buckets.
    pub bucket_end: &'b [u32],
    /// Boxes of the buckets: lows, then highs, an axis each; `2 * axes` are used.
    pub bucket_box: [&'b [f32]; 6],
    /// Boxes of the tree over the chunks.
    pub node_box: &'b [f32],
    /// Boxes around stretches of rows, where the group's rows are kept in the order of slots.
    pub stretches: Option<StretchView<'b>>,
}

impl<'t> Batch<'t, '_> {
    fn phase(&self, index: IndexId, phase: IndexPhase) -> &'t KdPlaces {
        assert_eq!(self.program().steps[self.step].work, Work::Index(index, phase), "another phase's batch");
        self.hand_out_once();
        self.tree_places(index)
    }

    fn tree_places(&self, index: IndexId) -> &'t KdPlaces {
        match &self.track().layout.indexes[index] {
            IndexPlaces::Tree(places) => places,
            IndexPlaces::Grid(_) => panic!("a grid is taken for a k-d tree"),
        }
    }

    /// The shape of an index with the rows that are there in this frame.
    fn kd_shape(&self, index: IndexId, p: &KdPlaces) -> KdShape {
        p.shape.with(self.group_rows(self.program().indexes[index].group))
    }

    /// For the batch that chooses the planes.
    pub fn kd_split(&self, index: IndexId) -> SplitView<'_> {
        let p = self.phase(index, IndexPhase::Split);
        let shape = self.kd_shape(index, p);
        let chunks = 0..shape.chunks as usize;
        // SAFETY: the phase has one batch, which this is; each array is cut once.
        unsafe {
            SplitView {
                shape,
                rounded: std::array::from_fn(|axis| match p.rounded.get(axis) {
                    Some(&place) => self.array_mut(place, 0..shape.rows as usize),
                    None => &mut [],
                }),
                axis: self.array_mut(p.split_axis, chunks.clone()),
                value: self.array_mut(p.split_value, chunks.clone()),
                row: self.array_mut(p.split_row, chunks),
            }
        }
    }

    /// For a batch that counts.
    pub fn kd_count(&self, index: IndexId) -> CountView<'_> {
        let p = self.phase(index, IndexPhase::Count);
        let shape = self.kd_shape(index, p);
        let chunks = shape.chunks as usize;
        let batch = self.number.0 as usize;
        // SAFETY: Split is complete; each batch writes its own rows' chunks and boxes, and its own row of the table.
        unsafe {
            CountView {
                shape,
                splits: Planes {
                    axis: self.array(p.split_axis, 0..chunks),
                    value: self.array(p.split_value, 0..chunks),
                    row: self.array(p.split_row, 0..chunks),
                },
                chunk_of: self.array_mut(p.chunk_of, self.rows.indices()),
                counts: self.array_mut(p.counts, batch * chunks..(batch + 1) * chunks),
                stretches: p.stretches.as_ref().map(|s| {
                    let levels = Levels::new(shape.rows);
                    let level = |level| {
                        std::array::from_fn(|side| match s.sides.get(side) {
                            Some(&place) => self.array_mut(place, levels.of_rows(level, self.rows)),
                            None => &mut [][..],
                        })
                    };
                    LowStretches { fine: level(0), coarse: level(1) }
                }),
            }
        }
    }

    /// For the batch that places.
    pub fn kd_place(&self, index: IndexId) -> PlaceView<'_> {
        let p = self.phase(index, IndexPhase::Place);
        let shape = self.kd_shape(index, p);
        let chunks = shape.chunks as usize;
        // Rows of the table that are behind the last batch with rows are an earlier frame's.
        let table = 0..chunks * shape.count_batches as usize;
        // SAFETY: Count is complete; the phase has one batch, which this is; each array is cut once.
        unsafe {
            PlaceView {
                shape,
                counts: self.array(p.counts, table.clone()),
                first_slots: self.array_mut(p.first_slots, table),
                chunk_slots: self.array_mut(p.chunk_slots, 0..chunks + 1),
                chunk_places: self.array_mut(p.chunk_places, 0..chunks + 1),
            }
        }
    }

    /// For a batch that scatters.
    pub fn kd_scatter(&self, index: IndexId) -> ScatterView<'_> {
        let p = self.phase(index, IndexPhase::Scatter);
        let shape = self.kd_shape(index, p);
        let chunks = shape.chunks as usize;
        let batch = self.number.0 as usize;
        // SAFETY: Count and Place are complete.
        unsafe {
            ScatterView {
                shape,
                chunk_of: self.array(p.chunk_of, self.rows.indices()),
                first_slots: self.array(p.first_slots, batch * chunks..(batch + 1) * chunks),
                scattered: self.track().memory.words(p.scattered),
            }
        }
    }

    /// For a batch that builds its chunk; nothing where fewer rows than ever are possible need fewer chunks.
    pub fn kd_build(&self, index: IndexId) -> Option<BuildView<'_>> {
        let p = self.phase(index, IndexPhase::Build);
        let shape = self.kd_shape(index, p);
        let chunk = self.number.0 as usize;
        if chunk >= shape.chunks as usize {
            return None;
        }
        let axes = shape.axes;
        // SAFETY: Place is complete; slots, bucket places, nodes, box and count of a chunk are its own batch's alone.
        Some(unsafe {
            let slots = self.array(p.chunk_slots, chunk..chunk + 2);
            let slots = slots[0] as usize..slots[1] as usize;
            let places = self.array(p.chunk_places, chunk..chunk + 2);
            let places = places[0] as usize..places[1] as usize;
            BuildView {
                shape,
                rows_of_chunk: &self.track().memory.words::<AtomicU32>(p.scattered)[slots.clone()],
                first_slot: slots.start as u32,
                slot_rows: self.array_mut(p.slot_rows, slots),
                local_bucket: &self.track().memory.words(p.local_bucket)[..shape.rows as usize],
                bucket_start: self.array_mut(p.bucket_start, places.clone()),
                bucket_end: self.array_mut(p.bucket_end, places.clone()),
                bucket_box: std::array::from_fn(|side| match p.bucket_box.get(side) {
                    Some(&place) => self.array_mut(place, places.clone()),
                    None => &mut [],
                }),
                chunk_box: self.array_mut(p.chunk_box, chunk * 2 * axes..(chunk + 1) * 2 * axes),
                chunk_buckets: &mut self.array_mut(p.chunk_buckets, chunk..chunk + 1)[0],
                in_pieces: self.program().keeps_order(index),
                summary: p.summary.as_ref().map(|s| {
                    let (nodes, width) = (2 * places.start..2 * places.end, s.shape.width());
                    NodesView {
                        shape: s.shape,
                        nodes: self.array_mut(s.nodes, nodes.start * width..nodes.end * width),
                        leaves: self.array_mut(s.leaves, nodes),
                    }
                }),
            }
        })
    }

    /// What the nodes of an index are made of, for a batch that builds its chunk: whole columns, those of its positions, an
    /// axis each (as the index is declared, not rounded), then those that are summed, by their place among them.
    pub fn kd_column(&self, index: IndexId, number: usize) -> Values<'_> {
        let built = Work::Index(index, IndexPhase::Build);
        assert_eq!(self.program().steps[self.step].work, built, "another phase's batch");
        let index = &self.program().indexes[index];
        let sums = index.summary().map_or(&[][..], |summary| &summary.sums);
        let (column, when) = match index.positions.get(number) {
            Some(&position) => (position, index.when),
            None => (sums[number - index.positions.len()], When::Prev),
        };
        // SAFETY: `prev` is written by nobody; `next` positions were completed in an earlier stage (verified).
        unsafe { self.typed(column, when, self.all_rows(column)) }
    }

    /// The row in each slot: for [`Self::rows_of_slots`], which says who may ask.
    pub(crate) fn kd_slot_rows(&self, index: IndexId) -> &[u32] {
        let p = self.tree_places(index);
        let rows = self.kd_shape(index, p).rows as usize;
        // SAFETY: the index was sealed in an earlier stage (verified); nothing writes it before the next tick.
        unsafe { self.array(p.slot_rows, 0..rows) }
    }

    /// For the batch that numbers the buckets.
    pub fn kd_seal(&self, index: IndexId) -> SealView<'_> {
        let p = self.phase(index, IndexPhase::Seal);
        let shape = self.kd_shape(index, p);
        let (chunks, width) = (shape.chunks as usize, 2 * shape.axes);
        // SAFETY: Build is complete; the phase has one batch, which this is; each array is cut once.
        unsafe {
            SealView {
                shape,
                chunk_buckets: self.array(p.chunk_buckets, 0..chunks),
                chunk_box: self.array(p.chunk_box, 0..chunks * width),
                chunk_base: self.array_mut(p.chunk_base, 0..chunks + 1),
                node_box: self.array_mut(p.node_box, 0..2 * chunks * width),
                stretches: p.stretches.as_ref().map(|s| {
                    let levels = Levels::new(shape.rows);
                    let sides = std::array::from_fn(|side| match s.sides.get(side) {
                        Some(&place) => self.array_mut(place, levels.start(1)..levels.places()),
                        None => &mut [][..],
                    });
                    HighStretches { levels, sides }
                }),
                summary: p.summary.as_ref().map(|s| TopView {
                    shape: s.shape,
                    chunk_slots: self.array(p.chunk_slots, 0..chunks + 1),
                    chunk_places: self.array(p.chunk_places, 0..chunks + 1),
                    nodes: self.array(s.nodes, 0..2 * shape.buckets_max as usize * s.shape.width()),
                    top: self.array_mut(s.top, 0..chunks * s.shape.width()),
                }),
            }
        }
    }

    /// The sealed index, for a system that declared it.
    ///
    /// # Panics
    /// If the running system did not declare the index.
    pub fn kd(&self, index: IndexId) -> KdView<'_> {
        self.check_declared(index);
        let p = self.tree_places(index);
        let shape = self.kd_shape(index, p);
        let (rows, chunks, buckets) = (shape.rows as usize, shape.chunks as usize, shape.buckets_max as usize);
        let mut bucket_box: [&[f32]; 6] = [&[]; 6];
        // SAFETY: the index was sealed in an earlier stage (verified); nothing writes it before the next tick.
        unsafe {
            for (view, &place) in bucket_box.iter_mut().zip(&p.bucket_box) {
                *view = self.array(place, 0..buckets);
            }
            KdView {
                shape,
                chunk_of: self.array(p.chunk_of, 0..rows),
                local_bucket: &self.track().memory.words(p.local_bucket)[..rows],
                slot_rows: self.array(p.slot_rows, 0..rows),
                chunk_places: self.array(p.chunk_places, 0..chunks + 1),
                chunk_base: self.array(p.chunk_base, 0..chunks + 1),
                bucket_start: self.array(p.bucket_start, 0..buckets),
                bucket_end: self.array(p.bucket_end, 0..buckets),
                bucket_box,
                node_box: self.array(p.node_box, 0..2 * chunks * 2 * shape.axes),
                stretches: p.stretches.as_ref().map(|s| {
                    let levels = Levels::new(shape.rows);
                    let mut sides: [&[f32]; 6] = [&[]; 6];
                    for (view, &place) in sides.iter_mut().zip(&s.sides) {
                        *view = self.array(place, 0..levels.places());
                    }
                    StretchView { levels, sides }
                }),
            }
        }
    }

    /// The summaries of the sealed index, if it has any, for a system that declared it.
    ///
    /// # Panics
    /// As [`Self::kd`].
    pub fn kd_summary(&self, index: IndexId) -> Option<SummaryView<'_>> {
        self.check_declared(index);
        let p = self.tree_places(index);
        let shape = self.kd_shape(index, p);
        let (nodes, chunks) = (2 * shape.buckets_max as usize, shape.chunks as usize);
        // SAFETY: as in `kd`.
        p.summary.as_ref().map(|s| unsafe {
            SummaryView {
                shape: s.shape,
                nodes: self.array(s.nodes, 0..nodes * s.shape.width()),
                leaves: self.array(s.leaves, 0..nodes),
                top: self.array(s.top, 0..chunks * s.shape.width()),
            }
        })
    }

    fn check_declared(&self, index: IndexId) {
        let declared = self.system().is_some_and(|s| self.program().systems[s].indexes.contains(&index));
        assert!(declared, "a kernel asks an index that its system does not declare");
    }
}
