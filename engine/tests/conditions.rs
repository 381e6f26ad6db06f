//! Rows that a system is for, what comes and goes of them, and what changed: what a scenario's become in the program, and
//! what the verifier asks of them.

#![allow(clippy::expect_used, reason = "what is not as expected fails the test")]

mod support;

use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::body::{At, Op};
use diptych_protocol::id::{BodyId, ColumnId, Id, SystemId};
use diptych_protocol::program::{Code, Program, Reach, Read, When};
use diptych_protocol::types::Scalar;
use diptych_protocol::verify::{Violation, verify};
use support::EveryKernel;

#[track_caller]
fn compiled(text: &str) -> Program {
    let source = Source { path: "test.dip".into(), text: format!("scenario test\n{text}") };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// Fever that people catch and lose; who has it is counted by a system for those who have, and one for whom it changed.
fn sound() -> Program {
    compiled(
        "component Fever = f32\ncomponent Age = u32\ncomponent Seen = u32\n\
         group people[100] { Age = row, optional Fever = 38 where Age > 60, Seen = 0 }\n\
         system catch for people without Fever { if chance(0.1) { add Fever = 38 } }\n\
         system lose for people with Fever { if chance(0.1) { remove Fever } }\n\
         system rise for people with Fever where Age > 3 owns Fever { Fever += 0.1 }\n\
         system age for people where chance(0.1) owns Age { Age ?= Age + 1 }\n\
         system see for people changed Fever, Age owns Seen { Seen += 1 }\n",
    )
}

fn system(program: &Program, name: &str) -> SystemId {
    program.systems.iter().find(|(_, system)| system.name == name).expect("a system").0
}

fn column(program: &Program, name: &str) -> ColumnId {
    program.columns.iter().find(|(_, column)| column.name() == name).expect("a column").0
}

fn names(program: &Program, columns: &[ColumnId]) -> Vec<String> {
    columns.iter().map(|column| program.columns[*column].name()).collect()
}

#[test]
fn what_comes_and_goes_is_put_together_by_a_system_of_its_own() {
    let program = sound();
    let puts = system(&program, "Fever of people comes and goes");
    let owned = names(&program, &program.systems[puts].owns);
    assert_eq!(owned, ["has Fever", "Fever", "changed Fever"]);
    for name in
        ["made Fever", "made changed Fever", "catch adds has Fever", "catch adds Fever", "lose removes has Fever"]
    {
        let draft = &program.columns[column(&program, name)];
        assert!(draft.draft && !draft.is_kept() && draft.panels() == 1, "{name}");
    }
    assert_eq!(names(&program, &program.systems[system(&program, "rise")].owns), ["made Fever", "made changed Fever"]);
    // Who reads it fresh sees what its owner made of it, and waits for nothing else.
    let fresh = compiled(
        "component Fever = f32\ncomponent Hot = bool\ngroup people[100] { optional Fever = 38, Hot = false }\n\
         system rise for people owns Fever { Fever += 0.1 }\n\
         system cure for people owns Hot { Hot = fresh Fever > 40\n if fresh Hot { remove Fever } }\n",
    );
    let made = column(&fresh, "made Fever");
    let read = Read { column: made, when: When::Fresh, reach: Reach::Own };
    assert!(fresh.systems[system(&fresh, "cure")].reads.contains(&read));
}

#[test]
fn a_component_that_nobody_adds_or_removes_needs_no_drafts() {
    let program = compiled(
        "component Fever = f32\ngroup people[100] { optional Fever = 38 where chance(0.5) }\n\
         system rise for people owns Fever { Fever += 0.1 }\nsignal ill = count(people where has(Fever))\n",
    );
    assert!(program.columns.values().all(|column| !column.draft));
    assert_eq!(program.systems.len(), 1);
    assert_eq!(program.columns[column(&program, "has Fever")].owner, None);
}

#[test]
fn marks_are_kept_of_what_is_asked_about_alone() {
    let text = |asks: &str| {
        format!(
            "component A = {{ x: f32, y: f32 }}\ncomponent B = f32\ngroup g[10] {{ A = A(1, 2), B = 0 }}\n\
             system a for g owns A {{ A.x += 1 }}\nsystem b for g owns B {{ B += A.x + A.y }}\n{asks}"
        )
    };
    let marks = |text: String| {
        let program = compiled(&text);
        let marks = program.columns.iter().filter(|(_, column)| column.mark);
        marks.map(|(id, _)| program.columns[id].name()).collect::<Vec<_>>()
    };
    assert!(marks(text("")).is_empty());
    assert_eq!(marks(text("signal n = count(g where changed(A))")), ["changed A.x", "changed A.y"]);
    assert_eq!(marks(text("signal n = count(g where changed(B))")), ["changed B"]);
}

#[test]
fn a_condition_is_a_body_of_the_own_row_and_drafts_are_made_of_all() {
    let program = sound();
    for (name, only) in [("catch", false), ("lose", false), ("rise", false), ("age", true), ("see", true)] {
        assert_eq!(program.systems[system(&program, name)].only.is_some(), only, "{name}");
    }
    let only = program.systems[system(&program, "see")].only.expect("a condition");
    let read: Vec<String> = (program.bodies[only].ops.values())
        .filter_map(|typed| match typed.op {
            Op::Read { column, when: When::Prev, at: At::Own } => Some(program.columns[column].name()),
            _ => None,
        })
        .collect();
    assert_eq!(read, ["changed Fever", "changed Age"]);
}

#[track_caller]
fn broken(change: impl FnOnce(&mut Program), expected: impl Fn(&Violation) -> bool) {
    let mut program = sound();
    assert_eq!(verify(&program), Ok(()));
    change(&mut program);
    let violations = verify(&program).expect_err("it is broken");
    assert!(violations.iter().any(expected), "{violations:?}");
}

#[test]
fn a_draft_is_what_a_system_makes_and_nobody_reads_of_prev() {
    let wrong = |v: &Violation| matches!(v, Violation::Column(..));
    broken(
        |p| {
            let draft = column(p, "made Fever");
            p.columns[draft].owner = None;
        },
        wrong,
    );
    broken(
        |p| {
            let puts = system(p, "Fever of people comes and goes");
            let draft = column(p, "made Fever");
            p.systems[puts].reads.push(Read { column: draft, when: When::Prev, reach: Reach::Own });
        },
        |v| matches!(v, Violation::Read(..)),
    );
    broken(
        |p| {
            let puts = system(p, "Fever of people comes and goes");
            let Code::Body(body) = p.systems[puts].code else { return };
            for (_, typed) in p.bodies[body].ops.iter_mut() {
                if let Op::Read { when, .. } = &mut typed.op {
                    *when = When::Prev;
                }
            }
        },
        |v| matches!(v, Violation::Op(..)),
    );
    // What a blueprint stores is part of the state.
    broken(
        |p| {
            let age = column(p, "Age");
            p.columns[age].draft = true;
        },
        |v| matches!(v, Violation::Store(..)),
    );
}

#[test]
fn a_mark_is_a_truth_value_that_somebody_makes() {
    for change in [
        (|p: &mut Program| {
            let mark = column(p, "changed Age");
            p.columns[mark].owner = None;
        }) as fn(&mut Program),
        |p| {
            let age = column(p, "Age");
            p.columns[age].mark = true;
        },
    ] {
        broken(change, |v| matches!(v, Violation::Column(..)));
    }
}

#[test]
fn a_condition_gives_one_truth_value_of_the_own_row_and_is_of_text() {
    let only = |p: &Program| p.systems[system(p, "see")].only.expect("a condition");
    let body = |v: &Violation| matches!(v, Violation::Body(..));
    broken(
        |p| {
            let only = only(p);
            p.bodies[only].results.clear();
        },
        body,
    );
    broken(
        |p| {
            let only = only(p);
            let wide = p.bodies[only].push(Scalar::F32, Op::Const(diptych_protocol::types::Value::F32(1.0)));
            p.bodies[only].results = vec![wide];
        },
        body,
    );
    broken(
        |p| {
            let (only, age) = (only(p), column(p, "Age"));
            let row = p.bodies[only].push(Scalar::U32, Op::Const(diptych_protocol::types::Value::U32(1)));
            p.bodies[only].push(Scalar::U32, Op::Read { column: age, when: When::Prev, at: At::Row(row) });
        },
        body,
    );
    let id = |v: &Violation| matches!(v, Violation::Id { .. });
    broken(
        |p| {
            let see = system(p, "see");
            p.systems[see].only = Some(BodyId::new(999));
        },
        id,
    );
    for (name, code) in [("see", true), ("catch", false)] {
        broken(
            |p| {
                let (only, at) = (only(p), system(p, name));
                p.systems[at].only = Some(only);
                if code {
                    p.systems[at].code = Code::Native("k".into());
                }
            },
            |v| matches!(v, Violation::Only(_)),
        );
    }
}

#[test]
fn lowering_says_the_same_whatever_was_compiled_before() {
    assert_eq!(sound().hash(), sound().hash());
}
