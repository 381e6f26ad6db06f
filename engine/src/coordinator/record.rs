//! Records: tables of signals in CSV files, a row a state. The ring in the segment is emptied into them while workers
//! run; how far they may run is what the ring has room for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use diptych_protocol::checkpoint::{Cursor, Written};
use diptych_protocol::id::{Id, SignalId, Tick};
use diptych_protocol::layout::Layout;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Program, Record};
use diptych_protocol::track::Track;

use super::beside::everywhere;
use super::inject::Disk;
use super::write_errors::WriteErrors;
use crate::journal::Journal;
use crate::line_file::{LineFile, lock};
use crate::shown::Shown;

/// Where records are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// Their paths are relative to this folder, which is made if need be.
    pub folder: PathBuf,
    /// Whether files that exist are written over.
    pub overwrite: bool,
    /// Of a run that is resumed: its files. They are cut back to where they were, and written on.
    pub resumed: Option<Written>,
}

impl Records {
    /// Of a run that begins.
    pub fn new(folder: impl Into<PathBuf>, overwrite: bool) -> Self {
        Self { folder: folder.into(), overwrite, resumed: None }
    }
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
    /// It was begun before the run was resumed, and is not what it was then.
    #[error(
        "cannot go on with the record {}: {why}; say --out DIR to begin new records there, or --no-outputs",
        path.display()
    )]
    Gone {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The ring does not hold a state that it should.
    #[error(
        "state {0} is missing where records are taken from: another process has written there, or this is a fault of diptych"
    )]
    Missing(u32),
}

/// Bytes of a row that are gathered at a time.
const LINE_BYTES: usize = 256;

/// The files of a run.
pub(super) struct Recorder {
    records: Option<Records>,
    disk: Disk,
    sheets: Vec<Sheet>,
    /// All files that the run has made.
    made: BTreeSet<PathBuf>,
    /// All states before this one have been taken out of the ring.
    next: u32,
    bits: Vec<u64>,
    text: String,
}

/// One file.
struct Sheet {
    /// The path that the scenario gives, and the names of the columns.
    record: (String, Vec<String>),
    path: PathBuf,
    every: u32,
    columns: Vec<SignalId>,
    file: LineFile,
    /// Of the row that is being made.
    line: Vec<u8>,
    last: Option<u32>,
    /// It could not be written on: nothing more is tried with it.
    broken: bool,
    disk: Disk,
    /// There was no space for a row behind those that are given to the file.
    full: Option<io::Error>,
}

fn gone(cursor: &Cursor, why: String) -> RecordError {
    RecordError::Gone { path: PathBuf::from(&cursor.file), why }
}

/// The first line of a record's file.
fn first_line(record: &Record) -> io::Result<Vec<u8>> {
    let mut fields = csv::Writer::from_writer(Vec::new());
    fields.write_record(["frame", "time"].into_iter().chain(names(record).map(String::as_str)))?;
    fields.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// Whether a file begins as that of a record does.
fn begins_alike(path: &Path, record: &Record) -> bool {
    let first = || -> io::Result<bool> {
        let line = first_line(record)?;
        let mut there = vec![0; line.len()];
        File::open(path)?.read_exact(&mut there)?;
        Ok(there == line)
    };
    path.is_file() && first().unwrap_or(false)
}

/// Whether every record can be written without writing over anything.
pub(super) fn check(program: &Program, records: Option<&Records>) -> Result<(), RecordError> {
    let Some(records) = records.filter(|records| !records.overwrite) else { return Ok(()) };
    let cursors = || records.resumed.iter().flat_map(|written| &written.cursors);
    let resumed = |record: &Record| cursors().any(|cursor| cursor.record == record.path);
    let begun = program.outputs.records.iter().filter(|record| !resumed(record));
    let mut paths = begun.map(|record| records.folder.join(&record.path));
    paths.find(|path| path.symlink_metadata().is_ok()).map_or(Ok(()), |path| Err(RecordError::Exists(path)))
}

/// The files of the program that a run goes on with: those that it begins.
pub(super) struct Begun {
    /// Of each record of the program: nothing where a file goes on.
    sheets: Vec<Option<Sheet>>,
    /// Whether files are in the way of nobody if they are dropped.
    overwrite: bool,
}

impl Drop for Begun {
    fn drop(&mut self) {
        // Nothing has been written: what was made is only in the way of the next attempt.
        let made = self.sheets.iter().flatten().filter(|_| !self.overwrite);
        made.for_each(|sheet| drop(std::fs::remove_file(&sheet.path)));
    }
}

impl Recorder {
    /// Makes the files, with their header lines. Without records there is nothing to do, and no bound to how far
    /// workers may run. A run that goes on from a frame begins new ones with it, or goes on with those that it had.
    pub(super) fn open(
        program: &Program,
        records: Option<Records>,
        from: Option<u32>,
        disk: Disk,
    ) -> Result<Self, RecordError> {
        let (sheets, made) = (Vec::new(), BTreeSet::new());
        let mut recorder = Self { records, disk, sheets, made, next: 0, bits: Vec::new(), text: String::new() };
        recorder.next = from.unwrap_or(0);
        if let Some(written) = recorder.records.as_ref().and_then(|records| records.resumed.clone()) {
            recorder.next += u32::from(!written.cursors.is_empty());
            recorder.made.extend(written.made.iter().map(PathBuf::from));
            // All of them are looked at before any is cut.
            let disk = &recorder.disk;
            let sheets = written.cursors.iter().map(|cursor| Sheet::reopen(cursor, disk.clone()));
            recorder.sheets = sheets.collect::<Result<_, _>>()?;
            for (sheet, cursor) in recorder.sheets.iter_mut().zip(&written.cursors).filter(|(_, it)| !it.lost) {
                sheet.file.cut().map_err(|error| gone(cursor, error.to_string()))?;
            }
        }
        let begun = recorder.begin(program)?;
        recorder.go_on(program, begun);
        Ok(recorder)
    }

    /// Makes the files that a program needs and that there are not yet. A file goes on if its record has the same path and the
    /// same columns. A record whose file this run has made for other columns begins one beside it: `flock.2.csv`.
    pub(super) fn begin(&self, program: &Program) -> Result<Begun, RecordError> {
        let mut begun = Begun { sheets: Vec::new(), overwrite: true };
        let Some(records) = &self.records else { return Ok(begun) };
        begun.overwrite = records.overwrite;
        for record in &program.outputs.records {
            let sheet = match self.going_on(record) {
                Some(_) => None,
                None => Some(Sheet::open(record, self.free(program, records, record), records, &self.disk)?),
            };
            begun.sheets.push(sheet);
        }
        Ok(begun)
    }

    /// Why files are not complete that the run had gone on without before it was resumed.
    pub(super) fn lost(&self) -> impl Iterator<Item = String> {
        let lost = self.sheets.iter().filter(|sheet| sheet.broken);
        lost.map(|sheet| {
            let path = sheet.path.display();
            format!(
                "the record {path} could not be written to the end before the run was resumed, and is left as it is"
            )
        })
    }

    fn going_on(&self, record: &Record) -> Option<usize> {
        let same = |sheet: &Sheet| sheet.record.0 == record.path && sheet.record.1.iter().eq(names(record));
        self.sheets.iter().position(same)
    }

    /// A path that no file of this run has.
    fn free(&self, program: &Program, records: &Records, record: &Record) -> PathBuf {
        let path = records.folder.join(&record.path);
        let said = |path: &PathBuf| program.outputs.records.iter().any(|it| records.folder.join(&it.path) == *path);
        let numbered = |number: u32| match path.extension() {
            Some(extension) => path.with_extension(format!("{number}.{}", extension.display())),
            None => path.with_extension(number.to_string()),
        };
        let paths = std::iter::once(path.clone()).chain((2..).map(numbered).filter(|path| !said(path)));
        paths.into_iter().find(|path| !self.made.contains(path)).unwrap_or_default()
    }

    /// From now on the files are those of this program, of which the state that is complete now is the first, if any is:
    /// those that it has no record for are complete.
    fn go_on(&mut self, program: &Program, mut begun: Begun) {
        let mut before: Vec<Option<Sheet>> = Vec::new();
        let places: Vec<Option<usize>> = program.outputs.records.iter().map(|record| self.going_on(record)).collect();
        before.extend(self.sheets.drain(..).map(Some));
        let begun = std::mem::take(&mut begun.sheets);
        for ((record, begun), place) in program.outputs.records.iter().zip(begun).zip(places) {
            let going = place.and_then(|place| before[place].take());
            let Some(mut sheet) = begun.or(going) else { continue };
            sheet.every = record.every;
            sheet.columns = record.columns.iter().map(|(_, signal)| *signal).collect();
            self.made.insert(sheet.path.clone());
            self.sheets.push(sheet);
        }
    }

    /// Goes on with another program, which has taken over the state of this tick: files that end get that state as the old
    /// program had it, files that begin as the new one has it.
    pub(super) fn swap(
        &mut self,
        old: &Track<'_>,
        (new, bits): (&Program, &[u64]),
        begun: Begun,
        errors: &mut WriteErrors,
    ) -> Result<(), RecordError> {
        let tick = old.record().tick;
        let state = state_of(tick);
        let mut result = self.drain(old, tick, errors);
        let ends = |sheet: &Sheet| {
            let goes_on = |record: &Record| sheet.record.0 == record.path && sheet.record.1.iter().eq(names(record));
            !new.outputs.records.iter().any(goes_on)
        };
        for sheet in self.sheets.iter_mut().filter(|sheet| ends(sheet) && sheet.last != Some(state)) {
            result = result.and(errors.weigh(sheet.row(old.program, state, old.last_signals(), &mut self.text)));
        }
        result = self.flush(result, errors);
        self.go_on(new, begun);
        for sheet in self.sheets.iter_mut() {
            let first = sheet.last.is_none() || state.is_multiple_of(sheet.every);
            if first && sheet.last != Some(state) {
                result = result.and(errors.weigh(sheet.row(new, state, bits, &mut self.text)));
            }
        }
        self.next = state.saturating_add(1);
        self.flush(result, errors)
    }

    /// The last tick that workers may run.
    pub(super) fn room(&self, layout: &Layout) -> Tick {
        match self.sheets.is_empty() {
            true => Tick(u32::MAX),
            false => Tick(layout.outputs.due.room(self.next).saturating_add(1)),
        }
    }

    /// Takes the states out of the ring that are complete, and writes their rows.
    pub(super) fn drain(
        &mut self,
        track: &Track<'_>,
        published: Tick,
        errors: &mut WriteErrors,
    ) -> Result<(), RecordError> {
        if self.sheets.is_empty() || published == Tick::NONE || state_of(published) < self.next {
            return Ok(());
        }
        let outputs = &track.layout.outputs;
        let mut result = Ok(());
        for state in outputs.due.states(self.next, state_of(published)) {
            self.bits.clear();
            self.bits.extend(track.recorded(state).ok_or(RecordError::Missing(state))?);
            for sheet in self.sheets.iter_mut().filter(|sheet| state.is_multiple_of(sheet.every)) {
                result = result.and(errors.weigh(sheet.row(track.program, state, &self.bits, &mut self.text)));
            }
        }
        self.next = state_of(published).saturating_add(1);
        self.flush(result, errors)
    }

    /// How far the files are, of the states that have been taken out of the ring; and the files, with the journal: they belong
    /// to a checkpoint.
    pub(super) fn beside(&self, journal: Option<&Journal>) -> io::Result<(Written, Vec<File>)> {
        let cursors = self.sheets.iter().filter_map(Sheet::cursor).collect();
        let made = self.made.iter().filter_map(|path| everywhere(path)).collect();
        let files = self.sheets.iter().map(|sheet| sheet.file.file()).chain(journal.map(Journal::file));
        // What is no file cannot be brought to the disk.
        let files = files.filter(|file| file.metadata().is_ok_and(|about| about.is_file())).map(File::try_clone);
        Ok((Written { cursors, made }, files.collect::<io::Result<_>>()?))
    }

    fn flush(&mut self, result: Result<(), RecordError>, errors: &mut WriteErrors) -> Result<(), RecordError> {
        self.sheets.iter_mut().fold(result, |result, sheet| result.and(errors.weigh(sheet.flush())))
    }

    /// Writes what is left, and of each file the last state. Once nobody runs any more.
    pub(super) fn finish(&mut self, track: &mut Track<'_>, errors: &mut WriteErrors) -> Result<(), RecordError> {
        // What is damaged is told by whoever looks at the state.
        let Some(published) = track.latest().ok().filter(|tick| *tick != Tick::NONE) else { return Ok(()) };
        let mut result = self.drain(track, published, errors);
        let (state, bits) = (state_of(published), track.last_signals());
        for sheet in self.sheets.iter_mut().filter(|sheet| sheet.last != Some(state)) {
            result = result.and(errors.weigh(sheet.row(track.program, state, bits, &mut self.text)));
        }
        self.flush(result, errors)
    }
}

/// The names of a record's columns.
fn names(record: &Record) -> impl Iterator<Item = &String> {
    record.columns.iter().map(|(name, _)| name)
}

impl Sheet {
    fn open(record: &Record, path: PathBuf, records: &Records, disk: &Disk) -> Result<Self, RecordError> {
        let refused = |source: io::Error| RecordError::Make { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            std::fs::create_dir_all(folder).map_err(&refused)?;
        }
        // A run that is resumed comes again to files that it had begun behind the state that it goes on from.
        let overwrite = records.overwrite || records.resumed.is_some() && begins_alike(&path, record);
        let mut how = OpenOptions::new();
        how.write(true);
        let file = match overwrite {
            true => how.create(true).truncate(false).open(&path),
            false => how.create_new(true).open(&path),
        };
        let file = file.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists(path.clone()),
            _ => refused(source),
        })?;
        lock(&file).map_err(&refused)?;
        if overwrite && file.metadata().is_ok_and(|about| about.is_file()) {
            file.set_len(0).map_err(&refused)?;
        }
        let known = (record.path.clone(), names(record).cloned().collect());
        let (every, file, disk) = (record.every, LineFile::new(file), disk.clone());
        let (columns, line) = (Vec::new(), Vec::new());
        let mut sheet =
            Self { record: known, path, every, columns, file, line, last: None, broken: false, disk, full: None };
        sheet.header(record).inspect_err(|_| {
            if !overwrite {
                // It is empty, and only in the way of the next attempt.
                let _ = std::fs::remove_file(&sheet.path);
            }
        })?;
        Ok(sheet)
    }

    fn header(&mut self, record: &Record) -> Result<(), RecordError> {
        self.line = first_line(record).map_err(|error| self.refused(error))?;
        self.file.push(&self.line);
        self.flush()
    }

    /// A file that this run had begun before it was resumed: as it is now, to be cut back to where it was then.
    fn reopen(cursor: &Cursor, disk: Disk) -> Result<Self, RecordError> {
        let open = || -> Result<File, String> {
            let file = File::options().read(true).write(true).open(&cursor.file).map_err(|error| error.to_string())?;
            let found = file.metadata().map_err(|error| error.to_string())?.len();
            if found < cursor.bytes {
                return Err(format!("it has {found} bytes, and had {} then", cursor.bytes));
            }
            lock(&file).map_err(|error| error.to_string())?;
            let mut last = [b'\n'];
            if !cursor.lost && cursor.bytes > 0 {
                file.read_exact_at(&mut last, cursor.bytes - 1).map_err(|error| error.to_string())?;
            }
            if last != [b'\n'] {
                return Err("it has been changed: where it ended then no line ends now".into());
            }
            Ok(file)
        };
        let file = open().map_err(|why| gone(cursor, why))?;
        Ok(Self {
            record: (cursor.record.clone(), cursor.columns.clone()),
            path: PathBuf::from(&cursor.file),
            every: 1,
            columns: Vec::new(),
            file: LineFile::at(file, cursor.lines, cursor.bytes),
            line: Vec::new(),
            last: cursor.last,
            // What could not be written to the end then is left as it is.
            broken: cursor.lost,
            disk,
            full: None,
        })
    }

    /// Where it is now; nothing of what is no file.
    fn cursor(&self) -> Option<Cursor> {
        let (lines, bytes) = (self.file.lines(), self.file.bytes()?);
        let file = everywhere(&self.path)?;
        let (record, columns) = self.record.clone();
        Some(Cursor { record, file, columns, bytes, lines, last: self.last, lost: self.broken })
    }

    fn row(&mut self, program: &Program, state: u32, bits: &[u64], text: &mut String) -> Result<(), RecordError> {
        if self.broken || self.full.is_some() {
            return Ok(());
        }
        if let Err(full) = self.disk.space(state) {
            self.full = Some(full);
            return Ok(());
        }
        self.fields(program, state, bits, text).map_err(|error| self.refused(error))?;
        self.file.push(&self.line);
        self.last = Some(state);
        Ok(())
    }

    fn fields(&mut self, program: &Program, state: u32, bits: &[u64], text: &mut String) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let mut fields = csv::WriterBuilder::new().buffer_capacity(LINE_BYTES).from_writer(line);
        let time = program.time(state);
        fields.write_field(fill(text, format_args!("{state}")))?;
        fields.write_field(fill(text, format_args!("{time}")))?;
        for &signal in &self.columns {
            let shown = Shown { enums: &program.enums, ty: program.signals[signal].ty, bits: bits[signal.index()] };
            fields.write_field(if shown.no_row() { "" } else { fill(text, format_args!("{shown}")) })?;
        }
        fields.write_record(None::<&[u8]>)?;
        self.line = fields.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), RecordError> {
        if self.broken {
            return Ok(());
        }
        let written = self.file.flush().and_then(|()| self.full.take().map_or(Ok(()), Err));
        written.map_err(|source| self.refused(source))
    }

    fn refused(&mut self, source: io::Error) -> RecordError {
        self.broken = true;
        RecordError::Write { path: self.path.clone(), rows: self.file.lines().saturating_sub(1), source }
    }
}

/// A text in a buffer that is used again and again.
fn fill<'t>(text: &'t mut String, what: std::fmt::Arguments<'_>) -> &'t str {
    text.clear();
    // Writing to a string cannot fail.
    let _ = text.write_fmt(what);
    text
}
