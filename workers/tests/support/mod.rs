//! Random bodies and blocks, and a third opinion about what they compute.

#![expect(clippy::unwrap_used, reason = "tests may, and these are their helpers")]

pub mod blocks;
pub mod bodies;
pub mod narrow;
pub mod numbers;
pub mod reference;
