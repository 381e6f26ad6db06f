//! Records: tables in files, of states and of rows.
//!
//! - Of *states* (`states`): a row of signals a state. The ring in the segment is emptied into them while workers run; how far
//!   they may run is what the ring has room for.
//! - Of *rows* (`rows`): what is taken of the rows of a state, under a lease ([`takers`](super::takers)), and written by a thread
//!   of the record's own.
//!
//! `recorder` has all records of a run, and goes with them from program to program; `file` is one file.

mod file;
mod recorder;
mod rows;
mod states;

use std::io;
use std::path::PathBuf;

use diptych_protocol::access::AccessError;
use diptych_protocol::checkpoint::Written;

pub(super) use recorder::{Begun, Recorder, check};

/// Where records are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// Their paths are relative to this folder, which is made if need be.
    pub folder: PathBuf,
    /// Whether files that exist are written over.
    pub overwrite: bool,
    /// Of a run that is resumed: its files. They are cut back to where they were, and written on.
    pub resumed: Option<Written>,
    /// What happens where rows come faster than a record of rows is written.
    pub on_slow: OnSlow,
}

/// What happens where something comes faster than it is written.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OnSlow {
    /// The run waits: nothing is missing.
    #[default]
    Wait,
    /// What is due is left out, and counted: how much is missing depends on time.
    Skip,
}

/// What a record of rows has left out since it was written too slowly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// How many of the states that were due it does not have.
    pub states: u64,
}

impl Records {
    /// Of a run that begins.
    pub fn new(folder: impl Into<PathBuf>, overwrite: bool) -> Self {
        Self { folder: folder.into(), overwrite, resumed: None, on_slow: OnSlow::default() }
    }
}

/// Why a record is not written, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is such a file, and nobody said to write over it.
    #[error("{} exists; say --force to write over it, or --out DIR to write elsewhere", .0.display())]
    Exists(PathBuf),
    /// The file cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be written on.
    #[error("cannot write {}: {source}; {rows} rows of it were written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Rows that were written before.
        rows: u64,
        /// Why no more.
        source: io::Error,
    },
    /// It was begun before the run was resumed, and is not what it was then.
    #[error(
        "cannot go on with the record {}: {why}; say --out DIR to begin new records there, or --no-outputs",
        path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The ring does not hold a state that it should.
    #[error(
        "state {0} is missing where records are taken from: another process has written there, or this is a fault of diptych"
    )]
    Missing(u32),
    /// What it takes of rows cannot be computed.
    #[error("{0}")]
    Extract(#[from] AccessError),
}
