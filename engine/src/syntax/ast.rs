//! The syntax tree: what was written, with its places; nothing is looked up yet.

use diptych_protocol::program::Span;

/// A name where it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A whole text.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Scenario {
    /// After `scenario`, with its documentation.
    pub name: Option<Name>,
    /// The `///` lines before `scenario`.
    pub docs: Vec<String>,
    /// Everything after it, in order.
    pub items: Vec<Item>,
}

/// One item.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Item {
    Param(Param),
    Let(Let),
    Run(Run),
    Space(Space),
    Component(Component),
    Group(Group),
    Index(Index),
    System(System),
}

/// `param NAME: TYPE = VALUE in LOW .. HIGH`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Param {
    pub docs: Vec<String>,
    pub name: Name,
    pub type_name: Name,
    pub default: Expr,
    pub range: Option<(Expr, Expr)>,
}

/// `let NAME = VALUE`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Let {
    pub name: Name,
    pub value: Expr,
}

/// `NAME = VALUE` inside braces.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Setting {
    pub name: Name,
    pub value: Expr,
}

/// `run { ... }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Run {
    pub span: Span,
    pub settings: Vec<Setting>,
}

/// `space torus (0, 0) .. (1, 1)` or `space open 2`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Space {
    pub span: Span,
    pub shape: SpaceShape,
}

/// What kind of space.
#[derive(Clone, PartialEq, Debug)]
pub enum SpaceShape {
    /// So many dimensions.
    Open(Expr),
    /// From corner to corner.
    Bounded {
        /// `torus`, else `box`.
        torus: bool,
        /// The low corner.
        low: Vec<Expr>,
        /// The high corner.
        high: Vec<Expr>,
    },
}

/// `component NAME = TYPE`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Component {
    pub name: Name,
    pub type_name: Name,
}

/// `group NAME[ROWS] { ... }` or `group NAME = buckets of INDEX { ... }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Group {
    pub name: Name,
    pub origin: GroupOrigin,
    pub members: Vec<Member>,
}

/// Where rows come from.
#[derive(Clone, PartialEq, Debug)]
pub enum GroupOrigin {
    /// So many rows, from a blueprint.
    Rows(Expr),
    /// One a bucket of an index.
    Buckets(Name),
}

/// One component of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    /// Where `position` stands, if it marks this one.
    pub position: Option<Span>,
    /// The component.
    pub component: Name,
    /// Its first value.
    pub value: Option<Expr>,
}

/// `index NAME = kdtree of [fresh] GROUP { bucket = N }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Index {
    pub name: Name,
    pub group: Name,
    pub fresh: bool,
    pub settings: Vec<Setting>,
}

/// `system NAME` with its clauses. A body of text will stand beside them.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct System {
    pub name: Name,
    pub clauses: Vec<Clause>,
}

/// One clause of a system.
#[derive(Clone, PartialEq, Debug)]
pub struct Clause {
    /// Where.
    pub span: Span,
    /// What it says.
    pub kind: ClauseKind,
}

/// What a clause says.
#[derive(Clone, PartialEq, Debug)]
pub enum ClauseKind {
    /// `native "name"`
    Native(Name),
    /// `for GROUP`
    For(Name),
    /// `owns A, B`
    Owns(Vec<Path>),
    /// `reads A, group.B`
    Reads(Vec<Path>),
    /// `fresh [others] A, group.B`
    Fresh {
        /// Any row of the own group, not just the own row.
        others: bool,
        /// What is read.
        paths: Vec<Path>,
    },
    /// `index A, B`
    Index(Vec<Name>),
    /// `with { g = 1 }`
    With(Vec<Setting>),
    /// `batch 512`
    Batch(Expr),
}

/// `Component` or `group.Component`
#[derive(Clone, PartialEq, Debug)]
pub struct Path {
    /// The group, unless it is the system's own.
    pub group: Option<Name>,
    /// The component.
    pub component: Name,
}

impl Path {
    /// From the first to the last letter.
    pub fn span(&self) -> Span {
        let start = self.group.as_ref().map_or(self.component.span.start, |group| group.span.start);
        Span { start, end: self.component.span.end }
    }
}

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
    /// `v.x`
    Lane(Box<Expr>, Name),
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
