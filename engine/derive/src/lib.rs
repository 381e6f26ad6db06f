//! `#[derive(Component)]`: how a Rust type stands in columns. See `diptych::system`, which documents it for those who
//! use it.

mod component;

use proc_macro::TokenStream;

/// Makes a type a component: its name, its columns and how a row's value is taken from them and put back.
///
/// - A struct with named fields has the columns of its fields: `.x` and `.y` of `struct Position { x: f32, y: f32 }`.
/// - A struct around one value (`struct Mass(f32)`) has that value's columns.
/// - An enum without fields is an enum of the scenario with the same variants in the same order, 1 to 256.
///
/// Fields are scalars (`f32 f64 i8 i16 i32 u8 u16 u32 bool`), `Reference`, arrays of such, and types that derive
/// `Component` themselves. The type must be `Copy` (`#[derive(Clone, Copy, Component)]`) and has no parameters.
///
/// The component is called as the type is; `#[component(name = "Pace")]` gives another name.
#[proc_macro_derive(Component, attributes(component))]
pub fn component(item: TokenStream) -> TokenStream {
    let derived = syn::parse(item).and_then(|item| component::derive(&item));
    derived.unwrap_or_else(|error| error.to_compile_error()).into()
}
