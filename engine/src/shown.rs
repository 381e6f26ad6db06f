//! Values of signals for people and files: numbers so short that they read back as the same number, variants by name,
//! references by row.

use std::fmt;

use diptych_protocol::id::{EnumId, Id};
use diptych_protocol::program::{Enum, Program};
use diptych_protocol::table::Table;
use diptych_protocol::types::{NO_ROW, Sort, Type, Value};

/// A value to be shown.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// The names of variants.
    pub enums: &'a Table<EnumId, Enum>,
    /// The value's type.
    pub ty: Type,
    /// Its bits.
    pub bits: u64,
}

impl<'a> Shown<'a> {
    /// The value.
    pub fn value(&self) -> Value {
        Value::from_bits(self.ty.scalar, self.bits)
    }

    /// The variant, of an enum that has it.
    pub fn variant(&self) -> Option<&'a str> {
        match (self.ty.sort, self.value()) {
            (Sort::Enum(of), Value::U8(place)) => {
                self.enums.get(of)?.variants.get(usize::from(place)).map(String::as_str)
            }
            _ => None,
        }
    }

    /// Whether it is a reference to no row.
    pub fn no_row(&self) -> bool {
        matches!(self.ty.sort, Sort::Entity(_)) && self.value() == Value::U32(NO_ROW)
    }

    /// For a machine. JSON has no NaN and no infinity: these are texts.
    pub fn json(&self) -> serde_json::Value {
        if self.no_row() {
            return serde_json::Value::Null;
        }
        if let Some(name) = self.variant() {
            return name.into();
        }
        match self.value() {
            Value::Bool(x) => x.into(),
            // The shortest text that an f32 reads back from, not what it looks like as an f64.
            Value::F32(x) if x.is_finite() => x.to_string().parse::<f64>().unwrap_or(f64::from(x)).into(),
            Value::F64(x) if x.is_finite() => x.into(),
            Value::F32(_) | Value::F64(_) => self.value().to_string().into(),
            Value::I8(x) => x.into(),
            Value::I16(x) => x.into(),
            Value::I32(x) => x.into(),
            Value::U8(x) => x.into(),
            Value::U16(x) => x.into(),
            Value::U32(x) => x.into(),
        }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variant() {
            _ if self.no_row() => f.write_str("none"),
            Some(name) => f.write_str(name),
            None => self.value().fmt(f),
        }
    }
}

/// A signal's name, type and bits, to be shown.
pub fn signals<'a>(program: &'a Program, bits: &'a [u64]) -> impl Iterator<Item = (&'a str, Shown<'a>)> {
    let named = program.signals.iter().filter(|(_, signal)| signal.named);
    named.filter_map(move |(id, signal)| {
        let bits = *bits.get(id.index())?;
        Some((signal.name.as_str(), Shown { enums: &program.enums, ty: signal.ty, bits }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use diptych_protocol::id::GroupId;
    use diptych_protocol::types::Scalar;

    #[test]
    fn values_are_shown_as_people_and_machines_read_them() {
        let mut enums: Table<EnumId, Enum> = Table::default();
        enums.push(Enum { name: "Health".into(), variants: vec!["S".into(), "I".into()] });
        let (f32, f64) = (Type::scalar(Scalar::F32), Type::scalar(Scalar::F64));
        let entity = Type::entity(GroupId(0));
        let variant = Type::variant(EnumId(0));
        for (ty, value, text, json) in [
            (f32, Value::F32(0.1), "0.1", "0.1"),
            (f32, Value::F32(16_777_216.0), "16777216", "16777216.0"),
            (f64, Value::F64(1.0 / 3.0), "0.3333333333333333", "0.3333333333333333"),
            (f64, Value::F64(-f64::NAN), "NaN", "\"NaN\""),
            (f32, Value::F32(f32::NEG_INFINITY), "-inf", "\"-inf\""),
            (Type::scalar(Scalar::I8), Value::I8(-3), "-3", "-3"),
            (Type::scalar(Scalar::Bool), Value::Bool(true), "true", "true"),
            (variant, Value::U8(1), "I", "\"I\""),
            (variant, Value::U8(2), "2", "2"),
            (entity, Value::U32(7), "7", "7"),
            (entity, Value::U32(NO_ROW), "none", "null"),
        ] {
            let shown = Shown { enums: &enums, ty, bits: value.bits() };
            assert_eq!((shown.to_string().as_str(), shown.json().to_string().as_str()), (text, json));
        }
    }
}
