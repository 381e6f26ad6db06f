//! Texts that mean harm: told in a time that grows as they do, on a small stack.

use std::time::{Duration, Instant};

use super::{errors, told};

const BYTES: usize = 1 << 17;

fn repeated(part: &str) -> String {
    part.repeat(BYTES / part.len())
}

/// Repeated without an end, in each place where it could be read.
fn places(part: &str) -> Vec<String> {
    let many = repeated(part);
    [
        "let a = ",
        "component A = ",
        "fn f() -> f32 { ",
        "fn f(",
        "enum A { ",
        "group g[1] { A = ",
        "system s for g { ",
        "system s for g { A = ",
        "system s for g { for x in ",
        "system s for g { let ",
        "record to \"a\" { a = ",
        "",
    ]
    .map(|before| format!("scenario x\n{before}{many}"))
    .to_vec()
}

#[test]
fn no_text_takes_long_or_deep() {
    // What runs away here is minutes or an overflow; a loaded machine is not.
    const MOST: Duration = Duration::from_secs(5);
    for part in [
        "(",
        "[",
        "{",
        "}",
        "-",
        "1+",
        "if ",
        "if a {",
        "if a {\n",
        "if a {} else ",
        "if a {1} else ",
        "f(",
        ".x",
        "a.x",
        "not ",
        "for x in ",
        "for x in g {",
        "for x in g {\n",
        "for x in g { A = 1 }",
        "{ a: ",
        "f32[",
        "[1]",
        "entity of ",
        "fresh ",
        "pair ",
        "pair f(",
        "count(x in ",
        "sum(x in g: ",
        "count(",
        "g within ",
        "g where ",
        "let ",
        "let a = ",
        "let a = 1, ",
        "a = 1\n",
        "a = b\n-",
        "a, ",
        "a: f32, ",
        "a: f32 ",
        "else ",
        "}\n{\n",
        "\"",
        "\"a\" ",
        "///\n",
        "/// a\nlet a = 1\n",
        "\n",
        " ",
        "é",
        "let a = if a { let b = ",
        "let a = )\n",
        "system s {",
        "system s {}\n",
        "fn f() -> f32 { let a = 1 ",
        "mut ",
        "= ",
        "1 ",
        "99999999999999999999 ",
        "a.b[f(",
    ] {
        for text in places(part) {
            let start = Instant::now();
            told(&text);
            assert!(start.elapsed() < MOST, "{part:?} in {:?}: {:?}", &text[..40], start.elapsed());
        }
    }
}

#[test]
fn what_nests_too_deeply_is_told_so_once() {
    for (before, part, what) in [
        ("let a = ", "(", "expression"),
        ("let a = ", "[", "expression"),
        ("let a = ", "-", "expression"),
        ("let a = ", "1+", "expression"),
        ("let a = ", "if ", "expression"),
        ("let a = ", "if b { ", "expression"),
        ("let a = ", "if b { let c = ", "expression"),
        ("let a = ", "if b { 1 } else ", "expression"),
        ("let a = ", "f(", "expression"),
        ("let a = ", "b[", "expression"),
        ("let a = b", ".x", "expression"),
        ("let a = b", "[1]", "expression"),
        ("let a = ", "not ", "expression"),
        ("let a = ", "pair f(", "expression"),
        ("let a = ", "sum(x in g: ", "expression"),
        ("let a = ", "count(x in g where ", "expression"),
        ("component A = ", "{ a: ", "type"),
        ("component A = f32", "[2]", "type"),
        ("component A = ", "f32[b[", "expression"),
        ("system s for g { ", "if a { ", "body"),
        ("system s for g { ", "for x in g {\n", "body"),
        ("system s for g { ", "if a { } else ", "body"),
    ] {
        let found = told(&format!("scenario x\n{before}{}", part.repeat(20_000)));
        let deep: Vec<&str> = found.iter().filter(|error| error.code == "E0106").map(|e| e.message.as_str()).collect();
        let most = if what == "body" { 90 } else { 100 };
        assert_eq!(deep, [format!("this {what} nests deeper than {most}")], "{part}");
    }
}

#[test]
fn the_depth_of_a_body_includes_its_expressions() {
    let text = |bodies: usize, terms: usize| {
        let (open, close) = ("if a { ".repeat(bodies), "}".repeat(bodies));
        format!("scenario x\nsystem s for g {{ {open} A = b{} {close} }}", " + c".repeat(terms))
    };
    assert_eq!(errors(&text(40, 40)), [""; 0]);
    assert_eq!(errors(&text(88, 0)), [""; 0]);
    assert_eq!(errors(&text(60, 60)), ["2 E0106 this body nests deeper than 100"]);
}

#[test]
fn lists_have_limits() {
    for (before, part, after, what) in [
        ("let a = [", "1, ", "]", "entries in one list"),
        ("let a = f(", "1, ", ")", "entries in one list"),
        ("fn f(", "a: f32, ", ") -> f32 { 1 }", "entries in one list"),
        ("enum A { ", "B, ", "}", "entries in one pair of braces"),
        ("component A = { ", "b: f32, ", "}", "entries in one pair of braces"),
        ("record to \"a\" { ", "b, ", "}", "entries in one pair of braces"),
        ("system s for g { ", "A = 1 ", "}", "statements in one body"),
        ("system s for g { let ", "a = 1, ", "b = 1 }", "entries in one list"),
        ("fn f() -> f32 { ", "let a = 1 ", "a }", "statements in one body"),
        ("system s ", "owns A ", "", "clauses of one system"),
    ] {
        assert_eq!(errors(&format!("scenario x\n{before}{}{after}", part.repeat(999))), [""; 0]);
        let found = errors(&format!("scenario x\n{before}{}{after}", part.repeat(1_002)));
        assert_eq!(found, [format!("2 E0601 more than 1000 {what}")], "{part}");
    }
}
