//! Points with their rows, and the one way they are parted: along the widest axis, equal coordinates by row.

use std::ops::Range;

/// A position and whose it is.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Point {
    /// The coordinates; unused axes are 0.
    pub at: [f32; 3],
    /// The row.
    pub row: u32,
}

/// A coordinate and a row in one number, ordered by coordinate ([`f32::total_cmp`]), then row.
#[inline(always)]
pub(super) fn key(coordinate: f32, row: u32) -> i64 {
    let bits = coordinate.to_bits().cast_signed();
    // Flips the magnitude of negative numbers: their bits count downwards.
    let ordered = bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed();
    (i64::from(ordered) << 32) | i64::from(row)
}

/// The lesser of two numbers, one instruction: unlike [`f32::min`] it has no NaN to look out for.
#[inline(always)]
pub(crate) fn lesser(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// The greater of two numbers.
#[inline(always)]
pub(crate) fn greater(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The box of some points: lows and highs.
#[inline]
pub(super) fn bounds(points: &[Point]) -> ([f32; 3], [f32; 3]) {
    let mut lo = [f32::INFINITY; 3];
    let mut hi = [f32::NEG_INFINITY; 3];
    for point in points {
        for axis in 0..3 {
            lo[axis] = lesser(lo[axis], point.at[axis]);
            hi[axis] = greater(hi[axis], point.at[axis]);
        }
    }
    (lo, hi)
}

/// The axis along which a box is longest; the lowest of equals.
#[inline]
pub(super) fn widest(lo: &[f32; 3], hi: &[f32; 3]) -> usize {
    let mut best = 0;
    for axis in 1..3 {
        if hi[axis] - lo[axis] > hi[best] - lo[best] {
            best = axis;
        }
    }
    best
}

/// Brings the `left` first points along an axis to the front.
pub(super) fn part(points: &mut [Point], axis: usize, left: usize) {
    if left < points.len() {
        points.select_nth_unstable_by_key(left, |point| key(point.at[axis], point.row));
    }
}

/// Cuts points into `pieces` of equal size (or one less), each compact, and calls `f` with each piece's place.
pub(super) fn cut(points: &mut [Point], start: usize, pieces: usize, f: &mut impl FnMut(&mut [Point], Range<usize>)) {
    if pieces <= 1 {
        let range = start..start + points.len();
        f(points, range);
        return;
    }
    let left_pieces = pieces / 2;
    let left = left_of(points.len(), pieces);
    let (lo, hi) = bounds(points);
    part(points, widest(&lo, &hi), left);
    let (head, tail) = points.split_at_mut(left);
    cut(head, start, left_pieces, f);
    cut(tail, start + left, pieces - left_pieces, f);
}

/// Calls `f` with the places that [`cut`] cuts so many points at.
pub(super) fn places(range: Range<usize>, pieces: usize, f: &mut impl FnMut(Range<usize>)) {
    if pieces <= 1 {
        f(range);
        return;
    }
    let (left_pieces, middle) = (pieces / 2, range.start + left_of(range.len(), pieces));
    places(range.start..middle, left_pieces, f);
    places(middle..range.end, pieces - left_pieces, f);
}

/// How many of so many points the first half of the pieces has.
fn left_of(points: usize, pieces: usize) -> usize {
    (points * (pieces / 2)).div_ceil(pieces)
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn keys_order_like_total_cmp_then_row() {
        let values = [f32::NEG_INFINITY, -f32::MAX, -1.5, -f32::MIN_POSITIVE, -0.0, 0.0, 1e-40, 1.0, f32::INFINITY];
        for a in values {
            for b in values {
                for (row_a, row_b) in [(0, 0), (0, 1), (u32::MAX, 0), (7, u32::MAX)] {
                    assert_eq!(key(a, row_a).cmp(&key(b, row_b)), a.total_cmp(&b).then(row_a.cmp(&row_b)));
                }
            }
        }
    }
}
