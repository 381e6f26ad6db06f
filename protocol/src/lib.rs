//! The ground of Diptych: what coordinator, workers and outside readers agree on.
//!
//! The [`program`] as data and its verifier, typed [`id`]s and [`limits`], the meaning of numbers ([`eval`],
//! [`math`], [`random`], [`space`]); below them shared memory and the words that processes meet over.
//! Dependencies point down only: nothing here knows of a worker or of the engine.

pub mod body;
pub mod id;
pub mod kd;
pub mod layout;
pub mod limits;
pub mod program;
pub mod record;
pub mod space;
pub mod table;
pub mod ticket;
pub mod types;
pub mod walker;
