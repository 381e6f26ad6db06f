//! The failures that a worker is told to have: they are real ones.

use std::process::abort;
use std::time::Duration;

use diptych_protocol::board::Board;
use diptych_protocol::inject::{Failure, Injection, Moment, Place};
use diptych_protocol::program::Program;
use rustix::process::{Signal, getpid, kill_process};

use crate::runner::Claim;

/// What may happen to a worker, in whichever batch it is.
pub(crate) struct Injections<'a> {
    board: Board<'a>,
    program: &'a Program,
    list: &'a [Injection],
}

impl<'a> Injections<'a> {
    pub(crate) fn new(board: Board<'a>, program: &'a Program, list: &'a [Injection]) -> Self {
        Self { board, program, list }
    }

    pub(crate) fn any(&self) -> bool {
        !self.list.is_empty()
    }

    /// Has the failure that is to be had here, if one is and nobody has had it.
    #[inline]
    pub(crate) fn at(&self, claim: Claim, moment: Moment) {
        if self.any() {
            self.perhaps(claim, moment);
        }
    }

    #[cold]
    fn perhaps(&self, Claim { tick, stage, batch }: Claim, moment: Moment) {
        let kind = self.program.stages(tick)[usize::from(stage.0)].kind;
        let place = Place { tick, stage, kind, batch, moment };
        let due = self.list.iter().enumerate().find(|(number, it)| it.fits(place) && self.board.inject(*number));
        if let Some((_, injection)) = due {
            have(injection);
        }
    }
}

fn have(injection: &Injection) {
    match injection.failure {
        Failure::Kill => signal(Signal::KILL),
        Failure::Stop => signal(Signal::STOP),
        Failure::Abort => abort(),
        // The first one only takes away the handler by which Rust tells a stack that is too deep.
        Failure::Segv => loop {
            signal(Signal::SEGV);
        },
        Failure::Panic => panic!("told to, by {injection}"),
        Failure::Stall => loop {
            std::thread::sleep(Duration::from_secs(1));
        },
        // The coordinator's to have: it fits nowhere here.
        Failure::Full => {}
    }
}

fn signal(signal: Signal) {
    // A process may always signal itself.
    let _ = kill_process(getpid(), signal);
}
