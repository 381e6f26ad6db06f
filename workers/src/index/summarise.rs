//! The summaries of a tree's nodes: sums over their rows, barycentres, and how near they may be taken as a whole. See
//! [`diptych_protocol::summary`].
//!
//! Everything is summed in `f64`, in an order of the tree's own: the rows of a bucket in the order of its slots, then nodes
//! from left and right halves.

use std::ops::Range;

use diptych_protocol::math::cbrt;
use diptych_protocol::summary::SummaryShape;
use diptych_protocol::values::Values;

use super::cut::{greater, lesser};

/// The box of a node: an axis each.
type Sides = [Range<f32>; 3];

/// Shares of so few rows have their roots in a table.
const ROOTS: usize = 32;

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

/// What is above the chunks.
#[derive(Clone, Copy, Debug)]
pub struct Chunks<'a> {
    /// The first slot of each, and the end.
    pub slots: &'a [u32],
    /// Where their buckets stand, and the end: the first node is at twice that.
    pub places: &'a [u32],
    /// How many buckets they have.
    pub buckets: &'a [u32],
}

/// Room for the boxes of a chunk's nodes, and for its columns by slot. Holds no state.
#[derive(Default)]
pub struct SummaryScratch {
    sides: Vec<Sides>,
    /// The positions, an axis each, then what is summed.
    columns: Vec<f64>,
}

/// Summarises the nodes of one chunk of a tree over so many rows. `column` gives the whole columns that summaries are made
/// of: the positions, an axis each, then those that are summed. `nodes` and `leaves` are the chunk's own; behind its last
/// node they mean nothing.
pub fn summarise<'c>(
    shape: &SummaryShape,
    rows: u32,
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
    let SummaryScratch { sides, columns } = scratch;
    columns.clear();
    (0..axes + shape.sums).for_each(|number| append(columns, column(number), buckets.slot_rows));
    sides.clear();
    sides.resize(leaves.len(), [const { 0.0..0.0 }; 3]);
    let reach = Reach::new(rows);
    let mut bucket = count;
    // Preorder: from behind, both halves come before what they are of.
    for at in (0..leaves.len()).rev() {
        let (above, below) = nodes.split_at_mut((at + 1) * width);
        let node = &mut above[at * width..];
        if leaves[at] == 1 {
            bucket -= 1;
            let (lows, highs) = buckets.bucket_box.split_at(axes);
            for (side, (low, high)) in sides[at].iter_mut().zip(lows.iter().zip(highs)) {
                *side = low[bucket]..high[bucket];
            }
        } else {
            let right = at + 2 * leaves[at + 1] as usize;
            let (l, r) = (&sides[at + 1], &sides[right]);
            sides[at] =
                std::array::from_fn(|axis| lesser(l[axis].start, r[axis].start)..greater(l[axis].end, r[axis].end));
        }
        let sides: [Range<f64>; 3] = std::array::from_fn(|axis| shape.widened(sides[at][axis].clone()));
        let (first, last) = (buckets.bucket_start[bucket], buckets.bucket_end[bucket + leaves[at] as usize - 1]);
        if leaves[at] == 1 {
            let slots = (first - buckets.first_slot) as usize..(last - buckets.first_slot) as usize;
            leaf(shape, node, columns, buckets.slot_rows.len(), slots, &sides);
        } else {
            let left = &below[..width];
            let right = &below[(2 * leaves[at + 1] as usize - 1) * width..][..width];
            join(shape, node, [Some(left), Some(right)], &sides);
        }
        node[axes] = reach.squared(shape, node, last - first, &sides);
    }
}

/// Summarises the nodes above the chunks. `nodes` are those of all chunks; `node_box` are the boxes that sealing made.
pub fn summarise_top(shape: &SummaryShape, chunks: Chunks<'_>, node_box: &[f32], nodes: &[f64], top: &mut [f64]) {
    let (axes, width) = (shape.axes, shape.width());
    let count = chunks.buckets.len();
    let reach = Reach::new(chunks.slots[count]);
    for at in (1..count).rev() {
        let (above, below) = top.split_at_mut((at + 1) * width);
        let of = |child: usize| match child.checked_sub(count) {
            None => Some(&below[(child - at - 1) * width..(child - at) * width]),
            Some(chunk) if chunks.buckets[chunk] == 0 => None,
            Some(chunk) => Some(&nodes[2 * chunks.places[chunk] as usize * width..][..width]),
        };
        let node = &mut above[at * width..];
        let (lows, highs) = node_box[at * 2 * axes..(at + 1) * 2 * axes].split_at(axes);
        let sides: [Range<f64>; 3] = std::array::from_fn(|axis| match (lows.get(axis), highs.get(axis)) {
            (Some(low), Some(high)) => shape.widened(*low..*high),
            _ => 0.0..0.0,
        });
        join(shape, node, [of(2 * at), of(2 * at + 1)], &sides);
        // The chunks below it: one behind another.
        let below = count >> at.ilog2();
        let first = at * below - count;
        let rows = chunks.slots[first + below] - chunks.slots[first];
        node[axes] = reach.squared(shape, node, rows, &sides);
    }
}

/// Appends the values of some rows.
fn append(to: &mut Vec<f64>, values: Values<'_>, rows: &[u32]) {
    match values {
        Values::F32(values) => to.extend(rows.iter().map(|row| f64::from(values[*row as usize]))),
        Values::F64(values) => to.extend(rows.iter().map(|row| values[*row as usize])),
        _ => unreachable!("a verified summary is of floats"),
    }
}

/// A bucket: all but its reach. `columns` are of so many slots each, of which these are its own.
fn leaf(
    shape: &SummaryShape,
    node: &mut [f64],
    columns: &[f64],
    length: usize,
    slots: Range<usize>,
    sides: &[Range<f64>; 3],
) {
    let column = |number: usize| &columns[number * length..][slots.clone()];
    let (axes, weight) = (shape.axes, column(shape.axes));
    for sum in 0..shape.sums {
        node[axes + 1 + sum] = column(axes + sum).iter().fold(0.0, |sum, value| sum + value);
    }
    let mut spread = 0.0;
    for axis in 0..axes {
        let at = column(axis);
        let moment = weight.iter().zip(at).fold(0.0, |sum, (weight, x)| sum + weight * x);
        let centre = centre(moment, node[axes + 1], &sides[axis]);
        spread += weight.iter().zip(at).fold(0.0, |sum, (weight, x)| sum + weight * ((x - centre) * (x - centre)));
        node[axis] = centre;
    }
    // Of weights of both signs it can be nothing though nothing is in one place, and what another sum has may be elsewhere.
    let trusted = shape.sums == 1 && weight.iter().all(|weight| *weight >= 0.0);
    node[shape.spread()] = if trusted { spread } else { f64::NAN };
}

/// A node of two halves, of which one may have no rows: all but its reach.
fn join(shape: &SummaryShape, node: &mut [f64], halves: [Option<&[f64]>; 2], sides: &[Range<f64>; 3]) {
    let (axes, first) = (shape.axes, shape.axes + 1);
    let halves = || halves.into_iter().flatten();
    for sum in first..first + shape.sums {
        node[sum] = halves().fold(0.0, |all, half| all + half[sum]);
    }
    let mut spread = halves().fold(0.0, |all, half| all + half[shape.spread()]);
    for axis in 0..axes {
        let moment = halves().fold(0.0, |all, half| all + half[first] * half[axis]);
        let centre = centre(moment, node[first], &sides[axis]);
        // About another point it is more by what it were if all of the half stood in its barycentre.
        spread += halves().fold(0.0, |all, half| all + half[first] * ((half[axis] - centre) * (half[axis] - centre)));
        node[axis] = centre;
    }
    node[shape.spread()] = spread;
}

/// The barycentre along an axis. Where weights sum to nothing or to no number, the middle of the box stands in for it.
fn centre(moment: f64, weight: f64, side: &Range<f64>) -> f64 {
    let centre = moment / weight;
    if centre.is_finite() { centre } else { middle(side) }
}

fn middle(side: &Range<f64>) -> f64 {
    0.5 * (side.start + side.end)
}

/// How near nodes may be taken as a whole.
struct Reach {
    /// All rows of the tree.
    rows: f64,
    /// The sixth roots of the shares of few rows.
    roots: [f64; ROOTS],
}

impl Reach {
    fn new(rows: u32) -> Self {
        let rows = f64::from(rows);
        Self { rows, roots: std::array::from_fn(|few| sixth_root(few as f64 / rows)) }
    }

    /// That of a node of so many rows, squared.
    fn squared(&self, shape: &SummaryShape, node: &[f64], rows: u32, sides: &[Range<f64>; 3]) -> f64 {
        let root = match self.roots.get(rows as usize) {
            Some(root) => *root,
            None => sixth_root(f64::from(rows) / self.rows),
        };
        let (mut longest, mut diagonal, mut off) = (0.0, 0.0, 0.0);
        for (side, centre) in sides.iter().zip(&node[..shape.axes]) {
            let (length, from_middle) = (side.end - side.start, centre - middle(side));
            longest = if length > longest { length } else { longest };
            diagonal += length * length;
            off += from_middle * from_middle;
        }
        let mean = node[shape.spread()] / node[shape.axes + 1];
        // Without a spread all is in the corners.
        let mean = if mean >= 0.0 && mean.is_finite() { mean } else { 0.25 * diagonal + off };
        let (least, reach) = (0.5 * longest + off.sqrt(), 8.0 * root * mean.sqrt() / shape.angle);
        // With an angle of 0 that is infinite, or no number: no distance is above it.
        let reach = if least > reach { least } else { reach };
        reach * reach
    }
}

fn sixth_root(x: f64) -> f64 {
    cbrt(x).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{ChunkBuckets, SummaryScratch, sixth_root, summarise};
    use diptych_protocol::summary::SummaryShape;
    use diptych_protocol::values::Values;

    /// Three buckets on a line: of one row, of two, and of one without weight.
    #[test]
    fn nodes_have_sums_barycentres_spreads_and_a_reach() {
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
        // Of 64 rows, so that the sixth root of a share is half that of as many.
        summarise(&shape, 64, buckets, column, &mut SummaryScratch::default(), &mut nodes, &leaves);
        let expected = [
            (1.4, 4.0, 5.0, 1.96 + 3.0 * 0.16 + 6.76),
            (1.4, 3.0, 5.0, 1.96 + 3.0 * 0.16 + 6.76),
            (0.75, 2.0, 4.0, 0.5625 + 3.0 * 0.0625),
            (4.0, 1.0, 1.0, 0.0),
            (8.0, 1.0, 0.0, 0.0),
        ];
        for (node, (centre, rows, sum, spread)) in nodes.chunks_exact(4).zip(expected) {
            assert!((node[0] - centre).abs() < 1e-12 && node[2] == sum, "{node:?}");
            assert!((node[3] - spread).abs() < 1e-12, "{node:?}");
            let squared = if spread > 0.0 { spread / sum } else { 0.0 };
            let reach = 8.0 / 2.0 * sixth_root(rows) * squared.sqrt() / 0.5;
            assert!((node[1] - reach * reach).abs() < 1e-9, "{node:?}");
        }
    }

    /// One row in the middle and four around it, at a distance of 1, of which two pull where the others push: what spreads
    /// cancels, and the field beyond does not. The same where a second sum is spread and the first is not.
    #[test]
    fn a_reach_bounds_all_that_is_summed_whatever_its_signs() {
        let at = [[1.0, -1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, -1.0_f32]];
        let (mixed, inner, even) = ([1.0, 1.0, 2.0, -1.0, -1.0_f64], [0.0, 0.0, 1.0, 0.0, 0.0], [1.0; 5]);
        for (sums, angle, reach) in [
            (vec![mixed], 1e-6, 8.0 / 1e-6 * 2.0_f64.sqrt()),
            (vec![inner, even], 1e-6, 8.0 / 1e-6 * 2.0_f64.sqrt()),
            (vec![even], 1e-6, 8.0 / 1e-6 * 0.8_f64.sqrt()),
        ] {
            let shape = SummaryShape { axes: 2, sums: sums.len(), angle, wide: false };
            let mut nodes = vec![0.0; shape.width()];
            let buckets = ChunkBuckets {
                slot_rows: &[0, 1, 2, 3, 4],
                first_slot: 0,
                bucket_start: &[0],
                bucket_end: &[5],
                bucket_box: &[&[-1.0], &[-1.0], &[1.0], &[1.0]],
            };
            let column = |number: usize| match at.get(number) {
                Some(axis) => Values::F32(axis),
                None => Values::F64(&sums[number - 2]),
            };
            summarise(&shape, 5, buckets, column, &mut SummaryScratch::default(), &mut nodes, &[1]);
            assert!((nodes[2].sqrt() / reach - 1.0).abs() < 1e-12, "{sums:?}: {nodes:?}, not {reach}");
        }
    }

    /// Wide angles come to a node as near as half its side; where weights are of both signs all of its rows count.
    #[test]
    fn a_reach_is_no_less_than_half_a_side_and_does_not_trust_weights_of_both_signs() {
        for (weight, angle, reach) in [([1.0, 1.0_f64], 1e9, 3.0), ([1.0, -1.0], 8.0, 3.0), ([1.0, -1.0], 4.0, 6.0)] {
            let shape = SummaryShape { axes: 1, sums: 1, angle, wide: false };
            let mut nodes = vec![0.0; shape.width()];
            let buckets = ChunkBuckets {
                slot_rows: &[0, 1],
                first_slot: 0,
                bucket_start: &[0],
                bucket_end: &[2],
                bucket_box: &[&[2.0], &[8.0]],
            };
            let column = |number| if number == 0 { Values::F32(&[2.0, 8.0]) } else { Values::F64(&weight) };
            summarise(&shape, 2, buckets, column, &mut SummaryScratch::default(), &mut nodes, &[1]);
            assert!(nodes[0] == 5.0 && (nodes[1] - reach * reach).abs() < 1e-12, "{angle}: {nodes:?}");
        }
    }
}
