//! What a run leaves: its figures, and the last complete state to look at.

use bytemuck::Pod;
use diptych_protocol::access::Element;
use diptych_protocol::digest::{Digest, digest};
use diptych_protocol::id::{GroupId, RowRange};
use diptych_protocol::layout::Layout;
use diptych_protocol::message::Backend;
use diptych_protocol::program::{Origin, Program};
use diptych_protocol::segment::Segment;
use diptych_protocol::track::Track;
use diptych_protocol::types::Scalar;

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// All frames are complete.
    Frames,
    /// It was told to stop, and did after a whole frame.
    Interrupted,
}

/// The figures that supervising yields.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    pub(super) stopped: Stopped,
    /// Seconds until state 0 was complete.
    pub(super) setup_s: f64,
    /// Seconds of the frames alone.
    pub(super) wall_s: f64,
    pub(super) worker_deaths: u32,
    pub(super) batches_replayed: u64,
    pub(super) batches_by_worker: Vec<u64>,
    pub(super) peak_rss_bytes: u64,
}

/// A run that came to its end.
pub struct Outcome {
    /// Why it ended.
    pub stopped: Stopped,
    /// Frames complete.
    pub frames: u32,
    /// Rows of all lasting groups.
    pub agents: u64,
    /// Worker processes it was run with.
    pub workers: u16,
    /// How bodies were run.
    pub backend: Backend,
    /// Seconds until state 0 was complete.
    pub setup_s: f64,
    /// Seconds of the frames alone.
    pub wall_s: f64,
    /// Workers that died and were replaced.
    pub worker_deaths: u32,
    /// Batches that had to be run again.
    pub batches_replayed: u64,
    /// Batches run, a worker slot each. Changes from run to run.
    pub batches_by_worker: Vec<u64>,
    /// The largest resident size of any of the run's processes, shared memory included.
    pub peak_rss_bytes: u64,
    /// The hashes of the last state.
    pub digest: Digest,
    /// The last state.
    pub state: State,
}

impl Outcome {
    pub(super) fn new(figures: Figures, state: State, workers: u16, backend: Backend) -> Self {
        let (frames, agents, digest) = {
            let track = state.track();
            (track.record().tick.frames_done(), state.agents(), digest(&track))
        };
        Self {
            stopped: figures.stopped,
            frames,
            agents,
            workers,
            backend,
            setup_s: figures.setup_s,
            wall_s: figures.wall_s,
            worker_deaths: figures.worker_deaths,
            batches_replayed: figures.batches_replayed,
            batches_by_worker: figures.batches_by_worker,
            peak_rss_bytes: figures.peak_rss_bytes,
            digest,
            state,
        }
    }
}

/// The last complete state of a run whose workers have left.
pub struct State {
    program: Program,
    layout: Layout,
    segment: Segment,
}

impl State {
    pub(super) fn new(program: Program, layout: Layout, segment: Segment) -> Self {
        Self { program, layout, segment }
    }

    fn track(&self) -> Track<'_> {
        let mut track = Track::new(self.segment.memory(), &self.layout, &self.program);
        track.latest();
        track
    }

    /// The program that ran.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Bytes of shared memory.
    pub fn shm_bytes(&self) -> u64 {
        self.layout.bytes as u64
    }

    /// Rows of all lasting groups.
    pub fn agents(&self) -> u64 {
        let groups = self.program.groups.iter();
        groups.filter(|(_, g)| matches!(g.origin, Origin::Blueprint(_))).map(|(id, _)| u64::from(self.rows(id))).sum()
    }

    /// A lasting group's rows.
    pub fn rows(&self, group: GroupId) -> u32 {
        self.track().record().rows(group)
    }

    /// Copies a column (`"particles"`, `"Position.x"`); nothing if there is none of that name and type.
    pub fn column<T: Element + Pod>(&self, group: &str, name: &str) -> Option<Vec<T>> {
        let group = self.program.group(group)?;
        let (column, found) = self.program.columns.iter().find(|(_, c)| c.group == group && c.name() == name)?;
        let scalar = if found.scalar == Scalar::Bool { Scalar::U8 } else { found.scalar };
        if scalar != T::SCALAR {
            return None;
        }
        let track = self.track();
        let bytes = track.prev_bytes(column, RowRange::new(0, track.record().rows(group)));
        Some(bytemuck::cast_slice(bytes).to_vec())
    }
}

/// The largest resident size a process has had, from what the kernel says of it.
pub(super) fn peak_rss(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|kib| kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
