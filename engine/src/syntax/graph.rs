//! The rules of the graph: fields, events, buses. A signal takes one line among the other items.

use crate::syntax::ast::{Bus, Expr, ExprKind, Field, Item, Name, Publisher, Signal};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

impl Parser<'_> {
    /// `field NAME for GROUP = VALUE`
    pub(super) fn field(&mut self) -> Option<Field> {
        let name = self.name("a name for the field")?;
        self.expect(Kind::For, "`for` and a group")?;
        let group = self.name("a group")?;
        self.expect(Kind::Assign, "`=` and a value")?;
        Some(Field { name, group, value: self.expr()?, event: false })
    }

    /// `event NAME [for GROUP] when CONDITION`, `event NAME every K`
    pub(super) fn event(&mut self) -> Option<Item> {
        let name = self.name("a name for the event")?;
        if self.eat(Kind::For) {
            let group = self.name("a group")?;
            self.expect(Kind::When, "`when` and a condition")?;
            return Some(Item::Field(Field { name, group, value: self.expr()?, event: true }));
        }
        let value = if self.kind() == Kind::Every {
            self.each()?
        } else {
            self.expect(Kind::When, "`when` and a condition, or `every` and a number of frames")?;
            self.expr()?
        };
        Some(Item::Signal(Signal { name, value, event: true }))
    }

    /// `on EVENT`: whether it happens. A call of what no scenario can define, for the word is taken.
    pub(super) fn happening(&mut self) -> Option<Expr> {
        let word = Name { text: "on".into(), span: self.advance().span };
        let event = self.name("an event")?;
        let event = self.node(ExprKind::Name(event.text), event.span, 0)?;
        let (span, depth) = (self.since(word.span.start), event.depth);
        self.node(ExprKind::Call(word, vec![event]), span, depth)
    }

    /// `every K`: whether the frame is one of every so many, in the same way.
    pub(super) fn each(&mut self) -> Option<Expr> {
        let word = Name { text: "every".into(), span: self.advance().span };
        let step = self.expr()?;
        let (span, depth) = (self.since(word.span.start), step.depth);
        self.node(ExprKind::Call(word, vec![step]), span, depth)
    }

    /// `bus NAME [for GROUP]: TYPE = MODE [default VALUE] [|> ADAPTER] [{ publish ... }]`
    pub(super) fn bus(&mut self) -> Option<Bus> {
        let name = self.name("a name for the bus")?;
        let group = if self.eat(Kind::For) { Some(self.name("a group")?) } else { None };
        self.expect(Kind::Colon, "`:` and a type")?;
        let ty = self.type_expr()?;
        self.expect(Kind::Assign, "`=` and how what is published is put together")?;
        let mode = self.name("`sum`, `mean`, `min`, `max`, `product` or `last`")?;
        let default = if self.eat_word("default") { Some(self.without_adapters()?) } else { None };
        let mut adapters = Vec::new();
        while let Some(adapter) = self.adapter()? {
            adapters.push(adapter);
        }
        let mut publishers = Vec::new();
        if self.eat(Kind::BraceOpen) {
            self.members(|parser| {
                parser.expect_word("publish", "`publish` and a value")?;
                let value = parser.expr()?;
                let order = parser.order()?;
                let when = if parser.eat(Kind::When) { Some(parser.expr()?) } else { None };
                publishers.push(Publisher { value, order, when });
                Some(())
            })?;
        }
        Some(Bus { name, group, ty, mode, default, adapters, publishers })
    }

    /// `order N`, if that is there.
    #[expect(clippy::option_option, reason = "an error, nothing, or a value")]
    pub(super) fn order(&mut self) -> Option<Option<Expr>> {
        if self.eat_word("order") { Some(Some(self.without_adapters()?)) } else { Some(None) }
    }
}
