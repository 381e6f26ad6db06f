//! `--trace` and `--profile`: takes what workers tell of their time out of their rings beside the run, and notes what the
//! coordinator does. Where neither is asked for, nothing is laid out and nobody looks at a clock.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use diptych_protocol::id::{Tick, WorkerId};
use diptych_protocol::trace::{Traced, drain, now};

use super::cores;
use super::site::Site;
use super::write_errors::WriteErrors;
use crate::profile::Profile;
use crate::trace_file::{TraceFile, Track};

/// What the coordinator does is told if it takes so long, in nanoseconds.
const TOLD_MIN: u64 = 1_000;

/// What is asked for of where time goes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Trace {
    /// The file that a trace is written to.
    pub file: Option<PathBuf>,
    /// The frames that it shows, counted from 1; 0 is set-up.
    pub frames: Range<u32>,
    /// Whether a file that exists is written over.
    pub overwrite: bool,
    /// Whether time is added up by stages and systems, of all frames.
    pub profile: bool,
}

impl Trace {
    /// What workers are to write.
    pub(super) fn traced(&self, workers: u16) -> Option<Traced> {
        if self.file.is_none() && !self.profile {
            return None;
        }
        let rings = if workers == 0 { cores() } else { workers };
        Some(match self.profile {
            true => Traced { rings, from: Tick::SETUP, through: Tick(u32::MAX) },
            false => Traced { rings, ..self.shown(rings) },
        })
    }

    fn shown(&self, rings: u16) -> Traced {
        Traced { rings, from: Tick(self.frames.start.saturating_add(1)), through: Tick(self.frames.end) }
    }
}

/// Why a trace cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// There is such a file, and nobody said to write over it.
    #[error("{} exists; say --force to write over it, or another name", .0.display())]
    Exists(PathBuf),
    /// The file cannot be made.
    #[error("cannot make the trace {}: {source}", path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Takes what workers tell.
pub(super) struct Tracer {
    file: Option<(TraceFile, Traced)>,
    profile: Option<Profile>,
    /// Processes, or threads of this one.
    processes: bool,
    /// Whether the program that runs now is known.
    begun: bool,
    /// Events that found no room, of crews that have left and of the one that runs.
    dropped: (u64, u64),
    published: Tick,
    /// The checkpoint that is being written, and since when.
    writing: Option<(Tick, u64)>,
}

impl Tracer {
    /// Makes the file.
    pub(super) fn open(asked: &Trace, workers: u16) -> Result<Self, TraceError> {
        let create = |path: &PathBuf| {
            let refused = |source: io::Error| match source.kind() {
                io::ErrorKind::AlreadyExists => TraceError::Exists(path.clone()),
                _ => TraceError::Make { path: path.clone(), source },
            };
            Ok((TraceFile::create(path, asked.overwrite).map_err(refused)?, asked.shown(0)))
        };
        Ok(Self {
            file: asked.file.as_ref().map(create).transpose()?,
            profile: asked.profile.then(Profile::default),
            processes: workers > 0,
            begun: false,
            dropped: (0, 0),
            published: Tick::NONE,
            writing: None,
        })
    }

    /// Whether somebody asks.
    pub(super) fn is_on(&self) -> bool {
        self.file.is_some() || self.profile.is_some()
    }

    /// Takes events out of the rings of the program that runs; all ticks through `published` are complete.
    pub(super) fn drain(&mut self, site: &Site, published: Tick) {
        if !self.is_on() {
            return;
        }
        let rings = &site.layout.trace;
        if !self.begun {
            self.begun = true;
            if let Some((file, _)) = &mut self.file {
                file.program(&site.program, rings.len() as u16, self.processes);
            }
            if let Some(profile) = &mut self.profile {
                profile.program(&site.program, rings.len());
            }
        }
        self.published = published;
        self.dropped.1 = 0;
        for (worker, ring) in rings.iter().enumerate() {
            self.dropped.1 += drain(site.segment.memory(), *ring, &site.program, |event| {
                if let Some((file, _)) = self.file.as_mut().filter(|(_, shown)| shown.has(event.tick)) {
                    file.event(worker as u16, event);
                }
                if let Some(profile) = &mut self.profile {
                    profile.event(worker, &event);
                }
            });
        }
        if let Some(profile) = &mut self.profile {
            profile.complete(published);
        }
    }

    /// The workers of a program have left, and the run goes on with another one.
    pub(super) fn swap(&mut self, old: &Site, published: Tick, since: u64) {
        self.drain(old, published);
        self.note("swap to another program", since);
        self.dropped = (self.dropped.0 + self.dropped.1, 0);
        self.begun = false;
    }

    /// The time, if somebody asks.
    pub(super) fn now(&self) -> u64 {
        if self.file.is_some() { now() } else { 0 }
    }

    /// The file, while it shows what happens now.
    fn shown(&mut self) -> Option<&mut TraceFile> {
        let published = self.published;
        self.file.as_mut().filter(|(_, shown)| shown.has(published.next())).map(|(file, _)| file)
    }

    /// The coordinator has done something since then.
    pub(super) fn note(&mut self, what: &str, since: u64) {
        if let Some(file) = self.shown() {
            let end = now();
            if end.saturating_sub(since) >= TOLD_MIN {
                let name = serde_json::Value::from(what).to_string();
                file.slice(Track::Coordinator as u32, &name, (since, end), format_args!(""));
            }
        }
    }

    /// A worker has died, and another takes its place, since then.
    pub(super) fn died(&mut self, worker: WorkerId, how: &str, since: u64) {
        if let Some(file) = self.shown() {
            file.instant(file.lane(worker.0), &format!("died: {how}"), since);
        }
        self.note(&format!("worker {} died ({how}): reaped, another one started", worker.0), since);
    }

    /// Which checkpoint is being written now.
    pub(super) fn writes(&mut self, tick: Option<Tick>) {
        if self.file.is_none() || self.writing.map(|(tick, _)| tick) == tick {
            return;
        }
        let end = now();
        if let (Some((tick, begin)), Some((file, _))) = (self.writing.take(), &mut self.file) {
            let name = format!("\"checkpoint of frame {}\"", tick.frames_done());
            file.slice(Track::Checkpoints as u32, &name, (begin, end), format_args!(""));
        }
        self.writing = tick.filter(|_| self.shown().is_some()).map(|tick| (tick, end));
    }

    /// Nobody runs any more: completes the file, and says where it is; gives the profile.
    pub(super) fn finish(&mut self, site: &Site, published: Tick, errors: &mut WriteErrors) -> Told {
        self.drain(site, published);
        self.writes(None);
        let dropped = self.dropped.0 + self.dropped.1;
        let file = self.file.take().and_then(|(file, _)| {
            let finished = file.finish(dropped).inspect_err(|why| errors.go_on_without(why));
            finished.ok()
        });
        Told { file, profile: self.profile.take().map(|profile| profile.finished(dropped)) }
    }
}

/// What there is to tell of where time went.
#[derive(Default)]
pub(super) struct Told {
    /// The trace: where it is, and what it lacks.
    pub(super) file: Option<String>,
    pub(super) profile: Option<Profile>,
}
