//! A canvas: pixels, and what is laid over them.

use super::colour::Colour;
use super::shape::Shape;

/// Pixels, row by row from the top.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Colour>,
}

impl Canvas {
    /// Of one colour.
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        Self { width, height, pixels: vec![colour; width * height] }
    }

    /// Pixels of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All of them.
    pub fn pixels(&self) -> &[Colour] {
        &self.pixels
    }

    /// The colour at a place.
    ///
    /// # Panics
    /// If there is no such pixel.
    pub fn at(&self, x: usize, y: usize) -> Colour {
        self.pixels[y * self.width + x]
    }

    /// Gives a pixel a colour; beyond the edge nothing.
    pub fn put(&mut self, x: i64, y: i64, colour: Colour) {
        if let Some(pixel) = self.place(x, y) {
            self.pixels[pixel] = colour;
        }
    }

    /// Lays a colour over a pixel, so that a share of it (0 to 1) shows; beyond the edge nothing.
    #[inline]
    pub fn lay(&mut self, x: i64, y: i64, colour: Colour, share: f32) {
        if let Some(pixel) = self.place(x, y) {
            self.pixels[pixel] = self.pixels[pixel].mix(colour, share);
        }
    }

    #[inline]
    fn place(&self, x: i64, y: i64) -> Option<usize> {
        let within = (0..self.width as i64).contains(&x) && (0..self.height as i64).contains(&y);
        within.then(|| y as usize * self.width + x as usize)
    }

    /// Fills a shape.
    pub fn fill(&mut self, shape: &Shape, colour: Colour, share: f32) {
        shape.covered(self.width, self.height, |x, y, cover| self.lay(x, y, colour, cover * share));
    }

    /// A disc, with a smooth edge. What is smaller than a pixel is as much paler.
    pub fn disc(&mut self, [x, y]: [f32; 2], radius: f32, colour: Colour, share: f32) {
        // Beyond the canvas by more than itself, or nowhere: NaN is in no range.
        let reach = radius + 1.0;
        let near = |at: f32, side: usize| at > -reach && at < side as f32 + reach;
        if !(near(x, self.width) && near(y, self.height) && radius > 0.0) {
            return;
        }
        // The smallest one that is drawn covers what a disc of this radius does.
        const LEAST: f32 = 0.577;
        let (drawn, share) = match radius < LEAST {
            true => (0.5, share * 3.0 * radius * radius),
            false => (radius, share),
        };
        let from = |at: f32| (at - drawn - 0.5) as i64 - 1;
        let to = |at: f32, side: usize| ((at + drawn + 0.5) as i64 + 1).min(side as i64 - 1);
        for row in from(y).max(0)..=to(y, self.height) {
            let dy = row as f32 + 0.5 - y;
            for column in from(x).max(0)..=to(x, self.width) {
                let dx = column as f32 + 0.5 - x;
                let cover = drawn + 0.5 - (dx * dx + dy * dy).sqrt();
                if cover > 0.0 {
                    self.lay(column, row, colour, cover.min(1.0) * share);
                }
            }
        }
    }

    /// Another canvas, with its top left corner here.
    pub fn paste(&mut self, other: &Canvas, left: i64, top: i64) {
        for (row, line) in (top..).zip(other.pixels.chunks(other.width.max(1))) {
            for (column, colour) in (left..).zip(line) {
                self.put(column, row, *colour);
            }
        }
    }

    /// As the bytes of a PNG.
    pub fn png(&self) -> Vec<u8> {
        let bytes: Vec<u8> = self.pixels.iter().flat_map(|colour| [colour.r, colour.g, colour.b]).collect();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width.max(1) as u32, self.height.max(1) as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        #[expect(
            clippy::expect_used,
            reason = "a growing buffer cannot fail, and a canvas has a pixel for each place"
        )]
        encoder.write_header().and_then(|mut writer| writer.write_image_data(&bytes)).expect("a PNG of a canvas");
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disc_covers_its_area_wherever_it_lies() {
        for (x, y, radius) in [(10.0, 10.0, 3.0), (9.7, 10.2, 3.0), (10.5, 9.5, 1.5), (10.1, 10.9, 0.3)] {
            let mut canvas = Canvas::new(20, 20, Colour::WHITE);
            canvas.disc([x, y], radius, Colour::hex(0), 1.0);
            let dark: f32 = canvas.pixels().iter().map(|it| 1.0 - f32::from(it.r) / 255.0).sum();
            let area = std::f32::consts::PI * radius * radius;
            assert!((dark - area).abs() < 0.2 * area + 0.05, "({x}, {y}), {radius}: {dark}, not {area}");
        }
    }

    #[test]
    fn what_lies_beyond_the_edge_or_nowhere_is_not_drawn() {
        let white = Canvas::new(4, 3, Colour::WHITE);
        let mut canvas = white.clone();
        for at in [[-50.0, 1.0], [f32::NAN, 1.0], [2.0, f32::INFINITY], [2.0, 1e30]] {
            canvas.disc(at, 2.0, Colour::INK, 1.0);
        }
        canvas.disc([2.0, 1.0], f32::NAN, Colour::INK, 1.0);
        canvas.put(4, 0, Colour::INK);
        canvas.lay(0, -1, Colour::INK, 1.0);
        assert_eq!(canvas, white);
    }
}
