//! A reader from outside: maps a running segment read-only and copies columns of the last complete state, without
//! the run noticing.

use std::sync::atomic::{AtomicU32, Ordering, fence};

use crate::header::{self, DescribedColumn, Description, Header, HeaderError};
use crate::outputs::SIGNAL_PANELS;
use crate::segment;

/// Why a segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such segment, or not permitted.
    #[error("cannot map the segment {name}: {source}")]
    Map {
        /// The name.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Not ours, or damaged.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// No such column.
    #[error("the segment has no column {0}")]
    NoColumn(String),
    /// Set-up is not complete.
    #[error("the run has no complete state yet")]
    TooEarly,
    /// The run swaps panels faster than the column can be copied.
    #[error("the run was faster than the copy, {0} times; try again, or read a smaller column")]
    Overtaken(u32),
}

/// A mapped segment of another process.
pub struct Reader {
    map: memmap2::Mmap,
    header: Header,
    /// What the segment says of itself.
    pub description: Description,
}

/// A column's rows in one state.
pub struct Snapshot {
    /// How many frames were complete.
    pub frames: u32,
    /// The rows, as the column's dtype has them.
    pub bytes: Vec<u8>,
}

const RETRIES: u32 = 100;

impl Reader {
    /// Maps a segment by name.
    pub fn open(name: &str) -> Result<Self, ReadError> {
        let refused = |source| ReadError::Map { name: name.into(), source };
        let file = std::fs::File::open(segment::path(name)).map_err(refused)?;
        let map = map_read_only(&file).map_err(refused)?;
        let (header, description) = header::read(&map)?;
        Ok(Self { map, header, description })
    }

    fn word(&self, offset: usize) -> u32 {
        let word: &AtomicU32 = atomic(&self.map, offset);
        word.load(Ordering::Acquire)
    }

    /// How many frames are complete; nothing before set-up is.
    pub fn frames(&self) -> Option<u32> {
        match self.word(self.header.published_offset as usize) {
            0 => None,
            tick => Some(header::frames_of(tick)),
        }
    }

    /// Copies a column (`GROUP`, `Position.x`) of the last complete state. The copy is checked: if the run came
    /// round to the panel meanwhile, it is taken again.
    pub fn column(&self, group: &str, name: &str) -> Result<Snapshot, ReadError> {
        let missing = || ReadError::NoColumn(format!("{group}.{name}"));
        let columns = &self.description.columns;
        let wanted = |c: &DescribedColumn| c.group == group && c.name == name && !c.panels.is_empty();
        let number = columns.iter().position(wanted).ok_or_else(missing)?;
        let column = &self.description.columns[number];
        let group = self.description.groups.iter().position(|g| g.name == group).ok_or_else(missing)?;
        let size: usize = column.dtype[2..].parse().map_err(|_| missing())?;
        let published = self.header.published_offset as usize;
        for _ in 0..RETRIES {
            let tick = self.word(published);
            if tick == 0 {
                return Err(ReadError::TooEarly);
            }
            let record = self.header.record_offsets[(tick & 1) as usize] as usize;
            let rows = self.word(record + 4 * (1 + group)) as usize;
            let panel = self.word(record + 4 * header::record_word_of_column(&self.description, number)) as usize;
            if let Some(&start) = column.panels.get(panel)
                && let Some(bytes) = self.map.get(start..start + rows * size)
            {
                let bytes = bytes.to_vec();
                fence(Ordering::Acquire);
                // Tick t + 1 writes the other panel; this one is rewritten by tick t + 2, which begins when t + 1 is
                // published. A column nobody owns is never rewritten.
                if column.panels.len() == 1 || (self.word(published) == tick && self.word(record) == tick) {
                    return Ok(Snapshot { frames: header::frames_of(tick), bytes });
                }
            }
        }
        Err(ReadError::Overtaken(RETRIES))
    }
}

/// The signals of one state.
pub struct Signals {
    /// How many frames were complete.
    pub frames: u32,
    /// Their bits, in the low end of a word each, in the order of the description.
    pub bits: Vec<u64>,
}

impl Reader {
    /// Copies the signals of the last complete state. Checked as a column is: the panel of tick t is written again by the
    /// commit of t + 3, when t + 2 is published.
    pub fn signals(&self) -> Result<Signals, ReadError> {
        let published = self.header.published_offset as usize;
        for _ in 0..RETRIES {
            let tick = self.word(published);
            if tick == 0 {
                return Err(ReadError::TooEarly);
            }
            let panel = tick as usize % SIGNAL_PANELS;
            let bits: Option<Vec<u64>> = (self.description.signals.iter())
                .map(|signal| {
                    let start = signal.panels[panel];
                    self.map.get(start..start.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
                })
                .collect();
            let bits = bits.ok_or_else(|| HeaderError::Damaged("a signal lies beyond the end".into()))?;
            fence(Ordering::Acquire);
            if self.word(published) == tick {
                return Ok(Signals { frames: header::frames_of(tick), bits });
            }
        }
        Err(ReadError::Overtaken(RETRIES))
    }
}

#[expect(unsafe_code, reason = "mapping a file that other processes write")]
fn map_read_only(file: &std::fs::File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: the file is a segment, which is never truncated while it is mapped; others do write it, so what is
    // read is copied and then checked against the published tick before anybody trusts it.
    unsafe { memmap2::Mmap::map(file) }
}

#[expect(unsafe_code, reason = "an atomic word of a mapped file")]
fn atomic(map: &[u8], offset: usize) -> &AtomicU32 {
    let word = &map[offset..offset + 4];
    assert!(word.as_ptr().cast::<AtomicU32>().is_aligned(), "a misaligned word");
    // SAFETY: in range, aligned, valid for any bits; only ever loaded.
    unsafe { &*word.as_ptr().cast::<AtomicU32>() }
}
