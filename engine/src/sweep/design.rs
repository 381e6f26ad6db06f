//! The points of a plan: all combinations of its axes. Axes stand in the order of the plan's text, and the last one is gone
//! through first, as digits of a number are: point 0 has the first value of each axis, point 1 the next value of the last one.

use std::path::Path;

use super::error::{Page, PlanError};
use super::lhs;
use super::plan::{At, Axis, Plan, Varied};
use super::reduce::Kind;
use super::values::{self, Scale, VALUES_MAX, Values};
use crate::compile::ParamDoc;
use crate::diagnostic::did_you_mean;

/// Points of a plan, at most.
const POINTS_MAX: u64 = 1_000_000;
/// Runs of a plan, at most.
const RUNS_MAX: u64 = 10_000_000;

/// All points.
#[derive(Clone, PartialEq, Debug)]
pub struct Design {
    /// The parameters that the plan gives values, in the order of its text.
    pub parameters: Vec<String>,
    /// What kind of values each of them has.
    pub kinds: Vec<Kind>,
    /// How many points there are.
    pub points: u32,
    axes: Vec<Walked>,
}

/// The rows of an axis: of each a value for each of its parameters.
#[derive(Clone, PartialEq, Debug)]
struct Walked {
    rows: Vec<Vec<String>>,
    path: String,
    lines: Lines,
}

/// In which line values stand.
#[derive(Clone, PartialEq, Debug)]
enum Lines {
    Parameters(Vec<usize>),
    Rows(Vec<usize>),
}

impl Design {
    /// The points of a plan over a scenario with these parameters.
    pub fn new(plan: &Plan, known: &[ParamDoc]) -> Result<Self, PlanError> {
        let mut design = Self { parameters: Vec::new(), kinds: Vec::new(), points: 1, axes: Vec::new() };
        let mut points: u64 = 1;
        for axis in &plan.axes {
            let (parameters, walked) = match axis {
                Axis::Together(all) => together(plan, all, known)?,
                Axis::Rows(path) => design_file(plan, path, known)?,
                Axis::Sampled(all) => sampled(plan, all, known)?,
            };
            for (parameter, line) in parameters {
                if design.parameters.contains(&parameter) {
                    let place = format!("{}:{line}", walked.path);
                    return Err(PlanError { place, message: format!("`{parameter}` is given values twice") });
                }
                design.kinds.push(known.iter().find(|it| it.name == parameter).map_or(Kind::Text, kind));
                design.parameters.push(parameter);
            }
            points = points.saturating_mul(walked.rows.len() as u64);
            design.axes.push(walked);
        }
        let refuse = |message: String| Err(PlanError { place: plan.page.path.clone(), message });
        if points > POINTS_MAX {
            return refuse(format!(
                "the plan has {points} points; at most {POINTS_MAX}: sample them, {{ lhs = [LOW, HIGH] }}"
            ));
        }
        let runs = points * u64::from(plan.replicates);
        if runs > RUNS_MAX {
            return refuse(format!(
                "the plan has {runs} runs, {points} points and {} of each; at most {RUNS_MAX}",
                plan.replicates
            ));
        }
        design.points = points as u32;
        Ok(design)
    }

    /// The row of each axis at a point.
    fn rows(&self, point: u32) -> Vec<&Vec<String>> {
        let mut left = point as usize;
        let mut rows: Vec<_> = (self.axes.iter().rev())
            .map(|axis| {
                let row = &axis.rows[left % axis.rows.len()];
                left /= axis.rows.len();
                row
            })
            .collect();
        rows.reverse();
        rows
    }

    /// The values of a point, in the order of the parameters, as `--set` is given them.
    pub fn values(&self, point: u32) -> impl Iterator<Item = (&str, &str)> {
        let values: Vec<&String> = self.rows(point).into_iter().flatten().collect();
        self.parameters.iter().map(String::as_str).zip(values.into_iter().map(String::as_str))
    }

    /// Where the value stands that a parameter has at a point.
    pub fn place(&self, point: u32, parameter: &str) -> Option<String> {
        let mut nth = self.parameters.iter().position(|it| it == parameter)?;
        let mut left = point as usize;
        let mut chosen: Vec<usize> = Vec::new();
        for axis in self.axes.iter().rev() {
            chosen.push(left % axis.rows.len());
            left /= axis.rows.len();
        }
        for (axis, row) in self.axes.iter().zip(chosen.into_iter().rev()) {
            let width = axis.rows.first().map_or(0, Vec::len);
            if nth < width {
                let line = match &axis.lines {
                    Lines::Parameters(lines) => lines.get(nth),
                    Lines::Rows(lines) => lines.get(row),
                };
                return line.map(|line| format!("{}:{line}", axis.path));
            }
            nth -= width;
        }
        None
    }
}

/// The parameter of the scenario that is meant, with its line.
fn meant<'k>(page: &Page, line: usize, name: &str, known: &'k [ParamDoc]) -> Result<&'k ParamDoc, PlanError> {
    known.iter().find(|it| it.name == name).ok_or_else(|| {
        let all = match known {
            [] => "it has none".to_string(),
            all => format!("it has {}", all.iter().map(|it| format!("`{}`", it.name)).collect::<Vec<_>>().join(", ")),
        };
        let help = did_you_mean(name, known.iter().map(|it| it.name.as_str())).unwrap_or(all);
        page.error_in(line, format!("the scenario has no parameter `{name}`; {help}"))
    })
}

/// What kind of values a parameter has: what is no number and no truth is a variant.
fn kind(param: &ParamDoc) -> Kind {
    match param.type_name.as_str() {
        "i8" | "i16" | "i32" | "u8" | "u16" | "u32" => Kind::Integer,
        "f32" | "f64" => Kind::Float,
        "bool" => Kind::Bool,
        _ => Kind::Text,
    }
}

fn is_integer(param: &ParamDoc) -> bool {
    kind(param) == Kind::Integer
}

type Read = (Vec<(String, usize)>, Walked);

/// Lists of the same length, and values alone beside them.
fn together(plan: &Plan, all: &[Varied], known: &[ParamDoc]) -> Result<Read, PlanError> {
    let page = &plan.page;
    let mut columns: Vec<Vec<String>> = Vec::new();
    let (mut names, mut lines) = (Vec::new(), Vec::new());
    for At { it: (name, values), at } in all {
        let line = page.line(*at);
        let texts = values.texts(is_integer(meant(page, line, name, known)?)).unwrap_or_default();
        if let Some(first) = columns.first().filter(|first| first.len() != texts.len()) {
            let (other, count) = (&all[0].it.0, first.len());
            let message = format!(
                "`{name}` has {}, and `{other}`, which it is walked together with, has {count}: lists of a [[zip]] have the \
                 same length",
                counted(texts.len(), "value")
            );
            return Err(page.error(*at, message));
        }
        columns.push(texts);
        names.push((name.clone(), line));
        lines.push(line);
    }
    let length = columns.first().map_or(0, Vec::len);
    let rows = (0..length).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
    Ok((names, Walked { rows, path: page.path.clone(), lines: Lines::Parameters(lines) }))
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The rows of a CSV file, whose first line names parameters.
fn design_file(plan: &Plan, path: &At<std::path::PathBuf>, known: &[ParamDoc]) -> Result<Read, PlanError> {
    let folder = Path::new(&plan.page.path).parent().unwrap_or(Path::new(""));
    let page = Page::read(&folder.join(&path.it))
        .map_err(|error| plan.page.error(path.at, format!("the design {}: {}", error.place, error.message)))?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(page.text.as_bytes());
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line) as usize;
        page.error_in(line, format!("this is no CSV table: {error}"))
    };
    let header = reader.headers().map_err(wrong)?.clone();
    let mut names = Vec::new();
    for name in &header {
        meant(&page, 1, name, known)?;
        names.push((name.to_string(), 1));
    }
    let (mut rows, mut lines) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let line = record.position().map_or(1, csv::Position::line) as usize;
        if let Some(empty) = record.iter().position(str::is_empty) {
            let name = header.get(empty).unwrap_or_default();
            return Err(page.error_in(line, format!("`{name}` has no value here")));
        }
        rows.push(record.iter().map(str::to_string).collect());
        lines.push(line);
    }
    if rows.is_empty() {
        return Err(page.error_in(1, "there is no row behind the first line: a design has a point a row"));
    }
    Ok((names, Walked { rows, path: page.path, lines: Lines::Rows(lines) }))
}

/// Latin hypercube samples.
fn sampled(plan: &Plan, all: &[Varied], known: &[ParamDoc]) -> Result<Read, PlanError> {
    let page = &plan.page;
    let samples = plan.samples.as_ref().map_or(1, |samples| samples.it);
    let mut columns: Vec<Vec<String>> = Vec::new();
    let (mut names, mut lines) = (Vec::new(), Vec::new());
    for At { it: (name, values), at } in all {
        let Values::Sampled { low, high, scale } = *values else { continue };
        let line = page.line(*at);
        let param = meant(page, line, name, known)?;
        let integer = is_integer(param);
        let whole = |it: f64| it == it.trunc() && it.abs() < VALUES_MAX as f64 * 1e4;
        if !integer && kind(param) != Kind::Float {
            let message =
                format!("`{name}` is a `{}`, and cannot be sampled from a range: give it a list", param.type_name);
            return Err(page.error(*at, message));
        }
        if integer && !(whole(low) && whole(high)) {
            let message = format!(
                "`{name}` is a `{}`, and its range is {low} to {high}: both ends are integers",
                param.type_name
            );
            return Err(page.error(*at, message));
        }
        let value = |share: f64| match (integer, scale) {
            (true, Scale::Linear) => lhs::integer(low as i64, high as i64, share).to_string(),
            // From half below the lowest to half above the highest: each integer has the share that is nearest to it.
            (true, Scale::Log) => {
                let value = lhs::log(low - 0.5, high + 0.5, share) + 0.5;
                values::text((value.trunc()).clamp(low, high), true)
            }
            (false, Scale::Linear) => values::text(lhs::float(low, high, share), false),
            (false, Scale::Log) => values::text(lhs::log(low, high, share), false),
        };
        columns.push(lhs::shares(plan.lhs_seed, name, samples).into_iter().map(value).collect());
        names.push((name.clone(), line));
        lines.push(line);
    }
    let rows = (0..samples as usize).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
    Ok((names, Walked { rows, path: page.path.clone(), lines: Lines::Parameters(lines) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Vec<ParamDoc> {
        let param = |name: &str, type_name: &str| ParamDoc {
            name: name.into(),
            type_name: type_name.into(),
            default: String::new(),
            range: None,
            docs: Vec::new(),
        };
        vec![param("a", "u32"), param("b", "f32"), param("c", "f64"), param("d", "bool"), param("e", "u32")]
    }

    fn design(text: &str) -> Result<Design, PlanError> {
        let page = Page { path: "plan.toml".into(), text: text.into() };
        Design::new(&Plan::read(&page)?, &params())
    }

    fn points(text: &str) -> Vec<String> {
        let design = design(text).unwrap_or_else(|error| panic!("{error}"));
        let point =
            |point| design.values(point).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
        (0..design.points).map(point).collect()
    }

    #[test]
    fn a_grid_is_walked_as_digits_are_the_last_axis_first() {
        assert_eq!(
            points("[parameters]\nb = [0.5, 1.5]\na = { from = 1, to = 3, step = 1 }\nd = true"),
            [
                "b=0.5 a=1 d=true",
                "b=0.5 a=2 d=true",
                "b=0.5 a=3 d=true",
                "b=1.5 a=1 d=true",
                "b=1.5 a=2 d=true",
                "b=1.5 a=3 d=true"
            ]
        );
        assert_eq!(points(""), [""], "no parameters: one point");
    }

    #[test]
    fn zipped_lists_are_walked_together_and_crossed_with_the_rest() {
        assert_eq!(
            points("[[zip]]\na = [1, 2]\nc = { from = 0.1, to = 0.2, step = 0.1 }\n[parameters]\nd = [true, false]"),
            ["a=1 c=0.1 d=true", "a=1 c=0.1 d=false", "a=2 c=0.2 d=true", "a=2 c=0.2 d=false"]
        );
    }

    #[test]
    fn samples_hit_each_stratum_of_each_parameter_once() {
        let text = "samples = 40\nlhs_seed = 5\n[parameters]\na = { lhs = [1, 40] }\nb = { lhs = [0, 40] }\nc = { lhs = [1, 1e4], scale = \"log\" }";
        let design = design(text).unwrap();
        assert_eq!(design.points, 40);
        let column = |name: &str| -> Vec<f64> {
            let value = |point| design.values(point).find(|(it, _)| *it == name).unwrap().1.parse().unwrap();
            (0..40).map(value).collect()
        };
        let strata = |values: Vec<f64>| {
            let mut strata: Vec<i64> = values.into_iter().map(|value| value as i64).collect();
            strata.sort_unstable();
            strata
        };
        assert!(strata(column("a")).into_iter().eq(1..=40));
        assert!(strata(column("b")).into_iter().eq(0..40));
        let logs = column("c").into_iter().map(|c| diptych_protocol::math::log10(c) * 10.0).collect();
        assert!(strata(logs).into_iter().eq(0..40));
    }

    #[test]
    fn places_say_where_a_value_stands() {
        let design = design("[parameters]\nb = [0.5, 1.5]\n\n[[zip]]\na = [1, 2]\ne = [3, 4]").unwrap();
        assert_eq!(design.parameters, ["b", "a", "e"]);
        let places = ["b", "a", "e", "x"].map(|name| design.place(3, name));
        assert_eq!(places, [Some("plan.toml:2".into()), Some("plan.toml:5".into()), Some("plan.toml:6".into()), None]);
    }

    #[test]
    fn a_design_that_cannot_be_says_why() {
        for (text, message) in [
            ("[parameters]\nx = 1", "plan.toml:2: the scenario has no parameter `x`; it has `a`, `b`, `c`, `d`, `e`"),
            (
                "[[zip]]\na = [1, 2]\nb = [1, 2, 3]",
                "plan.toml:3: `b` has 3 values, and `a`, which it is walked together with, has 2: lists of a [[zip]] have \
                 the same length",
            ),
            ("[parameters]\na = [1]\n[[zip]]\na = [1]", "plan.toml:4: `a` is given values twice"),
            (
                "samples = 2\n[parameters]\nd = { lhs = [0, 1] }",
                "plan.toml:3: `d` is a `bool`, and cannot be sampled from a range: give it a list",
            ),
            (
                "samples = 2\n[parameters]\na = { lhs = [0.5, 1] }",
                "plan.toml:3: `a` is a `u32`, and its range is 0.5 to 1: both ends are integers",
            ),
            (
                "[parameters]\na = { from = 1, to = 2000, step = 1 }\ne = { from = 1, to = 2000, step = 1 }",
                "plan.toml: the plan has 4000000 points; at most 1000000: sample them, { lhs = [LOW, HIGH] }",
            ),
            (
                "replicates = 1_000_000\n[parameters]\na = { from = 1, to = 2000, step = 1 }",
                "plan.toml: the plan has 2000000000 runs, 2000 points and 1000000 of each; at most 10000000",
            ),
        ] {
            assert_eq!(design(text).map_err(|error| error.to_string()).unwrap_err(), message);
        }
    }
}
