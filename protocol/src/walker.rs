//! A worker's way through the stages: the protocol of claims, done words and meetings, deaths included.
//!
//! # The protocol
//!
//! 1. A worker *enters* a stage by storing its progress (tick, stage, 0), before it claims anything there.
//! 2. It probes tickets, its home range first, then the other homes from their far ends, and claims with one
//!    compare-exchange. It runs what it claimed, stores *done* in the ticket, then counts it in its progress.
//! 3. When no ticket is left to claim it *gathers*: reads every worker's progress. The counts in this stage add up
//!    to its batches, or somebody is past it: the stage is complete, and it enters the next one. That is the whole
//!    meeting. There is no shared counter: a death is a missing count in one word.
//! 4. Past the last stage (the commit, which wrote the next frame record) it publishes the tick, unless somebody has
//!    (an exchange from the tick before: late ones fail), and enters the next tick, up to the horizon. A commit that
//!    ends the run has lowered the horizon to its own tick, before it was done; whoever asks for the tick after it
//!    has seen it done.
//!
//! Nobody waits for a worker, only for batches: one that is asleep holding nothing is passed. When it wakes it
//! believes in a tick that is over, and harmlessly so: every claim compares with the tick, and so do the record
//! ([`Course::begin`]) and the counts of derived rows ([`Course::batches`]).
//!
//! **Death.** The coordinator reaps the worker first (a late write must be impossible), then *buries* it
//! ([`bury`]): recounts its progress from its done tickets (it may have died between 2's two stores), frees the
//! tickets it held, and rings the reissue word so that waiting workers probe again. A replacement takes the same
//! slot and goes on from that progress.
//!
//! # Why it is written this way
//!
//! The tick is published when the commit is *passed*, not while it is run: a worker that reads the published tick
//! may go ahead, and must not meet a commit that is still being written or run again.
//!
//! [`Walker::step`] makes at most one access to shared memory. `tests/walks.rs` walks every interleaving of these
//! steps, with deaths between any two of them, through this very code.

use std::ops::Range;

use crate::id::{StageId, Tick, WorkerId};
use crate::ticket::{Held, Progress, Ticket};

/// A shared word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Word {
    /// The ticket with this number.
    Ticket(u32),
    /// A worker's progress.
    Progress(WorkerId),
    /// The tick to run through. The commit of a tick may lower it to that tick itself: see [`crate::board`].
    Horizon,
    /// The last complete tick.
    Published,
    /// Not 0: leave.
    Halt,
    /// How often tickets were freed.
    Reissues,
}

/// The shared words. Loads acquire, stores release, exchanges do both.
pub trait SharedWords {
    /// Reads.
    fn load(&self, word: Word) -> u64;
    /// Writes a word that only this process writes.
    fn store(&self, word: Word, value: u64);
    /// Writes `new` where `old` stands, and says whether it did.
    fn exchange(&self, word: Word, old: u64, new: u64) -> bool;
}

/// What a worker finds when it begins a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// The record of the tick before is at hand.
    Ready,
    /// The tick is over: this one is the last complete one.
    Over(Tick),
}

/// The schedule as a worker walks it.
pub trait Course {
    /// Takes the frame record that the tick starts from.
    fn begin(&mut self, tick: Tick) -> Begin;
    /// How many stages the tick has.
    fn stages(&self, tick: Tick) -> u16;
    /// How many batches the stage has; nothing when that can no longer be known, because the stage is over.
    fn batches(&self, tick: Tick, stage: StageId) -> Option<u32>;
    /// The tickets of the stage's batches, as many as it can ever have.
    fn tickets(&self, tick: Tick, stage: StageId) -> Range<u32>;
    /// How many workers have slots.
    fn workers(&self) -> u16;
}

/// What the worker has to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// Step again.
    Again,
    /// Run this batch (counted within the stage) of the stage; then [`Walker::ran`].
    Run(Tick, StageId, u32),
    /// A stage is complete: waiting workers may be woken.
    Passed,
    /// This worker has published this tick.
    Published(Tick),
    /// Nothing to do until somebody else is done: wait a little, then step again.
    Wait,
    /// The horizon is reached: wait longer.
    Horizon,
    /// Leave.
    Halt,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum State {
    Start,
    Begin { tick: Tick, resume: Option<(StageId, u32)> },
    Enter { tick: Tick, stage: StageId },
    Probe { at: u32 },
    Take { at: u32, batch: u32, old: u64 },
    Running { at: u32, batch: u32 },
    Ran { at: u32, batch: u32 },
    Count { at: u32 },
    Gather { worker: u16, sum: u32 },
    CheckHalt,
    CheckReissues,
    Publish,
    NextTick { tick: Tick },
}

/// A worker's place in the protocol.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Walker {
    me: WorkerId,
    state: State,
    tick: Tick,
    stage: StageId,
    done: u32,
    batches: u32,
    home: (u32, u32),
    first_ticket: u32,
    reissues: u64,
}

impl Walker {
    /// A worker in this slot, be it the first or a replacement.
    pub fn new(me: WorkerId) -> Self {
        Self {
            me,
            state: State::Start,
            tick: Tick::NONE,
            stage: StageId(0),
            done: 0,
            batches: 0,
            home: (0, 0),
            first_ticket: 0,
            reissues: 0,
        }
    }

    /// The tick it is in.
    pub fn tick(&self) -> Tick {
        self.tick
    }

    /// The stage it is in.
    pub fn stage(&self) -> StageId {
        self.stage
    }

    /// One step: at most one access to a shared word (the course's own reads are checked by the course).
    pub fn step(&mut self, words: &impl SharedWords, course: &mut impl Course) -> Move {
        match self.state {
            State::Start => {
                let progress = Progress::unpack(words.load(Word::Progress(self.me)));
                self.state = if progress.tick == Tick::NONE {
                    State::Begin { tick: Tick::SETUP, resume: None }
                } else {
                    State::Begin { tick: progress.tick, resume: Some((progress.stage, progress.done)) }
                };
                Move::Again
            }
            State::Begin { tick, resume } => {
                match course.begin(tick) {
                    Begin::Over(published) => self.state = State::NextTick { tick: published.next() },
                    Begin::Ready => {
                        self.tick = tick;
                        match resume {
                            None => self.state = State::Enter { tick, stage: StageId(0) },
                            Some((stage, done)) => {
                                self.stage = stage;
                                self.done = done;
                                self.scan(course);
                            }
                        }
                    }
                }
                Move::Again
            }
            State::Enter { tick, stage } => {
                self.tick = tick;
                self.stage = stage;
                self.done = 0;
                words.store(Word::Progress(self.me), Progress { tick, stage, done: 0 }.pack());
                self.scan(course);
                Move::Again
            }
            State::Probe { at } => {
                if at == self.batches {
                    self.state = State::Gather { worker: 0, sum: 0 };
                    return Move::Again;
                }
                let batch = self.batch(at, course);
                let old = words.load(Word::Ticket(self.first_ticket + batch));
                self.state = if Ticket::unpack(old).claimable(self.tick) {
                    State::Take { at, batch, old }
                } else {
                    State::Probe { at: at + 1 }
                };
                Move::Again
            }
            State::Take { at, batch, old } => {
                let new = Ticket { tick: self.tick, held: Held::Claimed(self.me) }.pack();
                if words.exchange(Word::Ticket(self.first_ticket + batch), old, new) {
                    self.state = State::Running { at, batch };
                    Move::Run(self.tick, self.stage, batch)
                } else {
                    self.state = State::Probe { at: at + 1 };
                    Move::Again
                }
            }
            State::Running { batch, .. } => Move::Run(self.tick, self.stage, batch),
            State::Ran { at, batch } => {
                let done = Ticket { tick: self.tick, held: Held::Done(self.me) };
                words.store(Word::Ticket(self.first_ticket + batch), done.pack());
                self.state = State::Count { at };
                Move::Again
            }
            State::Count { at } => {
                self.done += 1;
                let progress = Progress { tick: self.tick, stage: self.stage, done: self.done };
                words.store(Word::Progress(self.me), progress.pack());
                self.state = State::Probe { at: at + 1 };
                Move::Again
            }
            State::Gather { worker, sum } => {
                let there = Progress::unpack(words.load(Word::Progress(WorkerId(worker))));
                if (there.tick, there.stage) > (self.tick, self.stage) {
                    return self.pass(course);
                }
                let sum = if (there.tick, there.stage) == (self.tick, self.stage) { sum + there.done } else { sum };
                if sum == self.batches {
                    return self.pass(course);
                }
                if worker + 1 < course.workers() {
                    self.state = State::Gather { worker: worker + 1, sum };
                    Move::Again
                } else {
                    self.state = State::CheckHalt;
                    Move::Wait
                }
            }
            State::CheckHalt => {
                if words.load(Word::Halt) != 0 {
                    return Move::Halt;
                }
                self.state = State::CheckReissues;
                Move::Again
            }
            State::CheckReissues => {
                let reissues = words.load(Word::Reissues);
                self.state = if reissues == self.reissues {
                    State::Gather { worker: 0, sum: 0 }
                } else {
                    self.reissues = reissues;
                    State::Probe { at: 0 }
                };
                Move::Again
            }
            State::Publish => {
                let before = u64::from(self.tick.0) - 1;
                let first = words.exchange(Word::Published, before, u64::from(self.tick.0));
                self.state = State::NextTick { tick: self.tick.next() };
                if first { Move::Published(self.tick) } else { Move::Again }
            }
            State::NextTick { tick } => {
                if u64::from(tick.0) > words.load(Word::Horizon) {
                    return if words.load(Word::Halt) != 0 { Move::Halt } else { Move::Horizon };
                }
                self.state = State::Begin { tick, resume: None };
                Move::Again
            }
        }
    }

    /// The batch that [`Move::Run`] named has been run.
    pub fn ran(&mut self) {
        if let State::Running { at, batch } = self.state {
            self.state = State::Ran { at, batch };
        }
    }

    /// Starts probing the stage's tickets.
    fn scan(&mut self, course: &impl Course) {
        match course.batches(self.tick, self.stage) {
            Some(batches) => {
                self.batches = batches;
                self.home = home(batches, course.workers().into(), self.me.0.into());
                self.first_ticket = course.tickets(self.tick, self.stage).start;
                self.state = State::Probe { at: 0 };
            }
            // The stage is over, and with it the tick: look for the one that runs now.
            None => self.state = State::Begin { tick: self.tick, resume: None },
        }
    }

    fn pass(&mut self, course: &impl Course) -> Move {
        self.state = if self.stage.0 + 1 < course.stages(self.tick) {
            State::Enter { tick: self.tick, stage: StageId(self.stage.0 + 1) }
        } else {
            State::Publish
        };
        Move::Passed
    }

    #[inline]
    fn batch(&self, at: u32, course: &impl Course) -> u32 {
        if at < self.home.1 - self.home.0 {
            self.home.0 + at
        } else {
            probe(self.batches, course.workers().into(), self.me.0.into(), at)
        }
    }
}

/// The batches that a worker is first to probe: `start .. end`.
fn home(batches: u32, workers: u32, worker: u32) -> (u32, u32) {
    let edge = |worker: u32| (u64::from(batches) * u64::from(worker) / u64::from(workers)) as u32;
    (edge(worker), edge(worker + 1))
}

/// The batch that a worker probes at this place of its scan: its home range forwards, then the homes of the others
/// from their far ends, so that a thief and its victim meet late. Any order is right; this one keeps rows with the
/// core that has them in its cache.
pub fn probe(batches: u32, workers: u32, me: u32, at: u32) -> u32 {
    let mut left = at;
    for turn in 0..workers {
        let worker = (me + turn) % workers;
        let (start, end) = home(batches, workers, worker);
        if left < end - start {
            return if turn == 0 { start + left } else { end - 1 - left };
        }
        left -= end - start;
    }
    // Unreachable for at < batches; any batch is a valid probe.
    batches.saturating_sub(1)
}

/// Buries a reaped worker: recounts its progress, frees what it held, and says so. Returns the batches freed, as
/// ticket numbers. Only the coordinator does this, and only once the process is confirmed gone.
pub fn bury(words: &impl SharedWords, course: &impl Course, tickets: u32, dead: WorkerId) -> Vec<u32> {
    let mut progress = Progress::unpack(words.load(Word::Progress(dead)));
    // What is no stage nobody entered: whoever wrote that there was no worker.
    if progress.tick != Tick::NONE && progress.stage.0 < course.stages(progress.tick) {
        let own = Ticket { tick: progress.tick, held: Held::Done(dead) }.pack();
        let done = |&ticket: &u32| words.load(Word::Ticket(ticket)) == own;
        progress.done = course.tickets(progress.tick, progress.stage).filter(done).count() as u32;
        words.store(Word::Progress(dead), progress.pack());
    }
    let mut freed = Vec::new();
    for number in 0..tickets {
        let word = words.load(Word::Ticket(number));
        let ticket = Ticket::unpack(word);
        if ticket.held == Held::Claimed(dead) {
            let free = Ticket { tick: ticket.tick, held: Held::Free };
            if words.exchange(Word::Ticket(number), word, free.pack()) {
                freed.push(number);
            }
        }
    }
    if !freed.is_empty() {
        words.store(Word::Reissues, words.load(Word::Reissues) + 1);
    }
    freed
}
