//! What a run leaves: its figures, and the last complete state to look at.

use std::sync::Arc;

use bytemuck::Pod;
use diptych_protocol::access::Element;
use diptych_protocol::board::Board;
use diptych_protocol::digest::{Digest, digest};
use diptych_protocol::id::{GroupId, Id, RowRange, SignalId};
use diptych_protocol::inject::Injection;
use diptych_protocol::message::Backend;
use diptych_protocol::program::{Origin, Program};
use diptych_protocol::still::Still;
use diptych_protocol::track::Track;
use diptych_protocol::types::{Scalar, Value};

use super::checkpoints::Checkpointed;
use super::crew::Tally;
use super::nan::NanFound;
use super::records::Skipped;
use super::site::Site;
use super::swap::Swapped;
use crate::profile::Profile;
use crate::shown::Shown;
use crate::why::{self, WhyError};

/// Why a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stopped {
    /// All frames are complete.
    Frames,
    /// The last state is one that the run was to go on until.
    Until,
    /// An `ensure` does not hold in the last state.
    Ensure,
    /// It was told to stop, and did after a whole frame.
    Interrupted,
}

impl Stopped {
    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Stopped::Frames => "frames",
            Stopped::Until => "until",
            Stopped::Ensure => "ensure",
            Stopped::Interrupted => "interrupted",
        }
    }
}

/// The figures that supervising yields.
#[derive(Clone, Debug)]
pub(super) struct Figures {
    pub(super) stopped: Stopped,
    /// Seconds until state 0 was complete.
    pub(super) setup_s: f64,
    /// Seconds of the frames alone.
    pub(super) wall_s: f64,
    pub(super) tally: Tally,
    pub(super) swaps: Vec<Swapped>,
    pub(super) nans: Vec<NanFound>,
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
    /// Failures that were to be injected, and had no place to happen at.
    pub not_injected: Vec<Injection>,
    /// The largest resident size of any of the run's processes, shared memory included.
    pub peak_rss_bytes: u64,
    /// The programs that it went on with.
    pub swaps: Vec<Swapped>,
    /// The frame that it went on from, if it did not begin.
    pub resumed: Option<u32>,
    /// What became of its checkpoints, if it wrote any.
    pub checkpoints: Option<Checkpointed>,
    /// Why files are not complete that it went on without, one text each.
    pub lost: Vec<String>,
    /// The trace: where it is, and what it lacks.
    pub trace: Option<String>,
    /// Where time went, if somebody asked.
    pub profile: Option<Profile>,
    /// What records of rows have left out since they were written too slowly, where that was asked for.
    pub skipped: Vec<Skipped>,
    /// Of each column and each rule that wrote it the first value that was no number, in the order of their frames, where
    /// the program's policy is to go on and tell.
    pub nans: Vec<NanFound>,
    /// The hashes of the last state.
    pub digest: Digest,
    /// What had to hold, and whether it did.
    pub ensures: Vec<Ensured>,
    /// The last state.
    pub state: State,
}

impl Outcome {
    pub(super) fn new(
        figures: Figures,
        state: State,
        workers: u16,
        backend: Backend,
        not_injected: Vec<Injection>,
    ) -> Self {
        let (tick, agents, digest) = {
            let track = state.track();
            (track.record().tick, state.agents(), digest(&track.still()))
        };
        let (frames, ensures) = (tick.frames_done(), state.ensures());
        let stopped = if ensures.iter().any(|ensure| ensure.failed.is_some()) {
            Stopped::Ensure
        } else if state.board().stop_at() == Some(tick) {
            Stopped::Until
        } else {
            figures.stopped
        };
        Self {
            stopped,
            frames,
            agents,
            workers,
            backend,
            setup_s: figures.setup_s,
            wall_s: figures.wall_s,
            worker_deaths: figures.tally.worker_deaths,
            batches_replayed: figures.tally.batches_replayed,
            batches_by_worker: figures.tally.batches_by_worker,
            not_injected,
            peak_rss_bytes: figures.tally.peak_rss_bytes,
            swaps: figures.swaps,
            resumed: None,
            checkpoints: None,
            lost: Vec::new(),
            trace: None,
            profile: None,
            skipped: Vec::new(),
            nans: figures.nans,
            digest,
            ensures,
            state,
        }
    }
}

/// What had to hold in every state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ensured {
    /// What it means.
    pub text: String,
    /// The first state that it did not hold in.
    pub failed: Option<u32>,
    /// If it failed: what, where it is written, in which state, and the two sides of its comparison.
    pub message: Option<String>,
}

/// The last complete state of a run whose workers have left.
pub struct State(Arc<Site>);

impl State {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self(site)
    }

    fn track(&self) -> Track<'_> {
        self.0.latest()
    }

    fn board(&self) -> Board<'_> {
        self.0.board()
    }

    /// The state, as slices.
    pub fn still(&self) -> Still<'_> {
        self.track().still()
    }

    /// The bits of each signal, by their ids.
    pub fn signal_bits(&self) -> Vec<u64> {
        self.track().last_signals().to_vec()
    }

    /// A signal's value; nothing if there is none of that name.
    pub fn signal(&self, name: &str) -> Option<Value> {
        let (id, signal) = self.0.program.signals.iter().find(|(_, signal)| signal.name == name)?;
        Some(Value::from_bits(signal.ty.scalar, *self.track().last_signals().get(id.index())?))
    }

    /// What signals, events and buses were made of in the last state. Without names: all of them.
    pub fn why(&self, names: &[String], lines: usize) -> Result<String, WhyError> {
        why::why(&self.track(), names, lines)
    }

    fn ensures(&self) -> Vec<Ensured> {
        let (track, bits) = (self.track(), self.signal_bits());
        let shown = |id: SignalId| Shown {
            enums: &self.0.program.enums,
            ty: self.0.program.signals[id].ty,
            bits: bits[id.index()],
        };
        let all = self.0.program.outputs.ensures.iter().enumerate();
        all.map(|(at, ensure)| {
            let failed = track.failed(at);
            let message = failed.map(|frame| {
                let place = self.0.program.place_of(ensure.span).map_or_else(String::new, |place| format!("{place}: "));
                let sides = ensure.sides.map(|(a, b)| format!(": {} against {}", shown(a), shown(b)));
                format!("{place}ensure \"{}\" does not hold at frame {frame}{}", ensure.text, sides.unwrap_or_default())
            });
            Ensured { text: ensure.text.clone(), failed, message }
        })
        .collect()
    }

    /// The program that ran.
    pub fn program(&self) -> &Program {
        &self.0.program
    }

    /// Bytes of shared memory.
    pub fn shm_bytes(&self) -> u64 {
        self.0.layout.bytes as u64
    }

    /// Rows of all lasting groups.
    pub fn agents(&self) -> u64 {
        let groups = self.0.program.groups.iter();
        groups.filter(|(_, g)| matches!(g.origin, Origin::Blueprint(_))).map(|(id, _)| u64::from(self.rows(id))).sum()
    }

    /// A lasting group's rows.
    pub fn rows(&self, group: GroupId) -> u32 {
        self.track().record().rows(group)
    }

    /// Copies a column (`"particles"`, `"Position.x"`); nothing if there is none of that name and type.
    pub fn column<T: Element + Pod>(&self, group: &str, name: &str) -> Option<Vec<T>> {
        let group = self.0.program.group(group)?;
        let (column, found) = self.0.program.columns.iter().find(|(_, c)| c.group == group && c.name() == name)?;
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
