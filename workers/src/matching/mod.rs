//! Matchings: rows paired one to one at random, in phases by whoever claims them.
//!
//! The arrays are named in [`diptych_protocol::matching`], which also says who is paired with whom. As with an inverse, a
//! phase is a pure function over slices of them, which reads only what earlier phases wrote:
//!
//! 1. [`rank()`] says of a batch's rows who takes part, and draws for them,
//! 2. [`inverse::place()`](crate::inverse::place()) sums the counts to places,
//! 3. [`inverse::scatter()`](crate::inverse::scatter()) brings rows to their chunk,
//! 4. [`sort()`] makes the ranking of a chunk,
//! 5. [`pair()`] pairs what stands at the same place.

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{MatchingId, RowRange};
use diptych_protocol::matching::{MatchPhase, Matching};
use diptych_protocol::program::Program;
use diptych_protocol::table::Table;
use diptych_protocol::view::Batch;

use crate::body::Backend;
use crate::body::block::Values;
use crate::finished::{FinishedBody, STRETCH};
use crate::inverse::{self, InverseScratch};

mod pair;
mod rank;
mod sort;

pub use pair::pair;
pub use rank::{Drawer, rank};
pub use sort::sort;

/// The filters of all matchings, and room.
pub(crate) struct Matchings {
    filters: Table<MatchingId, Vec<Option<FinishedBody>>>,
    /// Of a batch's rows: whether they take part.
    taking: Vec<bool>,
}

impl Matchings {
    /// Binds a program's filters.
    pub fn new(program: &Program, backend: Backend) -> Result<Self, AccessError> {
        let filter = |body| FinishedBody::new(program, &program.bodies[body], STRETCH, backend);
        let filters = |it: &Matching| it.sides.iter().map(|side| side.filter.map(filter).transpose()).collect();
        Ok(Self { filters: program.matchings.values().map(filters).collect::<Result<_, _>>()?, taking: Vec::new() })
    }

    /// Runs a batch of a phase.
    pub fn run(&mut self, id: MatchingId, phase: MatchPhase, batch: &Batch<'_, '_>, scratch: &mut InverseScratch) {
        match phase {
            MatchPhase::Rank(side) => {
                let Self { filters, taking } = self;
                taking.clear();
                taking.resize(batch.rows.len(), true);
                if let Some(filter) = &mut filters[id][usize::from(side)] {
                    ask(filter, batch, taking);
                }
                let program = batch.program();
                let site = program.matchings[id].sides[usize::from(side)].site;
                let drawer = Drawer { seed: program.seed, tick: batch.tick.0, site };
                rank(drawer, batch.rows, taking, batch.match_rank(id, side));
            }
            MatchPhase::Place => {
                for v in batch.match_place(id).into_iter().flatten() {
                    inverse::place(&v.shape, v.counts, v.first_slots, v.chunk_slots);
                }
            }
            MatchPhase::Scatter(side) => {
                let v = batch.match_scatter(id, side);
                inverse::scatter(&v.shape, batch.rows, v.references, v.first_slots, scratch, v.scattered);
            }
            MatchPhase::Sort(side) => sort(scratch, batch.match_sort(id, side)),
            MatchPhase::Pair => pair(batch.match_pair(id)),
        }
    }
}

/// Asks a filter which of the batch's rows take part.
fn ask(filter: &mut FinishedBody, batch: &Batch<'_, '_>, taking: &mut [bool]) {
    for (at, taking) in taking.chunks_mut(STRETCH).enumerate() {
        let start = batch.rows.start + (at * STRETCH) as u32;
        let rows = RowRange::new(start, start + taking.len() as u32);
        filter.run_ranked(batch, rows);
        if let Values::Bool(truths) = filter.result(0, rows.len()) {
            taking.iter_mut().zip(truths).for_each(|(taking, truth)| *taking = *truth != 0);
        }
    }
}
