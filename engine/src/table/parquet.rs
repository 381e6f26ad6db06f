//! Tables in Parquet files.

use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use diptych_protocol::types::{Scalar, Value};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Column, Frames, Header, Rows, TableError, Wanted, count, needed, place};

/// Rows that are read at once.
const AT_ONCE: usize = 1 << 14;

fn refused(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> TableError {
    TableError::Read { path: path.into(), source: io::Error::other(error) }
}

fn open(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, TableError> {
    let file = File::open(path).map_err(|source| TableError::Read { path: path.into(), source })?;
    ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| refused(path, error))
}

fn names(file: &ParquetRecordBatchReaderBuilder<File>) -> Vec<String> {
    file.schema().fields().iter().map(|field| field.name().clone()).collect()
}

/// Goes over the wanted columns of the wanted rows, with the number of each row in the file.
fn each(
    rows: &Rows,
    wanted: &[&str],
    mut f: impl FnMut(u64, &[ArrayRef], usize) -> Result<(), TableError>,
) -> Result<Frames, TableError> {
    let file = open(&rows.path)?;
    let names = names(&file);
    let mut places = Vec::with_capacity(wanted.len() + 1);
    for name in wanted.iter().copied().chain(rows.frame.map(|_| "frame")) {
        places.push(place(&rows.path, &names, name)?);
    }
    let mask = ProjectionMask::roots(file.parquet_schema(), places.iter().copied());
    let mut projected = places.clone();
    projected.sort_unstable();
    projected.dedup();
    let reader = file.with_projection(mask).with_batch_size(AT_ONCE).build();
    let (mut frames, mut row) = (Frames::default(), 0);
    for batch in reader.map_err(|error| refused(&rows.path, error))? {
        let batch: RecordBatch = batch.map_err(|error| refused(&rows.path, error))?;
        let column = |place: &usize| projected.iter().position(|it| it == place).map(|at| batch.column(at).clone());
        let columns: Vec<ArrayRef> = places.iter().filter_map(column).collect();
        for at in 0..batch.num_rows() {
            let number = row + at as u64;
            if let (Some(frame), Some(column)) = (rows.frame, columns.last()) {
                let wanted = Wanted::Scalar(Scalar::U32);
                let Value::U32(found) = value(rows, (column, "frame"), (number, at), wanted)? else { continue };
                frames.add(found);
                if found != frame {
                    continue;
                }
            }
            f(number, &columns[..wanted.len()], at)?;
        }
        row += batch.num_rows() as u64;
    }
    Ok(frames)
}

pub(super) fn header(rows: &Rows) -> Result<Header, TableError> {
    let file = open(&rows.path)?;
    let names = names(&file);
    let mut number = 0;
    if rows.frame.is_some() {
        let frames = each(rows, &[], |_, _, _| {
            number = count(&rows.path, number)?;
            Ok(())
        })?;
        if number == 0 {
            return Err(frames.none(rows));
        }
    } else {
        let there = u64::try_from(file.metadata().file_metadata().num_rows()).unwrap_or(0);
        number = u32::try_from(there).map_err(|_| TableError::TooMany(rows.path.clone()))?;
        if number > 0 {
            count(&rows.path, number - 1)?;
        }
    }
    Ok(Header { names, rows: number })
}

pub(super) fn read(rows: &Rows, wanted: &[(&str, Wanted<'_>)]) -> Result<Vec<Column>, TableError> {
    let column = |(name, wanted): &(&str, Wanted<'_>)| Column {
        name: (*name).into(),
        scalar: wanted.scalar(),
        rows: 0,
        bytes: Vec::new(),
    };
    let mut columns: Vec<Column> = wanted.iter().map(column).collect();
    let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let mut number = 0;
    let frames = each(rows, &names, |row, arrays, at| {
        number = count(&rows.path, number)?;
        for ((array, column), (name, wanted)) in arrays.iter().zip(&mut columns).zip(wanted) {
            let value = value(rows, (array, name), (row, at), *wanted)?;
            column.bytes.extend_from_slice(&value.bits().to_le_bytes()[..column.scalar.size()]);
        }
        Ok(())
    })?;
    if number == 0 {
        return Err(frames.none(rows));
    }
    columns.iter_mut().for_each(|column| column.rows = number);
    Ok(columns)
}

/// A value of a column, as the type that is wanted.
fn value(
    rows: &Rows,
    (array, name): (&ArrayRef, &str),
    (row, at): (u64, usize),
    wanted: Wanted<'_>,
) -> Result<Value, TableError> {
    let cell = Cell::of(array.as_ref(), at);
    cell.and_then(|cell| cell.value(wanted)).ok_or_else(|| TableError::Cell {
        path: rows.path.clone(),
        row,
        column: name.into(),
        found: cell.map_or_else(|| format!("a value of the type {}", array.data_type()), |cell| cell.to_string()),
        needed: needed(wanted),
    })
}

/// What stands at a place of a column.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
}

impl std::fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cell::Null => f.write_str("null"),
            Cell::Bool(x) => write!(f, "`{x}`"),
            Cell::Int(x) => write!(f, "`{x}`"),
            Cell::Float(x) => write!(f, "`{x}`"),
            Cell::Text(x) => write!(f, "`{x}`"),
        }
    }
}

impl<'a> Cell<'a> {
    /// Nothing of types that no column of a scenario has: lists, times and the like.
    fn of(array: &'a dyn Array, at: usize) -> Option<Self> {
        if array.is_null(at) {
            return Some(Cell::Null);
        }
        Some(match array.data_type() {
            DataType::Boolean => Cell::Bool(array.as_boolean().value(at)),
            DataType::Int8 => Cell::Int(array.as_primitive::<Int8Type>().value(at).into()),
            DataType::Int16 => Cell::Int(array.as_primitive::<Int16Type>().value(at).into()),
            DataType::Int32 => Cell::Int(array.as_primitive::<Int32Type>().value(at).into()),
            DataType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(at).into()),
            DataType::UInt8 => Cell::Int(array.as_primitive::<UInt8Type>().value(at).into()),
            DataType::UInt16 => Cell::Int(array.as_primitive::<UInt16Type>().value(at).into()),
            DataType::UInt32 => Cell::Int(array.as_primitive::<UInt32Type>().value(at).into()),
            DataType::UInt64 => Cell::Int(array.as_primitive::<UInt64Type>().value(at).into()),
            DataType::Float32 => Cell::Float(array.as_primitive::<Float32Type>().value(at).into()),
            DataType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(at)),
            DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(at)),
            DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(at)),
            DataType::Utf8View => Cell::Text(array.as_string_view().value(at)),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let Some(Cell::Int(key)) = Cell::of(dictionary.keys(), at) else { return None };
                return Cell::of(dictionary.values().as_ref(), usize::try_from(key).ok()?);
            }
            _ => return None,
        })
    }

    fn value(self, wanted: Wanted<'_>) -> Option<Value> {
        let scalar = match (wanted, self) {
            (_, Cell::Text(text)) => return wanted.parse(text.trim()),
            (Wanted::Variant(_), _) => return None,
            (Wanted::Scalar(scalar), _) => scalar,
        };
        let int = match self {
            Cell::Int(x) => Some(x),
            Cell::Float(x) if x.fract() == 0.0 && x.abs() < 9.1e15 => Some(x as i128),
            _ => None,
        };
        match (scalar, self) {
            (Scalar::F64, Cell::Float(x)) => Some(Value::F64(x)),
            // Rounded to nearest, ties to even. Only infinity is infinity.
            (Scalar::F32, Cell::Float(x)) => {
                let near = x as f32;
                (near.is_finite() || !x.is_finite()).then_some(Value::F32(near))
            }
            (Scalar::F64, Cell::Int(x)) => Some(Value::F64(x as f64)),
            (Scalar::F32, Cell::Int(x)) => Some(Value::F32(x as f32)),
            (Scalar::Bool, Cell::Bool(x)) => Some(Value::Bool(x)),
            (Scalar::Bool, _) => int.filter(|x| (0..=1).contains(x)).map(|x| Value::Bool(x == 1)),
            (Scalar::I8, _) => int?.try_into().ok().map(Value::I8),
            (Scalar::I16, _) => int?.try_into().ok().map(Value::I16),
            (Scalar::I32, _) => int?.try_into().ok().map(Value::I32),
            (Scalar::U8, _) => int?.try_into().ok().map(Value::U8),
            (Scalar::U16, _) => int?.try_into().ok().map(Value::U16),
            (Scalar::U32, _) => int?.try_into().ok().map(Value::U32),
            _ => None,
        }
    }
}
