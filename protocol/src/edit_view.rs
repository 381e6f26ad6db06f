//! What batches may touch of births and ends: the records of a pass, and the books and columns of each phase. One of the few
//! modules with `unsafe`.
//!
//! Each method checks that the batch is one of that phase of that group (or of the pass that records the edit), and hands
//! its slices out once.

#![expect(unsafe_code, reason = "typed slices and atomics of records and edited columns, exclusive by claim")]

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::edits::{self, Balance, EditPlaces, LivingPlaces, NamePlaces, Newborn, RecordPlaces};
use crate::id::{ColumnId, EditId, GroupId, Tick};
use crate::layout::Words;
use crate::memory::Memory;
use crate::program::{EditPhase, Living, When, Work};
use crate::table::Table;
use crate::types::Scalar;
use crate::values::{Bits, Cells, Values, ValuesMut};
use crate::view::Batch;

/// Room for what a batch records of an edit.
pub enum Record<'b> {
    /// A bit for each own row: it ends. All words are written.
    Marks(&'b [AtomicU64]),
    /// A bit for each row of the edit's group: those that are set end.
    Bits(&'b [AtomicU64]),
    /// How many rows are born. Their values go beside it, then their names.
    Births(&'b AtomicU32),
}

/// Which rows end, a word for 64 rows.
pub struct Ended<'b> {
    memory: &'b Memory,
    records: &'b Table<EditId, EditPlaces>,
    books: &'b LivingPlaces,
    removed: &'b [AtomicU64],
    /// Rows before anything ends.
    pub rows: u32,
}

impl Ended<'_> {
    /// The rows from 64 times this number on: a bit each that ends.
    ///
    /// # Panics
    /// If there is no row so high.
    #[inline]
    pub fn word(&self, number: usize) -> u64 {
        assert!((number as u64) < u64::from(self.rows).div_ceil(64), "a word beyond the rows");
        let bits = |words: Words<u64>| self.memory.words::<AtomicU64>(words)[number].load(Ordering::Relaxed);
        let removed = self.removed.get(number).map_or(0, |word| word.load(Ordering::Relaxed));
        self.books.marking.iter().fold(removed, |all, edit| match self.records[*edit].record {
            RecordPlaces::Marks(words) => all | bits(words),
            RecordPlaces::Bits | RecordPlaces::Births { .. } => all,
        })
    }
}

/// What names the entities of a block's rows: of both panels.
pub struct BeginView<'b> {
    /// The rows.
    pub rows: Range<u32>,
    /// Rows that set-up makes.
    pub first: u32,
    /// The entity of each row.
    pub entities: [&'b mut [u32]; 2],
    /// Its life.
    pub generations: [&'b mut [u32]; 2],
    /// The row of each entity.
    pub directory: [&'b mut [u32]; 2],
    /// The rows that the next tick has to catch up with.
    pub touched: &'b [AtomicU64],
}

/// What catches up with the tick before.
pub struct CatchUpView<'b> {
    /// The block's rows that the tick before touched.
    pub touched: &'b [AtomicU64],
    /// Those that this tick touches: to be cleared.
    pub clear: &'b [AtomicU64],
    /// Those that ended in the tick before: to be cleared for the next one.
    pub removed: &'b [AtomicU64],
    /// The entity of each of the block's rows, of `prev`.
    pub entities: &'b [u32],
    /// The directory of `prev`, whole.
    pub directory: &'b [u32],
    /// That of `next`.
    pub next_directory: &'b [AtomicU32],
}

/// What balances births and ends.
pub struct PlaceView<'b> {
    /// Which rows end.
    pub ended: Ended<'b>,
    /// Rows of a block.
    pub block_rows: u32,
    /// Rows that there is room for.
    pub capacity: u32,
    /// The rows of each block that end, of as many blocks as have rows.
    pub ends: &'b [u32],
    /// The number of each block's first hole, and of holes in all.
    pub first_hole: &'b mut [u32],
    /// Survivors beyond the new end and before each block.
    pub survivors: &'b mut [u32],
    /// The number of the first birth of each batch of each list, and of births in all.
    pub first_birth: &'b mut [u32],
    /// See [`Balance`].
    pub balance: &'b mut [u32],
}

/// Where rows go: the books once they are balanced.
pub struct PlacedView<'b> {
    /// What the frame does to the number of rows.
    pub balance: Balance,
    /// Which rows end.
    pub ended: Ended<'b>,
    /// Rows of a block.
    pub block_rows: u32,
    /// The number of each block's first hole, and of holes in all.
    pub first_hole: &'b [u32],
    /// Survivors beyond the new end and before each block.
    pub survivors: &'b [u32],
    /// The entity of each row, of `prev`: of all rows that there is room for.
    pub entities: &'b [u32],
    /// The life of each, of `prev`.
    pub generations: &'b [u32],
    /// Those of `next`.
    pub next_entities: &'b [AtomicU32],
    /// Those of `next`.
    pub next_generations: &'b [AtomicU32],
    /// The directory of `next`.
    pub next_directory: &'b [AtomicU32],
    /// The rows that this tick touches.
    pub touched: &'b [AtomicU64],
}

/// What a batch of births writes.
pub struct BornView<'b> {
    /// Their numbers.
    pub numbers: Range<u32>,
    /// The name of each, if they have such.
    pub names: &'b [u32],
    /// Which names these are.
    pub newborn: Option<Newborn>,
    /// The row of each name.
    pub rows: &'b [AtomicU32],
}

/// A column of references, of a block's rows, that may hold the names of newborn rows.
pub struct HolderView<'b> {
    /// The block's first row.
    pub first: u32,
    /// The index of each reference, of as many rows as there are.
    pub indexes: &'b [AtomicU32],
    /// Its life.
    pub lives: &'b [AtomicU32],
    /// Where the column keeps what no frame touches: the block's rows that this one touched.
    pub touched: Option<&'b [AtomicU64]>,
}

/// Who the newborn rows of an edit have become.
pub struct NewbornView<'b> {
    /// Their names.
    pub newborn: Newborn,
    /// The row of each name.
    pub rows: &'b [AtomicU32],
    /// The entity of each row of the group that they are born into.
    pub entities: &'b [AtomicU32],
    /// Its life.
    pub generations: &'b [AtomicU32],
}

impl Batch<'_, '_> {
    /// Room to record what the batch's rows ask for; of rows that are born also for their values, a column each in the order
    /// of the edit, and for their names, if they have such.
    ///
    /// # Panics
    /// If another system runs than the edit's, or it takes an edit twice or not in their order.
    pub fn record(&self, edit: EditId) -> (Record<'_>, impl Iterator<Item = ValuesMut<'_>>) {
        let (memory, places) = (self.track().memory, &self.track().layout.edits.records[edit]);
        assert!(self.system() == Some(self.program().edits[edit].system), "another system's edit");
        self.take_edit(edit);
        let number = self.number.0 as usize;
        let record = match &places.record {
            RecordPlaces::Marks(words) => {
                let words = &memory.words::<AtomicU64>(*words)[self.rows.start as usize / 64..];
                Record::Marks(&words[..self.rows.len().div_ceil(64)])
            }
            RecordPlaces::Bits => Record::Bits(self.ended_bits(self.program().edits[edit].group, self.tick.0 & 1)),
            RecordPlaces::Births { counts, .. } => Record::Births(&memory.words(*counts)[number]),
        };
        (record, self.record_births(places))
    }

    /// Room for the values of the rows that the batch's rows ask to be born. For [`Self::record`].
    fn record_births<'b>(&'b self, places: &'b EditPlaces) -> impl Iterator<Item = ValuesMut<'b>> {
        let (values, names) = match &places.record {
            RecordPlaces::Births { values, names, .. } => (values.as_slice(), *names),
            RecordPlaces::Marks(_) | RecordPlaces::Bits => (&[][..], None),
        };
        let (number, rows) = (self.number.0 as usize, places.room as usize);
        let values = values.iter().map(move |(column, place)| {
            let scalar = self.program().columns[*column].scalar;
            let offset = place.offset + number * rows * scalar.size();
            assert!((number + 1) * rows * scalar.size() <= place.len, "a batch beyond its list");
            // SAFETY: each batch writes its own part of each list, and its system takes an edit once.
            unsafe { values_at(self, scalar, offset, rows) }
        });
        // SAFETY: as for values.
        let list = |it: NamePlaces| unsafe { self.array_mut(it.names, number * rows..(number + 1) * rows) };
        values.chain(names.map(list).map(ValuesMut::U32))
    }

    /// The bits of the rows of a group that anybody ends, of even or odd ticks.
    fn ended_bits(&self, group: GroupId, parity: u32) -> &[AtomicU64] {
        let books = self.track().layout.edits.books[group].as_ref();
        books.map_or(&[], |books| self.track().memory.words(books.removed[parity as usize]))
    }

    fn books(&self, group: GroupId, phase: EditPhase) -> (&LivingPlaces, Living) {
        assert_eq!(self.program().steps[self.step].work, Work::Edit(group, phase), "another phase's batch");
        self.hand_out_once();
        match (&self.track().layout.edits.books[group], self.program().groups[group].living) {
            (Some(books), Some(living)) => (books, living),
            _ => unreachable!("a verified phase is of a living group"),
        }
    }

    /// Whole panels of `u32`: of all rows that there is room for.
    ///
    /// # Safety
    /// Nobody writes the panel while the slice lives.
    unsafe fn names(&self, column: ColumnId, when: When) -> &[u32] {
        let rows = self.room_of(column);
        // SAFETY: the caller's duty.
        unsafe { self.rows_of(column, when, 0..rows) }
    }

    /// # Safety
    /// While the slice lives, all see the panel as atomics.
    unsafe fn next_names(&self, column: ColumnId) -> &[AtomicU32] {
        // SAFETY: the caller's duty.
        unsafe { self.track().memory.atomics_at(self.panel(column, When::Fresh), self.room_of(column)) }
    }

    fn room_of(&self, column: ColumnId) -> usize {
        self.program().groups[self.program().columns[column].group].rows as usize
    }

    fn bits(&self, words: Words<u64>, rows: &Range<u32>) -> &[AtomicU64] {
        let words = self.track().memory.words::<AtomicU64>(words);
        if words.is_empty() { words } else { &words[rows.start as usize / 64..(rows.end as usize).div_ceil(64)] }
    }

    /// For a batch that names the entities of a block.
    pub fn edit_begin(&self, group: GroupId) -> BeginView<'_> {
        let (books, living) = self.books(group, EditPhase::Begin);
        let rows = books.rows_of(self.number.0);
        let both = |column: ColumnId| {
            [When::Prev, When::Fresh].map(|when| {
                let offset = self.panel(column, when) + rows.start as usize * 4;
                // SAFETY: at set-up nobody reads these columns, and each block's rows are its batch's alone; panels differ.
                unsafe { self.track().memory.write_at::<u32>(offset, rows.len()) }
            })
        };
        BeginView {
            first: living.first,
            entities: both(living.entities),
            generations: both(living.generations),
            directory: both(living.directory),
            touched: self.bits(books.touched[(self.tick.0 & 1) as usize], &rows),
            rows,
        }
    }

    /// For a batch that catches up a block; and `prev` and `next` of its rows, of each column that nobody owns.
    pub fn edit_catch_up(
        &self,
        group: GroupId,
    ) -> (CatchUpView<'_>, impl Iterator<Item = (Values<'_>, ValuesMut<'_>)>) {
        let (books, living) = self.books(group, EditPhase::CatchUp);
        let rows = books.rows_of(self.number.0);
        let indices = rows.start as usize..rows.end as usize;
        let edited = self.program().columns.iter().filter(move |(_, column)| column.group == group && column.edited);
        let of_block = indices.clone();
        let columns = edited.map(move |(id, _)| {
            // SAFETY: nobody writes `prev`; of `next` each block's rows are its batch's alone in this stage, and nobody
            // reads them; each column is cut once.
            unsafe { (self.typed(id, When::Prev, of_block.clone()), self.typed_mut(id, of_block.clone())) }
        });
        // SAFETY: nobody writes `prev`; the directory's `next` is seen as atomics by all batches of this stage.
        let view = unsafe {
            CatchUpView {
                touched: self.bits(books.touched[(self.tick.0 & 1 ^ 1) as usize], &rows),
                clear: self.bits(books.touched[(self.tick.0 & 1) as usize], &rows),
                removed: self.bits(books.removed[(self.tick.0 & 1 ^ 1) as usize], &rows),
                entities: &self.names(living.entities, When::Prev)[indices],
                directory: self.names(living.directory, When::Prev),
                next_directory: self.next_names(living.directory),
            }
        };
        (view, columns)
    }

    /// The edit and its batch that a batch of a phase over lists stands for, and how many records it has.
    fn listed(&self, of: &[EditId]) -> Option<(EditId, &EditPlaces, usize, u32)> {
        let mut number = self.number.0;
        for &edit in of {
            let places = &self.track().layout.edits.records[edit];
            if number < places.batches {
                let count = self.recorded(places, number);
                return Some((edit, places, number as usize, count));
            }
            number -= places.batches;
        }
        None
    }

    /// How much a batch of a pass has recorded in this tick: what batches left that are not run any more counts for nothing.
    fn recorded(&self, places: &EditPlaces, batch: u32) -> u32 {
        let counts = match &places.record {
            RecordPlaces::Births { counts, .. } => *counts,
            RecordPlaces::Marks(_) | RecordPlaces::Bits => return 0,
        };
        let run = self.track().step_batches(places.step, self.tick).unwrap_or(0);
        let count = &self.track().memory.words::<AtomicU32>(counts)[batch as usize];
        if batch < run { count.load(Ordering::Relaxed).min(places.room) } else { 0 }
    }

    fn ended<'b>(&'b self, books: &'b LivingPlaces, group: GroupId) -> Ended<'b> {
        let (memory, records) = (self.track().memory, &self.track().layout.edits.records);
        let removed = self.ended_bits(group, self.tick.0 & 1);
        Ended { memory, records, books, removed, rows: self.group_rows(group) }
    }

    /// For a batch that counts the rows of a block that end: which they are, the block's rows, and its count.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the claim, handed out once")]
    pub fn edit_count(&self, group: GroupId) -> (Ended<'_>, Range<u32>, &mut u32) {
        let (books, _) = self.books(group, EditPhase::Count);
        let block = self.number.0 as usize;
        // SAFETY: each block's count is its batch's alone.
        let count = unsafe { self.array_mut(books.ends, block..block + 1) };
        (self.ended(books, group), books.rows_of(self.number.0), &mut count[0])
    }

    /// For the batch that balances births and ends.
    pub fn edit_place(&self, group: GroupId) -> PlaceView<'_> {
        let (books, _) = self.books(group, EditPhase::Place);
        let ended = self.ended(books, group);
        let blocks = ended.rows.div_ceil(books.block_rows) as usize;
        // SAFETY: counting is complete; the phase has one batch, which this is; each array is cut once.
        unsafe {
            PlaceView {
                ended,
                block_rows: books.block_rows,
                capacity: books.capacity,
                ends: self.array(books.ends, 0..blocks),
                first_hole: self.array_mut(books.first_hole, 0..blocks + 1),
                survivors: self.array_mut(books.survivors, 0..blocks + 1),
                first_birth: self.array_mut(books.first_birth, 0..books.first_birth.len),
                balance: self.array_mut(books.balance_of(self.tick), 0..3),
            }
        }
    }

    /// How many births each batch of each list has recorded, in order. For the batch that balances.
    pub fn births(&self, group: GroupId) -> impl Iterator<Item = u32> {
        let books = self.track().layout.edits.books[group].as_ref();
        let lists = books.map_or(&[][..], |books| &books.bearing).iter();
        lists.flat_map(move |edit| {
            let places = &self.track().layout.edits.records[*edit];
            (0..places.batches).map(move |batch| self.recorded(places, batch))
        })
    }

    fn placed<'b>(&'b self, books: &'b LivingPlaces, living: Living, group: GroupId) -> PlacedView<'b> {
        let ended = self.ended(books, group);
        let blocks = ended.rows.div_ceil(books.block_rows) as usize;
        // SAFETY: balancing is complete. Nobody writes `prev`. All batches of this stage see `next` of these columns as
        // atomics, and nobody else sees it before the stage is complete (verified).
        unsafe {
            let balance = self.array(books.balance_of(self.tick), 0..3);
            PlacedView {
                balance: Balance { before: balance[0], ends: balance[1], births: balance[2] },
                ended,
                block_rows: books.block_rows,
                first_hole: self.array(books.first_hole, 0..blocks + 1),
                survivors: self.array(books.survivors, 0..blocks + 1),
                entities: self.names(living.entities, When::Prev),
                generations: self.names(living.generations, When::Prev),
                next_entities: self.next_names(living.entities),
                next_generations: self.next_names(living.generations),
                next_directory: self.next_names(living.directory),
                touched: self.track().memory.words(books.touched[(self.tick.0 & 1) as usize]),
            }
        }
    }

    /// For a batch that writes births: where rows go, the births, and for each column their values and where they go.
    pub fn edit_births(
        &self,
        group: GroupId,
    ) -> (PlacedView<'_>, BornView<'_>, impl Iterator<Item = (Bits<'_>, Cells<'_>)>) {
        let (books, living) = self.books(group, EditPhase::Births);
        let placed = self.placed(books, living, group);
        let number = self.number.0 as usize;
        // SAFETY: balancing is complete.
        let first = unsafe { self.array(books.first_birth, number..number + 2) };
        let found = self.listed(&books.bearing);
        let mut born = BornView { numbers: first[0]..first[1], names: &[], newborn: None, rows: &[] };
        if let Some((_, EditPlaces { record: RecordPlaces::Births { names: Some(it), .. }, room, .. }, batch, count)) =
            found
        {
            let start = batch * *room as usize;
            // SAFETY: the pass that records them is complete.
            born.names = unsafe { self.array(it.names, start..start + count as usize) };
            (born.newborn, born.rows) = (Some(it.newborn), self.track().memory.words(it.rows));
        }
        let columns = found.into_iter().flat_map(move |(_, places, batch, count)| {
            let values = match &places.record {
                RecordPlaces::Births { values, .. } => values.as_slice(),
                RecordPlaces::Marks(_) | RecordPlaces::Bits => &[],
            };
            values.iter().map(move |(column, place)| {
                let size = self.program().columns[*column].scalar.size();
                let offset = place.offset + batch * places.room as usize * size;
                // SAFETY: the pass that records them is complete; `next` is seen as atomics in this stage.
                unsafe { (bits_at(self, size, offset, count as usize), self.edited_cells(*column)) }
            })
        });
        (placed, born, columns)
    }

    /// For a batch that closes the gaps of a block: where rows go, the block's rows, and `next` of each column of the group
    /// but those that name entities.
    pub fn edit_gaps(&self, group: GroupId) -> (PlacedView<'_>, Range<u32>, impl Iterator<Item = Cells<'_>>) {
        let (books, living) = self.books(group, EditPhase::Gaps);
        let placed = self.placed(books, living, group);
        let columns = self.program().columns.iter().filter(move |(id, column)| {
            column.group == group && column.is_kept() && ![living.entities, living.generations].contains(id)
        });
        // SAFETY: as in `placed`.
        let columns = columns.map(|(id, _)| unsafe { self.edited_cells(id) });
        (placed, books.rows_of(self.number.0), columns)
    }

    /// For a batch that makes references of names: the columns that may hold such.
    ///
    /// # Panics
    /// If the batch is none of that phase of the group.
    pub fn edit_holders(&self, group: GroupId) -> impl Iterator<Item = HolderView<'_>> {
        assert_eq!(self.program().steps[self.step].work, Work::Edit(group, EditPhase::Refer), "another phase's batch");
        let rows = edits::rows_of_block(self.program(), group, self.number.0);
        let there = self.track().finished_rows(group, self.tick).unwrap_or(0);
        let indices = rows.start.min(there) as usize..rows.end.min(there) as usize;
        let books = self.track().layout.edits.books[group].as_ref();
        let touched = books.map(|books| self.bits(books.touched[(self.tick.0 & 1) as usize], &rows));
        let holders = self.track().layout.edits.holders.iter();
        let holders = holders.filter(move |(index, _)| self.program().columns[*index].group == group);
        holders.map(move |(index, life)| {
            // SAFETY: the phases before are complete; each block's rows are its batch's alone.
            let [indexes, lives] = [*index, *life].map(|column| unsafe { &self.next_names(column)[indices.clone()] });
            let touched = touched.filter(|_| self.program().columns[*index].edited);
            HolderView { first: rows.start, indexes, lives, touched }
        })
    }

    /// Who the rows are that this tick's births have names for. For a batch that makes references of names.
    pub fn edit_newborns(&self) -> impl Iterator<Item = NewbornView<'_>> {
        let edits = &self.track().layout.edits;
        self.program().edits.iter().filter_map(move |(id, edit)| {
            let living = self.program().groups[edit.group].living?;
            let (RecordPlaces::Births { names: Some(names), .. }, Some(books)) =
                (&edits.records[id].record, &edits.books[edit.group])
            else {
                return None;
            };
            // SAFETY: the phases before are complete; what names entities is seen as atomics.
            let (balance, entities, generations) = unsafe {
                let balance: &[u32] = self.array(books.balance_of(self.tick), 0..3);
                (balance, self.next_names(living.entities), self.next_names(living.generations))
            };
            let rows = self.track().memory.words(names.rows);
            (balance[2] > 0).then_some(NewbornView { newborn: names.newborn, rows, entities, generations })
        })
    }

    /// `next` of a column, of all rows that there is room for.
    ///
    /// # Safety
    /// While it lives, all see the panel as atomics.
    unsafe fn edited_cells(&self, column: ColumnId) -> Cells<'_> {
        let (memory, offset, rows) = (self.track().memory, self.panel(column, When::Fresh), self.room_of(column));
        // SAFETY: the caller's duty.
        unsafe {
            match self.program().columns[column].scalar.size() {
                1 => Cells::One(memory.atomics_at(offset, rows)),
                2 => Cells::Two(memory.atomics_at(offset, rows)),
                4 => Cells::Four(memory.atomics_at(offset, rows)),
                _ => Cells::Eight(memory.atomics_at(offset, rows)),
            }
        }
    }

    /// Says how many rows the group has after this tick.
    ///
    /// # Panics
    /// If the batch does not balance the group's births and ends.
    pub fn set_rows_after(&self, group: GroupId, rows: u32) {
        assert_eq!(self.program().steps[self.step].work, Work::Edit(group, EditPhase::Place), "another phase's batch");
        assert!(
            self.tick != Tick::SETUP && rows <= self.program().groups[group].rows,
            "rows that there is no room for"
        );
        self.track().set_made_rows(group, self.tick, rows);
    }
}

/// # Safety
/// Nobody else touches these values while the slice lives.
unsafe fn values_at<'b>(batch: &'b Batch<'_, '_>, scalar: Scalar, offset: usize, len: usize) -> ValuesMut<'b> {
    let memory = batch.track().memory;
    // SAFETY: the caller's duty.
    unsafe {
        match scalar {
            Scalar::F32 => ValuesMut::F32(memory.write_at(offset, len)),
            Scalar::F64 => ValuesMut::F64(memory.write_at(offset, len)),
            Scalar::I8 => ValuesMut::I8(memory.write_at(offset, len)),
            Scalar::I16 => ValuesMut::I16(memory.write_at(offset, len)),
            Scalar::I32 => ValuesMut::I32(memory.write_at(offset, len)),
            Scalar::U8 => ValuesMut::U8(memory.write_at(offset, len)),
            Scalar::U16 => ValuesMut::U16(memory.write_at(offset, len)),
            Scalar::U32 => ValuesMut::U32(memory.write_at(offset, len)),
            Scalar::Bool => ValuesMut::Bool(memory.write_at(offset, len)),
        }
    }
}

/// # Safety
/// Nobody writes these values while the slice lives.
unsafe fn bits_at<'b>(batch: &'b Batch<'_, '_>, size: usize, offset: usize, len: usize) -> Bits<'b> {
    let memory = batch.track().memory;
    // SAFETY: the caller's duty.
    unsafe {
        match size {
            1 => Bits::One(memory.read_at(offset, len)),
            2 => Bits::Two(memory.read_at(offset, len)),
            4 => Bits::Four(memory.read_at(offset, len)),
            _ => Bits::Eight(memory.read_at(offset, len)),
        }
    }
}
