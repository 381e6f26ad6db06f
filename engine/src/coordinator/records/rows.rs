//! A record of rows: what is taken of the rows of the states that are due, written by a thread of its own.

use std::path::PathBuf;

use diptych_protocol::checkpoint::Cursor;
use diptych_protocol::id::ExtractId;
use diptych_protocol::message::Backend;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::Program;
use diptych_protocol::still::Still;
use diptych_workers::extract::{Extractor, Lane};

use super::file::{Key, RecordFile};
use super::{OnSlow, RecordError, Skipped};
use crate::coordinator::takers::{Bell, Post, Taker, Unanswered};
use crate::sheets::Rows;

/// A file, and what has gone wrong with it.
struct Writing {
    file: RecordFile,
    error: Option<RecordError>,
}

impl Writing {
    fn keep(&mut self, written: Result<(), RecordError>) -> bool {
        let failed = written.is_err();
        if let Err(error) = written {
            self.error.get_or_insert(error);
        }
        failed
    }
}

/// A record of rows.
pub(super) struct RowRecord {
    pub(super) key: Key,
    pub(super) path: PathBuf,
    every: u32,
    extractor: Extractor,
    /// The state that is due next,
    due: u32,
    /// and the last one that was taken.
    last: Option<u32>,
    post: Post<Writing, (u32, Rows)>,
    on_slow: OnSlow,
    skipped: u64,
    /// Where it was when it was settled.
    cursor: Option<Cursor>,
    told: bool,
    /// Why it is not complete, if the run had gone on without it before it was resumed.
    pub(super) lost: Option<String>,
}

impl RowRecord {
    /// From a state on: the first that it has, if it has none yet.
    pub(super) fn new(
        (program, extract, every): (&Program, ExtractId, u32),
        file: RecordFile,
        from: u32,
        (backend, on_slow): (Backend, OnSlow),
        bell: Bell,
    ) -> Result<Self, RecordError> {
        let extractor = Extractor::new(program, extract, backend)?;
        let (key, path, last, cursor) = (file.key.clone(), file.path.clone(), file.last, file.cursor());
        let lost = file.lost();
        let writing = Writing { file, error: None };
        let work = |writing: &mut Writing, (state, rows): (u32, Rows)| {
            let written = writing.file.append(state, &rows).and_then(|()| writing.file.flush());
            writing.keep(written)
        };
        let post = Post::new("record", writing, work, bell);
        let post = post.map_err(|source| RecordError::Make { path: path.clone(), source })?;
        let due = due(last, from, every);
        let (skipped, told) = (0, false);
        Ok(Self { key, path, every, extractor, due, last, post, on_slow, skipped, cursor, told, lost })
    }

    /// Goes on as a record of another program.
    pub(super) fn go_on(&mut self, extractor: Extractor, every: u32, from: u32) {
        self.extractor = extractor;
        self.every = every;
        self.due = due(self.last, from, every);
    }

    /// Where it was when it was settled last.
    pub(super) fn cursor(&self) -> Option<Cursor> {
        self.cursor.clone()
    }

    /// The file, for whoever brings it to the disk.
    pub(super) fn file(&self) -> Option<std::fs::File> {
        self.post.ask(|writing| writing.file.file().ok().flatten()).ok().flatten()
    }

    fn unanswered(&self, why: Unanswered) -> RecordError {
        RecordError::Write { path: self.path.clone(), rows: 0, source: why.into() }
    }

    /// What it has left out.
    pub(super) fn skipped(&self) -> Option<Skipped> {
        (self.skipped > 0).then(|| Skipped { path: self.path.clone(), states: self.skipped })
    }
}

/// The state that is due next, if all before `from` are over.
fn due(last: Option<u32>, from: u32, every: u32) -> u32 {
    match last {
        None => from,
        Some(last) => from.max(last.saturating_add(1)).checked_next_multiple_of(every).unwrap_or(u32::MAX),
    }
}

impl Taker for RowRecord {
    fn due(&self) -> Option<u32> {
        Some(self.due)
    }

    fn is_ready(&self) -> bool {
        self.post.has_room()
    }

    fn on_slow(&self) -> OnSlow {
        self.on_slow
    }

    fn take(&mut self, still: &Still<'_>, last: bool) {
        let state = state_of(still.tick());
        if !(last || self.due == state) {
            return;
        }
        self.due = due(Some(state), state, self.every);
        if self.last == Some(state) {
            return;
        }
        let rows = self.extractor.take(still);
        let count = rows.len();
        let time = still.program().time(state);
        let (frame, time) = (Lane::U32(vec![state; count]), Lane::F64(vec![time; count]));
        let names = std::iter::once(rows.entities).chain(rows.generations).map(Lane::U32);
        let lanes = [frame, time].into_iter().chain(names).chain(rows.lanes).collect();
        self.post.put((state, Rows { count, lanes }));
        self.last = Some(state);
    }

    fn skip(&mut self) {
        self.skipped += 1;
        self.due = self.due.saturating_add(1).checked_next_multiple_of(self.every).unwrap_or(u32::MAX);
    }

    fn settle(&mut self, all: bool) -> Result<(), RecordError> {
        if !all && (self.told || !self.post.has_failed()) {
            return Ok(());
        }
        let told = self.post.ask(move |writing| {
            if all {
                let marked = writing.file.mark();
                writing.keep(marked);
            }
            (writing.error.take(), writing.file.cursor())
        });
        let error = match told {
            Ok((error, cursor)) => {
                self.cursor = cursor;
                // Where work panicked nobody has said why.
                error.or_else(|| (self.post.has_failed() && !self.told).then(|| self.unanswered(Unanswered::Panicked)))
            }
            Err(why) => Some(self.unanswered(why)),
        };
        self.told |= error.is_some();
        error.map_or(Ok(()), Err)
    }

    fn swap(&mut self, _: &Still<'_>, _: &Program, _: u32) -> Result<(), RecordError> {
        // The recorder says what becomes of it.
        Ok(())
    }
}
