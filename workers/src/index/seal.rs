//! The last phase: buckets are numbered through, and chunks get boxes above them.

use diptych_protocol::kd::KdShape;

use super::cut::{greater, lesser};

/// Sums the bucket counts to `chunk_base` and makes the boxes of the implicit binary tree over the chunks. An empty
/// box is (+inf, -inf). Returns how many buckets there are.
pub fn seal(
    shape: &KdShape,
    chunk_buckets: &[u32],
    chunk_box: &[f32],
    chunk_base: &mut [u32],
    node_box: &mut [f32],
) -> u32 {
    let chunks = shape.chunks as usize;
    let mut total = 0;
    for (base, buckets) in chunk_base.iter_mut().zip(&chunk_buckets[..chunks]) {
        *base = total;
        total += buckets;
    }
    chunk_base[chunks] = total;

    let axes = shape.axes;
    let width = 2 * axes;
    node_box[chunks * width..2 * chunks * width].copy_from_slice(&chunk_box[..chunks * width]);
    for node in (1..chunks).rev() {
        let (above, below) = node_box.split_at_mut(2 * node * width);
        let to = &mut above[node * width..(node + 1) * width];
        let (left, right) = below[..2 * width].split_at(width);
        for i in 0..axes {
            to[i] = lesser(left[i], right[i]);
        }
        for i in axes..width {
            to[i] = greater(left[i], right[i]);
        }
    }
    // Nobody is above the root: node 0 is unused.
    node_box[..axes].fill(f32::INFINITY);
    node_box[axes..width].fill(f32::NEG_INFINITY);
    total
}
