//! Points that are hard on an index.

use diptych_protocol::space::{Edge, Space};

/// A stream of numbers that a seed fixes.
pub struct Draws(pub u64);

impl Draws {
    pub fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    pub fn below(&mut self, limit: usize) -> usize {
        ((self.unit() * limit as f32) as usize).min(limit - 1)
    }
}

/// How points lie, by their share of the side.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Uniform,
    Clustered,
    Collinear,
    AllEqual,
    FewValues,
    SeamAndCorners,
    Lattice,
}

pub const KINDS: [Kind; 7] = [
    Kind::Uniform,
    Kind::Clustered,
    Kind::Collinear,
    Kind::AllEqual,
    Kind::FewValues,
    Kind::SeamAndCorners,
    Kind::Lattice,
];

/// Positions, an axis a column, all within `lo .. hi` of the space (of an open one: of the numbers given).
pub fn points(kind: Kind, rows: usize, space: &Space, lo: f32, hi: f32, seed: u64) -> Vec<Vec<f32>> {
    let mut draws = Draws(seed);
    let axes = usize::from(space.dimensions);
    let mut columns = vec![vec![]; axes];
    for row in 0..rows {
        let line = draws.unit();
        let centre = draws.below(5) as f32 * 0.2 + 0.1;
        for (axis, column) in columns.iter_mut().enumerate() {
            let share = match kind {
                Kind::Uniform => draws.unit(),
                Kind::Clustered => centre + (draws.unit() - 0.5) * (draws.unit() - 0.5) * 0.1,
                Kind::Collinear => {
                    if axis + 1 == axes {
                        line
                    } else {
                        0.25
                    }
                }
                Kind::AllEqual => 0.5,
                Kind::FewValues => draws.below(3) as f32 / 3.0,
                Kind::SeamAndCorners => match draws.below(4) {
                    0 => 0.0,
                    1 => 1.0,
                    2 => draws.unit() * 1e-3,
                    _ => 1.0 - draws.unit() * 1e-3,
                },
                Kind::Lattice => ((row >> (axis * 4)) % 16) as f32 / 16.0,
            };
            let mut x = lo + share * (hi - lo);
            if space.edge == Edge::Torus {
                x = space.place(axis, x);
                if share == 1.0 {
                    // The last number before the seam.
                    x = space.hi[axis].next_down();
                }
            }
            column.push(x);
        }
    }
    columns
}

pub fn slices(columns: &[Vec<f32>]) -> Vec<&[f32]> {
    columns.iter().map(Vec::as_slice).collect()
}

pub fn space(edge: Edge, axes: usize, lo: f32, hi: f32) -> Space {
    let mut space = Space { edge, dimensions: axes as u8, lo: [0.0; 3], hi: [0.0; 3] };
    if edge != Edge::Open {
        space.lo[..axes].fill(lo);
        space.hi[..axes].fill(hi);
    }
    space
}

/// The exact test of a pair.
pub fn near(space: &Space, columns: &[Vec<f32>], own: usize, other: usize, reach: f32) -> bool {
    let mut sum = 0.0;
    for (axis, column) in columns.iter().enumerate() {
        let d = space.delta(axis, column[own], column[other]);
        sum += d * d;
    }
    sum <= reach * reach
}
