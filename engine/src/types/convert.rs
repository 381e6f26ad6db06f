//! Which value may stand where which type is needed: literals adapt, integers become floats, `f32` becomes `f64`;
//! everything else is written as a conversion.

use diptych_protocol::id::Id;
use diptych_protocol::program::Span;
use diptych_protocol::types::{Scalar, Sort, Type, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, Diagnostics, TypeNames};
use crate::types::typed::{Checked, Typed};

/// Variants that a message lists.
const SHOWN_MAX: usize = 8;

/// A literal as a float.
pub fn literal(value: &Checked) -> Option<f64> {
    match value {
        Checked::Int(x) => Some(*x as f64),
        Checked::Float(x) => Some(*x),
        _ => None,
    }
}

/// An operand with lanes of this scalar, for operands that [`super::expressions::join`] has brought together.
pub fn adapt(value: Checked, scalar: Scalar, span: Span, diagnostics: &mut Diagnostics) -> Option<Typed> {
    match value {
        Checked::Error => None,
        Checked::Typed(typed) => Some(typed.converted(scalar)),
        other => coerce(other, Type::scalar(scalar), span, "", diagnostics),
    }
}

/// A value where `ty` is needed. `what` says whose type that is: `component `Mass``.
pub fn coerce(value: Checked, ty: Type, span: Span, what: &str, diagnostics: &mut Diagnostics) -> Option<Typed> {
    let error = match value {
        Checked::Error => return None,
        Checked::Int(x) if ty.lanes == 1 && ty.scalar != Scalar::Bool && ty.sort == Sort::Plain => {
            match integer(x, ty.scalar) {
                Some(value) => return Some(Typed::value(value)),
                None => does_not_fit(&x.to_string(), ty.scalar, span),
            }
        }
        Checked::Float(x) if ty.lanes == 1 && ty.scalar.is_float() => match float(x, ty.scalar) {
            Some(value) => return Some(Typed::value(value)),
            None => does_not_fit(&format!("{x:e}"), ty.scalar, span),
        },
        Checked::None if matches!(ty.sort, Sort::Entity(_)) => return Some(Typed::zero(ty)),
        Checked::Typed(typed) if typed.ty == ty => return Some(typed),
        Checked::Typed(typed)
            if typed.ty.lanes == ty.lanes
                && typed.ty.sort == Sort::Plain
                && ty.sort == Sort::Plain
                && widens(typed.ty.scalar, ty.scalar) =>
        {
            return Some(typed.converted(ty.scalar));
        }
        other => wrong_type(&other, ty, span, what, &diagnostics.types),
    };
    diagnostics.push(error);
    None
}

/// Whether every value of one scalar is, by rule, a value of the other.
fn widens(from: Scalar, to: Scalar) -> bool {
    from == to || from.is_integer() && to.is_float() || from == Scalar::F32 && to == Scalar::F64
}

fn wrong_type(value: &Checked, ty: Type, span: Span, what: &str, types: &TypeNames) -> Diagnostic {
    let name = types.of(ty);
    let needed = if what.is_empty() { format!("`{name}` is needed") } else { format!("{what} is `{name}`") };
    let error = Diagnostic::error(codes::E0304, span, format!("{needed}, this is {}", value.called(types)));
    if let Checked::None = value {
        return error.help("`none` is a reference: it goes where one is expected, as in `To = none` and `To == none`");
    }
    let plain = !matches!(value, Checked::Typed(Typed { ty: Type { sort: Sort::Enum(_) | Sort::Entity(_), .. }, .. }));
    let lanes = match value {
        Checked::Typed(typed) => typed.ty.lanes,
        _ => 1,
    };
    error.help(match (lanes, ty.lanes) {
        _ if let Sort::Enum(it) = ty.sort => match types.enums.get(it.index()) {
            Some((_, variants)) if variants.len() <= SHOWN_MAX => {
                let all: Vec<String> = variants.iter().map(|variant| format!("`{variant}`")).collect();
                format!("give one of the enum's variants: {}", all.join(", "))
            }
            _ => "give one of the enum's variants".to_string(),
        },
        _ if matches!(ty.sort, Sort::Entity(_)) => {
            "a reference to row number i of a group is `GROUP[i]`, one to no row `none`".to_string()
        }
        (1, 1) if !plain => {
            "variants and references are no numbers: choose by `if x == ... { ... } else { ... }`".to_string()
        }
        (1, 1) if ty.scalar == Scalar::Bool => "compare: `x != 0`".to_string(),
        (1, 1) => format!("convert it: `{}(...)`", ty.scalar.name()),
        (1, _) => format!("make a vector: `{ty}(...)`"),
        (_, 1) => "choose a lane: `.x`".to_string(),
        _ => format!("make it lane by lane: `{ty}({}(v.x), ...)`", ty.scalar.name()),
    })
}

fn does_not_fit(number: &str, scalar: Scalar, span: Span) -> Diagnostic {
    let (low, high) = bounds(scalar);
    Diagnostic::error(codes::E0305, span, format!("{number} does not fit `{}`", scalar.name()))
        .help(format!("`{}` goes from {low} to {high}", scalar.name()))
}

/// A literal integer as a value of a numeric type.
fn integer(x: i128, scalar: Scalar) -> Option<Value> {
    Some(match scalar {
        Scalar::F32 => return float(x as f64, scalar),
        Scalar::F64 => Value::F64(x as f64),
        Scalar::I8 => Value::I8(x.try_into().ok()?),
        Scalar::I16 => Value::I16(x.try_into().ok()?),
        Scalar::I32 => Value::I32(x.try_into().ok()?),
        Scalar::U8 => Value::U8(x.try_into().ok()?),
        Scalar::U16 => Value::U16(x.try_into().ok()?),
        Scalar::U32 => Value::U32(x.try_into().ok()?),
        Scalar::Bool => return None,
    })
}

/// A literal float in its type; nothing where a finite number would become infinite.
fn float(x: f64, scalar: Scalar) -> Option<Value> {
    match scalar {
        Scalar::F32 if x.is_finite() && !(x as f32).is_finite() => None,
        Scalar::F32 => Some(Value::F32(x as f32)),
        _ => Some(Value::F64(x)),
    }
}

fn bounds(scalar: Scalar) -> (String, String) {
    match scalar {
        Scalar::F32 => (format!("{:e}", f32::MIN), format!("{:e}", f32::MAX)),
        Scalar::F64 => (format!("{:e}", f64::MIN), format!("{:e}", f64::MAX)),
        Scalar::I8 => (i8::MIN.to_string(), i8::MAX.to_string()),
        Scalar::I16 => (i16::MIN.to_string(), i16::MAX.to_string()),
        Scalar::I32 => (i32::MIN.to_string(), i32::MAX.to_string()),
        Scalar::U8 => (u8::MIN.to_string(), u8::MAX.to_string()),
        Scalar::U16 => (u16::MIN.to_string(), u16::MAX.to_string()),
        Scalar::U32 => (u32::MIN.to_string(), u32::MAX.to_string()),
        Scalar::Bool => ("false".into(), "true".into()),
    }
}

/// The type of this name.
pub fn named_type(name: &str) -> Option<Type> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, ty)| *ty)
}

/// All types by name.
pub const TYPES: [(&str, Type); 13] = [
    ("f32", Type::scalar(Scalar::F32)),
    ("f64", Type::scalar(Scalar::F64)),
    ("i8", Type::scalar(Scalar::I8)),
    ("i16", Type::scalar(Scalar::I16)),
    ("i32", Type::scalar(Scalar::I32)),
    ("u8", Type::scalar(Scalar::U8)),
    ("u16", Type::scalar(Scalar::U16)),
    ("u32", Type::scalar(Scalar::U32)),
    ("bool", Type::scalar(Scalar::Bool)),
    ("vec2", Type::vector(Scalar::F32, 2)),
    ("vec3", Type::vector(Scalar::F32, 3)),
    ("dvec2", Type::vector(Scalar::F64, 2)),
    ("dvec3", Type::vector(Scalar::F64, 3)),
];

/// Two types that do not mix.
pub fn mixed(a: &Checked, a_span: Span, b: &Checked, b_span: Span, types: &TypeNames) -> Diagnostic {
    let (left, right) = (a.called(types), b.called(types));
    let error = Diagnostic::error(codes::E0301, b_span, format!("{left} and {right} do not mix"))
        .here(right)
        .label(a_span, left);
    let own = |value: &Checked| matches!(value, Checked::Typed(typed) if typed.ty.sort != Sort::Plain);
    match a {
        _ if own(a) || own(b) => error.help("variants and references are no numbers: compare them by `==` and `!=`"),
        Checked::Typed(typed) if typed.ty.lanes == 1 && typed.ty.scalar != Scalar::Bool => {
            error.help(format!("convert one of them: `{}(...)`", typed.ty.scalar.name()))
        }
        _ => error.help("both sides need the same type"),
    }
}
