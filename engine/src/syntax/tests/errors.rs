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
            "18 E0105 expected `=`, `+=`, `-=`, `*=` or `/=`, found `x`",
            "20 E0105 expected a value, found `)`",
            "20 E0105 expected a value, found `}`",
            "23 E0105 expected a name for the constant, found `=`",
        ]
    );
}

#[test]
fn what_begins_no_statement() {
    assert_eq!(
        body_errors("  1 = 2\n  A = b\n  -c\n  f(x)\n  fn g() {}\n"),
        [
            "4 E0105 expected a statement, found `1`",
            "5 E0105 expected a statement, found `-`",
            "7 E0105 expected `=`, `+=`, `-=`, `*=` or `/=`, found `fn`",
            "8 E0105 expected `->` and the type of the result, found `{`",
            "10 E0105 expected an item, found `}`",
            "11 E0105 expected a name for the constant, found `=`",
        ]
    );
}
