//! Random bodies and blocks, and a third opinion about what they compute.

pub mod blocks;
pub mod bodies;
pub mod numbers;
pub mod reference;
