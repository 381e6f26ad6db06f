//! Values: operators, folds, blocks.

use super::{items, shown, tree, value};
use crate::syntax::ast::{ExprKind, Item};

#[test]
fn operators_hold_as_tightly_as_documented() {
    assert_eq!(shown("a + b * -c.x"), "(a + (b * (-c.x)))");
    assert_eq!(shown("not a == b and c or d"), "(((not (a == b)) and c) or d)");
    assert_eq!(shown("a - b - c"), "((a - b) - c)");
    assert_eq!(shown("if a { 1 } else if b { 2 } else { 3 }"), "(if a 1 else (if b 2 else 3))");
}

#[test]
fn chains_hold_tightest() {
    assert_eq!(shown("agents[i + 1].To.x[2]"), "agents[(i + 1)].To.x[2]");
    assert_eq!(shown("-table[0] * 2"), "((-table[0]) * 2)");
    assert_eq!(
        shown("fresh Velocity + fresh other.Velocity * dt"),
        "((fresh Velocity) + ((fresh other.Velocity) * dt))"
    );
    assert_eq!(shown("-fresh Trail[2].y"), "(-(fresh Trail[2].y))");
    assert_eq!(shown("f(x).y"), "f(x).y");
    assert_eq!(shown("self"), "self");
    assert_eq!(shown("[0.1, [a], 2,]"), "[0.1, [a], 2]");
    assert_eq!(shown("[]"), "[]");
}

#[test]
fn a_branch_of_one_value_is_that_value() {
    assert_eq!(shown("if a { let t = x  t * 2 } else { 0 }"), "(if a {let t = x; (t * 2)} else 0)");
    assert_eq!(
        shown("if a { let t = x, u: f32 = t let v = u\n v } else { 0 }"),
        "(if a {let t = x, u: f32 = t; let v = u; v} else 0)"
    );
}

#[test]
fn folds_are_folds_and_functions_functions() {
    assert_eq!(
        shown("count(x in boids within 2.0 where x.Mass > 1)"),
        "<count x in boids within 2.0 where (x.Mass > 1)>"
    );
    assert_eq!(shown("sum(x in boids by To : x.Give)"), "<sum x in boids by To : x.Give>");
    assert_eq!(shown("sum(x in boids by fresh To : x.Give)"), "<sum x in boids by fresh To : x.Give>");
    assert_eq!(shown("count(boids within 2.0)"), "<count boids within 2.0>");
    assert_eq!(shown("count(boids)"), "<count boids>");
    assert_eq!(shown("mean(boids: length(Velocity))"), "<mean boids : length(Velocity)>");
    assert_eq!(
        shown("argmin(x in boids nearest 8 of fresh Position: x.d)"),
        "<argmin x in boids nearest 8 of (fresh Position) : x.d>"
    );
    assert_eq!(shown("max(boids where a: b)"), "<max boids where a : b>");
    assert_eq!(
        shown("any(x in people where x.State == I) and all(people: Well)"),
        "(<any x in people where (x.State == I)> and <all people : Well>)"
    );
    assert_eq!(shown("sum(i in 0 .. 4: table[i])"), "<sum i in 0 .. 4 : table[i]>");
    assert_eq!(
        shown("min(a, b) + max(a) + sum(a) + count(1) + mean(f(x), 2)"),
        "((((min(a, b) + max(a)) + sum(a)) + count(1)) + mean(f(x), 2))"
    );
    assert_eq!(shown("min(count, any)"), "min(count, any)");
    assert_eq!(shown("pick(boids within 2 of self.At)"), "<pick boids within 2 of self.At>");
}

#[test]
fn words_of_one_place_are_names_elsewhere() {
    assert_eq!(shown("where + nearest * pair - to"), "((where + (nearest * pair)) - to)");
    assert_eq!(shown("pair uniform(0, 1) < p"), "((pair uniform(0, 1)) < p)");
    assert_eq!(shown("pair(1, 2)"), "pair(1, 2)");
    assert_eq!(
        shown("count(x in nearest nearest nearest where where)"),
        "<count x in nearest nearest nearest where where>"
    );
    assert_eq!(shown("count(x in g within pair where (a))"), "<count x in g within pair where a>");
    assert_eq!(items("let where = 1 let from = 2 let other = 3 let until = 4").len(), 4);
}

#[test]
fn a_minus_or_bracket_at_the_start_of_a_line_goes_on_only_inside_parentheses() {
    assert_eq!(shown("(a\n - b)"), "(a - b)");
    assert_eq!(shown("[a\n - b, f\n(x), g\n[1]]"), "[(a - b), f(x), g[1]]");
    assert_eq!(shown("f(a\n - b)"), "f((a - b))");
    assert_eq!(shown("a -\n b\n + c\n * d\n and e\n .x"), "(((a - b) + (c * d)) and e.x)");
    // Braces inside parentheses count lines again.
    assert_eq!(
        shown("(if a { let b = c\n let d = e\n -d } else { 0 }\n - 1)"),
        "((if a {let b = c; let d = e; (-d)} else 0) - 1)"
    );
}

#[test]
fn places_are_those_of_the_text() {
    let text = "scenario x\nlet a = fresh b.c + sum(x in g within (1) : x)";
    let Some(Item::Let(constant)) = tree(text).items.pop() else { panic!() };
    let at = |span: diptych_protocol::program::Span| &text[span.start as usize..span.end as usize];
    let ExprKind::Binary(_, place, left, right) = &constant.value.kind else { panic!() };
    assert_eq!((at(*place), at(left.span), at(right.span)), ("+", "fresh b.c", "sum(x in g within (1) : x)"));
    let ExprKind::Fold(_, word, walk, ..) = &right.kind else { panic!() };
    assert_eq!((at(*word), at(walk.span)), ("sum", "x in g within (1)"));
}

#[test]
fn depth_counts_what_nests() {
    assert_eq!(value("1").depth, 1);
    assert_eq!(value("fresh a.b").depth, 3);
    assert_eq!(value("sum(x in g within 1 + 2: x)").depth, 3);
    // The block holds a `let`, which holds a sum of two.
    assert_eq!(value("if a { let b = 1 + 2  b } else { 0 }").depth, 5);
}
