//! All records of a run: those of the program that runs, and how they go on with the next one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use diptych_protocol::checkpoint::{Cursor, Written};
use diptych_protocol::id::Tick;
use diptych_protocol::layout::Layout;
use diptych_protocol::message::Backend;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Program, Record};
use diptych_protocol::track::Track;
use diptych_workers::extract::Extractor;

use super::file::{Key, RecordFile, cut_back, look_at};
use super::rows::RowRecord;
use super::states::StateRecord;
use super::{OnSlow, RecordError, Records, Skipped};
use crate::coordinator::beside::everywhere;
use crate::coordinator::inject::Disk;
use crate::coordinator::takers::{Bell, Taker};
use crate::coordinator::write_errors::WriteErrors;
use crate::journal::Journal;

/// The files of a run.
pub(in crate::coordinator) struct Recorder {
    records: Option<Records>,
    backend: Backend,
    disk: Disk,
    bell: Bell,
    states: Vec<StateRecord>,
    rows: Vec<RowRecord>,
    /// All files that the run has made.
    made: BTreeSet<PathBuf>,
    /// All states before this one have been taken out of the ring.
    next: u32,
    bits: Vec<u64>,
}

/// Whether every record can be written without writing over anything.
pub(in crate::coordinator) fn check(program: &Program, records: Option<&Records>) -> Result<(), RecordError> {
    let Some(records) = records.filter(|records| !records.overwrite) else { return Ok(()) };
    let cursors = || records.resumed.iter().flat_map(|written| &written.cursors);
    let resumed = |record: &Record| cursors().any(|cursor| cursor.record == record.path);
    let begun = program.outputs.records.iter().filter(|record| !resumed(record));
    let mut paths = begun.map(|record| records.folder.join(&record.path));
    paths.find(|path| path.symlink_metadata().is_ok()).map_or(Ok(()), |path| Err(RecordError::Exists(path)))
}

/// The files of the program that a run goes on with: those that it begins.
pub(in crate::coordinator) struct Begun {
    /// Of each record of the program: nothing where a file goes on.
    files: Vec<Option<RecordFile>>,
    /// Whether files are in the way of nobody if they are dropped.
    overwrite: bool,
}

impl Drop for Begun {
    fn drop(&mut self) {
        // Nothing has been written: what was made is only in the way of the next attempt.
        let made = self.files.iter().flatten().filter(|_| !self.overwrite);
        made.for_each(RecordFile::remove);
    }
}

/// A record of the program that is gone on with: one that begins, or one that goes on, by its key.
enum Going<'p> {
    States(Box<StateRecord>),
    Rows(Box<RowRecord>),
    StatesOn(Key, &'p Record),
    RowsOn(Key, Box<Extractor>, u32),
}

impl Recorder {
    /// Makes the files, with their header lines. Without records there is nothing to do, and no bound to how far
    /// workers may run. A run that goes on from a frame begins new ones with it, or goes on with those that it had.
    pub(in crate::coordinator) fn open(
        program: &Program,
        records: Option<Records>,
        from: Option<u32>,
        (backend, disk, bell): (Backend, Disk, Bell),
    ) -> Result<Self, RecordError> {
        let (states, rows, made, bits) = (Vec::new(), Vec::new(), BTreeSet::new(), Vec::new());
        let next = from.unwrap_or(0);
        let mut recorder = Self { records, backend, disk, bell, states, rows, made, next, bits };
        let resumed = recorder.records.as_ref().and_then(|records| records.resumed.clone()).unwrap_or_default();
        recorder.next += u32::from(!resumed.cursors.is_empty());
        recorder.made.extend(resumed.made.iter().map(PathBuf::from));
        let going: Vec<RecordFile> = recorder.resume(program, &resumed.cursors)?;
        let keys: Vec<Key> = going.iter().map(|file| file.key.clone()).collect();
        let begun = recorder.begin_all(program, &keys)?;
        recorder.go_on(program, begun, going, next)?;
        Ok(recorder)
    }

    /// The files that a run had begun before it was resumed, cut back to where they were then: those that go on.
    fn resume(&self, program: &Program, cursors: &[Cursor]) -> Result<Vec<RecordFile>, RecordError> {
        // All of them are looked at before any is cut.
        cursors.iter().filter(|cursor| !cursor.lost).try_for_each(look_at)?;
        let mut going = Vec::new();
        for cursor in cursors {
            cut_back(cursor)?;
            let same = |record: &&Record| {
                let key = Key::of(program, record);
                key.record == cursor.record && key.columns == cursor.columns
            };
            if let Some(record) = program.outputs.records.iter().find(same) {
                going.push(RecordFile::go_on((program, record), cursor, &self.disk)?);
            }
        }
        Ok(going)
    }

    fn keys(&self) -> Vec<Key> {
        let states = self.states.iter().map(|states| &states.file.key);
        states.chain(self.rows.iter().map(|rows| &rows.key)).cloned().collect()
    }

    /// Makes the files that a program needs and that there are not yet. A file goes on if its record has the same path and the
    /// same columns. A record whose file this run has made for other columns begins one beside it: `flock.2.csv`.
    pub(in crate::coordinator) fn begin(&self, program: &Program) -> Result<Begun, RecordError> {
        self.begin_all(program, &self.keys())
    }

    fn begin_all(&self, program: &Program, going: &[Key]) -> Result<Begun, RecordError> {
        let mut begun = Begun { files: Vec::new(), overwrite: true };
        let Some(records) = &self.records else { return Ok(begun) };
        begun.overwrite = records.overwrite;
        for record in &program.outputs.records {
            let file = match going.contains(&Key::of(program, record)) {
                true => None,
                false => {
                    let path = self.free(program, records, record);
                    Some(RecordFile::make((program, record), path, records, &self.disk)?)
                }
            };
            begun.files.push(file);
        }
        Ok(begun)
    }

    /// Why files are not complete that the run had gone on without before it was resumed.
    pub(in crate::coordinator) fn lost(&self) -> Vec<String> {
        let states = self.states.iter().filter_map(|states| states.file.lost());
        states.chain(self.rows.iter().filter_map(|rows| rows.lost.clone())).collect()
    }

    /// What was left out since it was written too slowly.
    pub(in crate::coordinator) fn skipped(&self) -> Vec<Skipped> {
        self.rows.iter().filter_map(RowRecord::skipped).collect()
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

    /// From now on the files are those of this program, of which the state `from` is the first: those that it has no record for
    /// are complete.
    fn go_on(
        &mut self,
        program: &Program,
        mut begun: Begun,
        going: Vec<RecordFile>,
        from: u32,
    ) -> Result<(), RecordError> {
        // All that can fail comes first: until then the records are those of before.
        let on_slow = self.records.as_ref().map_or(OnSlow::default(), |records| records.on_slow);
        let (mut files, mut next) = (going, Vec::new());
        let all = program.outputs.records.iter().zip(begun.files.iter_mut());
        for (record, begun) in all {
            let key = Key::of(program, record);
            let file = begun.take().or_else(|| {
                let place = files.iter().position(|file| file.key == key)?;
                Some(files.swap_remove(place))
            });
            let of = record.extract().map(|extract| (program, extract, record.every));
            next.push(match (of, file) {
                (None, Some(file)) => Going::States(Box::new(StateRecord::new(program, record, file))),
                (Some(of), Some(file)) => {
                    let rows = RowRecord::new(of, file, from, (self.backend, on_slow), self.bell.clone())?;
                    Going::Rows(Box::new(rows))
                }
                (None, None) => Going::StatesOn(key, record),
                (Some(of), None) => {
                    Going::RowsOn(key, Box::new(Extractor::new(program, of.1, self.backend)?), record.every)
                }
            });
        }
        let mut states: Vec<StateRecord> = self.states.drain(..).collect();
        let mut rows: Vec<RowRecord> = self.rows.drain(..).collect();
        for it in next {
            match it {
                Going::States(it) => self.states.push(*it),
                Going::Rows(it) => self.rows.push(*it),
                Going::StatesOn(key, record) => {
                    if let Some(place) = states.iter().position(|states| states.file.key == key) {
                        let mut going = states.swap_remove(place);
                        going.go_on(record);
                        self.states.push(going);
                    }
                }
                Going::RowsOn(key, extractor, every) => {
                    if let Some(place) = rows.iter().position(|rows| rows.key == key) {
                        let mut going = rows.swap_remove(place);
                        going.go_on(*extractor, every, from);
                        self.rows.push(going);
                    }
                }
            }
        }
        self.made.extend(self.states.iter().map(|states| states.file.path.clone()));
        self.made.extend(self.rows.iter().map(|rows| rows.path.clone()));
        Ok(())
    }

    /// Goes on with another program, which has taken over the state of this tick: files that end get that state as the old
    /// program had it, files that begin as the new one has it.
    pub(in crate::coordinator) fn swap(
        &mut self,
        old: &Track<'_>,
        (new, bits): (&Program, &[u64]),
        begun: Begun,
        errors: &mut WriteErrors,
    ) -> Result<(), RecordError> {
        let tick = old.record().tick;
        let state = state_of(tick);
        let mut result = self.drain(old, tick, errors);
        let goes_on: Vec<Key> = new.outputs.records.iter().map(|record| Key::of(new, record)).collect();
        let ends = |key: &Key| !goes_on.contains(key);
        let ending = self.states.iter_mut().filter(|it| ends(&it.file.key));
        for states in ending {
            if states.file.last != Some(state) {
                result = result.and(errors.weigh(states.row(old.program, state, old.last_signals())));
            }
            result = result.and(errors.weigh(states.file.mark()));
        }
        for rows in self.rows.iter_mut().filter(|rows| ends(&rows.key)) {
            rows.take(&old.still(), true);
            result = result.and(errors.weigh(rows.settle(true)));
        }
        result = self.flush(result, errors);
        let gone_on = self.go_on(new, begun, Vec::new(), state);
        result = result.and(gone_on);
        for states in self.states.iter_mut() {
            let first = states.file.last.is_none() || state.is_multiple_of(states.every);
            if first && states.file.last != Some(state) {
                result = result.and(errors.weigh(states.row(new, state, bits)));
            }
        }
        self.next = state.saturating_add(1);
        self.flush(result, errors)
    }

    /// Those that take whole states.
    pub(in crate::coordinator) fn takers(&self) -> impl Iterator<Item = &dyn Taker> {
        self.rows.iter().map(|rows| rows as &dyn Taker)
    }

    /// The same, to take.
    pub(in crate::coordinator) fn takers_mut(&mut self) -> impl Iterator<Item = &mut dyn Taker> {
        self.rows.iter_mut().map(|rows| rows as &mut dyn Taker)
    }

    /// The last tick that workers may run.
    pub(in crate::coordinator) fn room(&self, layout: &Layout) -> Tick {
        match self.states.is_empty() {
            true => Tick(u32::MAX),
            false => Tick(layout.outputs.due.room(self.next).saturating_add(1)),
        }
    }

    /// Takes the states out of the ring that are complete, and writes their rows.
    pub(in crate::coordinator) fn drain(
        &mut self,
        track: &Track<'_>,
        published: Tick,
        errors: &mut WriteErrors,
    ) -> Result<(), RecordError> {
        let mut result = Ok(());
        for rows in self.rows.iter_mut() {
            result = result.and(errors.weigh(rows.settle(false)));
        }
        if self.states.is_empty() || published == Tick::NONE || state_of(published) < self.next {
            return result;
        }
        let outputs = &track.layout.outputs;
        for state in outputs.due.states(self.next, state_of(published)) {
            self.bits.clear();
            self.bits.extend(track.recorded(state).ok_or(RecordError::Missing(state))?);
            for states in self.states.iter_mut().filter(|states| state.is_multiple_of(states.every)) {
                result = result.and(errors.weigh(states.row(track.program, state, &self.bits)));
            }
        }
        self.next = state_of(published).saturating_add(1);
        self.flush(result, errors)
    }

    fn flush(&mut self, result: Result<(), RecordError>, errors: &mut WriteErrors) -> Result<(), RecordError> {
        self.states.iter_mut().fold(result, |result, states| result.and(errors.weigh(states.file.flush())))
    }

    /// Makes all files whole as they are: each is where its cursor says.
    pub(in crate::coordinator) fn settle(&mut self, errors: &mut WriteErrors) -> Result<(), RecordError> {
        let mut result = Ok(());
        for states in &mut self.states {
            result = result.and(errors.weigh(states.file.mark()));
        }
        for rows in &mut self.rows {
            result = result.and(errors.weigh(rows.settle(true)));
        }
        result
    }

    /// How far the files were when they were settled; and the files, with the journal: they belong to a checkpoint.
    pub(in crate::coordinator) fn beside(&self, journal: Option<&Journal>) -> io::Result<(Written, Vec<File>)> {
        let cursors = self.states.iter().filter_map(|states| states.file.cursor());
        let cursors = cursors.chain(self.rows.iter().filter_map(RowRecord::cursor)).collect();
        let made = self.made.iter().filter_map(|path| everywhere(path)).collect();
        let mut files: Vec<File> = Vec::new();
        for states in &self.states {
            files.extend(states.file.file()?);
        }
        files.extend(self.rows.iter().filter_map(RowRecord::file));
        if let Some(journal) = journal {
            files.push(journal.file().try_clone()?);
        }
        // What is no file cannot be brought to the disk.
        files.retain(|file| file.metadata().is_ok_and(|about| about.is_file()));
        Ok((Written { cursors, made }, files))
    }

    /// Writes what is left, and of each file the last state. Once nobody runs any more.
    pub(in crate::coordinator) fn finish(
        &mut self,
        track: &mut Track<'_>,
        errors: &mut WriteErrors,
    ) -> Result<(), RecordError> {
        // What is damaged is told by whoever looks at the state.
        let Some(published) = track.latest().ok().filter(|tick| *tick != Tick::NONE) else { return Ok(()) };
        let mut result = self.drain(track, published, errors);
        let (state, bits) = (state_of(published), track.last_signals());
        for states in self.states.iter_mut().filter(|states| states.file.last != Some(state)) {
            result = result.and(errors.weigh(states.row(track.program, state, bits)));
        }
        result.and(self.settle(errors))
    }
}
