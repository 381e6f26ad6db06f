//! Whatever the bytes: the compiler answers, with a program that verifies or with errors that render. It never panics.

mod support;

use diptych::compile::{Settings, compile, params, scenario_line};
use diptych::diagnostic::Severity;
use diptych::source::Source;
use diptych_protocol::verify::verify;
use proptest::prelude::*;
use support::EveryKernel;

/// A scenario with everything in it.
const WHOLE: &str = r#"/// Everything.
scenario the-whole-language
/// how many
param n: u32 = 1_000 in 1 .. 1_000_000
param g: f32 = 6.7e-3
param lively: bool = true
let side = sqrt(n / 2.5)
let half = if lively and not (n < 3) { side / 2 } else { 1.0 }
run { frames = 10, dt = 0.01, seed = 7, workers = cores }
space torus (0, 0) .. (side, side)
component Position = vec2
component Velocity = vec2
component Mass = f32
component Kind = u8
component Exact = dvec3
component Alive = bool
component Pull = vec2
component Hits = u32
component Barycentre = vec2
component Crowd = u32
component Under = entity of soil
group points[n] {
    position Position = uniform(space)
    Velocity = polar(uniform(0, TAU), abs(normal(1, 0.1)))
    Mass = PI * clamp(exponential(2), 0.5, 3) + length(Velocity) % 2.0
    Kind = u8(row % 3)
    Exact = dvec3(uniform(0, 1), 2, Mass)
    Alive = chance(0.5) or row == 0 or Velocity.x >= 0.5
    Pull = normalize(disc(vec2(half), half / 2)) * sign(-Mass)
    Hits = 0
    Crowd = 0
    Under = cell(soil, Position)
}
component Grass = f32
component Here = entity of soil
grid soil[12, 8] {
    edge = outside { Grass = 1, Pull = vec2(0) }
    Grass = cell.x + row
    Pull = centre(self) - centre(soil[row])
    Here = cell(soil, vec2(half, 0))
}
match meet = points where Alive and chance(0.9) with soil where Grass > 1
match trade = points with points at Under
component Ally = entity of points
blueprint friend { Ally = none, Mass = uniform(0, 1) }
group allies[7] of friend
group rivals[9, max 20] of friend { Mass = if self in rivals { 2 } else { Nowhere } }
union others = allies, rivals
system weigh for others owns Mass {
    for x in others where not self in allies or x.Mass > 1 { if x in rivals { let _m = x.Mass } }
    if self in rivals { despawn self }
    Mass = mean(x in others : x.Mass) + f32(others_now)
}
system choose for allies owns Ally { Ally = if alive(Ally) { none } else { points[row] } }
system spread for soil owns Grass, Here {
    let mut most = Here
    for c in soil around 1 where c.Grass > 2 { most = if c.Grass > most.Grass { c } else { most } }
    Grass = mean(c in soil beside 2 : c.Pull.x) + shift(1, -1).Grass + count(p in points by fresh Under)
    Here = if cell.y == 0 { shift(0, 1) } else { most }
}
index tree = kdtree of points { bucket = 32 }
index later = kdtree of fresh points
index cells = grid of fresh points { cell = 0.5 }
group clusters = buckets of tree { Mass, Barycentre }
system sums native "k" for clusters owns Mass, Barycentre reads points.Mass index tree
system near native "k" for points
    owns Pull, Hits
    reads Mass, Position, Kind, Alive, Exact
    fresh clusters.Mass, clusters.Barycentre
    index tree
    with { g = g, dt = dt, on_or_off = lively }
    batch 128
system move native "k" for points owns Position, Velocity reads Velocity fresh Pull fresh others Hits
system crowd for points owns Crowd, Under {
    let met = alive(fresh meet) and pair(fresh trade, chance(0.5)) and fresh trade != none
    Crowd = u32(met) + u32(fresh meet.Grass) + count(x in points within 0.1 of fresh Position) + u32(sample(soil.Grass, Position))
    Under = cell(soil, fresh Position)
}
signal others_now = count(others where Mass > 1) + sum(others: Mass)
system after native "k" for points owns Mass index later
"#;

fn answer(text: &str, sets: Vec<(String, String)>) -> Result<(), TestCaseError> {
    let source = Source { path: "any.dip".into(), text: text.into() };
    scenario_line(&source);
    let _ = params(&source);
    match compile(&source, &Settings { sets, ..Settings::default() }, &EveryKernel) {
        Ok(compiled) => {
            prop_assert!(verify(&compiled.program).is_ok());
            prop_assert!(compiled.warnings.iter().all(|w| w.severity == Severity::Warning));
            compiled.warnings.iter().for_each(|warning| drop(warning.render(&source, true)));
        }
        Err(errors) => {
            prop_assert!(errors.iter().any(|error| error.severity == Severity::Error));
            for error in &errors {
                prop_assert!(error.code != diptych::codes::INTERNAL, "{}", error.message);
                prop_assert!(error.render(&source, false).contains(error.code));
            }
        }
    }
    Ok(())
}

#[test]
fn the_whole_language_compiles() {
    let source = Source { path: "whole.dip".into(), text: WHOLE.into() };
    match compile(&source, &Settings::default(), &EveryKernel) {
        Ok(compiled) => {
            assert_eq!(compiled.warnings, []);
            // Nothing of the machine, of time or of hashing order comes in.
            let again = compile(&source, &Settings::default(), &EveryKernel).expect("it compiled before");
            assert_eq!(again.program.to_bytes(), compiled.program.to_bytes());
        }
        Err(errors) => panic!("{}", diptych::diagnostic::render(&source, &errors, false)),
    }
}

/// Words of the language, in any order.
fn words() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "scenario",
        "param",
        "let",
        "run",
        "space",
        "component",
        "group",
        "index",
        "system",
        "for",
        "in",
        "of",
        "owns",
        "reads",
        "fresh",
        "with",
        "native",
        "if",
        "else",
        "true",
        "not",
        "and",
        "row",
        "enum",
        "entity",
        "fn",
        "mut",
        "signal",
        "ensure",
        "record",
        "every",
        "self",
        "within",
        "by",
        "where",
        "nearest",
        "from",
        "to",
        "until",
        "pair",
        "match",
        "blueprint",
        "union",
        "of b",
        "self in u",
        "at",
        "none",
        "alive(",
        "other",
        "count",
        "sum",
        "argmin",
        "pick",
        "let a =",
        "for x in g {",
        "if x {",
        "} else {",
        "system s for g {",
        "(x in g",
        "position",
        "kdtree",
        "grid of",
        "grid",
        "edge",
        "outside",
        "clamp",
        "around 1",
        "beside",
        "shift(1, 0)",
        "cell",
        "sample",
        "centre",
        "buckets",
        "torus",
        "open",
        "batch",
        "others",
        "uniform",
        "vec2",
        "f32",
        "u32",
        "PI",
        "x",
        "A",
        "g",
        "\"k\"",
        "\"f.csv\"",
        "\"",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        ".",
        "..",
        "=",
        "+=",
        "/=",
        "->",
        "+",
        "-",
        "*",
        "/",
        "%",
        "==",
        "<",
        "!",
        "1",
        "0",
        "1.5",
        "1e-3",
        "99999999999999999999",
        "\n",
        "\n",
        "//",
        "///",
        "é",
        "\u{0}",
        "\t",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn any_text_is_answered(text in ".{0,200}") {
        answer(&text, vec![])?;
        answer(&format!("scenario x\nlet a = {text}"), vec![])?;
    }

    #[test]
    fn any_words_are_answered(text in words()) {
        answer(&format!("scenario x\n{text}"), vec![])?;
        answer(&format!("{WHOLE}\n{text}"), vec![])?;
    }

    #[test]
    fn a_damaged_scenario_is_answered(at in 0usize..WHOLE.len(), cut in 0usize..40, put in words()) {
        let end = (at + cut).min(WHOLE.len());
        answer(&format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]), vec![])?;
        answer(&format!("{}{}", &WHOLE[..at], &WHOLE[end..]), vec![])?;
    }

    #[test]
    fn swapped_lines_are_answered(a in 0usize..60, b in 0usize..60) {
        let mut lines: Vec<&str> = WHOLE.lines().collect();
        let count = lines.len();
        lines.swap(a % count, b % count);
        answer(&lines.join("\n"), vec![])?;
    }

    #[test]
    fn any_value_from_outside_is_answered(name in "[a-z]{1,2}|n", value in ".{0,20}|[0-9.e+-]{1,9}") {
        answer(WHOLE, vec![(name, value)])?;
    }
}
