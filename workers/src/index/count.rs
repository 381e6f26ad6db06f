//! The second phase: each row's chunk, how many rows of a batch each chunk gets, and the check of positions.

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;
use diptych_protocol::space::Space;

use super::cut::{greater, key, lesser};
use super::per_axes;
use super::scratch::KdScratch;
use crate::wide::wide;

/// The planes that [`split`](super::split()) chose.
#[derive(Clone, Copy, Debug)]
pub struct Splits<'a> {
    /// The axis of each node.
    pub axis: &'a [u32],
    /// The coordinate.
    pub value: &'a [f32],
    /// The row that parts equal coordinates.
    pub row: &'a [u32],
}

/// A position that no index can hold: NaN, infinite, or off the torus.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("row {row} has coordinate {value} on axis {axis}")]
pub struct BadPosition {
    /// Whose it is: the first such row of the batch.
    pub row: u32,
    /// Which axis: the first bad one.
    pub axis: usize,
    /// The coordinate.
    pub value: f32,
}

/// A plane as the descent wants it: one load and one comparison.
#[derive(Clone, Copy)]
pub(super) struct Plane {
    key: u64,
    axis: u32,
    value: f32,
}

/// Rows that descend together, so that their loads overlap.
const TOGETHER: usize = 64;

/// Finds the chunk of each row of the batch and counts the rows of each chunk. `chunk_of` are the batch's own rows,
/// `counts` is the batch's own row of the table, one count a chunk.
#[expect(
    clippy::too_many_arguments,
    reason = "each is an array or a number of its own; a struct would only rename them"
)]
pub fn count(
    shape: &KdShape,
    space: &Space,
    positions: &[&[f32]],
    splits: Splits<'_>,
    rows: RowRange,
    scratch: &mut KdScratch,
    chunk_of: &mut [u16],
    counts: &mut [u32],
) -> Result<(), BadPosition> {
    let chunks = shape.chunks as usize;
    scratch.planes.clear();
    let planes = splits.axis[..chunks].iter().zip(&splits.value[..chunks]).zip(&splits.row[..chunks]);
    scratch.planes.extend(planes.map(|((&axis, &value), &row)| Plane { key: key(value, row), axis, value }));
    let counts = &mut counts[..chunks];
    counts.fill(0);
    let fine = per_axes!(positions, |columns| {
        let columns = columns.map(|column| &column[rows.indices()]);
        let descent = Descent { planes: &scratch.planes, held: std::array::from_fn(|axis| space.held(axis)) };
        wide(
            #[inline(always)]
            || descent.descend(columns, rows.start, &mut chunk_of[..rows.len()], counts),
        )
    });
    if fine { Ok(()) } else { blame(space, positions, rows) }
}

/// What rows descend by: the planes, and what coordinates may be.
struct Descent<'a, const K: usize> {
    planes: &'a [Plane],
    held: [[f32; 2]; K],
}

impl<const K: usize> Descent<'_, K> {
    /// Finds and counts the chunks of some rows, the first of which has this number. Whether all coordinates are held.
    #[inline(always)]
    fn descend(&self, columns: [&[f32]; K], first_row: u32, chunk_of: &mut [u16], counts: &mut [u32]) -> bool {
        let planes = self.planes;
        let (mut inner, mut fine) = (Inner::of(self, 0), true);
        let (mut keys, mut nodes) = ([[0u64; K]; TOGETHER], [0usize; TOGETHER]);
        for (block, chunk_of) in chunk_of.chunks_mut(TOGETHER).enumerate() {
            let start = block * TOGETHER;
            // Rows in spatial order are where the one before was, mostly. What is there is held.
            let others = &mut [0; TOGETHER];
            let others = inner.lacks(columns.map(|column| &column[start..start + chunk_of.len()]), others);
            chunk_of.fill(inner.chunk);
            counts[usize::from(inner.chunk)] += (chunk_of.len() - others.len()) as u32;
            if others.is_empty() {
                continue;
            }
            for (keys, &number) in keys.iter_mut().zip(others.iter()) {
                let place = start + usize::from(number);
                *keys = columns.map(|column| key(column[place], first_row + place as u32));
                for (column, [least, greatest]) in columns.iter().zip(self.held) {
                    fine &= (least <= column[place]) & (column[place] <= greatest);
                }
            }
            let nodes = &mut nodes[..others.len()];
            nodes.fill(1);
            for _ in 0..planes.len().trailing_zeros() {
                for (node, keys) in nodes.iter_mut().zip(&keys) {
                    let plane = planes[*node];
                    let own = keys[plane.axis as usize];
                    *node = 2 * *node + usize::from(own >= plane.key);
                }
            }
            for (&number, &node) in others.iter().zip(&*nodes) {
                let chunk = node - planes.len();
                chunk_of[usize::from(number)] = chunk as u16;
                counts[chunk] += 1;
            }
            if let Some(&last) = chunk_of.last().filter(|last| **last != inner.chunk) {
                inner = Inner::of(self, last);
            }
        }
        fine
    }
}

/// What is between the planes around a chunk, on none of them, and held: whatever is there is of the chunk.
struct Inner<const K: usize> {
    chunk: u16,
    lo: [f32; K],
    hi: [f32; K],
}

impl<const K: usize> Inner<K> {
    fn of(descent: &Descent<'_, K>, chunk: u16) -> Self {
        let Descent { planes, held } = descent;
        let mut inner = Self { chunk, lo: held.map(|[least, _]| least), hi: held.map(|[_, greatest]| greatest) };
        let mut node = planes.len() + usize::from(chunk);
        while node > 1 {
            let (plane, right) = (planes[node / 2], !node.is_multiple_of(2));
            let axis = plane.axis as usize;
            if right {
                inner.lo[axis] = greater(inner.lo[axis], plane.value);
            } else {
                inner.hi[axis] = lesser(inner.hi[axis], plane.value);
            }
            node /= 2;
        }
        inner
    }

    /// Which of some points are not in it.
    #[inline(always)]
    fn lacks<'a>(&self, points: [&[f32]; K], room: &'a mut [u8; TOGETHER]) -> &'a [u8] {
        let mut inside = [1u8; TOGETHER];
        for (axis, points) in points.iter().enumerate() {
            let (lo, hi) = (self.lo[axis], self.hi[axis]);
            inside.iter_mut().zip(*points).for_each(|(inside, x)| *inside &= u8::from((lo < *x) & (*x < hi)));
        }
        if inside.iter().fold(1, |all, inside| all & inside) == 1 {
            return &[];
        }
        let mut count = 0;
        for (number, inside) in inside.iter().enumerate().take(points[0].len()) {
            room[count] = number as u8;
            count += usize::from(*inside == 0);
        }
        &room[..count]
    }
}

/// Finds the first position of a batch that no index can hold, where there is one.
pub(crate) fn blame(space: &Space, positions: &[&[f32]], rows: RowRange) -> Result<(), BadPosition> {
    for row in rows.start..rows.end {
        for (axis, column) in positions.iter().enumerate() {
            let value = column[row as usize];
            if !space.holds(axis, value) {
                return Err(BadPosition { row, axis, value });
            }
        }
    }
    Ok(())
}
