//! Latin hypercube samples (McKay, Beckman and Conover: "A comparison of three methods for selecting values of input variables",
//! Technometrics 21, 1979): each parameter's range is cut into as many strata as there are samples, and each stratum has
//! exactly one sample in it, at a place drawn within. Which strata meet in a sample is a random permutation a parameter.

use diptych_protocol::math;
use diptych_protocol::random::{Address, site, uniform_f64};

/// Draws for one parameter of a design.
struct Draws {
    seed: u64,
    site: u32,
}

impl Draws {
    /// A number in 0 <= u < 1, by its place.
    fn uniform(&self, what: u32, at: u32) -> f64 {
        let address = Address { seed: self.seed, entity: at, tick: what, site: self.site, turn: 0 };
        uniform_f64(address.block(), 0)
    }

    /// A permutation of the numbers below a count (Fisher and Yates).
    fn permutation(&self, count: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count).collect();
        for last in (1..count).rev() {
            let other = (self.uniform(0, last) * f64::from(last + 1)) as u32;
            order.swap(last as usize, other.min(last) as usize);
        }
        order
    }
}

/// Of each sample the place of this parameter in its range, as a share of it: one in each of `samples` equal parts. Depends on
/// the seed, the parameter's name and the number of samples.
pub fn shares(seed: u64, name: &str, samples: u32) -> Vec<f64> {
    let draws = Draws { seed, site: site(&format!("sweep/lhs/{name}")) };
    let share = |(at, stratum): (u32, u32)| {
        let share = (f64::from(stratum) + draws.uniform(1, at)) / f64::from(samples);
        // What is rounded up to the next stratum's first number stays in its own.
        let end = f64::from(stratum + 1) / f64::from(samples);
        if share < end { share } else { end.next_down() }
    };
    (0..).zip(draws.permutation(samples)).map(share).collect()
}

/// The integer at a share of a range that includes both ends: each as likely as any other.
pub fn integer(low: i64, high: i64, share: f64) -> i64 {
    let span = (i128::from(high) - i128::from(low) + 1) as f64;
    let above = math::floor(share * span) as i128;
    i64::try_from(i128::from(low) + above).map_or(high, |value| value.min(high))
}

/// The number at a share of a range.
pub fn float(low: f64, high: f64, share: f64) -> f64 {
    (low + (high - low) * share).clamp(low, high)
}

/// The number at a share of a range whose ends are above 0: as likely between 1 and 10 as between 10 and 100.
pub fn log(low: f64, high: f64, share: f64) -> f64 {
    (low * math::pow(high / low, share)).clamp(low, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_stratum_is_hit_exactly_once(seed: u64, samples in 1u32..400, name in "[a-z]{1,8}") {
            let shares = shares(seed, &name, samples);
            let mut strata: Vec<u32> = shares.iter().map(|share| (share * f64::from(samples)) as u32).collect();
            strata.sort_unstable();
            prop_assert!(strata.into_iter().eq(0..samples));
            prop_assert!(shares.iter().all(|share| (0.0..1.0).contains(share)));
        }

        #[test]
        fn values_stay_within_their_range(low in -1e9f64..1e9, span in 0f64..1e9, share in 0f64..1.0) {
            let high = low + span;
            prop_assert!((low..=high).contains(&float(low, high, share)));
            let (low, high) = (low as i64, high as i64);
            prop_assert!((low..=high).contains(&integer(low, high, share)));
        }

        #[test]
        fn a_logarithmic_value_stays_within_its_range(low in 1e-9f64..1e9, by in 1f64..1e9, share in 0f64..1.0) {
            prop_assert!((low..=low * by).contains(&log(low, low * by, share)));
        }
    }

    #[test]
    fn as_many_samples_as_integers_hit_each_once() {
        let shares = shares(3, "n", 50);
        let mut values: Vec<i64> = shares.iter().map(|share| integer(-20, 29, *share)).collect();
        values.sort_unstable();
        assert!(values.into_iter().eq(-20..=29));
        assert_eq!((integer(-20, 29, 0.0), integer(-20, 29, 1.0f64.next_down())), (-20, 29));
    }

    #[test]
    fn parameters_are_sampled_apart_and_the_same_each_time() {
        assert_ne!(shares(1, "a", 20), shares(1, "b", 20));
        assert_ne!(shares(1, "a", 20), shares(2, "a", 20));
        assert_eq!(shares(1, "a", 20), shares(1, "a", 20));
        assert!((log(1.0, 100.0, 0.5) - 10.0).abs() < 1e-12);
    }
}
