//! Statements and bodies: the trees that texts become.

use super::{body, statements, tree};
use crate::syntax::ast::Item;

#[test]
fn statements_need_no_mark_between_them() {
    let expected = ["A = (b + c)", "B += d", "C[2].y -= (-e)", "D /= 2", "E *= f(x)"];
    assert_eq!(statements("A = b + c\nB += d\nC[2].y -= -e\nD /= 2\nE *= f(x)"), expected);
    assert_eq!(statements("A = b + c B += d C[2].y -= -e D /= 2 E *= f(x)"), expected);
}

#[test]
fn a_line_goes_on_with_an_operator() {
    assert_eq!(statements("A = b\n + c\n * d\nB = e -\n f"), ["A = (b + (c * d))", "B = (e - f)"]);
    assert_eq!(statements("A = (b\n - c)\nself.B = 1"), ["A = (b - c)", "self.B = 1"]);
}

#[test]
fn bindings_may_change_and_say_their_type() {
    assert_eq!(
        statements(
            "let mut away = vec2(0), mut heading = vec2(0), near: u32 = 0, t: f32[2] =\n [1, 2]\nlet me = self let e = row"
        ),
        [
            "let mut away = vec2(0), mut heading = vec2(0), near: u32 = 0, t: (f32)[2] = [1, 2]",
            "let me = self",
            "let e = row"
        ]
    );
}

#[test]
fn loops_go_over_ranges_and_rows() {
    for walk in [
        "i in 0 .. 4",
        "i in (a + 1) .. f(n)",
        "other in boids",
        "other in boids within radius",
        "other in boids within r of (fresh Position)",
        "x in boids nearest 8",
        "x in boids around 1",
        "x in boids beside k where (x.d > 1)",
        "x in boids nearest k of P",
        "x in boids by To",
        "x in boids by fresh To",
        "x in boids within r where (x.Mass > 1)",
        "x in boids where (not (x == self))",
        "i in 0 .. 4 where (i < n)",
    ] {
        assert_eq!(
            statements(&format!("for {walk} {{ A += other.Mass }}")),
            [format!("for {walk} {{A += other.Mass}}")]
        );
    }
}

#[test]
fn branches_may_have_no_other_side() {
    assert_eq!(
        statements("if near > 0 { A = 1 } B = 2\nif a { }\nelse if b { C = 1\n D = 2 } else { E = 3 }"),
        ["if (near > 0) {A = 1}", "B = 2", "if a {} else {if b {C = 1; D = 2} else {E = 3}}"]
    );
    assert_eq!(
        statements("let steer = if a { let t = x  t * 2 } else { 0 }\nif steer > 0 { A = if b { 1 } else { 2 } }"),
        ["let steer = (if a {let t = x; (t * 2)} else 0)", "if (steer > 0) {A = (if b 1 else 2)}"]
    );
}

#[test]
fn places_are_those_of_the_text() {
    let text = "scenario x\nsystem s for g {\n  for x in g { A = 1 }\n  let b = 1\n}";
    let Some(Item::System(system)) = tree(text).items.pop() else { panic!() };
    let statements = system.body.expect("a body");
    let places: Vec<&str> = statements.iter().map(|s| &text[s.span.start as usize..s.span.end as usize]).collect();
    assert_eq!(places, ["for x in g { A = 1 }", "let b = 1"]);
}

#[test]
fn a_whole_system_reads() {
    let text = "
    let mut away = vec2(0), mut heading = vec2(0), near: u32 = 0
    for other in boids within radius where other != self {
        let d = Position - other.Position
        away += d / max(length_squared(d), 1e-4)
        heading += other.Velocity
        near += 1
    }
    if near > 0 {
        heading /= f32(near)
    } else {
        heading = Velocity
    }
    let coin = pair uniform(0, 1)
    Velocity = fresh Velocity + (away * strength
        - heading) * dt
    Body.mass = 2.0
    To = agents[i]";
    assert_eq!(body(text).len(), 7);
}
