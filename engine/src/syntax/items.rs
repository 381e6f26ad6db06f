//! The rules of items: which there are, and those that take a line or two.

use diptych_protocol::program::Span;

use crate::codes;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::syntax::ast::{
    Component, Ensure, Enum, Function, Item, Let, Name, Param, Record, RecordColumn, RecordRows, Run, Scenario,
    Setting, Signal, Space,
};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::{ITEMS_MAX, Parser};

/// The words that begin an item.
const ITEM_WORDS: [&str; 21] = [
    "param",
    "let",
    "run",
    "space",
    "enum",
    "component",
    "fn",
    "blueprint",
    "group",
    "grid",
    "union",
    "index",
    "match",
    "system",
    "signal",
    "field",
    "bus",
    "event",
    "input",
    "ensure",
    "record",
];

impl Parser<'_> {
    /// `scenario NAME`, then items.
    pub(super) fn scenario(&mut self) -> Scenario {
        let mut scenario = Scenario::default();
        if self.kind() == Kind::Scenario {
            scenario.docs = self.docs_here();
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
        let (token, word) = (self.token(), self.shown());
        let items = || format!("items begin with {}", ITEM_WORDS.map(|word| format!("`{word}`")).join(", "));
        let (message, hint) = match token.kind {
            Kind::Reserved => (format!("`{word}` is reserved: this version of the language has no such item"), None),
            Kind::Name => (format!("expected an item, found `{word}`"), did_you_mean(word, ITEM_WORDS)),
            _ if self.at_clause() => (
                format!("expected an item, found `{word}`"),
                Some("the clauses of a system stand before its body".to_string()),
            ),
            _ => (format!("expected an item, found `{word}`"), self.new_line_help()),
        };
        self.tell(Diagnostic::error(codes::E0105, token.span, message).help(hint.unwrap_or_else(items)));
    }

    fn item(&mut self) -> Option<Item> {
        let docs = if matches!(self.kind(), Kind::Param | Kind::Input) { self.docs_here() } else { Vec::new() };
        let start = self.token().span.start;
        match self.advance().kind {
            Kind::Param => self.param(docs, "the parameter").map(Item::Param),
            Kind::Input => self.param(docs, "the input").map(Item::Input),
            Kind::Let => self.constant().map(Item::Let),
            Kind::Run => {
                let settings = self.settings("`{` and the settings of the run")?;
                Some(Item::Run(Run { span: self.since(start), settings }))
            }
            Kind::Space => {
                let shape = self.space()?;
                Some(Item::Space(Space { span: self.since(start), shape }))
            }
            Kind::Enum => self.enumeration().map(Item::Enum),
            Kind::Component => self.component().map(Item::Component),
            Kind::Fn => self.function().map(Item::Function),
            Kind::Blueprint => self.blueprint(start).map(Item::Blueprint),
            Kind::Group => self.group().map(Item::Group),
            Kind::Union => self.union().map(Item::Union),
            Kind::Grid => self.grid().map(Item::Group),
            Kind::Index => self.index().map(Item::Index),
            Kind::Match => self.matching().map(Item::Match),
            Kind::System => self.system().map(Item::System),
            Kind::Signal => {
                let name = self.name("a name for the signal")?;
                self.expect(Kind::Assign, "`=` and a value")?;
                Some(Item::Signal(Signal { name, value: self.expr()?, event: false }))
            }
            Kind::Field => self.field().map(Item::Field),
            Kind::Event => self.event(),
            Kind::Bus => self.bus().map(Item::Bus),
            Kind::Ensure => {
                let text = self.quoted("in quotes what is to hold")?;
                let condition = self.expr()?;
                Some(Item::Ensure(Ensure { span: self.since(start), text, condition }))
            }
            Kind::Record => self.record(start).map(Item::Record),
            _ => {
                let span = self.since(start);
                let error = Diagnostic::error(codes::E0202, span, "a text holds one scenario");
                self.diagnostics.push(error.help("put the second one into a file of its own"));
                None
            }
        }
    }

    /// `NAME: TYPE = VALUE in LOW .. HIGH`
    fn param(&mut self, docs: Vec<String>, what: &str) -> Option<Param> {
        let name = self.name(&format!("a name for {what}"))?;
        self.expect(Kind::Colon, "`:` and a type")?;
        let type_name = self.name("a type")?;
        self.expect(Kind::Assign, "`=` and a default")?;
        let default = self.before_in()?;
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
    pub(super) fn settings(&mut self, what: &str) -> Option<Vec<Setting>> {
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

    fn enumeration(&mut self) -> Option<Enum> {
        let name = self.name("a name for the enum")?;
        self.expect(Kind::BraceOpen, "`{` and the variants")?;
        let mut variants = Vec::new();
        self.members(|parser| {
            variants.push(parser.name("a name for the variant")?);
            Some(())
        })?;
        Some(Enum { name, variants })
    }

    fn component(&mut self) -> Option<Component> {
        let name = self.name("a name for the component")?;
        self.expect(Kind::Assign, "`=` and a type")?;
        Some(Component { name, ty: self.type_expr()? })
    }

    fn function(&mut self) -> Option<Function> {
        let name = self.name("a name for the function")?;
        self.expect(Kind::ParenOpen, "`(` and the parameters")?;
        let mut parameters = Vec::new();
        self.entries(Kind::ParenClose, "`,` or `)`", |parser| {
            let (name, ty, _) = parser.typed("a name for the parameter")?;
            parameters.push((name, ty));
            Some(())
        })?;
        self.expect(Kind::Arrow, "`->` and the type of the result")?;
        let result = self.type_expr()?;
        Some(Function { name, parameters, result, body: self.block("`{` and the value of the function")? })
    }

    /// `[every K] to "FILE.csv" { signal, name = expression }`, or of rows
    /// `[every K] to "FILE.csv" for GROUP [where CONDITION] [sample SHARE] [{ Component, name = expression }]`
    fn record(&mut self, start: u32) -> Option<Record> {
        let every = if self.eat(Kind::Every) { Some(self.expr()?) } else { None };
        self.expect_word("to", if every.is_some() { "`to` and a file" } else { "`every K` or `to` and a file" })?;
        let path = self.quoted("the file's name in quotes")?;
        let rows = if self.eat(Kind::For) { Some(self.record_rows()?) } else { None };
        let mut columns = Vec::new();
        if rows.is_none() || self.kind() == Kind::BraceOpen {
            self.expect(Kind::BraceOpen, "`{` and the columns, or `for` and a group")?;
            let what = if rows.is_some() { "a component, or" } else { "a signal, or" };
            self.members(|parser| {
                let name = parser.name(&format!("{what} a name for the column"))?;
                let value = if parser.eat(Kind::Assign) { Some(parser.expr()?) } else { None };
                columns.push(RecordColumn { name, value });
                Some(())
            })?;
        }
        Some(Record { span: self.since(start), every, path, rows, columns })
    }

    fn record_rows(&mut self) -> Option<RecordRows> {
        let group = self.name("a group")?;
        let filter = if self.eat_word("where") { Some(self.expr()?) } else { None };
        let sample = if self.eat_word("sample") { Some(self.expr()?) } else { None };
        Some(RecordRows { group, filter, sample })
    }
}
