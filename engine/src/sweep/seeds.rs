//! The seeds of replicates: no two runs of a sweep have the same one, which is a matter of arithmetic and not of luck.
//!
//! A run's place, its point and its replicate, is one number of 64 bits: no two runs have the same. It is combined with the
//! plan's seed by exclusive or, and mixed by a bijection of the 64-bit numbers (the finaliser of SplitMix64, Steele, Lea and
//! Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014): different numbers stay different ones. A run's seed
//! depends on its own place alone, so that more replicates leave the seeds of those before as they were.

use serde::{Deserialize, Serialize};

/// How the replicates of points are seeded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seeding {
    /// Each run has a seed of its own.
    #[default]
    Distinct,
    /// Common random numbers: replicate r has the same seed at every point, and each replicate another one.
    Common,
}

/// A bijection of the 64-bit numbers: a shift combined with what it is shifted from, and an odd factor, can both be undone.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The seed of a run.
pub fn seed(plan: u64, how: Seeding, point: u32, replicate: u32) -> u64 {
    let point = match how {
        Seeding::Distinct => point,
        Seeding::Common => 0,
    };
    mix(mix(plan) ^ (u64::from(point) << 32 | u64::from(replicate)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// What undoes [`mix`]: there is none for what is no bijection.
    fn unmix(x: u64) -> u64 {
        let unshift = |x: u64, by: u32| (0..64 / by).fold(x, |known, _| x ^ (known >> by));
        // The inverses of the factors modulo 2^64.
        let x = unshift(x, 31).wrapping_mul(0x3196_42B2_D24D_8EC3);
        let x = unshift(x, 27).wrapping_mul(0x96DE_1B17_3F11_9089);
        unshift(x, 30)
    }

    proptest! {
        #[test]
        fn a_seed_tells_its_run_so_no_two_runs_share_one(plan: u64, point: u32, replicate: u32) {
            let place = unmix(seed(plan, Seeding::Distinct, point, replicate)) ^ mix(plan);
            prop_assert_eq!(place, u64::from(point) << 32 | u64::from(replicate));
        }

        #[test]
        fn common_seeds_differ_between_replicates_alone(plan: u64, a: u32, b: u32, points: (u32, u32)) {
            let of = |point, replicate| seed(plan, Seeding::Common, point, replicate);
            prop_assert_eq!(of(points.0, a), of(points.1, a));
            prop_assert_eq!(of(points.0, a) == of(points.1, b), a == b);
        }
    }

    #[test]
    fn a_thousand_points_of_a_hundred_replicates_have_as_many_seeds() {
        for plan in [0, 1, 7, u64::MAX] {
            let places = (0..1_000).flat_map(|point| (0..100).map(move |replicate| (point, replicate)));
            let seeds: HashSet<u64> = places.map(|(p, r)| seed(plan, Seeding::Distinct, p, r)).collect();
            assert_eq!(seeds.len(), 100_000);
        }
    }

    #[test]
    fn seeds_are_what_they_were() {
        // A change here is another sweep: results of plans that ran before would not come again.
        assert_eq!(seed(0, Seeding::Distinct, 0, 0), 0);
        assert_eq!(seed(7, Seeding::Distinct, 3, 1), 0x1b4a_6c27_c7ef_faca);
    }
}
