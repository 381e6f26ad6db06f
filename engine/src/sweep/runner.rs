//! Keeps runs going, each a process of its own: as many at a time as there are cores and memory for. What it comes to is written down
//! as it ends; a run that fails, crashes or takes too long is written down as that, and the next one begins.
//!
//! When this process dies its runs die with it (the kernel sees to it), and their workers with them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use diptych_protocol::segment;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::Serialize;

use super::Sweep;
use super::journal::{Done, Journal, JournalError, Status};
use super::order::{Answer, Order, Reply};
use crate::signals::Signals;

/// What a process is told that is one run of a sweep, before its parent's process id.
pub const WORD: &str = "sweep-run";

/// How often it is looked at what goes on.
const LOOK: Duration = Duration::from_millis(50);
/// How long a run has to end when it is told to, before it is killed.
const GRACE: Duration = Duration::from_secs(3);
/// Bytes of an error that are kept.
const ERROR_BYTES_MAX: usize = 4_000;

/// How much of the machine may be used at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Runs.
    pub jobs: u16,
    /// Bytes of all of them, about.
    pub bytes: u64,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Runs that have ended since it began,
    pub done: u32,
    /// without a result.
    pub failed: u32,
    /// Runs that go on.
    pub going: u32,
    /// Whether no more are begun.
    pub ending: bool,
}

/// Why a sweep does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// What has come out cannot be written down.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A run cannot be begun at all.
    #[error("cannot start a run: {0}")]
    Start(io::Error),
    /// The scenario is not what it was.
    #[error("a file that the scenario reads has changed since the sweep began; change it back, or begin another sweep")]
    Changed,
}

/// A run that goes on.
struct Going {
    run: u32,
    process: OwnedFd,
    begun: Instant,
    began: SystemTime,
    bytes: u64,
    end: Option<End>,
}

/// A run that has been told to end.
struct End {
    told: Instant,
    late: bool,
    killed: bool,
}

/// What is written down of a run beside its result: when and how long it ran, and where.
#[derive(Serialize)]
struct Logged<'a> {
    run: u32,
    status: &'a str,
    machine: &'a str,
    began_unix_s: f64,
    wall_s: f64,
    frames_wall_s: Option<f64>,
    setup_s: Option<f64>,
    peak_rss_bytes: Option<u64>,
    worker_deaths: Option<u32>,
}

type Ended = (u32, io::Result<Output>);

/// Runs of a sweep, into a folder.
pub struct Runner<'a> {
    sweep: &'a Sweep,
    folder: &'a Path,
    limits: Limits,
    journal: &'a mut Journal,
    log: File,
    machine: String,
    going: Vec<Going>,
    progress: Progress,
    /// Whether a run was ended that is to be run again.
    dropped: bool,
    ends: Sender<Ended>,
    ended: Receiver<Ended>,
}

impl<'a> Runner<'a> {
    /// Before any run. Must be used by a thread that lives as long as the runs: they die with it.
    pub fn new(
        sweep: &'a Sweep,
        folder: &'a Path,
        limits: Limits,
        journal: &'a mut Journal,
        log: &Path,
    ) -> Result<Self, JournalError> {
        let opened = OpenOptions::new().append(true).create(true).open(log);
        let log = opened.map_err(|source| JournalError::Refused { what: "open", path: log.into(), source })?;
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let (ends, ended) = channel();
        let (going, progress, dropped) = (Vec::new(), Progress::default(), false);
        Ok(Self { sweep, folder, limits, journal, log, machine, going, progress, dropped, ends, ended })
    }

    /// Runs them, in this order, and tells how far it is; true if it was told to stop before the last one. Told once it lets those
    /// that go on come to their end, told again it ends them.
    pub fn run(
        &mut self,
        runs: &[u32],
        signals: &Signals,
        mut tell: impl FnMut(Progress, Option<&Done>),
    ) -> Result<bool, RunnerError> {
        let mut waiting = runs.iter().copied().peekable();
        let result = loop {
            self.progress.ending |= signals.caught();
            if signals.insisted() {
                self.going.iter_mut().for_each(|going| going.end(false));
            }
            while let Some(&run) = waiting.peek().filter(|run| !self.progress.ending && self.fits(**run)) {
                match self.start(run) {
                    Ok(()) => drop(waiting.next()),
                    // Too many processes, or too many files, for now.
                    Err(_) if !self.going.is_empty() => break,
                    Err(error) => return Err(RunnerError::Start(error)),
                }
            }
            self.progress.going = self.going.len() as u32;
            tell(self.progress, None);
            if self.going.is_empty() {
                break Ok(self.dropped || waiting.peek().is_some());
            }
            match self.ended.recv_timeout(LOOK) {
                Ok(ended) => match self.take(ended) {
                    Ok(Some(done)) => tell(self.progress, Some(&done)),
                    Ok(None) => {}
                    Err(error) => break Err(error),
                },
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let timeout = self.sweep.plan.timeout_s.map(Duration::from_secs_f64);
            for going in &mut self.going {
                if timeout.is_some_and(|timeout| going.begun.elapsed() > timeout) {
                    going.end(true);
                }
                going.insist();
            }
        };
        if result.is_err() {
            self.kill();
        }
        result
    }

    /// Whether there is room for one more run; a run alone always has it.
    fn fits(&self, run: u32) -> bool {
        let bytes: u64 = self.going.iter().map(|going| going.bytes).sum();
        let room = bytes.saturating_add(self.bytes(run)) <= self.limits.bytes;
        self.going.is_empty() || self.going.len() < usize::from(self.limits.jobs) && room
    }

    fn bytes(&self, run: u32) -> u64 {
        let (point, _) = self.sweep.place(run);
        self.sweep.points.get(point as usize).map_or(0, |point| point.bytes)
    }

    fn start(&mut self, run: u32) -> io::Result<()> {
        let order = self.sweep.order(run, self.folder);
        if let Some(outputs) = &order.outputs {
            // Of a run that did not come to its end.
            match fs::remove_dir_all(outputs) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let process = spawn(&order, &format!("run {run} of {}", self.sweep.about.scenario), run, self.ends.clone())?;
        let (begun, began) = (Instant::now(), SystemTime::now());
        self.going.push(Going { run, process, begun, began, bytes: self.bytes(run), end: None });
        Ok(())
    }

    /// Takes in a run that has ended; nothing if it is to be run again some time.
    fn take(&mut self, (run, output): Ended) -> Result<Option<Done>, RunnerError> {
        let Some(at) = self.going.iter().position(|going| going.run == run) else { return Ok(None) };
        let going = self.going.swap_remove(at);
        let (late, killed) = going.end.as_ref().map_or((None, false), |end| (Some(end.late), end.killed));
        if killed || output.as_ref().is_ok_and(|output| output.status.signal().is_some()) {
            segment::sweep();
        }
        let reply = output.map_err(RunnerError::Start).map(|output| Reply::of(&output))?;
        let timeout = self.sweep.plan.timeout_s.unwrap_or(0.0);
        let (status, error, answer) = match (reply, late) {
            (Reply::Changed, _) => return Err(RunnerError::Changed),
            (Reply::Done(answer), _) if answer.stopped != "interrupted" => match answer.wrong.clone() {
                None => (Status::Ok, None, Some(answer)),
                wrong => (Status::Failed, wrong, Some(answer)),
            },
            (_, Some(true)) => (Status::Timeout, Some(format!("it took longer than {timeout} s")), None),
            // It was told to end, and will be run when the sweep goes on.
            (_, Some(false)) => {
                self.dropped = true;
                return Ok(None);
            }
            (Reply::Done(_), None) => (Status::Failed, Some("something told it to stop".to_string()), None),
            (Reply::Failed(why), None) => (Status::Failed, Some(why), None),
        };
        self.log(&going, status, answer.as_ref());
        let done = self.done(run, status, error, answer);
        self.journal.push(&done)?;
        self.progress.done += 1;
        self.progress.failed += u32::from(status != Status::Ok);
        Ok(Some(done))
    }

    fn done(&self, run: u32, status: Status, error: Option<String>, answer: Option<Answer>) -> Done {
        let (point, replicate) = self.sweep.place(run);
        // As the plan calls the scenario: on another machine it may be elsewhere.
        let called = self.sweep.plan.scenario.as_ref().map(|it| it.it.display().to_string());
        let path = &self.sweep.source.path;
        let error = error.map(|error| shortened(called.map_or(error.clone(), |it| error.replace(path, &it)).trim()));
        let nothing = vec![None; self.sweep.about.results.len()];
        let (mut frames, mut stopped, mut state_hash, mut values) = (None, None, None, nothing.clone());
        if let Some(answer) = answer {
            (frames, stopped, state_hash) = (Some(answer.frames), Some(answer.stopped), Some(answer.state_hash));
            values = if status == Status::Ok { answer.values } else { nothing };
        }
        Done {
            run,
            point,
            replicate,
            seed: self.sweep.seed(run),
            parameters: self.sweep.points.get(point as usize).map_or_else(Vec::new, |point| point.values.clone()),
            status,
            error,
            frames,
            stopped,
            state_hash,
            values,
        }
    }

    /// What nobody needs to know the results: whether it can be written changes nothing.
    fn log(&mut self, going: &Going, status: Status, answer: Option<&Answer>) {
        let logged = Logged {
            run: going.run,
            status: status.name(),
            machine: &self.machine,
            began_unix_s: going.began.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
            wall_s: going.begun.elapsed().as_secs_f64(),
            frames_wall_s: answer.map(|it| it.wall_s),
            setup_s: answer.map(|it| it.setup_s),
            peak_rss_bytes: answer.map(|it| it.peak_rss_bytes),
            worker_deaths: answer.map(|it| it.worker_deaths),
        };
        if let Ok(mut line) = serde_json::to_vec(&logged) {
            line.push(b'\n');
            let _ = self.log.write_all(&line);
        }
    }

    /// Ends what goes on, at once.
    fn kill(&mut self) {
        for going in &self.going {
            let _ = pidfd_send_signal(&going.process, Signal::KILL);
        }
        for _ in self.going.drain(..) {
            let _ = self.ended.recv_timeout(GRACE);
        }
        segment::sweep();
    }
}

impl Drop for Runner<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Going {
    /// Tells it to end, after its frame.
    fn end(&mut self, late: bool) {
        if self.end.is_none() {
            // Where it has ended meanwhile there is nobody to tell.
            let _ = pidfd_send_signal(&self.process, Signal::TERM);
            self.end = Some(End { told: Instant::now(), late, killed: false });
        }
    }

    /// Kills it if it does not.
    fn insist(&mut self) {
        if let Some(end) = self.end.as_mut().filter(|end| !end.killed && end.told.elapsed() > GRACE) {
            let _ = pidfd_send_signal(&self.process, Signal::KILL);
            end.killed = true;
        }
    }
}

/// Starts a process that runs what it is told; a thread waits for its end.
fn spawn(order: &Order, name: &str, run: u32, ends: Sender<Ended>) -> io::Result<OwnedFd> {
    let order = serde_json::to_vec(order)?;
    let mut child = Command::new("/proc/self/exe")
        .arg(WORD)
        .arg(std::process::id().to_string())
        .arg(name)
        // Beside its workers it computes little: hashes, and its compilation.
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: the terminal's Ctrl-C is the sweep's to hear.
        .process_group(0)
        .spawn()?;
    let process = match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
        Ok(process) => process,
        Err(refused) => {
            // It has been told nothing yet. Whoever is not waited for stays in the table of processes.
            let _ = child.kill();
            let _ = child.wait();
            return Err(refused.into());
        }
    };
    let mut stdin = child.stdin.take();
    thread::Builder::new().name("run".into()).spawn(move || {
        // If it has died already, its end tells.
        let _ = stdin.as_mut().map(|stdin| stdin.write_all(&order));
        drop(stdin);
        let _ = ends.send((run, child.wait_with_output()));
    })?;
    Ok(process)
}

/// Runs one of a sweep's runs for a while alone, to see how fast it is: frames a second and seconds until the first frame.
pub fn pilot(sweep: &Sweep, run: u32, at_most: Duration) -> Result<Answer, String> {
    let (ends, ended) = channel();
    let order = Order { outputs: None, ..sweep.order(run, &PathBuf::new()) };
    let process =
        spawn(&order, &format!("pilot of {}", sweep.about.scenario), run, ends).map_err(|it| it.to_string())?;
    let output = match ended.recv_timeout(at_most) {
        Ok((_, output)) => output,
        Err(_) => {
            let _ = pidfd_send_signal(&process, Signal::TERM);
            ended.recv_timeout(GRACE).map(|(_, output)| output).unwrap_or_else(|_| {
                let _ = pidfd_send_signal(&process, Signal::KILL);
                Err(io::ErrorKind::TimedOut.into())
            })
        }
    };
    match Reply::of(&output.map_err(|it| it.to_string())?) {
        Reply::Done(answer) => Ok(answer),
        Reply::Failed(why) => Err(why),
        Reply::Changed => Err(RunnerError::Changed.to_string()),
    }
}

impl Reply {
    /// What a process that has ended said.
    fn of(output: &Output) -> Self {
        let said = output.stdout.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty());
        if let Some(reply) = said.and_then(|line| serde_json::from_slice(line).ok()) {
            return reply;
        }
        let told = String::from_utf8_lossy(&output.stderr);
        let told = told.trim().trim_start_matches("error: ");
        let told = if told.is_empty() { String::new() } else { format!(": {told}") };
        Reply::Failed(match (output.status.signal(), output.status.code()) {
            (Some(signal), _) => format!("its process was killed by signal {signal}{told}"),
            (None, code) => format!("its process ended with code {}{told}", code.unwrap_or_default()),
        })
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_string()
}
