//! Where the rows of a finished state are aggregated.
//!
//! A stage of their own, before the commit, reads columns from memory again, and is one more meeting. So a group's reductions
//! are computed by the pass that makes the last of the columns that they read, behind the rules, while a batch's rows are in
//! the cache. **The rule:** that pass also reduces, if
//!
//! - the rows of its group stay where they are: they do not come and go, and are not kept in the order of an index;
//! - none of its columns can hold a name of a row that is just born, which becomes a reference behind all systems
//!   ([`diptych_protocol::edits`]);
//! - it goes by rows, and each of its batches has whole blocks of [`REDUCE_ROWS`]: then a block is summed by one batch, in the
//!   order of its rows, and comes to the same bits as it would in a stage of its own.
//!
//! It is cut into such batches where the group has so many rows that it has no fewer batches than its grain aims at. Else the
//! group is aggregated in the stage of its own: all that is small enough for the cache to have it there, too.
//!
//! Quantiles need two stages a digit behind that: one that counts rows, and one that finds the digit, for all of them
//! together. What births and ends have counted needs none.

use std::collections::{BTreeMap, BTreeSet};

use diptych_protocol::id::GroupId;
use diptych_protocol::limits::{Grain, REDUCE_ROWS, TALLY_ROWS};
use diptych_protocol::program::{Domain, Program, Reduction, Stage, StageKind, Step, Work};
use diptych_protocol::reduction::Way;

use super::Node;

/// Of each group with reductions whose rows stay where they are: the level whose pass over it makes the last of the columns
/// that they read, if frames make any.
pub(super) fn finished(program: &Program, order: &[(Node, u32)]) -> BTreeMap<GroupId, u32> {
    let levels: BTreeMap<Node, u32> = order.iter().copied().collect();
    let mut finished = BTreeMap::new();
    let stays = |group: GroupId| {
        !program.groups[group].rows_move() && diptych_protocol::edits::holders_of(program, group).is_empty()
    };
    for reduction in by_blocks(program).filter(|it| stays(it.group)) {
        let owners = program.bodies[reduction.body].columns().filter_map(|column| program.columns[column].owner);
        for level in owners.filter_map(|owner| levels.get(&Node::System(owner))) {
            let last = finished.entry(reduction.group).or_insert(*level);
            *last = (*level).max(*last);
        }
    }
    finished
}

/// Rows of a batch of a pass over so many rows that finishes what reductions read.
pub(super) fn whole_blocks(grain: Grain, rows: u32) -> u32 {
    let batch_rows = grain.batch_rows(rows);
    if rows / REDUCE_ROWS < grain.batches {
        return batch_rows;
    }
    (batch_rows / REDUCE_ROWS).max(1) * REDUCE_ROWS
}

/// Whether a pass with this domain that finishes what reductions read can aggregate it.
pub(super) fn can_reduce(domain: Domain) -> bool {
    matches!(domain, Domain::Rows { batch_rows, .. } if batch_rows % REDUCE_ROWS == 0)
}

/// Aggregates every group that has reductions, and that no pass of these stages does; then finds quantiles, digit by digit.
pub(super) fn stages(program: &mut Program, before: &[Stage]) -> Vec<Stage> {
    let mut groups: BTreeSet<GroupId> = by_blocks(program).map(|reduction| reduction.group).collect();
    for step in before.iter().flat_map(|stage| &stage.steps).map(|step| &program.steps[*step]) {
        if let (Work::Pass { reduces: true, .. }, Some((group, _))) = (&step.work, step.domain.rows(program)) {
            groups.remove(&group);
        }
    }
    let reduce = |group: &GroupId| Step {
        name: format!("{} reduce", program.groups[*group].name),
        work: Work::Reduce(*group),
        domain: Domain::Rows { group: *group, batch_rows: REDUCE_ROWS },
    };
    // Rows are counted by the first digit beside it.
    let mut works: Vec<Vec<Step>> = vec![groups.iter().map(reduce).collect()];
    for digit in 0..program.digits(None) as u8 {
        let has = |group: &GroupId| program.digits(Some(*group)) > u32::from(digit);
        let tally = |group: GroupId| Step {
            name: format!("{} tally {}", program.groups[group].name, digit + 1),
            work: Work::Tally(group, digit),
            domain: Domain::Rows { group, batch_rows: TALLY_ROWS },
        };
        let tallies = program.groups.ids().filter(has).map(tally);
        if digit == 0 {
            works[0].extend(tallies)
        } else {
            works.push(tallies.collect())
        }
        works.push(vec![Step { name: format!("pick {}", digit + 1), work: Work::Pick(digit), domain: Domain::Once }]);
    }
    works.retain(|steps| !steps.is_empty());
    let stage = |steps: Vec<Step>| Stage {
        kind: StageKind::Reduce,
        steps: steps.into_iter().map(|step| program.steps.push(step)).collect(),
    };
    works.into_iter().map(stage).collect()
}

fn by_blocks(program: &Program) -> impl Iterator<Item = &Reduction> {
    program.reductions.values().filter(|reduction| reduction.how.way() == Way::Blocks)
}
