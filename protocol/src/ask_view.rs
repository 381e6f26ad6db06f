//! What batches may touch of what is asked for, births and ends: the records of a pass, and who asked. One of the few modules
//! with `unsafe`.

#![expect(unsafe_code, reason = "typed slices of records, exclusive by claim")]

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::edits::{self, AskerPlaces, EditPlaces, LivingPlaces, NamePlaces, RecordPlaces};
use crate::id::{EditId, GroupId};
use crate::layout::Words;
use crate::program::{EditPhase, When};
use crate::types::Scalar;
use crate::values::ValuesMut;
use crate::view::Batch;

/// Room for what a batch records of an edit.
pub enum Record<'b> {
    /// Rows of the edit's group end.
    Ends(Ends<'b>),
    /// Rows are born. Their values go beside it, then their names.
    Births(Births<'b>),
}

/// Ends rows of a group.
#[derive(Clone, Copy)]
pub struct Ends<'b> {
    bits: &'b [AtomicU64],
    entities: &'b [u32],
}

impl Ends<'_> {
    /// Asks that these rows of `prev` end; nothing where there is no such row.
    #[inline]
    pub fn end(&self, rows: impl Iterator<Item = u32>) {
        let mut marks = Marks::new(self.bits);
        rows.filter_map(|row| self.entities.get(row as usize)).for_each(|entity| marks.set(*entity));
    }
}

/// Sets bits that anybody sets, those of a word together where they come one behind another: what is locked costs more than
/// all else about a bit.
pub struct Marks<'b> {
    bits: &'b [AtomicU64],
    word: usize,
    open: u64,
}

impl<'b> Marks<'b> {
    /// None so far.
    #[inline]
    pub fn new(bits: &'b [AtomicU64]) -> Self {
        Self { bits, word: 0, open: 0 }
    }

    /// Sets one, at the latest when this is dropped.
    #[inline]
    pub fn set(&mut self, at: u32) {
        let word = at as usize / 64;
        if word != self.word {
            self.flush();
            self.word = word;
        }
        self.open |= 1 << (at % 64);
    }

    /// It is not written what stands there already.
    #[inline]
    fn flush(&mut self) {
        if self.open != 0 {
            let (word, open) = (&self.bits[self.word], std::mem::take(&mut self.open));
            if word.load(Ordering::Relaxed) & open != open {
                word.fetch_or(open, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Marks<'_> {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Says who asks for births, and how many there are.
#[derive(Clone, Copy)]
pub struct Births<'b> {
    asking: &'b [AtomicU64],
    first: &'b [AtomicU64],
    count: &'b [AtomicU32],
    total: &'b AtomicU32,
    /// The entities of the rows that ask, where they are not their numbers.
    entities: Option<&'b [u32]>,
    /// Where the batch's list begins among all.
    list: u64,
    /// The batch's first row.
    rows: u32,
}

impl Births<'_> {
    /// Rows of `prev` ask for so many births each, which stand in the batch's list one behind another. Each row once.
    #[inline]
    pub fn ask(&self, rows: impl Iterator<Item = (u32, u32)>) {
        let (mut marks, mut place) = (Marks::new(self.asking), 0);
        for (row, count) in rows {
            self.known(self.entities.map_or(row, |entities| entities[row as usize]), place, count, &mut marks);
            place += u64::from(count);
        }
        self.record(place as u32);
    }

    /// The batch asks for so many births: all of its list. It is a stretch of rows, none of which asks for itself.
    #[inline]
    pub fn ask_together(&self, count: u32) {
        self.known(self.rows, 0, count, &mut Marks::new(self.asking));
        self.record(count);
    }

    #[inline]
    fn known(&self, asker: u32, place: u64, count: u32, marks: &mut Marks<'_>) {
        let at = asker as usize;
        self.first[at].store(self.list + place, Ordering::Relaxed);
        self.count.get(at).into_iter().for_each(|of| of.store(count, Ordering::Relaxed));
        marks.set(asker);
    }

    /// Says how many births the batch's list has.
    #[inline]
    pub fn record(&self, count: u32) {
        self.total.store(count, Ordering::Relaxed);
    }

    /// How many it has.
    #[inline]
    pub fn recorded(&self) -> u32 {
        self.total.load(Ordering::Relaxed)
    }
}

/// Some of a stretch of rows or indexes: a bit each.
#[derive(Clone, Copy)]
pub struct Marked<'b> {
    words: &'b [AtomicU64],
    /// How many there are of which some may be marked.
    pub len: u32,
}

impl Marked<'_> {
    /// The marks from 64 times this number on; none where nobody can be marked.
    #[inline]
    pub fn word(&self, number: usize) -> u64 {
        self.words.get(number).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

/// Who asks an edit for births, of a block, and where these stand.
pub struct AskersView<'b> {
    /// The block.
    pub block: Range<u32>,
    /// Who asks.
    pub asking: Marked<'b>,
    first: &'b [AtomicU64],
    count: &'b [AtomicU32],
}

impl AskersView<'_> {
    /// How many births somebody asks for who does.
    #[inline]
    pub fn count(&self, asker: u32) -> u32 {
        self.count.get(asker as usize).map_or(1, |count| count.load(Ordering::Relaxed))
    }

    /// The places of these births in the lists of all batches.
    #[inline]
    pub fn places(&self, asker: u32) -> Range<usize> {
        let first = self.first[asker as usize].load(Ordering::Relaxed) as usize;
        first..first + self.count(asker) as usize
    }
}

/// What counts the births that a block of askers asks for.
pub struct AsksView<'b> {
    /// Who asks.
    pub askers: AskersView<'b>,
    /// Those of the tick before, of the block: to be cleared for the next one.
    pub clear: &'b [AtomicU64],
    /// How many births they ask for.
    pub asked: &'b mut u32,
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
        let record = match &places.record {
            RecordPlaces::Ends => {
                let group = self.program().edits[edit].group;
                let entities = self.entities_of(group).unwrap_or_default();
                Record::Ends(Ends { bits: self.ended_bits(group, self.tick.0 & 1), entities })
            }
            RecordPlaces::Births { askers, counts, .. } => Record::Births(Births {
                asking: memory.words(askers.asking[(self.tick.0 & 1) as usize]),
                first: memory.words(askers.first),
                count: memory.words(askers.count),
                total: &memory.words(*counts)[self.number.0 as usize],
                entities: self.group().and_then(|group| self.entities_of(group)),
                list: u64::from(self.number.0) * u64::from(places.room),
                rows: self.rows.start,
            }),
        };
        (record, self.record_births(places))
    }

    /// The entities of the rows of a group, of `prev`; nothing where they are the numbers of the rows.
    fn entities_of(&self, group: GroupId) -> Option<&[u32]> {
        let column = self.program().groups[group].entities()?;
        // SAFETY: nobody writes `prev` while the tick runs.
        Some(unsafe { self.rows_of(column, When::Prev, self.all_rows(column)) })
    }

    /// Room for the values of the rows that the batch's rows ask to be born. For [`Self::record`].
    fn record_births<'b>(&'b self, places: &'b EditPlaces) -> impl Iterator<Item = ValuesMut<'b>> {
        let (values, names) = match &places.record {
            RecordPlaces::Births { values, names, .. } => (values.as_slice(), *names),
            RecordPlaces::Ends => (&[][..], None),
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

    /// The bits of the entities of a group that anybody ends, of even or odd ticks.
    fn ended_bits(&self, group: GroupId, parity: u32) -> &[AtomicU64] {
        let books = self.track().layout.edits.books[group].as_ref();
        books.map_or(&[], |books| self.track().memory.words(books.ended[parity as usize]))
    }

    pub(crate) fn marked(&self, words: Words<u64>, len: u32) -> Marked<'_> {
        Marked { words: self.track().memory.words(words), len }
    }

    /// The edit that a batch over blocks of askers stands for, and those of its block.
    ///
    /// # Panics
    /// If there is no such block.
    pub(crate) fn askers(&self, books: &LivingPlaces, parity: u32) -> (&EditPlaces, &AskerPlaces, AskersView<'_>) {
        let mut number = self.number.0;
        for &edit in &books.bearing {
            let (asks, places) = (&self.program().edits[edit], &self.track().layout.edits.records[edit]);
            let blocks = edits::asker_blocks(self.program(), asks);
            if number < blocks
                && let RecordPlaces::Births { askers, .. } = &places.record
            {
                let group = self.program().systems[asks.system].group;
                let view = AskersView {
                    block: edits::rows_of_block(self.program(), group, number),
                    asking: self.marked(askers.asking[parity as usize], askers.room),
                    first: self.track().memory.words(askers.first),
                    count: self.track().memory.words(askers.count),
                };
                return (places, askers, view);
            }
            number -= blocks;
        }
        unreachable!("a batch beyond the blocks of askers")
    }

    /// For a batch that counts the births that a block of askers asks for.
    pub fn edit_asks(&self, group: GroupId) -> AsksView<'_> {
        let (books, _) = self.books(group, EditPhase::Asks);
        let (_, places, askers) = self.askers(books, self.tick.0 & 1);
        let number = self.number.0 as usize;
        // SAFETY: each block's count is its batch's alone.
        let asked = unsafe { self.array_mut(books.asked, number..number + 1) };
        let clear = self.bits(places.asking[(self.tick.0 & 1 ^ 1) as usize], &askers.block);
        AsksView { askers, clear, asked: &mut asked[0] }
    }

    /// How much a batch of a pass has recorded in this tick: what batches left that are not run any more counts for nothing.
    pub(crate) fn recorded(&self, places: &EditPlaces, batch: u32) -> u32 {
        let counts = match &places.record {
            RecordPlaces::Births { counts, .. } => *counts,
            RecordPlaces::Ends => return 0,
        };
        let run = self.track().step_batches(places.step, self.tick).unwrap_or(0);
        let count = &self.track().memory.words::<AtomicU32>(counts)[batch as usize];
        if batch < run { count.load(Ordering::Relaxed).min(places.room) } else { 0 }
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
