//! What a system is made of: the constants and the index that its scenario gives it.

use diptych_protocol::access::{Access, AccessError};
use diptych_protocol::space::Space;
use diptych_protocol::types::Value as Given;

use super::draw::Draw;
use super::tree::Tree;

/// A Rust type that a constant is taken as.
pub trait Constant: Sized {
    /// Its name.
    const NAME: &'static str;
    /// The value, if this type has it exactly. (A float is taken from any float, rounded to it.)
    fn of(given: Given) -> Option<Self>;
}

macro_rules! constants {
    (floats $($float:ident)*; integers $($integer:ident)*) => {
        $(impl Constant for $float {
            const NAME: &'static str = stringify!($float);
            fn of(given: Given) -> Option<Self> {
                let value = given.as_f64() as $float;
                let exact = f64::from(value) == given.as_f64();
                (!matches!(given, Given::Bool(_)) && (given.scalar().is_float() || exact)).then_some(value)
            }
        })*
        $(impl Constant for $integer {
            const NAME: &'static str = stringify!($integer);
            fn of(given: Given) -> Option<Self> {
                let value = given.as_f64() as $integer;
                (given.scalar().is_integer() && f64::from(value) == given.as_f64()).then_some(value)
            }
        })*
    };
}
constants! { floats f32 f64; integers i8 i16 i32 u8 u16 u32 }

impl Constant for bool {
    const NAME: &'static str = "bool";

    fn of(given: Given) -> Option<Self> {
        match given {
            Given::Bool(value) => Some(value),
            _ => None,
        }
    }
}

/// Hands a system what its scenario gives it. Every refusal says what to write there.
pub struct Setup<'a, 'p> {
    access: &'a mut Access<'p>,
}

impl<'a, 'p> Setup<'a, 'p> {
    pub(super) fn new(access: &'a mut Access<'p>) -> Self {
        Self { access }
    }

    /// A constant of the system: `with { NAME = … }`.
    pub fn constant<T: Constant>(&self, name: &str) -> Result<T, AccessError> {
        let given = self.access.constant(name)?;
        T::of(given).ok_or_else(|| {
            let (has, needs, system) = (given.scalar().name(), T::NAME, &self.access.system().name);
            AccessError(format!("`with {{ {name} = {given} }}` of system {system} is {has}, the kernel needs {needs}"))
        })
    }

    /// The system's k-d tree: `index NAME`, once.
    pub fn tree(&mut self) -> Result<Tree, AccessError> {
        Tree::new(self.access)
    }

    /// A random draw of the system, under a label that no other of its draws has. Change it, and the numbers change.
    pub fn draw(&self, label: &str) -> Draw {
        Draw::new(&self.access.system().name, label)
    }

    /// The space of the positions.
    pub fn space(&self) -> &'p Space {
        &self.access.program().space
    }

    /// The time step, in the scenario's units.
    pub fn dt(&self) -> f32 {
        self.access.program().dt as f32
    }
}
