//! The rules of statements: bodies of systems, and blocks, which are lets before a value.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{Assignment, BinaryOp, Binding, Birth, Expr, ExprKind, Publication, Stmt, StmtKind};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::{ENTRIES_MAX, Parser};

/// What braces belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// An `if`: an `else` may follow.
    Branch,
    /// Anything else.
    Whole,
}

/// Statements, or one, and how deep they are.
type Deep<T> = (T, u16);

impl Parser<'_> {
    /// `{ ... }`: statements; a broken one costs its line.
    pub(super) fn body(&mut self, place: Place, what: &str) -> Option<Deep<Vec<Stmt>>> {
        if !self.eat(Kind::BraceOpen) {
            let help = match self.kind() {
                Kind::Assign => Some("`==` compares, `=` gives a value".to_string()),
                Kind::Name => did_you_mean(self.word(), ["within", "nearest", "by", "of", "where"]),
                _ => None,
            };
            self.unexpected_but(what, help);
            return None;
        }
        self.braced(|parser, level| match parser.deeper("body", |parser| Some(parser.statements(place, level))) {
            Some(result) => result,
            None => {
                parser.skip_to_close(level);
                parser.eat(Kind::BraceClose);
                None
            }
        })
    }

    fn statements(&mut self, place: Place, level: u32) -> Option<Deep<Vec<Stmt>>> {
        let (mut statements, mut depth, mut count) = (Vec::new(), 0, 0);
        loop {
            if self.eat(Kind::BraceClose) {
                return Some((statements, depth));
            }
            if self.kind() == Kind::End || self.at_item_in_braces(true) {
                self.unexpected("`}`");
                return None;
            }
            if place == Place::Branch && self.kind() == Kind::Else {
                self.unexpected("`}`");
                return Some((statements, depth));
            }
            self.too_many(count, ENTRIES_MAX, "statements in one body");
            count += 1;
            let from = self.at;
            match self.statement() {
                Some((statement, inner)) => {
                    statements.push(statement);
                    depth = inner.max(depth);
                }
                None => self.skip_line(from, level, true),
            }
        }
    }

    fn statement(&mut self) -> Option<Deep<Stmt>> {
        match self.kind() {
            Kind::Let => self.bindings(),
            Kind::If => self.branches(),
            Kind::For => self.turns(),
            Kind::Spawn => {
                let start = self.token().span.start;
                let (birth, depth) = self.birth()?;
                self.made(StmtKind::Spawn(birth), self.since(start), depth)
            }
            Kind::Despawn => self.end(),
            Kind::On | Kind::Every => self.occasion(),
            Kind::Name if self.ahead(1).kind == Kind::Name && self.is_word(0, "publish") => self.publication(),
            Kind::Name if self.ahead(1).kind == Kind::Name && self.is_word(0, "add") => self.gain(),
            Kind::Name if self.ahead(1).kind == Kind::Name && self.is_word(0, "remove") => self.loss(),
            Kind::Name | Kind::This | Kind::Row | Kind::Fresh => self.assignment(),
            _ => {
                let help = if self.at_line_start() { self.new_line_help() } else { None };
                let help = help.unwrap_or_else(|| {
                    "statements are `NAME = VALUE`, `let`, `if`, `for`, `on`, `every`, `publish`, `spawn`, `despawn`, `add` and `remove`".into()
                });
                let message = format!("expected a statement, found `{}`", self.shown());
                self.tell(Diagnostic::error(codes::E0105, self.token().span, message).help(help));
                None
            }
        }
    }

    /// What to do if the line was meant to go on from the one before.
    pub(super) fn new_line_help(&self) -> Option<String> {
        matches!(self.kind(), Kind::Minus | Kind::ParenOpen | Kind::BracketOpen)
            .then(|| format!("a line that begins with `{}` does not go on from the one before it", self.word()))
    }

    /// `let a = 1, mut b: f32 = 2`
    fn bindings(&mut self) -> Option<Deep<Stmt>> {
        let start = self.advance().span.start;
        let (mut bindings, mut depth) = (Vec::new(), 0);
        loop {
            self.too_many(bindings.len(), ENTRIES_MAX, "entries in one list");
            let mutable = self.eat(Kind::Mut);
            let name = self.name("a name for the value")?;
            let ty = if self.eat(Kind::Colon) { Some(self.deep_type()?) } else { None };
            self.expect(Kind::Assign, "`=` and a value")?;
            let value = self.expr()?;
            depth = value.depth.max(depth).max(ty.as_ref().map_or(0, |(_, depth)| *depth));
            bindings.push(Binding { mutable, name, ty: ty.map(|(ty, _)| ty), value });
            if !self.eat(Kind::Comma) {
                let span = self.since(start);
                return self.made(StmtKind::Let(bindings), span, depth);
            }
        }
    }

    /// `if c { ... } else if d { ... } else { ... }`
    fn branches(&mut self) -> Option<Deep<Stmt>> {
        let start = self.advance().span.start;
        let condition = self.expr()?;
        let (yes, inner) = self.body(Place::Branch, "`{` and what to do if it is true")?;
        let mut depth = inner.max(condition.depth);
        let no = if !self.eat(Kind::Else) {
            Vec::new()
        } else if self.kind() == Kind::If {
            let (statement, inner) = self.deeper("body", Self::branches)?;
            depth = inner.max(depth);
            vec![statement]
        } else {
            let (no, inner) = self.body(Place::Whole, "`{` and what to do if it is false")?;
            depth = inner.max(depth);
            no
        };
        self.made(StmtKind::If { condition, yes, no }, self.since(start), depth)
    }

    /// `for x in WALK { ... }`
    fn turns(&mut self) -> Option<Deep<Stmt>> {
        let start = self.advance().span.start;
        let (walk, depth) = self.named_walk()?;
        let (body, inner) = self.body(Place::Whole, "`{` and what to do in each turn")?;
        self.made(StmtKind::For { walk, body }, self.since(start), inner.max(depth))
    }

    /// `spawn GROUP { Component = value }`, and how deep it is.
    pub(super) fn birth(&mut self) -> Option<Deep<Birth>> {
        self.advance();
        let group = self.name("the group that a row is born into")?;
        let most = self.most_births()?;
        self.expect(Kind::BraceOpen, "`{` and the components that differ from the blueprint")?;
        let mut members = Vec::new();
        self.members(|parser| {
            members.push(parser.member()?);
            Some(())
        })?;
        let depth = members.iter().filter_map(|member| member.value.as_ref()).map(|value| value.depth).max();
        let depth = depth.max(most.as_ref().map(|most| most.depth));
        Some((Birth { group, most, members }, depth.unwrap_or(0)))
    }

    /// `[max 4]`, if that is there.
    #[expect(clippy::option_option, reason = "an error, nothing, or a value")]
    pub(super) fn most_births(&mut self) -> Option<Option<Expr>> {
        if !self.eat(Kind::BracketOpen) {
            return Some(None);
        }
        self.expect_word("max", "`max` and the most births that a row can ask for")?;
        let most = self.enclosed(Self::expr)?;
        self.expect(Kind::BracketClose, "`]`")?;
        Some(Some(most))
    }

    /// `despawn self`
    fn end(&mut self) -> Option<Deep<Stmt>> {
        let start = self.advance().span.start;
        let row = self.expr()?;
        let depth = row.depth;
        self.made(StmtKind::Despawn(row), self.since(start), depth)
    }

    /// `add Component = value`
    fn gain(&mut self) -> Option<Deep<Stmt>> {
        let start = self.advance().span.start;
        let member = self.member()?;
        let depth = member.value.as_ref().map_or(0, |value| value.depth);
        self.made(StmtKind::Add(member), self.since(start), depth)
    }

    /// `remove Component`
    fn loss(&mut self) -> Option<Deep<Stmt>> {
        let start = self.advance().span.start;
        let component = self.name("a component")?;
        self.made(StmtKind::Remove(component), self.since(start), 0)
    }

    /// `A = x`, `a.x += y`, `A ?= x`
    fn assignment(&mut self) -> Option<Deep<Stmt>> {
        let (first, start) = (self.word(), self.token().span.start);
        let target = if self.kind() == Kind::Fresh { self.fresh()? } else { self.postfix()? };
        let op = match self.kind() {
            Kind::Assign => Assignment::Plain,
            Kind::DiffersAssign => Assignment::IfDifferent,
            Kind::PlusAssign => Assignment::Changed(BinaryOp::Add),
            Kind::MinusAssign => Assignment::Changed(BinaryOp::Sub),
            Kind::StarAssign => Assignment::Changed(BinaryOp::Mul),
            Kind::SlashAssign => Assignment::Changed(BinaryOp::Div),
            _ => {
                let help = match target.kind {
                    _ if self.kind() == Kind::Equal => Some("`=` gives a value, `==` compares".to_string()),
                    ExprKind::Name(_) if matches!(first, "while" | "loop" | "return" | "break" | "continue") => Some(
                        format!("there is no `{first}`: every rule comes to an end; use `for i in 0 .. n` and `if`"),
                    ),
                    ExprKind::Name(_) => did_you_mean(first, ["let", "if", "for"]),
                    _ => None,
                };
                let help = help.unwrap_or_else(|| "a statement changes something: `NAME = VALUE`".into());
                self.unexpected_but("`=`, `+=`, `-=`, `*=`, `/=` or `?=`", Some(help));
                return None;
            }
        };
        self.check_target(&target);
        let place = self.advance().span;
        let value = self.expr()?;
        let depth = target.depth.max(value.depth);
        self.made(StmtKind::Assign { target, op, place, value }, self.since(start), depth)
    }

    /// Tells if there is nothing that could be changed. Whether it may be, the types know.
    fn check_target(&mut self, target: &Expr) {
        let mut root = target;
        while let ExprKind::Lane(inner, _) | ExprKind::Index(inner, _) = &root.kind {
            root = inner;
        }
        let help = match root.kind {
            ExprKind::Name(_) => return,
            ExprKind::This if !std::ptr::eq(root, target) => return,
            ExprKind::Fresh(_) => "leave out `fresh`: what a system gives a component is its fresh value",
            _ => "a variable or a component that the system owns can be given a value",
        };
        let error =
            Diagnostic::error(codes::E0110, target.span, "this is a value, not a place that could be given one");
        self.tell(error.help(help));
    }

    /// `on EVENT { ... }`, `every K { ... }`
    fn occasion(&mut self) -> Option<Deep<Stmt>> {
        let start = self.token().span.start;
        let condition = match self.kind() {
            Kind::Every => self.each()?,
            _ => self.happening()?,
        };
        let (yes, inner) = self.body(Place::Whole, "`{` and what to do then")?;
        let depth = inner.max(condition.depth);
        self.made(StmtKind::If { condition, yes, no: Vec::new() }, self.since(start), depth)
    }

    /// `publish BUS = value`
    fn publication(&mut self) -> Option<Deep<Stmt>> {
        let start = self.advance().span.start;
        let bus = self.name("a bus")?;
        let order = self.order()?;
        self.expect(Kind::Assign, "`=` and a value")?;
        let value = self.expr()?;
        let depth = value.depth.max(order.as_ref().map_or(0, |order| order.depth));
        self.made(StmtKind::Publish(Publication { bus, order, value }), self.since(start), depth)
    }

    fn made(&mut self, kind: StmtKind, span: Span, inner: u16) -> Option<Deep<Stmt>> {
        let depth = self.depth_around(inner, "body", span)?;
        Some((Stmt { kind, span }, depth))
    }

    /// `{ let a = 1  a + b }`: lets, then a value; without lets, the value itself.
    pub(super) fn block(&mut self, what: &str) -> Option<Expr> {
        let start = self.expect(Kind::BraceOpen, what)?.span.start;
        self.braced(|parser, level| parser.lets_and_value(start, level))
    }

    fn lets_and_value(&mut self, start: u32, level: u32) -> Option<Expr> {
        let (mut lets, mut depth, mut count, mut broken) = (Vec::new(), 0, 0, false);
        while self.kind() == Kind::Let {
            self.too_many(count, ENTRIES_MAX, "statements in one body");
            count += 1;
            let from = self.at;
            match self.bindings() {
                Some((statement, inner)) => {
                    lets.push(statement);
                    depth = inner.max(depth);
                }
                None => {
                    broken = true;
                    self.skip_line(from, level, true);
                }
            }
        }
        let here = self.token().span;
        let value = if broken && self.kind() == Kind::BraceClose { None } else { self.expr() };
        if value.is_some() && !matches!(self.kind(), Kind::BraceClose | Kind::Else) {
            let help = "between these braces stand lets, then one value";
            self.unexpected_but("`}`", Some(help.into()));
        }
        // An `else` right here: only the brace before it is missing.
        if self.kind() == Kind::Else {
            self.unexpected("`}`");
        } else {
            self.skip_to_close(level);
            self.expect(Kind::BraceClose, "`}`")?;
        }
        // What is broken has been told; the text goes on.
        let value = value.unwrap_or(Expr { kind: ExprKind::Error, span: here, depth: 1 });
        if lets.is_empty() {
            return Some(value);
        }
        let depth = depth.max(value.depth);
        self.node(ExprKind::Block(lets, Box::new(value)), self.since(start), depth)
    }
}
