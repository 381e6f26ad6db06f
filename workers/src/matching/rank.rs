//! The first phase: who takes part, with which number, and where it is listed.

use diptych_protocol::id::RowRange;
use diptych_protocol::matching::range_of;
use diptych_protocol::matching_view::RankView;
use diptych_protocol::random::Address;
use diptych_protocol::types::NO_ROW;

use crate::inverse;

/// What the numbers of a side are addressed by, beside the row.
#[derive(Clone, Copy, Debug)]
pub struct Drawer {
    /// The seed of all draws.
    pub seed: u64,
    /// The tick.
    pub tick: u32,
    /// The site of the side.
    pub site: u32,
}

impl Drawer {
    /// The number of an entity.
    pub fn number(self, entity: u32) -> u32 {
        let Drawer { seed, tick, site } = self;
        Address { seed, entity, tick, site, turn: 0 }.block()[0]
    }
}

/// Ranks a batch's rows: those that take part, and that meet others at a place that there is, draw a number. Nobody has a
/// partner yet.
pub fn rank(drawer: Drawer, rows: RowRange, taking: &[bool], v: RankView<'_>) {
    for (at, row) in (rows.start..rows.end).enumerate() {
        let number = drawer.number(v.entities.map_or(row, |entities| entities[at]));
        let listed_by = match v.places {
            Some((places, count)) => Some(places[at]).filter(|place| *place < count),
            None => Some(range_of(number, v.shape.targets)),
        };
        v.drawn[at] = number;
        v.listed_by[at] = listed_by.filter(|_| taking[at]).unwrap_or(NO_ROW);
    }
    v.partners.fill(NO_ROW);
    inverse::count(&v.shape, v.listed_by, v.counts);
}
