//! `--workers 0`: the same batches in this process, on rayon.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diptych_protocol::blame::Blame;
use diptych_protocol::board::Halt;
use diptych_protocol::id::Tick;
use diptych_workers::in_process::InProcess;
use diptych_workers::kernel::Registry;

use super::beside::Beside;
use super::blame::failed;
use super::checkpoints::Wake;
use super::crew::Tally;
use super::nan::Nans;
use super::outcome::{Figures, Stopped, peak_rss};
use super::site::Site;
use super::supervise::PROGRESS_EVERY;
use super::swap::{self, Edition, Editions, Next, Swapped};
use super::{Options, Progress, RunError};
use crate::signals::Signals;

/// Runs a site's program, and those that it goes on with: then the site is the last one's.
pub(super) fn run(
    site: &mut Arc<Site>,
    registry: &Registry,
    options: &mut Options,
    beside: &mut Beside,
) -> Result<Figures, RunError> {
    let this = thread::current();
    let wake: Wake = Arc::new(move || this.unpark());
    beside.hear(&wake);
    let pool = swap::pool()?;
    let interrupted = AtomicBool::new(false);
    let mut editions = Editions::new(std::mem::take(&mut options.swaps), options.editions.take());
    let (mut coming, mut swaps): (Option<Next>, Vec<Swapped>) = (None, Vec::new());
    let mut nans = Nans::default();
    // The loop runs inside the pool: a call from outside costs a wake-up a stage. What need not be `Send` stays out:
    // progress is told between slices of frames.
    let mut machine = pool.install(|| InProcess::new(&site.program, registry, options.backend))?;
    machine.trace(site.setting.traced);
    let begun = Instant::now();
    let from = site.board().published();
    beside.seal(site, from, from, options)?;
    if from < Tick::SETUP {
        pool.install(|| machine.tick(&mut site.track(), Tick::SETUP)).map_err(|blame| failed(site, blame))?;
    }
    let setup_s = begun.elapsed().as_secs_f64();
    let mut tick = from.max(Tick::SETUP);
    beside.drain(site, tick, options)?;
    nans.look(site, tick, &mut options.on_nan);
    let begun = Instant::now();
    let last = |site: &Site| Tick::after_frames(site.program.frames);
    while tick < last(site) && site.board().stop_at().is_none() && !interrupted.load(Ordering::Relaxed) {
        coming = coming.or_else(|| editions.next());
        if let Some(Next { frame, edition }) =
            coming.take_if(|next| next.frame.is_none_or(|at| at <= tick.frames_done()))
        {
            let (old, since) = (Arc::clone(site), beside.tracer.now());
            let swapped = go_on(site, edition, (registry, &mut machine), options, beside);
            let fatal = swapped.is_err() && (frame.is_some() || site.board().halted().is_some());
            if let Some(told) = options.on_swap.as_mut().filter(|_| !fatal) {
                told(swapped.as_ref());
            }
            match swapped {
                Ok(swapped) => {
                    options.note(|journal| journal.swap(swapped.frame, &site.program))?;
                    swaps.push(swapped);
                    nans.swap();
                    beside.tracer.swap(&old, tick, since);
                }
                Err(error) if fatal => return Err(error),
                Err(_) => {}
            }
            continue;
        }
        if beside.keeper.wants() {
            beside.keeper.set_due(tick);
        }
        if beside.lender.wants(&site.board()) {
            beside.lender.set_due(tick);
        }
        beside.lender.look(&site.board(), tick);
        beside.keep(site, tick, &wake, options)?;
        if beside.take(site)? {
            continue;
        }
        let slice = Instant::now();
        let due = coming.as_ref().and_then(|next| next.frame).map_or(last(site), Tick::after_frames);
        let mut track = site.track();
        // Here a tick begins when the one before has been published.
        beside.seal(site, tick, tick, options)?;
        let room = beside.room(site, tick, tick).min(last(site)).min(due);
        if beside.waits(tick) {
            thread::park_timeout(PROGRESS_EVERY.min(beside.lender.patience()));
            interrupted.store(beside.told_to_stop(), Ordering::Relaxed);
            continue;
        }
        let signals = beside.signals.as_ref();
        tick = pool
            .install(|| {
                let (mut tick, board) = (tick, site.board());
                while tick < room && board.stop_at().is_none() && slice.elapsed() < PROGRESS_EVERY {
                    machine.tick(&mut track, tick.next())?;
                    tick = tick.next();
                    if signals.is_some_and(Signals::caught) {
                        interrupted.store(true, Ordering::Relaxed);
                        break;
                    }
                }
                Ok(tick)
            })
            .map_err(|blame: Box<Blame>| {
                nans.look(site, site.board().published(), &mut options.on_nan);
                failed(site, blame)
            })?;
        beside.drain(site, tick, options)?;
        nans.look(site, tick, &mut options.on_nan);
        if let Some(progress) = &mut options.progress {
            let agents = site.program.groups.ids().map(|g| u64::from(track.record().rows(g))).sum();
            progress(Progress { frames: tick.frames_done(), of: site.program.frames, agents });
        }
    }
    Ok(Figures {
        stopped: if tick < last(site) { Stopped::Interrupted } else { Stopped::Frames },
        setup_s,
        wall_s: Duration::as_secs_f64(&begun.elapsed()),
        tally: Tally { peak_rss_bytes: peak_rss(std::process::id()), ..Tally::default() },
        swaps,
        nans: nans.into_all(),
    })
}

/// Goes on with another program. Until its memory is there and set up, nothing has happened to the one that runs.
fn go_on(
    site: &mut Arc<Site>,
    edition: Edition,
    (registry, machine): (&Registry, &mut InProcess),
    options: &mut Options,
    beside: &mut Beside,
) -> Result<Swapped, RunError> {
    let since = Instant::now();
    let begun = beside.recorder.begin(&edition.program)?;
    let (kernels, threads) = ((registry, options.backend), (&site.setting, swap::pool()?));
    let prepared = swap::prepare(edition, &site.program, kernels, threads, &AtomicBool::new(false))?;
    site.board().halt(Halt::End);
    site.track().latest()?;
    let tick = swap::adopt(&prepared, &site.latest().still())?;
    let signals = prepared.site.track().adopted_signals(tick);
    let old = std::mem::replace(site, Arc::clone(&prepared.site));
    *machine = prepared.machine;
    machine.trace(site.setting.traced);
    beside.swap((&old, site), (tick, &signals), begun, options).inspect_err(|_| site.board().halt(Halt::End))?;
    Ok(Swapped {
        frame: tick.frames_done(),
        program_hash: site.program.hash(),
        report: prepared.report,
        pause: since.elapsed(),
    })
}
