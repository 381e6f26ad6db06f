//! The last phase: columns in the order of slots.

use diptych_protocol::values::{Values, ValuesMut};

/// Copies the values of some rows. `from` is the whole column.
pub fn copy(rows: &[u32], from: Values<'_>, to: ValuesMut<'_>) {
    macro_rules! each {
        ($($kind:ident)*) => {
            match (from, to) {
                $((Values::$kind(from), ValuesMut::$kind(to)) => {
                    for (to, &row) in to.iter_mut().zip(rows) {
                        *to = from[row as usize];
                    }
                })*
                _ => unreachable!("a copy has the type of its column"),
            }
        };
    }
    each!(F32 F64 I8 I16 I32 U8 U16 U32 Bool);
}
