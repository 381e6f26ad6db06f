//! The ground of Diptych: what coordinator, workers and outside readers agree on.
//!
//! The [`program`] as data and its verifier, typed [`id`]s and [`limits`], the meaning of numbers ([`eval`],
//! [`math`], [`random`], [`space`]); below them shared memory and the words that processes meet over.
//! Dependencies point down only: nothing here knows of a worker or of the engine.

pub mod access;
pub mod adopt;
pub mod adopt_view;
pub mod ask_view;
pub mod blame;
pub mod board;
pub mod body;
pub mod cgroup;
pub mod checkpoint;
pub mod chosen;
pub mod commands;
pub mod data;
pub mod digest;
pub mod edit_view;
pub mod edits;
pub mod eval;
pub mod graph;
pub mod grid;
pub mod grid_view;
pub mod header;
pub mod id;
pub mod inject;
pub mod inverse;
pub mod inverse_view;
pub mod kd;
pub mod kd_view;
pub mod layout;
pub mod limits;
pub mod made_view;
pub mod matching;
pub mod matching_view;
pub mod math;
pub mod memory;
pub mod message;
pub mod nan;
pub mod outputs;
pub mod program;
pub mod random;
pub mod raster;
pub mod reader;
pub mod record;
pub mod reduction;
pub mod segment;
pub mod sinks;
pub mod slots_view;
pub mod space;
pub mod state_view;
pub mod steps;
pub mod still;
pub mod stretches;
pub mod summary;
pub mod table;
pub mod ticket;
pub mod trace;
pub mod track;
pub mod tree;
pub mod types;
pub mod values;
pub mod verify;
pub mod view;
pub mod walker;
