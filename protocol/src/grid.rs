//! The shape of a grid in shared memory: which arrays it has, and how long each is. A pure function of the most rows of
//! the group, the space and the cell that is asked for; how the arrays are filled and asked is the workers' business. In a
//! frame with fewer rows their first parts are used: what is behind means nothing.
//!
//! Rows are sorted by *cell*, and by row within a cell: a *slot* is a place in that order. Cells are numbered line by
//! line: x runs fastest, then y, then z. Along x, where stretches of any length are read, they are shorter than along the
//! other axes: fewer rows are read in vain, and it costs nothing. A row refers to its cell as to the target of a reference, and the cells'
//! lists of rows are made as those of an inverse, in the same *chunks* ([`InverseShape`]): contiguous ranges of cells.

use crate::id::ColumnId;
use crate::inverse::{InversePlaces, InverseShape};
use crate::layout::{Arena, Place};
use crate::limits::{COUNTING, GRID_CELLS_A_ROW, GRID_CELLS_ALONG, GRID_CHUNK_ROWS, GRID_CHUNKS_MAX, GRID_PARTS_X};
use crate::program::{Program, When};
use crate::space::{Edge, Space};
use crate::types::Scalar;

/// The most cells of a grid over so many rows.
pub fn cells_max(rows: u32) -> u32 {
    rows.clamp(1, u32::MAX / GRID_CELLS_A_ROW) * GRID_CELLS_A_ROW
}

/// Rows of a batch of the counting and scattering steps: as an inverse has, whose lists cells are.
pub fn count_batch_rows(rows: u32) -> u32 {
    COUNTING.batch_rows(rows)
}

/// Whether cells of this edge fill a space that has edges: whole ones, at least one along each axis. Else a grid over so many
/// rows has longer ones.
pub fn fits(space: &Space, cell: f32, rows: u32) -> bool {
    let wanted = |axis| (f64::from(space.side(axis)) / f64::from(cell)).trunc().max(1.0);
    let axes = 0..usize::from(space.dimensions).min(3);
    let along = axes.clone().all(|axis| wanted(axis) <= f64::from(GRID_CELLS_ALONG));
    along && axes.map(wanted).product::<f64>() <= f64::from(rows) * f64::from(GRID_CELLS_A_ROW)
}

/// Where cells lie: equal ones in a box.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Lattice {
    /// The box's low corner.
    pub lo: [f32; 3],
    /// Cells a unit of length.
    pub scale: [f32; 3],
    /// Cells along each axis; 1 along unused ones.
    pub counts: [u32; 3],
}

impl Lattice {
    /// Cells with edges of at least `cell`, along x of [`GRID_PARTS_X`] at least a part of it, as many as fit whole into
    /// the box; longer edges, where they would be more than [`cells_max`], or than [`GRID_CELLS_ALONG`] along an axis. Along
    /// one without a length there is one cell.
    pub fn new(axes: usize, lo: &[f32; 3], hi: &[f32; 3], rows: u32, cell: f32) -> Self {
        let side = |axis: usize| f64::from(hi[axis]) - f64::from(lo[axis]);
        let limit = f64::from(cells_max(rows));
        let most = limit.min(f64::from(GRID_CELLS_ALONG));
        let along = |axis: usize, edge: f64| {
            let count = (side(axis) / edge).trunc();
            // Also where it is no number.
            if count >= 1.0 { count.min(most) } else { 1.0 }
        };
        let mut edge = f64::from(cell).max(f64::MIN_POSITIVE);
        while (0..axes).map(|axis| along(axis, edge)).product::<f64>() > limit && edge.is_finite() {
            edge *= 1.125;
        }
        let others = (1..axes).map(|axis| along(axis, edge)).product::<f64>();
        let fits = |parts: &u32| along(0, edge / f64::from(*parts)) * others <= limit;
        let parts = GRID_PARTS_X.into_iter().find(fits).unwrap_or(1);
        let mut lattice = Self { lo: [0.0; 3], scale: [0.0; 3], counts: [1; 3] };
        for (axis, low) in lo.iter().enumerate().take(axes) {
            let edge = if axis == 0 { edge / f64::from(parts) } else { edge };
            let count = if edge.is_finite() { along(axis, edge) } else { 1.0 };
            lattice.lo[axis] = *low;
            lattice.scale[axis] = ((count / side(axis)) as f32).clamp(0.0, f32::MAX);
            lattice.counts[axis] = count as u32;
        }
        lattice
    }

    /// How many cells there are.
    #[inline]
    pub fn cells(&self) -> u32 {
        self.counts.iter().product()
    }

    /// Which cell along an axis a coordinate is in: outside of the box the first or the last. A greater coordinate is
    /// never in a lower cell.
    #[inline(always)]
    pub fn along(&self, axis: usize, x: f32) -> u32 {
        // Each step is monotone: the difference and the product are rounded so.
        whole((x - self.lo[axis]) * self.scale[axis]).min(self.counts[axis] - 1)
    }

    /// The number of the cell at these places along the axes.
    #[inline(always)]
    pub fn number(&self, [x, y, z]: [u32; 3]) -> u32 {
        (z * self.counts[1] + y) * self.counts[0] + x
    }

    /// The number of the cell that a point is in.
    #[inline(always)]
    pub fn cell_of<const K: usize>(&self, at: [f32; K]) -> u32 {
        let mut places = [0; 3];
        for axis in 0..K {
            places[axis] = self.along(axis, at[axis]);
        }
        self.number(places)
    }
}

/// The whole part of a number: 0 of what is negative or no number, at most one less than [`GRID_CELLS_ALONG`]. As `as u32`
/// is, which compilers do one by one, for what it says of numbers beyond: this they do in vectors, on any machine.
#[inline(always)]
fn whole(x: f32) -> u32 {
    const END: f32 = GRID_CELLS_ALONG as f32;
    let x = if x > 0.0 { x } else { 0.0 };
    let x = if x < END - 1.0 { x } else { END - 1.0 };
    // From here to twice as far the numbers of 24 bits are the whole ones: the sum is rounded to one of two.
    let rounded = x + END;
    rounded.to_bits() - END.to_bits() - u32::from(rounded - END > x)
}

/// The numbers that fix a grid's arrays.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct GridShape {
    /// The most rows of the group.
    pub rows: u32,
    /// 1, 2 or 3.
    pub axes: usize,
    /// The least edge of a cell.
    pub cell: f32,
    /// Where the cells lie when there are the most rows; nothing in an open space, where the rows decide in each frame.
    pub fixed: Option<Lattice>,
    /// The space's edges: lows, then highs, if it has any.
    edges: Option<[[f32; 3]; 2]>,
    /// The most cells.
    pub cells_max: u32,
    /// The most chunks: so many batches the building has.
    pub chunks: u32,
    /// Rows of a counting batch.
    pub count_batch_rows: u32,
    /// Counting batches.
    pub count_batches: u32,
}

impl GridShape {
    /// The shape for a group of at most so many rows.
    pub fn new(rows: u32, space: &Space, cell: f32) -> Self {
        let axes = usize::from(space.dimensions).min(3);
        let edges = (space.edge != Edge::Open).then_some([space.lo, space.hi]);
        let fixed = edges.map(|[lo, hi]| Lattice::new(axes, &lo, &hi, rows, cell));
        let count_batch_rows = count_batch_rows(rows);
        let chunks = chunks_max(rows);
        let lists = |cells: u32| InverseShape::in_chunks(rows, cells, cells.div_ceil(chunks));
        Self {
            rows,
            axes,
            cell,
            fixed,
            edges,
            cells_max: fixed.map_or(cells_max(rows), |lattice| lattice.cells()),
            chunks: fixed.map_or(chunks, |lattice| lists(lattice.cells()).chunks),
            count_batch_rows,
            count_batches: rows.div_ceil(count_batch_rows).max(1),
        }
    }

    /// The lists of rows of a lattice's cells, in a frame with so many rows: at most [`GridShape::chunks`] chunks.
    pub fn lists(&self, lattice: &Lattice, rows: u32) -> InverseShape {
        let (cells, chunks) = (lattice.cells(), self.chunks.min(chunks_max(rows)));
        InverseShape::in_chunks(self.rows, cells, cells.div_ceil(chunks)).with(rows, cells)
    }

    /// Where the cells lie in a frame with so many rows: in a space without edges from the bounds that each counting batch
    /// found (lows, then highs, `2 * axes` numbers a batch). Fewer rows have no more cells: the limit on these decides
    /// alone how far their edges grow.
    pub fn lattice(&self, bounds: &[f32], rows: u32) -> Lattice {
        if let Some(fixed) = self.fixed.filter(|_| rows == self.rows) {
            return fixed;
        }
        let [lo, hi] = self.edges.unwrap_or_else(|| {
            let (mut lo, mut hi) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
            for batch in bounds.chunks_exact(2 * self.axes) {
                for axis in 0..self.axes {
                    lo[axis] = lo[axis].min(batch[axis]);
                    hi[axis] = hi[axis].max(batch[self.axes + axis]);
                }
            }
            [lo, hi]
        });
        Lattice::new(self.axes, &lo, &hi, rows, self.cell)
    }

    /// How many numbers of bounds there are in a frame with so many rows.
    pub fn bounds(&self, rows: u32) -> usize {
        if self.edges.is_some() { 0 } else { 2 * self.axes * rows.div_ceil(self.count_batch_rows) as usize }
    }
}

fn chunks_max(rows: u32) -> u32 {
    rows.div_ceil(GRID_CHUNK_ROWS).clamp(1, GRID_CHUNKS_MAX)
}

/// A column in the order of slots.
#[derive(Clone, Copy, Debug)]
pub struct CopyPlace {
    /// Of which column.
    pub column: ColumnId,
    /// Of which panel.
    pub when: When,
    /// What it holds.
    pub scalar: Scalar,
    /// The values.
    pub place: Place<u8>,
}

/// Where a grid's arrays stand.
#[derive(Clone, Debug)]
pub struct GridPlaces {
    /// The numbers behind it.
    pub shape: GridShape,
    /// The first phase: positions of `f64`, rounded to `f32`, an axis each; empty where they are `f32` themselves. The
    /// cells are those of the rounded ones; the exact test of a distance is that of the rules, in `f64`.
    pub rounded: Vec<Place<f32>>,
    /// Bounds: lows, then highs of each batch's rows, `2 * axes` a batch; empty where the space has edges.
    pub bounds: Place<f32>,
    /// Count: each row's cell.
    pub cell_of: Place<u32>,
    /// Count to Build: the rows of each cell. What `starts` are of an inverse are here the first slots of cells, and
    /// what is `listed` the row in each slot.
    pub lists: InversePlaces,
    /// Build: columns in the order of slots.
    pub copies: Vec<CopyPlace>,
}

impl GridPlaces {
    /// Takes room for a grid.
    pub fn new(
        shape: GridShape,
        program: &Program,
        rounded: bool,
        copies: &[(ColumnId, When)],
        arena: &mut Arena,
    ) -> Self {
        let rows = shape.rows as usize;
        let bounds = shape.bounds(shape.rows);
        let most = InverseShape { chunks: shape.chunks, ..InverseShape::new(shape.rows, shape.cells_max) };
        let copy = |arena: &mut Arena, (column, when): (ColumnId, When)| {
            let scalar = program.columns[column].scalar;
            CopyPlace { column, when, scalar, place: arena.place(rows * scalar.size()) }
        };
        Self {
            shape,
            rounded: (0..if rounded { shape.axes } else { 0 }).map(|_| arena.place(rows)).collect(),
            bounds: arena.place(bounds),
            cell_of: arena.place(rows),
            lists: InversePlaces::new(most, false, arena),
            copies: copies.iter().map(|slot| copy(arena, *slot)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ROWS_MAX;

    const SIDES: [f32; 9] = [1e-45, 1e-20, 0.3, 1.0, 7.5, 1e3, 1e9, 1e30, f32::MAX];

    #[test]
    fn cells_are_bounded_and_no_smaller_than_asked_for() {
        for rows in [1, 2, 63, 1000, 1_000_000, ROWS_MAX, u32::MAX] {
            for (axes, side) in (1..=3).flat_map(|axes| SIDES.map(|side| (axes, side))) {
                for cell in SIDES.into_iter().chain([0.0, f32::INFINITY, f32::NAN]) {
                    let mut hi = [side, 2.0, 0.7 * side];
                    hi[axes..].fill(0.0);
                    let lattice = Lattice::new(axes, &[0.0; 3], &hi, rows, cell);
                    let cells: f64 = lattice.counts.iter().map(|count| f64::from(*count)).product();
                    assert!(cells >= 1.0 && cells <= f64::from(cells_max(rows)), "{lattice:?}");
                    assert!(lattice.counts.iter().all(|count| *count <= GRID_CELLS_ALONG), "{lattice:?}");
                    for (axis, (side, count)) in hi.iter().zip(lattice.counts).take(axes).enumerate() {
                        let parts = if axis == 0 { f64::from(GRID_PARTS_X[0]) } else { 1.0 };
                        let small = f64::from(*side) / f64::from(count) < f64::from(cell) / parts;
                        assert!(count == 1 || !small, "{lattice:?}, {cell}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_greater_coordinate_is_in_no_lower_cell() {
        for side in SIDES {
            let lattice = Lattice::new(1, &[-0.5 * side; 3], &[0.5 * side; 3], 1000, side / 100.0);
            let steps = (-3000..=3000).map(|step| side * (step as f32 / 3000.0));
            let all = [f32::NEG_INFINITY, -f32::MAX].into_iter().chain(steps).chain([f32::MAX, f32::INFINITY]);
            let mut cells: Vec<u32> = all.map(|x| lattice.along(0, x)).collect();
            assert!(cells.is_sorted(), "{side}: {cells:?}");
            cells.dedup();
            assert!(cells.iter().copied().eq(0..lattice.counts[0]), "{side}: {cells:?}");
        }
    }

    #[test]
    fn cells_fit_where_a_grid_would_not_have_longer_ones() {
        let mut space = Space::open(1);
        space.edge = Edge::Box;
        for (side, rows) in [(10.0, 2), (10.0, 3), (8_388_608.0, 4_000_000), (8_388_610.0, 4_000_000)] {
            space.hi[0] = side;
            let edge = side / Lattice::new(1, &space.lo, &space.hi, rows, 1.0).counts[0] as f32;
            assert_eq!(fits(&space, 1.0, rows), edge <= 1.0, "{side}, {rows}: {edge}");
        }
    }

    #[test]
    fn the_whole_part_of_a_number_is_what_is_left_of_its_point() {
        let near = |x: f32| [x.next_down().next_down(), x.next_down(), x, x.next_up(), x.next_up().next_up()];
        let powers = (0..=255).flat_map(|exponent| near(f32::from_bits(exponent << 23)));
        let steps =
            (0..GRID_CELLS_ALONG).step_by(997).flat_map(|x| near(x as f32).into_iter().chain(near(x as f32 + 0.5)));
        let odd = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::MAX, f32::MIN_POSITIVE, 1e-45];
        for x in powers.chain(steps).chain(odd).flat_map(|x| [x, -x]) {
            assert_eq!(whole(x), (x as u32).min(GRID_CELLS_ALONG - 1), "{x:?}");
        }
    }

    #[test]
    fn a_lattice_of_no_rows_or_of_broken_bounds_is_some_lattice() {
        let shape = GridShape::new(1000, &Space::open(2), 1.0);
        for bounds in
            [[f32::NAN; 4], [f32::INFINITY; 4], [0.0, 0.0, f32::INFINITY, 1.0], [0.0, 0.0, f32::MAX, f32::MAX]]
        {
            assert!(shape.lattice(&bounds, 1000).cells() <= shape.cells_max);
        }
        assert_eq!(shape.lattice(&[], 0).cells(), 1);
    }

    #[test]
    fn fewer_rows_have_no_more_cells_and_chunks() {
        for (axes, cell) in (1..=3).flat_map(|axes| [0.001, 0.01, 0.3, 2.0, 1e9].map(|cell| (axes, cell))) {
            for most in [0, 1, 10, 2_500, 70_000, 3_000_000] {
                let mut space = Space::open(axes);
                space.edge = Edge::Box;
                space.hi[..usize::from(axes)].copy_from_slice(&[7.0, 4.5, 3.1][..usize::from(axes)]);
                let shape = GridShape::new(most, &space, cell);
                for rows in (0..=40).map(|part| (u64::from(most) * part / 40) as u32) {
                    let lattice = shape.lattice(&[], rows);
                    let lists = shape.lists(&lattice, rows);
                    assert!(
                        lattice.cells() <= shape.cells_max && lattice.cells() <= cells_max(rows),
                        "{rows} of {most}"
                    );
                    assert!(lists.chunks <= shape.chunks && lists.batches <= shape.count_batches, "{rows} of {most}");
                }
            }
        }
    }
}
