//! Recursive descent over the tokens: the cursor, what was expected, and how to go on after a mistake.
//!
//! A rule returns nothing where it failed and has told why; its caller skips to where the text makes sense again,
//! so that one run tells several mistakes.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::ast::{Expr, Name, Scenario};
use crate::syntax::lexer::{Kind, Token, tokens};

/// Items of a scenario, and entries of one list in it.
pub(super) const ITEMS_MAX: usize = 10_000;
pub(super) const ENTRIES_MAX: usize = 1_000;

/// Parses a text. The tree holds all that could be read.
pub fn parse(text: &str, diagnostics: &mut Diagnostics) -> Scenario {
    let tokens = tokens(text, diagnostics);
    let mut parser = Parser { text, tokens, at: 0, docs: Vec::new(), nesting: 0, diagnostics };
    parser.skip_docs();
    parser.scenario()
}

/// Parses a single value: all of the text.
pub fn parse_value(text: &str, diagnostics: &mut Diagnostics) -> Option<Expr> {
    let tokens = tokens(text, diagnostics);
    let mut parser = Parser { text, tokens, at: 0, docs: Vec::new(), nesting: 0, diagnostics };
    let value = parser.expr()?;
    parser.expect(Kind::End, "a single value")?;
    Some(value)
}

/// The cursor.
pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// The `///` lines right before the current token.
    pub(super) docs: Vec<String>,
    /// How deep the expression rules have called themselves.
    pub(super) nesting: u16,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Parser<'a> {
    /// The current token; [`Kind::End`] for ever at the end.
    pub(super) fn token(&self) -> Token {
        self.ahead(0)
    }

    /// The kind of the current token.
    pub(super) fn kind(&self) -> Kind {
        self.token().kind
    }

    /// The token `n` places ahead, documentation counted.
    pub(super) fn ahead(&self, n: usize) -> Token {
        let end = Token { kind: Kind::End, span: Span::default() };
        self.tokens.get(self.at + n).or(self.tokens.last()).copied().unwrap_or(end)
    }

    /// The text of a span.
    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The text of the current token.
    pub(super) fn word(&self) -> &'a str {
        self.slice(self.token().span)
    }

    /// The end of the token before.
    pub(super) fn last_end(&self) -> u32 {
        self.tokens[..self.at].iter().rev().find(|t| t.kind != Kind::Doc).map_or(0, |t| t.span.end)
    }

    /// From a start to the end of the token before.
    pub(super) fn since(&self, start: u32) -> Span {
        Span { start, end: self.last_end().max(start) }
    }

    /// Goes one token on.
    pub(super) fn advance(&mut self) -> Token {
        let token = self.token();
        self.docs.clear();
        if token.kind != Kind::End {
            self.at += 1;
            self.skip_docs();
        }
        token
    }

    fn skip_docs(&mut self) {
        while self.kind() == Kind::Doc {
            let line = self.word().trim_start_matches('/').trim();
            self.docs.push(line.to_string());
            self.at += 1;
        }
    }

    /// Goes on if the current token is of this kind.
    pub(super) fn eat(&mut self, kind: Kind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.advance();
        }
        found
    }

    /// Whether the current token is this plain word.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind() == Kind::Name && self.word() == word
    }

    /// Goes on if the current token is this plain word.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
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

    /// Goes on over a name that must be there.
    pub(super) fn name(&mut self, what: &str) -> Option<Name> {
        let token = self.token();
        if token.kind == Kind::Name {
            let text = self.word().to_string();
            self.advance();
            return Some(Name { text, span: token.span });
        }
        if token.kind.is_keyword() && !self.at_line_start() {
            let word = self.word();
            let message = format!("expected {what}, found `{word}`, which is a word of the language");
            self.diagnostics.push(Diagnostic::error(codes::E0109, token.span, message).help("choose another name"));
            return None;
        }
        self.unexpected(what);
        None
    }

    /// Tells that something else was expected.
    pub(super) fn unexpected(&mut self, what: &str) {
        let token = self.token();
        let found = match token.kind {
            Kind::End => "the end of the text".to_string(),
            _ => format!("`{}`", self.word()),
        };
        // What begins another line is not wrong itself: something is missing before it.
        let before = self.tokens[..self.at].iter().rev().find(|t| t.kind != Kind::Doc).copied();
        let (span, here) = match before {
            Some(before) if self.at_line_start() || token.kind == Kind::End => (before.span, "after this"),
            _ => (token.span, ""),
        };
        let error = Diagnostic::error(codes::E0105, span, format!("expected {what}, found {found}"));
        self.diagnostics.push(error.here(here));
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
        let before = self.text.get(..self.token().span.start as usize).unwrap_or("");
        before.bytes().rev().take_while(|&byte| byte != b'\n').all(|byte| byte.is_ascii_whitespace())
    }

    /// Whether an item begins here.
    pub(super) fn at_item(&self) -> bool {
        match self.kind() {
            Kind::Param
            | Kind::Let
            | Kind::Run
            | Kind::Space
            | Kind::Component
            | Kind::Group
            | Kind::System
            | Kind::Scenario => true,
            // `index tree = ...` is an item, `index tree` a clause of a system.
            Kind::Index => self.ahead(2).kind == Kind::Assign,
            _ => false,
        }
    }

    /// Skips to the next item that begins a line.
    pub(super) fn skip_to_item(&mut self) {
        while self.kind() != Kind::End && !(self.at_item() && self.at_line_start()) {
            self.advance();
        }
    }

    /// Inside braces: skips to the next line of the same braces, or their end.
    pub(super) fn skip_line(&mut self) {
        let mut depth = 0usize;
        let mut moved = false;
        while self.kind() != Kind::End {
            let line_start = self.at_line_start();
            if line_start && self.at_item() {
                return;
            }
            match self.kind() {
                Kind::BraceClose if depth == 0 => return,
                Kind::BraceClose => depth -= 1,
                Kind::BraceOpen => depth += 1,
                _ if depth == 0 && line_start && moved => return,
                _ => {}
            }
            self.advance();
            moved = true;
        }
    }

    /// Skips a pair of braces and all between them.
    pub(super) fn skip_braces(&mut self) {
        let mut depth = 0usize;
        while self.kind() != Kind::End {
            match self.advance().kind {
                Kind::BraceOpen => depth += 1,
                Kind::BraceClose if depth <= 1 => return,
                Kind::BraceClose => depth -= 1,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<(String, u32)> {
        let mut diagnostics = Diagnostics::default();
        parse(text, &mut diagnostics);
        diagnostics.into_sorted().into_iter().map(|d| (d.message, d.primary.span.start)).collect()
    }

    #[test]
    fn one_run_tells_several_mistakes() {
        let found = errors("scenario x\nlet = 3\ngroup g[2] {\n  A = )\n  B = 1 +\n}\nparam p f32 = 1\nlet ok = 2\n");
        let messages: Vec<&str> = found.iter().map(|(m, _)| m.as_str()).collect();
        assert_eq!(found.len(), 4, "{messages:#?}");
        assert!(messages[0].contains("expected a name for the constant, found `=`"), "{messages:#?}");
        assert!(messages[3].contains("expected `:`"), "{messages:#?}");
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        for text in [
            "(".repeat(200_000),
            "-".repeat(200_000),
            "1+".repeat(200_000),
            "if ".repeat(100_000),
            "f(".repeat(100_000),
            format!("a{}", ".x".repeat(100_000)),
            "not ".repeat(100_000),
        ] {
            let found = errors(&format!("scenario x\nlet a = {text}"));
            assert!(found.iter().any(|(m, _)| m.contains("nests")), "{found:?}");
        }
    }

    #[test]
    fn documentation_belongs_to_the_next_item() {
        let mut diagnostics = Diagnostics::default();
        let tree = parse("/// a scene\nscenario x\n/// how\n/// many\nparam n: u32 = 1 in 1 .. 9", &mut diagnostics);
        assert!(!diagnostics.failed());
        assert_eq!(tree.docs, ["a scene"]);
        let [crate::syntax::ast::Item::Param(param)] = tree.items.as_slice() else { panic!("{tree:?}") };
        assert_eq!(param.docs, ["how", "many"]);
    }
}
