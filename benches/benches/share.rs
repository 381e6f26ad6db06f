//! What the protocol takes of a frame: claiming a batch and saying that it is done, and arriving at the end of a stage. Measured
//! on batches and stages in which nothing is done; then set against the batches that real frames count.

use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;
use diptych::Program;
use diptych::coordinator::{Options, run};
use diptych_benches::{frames, nothing, print_hash, program, registry, steady};

const FLOCK: &str = include_str!("../../scenarios/flock.dip");
const BOIDS: &str = include_str!("../../scenarios/boids-p1.dip");
const PARTICLES: &str = include_str!("../../scenarios/colliding-particles.dip");
/// Batches of a stage, stages of a frame.
const BATCHES: u32 = 256;
const STAGES: usize = 33;

fn empty(stages: usize, batches: u32) -> Program {
    program(&nothing::scenario(stages), &[("n", &(64 * batches).to_string())])
}

/// Nanoseconds of a frame, the middle one of several runs.
fn frame_ns(program: &Program, workers: u16, count: u64) -> f64 {
    let mut times: Vec<f64> =
        (0..5).map(|_| frames(program, workers, count).0.as_secs_f64() * 1e9 / count as f64).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Real frames: how many batches each counts, and how long they take.
fn share(name: &str, text: &str, rows: u32, count: u32, workers: u16, (batch_ns, stage_ns): (f64, f64)) {
    let mut program = program(text, &[("n", &rows.to_string())]);
    program.frames = count;
    let options = Options { workers: Some(workers), ..Options::default() };
    let outcome = run(&program, &registry(), options).unwrap_or_else(|error| panic!("{error}"));
    // Those of set-up are among them: the share is a little too large.
    let batches = outcome.batches_by_worker.iter().sum::<u64>() as f64 / f64::from(count);
    let (stages, frame_ns) = (program.schedule.frame.len() as f64, outcome.wall_s * 1e9 / f64::from(count));
    // Each worker has all of the frame's time, its part of the batches, and arrives at each stage.
    let protocol_ns = batches * batch_ns + f64::from(workers) * stages * stage_ns;
    println!(
        "{name}, {rows} rows, {workers} workers: {batches:.0} batches of {:.1} µs and {stages} stages a frame of {:.2} ms; \
         claim, done and arrival take {:.2} % of it",
        f64::from(workers) * frame_ns / batches / 1e3,
        frame_ns / 1e6,
        100.0 * protocol_ns / (f64::from(workers) * frame_ns)
    );
    print_hash(name, count.into(), outcome.digest.state);
}

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let mut group = criterion.benchmark_group("nothing to do");
        group.measurement_time(Duration::from_secs(2)).sample_size(10);
        for workers in [1u16, 2] {
            let shapes = [(1, 1, 100_000), (1, BATCHES, 20_000), (STAGES, 1, 20_000)];
            for (stages, batches, at_least) in shapes {
                let program = empty(stages, batches);
                group.bench_function(format!("{workers} workers, {stages} stages of {batches} batches"), |b| {
                    b.iter_custom(|count| steady(&program, workers, count, at_least));
                });
            }
            let [one, many, long] = shapes.map(|(stages, batches, at)| frame_ns(&empty(stages, batches), workers, at));
            // Two take turns at claiming from the same stage: each batch costs one of them so much.
            let batch_ns = f64::from(workers) * (many - one) / f64::from(BATCHES - 1);
            let stage_ns = (long - one) / (STAGES - 1) as f64;
            println!("{workers} workers: {batch_ns:.0} ns a batch, {stage_ns:.0} ns a stage of one batch");
            let cost = (batch_ns, stage_ns);
            share("flock", FLOCK, 1_000_000, 10, workers, cost);
            share("boids-p1", BOIDS, 1_000_000, 10, workers, cost);
            share("boids-p1", BOIDS, 100_000, 100, workers, cost);
            share("colliding-particles", PARTICLES, 20_000, 50, workers, cost);
        }
        group.finish();
    })
}
