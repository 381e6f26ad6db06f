//! Whoever looks at whole states while a run goes on: to hash them, to write them down, to compare them.

use std::io;
use std::path::PathBuf;

use diptych_protocol::outputs::state_of;
use diptych_protocol::program::Program;
use diptych_protocol::still::Still;

use super::records::{OnSlow, RecordError};
use super::takers::Taker;

/// Looks at states. It is called while workers run the next frame, and they wait for it behind that: what is slow belongs on a
/// thread of its own.
pub trait Viewer {
    /// The state that it looks at next, none that it has seen: nothing if there is none.
    fn due(&self) -> Option<u32>;

    /// Looks at the state that it is due for; or at the last one of the run, which it may be due for or not. If it fails it is not
    /// asked again.
    fn look(&mut self, still: &Still<'_>, last: bool) -> Result<(), ViewError>;
}

/// Why a state was not looked at.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// What is made of it cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// One of them, among those who take states.
pub(super) struct Viewing {
    viewer: Box<dyn Viewer>,
    error: Option<ViewError>,
    failed: bool,
}

impl Viewing {
    pub(super) fn new(viewer: Box<dyn Viewer>) -> Self {
        Self { viewer, error: None, failed: false }
    }
}

impl Taker for Viewing {
    fn due(&self) -> Option<u32> {
        self.viewer.due().filter(|_| !self.failed)
    }

    fn is_ready(&self) -> bool {
        true
    }

    fn on_slow(&self) -> OnSlow {
        OnSlow::Wait
    }

    fn take(&mut self, still: &Still<'_>, last: bool) {
        if self.failed || !last && self.viewer.due() != Some(state_of(still.tick())) {
            return;
        }
        if let Err(error) = self.viewer.look(still, last) {
            (self.error, self.failed) = (Some(error), true);
        }
    }

    fn skip(&mut self) {}

    fn settle(&mut self, _: bool) -> Result<(), RecordError> {
        self.error.take().map_or(Ok(()), |error| Err(error.into()))
    }

    fn swap(&mut self, _: &Still<'_>, _: &Program, _: u32) -> Result<(), RecordError> {
        // Each state says which program made it.
        Ok(())
    }
}
