//! The first phases: how far rows reach, and which cell each is in.

use diptych_protocol::grid::Lattice;
use diptych_protocol::id::RowRange;
use diptych_protocol::inverse::InverseShape;
use diptych_protocol::space::Space;

use crate::index::{BadPosition, blame, greater, lesser, per_axes};
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
    let fine = per_axes!(positions, |columns| {
        let columns = columns.map(|column| &column[rows.indices()][..cell_of.len()]);
        let held = std::array::from_fn(|axis| space.held(axis));
        find_cells(*lattice, held, columns, cell_of)
    });
    if !fine {
        blame(space, positions, rows)?;
    }
    inverse::count(shape, cell_of, counts);
    Ok(())
}

/// Whether all coordinates are held. The lattice is taken by value: through a reference it would be read anew for each row.
fn find_cells<const K: usize>(
    lattice: Lattice,
    held: [[f32; 2]; K],
    columns: [&[f32]; K],
    cell_of: &mut [u32],
) -> bool {
    wide(
        #[inline(always)]
        move || {
            let mut fine = true;
            for (row, cell_of) in cell_of.iter_mut().enumerate() {
                let at = columns.map(|column| column[row]);
                for axis in 0..K {
                    fine &= (held[axis][0] <= at[axis]) & (at[axis] <= held[axis][1]);
                }
                *cell_of = lattice.cell_of(at);
            }
            fine
        },
    )
}
