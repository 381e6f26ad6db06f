//! What the benchmarks share: frames of a scenario, timed by the engine itself, with the result hash beside.
//!
//! `cargo bench -p diptych-benches` runs them all; each times only the frames of a run (not the launch of its
//! processes) and prints the state hash that the work ended in, so that the work cannot vanish.

use std::time::Duration;

use criterion::Criterion;
use diptych::catalog::Catalog;
use diptych::compile::{Settings, compile};
use diptych::coordinator::{Options, run};
use diptych::source::Source;
use diptych::{Program, Registry};

/// What a benchmark binary does: serves, if it was started as a worker; else measures.
pub fn main(benchmarks: fn(&mut Criterion)) -> std::process::ExitCode {
    if let Some(code) = diptych_workers::attach::serve_if_worker(&registry()) {
        return code;
    }
    if floor::serve_if_partner() {
        return std::process::ExitCode::SUCCESS;
    }
    let mut criterion = Criterion::default().configure_from_args();
    benchmarks(&mut criterion);
    criterion.final_summary();
    std::process::ExitCode::SUCCESS
}

/// The engine's kernels, and those that benchmarks bring.
pub fn registry() -> Registry {
    Registry::builtin().with("bench.steer", steer::bind).with("bench.nothing", nothing::bind)
}

/// Compiles a scenario's text.
///
/// # Panics
/// If the text is wrong.
pub fn program(text: &str, sets: &[(&str, &str)]) -> Program {
    let source = Source { path: "bench.dip".into(), text: text.into() };
    let sets = sets.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
    let settings = Settings { sets, ..Settings::default() };
    match compile(&source, &settings, &Catalog(&registry())) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// The time of so many frames on so many workers, and the hash they end in.
///
/// # Panics
/// If the run fails.
pub fn frames(program: &Program, workers: u16, frames: u64) -> (Duration, u128) {
    let mut program = program.clone();
    program.frames = u32::try_from(frames).unwrap_or(u32::MAX - 2);
    match run(&program, &registry(), Options { workers: Some(workers), ..Options::default() }) {
        Ok(outcome) => (Duration::from_secs_f64(outcome.wall_s), outcome.digest.state),
        Err(error) => panic!("{error}"),
    }
}

/// The time of so many frames, measured on a run of at least `at_least` frames: the first frames after the launch
/// find cold caches.
pub fn steady(program: &Program, workers: u16, count: u64, at_least: u64) -> Duration {
    let run = count.max(at_least);
    frames(program, workers, run).0.mul_f64(count as f64 / run as f64)
}

/// Prints a result hash beside the times.
pub fn print_hash(name: &str, frames: u64, hash: u128) {
    println!("{name}: state after {frames} frames {hash:032x}");
}

pub mod boids;
pub mod cells;
pub mod nothing;
pub mod steer;

pub mod floor {
    //! The floor under a meeting: two processes that spin on two words, and nothing else.

    use std::process::{Command, Stdio};
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{Duration, Instant};

    use diptych_protocol::layout::{Arena, LINE, Words};
    use diptych_protocol::segment::{Segment, attach};

    const PARTNER: &str = "DIPTYCH_BENCH_PARTNER";
    const END: u32 = u32::MAX;

    fn words() -> [Words<u32>; 2] {
        let mut arena = Arena::default();
        [arena.words(LINE / 4), arena.words(LINE / 4)]
    }

    fn wait(word: &AtomicU32, value: u32) -> u32 {
        loop {
            let now = word.load(Ordering::Acquire);
            if now == value || now == END {
                return now;
            }
            std::hint::spin_loop();
        }
    }

    /// If this process was started as a partner: answers until told to stop.
    pub fn serve_if_partner() -> bool {
        let Ok(name) = std::env::var(PARTNER) else { return false };
        if let Ok(memory) = attach(&name) {
            let [there, here] = words();
            let (there, here): (&[AtomicU32], &[AtomicU32]) = (memory.words(there), memory.words(here));
            let mut turn = 1;
            while wait(&there[0], turn) != END {
                here[0].store(turn, Ordering::Release);
                turn += 1;
            }
        }
        true
    }

    /// The time of so many meetings: each side waits for the other's word to show the turn.
    ///
    /// # Panics
    /// If no partner can be started.
    pub fn meetings(count: u64) -> Duration {
        let result = Segment::create(4096).map_err(|e| e.to_string()).and_then(|segment| {
            let mut partner = Command::new("/proc/self/exe")
                .env(PARTNER, segment.name())
                .stdout(Stdio::null())
                .spawn()
                .map_err(|e| e.to_string())?;
            let [here, there] = words();
            let here: &[AtomicU32] = segment.memory().words(here);
            let there: &[AtomicU32] = segment.memory().words(there);
            here[0].store(1, Ordering::Release);
            wait(&there[0], 1);
            let begun = Instant::now();
            for turn in 2..count as u32 + 2 {
                here[0].store(turn, Ordering::Release);
                wait(&there[0], turn);
            }
            let time = begun.elapsed();
            here[0].store(END, Ordering::Release);
            partner.wait().map_err(|e| e.to_string())?;
            Ok(time)
        });
        match result {
            Ok(time) => time,
            Err(e) => panic!("{e}"),
        }
    }
}
