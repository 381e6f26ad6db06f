//! The tree of one chunk whose nodes are summarised: boxes are halved, not rows.
//!
//! Where rows thin out to the outside, halves of equal numbers have boxes with long tails: of 10^5 rows of a Plummer sphere
//! a third stand in the outermost buckets, each of which reaches so far that no node is taken for it or of it. So a node's
//! box is cut in the middle of its longest side, as long as there is room for the buckets that this may cost; else its rows
//! are halved.

use super::cut::{Point, greater, lesser, part, widest};
use super::leaves::Leaves;

/// Grows the tree over some points. Its leaves have at most `bucket_rows` of them, and are at most `leaves_max`, which is
/// enough for full ones. `nodes` gets how many leaves each node has, in preorder.
pub(super) fn halve(
    points: &mut [Point],
    bucket_rows: usize,
    leaves_max: usize,
    leaves: &mut Leaves,
    nodes: &mut [u32],
) {
    leaves.items.clear();
    leaves.ends.clear();
    if !points.is_empty() {
        Halving { bucket_rows, leaves, nodes, used: 0 }.grow(points, leaves_max);
    }
}

struct Halving<'a> {
    bucket_rows: usize,
    leaves: &'a mut Leaves,
    nodes: &'a mut [u32],
    used: usize,
}

impl Halving<'_> {
    /// The leaves that so many points need at least.
    fn least(&self, points: usize) -> usize {
        points.div_ceil(self.bucket_rows)
    }

    fn grow(&mut self, points: &mut [Point], leaves_max: usize) -> u32 {
        let node = self.used;
        self.used += 1;
        let count = if points.len() <= self.bucket_rows {
            self.leaves.items.extend(points.iter().map(|point| point.row));
            self.leaves.ends.push(self.leaves.items.len() as u32);
            1
        } else {
            let left = self.part(points, leaves_max);
            let all = points.len();
            let (head, tail) = points.split_at_mut(left);
            let (for_head, for_tail) = (self.least(head.len()), self.least(tail.len()));
            let spare = leaves_max - for_head - for_tail;
            let more = spare * head.len() / all;
            self.grow(head, for_head + more) + self.grow(tail, for_tail + spare - more)
        };
        self.nodes[node] = count;
        count
    }

    /// Parts points in two; says how many are in the first. Neither part is empty.
    fn part(&self, points: &mut [Point], leaves_max: usize) -> usize {
        let (lo, hi) = bounds(points);
        let axis = widest(&lo, &hi);
        let middle = 0.5 * lo[axis] + 0.5 * hi[axis];
        let mut left = 0;
        // Swapped in any case: which of them are in front is all that matters, and no branch can foretell the next.
        for at in 0..points.len() {
            points.swap(left, at);
            left += usize::from(points[left].at[axis] < middle);
        }
        let right = points.len() - left;
        if left == 0 || right == 0 || self.least(left) + self.least(right) > leaves_max {
            let pieces = self.least(points.len());
            left = (points.len() * (pieces / 2)).div_ceil(pieces);
            part(points, axis, left);
        }
        left
    }
}

/// The box of some points, a vector of four at a time: in the fourth lane stands the row, which means nothing.
fn bounds(points: &[Point]) -> ([f32; 3], [f32; 3]) {
    let (mut lo, mut hi) = ([[f32::INFINITY; 4]; 2], [[f32::NEG_INFINITY; 4]; 2]);
    let take = |lo: &mut [f32; 4], hi: &mut [f32; 4], point: &Point| {
        let [x, y, z] = point.at;
        let at = [x, y, z, f32::from_bits(point.row)];
        *lo = std::array::from_fn(|lane| lesser(lo[lane], at[lane]));
        *hi = std::array::from_fn(|lane| greater(hi[lane], at[lane]));
    };
    let (pairs, last) = points.as_chunks::<2>();
    for pair in pairs {
        for (number, point) in pair.iter().enumerate() {
            take(&mut lo[number], &mut hi[number], point);
        }
    }
    last.iter().for_each(|point| take(&mut lo[0], &mut hi[0], point));
    (
        std::array::from_fn(|axis| lesser(lo[0][axis], lo[1][axis])),
        std::array::from_fn(|axis| greater(hi[0][axis], hi[1][axis])),
    )
}

#[cfg(test)]
mod tests {
    use super::super::cut::Point;
    use super::super::leaves::Leaves;
    use super::halve;

    fn tree(at: impl Fn(u32) -> f32, rows: u32, bucket_rows: usize, leaves_max: usize) -> (Leaves, Vec<u32>) {
        let mut points: Vec<Point> = (0..rows).map(|row| Point { at: [at(row), 0.0, 0.0], row }).collect();
        let (mut leaves, mut nodes) = (Leaves::default(), vec![0; 2 * leaves_max]);
        halve(&mut points, bucket_rows, leaves_max, &mut leaves, &mut nodes);
        nodes.truncate((2 * leaves.ends.len()).saturating_sub(1));
        (leaves, nodes)
    }

    #[test]
    fn every_point_is_in_one_leaf_of_few_however_they_lie() {
        for how in ["even", "all in one place", "ever further", "at the ends"] {
            let at = |row: u32| match how {
                "even" => row as f32,
                "all in one place" => 1.0,
                "ever further" => f32::from_bits((row / 8) << 23),
                _ => [f32::MIN, f32::MAX][row as usize % 2],
            };
            for (rows, leaves_max) in [(0, 0), (1, 1), (8, 1), (9, 3), (1000, 125), (1000, 252)] {
                let (leaves, nodes) = tree(at, rows, 8, leaves_max);
                assert!(leaves.ends.len() <= leaves_max, "{how}");
                let mut items = leaves.items.clone();
                items.sort_unstable();
                assert!(items.into_iter().eq(0..rows), "{how}");
                let mut start = 0;
                for &end in &leaves.ends {
                    assert!((1..=8).contains(&(end - start)), "{how}");
                    start = end;
                }
                assert_eq!(nodes.first().copied().unwrap_or(0) as usize, leaves.ends.len());
                for at in (0..nodes.len()).filter(|at| nodes[*at] > 1) {
                    assert_eq!(nodes[at + 1] + nodes[at + 2 * nodes[at + 1] as usize], nodes[at], "{how}");
                }
            }
        }
    }

    #[test]
    fn what_lies_far_out_is_parted_off_first() {
        let (leaves, nodes) = tree(|row| if row == 5 { 1e6 } else { row as f32 }, 60, 8, 24);
        assert_eq!(leaves.items.last(), Some(&5));
        assert_eq!(leaves.ends.last().map(|end| end - leaves.ends[leaves.ends.len() - 2]), Some(1));
        assert_eq!(nodes[1], nodes[0] - 1);
    }
}
