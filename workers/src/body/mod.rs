//! Bodies: rules in text. A body is compiled or interpreted ([`Executor`](block::Executor)); a driver brings it the
//! rows, a block at a time.

pub mod block;
pub mod compiled;
pub mod slots;
