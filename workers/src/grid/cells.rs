//! The first phases: how far rows reach, and which cell each is in.

use diptych_protocol::grid::Lattice;
use diptych_protocol::id::RowRange;
use diptych_protocol::inverse::InverseShape;
use diptych_protocol::space::Space;

use crate::index::{BadPosition, check, greater, lesser, per_axes};
use crate::inverse;
use crate::wide::wide;

/// The bounds of the batch's rows: lows, then highs, an axis each. NaN is left out: [`count`] blames it.
pub fn bounds(positions: &[&[f32]], rows: RowRange, bounds: &mut [f32]) {
    let (lows, highs) = bounds.split_at_mut(positions.len());
    for ((column, low), high) in positions.iter().zip(lows).zip(highs) {
        let rows = column[rows.indices()].iter().copied();
        (*low, *high) =
            rows.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (lesser(low, x), greater(high, x)));
    }
}

/// Finds the cell of each row of the batch and counts the rows of each chunk of cells. `cell_of` are the batch's own
/// rows, `counts` is the batch's own row of the table.
pub fn count(
    lattice: &Lattice,
    shape: &InverseShape,
    space: &Space,
    positions: &[&[f32]],
    rows: RowRange,
    cell_of: &mut [u32],
    counts: &mut [u32],
) -> Result<(), BadPosition> {
    check(space, positions, rows)?;
    per_axes!(positions, |columns| {
        let columns = columns.map(|column| &column[rows.indices()][..cell_of.len()]);
        // By value: through a reference it would be read anew for each row.
        let (lattice, cell_of) = (*lattice, &mut *cell_of);
        wide(
            #[inline(always)]
            move || {
                for at in 0..cell_of.len() {
                    cell_of[at] = lattice.cell_of(columns.map(|column| column[at]));
                }
            },
        );
    });
    inverse::count(shape, cell_of, counts);
    Ok(())
}
