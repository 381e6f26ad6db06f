//! From the space to the canvas: what part of it is seen, and from where.

use diptych_protocol::math;
use diptych_protocol::program::Scene;
use diptych_protocol::space::{Edge, Space};

/// Points that the extent of an open space is found from.
const SAMPLE: usize = 1 << 16;

/// From where a space of three dimensions is looked at, seen from its middle, if nothing is said.
const CAMERA: [f64; 3] = [0.62, -1.0, 0.52];

/// How far the camera is, in half diagonals of what is seen.
const FAR: f64 = 4.0;

/// A part of the space.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Stretch {
    pub(super) low: [f64; 3],
    pub(super) high: [f64; 3],
}

impl Stretch {
    pub(super) fn side(&self, axis: usize) -> f64 {
        self.high[axis] - self.low[axis]
    }

    fn middle(&self) -> [f64; 3] {
        std::array::from_fn(|axis| 0.5 * (self.low[axis] + self.high[axis]))
    }

    /// Whether it has an extent along each of so many axes.
    fn makes_sense(&self, dimensions: usize) -> bool {
        (0..dimensions).all(|axis| self.side(axis) > 0.0 && self.side(axis).is_finite())
    }

    /// What of a space is seen that has edges, or of which it is said; nothing of one that is open.
    pub(super) fn said(space: &Space, scene: &Scene, dimensions: usize) -> Option<Self> {
        let edges = || Self { low: space.lo.map(f64::from), high: space.hi.map(f64::from) };
        let said = match scene.view {
            Some([low, high]) => Some(Self { low, high }),
            // Points may be put elsewhere.
            None => (space.edge != Edge::Open && usize::from(space.dimensions) == dimensions).then(edges),
        };
        said.filter(|it| it.makes_sense(dimensions))
    }

    /// All but a few of some points: a cube that grows in steps, so that what is seen moves seldom while points do.
    pub(super) fn around(points: &[[f64; 3]], dimensions: usize) -> Self {
        let step = points.len().div_ceil(SAMPLE).max(1);
        let mut ends = [[0.0; 2]; 3];
        for (axis, ends) in ends.iter_mut().enumerate().take(dimensions) {
            let mut all: Vec<f64> = points.iter().step_by(step).map(|point| point[axis]).collect();
            all.retain(|at| at.is_finite());
            all.sort_unstable_by(f64::total_cmp);
            if let (Some(last), few) = (all.len().checked_sub(1), all.len() / 50) {
                *ends = [all[few.min(last)], all[last - few.min(last)]];
            }
        }
        let half = ends.iter().map(|[low, high]| 0.5 * (high - low)).fold(0.0, f64::max);
        let size = ends.iter().flatten().map(|end| end.abs()).fold(0.0, f64::max);
        // Room for what moves the middle, and around.
        let half = if half > 1e-9 * size { 1.3 * half } else { 0.5f64.max(size) };
        let half = math::pow(1.25, math::ceil(math::ln(half) / math::ln(1.25)));
        let middle = ends.map(|[low, high]| math::round(0.5 * (low + high) / (0.25 * half)) * 0.25 * half);
        Self { low: middle.map(|at| at - half), high: middle.map(|at| at + half) }
    }
}

/// Where a point is on the canvas: pixels, and how far away, from -1 (near) to 1.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Seen {
    pub(super) at: [f32; 2],
    pub(super) far: f32,
    /// Pixels of a unit of the space there.
    pub(super) unit: f32,
}

/// What brings points of the space to the canvas.
#[derive(Clone, Debug)]
pub(super) enum Camera {
    /// From above.
    Flat { stretch: Stretch, left: f64, bottom: f64, unit: [f64; 2] },
    /// From a point.
    Deep { middle: [f64; 3], axes: [[f64; 3]; 3], half: f64, centre: [f64; 2], shift: [f64; 2], unit: f64 },
}

impl Camera {
    /// A flat one, for an area of the canvas with this corner and size.
    pub(super) fn flat(stretch: Stretch, [left, top]: [f64; 2], [width, height]: [f64; 2]) -> Self {
        let unit = [width / stretch.side(0), height / stretch.side(1)];
        Camera::Flat { stretch, left, bottom: top + height, unit }
    }

    /// One that sees all of a stretch from somewhere.
    pub(super) fn deep(
        stretch: &Stretch,
        from: Option<[f64; 3]>,
        [left, top]: [f64; 2],
        [width, height]: [f64; 2],
    ) -> Self {
        let from = from.filter(|from| from.iter().any(|lane| *lane != 0.0)).unwrap_or(CAMERA);
        let ahead = unit(from.map(|lane| -lane));
        // Up is z, where one does not look along it.
        let up = if ahead[0].abs() + ahead[1].abs() > 1e-6 { [0.0, 0.0, 1.0] } else { [0.0, 1.0, 0.0] };
        let right = unit(cross(ahead, up));
        let axes = [right, cross(right, ahead), ahead];
        let half = 0.5 * math::sqrt((0..3).map(|axis| stretch.side(axis) * stretch.side(axis)).sum::<f64>());
        let centre = [left + 0.5 * width, top + 0.5 * height];
        let mut camera =
            Camera::Deep { middle: stretch.middle(), axes, half, centre: [0.0; 2], shift: [0.0; 2], unit: 1.0 };
        // So large that its corners just fit.
        let corners = corners(stretch).map(|corner| camera.see(corner).at.map(f64::from));
        let ends = |lane: usize| {
            let all = corners.iter().map(|corner| corner[lane]);
            all.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], at| [low.min(at), high.max(at)])
        };
        let ([a, b], [c, d]) = (ends(0), ends(1));
        let fits = (width / (b - a)).min(height / (d - c));
        if let Camera::Deep { unit, shift, centre: place, .. } = &mut camera {
            (*unit, *place, *shift) = (fits, centre, [0.5 * (a + b), 0.5 * (c + d)]);
        }
        camera
    }

    /// Where a point is seen.
    pub(super) fn see(&self, point: [f64; 3]) -> Seen {
        match self {
            Camera::Flat { stretch, left, bottom, unit } => Seen {
                at: [
                    (left + (point[0] - stretch.low[0]) * unit[0]) as f32,
                    (bottom - (point[1] - stretch.low[1]) * unit[1]) as f32,
                ],
                far: 0.0,
                unit: unit[0] as f32,
            },
            Camera::Deep { middle, axes, half, centre, shift, unit } => {
                let from: [f64; 3] = std::array::from_fn(|axis| point[axis] - middle[axis]);
                let [x, y, z] = axes.map(|axis| dot(axis, from));
                let near = FAR / (FAR + z / half).max(0.2);
                Seen {
                    at: [
                        (centre[0] + (x * near - shift[0]) * unit) as f32,
                        (centre[1] + (-y * near - shift[1]) * unit) as f32,
                    ],
                    far: (z / half) as f32,
                    unit: (near * unit) as f32,
                }
            }
        }
    }
}

/// The corners of a stretch: bit k of their number says which end of axis k.
pub(super) fn corners(stretch: &Stretch) -> [[f64; 3]; 8] {
    std::array::from_fn(|corner| {
        std::array::from_fn(|axis| if corner >> axis & 1 == 0 { stretch.low[axis] } else { stretch.high[axis] })
    })
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn unit(a: [f64; 3]) -> [f64; 3] {
    let long = math::sqrt(dot(a, a));
    a.map(|lane| lane / long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flat_camera_has_y_upwards() {
        let stretch = Stretch { low: [-1.0, 0.0, 0.0], high: [3.0, 2.0, 0.0] };
        let camera = Camera::flat(stretch, [10.0, 20.0], [400.0, 200.0]);
        assert_eq!(camera.see([-1.0, 0.0, 0.0]).at, [10.0, 220.0]);
        assert_eq!(camera.see([3.0, 2.0, 0.0]).at, [410.0, 20.0]);
    }

    #[test]
    fn the_deep_camera_sees_all_corners_and_which_are_near() {
        let stretch = Stretch { low: [0.0; 3], high: [2.0, 3.0, 4.0] };
        for from in [None, Some([0.0, 0.0, 1.0]), Some([0.0; 3]), Some([-3.0, 1.0, 0.1])] {
            let camera = Camera::deep(&stretch, from, [10.0, 20.0], [300.0, 300.0]);
            let seen = corners(&stretch).map(|corner| camera.see(corner));
            let within = |it: &Seen| (9.9..310.1).contains(&it.at[0]) && (19.9..320.1).contains(&it.at[1]);
            assert!(seen.iter().all(within), "{from:?}: {seen:?}");
        }
        let camera = Camera::deep(&stretch, Some([0.0, -1.0, 0.0]), [0.0; 2], [300.0, 300.0]);
        assert!(camera.see([1.0, 0.0, 2.0]).far < camera.see([1.0, 3.0, 2.0]).far);
        assert!(camera.see([0.0, 0.0, 4.0]).at[1] < camera.see([0.0, 0.0, 0.0]).at[1]);
    }

    #[test]
    fn what_is_seen_of_an_open_space_moves_in_steps() {
        let cloud = |shift: f64| -> Vec<[f64; 3]> {
            (0..1000).map(|at| [f64::from(at % 32) + shift, f64::from(at / 32), 0.0]).collect()
        };
        let seen = Stretch::around(&cloud(0.0), 2);
        assert_eq!(seen, Stretch::around(&cloud(0.1), 2));
        assert!(cloud(0.0).iter().all(|at| (0..2).all(|axis| (seen.low[axis]..seen.high[axis]).contains(&at[axis]))));
        for odd in [vec![], vec![[0.0; 3]], vec![[f64::NAN; 3]], vec![[1e30, 5.0, 0.0]]] {
            assert!(Stretch::around(&odd, 2).makes_sense(2), "{odd:?}");
        }
    }
}
