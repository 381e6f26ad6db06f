//! Random numbers are addressed, not drawn: a pure function of (seed, entity, tick, site, loop index).
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3",
//! SC 2011), counter-based: key = the seed, counter = the address. So a draw does not depend on which rows were
//! drawn before it, on which worker, in which order.

/// Rounds of a block.
pub const ROUNDS: u32 = 10;
/// What the first and the third word of a round are multiplied with.
pub const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What is added to the key from round to round.
pub const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// A block of four words: Philox4x32 with ten rounds.
#[inline(always)]
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (mut c, mut k) = (counter, key);
    for round in 0..ROUNDS {
        if round > 0 {
            k = [k[0].wrapping_add(WEYL[0]), k[1].wrapping_add(WEYL[1])];
        }
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c[0]);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c[2]);
        c = [(p1 >> 32) as u32 ^ c[1] ^ k[0], p1 as u32, (p0 >> 32) as u32 ^ c[3] ^ k[1], p0 as u32];
    }
    c
}

/// Where a draw stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// The scenario's seed.
    pub seed: u64,
    /// The entity's index within its group.
    pub entity: u32,
    /// The tick.
    pub tick: u32,
    /// The call's place, see [`site`].
    pub site: u32,
    /// The index of the enclosing loop's turn; 0 outside of loops.
    pub turn: u32,
}

impl Address {
    /// The block of this address: lane 0 of a draw uses words 0 (and 1), lane 1 words 2 (and 3).
    #[inline(always)]
    pub fn block(self) -> [u32; 4] {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        philox4x32_10([self.entity, self.tick, self.site, self.turn], key)
    }
}

/// The number of a call's place: the low 32 bits of XXH3-64 of its symbolic path, such as `particles/Position/0`
/// (group, component, ordinal of the draw in that initialiser). Nothing unrelated changes it.
pub fn site(path: &str) -> u32 {
    twox_hash::XxHash3_64::oneshot(path.as_bytes()) as u32
}

/// A number in `0 <= u < 1` of 24 bits, from a lane of a block.
#[inline(always)]
pub fn uniform_f32(block: [u32; 4], lane: u8) -> f32 {
    let bits = if lane == 0 { block[0] } else { block[2] };
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// A number in `0 <= u < 1` of 53 bits, from a lane of a block: the first word is the low half.
#[inline(always)]
pub fn uniform_f64(block: [u32; 4], lane: u8) -> f64 {
    let (low, high) = if lane == 0 { (block[0], block[1]) } else { (block[2], block[3]) };
    let bits = u64::from(high) << 32 | u64::from(low);
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_answers_as_published() {
        // `kat_vectors` of Random123 1.14, the lines `philox4x32 10`.
        let known = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in known {
            assert_eq!(philox4x32_10(counter, key), expected);
        }
    }

    #[test]
    fn draws_stay_below_one() {
        let high = [u32::MAX; 4];
        for lane in [0, 1] {
            assert_eq!(uniform_f32([0; 4], lane), 0.0);
            assert_eq!(uniform_f64([0; 4], lane), 0.0);
            assert_eq!(uniform_f32(high, lane), 1.0 - f32::EPSILON / 2.0);
            assert_eq!(uniform_f64(high, lane), 1.0 - f64::EPSILON / 2.0);
        }
    }

    #[test]
    fn lanes_use_their_own_words() {
        let block = [1 << 31, 0, 0, 1 << 30];
        assert_eq!(uniform_f32(block, 0), 0.5);
        assert_eq!(uniform_f32(block, 1), 0.0);
        assert_eq!(uniform_f64(block, 1), 0.25);
    }

    #[test]
    fn every_part_of_the_address_matters() {
        let address = Address { seed: 7, entity: 1, tick: 1, site: site("particles/Position/0"), turn: 0 };
        let others = [
            Address { seed: 7 | 1 << 40, ..address },
            Address { entity: 2, ..address },
            Address { tick: 2, ..address },
            Address { site: site("particles/Position/1"), ..address },
            Address { turn: 1, ..address },
        ];
        for other in others {
            assert_ne!(address.block(), other.block());
        }
    }

    #[test]
    fn the_number_of_a_site_is_pinned() {
        // Moving it would change the draws of every scenario.
        assert_eq!(site("particles/Position/0"), 611_034_823);
    }
}
