//! How a run ended: shown, and the code to exit with.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::{Going, Summary};
use super::{FAILED, INTERRUPTED, TOO_BIG, WRONG, aside, fail, say, summary};
use crate::coordinator::{self, CheckpointsError, Outcome, RecordError, RunError, Stopped, TraceError, ViewError};
use crate::journal::JournalError;
use crate::run_directory::RunDirectoryError;

/// Of a run from the command line, whose checkpoints are in this folder.
pub(super) fn ended(going: &Going, kept: Option<&Path>, result: Result<Outcome, RunError>) -> ExitCode {
    match result {
        Ok(outcome) => finish(going.summary, &outcome),
        Err(error) => {
            let code = failed(&error);
            if let Some(folder) = kept.filter(|_| began(&error)) {
                offer(folder, matches!(error, RunError::Fault(..) | RunError::Full(..)));
            }
            code
        }
    }
}

/// Whether a run began that failed: what is kept is its own.
fn began(error: &RunError) -> bool {
    matches!(
        error,
        RunError::Fault(..)
            | RunError::Full(..)
            | RunError::Workers(_)
            | RunError::Damaged(_)
            | RunError::Machine(_)
            | RunError::Record(RecordError::Write { .. } | RecordError::View(_) | RecordError::Picture { .. })
            | RunError::Checkpoints(CheckpointsError::Write { .. })
            | RunError::Journal(JournalError::Refused { what: "write", .. })
    )
}

/// Says how to go on with a run that did not come to its end.
fn offer(folder: &Path, again: bool) {
    if let Some((frame, _)) = coordinator::checkpoints(folder).ok().and_then(|mut all| all.pop()) {
        let folder = folder.display();
        let mended = if again { " --scenario FILE, with a text that does better" } else { "" };
        aside(format_args!(
            "note: its state at frame {frame} is kept; go on from it: diptych resume {folder}{mended}\n"
        ));
    }
}

/// Tells why a run failed; gives the code to exit with.
pub(super) fn failed(error: &RunError) -> ExitCode {
    let code = match error {
        RunError::Machine(_) | RunError::Scarce(_) | RunError::Full(..) => TOO_BIG,
        RunError::Record(error) => code_of(error),
        RunError::Checkpoints(CheckpointsError::Write { .. }) => TOO_BIG,
        RunError::Checkpoints(CheckpointsError::Refused { source, .. }) => code_of_refusal(source),
        RunError::Checkpoints(_) => WRONG,
        RunError::Journal(JournalError::Refused { what: "write", .. }) => TOO_BIG,
        RunError::Directory(RunDirectoryError::Refused { source, .. }) => code_of_refusal(source),
        RunError::Trace(TraceError::Make { source, .. }) => code_of_refusal(source),
        RunError::Trace(TraceError::Exists(_))
        | RunError::Kernel(_)
        | RunError::Limit { .. }
        | RunError::Data(_)
        | RunError::Directory(_)
        | RunError::Injection { .. }
        | RunError::Command(_)
        | RunError::Journal(_) => WRONG,
        RunError::Fault(..)
        | RunError::Program(_)
        | RunError::Swaps(..)
        | RunError::Damaged(_)
        | RunError::Workers(_) => FAILED,
    };
    fail(code, error)
}

/// A disk that is full is the machine's fault, a file in the way the caller's.
fn code_of(error: &RecordError) -> u8 {
    match error {
        RecordError::Write { .. } | RecordError::View(ViewError::Write { .. }) | RecordError::Picture { .. } => TOO_BIG,
        RecordError::View(ViewError::Other(_)) => WRONG,
        RecordError::Make { source, .. } => code_of_refusal(source),
        RecordError::Exists(_) | RecordError::Gone { .. } | RecordError::Nothing(_) | RecordError::Extract(_) => WRONG,
        RecordError::Missing(_) => FAILED,
    }
}

fn code_of_refusal(source: &std::io::Error) -> u8 {
    use std::io::ErrorKind;
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem => TOO_BIG,
        _ => WRONG,
    }
}

/// Shows how a run ended, and says with which code to exit.
pub(super) fn finish(as_text: Summary, outcome: &Outcome) -> ExitCode {
    match as_text {
        Summary::Text => {
            say(format_args!("{}", summary::text(outcome)));
            if let Some(profile) = &outcome.profile {
                say(format_args!("\n{}", profile.report()));
            }
        }
        Summary::Json => say(format_args!("{}", summary::json(outcome))),
    }
    match outcome.stopped {
        // It was told when it happened; whoever only looks at the code is told, too.
        Stopped::Frames | Stopped::Until if !outcome.lost.is_empty() => ExitCode::from(TOO_BIG),
        Stopped::Frames | Stopped::Until => ExitCode::SUCCESS,
        Stopped::Ensure => {
            let messages = outcome.ensures.iter().filter_map(|ensure| ensure.message.as_deref());
            fail(FAILED, messages.collect::<Vec<_>>().join("\nerror: "))
        }
        Stopped::Interrupted => {
            let last = outcome.checkpoints.as_ref().map(|told| told.last.as_ref().map(|(frame, _)| *frame));
            if last.is_some_and(|last| last != Some(outcome.frames)) {
                aside(format_args!("note: told to stop twice, it has not kept its last state\n"));
            }
            ExitCode::from(INTERRUPTED)
        }
    }
}
