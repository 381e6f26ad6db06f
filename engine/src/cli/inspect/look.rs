//! What one look at a run gives: all that is of its state is of one state.

use std::time::Instant;

use diptych_protocol::header::{DescribedColumn, DescribedGroup, Description};
use diptych_protocol::id::{EnumId, GroupId, Id};
use diptych_protocol::program::Enum;
use diptych_protocol::reader::{Health, ReadError, Reader, State};
use diptych_protocol::segment::Found;
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Sort, Type};
use serde::Serialize;

use super::Inspect;
use crate::shown::Shown;

/// Rows of a group that are shown if nothing else is said.
const SOME: u32 = 5;
/// Rows that one look shows at most.
const ROWS_MAX: usize = 100_000;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("no {group} with the id {entity} lives at frame {frame}, which has {rows} of them")]
    NoEntity { group: String, entity: u32, frame: u32, rows: u32 },
    #[error("{group} has {rows} rows at frame {frame}, and none from {from} on")]
    NoRows { group: String, from: u32, rows: u32, frame: u32 },
}

/// How far a run was.
pub(super) struct Before {
    at: Instant,
    frames: Option<u32>,
    workers: Vec<Health>,
}

impl Before {
    pub(super) fn of(reader: &Reader) -> Self {
        Self { at: Instant::now(), frames: reader.frames(), workers: reader.workers() }
    }
}

/// Which rows.
enum Rows {
    Entity(u32),
    Range(u32, u32),
    Sample(u32),
}

/// What is wanted of a state.
pub(super) struct Wanted {
    group: Option<(usize, Rows)>,
    signals: bool,
}

impl Wanted {
    pub(super) fn of(arguments: &Inspect, reader: &Reader) -> Result<Self, String> {
        let signals = arguments.signals;
        let Some(name) = &arguments.group else { return Ok(Self { group: None, signals }) };
        let groups = &reader.description.groups;
        let Some(group) = groups.iter().position(|group| group.name == *name && shows(group)) else {
            let names: Vec<&str> = groups.iter().filter(|it| shows(it)).map(|group| group.name.as_str()).collect();
            return Err(format!("{} has no group {name}; it has {}", reader.description.scenario, names.join(", ")));
        };
        let rows = match (arguments.entity, &arguments.rows, arguments.sample) {
            (Some(entity), ..) => Rows::Entity(entity),
            (_, Some(rows), _) => Rows::Range(rows.start, rows.end),
            (.., Some(sample)) => Rows::Sample(sample),
            _ => Rows::Range(0, SOME),
        };
        let most = match rows {
            Rows::Entity(_) => 1,
            Rows::Range(start, end) => (end - start) as usize,
            Rows::Sample(rows) => rows as usize,
        };
        if most > ROWS_MAX {
            return Err(format!("{most} rows are more than one look shows; say {ROWS_MAX} at most"));
        }
        Ok(Self { group: Some((group, rows)), signals })
    }
}

/// Whether a group is one that a scenario has, and that lasts. Directories are kept beside others, under names with a space.
fn shows(group: &DescribedGroup) -> bool {
    !group.derived && !group.name.contains(' ')
}

/// What a look has seen.
#[derive(Serialize)]
pub(super) struct Seen {
    pub(super) process: u32,
    pub(super) segment: String,
    pub(super) scenario: String,
    pub(super) program_hash: String,
    pub(super) shm_bytes: u64,
    /// Nothing: it is being set up.
    pub(super) frame: Option<u32>,
    pub(super) frames_per_s: Option<f64>,
    pub(super) workers: Vec<Worker>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<Group>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signals: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rows: Option<RowsSeen>,
    /// How often it was tried, and whether the state was lent.
    pub(super) tries: u32,
    pub(super) lent: bool,
}

/// A worker, as it was at that time.
#[derive(Serialize)]
pub(super) struct Worker {
    pub(super) process: Option<u32>,
    pub(super) frame: u32,
    pub(super) stage: u16,
    pub(super) batches: u64,
    pub(super) batches_per_s: Option<f64>,
    pub(super) health: &'static str,
}

#[derive(Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) rows: u32,
    pub(super) capacity: u32,
    pub(super) comes_and_goes: bool,
    pub(super) columns: Vec<Column>,
}

#[derive(Serialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// Rows of a group.
#[derive(Serialize)]
pub(super) struct RowsSeen {
    pub(super) group: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<RowSeen>,
}

#[derive(Serialize)]
pub(super) struct RowSeen {
    pub(super) row: u32,
    pub(super) entity: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) generation: Option<u32>,
    pub(super) values: Vec<serde_json::Value>,
}

/// What is copied of a state.
struct Copied {
    rows: Vec<u32>,
    signals: Option<Vec<u64>>,
    /// The numbers of the rows that are shown, and of each column that is what stands there.
    shown: Vec<u32>,
    values: Vec<Vec<u64>>,
}

impl Seen {
    /// How far it is, and its workers.
    pub(super) fn outline(found: &Found, reader: &Reader, before: &Before) -> Self {
        let frame = reader.frames();
        let seconds = before.at.elapsed().as_secs_f64();
        let rate = |now: u64, before: u64| (seconds > 0.0).then(|| now.wrapping_sub(before) as f64 / seconds);
        let workers = reader.workers().into_iter().enumerate().map(|(at, now)| {
            let earlier = before.workers.get(at).copied().unwrap_or(now);
            // In one process there are no workers.
            let gone = now.process.is_some_and(|process| diptych_protocol::segment::process_start(process).is_none());
            let health = match () {
                () if now.process.is_none() => "not begun",
                () if gone => "gone",
                () if now.pulse == earlier.pulse => "silent",
                () if now.asleep => "asleep",
                () => "runs",
            };
            Worker {
                process: now.process,
                frame: now.progress.tick.frames_done(),
                stage: now.progress.stage.0,
                batches: now.batches,
                batches_per_s: rate(now.batches, earlier.batches),
                health,
            }
        });
        let of = &reader.description;
        let workers: Vec<Worker> = workers.collect();
        let here = workers.iter().all(|worker| worker.process.is_none()) && frame.is_some();
        let frames = frame.zip(before.frames).map(|(now, before)| (u64::from(now), u64::from(before)));
        Self {
            process: found.process,
            segment: found.name.clone(),
            scenario: of.scenario.clone(),
            program_hash: of.program_hash.clone(),
            shm_bytes: reader.bytes(),
            frame,
            frames_per_s: frames.and_then(|(now, before)| rate(now, before)),
            workers: if here { Vec::new() } else { workers },
            groups: Vec::new(),
            signals: None,
            rows: None,
            tries: 0,
            lent: false,
        }
    }

    /// All of it.
    pub(super) fn look(found: &Found, reader: &Reader, before: &Before, wanted: &Wanted) -> Result<Self, LookError> {
        let of = &reader.description;
        let seen = reader.look(|state| copy(of, state, wanted))?;
        let outline = Self::outline(found, reader, before);
        let (frame, copied) = (seen.frames, seen.value);
        let enums: Table<EnumId, Enum> = of.enums.iter().cloned().collect();
        let rows = wanted.group.as_ref().map(|(group, rows)| {
            let name = || of.groups[*group].name.clone();
            let there = copied.rows[*group];
            match rows {
                Rows::Entity(entity) if copied.shown.is_empty() => {
                    Err(LookError::NoEntity { group: name(), entity: *entity, frame, rows: there })
                }
                Rows::Range(from, _) if copied.shown.is_empty() && *from > 0 => {
                    Err(LookError::NoRows { group: name(), from: *from, rows: there, frame })
                }
                _ => Ok(rows_seen(of, *group, &copied, &enums)),
            }
        });
        let groups = of.groups.iter().zip(&copied.rows).filter(|(group, _)| shows(group)).map(|(group, rows)| Group {
            name: group.name.clone(),
            rows: *rows,
            capacity: group.capacity,
            comes_and_goes: group.generations.is_some(),
            columns: columns_of(of, group).map(|(_, column)| self::column(of, column)).collect(),
        });
        let signals = copied.signals.as_ref().map(|bits| {
            let named = of.signals.iter().zip(bits).filter(|(signal, _)| signal.named);
            let value = |dtype: &str, of_enum, bits| match ty(dtype, of_enum, None) {
                Some(ty) => Shown { enums: &enums, ty, bits }.json(),
                None => serde_json::Value::Null,
            };
            named.map(|(it, bits)| (it.name.clone(), value(&it.dtype, it.of_enum, *bits))).collect()
        });
        Ok(Self {
            frame: Some(frame),
            groups: groups.collect(),
            signals,
            rows: rows.transpose()?,
            tries: seen.tries,
            lent: seen.lent,
            ..outline
        })
    }
}

/// The columns that a group shows, with their numbers: not those that name its rows.
fn columns_of<'a>(
    of: &'a Description,
    group: &'a DescribedGroup,
) -> impl Iterator<Item = (usize, &'a DescribedColumn)> {
    let names = |at: usize| [group.entities, group.generations].contains(&Some(at));
    let own = move |(at, column): &(usize, &DescribedColumn)| column.group == group.name && !names(*at);
    of.columns.iter().enumerate().filter(own).filter(|(_, column)| !column.panels.is_empty())
}

fn column(of: &Description, column: &DescribedColumn) -> Column {
    let kind = match (column.of_enum.and_then(|it| of.enums.get(it)), column.refers.and_then(|it| of.groups.get(it))) {
        (Some(of), _) => of.name.clone(),
        (_, Some(group)) => format!("entity of {}", group.name),
        _ => scalar(&column.dtype).map_or_else(|| column.dtype.clone(), |scalar| scalar.name().into()),
    };
    Column { name: column.name.clone(), kind }
}

fn scalar(dtype: &str) -> Option<Scalar> {
    Scalar::ALL.into_iter().find(|scalar| scalar.dtype() == dtype)
}

fn ty(dtype: &str, of_enum: Option<usize>, refers: Option<usize>) -> Option<Type> {
    let sort = match (of_enum, refers) {
        (Some(of), _) => Sort::Enum(EnumId::new(of as u32)),
        (_, Some(group)) => Sort::Entity(GroupId::new(group as u32)),
        _ => Sort::Plain,
    };
    Some(Type { sort, ..Type::scalar(scalar(dtype)?) })
}

/// Values of a column as the bits of each in the low end.
fn bits(bytes: &[u8], size: usize) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(size.max(1)).map(|bytes| bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte)))
}

/// Copies what is wanted.
fn copy(of: &Description, state: &State<'_>, wanted: &Wanted) -> Result<Copied, ReadError> {
    let rows: Vec<u32> = (0..of.groups.len()).map(|group| state.rows(group)).collect();
    let signals = wanted.signals.then(|| state.signals()).transpose()?;
    let Some((group, which)) = &wanted.group else {
        return Ok(Copied { rows, signals, shown: Vec::new(), values: Vec::new() });
    };
    let (there, group) = (rows[*group], &of.groups[*group]);
    let shown: Vec<u32> = match which {
        Rows::Entity(entity) => match group.entities {
            None => (*entity < there).then_some(*entity).into_iter().collect(),
            Some(column) => {
                let named = state.column(column, 0..there)?;
                let row = bits(&named, 4).position(|named| named == u64::from(*entity));
                row.into_iter().map(|row| row as u32).collect()
            }
        },
        Rows::Range(start, end) => (*start..(*end).min(there)).collect(),
        Rows::Sample(count) => {
            let count = u64::from((*count).min(there));
            (0..count).map(|at| (at * u64::from(there) / count) as u32).collect()
        }
    };
    let naming = group.entities.into_iter().chain(group.generations);
    let columns = naming.chain(columns_of(of, group).map(|(at, _)| at));
    let contiguous =
        shown.last().zip(shown.first()).filter(|(last, first)| (**last - **first) as usize + 1 == shown.len());
    let values = columns.map(|column| {
        let size = of.columns[column].size().unwrap_or(1);
        match contiguous {
            Some((last, first)) => Ok(bits(&state.column(column, *first..*last + 1)?, size).collect()),
            None => {
                let one = |row: &u32| Ok(bits(&state.column(column, *row..*row + 1)?, size).next().unwrap_or(0));
                shown.iter().map(one).collect::<Result<Vec<u64>, ReadError>>()
            }
        }
    });
    let values = values.collect::<Result<_, ReadError>>()?;
    Ok(Copied { rows, signals, shown, values })
}

fn rows_seen(of: &Description, group: usize, copied: &Copied, enums: &Table<EnumId, Enum>) -> RowsSeen {
    let group = &of.groups[group];
    let naming = usize::from(group.entities.is_some()) + usize::from(group.generations.is_some());
    let columns: Vec<&DescribedColumn> = columns_of(of, group).map(|(_, column)| column).collect();
    let rows = copied.shown.iter().enumerate().map(|(at, row)| {
        let named = |place: usize| copied.values.get(place).and_then(|values| values.get(at)).map(|bits| *bits as u32);
        let values = columns.iter().zip(&copied.values[naming..]).map(|(column, values)| {
            match (ty(&column.dtype, column.of_enum, column.refers), values.get(at)) {
                (Some(ty), Some(bits)) => Shown { enums, ty, bits: *bits }.json(),
                _ => serde_json::Value::Null,
            }
        });
        RowSeen {
            row: *row,
            entity: group.entities.and_then(|_| named(0)).unwrap_or(*row),
            generation: group.generations.and_then(|_| named(naming - 1)),
            values: values.collect(),
        }
    });
    RowsSeen {
        group: group.name.clone(),
        columns: columns.iter().map(|column| column.name.clone()).collect(),
        rows: rows.collect(),
    }
}
