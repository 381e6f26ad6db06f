//! What pictures and plots are drawn with: colours, a canvas of pixels, shapes with smooth edges, text, ticks of axes, and a sheet of
//! marks that becomes a PNG or an SVG.
//!
//! What is drawn follows from what is given alone: no font of the machine, no library of the system, no clock. So the same picture
//! is the same bytes anywhere.

pub mod canvas;
pub mod colour;
pub mod font;
pub mod shape;
pub mod sheet;
pub mod svg;
pub mod ticks;

pub use canvas::Canvas;
pub use colour::{Colour, Ramp};
pub use shape::Shape;
pub use sheet::{Anchor, Mark, Sheet};
