//! Bodies: rules in text. A body is compiled or interpreted ([`Executor`]); a driver brings it the rows, a block at a
//! time.

use diptych_protocol::access::AccessError;
use diptych_protocol::body::Body;
pub use diptych_protocol::message::Backend;
use diptych_protocol::program::Program;

use self::block::Executor;
use self::compiled::{Compiled, Processor};
use self::interpreter::Interpreter;

pub mod block;
pub mod blueprint;
pub mod column;
pub mod compiled;
pub mod driver;
pub mod interpreter;
pub mod requests;
pub mod slots;

/// What runs a verified body.
pub fn executor(program: &Program, body: &Body, backend: Backend) -> Result<Box<dyn Executor>, AccessError> {
    let processor = match (backend, processor(backend)) {
        (Backend::Compiled, _) => Processor::best_for(body),
        (_, Some(processor)) => processor,
        (_, None) => return Ok(Box::new(Interpreter::new(program, body))),
    };
    match Compiled::new(program, body, processor) {
        Ok(compiled) => Ok(Box::new(compiled)),
        Err(error) => {
            Err(AccessError(format!("a rule cannot be compiled: {error} (run it with --backend interpreter)")))
        }
    }
}

/// What a back end compiles for, if it does.
pub fn processor(backend: Backend) -> Option<Processor> {
    match backend {
        Backend::Interpreter => None,
        Backend::Compiled => Some(Processor::best()),
        Backend::Portable => Some(Processor::Portable),
        Backend::Avx2 => Some(Processor::Avx2),
        Backend::Avx512 => Some(Processor::Avx512),
    }
}

/// The back ends that this machine has, the reference first.
pub fn backends() -> impl Iterator<Item = Backend> {
    let all = [Backend::Interpreter, Backend::Portable, Backend::Avx2, Backend::Avx512];
    all.into_iter().filter(|backend| processor(*backend).is_none_or(Processor::here))
}
