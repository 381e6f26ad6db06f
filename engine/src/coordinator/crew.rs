//! The workers of one segment: launched, replaced when they die, and seen off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::Sender;
use diptych_protocol::blame::Blame;
use diptych_protocol::board::Halt;
use diptych_protocol::id::{Tick, WorkerId};
use diptych_protocol::message::{Handoff, Patience};
use diptych_protocol::walker::bury;

use super::allowance;
use super::deaths::{Deaths, End};
use super::launch::{Event, Life, Process, launch};
use super::outcome::peak_rss;
use super::pulse::{Watch, busy, traced};
use super::site::Site;
use super::supervise::PROGRESS_EVERY;
use super::{Options, RunError, cores};

/// How long workers get to leave by themselves at the end.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// How long somebody who has seen them off looks for the last one without sleeping.
const LEAVE_SPIN: Duration = Duration::from_millis(5);
/// A worker spins this long before it parks: a kernel wake-up costs 50 to 80 µs, a batch can take a millisecond.
const SPIN_US: u32 = 2_000;

/// What was counted of the workers of a segment.
#[derive(Clone, Default, Debug)]
pub(super) struct Tally {
    pub(super) worker_deaths: u32,
    pub(super) batches_replayed: u64,
    pub(super) batches_by_worker: Vec<u64>,
    /// Injected failures that happened, a bit each.
    pub(super) injected: u64,
    pub(super) peak_rss_bytes: u64,
}

impl Tally {
    /// Both together.
    pub(super) fn and(mut self, other: &Tally) -> Self {
        self.worker_deaths += other.worker_deaths;
        self.batches_replayed += other.batches_replayed;
        self.batches_by_worker.resize(self.batches_by_worker.len().max(other.batches_by_worker.len()), 0);
        self.injected |= other.injected;
        self.batches_by_worker
            .iter_mut()
            .zip(&other.batches_by_worker)
            .for_each(|(all, more)| *all = all.wrapping_add(*more));
        self.peak_rss_bytes = self.peak_rss_bytes.max(other.peak_rss_bytes);
        self
    }
}

/// Workers. Dropping them kills and reaps whoever is left.
pub(super) struct Crew {
    /// Which crew of the run.
    number: u32,
    site: Arc<Site>,
    processes: Vec<Process>,
    /// How far they may run.
    allowed: Tick,
    deaths: Deaths,
    tally: Tally,
    events: Sender<Event>,
    bell: Option<Bell>,
    watch: Watch,
}

impl Crew {
    /// Launches workers, which may run as far as set-up, or as the state that is there. Must be called from a thread that lives as long as the run.
    pub(super) fn launch(
        number: u32,
        site: Arc<Site>,
        options: &mut Options,
        events: &Sender<Event>,
    ) -> Result<Self, RunError> {
        allowance::descriptors(site.layout.workers)?;
        let bell = Some(Bell::new(Arc::clone(&site), events.clone())?);
        let mut crew = Self {
            number,
            site,
            processes: Vec::new(),
            allowed: Tick::NONE,
            deaths: Deaths::default(),
            tally: Tally::default(),
            events: events.clone(),
            bell,
            watch: Watch::new(options.deadline),
        };
        crew.allow(crew.site.board().published().max(Tick::SETUP));
        for worker in 0..crew.site.layout.workers {
            let process = crew.start(Life { crew: number, worker: WorkerId(worker), number: 0 }, options)?;
            crew.processes.push(process);
        }
        Ok(crew)
    }

    /// Whether all workers have attached.
    pub(super) fn ready(&self) -> bool {
        self.processes.iter().all(|process| process.ready)
    }

    /// Whether a report is of this crew.
    pub(super) fn has(&self, life: Life) -> bool {
        life.crew == self.number
    }

    /// Lets workers run through this tick.
    pub(super) fn allow(&mut self, horizon: Tick) {
        if self.allowed != horizon {
            self.allowed = horizon;
            self.site.board().set_horizon(horizon);
        }
    }

    /// How far workers may run: nobody has begun a tick behind it.
    pub(super) fn allowed(&self) -> Tick {
        self.allowed
    }

    /// Lowers the horizon as far as it can be: to a tick behind which none has begun. Nobody goes on from it before the
    /// horizon is raised again.
    pub(super) fn seal(&mut self) -> Tick {
        let mut ahead = 1;
        loop {
            let tick = Tick(self.site.board().published().0.saturating_add(ahead)).min(self.allowed);
            let lower = tick < self.allowed;
            self.allow(tick);
            // Who has begun the tick behind it has seen it published, and an old horizon after that.
            if !lower || self.site.board().published() < tick {
                return tick;
            }
            ahead = ahead.saturating_mul(2);
        }
    }

    /// A worker has attached.
    pub(super) fn attached(&mut self, life: Life) {
        if let Some(process) = self.processes.iter_mut().find(|process| process.life == life) {
            process.ready = true;
            self.deaths.attached();
        }
    }

    /// Kills workers that hang: their deaths are told like all others. Where all only wait, and nobody has anything to do
    /// although there are frames to run, the run cannot go on.
    pub(super) fn watch(&mut self) -> Result<(), RunError> {
        if !self.watch.due() {
            return Ok(());
        }
        let board = self.site.board();
        let done = (finished(&self.site), board.published());
        let mut all_wait = self.ready() && done.1 < board.horizon();
        for process in &mut self.processes {
            let now = match process.ready {
                true => board.pulse(process.life.worker),
                false => busy(process.child.id()),
            };
            all_wait &= process.pulse.beats(now);
            if self.watch.look(&mut process.pulse, now) && !traced(process.child.id()) {
                process.hung = true;
                // It fails only where there is nobody left to kill.
                let _ = process.child.kill();
            }
        }
        match self.watch.idle(done, all_wait) {
            None => Ok(()),
            Some(seconds) => Err(RunError::Workers(format!(
                "all workers have waited for each other for {seconds:.1} s, and nobody has a batch to run: another process \
                 has written into the run's shared memory, or this is a fault of diptych"
            ))),
        }
    }

    fn start(&self, life: Life, options: &mut Options) -> Result<Process, RunError> {
        let workers = self.site.layout.workers;
        let handoff = Handoff {
            program: self.site.program.clone(),
            segment: self.site.segment.name().to_string(),
            layout_hash: self.site.layout.hash,
            workers,
            worker: life.worker,
            coordinator: std::process::id(),
            backend: options.backend,
            patience: Patience { spin_us: if workers <= cores() { SPIN_US } else { 0 } },
            injections: options.injections.clone(),
            traced: self.site.setting.traced,
        };
        let process = launch(life, handoff, options.worker_program.as_deref(), &self.events)
            .map_err(|e| allowance::refused(&format!("start worker {}", life.worker.0), &e))?;
        if let Some(told) = &mut options.on_launch {
            told(life.worker, process.child.id());
        }
        Ok(process)
    }

    /// Reaps a dead worker, frees what it held, and starts another in its place. Says how it died, where the run goes on.
    pub(super) fn survive(&mut self, life: Life, options: &mut Options) -> Result<Option<End>, RunError> {
        let Some(at) = self.processes.iter().position(|p| p.life == life) else { return Ok(None) };
        // Reap before reissue: once this returns, no late write of the dead is possible.
        let status = self.processes[at].child.wait();
        let site = Arc::clone(&self.site);
        let board = site.board();
        if board.halted().is_some() {
            return Ok(None);
        }
        self.tally.worker_deaths += 1;
        board.set_parked(life.worker, false);
        let freed = bury(&board, &site.track(), board.tickets(), life.worker);
        board.wake_workers();
        self.tally.batches_replayed += freed.len() as u64;
        let end = End::of(&status, self.processes[at].hung);
        let finished = finished(&site);
        // That it has attached may be told later than that it has died.
        if !freed.is_empty() {
            self.deaths.attached();
        }
        let hopeless = match self.processes[at].ready || !freed.is_empty() {
            true => self.deaths.holding(&site, &freed, end, finished),
            false => self.deaths.at_launch(site.layout.workers, end),
        };
        if let Some(why) = hopeless {
            return Err(RunError::Workers(why));
        }
        let replacement = self.start(Life { number: life.number + 1, ..life }, options)?;
        self.processes[at] = replacement;
        Ok(Some(end))
    }

    /// What a batch that failed says.
    pub(super) fn blame(&self) -> Option<Blame> {
        let board = self.site.board();
        let program = &self.site.program;
        let known = |b: &Blame| {
            program.steps.contains(b.step) && b.system.is_none_or(|system| program.systems.contains(system))
        };
        let blames = (0..self.site.layout.workers).filter_map(|w| Blame::read(board.blame_words(WorkerId(w))));
        let blames = blames.filter(known);
        // Of several, the one that stands first in the schedule.
        blames.min_by_key(|b| (b.tick, b.step, b.rows.start))
    }

    /// Looks at how large the processes have become: as long as they live.
    pub(super) fn measure(&mut self) {
        let pids = self.processes.iter().map(|p| p.child.id());
        self.tally.peak_rss_bytes = pids.map(peak_rss).max().unwrap_or(0).max(self.tally.peak_rss_bytes);
    }

    /// Lets workers leave, kills those that do not, and reaps every one. Whatever is published then stays the last state.
    pub(super) fn leave(&mut self) -> Tally {
        let site = Arc::clone(&self.site);
        let board = site.board();
        board.halt(Halt::End);
        let begun = Instant::now();
        while begun.elapsed() < LEAVE_MAX && self.processes.iter_mut().any(|p| matches!(p.child.try_wait(), Ok(None))) {
            board.wake_workers();
            match begun.elapsed() < LEAVE_SPIN {
                true => thread::yield_now(),
                false => thread::sleep(Duration::from_micros(200)),
            }
        }
        self.processes.clear();
        self.tally.batches_by_worker = (0..site.layout.workers).map(|w| board.batches_run(WorkerId(w))).collect();
        self.tally.injected = board.injected();
        self.tally.clone()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Nobody runs any more when the memory goes.
        self.processes.clear();
        self.bell = None;
    }
}

/// How many batches have been run so far. What the counters say is for people, and wraps.
fn finished(site: &Site) -> u64 {
    let board = site.board();
    (0..site.layout.workers).fold(0, |sum, worker| sum.wrapping_add(board.batches_run(WorkerId(worker))))
}

/// A thread that turns rings into events.
struct Bell {
    site: Arc<Site>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bell {
    fn new(site: Arc<Site>, events: Sender<Event>) -> Result<Self, RunError> {
        let over = Arc::new(AtomicBool::new(false));
        let (there, until) = (Arc::clone(&site), Arc::clone(&over));
        let listen = move || {
            let board = there.board();
            let mut seen = board.rings();
            while !until.load(Ordering::Acquire) {
                board.wait_for_ring(seen, PROGRESS_EVERY);
                seen = board.rings();
                if events.send(Event::Look).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("bell".into()).spawn(listen);
        let thread = thread.map_err(|e| allowance::refused("start a thread", &e))?;
        Ok(Self { site, over, thread: Some(thread) })
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        self.site.board().ring();
        // It only fails where the thread panicked: then it is over, too.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
