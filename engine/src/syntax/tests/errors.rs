//! What is told of wrong texts, and how the parser goes on.

use super::{errors, told};

/// What is told of a body in the lines after the third.
fn body_errors(text: &str) -> Vec<String> {
    errors(&format!("scenario x\nsystem s for g owns A\n{{\n{text}\n}}\nlet = 1"))
}

#[test]
fn one_run_tells_several_mistakes() {
    let found = errors("scenario x\nlet = 3\ngroup g[2] {\n  A = )\n  B = 1 +\n}\nparam p f32 = 1\nlet ok = 2\n");
    assert_eq!(
        found,
        [
            "2 E0105 expected a name for the constant, found `=`",
            "4 E0105 expected a value, found `)`",
            "5 E0105 expected a value, found `}`",
            "7 E0105 expected `:` and a type, found `f32`",
        ]
    );
}

#[test]
fn a_broken_statement_costs_its_line() {
    let found = body_errors(
        "  A = )
  let b 1
  let ok = 2
  for i 0 .. 4 {
     let inner = 3
  }
  if a b {
    A = 1
  }
  else {
    A = 2
  }
  for x in g {
     A += ]
     while x { A = 1 }
  }
  A = if a { ) } else { [ }
  A = 3",
    );
    assert_eq!(
        found,
        [
            "4 E0105 expected a value, found `)`",
            "5 E0105 expected `=` and a value, found `1`",
            "7 E0105 expected `in` and a group or a range, found `0`",
            "10 E0105 expected `{` and what to do if it is true, found `b`",
            "17 E0105 expected a value, found `]`",
            "18 E0105 expected `=`, `+=`, `-=`, `*=`, `/=` or `?=`, found `x`",
            "20 E0105 expected a value, found `)`",
            "20 E0105 expected a value, found `}`",
            "23 E0105 expected a name for the constant, found `=`",
        ]
    );
}

#[test]
fn what_begins_no_statement() {
    assert_eq!(
        body_errors("  1 = 2\n  A = b\n  -c\n  f(x)\n  B = 1, C = 2\n  wihle x { }\n  else { }\n  ] ]"),
        [
            "4 E0105 expected a statement, found `1`",
            "6 E0105 expected a statement, found `-`",
            "7 E0105 expected `=`, `+=`, `-=`, `*=`, `/=` or `?=`, found `B`",
            "8 E0105 expected a statement, found `,`",
            "9 E0105 expected `=`, `+=`, `-=`, `*=`, `/=` or `?=`, found `x`",
            "11 E0105 expected a statement, found `]`",
            "13 E0105 expected a name for the constant, found `=`",
        ]
    );
    let told = told("scenario x\nsystem s for g {\n A = b\n (c)\n}\nlet a = 1\n- 2");
    let help: Vec<&str> = told.iter().flat_map(|error| &error.help).map(String::as_str).collect();
    assert_eq!(
        help,
        [
            "a line that begins with `(` does not go on from the one before it",
            "a line that begins with `-` does not go on from the one before it"
        ]
    );
}

#[test]
fn help_is_near_what_was_meant() {
    for (text, expected) in [
        ("if a = b { A = 1 }", "`==` compares, `=` gives a value"),
        ("A == 1", "`=` gives a value, `==` compares"),
        ("for x in g wihtin r { A = 1 }", "did you mean `within`?"),
        ("lte b = 1", "did you mean `let`?"),
    ] {
        let told = told(&format!("scenario x\nsystem s for g {{\n{text}\n}}"));
        assert_eq!(told.iter().flat_map(|error| &error.help).collect::<Vec<_>>(), [expected], "{text}");
    }
}

#[test]
fn a_missing_brace_is_told_once() {
    assert_eq!(
        errors("scenario x\nsystem s for g {\n for x in g {\n  if a {\n   A = 1\n\ngroup h[2] { A = ) }\n"),
        ["5 E0105 expected `}`, found `group`", "7 E0105 expected a value, found `)`"]
    );
    assert_eq!(body_errors(" if a { A = 1 else { A = 2 }\n B = )").len(), 3);
    assert_eq!(body_errors(" A = if a { 1 else { 2 }\n B = )").len(), 3);
    assert_eq!(
        errors("scenario x\nfn f() -> f32 {\n let a = 1\n"),
        ["3 E0105 expected a value, found the end of the text"]
    );
    assert_eq!(errors("scenario x\ncomponent A = {\n a: f32\nlet a = )").len(), 2);
}

#[test]
fn after_a_broken_clause_the_body_is_read() {
    assert_eq!(
        errors(
            "scenario x\nsystem s fro g owns A, with { b = } {\n let a = )\n let b = 1\n A = ]\n}\nsystem t for g { } owns A"
        ),
        [
            "2 E0105 expected a clause of the system, found `fro`",
            "2 E0109 expected a component, found `with`, which is a word of the language",
            "2 E0105 expected a value, found `}`",
            "3 E0105 expected a value, found `)`",
            "5 E0105 expected a value, found `]`",
            "7 E0105 expected an item, found `owns`",
        ]
    );
}

#[test]
fn functions_and_blocks_go_on_after_a_mistake() {
    assert_eq!(
        errors(
            "scenario x\nfn f(a: f32) -> f32 {\n let b = )\n let c = ]\n a = 2\n}\nfn g(a) -> f32 { 1 }\nfn h() { 1 }\nlet = 1"
        ),
        [
            "3 E0105 expected a value, found `)`",
            "4 E0105 expected a value, found `]`",
            "5 E0105 expected `}`, found `=`",
            "7 E0105 expected `:` and a type, found `)`",
            "8 E0105 expected `->` and the type of the result, found `{`",
            "9 E0105 expected a name for the constant, found `=`",
        ]
    );
    assert_eq!(errors("scenario x\nlet a = if b { let c = ) } else { 1 }").len(), 1);
}

#[test]
fn items_say_what_they_miss() {
    for (text, expected) in [
        ("enum A { B, 1 }", "E0105 expected a name for the variant, found `1`"),
        ("enum A = B", "E0105 expected `{` and the variants, found `=`"),
        ("component A = entity agents", "E0105 expected `of` and a group, found `agents`"),
        ("component A = vec2[", "E0105 expected a value, found the end of the text"),
        ("component A = { mass }", "E0105 expected `:` and a type, found `}`"),
        (
            "group g { A = 1 }",
            "E0105 expected `[` and the number of rows, `from \"FILE.csv\"` or `= buckets of INDEX`, found `{`",
        ),
        ("group g from people { A = 1 }", "E0105 expected the file's name in quotes, found `people`"),
        ("signal a", "E0105 expected `=` and a value, found the end of the text"),
        ("ensure a == 1", "E0105 expected in quotes what is to hold, found `a`"),
        ("record \"a.csv\" { b }", "E0105 expected `every K` or `to` and a file, found `\"a.csv\"`"),
        ("record every 2 { b }", "E0105 expected `to` and a file, found `{`"),
        ("record to a { b }", "E0105 expected the file's name in quotes, found `a`"),
        ("let a = sum(g within 2)", "E0105 expected `:` and the value that `sum` takes of each, found `)`"),
        ("let a = count(x in f(g))", "E0105 expected a group or a range, found another value"),
        ("let a = count(g within 2 of)", "E0105 expected a value, found `)`"),
        ("let a = count(x in g by 2)", "E0105 expected a component of references, found `2`"),
        ("let a = [1, 2", "E0105 expected `,` or `]`, found the end of the text"),
        ("let a = b[1", "E0105 expected `]`, found the end of the text"),
        ("let a = fresh fresh b", "E0105 expected a value, found `fresh`"),
        ("let mut = 1", "E0109 expected a name for the constant, found `mut`, which is a word of the language"),
        ("system s native \"k\" for g { A = 1 }", "E0108 system `s` has a native kernel and a body"),
        ("system s for g { fresh A = 1 }", "E0110 this is a value, not a place that could be given one"),
        ("system s for g { f(x).y += 1 }", "E0110 this is a value, not a place that could be given one"),
        ("system s for g { self = 1 }", "E0110 this is a value, not a place that could be given one"),
        ("system s for g { row = 1 }", "E0110 this is a value, not a place that could be given one"),
        ("system s for g { let a = 1 < 2 < 3 }", "E0107 comparisons do not chain"),
        ("state g", "E0105 `state` is reserved: this version of the language has no such item"),
        ("bus g", "E0105 expected `:` and a type, found the end of the text"),
        ("bus g: f32 = 3", "E0105 expected `sum`, `mean`, `min`, `max`, `product` or `last`, found `3`"),
        ("bus g: f32 = sum { a }", "E0105 expected `publish` and a value, found `a`"),
        ("bus g: f32 = sum |> 3", "E0105 expected a function, which what comes in is the first argument of, found `3`"),
        (
            "event e",
            "E0105 expected `when` and a condition, or `every` and a number of frames, found the end of the text",
        ),
        ("event e for g every 3", "E0105 expected `when` and a condition, found `every`"),
        ("field f = 3", "E0105 expected `for` and a group, found `=`"),
        (
            "signal s = 3 |> f",
            "E0105 expected `(` and the other arguments, if there are any, found the end of the text",
        ),
        ("system s for g { on 3 { } }", "E0105 expected an event, found `3`"),
        ("system s for g { publish A 3 }", "E0105 expected `=` and a value, found `3`"),
        ("recrod to \"a\" { b }", "E0105 expected an item, found `recrod`"),
    ] {
        assert_eq!(errors(&format!("scenario x\n{text}")), [format!("2 {expected}")], "{text}");
    }
}
