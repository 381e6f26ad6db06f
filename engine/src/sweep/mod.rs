//! Sweeps: many runs of one scenario, and one table of what came of them.
//!
//! A [`plan`] says which values parameters have; its [`design`] is the list of points, each of which is run a number of times
//! with [`seeds`] of its own. Before anything runs each point is compiled: what is wrong with a plan is told at once
//! ([`Sweep::prepare`]). Each run is a process of its own ([`order`]), so that one that crashes, hangs or needs too much memory
//! harms no other; the [`runner`] keeps as many of them going as there are cores and memory for. A run's series of signals is
//! reduced while it runs ([`reduce`]); what remains goes to a [`journal`], which makes a sweep resumable, and shards of it, run
//! wherever, mergeable. The [`table`] is made from journals, and the same bytes however they came about.

pub mod design;
pub mod error;
pub mod journal;
pub mod keys;
pub mod lhs;
pub mod order;
pub mod plan;
pub mod reduce;
pub mod runner;
pub mod seeds;
pub mod spread;
pub mod table;
pub mod values;

use std::fmt::Write as _;
use std::path::Path;

use diptych_protocol::layout::Layout;
use diptych_protocol::program::Source;
use diptych_workers::kernel::Registry;
use rayon::prelude::*;
use twox_hash::XxHash3_128;

use crate::compile::{self, Compiled};
use crate::diagnostic::{self, Diagnostic};
use crate::journal::ENGINE;
use crate::source;

use design::Design;
use error::{Page, PlanError};
use journal::{About, Column};
use order::{Order, fingerprint, reducers};
use plan::Plan;
use reduce::Kind;

/// What a process needs beside the memory that a run's processes share: its code, its stacks, the machine code it makes, room for
/// indexes.
const PROCESS_BYTES: u64 = 24 << 20;

/// A point, compiled.
#[derive(Clone, PartialEq, Debug)]
pub struct Point {
    /// The values of the plan's parameters, as the program has them.
    pub values: Vec<String>,
    /// Bytes that a run of it needs, about.
    pub bytes: u64,
    /// Frames of a run.
    pub frames: u32,
    /// What its program computes: see [`fingerprint`].
    fingerprint: String,
}

/// A sweep that can be run.
#[derive(Clone, PartialEq, Debug)]
pub struct Sweep {
    /// Its plan.
    pub plan: Plan,
    /// Its scenario.
    pub source: Source,
    /// What is hardly meant in it.
    pub warnings: Vec<Diagnostic>,
    /// Its points.
    pub points: Vec<Point>,
    /// Workers of each run.
    pub workers: u16,
    /// What it is, in short.
    pub about: About,
    design: Design,
    results: Vec<String>,
}

/// Why a sweep cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The plan is wrong.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The scenario is, whatever the plan says; or with the values of a point.
    #[error("{what} does not compile:\n\n{diagnostics}")]
    Scenario {
        /// The scenario, or the point.
        what: String,
        /// What the compiler says.
        diagnostics: String,
    },
}

impl Sweep {
    /// Reads a plan and its scenario, and compiles every point.
    pub fn prepare(
        path: &Path,
        workers: Option<u16>,
        registry: &Registry,
        inside: Option<&Source>,
    ) -> Result<Self, SweepError> {
        let page = Page::read(path)?;
        let plan = Plan::read(&page)?;
        let source = scenario(&plan, path, inside)?;
        let (known, _) = compile::params(&source).map_err(|errors| SweepError::Scenario {
            what: source.path.clone(),
            diagnostics: diagnostic::render(&source, &errors, false),
        })?;
        let design = Design::new(&plan, &known)?;
        let workers = workers.or(plan.workers).unwrap_or(1);
        let results: Vec<String> = plan.results.iter().map(|it| it.it.1.clone()).collect();
        let about = About {
            engine: ENGINE.into(),
            scenario: String::new(),
            runs_hash: String::new(),
            programs_hash: String::new(),
            runs: design.points * plan.replicates,
            replicates: plan.replicates,
            parameters: Vec::new(),
            results: Vec::new(),
        };
        let (warnings, points) = (Vec::new(), Vec::new());
        let mut sweep = Self { plan, source, warnings, points, workers, about, design, results };
        sweep.compile(registry)?;
        Ok(sweep)
    }

    /// The point and the replicate of a run.
    pub fn place(&self, run: u32) -> (u32, u32) {
        (run / self.plan.replicates, run % self.plan.replicates)
    }

    /// The seed of a run.
    pub fn seed(&self, run: u32) -> u64 {
        let (point, replicate) = self.place(run);
        seeds::seed(self.plan.seed, self.plan.seeding, point, replicate)
    }

    /// The values of a point for people: `a = 1, b = 0.5`.
    pub fn shown(&self, point: u32) -> String {
        let values = self.design.parameters.iter().zip(&self.points[point as usize].values);
        let varies: Vec<String> = values.map(|(name, value)| format!("{name} = {value}")).collect();
        if varies.is_empty() { "as the scenario says".into() } else { varies.join(", ") }
    }

    /// What a run is told; its records are kept in a folder of its own, if they are.
    pub fn order(&self, run: u32, folder: &Path) -> Order {
        let (point, _) = self.place(run);
        let known = self.points.get(point as usize).map_or_else(String::new, |it| it.fingerprint.clone());
        Order {
            source: self.source.clone(),
            sets: self.design.values(point).map(|(name, value)| (name.into(), value.into())).collect(),
            seed: self.seed(run),
            frames: self.plan.frames,
            known: (self.plan.seed, known),
            workers: self.workers,
            every: self.plan.every,
            results: self.results.clone(),
            outputs: self.plan.outputs.then(|| folder.join("runs").join(format!("{run:06}"))),
        }
    }

    /// Compiles every point, and finds out what there is to know of them.
    fn compile(&mut self, registry: &Registry) -> Result<(), SweepError> {
        let first = self.compiled(0, registry)?;
        self.about.scenario.clone_from(&first.program.scenario);
        self.columns(&first)?;
        self.warnings.clone_from(&first.warnings);
        let points = (0..self.design.points).into_par_iter();
        let compiled = points.map(|point| Ok(self.point(point, &self.compiled(point, registry)?)));
        // Of several that are wrong the first one is told.
        let compiled: Vec<Result<Point, SweepError>> = compiled.collect();
        self.points = compiled.into_iter().collect::<Result<_, _>>()?;
        let mut hash = XxHash3_128::new();
        self.points.iter().for_each(|point| hash.write(point.fingerprint.as_bytes()));
        self.about.programs_hash = format!("{:032x}", hash.finish_128());
        self.about.runs_hash = self.runs_hash();
        Ok(())
    }

    fn compiled(&self, point: u32, registry: &Registry) -> Result<Compiled, SweepError> {
        let order = Order { seed: self.plan.seed, ..self.order(point * self.plan.replicates, Path::new("")) };
        order.compile(registry).map_err(|errors| self.blame(point, &order, &errors))
    }

    /// Why a point does not compile: a value is told where the plan has it.
    fn blame(&self, point: u32, order: &Order, errors: &[Diagnostic]) -> SweepError {
        for error in errors {
            for (name, value) in &order.sets {
                let said = error.message.strip_prefix(&format!("--set {name}={value}: "));
                if let Some((why, place)) = said.zip(self.design.place(point, name)) {
                    let why = if why.contains(&format!("`{name}`")) {
                        why.into()
                    } else {
                        format!("`{name} = {value}`: {why}")
                    };
                    let help = error.help.iter().filter(|it| !it.contains("--set")).cloned();
                    let message = std::iter::once(why).chain(help).collect::<Vec<_>>().join("; ");
                    return SweepError::Plan(PlanError { place, message });
                }
            }
        }
        let sets = order.sets.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ");
        let what = match sets.as_str() {
            "" => self.source.path.clone(),
            _ => format!("{} at point {point} of {}, {sets},", self.source.path, self.plan.page.path),
        };
        SweepError::Scenario { what, diagnostics: diagnostic::render(&self.source, errors, false) }
    }

    /// The columns of the table.
    fn columns(&mut self, first: &Compiled) -> Result<(), SweepError> {
        let program = &first.program;
        let reducers = reducers(&self.results, first, self.plan.every).map_err(|(at, why)| {
            let (result, page) = (&self.plan.results[at], &self.plan.page);
            page.error(result.at, format!("the result `{}`: {why}", result.it.0))
        })?;
        let names: Vec<String> = match self.results.is_empty() {
            true => program.signals.values().filter(|it| it.named).map(|it| it.name.clone()).collect(),
            false => self.plan.results.iter().map(|it| it.it.0.clone()).collect(),
        };
        let named = self.design.parameters.iter().cloned().zip(&self.design.kinds);
        self.about.parameters = named.map(|(name, kind)| Column { name, kind: *kind }).collect();
        let result = |(name, reducer): (String, reduce::Reducer)| Column { name, kind: reducer.kind() };
        self.about.results = names.into_iter().zip(reducers).map(result).collect();
        let taken = |name: &str| {
            table::COLUMNS.contains(&name)
                || self.about.parameters.iter().any(|it| table::parameter_column(&it.name) == name)
        };
        for (at, column) in self.about.results.iter_mut().enumerate().filter(|(_, it)| taken(&it.name)) {
            let Some(result) = self.plan.results.get(at) else {
                // Nobody has given it this name: the scenario has a signal that is called as a column is.
                column.name = format!("final.{}", column.name);
                continue;
            };
            let message =
                format!("the result `{}` is called as another column of the table: give it another name", column.name);
            return Err(self.plan.page.error(result.at, message).into());
        }
        Ok(())
    }

    fn point(&self, point: u32, compiled: &Compiled) -> Point {
        let mut program = compiled.program.clone();
        program.outputs.series = self.plan.every;
        let shared = Layout::new(&program, self.workers).bytes as u64;
        // The program's own words, so that 0.10 and 0.1 are the same; of variants it knows places alone.
        let known = |name: &str| program.params.iter().find(|(it, _)| it == name).map(|(_, value)| value.to_string());
        let values = self.design.values(point).zip(&self.design.kinds).map(|((name, said), kind)| match kind {
            Kind::Text => said.to_string(),
            _ => known(name).unwrap_or_else(|| said.to_string()),
        });
        Point {
            values: values.collect(),
            bytes: shared + (1 + u64::from(self.workers)) * PROCESS_BYTES,
            frames: compiled.program.frames,
            fingerprint: fingerprint(compiled, self.plan.seed),
        }
    }

    /// The hash of all that decides which runs there are and what is kept of them.
    fn runs_hash(&self) -> String {
        let mut hash = XxHash3_128::new();
        let Plan { seed, replicates, seeding, every, .. } = &self.plan;
        let mut text = format!("{seed} {replicates} {seeding:?} {every} {:?}", self.results);
        let _ = write!(text, " {:?} {:?}", self.about.parameters, self.about.results);
        hash.write(text.as_bytes());
        self.points.iter().flat_map(|point| &point.values).for_each(|value| {
            hash.write(value.as_bytes());
            hash.write(&[0]);
        });
        format!("{:032x}", hash.finish_128())
    }
}

/// The plan's scenario, or the one that the program brings along.
fn scenario(plan: &Plan, path: &Path, inside: Option<&Source>) -> Result<Source, PlanError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    match (&plan.scenario, inside) {
        (Some(file), _) => {
            source::read(&folder.join(&file.it)).map_err(|error| plan.page.error(file.at, error.to_string()))
        }
        (None, Some(inside)) => Ok(inside.clone()),
        (None, None) => {
            let message = "it says no scenario: `scenario = \"FILE\"`, a path that begins at the plan's folder";
            Err(PlanError { place: plan.page.path.clone(), message: message.into() })
        }
    }
}
