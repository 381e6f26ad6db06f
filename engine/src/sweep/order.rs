//! One run, in a process of its own: what it is told, and what it answers. It compiles what it is told itself, so that whoever
//! spreads runs over a machine does nothing but that.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use diptych_protocol::program::Source;
use diptych_workers::kernel::Registry;
use serde::{Deserialize, Serialize};

use super::reduce::{Reducer, Running};
use crate::catalog::Catalog;
use crate::compile::{Compiled, Settings, compile};
use crate::coordinator::{self, Options, Records, RunError, Stopped};
use crate::diagnostic;

/// A run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The scenario.
    pub source: Source,
    /// Its parameters.
    pub sets: Vec<(String, String)>,
    /// The run's seed.
    pub seed: u64,
    /// Frames, instead of the scenario's.
    pub frames: Option<u32>,
    /// What the program is with another seed ([`fingerprint`]): that one, and its hash.
    pub known: (u64, String),
    /// Worker processes.
    pub workers: u16,
    /// Of how many states one is looked at.
    pub every: u32,
    /// The results that are wanted; each signal's final value if there are none.
    pub results: Vec<String>,
    /// Where its records are to be, if anywhere.
    pub outputs: Option<PathBuf>,
}

/// What became of a run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Frames complete.
    pub frames: u32,
    /// Why it ended.
    pub stopped: String,
    /// The hash of the last state.
    pub state_hash: String,
    /// The results, as texts: each number so that it reads as the same.
    pub values: Vec<Option<String>>,
    /// What had to hold and did not, or could not be written.
    pub wrong: Option<String>,
    /// Seconds of its frames, and of its set-up.
    pub wall_s: f64,
    /// Seconds until its first state was complete.
    pub setup_s: f64,
    /// The largest size of one of its processes.
    pub peak_rss_bytes: u64,
    /// Workers that died and were replaced.
    pub worker_deaths: u32,
}

/// What its process says, on its last line.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// It came to an end.
    Done(Answer),
    /// It failed.
    Failed(String),
    /// It was not begun: the scenario is not what it was when the sweep began.
    Changed,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The scenario is wrong with these parameters.
    #[error("{0}")]
    Scenario(String),
    /// It is not what it was when the sweep began.
    #[error("a file that the scenario reads has changed since the sweep began")]
    Changed,
    /// A result that the scenario does not have.
    #[error("{0}")]
    Result(String),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// What a program computes, how long it goes on included.
pub fn fingerprint(compiled: &Compiled, seed: u64) -> String {
    let mut program = compiled.program.clone();
    program.seed = seed;
    let until = program.outputs.until.map(diptych_protocol::id::Id::index);
    let nan = program.nan.name();
    format!("{:032x} {} {until:?} {nan}", program.hash(), program.frames)
}

/// The results that a plan asks for, or each signal's final value.
pub fn reducers(texts: &[String], compiled: &Compiled, every: u32) -> Result<Vec<Reducer>, (usize, String)> {
    let program = &compiled.program;
    if texts.is_empty() {
        let named = program.signals.iter().filter(|(_, signal)| signal.named);
        return Ok(named.map(|(id, _)| Reducer::last(program, id)).collect());
    }
    let read = texts.iter().enumerate().map(|(at, text)| Reducer::read(text, program, every).map_err(|why| (at, why)));
    read.collect()
}

impl Order {
    /// Compiles the scenario.
    pub fn compile(&self, registry: &Registry) -> Result<Compiled, Vec<diagnostic::Diagnostic>> {
        let settings =
            Settings { sets: self.sets.clone(), seed: Some(self.seed), frames: self.frames, ..Settings::default() };
        compile(&self.source, &settings, &Catalog(registry))
    }

    /// Runs it.
    pub fn run(self, registry: &Registry) -> Result<Answer, OrderError> {
        let wrong = |errors: Vec<_>| OrderError::Scenario(diagnostic::render(&self.source, &errors, false));
        let mut compiled = self.compile(registry).map_err(wrong)?;
        if fingerprint(&compiled, self.known.0) != self.known.1 {
            return Err(OrderError::Changed);
        }
        let reducers = reducers(&self.results, &compiled, self.every).map_err(|(_, why)| OrderError::Result(why))?;
        compiled.program.outputs.series = self.every;
        let running: Rc<RefCell<Vec<Running>>> =
            Rc::new(RefCell::new(reducers.into_iter().map(Running::new).collect()));
        let hears = Rc::clone(&running);
        let options = Options {
            workers: Some(self.workers),
            data: std::mem::take(&mut compiled.data),
            signals: true,
            records: self.outputs.map(|folder| Records::new(folder, true)),
            on_state: Some(Box::new(move |state, signals| {
                hears.borrow_mut().iter_mut().for_each(|it| it.hear(state, signals));
            })),
            ..Options::default()
        };
        let outcome = coordinator::run(&compiled.program, registry, options)?;
        let last = outcome.state.signal_bits();
        let values = running.take().into_iter().map(|it| it.finish(&compiled.program, &last));
        let failed = outcome.ensures.iter().filter_map(|ensure| ensure.message.clone());
        let wrong: Vec<String> = match outcome.stopped {
            Stopped::Ensure => failed.collect(),
            _ => outcome.lost.clone(),
        };
        Ok(Answer {
            frames: outcome.frames,
            stopped: outcome.stopped.name().into(),
            state_hash: format!("{:032x}", outcome.digest.state),
            values: values.collect(),
            wrong: (!wrong.is_empty()).then(|| wrong.join("; ")),
            wall_s: outcome.wall_s,
            setup_s: outcome.setup_s,
            peak_rss_bytes: outcome.peak_rss_bytes,
            worker_deaths: outcome.worker_deaths,
        })
    }
}
