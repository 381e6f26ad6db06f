//! Checkpoints of a run: when one is due, who holds its panels meanwhile, which are kept.
//!
//! A state that is due is the last one that workers may come to before the coordinator has looked at it. It puts a hold on it
//! ([`Lease`](diptych_protocol::still::Lease)), starts a thread that writes it ([`writer`]), and lets workers go on: one frame
//! needs nothing of the panels. If the frame is over before the writing, what is left is copied first, and workers wait for
//! the copy, not for the disk. The next one is not begun before this one is on the disk: then workers wait.
//!
//! A file counts when it has its name: it is written under another, brought to the disk with the records and the journal that
//! belong to it, and renamed.

mod folder;
mod writer;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use diptych_protocol::checkpoint::{Plan, Run, Waiting, Written};
use diptych_protocol::id::Tick;
use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::track::Damaged;

use folder::Folder;
pub use folder::checkpoints;
use writer::{Done, Hold, Task};

use super::inject::Disk;
use super::site::Site;

/// Where checkpoints are written, and when.
#[derive(Clone, PartialEq, Debug)]
pub struct Checkpoints {
    /// The folder: it is made if need be. One run at a time writes there.
    pub folder: PathBuf,
    /// When, and how many are kept. The last state has one in any case.
    pub plan: Plan,
    /// Whether checkpoints of another run that are there are removed.
    pub overwrite: bool,
    /// Whether those that are there are of the same run, which is resumed.
    pub resumed: bool,
}

/// Why checkpoints are not written, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointsError {
    /// There are some of another run.
    #[error(
        "there are checkpoints in {path} already: go on from them (`diptych resume {path}`), name another folder, or say \
         --force to remove them",
        path = .0.display()
    )]
    Exist(PathBuf),
    /// Another run writes there.
    #[error("another run writes its checkpoints to {}: name another folder", .0.display())]
    Taken(PathBuf),
    /// The folder cannot be used.
    #[error("cannot {what} the folder {}: {source}", path.display())]
    Refused {
        /// What was tried.
        what: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// One cannot be written.
    #[error("cannot write the checkpoint of frame {frame} to {}: {source}; {}", folder.display(), before(last))]
    Write {
        /// So many frames were complete.
        frame: u32,
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
        /// The last one that is there.
        last: Option<u32>,
    },
    /// It is to be written too often, or never.
    #[error("checkpoints every {0} frames: write a number above 0")]
    Every(u32),
}

fn before(last: &Option<u32>) -> String {
    last.map_or_else(|| "there is none".into(), |frame| format!("the last one there is is that of frame {frame}"))
}

/// What became of a run's checkpoints.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Checkpointed {
    /// How many were written.
    pub written: u32,
    /// Bytes of each of them together.
    pub bytes: u64,
    /// Seconds from when each was begun until it was on the disk.
    pub seconds: f64,
    /// Seconds of a core that each took.
    pub cpu: f64,
    /// How many workers waited for: their panels were needed before they were written, and what was left was copied,
    pub copies: u32,
    /// and how long that took, in seconds.
    pub copying: f64,
    /// The last one: its frame, and its file.
    pub last: Option<(u32, PathBuf)>,
}

/// Whoever is told that there is something to look at.
pub(super) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Keeps the checkpoints of a run.
pub(super) struct Keeper {
    folder: Option<Folder>,
    run: Run,
    disk: Disk,
    /// The state that is written next, once that is known.
    due: Option<Tick>,
    /// When the last one was begun.
    since: Instant,
    /// The last one.
    last: Tick,
    writing: Option<Writing>,
    told: Checkpointed,
}

struct Writing {
    tick: Tick,
    hold: Arc<Hold>,
    thread: JoinHandle<io::Result<Done>>,
}

impl Keeper {
    /// Of a run that begins, or goes on from a frame; `run` says what it does beside.
    pub(super) fn open(
        checkpoints: Option<&Checkpoints>,
        mut run: Run,
        from: Option<u32>,
        disk: Disk,
    ) -> Result<Self, CheckpointsError> {
        let (mut folder, mut last) = (None, Tick::NONE);
        if let Some(checkpoints) = checkpoints {
            if checkpoints.plan.frames == Some(0) {
                return Err(CheckpointsError::Every(0));
            }
            let resumed = from.filter(|_| checkpoints.resumed);
            folder = Some(Folder::open(&checkpoints.folder, resumed, checkpoints.overwrite)?);
            last = resumed.map_or(Tick::NONE, Tick::after_frames);
            run.plan = checkpoints.plan;
        }
        let last_file = folder.as_ref().and_then(|folder: &Folder| folder.last().cloned());
        let told = Checkpointed { last: last_file, ..Checkpointed::default() };
        let mut keeper = Self { folder, run, disk, due: None, since: Instant::now(), last, writing: None, told };
        keeper.plan(from.map_or(Tick::NONE, Tick::after_frames));
        Ok(keeper)
    }

    /// The run begins: what is in its way goes.
    pub(super) fn begin(&mut self) -> Result<(), CheckpointsError> {
        self.folder.as_mut().map_or(Ok(()), Folder::clear)
    }

    /// What inputs are to be set to in states to come.
    pub(super) fn set_waiting(&mut self, waiting: Vec<Waiting>) {
        self.run.waiting = waiting;
    }

    /// Whether one is to be begun, now or when the one before it is written.
    pub(super) fn is_due(&self, published: Tick) -> bool {
        self.due.is_some_and(|due| due <= published)
    }

    /// The state of which one is being written.
    pub(super) fn writes(&self) -> Option<Tick> {
        self.writing.as_ref().map(|writing| writing.tick)
    }

    /// Whether there are any.
    pub(super) fn keeps(&self) -> bool {
        self.folder.is_some()
    }

    /// Whether there is one.
    pub(super) fn has_one(&self) -> bool {
        self.told.last.is_some()
    }

    /// The run goes on without its journal.
    pub(super) fn forget_journal(&mut self) {
        self.run.journal = None;
    }

    /// The next state that is due, after one.
    fn plan(&mut self, after: Tick) {
        let every = self.run.plan.frames.filter(|_| self.folder.is_some());
        self.due = every.map(|every| {
            let frames = if after == Tick::NONE { 0 } else { after.frames_done() };
            Tick::after_frames((frames / every + 1).saturating_mul(every).min(FRAMES_MAX))
        });
    }

    /// The program is another one from this state on: what was written of it by the one before is not gone on from.
    pub(super) fn swap(&mut self, tick: Tick) {
        if self.folder.is_some() {
            self.due = Some(tick);
        }
    }

    /// Whether one should be written as soon as can be.
    pub(super) fn wants(&self) -> bool {
        let seconds = self.run.plan.seconds.filter(|_| self.folder.is_some() && self.writing.is_none());
        seconds.is_some_and(|seconds| self.since.elapsed().as_secs_f64() >= seconds)
    }

    /// The state that one is to be written of.
    pub(super) fn set_due(&mut self, tick: Tick) {
        self.due = self.due.into_iter().chain([tick]).min();
    }

    /// The last tick that workers may run.
    pub(super) fn room(&self) -> Tick {
        let held = self.writing.as_ref().filter(|it| !it.hold.over.load(Ordering::Acquire)).map(|it| it.tick.next());
        self.due.into_iter().chain(held).min().unwrap_or(Tick(u32::MAX))
    }

    /// Begins what is due, if it is its turn, and takes in what is written. Nobody has begun a tick behind [`Self::room`]. `beside`
    /// says how far the other files of the run are, and which must be on the disk first.
    pub(super) fn look(
        &mut self,
        site: &Arc<Site>,
        (published, turn): (Tick, bool),
        wake: &Wake,
        beside: impl FnOnce() -> io::Result<(Written, Vec<File>)>,
    ) -> Result<(), CheckpointsError> {
        if let Some(writing) = self.writing.take_if(|writing| writing.thread.is_finished()) {
            self.take_in(writing)?;
        }
        if let Some(writing) = &self.writing {
            // The frame after it is over, and the next one writes its panels.
            if published > writing.tick || self.due == Some(writing.tick) {
                writing.hold.wanted.store(true, Ordering::Release);
            }
            return Ok(());
        }
        let Some(tick) = self.due.take_if(|due| turn && *due <= published) else { return Ok(()) };
        self.since = Instant::now();
        self.plan(tick);
        let (written, first) = beside().map_err(|source| self.failed(tick, source))?;
        self.run.written = written;
        let folder = self.folder.as_ref().map(|folder| folder.path().to_path_buf()).unwrap_or_default();
        let task = Task { folder, run: self.run.clone(), first, disk: self.disk.clone() };
        let (hold, site, wake) = (Arc::<Hold>::default(), Arc::clone(site), Arc::clone(wake));
        let shared = Arc::clone(&hold);
        if !site.board().hold(tick) {
            return Err(self.failed(tick, io::Error::other(Damaged)));
        }
        let beside = Arc::clone(&site);
        let write = move || {
            let written = writer::beside(&beside, tick, &task, &shared, &*wake);
            shared.over.store(true, Ordering::Release);
            wake();
            written
        };
        match thread::Builder::new().name("checkpoint".into()).spawn(write) {
            Ok(thread) => self.writing = Some(Writing { tick, hold, thread }),
            Err(source) => {
                site.board().let_go();
                return Err(self.failed(tick, source));
            }
        }
        Ok(())
    }

    fn failed(&self, tick: Tick, source: io::Error) -> CheckpointsError {
        let folder = self.folder.as_ref().map(|folder| folder.path().to_path_buf()).unwrap_or_default();
        let last = self.told.last.as_ref().map(|(frame, _)| *frame);
        CheckpointsError::Write { frame: tick.frames_done(), folder, source, last }
    }

    fn take_in(&mut self, writing: Writing) -> Result<(), CheckpointsError> {
        let tick = writing.tick;
        let panicked =
            |_| Err(io::Error::other("the thread that writes panicked: a fault of diptych; please report it"));
        let written = writing.thread.join().unwrap_or_else(panicked);
        self.took(written.map_err(|source| self.failed(tick, source))?);
        Ok(())
    }

    fn took(&mut self, written: Done) {
        let frame = written.tick.frames_done();
        if let Some(folder) = &mut self.folder {
            folder.keep(frame, self.run.plan.keep);
            self.told.last = folder.last().cloned();
        }
        self.last = written.tick;
        self.told.written += 1;
        self.told.bytes += written.bytes;
        self.told.seconds += written.took.as_secs_f64();
        self.told.cpu += written.cpu.as_secs_f64();
        self.told.copies += u32::from(written.copied > 0);
        self.told.copying += written.copying.as_secs_f64();
    }

    /// Waits for what is being written, and writes the last state if it has none yet: once nobody runs any more. Not where
    /// somebody insists on the end.
    pub(super) fn finish(
        &mut self,
        site: &Site,
        insists: impl Fn() -> bool,
        beside: impl FnOnce() -> io::Result<(Written, Vec<File>)>,
    ) -> Result<(), CheckpointsError> {
        // One that fails is no reason not to try the last one.
        let begun = self.writing.take().map_or(Ok(()), |writing| {
            writing.hold.wanted.store(true, Ordering::Release);
            self.take_in(writing)
        });
        let last = self.last_state(site, insists, beside);
        begun.and(last)
    }

    fn last_state(
        &mut self,
        site: &Site,
        insists: impl Fn() -> bool,
        beside: impl FnOnce() -> io::Result<(Written, Vec<File>)>,
    ) -> Result<(), CheckpointsError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let mut track = site.track();
        // What is damaged is told by whoever looks at the state.
        let Ok(tick) = track.latest() else { return Ok(()) };
        if tick < Tick::SETUP || tick == self.last && self.due != Some(tick) || insists() {
            return Ok(());
        }
        let (written, first) = beside().map_err(|source| self.failed(tick, source))?;
        let run = Run { written, ..self.run.clone() };
        let task = Task { folder: folder.path().to_path_buf(), run, first, disk: self.disk.clone() };
        let written = writer::alone(&track.still(), &task, insists).map_err(|source| self.failed(tick, source))?;
        written.into_iter().for_each(|written| self.took(written));
        Ok(())
    }

    /// What became of them.
    pub(super) fn told(&self) -> Option<Checkpointed> {
        self.folder.as_ref().map(|_| self.told.clone())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(writing) = self.writing.take() {
            writing.hold.wanted.store(true, Ordering::Release);
            // Nobody asks any more what became of it.
            let _ = writing.thread.join();
        }
    }
}
