//! What inputs are set to while a run goes on: commands are sealed for the states that are to have them, before workers may
//! begin these.

use std::collections::VecDeque;

use diptych_protocol::commands::{self, Refused};
use diptych_protocol::id::Tick;
use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::track::Track;
use diptych_protocol::types::Value;

/// What an input is set to.
#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    /// The first state that is to have it: 0 is what set-up makes.
    pub frame: u32,
    /// The input, by its name.
    pub input: String,
    /// The value.
    pub value: Value,
}

/// Commands on their way to a run.
pub(super) struct Commands {
    /// By their ticks; of each input in a tick the last one.
    waiting: VecDeque<commands::Command>,
    /// How many of these have been sent.
    sent: usize,
}

impl Commands {
    /// Those that are known when a run begins, in the order in which they count.
    pub(super) fn new(program: &Program, given: &[Command]) -> Result<Self, Refused> {
        let mut waiting: Vec<commands::Command> = Vec::new();
        for command in given {
            let found = program.outputs.inputs.iter().find(|(_, input)| input.name == command.input);
            let (id, input) = found.ok_or_else(|| Refused::Unknown(command.input.clone()))?;
            let bits = input.bits(program, command.value)?;
            let tick = Tick::after_frames(command.frame.min(FRAMES_MAX));
            waiting.retain(|known| (known.tick, known.input) != (tick, id));
            waiting.push(commands::Command { tick, input: id, bits });
        }
        waiting.sort_by_key(|command| command.tick);
        Ok(Self { waiting: waiting.into(), sent: 0 })
    }

    /// Sends as many as there is room for. Those before the state that has been published are over.
    pub(super) fn seal(&mut self, track: &Track<'_>, published: Tick) {
        track.settle_commands(published);
        while self.sent > 0 && self.waiting.front().is_some_and(|command| command.tick < published) {
            self.waiting.pop_front();
            self.sent -= 1;
        }
        while self.waiting.get(self.sent).is_some_and(|command| track.send(*command)) {
            self.sent += 1;
        }
    }

    /// The last tick that workers may run: its commands have been sent, and those of all before it.
    pub(super) fn room(&self) -> Tick {
        self.waiting.get(self.sent).map_or(Tick(u32::MAX), |command| Tick(command.tick.0 - 1))
    }
}
