//! A run on worker processes: the horizon is published, deaths are survived, programs are swapped, the end is clean.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};
use diptych_protocol::board::Halt;
use diptych_protocol::id::Tick;
use diptych_protocol::program::Program;
use diptych_protocol::track::Damaged;
use diptych_workers::kernel::Registry;

use super::allowance;
use super::beside::Beside;
use super::checkpoints::Wake;
use super::crew::{Crew, Tally};
use super::launch::Event;
use super::nan::Nans;
use super::outcome::{Figures, Stopped, peak_rss};
use super::records::Begun;
use super::site::Site;
use super::swap::{self, Editions, Next, Prepared, Swapped};
use super::{Options, Progress, RunError, blame};

/// How often progress is told, and the longest that anything waits to be noticed.
pub(super) const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Runs a site's program, and those that it goes on with: then the site is the last one's.
pub(super) fn run(
    site: &mut Arc<Site>,
    registry: &Registry,
    options: &mut Options,
    beside: &mut Beside,
) -> Result<Figures, RunError> {
    let (send, receive) = unbounded();
    let look = send.clone();
    // It only fails where nobody supervises any more.
    let wake: Wake = Arc::new(move || drop(look.send(Event::Look)));
    let editions = Editions::new(std::mem::take(&mut options.swaps), options.editions.take());
    beside.hear(&wake);
    let begun = Instant::now();
    let from = site.board().published();
    beside.seal(site, from, from, options)?;
    let crew = Crew::launch(0, Arc::clone(site), options, &send)?;
    let mut supervisor = Supervisor {
        site,
        registry,
        options,
        beside,
        wake,
        crew,
        crews: 1,
        editions,
        coming: None,
        events: send,
        tally: Tally::default(),
        swaps: Vec::new(),
        nans: Nans::default(),
    };
    supervisor.run(begun, &receive)
}

/// A program that the run is to go on with.
struct Coming {
    /// At which frame, once that is known.
    frame: Option<u32>,
    /// Whether the run fails if it cannot be.
    planned: bool,
    /// The files that it begins.
    begun: Begun,
    stage: Stage,
}

enum Stage {
    /// It is set up, on a thread of its own.
    Preparing { _thread: Preparing },
    /// Its workers attach, or have attached.
    Launched(Box<Prepared>, Box<Crew>),
}

/// A thread that prepares a program. Dropping it makes it give up, and waits until it has.
struct Preparing {
    given_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Preparing {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
        // It only fails where the thread panicked: then it is over, too.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Supervisor<'a> {
    /// Where the program runs,
    site: &'a mut Arc<Site>,
    registry: &'a Registry,
    options: &'a mut Options,
    beside: &'a mut Beside,
    wake: Wake,
    /// its workers,
    crew: Crew,
    /// how many crews there were,
    crews: u32,
    /// what the run is to go on with,
    editions: Editions,
    /// and what it will go on with next.
    coming: Option<Coming>,
    events: Sender<Event>,
    /// What was counted of the crews before.
    tally: Tally,
    swaps: Vec<Swapped>,
    nans: Nans,
}

impl Supervisor<'_> {
    fn run(&mut self, begun: Instant, events: &Receiver<Event>) -> Result<Figures, RunError> {
        let result = self.stages(begun, events);
        self.coming = None;
        self.crew.measure();
        let last = self.crew.leave();
        self.nans.look(self.site, self.site.board().published(), &mut self.options.on_nan);
        let (stopped, setup_s, wall_s) = result?;
        let mut tally = std::mem::take(&mut self.tally).and(&last);
        tally.peak_rss_bytes = tally.peak_rss_bytes.max(peak_rss(std::process::id()));
        Ok(Figures {
            stopped,
            setup_s,
            wall_s,
            tally,
            swaps: std::mem::take(&mut self.swaps),
            nans: std::mem::take(&mut self.nans).into_all(),
        })
    }

    /// Set-up, then the frames: why they ended, and the seconds of both.
    fn stages(&mut self, begun: Instant, events: &Receiver<Event>) -> Result<(Stopped, f64, f64), RunError> {
        let interrupted = self.reach(|_| Tick::SETUP, events)?;
        let setup_s = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let mut stopped = Stopped::Interrupted;
        if !interrupted && !self.reach(|program| Tick::after_frames(program.frames), events)? {
            stopped = Stopped::Frames;
        }
        Ok((stopped, setup_s, begun.elapsed().as_secs_f64()))
    }

    /// Supervises until the tick is published; true if it was told to stop before, and has after a whole frame.
    fn reach(&mut self, tick: fn(&Program) -> Tick, events: &Receiver<Event>) -> Result<bool, RunError> {
        let mut told = None;
        loop {
            let site = Arc::clone(self.site);
            let (board, last) = (site.board(), tick(&site.program));
            match board.halted() {
                Some(Halt::Fault) => return Err(self.fault()),
                // That is for the coordinator to say, and it has not.
                Some(Halt::End) => return Err(Damaged.into()),
                None => {}
            }
            let published = board.published();
            self.beside.drain(&site, published, self.options)?;
            self.nans.look(&site, published, &mut self.options.on_nan);
            // In this order: whoever sees a tick published sees whether its state ended the run.
            let goal = told.map_or(last, |told: Tick| told.min(last));
            let end = board.stop_at().map_or(goal, |stop| stop.min(goal));
            if published >= end {
                return Ok(goal < last);
            }
            if self.beside.insists() {
                return Ok(true);
            }
            if told.is_none() && self.beside.told_to_stop() {
                // Workers may have looked at the horizon already and be a tick further on; that tick is theirs to
                // finish or to leave: only whole ticks are published.
                // Where they may not begin it, since somebody looks at the state before it, nobody does.
                let allowed = self.crew.allowed();
                told = Some(board.published().next().min(allowed).max(published).max(Tick::SETUP));
                continue;
            }
            let due = self.expect(published)?;
            if due.is_some_and(|due| published >= due) && self.swap()? {
                continue;
            }
            self.keep(&site, published)?;
            // No further than records have room: then no worker waits inside a frame for a file. Nor than a swap, or a
            // state that is to be looked at before its panels are written over.
            let allowed = self.crew.allowed();
            self.beside.seal(&site, published, allowed, self.options)?;
            let room = self.beside.room(&site, published, allowed);
            self.crew.allow(goal.min(room).min(due.unwrap_or(goal)));
            if self.beside.take(&site)? {
                continue;
            }
            if let Ok(event) = events.recv_timeout(PROGRESS_EVERY.min(self.beside.lender.patience())) {
                self.hear(event)?;
            }
            self.crew.watch()?;
            if let Some(crew) = self.coming_crew() {
                crew.watch()?;
            }
            let frames = self.site.board().published().frames_done();
            if let Some(progress) = &mut self.options.progress {
                let agents = site.program.groups.values();
                let agents = agents.map(|g| if g.derived() { 0 } else { u64::from(g.rows) }).sum();
                progress(Progress { frames, of: site.program.frames, agents });
            }
        }
    }

    /// Why a batch failed: when everybody has left.
    fn fault(&mut self) -> RunError {
        self.crew.measure();
        self.crew.leave();
        // A blame is explained from the state: not where that is rubbish.
        if let Err(damaged) = self.site.track().latest() {
            return damaged.into();
        }
        match self.crew.blame() {
            Some(seen) => {
                let first = blame::first(self.site, self.registry, self.options.backend, Box::new(seen));
                blame::failed(self.site, first)
            }
            None => RunError::Workers("a worker gave up without saying why".into()),
        }
    }

    /// Sees to checkpoints, and to those who look at the run.
    fn keep(&mut self, site: &Arc<Site>, published: Tick) -> Result<(), RunError> {
        if published < Tick::SETUP {
            return Ok(());
        }
        if self.beside.keeper.wants() {
            let tick = self.crew.seal();
            self.beside.keeper.set_due(tick);
        }
        if self.beside.lender.wants(&site.board()) {
            self.beside.lender.set_due(self.crew.seal());
        }
        self.beside.lender.look(&site.board(), published);
        self.beside.keep(site, published, &self.wake, self.options)
    }

    fn hear(&mut self, event: Event) -> Result<(), RunError> {
        match event {
            Event::Look => {}
            Event::Ready(life) if self.crew.has(life) => self.crew.attached(life),
            Event::Died(life) if self.crew.has(life) => {
                let since = self.beside.tracer.now();
                if let Some(end) = self.crew.survive(life, self.options)? {
                    self.beside.tracer.died(life.worker, &end.shown(), since);
                }
            }
            Event::Refused(life, why) if self.crew.has(life) => return Err(refused(&why)),
            // Of a crew that is gone, or of the one that comes.
            Event::Ready(life) => {
                if let Some(crew) = self.coming_crew().filter(|crew| crew.has(life)) {
                    crew.attached(life);
                }
            }
            Event::Died(life) => {
                let Some(Coming { stage: Stage::Launched(_, crew), .. }) = &mut self.coming else { return Ok(()) };
                if crew.has(life)
                    && let Err(error) = crew.survive(life, self.options)
                {
                    return self.refuse(error);
                }
            }
            Event::Refused(life, why) => {
                if self.coming_crew().is_some_and(|crew| crew.has(life)) {
                    return self.refuse(refused(&why));
                }
            }
            Event::Prepared(prepared) => {
                if let Err(error) = prepared.and_then(|prepared| self.launch(prepared)) {
                    return self.refuse(error);
                }
            }
        }
        Ok(())
    }

    fn coming_crew(&mut self) -> Option<&mut Crew> {
        match &mut self.coming {
            Some(Coming { stage: Stage::Launched(_, crew), .. }) => Some(crew.as_mut()),
            _ => None,
        }
    }

    /// Looks for a program to go on with, and begins to prepare it. Gives the last tick of the program that runs, if that
    /// is known.
    fn expect(&mut self, published: Tick) -> Result<Option<Tick>, RunError> {
        if published < Tick::SETUP {
            return Ok(None);
        }
        if self.coming.is_none()
            && let Some(next) = self.editions.next()
        {
            let planned = next.frame.is_some();
            match self.prepare(next) {
                Ok(coming) => self.coming = Some(coming),
                Err(error) if planned => return Err(error),
                Err(error) => self.tell(Err(&error)),
            }
        }
        let Some(coming) = &mut self.coming else { return Ok(None) };
        if let (None, Stage::Launched(_, crew)) = (coming.frame, &coming.stage)
            && crew.ready()
        {
            coming.frame = Some(self.crew.seal().frames_done());
        }
        Ok(coming.frame.map(Tick::after_frames))
    }

    fn prepare(&self, next: Next) -> Result<Coming, RunError> {
        let Next { frame, edition } = next;
        let begun = self.beside.recorder.begin(&edition.program)?;
        let given_up = Arc::new(AtomicBool::new(false));
        let (old, events, until) = (Arc::clone(self.site), self.events.clone(), Arc::clone(&given_up));
        let (registry, backend) = (self.registry.clone(), self.options.backend);
        let prepare = move || {
            let prepared = swap::pool().and_then(|pool| {
                swap::prepare(edition, &old.program, (&registry, backend), (&old.setting, pool), &until).map(Box::new)
            });
            let _ = events.send(Event::Prepared(prepared));
        };
        let thread = thread::Builder::new().name("prepare".into()).spawn(prepare);
        let thread = thread.map_err(|e| allowance::refused("start a thread", &e))?;
        let stage = Stage::Preparing { _thread: Preparing { given_up, thread: Some(thread) } };
        Ok(Coming { frame, planned: frame.is_some(), begun, stage })
    }

    /// Launches the workers of what is prepared.
    fn launch(&mut self, prepared: Box<Prepared>) -> Result<(), RunError> {
        let Some(coming) = &mut self.coming else { return Ok(()) };
        let crew = Crew::launch(self.crews, Arc::clone(&prepared.site), self.options, &self.events)?;
        self.crews += 1;
        coming.stage = Stage::Launched(prepared, Box::new(crew));
        Ok(())
    }

    /// What was coming does not come.
    fn refuse(&mut self, error: RunError) -> Result<(), RunError> {
        let planned = self.coming.take().is_some_and(|coming| coming.planned);
        if planned {
            return Err(error);
        }
        self.tell(Err(&error));
        Ok(())
    }

    fn tell(&mut self, what: Result<&Swapped, &RunError>) {
        if let Some(told) = &mut self.options.on_swap {
            told(what);
        }
    }

    /// Goes on with what is coming, if its workers are there. Nobody begins a frame meanwhile.
    fn swap(&mut self) -> Result<bool, RunError> {
        if !self.coming_crew().is_some_and(|crew| crew.ready()) {
            return Ok(false);
        }
        let (begun, prepared, mut crew) = match self.coming.take() {
            Some(Coming { begun, stage: Stage::Launched(prepared, crew), .. }) => (begun, prepared, *crew),
            other => {
                self.coming = other;
                return Ok(false);
            }
        };
        let since = Instant::now();
        let told = self.beside.tracer.now();
        self.crew.measure();
        let before = self.crew.leave();
        let old = Arc::clone(self.site);
        old.track().latest()?;
        let tick = swap::adopt(&prepared, &old.latest().still())?;
        self.nans.look(&old, old.board().published(), &mut self.options.on_nan);
        self.nans.swap();
        let site = &prepared.site;
        let signals = site.track().adopted_signals(tick);
        // Before anything can fail: the files are those of the new program from here on.
        *self.site = Arc::clone(site);
        self.beside.swap((&old, site), (tick, &signals), begun, self.options)?;
        self.beside.seal(site, tick, tick, self.options)?;
        let last = Tick::after_frames(site.program.frames).min(self.beside.room(site, tick, tick));
        self.beside.tracer.swap(&old, tick, told);
        crew.allow(last.min(self.editions.due()).max(tick));
        let pause = since.elapsed();
        self.tally = std::mem::take(&mut self.tally).and(&before);
        self.crew = crew;
        let swapped = Swapped {
            frame: tick.frames_done(),
            program_hash: site.program.hash(),
            report: prepared.report.clone(),
            pause,
        };
        self.options.note(|journal| journal.swap(swapped.frame, &site.program))?;
        self.tell(Ok(&swapped));
        self.swaps.push(swapped);
        Ok(true)
    }
}

fn refused(why: &str) -> RunError {
    RunError::Workers(format!("a worker refused: {why}"))
}
