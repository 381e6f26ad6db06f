//! Diptych: the engine.
//!
//! A scenario's text becomes a program ([`compile`](mod@compile): parse, resolve, check, lower, schedule), and a
//! [`coordinator`] runs it on worker processes. [`main`] is the whole command line. A program with systems of its own
//! is an [`App`], coordinator and workers both: [`system`] says how to write one.

pub mod app;
pub mod catalog;
pub mod cli;
pub mod codes;
pub mod compile;
pub mod coordinator;
pub mod diagnostic;
pub mod diff;
pub mod drawing;
pub mod explain;
pub mod export;
pub mod guide;
pub mod hashes;
pub mod indexes;
pub mod journal;
mod line_file;
pub mod lower;
pub mod machine;
pub mod order;
pub mod picture;
pub mod plot;
pub mod profile;
pub mod resolve;
pub mod run_directory;
pub mod schedule;
pub mod sheets;
pub mod shown;
mod signals;
pub mod source;
mod stale;
mod sweep;
pub mod syntax;
pub mod table;
mod trace_file;
pub mod types;
mod why;

pub use app::App;
pub use cli::main;
pub use diptych_protocol::program::Program;
pub use diptych_workers::kernel::Registry;
pub use diptych_workers::system;

/// What a program with systems in Rust uses: `use diptych::prelude::*`.
pub mod prelude {
    pub use crate::app::App;
    pub use crate::system::{
        AccessError, All, Any, Around, Births, Component, Despawn, Draw, Drawn, End, Ends, Entity, EntityView, Fault,
        Frame, Fresh, Group, Id, Mut, Near, Of, Own, Prev, Ref, Reference, Setup, Spawn, System, Tree, View, math,
        wide,
    };
}

/// The README's example is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
