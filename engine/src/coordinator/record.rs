//! Records: tables of signals in CSV files, a row a state. The ring in the segment is emptied into them while workers
//! run; how far they may run is what the ring has room for.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use diptych_protocol::checkpoint::Cursor;
use diptych_protocol::id::{Id, SignalId, Tick};
use diptych_protocol::layout::Layout;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Program, Record};
use diptych_protocol::track::Track;

use super::inject::Disk;
use crate::journal::Journal;
use crate::shown::Shown;

/// Where records are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Records {
    /// Their paths are relative to this folder, which is made if need be.
    pub folder: PathBuf,
    /// Whether files that exist are written over.
    pub overwrite: bool,
    /// Of a run that is resumed: its files, which are cut back to where they were, and written on.
    pub resumed: Vec<Cursor>,
}

impl Records {
    /// Of a run that begins.
    pub fn new(folder: impl Into<PathBuf>, overwrite: bool) -> Self {
        Self { folder: folder.into(), overwrite, resumed: Vec::new() }
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
    #[error("state {0} is missing where records are taken from: a fault of diptych; please report it")]
    Missing(u32),
}

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
    writer: csv::Writer<File>,
    /// Rows given to the writer, and rows that reached the file.
    given: u64,
    written: u64,
    last: Option<u32>,
    /// It could not be written on: nothing more is tried, and the other files are completed.
    broken: bool,
    disk: Disk,
}

/// Whether every record can be written without writing over anything.
pub(super) fn check(program: &Program, records: Option<&Records>) -> Result<(), RecordError> {
    let Some(records) = records.filter(|records| !records.overwrite) else { return Ok(()) };
    let resumed = |record: &Record| records.resumed.iter().any(|cursor| cursor.record == record.path);
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
        if let Some(cursors) = recorder.records.as_mut().map(|records| std::mem::take(&mut records.resumed)) {
            recorder.next += u32::from(!cursors.is_empty());
            for cursor in &cursors {
                recorder.made.insert(cursor.file.clone().into());
                recorder.sheets.push(Sheet::reopen(cursor, recorder.disk.clone())?);
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
                None => Some(Sheet::open(record, self.free(program, records, record), records.overwrite, &self.disk)?),
            };
            begun.sheets.push(sheet);
        }
        Ok(begun)
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
    ) -> Result<(), RecordError> {
        let tick = old.record().tick;
        let state = state_of(tick);
        let mut result = self.drain(old, tick);
        let ends = |sheet: &Sheet| {
            let goes_on = |record: &Record| sheet.record.0 == record.path && sheet.record.1.iter().eq(names(record));
            !new.outputs.records.iter().any(goes_on)
        };
        for sheet in self.sheets.iter_mut().filter(|sheet| ends(sheet) && sheet.last != Some(state)) {
            result = result.and(sheet.row(old.program, state, old.last_signals(), &mut self.text));
        }
        result = self.flush(result);
        self.go_on(new, begun);
        for sheet in self.sheets.iter_mut() {
            let first = sheet.last.is_none() || state.is_multiple_of(sheet.every);
            if first && sheet.last != Some(state) {
                result = result.and(sheet.row(new, state, bits, &mut self.text));
            }
        }
        self.next = state.saturating_add(1);
        self.flush(result)
    }

    /// The last tick that workers may run.
    pub(super) fn room(&self, layout: &Layout) -> Tick {
        match self.sheets.is_empty() {
            true => Tick(u32::MAX),
            false => Tick(layout.outputs.due.room(self.next).saturating_add(1)),
        }
    }

    /// Takes the states out of the ring that are complete, and writes their rows.
    pub(super) fn drain(&mut self, track: &Track<'_>, published: Tick) -> Result<(), RecordError> {
        if self.sheets.is_empty() || published == Tick::NONE || state_of(published) < self.next {
            return Ok(());
        }
        let outputs = &track.layout.outputs;
        let mut result = Ok(());
        for state in outputs.due.states(self.next, state_of(published)) {
            self.bits.clear();
            self.bits.extend(track.recorded(state).ok_or(RecordError::Missing(state))?);
            for sheet in self.sheets.iter_mut().filter(|sheet| state.is_multiple_of(sheet.every)) {
                result = result.and(sheet.row(track.program, state, &self.bits, &mut self.text));
            }
        }
        self.next = state_of(published).saturating_add(1);
        self.flush(result)
    }

    /// How far the files are, of the states that have been taken out of the ring; and the files, with the journal: they belong
    /// to a checkpoint.
    pub(super) fn beside(&mut self, journal: Option<&Journal>) -> (Vec<Cursor>, Vec<File>) {
        let cursors = self.sheets.iter_mut().filter_map(Sheet::cursor).collect();
        let files = self.sheets.iter().map(|sheet| sheet.writer.get_ref()).chain(journal.map(Journal::file));
        (cursors, files.filter_map(|file| file.try_clone().ok()).collect())
    }

    fn flush(&mut self, result: Result<(), RecordError>) -> Result<(), RecordError> {
        self.sheets.iter_mut().fold(result, |result, sheet| result.and(sheet.flush()))
    }

    /// Writes what is left, and of each file the last state. Once nobody runs any more.
    pub(super) fn finish(mut self, track: &mut Track<'_>) -> Result<(), RecordError> {
        let published = track.latest();
        if published == Tick::NONE {
            return Ok(());
        }
        let mut result = self.drain(track, published);
        let (state, bits) = (state_of(published), track.last_signals());
        for sheet in self.sheets.iter_mut().filter(|sheet| sheet.last != Some(state)) {
            result = result.and(sheet.row(track.program, state, bits, &mut self.text));
        }
        self.flush(result)
    }
}

/// The names of a record's columns.
fn names(record: &Record) -> impl Iterator<Item = &String> {
    record.columns.iter().map(|(name, _)| name)
}

impl Sheet {
    fn open(record: &Record, path: PathBuf, overwrite: bool, disk: &Disk) -> Result<Self, RecordError> {
        let refused = |source: io::Error| RecordError::Make { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            std::fs::create_dir_all(folder).map_err(&refused)?;
        }
        let mut how = OpenOptions::new();
        how.write(true);
        let file = match overwrite {
            true => how.create(true).truncate(true).open(&path),
            false => how.create_new(true).open(&path),
        };
        let file = file.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => RecordError::Exists(path.clone()),
            _ => refused(source),
        })?;
        let mut writer = csv::Writer::from_writer(file);
        let all = ["frame", "time"].into_iter().chain(names(record).map(String::as_str));
        let header = writer.write_record(all).map_err(io::Error::from).and_then(|()| writer.flush());
        header.map_err(|source| RecordError::Write { path: path.clone(), rows: 0, source })?;
        let known = (record.path.clone(), names(record).cloned().collect());
        let (every, columns) = (record.every, Vec::new());
        let disk = disk.clone();
        Ok(Self { record: known, path, every, columns, writer, given: 0, written: 0, last: None, broken: false, disk })
    }

    /// A file that was begun by this run before it was resumed: cut back to where it was then.
    fn reopen(cursor: &Cursor, disk: Disk) -> Result<Self, RecordError> {
        let path = PathBuf::from(&cursor.file);
        let gone = |why: String| RecordError::Gone { path: PathBuf::from(&cursor.file), why };
        let mut file = File::options().write(true).open(&path).map_err(|e| gone(e.to_string()))?;
        let found = file.metadata().map_err(|e| gone(e.to_string()))?.len();
        if found < cursor.bytes {
            return Err(gone(format!("it has {found} bytes, and had {} then", cursor.bytes)));
        }
        let cut = file.set_len(cursor.bytes).and_then(|()| file.seek(SeekFrom::End(0)));
        cut.map_err(|e| gone(e.to_string()))?;
        Ok(Self {
            record: (cursor.record.clone(), cursor.columns.clone()),
            path,
            disk,
            every: 1,
            columns: Vec::new(),
            writer: csv::Writer::from_writer(file),
            given: cursor.rows,
            written: cursor.rows,
            last: cursor.last,
            broken: false,
        })
    }

    /// Where it is now; nothing of what is no file.
    fn cursor(&mut self) -> Option<Cursor> {
        let (bytes, path) = (self.writer.get_ref().stream_position().ok()?, std::path::absolute(&self.path).ok()?);
        let (record, columns) = self.record.clone();
        Some(Cursor { record, file: path.to_str()?.into(), columns, bytes, rows: self.written, last: self.last })
    }

    fn row(&mut self, program: &Program, state: u32, bits: &[u64], text: &mut String) -> Result<(), RecordError> {
        if self.broken {
            return Ok(());
        }
        if let Err(full) = self.disk.space(state) {
            return self.flush().and_then(|()| Err(self.refused(full)));
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
