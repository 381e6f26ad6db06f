//! Populations that change come to known numbers: against differential equations, guidelines for evacuations, and figures of
//! another tool for the same model.

use diptych::coordinator::{Options, Outcome, Stopped};
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

/// Among 2 10^5 who all meet, shares are those of the equations within 0.008: chance is below 0.003, and a tenth of a day a
/// frame costs about 0.004.
#[test]
fn an_epidemic_among_many_who_are_born_and_die_follows_its_differential_equations() {
    let n = 200_000.0;
    let sets = [
        ("n", "200_000"),
        ("seeds", "2_000"),
        ("at_home", "0"),
        ("outside", "0.5"),
        ("latent", "3"),
        ("infectious", "5"),
        ("life", "200"),
    ];
    let model = Seir { outside: 0.5, latent: 3.0, infectious: 5.0, life: 200.0 };
    for days in [20, 45, 120] {
        let outcome = end("epidemic.dip", &sets, days * 10, 9);
        let expected = model.after([1.0 - 2_000.0 / n, 0.0, 2_000.0 / n, 0.0], f64::from(days));
        let everybody = signal(&outcome, "everybody");
        assert!((everybody / n - 1.0).abs() < 0.01, "{everybody}");
        for (name, expected) in ["susceptible", "exposed", "infectious_now", "recovered"].into_iter().zip(expected) {
            let found = signal(&outcome, name) / everybody;
            println!("day {days}, {name}: {found:.5}, equations {expected:.5}");
            assert!((found - expected).abs() < 0.008, "day {days}, {name}: {found}, not {expected}");
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
