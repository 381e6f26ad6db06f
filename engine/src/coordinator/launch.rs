//! Starting a worker: this program again, a channel to hand the program over, and two threads that report what
//! becomes of it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crossbeam::channel::Sender;
use diptych_protocol::id::WorkerId;
use diptych_protocol::message::{FromWorker, Handoff, WORKER_VARIABLE};
use ipc_channel::ipc::{IpcOneShotServer, IpcSender};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::RunError;
use super::swap::Prepared;

use super::pulse::Pulse;

/// Which life of which slot of which crew: a report of an earlier life is told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Life {
    pub(super) crew: u32,
    pub(super) worker: WorkerId,
    pub(super) number: u32,
}

/// What the coordinator is told.
pub(super) enum Event {
    /// A worker has attached.
    Ready(Life),
    /// A worker refuses the handoff.
    Refused(Life, String),
    /// A worker's process has ended.
    Died(Life),
    /// Workers have rung, or a little time has passed.
    Look,
    /// What a run is to go on with is ready to be launched, or cannot be.
    Prepared(Result<Box<Prepared>, RunError>),
}

/// A worker's process. Dropping it kills and reaps it.
pub(super) struct Process {
    pub(super) life: Life,
    pub(super) child: Child,
    pub(super) ready: bool,
    /// What was seen of it last, and whether it was killed because it hung.
    pub(super) pulse: Pulse,
    pub(super) hung: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where there is nothing left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a worker. Must be called from a thread that lives as long as the run: the worker dies with it.
pub(super) fn launch(
    life: Life,
    handoff: Handoff,
    program: Option<&Path>,
    events: &Sender<Event>,
) -> io::Result<Process> {
    let (server, channel) = IpcOneShotServer::<FromWorker>::new()?;
    let mut command = Command::new(program.unwrap_or_else(|| Path::new("/proc/self/exe")));
    command
        .arg(format!("worker {} of {}", life.worker.0, handoff.program.scenario))
        .env(WORKER_VARIABLE, &channel)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // A group of its own: the terminal's Ctrl-C is the coordinator's to hear.
        .process_group(0);
    let child = command.spawn()?;
    let process = Process { life, child, ready: false, pulse: Pulse::default(), hung: false };
    let pid = Pid::from_child(&process.child);
    let end = pidfd_open(pid, PidfdFlags::empty())?;
    let greeting = events.clone();
    thread::Builder::new().name("greet".into()).spawn(move || greet(life, server, handoff, &greeting))?;
    let watching = events.clone();
    thread::Builder::new().name("watch".into()).spawn(move || watch(life, &end, channel, &watching))?;
    Ok(process)
}

/// Hands over, and reports the answer. Whatever breaks on the way shows as the worker's death.
fn greet(life: Life, server: IpcOneShotServer<FromWorker>, handoff: Handoff, events: &Sender<Event>) {
    let Ok((from_worker, FromWorker::Hello(to_worker))) = server.accept() else { return };
    if to_worker.send(handoff).is_err() {
        return;
    }
    let event = match from_worker.recv() {
        Ok(FromWorker::Ready) => Event::Ready(life),
        Ok(FromWorker::Refused(why)) => Event::Refused(life, why),
        Ok(FromWorker::Hello(_)) | Err(_) => return,
    };
    let _ = events.send(event);
}

/// Waits for the process to end.
fn watch(life: Life, end: &OwnedFd, channel: String, events: &Sender<Event>) {
    let mut polled = [PollFd::new(end, PollFlags::IN)];
    while matches!(poll(&mut polled, None), Err(rustix::io::Errno::INTR)) {}
    // If it died before it connected, `greet` still waits: a connection that says nothing sets it free.
    drop(IpcSender::<FromWorker>::connect(channel));
    let _ = events.send(Event::Died(life));
}
