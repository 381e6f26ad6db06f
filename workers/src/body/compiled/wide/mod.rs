//! The wide machine, on x86-64: vectors of 256 bits by AVX2, of 512 by AVX-512.
//!
//! Both [`level`]s are one machine: each operation is written once, with an instruction for either. Emission makes
//! [`code`] over parts; [`live`] finds where they are alive, [`registers`] gives them registers, [`encode`] makes bytes.
//!
//! A mask of AVX2 is a vector of all ones and zeros. That of AVX-512 is a bit a lane in a register of its own: what it
//! says is done by the instruction that is masked ([`masks`]).

mod bytes;
mod code;
mod encode;
mod level;
mod live;
mod machine;
mod masks;
mod memory;
mod random;
mod registers;
mod vectors;

use diptych_protocol::body::Body;
use diptych_protocol::program::Program;

pub(super) use self::level::Level;
use self::machine::Wide;
use super::code::Code;
use super::function;
use super::plan::Plan;
use super::{CompileError, Generator};

impl Generator for Level {
    fn generate(&self, program: &Program, body: &Body, plan: &Plan) -> Result<Code, CompileError> {
        let mut wide = Wide::new(*self);
        function::emit(program, body, plan, &mut wide)?;
        let text = wide.finish();
        let lives = live::lives(&text);
        let homes = registers::homes(&text, &lives);
        let fails = |error: &dyn std::fmt::Display| CompileError::Generator(error.to_string());
        let room = text.pool.len().next_multiple_of(64);
        Code::of_bytes(room + encode::bound(&text), room, |address| {
            let bytes = encode::encode(&text, &homes, address, address + room as u64).map_err(|error| fails(&error))?;
            Ok([&text.pool[..], &vec![0; room - text.pool.len()], &bytes].concat())
        })
    }
}
