//! Points with their rows, and the one way they are parted: along the widest axis, equal coordinates by row.

use std::cmp::Ordering;
use std::ops::Range;

use diptych_protocol::limits::KD_BUCKETS;

use crate::wide::wide;

/// The most points that are cut in order.
pub(super) const BUCKET_ROWS_MAX: usize = KD_BUCKETS[KD_BUCKETS.len() - 1] as usize;

/// How often a number between two halves is looked for.
const BOUNDS_MAX: u32 = 10;

/// A position and whose it is.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Point {
    /// The coordinates; unused axes are 0.
    pub at: [f32; 3],
    /// The row.
    pub row: u32,
}

/// A number that orders like a coordinate ([`f32::total_cmp`]).
#[inline(always)]
pub(super) fn ordered(coordinate: f32) -> u32 {
    let bits = coordinate.to_bits();
    // Flips all bits of negative numbers, whose magnitudes count downwards, and the sign of the others.
    bits ^ ((bits.cast_signed() >> 31).cast_unsigned() | 1 << 31)
}

/// A coordinate and a row in one number, ordered by coordinate, then row.
#[inline(always)]
pub(super) fn key(coordinate: f32, row: u32) -> u64 {
    u64::from(ordered(coordinate)) << 32 | u64::from(row)
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

/// The least and the greatest of values, NaN left out.
#[inline(always)]
pub(crate) fn extent(values: &[f32]) -> (f32, f32) {
    const LANES: usize = 8;
    let (mut lo, mut hi) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    let mut take = |values: &[f32]| {
        for ((lo, hi), value) in lo.iter_mut().zip(&mut hi).zip(values) {
            (*lo, *hi) = (lesser(*lo, *value), greater(*hi, *value));
        }
    };
    // Several at a time: comparing one after another would wait for each. Some of the last are seen twice.
    values.as_chunks::<LANES>().0.iter().for_each(|whole| take(whole));
    match values.last_chunk::<LANES>() {
        Some(last) => take(last),
        None => take(values),
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            (lo[lane], hi[lane]) = (lesser(lo[lane], lo[lane + half]), greater(hi[lane], hi[lane + half]));
        }
        half /= 2;
    }
    (lo[0], hi[0])
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

/// Room to cut one bucket in: its points side by side.
pub(super) struct Bucket<const K: usize> {
    at: [[f32; BUCKET_ROWS_MAX]; K],
    goes: [bool; BUCKET_ROWS_MAX],
    spare_places: [u32; BUCKET_ROWS_MAX],
    spare_at: [f32; BUCKET_ROWS_MAX],
}

impl<const K: usize> Default for Bucket<K> {
    fn default() -> Self {
        Self {
            at: [[0.0; BUCKET_ROWS_MAX]; K],
            goes: [false; BUCKET_ROWS_MAX],
            spare_places: [0; BUCKET_ROWS_MAX],
            spare_at: [0.0; BUCKET_ROWS_MAX],
        }
    }
}

impl<const K: usize> Bucket<K> {
    /// Cuts points into the pieces that [`cut`] does, and keeps the order in each piece. `places` says where each of them
    /// stands, ascending.
    pub fn cut(&mut self, points: &[[f32; K]], places: &mut [u32], pieces: usize) {
        for (number, place) in places.iter().enumerate() {
            for (at, x) in self.at.iter_mut().zip(points[*place as usize]) {
                at[number] = x;
            }
        }
        self.cut_part(places, 0, pieces);
    }

    /// Cuts those from a number on.
    fn cut_part(&mut self, places: &mut [u32], start: usize, pieces: usize) {
        if pieces <= 1 {
            return;
        }
        let (len, left) = (places.len(), left_of(places.len(), pieces));
        let at = self.at.each_ref().map(|at| &at[start..start + len]);
        let (values, bound) = wide(
            #[inline(always)]
            || {
                let (mut lo, mut hi) = ([0.0; 3], [0.0; 3]);
                for axis in 0..K {
                    (lo[axis], hi[axis]) = extent(at[axis]);
                }
                let axis = widest(&lo, &hi);
                (at[axis], bound(at[axis], lo[axis], hi[axis], left))
            },
        );
        let goes = &mut self.goes[..len];
        match bound {
            Some(bound) => goes.iter_mut().zip(values).for_each(|(goes, value)| *goes = *value < bound),
            None => {
                let mut keys = [0; BUCKET_ROWS_MAX];
                let keys = &mut keys[..len];
                let own = |(value, place): (&f32, &u32)| key(*value, *place);
                keys.iter_mut().zip(values.iter().zip(&*places).map(own)).for_each(|(to, key)| *to = key);
                let middle = *keys.select_nth_unstable(left).1;
                goes.iter_mut().zip(values.iter().zip(&*places).map(own)).for_each(|(goes, key)| *goes = key < middle);
            }
        }
        part_in_order(places, &mut self.spare_places, goes);
        if pieces > 2 {
            for at in &mut self.at {
                part_in_order(&mut at[start..start + len], &mut self.spare_at, goes);
            }
            let (head, tail) = places.split_at_mut(left);
            self.cut_part(head, start, pieces / 2);
            self.cut_part(tail, start + left, pieces - pieces / 2);
        }
    }
}

/// A number that so many of some values are below, if one is soon found: where they are spread evenly, after a few looks.
#[inline(always)]
fn bound(values: &[f32], mut lo: f32, mut hi: f32, count: usize) -> Option<f32> {
    let (mut below_lo, mut below_hi) = (0, values.len());
    for _ in 0..BOUNDS_MAX {
        // Where it were if they were, but off the ends, so that each look tells something.
        let share = (count - below_lo) as f32 / (below_hi - below_lo) as f32;
        let bound = lo + (hi - lo) * share.clamp(0.1, 0.9);
        let below = values.iter().map(|value| u32::from(*value < bound)).sum::<u32>() as usize;
        match below.cmp(&count) {
            Ordering::Equal => return Some(bound),
            Ordering::Less => (lo, below_lo) = (bound, below),
            Ordering::Greater => (hi, below_hi) = (bound, below),
        }
    }
    None
}

/// Brings those to the front that go there; the order of both parts stays.
fn part_in_order<T: Copy>(items: &mut [T], spare: &mut [T], goes: &[bool]) {
    let mut left = 0;
    for (number, goes) in goes.iter().enumerate() {
        let item = items[number];
        items[left] = item;
        spare[number - left] = item;
        left += usize::from(*goes);
    }
    let right = goes.len() - left;
    items[left..].copy_from_slice(&spare[..right]);
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
    use super::{Bucket, Point, cut, extent, key};

    #[test]
    fn pieces_in_order_are_those_that_are_cut_in_none() {
        let mut bucket = Bucket::default();
        for kind in 0..4 {
            for rows in [1, 2, 16, 17, 33, 52, 64, 300, 512] {
                let at = |place: u32| {
                    let mixed = place.wrapping_mul(2_654_435_761) >> 8;
                    match kind {
                        0 => [mixed as f32, (mixed % 977) as f32],
                        1 => [(mixed % 3) as f32, 1.0],
                        2 => [-1.0, -1.0],
                        _ => [f32::from_bits(mixed), [-0.0, 0.0][place as usize % 2]],
                    }
                };
                let points: Vec<[f32; 2]> = (0..2 * rows).map(at).collect();
                let mut places: Vec<u32> = (0..2 * rows).step_by(2).collect();
                let pieces = places.len().div_ceil(16);
                let of = |place: &u32| Point { at: [at(*place)[0], at(*place)[1], 0.0], row: *place };
                let mut unordered: Vec<Point> = places.iter().map(of).collect();
                bucket.cut(&points, &mut places, pieces);
                cut(&mut unordered, 0, pieces, &mut |piece, range| {
                    let mut rows: Vec<u32> = piece.iter().map(|point| point.row).collect();
                    rows.sort_unstable();
                    assert_eq!(places[range], rows, "{kind}, {pieces} pieces");
                });
            }
        }
    }

    #[test]
    fn extents_are_those_of_all_values() {
        let values: Vec<f32> = (0..40u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 - 8e6).collect();
        for count in 0..values.len() {
            let values = &values[..count];
            let fold = |from, f: fn(f32, f32) -> f32| values.iter().copied().fold(from, f);
            assert_eq!(extent(values), (fold(f32::INFINITY, f32::min), fold(f32::NEG_INFINITY, f32::max)));
        }
        assert_eq!(extent(&[f32::NAN, 2.0, f32::NAN]), (2.0, 2.0));
    }

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
