//! How the parser goes on after a mistake: a broken entry costs its line, broken braces end where they would have.

use crate::syntax::lexer::Kind;
use crate::syntax::parser::{ENTRIES_MAX, Parser};

impl Parser<'_> {
    /// Whether an item begins here.
    pub(super) fn at_item(&self) -> bool {
        match self.kind() {
            Kind::Param
            | Kind::Let
            | Kind::Run
            | Kind::Space
            | Kind::Enum
            | Kind::Component
            | Kind::Fn
            | Kind::Blueprint
            | Kind::Group
            | Kind::Union
            | Kind::Match
            | Kind::System
            | Kind::Signal
            | Kind::Bus
            | Kind::Event
            | Kind::Input
            | Kind::Field
            | Kind::Ensure
            | Kind::Record
            | Kind::Render
            | Kind::Scenario => true,
            // `grid soil[...]` is an item, `grid of` a kind of index.
            Kind::Grid => self.ahead(1).kind == Kind::Name,
            // `index tree = ...` is an item, `index tree` a clause of a system.
            Kind::Index => self.ahead(2).kind == Kind::Assign,
            _ => false,
        }
    }

    /// Whether the text goes on with items although a brace is open. A `let` is a statement as well.
    pub(super) fn at_item_in_braces(&self, lets: bool) -> bool {
        self.at_item() && self.at_line_start() && !(lets && self.kind() == Kind::Let)
    }

    /// Skips to the next item that begins a line.
    pub(super) fn skip_to_item(&mut self) {
        while self.kind() != Kind::End && !self.at_item_in_braces(self.open > 0) {
            self.advance();
        }
        self.open = 0;
    }

    /// Skips to the next line between the same braces, or their end. What was broken began at a token: where nothing of
    /// it was read, at least that token is skipped.
    pub(super) fn skip_line(&mut self, from: usize, level: u32, lets: bool) {
        while self.kind() != Kind::End && !self.at_item_in_braces(lets) && self.open >= level {
            if self.open == level {
                match self.kind() {
                    Kind::BraceClose => return,
                    // It belongs to an `if` that is broken.
                    Kind::Else => {}
                    _ if self.at_line_start() && self.at > from => return,
                    _ => {}
                }
            }
            self.advance();
        }
    }

    /// Skips to the brace that closes so many.
    pub(super) fn skip_to_close(&mut self, level: u32) {
        while self.kind() != Kind::End && !self.at_item_in_braces(true) && self.open >= level {
            if self.open == level && self.kind() == Kind::BraceClose {
                return;
            }
            self.advance();
        }
    }

    /// Members after the opening brace, up to the closing one, separated by commas or new lines; a broken one costs its
    /// line.
    pub(super) fn members(&mut self, mut member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.braced(|parser, level| {
            let mut count = 0;
            loop {
                if parser.eat(Kind::BraceClose) {
                    return Some(());
                }
                if parser.kind() == Kind::End || parser.at_item_in_braces(false) {
                    parser.unexpected("`}`");
                    return None;
                }
                parser.too_many(count, ENTRIES_MAX, "entries in one pair of braces");
                count += 1;
                let from = parser.at;
                let ended = |parser: &Self| parser.at_line_start() || parser.kind() == Kind::BraceClose;
                if member(parser).is_none() {
                    parser.skip_line(from, level, false);
                } else if !parser.eat(Kind::Comma) && !ended(parser) {
                    parser.unexpected("a comma, a new line or `}`");
                    parser.skip_line(from, level, false);
                }
            }
        })
    }

    /// Entries after an opening parenthesis or bracket, up to the closing one, separated by commas.
    pub(super) fn entries(
        &mut self,
        close: Kind,
        what: &str,
        mut entry: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.enclosed(|parser| {
            let mut count = 0;
            while parser.kind() != close {
                parser.too_many(count, ENTRIES_MAX, "entries in one list");
                count += 1;
                entry(parser)?;
                if !parser.eat(Kind::Comma) {
                    break;
                }
            }
            parser.expect(close, what)
        })?;
        Some(())
    }
}
