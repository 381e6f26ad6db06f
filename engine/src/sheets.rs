//! Tables in files, which rows are appended to: CSV, NDJSON and Parquet, by the extension.
//!
//! A sheet can be *marked*: what was appended so far is in the file, and whoever has the [`Mark`] can cut the file back to it and
//! append on, whatever became of the file meanwhile.

mod lines;
mod parquet;

use std::fs::File;
use std::io;

use diptych_protocol::id::EnumId;
use diptych_protocol::program::Enum;
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Sort, Type};
use diptych_workers::extract::Lane;

use lines::Lines;
use parquet::Parquet;

/// What kind of file it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated values, RFC 4180, a header line first. A reference to no row is an empty field.
    Csv,
    /// A JSON object a line. A reference to no row is `null`; NaN and infinities, which JSON has not, are texts.
    Ndjson,
    /// Apache Parquet, compressed by Zstandard. A reference to no row is null; variants are dictionary-encoded texts.
    Parquet,
}

impl Format {
    /// That of a file, by its extension.
    pub fn of(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        match extension {
            "csv" => Some(Format::Csv),
            "ndjson" | "jsonl" => Some(Format::Ndjson),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    }
}

impl Format {
    /// What every file of these columns begins with.
    pub fn begins(self, schema: &Schema) -> io::Result<Vec<u8>> {
        match self {
            Format::Csv => lines::header(schema),
            Format::Ndjson => Ok(lines::first_key(schema)),
            Format::Parquet => Ok(parquet::MAGIC.to_vec()),
        }
    }
}

/// Cuts a file back to where it was marked: whole, as it was then.
pub fn restore(format: Format, file: &File, mark: &Mark) -> io::Result<()> {
    file.set_len(mark.bytes)?;
    match format {
        Format::Parquet => parquet::close(file, mark),
        Format::Csv | Format::Ndjson => Ok(()),
    }
}

/// What the columns of a sheet are.
#[derive(Clone, Debug)]
pub struct Schema {
    /// A name and a type each, of one lane.
    pub columns: Vec<(String, Type)>,
    /// The names of variants.
    pub enums: Table<EnumId, Enum>,
    /// What is known of the run, by names: in a Parquet file they stand in its metadata.
    pub about: Vec<(String, String)>,
}

/// Rows that are to be appended: a lane a column, all of one length.
#[derive(Clone, Debug)]
pub struct Rows {
    /// How many.
    pub count: usize,
    /// Their values.
    pub lanes: Vec<Lane>,
}

impl Rows {
    /// None yet.
    pub fn new(schema: &Schema) -> Self {
        Self { count: 0, lanes: schema.columns.iter().map(|(_, ty)| Lane::new(ty.scalar)).collect() }
    }

    /// None any more; the room stays.
    pub fn clear(&mut self) {
        self.count = 0;
        self.lanes.iter_mut().for_each(Lane::clear);
    }

    /// One more, by the bits of its values.
    pub fn push(&mut self, bits: impl IntoIterator<Item = u64>) {
        self.count += 1;
        self.lanes.iter_mut().zip(bits).for_each(|(lane, bits)| lane.push_bits(bits));
    }
}

/// How far a sheet is.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Mark {
    /// Bytes of the file.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// Of a Parquet file its footer, which says where those rows are.
    pub footer: Vec<u8>,
}

/// A file that rows are appended to.
pub struct Sheet(Kind);

enum Kind {
    Lines(Lines),
    Parquet(Box<Parquet>),
}

impl Sheet {
    /// Over a file that is empty.
    pub fn new(format: Format, file: File, schema: Schema) -> io::Result<Self> {
        Ok(Self(match format {
            Format::Parquet => Kind::Parquet(Box::new(Parquet::new(file, schema)?)),
            Format::Csv | Format::Ndjson => Kind::Lines(Lines::new(format, file, schema)?),
        }))
    }

    /// Over a file that was marked, and is as it was then: see [`restore`].
    pub fn at(format: Format, file: File, schema: Schema, mark: &Mark) -> io::Result<Self> {
        Ok(Self(match format {
            Format::Parquet => Kind::Parquet(Box::new(Parquet::at(file, schema, mark)?)),
            Format::Csv | Format::Ndjson => Kind::Lines(Lines::at(format, file, schema, mark)?),
        }))
    }

    /// Appends rows. They may stay in memory for a while.
    pub fn append(&mut self, rows: &Rows) -> io::Result<()> {
        match &mut self.0 {
            Kind::Lines(lines) => lines.append(rows),
            Kind::Parquet(parquet) => parquet.append(rows),
        }
    }

    /// Writes out what others should see soon: of lines all. Parquet files are read when they are whole.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Lines(lines) => lines.flush(),
            Kind::Parquet(_) => Ok(()),
        }
    }

    /// Writes all rows, so that the file is whole as it is, and says how far it is: nothing of a pipe, which nobody can cut back.
    pub fn mark(&mut self) -> io::Result<Option<Mark>> {
        match &mut self.0 {
            Kind::Lines(lines) => lines.mark(),
            Kind::Parquet(parquet) => parquet.mark().map(Some),
        }
    }

    /// Rows that are in the file, or on their way.
    pub fn rows(&self) -> u64 {
        match &self.0 {
            Kind::Lines(lines) => lines.rows(),
            Kind::Parquet(parquet) => parquet.rows(),
        }
    }

    /// The file.
    pub fn file(&self) -> &File {
        match &self.0 {
            Kind::Lines(lines) => lines.file(),
            Kind::Parquet(parquet) => parquet.file(),
        }
    }
}

/// Whether a type has values that stand for nothing.
fn may_be_none(ty: Type) -> bool {
    matches!(ty.sort, Sort::Entity(_)) && ty.scalar == Scalar::U32
}
