//! An animation, as a GIF: one palette for all of it, made of the colours that its pictures are made of; of each picture only what has
//! changed. It keeps one picture in memory, however many there are.

use std::collections::BTreeMap;
use std::io::{self, Write};

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use super::look::Look;
use crate::drawing::{Canvas, Colour};

/// Colours of a palette: one is kept for what stays as it was.
const COLOURS_MAX: usize = 255;

/// How much of a colour shows over white, in tenths, where its edges are smooth.
const SHARES: [u8; 5] = [10, 8, 6, 4, 2];

/// An animation that is being written.
pub struct Animation<W: Write> {
    encoder: Encoder<W>,
    palette: Vec<Colour>,
    /// The place of the nearest colour of those that were met.
    nearest: BTreeMap<Colour, u8>,
    size: [usize; 2],
    before: Option<Vec<u8>>,
    /// Hundredths of a second that a picture is seen.
    delay: u16,
}

fn refused(error: EncodingError) -> io::Error {
    match error {
        EncodingError::Io(error) => error,
        error => io::Error::other(error.to_string()),
    }
}

/// A lane by its seven high bits, from all to nothing.
fn seven(lane: u8) -> u8 {
    lane & 0xfe | lane >> 7
}

/// Colours for the pictures of a look: grey for text and lines, and each colour in shares over white.
fn palette(look: &Look) -> Vec<Colour> {
    let mut palette: Vec<Colour> = (0..24u32).map(|at| Colour::hex(at * 11 * 0x01_0101)).collect();
    palette.extend([Colour::WHITE, Colour::INK, Colour::SOFT, Colour::LINE, Colour::FAINT, Colour::NONE]);
    let colours = look.colours();
    for share in SHARES {
        palette.extend(colours.iter().map(|colour| Colour::WHITE.mix(*colour, f32::from(share) / 10.0)));
    }
    let mut seen = std::collections::BTreeSet::new();
    palette.retain(|colour| seen.insert(*colour));
    palette.truncate(COLOURS_MAX);
    palette
}

impl<W: Write> Animation<W> {
    /// Begins one for the pictures of a look.
    pub fn new(to: W, look: &Look, delay: u16) -> io::Result<Self> {
        let (palette, size) = (palette(look), look.size());
        // The last one is for what stays as it was.
        let bytes: Vec<u8> =
            palette.iter().chain([&Colour::WHITE]).flat_map(|colour| [colour.r, colour.g, colour.b]).collect();
        let side = |side: usize| {
            u16::try_from(side).map_err(|_| io::Error::other(format!("a GIF has at most {} pixels a side", u16::MAX)))
        };
        let mut encoder = Encoder::new(to, side(size[0])?, side(size[1])?, &bytes).map_err(refused)?;
        encoder.set_repeat(Repeat::Infinite).map_err(refused)?;
        Ok(Self { encoder, palette, nearest: BTreeMap::new(), size, before: None, delay })
    }

    /// Adds a picture.
    pub fn add(&mut self, canvas: &Canvas) -> io::Result<()> {
        let [width, height] = self.size;
        let fits = canvas.width() == width && canvas.height() == height;
        let pixels = match fits {
            true => self.places(canvas),
            // Another program shows something of another size.
            false => {
                let mut paper = Canvas::new(width, height, Colour::WHITE);
                paper.paste(canvas, 0, 0);
                self.places(&paper)
            }
        };
        let clear = self.palette.len() as u8;
        let shown: Vec<u8> = match &self.before {
            None => pixels.clone(),
            Some(before) => pixels.iter().zip(before).map(|(now, was)| if now == was { clear } else { *now }).collect(),
        };
        let changed = |line: &[u8]| line.iter().any(|place| *place != clear);
        let rows: Vec<usize> =
            shown.chunks(width).enumerate().filter(|(_, line)| changed(line)).map(|(row, _)| row).collect();
        // What has not changed at all is seen on for as long.
        let (top, bottom) = (rows.first().copied().unwrap_or(0), rows.last().map_or(1, |row| row + 1).min(height));
        let mut frame = Frame {
            width: width as u16,
            height: (bottom - top) as u16,
            top: top as u16,
            delay: self.delay,
            dispose: DisposalMethod::Keep,
            transparent: self.before.is_some().then_some(clear),
            buffer: shown[top * width..bottom * width].into(),
            ..Frame::default()
        };
        frame.palette = None;
        self.before = Some(pixels);
        self.encoder.write_frame(&frame).map_err(refused)
    }

    /// Writes its end.
    pub fn finish(self) -> io::Result<W> {
        self.encoder.into_inner().map_err(refused)
    }

    /// The place of each pixel's colour.
    fn places(&mut self, canvas: &Canvas) -> Vec<u8> {
        let mut last = (Colour::WHITE, self.place(Colour::WHITE));
        let mut place = |colour: Colour| {
            if colour != last.0 {
                last = (colour, self.place(colour));
            }
            last.1
        };
        canvas.pixels().iter().map(|colour| place(*colour)).collect()
    }

    fn place(&mut self, colour: Colour) -> u8 {
        // Seven bits a lane are as many as a palette of this size tells apart, and keep the list short.
        let coarse = Colour { r: seven(colour.r), g: seven(colour.g), b: seven(colour.b) };
        let palette = &self.palette;
        *self.nearest.entry(coarse).or_insert_with(|| {
            let far = |other: &Colour| {
                let lane = |a: u8, b: u8, weight: u32| weight * u32::from(a.abs_diff(b)) * u32::from(a.abs_diff(b));
                lane(coarse.r, other.r, 3) + lane(coarse.g, other.g, 4) + lane(coarse.b, other.b, 2)
            };
            let nearest = palette.iter().enumerate().min_by_key(|(_, other)| far(other));
            nearest.map_or(0, |(place, _)| place as u8)
        })
    }
}

#[cfg(test)]
mod tests {
    use diptych_protocol::program::Scene;
    use diptych_protocol::space::Space;

    use super::*;

    fn pictures() -> [Canvas; 4] {
        let first = Canvas::new(64, 40, Colour::WHITE);
        let mut second = first.clone();
        (0..10).for_each(|at| second.put(at, 20, Colour::INK));
        let mut third = second.clone();
        third.put(3, 5, Colour::INK);
        third.put(4, 20, Colour::WHITE);
        [first, second, third.clone(), third]
    }

    #[test]
    fn an_animation_shows_each_picture() {
        let scene = Scene { size: Some([64, 40]), ..Scene::default() };
        let look = Look { title: String::new(), space: Space::open(2), dimensions: 2, scene, layers: Vec::new() };
        let mut animation = Animation::new(Vec::new(), &look, 7).unwrap();
        pictures().iter().for_each(|picture| animation.add(picture).unwrap());
        let bytes = animation.finish().unwrap();
        let mut options = gif::DecodeOptions::new();
        options.set_color_output(gif::ColorOutput::RGBA);
        let mut decoder = options.read_info(&bytes[..]).unwrap();
        let mut seen = Canvas::new(64, 40, Colour::hex(0xff_0000));
        let mut count = 0;
        while let Some(frame) = decoder.read_next_frame().unwrap() {
            assert_eq!(frame.delay, 7);
            for (at, pixel) in frame.buffer.chunks(4).enumerate().filter(|(_, pixel)| pixel[3] > 0) {
                let (x, y) = (at % usize::from(frame.width), at / usize::from(frame.width));
                let colour = Colour { r: pixel[0], g: pixel[1], b: pixel[2] };
                seen.put((x + usize::from(frame.left)) as i64, (y + usize::from(frame.top)) as i64, colour);
            }
            assert!(seen == pictures()[count], "picture {count}");
            count += 1;
        }
        assert_eq!(count, 4);
    }
}
