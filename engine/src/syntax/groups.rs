//! The rules of what there is: `space`, `group`, `grid`, `index`, `match`.

use crate::syntax::ast::{Expr, Group, GroupOrigin, Index, Match, MatchPlace, MatchSide, Member, Rim, SpaceShape};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

impl Parser<'_> {
    pub(super) fn space(&mut self) -> Option<SpaceShape> {
        if self.eat_word("open") {
            return Some(SpaceShape::Open(self.expr()?));
        }
        let torus = self.is_word(0, "torus");
        if !torus && !self.is_word(0, "box") {
            self.unexpected("`torus`, `box` or `open`");
            return None;
        }
        self.advance();
        let low = self.corner("`(` and the low corner")?;
        self.expect(Kind::DotDot, "`..` and the high corner")?;
        Some(SpaceShape::Bounded { torus, low, high: self.corner("`(` and the high corner")? })
    }

    fn corner(&mut self, what: &str) -> Option<Vec<Expr>> {
        self.expect(Kind::ParenOpen, what)?;
        Some(self.values(Kind::ParenClose, "`,` or `)`")?.0)
    }

    pub(super) fn group(&mut self) -> Option<Group> {
        let name = self.name("a name for the group")?;
        let mut max = None;
        let origin = if self.eat(Kind::BracketOpen) {
            let rows = self.enclosed(Self::expr)?;
            max = self.most()?;
            self.expect(Kind::BracketClose, "`]`")?;
            GroupOrigin::Rows(rows)
        } else if self.eat_word("from") {
            let file = self.quoted("the file's name in quotes")?;
            if self.eat(Kind::BracketOpen) {
                self.expect_word("max", "`max` and the most rows it can have")?;
                max = Some(self.enclosed(Self::expr)?);
                self.expect(Kind::BracketClose, "`]`")?;
            }
            let frame = if self.eat_word("at") { Some(self.expr()?) } else { None };
            GroupOrigin::File { file, frame }
        } else if self.eat(Kind::Assign) {
            self.expect_word("buckets", "`buckets of INDEX`")?;
            self.expect(Kind::Of, "`of` and an index")?;
            GroupOrigin::Buckets(self.name("an index")?)
        } else {
            self.unexpected("`[` and the number of rows, `from \"FILE.csv\"` or `= buckets of INDEX`");
            return None;
        };
        let blueprint = self.of_blueprint(&origin)?;
        let bare = blueprint.is_some() && self.kind() != Kind::BraceOpen;
        let members = if bare { Vec::new() } else { self.braced_members()? };
        Some(Group { name, origin, max, blueprint, members })
    }

    /// `, max 100_000`
    #[expect(clippy::option_option, reason = "an error, nothing, or a value")]
    fn most(&mut self) -> Option<Option<Expr>> {
        if !self.eat(Kind::Comma) {
            return Some(None);
        }
        self.expect_word("max", "`max` and the most rows it can have")?;
        Some(Some(self.enclosed(Self::expr)?))
    }

    pub(super) fn member(&mut self) -> Option<Member> {
        let mut marked = |word| {
            let here = self.is_word(0, word) && self.ahead(1).kind == Kind::Name;
            here.then(|| self.advance().span)
        };
        let (position, optional) = (marked("position"), marked("optional"));
        let component = self.name("a component")?;
        let value = if self.eat(Kind::Assign) { Some(self.expr()?) } else { None };
        let filter = if optional.is_some() && self.eat_word("where") { Some(self.expr()?) } else { None };
        Some(Member { position, optional, component, value, filter })
    }

    /// `grid NAME[w, h] { edge = torus, Component = value }`
    pub(super) fn grid(&mut self) -> Option<Group> {
        let name = self.name("a name for the grid")?;
        self.expect(Kind::BracketOpen, "`[` and how many cells it has along each side")?;
        let extents = self.values(Kind::BracketClose, "`,` or `]`")?.0;
        self.expect(Kind::BraceOpen, "`{` and the components")?;
        let (mut members, mut rims) = (Vec::new(), Vec::new());
        self.members(|parser| {
            if parser.is_word(0, "edge") && parser.ahead(1).kind == Kind::Assign {
                rims.push(parser.rim()?);
            } else {
                members.push(parser.member()?);
            }
            Some(())
        })?;
        Some(Group { name, origin: GroupOrigin::Cells { extents, rims }, max: None, blueprint: None, members })
    }

    /// `edge = torus`, `edge = clamp`, `edge = outside { Component = value }`
    fn rim(&mut self) -> Option<Rim> {
        self.advance();
        self.advance();
        let word = self.name("`torus`, `clamp` or `outside { ... }`")?;
        let values = match word.text == "outside" {
            true => self.settings("`{` and what components read as out there")?,
            false => Vec::new(),
        };
        Some(Rim { word, values })
    }

    pub(super) fn index(&mut self) -> Option<Index> {
        let name = self.name("a name for the index")?;
        self.expect(Kind::Assign, "`=` and the kind of index")?;
        let grid = self.eat(Kind::Grid);
        if !grid {
            self.expect_word("kdtree", "`kdtree of GROUP` or `grid of GROUP`")?;
        }
        self.expect(Kind::Of, "`of` and a group")?;
        let fresh = self.eat(Kind::Fresh);
        let group = self.name("a group")?;
        let braces = self.kind() == Kind::BraceOpen;
        let settings = if braces { self.settings("`{`")? } else { Vec::new() };
        Some(Index { name, grid, group, fresh, settings })
    }

    /// `match NAME = A where C with B where D at fresh PLACE`
    pub(super) fn matching(&mut self) -> Option<Match> {
        let name = self.name("a name for the match")?;
        self.expect(Kind::Assign, "`=` and a group")?;
        let first = self.match_side()?;
        self.expect(Kind::With, "`with` and a group")?;
        let second = self.match_side()?;
        let place = if self.eat_word("at") {
            let fresh = self.eat(Kind::Fresh);
            Some(MatchPlace { fresh, component: self.name("a component")? })
        } else {
            None
        };
        Some(Match { name, sides: [first, second], place })
    }

    fn match_side(&mut self) -> Option<MatchSide> {
        let group = self.name("a group")?;
        let filter = if self.eat_word("where") { Some(self.expr()?) } else { None };
        Some(MatchSide { group, filter })
    }
}
