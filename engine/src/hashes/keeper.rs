//! Keeps the hash trees of a run's states while it goes on.

use std::path::PathBuf;

use diptych_protocol::still::Still;
use diptych_protocol::tree::{Shape, Tree};

use super::{HashWriter, HashesError, is_begun};
use crate::coordinator::{ViewError, Viewer};

/// Hashes every so-manieth state, the first and the last one.
pub struct HashKeeper {
    path: PathBuf,
    overwrite: bool,
    /// The frame that the run was resumed at, and the file is gone on with.
    resumed: Option<u32>,
    every: u32,
    due: Option<u32>,
    writer: Option<HashWriter>,
}

impl HashKeeper {
    /// Of a run that begins, or goes on from a state: with a file of its own, which is made with the first tree.
    pub fn new(path: PathBuf, every: u32, from: u32, overwrite: bool) -> Self {
        Self { path, overwrite, resumed: None, every: every.max(1), due: Some(from), writer: None }
    }

    /// Of a run that is resumed at a frame: what is behind that is cut off, and it goes on with its file, if there is one.
    pub fn resumed(path: PathBuf, every: u32, at: u32) -> Self {
        match is_begun(&path) {
            Ok(false) => Self::new(path, every, at, true),
            // Why it cannot be read is told when it is to be gone on with.
            Ok(true) | Err(_) => {
                let due = at.checked_next_multiple_of(every.max(1));
                Self { resumed: Some(at), due, ..Self::new(path, every, at, true) }
            }
        }
    }

    fn writer(&mut self) -> Result<&mut HashWriter, HashesError> {
        let writer = match (self.writer.take(), self.resumed) {
            (Some(writer), _) => writer,
            (None, Some(at)) => HashWriter::resume(&self.path, at, self.every)?,
            (None, None) => HashWriter::create(&self.path, self.overwrite)?,
        };
        Ok(self.writer.insert(writer))
    }

    fn keep(&mut self, still: &Still<'_>, last: bool) -> Result<(), HashesError> {
        let (state, due) = (still.tick().frames_done(), self.due);
        let writer = self.writer()?;
        if (last || due == Some(state)) && writer.last() != Some(state) {
            writer.write(&Shape::of(still.program()), &Tree::of(still))?;
        }
        if last {
            writer.sync()?;
        }
        self.due = state.checked_add(1).and_then(|next| next.checked_next_multiple_of(self.every));
        Ok(())
    }
}

impl Viewer for HashKeeper {
    fn due(&self) -> Option<u32> {
        self.due
    }

    fn look(&mut self, still: &Still<'_>, last: bool) -> Result<(), ViewError> {
        self.keep(still, last).map_err(|error| match error {
            HashesError::Refused { path, source, .. } => ViewError::Write { path, source },
            error => ViewError::Other(error.to_string()),
        })
    }
}
