//! Invariants of matchings: what they pair, who sees it, and when.

use crate::id::{BodyId, ColumnId, MatchingId};
use crate::matching::{MatchPhase, Matching};
use crate::program::{Domain, Program, When, Work};
use crate::types::{Scalar, Type};
use crate::verify::Violation;

/// Checks each matching, and that matched columns name the matching that has them.
pub(super) fn check(program: &Program, violations: &mut Vec<Violation>) {
    for (id, matching) in program.matchings.iter() {
        violations.extend(problem(program, id, matching).map(|what| Violation::Matching(id, what)));
    }
    for (id, column) in program.columns.iter() {
        let sides = column.matched.map(|matching| &program.matchings[matching].sides);
        if sides.is_some_and(|sides| sides.iter().filter(|side| side.partner == id).count() != 1) {
            violations.push(Violation::Column(id, "no side of its matching has it, or more than one"));
        }
    }
}

fn problem(program: &Program, id: MatchingId, matching: &Matching) -> Option<&'static str> {
    for (at, side) in matching.sides.iter().enumerate() {
        let partner = &program.columns[side.partner];
        let refers = |column: ColumnId, to| {
            let column = &program.columns[column];
            column.group == side.group && column.component_type == Type::entity(to)
        };
        let problem = if matching.sides[..at].iter().any(|other| other.group == side.group) {
            "both sides are of one group"
        } else if program.groups[side.group].derived() || program.groups[side.group].order.is_some() {
            "rows that are made anew or moved have no ranks"
        } else if partner.matched != Some(id) || partner.owner.is_some() {
            "its column of partners is another's"
        } else if !refers(side.partner, matching.partners(at)) {
            "its column of partners is no reference of the side to the other"
        } else if side.place.is_some() != matching.meeting.is_some() {
            "both sides say where rows meet, or neither"
        } else if let (Some(place), Some(meeting)) = (side.place, matching.meeting)
            && (!refers(place, meeting.to) || program.columns[place].matched.is_some())
        {
            "where rows meet is no reference of the side"
        } else if let (Some(place), Some(When::Fresh)) = (side.place, matching.meeting.map(|it| it.when))
            && program.columns[place].owner.is_none()
        {
            "where rows meet is fresh, but nobody makes it"
        } else if side.filter.is_some_and(|filter| !gives_a_truth(program, filter)) {
            "its filter is no body that gives one bool"
        } else {
            continue;
        };
        return Some(problem);
    }
    let derived = |to| program.groups[to].derived() || program.groups[to].order.is_some();
    (matching.meeting.is_some_and(|it| derived(it.to))).then_some("rows meet at rows that are made anew or moved")
}

fn gives_a_truth(program: &Program, filter: BodyId) -> bool {
    let body = &program.bodies[filter];
    let results: Vec<Scalar> = body.results.iter().map(|value| body.ops[*value].scalar).collect();
    body.stores.is_empty() && results == [Scalar::Bool]
}

/// What the batches of a phase divide.
pub(super) fn domain(program: &Program, id: MatchingId, phase: MatchPhase) -> Domain {
    match phase {
        MatchPhase::Rank(side) | MatchPhase::Scatter(side) => {
            let group = program.matchings[id].sides[usize::from(side)].group;
            Domain::Rows { group, batch_rows: program.match_shape(id, side).batch_rows }
        }
        MatchPhase::Place => Domain::Once,
        MatchPhase::Sort(side) => Domain::Ranks { matching: id, side },
        MatchPhase::Pair => Domain::Ranks { matching: id, side: 0 },
    }
}

/// Checks that phases stand in order, after what they need, and before who asks.
pub(super) fn schedule(program: &Program, violations: &mut Vec<Violation>) {
    let works = || {
        let stages = program.schedule.frame.iter().enumerate();
        stages.flat_map(|(at, stage)| stage.steps.iter().map(move |step| (at, &program.steps[*step].work)))
    };
    let stage_of = |system| works().find(|(_, work)| work.systems().contains(&system));
    for (id, matching) in program.matchings.iter() {
        let mut found: Vec<(usize, MatchPhase)> = works()
            .filter_map(|(at, work)| match work {
                Work::Match(of, phase) if *of == id => Some((at, *phase)),
                _ => None,
            })
            .collect();
        found.sort_by_key(|(_, phase)| *phase);
        let mut wanted = matching.phases();
        wanted.sort_unstable();
        // Phases of both sides share a stage; those of one stage of the matching end before the next begins.
        let apart = |a: &(usize, MatchPhase), b: &(usize, MatchPhase)| match a.1.stage().cmp(&b.1.stage()) {
            std::cmp::Ordering::Less => a.0 < b.0,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => b.0 < a.0,
        };
        let ordered = found.iter().all(|a| found.iter().all(|b| apart(a, b)));
        if !found.iter().map(|(_, phase)| phase).eq(&wanted) || !ordered {
            violations.push(Violation::MatchPhases(id));
        }
        let first = found.iter().map(|(at, _)| *at).min().unwrap_or(0);
        let last = found.iter().map(|(at, _)| *at).max().unwrap_or(usize::MAX);
        if matching.meeting.is_some_and(|it| it.when == When::Fresh) {
            for place in matching.sides.iter().filter_map(|side| side.place) {
                let owner = program.columns[place].owner.and_then(stage_of);
                if owner.is_none_or(|(at, _)| at >= first) {
                    violations.push(Violation::MatchTooEarly(id, place));
                }
            }
        }
        for (reader, system) in program.systems.iter() {
            let reads = system.reads.iter().any(|read| program.columns[read.column].matched == Some(id));
            if reads && stage_of(reader).is_some_and(|(at, _)| at <= last) {
                violations.push(Violation::MatchAskedTooEarly(reader, id));
            }
        }
    }
}
