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
    key: i64,
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
    check(space, positions, rows)?;
    scratch.planes.clear();
    let planes = splits.axis[..chunks].iter().zip(&splits.value[..chunks]).zip(&splits.row[..chunks]);
    scratch.planes.extend(planes.map(|((&axis, &value), &row)| Plane { key: key(value, row), axis, value }));
    per_axes!(positions, |columns| descend(columns, &scratch.planes, rows, chunk_of));
    let counts = &mut counts[..chunks];
    counts.fill(0);
    for &chunk in &chunk_of[..rows.len()] {
        counts[usize::from(chunk)] += 1;
    }
    Ok(())
}

fn descend<const K: usize>(columns: [&[f32]; K], planes: &[Plane], rows: RowRange, chunk_of: &mut [u16]) {
    let columns = columns.map(|column| &column[rows.indices()]);
    let mut inner = Inner::of(planes, 0);
    let (mut keys, mut nodes) = ([[0i64; K]; TOGETHER], [0usize; TOGETHER]);
    for (block, chunk_of) in chunk_of[..rows.len()].chunks_mut(TOGETHER).enumerate() {
        let start = block * TOGETHER;
        // Rows in spatial order are where the one before was, mostly.
        let others = &mut [0; TOGETHER];
        let others = inner.lacks(columns.map(|column| &column[start..start + chunk_of.len()]), others);
        chunk_of.fill(inner.chunk);
        for (keys, &number) in keys.iter_mut().zip(others.iter()) {
            let row = rows.start + (start + usize::from(number)) as u32;
            *keys = columns.map(|column| key(column[start + usize::from(number)], row));
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
            chunk_of[usize::from(number)] = (node - planes.len()) as u16;
        }
        if let Some(&last) = chunk_of.last().filter(|last| **last != inner.chunk) {
            inner = Inner::of(planes, last);
        }
    }
}

/// What is between the planes around a chunk, and on none of them: whatever is there is of the chunk.
struct Inner<const K: usize> {
    chunk: u16,
    lo: [f32; K],
    hi: [f32; K],
}

impl<const K: usize> Inner<K> {
    fn of(planes: &[Plane], chunk: u16) -> Self {
        let mut inner = Self { chunk, lo: [f32::NEG_INFINITY; K], hi: [f32::INFINITY; K] };
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
    fn lacks<'a>(&self, points: [&[f32]; K], room: &'a mut [u8; TOGETHER]) -> &'a [u8] {
        let mut inside = [1u8; TOGETHER];
        for (axis, points) in points.iter().enumerate() {
            let (lo, hi) = (self.lo[axis], self.hi[axis]);
            inside.iter_mut().zip(*points).for_each(|(inside, x)| *inside &= u8::from((lo < *x) & (*x < hi)));
        }
        let mut count = 0;
        for (number, inside) in inside.iter().enumerate().take(points[0].len()) {
            room[count] = number as u8;
            count += usize::from(*inside == 0);
        }
        &room[..count]
    }
}

/// Finds the first position of a batch that no index can hold.
pub(crate) fn check(space: &Space, positions: &[&[f32]], rows: RowRange) -> Result<(), BadPosition> {
    let fine = wide(
        #[inline(always)]
        || {
            let column = |(axis, column): (usize, &&[f32])| {
                let [least, greatest] = space.held(axis);
                column[rows.indices()].iter().fold(true, |fine, &x| fine & (least <= x) & (x <= greatest))
            };
            positions.iter().enumerate().map(column).fold(true, |fine, column| fine & column)
        },
    );
    if fine { Ok(()) } else { blame(space, positions, rows) }
}

/// As [`check`], row by row.
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
