//! The yardsticks of cells do the engine's work: they end in the same columns, bit for bit, and in the same signals.

use diptych::Program;
use diptych::coordinator::{Options, State, run};
use diptych_benches::cells::ants::Ants;
use diptych_benches::cells::epidemic::{Draws, Epidemic};
use diptych_benches::cells::life::Life;
use diptych_benches::cells::{Model, Start};
use diptych_benches::{program, registry};
use diptych_protocol::access::Element;

const LIFE: &str = include_str!("../../scenarios/game-of-life.dip");
const EPIDEMIC: &str = include_str!("../../scenarios/sir-grid.dip");
const ANTS: &str = include_str!("../../scenarios/ants.dip");

/// The engine's state after so many frames, and by hand the same.
fn both<M: Model>(text: &str, sets: &[(&str, &str)], frames: u32, by_hand: impl FnOnce(&Start) -> M) -> (State, M) {
    let program = Program { frames, ..program(text, sets) };
    let outcome = match run(&program, &registry(), Options { workers: Some(0), ..Options::default() }) {
        Ok(outcome) => outcome,
        Err(error) => panic!("{error}"),
    };
    let mut by_hand = by_hand(&Start::of(&program));
    (0..outcome.frames).for_each(|_| by_hand.frame());
    for (name, value) in by_hand.signals() {
        let signal = outcome.state.signal(name).map(|signal| signal.as_f64());
        assert_eq!(signal, Some(f64::from(value)), "{name}, {sets:?}");
    }
    (outcome.state, by_hand)
}

#[track_caller]
fn same<T: Element + PartialEq>(state: &State, group: &str, name: &str, by_hand: &[T]) {
    let engine = state.column::<T>(group, name);
    assert!(engine.is_some_and(|engine| engine == by_hand), "{group}.{name} differs");
}

#[test]
fn life_by_hand_is_the_engines() {
    for (width, height, frames) in [("4", "4", 3), ("5", "4", 9), ("150", "61", 40), ("400", "333", 30)] {
        let sets = [("width", width), ("height", height)];
        let (state, life) = both(LIFE, &sets, frames, Life::new);
        same(&state, "world", "Alive", &life.alive);
    }
}

#[test]
fn an_epidemic_by_hand_is_the_engines_whoever_draws() {
    for draws in [Draws::WhereTheyDecide, Draws::Everywhere] {
        for (width, height, first) in [("1", "1", "1"), ("2", "3", "0.5"), ("97", "61", "0.02"), ("300", "401", "0.01")]
        {
            let sets = [("width", width), ("height", height), ("first", first), ("infect", "0.08")];
            let (state, epidemic) = both(EPIDEMIC, &sets, 40, |start| Epidemic::new(start, draws));
            same(&state, "people", "State", &epidemic.state);
        }
    }
}

#[test]
fn ants_by_hand_are_the_engines() {
    for (n, side, frames) in [("1", "40", 20), ("500", "60", 300), ("5_000", "101", 100)] {
        let (state, ants) = both(ANTS, &[("n", n), ("side", side)], frames, Ants::new);
        same(&state, "ants", "Position.x", &ants.walkers.position[0]);
        same(&state, "ants", "Position.y", &ants.walkers.position[1]);
        same(&state, "ants", "Heading", &ants.walkers.heading);
        same(&state, "ants", "Carrying", &ants.walkers.carrying);
        same(&state, "ants", "Where", &ants.walkers.place);
        same(&state, "ants", "Trips", &ants.walkers.trips);
        same(&state, "ground", "Scent", &ants.ground.scent);
        same(&state, "ground", "Food", &ants.ground.food);
        same(&state, "ground", "Served", &ants.ground.served);
        if n != "1" {
            assert!(ants.walkers.trips.iter().any(|trips| *trips > 0), "{n} ants brought nothing home");
        }
    }
}
