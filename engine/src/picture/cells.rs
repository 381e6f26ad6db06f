//! Cells as an image: enlarged to whole pixels, or reduced by averaging.

use diptych_protocol::raster::Raster;

use crate::drawing::{Canvas, Colour};

/// Rows of pixels of a line of cells.
const LINE_PIXELS: usize = 64;

/// How much smaller than the room cells may be for the sake of whole pixels.
const CRISP: f64 = 0.75;

/// How cells stand on a canvas.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fit {
    /// Cells along x and y.
    cells: [usize; 2],
    /// Pixels along x and y.
    pixels: [usize; 2],
    /// Pixels of a cell, if that is a whole number.
    times: Option<usize>,
}

impl Fit {
    /// So that they are within a size: each as whole pixels, if there is room for that, and it is not wasted where it is `given`.
    pub(super) fn within(cells: [usize; 2], size: [f64; 2], given: bool) -> Self {
        let exact = (0..2).map(|axis| size[axis] / cells[axis].max(1) as f64).fold(f64::INFINITY, f64::min);
        let whole = exact.floor();
        let times = (whole >= 1.0 && (!given || whole >= CRISP * exact)).then_some(whole as usize);
        let pixels = cells.map(|cells| match times {
            Some(times) => cells * times,
            None => ((cells as f64 * exact).round() as usize).max(1),
        });
        Self { cells, pixels, times }
    }

    /// Pixels along x and y.
    pub(super) fn pixels(&self) -> [usize; 2] {
        // A single line of cells would not be seen.
        let [width, height] = self.pixels;
        [width, if self.cells[1] == 1 { height.max(LINE_PIXELS) } else { height }]
    }

    /// Pixels of a cell along an axis.
    pub(super) fn cell(&self) -> f64 {
        self.pixels[0] as f64 / self.cells[0].max(1) as f64
    }

    /// The image. Cells go along x, then y upwards; the first `skipped` of them are left out.
    pub(super) fn image(&self, colours: &[Colour], skipped: usize) -> Canvas {
        let [width, height] = self.pixels();
        let (columns, rows) = (spans(self.cells[0], width), spans(self.cells[1], height));
        let mut image = Canvas::new(width, height, Colour::WHITE);
        for (row, lines) in rows.iter().enumerate() {
            for (column, across) in columns.iter().enumerate() {
                let at = |x: usize, y: usize| colours.get(skipped + y * self.cells[0] + x).copied();
                let colour = match self.times {
                    Some(_) => at(across[0].0, lines[0].0),
                    None => mean(lines.iter().flat_map(|(y, high)| {
                        across.iter().filter_map(move |(x, wide)| Some((at(*x, *y)?, high * wide)))
                    })),
                };
                if let Some(colour) = colour {
                    image.put(column as i64, (height - 1 - row) as i64, colour);
                }
            }
        }
        image
    }
}

/// The cells that each pixel along an axis covers, and how much of each.
fn spans(cells: usize, pixels: usize) -> Vec<Vec<(usize, f64)>> {
    let edge = |pixel: usize| pixel as f64 * cells as f64 / pixels as f64;
    let span = |pixel: usize| {
        let (from, to) = (edge(pixel), edge(pixel + 1));
        let all = from as usize..(to.ceil() as usize).min(cells);
        all.map(|cell| (cell, (to.min(cell as f64 + 1.0) - from.max(cell as f64)).max(0.0))).collect()
    };
    (0..pixels).map(span).collect()
}

/// The mean of colours, each with its weight.
fn mean(colours: impl Iterator<Item = (Colour, f64)>) -> Option<Colour> {
    let (mut sum, mut weight) = ([0.0; 3], 0.0);
    for (colour, of) in colours {
        let lanes = [colour.r, colour.g, colour.b];
        sum.iter_mut().zip(lanes).for_each(|(sum, lane)| *sum += f64::from(lane) * of);
        weight += of;
    }
    let [r, g, b] = sum.map(|sum| (sum / weight + 0.5) as u8);
    (weight > 0.0).then_some(Colour { r, g, b })
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
        let fit = Fit::within([2, 2], [9.0, 7.0], false);
        let image = fit.image(&[A, B, B, B], 0);
        assert_eq!((fit.pixels(), image.width(), image.height()), ([6, 6], 6, 6));
        assert!((0..6).all(|y| (0..6).all(|x| image.at(x, y) == if x < 3 && y >= 3 { A } else { B })));
    }

    #[test]
    fn many_cells_are_averaged() {
        let fit = Fit::within([4, 2], [2.0, 2.0], false);
        let image = fit.image(&[A, B, B, B, B, B, B, B], 0);
        assert_eq!(fit.pixels(), [2, 1]);
        assert_eq!(image.at(0, 0), Colour { r: 64, g: 0, b: 75 });
        assert_eq!(image.at(1, 0), B);
    }

    #[test]
    fn room_that_is_given_is_filled() {
        assert_eq!(Fit::within([200, 200], [370.0, 370.0], false).pixels(), [200, 200]);
        let given = Fit::within([200, 200], [370.0, 370.0], true);
        assert_eq!(given.pixels(), [370, 370]);
        let image = given.image(&[A; 40_000], 0);
        assert!(image.pixels().iter().all(|colour| *colour == A));
        assert_eq!(Fit::within([100, 100], [370.0, 370.0], true).pixels(), [300, 300]);
    }

    #[test]
    fn a_line_of_cells_is_high_enough_to_be_seen() {
        let fit = Fit::within([100, 1], [640.0, 640.0], false);
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
