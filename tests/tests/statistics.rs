//! Variances, histograms, quantiles, births and ends of finished states: what a plain model of the same rows says, and the
//! same bits whoever computed them.

use diptych::coordinator::{Options, Outcome};
use diptych_protocol::id::Tick;
use diptych_protocol::inject::{Failure, Injection, Moment};
use diptych_protocol::message::Backend;
use diptych_protocol::program::StageKind;
use diptych_protocol::types::Value;
use diptych_tests::outputs::{recording, text};
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// Numbers that are unkind: NaN, infinities, zeros of both signs, equals, a small spread about a large mean.
const TEXT: &str = "
scenario statistics
param n: u32 = 20_000
component Kind = u8
component Wide = f64
component Narrow = f32
component Steady = f64
component Whole = i16
component At = vec2

group g[n] {
    Kind = u8(uniform(0, 12))
    Wide = if Kind == 0 { f64(sqrt(-1.0)) } else if Kind == 1 { f64(1.0) / 0.0 } else if Kind == 2 { f64(-1.0) / 0.0 } else if Kind == 3 { -0.0 } else if Kind == 4 { 0.0 } else { f64(normal(0, 30)) }
    Narrow = if Kind == 0 { sqrt(-1.0) } else if Kind < 4 { f32(row % 5) } else { normal(0, 30) }
    Steady = f64(1_000_000_000) + f64(normal(0, 1)) / 1000
    Whole = i16(uniform(-300, 300))
    At = disc(vec2(3, 4), 1)
}
system shake for g owns Narrow, Whole {
    Narrow += normal(0, 1)
    Whole = -Whole
}

signal steady = variance(g: Steady)
signal steady_deviation = deviation(g: Steady)
signal whole = variance(g where Kind > 5: Whole)
signal no_rows = variance(g where Kind > 50: Whole)
signal at = variance(g: At)
signal broken = variance(g: Wide)

signal wide_low = quantile(g: Wide, 0)
signal wide_tenth = quantile(g: Wide, 0.1)
signal wide_half = median(g: Wide)
signal wide_high = quantile(g: Wide, 1)
signal narrow = quantile(x in g where x.Kind != 7: x.Narrow * 2, 0.3)
signal halves = median(g: Whole)
signal kinds = quantile(g: Kind, 2 / 3.0)
signal nobody = median(g where Kind > 50: Narrow)
signal corner = median(g: At)

signal bins = histogram(g: Wide, -40, 40, 13)
signal marked = histogram(g where Kind == 5: Whole, -300, 300, 6)
";

struct Rows {
    kind: Vec<u8>,
    wide: Vec<f64>,
    narrow: Vec<f32>,
    steady: Vec<f64>,
    whole: Vec<i16>,
    x: Vec<f32>,
}

impl Rows {
    fn of(outcome: &Outcome) -> Self {
        let state = &outcome.state;
        Self {
            kind: state.column("g", "Kind").unwrap(),
            wide: state.column("g", "Wide").unwrap(),
            narrow: state.column("g", "Narrow").unwrap(),
            steady: state.column("g", "Steady").unwrap(),
            whole: state.column("g", "Whole").unwrap(),
            x: state.column("g", "At.x").unwrap(),
        }
    }

    fn whole_where(&self, kept: impl Fn(u8) -> bool) -> Vec<f64> {
        self.whole.iter().zip(&self.kind).filter(|(_, kind)| kept(**kind)).map(|(x, _)| f64::from(*x)).collect()
    }
}

/// The definition, in two passes, about an origin that takes nothing from the numbers' digits.
fn variance(values: &[f64], origin: f64) -> f64 {
    let mean = values.iter().map(|x| x - origin).sum::<f64>() / values.len() as f64;
    values.iter().map(|x| (x - origin - mean) * (x - origin - mean)).sum::<f64>() / values.len() as f64
}

/// The smallest value that has at least this share of all at or below it.
fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.retain(|x| !x.is_nan());
    values.sort_by(f64::total_cmp);
    let enough = |at: usize| (at + 1) as f64 / values.len() as f64 >= share;
    (0..values.len()).find(|&at| enough(at)).map_or(f64::NAN, |at| values[at])
}

fn histogram(values: &[f64], low: f64, high: f64, bins: usize) -> Vec<u32> {
    let edge = |bin: usize| if bin == bins { high } else { low + (high - low) * bin as f64 / bins as f64 };
    (0..bins).map(|bin| values.iter().filter(|x| edge(bin) <= **x && **x < edge(bin + 1)).count() as u32).collect()
}

fn check(outcome: &Outcome) {
    let rows = Rows::of(outcome);
    let f64_of = |name: &str| match outcome.state.signal(name) {
        Some(Value::F64(x)) => x,
        other => panic!("{name}: {other:?}"),
    };
    let near = |name: &str, expected: f64, within: f64| {
        let found = f64_of(name);
        let close = (found - expected).abs() <= within * expected.abs() || found.is_nan() && expected.is_nan();
        assert!(close, "{name}: {found}, not {expected}");
    };
    near("steady", variance(&rows.steady, 1e9), 1e-4);
    near("steady_deviation", variance(&rows.steady, 1e9).sqrt(), 1e-4);
    near("whole", variance(&rows.whole_where(|kind| kind > 5), 0.0), 1e-12);
    near("at.x", variance(&rows.x.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), 3.0), 1e-9);
    near("broken", variance(&rows.wide, 0.0), 1e-9);
    assert!(f64_of("no_rows").is_nan());

    let exact = |name: &str, values: Vec<f64>, share: f64| {
        let (found, expected) = (f64_of(name), quantile(values, share));
        assert_eq!(found.to_bits(), expected.to_bits(), "{name}: {found}, not {expected}");
    };
    exact("wide_low", rows.wide.clone(), 0.0);
    exact("wide_tenth", rows.wide.clone(), 0.1);
    exact("wide_half", rows.wide.clone(), 0.5);
    exact("wide_high", rows.wide.clone(), 1.0);
    let kept = rows.narrow.iter().zip(&rows.kind).filter(|(_, kind)| **kind != 7);
    exact("narrow", kept.map(|(x, _)| f64::from(*x * 2.0)).collect(), 0.3);
    exact("halves", rows.whole_where(|_| true), 0.5);
    exact("kinds", rows.kind.iter().map(|x| f64::from(*x)).collect(), 2.0 / 3.0);
    exact("corner.x", rows.x.iter().map(|x| f64::from(*x)).collect(), 0.5);
    assert!(f64_of("nobody").is_nan());

    for (name, values, low, high, bins) in
        [("bins", rows.wide.clone(), -40.0, 40.0, 13), ("marked", rows.whole_where(|kind| kind == 5), -300.0, 300.0, 6)]
    {
        let found: Vec<Option<Value>> = (0..bins).map(|bin| outcome.state.signal(&format!("{name}[{bin}]"))).collect();
        let expected: Vec<_> = histogram(&values, low, high, bins).into_iter().map(|n| Some(Value::U32(n))).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn statistics_are_those_of_a_plain_model() {
    for rows in ["1", "2", "7", "64", "1_000", "20_000", "70_000"] {
        for frames in [0, 3] {
            let program = program(TEXT, &[("n", rows)], frames);
            check(&run_with(&program, 0, BINARY, Options::default()).unwrap());
        }
    }
}

#[test]
fn statistics_have_the_same_bits_whoever_computes_them() {
    let program = program(TEXT, &[("n", "70_000")], 2);
    let expected = run_with(&program, 0, BINARY, Options::default()).unwrap();
    let same = |options: Options, workers: u16, what: &str| {
        let outcome = run_with(&program, workers, BINARY, options).unwrap();
        assert_eq!(outcome.state.signal_bits(), expected.state.signal_bits(), "{what}");
        assert_eq!(outcome.digest, expected.digest, "{what}");
        outcome
    };
    for workers in [1, 2, 3] {
        same(Options::default(), workers, "workers");
    }
    for backend in [Backend::Interpreter, Backend::Portable, Backend::Compiled] {
        same(Options { backend, ..Options::default() }, 2, "another back end");
    }
    for tick in [Tick::SETUP, Tick(2)] {
        for moment in [Moment::Claimed, Moment::Written, Moment::Done] {
            let kill = Injection::new(Failure::Kill, tick).within(StageKind::Reduce).at(moment);
            let injections = vec![kill; 2];
            let outcome = same(Options { injections, ..Options::default() }, 2, "deaths");
            assert!(outcome.worker_deaths >= 1, "{tick:?} {moment:?}: nobody died");
        }
    }
}

/// Rows come and go, until none is left.
const LIVING: &str = "
scenario living
param most: u32 = 5_000
component Born = u32
component Age = f32
group cells[300, max most] { Born = 1_000_000, Age = uniform(0, 10) }
system live for cells owns Age {
    Age += 1
    if frame < 12 and population < 2_000 and chance(0.4) { spawn cells { Born = frame + 1, Age = uniform(0, 3) } }
    if chance(0.05) or frame > 15 and fresh Age > 30 - f32(frame) { despawn self }
}
signal population = count(cells)
signal born = births(cells)
signal ended = ends(cells)
signal oldest = max(cells: Age)
signal highest = quantile(cells: Age, 1)
signal middle = median(cells where Age > 5: Age)
signal spread = variance(cells: Age)
signal ages = histogram(cells: Age, 0, 100, 4)
signal counted = ages[0] + ages[1] + ages[2] + ages[i32(time) * 0 + 3]
signal now = count(cells where Born == frame)
record to \"living.csv\" { population, born, ended, oldest, highest, middle, spread, counted, ages, now }
";

#[test]
fn births_and_ends_are_what_the_populations_say() {
    let program = program(LIVING, &[], 40);
    let mut first: Option<String> = None;
    for workers in [0, 1, 2, 3] {
        let folder = tempfile::tempdir().unwrap();
        run_with(&program, workers, BINARY, recording(folder.path())).unwrap();
        let table = text(folder.path(), "living.csv");
        assert_eq!(first.get_or_insert_with(|| table.clone()), &table, "{workers} workers");
    }
    let table = first.unwrap();
    let rows: Vec<Vec<f64>> =
        table.lines().skip(1).map(|line| line.split(',').skip(2).map(|x| x.parse().unwrap()).collect()).collect();
    assert_eq!((rows[0][1], rows[0][2]), (0.0, 0.0), "set-up is no frame");
    let (mut born, mut ended) = (0.0, 0.0);
    for (at, row) in rows.iter().enumerate() {
        let before = at.checked_sub(1).map_or(300.0, |before| rows[before][0]);
        assert_eq!(row[0], before + row[1] - row[2], "state {at}");
        assert_eq!(row[1], row[12], "those born in the frame are there, state {at}");
        assert!(row[3] == row[4] || row[0] == 0.0 && row[4].is_nan(), "state {at}");
        assert_eq!(row[7], row[0], "state {at}");
        born += row[1];
        ended += row[2];
    }
    let last = rows.last().unwrap();
    assert!(born > 1_000.0 && ended == born + 300.0 && last[0] == 0.0, "{born} births, {ended} ends");
    assert!(last[4..7].iter().all(|x| x.is_nan()), "of nobody");
}
