//! What a run does beside its frames: it hears commands and signals, and writes records and checkpoints. Each says how far workers
//! may run ([`Beside::room`]), so that nobody waits inside a frame.

use std::io;
use std::path::Path;
use std::sync::Arc;

use diptych_protocol::checkpoint::Run;
use diptych_protocol::id::Tick;
use diptych_protocol::inject::Injection;
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::Program;

use super::checkpoints::{CheckpointsError, Keeper, Wake};
use super::commands::Commands;
use super::inject::{self, Disk};
use super::lender::Lender;
use super::origin::Past;
use super::outcome::Figures;
use super::records::{Begun, Recorder, Skipped};
use super::series::Series;
use super::site::Site;
use super::takers::{Taker, Takers};
use super::tracer::Tracer;
use super::viewers::Viewing;
use super::{Options, RunError, allowance, pictures};
use crate::signals::Signals;

pub(super) struct Beside {
    pub(super) commands: Commands,
    pub(super) recorder: Recorder,
    series: Series,
    pub(super) keeper: Keeper,
    pub(super) lender: Lender,
    pub(super) tracer: Tracer,
    takers: Takers,
    /// Those who take states beside records.
    others: Vec<Box<dyn Taker>>,
    pub(super) signals: Option<Signals>,
    disk: Disk,
    from: Option<u32>,
    /// The run ends since a record could not be written.
    missing: bool,
}

impl Beside {
    /// Makes the run's files, and begins to listen.
    pub(super) fn open(
        program: &Program,
        options: &mut Options,
        past: Option<Past>,
        workers: u16,
    ) -> Result<Self, RunError> {
        let tracer = Tracer::open(&options.trace, workers)?;
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
        let takers = Takers::new();
        let beside = (options.backend, disk.clone(), takers.bell());
        let recorder = Recorder::open(program, options.records.take(), from, beside)?;
        recorder.lost().iter().for_each(|why| options.write_errors.go_on_without(why));
        let series = Series::new(options.on_state.take(), from);
        let signals = options.signals.then(Signals::catch).transpose();
        let signals = signals.map_err(|error| allowance::refused("catch signals", &error))?;
        signals.iter().for_each(|signals| takers.wait_no_longer_than(signals.patience()));
        // Nothing else can keep it from beginning: now what is in its way goes.
        keeper.begin()?;
        options.note(|journal| journal.run(program, past.and_then(|past| past.from)))?;
        let viewers = options.viewers.drain(..);
        let viewers = viewers.map(|viewer| Box::new(Viewing::new(viewer)) as Box<dyn Taker>);
        let bell = || takers.bell();
        let pictures = pictures::open(program, options.pictures.take(), from, (options.backend, &bell))?;
        let others = viewers.chain(pictures).collect();
        let (lender, missing) = (Lender::default(), false);
        Ok(Self { commands, recorder, series, keeper, lender, tracer, takers, others, signals, disk, from, missing })
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
        self.tracer.drain(site, published);
        let since = self.tracer.now();
        let errors = &mut options.write_errors;
        let drained = self.recorder.drain(&site.track(), published, errors);
        let others = self.others.iter_mut();
        let drained = others.fold(drained, |result, other| result.and(errors.weigh(other.settle(false))));
        self.tracer.note("records", since);
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

    /// Whoever takes states wakes whoever supervises.
    pub(super) fn hear(&self, wake: &Wake) {
        self.takers.hear(wake);
    }

    /// Has those who take states take the one that is held; false if none is.
    pub(super) fn take(&mut self, site: &Site) -> Result<bool, RunError> {
        let since = self.tracer.now();
        let taken = self.takers.take(all(&mut self.recorder, &mut self.others), site)?;
        if taken {
            self.tracer.note("copies of a state for those who take it", since);
        }
        Ok(taken)
    }

    /// Holds a state for those who take it, begins a checkpoint that is due, and takes in one that is written.
    pub(super) fn keep(
        &mut self,
        site: &Arc<Site>,
        published: Tick,
        wake: &Wake,
        options: &mut Options,
    ) -> Result<(), RunError> {
        self.takers.hold(all(&mut self.recorder, &mut self.others), site, published)?;
        // First they: what they write belongs to the checkpoint, and only one may hold a state.
        let turn = !Takers::is_due(self.all(), published);
        if turn && self.keeper.is_due(published) {
            self.settle(site, published, options)?;
        }
        let recorder = &self.recorder;
        let kept = self.keeper.look(site, (published, turn), wake, || recorder.beside(options.journal.as_ref()));
        self.tracer.writes(self.keeper.writes());
        Ok(options.write_errors.weigh(kept)?)
    }

    /// What was set in a state is told before there is a checkpoint of it, so that the journal has it; what waits is kept in it.
    fn settle(&mut self, site: &Site, published: Tick, options: &mut Options) -> Result<(), RunError> {
        if self.keeper.keeps() {
            let recorded = self.recorder.settle(&mut options.write_errors);
            self.missing |= recorded.is_err();
            recorded?;
        }
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
        let takers = self.takers.room(self.all());
        let states = self.recorder.room(&site.layout).min(self.series.room(&site.layout));
        states.min(commands).min(self.keeper.room()).min(takers).min(self.lender.room())
    }

    fn all(&self) -> impl Iterator<Item = &dyn Taker> {
        self.recorder.takers().chain(self.others.iter().map(|other| &**other))
    }

    /// Whether a thread that looks at states must do something before the next tick can begin.
    pub(super) fn waits(&self, tick: Tick) -> bool {
        self.keeper.room().min(self.takers.room(self.all())).min(self.lender.room()) <= tick
    }

    /// The run goes on with another program, which has taken over the state of this tick.
    pub(super) fn swap(
        &mut self,
        (old, new): (&Site, &Site),
        (tick, signals): (Tick, &[u64]),
        begun: Begun,
        options: &mut Options,
    ) -> Result<(), RunError> {
        self.series.drain(&old.latest(), tick)?;
        // Whoever is due for the state has it as the old program left it, whether they would have come to it before or not: when
        // the new one was ready is not seen in a file.
        let (track, due) = (old.latest(), Some(state_of(tick)));
        all(&mut self.recorder, &mut self.others)
            .filter(|taker| taker.due() == due)
            .for_each(|taker| taker.take(&track.still(), false));
        self.recorder.swap(&old.latest(), (&new.program, signals), begun, &mut options.write_errors)?;
        let (state, errors) = (state_of(tick), &mut options.write_errors);
        let mut swapped = Ok(());
        for other in &mut self.others {
            swapped = swapped.and(errors.weigh(other.swap(&old.latest().still(), &new.program, state)));
        }
        swapped?;
        self.commands.swap(tick);
        self.keeper.swap(tick);
        self.lender = Lender::default();
        Ok(())
    }

    /// What was left out since it was written too slowly.
    pub(super) fn skipped(&self) -> Vec<Skipped> {
        self.recorder.skipped()
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
        // Behind the checkpoint: what only says where the run ended is no part of it.
        let mut track = site.track();
        let errors = &mut options.write_errors;
        let taken = match track.latest() {
            Ok(tick) if tick >= Tick::SETUP => {
                Takers::finish(all(&mut self.recorder, &mut self.others), &track.still(), errors)
            }
            // What is damaged is told by whoever looks at the state.
            _ => Ok(()),
        };
        let recorded = self.recorder.finish(&mut site.track(), errors);
        drained?;
        recorded?;
        taken?;
        kept?;
        told
    }

    /// The failures that were asked for and did not come about.
    pub(super) fn not_injected(&self, options: &Options, figures: &Figures) -> Vec<Injection> {
        inject::left(&options.injections, figures.tally.injected, &self.disk)
    }
}

/// All who take states.
fn all<'b>(recorder: &'b mut Recorder, others: &'b mut [Box<dyn Taker>]) -> impl Iterator<Item = &'b mut dyn Taker> {
    recorder.takers_mut().chain(others.iter_mut().map(|other| &mut **other as &mut dyn Taker))
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
