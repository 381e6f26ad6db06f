//! Positions of `f64`, rounded for the tree.

use diptych_protocol::space::{Edge, Space};

/// Rounds to the nearest `f32`. A coordinate below the far edge of a torus stays below it; one that no index can hold
/// stays so.
pub fn round(space: &Space, axis: usize, positions: &[f64], rounded: &mut [f32]) {
    let hi = space.hi[axis];
    for (x, rounded) in positions.iter().zip(rounded) {
        *rounded = *x as f32;
        if space.edge == Edge::Torus && *x < f64::from(hi) && *rounded >= hi {
            *rounded = hi.next_down();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inside_of_a_torus_stays_inside() {
        let space = Space { edge: Edge::Torus, dimensions: 1, lo: [0.0; 3], hi: [10.0, 0.0, 0.0] };
        let mut rounded = [0.0; 4];
        round(&space, 0, &[9.999_999_999_9, 10.0, 0.1, f64::NAN], &mut rounded);
        assert_eq!(rounded[..3], [10f32.next_down(), 10.0, 0.1]);
        assert!(rounded[3].is_nan());
    }
}
