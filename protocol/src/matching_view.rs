//! The arrays of a matching as each phase may touch them. One of the few modules with `unsafe`.
//!
//! Each method checks that the batch is one of that phase of that matching, and hands its slices out once.

#![expect(unsafe_code, reason = "typed slices of shared arrays of matchings, exclusive by claim")]

use std::ops::Range;
use std::sync::atomic::AtomicU32;

use crate::id::{ColumnId, MatchingId};
use crate::inverse::InverseShape;
use crate::inverse_view::{ListView, PlaceView, ScatterView};
use crate::matching::{MatchPhase, Side, SidePlaces};
use crate::program::{When, Work};
use crate::values::Values;
use crate::view::Batch;

/// What ranking reads and writes.
pub struct RankView<'b> {
    /// The numbers behind the arrays.
    pub shape: InverseShape,
    /// Where the batch's own rows meet others, and how many places there are in this frame; nothing if all can be
    /// paired.
    pub places: Option<(&'b [u32], u32)>,
    /// The entity of each of the batch's own rows, where that is not the row.
    pub entities: Option<&'b [u32]>,
    /// Of the batch's own rows what they are listed by.
    pub listed_by: &'b mut [u32],
    /// Of the batch's own rows what they drew.
    pub drawn: &'b mut [u32],
    /// The batch's counts, one a chunk.
    pub counts: &'b mut [u32],
    /// The partners of the batch's own rows.
    pub partners: &'b mut [u32],
}

/// What sorting a chunk reads and writes.
pub struct SortView<'b> {
    /// What listing it does.
    pub list: ListView<'b>,
    /// What each row of the group drew, if it takes part.
    pub drawn: &'b [u32],
}

/// A ranked side, for pairing.
#[derive(Clone, Copy)]
pub struct Ranked<'b> {
    /// Where each list begins, and where the last one ends.
    pub starts: &'b [u32],
    /// The rows that take part, list by list, each list in the order of its ranking.
    pub listed: &'b [u32],
    /// The partners of all rows.
    pub partners: &'b [AtomicU32],
}

/// What pairing a chunk reads and writes.
pub struct PairView<'b> {
    /// The lists of the chunk.
    pub lists: Range<usize>,
    /// Whether a list is paired with the other side's list of the same number; else all is one ranking.
    pub meets: bool,
    /// The first side.
    pub first: Ranked<'b>,
    /// The second one; without it rows are paired with each other.
    pub second: Option<Ranked<'b>>,
}

impl<'t> Batch<'t, '_> {
    fn match_phase(&self, matching: MatchingId, phase: MatchPhase) {
        assert_eq!(self.program().steps[self.step].work, Work::Match(matching, phase), "another phase's batch");
        self.hand_out_once();
    }

    fn match_side(&self, matching: MatchingId, side: u8) -> (&'t SidePlaces, &Side) {
        let places = &self.track().layout.matchings[matching][usize::from(side)];
        (places, &self.program().matchings[matching].sides[usize::from(side)])
    }

    /// Values of a column of `prev` of the own rows, for the filter of a side. Rows may reach into the padding.
    ///
    /// # Panics
    /// If the batch does not rank the column's group.
    pub fn ranked_values(&self, column: ColumnId, rows: Range<usize>) -> Values<'_> {
        let ranks = match self.program().steps[self.step].work {
            Work::Match(matching, MatchPhase::Rank(side)) => Some(self.match_side(matching, side).1.group),
            _ => None,
        };
        assert!(ranks == Some(self.program().columns[column].group), "another step filters rows");
        // SAFETY: nobody writes `prev` while the tick runs.
        unsafe { self.typed(column, When::Prev, rows) }
    }

    /// For a batch that ranks.
    pub fn match_rank(&self, matching: MatchingId, side: u8) -> RankView<'_> {
        self.match_phase(matching, MatchPhase::Rank(side));
        let (p, of) = self.match_side(matching, side);
        let (chunks, batch) = (p.lists.shape.chunks as usize, self.number.0 as usize);
        let own = self.rows.indices();
        let meeting = of.place.zip(self.program().matchings[matching].meeting);
        let living = self.program().groups[of.group].living;
        // SAFETY: `prev` is written by nobody, and `next` references were completed in an earlier stage (verified). The
        // rest: each batch writes its own rows and its own row of the table; only this matching writes the partners, and
        // who reads them does so in later stages (verified).
        unsafe {
            RankView {
                shape: p.lists.shape,
                places: meeting
                    .map(|(column, it)| (self.rows_of(column, it.when, own.clone()), self.group_rows(it.to))),
                entities: living.map(|it| self.rows_of(it.entities, When::Prev, own.clone())),
                listed_by: self.array_mut(p.listed_by, own.clone()),
                drawn: self.array_mut(p.drawn, own.clone()),
                counts: self.array_mut(p.lists.counts, batch * chunks..(batch + 1) * chunks),
                partners: self
                    .track()
                    .memory
                    .write_at(self.panel(of.partner, When::Fresh) + own.start * size_of::<u32>(), own.len()),
            }
        }
    }

    /// For the batch that places: the sides.
    pub fn match_place(&self, matching: MatchingId) -> [Option<PlaceView<'_>>; 2] {
        self.match_phase(matching, MatchPhase::Place);
        let sides = self.program().matchings[matching].sides.len();
        [0, 1].map(|side: u8| {
            (usize::from(side) < sides).then(|| {
                let (p, of) = self.match_side(matching, side);
                let shape = p.lists.shape;
                // What batches beyond the rows of this frame have counted is of an earlier one.
                let batches = self.group_rows(of.group).div_ceil(shape.batch_rows);
                // SAFETY: Rank is complete; the phase has one batch, which this is; the arrays of each side are cut once.
                unsafe { self.place_lists(&p.lists, InverseShape { batches, ..shape }) }
            })
        })
    }

    /// For a batch that scatters.
    pub fn match_scatter(&self, matching: MatchingId, side: u8) -> ScatterView<'_> {
        self.match_phase(matching, MatchPhase::Scatter(side));
        let (p, _) = self.match_side(matching, side);
        // SAFETY: Rank and Place are complete.
        unsafe { self.scatter_lists(&p.lists, p.lists.shape, self.array(p.listed_by, self.rows.indices())) }
    }

    /// For a batch that sorts a chunk.
    pub fn match_sort(&self, matching: MatchingId, side: u8) -> SortView<'_> {
        self.match_phase(matching, MatchPhase::Sort(side));
        let (p, of) = self.match_side(matching, side);
        let rows = 0..self.group_rows(of.group) as usize;
        // SAFETY: Rank, Place and Scatter are complete; the batch's chunk is its own alone, and this is called once.
        unsafe {
            let list = self.list_chunk(&p.lists, p.lists.shape, self.array(p.listed_by, rows.clone()));
            SortView { list, drawn: self.array(p.drawn, rows) }
        }
    }

    /// For a batch that pairs a chunk.
    pub fn match_pair(&self, matching: MatchingId) -> PairView<'_> {
        self.match_phase(matching, MatchPhase::Pair);
        let of = &self.program().matchings[matching];
        let shape = self.match_side(matching, 0).0.lists.shape;
        let lists = shape.targets_of(self.number.0);
        PairView {
            lists: lists.start as usize..lists.end as usize,
            meets: of.meeting.is_some(),
            first: self.ranked(matching, 0),
            second: (of.sides.len() > 1).then(|| self.ranked(matching, 1)),
        }
    }

    fn ranked(&self, matching: MatchingId, side: u8) -> Ranked<'_> {
        let (p, of) = self.match_side(matching, side);
        // SAFETY: Sort is complete, and nothing writes the lists before the next tick; partners are seen as atomics alone
        // in this stage, by this matching's batches, and by nobody else (verified).
        unsafe {
            let starts = self.array(p.lists.starts, 0..p.lists.starts.len);
            Ranked {
                starts,
                listed: self.array(p.lists.listed, 0..starts.last().map_or(0, |end| *end as usize)),
                partners: self
                    .track()
                    .memory
                    .atomics_at(self.panel(of.partner, When::Fresh), self.group_rows(of.group) as usize),
            }
        }
    }
}
