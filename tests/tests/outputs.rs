//! Signals of finished states: what they are, that they do not depend on who computed them, and what is made of them.

use diptych::coordinator::{Options, Outcome, Stopped};
use diptych_protocol::body::Compare;
use diptych_protocol::id::{SignalId, Tick, WorkerId};
use diptych_protocol::limits::{RECORD_RING, REDUCE_ROWS};
use diptych_protocol::message::{Death, Moment};
use diptych_protocol::program::StageKind;
use diptych_protocol::types::{Scalar, Type, Value};
use diptych_tests::outputs::{FRAME, SUM, drift, frames_of, observed, recording, text, when};
use diptych_tests::run_with;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// The order that is promised: rows within a block, then blocks.
fn sum_of(values: impl Iterator<Item = Option<f64>>) -> f64 {
    let all: Vec<Option<f64>> = values.collect();
    let block = |block: &[Option<f64>]| block.iter().flatten().fold(0.0, |sum, x| sum + x);
    all.chunks(REDUCE_ROWS as usize).map(block).fold(0.0, |sum, x| sum + x)
}

fn f64_of(outcome: &Outcome, name: &str) -> f64 {
    match outcome.state.signal(name) {
        Some(Value::F64(x)) => x,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn signals_are_what_the_rows_come_to_at_any_number_of_workers() {
    let mut with = observed(20_000, 5);
    with.record("all.csv", 2, &[("sum", SUM), ("mean", SignalId(3)), ("low", SignalId(4))]);
    let program = with.finish();
    let mut first: Option<(Vec<u64>, String)> = None;
    for workers in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let outcome = run_with(&program, workers, BINARY, recording(folder.path())).unwrap();
        let of = |name| outcome.state.column::<f32>("points", name).unwrap();
        let (x, y, v) = (of("Position.x"), of("Position.y"), of("Velocity.y"));
        let thirds = || x.iter().map(|x| f64::from(*x) / 3.0);
        let sum = sum_of(thirds().map(Some));
        assert!(sum != thirds().sum::<f64>(), "the order of blocks does not show");
        assert_eq!(f64_of(&outcome, "sum").to_bits(), sum.to_bits());
        let left = x.iter().filter(|x| **x < 50.0).count() as f64;
        assert_eq!(f64_of(&outcome, "left"), left);
        assert_eq!(f64_of(&outcome, "all"), 20_000.0);
        let mean = sum_of(x.iter().map(|x| (*x < 50.0).then_some(f64::from(*x)))) / left;
        assert_eq!(f64_of(&outcome, "mean").to_bits(), mean.to_bits());
        assert_eq!(f64_of(&outcome, "low"), f64::from(v.iter().copied().fold(f32::INFINITY, f32::min)));
        assert_eq!(f64_of(&outcome, "high"), f64::from(y.iter().copied().fold(f32::NEG_INFINITY, f32::max)));
        assert_eq!(f64_of(&outcome, "rows"), 20_000.0 * 19_999.0 / 2.0);
        assert_eq!(outcome.state.signal("frame"), Some(Value::U32(5)));
        assert_eq!(outcome.state.signal("time"), Some(Value::F64(5.0 * program.dt)));
        let table = text(folder.path(), "all.csv");
        assert_eq!(frames_of(&table), [0, 2, 4, 5]);
        let last = table.lines().last().unwrap().split(',').nth(2).unwrap().parse::<f64>().unwrap();
        assert_eq!(last.to_bits(), sum.to_bits(), "a number that does not read back");
        let found = (outcome.state.signal_bits(), table);
        assert_eq!(*first.get_or_insert_with(|| found.clone()), found, "{workers} workers");
    }
}

#[test]
fn outputs_change_no_state() {
    let bare = run_with(&drift(9_000, 30), 2, BINARY, Options::default()).unwrap().digest;
    let mut with = observed(9_000, 30);
    with.record("a.csv", 1, &[("sum", SUM)]);
    let program = with.finish();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run_with(&program, 2, BINARY, recording(folder.path())).unwrap().digest, bare);
    let nowhere = tempfile::tempdir().unwrap();
    assert_eq!(run_with(&program, 2, BINARY, Options::default()).unwrap().digest, bare);
    assert_eq!(std::fs::read_dir(nowhere.path()).unwrap().count(), 0);
}

/// Whoever dies where: the same table, the same end.
#[test]
fn a_death_while_a_state_is_aggregated_or_committed_changes_no_row() {
    let mut with = observed(20_000, 9);
    with.record("a.csv", 1, &[("sum", SUM), ("frame", FRAME)]);
    let until = when(&mut with, Compare::Ge, 4);
    with.until(until);
    let program = with.finish();
    let undisturbed = tempfile::tempdir().unwrap();
    let expected = run_with(&program, 0, BINARY, recording(undisturbed.path())).unwrap();
    assert_eq!((expected.stopped, expected.frames), (Stopped::Until, 4));
    for (kind, tick) in [
        (StageKind::Reduce, Tick::SETUP),
        (StageKind::Commit, Tick::SETUP),
        (StageKind::Reduce, Tick(3)),
        (StageKind::Commit, Tick(3)),
        // The state that ends the run.
        (StageKind::Commit, Tick(5)),
    ] {
        for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
            let folder = tempfile::tempdir().unwrap();
            let death = Death { tick, stage: kind, moment };
            let deaths = [0, 1].map(|w| (WorkerId(w), death)).to_vec();
            let options = Options { deaths, ..recording(folder.path()) };
            let outcome = run_with(&program, 2, BINARY, options).unwrap();
            assert!(outcome.worker_deaths >= 1, "{kind:?} {moment:?}: nobody died");
            assert_eq!(outcome.digest, expected.digest, "{kind:?} {moment:?}");
            assert_eq!((outcome.stopped, outcome.frames), (Stopped::Until, 4), "{kind:?} {moment:?}");
            assert_eq!(outcome.state.signal_bits(), expected.state.signal_bits());
            assert_eq!(text(folder.path(), "a.csv"), text(undisturbed.path(), "a.csv"), "{kind:?} {moment:?}");
        }
    }
}

/// Many more states than the ring holds: every due one has its row, and the first and the last have one.
#[test]
fn every_due_state_has_one_row_however_small_the_ring() {
    let frames = 3 * RECORD_RING + 5;
    let mut with = observed(64, frames);
    with.record("one.csv", 1, &[("frame", FRAME), ("sum", SUM)]);
    with.record("seven.csv", 7, &[("frame", FRAME)]);
    with.record("deep/few.csv", 4 * RECORD_RING, &[("frame", FRAME)]);
    let program = with.finish();
    // Apart from the others: a ring of every 21st state.
    let mut with = observed(64, 5 * RECORD_RING);
    with.record("six.csv", 42, &[("frame", FRAME)]);
    with.record("seven.csv", 63, &[("frame", FRAME)]);
    let sparse = with.finish();
    for workers in [0, 1, 2] {
        let folder = tempfile::tempdir().unwrap();
        run_with(&program, workers, BINARY, recording(folder.path())).unwrap();
        let one = text(folder.path(), "one.csv");
        assert_eq!(frames_of(&one), (0..=frames).collect::<Vec<_>>());
        for (frame, line) in one.lines().skip(1).enumerate() {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields[0], fields[2]);
            assert_eq!(fields[1].parse::<f64>().unwrap(), frame as f64 * program.dt);
        }
        assert_eq!(one.lines().next(), Some("frame,time,frame,sum"));
        let mut due: Vec<u32> = (0..=frames).step_by(7).collect();
        assert_ne!(due.last(), Some(&frames));
        due.push(frames);
        assert_eq!(frames_of(&text(folder.path(), "seven.csv")), due);
        assert_eq!(frames_of(&text(folder.path(), "deep/few.csv")), [0, frames]);
        let folder = tempfile::tempdir().unwrap();
        run_with(&sparse, workers, BINARY, recording(folder.path())).unwrap();
        for (name, every) in [("six.csv", 42), ("seven.csv", 63)] {
            let mut due: Vec<u32> = (0..=sparse.frames).step_by(every).collect();
            due.extend((due.last() != Some(&sparse.frames)).then_some(sparse.frames));
            assert_eq!(frames_of(&text(folder.path(), name)), due);
        }
    }
}

#[test]
fn a_run_ends_with_the_first_state_that_until_is_true_in() {
    for (frame, workers) in [(0, 0), (0, 2), (1, 1), (13, 0), (13, 2), (40, 2)] {
        let mut with = observed(2_000, 40);
        let until = when(&mut with, Compare::Ge, frame);
        with.until(until);
        with.record("a.csv", 10, &[("frame", FRAME)]);
        let program = with.finish();
        let folder = tempfile::tempdir().unwrap();
        let outcome = run_with(&program, workers, BINARY, recording(folder.path())).unwrap();
        assert_eq!((outcome.stopped, outcome.frames), (Stopped::Until, frame), "{workers} workers");
        assert_eq!(outcome.state.signal("frame"), Some(Value::U32(frame)));
        let whole = run_with(&drift(2_000, frame), 1, BINARY, Options::default()).unwrap();
        assert_eq!(outcome.digest, whole.digest);
        let mut due: Vec<u32> = (0..=frame).step_by(10).collect();
        due.extend((due.last() != Some(&frame)).then_some(frame));
        assert_eq!(frames_of(&text(folder.path(), "a.csv")), due);
    }
}

#[test]
fn an_ensure_that_fails_ends_the_run_and_is_told() {
    for (frame, workers) in [(0, 0), (0, 2), (7, 0), (7, 2), (7, 3)] {
        let mut with = observed(2_000, 40);
        let always = when(&mut with, Compare::Ge, 0);
        let holds = when(&mut with, Compare::Lt, frame);
        let limit = with.constant(Value::U32(frame));
        let limit = with.signal("limit", Type::scalar(Scalar::U32), limit);
        with.ensure("time begins", always, None);
        with.ensure("it is early", holds, Some((FRAME, limit)));
        // Both in one state: the failure is what is told.
        let until = when(&mut with, Compare::Ge, frame);
        with.until(until);
        let program = with.finish();
        let outcome = run_with(&program, workers, BINARY, Options::default()).unwrap();
        assert_eq!((outcome.stopped, outcome.frames), (Stopped::Ensure, frame));
        assert_eq!((outcome.ensures[0].failed, outcome.ensures[1].failed), (None, Some(frame)));
        let message = outcome.ensures[1].message.clone().unwrap();
        let expected =
            format!("test.dip:1:4: ensure \"it is early\" does not hold at frame {frame}: {frame} against {frame}");
        assert_eq!(message, expected);
        let whole = run_with(&drift(2_000, frame), 1, BINARY, Options::default()).unwrap();
        assert_eq!(outcome.digest, whole.digest);
    }
}
