//! A star cluster of 10^5 bodies: a step by the tree, at some opening angles, on one worker and on two. The median error of
//! the pull is below 9e-4 at an angle of 0.43, and below 9e-3 at 1.2; README.md of the scenarios has more.

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use diptych_benches::{frames, print_hash, program};

const SCENARIO: &str = include_str!("../../scenarios/nbody.dip");
const ROWS: u32 = 100_000;

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let mut group = criterion.benchmark_group("nbody 100000");
        group
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(6))
            .sample_size(10)
            .throughput(Throughput::Elements(ROWS.into()));
        for angle in ["0.43", "0.6", "0.8", "1.2"] {
            let program = program(SCENARIO, &[("n", &ROWS.to_string()), ("angle", angle)]);
            for workers in [1u16, 2] {
                group.bench_function(format!("angle {angle}, {workers} workers"), |b| {
                    b.iter_custom(|count| frames(&program, workers, count).0);
                });
            }
            print_hash(&format!("nbody, angle {angle}"), 3, frames(&program, 2, 3).1);
        }
        group.finish();
    })
}
