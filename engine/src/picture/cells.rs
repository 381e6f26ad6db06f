//! Cells as an image: enlarged to whole pixels, or reduced by averaging.

use diptych_protocol::raster::Raster;

use crate::drawing::{Canvas, Colour};

/// Rows of pixels of a line of cells.
const LINE_PIXELS: usize = 64;

/// How cells stand on a canvas: pixels of a cell, or cells of a pixel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fit {
    /// Cells along x and y.
    pub(super) cells: [usize; 2],
    times: usize,
    by: usize,
}

impl Fit {
    /// So that they are within a size.
    pub(super) fn within(cells: [usize; 2], size: [f64; 2]) -> Self {
        let least = |of: fn(f64, f64) -> f64| {
            (0..2).map(|axis| of(size[axis], cells[axis].max(1) as f64)).fold(f64::INFINITY, f64::min)
        };
        let times = least(|size, cells| size / cells) as usize;
        let by = (1.0 / least(|size, cells| size / cells)).ceil() as usize;
        Self { cells, times: times.max(1), by: if times > 0 { 1 } else { by.max(1) } }
    }

    /// Pixels along x and y.
    pub(super) fn pixels(&self) -> [usize; 2] {
        let [width, height] = self.cells.map(|cells| cells.div_ceil(self.by) * self.times);
        // A single line of cells would not be seen.
        [width, if self.cells[1] == 1 { height.max(LINE_PIXELS) } else { height }]
    }

    /// Pixels of a cell along an axis.
    pub(super) fn cell(&self) -> f64 {
        self.times as f64 / self.by as f64
    }

    /// The image. Cells go along x, then y upwards; the first `skipped` of them are left out.
    pub(super) fn image(&self, colours: &[Colour], skipped: usize) -> Canvas {
        let [wide, high] = self.cells;
        let (columns, rows) = (wide.div_ceil(self.by), high.div_ceil(self.by));
        let mut image = Canvas::new(columns, rows, Colour::WHITE);
        for row in 0..rows {
            for column in 0..columns {
                let (mut sum, mut count) = ([0usize; 3], 0);
                for y in row * self.by..((row + 1) * self.by).min(high) {
                    let line = skipped + y * wide;
                    for x in column * self.by..((column + 1) * self.by).min(wide) {
                        let Some(colour) = colours.get(line + x) else { continue };
                        [colour.r, colour.g, colour.b]
                            .iter()
                            .zip(&mut sum)
                            .for_each(|(one, sum)| *sum += usize::from(*one));
                        count += 1;
                    }
                }
                if count > 0 {
                    let [r, g, b] = sum.map(|sum| ((sum + count / 2) / count) as u8);
                    image.put(column as i64, (rows - 1 - row) as i64, Colour { r, g, b });
                }
            }
        }
        let image = image.enlarged(self.times);
        let [width, height] = self.pixels();
        if image.height() == height {
            return image;
        }
        let mut tall = Canvas::new(width, height, Colour::WHITE);
        (0..height).step_by(image.height()).for_each(|row| tall.paste(&image, 0, row as i64));
        tall
    }
}

/// Cells along x and y of what is seen of a raster; of one with depth its middle, which begins behind so many cells.
pub(super) fn seen(raster: &Raster) -> ([usize; 2], usize) {
    let [width, height, depth] = raster.extents.map(|extent| extent as usize);
    ([width, height], width * height * (depth / 2))
}

/// The square that rows stand in which are nowhere.
pub(super) fn square(rows: usize) -> [usize; 2] {
    let mut side = (rows as f64).sqrt() as usize;
    while side * side < rows {
        side += 1;
    }
    let side = side.max(1);
    [side, rows.div_ceil(side).max(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Colour = Colour::hex(0xff_0000);
    const B: Colour = Colour::hex(0x00_0064);

    #[test]
    fn few_cells_are_enlarged_by_whole_pixels_with_y_upwards() {
        let fit = Fit::within([2, 2], [9.0, 7.0]);
        let image = fit.image(&[A, B, B, B], 0);
        assert_eq!((fit.pixels(), image.width(), image.height()), ([6, 6], 6, 6));
        assert!((0..6).all(|y| (0..6).all(|x| image.at(x, y) == if x < 3 && y >= 3 { A } else { B })));
    }

    #[test]
    fn many_cells_are_averaged() {
        let fit = Fit::within([4, 2], [2.0, 2.0]);
        let image = fit.image(&[A, B, B, B, B, B, B, B], 0);
        assert_eq!(fit.pixels(), [2, 1].map(|it| if it == 1 { 1 } else { it }));
        assert_eq!(image.at(0, 0), Colour { r: 64, g: 0, b: 75 });
        assert_eq!(image.at(1, 0), B);
    }

    #[test]
    fn a_line_of_cells_is_high_enough_to_be_seen() {
        let fit = Fit::within([100, 1], [640.0, 640.0]);
        assert_eq!(fit.pixels(), [600, LINE_PIXELS]);
        assert_eq!(fit.image(&[A; 100], 0).height(), LINE_PIXELS);
    }

    #[test]
    fn rows_stand_in_a_square() {
        for rows in [0, 1, 2, 3, 99, 100, 101, 1_000_000] {
            let [width, height] = square(rows);
            assert!(width * height >= rows && (height == 1 || width * (height - 1) < rows), "{rows}");
        }
    }
}
