//! The grid index: rows sorted by the cells they are in, built in phases by whoever claims them, asked by blocks of
//! rows.
//!
//! The arrays are named in [`diptych_protocol::grid`]. As with a tree, a phase is a pure function over slices of them,
//! which reads only what earlier phases wrote, so that it can run again, anywhere, in any order of its batches:
//!
//! 1. [`bounds()`] finds how far a batch's rows reach, where the space has no edges,
//! 2. [`count()`] finds each row's cell, checks its position, and counts rows a chunk of cells,
//! 3. [`inverse::place`](crate::inverse::place()) sums the counts to places,
//! 4. [`inverse::scatter`](crate::inverse::scatter()) lists the rows of each chunk,
//! 5. [`inverse::list`](crate::inverse::list()) sorts a chunk's rows by cell, and [`copy()`] brings columns into that order.
//!
//! The order of candidates is that of slots: by the number of the cell, and by row within it. So what a row meets comes
//! in the same order whatever block it asks in.

mod block;
mod build;
mod carry;
mod cells;
mod local;
mod window;

use diptych_protocol::grid_view::GridView;

pub use block::Blocks;
pub use build::copy;
pub use carry::Carry;
pub use cells::{bounds, count};
pub use local::LocalGrid;
pub use window::Asker;

/// The slots of some cells of a line.
pub(crate) fn slots(grid: &GridView<'_>, line: u32, first: u32, last: u32) -> std::ops::Range<u32> {
    grid.cell_start[(line + first) as usize]..grid.cell_start[(line + last) as usize + 1]
}
