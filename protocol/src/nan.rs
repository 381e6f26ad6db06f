//! Values that are no numbers: what becomes of a run in which a rule writes one, where they are looked for, and which was
//! the first of each kind.
//!
//! A *watch* is a column and one of those that write it: what set-up makes of a group, the system that owns the column, an
//! edit that lets rows be born with it. Whoever has written a batch looks at the values that it wrote, while they are in
//! the cache. So what is found is found where it was made, before anybody reads it; what a row merely keeps is not looked
//! for again.
//!
//! A watch that *stops* fails the batch. A watch that *warns* has a word: the least (tick, entity) at which it found
//! anything. It only ever falls, and within a tick only: batches come in any order, run twice or in another process, and
//! the word of a published tick is the same.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::id::{ColumnId, EditId, GroupId, SystemId, Tick};
use crate::layout::{Arena, Words};
use crate::program::{Change, Code, Origin, Program, Span};
use crate::track::Track;
use crate::types::Scalar;

/// What becomes of a run in which a column of floats has a value that is no number.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NanPolicy {
    /// Positions stop it; anything else goes.
    #[default]
    Positions,
    /// Any column stops it.
    Stop,
    /// It goes on, and is told who wrote the first one of each column.
    Warn,
    /// Anything goes: nothing is looked for.
    Allow,
}

impl NanPolicy {
    /// All of them, by the words that a scenario has for them.
    pub const ALL: [NanPolicy; 4] = [NanPolicy::Stop, NanPolicy::Warn, NanPolicy::Allow, NanPolicy::Positions];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            NanPolicy::Positions => "positions",
            NanPolicy::Stop => "stop",
            NanPolicy::Warn => "warn",
            NanPolicy::Allow => "allow",
        }
    }

    /// The policy of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// Who writes a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Writer {
    /// What set-up evaluates for a group's rows.
    Blueprint(GroupId),
    /// The system that owns it.
    System(SystemId),
    /// What rows are born with.
    Birth(EditId),
}

/// A column of floats that one of its writers is watched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// The column.
    pub column: ColumnId,
    /// Who writes it.
    pub writer: Writer,
    /// Whether it has to be finite: it is a position. Else it may be infinite.
    pub finite: bool,
    /// Whether the run goes on.
    pub warns: bool,
}

impl Watch {
    /// Where its writer writes it, in the text: nothing of a system in Rust.
    pub fn span(&self, program: &Program) -> Option<Span> {
        let body = match self.writer {
            Writer::Birth(edit) => return Some(program.edits[edit].span),
            Writer::Blueprint(group) => match program.groups[group].origin {
                Origin::Blueprint(body) => body,
                Origin::Buckets(_) | Origin::Directory(_) => return None,
            },
            Writer::System(system) => match program.systems[system].code {
                Code::Body(body) => body,
                Code::Native(_) | Code::Carry => return None,
            },
        };
        let store = program.bodies[body].stores.iter().find(|store| store.column == self.column);
        store.map(|store| store.span).filter(|span| *span != Span::default())
    }
}

/// What is watched in a program, in an order that follows from it.
pub fn watches(program: &Program) -> Vec<Watch> {
    let warns = program.nan == NanPolicy::Warn;
    let watch = |column: ColumnId, writer: Writer| {
        let of = &program.columns[column];
        let finite = program.groups[of.group].position.contains(&column);
        let watched = match program.nan {
            NanPolicy::Allow => false,
            NanPolicy::Positions => finite,
            NanPolicy::Stop | NanPolicy::Warn => true,
        };
        let floats = matches!(of.scalar, Scalar::F32 | Scalar::F64);
        // What is no state, nobody has to defend: what comes of it is looked at where it is kept.
        (watched && floats && of.is_kept()).then_some(Watch { column, writer, finite, warns })
    };
    let made = program.groups.iter().filter(|(_, group)| group.lasts());
    let made = made.flat_map(|(id, _)| {
        let columns = program.columns.iter().filter(move |(_, column)| column.group == id);
        columns.filter_map(move |(column, _)| watch(column, Writer::Blueprint(id)))
    });
    // What is carried only moves with its rows.
    let rules = program.systems.iter().filter(|(_, system)| system.code != Code::Carry);
    let owned =
        rules.flat_map(|(id, system)| system.owns.iter().filter_map(move |column| watch(*column, Writer::System(id))));
    let born = program.edits.iter().flat_map(|(id, edit)| {
        let values = match &edit.change {
            Change::Birth { values, .. } => values.as_slice(),
            Change::Leave { .. } | Change::Remove { .. } => &[],
        };
        values.iter().filter_map(move |(column, _)| watch(*column, Writer::Birth(id)))
    });
    made.chain(owned).chain(born).collect()
}

/// The watches of a program, and where their words stand: one each, if they warn.
#[derive(Clone, Debug)]
pub struct NanPlaces {
    /// What is watched.
    pub watches: Vec<Watch>,
    words: Words<u64>,
}

impl NanPlaces {
    pub(crate) fn new(program: &Program, arena: &mut Arena) -> Self {
        let watches = watches(program);
        let words = arena.words(if watches.iter().any(|watch| watch.warns) { watches.len() } else { 0 });
        Self { watches, words }
    }
}

/// When and where something was first found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sighting {
    /// In which tick.
    pub tick: Tick,
    /// Of all in that tick the entity with the least index; of a birth the one that asked for it. Nobody, where a system in
    /// Rust asked.
    pub entity: Option<u32>,
}

impl Sighting {
    /// Ticks begin with 1, so that no sighting is 0. Nobody comes last.
    fn word(self) -> u64 {
        u64::from(self.tick.0) << 32 | u64::from(self.entity.unwrap_or(u32::MAX))
    }

    fn of(word: u64) -> Option<Self> {
        let entity = Some(word as u32).filter(|entity| *entity != u32::MAX);
        (word != 0).then_some(Self { tick: Tick((word >> 32) as u32), entity })
    }
}

impl Track<'_> {
    fn sighting_word(&self, watch: usize) -> Option<&AtomicU64> {
        self.memory.words::<AtomicU64>(self.layout.nan.words).get(watch)
    }

    /// What a watch that warns has found. Of a tick that is not published, there may be more.
    pub fn sighting(&self, watch: usize) -> Option<Sighting> {
        Sighting::of(self.sighting_word(watch)?.load(Ordering::Acquire))
    }

    /// Says that a watch has found something.
    pub fn sighted(&self, watch: usize, sighting: Sighting) {
        let Some(word) = self.sighting_word(watch) else { return };
        let earlier = |now: u64| (now == 0 || sighting.word() < now).then(|| sighting.word());
        // It fails only where what stands there is no later.
        let _ = word.fetch_update(Ordering::AcqRel, Ordering::Acquire, earlier);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_sighting_stands_whoever_comes_first() {
        let of = |tick, entity| Sighting { tick: Tick(tick), entity };
        let order = [of(1, Some(0)), of(1, Some(7)), of(1, None), of(2, Some(3)), of(u32::MAX, None)];
        assert!(order.iter().all(|sighting| Sighting::of(sighting.word()) == Some(*sighting)));
        assert!(order.windows(2).all(|pair| pair[0].word() < pair[1].word()));
        assert_eq!(Sighting::of(0), None);
    }

    #[test]
    fn policies_have_names_that_read_back() {
        assert!(NanPolicy::ALL.into_iter().all(|policy| NanPolicy::named(policy.name()) == Some(policy)));
        assert_eq!(NanPolicy::named("never"), None);
    }
}
