//! Drafts: columns of one frame alone, which systems make for other systems of that frame. They are what owners make of
//! components that come and go, what is asked to be added and removed, and what is published on buses of rows.

use std::collections::BTreeMap;

use diptych_protocol::body::{Op, Store};
use diptych_protocol::id::{ColumnId, GroupId, Id, SystemId, ValueId};
use diptych_protocol::program::{Column, When};
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Type};

use crate::lower::expressions::Flattener;
use crate::lower::optional::Gained;
use crate::lower::{Columns, World};
use crate::types::rules::RuleBody;
use crate::types::typed::{Local, Typed, Whose};
use crate::types::{self, Model, Place, Role};

/// What a system asks for that adds a component.
pub(super) struct GainDrafts {
    /// Whether the row asks.
    pub asked: ColumnId,
    /// The values that it begins with, those of each part.
    pub values: Vec<Vec<ColumnId>>,
}

/// The columns of one frame alone.
pub(super) struct Drafts {
    /// What the owner makes of a part of a component that comes and goes.
    pub made: BTreeMap<Place, Vec<ColumnId>>,
    /// Of each system and component that it adds.
    pub gains: BTreeMap<(usize, usize), GainDrafts>,
    /// Of each system and component that it removes: whether the row asks.
    pub losses: BTreeMap<(usize, usize), ColumnId>,
    /// Of each publication: its value, and whether it is published.
    published: Vec<(Vec<ColumnId>, ColumnId)>,
}

impl Drafts {
    /// Appends them, behind all other columns.
    pub fn new(model: &Model<'_>, gained: &[Gained], columns: &mut Table<ColumnId, Column>) -> Self {
        let mut drafts =
            Drafts { made: BTreeMap::new(), gains: BTreeMap::new(), losses: BTreeMap::new(), published: Vec::new() };
        let mut draft = |group: usize, component: String, ty: Type, owner: usize| -> Vec<ColumnId> {
            let lanes = (0..ty.lanes).map(|lane| {
                columns.push(Column {
                    group: GroupId::new(group as u32),
                    component: component.clone(),
                    component_type: ty,
                    lane,
                    scalar: ty.scalar,
                    owner: Some(SystemId::new(owner as u32)),
                    edited: false,
                    matched: None,
                    draft: true,
                    mark: false,
                })
            });
            lanes.collect()
        };
        for (place, member) in gained.iter().flat_map(|it| it.parts(model)) {
            if let Some((owner, _)) = member.owner {
                drafts.made.insert(place, draft(place.group, format!("made {}", member.name), member.ty, owner));
            }
        }
        for (number, system) in model.systems.iter().enumerate() {
            let Some(rule) = &system.body else { continue };
            let members = &model.groups[system.group].members;
            let bool = Type::scalar(Scalar::Bool);
            for gain in &rule.gains {
                let name = |of: &str| format!("{} adds {of}", system.name);
                let asked = draft(system.group, name(&members[gain.presence].name), bool, number);
                let leaves = members.iter().filter(|it| it.role == Role::Value && it.presence == Some(gain.presence));
                let values = leaves.map(|leaf| draft(system.group, name(&leaf.name), leaf.ty, number)).collect();
                drafts.gains.insert((number, gain.presence), GainDrafts { asked: asked[0], values });
            }
            for loss in &rule.losses {
                let name = format!("{} removes {}", system.name, members[loss.presence].name);
                drafts.losses.insert((number, loss.presence), draft(system.group, name, bool, number)[0]);
            }
        }
        for publication in &model.publications {
            let system = &model.systems[publication.system];
            let bus = &publication.name;
            let value = draft(system.group, format!("{bus} of {}", system.name), publication.ty, publication.system);
            let name = format!("{} publishes {bus}", system.name);
            let whether = draft(system.group, name, Type::scalar(Scalar::Bool), publication.system)[0];
            drafts.published.push((value, whether));
        }
        drafts
    }

    /// The columns of a publication: its value, or whether it is published.
    pub fn published(&self, publication: usize, whether: bool) -> Vec<ColumnId> {
        match (&self.published[publication], whether) {
            ((_, whether), true) => vec![*whether],
            ((value, _), false) => value.clone(),
        }
    }

    /// Whether a column is one of a publication.
    pub fn is_published(&self, column: ColumnId) -> bool {
        self.published.iter().any(|(value, whether)| value.contains(&column) || *whether == column)
    }
}

impl Columns {
    /// The columns of a component as rules see it: fresh, they are what its owner made, before anything is added or removed.
    pub fn seen(&self, place: Place, when: When) -> Vec<ColumnId> {
        match self.drafts.made.get(&place) {
            Some(made) if when == When::Fresh => made.clone(),
            _ => self.of(place),
        }
    }

    /// What a system of the scenario writes.
    pub fn written(&self, number: usize, system: &types::System<'_>, model: &Model<'_>) -> Vec<ColumnId> {
        let mut written: Vec<ColumnId> = system.owns.iter().flat_map(|place| self.seen(*place, When::Fresh)).collect();
        written.extend(
            system.owns.iter().filter_map(|place| mark_of(model, *place)).flat_map(|mark| self.seen(mark, When::Fresh)),
        );
        let Some(rule) = &system.body else { return written };
        for gain in &rule.gains {
            let GainDrafts { asked, values } = &self.drafts.gains[&(number, gain.presence)];
            written.push(*asked);
            written.extend(values.iter().flatten());
        }
        for (publication, _) in &rule.published {
            written.extend([false, true].iter().flat_map(|whether| self.drafts.published(*publication, *whether)));
        }
        written.extend(rule.losses.iter().map(|loss| self.drafts.losses[&(number, loss.presence)]));
        written
    }
}

/// The member that says whether another was assigned, if anybody asks.
fn mark_of(model: &Model<'_>, place: Place) -> Option<Place> {
    let members = &model.groups[place.group].members;
    let mark = members.iter().position(|member| member.role == Role::Mark(place.member))?;
    Some(Place { member: mark, ..place })
}

impl Flattener<'_> {
    /// Stores what a rule makes of what it owns, and whether it was assigned.
    pub(super) fn made(&mut self, rule: &RuleBody) {
        let Some(world) = self.world else { return };
        for (place, local, span) in &rule.stores {
            let values = self.locals.get(local).cloned().unwrap_or_default();
            self.make(world, *place, values, *span);
        }
        for (place, local) in &rule.marks {
            let Some(mark) = mark_of(world.model, *place) else { continue };
            let values = self.locals.get(local).cloned().unwrap_or_default();
            let span = world.model.groups[mark.group].members[mark.member].span;
            self.make(world, mark, values, span);
        }
    }

    /// Stores the lanes of a member; of rows without the component nothing.
    fn make(&mut self, world: &World<'_>, place: Place, values: Vec<ValueId>, span: diptych_protocol::program::Span) {
        let member = &world.model.groups[place.group].members[place.member];
        let has = member.presence.and_then(|presence| {
            let presence = Place { member: presence, ..place };
            self.read(presence, When::Prev, &Whose::Own).first().copied()
        });
        let zeros = self.lanes(&Typed::zero(member.ty));
        let columns = world.places.seen(place, When::Fresh);
        for ((column, value), zero) in columns.into_iter().zip(values).zip(zeros) {
            let value = match has {
                Some(has) => self.push(member.ty.scalar, Op::Select(has, value, zero)),
                None => value,
            };
            self.builder.store(Store { column, value, span });
        }
    }

    /// Stores what a rule publishes, and which components it asks to be added and removed.
    pub(super) fn asked(&mut self, number: usize, rule: &RuleBody) {
        let Some(world) = self.world else { return };
        let drafts = &world.places.drafts;
        let span = world.model.systems[number].span;
        let store = |this: &mut Self, columns: &[ColumnId], local: Local| {
            let values = this.locals.get(&local).cloned().unwrap_or_default();
            columns.iter().zip(values).for_each(|(&column, value)| this.builder.store(Store { column, value, span }));
        };
        for (publication, locals) in &rule.published {
            for (whether, local) in [false, true].into_iter().zip(locals) {
                store(self, &drafts.published(*publication, whether), *local);
            }
        }
        for gain in &rule.gains {
            let GainDrafts { asked, values } = &drafts.gains[&(number, gain.presence)];
            store(self, &[*asked], gain.asked);
            values.iter().zip(&gain.values).for_each(|(columns, local)| store(self, columns, *local));
        }
        for loss in &rule.losses {
            store(self, &[drafts.losses[&(number, loss.presence)]], loss.asked);
        }
    }
}
