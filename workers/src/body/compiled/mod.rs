//! The compiled back end: a body becomes machine code that computes 4 to 64 rows at once.
//!
//! Rows are the lanes of vectors, all loops stand inside the generated function, control flow is masks. The bits are
//! those of [`diptych_protocol::eval`], whatever the number of lanes. What costs much and only some rows need is jumped
//! over where no row of a vector needs it (`regions`); where most values fit into a byte, they are computed in bytes
//! (`grain`, `bytes`).
//!
//! `function` and the modules beside it write a body down as instructions of a `machine`; there are two,
//! the `portable` one (Cranelift, 128 bits) and the `wide` one (x86-64: 256 bits with AVX2, 512 with AVX-512). What does not depend on the
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
use diptych_protocol::limits::{BLOCK_ROWS_MAX, LANES_MAX};
use diptych_protocol::program::Program;
use diptych_protocol::types::Scalar;
use thiserror::Error;

use self::arguments::Room;
use self::calls::Listener;
use self::code::Code;
use self::plan::Plan;
use self::portable::Portable;
use super::block::{Block, Executor, ValuesMut};
use super::requests::Requests;

/// A body in machine code.
pub struct Compiled {
    plan: Plan,
    code: Code,
    listeners: Vec<Listener>,
    room: Room,
}

/// Why a body could not be compiled: a fault of ours, never of a scenario.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum CompileError {
    #[error("{0} rows at once cannot be compiled for")]
    Lanes(usize),
    #[error("this processor is not supported: {0}")]
    Processor(String),
    #[error("this processor has no {0}")]
    Missing(&'static str),
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
    /// Vectors of 512 bits, by the wide machine.
    Avx512,
    /// Vectors of 256 bits, by the wide machine.
    Avx2,
    /// All that this processor has, by the portable machine: 128 bits.
    Portable,
    /// What every processor of its kind has, by the portable machine.
    Plain,
}

impl Processor {
    /// What suits this processor best.
    pub fn best() -> Self {
        [Processor::Avx512, Processor::Avx2].into_iter().find(|it| it.here()).unwrap_or(Processor::Portable)
    }

    /// What suits a body best. One that goes over neighbours in `f64` for the most part has vectors of 256 bits: twice as wide
    /// ones take twice as long to divide, and so many rows more see more in vain.
    pub fn best_for(body: &Body) -> Self {
        let shared = body.loops.values().filter(|it| words::Kind::of(it) == words::Kind::Shared);
        let ops = || {
            shared
                .clone()
                .flat_map(|it| body.ops.iter().map(|(_, typed)| typed).skip(it.body().start).take(it.body().len()))
        };
        let doubles = ops().filter(|typed| typed.scalar == Scalar::F64).count();
        match Self::best() {
            Processor::Avx512 if 2 * doubles > ops().count() => Processor::Avx2,
            best => best,
        }
    }

    /// Whether this processor has what the code needs.
    pub fn here(self) -> bool {
        match self {
            Processor::Portable | Processor::Plain => true,
            #[cfg(all(target_arch = "x86_64", unix))]
            Processor::Avx2 | Processor::Avx512 => self.level().is_some_and(wide::Level::here),
            #[cfg(not(all(target_arch = "x86_64", unix)))]
            Processor::Avx2 | Processor::Avx512 => false,
        }
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Processor::Avx512 => "AVX-512 (F, BW, DQ, VL)",
            Processor::Avx2 => "AVX2",
            Processor::Portable | Processor::Plain => "the portable machine",
        }
    }

    /// Bits of a vector.
    pub fn bits(self) -> usize {
        match self {
            Processor::Avx512 => 512,
            Processor::Avx2 => 256,
            Processor::Portable | Processor::Plain => 128,
        }
    }

    #[cfg(all(target_arch = "x86_64", unix))]
    fn level(self) -> Option<wide::Level> {
        match self {
            Processor::Avx512 => Some(wide::Level::Avx512),
            Processor::Avx2 => Some(wide::Level::Avx2),
            Processor::Portable | Processor::Plain => None,
        }
    }

    /// Whether code for it computes in bytes what can be, so many rows at once.
    fn in_bytes(self, lanes: usize) -> bool {
        matches!(self, Processor::Avx512 | Processor::Avx2) && lanes == self.bits() / 8
    }

    /// What makes code for it.
    fn generator(self) -> Box<dyn Generator> {
        #[cfg(all(target_arch = "x86_64", unix))]
        if let Some(level) = self.level() {
            return Box::new(level);
        }
        Box::new(Portable { processor: self })
    }
}

/// Makes machine code of a planned body.
trait Generator {
    /// The code.
    fn generate(&self, program: &Program, body: &Body, plan: &Plan) -> Result<Code, CompileError>;
}

impl Compiled {
    /// Compiles a verified body, as many rows at once as suits the processor: a vector of them. More would spill the sums of
    /// a loop over neighbours from its registers, and the bits are the same at any number.
    pub fn new(program: &Program, body: &Body, processor: Processor) -> Result<Self, CompileError> {
        let bytes = processor.bits() / 8;
        let in_bytes = processor.in_bytes(bytes) && Plan::pays_in_bytes(body);
        Self::with(program, body, if in_bytes { bytes } else { bytes / 4 }, processor)
    }

    /// The same for so many rows at once: whole vectors, at most 64. Where they are as many as a wide vector has bytes,
    /// it is computed in bytes what can be.
    pub fn with(program: &Program, body: &Body, lanes: usize, processor: Processor) -> Result<Self, CompileError> {
        if !processor.here() {
            return Err(CompileError::Missing(processor.name()));
        }
        if !lanes.is_power_of_two() || !(processor.bits() / 32..=LANES_MAX).contains(&lanes) {
            return Err(CompileError::Lanes(lanes));
        }
        let plan = Plan::new(program, body, lanes, processor.in_bytes(lanes));
        let code = processor.generator().generate(program, body, &plan)?;
        let listeners = plan.slots.asks.iter().map(|scalars| Listener::new(scalars)).collect();
        Ok(Self { plan, code, listeners, room: Room::default() })
    }

    /// Bytes of machine code.
    pub fn code_len(&self) -> usize {
        self.code.len()
    }
}

impl Executor for Compiled {
    fn run(&mut self, block: &Block<'_>, out: &mut [ValuesMut<'_>]) {
        let arguments = arguments::Checked::new(&self.plan, block, out, &mut self.listeners, &mut self.room);
        self.code.run(&arguments);
    }

    fn requests(&mut self, number: usize) -> Option<&mut Requests> {
        self.listeners.get_mut(number).map(|listener| &mut listener.requests)
    }

    fn room(&self, count: usize) -> usize {
        count.next_multiple_of(self.plan.lanes.max(BLOCK_ROWS_MAX))
    }

    fn lanes(&self) -> usize {
        self.plan.lanes
    }

    /// Few enough that what one rule writes, or what is listed for loops, is in the first cache for what comes next.
    fn stretch(&self, loops: bool) -> usize {
        if loops { 512 } else { 4_096 }
    }
}
