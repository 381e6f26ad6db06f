//! What a frame costs when there is next to nothing in it: one system, one batch a worker, every meeting counted
//! (the pass and the commit), beside the floor: a bare meeting of two spinning processes.

use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;
use diptych_benches::{floor, frames, print_hash, program};

const SCENARIO: &str = "
scenario nothing
param n: u32 = 64
run { frames = 1, dt = 0.001, seed = 1 }
space open 2
component Position = vec2
component Velocity = vec2
group points[n] {
    position Position = vec2(0.0, 0.0)
    Velocity = vec2(1.0, 1.0)
}
system drift native \"drift\" for points owns Position reads Position, Velocity batch 64
";

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let mut group = criterion.benchmark_group("empty frame");
        group.measurement_time(Duration::from_secs(4)).sample_size(20);
        group.bench_function("floor: two processes meet once", |b| b.iter_custom(floor::meetings));
        for workers in [1u16, 2] {
            let program = program(SCENARIO, &[("n", &(64 * workers).to_string())]);
            group.bench_function(format!("{workers} workers"), |b| {
                b.iter_custom(|count| frames(&program, workers, count).0);
            });
            print_hash(&format!("{workers} workers"), 1000, frames(&program, workers, 1000).1);
        }
        group.finish();
    })
}
