//! Which pass aggregates its group's rows, and when a stage of its own does.

mod support;

use diptych::Program;
use diptych::compile::{Settings, compile};
use diptych::source::Source;
use diptych_protocol::id::GroupId;
use diptych_protocol::limits::REDUCE_ROWS;
use diptych_protocol::program::{Domain, StageKind, Work};
use support::EveryKernel;

#[track_caller]
fn compiled(text: &str) -> Program {
    let source = Source { path: "test.dip".into(), text: format!("scenario test\n{text}") };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => compiled.program,
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// The passes of a frame that aggregate, as the names of their systems and the rows of a batch; and the groups that a stage
/// of its own aggregates.
fn reducing(text: &str) -> (Vec<(String, u32)>, Vec<String>) {
    let program = compiled(text);
    let steps = || program.schedule.frame.iter().flat_map(|stage| &stage.steps).map(|step| &program.steps[*step]);
    let passes = steps().filter(|step| matches!(step.work, Work::Pass { reduces: true, .. }));
    let passes = passes.map(|step| match step.domain {
        Domain::Rows { batch_rows, .. } => (step.name.clone(), batch_rows),
        other => panic!("{} goes by {other:?}", step.name),
    });
    let groups = steps().filter_map(|step| match step.work {
        Work::Reduce(group) => Some(program.groups[group].name.clone()),
        _ => None,
    });
    let found = (passes.collect(), groups.collect::<Vec<_>>());
    let stages = program.schedule.frame.iter().filter(|stage| stage.kind == StageKind::Reduce).count();
    assert_eq!(stages, usize::from(!found.1.is_empty()));
    found
}

/// Two columns that one pass makes, and one that nobody does; a group of few rows.
fn two(rows: &str, clause: &str, signals: &str) -> String {
    format!(
        "component A = f32\ncomponent B = f32\ncomponent C = f32\n\
         group g[{rows}] {{ A = row, B = 0, C = 1 }}\n\
         system a for g owns A {clause} {{ A += 1 }}\n\
         system b for g owns B {clause} {{ B = A * 2 }}\n\
         component D = f32\ngroup h[9] {{ D = 0 }}\nsystem d for h owns D {{ D += 1 }}\n{signals}"
    )
}

fn pass(name: &str, batch_rows: u32) -> (String, u32) {
    (name.into(), batch_rows)
}

#[test]
fn the_pass_that_makes_the_last_of_what_is_read_aggregates() {
    let none: Vec<String> = Vec::new();
    let of = |rows, signals| reducing(&two(rows, "", signals));
    // A frame's state is whole in one pass: where batches are whole blocks it aggregates.
    assert_eq!(of("1_000_000", "signal s = sum(g: A) + sum(g: C)"), (vec![pass("a + b", 16_384)], none.clone()));
    // 131,072 rows are sixteen blocks.
    assert_eq!(of("131_072", "signal s = sum(g: A)"), (vec![pass("a + b", 8_192)], none.clone()));
    assert_eq!(of("200_000", "signal s = sum(g: A)"), (vec![pass("a + b", 8_192)], none.clone()));
    let stage = || vec!["g".to_string()];
    assert_eq!(of("100_000", "signal s = sum(g: A)"), (vec![], stage()));
    // What no frame makes, and what has no value at all.
    assert_eq!(of("1_000_000", "signal s = sum(g: C) + count(g)"), (vec![], stage()));
    // Each group for itself.
    let both = "signal s = sum(g: A) + sum(h: D)";
    assert_eq!(of("1_000_000", both), (vec![pass("a + b", 16_384)], vec!["h".to_string()]));
    assert_eq!(of("1_000_000", ""), (vec![], none));
}

#[test]
fn the_last_of_several_passes_aggregates() {
    let text = |signal: &str| {
        format!(
            "component A = f32\ncomponent B = f32\n\
             grid g[1_024, 1_024] {{ A = 1, B = 1 }}\n\
             system a for g owns A {{ A += 1 }}\n\
             system b for g owns B {{ B = sum(c in g around 1 : fresh c.A) }}\n{signal}"
        )
    };
    assert_eq!(reducing(&text("signal s = sum(g: A) + sum(g: B)")).0, [pass("b", 16_384)]);
    assert_eq!(reducing(&text("signal s = sum(g: A)")).0, [pass("a", 16_384)]);
}

#[test]
fn batches_that_the_scenario_cuts_otherwise_aggregate_nothing() {
    let of = |clause: &str| reducing(&two("1_000_000", clause, "signal s = sum(g: A)"));
    assert_eq!(of("batch 4_096"), (vec![], vec!["g".to_string()]));
    assert_eq!(of("batch 24_576"), (vec![pass("a + b", 3 * REDUCE_ROWS)], vec![]));
    assert_eq!(of("batch 8_256"), (vec![], vec!["g".to_string()]));
}

#[test]
fn rows_that_move_are_aggregated_when_they_stand() {
    let living = "component A = f32\ngroup g[1_000_000, max 2_000_000] { A = row }\n\
                  system a for g owns A batch 8_192 { A += 1\n if fresh A > 9 { despawn self } }\nsignal s = sum(g: A)";
    assert_eq!(reducing(living), (vec![], vec!["g".to_string()]));
    let ordered = "space torus (0, 0) .. (9, 9)\ncomponent P = vec2\ncomponent N = u32\n\
                   group g[1_000_000] { position P = uniform(space)\n N = 0 }\n\
                   system look for g owns N batch 8_192 { N = count(x in g within 0.01) }\n\
                   system move for g owns P batch 8_192 { P = wrap(P + vec2(0.1, 0)) }\nsignal s = sum(g: N)";
    let program = compiled(ordered);
    assert!(program.groups.values().any(|group| group.order.is_some()));
    assert_eq!(reducing(ordered), (vec![], vec!["g".to_string()]));
}

/// What a rule keeps of a row that is just born is a name, and becomes a reference behind all passes.
#[test]
fn names_of_newborn_rows_are_not_aggregated_before_they_are_references() {
    let text = "component Age = u32\ncomponent Child = entity of birds\n\
         group birds[10, max 1_000] { Age = row, Child = none }\n\
         group nests[1_000_000] { Age = 0, Child = none }\n\
         system lay for nests owns Child, Age { Age += 1\n let mut child = Child\n\
         if row == 7 { child = spawn birds { Age = 0 } }\n Child = child }\n\
         system grow for birds owns Age { Age += 1 }\n\
         signal empty = count(nests where Child == none)";
    assert_eq!(reducing(text), (vec![], vec!["nests".to_string()]));
    let program = compiled(text);
    let mut broken = program.clone();
    for (_, step) in broken.steps.iter_mut() {
        if let Work::Pass { reduces, .. } = &mut step.work
            && step.name == "lay"
        {
            *reduces = true;
        }
    }
    let violations = diptych_protocol::verify::verify(&broken).err().unwrap_or_default();
    let told = violations.iter().any(|it| it.to_string().contains("names of rows that are just born"));
    assert!(told, "{violations:?}");
}

/// The digits of all quantiles are found together, the first beside what is aggregated by blocks.
#[test]
fn quantiles_share_their_stages_and_nobody_else_has_any() {
    let works = |signals: &str| -> Vec<Vec<Work>> {
        let text = format!(
            "component A = f32\ncomponent N = u8\ncomponent W = f64\n\
             group g[100_000] {{ A = row, N = 1, W = 2 }}\ngroup h[100, max 200] {{ N = 0 }}\n\
             system a for g owns A {{ A += 1 }}\n{signals}"
        );
        let program = compiled(&text);
        let reduce = program.schedule.frame.iter().filter(|stage| stage.kind == StageKind::Reduce);
        reduce.map(|stage| stage.steps.iter().map(|step| program.steps[*step].work.clone()).collect()).collect()
    };
    let (g, h) = (GroupId(0), GroupId(1));
    assert!(works("signal s = births(h) + ends(h)").is_empty());
    assert_eq!(works("signal s = mean(g: A)"), [[Work::Reduce(g)]]);
    assert_eq!(works("signal s = median(g: N)"), [[Work::Tally(g, 0)], [Work::Pick(0)]]);
    let several =
        works("signal s = median(g: N) + quantile(g: A, 0.1) + quantile(g: A, 0.9) + median(h: N) + count(h)");
    let first = vec![Work::Reduce(h), Work::Tally(g, 0), Work::Tally(h, 0)];
    let tally = |digit| vec![Work::Tally(g, digit)];
    let pick = |digit| vec![Work::Pick(digit)];
    assert_eq!(several, [first, pick(0), tally(1), pick(1), tally(2), pick(2)]);
    assert_eq!(works("signal s = median(g: W)").len(), 12);
}
