//! Histograms, quantiles, births and ends: a sound program with them, and each way to break it.

use crate::body::{At, Body, Op};
use crate::id::{ColumnId, GroupId, ReducedId, ReductionId, StepId};
use crate::limits::TALLY_ROWS;
use crate::program::{
    Bins, Domain, Living, Outputs, Program, Reduce, Reduction, Signal, Span, Stage, StageKind, Step, When, Work,
};
use crate::types::{Scalar, Type};
use crate::verify::{Violation, verify};

const MASS: ColumnId = ColumnId(2);
const HALF: ReductionId = ReductionId(0);
const BINS: ReductionId = ReductionId(1);

/// The median of the masses, and a histogram of them of three bins; the middle one is a signal.
fn with_statistics() -> Program {
    let mut program = super::sound();
    let mut mass = Body::default();
    let read = mass.push(Scalar::F32, Op::Read { column: MASS, when: When::Prev, at: At::Own });
    mass.results = vec![read];
    let body = program.bodies.push(mass);
    let reduction = |how| Reduction { group: GroupId(0), body, filtered: false, how, span: Span::default() };
    program.reductions.push(reduction(Reduce::Quantile { share: 0.5 }));
    program.reductions.push(reduction(Reduce::Histogram(Bins { low: 0.0, high: 9.0, count: 3 })));
    let mut state = Body::default();
    state.results = (0..4).map(|it| state.push(Scalar::F64, Op::Reduced(ReducedId(it)))).collect();
    program.outputs = Outputs { body: Some(program.bodies.push(state)), ..Outputs::default() };
    for name in ["half", "bins[0]", "bins[1]", "bins[2]"] {
        let ty = Type::scalar(Scalar::F64);
        program.signals.push(Signal { name: name.into(), ty, named: true, span: Span::default() });
    }
    for setup in [true, false] {
        let of = |batch_rows| Domain::Rows { group: GroupId(0), batch_rows };
        let mut works = vec![vec![(Work::Reduce(GroupId(0)), of(crate::limits::REDUCE_ROWS))]];
        for digit in 0..3 {
            works.push(vec![(Work::Tally(GroupId(0), digit), of(TALLY_ROWS))]);
            works.push(vec![(Work::Pick(digit), Domain::Once)]);
        }
        for works in works {
            let step = |(work, domain)| program.steps.push(Step { name: String::new(), work, domain });
            let steps = works.into_iter().map(step).collect();
            let stages = if setup { &mut program.schedule.setup } else { &mut program.schedule.frame };
            let last = stages.len() - 1;
            stages.insert(last, Stage { kind: StageKind::Reduce, steps });
        }
    }
    program
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), expected: impl Fn(&Violation) -> bool) {
    let mut program = with_statistics();
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(expected), "{violations:?}");
}

#[test]
fn a_sound_program_with_statistics_passes() {
    assert_eq!(verify(&with_statistics()), Ok(()));
}

#[test]
fn what_reductions_come_to_is_in_range() {
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(|p| p.reductions[BINS].how = Reduce::Histogram(Bins { low: 0.0, high: 9.0, count: 2 }), id);
    broken(|p| p.reductions[BINS].how = Reduce::Sum, id);
}

#[test]
fn bins_shares_and_books_make_sense() {
    let wrong = |v: &Violation| matches!(v, Violation::Reduction(..));
    for (low, high) in [(9.0, 0.0), (1.0, 1.0), (0.0, f64::NAN), (f64::NEG_INFINITY, 0.0), (-1e308, 1e308)] {
        broken(|p| p.reductions[BINS].how = Reduce::Histogram(Bins { low, high, count: 3 }), wrong);
    }
    broken(|p| p.reductions[BINS].how = Reduce::Histogram(Bins { low: 0.0, high: 9.0, count: 1_025 }), wrong);
    let none = |p: &mut Program| {
        p.reductions[BINS].how = Reduce::Histogram(Bins { low: 0.0, high: 9.0, count: 0 });
        let state = p.outputs.body.expect("there is one");
        p.bodies[state].ops.iter_mut().for_each(|(_, typed)| typed.op = Op::Reduced(ReducedId(0)));
    };
    broken(none, wrong);
    for share in [-0.1, 1.1, f64::NAN] {
        broken(|p| p.reductions[HALF].how = Reduce::Quantile { share }, wrong);
    }
    // Of rows that stay, of a value, of some rows.
    broken(|p| p.reductions[HALF].how = Reduce::Births, wrong);
    let names = Living { first: 9, entities: MASS, generations: MASS, directory: MASS };
    broken(
        |p| {
            p.groups[GroupId(0)].living = Some(names);
            p.reductions[HALF].how = Reduce::Ends;
        },
        wrong,
    );
    broken(|p| p.reductions[BINS].filtered = true, wrong);
}

#[test]
fn digits_are_counted_and_found_one_after_another() {
    let work = |p: &Program, wanted: &Work| -> StepId {
        let stages = p.schedule.frame.iter().flat_map(|stage| &stage.steps);
        stages.copied().find(|step| p.steps[*step].work == *wanted).expect("it is there")
    };
    let told = |text: &'static str| {
        move |v: &Violation| {
            matches!(v, Violation::Stage { what, .. } if what.contains(text))
                || matches!(v, Violation::Step(_, what) if what.contains(text))
        }
    };
    let again = |p: &mut Program, wanted: Work, to: Work| {
        let step = work(p, &wanted);
        p.steps[step].work = to;
    };
    let tally = |digit| Work::Tally(GroupId(0), digit);
    broken(|p| again(p, Work::Pick(2), Work::Pick(1)), told("found once"));
    broken(|p| again(p, tally(1), tally(2)), told("counted by each digit once"));
    broken(|p| drop(p.schedule.frame.remove(9)), told("counted by each digit once"));
    broken(|p| drop(p.schedule.setup.remove(3)), told("found once"));
    broken(|p| p.schedule.frame.swap(9, 10), told("before they are found"));
    broken(|p| p.schedule.frame.swap(10, 11), told("before they are found"));
    broken(|p| p.schedule.frame.swap(0, 12), told("right before the commit"));
    // A digit that keys of 32 bits do not have.
    let more = |work: Work, domain: Domain| {
        move |p: &mut Program| {
            let step = p.steps.push(Step { name: String::new(), work, domain });
            let last = p.schedule.frame.len() - 1;
            p.schedule.frame.insert(last, Stage { kind: StageKind::Reduce, steps: vec![step] });
        }
    };
    broken(more(Work::Pick(3), Domain::Once), told("that no quantile has"));
    let rows = Domain::Rows { group: GroupId(0), batch_rows: TALLY_ROWS };
    broken(more(tally(3), rows), told("that no quantile has"));
    broken(
        |p| {
            let step = work(p, &tally(0));
            p.steps[step].domain = Domain::Rows { group: GroupId(0), batch_rows: 64 };
        },
        |v| matches!(v, Violation::Step(..)),
    );
    // Without a quantile nothing is counted.
    broken(|p| p.reductions[HALF].how = Reduce::Mean, told("that no quantile has"));
}
