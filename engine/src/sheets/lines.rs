//! Sheets of lines: CSV and NDJSON.

use std::fmt::Write as _;
use std::fs::File;
use std::io;

use diptych_workers::extract::Lane;

use super::{Format, Mark, Rows, Schema};
use crate::line_file::LineFile;
use crate::shown::Shown;

/// Bytes of a row that are gathered at a time.
const LINE_BYTES: usize = 256;
/// Bytes that are gathered before they are written.
const GATHERED: usize = 1 << 20;

/// The first line of a CSV file.
pub(super) fn header(schema: &Schema) -> io::Result<Vec<u8>> {
    let mut fields = csv::Writer::from_writer(Vec::new());
    fields.write_record(schema.columns.iter().map(|(name, _)| name.as_str()))?;
    fields.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// What a line of NDJSON begins with.
pub(super) fn first_key(schema: &Schema) -> Vec<u8> {
    schema.columns.first().map_or_else(Vec::new, |(name, _)| format!("{{{name:?}:").into_bytes())
}

/// A file of lines.
pub(super) struct Lines {
    format: Format,
    file: LineFile,
    schema: Schema,
    /// Lines that are no rows.
    heads: u64,
    line: Vec<u8>,
    text: String,
}

impl Lines {
    pub(super) fn new(format: Format, file: File, schema: Schema) -> io::Result<Self> {
        let mut lines = Self::over(format, LineFile::new(file), schema);
        if format == Format::Csv {
            lines.file.push(&header(&lines.schema)?);
            lines.file.flush()?;
        }
        Ok(lines)
    }

    pub(super) fn at(format: Format, file: File, schema: Schema, mark: &Mark) -> io::Result<Self> {
        let heads = u64::from(format == Format::Csv);
        let mut lines = Self::over(format, LineFile::at(file, mark.rows + heads, mark.bytes), schema);
        lines.file.cut()?;
        Ok(lines)
    }

    fn over(format: Format, file: LineFile, schema: Schema) -> Self {
        let heads = u64::from(format == Format::Csv);
        Self { format, file, schema, heads, line: Vec::new(), text: String::new() }
    }

    pub(super) fn append(&mut self, rows: &Rows) -> io::Result<()> {
        for row in 0..rows.count {
            match self.format {
                Format::Ndjson => self.object(&rows.lanes, row)?,
                _ => self.fields(&rows.lanes, row)?,
            }
            self.file.push(&self.line);
            if self.file.pending() >= GATHERED {
                self.file.flush()?;
            }
        }
        Ok(())
    }

    fn fields(&mut self, lanes: &[Lane], row: usize) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let mut fields = csv::WriterBuilder::new().buffer_capacity(LINE_BYTES).from_writer(line);
        for (lane, (_, ty)) in lanes.iter().zip(&self.schema.columns) {
            let shown = Shown { enums: &self.schema.enums, ty: *ty, bits: lane.bits(row) };
            self.text.clear();
            if !shown.no_row() {
                // Writing to a string cannot fail.
                let _ = write!(self.text, "{shown}");
            }
            fields.write_field(&self.text)?;
        }
        fields.write_record(None::<&[u8]>)?;
        self.line = fields.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(())
    }

    fn object(&mut self, lanes: &[Lane], row: usize) -> io::Result<()> {
        self.line.clear();
        for (at, (lane, (name, ty))) in lanes.iter().zip(&self.schema.columns).enumerate() {
            let shown = Shown { enums: &self.schema.enums, ty: *ty, bits: lane.bits(row) };
            self.line.push(if at == 0 { b'{' } else { b',' });
            serde_json::to_writer(&mut self.line, name)?;
            self.line.push(b':');
            serde_json::to_writer(&mut self.line, &shown.json())?;
        }
        self.line.extend_from_slice(b"}\n");
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    pub(super) fn mark(&mut self) -> io::Result<Option<Mark>> {
        self.flush()?;
        Ok(self.file.bytes().map(|bytes| Mark { bytes, rows: self.rows(), footer: Vec::new() }))
    }

    pub(super) fn rows(&self) -> u64 {
        self.file.lines().saturating_sub(self.heads)
    }

    pub(super) fn file(&self) -> &File {
        self.file.file()
    }
}
