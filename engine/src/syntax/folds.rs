//! The rules of what loops and folds go over: groups, queries, ranges.

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::syntax::ast::{Expr, ExprKind, Fold, Name, Over, Query, Walk};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

impl Parser<'_> {
    /// The fold that begins here, on a name before `(`. Its words are functions and names otherwise: `min(a, b)`.
    pub(super) fn fold_here(&self) -> Option<Fold> {
        let word = self.word();
        let (_, fold) = Fold::WORDS.into_iter().find(|(own, _)| *own == word)?;
        let group = self.ahead(2).kind == Kind::Name;
        let walks = match self.ahead(3).kind {
            Kind::In | Kind::Colon | Kind::Within | Kind::By => true,
            Kind::Name => ["where", "nearest", "far", "around", "beside"].iter().any(|word| self.is_word(3, word)),
            Kind::ParenClose => fold.is_bare(),
            _ => false,
        };
        (group && walks).then_some(fold)
    }

    /// `sum(x in G within r where c : e)`, `count(G)`
    pub(super) fn fold(&mut self, fold: Fold) -> Option<Expr> {
        let place = self.advance().span;
        self.advance();
        let (walk, walk_depth, value, constants) = self.enclosed(|parser| {
            let named = parser.ahead(1).kind == Kind::In;
            let (walk, depth) = if named { parser.named_walk()? } else { parser.walk(None)? };
            let value = if parser.eat(Kind::Colon) { Some(parser.expr()?) } else { None };
            let mut constants = Vec::new();
            while !fold.constants().is_empty() && parser.eat(Kind::Comma) {
                constants.push(parser.expr()?);
            }
            Some((walk, depth, value, constants))
        })?;
        if value.is_none() && !fold.is_bare() {
            let word = fold.word();
            if self.kind() == Kind::ParenClose {
                let help = Some(format!("write `{word}(x in points: x.Mass)`"));
                self.unexpected_but(&format!("`:` and the value that `{word}` takes of each"), help);
                return None;
            }
        }
        self.expect(Kind::ParenClose, if value.is_some() { "`)`" } else { "`:`, `where` or `)`" })?;
        let depth = value.iter().chain(&constants).map(|value| value.depth).max().unwrap_or(0).max(walk_depth);
        let kind = ExprKind::Fold(fold, place, Box::new(walk), value.map(Box::new), constants);
        self.node(kind, self.since(place.start), depth)
    }

    /// `x in WALK`, and how deep it is.
    pub(super) fn named_walk(&mut self) -> Option<(Walk, u16)> {
        let variable = self.name("a variable")?;
        self.expect(Kind::In, "`in` and a group or a range")?;
        self.walk(Some(variable))
    }

    fn walk(&mut self, variable: Option<Name>) -> Option<(Walk, u16)> {
        let first = self.expr()?;
        let start = variable.as_ref().map_or(first.span.start, |name| name.span.start);
        let (over, mut depth) = if self.eat(Kind::DotDot) {
            let high = self.expr()?;
            let depth = first.depth.max(high.depth);
            (Over::Range(Box::new(first), Box::new(high)), depth)
        } else if let ExprKind::Name(text) = first.kind {
            let (query, depth) = self.query()?;
            self.no_list_of_groups("what to do with the rows of the group")?;
            (Over::Rows(Name { text, span: first.span }, query), depth)
        } else {
            let error = Diagnostic::error(codes::E0105, first.span, "expected a group or a range, found another value");
            self.tell(error.help("write `x in points`, or `i in 0 .. 4`"));
            return None;
        };
        let filter = if self.eat_word("where") { Some(Box::new(self.expr()?)) } else { None };
        depth = filter.as_ref().map_or(depth, |filter| filter.depth.max(depth));
        Some((Walk { span: self.since(start), variable, over, filter }, depth))
    }

    /// Which rows, after the group.
    fn query(&mut self) -> Option<(Query, u16)> {
        if self.eat(Kind::Within) {
            let (radius, of, depth) = self.reach()?;
            return Some((Query::Within { radius, of }, depth));
        }
        if self.eat_word("nearest") {
            let (count, of, depth) = self.reach()?;
            return Some((Query::Nearest { count, of }, depth));
        }
        if self.eat_word("far") {
            return Some((Query::Far(self.name("a k-d tree with sums")?), 0));
        }
        if let Some(beside) = ["around", "beside"].iter().position(|word| self.is_word(0, word)) {
            self.advance();
            let steps = self.expr()?;
            let depth = steps.depth;
            return Some((Query::Around { beside: beside == 1, steps: Box::new(steps) }, depth));
        }
        if self.eat(Kind::By) {
            let fresh = self.eat(Kind::Fresh);
            return Some((Query::By { fresh, column: self.name("a component of references")? }, 0));
        }
        Some((Query::All, 0))
    }

    /// `SIZE [of POINT]`
    fn reach(&mut self) -> Option<(Box<Expr>, Option<Box<Expr>>, u16)> {
        let size = self.expr()?;
        let of = if self.eat(Kind::Of) { Some(Box::new(self.expr()?)) } else { None };
        let depth = of.as_ref().map_or(size.depth, |point| point.depth.max(size.depth));
        Some((Box::new(size), of, depth))
    }
}
