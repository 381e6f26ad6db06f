//! Groups of one blueprint, and rules over unions of groups: they come to what the same world comes to where each group
//! and each rule is written out, bit for bit; each group draws its own; the same bits by every back end, at any number
//! of workers, and when workers are killed.

use diptych::Program;
use diptych::coordinator::{Options, Outcome};
use diptych_protocol::message::Backend;
use diptych_tests::kills::ends_the_same;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");
const GROUPS: [&str; 3] = ["red", "blue", "green"];

const HEADER: &str = "scenario armies
param n: u32 = 600
space torus (0, 0) .. (20, 20)
component Position = vec2
component Health = f32
component Weight = f64
component Kind = u8
component Near = u32
component Seen = f32
component Span = f32
component Told = bool
component Gold = u32
system die for blue { if Health < 0.05 { despawn self } }
system breed for blue { if row % 40 == frame { spawn blue { Weight = 7 } } }
signal spread = most - least
";

/// By one blueprint and one union.
const WRITTEN_ONCE: &str = "
blueprint soldier {
    position Position = uniform(space)
    Health = uniform(0, 1)
    Weight = 1 + Health
    Kind = if self in blue { 2 } else { 1 }
    Near = 0
    Seen = 0
    Span = 0
    Told = false
}
group red[n] of soldier { Health = 0.5 * uniform(0, 1), Gold = row }
group blue[n / 2, max n] of soldier
group green[n / 3] of soldier { Kind = 3 }
union armies = red, blue, green
system look for armies owns Near, Seen, Span, Told {
    let mut gold: u32 = 0, mut harm = 0.0
    for x in armies within 1.5 where x.Health > 0.1 {
        harm += x.Health * distance(x)
        if x in red { gold += x.Gold }
    }
    let others = mean(x in armies within 2 where x.Kind != Kind : x.Health)
    Near = gold + count(x in armies within 1.5)
    Seen = if any(x in armies within 2 where x.Kind != Kind) { harm + others } else { harm }
    Span = max(x in armies : x.Health) - min(x in armies within 1 : x.Health) + sum(x in armies within 1 : x.Health)
    Told = all(x in armies within 1 : x.Health < 0.9) and any(x in armies within 1 where x in blue or x.Kind == 1)
}
system fade for armies owns Health {
    if self in red {
        Health = if Gold > 300 { Health } else { 0.9 * Health }
    } else {
        Health = 0.8 * Health + if fresh Told { 0.1 } else { 0 }
    }
}
signal all_rows = count(armies)
signal hurt = count(x in armies where x.Health < 0.3 and not x in green)
signal total = sum(armies: Health)
signal average = mean(armies: Weight)
signal middle = mean(x in armies where x in red or x.Kind == 2 : x.Position)
signal least = min(armies: Health)
signal most = max(armies: Health)
signal well = any(armies: Health > 0.99)
signal alive = all(armies: Health > 0)
";

/// The same, group by group.
fn written_out() -> String {
    let group = |head: &str, health: &str, kind: &str, gold: &str| {
        format!(
            "group {head} {{
    position Position = uniform(space)
    Health = {health}
    Weight = 1 + Health
    Kind = {kind}
    Near = 0
    Seen = 0
    Span = 0
    Told = false
    {gold}
}}
"
        )
    };
    let mut text = group("red[n]", "0.5 * uniform(0, 1)", "1", "Gold = row")
        + &group("blue[n / 2, max n]", "uniform(0, 1)", "2", "")
        + &group("green[n / 3]", "uniform(0, 1)", "3", "");
    let each = |loops: &dyn Fn(&str) -> String| GROUPS.map(loops).concat();
    let joined = |of: &dyn Fn(&str) -> String, with: &str| GROUPS.map(of).join(with);
    let look = each(&|g| {
        let gold = if g == "red" { "gold += x.Gold" } else { "" };
        format!("for x in {g} within 1.5 where x.Health > 0.1 {{\n harm += x.Health * distance(x)\n {gold}\n}}\n")
    });
    let others =
        each(&|g| format!("for x in {g} within 2 where x.Kind != Kind {{\n others += x.Health\n met += 1\n }}\n"));
    let near = joined(&|g| format!("count(x in {g} within 1.5)"), " + ");
    let sum = each(&|g| format!("for x in {g} within 1 {{ sum += x.Health }}\n"));
    let [most, least] = [("max", ""), ("min", "within 1")].map(|(fold, query)| {
        let [red, blue, green] = GROUPS.map(|g| format!("{fold}(x in {g} {query} : x.Health)"));
        format!("{fold}({fold}({red}, {blue}), {green})")
    });
    let all = joined(&|g| format!("all(x in {g} within 1 : x.Health < 0.9)"), " and ");
    let any = "any(x in red within 1 where x.Kind == 1) or any(x in blue within 1) or any(x in green within 1 where x.Kind == 1)";
    for g in GROUPS {
        let fade = match g {
            "red" => "if Gold > 300 { Health } else { 0.9 * Health }",
            _ => "0.8 * Health + if fresh Told { 0.1 } else { 0 }",
        };
        text += &format!(
            "system look_{g} for {g} owns Near, Seen, Span, Told {{
    let mut gold: u32 = 0, mut harm = 0.0, mut others = 0.0, mut met: u32 = 0, mut sum = 0.0
    {look}{others}{sum}
    Near = gold + {near}
    Seen = if met > 0 {{ harm + others / f32(met) }} else {{ harm }}
    Span = {most} - {least} + sum
    Told = ({all}) and ({any})
}}
system fade_{g} for {g} owns Health {{ Health = {fade} }}
"
        );
    }
    let [count, total, weight] = ["count(G)", "sum(G: Health)", "sum(G: Weight)"]
        .map(|of| GROUPS.map(|g| of.replace('G', g).replace(&format!("{g}old"), "Gold")).join(" + "));
    text + &format!(
        "signal all_rows = {count}
signal hurt = count(red where Health < 0.3) + count(blue where Health < 0.3)
signal total = {total}
signal average = ({weight}) / f64({count})
signal middle = (sum(red: Position) + sum(x in blue where x.Kind == 2 : x.Position) + sum(x in green where x.Kind == 2 : x.Position))
    / f64(count(red) + count(blue where Kind == 2) + count(green where Kind == 2))
signal least = min(min(min(red: Health), min(blue: Health)), min(green: Health))
signal most = max(max(max(red: Health), max(blue: Health)), max(green: Health))
signal well = any(red: Health > 0.99) or any(blue: Health > 0.99) or any(green: Health > 0.99)
signal alive = all(red: Health > 0) and all(blue: Health > 0) and all(green: Health > 0)
"
    )
}

fn outcome(program: &Program, backend: Backend, workers: u16) -> Outcome {
    let options = Options { backend, ..Options::default() };
    run_with(program, workers, BINARY, options).unwrap_or_else(|e| panic!("{e}"))
}

/// All that a state has, as text: each number with all its digits.
fn shown(outcome: &Outcome) -> String {
    let mut text = String::new();
    for name in
        ["all_rows", "hurt", "total", "average", "middle.x", "middle.y", "least", "most", "spread", "well", "alive"]
    {
        let value = outcome.state.signal(name).unwrap_or_else(|| panic!("no signal {name}"));
        text += &format!("{name} = {value:?}\n");
    }
    for group in GROUPS {
        let state = &outcome.state;
        for (component, lanes) in [("Position", 2), ("Health", 1), ("Seen", 1), ("Span", 1)] {
            for lane in ["x", "y"].iter().take(lanes) {
                let name = if lanes == 1 { component.to_string() } else { format!("{component}.{lane}") };
                let column: Vec<f32> = state.column(group, &name).unwrap_or_else(|| panic!("{group} {name}"));
                text += &format!("{group} {name} {column:?}\n");
            }
        }
        text += &format!("{group} Weight {:?}\n", state.column::<f64>(group, "Weight").unwrap());
        text += &format!("{group} Kind {:?}\n", state.column::<u8>(group, "Kind").unwrap());
        text += &format!("{group} Near {:?}\n", state.column::<u32>(group, "Near").unwrap());
    }
    text
}

#[test]
fn what_is_written_once_comes_to_what_is_written_out() {
    let once = program(&format!("{HEADER}{WRITTEN_ONCE}"), &[], 8);
    let out = program(&format!("{HEADER}{}", written_out()), &[], 8);
    for backend in [Backend::Interpreter, Backend::Compiled] {
        for workers in [0, 2] {
            let (once, out) = (shown(&outcome(&once, backend, workers)), shown(&outcome(&out, backend, workers)));
            for (a, b) in once.lines().zip(out.lines()) {
                assert_eq!(a, b, "{} {workers}", backend.name());
            }
        }
    }
}

#[test]
fn rules_over_unions_survive_kills() {
    let program = program(&format!("{HEADER}{WRITTEN_ONCE}"), &[], 8);
    let expected = outcome(&program, Backend::Interpreter, 0).digest;
    ends_the_same(&program, BINARY, expected, 5, 6);
}

/// Reds and blues of one blueprint, which draw when they are made and in a rule for both.
const DRAWS: &str = "scenario draws
component Start = f32
component Now = f32
component Met = f32
blueprint soldier {
    Start = uniform(0, 1)
    Now = 0
    Met = 0
}
group red[100] of soldier
group blue[100] of soldier
union armies = red, blue
system throw for armies owns Now, Met {
    Now = uniform(0, 1)
    let mut met = 0.0
    for x in armies { met += uniform(0, 1) }
    Met = met
}
";

#[test]
fn each_group_draws_its_own_and_a_rule_of_one_group_draws_what_it_drew() {
    let end = |text: &str| outcome(&program(text, &[], 1), Backend::Compiled, 0);
    let column = |end: &Outcome, group: &str, name: &str| -> Vec<f32> { end.state.column(group, name).unwrap() };
    let both = end(DRAWS);
    for name in ["Start", "Now", "Met"] {
        let (red, blue) = (column(&both, "red", name), column(&both, "blue", name));
        let same = red.iter().zip(&blue).filter(|(a, b)| a == b).count();
        assert!(same < 3, "{name}: {same} of 100 are the same");
    }
    // In a loop over both, turns with reds draw apart from turns with blues: their sum has the variance of 199 draws.
    let met = column(&both, "red", "Met");
    let mean = met.iter().map(|x| f64::from(*x)).sum::<f64>() / 100.0;
    let variance = met.iter().map(|x| (f64::from(*x) - mean) * (f64::from(*x) - mean)).sum::<f64>() / 99.0;
    assert!((mean - 99.5).abs() < 4.0 * (199.0f64 / 12.0 / 100.0).sqrt(), "{mean}");
    // A sample variance of 100 normal values has a deviation of sqrt(2 / 99) of itself. Shared draws would double it.
    assert!((variance / (199.0 / 12.0) - 1.0).abs() < 4.0 * (2.0f64 / 99.0).sqrt(), "{variance}");
    // A blueprint is where first values are from, not where they are drawn.
    let alone = "scenario draws\ncomponent Start = f32\ngroup blue[100] { Start = uniform(0, 1) }\n\
                 system s for blue owns Start { Start += 0 }\n";
    assert_eq!(column(&end(alone), "blue", "Start"), column(&both, "blue", "Start"));
}
