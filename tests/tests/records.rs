//! Records and the files they become: nothing is written over, nothing is lost, and what fails says so.

use std::io::{BufRead, BufReader};
use std::path::Path;

use diptych::coordinator::{Options, RecordError, Records, RunError, Stopped};
use diptych_protocol::body::{Binary, Op};
use diptych_protocol::id::{EnumId, GroupId, SignalId};
use diptych_protocol::limits::RECORD_RING;
use diptych_protocol::program::{Code, Enum};
use diptych_protocol::reader::Reader;
use diptych_protocol::types::{NO_ROW, Scalar, Type, Value};
use diptych_tests::outputs::{FRAME, SUM, WithOutputs, drift, frames_of, observed, recording, text};
use diptych_tests::{kill, run_with, segments_of};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

fn over(folder: &Path) -> Options {
    Options { records: Some(Records::new(folder, true)), ..Options::default() }
}

#[test]
fn values_are_written_as_people_read_them() {
    let mut program = drift(100, 1);
    let health = program.enums.push(Enum { name: "Health".into(), variants: vec!["well".into(), "i,ll".into()] });
    assert_eq!(health, EnumId(0));
    let mut with = WithOutputs::of(program);
    let mut columns: Vec<SignalId> = Vec::new();
    for (ty, value) in [
        (Type::scalar(Scalar::F32), Value::F32(0.1)),
        (Type::scalar(Scalar::F64), Value::F64(1e-7)),
        (Type::scalar(Scalar::I16), Value::I16(-5)),
        (Type::scalar(Scalar::Bool), Value::Bool(true)),
        (Type::variant(health), Value::U8(1)),
        (Type::entity(GroupId(0)), Value::U32(7)),
        (Type::entity(GroupId(0)), Value::U32(NO_ROW)),
    ] {
        let value = with.constant(value);
        columns.push(with.signal("s", ty, value));
    }
    // A NaN that arithmetic makes is the stored one.
    let zero = with.constant(Value::F64(0.0));
    let nan = with.op(Scalar::F64, Op::Binary(Binary::Div, zero, zero));
    columns.push(with.signal("s", Type::scalar(Scalar::F64), nan));
    let names = ["f", "d", "i", "b", "e", "r", "n", "nan"];
    let columns: Vec<(&str, SignalId)> = names.into_iter().zip(columns).collect();
    with.record("a.csv", 1, &columns);
    let program = with.finish();
    let folder = tempfile::tempdir().unwrap();
    let outcome = run_with(&program, 1, BINARY, recording(folder.path())).unwrap();
    let written = text(folder.path(), "a.csv");
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines[0], "frame,time,f,d,i,b,e,r,n,nan");
    assert_eq!(lines[1], "0,0,0.1,0.0000001,-5,true,\"i,ll\",7,,NaN");
    assert_eq!(lines.len(), 3);
    assert_eq!(outcome.state.signal_bits()[7], 0x7ff8 << 48);
}

#[test]
fn a_file_that_exists_is_not_written_over_unless_told() {
    let mut with = observed(100, 3);
    with.record("new.csv", 1, &[("sum", SUM)]);
    with.record("old.csv", 1, &[("frame", FRAME)]);
    let program = with.finish();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.csv"), "precious").unwrap();
    for workers in [0, 1] {
        match run_with(&program, workers, BINARY, recording(folder.path())).map(|o| o.frames) {
            Err(error @ RunError::Record(RecordError::Exists(_))) => {
                let said = error.to_string();
                assert!(
                    said.contains("old.csv exists") && said.contains("--force") && said.contains("--out"),
                    "{said}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(text(folder.path(), "old.csv"), "precious");
        assert!(!folder.path().join("new.csv").exists());
    }
    run_with(&program, 1, BINARY, over(folder.path())).unwrap();
    assert_eq!(frames_of(&text(folder.path(), "old.csv")), [0, 1, 2, 3]);
    let blocked = Records::new(folder.path().join("old.csv"), true);
    let options = Options { records: Some(blocked), ..Options::default() };
    assert!(matches!(run_with(&program, 1, BINARY, options), Err(RunError::Record(RecordError::Make { .. }))));
}

#[test]
fn a_full_disk_stops_the_run_and_says_which_file_has_how_many_rows() {
    let mut with = observed(100, 3 * RECORD_RING);
    with.record("/dev/full", 1, &[("sum", SUM)]);
    let program = with.finish();
    match run_with(&program, 1, BINARY, over(Path::new(""))).map(|o| o.frames) {
        Err(error @ RunError::Record(RecordError::Write { rows: 0, .. })) => {
            let said = error.to_string();
            assert!(
                said.starts_with("cannot write /dev/full: No space left") && said.contains("; 0 rows of it"),
                "{said}"
            );
        }
        other => panic!("{other:?}"),
    }
}

/// A pipe whose reader goes away stands for a disk that fills in the middle of a run.
#[test]
fn a_file_that_fails_in_the_middle_stops_the_run_at_a_whole_frame() {
    for workers in [0, 2] {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.csv");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(std::fs::File::open(pipe).unwrap()).lines();
            lines.take(100).map(Result::unwrap).collect::<Vec<_>>()
        });
        let mut with = observed(100, 100_000);
        with.record("pipe.csv", 1, &[("frame", FRAME)]);
        with.record("whole.csv", 1, &[("frame", FRAME)]);
        let program = with.finish();
        let error = run_with(&program, workers, BINARY, over(folder.path())).map(|o| o.frames).unwrap_err();
        match &error {
            RunError::Record(RecordError::Write { path, .. }) => assert!(path.ends_with("pipe.csv")),
            other => panic!("{other:?}"),
        }
        assert_eq!(reader.join().unwrap().len(), 100);
        // The other file has whole rows up to some state, and no gap.
        let frames = frames_of(&text(folder.path(), "whole.csv"));
        assert_eq!(frames, (0..frames.len() as u32).collect::<Vec<_>>());
        assert!((100..100_000).contains(&frames.len()), "{}", frames.len());
    }
}

/// Of a run that fails, too: all rows up to the last good state.
#[test]
fn a_failed_run_has_its_rows_up_to_the_last_good_state() {
    for workers in [1, 2] {
        let mut with = observed(1_000, 9);
        with.record("a.csv", 2, &[("frame", FRAME)]);
        let mut program = with.finish();
        for (_, system) in program.systems.iter_mut() {
            system.code = Code::Native("test.panic".into());
        }
        let folder = tempfile::tempdir().unwrap();
        let error = run_with(&program, workers, BINARY, recording(folder.path())).map(|o| o.frames).unwrap_err();
        assert!(matches!(error, RunError::Fault(..)), "{error}");
        assert_eq!(frames_of(&text(folder.path(), "a.csv")), [0, 2, 3]);
    }
}

#[test]
fn an_interrupted_run_has_a_row_of_each_complete_state() {
    for workers in [0, 2] {
        let mut with = observed(100, 50_000_000);
        with.record("a.csv", 1, &[("frame", FRAME)]);
        let program = with.finish();
        let folder = tempfile::tempdir().unwrap();
        // Once: a second signal would come upon the next run.
        let mut told = false;
        let progress = move |progress: diptych::coordinator::Progress| {
            if progress.frames > 2 * RECORD_RING && !std::mem::replace(&mut told, true) {
                kill(std::process::id(), rustix::process::Signal::INT);
            }
        };
        let options = Options { signals: true, progress: Some(Box::new(progress)), ..recording(folder.path()) };
        let outcome = run_with(&program, workers, BINARY, options).unwrap();
        assert_eq!(outcome.stopped, Stopped::Interrupted);
        assert!(outcome.frames > 2 * RECORD_RING);
        assert_eq!(frames_of(&text(folder.path(), "a.csv")), (0..=outcome.frames).collect::<Vec<_>>());
    }
}

/// From outside, while the run goes on: all signals are of one state.
#[test]
fn signals_can_be_read_from_another_process() {
    let mut program = observed(100, 4_000).finish();
    program.scenario = "read-from-outside".into();
    let dt = program.dt;
    let seen = std::rc::Rc::new(std::cell::Cell::new(0));
    let counted = std::rc::Rc::clone(&seen);
    let progress = move |_: diptych::coordinator::Progress| {
        let readers = segments_of(std::process::id()).into_iter().filter_map(|name| Reader::open(&name).ok());
        let Some(reader) = readers.into_iter().find(|r| r.description.scenario == "read-from-outside") else { return };
        let described = &reader.description.signals;
        assert_eq!((described[7].name.as_str(), described[7].dtype.as_str()), ("frame", "<u4"));
        assert_eq!((described[2].name.as_str(), described[2].dtype.as_str()), ("sum", "<f8"));
        for _ in 0..20 {
            let Ok(signals) = reader.signals() else { continue };
            assert_eq!(signals.bits[7], u64::from(signals.frames));
            assert_eq!(signals.bits[8], (f64::from(signals.frames) * dt).to_bits());
            counted.set(counted.get() + 1);
        }
    };
    let options = Options { progress: Some(Box::new(progress)), ..Options::default() };
    run_with(&program, 2, BINARY, options).unwrap();
    assert!(seen.get() > 0, "nothing was read");
}

/// Aggregating, computing signals and filling the ring allocate nothing: the kernel that writes how often its process
/// has allocated writes the same in every frame.
#[test]
fn a_steady_frame_with_outputs_allocates_nothing() {
    let run = |frames: u32| {
        let mut with = observed(20_000, frames);
        with.record("a.csv", 1, &[("sum", SUM)]);
        let mut program = with.finish();
        for (_, system) in program.systems.iter_mut() {
            system.code = Code::Native("test.allocations".into());
        }
        let folder = tempfile::tempdir().unwrap();
        run_with(&program, 1, BINARY, recording(folder.path())).unwrap().digest.content
    };
    assert_eq!(run(20), run(120));
}
