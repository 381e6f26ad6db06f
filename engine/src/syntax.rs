//! Syntax: text to tokens to a tree.

pub mod ast;
mod expressions;
mod items;
pub mod lexer;
mod parser;

pub use parser::{parse, parse_value};
