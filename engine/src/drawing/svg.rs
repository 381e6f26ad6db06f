//! A sheet as an SVG: text stays text, images are PNGs within.

use std::fmt::Write as _;

use super::font;
use super::sheet::{Anchor, Mark, Sheet};

/// The file.
pub fn svg(sheet: &Sheet) -> String {
    let (width, height) = (sheet.width, sheet.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"{}\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        font::FAMILY
    );
    for mark in &sheet.marks {
        // Writing to a text cannot fail.
        let _ = write(&mut out, mark);
    }
    out + "</svg>\n"
}

fn write(out: &mut String, mark: &Mark) -> std::fmt::Result {
    match mark {
        Mark::Line { points, width, colour, share } => {
            write!(out, "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\"", path(points), colour.css())?;
            write!(out, " stroke-width=\"{}\" stroke-linejoin=\"round\"", short(*width))?;
            writeln!(out, "{}/>", opacity("stroke", *share))
        }
        Mark::Area { corners, colour, share } => {
            write!(out, "<polygon points=\"{}\" fill=\"{}\"", path(corners), colour.css())?;
            writeln!(out, "{}/>", opacity("fill", *share))
        }
        Mark::Dot { at: [x, y], radius, colour } => {
            let [x, y, radius] = [*x, *y, *radius].map(short);
            writeln!(out, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"{}\"/>", colour.css())
        }
        Mark::Text { at: [x, y], text, size, anchor, colour, turned } => {
            let ([x, y, size], colour) = ([*x, *y, *size].map(short), colour.css());
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let turned = if *turned { format!(" transform=\"rotate(-90 {x} {y})\"") } else { String::new() };
            write!(out, "<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\" fill=\"{colour}\"{anchor}{turned}>")?;
            writeln!(out, "{}</text>", escaped(text))
        }
        Mark::Image { at: [x, y], image } => {
            let (width, height) = (image.width(), image.height());
            write!(out, "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"")?;
            writeln!(
                out,
                " style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>",
                base64(&image.png())
            )
        }
    }
}

fn path(points: &[[f32; 2]]) -> String {
    points.iter().map(|[x, y]| format!("{},{}", short(*x), short(*y))).collect::<Vec<_>>().join(" ")
}

/// With at most two digits behind the point.
fn short(number: f32) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn opacity(of: &str, share: f32) -> String {
    if share >= 1.0 { String::new() } else { format!(" {of}-opacity=\"{}\"", short(share)) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::Colour;

    #[test]
    fn bytes_are_written_in_base_64() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn marks_are_written_in_their_order_and_text_is_escaped() {
        let mut sheet = Sheet::new(20, 10);
        sheet.line([[0.0, 1.5], [3.25, 4.126]], 1.0, Colour::hex(0x123456));
        sheet.text([5.0, 6.0], "a < b & c", 12.0, Anchor::End, Colour::INK);
        let text = svg(&sheet);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[2].starts_with("<polyline points=\"0,1.5 3.25,4.13\" fill=\"none\" stroke=\"#123456\""),
            "{text}"
        );
        assert!(lines[3].ends_with("text-anchor=\"end\">a &lt; b &amp; c</text>"), "{text}");
    }
}
