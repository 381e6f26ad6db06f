//! The compiled back end: a body becomes machine code that computes 4 to 32 rows at once.
//!
//! Rows are the lanes of vectors, all loops stand inside the generated function, control flow is masks. The bits are
//! those of [`diptych_protocol::eval`], whatever the number of lanes. What costs much and only some rows need is jumped
//! over where no row of a vector needs it (`regions`); where most values fit into a byte, they are computed in bytes
//! (`grain`, `bytes`).
//!
//! `function` and the modules beside it write a body down as instructions of a `machine`; there are two,
//! the `portable` one (Cranelift, 128 bits) and the `wide` one (x86-64 with AVX2, 256 bits). What does not depend on the
//! machine either: the `plan` of what is needed, the `words` that the code finds its data in, the checks before each
//! call (`arguments`), the registered functions (`calls`), the finished `code`.

mod arguments;
mod arithmetic;
mod bits;
mod bytes;
mod calls;
mod carried;
mod code;
mod convert;
mod function;
mod grain;
mod leaves;
mod loops;
mod machine;
mod memory;
mod parking;
mod plan;
mod portable;
mod random;
mod regions;
mod shared;
mod skipped;
mod turn;
#[cfg(all(target_arch = "x86_64", unix))]
mod wide;
mod words;

use diptych_protocol::body::Body;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::program::Program;
use thiserror::Error;

use self::calls::Listener;
use self::code::Code;
use self::plan::Plan;
use self::portable::Portable;
use super::block::{Block, Executor, ValuesMut};
use super::requests::Requests;

/// Rows that the portable machine computes at once. Four: more would spill the sums of a loop over neighbours from its
/// registers, and the bits are the same at any number.
const LANES: usize = 4;

/// Rows that are computed at once where most values are of one byte.
const BYTE_LANES: usize = 32;

/// A body in machine code.
pub struct Compiled {
    plan: Plan,
    code: Code,
    listeners: Vec<Listener>,
    words: Vec<u64>,
}

/// Why a body could not be compiled: a fault of ours, never of a scenario.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum CompileError {
    #[error("{0} rows at once cannot be compiled for")]
    Lanes(usize),
    #[error("this processor is not supported: {0}")]
    Processor(String),
    #[error("the code generator fails: {0}")]
    Generator(String),
    #[error("the generated code asks for {0}, which it has not been given")]
    Foreign(String),
    #[error("the body is malformed: {0}")]
    Malformed(&'static str),
}

/// Which instructions code may have. They change no bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processor {
    /// All that this processor has: the wide machine if there is one for it.
    Host,
    /// All that this processor has, by the portable machine.
    Portable,
    /// What every processor of its kind has, by the portable machine.
    Plain,
}

/// Makes machine code of a planned body.
trait Generator {
    /// The code, or nothing where this generator leaves the body to the next.
    fn generate(&self, program: &Program, body: &Body, plan: &Plan) -> Result<Option<Code>, CompileError>;
}

impl Compiled {
    /// Compiles a verified body for this processor, as many rows at once as suits it.
    pub fn new(program: &Program, body: &Body) -> Result<Self, CompileError> {
        let lanes = match Self::wide() {
            Some(_) if Plan::pays_in_bytes(body) => BYTE_LANES,
            Some(_) => 8,
            None => LANES,
        };
        Self::with(program, body, lanes, Processor::Host)
    }

    /// The same for some processor and so many rows at once: 4, 8, 16 or 32. With 32 the wide machine computes in bytes what
    /// can be.
    pub fn with(program: &Program, body: &Body, lanes: usize, processor: Processor) -> Result<Self, CompileError> {
        let wide = Self::wide().filter(|_| processor == Processor::Host && lanes >= 8);
        if ![4, 8, 16, BYTE_LANES].contains(&lanes) {
            return Err(CompileError::Lanes(lanes));
        }
        let plan = Plan::new(program, body, lanes, wide.is_some() && lanes == BYTE_LANES);
        if let Some(wide) = wide
            && let Some(code) = wide.generate(program, body, &plan)?
        {
            return Ok(Self::of(plan, code));
        }
        match (Portable { processor }).generate(program, body, &plan)? {
            Some(code) => Ok(Self::of(plan, code)),
            None => Err(CompileError::Generator("none takes it".into())),
        }
    }

    fn of(plan: Plan, code: Code) -> Self {
        let listeners = plan.slots.asks.iter().map(|scalars| Listener::new(scalars)).collect();
        Self { plan, code, listeners, words: Vec::new() }
    }

    /// The generator of wide code, if this processor has what that needs.
    #[cfg(all(target_arch = "x86_64", unix))]
    fn wide() -> Option<wide::Avx2> {
        wide::Avx2::here().then_some(wide::Avx2)
    }

    #[cfg(not(all(target_arch = "x86_64", unix)))]
    fn wide() -> Option<Portable> {
        None
    }

    /// Bytes of machine code.
    pub fn code_len(&self) -> usize {
        self.code.len()
    }
}

impl Executor for Compiled {
    fn run(&mut self, block: &Block<'_>, out: &mut [ValuesMut<'_>]) {
        let arguments = arguments::Checked::new(&self.plan, block, out, &mut self.listeners, &mut self.words);
        self.code.run(&arguments);
    }

    fn requests(&mut self, number: usize) -> Option<&mut Requests> {
        self.listeners.get_mut(number).map(|listener| &mut listener.requests)
    }

    fn room(&self, count: usize) -> usize {
        count.next_multiple_of(self.plan.lanes.max(BLOCK_ROWS_MAX))
    }

    /// Few enough that what one rule writes, or what is listed for loops, is in the first cache for what comes next.
    fn stretch(&self, loops: bool) -> usize {
        if loops { 512 } else { 4_096 }
    }
}
