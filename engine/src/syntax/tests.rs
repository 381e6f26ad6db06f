//! What texts become, and what is told about those that are wrong.

mod bodies;
mod errors;
mod expressions;
mod hostile;
mod items;
mod show;

use super::ast::{Expr, Item, Scenario, Stmt};
use super::parse;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// What is told about a text, in its order.
fn told(text: &str) -> Vec<Diagnostic> {
    let mut diagnostics = Diagnostics::default();
    parse(text, &mut diagnostics);
    diagnostics.into_sorted()
}

/// `LINE CODE message` of each mistake.
fn errors(text: &str) -> Vec<String> {
    let line = |at: u32| text[..at as usize].matches('\n').count() + 1;
    told(text).into_iter().map(|d| format!("{} {} {}", line(d.primary.span.start), d.code, d.message)).collect()
}

/// The tree of a text without mistakes.
fn tree(text: &str) -> Scenario {
    let mut diagnostics = Diagnostics::default();
    let tree = parse(text, &mut diagnostics);
    let errors = diagnostics.into_sorted();
    assert!(errors.is_empty(), "{text}\n{errors:#?}");
    tree
}

/// The items after the header.
fn items(text: &str) -> Vec<Item> {
    tree(&format!("scenario x\n{text}\n")).items
}

/// The only item of a text.
fn item(text: &str) -> Item {
    let mut items = items(text);
    assert_eq!(items.len(), 1, "{text}\n{items:#?}");
    items.remove(0)
}

/// A value.
fn value(text: &str) -> Expr {
    match item(&format!("let a = {text}")) {
        Item::Let(constant) => constant.value,
        other => panic!("{other:#?}"),
    }
}

/// A value, with all its parentheses.
fn shown(text: &str) -> String {
    show::expr(&value(text))
}

/// A body.
fn body(text: &str) -> Vec<Stmt> {
    match item(&format!("system s for g owns A {{\n{text}\n}}")) {
        Item::System(system) => system.body.expect("a body"),
        other => panic!("{other:#?}"),
    }
}

/// A body, a statement a piece, with all parentheses.
fn statements(text: &str) -> Vec<String> {
    body(text).iter().map(show::statement).collect()
}
