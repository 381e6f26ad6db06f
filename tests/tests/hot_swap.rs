//! A run goes on with another program: what means the same goes on, and the rest is told.

use std::path::Path;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use diptych::Program;
use diptych::coordinator::{Edition, Options, Outcome, Records, RunError, Swap};
use diptych_protocol::id::{Tick, WorkerId};
use diptych_protocol::inject::{Failure, Injection, Moment};
use diptych_protocol::message::Backend;
use diptych_protocol::program::StageKind;
use diptych_tests::{kill, program, run_with, segments_of, shipped};
use rustix::process::Signal;

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

fn edition(program: &Program) -> Edition {
    Edition { program: program.clone(), data: Vec::new() }
}

fn swaps(all: &[(u32, &Program)]) -> Options {
    let swap = |(frame, program): &(u32, &Program)| Swap { frame: *frame, edition: edition(program) };
    Options { swaps: all.iter().map(swap).collect(), backend: Backend::Interpreter, ..Options::default() }
}

/// Runs a program that goes on with others, at 0 to 3 workers: the same bits each time.
#[track_caller]
fn swapped(first: &Program, others: &[(u32, &Program)]) -> Outcome {
    let outcomes = [0, 1, 2, 3].map(|workers| run_with(first, workers, BINARY, swaps(others)).unwrap());
    let [expected, others @ ..] = outcomes;
    for (outcome, workers) in others.iter().zip(1..) {
        assert_eq!(outcome.digest, expected.digest, "{workers} workers");
        assert_eq!(outcome.state.signal_bits(), expected.state.signal_bits(), "{workers} workers");
        let happened = |of: &Outcome| -> Vec<_> { of.swaps.iter().map(|it| (it.frame, it.report.clone())).collect() };
        assert_eq!(happened(outcome), happened(&expected));
    }
    expected
}

/// What was kept, reset, new and gone in the only swap.
fn report(outcome: &Outcome) -> [Vec<String>; 4] {
    let [swapped] = &outcome.swaps[..] else { panic!("{} swaps", outcome.swaps.len()) };
    let report = swapped.report.clone();
    [report.kept, report.reset, report.new, report.gone]
}

const STEADY: &str = "scenario steps\ncomponent X = f64\ngroup points[5_000] { X = row }\n\
    system step for points owns X { X += 1 }\nsignal total = sum(points: X)\n";

#[test]
fn each_frame_is_run_by_one_program() {
    let first = program(STEADY, &[], 300);
    let second = program(&STEADY.replace("X += 1", "X += 2"), &[], 300);
    let third = program(&STEADY.replace("X += 1", "X *= 3"), &[], 302);
    let outcome = swapped(&first, &[(100, &second), (300 - 1, &third)]);
    let x: Vec<f64> = outcome.state.column("points", "X").unwrap();
    for (row, x) in x.into_iter().enumerate() {
        assert_eq!(x, (row as f64 + 100.0 + 199.0 * 2.0) * 27.0);
    }
    assert_eq!(outcome.frames, 302);
    assert_eq!(outcome.swaps.iter().map(|it| it.frame).collect::<Vec<_>>(), [100, 299]);
    assert_eq!(outcome.swaps[0].report.kept, ["points: X"]);
}

#[test]
fn components_and_groups_are_kept_reset_new_and_gone_by_the_rules() {
    let before = "scenario before\nenum Mood { Calm, Angry }\n\
        component A = f32\ncomponent B = u32\ncomponent C = u8\ncomponent M = Mood\ncomponent Gone = f32\n\
        component To = entity of others\n\
        group rows[100] { A = 1, B = row, C = 7, M = Angry, Gone = 3, To = none }\n\
        group others[10] { A = 5 }\ngroup left[5] { A = 2 }\n\
        system count for rows owns A, B, Gone {\n A += 1\n B += 1\n Gone += 1\n }\n\
        system more for others owns A { A += 1 }\n";
    let after = "scenario after\nenum Mood { Calm, Angry, Glad }\n\
        component A = f32\ncomponent B = i32\ncomponent C = u8\ncomponent M = Mood\ncomponent Fresh = f64\n\
        component To = entity of others\n\
        group rows[100] { A = 100, Fresh = row * 2, B = -1, C = 1, M = Calm, To = none }\n\
        group others[11] { A = 9 }\ngroup added[3] { A = 4 }\n\
        system count for rows owns A { A += 1 }\n\
        system more for others owns A { A += 1 }\n";
    let (before, after) = (program(before, &[], 30), program(after, &[], 30));
    let outcome = swapped(&before, &[(10, &after)]);
    let state = &outcome.state;
    assert_eq!(state.column::<f32>("rows", "A").unwrap(), vec![31.0; 100], "kept, and counted on");
    assert_eq!(state.column::<i32>("rows", "B").unwrap(), vec![-1; 100], "of another type");
    assert_eq!(state.column::<u8>("rows", "C").unwrap(), vec![7; 100], "nobody owns it");
    assert_eq!(state.column::<u8>("rows", "M").unwrap(), vec![1; 100], "an enum with one more variant");
    assert_eq!(state.column::<f32>("others", "A").unwrap(), vec![29.0; 11], "of another size: set up anew");
    assert_eq!(state.column::<f32>("added", "A").unwrap(), vec![4.0; 3]);
    let fresh: Vec<f64> = (0..100).map(|row| f64::from(row) * 2.0).collect();
    assert_eq!(state.column::<f64>("rows", "Fresh").unwrap(), fresh);
    let [kept, reset, new, gone] = report(&outcome);
    assert_eq!(kept, ["rows: A, C, M"]);
    assert_eq!(reset, ["others: it has 11 rows, and had 10"]);
    assert_eq!(new, ["rows.Fresh", "rows.B", "rows.To", "added"]);
    assert_eq!(gone, ["rows.B", "rows.Gone", "rows.To", "left"]);
}

/// Rows that are kept in the order of an index go to where their entities stand if they no longer are, and the other way
/// round; where both programs keep an order, the rows go on in it.
#[test]
fn rows_keep_their_identity_through_row_order() {
    let base = "scenario order\nparam n: u32 = 3_000\nspace torus (0, 0) .. (40, 40)\ncomponent Position = vec2\n\
        component Who = u32\ncomponent Sum = u32\n\
        group points[n] { position Position = uniform(space), Who = row, Sum = row }\n\
        system walk for points owns Position { Position = wrap(Position + polar(uniform(0, TAU), 0.7)) }\n\
        system add for points owns Sum { Sum += 1 }\n";
    let looks = "component Near = u32\nsystem look for points owns Near { Near = count(o in points within 1) }\n";
    let ordered = base.replace("Sum = row }", "Sum = row, Near = 0 }") + looks;
    let marked = ordered.replace("Near = 0 }", "Near = 0, Tag = row }") + "component Tag = u32\n";
    let [still, ordered, marked] = [base, &ordered, &marked].map(|text| program(text, &[], 24));
    let has_order = |program: &Program| program.groups.values().any(|group| group.order.is_some());
    assert_eq!([&still, &ordered, &marked].map(has_order), [false, true, true]);
    let alone = run_with(&still, 1, BINARY, Options::default()).unwrap();
    let expected: Vec<f32> = alone.state.column("points", "Position.x").unwrap();
    for chain in [&[(7, &ordered)][..], &[(7, &ordered), (15, &still)], &[(7, &ordered), (9, &marked), (20, &marked)]] {
        let outcome = swapped(&still, chain);
        let who: Vec<u32> = outcome.state.column("points", "Who").unwrap();
        let x: Vec<f32> = outcome.state.column("points", "Position.x").unwrap();
        let sum: Vec<u32> = outcome.state.column("points", "Sum").unwrap();
        for ((who, x), sum) in who.iter().zip(x).zip(sum) {
            assert_eq!(x.to_bits(), expected[*who as usize].to_bits(), "draws go by entities");
            assert_eq!(sum, *who + 24);
        }
        let moved = who.iter().zip(0..).any(|(who, row)| *who != row);
        assert_eq!(moved, chain.last().is_some_and(|(_, last)| has_order(last)));
        if let Some(tag) = outcome.state.column::<u32>("points", "Tag") {
            assert_eq!(tag, who, "a new column has the blueprint of the entity");
        }
    }
}

const LIVES: &str = "scenario lives\nparam most: u32 = 2_000\ncomponent Age = u32\ncomponent Mother = entity of cells\n\
    group cells[500, max most] { Age = row % 7, Mother = none }\n\
    system live for cells owns Age, Mother {\n\
        if Age > 9 and chance(0.3) { despawn self }\n\
        let full = births > most - 600\n\
        if Age % 5 == 4 and chance(0.5) and not full { spawn cells { Age = 0, Mother = self } }\n\
        Age += 1\n\
        if not alive(Mother) {\n Mother = none\n }\n\
    }\nsignal births = count(cells)\n";

/// With a column more, every row has the blueprint of its entity, whenever it was born; nobody else notices.
#[test]
fn rows_that_come_and_go_keep_their_names_and_new_columns_go_by_them() {
    let plain = program(LIVES, &[], 36);
    let tagged = LIVES
        .replace("Mother = none }", "Mother = none, Tag = row * 3 }")
        .replace("Mother = self }", "Mother = self, Tag = 1 }");
    let tagged = program(&(tagged + "component Tag = u32\n"), &[], 36);
    let alone = run_with(&plain, 2, BINARY, Options::default()).unwrap();
    let column = |of: &Outcome, name: &str| of.state.column::<u32>("cells", name).unwrap();
    let outcome = swapped(&plain, &[(30, &tagged)]);
    for name in ["Age", "Mother.index", "Mother.life", "entity", "entity life"] {
        assert_eq!(column(&outcome, name), column(&alone, name), "{name}");
    }
    let stopped = run_with(&program(LIVES, &[], 30), 1, BINARY, Options::default()).unwrap();
    let old: Vec<(u32, u32)> = column(&stopped, "entity").into_iter().zip(column(&stopped, "entity life")).collect();
    let now = column(&outcome, "entity").into_iter().zip(column(&outcome, "entity life"));
    let mut seen = [0, 0];
    for ((entity, life), tag) in now.zip(column(&outcome, "Tag")) {
        let there = old.contains(&(entity, life)) && tag != 1;
        assert_eq!(tag, if there { entity * 3 } else { 1 }, "entity {entity}, life {life}");
        seen[usize::from(there)] += 1;
    }
    assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
    let back = swapped(&plain, &[(20, &tagged), (32, &plain)]);
    assert_eq!(back.digest, alone.digest);
}

/// Rows that come and go keep names, references and draws through an order that one of the programs keeps, or both.
#[test]
fn rows_that_come_and_go_keep_their_names_through_row_order() {
    let base = LIVES
        .replace("component Age", "space torus (0, 0) .. (40, 40)\ncomponent Position = vec2\ncomponent Age")
        .replace("cells[500, max most] { ", "cells[500, max most] { position Position = uniform(space), ")
        .replace(
            "owns Age, Mother {",
            "owns Age, Mother, Position {\nPosition = wrap(Position + polar(uniform(0, TAU), 1))\n",
        )
        .replace("spawn cells { Age = 0,", "spawn cells { Position = fresh Position, Age = 0,");
    let looks = "component Near = u32\nsystem look for cells owns Near { Near = count(o in cells within 1) }\n";
    let ordered = base.replace("Mother = none }", "Mother = none, Near = 0 }") + looks;
    let tagged = ordered
        .replace("Near = 0 }", "Near = 0, Tag = row * 3 }")
        .replace("Mother = self }", "Mother = self, Tag = 1 }")
        + "component Tag = u32\n";
    let [still, ordered, tagged] = [&base, &ordered, &tagged].map(|text| program(text, &[], 40));
    let has_order = |program: &Program| program.groups.values().any(|group| group.order.is_some());
    assert_eq!([&still, &ordered, &tagged].map(has_order), [false, true, true]);
    // Of each entity what all of the programs have, by name.
    let rows = |of: &Outcome| {
        let column = |name: &str| of.state.column::<u32>("cells", name).unwrap();
        let names = ["entity", "entity life", "Age", "Mother.index", "Mother.life"].map(column);
        let x: Vec<f32> = of.state.column("cells", "Position.x").unwrap();
        let mut rows: Vec<_> = (0..x.len()).map(|at| (names.each_ref().map(|of| of[at]), x[at].to_bits())).collect();
        rows.sort_unstable();
        rows
    };
    let expected = rows(&run_with(&still, 2, BINARY, Options::default()).unwrap());
    assert!(expected.len() > 600, "{} rows", expected.len());
    for chain in [
        &[(7, &ordered)][..],
        &[(7, &ordered), (15, &still)],
        &[(7, &ordered), (9, &tagged), (20, &tagged)],
        &[(7, &ordered), (9, &ordered), (30, &still)],
    ] {
        let outcome = swapped(&still, chain);
        assert_eq!(rows(&outcome), expected);
        let entities: Vec<u32> = outcome.state.column("cells", "entity").unwrap();
        if let Some(tag) = outcome.state.column::<u32>("cells", "Tag") {
            assert!(tag.iter().zip(&entities).all(|(tag, entity)| *tag == 1 || *tag == entity * 3));
        }
    }
}

#[test]
fn a_living_group_may_grow_and_is_made_anew_where_it_has_less_room() {
    let small = program(LIVES, &[("most", "2_000")], 80);
    let large = program(LIVES, &[("most", "5_000")], 80);
    let grown = swapped(&small, &[(20, &large)]);
    assert_eq!(report(&grown)[0], ["cells: Age, Mother"]);
    assert!(grown.agents > 2_000, "{} rows", grown.agents);
    // As if there had been room from the beginning, as long as it was not asked for.
    let early = run_with(&large, 1, BINARY, Options::default()).unwrap();
    let first = swapped(&small, &[(2, &large)]);
    assert_eq!(first.digest.content, early.digest.content);
    let shrunk = swapped(&large, &[(20, &small)]);
    let anew = run_with(&program(LIVES, &[("most", "2_000")], 60), 1, BINARY, Options::default()).unwrap();
    assert_eq!(report(&shrunk)[1], ["cells: it has room for 2000 rows, and had for 5000"]);
    assert!(shrunk.agents > 0 && anew.agents > 0);
}

/// Rows that are not looked at keep their values, and marks say who changed, across a swap in the middle.
#[test]
fn optional_components_and_marks_go_on() {
    let text = std::fs::read_to_string(diptych_tests::scenario("quarantine.dip")).unwrap();
    let first = program(&text, &[("n", "2_000")], 40);
    // Another output is another program.
    let second = program(&(text + "\nsignal one_more = 1.0\n"), &[("n", "2_000")], 40);
    assert_ne!(first.hash(), second.hash());
    let alone = run_with(&first, 1, BINARY, Options::default()).unwrap();
    for frames in [&[1][..], &[7, 8], &[20, 33]] {
        let chain: Vec<(u32, &Program)> = frames.iter().zip([&second, &first]).map(|(f, p)| (*f, p)).collect();
        assert_eq!(swapped(&first, &chain).digest, alone.digest, "at {frames:?}");
    }
}

/// What signals remember goes on, and so does what a frame brought and took; what is new begins.
#[test]
fn what_signals_and_rows_remember_goes_on() {
    let text = LIVES.to_string()
        + "signal slow = lag(births, 5.0)\nsignal born = accumulate(births(cells))\nsignal lost = accumulate(ends(cells))\n\
           signal high = latch(births > 600, births < 500)\n";
    let first = program(&text, &[], 36);
    let second = program(&(text + "signal later = accumulate(1.0)\n"), &[], 36);
    let alone = run_with(&first, 1, BINARY, Options::default()).unwrap();
    for chain in [&[(0, &second)][..], &[(1, &second)], &[(11, &second), (12, &first)], &[(20, &second)]] {
        let outcome = swapped(&first, chain);
        for name in ["slow", "born", "lost", "high"] {
            assert_eq!(outcome.state.signal(name), alone.state.signal(name), "{name}");
        }
        let (frame, last) = chain[chain.len() - 1];
        if last.hash() == second.hash() {
            let all = run_with(&second, 1, BINARY, Options::default()).unwrap();
            let [later, from_the_start] = [&outcome, &all].map(|of| of.state.signal("later").unwrap().as_f64());
            assert_eq!(later, from_the_start - f64::from(frame));
        }
    }
}

/// What a field remembers of each row goes on; with a block more it begins anew, all of it.
/// Whose memory begins anew is told: its name alone would not show it.
#[test]
fn a_report_tells_whose_memory_begins_anew() {
    let text = |block: &str| {
        format!(
            "scenario told\ncomponent X = f64\ngroup points[20] {{ X = row }}\n\
            system step for points owns X {{ X += 1 }}\nsignal m = mean(points: X)\nsignal smooth = {block}\n"
        )
    };
    let (first, second) = (program(&text("lag(m, 9)"), &[], 9), program(&text("slew(m, 2) + accumulate(m)"), &[], 9));
    let [_, _, new, gone] = report(&swapped(&first, &[(4, &second)]));
    assert_eq!(new, ["memory smooth/slew", "memory smooth/accumulate"]);
    assert_eq!(gone, ["memory smooth/lag"]);
}

#[test]
fn what_fields_remember_of_rows_goes_on_or_begins_anew() {
    let text = "scenario fields\ncomponent X = f64\ncomponent Y = f64\ngroup points[200] { X = row, Y = 0 }\n\
        field slow for points = accumulate(Y + X)\n\
        system step for points owns X, Y {\n X += 1\n Y = slow\n }\n";
    let first = program(text, &[], 20);
    let other = program(&format!("{text}signal one_more = 1.0\n"), &[], 20);
    let more = program(&text.replace("accumulate(Y + X)", "accumulate(Y + X) + delay(X)"), &[], 20);
    let column = |of: &Outcome| of.state.column::<f64>("points", "Y").unwrap();
    let alone = run_with(&first, 1, BINARY, Options::default()).unwrap();
    let kept = swapped(&first, &[(9, &other)]);
    assert_eq!(column(&kept), column(&alone));
    let anew = swapped(&first, &[(9, &more)]);
    let [kept, _, new, _] = report(&anew);
    assert_eq!(kept, ["points: X, Y"]);
    assert!(new.contains(&"points.slow".to_string()), "{new:?}");
}

#[test]
fn deaths_of_old_and_new_workers_in_any_stage_change_nothing() {
    let flock = |factor: &str| shipped("churn.dip", &[("n", "3_000"), ("rate", factor)], 12);
    let (first, second) = (flock("0.1"), flock("0.05"));
    let expected = run_with(&first, 0, BINARY, swaps(&[(6, &second)])).unwrap();
    let has = |kind| first.schedule.frame.iter().any(|stage| stage.kind == kind);
    for kind in StageKind::ALL.into_iter().filter(|kind| has(*kind)) {
        for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
            // The frame before the swap, the one after it, and one that the old workers must not begin.
            for tick in [Tick::after_frames(6), Tick::after_frames(7), Tick::after_frames(8)] {
                let injections = vec![Injection::new(Failure::Kill, tick).within(kind).at(moment); 2];
                let outcome = run_with(&first, 2, BINARY, Options { injections, ..swaps(&[(6, &second)]) }).unwrap();
                assert_eq!(outcome.digest, expected.digest, "{} {moment:?} {tick:?}", kind.name());
                assert!(outcome.worker_deaths >= 1, "{} {moment:?} {tick:?}", kind.name());
            }
        }
    }
}

/// Whoever is launched for the new program is killed at once, a few times; so are the old workers, at that moment.
#[test]
fn kills_while_a_swap_is_prepared_change_nothing() {
    let first = program(STEADY, &[], 60);
    let second = program(&STEADY.replace("X += 1", "X += 2"), &[], 60);
    for round in 0..12 {
        // Before the first frame old workers hold nothing when the new ones are launched.
        let frame = if round % 4 == 3 { 0 } else { 30 };
        let expected = run_with(&first, 0, BINARY, swaps(&[(frame, &second)])).unwrap();
        let launched = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&launched);
        let on_launch = move |worker: WorkerId, pid: u32| {
            let mut known = known.lock().unwrap();
            known.push((worker, pid));
            // The first two are the old ones.
            let (count, old) = (known.len(), known[..known.len().min(2)].to_vec());
            match round % 4 {
                0 if (3..6).contains(&count) => kill(pid, Signal::KILL),
                1 if count == 3 => old.iter().for_each(|(_, pid)| kill(*pid, Signal::KILL)),
                2 if count == 4 => known.iter().for_each(|(_, pid)| kill(*pid, Signal::KILL)),
                // It does not leave when it is told to, and is killed then.
                3 if count == 4 => kill(old[0].1, Signal::STOP),
                _ => {}
            }
        };
        let options = Options { on_launch: Some(Box::new(on_launch)), ..swaps(&[(frame, &second)]) };
        let outcome = run_with(&first, 2, BINARY, options).unwrap();
        assert_eq!(outcome.digest, expected.digest, "round {round}");
        assert_eq!(outcome.swaps.len(), 1);
        assert!(outcome.worker_deaths >= 1 || round % 4 == 3, "round {round}: nobody died");
        assert!(launched.lock().unwrap().iter().all(|(_, pid)| !diptych_tests::lives(*pid)), "a worker is left");
    }
}

fn recording(folder: &Path, options: Options) -> Options {
    Options { records: Some(Records::new(folder, false)), ..options }
}

#[test]
fn no_row_of_a_record_is_lost_and_other_columns_begin_another_file() {
    let with = |record: &str| program(&format!("{STEADY}{record}"), &[], 20);
    let first = with("record every 3 to \"a.csv\" { total }\nrecord every 5 to \"ends.csv\" { total }\n");
    let second = with("record every 4 to \"a.csv\" { total }\nrecord every 10 to \"begins.csv\" { total }\n");
    let third = with("record every 5 to \"a.csv\" { total, twice = total * 2 }\nrecord to \"ends.csv\" { total }\n");
    for workers in [0, 1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let options = recording(folder.path(), swaps(&[(7, &second), (14, &third)]));
        let outcome = run_with(&first, workers, BINARY, options).unwrap();
        assert_eq!(outcome.frames, 20);
        let frames = |name: &str| -> Vec<u32> {
            let text = std::fs::read_to_string(folder.path().join(name)).unwrap();
            let rows = text.lines().skip(1).map(|line| line.split(',').map(str::to_string).collect::<Vec<_>>());
            let rows: Vec<Vec<String>> = rows.collect();
            let total = |frame: u32| (5_000.0 * 4_999.0 / 2.0 + 5_000.0 * f64::from(frame)).to_string();
            rows.iter().for_each(|row| assert_eq!(row[2], total(row[0].parse().unwrap()), "{name}"));
            rows.iter().map(|row| row[0].parse().unwrap()).collect()
        };
        assert_eq!(frames("a.csv"), [0, 3, 6, 8, 12, 14]);
        assert_eq!(frames("ends.csv"), [0, 5, 7]);
        assert_eq!(frames("begins.csv"), [7, 10, 14]);
        assert_eq!(frames("a.2.csv"), [14, 15, 20]);
        assert_eq!(frames("ends.2.csv"), [14, 15, 16, 17, 18, 19, 20]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 5);
    }
}

/// What comes while the run goes on, and cannot be gone on with, leaves it as it is: a file in the way, a group too large.
#[test]
fn a_program_that_cannot_be_gone_on_with_leaves_the_run_as_it_is() {
    let first = program(STEADY, &[], 4_000);
    let alone = run_with(&first, 1, BINARY, Options::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.csv"), "precious").unwrap();
    let blocked =
        program(&format!("{STEADY}record to \"new.csv\" {{ total }}\nrecord to \"old.csv\" {{ total }}\n"), &[], 4_000);
    let wide: String = (0..100).map(|at| format!("component V{at} = dvec3\n")).collect();
    let values: Vec<String> = (0..100).map(|at| format!("V{at} = dvec3(0)")).collect();
    // Some 2 TB.
    let huge = format!("{STEADY}{wide}group huge[1_000_000_000] {{ {} }}\n", values.join(", "));
    let huge = program(&huge, &[], 4_000);
    for workers in [0, 2] {
        for (edition_of, word) in [(&blocked, "old.csv exists"), (&huge, "bytes")] {
            let (send, receive) = channel();
            send.send(edition(edition_of)).unwrap();
            let told = Arc::new(Mutex::new(Vec::new()));
            let known = Arc::clone(&told);
            let on_swap = move |what: Result<&diptych::coordinator::Swapped, &RunError>| {
                known.lock().unwrap().push(what.map(|it| it.frame).map_err(ToString::to_string));
            };
            let options = Options { editions: Some(receive), on_swap: Some(Box::new(on_swap)), ..Options::default() };
            let outcome = run_with(&first, workers, BINARY, recording(folder.path(), options)).unwrap();
            assert_eq!(outcome.digest, alone.digest);
            let told = told.lock().unwrap().clone();
            assert!(matches!(&told[..], [Err(why)] if why.contains(word)), "{told:?}");
            assert!(!folder.path().join("new.csv").exists());
        }
    }
    // Where it was planned, the run fails.
    for workers in [0, 2] {
        let failed = run_with(&first, workers, BINARY, swaps(&[(5, &huge)])).map(|outcome| outcome.frames);
        assert!(matches!(failed, Err(RunError::Machine(_))), "{failed:?}");
        let order = run_with(&first, workers, BINARY, swaps(&[(5, &first), (4, &first)])).map(|outcome| outcome.frames);
        assert!(matches!(order, Err(RunError::Swaps(4, 5))), "{order:?}");
    }
}

/// Live, a program is gone on with at the frame that is told afterwards; planned at that frame it gives the same bits.
#[test]
fn a_live_swap_ends_as_a_planned_one_at_its_frame() {
    let first = program(STEADY, &[], 20_000);
    let second = program(&STEADY.replace("X += 1", "X += 2"), &[], 20_000);
    for workers in [0, 1, 2] {
        let (send, receive) = channel();
        send.send(edition(&second)).unwrap();
        let options = Options { editions: Some(receive), ..swaps(&[]) };
        let live = run_with(&first, workers, BINARY, options).unwrap();
        let [swapped] = &live.swaps[..] else { panic!("{} swaps", live.swaps.len()) };
        let planned = run_with(&first, 2, BINARY, swaps(&[(swapped.frame, &second)])).unwrap();
        assert_eq!(planned.digest, live.digest);
    }
    let mine = segments_of(std::process::id());
    println!("{} segments of tests that run beside", mine.len());
}
