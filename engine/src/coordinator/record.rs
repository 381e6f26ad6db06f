//! Records: tables of signals in CSV files, a row a state. The ring in the segment is emptied into them while workers
//! run; how far they may run is what the ring has room for.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use diptych_protocol::id::{Id, SignalId, Tick};
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Program, Record};
use diptych_protocol::track::Track;

use crate::shown::Shown;

/// Where records are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// Their paths are relative to this folder, which is made if need be.
    pub folder: PathBuf,
    /// Whether files that exist are written over.
    pub overwrite: bool,
}

/// Why a record is not written, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There is such a file, and nobody said to write over it.
    #[error("{} exists; say --force to write over it, or --out DIR to write elsewhere", .0.display())]
    Exists(PathBuf),
    /// The file cannot be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file cannot be written on.
    #[error("cannot write {}: {source}; {rows} rows of it were written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Rows that were written before.
        rows: u64,
        /// Why no more.
        source: io::Error,
    },
    /// The ring does not hold a state that it should.
    #[error("state {0} is missing where records are taken from: a fault of diptych; please report it")]
    Missing(u32),
}

/// The files of a run.
pub(super) struct Recorder<'a> {
    program: &'a Program,
    track: Track<'a>,
    sheets: Vec<Sheet>,
    /// All states before this one have been taken out of the ring.
    next: u32,
    bits: Vec<u64>,
    text: String,
}

/// One file.
struct Sheet {
    path: PathBuf,
    every: u32,
    columns: Vec<SignalId>,
    writer: csv::Writer<File>,
    /// Rows given to the writer, and rows that reached the file.
    given: u64,
    written: u64,
    last: Option<u32>,
    /// It could not be written on: nothing more is tried, and the other files are completed.
    broken: bool,
}

/// Whether every record can be written without writing over anything.
pub(super) fn check(program: &Program, records: Option<&Records>) -> Result<(), RecordError> {
    let Some(records) = records.filter(|records| !records.overwrite) else { return Ok(()) };
    let paths = program.outputs.records.iter().map(|record| records.folder.join(&record.path));
    paths.into_iter().find(|path| path.symlink_metadata().is_ok()).map_or(Ok(()), |path| Err(RecordError::Exists(path)))
}

impl<'a> Recorder<'a> {
    /// Makes the files, with their header lines. Without records there is nothing to do, and no bound to how far
    /// workers may run.
    pub(super) fn open(track: Track<'a>, records: Option<&Records>) -> Result<Self, RecordError> {
        let program = track.program;
        let mut sheets: Vec<Sheet> = Vec::new();
        for record in records.iter().flat_map(|_| &program.outputs.records) {
            let Some(records) = records else { break };
            match Sheet::open(record, records) {
                Ok(sheet) => sheets.push(sheet),
                Err(error) => {
                    // Nothing has run: what was made is only in the way of the next attempt.
                    let made = sheets.iter().filter(|_| !records.overwrite);
                    made.for_each(|sheet| drop(std::fs::remove_file(&sheet.path)));
                    return Err(error);
                }
            }
        }
        Ok(Self { program, track, sheets, next: 0, bits: Vec::new(), text: String::new() })
    }

    /// The last tick that workers may run.
    pub(super) fn room(&self) -> Tick {
        match self.sheets.is_empty() {
            true => Tick(u32::MAX),
            false => Tick(self.track.layout.outputs.due.room(self.next).saturating_add(1)),
        }
    }

    /// Takes the states out of the ring that are complete, and writes their rows.
    pub(super) fn drain(&mut self, published: Tick) -> Result<(), RecordError> {
        if self.sheets.is_empty() || published == Tick::NONE || state_of(published) < self.next {
            return Ok(());
        }
        let outputs = &self.track.layout.outputs;
        let mut result = Ok(());
        for state in outputs.due.states(self.next, state_of(published)) {
            self.bits.clear();
            self.bits.extend(self.track.recorded(state).ok_or(RecordError::Missing(state))?);
            for sheet in self.sheets.iter_mut().filter(|sheet| state.is_multiple_of(sheet.every)) {
                result = result.and(sheet.row(self.program, state, &self.bits, &mut self.text));
            }
        }
        self.next = state_of(published).saturating_add(1);
        self.sheets.iter_mut().fold(result, |result, sheet| result.and(sheet.flush()))
    }

    /// Writes what is left, and of each file the last state. Once nobody runs any more.
    pub(super) fn finish(mut self) -> Result<(), RecordError> {
        let published = self.track.latest();
        if published == Tick::NONE {
            return Ok(());
        }
        let mut result = self.drain(published);
        let (state, bits) = (state_of(published), self.track.last_signals());
        for sheet in self.sheets.iter_mut().filter(|sheet| sheet.last != Some(state)) {
            result = result.and(sheet.row(self.program, state, bits, &mut self.text));
        }
        self.sheets.iter_mut().fold(result, |result, sheet| result.and(sheet.flush()))
    }
}

impl Sheet {
    fn open(record: &Record, records: &Records) -> Result<Self, RecordError> {
        let path = records.folder.join(&record.path);
        let refused = |source: io::Error| RecordError::Make { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            std::fs::create_dir_all(folder).map_err(&refused)?;
        }
        let mut how = OpenOptions::new();
        how.write(true);
        let file = match records.overwrite {
            true => how.create(true).truncate(true).open(&path),
            false => how.create_new(true).open(&path),
        };
        let file = file.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists(path.clone()),
            _ => refused(source),
        })?;
        let mut writer = csv::Writer::from_writer(file);
        let names = ["frame", "time"].into_iter().chain(record.columns.iter().map(|(name, _)| name.as_str()));
        let header = writer.write_record(names).map_err(io::Error::from).and_then(|()| writer.flush());
        header.map_err(|source| RecordError::Write { path: path.clone(), rows: 0, source })?;
        let columns = record.columns.iter().map(|(_, signal)| *signal).collect();
        Ok(Self { path, every: record.every, columns, writer, given: 0, written: 0, last: None, broken: false })
    }

    fn row(&mut self, program: &Program, state: u32, bits: &[u64], text: &mut String) -> Result<(), RecordError> {
        if self.broken {
            return Ok(());
        }
        self.fields(program, state, bits, text).map_err(|error| self.refused(error.into()))?;
        self.given += 1;
        self.last = Some(state);
        Ok(())
    }

    fn fields(&mut self, program: &Program, state: u32, bits: &[u64], text: &mut String) -> csv::Result<()> {
        let time = program.time(state);
        self.writer.write_field(fill(text, format_args!("{state}")))?;
        self.writer.write_field(fill(text, format_args!("{time}")))?;
        for &signal in &self.columns {
            let shown = Shown { enums: &program.enums, ty: program.signals[signal].ty, bits: bits[signal.index()] };
            self.writer.write_field(if shown.no_row() { "" } else { fill(text, format_args!("{shown}")) })?;
        }
        self.writer.write_record(None::<&[u8]>)
    }

    fn flush(&mut self) -> Result<(), RecordError> {
        if self.broken {
            return Ok(());
        }
        self.writer.flush().map_err(|source| self.refused(source))?;
        self.written = self.given;
        Ok(())
    }

    fn refused(&mut self, source: io::Error) -> RecordError {
        self.broken = true;
        RecordError::Write { path: self.path.clone(), rows: self.written, source }
    }
}

/// A text in a buffer that is used again and again.
fn fill<'t>(text: &'t mut String, what: std::fmt::Arguments<'_>) -> &'t str {
    text.clear();
    // Writing to a string cannot fail.
    let _ = text.write_fmt(what);
    text
}
