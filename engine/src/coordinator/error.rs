//! Why a run did not come to its end.

use diptych_protocol::blame::Blame;
use diptych_protocol::data::DataError;
use diptych_protocol::inject::Injection;
use diptych_protocol::segment::SegmentError;
use diptych_protocol::track::Damaged;

use super::checkpoints::CheckpointsError;
use super::records::RecordError;
use super::tracer::TraceError;
use crate::journal::JournalError;
use crate::run_directory::RunDirectoryError;

/// Why a run did not come to its end. Each says whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine cannot hold it.
    #[error(transparent)]
    Machine(#[from] SegmentError),
    /// A rule failed. The last good state is whole.
    #[error("{0}")]
    Fault(String, Box<Blame>),
    /// A group has no room for the rows that are born. The last good state is whole.
    #[error("{0}")]
    Full(String, Box<Blame>),
    /// A kernel and its system do not fit.
    #[error("{0}")]
    Kernel(#[from] diptych_protocol::access::AccessError),
    /// The program was not made by this engine's compiler, or it has a defect.
    #[error("the program breaks an invariant: {0}")]
    Program(String),
    /// The columns of files that came with the program are not those that it was made for.
    #[error("{0}")]
    Data(#[from] DataError),
    /// An input cannot be set so.
    #[error("{0}")]
    Command(#[from] diptych_protocol::commands::Refused),
    /// A record cannot be written.
    #[error("{0}")]
    Record(#[from] RecordError),
    /// Checkpoints cannot be written.
    #[error("{0}")]
    Checkpoints(#[from] CheckpointsError),
    /// The journal cannot be written.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// The run's directory cannot be written, or is another run's.
    #[error("{0}")]
    Directory(#[from] RunDirectoryError),
    /// A trace cannot be written.
    #[error("{0}")]
    Trace(#[from] TraceError),
    /// Programs are to be gone on with in another order than that of their frames.
    #[error("a swap at frame {0} comes behind one at frame {1}: say them in the order of their frames")]
    Swaps(u32, u32),
    /// A failure that cannot be had.
    #[error("cannot inject {injection}: {why}")]
    Injection {
        /// Which.
        injection: Injection,
        /// Why not.
        why: String,
    },
    /// What stands in the run's memory makes no sense.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The machine, or a limit that is set for this process, does not let it have so many processes, threads or files.
    #[error("{0}")]
    Scarce(String),
    /// Workers cannot be started or do not live.
    #[error("{0}")]
    Workers(String),
    /// More than the engine can count.
    #[error("{what} {given} is beyond the limit of {limit}")]
    Limit {
        /// What.
        what: &'static str,
        /// How much was asked for.
        given: u64,
        /// The most there can be.
        limit: u64,
    },
}
