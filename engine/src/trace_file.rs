//! A trace in the Chrome trace-event format, as Perfetto (ui.perfetto.dev) opens it: a track for the coordinator, one for its
//! checkpoints, one a worker.
//!
//! What workers tell is batches, their parts, and waits; the slices around them, stages and frames, reach from a worker's first
//! of these to its last. Slices are complete (`X`) events, a parent before its children; times are microseconds since the trace
//! was begun, to the nanosecond. The file grows to [`BYTES_MAX`] and no further: what is left out then is said at its end, as
//! is how many events found no room in the rings.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use diptych_protocol::id::{Id, Tick};
use diptych_protocol::program::{Program, Stage};
use diptych_protocol::trace::{Event, What, now};
use indicatif::HumanBytes;

use crate::explain;
use crate::journal::ENGINE;

/// A trace grows no larger: viewers hold all of it in memory.
const BYTES_MAX: u64 = 256 << 20;

/// Tracks that are no worker's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Track {
    /// What the coordinator does.
    Coordinator = 1,
    /// Checkpoints, from when they are begun until they are on the disk.
    Checkpoints = 2,
}

/// The first track of a worker, and tracks of a crew.
const WORKERS: u32 = 10;
const CREW: u32 = 10_000;

/// A file that is being written.
pub(crate) struct TraceFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// What could not be written, and why.
    error: Option<io::Error>,
    /// When it was begun.
    origin: u64,
    bytes: u64,
    /// The first tick that is left out since the file is full.
    cut: Option<Tick>,
    line: String,
    lanes: BTreeMap<u32, Lane>,
    /// What is told of the programs that run, and which crew is the last one's.
    crew: u32,
    names: Names,
}

/// A worker's frame, as far as it has been told.
#[derive(Default)]
struct Lane {
    tick: Option<Tick>,
    events: Vec<Event>,
}

/// Names of a program's parts, as JSON has them.
#[derive(Default)]
struct Names {
    setup: Vec<String>,
    frame: Vec<String>,
    /// And whether its batches divide rows.
    steps: Vec<(String, bool)>,
    systems: Vec<(String, String)>,
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Names {
    fn of(program: &Program) -> Self {
        let work = |id| explain::work(program, &program.steps[id].work);
        let stages = |stages: &[Stage]| {
            let name = |(at, stage): (usize, &Stage)| {
                let works: Vec<String> = stage.steps.iter().map(|id| work(*id)).collect();
                json(&format!("{at} {}: {}", stage.kind.name(), works.join("; ")))
            };
            stages.iter().enumerate().map(name).collect()
        };
        let systems = program.systems.values().map(|system| {
            let place = program.place_of(system.span).unwrap_or_default();
            (json(&system.name), json(&place))
        });
        Self {
            setup: stages(&program.schedule.setup),
            frame: stages(&program.schedule.frame),
            steps: (program.steps.iter())
                .map(|(id, step)| (json(&work(id)), step.domain.rows(program).is_some()))
                .collect(),
            systems: systems.collect(),
        }
    }

    fn stage(&self, tick: Tick, at: usize) -> &str {
        let names = if tick == Tick::SETUP { &self.setup } else { &self.frame };
        names.get(at).map_or("\"stage\"", String::as_str)
    }
}

impl TraceFile {
    /// Makes the file; of a file that is there only if it may be written over.
    pub(crate) fn create(path: &Path, overwrite: bool) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let file = if overwrite { options.open(path)? } else { options.create_new(true).open(path)? };
        let mut trace = Self {
            path: path.into(),
            out: BufWriter::with_capacity(1 << 16, file),
            error: None,
            origin: now(),
            bytes: 0,
            cut: None,
            line: String::new(),
            lanes: BTreeMap::new(),
            crew: 0,
            names: Names::default(),
        };
        trace.write("{\"traceEvents\":[\n");
        Ok(trace)
    }

    /// From now on this program runs, by so many workers, or threads.
    pub(crate) fn program(&mut self, program: &Program, workers: u16, processes: bool) {
        self.flush();
        let first = self.names.steps.is_empty();
        self.names = Names::of(program);
        if first {
            let name = json(&format!("diptych: {}", program.scenario));
            self.line.clear();
            let _ =
                write!(self.line, "{{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{{\"name\":{name}}}}}");
            self.put("");
            self.track(Track::Coordinator as u32, "coordinator");
            self.track(Track::Checkpoints as u32, "checkpoints");
        } else {
            self.crew += 1;
        }
        let of = if self.crew == 0 { String::new() } else { format!(" (program {})", self.crew + 1) };
        let what = if processes { "worker" } else { "thread" };
        for worker in 0..workers {
            self.track(self.lane(worker), &format!("{what} {worker}{of}"));
        }
    }

    /// The track of a worker.
    pub(crate) fn lane(&self, worker: u16) -> u32 {
        WORKERS + self.crew * CREW + u32::from(worker)
    }

    fn track(&mut self, track: u32, name: &str) {
        let name = json(name);
        for (what, key, value) in [("thread_name", "name", name.as_str()), ("thread_sort_index", "sort_index", "")] {
            self.line.clear();
            let _ =
                write!(self.line, "{{\"ph\":\"M\",\"pid\":1,\"tid\":{track},\"name\":\"{what}\",\"args\":{{\"{key}\":");
            let _ = if value.is_empty() { write!(self.line, "{track}}}}}") } else { write!(self.line, "{value}}}}}") };
            self.put(",\n");
        }
    }

    /// A slice of a track.
    pub(crate) fn slice(&mut self, track: u32, name: &str, span: (u64, u64), rest: fmt::Arguments<'_>) {
        let micros = |nanos: u64| format!("{}.{:03}", nanos / 1000, nanos % 1000);
        let (begin, end) = span;
        let (begin, took) = (begin.saturating_sub(self.origin), end.saturating_sub(begin.max(self.origin)));
        self.line.clear();
        let _ = write!(
            self.line,
            "{{\"ph\":\"X\",\"pid\":1,\"tid\":{track},\"ts\":{},\"dur\":{},\"name\":{name}{rest}}}",
            micros(begin),
            micros(took)
        );
        self.put(",\n");
    }

    /// Something that happened on a track.
    pub(crate) fn instant(&mut self, track: u32, name: &str, at: u64) {
        let at = at.saturating_sub(self.origin);
        self.line.clear();
        let _ = write!(
            self.line,
            "{{\"ph\":\"i\",\"s\":\"t\",\"pid\":1,\"tid\":{track},\"ts\":{}.{:03},\"name\":{}}}",
            at / 1000,
            at % 1000,
            json(name)
        );
        self.put(",\n");
    }

    /// What a worker tells.
    pub(crate) fn event(&mut self, worker: u16, event: Event) {
        let track = self.lane(worker);
        let alone = matches!(event.what, What::Began(_) | What::Held(_));
        let lane = self.lanes.entry(track).or_default();
        if lane.tick != Some(event.tick) || alone {
            self.frame(track);
        }
        match event.what {
            What::Began(pid) => self.instant(track, &format!("process {pid} begins"), event.begin),
            What::Held(slept) => {
                let name = if slept { "\"held, asleep\"" } else { "\"held\"" };
                self.slice(track, name, (event.begin, event.end), format_args!(""));
            }
            _ => {
                let lane = self.lanes.entry(track).or_default();
                lane.tick = Some(event.tick);
                lane.events.push(event);
            }
        }
    }

    /// Writes the frame of a worker that is told of: around it, its stages.
    fn frame(&mut self, track: u32) {
        let Some(mut lane) = self.lanes.remove(&track) else { return };
        if let (Some(tick), Some(first), Some(last)) = (lane.tick, lane.events.first(), lane.events.last()) {
            if self.bytes >= BYTES_MAX {
                self.cut.get_or_insert(tick);
            } else {
                let name = match tick {
                    Tick::SETUP => "\"set-up\"".to_string(),
                    tick => format!("\"frame {}\"", tick.frames_done()),
                };
                self.slice(track, &name, (first.begin, last.end), format_args!(""));
                for stage in lane.events.chunk_by(|a, b| a.stage == b.stage) {
                    self.stage(track, tick, stage);
                }
            }
        }
        lane.events.clear();
        lane.tick = None;
        self.lanes.insert(track, lane);
    }

    fn stage(&mut self, track: u32, tick: Tick, events: &[Event]) {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return };
        let name = self.names.stage(tick, usize::from(first.stage.0)).to_string();
        self.slice(track, &name, (first.begin, last.end), format_args!(""));
        // Parts are told before their batch, and stand behind it.
        let mut parts: Vec<&Event> = Vec::new();
        for event in events {
            let span = (event.begin, event.end);
            match event.what {
                What::System(..) | What::Reduce(_) => parts.push(event),
                What::Wait(slept) => {
                    let name = if slept { "\"wait, asleep\"" } else { "\"wait\"" };
                    self.slice(track, name, span, format_args!(""));
                }
                What::Batch { step, batch, rows } => {
                    let (name, divides) = self.names.steps[step.index()].clone();
                    let rows =
                        if divides { format!(",\"rows\":\"{} .. {}\"", rows.start, rows.end) } else { String::new() };
                    self.slice(track, &name, span, format_args!(",\"args\":{{\"batch\":{}{rows}}}", batch.0));
                    for part in parts.drain(..).filter(|part| event.begin <= part.begin && part.end <= event.end) {
                        self.part(track, part);
                    }
                }
                What::Began(_) | What::Held(_) => {}
            }
        }
    }

    fn part(&mut self, track: u32, part: &Event) {
        let span = (part.begin, part.end);
        match part.what {
            What::System(system, _) => {
                let (name, place) = self.names.systems[system.index()].clone();
                self.slice(track, &name, span, format_args!(",\"args\":{{\"place\":{place}}}"));
            }
            _ => self.slice(track, "\"aggregate\"", span, format_args!("")),
        }
    }

    /// Writes what is told of all workers.
    fn flush(&mut self) {
        let tracks: Vec<u32> = self.lanes.keys().copied().collect();
        tracks.into_iter().for_each(|track| self.frame(track));
    }

    /// Appends the line that has been made.
    fn put(&mut self, before: &str) {
        let line = std::mem::take(&mut self.line);
        self.write(before);
        self.write(&line);
        self.line = line;
    }

    fn write(&mut self, text: &str) {
        self.bytes += text.len() as u64;
        if self.error.is_none()
            && let Err(error) = self.out.write_all(text.as_bytes())
        {
            self.error = Some(error);
        }
    }

    /// Completes the file; `dropped` events found no room. Says where it is and what it lacks, or why it is not whole.
    pub(crate) fn finish(mut self, dropped: u64) -> Result<String, String> {
        self.flush();
        let mut about = format!("\"engine\":{},\"events_dropped\":{dropped}", json(ENGINE));
        if let Some(cut) = self.cut {
            let _ = write!(about, ",\"cut_at_frame\":{}", cut.frames_done());
        }
        self.write(&format!("\n],\"displayTimeUnit\":\"ns\",\"otherData\":{{{about}}}}}\n"));
        let flushed = self.out.flush();
        let path = self.path.display();
        if let Some(error) = self.error.or(flushed.err()) {
            return Err(format!("cannot write the trace {path}: {error}"));
        }
        let mut told = format!("{path}, {}", HumanBytes(self.bytes));
        if let Some(cut) = self.cut {
            let _ = write!(told, "; it is full: frame {} and those behind it are left out", cut.frames_done());
        }
        if dropped > 0 {
            let _ = write!(told, "; {dropped} events came faster than they could be taken, and are missing");
        }
        Ok(told)
    }
}
