//! The schedule of a real segment, as a worker walks it: frame records, batch counts, tickets.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use crate::id::{BatchId, GroupId, Id, RowRange, StageId, StepId, Tick};
use crate::layout::{Layout, batches_of_rows};
use crate::memory::Memory;
use crate::program::{Domain, Origin, Program, Stage, Work};
use crate::record::FrameRecord;
use crate::walker::{Begin, Course};

/// A program, its layout and its memory, seen from one tick.
pub struct Track<'m> {
    /// The mapped segment.
    pub memory: &'m Memory,
    /// Where things stand in it.
    pub layout: &'m Layout,
    /// What runs.
    pub program: &'m Program,
    record: FrameRecord,
    /// Whether a tick goes through the stages of set-up, whatever its number: so a state is finished that comes from
    /// elsewhere.
    settles: bool,
}

impl<'m> Track<'m> {
    /// Before set-up.
    pub fn new(memory: &'m Memory, layout: &'m Layout, program: &'m Program) -> Self {
        let record = FrameRecord::before_setup(program);
        Self { memory, layout, program, record, settles: false }
    }

    /// From now on ticks go through the stages of set-up, from this record on.
    pub(crate) fn settle(&mut self, record: FrameRecord) {
        self.record = record;
        self.settles = true;
    }

    /// The stages of a tick.
    #[inline]
    pub fn stages_of(&self, tick: Tick) -> &'m [Stage] {
        if self.settles { &self.program.schedule.setup } else { self.program.stages(tick) }
    }

    /// The record that the tick started from.
    #[inline]
    pub fn record(&self) -> &FrameRecord {
        &self.record
    }

    fn published(&self) -> Tick {
        let word: &AtomicU32 = &self.memory.words(self.layout.control.published)[0];
        Tick(word.load(Ordering::Acquire))
    }

    fn record_words(&self, tick: Tick) -> &'m [AtomicU32] {
        self.memory.words(self.layout.records[(tick.0 & 1) as usize])
    }

    /// Copies the last published record, and says its tick. For outside readers and the end of a run.
    pub fn latest(&mut self) -> Tick {
        loop {
            let tick = self.published();
            if tick == Tick::NONE || self.copy_record(tick) {
                return tick;
            }
        }
    }

    /// Copies the record of a tick that is published, and no other after the one behind it; false if there is none.
    pub fn at(&mut self, tick: Tick) -> bool {
        let words = self.record_words(tick);
        self.record.load(|i| words[i].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let published = self.published();
        tick <= published && published <= tick.next() && self.record.tick == tick
    }

    /// Copies a published record; false if it was rewritten meanwhile.
    fn copy_record(&mut self, tick: Tick) -> bool {
        let words = self.record_words(tick);
        self.record.load(|i| words[i].load(Ordering::Relaxed));
        // Pairs with the fence in `commit`: whoever sees a word of a later commit sees the later tick, too.
        fence(Ordering::Acquire);
        self.published() == tick && self.record.tick == tick
    }

    /// Writes the record after this tick. Run by the commit batch; the same words however often it runs.
    pub(crate) fn commit(&self, tick: Tick) {
        fence(Ordering::Release);
        for (word, value) in self
            .record_words(tick)
            .iter()
            .zip(self.record.after(self.program, tick, |group| self.rows_after(group, tick)))
        {
            word.store(value, Ordering::Relaxed);
        }
    }

    fn made_word(&self, group: GroupId) -> &'m AtomicU64 {
        &self.memory.words(self.layout.made_rows)[group.index()]
    }

    /// Says how many rows a derived group has in this tick, or a living one after it. Run by the last batch of its index,
    /// or by the batch that balances births and ends.
    pub fn set_made_rows(&self, group: GroupId, tick: Tick, rows: u32) {
        self.made_word(group).store(u64::from(tick.0) << 32 | u64::from(rows), Ordering::Release);
    }

    fn made_rows(&self, group: GroupId, tick: Tick) -> Option<u32> {
        let word = self.made_word(group).load(Ordering::Acquire);
        (word >> 32 == u64::from(tick.0)).then_some(word as u32)
    }

    /// A group's rows in this tick; nothing if it is derived and the tick is over.
    #[inline]
    pub fn rows(&self, group: GroupId, tick: Tick) -> Option<u32> {
        match self.program.groups[group].origin {
            Origin::Blueprint(_) | Origin::Directory(_) => Some(self.record.rows(group)),
            Origin::Buckets(_) => self.made_rows(group, tick),
        }
    }

    /// A lasting group's rows in the state that the tick makes; nothing if births and ends are not balanced yet, or the
    /// tick is over.
    pub fn finished_rows(&self, group: GroupId, tick: Tick) -> Option<u32> {
        match self.program.groups[group].living {
            Some(_) if tick != Tick::SETUP => self.made_rows(group, tick),
            _ => self.rows(group, tick),
        }
    }

    /// What the record after this tick says.
    fn rows_after(&self, group: GroupId, tick: Tick) -> u32 {
        match self.program.groups[group].origin {
            Origin::Blueprint(_) => self.finished_rows(group, tick).unwrap_or(0),
            Origin::Directory(_) | Origin::Buckets(_) => self.record.rows(group),
        }
    }

    /// The rows that a step divides.
    fn divided(&self, step: StepId, group: GroupId, tick: Tick) -> Option<u32> {
        match self.program.steps[step].work {
            Work::Reduce(_) | Work::Tally(..) => self.finished_rows(group, tick),
            _ => self.rows(group, tick),
        }
    }

    /// How many batches a step has whose domain is not rows.
    fn parts(&self, domain: Domain) -> u32 {
        let books = |group: GroupId| self.layout.edits.books[group].as_ref();
        match domain {
            Domain::Chunks(index) => self.layout.indexes[index].chunks(),
            Domain::Targets(inverse) => self.program.inverse_shape(inverse).chunks,
            Domain::Ranks { matching, side } => self.program.match_shape(matching, side).chunks,
            Domain::Blocks(group) => crate::edits::blocks(self.program, group),
            Domain::Births(group) => books(group).map_or(0, |books| books.births),
            Domain::Rows { .. } | Domain::Slots { .. } | Domain::Once => 1,
        }
    }

    /// How many batches a step has in this tick.
    pub fn step_batches(&self, step: StepId, tick: Tick) -> Option<u32> {
        let domain = self.program.steps[step].domain;
        match domain.rows(self.program) {
            Some((group, batch_rows)) => Some(batches_of_rows(self.divided(step, group, tick)?, batch_rows)),
            None => Some(self.parts(domain)),
        }
    }

    /// Which step's which batch a batch of a stage is, and its rows (slots where its domain is slots, a chunk's
    /// number for chunks).
    #[inline]
    pub fn locate(&self, tick: Tick, stage: StageId, batch: u32) -> Option<(StepId, BatchId, RowRange)> {
        let mut left = batch;
        for &step in &self.stages_of(tick)[usize::from(stage.0)].steps {
            let domain = self.program.steps[step].domain;
            let batches = match domain {
                // Told from its rows, without a division: this is asked for every batch.
                Domain::Rows { .. } | Domain::Slots { .. } => {
                    let (group, batch_rows) = domain.rows(self.program)?;
                    let rows = self.divided(step, group, tick)?;
                    let start = u64::from(left) * u64::from(batch_rows);
                    if start < u64::from(rows) {
                        let rows = RowRange::new(start as u32, rows.min(start as u32 + batch_rows));
                        return Some((step, BatchId(left), rows));
                    }
                    batches_of_rows(rows, batch_rows)
                }
                _ => self.parts(domain),
            };
            if left < batches {
                return Some((step, BatchId(left), RowRange::new(left, left + 1)));
            }
            left -= batches;
        }
        None
    }
}

impl Course for Track<'_> {
    fn begin(&mut self, tick: Tick) -> Begin {
        loop {
            let published = self.published();
            if published >= tick {
                return Begin::Over(published);
            }
            if tick == Tick::SETUP {
                self.record = FrameRecord::before_setup(self.program);
                return Begin::Ready;
            }
            if self.copy_record(published) {
                return Begin::Ready;
            }
        }
    }

    fn stages(&self, tick: Tick) -> u16 {
        self.stages_of(tick).len() as u16
    }

    fn batches(&self, tick: Tick, stage: StageId) -> Option<u32> {
        self.stages_of(tick)[usize::from(stage.0)].steps.iter().map(|&step| self.step_batches(step, tick)).sum()
    }

    fn tickets(&self, tick: Tick, stage: StageId) -> Range<u32> {
        let place = self.layout.stage(tick, stage);
        place.first_ticket..place.first_ticket + place.tickets
    }

    fn workers(&self) -> u16 {
        self.layout.workers
    }
}
