//! A sheet: marks in the order in which they are laid over each other. It is painted on a canvas, or written as an SVG.

use super::canvas::Canvas;
use super::colour::Colour;
use super::font;
use super::shape::Shape;

/// Which part of a text stands at its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Something on a sheet. Places are in pixels from the top left corner.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points.
    Line {
        /// The points.
        points: Vec<[f32; 2]>,
        /// Its width.
        width: f32,
        /// Its colour,
        colour: Colour,
        /// and how much of it shows.
        share: f32,
    },
    /// What lies between corners.
    Area {
        /// The corners.
        corners: Vec<[f32; 2]>,
        /// Its colour,
        colour: Colour,
        /// and how much of it shows.
        share: f32,
    },
    /// A small disc.
    Dot {
        /// Its middle.
        at: [f32; 2],
        /// Its radius.
        radius: f32,
        /// Its colour.
        colour: Colour,
    },
    /// A text; its base line is at its place.
    Text {
        /// The place.
        at: [f32; 2],
        /// The text.
        text: String,
        /// The size of letters.
        size: f32,
        /// Which part of it stands there.
        anchor: Anchor,
        /// Its colour.
        colour: Colour,
        /// Whether it runs upwards.
        turned: bool,
    },
    /// Pixels, with the top left corner at a whole place.
    Image {
        /// The place.
        at: [i32; 2],
        /// The pixels.
        image: Canvas,
    },
}

/// Marks on paper.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Pixels of a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// In the order in which they are laid over each other.
    pub marks: Vec<Mark>,
}

impl Sheet {
    /// Of nothing yet.
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, marks: Vec::new() }
    }

    /// A straight or bent line.
    pub fn line(&mut self, points: impl Into<Vec<[f32; 2]>>, width: f32, colour: Colour) {
        self.marks.push(Mark::Line { points: points.into(), width, colour, share: 1.0 });
    }

    /// An upright rectangle that is filled.
    pub fn rectangle(&mut self, [left, top]: [f32; 2], [right, bottom]: [f32; 2], colour: Colour, share: f32) {
        let corners = vec![[left, top], [right, top], [right, bottom], [left, bottom]];
        self.marks.push(Mark::Area { corners, colour, share });
    }

    /// Its outline, a pixel wide, through the middles of pixels.
    pub fn frame(&mut self, [left, top]: [f32; 2], [right, bottom]: [f32; 2], colour: Colour) {
        let [left, top, right, bottom] = [left, top, right, bottom].map(|at| at.floor() + 0.5);
        self.line([[left, top], [right, top], [right, bottom], [left, bottom], [left, top - 0.5]], 1.0, colour);
    }

    /// A text.
    pub fn text(&mut self, at: [f32; 2], text: impl Into<String>, size: f32, anchor: Anchor, colour: Colour) {
        self.marks.push(Mark::Text { at, text: text.into(), size, anchor, colour, turned: false });
    }

    /// Paints the marks on white.
    pub fn painted(&self) -> Canvas {
        let mut canvas = Canvas::new(self.width, self.height, Colour::WHITE);
        self.paint(&mut canvas);
        canvas
    }

    /// Paints them over what there is.
    pub fn paint(&self, canvas: &mut Canvas) {
        for mark in &self.marks {
            match mark {
                Mark::Line { points, width, colour, share } => {
                    // In stretches, so that a long line does not ask for a raster as large as all of it.
                    let stretches = points.chunks(STRETCH).enumerate().map(|(number, _)| {
                        let from = number * STRETCH;
                        &points[from..(from + STRETCH + 1).min(points.len())]
                    });
                    stretches.for_each(|points| canvas.fill(&Shape::stroke(points, *width), *colour, *share));
                }
                Mark::Area { corners, colour, share } => canvas.fill(&Shape::polygon(corners), *colour, *share),
                Mark::Dot { at, radius, colour } => canvas.disc(*at, *radius, *colour, 1.0),
                Mark::Text { at: [x, y], text, size, anchor, colour, turned } => {
                    let back = font::width(text, *size)
                        * match anchor {
                            Anchor::Start => 0.0,
                            Anchor::Middle => 0.5,
                            Anchor::End => 1.0,
                        };
                    let at = if *turned { [*x, y + back] } else { [x - back, *y] };
                    let shape = font::shape(text, at, *size, *turned);
                    // A light font on few pixels: a little more of it than it covers.
                    shape.covered(canvas.width(), canvas.height(), |x, y, cover| {
                        canvas.lay(x, y, *colour, cover * (1.6 - 0.6 * cover));
                    });
                }
                Mark::Image { at: [left, top], image } => canvas.paste(image, i64::from(*left), i64::from(*top)),
            }
        }
    }
}

/// Points of a line that are filled at a time.
const STRETCH: usize = 8192;
