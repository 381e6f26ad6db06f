//! Signals of finished states: what they are, that they do not depend on who computed them, and what is made of them.

use diptych::Program;
use diptych::coordinator::{Options, Outcome, Stopped};
use diptych_protocol::body::Compare;
use diptych_protocol::id::{SignalId, Tick};
use diptych_protocol::inject::{Failure, Injection, Moment};
use diptych_protocol::limits::{RECORD_RING, REDUCE_ROWS};
use diptych_protocol::message::Backend;
use diptych_protocol::program::{Domain, Stage, StageKind, Step, Work};
use diptych_protocol::types::{Scalar, Type, Value};
use diptych_tests::outputs::{FRAME, SUM, drift, frames_of, observed, recording, text, when};
use diptych_tests::{program, run_with};

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
            let kill = Injection::new(Failure::Kill, tick).within(kind).at(moment);
            let injections = vec![kill; 2];
            let options = Options { injections, ..recording(folder.path()) };
            let outcome = run_with(&program, 2, BINARY, options).unwrap();
            assert!(outcome.worker_deaths >= 1, "{kind:?} {moment:?}: nobody died");
            assert_eq!(outcome.digest, expected.digest, "{kind:?} {moment:?}");
            assert_eq!((outcome.stopped, outcome.frames), (Stopped::Until, 4), "{kind:?} {moment:?}");
            assert_eq!(outcome.state.signal_bits(), expected.state.signal_bits());
            assert_eq!(text(folder.path(), "a.csv"), text(undisturbed.path(), "a.csv"), "{kind:?} {moment:?}");
        }
    }
}

/// Sums of all kinds, of what two rules make and of what nobody does; more rows than blocks have.
const SUMS: &str = "
scenario sums
component A = f32
component B = f64
component C = u8
component Mass = f32
group g[150_001] {
    A = normal(0, 1)
    B = 0.1
    C = u8(row % 251)
    Mass = uniform(1, 2)
}
system grow for g owns A, C { 
    A = A * 1.5 + uniform(0, 1)
    C += 7
}
system follow for g owns B { B += fresh A / 3 }
signal sum = sum(g: A)
signal momentum = sum(g: A * Mass)
signal wide = mean(g where A > 0 : B)
signal bytes = sum(g: C)
signal low = min(g: A)
signal high = max(g: B)
signal some = count(g where C > 200 and A < 0)
record every 1 to \"sums.csv\" { sum, momentum, wide, bytes, low, high, some }
";

/// The same program, with the groups that passes aggregate in a stage of their own.
fn apart(program: &Program) -> Program {
    let mut apart = program.clone();
    let mut groups = Vec::new();
    for (_, step) in apart.steps.iter_mut() {
        if let Work::Pass { reduces, .. } = &mut step.work
            && std::mem::take(reduces)
        {
            groups.extend(step.domain.rows(program).map(|(group, _)| group));
        }
    }
    assert!(!groups.is_empty(), "no pass aggregates");
    let step = |group| Step {
        name: "reduce".into(),
        work: Work::Reduce(group),
        domain: Domain::Rows { group, batch_rows: REDUCE_ROWS },
    };
    let steps = groups.into_iter().map(|group| apart.steps.push(step(group))).collect();
    let last = apart.schedule.frame.len() - 1;
    apart.schedule.frame.insert(last, Stage { kind: StageKind::Reduce, steps });
    apart
}

#[test]
fn a_pass_that_aggregates_comes_to_the_bits_of_a_stage_of_its_own() {
    let together = program(SUMS, &[], 5);
    let apart = apart(&together);
    let run = |program: &Program, workers: u16, options: Options| {
        let folder = tempfile::tempdir().unwrap();
        let outcome =
            run_with(program, workers, BINARY, Options { records: recording(folder.path()).records, ..options })
                .unwrap();
        ((outcome.digest, outcome.state.signal_bits(), text(folder.path(), "sums.csv")), outcome.worker_deaths)
    };
    let (expected, _) = run(&apart, 0, Options::default());
    for backend in [Backend::Interpreter, Backend::Compiled] {
        for workers in 0..4 {
            let (found, _) = run(&together, workers, Options { backend, ..Options::default() });
            assert_eq!(found, expected, "{backend:?}, {workers} workers");
        }
    }
    // Whoever dies in the pass: what it has kept is kept again, the same.
    for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
        let kill = Injection::new(Failure::Kill, Tick(4)).within(StageKind::Systems).at(moment);
        let injections = vec![kill; 2];
        let (found, died) = run(&together, 2, Options { injections, ..Options::default() });
        assert!(died >= 1, "{moment:?}: nobody died");
        assert_eq!(found, expected, "{moment:?}");
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
