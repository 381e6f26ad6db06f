//! Another process of the same user writes rubbish into a run's memory: the run ends, with any result or with an error that
//! says so. It does not hang, its coordinator does not crash, and nothing is left.
//!
//! What is written over is what processes agree by: the shared words, progress, tickets, frame records, rows that were made,
//! signals, the ring of records. `DIPTYCH_RUBBISH=FIRST..LAST` takes other seeds than the few that are tried here.

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use diptych_protocol::layout::Layout;
use diptych_protocol::reader::Reader;
use diptych_protocol::segment;
use diptych_tests::kills::Random;
use diptych_tests::{children, kill, lives, root, segments_of, shipped, wait_until};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// A scenario, its size, and how long it is to run if nobody stops it.
type Case = (&'static str, &'static [(&'static str, &'static str)], u32);

/// Births, ends and a match; buckets of a tree.
const CASES: [Case; 2] = [("wolf-sheep.dip", &[], 1500), ("colliding-particles.dip", &[("n", "1000")], 500)];

/// Where the words stand that processes agree by.
fn words((name, sets, frames): Case) -> Vec<Range<u64>> {
    let layout = Layout::new(&shipped(name, sets, frames), 2);
    let until = |offset: usize, bytes: usize| offset as u64..(offset + bytes) as u64;
    let control = until(layout.control.horizon.offset, layout.slots.offset - layout.control.horizon.offset);
    let outputs = &layout.outputs;
    let mut all = vec![
        // Most of what can go wrong goes wrong by these.
        control.clone(),
        control,
        until(layout.slots.offset, layout.slots.bytes()),
        until(layout.records[0].offset, layout.records[0].bytes()),
        until(layout.records[1].offset, layout.records[1].bytes()),
        until(layout.made_rows.offset, layout.made_rows.bytes()),
        until(layout.tickets.offset, layout.tickets.bytes()),
        until(outputs.ring.offset, outputs.ring.bytes()),
        until(outputs.signals[0].offset, outputs.signals[0].bytes()),
        until(outputs.failed.offset, outputs.failed.bytes()),
    ];
    all.retain(|range| range.end - range.start >= 8);
    all
}

/// Writes a few words, some of them again and again.
fn scribble(file: &File, all: &[Range<u64>], random: &mut Random) {
    let words = 1 + random.next(12);
    for _ in 0..words {
        let range = &all[random.next(all.len() as u64) as usize];
        // Words that processes write stand at the beginnings of lines.
        let step = if random.next(2) == 0 { 128 } else { 4 };
        let at = range.start + step * random.next((range.end - range.start - 4).div_ceil(step).max(1));
        let mut old = [0; 8];
        file.read_exact_at(&mut old, at).unwrap();
        let old = u64::from_le_bytes(old);
        let new = match random.next(5) {
            0 => random.next(1 << 31) << 32 | random.next(1 << 31),
            1 => random.next(4),
            2 => u64::MAX,
            3 => old ^ 1 << random.next(64),
            _ => old.wrapping_add(random.next(5)).wrapping_sub(2),
        };
        let len = if random.next(2) == 0 { 4 } else { 8 };
        for _ in 0..1 + random.next(3) {
            file.write_all_at(&new.to_le_bytes()[..len], at).unwrap();
        }
    }
}

/// A run that is scribbled at: how it ended.
fn run(case: Case, all: &[Range<u64>], seed: u64) -> Output {
    let (name, sets, frames) = case;
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.arg("run").arg(format!("scenarios/{name}")).args(["--workers", "2", "--frames", &frames.to_string()]);
    sets.iter().for_each(|(name, value)| {
        command.arg("--set").arg(format!("{name}={value}"));
    });
    command.args(["--batch-deadline", "0.3", "--summary", "json", "--out"]).arg(folder.path());
    let run = command.current_dir(root()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = run.id();
    let found = || segments_of(pid).into_iter().find(|name| Reader::open(name).is_ok_and(|it| it.frames() > Some(1)));
    let mut segment = None;
    assert!(
        wait_until(Duration::from_secs(20), || found().inspect(|it| segment = Some(it.clone())).is_some()),
        "no run"
    );
    let file = OpenOptions::new().read(true).write(true).open(segment::path(&segment.unwrap())).unwrap();
    std::thread::sleep(Duration::from_micros(random.next(20_000)));
    scribble(&file, all, &mut random);
    let workers = children(pid);
    let ended = std::thread::spawn(move || run.wait_with_output());
    if !wait_until(Duration::from_secs(60), || ended.is_finished()) {
        workers.iter().chain([&pid]).for_each(|pid| kill(*pid, Signal::KILL));
        panic!("seed {seed}: {name} hangs: {:?}", ended.join().unwrap());
    }
    assert!(children(pid).is_empty() && workers.iter().all(|worker| !lives(*worker)), "seed {seed}: a worker is left");
    assert!(segments_of(pid).is_empty(), "seed {seed}: a segment is left");
    ended.join().unwrap().unwrap()
}

#[test]
fn rubbish_in_a_runs_memory_ends_the_run_at_worst() {
    let seeds = std::env::var("DIPTYCH_RUBBISH").unwrap_or("0..12".into());
    let (first, last) = seeds.split_once("..").unwrap();
    let seeds: Range<u64> = first.parse().unwrap()..last.parse().unwrap();
    let mut ends = [0; 2];
    for case in CASES {
        let all = words(case);
        for seed in seeds.clone() {
            let output = run(case, &all, seed);
            let told = String::from_utf8_lossy(&output.stderr);
            // 101 would be a panic of the coordinator; one that a signal brought down has no code.
            assert!(
                matches!(output.status.code(), Some(0 | 1 | 3)),
                "seed {seed} of {}: {:?}\n{told}",
                case.0,
                output.status
            );
            if output.status.code() != Some(0) {
                assert!(told.lines().any(|line| line.starts_with("error: ")), "seed {seed} of {}: {told}", case.0);
            }
            ends[usize::from(output.status.code() != Some(0))] += 1;
            println!("seed {seed} of {}: {}, {}", case.0, output.status, told.lines().last().unwrap_or_default());
        }
    }
    println!("{} runs came to their ends, {} said what was wrong", ends[0], ends[1]);
    assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
}
