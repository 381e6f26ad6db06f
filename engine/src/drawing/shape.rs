//! Shapes with smooth edges: polygons, strokes along lines, outlines of letters.

use ab_glyph::OutlineCurve;
use ab_glyph_rasterizer::{Point, Rasterizer, point};

/// Pixels that a stretch of a canvas is filled at a time, at most.
const PIXELS_MAX: usize = 1 << 24;

/// An area, by what goes around it. Parts that lie over each other and turn the same way are one.
#[derive(Clone, Default, Debug)]
pub struct Shape {
    curves: Vec<OutlineCurve>,
}

fn at([x, y]: [f32; 2]) -> Point {
    point(x, y)
}

impl Shape {
    /// What lies between corners.
    pub fn polygon(corners: &[[f32; 2]]) -> Self {
        let mut shape = Self::default();
        shape.add(corners);
        shape
    }

    /// An upright rectangle.
    pub fn rectangle([left, top]: [f32; 2], [right, bottom]: [f32; 2]) -> Self {
        Self::polygon(&[[left, top], [right, top], [right, bottom], [left, bottom]])
    }

    /// A line of some width through points, round at its turns.
    pub fn stroke(points: &[[f32; 2]], width: f32) -> Self {
        let mut shape = Self::default();
        let half = 0.5 * width;
        for pair in points.windows(2) {
            let ([x, y], [u, v]) = (pair[0], pair[1]);
            let (dx, dy) = (u - x, v - y);
            let long = (dx * dx + dy * dy).sqrt();
            if long > 0.0 {
                let (a, b) = (-dy / long * half, dx / long * half);
                shape.add(&[[x - a, y - b], [u - a, v - b], [u + a, v + b], [x + a, y + b]]);
            }
        }
        // A turn of a hair line leaves no gap that anybody sees.
        if points.len() > 2 && width > 1.0 {
            points[1..points.len() - 1].iter().for_each(|turn| shape.add(&around(*turn, half)));
        }
        shape
    }

    /// A small disc.
    pub fn dot(at: [f32; 2], radius: f32) -> Self {
        Self::polygon(&around(at, radius))
    }

    /// Adds a polygon; all of them turn the same way, so that they add up.
    fn add(&mut self, corners: &[[f32; 2]]) {
        if !corners.iter().flatten().all(|number| number.is_finite()) || corners.is_empty() {
            return;
        }
        let next = |number: usize| corners[(number + 1) % corners.len()];
        let area: f32 =
            corners.iter().enumerate().map(|(number, [x, y])| x * next(number)[1] - next(number)[0] * y).sum();
        for (number, corner) in corners.iter().enumerate() {
            let (from, to) = (at(*corner), at(next(number)));
            let line = if area < 0.0 { OutlineCurve::Line(to, from) } else { OutlineCurve::Line(from, to) };
            self.curves.push(line);
        }
    }

    /// Adds the outline of a letter.
    pub(super) fn add_curves(&mut self, curves: impl Iterator<Item = OutlineCurve>) {
        self.curves.extend(curves);
    }

    fn points(&self) -> impl Iterator<Item = Point> {
        self.curves.iter().flat_map(|curve| match *curve {
            OutlineCurve::Line(a, b) => [a, b, a, a],
            OutlineCurve::Quad(a, b, c) => [a, b, c, a],
            OutlineCurve::Cubic(a, b, c, d) => [a, b, c, d],
        })
    }

    /// How much of each pixel of a canvas it covers, 0 to 1, where that is more than nothing.
    pub fn covered(&self, width: usize, height: usize, mut tell: impl FnMut(i64, i64, f32)) {
        let bound = |of: fn(Point) -> f32, pick: fn(f32, f32) -> f32| self.points().map(of).reduce(pick);
        let x = |point: Point| point.x;
        let y = |point: Point| point.y;
        let (Some(left), Some(top), Some(right), Some(bottom)) =
            (bound(x, f32::min), bound(y, f32::min), bound(x, f32::max), bound(y, f32::max))
        else {
            return;
        };
        let near = |low: f32, high: f32, side: usize| high > 0.0 && low < side as f32;
        if !near(left, right, width) || !near(top, bottom, height) {
            return;
        }
        let (left, top) = (left.floor() - 1.0, top.floor() - 1.0);
        let (columns, rows) = ((right - left).ceil() as usize + 2, (bottom - top).ceil() as usize + 2);
        if columns.saturating_mul(rows) > PIXELS_MAX {
            return;
        }
        let mut raster = Rasterizer::new(columns, rows);
        let placed = |it: Point| point(it.x - left, it.y - top);
        for curve in &self.curves {
            match *curve {
                OutlineCurve::Line(a, b) => raster.draw_line(placed(a), placed(b)),
                OutlineCurve::Quad(a, b, c) => raster.draw_quad(placed(a), placed(b), placed(c)),
                OutlineCurve::Cubic(a, b, c, d) => raster.draw_cubic(placed(a), placed(b), placed(c), placed(d)),
            }
        }
        let (left, top) = (left as i64, top as i64);
        raster.for_each_pixel_2d(|x, y, cover| {
            // Rounding leaves a trace where there is nothing.
            if cover > 1.0 / 512.0 {
                tell(left + i64::from(x), top + i64::from(y), cover.min(1.0));
            }
        });
    }
}

/// Corners around a point.
fn around([x, y]: [f32; 2], radius: f32) -> [[f32; 2]; 12] {
    // The sine of 0, 30, 60 and 90 degrees.
    const SINES: [f32; 4] = [0.0, 0.5, 0.866_025_4, 1.0];
    std::array::from_fn(|turn| {
        let (quarter, step) = (turn / 3, turn % 3);
        let (sine, cosine) = (SINES[step] * radius, SINES[3 - step] * radius);
        match quarter {
            0 => [x + cosine, y + sine],
            1 => [x - sine, y + cosine],
            2 => [x - cosine, y - sine],
            _ => [x + sine, y - cosine],
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(shape: &Shape) -> f32 {
        let mut sum = 0.0;
        shape.covered(100, 100, |_, _, cover| sum += cover);
        sum
    }

    #[test]
    fn shapes_cover_their_area() {
        assert!((area(&Shape::rectangle([10.25, 20.5], [30.25, 30.0])) - 190.0).abs() < 0.1);
        assert!((area(&Shape::polygon(&[[10.0, 10.0], [10.0, 50.0], [50.0, 10.0]])) - 800.0).abs() < 0.5);
        assert!((area(&Shape::stroke(&[[10.0, 10.0], [70.0, 90.0]], 2.0)) - 200.0).abs() < 1.0);
        assert!((area(&Shape::dot([50.0, 50.0], 10.0)) - 300.0).abs() < 1.0);
    }

    #[test]
    fn a_line_that_turns_back_is_drawn_once() {
        let there = Shape::stroke(&[[10.0, 50.5], [90.0, 50.5]], 1.0);
        let back = Shape::stroke(&[[10.0, 50.5], [90.0, 50.5], [10.0, 50.5]], 1.0);
        assert!((area(&there) - area(&back)).abs() < 0.5);
    }

    #[test]
    fn what_has_no_extent_or_no_place_covers_nothing() {
        assert_eq!(area(&Shape::default()), 0.0);
        assert_eq!(area(&Shape::stroke(&[[1.0, 1.0]], 2.0)), 0.0);
        assert_eq!(area(&Shape::stroke(&[[1.0, 1.0], [1.0, 1.0]], 2.0)), 0.0);
        assert_eq!(area(&Shape::polygon(&[[1.0, f32::NAN], [3.0, 3.0], [4.0, 0.0]])), 0.0);
        assert_eq!(area(&Shape::rectangle([-1e9, -1e9], [1e9, 1e9])), 0.0);
    }
}
