//! `--workers 0`: the same batches in this process, on rayon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diptych_protocol::blame::Blame;
use diptych_protocol::board::Board;
use diptych_protocol::id::Tick;
use diptych_protocol::layout::Layout;
use diptych_protocol::memory::Memory;
use diptych_protocol::program::Program;
use diptych_protocol::track::Track;
use diptych_workers::float_mode;
use diptych_workers::in_process::InProcess;
use diptych_workers::kernel::Registry;

use super::commands::Commands;
use super::outcome::{Figures, Stopped, peak_rss};
use super::record::Recorder;
use super::supervise::{PROGRESS_EVERY, failed};
use super::{Options, Progress, RunError, cores};
use crate::signals::Signals;

pub(super) fn run(
    program: &Program,
    registry: &Registry,
    layout: &Layout,
    memory: &Memory,
    options: &mut Options,
    recorder: &mut Recorder<'_>,
    commands: &mut Commands,
) -> Result<Figures, RunError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(cores().into())
        .start_handler(|_| float_mode::set())
        .build()
        .map_err(|e| RunError::Workers(format!("cannot start threads: {e}")))?;
    let interrupted = AtomicBool::new(false);
    let signals = options.signals.then(Signals::catch).transpose().map_err(RunError::Workers)?;
    // The loop runs inside the pool: a call from outside costs a wake-up a stage. What need not be `Send` stays out:
    // progress is told between slices of frames.
    let in_process = pool.install(|| InProcess::new(program, registry, options.backend))?;
    let mut track = Track::new(memory, layout, program);
    let begun = Instant::now();
    let fault = |blame: Box<Blame>| failed(program, blame);
    commands.seal(&track, Tick::NONE);
    pool.install(|| in_process.tick(&mut track, Tick::SETUP)).map_err(fault)?;
    let setup_s = begun.elapsed().as_secs_f64();
    let agents = program.groups.ids().map(|g| u64::from(track.record().rows(g))).sum();
    let last = Tick::after_frames(program.frames);
    let mut tick = Tick::SETUP;
    let board = Board::new(memory, layout);
    recorder.drain(tick)?;
    let begun = Instant::now();
    while tick < last && board.stop_at().is_none() && !interrupted.load(Ordering::Relaxed) {
        let slice = Instant::now();
        let signals = signals.as_ref();
        commands.seal(&track, tick);
        let room = recorder.room().min(commands.room()).min(last);
        tick = pool
            .install(|| {
                let mut tick = tick;
                while tick < room && board.stop_at().is_none() && slice.elapsed() < PROGRESS_EVERY {
                    in_process.tick(&mut track, tick.next())?;
                    tick = tick.next();
                    if signals.is_some_and(Signals::caught) {
                        interrupted.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                Ok(tick)
            })
            .map_err(fault)?;
        recorder.drain(tick)?;
        if let Some(progress) = &mut options.progress {
            progress(Progress { frames: tick.frames_done(), of: program.frames, agents });
        }
    }
    Ok(Figures {
        stopped: if tick < last { Stopped::Interrupted } else { Stopped::Frames },
        setup_s,
        wall_s: Duration::as_secs_f64(&begun.elapsed()),
        worker_deaths: 0,
        batches_replayed: 0,
        batches_by_worker: Vec::new(),
        peak_rss_bytes: peak_rss(std::process::id()),
    })
}
