//! Diptych: the engine.
//!
//! A scenario's text becomes a program ([`compile`](mod@compile): parse, resolve, check, lower, schedule), and a
//! [`coordinator`] runs it on worker processes. [`main`] is the whole command line; a program with kernels of its own
//! calls it with a [`Registry`] of them, and is coordinator and workers both.

pub mod catalog;
pub mod cli;
pub mod codes;
pub mod compile;
pub mod coordinator;
pub mod diagnostic;
pub mod explain;
pub mod indexes;
pub mod lower;
pub mod order;
pub mod resolve;
pub mod schedule;
pub mod shown;
mod signals;
pub mod source;
mod stale;
pub mod syntax;
pub mod table;
pub mod types;

pub use cli::main;
pub use diptych_protocol::program::Program;
pub use diptych_workers::kernel::Registry;

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
