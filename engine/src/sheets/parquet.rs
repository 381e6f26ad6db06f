//! Sheets that are Parquet files.
//!
//! Rows are gathered, and written as row groups by the library. The footer, which says where they are, is written here: at each mark
//! and after each row group, so that the file is whole whenever nobody is writing a row group; the next one is written over it. A
//! mark has the footer too: a file that was written on since can be cut back to it.
//!
//! The library counts bytes from where it begins. Of a file that is gone on with it begins at the mark: what it says of places is
//! moved there.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use arrow_array::types::UInt8Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    RecordBatch, StringArray, UInt8Array, UInt16Array, UInt32Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema as ArrowSchema, SchemaRef};
use diptych_protocol::program::Enum;
use diptych_protocol::types::{NO_ROW, Scalar, Sort, Type};
use diptych_workers::extract::Lane;
use parquet::arrow::{ArrowWriter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataReader, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::{Mark, Rows, Schema, may_be_none};
use crate::journal::ENGINE;

/// Rows that are gathered before they become a row group, at most.
const GROUP_ROWS: usize = 1 << 20;
/// Bytes that a file begins with.
pub(super) const MAGIC: &[u8; 4] = b"PAR1";

/// A Parquet file that is being written.
pub(super) struct Parquet {
    file: File,
    schema: Schema,
    arrow: SchemaRef,
    properties: WriterProperties,
    writer: Option<ArrowWriter<Behind>>,
    /// Row groups of the file that the writer has not written.
    before: Vec<RowGroupMetaData>,
    /// Where the writer began.
    base: u64,
    /// Rows in row groups, and on their way to one.
    written: u64,
    pending: usize,
}

/// A file behind a place: what stands behind it is written anew.
struct Behind {
    file: File,
    at: u64,
    /// The library begins with the magic bytes, wherever it begins.
    magic: usize,
}

impl Write for Behind {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.magic < MAGIC.len() {
            let skipped = bytes.len().min(MAGIC.len() - self.magic);
            self.magic += skipped;
            return Ok(skipped);
        }
        let done = self.file.write_at(bytes, self.at)?;
        self.at += done as u64;
        Ok(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the library says went wrong; a refusal of the system as such.
fn refused(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<io::Error>() {
            Ok(error) => *error,
            Err(error) => io::Error::other(error),
        },
        error => io::Error::other(error),
    }
}

impl Parquet {
    pub(super) fn new(file: File, schema: Schema) -> io::Result<Self> {
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "Parquet cannot be written to a pipe"));
        }
        file.write_all_at(MAGIC, 0)?;
        let base = MAGIC.len() as u64;
        let mut parquet = Self::over(file, schema, base);
        parquet.begin()?;
        parquet.footer()?;
        Ok(parquet)
    }

    pub(super) fn at(file: File, schema: Schema, mark: &Mark) -> io::Result<Self> {
        let footer = ParquetMetaDataReader::decode_metadata(&mark.footer).map_err(refused)?;
        let mut parquet = Self::over(file, schema, mark.bytes);
        parquet.before = footer.row_groups().to_vec();
        parquet.written = mark.rows;
        parquet.begin()?;
        Ok(parquet)
    }

    fn over(file: File, schema: Schema, base: u64) -> Self {
        let fields: Vec<Field> =
            schema.columns.iter().map(|(name, ty)| Field::new(name, data_type(*ty), may_be_none(*ty))).collect();
        let arrow = Arc::new(ArrowSchema::new(fields));
        let about = schema.about.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        let mut properties = WriterProperties::builder()
            .set_created_by(ENGINE.into())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .set_max_row_group_row_count(None)
            .set_key_value_metadata(Some(about));
        // A dictionary pays where values come again: not among floats.
        for (name, _) in schema.columns.iter().filter(|(_, ty)| ty.scalar.is_float()) {
            properties = properties.set_column_dictionary_enabled(name.as_str().into(), false);
        }
        let mut properties = properties.build();
        add_encoded_arrow_schema_to_metadata(&arrow, &mut properties);
        Self { file, schema, arrow, properties, writer: None, before: Vec::new(), base, written: 0, pending: 0 }
    }

    fn begin(&mut self) -> io::Result<()> {
        let behind = Behind { file: self.file.try_clone()?, at: self.base, magic: 0 };
        let writer = ArrowWriter::try_new(behind, Arc::clone(&self.arrow), Some(self.properties.clone()));
        self.writer = Some(writer.map_err(refused)?);
        Ok(())
    }

    pub(super) fn append(&mut self, rows: &Rows) -> io::Result<()> {
        let arrays = rows.lanes.iter().zip(&self.schema.columns);
        let arrays: Result<Vec<ArrayRef>, ArrowError> =
            arrays.map(|(lane, (_, ty))| array(lane, *ty, &self.schema)).collect();
        let batch = arrays.and_then(|arrays| RecordBatch::try_new(Arc::clone(&self.arrow), arrays));
        let written = batch.map_err(io::Error::other).and_then(|batch| self.add(&batch));
        self.or_give_up(written)
    }

    fn add(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let mut from = 0;
        while from < batch.num_rows() {
            let count = (GROUP_ROWS - self.pending).min(batch.num_rows() - from);
            let Some(writer) = &mut self.writer else { return Err(closed()) };
            writer.write(&batch.slice(from, count)).map_err(refused)?;
            self.pending += count;
            from += count;
            if self.pending == GROUP_ROWS {
                self.group()?;
                self.footer()?;
            }
        }
        Ok(())
    }

    /// Writes what was gathered as a row group.
    fn group(&mut self) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Err(closed()) };
        if self.pending > 0 {
            writer.flush().map_err(refused)?;
            // The library has a buffer of its own before the file.
            writer.sync()?;
            self.written += self.pending as u64;
            self.pending = 0;
        }
        Ok(())
    }

    /// What cannot be written leaves the file as it was after the last row group.
    fn or_give_up(&mut self, written: io::Result<()>) -> io::Result<()> {
        if written.is_err() {
            self.pending = 0;
            // Most of it stands there already; to cut a file takes no room.
            let _ = self.footer();
            self.writer = None;
        }
        written
    }

    /// Where the last row group ends.
    fn end(&self) -> u64 {
        let written = self.writer.as_ref().into_iter().flat_map(|writer| writer.flushed_row_groups()).map(end_of).max();
        let moved = self.base - MAGIC.len() as u64;
        written.map_or(self.base, |end| end + moved)
    }

    fn metadata(&self) -> io::Result<ParquetMetaData> {
        let by = self.base as i64 - MAGIC.len() as i64;
        let groups = self.writer.as_ref().into_iter().flat_map(|writer| writer.flushed_row_groups());
        let groups = groups.map(|group| moved(group, by));
        let groups = self.before.iter().cloned().map(Ok).chain(groups);
        let mut groups: Vec<RowGroupMetaData> = groups.collect::<Result<_, _>>().map_err(refused)?;
        for (at, group) in groups.iter_mut().enumerate() {
            let numbered = group.clone().into_builder().set_ordinal(i32::try_from(at).unwrap_or(i32::MAX));
            *group = numbered.build().map_err(refused)?;
        }
        let rows = groups.iter().map(RowGroupMetaData::num_rows).sum();
        let described = parquet::arrow::ArrowSchemaConverter::new().convert(&self.arrow).map_err(refused)?;
        let about = self.properties.key_value_metadata().cloned();
        let created = Some(self.properties.created_by().to_string());
        Ok(ParquetMetaData::new(FileMetaData::new(1, rows, created, about, Arc::new(described), None), groups))
    }

    /// Writes the footer behind the last row group, and nothing stands behind it.
    fn footer(&mut self) -> io::Result<()> {
        let footer = self.encoded()?;
        let end = self.end();
        // What stands there may have taken the last room that there was.
        self.file.set_len(end)?;
        self.file.write_all_at(&footer, end)
    }

    fn encoded(&self) -> io::Result<Vec<u8>> {
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &self.metadata()?).finish().map_err(refused)?;
        Ok(footer)
    }

    pub(super) fn mark(&mut self) -> io::Result<Mark> {
        if self.writer.is_some() && self.pending > 0 {
            let written = self.group().and_then(|()| self.footer());
            self.or_give_up(written)?;
        }
        let mut footer = self.encoded()?;
        // The length and the magic bytes stand behind it.
        footer.truncate(footer.len().saturating_sub(8));
        Ok(Mark { bytes: self.end(), rows: self.written, footer })
    }

    pub(super) fn rows(&self) -> u64 {
        self.written + self.pending as u64
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

/// Writes the footer that a mark has behind what was there then.
pub(super) fn close(file: &File, mark: &Mark) -> io::Result<()> {
    let length = u32::try_from(mark.footer.len()).map_err(io::Error::other)?;
    let end = [&length.to_le_bytes()[..], MAGIC].concat();
    file.write_all_at(&mark.footer, mark.bytes)?;
    file.write_all_at(&end, mark.bytes + u64::from(length))
}

fn closed() -> io::Error {
    io::Error::other("the file has been given up")
}

/// One past the last byte of a row group.
fn end_of(group: &RowGroupMetaData) -> u64 {
    group.columns().iter().map(|column| column.byte_range()).map(|(start, length)| start + length).max().unwrap_or(0)
}

/// A row group that stands so many bytes further on.
fn moved(group: &RowGroupMetaData, by: i64) -> Result<RowGroupMetaData, ParquetError> {
    let columns = group.columns().iter().map(|column| {
        let mut moved = column.clone().into_builder().set_data_page_offset(column.data_page_offset() + by);
        moved = moved.set_dictionary_page_offset(column.dictionary_page_offset().map(|at| at + by));
        moved.build()
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let mut builder = group.clone().into_builder().set_column_metadata(columns);
    if let Some(at) = group.file_offset() {
        builder = builder.set_file_offset(at + by);
    }
    builder.build()
}

fn data_type(ty: Type) -> DataType {
    match (ty.sort, ty.scalar) {
        (Sort::Enum(_), _) => DataType::Dictionary(Box::new(DataType::UInt8), Box::new(DataType::Utf8)),
        (_, Scalar::F32) => DataType::Float32,
        (_, Scalar::F64) => DataType::Float64,
        (_, Scalar::I8) => DataType::Int8,
        (_, Scalar::I16) => DataType::Int16,
        (_, Scalar::I32) => DataType::Int32,
        (_, Scalar::U8) => DataType::UInt8,
        (_, Scalar::U16) => DataType::UInt16,
        (_, Scalar::U32) => DataType::UInt32,
        (_, Scalar::Bool) => DataType::Boolean,
    }
}

fn array(lane: &Lane, ty: Type, schema: &Schema) -> Result<ArrayRef, ArrowError> {
    Ok(match (lane, ty.sort) {
        (Lane::U8(v), Sort::Enum(of)) => {
            let variants = schema.enums.get(of).map_or(&[][..], |it: &Enum| it.variants.as_slice());
            let values = StringArray::from_iter_values(variants);
            Arc::new(DictionaryArray::<UInt8Type>::try_new(
                UInt8Array::from_iter_values(v.iter().copied()),
                Arc::new(values),
            )?)
        }
        (Lane::U32(v), Sort::Entity(_)) => {
            Arc::new(v.iter().map(|row| (*row != NO_ROW).then_some(*row)).collect::<UInt32Array>())
        }
        (Lane::F32(v), _) => Arc::new(Float32Array::from(v.clone())),
        (Lane::F64(v), _) => Arc::new(Float64Array::from(v.clone())),
        (Lane::I8(v), _) => Arc::new(Int8Array::from(v.clone())),
        (Lane::I16(v), _) => Arc::new(Int16Array::from(v.clone())),
        (Lane::I32(v), _) => Arc::new(Int32Array::from(v.clone())),
        (Lane::U8(v), _) => Arc::new(UInt8Array::from(v.clone())),
        (Lane::U16(v), _) => Arc::new(UInt16Array::from(v.clone())),
        (Lane::U32(v), _) => Arc::new(UInt32Array::from(v.clone())),
        (Lane::Bool(v), _) => Arc::new(v.iter().map(|x| Some(*x != 0)).collect::<BooleanArray>()),
    })
}
