//! Typed slices of columns whose type is known only when the program runs.

use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use crate::types::Scalar;

/// Values of a column, by row or by lane.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Values<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    I8(&'a [i8]),
    I16(&'a [i16]),
    I32(&'a [i32]),
    U8(&'a [u8]),
    U16(&'a [u16]),
    U32(&'a [u32]),
    /// 0 or 1.
    Bool(&'a [u8]),
}

/// Room for the values of a column.
#[derive(PartialEq, Debug)]
#[allow(missing_docs)]
pub enum ValuesMut<'a> {
    F32(&'a mut [f32]),
    F64(&'a mut [f64]),
    I8(&'a mut [i8]),
    I16(&'a mut [i16]),
    I32(&'a mut [i32]),
    U8(&'a mut [u8]),
    U16(&'a mut [u16]),
    U32(&'a mut [u32]),
    /// 0 or 1.
    Bool(&'a mut [u8]),
}

/// The same expression for whatever type the values have; `$wrap` makes values of that type again.
macro_rules! each {
    ($values:expr, $name:ident, $v:ident => $result:expr) => {
        match $values {
            $name::F32($v) => $result,
            $name::F64($v) => $result,
            $name::I8($v) => $result,
            $name::I16($v) => $result,
            $name::I32($v) => $result,
            $name::U8($v) | $name::Bool($v) => $result,
            $name::U16($v) => $result,
            $name::U32($v) => $result,
        }
    };
    ($values:expr, $name:ident to $other:ident, $v:ident => $result:expr) => {
        match $values {
            $name::F32($v) => $other::F32($result),
            $name::F64($v) => $other::F64($result),
            $name::I8($v) => $other::I8($result),
            $name::I16($v) => $other::I16($result),
            $name::I32($v) => $other::I32($result),
            $name::U8($v) => $other::U8($result),
            $name::U16($v) => $other::U16($result),
            $name::U32($v) => $other::U32($result),
            $name::Bool($v) => $other::Bool($result),
        }
    };
}

macro_rules! common {
    ($name:ident) => {
        impl $name<'_> {
            /// How many values.
            pub fn len(&self) -> usize {
                each!(self, $name, v => v.len())
            }

            /// Whether there is none.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// What they are.
            pub fn scalar(&self) -> Scalar {
                match self {
                    $name::F32(_) => Scalar::F32,
                    $name::F64(_) => Scalar::F64,
                    $name::I8(_) => Scalar::I8,
                    $name::I16(_) => Scalar::I16,
                    $name::I32(_) => Scalar::I32,
                    $name::U8(_) => Scalar::U8,
                    $name::U16(_) => Scalar::U16,
                    $name::U32(_) => Scalar::U32,
                    $name::Bool(_) => Scalar::Bool,
                }
            }
        }
    };
}
common!(Values);
common!(ValuesMut);

impl<'a> Values<'a> {
    /// Some of them.
    ///
    /// # Panics
    /// If there are not so many.
    // Written by a call and copied at once, it would wait for itself on its way through memory: a block has several.
    #[inline(always)]
    #[must_use]
    pub fn range(self, range: Range<usize>) -> Values<'a> {
        each!(self, Values to Values, v => &v[range])
    }
}

impl<'a> ValuesMut<'a> {
    /// The first of them, for as long as they all live.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    #[must_use]
    pub fn first(self, count: usize) -> ValuesMut<'a> {
        each!(self, ValuesMut to ValuesMut, v => &mut v[..count])
    }

    /// Some of them.
    ///
    /// # Panics
    /// If there are not so many.
    // As above.
    #[inline(always)]
    #[must_use]
    pub fn range(&mut self, range: Range<usize>) -> ValuesMut<'_> {
        each!(self, ValuesMut to ValuesMut, v => &mut v[range])
    }
}

/// A column that several batches write at once, each its own rows, which lie anywhere: the bits of its values.
#[derive(Clone, Copy, Debug)]
pub enum Cells<'a> {
    /// One byte a value.
    One(&'a [AtomicU8]),
    /// Two.
    Two(&'a [AtomicU16]),
    /// Four.
    Four(&'a [AtomicU32]),
    /// Eight.
    Eight(&'a [AtomicU64]),
}

macro_rules! bits {
    ($get:ident, $set:ident, $variant:ident, $t:ty) => {
        /// The bits of the values at these rows, one after another.
        ///
        /// # Panics
        /// If values have another size, or there is no such row.
        pub fn $get(self, rows: impl Iterator<Item = usize>, mut to: impl FnMut($t)) {
            let Cells::$variant(cells) = self else { unreachable!("a column's view") };
            rows.for_each(|row| to(cells[row].load(Ordering::Relaxed)));
        }

        /// Writes bits to these rows, one after another.
        ///
        /// # Panics
        /// If values have another size, or there is no such row.
        pub fn $set(self, rows: impl Iterator<Item = usize>, values: impl Iterator<Item = $t>) {
            let Cells::$variant(cells) = self else { unreachable!("a column's view") };
            rows.zip(values).for_each(|(row, value)| cells[row].store(value, Ordering::Relaxed));
        }
    };
}

/// The bits of values.
#[derive(Clone, Copy, Debug)]
pub enum Bits<'a> {
    /// One byte a value.
    One(&'a [u8]),
    /// Two.
    Two(&'a [u16]),
    /// Four.
    Four(&'a [u32]),
    /// Eight.
    Eight(&'a [u64]),
}

impl Cells<'_> {
    /// Writes the values at these places to these rows, one after another.
    ///
    /// # Panics
    /// If values have another size, or there is no such row or place.
    pub fn put(self, rows: impl Iterator<Item = usize>, values: Bits<'_>, places: impl Iterator<Item = usize>) {
        match values {
            Bits::One(values) => self.set_one(rows, places.map(|place| values[place])),
            Bits::Two(values) => self.set_two(rows, places.map(|place| values[place])),
            Bits::Four(values) => self.set_four(rows, places.map(|place| values[place])),
            Bits::Eight(values) => self.set_eight(rows, places.map(|place| values[place])),
        }
    }

    /// Copies the value of one row to another, for each pair (from, to).
    ///
    /// # Panics
    /// If there is no such row.
    pub fn copy(self, pairs: impl Iterator<Item = (usize, usize)>) {
        match self {
            Cells::One(cells) => {
                pairs.for_each(|(a, b)| cells[b].store(cells[a].load(Ordering::Relaxed), Ordering::Relaxed))
            }
            Cells::Two(cells) => {
                pairs.for_each(|(a, b)| cells[b].store(cells[a].load(Ordering::Relaxed), Ordering::Relaxed))
            }
            Cells::Four(cells) => {
                pairs.for_each(|(a, b)| cells[b].store(cells[a].load(Ordering::Relaxed), Ordering::Relaxed))
            }
            Cells::Eight(cells) => {
                pairs.for_each(|(a, b)| cells[b].store(cells[a].load(Ordering::Relaxed), Ordering::Relaxed))
            }
        }
    }

    bits!(get_one, set_one, One, u8);
    bits!(get_two, set_two, Two, u16);
    bits!(get_four, set_four, Four, u32);
    bits!(get_eight, set_eight, Eight, u64);
}
