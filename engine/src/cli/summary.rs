//! What a run prints at its end: for people, and for machines.

use std::collections::BTreeSet;

use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;

use crate::coordinator::{Checkpointed, Outcome, Stopped};
use crate::explain::counted;
use crate::journal::ENGINE;
use crate::profile::{Profile, Report};
use crate::shown;

/// Lines about values that are no numbers, at most.
const NAN_LINES: usize = 8;

/// The contract of `--summary json`.
#[derive(Serialize)]
struct Machine<'a> {
    scenario: &'a str,
    program_hash: String,
    engine: &'a str,
    backend: &'a str,
    workers: u16,
    frames: u32,
    agents: u64,
    seed: u64,
    stopped: &'a str,
    signals: serde_json::Map<String, serde_json::Value>,
    ensures: Vec<Ensure<'a>>,
    wall_s: f64,
    setup_s: f64,
    frames_per_s: f64,
    agent_frames_per_s: f64,
    state_hash: String,
    content_hash: String,
    worker_deaths: u32,
    batches_replayed: u64,
    batches_by_worker: &'a [u64],
    not_injected: Vec<String>,
    swaps: Vec<Swap>,
    resumed_from: Option<u32>,
    checkpoints: Option<Checkpoints>,
    lost: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Report>,
    skipped: Vec<Skipped>,
    nan: Nan<'a>,
    shm_bytes: u64,
    peak_rss_bytes: u64,
}

/// What had to hold, and the first frame at which it did not.
#[derive(Serialize)]
struct Ensure<'a> {
    text: &'a str,
    held: bool,
    failed_at: Option<u32>,
}

/// What became of checkpoints.
#[derive(Serialize)]
struct Skipped {
    record: String,
    states: u64,
}

impl Skipped {
    fn new(skipped: &crate::coordinator::Skipped) -> Self {
        Self { record: skipped.path.display().to_string(), states: skipped.states }
    }
}

#[derive(Serialize)]
struct Checkpoints {
    written: u32,
    bytes: u64,
    wall_s: f64,
    cpu_s: f64,
    copies: u32,
    copy_s: f64,
    last_frame: Option<u32>,
    last_file: Option<String>,
}

/// What was to become of values that are no numbers, and where the first ones came from.
#[derive(Serialize)]
struct Nan<'a> {
    policy: &'a str,
    /// Columns that have had such values, where the run was to go on and tell.
    columns: usize,
    first: Vec<NanFirst<'a>>,
}

#[derive(Serialize)]
struct NanFirst<'a> {
    group: &'a str,
    column: &'a str,
    by: &'a str,
    place: Option<&'a str>,
    /// Nothing: at set-up.
    frame: Option<u32>,
    entity: Option<u32>,
}

impl<'a> Nan<'a> {
    fn new(outcome: &'a Outcome) -> Self {
        let first = outcome.nans.iter().map(|found| NanFirst {
            group: &found.group,
            column: &found.column,
            by: &found.by,
            place: found.place.as_deref(),
            frame: found.frame,
            entity: found.entity,
        });
        Self { policy: outcome.state.program().nan.name(), columns: affected(outcome), first: first.collect() }
    }
}

/// How many columns have had values that are no numbers.
fn affected(outcome: &Outcome) -> usize {
    outcome.nans.iter().map(|found| (&found.group, &found.column)).collect::<BTreeSet<_>>().len()
}

/// A program that the run went on with.
#[derive(Serialize)]
struct Swap {
    frame: u32,
    program_hash: String,
    pause_s: f64,
}

fn frames_per_s(outcome: &Outcome) -> f64 {
    let frames = outcome.frames - outcome.resumed.unwrap_or(0).min(outcome.frames);
    if outcome.wall_s > 0.0 { f64::from(frames) / outcome.wall_s } else { 0.0 }
}

/// One JSON object.
pub(super) fn json(outcome: &Outcome) -> String {
    let program = outcome.state.program();
    let frames_per_s = frames_per_s(outcome);
    let summary = Machine {
        scenario: &program.scenario,
        program_hash: format!("{:032x}", program.hash()),
        engine: ENGINE,
        backend: outcome.backend.name(),
        workers: outcome.workers,
        frames: outcome.frames,
        agents: outcome.agents,
        seed: program.seed,
        stopped: outcome.stopped.name(),
        signals: shown::signals(program, &outcome.state.signal_bits())
            .map(|(name, value)| (name.to_string(), value.json()))
            .collect(),
        ensures: (outcome.ensures.iter())
            .map(|e| Ensure { text: &e.text, held: e.failed.is_none(), failed_at: e.failed })
            .collect(),
        wall_s: outcome.wall_s,
        setup_s: outcome.setup_s,
        frames_per_s,
        agent_frames_per_s: frames_per_s * outcome.agents as f64,
        state_hash: format!("{:032x}", outcome.digest.state),
        content_hash: format!("{:032x}", outcome.digest.content),
        worker_deaths: outcome.worker_deaths,
        batches_replayed: outcome.batches_replayed,
        batches_by_worker: &outcome.batches_by_worker,
        not_injected: outcome.not_injected.iter().map(ToString::to_string).collect(),
        swaps: (outcome.swaps.iter())
            .map(|swapped| Swap {
                frame: swapped.frame,
                program_hash: format!("{:032x}", swapped.program_hash),
                pause_s: swapped.pause.as_secs_f64(),
            })
            .collect(),
        resumed_from: outcome.resumed,
        checkpoints: outcome.checkpoints.as_ref().map(|told| Checkpoints {
            written: told.written,
            bytes: told.bytes,
            wall_s: told.seconds,
            cpu_s: told.cpu,
            copies: told.copies,
            copy_s: told.copying,
            last_frame: told.last.as_ref().map(|(frame, _)| *frame),
            last_file: told.last.as_ref().map(|(_, path)| path.display().to_string()),
        }),
        lost: &outcome.lost,
        profile: outcome.profile.as_ref().map(Profile::report),
        skipped: outcome.skipped.iter().map(Skipped::new).collect(),
        nan: Nan::new(outcome),
        shm_bytes: outcome.state.shm_bytes(),
        peak_rss_bytes: outcome.peak_rss_bytes,
    };
    serde_json::to_string(&summary).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}"))
}

fn kept(told: &Checkpointed) -> String {
    let mut text =
        format!("\nkept     {} checkpoints, {} in {:.2} s", told.written, HumanBytes(told.bytes), told.seconds);
    if told.copies > 0 {
        text += &format!("; workers waited for {} copies, {:.1} ms", told.copies, told.copying * 1e3);
    }
    if let Some((frame, path)) = &told.last {
        text += &format!("; the last is that of frame {frame}: {}", path.display());
    }
    text
}

/// A few lines.
pub(super) fn text(outcome: &Outcome) -> String {
    let program = outcome.state.program();
    let frames_per_s = frames_per_s(outcome);
    let workers = match outcome.workers {
        0 => "in this process".to_string(),
        1 => "on 1 worker".to_string(),
        n => format!("on {n} workers"),
    };
    let why = match outcome.stopped {
        Stopped::Frames => "all frames done",
        Stopped::Until => "what it was to go on until is so",
        Stopped::Ensure => "what had to hold does not",
        Stopped::Interrupted => "told to stop; the last frame is whole",
    };
    let mut text = format!(
        "{}: {} frames of {} agents {workers} in {:.2} s (set-up {:.3} s)\n\
         speed    {frames_per_s:.1} frames/s, {} agent-frames/s\n\
         memory   {} shared\n\
         state    {:032x}\n\
         content  {:032x}\n\
         stopped  {why}",
        program.scenario,
        HumanCount(outcome.frames.into()),
        HumanCount(outcome.agents),
        outcome.wall_s,
        outcome.setup_s,
        HumanCount((frames_per_s * outcome.agents as f64) as u64),
        HumanBytes(outcome.state.shm_bytes()),
        outcome.digest.state,
        outcome.digest.content,
    );
    for (name, value) in shown::signals(program, &outcome.state.signal_bits()) {
        text += &format!("\nsignal   {name} = {value}");
    }
    for ensure in &outcome.ensures {
        match ensure.failed {
            None => text += &format!("\nensure   {}: held", ensure.text),
            Some(frame) => text += &format!("\nensure   {}: failed at frame {frame}", ensure.text),
        }
    }
    for swapped in &outcome.swaps {
        let pause = swapped.pause.as_secs_f64() * 1e3;
        text += &format!("\nswap     another program from frame {} on (pause {pause:.1} ms)", swapped.frame);
    }
    if let Some(frame) = outcome.resumed {
        text += &format!("\nresumed  from frame {frame}");
    }
    if let Some(told) = &outcome.checkpoints {
        text += &kept(told);
    }
    if let Some(trace) = &outcome.trace {
        text += &format!("\ntrace    {trace}");
    }
    for lost in &outcome.lost {
        text += &format!("\nlost     {lost}");
    }
    for skipped in &outcome.skipped {
        let (path, states) = (skipped.path.display(), counted(skipped.states as usize, "state"));
        text += &format!("\nskipped  {path} has {states} less than were due: it was written too slowly");
    }
    if !outcome.nans.is_empty() {
        text += &format!("\nnan      {} had values that are no numbers", counted(affected(outcome), "column"));
        outcome.nans.iter().take(NAN_LINES).for_each(|found| text += &format!("\n         {found}"));
        if outcome.nans.len() > NAN_LINES {
            text += &format!("\n         and {} more", outcome.nans.len() - NAN_LINES);
        }
    }
    if outcome.worker_deaths > 0 {
        text += &format!(
            "\ndeaths   {} workers died and were replaced, {} batches run again",
            outcome.worker_deaths, outcome.batches_replayed
        );
    }
    for injection in &outcome.not_injected {
        text += &format!("\ninject   {injection} did not come about: there was no such batch, or nothing to write");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::{Settings, compile};
    use crate::coordinator::{Options, run};
    use diptych_protocol::body::{Body, Compare, Op};
    use diptych_protocol::program::{Ensure, Program, Signal, Source, Span};
    use diptych_protocol::types::{Scalar, Type, Value};

    /// Named and nameless signals of each state, and an `ensure` that fails at frame 2.
    fn program() -> Program {
        let text = "scenario t\nrun { frames = 3, dt = 0.5, seed = 1 }\nspace torus (0, 0) .. (9, 9)\n\
                    component Position = vec2\ncomponent Velocity = vec2\n\
                    group points[8] { position Position = uniform(space)\n Velocity = vec2(1.0, 1.0) }\n\
                    system drift native \"drift\" for points owns Position reads Position, Velocity\n";
        let source = Source { path: "t.dip".into(), text: text.into() };
        let registry = crate::Registry::builtin();
        let compiled = compile(&source, &Settings::default(), &crate::catalog::Catalog(&registry));
        let mut program =
            compiled.unwrap_or_else(|e| panic!("{}", crate::diagnostic::render(&source, &e, false))).program;
        let mut body = Body::default();
        let time = body.push(Scalar::F64, Op::Time);
        let one = body.push(Scalar::F64, Op::Const(Value::F64(1.0)));
        let early = body.push(Scalar::Bool, Op::Compare(Compare::Lt, time, one));
        body.results = vec![time, one, early];
        program.outputs.body = Some(program.bodies.push(body));
        let signals = ["clock", "1.0", "early"].into_iter().zip([Scalar::F64, Scalar::F64, Scalar::Bool]);
        let mut ids = Vec::new();
        for (name, scalar) in signals {
            let (name, ty, named) = (name.to_string(), Type::scalar(scalar), name == "clock");
            ids.push(program.signals.push(Signal { name, ty, named, span: Span::default() }));
        }
        let [clock, limit, early] = ids[..] else { panic!("three signals") };
        let ensure = |text: &str, sides| Ensure { text: text.into(), holds: early, sides, span: Span::default() };
        program.outputs.ensures = vec![ensure("it is early", Some((clock, limit)))];
        program
    }

    #[test]
    fn the_summary_has_the_last_signals_and_what_failed() {
        let outcome = run(&program(), &crate::Registry::builtin(), Options { workers: Some(0), ..Options::default() });
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        let machine: serde_json::Value = serde_json::from_str(&json(&outcome)).unwrap();
        assert_eq!(machine["stopped"], "ensure");
        assert_eq!(machine["frames"], 2);
        assert_eq!(machine["signals"], serde_json::json!({ "clock": 1.0 }));
        let failed = serde_json::json!([{ "text": "it is early", "held": false, "failed_at": 2 }]);
        assert_eq!(machine["ensures"], failed);
        let people = text(&outcome);
        assert!(
            people.contains("signal   clock = 1\n") && people.contains("it is early: failed at frame 2"),
            "{people}"
        );
        let message = outcome.ensures[0].message.as_deref();
        assert_eq!(message, Some("t.dip:1:1: ensure \"it is early\" does not hold at frame 2: 1 against 1"));
    }
}
