//! Colours: of numbers by ramps that are even to the eye, of kinds by a palette that colour-blind people can tell apart.

use std::sync::OnceLock;

/// Red, green and blue, as sRGB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs)]
pub struct Colour {
    pub r: u8,
    pub g: u8,
    pub b: u8,
}

impl Colour {
    /// Paper.
    pub const WHITE: Colour = Colour::hex(0xff_ffff);
    /// Text and axes.
    pub const INK: Colour = Colour::hex(0x26_2626);
    /// Text beside.
    pub const SOFT: Colour = Colour::hex(0x5a_5a5a);
    /// Outlines.
    pub const LINE: Colour = Colour::hex(0x9a_9a9a);
    /// Lines behind curves.
    pub const FAINT: Colour = Colour::hex(0xe4_e4e4);
    /// What there is nothing to say of: values that are no numbers.
    pub const NONE: Colour = Colour::hex(0xd9_d9d9);

    /// `0xrrggbb`
    pub const fn hex(rgb: u32) -> Self {
        Self { r: (rgb >> 16) as u8, g: (rgb >> 8) as u8, b: rgb as u8 }
    }

    /// On the way from this one, at 0, to another, at 1.
    #[must_use]
    pub fn mix(self, other: Colour, share: f32) -> Self {
        let one = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share.clamp(0.0, 1.0) + 0.5) as u8;
        Self { r: one(self.r, other.r), g: one(self.g, other.g), b: one(self.b, other.b) }
    }

    /// `#rrggbb`
    pub fn css(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }
}

/// Colours of kinds, by M. Okabe and K. Ito, Color Universal Design, 2008 (without the yellow, which is lost on white), in an order that
/// keeps neighbours apart.
pub const KINDS: [Colour; 8] = [
    Colour::hex(0x00_72b2), // blue
    Colour::hex(0xd5_5e00), // vermilion
    Colour::hex(0x00_9e73), // green
    Colour::hex(0xcc_79a7), // purple
    Colour::hex(0xe6_9f00), // orange
    Colour::hex(0x56_b4e9), // sky
    Colour::hex(0x7f_6a4e), // brown
    Colour::hex(0x40_4040), // black
];

/// What has no kind: the first variant of an enum, what is false.
pub const REST: Colour = Colour::hex(0xc4_c7cb);

/// Names that have a colour in everybody's head, in small letters.
const WORDS: [(&str, Colour); 42] = [
    ("empty", Colour::hex(0xee_eeec)),
    ("nobody", Colour::hex(0xee_eeec)),
    ("none", Colour::hex(0xee_eeec)),
    ("dead", Colour::hex(0xb0_b0b0)),
    ("ash", Colour::hex(0x55_5555)),
    ("burnt", Colour::hex(0x55_5555)),
    ("wall", Colour::hex(0x4a_4a4a)),
    ("black", Colour::hex(0x26_2626)),
    ("alive", Colour::hex(0x1f_3a5f)),
    ("tree", Colour::hex(0x3f_9a5f)),
    ("forest", Colour::hex(0x3f_9a5f)),
    ("grass", Colour::hex(0x6c_ae60)),
    ("grown", Colour::hex(0x6c_ae60)),
    ("green", Colour::hex(0x00_9e73)),
    ("fire", Colour::hex(0xe2_5822)),
    ("burning", Colour::hex(0xe2_5822)),
    ("red", Colour::hex(0xd4_3d2a)),
    ("reds", Colour::hex(0xd4_3d2a)),
    ("blue", Colour::hex(0x2b_6cb0)),
    ("blues", Colour::hex(0x2b_6cb0)),
    ("water", Colour::hex(0x4f_9fd6)),
    ("s", Colour::hex(0xb9_c4ce)),
    ("susceptible", Colour::hex(0xb9_c4ce)),
    ("well", Colour::hex(0xb9_c4ce)),
    ("healthy", Colour::hex(0xb9_c4ce)),
    ("e", Colour::hex(0xe6_9f00)),
    ("exposed", Colour::hex(0xe6_9f00)),
    ("i", Colour::hex(0xd5_5e00)),
    ("ill", Colour::hex(0xd5_5e00)),
    ("sick", Colour::hex(0xd5_5e00)),
    ("infected", Colour::hex(0xd5_5e00)),
    ("infectious", Colour::hex(0xd5_5e00)),
    ("illness", Colour::hex(0xd5_5e00)),
    ("fever", Colour::hex(0xd5_5e00)),
    ("r", Colour::hex(0x00_72b2)),
    ("recovered", Colour::hex(0x00_72b2)),
    ("immune", Colour::hex(0x00_72b2)),
    ("immunity", Colour::hex(0x00_72b2)),
    ("door", Colour::hex(0xe6_9f00)),
    ("food", Colour::hex(0x00_9e73)),
    ("white", Colour::hex(0xf4_f4f4)),
    ("yellow", Colour::hex(0xe0_c000)),
];

/// The colour that a name has by itself.
pub fn of_word(name: &str) -> Option<Colour> {
    let name = name.to_lowercase();
    WORDS.iter().find(|(word, _)| *word == name).map(|(_, colour)| *colour)
}

/// A colour each for names: their own, else one that no other of them has, as far as there are any.
pub fn apart<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Colour> {
    let known: Vec<Option<Colour>> = names.into_iter().map(of_word).collect();
    let mut free = KINDS.iter().copied().filter(|colour| !known.contains(&Some(*colour)));
    known.iter().map(|known| known.or_else(|| free.next()).unwrap_or(Colour::LINE)).collect()
}

/// The same for variants: of three or more the first is what the others are not, so it is pale, unless it has a colour by its name.
pub fn of_kinds<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Colour> {
    let names: Vec<&str> = names.into_iter().collect();
    match names[..] {
        [first, ref others @ ..] if others.len() > 1 && of_word(first).is_none() => {
            std::iter::once(REST).chain(apart(others.iter().copied())).collect()
        }
        _ => apart(names),
    }
}

/// A way from little to much that is even to the eye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ramp {
    /// From dark violet over green to yellow: van der Walt and Smith's viridis, without the lightest end, which is lost on white.
    Viridis,
    /// From white to slate: the ground that something else stands on.
    Pale,
}

/// Colours of a ramp.
const STEPS: usize = 256;

impl Ramp {
    /// The colour of a share, 0 to 1. Of what is no number it is that of nothing.
    pub fn at(self, share: f32) -> Colour {
        if share.is_nan() {
            return Colour::NONE;
        }
        self.table()[(share.clamp(0.0, 1.0) * (STEPS - 1) as f32 + 0.5) as usize]
    }

    fn table(self) -> &'static [Colour; STEPS] {
        static VIRIDIS: OnceLock<[Colour; STEPS]> = OnceLock::new();
        static PALE: OnceLock<[Colour; STEPS]> = OnceLock::new();
        let share = |step: usize| step as f32 / (STEPS - 1) as f32;
        match self {
            Ramp::Viridis => VIRIDIS.get_or_init(|| std::array::from_fn(|step| viridis(0.94 * share(step)))),
            Ramp::Pale => PALE.get_or_init(|| {
                let (from, over, to) = (Colour::hex(0xfa_faf8), Colour::hex(0xc6_d5de), Colour::hex(0x7d_9fb5));
                std::array::from_fn(|step| match share(step) {
                    low if low < 0.5 => from.mix(over, 2.0 * low),
                    high => over.mix(to, 2.0 * high - 1.0),
                })
            }),
        }
    }
}

/// Polynomials in the share that come within 2 of 255 of the table of viridis (S. van der Walt and N. Smith, 2015, in the public
/// domain), a factor a power.
const VIRIDIS: [[f32; 3]; 7] = [
    [0.277_727_33, 0.005_407_344_4, 0.334_099_8],
    [0.105_093_04, 1.404_613_5, 1.384_590_1],
    [-0.330_861_83, 0.214_847_56, 0.095_095_165],
    [-4.634_230_6, -5.799_101, -19.332_441],
    [6.228_269_6, 14.179_933, 56.690_55],
    [4.776_385, -13.745_145, -65.353_03],
    [-5.435_456, 4.645_852_6, 26.312_435],
];

fn viridis(share: f32) -> Colour {
    let one = |lane: usize| {
        let value = VIRIDIS.iter().rev().fold(0.0, |sum, factor| sum * share + factor[lane]);
        (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
    };
    Colour { r: one(0), g: one(1), b: one(2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_is_viridis() {
        // Of the table as it is published: its first, its middle and its last but a few colours.
        for (share, known) in [(0.0, 0x44_0154), (0.5, 0x21_908d), (0.25, 0x3b_528b), (0.75, 0x5d_c963)] {
            let (found, known) = (viridis(share), Colour::hex(known));
            let far = |a: u8, b: u8| a.abs_diff(b);
            let most = far(found.r, known.r).max(far(found.g, known.g)).max(far(found.b, known.b));
            assert!(most <= 4, "{share}: {} is not {}", found.css(), known.css());
        }
        assert_eq!(Ramp::Viridis.at(f32::NAN), Colour::NONE);
        assert_eq!(Ramp::Viridis.at(-3.0), Ramp::Viridis.at(0.0));
        assert_eq!(Ramp::Pale.at(7.0), Ramp::Pale.at(1.0));
    }

    #[test]
    fn ramps_grow_evenly_lighter_or_darker() {
        let light = |c: Colour| 0.299 * f32::from(c.r) + 0.587 * f32::from(c.g) + 0.114 * f32::from(c.b);
        for (ramp, sign) in [(Ramp::Viridis, 1.0), (Ramp::Pale, -1.0)] {
            let all: Vec<f32> = (0..=16).map(|at| sign * light(ramp.at(at as f32 / 16.0))).collect();
            assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{ramp:?}: {all:?}");
        }
    }

    #[test]
    fn kinds_have_the_colours_of_their_names_and_else_ones_of_their_own() {
        let forest = of_kinds(["Empty", "Tree", "Fire"]);
        assert_eq!(forest[1], of_word("tree").unwrap());
        let any = of_kinds(["A", "B", "C", "D", "Blue"]);
        assert_eq!(any[0], REST);
        let mut apart = any.clone();
        apart.sort();
        apart.dedup();
        assert_eq!(apart.len(), any.len());
        assert_eq!(of_kinds(["A", "B"]), KINDS[..2]);
    }
}
