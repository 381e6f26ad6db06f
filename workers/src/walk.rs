//! A worker's loop: step through the protocol, run what was claimed.

use diptych_protocol::board::{Board, Halt};
use diptych_protocol::id::WorkerId;
use diptych_protocol::inject::Moment;
use diptych_protocol::message::Handoff;
use diptych_protocol::track::Track;
use diptych_protocol::walker::{Move, Walker};

use crate::inject::Injections;
use crate::runner::{Claim, Runner};
use crate::trace::Tracer;
use crate::waiting::Waiting;

/// Walks until told to leave.
pub fn walk(track: &mut Track<'_>, runner: &mut Runner, handoff: &Handoff) {
    let me = handoff.worker;
    let board = Board::new(track.memory, track.layout);
    board.set_process(me, std::process::id());
    let mut walker = Walker::new(me);
    let mut waiting = Waiting::new(handoff.patience);
    let injections = Injections::new(board, track.program, &handoff.injections);
    let mut tracer = Tracer::new(track.memory, track.layout, handoff.traced, me);
    loop {
        match walker.step(&board, track) {
            Move::Again => {}
            Move::Run(tick, stage, batch) => {
                waiting.reset(&board, me);
                let claim = Claim { tick, stage, batch };
                let traced = tracer.begin(&walker);
                runner.laps().turn(traced);
                if !run(track, runner, &board, me, claim, &injections) {
                    return;
                }
                if traced {
                    tracer.ran(claim, runner.laps());
                }
                walker.ran();
                board.count_batch(me);
                if injections.any() {
                    walker.step(&board, track);
                    injections.at(claim, Moment::Done);
                }
            }
            Move::Passed => {
                tracer.passed(&walker);
                waiting.reset(&board, me);
                board.wake_workers();
            }
            Move::Published(tick) => {
                // Also where half of the ring of records is full: it is emptied while the other half fills.
                if tick >= board.horizon() || track.layout.outputs.due.half(tick.frames_done()) {
                    board.ring();
                }
            }
            it @ (Move::Wait | Move::Horizon) => {
                tracer.waits(&walker, it == Move::Horizon, waiting.sleeps());
                waiting.pause(&board, me);
            }
            Move::Halt => return,
        }
    }
}

/// Runs a batch; says whether to go on.
fn run(
    track: &Track<'_>,
    runner: &mut Runner,
    board: &Board<'_>,
    me: WorkerId,
    claim: Claim,
    injections: &Injections<'_>,
) -> bool {
    #[expect(unsafe_code, reason = "runs the batch whose ticket this worker holds")]
    // SAFETY: the walker returns a batch only when its exchange has won the ticket in this tick, and only then has
    // it seen all earlier stages complete; the program was verified when this worker attached.
    let result = unsafe { runner.run_claimed(track, claim, |moment| injections.at(claim, moment)) };
    if let Err(blame) = result {
        blame.write(board.blame_words(me));
        board.halt(Halt::Fault);
        return false;
    }
    true
}
