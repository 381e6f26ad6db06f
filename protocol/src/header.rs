//! The segment's header: enough for a reader in any language to find and map every column.
//!
//! A fixed binary part of [`crate::layout::HEADER_BYTES`] bytes, then a description in JSON: groups, columns with
//! NumPy dtypes and the offsets of their panels, and where the frame record stands.

use bytemuck::{Pod, Zeroable};
use serde::{Deserialize, Serialize};

use crate::board::COUNTERS;
use crate::id::{ColumnId, GroupId, Id, Tick};
use crate::layout::{HEADER_BYTES, Layout, SLOT_WORDS};
use crate::limits::DESCRIPTION_BYTES_MAX;
use crate::memory::Memory;
use crate::outputs::SIGNAL_PANELS;
use crate::program::{Enum, Origin, Program};
use crate::types::{Scalar, Sort, Type};

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
    /// The sets of variants that columns and signals may hold, by their place here.
    #[serde(default)]
    pub enums: Vec<Enum>,
    /// The words by which the run's processes agree, for those who look at it.
    #[serde(default)]
    pub control: Option<DescribedControl>,
    /// The folder of the run's checkpoints, if it writes any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<String>,
}

/// Words that say how a run goes, in bytes from the segment's start.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DescribedControl {
    /// Whether workers are told to leave (`u32`).
    pub halt: usize,
    /// Which workers sleep: a bit each (`u64`, as many as there are).
    pub parked: usize,
    /// Rung for the coordinator (`u32`).
    pub bell: usize,
    /// Whether somebody asks for a state to be lent (`u32`). Of all that stands here this alone is written from outside.
    pub asked: usize,
    /// The tick whose state is lent (`u32`); 0: none.
    pub lent: usize,
    /// The slots of workers (`u64`). The first word of a slot is its [`Progress`](crate::ticket::Progress); from word
    /// [`COUNTERS`] on stand batches run, beats while it waited, and its process.
    pub slots: usize,
    /// Words of a slot.
    pub slot_words: usize,
    /// How many workers there are.
    pub workers: u16,
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
    /// The column that says which entity a row is; without one, rows are the entities of their numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entities: Option<usize>,
    /// The column that says which life of that entity it is, where rows come and go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generations: Option<usize>,
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
    /// The set of variants that it holds one of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_enum: Option<usize>,
    /// The group whose entities it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers: Option<usize>,
    /// Where each panel starts, in bytes from the segment's start; none of what only a frame itself can read.
    pub panels: Vec<usize>,
}

impl DescribedColumn {
    /// Bytes of a value; nothing if the dtype is none that columns have.
    pub fn size(&self) -> Option<usize> {
        Scalar::ALL.into_iter().find(|scalar| scalar.dtype() == self.dtype).map(Scalar::size)
    }
}

/// A signal, described.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct DescribedSignal {
    /// Its name.
    pub name: String,
    /// Its type, as NumPy spells it.
    pub dtype: String,
    /// The set of variants that it is one of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of_enum: Option<usize>,
    /// Whether the scenario names it.
    #[serde(default)]
    pub named: bool,
    /// Where its value stands after the ticks that 3 divides, after those one later, and two, in bytes from the segment's
    /// start.
    pub panels: [usize; SIGNAL_PANELS],
}

/// The longest path that a description holds.
const PATH_MAX: usize = 4096;

/// Bytes that are set aside for the description: a bound that depends on the program alone.
pub fn description_room(program: &Program) -> usize {
    let groups: usize = program.groups.values().map(|g| 6 * g.name.len() + 208).sum();
    let variants = |of: &Enum| of.variants.iter().map(|name| 6 * name.len() + 3).sum::<usize>();
    let enums: usize = program.enums.values().map(|of| 6 * of.name.len() + 32 + variants(of)).sum();
    let columns: usize =
        program.columns.values().map(|c| 6 * (c.name().len() + program.groups[c.group].name.len()) + 208).sum();
    let signals: usize = program.signals.values().map(|s| 6 * s.name.len() + 176).sum();
    (1024 + 6 * PATH_MAX + 6 * program.scenario.len() + groups + columns + signals + enums)
        .next_multiple_of(crate::limits::ARRAY_ALIGN)
}

fn of_enum(ty: Type) -> Option<usize> {
    match ty.sort {
        Sort::Enum(of) => Some(of.index()),
        Sort::Plain | Sort::Entity(_) => None,
    }
}

/// Describes a program's layout.
pub fn describe(program: &Program, layout: &Layout, checkpoints: Option<&str>) -> Description {
    Description {
        scenario: program.scenario.clone(),
        program_hash: format!("{:032x}", program.hash()),
        dt: program.dt,
        enums: program.enums.values().cloned().collect(),
        control: Some(DescribedControl {
            halt: layout.control.halt.offset,
            parked: layout.control.parked.offset,
            bell: layout.control.bell.offset,
            asked: layout.control.asked.offset,
            lent: layout.control.lent.offset,
            slots: layout.slots.offset,
            slot_words: SLOT_WORDS,
            workers: layout.workers,
        }),
        groups: program
            .groups
            .values()
            .map(|group| DescribedGroup {
                name: group.name.clone(),
                capacity: crate::layout::capacity(group.rows),
                cells: group.raster.iter().flat_map(|raster| &raster.extents[..raster.axes.into()]).copied().collect(),
                derived: matches!(group.origin, Origin::Buckets(_)),
                entities: (group.living.map(|it| it.entities).or(group.order.map(|it| it.entities)))
                    .map(ColumnId::index),
                generations: group.living.map(|it| it.generations.index()),
            })
            .collect(),
        columns: program
            .columns
            .iter()
            .map(|(id, column)| DescribedColumn {
                name: column.name(),
                group: program.groups[column.group].name.clone(),
                dtype: column.scalar.dtype().to_string(),
                of_enum: of_enum(column.component_type),
                refers: match column.component_type.sort {
                    // Its second lane says which life of the entity is meant.
                    Sort::Entity(to) if column.lane == 0 => Some(GroupId::index(to)),
                    _ => None,
                },
                panels: if column.is_kept() { layout.columns[id].panels.clone() } else { Vec::new() },
            })
            .collect(),
        signals: program
            .signals
            .iter()
            .map(|(id, signal)| DescribedSignal {
                name: signal.name.clone(),
                dtype: signal.ty.scalar.dtype().to_string(),
                of_enum: of_enum(signal.ty),
                named: signal.named,
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

/// Reads the header and the description from a segment's bytes. Whatever they are: what is given back speaks of places within
/// the segment alone.
pub fn read(bytes: &[u8]) -> Result<(Header, Description), HeaderError> {
    let damaged = |what: &str| HeaderError::Damaged(what.into());
    let head = bytes.get(..size_of::<Header>()).ok_or(HeaderError::Alien)?;
    let header: Header = bytemuck::pod_read_unaligned(head);
    if header.magic != MAGIC {
        return Err(HeaderError::Alien);
    }
    if header.version != HEADER_VERSION {
        return Err(HeaderError::Version { found: header.version });
    }
    if header.description_bytes > DESCRIPTION_BYTES_MAX {
        return Err(damaged("the description is too long"));
    }
    let text = within(bytes, header.description_offset, header.description_bytes)
        .ok_or_else(|| damaged("the description lies beyond the end"))?;
    // A copy: nobody writes a text while it is parsed.
    let text: Vec<u8> = text.into();
    let description: Description = serde_json::from_slice(&text).map_err(|e| HeaderError::Damaged(e.to_string()))?;
    check(&header, &description, bytes)?;
    Ok((header, description))
}

fn within(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    bytes.get(usize::try_from(offset).ok()?..usize::try_from(offset.checked_add(len)?).ok()?)
}

/// Whether all that a reader follows stands within the segment, where it can be read.
fn check(header: &Header, description: &Description, bytes: &[u8]) -> Result<(), HeaderError> {
    let damaged = |what: String| HeaderError::Damaged(what);
    let words = |offset: u64, count: usize| {
        let len = 4 * count as u64;
        offset.is_multiple_of(4) && within(bytes, offset, len).is_some()
    };
    let record = record_word_of_column(description, description.columns.len());
    if !words(header.published_offset, 1) || !header.record_offsets.into_iter().all(|offset| words(offset, record)) {
        return Err(damaged("a frame record lies beyond the end".into()));
    }
    for column in &description.columns {
        let named = || format!("{} of {}", column.name, column.group);
        let size = column.size().ok_or_else(|| damaged(format!("{}: no such dtype: {}", named(), column.dtype)))?;
        let group = description.groups.iter().find(|group| group.name == column.group);
        let group = group.ok_or_else(|| damaged(format!("{}: there is no such group", named())))?;
        let len = u64::from(group.capacity) * size as u64;
        if !column.panels.iter().all(|&panel| within(bytes, panel as u64, len).is_some()) {
            return Err(damaged(format!("{} lies beyond the end", named())));
        }
    }
    let columns = description.columns.len();
    let named = |group: &DescribedGroup| group.entities.into_iter().chain(group.generations).all(|it| it < columns);
    if !description.groups.iter().all(named) {
        return Err(damaged("a group's rows are named by a column that there is not".into()));
    }
    if let Some(control) = &description.control {
        let slots = 8 * usize::from(control.workers) * control.slot_words;
        let words = [(control.halt, 4), (control.bell, 4), (control.asked, 4), (control.lent, 4)];
        let wide = [(control.parked, 8 * usize::from(control.workers).div_ceil(64)), (control.slots, slots)];
        let fits = |(offset, len): (usize, usize), align: usize| {
            offset.is_multiple_of(align) && within(bytes, offset as u64, len as u64).is_some()
        };
        let enough = control.slot_words > COUNTERS + 2 && control.slot_words <= SLOT_WORDS;
        if !enough || !words.into_iter().all(|it| fits(it, 4)) || !wide.into_iter().all(|it| fits(it, 8)) {
            return Err(damaged("the words of the run lie beyond the end".into()));
        }
    }
    let signals = description.signals.iter().flat_map(|signal| signal.panels);
    match signals.into_iter().all(|panel| within(bytes, panel as u64, 8).is_some()) {
        true => Ok(()),
        false => Err(damaged("a signal lies beyond the end".into())),
    }
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
