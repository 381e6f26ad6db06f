//! Text to tokens.

use diptych_protocol::program::Span;
use logos::{Filter, Lexer, Logos};

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A token and where it stands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where.
    pub span: Span,
}

fn comment(lexer: &mut Lexer<'_, Kind>) -> Filter<()> {
    let slice = lexer.slice();
    if slice.starts_with("///") && !slice.starts_with("////") { Filter::Emit(()) } else { Filter::Skip }
}

/// The kinds of tokens.
#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
#[logos(skip(r"[ \t\r\n\f\u{feff}]+"))]
#[allow(missing_docs)]
pub enum Kind {
    /// `/// ...`, without its line end. Plain comments are no tokens.
    #[regex(r"//[^\n]*", comment, allow_greedy = true)]
    Doc,
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*")]
    Name,
    #[regex(r"[0-9][0-9_]*")]
    Int,
    #[regex(r"[0-9][0-9_]*\.[0-9][0-9_]*([eE][+-]?[0-9][0-9_]*)?")]
    #[regex(r"[0-9][0-9_]*[eE][+-]?[0-9][0-9_]*")]
    Float,
    #[regex(r#""[^"\n]*""#)]
    Text,
    #[regex(r#""[^"\n]*"#)]
    OpenText,
    #[token("(")]
    ParenOpen,
    #[token(")")]
    ParenClose,
    #[token("{")]
    BraceOpen,
    #[token("}")]
    BraceClose,
    #[token("[")]
    BracketOpen,
    #[token("]")]
    BracketClose,
    #[token(",")]
    Comma,
    #[token(":")]
    Colon,
    #[token(".")]
    Dot,
    #[token("..")]
    DotDot,
    #[token("=")]
    Assign,
    #[token("?=")]
    DiffersAssign,
    #[token("+=")]
    PlusAssign,
    #[token("-=")]
    MinusAssign,
    #[token("*=")]
    StarAssign,
    #[token("/=")]
    SlashAssign,
    #[token("->")]
    Arrow,
    #[token("+")]
    Plus,
    #[token("-")]
    Minus,
    #[token("*")]
    Star,
    #[token("/")]
    Slash,
    #[token("%")]
    Percent,
    #[token("==")]
    Equal,
    #[token("!=")]
    NotEqual,
    #[token("<")]
    Less,
    #[token("<=")]
    LessEqual,
    #[token(">")]
    Greater,
    #[token(">=")]
    GreaterEqual,
    #[token("!")]
    #[token("not")]
    Not,
    #[token("&&")]
    #[token("and")]
    And,
    #[token("||")]
    #[token("or")]
    Or,
    #[token("true")]
    True,
    #[token("false")]
    False,
    #[token("if")]
    If,
    #[token("else")]
    Else,
    #[token("row")]
    Row,
    #[token("scenario")]
    Scenario,
    #[token("param")]
    Param,
    #[token("let")]
    Let,
    #[token("run")]
    Run,
    #[token("space")]
    Space,
    #[token("component")]
    Component,
    #[token("group")]
    Group,
    #[token("grid")]
    Grid,
    #[token("index")]
    Index,
    #[token("system")]
    System,
    #[token("for")]
    For,
    #[token("in")]
    In,
    #[token("of")]
    Of,
    #[token("owns")]
    Owns,
    #[token("reads")]
    Reads,
    #[token("fresh")]
    Fresh,
    #[token("with")]
    With,
    #[token("without")]
    Without,
    #[token("native")]
    Native,
    #[token("enum")]
    Enum,
    #[token("entity")]
    Entity,
    #[token("fn")]
    Fn,
    #[token("signal")]
    Signal,
    #[token("ensure")]
    Ensure,
    #[token("record")]
    Record,
    #[token("render")]
    Render,
    #[token("every")]
    Every,
    #[token("mut")]
    Mut,
    #[token("self")]
    This,
    #[token("within")]
    Within,
    #[token("by")]
    By,
    #[token("spawn")]
    Spawn,
    #[token("despawn")]
    Despawn,
    #[token("match")]
    Match,
    #[token("blueprint")]
    Blueprint,
    #[token("union")]
    Union,
    #[token("bus")]
    Bus,
    #[token("event")]
    Event,
    #[token("input")]
    Input,
    #[token("field")]
    Field,
    #[token("on")]
    On,
    #[token("when")]
    When,
    #[token("|>")]
    Pipe,
    /// A word that the language will need.
    #[token("state")]
    Reserved,
    /// After the last token.
    End,
}

impl Kind {
    /// Whether the token is a word that cannot be a name.
    pub fn is_keyword(self) -> bool {
        matches!(
            self,
            Kind::Not
                | Kind::And
                | Kind::Or
                | Kind::True
                | Kind::False
                | Kind::If
                | Kind::Else
                | Kind::Row
                | Kind::Scenario
                | Kind::Param
                | Kind::Let
                | Kind::Run
                | Kind::Space
                | Kind::Component
                | Kind::Group
                | Kind::Grid
                | Kind::Index
                | Kind::System
                | Kind::For
                | Kind::In
                | Kind::Of
                | Kind::Owns
                | Kind::Reads
                | Kind::Fresh
                | Kind::With
                | Kind::Native
                | Kind::Enum
                | Kind::Entity
                | Kind::Fn
                | Kind::Signal
                | Kind::Ensure
                | Kind::Record
                | Kind::Render
                | Kind::Every
                | Kind::Mut
                | Kind::This
                | Kind::Within
                | Kind::By
                | Kind::Without
                | Kind::Spawn
                | Kind::Despawn
                | Kind::Match
                | Kind::Blueprint
                | Kind::Union
                | Kind::Bus
                | Kind::Event
                | Kind::Input
                | Kind::Field
                | Kind::On
                | Kind::When
                | Kind::Reserved
        )
    }
}

/// The tokens of a text, [`Kind::End`] last. What is no token is told and left out.
pub fn tokens(text: &str, diagnostics: &mut Diagnostics) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut unknown: Option<Span> = None;
    for (kind, range) in Kind::lexer(text).spanned() {
        let span = Span { start: range.start as u32, end: range.end as u32 };
        let Ok(kind) = kind else {
            // A run of strange characters is one mistake.
            match &mut unknown {
                Some(run) if run.end == span.start => run.end = span.end,
                _ => tell_unknown(text, unknown.replace(span), diagnostics),
            }
            continue;
        };
        if kind == Kind::OpenText {
            let error = Diagnostic::error(codes::E0102, span, "this text has no closing quote");
            diagnostics.push(error.help("a text ends with `\"` on the line where it began"));
            tokens.push(Token { kind: Kind::Text, span });
            continue;
        }
        match tokens.last_mut() {
            // `12abc`, `0x10`, `1e`: one word to the eye.
            Some(last)
                if matches!(last.kind, Kind::Int | Kind::Float)
                    && last.span.end == span.start
                    && (kind == Kind::Name || kind.is_keyword() || matches!(kind, Kind::Int | Kind::Float)) =>
            {
                last.span.end = span.end;
                let word = &text[last.span.start as usize..last.span.end as usize];
                let error = Diagnostic::error(codes::E0103, last.span, format!("`{word}` is not a number"));
                diagnostics.push(
                    error.help("numbers look like `12`, `1_000`, `0.5`, `1e-3`; types are written as `f64(0.5)`"),
                );
            }
            _ => tokens.push(Token { kind, span }),
        }
    }
    tell_unknown(text, unknown, diagnostics);
    let end = text.len() as u32;
    tokens.push(Token { kind: Kind::End, span: Span { start: end, end } });
    tokens
}

fn tell_unknown(text: &str, span: Option<Span>, diagnostics: &mut Diagnostics) {
    let Some(span) = span else { return };
    let shown: String = text[span.start as usize..span.end as usize].chars().take(16).collect();
    diagnostics.push(Diagnostic::error(
        codes::E0101,
        span,
        format!("the language does not know `{}`", shown.escape_debug()),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let mut diagnostics = Diagnostics::default();
        tokens(text, &mut diagnostics).iter().map(|t| t.kind).collect()
    }

    #[test]
    fn ranges_are_not_floats() {
        assert_eq!(kinds("1..2"), [Kind::Int, Kind::DotDot, Kind::Int, Kind::End]);
        assert_eq!(kinds("1.5 .. 2e-3"), [Kind::Float, Kind::DotDot, Kind::Float, Kind::End]);
        assert_eq!(kinds("v.x"), [Kind::Name, Kind::Dot, Kind::Name, Kind::End]);
    }

    #[test]
    fn only_three_slashes_document() {
        assert_eq!(kinds("// a\n/// b\n//// c\nx"), [Kind::Doc, Kind::Name, Kind::End]);
    }

    #[test]
    fn words_are_whole_words() {
        assert_eq!(
            kinds("order or iffy if fresher"),
            [Kind::Name, Kind::Or, Kind::Name, Kind::If, Kind::Name, Kind::End]
        );
    }

    #[test]
    fn operators_are_the_longest_that_fit() {
        assert_eq!(kinds("a -= b"), [Kind::Name, Kind::MinusAssign, Kind::Name, Kind::End]);
        assert_eq!(kinds("a->b/=c"), [Kind::Name, Kind::Arrow, Kind::Name, Kind::SlashAssign, Kind::Name, Kind::End]);
        assert_eq!(kinds("a- >b"), [Kind::Name, Kind::Minus, Kind::Greater, Kind::Name, Kind::End]);
    }

    #[test]
    fn words_of_one_place_are_names() {
        let words = "where nearest from pair until to other position count";
        let found = kinds(words);
        assert!(found.iter().all(|kind| matches!(kind, Kind::Name | Kind::End)), "{found:?}");
    }

    #[test]
    fn numbers_do_not_run_into_words() {
        for text in ["0x10", "1e", "12abc", "3f32", "1.5e", "1_e"] {
            let mut diagnostics = Diagnostics::default();
            tokens(text, &mut diagnostics);
            assert_eq!(diagnostics.errors(), 1, "{text}");
        }
    }
}
