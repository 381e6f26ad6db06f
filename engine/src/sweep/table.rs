//! The table of results: a row a run, in the order of their numbers. Nothing stands in it that depends on when or where runs ran.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::journal::{About, Column, Done};
use super::reduce::Kind;

/// The columns that every table has, before and behind those of the plan.
pub const COLUMNS: [&str; 9] =
    ["run", "point", "replicate", "seed", "frames", "stopped", "status", "error", "state_hash"];

/// Rows that are written at a time.
const BATCH_ROWS: usize = 65_536;

/// The name of a parameter's column.
pub fn parameter_column(name: &str) -> String {
    if COLUMNS.contains(&name) { format!("parameter.{name}") } else { name.to_string() }
}

/// What a table's file is, by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// CSV.
    Csv,
}

impl Format {
    /// Of a file.
    pub fn of(path: &Path) -> Result<Self, String> {
        match path.extension().and_then(|it| it.to_str()) {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            _ => Err(format!("{}: a table of results is a .parquet or a .csv", path.display())),
        }
    }
}

/// Writes the table: whole, or not at all.
pub fn write(path: &Path, about: &About, runs: &[&Done]) -> io::Result<()> {
    let format = Format::of(path).map_err(|why| io::Error::new(io::ErrorKind::InvalidInput, why))?;
    // Another sweep may write the same table now.
    let beside = PathBuf::from(format!("{}.{}.part", path.display(), std::process::id()));
    let written = File::create(&beside).and_then(|file| match format {
        Format::Parquet => parquet(file, about, runs),
        Format::Csv => csv(file, about, runs),
    });
    let placed = written.and_then(|file| file.sync_all()).and_then(|()| fs::rename(&beside, path));
    placed.inspect_err(|_| drop(fs::remove_file(&beside)))
}

/// The columns with their names; of a run that has no result nothing.
fn columns(about: &About, runs: &[&Done]) -> Vec<(String, ArrayRef)> {
    let numbers =
        |of: fn(&Done) -> u32| Arc::new(runs.iter().map(|it| Some(of(it))).collect::<UInt32Array>()) as ArrayRef;
    let texts =
        |of: fn(&Done) -> Option<&str>| Arc::new(runs.iter().map(|it| of(it)).collect::<StringArray>()) as ArrayRef;
    let mut columns: Vec<(String, ArrayRef)> = vec![
        ("run".into(), numbers(|it| it.run)),
        ("point".into(), numbers(|it| it.point)),
        ("replicate".into(), numbers(|it| it.replicate)),
        ("seed".into(), Arc::new(runs.iter().map(|it| Some(it.seed)).collect::<UInt64Array>())),
    ];
    for (at, column) in about.parameters.iter().enumerate() {
        let values = runs.iter().map(|it| it.parameters.get(at).map(String::as_str));
        columns.push((parameter_column(&column.name), typed(column, values)));
    }
    for (at, column) in about.results.iter().enumerate() {
        let values = runs.iter().map(|it| it.values.get(at).and_then(Option::as_deref));
        columns.push((column.name.clone(), typed(column, values)));
    }
    columns.push(("frames".into(), Arc::new(runs.iter().map(|it| it.frames).collect::<UInt32Array>())));
    columns.push(("stopped".into(), texts(|it| it.stopped.as_deref())));
    columns.push(("status".into(), texts(|it| Some(it.status.name()))));
    columns.push(("error".into(), texts(|it| it.error.as_deref())));
    columns.push(("state_hash".into(), texts(|it| it.state_hash.as_deref())));
    columns
}

fn typed<'a>(column: &Column, values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    match column.kind {
        Kind::Bool => Arc::new(values.map(|it| it?.parse().ok()).collect::<BooleanArray>()),
        Kind::Integer => Arc::new(values.map(|it| it?.parse().ok()).collect::<Int64Array>()),
        Kind::Float => Arc::new(values.map(|it| it?.parse().ok()).collect::<Float64Array>()),
        Kind::Text => Arc::new(values.collect::<StringArray>()),
    }
}

/// The same bytes for the same runs: nothing in it knows the time.
fn parquet(file: File, about: &About, runs: &[&Done]) -> io::Result<File> {
    let empty = columns(about, &[]);
    let field = |(name, array): &(String, ArrayRef)| {
        let nullable = !matches!(name.as_str(), "run" | "point" | "replicate" | "seed" | "status");
        Field::new(name, array.data_type().clone(), nullable)
    };
    let schema = Arc::new(Schema::new(empty.iter().map(field).collect::<Vec<Field>>()));
    debug_assert!(schema.fields().iter().all(|it| *it.data_type() != DataType::Null));
    let level = ZstdLevel::try_new(3).map_err(io::Error::other)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let mut writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(io::Error::other)?;
    for runs in runs.chunks(BATCH_ROWS) {
        let arrays = columns(about, runs).into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays).map_err(io::Error::other)?;
        writer.write(&batch).map_err(io::Error::other)?;
    }
    writer.into_inner().map_err(io::Error::other)
}

/// Values as they are told: each number so that it reads as the same.
fn csv(file: File, about: &About, runs: &[&Done]) -> io::Result<File> {
    let mut table = csv::Writer::from_writer(io::BufWriter::new(file));
    table.write_record(columns(about, &[]).iter().map(|(name, _)| name))?;
    for run in runs {
        for number in [run.run, run.point, run.replicate] {
            table.write_field(number.to_string())?;
        }
        table.write_field(run.seed.to_string())?;
        run.parameters.iter().try_for_each(|value| table.write_field(value))?;
        let values = (0..about.results.len()).map(|at| run.values.get(at).and_then(Option::as_deref));
        values.into_iter().try_for_each(|value| table.write_field(value.unwrap_or_default()))?;
        table.write_field(run.frames.map(|it| it.to_string()).unwrap_or_default())?;
        table.write_field(run.stopped.as_deref().unwrap_or_default())?;
        table.write_field(run.status.name())?;
        table.write_field(run.error.as_deref().unwrap_or_default())?;
        table.write_field(run.state_hash.as_deref().unwrap_or_default())?;
        table.write_record(None::<&[u8]>)?;
    }
    let mut buffered = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
    buffered.flush()?;
    buffered.into_inner().map_err(io::IntoInnerError::into_error)
}
