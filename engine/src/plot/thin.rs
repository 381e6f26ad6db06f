//! Fewer points for the same picture: of each column of pixels the first, the lowest, the highest and the last point are kept, in their
//! order (U. Jugel and others, "M4: a visualization-oriented time series data aggregation", 2014). No peak is lost, and lines are where
//! they were.

/// Lines through points in pixels: one behind each gap, which a point that is nowhere makes. Points go along if each is at or right of
/// the one before; others are left as they are.
pub fn lines(points: impl Iterator<Item = [f64; 2]>) -> Vec<Vec<[f32; 2]>> {
    let points: Vec<[f64; 2]> = points.collect();
    let pieces = points.split(|point| !point.iter().all(|it| it.is_finite())).filter(|piece| !piece.is_empty());
    pieces.map(|piece| thinned(piece).into_iter().map(|point| point.map(|it| it as f32)).collect()).collect()
}

fn thinned(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    if !points.is_sorted_by(|a, b| a[0] <= b[0]) {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for column in points.chunk_by(|a, b| a[0].floor() == b[0].floor()) {
        let by = |a: &&[f64; 2], b: &&[f64; 2]| a[1].total_cmp(&b[1]);
        let place = |of: Option<&[f64; 2]>| of.map_or(0, |it| column.iter().position(|point| point == it).unwrap_or(0));
        let mut places =
            [0, place(column.iter().min_by(by)), place(column.iter().max_by(by)), column.len() - 1].to_vec();
        places.sort_unstable();
        places.dedup();
        kept.extend(places.into_iter().map(|place| column[place]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_points_become_few_and_no_peak_is_lost() {
        let point = |at: u32| [f64::from(at) / 1000.0, if at == 777_777 { 99.0 } else { f64::from(at % 7) }];
        let thin = lines((0..1_000_000).map(point));
        assert_eq!(thin.len(), 1);
        assert!(thin[0].len() <= 4 * 1000, "{}", thin[0].len());
        assert!(thin[0].contains(&[777.777, 99.0]));
        assert_eq!((thin[0][0], thin[0].last()), ([0.0, 0.0], Some(&point(999_999).map(|it| it as f32))));
    }

    #[test]
    fn what_is_no_number_leaves_a_gap() {
        let points = [[0.0, f64::NAN], [1.0, 1.0], [2.0, 2.0], [3.0, f64::INFINITY], [4.0, 4.0], [5.0, f64::NAN]];
        assert_eq!(lines(points.into_iter()), [vec![[1.0, 1.0], [2.0, 2.0]], vec![[4.0, 4.0]]]);
        assert!(lines(std::iter::empty()).is_empty());
    }

    #[test]
    fn what_turns_back_is_left_as_it_is() {
        let round = [[0.0, 0.0], [5.0, 5.0], [0.0, 5.0], [0.1, 4.0]];
        assert_eq!(lines(round.into_iter())[0].len(), 4);
    }
}
