//! The syntax tree: what was written, with its places; nothing is looked up yet.

mod expressions;
mod graph;

use diptych_protocol::program::Span;

pub use expressions::{BinaryOp, Expr, ExprKind, Fold, UnaryOp};
pub use graph::{Adapter, Bus, Field, Publication, Publisher, Signal};

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
    /// `input NAME: TYPE = VALUE in LOW .. HIGH`
    Input(Param),
    Let(Let),
    Run(Run),
    Space(Space),
    Enum(Enum),
    Component(Component),
    Function(Function),
    Blueprint(Blueprint),
    Group(Group),
    Union(Union),
    Index(Index),
    Match(Match),
    System(System),
    Signal(Signal),
    Field(Field),
    Bus(Bus),
    Ensure(Ensure),
    Record(Record),
}

/// `match NAME = A where C with B where D at fresh PLACE`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Match {
    pub name: Name,
    /// With `A where C`, then `B where D`.
    pub sides: [MatchSide; 2],
    /// `at PLACE`, `at fresh PLACE`
    pub place: Option<MatchPlace>,
}

/// `A where C`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct MatchSide {
    pub group: Name,
    pub filter: Option<Expr>,
}

/// `at fresh PLACE`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct MatchPlace {
    pub fresh: bool,
    pub component: Name,
}

/// `enum NAME { A, B }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Enum {
    pub name: Name,
    pub variants: Vec<Name>,
}

/// A type where it was written.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeExpr {
    /// What it is.
    pub kind: TypeKind,
    /// Where.
    pub span: Span,
}

/// The kinds of types.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeKind {
    /// `f32`, `vec2`, an enum.
    Named(Name),
    /// `entity of GROUP`
    Entity(Name),
    /// `TYPE[N]`
    Array(Box<TypeExpr>, Box<Expr>),
    /// `{ mass: f32, at: vec2 }`
    Struct(Vec<(Name, TypeExpr)>),
}

/// `fn NAME(a: TYPE, b: TYPE) -> TYPE { let c = a  c * b }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Function {
    pub name: Name,
    pub parameters: Vec<(Name, TypeExpr)>,
    pub result: TypeExpr,
    /// Usually an [`ExprKind::Block`].
    pub body: Expr,
}

/// `ensure "TEXT" CONDITION`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Ensure {
    pub span: Span,
    /// What it means, for people.
    pub text: Name,
    pub condition: Expr,
}

/// `record every K to "FILE.csv" { signal, name = expression }`, or of rows
/// `record every K to "FILE.parquet" for GROUP where CONDITION sample SHARE { Component, name = expression }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Record {
    pub span: Span,
    /// Every state, if left out.
    pub every: Option<Expr>,
    /// The quoted path, without its quotes.
    pub path: Name,
    /// Without it, of states.
    pub rows: Option<RecordRows>,
    /// Of rows all that they have, if none is named.
    pub columns: Vec<RecordColumn>,
}

/// `for GROUP where CONDITION sample SHARE`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct RecordRows {
    pub group: Name,
    pub filter: Option<Expr>,
    pub sample: Option<Expr>,
}

/// One column of a record: `NAME` or `NAME = VALUE`.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct RecordColumn {
    pub name: Name,
    /// Without one, the name is that of a signal; of rows that of a component or a field.
    pub value: Option<Expr>,
}

/// `param NAME: TYPE = VALUE in LOW .. HIGH`, and what an input is
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
    pub ty: TypeExpr,
}

/// `blueprint NAME { ... }`: members for several groups.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Blueprint {
    pub name: Name,
    pub members: Vec<Member>,
    /// Where all of it stands.
    pub span: Span,
}

/// `union NAME = A, B`: several groups, for rules and measures that go over all of them.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Union {
    pub name: Name,
    pub groups: Vec<Name>,
}

/// `group NAME[ROWS] of BLUEPRINT { ... }`, `group NAME from "FILE.csv" at FRAME { ... }`, `group NAME = buckets of INDEX { ... }` or
/// `grid NAME[w, h] { ... }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Group {
    pub name: Name,
    pub origin: GroupOrigin,
    /// The most rows it can have, where they come and go.
    pub max: Option<Expr>,
    /// What its first members are from.
    pub blueprint: Option<Name>,
    pub members: Vec<Member>,
}

/// Where rows come from.
#[derive(Clone, PartialEq, Debug)]
pub enum GroupOrigin {
    /// So many rows, from a blueprint.
    Rows(Expr),
    /// One a row of a file; its columns are values of the blueprint.
    File {
        /// The quoted path, without its quotes.
        file: Name,
        /// Only rows of this frame.
        frame: Option<Expr>,
    },
    /// One a bucket of an index.
    Buckets(Name),
    /// One a cell.
    Cells {
        /// How many along each side.
        extents: Vec<Expr>,
        /// What is beyond the edge; said at most once, if it is right.
        rims: Vec<Rim>,
    },
}

/// `edge = torus`, `edge = clamp`, `edge = outside { Component = value }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Rim {
    pub word: Name,
    /// What components read as outside of all cells.
    pub values: Vec<Setting>,
}

/// One component of a group.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    /// Where `position` stands, if it marks this one.
    pub position: Option<Span>,
    /// Where `optional` stands, if rows may be without it.
    pub optional: Option<Span>,
    /// The component.
    pub component: Name,
    /// Its first value.
    pub value: Option<Expr>,
    /// Of one that rows may be without: which rows have it at first.
    pub filter: Option<Expr>,
}

/// `index NAME = kdtree of [fresh] GROUP { bucket = N, sum = COMPONENT, angle = A }`, `index NAME = grid of [fresh] GROUP { cell = LENGTH }`
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Index {
    pub name: Name,
    /// Whether it is a grid, not a k-d tree.
    pub grid: bool,
    pub group: Name,
    pub fresh: bool,
    pub settings: Vec<Setting>,
}

/// `system NAME` with its clauses, and a body, unless it is native.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct System {
    pub name: Name,
    pub clauses: Vec<Clause>,
    /// `{ ... }`
    pub body: Option<Vec<Stmt>>,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Stmt {
    /// What it is.
    pub kind: StmtKind,
    /// Where.
    pub span: Span,
}

/// The kinds of statements.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum StmtKind {
    /// `let a = 1, mut b: f32 = 2`; each binding may use those before it.
    Let(Vec<Binding>),
    /// `A = x`, `a += x`, `A ?= x`.
    Assign { target: Expr, op: Assignment, place: Span, value: Expr },
    /// `if c { ... } else if d { ... } else { ... }`; also `on EVENT { ... }` and `every K { ... }`.
    If { condition: Expr, yes: Vec<Stmt>, no: Vec<Stmt> },
    /// `for x in WALK { ... }`
    For { walk: Walk, body: Vec<Stmt> },
    /// `spawn GROUP { Component = value }`
    Spawn(Birth),
    /// `despawn self`, `despawn REFERENCE`
    Despawn(Expr),
    /// `add Component = value`
    Add(Member),
    /// `remove Component`
    Remove(Name),
    /// `publish BUS = value`
    Publish(Publication),
}

/// How a value is assigned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Assignment {
    /// `=`
    Plain,
    /// `+=` and its like: what it was, with something done to it.
    Changed(BinaryOp),
    /// `?=`: it counts as assigned only where that makes it another value.
    IfDifferent,
}

/// A row that is to be born: `GROUP { Component = value }`, `GROUP[max 4] { ... }`.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Birth {
    pub group: Name,
    /// How many a row may ask for in a frame, in a loop.
    pub most: Option<Expr>,
    /// What differs from the blueprint.
    pub members: Vec<Member>,
}

/// One binding of a `let`.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Binding {
    pub mutable: bool,
    pub name: Name,
    pub ty: Option<TypeExpr>,
    pub value: Expr,
}

/// What a loop goes over: `x in 0 .. 4`, `x in GROUP within r of P where c`.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Walk {
    pub span: Span,
    /// The loop's variable; a fold may do without: `count(G within r)`, `mean(G: Speed)`.
    pub variable: Option<Name>,
    pub over: Over,
    /// Turns that do not fulfil it do not count.
    pub filter: Option<Box<Expr>>,
}

/// What a loop goes over.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Over {
    /// `low .. high`, the end not included.
    Range(Box<Expr>, Box<Expr>),
    /// The rows of a group: all, or those that the query finds.
    Rows(Name, Query),
}

/// Which rows of a group.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Query {
    All,
    /// `within RADIUS [of POINT]`
    Within {
        radius: Box<Expr>,
        of: Option<Box<Expr>>,
    },
    /// `nearest COUNT [of POINT]`
    Nearest {
        count: Box<Expr>,
        of: Option<Box<Expr>>,
    },
    /// `far TREE`
    Far(Name),
    /// `around STEPS`, the cells within so many steps along each axis; `beside STEPS`, within so many steps in all.
    Around {
        beside: bool,
        steps: Box<Expr>,
    },
    /// `by [fresh] COLUMN`
    By {
        fresh: bool,
        column: Name,
    },
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
    /// `with A, B`: rows that have these optional components.
    Having(Vec<Name>),
    /// `without A, B`: rows that have none of them.
    Lacking(Vec<Name>),
    /// `changed A, B`: rows of which one of them was assigned in the frame before.
    Changed(Vec<Name>),
    /// `where c`: rows for which this is true. `on EVENT` and `every K` are such conditions.
    Where(Expr),
    /// `batch 512`
    Batch(Expr),
    /// `spawns A, B[max 2]`: groups, and how many births a row asks for at most.
    Spawns(Vec<(Name, Option<Expr>)>),
    /// `despawns A, B`
    Despawns(Vec<Name>),
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
