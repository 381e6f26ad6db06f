//! What is wrong with a plan, and where.

use std::path::Path;

/// Why a plan cannot be run. Each message says where, what was given, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{place}: {message}")]
pub struct PlanError {
    /// `path:line`, or a path.
    pub place: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// A text file that errors are told about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// Its path, as given.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Page {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let refused = |message: String| PlanError { place: path.display().to_string(), message };
        let bytes = std::fs::read(path).map_err(|error| refused(format!("cannot be read: {error}")))?;
        let text = String::from_utf8(bytes).map_err(|_| refused("is not a text file in UTF-8".into()))?;
        Ok(Self { path: path.display().to_string(), text })
    }

    /// The line of a byte, counted from 1.
    pub fn line(&self, byte: usize) -> usize {
        let before = self.text.as_bytes().get(..byte).unwrap_or(self.text.as_bytes());
        before.iter().filter(|&&it| it == b'\n').count() + 1
    }

    /// An error about what stands at a byte.
    pub fn error(&self, byte: usize, message: impl Into<String>) -> PlanError {
        self.error_in(self.line(byte), message)
    }

    /// An error about a line.
    pub fn error_in(&self, line: usize, message: impl Into<String>) -> PlanError {
        PlanError { place: format!("{}:{line}", self.path), message: message.into() }
    }
}
