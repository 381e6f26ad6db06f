//! What a run does beside its frames: it hears commands and signals, and writes records and checkpoints. Each says how far workers
//! may run ([`Beside::room`]), so that nobody waits inside a frame.

use std::io;
use std::path::Path;
use std::sync::Arc;

use diptych_protocol::checkpoint::Run;
use diptych_protocol::id::Tick;
use diptych_protocol::inject::Injection;
use diptych_protocol::program::Program;

use super::checkpoints::{CheckpointsError, Keeper, Wake};
use super::commands::Commands;
use super::inject::{self, Disk};
use super::origin::Past;
use super::outcome::Figures;
use super::record::Recorder;
use super::series::Series;
use super::site::Site;
use super::{Options, RunError, allowance};
use crate::signals::Signals;

pub(super) struct Beside {
    pub(super) commands: Commands,
    pub(super) recorder: Recorder,
    series: Series,
    pub(super) keeper: Keeper,
    pub(super) signals: Option<Signals>,
    disk: Disk,
    from: Option<u32>,
    /// The run ends since a record could not be written.
    missing: bool,
}

impl Beside {
    /// Makes the run's files, and begins to listen.
    pub(super) fn open(program: &Program, options: &mut Options, past: Option<Past>) -> Result<Self, RunError> {
        let (from, disk) = (past.as_ref().map(|past| past.frame), Disk::new(&options.injections));
        let run = Run {
            records: options.records.as_ref().map(|records| named(&records.folder, options)).transpose()?,
            journal: options.journal.as_ref().map(|journal| named(journal.path(), options)).transpose()?,
            parents: past.as_ref().map_or_else(Vec::new, |past| past.parents.clone()),
            ..Run::default()
        };
        let through = options.swaps.first().map_or(Tick(u32::MAX), |swap| Tick::after_frames(swap.frame));
        let (given, lines) = (std::mem::take(&mut options.commands), options.lines.take());
        let commands = Commands::new(program, &given, lines, through, from)?;
        let mut keeper = Keeper::open(options.checkpoints.as_ref(), run, from, disk.clone())?;
        let recorder = Recorder::open(program, options.records.take(), from, disk.clone())?;
        recorder.lost().for_each(|why| options.write_errors.go_on_without(&why));
        let series = Series::new(options.on_state.take(), from);
        let signals = options.signals.then(Signals::catch).transpose();
        let signals = signals.map_err(|error| allowance::refused("catch signals", &error))?;
        // Nothing else can keep it from beginning: now what is in its way goes.
        keeper.begin()?;
        options.note(|journal| journal.run(program, past.and_then(|past| past.from)))?;
        Ok(Self { commands, recorder, series, keeper, signals, disk, from, missing: false })
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
        let drained = self.recorder.drain(&site.track(), published, &mut options.write_errors);
        self.missing |= drained.is_err();
        self.series.drain(&site.track(), published)?;
        Ok(drained?)
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
        if self.keeper.is_due(published) {
            self.settle(site, published, options)?;
        }
        let recorder = &self.recorder;
        let kept = self.keeper.look(site, published, wake, || recorder.beside(options.journal.as_ref()));
        Ok(options.write_errors.weigh(kept)?)
    }

    /// What was set in a state is told before there is a checkpoint of it, so that the journal has it; what waits is kept in it.
    fn settle(&mut self, site: &Site, published: Tick, options: &mut Options) -> Result<(), RunError> {
        self.commands.over(published);
        self.keeper.set_waiting(self.commands.waiting(&site.program));
        let told = options.tell_commands(&site.program, &mut self.commands);
        if options.journal.is_none() {
            self.keeper.forget_journal();
        }
        told
    }

    /// The last tick that workers may run, who are allowed to run so far already.
    pub(super) fn room(&mut self, site: &Site, published: Tick, allowed: Tick) -> Tick {
        let commands = self.commands.room(published, allowed);
        self.recorder.room(&site.layout).min(self.series.room(&site.layout)).min(commands).min(self.keeper.room())
    }

    /// Nobody runs any more: writes what is left, the last state among it.
    pub(super) fn over(&mut self, site: &Site, options: &mut Options) -> Result<(), RunError> {
        let published = site.board().published();
        let drained = self.drain(site, published, options);
        let told = self.settle(site, published, options);
        let (recorder, signals) = (&self.recorder, &self.signals);
        let insists = || signals.as_ref().is_some_and(Signals::insisted);
        // Where the run stops since a record could not be written, the checkpoints before are those that nothing is missing in.
        let leave_it = self.missing && self.keeper.has_one();
        let kept = self.keeper.finish(site, || leave_it || insists(), || recorder.beside(options.journal.as_ref()));
        let kept = options.write_errors.weigh(kept);
        // Behind the checkpoint: a row that only says where the run ended is no part of it.
        let recorded = self.recorder.finish(&mut site.track(), &mut options.write_errors);
        drained?;
        recorded?;
        kept?;
        told
    }

    /// The failures that were asked for and did not come about.
    pub(super) fn not_injected(&self, options: &Options, figures: &Figures) -> Vec<Injection> {
        inject::left(&options.injections, figures.tally.injected, &self.disk)
    }
}

/// A path as it is called from anywhere; nothing if it cannot be written down.
pub(super) fn everywhere(path: &Path) -> Option<String> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(path).ok()?.to_str().map(str::to_string)
}

/// The same for whoever resumes the run.
fn named(path: &Path, options: &Options) -> Result<String, CheckpointsError> {
    let refused = |path: &Path| CheckpointsError::Refused {
        what: "write down in a checkpoint the name of",
        path: path.into(),
        source: io::Error::new(io::ErrorKind::InvalidInput, "it is not UTF-8"),
    };
    let name = everywhere(path);
    if options.checkpoints.is_some() { name.ok_or_else(|| refused(path)) } else { Ok(name.unwrap_or_default()) }
}
