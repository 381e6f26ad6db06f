//! Failures that a run is told to have, to see that it survives them: which, in which frame, stage and batch, and just when.
//!
//! An injection is bound to a place of the schedule, not to a worker: whoever comes there first has it, once. Each has a bit
//! in the segment ([`crate::board::Board::inject`]), which is taken before the failure happens; so whoever runs the batch
//! again does not have it again. The same injection twice is two: then the second one has it, too.
//!
//! In text: `WHAT@FRAME[:STAGE[:BATCH[:MOMENT]]]`. `*`, or nothing, is any.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{StageId, Tick};
use crate::limits::FRAMES_MAX;
use crate::program::StageKind;

/// What fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Failure {
    /// The worker is killed: SIGKILL.
    Kill,
    /// It is stopped: SIGSTOP. Nobody lets it go on.
    Stop,
    /// It aborts.
    Abort,
    /// It has a segmentation fault.
    Segv,
    /// It panics: inside a batch that is a rule's panic, between two a bad exit.
    Panic,
    /// It does not come to an end, though it is not stopped.
    Stall,
    /// What the coordinator writes of this frame finds no space on the disk.
    Full,
}

impl Failure {
    /// All of them.
    pub const ALL: [Failure; 7] =
        [Failure::Kill, Failure::Stop, Failure::Abort, Failure::Segv, Failure::Panic, Failure::Stall, Failure::Full];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Kill => "kill",
            Failure::Stop => "stop",
            Failure::Abort => "abort",
            Failure::Segv => "segv",
            Failure::Panic => "panic",
            Failure::Stall => "stall",
            Failure::Full => "full",
        }
    }

    /// Whether it is a worker's, and not the coordinator's.
    pub fn of_worker(self) -> bool {
        self != Failure::Full
    }
}

/// When, around a batch.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub enum Moment {
    /// Claimed, nothing written.
    #[default]
    Claimed,
    /// Everything written, not done.
    Written,
    /// Done in the ticket, not counted.
    Done,
}

impl Moment {
    /// In their order.
    pub const ALL: [Moment; 3] = [Moment::Claimed, Moment::Written, Moment::Done];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Moment::Claimed => "claimed",
            Moment::Written => "written",
            Moment::Done => "done",
        }
    }
}

/// In which stages of a tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stages {
    /// In any.
    Any,
    /// In those of a kind.
    Kind(StageKind),
    /// In the one of this number.
    Number(StageId),
}

impl Stages {
    /// Whether a stage is among them.
    pub fn has(self, stage: StageId, kind: StageKind) -> bool {
        match self {
            Stages::Any => true,
            Stages::Kind(of) => of == kind,
            Stages::Number(number) => number == stage,
        }
    }
}

/// A failure, and where it happens: at the first batch that all of this fits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Injection {
    /// What fails.
    pub failure: Failure,
    /// In which tick.
    pub tick: Tick,
    /// In which stages.
    pub stages: Stages,
    /// In which batch, counted within its stage; without one, in any.
    pub batch: Option<u32>,
    /// Just when.
    pub moment: Moment,
}

/// Where a worker is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// In this tick,
    pub tick: Tick,
    /// in this stage,
    pub stage: StageId,
    /// which is of this kind,
    pub kind: StageKind,
    /// at this batch.
    pub batch: u32,
    /// How far it is with it.
    pub moment: Moment,
}

impl Injection {
    /// A failure in a tick, at the first batch that anybody claims in it.
    pub fn new(failure: Failure, tick: Tick) -> Self {
        Self { failure, tick, stages: Stages::Any, batch: None, moment: Moment::Claimed }
    }

    /// The same in a kind of stage.
    #[must_use]
    pub fn within(self, kind: StageKind) -> Self {
        Self { stages: Stages::Kind(kind), ..self }
    }

    /// The same in a batch.
    #[must_use]
    pub fn of_batch(self, batch: u32) -> Self {
        Self { batch: Some(batch), ..self }
    }

    /// The same at another moment.
    #[must_use]
    pub fn at(self, moment: Moment) -> Self {
        Self { moment, ..self }
    }

    /// Whether it happens here.
    pub fn fits(&self, place: Place) -> bool {
        self.failure.of_worker()
            && self.tick == place.tick
            && self.moment == place.moment
            && self.batch.is_none_or(|batch| batch == place.batch)
            && self.stages.has(place.stage, place.kind)
    }
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.failure.name(), self.tick.frames_done())?;
        let stages = match self.stages {
            Stages::Any => "*".into(),
            Stages::Kind(kind) => kind.name().to_string(),
            Stages::Number(number) => number.0.to_string(),
        };
        let batch = self.batch.map_or_else(|| "*".into(), |batch| batch.to_string());
        match (self.moment, self.batch, self.stages) {
            (Moment::Claimed, None, Stages::Any) => Ok(()),
            (Moment::Claimed, None, _) => write!(f, ":{stages}"),
            (Moment::Claimed, Some(_), _) => write!(f, ":{stages}:{batch}"),
            (moment, ..) => write!(f, ":{stages}:{batch}:{}", moment.name()),
        }
    }
}

impl FromStr for Injection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, place) =
            text.split_once('@').ok_or("write WHAT@FRAME[:STAGE[:BATCH[:MOMENT]]], as in kill@30:systems")?;
        let failure = Failure::ALL.into_iter().find(|it| it.name() == what);
        let failure = failure.ok_or_else(|| unknown("a failure", what, Failure::ALL.map(Failure::name)))?;
        let mut parts = place.split(':');
        let frame = parts.next().unwrap_or_default();
        let frame = frame.replace('_', "").parse::<u32>().ok().filter(|frame| *frame <= FRAMES_MAX);
        let frame = frame.ok_or_else(|| format!("say a frame as a number, 0 (set-up) to {FRAMES_MAX}"))?;
        let mut next = || parts.next().filter(|part| !part.is_empty() && *part != "*");
        let (stages, batch, moment) = (next(), next(), next());
        if parts.next().is_some() {
            return Err("there is nothing behind a moment: WHAT@FRAME:STAGE:BATCH:MOMENT".into());
        }
        if !failure.of_worker() && place.contains(':') {
            return Err(format!("what is written has no stage and no batch: {what}@FRAME"));
        }
        Ok(Self {
            failure,
            tick: Tick::after_frames(frame),
            stages: stages.map_or(Ok(Stages::Any), stages_of)?,
            batch: batch.map(number).transpose()?,
            moment: moment.map_or(Ok(Moment::default()), moment_of)?,
        })
    }
}

fn stages_of(text: &str) -> Result<Stages, String> {
    let kind = StageKind::ALL.into_iter().find(|kind| kind.name() == text).map(Stages::Kind);
    let number = || text.parse().ok().map(|number| Stages::Number(StageId(number)));
    kind.or_else(number).ok_or_else(|| {
        let kinds = StageKind::ALL.map(StageKind::name);
        unknown("a kind of stage", text, kinds) + ", or its number (`diptych explain` lists them, from 0)"
    })
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is no batch: say a number, from 0"))
}

fn moment_of(text: &str) -> Result<Moment, String> {
    let moment = Moment::ALL.into_iter().find(|moment| moment.name() == text);
    moment.ok_or_else(|| unknown("a moment", text, Moment::ALL.map(Moment::name)))
}

fn unknown<const N: usize>(what: &str, given: &str, there: [&str; N]) -> String {
    format!("`{given}` is not {what}: say {}", there.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for text in [
            "kill@30",
            "stop@0:setup",
            "abort@3:2:7",
            "segv@3:*:7",
            "panic@1:commit:*:written",
            "stall@12:systems:0:done",
            "full@8",
        ] {
            let injection: Injection = text.parse().unwrap();
            assert_eq!(injection.to_string(), text);
        }
        let same: Injection = "kill@1_000:::done".parse().unwrap();
        assert_eq!(same, Injection::new(Failure::Kill, Tick(1_001)).at(Moment::Done));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_there_is() {
        for (text, part) in [
            ("kill", "WHAT@FRAME"),
            ("hit@3", "say kill, stop, abort, segv, panic, stall, full"),
            ("kill@-1", "0 (set-up) to"),
            ("kill@4294967295", "0 (set-up) to"),
            ("kill@3:sistems", "setup, index, systems, edit, reduce, commit, or its number"),
            ("kill@3:systems:x", "`x` is no batch"),
            ("kill@3:systems:0:later", "say claimed, written, done"),
            ("kill@3:systems:0:done:1", "nothing behind a moment"),
            ("full@3:systems", "full@FRAME"),
        ] {
            let said = text.parse::<Injection>().unwrap_err();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn an_injection_fits_where_all_that_it_says_is_so() {
        let place =
            Place { tick: Tick(4), stage: StageId(2), kind: StageKind::Systems, batch: 7, moment: Moment::Claimed };
        let fits = |text: &str| text.parse::<Injection>().unwrap().fits(place);
        assert!(["kill@3", "stop@3:systems", "kill@3:2", "kill@3:2:7", "kill@3:*:7"].into_iter().all(fits));
        assert!(
            !["kill@2", "kill@3:index", "kill@3:1", "kill@3:2:6", "kill@3:2:7:done", "full@3"].into_iter().any(fits)
        );
    }
}
