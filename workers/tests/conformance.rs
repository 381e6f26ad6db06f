//! All back ends compute the same bits: random bodies over random blocks, compared with a reference that goes row by
//! row and turn by turn. `CONFORMANCE_CASES` sets how many.

mod support;

use diptych_protocol::body::Body;
use diptych_protocol::program::Program;
use diptych_workers::body::block::{Executor, ValuesMut};
use diptych_workers::body::compiled::Compiled;
use proptest::prelude::*;
use support::blocks::{self, Data, bits};
use support::numbers::Numbers;
use support::{bodies, reference};

/// Compares an executor with the reference, in a block of data.
fn compare(name: &str, executor: &mut dyn Executor, program: &Program, body: &Body, data: &Data) -> Result<(), String> {
    let mut out = blocks::outputs(program, body, data.count);
    let expected = data.block(program, body, |block| {
        let mut room: Vec<ValuesMut<'_>> = out.iter_mut().map(|held| held.values_mut()).collect();
        executor.run(block, &mut room);
        reference::run(program, body, block)
    });
    for (place, (held, expected)) in out.iter().zip(&expected).enumerate() {
        for (row, expected) in expected.iter().enumerate() {
            let found = reference::at(&held.values(), row).unwrap();
            if bits(found) != bits(*expected) {
                return Err(format!("{name}: output {place}, row {row}: {found:?} instead of {expected:?}"));
            }
        }
    }
    Ok(())
}

fn check(seed: u64, size: usize, torus: bool) -> Result<(), String> {
    let numbers = &mut Numbers(seed);
    let program = bodies::program(torus);
    let body = bodies::body(numbers, size);
    let complaints = bodies::complaints(&program, &body);
    if !complaints.is_empty() {
        return Err(format!("the verifier says {complaints:?} about {body:#?}"));
    }
    let datas = [(); 3].map(|()| Data::new(&program, &body, numbers));
    for lanes in [4, 8, 16] {
        let mut compiled =
            Compiled::new(&program, &body, lanes).map_err(|error| format!("{lanes}: {error}, {body:#?}"))?;
        for data in &datas {
            compare(&format!("compiled, {lanes} lanes"), &mut compiled, &program, &body, data)?;
        }
    }
    Ok(())
}

fn cases() -> u32 {
    std::env::var("CONFORMANCE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_bodies_compute_the_bits_of_the_reference(seed: u64, size in 1usize..40, torus: bool) {
        if let Err(what) = check(seed, size, torus) {
            return Err(TestCaseError::fail(what));
        }
    }
}
