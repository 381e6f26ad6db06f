//! The typed IR of what is computed a row: straight-line code over scalars in SSA form.
//!
//! Vectors are flattened when lowering, names are gone, every operation has one written meaning that all back ends
//! share (see the doc of each operation). Loops and branches of system bodies become regions of the same table;
//! a back end walks the operations in order, a block of rows at a time.

use serde::{Deserialize, Serialize};

use crate::id::{ColumnId, ValueId};
use crate::table::Table;
use crate::types::{Scalar, Value};

/// Code for one row.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Body {
    /// The operations, each before its uses.
    pub ops: Table<ValueId, Typed>,
    /// Which column gets which value; each column once.
    pub stores: Vec<(ColumnId, ValueId)>,
}

impl Body {
    /// Appends an operation.
    pub fn push(&mut self, scalar: Scalar, op: Op) -> ValueId {
        self.ops.push(Typed { scalar, op })
    }
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
    /// The row's entity index (`u32`): at set-up the row number.
    Row,
    /// A uniform draw in `0 <= u < 1`: 24 bits for `f32`, 53 for `f64`, addressed by (seed, site, entity, tick).
    Draw {
        /// The call's place in the scenario, by name: nothing unrelated changes it.
        site: u32,
        /// Which of the two draws of one counter block.
        lane: u8,
    },
    /// One operand, of the result's type (`Not`: of `bool`).
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
    Not,
    Sqrt,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
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
    /// `bool` only.
    And,
    Or,
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
            Unary::Not => scalar == Scalar::Bool,
            _ => scalar.is_float(),
        }
    }
}

impl Binary {
    /// Whether the operands may have this type.
    pub fn accepts(self, scalar: Scalar) -> bool {
        match self {
            Binary::Pow | Binary::Atan2 => scalar.is_float(),
            Binary::And | Binary::Or => scalar == Scalar::Bool,
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
