//! A profile as a table for people, and as an object for machines.

use std::fmt;

use diptych_protocol::id::{StepId, SystemId};
use diptych_protocol::program::{Program, Reach, Read, System, Work};
use indicatif::HumanCount;
use serde::Serialize;

use super::lines::{Heaviest, heaviest};
use super::{Section, Spent};
use crate::explain::{self, counted};

/// Letters of a line.
const WIDTH: usize = 100;
/// Letters of a line before what it is about.
const HEAD: usize = 50;

/// Where time went.
#[derive(Serialize)]
pub struct Report {
    /// A part each program that ran.
    pub programs: Vec<Part>,
    /// Events that found no room, and are in none of the figures.
    pub events_dropped: u64,
}

/// Where the time of one program went.
#[derive(Serialize)]
pub struct Part {
    /// The scenario's name.
    pub scenario: String,
    /// Frames that were seen.
    pub frames: u32,
    /// The first of them, counted from 1.
    pub first_frame: u32,
    /// Rows of all lasting groups, as many as they have room for.
    pub rows: u64,
    /// Worker processes, or threads.
    pub workers: usize,
    /// Milliseconds of a frame.
    pub frame_ms: f64,
    /// Seconds of workers that set-up took, together.
    pub setup_s: f64,
    /// The table.
    pub lines: Vec<Line>,
}

/// What one stage, step or system took, or one kind of waiting.
#[derive(Serialize)]
pub struct Line {
    /// How far in it stands: what is further in is a part of what is before it.
    pub depth: u8,
    /// Of the time that workers had.
    pub share: f64,
    /// Milliseconds of each worker in a frame.
    pub frame_ms: f64,
    /// Of a stage, the share of time that was waited at its end.
    pub waits: Option<f64>,
    /// Of a stage, how much longer its busiest worker had to do than if each had had the same.
    pub uneven: Option<f64>,
    /// Rows a second, of all workers together.
    pub rows_per_s: Option<f64>,
    /// Bytes a second: each column that it reads or writes counts once a row.
    pub bytes_per_s: Option<f64>,
    /// What it is.
    pub what: String,
    /// Where it is written.
    pub place: Option<String>,
    /// Of a system, the line that costs most: an estimate.
    pub heaviest: Option<Heaviest>,
}

/// Bytes of the columns that systems name, each once a row.
fn bytes_a_row(program: &Program, systems: &[SystemId]) -> usize {
    let mut named = Vec::new();
    for system in systems.iter().map(|id| &program.systems[*id]) {
        named.extend(system.owns.iter().map(|column| (*column, true)));
        // What it reads of another group's rows is no part of its own row.
        let own = |read: &&Read| read.reach == Reach::Own || program.columns[read.column].group == system.group;
        named.extend(system.reads.iter().filter(own).map(|read| (read.column, false)));
    }
    named.sort_unstable();
    named.dedup();
    named.iter().map(|(column, _)| program.columns[*column].scalar.size()).sum()
}

/// What times are measured against.
struct Scale {
    total: f64,
    workers: f64,
    frames: f64,
}

impl Scale {
    fn line(&self, depth: u8, nanos: u64, what: String) -> Line {
        Line {
            depth,
            share: nanos as f64 / self.total,
            frame_ms: nanos as f64 / 1e6 / self.workers / self.frames,
            waits: None,
            uneven: None,
            rows_per_s: None,
            bytes_per_s: None,
            what,
            place: None,
            heaviest: None,
        }
    }

    fn rates(&self, line: Line, spent: Spent, bytes: usize) -> Line {
        let seconds = spent.nanos as f64 / 1e9 / self.workers;
        let rate = (spent.rows > 0 && seconds > 0.0).then(|| spent.rows as f64 / seconds);
        let bytes_per_s = rate.filter(|_| bytes > 0).map(|rate| rate * bytes as f64);
        Line { rows_per_s: rate, bytes_per_s, ..line }
    }
}

impl Report {
    pub(super) fn new(sections: &[Section], dropped: u64) -> Self {
        let seen = sections.iter().filter(|section| section.frames() > 0);
        Self { programs: seen.map(Part::new).collect(), events_dropped: dropped }
    }
}

impl Part {
    fn new(section: &Section) -> Self {
        let program = &section.program;
        let (total, workers, frames) = (section.nanos().max(1), section.workers(), section.frames());
        let scale = Scale { total: total as f64, workers: workers as f64, frames: f64::from(frames) };
        let mut lines = Vec::new();
        let mut told = section.held;
        for (at, stage) in program.schedule.frame.iter().enumerate() {
            let spent = |step: &StepId| section.steps.get(step).copied().unwrap_or_default();
            let nanos = stage.steps.iter().fold(0u64, |all, step| all.saturating_add(spent(step).nanos));
            let time = &section.stages[at];
            told = told.saturating_add(nanos).saturating_add(time.waits);
            let waits = (time.waits > 0).then(|| time.waits as f64 / scale.total);
            let about = |line: Line| Line { waits, uneven: time.uneven(workers), ..line };
            let work = |step: StepId| explain::work(program, &program.steps[step].work);
            let head = format!("{at} {}", stage.kind.name());
            if let [step] = stage.steps[..] {
                let head = if head.ends_with("commit") { head } else { format!("{head}: {}", work(step)) };
                lines.extend(step_lines(section, &scale, step, spent(&step), about(scale.line(0, nanos, head))));
                continue;
            }
            lines.push(about(scale.line(0, nanos, head)));
            for step in &stage.steps {
                let line = scale.line(1, spent(step).nanos, work(*step));
                lines.extend(step_lines(section, &scale, *step, spent(step), line));
            }
        }
        lines.push(scale.line(0, section.held, "held by the coordinator".into()));
        let waits = section.stages.iter().any(|stage| stage.waits > 0);
        let rest = if waits || workers == 1 { "between batches" } else { "waiting, and between batches" };
        lines.push(scale.line(0, total.saturating_sub(told), rest.into()));
        let lasting = program.groups.values().filter(|group| group.lasts());
        Self {
            scenario: program.scenario.clone(),
            frames,
            first_frame: section.first(),
            rows: lasting.map(|group| u64::from(group.rows)).sum(),
            workers,
            frame_ms: scale.total / 1e6 / scale.workers / scale.frames,
            setup_s: section.setup as f64 / 1e9,
            lines,
        }
    }
}

/// Where a system is written: the file's name, and the line.
fn place(program: &Program, system: &System) -> Option<String> {
    let place = program.place_of(system.span)?;
    let place = place.rsplit_once(':').map_or(&*place, |(place, _)| place);
    Some(place.rsplit_once('/').map_or(place, |(_, name)| name).into())
}

/// A step, and below it the systems of a pass.
fn step_lines(section: &Section, scale: &Scale, step: StepId, spent: Spent, line: Line) -> Vec<Line> {
    let program = &section.program;
    let Work::Pass { systems, .. } = &program.steps[step].work else { return vec![scale.rates(line, spent, 0)] };
    let depth = line.depth + 1;
    let mut lines = vec![scale.rates(line, spent, bytes_a_row(program, systems))];
    for &id in systems {
        let (system, spent) = (&program.systems[id], section.systems[id]);
        let line = scale.line(depth, spent.nanos, system.name.clone());
        let line = Line { place: place(program, system), heaviest: heaviest(program, id), ..line };
        lines.push(scale.rates(line, spent, bytes_a_row(program, &[id])));
    }
    if let Some(reduced) = section.reduces.get(&step) {
        lines.push(scale.rates(scale.line(depth, reduced.nanos, "aggregates".into()), *reduced, 0));
    }
    lines
}

/// Three digits and a letter.
fn short(value: f64) -> String {
    let units = ["", "k", "M", "G", "T", "P"];
    let (mut at, mut value) = (0, value);
    while value >= 999.5 && at + 1 < units.len() {
        value /= 1000.0;
        at += 1;
    }
    let digits = match value {
        99.95.. => 0,
        9.995.. => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", units[at])
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_blank = |text: Option<String>| text.unwrap_or_default();
        write!(
            f,
            "{:>6} {:>9.3} {:>6} {:>6} {:>7} {:>8}   ",
            percent(self.share),
            self.frame_ms,
            or_blank(self.waits.map(percent)),
            or_blank(self.uneven.map(|it| format!("{it:.2}"))),
            or_blank(self.rows_per_s.map(short)),
            or_blank(self.bytes_per_s.map(|rate| format!("{}B", short(rate)))),
        )?;
        let indent = "  ".repeat(usize::from(self.depth));
        let place = self.place.as_ref().map_or_else(String::new, |place| format!("  {place}"));
        write!(f, "{}", cut(&format!("{indent}{}{place}", self.what)))?;
        if let Some(most) = &self.heaviest {
            write!(f, "\n{:HEAD$}{}", "", cut(&format!("{indent}~ line {}: {}", most.line, most.text)))?;
        }
        Ok(())
    }
}

/// No longer than a line has room for.
fn cut(text: &str) -> String {
    let most = WIDTH - HEAD;
    match text.chars().count() <= most {
        true => text.into(),
        false => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = match self.first_frame {
            1 => String::new(),
            first => format!(" from {first} on"),
        };
        writeln!(
            f,
            "where time went: {}, {} frames{from}, {} rows, {}, {:.3} ms a frame",
            self.scenario,
            HumanCount(self.frames.into()),
            HumanCount(self.rows),
            counted(self.workers, "worker"),
            self.frame_ms
        )?;
        writeln!(f, " share  ms/frame  waits uneven  rows/s  bytes/s   what")?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.programs.iter().try_for_each(|part| write!(f, "{part}"))?;
        if self.programs.iter().flat_map(|part| &part.lines).any(|line| line.heaviest.is_some()) {
            writeln!(f, "(~: the line that costs most, estimated from its operations; all else is measured)")?;
        }
        if self.events_dropped > 0 {
            let dropped = HumanCount(self.events_dropped);
            writeln!(f, "({dropped} events came faster than they could be taken: what they told of is missing)")?;
        }
        Ok(())
    }
}
