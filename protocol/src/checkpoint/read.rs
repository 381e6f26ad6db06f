//! A state from the bytes of a file. Nothing of them is believed before it is checked.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use rayon::prelude::*;
use twox_hash::XxHash3_64;

use super::{ALIGN, BLOCK, CheckpointError, Description, HEAD_BYTES, HOPS, Head, MAGIC, Stretch, VERSION, migrate};
use crate::edits::Balance;
use crate::id::{ColumnId, GroupId, Tick};
use crate::limits::FRAMES_MAX;
use crate::program::{PROGRAM_VERSION, Program};
use crate::still::{Still, values};
use crate::table::Table;
use crate::types::{NO_ROW, Scalar};
use crate::verify;

/// The longest description that is looked at.
const DESCRIPTION_MAX: u64 = 256 << 20;

/// A checkpoint that has been read, and is whole.
#[derive(Debug)]
pub struct Checkpoint {
    /// The file, in words: columns are aligned.
    words: Vec<u64>,
    /// What it says of itself.
    pub description: Description,
    /// What ran.
    pub program: Program,
}

impl Checkpoint {
    /// Reads a file, and checks every byte of it.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        let mut file = File::open(path)?;
        let found = file.metadata()?.len();
        // Before memory is taken for a file that is none.
        let head = head_of(&mut file, found)?;
        file.seek(SeekFrom::Start(0))?;
        let bytes = usize::try_from(head.bytes).map_err(|_| CheckpointError::Damaged("its head".into()))?;
        let mut words: Vec<u64> = Vec::new();
        words.try_reserve_exact(bytes.div_ceil(8)).map_err(|e| std::io::Error::new(ErrorKind::OutOfMemory, e))?;
        words.resize(bytes.div_ceil(8), 0);
        file.read_exact(&mut bytemuck::cast_slice_mut(&mut words)[..bytes])?;
        Self::from_words(words, head.bytes)
    }

    /// Of the bytes of a file, in words; the last one may be filled up.
    pub fn from_words(words: Vec<u64>, bytes: u64) -> Result<Self, CheckpointError> {
        let all: &[u8] = bytemuck::cast_slice(&words);
        let all = &all[..all.len().min(usize::try_from(bytes).unwrap_or(usize::MAX))];
        let head = head(all, bytes)?;
        check_sums(all, &head)?;
        let description = describe_from(&head, stretch(all, head.description)?)?;
        let program = decode(stretch(all, head.program)?, &description)?;
        let checkpoint = Self { words, description, program };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// The state.
    pub fn still(&self) -> Still<'_> {
        let all: &[u8] = bytemuck::cast_slice(&self.words);
        let (program, text) = (&self.program, &self.description);
        let words = |offset: u64, count: usize| -> &[u64] {
            let start = offset as usize / 8;
            &self.words[start..start + count]
        };
        let numbers: &[u32] = bytemuck::cast_slice(words(text.balances, (3 * program.groups.len()).div_ceil(2)));
        let first = text.signals.first().map_or(0, |signal| signal.offset);
        let column = |(id, of): (ColumnId, &super::DescribedColumn)| {
            let start = of.offset as usize;
            &all[start..start + of.rows as usize * program.columns[id].scalar.size()]
        };
        Still {
            program,
            tick: Tick::after_frames(text.frame),
            rows: text.groups.iter().map(|group| group.rows).collect(),
            columns: program.columns.ids().zip(&text.columns).map(column).collect(),
            signals: words(first, program.signals.len()),
            before: words(text.before, program.signals.len()),
            balances: (numbers.chunks_exact(3).take(program.groups.len()))
                .map(|it| Balance { before: it[0], ends: it[1], births: it[2] })
                .collect(),
        }
    }

    /// Whether the description fits the program and the bytes, and the columns are what a state can hold.
    fn check(&self) -> Result<(), CheckpointError> {
        let (program, text) = (&self.program, &self.description);
        let foreign = |what: String| Err(CheckpointError::Foreign(what));
        let counts = [
            (text.groups.len(), program.groups.len()),
            (text.columns.len(), program.columns.len()),
            (text.signals.len(), program.signals.len()),
        ];
        if counts.iter().any(|(told, there)| told != there) || text.frame > FRAMES_MAX {
            return foreign("its description does not fit its program".into());
        }
        for (told, group) in text.groups.iter().zip(program.groups.values()) {
            let fits = if group.living.is_some() { told.rows <= group.rows } else { told.rows == group.first_rows() };
            if !fits {
                return foreign(format!("the group {} cannot have {} rows", group.name, told.rows));
            }
        }
        let within = |offset: u64, bytes: usize| {
            let end = offset.checked_add(bytes as u64);
            offset.is_multiple_of(ALIGN as u64) && end.is_some_and(|end| end <= 8 * self.words.len() as u64)
        };
        let rows: Table<GroupId, u32> = text.groups.iter().map(|group| group.rows).collect();
        for ((id, column), told) in program.columns.iter().zip(&text.columns) {
            let count = values(program, id, rows[column.group]);
            if told.rows != count || !within(told.offset, count as usize * column.scalar.size()) {
                return foreign(format!("the column {} does not stand where it says", column.name()));
            }
        }
        let signals = 8 * program.signals.len();
        let first = text.signals.first().map_or(0, |signal| signal.offset);
        let apart = text.signals.iter().zip(0..).any(|(signal, at)| signal.offset != first + 8 * at);
        let balances = (3 * program.groups.len()).next_multiple_of(2) * size_of::<u32>();
        if apart || !within(first, signals) || !within(text.before, signals) || !within(text.balances, balances) {
            return foreign("its signals do not stand where it says".into());
        }
        sound(&self.still())
    }
}

/// Whether the columns of a state hold what states hold, where others rely on it.
fn sound(state: &Still<'_>) -> Result<(), CheckpointError> {
    let program = state.program;
    let foreign = |column: ColumnId, what: &str| {
        let group = &program.groups[program.columns[column].group].name;
        Err(CheckpointError::Foreign(format!("{} of {group} {what}", program.columns[column].name())))
    };
    for (id, column) in program.columns.iter().filter(|(_, column)| column.scalar == Scalar::Bool) {
        if state.columns[id].par_chunks(BLOCK).any(|rows| rows.iter().any(|it| *it > 1)) {
            return foreign(id, &format!("is true or false, and holds something else ({})", column.scalar.name()));
        }
    }
    let numbers = |column: ColumnId| -> &[u32] { bytemuck::cast_slice(state.columns[column]) };
    for (id, group) in program.groups.iter() {
        if let Some(living) = group.living {
            let entities = numbers(living.entities);
            let Some(rows) = inverted(entities) else {
                return foreign(living.entities, "does not have each entity once");
            };
            let living_rows = state.rows[id];
            let told = numbers(living.directory).iter().zip(&rows);
            let right = |(told, row): (&u32, &u32)| *told == if *row < living_rows { *row } else { NO_ROW };
            if numbers(living.directory).len() != rows.len() || !told.into_iter().all(right) {
                return foreign(living.directory, "does not say where the entities are");
            }
        }
        if let Some(order) = group.order
            && inverted(numbers(order.entities)).is_none()
        {
            return foreign(order.entities, "does not have each entity once");
        }
    }
    Ok(())
}

/// Where each number stands, if each below their count is there once.
fn inverted(numbers: &[u32]) -> Option<Vec<u32>> {
    let mut places = vec![NO_ROW; numbers.len()];
    for (number, place) in numbers.iter().zip(0..) {
        let of = places.get_mut(*number as usize)?;
        if *of != NO_ROW {
            return None;
        }
        *of = place;
    }
    Some(places)
}

/// What a file says of itself. Of the file only that is looked at, and nothing of it is checked but its head.
pub fn describe(path: &Path) -> Result<Description, CheckpointError> {
    let mut file = File::open(path)?;
    let found = file.metadata()?.len();
    let head = head_of(&mut file, found)?;
    if head.description.bytes > DESCRIPTION_MAX {
        return Err(CheckpointError::Foreign("its description is longer than any".into()));
    }
    file.seek(SeekFrom::Start(head.description.offset))?;
    let mut text = Vec::new();
    file.take(head.description.bytes).read_to_end(&mut text)?;
    describe_from(&head, &text)
}

/// The head at the start of a file of so many bytes.
fn head_of(file: &mut File, found: u64) -> Result<Head, CheckpointError> {
    let mut page = Vec::with_capacity(HEAD_BYTES);
    file.take(HEAD_BYTES as u64).read_to_end(&mut page)?;
    head(&page, found)
}

fn head(start: &[u8], found: u64) -> Result<Head, CheckpointError> {
    if !start.starts_with(&MAGIC) {
        return Err(CheckpointError::Alien);
    }
    let cut = |needed: u64| CheckpointError::Cut { found, needed };
    let page = start.get(..HEAD_BYTES).ok_or_else(|| cut(HEAD_BYTES as u64))?;
    let head: Head = bytemuck::pod_read_unaligned(&page[..size_of::<Head>()]);
    if head.version > VERSION {
        return Err(CheckpointError::Version { found: head.version });
    }
    let whole = page[size_of::<Head>()..].iter().all(|byte| *byte == 0);
    if head.sum != head.checksum() || !whole {
        return Err(CheckpointError::Damaged("its head".into()));
    }
    if found < head.bytes {
        return Err(cut(head.bytes));
    }
    let blocks = head.sums.offset.saturating_sub(HEAD_BYTES as u64).div_ceil(BLOCK as u64);
    let fits = head.block == BLOCK as u32
        && found == head.bytes
        && head.sums.offset.checked_add(head.sums.bytes) == Some(head.bytes)
        && blocks.checked_mul(8) == Some(head.sums.bytes);
    fits.then_some(head).ok_or_else(|| CheckpointError::Damaged("its head does not fit its length".into()))
}

fn stretch(all: &[u8], at: Stretch) -> Result<&[u8], CheckpointError> {
    let end = at.offset.checked_add(at.bytes);
    let found = end.and_then(|end| all.get(usize::try_from(at.offset).ok()?..usize::try_from(end).ok()?));
    found.ok_or_else(|| CheckpointError::Damaged("its head points beyond its end".into()))
}

fn check_sums(all: &[u8], head: &Head) -> Result<(), CheckpointError> {
    let table = stretch(all, head.sums)?;
    if XxHash3_64::oneshot(table) != head.sum_of_sums {
        return Err(CheckpointError::Damaged("its checksums".into()));
    }
    let body =
        stretch(all, Stretch { offset: HEAD_BYTES as u64, bytes: head.sums.offset.saturating_sub(HEAD_BYTES as u64) })?;
    let wrong = (body.par_chunks(BLOCK).enumerate()).find_first(|(number, block)| {
        let sum = table.get(8 * number..8 * number + 8).and_then(|sum| sum.try_into().ok());
        sum.map(u64::from_le_bytes) != Some(XxHash3_64::oneshot(block))
    });
    match wrong {
        None => Ok(()),
        Some((number, block)) => {
            let start = HEAD_BYTES + number * BLOCK;
            Err(CheckpointError::Damaged(format!(
                "the bytes {start} .. {} are not what was written",
                start + block.len()
            )))
        }
    }
}

fn describe_from(head: &Head, text: &[u8]) -> Result<Description, CheckpointError> {
    let wrong = |e: serde_json::Error| CheckpointError::Foreign(format!("its description: {e}"));
    let text: serde_json::Value = serde_json::from_slice(text).map_err(wrong)?;
    serde_json::from_value(migrate(head.version, text, HOPS)?).map_err(wrong)
}

fn decode(bytes: &[u8], description: &Description) -> Result<Program, CheckpointError> {
    let foreign = |what: String| CheckpointError::Foreign(what);
    let version = postcard::take_from_bytes::<u32>(bytes).map_or(0, |(version, _)| version);
    if version != PROGRAM_VERSION {
        let engine = concat!("diptych ", env!("CARGO_PKG_VERSION")).to_string();
        return Err(CheckpointError::Program { found: version, engine, made_by: description.engine.clone() });
    }
    let program: Program = postcard::from_bytes(bytes).map_err(|e| foreign(format!("its program: {e}")))?;
    verify::verify(&program).map_err(|all| {
        let first = all.first().map_or_else(String::new, ToString::to_string);
        foreign(format!("its program breaks an invariant: {first}"))
    })?;
    let hash = format!("{:032x}", program.hash());
    match hash == description.program_hash {
        true => Ok(program),
        false => Err(foreign(format!("its program is {hash}, and should be {}", description.program_hash))),
    }
}
