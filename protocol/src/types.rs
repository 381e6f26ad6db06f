//! Scalars, vectors and constant values.

use serde::{Deserialize, Serialize};

use crate::id::{EnumId, GroupId};

/// What one column holds a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Scalar {
    F32,
    F64,
    I8,
    I16,
    I32,
    U8,
    U16,
    U32,
    /// One byte, 0 or 1.
    Bool,
}

impl Scalar {
    /// All of them.
    pub const ALL: [Scalar; 9] = [
        Scalar::F32,
        Scalar::F64,
        Scalar::I8,
        Scalar::I16,
        Scalar::I32,
        Scalar::U8,
        Scalar::U16,
        Scalar::U32,
        Scalar::Bool,
    ];

    /// Bytes a row.
    pub fn size(self) -> usize {
        match self {
            Scalar::I8 | Scalar::U8 | Scalar::Bool => 1,
            Scalar::I16 | Scalar::U16 => 2,
            Scalar::F32 | Scalar::I32 | Scalar::U32 => 4,
            Scalar::F64 => 8,
        }
    }

    /// The name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Scalar::F32 => "f32",
            Scalar::F64 => "f64",
            Scalar::I8 => "i8",
            Scalar::I16 => "i16",
            Scalar::I32 => "i32",
            Scalar::U8 => "u8",
            Scalar::U16 => "u16",
            Scalar::U32 => "u32",
            Scalar::Bool => "bool",
        }
    }

    /// The name as NumPy's array interface spells it: byte order, kind, bytes. For outside readers.
    pub fn dtype(self) -> &'static str {
        match self {
            Scalar::F32 => "<f4",
            Scalar::F64 => "<f8",
            Scalar::I8 => "|i1",
            Scalar::I16 => "<i2",
            Scalar::I32 => "<i4",
            Scalar::U8 => "|u1",
            Scalar::U16 => "<u2",
            Scalar::U32 => "<u4",
            Scalar::Bool => "|b1",
        }
    }

    /// Whether it is `f32` or `f64`.
    pub fn is_float(self) -> bool {
        matches!(self, Scalar::F32 | Scalar::F64)
    }

    /// Whether it is an integer (a `bool` is none).
    pub fn is_integer(self) -> bool {
        !self.is_float() && self != Scalar::Bool
    }
}

/// What a value stands for, beside its bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Sort {
    /// A number or a truth value.
    Plain,
    /// A variant of an enum, a `u8`.
    Enum(EnumId),
    /// A row of a group, a `u32`; [`NO_ROW`] is none.
    Entity(GroupId),
}

/// The reference to no row.
pub const NO_ROW: u32 = u32::MAX;

/// From here on to [`NO_ROW`]: the names of rows that are born in this frame. No entity has such an index.
pub const NEWBORN: u32 = 1 << 31;

/// The type of a component: one scalar, or a vector of two or three floats.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Type {
    /// What each lane holds.
    pub scalar: Scalar,
    /// 1 for a scalar, 2 or 3 for a vector.
    pub lanes: u8,
    /// What it stands for.
    pub sort: Sort,
}

impl Type {
    /// One scalar.
    pub const fn scalar(scalar: Scalar) -> Self {
        Self { scalar, lanes: 1, sort: Sort::Plain }
    }

    /// A vector.
    pub const fn vector(scalar: Scalar, lanes: u8) -> Self {
        Self { scalar, lanes, sort: Sort::Plain }
    }

    /// A variant of an enum.
    pub const fn variant(of: EnumId) -> Self {
        Self { scalar: Scalar::U8, lanes: 1, sort: Sort::Enum(of) }
    }

    /// A reference to a row.
    pub const fn entity(of: GroupId) -> Self {
        Self { scalar: Scalar::U32, lanes: 1, sort: Sort::Entity(of) }
    }

    /// A reference to a row of a group whose rows come and go: an entity's index, and which of its lives.
    pub const fn life(of: GroupId) -> Self {
        Self { scalar: Scalar::U32, lanes: 2, sort: Sort::Entity(of) }
    }

    /// The suffixes of a component's columns: nothing for a scalar, else `x`, `y`, `z`; of references that are more than an
    /// index, `index` and `life`.
    pub fn lane_names(self) -> &'static [&'static str] {
        match self.lanes {
            1 => &[""],
            2 if matches!(self.sort, Sort::Entity(_)) => &["index", "life"],
            2 => &["x", "y"],
            _ => &["x", "y", "z"],
        }
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.scalar, self.lanes) {
            _ if matches!(self.sort, Sort::Enum(_)) => f.write_str("enum"),
            _ if matches!(self.sort, Sort::Entity(_)) => f.write_str("entity"),
            (scalar, 1) => f.write_str(scalar.name()),
            (Scalar::F64, lanes) => write!(f, "dvec{lanes}"),
            (_, lanes) => write!(f, "vec{lanes}"),
        }
    }
}

/// A constant, by its type.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Value {
    F32(f32),
    F64(f64),
    I8(i8),
    I16(i16),
    I32(i32),
    U8(u8),
    U16(u16),
    U32(u32),
    Bool(bool),
}

impl Value {
    /// Its type.
    pub fn scalar(self) -> Scalar {
        match self {
            Value::F32(_) => Scalar::F32,
            Value::F64(_) => Scalar::F64,
            Value::I8(_) => Scalar::I8,
            Value::I16(_) => Scalar::I16,
            Value::I32(_) => Scalar::I32,
            Value::U8(_) => Scalar::U8,
            Value::U16(_) => Scalar::U16,
            Value::U32(_) => Scalar::U32,
            Value::Bool(_) => Scalar::Bool,
        }
    }

    /// Its bits, in the low end of a word. NaN is canonical.
    pub fn bits(self) -> u64 {
        match self {
            Value::F32(x) => crate::math::canonical(x).to_bits().into(),
            Value::F64(x) => crate::math::canonical(x).to_bits(),
            Value::I8(x) => (x as u8).into(),
            Value::I16(x) => (x as u16).into(),
            Value::I32(x) => (x as u32).into(),
            Value::U8(x) => x.into(),
            Value::U16(x) => x.into(),
            Value::U32(x) => x.into(),
            Value::Bool(x) => x.into(),
        }
    }

    /// The value of a type with these bits.
    pub fn from_bits(scalar: Scalar, bits: u64) -> Self {
        match scalar {
            Scalar::F32 => Value::F32(f32::from_bits(bits as u32)),
            Scalar::F64 => Value::F64(f64::from_bits(bits)),
            Scalar::I8 => Value::I8(bits as i8),
            Scalar::I16 => Value::I16(bits as i16),
            Scalar::I32 => Value::I32(bits as i32),
            Scalar::U8 => Value::U8(bits as u8),
            Scalar::U16 => Value::U16(bits as u16),
            Scalar::U32 => Value::U32(bits as u32),
            Scalar::Bool => Value::Bool(bits & 1 != 0),
        }
    }

    /// Its value as `f64`: exact for every type here. Booleans are 0 and 1.
    pub fn as_f64(self) -> f64 {
        match self {
            Value::F32(x) => f64::from(x),
            Value::F64(x) => x,
            Value::I8(x) => f64::from(x),
            Value::I16(x) => f64::from(x),
            Value::I32(x) => f64::from(x),
            Value::U8(x) => f64::from(x),
            Value::U16(x) => f64::from(x),
            Value::U32(x) => f64::from(x),
            Value::Bool(x) => f64::from(u8::from(x)),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::F32(x) => write!(f, "{x}"),
            Value::F64(x) => write!(f, "{x}"),
            Value::I8(x) => write!(f, "{x}"),
            Value::I16(x) => write!(f, "{x}"),
            Value::I32(x) => write!(f, "{x}"),
            Value::U8(x) => write!(f, "{x}"),
            Value::U16(x) => write!(f, "{x}"),
            Value::U32(x) => write!(f, "{x}"),
            Value::Bool(x) => write!(f, "{x}"),
        }
    }
}
