//! What a run goes on from, if it does not begin: a state that a run was in.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use diptych_protocol::checkpoint::{Checkpoint, CheckpointError, Parent, Run};
use diptych_protocol::digest::{Digest, digest};
use diptych_protocol::program::Program;
use diptych_protocol::still::Still;
use diptych_workers::kernel::Registry;

use super::beside::everywhere;
use super::outcome::State;
use super::site::{Setting, Site};
use super::swap::{self, Edition, Swapped};
use super::{Options, RunError};
use crate::journal::From;

/// A state to go on from: with its program, to the same bits, or with another, as a hot swap does.
pub struct Origin(Source);

/// What there was before a run that goes on from a state.
pub(super) struct Past {
    /// How many frames were complete.
    pub(super) frame: u32,
    /// The state, as a journal tells it.
    pub(super) from: Option<From>,
    /// The runs that it branched off, the first one first.
    pub(super) parents: Vec<Parent>,
}

enum Source {
    Checkpoint(PathBuf, Box<Checkpoint>),
    State(State),
}

impl Origin {
    /// Reads a checkpoint, every byte of which is checked.
    pub fn read(path: &Path) -> Result<Self, CheckpointError> {
        Ok(Self(Source::Checkpoint(path.into(), Box::new(Checkpoint::read(path)?))))
    }

    /// With what is beside its checkpoint told anew: it may lie elsewhere than where it was written.
    pub fn beside(mut self, run: Run) -> Self {
        if let Source::Checkpoint(_, checkpoint) = &mut self.0 {
            checkpoint.description.run = run;
        }
        self
    }

    /// The last state of another run.
    pub fn of(state: State) -> Self {
        Self(Source::State(state))
    }

    /// The checkpoint, if it is one.
    pub fn checkpoint(&self) -> Option<(&Path, &Checkpoint)> {
        match &self.0 {
            Source::Checkpoint(path, checkpoint) => Some((path, checkpoint)),
            Source::State(_) => None,
        }
    }

    /// The state, as slices.
    pub fn still(&self) -> Still<'_> {
        match &self.0 {
            Source::Checkpoint(_, checkpoint) => checkpoint.still(),
            Source::State(state) => state.still(),
        }
    }

    /// The program that made the state.
    pub fn program(&self) -> &Program {
        match &self.0 {
            Source::Checkpoint(_, checkpoint) => &checkpoint.program,
            Source::State(state) => state.program(),
        }
    }

    /// How many frames were complete.
    pub fn frame(&self) -> u32 {
        self.still().tick().frames_done()
    }

    /// The hashes of the state.
    pub fn digest(&self) -> Digest {
        digest(&self.still())
    }

    /// What there was before a run of this program; for its journal, if it writes one.
    pub(super) fn past(&self, program: &Program, journaled: bool) -> Past {
        Past { frame: self.frame(), from: journaled.then(|| self.told()), parents: self.parents(program) }
    }

    /// The state, as a journal and a run directory tell it.
    pub fn told(&self) -> From {
        From {
            frame: self.frame(),
            state: format!("{:032x}", self.digest().state),
            checkpoint: self.checkpoint().and_then(|(path, _)| everywhere(path)),
        }
    }

    /// The runs that a run of this program branched off.
    fn parents(&self, program: &Program) -> Vec<Parent> {
        let mut parents = Vec::new();
        if let Some((_, checkpoint)) = self.checkpoint() {
            parents.extend(checkpoint.description.run.parents.iter().cloned());
        }
        let before = self.program();
        if before.hash() != program.hash() {
            parents.push(Parent {
                frame: self.frame(),
                program_hash: format!("{:032x}", before.hash()),
                seed: before.seed,
                params: before.params.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
            });
        }
        parents
    }

    /// Gives a program memory, and this state: the next tick can begin. If it is another program, it is told what was kept.
    pub(super) fn site(
        self,
        program: &Program,
        registry: &Registry,
        options: &mut Options,
        setting: &Setting,
    ) -> Result<(Arc<Site>, Option<Swapped>), RunError> {
        let since = Instant::now();
        let edition = Edition { program: program.clone(), data: std::mem::take(&mut options.data) };
        let (kernels, threads) = ((registry, options.backend), (setting, swap::pool()?));
        let still = self.still();
        let prepared = swap::prepare(edition, still.program(), kernels, threads, &AtomicBool::new(false))?;
        let tick = swap::adopt(&prepared, &still)?;
        let other = (program.hash() != still.program().hash()).then(|| Swapped {
            frame: tick.frames_done(),
            program_hash: program.hash(),
            report: prepared.report.clone(),
            pause: since.elapsed(),
        });
        Ok((prepared.site, other))
    }
}
