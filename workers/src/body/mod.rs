//! Bodies: rules in text. A body is compiled or interpreted ([`Executor`]); a driver brings it the rows, a block at a
//! time.

use diptych_protocol::access::AccessError;
use diptych_protocol::body::Body;
pub use diptych_protocol::message::Backend;
use diptych_protocol::program::Program;

use self::block::Executor;
use self::compiled::Compiled;
use self::interpreter::Interpreter;

pub mod block;
pub mod blueprint;
mod column;
pub mod compiled;
pub mod driver;
pub mod interpreter;
pub mod requests;
pub mod slots;

/// What runs a verified body.
pub fn executor(program: &Program, body: &Body, backend: Backend) -> Result<Box<dyn Executor>, AccessError> {
    match backend {
        Backend::Interpreter => Ok(Box::new(Interpreter::new(program, body))),
        Backend::Compiled => match Compiled::new(program, body) {
            Ok(compiled) => Ok(Box::new(compiled)),
            Err(error) => {
                Err(AccessError(format!("a rule cannot be compiled: {error} (run it with --backend interpreter)")))
            }
        },
    }
}
