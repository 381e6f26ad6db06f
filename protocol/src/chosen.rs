//! Which rows a system with a condition ([`System::only`](crate::program::System::only)) looked at: a bit a row, for even
//! and odd ticks.
//!
//! A row that it does not look at keeps the values that the system owns. The panel that a frame writes holds the values of
//! two frames before; where the row was not looked at in the frame between either, they are the right ones, and nothing
//! has to be written. So a frame costs what changes. Everything else is copied from `prev`: rows that were looked at the
//! frame before, rows that births and ends touched in it, and in the first frame all, since set-up writes one panel. Whoever
//! brings a state back from elsewhere writes both.
//!
//! One of the few modules with `unsafe`.

#![expect(unsafe_code, reason = "typed slices of owned columns that keep what they hold, exclusive by claim")]

use std::ops::Range;
use std::sync::atomic::AtomicU64;

use crate::id::{ColumnId, SystemId};
use crate::layout::{Arena, Words, capacity};
use crate::program::{Domain, Program};
use crate::steps::pass_of;
use crate::table::Table;
use crate::values::ValuesMut;
use crate::view::Batch;

/// The bits of each system that has a condition and goes by rows, for even and odd ticks.
pub type ChosenPlaces = Table<SystemId, Option<[Words<u64>; 2]>>;

/// Takes room for them.
pub(crate) fn places(program: &Program, arena: &mut Arena) -> ChosenPlaces {
    let systems = program.systems.iter().map(|(id, system)| {
        let words = capacity(program.groups[system.group].rows) as usize / 64;
        let by_rows = system.only.is_some() && matches!(pass_of(program, id).1, Domain::Rows { .. });
        by_rows.then(|| [arena.words(words), arena.words(words)])
    });
    systems.collect()
}

/// The bits of a batch's own rows, a word for 64 of them.
pub struct ChosenView<'b> {
    /// Rows that were looked at in the frame before; in the first frame nobody knows.
    pub before: Option<&'b [AtomicU64]>,
    /// Rows that births and ends touched in the frame before, where rows come and go.
    pub edited: Option<&'b [AtomicU64]>,
    /// Rows that are looked at: all words are written.
    pub now: &'b [AtomicU64],
}

impl Batch<'_, '_> {
    /// The bits of the running system's condition.
    ///
    /// # Panics
    /// If the system has no condition, or the batch is given by slots.
    pub fn chosen(&self) -> ChosenView<'_> {
        assert!(self.slots().is_none(), "a batch by slots has no stretch of rows");
        let places = self.system().and_then(|system| self.track().layout.chosen[system]);
        let [even, odd] = places.unwrap_or_else(|| unreachable!("a system without a condition"));
        let (now, before) = if self.tick.0 & 1 == 0 { (even, odd) } else { (odd, even) };
        let words = self.rows.start as usize / 64..(self.rows.end as usize).div_ceil(64);
        let group = self.group().and_then(|group| self.track().layout.edits.books[group].as_ref());
        ChosenView {
            before: (self.tick.frame() > 0).then(|| self.bits_of(before, words.clone())),
            edited: group.map(|books| self.bits_of(books.touched[(self.tick.0 & 1 ^ 1) as usize], words.clone())),
            now: self.bits_of(now, words),
        }
    }

    fn bits_of(&self, words: Words<u64>, range: Range<usize>) -> &[AtomicU64] {
        &self.track().memory.words::<AtomicU64>(words)[range]
    }

    /// `next` of a column that the running system owns, as the frame before last left it.
    ///
    /// # Panics
    /// If no system runs, it does not own the column, or it takes it twice.
    pub fn revise_values(&self, column: ColumnId) -> ValuesMut<'_> {
        assert!(self.system().is_some(), "a body writes outside of its system");
        self.system().into_iter().for_each(|system| self.take(system, column));
        // SAFETY: the system owns the column, the batch holds these rows, and no other slice of them lives: each is
        // handed out once a system.
        unsafe { self.typed_mut(column, self.own_lanes()) }
    }
}
