//! Columns of files that groups are made from: the values stand in the segment before any worker starts, and nobody
//! writes them afterwards.

use crate::layout::{Arena, Layout, Place, capacity};
use crate::memory::Memory;
use crate::program::{Data, Program};
use crate::types::Scalar;

/// Where a column of a file stands.
#[derive(Clone, Copy, Debug)]
pub struct DataPlace {
    /// What it holds.
    pub scalar: Scalar,
    /// The bytes, padded as a column's are: past the file's rows stand zeros.
    pub bytes: Place<u8>,
}

impl DataPlace {
    /// Lays out a column.
    pub fn new(data: &Data, arena: &mut Arena) -> Self {
        let bytes = arena.place(capacity(data.rows) as usize * data.scalar.size());
        Self { scalar: data.scalar, bytes }
    }
}

/// Why the values that came with a program are not its own.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DataError {
    /// Another number of columns.
    #[error("the program is made from {needed} columns of files, and {given} were given")]
    Columns {
        /// The program's.
        needed: usize,
        /// What came.
        given: usize,
    },
    /// Other values.
    #[error("the column {0} of a file holds other values than the program was made for")]
    Content(String),
}

/// The hash that stands in [`Data::content`].
pub fn content(bytes: &[u8]) -> u128 {
    twox_hash::XxHash3_128::oneshot(bytes)
}

/// Whether the values, little-endian, a column an item, are those that the program was made for.
pub fn check(program: &Program, columns: &[Vec<u8>]) -> Result<(), DataError> {
    if columns.len() != program.data.len() {
        return Err(DataError::Columns { needed: program.data.len(), given: columns.len() });
    }
    for (data, bytes) in program.data.values().zip(columns) {
        if bytes.len() != data.rows as usize * data.scalar.size() || content(bytes) != data.content {
            return Err(DataError::Content(data.name.clone()));
        }
    }
    Ok(())
}

/// Writes checked values into fresh memory, before anybody attaches.
pub fn write(memory: &Memory, layout: &Layout, columns: &[Vec<u8>]) {
    for (place, bytes) in layout.data.values().zip(columns) {
        memory.write_fresh(place.bytes.offset, &bytes[..bytes.len().min(place.bytes.len)]);
    }
}
