//! Every shipped scenario, small: the same bits by both back ends, at any number of workers, with outputs or without,
//! and when workers are killed. A new scenario is covered by being in the folder.

use std::collections::BTreeMap;
use std::path::Path;

use diptych::Program;
use diptych::coordinator::{Checkpoints, Edition, Options, Origin, Plan as When, Records, Swap, checkpoints};
use diptych_protocol::adopt::Plan;
use diptych_protocol::message::Backend;
use diptych_tests::kills::{Kills, Random};
use diptych_tests::run_with;
use diptych_tests::small::names;
use diptych_workers::body::backends;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const FRAMES: u32 = 6;
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

fn small(name: &str) -> Program {
    diptych_tests::small::small(name, FRAMES)
}

/// The records in a folder.
fn records(folder: &Path) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    entries.map(|entry| (entry.file_name().into_string().unwrap(), read(&entry.path()))).collect()
}

#[test]
fn every_scenario_gives_the_same_bits_by_every_back_end_and_number_of_workers() {
    for name in names() {
        let program = small(&name);
        let mut first = None;
        for backend in backends().chain([Backend::Compiled]) {
            // The machines differ in the code of a block alone, of which the best one is here twice.
            let counts = if BACKENDS.contains(&backend) { &[0, 1, 2, 3, 5][..] } else { &[0, 3] };
            for &workers in counts {
                for outputs in [false, true] {
                    let folder = tempfile::tempdir().unwrap();
                    let kept = Records::new(folder.path(), false);
                    let options = Options { backend, records: outputs.then_some(kept), ..Options::default() };
                    let outcome =
                        run_with(&program, workers, BINARY, options).unwrap_or_else(|e| panic!("{name}: {e}"));
                    let how = format!("{name}, {}, {workers} workers, outputs {outputs}", backend.name());
                    assert_eq!(outcome.backend, backend, "{how}");
                    let written = records(folder.path());
                    assert_eq!(written.len(), if outputs { program.outputs.records.len() } else { 0 }, "{how}");
                    let (digest, files) = first.get_or_insert_with(|| (outcome.digest, BTreeMap::new()));
                    assert_eq!(outcome.digest, *digest, "{how}");
                    if outputs {
                        if files.is_empty() {
                            files.clone_from(&written);
                        }
                        assert_eq!(written, *files, "{how}");
                    }
                }
            }
        }
    }
}

#[test]
fn every_scenario_gives_the_same_bits_when_workers_are_killed() {
    let mut random = Random(3);
    for name in names() {
        let program = small(&name);
        let expected = run_with(&program, 0, BINARY, Options::default()).unwrap().digest;
        for (backend, workers) in BACKENDS.into_iter().zip([3, 2]) {
            let mut killed = 0;
            let mut runs = 0;
            // Early and late in the run, and whenever else chance has it; a run may end before it is hit.
            while killed < 4 && runs < 20 {
                let plan = Kills::random(&mut random, workers, 4, 15_000);
                let (outcome, hit) = plan.run(&program, workers, BINARY, Options { backend, ..Options::default() });
                assert_eq!(outcome.digest, expected, "{name}, {}, {workers} workers", backend.name());
                killed += hit;
                runs += 1;
            }
            assert!(killed > 0, "{name}: nobody was hit in {runs} runs");
        }
    }
}

/// Swapping a program for itself changes nothing: all of the state is kept, and what is computed of it comes to the same.
#[test]
fn every_scenario_goes_on_as_itself_at_any_frame() {
    for name in names() {
        let program = small(&name);
        let plan = Plan::new(&program, &program);
        for (id, group) in program.groups.iter() {
            assert_eq!(plan.kept(id), group.lasts().then_some(id), "{name}");
        }
        for (id, column) in program.columns.iter() {
            let state = column.is_kept() && program.groups[column.group].lasts() && !program.names_entities(id);
            assert_eq!(plan.columns[id], state.then_some(id), "{name}: {}", column.name());
        }
        assert!(plan.signals.iter().all(|(id, before)| *before == Some(id)), "{name}");
        let end = |workers, swaps: Vec<Swap>| {
            let folder = tempfile::tempdir().unwrap();
            let kept = Records::new(folder.path(), false);
            let outcome =
                run_with(&program, workers, BINARY, Options { records: Some(kept), swaps, ..Options::default() });
            let outcome = outcome.unwrap_or_else(|e| panic!("{name}: {e}"));
            (outcome.digest, outcome.state.signal_bits(), outcome.frames, records(folder.path()), outcome.swaps.len())
        };
        let expected = end(0, Vec::new());
        for (workers, frames) in [(0, &[0, 1, 2][..]), (2, &[0]), (2, &[3, 4]), (3, &[1, 5])] {
            let edition = Edition { program: program.clone(), data: Vec::new() };
            let swaps = frames.iter().map(|frame| Swap { frame: *frame, edition: edition.clone() }).collect();
            let found = end(workers, swaps);
            let happened = frames.iter().filter(|frame| **frame < expected.2).count();
            assert_eq!((found.4, &found.3), (happened, &expected.3), "{name} at {frames:?}");
            assert_eq!((found.0, &found.1, found.2), (expected.0, &expected.1, expected.2), "{name} at {frames:?}");
        }
    }
}

/// Each checkpoint of a run is a state that it goes on from to the same end, records included, at another number of workers and
/// by another back end.
#[test]
fn every_scenario_goes_on_from_each_checkpoint_to_the_same_bits() {
    for name in names() {
        let program = small(&name);
        let folder = tempfile::tempdir().unwrap();
        let (records_of, kept) = (folder.path().join("records"), folder.path().join("checkpoints"));
        let end = |workers, options: Options| {
            let outcome = run_with(&program, workers, BINARY, options).unwrap_or_else(|e| panic!("{name}: {e}"));
            (outcome.digest, outcome.state.signal_bits(), outcome.frames, outcome.stopped, records(&records_of))
        };
        let checkpointed = |frames, resumed| Checkpoints {
            folder: kept.clone(),
            plan: When { frames: Some(frames), seconds: None, keep: 100 },
            overwrite: false,
            resumed,
        };
        let fresh = Some(Records::new(&records_of, false));
        let expected =
            end(2, Options { records: fresh, checkpoints: Some(checkpointed(1, false)), ..Options::default() });
        let all = checkpoints(&kept).unwrap();
        assert_eq!(all.len() as u32, expected.2, "{name}: a checkpoint a frame");
        for (at, (frame, path)) in all.into_iter().enumerate().rev() {
            let origin = Origin::read(&path).unwrap_or_else(|e| panic!("{name}, frame {frame}: {e}"));
            assert_eq!(origin.frame(), frame);
            let run = &origin.checkpoint().unwrap().1.description.run;
            let files = Records { resumed: Some(run.written.clone()), ..Records::new(&records_of, false) };
            let options = Options {
                backend: BACKENDS[at % 2],
                records: (!run.written.cursors.is_empty()).then_some(files),
                checkpoints: Some(checkpointed(2, true)),
                origin: Some(origin),
                ..Options::default()
            };
            let workers = [3, 0, 1][at % 3];
            assert_eq!(end(workers, options), expected, "{name}, from frame {frame}, {workers} workers");
        }
    }
}
