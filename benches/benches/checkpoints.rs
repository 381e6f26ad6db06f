//! Checkpoints of 10^7 rows: what writing one costs beside a plain write of as many bytes, what it costs the run, and how soon a
//! run has resumed. Written to the folder of temporary files: `TMPDIR` says which disk.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use criterion::Criterion;
use diptych::Program;
use diptych::coordinator::{Checkpointed, Checkpoints, Options, Origin, Outcome, Plan, checkpoints, run};
use diptych_benches::{print_hash, program, registry};
use rustix::time::{ClockId, clock_gettime};

const BOIDS: &str = include_str!("../../scenarios/boids-p1.dip");
const DRIFT: &str = include_str!("../../scenarios/drift.dip");
const ROWS: &str = "10_000_000";

/// Seconds of a core that this thread has had.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

fn go(program: &Program, frames: u32, workers: u16, options: Options) -> Outcome {
    let mut program = program.clone();
    program.frames = frames;
    let options = Options { workers: Some(workers), ..options };
    run(&program, &registry(), options).unwrap_or_else(|error| panic!("{error}"))
}

fn kept(folder: &Path, every: u32) -> Options {
    let plan = Plan { frames: Some(every), seconds: None, keep: 1 };
    let checkpoints = Checkpoints { folder: folder.into(), plan, overwrite: true, resumed: false };
    Options { checkpoints: Some(checkpoints), ..Options::default() }
}

fn told(outcome: &Outcome) -> Checkpointed {
    outcome.checkpoints.clone().unwrap_or_else(|| panic!("no checkpoints"))
}

/// Writes bytes as a library does, and waits for the disk: seconds, and seconds of a core.
fn plain(bytes: &[u8], folder: &Path) -> (f64, f64) {
    let (since, before) = (Instant::now(), cpu());
    let write = || -> std::io::Result<()> {
        let mut file = File::create(folder.join("plain"))?;
        bytes.chunks(1 << 20).try_for_each(|chunk| file.write_all(chunk))?;
        file.sync_all()
    };
    write().unwrap_or_else(|error| panic!("{error}"));
    (since.elapsed().as_secs_f64(), cpu() - before)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Frames with and without checkpoints, in turns.
fn beside(name: &str, program: &Program, frames: u32, every: u32, workers: u16) {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let (mut with, mut without, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..3 {
        without.push(go(program, frames, workers, Options::default()).wall_s);
        let outcome = go(program, frames, workers, kept(folder.path(), every));
        with.push(outcome.wall_s);
        last = Some(outcome);
    }
    let Some(outcome) = last else { return };
    let told = told(&outcome);
    println!(
        "{name}, {ROWS} rows, {workers} workers, {frames} frames, a checkpoint each {every}: {:.3} s with, {:.3} s without; of {} \
         checkpoints of {:.0} MB each took {:.3} s, {:.3} s of a core, and workers waited for {} copies, {:.3} s",
        median(with),
        median(without),
        told.written,
        told.bytes as f64 / f64::from(told.written) / 1e6,
        told.seconds / f64::from(told.written),
        told.cpu / f64::from(told.written),
        told.copies,
        told.copying
    );
    print_hash(name, frames.into(), outcome.digest.state);
}

fn main() -> ExitCode {
    diptych_benches::main(|criterion: &mut Criterion| {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let boids = program(BOIDS, &[("n", ROWS)]);
        let outcome = go(&boids, 1, 2, kept(folder.path(), 1));
        let all = checkpoints(folder.path()).unwrap_or_default();
        let Some((_, path)) = all.last() else { panic!("no checkpoint") };
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{error}"));
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            let told = told(&go(&boids, 0, 2, kept(&folder.path().join("again"), 1)));
            ours.push((told.seconds, told.cpu));
            theirs.push(plain(&bytes, folder.path()));
        }
        let of = |all: &[(f64, f64)], which: fn(&(f64, f64)) -> f64| median(all.iter().map(which).collect());
        println!(
            "{} MB: a checkpoint {:.3} s ({:.3} s of a core), a plain write {:.3} s ({:.3} s of a core)",
            bytes.len() / 1_000_000,
            of(&ours, |it| it.0),
            of(&ours, |it| it.1),
            of(&theirs, |it| it.0),
            of(&theirs, |it| it.1)
        );
        print_hash("boids-p1", 1, outcome.digest.state);
        let mut group = criterion.benchmark_group("10^7 rows");
        group.sample_size(10).measurement_time(Duration::from_secs(5));
        group.bench_function("resume, until workers can go on", |b| {
            b.iter_custom(|count| {
                (0..count)
                    .map(|_| {
                        let since = Instant::now();
                        let origin = Origin::read(path).unwrap_or_else(|error| panic!("{error}"));
                        let read = since.elapsed();
                        let options = Options { origin: Some(origin), ..Options::default() };
                        let all = Instant::now();
                        let outcome = go(&boids, 1, 2, options);
                        assert_eq!(outcome.resumed, Some(1));
                        // Hashing the state that it ends in is no part of it.
                        drop(outcome);
                        read + all.elapsed()
                    })
                    .sum()
            });
        });
        group.finish();
        for workers in [1, 2] {
            beside("boids-p1", &boids, 12, 4, workers);
        }
        beside("drift", &program(DRIFT, &[("n", ROWS)]), 200, 50, 1);
    })
}
