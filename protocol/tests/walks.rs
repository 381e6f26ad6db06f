//! Every interleaving of the claim protocol, deaths between any two steps included, through the engine's own code.
//!
//! A small world: two or three workers, two ticks, two stages and a commit, a stage whose batch count changes from
//! tick to tick (a derived group), and a coordinator that buries and replaces. Memory is sequentially consistent
//! here; why acquire and release suffice is argued in `walker.rs` and `board.rs`.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::Range;

use diptych_protocol::id::{StageId, Tick, WorkerId};
use diptych_protocol::ticket::{Held, Ticket};
use diptych_protocol::walker::{Begin, Course, Move, SharedWords, Walker, Word, bury};

const TICKETS: u32 = 6;

/// Stage 0 has two batches and makes the count of stage 1; stage 1 has one or two or three; stage 2 is the commit.
fn tickets(stage: StageId) -> Range<u32> {
    [0..2, 2..5, 5..6][usize::from(stage.0)].clone()
}

fn derived(tick: Tick) -> u32 {
    1 + (tick.0 + 1) % 3
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Memory {
    tickets: [u64; TICKETS as usize],
    progress: Vec<u64>,
    horizon: u64,
    /// What the commit of the tick that ends the run writes; 0 before.
    stop_at: u64,
    reissues: u64,
    published: u64,
    /// The tick that the derived count belongs to.
    derived_tick: u32,
    /// How often each batch was done in the tick that runs now.
    done: [u8; TICKETS as usize],
}

impl Memory {
    /// The tick to run through.
    fn end(&self) -> u64 {
        if self.stop_at == 0 { self.horizon } else { self.horizon.min(self.stop_at) }
    }
}

struct Shared(RefCell<Memory>);

impl SharedWords for Shared {
    fn load(&self, word: Word) -> u64 {
        let memory = self.0.borrow();
        match word {
            Word::Ticket(t) => memory.tickets[t as usize],
            Word::Progress(w) => memory.progress[usize::from(w.0)],
            Word::Horizon => memory.end(),
            Word::Halt => 0,
            Word::Reissues => memory.reissues,
            Word::Published => memory.published,
        }
    }

    fn store(&self, word: Word, value: u64) {
        let mut memory = self.0.borrow_mut();
        match word {
            Word::Ticket(t) => {
                let (old, new) = (Ticket::unpack(memory.tickets[t as usize]), Ticket::unpack(value));
                assert!(old.tick <= new.tick, "a ticket goes back from {old:?} to {new:?}");
                if let Held::Done(worker) = new.held {
                    assert_eq!(old, Ticket { held: Held::Claimed(worker), ..new }, "done unclaimed");
                    memory.done[t as usize] += 1;
                    assert_eq!(memory.done[t as usize], 1, "a batch is done twice in a tick");
                }
                memory.tickets[t as usize] = value;
            }
            Word::Published => {
                memory.published = value;
                memory.done = [0; TICKETS as usize];
            }
            Word::Progress(w) => memory.progress[usize::from(w.0)] = value,
            Word::Reissues => memory.reissues = value,
            Word::Horizon | Word::Halt => panic!("a worker never writes {word:?}"),
        }
    }

    fn exchange(&self, word: Word, old: u64, new: u64) -> bool {
        if self.load(word) != old {
            return false;
        }
        self.store(word, new);
        true
    }
}

struct View<'a>(&'a Shared);

impl Course for View<'_> {
    fn begin(&mut self, tick: Tick) -> Begin {
        let published = Tick(self.0.0.borrow().published as u32);
        if published < tick {
            assert_eq!(published.next(), tick, "a worker begins a tick before the one before is complete");
            Begin::Ready
        } else {
            Begin::Over(published)
        }
    }

    fn stages(&self, _: Tick) -> u16 {
        3
    }

    fn batches(&self, tick: Tick, stage: StageId) -> Option<u32> {
        match stage.0 {
            0 => Some(2),
            1 => (self.0.0.borrow().derived_tick == tick.0).then(|| derived(tick)),
            _ => Some(1),
        }
    }

    fn tickets(&self, _: Tick, stage: StageId) -> Range<u32> {
        tickets(stage)
    }

    fn workers(&self) -> u16 {
        self.0.0.borrow().progress.len() as u16
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    memory: Memory,
    /// Nothing: dead and not yet buried.
    workers: Vec<Option<Walker>>,
    running: Vec<Option<(Tick, StageId, u32)>>,
    deaths_left: u8,
    /// The tick whose commit ends the run, if one does.
    stops: Option<Tick>,
}

impl World {
    fn new(workers: usize, ticks: u64, deaths: u8) -> World {
        World {
            memory: Memory {
                tickets: [0; TICKETS as usize],
                progress: vec![0; workers],
                horizon: ticks,
                stop_at: 0,
                reissues: 0,
                published: 0,
                derived_tick: 0,
                done: [0; TICKETS as usize],
            },
            workers: (0..workers).map(|w| Some(Walker::new(WorkerId(w as u16)))).collect(),
            running: vec![None; workers],
            deaths_left: deaths,
            stops: None,
        }
    }

    fn stopping(self, tick: u32) -> World {
        World { stops: Some(Tick(tick)), ..self }
    }

    fn finished(&self) -> bool {
        self.memory.published == self.memory.end()
    }

    /// One step of one worker; says whether anything changed.
    fn step(&mut self, w: usize) {
        self.write(w);
        let Some(walker) = self.workers[w].as_mut() else { return };
        if self.running[w].take().is_some() {
            walker.ran();
            return;
        }
        let shared = Shared(RefCell::new(self.memory.clone()));
        let found = walker.step(&shared, &mut View(&shared));
        self.memory = shared.0.into_inner();
        if let Move::Run(tick, stage, batch) = found {
            self.check_run(w, tick, stage, batch);
            self.running[w] = Some((tick, stage, batch));
        }
    }

    /// Writes what the batch that a worker runs writes.
    fn write(&mut self, w: usize) {
        let Some((tick, stage, batch)) = self.running[w] else { return };
        if (stage.0, batch) == (0, 1) {
            self.memory.derived_tick = tick.0;
        }
        if stage.0 == 2 && self.stops == Some(tick) {
            self.memory.stop_at = tick.0.into();
        }
    }

    /// What must hold whenever a worker begins to run a batch.
    fn check_run(&self, w: usize, tick: Tick, stage: StageId, batch: u32) {
        assert_eq!(u64::from(tick.0), self.memory.published + 1, "a batch of a tick that does not run");
        let limit = if stage.0 == 1 { derived(tick) } else { tickets(stage).len() as u32 };
        assert!(batch < limit, "a batch that the stage does not have");
        assert!(self.stops.is_none_or(|stop| tick <= stop), "a batch after the tick that ended the run");
        for (other, running) in self.running.iter().enumerate() {
            assert!(
                other == w || *running != Some((tick, stage, batch)),
                "two workers run the same batch: {tick:?} {stage:?} {batch}"
            );
        }
        for before in 0..stage.0 {
            let count = if before == 1 { derived(tick) } else { tickets(StageId(before)).len() as u32 };
            for t in tickets(StageId(before)).take(count as usize) {
                assert_eq!(self.memory.done[t as usize], 1, "a stage begins before the one before is complete");
            }
        }
    }

    fn kill(&mut self, w: usize) {
        self.workers[w] = None;
        self.running[w] = None;
        self.deaths_left -= 1;
    }

    fn bury_and_replace(&mut self, w: usize) {
        let shared = Shared(RefCell::new(self.memory.clone()));
        bury(&shared, &View(&shared), TICKETS, WorkerId(w as u16));
        self.memory = shared.0.into_inner();
        self.workers[w] = Some(Walker::new(WorkerId(w as u16)));
    }

    fn successors(&self) -> Vec<World> {
        let mut next = Vec::new();
        for w in 0..self.workers.len() {
            let mut world = self.clone();
            if self.workers[w].is_some() {
                world.step(w);
                next.push(world);
                if self.deaths_left > 0 {
                    let mut world = self.clone();
                    // Before it has written anything, or after all of it.
                    if self.running[w].is_some() {
                        let mut written = self.clone();
                        written.write(w);
                        written.kill(w);
                        next.push(written);
                    }
                    world.kill(w);
                    next.push(world);
                }
            } else {
                world.bury_and_replace(w);
                next.push(world);
            }
        }
        next
    }
}

/// Visits every reachable state, checks each, and that the end can be reached from each. Returns how many.
fn walk(start: World) -> usize {
    let mut seen: Vec<World> = vec![start.clone()];
    let mut number = std::collections::HashMap::from([(start, 0usize)]);
    let mut before: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    while at < seen.len() {
        for next in seen[at].clone().successors() {
            let id = *number.entry(next.clone()).or_insert_with(|| {
                seen.push(next);
                before.push(Vec::new());
                seen.len() - 1
            });
            before[id].push(at);
        }
        at += 1;
    }
    let mut todo: Vec<usize> = (0..seen.len()).filter(|&s| seen[s].finished()).collect();
    assert!(!todo.is_empty(), "the end is never reached");
    let mut reaches: HashSet<usize> = todo.iter().copied().collect();
    while let Some(state) = todo.pop() {
        for &b in &before[state] {
            if reaches.insert(b) {
                todo.push(b);
            }
        }
    }
    assert_eq!(reaches.len(), seen.len(), "a state from which the end cannot be reached");
    seen.len()
}

#[test]
fn one_worker_dies_anywhere_and_the_end_is_reached() {
    let states = walk(World::new(1, 3, 2));
    assert!(states > 200, "{states} states");
}

#[test]
fn two_workers_meet_without_deaths_in_every_interleaving() {
    let states = walk(World::new(2, 2, 0));
    assert!(states > 2_000, "{states} states");
}

#[test]
fn two_workers_die_anywhere_and_every_batch_is_run_once() {
    let states = walk(World::new(2, 2, 1));
    assert!(states > 10_000, "{states} states");
}

/// The commit of a tick ends the run: no batch of a later one is ever begun, and every worker comes to rest, whoever
/// died writing or reading the word.
#[test]
fn a_commit_ends_the_run_before_the_horizon() {
    for stop in [1, 2] {
        assert!(walk(World::new(1, 3, 2).stopping(stop)) > 50);
        assert!(walk(World::new(2, 3, 1).stopping(stop)) > 2_000);
    }
}

#[test]
fn a_ticket_survives_packing() {
    for held in [Held::Free, Held::Claimed(WorkerId(7)), Held::Done(WorkerId(1023))] {
        let ticket = Ticket { tick: Tick(u32::MAX), held };
        assert_eq!(Ticket::unpack(ticket.pack()), ticket);
    }
}

#[test]
fn a_scan_probes_every_batch_once_home_first() {
    for workers in 1..6 {
        for batches in 0..40 {
            for me in 0..workers {
                let order: Vec<u32> =
                    (0..batches).map(|at| diptych_protocol::walker::probe(batches, workers, me, at)).collect();
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..batches).collect::<Vec<_>>());
                let home = batches * me / workers..batches * (me + 1) / workers;
                assert_eq!(order[..home.len()], home.collect::<Vec<_>>()[..]);
            }
        }
    }
}
