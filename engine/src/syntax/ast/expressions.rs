//! Expressions.

use diptych_protocol::program::Span;

use super::{Adapter, Birth, Name, Stmt, Walk};

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
    /// How many expressions nest in it, itself included: bounded, so that passes may recurse.
    pub depth: u16,
}

/// The kinds of expressions.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// What could not be read; told already.
    Error,
    /// A number without a point.
    Int(u64),
    /// A number with one, or with an exponent.
    Float(f64),
    /// `true`, `false`
    Bool(bool),
    /// A constant or a component.
    Name(String),
    /// `row`
    Row,
    /// `space`, as an argument.
    Space,
    /// `-a`, `not a`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`; with the operator's place.
    Binary(BinaryOp, Span, Box<Expr>, Box<Expr>),
    /// `if c { a } else { b }`
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `f(a, b)`
    Call(Name, Vec<Expr>),
    /// `a |> f(b)`: what comes in, and the call that it is the first argument of.
    Pipe(Box<Expr>, Box<Adapter>),
    /// `v.x`, `other.Mass`, `Body.at`: what it is, the types say.
    Lane(Box<Expr>, Name),
    /// `self`: the own row as a reference.
    This,
    /// `self in red`: whether a row is of a group, or of one of a union.
    In(Box<Expr>, Name),
    /// `fresh A`, `fresh other.A`
    Fresh(Box<Expr>),
    /// `table[i]`, `Trail[2]`, `agents[i]`
    Index(Box<Expr>, Box<Expr>),
    /// `[1, 2, 3]`
    Array(Vec<Expr>),
    /// `{ let a = 1  a + b }`: lets, then a value.
    Block(Vec<Stmt>, Box<Expr>),
    /// `sum(x in G within r where c : e)`, `quantile(G : e, 0.9)`; with the place of its word, and what stands behind.
    Fold(Fold, Span, Box<Walk>, Option<Box<Expr>>, Vec<Expr>),
    /// `pair DRAW`: one draw for both ends.
    Pair(Box<Expr>),
    /// `spawn GROUP { Component = value }`: a reference to the new row.
    Spawn(Box<Birth>),
}

/// Loops as values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Fold {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    ArgMin,
    ArgMax,
    Any,
    All,
    Pick,
    Variance,
    Deviation,
    Histogram,
    Quantile,
    Median,
    Births,
    Ends,
}

impl Fold {
    /// All of them, with their words.
    pub const WORDS: [(&str, Fold); 17] = [
        ("count", Fold::Count),
        ("sum", Fold::Sum),
        ("mean", Fold::Mean),
        ("min", Fold::Min),
        ("max", Fold::Max),
        ("argmin", Fold::ArgMin),
        ("argmax", Fold::ArgMax),
        ("any", Fold::Any),
        ("all", Fold::All),
        ("pick", Fold::Pick),
        ("variance", Fold::Variance),
        ("deviation", Fold::Deviation),
        ("histogram", Fold::Histogram),
        ("quantile", Fold::Quantile),
        ("median", Fold::Median),
        ("births", Fold::Births),
        ("ends", Fold::Ends),
    ];

    /// Whether it can do without a value.
    pub fn is_bare(self) -> bool {
        matches!(self, Fold::Count | Fold::Any | Fold::All | Fold::Pick | Fold::Births | Fold::Ends)
    }

    /// Constants behind the value.
    pub fn constants(self) -> &'static [&'static str] {
        match self {
            Fold::Histogram => &["low", "high", "bins"],
            Fold::Quantile => &["share"],
            _ => &[],
        }
    }

    /// Whether it is of all rows of a group alone, in signals.
    pub fn is_of_all(self) -> bool {
        matches!(self, Fold::Variance | Fold::Deviation | Fold::Histogram | Fold::Quantile | Fold::Median)
            || matches!(self, Fold::Births | Fold::Ends)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, fold)| *fold == self).map_or("", |(word, _)| word)
    }
}

/// Operators with one operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum UnaryOp {
    Neg,
    Not,
}

/// Operators with two operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }
}
