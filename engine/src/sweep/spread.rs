//! Mean and spread of each result at each point, over its replicates.

use diptych_protocol::math;
use serde::Serialize;

use super::journal::{About, Done, Status};
use super::reduce::Kind;

/// Of one result at one point.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Spread {
    /// Replicates that have a value.
    pub n: u32,
    /// Nothing of none.
    pub mean: Option<f64>,
    /// The standard deviation of the sample, by n - 1; nothing of fewer than two.
    pub sd: Option<f64>,
    /// The lowest.
    pub min: Option<f64>,
    /// The highest.
    pub max: Option<f64>,
}

impl Spread {
    /// Of these values, which are finite.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        if values.is_empty() {
            return Self::default();
        }
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        Self {
            n: values.len() as u32,
            mean: Some(mean),
            sd: (values.len() > 1).then(|| math::sqrt(squares / (n - 1.0))),
            min: values.iter().copied().reduce(f64::min),
            max: values.iter().copied().reduce(f64::max),
        }
    }
}

/// One point.
#[derive(Clone, PartialEq, Debug)]
pub struct PointSpread<'a> {
    /// Its number.
    pub point: u32,
    /// The values of its parameters.
    pub parameters: &'a [String],
    /// Runs with a result.
    pub ok: u32,
    /// Runs without one.
    pub failed: u32,
    /// In the order of the results; of those that are no numbers nothing.
    pub results: Vec<Option<Spread>>,
}

/// Of each point that has runs, in the order of their numbers.
pub fn spreads<'a>(about: &About, runs: &[&'a Done]) -> Vec<PointSpread<'a>> {
    let points = runs.chunk_by(|a, b| a.point == b.point);
    points.map(|runs| point(about, runs)).collect()
}

fn point<'a>(about: &About, runs: &[&'a Done]) -> PointSpread<'a> {
    let ok = || runs.iter().filter(|run| run.status == Status::Ok);
    let result = |at: usize| {
        let number = |run: &&&Done| match (about.results[at].kind, run.values.get(at)?.as_deref()?) {
            (Kind::Bool, truth) => Some(f64::from(u8::from(truth == "true"))),
            (_, number) => number.parse::<f64>().ok().filter(|it| it.is_finite()),
        };
        let values: Vec<f64> = ok().filter_map(|run| number(&run)).collect();
        (about.results[at].kind != Kind::Text).then(|| Spread::of(&values))
    };
    PointSpread {
        point: runs.first().map_or(0, |run| run.point),
        parameters: runs.first().map_or(&[], |run| &run.parameters),
        ok: ok().count() as u32,
        failed: runs.iter().filter(|run| run.status != Status::Ok).count() as u32,
        results: (0..about.results.len()).map(result).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_that_of_a_sample() {
        let spread = Spread::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((spread.n, spread.mean), (8, Some(5.0)));
        assert!((spread.sd.unwrap() - (32.0f64 / 7.0).sqrt()).abs() < 1e-15);
        assert_eq!((spread.min, spread.max), (Some(2.0), Some(9.0)));
        assert_eq!(Spread::of(&[3.0]), Spread { n: 1, mean: Some(3.0), sd: None, min: Some(3.0), max: Some(3.0) });
        assert_eq!(Spread::of(&[]), Spread::default());
    }
}
