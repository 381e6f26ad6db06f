//! The rules of items: `param`, `let`, `run`, `space`, `component`, `group`, `index`, `system`.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{
    Clause, ClauseKind, Component, Expr, Group, GroupOrigin, Index, Item, Let, Member, Name, Param, Path, Run,
    Scenario, Setting, Space, SpaceShape, System,
};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::{ENTRIES_MAX, ITEMS_MAX, Parser};

/// The words that begin an item.
const ITEM_WORDS: [&str; 8] = ["param", "let", "run", "space", "component", "group", "index", "system"];

impl Parser<'_> {
    /// `scenario NAME`, then items.
    pub(super) fn scenario(&mut self) -> Scenario {
        let mut scenario = Scenario::default();
        if self.kind() == Kind::Scenario {
            scenario.docs = std::mem::take(&mut self.docs);
            self.advance();
            scenario.name = self.scenario_name();
        } else {
            self.unexpected("`scenario NAME`, with which a scenario begins");
        }
        loop {
            if !self.at_item() && self.kind() != Kind::End {
                self.no_item();
                self.skip_to_item();
            }
            if self.kind() == Kind::End {
                return scenario;
            }
            self.too_many(scenario.items.len(), ITEMS_MAX, "items");
            match self.item() {
                Some(item) => scenario.items.push(item),
                None => self.skip_to_item(),
            }
        }
    }

    /// Words joined by `-` without spaces.
    fn scenario_name(&mut self) -> Option<Name> {
        let start = self.token().span;
        if !matches!(self.kind(), Kind::Name | Kind::Int) && (!self.kind().is_keyword() || self.at_line_start()) {
            self.unexpected("a name for the scenario");
            return None;
        }
        let mut end = self.advance().span.end;
        loop {
            let (dash, word) = (self.token(), self.ahead(1));
            let joined = dash.kind == Kind::Minus && dash.span.start == end && word.span.start == dash.span.end;
            if !joined || !(matches!(word.kind, Kind::Name | Kind::Int) || word.kind.is_keyword()) {
                break;
            }
            self.advance();
            end = self.advance().span.end;
        }
        let span = Span { start: start.start, end };
        Some(Name { text: self.slice(span).to_string(), span })
    }

    fn no_item(&mut self) {
        let (token, word) = (self.token(), self.word());
        if token.kind == Kind::Reserved {
            let message = format!("`{word}` is reserved: this version of the language has no such item");
            self.diagnostics.push(Diagnostic::error(codes::E0105, token.span, message));
            return;
        }
        let error = Diagnostic::error(codes::E0105, token.span, format!("expected an item, found `{word}`"));
        let hint = if token.kind == Kind::Name { did_you_mean(word, ITEM_WORDS) } else { None };
        let items = format!("items begin with {}", ITEM_WORDS.map(|word| format!("`{word}`")).join(", "));
        self.diagnostics.push(error.help(hint.unwrap_or(items)));
    }

    fn item(&mut self) -> Option<Item> {
        let docs = std::mem::take(&mut self.docs);
        let start = self.token().span.start;
        match self.advance().kind {
            Kind::Param => self.param(docs).map(Item::Param),
            Kind::Let => self.constant().map(Item::Let),
            Kind::Run => {
                let settings = self.settings("`{` and the settings of the run")?;
                Some(Item::Run(Run { span: self.since(start), settings }))
            }
            Kind::Space => {
                let shape = self.space()?;
                Some(Item::Space(Space { span: self.since(start), shape }))
            }
            Kind::Component => self.component().map(Item::Component),
            Kind::Group => self.group().map(Item::Group),
            Kind::Index => self.index().map(Item::Index),
            Kind::System => self.system().map(Item::System),
            _ => {
                let span = self.since(start);
                let error = Diagnostic::error(codes::E0202, span, "a text holds one scenario");
                self.diagnostics.push(error.help("put the second one into a file of its own"));
                None
            }
        }
    }

    fn param(&mut self, docs: Vec<String>) -> Option<Param> {
        let name = self.name("a name for the parameter")?;
        self.expect(Kind::Colon, "`:` and a type")?;
        let type_name = self.name("a type")?;
        self.expect(Kind::Assign, "`=` and a default")?;
        let default = self.expr()?;
        let range = if self.eat(Kind::In) {
            let low = self.expr()?;
            self.expect(Kind::DotDot, "`..` and the highest value")?;
            Some((low, self.expr()?))
        } else {
            None
        };
        Some(Param { docs, name, type_name, default, range })
    }

    fn constant(&mut self) -> Option<Let> {
        let name = self.name("a name for the constant")?;
        self.expect(Kind::Assign, "`=` and a value")?;
        Some(Let { name, value: self.expr()? })
    }

    /// `{ a = 1, b = 2 }`
    fn settings(&mut self, what: &str) -> Option<Vec<Setting>> {
        self.expect(Kind::BraceOpen, what)?;
        let mut settings = Vec::new();
        self.members(|parser| {
            let name = parser.name("the name of a setting")?;
            parser.expect(Kind::Assign, "`=` and a value")?;
            settings.push(Setting { name, value: parser.expr()? });
            Some(())
        })?;
        Some(settings)
    }

    /// Members up to the closing brace, separated by commas or nothing; a broken one costs its line.
    fn members(&mut self, mut member: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        let mut count = 0;
        loop {
            if self.eat(Kind::BraceClose) {
                return Some(());
            }
            if self.kind() == Kind::End || (self.at_item() && self.at_line_start()) {
                self.unexpected("`}`");
                return None;
            }
            self.too_many(count, ENTRIES_MAX, "entries in one pair of braces");
            count += 1;
            let before = self.token().span;
            if member(self).is_none() {
                self.skip_line();
                if self.token().span == before && !self.at_item() && self.kind() != Kind::BraceClose {
                    self.advance();
                }
            } else if !self.eat(Kind::Comma) && !self.at_line_start() && self.kind() != Kind::BraceClose {
                self.unexpected("a comma, a new line or `}`");
                self.skip_line();
            }
        }
    }

    fn space(&mut self) -> Option<SpaceShape> {
        if self.eat_word("open") {
            return Some(SpaceShape::Open(self.expr()?));
        }
        let torus = self.is_word("torus");
        if !torus && !self.is_word("box") {
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
        self.arguments()
    }

    fn component(&mut self) -> Option<Component> {
        let name = self.name("a name for the component")?;
        self.expect(Kind::Assign, "`=` and a type")?;
        Some(Component { name, type_name: self.name("a type")? })
    }

    fn group(&mut self) -> Option<Group> {
        let name = self.name("a name for the group")?;
        let origin = if self.eat(Kind::BracketOpen) {
            let rows = self.expr()?;
            self.expect(Kind::BracketClose, "`]`")?;
            GroupOrigin::Rows(rows)
        } else if self.eat(Kind::Assign) {
            if !self.eat_word("buckets") {
                self.unexpected("`buckets of INDEX`");
                return None;
            }
            self.expect(Kind::Of, "`of` and an index")?;
            GroupOrigin::Buckets(self.name("an index")?)
        } else {
            self.unexpected("`[` and the number of rows, or `= buckets of INDEX`");
            return None;
        };
        self.expect(Kind::BraceOpen, "`{` and the components")?;
        let mut members = Vec::new();
        self.members(|parser| {
            let marked = parser.is_word("position") && parser.ahead(1).kind == Kind::Name;
            let position = marked.then(|| parser.advance().span);
            let component = parser.name("a component")?;
            let value = if parser.eat(Kind::Assign) { Some(parser.expr()?) } else { None };
            members.push(Member { position, component, value });
            Some(())
        })?;
        Some(Group { name, origin, members })
    }

    fn index(&mut self) -> Option<Index> {
        let name = self.name("a name for the index")?;
        self.expect(Kind::Assign, "`=` and the kind of index")?;
        if !self.eat_word("kdtree") {
            self.unexpected("`kdtree of GROUP`");
            return None;
        }
        self.expect(Kind::Of, "`of` and a group")?;
        let fresh = self.eat(Kind::Fresh);
        let group = self.name("a group")?;
        let braces = self.kind() == Kind::BraceOpen;
        let settings = if braces { self.settings("`{`")? } else { Vec::new() };
        Some(Index { name, group, fresh, settings })
    }

    fn system(&mut self) -> Option<System> {
        let name = self.name("a name for the system")?;
        let mut clauses = Vec::new();
        loop {
            if self.kind() == Kind::BraceOpen {
                let message = "system bodies in text are not supported yet; name a native kernel";
                let error = Diagnostic::error(codes::E0108, self.token().span, message);
                self.diagnostics.push(error.help("write `native \"kernel.name\"` among the clauses"));
                self.skip_braces();
                return Some(System { name, clauses });
            }
            if self.at_item() || self.kind() == Kind::End {
                return Some(System { name, clauses });
            }
            self.too_many(clauses.len(), ENTRIES_MAX, "clauses of one system");
            let start = self.token().span.start;
            let kind = self.clause()?;
            clauses.push(Clause { span: self.since(start), kind });
        }
    }

    fn clause(&mut self) -> Option<ClauseKind> {
        match self.kind() {
            Kind::Native => {
                self.advance();
                let token = self.expect(Kind::Text, "the kernel's name in quotes")?;
                let text = self.slice(token.span).trim_matches('"').to_string();
                Some(ClauseKind::Native(Name { text, span: token.span }))
            }
            Kind::For => {
                self.advance();
                Some(ClauseKind::For(self.name("a group")?))
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
                let others = self.is_word("others") && self.ahead(1).kind == Kind::Name;
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
                Some(ClauseKind::With(self.settings("`{` and the constants")?))
            }
            Kind::Name if self.word() == "batch" => {
                self.advance();
                Some(ClauseKind::Batch(self.expr()?))
            }
            _ => {
                let token = self.token();
                let message = format!("expected a clause of the system, found `{}`", self.word());
                let words = ["native", "for", "owns", "reads", "fresh", "index", "with", "batch"];
                let hint = if token.kind == Kind::Name { did_you_mean(self.word(), words) } else { None };
                let clauses = format!("clauses begin with {}", words.map(|word| format!("`{word}`")).join(", "));
                let error = Diagnostic::error(codes::E0105, token.span, message);
                self.diagnostics.push(error.help(hint.unwrap_or(clauses)));
                None
            }
        }
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

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.eat(Kind::Comma) {
            self.too_many(all.len(), ENTRIES_MAX, "entries in one list");
            all.push(one(self)?);
        }
        Some(all)
    }
}
