//! Tables in CSV files.

use std::fs::File;
use std::io;
use std::path::Path;

use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord, Trim};
use diptych_protocol::types::{Scalar, Value};

use super::{Column, Frames, Header, Rows, TableError, Wanted, count, needed, place};

/// A file that is being read.
struct Table<'p> {
    path: &'p Path,
    reader: Reader<File>,
    names: Vec<String>,
    row: StringRecord,
}

impl<'p> Table<'p> {
    fn open(path: &'p Path) -> Result<Self, TableError> {
        let refused = |source| TableError::Read { path: path.into(), source };
        let file = File::open(path).map_err(refused)?;
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(file);
        let names: Vec<String> = match reader.headers() {
            Ok(names) => names.iter().map(str::to_string).collect(),
            Err(error) => return Err(problem(path, error)),
        };
        if names.iter().all(String::is_empty) {
            return Err(TableError::NoHeader(path.into()));
        }
        Ok(Self { path, reader, names, row: StringRecord::new() })
    }

    /// A field of the row.
    fn value(&self, at: usize, column: &str, wanted: Wanted<'_>) -> Result<Value, TableError> {
        let field = self.row.get(at).unwrap_or_default();
        wanted.parse(field).ok_or_else(|| TableError::Value {
            path: self.path.into(),
            line: self.row.position().map_or(0, csv::Position::line),
            column: column.into(),
            found: field.into(),
            needed: needed(wanted),
        })
    }

    /// Goes on to the next row, if there is one.
    fn next(&mut self) -> Result<bool, TableError> {
        self.reader.read_record(&mut self.row).map_err(|error| problem(self.path, error))
    }
}

fn problem(path: &Path, error: csv::Error) -> TableError {
    let line = error.position().map_or(1, csv::Position::line);
    let path = path.to_path_buf();
    match error.into_kind() {
        ErrorKind::Io(source) => TableError::Read { path, source },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            TableError::Ragged { path, line, found: len, needed: expected_len }
        }
        ErrorKind::Utf8 { .. } => TableError::NoText { path, line },
        other => TableError::Read { path, source: io::Error::other(format!("{other:?}")) },
    }
}

/// The rows of a file that are wanted, one after another.
struct Filtered<'p> {
    table: Table<'p>,
    wanted: Option<(usize, u32)>,
    frames: Frames,
}

impl<'p> Filtered<'p> {
    fn open(rows: &'p Rows) -> Result<Self, TableError> {
        let table = Table::open(&rows.path)?;
        let at = rows.frame.map(|frame| Ok((place(&rows.path, &table.names, "frame")?, frame))).transpose()?;
        Ok(Self { table, wanted: at, frames: Frames::default() })
    }

    fn next(&mut self) -> Result<bool, TableError> {
        while self.table.next()? {
            let Some((at, wanted)) = self.wanted else { return Ok(true) };
            let found: u32 = match self.table.value(at, "frame", Wanted::Scalar(Scalar::U32))? {
                Value::U32(frame) => frame,
                _ => continue,
            };
            self.frames.add(found);
            if found == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

pub(super) fn header(rows: &Rows) -> Result<Header, TableError> {
    let mut table = Filtered::open(rows)?;
    let mut number = 0;
    while table.next()? {
        number = count(&rows.path, number)?;
    }
    if number == 0 && rows.frame.is_some() {
        return Err(table.frames.none(rows));
    }
    Ok(Header { names: table.table.names, rows: number })
}

pub(super) fn read(rows: &Rows, wanted: &[(&str, Wanted<'_>)]) -> Result<Vec<Column>, TableError> {
    let mut table = Filtered::open(rows)?;
    let mut columns = Vec::with_capacity(wanted.len());
    for &(name, wanted) in wanted {
        let column = Column { name: name.into(), scalar: wanted.scalar(), rows: 0, bytes: Vec::new() };
        columns.push((place(&rows.path, &table.table.names, name)?, wanted, column));
    }
    let mut number = 0;
    while table.next()? {
        number = count(&rows.path, number)?;
        for (at, wanted, column) in &mut columns {
            let value = table.table.value(*at, &column.name, *wanted)?;
            column.bytes.extend_from_slice(&value.bits().to_le_bytes()[..column.scalar.size()]);
        }
    }
    if number == 0 {
        return Err(table.frames.none(rows));
    }
    Ok(columns.into_iter().map(|(_, _, column)| Column { rows: number, ..column }).collect())
}

pub(super) fn parse(field: &str, scalar: Scalar) -> Option<Value> {
    // A number beyond what the type can hold is read as infinity: only a word may mean that.
    let held = |infinite: bool| !infinite || !field.contains(|c: char| c.is_ascii_digit());
    match scalar {
        Scalar::F32 => field.parse::<f32>().ok().filter(|x| held(x.is_infinite())).map(Value::F32),
        Scalar::F64 => field.parse::<f64>().ok().filter(|x| held(x.is_infinite())).map(Value::F64),
        Scalar::I8 => field.parse().ok().map(Value::I8),
        Scalar::I16 => field.parse().ok().map(Value::I16),
        Scalar::I32 => field.parse().ok().map(Value::I32),
        Scalar::U8 => field.parse().ok().map(Value::U8),
        Scalar::U16 => field.parse().ok().map(Value::U16),
        Scalar::U32 => field.parse().ok().map(Value::U32),
        // Python writes `True`, R writes `TRUE`.
        Scalar::Bool => match field {
            "true" | "True" | "TRUE" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "FALSE" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
    }
}
