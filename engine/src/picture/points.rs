//! Points: discs while each can be seen, and where there are too many for that, how many there are.

use diptych_protocol::math;
use diptych_protocol::program::PointSize;
use diptych_workers::extract::Rows;

use super::camera::{Camera, Seen};
use super::look::{LayerLook, number};
use crate::drawing::{Canvas, Colour, Shape};

/// Pixels that a point needs to be seen by itself.
const PIXELS: f64 = 2.0;

/// How much of a disc shows: what lies under it is still seen.
const SHOWN: f32 = 0.88;

/// How pale what is furthest away is.
const HAZE: f32 = 0.6;

/// The least radius of what has a direction that can be seen.
const DART: f32 = 2.2;

/// A dart that shows where it goes, about as large as a disc.
fn dart([x, y]: [f32; 2], radius: f32, [dx, dy]: [f64; 2]) -> Shape {
    let long = math::sqrt(dx * dx + dy * dy);
    let (ahead, aside) = ((dx / long) as f32 * radius, (dy / long) as f32 * radius);
    let corner = |along: f32, across: f32| [x + along * ahead - across * aside, y - along * aside - across * ahead];
    Shape::polygon(&[corner(1.8, 0.0), corner(-1.2, 0.95), corner(-0.6, 0.0), corner(-1.2, -0.95)])
}

/// The area that points lie in: its corner, and its size.
pub(super) struct Area {
    pub(super) corner: [f64; 2],
    pub(super) size: [f64; 2],
}

impl Area {
    fn holds(&self, [x, y]: [f32; 2]) -> bool {
        let within = |at: f32, axis: usize| (0.0..self.size[axis]).contains(&(f64::from(at) - self.corner[axis]));
        within(x, 0) && within(y, 1)
    }
}

/// Where the rows of a layer are.
pub(super) fn places(layer: &LayerLook, rows: &Rows, dimensions: usize) -> Vec<[f64; 3]> {
    let lanes = &rows.lanes[..layer.position];
    let place = |row: usize| {
        let mut at = [0.0; 3];
        lanes.iter().zip(&mut at).for_each(|(lane, at)| *at = number(lane, row));
        if dimensions == 1 {
            // On a line rows stand beside each other, evenly and always at the same place: by multiples of the golden ratio.
            at[1] = math::rem(f64::from(rows.entities[row]) * 0.618_033_988_749_894_9, 1.0);
        }
        at
    };
    (0..rows.len()).map(place).collect()
}

/// Draws the rows of a layer, which has these colours and places. `radius` is what each has if it does not say so itself.
pub(super) fn draw(
    canvas: &mut Canvas,
    (layer, rows): (&LayerLook, &Rows),
    (colours, places): (&[Colour], &[[f64; 3]]),
    (camera, area): (&Camera, &Area),
    (radius, unit): (Option<f32>, f32),
) {
    let deep = matches!(camera, Camera::Deep { .. });
    let seen: Vec<Seen> = places.iter().map(|place| camera.see(*place)).collect();
    let pixels = area.size[0] * area.size[1];
    if layer.size == PointSize::Any && seen.len() as f64 * PIXELS > pixels {
        return heap(canvas, &seen, colours, area);
    }
    let apart = (pixels / seen.len().max(1) as f64).sqrt() as f32;
    let even = match radius {
        // On cells as large as a cell has room for, but not so small that a few would not be seen.
        Some(radius) => radius.max((0.12 * apart).min(2.4 * unit)),
        None => (0.33 * apart).clamp(0.75 * unit, 4.2 * unit),
    };
    let size = |row: usize| match layer.size {
        PointSize::Any if deep => 0.85 * even * seen[row].unit / unit_of(camera),
        PointSize::Any => even,
        PointSize::Pixels => 0.5 * unit * layer.size(rows, row) as f32,
        PointSize::Radius => (layer.size(rows, row) as f32 * seen[row].unit).max(0.6 * unit),
    };
    for row in order(&seen, rows, deep) {
        let Seen { at, far, .. } = seen[row];
        if area.holds(at) {
            let colour = if deep {
                colours[row].mix(Colour::WHITE, HAZE * (0.5 + 0.5 * far).clamp(0.0, 1.0))
            } else {
                colours[row]
            };
            let radius = size(row);
            match layer.way(rows, row).filter(|way| !deep && radius >= DART && way.iter().any(|lane| *lane != 0.0)) {
                Some(way) => canvas.fill(&dart(at, radius, way), colour, 1.0),
                None => canvas.disc(at, radius, colour, SHOWN),
            }
        }
    }
}

fn unit_of(camera: &Camera) -> f32 {
    match camera {
        Camera::Flat { unit, .. } => unit[0] as f32,
        Camera::Deep { unit, .. } => *unit as f32,
    }
}

/// Rows in the order in which they are drawn: from far to near; else by their entities, so that what lies over what does not hang on
/// where rows are kept.
fn order(seen: &[Seen], rows: &Rows, deep: bool) -> Vec<usize> {
    let mut all: Vec<usize> = (0..seen.len()).collect();
    if deep {
        all.sort_unstable_by(|a, b| {
            seen[*b].far.total_cmp(&seen[*a].far).then(rows.entities[*a].cmp(&rows.entities[*b]))
        });
    } else if !rows.entities.is_sorted() {
        all.sort_unstable_by_key(|row| rows.entities[*row]);
    }
    all
}

/// So many points that they cover each other: each pixel shows how many there are, by the logarithm, in their mean colour.
fn heap(canvas: &mut Canvas, seen: &[Seen], colours: &[Colour], area: &Area) {
    let [width, height] = area.size.map(|side| side as usize);
    let mut sums = vec![[0u64; 4]; width * height];
    for (seen, colour) in seen.iter().zip(colours).filter(|(seen, _)| area.holds(seen.at)) {
        let [x, y] = [0, 1].map(|axis| (f64::from(seen.at[axis]) - area.corner[axis]) as usize);
        let sum = &mut sums[y.min(height - 1) * width + x.min(width - 1)];
        for (sum, one) in sum.iter_mut().zip([colour.r, colour.g, colour.b, 1]) {
            *sum += u64::from(one);
        }
    }
    let mut counts: Vec<u64> = sums.iter().map(|sum| sum[3]).filter(|count| *count > 0).collect();
    counts.sort_unstable();
    // All but a few of the pixels are told apart.
    let many = counts.get(counts.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(1).max(1) as f32;
    let [left, top] = area.corner.map(|at| at as i64);
    for (place, sum) in sums.iter().enumerate().filter(|(_, sum)| sum[3] > 0) {
        let [r, g, b] = [0, 1, 2].map(|lane| ((sum[lane] + sum[3] / 2) / sum[3]) as u8);
        let share = math::ln(1.0 + sum[3] as f32) / math::ln(1.0 + many);
        let (x, y) = (left + (place % width) as i64, top + (place / width) as i64);
        canvas.lay(x, y, Colour { r, g, b }, 0.2 + 0.8 * share.min(1.0));
    }
}
