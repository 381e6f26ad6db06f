//! The first phase: planes that part the rows into chunks, chosen from a sample.

use diptych_protocol::kd::KdShape;
use diptych_protocol::limits::KD_SAMPLE_PER_CHUNK;

use super::cut::{Point, bounds, part, widest};
use super::scratch::KdScratch;

/// Chooses the `chunks - 1` planes of a balanced tree: node `i` (heap order, 1-based; slot 0 is unused) parts its
/// sample in half along the axis of its largest extent. The sample is one row of each of equal strides, at a place
/// that a hash of the stride picks, so that rows laid out in a regular pattern do not resonate with it.
///
/// Positions are not checked yet: with a NaN among them the planes are some planes.
pub fn split(
    shape: &KdShape,
    positions: &[&[f32]],
    scratch: &mut KdScratch,
    axis: &mut [u32],
    value: &mut [f32],
    row: &mut [u32],
) {
    let chunks = shape.chunks as usize;
    let mut planes = Planes { axis: &mut axis[..chunks], value: &mut value[..chunks], row: &mut row[..chunks] };
    planes.set(0, 0, 0.0, 0);
    let samples = shape.rows.min(shape.chunks * KD_SAMPLE_PER_CHUNK);
    scratch.points.clear();
    if chunks > 1 {
        scratch.points.extend((0..samples).map(|i| {
            let row = sampled_row(i, samples, shape.rows);
            let mut at = [0.0; 3];
            for (to, column) in at.iter_mut().zip(positions) {
                *to = column[row as usize];
            }
            Point { at, row }
        }));
        planes.choose(1, &mut scratch.points);
    }
}

/// The row that stands for stride `i`.
fn sampled_row(i: u32, samples: u32, rows: u32) -> u32 {
    let edge = |i: u32| u64::from(i) * u64::from(rows) / u64::from(samples);
    let (start, end) = (edge(i), edge(i + 1));
    // The finaliser of SplitMix64.
    let mut hash = (u64::from(i) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    (start + hash % (end - start)) as u32
}

struct Planes<'a> {
    axis: &'a mut [u32],
    value: &'a mut [f32],
    row: &'a mut [u32],
}

impl Planes<'_> {
    fn set(&mut self, node: usize, axis: u32, value: f32, row: u32) {
        self.axis[node] = axis;
        self.value[node] = value;
        self.row[node] = row;
    }

    fn choose(&mut self, node: usize, sample: &mut [Point]) {
        if node >= self.axis.len() {
            return;
        }
        let (lo, hi) = bounds(sample);
        let axis = widest(&lo, &hi);
        let middle = sample.len() / 2;
        part(sample, axis, middle);
        let plane = sample.get(middle).copied().unwrap_or_default();
        self.set(node, axis as u32, plane.at[axis], plane.row);
        let (left, right) = sample.split_at_mut(middle);
        self.choose(2 * node, left);
        self.choose(2 * node + 1, right);
    }
}
