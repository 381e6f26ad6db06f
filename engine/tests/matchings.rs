//! Matchings: what a scenario's become in the program, and what the verifier asks of them.

#![allow(clippy::expect_used, reason = "what is not as expected fails the test")]

mod support;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::body::{At, Binary, Op};
use diptych_protocol::id::{BodyId, ColumnId, GroupId, Id, InverseId, MatchingId, StepId, SystemId, ValueId};
use diptych_protocol::matching::{MatchPhase, Meeting, Side};
use diptych_protocol::program::{
    Code, Domain, Inverse, Order, Origin, Program, Reach, Read, Span, StageKind, When, Work,
};
use diptych_protocol::types::{Scalar, Type};
use diptych_protocol::verify::{Violation, verify};
use support::EveryKernel;

const HUNT: MatchingId = MatchingId(0);
const WOLVES: GroupId = GroupId(1);
const SHEEP: GroupId = GroupId(2);

#[track_caller]
fn compiled(text: &str) -> Program {
    let source = Source { path: "test.dip".into(), text: format!("scenario test\n{text}") };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// Wolves that meet sheep in cells, where each side says who takes part.
fn world(at: &str) -> Program {
    compiled(&format!(
        "space torus (0, 0) .. (30, 30)\ncomponent P = vec2\ncomponent Where = entity of soil\ncomponent Full = f32\n\
         component Prey = entity of sheep\n\
         grid soil[10, 10] {{ Full = 0 }}\n\
         group wolves[1_000] {{ position P = uniform(space), Where = cell(soil, P), Full = row, Prey = none }}\n\
         group sheep[3_000] {{ position P = uniform(space), Where = cell(soil, P), Full = row }}\n\
         match hunt = wolves where Full > 3 and chance(0.9) with sheep where row > 2 {at}\n\
         system walk for wolves owns P, Where {{ P = wrap(P + vec2(1, 0))\n Where = cell(soil, fresh P) }}\n\
         system flee for sheep owns P, Where {{ P = wrap(P + vec2(0, 1))\n Where = cell(soil, fresh P) }}\n\
         system eat for wolves owns Full, Prey {{ Full += fresh hunt.Full\n Prey = fresh hunt }}\n\
         system count for sheep owns Full {{ Full = if alive(fresh hunt) {{ 0 }} else {{ Full }} }}\n"
    ))
}

fn sound() -> Program {
    world("at Where")
}

fn stage_of(program: &Program, is: impl Fn(&Work) -> bool) -> usize {
    let has = |step: &StepId| is(&program.steps[*step].work);
    program.schedule.frame.iter().position(|stage| stage.steps.iter().any(has)).expect("a stage")
}

fn system(program: &Program, name: &str) -> SystemId {
    program.systems.iter().find(|(_, system)| system.name == name).expect("a system").0
}

#[test]
fn partners_are_columns_of_their_own_that_nobody_owns() {
    let program = sound();
    let matching = &program.matchings[HUNT];
    assert_eq!((matching.name.as_str(), matching.sides.len()), ("hunt", 2));
    for (side, group, to) in [(&matching.sides[0], WOLVES, SHEEP), (&matching.sides[1], SHEEP, WOLVES)] {
        let column = &program.columns[side.partner];
        assert_eq!((side.group, column.group, column.component.as_str()), (group, group, "hunt"));
        assert_eq!((column.component_type, column.owner), (Type::entity(to), None));
        assert_eq!((column.matched, column.panels()), (Some(HUNT), 1));
        assert!(side.filter.is_some() && side.place.is_some());
    }
    assert_ne!(matching.sides[0].site, matching.sides[1].site, "sides are ranked apart");
    let eat = &program.systems[system(&program, "eat")];
    let read = Read { column: matching.sides[0].partner, when: When::Fresh, reach: Reach::Own };
    assert!(eat.reads.contains(&read), "{:?}", eat.reads);
    // No blueprint makes it.
    let Origin::Blueprint(made) = program.groups[WOLVES].origin else { panic!("derived") };
    assert!(program.bodies[made].stores.iter().all(|store| program.columns[store.column].matched.is_none()));
}

#[test]
fn phases_stand_in_stages_of_their_own_before_who_reads_and_after_who_moves() {
    for (at, meeting) in [
        ("", None),
        ("at Where", Some(Meeting { to: GroupId(0), when: When::Prev })),
        ("at fresh Where", Some(Meeting { to: GroupId(0), when: When::Fresh })),
    ] {
        let program = world(at);
        let matching = &program.matchings[HUNT];
        assert_eq!(matching.meeting, meeting);
        let stages: Vec<usize> = (matching.phases().into_iter())
            .map(|phase| stage_of(&program, |work| *work == Work::Match(HUNT, phase)))
            .collect();
        let first = stages[0];
        // Passes of systems may stand between.
        let mut all = stages.clone();
        all.dedup();
        let place = |stage: &usize| all.iter().position(|it| it == stage);
        assert_eq!(stages.iter().map(place).collect::<Vec<_>>(), [0, 0, 1, 2, 2, 3, 3, 4].map(Some), "{at}");
        assert!(all.is_sorted(), "{at}");
        let pass = |name: &str| {
            let id = system(&program, name);
            stage_of(&program, |work| work.systems().contains(&id))
        };
        assert!(pass("eat") > all[4] && pass("count") > all[4], "{at}");
        // What is fresh is waited for, else nobody waits.
        let fresh = meeting.is_some_and(|meeting| meeting.when == When::Fresh);
        assert_eq!(pass("walk").max(pass("flee")) < first, fresh, "{at}");
    }
}

#[test]
fn rows_that_are_matched_stay_where_they_are() {
    let text = |item: &str| {
        format!(
            "space torus (0, 0) .. (30, 30)\ncomponent P = vec2\ncomponent A = u32\n\
             group g[1_000] {{ position P = uniform(space), A = 0 }}\n{item}\n\
             system look for g owns A {{ A = count(x in g within 1){} }}",
            if item.is_empty() { "" } else { " + u32(alive(fresh deal))" }
        )
    };
    assert!(compiled(&text("")).groups[GroupId(0)].order.is_some());
    let program = compiled(&text("match deal = g with g"));
    assert_eq!(program.groups[GroupId(0)].order, None);
    assert_eq!(program.matchings[HUNT].sides.len(), 1);
}

#[test]
fn a_pair_draws_as_its_lower_and_its_higher_row() {
    let program = compiled(
        "component A = f32\ngroup g[100] { A = 0 }\nmatch deal = g with g\n\
         system s for g owns A { A = pair(fresh deal, uniform(0, 1)) }",
    );
    let Code::Body(body) = program.systems[SystemId(0)].code else { panic!("no body") };
    let ops = &program.bodies[body].ops;
    let Some(Op::Draw { entity, turn, .. }) =
        ops.values().map(|typed| typed.op).find(|op| matches!(op, Op::Draw { .. }))
    else {
        panic!("no draw")
    };
    let partner = |value: ValueId| matches!(ops[value].op, Op::Read { when: When::Fresh, at: At::Own, .. });
    for (value, wanted) in [(entity, Binary::Min), (turn, Binary::Max)] {
        let Op::Binary(op, row, other) = ops[value].op else { panic!("{:?}", ops[value]) };
        assert_eq!(op, wanted);
        assert!(ops[row].op == Op::Row && partner(other));
    }
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), expected: impl Fn(&Violation) -> bool) {
    let mut program = sound();
    assert_eq!(verify(&program), Ok(()));
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(expected), "{violations:?}");
}

fn side(p: &mut Program, number: usize) -> &mut Side {
    &mut p.matchings[HUNT].sides[number]
}

fn partner(p: &Program, number: usize) -> ColumnId {
    p.matchings[HUNT].sides[number].partner
}

fn step(p: &mut Program, phase: MatchPhase) -> StepId {
    p.steps.iter().find(|(_, step)| step.work == Work::Match(HUNT, phase)).expect("a step").0
}

#[test]
fn ids_of_matchings_are_in_range() {
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(|p| side(p, 0).group = GroupId(9), id);
    broken(|p| side(p, 0).partner = ColumnId(99), id);
    broken(|p| side(p, 1).place = Some(ColumnId(99)), id);
    broken(|p| side(p, 1).filter = Some(BodyId(99)), id);
    broken(|p| p.matchings[HUNT].meeting = Some(Meeting { to: GroupId(9), when: When::Prev }), id);
    broken(|p| p.columns[ColumnId(0)].matched = Some(MatchingId(9)), id);
    for work in [MatchingId(9), HUNT].map(|of| Work::Match(of, MatchPhase::Rank(if of == HUNT { 2 } else { 0 }))) {
        broken(
            |p| {
                let at = step(p, MatchPhase::Rank(0));
                p.steps[at].work = work;
            },
            id,
        );
    }
    for domain in [Domain::Ranks { matching: MatchingId(9), side: 0 }, Domain::Ranks { matching: HUNT, side: 2 }] {
        broken(
            |p| {
                let at = step(p, MatchPhase::Pair);
                p.steps[at].domain = domain;
            },
            id,
        );
    }
}

#[test]
fn a_matching_has_one_side_or_two_of_groups_whose_rows_stay() {
    let wrong = |v: &Violation| matches!(v, Violation::Matching(..));
    broken(|p| p.matchings[HUNT].sides.clear(), wrong);
    broken(
        |p| {
            let third = side(p, 0).clone();
            p.matchings[HUNT].sides.push(third);
        },
        wrong,
    );
    broken(
        |p| {
            let again = side(p, 0).clone();
            p.matchings[HUNT].sides[1] = again;
        },
        wrong,
    );
    let order = |p: &mut Program, group| {
        let entities = partner(p, 0);
        p.groups[group].order = Some(Order { index: Id::new(0), entities });
    };
    let indexed = |p: &mut Program| {
        let of = compiled(
            "space torus (0, 0) .. (30, 30)\ncomponent P = vec2\ncomponent A = u32\n\
             group g[100] { position P = uniform(space), A = 0 }\n\
             system s for g owns A { A = count(x in g within 1) }",
        );
        p.indexes.push(of.indexes[Id::new(0)].clone());
    };
    for group in [WOLVES, GroupId(0)] {
        broken(
            |p| {
                indexed(p);
                order(p, group);
            },
            wrong,
        );
        broken(
            |p| {
                indexed(p);
                p.groups[group].origin = Origin::Buckets(Id::new(0));
            },
            wrong,
        );
    }
}

#[test]
fn each_side_has_a_column_of_partners_of_its_own() {
    let wrong = |v: &Violation| matches!(v, Violation::Matching(..));
    broken(
        |p| {
            let other = partner(p, 1);
            side(p, 0).partner = other;
        },
        wrong,
    );
    broken(
        |p| {
            let at = partner(p, 0);
            p.columns[at].matched = None;
        },
        wrong,
    );
    broken(
        |p| {
            let at = partner(p, 0);
            p.columns[at].owner = Some(SystemId(0));
        },
        wrong,
    );
    broken(
        |p| {
            let at = partner(p, 0);
            p.columns[at].component_type = Type::entity(WOLVES);
        },
        wrong,
    );
    broken(|p| p.columns[ColumnId(0)].matched = Some(HUNT), |v| matches!(v, Violation::Column(..)));
}

#[test]
fn rows_meet_by_references_of_both_sides_to_one_group() {
    let wrong = |v: &Violation| matches!(v, Violation::Matching(..));
    broken(|p| side(p, 1).place = None, wrong);
    broken(|p| p.matchings[HUNT].meeting = None, wrong);
    broken(|p| p.matchings[HUNT].meeting = Some(Meeting { to: SHEEP, when: When::Prev }), wrong);
    broken(
        |p| {
            let other = side(p, 1).place;
            side(p, 0).place = other;
        },
        wrong,
    );
    broken(
        |p| {
            let at = side(p, 0).partner;
            side(p, 0).place = Some(at);
            p.matchings[HUNT].meeting = Some(Meeting { to: SHEEP, when: When::Prev });
        },
        wrong,
    );
    broken(
        |p| {
            p.matchings[HUNT].meeting = Some(Meeting { to: GroupId(0), when: When::Fresh });
            let at = side(p, 0).place.expect("a place");
            p.columns[at].owner = None;
        },
        wrong,
    );
}

#[test]
fn a_filter_gives_a_bool_of_the_own_row_as_the_frame_started_from_it() {
    let wrong = |v: &Violation| matches!(v, Violation::Matching(..));
    let filter = |p: &mut Program| side(p, 1).filter.expect("a filter");
    broken(
        |p| {
            let body = filter(p);
            p.bodies[body].results.clear();
        },
        wrong,
    );
    broken(
        |p| {
            let body = filter(p);
            p.bodies[body].results[0] = ValueId(0);
        },
        wrong,
    );
    broken(
        |p| {
            let Code::Body(body) = p.systems[SystemId(0)].code else { panic!("no body") };
            side(p, 0).filter = Some(body);
        },
        wrong,
    );
    let uses = |v: &Violation| matches!(v, Violation::Op(..));
    let add = |p: &mut Program, column: ColumnId, when, at: fn(ValueId) -> At| {
        let body = filter(p);
        let scalar = p.columns[column].scalar;
        let body = &mut p.bodies[body];
        let row = body.push(Scalar::U32, Op::Row);
        body.push(scalar, Op::Read { column, when, at: at(row) });
    };
    let [wolf, sheep] = [WOLVES, SHEEP].map(|group| sound().column(group, "Full", 0).expect("a column"));
    broken(|p| add(p, wolf, When::Prev, |_| At::Own), uses);
    broken(|p| add(p, sheep, When::Fresh, |_| At::Own), uses);
    broken(|p| add(p, sheep, When::Prev, At::Row), uses);
    broken(
        |p| {
            let at = partner(p, 1);
            add(p, at, When::Prev, |_| At::Own);
        },
        uses,
    );
    // The same read of the own row is right.
    let mut program = sound();
    add(&mut program, sheep, When::Prev, |_| At::Own);
    assert_eq!(verify(&program), Ok(()));
}

#[test]
fn partners_are_read_fresh_of_the_own_row_and_by_nothing_else() {
    let eat = system(&sound(), "eat");
    let read = |v: &Violation| matches!(v, Violation::Read(..));
    let change = |p: &mut Program, when, reach| {
        let column = partner(p, 0);
        let found = p.systems[eat].reads.iter_mut().find(|read| read.column == column).expect("a read");
        (found.when, found.reach) = (when, reach);
    };
    broken(|p| change(p, When::Prev, Reach::Own), read);
    broken(|p| change(p, When::Fresh, Reach::Any), read);
    // `prev` of the own row needs no declaration: it is refused where it is read.
    let body = |p: &Program| match p.systems[eat].code {
        Code::Body(body) => body,
        _ => panic!("no body"),
    };
    broken(
        |p| {
            let (body, column) = (body(p), partner(p, 0));
            p.bodies[body].push(Scalar::U32, Op::Read { column, when: When::Prev, at: At::Own });
        },
        |v| matches!(v, Violation::Op(..)),
    );
    for when in [When::Prev, When::Fresh] {
        broken(
            |p| {
                let (column, span) = (partner(p, 0), Span::default());
                p.inverses.push(Inverse {
                    name: "i".into(),
                    group: WOLVES,
                    column,
                    lives: None,
                    when,
                    to: SHEEP,
                    span,
                });
            },
            |v| matches!(v, Violation::Inverse(InverseId(0), _)),
        );
    }
    // No blueprint stores it.
    broken(
        |p| {
            let Origin::Blueprint(made) = p.groups[WOLVES].origin else { panic!("derived") };
            let mut store = p.bodies[made].stores[0];
            store.column = partner(p, 0);
            p.bodies[made].stores.push(store);
        },
        |v| matches!(v, Violation::Store(..)),
    );
}

#[test]
fn phases_stand_in_order_and_divide_what_they_are_about() {
    let phases = |v: &Violation| matches!(v, Violation::MatchPhases(_));
    let all = [MatchPhase::Rank(0), MatchPhase::Place, MatchPhase::Scatter(0), MatchPhase::Sort(0), MatchPhase::Pair];
    let stages = all.map(|phase| stage_of(&sound(), |work| *work == Work::Match(HUNT, phase)));
    for two in stages.windows(2) {
        broken(|p| p.schedule.frame.swap(two[0], two[1]), phases);
    }
    broken(
        |p| {
            let at = step(p, MatchPhase::Sort(1));
            p.steps[at].work = Work::Match(HUNT, MatchPhase::Sort(0));
        },
        phases,
    );
    let domain = |v: &Violation| matches!(v, Violation::Step(..));
    for (phase, change) in [
        (MatchPhase::Rank(0), Domain::Rows { group: SHEEP, batch_rows: 64 }),
        (MatchPhase::Rank(0), Domain::Rows { group: WOLVES, batch_rows: 64 }),
        (MatchPhase::Scatter(1), Domain::Once),
        (MatchPhase::Place, Domain::Ranks { matching: HUNT, side: 0 }),
        (MatchPhase::Sort(1), Domain::Ranks { matching: HUNT, side: 0 }),
        (MatchPhase::Pair, Domain::Ranks { matching: HUNT, side: 1 }),
    ] {
        broken(
            |p| {
                let at = step(p, phase);
                p.steps[at].domain = change;
            },
            domain,
        );
    }
    // Steps of both sides may share a stage, but a matching is no pass.
    broken(|p| p.schedule.frame[stages[0]].kind = StageKind::Systems, |v| matches!(v, Violation::Stage { .. }));
}

#[test]
fn a_matching_waits_for_where_rows_meet_and_who_reads_it_for_the_matching() {
    broken(
        |p| p.matchings[HUNT].meeting = Some(Meeting { to: GroupId(0), when: When::Fresh }),
        |v| matches!(v, Violation::MatchTooEarly(..)),
    );
    broken(
        |p| {
            let eat = system(p, "eat");
            let pass = stage_of(p, |work| work.systems().contains(&eat));
            let pair = stage_of(p, |work| *work == Work::Match(HUNT, MatchPhase::Pair));
            p.schedule.frame.swap(pass, pair);
        },
        |v| matches!(v, Violation::MatchAskedTooEarly(..)),
    );
}

#[test]
fn where_a_match_is_written_changes_no_bit() {
    let mut moved = sound();
    moved.matchings[HUNT].span = Span { start: 7, end: 9 };
    assert_eq!(moved.hash(), sound().hash());
    moved.matchings[HUNT].sides[0].site += 1;
    assert_ne!(moved.hash(), sound().hash());
}
