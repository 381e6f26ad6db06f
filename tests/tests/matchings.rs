//! Matchings in whole runs: who is paired with whom, where, and how likely; the same bits by every back end, at any
//! number of workers, and when workers are killed; nothing is allocated on the way.

use diptych::Program;
use diptych::coordinator::{Options, Outcome};
use diptych_protocol::header::describe;
use diptych_protocol::layout::Layout;
use diptych_protocol::message::Backend;
use diptych_protocol::types::NO_ROW;
use diptych_tests::kills::ends_the_same;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const BACKENDS: [Backend; 2] = [Backend::Interpreter, Backend::Compiled];

fn outcome(program: &Program, backend: Backend, workers: u16) -> Outcome {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}"))
}

fn column(outcome: &Outcome, group: &str, name: &str) -> Vec<u32> {
    outcome.state.column(group, name).unwrap_or_else(|| panic!("no column {group}.{name}"))
}

/// Wolves and sheep that wander over cells, crowded in some; each keeps whom it was matched with, and where it was then.
/// Who takes part is told by components that do not change.
fn herd(wolves: u32, sheep: u32, filters: [&str; 2], at: &str) -> String {
    let group = |name: &str, rows: u32, other: &str| {
        let place = "vec2(exponential(6) % 20, uniform(0, 20))";
        format!(
            "group {name}[{rows}] {{ position P = {place}, Where = cell(soil, P), Stood = none, With{other} = none, Age = row % 7, Crowd = 0 }}\n\
             system move_{name} for {name} owns P, Where {{\n\
             \x20   P = wrap(P + vec2(normal(0, 1), normal(0, 1)))\n\
             \x20   Where = if chance(0.1) {{ none }} else {{ cell(soil, fresh P) }}\n}}\n\
             system crowd_{name} for {name} owns Crowd {{ Crowd = count(x in {name} within 1) + u32(fresh hunt != none) }}\n\
             system keep_{name} for {name} owns With{other}, Stood {{ With{other} = fresh hunt\n Stood = {} }}\n",
            if at.contains("fresh") { "fresh Where" } else { "Where" }
        )
    };
    format!(
        "scenario herd\nspace torus (0, 0) .. (20, 20)\ncomponent P = vec2\ncomponent Where = entity of soil\n\
         component Stood = entity of soil\ncomponent WithWolf = entity of wolves\ncomponent WithSheep = entity of sheep\n\
         component Age = u32\ncomponent Crowd = u32\ncomponent Heat = f32\ngrid soil[15, 15] {{ Heat = 0 }}\n{}{}\
         match hunt = wolves {} with sheep {} {at}\n\
         system warm for soil owns Heat {{ Heat += 1 }}\n",
        group("wolves", wolves, "Sheep"),
        group("sheep", sheep, "Wolf"),
        filters[0],
        filters[1]
    )
}

#[test]
fn each_has_one_partner_who_has_it_as_partner() {
    const FILTERS: [&str; 2] = ["where Age != 3", "where Age > 1"];
    let takes: [fn(u32) -> bool; 2] = [|age| age != 3, |age| age > 1];
    for (wolves, sheep) in [(900, 2_100), (2_100, 900), (1, 700), (700, 1), (1, 1)] {
        for at in ["", "at Where", "at fresh Where"] {
            for filtered in [false, true] {
                let filters = if filtered { FILTERS } else { ["", ""] };
                let found = outcome(&program(&herd(wolves, sheep, filters, at), &[], 4), Backend::Compiled, 0);
                let how = format!("{wolves} wolves, {sheep} sheep, {at}, {filters:?}");
                let [of_wolves, of_sheep] =
                    [("wolves", "WithSheep"), ("sheep", "WithWolf")].map(|(group, name)| column(&found, group, name));
                let stood = ["wolves", "sheep"].map(|group| column(&found, group, "Stood"));
                let ages = ["wolves", "sheep"].map(|group| column(&found, group, "Age"));
                let mut pairs = 0;
                for (wolf, &with) in of_wolves.iter().enumerate().filter(|(_, with)| **with != NO_ROW) {
                    assert_eq!(of_sheep[with as usize], wolf as u32, "{how}");
                    assert!(at.is_empty() || stood[0][wolf] == stood[1][with as usize], "{how}");
                    assert!(!filtered || (takes[0](ages[0][wolf]) && takes[1](ages[1][with as usize])), "{how}");
                    pairs += 1;
                }
                let with = |of: &[u32]| of.iter().filter(|with| **with != NO_ROW).count();
                assert_eq!(with(&of_sheep), pairs, "{how}: who has a partner is its partner");
                // As many as there can be: in each cell, or in all.
                let takes_part = |side: usize, row: usize| !filtered || takes[side](ages[side][row]);
                let mut counts = vec![[0usize; 2]; 15 * 15];
                for side in 0..2 {
                    for (_, &cell) in stood[side].iter().enumerate().filter(|(row, _)| takes_part(side, *row)) {
                        match (at.is_empty(), cell) {
                            (true, _) => counts[0][side] += 1,
                            (false, NO_ROW) => {}
                            (false, cell) => counts[cell as usize][side] += 1,
                        }
                    }
                }
                assert_eq!(pairs, counts.iter().map(|[a, b]| *a.min(b)).sum::<usize>(), "{how}");
                assert!(pairs > 0 || wolves == 1 || sheep == 1, "{how}");
            }
        }
    }
}

#[test]
fn rows_of_one_group_are_paired_two_and_two() {
    for (rows, filter) in
        [(5_000, ""), (4_999, ""), (1, ""), (2, ""), (3_000, "where row % 3 == 0"), (9, "where row > 20")]
    {
        let text = format!(
            "scenario deal\ncomponent With = entity of g\ngroup g[{rows}] {{ With = none }}\n\
             match deal = g {filter} with g\nsystem keep for g owns With {{ With = fresh deal }}\n"
        );
        let found = outcome(&program(&text, &[], 3), Backend::Compiled, 2);
        let with = column(&found, "g", "With");
        let takes = |row: usize| match filter {
            "" => true,
            "where row > 20" => row > 20,
            _ => row.is_multiple_of(3),
        };
        let mut paired = 0;
        for (row, &other) in with.iter().enumerate().filter(|(_, other)| **other != NO_ROW) {
            assert!(with[other as usize] == row as u32 && other as usize != row && takes(row), "{rows} {filter}");
            paired += 1;
        }
        let taking = (0..rows).filter(|row| takes(*row)).count();
        assert_eq!(paired, taking - taking % 2, "{rows} {filter}: at most one sits out");
    }
}

/// Chi-square of counts that should be equal.
fn chi_square(counts: &[u32]) -> f64 {
    let expected = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
    counts.iter().map(|count| (f64::from(*count) - expected) * (f64::from(*count) - expected) / expected).sum()
}

/// That it is within five standard deviations of what it is for equal chances.
#[track_caller]
fn fair(what: &str, counts: &[u32]) {
    let (found, freedom) = (chi_square(counts), counts.len() as f64 - 1.0);
    println!("{what}: chi-square {found:.1}, {freedom} degrees of freedom");
    assert!((found - freedom).abs() < 5.0 * (2.0 * freedom).sqrt(), "{what}: {found} for {freedom}");
}

#[test]
fn each_partner_is_as_likely_as_any_other() {
    // One wolf and four sheep in each cell; who is who by its number.
    let cells = "scenario cells\ncomponent Where = entity of soil\ncomponent Heat = f32\ncomponent Prey = entity of sheep\n\
                 grid soil[150, 200] { Heat = 0 }\n\
                 group wolves[30_000] { Where = soil[row], Prey = none }\ngroup sheep[120_000] { Where = soil[row / 4] }\n\
                 match hunt = wolves with sheep at Where\nsystem eat for wolves owns Prey { Prey = fresh hunt }\n\
                 system warm for soil owns Heat { Heat += 1 }\n";
    let found = outcome(&program(cells, &[], 2), Backend::Compiled, 2);
    let mut counts = [0; 4];
    for (wolf, sheep) in column(&found, "wolves", "Prey").into_iter().enumerate() {
        assert_eq!(sheep as usize / 4, wolf);
        counts[sheep as usize % 4] += 1;
    }
    fair("of four in a cell", &counts);
    // Anywhere: which tenth of the wolves met which tenth of the sheep, three times as many.
    let plain = "scenario plain\ncomponent Prey = entity of sheep\ncomponent Last = entity of sheep\ncomponent Heat = f32\n\
                 group wolves[20_000] { Prey = none, Last = none }\ngroup sheep[60_000] { Heat = 0 }\n\
                 match hunt = wolves with sheep\nsystem eat for wolves owns Prey { Prey = fresh hunt }\n\
                 system keep for wolves owns Last { Last = Prey }\nsystem warm for sheep owns Heat { Heat += 1 }\n";
    let found = outcome(&program(plain, &[], 5), Backend::Compiled, 2);
    let (prey, last) = (column(&found, "wolves", "Prey"), column(&found, "wolves", "Last"));
    let mut counts = [0; 100];
    prey.iter().enumerate().for_each(|(wolf, sheep)| counts[wolf / 2_000 * 10 + *sheep as usize / 6_000] += 1);
    fair("of all", &counts);
    // In the next frame they are others: of 20,000 wolves a third of one meets the same sheep again.
    let again = prey.iter().zip(&last).filter(|(now, before)| now == before).count();
    assert!(again < 6, "{again} met the same again");
    // Of one group: how far apart by number, around a circle.
    let alone = "scenario alone\ncomponent With = entity of g\ngroup g[60_000] { With = none }\n\
                 match deal = g with g\nsystem keep for g owns With { With = fresh deal }\n";
    let found = outcome(&program(alone, &[], 2), Backend::Compiled, 2);
    let mut counts = [0; 50];
    for (row, with) in column(&found, "g", "With").into_iter().enumerate().filter(|(row, with)| (*row as u32) < *with) {
        let apart = with - row as u32;
        counts[(apart.min(60_000 - apart) as usize * 50 / 30_001).min(49)] += 1;
    }
    fair("of one group", &counts);
}

/// All that matchings have: sides with filters that draw and read signals, cells, fresh cells, a group with itself, and
/// draws of both ends. Sums of floats show any other order.
fn everything() -> Program {
    let text = herd(
        1_300,
        2_900,
        ["where Age > mean_age - 3 and chance(0.8)", "where uniform(0, 1) < 0.7"],
        "at fresh Where",
    ) + "component Heart = f32\ncomponent Ring = entity of folk\n\
           group folk[3_001] { Heart = normal(0, 1), Ring = none }\n\
           match date = folk where Heart < 2 with folk\nmatch stray = wolves with folk\n\
           system love for folk owns Heart, Ring {\n\
           \x20   let other = fresh date\n\
           \x20   let coin = pair(other, uniform(-1, 1))\n\
           \x20   Heart = 0.9 * Heart + if alive(other) { other.Heart * 0.05 + coin } else { 0.5 }\n\
           \x20   Ring = if other != none and pair(other, chance(0.5)) { other } else if alive(fresh stray) { Ring } else { none }\n}\n\
           signal mean_age = mean(wolves: f32(Age))\nsignal hearts = sum(folk: Heart)\n";
    program(&text, &[], 7)
}

#[test]
fn matchings_give_the_same_bits_by_every_back_end_at_any_number_of_workers_and_under_kills() {
    let program = everything();
    let expected = outcome(&program, Backend::Interpreter, 0).digest;
    for (backend, workers) in BACKENDS.into_iter().flat_map(|backend| [0, 1, 2, 3, 5].map(|workers| (backend, workers)))
    {
        assert_eq!(outcome(&program, backend, workers).digest, expected, "{}, {workers} workers", backend.name());
    }
    ends_the_same(&program, BINARY, expected, 17, 6);
}

/// Partners are written anew in place, while a reader could be looking.
#[test]
fn partners_are_not_shown_to_readers_from_outside() {
    let program = everything();
    let described = describe(&program, &Layout::new(&program, 1), None);
    let partners: Vec<_> = described.columns.iter().filter(|column| column.panels.is_empty()).collect();
    let names: Vec<&str> = partners.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["hunt", "hunt", "date", "stray", "stray"]);
}

#[test]
fn both_ends_of_a_pair_draw_the_same() {
    let text = "scenario ends\ncomponent With = entity of g\ncomponent A = f32\ncomponent B = f32\ncomponent C = f32\n\
                component D = f32\ncomponent E = f32\n\
                group g[3_001] { With = none, A = 0, B = 0, C = 0 }\ngroup two[2] { D = 0, E = 0 }\n\
                match deal = g with g\n\
                system draw for g owns With, A, B, C {\n    With = fresh deal\n    A = pair(fresh deal, uniform(0, 1))\n\
                \x20   B = pair(fresh deal, normal(0, 1))\n    C = uniform(0, 1)\n}\n\
                system loops for two owns D, E {\n    D = sum(x in two : pair(x, uniform(0, 1)))\n\
                \x20   E = sum(x in two : sum(i in 0 .. 3 : pair(x, uniform(0, 1)) * f32(i + 1)))\n}\n";
    for backend in BACKENDS {
        let found = outcome(&program(text, &[], 3), backend, 2);
        let with = column(&found, "g", "With");
        let [a, b, c] = ["A", "B", "C"].map(|name| found.state.column::<f32>("g", name).unwrap());
        let mut met = 0;
        for (row, &other) in with.iter().enumerate().filter(|(_, other)| **other != NO_ROW) {
            let other = other as usize;
            assert!(a[row] == a[other] && b[row] == b[other], "{row} and {other}");
            // By itself each draws for itself, and two draws are two.
            assert!(c[row] != c[other] && a[row] != c[row] && a[row] != b[row]);
            met += 1;
        }
        assert_eq!(met, 3_000);
        // Pairs draw apart.
        let mut all: Vec<u32> = a.iter().map(|a| a.to_bits()).collect();
        all.sort_unstable();
        all.dedup();
        assert!(all.len() > 1_495, "{} values for 1501 pairs", all.len());
        let [d, e] = ["D", "E"].map(|name| found.state.column::<f32>("two", name).unwrap());
        assert!(d[0] == d[1] && e[0] == e[1] && d[0] > 0.0);
    }
}

#[test]
fn none_refers_to_nobody_who_is_not_alive() {
    let text = "scenario nobody\ncomponent To = entity of g\ncomponent N = u32\ncomponent A = u32\n\
                fn count_of(x: entity of g) -> u32 { if alive(x) { 1 } else { 0 } }\n\
                group g[4] { To = if row == 0 { none } else { g[row + 1] }, N = 7, A = 0 }\n\
                system see for g owns A {\n    let nobody: entity of g = none\n    let never = none\n\
                \x20   A = count_of(To) + if To == none { 10 } else { 0 } + if none != To { 100 } else { 0 } + nobody.N\n\
                \x20       + if To == never { 1000 } else { 0 } + u32(alive(none)) + u32(alive(self))\n}\n";
    for backend in BACKENDS {
        let found = outcome(&program(text, &[], 1), backend, 0);
        // To nobody; to rows 2 and 3; to row 4, which is not there.
        assert_eq!(column(&found, "g", "A"), [1011, 102, 102, 101]);
    }
}

/// In a steady frame a worker allocates nothing: the count that it writes in one frame it still finds in the next. All
/// are matched in every frame, so that nothing else changes.
#[test]
fn a_steady_frame_with_matchings_allocates_nothing() {
    let text = "scenario steady\nspace open 2\ncomponent Position = vec2\ncomponent Where = entity of soil\n\
                component Met = u32\ncomponent Heat = f32\ngrid soil[50, 20] { Heat = 0 }\n\
                group a[5_000] { Where = soil[row % 1_000], Met = 0 }\n\
                group b[5_000] { Where = soil[row % 1_000], Met = 0 }\ngroup counters[64] { Position = vec2(0) }\n\
                match hunt = a where Met < 2 and chance(1) with b at Where\nmatch date = a with a\n\
                system meet for a owns Met { Met = u32(alive(fresh hunt)) + u32(alive(fresh date)) - 1 }\n\
                system counts native \"test.allocations\" for counters owns Position reads Position\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steady.dip");
    std::fs::write(&path, text).unwrap();
    let content = |frames: &str| {
        let arguments = ["run", path.to_str().unwrap(), "--frames", frames, "--workers", "1", "--summary", "json"];
        let output = diptych_tests::command(BINARY, &arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        diptych_tests::summary(&output)["content_hash"].as_str().unwrap().to_string()
    };
    assert_eq!(content("10"), content("60"));
}
