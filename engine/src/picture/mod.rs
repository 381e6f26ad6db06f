//! Pictures of states: what is seen of one, taken from it, and drawn.
//!
//! A [`Scene`](diptych_protocol::program::Scene) says what is seen: the scenario's own (`render`), or one that is [`telling`] of any
//! program. A [`Painter`] takes the rows of a state that it needs ([`Shot`]), which is short, and a [`Look`] draws them on a canvas,
//! wherever there is time. What is drawn follows from the state alone: the same state is the same bytes.

mod camera;
mod cells;
mod figure;
mod gif;
mod look;
mod painter;
mod points;
mod telling;

pub use gif::Animation;
pub use look::Look;
pub use painter::{Painter, Shot};
pub use telling::telling;
