//! Room for the values of one column or operation, of whatever type.

use diptych_protocol::types::{Scalar, Value};
use diptych_protocol::values::{Cells, Values, ValuesMut};

use crate::finished::bits_at;

/// Values that are owned; they grow to a steady size, and stay.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Column {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I8(Vec<i8>),
    I16(Vec<i16>),
    I32(Vec<i32>),
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    /// 0 or 1.
    Bool(Vec<u8>),
}

/// The same expression for whatever type the values have.
macro_rules! each {
    ($column:expr, $v:ident => $result:expr) => {
        match $column {
            Column::F32($v) => $result,
            Column::F64($v) => $result,
            Column::I8($v) => $result,
            Column::I16($v) => $result,
            Column::I32($v) => $result,
            Column::U8($v) | Column::Bool($v) => $result,
            Column::U16($v) => $result,
            Column::U32($v) => $result,
        }
    };
}

/// The same for values that have the type of a column; `$other` for those that have not.
macro_rules! pair {
    ($left:ident, $right:ident, $a:expr, $b:expr, ($x:ident, $y:ident) => $result:expr) => {
        match ($a, $b) {
            ($left::F32($x), $right::F32($y)) => $result,
            ($left::F64($x), $right::F64($y)) => $result,
            ($left::I8($x), $right::I8($y)) => $result,
            ($left::I16($x), $right::I16($y)) => $result,
            ($left::I32($x), $right::I32($y)) => $result,
            ($left::U8($x), $right::U8($y)) => $result,
            ($left::U16($x), $right::U16($y)) => $result,
            ($left::U32($x), $right::U32($y)) => $result,
            ($left::Bool($x), $right::Bool($y)) => $result,
            _ => unreachable!("a verified body mixes no types"),
        }
    };
}
pub(crate) use pair;

impl Column {
    /// None yet.
    pub fn new(scalar: Scalar) -> Self {
        match scalar {
            Scalar::F32 => Column::F32(Vec::new()),
            Scalar::F64 => Column::F64(Vec::new()),
            Scalar::I8 => Column::I8(Vec::new()),
            Scalar::I16 => Column::I16(Vec::new()),
            Scalar::I32 => Column::I32(Vec::new()),
            Scalar::U8 => Column::U8(Vec::new()),
            Scalar::U16 => Column::U16(Vec::new()),
            Scalar::U32 => Column::U32(Vec::new()),
            Scalar::Bool => Column::Bool(Vec::new()),
        }
    }

    /// One value more, by its bits.
    pub fn push_bits(&mut self, bits: u64) {
        match self {
            Column::F32(v) => v.push(f32::from_bits(bits as u32)),
            Column::F64(v) => v.push(f64::from_bits(bits)),
            Column::I8(v) => v.push(bits as i8),
            Column::I16(v) => v.push(bits as i16),
            Column::I32(v) => v.push(bits as i32),
            Column::U8(v) => v.push(bits as u8),
            Column::U16(v) => v.push(bits as u16),
            Column::U32(v) => v.push(bits as u32),
            Column::Bool(v) => v.push((bits & 1) as u8),
        }
    }

    /// The bits of the value at a place, in the low end.
    pub fn bits(&self, place: usize) -> u64 {
        bits_at(self.values(), place)
    }

    /// None yet, and room for so many.
    pub fn with_room(scalar: Scalar, room: usize) -> Self {
        let mut column = Self::new(scalar);
        each!(&mut column, v => v.reserve_exact(room));
        column
    }

    /// So many values, new ones 0.
    pub fn resize(&mut self, count: usize) {
        each!(self, v => v.resize(count, Default::default()));
    }

    /// None any more; the room stays.
    pub fn clear(&mut self) {
        each!(self, v => v.clear());
    }

    /// These values too.
    pub fn append(&mut self, from: Values<'_>, range: std::ops::Range<usize>) {
        pair!(Column, Values, self, from, (to, from) => to.extend_from_slice(&from[range]));
    }

    /// The value at a place, so many times more.
    pub fn repeat(&mut self, from: Values<'_>, place: usize, count: usize) {
        if count > 0 {
            pair!(Column, Values, self, from, (to, from) => to.extend(std::iter::repeat_n(from[place], count)));
        }
    }

    /// The last value, so many times more; 0 if there is none.
    pub fn repeat_last(&mut self, count: usize) {
        each!(self, v => v.resize(v.len() + count, v.last().copied().unwrap_or_default()));
    }

    /// One value everywhere.
    pub fn fill(&mut self, value: Value) {
        match (self, value) {
            (Column::F32(v), Value::F32(x)) => v.fill(x),
            (Column::F64(v), Value::F64(x)) => v.fill(x),
            (Column::I8(v), Value::I8(x)) => v.fill(x),
            (Column::I16(v), Value::I16(x)) => v.fill(x),
            (Column::I32(v), Value::I32(x)) => v.fill(x),
            (Column::U8(v), Value::U8(x)) => v.fill(x),
            (Column::U16(v), Value::U16(x)) => v.fill(x),
            (Column::U32(v), Value::U32(x)) => v.fill(x),
            (Column::Bool(v), Value::Bool(x)) => v.fill(u8::from(x)),
            _ => unreachable!("a verified body mixes no types"),
        }
    }

    /// All values.
    pub fn values(&self) -> Values<'_> {
        match self {
            Column::F32(v) => Values::F32(v),
            Column::F64(v) => Values::F64(v),
            Column::I8(v) => Values::I8(v),
            Column::I16(v) => Values::I16(v),
            Column::I32(v) => Values::I32(v),
            Column::U8(v) => Values::U8(v),
            Column::U16(v) => Values::U16(v),
            Column::U32(v) => Values::U32(v),
            Column::Bool(v) => Values::Bool(v),
        }
    }

    /// All values, to write.
    pub fn values_mut(&mut self) -> ValuesMut<'_> {
        match self {
            Column::F32(v) => ValuesMut::F32(v),
            Column::F64(v) => ValuesMut::F64(v),
            Column::I8(v) => ValuesMut::I8(v),
            Column::I16(v) => ValuesMut::I16(v),
            Column::I32(v) => ValuesMut::I32(v),
            Column::U8(v) => ValuesMut::U8(v),
            Column::U16(v) => ValuesMut::U16(v),
            Column::U32(v) => ValuesMut::U32(v),
            Column::Bool(v) => ValuesMut::Bool(v),
        }
    }

    /// The values at these places, and nothing else.
    pub fn gather(&mut self, from: Values<'_>, places: impl Iterator<Item = usize>) {
        pair!(Column, Values, self, from, (to, from) => {
            to.clear();
            to.extend(places.map(|place| from[place]));
        });
    }

    /// The values at these places too.
    pub fn append_from(&mut self, from: Values<'_>, places: impl Iterator<Item = usize>) {
        pair!(Column, Values, self, from, (to, from) => to.extend(places.map(|place| from[place])));
    }

    /// Sums of floats too, rounded to the column's type (to the nearest, ties to even).
    pub fn append_rounded(&mut self, sums: impl Iterator<Item = f64>) {
        match self {
            Column::F32(to) => to.extend(sums.map(|sum| sum as f32)),
            Column::F64(to) => to.extend(sums),
            _ => unreachable!("a verified body sums floats"),
        }
    }

    /// Writes values to these places, in order.
    pub fn scatter(&self, to: &mut ValuesMut<'_>, places: impl Iterator<Item = usize>) {
        pair!(Column, ValuesMut, self, to, (from, to) => {
            places.zip(from).for_each(|(place, value)| to[place] = *value);
        });
    }

    /// The values of cells at these places, and nothing else.
    pub fn gather_cells(&mut self, from: Cells<'_>, places: impl Iterator<Item = usize>) {
        match self {
            Column::F32(v) => take(v, |v| from.get_four(places, |bits| v.push(f32::from_bits(bits)))),
            Column::F64(v) => take(v, |v| from.get_eight(places, |bits| v.push(f64::from_bits(bits)))),
            Column::I8(v) => take(v, |v| from.get_one(places, |bits| v.push(bits as i8))),
            Column::I16(v) => take(v, |v| from.get_two(places, |bits| v.push(bits as i16))),
            Column::I32(v) => take(v, |v| from.get_four(places, |bits| v.push(bits as i32))),
            Column::U8(v) | Column::Bool(v) => take(v, |v| from.get_one(places, |bits| v.push(bits))),
            Column::U16(v) => take(v, |v| from.get_two(places, |bits| v.push(bits))),
            Column::U32(v) => take(v, |v| from.get_four(places, |bits| v.push(bits))),
        }
    }

    /// Writes values to these places of cells, in order.
    pub fn scatter_cells(&self, to: Cells<'_>, places: impl Iterator<Item = usize>) {
        match self {
            Column::F32(v) => to.set_four(places, v.iter().map(|x| x.to_bits())),
            Column::F64(v) => to.set_eight(places, v.iter().map(|x| x.to_bits())),
            Column::I8(v) => to.set_one(places, v.iter().map(|x| *x as u8)),
            Column::I16(v) => to.set_two(places, v.iter().map(|x| *x as u16)),
            Column::I32(v) => to.set_four(places, v.iter().map(|x| *x as u32)),
            Column::U8(v) | Column::Bool(v) => to.set_one(places, v.iter().copied()),
            Column::U16(v) => to.set_two(places, v.iter().copied()),
            Column::U32(v) => to.set_four(places, v.iter().copied()),
        }
    }
}

fn take<T>(list: &mut Vec<T>, fill: impl FnOnce(&mut Vec<T>)) {
    list.clear();
    fill(list);
}
