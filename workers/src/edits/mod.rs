//! Births and ends: brought into the rows of a living group, in phases, by whoever claims them.
//!
//! What they mean is told in [`diptych_protocol::edits`]. Each phase reads only what earlier stages wrote, and writes the
//! same however often it is run.

use diptych_protocol::blame::Fault;
use diptych_protocol::id::GroupId;
use diptych_protocol::program::EditPhase;
use diptych_protocol::view::Batch;

mod asks;
mod catch_up;
mod marked;
mod place;
mod refer;
mod rows;

/// What a worker keeps from batch to batch: room, no state.
#[derive(Default)]
pub struct EditScratch {
    births: Vec<rows::Birth>,
    moves: Vec<(u32, u32)>,
}

/// Runs a batch of a phase.
pub fn run(batch: &Batch<'_, '_>, group: GroupId, phase: EditPhase, scratch: &mut EditScratch) -> Result<(), Fault> {
    match phase {
        EditPhase::Begin => catch_up::begin(batch.edit_begin(group)),
        EditPhase::CatchUp => {
            let (v, columns) = batch.edit_catch_up(group);
            catch_up::catch_up(v, columns);
        }
        EditPhase::Asks => asks::count(batch.edit_asks(group)),
        EditPhase::Count => {
            let (holes, rows, count) = batch.edit_count(group);
            *count = marked::count(holes, rows);
        }
        EditPhase::Place => return place::place(batch, group),
        EditPhase::Births => return rows::births(batch, group, &mut scratch.births),
        EditPhase::Gaps => rows::gaps(batch, group, &mut scratch.moves),
        EditPhase::Refer => refer::refer(batch, group),
    }
    Ok(())
}
