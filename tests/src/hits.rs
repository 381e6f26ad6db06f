//! Where workers are hit: in which kind of stage, by what they have written of it in the segment.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use diptych::Program;
use diptych_protocol::board::Board;
use diptych_protocol::header;
use diptych_protocol::id::{Tick, WorkerId};
use diptych_protocol::inject::{Injection, Stages};
use diptych_protocol::layout::Layout;
use diptych_protocol::program::StageKind;
use diptych_protocol::segment;
use diptych_protocol::ticket::{Held, Progress, Ticket};
use diptych_protocol::walker::{SharedWords, Word};
use rustix::process::Signal;

use crate::{kill, wait_until};

/// Where a worker was when it was killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hit {
    /// It held a batch of this kind of stage.
    In(StageKind),
    /// It held none: it waited, or was between two.
    Between,
    /// It had not attached.
    Attaching,
}

/// How many workers were hit, and where.
#[derive(Clone, Default, Debug)]
pub struct Hits {
    counts: BTreeMap<String, u32>,
}

impl Hits {
    /// One more.
    pub fn add(&mut self, hit: Hit) {
        *self.counts.entry(name(hit)).or_default() += 1;
    }

    /// Those of another run as well.
    pub fn and(&mut self, other: &Hits) {
        other.counts.iter().for_each(|(name, count)| *self.counts.entry(name.clone()).or_default() += count);
    }

    /// How many, of one kind.
    pub fn of(&self, hit: Hit) -> u32 {
        self.counts.get(&name(hit)).copied().unwrap_or(0)
    }

    /// How many in all.
    pub fn all(&self) -> u32 {
        self.counts.values().sum()
    }
}

impl fmt::Display for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        write!(f, "{}", shown.join(", "))
    }
}

fn name(hit: Hit) -> String {
    match hit {
        Hit::In(kind) => kind.name().into(),
        Hit::Between => "between batches".into(),
        Hit::Attaching => "attaching".into(),
    }
}

/// The kind of stage that an injection has hit, if it says one.
pub fn injected(program: &Program, injection: &Injection) -> Option<StageKind> {
    match injection.stages {
        Stages::Any => None,
        Stages::Kind(kind) => Some(kind),
        Stages::Number(number) => program.stages(injection.tick).get(usize::from(number.0)).map(|stage| stage.kind),
    }
}

/// Kills these workers, and says where each was: they are stopped first, so that they still are there when they are looked at.
/// Those who were gone already are not hit.
pub fn strike(program: &Program, workers: u16, victims: &[(WorkerId, u32)]) -> Vec<Hit> {
    victims.iter().for_each(|(_, pid)| kill(*pid, Signal::STOP));
    let stopped = victims.iter().filter(|(_, pid)| wait_until(Duration::from_millis(500), || stands(*pid)));
    let stopped: Vec<_> = stopped.filter(|(_, pid)| state(*pid) == Some('T')).collect();
    let hits = stopped.iter().map(|(worker, pid)| place(program, workers, *worker, *pid)).collect();
    victims.iter().for_each(|(_, pid)| kill(*pid, Signal::KILL));
    hits
}

/// The state that the system has a process in.
fn state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat[stat.rfind(')')? + 1..].trim_start().chars().next()
}

fn stands(pid: u32) -> bool {
    state(pid).is_none_or(|state| "TZX".contains(state))
}

fn place(program: &Program, workers: u16, worker: WorkerId, pid: u32) -> Hit {
    held(program, workers, worker, pid).unwrap_or(Hit::Attaching)
}

fn held(program: &Program, workers: u16, worker: WorkerId, pid: u32) -> Option<Hit> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let name = maps.lines().find_map(|line| line.split_once("/dev/shm/diptych-"))?.1;
    let memory = segment::attach(&format!("diptych-{}", name.trim())).ok()?;
    let layout = Layout::new(program, workers);
    if header::layout_hash(&memory) != Some(layout.hash) {
        return None;
    }
    let board = Board::new(&memory, &layout);
    let progress = Progress::unpack(board.load(Word::Progress(worker)));
    if progress.tick == Tick::NONE {
        return Some(Hit::Attaching);
    }
    let place = layout.stage(progress.tick, progress.stage);
    let mine = Ticket { tick: progress.tick, held: Held::Claimed(worker) }.pack();
    let mut tickets = place.first_ticket..place.first_ticket + place.tickets;
    Some(match tickets.any(|ticket| board.load(Word::Ticket(ticket)) == mine) {
        true => Hit::In(program.stages(progress.tick)[usize::from(progress.stage.0)].kind),
        false => Hit::Between,
    })
}
