//! The signals of states, told to whoever asks: each state that is due once, in their order, whoever computes them, and with
//! records beside or without.

use std::cell::RefCell;
use std::rc::Rc;

use diptych::coordinator::{Options, Records};
use diptych_protocol::limits::RECORD_RING;
use diptych_protocol::table::Table;
use diptych_tests::{program, run_with};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

/// A handful of points, a signal that is the number of the state, and a record of every third.
const TEXT: &str = "scenario t\nrun { frames = 1, dt = 1.0, seed = 1 }\nspace box (0, 0) .. (9, 9)\ncomponent Position = vec2\n\
                    group a[4] { position Position = uniform(space) }\n\
                    system go for a owns Position { Position = Position }\n\
                    signal now = frame\nsignal half = now / 2.0\nrecord every 3 to \"r.csv\" { now }\n";

#[test]
fn each_state_is_told_once_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    // More states than the ring holds, some of them.
    for (every, frames, records) in
        [(1, 2 * RECORD_RING + 100, false), (7, 9_000, false), (2, 5_000, true), (0, 50, true)]
    {
        for workers in [0, 1, 2] {
            let mut program = program(TEXT, &[], frames);
            let hash = program.hash();
            program.outputs.series = every;
            assert_eq!(program.hash(), hash, "who looks changes nothing");
            let now = program.signals.iter().find(|(_, signal)| signal.name == "now").map(|(id, _)| id).unwrap();
            let told: Rc<RefCell<Vec<(u32, u64)>>> = Rc::default();
            let hears = Rc::clone(&told);
            let options = Options {
                records: records.then(|| Records::new(folder.path(), true)),
                on_state: Some(Box::new(move |state, signals: &Table<_, u64>| {
                    hears.borrow_mut().push((state, signals[now]))
                })),
                ..Options::default()
            };
            let outcome = run_with(&program, workers, BINARY, options).unwrap();
            assert_eq!(outcome.frames, frames);
            let due = (0..=frames).filter(|state| every > 0 && state.is_multiple_of(every));
            let expected: Vec<(u32, u64)> = due.map(|state| (state, state.into())).collect();
            assert_eq!(*told.borrow(), expected, "one in {every}, on {workers} workers");
        }
    }
}
