//! The rules of expressions: precedence climbing, bounded in depth.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Adapter, BinaryOp, Expr, ExprKind, Name, UnaryOp};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

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
    /// An expression, and the adapters that it goes through.
    pub(super) fn expr(&mut self) -> Option<Expr> {
        let mut value = self.above(0)?;
        while let Some(adapter) = self.adapter()? {
            let depth = adapter.arguments.iter().map(|argument| argument.depth).max().unwrap_or(0).max(value.depth);
            let span = self.since(value.span.start);
            value = self.node(ExprKind::Pipe(Box::new(value), Box::new(adapter)), span, depth)?;
        }
        Some(value)
    }

    /// An expression that ends before an adapter.
    pub(super) fn without_adapters(&mut self) -> Option<Expr> {
        self.above(0)
    }

    /// `|> f(a, b)`, if one is there.
    #[expect(clippy::option_option, reason = "an error, nothing, or an adapter")]
    pub(super) fn adapter(&mut self) -> Option<Option<Adapter>> {
        if !self.eat(Kind::Pipe) {
            return Some(None);
        }
        let name = self.name("a function, which what comes in is the first argument of")?;
        let start = name.span.start;
        self.expect(Kind::ParenOpen, "`(` and the other arguments, if there are any")?;
        let (arguments, _) = self.values(Kind::ParenClose, "`,` or `)`")?;
        Some(Some(Adapter { name, arguments, span: self.since(start) }))
    }

    /// An expression of operators that hold tighter than this.
    fn above(&mut self, strength: u8) -> Option<Expr> {
        self.deeper("expression", |parser| parser.operators(strength))
    }

    fn operators(&mut self, strength: u8) -> Option<Expr> {
        let mut left = self.prefix()?;
        if strength < COMPARISON {
            left = self.membership(left)?;
        }
        while let Some((op, own)) = operator(self.kind()) {
            if own <= strength || (op == BinaryOp::Sub && self.breaks(0)) {
                break;
            }
            let place = self.advance().span;
            let right = self.above(own)?;
            if own == COMPARISON
                && let Some((_, COMPARISON)) = operator(self.kind())
            {
                let error = Diagnostic::error(codes::E0107, self.token().span, "comparisons do not chain");
                self.tell(error.help("write `a < b and b < c`"));
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
            Kind::Fresh => return self.fresh(),
            _ => return self.postfix(),
        };
        self.advance();
        let operand = self.above(strength)?;
        let (span, depth) = (Span { start, end: operand.span.end }, operand.depth);
        self.node(ExprKind::Unary(op, Box::new(operand)), span, depth)
    }

    /// `fresh A`, `fresh other.A[1]`: all of the chain.
    pub(super) fn fresh(&mut self) -> Option<Expr> {
        let start = self.advance().span.start;
        let inner = self.postfix()?;
        let depth = inner.depth;
        self.node(ExprKind::Fresh(Box::new(inner)), self.since(start), depth)
    }

    /// `a`, `a.x`, `a[1].x`
    pub(super) fn postfix(&mut self) -> Option<Expr> {
        let mut inner = self.primary()?;
        loop {
            let start = inner.span.start;
            if self.eat(Kind::Dot) {
                let lane = self.name("a component, a field or a lane")?;
                let depth = inner.depth;
                inner = self.node(ExprKind::Lane(Box::new(inner), lane), self.since(start), depth)?;
            } else if self.kind() == Kind::BracketOpen && !self.breaks(0) {
                self.advance();
                let index = self.enclosed(Self::expr)?;
                self.expect(Kind::BracketClose, "`]`")?;
                let depth = inner.depth.max(index.depth);
                let kind = ExprKind::Index(Box::new(inner), Box::new(index));
                inner = self.node(kind, self.since(start), depth)?;
            } else {
                return Some(inner);
            }
        }
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
            Kind::This => ExprKind::This,
            Kind::If => return self.condition(),
            Kind::Spawn => {
                let (birth, depth) = self.birth()?;
                return self.node(ExprKind::Spawn(Box::new(birth)), self.since(token.span.start), depth);
            }
            Kind::ParenOpen => {
                self.advance();
                let mut inner = self.enclosed(Self::expr)?;
                self.expect(Kind::ParenClose, "`)`")?;
                inner.span = self.since(token.span.start);
                return Some(inner);
            }
            Kind::BracketOpen => {
                self.advance();
                let (values, depth) = self.values(Kind::BracketClose, "`,` or `]`")?;
                return self.node(ExprKind::Array(values), self.since(token.span.start), depth);
            }
            Kind::Name if self.at_pair() => {
                self.advance();
                let draw = self.call()?;
                let depth = draw.depth;
                return self.node(ExprKind::Pair(Box::new(draw)), self.since(token.span.start), depth);
            }
            Kind::Name if self.calls(0) => {
                return match self.fold_here() {
                    Some(fold) => self.fold(fold),
                    None => self.call(),
                };
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

    /// Whether the name `n` places ahead has arguments.
    fn calls(&self, n: usize) -> bool {
        self.ahead(n + 1).kind == Kind::ParenOpen && !self.breaks(n + 1)
    }

    /// `pair draw(...)`; anywhere else, `pair` is a name.
    fn at_pair(&self) -> bool {
        let word = self.is_word(0, "pair") && self.ahead(1).kind == Kind::Name && !self.breaks(1);
        word && self.calls(1) && !self.is_word(1, "where")
    }

    /// `f(a, b)`
    fn call(&mut self) -> Option<Expr> {
        let name: Name = self.name("a function")?;
        let start = name.span.start;
        self.advance();
        let (arguments, depth) = self.values(Kind::ParenClose, "`,` or `)`")?;
        self.node(ExprKind::Call(name, arguments), self.since(start), depth)
    }

    /// Values up to the closing parenthesis or bracket, and how deep they are.
    pub(super) fn values(&mut self, close: Kind, what: &str) -> Option<(Vec<Expr>, u16)> {
        let mut values = Vec::new();
        self.entries(close, what, |parser| {
            values.push(parser.expr()?);
            Some(())
        })?;
        let depth = values.iter().map(|value| value.depth).max().unwrap_or(0);
        Some((values, depth))
    }

    /// `if c { a } else { b }`
    fn condition(&mut self) -> Option<Expr> {
        let start = self.advance().span.start;
        let condition = self.expr()?;
        let yes = self.block("`{` and the value if true")?;
        self.expect(Kind::Else, "`else`: an `if` is a value, so it needs both")?;
        let no = match self.kind() {
            Kind::If => self.deeper("expression", Self::condition)?,
            _ => self.block("`{` and the value if false")?,
        };
        let depth = condition.depth.max(yes.depth).max(no.depth);
        let kind = ExprKind::If(Box::new(condition), Box::new(yes), Box::new(no));
        self.node(kind, self.since(start), depth)
    }

    /// An expression around others, the deepest of which is so deep.
    pub(super) fn node(&mut self, kind: ExprKind, span: Span, inner: u16) -> Option<Expr> {
        Some(Expr { depth: self.depth_around(inner, "expression", span)?, kind, span })
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
