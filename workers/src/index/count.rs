//! The second phase: each row's chunk, how many rows of a batch each chunk gets, and the check of positions.

use diptych_protocol::id::RowRange;
use diptych_protocol::kd::KdShape;
use diptych_protocol::space::Space;

use super::cut::key;
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
    scratch.planes.extend(planes.map(|((&axis, &value), &row)| Plane { key: key(value, row), axis }));
    per_axes!(positions, |columns| descend(columns, &scratch.planes, rows, chunk_of));
    let counts = &mut counts[..chunks];
    counts.fill(0);
    for &chunk in &chunk_of[..rows.len()] {
        counts[usize::from(chunk)] += 1;
    }
    Ok(())
}

fn descend<const K: usize>(columns: [&[f32]; K], planes: &[Plane], rows: RowRange, chunk_of: &mut [u16]) {
    let chunks = planes.len();
    let levels = chunks.trailing_zeros();
    let columns = columns.map(|column| &column[rows.indices()]);
    let mut keys = [[0i64; K]; TOGETHER];
    let mut nodes = [0usize; TOGETHER];
    for (block, chunk_of) in chunk_of[..rows.len()].chunks_mut(TOGETHER).enumerate() {
        let start = block * TOGETHER;
        let len = chunk_of.len();
        for axis in 0..K {
            let first = rows.start + start as u32;
            for (i, &x) in columns[axis][start..start + len].iter().enumerate() {
                keys[i][axis] = key(x, first + i as u32);
            }
        }
        nodes[..len].fill(1);
        for _ in 0..levels {
            for (node, keys) in nodes[..len].iter_mut().zip(&keys[..len]) {
                let plane = planes[*node];
                let own = keys[plane.axis as usize];
                *node = 2 * *node + usize::from(own >= plane.key);
            }
        }
        for (to, &node) in chunk_of.iter_mut().zip(&nodes) {
            *to = (node - chunks) as u16;
        }
    }
}

/// Finds the first position of a batch that no index can hold.
pub(crate) fn check(space: &Space, positions: &[&[f32]], rows: RowRange) -> Result<(), BadPosition> {
    let fine = wide(
        #[inline(always)]
        || {
            let column = |(axis, column): (usize, &&[f32])| {
                column[rows.indices()].iter().fold(true, |fine, &x| fine & space.holds(axis, x))
            };
            positions.iter().enumerate().map(column).fold(true, |fine, column| fine & column)
        },
    );
    if fine {
        return Ok(());
    }
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
