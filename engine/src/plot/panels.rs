//! Which series share an axis: those of about the same size, so that none of them lies flat on the ground of another.

use super::series::{Chosen, Series};

/// How much longer an axis may be than what one of its curves needs.
const SHARED_MAX: f64 = 12.0;

/// Curves of a panel.
const CURVES_MAX: usize = 8;

/// Series that stand over the same stretch of the sheet.
#[derive(Clone, PartialEq, Debug)]
pub enum Panel<'s> {
    /// Curves over one axis.
    Curves(Vec<&'s Series>),
    /// Kinds and truth values, a strip each.
    Strips(Vec<&'s Series>),
    /// An array.
    Map(&'s Series),
}

/// From the lowest to the highest number of a curve, its band included; nothing of one without numbers.
pub fn range(series: &Series, positive: bool) -> Option<[f64; 2]> {
    let Series::Curve { numbers, band, .. } = series else { return None };
    let ends = band.iter().flatten().flatten();
    let all = numbers.iter().chain(ends).copied().filter(|it| it.is_finite() && (!positive || *it > 0.0));
    all.map(|it| [it, it]).reduce(|[a, b], [c, d]| [a.min(c), b.max(d)])
}

fn union(a: Option<[f64; 2]>, b: Option<[f64; 2]>) -> Option<[f64; 2]> {
    match (a, b) {
        (Some([a, b]), Some([c, d])) => Some([a.min(c), b.max(d)]),
        (a, b) => a.or(b),
    }
}

/// How long an axis a curve needs: from its lowest to its highest; one that stays where it is needs as much as it is large.
fn extent([low, high]: [f64; 2]) -> f64 {
    let size = low.abs().max(high.abs());
    if high - low > 1e-6 * size { high - low } else { size }
}

/// Panels, in the order of the series.
pub fn panels(chosen: &Chosen, logarithmic: bool) -> Vec<Panel<'_>> {
    let mut panels: Vec<(Panel<'_>, Option<[f64; 2]>)> = Vec::new();
    for series in &chosen.series {
        match series {
            Series::Map { .. } => panels.push((Panel::Map(series), None)),
            Series::Strip { .. } => {
                let strips = panels.iter_mut().find_map(|(panel, _)| match panel {
                    Panel::Strips(all) => Some(all),
                    _ => None,
                });
                match strips {
                    Some(all) => all.push(series),
                    None => panels.push((Panel::Strips(vec![series]), None)),
                }
            }
            Series::Curve { .. } => {
                let own = range(series, logarithmic);
                let fits = |(panel, shared): &&mut (Panel<'_>, Option<[f64; 2]>)| {
                    let Panel::Curves(all) = panel else { return false };
                    let (Some(own), Some(shared)) = (own, *shared) else { return all.len() < CURVES_MAX };
                    let needed = |it: &&Series| range(it, logarithmic).map_or(f64::INFINITY, extent);
                    let least = all.iter().map(needed).fold(extent(own), f64::min);
                    let long = union(Some(own), Some(shared)).map_or(0.0, |[low, high]| high - low);
                    all.len() < CURVES_MAX && (logarithmic || long <= SHARED_MAX * least)
                };
                match panels.iter_mut().find(fits) {
                    Some((Panel::Curves(all), shared)) => {
                        all.push(series);
                        *shared = union(*shared, own);
                    }
                    _ => panels.push((Panel::Curves(vec![series]), own)),
                }
            }
        }
    }
    panels.into_iter().map(|(panel, _)| panel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(name: &str, numbers: &[f64]) -> Series {
        Series::Curve { name: name.into(), numbers: numbers.to_vec(), band: None }
    }

    fn shared(series: Vec<Series>, logarithmic: bool) -> Vec<Vec<String>> {
        let chosen = Chosen { along: "frame".into(), places: Vec::new(), series };
        let names = |panel: &Panel<'_>| match panel {
            Panel::Curves(all) | Panel::Strips(all) => all.iter().map(|it| it.name().to_string()).collect(),
            Panel::Map(one) => vec![one.name().to_string()],
        };
        panels(&chosen, logarithmic).iter().map(names).collect()
    }

    #[test]
    fn curves_of_one_size_share_an_axis_and_others_have_their_own() {
        let all = || {
            vec![
                curve("susceptible", &[1000.0, 200.0]),
                curve("ill", &[10.0, 300.0, 0.0]),
                curve("attack", &[0.0, 0.8]),
                curve("recovered", &[0.0, 790.0]),
                curve("nothing", &[f64::NAN, f64::INFINITY]),
                curve("flat", &[0.5, 0.5]),
            ]
        };
        let apart = [vec!["susceptible", "ill", "recovered", "nothing"], vec!["attack", "flat"]];
        assert_eq!(shared(all(), false), apart);
        assert_eq!(shared(all(), true).len(), 1);
    }

    #[test]
    fn what_hardly_moves_is_not_laid_over_what_moves() {
        let series = [curve("energy", &[-0.25, -0.2501]), curve("virial", &[-0.9, -1.1]), curve("one", &[-1.0, -1.0])];
        assert_eq!(shared(series.to_vec(), false), [vec!["energy"], vec!["virial", "one"]]);
    }
}
