//! The flagship at 10^5 particles, its rules in text and in Rust, on one worker and on two.

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use diptych_benches::{frames, print_hash, program};

const SCENARIOS: [(&str, &str); 2] = [
    ("text", include_str!("../../scenarios/colliding-particles.dip")),
    ("native", include_str!("../../scenarios/colliding-particles-native.dip")),
];
const ROWS: u32 = 100_000;

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let mut group = criterion.benchmark_group("colliding-particles 100000");
        group
            .warm_up_time(Duration::from_secs(1))
            .measurement_time(Duration::from_secs(6))
            .sample_size(10)
            .throughput(Throughput::Elements(ROWS.into()));
        let programs = SCENARIOS.map(|(name, text)| (name, program(text, &[("n", &ROWS.to_string())])));
        for round in ["first", "second", "third"] {
            for (name, program) in &programs {
                for workers in [1u16, 2] {
                    group.bench_function(format!("{name}, {workers} workers, {round}"), |b| {
                        b.iter_custom(|count| frames(program, workers, count).0);
                    });
                }
            }
        }
        for (name, program) in &programs {
            print_hash(&format!("colliding-particles in {name}"), 5, frames(program, 2, 5).1);
        }
        group.finish();
    })
}
