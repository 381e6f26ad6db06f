//! A record of states: a row of signals a state.

use diptych_protocol::id::{Id, SignalId};
use diptych_protocol::program::{Program, Record};

use super::RecordError;
use super::file::{RecordFile, schema};
use crate::sheets::Rows;

/// A record of states.
pub(super) struct StateRecord {
    pub(super) file: RecordFile,
    pub(super) every: u32,
    columns: Vec<SignalId>,
    rows: Rows,
}

impl StateRecord {
    pub(super) fn new(program: &Program, record: &Record, file: RecordFile) -> Self {
        let mut states = Self { file, every: 1, columns: Vec::new(), rows: Rows::new(&schema(program, record)) };
        states.go_on(record);
        states
    }

    /// Goes on as a record of another program.
    pub(super) fn go_on(&mut self, record: &Record) {
        self.every = record.every;
        self.columns = record.signals().iter().map(|(_, signal)| *signal).collect();
    }

    /// A row.
    pub(super) fn row(&mut self, program: &Program, state: u32, bits: &[u64]) -> Result<(), RecordError> {
        let signals = self.columns.iter().map(|signal| bits[signal.index()]);
        self.rows.clear();
        self.rows.push([u64::from(state), program.time(state).to_bits()].into_iter().chain(signals));
        self.file.append(state, &self.rows)
    }
}
