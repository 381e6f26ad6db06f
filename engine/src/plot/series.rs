//! What is plotted of a table: which column goes along, and what the others are. Of a record of rows, which has many rows a state, what
//! these have in common: their mean and how far they spread, how many of them are of a kind.

use super::table::{Column, Table};
use crate::diagnostic::did_you_mean;

/// Columns that say of what a row is, not what it is like.
const NAMING: [&str; 6] = ["frame", "time", "entity", "index", "generation", "life"];

/// Kinds whose numbers are told apart by curves.
const KINDS_MAX: usize = 12;

/// What is to be plotted; what is not said is chosen.
#[derive(Clone, Default, Debug)]
pub struct Choice {
    /// The column that goes along.
    pub x: Option<String>,
    /// The columns that are shown: by their names, or by those of arrays and vectors.
    pub y: Vec<String>,
}

/// Why nothing can be plotted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ChoiceError {
    #[error("there is no column `{name}`{}", .hint.as_ref().map_or(String::new(), |hint| format!(": {hint}")))]
    Unknown { name: String, hint: Option<String> },
    #[error("the column `{0}` holds words: along an axis go numbers")]
    Words(String),
    #[error("there is nothing to plot but `{0}`")]
    Nothing(String),
}

/// What is plotted.
#[derive(Clone, PartialEq, Debug)]
pub struct Chosen {
    /// What goes along: its name,
    pub along: String,
    /// and its numbers.
    pub places: Vec<f64>,
    /// What is shown there.
    pub series: Vec<Series>,
}

/// A column, or what columns and rows have in common: a value for each place.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Series {
    Curve {
        name: String,
        numbers: Vec<f64>,
        band: Option<Vec<[f64; 2]>>,
    },
    /// Kinds by their places among `words`; truth values have none.
    Strip {
        name: String,
        kinds: Vec<f64>,
        words: Vec<String>,
    },
    /// Of an array, an element a line.
    Map {
        name: String,
        lines: Vec<Vec<f64>>,
    },
}

impl Series {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Series::Curve { name, .. } | Series::Strip { name, .. } | Series::Map { name, .. } => name,
        }
    }
}

/// The name of an array and the place in it: `ages[3]`.
fn element(name: &str) -> Option<(&str, usize)> {
    let (array, place) = name.strip_suffix(']')?.split_once('[')?;
    Some((array, place.parse().ok()?))
}

/// The rows of each place: those that follow each other with the same number along.
fn runs(places: &[f64]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for (row, place) in places.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if places[run.start] == *place => run.end = row + 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

impl Choice {
    /// What of a table is plotted.
    pub fn of(&self, table: &Table) -> Result<Chosen, ChoiceError> {
        let along = match &self.x {
            Some(name) => Some(known(table, name)?),
            None => ["frame", "time"].iter().find_map(|name| table.column(name)),
        };
        if let Some(column) = along.filter(|column| !column.words.is_empty()) {
            return Err(ChoiceError::Words(column.name.clone()));
        }
        let columns = self.columns(table, along)?;
        let rows: Vec<f64> =
            along.map_or_else(|| (0..table.rows()).map(|row| row as f64).collect(), |it| it.numbers.clone());
        let runs = runs(&rows);
        let (along, many) = (along.map_or("row", |column| &column.name).to_string(), runs.len() < rows.len());
        let mut series = Vec::new();
        let mut arrays: Vec<(&str, Vec<&Column>)> = Vec::new();
        for (column, whole) in columns {
            if let Some((array, _)) = element(&column.name).filter(|_| whole) {
                match arrays.iter_mut().find(|(name, _)| *name == array) {
                    Some((_, elements)) => elements.push(column),
                    None => arrays.push((array, vec![column])),
                }
            } else if many {
                series.extend(in_common(column, &runs));
            } else if column.truth || !column.words.is_empty() {
                let (name, words) = (column.name.clone(), column.words.clone());
                series.push(Series::Strip { name, kinds: column.numbers.clone(), words });
            } else {
                series.push(Series::Curve { name: column.name.clone(), numbers: column.numbers.clone(), band: None });
            }
        }
        for (name, elements) in arrays {
            let lines =
                elements.iter().map(|column| runs.iter().map(|run| mean(&column.numbers[run.clone()])).collect());
            series.push(Series::Map { name: name.into(), lines: lines.collect() });
        }
        if series.is_empty() {
            return Err(ChoiceError::Nothing(along));
        }
        Ok(Chosen { along, places: runs.iter().map(|run| rows[run.start]).collect(), series })
    }

    /// The columns that are shown, each with whether it is shown as part of an array.
    fn columns<'t>(&self, table: &'t Table, along: Option<&Column>) -> Result<Vec<(&'t Column, bool)>, ChoiceError> {
        if self.y.is_empty() {
            let shown = |column: &&Column| {
                !NAMING.contains(&column.name.as_str()) && along.is_none_or(|along| along.name != column.name)
            };
            return Ok(table.columns.iter().filter(shown).map(|column| (column, true)).collect());
        }
        let mut all = Vec::new();
        for name in &self.y {
            let parts = table.columns.iter().filter(|column| {
                let lane = |lane: &str| column.name.strip_suffix(lane) == Some(name);
                element(&column.name).is_some_and(|(array, _)| array == name)
                    || [".x", ".y", ".z"].into_iter().any(lane)
            });
            match table.column(name) {
                Some(column) => all.push((column, false)),
                None => {
                    let before = all.len();
                    all.extend(parts.map(|column| (column, true)));
                    if all.len() == before {
                        known(table, name)?;
                    }
                }
            }
        }
        Ok(all)
    }
}

fn known<'t>(table: &'t Table, name: &str) -> Result<&'t Column, ChoiceError> {
    table.column(name).ok_or_else(|| {
        let names = || table.columns.iter().map(|column| column.name.as_str());
        let there = || format!("there are {}", names().collect::<Vec<_>>().join(", "));
        let arrays = names().filter_map(|name| element(name).map(|(array, _)| array));
        let hint = did_you_mean(name, names().chain(arrays)).unwrap_or_else(there);
        ChoiceError::Unknown { name: name.into(), hint: Some(hint) }
    })
}

fn mean(numbers: &[f64]) -> f64 {
    let finite = || numbers.iter().filter(|number| number.is_finite());
    finite().sum::<f64>() / finite().count() as f64
}

/// What the rows of each place have in common.
fn in_common(column: &Column, runs: &[std::ops::Range<usize>]) -> Vec<Series> {
    let of = |run: &std::ops::Range<usize>| &column.numbers[run.clone()];
    if !column.words.is_empty() {
        let kinds = column.words.iter().enumerate().take(KINDS_MAX).map(|(kind, word)| Series::Curve {
            name: format!("{}: {word}", column.name),
            numbers: runs.iter().map(|run| of(run).iter().filter(|it| **it == kind as f64).count() as f64).collect(),
            band: None,
        });
        return kinds.collect();
    }
    let numbers: Vec<f64> = runs.iter().map(|run| mean(of(run))).collect();
    let ends = |run| {
        let finite = of(run).iter().copied().filter(|number| number.is_finite());
        finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], it| [low.min(it), high.max(it)])
    };
    let (name, band) = match column.truth {
        true => (format!("share of {}", column.name), None),
        false => (format!("mean {}", column.name), Some(runs.iter().map(ends).collect())),
    };
    vec![Series::Curve { name, numbers, band }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, &[f64])]) -> Table {
        let column = |(name, numbers): &(&str, &[f64])| Column {
            name: (*name).into(),
            numbers: numbers.to_vec(),
            words: Vec::new(),
            truth: false,
        };
        Table { columns: columns.iter().map(column).collect() }
    }

    fn names(chosen: &Chosen) -> Vec<&str> {
        chosen.series.iter().map(Series::name).collect()
    }

    #[test]
    fn what_is_not_said_is_chosen() {
        let record = table(&[
            ("frame", &[0.0, 5.0]),
            ("time", &[0.0, 0.5]),
            ("ill", &[1.0, 2.0]),
            ("ages[0]", &[3.0, 4.0]),
            ("ages[1]", &[5.0, 6.0]),
        ]);
        let chosen = Choice::default().of(&record).unwrap();
        assert_eq!((chosen.along.as_str(), names(&chosen)), ("frame", vec!["ill", "ages"]));
        assert_eq!(chosen.series[1], Series::Map { name: "ages".into(), lines: vec![vec![3.0, 4.0], vec![5.0, 6.0]] });
        let said = Choice { x: Some("time".into()), y: vec!["ages[1]".into(), "ages".into()] }.of(&record).unwrap();
        assert_eq!((said.along.as_str(), names(&said)), ("time", vec!["ages[1]", "ages"]));
        assert_eq!(said.places, [0.0, 0.5]);
    }

    #[test]
    fn an_unknown_column_is_told_with_what_may_be_meant() {
        let record = table(&[("frame", &[0.0]), ("infected", &[1.0])]);
        let y = |name: &str| Choice { y: vec![name.into()], ..Choice::default() }.of(&record).unwrap_err().to_string();
        assert_eq!(y("infectd"), "there is no column `infectd`: did you mean `infected`?");
        assert_eq!(y("zebra"), "there is no column `zebra`: there are frame, infected");
        let only = table(&[("frame", &[0.0])]);
        assert_eq!(Choice::default().of(&only).unwrap_err(), ChoiceError::Nothing("frame".into()));
    }

    #[test]
    fn of_many_rows_a_state_is_shown_what_they_have_in_common() {
        let mut rows = table(&[
            ("frame", &[0.0, 0.0, 0.0, 9.0, 9.0]),
            ("entity", &[0.0, 1.0, 2.0, 0.0, 1.0]),
            ("x", &[1.0, f64::NAN, 3.0, 5.0, 7.0]),
            ("State", &[0.0, 1.0, 1.0, 1.0, 1.0]),
        ]);
        rows.columns[3].words = vec!["S".into(), "I".into()];
        let chosen = Choice::default().of(&rows).unwrap();
        assert_eq!(chosen.places, [0.0, 9.0]);
        let curve = |name: &str, numbers: [f64; 2], band: Option<Vec<[f64; 2]>>| Series::Curve {
            name: name.into(),
            numbers: numbers.to_vec(),
            band,
        };
        assert_eq!(
            chosen.series,
            [
                curve("mean x", [2.0, 6.0], Some(vec![[1.0, 3.0], [5.0, 7.0]])),
                curve("State: S", [1.0, 0.0], None),
                curve("State: I", [2.0, 2.0], None),
            ]
        );
    }
}
