//! Matchings: rows of two groups, or of one, paired one to one at random, anew in each frame. What the program says of
//! one, and its shape in shared memory.
//!
//! Each row that takes part draws a number, addressed by the site of its side, its entity and the tick. The rows of a
//! side are *ranked* by it, equal numbers by entity. The row of one side at a place of the ranking is paired with that
//! of the other at the same place; what one side has more than the other has no partner. Among themselves rows are
//! paired two and two: the first with the second, the third with the fourth. Where rows [meet](Meeting), each place
//! where they do has rankings of its own.
//!
//! A ranking is made as the lists of an inverse are ([`crate::inverse`]): what a row refers to is the row it meets at,
//! or else the *range* that its number is in, one of a power of two. Each list is then sorted by number and entity.

use serde::{Deserialize, Serialize};

use crate::id::{BodyId, ColumnId, GroupId, MatchingId};
use crate::inverse::{InversePlaces, InverseShape};
use crate::layout::{Arena, Place};
use crate::limits::{INVERSE_CHUNKS_MAX, MATCH_CHUNK_RANGES, MATCH_RANGE_ROWS};
use crate::program::{Program, Span, When};

/// Rows that are paired one to one, anew in each frame.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Matching {
    /// The name.
    pub name: String,
    /// Two sides, of two groups: a row of one with a row of the other. Or one: its rows with each other.
    pub sides: Vec<Side>,
    /// Which rows can be paired; without it all can.
    pub meeting: Option<Meeting>,
    /// Where it was written.
    pub span: Span,
}

/// One side of a matching.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Side {
    /// Whose rows.
    pub group: GroupId,
    /// The column that says which row each is paired with ([`NO_ROW`](crate::types::NO_ROW): with none). Nobody else
    /// writes it; it is no part of the state.
    pub partner: ColumnId,
    /// The column that says where a row meets others: of the [`Meeting`].
    pub place: Option<ColumnId>,
    /// Which rows take part: a body that gives a `bool` from the own row of `prev`. Without one all do.
    pub filter: Option<BodyId>,
    /// The site of the draws that rank the rows.
    pub site: u32,
}

/// Rows are paired where both refer to the same row; one that refers to none has no partner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Meeting {
    /// The group that is referred to.
    pub to: GroupId,
    /// Whether by `prev` references or by those made earlier in the frame.
    pub when: When,
}

/// The phases of a matching. `Rank`, `Scatter` and `Sort` are steps of their own for each side, which it is comes with
/// them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum MatchPhase {
    /// Find who takes part, draw, and count rows a chunk; nobody has a partner yet (batches of the side's rows).
    Rank(u8),
    /// Sum the counts to places (one batch).
    Place,
    /// Bring rows to their chunk (batches of the side's rows).
    Scatter(u8),
    /// Sort the rows of each chunk (batches of one chunk).
    Sort(u8),
    /// Pair what stands at the same place (batches of one chunk of the first side).
    Pair,
}

impl MatchPhase {
    /// How many stages a matching takes: one a phase.
    pub const STAGES: u32 = 5;

    /// In which of them it stands, from 0.
    pub fn stage(self) -> u32 {
        match self {
            MatchPhase::Rank(_) => 0,
            MatchPhase::Place => 1,
            MatchPhase::Scatter(_) => 2,
            MatchPhase::Sort(_) => 3,
            MatchPhase::Pair => 4,
        }
    }

    /// The side that it is about, if it is about one.
    pub fn side(self) -> Option<u8> {
        match self {
            MatchPhase::Rank(side) | MatchPhase::Scatter(side) | MatchPhase::Sort(side) => Some(side),
            MatchPhase::Place | MatchPhase::Pair => None,
        }
    }
}

impl Matching {
    /// All phases, in the order they run; those of both sides stand in one stage.
    pub fn phases(&self) -> Vec<MatchPhase> {
        let each = |phase: fn(u8) -> MatchPhase| (0..self.sides.len() as u8).map(phase);
        let pair = [MatchPhase::Pair];
        each(MatchPhase::Rank)
            .chain([MatchPhase::Place])
            .chain(each(MatchPhase::Scatter))
            .chain(each(MatchPhase::Sort))
            .chain(pair)
            .collect()
    }

    /// The group of those that the rows of a side are paired with.
    pub fn partners(&self, side: usize) -> GroupId {
        self.sides[(side + 1) % self.sides.len()].group
    }
}

/// How large the lists of so many rows are, which meet at so many places, or can all be paired.
pub fn shape(rows: u32, places: Option<u32>) -> InverseShape {
    match places {
        Some(places) => InverseShape::new(rows, places),
        None => {
            let ranges = rows.div_ceil(MATCH_RANGE_ROWS).next_power_of_two();
            InverseShape::in_chunks(rows, ranges, ranges.div_ceil(INVERSE_CHUNKS_MAX).max(MATCH_CHUNK_RANGES))
        }
    }
}

/// The range that a number is in.
#[inline]
pub fn range_of(number: u32, ranges: u32) -> u32 {
    ((u64::from(number) * u64::from(ranges)) >> 32) as u32
}

impl Program {
    /// A phase for people: `rank wolves`, `pair`.
    pub fn match_phase(&self, matching: MatchingId, phase: MatchPhase) -> String {
        let word = match phase {
            MatchPhase::Rank(_) => "rank",
            MatchPhase::Place => "place",
            MatchPhase::Scatter(_) => "scatter",
            MatchPhase::Sort(_) => "sort",
            MatchPhase::Pair => "pair",
        };
        let group = phase.side().map(|side| self.matchings[matching].sides[usize::from(side)].group);
        group.map_or(word.to_string(), |group| format!("{word} {}", self.groups[group].name))
    }

    /// How large the lists of a side are.
    pub fn match_shape(&self, matching: MatchingId, side: u8) -> InverseShape {
        let matching = &self.matchings[matching];
        let rows = self.groups[matching.sides[usize::from(side)].group].rows;
        shape(rows, matching.meeting.map(|meeting| self.groups[meeting.to].rows))
    }
}

/// Where the arrays of one side stand.
#[derive(Clone, Debug)]
pub struct SidePlaces {
    /// Rank: what each row is listed by; [`NO_ROW`](crate::types::NO_ROW) of those that do not take part.
    pub listed_by: Place<u32>,
    /// Rank: the number that each row drew, if it takes part.
    pub drawn: Place<u32>,
    /// The other phases up to Sort: the ranking.
    pub lists: InversePlaces,
}

impl SidePlaces {
    /// Takes room for a side.
    pub fn new(shape: InverseShape, arena: &mut Arena) -> Self {
        let rows = shape.rows as usize;
        Self { listed_by: arena.place(rows), drawn: arena.place(rows), lists: InversePlaces::new(shape, false, arena) }
    }
}
