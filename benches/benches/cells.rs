//! Grids of cells, and ants on one: whole frames by hand on rayon (see `diptych_benches::cells`) beside the engine's, on
//! one thread or worker and on two. A turn of the benchmark is a run of some frames from state 0, which is not timed.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use diptych_benches::cells::Start;
use diptych_benches::{frames, print_hash, program};

/// A scenario, how large, how many frames, and what is compared with it.
struct Case {
    name: &'static str,
    text: &'static str,
    sets: &'static [(&'static str, &'static str)],
    rows: u64,
    frames: u32,
    by_hand: &'static [&'static str],
}

const CASES: [Case; 3] = [
    Case {
        name: "game-of-life",
        text: include_str!("../../scenarios/game-of-life.dip"),
        sets: &[("width", "2048"), ("height", "2048")],
        rows: 2048 * 2048,
        frames: 50,
        by_hand: &["game-of-life"],
    },
    Case {
        name: "sir-grid",
        text: include_str!("../../scenarios/sir-grid.dip"),
        sets: &[("width", "2048"), ("height", "2048")],
        rows: 2048 * 2048,
        frames: 50,
        by_hand: &["sir-grid", "sir-grid, every draw"],
    },
    Case {
        name: "ants",
        text: include_str!("../../scenarios/ants.dip"),
        sets: &[("n", "100_000"), ("side", "1_000")],
        rows: 100_000,
        frames: 50,
        by_hand: &["ants"],
    },
];

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| CASES.iter().for_each(|case| compare(criterion, case)))
}

fn compare(criterion: &mut Criterion, case: &Case) {
    let program = program(case.text, case.sets);
    let start = Start::of(&program);
    let mut group = criterion.benchmark_group(format!("{}, {} frames of {} rows", case.name, case.frames, case.rows));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4)).sample_size(10);
    group.throughput(Throughput::Elements(case.rows * u64::from(case.frames)));
    // A B A B: the machine's speed drifts, the ratio of neighbours less so.
    for round in ["first", "second"] {
        for threads in [1u16, 2] {
            for name in case.by_hand {
                group.bench_function(format!("{name} by hand, {threads} threads, {round}"), |b| {
                    b.iter_custom(|runs| (0..runs).map(|_| by_hand(&start, name, threads, case.frames)).sum());
                });
            }
            group.bench_function(format!("{} by the engine, {threads} workers, {round}", case.name), |b| {
                b.iter_custom(|runs| (0..runs).map(|_| frames(&program, threads, case.frames.into()).0).sum());
            });
        }
    }
    group.finish();
    print_hash(case.name, case.frames.into(), frames(&program, 2, case.frames.into()).1);
}

/// The time of a run by hand.
fn by_hand(start: &Start, name: &str, threads: u16, frames: u32) -> Duration {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build();
    let Ok(pool) = pool else { panic!("no thread pool") };
    let mut model = start.by_hand(name);
    let time = pool.install(|| {
        let begun = Instant::now();
        (0..frames).for_each(|_| model.frame());
        begun.elapsed()
    });
    std::hint::black_box(model.signals());
    time
}
