//! Invariants of reductions, and of where they stand in the schedule.

use std::collections::BTreeSet;

use crate::edits::holders_of;
use crate::id::{GroupId, ReductionId, StepId, SystemId};
use crate::limits::REDUCE_ROWS;
use crate::program::{Domain, Program, Reduce, Reduction, Stage, StageKind, Work};
use crate::reduction::Way;
use crate::types::Scalar;
use crate::verify::Violation;
use crate::verify::schedule::Places;

/// Checks each by itself.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, reduction) in program.reductions.iter() {
        violations.extend(problem(program, reduction).map(|what| Violation::Reduction(id, what)));
    }
}

fn problem(program: &Program, reduction: &Reduction) -> Option<&'static str> {
    let body = &program.bodies[reduction.body];
    let values = usize::from(reduction.how.takes_value()) + usize::from(reduction.filtered);
    let condition = body.results.last().map(|value| body.ops[*value].scalar);
    if body.results.len() != values || (reduction.filtered && condition != Some(Scalar::Bool)) {
        return Some("its body gives something else than a value and a condition");
    }
    if program.groups[reduction.group].derived() {
        return Some("rows of a derived group do not last to the end of a frame");
    }
    let holds = match reduction.how {
        Reduce::Histogram(bins) => bins.make_sense(),
        Reduce::Quantile { share } => (0.0..=1.0).contains(&share),
        Reduce::Births | Reduce::Ends => program.groups[reduction.group].living.is_some() && !reduction.filtered,
        _ => true,
    };
    (!holds).then_some("bins, a share, or births and ends that make no sense")
}

fn by_blocks(program: &Program) -> impl Iterator<Item = &Reduction> {
    program.reductions.values().filter(|reduction| reduction.how.way() == Way::Blocks)
}

/// Reductions are of the finished state: their stages are the last before the commit, or a pass has made by then what they
/// read. Digits are found one after another.
pub(super) fn scheduled(program: &Program, places: &Places, violations: &mut Vec<Violation>) {
    let wanted: BTreeSet<GroupId> = by_blocks(program).map(|reduction| reduction.group).collect();
    for (tick, stages) in [("set-up", &program.schedule.setup), ("frame", &program.schedule.frame)] {
        let mut found = Vec::new();
        for (at, stage) in stages.iter().enumerate() {
            for step in &stage.steps {
                match program.steps[*step].work {
                    Work::Reduce(group) => found.push(group),
                    Work::Pass { reduces: true, .. } => {
                        found.extend(program.steps[*step].domain.rows(program).map(|(group, _)| group));
                        let what = problem_of_reducing(program, places, (at, *step));
                        violations.extend(what.map(|what| Violation::Step(*step, what)));
                    }
                    _ => {}
                }
            }
        }
        found.sort_unstable();
        let mut problems = Vec::new();
        if !found.iter().eq(&wanted) {
            problems.push((0, "each group with reductions is aggregated once"));
        }
        let first = stages.iter().position(|stage| stage.kind == StageKind::Reduce).unwrap_or(stages.len());
        let late = stages.iter().rposition(|stage| !matches!(stage.kind, StageKind::Reduce | StageKind::Commit));
        if let Some(late) = late.filter(|late| *late > first) {
            problems.push((late, "groups are aggregated right before the commit"));
        }
        problems.extend(problem_of_digits(program, stages).map(|what| (first, what)));
        violations.extend(problems.into_iter().map(|(stage, what)| Violation::Stage { tick, stage, what }));
    }
}

/// Whether the digits of quantiles are counted and found, each once, one after another.
fn problem_of_digits(program: &Program, stages: &[Stage]) -> Option<&'static str> {
    let works = || {
        let numbered = stages.iter().enumerate();
        numbered.flat_map(|(at, stage)| stage.steps.iter().map(move |step| (at, &program.steps[*step].work)))
    };
    let places = |wanted: Work| works().filter(move |(_, work)| **work == wanted).map(|(at, _)| at);
    let digits = program.digits(None) as u8;
    let (mut tallies, mut found) = (0, None);
    for digit in 0..digits {
        let counted: BTreeSet<GroupId> = counted(program, digit).collect();
        tallies += counted.len();
        let mut picks = places(Work::Pick(digit));
        let (Some(pick), None) = (picks.next(), picks.next()) else {
            return Some("each digit of quantiles is found once");
        };
        for group in counted {
            let mut all = places(Work::Tally(group, digit));
            let (Some(tally), None) = (all.next(), all.next()) else {
                return Some("each group with quantiles is counted by each digit once");
            };
            if tally >= pick || found.is_some_and(|found| found >= tally) {
                return Some("digits are counted before they are found, and behind those above them");
            }
        }
        found = Some(pick);
    }
    let all = works().filter(|(_, work)| matches!(work, Work::Tally(..) | Work::Pick(_))).count();
    (all != tallies + usize::from(digits)).then_some("a digit is counted or found that no quantile has")
}

/// The groups whose rows are counted by a digit, some of them several times.
fn counted(program: &Program, digit: u8) -> impl Iterator<Item = GroupId> {
    let has = move |id: ReductionId| program.keys(id).is_some_and(|keys| keys.digits() > u32::from(digit));
    program.reductions.iter().filter(move |(id, _)| has(*id)).map(|(_, reduction)| reduction.group)
}

/// Whether the batches of a pass may aggregate their rows.
fn problem_of_reducing(program: &Program, places: &Places, (at, step): (usize, StepId)) -> Option<&'static str> {
    let Domain::Rows { group, batch_rows } = program.steps[step].domain else {
        return Some("a pass that aggregates goes by rows");
    };
    if program.groups[group].rows_move() {
        return Some("rows that a pass aggregates stay where they are");
    }
    if !holders_of(program, group).is_empty() {
        return Some("names of rows that are just born are not aggregated");
    }
    if batch_rows % REDUCE_ROWS != 0 {
        return Some("each batch of a pass that aggregates has whole blocks");
    }
    let made = |owner: SystemId| {
        let place = places.systems.get(&owner).and_then(|all| all.first());
        place.is_some_and(|place| place.0 < at || place.1 == step)
    };
    let own = by_blocks(program).filter(|reduction| reduction.group == group);
    let mut owners = own
        .flat_map(|reduction| program.bodies[reduction.body].columns())
        .filter_map(|column| program.columns[column].owner);
    (!owners.all(made)).then_some("a pass aggregates what is made later")
}
