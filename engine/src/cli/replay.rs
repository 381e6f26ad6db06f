//! `diptych replay`: a run again, as its journal tells it.

use std::process::ExitCode;

use diptych_protocol::nan::NanPolicy;
use diptych_workers::kernel::Registry;

use super::arguments::Replay;
use super::ending::{failed, finish};
use super::going::{possible, sweep};
use super::{FAILED, WRONG, aside, fail, scenario};
use crate::catalog::Catalog;
use crate::compile::{self, Compiled};
use crate::coordinator::{self, Command, Edition, Options, Origin, Records, Stopped, Swap};
use crate::journal::{self, ENGINE, From, Recorded, Text};

pub(super) fn replay(arguments: &Replay, registry: &Registry) -> ExitCode {
    let recorded = match journal::read(&arguments.journal) {
        Ok(recorded) => recorded,
        Err(error) => return fail(WRONG, error),
    };
    if let Err(code) = possible(arguments.backend) {
        return code;
    }
    let (first, swaps) = match programs(&recorded, registry) {
        Ok(programs) => programs,
        Err(code) => return code,
    };
    let commands = match commands(&recorded, &first, &swaps) {
        Ok(commands) => commands,
        Err(why) => return fail(WRONG, format_args!("{}: {why}", arguments.journal.display())),
    };
    let origin = match recorded.from.as_ref().map(origin).transpose() {
        Ok(origin) => origin,
        Err(why) => return fail(WRONG, format_args!("{}: {why}", arguments.journal.display())),
    };
    sweep();
    let options = Options {
        origin,
        workers: arguments.workers.workers.or(first.workers),
        backend: arguments.backend.into(),
        signals: true,
        data: first.data,
        records: arguments.out.clone().map(|folder| Records::new(folder, arguments.force)),
        swaps,
        commands,
        ..Options::default()
    };
    let outcome = match coordinator::run(&first.program, registry, options) {
        Ok(outcome) => outcome,
        Err(error) => return failed(&error),
    };
    let code = finish(arguments.summary, &outcome);
    let Some((frames, state)) = recorded.end else {
        aside(format_args!(
            "note: the journal has no end: the run was killed, or failed, and there is nothing to compare with\n"
        ));
        return code;
    };
    if outcome.stopped == Stopped::Interrupted {
        return code;
    }
    if outcome.frames != frames {
        return fail(FAILED, format_args!("the journal ended at frame {frames}; this run at {}", outcome.frames));
    }
    let found = format!("{:032x}", outcome.digest.state);
    if found == state {
        return code;
    }
    let engines =
        if recorded.engine == ENGINE { String::new() } else { format!(" (it was written by {})", recorded.engine) };
    fail(FAILED, format_args!("the journal{engines} ended at frame {frames} in the state {state}; this run in {found}"))
}

/// The state that the run went on from.
fn origin(from: &From) -> Result<Origin, String> {
    let Some(path) = &from.checkpoint else {
        return Err(format!("the run began with the state of frame {}, which no checkpoint has", from.frame));
    };
    let origin = Origin::read(path.as_ref()).map_err(|error| format!("the run began with {path}: {error}"))?;
    match format!("{:032x}", origin.digest().state) == from.state {
        true => Ok(origin),
        false => Err(format!("the run began with {path}, which holds another state now")),
    }
}

/// What inputs were set to. A state is made by the program that ran before a swap.
fn commands(recorded: &Recorded, first: &Compiled, swaps: &[Swap]) -> Result<Vec<Command>, String> {
    let command = |(frame, input, text): &(u32, String, String)| {
        let swap = swaps.iter().rev().find(|swap| swap.frame < *frame);
        let program = swap.map_or(&first.program, |swap| &swap.edition.program);
        let value = coordinator::value(program, input, text)?;
        Ok(Command { frame: *frame, input: input.clone(), value })
    };
    recorded.commands.iter().map(command).collect()
}

/// The programs of a journal: the one that it began with, and those that it went on with.
fn programs(recorded: &Recorded, registry: &Registry) -> Result<(Compiled, Vec<Swap>), ExitCode> {
    let last = recorded.swaps.len();
    // A run may have ended before its last frame, told to, or since a state was what it was to go on until; or behind it, when
    // it was resumed for longer.
    let frames = |text: &Text, at: usize| match &recorded.end {
        Some((frames, _)) if at == last => *frames,
        _ => text.frames,
    };
    let first = program(recorded, &recorded.text, frames(&recorded.text, 0), registry)?;
    let swaps = (recorded.swaps.iter().zip(1..)).map(|((frame, text), at)| {
        let compiled = program(recorded, text, frames(text, at), registry)?;
        Ok(Swap { frame: *frame, edition: Edition { program: compiled.program, data: compiled.data } })
    });
    Ok((first, swaps.collect::<Result<_, ExitCode>>()?))
}

pub(super) fn program(
    recorded: &Recorded,
    text: &Text,
    frames: u32,
    registry: &Registry,
) -> Result<Compiled, ExitCode> {
    let (source, mut settings) = (text.source(), text.settings());
    settings.frames = Some(frames);
    // It came to its end: with this policy, or one that it was resumed with. None of them changes a bit.
    if recorded.end.is_some() {
        settings.nan = Some(NanPolicy::Warn);
    }
    let compiled = compile::compile(&source, &settings, &Catalog(registry));
    let compiled = compiled.map_err(|errors| scenario::wrong(&source, &errors))?;
    let now = Text::of(&compiled.program);
    if let Some(((name, _), _)) = text.data.iter().zip(&now.data).find(|(before, now)| before != now) {
        return Err(fail(
            WRONG,
            format_args!("the column {name} of a file of {} holds other values than it did in the run", text.path),
        ));
    }
    if now.program != text.program {
        let why = match recorded.engine == ENGINE {
            true => "this program has other native kernels, or is another build".to_string(),
            false => format!("the journal was written by {}, and this is {ENGINE}", recorded.engine),
        };
        return Err(fail(
            WRONG,
            format_args!(
                "{} becomes another program here ({}) than in the run ({}): {why}",
                text.path, now.program, text.program
            ),
        ));
    }
    Ok(compiled)
}
