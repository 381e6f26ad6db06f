//! Workers are killed at random, and in each kind of stage, in runs of every shipped scenario: each run ends in the bits of the
//! undisturbed one.
//!
//! `DIPTYCH_KILLS=1000` makes the campaign long, `DIPTYCH_SEED=N` repeats one.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use diptych::Program;
use diptych::coordinator::{Edition, Options, Swap};
use diptych_protocol::digest::Digest;
use diptych_protocol::id::StageId;
use diptych_protocol::id::Tick;
use diptych_protocol::inject::{Failure, Injection, Moment, Stages};
use diptych_protocol::message::Backend;
use diptych_protocol::program::StageKind;
use diptych_tests::hits::{Hit, Hits, injected};
use diptych_tests::kills::{Kills, Random};
use diptych_tests::small::{names, small};
use diptych_tests::{everything, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Compiled, Backend::Interpreter];
const FRAMES: u32 = 16;

fn number(variable: &str, otherwise: u32) -> u32 {
    let said = std::env::var(variable).ok();
    said.map_or(otherwise, |said| said.parse().unwrap_or_else(|e| panic!("{variable}={said}: {e}")))
}

/// Some stages to be killed in, of the kind that was hit least of those that the program has, or of any.
fn exact(random: &mut Random, program: &Program, hits: &Hits, kills: u64) -> Vec<Injection> {
    let all = |tick: Tick| {
        (0..).map(StageId).zip(program.stages(tick)).map(move |(number, stage)| (tick, number, stage.kind))
    };
    let some_frame = |random: &mut Random| Tick::after_frames(1 + random.next(u64::from(program.frames)) as u32);
    (0..kills)
        .map(|turn| {
            let frame = some_frame(random);
            let there: Vec<_> = all(Tick::SETUP).chain(all(frame)).collect();
            let least = there.iter().map(|(.., kind)| hits.of(Hit::In(*kind))).min();
            let meant: Vec<_> =
                there.iter().filter(|(.., kind)| turn > 0 || Some(hits.of(Hit::In(*kind))) == least).collect();
            let (tick, stage, _) = *meant[random.next(meant.len() as u64) as usize];
            let moment = Moment::ALL[random.next(3) as usize];
            Injection { stages: Stages::Number(stage), ..Injection::new(Failure::Kill, tick) }.at(moment)
        })
        .collect()
}

#[test]
fn whoever_is_killed_wherever_the_run_ends_in_the_undisturbed_bits() {
    let (kills, seed) = (number("DIPTYCH_KILLS", 80), number("DIPTYCH_SEED", 1));
    println!("seed {seed}, {kills} kills");
    let least = (kills / 50).max(1);
    let mut random = Random(seed.into());
    let programs: Vec<Program> = names().iter().map(|name| small(name, FRAMES)).chain([everything(FRAMES)]).collect();
    let (mut hits, mut by_injection, mut runs, mut swapped) = (Hits::default(), 0, 0usize, 0);
    let mut expected: BTreeMap<String, (Digest, u64)> = BTreeMap::new();
    let mut hit: BTreeSet<&str> = BTreeSet::new();
    let enough = |hits: &Hits| StageKind::ALL.iter().all(|kind| hits.of(Hit::In(*kind)) >= least);
    while hits.all() < kills || !enough(&hits) || hit.len() < programs.len() {
        assert!(runs < 20 * kills as usize, "after {runs} runs hardly anybody is hit: {hits}");
        let program = &programs[runs % programs.len()];
        let (digest, takes_us) = *expected.entry(program.scenario.clone()).or_insert_with(|| {
            let digest = run_with(program, 0, BINARY, Options::default()).unwrap().digest;
            let begun = Instant::now();
            assert_eq!(run_with(program, 2, BINARY, Options::default()).unwrap().digest, digest);
            (digest, begun.elapsed().as_micros() as u64)
        });
        let workers = 1 + random.next(3) as u16;
        let backend = BACKENDS[random.next(2) as usize];
        let swaps: Vec<Swap> = match random.next(3) {
            0 => {
                let edition = Edition { program: program.clone(), data: Vec::new() };
                vec![Swap { frame: random.next(u64::from(program.frames)) as u32, edition }]
            }
            _ => Vec::new(),
        };
        let many = 1 + random.next(4);
        let injections = exact(&mut random, program, &hits, many);
        let how = format!(
            "run {runs} of seed {seed}: {}, {}, {workers} workers, {} swaps, {}",
            program.scenario,
            backend.name(),
            swaps.len(),
            injections.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        );
        let plan = Kills::random(&mut random, workers, 3, takes_us);
        let options = Options { backend, swaps, injections: injections.clone(), ..Options::default() };
        let (outcome, from_outside) = plan.run_and_look(program, workers, BINARY, options);
        assert_eq!(outcome.digest, digest, "{how}");
        swapped += outcome.swaps.len();
        hits.and(&from_outside);
        let mut left = outcome.not_injected;
        for injection in &injections {
            match left.iter().position(|it| it == injection) {
                Some(at) => drop(left.swap_remove(at)),
                None => {
                    let kind = injected(program, injection).unwrap_or_else(|| panic!("{injection}"));
                    hits.add(Hit::In(kind));
                    by_injection += 1;
                }
            }
        }
        if outcome.worker_deaths > 0 {
            hit.insert(&program.scenario);
        }
        runs += 1;
    }
    println!(
        "{} workers killed ({by_injection} of them exactly placed) in {runs} runs of {} scenarios with {swapped} swaps\n\
         where: {hits}\nall runs ended in the undisturbed bits",
        hits.all(),
        hit.len()
    );
}
