//! A checkpoint is a whole state or none: whatever happens to the run, to the machine or to the file, a run goes on from it to the
//! same bits, or is told why not.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use diptych::Program;
use diptych::coordinator::{
    Checkpoint, CheckpointError, Checkpoints, CheckpointsError, Edition, Options, Origin, Outcome, Plan, Records,
    RunError, Stopped, Swap, ViewError, Viewer, checkpoints,
};
use diptych_protocol::checkpoint::{HEAD_BYTES, Head, Sums};
use diptych_protocol::digest::{Digest, digest};
use diptych_protocol::message::Backend;
use diptych_protocol::still::Still;
use diptych_tests::kills::Random;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

/// Rows that come, go and refer to each other; values of each width; what remembers; what is recorded.
const TOWN: &str = "scenario town\nrun { seed = 4 }\nparam rate: f32 = 0.1\n\
    component Age = u8\ncomponent Wealth = f64\ncomponent Home = entity of houses\ncomponent Rich = bool\n\
    component Full = u16\n\
    group houses[30] { Full = 0 }\n\
    group people[80, max 200] { Age = u8(uniform(0, 90)), Wealth = uniform(0, 1), Home = houses[row % 30], Rich = false }\n\
    system live for people owns Age, Wealth, Rich {\n    Age = min(Age, 200) + 1\n    Wealth += uniform(0, rate)\n    \
    Rich = fresh Wealth > 2\n    \
    if chance(0.05) { spawn people { Age = 0, Wealth = 0.5, Home = Home, Rich = false } }\n    \
    if chance(0.05) { despawn self }\n}\n\
    system fill for houses owns Full { Full = u16(count(x in people by Home)) }\n\
    signal wealth = sum(people: Wealth)\nsignal slow = lag(wealth, 5)\nsignal born = births(people)\n\
    record every 3 to \"town.csv\" { wealth, slow, born, full = max(houses: Full) }\n";

fn town(frames: u32) -> Program {
    program(TOWN, &[], frames)
}

fn kept(folder: &Path, frames: u32, keep: u32) -> Checkpoints {
    let plan = Plan { frames: Some(frames), seconds: None, keep };
    Checkpoints { folder: folder.into(), plan, overwrite: false, resumed: false }
}

fn from(path: &Path) -> Options {
    Options { origin: Some(Origin::read(path).unwrap()), ..Options::default() }
}

fn file_of(folder: &Path, frame: u32) -> PathBuf {
    checkpoints(folder).unwrap().into_iter().find(|(of, _)| *of == frame).unwrap().1
}

/// The bytes of a checkpoint of a small run.
fn small(folder: &Path) -> Vec<u8> {
    let options = Options { checkpoints: Some(kept(folder, 7, 9)), ..Options::default() };
    run_with(&town(7), 0, BINARY, options).unwrap();
    std::fs::read(file_of(folder, 7)).unwrap()
}

fn read(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let mut words = vec![0u64; bytes.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(bytes);
    Checkpoint::from_words(words, bytes.len() as u64)
}

#[test]
fn each_byte_that_is_not_what_was_written_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let whole = small(folder.path());
    assert!(read(&whole).is_ok());
    for at in 0..whole.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= flip;
            assert!(read(&bytes).is_err(), "byte {at} of {} is {flip:#x} away, and nobody notices", whole.len());
        }
    }
}

#[test]
fn a_file_that_is_cut_off_or_goes_on_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let whole = small(folder.path());
    for length in (0..whole.len()).step_by(97).chain([7, 8, HEAD_BYTES - 1, HEAD_BYTES, whole.len() - 1]) {
        let error = read(&whole[..length]).map(|_| ()).unwrap_err();
        let cut = matches!(error, CheckpointError::Cut { found, .. } if found == length as u64);
        assert!(cut || length < 8 && matches!(error, CheckpointError::Alien), "{length}: {error}");
    }
    let longer = [&whole[..], &[0; 64]].concat();
    assert!(matches!(read(&longer).map(|_| ()).unwrap_err(), CheckpointError::Damaged(_)));
    assert!(matches!(read(b"scenario town\n").map(|_| ()).unwrap_err(), CheckpointError::Alien));
    let mut newer = whole;
    newer[8] = 99;
    let error = read(&newer).map(|_| ()).unwrap_err();
    assert!(matches!(error, CheckpointError::Version { found: 99 }), "{error}");
}

/// Somebody who writes rubbish and then all checksums anew gets a refusal or a state, never a crash.
#[test]
fn what_is_forged_is_refused_or_is_a_state() {
    let folder = tempfile::tempdir().unwrap();
    let whole = small(folder.path());
    let (program, forged) = (town(10), folder.path().join("forged"));
    let mut random = Random(11);
    let (mut refused, mut whole_ones) = (0, 0);
    for _ in 0..1_500 {
        let mut bytes = whole.clone();
        for _ in 0..=random.next(3) {
            let at = HEAD_BYTES + random.next((bytes.len() - HEAD_BYTES) as u64) as usize;
            bytes[at] = random.next(256) as u8;
        }
        seal(&mut bytes);
        match read(&bytes) {
            Err(_) => refused += 1,
            Ok(_) => {
                whole_ones += 1;
                // What it goes on to means nothing, but it goes on, or says what is wrong.
                std::fs::write(&forged, &bytes).unwrap();
                let options = Options { backend: BACKENDS[whole_ones % 2], ..from(&forged) };
                match run_with(&program, 0, BINARY, options) {
                    Ok(_) | Err(RunError::Fault(..) | RunError::Full(..)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    assert!(refused > 100 && whole_ones > 100, "{refused} refused, {whole_ones} taken");
}

/// Writes the checksums that these bytes should have.
fn seal(bytes: &mut [u8]) {
    let head: Head = bytemuck::pod_read_unaligned(&bytes[..size_of::<Head>()]);
    let end = head.sums.offset as usize;
    let mut sums = Sums::default();
    sums.add(&bytes[HEAD_BYTES..end]);
    let sealed = sums.seal(head);
    bytes[end..].copy_from_slice(&sealed.sums);
    bytes[..HEAD_BYTES].copy_from_slice(&sealed.head);
}

/// Frames of a few microseconds, a checkpoint each: workers come to want the panels that are being written. Each file must be
/// the state of its frame all the same.
#[test]
fn a_checkpoint_is_the_state_of_its_frame_however_fast_the_run_goes_on() {
    let text = "scenario steps\ncomponent X = u32\ncomponent Y = f64\ngroup points[40_000] { X = row, Y = 0 }\n\
        system step for points owns X, Y { X += 1\n Y = f64(fresh X) * 0.5 }\nsignal total = sum(points: X)\n";
    let frames = 24;
    let program = program(text, &[], frames);
    for workers in [0, 1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { checkpoints: Some(kept(folder.path(), 1, 100)), ..Options::default() };
        let outcome = run_with(&program, workers, BINARY, options).unwrap();
        let told = outcome.checkpoints.unwrap();
        assert_eq!((told.written, told.last.unwrap().0), (frames, frames));
        for (frame, path) in checkpoints(folder.path()).unwrap() {
            let checkpoint = Checkpoint::read(&path).unwrap();
            let still = checkpoint.still();
            let x = checkpoint.program.columns.iter().find(|(_, column)| column.component == "X").unwrap().0;
            let x: &[u32] = bytemuck::cast_slice(still.column(x));
            assert!(x.iter().zip(0..).all(|(x, row)| *x == row + frame), "frame {frame}, {workers} workers");
            let mut shorter = program.clone();
            shorter.frames = frame;
            let there = run_with(&shorter, 0, BINARY, Options::default()).unwrap();
            assert_eq!(digest(&still), there.digest, "frame {frame}, {workers} workers");
            assert_eq!(still.signals(), there.state.signal_bits(), "frame {frame}, {workers} workers");
        }
    }
}

/// Looks at each state, and keeps its hashes.
struct Everything(Arc<Mutex<Vec<(u32, Digest)>>>, u32);

impl Viewer for Everything {
    fn due(&self) -> Option<u32> {
        Some(self.1)
    }

    fn look(&mut self, still: &Still<'_>, _: bool) -> Result<(), ViewError> {
        let frame = still.tick().frames_done();
        if frame == self.1 {
            self.0.lock().unwrap().push((frame, digest(still)));
            self.1 += 1;
        }
        Ok(())
    }
}

/// Both hold a state, and only one can at a time: neither misses one, or sees another one.
#[test]
fn whoever_looks_at_states_and_checkpoints_of_them_do_not_get_in_each_others_way() {
    let text = "scenario steps\ncomponent X = u32\ngroup points[40_000] { X = row }\n\
        system step for points owns X { X += 1 }\n";
    let frames = 60;
    let program = program(text, &[], frames);
    for workers in [0, 1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let viewers: Vec<Box<dyn Viewer>> = vec![Box::new(Everything(Arc::clone(&seen), 0))];
        let options = Options { viewers, checkpoints: Some(kept(folder.path(), 1, 100)), ..Options::default() };
        let outcome = run_with(&program, workers, BINARY, options).unwrap();
        assert_eq!(outcome.checkpoints.unwrap().written, frames, "{workers} workers");
        let seen = seen.lock().unwrap();
        assert!(seen.iter().map(|(frame, _)| *frame).eq(0..=frames), "{workers} workers");
        for (frame, path) in checkpoints(folder.path()).unwrap() {
            let kept = digest(&Checkpoint::read(&path).unwrap().still());
            assert_eq!(kept, seen[frame as usize].1, "frame {frame}, {workers} workers");
        }
    }
}

/// The description says where a column stands: whoever maps the file finds it there.
#[test]
fn a_column_is_where_the_description_says() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = small(folder.path());
    let outcome = run_with(&town(7), 0, BINARY, Options::default()).unwrap();
    let description = diptych_protocol::checkpoint::describe(&file_of(folder.path(), 7)).unwrap();
    let column = |name: &str| {
        let column = description.columns.iter().find(|it| it.name == name).unwrap();
        (column.dtype.as_str(), &bytes[column.offset as usize..], column.rows as usize)
    };
    let (dtype, from, rows) = column("Wealth");
    let wealth: Vec<f64> = outcome.state.column("people", "Wealth").unwrap();
    assert_eq!((dtype, rows), ("<f8", wealth.len()));
    let found = from.chunks(8).take(rows).map(|it| f64::from_le_bytes(it.try_into().unwrap()));
    assert!(found.eq(wealth), "wealth");
    let (dtype, from, rows) = column("Age");
    let age: Vec<u8> = outcome.state.column("people", "Age").unwrap();
    assert_eq!((dtype, &from[..rows]), ("|u1", &age[..]));
    let signal = description.signals.iter().find(|it| it.name == "wealth").unwrap();
    let value = f64::from_le_bytes(bytes[signal.offset as usize..][..8].try_into().unwrap());
    assert_eq!(Some(diptych_protocol::types::Value::F64(value)), outcome.state.signal("wealth"));
    assert_eq!((description.frame, description.groups[1].room), (7, 200));
}

#[test]
fn the_last_ones_are_kept_and_nothing_else_stands_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { checkpoints: Some(kept(folder.path(), 4, 2)), ..Options::default() };
    let outcome = run_with(&town(22), 1, BINARY, options).unwrap();
    assert_eq!(outcome.checkpoints.unwrap().written, 6);
    let frames: Vec<u32> = checkpoints(folder.path()).unwrap().into_iter().map(|(frame, _)| frame).collect();
    assert_eq!(frames, [20, 22]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "two, and the lock");
}

#[test]
fn a_folder_is_one_runs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = |overwrite| Options {
        checkpoints: Some(Checkpoints { overwrite, ..kept(folder.path(), 4, 2) }),
        ..Options::default()
    };
    run_with(&town(5), 0, BINARY, options(false)).unwrap();
    match run_with(&town(5), 0, BINARY, options(false)) {
        Err(RunError::Checkpoints(CheckpointsError::Exist(path))) => assert_eq!(path, folder.path()),
        other => panic!("{:?}", other.map(|outcome| outcome.frames)),
    }
    std::fs::write(folder.path().join("frame-0000000009.checkpoint.begun"), "cut off").unwrap();
    // While a run writes there, another one is refused, even if it is to remove what is there.
    let second = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&second);
    let taken = options(true);
    let progress = Box::new(move |_| {
        let mut seen = seen.lock().unwrap();
        if seen.is_none() {
            let other = Options { checkpoints: taken.checkpoints.clone(), ..Options::default() };
            *seen = Some(run_with(&town(5), 0, BINARY, other).map(|outcome| outcome.frames));
        }
    });
    run_with(&town(50), 0, BINARY, Options { progress: Some(progress), ..options(true) }).unwrap();
    let refused = second.lock().unwrap().take();
    assert!(matches!(refused, Some(Err(RunError::Checkpoints(CheckpointsError::Taken(_))))), "{refused:?}");
    let frames: Vec<u32> = checkpoints(folder.path()).unwrap().into_iter().map(|(frame, _)| frame).collect();
    assert_eq!(frames, [48, 50]);
    assert!(!folder.path().join("frame-0000000009.checkpoint.begun").exists(), "what was cut off is left");
}

/// A branch is what a swap at that frame would have made of the run, and knows where it comes from.
#[test]
fn a_branch_is_what_a_swap_at_its_frame_comes_to() {
    let (first, second) = (town(20), program(TOWN, &[("rate", "0.4")], 20));
    let edition = Edition { program: second.clone(), data: Vec::new() };
    let swapped = Options { swaps: vec![Swap { frame: 8, edition }], ..Options::default() };
    let expected = run_with(&first, 2, BINARY, swapped).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = Options { checkpoints: Some(kept(folder.path(), 8, 9)), ..Options::default() };
    run_with(&first, 2, BINARY, options).unwrap();
    let branches = tempfile::tempdir().unwrap();
    for workers in [0, 2] {
        let own = Checkpoints { overwrite: true, ..kept(branches.path(), 100, 1) };
        let options = Options { checkpoints: Some(own), ..from(&file_of(folder.path(), 8)) };
        let branch = run_with(&second, workers, BINARY, options).unwrap();
        assert_eq!((branch.digest, branch.resumed), (expected.digest, Some(8)), "{workers} workers");
        assert_eq!(branch.state.signal_bits(), expected.state.signal_bits(), "{workers} workers");
        let told = Checkpoint::read(&file_of(branches.path(), 20)).unwrap().description.run.parents;
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].frame, told[0].program_hash.clone()), (8, format!("{:032x}", first.hash())));
        assert_eq!(told[0].params, [("rate".to_string(), "0.1".to_string())]);
    }
    // The last state of a run is one, too.
    let mut shorter = first;
    shorter.frames = 8;
    let state = run_with(&shorter, 1, BINARY, Options::default()).unwrap().state;
    let options = Options { origin: Some(Origin::of(state)), ..Options::default() };
    assert_eq!(run_with(&second, 1, BINARY, options).unwrap().digest, expected.digest);
}

/// What a swap changed is in the checkpoint of its frame already.
#[test]
fn a_checkpoint_at_a_swap_is_of_the_program_that_goes_on() {
    let (first, second) = (town(20), program(TOWN, &[("rate", "0.4")], 20));
    let edition = Edition { program: second.clone(), data: Vec::new() };
    for workers in [0, 2] {
        let folder = tempfile::tempdir().unwrap();
        let swaps = vec![Swap { frame: 8, edition: edition.clone() }];
        let options = Options { swaps, checkpoints: Some(kept(folder.path(), 4, 9)), ..Options::default() };
        let expected = run_with(&first, workers, BINARY, options).unwrap();
        for frame in [8, 12] {
            let path = file_of(folder.path(), frame);
            let origin = Origin::read(&path).unwrap();
            assert_eq!(origin.program().hash(), second.hash(), "frame {frame}");
            let options = Options { origin: Some(origin), backend: Backend::Interpreter, ..Options::default() };
            assert_eq!(run_with(&second, 1, BINARY, options).unwrap().digest, expected.digest, "frame {frame}");
        }
    }
}

/// A swap that is known begins and ends files; a run that is resumed before it comes to them again, and to those that had ended.
#[test]
fn files_that_a_swap_begins_and_ends_are_those_of_an_undisturbed_run() {
    let other = TOWN.replace("{ wealth, slow, born,", "{ wealth, twice = wealth * 2, born,");
    let (first, second) = (town(30), program(&other, &[], 30));
    let swaps = || {
        let swap =
            |frame, program: &Program| Swap { frame, edition: Edition { program: program.clone(), data: Vec::new() } };
        vec![swap(8, &second), swap(16, &first)]
    };
    let files = |folder: &Path| -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = (std::fs::read_dir(folder).unwrap().flatten())
            .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap()))
            .collect();
        all.sort();
        all
    };
    let quiet = tempfile::tempdir().unwrap();
    let records = Some(Records::new(quiet.path(), false));
    let expected = run_with(&first, 1, BINARY, Options { swaps: swaps(), records, ..Options::default() }).unwrap();
    let expected_files = files(quiet.path());
    assert_eq!(expected_files.len(), 3, "town.csv, town.2.csv and town.3.csv");
    let folder = tempfile::tempdir().unwrap();
    let (written, states) = (folder.path().join("r"), folder.path().join("c"));
    let options = Options {
        swaps: swaps(),
        records: Some(Records::new(&written, false)),
        checkpoints: Some(kept(&states, 4, 9)),
        ..Options::default()
    };
    run_with(&first, 2, BINARY, options).unwrap();
    for (frame, path) in checkpoints(&states).unwrap().into_iter().rev() {
        let origin = Origin::read(&path).unwrap();
        let run = &origin.checkpoint().unwrap().1.description.run;
        let records = Some(Records { resumed: Some(run.written.clone()), ..Records::new(&written, false) });
        let program = origin.program().clone();
        let swaps = swaps().into_iter().filter(|swap| swap.frame > frame).collect();
        let options = Options { swaps, records, origin: Some(origin), ..Options::default() };
        let outcome = run_with(&program, [0, 2][frame as usize / 4 % 2], BINARY, options).unwrap();
        assert_eq!(outcome.digest, expected.digest, "from frame {frame}");
        assert_eq!(files(&written), expected_files, "from frame {frame}");
    }
}

/// A rule that fails at frame 9: the state before it is kept, and a better text goes on from it.
#[test]
fn the_last_good_state_of_a_run_that_fails_is_kept() {
    let text = |limit: u32| {
        format!(
            "scenario full\nparam most: u32 = {limit}\ncomponent X = u32\n\
             group points[4, max 40] {{ X = 0 }}\n\
             system grow for points owns X {{ X += 1\n if row < 4 {{ spawn points {{ X = 0 }} }} }}\n\
             signal n = count(points)\nsignal slow = delay(n)\nrecord every 2 to \"n.csv\" {{ n, slow }}\n"
        )
    };
    let failing = program(&text(1), &[], 12);
    for workers in [0, 2] {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            checkpoints: Some(kept(&folder.path().join("c"), 100, 3)),
            records: Some(Records::new(folder.path().join("r"), false)),
            ..Options::default()
        };
        let error = run_with(&failing, workers, BINARY, options).map(|_| ()).unwrap_err();
        assert!(matches!(error, RunError::Full(..)), "{error}");
        let path = file_of(&folder.path().join("c"), 9);
        // Again: it ends in the same way.
        let again = run_with(&failing, 1, BINARY, from(&path)).map(|_| ()).unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
        // With room: it goes on, and remembers.
        let roomy = program(&text(1).replace("max 40", "max 400"), &[], 12);
        let outcome = run_with(&roomy, workers, BINARY, from(&path)).unwrap();
        assert_eq!(outcome.state.rows(roomy.group("points").unwrap()), 4 + 12 * 4);
        assert_eq!(outcome.state.signal("slow"), Some(diptych_protocol::types::Value::U32(4 + 11 * 4)));
        let undisturbed = run_with(&roomy, 0, BINARY, Options::default()).unwrap();
        assert_eq!(outcome.digest.content, undisturbed.digest.content);
    }
}

/// A state that ended a run ends it again, at once.
#[test]
fn a_run_that_is_over_does_not_go_on() {
    let text = format!("{TOWN}ensure \"poor\" wealth < 60\n");
    let program = program(&text, &[], 100);
    let folder = tempfile::tempdir().unwrap();
    let options = Options { checkpoints: Some(kept(folder.path(), 1000, 3)), ..Options::default() };
    let ended: Outcome = run_with(&program, 2, BINARY, options).unwrap();
    assert_eq!(ended.stopped, Stopped::Ensure);
    for workers in [0, 2] {
        let again = run_with(&program, workers, BINARY, from(&file_of(folder.path(), ended.frames))).unwrap();
        assert_eq!((again.stopped, again.frames, again.digest), (Stopped::Ensure, ended.frames, ended.digest));
    }
}
