//! The rules of expressions: precedence climbing, bounded in depth.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

/// How many expressions may nest. Later passes recurse as deep, on a stack of two megabytes in a debug build.
pub const DEPTH_MAX: u16 = 100;

/// How tightly operators hold: `or` least, then `and`, `not`, comparisons, sums, products, signs.
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SIGN: u8 = 7;

fn operator(kind: Kind) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        Kind::Or => (BinaryOp::Or, 1),
        Kind::And => (BinaryOp::And, 2),
        Kind::Equal => (BinaryOp::Equal, COMPARISON),
        Kind::NotEqual => (BinaryOp::NotEqual, COMPARISON),
        Kind::Less => (BinaryOp::Less, COMPARISON),
        Kind::LessEqual => (BinaryOp::LessEqual, COMPARISON),
        Kind::Greater => (BinaryOp::Greater, COMPARISON),
        Kind::GreaterEqual => (BinaryOp::GreaterEqual, COMPARISON),
        Kind::Plus => (BinaryOp::Add, 5),
        Kind::Minus => (BinaryOp::Sub, 5),
        Kind::Star => (BinaryOp::Mul, 6),
        Kind::Slash => (BinaryOp::Div, 6),
        Kind::Percent => (BinaryOp::Rem, 6),
        _ => return None,
    })
}

impl Parser<'_> {
    /// An expression.
    pub(super) fn expr(&mut self) -> Option<Expr> {
        self.above(0)
    }

    /// An expression of operators that hold tighter than this.
    fn above(&mut self, strength: u8) -> Option<Expr> {
        if self.nesting >= DEPTH_MAX {
            self.too_deep(self.token().span);
            return None;
        }
        self.nesting += 1;
        let result = self.operators(strength);
        self.nesting -= 1;
        result
    }

    fn operators(&mut self, strength: u8) -> Option<Expr> {
        let mut left = self.prefix()?;
        while let Some((op, own)) = operator(self.kind()) {
            if own <= strength {
                break;
            }
            let place = self.advance().span;
            let right = self.above(own)?;
            if own == COMPARISON
                && let Some((_, COMPARISON)) = operator(self.kind())
            {
                let error = Diagnostic::error(codes::E0107, self.token().span, "comparisons do not chain");
                self.diagnostics.push(error.help("write `a < b and b < c`"));
                return None;
            }
            let span = Span { start: left.span.start, end: right.span.end };
            let depth = left.depth.max(right.depth);
            left = self.node(ExprKind::Binary(op, place, Box::new(left), Box::new(right)), span, depth)?;
        }
        Some(left)
    }

    fn prefix(&mut self) -> Option<Expr> {
        let start = self.token().span.start;
        let (op, strength) = match self.kind() {
            Kind::Minus => (UnaryOp::Neg, SIGN),
            Kind::Not => (UnaryOp::Not, NOT),
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.above(strength)?;
        let (span, depth) = (Span { start, end: operand.span.end }, operand.depth);
        self.node(ExprKind::Unary(op, Box::new(operand)), span, depth)
    }

    fn postfix(&mut self) -> Option<Expr> {
        let mut inner = self.primary()?;
        while self.eat(Kind::Dot) {
            let lane = self.name("a lane: `x`, `y` or `z`")?;
            let (span, depth) = (Span { start: inner.span.start, end: lane.span.end }, inner.depth);
            inner = self.node(ExprKind::Lane(Box::new(inner), lane), span, depth)?;
        }
        Some(inner)
    }

    fn primary(&mut self) -> Option<Expr> {
        let (token, word) = (self.token(), self.word());
        let kind = match token.kind {
            Kind::Int => ExprKind::Int(self.integer(word, token.span)),
            Kind::Float => ExprKind::Float(self.float(word, token.span)),
            Kind::True => ExprKind::Bool(true),
            Kind::False => ExprKind::Bool(false),
            Kind::Row => ExprKind::Row,
            Kind::Space => ExprKind::Space,
            Kind::If => return self.condition(),
            Kind::ParenOpen => {
                self.advance();
                let mut inner = self.expr()?;
                self.expect(Kind::ParenClose, "`)`")?;
                inner.span = self.since(token.span.start);
                return Some(inner);
            }
            Kind::Name if self.ahead(1).kind == Kind::ParenOpen => {
                let name = self.name("a function")?;
                self.advance();
                let arguments = self.arguments()?;
                let depth = arguments.iter().map(|a| a.depth).max().unwrap_or(0);
                return self.node(ExprKind::Call(name, arguments), self.since(token.span.start), depth);
            }
            Kind::Name => ExprKind::Name(word.to_string()),
            _ => {
                self.unexpected("a value");
                return None;
            }
        };
        self.advance();
        self.node(kind, token.span, 0)
    }

    /// `if c { a } else { b }`
    fn condition(&mut self) -> Option<Expr> {
        let start = self.advance().span.start;
        let condition = self.expr()?;
        self.expect(Kind::BraceOpen, "`{` and the value if true")?;
        let yes = self.expr()?;
        self.expect(Kind::BraceClose, "`}`")?;
        self.expect(Kind::Else, "`else`: an `if` is a value, so it needs both")?;
        let no = if self.kind() == Kind::If {
            self.above(SIGN)?
        } else {
            self.expect(Kind::BraceOpen, "`{` and the value if false")?;
            let no = self.expr()?;
            self.expect(Kind::BraceClose, "`}`")?;
            no
        };
        let depth = condition.depth.max(yes.depth).max(no.depth);
        let kind = ExprKind::If(Box::new(condition), Box::new(yes), Box::new(no));
        self.node(kind, self.since(start), depth)
    }

    /// Arguments up to the closing parenthesis.
    pub(super) fn arguments(&mut self) -> Option<Vec<Expr>> {
        let mut arguments = Vec::new();
        while self.kind() != Kind::ParenClose {
            arguments.push(self.expr()?);
            if !self.eat(Kind::Comma) {
                break;
            }
        }
        self.expect(Kind::ParenClose, "`,` or `)`")?;
        Some(arguments)
    }

    fn node(&mut self, kind: ExprKind, span: Span, inner: u16) -> Option<Expr> {
        if inner >= DEPTH_MAX {
            self.too_deep(span);
            return None;
        }
        Some(Expr { kind, span, depth: inner + 1 })
    }

    fn too_deep(&mut self, span: Span) {
        let message = format!("this expression nests deeper than {DEPTH_MAX}");
        self.diagnostics.push(Diagnostic::error(codes::E0106, span, message).help("name parts of it by `let`"));
    }

    fn integer(&mut self, word: &str, span: Span) -> u64 {
        let digits = word.replace('_', "");
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return 0; // Malformed, and told by the lexer.
        }
        digits.parse().unwrap_or_else(|_| {
            self.too_large(word, span, format!("integers go up to {}", u64::MAX));
            0
        })
    }

    fn float(&mut self, word: &str, span: Span) -> f64 {
        let value = word.replace('_', "").parse().unwrap_or(0.0);
        if f64::is_infinite(value) {
            self.too_large(word, span, format!("the largest number is {:e}", f64::MAX));
            return 0.0;
        }
        value
    }

    fn too_large(&mut self, word: &str, span: Span, limit: String) {
        let shown: String = word.chars().take(40).collect();
        let message = format!("`{shown}` is too large a number: {limit}");
        self.diagnostics.push(Diagnostic::error(codes::E0104, span, message));
    }
}
