//! What batches may touch of a finished state and of what is kept beside rows: finished columns, partial aggregates,
//! signals, the ring of records, columns of files. One of the few modules with `unsafe`.

#![expect(unsafe_code, reason = "typed slices of finished columns, signals and files")]

use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bytemuck::Pod;

use crate::board::Board;
use crate::edits::Balance;
use crate::id::{ColumnId, DataId, GroupId, ReductionId, RowRange, Tick};
use crate::limits::{REDUCE_ROWS, TALLY_ROWS};
use crate::outputs::{SelectionPlaces, state_of};
use crate::program::{When, Work};
use crate::reduction::DIGIT_VALUES;
use crate::track::Track;
use crate::view::Batch;

/// What is known of the row that a quantile looks for, once a digit of its key is found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Pick {
    /// The key down to that digit.
    pub prefix: u64,
    /// Which of the rows with that prefix it is, in order, from 1. 0: there is none.
    pub rank: u64,
}

impl Batch<'_, '_> {
    /// The signals of the state that the tick starts from, the bits of each in the low end; at set-up, which starts from
    /// nothing, all are 0.
    #[inline]
    pub fn signals(&self) -> &[u64] {
        let place = self.track().layout.outputs.signals_of(Tick(self.tick.0 - 1));
        // SAFETY: the panel of the tick before was written by that tick's commit, and is written again by the commit of
        // a later tick. What it holds before set-up is what a new segment has, zeros.
        unsafe { self.track().memory.read(place, 0..place.len) }
    }

    /// Values of a column of a file. Rows may reach into the padding.
    ///
    /// # Panics
    /// If the column holds another type, or not so many rows.
    #[inline]
    pub fn data_rows<T: Pod>(&self, data: DataId, rows: Range<usize>) -> &[T] {
        let place = self.track().layout.data[data];
        let end = rows.end.saturating_mul(size_of::<T>());
        assert!(place.scalar.size() == size_of::<T>() && end <= place.bytes.len, "a view of a file's column");
        let offset = place.bytes.offset + rows.start * size_of::<T>();
        // SAFETY: written before anybody attached, and never again.
        unsafe { self.track().memory.read_at(offset, rows.len()) }
    }

    /// Own rows of a column in the finished state: `next` where a system owns it, else its only panel. Rows may reach into
    /// the padding.
    ///
    /// # Panics
    /// If the batch does not aggregate the column's group, not yet, or not these rows.
    #[inline]
    pub fn finished<T: Pod>(&self, column: ColumnId, rows: Range<usize>) -> &[T] {
        let of = &self.program().columns[column];
        let own = self.own_lanes();
        assert!(self.aggregates(of.group), "another step reads a finished state");
        assert!(own.start <= rows.start && rows.end <= own.end, "another batch aggregates these rows");
        let when = if of.is_made() { When::Fresh } else { When::Prev };
        // SAFETY: in a stage of aggregation, all systems (at set-up all blueprints) and edits are done (verified). Where a
        // pass aggregates, the column was completed in an earlier stage, or for the own rows in this batch by a system
        // that has returned its slices (`leave`), and no later stage writes it (verified).
        unsafe { self.rows_of(column, when, rows) }
    }

    /// The blocks of rows that the batch aggregates; the last of a group may be short.
    pub fn reduce_blocks(&self) -> impl Iterator<Item = RowRange> {
        let RowRange { start, end } = self.rows;
        (start..end).step_by(REDUCE_ROWS as usize).map(move |start| RowRange::new(start, end.min(start + REDUCE_ROWS)))
    }

    /// Keeps what a block of rows came to, one of [`Self::reduce_blocks`]: so many words as the reduction has.
    ///
    /// # Panics
    /// If the batch does not aggregate the reduction's group, or has no block that begins here.
    pub fn set_partial(&self, reduction: ReductionId, block: RowRange, partial: &[u64]) {
        assert!(self.aggregates(self.program().reductions[reduction].group), "another step aggregates");
        let own = block.start.is_multiple_of(REDUCE_ROWS) && self.rows.indices().contains(&(block.start as usize));
        assert!(own, "another batch aggregates this block");
        let at = (block.start / REDUCE_ROWS) as usize * partial.len();
        let words = &self.partial_words(reduction)[at..][..partial.len()];
        words.iter().zip(partial).for_each(|(word, value)| word.store(*value, Ordering::Relaxed));
    }

    fn partial_words(&self, reduction: ReductionId) -> &[AtomicU64] {
        self.track().memory.words(self.track().layout.outputs.partials[reduction])
    }

    /// What the blocks of a reduction came to, in order. For the commit: the stage that wrote them is complete.
    pub fn partials(&self, reduction: ReductionId) -> impl Iterator<Item = &[AtomicU64]> {
        let of = &self.program().reductions[reduction];
        let rows = self.track().finished_rows(of.group, self.tick).unwrap_or(0);
        let blocks = rows.div_ceil(REDUCE_ROWS) as usize;
        self.partial_words(reduction).chunks_exact(of.how.partial_words().max(1)).take(blocks)
    }

    fn selection(&self, reduction: ReductionId) -> SelectionPlaces {
        let places = self.track().layout.outputs.selections[reduction];
        places.unwrap_or_else(|| unreachable!("quantiles alone are looked for"))
    }

    /// Keeps how many of the batch's rows have each value of the digit that is counted for a quantile.
    ///
    /// # Panics
    /// If the batch does not count digits of the quantile's group.
    pub fn set_tally(&self, reduction: ReductionId, counts: &[u32; DIGIT_VALUES]) {
        let group = self.program().reductions[reduction].group;
        assert!(
            matches!(self.program().steps[self.step].work, Work::Tally(of, _) if of == group),
            "another step counts"
        );
        let first = self.number.0 as usize * DIGIT_VALUES;
        // SAFETY: each batch has its own part, which is read when the stage is complete, before the stage of the next digit
        // (verified). The slice ends here.
        let own = unsafe { self.array_mut(self.selection(reduction).tallies, first..first + DIGIT_VALUES) };
        own.copy_from_slice(counts);
    }

    /// The counts of all batches for a quantile, in order.
    ///
    /// # Panics
    /// If the batch does not find a digit.
    pub fn tallies(&self, reduction: ReductionId) -> impl Iterator<Item = &[u32]> {
        assert!(matches!(self.program().steps[self.step].work, Work::Pick(_)), "another step finds digits");
        let group = self.program().reductions[reduction].group;
        let rows = self.track().finished_rows(group, self.tick).unwrap_or(0);
        let counts = rows.div_ceil(TALLY_ROWS) as usize * DIGIT_VALUES;
        // SAFETY: the stage that counts is complete (verified), and the next one begins after this one.
        unsafe { self.array(self.selection(reduction).tallies, 0..counts) }.chunks_exact(DIGIT_VALUES)
    }

    /// What is known of a quantile when this digit is found.
    ///
    /// # Panics
    /// If the batch has to do with no digit behind it, and is not the commit's.
    pub fn pick(&self, reduction: ReductionId, digit: u8) -> Pick {
        let behind = match self.program().steps[self.step].work {
            Work::Tally(_, it) | Work::Pick(it) => digit < it,
            Work::Commit => true,
            _ => false,
        };
        assert!(behind, "a digit is used before it is found");
        let at = 2 * usize::from(digit);
        // SAFETY: the stage that writes it is complete (verified), and comes again a tick later.
        let words = unsafe { self.array(self.selection(reduction).picks, at..at + 2) };
        Pick { prefix: words[0], rank: words[1] }
    }

    /// Keeps what is known of a quantile when the batch's digit is found.
    ///
    /// # Panics
    /// If the batch does not find a digit.
    pub fn set_pick(&self, reduction: ReductionId, pick: Pick) {
        let Work::Pick(digit) = self.program().steps[self.step].work else { panic!("another step finds digits") };
        let at = 2 * usize::from(digit);
        // SAFETY: the stage has one batch, which this is; who reads it comes in a later stage. The slice ends here.
        let words = unsafe { self.array_mut(self.selection(reduction).picks, at..at + 2) };
        words.copy_from_slice(&[pick.prefix, pick.rank]);
    }

    /// What the frame did to the number of rows of a living group; at set-up nothing. For the commit.
    ///
    /// # Panics
    /// If the batch is not the commit's.
    pub fn settled(&self, group: GroupId) -> Balance {
        assert_eq!(self.program().steps[self.step].work, Work::Commit, "another step's batch asks what was settled");
        match &self.track().layout.edits.books[group] {
            Some(books) if self.tick != Tick::SETUP => {
                // SAFETY: the phase that balances is complete, and comes again a tick later.
                let words = unsafe { self.array(books.balance_of(self.tick), 0..3) };
                Balance { before: words[0], ends: words[1], births: words[2] }
            }
            _ => Balance::default(),
        }
    }

    /// Keeps the signals of the state that this commit finishes and, if a record is due, a copy in the ring.
    ///
    /// # Panics
    /// If the batch is not the commit's.
    pub fn set_signals(&self, bits: &[u64]) {
        assert_eq!(self.program().steps[self.step].work, Work::Commit, "another step's batch writes signals");
        let (memory, outputs) = (self.track().memory, &self.track().layout.outputs);
        let place = outputs.signals_of(self.tick);
        // SAFETY: the one batch of the commit writes this panel; who read it did so ticks ago, and these
        // are over. No other slice of it lives.
        unsafe { memory.write(place, 0..place.len) }.copy_from_slice(bits);
        let state = state_of(self.tick);
        if outputs.due.due(state) {
            let slot: &[AtomicU64] = &memory.words(outputs.ring)[outputs.slot(state)..];
            for (word, bits) in slot.iter().zip(std::iter::once(u64::from(self.tick.0)).chain(bits.iter().copied())) {
                word.store(bits, Ordering::Relaxed);
            }
        }
    }

    /// Keeps what the reductions of the state that this commit finishes came to, for those who ask why.
    ///
    /// # Panics
    /// If the batch is not the commit's.
    pub fn set_reduced(&self, results: &[f64]) {
        assert_eq!(self.program().steps[self.step].work, Work::Commit, "another step's batch keeps reductions");
        let words: &[AtomicU64] = self.track().memory.words(self.track().layout.outputs.reduced);
        words.iter().zip(results).for_each(|(word, result)| word.store(result.to_bits(), Ordering::Relaxed));
    }

    /// Ends the run with the state that this commit finishes; of an ensure that failed, says which.
    ///
    /// # Panics
    /// If the batch is not the commit's.
    pub fn stop(&self, failed: Option<usize>) {
        assert_eq!(self.program().steps[self.step].work, Work::Commit, "another step's batch ends the run");
        if let Some(ensure) = failed {
            let word: &AtomicU32 = &self.track().memory.words(self.track().layout.outputs.failed)[ensure];
            let _ = word.compare_exchange(0, self.tick.0, Ordering::AcqRel, Ordering::Acquire);
        }
        Board::new(self.track().memory, self.track().layout).set_stop_at(self.tick);
    }
}

impl Track<'_> {
    /// The recorded signals of a state that is due, from the ring. Nothing if the ring holds another state there: the
    /// state is not complete, or was overwritten.
    pub fn recorded(&self, state: u32) -> Option<impl Iterator<Item = u64>> {
        let outputs = &self.layout.outputs;
        let ring: &[AtomicU64] = self.memory.words(outputs.ring);
        let slot = ring.get(outputs.slot(state)..)?;
        let tick = u64::from(Tick::after_frames(state).0);
        (slot.first()?.load(Ordering::Relaxed) == tick)
            .then(|| slot[1..].iter().take(outputs.signals[0].len).map(|word| word.load(Ordering::Relaxed)))
    }

    /// The first state that an ensure failed in, if it did.
    pub fn failed(&self, ensure: usize) -> Option<u32> {
        let words: &[AtomicU32] = self.memory.words(self.layout.outputs.failed);
        let tick = words.get(ensure)?.load(Ordering::Acquire);
        (tick != 0).then(|| state_of(Tick(tick)))
    }

    /// What the reductions of the last state came to, by their ids.
    pub fn last_reduced(&self) -> Vec<f64> {
        let words: &[AtomicU64] = self.memory.words(self.layout.outputs.reduced);
        words.iter().map(|word| f64::from_bits(word.load(Ordering::Relaxed))).collect()
    }

    /// The signals of the state whose record the track holds: once nobody runs any more.
    ///
    /// # Panics
    /// If workers have not been told to leave: the panel could be written meanwhile.
    pub fn last_signals(&self) -> &[u64] {
        self.signals_of(self.record().tick)
    }

    /// The signals of the state before that, which its own were made of; zeros if there is none. As
    /// [`Self::last_signals`].
    pub fn signals_before(&self) -> &[u64] {
        self.signals_of(Tick(self.record().tick.0.wrapping_sub(1)))
    }

    fn signals_of(&self, tick: Tick) -> &[u64] {
        assert!(Board::new(self.memory, self.layout).halted().is_some(), "signals are read while workers run");
        let place = self.layout.outputs.signals_of(tick);
        // SAFETY: workers have been told to leave, and the coordinator comes here when they have left and been reaped;
        // without workers nobody writes.
        unsafe { self.memory.read(place, 0..place.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::StageId;
    use crate::layout::Layout;
    use crate::program::Data;
    use crate::segment::Segment;
    use crate::types::Scalar;
    use crate::{data, verify};

    #[test]
    fn columns_of_files_are_seen_typed_and_checked() {
        let mut program = verify::tests::sound();
        let values = [1.5f64, -2.0, f64::MAX];
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let column = |name: &str, scalar, rows, bytes: &[u8]| Data {
            name: name.into(),
            scalar,
            rows,
            content: data::content(bytes),
        };
        let first = program.data.push(column("x", Scalar::F64, 3, &bytes));
        let second = program.data.push(column("n", Scalar::I16, 2, &[7, 0, 0xff, 0xff]));
        let columns = vec![bytes.clone(), vec![7, 0, 0xff, 0xff]];
        assert_eq!(data::check(&program, &columns), Ok(()));
        assert!(data::check(&program, &columns[..1]).is_err());
        assert!(data::check(&program, &[bytes, vec![7, 0, 0xff, 0xfe]]).is_err());
        let layout = Layout::new(&program, 1);
        let segment = Segment::create(layout.bytes).unwrap();
        data::write(segment.memory(), &layout, &columns);
        let track = Track::new(segment.memory(), &layout, &program);
        // SAFETY: nobody else is there, and the batch is set-up's first.
        let batch = unsafe { Batch::claimed(&track, Tick::SETUP, StageId(0), 0) }.unwrap();
        assert_eq!(batch.data_rows::<f64>(first, 0..3), values);
        assert_eq!(batch.data_rows::<f64>(first, 1..4), [-2.0, f64::MAX, 0.0]);
        assert_eq!(batch.data_rows::<i16>(second, 0..2), [7, -1]);
    }
}
