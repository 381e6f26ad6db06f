//! Matchings, the columns of partners, and who reads them.

use diptych_protocol::body::{At, Op};
use diptych_protocol::id::{ColumnId, GroupId, Id, MatchingId, ValueId};
use diptych_protocol::program::{Column, Matching, Meeting, Reach, Read, Side, When};
use diptych_protocol::table::Table;
use diptych_protocol::types::{Scalar, Type};

use crate::lower::births::Names;
use crate::lower::expressions::{Flattener, site_of};
use crate::lower::{Bodies, World};
use crate::types::{self, Model, Place};

/// Appends the columns of partners, which stand behind all others; gives those of each matching, side by side.
pub(super) fn partners(model: &Model<'_>, columns: &mut Table<ColumnId, Column>) -> Vec<Vec<ColumnId>> {
    let all = model.matchings.iter().enumerate();
    all.map(|(at, matching)| {
        let sides = matching.sides.iter().enumerate();
        let column = |(number, side): (usize, &types::Side)| Column {
            group: GroupId::new(side.group as u32),
            component: matching.name.clone(),
            component_type: Type::entity(GroupId::new(matching.partners(number) as u32)),
            lane: 0,
            scalar: Scalar::U32,
            owner: None,
            edited: false,
            matched: Some(MatchingId::new(at as u32)),
            draft: false,
            mark: false,
        };
        sides.map(|side| columns.push(column(side))).collect()
    })
    .collect()
}

/// The partners that a system reads.
pub(super) fn reads<'w>(system: &'w types::System<'_>, world: &'w World<'_>) -> impl Iterator<Item = Read> + 'w {
    system.matchings.iter().filter_map(|&at| {
        let side = world.model.matchings[at].sides.iter().position(|side| side.group == system.group)?;
        Some(Read { column: world.places.partners[at][side], when: When::Fresh, reach: Reach::Own })
    })
}

/// The matchings, with the bodies of their filters.
pub(super) fn matchings(world: &World<'_>, bodies: &mut Bodies) -> Table<MatchingId, Matching> {
    let mut matchings = Table::default();
    for (at, matching) in world.model.matchings.iter().enumerate() {
        let mut sides = Vec::new();
        for (number, side) in matching.sides.iter().enumerate() {
            let path = format!("match {}/{}", matching.name, world.model.groups[side.group].name);
            let filter = side.filter.as_ref().map(|filter| {
                bodies.make(world, side.group, format!("{path}/where"), |flattener| {
                    flattener.names = Names::Prev;
                    for lane in flattener.lanes(filter) {
                        flattener.builder.result(lane);
                    }
                })
            });
            sides.push(Side {
                group: GroupId::new(side.group as u32),
                partner: world.places.partners[at][number],
                place: side.place.map(|member| {
                    let when = matching.meeting.map_or(When::Prev, |(_, when)| when);
                    world.places.seen(Place { group: side.group, member }, when)[0]
                }),
                filter,
                site: site_of(&mut bodies.sites, path),
            });
        }
        let meeting = matching.meeting.map(|(to, when)| Meeting { to: GroupId::new(to as u32), when });
        let _: MatchingId =
            matchings.push(Matching { name: matching.name.clone(), sides, meeting, span: matching.span });
    }
    matchings
}

impl Flattener<'_> {
    /// The row that the own one is paired with.
    pub(super) fn partner(&mut self, matching: usize, side: usize) -> Option<ValueId> {
        let column = *self.world?.places.partners.get(matching)?.get(side)?;
        Some(self.push(Scalar::U32, Op::Read { column, when: When::Fresh, at: At::Own }))
    }

    /// A reference to the row that the own one is paired with.
    pub(super) fn partner_reference(&mut self, matching: usize, side: usize, ty: Type) -> Vec<ValueId> {
        let Some(row) = self.partner(matching, side) else { return Vec::new() };
        self.reference_to(row, ty)
    }
}
