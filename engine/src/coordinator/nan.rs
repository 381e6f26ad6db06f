//! What a run is told that goes on with values that are no numbers: of each column and each rule that writes it, where the
//! first one came from.

use std::fmt;

use diptych_protocol::id::Tick;
use diptych_protocol::nan::{NanPolicy, Sighting, Watch, Writer};
use diptych_protocol::program::Program;

use super::OnNan;
use super::site::Site;

/// The first value that was no number, of a column and one of those that write it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NanFound {
    /// The group.
    pub group: String,
    /// The column.
    pub column: String,
    /// Who wrote it: a system, a birth that a system asks for, or set-up.
    pub by: String,
    /// Where that is written, if it stands in the text.
    pub place: Option<String>,
    /// In which frame; nothing: at set-up.
    pub frame: Option<u32>,
    /// Whose row it was, of all in that frame the entity with the least index; of a birth the one that asked for it, if that
    /// is known.
    pub entity: Option<u32>,
}

impl fmt::Display for NanFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}: first ", self.group, self.column)?;
        match self.frame {
            Some(frame) => write!(f, "in frame {frame}")?,
            None => f.write_str("at set-up")?,
        }
        if let Some(entity) = self.entity {
            write!(f, ", entity {entity}")?;
        }
        write!(f, ", by {}", self.by)?;
        self.place.iter().try_for_each(|place| write!(f, " ({place})"))
    }
}

impl NanFound {
    fn new(program: &Program, watch: &Watch, sighting: Sighting) -> Self {
        let column = &program.columns[watch.column];
        let (by, span) = match watch.writer {
            Writer::Blueprint(group) => ("set-up".into(), program.groups[group].span),
            Writer::System(system) => {
                (format!("system {}", program.systems[system].name), program.systems[system].span)
            }
            Writer::Birth(edit) => {
                let system = &program.systems[program.edits[edit].system];
                (format!("a birth of system {}", system.name), system.span)
            }
        };
        Self {
            group: program.groups[column.group].name.clone(),
            column: column.name(),
            by,
            place: program.place_of(watch.span(program).unwrap_or(span)),
            frame: (sighting.tick != Tick::SETUP).then(|| sighting.tick.frame()),
            entity: sighting.entity,
        }
    }
}

/// What has been found so far, of each program that the run went on with.
#[derive(Default)]
pub(super) struct Nans {
    /// Of the site's watches those that are told.
    told: Vec<bool>,
    all: Vec<NanFound>,
}

impl Nans {
    /// Looks at what has been found up to a tick that is published: nothing that is told changes any more, and none comes
    /// before it.
    pub(super) fn look(&mut self, site: &Site, published: Tick, tell: &mut Option<OnNan>) {
        if site.program.nan != NanPolicy::Warn {
            return;
        }
        let watches = &site.layout.nan.watches;
        self.told.resize(watches.len(), false);
        let track = site.track();
        let mut found: Vec<(Sighting, usize)> = (0..watches.len())
            .filter(|watch| !self.told[*watch])
            .filter_map(|watch| Some((track.sighting(watch).filter(|sighting| sighting.tick <= published)?, watch)))
            .collect();
        found.sort_by_key(|(sighting, watch)| (sighting.tick, *watch));
        for (sighting, watch) in found {
            self.told[watch] = true;
            let found = NanFound::new(&site.program, &watches[watch], sighting);
            if let Some(tell) = tell {
                tell(&found);
            }
            self.all.push(found);
        }
    }

    /// Another program goes on: its rules are told of anew.
    pub(super) fn swap(&mut self) {
        self.told.clear();
    }

    /// All that was found.
    pub(super) fn into_all(self) -> Vec<NanFound> {
        self.all
    }
}
