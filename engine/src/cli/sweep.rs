//! `diptych sweep`: many runs of a scenario, and one table of results.

use std::fs;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use diptych_protocol::limits::{FRAMES_MAX, WORKERS_MAX};
use diptych_protocol::{cgroup, segment};
use diptych_workers::kernel::Registry;
use indicatif::{ProgressBar, ProgressStyle};

use super::arguments::Summary;
use super::going::{self, Aside};
use super::sweep_summary::{self, Finished, Planned, duration};
use super::{FAILED, INTERRUPTED, TOO_BIG, WRONG, aside, fail, say};
use crate::coordinator;
use crate::diagnostic;
use crate::explain::counted;
use crate::signals::Signals;
use crate::source::Source;
use crate::sweep::journal::{self, Done, Journal, JournalError, Results, Shard, Status};
use crate::sweep::order::{Order, OrderError, Reply};
use crate::sweep::runner::{self, Limits, Progress, Runner, RunnerError};
use crate::sweep::{Sweep, plan, table};

/// Of the memory that is free, so much may be used: the estimates are no promises.
const SHARE_OF_FREE: f64 = 0.8;
/// How long a dry run tries a point.
const PILOT: Duration = Duration::from_millis(700);
/// How often it is said how far it is where there is no terminal.
const SAID_EVERY: Duration = Duration::from_secs(60);

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct SweepArguments {
    /// The plan: scenario, parameters, replicates, results
    #[arg(required = true, value_name = "PLAN")]
    plan: Option<PathBuf>,

    /// The sweep's folder: its journal, its table, its runs. With the same one it goes on [default: the plan's name with .sweep]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// The table of results, .parquet or .csv [default: DIR/results.parquet]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,

    /// Write over a table that exists elsewhere than in DIR
    #[arg(long)]
    force: bool,

    /// Run one part of the sweep alone, the K-th of N; `sweep merge` puts them together
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,

    /// Runs at the same time, instead of the plan's [default: as many as there are cores for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,

    /// Worker processes of each run, instead of the plan's [default: 1]; results never depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=i64::from(WORKERS_MAX)))]
    workers: Option<u16>,

    /// Memory that all runs at the same time may have, as in 16GiB, instead of the plan's [default: 0.8 of what is free]
    #[arg(long, value_name = "BYTES", value_parser = memory)]
    max_memory: Option<u64>,

    /// Run those again that failed or took too long
    #[arg(long)]
    retry: bool,

    /// Compile and check everything, list points and what they need, try how long it takes; run and write nothing
    #[arg(long, conflicts_with_all = ["shard", "retry", "force"])]
    dry_run: bool,

    /// How to print the summary
    #[arg(long, value_enum, default_value_t = Summary::Text)]
    summary: Summary,

    /// No progress
    #[arg(long, short)]
    quiet: bool,

    #[command(subcommand)]
    command: Option<SweepCommand>,
}

#[derive(Subcommand)]
enum SweepCommand {
    /// Put the results of shards together: the table of a sweep that ran in one place, byte for byte
    Merge(Merge),
}

#[derive(Args)]
struct Merge {
    /// Folders of shards
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,

    /// The table, .parquet or .csv
    #[arg(long, value_name = "FILE")]
    to: PathBuf,

    /// Write over it if it exists
    #[arg(long)]
    force: bool,

    /// Write it although runs are missing: with the rows that there are
    #[arg(long)]
    partial: bool,

    /// How to print the summary
    #[arg(long, value_enum, default_value_t = Summary::Text)]
    summary: Summary,
}

fn memory(text: &str) -> Result<u64, String> {
    plan::bytes(text).ok_or_else(|| "write bytes, or a number with a unit, as in 16GiB".into())
}

pub(super) fn sweep(arguments: &SweepArguments, registry: &Registry, inside: Option<&Source>) -> ExitCode {
    let result = match &arguments.command {
        Some(SweepCommand::Merge(merge)) => merged(merge),
        None => swept(arguments, registry, inside),
    };
    result.unwrap_or_else(|code| code)
}

/// One run of a sweep, in a process of its own. Dies with the sweep.
pub(super) fn serve(parent: u32, registry: &Registry) -> ExitCode {
    let dies = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32);
    if dies.is_err() || now != Some(parent) {
        return fail(FAILED, "this is for a sweep to start, and it is gone");
    }
    let mut text = Vec::new();
    let read = std::io::stdin().read_to_end(&mut text).map_err(|error| error.to_string());
    let order = read.and_then(|_| serde_json::from_slice::<Order>(&text).map_err(|error| error.to_string()));
    let reply = match order.map(|order| order.run(registry)) {
        Ok(Ok(answer)) => Reply::Done(answer),
        Ok(Err(OrderError::Changed)) => Reply::Changed,
        Ok(Err(error)) => Reply::Failed(error.to_string()),
        Err(error) => return fail(WRONG, format_args!("this is for a sweep to start: {error}")),
    };
    say(format_args!("{}", serde_json::to_string(&reply).unwrap_or_default()));
    ExitCode::SUCCESS
}

fn swept(arguments: &SweepArguments, registry: &Registry, inside: Option<&Source>) -> Result<ExitCode, ExitCode> {
    let Some(path) = &arguments.plan else { return Err(fail(WRONG, "no plan is named")) };
    let sweep = Sweep::prepare(path, arguments.workers, registry, inside).map_err(|error| fail(WRONG, error))?;
    if !sweep.warnings.is_empty() {
        let colours = std::io::stderr().is_terminal();
        aside(format_args!("{}", diagnostic::render(&sweep.source, &sweep.warnings, colours)));
    }
    let limits = limits(&sweep, arguments)?;
    if arguments.dry_run {
        return Ok(dry(&sweep, limits, arguments.summary));
    }
    let folder =
        arguments.out.clone().unwrap_or_else(|| path.with_extension("sweep").file_name().unwrap_or_default().into());
    let to = arguments.to.clone().unwrap_or_else(|| folder.join("results.parquet"));
    table::Format::of(&to).map_err(|why| fail(WRONG, why))?;
    if to.exists() && !arguments.force && to.parent() != Some(&folder) {
        return Err(fail(WRONG, format_args!("{} exists; say --force to write over it", to.display())));
    }
    let mut journal = begin(&sweep, &folder, arguments.shard)?;
    let before = results(&sweep, &folder)?;
    let mine = (0..sweep.about.runs).filter(|run| arguments.shard.is_none_or(|shard| shard.has(*run)));
    let again = |run: &u32| before.runs.get(run).is_none_or(|done| arguments.retry && done.status != Status::Ok);
    let (all, runs) = (mine.clone().count() as u32, mine.filter(again).collect::<Vec<u32>>());
    going::sweep();
    let begun = Instant::now();
    let signals = Signals::catch().map_err(|error| fail(FAILED, format_args!("cannot catch signals: {error}")))?;
    let teller = Teller::new(&sweep, arguments.quiet, all, runs.len() as u32);
    let log = journal::file(&folder, "log", arguments.shard);
    let runner = Runner::new(&sweep, &folder, limits, &mut journal, &log);
    let mut runner = runner.map_err(|error| fail(TOO_BIG, error))?;
    let mut teller = teller;
    let interrupted = runner.run(&runs, &signals, |progress, done| teller.tell(progress, done));
    drop(runner);
    teller.finish();
    let interrupted = interrupted.map_err(|error| match &error {
        RunnerError::Changed => fail(WRONG, error),
        RunnerError::Journal(_) | RunnerError::Start(_) => fail(TOO_BIG, error),
    })?;
    let after = results(&sweep, &folder)?;
    let finished = Finished {
        plan: &path.display().to_string(),
        folder: &folder.display().to_string(),
        about: &sweep.about,
        results: &after,
        limits: Some((limits, sweep.workers)),
        shard: arguments.shard,
        ran: teller.done,
        wall_s: begun.elapsed().as_secs_f64(),
        table: after.missing().is_empty().then_some(&*to),
    };
    conclude(&finished, interrupted, arguments.summary)
}

/// Writes the table if nothing is missing, and says how it ended.
fn conclude(finished: &Finished<'_>, interrupted: bool, summary: Summary) -> Result<ExitCode, ExitCode> {
    if let Some(to) = finished.table {
        write(to, finished.results)?;
    }
    match summary {
        Summary::Text => say(format_args!("{}", sweep_summary::text(finished))),
        Summary::Json => say(format_args!("{}", sweep_summary::json(finished))),
    }
    let failed = finished.results.runs.values().any(|done| done.status != Status::Ok);
    Ok(match (interrupted, failed) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, true) => ExitCode::from(FAILED),
        (false, false) => ExitCode::SUCCESS,
    })
}

fn write(to: &Path, results: &Results) -> Result<(), ExitCode> {
    let Some(about) = &results.about else { return Ok(()) };
    let rows: Vec<&Done> = results.runs.values().collect();
    table::write(to, about, &rows)
        .map_err(|error| fail(TOO_BIG, format_args!("cannot write {}: {error}", to.display())))
}

/// How much of the machine may be used.
fn limits(sweep: &Sweep, arguments: &SweepArguments) -> Result<Limits, ExitCode> {
    let cores = coordinator::cores();
    let each = if sweep.workers == 0 { cores } else { sweep.workers };
    let jobs = arguments.jobs.or(sweep.plan.jobs).unwrap_or((cores / each).max(1));
    let free = [
        segment::room().ok().map(|room| room.free),
        segment::memory_available(),
        cgroup::memory_left().map(|left| left.free),
    ];
    let free = free.into_iter().flatten().min().map_or(u64::MAX, |free| (free as f64 * SHARE_OF_FREE) as u64);
    let said = arguments.max_memory.or(sweep.plan.max_memory);
    let bytes = said.unwrap_or(free);
    let most = (0..).zip(&sweep.points).max_by_key(|(_, point)| point.bytes);
    if let Some((point, most)) = most.filter(|(_, most)| most.bytes > bytes) {
        let why = if said.is_some() { "may be used (max_memory)" } else { "may be used of what is free" };
        return Err(fail(
            TOO_BIG,
            format_args!(
                "a run of point {point} ({}) needs about {} of memory, and {} {why}",
                sweep.shown(point),
                indicatif::HumanBytes(most.bytes),
                indicatif::HumanBytes(bytes),
            ),
        ));
    }
    if jobs > 1 && u32::from(jobs) * u32::from(each) > u32::from(cores) {
        aside(format_args!(
            "note: {jobs} runs of {} at a time have more processes than the {} of this machine; they will wait for each other\n",
            counted(each.into(), "worker"),
            counted(cores.into(), "core"),
        ));
    }
    Ok(Limits { jobs, bytes })
}

/// Begins a sweep in a folder, or goes on with the one that is there.
fn begin(sweep: &Sweep, folder: &Path, shard: Option<Shard>) -> Result<Journal, ExitCode> {
    let refused =
        |error: std::io::Error| fail(TOO_BIG, format_args!("cannot use the folder {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(refused)?;
    // What is there of another sweep is found before anything is written.
    results(sweep, folder)?;
    let own = journal::file(folder, "journal", shard);
    if journal::journals(folder).is_ok_and(|found| found.is_empty())
        && fs::read_dir(folder).map_err(refused)?.next().is_some()
    {
        return Err(fail(
            WRONG,
            format_args!(
                "{} is not empty, and has no sweep in it; say --out DIR with another folder",
                folder.display()
            ),
        ));
    }
    Journal::open(&own, &sweep.about).map_err(|error| fail(code_of(&error), error))
}

fn code_of(error: &JournalError) -> u8 {
    match error {
        JournalError::Refused { source, .. } if source.kind() == std::io::ErrorKind::ResourceBusy => WRONG,
        JournalError::Refused { .. } => TOO_BIG,
        JournalError::Contradiction { .. } => FAILED,
        JournalError::Malformed { .. } | JournalError::Other { .. } => WRONG,
    }
}

/// What has come out so far, of all shards whose journals are in the folder.
fn results(sweep: &Sweep, folder: &Path) -> Result<Results, ExitCode> {
    let mut results = Results::of(&sweep.about);
    results.read(folder).map_err(|error| fail(code_of(&error), error))?;
    Ok(results)
}

fn merged(merge: &Merge) -> Result<ExitCode, ExitCode> {
    table::Format::of(&merge.to).map_err(|why| fail(WRONG, why))?;
    if merge.to.exists() && !merge.force {
        return Err(fail(WRONG, format_args!("{} exists; say --force to write over it", merge.to.display())));
    }
    let mut results = Results::default();
    for folder in &merge.folders {
        results.read(folder).map_err(|error| fail(code_of(&error), error))?;
    }
    let folders = merge.folders.iter().map(|it| it.display().to_string()).collect::<Vec<_>>().join(", ");
    let Some(about) = results.about.clone() else {
        return Err(fail(WRONG, format_args!("there is no sweep in {folders}")));
    };
    let missing = results.missing();
    if !missing.is_empty() && !merge.partial {
        let (ran, all) = (results.runs.len(), about.runs);
        let missing = sweep_summary::ranges(&missing);
        return Err(fail(
            FAILED,
            format_args!(
                "{ran} of {all} runs are there; missing: {missing}. Run them (`sweep PLAN --out DIR` goes on with what is in DIR), or \
                 say --partial"
            ),
        ));
    }
    let finished = Finished {
        plan: "",
        folder: &folders,
        about: &about,
        results: &results,
        limits: None,
        shard: None,
        ran: 0,
        wall_s: 0.0,
        table: Some(&merge.to),
    };
    conclude(&finished, false, merge.summary)
}

/// Says what would be run.
fn dry(sweep: &Sweep, limits: Limits, summary: Summary) -> ExitCode {
    let last = sweep.about.runs - 1;
    let mut tried: Vec<u32> = vec![0, last / 2, last];
    tried.dedup();
    let mut seconds: Vec<(u32, Result<f64, String>)> = Vec::new();
    for run in tried {
        let begun = Instant::now();
        let answer = runner::pilot(sweep, run, PILOT);
        let whole_s = begun.elapsed().as_secs_f64();
        let point = sweep.place(run).0;
        let frames = sweep.points[point as usize].frames;
        let estimate = answer.and_then(|answer| match answer.stopped.as_str() {
            "interrupted" if frames == FRAMES_MAX => Err("it has no last frame".to_string()),
            "interrupted" if answer.frames == 0 => {
                Err(format!("its first frame takes longer than {}", duration(PILOT.as_secs_f64())))
            }
            "interrupted" => Ok(whole_s - answer.wall_s + answer.wall_s * f64::from(frames) / f64::from(answer.frames)),
            _ => answer.wrong.map_or(Ok(whole_s), Err),
        });
        let most = sweep.plan.timeout_s.unwrap_or(f64::INFINITY);
        seconds.push((point, estimate.map(|it: f64| it.min(most))));
    }
    let planned = Planned { sweep, limits, seconds };
    match summary {
        Summary::Text => say(format_args!("{}", planned.text())),
        Summary::Json => say(format_args!("{}", planned.json())),
    }
    ExitCode::SUCCESS
}

/// Says how far it is.
struct Teller<'a> {
    sweep: &'a Sweep,
    bar: Option<ProgressBar>,
    quiet: bool,
    /// Runs of this part, those that had ended before, and those that are to be run now.
    all: u32,
    to_run: u32,
    begun: Instant,
    said: Instant,
    ending: bool,
    /// Runs that have ended now.
    done: u32,
}

impl<'a> Teller<'a> {
    fn new(sweep: &'a Sweep, quiet: bool, all: u32, to_run: u32) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(all.into());
            let style = ProgressStyle::with_template("{bar:32} {pos}/{len} runs{msg}");
            style.map_or_else(|_| bar.clone(), |style| bar.clone().with_style(style))
        });
        if let Some(bar) = &bar {
            bar.set_position((all - to_run).into());
        } else if !quiet && to_run > 0 {
            aside(format_args!("{} of {all} runs to run\n", to_run));
        }
        let now = Instant::now();
        Self { sweep, bar, quiet, all, to_run, begun: now, said: now, ending: false, done: 0 }
    }

    fn tell(&mut self, progress: Progress, done: Option<&Done>) {
        self.done = progress.done;
        let beside = Aside(self.bar.clone());
        if let Some(done) = done.filter(|done| done.status != Status::Ok) {
            let (error, status) = (done.error.as_deref().unwrap_or_default(), done.status.name());
            let first = error.lines().next().unwrap_or_default();
            beside.say(&format!("run {} ({}) {status}: {first}\n", done.run, self.sweep.shown(done.point)));
        }
        if progress.ending && !std::mem::replace(&mut self.ending, true) && progress.going > 0 {
            beside.say(&format!(
                "told to stop: it waits for {} to end, and begins no more; told again, it ends them\n",
                counted(progress.going as usize, "run"),
            ));
        }
        let left = self.to_run - progress.done;
        let eta = match progress.done {
            0 => String::new(),
            n => format!(
                ", about {} left",
                duration(self.begun.elapsed().as_secs_f64() / f64::from(n) * f64::from(left))
            ),
        };
        let failed = if progress.failed > 0 { format!(", {} failed", progress.failed) } else { String::new() };
        let text = format!(", {} going{failed}{}", progress.going, if self.ending { String::new() } else { eta });
        let ended = self.all - left;
        if let Some(bar) = &self.bar {
            bar.set_position(ended.into());
            bar.set_message(text);
        } else if !self.quiet && self.said.elapsed() > SAID_EVERY {
            self.said = Instant::now();
            aside(format_args!("{ended}/{} runs{text}\n", self.all));
        }
    }

    fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}
