//! Killing workers from outside, at random times.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diptych::Program;
use diptych::coordinator::{Options, Outcome};
use diptych_protocol::digest::Digest;
use diptych_protocol::id::WorkerId;
use diptych_protocol::message::Backend;
use rustix::process::Signal;

use crate::hits::{self, Hits};

/// Numbers that look random, the same each time.
pub struct Random(pub u64);

impl Random {
    /// The next one below a bound.
    pub fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// One run's plan: how many microseconds to wait before each kill, and whom; nobody in particular means all at once.
pub struct Kills(Vec<(u64, Option<usize>)>);

impl Kills {
    /// So many kills, each at most so many microseconds after the one before.
    pub fn random(random: &mut Random, workers: u16, kills: usize, wait_us: u64) -> Self {
        let kill = |_| {
            let whom = if random.next(4) == 0 { None } else { Some(random.next(workers.into()) as usize) };
            (random.next(wait_us), whom)
        };
        Self((0..kills).map(kill).collect())
    }

    /// Runs a program under these kills. Returns how many workers were hit as well.
    ///
    /// # Panics
    /// If the run fails, or a worker outlives it.
    #[track_caller]
    pub fn run(self, program: &Program, workers: u16, binary: &str, options: Options) -> (Outcome, u32) {
        let mut killed = 0;
        let outcome = self.run_under(program, workers, binary, options, |victims| {
            killed += victims.len() as u32;
            victims.iter().for_each(|(_, pid)| crate::kill(*pid, Signal::KILL));
        });
        (outcome, killed)
    }

    /// The same, with where they were hit. Whatever program the run goes on with is this one.
    ///
    /// # Panics
    /// If the run fails, or a worker outlives it.
    #[track_caller]
    pub fn run_and_look(self, program: &Program, workers: u16, binary: &str, options: Options) -> (Outcome, Hits) {
        let mut hits = Hits::default();
        let outcome = self.run_under(program, workers, binary, options, |victims| {
            hits::strike(program, workers, victims).into_iter().for_each(|hit| hits.add(hit));
        });
        (outcome, hits)
    }

    #[track_caller]
    fn run_under(
        self,
        program: &Program,
        workers: u16,
        binary: &str,
        options: Options,
        mut strike: impl FnMut(&[(WorkerId, u32)]) + Send,
    ) -> Outcome {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let pids = Arc::new(Mutex::new(vec![0u32; workers.into()]));
        let launched = Arc::clone(&pids);
        let known = &|| pids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let on_launch = Box::new(move |worker: WorkerId, pid: u32| {
            launched.lock().unwrap_or_else(PoisonError::into_inner)[usize::from(worker.0)] = pid;
        });
        let outcome = std::thread::scope(|scope| {
            scope.spawn(move || {
                for (wait_us, whom) in self.0 {
                    if stopped.recv_timeout(Duration::from_micros(wait_us)).is_ok() {
                        return;
                    }
                    let there = (0..).map(WorkerId).zip(known());
                    let meant = there.filter(|(slot, pid)| {
                        *pid != 0 && whom.is_none_or(|w| w == usize::from(slot.0)) && crate::lives(*pid)
                    });
                    strike(&meant.collect::<Vec<_>>());
                }
            });
            let outcome = crate::run_with(program, workers, binary, Options { on_launch: Some(on_launch), ..options });
            let _ = stop.send(());
            outcome
        });
        assert!(known().iter().all(|&pid| !crate::lives(pid)), "a worker outlived its run");
        outcome.unwrap_or_else(|e| panic!("{}: {e}", program.scenario))
    }
}

/// Runs a program on three workers under random kills, by both back ends in turns, until so many workers were hit; each run
/// must end in this digest.
///
/// # Panics
/// If one does not, or nobody is hit in 5 runs a kill.
#[track_caller]
pub fn ends_the_same(program: &Program, binary: &str, expected: Digest, seed: u64, kills: u32) {
    const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];
    let (mut random, mut killed, mut runs) = (Random(seed), 0, 0);
    while killed < kills && runs < 5 * kills as usize {
        let options = Options { backend: BACKENDS[runs % 2], ..Options::default() };
        let (outcome, hit) = Kills::random(&mut random, 3, 4, 15_000).run(program, 3, binary, options);
        assert_eq!(outcome.digest, expected, "{}, run {runs} of seed {seed}", program.scenario);
        killed += hit;
        runs += 1;
    }
    assert!(killed > 0, "nobody was hit in {runs} runs");
}
