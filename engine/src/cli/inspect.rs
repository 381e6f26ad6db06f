//! `diptych inspect`: a look at a running simulation from another process. What is consistent, and what it costs the run:
//! [`diptych_protocol::reader`].

mod look;
mod text;

use std::io::{IsTerminal, Write};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use diptych_protocol::reader::{ReadError, Reader};
use diptych_protocol::segment::{self, Found};

use look::{Before, LookError, Seen, Wanted};

use super::{FAILED, WRONG, fail, say};

/// Between two looks at how far a run is.
const TWO_LOOKS: Duration = Duration::from_millis(250);

#[derive(Args)]
pub(super) struct Inspect {
    /// The run: the process id of its coordinator, the name of its scenario, or that of its shared memory. Without it: a list
    /// of all runs of this user; or, where more is asked for, the one that there is
    run: Option<String>,

    /// Show a group: its columns, and some rows
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,

    /// The row of this entity
    #[arg(long, value_name = "ID", requires = "group", conflicts_with_all = ["rows", "sample"])]
    entity: Option<u32>,

    /// These rows, from A on to before B
    #[arg(long, value_name = "A..B", requires = "group", conflicts_with = "sample", value_parser = rows)]
    rows: Option<Range<u32>>,

    /// So many rows, spread over all of them
    #[arg(long, value_name = "N", requires = "group", value_parser = clap::value_parser!(u32).range(1..))]
    sample: Option<u32>,

    /// Show the signals
    #[arg(long)]
    signals: bool,

    /// Look again every second, or every so many seconds, until the run is over
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = seconds)]
    watch: Option<f64>,

    /// Print JSON: an object each look
    #[arg(long)]
    json: bool,
}

fn rows(text: &str) -> Result<Range<u32>, String> {
    let number = |text: &str| text.trim().replace('_', "").parse::<u32>().ok();
    let parts = text.split_once("..").and_then(|(from, to)| Some(number(from)?..number(to)?));
    parts.filter(|rows| !rows.is_empty()).ok_or_else(|| "write A..B, as in 1000..1010: from A on to before B".into())
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.05..=1e6).contains(seconds));
    seconds.ok_or_else(|| "write a number of seconds, 0.05 or more".into())
}

pub(super) fn inspect(arguments: &Inspect) -> ExitCode {
    let more = arguments.group.is_some() || arguments.signals || arguments.watch.is_some();
    let result = match &arguments.run {
        None if !more => list(arguments.json),
        named => find(named.as_deref()).and_then(|reader| show(arguments, reader)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, why)) => fail(code, why),
    }
}

type Failed = (u8, String);

/// The runs of this user, each by what it runs in now: while one goes over to another program, that is in two segments.
fn running() -> Vec<(Found, Reader)> {
    let mut all: Vec<(Found, Reader)> = Vec::new();
    let readable = |found: Found| Reader::open(&found.name).ok().map(|reader| (found, reader));
    for (found, reader) in segment::list().into_iter().filter(|found| found.in_use).filter_map(readable) {
        let rank = |reader: &Reader| (reader.frames().is_some() && !reader.is_over(), reader.frames());
        match all.iter_mut().find(|(known, _)| known.process == found.process) {
            Some(known) if rank(&known.1) < rank(&reader) => *known = (found, reader),
            Some(_) => {}
            None => all.push((found, reader)),
        }
    }
    all
}

fn list(json: bool) -> Result<(), Failed> {
    let all = running();
    let before: Vec<Before> = all.iter().map(|(_, reader)| Before::of(reader)).collect();
    if !all.is_empty() {
        thread::sleep(TWO_LOOKS);
    }
    let looks: Vec<Seen> =
        all.iter().zip(&before).map(|((found, reader), before)| Seen::outline(found, reader, before)).collect();
    match json {
        true => say(format_args!("{}", serde_json::json!({ "runs": looks }))),
        false => say(format_args!("{}", text::list(&looks))),
    }
    Ok(())
}

/// The run that is meant.
fn find(named: Option<&str>) -> Result<(Found, Reader), Failed> {
    let mut all = running();
    let there = match all.as_slice() {
        [] => "no run of this user is going on now".to_string(),
        all => {
            let each = all.iter().map(|(found, reader)| format!("{} ({})", found.process, reader.description.scenario));
            format!("there are: {}", each.collect::<Vec<_>>().join(", "))
        }
    };
    let Some(named) = named else {
        return match all.len() {
            1 => Ok(all.remove(0)),
            0 => Err((WRONG, there)),
            _ => Err((WRONG, format!("which run is meant? {there}"))),
        };
    };
    if let Some(found) = segment::list().into_iter().find(|found| found.name == named) {
        if !found.in_use {
            let name = &found.name;
            return Err((WRONG, format!("{name} was left by a run that was killed: nothing goes on there any more")));
        }
        let reader = Reader::open(named).map_err(|error| (WRONG, error.to_string()))?;
        return Ok((found, reader));
    }
    let process = named.parse::<u32>().ok();
    let scenario = Path::new(named).file_stem().map_or(named.into(), |stem| stem.to_string_lossy());
    all.retain(|(found, reader)| match process {
        Some(process) => found.process == process,
        None => reader.description.scenario == named || reader.description.scenario == scenario,
    });
    match all.len() {
        1 => Ok(all.remove(0)),
        0 => Err((WRONG, format!("there is no run {named}; {there}"))),
        _ => Err((WRONG, format!("several runs are of {named}: name one by its process id; {there}"))),
    }
}

fn show(arguments: &Inspect, (mut found, mut reader): (Found, Reader)) -> Result<(), Failed> {
    let wanted = Wanted::of(arguments, &reader).map_err(|why| (WRONG, why))?;
    let mut before = Before::of(&reader);
    if arguments.watch.is_none() {
        thread::sleep(TWO_LOOKS);
    }
    loop {
        let since = Instant::now();
        let seen = Seen::look(&found, &reader, &before, &wanted).map_err(code)?;
        before = Before::of(&reader);
        print(arguments, &seen);
        let Some(seconds) = arguments.watch else { return Ok(()) };
        thread::sleep(Duration::from_secs_f64(seconds).saturating_sub(since.elapsed()));
        if reader.is_over() || !is_there(&found) {
            match running().into_iter().find(|(other, _)| other.process == found.process) {
                Some((other, next)) if !next.is_over() => {
                    (found, reader) = (other, next);
                    before = Before::of(&reader);
                }
                _ => {
                    if !arguments.json {
                        say(format_args!("the run is over"));
                    }
                    return Ok(());
                }
            }
        }
    }
}

fn is_there(found: &Found) -> bool {
    segment::path(&found.name).exists()
}

fn code(error: LookError) -> Failed {
    match error {
        LookError::Read(error @ (ReadError::TooEarly | ReadError::Overtaken(_))) => (FAILED, error.to_string()),
        error => (WRONG, error.to_string()),
    }
}

fn print(arguments: &Inspect, seen: &Seen) {
    if arguments.json {
        return say(format_args!("{}", serde_json::to_string(seen).unwrap_or_default()));
    }
    let text = text::run(seen);
    if arguments.watch.is_some() && std::io::stdout().is_terminal() {
        // From the top of the screen; what is left of the look before goes.
        let _ = write!(std::io::stdout(), "\x1b[H\x1b[J");
    }
    say(format_args!("{text}"));
}
