//! A plan as its text says it: which scenario, which values of its parameters, how often, what is kept of each run, and how
//! much of the machine may be used. What the values are is [`design`](super::design)'s.

use std::path::PathBuf;

use diptych_protocol::limits::{FRAMES_MAX, WORKERS_MAX};
use toml::de::{DeTable, DeValue};

use super::error::{Page, PlanError};
use super::keys::{Keys, shown};
use super::seeds::Seeding;
use super::values::{VALUES_MAX, Values};

/// Replicates of a point, at most.
const REPLICATES_MAX: u64 = 1_000_000;
/// Seconds of a run, at most.
const TIMEOUT_S_MAX: f64 = 1e9;

/// Something of a plan, and the byte of its text where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct At<T> {
    /// What.
    pub it: T,
    /// Where.
    pub at: usize,
}

/// One parameter of a plan.
pub type Varied = At<(String, Values)>;

/// Parameters that are walked together. The points of a plan are all combinations of its axes.
#[derive(Clone, PartialEq, Debug)]
pub enum Axis {
    /// One parameter, or some whose lists have the same length.
    Together(Vec<Varied>),
    /// The rows of a CSV file.
    Rows(At<PathBuf>),
    /// Latin hypercube samples of all parameters that are sampled.
    Sampled(Vec<Varied>),
}

/// A plan.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Its file.
    pub page: Page,
    /// The scenario's file, relative to the plan's folder.
    pub scenario: Option<At<PathBuf>>,
    /// Frames of each run, instead of the scenario's.
    pub frames: Option<u32>,
    /// What all seeds are made from.
    pub seed: u64,
    /// Runs of each point.
    pub replicates: u32,
    /// How they are seeded.
    pub seeding: Seeding,
    /// Of how many states one is looked at for results.
    pub every: u32,
    /// Seconds after which a run is given up.
    pub timeout_s: Option<f64>,
    /// Whether each run's records are kept.
    pub outputs: bool,
    /// Samples of what is sampled, and what they are drawn from.
    pub samples: Option<At<u32>>,
    /// What samples are drawn from.
    pub lhs_seed: u64,
    /// Runs at the same time.
    pub jobs: Option<u16>,
    /// Workers of each.
    pub workers: Option<u16>,
    /// Bytes that all runs at the same time may have.
    pub max_memory: Option<u64>,
    /// In the order of the text.
    pub axes: Vec<Axis>,
    /// Names of results, and what they are.
    pub results: Vec<At<(String, String)>>,
}

impl Plan {
    /// Reads a plan.
    pub fn read(page: &Page) -> Result<Self, PlanError> {
        let parsed = DeTable::parse(&page.text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            page.error(at, format!("this is not TOML: {}", error.message()))
        })?;
        let mut keys = Keys::new(page, "a plan", parsed.get_ref());
        let scenario = keys.text("scenario")?.map(|(it, at)| At { it: PathBuf::from(it), at });
        let frames = keys.integer("frames", 0..=FRAMES_MAX.into())?.map(|it| it as u32);
        let seed = keys.integer("seed", 0..=u64::MAX)?.unwrap_or(0);
        let replicates = keys.integer("replicates", 1..=REPLICATES_MAX)?.unwrap_or(1) as u32;
        let words = [("distinct", Seeding::Distinct), ("common", Seeding::Common)];
        let seeding = keys.word("seeds", &words)?.unwrap_or_default();
        let every = keys.integer("every", 1..=FRAMES_MAX.into())?.unwrap_or(1) as u32;
        let timeout_s = keys.positive("timeout")?.map(|seconds| seconds.min(TIMEOUT_S_MAX));
        let outputs = keys.truth("outputs")?.unwrap_or(false);
        let samples_at = keys.at("samples");
        let samples = keys.integer("samples", 1..=VALUES_MAX)?;
        let lhs_seed = keys.integer("lhs_seed", 0..=u64::MAX)?.unwrap_or(seed);
        let jobs = keys.integer("jobs", 1..=WORKERS_MAX.into())?.map(|it| it as u16);
        let workers = keys.integer("workers", 0..=WORKERS_MAX.into())?.map(|it| it as u16);
        let max_memory = memory(page, &mut keys)?;
        let axes = axes(page, &mut keys)?;
        let results = results(page, &mut keys)?;
        keys.finish()?;
        let plan = Self {
            page: page.clone(),
            scenario,
            frames,
            seed,
            replicates,
            seeding,
            every,
            timeout_s,
            outputs,
            samples: samples.zip(samples_at).map(|(it, at)| At { it: it as u32, at }),
            lhs_seed,
            jobs,
            workers,
            max_memory,
            axes,
            results,
        };
        plan.sense()?;
        Ok(plan)
    }

    /// Whether it makes sense together.
    fn sense(&self) -> Result<(), PlanError> {
        let sampled = self.axes.iter().find_map(|axis| match axis {
            Axis::Sampled(varied) => varied.first(),
            _ => None,
        });
        match (sampled, &self.samples) {
            (Some(varied), None) => {
                let message = format!("`{}` is sampled: say how often, `samples = 100`", varied.it.0);
                Err(self.page.error(varied.at, message))
            }
            (None, Some(samples)) => {
                let message = "`samples` of what? No parameter is sampled: `NAME = { lhs = [LOW, HIGH] }`";
                Err(self.page.error(samples.at, message))
            }
            _ => Ok(()),
        }
    }
}

/// `max_memory`: bytes, or a text with a unit.
fn memory(page: &Page, keys: &mut Keys<'_>) -> Result<Option<u64>, PlanError> {
    let Some(value) = keys.take("max_memory") else { return Ok(None) };
    let given = match value.get_ref() {
        DeValue::Integer(it) => u64::from_str_radix(it.as_str(), it.radix()).ok(),
        DeValue::String(text) => bytes(text),
        _ => None,
    };
    given.filter(|it| *it > 0).map(Some).ok_or_else(|| {
        let given = shown(value.get_ref());
        page.error(value.span().start, format!("`max_memory` is {given}, and must be bytes, or like \"16 GiB\""))
    })
}

/// Bytes as a person writes them: `16 GiB`, `500MB`, `1_000_000`.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.find(|it: char| it.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kib" => 1024.0,
        "m" | "mib" => 1024.0 * 1024.0,
        "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
        "t" | "tib" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        "tb" => 1e12,
        _ => return None,
    };
    let number: f64 = number.trim().replace('_', "").parse().ok()?;
    let bytes = number * factor;
    (bytes.is_finite() && (1.0..1e18).contains(&bytes)).then_some(bytes as u64)
}

/// The axes, in the order of the text; what is sampled is one, where its first parameter stands.
fn axes(page: &Page, keys: &mut Keys<'_>) -> Result<Vec<Axis>, PlanError> {
    let mut axes: Vec<(usize, Axis)> = Vec::new();
    if let Some((path, at)) = keys.text("design")? {
        axes.push((at, Axis::Rows(At { it: PathBuf::from(path), at })));
    }
    if let Some(parameters) = keys.take("parameters") {
        let mut sampled: Vec<Varied> = Vec::new();
        for varied in varied(page, "`parameters`", parameters)? {
            match varied.it.1 {
                Values::Sampled { .. } => sampled.push(varied),
                _ => axes.push((varied.at, Axis::Together(vec![varied]))),
            }
        }
        if let Some(first) = sampled.first() {
            axes.push((first.at, Axis::Sampled(sampled)));
        }
    }
    if let Some(zips) = keys.take("zip") {
        let DeValue::Array(zips) = zips.get_ref() else {
            let message = "`zip` is a list of tables, each of lists that are walked together: begin one with [[zip]]";
            return Err(page.error(zips.span().start, message));
        };
        for zip in zips.iter() {
            let all = varied(page, "`zip`", zip)?;
            if let Some(sampled) = all.iter().find(|it| matches!(it.it.1, Values::Sampled { .. })) {
                let message = format!("`{}` cannot be sampled in a [[zip]]: move it to [parameters]", sampled.it.0);
                return Err(page.error(sampled.at, message));
            }
            let Some(first) = all.first() else {
                return Err(page.error(zip.span().start, "this [[zip]] has no parameters"));
            };
            axes.push((first.at, Axis::Together(all)));
        }
    }
    axes.sort_by_key(|(at, _)| *at);
    Ok(axes.into_iter().map(|(_, axis)| axis).collect())
}

/// The parameters of a table, in the order of the text.
fn varied(page: &Page, what: &str, table: &toml::Spanned<DeValue<'_>>) -> Result<Vec<Varied>, PlanError> {
    let DeValue::Table(parameters) = table.get_ref() else {
        let message = format!("{what} is a table of parameters, each with its values");
        return Err(page.error(table.span().start, message));
    };
    let parameters = Keys::new(page, what, parameters).rest();
    let read = parameters.into_iter().map(|(name, at, value)| {
        let values = Values::read(page, name, value)?;
        Ok(At { it: (name.to_string(), values), at })
    });
    read.collect()
}

/// Names of results, and what they are.
fn results(page: &Page, keys: &mut Keys<'_>) -> Result<Vec<At<(String, String)>>, PlanError> {
    let Some(table) = keys.take("results") else { return Ok(Vec::new()) };
    let DeValue::Table(results) = table.get_ref() else {
        let message = "`results` is a table: `peak = \"max infected\"`";
        return Err(page.error(table.span().start, message));
    };
    let mut read = Vec::new();
    for (name, at, value) in Keys::new(page, "`results`", results).rest() {
        let DeValue::String(text) = value.get_ref() else {
            let given = shown(value.get_ref());
            let message = format!("the result `{name}` is {given}, and must be a text like \"max infected\"");
            return Err(page.error(value.span().start, message));
        };
        read.push(At { it: (name.to_string(), text.to_string()), at });
    }
    if read.is_empty() {
        return Err(
            page.error(table.span().start, "`results` is empty: leave it out, and each signal's final value is one")
        );
    }
    Ok(read)
}
