//! What can be said on the command line.

use std::ops::Range;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use diptych_protocol::inject::Injection;
use diptych_protocol::message::Backend;
use diptych_protocol::nan::NanPolicy;

use super::inspect::Inspect;
use super::pictures::Picturing;
use super::plot::Plot;
use crate::coordinator::{OnSlow, OnWriteError};

/// A multi-process, data-parallel simulation engine: the same bits at any number of workers.
#[derive(Parser)]
#[command(name = "diptych", version, max_term_width = 110)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The command line. A program that brings a scenario along needs no file.
pub(super) fn command(inside: bool) -> clap::Command {
    let command = Arguments::command();
    if inside {
        return command;
    }
    command
        .mut_subcommand("run", |it| it.mut_arg("file", |file| file.required_unless_present("help")))
        .mut_subcommand("check", |it| it.mut_arg("file", |file| file.required(true)))
        .mut_subcommand("explain", |it| it.mut_arg("file", |file| file.required(true)))
        .mut_subcommand("why", |it| it.mut_arg("file", |file| file.required(true)))
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Run a scenario (`run FILE --help` shows its parameters)
    #[command(disable_help_flag = true)]
    Run(Run),
    /// Go on with a run from its checkpoints (`run --checkpoints DIR` writes them), to the same bits
    ///
    /// Its records, checkpoints and journal are written on from where they were. With --at, --set, --seed or --scenario it is
    /// a run of its own, which begins with that state, and writes what it is told to.
    Resume(Resume),
    /// Run again what a journal tells (`run --journal FILE` writes one), and compare the end
    ///
    /// Exits with 1 if it ends in another state.
    Replay(Replay),
    /// Compile a scenario without running it: errors, warnings, and what a run would need
    ///
    /// Exits with 0, or with 2 if the scenario has errors.
    Check(Check),
    /// Show what a scenario is compiled to: who reads and writes what, and what runs when
    ///
    /// Without options: a table of systems and columns, then the stages of a frame with their batches, and the indexes.
    Explain(Explain),
    /// Run a scenario to a state, and show what a signal, an event or a bus was made of in it
    ///
    /// Each line is a part: its value, what it is, where it is written. Parts of a part stand further in.
    Why(Why),
    /// Compare two runs: the first frame, column, block and row that differ, both values, and the rule that wrote them
    ///
    /// What both have kept is compared: hash trees of states (`run --out DIR --hashes K`), and states (`--checkpoint-every N`). Where
    /// more is to be known the runs are made again in this process. Exits with 0 if nothing differs, else with 1.
    Diff(Diff),
    /// Write states of a run as files for others: for ParaView, or as tables
    ///
    /// One file a state and group. States between those that were kept are made again in this process.
    Export(Export),
    /// Look at a running simulation from another process, without pausing it: frame, workers, groups, rows, signals
    ///
    /// What one look shows is of one state, whole.
    Inspect(Inspect),
    /// List the scenarios of a folder, a line each
    List {
        /// The folder
        #[arg(default_value = "scenarios")]
        folder: PathBuf,
    },
    /// Draw a record as curves over frames or time, or a checkpoint as a picture
    ///
    /// Without options: all columns, those of very different size in panels of their own; arrays as maps, truth values and
    /// variants as strips; of a record of rows what they have in common. Thousands of rows are thinned so that no peak is lost.
    Plot(Plot),
    /// Run a scenario many times, as a plan says: parameters, replicates; one table of results
    ///
    /// Begun again with the same folder it goes on where it was. Of a run that fails the others take no notice.
    Sweep(super::sweep::SweepArguments),
    /// One run of a sweep
    #[command(hide = true)]
    SweepRun {
        /// The process that starts it
        parent: u32,
        /// What it is, for whoever looks at processes
        name: String,
    },
    /// Show what this machine offers a run, and sweep what dead runs left
    Doctor,
}

// What every compilation of a scenario is told. (No documentation comment: clap would take it for the command's.)
#[derive(Args)]
pub(super) struct Given {
    /// Seed of every random draw, instead of the scenario's
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,

    /// Set a parameter of the scenario; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    pub(super) sets: Vec<(String, String)>,

    /// What becomes of a run in which a rule makes a value that is no number, instead of the scenario's word
    #[arg(long, value_name = "POLICY", value_enum)]
    pub(super) nan: Option<NanName>,
}

// How many workers.
#[derive(Args)]
pub(super) struct Workers {
    /// Worker processes [default: the scenario's, else one a core]; 0 runs in this process. Results never depend on it
    #[arg(long, value_name = "N", env = "DIPTYCH_WORKERS")]
    pub(super) workers: Option<u16>,
}

// How a run is run, and what it leaves: nothing of it changes a result.
#[derive(Args)]
pub(super) struct Going {
    #[command(flatten)]
    pub(super) workers: Workers,

    /// How rules in text are run. Results never depend on it
    #[arg(long, value_enum, default_value_t = BackendName::Compiled)]
    pub(super) backend: BackendName,

    /// Make this folder the run's: what it was (run.json), its text, and its records, which are written to the current one else
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,

    /// Keep the hash trees of every so-manieth state, the first and the last one, in OUT/hashes.bin: what `diff` compares
    #[arg(long, value_name = "K", requires = "out", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) hashes: Option<u32>,

    /// Write every so-manieth state, the first and the last one for ParaView to OUT/vtp. The run waits for it
    #[arg(long, value_name = "K", requires = "out", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) vtp: Option<u32>,

    /// Write over a run's folder, records, a journal and checkpoints that exist
    #[arg(long)]
    pub(super) force: bool,

    /// Write no records. Results never depend on it
    #[arg(long, conflicts_with = "out")]
    pub(super) no_outputs: bool,

    #[command(flatten)]
    pub(super) pictures: Picturing,

    #[command(flatten)]
    pub(super) checkpoints: Checkpointing,

    /// Set inputs while it runs, by the lines of a file, a pipe, or of stdin (`-`): `[@FRAME] NAME = VALUE`
    #[arg(long, value_name = "FILE")]
    pub(super) commands: Option<PathBuf>,

    /// Write down with what the run began, went on and ended, for `replay`
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,

    /// Kill and replace a worker that shows no sign of life for so long (and 8 times as long as any has and lived); 0: never
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, value_parser = seconds)]
    pub(super) batch_deadline: f64,

    /// Have a failure, to see what the run makes of it: WHAT@FRAME[:STAGE[:BATCH[:MOMENT]]], as in kill@30:systems:0:written;
    /// may be given several times
    ///
    /// WHAT: a worker is sent SIGKILL (kill) or SIGSTOP (stop), aborts (abort), has a segmentation fault (segv), panics (panic)
    /// or does not come to an end (stall); or what is written of that frame finds no space (full: FRAME alone). FRAME counts from
    /// 1; 0 is set-up. STAGE is a kind (setup, index, systems, edit, reduce, commit) or a number; MOMENT is claimed (nothing is
    /// written), written, or done. What is left out, or *, is any: it happens once, to whoever comes first where all fits.
    #[arg(long = "inject", value_name = "WHAT@FRAME…", value_parser = injection)]
    pub(super) injections: Vec<Injection>,

    #[command(flatten)]
    pub(super) tracing: Tracing,

    /// When a record, the journal or a checkpoint cannot be written: the disk is full, the reader of a pipe has gone
    #[arg(long, value_enum, value_name = "HOW", default_value_t = OnWriteErrorName::Stop)]
    pub(super) on_write_error: OnWriteErrorName,

    /// When rows come faster than their record is written
    #[arg(long, value_enum, value_name = "HOW", default_value_t = OnSlowName::Wait)]
    pub(super) on_slow_output: OnSlowName,

    /// How to print the summary
    #[arg(long, value_enum, default_value_t = Summary::Text)]
    pub(super) summary: Summary,

    /// No progress bar
    #[arg(long, short)]
    pub(super) quiet: bool,
}

// Where time goes.
#[derive(Args)]
pub(super) struct Tracing {
    /// Write down what each worker and the coordinator did when, as Perfetto opens it (ui.perfetto.dev). Results never depend
    /// on it
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,

    /// The frames that the trace shows, from A on to before B; 1 is the first, 0 is set-up [default: 0..201]
    #[arg(long, value_name = "A..B", requires = "trace", value_parser = frames)]
    pub(super) trace_frames: Option<Range<u32>>,

    /// Print where time went: stages, systems, waiting
    #[arg(long)]
    pub(super) profile: bool,
}

// When states are written to files, and how many are kept.
#[derive(Args)]
pub(super) struct Checkpointing {
    /// Write checkpoints to this folder, for `resume`: now and then, and of the last state, whichever way the run ends. With
    /// --out and one of the following [default: OUT/checkpoints]
    #[arg(long = "checkpoints", value_name = "DIR")]
    pub(super) folder: Option<PathBuf>,

    /// Write one each so many frames (`1000`), or about so many seconds (`90s`) [default: 60s]
    #[arg(long = "checkpoint-every", value_name = "N", value_parser = every)]
    pub(super) every: Option<Every>,

    /// Keep so many, the last ones [default: 3]
    #[arg(long = "checkpoint-keep", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) keep: Option<u32>,
}

/// How often a checkpoint is written.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Every {
    Frames(u32),
    Seconds(f64),
}

#[derive(Args)]
pub(super) struct Run {
    /// The scenario
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) given: Given,

    /// Frames to run, instead of the scenario's
    #[arg(long, value_name = "N")]
    pub(super) frames: Option<u32>,

    #[command(flatten)]
    pub(super) going: Going,

    /// Look at the file while it runs, and go on with what it becomes
    #[arg(long, requires = "file")]
    pub(super) watch: bool,

    /// Print help; with FILE, also the scenario's parameters
    #[arg(long, short)]
    pub(super) help: bool,
}

#[derive(Args)]
pub(super) struct Resume {
    /// The folder of a run (--out), or of its checkpoints: the last one is meant. Or a checkpoint
    pub(super) from: PathBuf,

    /// The state to go on from, instead of the last one: run again from the checkpoint before it
    #[arg(long, value_name = "FRAME")]
    pub(super) at: Option<u32>,

    /// Frames to run, counted from the beginning, instead of the run's
    #[arg(long, value_name = "N")]
    pub(super) frames: Option<u32>,

    /// Go on with this scenario, instead of the run's: what means the same is kept
    #[arg(long, value_name = "FILE")]
    pub(super) scenario: Option<PathBuf>,

    #[command(flatten)]
    pub(super) given: Given,

    #[command(flatten)]
    pub(super) going: Going,
}

#[derive(Args)]
pub(super) struct Replay {
    /// The journal
    pub(super) journal: PathBuf,

    #[command(flatten)]
    pub(super) workers: Workers,

    /// How rules in text are run. Results never depend on it
    #[arg(long, value_enum, default_value_t = BackendName::Compiled)]
    pub(super) backend: BackendName,

    /// Write records, to this folder
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,

    /// Write over records that exist
    #[arg(long, requires = "out")]
    pub(super) force: bool,

    /// How to print the summary
    #[arg(long, value_enum, default_value_t = Summary::Text)]
    pub(super) summary: Summary,
}

#[derive(Args)]
pub(super) struct Check {
    /// The scenario
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) given: Given,

    #[command(flatten)]
    pub(super) workers: Workers,

    /// How to print the summary
    #[arg(long, value_enum, default_value_t = Summary::Text)]
    pub(super) summary: Summary,

    /// Exit with 2 if there are warnings
    #[arg(long)]
    pub(super) deny_warnings: bool,
}

#[derive(Args)]
pub(super) struct Explain {
    /// The scenario
    pub(super) file: Option<PathBuf>,

    #[command(flatten)]
    pub(super) given: Given,

    /// Print the code a rule was lowered to: of a system, of a group (its first values), or of `signals`
    #[arg(long, value_name = "SYSTEM", conflicts_with_all = ["schedule", "all"])]
    pub(super) ir: Option<String>,

    /// Print the stages of a frame as a graph in text
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "all")]
    pub(super) schedule: Option<Graph>,

    /// Print everything: also set-up, and the code of every body
    #[arg(long)]
    pub(super) all: bool,
}

#[derive(Args)]
pub(super) struct Why {
    /// The scenario
    pub(super) file: Option<PathBuf>,

    /// A signal, an event or a bus; may be given several times. Without one: all of them
    #[arg(long = "of", value_name = "NAME")]
    pub(super) names: Vec<String>,

    /// The state to look at, instead of the last one
    #[arg(long, value_name = "FRAME")]
    pub(super) at: Option<u32>,

    #[command(flatten)]
    pub(super) given: Given,

    #[command(flatten)]
    pub(super) workers: Workers,

    /// The most lines to show of each
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub(super) lines: usize,
}

#[derive(Args)]
pub(super) struct Diff {
    /// A run's directory (--out), a folder of checkpoints, or a checkpoint
    pub(super) a: PathBuf,

    /// The other one
    pub(super) b: PathBuf,

    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,

    /// Compare what was kept, and make nothing again
    #[arg(long)]
    pub(super) no_repeat: bool,
}

#[derive(Args)]
pub(super) struct Export {
    /// A run's directory (--out), a folder of checkpoints, or a checkpoint
    #[arg(id = "RUN")]
    pub(super) from_run: PathBuf,

    /// The first frame
    #[arg(long, value_name = "FRAME", default_value_t = 0)]
    pub(super) from: u32,

    /// The last frame [default: the run's last one]
    #[arg(long, value_name = "FRAME")]
    pub(super) to: Option<u32>,

    /// Every so-manieth frame, from the first one on [default: those whose states were kept]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) every: Option<u32>,

    /// As what
    #[arg(long, value_enum, default_value_t = ExportFormat::Vtp)]
    pub(super) format: ExportFormat,

    /// A group; may be given several times [default: all that can be written so]
    #[arg(long = "group", value_name = "NAME")]
    pub(super) groups: Vec<String>,

    /// Components, as in --columns Velocity,Health [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) columns: Vec<String>,

    /// The folder that files are written to
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,

    /// Write over files that exist
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExportFormat {
    /// For ParaView: points as .vtp, the cells of a grid as .vti, and a .pvd that lists them with their times
    Vtp,
    /// Apache Parquet
    Parquet,
    /// Comma-separated values
    Csv,
    /// A JSON object a line
    Ndjson,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Graph {
    /// A Mermaid flowchart, for documents
    Mermaid,
    /// Graphviz: `diptych explain FILE --schedule dot | dot -Tsvg`
    Dot,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Summary {
    /// A few lines for people
    Text,
    /// One JSON object, as the last line
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum NanName {
    /// It stops, with blame
    Stop,
    /// It goes on, and is told which rule made the first one of each column
    Warn,
    /// It goes on
    Allow,
    /// Positions stop it, anything else goes: what a scenario means that says nothing
    Positions,
}

impl From<NanName> for NanPolicy {
    fn from(name: NanName) -> Self {
        match name {
            NanName::Stop => NanPolicy::Stop,
            NanName::Warn => NanPolicy::Warn,
            NanName::Allow => NanPolicy::Allow,
            NanName::Positions => NanPolicy::Positions,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum BackendName {
    /// Operation by operation
    Interpreter,
    /// As code of this machine, with the widest vectors it has (`diptych doctor` says which)
    Compiled,
    /// As code with vectors of 128 bits
    Portable,
    /// As code with vectors of 256 bits
    Avx2,
    /// As code with vectors of 512 bits
    Avx512,
}

impl From<BackendName> for Backend {
    fn from(name: BackendName) -> Self {
        match name {
            BackendName::Interpreter => Backend::Interpreter,
            BackendName::Compiled => Backend::Compiled,
            BackendName::Portable => Backend::Portable,
            BackendName::Avx2 => Backend::Avx2,
            BackendName::Avx512 => Backend::Avx512,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnWriteErrorName {
    /// Stop after the frame, complete the other files, exit with 3
    Stop,
    /// Go on without that file, complete the run, exit with 3 all the same
    GoOn,
}

impl From<OnWriteErrorName> for OnWriteError {
    fn from(name: OnWriteErrorName) -> Self {
        match name {
            OnWriteErrorName::Stop => OnWriteError::Stop,
            OnWriteErrorName::GoOn => OnWriteError::GoOn,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnSlowName {
    /// The run waits: nothing is missing
    Wait,
    /// The state is left out of that record, and counted in the summary: how many are depends on time
    Skip,
}

impl From<OnSlowName> for OnSlow {
    fn from(name: OnSlowName) -> Self {
        match name {
            OnSlowName::Wait => OnSlow::Wait,
            OnSlowName::Skip => OnSlow::Skip,
        }
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.trim().into(), value.trim().into())),
        _ => Err("write NAME=VALUE, as in --set n=1_000_000".into()),
    }
}

fn every(text: &str) -> Result<Every, String> {
    let wrong = || "write a number of frames, 1 or more, or of seconds, as in 90s".to_string();
    match text.strip_suffix('s') {
        Some(seconds) => {
            seconds.parse().ok().filter(|it| (0.0..=1e9).contains(it)).map(Every::Seconds).ok_or_else(wrong)
        }
        None => text.replace('_', "").parse().ok().filter(|it| *it > 0).map(Every::Frames).ok_or_else(wrong),
    }
}

fn frames(text: &str) -> Result<Range<u32>, String> {
    let number = |text: &str| text.replace('_', "").parse::<u32>().ok();
    let parts = text.split_once("..").and_then(|(from, to)| Some(number(from.trim())?..number(to.trim())?));
    parts
        .filter(|frames| !frames.is_empty())
        .ok_or_else(|| "write A..B, as in 1000..1100: from A on to before B".into())
}

fn injection(text: &str) -> Result<Injection, String> {
    text.parse()
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("write a number of seconds, 0 to 1e9".into()),
    }
}
