//! Diptych's worker processes: attach, verify, claim, run a batch.
//!
//! A worker is the engine's own binary, started again ([`attach`]). It takes the program over a channel, maps the
//! segment and [`walk`]s the schedule; a [`runner`] runs what it claimed: blueprints and systems in text ([`mod@body`]),
//! phases of indexes ([`index`], [`grid`]), [`inverse`]s and [`matching`]s, passes of [`kernel`]s (those in [`native`] come with the
//! engine), [`reduce`] and the commit, which [`settle`]s the state.

// What `derive(Component)` writes names the crate that its users have.
extern crate self as diptych;

pub mod attach;
pub mod body;
pub mod edits;
pub mod extract;
mod finished;
pub mod float_mode;
pub mod graph;
pub mod grid;
pub mod in_process;
pub mod index;
mod inject;
pub mod inverse;
pub mod kernel;
pub mod matching;
mod nan;
pub mod native;
pub mod reduce;
pub mod runner;
pub mod settle;
pub mod system;
pub mod trace;
pub mod waiting;
pub mod walk;
pub mod wide;
