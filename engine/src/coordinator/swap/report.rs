//! What a hot swap made of the state, for people.

use std::collections::BTreeSet;
use std::fmt;

use diptych_protocol::adopt::{Fate, Plan, Why, whole};
use diptych_protocol::id::{ColumnId, GroupId, SignalId};
use diptych_protocol::program::{Group, Program};

/// What was kept, reset, new and gone. Each entry is a phrase.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Groups whose rows go on, with the components that do.
    pub kept: Vec<String>,
    /// Groups that were made anew, and why.
    pub reset: Vec<String>,
    /// Groups, components, signals and what these remember that there were none of, or none of that type.
    pub new: Vec<String>,
    /// Those that there are none of any more, or none of that type.
    pub gone: Vec<String>,
}

impl Report {
    /// Tells a plan.
    pub(super) fn new(old: &Program, new: &Program, plan: &Plan) -> Self {
        let mut report = Self::default();
        for (id, group) in new.groups.iter() {
            let name = &group.name;
            match plan.groups[id] {
                Fate::Kept(before) => report.group(old, new, plan, (before, id)),
                Fate::Reset(before, why) => {
                    report.reset.push(format!("{name}: {}", reason(&old.groups[before], group, why)));
                }
                Fate::New => report.new.push(name.clone()),
                Fate::Derived => {}
            }
        }
        let there = |group: &Group| group.lasts() && !new.groups.values().any(|it| it.name == group.name);
        report.gone.extend(old.groups.values().filter(|it| there(it)).map(|it| it.name.clone()));
        let kept: BTreeSet<SignalId> = plan.signals.values().copied().flatten().collect();
        let signals = |program: &Program, of: &mut dyn FnMut(SignalId) -> bool| -> Vec<String> {
            let ids = program.signals.iter().filter(|(id, _)| of(*id));
            let shown = ids.filter_map(|(_, signal)| match signal.named {
                true => Some(format!("signal {}", signal.name)),
                // What a state block remembers, by its key.
                false => {
                    let key = signal.name.strip_suffix(" has begun").filter(|key| key.contains('/'))?;
                    Some(format!("memory {key}"))
                }
            });
            shown.collect()
        };
        report.new.extend(signals(new, &mut |id| plan.signals[id].is_none()));
        report.gone.extend(signals(old, &mut |id| !kept.contains(&id)));
        report
    }

    fn group(&mut self, old: &Program, new: &Program, plan: &Plan, (before, id): (GroupId, GroupId)) {
        let taken: BTreeSet<ColumnId> = plan.columns.values().copied().flatten().collect();
        let (kept, made) = components(new, id, |column| plan.columns[column].is_some());
        let (_, lost) = components(old, before, |column| taken.contains(&column));
        let name = &new.groups[id].name;
        self.kept.push(match kept.is_empty() {
            true => format!("{name}: its rows"),
            false => format!("{name}: {}", kept.join(", ")),
        });
        self.new.extend(made.iter().map(|component| format!("{name}.{component}")));
        self.gone.extend(lost.iter().map(|component| format!("{name}.{component}")));
    }
}

/// The components of a group, those of whose columns all are so, and the others.
fn components(program: &Program, group: GroupId, so: impl Fn(ColumnId) -> bool) -> (Vec<String>, Vec<String>) {
    let mut all: Vec<(&str, bool)> = Vec::new();
    let own = program.columns.iter().filter(|(id, column)| {
        column.group == group && column.is_kept() && !column.mark && !program.names_entities(*id)
    });
    for (id, column) in own {
        let component = whole(&column.component);
        match all.iter_mut().find(|(name, _)| *name == component) {
            Some((_, all)) => *all &= so(id),
            None => all.push((component, so(id))),
        }
    }
    let (yes, no): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, so)| *so);
    let names = |of: Vec<(&str, bool)>| of.into_iter().map(|(name, _)| name.to_string()).collect();
    (names(yes), names(no))
}

fn reason(before: &Group, now: &Group, why: Why) -> String {
    let comes = |group: &Group| if group.living.is_some() { "come and go" } else { "stay" };
    let cells =
        |group: &Group| group.raster.as_ref().map_or("no cells".to_string(), |it| format!("{} cells", it.sides()));
    match why {
        Why::Kind if before.lasts() => format!("its rows {}, and did {}", comes(now), comes(before)),
        Why::Kind => "its rows were made anew in each frame".into(),
        Why::Rows => format!("it has {} rows, and had {}", now.rows, before.rows),
        Why::Cells => format!("it has {}, and had {}", cells(now), cells(before)),
        Why::Room => format!("it has room for {} rows, and had for {}", now.rows, before.rows),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, all) in [("kept ", &self.kept), ("reset", &self.reset), ("new  ", &self.new), ("gone ", &self.gone)]
        {
            if !all.is_empty() {
                writeln!(f, "  {word}  {}", all.join("; "))?;
            }
        }
        Ok(())
    }
}
