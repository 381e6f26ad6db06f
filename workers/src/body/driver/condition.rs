//! Which rows are the nearest of those that a condition is true for: found for the rows of a batch ahead of the body that
//! goes over them.

use std::ops::Range;

use diptych_protocol::access::AccessError;
use diptych_protocol::body::{Body, Op};
use diptych_protocol::id::{BodyId, GroupId, Id};
use diptych_protocol::program::Program;
use diptych_protocol::values::ValuesMut;
use diptych_protocol::view::Batch;

use super::ahead::Answers;
use super::around::{LoopRoom, Members};
use super::bound::{Surroundings, recycle};
use super::panel::Panel;
use super::rule::Rule;
use crate::body::Backend;
use crate::body::block::padded;
use crate::body::column::Column;
use crate::index::Among;

/// A body that is a condition, and what it found for the rows of a batch.
pub(super) struct Condition {
    rule: Rule,
    given: Vec<Column>,
    panels: Vec<Panel<'static>>,
}

impl Condition {
    /// For a loop over `count` rows.
    pub fn new(
        program: &Program,
        group: GroupId,
        body: BodyId,
        count: u16,
        backend: Backend,
    ) -> Result<Self, AccessError> {
        let mut rule = Rule::new(program, group, body, backend)?;
        rule.core.search = Some(Search::new(&program.bodies[body], usize::from(count)));
        let given = rule.slots.out.iter().map(|scalar| Column::new(*scalar)).collect();
        Ok(Self { rule, given, panels: Vec::new() })
    }

    /// Finds the rows of a batch's rows.
    pub fn find(&mut self, batch: &Batch<'_, '_>, before: Answers<'_>) {
        if let Some(search) = &mut self.rule.core.search {
            search.found.clear();
            search.places.clear();
            search.places.resize(batch.rows.len(), 0..0);
        }
        let mut panels: Vec<Panel<'_>> = recycle(std::mem::take(&mut self.panels));
        for column in &mut self.given {
            column.resize(padded(batch.rows.len()));
            panels.push(Panel::Here(column.values_mut()));
        }
        self.rule.run(batch, before, &mut panels);
        self.panels = recycle(panels);
    }

    /// What was found for the row at a place of the batch.
    pub fn found(&self, place: usize) -> &[u32] {
        let Some(search) = &self.rule.core.search else { return &[] };
        search.places.get(place).map_or(&[], |range| &search.found[range.start as usize..range.end as usize])
    }
}

/// What the core of a condition looks for: rounds of offers to all rows of a block, and of answers.
pub(super) struct Search {
    /// The loop that goes over what is offered.
    pub offered: usize,
    count: usize,
    /// Of the block's rows; those behind them are room that stays.
    lanes: Vec<Lane>,
    rows: usize,
    /// What was found for the batch's rows so far, and where that of the row at each place stands.
    found: Vec<u32>,
    places: Vec<Range<u32>>,
}

/// The search of one row of the block.
#[derive(Default)]
struct Lane {
    among: Among,
    own: Option<u32>,
    from: [f64; 3],
    /// The row's place in the batch.
    place: usize,
}

impl Search {
    fn new(body: &Body, count: usize) -> Self {
        let first = body.results.first().map(|value| body.ops[*value].op);
        let Some(Op::Result(offered, _)) = first else {
            unreachable!("a verified condition gives what a loop carries")
        };
        Self { offered: offered.index(), count, lanes: Vec::new(), rows: 0, found: Vec::new(), places: Vec::new() }
    }

    /// Begins with the rows of a block; `own` says whether they are rows of the tree.
    pub fn begin(&mut self, space: &Surroundings<'_>, members: &Members<'_>, own: bool) {
        self.rows = members.rows.len();
        self.lanes.resize_with(self.lanes.len().max(self.rows), Lane::default);
        for ((number, &row), lane) in members.rows.iter().enumerate().zip(&mut self.lanes) {
            lane.among.begin();
            lane.own = own.then_some(row);
            lane.from = space.point(members.place(space, number, row));
            lane.place = members.place_in_batch(number, row);
        }
    }

    /// Offers rows to those of the block that still look for some; false if none does.
    pub fn offer(&mut self, space: &Surroundings<'_>, batch: &Batch<'_, '_>, room: &mut LoopRoom) -> bool {
        room.starts.clear();
        room.rows.clear();
        for lane in &mut self.lanes[..self.rows] {
            room.starts.push(room.rows.len() as u32);
            let asked = space.asked(batch, lane.from, lane.own, self.count);
            lane.among.offer(&asked, &mut room.rows);
        }
        room.starts.resize(padded(self.rows) + 1, room.rows.len() as u32);
        !room.rows.is_empty()
    }

    /// Hears what the body gave: the bits of the rows that count, and who asks at all.
    pub fn hear(&mut self, out: &[ValuesMut<'_>]) {
        let [ValuesMut::U32(bits), ValuesMut::Bool(asks)] = out else {
            unreachable!("a verified condition gives bits, and whether a row asks")
        };
        for ((lane, &bits), &asks) in self.lanes[..self.rows].iter_mut().zip(bits.iter()).zip(asks.iter()) {
            if asks == 0 {
                lane.among.end();
            } else {
                lane.among.hear(bits, self.count);
            }
        }
    }

    /// Keeps what was found.
    pub fn finish(&mut self) {
        for lane in &mut self.lanes[..self.rows] {
            let start = self.found.len() as u32;
            lane.among.finish(&mut self.found);
            self.places[lane.place] = start..self.found.len() as u32;
        }
    }
}
