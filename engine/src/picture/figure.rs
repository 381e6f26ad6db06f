//! A picture: the area that rows are drawn in, what is written above, and beside it what colours mean. Where all of this stands hangs
//! on what is seen alone, not on a state, so that the pictures of a run lie over each other.

use diptych_protocol::program::Form;
use diptych_workers::extract::Rows;

use super::camera::{Camera, Stretch, corners};
use super::cells::{self, Fit};
use super::look::{Coloured, LayerLook, Look, Meaning};
use super::painter::Shot;
use super::points::{self, Area};
use crate::drawing::ticks::{Axis, written};
use crate::drawing::{Anchor, Canvas, Colour, Mark, Ramp, Sheet, font};

/// Pixels of the longer side of the area, if nothing is said.
const SIDE: f64 = 640.0;
/// Pixels around the area: left, above, right without a legend, below.
const EDGES: [f32; 4] = [14.0, 38.0, 14.0, 14.0];
/// Pixels of a legend.
const LEGEND: f32 = 148.0;
/// How high the area is of a space of one dimension, a share of how wide.
const STRIP: f64 = 0.16;
/// Kinds that a legend names.
const KINDS_MAX: usize = 14;

/// Where all stands.
struct Layout {
    /// How much larger than usual letters and lines are.
    unit: f32,
    area: Area,
    size: [usize; 2],
    fit: Option<Fit>,
}

impl Look {
    /// Its size in pixels, the same in each state.
    pub fn size(&self) -> [usize; 2] {
        self.layout().size
    }

    fn has_legend(&self) -> bool {
        !matches!(&self.layers[..], [LayerLook { meaning: Meaning::One(_), .. }])
    }

    fn layout(&self) -> Layout {
        let unit = self.scene.size.map_or(1.0, |size| (size[0].min(size[1]) as f32 / 700.0).clamp(0.5, 4.0));
        let [left, above, right, below] = EDGES.map(|edge| (edge * unit).round());
        let right = if self.has_legend() { (LEGEND * unit).round() } else { right };
        let room = match self.scene.size {
            None => [SIDE; 2],
            Some([width, height]) => {
                let inner = |side: u32, edges: f32| (f64::from(side) - f64::from(edges)).max(16.0);
                [inner(width, left + right), inner(height, above + below)]
            }
        };
        let fit =
            self.layers.iter().find_map(cells_of).map(|(cells, _)| Fit::within(cells, room, self.scene.size.is_some()));
        let area = match fit {
            Some(fit) => fit.pixels(),
            None => {
                let [wide, high] = self.shape();
                let unit = (room[0] / wide).min(room[1] / high);
                [wide, high].map(|side| ((side * unit).round() as usize).max(16))
            }
        };
        let around = [left + right, above + below].map(|edges| edges as usize);
        let size = match self.scene.size {
            Some(size) => size.map(|side| side as usize),
            None => [area[0] + around[0], area[1] + around[1]],
        };
        let corner = [f64::from(left), f64::from(above)];
        Layout { unit, area: Area { corner, size: area.map(|side| side as f64) }, size, fit }
    }

    /// How wide and how high the area is without cells.
    fn shape(&self) -> [f64; 2] {
        match (self.dimensions, Stretch::said(&self.space, &self.scene, self.dimensions)) {
            (1, _) => [1.0, STRIP],
            (2, Some(stretch)) => {
                // What is much longer than wide is not drawn as thin as that.
                let (wide, high) = (stretch.side(0), stretch.side(1));
                [wide.max(0.05 * high), high.max(0.05 * wide)]
            }
            _ => [1.0, 1.0],
        }
    }

    /// Draws what was taken of a state.
    pub fn draw(&self, shot: &Shot) -> Canvas {
        let layout = self.layout();
        let mut canvas = Canvas::new(layout.size[0], layout.size[1], Colour::WHITE);
        let mut legend = Vec::new();
        let dimensions = self.dimensions;
        let places: Vec<Vec<[f64; 3]>> = (self.layers.iter().zip(&shot.rows))
            .map(
                |(layer, rows)| {
                    if layer.form == Form::Points { points::places(layer, rows, dimensions) } else { Vec::new() }
                },
            )
            .collect();
        let (camera, stretch) = self.camera(&places, &layout);
        let deep = matches!(camera, Camera::Deep { .. });
        if deep {
            wires(&camera, &stretch, layout.unit, true).paint(&mut canvas);
        }
        for ((layer, rows), places) in self.layers.iter().zip(&shot.rows).zip(&places) {
            let coloured = layer.colours(rows);
            match cells_of(layer) {
                Some((_, skipped)) => {
                    let [left, top] = layout.area.corner.map(|at| at as i64);
                    if let Some(fit) = &layout.fit {
                        canvas.paste(&fit.image(&placed(layer, rows, &coloured), skipped), left, top);
                    }
                }
                None => {
                    let radius =
                        layout.fit.map(|fit| (0.34 * fit.cell() as f32).clamp(1.4 * layout.unit, 7.0 * layout.unit));
                    let of = (&coloured.colours[..], &places[..]);
                    points::draw(&mut canvas, (layer, rows), of, (&camera, &layout.area), (radius, layout.unit));
                }
            }
            legend.push(coloured.range);
        }
        let mut sheet = Sheet::new(layout.size[0], layout.size[1]);
        if deep {
            wires(&camera, &stretch, layout.unit, false).paint(&mut canvas);
        } else {
            let [left, top] = layout.area.corner.map(|at| at as f32);
            let [wide, high] = layout.area.size.map(|side| side as f32);
            sheet.frame([left - 1.0, top - 1.0], [left + wide, top + high], Colour::LINE);
        }
        self.caption(&mut sheet, shot, &layout);
        if self.has_legend() {
            self.legend(&mut sheet, &legend, &layout);
        }
        sheet.paint(&mut canvas);
        canvas
    }

    fn camera(&self, places: &[Vec<[f64; 3]>], layout: &Layout) -> (Camera, Stretch) {
        let dimensions = self.dimensions;
        let said = Stretch::said(&self.space, &self.scene, dimensions);
        let mut stretch = said.unwrap_or_else(|| Stretch::around(&places.concat(), dimensions));
        if dimensions == 1 {
            (stretch.low[1], stretch.high[1]) = (0.0, 1.0);
        }
        let Area { corner, size } = layout.area;
        let camera = match dimensions {
            3 => Camera::deep(&stretch, self.scene.camera, corner, size),
            _ => Camera::flat(stretch, corner, size),
        };
        (camera, stretch)
    }

    /// What is seen, and when.
    fn caption(&self, sheet: &mut Sheet, shot: &Shot, layout: &Layout) {
        let (size, corner) = (14.0 * layout.unit, layout.area.corner.map(|at| at as f32));
        let base = corner[1] - 13.0 * layout.unit;
        let right = corner[0] + layout.area.size[0] as f32;
        let frame = format!("frame {}", written(f64::from(shot.frame), Some(1.0)));
        let time = format!("{frame} · time {}", written(shot.time, None));
        // Where time only counts frames it says nothing.
        let says_more = shot.time != f64::from(shot.frame);
        let room = right - corner[0] - font::width(&self.title, size) - 24.0 * layout.unit;
        let fits = |text: &String| font::width(text, size) <= room;
        let now = [time].into_iter().filter(|_| says_more).chain([frame]).find(fits);
        sheet.text([corner[0], base], self.title.clone(), size, Anchor::Start, Colour::INK);
        if let Some(now) = now {
            sheet.text([right, base], now, size, Anchor::End, Colour::SOFT);
        }
    }

    /// What colours mean, a layer under another, as far as there is room.
    fn legend(&self, sheet: &mut Sheet, ranges: &[Option<Axis>], layout: &Layout) {
        let unit = layout.unit;
        let (letters, line) = (13.0 * unit, 20.0 * unit);
        let left = (layout.area.corner[0] + layout.area.size[0]) as f32 + 16.0 * unit;
        let room = sheet.width as f32 - left - 4.0 * unit;
        let mut base = layout.area.corner[1] as f32 + 12.0 * unit;
        for (layer, range) in self.layers.iter().zip(ranges) {
            let needed = match &layer.meaning {
                Meaning::One(_) => 1.0,
                Meaning::Kinds(kinds) => 1.0 + kinds.len().min(KINDS_MAX) as f32,
                Meaning::Numbers(_) => 8.5,
            };
            if base + (needed - 1.0) * line > sheet.height as f32 {
                return;
            }
            let middle = base - 0.5 * font::CAPITAL * letters;
            let mut entry = |text: &str, base: f32, shift: f32, colour: Colour| {
                let text = shortened(text, room - shift, letters);
                sheet.text([left + shift, base], text, letters, Anchor::Start, colour);
            };
            match &layer.meaning {
                Meaning::One(colour) => {
                    entry(&layer.name, base, 18.0 * unit, Colour::INK);
                    sheet.marks.push(Mark::Dot {
                        at: [left + 6.0 * unit, middle],
                        radius: 5.0 * unit,
                        colour: *colour,
                    });
                    base += line;
                }
                Meaning::Kinds(kinds) => {
                    entry(&layer.name, base, 0.0, Colour::INK);
                    base += line;
                    for (name, colour) in kinds.iter().take(KINDS_MAX) {
                        let middle = base - 0.5 * font::CAPITAL * letters;
                        let mut entry = |text: &str| {
                            let text = shortened(text, room - 18.0 * unit, letters);
                            sheet.text([left + 18.0 * unit, base], text, letters, Anchor::Start, Colour::SOFT);
                        };
                        entry(name);
                        let at = [left + 6.0 * unit, middle];
                        swatch(sheet, at, 5.0 * unit, *colour, layer.form == Form::Points);
                        base += line;
                    }
                }
                Meaning::Numbers(ramp) => {
                    entry(&layer.name, base, 0.0, Colour::INK);
                    base += line;
                    let mut entry = |text: &str| {
                        let text = shortened(text, room, letters);
                        sheet.text([left, base], text, letters, Anchor::Start, Colour::SOFT);
                    };
                    entry(&layer.of);
                    if let Some(axis) = range {
                        let top = [left, base + 9.0 * unit];
                        bar(sheet, top, [14.0 * unit, 108.0 * unit], (*ramp, axis), unit);
                    }
                    base += 6.9 * line;
                }
            }
            base += 0.6 * line;
        }
    }
}

/// Cells along x and y of a layer of cells, and how many are left out before; of rows that are nowhere the square they stand in.
fn cells_of(layer: &LayerLook) -> Option<([usize; 2], usize)> {
    match (&layer.raster, layer.form) {
        (Some(raster), _) => Some(cells::seen(raster)),
        (None, Form::Rows) => Some((cells::square(layer.capacity as usize), 0)),
        (None, _) => None,
    }
}

/// The colours of cells, each where it stands: by its entity; of those that are not there white.
fn placed(layer: &LayerLook, rows: &Rows, coloured: &Coloured) -> Vec<Colour> {
    let mut all = vec![Colour::WHITE; layer.capacity as usize];
    for (entity, colour) in rows.entities.iter().zip(&coloured.colours) {
        if let Some(place) = all.get_mut(*entity as usize) {
            *place = *colour;
        }
    }
    all
}

fn swatch(sheet: &mut Sheet, [x, y]: [f32; 2], half: f32, colour: Colour, round: bool) {
    match round {
        true => sheet.marks.push(Mark::Dot { at: [x, y], radius: half, colour }),
        false => {
            sheet.rectangle([x - half, y - half], [x + half, y + half], colour, 1.0);
            sheet.frame([x - half, y - half], [x + half, y + half], Colour::LINE);
        }
    }
}

/// The colours of numbers, with the numbers beside.
fn bar(sheet: &mut Sheet, [left, top]: [f32; 2], [wide, high]: [f32; 2], (ramp, axis): (Ramp, &Axis), unit: f32) {
    let (columns, rows) = (wide as usize, (high as usize).max(2));
    let mut image = Canvas::new(columns, rows, Colour::WHITE);
    for row in 0..rows {
        let colour = ramp.at(1.0 - row as f32 / (rows - 1) as f32);
        (0..columns as i64).for_each(|column| image.put(column, row as i64, colour));
    }
    let (left, top) = (left.round(), top.round());
    sheet.marks.push(Mark::Image { at: [left as i32, top as i32], image });
    sheet.frame([left - 1.0, top - 1.0], [left + columns as f32, top + rows as f32], Colour::LINE);
    let letters = 12.0 * unit;
    for (number, text) in axis.ticks(5) {
        let y = top + rows as f32 * (1.0 - axis.share(number) as f32);
        let x = left + columns as f32;
        let at = y.clamp(top + 0.5, top + rows as f32 - 0.5).floor() + 0.5;
        sheet.line([[x, at], [x + 4.0 * unit, at]], 1.0, Colour::LINE);
        sheet.text([x + 8.0 * unit, y + 0.5 * font::CAPITAL * letters], text, letters, Anchor::Start, Colour::SOFT);
    }
}

/// A text that fits.
fn shortened(text: &str, room: f32, size: f32) -> String {
    if font::width(text, size) <= room {
        return text.to_string();
    }
    let mut letters: Vec<char> = text.chars().collect();
    loop {
        letters.pop();
        let short: String = letters.iter().chain(&['…']).collect();
        if letters.is_empty() || font::width(&short, size) <= room {
            return short;
        }
    }
}

/// The edges of the space: those behind all that is in it, or those before.
fn wires(camera: &Camera, stretch: &Stretch, unit: f32, behind: bool) -> Sheet {
    let corners = corners(stretch).map(|corner| camera.see(corner));
    let (mut farthest, mut sheet) = (0, Sheet::new(0, 0));
    for corner in 1..8 {
        if corners[corner].far > corners[farthest].far {
            farthest = corner;
        }
    }
    for from in 0..8usize {
        for axis in 0..3 {
            let to = from | 1 << axis;
            if to != from && (from == farthest || to == farthest) == behind {
                let colour = if behind { Colour::FAINT } else { Colour::LINE };
                sheet.line([corners[from].at, corners[to].at], unit.max(1.0), colour);
            }
        }
    }
    sheet
}
