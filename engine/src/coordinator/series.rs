//! The signals of states as a run comes to them, told to whoever asked. They are taken out of the ring that records are taken
//! from, while workers run.

use diptych_protocol::id::{SignalId, Tick};
use diptych_protocol::layout::Layout;
use diptych_protocol::outputs::state_of;
use diptych_protocol::table::Table;
use diptych_protocol::track::Track;

use super::records::RecordError;

/// Is told the number of a state, and the bits of its signals.
pub type OnState = Box<dyn FnMut(u32, &Table<SignalId, u64>)>;

pub(super) struct Series {
    hear: Option<OnState>,
    /// All states before this one have been told.
    next: u32,
    bits: Table<SignalId, u64>,
}

impl Series {
    /// Of a run that begins, or goes on from a state that has been told.
    pub(super) fn new(hear: Option<OnState>, from: Option<u32>) -> Self {
        Self { hear, next: from.map_or(0, |from| from.saturating_add(1)), bits: Table::default() }
    }

    /// The last tick that workers may run.
    pub(super) fn room(&self, layout: &Layout) -> Tick {
        match self.hear {
            Some(_) => Tick(layout.outputs.due.room(self.next).saturating_add(1)),
            None => Tick(u32::MAX),
        }
    }

    /// Tells the states that are complete.
    pub(super) fn drain(&mut self, track: &Track<'_>, published: Tick) -> Result<(), RecordError> {
        let Some(hear) = &mut self.hear else { return Ok(()) };
        let every = track.program.outputs.series;
        if every == 0 || published == Tick::NONE || state_of(published) < self.next {
            return Ok(());
        }
        let states = track.layout.outputs.due.states(self.next, state_of(published));
        for state in states.filter(|state| state.is_multiple_of(every)) {
            self.bits = track.recorded(state).ok_or(RecordError::Missing(state))?.collect();
            hear(state, &self.bits);
        }
        self.next = state_of(published).saturating_add(1);
        Ok(())
    }
}
