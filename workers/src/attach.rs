//! A worker process: connect, take the handoff, verify, attach, walk.

use std::io::Write;
use std::process::ExitCode;

use diptych_protocol::layout::Layout;
use diptych_protocol::message::{FromWorker, Handoff, WORKER_VARIABLE};
use diptych_protocol::track::Track;
use diptych_protocol::{header, segment, verify};
use ipc_channel::IpcError;
use ipc_channel::ipc::{self, IpcSender};

use crate::kernel::Registry;
use crate::runner::Runner;
use crate::walk::walk;

/// If this process was started as a worker: serves until told to leave, and returns the code to exit with.
/// A program with kernels of its own calls this (through the engine's `main`) before anything else.
pub fn serve_if_worker(registry: &Registry) -> Option<ExitCode> {
    let channel = std::env::var(WORKER_VARIABLE).ok()?;
    Some(match serve(&channel, registry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // The coordinator has been told, if it is there.
            let _ = writeln!(std::io::stderr(), "diptych worker: {message}");
            ExitCode::from(1)
        }
    })
}

fn serve(channel: &str, registry: &Registry) -> Result<(), String> {
    // Die with the coordinator. If it died before this call, nobody will signal: `walk` cannot be reached then,
    // because the parent is looked at again below, after the handoff names it.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|e| format!("cannot ask to die with the coordinator: {e}"))?;
    let coordinator: IpcSender<FromWorker> =
        IpcSender::connect(channel.to_string()).map_err(|e| format!("cannot connect to the coordinator: {e}"))?;
    let (handoff_to, handoff_from) = ipc::channel().map_err(|e| format!("cannot make a channel: {e}"))?;
    let gone = |e| format!("the coordinator is gone: {e}");
    coordinator.send(FromWorker::Hello(handoff_to)).map_err(gone)?;
    let handoff: Handoff = loop {
        match handoff_from.recv() {
            Ok(handoff) => break handoff,
            Err(IpcError::Io(e)) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(format!("no handoff from the coordinator: {e}")),
        }
    };
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get() as u32);
    if parent != Some(handoff.coordinator) {
        return Err("the coordinator died before this worker began".into());
    }
    work(&handoff, registry, || coordinator.send(FromWorker::Ready).map_err(gone)).inspect_err(|message| {
        // If it cannot be told, the exit code tells.
        let _ = coordinator.send(FromWorker::Refused(message.clone()));
    })
}

fn work(handoff: &Handoff, registry: &Registry, ready: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let program = &handoff.program;
    verify::verify(program).map_err(|violations| match violations.first() {
        Some(first) => format!("the program breaks {} invariants, first: {first}", violations.len()),
        None => "the program is not valid".into(),
    })?;
    let layout = Layout::traced(program, handoff.workers, handoff.traced.map_or(0, |traced| traced.rings));
    if layout.hash != handoff.layout_hash {
        return Err("this worker lays the program out differently: coordinator and worker are different builds".into());
    }
    let memory = segment::attach(&handoff.segment).map_err(|e| format!("cannot attach to {}: {e}", handoff.segment))?;
    if header::layout_hash(&memory) != Some(layout.hash) || memory.len() != layout.bytes {
        return Err(format!("the segment {} holds another layout", handoff.segment));
    }
    let mut runner = Runner::new(program, registry, handoff.backend).map_err(|e| e.to_string())?;
    let mut track = Track::new(&memory, &layout, program);
    crate::float_mode::set();
    ready()?;
    walk(&mut track, &mut runner, handoff);
    Ok(())
}
