//! The flagship at 10^5 particles, on one worker and on two.

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use diptych_benches::{frames, print_hash, program};

const SCENARIO: &str = include_str!("../../scenarios/colliding-particles.dip");
const ROWS: u32 = 100_000;

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let mut group = criterion.benchmark_group("colliding-particles 100000");
        group
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(6))
            .sample_size(10)
            .throughput(Throughput::Elements(ROWS.into()));
        let program = program(SCENARIO, &[("n", &ROWS.to_string())]);
        for round in ["first", "second", "third"] {
            for workers in [1u16, 2] {
                group.bench_function(format!("{workers} workers, {round}"), |b| {
                    b.iter_custom(|count| frames(&program, workers, count).0);
                });
            }
        }
        print_hash("colliding-particles", 5, frames(&program, 2, 5).1);
        group.finish();
    })
}
