//! What deaths of workers come to: most are survived, but a batch that brings its workers down again and again is blamed, and
//! the run stops.
//!
//! - A worker that crashed (a signal of its own making, a bad exit) or hung counts against the batches that it held: the second
//!   such death stops the run.
//! - One that was killed (SIGKILL: a person, or the kernel short of memory) says nothing of its batch, unless the same one is
//!   held by eight in a row and no batch is finished between.
//! - Who crashes, or hangs, and holds no batch did not meet a rule that does it: so many in a row, no batch being finished
//!   between, stop the run, too.
//! - Who dies before it has attached has not held anything: so many of them in a row stop the run.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use diptych_protocol::id::{StageId, Tick};
use diptych_protocol::limits::{CRASHES_A_BATCH_MAX, DEATHS_AT_LAUNCH_MAX, IDLE_CRASHES_MAX, KILLS_A_BATCH_MAX};
use diptych_protocol::program::{Program, Work};

use super::site::Site;

/// How a worker came to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// By a fault of its own, with what the system says of it.
    Crashed(Option<ExitStatus>),
    /// It showed no sign of life, and was killed for it.
    Hung,
    /// Somebody killed it.
    Killed,
}

impl End {
    pub(super) fn of(status: &std::io::Result<ExitStatus>, hung: bool) -> Self {
        let kill = rustix::process::Signal::KILL.as_raw();
        match status {
            _ if hung => End::Hung,
            Ok(status) if status.signal() == Some(kill) => End::Killed,
            Ok(status) => End::Crashed(Some(*status)),
            Err(_) => End::Crashed(None),
        }
    }

    /// For people.
    pub(super) fn shown(self) -> String {
        match self {
            End::Crashed(Some(status)) => status.to_string(),
            End::Crashed(None) => "nobody knows what".into(),
            End::Hung => "no sign of life".into(),
            End::Killed => "SIGKILL".into(),
        }
    }
}

/// The deaths of a crew's workers.
#[derive(Default, Debug)]
pub(super) struct Deaths {
    /// Since a worker last attached.
    launches: u32,
    /// Crashes of each batch, by its tick and ticket.
    crashes: BTreeMap<(Tick, u32), u32>,
    /// Kills of each batch, and how many batches had been finished then.
    kills: BTreeMap<(Tick, u32), u32>,
    finished: u64,
    /// Crashes of workers that held no batch since then.
    idle: u32,
}

impl Deaths {
    /// A worker has attached.
    pub(super) fn attached(&mut self) {
        self.launches = 0;
    }

    /// One has died before it did; says why the run cannot go on, if it cannot.
    pub(super) fn at_launch(&mut self, workers: u16, end: End) -> Option<String> {
        self.launches += 1;
        let shown = end.shown();
        (self.launches > DEATHS_AT_LAUNCH_MAX * u32::from(workers))
            .then(|| format!("workers die before they attach, {} in a row, the last with {shown}", self.launches))
    }

    /// One has died that held these batches, by their tickets; `finished` batches have been run so far. Says why the run
    /// cannot go on, if it cannot.
    pub(super) fn holding(&mut self, site: &Site, held: &[u32], end: End, finished: u64) -> Option<String> {
        let tick = site.board().published().next();
        if self.finished != finished {
            self.finished = finished;
            self.kills.clear();
            self.idle = 0;
        }
        if held.is_empty() && end != End::Killed {
            self.idle += 1;
            return (self.idle >= IDLE_CRASHES_MAX).then(|| {
                format!(
                    "{} workers in a row crashed or hung between batches, the last with {}: another process has written into \
                     the run's shared memory, or this is a fault of diptych",
                    self.idle,
                    end.shown()
                )
            });
        }
        let (counts, most) = match end {
            End::Killed => (&mut self.kills, KILLS_A_BATCH_MAX),
            End::Crashed(_) | End::Hung => (&mut self.crashes, CRASHES_A_BATCH_MAX),
        };
        let mut worst = None;
        for &ticket in held {
            let count = counts.entry((tick, ticket)).or_insert(0);
            *count += 1;
            if *count >= most {
                worst = Some(ticket);
            }
        }
        let batch = what(site, tick, worst?);
        Some(match end {
            End::Hung => format!(
                "{most} workers hung in the same batch of {batch}, and were killed: its kernel does not come to an end, or \
                 takes longer than is allowed (--batch-deadline SECONDS, 0 for ever)"
            ),
            End::Crashed(_) => format!(
                "{most} workers died running the same batch of {batch}, the last with {}: its kernel brings the process \
                 down",
                end.shown()
            ),
            End::Killed => format!(
                "{most} workers in a row were killed in the same batch of {batch}, and no batch was finished between: is \
                 there too little memory?"
            ),
        })
    }
}

/// The batch of a ticket, for people: its step, its rules with their places, its rows.
fn what(site: &Site, tick: Tick, ticket: u32) -> String {
    let (program, layout) = (&site.program, &site.layout);
    let places = if tick == Tick::SETUP { &layout.setup } else { &layout.frame };
    let within = |first: u32, tickets: u32| (first..first + tickets).contains(&ticket);
    let stage = places.iter().position(|place| within(place.first_ticket, place.tickets));
    let located = stage.and_then(|at| {
        let stage = StageId(u16::try_from(at).ok()?);
        site.latest().locate(tick, stage, ticket - places[at].first_ticket)
    });
    let Some((step, batch, rows)) = located else { return "an unknown step".into() };
    let step = &program.steps[step];
    let part = match step.domain.rows(program) {
        Some((group, _)) => format!("rows {} .. {} of {}", rows.start, rows.end, program.groups[group].name),
        None => format!("part {}", batch.0),
    };
    format!("step {}{}, {part}", step.name, places_of(program, &step.work))
}

fn places_of(program: &Program, work: &Work) -> String {
    let spans = work.systems().iter().map(|system| program.systems[*system].span);
    let all: Vec<String> = spans.filter_map(|span| program.place_of(span)).collect();
    if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
}
