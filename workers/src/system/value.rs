//! Values of rows as Rust types: which columns they stand in, how they are taken from them and put back.

use std::cell::Cell;

pub use diptych_protocol::types::{NO_ROW, Scalar};
pub use diptych_protocol::values::{Values, ValuesMut};

/// A Rust type that stands in columns, one a leaf. Scalars, [`Reference`], arrays of such, and what derives
/// [`Component`]. Implemented by the derive, not by hand.
pub trait Value: Copy + Send + 'static {
    /// A slice of each leaf, to read.
    type Columns<'b>: Copy;
    /// A slice of each leaf, to write.
    type ColumnsMut<'b>;
    /// A slice of each leaf, to write one value at a time.
    type Cells<'b>: Copy;

    /// The type for people: `{ x: f32, y: f32 }`.
    fn describe() -> String;
    /// Visits the leaves in order, each with its path: `path` and what leads to it from there (`.at[1]`).
    fn leaves(path: &str, visit: &mut dyn FnMut(Leaf<'_>));
    /// Takes the leaves' slices, in order.
    fn columns<'b>(next: &mut dyn FnMut() -> Values<'b>) -> Self::Columns<'b>;
    /// Takes the leaves' slices, in order.
    fn columns_mut<'b>(next: &mut dyn FnMut() -> ValuesMut<'b>) -> Self::ColumnsMut<'b>;
    /// The same slices, to write one value at a time.
    fn cells<'b>(columns: Self::ColumnsMut<'b>) -> Self::Cells<'b>;
    /// The first values of each slice: said where they are used, so that the compiler knows that no place is beyond.
    fn cut<'b>(columns: Self::Columns<'b>, count: usize) -> Self::Columns<'b>;
    /// As [`Self::cut`].
    fn cut_cells<'b>(cells: Self::Cells<'b>, count: usize) -> Self::Cells<'b>;
    /// Copies all of it.
    fn carry(from: &Self::Columns<'_>, to: &mut Self::ColumnsMut<'_>);
    /// The value at a place.
    fn load(columns: &Self::Columns<'_>, at: usize) -> Self;
    /// Puts the value at a place.
    fn store(self, cells: &Self::Cells<'_>, at: usize);
}

/// What a row can have, under a name. Derived:
///
/// ```
/// # extern crate diptych_workers as diptych;
/// use diptych::system::{Component, Reference};
///
/// /// `component Position = vec2`, or `{ x: f32, y: f32 }`: both have columns `.x` and `.y`.
/// #[derive(Clone, Copy, Component)]
/// struct Position {
///     x: f32,
///     y: f32,
/// }
///
/// /// `component Pace = f32`.
/// #[derive(Clone, Copy, Component)]
/// #[component(name = "Pace")]
/// struct Speed(f32);
///
/// /// `enum Health { Susceptible, Infected, Recovered }`, `component State = Health`.
/// #[derive(Clone, Copy, PartialEq, Component)]
/// #[component(name = "State")]
/// enum Health {
///     Susceptible,
///     Infected,
///     Recovered,
/// }
///
/// /// `component Body = { mass: f32, at: vec2, trail: u8[3], home: entity of houses }`.
/// #[derive(Clone, Copy, Component)]
/// struct Body {
///     mass: f32,
///     at: [f32; 2],
///     trail: [u8; 3],
///     home: Reference,
/// }
/// ```
///
/// An array stands for a vector or for an array of the scenario. That names and types agree with the scenario's is
/// looked at when a scenario that uses the system is compiled.
pub trait Component: Value {
    /// What the scenario calls it.
    const NAME: &'static str;
}

/// A value of one column.
#[derive(Clone, Copy, Debug)]
pub struct Leaf<'a> {
    /// What leads to it from the component: nothing, `.x`, `.at[1]`.
    pub path: &'a str,
    /// What it holds.
    pub kind: LeafKind,
}

/// What a leaf holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeafKind {
    /// A number or a truth value.
    Plain(Scalar),
    /// One of these variants.
    Enum(&'static [&'static str]),
    /// A reference to a row, or to none.
    Reference,
}

/// A reference to a row of a group, or to none: `entity of GROUP`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reference(u32);

impl Reference {
    /// To no row.
    pub const NONE: Self = Self(NO_ROW);

    /// To a row of the group that the scenario names.
    pub fn to(row: u32) -> Self {
        Self(row)
    }

    /// The row, if it is to one.
    pub fn row(self) -> Option<u32> {
        (self.0 != NO_ROW).then_some(self.0)
    }
}

/// A value in one column of `$stored`.
macro_rules! leaf {
    ($rust:ty as $stored:ty, $name:literal, $kind:expr, $($values:ident)|+, |$from:ident| $load:expr, |$to:ident| $store:expr) => {
        impl Value for $rust {
            type Columns<'b> = &'b [$stored];
            type ColumnsMut<'b> = &'b mut [$stored];
            type Cells<'b> = &'b [Cell<$stored>];

            fn describe() -> String {
                $name.into()
            }
            fn leaves(path: &str, visit: &mut dyn FnMut(Leaf<'_>)) {
                visit(Leaf { path, kind: $kind });
            }
            fn columns<'b>(next: &mut dyn FnMut() -> Values<'b>) -> Self::Columns<'b> {
                match next() {
                    $(Values::$values(values))|+ => values,
                    other => unreachable!("a bound column of {}", other.scalar().name()),
                }
            }
            fn columns_mut<'b>(next: &mut dyn FnMut() -> ValuesMut<'b>) -> Self::ColumnsMut<'b> {
                match next() {
                    $(ValuesMut::$values(values))|+ => values,
                    other => unreachable!("a bound column of {}", other.scalar().name()),
                }
            }
            fn cells<'b>(columns: Self::ColumnsMut<'b>) -> Self::Cells<'b> {
                Cell::from_mut(columns).as_slice_of_cells()
            }
            #[inline(always)]
            fn cut<'b>(columns: Self::Columns<'b>, count: usize) -> Self::Columns<'b> {
                &columns[..count]
            }
            #[inline(always)]
            fn cut_cells<'b>(cells: Self::Cells<'b>, count: usize) -> Self::Cells<'b> {
                &cells[..count]
            }
            fn carry(from: &Self::Columns<'_>, to: &mut Self::ColumnsMut<'_>) {
                to.copy_from_slice(from);
            }
            #[inline(always)]
            fn load(columns: &Self::Columns<'_>, at: usize) -> Self {
                let $from = columns[at];
                $load
            }
            #[inline(always)]
            fn store(self, cells: &Self::Cells<'_>, at: usize) {
                let $to = self;
                cells[at].set($store);
            }
        }
    };
    ($($rust:ty => $scalar:ident $name:literal),*) => {
        $(leaf!($rust as $rust, $name, LeafKind::Plain(Scalar::$scalar), $scalar, |value| value, |value| value);)*
    };
}
leaf!(f64 => F64 "f64", i8 => I8 "i8", i16 => I16 "i16", i32 => I32 "i32", u16 => U16 "u16", u32 => U32 "u32");
leaf!(f32 => F32 "f32");
// Variants are bytes, too: enums stand in columns of these.
leaf!(u8 => U8 "u8");
leaf!(bool as u8, "bool", LeafKind::Plain(Scalar::Bool), Bool, |value| value != 0, |value| u8::from(value));
leaf!(Reference as u32, "a reference", LeafKind::Reference, U32, |value| Reference(value), |value| value.0);

impl<T: Value, const N: usize> Value for [T; N] {
    type Columns<'b> = [T::Columns<'b>; N];
    type ColumnsMut<'b> = [T::ColumnsMut<'b>; N];
    type Cells<'b> = [T::Cells<'b>; N];

    fn describe() -> String {
        format!("[{}; {N}]", T::describe())
    }
    fn leaves(path: &str, visit: &mut dyn FnMut(Leaf<'_>)) {
        (0..N).for_each(|at| T::leaves(&format!("{path}[{at}]"), visit));
    }
    fn columns<'b>(next: &mut dyn FnMut() -> Values<'b>) -> Self::Columns<'b> {
        std::array::from_fn(|_| T::columns(next))
    }
    fn columns_mut<'b>(next: &mut dyn FnMut() -> ValuesMut<'b>) -> Self::ColumnsMut<'b> {
        std::array::from_fn(|_| T::columns_mut(next))
    }
    fn cells<'b>(columns: Self::ColumnsMut<'b>) -> Self::Cells<'b> {
        columns.map(T::cells)
    }
    #[inline(always)]
    fn cut<'b>(columns: Self::Columns<'b>, count: usize) -> Self::Columns<'b> {
        columns.map(|columns| T::cut(columns, count))
    }
    #[inline(always)]
    fn cut_cells<'b>(cells: Self::Cells<'b>, count: usize) -> Self::Cells<'b> {
        cells.map(|cells| T::cut_cells(cells, count))
    }
    fn carry(from: &Self::Columns<'_>, to: &mut Self::ColumnsMut<'_>) {
        from.iter().zip(to).for_each(|(from, to)| T::carry(from, to));
    }
    #[inline(always)]
    fn load(columns: &Self::Columns<'_>, at: usize) -> Self {
        std::array::from_fn(|lane| T::load(&columns[lane], at))
    }
    #[inline(always)]
    fn store(self, cells: &Self::Cells<'_>, at: usize) {
        for lane in 0..N {
            self[lane].store(&cells[lane], at);
        }
    }
}
