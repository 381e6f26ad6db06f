//! A worker's loop: step through the protocol, run what was claimed.

use diptych_protocol::board::{Board, Halt};
use diptych_protocol::id::{StageId, Tick, WorkerId};
use diptych_protocol::message::{Death, Moment, Patience};
use diptych_protocol::program::Program;
use diptych_protocol::track::Track;
use diptych_protocol::walker::{Move, Walker};

use crate::runner::{Claim, Runner};
use crate::waiting::Waiting;

/// Walks until told to leave.
pub fn walk(track: &mut Track<'_>, runner: &mut Runner, me: WorkerId, patience: Patience, deaths: &[Death]) {
    let board = Board::new(track.memory, track.layout);
    let mut walker = Walker::new(me);
    let mut waiting = Waiting::new(patience);
    let deaths = Deaths { program: track.program, list: deaths };
    loop {
        match walker.step(&board, track) {
            Move::Again => {}
            Move::Run(tick, stage, batch) => {
                waiting.reset(&board, me);
                deaths.perhaps(tick, stage, Moment::Claimed);
                if !run(track, runner, &board, me, Claim { tick, stage, batch }) {
                    return;
                }
                deaths.perhaps(tick, stage, Moment::Written);
                walker.ran();
                board.count_batch(me);
                if deaths.any() {
                    walker.step(&board, track);
                    deaths.perhaps(tick, stage, Moment::Done);
                }
            }
            Move::Passed => {
                waiting.reset(&board, me);
                board.wake_workers();
            }
            Move::Published(tick) => {
                // Also where half of the ring of records is full: it is emptied while the other half fills.
                if tick >= board.horizon() || track.layout.outputs.due.half(tick.frames_done()) {
                    board.ring();
                }
            }
            Move::Wait | Move::Horizon => waiting.pause(&board, me),
            Move::Halt => return,
        }
    }
}

/// Runs a batch; says whether to go on.
fn run(track: &Track<'_>, runner: &mut Runner, board: &Board<'_>, me: WorkerId, claim: Claim) -> bool {
    #[expect(unsafe_code, reason = "runs the batch whose ticket this worker holds")]
    // SAFETY: the walker returns a batch only when its exchange has won the ticket in this tick, and only then has
    // it seen all earlier stages complete; the program was verified when this worker attached.
    let result = unsafe { runner.run_claimed(track, claim) };
    if let Err(blame) = result {
        blame.write(board.blame_words(me));
        board.halt(Halt::Fault);
        return false;
    }
    true
}

/// Where this worker is to die, for tests.
struct Deaths<'a> {
    program: &'a Program,
    list: &'a [Death],
}

impl Deaths<'_> {
    fn any(&self) -> bool {
        !self.list.is_empty()
    }

    #[inline]
    fn perhaps(&self, tick: Tick, stage: StageId, moment: Moment) {
        if !self.list.is_empty() {
            let kind = self.program.stages(tick)[usize::from(stage.0)].kind;
            if self.list.contains(&Death { tick, stage: kind, moment }) {
                let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            }
        }
    }
}
