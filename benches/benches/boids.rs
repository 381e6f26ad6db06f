//! Boids as in `scenarios/boids-p1.dip`: the inner loop by a body against the same by hand, given candidates, on one
//! thread; then whole frames, compiled and interpreted.
//!
//! To compare with the hand-written one built for this machine: `RUSTFLAGS="-C target-cpu=native"`.

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use diptych_benches::boids::{Cells, Steer, steer_body};
use diptych_benches::{print_hash, program, steady};
use diptych_workers::body::block::Executor;
use diptych_workers::body::compiled::{Compiled, Processor};
use diptych_workers::body::interpreter::Interpreter;

const SCENARIO: &str = include_str!("../../scenarios/boids-p1.dip");

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        for neighbours in ["8", "32"] {
            inner_loop(criterion, 100_000, neighbours);
        }
        for neighbours in ["8", "32"] {
            frames(criterion, 100_000, neighbours);
        }
    })
}

fn inner_loop(criterion: &mut Criterion, rows: usize, neighbours: &str) {
    let program = program(SCENARIO, &[("n", &rows.to_string()), ("k", neighbours)]);
    let mut cells = Cells::new(rows, neighbours.parse().unwrap_or(8.0));
    let mut group = criterion.benchmark_group(format!("boids inner loop, ~{neighbours} neighbours"));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(1)).sample_size(12);
    group.throughput(Throughput::Elements(rows as u64));
    let compiled = |lanes: usize, processor: Processor| -> Steer<'_> {
        match Compiled::with(&program, steer_body(&program), lanes, processor) {
            Ok(compiled) => Steer::new(&program, Box::new(compiled) as Box<dyn Executor>),
            Err(error) => panic!("{error}"),
        }
    };
    // A B A B: the machine's speed drifts, the ratio of neighbours less so.
    for round in ["first", "second"] {
        group.bench_function(format!("by hand, a row at a time, {round}"), |b| b.iter(|| cells.row_by_row()));
        group.bench_function(format!("by hand, 8 rows side by side, {round}"), |b| b.iter(|| cells.by_hand::<8>()));
        let by_hand = cells.speed();
        for (name, lanes, processor, block) in [
            ("compiled, 512 bits, blocks of 16", 16, Processor::Avx512, 16),
            ("compiled, 256 bits, blocks of 8", 8, Processor::Avx2, 8),
            ("compiled, 256 bits, blocks of 16", 8, Processor::Avx2, 16),
            ("compiled, portable, blocks of 8", 4, Processor::Portable, 8),
            ("compiled, portable, plain x86-64, blocks of 8", 4, Processor::Plain, 8),
        ] {
            if !processor.here() {
                println!("{name}: not on this processor");
                continue;
            }
            let mut steer = compiled(lanes, processor);
            group.bench_function(format!("{name}, {round}"), |b| b.iter(|| cells.by_body(&mut steer, block)));
            let drift = (cells.speed() - by_hand).abs() / by_hand;
            println!("{name}: bits {:016x}, speeds differ from those by hand by {drift:.1e}", cells.hash());
        }
    }
    let mut steer = Steer::new(&program, Box::new(Interpreter::new(&program, steer_body(&program))));
    group.bench_function("interpreted, blocks of 16", |b| b.iter(|| cells.by_body(&mut steer, 16)));
    println!("interpreted: bits {:016x}", cells.hash());
    group.finish();
}

fn frames(criterion: &mut Criterion, rows: u32, neighbours: &str) {
    let text = SCENARIO.split_once("system steer").zip(SCENARIO.split_once("system move"));
    let Some(((head, _), (_, rest))) = text else { panic!("boids-p1 has other rules") };
    let native = format!(
        "{head}index tree = kdtree of boids {{ bucket = 32 }}\n\
         system steer native \"bench.steer\" for boids owns Velocity reads Velocity index tree\nsystem move{rest}"
    );
    let sets = [("n", &*rows.to_string()), ("k", neighbours)];
    let (text, native) = (program(SCENARIO, &sets), program(&native, &sets));
    let mut group = criterion.benchmark_group(format!("boids frames, {rows} rows, ~{neighbours} neighbours"));
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4)).sample_size(10);
    group.throughput(Throughput::Elements(u64::from(rows)));
    for (round, workers) in [("first", 1), ("second", 1), ("first", 2), ("second", 2)] {
        for (name, program) in [("text", &text), ("native", &native)] {
            let name = format!("{name}, {workers} workers, {round}");
            group.bench_function(name, |b| b.iter_custom(|count| steady(program, workers, count, 20)));
        }
    }
    group.finish();
    for (name, program) in [("text", &text), ("native", &native)] {
        print_hash(name, 20, diptych_benches::frames(program, 2, 20).1);
    }
}
