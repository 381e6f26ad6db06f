//! One file of a record: made, gone on with, written, cut back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use diptych_protocol::checkpoint::Cursor;
use diptych_protocol::program::{Program, Record};
use diptych_protocol::types::{Scalar, Sort, Type};

use super::{RecordError, Records};
use crate::coordinator::beside::everywhere;
use crate::coordinator::inject::Disk;
use crate::journal::ENGINE;
use crate::line_file::lock;
use crate::sheets::{Format, Mark, Rows, Schema, Sheet, restore};

/// What tells records apart: a file goes on where all of it is the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    /// The path that the scenario gives.
    pub(super) record: String,
    /// The columns with their types.
    pub(super) columns: Vec<String>,
}

impl Key {
    pub(super) fn of(program: &Program, record: &Record) -> Self {
        let shown = |(name, ty): &(String, Type)| match ty.sort {
            // Numbers of other variants mean something else.
            Sort::Enum(of) => match program.enums.get(of) {
                Some(it) => format!("{name}: {} {{{}}}", it.name, it.variants.join(", ")),
                None => format!("{name}: {ty}"),
            },
            _ => format!("{name}: {ty}"),
        };
        Self { record: record.path.clone(), columns: schema(program, record).columns.iter().map(shown).collect() }
    }
}

/// The columns of a record: the state and its time, of rows who they are, and what the scenario says.
pub(super) fn schema(program: &Program, record: &Record) -> Schema {
    let given = |name: &str, scalar| (name.to_string(), Type::scalar(scalar));
    let mut columns = vec![given("frame", Scalar::U32), given("time", Scalar::F64)];
    match record.extract().map(|extract| &program.outputs.extracts[extract]) {
        Some(extract) => {
            columns.push(given("entity", Scalar::U32));
            if program.groups[extract.group].living.is_some() {
                columns.push(given("generation", Scalar::U32));
            }
            columns.extend(extract.lane_names());
        }
        None => {
            let of = |(name, signal): &(String, _)| (name.clone(), program.signals[*signal].ty);
            columns.extend(record.signals().iter().map(of));
        }
    }
    let about = [
        ("scenario", program.scenario.clone()),
        ("program_hash", format!("{:032x}", program.hash())),
        ("seed", program.seed.to_string()),
        ("engine", ENGINE.to_string()),
    ];
    let about = about.map(|(key, value)| (key.to_string(), value));
    Schema { columns, enums: program.enums.clone(), about: about.into() }
}

/// One file.
pub(super) struct RecordFile {
    pub(super) key: Key,
    pub(super) path: PathBuf,
    /// Nothing of a file that could not be written to the end when the run was checkpointed: it is left as it is.
    sheet: Option<Sheet>,
    pub(super) last: Option<u32>,
    /// It could not be written on: nothing more is tried with it.
    broken: bool,
    /// How far it is, as it was marked last.
    mark: Option<Mark>,
    disk: Disk,
    /// There was no space for a row behind those that are given to the file.
    full: Option<io::Error>,
}

impl RecordFile {
    /// Makes a file.
    pub(super) fn make(
        (program, record): (&Program, &Record),
        path: PathBuf,
        records: &Records,
        disk: &Disk,
    ) -> Result<Self, RecordError> {
        let refused = |source: io::Error| RecordError::Make { path: path.clone(), source };
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            std::fs::create_dir_all(folder).map_err(&refused)?;
        }
        let (key, schema, format) = (Key::of(program, record), schema(program, record), format(&path));
        // A run that is resumed comes again to files that it had begun behind the state that it goes on from.
        let overwrite = records.overwrite || records.resumed.is_some() && begins_alike(&path, format, &schema);
        let mut how = OpenOptions::new();
        how.read(true).write(true);
        // What is no file, a pipe, is not read.
        how.read(!path.metadata().is_ok_and(|about| !about.is_file()));
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
        let sheet = Sheet::new(format, file, schema).map_err(|source| {
            if !overwrite {
                // It is empty, and only in the way of the next attempt.
                let _ = std::fs::remove_file(&path);
            }
            RecordError::Write { path: path.clone(), rows: 0, source }
        })?;
        let disk = disk.clone();
        Ok(Self { key, path, sheet: Some(sheet), last: None, broken: false, mark: None, disk, full: None })
    }

    /// A file that this run had begun before it was resumed: cut back to where it was then, and written on as this record; one that
    /// could not be written to the end then is left as it is.
    pub(super) fn go_on(
        (program, record): (&Program, &Record),
        cursor: &Cursor,
        disk: &Disk,
    ) -> Result<Self, RecordError> {
        let (key, path, disk) = (Key::of(program, record), PathBuf::from(&cursor.file), disk.clone());
        let mark = (!cursor.lost).then(|| mark_of(cursor)).transpose().map_err(|why| gone(cursor, why))?;
        let sheet = match &mark {
            Some(mark) => {
                let file = file_of(cursor).map_err(|why| gone(cursor, why))?;
                let sheet = Sheet::at(format(&path), file, schema(program, record), mark);
                Some(sheet.map_err(|error| gone(cursor, error.to_string()))?)
            }
            None => None,
        };
        Ok(Self { key, path, sheet, last: cursor.last, broken: cursor.lost, mark, disk, full: None })
    }

    /// Appends rows of a state.
    pub(super) fn append(&mut self, state: u32, rows: &Rows) -> Result<(), RecordError> {
        if self.broken || self.full.is_some() {
            return Ok(());
        }
        if let Err(full) = self.disk.space(state) {
            self.full = Some(full);
            return Ok(());
        }
        let written = self.sheet.as_mut().map_or(Ok(()), |sheet| sheet.append(rows));
        written.map_err(|source| self.refused(source))?;
        self.last = Some(state);
        Ok(())
    }

    /// Lets others see what was written, as far as the format has it.
    pub(super) fn flush(&mut self) -> Result<(), RecordError> {
        self.written(Sheet::flush)
    }

    /// Writes all of it, so that it is whole, and remembers how far it is.
    pub(super) fn mark(&mut self) -> Result<(), RecordError> {
        let mut mark = None;
        let marked = self.written(|sheet| {
            mark = sheet.mark()?;
            Ok(())
        });
        if marked.is_ok() && !self.broken {
            self.mark = mark;
        }
        marked
    }

    fn written(&mut self, write: impl FnOnce(&mut Sheet) -> io::Result<()>) -> Result<(), RecordError> {
        if self.broken {
            return Ok(());
        }
        let written = self.sheet.as_mut().map_or(Ok(()), write);
        written.and_then(|()| self.full.take().map_or(Ok(()), Err)).map_err(|source| self.refused(source))
    }

    fn refused(&mut self, source: io::Error) -> RecordError {
        self.broken = true;
        // What it had before stands in it, as far as there is room.
        let _ = self.sheet.as_mut().map(Sheet::mark);
        RecordError::Write { path: self.path.clone(), rows: self.sheet.as_ref().map_or(0, Sheet::rows), source }
    }

    /// Why it is not complete, if the run had gone on without it.
    pub(super) fn lost(&self) -> Option<String> {
        let path = self.path.display();
        let why = "could not be written to the end before the run was resumed, and is left as it is";
        self.broken.then(|| format!("the record {path} {why}"))
    }

    /// Where it was marked; nothing of what is no file.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        let mark = match (&self.mark, self.broken) {
            (Some(mark), _) => mark.clone(),
            (None, true) => Mark::default(),
            (None, false) => return None,
        };
        let Key { record, columns } = self.key.clone();
        Some(Cursor {
            record,
            file: everywhere(&self.path)?,
            columns,
            bytes: mark.bytes,
            rows: mark.rows,
            footer: hexadecimal(&mark.footer),
            last: self.last,
            lost: self.broken,
        })
    }

    /// The file, for whoever brings it to the disk.
    pub(super) fn file(&self) -> io::Result<Option<File>> {
        self.sheet.as_ref().map(|sheet| sheet.file().try_clone()).transpose()
    }

    /// It is only in the way of the next attempt.
    pub(super) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The format of a file. The compiler has seen to it that it has one.
fn format(path: &Path) -> Format {
    path.to_str().and_then(Format::of).unwrap_or(Format::Csv)
}

fn gone(cursor: &Cursor, why: String) -> RecordError {
    RecordError::Gone { path: PathBuf::from(&cursor.file), why }
}

fn mark_of(cursor: &Cursor) -> Result<Mark, String> {
    let footer = bytes(&cursor.footer).ok_or("the checkpoint does not say where its rows are")?;
    Ok(Mark { bytes: cursor.bytes, rows: cursor.rows, footer })
}

/// Opens a file that was marked, and looks whether it can be what it was then.
pub(super) fn file_of(cursor: &Cursor) -> Result<File, String> {
    let file = File::options().read(true).write(true).open(&cursor.file).map_err(|error| error.to_string())?;
    let found = file.metadata().map_err(|error| error.to_string())?.len();
    if found < cursor.bytes {
        return Err(format!("it has {found} bytes, and had {} then", cursor.bytes));
    }
    lock(&file).map_err(|error| error.to_string())?;
    let mut last = [b'\n'];
    if !cursor.lost && cursor.footer.is_empty() && cursor.bytes > 0 {
        file.read_exact_at(&mut last, cursor.bytes - 1).map_err(|error| error.to_string())?;
    }
    if last != [b'\n'] {
        return Err("it has been changed: where it ended then no line ends now".into());
    }
    Ok(file)
}

/// Looks at a file that was marked, before any is cut.
pub(super) fn look_at(cursor: &Cursor) -> Result<(), RecordError> {
    file_of(cursor).map_err(|why| gone(cursor, why))?;
    mark_of(cursor).map(drop).map_err(|why| gone(cursor, why))
}

/// Cuts a file back to where it was: whole, as it was then.
pub(super) fn cut_back(cursor: &Cursor) -> Result<(), RecordError> {
    if cursor.lost {
        return Ok(());
    }
    let cut = file_of(cursor).and_then(|file| {
        let mark = mark_of(cursor)?;
        restore(format(Path::new(&cursor.file)), &file, &mark).map_err(|error| error.to_string())
    });
    cut.map_err(|why| gone(cursor, why))
}

/// Whether a file begins as that of a record does.
fn begins_alike(path: &Path, format: Format, schema: &Schema) -> bool {
    let first = || -> io::Result<bool> {
        let line = format.begins(schema)?;
        let mut there = vec![0; line.len()];
        File::open(path)?.read_exact(&mut there)?;
        Ok(there == line)
    };
    path.is_file() && first().unwrap_or(false)
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = |at: usize| text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    text.len().is_multiple_of(2).then(|| (0..text.len()).step_by(2).map(digits).collect()).flatten()
}
