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
    /// The numbers of the first cells of the lines that the box met.
    lines: Vec<u32>,
    /// The cells of a line that its window meets.
    x: [Range<u32>; 2],
    /// How far that goes beyond the box along x, unless a part of it is behind a seam.
    room: Option<f32>,
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
        let straight = self.look(grid, space, lo, hi, reach);
        self.list(grid);
        straight
    }

    /// The same, and only looks where slots are: [`Self::narrow`] finds them, for some of the rows after others.
    pub fn look(&mut self, grid: &GridView<'_>, space: &Space, lo: &[f32; 3], hi: &[f32; 3], reach: f32) -> bool {
        match space.dimensions {
            1 => self.meet::<1>(grid, space, lo, hi, reach),
            2 => self.meet::<2>(grid, space, lo, hi, reach),
            _ => self.meet::<3>(grid, space, lo, hi, reach),
        }
    }

    /// Finds the slots of the candidates of some of the rows that it looked around last, which stand between `lo` and `hi`
    /// along x: along the lines that all of them meet, a stretch at a time, ascending.
    #[inline]
    pub fn narrow(
        &self,
        grid: &GridView<'_>,
        space: &Space,
        (lo, hi): (f32, f32),
        reach: f32,
        found: impl FnMut(Range<u32>),
    ) {
        let lattice = &grid.lattice;
        let x = match self.room {
            Some(room) => [lattice.along(0, lo - room)..lattice.along(0, hi + room) + 1, 0..0],
            None => along(lattice, &Window::<1>::new(space, &[lo; 3], &[hi; 3], reach), 0),
        };
        stretches(grid, &self.lines, &x, found);
    }

    /// What was found: slots, ascending, no two stretches touching.
    pub fn runs(&self) -> &[RowRange] {
        &self.runs
    }

    fn meet<const K: usize>(
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
        self.room = window.room(0);
        self.lines.clear();
        for z in z.into_iter().flatten() {
            self.lines.extend(y.iter().cloned().flatten().map(|y| lattice.number([0, y, z])));
        }
        self.x = x;
        straight
    }

    /// Lists what is there.
    fn list(&mut self, grid: &GridView<'_>) {
        let Self { lines, x, runs, .. } = self;
        runs.clear();
        stretches(grid, lines, x, |found| match runs.last_mut() {
            Some(last) if last.end == found.start => last.end = found.end,
            _ if found.is_empty() => {}
            _ => runs.push(RowRange::new(found.start, found.end)),
        });
    }
}

/// The slots of these cells of each line.
#[inline]
fn stretches(grid: &GridView<'_>, lines: &[u32], x: &[Range<u32>; 2], mut found: impl FnMut(Range<u32>)) {
    for &line in lines {
        for cells in x.iter().filter(|cells| !cells.is_empty()) {
            found(slots(grid, line, cells.start, cells.end - 1));
        }
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
