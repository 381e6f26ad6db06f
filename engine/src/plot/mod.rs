//! Plots: columns of a record as curves, bands, strips and maps over frames or time.
//!
//! [`Table`] reads a file, [`series`] says what each of its columns is, [`panels`] which of them share an axis, and [`figure`] draws
//! them on a [`Sheet`](crate::drawing::Sheet), thinned so that no peak is lost ([`thin`]).

pub mod figure;
pub mod panels;
pub mod series;
pub mod table;
pub mod thin;

pub use figure::{Figure, plot};
pub use series::{Choice, ChoiceError, Chosen, Series};
pub use table::{Column, Table, TableError};
