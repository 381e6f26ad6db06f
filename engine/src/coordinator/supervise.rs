//! A run on worker processes: the horizon is published, deaths are survived, the end is clean.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, unbounded};
use diptych_protocol::blame::Blame;
use diptych_protocol::board::{Board, Halt};
use diptych_protocol::id::{Tick, WorkerId};
use diptych_protocol::layout::Layout;
use diptych_protocol::limits::{DEATHS_A_BATCH_MAX, DEATHS_AT_LAUNCH_MAX};
use diptych_protocol::message::{Death, Handoff, Patience};
use diptych_protocol::program::{Domain, Program, Work};
use diptych_protocol::segment::Segment;
use diptych_protocol::track::Track;
use diptych_protocol::walker::bury;

use super::commands::Commands;
use super::launch::{Event, Life, Process, launch};
use super::outcome::{Figures, Stopped, peak_rss};
use super::record::Recorder;
use super::{Options, Progress, RunError, cores};
use crate::signals::Signals;

/// How often progress is told, and the longest that anything waits to be noticed.
pub(super) const PROGRESS_EVERY: Duration = Duration::from_millis(100);
/// How long workers get to leave by themselves at the end.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// A worker spins this long before it parks: a kernel wake-up costs 50 to 80 µs, a batch can take a millisecond.
const SPIN_US: u32 = 2_000;

pub(super) fn run(
    program: &Program,
    layout: &Layout,
    segment: &Segment,
    workers: u16,
    options: &mut Options,
    recorder: &mut Recorder<'_>,
    commands: &mut Commands,
) -> Result<Figures, RunError> {
    let board = Board::new(segment.memory(), layout);
    let (send, receive) = unbounded();
    let signals = options.signals.then(Signals::catch).transpose().map_err(RunError::Workers)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let bell = send.clone();
        scope.spawn(|| listen(board, &over, bell));
        let mut supervisor = Supervisor {
            program,
            layout,
            segment,
            board,
            options,
            recorder,
            commands,
            allowed: Tick::NONE,
            signals,
            processes: Vec::new(),
            events: send,
            launch_deaths: 0,
            batch_deaths: BTreeMap::new(),
            worker_deaths: 0,
            batches_replayed: 0,
        };
        let result = supervisor.run(workers, &receive);
        supervisor.leave();
        over.store(true, Ordering::Release);
        board.ring();
        result
    })
}

/// Turns rings into events.
fn listen(board: Board<'_>, over: &AtomicBool, events: Sender<Event>) {
    let mut seen = board.rings();
    while !over.load(Ordering::Acquire) {
        board.wait_for_ring(seen, PROGRESS_EVERY);
        seen = board.rings();
        if events.send(Event::Look).is_err() {
            return;
        }
    }
}

struct Supervisor<'a, 'r> {
    program: &'a Program,
    layout: &'a Layout,
    segment: &'a Segment,
    board: Board<'a>,
    options: &'a mut Options,
    recorder: &'a mut Recorder<'r>,
    commands: &'a mut Commands,
    /// How far workers may run.
    allowed: Tick,
    signals: Option<Signals>,
    processes: Vec<Process>,
    events: Sender<Event>,
    /// Deaths since a worker last attached.
    launch_deaths: u32,
    batch_deaths: BTreeMap<u32, u32>,
    worker_deaths: u32,
    batches_replayed: u64,
}

impl Supervisor<'_, '_> {
    fn run(&mut self, workers: u16, events: &Receiver<Event>) -> Result<Figures, RunError> {
        let begun = Instant::now();
        self.seal(Tick::NONE);
        self.allow(Tick::SETUP);
        for worker in 0..workers {
            let process = self.launch(Life { worker: WorkerId(worker), number: 0 })?;
            self.processes.push(process);
        }
        let interrupted = self.reach(Tick::SETUP, events)?;
        let setup_s = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        let last = Tick::after_frames(self.program.frames);
        let mut stopped = Stopped::Interrupted;
        if !interrupted && !self.reach(last, events)? {
            stopped = Stopped::Frames;
        }
        let wall_s = begun.elapsed().as_secs_f64();
        let pids = self.processes.iter().map(|p| p.child.id()).chain([std::process::id()]);
        Ok(Figures {
            stopped,
            setup_s,
            wall_s,
            worker_deaths: self.worker_deaths,
            batches_replayed: self.batches_replayed,
            batches_by_worker: (0..workers).map(|w| self.board.batches_run(WorkerId(w))).collect(),
            peak_rss_bytes: pids.map(peak_rss).max().unwrap_or(0),
        })
    }

    /// Supervises until the tick is published; true if it was told to stop before, and has after a whole frame.
    fn reach(&mut self, tick: Tick, events: &Receiver<Event>) -> Result<bool, RunError> {
        let mut goal = tick;
        loop {
            if self.board.halted() == Some(Halt::Fault) {
                return Err(self.fault());
            }
            let published = self.board.published();
            self.recorder.drain(published)?;
            // In this order: whoever sees a tick published sees whether its state ended the run.
            let end = self.board.stop_at().map_or(goal, |stop| stop.min(goal));
            if published >= end {
                return Ok(goal < tick);
            }
            if self.signals.as_ref().is_some_and(Signals::insisted) {
                return Ok(true);
            }
            if goal == tick && self.signals.as_ref().is_some_and(Signals::caught) {
                // Workers may have looked at the horizon already and be a tick further on; that tick is theirs to
                // finish or to leave: only whole ticks are published.
                goal = self.board.published().next().max(Tick::SETUP).min(tick);
            }
            // No further than records have room: then no worker waits inside a frame for a file.
            self.seal(published);
            self.allow(goal.min(self.recorder.room()).min(self.commands.room()));
            match events.recv_timeout(PROGRESS_EVERY) {
                Ok(Event::Ready(life)) => {
                    if let Some(process) = self.processes.iter_mut().find(|p| p.life == life) {
                        process.ready = true;
                        self.launch_deaths = 0;
                    }
                }
                Ok(Event::Refused(why)) => return Err(RunError::Workers(format!("a worker refused: {why}"))),
                Ok(Event::Died(life)) => self.survive(life)?,
                Ok(Event::Look) | Err(_) => {}
            }
            let frames = self.board.published().frames_done();
            if let Some(progress) = &mut self.options.progress {
                let agents = self.program.groups.values();
                let agents = agents.map(|g| if g.derived() { 0 } else { u64::from(g.rows) }).sum();
                progress(Progress { frames, of: self.program.frames, agents });
            }
        }
    }

    /// Sends commands: those of a tick before it may begin.
    fn seal(&mut self, published: Tick) {
        self.commands.seal(&Track::new(self.segment.memory(), self.layout, self.program), published);
    }

    fn allow(&mut self, horizon: Tick) {
        if self.allowed != horizon {
            self.allowed = horizon;
            self.board.set_horizon(horizon);
        }
    }

    fn launch(&mut self, life: Life) -> Result<Process, RunError> {
        let workers = self.layout.workers;
        let deaths: Vec<Death> = (self.options.deaths.iter())
            .filter(|(worker, _)| *worker == life.worker)
            .map(|&(_, death)| death)
            .skip(life.number as usize)
            .collect();
        let handoff = Handoff {
            program: self.program.clone(),
            segment: self.segment.name().to_string(),
            layout_hash: self.layout.hash,
            workers,
            worker: life.worker,
            coordinator: std::process::id(),
            backend: self.options.backend,
            patience: Patience { spin_us: if workers <= cores() { SPIN_US } else { 0 } },
            deaths,
        };
        let program = self.options.worker_program.as_deref();
        let process = launch(life, handoff, program, &self.events)
            .map_err(|e| RunError::Workers(format!("cannot start worker {}: {e}", life.worker.0)))?;
        if let Some(told) = &mut self.options.on_launch {
            told(life.worker, process.child.id());
        }
        Ok(process)
    }

    /// Reaps a dead worker, frees what it held, and starts another in its place.
    fn survive(&mut self, life: Life) -> Result<(), RunError> {
        let Some(at) = self.processes.iter().position(|p| p.life == life) else { return Ok(()) };
        // Reap before reissue: once this returns, no late write of the dead is possible.
        let status = self.processes[at].child.wait();
        if self.board.halted().is_some() {
            return Ok(());
        }
        self.worker_deaths += 1;
        let track = Track::new(self.segment.memory(), self.layout, self.program);
        self.board.set_parked(life.worker, false);
        let freed = bury(&self.board, &track, self.board.tickets(), life.worker);
        self.board.wake_workers();
        self.batches_replayed += freed.len() as u64;
        for ticket in freed {
            let deaths = self.batch_deaths.entry(ticket).or_insert(0);
            *deaths += 1;
            if *deaths >= DEATHS_A_BATCH_MAX && crashed(&status) {
                let step = step_of(self.program, self.layout, ticket);
                return Err(RunError::Workers(format!(
                    "{DEATHS_A_BATCH_MAX} workers died running the same batch of {step}, the last with {}: its kernel \
                     brings the process down",
                    status.map_or_else(|e| e.to_string(), |s| s.to_string()),
                )));
            }
        }
        if !self.processes[at].ready {
            self.launch_deaths += 1;
            if self.launch_deaths > DEATHS_AT_LAUNCH_MAX * u32::from(self.layout.workers) {
                return Err(RunError::Workers(format!(
                    "workers die before they attach, {} in a row, the last with {}",
                    self.launch_deaths,
                    status.map_or_else(|e| e.to_string(), |s| s.to_string()),
                )));
            }
        }
        let replacement = self.launch(Life { number: life.number + 1, ..life })?;
        self.processes[at] = replacement;
        Ok(())
    }

    fn fault(&self) -> RunError {
        let blames = (0..self.layout.workers).filter_map(|w| Blame::read(self.board.blame_words(WorkerId(w))));
        // Of several, the one that stands first in the schedule.
        match blames.min_by_key(|b| (b.tick, b.step, b.rows.start)) {
            Some(blame) => failed(self.program, Box::new(blame)),
            None => RunError::Workers("a worker gave up without saying why".into()),
        }
    }

    /// Lets workers leave; kills those that do not.
    fn leave(&mut self) {
        self.board.halt(Halt::End);
        let begun = Instant::now();
        while begun.elapsed() < LEAVE_MAX && self.processes.iter_mut().any(|p| matches!(p.child.try_wait(), Ok(None))) {
            self.board.wake_workers();
            thread::sleep(Duration::from_micros(200));
        }
        self.processes.clear();
    }
}

/// Whether a process ended by a fault of its own, not because somebody killed it.
fn crashed(status: &std::io::Result<std::process::ExitStatus>) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let kill = rustix::process::Signal::KILL.as_raw();
    !matches!(status, Ok(status) if status.signal() == Some(kill))
}

fn step_of(program: &Program, layout: &Layout, ticket: u32) -> String {
    let stages =
        program.schedule.setup.iter().zip(&layout.setup).chain(program.schedule.frame.iter().zip(&layout.frame));
    for (stage, place) in stages {
        if (place.first_ticket..place.first_ticket + place.tickets).contains(&ticket) {
            let names: Vec<&str> = stage.steps.iter().map(|&s| program.steps[s].name.as_str()).collect();
            return format!("step {}", names.join(", "));
        }
    }
    "an unknown step".into()
}

/// The error that a blame is.
pub(super) fn failed(program: &Program, blame: Box<Blame>) -> RunError {
    let what = explain(program, &blame);
    if blame.fault.full { RunError::Full(what, blame) } else { RunError::Fault(what, blame) }
}

/// A blame, for people: which rule, where it is written, whose row, what happened.
fn explain(program: &Program, blame: &Blame) -> String {
    let step = &program.steps[blame.step];
    let frame = match blame.tick {
        Tick::SETUP => "set-up".to_string(),
        tick => format!("frame {}", tick.frame()),
    };
    let rule = match (blame.system, &step.work) {
        (Some(system), _) => {
            let system = &program.systems[system];
            let place = program.place_of(system.span).map_or_else(String::new, |place| format!(" ({place})"));
            format!("system {}{place}", system.name)
        }
        (None, Work::Index(index, _)) => {
            let index = &program.indexes[*index];
            let place = program.place_of(index.span).map_or_else(String::new, |place| format!(" ({place})"));
            format!("index {}{place}", index.name)
        }
        _ => format!("step {}", step.name),
    };
    let unit = match program.steps[blame.step].domain {
        Domain::Slots { .. } => "slots",
        _ => "rows",
    };
    let rows = format!("{unit} {} .. {}", blame.rows.start, blame.rows.end);
    let row = blame.entity.map_or_else(String::new, |e| format!(", entity {}", e.index));
    format!("{frame}, {rule}, {rows}{row}: {}", blame.fault.message)
}
