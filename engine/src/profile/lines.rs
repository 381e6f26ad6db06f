//! Which line of a system costs most, by an estimate from its text: the operations that stand in each line, those of loops as
//! often as they turn.
//!
//! An addition counts 1, a division or a root 4, a transcendental function 16, a draw 10. What a loop turns over counts for its
//! line: [`SEARCH`] a turn where others are looked for in space. Loops from number to number turn as often as they say; all
//! others, of which the text does not know it, [`TURNS`] times. Functions and fields count where they are used.

use std::collections::BTreeMap;

use diptych_protocol::id::SystemId;
use diptych_protocol::program::{Program, Span};
use serde::Serialize;

use crate::diagnostic::Diagnostics;
use crate::syntax::ast::{
    BinaryOp, Binding, Birth, Expr, ExprKind, Field, Function, Item, Over, Query, Scenario, Stmt, StmtKind, Walk,
};
use crate::syntax::parse;

/// Turns of a loop whose number the text does not say.
const TURNS: f64 = 16.0;
/// Operations of looking for another in space.
const SEARCH: f64 = 8.0;
/// How deep functions and fields are followed.
const DEPTH: u32 = 32;

/// The line that an estimate says costs most.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Heaviest {
    /// Which.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// Of a system in text; nothing of a native one, or where nothing is done.
pub(super) fn heaviest(program: &Program, system: SystemId) -> Option<Heaviest> {
    let source = program.sources.values().next()?;
    let scenario = parse(&source.text, &mut Diagnostics::default());
    let span = program.systems[system].span;
    let body = scenario.items.iter().find_map(|item| match item {
        Item::System(it) if span.start <= it.name.span.start && it.name.span.start <= span.end => it.body.as_ref(),
        _ => None,
    })?;
    let mut weigher = Weigher { scenario: &scenario, at: Vec::new(), depth: 0 };
    weigher.statements(body, 1.0);
    let line_of = |start: u32| source.text.get(..start as usize).map_or(0, |before| before.matches('\n').count());
    let mut lines: BTreeMap<usize, f64> = BTreeMap::new();
    weigher.at.iter().for_each(|(start, cost)| *lines.entry(line_of(*start)).or_default() += cost);
    // Of equal ones the first.
    let (line, _) = lines.into_iter().rev().max_by(|(_, a), (_, b)| a.total_cmp(b)).filter(|(_, cost)| *cost > 0.0)?;
    let text = source.text.lines().nth(line)?;
    let code = text.split("//").next().unwrap_or(text).trim();
    Some(Heaviest { line: line + 1, text: code.into() })
}

/// Adds up what stands where.
struct Weigher<'a> {
    scenario: &'a Scenario,
    /// Where something is done, and what it costs.
    at: Vec<(u32, f64)>,
    depth: u32,
}

impl<'a> Weigher<'a> {
    fn add(&mut self, span: Span, cost: f64) {
        self.at.push((span.start, cost));
    }

    fn statements(&mut self, all: &'a [Stmt], times: f64) {
        for stmt in all {
            match &stmt.kind {
                StmtKind::Let(bindings) => bindings.iter().for_each(|Binding { value, .. }| self.value(value, times)),
                StmtKind::Assign { value, target, .. } => {
                    self.add(target.span, times);
                    self.value(value, times);
                }
                StmtKind::If { condition, yes, no } => {
                    self.value(condition, times);
                    // Rows are the lanes of vectors: where some go the other way, both are computed.
                    self.statements(yes, times);
                    self.statements(no, times);
                }
                StmtKind::For { walk, body } => {
                    let times = self.walk(walk, times);
                    self.statements(body, times);
                }
                StmtKind::Spawn(birth) => self.birth(birth, times),
                StmtKind::Despawn(value) => self.value(value, times),
                StmtKind::Add(member) => member.value.iter().for_each(|value| self.value(value, times)),
                StmtKind::Remove(_) => {}
                StmtKind::Publish(publication) => self.value(&publication.value, times),
            }
        }
    }

    fn birth(&mut self, birth: &'a Birth, times: f64) {
        birth.members.iter().filter_map(|member| member.value.as_ref()).for_each(|value| self.value(value, times));
    }

    /// How often a turn of it is made in all.
    fn walk(&mut self, walk: &'a Walk, times: f64) -> f64 {
        let (turns, search) = match &walk.over {
            Over::Range(low, high) => match (&low.kind, &high.kind) {
                (ExprKind::Int(low), ExprKind::Int(high)) => (high.saturating_sub(*low) as f64, 1.0),
                _ => (TURNS, 1.0),
            },
            Over::Rows(_, Query::Within { .. } | Query::Nearest { .. } | Query::Far(_)) => (TURNS, SEARCH),
            Over::Rows(..) => (TURNS, 1.0),
        };
        self.add(walk.span, times * turns * search);
        if let Some(filter) = &walk.filter {
            self.value(filter, times * turns);
        }
        times * turns
    }

    fn values(&mut self, all: &'a [Expr], times: f64) {
        all.iter().for_each(|value| self.value(value, times));
    }

    fn value(&mut self, expr: &'a Expr, times: f64) {
        match &expr.kind {
            ExprKind::Unary(_, a) => {
                self.add(expr.span, times);
                self.value(a, times);
            }
            ExprKind::Binary(op, at, a, b) => {
                let cost = if matches!(op, BinaryOp::Div | BinaryOp::Rem) { 4.0 } else { 1.0 };
                self.add(*at, cost * times);
                self.value(a, times);
                self.value(b, times);
            }
            ExprKind::If(c, a, b) => {
                self.add(expr.span, times);
                [c, a, b].into_iter().for_each(|it| self.value(it, times));
            }
            ExprKind::Call(name, arguments) => {
                self.call(&name.text, name.span, times);
                self.values(arguments, times);
            }
            ExprKind::Pipe(value, adapter) => {
                self.call(&adapter.name.text, adapter.span, times);
                self.value(value, times);
                self.values(&adapter.arguments, times);
            }
            ExprKind::Lane(of, name) => {
                // Of another row: a value that is loaded; or a field, which is computed.
                self.add(expr.span, times);
                self.field(&name.text, expr.span, times);
                self.value(of, times);
            }
            ExprKind::Name(name) => self.field(name, expr.span, times),
            ExprKind::In(a, _) | ExprKind::Fresh(a) | ExprKind::Pair(a) => self.value(a, times),
            ExprKind::Index(a, b) => {
                self.add(expr.span, times);
                self.value(a, times);
                self.value(b, times);
            }
            ExprKind::Array(all) => self.values(all, times),
            ExprKind::Block(statements, value) => {
                self.statements(statements, times);
                self.value(value, times);
            }
            ExprKind::Fold(_, at, walk, value, rest) => {
                let turns = self.walk(walk, times);
                self.add(*at, turns);
                value.iter().for_each(|value| self.value(value, turns));
                self.values(rest, times);
            }
            ExprKind::Spawn(birth) => self.birth(birth, times),
            ExprKind::Error
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Bool(_)
            | ExprKind::Row
            | ExprKind::Space
            | ExprKind::This => {}
        }
    }

    /// Calls count where they stand, with all that the function does.
    fn call(&mut self, name: &str, at: Span, times: f64) {
        let function = self.scenario.items.iter().find_map(|item| match item {
            Item::Function(it) if it.name.text == name => Some(it),
            _ => None,
        });
        match function {
            Some(Function { body, .. }) => self.inside(body, at, times),
            None => self.add(at, times * built_in(name)),
        }
    }

    fn field(&mut self, name: &str, at: Span, times: f64) {
        let field = self.scenario.items.iter().find_map(|item| match item {
            Item::Field(it) if it.name.text == name => Some(it),
            _ => None,
        });
        if let Some(Field { value, .. }) = field {
            self.inside(value, at, times);
        }
    }

    fn inside(&mut self, value: &'a Expr, at: Span, times: f64) {
        if self.depth >= DEPTH {
            return;
        }
        let before = std::mem::take(&mut self.at);
        self.depth += 1;
        self.value(value, times);
        self.depth -= 1;
        let cost = self.at.iter().map(|(_, cost)| cost).sum();
        self.at = before;
        self.add(at, cost);
    }
}

/// What a function of the language costs.
fn built_in(name: &str) -> f64 {
    match name {
        "sqrt" | "length" | "normalize" | "distance" => 4.0,
        "cbrt" | "sin" | "cos" | "tan" | "asin" | "acos" | "atan" | "atan2" | "sinh" | "cosh" | "tanh" | "exp"
        | "ln" | "log2" | "log10" | "pow" => 16.0,
        "uniform" | "chance" | "permutation" => 10.0,
        "normal" | "polar" | "poisson" | "exponential" => 30.0,
        "delta" | "wrap" => 4.0,
        "clamp_length" => 8.0,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::compile::{Settings, compile};
    use crate::source::Source;

    fn of(rule: &str) -> Option<Heaviest> {
        let text = format!(
            "scenario t\nrun {{ frames = 1, dt = 0.1, seed = 1 }}\nspace torus (0, 0) .. (9, 9)\n\
             component Position = vec2\ncomponent Heat = f32\n\
             group points[8] {{ position Position = uniform(space)\n Heat = 1.0 }}\n\
             fn wave(x: f32) -> f32 {{ sin(x) * cos(x) }}\n{rule}"
        );
        let source = Source { path: "t.dip".into(), text };
        let registry = crate::Registry::builtin();
        let compiled = compile(&source, &Settings::default(), &Catalog(&registry));
        let compiled = compiled.unwrap_or_else(|e| panic!("{}", crate::diagnostic::render(&source, &e, false)));
        heaviest(&compiled.program, SystemId(0))
    }

    #[test]
    fn the_line_that_does_most_is_found() {
        let loops = of("system warm for points owns Heat {\n let a = Heat * 2\n let mut b = a + 1\n\
                        for other in points within 1.0 { // near ones\n b += other.Heat\n }\n Heat = b\n}\n");
        assert_eq!(loops.map(|it| it.text).as_deref(), Some("for other in points within 1.0 {"));
        let calls = of("system warm for points owns Heat {\n let a = Heat * 2 + 1 - Heat\n Heat = wave(a)\n}\n");
        let calls = calls.unwrap();
        assert_eq!((calls.line, calls.text.as_str()), (11, "Heat = wave(a)"));
        let turns = of(
            "system warm for points owns Heat {\n let mut a = sqrt(Heat)\n for i in 0 .. 8 {\n a += a * a\n }\n Heat = a\n}\n",
        );
        assert_eq!(turns.map(|it| it.text).as_deref(), Some("a += a * a"));
    }
}
