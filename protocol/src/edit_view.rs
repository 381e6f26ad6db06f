//! What batches may touch of births and ends: the books and columns of each phase. What is asked for stands in
//! [`ask_view`](crate::ask_view). One of the few modules with `unsafe`.
//!
//! Each method checks that the batch is one of that phase of that group, and hands its slices out once.

#![expect(unsafe_code, reason = "typed slices and atomics of records and edited columns, exclusive by claim")]

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64};

use crate::ask_view::{AskersView, Marked};
use crate::edits::{self, Balance, LivingPlaces, Newborn, RecordPlaces};
use crate::id::{ColumnId, GroupId, Tick};
use crate::layout::Words;
use crate::program::{Code, EditPhase, Living, When, Work};
use crate::values::{Bits, Cells, Values, ValuesMut};
use crate::view::Batch;

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
    /// Entities and rows of the block that ended in the tick before: to be cleared for the next one.
    pub old: [&'b [AtomicU64]; 2],
    /// The entity of each of the block's rows, of `prev`.
    pub entities: &'b [u32],
    /// The directory of `prev`, whole.
    pub directory: &'b [u32],
    /// That of `next`.
    pub next_directory: &'b [AtomicU32],
    /// Whether the group is kept in an order: then the pass has carried its rows, and told the directory.
    pub in_order: bool,
    /// The block: of rows, and of indexes of entities.
    pub block: Range<u32>,
    /// From this row on, nobody has brought it up to date yet.
    pub from: u32,
    /// The entities that end.
    pub ended: Marked<'b>,
    /// How many of the block do.
    pub ends: &'b mut u32,
    /// The rows that end: to be told.
    pub holes: &'b [AtomicU64],
}

/// What balances births and ends.
pub struct PlaceView<'b> {
    /// Which rows end.
    pub holes: Marked<'b>,
    /// Rows of a block.
    pub block_rows: u32,
    /// Rows that there is room for.
    pub capacity: u32,
    /// The entities of each block of indexes that end.
    pub ends: &'b [u32],
    /// The rows of each block that end, of as many blocks as have rows.
    pub hole_counts: &'b [u32],
    /// The births that each block of askers asks for.
    pub asked: &'b [u32],
    /// The number of the first end of each block of indexes, and of ends in all.
    pub first_end: &'b mut [u32],
    /// The number of each block's first hole, and of holes in all.
    pub first_hole: &'b mut [u32],
    /// Survivors beyond the new end and before each block.
    pub survivors: &'b mut [u32],
    /// The number of the first birth of each block of askers, and of births in all.
    pub first_birth: &'b mut [u32],
    /// See [`Balance`].
    pub balance: &'b mut [u32],
}

/// Where rows go: the books once they are balanced.
pub struct PlacedView<'b> {
    /// What the frame does to the number of rows.
    pub balance: Balance,
    /// Which rows end.
    pub holes: Marked<'b>,
    /// Which entities do.
    pub ended: Marked<'b>,
    /// Rows of a block.
    pub block_rows: u32,
    /// The number of each block's first hole, and of holes in all.
    pub first_hole: &'b [u32],
    /// The number of the first end of each block of indexes, and of ends in all.
    pub first_end: &'b [u32],
    /// Survivors beyond the new end and before each block.
    pub survivors: &'b [u32],
    /// The entity of each row, of `prev`: of all rows that there is room for.
    pub entities: &'b [u32],
    /// The life of each, of `prev`.
    pub generations: &'b [u32],
    /// The row of each entity, of `prev`.
    pub directory: &'b [u32],
    /// Where the group is kept in an order, which row of `prev` each row of `next` was, before any edit.
    slots: Option<&'b [u32]>,
    /// Those of `next`.
    pub next_entities: &'b [AtomicU32],
    /// Those of `next`.
    pub next_generations: &'b [AtomicU32],
    /// The directory of `next`.
    pub next_directory: &'b [AtomicU32],
    /// The rows that this tick touches.
    pub touched: &'b [AtomicU64],
}

impl PlacedView<'_> {
    /// The entity of a row of `next` before any edit, and its life.
    #[inline]
    pub fn name(&self, row: usize) -> (u32, u32) {
        let row = self.slots.map_or(row, |slots| slots[row] as usize);
        (self.entities[row], self.generations[row])
    }
}

/// What a batch of births writes.
pub struct BornView<'b> {
    /// Their numbers.
    pub numbers: Range<u32>,
    /// Who asks for them.
    pub askers: AskersView<'b>,
    /// The name of each, by their places in the lists, if they have such.
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
    pub(crate) fn books(&self, group: GroupId, phase: EditPhase) -> (&LivingPlaces, Living) {
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

    pub(crate) fn bits(&self, words: Words<u64>, rows: &Range<u32>) -> &[AtomicU64] {
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

    /// For a batch that catches up a block; and `prev` and `next` of its rows, of each column that nobody owns; of a group in
    /// order of those that name entities, which list the free ones behind its rows.
    pub fn edit_catch_up(
        &self,
        group: GroupId,
    ) -> (CatchUpView<'_>, impl Iterator<Item = (Values<'_>, ValuesMut<'_>)>) {
        let (books, living) = self.books(group, EditPhase::CatchUp);
        let rows = books.rows_of(self.number.0);
        let indices = rows.start as usize..rows.end as usize;
        let in_order = self.program().groups[group].order.is_some();
        let listed = move |id: ColumnId| in_order && [living.entities, living.generations].contains(&id);
        let edited = self.program().columns.iter();
        let edited = edited.filter(move |(id, column)| column.group == group && (column.edited || listed(*id)));
        let of_block = indices.clone();
        let columns = edited.map(move |(id, _)| {
            // SAFETY: nobody writes `prev`; of `next` each block's rows are its batch's alone in this stage, and nobody
            // reads them; each column is cut once.
            unsafe { (self.typed(id, When::Prev, of_block.clone()), self.typed_mut(id, of_block.clone())) }
        });
        let (now, before) = ((self.tick.0 & 1) as usize, (self.tick.0 & 1 ^ 1) as usize);
        let block = self.number.0 as usize;
        // SAFETY: nobody writes `prev`; the directory's `next` is seen as atomics by all batches of this stage; each block's
        // count is its batch's alone.
        let view = unsafe {
            CatchUpView {
                touched: self.bits(books.touched[before], &rows),
                clear: self.bits(books.touched[now], &rows),
                old: [books.ended, books.holes].map(|bits| self.bits(bits[before], &rows)),
                entities: &self.names(living.entities, When::Prev)[indices],
                directory: self.names(living.directory, When::Prev),
                next_directory: self.next_names(living.directory),
                ended: self.marked(books.ended[now], books.capacity),
                ends: &mut self.array_mut(books.ends, block..block + 1)[0],
                holes: self.track().memory.words(books.holes[now]),
                in_order,
                from: if in_order { self.group_rows(group) } else { 0 },
                block: rows,
            }
        };
        (view, columns)
    }

    /// The rows of a group that end.
    fn holes(&self, books: &LivingPlaces, group: GroupId) -> Marked<'_> {
        self.marked(books.holes[(self.tick.0 & 1) as usize], self.group_rows(group))
    }

    /// For a batch that counts the rows of a block that end: which they are, the block's rows, and its count.
    #[expect(clippy::mut_from_ref, reason = "exclusive by the claim, handed out once")]
    pub fn edit_count(&self, group: GroupId) -> (Marked<'_>, Range<u32>, &mut u32) {
        let (books, _) = self.books(group, EditPhase::Count);
        let block = self.number.0 as usize;
        // SAFETY: each block's count is its batch's alone.
        let count = unsafe { self.array_mut(books.hole_counts, block..block + 1) };
        (self.holes(books, group), books.rows_of(self.number.0), &mut count[0])
    }

    /// For the batch that balances births and ends.
    pub fn edit_place(&self, group: GroupId) -> PlaceView<'_> {
        let (books, _) = self.books(group, EditPhase::Place);
        let holes = self.holes(books, group);
        let blocks = holes.len.div_ceil(books.block_rows) as usize;
        // SAFETY: counting is complete; the phase has one batch, which this is; each array is cut once.
        unsafe {
            PlaceView {
                holes,
                block_rows: books.block_rows,
                capacity: books.capacity,
                ends: self.array(books.ends, 0..books.ends.len),
                hole_counts: self.array(books.hole_counts, 0..blocks),
                asked: self.array(books.asked, 0..books.asked.len),
                first_end: self.array_mut(books.first_end, 0..books.first_end.len),
                first_hole: self.array_mut(books.first_hole, 0..blocks + 1),
                survivors: self.array_mut(books.survivors, 0..blocks + 1),
                first_birth: self.array_mut(books.first_birth, 0..books.first_birth.len),
                balance: self.array_mut(books.balance_of(self.tick), 0..3),
            }
        }
    }

    fn placed<'b>(&'b self, books: &'b LivingPlaces, living: Living, group: GroupId) -> PlacedView<'b> {
        let holes = self.holes(books, group);
        let blocks = holes.len.div_ceil(books.block_rows) as usize;
        // SAFETY: balancing is complete. Nobody writes `prev`. All batches of this stage see `next` of these columns as
        // atomics, and nobody else sees it before the stage is complete (verified).
        unsafe {
            let balance = self.array(books.balance_of(self.tick), 0..3);
            PlacedView {
                balance: Balance { before: balance[0], ends: balance[1], births: balance[2] },
                holes,
                ended: self.marked(books.ended[(self.tick.0 & 1) as usize], books.capacity),
                block_rows: books.block_rows,
                first_hole: self.array(books.first_hole, 0..blocks + 1),
                first_end: self.array(books.first_end, 0..books.first_end.len),
                survivors: self.array(books.survivors, 0..blocks + 1),
                entities: self.names(living.entities, When::Prev),
                generations: self.names(living.generations, When::Prev),
                directory: self.names(living.directory, When::Prev),
                slots: self.program().groups[group].order.map(|order| self.rows_of_slots(order.index)),
                next_entities: self.next_names(living.entities),
                next_generations: self.next_names(living.generations),
                next_directory: self.next_names(living.directory),
                touched: self.track().memory.words(books.touched[(self.tick.0 & 1) as usize]),
            }
        }
    }

    /// For a batch of a pass that carries the rows of a living group in its order: the entity of each row of `prev`, and the
    /// directory of `next`. Nothing of other groups.
    ///
    /// # Panics
    /// If no system runs that carries.
    pub fn carried_names(&self) -> Option<(&[u32], &[AtomicU32])> {
        let carries = self.system().map(|system| &self.program().systems[system].code) == Some(&Code::Carry);
        assert!(carries && self.in_order(), "another system tells where entities are");
        let living = self.group().and_then(|group| self.program().groups[group].living)?;
        // SAFETY: nobody writes `prev`. All that write the directory's `next` in this tick see it as atomics: the batches of
        // this pass, and the phases of edits behind it.
        unsafe { Some((self.names(living.entities, When::Prev), self.next_names(living.directory))) }
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
        let (places, _, askers) = self.askers(books, self.tick.0 & 1);
        let mut born = BornView { numbers: first[0]..first[1], askers, names: &[], newborn: None, rows: &[] };
        let (values, names) = match &places.record {
            RecordPlaces::Births { values, names, .. } => (values.as_slice(), *names),
            RecordPlaces::Ends => (&[][..], None),
        };
        if let Some(it) = names {
            // SAFETY: the pass that records them is complete.
            born.names = unsafe { self.array(it.names, 0..it.names.len) };
            (born.newborn, born.rows) = (Some(it.newborn), self.track().memory.words(it.rows));
        }
        let columns = values.iter().map(move |(column, place)| {
            let size = self.program().columns[*column].scalar.size();
            // SAFETY: the pass that records them is complete; `next` is seen as atomics in this stage.
            unsafe { (bits_at(self, size, place.offset, place.len / size), self.edited_cells(*column)) }
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
