//! The segment's header: enough for a reader in any language to find and map every column.
//!
//! A fixed binary part of [`crate::layout::HEADER_BYTES`] bytes, then a description in JSON: groups, columns with
//! NumPy dtypes and the offsets of their panels, and where the frame record stands.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use crate::id::{Id, Tick};
use crate::layout::{HEADER_BYTES, Layout};
use crate::memory::Memory;
use crate::outputs::SIGNAL_PANELS;
use crate::program::{Origin, Program};

/// The first eight bytes of every segment.
pub const MAGIC: [u8; 8] = *b"DIPTYCH\0";
/// The version of the header; a reader that does not know it refuses.
pub const HEADER_VERSION: u32 = 2;

/// The fixed part. Little-endian.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Pod, Zeroable)]
#[repr(C)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`HEADER_VERSION`].
    pub version: u32,
    /// The process that made the segment.
    pub coordinator: u32,
    /// The hash of program and layout.
    pub layout_hash: u64,
    /// Bytes of the segment.
    pub bytes: u64,
    /// Where the description starts.
    pub description_offset: u64,
    /// Bytes of the description.
    pub description_bytes: u64,
    /// Where the published tick stands (`u32`). Tick t has `t - 1` complete frames.
    pub published_offset: u64,
    /// Where the frame records of even and of odd ticks stand (`u32` words: tick, rows a group, panel a column).
    pub record_offsets: [u64; 2],
}

/// The description.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Description {
    /// The scenario's name.
    pub scenario: String,
    /// The program's hash, 32 hexadecimal digits.
    pub program_hash: String,
    /// The time step.
    pub dt: f64,
    /// The groups, in the order of the record's rows.
    pub groups: Vec<DescribedGroup>,
    /// The columns, in the order of the record's panels.
    pub columns: Vec<DescribedColumn>,
    /// The signals. Of the state that tick t made those of panel t mod 3 are valid.
    #[serde(default)]
    pub signals: Vec<DescribedSignal>,
    /// The folder of the run's checkpoints, if it writes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<String>,
}

/// A group, described.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DescribedGroup {
    /// The name.
    pub name: String,
    /// Rows its columns have room for.
    pub capacity: u32,
    /// Of a grid how many cells it has along x, y and z; rows go along x first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<u32>,
    /// Whether its rows are made anew each frame.
    pub derived: bool,
}

/// A column, described.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DescribedColumn {
    /// `Position.x`.
    pub name: String,
    /// Its group's name.
    pub group: String,
    /// Its type, as NumPy spells it.
    pub dtype: String,
    /// Where each panel starts, in bytes from the segment's start; none of what only a frame itself can read.
    pub panels: Vec<usize>,
}

/// A signal, described.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DescribedSignal {
    /// Its name.
    pub name: String,
    /// Its type, as NumPy spells it.
    pub dtype: String,
    /// Where its value stands after the ticks that 3 divides, after those one later, and two, in bytes from the segment's
    /// start.
    pub panels: [usize; SIGNAL_PANELS],
}

/// The longest path that a description holds.
const PATH_MAX: usize = 4096;

/// Bytes that are set aside for the description: a bound that depends on the program alone.
pub fn description_room(program: &Program) -> usize {
    let groups: usize = program.groups.values().map(|g| 6 * g.name.len() + 144).sum();
    let columns: usize =
        program.columns.values().map(|c| 6 * (c.name().len() + program.groups[c.group].name.len()) + 160).sum();
    let signals: usize = program.signals.values().map(|s| 6 * s.name.len() + 128).sum();
    (512 + 6 * PATH_MAX + 6 * program.scenario.len() + groups + columns + signals)
        .next_multiple_of(crate::limits::ARRAY_ALIGN)
}

/// Describes a program's layout.
pub fn describe(program: &Program, layout: &Layout, checkpoints: Option<&str>) -> Description {
    Description {
        scenario: program.scenario.clone(),
        program_hash: format!("{:032x}", program.hash()),
        dt: program.dt,
        groups: program
            .groups
            .values()
            .map(|group| DescribedGroup {
                name: group.name.clone(),
                capacity: crate::layout::capacity(group.rows),
                cells: group.raster.iter().flat_map(|raster| &raster.extents[..raster.axes.into()]).copied().collect(),
                derived: matches!(group.origin, Origin::Buckets(_)),
            })
            .collect(),
        columns: program
            .columns
            .iter()
            .map(|(id, column)| DescribedColumn {
                name: column.name(),
                group: program.groups[column.group].name.clone(),
                dtype: column.scalar.dtype().to_string(),
                panels: if column.is_kept() { layout.columns[id].panels.clone() } else { Vec::new() },
            })
            .collect(),
        signals: program
            .signals
            .iter()
            .map(|(id, signal)| DescribedSignal {
                name: signal.name.clone(),
                dtype: signal.ty.scalar.dtype().to_string(),
                panels: layout.outputs.signals.map(|panel| panel.offset + id.index() * size_of::<u64>()),
            })
            .collect(),
        checkpoints: checkpoints.filter(|path| path.len() <= PATH_MAX).map(str::to_string),
    }
}

/// Writes header and description into fresh memory, before anybody attaches.
pub fn write(memory: &Memory, program: &Program, layout: &Layout, checkpoints: Option<&str>) {
    let text = serde_json::to_vec(&describe(program, layout, checkpoints)).unwrap_or_default();
    let text = &text[..text.len().min(layout.description.len)];
    let header = Header {
        magic: MAGIC,
        version: HEADER_VERSION,
        coordinator: std::process::id(),
        layout_hash: layout.hash,
        bytes: layout.bytes as u64,
        description_offset: layout.description.offset as u64,
        description_bytes: text.len() as u64,
        published_offset: layout.control.published.offset as u64,
        record_offsets: layout.records.map(|r| r.offset as u64),
    };
    memory.write_fresh(0, bytemuck::bytes_of(&header));
    memory.write_fresh(layout.description.offset, text);
}

/// What a segment says of itself.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// Not made by this engine.
    #[error("not a Diptych segment")]
    Alien,
    /// Made by another version.
    #[error("the segment has header version {found}, and this program reads {HEADER_VERSION}")]
    Version {
        /// The segment's.
        found: u32,
    },
    /// Cut off or damaged.
    #[error("the segment's header is damaged: {0}")]
    Damaged(String),
}

/// Reads the header and the description from a segment's bytes.
pub fn read(bytes: &[u8]) -> Result<(Header, Description), HeaderError> {
    let head = bytes.get(..size_of::<Header>()).ok_or(HeaderError::Alien)?;
    let header: Header = bytemuck::pod_read_unaligned(head);
    if header.magic != MAGIC {
        return Err(HeaderError::Alien);
    }
    if header.version != HEADER_VERSION {
        return Err(HeaderError::Version { found: header.version });
    }
    let end = header.description_offset.checked_add(header.description_bytes).map(|end| end as usize);
    let text = end
        .and_then(|end| bytes.get(header.description_offset as usize..end))
        .ok_or_else(|| HeaderError::Damaged("the description lies beyond the end".into()))?;
    let description = serde_json::from_slice(text).map_err(|e| HeaderError::Damaged(e.to_string()))?;
    Ok((header, description))
}

/// The layout hash of a mapped segment; nothing if it is not ours.
pub fn layout_hash(memory: &Memory) -> Option<u64> {
    let bytes = memory.header_bytes()?;
    let header: Header = bytemuck::pod_read_unaligned(bytes.get(..size_of::<Header>())?);
    (header.magic == MAGIC && header.version == HEADER_VERSION).then_some(header.layout_hash)
}

const _: () = assert!(size_of::<Header>() <= HEADER_BYTES);

/// The words of a record, told apart for a reader: which panel of a column is `prev`, how many rows a group has.
pub fn record_word_of_column(description: &Description, column: usize) -> usize {
    1 + description.groups.len() + column
}

/// The tick after which the described state stands, for people: how many frames are complete.
pub fn frames_of(published: u32) -> u32 {
    Tick(published).frames_done()
}
