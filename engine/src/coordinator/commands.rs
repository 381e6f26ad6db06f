//! What inputs are set to while a run goes on: commands are sealed for the states that are to have them, before workers may
//! begin these.
//!
//! They are known when the run begins, or come while it goes on, a line each: `gain = 3`, `@120 gain = 3`. As long as lines
//! can come, workers are let on only a little ahead ([`AHEAD`]); a command is for the first state behind that, unless it names
//! a later one. So it is certain that nobody has begun the state, and the command is part of it for everybody.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use diptych_protocol::checkpoint::Waiting;
use diptych_protocol::commands::{self, Input, Refused};
use diptych_protocol::id::{InputId, Tick};
use diptych_protocol::limits::FRAMES_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::track::Track;
use diptych_protocol::types::{Scalar, Sort, Value};

use crate::shown::Shown;

/// About so long workers run before they are let on again, while commands can come.
const AHEAD: Duration = Duration::from_millis(20);

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

/// A line, or a command, that sets nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// So many frames were complete, at least.
    pub frame: u32,
    /// What was said.
    pub line: String,
    /// Why not.
    pub why: String,
}

/// What became of a command: what an input has been set to, or why it has not.
pub type Told = Result<Command, Rejected>;

/// Commands on their way to a run.
pub(super) struct Commands {
    /// By their ticks; of each input in a tick the last one.
    waiting: VecDeque<(Tick, Command)>,
    /// How many of these have been sent.
    sent: usize,
    /// Lines that come while the run goes on.
    lines: Option<Receiver<String>>,
    /// How many ticks workers are let on ahead, and since when.
    ahead: u32,
    since: Instant,
    /// The state that the run went on from: what lines say of states through it is part of it.
    from: Option<Tick>,
    /// What has become of commands, to be told.
    told: Vec<Told>,
}

impl Commands {
    /// Those that are known when a run begins, in the order in which they count. Those for states that the program makes,
    /// through this tick, are checked.
    pub(super) fn new(
        program: &Program,
        given: &[Command],
        lines: Option<Receiver<String>>,
        through: Tick,
        from: Option<u32>,
    ) -> Result<Self, Refused> {
        let (waiting, told) = (VecDeque::new(), Vec::new());
        let mut all = Self { waiting, sent: 0, lines, ahead: 1, since: Instant::now(), from: from.map(tick_of), told };
        for command in given {
            if all.is_over(command.frame) {
                continue;
            }
            if tick_of(command.frame) <= through {
                resolve(program, command)?;
            }
            all.put(command.clone());
        }
        Ok(all)
    }

    /// Whether a state is part of what the run went on from.
    fn is_over(&self, frame: u32) -> bool {
        self.from.is_some_and(|from| tick_of(frame) <= from)
    }

    fn put(&mut self, command: Command) {
        let tick = tick_of(command.frame);
        let at = self.waiting.partition_point(|(known, _)| *known <= tick);
        // Whoever resumes a run may say again what waits already.
        let known = self.waiting.range(..at).rev().find(|(_, known)| known.input == command.input);
        if self.from.is_some() && known.is_some_and(|(_, known)| *known == command) {
            return;
        }
        self.waiting.insert(at, (tick, command));
    }

    /// Hears the lines that have come, and sends as many commands as there is room for; nobody has begun a tick behind the
    /// one that is allowed. Those of states that have been published are over.
    pub(super) fn seal(&mut self, track: &Track<'_>, published: Tick, allowed: Tick) {
        self.hear(track.program, published, allowed);
        track.settle_commands(published);
        self.over(Tick(published.0.saturating_sub(1)));
        while let Some((tick, command)) = self.waiting.get(self.sent) {
            match resolve(track.program, command) {
                Ok((input, bits)) => {
                    if !track.send(commands::Command { tick: *tick, input, bits }) {
                        return;
                    }
                    self.sent += 1;
                }
                // The program is another one than it was meant for.
                Err(refused) => {
                    let line = format!("@{} {} = {}", command.frame, command.input, command.value);
                    self.told.push(Err(rejected(published, line, &refused.to_string())));
                    self.waiting.remove(self.sent);
                }
            }
        }
    }

    fn hear(&mut self, program: &Program, published: Tick, allowed: Tick) {
        while let Some(lines) = &self.lines {
            let line = match lines.try_recv() {
                Ok(line) => line,
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    self.lines = None;
                    return;
                }
            };
            let text = line.split("//").next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            match read(program, text, allowed) {
                Ok(command) => self.put(command),
                Err(Unread::Past(frame, _)) if self.is_over(frame) => {}
                Err(why) => self.told.push(Err(rejected(published, text.into(), &why.to_string()))),
            }
        }
    }

    /// States through this tick are complete: what has been set in them is told.
    pub(super) fn over(&mut self, through: Tick) {
        while self.sent > 0
            && let Some((_, command)) = self.waiting.pop_front_if(|(tick, _)| *tick <= through)
        {
            self.sent -= 1;
            self.told.push(Ok(command));
        }
    }

    /// Another program goes on from this tick: what is for later states is sent to it.
    pub(super) fn swap(&mut self, adopted: Tick) {
        self.over(adopted);
        self.sent = 0;
    }

    /// What waits for states to come, as people write it.
    pub(super) fn waiting(&self, program: &Program) -> Vec<Waiting> {
        let told = |(_, command): &(Tick, Command)| {
            let value = shown(program, command);
            Waiting { frame: command.frame, input: command.input.clone(), value }
        };
        self.waiting.iter().map(told).collect()
    }

    /// What has become of commands since it was asked last.
    pub(super) fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }

    /// The last tick that workers may run: its commands have been sent, and those of all before it. While lines can come, not
    /// far behind what is published.
    pub(super) fn room(&mut self, published: Tick, allowed: Tick) -> Tick {
        let sent = self.waiting.get(self.sent).map_or(Tick(u32::MAX), |(tick, _)| Tick(tick.0 - 1));
        if self.lines.is_none() {
            return sent;
        }
        if published >= allowed {
            // They have come as far as they could: how long they took says how far they are let on.
            let took = self.since.elapsed();
            self.ahead = if took < AHEAD { self.ahead.saturating_mul(2) } else { (self.ahead / 2).max(1) };
            self.since = Instant::now();
            return sent.min(Tick(published.0.saturating_add(self.ahead)));
        }
        sent.min(allowed)
    }
}

fn tick_of(frame: u32) -> Tick {
    Tick::after_frames(frame.min(FRAMES_MAX))
}

fn rejected(published: Tick, line: String, why: &str) -> Rejected {
    Rejected { frame: published.frames_done(), line, why: why.into() }
}

fn find<'p>(program: &'p Program, name: &str) -> Result<(InputId, &'p Input), Refused> {
    let found = program.outputs.inputs.iter().find(|(_, input)| input.name == name);
    found.ok_or_else(|| Refused::Unknown(name.into()))
}

fn resolve(program: &Program, command: &Command) -> Result<(InputId, u64), Refused> {
    let (id, input) = find(program, &command.input)?;
    Ok((id, input.bits(program, command.value)?))
}

/// What an input is set to, as a person writes it.
pub(crate) fn shown(program: &Program, command: &Command) -> String {
    let known = program.outputs.inputs.values().find(|known| known.name == command.input);
    let shown = known.map(|known| Shown { enums: &program.enums, ty: known.ty, bits: command.value.bits() });
    shown.map_or_else(|| command.value.to_string(), |shown| shown.to_string())
}

/// A value of an input, as a person writes it: a number, `true` or `false`, a variant.
pub fn value(program: &Program, name: &str, text: &str) -> Result<Value, String> {
    let (_, input) = find(program, name).map_err(|refused| refused.to_string())?;
    if let Sort::Enum(of) = input.ty.sort {
        let of = &program.enums[of];
        let short = text.strip_prefix(&of.name).and_then(|rest| rest.strip_prefix('.')).unwrap_or(text);
        let found = of.variants.iter().position(|variant| variant == short);
        let place =
            found.ok_or_else(|| format!("`{}` has no variant `{text}`: it has {}", of.name, of.variants.join(", ")))?;
        return Ok(Value::U8(place as u8));
    }
    let digits = text.replace('_', "");
    let number = match input.ty.scalar {
        Scalar::F32 => digits.parse().ok().map(Value::F32),
        Scalar::F64 => digits.parse().ok().map(Value::F64),
        Scalar::I8 => digits.parse().ok().map(Value::I8),
        Scalar::I16 => digits.parse().ok().map(Value::I16),
        Scalar::I32 => digits.parse().ok().map(Value::I32),
        Scalar::U8 => digits.parse().ok().map(Value::U8),
        Scalar::U16 => digits.parse().ok().map(Value::U16),
        Scalar::U32 => digits.parse().ok().map(Value::U32),
        Scalar::Bool => digits.parse().ok().map(Value::Bool),
    };
    number.ok_or_else(|| format!("input `{name}` is `{}`, and `{text}` is none", input.ty.scalar.name()))
}

/// Why a line sets nothing.
#[derive(Debug, thiserror::Error)]
enum Unread {
    /// Its state is made, or being made.
    #[error("state {0} is past, or on its way: the next one that can have it is {1}")]
    Past(u32, u32),
    #[error("{0}")]
    Wrong(String),
}

/// Reads `[@FRAME] NAME = VALUE`.
fn read(program: &Program, text: &str, allowed: Tick) -> Result<Command, Unread> {
    const FORM: &str = "write [@FRAME] NAME = VALUE";
    let wrong = |why: &str| Unread::Wrong(why.into());
    let next = allowed.next().frames_done();
    let (frame, rest) = match text.strip_prefix('@') {
        None => (None, text),
        Some(rest) => {
            let (frame, rest) = rest.split_once(char::is_whitespace).ok_or_else(|| wrong(FORM))?;
            let number = frame.replace('_', "").parse::<u32>();
            (Some(number.map_err(|_| wrong(&format!("`{frame}` is no frame")))?), rest)
        }
    };
    let (name, said) = rest.split_once('=').ok_or_else(|| wrong(FORM))?;
    let (name, said) = (name.trim(), said.trim());
    let value = value(program, name, said).map_err(Unread::Wrong)?;
    let command = Command { frame: frame.unwrap_or(next), input: name.into(), value };
    if command.frame < next {
        return Err(Unread::Past(command.frame, next));
    }
    resolve(program, &command).map_err(|refused| Unread::Wrong(refused.to_string()))?;
    Ok(command)
}
