//! A plot, drawn: panels under each other over one axis.

use std::cmp::Ordering;

use super::panels::{Panel, panels, range};
use super::series::{Chosen, Series};
use super::thin;
use crate::drawing::ticks::{Axis, written};
use crate::drawing::{Anchor, Canvas, Colour, Mark, Ramp, Sheet, colour, font};

/// How a plot is drawn.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Above it.
    pub title: String,
    /// Pixels of a row.
    pub width: usize,
    /// Rows; what the panels need, if nothing is said.
    pub height: Option<usize>,
    /// Whether numbers stand by their logarithms.
    pub logarithmic: bool,
}

/// Pixels of a row that letters have their size for.
const USUAL_WIDTH: f32 = 900.0;

/// What a plot is drawn with: sizes, and where the panels stand.
struct Layout {
    /// How much larger than usual all is.
    unit: f32,
    left: f32,
    right: f32,
    along: Axis,
}

impl Layout {
    fn letters(&self) -> f32 {
        13.0 * self.unit
    }

    fn x(&self, number: f64) -> f64 {
        f64::from(self.left) + self.along.share(number) * f64::from(self.right - self.left)
    }
}

/// Where a panel stands: its legend above, then its axes.
struct Frame {
    top: f32,
    bottom: f32,
}

/// An entry of a legend.
struct Entry {
    name: String,
    mark: Swatch,
}

enum Swatch {
    Line(Colour),
    Field(Colour),
    /// A ramp, from one number to another.
    Ramp(String, String),
    None,
}

/// Draws what is chosen.
pub fn plot(chosen: &Chosen, figure: &Figure) -> Sheet {
    let all = panels(chosen, figure.logarithmic);
    let unit = (figure.width as f32 / USUAL_WIDTH).clamp(0.6, 4.0);
    let finite = || chosen.places.iter().copied().filter(|it| it.is_finite());
    let ends = finite().map(|it| [it, it]).reduce(|[a, b], [c, d]| [a.min(c), b.max(d)]).unwrap_or([0.0, 1.0]);
    let mut layout = Layout {
        unit,
        left: 0.0,
        right: (figure.width as f32 - 22.0 * unit).floor(),
        along: Axis::over(ends[0], ends[1], false, false),
    };
    let labels = all.iter().map(|panel| widest(panel, figure, &layout)).fold(0.0, f32::max);
    layout.left = (labels.min(0.3 * figure.width as f32) + 20.0 * unit).ceil();
    let legends: Vec<Vec<Vec<Entry>>> = all.iter().map(|panel| wrapped(legend(panel), &layout)).collect();
    let (frames, height) = stacked(&all, &legends, figure, &layout);
    let mut sheet = Sheet::new(figure.width, height);
    let title = [layout.left, (13.0 * unit + font::CAPITAL * 15.0 * unit).round()];
    sheet.text(title, figure.title.clone(), 15.0 * unit, Anchor::Start, Colour::INK);
    for ((panel, frame), lines) in all.iter().zip(&frames).zip(&legends) {
        let last = std::ptr::eq(frame, &frames[frames.len() - 1]);
        show_legend(&mut sheet, lines, frame, &layout);
        match panel {
            Panel::Curves(curves) => show_curves(&mut sheet, curves, chosen, (frame, figure), &layout),
            Panel::Strips(strips) => show_strips(&mut sheet, strips, chosen, frame, &layout),
            Panel::Map(map) => show_map(&mut sheet, map, chosen, frame, &layout),
        }
        show_along(&mut sheet, frame, last.then_some(chosen.along.as_str()), &layout);
    }
    sheet
}

/// Pixels that a panel wants beside its legend.
fn wanted(panel: &Panel<'_>, of: usize) -> f32 {
    match panel {
        Panel::Curves(_) if of == 1 => 330.0,
        Panel::Curves(_) => 190.0,
        Panel::Strips(strips) => 24.0 * strips.len() as f32,
        Panel::Map(_) => 170.0,
    }
}

/// Where the panels stand, and how high all is.
fn stacked(all: &[Panel<'_>], legends: &[Vec<Vec<Entry>>], figure: &Figure, layout: &Layout) -> (Vec<Frame>, usize) {
    let unit = layout.unit;
    let (title, gap, line, foot) = (42.0 * unit, 16.0 * unit, 21.0 * unit, 52.0 * unit);
    let between: f32 = legends.iter().map(|lines| lines.len() as f32 * line + gap).sum();
    let needed: f32 = all.iter().map(|panel| wanted(panel, all.len()) * unit).sum();
    let height = figure.height.map_or(title + between + needed + foot - gap, |height| height as f32);
    let stretched = ((height - title - between - foot + gap) / needed).max(0.1);
    let mut top = title;
    let mut frames = Vec::new();
    for (panel, lines) in all.iter().zip(legends) {
        top += lines.len() as f32 * line;
        let bottom = top + wanted(panel, all.len()) * unit * stretched;
        frames.push(Frame { top: top.round(), bottom: bottom.round() });
        top = bottom + gap;
    }
    (frames, height.round().max(1.0) as usize)
}

/// The widest label left of a panel.
fn widest(panel: &Panel<'_>, figure: &Figure, layout: &Layout) -> f32 {
    let wide = |text: &str| font::width(text, layout.letters());
    match panel {
        Panel::Curves(curves) => {
            let ticks = upright(curves, figure.logarithmic).ticks(6);
            ticks.iter().map(|(_, text)| wide(text)).fold(0.0, f32::max)
        }
        Panel::Strips(strips) => strips.iter().map(|strip| wide(strip.name())).fold(0.0, f32::max),
        Panel::Map(Series::Map { lines, .. }) => wide(&lines.len().to_string()),
        Panel::Map(_) => 0.0,
    }
}

/// The axis of curves.
fn upright(curves: &[&Series], logarithmic: bool) -> Axis {
    let ranges = curves.iter().filter_map(|curve| range(curve, logarithmic));
    let [low, high] = ranges.reduce(|[a, b], [c, d]| [a.min(c), b.max(d)]).unwrap_or([f64::NAN; 2]);
    Axis::over(low, high, logarithmic, true)
}

/// Colours of curves: those of kinds have the colours of their kinds.
fn colours(curves: &[&Series]) -> Vec<Colour> {
    colour::apart(curves.iter().map(|curve| curve.name().rsplit([' ', '.']).next().unwrap_or_default()))
}

fn legend(panel: &Panel<'_>) -> Vec<Entry> {
    match panel {
        Panel::Curves(curves) => {
            let named = curves.iter().zip(colours(curves));
            named.map(|(curve, colour)| Entry { name: curve.name().into(), mark: Swatch::Line(colour) }).collect()
        }
        Panel::Strips(strips) => {
            let mut entries: Vec<Entry> = Vec::new();
            for strip in strips {
                let Series::Strip { words, .. } = strip else { continue };
                let colours = colour::of_kinds(words.iter().map(String::as_str));
                for (word, colour) in words.iter().zip(colours) {
                    if !entries.iter().any(|entry| entry.name == *word) {
                        entries.push(Entry { name: word.clone(), mark: Swatch::Field(colour) });
                    }
                }
            }
            entries
        }
        Panel::Map(series) => {
            let Series::Map { lines, .. } = series else { return Vec::new() };
            let [low, high] = ends(lines);
            let name = Entry { name: series.name().into(), mark: Swatch::None };
            vec![name, Entry { name: String::new(), mark: Swatch::Ramp(written(low, None), written(high, None)) }]
        }
    }
}

/// How wide an entry is: its mark, and all of it.
fn width_of(entry: &Entry, layout: &Layout) -> (f32, f32) {
    let (unit, letters) = (layout.unit, layout.letters());
    let mark = match &entry.mark {
        Swatch::Line(_) => 22.0 * unit,
        Swatch::Field(_) => 12.0 * unit,
        Swatch::Ramp(low, high) => 132.0 * unit + font::width(low, letters) + font::width(high, letters),
        Swatch::None => 0.0,
    };
    let space = if mark > 0.0 { 6.0 * unit } else { 0.0 };
    (mark + space, mark + space + font::width(&entry.name, letters) + 20.0 * unit)
}

/// The entries, a line after another.
fn wrapped(entries: Vec<Entry>, layout: &Layout) -> Vec<Vec<Entry>> {
    let (mut lines, mut far): (Vec<Vec<Entry>>, f32) = (Vec::new(), f32::INFINITY);
    for entry in entries {
        let wide = width_of(&entry, layout).1;
        if far + wide > layout.right - layout.left {
            lines.push(Vec::new());
            far = 0.0;
        }
        far += wide;
        if let Some(line) = lines.last_mut() {
            line.push(entry);
        }
    }
    lines
}

fn show_legend(sheet: &mut Sheet, lines: &[Vec<Entry>], frame: &Frame, layout: &Layout) {
    let (unit, letters) = (layout.unit, layout.letters());
    for (number, line) in lines.iter().enumerate() {
        let base = frame.top - 8.0 * unit - (lines.len() - 1 - number) as f32 * 21.0 * unit;
        let middle = base - 0.5 * font::CAPITAL * letters;
        let mut x = layout.left;
        for entry in line {
            let (mark, whole) = width_of(entry, layout);
            match &entry.mark {
                Swatch::Line(colour) => sheet.line([[x, middle], [x + 22.0 * unit, middle]], 2.2 * unit, *colour),
                Swatch::Field(colour) => {
                    let half = 6.0 * unit;
                    sheet.rectangle([x, middle - half], [x + 2.0 * half, middle + half], *colour, 1.0);
                }
                Swatch::Ramp(low, high) => {
                    let from = x + font::width(low, letters) + 6.0 * unit;
                    sheet.text([x, base], low.clone(), letters, Anchor::Start, Colour::SOFT);
                    let (wide, high_at) = ((120.0 * unit) as usize, from + 126.0 * unit);
                    sheet.text([high_at, base], high.clone(), letters, Anchor::Start, Colour::SOFT);
                    let mut image = Canvas::new(wide, (10.0 * unit) as usize, Colour::WHITE);
                    for column in 0..wide {
                        let colour = Ramp::Viridis.at(column as f32 / (wide - 1) as f32);
                        (0..image.height() as i64).for_each(|row| image.put(column as i64, row, colour));
                    }
                    sheet.marks.push(Mark::Image { at: [from as i32, (middle - 5.0 * unit) as i32], image });
                }
                Swatch::None => {}
            }
            sheet.text([x + mark, base], entry.name.clone(), letters, Anchor::Start, Colour::INK);
            x += whole;
        }
    }
}

/// The axis along: its ticks, and under the last panel its numbers and its name.
fn show_along(sheet: &mut Sheet, frame: &Frame, name: Option<&str>, layout: &Layout) {
    let (unit, letters) = (layout.unit, layout.letters());
    let ticks = layout.along.ticks(((layout.right - layout.left) / (90.0 * unit)) as usize);
    for (number, text) in ticks {
        let x = (layout.x(number) as f32).floor() + 0.5;
        sheet.line([[x, frame.bottom], [x, frame.bottom + 4.0 * unit]], 1.0, Colour::LINE);
        if name.is_some() {
            let base = frame.bottom + 8.0 * unit + font::CAPITAL * letters;
            // At the end of the sheet it stands aside.
            let most = sheet.width as f32 - 0.5 * font::width(&text, letters) - 2.0 * unit;
            sheet.text([x.min(most), base], text, letters, Anchor::Middle, Colour::SOFT);
        }
    }
    if let Some(name) = name {
        let at = [0.5 * (layout.left + layout.right), frame.bottom + 26.0 * unit + font::CAPITAL * letters];
        sheet.text(at, name, letters, Anchor::Middle, Colour::INK);
    }
    sheet.frame([layout.left, frame.top], [layout.right, frame.bottom], Colour::LINE);
}

fn label(sheet: &mut Sheet, middle: f32, text: String, layout: &Layout) {
    let (letters, x) = (layout.letters(), layout.left - 9.0 * layout.unit);
    sheet.text([x, middle + 0.5 * font::CAPITAL * letters], text, letters, Anchor::End, Colour::SOFT);
}

fn show_curves(
    sheet: &mut Sheet,
    curves: &[&Series],
    chosen: &Chosen,
    (frame, figure): (&Frame, &Figure),
    layout: &Layout,
) {
    let unit = layout.unit;
    let axis = upright(curves, figure.logarithmic);
    let (top, bottom) = (f64::from(frame.top), f64::from(frame.bottom));
    let y = |number: f64| bottom - axis.share(number) * (bottom - top);
    let most = ((frame.bottom - frame.top) / (34.0 * unit)).clamp(2.0, 8.0) as usize;
    for (number, text) in axis.ticks(most) {
        let at = (y(number) as f32).floor() + 0.5;
        sheet.line([[layout.left, at], [layout.right, at]], 1.0, Colour::FAINT);
        label(sheet, at, text, layout);
    }
    for (curve, colour) in curves.iter().zip(colours(curves)) {
        let Series::Curve { numbers, band, .. } = curve else { continue };
        let at = |place: f64, number: f64| [layout.x(place), y(number)];
        if let Some(band) = band {
            let there = |which: usize| {
                let points = chosen.places.iter().zip(band).map(|(place, ends)| at(*place, ends[which]));
                thin::lines(points)
            };
            for (low, high) in there(0).into_iter().zip(there(1)) {
                let corners = low.into_iter().chain(high.into_iter().rev()).collect();
                sheet.marks.push(Mark::Area { corners, colour, share: 0.18 });
            }
        }
        let points = chosen.places.iter().zip(numbers).map(|(place, number)| at(*place, *number));
        for line in thin::lines(points) {
            match line[..] {
                [alone] => sheet.marks.push(Mark::Dot { at: alone, radius: 2.5 * unit, colour }),
                _ => sheet.line(line, 1.7 * unit, colour),
            }
        }
    }
}

/// The rows that fall on each column of pixels: the last one before it where there is none.
fn columns(chosen: &Chosen, layout: &Layout) -> Vec<std::ops::Range<usize>> {
    let wide = (layout.right - layout.left).max(1.0) as usize;
    let mut columns = Vec::with_capacity(wide);
    let mut row = 0;
    let at = |row: usize| layout.x(chosen.places[row]) - f64::from(layout.left);
    for column in 0..wide {
        let first = row;
        while row < chosen.places.len() && !at(row).partial_cmp(&((column + 1) as f64)).is_some_and(Ordering::is_ge) {
            row += 1;
        }
        let none = first == row;
        columns.push(if none { first.saturating_sub(1)..first.min(chosen.places.len()) } else { first..row });
    }
    columns
}

fn show_strips(sheet: &mut Sheet, strips: &[&Series], chosen: &Chosen, frame: &Frame, layout: &Layout) {
    let columns = columns(chosen, layout);
    let high = (frame.bottom - frame.top) / strips.len() as f32;
    for (number, strip) in strips.iter().enumerate() {
        let Series::Strip { name, kinds, words } = strip else { continue };
        let (top, bottom) = (frame.top + number as f32 * high, frame.top + (number + 1) as f32 * high);
        label(sheet, 0.5 * (top + bottom), name.clone(), layout);
        let edge = (0.16 * high).round();
        let rows = ((bottom - top - 2.0 * edge) as usize).max(1);
        let mut image = Canvas::new(columns.len(), rows, Colour::WHITE);
        let kinds_of = colour::of_kinds(words.iter().map(String::as_str));
        let truth = colour::of_word(name).unwrap_or(colour::KINDS[0]);
        for (column, range) in columns.iter().enumerate() {
            let all = kinds.get(range.clone()).unwrap_or_default();
            let there = all.iter().filter(|it| it.is_finite());
            let colour = match words.is_empty() {
                true => {
                    let share = there.clone().sum::<f64>() / there.count().max(1) as f64;
                    Colour::FAINT.mix(truth, share as f32)
                }
                false => {
                    let count = |kind: usize| there.clone().filter(|it| **it == kind as f64).count();
                    let most = (0..words.len()).rev().max_by_key(|kind| count(*kind)).filter(|kind| count(*kind) > 0);
                    most.map_or(Colour::WHITE, |kind| kinds_of[kind])
                }
            };
            (0..rows as i64).for_each(|row| image.put(column as i64, row, colour));
        }
        sheet.marks.push(Mark::Image { at: [layout.left as i32, (top + edge) as i32], image });
    }
}

/// From the lowest to the highest number of a map.
fn ends(lines: &[Vec<f64>]) -> [f64; 2] {
    let all = lines.iter().flatten().copied().filter(|number| number.is_finite());
    all.map(|it| [it, it]).reduce(|[a, b], [c, d]| [a.min(c), b.max(d)]).unwrap_or([0.0; 2])
}

fn show_map(sheet: &mut Sheet, map: &Series, chosen: &Chosen, frame: &Frame, layout: &Layout) {
    let Series::Map { lines, .. } = map else { return };
    let [low, high] = ends(lines);
    let columns = columns(chosen, layout);
    let tall = (frame.bottom - frame.top).max(1.0) as usize;
    let mut image = Canvas::new(columns.len(), tall, Colour::WHITE);
    // Where all are the same they are the lowest; what is no number stays none.
    let share = |number: f64| ((number - low) / if high > low { high - low } else { 1.0 }) as f32;
    for row in 0..tall {
        // Line 0 is at the bottom.
        let Some(line) = lines.get((tall - 1 - row) * lines.len() / tall) else { continue };
        for (column, range) in columns.iter().enumerate() {
            let all = line.get(range.clone()).unwrap_or_default();
            let there = all.iter().filter(|it| it.is_finite());
            let mean = there.clone().sum::<f64>() / there.count() as f64;
            image.put(column as i64, row as i64, Ramp::Viridis.at(share(mean)));
        }
    }
    sheet.marks.push(Mark::Image { at: [layout.left as i32, frame.top as i32], image });
    let axis = Axis { low: 0.0, high: lines.len().max(1) as f64, logarithmic: false };
    for (number, text) in axis.ticks(5) {
        let place = number + 0.5;
        if number.fract() == 0.0 && place < axis.high {
            let middle = frame.bottom - axis.share(place) as f32 * (frame.bottom - frame.top);
            label(sheet, middle, text, layout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::svg;

    fn curve(numbers: Vec<f64>) -> Series {
        Series::Curve { name: "a".into(), numbers, band: None }
    }

    fn draw(series: Vec<Series>, rows: usize, logarithmic: bool) -> Canvas {
        let places = (0..rows).map(|row| row as f64).collect();
        let chosen = Chosen { along: "frame".into(), places, series };
        let figure = Figure { title: "t".into(), width: 300, height: None, logarithmic };
        let sheet = plot(&chosen, &figure);
        assert!(svg::svg(&sheet).ends_with("</svg>\n"));
        sheet.painted()
    }

    #[test]
    fn odd_series_are_drawn_all_the_same() {
        let nan = f64::NAN;
        let odd = [
            vec![],
            vec![3.0],
            vec![nan],
            vec![5.0; 40],
            vec![0.0; 40],
            vec![nan, f64::INFINITY, f64::NEG_INFINITY, nan],
            vec![1.0, nan, 2.0, nan, 3.0],
            vec![-1e300, 1e300],
            vec![1e-300, 2e-300],
            vec![f64::MIN, f64::MAX],
            vec![-5.0, -4.0],
        ];
        for numbers in odd {
            for logarithmic in [false, true] {
                let rows = numbers.len();
                let strip =
                    Series::Strip { name: "b".into(), kinds: numbers.clone(), words: vec!["A".into(), "B".into()] };
                let truth = Series::Strip { name: "c".into(), kinds: numbers.clone(), words: Vec::new() };
                let map = Series::Map { name: "d".into(), lines: vec![numbers.clone(), numbers.clone()] };
                let band = numbers.iter().map(|it| [it - 1.0, it + 1.0]).collect();
                let banded = Series::Curve { name: "e".into(), numbers: numbers.clone(), band: Some(band) };
                draw(vec![curve(numbers.clone()), strip, truth, map, banded], rows, logarithmic);
            }
        }
    }

    #[test]
    fn a_peak_of_one_row_in_many_is_seen() {
        let with = |peak: f64| {
            let mut numbers = vec![1.0; 300_000];
            numbers[123_456] = peak;
            numbers[200_000] = 10.0;
            draw(vec![curve(numbers)], 300_000, false)
        };
        let (flat, peak) = (with(1.0), with(9.0));
        let x = (0..peak.width()).filter(|x| (0..peak.height()).any(|y| peak.at(*x, y) != flat.at(*x, y)));
        let columns: Vec<usize> = x.collect();
        assert!(!columns.is_empty() && columns.len() <= 4, "{columns:?}");
    }

    #[test]
    fn labels_do_not_lie_over_each_other() {
        let all = (0..12).map(|at| Series::Curve {
            name: format!("a_rather_long_name_{at}"),
            numbers: vec![f64::from(at) * 1e6, 3e7],
            band: None,
        });
        let chosen = Chosen { along: "frame".into(), places: vec![0.0, 1e6], series: all.collect() };
        let figure = Figure { title: "t".into(), width: 500, height: None, logarithmic: false };
        let sheet = plot(&chosen, &figure);
        let mut boxes: Vec<[f32; 4]> = Vec::new();
        for mark in &sheet.marks {
            let Mark::Text { at: [x, y], text, size, anchor, .. } = mark else { continue };
            let wide = font::width(text, *size);
            let left = match anchor {
                Anchor::Start => *x,
                Anchor::Middle => x - 0.5 * wide,
                Anchor::End => x - wide,
            };
            assert!(left >= 0.0 && left + wide <= 500.0, "{text} is cut off");
            let own = [left, y - font::CAPITAL * size, left + wide, *y];
            let apart = |it: &[f32; 4]| own[2] <= it[0] || it[2] <= own[0] || own[3] <= it[1] || it[3] <= own[1];
            assert!(boxes.iter().all(apart), "{text} lies over another");
            boxes.push(own);
        }
    }
}
