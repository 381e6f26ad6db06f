//! Where a block's neighbours can be: its box, widened, and on a torus what of it lies behind the seam.

use diptych_protocol::space::{Edge, Space};

/// Along each axis one interval, and on a torus perhaps a second one at the opposite side. No image of a coordinate is
/// made: an interval is moved by the side, with room for the rounding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window<const K: usize> {
    lo: [f32; K],
    hi: [f32; K],
    /// How far it goes beyond the box.
    room: [f32; K],
    /// Whether there is a second interval along any axis.
    seam: bool,
    seam_lo: [f32; K],
    seam_hi: [f32; K],
}

impl<const K: usize> Window<K> {
    /// Everything that passes the exact test `sum of delta^2 <= reach^2`, in `f32`, with any point of a box is within
    /// the box's window.
    pub fn new(space: &Space, lo: &[f32; 3], hi: &[f32; 3], reach: f32) -> Self {
        // Squares below the smallest normal number lose their bits, so tiny distances may pass as equal; a square that
        // overflows lets everything pass. Else the test's own rounding is a few parts in 2^24.
        let reach = reach.abs();
        let reach = if (reach * reach).is_finite() { reach.max(1e-18) * (1.0 + 1e-6) } else { f32::INFINITY };
        let mut window = Self {
            lo: [0.0; K],
            hi: [0.0; K],
            room: [0.0; K],
            seam: false,
            seam_lo: [f32::INFINITY; K],
            seam_hi: [f32::NEG_INFINITY; K],
        };
        for axis in 0..K {
            let torus = space.edge == Edge::Torus;
            let (edge_lo, edge_hi) = if torus { (space.lo[axis], space.hi[axis]) } else { (0.0, 0.0) };
            let size = lo[axis].abs().max(hi[axis].abs()).max(edge_lo.abs()).max(edge_hi.abs()) + reach;
            // `delta` rounds twice, the sums here three times, each by half an ULP of at most 3 sizes.
            let room = reach + 16.0 * f32::EPSILON * size;
            window.room[axis] = room;
            let (from, to) = (lo[axis] - room, hi[axis] + room);
            window.lo[axis] = from;
            window.hi[axis] = to;
            if torus && (from < edge_lo || to >= edge_hi) {
                let side = space.side(axis);
                if to - from >= side || (from < edge_lo && to >= edge_hi) {
                    window.lo[axis] = f32::NEG_INFINITY;
                    window.hi[axis] = f32::INFINITY;
                } else if from < edge_lo {
                    window.seam = true;
                    window.seam_lo[axis] = from + side;
                    window.seam_hi[axis] = f32::INFINITY;
                } else {
                    window.seam = true;
                    window.seam_lo[axis] = f32::NEG_INFINITY;
                    window.seam_hi[axis] = to - side;
                }
            }
        }
        window
    }

    /// Its intervals along an axis: that around the box, and perhaps a second one, behind the seam.
    #[inline]
    pub fn intervals(&self, axis: usize) -> ((f32, f32), Option<(f32, f32)>) {
        let seam = (self.seam_lo[axis], self.seam_hi[axis]);
        ((self.lo[axis], self.hi[axis]), (seam.0 <= seam.1).then_some(seam))
    }

    /// How far it goes beyond the box along an axis, if it has but the one interval there: then the same room around a part
    /// of the box is a window of that part.
    pub fn room(&self, axis: usize) -> Option<f32> {
        let one = self.seam_lo[axis] > self.seam_hi[axis] && self.lo[axis] > f32::NEG_INFINITY;
        one.then_some(self.room[axis])
    }

    /// Whether a box has a part in it.
    #[inline(always)]
    pub fn meets(&self, lo: &[f32], hi: &[f32]) -> bool {
        let mut meets = true;
        for axis in 0..K {
            meets &= ((lo[axis] <= self.hi[axis]) & (hi[axis] >= self.lo[axis]))
                | ((lo[axis] <= self.seam_hi[axis]) & (hi[axis] >= self.seam_lo[axis]));
        }
        meets
    }

    /// Clears the mark of each box that has no part in it along one axis. Points are boxes whose lows are their highs.
    #[inline(always)]
    pub fn mark_axis(&self, axis: usize, lo: &[f32], hi: &[f32], marks: &mut [u8]) {
        let (from, to) = (self.lo[axis], self.hi[axis]);
        let (seam_from, seam_to) = (self.seam_lo[axis], self.seam_hi[axis]);
        if self.seam {
            for ((mark, &lo), &hi) in marks.iter_mut().zip(lo).zip(hi) {
                *mark &= u8::from(((lo <= to) & (hi >= from)) | ((lo <= seam_to) & (hi >= seam_from)));
            }
        } else {
            for ((mark, &lo), &hi) in marks.iter_mut().zip(lo).zip(hi) {
                *mark &= u8::from((lo <= to) & (hi >= from));
            }
        }
    }

    /// Which of 64 boxes have a part in it: a bit each. They are given by their sides, an axis each.
    #[inline(always)]
    pub fn met(&self, lo: [&[f32; 64]; K], hi: [&[f32; 64]; K]) -> u64 {
        let mut marks = [1u8; 64];
        for axis in 0..K {
            self.mark_axis(axis, lo[axis], hi[axis], &mut marks);
        }
        bits(&marks)
    }

    /// Whether a box is in it as a whole.
    #[inline(always)]
    pub fn holds(&self, lo: &[f32; K], hi: &[f32; K]) -> bool {
        let mut holds = true;
        for axis in 0..K {
            holds &= ((lo[axis] >= self.lo[axis]) & (hi[axis] <= self.hi[axis]))
                | ((lo[axis] >= self.seam_lo[axis]) & (hi[axis] <= self.seam_hi[axis]));
        }
        holds
    }

    /// Which of 64 points are in it: a bit each.
    #[inline(always)]
    pub fn inside(&self, at: &[[f32; 64]; K]) -> u64 {
        let mut marks = [1u8; 64];
        for (axis, at) in at.iter().enumerate() {
            self.mark_axis(axis, at, at, &mut marks);
        }
        bits(&marks)
    }

    /// Whether from any point of the box it was made of to any point in it the straight way is the shortest: it has no
    /// part behind a seam, and is less than half a side away.
    pub fn straight(&self, space: &Space, lo: &[f32; 3], hi: &[f32; 3]) -> bool {
        space.edge != Edge::Torus
            || (!self.seam
                && (0..K).all(|axis| {
                    let half = 0.5 * space.side(axis);
                    self.hi[axis] - lo[axis] <= half && hi[axis] - self.lo[axis] <= half
                }))
    }
}

/// 64 marks of 0 or 1 as a bit each.
#[inline(always)]
pub(super) fn bits(marks: &[u8; 64]) -> u64 {
    let (words, _) = marks.as_chunks::<8>();
    // Eight bytes to eight bits: the product brings byte i to bit 56 + i, and nothing else there.
    let bits = words.iter().map(|&word| u64::from_le_bytes(word).wrapping_mul(0x0102_0408_1020_4080) >> 56);
    bits.enumerate().fold(0, |mask, (i, bits)| mask | (bits << (8 * i)))
}
