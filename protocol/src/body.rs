//! The typed IR of what is computed a row: code over scalars in SSA form, with loops and without branches.
//!
//! Vectors are flattened when lowering, names are gone, every operation has one written meaning that all back ends
//! share (see the doc of each operation). No operation can fail and none has an effect, so an `if` of the language is
//! a [`Op::Select`]: both sides are computed, one is taken. That is what lets rows be the lanes of a SIMD register.
//!
//! # Loops
//!
//! A [`Loop`] makes *turns*; each turn computes the operations of its body, which stand between [`Op::Loop`] and
//! [`Loop::end`]. What a loop remembers from turn to turn is *carried*: row by row, one turn after another, in the
//! canonical order of what it goes over. A turn counts only for rows where [`Loop::active`] is true: for the others
//! the carried values stay as they are, bit for bit. Rows where [`Loop::mask`] is false make no turn at all.
//! After the loop the carried values are read by [`Op::Result`]; nothing else of a body can be used outside. But a turn
//! can *ask* for something ([`Ask`]), which whoever runs the body hears of.
//!
//! Each row sees its turns in the same order whatever block or lane it is in, so that neither shows in the bits.
//!
//! # Conditions
//!
//! Which rows may be among the nearest can be said by a body of its own, the *condition* of [`Over::Nearest::among`]. Its
//! first result is a `u32` that one of its loops carries: it goes over the nearest [`OFFERED_MAX`] rows, and turn `t` sets
//! bit `t` if its row counts. Turns know nothing of each other, so that other rows can be offered instead of the nearest,
//! as often as need be, in any order. The second result is whether the own row asks at all (`bool`).

use serde::{Deserialize, Serialize};

use crate::id::{BodyId, ColumnId, DataId, GroupId, Id, IndexId, InverseId, LoopId, ReducedId, SignalId, ValueId};
#[allow(unused_imports, reason = "the page above names it")]
use crate::limits::OFFERED_MAX;
use crate::program::{Span, When};
use crate::raster::Offset;
use crate::table::Table;
use crate::types::{Scalar, Value};

/// Code for one row.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Body {
    /// The operations, each before its uses; those of a loop's body stand right behind its [`Op::Loop`].
    pub ops: Table<ValueId, Typed>,
    /// The loops, in the order of their [`Op::Loop`].
    pub loops: Table<LoopId, Loop>,
    /// Which column of the own row gets which value; each column once. Values stand outside of all loops.
    pub stores: Vec<Store>,
    /// What the body gives to whoever runs it, if it stores nothing: see [`crate::program::Reduction`] and
    /// [`crate::program::Outputs`].
    pub results: Vec<ValueId>,
}

impl Body {
    /// Appends an operation.
    pub fn push(&mut self, scalar: Scalar, op: Op) -> ValueId {
        self.ops.push(Typed { scalar, op })
    }

    /// What the turns of its loops ask for, by their numbers.
    pub fn asks(&self) -> Vec<&Ask> {
        let mut all: Vec<&Ask> = self.loops.values().flat_map(|it| &it.asks).collect();
        all.sort_by_key(|ask| ask.number);
        all
    }

    /// Whether it needs the number of the own row: to compute with, or to tell it from others.
    pub fn asks_rows(&self) -> bool {
        !self.loops.is_empty() || self.ops.values().any(|typed| typed.op == Op::Row)
    }

    /// The columns that it reads, one for each read.
    pub fn columns(&self) -> impl Iterator<Item = ColumnId> {
        self.ops.values().filter_map(|typed| match typed.op {
            Op::Read { column, .. } => Some(column),
            _ => None,
        })
    }

    /// Whether it needs other rows: its own block of rows cannot be a plain stretch of a stream.
    pub fn asks_indexes(&self) -> bool {
        self.loops.values().any(|l| l.over.index().is_some())
    }
}

/// A body, and those that are run ahead of it: the questions and conditions of its loops, and what those ask in turn.
/// Ascending: each behind what it asks.
pub fn with_asked(bodies: &Table<BodyId, Body>, body: BodyId) -> Vec<BodyId> {
    let mut all = vec![body];
    let mut at = 0;
    while let Some(&body) = all.get(at) {
        let asked = bodies[body].loops.values().flat_map(Loop::asks);
        all.extend(asked.filter(|asked| *asked < body));
        at += 1;
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// A value for a column.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Store {
    /// The column.
    pub column: ColumnId,
    /// What its row gets.
    pub value: ValueId,
    /// The assignment, for blame. No part of the program's hash.
    pub span: Span,
}

/// An operation and the type of its result.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Typed {
    /// The result's type.
    pub scalar: Scalar,
    /// What is done.
    pub op: Op,
}

/// One operation.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Op {
    /// A constant.
    Const(Value),
    /// The row's entity index (`u32`): as long as rows do not move, the row number.
    Row,
    /// The number of the state that the frame starts from (`u32`): 0 in the first frame, and at set-up. In a body
    /// about a finished state, that state's number.
    Frame,
    /// The [time](crate::program::Program::time) of [`Op::Frame`] (`f64`).
    Time,
    /// A signal of the state that the frame starts from. In the body about a finished state that is its value of the state
    /// before, 0 (false) where there is none: what a state block remembers; in what a sink takes of rows, of their own state. Not in
    /// blueprints.
    Signal(SignalId),
    /// A column's value. [`At::Row`] of a row that its group does not have gives 0 (false).
    Read {
        /// The column.
        column: ColumnId,
        /// Which panel.
        when: When,
        /// Whose.
        at: At,
    },
    /// A value that came with the scenario from a file: the own row's, at set-up.
    Data(DataId),
    /// A uniform draw in `0 <= u < 1`: 24 bits for `f32`, 53 for `f64`, addressed by (seed, site, entity, tick, turn).
    Draw {
        /// The call's place in the scenario, by name: nothing unrelated changes it.
        site: u32,
        /// Which of the two draws of one counter block.
        lane: u8,
        /// Whose draw (`u32`).
        entity: ValueId,
        /// What tells the turns of the enclosing loops apart (`u32`); 0 outside of loops.
        turn: ValueId,
    },
    /// One operand, of the result's type (`Not`: of `bool`, or bit by bit of an integer).
    Unary(Unary, ValueId),
    /// Two operands of the result's type.
    Binary(Binary, ValueId, ValueId),
    /// Two operands of one type; the result is `bool`.
    Compare(Compare, ValueId, ValueId),
    /// The second where the first is true, else the third. Both are computed.
    Select(ValueId, ValueId, ValueId),
    /// Another type: integers to floats, and `f64` to `f32`, round to nearest even; floats to integers truncate and
    /// saturate, NaN becomes 0; integers to narrower ones, and between signed and unsigned, wrap; `bool` is 0 or 1,
    /// and a number is a true `bool` where it is not 0 (NaN is not).
    Convert(ValueId),
    /// Runs a loop. Its own value means nothing (`bool`, false).
    Loop(LoopId),
    /// A carried value after the loop.
    Result(LoopId, u16),
    /// In the body of the loop: a carried value as the turn finds it.
    Carried(LoopId, u16),
    /// In the body: the other's row (`u32`); of [`Over::Count`] the counter (`i32`).
    Other(LoopId),
    /// In the body of a spatial loop: the other's position minus [`Over::Within::from`] along an axis, the short way
    /// around a torus ([`crate::space::Space::delta`]).
    Delta(LoopId, u8),
    /// In the body about a finished state: what a reduction of it comes to (`f64`).
    Reduced(ReducedId),
}

/// Whose value is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum At {
    /// The own row's.
    Own,
    /// That of the cell at an offset from the own row, which is one of a [`Raster`](crate::raster::Raster); beyond its
    /// edge as its [`Rim`](crate::raster::Rim) says.
    Shift(Offset),
    /// The other's, in the body of this loop.
    Other(LoopId),
    /// That of a row (`u32`) of the column's group, which it may not have: then 0.
    Row(ValueId),
}

impl At {
    /// How far from the own row, where that is known beforehand: such values come a lane each.
    pub fn offset(self) -> Option<Offset> {
        match self {
            At::Own => Some([0; 3]),
            At::Shift(offset) => Some(offset),
            At::Other(_) | At::Row(_) => None,
        }
    }
}

/// A loop.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Loop {
    /// What it goes over.
    pub over: Over,
    /// Rows where this is false make no turn. Stands before the loop.
    pub mask: Option<ValueId>,
    /// Of a spatial loop: the body whose results are the point that the own row measures from, and then, of
    /// [`Over::Within`], the radius (`f32`) if the rows have radii of their own. Its number is below that of the body that
    /// the loop is in. Without one the point is the own position, and the radius the same for all rows.
    pub question: Option<BodyId>,
    /// Its [`Op::Loop`].
    pub at: ValueId,
    /// One past the last operation of its body, which begins right behind `at`.
    pub end: ValueId,
    /// Whether the turn counts for a row (`bool`): the exact test of a radius, and what `where` says. Without one
    /// every turn counts.
    pub active: Option<ValueId>,
    /// What it remembers.
    pub carried: Vec<Carried>,
    /// What its turns ask for.
    pub asks: Vec<Ask>,
}

/// What a turn of a loop asks for, where it counts and this is true: a request of the own row, with values. The requests of
/// a row come in the order of its turns. Only bodies of systems ask.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Ask {
    /// Which of the body's: from 0 on, each once.
    pub number: u16,
    /// Whether the turn asks (`bool`).
    pub when: ValueId,
    /// With which values.
    pub values: Vec<ValueId>,
}

impl Ask {
    /// The value of a place: the first is the condition.
    pub fn value(&self, place: u16) -> Option<ValueId> {
        match place.checked_sub(1) {
            None => Some(self.when),
            Some(place) => self.values.get(usize::from(place)).copied(),
        }
    }
}

/// What a loop goes over, in which order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Over {
    /// All rows of the index's group that may be within reach, and possibly more: `active` has the exact test. Never
    /// the own row. In the order of their rows.
    Within {
        /// The index.
        index: IndexId,
        /// A radius that is not below what `active` lets pass; 0 where the loop's question gives one a row.
        reach: f32,
        /// The point that distances are measured from, an axis a value: what the loop's question gives, or the own
        /// position, `prev` or fresh as the index is.
        from: Vec<ValueId>,
    },
    /// The nearest rows of the index's group, or of those of its rows for which a condition is true; fewer if there are
    /// not so many; never the own row. By distance (squared, summed in the order of the axes, in the position's own
    /// precision), then row; where rows are kept in the order of the index, then entity.
    Nearest {
        /// The index.
        index: IndexId,
        /// How many.
        count: u16,
        /// As for `Within`. Where there is a condition, its loop measures from the same point, and has the question.
        from: Vec<ValueId>,
        /// Which rows count: the condition, a body whose number is below that of the body that the loop is in. Without
        /// one all do. A row that does not ask finds none.
        among: Option<BodyId>,
    },
    /// All rows of the index's group but the own one, near ones by themselves, far ones by summaries that stand for them
    /// ([`crate::summary`]). The others are first the summaries in the order of the tree, then rows in the order of the tree's
    /// slots; which they are is the same for all rows of a bucket. Of a summary [`At::Other`] reads the sum of a column,
    /// rounded to the column's type, and [`Op::Delta`] goes to the barycentre, rounded as well. What both have can be read:
    /// the summed columns of `prev`, and deltas. In an open space or a box, in a body over the index's group; all such
    /// loops of a body ask one index.
    Far {
        /// A k-d tree with summaries.
        index: IndexId,
        /// As for `Within`.
        from: Vec<ValueId>,
    },
    /// All rows of a group but the own one, in order; of a derived group those of this frame.
    Group(GroupId),
    /// The rows of the index's group that are in one bucket, in order. For a system over that group: in the own row's
    /// bucket, the own row left out. For one over the group of the buckets: in the bucket that the own row stands for.
    Members(IndexId),
    /// The row of the group of the buckets that stands for the own row's bucket: one turn.
    Holder(IndexId),
    /// The rows whose reference is the own row, in order.
    Inverse(InverseId),
    /// The integers `first .. end` (`i32`), none if `end` is not above `first`.
    Count {
        /// Stands before the loop.
        first: ValueId,
        /// Stands before the loop.
        end: ValueId,
    },
}

impl Over {
    /// The spatial index it asks.
    pub fn index(&self) -> Option<IndexId> {
        match self {
            Over::Within { index, .. } | Over::Nearest { index, .. } | Over::Far { index, .. } => Some(*index),
            _ => None,
        }
    }

    /// The condition that says which rows count.
    pub fn among(&self) -> Option<BodyId> {
        match self {
            Over::Nearest { among, .. } => *among,
            _ => None,
        }
    }

    /// The index whose buckets it asks for.
    pub fn buckets(&self) -> Option<IndexId> {
        match self {
            Over::Members(index) | Over::Holder(index) => Some(*index),
            _ => None,
        }
    }

    /// The index whose summaries it asks for.
    pub fn far(&self) -> Option<IndexId> {
        match self {
            Over::Far { index, .. } => Some(*index),
            _ => None,
        }
    }

    /// The point that distances are measured from.
    pub fn from(&self) -> &[ValueId] {
        match self {
            Over::Within { from, .. } | Over::Nearest { from, .. } | Over::Far { from, .. } => from,
            _ => &[],
        }
    }
}

/// What a loop remembers from turn to turn.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Carried {
    /// Its value before the first turn. Stands before the loop.
    pub start: ValueId,
    /// What an active turn makes of it.
    pub update: Update,
}

/// What a turn makes of a carried value. Sums have forms of their own, because back ends do them better: where the
/// turn does not count they must leave the value as it is, not add a zero to it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Update {
    /// This value.
    Set(ValueId),
    /// The carried value plus this one (as [`Binary::Add`]), where the condition, if there is one, is true as well.
    Add(ValueId, Option<ValueId>),
    /// The carried value minus this one (as [`Binary::Sub`]).
    Sub(ValueId, Option<ValueId>),
}

impl Update {
    /// The value it is made with.
    pub fn value(self) -> ValueId {
        match self {
            Update::Set(value) | Update::Add(value, _) | Update::Sub(value, _) => value,
        }
    }

    /// The condition of its own.
    pub fn when(self) -> Option<ValueId> {
        match self {
            Update::Set(_) => None,
            Update::Add(_, when) | Update::Sub(_, when) => when,
        }
    }
}

impl Op {
    /// The operands, in order.
    pub fn operands(&self) -> impl Iterator<Item = ValueId> {
        let all = match *self {
            Op::Draw { entity, turn, .. } => [Some(entity), Some(turn), None],
            Op::Read { at: At::Row(row), .. } => [Some(row), None, None],
            Op::Unary(_, a) | Op::Convert(a) => [Some(a), None, None],
            Op::Binary(_, a, b) | Op::Compare(_, a, b) => [Some(a), Some(b), None],
            Op::Select(c, a, b) => [Some(c), Some(a), Some(b)],
            _ => [None; 3],
        };
        all.into_iter().flatten()
    }
}

impl Loop {
    /// The bodies that are run ahead of the one that it is in: its question, its condition.
    pub fn asks(&self) -> impl Iterator<Item = BodyId> {
        self.question.into_iter().chain(self.over.among())
    }

    /// The values that it uses itself, outside of operations.
    pub fn values(&self) -> impl Iterator<Item = ValueId> {
        let ends = match self.over {
            Over::Count { first, end } => [Some(first), Some(end)],
            _ => [None; 2],
        };
        let carried = self.carried.iter().flat_map(|it| [Some(it.start), Some(it.update.value()), it.update.when()]);
        let from = self.over.from().iter().copied();
        let asks = self.asks.iter().flat_map(|ask| std::iter::once(ask.when).chain(ask.values.iter().copied()));
        ends.into_iter().chain([self.mask, self.active]).chain(carried).flatten().chain(from).chain(asks)
    }

    /// The operations of its body.
    pub fn body(&self) -> std::ops::Range<usize> {
        self.at.index() + 1..self.end.index()
    }
}

/// Operations with one operand. The functions are those of [`crate::math`], in the operand's own precision; they take
/// floats only, `Neg` and `Abs` any number, `Not` a `bool`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Unary {
    /// Floats flip the sign; integers wrap, unsigned ones too.
    Neg,
    /// Floats clear the sign; the smallest integer's magnitude wraps to itself; unsigned ones stay.
    Abs,
    /// A `bool`, or an integer bit by bit.
    Not,
    Sqrt,
    Cbrt,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Exp,
    Ln,
    Log2,
    Log10,
    Floor,
    Ceil,
    /// To nearest, ties away from zero.
    Round,
    Trunc,
}

/// Operations with two operands of one type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Binary {
    /// Integers wrap.
    Add,
    Sub,
    Mul,
    /// Floats: IEEE. Integers truncate; by zero gives 0; the smallest by -1 wraps.
    Div,
    /// The remainder that goes with `Div` (sign of the dividend), exact. Floats: by zero gives NaN. Integers: by zero
    /// gives 0, as does the smallest by -1.
    Rem,
    /// The smaller; if either is NaN, the other; -0.0 is below +0.0.
    Min,
    /// The larger; if either is NaN, the other; +0.0 is above -0.0.
    Max,
    /// Floats only.
    Pow,
    Atan2,
    /// A `bool`, or an integer bit by bit.
    And,
    Or,
    Xor,
    /// Integers only. The amount counts as unsigned; an amount of the width or more gives 0.
    Shl,
    /// Integers only: signed ones fill with their sign. An amount of the width or more, counted as unsigned, leaves only
    /// that fill.
    Shr,
}

/// Comparisons; with NaN all are false but `Ne`. A `bool` knows `Eq` and `Ne` only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Compare {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Unary {
    /// Whether the operand may have this type.
    pub fn accepts(self, scalar: Scalar) -> bool {
        match self {
            Unary::Neg | Unary::Abs => scalar != Scalar::Bool,
            Unary::Not => !scalar.is_float(),
            _ => scalar.is_float(),
        }
    }
}

impl Binary {
    /// Whether the operands may have this type.
    pub fn accepts(self, scalar: Scalar) -> bool {
        match self {
            Binary::Pow | Binary::Atan2 => scalar.is_float(),
            Binary::And | Binary::Or | Binary::Xor => !scalar.is_float(),
            Binary::Shl | Binary::Shr => scalar.is_integer(),
            _ => scalar != Scalar::Bool,
        }
    }
}

impl Compare {
    /// Whether the operands may have this type.
    pub fn accepts(self, scalar: Scalar) -> bool {
        scalar != Scalar::Bool || matches!(self, Compare::Eq | Compare::Ne)
    }
}
