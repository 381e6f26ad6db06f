//! Syntax: text to tokens to a tree.

pub mod ast;
mod blueprints;
mod expressions;
mod folds;
mod graph;
mod groups;
mod items;
pub mod lexer;
mod parser;
mod recovery;
mod render;
mod statements;
mod systems;
#[cfg(test)]
mod tests;
mod types;

pub use parser::{parse, parse_value};
