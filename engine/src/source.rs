//! Reading a scenario file: whatever is no text a person could have written is refused here, with its reason.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

pub use diptych_protocol::program::Source;

use diptych_protocol::limits::SCENARIO_BYTES_MAX;
use thiserror::Error;

/// Why a file is no scenario.
#[derive(Debug, Error)]
pub enum SourceError {
    /// There is no such file.
    #[error("{0}: there is no such file")]
    Missing(PathBuf),
    /// A directory, a device, a pipe.
    #[error("{0}: is a directory or a device, not a file; a scenario is one text file")]
    NotAFile(PathBuf),
    /// The system refuses.
    #[error("{path}: cannot be read: {reason}")]
    Unreadable {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Too large.
    #[error("{path}: has {bytes} bytes; a scenario has at most {limit}", limit = SCENARIO_BYTES_MAX)]
    TooLarge {
        /// The path as given.
        path: PathBuf,
        /// Bytes of the file.
        bytes: u64,
    },
    /// Nothing in it, or white space only.
    #[error("{0}: is empty; a scenario begins with `scenario NAME`")]
    Empty(PathBuf),
    /// Bytes that no text has.
    #[error("{path}: is not a text file: byte {at} is {what}; a scenario is UTF-8 text")]
    NotText {
        /// The path as given.
        path: PathBuf,
        /// Where, counted from 0.
        at: usize,
        /// What is there.
        what: &'static str,
    },
}

/// Reads a scenario file.
pub fn read(path: &Path) -> Result<Source, SourceError> {
    let unreadable = |reason: std::io::Error| match reason.kind() {
        ErrorKind::NotFound => SourceError::Missing(path.to_owned()),
        _ => SourceError::Unreadable { path: path.to_owned(), reason },
    };
    // Looked at before it is opened: opening a pipe would wait for its writer.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SourceError::NotAFile(path.to_owned()));
    }
    if metadata.len() > SCENARIO_BYTES_MAX {
        return Err(SourceError::TooLarge { path: path.to_owned(), bytes: metadata.len() });
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(SCENARIO_BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > SCENARIO_BYTES_MAX {
        return Err(SourceError::TooLarge { path: path.to_owned(), bytes: bytes.len() as u64 });
    }
    text(path, bytes)
}

/// The text of the bytes, or why they are none.
fn text(path: &Path, bytes: Vec<u8>) -> Result<Source, SourceError> {
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err(SourceError::NotText { path: path.to_owned(), at, what: "NUL" });
    }
    let text = String::from_utf8(bytes).map_err(|error| SourceError::NotText {
        path: path.to_owned(),
        at: error.utf8_error().valid_up_to(),
        what: "no UTF-8",
    })?;
    if text.trim().is_empty() {
        return Err(SourceError::Empty(path.to_owned()));
    }
    Ok(Source { path: path.display().to_string(), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        text(Path::new("s.dip"), bytes.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn each_refusal_says_what_is_wrong() {
        assert_eq!(refusal(b" \n"), "s.dip: is empty; a scenario begins with `scenario NAME`");
        assert!(refusal(b"ab\0").contains("byte 2 is NUL"));
        assert!(refusal(b"a\xff").contains("byte 1 is no UTF-8"));
        assert!(read(Path::new("/nowhere/s.dip")).unwrap_err().to_string().contains("no such file"));
        assert!(read(Path::new("/")).unwrap_err().to_string().contains("not a file"));
        assert!(read(Path::new("/dev/null")).unwrap_err().to_string().contains("not a file"));
    }

    #[test]
    fn a_text_is_read_as_it_is() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(read(&path).unwrap().text.contains("name = \"diptych\""));
    }
}
