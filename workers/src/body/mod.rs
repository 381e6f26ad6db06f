//! Bodies: rules in text. A body is compiled or interpreted ([`Executor`]); a driver brings it the rows, a block at a
//! time.

use diptych_protocol::access::AccessError;
use diptych_protocol::body::Body;
pub use diptych_protocol::message::Backend;
use diptych_protocol::program::Program;

use self::block::Executor;
use self::interpreter::Interpreter;

pub mod block;
pub mod blueprint;
mod column;
pub mod driver;
pub mod interpreter;
pub mod slots;

/// What runs a verified body.
pub fn executor(program: &Program, body: &Body, backend: Backend) -> Result<Box<dyn Executor>, AccessError> {
    match backend {
        Backend::Interpreter => Ok(Box::new(Interpreter::new(program, body))),
        // There is no compiler yet: its line goes here.
        Backend::Compiled => Ok(Box::new(Interpreter::new(program, body))),
    }
}
