//! Asking the grid: the slots of all cells that a window meets.

use std::ops::Range;

use diptych_protocol::grid::Lattice;
use diptych_protocol::grid_view::GridView;
use diptych_protocol::id::RowRange;
use diptych_protocol::space::{Edge, Space};

use super::slots;
use crate::index::Window;

/// Asks a grid, a window at a time. Room, no state.
#[derive(Default)]
pub struct Asker {
    runs: Vec<RowRange>,
}

impl Asker {
    /// Finds the slots of the candidates of whoever stands in the box `lo .. hi`: of a group's own rows, or of those of
    /// another. Says whether all are so near that none is nearer around a torus: then
    /// [`Space::delta`] is the plain difference, bit for bit.
    ///
    /// The candidates hold every row for which the exact test passes: the sum of [`Space::delta`] squared is at most
    /// `reach` squared, in `f32`. That test is the caller's, and on a torus `reach` is at most half a side.
    pub fn ask(&mut self, grid: &GridView<'_>, space: &Space, lo: &[f32; 3], hi: &[f32; 3], reach: f32) -> bool {
        match space.dimensions {
            1 => self.collect::<1>(grid, space, lo, hi, reach),
            2 => self.collect::<2>(grid, space, lo, hi, reach),
            _ => self.collect::<3>(grid, space, lo, hi, reach),
        }
    }

    /// What was found: slots, ascending, no two stretches touching.
    pub fn runs(&self) -> &[RowRange] {
        &self.runs
    }

    fn collect<const K: usize>(
        &mut self,
        grid: &GridView<'_>,
        space: &Space,
        lo: &[f32; 3],
        hi: &[f32; 3],
        reach: f32,
    ) -> bool {
        let window = Window::<K>::new(space, lo, hi, reach);
        let lattice = &grid.lattice;
        let [x, y, z] = std::array::from_fn(|axis| if axis < K { along(lattice, &window, axis) } else { [0..1, 0..0] });
        let straight = (0..K).all(|axis| straight(lattice, space, axis, [&x, &y, &z][axis], lo[axis]..hi[axis]));
        self.runs.clear();
        for z in z.into_iter().flatten() {
            for y in y.iter().cloned().flatten() {
                let line = lattice.number([0, y, z]);
                for cells in x.iter().filter(|cells| !cells.is_empty()) {
                    let found = slots(grid, line, cells.start, cells.end - 1);
                    match self.runs.last_mut() {
                        Some(last) if last.end == found.start => last.end = found.end,
                        _ if found.is_empty() => {}
                        _ => self.runs.push(RowRange::new(found.start, found.end)),
                    }
                }
            }
        }
        straight
    }
}

/// Whether along an axis from anywhere in `own` to anywhere in these cells the straight way is the shortest.
fn straight(lattice: &Lattice, space: &Space, axis: usize, cells: &[Range<u32>; 2], own: Range<f32>) -> bool {
    if space.edge != Edge::Torus {
        return true;
    }
    let edge = 1.0 / f64::from(lattice.scale[axis]);
    let at = |cell: u32| f64::from(lattice.lo[axis]) + f64::from(cell) * edge;
    // Rows are in the cell that their rounded coordinate says: a few parts in 2^24 of the side are room enough.
    let half = 0.5 * f64::from(space.side(axis)) * (1.0 - 1e-5);
    let [around, seam] = cells;
    seam.is_empty() && at(around.end) - f64::from(own.start) <= half && f64::from(own.end) - at(around.start) <= half
}

/// The cells that a window meets along an axis: one or two ranges, ascending, the second perhaps empty. No cell is in
/// both.
fn along<const K: usize>(lattice: &Lattice, window: &Window<K>, axis: usize) -> [Range<u32>; 2] {
    let cells = |(lo, hi): (f32, f32)| lattice.along(axis, lo)..lattice.along(axis, hi) + 1;
    let (around, seam) = window.intervals(axis);
    let around = cells(around);
    let Some(seam) = seam.map(cells) else { return [around, 0..0] };
    let (first, second) = if seam.start < around.start { (seam, around) } else { (around, seam) };
    if second.start <= first.end { [first.start..first.end.max(second.end), 0..0] } else { [first, second] }
}
