//! Quantiles, by radix selection: the digits of the wanted row's key are found one after another.

use diptych_protocol::reduction::{DIGIT_BITS, DIGIT_VALUES, Keys};
use diptych_protocol::state_view::Pick;
use diptych_protocol::types::Scalar;

use super::Rows;
use crate::body::block::Values;

/// Counts, a value of a digit each.
pub(super) type Counts = [u32; DIGIT_VALUES];

/// One quantile.
#[derive(Clone, Copy)]
pub(super) struct Quantile {
    scalar: Scalar,
    pub(super) keys: Keys,
    share: f64,
}

/// The first of so many rows, counted from 1, with which at least this share of them is reached; of none, 0. The product of
/// share and rows may be rounded up (0.07 of 100 is a little more than 7): what decides is the quotient.
fn rank(share: f64, rows: u64) -> u64 {
    let reached = |rank: u64| rank as f64 / rows as f64 >= share;
    let near = ((share * rows as f64).ceil() as u64).clamp(1.min(rows), rows);
    let near = if near > 1 && reached(near - 1) { near - 1 } else { near };
    if near < rows && !reached(near) { near + 1 } else { near }
}

/// A value of a column, as a key.
trait Key: Copy {
    /// Nothing of NaN.
    fn key(self) -> Option<u64>;
}

macro_rules! integer_keys {
    ($($t:ty, $low:expr);*) => {
        $(impl Key for $t {
            #[inline]
            fn key(self) -> Option<u64> {
                Some((i64::from(self) - $low) as u64)
            }
        })*
    };
}
integer_keys!(i8, i64::from(i8::MIN); i16, i64::from(i16::MIN); i32, i64::from(i32::MIN); u8, 0; u16, 0; u32, 0);

macro_rules! float_keys {
    ($($t:ty, $bits:ty);*) => {
        $(impl Key for $t {
            // Where the sign is set, larger bits are smaller numbers.
            #[inline]
            fn key(self) -> Option<u64> {
                let (bits, sign) = (self.to_bits(), 1 << (<$bits>::BITS - 1));
                (!self.is_nan()).then(|| u64::from(if bits & sign == 0 { bits | sign } else { !bits }))
            }
        })*
    };
}
float_keys!(f32, u32; f64, u64);

impl Quantile {
    /// Of values of a type.
    pub(super) fn new(scalar: Scalar, share: f64) -> Self {
        Self { scalar, keys: Keys::of(scalar), share }
    }

    /// Counts rows by a digit, if what is known of the key so far is theirs.
    pub(super) fn count(&self, digit: u32, known: Option<Pick>, rows: Rows<'_>, counts: &mut Counts) {
        let Some(values) = rows.values else { return };
        match values {
            Values::F32(v) => self.count_keys(digit, known, rows, v, counts),
            Values::F64(v) => self.count_keys(digit, known, rows, v, counts),
            Values::I8(v) => self.count_keys(digit, known, rows, v, counts),
            Values::I16(v) => self.count_keys(digit, known, rows, v, counts),
            Values::I32(v) => self.count_keys(digit, known, rows, v, counts),
            Values::U8(v) | Values::Bool(v) => self.count_keys(digit, known, rows, v, counts),
            Values::U16(v) => self.count_keys(digit, known, rows, v, counts),
            Values::U32(v) => self.count_keys(digit, known, rows, v, counts),
        }
    }

    fn count_keys<T: Key>(&self, digit: u32, known: Option<Pick>, rows: Rows<'_>, values: &[T], counts: &mut Counts) {
        let (shift, width) = (self.keys.shift(digit), self.keys.width(digit));
        let mask = (1 << width) - 1;
        match known {
            None => rows.each(values, |x| {
                if let Some(key) = x.key() {
                    counts[(key >> shift) as usize % DIGIT_VALUES] += 1;
                }
            }),
            Some(Pick { rank: 0, .. }) => {}
            Some(Pick { prefix, .. }) => rows.each(values, |x| {
                if let Some(key) = x.key().filter(|key| key >> (shift + width) == prefix) {
                    counts[(key >> shift) as usize & mask] += 1;
                }
            }),
        }
    }

    /// Finds a digit from what the rows came to, and from what was known before.
    pub(super) fn pick(&self, digit: u32, known: Option<Pick>, counts: &Counts) -> Pick {
        let known = known.unwrap_or_else(|| {
            let rows: u64 = counts.iter().map(|count| u64::from(*count)).sum();
            Pick { prefix: 0, rank: rank(self.share, rows) }
        });
        let mut rank = known.rank;
        for (value, count) in (0..).zip(counts) {
            // Rank 0 is nobody's.
            if (1..=u64::from(*count)).contains(&rank) {
                return Pick { prefix: known.prefix << self.keys.width(digit) | value, rank };
            }
            rank = rank.saturating_sub(u64::from(*count));
        }
        Pick::default()
    }

    /// The value of the row that was found.
    pub(super) fn result(&self, found: Pick) -> f64 {
        let key = found.prefix;
        match self.scalar {
            _ if found.rank == 0 => f64::NAN,
            Scalar::F32 => {
                let (key, sign) = (key as u32, 1 << 31);
                f64::from(f32::from_bits(if key & sign == 0 { !key } else { key ^ sign }))
            }
            Scalar::F64 => {
                let sign = 1 << 63;
                f64::from_bits(if key & sign == 0 { !key } else { key ^ sign })
            }
            Scalar::I8 | Scalar::I16 | Scalar::I32 => (key as i64 - (1 << (self.keys.bits - 1))) as f64,
            Scalar::U8 | Scalar::U16 | Scalar::U32 | Scalar::Bool => key as f64,
        }
    }
}

const _: () = assert!(DIGIT_VALUES == 1 << DIGIT_BITS);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reduce::tests::Numbers;

    /// As the stages of a frame do it, of rows in two parts.
    fn found(share: f64, values: Values<'_>, kept: Option<&[u8]>) -> f64 {
        let quantile = Quantile::new(values.scalar(), share);
        let half = values.len() / 2;
        let parts = [0..half, half..values.len()];
        let rows = parts.map(|part| Rows {
            count: part.len(),
            values: Some(values.range(part.clone())),
            kept: kept.map(|kept| &kept[part]),
        });
        let mut known = None;
        for digit in 0..quantile.keys.digits() {
            let mut counts = [0; DIGIT_VALUES];
            rows.iter().for_each(|rows| quantile.count(digit, known, *rows, &mut counts));
            known = Some(quantile.pick(digit, known, &counts));
        }
        quantile.result(known.unwrap())
    }

    /// The smallest value that has at least this share of the rows at or below it.
    fn plain(share: f64, mut values: Vec<f64>) -> f64 {
        values.retain(|x| !x.is_nan());
        values.sort_by(f64::total_cmp);
        let enough = |at: usize| (at + 1) as f64 >= share * values.len() as f64;
        (0..values.len()).find(|&at| enough(at)).map_or(f64::NAN, |at| values[at])
    }

    const SHARES: [f64; 9] = [0.0, 1e-9, 0.1, 0.25, 1.0 / 3.0, 0.5, 0.75, 0.999, 1.0];

    #[test]
    fn quantiles_are_those_of_the_sorted_rows() {
        const SPECIAL: [f64; 10] =
            [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 5e-324, -5e-324, 1e300, -1e300];
        let mut numbers = Numbers(4);
        for rows in [0usize, 1, 2, 3, 10, 100, 1_001] {
            for special in [0.0, 0.3, 1.0] {
                let mut any = || match numbers.unit() {
                    x if x < special => SPECIAL[(numbers.unit() * 10.0) as usize],
                    // Few of them differ.
                    x if x > 0.8 => (numbers.unit() * 4.0).floor(),
                    _ => (numbers.unit() - 0.5) * 1e3,
                };
                let wide: Vec<f64> = (0..rows).map(|_| any()).collect();
                let narrow: Vec<f32> = wide.iter().map(|x| *x as f32).collect();
                let kept: Vec<u8> = (0..rows).map(|_| u8::from(numbers.unit() < 0.6)).collect();
                for share in SHARES {
                    let bits = |x: f64| if x.is_nan() { 0x7ff8 << 48 } else { x.to_bits() };
                    assert_eq!(bits(found(share, Values::F64(&wide), None)), bits(plain(share, wide.clone())));
                    let counted = wide.iter().zip(&kept).filter(|(_, kept)| **kept != 0).map(|(x, _)| *x).collect();
                    assert_eq!(bits(found(share, Values::F64(&wide), Some(&kept))), bits(plain(share, counted)));
                    let narrowed = narrow.iter().map(|x| f64::from(*x)).collect();
                    assert_eq!(bits(found(share, Values::F32(&narrow), None)), bits(plain(share, narrowed)));
                }
            }
        }
    }

    #[test]
    fn quantiles_of_integers_keep_their_order_across_zero() {
        let mut numbers = Numbers(5);
        let bits: Vec<u32> = (0..501).map(|_| (numbers.unit() * 4_294_967_296.0) as u32).collect();
        macro_rules! of {
            ($($variant:ident $t:ty),*) => {
                $(let all: Vec<$t> = [<$t>::MIN, <$t>::MAX, 0].into_iter().chain(bits.iter().map(|x| *x as $t)).collect();
                for share in SHARES {
                    let expected = plain(share, all.iter().map(|x| f64::from(*x)).collect());
                    assert_eq!(found(share, Values::$variant(&all), None), expected, "{share} of {}", stringify!($t));
                })*
            };
        }
        of!(I8 i8, I16 i16, I32 i32, U8 u8, U16 u16, U32 u32);
    }
}
