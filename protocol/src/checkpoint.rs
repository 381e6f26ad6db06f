//! Checkpoints: a state in a file, with all that is needed to go on from it, readable in any language.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to [`HEAD_BYTES`] | the [`Head`], then zeros |
//! | from there on | the [`Description`], JSON: where each column stands, as which NumPy type, and what the run was |
//! | | the program, by postcard |
//! | | the columns, each from a multiple of [`ALIGN`] on; signals; births and ends of the last frame; between them zeros |
//! | at the end | a checksum (XXH3, 64 bits) of each [`BLOCK`] bytes between the head and here |
//!
//! All numbers are little-endian. The head has a checksum of itself and one of the checksums: so each byte of the file is
//! covered, and nothing of it is believed before it is known to be what was written. ([`Checkpoint`] reads into memory of its own:
//! whoever writes into the file later changes nothing.)
//!
//! The same state of the same run gives the same bytes: there is no time of day in it.
//!
//! **Versions.** The head says which version the description has. An older one goes through the [`HOPS`] from its version on; where
//! one is missing, or the version is not known, it is an error that says so. The program has a version of its own, and none of
//! another version is read: its scenario's text stands in it, and goes on wherever it is compiled anew.

mod image;
mod read;

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

pub use image::{Image, Sealed, Sums};
pub use read::{Checkpoint, describe};

/// The first eight bytes.
pub const MAGIC: [u8; 8] = *b"DIPCHECK";
/// The version of the format.
pub const VERSION: u32 = 2;
/// Bytes of the head.
pub const HEAD_BYTES: usize = 4096;
/// Columns stand at multiples of this.
pub const ALIGN: usize = 64;
/// Bytes of a block that has a checksum; the last may be shorter.
pub const BLOCK: usize = 1 << 20;

/// A stretch of the file.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Stretch {
    /// Where it begins.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
}

/// The head.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Head {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: u32,
    /// [`BLOCK`].
    pub block: u32,
    /// Bytes of the file.
    pub bytes: u64,
    /// The description.
    pub description: Stretch,
    /// The program.
    pub program: Stretch,
    /// The checksums of the blocks.
    pub sums: Stretch,
    /// The checksum of the checksums,
    pub sum_of_sums: u64,
    /// and that of the head, where this is 0.
    pub sum: u64,
}

/// What a checkpoint says of itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Description {
    /// The scenario's name.
    pub scenario: String,
    /// The engine that wrote it.
    pub engine: String,
    /// How many frames were complete.
    pub frame: u32,
    /// The time of the state.
    pub time: f64,
    /// The hash of the program, 32 hexadecimal digits.
    pub program_hash: String,
    /// The seed of every draw.
    pub seed: u64,
    /// The parameters.
    pub params: Vec<(String, String)>,
    /// The groups.
    pub groups: Vec<DescribedGroup>,
    /// The columns.
    pub columns: Vec<DescribedColumn>,
    /// The signals of the state,
    pub signals: Vec<DescribedSignal>,
    /// and where the bits of those of the state before begin.
    pub before: u64,
    /// Of each group three numbers (`<u4`): rows before the last frame, ends, births.
    pub balances: u64,
    /// The run that it is of.
    pub run: Run,
}

/// A group, described.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DescribedGroup {
    /// Its name.
    pub name: String,
    /// Its rows in the state.
    pub rows: u32,
    /// Rows that there is room for.
    pub room: u32,
    /// Of a grid how many cells it has along x, y and z; rows go along x first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<u32>,
}

/// A column, described: `numpy.memmap(file, dtype, "r", offset, rows)`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DescribedColumn {
    /// `Position.x`.
    pub name: String,
    /// Its group's name.
    pub group: String,
    /// Its type, as NumPy spells it.
    pub dtype: String,
    /// Where it begins.
    pub offset: u64,
    /// How many values it has.
    pub rows: u32,
}

/// A signal, described.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DescribedSignal {
    /// Its name.
    pub name: String,
    /// Its type, as NumPy spells it.
    pub dtype: String,
    /// Where its value stands.
    pub offset: u64,
}

/// What a run does beside its frames, so that it can go on doing it.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The folder that its records are written to; nothing if none is.
    pub records: Option<String>,
    /// Its records' files.
    pub written: Written,
    /// What inputs are to be set to in states to come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Its journal.
    pub journal: Option<String>,
    /// When it writes checkpoints.
    pub plan: Plan,
    /// The runs that it branched off, the first one first.
    pub parents: Vec<Parent>,
}

/// What an input is to be set to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// The first state that is to have it.
    pub frame: u32,
    /// The input.
    pub input: String,
    /// The value, as a person writes it.
    pub value: String,
}

/// The files of a run's records, when the state was complete.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Written {
    /// How far those were that go on.
    pub cursors: Vec<Cursor>,
    /// All that the run had made, those that had ended among them.
    pub made: Vec<String>,
}

/// How far a record's file had been written when the state was complete.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cursor {
    /// The path that the scenario gives.
    pub record: String,
    /// The file.
    pub file: String,
    /// The names of its columns, and their types.
    pub columns: Vec<String>,
    /// Bytes,
    pub bytes: u64,
    /// rows,
    pub rows: u64,
    /// of a Parquet file its footer, which says where they are, in hexadecimal digits,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub footer: String,
    /// the last state that has a row,
    pub last: Option<u32>,
    /// and whether the run went on without it: it could not be written to the end.
    #[serde(default)]
    pub lost: bool,
}

/// When checkpoints are written, and how many are kept.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// After every so many frames, if any.
    pub frames: Option<u32>,
    /// About every so many seconds, if any.
    pub seconds: Option<f64>,
    /// So many are kept, the last ones.
    pub keep: u32,
}

impl Default for Plan {
    fn default() -> Self {
        Self { frames: None, seconds: Some(60.0), keep: 3 }
    }
}

/// A run that another one branched off.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Parent {
    /// So many frames were complete.
    pub frame: u32,
    /// The hash of its program, 32 hexadecimal digits.
    pub program_hash: String,
    /// The seed of its draws.
    pub seed: u64,
    /// Its parameters.
    pub params: Vec<(String, String)>,
}

/// Why a file is not gone on from.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The system refuses.
    #[error("cannot read it: {0}")]
    Refused(#[from] std::io::Error),
    /// Not made by this engine.
    #[error("it is no checkpoint")]
    Alien,
    /// Of a version that there is no way from.
    #[error("it has version {found} of the format, and there is no way from it to {VERSION}, which this engine reads")]
    Version {
        /// Its version, or the last one that a hop led to.
        found: u32,
    },
    /// Cut off while it was written, or later.
    #[error("it is cut off: it has {found} bytes of {needed}")]
    Cut {
        /// Its bytes.
        found: u64,
        /// The bytes that its head says.
        needed: u64,
    },
    /// A checksum does not fit.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The checksums fit, and what it says does not: it was not made by this engine.
    #[error("it was not made by diptych, or by another build: {0}")]
    Foreign(String),
    /// The program has another version.
    #[error(
        "its program has version {found} of the format, and this engine ({engine}) reads {}: go on with {made_by}, or from the \
         scenario's text",
        crate::program::PROGRAM_VERSION
    )]
    Program {
        /// Its version.
        found: u32,
        /// This engine.
        engine: String,
        /// The engine that wrote it.
        made_by: String,
    },
}

/// A step from one version of the description to the next.
pub struct Hop {
    /// The version that it leads from; it leads to the one after it.
    pub from: u32,
    /// What it makes of a description, or why it cannot.
    pub go: fn(serde_json::Value) -> Result<serde_json::Value, String>,
}

/// All hops that there are. None yet: this is the first version.
pub const HOPS: &[Hop] = &[];

/// Brings a description of some version to this one.
fn migrate(version: u32, mut text: serde_json::Value, hops: &[Hop]) -> Result<serde_json::Value, CheckpointError> {
    if version > VERSION {
        return Err(CheckpointError::Version { found: version });
    }
    for from in version..VERSION {
        let hop = hops.iter().find(|hop| hop.from == from).ok_or(CheckpointError::Version { found: from })?;
        text = (hop.go)(text).map_err(CheckpointError::Foreign)?;
    }
    Ok(text)
}

/// Where whatever comes behind so many bytes begins.
fn aligned(offset: usize) -> usize {
    offset.next_multiple_of(ALIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_there_is_no_way_from_is_an_error_that_names_it() {
        let text = || serde_json::json!({ "frame": 1 });
        assert_eq!(migrate(VERSION, text(), &[]).unwrap(), text());
        let further = |mut text: serde_json::Value| {
            text["frame"] = 2.into();
            Ok(text)
        };
        let hops = [Hop { from: VERSION - 1, go: further }];
        assert_eq!(migrate(VERSION - 1, text(), &hops).unwrap()["frame"], 2);
        for (version, hops, named) in
            [(VERSION - 1, &[][..], VERSION - 1), (VERSION + 1, &hops[..], VERSION + 1), (u32::MAX, &hops, u32::MAX)]
        {
            match migrate(version, text(), hops) {
                Err(CheckpointError::Version { found }) => assert_eq!(found, named),
                other => panic!("{other:?}"),
            }
        }
        let fails = [Hop { from: VERSION - 1, go: |_| Err("it has no rows".into()) }];
        assert!(matches!(migrate(VERSION - 1, text(), &fails), Err(CheckpointError::Foreign(_))));
    }
}
