//! The rules of systems: clauses, then a body.

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{Clause, ClauseKind, Name, Path, System};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::{ENTRIES_MAX, Parser};
use crate::syntax::statements::Place;

/// The words that begin a clause.
const CLAUSES: [&str; 15] = [
    "native", "for", "owns", "reads", "fresh", "index", "with", "without", "changed", "where", "on", "every", "batch",
    "spawns", "despawns",
];

impl Parser<'_> {
    /// Clauses up to the body, or to the next item. After a broken clause the others and the body are still read.
    pub(super) fn system(&mut self) -> Option<System> {
        let name = self.name("a name for the system")?;
        let (mut clauses, mut count, mut broken) = (Vec::new(), 0, false);
        while self.kind() != Kind::BraceOpen && self.kind() != Kind::End && !self.at_item() {
            self.too_many(count, ENTRIES_MAX, "clauses of one system");
            count += 1;
            let start = self.token().span.start;
            match self.clause() {
                Some(kind) => clauses.push(Clause { span: self.since(start), kind }),
                None => {
                    broken = true;
                    self.skip_to_clause();
                }
            }
        }
        let mut body = None;
        if self.kind() == Kind::BraceOpen {
            let native = clauses.iter().find(|clause| matches!(clause.kind, ClauseKind::Native(_)));
            if let Some(native) = native {
                let message = format!("system `{}` has a native kernel and a body", name.text);
                let error = Diagnostic::error(codes::E0108, self.token().span, message);
                self.tell(error.label(native.span, "its kernel").help("keep one of them"));
            }
            body = Some(self.body(Place::Whole, "`{` and the body")?.0);
        }
        if broken { None } else { Some(System { name, clauses, body }) }
    }

    /// Whether a clause begins here.
    pub(super) fn at_clause(&self) -> bool {
        match self.kind() {
            Kind::Native | Kind::For | Kind::Owns | Kind::Reads | Kind::Fresh | Kind::Index | Kind::With => true,
            Kind::Without | Kind::On | Kind::Every => true,
            _ => ["batch", "where", "changed", "spawns", "despawns"].iter().any(|word| self.is_word(0, word)),
        }
    }

    fn skip_to_clause(&mut self) {
        while !self.at_clause() && !matches!(self.kind(), Kind::BraceOpen | Kind::End) && !self.at_item() {
            self.advance();
        }
    }

    fn clause(&mut self) -> Option<ClauseKind> {
        match self.kind() {
            Kind::Native => {
                self.advance();
                Some(ClauseKind::Native(self.quoted("the kernel's name in quotes")?))
            }
            Kind::For => {
                self.advance();
                let group = self.name("a group")?;
                self.no_list_of_groups("another clause or the body")?;
                Some(ClauseKind::For(group))
            }
            Kind::Owns => {
                self.advance();
                Some(ClauseKind::Owns(self.paths()?))
            }
            Kind::Reads => {
                self.advance();
                Some(ClauseKind::Reads(self.paths()?))
            }
            Kind::Fresh => {
                self.advance();
                let others = self.is_word(0, "others") && self.ahead(1).kind == Kind::Name;
                if others {
                    self.advance();
                }
                Some(ClauseKind::Fresh { others, paths: self.paths()? })
            }
            Kind::Index => {
                self.advance();
                Some(ClauseKind::Index(self.list(|parser| parser.name("an index"))?))
            }
            Kind::With => {
                self.advance();
                Some(match self.kind() {
                    Kind::Name => ClauseKind::Having(self.components()?),
                    _ => ClauseKind::With(self.settings("`{` and the constants, or optional components")?),
                })
            }
            Kind::Without => {
                self.advance();
                Some(ClauseKind::Lacking(self.components()?))
            }
            Kind::On => Some(ClauseKind::Where(self.happening()?)),
            Kind::Every => Some(ClauseKind::Where(self.each()?)),
            Kind::Name if self.word() == "changed" => {
                self.advance();
                Some(ClauseKind::Changed(self.components()?))
            }
            Kind::Name if self.word() == "where" => {
                self.advance();
                Some(ClauseKind::Where(self.expr()?))
            }
            Kind::Name if self.word() == "batch" => {
                self.advance();
                Some(ClauseKind::Batch(self.expr()?))
            }
            Kind::Name if self.word() == "spawns" => {
                self.advance();
                let one = |parser: &mut Self| {
                    let group = parser.name("the group that rows are born into")?;
                    Some((group, parser.most_births()?))
                };
                Some(ClauseKind::Spawns(self.list(one)?))
            }
            Kind::Name if self.word() == "despawns" => {
                self.advance();
                Some(ClauseKind::Despawns(self.list(|parser| parser.name("the group whose rows end"))?))
            }
            _ => {
                let word = self.shown();
                let message = format!("expected a clause of the system, found `{word}`");
                let hint = if self.kind() == Kind::Name { did_you_mean(word, CLAUSES) } else { None };
                let clauses = format!("clauses begin with {}", CLAUSES.map(|word| format!("`{word}`")).join(", "));
                let error = Diagnostic::error(codes::E0105, self.token().span, message);
                self.tell(error.help(hint.unwrap_or(clauses)));
                None
            }
        }
    }

    fn components(&mut self) -> Option<Vec<Name>> {
        self.list(|parser| parser.name("a component"))
    }

    fn paths(&mut self) -> Option<Vec<Path>> {
        self.list(|parser| {
            let first = parser.name("a component")?;
            if parser.eat(Kind::Dot) {
                return Some(Path { group: Some(first), component: parser.name("a component")? });
            }
            Some(Path { group: None, component: first })
        })
    }

    pub(super) fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.eat(Kind::Comma) {
            self.too_many(all.len(), ENTRIES_MAX, "entries in one list");
            all.push(one(self)?);
        }
        Some(all)
    }
}
