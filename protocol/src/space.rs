//! The space that positions live in, and its arithmetic: the shortest way from one row to another.

use serde::{Deserialize, Serialize};

/// What happens at the edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Edge {
    /// There is none.
    Open,
    /// Walls: [`Space::place`] clamps to them.
    Box,
    /// Each side is glued to the opposite one: positions lie in `lo <= x < hi`.
    Torus,
}

/// A space of one to three dimensions.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Space {
    /// What happens at the edge.
    pub edge: Edge,
    /// 1, 2 or 3.
    pub dimensions: u8,
    /// The low corner; unused lanes are 0. Meaningless for an open space.
    pub lo: [f32; 3],
    /// The high corner.
    pub hi: [f32; 3],
}

impl Default for Space {
    fn default() -> Self {
        Self::open(2)
    }
}

impl Space {
    /// A space without edges.
    pub fn open(dimensions: u8) -> Self {
        Self { edge: Edge::Open, dimensions, lo: [0.0; 3], hi: [0.0; 3] }
    }

    /// The length of a side.
    pub fn side(&self, axis: usize) -> f32 {
        self.hi[axis] - self.lo[axis]
    }

    /// The other's coordinate minus the own one, along one axis. On a torus the shortest of d, d - L, d + L is
    /// selected; coordinates themselves are never shifted, so that the pair's two deltas are exact opposites.
    #[inline(always)]
    pub fn delta(&self, axis: usize, own: f32, other: f32) -> f32 {
        let d = other - own;
        if self.edge == Edge::Torus {
            let side = self.side(axis);
            let half = 0.5 * side;
            if d > half {
                d - side
            } else if d < -half {
                d + side
            } else {
                d
            }
        } else {
            d
        }
    }

    /// As [`Self::delta`], of coordinates in `f64`.
    #[inline(always)]
    pub fn delta_f64(&self, axis: usize, own: f64, other: f64) -> f64 {
        let d = other - own;
        if self.edge != Edge::Torus {
            return d;
        }
        let side = f64::from(self.hi[axis]) - f64::from(self.lo[axis]);
        if d > 0.5 * side {
            d - side
        } else if d < -0.5 * side {
            d + side
        } else {
            d
        }
    }

    /// Brings one coordinate back into the space: wraps on a torus, clamps in a box, leaves an open space alone.
    /// A coordinate that has gone around more than once is wrapped whole; NaN and infinity stay (the index stage
    /// blames them).
    #[inline(always)]
    pub fn place(&self, axis: usize, x: f32) -> f32 {
        let (lo, hi) = (self.lo[axis], self.hi[axis]);
        match self.edge {
            Edge::Open => x,
            Edge::Box => {
                if x < lo {
                    lo
                } else if x > hi {
                    hi
                } else {
                    x
                }
            }
            Edge::Torus => {
                if x >= lo && x < hi {
                    return x;
                }
                let side = hi - lo;
                let mut y = x - side * libm::floorf((x - lo) / side);
                // Rounding may leave a coordinate on the seam's far side or a hair below the near one.
                if y >= hi {
                    y = lo;
                }
                if y < lo {
                    y = lo;
                }
                y
            }
        }
    }

    /// The least and the greatest coordinate that may stand in a column that an index is built over.
    #[inline(always)]
    pub fn held(&self, axis: usize) -> [f32; 2] {
        match self.edge {
            Edge::Torus => [self.lo[axis], self.hi[axis].next_down()],
            Edge::Open | Edge::Box => [-f32::MAX, f32::MAX],
        }
    }

    /// Whether a coordinate may stand there: no NaN may.
    #[inline(always)]
    pub fn holds(&self, axis: usize, x: f32) -> bool {
        let [least, greatest] = self.held(axis);
        (least <= x) & (x <= greatest)
    }
}
