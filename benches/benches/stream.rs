//! `position += velocity * dt`, double-buffered, at 10^5 to 10^7 rows: worker processes over shared memory against the
//! same loop on rayon in one process. 24 bytes a row are named (32 move: what is written is first read).

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use diptych_benches::{frames, print_hash, program, steady};
use rayon::prelude::*;

const SCENARIO: &str = "
scenario stream
param n: u32 = 100_000
run { frames = 1, dt = 0.001, seed = 1 }
space open 2
component Position = vec2
component Velocity = vec2
group points[n] {
    position Position = vec2(uniform(0.0, 1.0), uniform(0.0, 1.0))
    Velocity = vec2(uniform(-1.0, 1.0), uniform(-1.0, 1.0))
}
system drift native \"drift\" for points owns Position reads Position, Velocity
";

const WORKERS: u16 = 2;
const DT: f32 = 0.001;
const CHUNK: usize = 16_384;
const FRAMES_MIN: u64 = 60;

/// Positions and velocities, an axis each, and the other panel of the positions.
struct InProcess {
    position: [Vec<f32>; 2],
    next: [Vec<f32>; 2],
    velocity: [Vec<f32>; 2],
}

impl InProcess {
    fn new(rows: usize) -> Self {
        let column = |scale: f32| (0..rows).map(|row| scale * (row % 1000) as f32).collect::<Vec<f32>>();
        Self {
            position: [column(0.001), column(0.002)],
            next: [column(0.0), column(0.0)],
            velocity: [column(0.1), column(-0.1)],
        }
    }

    fn frame(&mut self) {
        let ([x, y], [vx, vy], [next_x, next_y]) = (&self.position, &self.velocity, &mut self.next);
        let next = next_x.par_chunks_mut(CHUNK).zip(next_y.par_chunks_mut(CHUNK));
        let prev = x.par_chunks(CHUNK).zip(y.par_chunks(CHUNK));
        let velocity = vx.par_chunks(CHUNK).zip(vy.par_chunks(CHUNK));
        next.zip(prev).zip(velocity).for_each(|(((next_x, next_y), (x, y)), (vx, vy))| {
            for ((next, x), v) in next_x.iter_mut().zip(x).zip(vx) {
                *next = x + v * DT;
            }
            for ((next, y), v) in next_y.iter_mut().zip(y).zip(vy) {
                *next = y + v * DT;
            }
        });
        std::mem::swap(&mut self.position, &mut self.next);
    }
}

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(WORKERS.into()).build();
        let Ok(pool) = pool else { panic!("no thread pool") };
        for rows in [100_000u32, 1_000_000, 10_000_000] {
            let mut group = criterion.benchmark_group(format!("stream {rows} rows"));
            group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(15);
            group.throughput(Throughput::Bytes(24 * u64::from(rows)));
            let program = program(SCENARIO, &[("n", &rows.to_string())]);
            // A B A B A B: the machine's speed drifts, the ratio of neighbours less so.
            for round in ["first", "second", "third"] {
                let mut in_process = InProcess::new(rows as usize);
                group.bench_function(format!("rayon in one process, {round}"), |b| {
                    b.iter_custom(|count| {
                        pool.install(|| {
                            let begun = Instant::now();
                            for _ in 0..count {
                                in_process.frame();
                            }
                            begun.elapsed()
                        })
                    });
                });
                black_box(&in_process.position);
                group.bench_function(format!("{WORKERS} workers, {round}"), |b| {
                    b.iter_custom(|count| steady(&program, WORKERS, count, FRAMES_MIN));
                });
            }
            print_hash(&format!("stream {rows} rows"), 10, frames(&program, WORKERS, 10).1);
            group.finish();
        }
    })
}
