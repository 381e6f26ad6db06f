//! The flagship in text and its native twin: the same bits in every column.

use diptych::coordinator::{Options, Outcome};
use diptych_protocol::message::Backend;
use diptych_tests::{run_with, shipped};

const BINARY: &str = env!("CARGO_BIN_EXE_diptych-under-test");

fn outcome(name: &str, backend: Backend, sets: &[(&str, &str)], frames: u32) -> Outcome {
    run_with(&shipped(name, sets, frames), 2, BINARY, Options { backend, ..Options::default() }).unwrap()
}

/// Columns as bits, for a message that says which one differs.
fn columns(outcome: &Outcome) -> Vec<(&'static str, Vec<u32>)> {
    const FLOATS: [&str; 14] = [
        "Mass",
        "Radius",
        "NearPull.x",
        "NearPull.y",
        "FarPull.x",
        "FarPull.y",
        "Deflection.x",
        "Deflection.y",
        "Shift.x",
        "Shift.y",
        "Velocity.x",
        "Velocity.y",
        "Position.x",
        "Position.y",
    ];
    let state = &outcome.state;
    let integers = ["Cluster", "Impacts", "Met"].map(|name| (name, state.column::<u32>("particles", name).unwrap()));
    let bits = |name| state.column::<f32>("particles", name).unwrap().into_iter().map(f32::to_bits).collect();
    integers.into_iter().chain(FLOATS.map(|name| (name, bits(name)))).collect()
}

#[test]
fn the_flagship_in_text_and_in_rust_give_the_same_bits() {
    for (sets, frames) in [
        (&[("n", "4_000")][..], 1),
        (&[("n", "4_000")], 12),
        // One row, one bucket, one row more than a bucket.
        (&[("n", "1")], 3),
        (&[("n", "64")], 3),
        (&[("n", "65")], 3),
        // A crowd: everybody touches many, and every impulse is shared.
        (&[("n", "1_500"), ("density", "20"), ("warmth", "3")], 4),
        (&[("n", "1_000"), ("gravity", "0"), ("spin", "-2")], 6),
        // Points without mass: clusters have their barycentre at their first member.
        (&[("n", "500"), ("smallest", "0"), ("largest", "0.000001")], 2),
    ] {
        let native = outcome("colliding-particles-native.dip", Backend::Interpreter, sets, frames);
        for backend in [Backend::Interpreter, Backend::Compiled] {
            let text = outcome("colliding-particles.dip", backend, sets, frames);
            for ((name, text), (_, native)) in columns(&text).into_iter().zip(columns(&native)) {
                let row = text.iter().zip(&native).position(|(a, b)| a != b);
                assert_eq!(row, None, "{name} in this row, {}, {sets:?}", backend.name());
            }
            assert_eq!(text.digest, native.digest, "{} {sets:?}", backend.name());
        }
    }
}
