//! Recursive descent over the tokens: the cursor, and what was expected.
//!
//! A rule returns nothing where it failed and has told why; its caller skips to where the text makes sense again
//! (`recovery.rs`), so that one run tells several mistakes.
//!
//! Line ends separate entries between braces; anything else may go on over them, by one rule: *a line that begins with
//! `-`, `(` or `[` starts something new*, unless it stands inside parentheses or brackets. Every other operator goes on
//! with the line before. (Without the rule, `a = b` above `-c` would be a difference, and `a = f` above `(x)` a call.)

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::ast::{Expr, Name, Scenario};
use crate::syntax::lexer::{Kind, Token, tokens};

/// Items of a scenario, and entries of one list or one body in it.
pub(super) const ITEMS_MAX: usize = 10_000;
pub(super) const ENTRIES_MAX: usize = 1_000;

/// How deep expressions, statements and types may nest. Later passes recurse as deep, on a stack of two megabytes in a
/// debug build.
pub const DEPTH_MAX: u16 = 100;

/// How deep bodies may nest: what stands in them needs room as well.
const BODIES_MAX: u16 = 90;

/// Letters of a token that a message shows.
const SHOWN_MAX: usize = 40;

/// Parses a text. The tree holds all that could be read.
pub fn parse(text: &str, diagnostics: &mut Diagnostics) -> Scenario {
    Parser::new(text, diagnostics).scenario()
}

/// Parses a single value: all of the text.
pub fn parse_value(text: &str, diagnostics: &mut Diagnostics) -> Option<Expr> {
    let mut parser = Parser::new(text, diagnostics);
    let value = parser.expr()?;
    parser.expect(Kind::End, "a single value")?;
    Some(value)
}

/// A token, and whether it is the first of its line.
#[derive(Clone, Copy)]
struct Placed {
    token: Token,
    starts_line: bool,
}

/// The cursor.
pub(super) struct Parser<'a> {
    text: &'a str,
    /// Without documentation.
    tokens: Vec<Placed>,
    /// The `///` lines, each with the number of the token that follows it.
    docs: Vec<(usize, Span)>,
    pub(super) at: usize,
    /// How deep the rules have called themselves.
    nesting: u16,
    /// Braces that are open.
    pub(super) open: u32,
    /// Parentheses and brackets that are open since the last brace: inside them line ends mean nothing.
    inside: u32,
    /// Whether an `in` ends the value that is read: a range follows, not a group.
    pub(super) before_in: bool,
    /// The token at which something else was expected last: a second word about it would help nobody.
    told: Option<usize>,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, diagnostics: &'a mut Diagnostics) -> Self {
        let (mut placed, mut docs, mut last) = (Vec::new(), Vec::new(), None);
        for token in tokens(text, diagnostics) {
            let starts_line = last.is_none_or(|last: u32| {
                text.get(last as usize..token.span.start as usize).is_some_and(|between| between.contains('\n'))
            });
            last = Some(token.span.end);
            match token.kind {
                Kind::Doc => docs.push((placed.len(), token.span)),
                _ => placed.push(Placed { token, starts_line }),
            }
        }
        Self {
            text,
            tokens: placed,
            docs,
            at: 0,
            nesting: 0,
            open: 0,
            inside: 0,
            before_in: false,
            told: None,
            diagnostics,
        }
    }

    fn placed(&self, n: usize) -> Placed {
        let end = Placed { token: Token { kind: Kind::End, span: Span::default() }, starts_line: true };
        self.tokens.get(self.at + n).or(self.tokens.last()).copied().unwrap_or(end)
    }

    /// The current token; [`Kind::End`] for ever at the end.
    pub(super) fn token(&self) -> Token {
        self.ahead(0)
    }

    /// The kind of the current token.
    pub(super) fn kind(&self) -> Kind {
        self.token().kind
    }

    /// The token `n` places ahead.
    pub(super) fn ahead(&self, n: usize) -> Token {
        self.placed(n).token
    }

    /// The token before.
    pub(super) fn before(&self) -> Option<Token> {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map(|placed| placed.token)
    }

    /// The text of a span.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The text of the current token.
    pub(super) fn word(&self) -> &'a str {
        self.slice(self.token().span)
    }

    /// The text of the current token as messages show it.
    pub(super) fn shown(&self) -> &'a str {
        let word = self.word();
        word.char_indices().nth(SHOWN_MAX).map_or(word, |(end, _)| &word[..end])
    }

    /// From a start to the end of the token before.
    pub(super) fn since(&self, start: u32) -> Span {
        Span { start, end: self.before().map_or(0, |token| token.span.end).max(start) }
    }

    /// The `///` lines right before the current token.
    pub(super) fn docs_here(&self) -> Vec<String> {
        let first = self.docs.partition_point(|(at, _)| *at < self.at);
        let here = self.docs[first..].iter().take_while(|(at, _)| *at == self.at);
        here.map(|(_, span)| self.slice(*span).trim_start_matches('/').trim().to_string()).collect()
    }

    /// Goes one token on.
    pub(super) fn advance(&mut self) -> Token {
        let token = self.token();
        match token.kind {
            Kind::End => return token,
            Kind::BraceOpen => self.open += 1,
            Kind::BraceClose => self.open = self.open.saturating_sub(1),
            _ => {}
        }
        self.at += 1;
        token
    }

    /// Goes on if the current token is of this kind.
    pub(super) fn eat(&mut self, kind: Kind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.advance();
        }
        found
    }

    /// Whether the token `n` places ahead is this plain word.
    pub(super) fn is_word(&self, n: usize, word: &str) -> bool {
        let token = self.ahead(n);
        token.kind == Kind::Name && self.slice(token.span) == word
    }

    /// Goes on if the current token is this plain word.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(0, word);
        if found {
            self.advance();
        }
        found
    }

    /// Goes on over a token that must be there.
    pub(super) fn expect(&mut self, kind: Kind, what: &str) -> Option<Token> {
        if self.kind() == kind {
            return Some(self.advance());
        }
        self.unexpected(what);
        None
    }

    /// Goes on over a plain word that must be there.
    pub(super) fn expect_word(&mut self, word: &str, what: &str) -> Option<()> {
        if self.eat_word(word) {
            return Some(());
        }
        self.unexpected(what);
        None
    }

    /// Goes on over a name that must be there.
    pub(super) fn name(&mut self, what: &str) -> Option<Name> {
        let token = self.token();
        if token.kind == Kind::Name {
            let text = self.word().to_string();
            self.advance();
            return Some(Name { text, span: token.span });
        }
        if token.kind.is_keyword() && !self.at_line_start() {
            let message = format!("expected {what}, found `{}`, which is a word of the language", self.shown());
            self.tell(Diagnostic::error(codes::E0109, token.span, message).help("choose another name"));
            return None;
        }
        self.unexpected(what);
        None
    }

    /// Goes on over a quoted text that must be there; it comes without its quotes.
    pub(super) fn quoted(&mut self, what: &str) -> Option<Name> {
        let token = self.expect(Kind::Text, what)?;
        Some(Name { text: self.slice(token.span).trim_matches('"').to_string(), span: token.span })
    }

    /// Tells that something else was expected.
    pub(super) fn unexpected(&mut self, what: &str) {
        self.unexpected_but(what, None);
    }

    /// Tells that something else was expected, and what to do.
    pub(super) fn unexpected_but(&mut self, what: &str, help: Option<String>) {
        let token = self.token();
        let found = match token.kind {
            Kind::End => "the end of the text".to_string(),
            _ => format!("`{}`", self.shown()),
        };
        // What begins another line is not wrong itself: something is missing before it.
        let (span, here) = match self.before() {
            Some(before) if self.at_line_start() || token.kind == Kind::End => (before.span, "after this"),
            _ => (token.span, ""),
        };
        let error = Diagnostic::error(codes::E0105, span, format!("expected {what}, found {found}"));
        self.tell(error.here(here).maybe_help(help));
    }

    /// Tells something about the current token, unless something was told about it before.
    pub(super) fn tell(&mut self, error: Diagnostic) {
        if self.told != Some(self.at) {
            self.told = Some(self.at);
            self.diagnostics.push(error);
        }
    }

    /// Tells, once, that a list is too long: at its first entry beyond the limit.
    pub(super) fn too_many(&mut self, count: usize, most: usize, what: &str) {
        if count == most {
            let message = format!("more than {most} {what}");
            self.diagnostics.push(Diagnostic::error(codes::E0601, self.token().span, message));
        }
    }

    /// Whether the current token is the first of its line.
    pub(super) fn at_line_start(&self) -> bool {
        self.placed(0).starts_line
    }

    /// Whether the token `n` places ahead begins a line, where lines count: a `-`, `(` or `[` there starts something
    /// new.
    pub(super) fn breaks(&self, n: usize) -> bool {
        self.inside == 0 && self.placed(n).starts_line
    }

    /// A rule inside parentheses or brackets.
    pub(super) fn enclosed<T>(&mut self, rule: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.inside += 1;
        let result = rule(self);
        self.inside -= 1;
        result
    }

    /// A rule behind an opening brace, which is given how many are open by now. However it ends, they count as closed
    /// thereafter: one that is missing is told once.
    pub(super) fn braced<T>(&mut self, rule: impl FnOnce(&mut Self, u32) -> Option<T>) -> Option<T> {
        let (level, inside) = (self.open, std::mem::take(&mut self.inside));
        let result = rule(self, level);
        (self.open, self.inside) = (level.saturating_sub(1), inside);
        result
    }

    /// A rule that calls itself, and how many times within one another.
    pub(super) fn deeper<T>(&mut self, what: &str, rule: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let most = if what == "body" { BODIES_MAX } else { DEPTH_MAX };
        if self.nesting >= most {
            self.too_deep(what, most, self.token().span);
            return None;
        }
        self.nesting += 1;
        let result = rule(self);
        self.nesting -= 1;
        result
    }

    /// The depth of what holds something so deep.
    pub(super) fn depth_around(&mut self, inner: u16, what: &str, span: Span) -> Option<u16> {
        if inner >= DEPTH_MAX {
            self.too_deep(what, DEPTH_MAX, span);
            return None;
        }
        Some(inner + 1)
    }

    fn too_deep(&mut self, what: &str, most: u16, span: Span) {
        let help = match what {
            "expression" => "name parts of it by `let`",
            "type" => "take out the inner levels",
            _ => "move the inner statements into a function or a system of their own",
        };
        let message = format!("this {what} nests deeper than {most}");
        self.tell(Diagnostic::error(codes::E0106, span, message).help(help));
    }
}
