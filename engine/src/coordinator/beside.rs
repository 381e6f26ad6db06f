//! What a run does beside its frames: it hears commands and signals, and writes records and checkpoints. Each says how far workers
//! may run ([`Beside::room`]), so that nobody waits inside a frame.

use std::sync::Arc;

use diptych_protocol::checkpoint::Run;
use diptych_protocol::id::Tick;
use diptych_protocol::inject::Injection;
use diptych_protocol::program::Program;

use super::checkpoints::{Keeper, Wake, everywhere};
use super::commands::Commands;
use super::inject::{self, Disk};
use super::origin::Past;
use super::outcome::Figures;
use super::record::Recorder;
use super::site::Site;
use super::{Options, RunError, allowance};
use crate::signals::Signals;

pub(super) struct Beside {
    pub(super) commands: Commands,
    pub(super) recorder: Recorder,
    pub(super) keeper: Keeper,
    pub(super) signals: Option<Signals>,
    disk: Disk,
    from: Option<u32>,
}

impl Beside {
    /// Makes the run's files, and begins to listen.
    pub(super) fn open(program: &Program, options: &mut Options, past: Option<Past>) -> Result<Self, RunError> {
        let (from, disk) = (past.as_ref().map(|past| past.frame), Disk::new(&options.injections));
        let run = Run {
            records: options.records.as_ref().and_then(|records| everywhere(&records.folder)),
            journal: options.journal.as_ref().and_then(|journal| everywhere(journal.path())),
            parents: past.as_ref().map_or_else(Vec::new, |past| past.parents.clone()),
            ..Run::default()
        };
        options.note(|journal| journal.run(program, past.and_then(|past| past.from)))?;
        let through = options.swaps.first().map_or(Tick(u32::MAX), |swap| Tick::after_frames(swap.frame));
        let (given, lines) = (std::mem::take(&mut options.commands), options.lines.take());
        let commands = Commands::new(program, &given, lines, through, from)?;
        let keeper = Keeper::open(options.checkpoints.as_ref(), run, from, disk.clone())?;
        let recorder = Recorder::open(program, options.records.take(), from, disk.clone())?;
        let signals = options.signals.then(Signals::catch).transpose();
        let signals = signals.map_err(|error| allowance::refused("catch signals", &error))?;
        Ok(Self { commands, recorder, keeper, signals, disk, from })
    }

    /// The frame that the run went on from, if it did not begin.
    pub(super) fn from(&self) -> Option<u32> {
        self.from
    }

    /// Whether somebody has asked for the end.
    pub(super) fn told_to_stop(&self) -> bool {
        self.signals.as_ref().is_some_and(Signals::caught)
    }

    /// Whether somebody has asked for it twice: no patience for the frame.
    pub(super) fn insists(&self) -> bool {
        self.signals.as_ref().is_some_and(Signals::insisted)
    }

    /// Takes the records out of their ring.
    pub(super) fn drain(&mut self, site: &Site, published: Tick, options: &mut Options) -> Result<(), RunError> {
        Ok(self.recorder.drain(&site.track(), published, &mut options.write_errors)?)
    }

    /// Sends the commands of ticks that nobody may have begun.
    pub(super) fn seal(
        &mut self,
        site: &Site,
        published: Tick,
        allowed: Tick,
        options: &mut Options,
    ) -> Result<(), RunError> {
        self.commands.seal(&site.track(), published, allowed);
        options.tell_commands(&site.program, &mut self.commands)
    }

    /// Begins a checkpoint that is due, and takes in one that is written.
    pub(super) fn keep(
        &mut self,
        site: &Arc<Site>,
        published: Tick,
        wake: &Wake,
        options: &mut Options,
    ) -> Result<(), RunError> {
        let recorder = &self.recorder;
        let kept = self.keeper.look(site, published, wake, || recorder.beside(options.journal.as_ref()));
        Ok(options.write_errors.weigh(kept)?)
    }

    /// The last tick that workers may run, who are allowed to run so far already.
    pub(super) fn room(&mut self, site: &Site, published: Tick, allowed: Tick) -> Tick {
        let commands = self.commands.room(published, allowed);
        self.recorder.room(&site.layout).min(commands).min(self.keeper.room())
    }

    /// Nobody runs any more: writes what is left, the last state among it.
    pub(super) fn over(&mut self, site: &Site, options: &mut Options) -> Result<(), RunError> {
        let drained = self.drain(site, site.board().published(), options);
        let (recorder, signals) = (&self.recorder, &self.signals);
        let insists = || signals.as_ref().is_some_and(Signals::insisted);
        let kept = self.keeper.finish(site, insists, || recorder.beside(options.journal.as_ref()));
        let kept = options.write_errors.weigh(kept);
        // Behind the checkpoint: a row that only says where the run ended is no part of it.
        let recorded = self.recorder.finish(&mut site.track(), &mut options.write_errors);
        drained?;
        recorded?;
        Ok(kept?)
    }

    /// Tells what became of the last commands.
    pub(super) fn tell_last(&mut self, site: &Site, options: &mut Options) -> Result<(), RunError> {
        self.commands.over(site.latest().record().tick);
        options.tell_commands(&site.program, &mut self.commands)
    }

    /// The failures that were asked for and did not come about.
    pub(super) fn not_injected(&self, options: &Options, figures: &Figures) -> Vec<Injection> {
        inject::left(&options.injections, figures.tally.injected, &self.disk)
    }
}
