//! What a program takes over from the one that runs: the plan of a hot swap, made from the two programs alone.
//!
//! Things are told apart by *stable keys*, never by their numbers:
//!
//! | what | key | kept if |
//! |---|---|---|
//! | group | its name | both times its rows stay, as many, as the same cells; or both times they come and go, and there is room for at least as many |
//! | column | group, component, lane; whether it is a mark | its group is kept, and its type is the same |
//! | signal | its name; of several of one name their order | its type is the same |
//!
//! - A type is the same if its scalar and lanes are; an enum if all the variants it had are still there, in their places; a
//!   reference if it is to a group of the same name that is kept.
//! - An optional component is kept as a whole or not at all, and only if it was optional: of rows that lack it its columns
//!   hold zeros. So is what a field remembers of a row, where one column says whether it has begun to.
//! - Whatever is not kept is *new*: it has the values of the new program's blueprint, for the entity that a row is. So has
//!   every row of a group that is not kept.
//! - A living group cannot have less room than before: its entities have names below the old `max`, and references to those
//!   that ended may be anywhere. With less it is made anew.
//! - What names entities is no component: it goes with its group. Row order is state: where both programs keep a group's
//!   rows in the order of an index, they go on in the order they stand in; where only one does, each row goes to where
//!   its entity stands.
//! - What each frame makes anew (derived groups, partners, drafts, indexes, inverses) is no state.
//!
//! - Inputs go on with what they are set to: it is a signal.
//!
//! Then the state is finished once more, by the new program: its rows are aggregated, and its signals computed, from the kept
//! signals of the state before. [`crate::adopt_view`] does what the plan says.

use std::collections::BTreeMap;

use crate::id::{ColumnId, GroupId, SignalId};
use crate::program::{Column, Group, Program};
use crate::table::Table;
use crate::types::{Sort, Type};

/// What becomes of a group of the new program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Its rows go on: those of this group.
    Kept(GroupId),
    /// There was a group of this name, but its rows cannot go on.
    Reset(GroupId, Why),
    /// There was none of this name.
    New,
    /// It is made anew in each frame, or only says where others are.
    Derived,
}

/// Why the rows of a group cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Rows came and went, and now they stay, or the other way round; or each frame made them anew.
    Kind,
    /// It has another number of rows.
    Rows,
    /// Its rows are no cells any more, or were none, or they stand otherwise.
    Cells,
    /// There is room for fewer rows.
    Room,
}

/// What the new program takes over.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// Of each group of the new program.
    pub groups: Table<GroupId, Fate>,
    /// Of each column of the new program the one whose values it takes over, row by row. Not of those that name entities.
    pub columns: Table<ColumnId, Option<ColumnId>>,
    /// Of each signal of the new program the one whose last value it takes over.
    pub signals: Table<SignalId, Option<SignalId>>,
}

impl Plan {
    /// What `new` takes over from `old`.
    pub fn new(old: &Program, new: &Program) -> Self {
        let groups: Table<GroupId, Fate> = new.groups.values().map(|group| fate(old, group)).collect();
        let comparison = Comparison { old, new, groups: &groups };
        let mut columns: Table<ColumnId, Option<ColumnId>> =
            new.columns.iter().map(|(id, column)| comparison.column(id, column)).collect();
        comparison.as_a_whole(&mut columns);
        let signals = comparison.signals();
        Self { groups, columns, signals }
    }

    /// The group whose rows a group takes over.
    pub fn kept(&self, group: GroupId) -> Option<GroupId> {
        match self.groups[group] {
            Fate::Kept(old) => Some(old),
            Fate::Reset(..) | Fate::New | Fate::Derived => None,
        }
    }

    /// Whether all rows and columns of the new program are taken over: then it need not be set up.
    pub fn is_whole(&self, new: &Program) -> bool {
        let groups = self.groups.values().all(|fate| matches!(fate, Fate::Kept(_) | Fate::Derived));
        let mut columns = new.columns.iter().filter(|(id, column)| column.is_kept() && !new.names_entities(*id));
        groups && columns.all(|(id, column)| self.columns[id].is_some() || !new.groups[column.group].lasts())
    }

    /// Whether a group that is kept has columns that are not: those need its blueprint for every entity.
    pub fn adds_to(&self, new: &Program, group: GroupId) -> bool {
        let mut own = new.columns.iter().filter(|(_, column)| column.group == group && column.is_kept());
        self.kept(group).is_some() && own.any(|(id, _)| self.columns[id].is_none() && !new.names_entities(id))
    }
}

fn fate(old: &Program, group: &Group) -> Fate {
    if !group.lasts() {
        return Fate::Derived;
    }
    let Some(id) = old.group(&group.name).filter(|id| old.groups[*id].is_written()) else { return Fate::New };
    let before = &old.groups[id];
    let why = match (before.living, group.living) {
        _ if !before.lasts() => Some(Why::Kind),
        (Some(_), Some(_)) => (group.rows < before.rows).then_some(Why::Room),
        (None, None) => {
            let cells = |it: &Group| it.raster.as_ref().map(|raster| (raster.axes, raster.extents));
            if cells(before) != cells(group) {
                Some(Why::Cells)
            } else {
                (group.rows != before.rows).then_some(Why::Rows)
            }
        }
        _ => Some(Why::Kind),
    };
    why.map_or(Fate::Kept(id), |why| Fate::Reset(id, why))
}

struct Comparison<'p> {
    old: &'p Program,
    new: &'p Program,
    groups: &'p Table<GroupId, Fate>,
}

impl Comparison<'_> {
    fn column(&self, id: ColumnId, column: &Column) -> Option<ColumnId> {
        let Fate::Kept(group) = self.groups[column.group] else { return None };
        if !column.is_kept() || self.new.names_entities(id) {
            return None;
        }
        let before = self.old.column(group, &column.component, column.lane)?;
        let there = &self.old.columns[before];
        let state = there.is_kept() && !self.old.names_entities(before);
        let same = there.mark == column.mark && self.same(there.component_type, column.component_type);
        (state && same).then_some(before)
    }

    fn same(&self, old: Type, new: Type) -> bool {
        let sort = match (old.sort, new.sort) {
            (Sort::Plain, Sort::Plain) => true,
            (Sort::Enum(a), Sort::Enum(b)) => {
                let (a, b) = (&self.old.enums[a], &self.new.enums[b]);
                a.name == b.name && b.variants.starts_with(&a.variants)
            }
            (Sort::Entity(a), Sort::Entity(b)) => self.groups[b] == Fate::Kept(a),
            _ => false,
        };
        sort && old.scalar == new.scalar && old.lanes == new.lanes
    }

    /// Leaves no part of what belongs together kept if one is not.
    fn as_a_whole(&self, columns: &mut Table<ColumnId, Option<ColumnId>>) {
        let mut parts: BTreeMap<(GroupId, &str), (bool, Vec<ColumnId>)> = BTreeMap::new();
        for (id, column) in self.new.columns.iter().filter(|(_, column)| column.is_kept()) {
            let Some(Fate::Kept(before)) = self.groups.get(column.group).copied() else { continue };
            let whole = whole(&column.component);
            // What says of each row whether it has the component, or has begun to remember.
            let told = [format!("has {whole}"), format!("{whole} has begun")];
            let tells = |program: &Program, group| told.each_ref().map(|it| program.column(group, it, 0).is_some());
            let (now, then) = (tells(self.new, column.group), tells(self.old, before));
            if now != then || now.contains(&true) {
                let (kept, parts) = parts.entry((column.group, whole)).or_insert((true, Vec::new()));
                *kept &= now == then && columns[id].is_some();
                parts.push(id);
            }
        }
        for (_, parts) in parts.values().filter(|(kept, _)| !kept) {
            parts.iter().for_each(|part| columns[*part] = None);
        }
    }

    fn signals(&self) -> Table<SignalId, Option<SignalId>> {
        let mut known: BTreeMap<&str, Vec<SignalId>> = BTreeMap::new();
        for (id, signal) in self.old.signals.iter().rev() {
            known.entry(&signal.name).or_default().push(id);
        }
        let mut next = |name: &str| known.get_mut(name).and_then(Vec::pop);
        let of = |(name, ty): (&str, Type)| next(name).filter(|id| self.same(self.old.signals[*id].ty, ty));
        self.new.signals.values().map(|signal| (signal.name.as_str(), signal.ty)).map(of).collect()
    }
}

/// The component that a column's component is a part of, or says something about: `Body` of `Body.at`, of `has Body`, and of
/// `changed Body.at`; of what a field remembers the field: `drive` of `drive/lag`, and of `drive has begun`.
pub fn whole(component: &str) -> &str {
    let name = component.strip_suffix(" has begun").unwrap_or(component);
    let name = name.rsplit(' ').next().unwrap_or(name);
    name.split(['.', '[', '/']).next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_named_by_its_first_word() {
        for (column, component) in [
            ("Body", "Body"),
            ("Body.at", "Body"),
            ("Trail[2]", "Trail"),
            ("has Body", "Body"),
            ("changed A.b[1]", "A"),
            ("drive/lag#2", "drive"),
            ("drive has begun", "drive"),
        ] {
            assert_eq!(whole(column), component);
        }
    }
}
