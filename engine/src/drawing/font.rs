//! Text: Ubuntu Light, which travels with the engine (under the Ubuntu Font Licence 1.0). So text looks the same on a machine without
//! any fonts.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, OutlineCurve, point};

use super::shape::Shape;

/// What it is called where others set the text: in an SVG.
pub const FAMILY: &str = "Ubuntu, 'DejaVu Sans', Helvetica, Arial, sans-serif";

/// How high capitals are, a share of the size.
pub const CAPITAL: f32 = 0.69;

fn font() -> &'static FontRef<'static> {
    static FONT: OnceLock<FontRef<'static>> = OnceLock::new();
    #[expect(clippy::expect_used, reason = "it is part of the program, and a test reads it")]
    FONT.get_or_init(|| FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).expect("a font"))
}

/// The letters of a text, each with how far it stands from the beginning.
fn letters(text: &str, size: f32) -> (Vec<(GlyphId, f32)>, f32, f32) {
    let font = font();
    let scale = size / font.units_per_em().unwrap_or(1000.0);
    let (mut letters, mut far, mut before) = (Vec::new(), 0.0, None);
    for letter in text.chars() {
        let glyph = font.glyph_id(letter);
        far += before.map_or(0.0, |before| scale * font.kern_unscaled(before, glyph));
        letters.push((glyph, far));
        far += scale * font.h_advance_unscaled(glyph);
        before = Some(glyph);
    }
    (letters, far, scale)
}

/// How wide a text is, in pixels.
pub fn width(text: &str, size: f32) -> f32 {
    letters(text, size).1
}

/// A text that begins at a point of its base line; `turned`, it runs upwards.
pub fn shape(text: &str, [x, y]: [f32; 2], size: f32, turned: bool) -> Shape {
    let (letters, _, scale) = letters(text, size);
    let mut shape = Shape::default();
    for (glyph, far) in letters {
        let placed = |at: ab_glyph::Point| {
            let (along, up) = (far + at.x * scale, at.y * scale);
            if turned { point(x - up, y - along) } else { point(x + along, y - up) }
        };
        let outline = font().outline(glyph).map_or_else(Vec::new, |outline| outline.curves);
        shape.add_curves(outline.into_iter().map(|curve| match curve {
            OutlineCurve::Line(a, b) => OutlineCurve::Line(placed(a), placed(b)),
            OutlineCurve::Quad(a, b, c) => OutlineCurve::Quad(placed(a), placed(b), placed(c)),
            OutlineCurve::Cubic(a, b, c, d) => OutlineCurve::Cubic(placed(a), placed(b), placed(c), placed(d)),
        }));
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_labels_has_a_shape() {
        let letters = "abcXYZ0123456789.,-−·×∞⁰¹²³⁴⁵⁶⁷⁸⁹¯[]()_%äé…";
        let missing: String = letters.chars().filter(|letter| font().glyph_id(*letter) == GlyphId(0)).collect();
        assert_eq!(missing, "");
    }

    #[test]
    fn text_is_as_wide_as_it_is_drawn() {
        let (mut left, mut right) = (i64::MAX, i64::MIN);
        shape("polarisation", [10.0, 50.0], 20.0, false).covered(400, 100, |x, _, _| {
            (left, right) = (left.min(x), right.max(x));
        });
        let drawn = (right - left) as f32;
        assert!((drawn - width("polarisation", 20.0)).abs() < 4.0, "{drawn}");
    }
}
