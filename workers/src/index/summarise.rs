//! The summaries of a tree's nodes: sums over their rows, barycentres, and how near they may be taken as a whole. See
//! [`diptych_protocol::summary`].
//!
//! Everything is summed in `f64`, in an order of the tree's own: the rows of a bucket in the order of its slots, then nodes
//! from left and right halves.

use std::ops::Range;

use diptych_protocol::summary::SummaryShape;
use diptych_protocol::values::Values;

use super::cut::{greater, lesser};

/// The box of a node: an axis each.
type Sides = [Range<f32>; 3];

/// One chunk's buckets, of which the summaries of its nodes are made.
#[derive(Clone, Copy, Debug)]
pub struct ChunkBuckets<'a> {
    /// The row in each of the chunk's slots.
    pub slot_rows: &'a [u32],
    /// The chunk's first slot.
    pub first_slot: u32,
    /// The first slot of each bucket: as many as the chunk has.
    pub bucket_start: &'a [u32],
    /// One past the last slot of each.
    pub bucket_end: &'a [u32],
    /// Lows, then highs, an axis each.
    pub bucket_box: &'a [&'a [f32]],
}

/// Room for the boxes of a chunk's nodes. Holds no state.
#[derive(Default)]
pub struct SummaryScratch {
    sides: Vec<Sides>,
}

/// Summarises the nodes of one chunk. `column` gives the whole columns that summaries are made of: the positions, an axis
/// each, then those that are summed. `nodes` and `leaves` are the chunk's own; behind its last node they mean nothing.
pub fn summarise<'c>(
    shape: &SummaryShape,
    buckets: ChunkBuckets<'_>,
    column: impl Fn(usize) -> Values<'c>,
    scratch: &mut SummaryScratch,
    nodes: &mut [f64],
    leaves: &[u32],
) {
    let count = buckets.bucket_start.len();
    if count == 0 {
        return;
    }
    let (axes, width) = (shape.axes, shape.width());
    let nodes = &mut nodes[..(2 * count - 1) * width];
    let leaves = &leaves[..2 * count - 1];
    let rows = |bucket: usize| {
        let slots = buckets.bucket_start[bucket] - buckets.first_slot..buckets.bucket_end[bucket] - buckets.first_slot;
        &buckets.slot_rows[slots.start as usize..slots.end as usize]
    };
    // Column by column: the weight, the others, then weighed positions.
    let weight = column(axes);
    for sum in 0..shape.sums {
        let values = column(axes + sum);
        each_leaf(nodes, leaves, width, |bucket, node| node[axes + 1 + sum] = sum_of(values, rows(bucket)));
    }
    for axis in 0..axes {
        let values = column(axis);
        each_leaf(nodes, leaves, width, |bucket, node| node[axis] = weighed(values, weight, rows(bucket)));
    }
    let SummaryScratch { sides } = scratch;
    sides.clear();
    sides.resize(leaves.len(), [const { 0.0..0.0 }; 3]);
    let mut bucket = count;
    // Preorder: from behind, both halves come before what they are of.
    for at in (0..leaves.len()).rev() {
        if leaves[at] == 1 {
            bucket -= 1;
            let (lows, highs) = buckets.bucket_box.split_at(axes);
            for (side, (low, high)) in sides[at].iter_mut().zip(lows.iter().zip(highs)) {
                *side = low[bucket]..high[bucket];
            }
        } else {
            let (left, right) = (at + 1, at + 2 * leaves[at + 1] as usize);
            sides[at] = std::array::from_fn(|axis| {
                let (l, r) = (&sides[left][axis], &sides[right][axis]);
                lesser(l.start, r.start)..greater(l.end, r.end)
            });
            let (above, below) = nodes.split_at_mut((at + 1) * width);
            let (left, right) = (&below[..width], &below[(right - left) * width..(right - left + 1) * width]);
            join(shape, &mut above[at * width..], Some(left), Some(right));
        }
        close(shape, &mut nodes[at * width..(at + 1) * width], |axis| sides[at][axis].clone());
    }
}

/// Summarises the nodes above the chunks. `nodes` are those of all chunks, the first of a chunk at twice its place;
/// `node_box` are the boxes that sealing made.
pub fn summarise_top(
    shape: &SummaryShape,
    chunk_places: &[u32],
    chunk_buckets: &[u32],
    node_box: &[f32],
    nodes: &[f64],
    top: &mut [f64],
) {
    let (axes, width) = (shape.axes, shape.width());
    let chunks = chunk_buckets.len();
    for at in (1..chunks).rev() {
        let (above, below) = top.split_at_mut((at + 1) * width);
        let of = |child: usize| match child.checked_sub(chunks) {
            None => Some(&below[(child - at - 1) * width..(child - at) * width]),
            Some(chunk) if chunk_buckets[chunk] == 0 => None,
            Some(chunk) => Some(&nodes[2 * chunk_places[chunk] as usize * width..][..width]),
        };
        let node = &mut above[at * width..];
        join(shape, node, of(2 * at), of(2 * at + 1));
        let sides = &node_box[at * 2 * axes..(at + 1) * 2 * axes];
        close(shape, node, |axis| sides[axis]..sides[axes + axis]);
    }
}

/// Calls `f` with each bucket and its node.
fn each_leaf(nodes: &mut [f64], leaves: &[u32], width: usize, mut f: impl FnMut(usize, &mut [f64])) {
    let of_buckets = nodes.chunks_exact_mut(width).zip(leaves).filter(|(_, leaves)| **leaves == 1);
    of_buckets.enumerate().for_each(|(bucket, (node, _))| f(bucket, node));
}

/// The sum of a column over some rows.
fn sum_of(values: Values<'_>, rows: &[u32]) -> f64 {
    match values {
        Values::F32(values) => rows.iter().fold(0.0, |sum, row| sum + f64::from(values[*row as usize])),
        Values::F64(values) => rows.iter().fold(0.0, |sum, row| sum + values[*row as usize]),
        _ => unreachable!("a verified summary is of floats"),
    }
}

/// The sum of positions along an axis, each times its weight.
fn weighed(values: Values<'_>, weight: Values<'_>, rows: &[u32]) -> f64 {
    let weight = |row: usize| match weight {
        Values::F32(weight) => f64::from(weight[row]),
        Values::F64(weight) => weight[row],
        _ => unreachable!("a verified summary is of floats"),
    };
    rows.iter().map(|row| *row as usize).fold(0.0, |sum, row| {
        sum + weight(row)
            * match values {
                Values::F32(values) => f64::from(values[row]),
                Values::F64(values) => values[row],
                _ => unreachable!("a verified position is of floats"),
            }
    })
}

/// A node of two halves, of which one may have no rows: all but its reach, and along the axes what is still to be divided
/// by its weight.
fn join(shape: &SummaryShape, node: &mut [f64], left: Option<&[f64]>, right: Option<&[f64]>) {
    let number = |half: Option<&[f64]>, at: usize| half.map_or(0.0, |half| half[at]);
    let (axes, first) = (shape.axes, shape.axes + 1);
    for (at, value) in node.iter_mut().enumerate().take(shape.width()) {
        let part = |half| if at < axes { number(half, first) * number(half, at) } else { number(half, at) };
        *value = part(left) + part(right);
    }
}

/// Makes weighed positions a barycentre, and gives the node its reach. Where weights sum to nothing or to no number, the
/// middle of the box stands in for the barycentre.
fn close(shape: &SummaryShape, node: &mut [f64], side: impl Fn(usize) -> Range<f32>) {
    let weight = node[shape.axes + 1];
    let (mut longest, mut squared) = (0.0_f64, 0.0);
    for (axis, moment) in node.iter_mut().enumerate().take(shape.axes) {
        let side = shape.widened(side(axis));
        let middle = 0.5 * (side.start + side.end);
        let centre = *moment / weight;
        *moment = if centre.is_finite() { centre } else { middle };
        let off = *moment - middle;
        longest = longest.max(side.end - side.start);
        squared += off * off;
    }
    // With an angle of 0 that is infinite, or no number: no distance is above it.
    let reach = longest / shape.angle + squared.sqrt();
    node[shape.axes] = reach * reach;
}

#[cfg(test)]
mod tests {
    use super::{ChunkBuckets, SummaryScratch, summarise};
    use diptych_protocol::summary::SummaryShape;
    use diptych_protocol::values::Values;

    /// Three buckets on a line: of one row, of two, and of one without weight.
    #[test]
    fn nodes_have_sums_barycentres_and_a_reach() {
        let (x, weight) = ([4.0, 0.0, 1.0, 8.0_f32], [1.0, 1.0, 3.0, 0.0_f64]);
        let shape = SummaryShape { axes: 1, sums: 1, angle: 0.5, wide: false };
        let (mut nodes, leaves) = (vec![0.0; 5 * shape.width()], [3, 2, 1, 1, 1]);
        let buckets = ChunkBuckets {
            slot_rows: &[1, 2, 0, 3],
            first_slot: 10,
            bucket_start: &[10, 12, 13],
            bucket_end: &[12, 13, 14],
            bucket_box: &[&[0.0, 4.0, 8.0], &[1.0, 4.0, 8.0]],
        };
        let column = |number| if number == 0 { Values::F32(&x) } else { Values::F64(&weight) };
        summarise(&shape, buckets, column, &mut SummaryScratch::default(), &mut nodes, &leaves);
        let expected = [
            (1.4, 8.0 / 0.5 + (4.0 - 1.4), 5.0),
            (1.4, 4.0 / 0.5 + (2.0 - 1.4), 5.0),
            (0.75, 1.0 / 0.5 + 0.25, 4.0),
            (4.0, 0.0, 1.0),
            (8.0, 0.0, 0.0),
        ];
        for (node, (centre, reach, sum)) in nodes.chunks_exact(3).zip(expected) {
            assert!((node[0] - centre).abs() < 1e-12 && node[2] == sum, "{node:?}");
            assert!((node[1] - reach * reach).abs() < 1e-9, "{node:?}");
        }
    }
}
