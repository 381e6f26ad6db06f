//! Where everything stands in the segment: a pure function of the program and the number of workers.
//!
//! Two kinds of arrays, told apart by type so that no code can mix them up:
//! [`Place`] is plain data, handed out as slices by the views alone; [`Words`] is an array of atomics that any
//! process may touch at any time.

use std::marker::PhantomData;

use crate::chosen::{self, ChosenPlaces};
use crate::data::DataPlace;
use crate::edits::{self, EditsPlaces};
use crate::grid::{GridPlaces, GridShape};
use crate::id::{ColumnId, DataId, Id, IndexId, InverseId, MatchingId, StageId, Tick};
use crate::inverse::InversePlaces;
use crate::kd::{KdPlaces, KdShape};
use crate::limits::{ARRAY_ALIGN, ROW_ALIGN, WORKERS_MAX};
use crate::matching::SidePlaces;
use crate::nan::NanPlaces;
use crate::outputs::OutputPlaces;
use crate::program::{Domain, IndexKind, Program, Stage};
use crate::summary::SummaryShape;
use crate::table::Table;
use crate::types::Scalar;

/// Bytes of the fixed part of the header, before the description.
pub const HEADER_BYTES: usize = 128;
/// Bytes between words that different processes write.
pub const LINE: usize = ARRAY_ALIGN;
/// 64-bit words of a worker's slot: a line for its progress, a line for its counters, the rest for its blame.
pub const SLOT_WORDS: usize = 256;

/// An array of plain data in the segment.
#[derive(Debug)]
pub struct Place<T> {
    /// Bytes from the segment's start; a multiple of [`ARRAY_ALIGN`].
    pub offset: usize,
    /// Elements.
    pub len: usize,
    kind: PhantomData<fn() -> T>,
}

/// An array of atomics in the segment.
#[derive(Debug)]
pub struct Words<T> {
    /// Bytes from the segment's start; a multiple of [`ARRAY_ALIGN`].
    pub offset: usize,
    /// Elements.
    pub len: usize,
    kind: PhantomData<fn() -> T>,
}

macro_rules! copies {
    ($name:ident) => {
        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $name<T> {}
        impl<T> $name<T> {
            /// The bytes it takes.
            pub fn bytes(&self) -> usize {
                self.len * size_of::<T>()
            }
        }
    };
}
copies!(Place);
copies!(Words);

/// One panel-wise column.
#[derive(Clone, Debug)]
pub struct ColumnPlace {
    /// What it holds.
    pub scalar: Scalar,
    /// Rows each panel has room for.
    pub capacity: u32,
    /// Where each panel starts, in bytes.
    pub panels: Vec<usize>,
}

/// One stage's tickets.
#[derive(Clone, Copy, Debug)]
pub struct StagePlace {
    /// The ticket of its first batch.
    pub first_ticket: u32,
    /// The most batches it can have.
    pub tickets: u32,
}

/// The arrays of one index.
#[derive(Clone, Debug)]
pub enum IndexPlaces {
    /// Of a k-d tree.
    Tree(KdPlaces),
    /// Of a grid.
    Grid(GridPlaces),
}

impl IndexPlaces {
    fn new(program: &Program, index: IndexId, arena: &mut Arena) -> Self {
        let ordered = program.keeps_order(index);
        let index = &program.indexes[index];
        let rows = program.groups[index.group].rows;
        let rounded = index.positions.iter().any(|column| program.columns[*column].scalar == Scalar::F64);
        match &index.kind {
            IndexKind::Tree { bucket_rows, summary } => {
                let shape = KdShape::new(rows, index.positions.len(), *bucket_rows);
                let summary = summary.as_ref().map(|summary| SummaryShape {
                    axes: shape.axes,
                    sums: summary.sums.len(),
                    angle: f64::from(summary.angle),
                    wide: rounded,
                });
                IndexPlaces::Tree(KdPlaces::new(shape, rounded, ordered, summary, arena))
            }
            IndexKind::Grid { cell, copies } => {
                let shape = GridShape::new(rows, &program.space, *cell);
                IndexPlaces::Grid(GridPlaces::new(shape, program, rounded, copies, arena))
            }
        }
    }

    /// The chunks that it is built in.
    #[inline]
    pub fn chunks(&self) -> u32 {
        match self {
            IndexPlaces::Tree(places) => places.shape.chunks,
            IndexPlaces::Grid(places) => places.shape.chunks,
        }
    }
}

/// The words that all processes share, one line each.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// Run through this tick.
    pub horizon: Words<u32>,
    /// Not 0: nothing runs after this tick, whatever the horizon says. Written by that tick's commit.
    pub stop_at: Words<u32>,
    /// Not 0: the state of this tick is being looked at, and nobody begins the tick after the next.
    pub held: Words<u32>,
    /// Not 0: leave.
    pub halt: Words<u32>,
    /// The last complete tick.
    pub published: Words<u32>,
    /// How often tickets were taken back from the dead.
    pub reissues: Words<u32>,
    /// Not 0: somebody who looks at the run asks for a state to be lent.
    pub asked: Words<u32>,
    /// Not 0: the state of this tick is lent to whoever looks at the run.
    pub lent: Words<u32>,
    /// Rung for workers that parked.
    pub wake: Words<u32>,
    /// Rung for the coordinator.
    pub bell: Words<u32>,
    /// One bit a worker: parked.
    pub parked: Words<u64>,
    /// One bit an injected failure: it has happened, or happens now.
    pub injected: Words<u64>,
}

/// Offsets of everything.
#[derive(Debug)]
pub struct Layout {
    /// Bytes of the whole segment.
    pub bytes: usize,
    /// How many workers have slots.
    pub workers: u16,
    /// Where the description (JSON) stands.
    pub description: Place<u8>,
    /// The shared words.
    pub control: Control,
    /// The slots of all workers, [`SLOT_WORDS`] each.
    pub slots: Words<u64>,
    /// Two frame records, for even and odd ticks; see [`crate::record`].
    pub records: [Words<u32>; 2],
    /// The rows that a tick made of a derived group, or leaves of a living one, tagged with the tick; one word a group.
    pub made_rows: Words<u64>,
    /// The tickets of all batches of all stages.
    pub tickets: Words<u64>,
    /// The stages of set-up.
    pub setup: Vec<StagePlace>,
    /// The stages of a frame.
    pub frame: Vec<StagePlace>,
    /// The columns.
    pub columns: Table<ColumnId, ColumnPlace>,
    /// The indexes.
    pub indexes: Table<IndexId, IndexPlaces>,
    /// The inverses of references.
    pub inverses: Table<InverseId, InversePlaces>,
    /// Births and ends.
    pub edits: EditsPlaces,
    /// Which rows each system with a condition looked at.
    pub chosen: ChosenPlaces,
    /// Where values that are no numbers are looked for.
    pub nan: NanPlaces,
    /// The matchings, side by side.
    pub matchings: Table<MatchingId, Vec<SidePlaces>>,
    /// What is kept of each finished state beside its rows.
    pub outputs: OutputPlaces,
    /// The columns of files.
    pub data: Table<DataId, DataPlace>,
    /// The rings of what is traced; none where nothing is.
    pub trace: Vec<Words<u64>>,
    /// A hash of all of the above and of the program: a worker attaches only to what it expects.
    pub hash: u64,
}

/// Gives out room from the segment's start.
#[derive(Default)]
pub struct Arena {
    end: usize,
    trail: Vec<u64>,
}

impl Arena {
    fn take(&mut self, bytes: usize) -> usize {
        let offset = self.end.next_multiple_of(ARRAY_ALIGN);
        self.end = offset + bytes;
        self.trail.push(offset as u64);
        self.trail.push(bytes as u64);
        offset
    }

    /// Room for plain data.
    pub fn place<T>(&mut self, len: usize) -> Place<T> {
        Place { offset: self.take(len * size_of::<T>()), len, kind: PhantomData }
    }

    /// Room for atomics.
    pub fn words<T>(&mut self, len: usize) -> Words<T> {
        Words { offset: self.take(len * size_of::<T>()), len, kind: PhantomData }
    }
}

/// Rows a group's columns have room for.
pub fn capacity(rows: u32) -> u32 {
    rows.next_multiple_of(ROW_ALIGN)
}

impl Layout {
    /// Lays a program out for so many workers.
    pub fn new(program: &Program, workers: u16) -> Layout {
        Self::traced(program, workers, 0)
    }

    /// The same, with so many rings for what is traced.
    pub fn traced(program: &Program, workers: u16, rings: u16) -> Layout {
        let workers = workers.clamp(1, WORKERS_MAX);
        let mut arena = Arena::default();
        arena.take(HEADER_BYTES);
        let description = arena.place::<u8>(crate::header::description_room(program));
        let control = Control {
            horizon: arena.words(LINE / 4),
            stop_at: arena.words(LINE / 4),
            held: arena.words(LINE / 4),
            halt: arena.words(LINE / 4),
            published: arena.words(LINE / 4),
            reissues: arena.words(LINE / 4),
            asked: arena.words(LINE / 4),
            lent: arena.words(LINE / 4),
            wake: arena.words(LINE / 4),
            bell: arena.words(LINE / 4),
            parked: arena.words(usize::from(WORKERS_MAX) / 64),
            injected: arena.words(1),
        };
        let slots = arena.words(usize::from(workers) * SLOT_WORDS);
        let record_words = crate::record::words(program);
        let records = [arena.words(record_words), arena.words(record_words)];
        let made_rows = arena.words(program.groups.len().max(1));
        let mut next_ticket = 0;
        let mut stages = |stages: &[Stage]| -> Vec<StagePlace> {
            stages
                .iter()
                .map(|stage| {
                    let tickets = stage.steps.iter().map(|&s| batches_max(program, program.steps[s].domain)).sum();
                    let place = StagePlace { first_ticket: next_ticket, tickets };
                    next_ticket += tickets;
                    place
                })
                .collect()
        };
        let setup = stages(&program.schedule.setup);
        let frame = stages(&program.schedule.frame);
        let tickets = arena.words(next_ticket as usize);
        let columns = program
            .columns
            .iter()
            .map(|(id, column)| {
                let capacity = capacity(program.groups[column.group].rows);
                let bytes = capacity as usize * column.scalar.size();
                let panels = (0..column.panels())
                    .map(|panel| {
                        // Columns of 2^k rows would all start in the same cache set: stagger them by a few lines.
                        arena.end += ARRAY_ALIGN * (3 * id.index() + 7 * usize::from(panel) + 1) % 4096;
                        arena.take(bytes)
                    })
                    .collect();
                ColumnPlace { scalar: column.scalar, capacity, panels }
            })
            .collect();
        let indexes = program.indexes.ids().map(|id| IndexPlaces::new(program, id, &mut arena)).collect();
        let inverses = program
            .inverses
            .iter()
            .map(|(id, inverse)| InversePlaces::new(program.inverse_shape(id), inverse.lives.is_some(), &mut arena));
        let inverses = inverses.collect();
        let mut side = |(id, side)| SidePlaces::new(program.match_shape(id, side), &mut arena);
        let matchings = (program.matchings.iter())
            .map(|(id, it)| (0..it.sides.len() as u8).map(|at| side((id, at))).collect())
            .collect();
        let edits = EditsPlaces::new(program, &mut arena);
        let chosen = chosen::places(program, &mut arena);
        let nan = NanPlaces::new(program, &mut arena);
        let outputs = OutputPlaces::new(program, &mut arena);
        let data = program.data.values().map(|data| DataPlace::new(data, &mut arena)).collect();
        let trace = crate::trace::places(rings, &mut arena);
        let bytes = arena.end.next_multiple_of(4096);
        let mut trail = program.hash().to_le_bytes().to_vec();
        for word in &arena.trail {
            trail.extend_from_slice(&word.to_le_bytes());
        }
        let hash = twox_hash::XxHash3_64::oneshot(&trail);
        Layout {
            bytes,
            workers,
            description,
            control,
            slots,
            records,
            made_rows,
            tickets,
            setup,
            frame,
            columns,
            indexes,
            inverses,
            edits,
            chosen,
            nan,
            matchings,
            outputs,
            data,
            trace,
            hash,
        }
    }

    /// The tickets of a tick's stage.
    pub fn stage(&self, tick: Tick, stage: StageId) -> StagePlace {
        let stages = if tick == Tick::SETUP { &self.setup } else { &self.frame };
        stages[usize::from(stage.0)]
    }
}

/// How many batches a step has when its group has so many rows. Batches of no rows are refused by the verifier, which asks this,
/// too: there they count as batches of one.
pub fn batches_of_rows(rows: u32, batch_rows: u32) -> u32 {
    rows.div_ceil(batch_rows.max(1))
}

/// The most batches a step can have.
pub fn batches_max(program: &Program, domain: Domain) -> u32 {
    if let Some((group, batch_rows)) = domain.rows(program) {
        return batches_of_rows(program.groups[group].rows, batch_rows);
    }
    match domain {
        Domain::Chunks(index) => program.index_chunks(index),
        Domain::Targets(inverse) => program.inverse_shape(inverse).chunks,
        Domain::Blocks(group) => edits::blocks(program, group),
        Domain::Births(group) => edits::birth_blocks(program, group),
        Domain::Ranks { matching, side } => program.match_shape(matching, side).chunks,
        Domain::Rows { .. } | Domain::Slots { .. } | Domain::Once => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verifier counts the batches of programs that it is about to refuse.
    #[test]
    fn batches_of_no_rows_are_counted_and_end() {
        assert_eq!([batches_of_rows(0, 64), batches_of_rows(1, 64), batches_of_rows(129, 64)], [0, 1, 3]);
        assert_eq!(batches_of_rows(5, 0), 5);
    }
}
