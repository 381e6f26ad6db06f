//! What a run does when one of the files that it writes can be written no further: the disk or a quota is full, the reader of
//! a pipe has gone.

use std::fmt::Display;

/// What a run does then. Whatever it does, the file is whole as far as it goes, and nothing more is tried with it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OnWriteError {
    /// It stops after the frame; its other files are completed.
    #[default]
    Stop,
    /// It goes on without that file, and says so, at once and at its end.
    GoOn,
}

/// Is told why a file is written no further.
pub type OnLost = Box<dyn FnMut(&str)>;

/// The files that a run goes on without.
#[derive(Default)]
pub struct WriteErrors {
    policy: OnWriteError,
    told: Option<OnLost>,
    lost: Vec<String>,
}

impl WriteErrors {
    /// None yet.
    pub fn new(policy: OnWriteError, told: Option<OnLost>) -> Self {
        Self { policy, told, lost: Vec::new() }
    }

    /// Takes what became of a write: an error that the run goes on with is told, and kept for the end.
    pub(super) fn weigh<E: Display>(&mut self, written: Result<(), E>) -> Result<(), E> {
        match written {
            Err(error) if self.policy == OnWriteError::GoOn => {
                self.go_on_without(&error.to_string());
                Ok(())
            }
            written => written,
        }
    }

    /// A file that the run goes on without, whatever it does otherwise.
    pub(super) fn go_on_without(&mut self, why: &str) {
        if let Some(told) = &mut self.told {
            told(why);
        }
        self.lost.push(why.into());
    }

    /// Why files are not complete, one text each.
    pub(super) fn into_lost(self) -> Vec<String> {
        self.lost
    }
}
