//! Populations that change come to known numbers: against differential equations, guidelines for evacuations, and figures of
//! another tool for the same model.

use diptych::coordinator::{Options, Outcome, Records, Stopped};
use diptych_tests::{run_with, shipped};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// A shipped scenario's end. What it ensures has held.
#[track_caller]
fn end(name: &str, sets: &[(&str, &str)], frames: u32, seed: u64) -> Outcome {
    let mut program = shipped(name, sets, frames);
    program.seed = seed;
    let outcome = run_with(&program, 0, BINARY, Options::default()).unwrap();
    assert_ne!(outcome.stopped, Stopped::Ensure, "{name} {sets:?}");
    outcome
}

fn signal(outcome: &Outcome, name: &str) -> f64 {
    outcome.state.signal(name).unwrap_or_else(|| panic!("no signal {name}")).as_f64()
}

/// Rates of an SEIR model with births and deaths, a day.
#[derive(Clone, Copy)]
struct Seir {
    outside: f64,
    latent: f64,
    infectious: f64,
    life: f64,
}

impl Seir {
    /// How the shares of susceptible, exposed, infectious and recovered change, a day.
    fn slope(self, [s, e, i, r]: [f64; 4]) -> [f64; 4] {
        let (caught, shown, over) = (self.outside * s * i, e / self.latent, i / self.infectious);
        let dies = 1.0 / self.life;
        [dies - caught - dies * s, caught - shown - dies * e, shown - over - dies * i, over - dies * r]
    }

    /// After so many days: Runge and Kutta's method of fourth order.
    fn after(self, mut state: [f64; 4], days: f64) -> [f64; 4] {
        let step = 0.01;
        let plus = |a: [f64; 4], b: [f64; 4], h: f64| std::array::from_fn(|at| a[at] + h * b[at]);
        for _ in 0..(days / step).round() as u32 {
            let a = self.slope(state);
            let b = self.slope(plus(state, a, step / 2.0));
            let c = self.slope(plus(state, b, step / 2.0));
            let d = self.slope(plus(state, c, step));
            state = std::array::from_fn(|at| state[at] + step / 6.0 * (a[at] + 2.0 * b[at] + 2.0 * c[at] + d[at]));
        }
        state
    }
}

/// Among 10^5 who all meet, shares are those of the equations within 0.01: half of that is what frames of a twentieth of a day
/// cost (nobody passes two stages in one frame; of a tenth they cost twice as much), the rest is chance, at 3 deviations.
#[test]
fn an_epidemic_among_many_who_are_born_and_die_follows_its_differential_equations() {
    let n = 100_000.0;
    let sets = [
        ("n", "100_000"),
        ("seeds", "1_000"),
        ("step", "0.05"),
        ("at_home", "0"),
        ("outside", "0.5"),
        ("latent", "3"),
        ("infectious", "5"),
        ("life", "200"),
    ];
    let model = Seir { outside: 0.5, latent: 3.0, infectious: 5.0, life: 200.0 };
    for days in [20, 45, 120] {
        let outcome = end("epidemic.dip", &sets, days * 20, 9);
        let expected = model.after([0.99, 0.0, 0.01, 0.0], f64::from(days));
        let everybody = signal(&outcome, "everybody");
        assert!((everybody / n - 1.0).abs() < 0.01, "{everybody}");
        for (name, expected) in ["susceptible", "exposed", "infectious_now", "recovered"].into_iter().zip(expected) {
            let found = signal(&outcome, name) / everybody;
            println!("day {days}, {name}: {found:.5}, equations {expected:.5}");
            assert!((found - expected).abs() < 0.01, "day {days}, {name}: {found}, not {expected}");
        }
    }
}

/// RiMEA's test 9 (guideline 3.0, 2016): half of four doors closed nearly doubles the time.
#[test]
fn four_doors_let_a_crowd_out_nearly_twice_as_fast_as_two() {
    let frames = |doors: &str, seed: u64| f64::from(end("evacuation.dip", &[("doors", doors)], 5_000, seed).frames);
    let sum = |doors: &str| (1..=5).map(|seed| frames(doors, seed)).sum::<f64>();
    let ratio = sum("2") / sum("4");
    println!("two doors take {ratio:.3} times as long as four");
    assert!((1.7..=2.1).contains(&ratio), "{ratio}");
}

/// Figures of Mesa 3.3.1's own models, means over 100 seeds, by tests/mesa/figures.py on 21 November 2026. The standard
/// errors of Mesa's means are 1.5, 0.5 and 7.6, and 0.0015.
const MESA_SHEEP: f64 = 66.14;
const MESA_WOLVES: f64 = 15.98;
const MESA_GRASS: f64 = 209.1;
const MESA_OWN_KIND: f64 = 0.8257;
/// Of the cycle that all runs begin with, in the means over 100 seeds, by the same script on 29 November 2026: the bottom of the
/// sheep, the top of the wolves, and their bottom behind it; how many there are, and at which frame.
const MESA_SHEEP_BOTTOM: (f64, usize) = (31.19, 35);
const MESA_WOLVES_TOP: (f64, usize) = (36.11, 32);
const MESA_WOLVES_BOTTOM: (f64, usize) = (13.21, 120);
/// How many frames such a turning point may lie apart: tops and bottoms of means are flat, and their errors are some animals.
const FRAMES_APART: usize = 8;
/// How far means may lie apart: Mesa lets agents act one by one, the scenarios let them act at once.
const APART: f64 = 0.1;

#[track_caller]
fn like_mesa(what: &str, found: f64, mesa: f64) {
    println!("{what}: {found:.4}, Mesa {mesa:.4}");
    assert!((found / mesa - 1.0).abs() <= APART, "{what}: {found}, Mesa has {mesa}");
}

/// A record's rows: the frame, the time, and what is recorded.
fn rows(text: &str) -> Vec<Vec<f64>> {
    let numbers = |line: &str| line.split(',').filter_map(|value| value.parse().ok()).collect();
    text.lines().skip(1).map(numbers).collect()
}

#[track_caller]
fn turns_like_mesa(what: &str, (found, at): (f64, usize), (mesa, then): (f64, usize)) {
    println!("{what}: at frame {at}, Mesa {then}");
    like_mesa(what, found, mesa);
    assert!(at.abs_diff(then) <= FRAMES_APART, "{what}: at frame {at}, Mesa at {then}");
}

#[test]
fn wolves_sheep_and_grass_are_as_many_as_mesas_and_turn_when_they_do() {
    let sets = [("side", "30"), ("sheep", "150"), ("wolves", "15")];
    let mut sums = [0.0; 3];
    let mut curves = vec![[0.0; 2]; 251];
    for seed in 1..=100 {
        let mut program = shipped("wolf-sheep.dip", &sets, 250);
        program.seed = seed;
        let folder = tempfile::tempdir().unwrap();
        let records = Some(Records::new(folder.path(), false));
        run_with(&program, 0, BINARY, Options { records, ..Options::default() }).unwrap();
        let text = std::fs::read_to_string(folder.path().join("wolf-sheep.csv")).unwrap();
        let rows = rows(&text);
        for (curve, row) in curves.iter_mut().zip(&rows) {
            // Behind the frame and the time.
            curve.iter_mut().zip(&row[2..]).for_each(|(sum, count)| *sum += count / 100.0);
        }
        let late = &rows[51..];
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += late.iter().map(|row| row[2 + at]).sum::<f64>() / late.len() as f64 / 100.0;
        }
    }
    let [sheep, wolves, grass] = sums;
    like_mesa("sheep", sheep, MESA_SHEEP);
    like_mesa("wolves", wolves, MESA_WOLVES);
    like_mesa("grown grass", grass, MESA_GRASS);
    let turn = |of: usize, sign: f64, frames: std::ops::Range<usize>| {
        let found = frames.max_by(|a, b| (sign * curves[*a][of]).total_cmp(&(sign * curves[*b][of])));
        found.map(|frame| (curves[frame][of], frame)).unwrap()
    };
    turns_like_mesa("fewest sheep", turn(0, -1.0, 0..150), MESA_SHEEP_BOTTOM);
    turns_like_mesa("most wolves", turn(1, 1.0, 0..100), MESA_WOLVES_TOP);
    // Their bottom is flat for forty frames, by less than the errors of the means: the least of them lies anywhere there (of the
    // seeds from 201 on at frame 144). So there are as few as Mesa's at both frames, that of ours and that of Mesa's.
    let (fewest, frame) = turn(1, -1.0, 50..150);
    println!("fewest wolves: at frame {frame}");
    like_mesa("fewest wolves", fewest, MESA_WOLVES_BOTTOM.0);
    like_mesa("wolves when Mesa's are fewest", curves[MESA_WOLVES_BOTTOM.1][1], MESA_WOLVES_BOTTOM.0);
}

#[test]
fn a_town_comes_apart_as_mesas_does() {
    let runs = (1..=100).map(|seed| signal(&end("schelling.dip", &[("side", "30")], 200, seed), "segregation"));
    like_mesa("neighbours of the own kind", runs.sum::<f64>() / 100.0, MESA_OWN_KIND);
}
