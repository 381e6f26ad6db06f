//! A reader from outside: maps a running segment read-only and copies what it wants of the last complete state, without
//! the run noticing.
//!
//! **What is guaranteed.** What one [`Reader::look`] gives is of one state, whole, however many columns and groups it is of;
//! that state was the last complete one when the look began, or a later one. Nothing that is read changes a result. Only the
//! run's own user can map its memory (mode 0600), and what is mapped cannot be written.
//!
//! **What it costs.** Copies between two frames cost the run nothing but memory bandwidth. Where frames are so short that no
//! copy comes to its end, the coordinator lends a state: for a few milliseconds, in which workers run one more frame and then
//! wait; a few times a second at most, whoever asks how often. It takes the state back by itself: a reader that is stopped or
//! killed holds up nobody, and learns from the word `lent` that its copy is worth nothing.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

use rustix::thread::futex;

use crate::board::COUNTERS;
use crate::header::{self, DescribedColumn, Description, Header, HeaderError};
use crate::outputs::SIGNAL_PANELS;
use crate::segment;
use crate::ticket::Progress;

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
    /// The run swaps panels faster than that can be copied.
    #[error("the run was faster than the copy, {0} times; try again, or look at less")]
    Overtaken(u32),
}

/// A mapped segment of another process.
pub struct Reader {
    map: memmap2::Mmap,
    header: Header,
    name: String,
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

/// The signals of one state.
pub struct Signals {
    /// How many frames were complete.
    pub frames: u32,
    /// Their bits, in the low end of a word each, in the order of the description.
    pub bits: Vec<u64>,
}

/// What was copied of one state.
#[derive(Clone, Debug)]
pub struct Seen<T> {
    /// How many frames were complete.
    pub frames: u32,
    /// How often it was tried.
    pub tries: u32,
    /// Whether the state was lent: frames are too short to copy it between two.
    pub lent: bool,
    /// The copy.
    pub value: T,
}

/// What a worker shows of itself. It is no part of a state: each word is as it was when it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Health {
    /// Its process, once it has begun.
    pub process: Option<u32>,
    /// Where it is.
    pub progress: Progress,
    /// Batches that it, and those before it in its slot, have run.
    pub batches: u64,
    /// A number that changes as long as it lives.
    pub pulse: u64,
    /// Whether it sleeps.
    pub asleep: bool,
}

/// A copy is tried so often before a state is asked for.
const TRIES: u32 = 24;
/// A state is asked for so often,
const LOANS: u32 = 8;
/// and waited for so long each time: it is lent a few times a second at most.
const LOAN_WAIT: Duration = Duration::from_millis(600);

/// One state of a run, while it may still be copied. What is copied counts only if [`Reader::look`] says so.
pub struct State<'r> {
    reader: &'r Reader,
    tick: u32,
    /// Rows a group, then the panel of each column.
    record: Vec<u32>,
}

impl State<'_> {
    /// A group's rows.
    pub fn rows(&self, group: usize) -> u32 {
        self.record.get(group).copied().unwrap_or(0)
    }

    /// Copies rows of a column, both by their numbers: all of the range that the group has.
    pub fn column(&self, column: usize, rows: Range<u32>) -> Result<Vec<u8>, ReadError> {
        let description = &self.reader.description;
        let missing = || ReadError::NoColumn(format!("{column}"));
        let of = description.columns.get(column).ok_or_else(missing)?;
        let named = || ReadError::NoColumn(format!("{}.{}", of.group, of.name));
        let group = description.groups.iter().position(|group| group.name == of.group).ok_or_else(named)?;
        let size = of.size().ok_or_else(named)?;
        let there = self.rows(group);
        let (start, end) = (rows.start.min(there) as usize * size, rows.end.min(there) as usize * size);
        let panel = self.record.get(description.groups.len() + column).map_or(0, |panel| *panel as usize);
        let offset = *of.panels.get(panel).ok_or_else(named)?;
        let bytes = self.reader.map.get(offset + start..(offset + end).max(offset + start));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| HeaderError::Damaged("a column lies beyond the end".into()).into())
    }

    /// Copies the bits of all signals.
    pub fn signals(&self) -> Result<Vec<u64>, ReadError> {
        let panel = self.tick as usize % SIGNAL_PANELS;
        let bits = self.reader.description.signals.iter().map(|signal| {
            let start = signal.panels[panel];
            self.reader.map.get(start..start.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
        });
        let bits: Option<Vec<u64>> = bits.collect();
        bits.ok_or_else(|| HeaderError::Damaged("a signal lies beyond the end".into()).into())
    }
}

impl Reader {
    /// Maps a segment by name.
    pub fn open(name: &str) -> Result<Self, ReadError> {
        let refused = |source| ReadError::Map { name: name.into(), source };
        Self::over(&segment::open_to_read(name).map_err(refused)?, name)
    }

    /// Maps a file that is a segment, or claims to be.
    pub fn over(file: &std::fs::File, name: &str) -> Result<Self, ReadError> {
        let map = map_read_only(file).map_err(|source| ReadError::Map { name: name.into(), source })?;
        let (header, description) = header::read(&map)?;
        Ok(Self { map, header, name: name.into(), description })
    }

    /// The process that made the segment.
    pub fn coordinator(&self) -> u32 {
        self.header.coordinator
    }

    /// Bytes of the segment.
    pub fn bytes(&self) -> u64 {
        self.header.bytes
    }

    fn word(&self, offset: usize) -> u32 {
        let word: &AtomicU32 = atomic(&self.map, offset);
        word.load(Ordering::Acquire)
    }

    fn wide(&self, offset: usize) -> u64 {
        u64::from(self.word(offset)) | u64::from(self.word(offset + 4)) << 32
    }

    fn published(&self) -> u32 {
        self.word(self.header.published_offset as usize)
    }

    /// How many frames are complete; nothing before set-up is.
    pub fn frames(&self) -> Option<u32> {
        match self.published() {
            0 => None,
            tick => Some(header::frames_of(tick)),
        }
    }

    /// The record of a tick; nothing if it is not whole any more, or not yet.
    fn state(&self, tick: u32) -> Option<State<'_>> {
        let offset = self.header.record_offsets[(tick & 1) as usize] as usize;
        let (groups, columns) = (&self.description.groups, &self.description.columns);
        let record: Vec<u32> = (1..=groups.len() + columns.len()).map(|word| self.word(offset + 4 * word)).collect();
        let rows = groups.iter().zip(&record).all(|(group, rows)| *rows <= group.capacity);
        let mut panels = columns.iter().zip(&record[groups.len()..]);
        let sound = rows && panels.all(|(column, panel)| *panel == 0 || (*panel as usize) < column.panels.len());
        (self.word(offset) == tick && sound).then_some(State { reader: self, tick, record })
    }

    /// Copies something of one state, the last complete one, whole: all that `copy` takes is of the same frame, or it is
    /// called again.
    ///
    /// The panels of a state are written again by the tick after the next, which begins when the next one is published. So a
    /// copy is good if its tick is the last published one before it and after it; the run notices nothing. Where frames are
    /// too short for that, the coordinator is asked to lend a state.
    pub fn look<T>(&self, mut copy: impl FnMut(&State<'_>) -> Result<T, ReadError>) -> Result<Seen<T>, ReadError> {
        let mut tries = 0;
        while tries < TRIES {
            tries += 1;
            let tick = self.published();
            if tick == 0 {
                return Err(ReadError::TooEarly);
            }
            let Some(state) = self.state(tick) else { continue };
            let copied = copy(&state);
            fence(Ordering::Acquire);
            if self.published() == tick {
                let value = copied?;
                return Ok(Seen { frames: header::frames_of(tick), tries, lent: false, value });
            }
        }
        for _ in 0..LOANS {
            tries += 1;
            let Some(tick) = self.loan() else { break };
            let Some(state) = self.state(tick) else { continue };
            let copied = copy(&state);
            fence(Ordering::SeqCst);
            if self.lent() == Some(tick) {
                let value = copied?;
                return Ok(Seen { frames: header::frames_of(tick), tries, lent: true, value });
            }
        }
        Err(ReadError::Overtaken(tries))
    }

    fn lent(&self) -> Option<u32> {
        let control = self.description.control.as_ref()?;
        Some(self.word(control.lent)).filter(|tick| *tick != 0)
    }

    /// Asks the coordinator for a state, and waits until it is lent, or until it is clear that none will be. Nobody writes over
    /// it while its tick stands in the word `lent`. The coordinator takes it back by itself, after a few milliseconds: it
    /// waits for nobody who has asked.
    ///
    /// The word by which one asks is written with `pwrite`: nothing of the run is mapped so that it could be written.
    fn loan(&self) -> Option<u32> {
        let control = self.description.control.as_ref()?;
        let since = Instant::now();
        // A loan that has begun already may be over in a moment: the next one is waited for.
        let before = self.lent();
        segment::write_word(&self.name, control.asked as u64, 1).ok()?;
        // Whoever waits for the bell looks, whatever it says.
        let _ = futex::wake(atomic(&self.map, control.bell), futex::Flags::empty(), i32::MAX as u32);
        while since.elapsed() < LOAN_WAIT {
            if let Some(tick) = self.lent().filter(|tick| Some(*tick) != before) {
                return Some(tick);
            }
            std::thread::sleep(Duration::from_micros(50));
        }
        None
    }

    /// Copies a column (`GROUP`, `Position.x`) of the last complete state, as [`Self::look`] does.
    pub fn column(&self, group: &str, name: &str) -> Result<Snapshot, ReadError> {
        let wanted = |c: &DescribedColumn| c.group == group && c.name == name && !c.panels.is_empty();
        let number = self.description.columns.iter().position(wanted);
        let number = number.ok_or_else(|| ReadError::NoColumn(format!("{group}.{name}")))?;
        let seen = self.look(|state| state.column(number, 0..u32::MAX))?;
        Ok(Snapshot { frames: seen.frames, bytes: seen.value })
    }

    /// Copies the signals of the last complete state.
    pub fn signals(&self) -> Result<Signals, ReadError> {
        let seen = self.look(|state| state.signals())?;
        Ok(Signals { frames: seen.frames, bits: seen.value })
    }

    /// What workers show of themselves.
    pub fn workers(&self) -> Vec<Health> {
        let Some(control) = &self.description.control else { return Vec::new() };
        let health = |worker: usize| {
            let slot = control.slots + 8 * worker * control.slot_words;
            let counter = |at: usize| self.wide(slot + 8 * (COUNTERS + at));
            let batches = counter(0);
            Health {
                process: Some(counter(2) as u32).filter(|process| *process != 0),
                progress: Progress::unpack(self.wide(slot)),
                batches,
                pulse: batches.wrapping_add(counter(1)),
                asleep: self.wide(control.parked + worker / 64 * 8) >> (worker % 64) & 1 == 1,
            }
        };
        (0..usize::from(control.workers)).map(health).collect()
    }

    /// Whether workers have been told to leave: the run is over, or goes on elsewhere with another program.
    pub fn is_over(&self) -> bool {
        self.description.control.as_ref().is_some_and(|control| self.word(control.halt) != 0)
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
