//! Boxes around stretches of rows, fitted anew as these move. What they are for: [`Stretches`](super::stretches::Stretches).

use diptych_protocol::id::RowRange;
use diptych_protocol::kd_view::{HighStretches, LowStretches};
use diptych_protocol::limits::{STRETCH_FAN, STRETCH_ROWS};

use super::cut::{greater, lesser};
use crate::wide::wide;

const ROWS: usize = STRETCH_ROWS as usize;
const FAN: usize = STRETCH_FAN as usize;

/// Fits the boxes of the two lowest levels around the rows of a batch, whose positions are checked: none is NaN.
pub fn refit(positions: &[&[f32]], rows: RowRange, low: LowStretches<'_>) {
    let LowStretches { mut fine, mut coarse } = low;
    let axes = positions.len();
    wide(
        #[inline(always)]
        || {
            for (axis, column) in positions.iter().enumerate() {
                let values = &column[rows.indices()];
                bounds::<ROWS>(values, fine[axis], lesser);
                bounds::<ROWS>(values, fine[axes + axis], greater);
            }
            for (side, (fine, coarse)) in fine.iter_mut().zip(&mut coarse).take(2 * axes).enumerate() {
                raise(fine, coarse, side < axes);
            }
        },
    );
}

/// Fits those of all levels above.
pub fn refit_above(axes: usize, high: HighStretches<'_>) {
    let HighStretches { levels, mut sides } = high;
    // The arrays begin with the second lowest level.
    let place = |level: usize| levels.start(level) - levels.start(1);
    for (side, boxes) in sides.iter_mut().take(2 * axes).enumerate() {
        for level in 2..levels.count() {
            let (below, above) = boxes.split_at_mut(place(level));
            let below = &below[place(level - 1)..][..levels.boxes(level - 1) as usize];
            raise(below, &mut above[..levels.boxes(level) as usize], side < axes);
        }
    }
}

/// One side of the boxes around boxes.
#[inline(always)]
fn raise(below: &[f32], above: &mut [f32], low: bool) {
    if low {
        bounds::<FAN>(below, above, lesser);
    } else {
        bounds::<FAN>(below, above, greater);
    }
}

/// The outermost of every so many values, and of those that are left.
#[inline(always)]
fn bounds<const N: usize>(values: &[f32], outermost: &mut [f32], further: impl Fn(f32, f32) -> f32) {
    let (whole, rest) = values.as_chunks::<N>();
    for (outermost, values) in outermost.iter_mut().zip(whole) {
        // By halves: one after another each would wait for the one before.
        let (mut values, mut half) = (*values, N / 2);
        while half > 0 {
            for i in 0..half {
                values[i] = further(values[i], values[i + half]);
            }
            half /= 2;
        }
        *outermost = values[0];
    }
    if let (Some(last), Some((first, others))) = (outermost.get_mut(whole.len()), rest.split_first()) {
        *last = others.iter().fold(*first, |bound, value| further(bound, *value));
    }
}
