//! A flock as in `scenarios/flock.dip`, a thousandth of which ends each frame, and as many boids are born elsewhere: with its
//! rows in the order of the index, and where they stand, since somebody reads the new state through a reference.

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use diptych_benches::{frames, print_hash, program, steady};

const SCENARIO: &str = include_str!("../../scenarios/flock.dip");
const RENEW: &str = "
system renew for boids where chance(0.001) {
    spawn boids { Position = uniform(space), Velocity = polar(uniform(0, TAU), 1.0) }
    despawn self
}
";
const LOOKS: &str = "
component To = entity of boids
component Seen = f32
group onlooker[1] { To = none, Seen = 0 }
system look for onlooker owns Seen { Seen = fresh To.Velocity.x }
";
const ROWS: u32 = 1_000_000;

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let Some((text, _)) = SCENARIO.split_once("ensure") else { panic!("flock ensures nothing") };
        let text = text.replace("group boids[n] {", "group boids[n, max n + n / 10] {") + RENEW;
        let [ordered, stays] = [text.clone(), text + LOOKS].map(|text| program(&text, &[("n", &ROWS.to_string())]));
        let mut group = criterion.benchmark_group(format!("a flock of {ROWS}, a thousandth renewed each frame"));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4)).sample_size(10);
        group.throughput(Throughput::Elements(u64::from(ROWS)));
        // A B A B: the machine's speed drifts, the ratio of neighbours less so.
        for round in ["first", "second"] {
            for (name, program) in [("in order", &ordered), ("where they stand", &stays)] {
                let name = format!("{name}, 2 workers, {round}");
                group.bench_function(name, |b| b.iter_custom(|count| steady(program, 2, count, 20)));
            }
        }
        group.finish();
        for (name, program) in [("in order", &ordered), ("where they stand", &stays)] {
            print_hash(name, 20, frames(program, 2, 20).1);
        }
    })
}
