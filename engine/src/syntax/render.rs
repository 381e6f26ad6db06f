//! The rules of pictures.

use diptych_protocol::program::{Form, PointSize};

use crate::syntax::ast::{Render, RenderEntry, RenderLayer};
use crate::syntax::lexer::Kind;
use crate::syntax::parser::Parser;

impl Parser<'_> {
    /// `[every K] to "FILE.png" { entries }`
    pub(super) fn render(&mut self, start: u32) -> Option<Render> {
        let every = if self.eat(Kind::Every) { Some(self.expr()?) } else { None };
        self.expect_word("to", if every.is_some() { "`to` and a file" } else { "`every K` or `to` and a file" })?;
        let path = self.quoted("the file's name in quotes")?;
        self.expect(Kind::BraceOpen, "`{` and what is seen: `points of GROUP`, `cells of GRID`")?;
        let mut entries = Vec::new();
        self.members(|parser| {
            let start = parser.token().span.start;
            let entry = if parser.eat_word("points") {
                RenderEntry::Layer(Box::new(parser.layer(start, Form::Points)?))
            } else if parser.eat_word("cells") {
                RenderEntry::Layer(Box::new(parser.layer(start, Form::Cells)?))
            } else if parser.eat_word("rows") {
                RenderEntry::Layer(Box::new(parser.layer(start, Form::Rows)?))
            } else if parser.eat_word("pixels") {
                let width = parser.expr()?;
                parser.expect(Kind::By, "`by` and how many rows of pixels")?;
                RenderEntry::Pixels(width, parser.expr()?)
            } else if parser.eat_word("camera") {
                let from = parser.corner("`(` and from where it is seen")?;
                RenderEntry::Camera(from, parser.since(start))
            } else if parser.eat_word("view") {
                let low = parser.corner("`(` and the low corner")?;
                parser.expect(Kind::DotDot, "`..` and the high corner")?;
                let high = parser.corner("`(` and the high corner")?;
                RenderEntry::View(low, high, parser.since(start))
            } else {
                parser.unexpected("`points of`, `cells of`, `rows of`, `pixels`, `camera` or `view`");
                return None;
            };
            entries.push(entry);
            Some(())
        })?;
        Some(Render { span: self.since(start), every, path, entries })
    }

    /// `of GROUP`, and its clauses in any order, each once.
    fn layer(&mut self, start: u32, form: Form) -> Option<RenderLayer> {
        self.expect(Kind::Of, "`of` and a group")?;
        let group = self.name("a group")?;
        let (mut filter, mut at, mut colour, mut size, mut range) = (None, None, None, None, None);
        loop {
            if filter.is_none() && self.eat_word("where") {
                filter = Some(self.expr()?);
            } else if at.is_none() && self.eat_word("at") {
                at = Some(self.expr()?);
            } else if colour.is_none() && self.eat_word("colour") {
                let value = self.expr()?;
                let text = self.slice(value.span).to_string();
                colour = Some((value, text));
            } else if size.is_none() && self.eat_word("size") {
                size = Some((PointSize::Pixels, self.expr()?));
            } else if size.is_none() && self.eat_word("radius") {
                size = Some((PointSize::Radius, self.expr()?));
            } else if range.is_none() && self.eat_word("range") {
                let low = self.expr()?;
                self.expect(Kind::DotDot, "`..` and the number of the last colour")?;
                range = Some((low, self.expr()?));
            } else {
                return Some(RenderLayer { span: self.since(start), form, group, filter, at, colour, size, range });
            }
        }
    }
}
