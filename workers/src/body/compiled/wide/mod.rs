//! The wide machine: vectors of 256 bits on x86-64 processors that have AVX2.
//!
//! Emission makes [`code`] over parts; [`live`] finds where they are alive, [`registers`] gives them registers,
//! [`encode`] makes bytes.

mod bytes;
mod code;
mod encode;
mod live;
mod machine;
mod memory;
mod random;
mod registers;
mod vectors;

use diptych_protocol::body::Body;
use diptych_protocol::program::Program;

use self::machine::Wide;
use super::code::Code;
use super::function;
use super::plan::Plan;
use super::{CompileError, Generator};

/// Code for AVX2.
pub(super) struct Avx2;

impl Avx2 {
    /// Whether this processor has what the code needs.
    pub(super) fn here() -> bool {
        std::arch::is_x86_feature_detected!("avx2")
    }
}

impl Generator for Avx2 {
    fn generate(&self, program: &Program, body: &Body, plan: &Plan) -> Result<Option<Code>, CompileError> {
        if !Self::here() {
            return Ok(None);
        }
        let mut wide = Wide::new();
        function::emit(program, body, plan, &mut wide)?;
        let text = wide.finish();
        let lives = live::lives(&text);
        let homes = registers::homes(&text, &lives);
        let fails = |error: &dyn std::fmt::Display| CompileError::Generator(error.to_string());
        let room = text.pool.len().next_multiple_of(64);
        let code = Code::of_bytes(room + encode::bound(&text), room, |address| {
            let bytes = encode::encode(&text, &homes, address, address + room as u64).map_err(|error| fails(&error))?;
            Ok([&text.pool[..], &vec![0; room - text.pool.len()], &bytes].concat())
        });
        code.map(Some)
    }
}
