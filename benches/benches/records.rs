//! Records at 10^6 rows: what aggregates of every frame cost a run, and what it costs to write all rows each 100 frames, beside the
//! Parquet library's own writing of the same rows. Written to the folder of temporary files: `TMPDIR` says which disk.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use arrow_array::RecordBatch;
use criterion::Criterion;
use diptych::Program;
use diptych::coordinator::{Options, Outcome, Records, cores, run};
use diptych_benches::{print_hash, program, registry};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use rustix::time::{ClockId, clock_gettime};

const BOIDS: &str = include_str!("../../scenarios/boids-p1.dip");
const ROWS: &str = "1_000_000";
const AGGREGATES: &str = "\nsignal bench_x = mean(boids: Velocity.x)\nsignal bench_fast = max(boids: length(Velocity))\n\
                          signal bench_far = count(boids where Position.x > 10)\n\
                          record to \"aggregates.parquet\" { bench_x, bench_fast, bench_far }\n";
const ALL: &str = "\nrecord every 100 to \"rows.parquet\" for boids\n";
const WORKERS: u16 = 2;

/// Seconds of cores that this process has had, its workers not among them.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Runs: the outcome, and what this process did for it.
fn go(program: &Program, frames: u32, folder: Option<&Path>) -> (Outcome, f64) {
    let mut program = program.clone();
    program.frames = frames;
    let records = folder.map(|folder| Records::new(folder, true));
    let options = Options { workers: Some(WORKERS), records, ..Options::default() };
    let before = cpu();
    let outcome = run(&program, &registry(), options).unwrap_or_else(|error| panic!("{error}"));
    (outcome, cpu() - before)
}

/// Runs with and without, in turns: the medians of seconds, and of seconds of cores of this process.
fn pairs(with: &Program, without: &Program, frames: u32, folder: &Path, count: usize) -> [(f64, f64); 2] {
    let mut all: [Vec<(f64, f64)>; 2] = Default::default();
    for _ in 0..count {
        for (times, (program, records)) in all.iter_mut().zip([(with, Some(folder)), (without, None)]) {
            let (outcome, cpu) = go(program, frames, records);
            times.push((outcome.wall_s, cpu));
            if records.is_some() {
                print_hash("boids-p1", frames.into(), outcome.digest.state);
            }
        }
    }
    all.map(|all| (median(all.iter().map(|it| it.0).collect()), median(all.iter().map(|it| it.1).collect())))
}

/// Writes rows as the library does by itself: seconds, and seconds of cores.
fn plain(rows: &[RecordBatch], path: &Path) -> (f64, f64) {
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for field in rows[0].schema().fields().iter().filter(|field| field.data_type().is_floating()) {
        builder = builder.set_column_dictionary_enabled(field.name().as_str().into(), false);
    }
    let properties = builder.build();
    let (since, before) = (Instant::now(), cpu());
    let write = move || -> Result<(), Box<dyn std::error::Error>> {
        let file = File::create(path)?;
        let mut writer = ArrowWriter::try_new(file, rows[0].schema(), Some(properties))?;
        rows.iter().try_for_each(|batch| writer.write(batch))?;
        writer.close()?;
        Ok(())
    };
    write().unwrap_or_else(|error| panic!("{error}"));
    (since.elapsed().as_secs_f64(), cpu() - before)
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let read = || -> Result<Vec<RecordBatch>, Box<dyn std::error::Error>> {
        let file = ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?;
        Ok(file.with_batch_size(1 << 20).build()?.collect::<Result<_, _>>()?)
    };
    read().unwrap_or_else(|error| panic!("{error}"))
}

fn main() -> ExitCode {
    diptych_benches::main(|_: &mut Criterion| {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let boids = program(BOIDS, &[("n", ROWS)]);

        let frames = 100;
        let aggregates = program(&format!("{BOIDS}{AGGREGATES}"), &[("n", ROWS)]);
        let [with, without] = pairs(&aggregates, &boids, frames, folder.path(), 5);
        println!(
            "{ROWS} rows, {WORKERS} workers: {:.2} ms a frame with three aggregates recorded in each, {:.2} ms without ({:+.1} %)",
            with.0 / f64::from(frames) * 1e3,
            without.0 / f64::from(frames) * 1e3,
            (with.0 / without.0 - 1.0) * 100.0
        );

        // States 0, 100, 200, and the last one, which is 200: written three times.
        let (frames, times) = (200, 3.0);
        let all = program(&format!("{BOIDS}{ALL}"), &[("n", ROWS)]);
        let [with, without] = pairs(&all, &boids, frames, folder.path(), 5);
        let path = folder.path().join("rows.parquet");
        let rows = read(&path);
        let bytes = path.metadata().map_or(0, |about| about.len());
        let count: usize = rows.iter().map(RecordBatch::num_rows).sum();
        let by_itself: Vec<(f64, f64)> = (0..5).map(|_| plain(&rows, &folder.path().join("plain.parquet"))).collect();
        let by_itself = median(by_itself.iter().map(|it| it.1).collect());
        let (ours, added) = (with.1 - without.1, with.0 - without.0);
        println!(
            "{count} rows in {times} states, {:.1} MB: {ours:.3} s of cores, the library by itself {by_itself:.3} s ({:.2} times); \
             {added:.3} s added to {:.3} s ({:.2} times what it took, spread over {} cores)",
            bytes as f64 / 1e6,
            ours / by_itself,
            without.0,
            added / (ours / f64::from(cores())),
            cores()
        );
    })
}
