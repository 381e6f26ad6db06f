//! The rules of several groups alike: `blueprint`, `union`, and who is of which group.

use crate::syntax::ast::{Blueprint, Expr, ExprKind, GroupOrigin, Member, Name, Union};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

impl Parser<'_> {
    /// `blueprint NAME { Component = value }`
    pub(super) fn blueprint(&mut self, start: u32) -> Option<Blueprint> {
        let name = self.name("a name for the blueprint")?;
        let members = self.braced_members()?;
        Some(Blueprint { name, members, span: self.since(start) })
    }

    /// `{ position Position = uniform(space), Health = 100 }`
    pub(super) fn braced_members(&mut self) -> Option<Vec<Member>> {
        self.expect(Kind::BraceOpen, "`{` and the components")?;
        let mut members = Vec::new();
        self.members(|parser| {
            members.push(parser.member()?);
            Some(())
        })?;
        Some(members)
    }

    /// `of BLUEPRINT`, behind where a group's rows come from.
    #[expect(clippy::option_option, reason = "an error, nothing, or a name")]
    pub(super) fn of_blueprint(&mut self, origin: &GroupOrigin) -> Option<Option<Name>> {
        let takes = matches!(origin, GroupOrigin::Rows(_) | GroupOrigin::File { .. });
        if takes && self.eat(Kind::Of) { Some(Some(self.name("a blueprint")?)) } else { Some(None) }
    }

    /// `union NAME = A, B`
    pub(super) fn union(&mut self) -> Option<Union> {
        let name = self.name("a name for the union")?;
        self.expect(Kind::Assign, "`=` and groups")?;
        Some(Union { name, groups: self.list(|parser| parser.name("a group"))? })
    }

    /// Tells, behind a group, that several have one name together. A list would be read as arguments elsewhere.
    pub(super) fn no_list_of_groups(&mut self, what: &str) -> Option<()> {
        if self.kind() != Kind::Comma {
            return Some(());
        }
        let help = "several groups have a name together: `union NAME = A, B`";
        self.unexpected_but(what, Some(help.into()));
        None
    }

    /// `self in red`, behind the row. It holds as comparisons do.
    pub(super) fn membership(&mut self, row: Expr) -> Option<Expr> {
        if self.before_in || !self.eat(Kind::In) {
            return Some(row);
        }
        let group = self.name("a group or a union")?;
        let (start, depth) = (row.span.start, row.depth);
        self.node(ExprKind::In(Box::new(row), group), self.since(start), depth)
    }

    /// A value that an `in` of another meaning may follow: the default of a parameter, before its range.
    pub(super) fn before_in(&mut self) -> Option<Expr> {
        self.before_in = true;
        let value = self.expr();
        self.before_in = false;
        value
    }
}
