//! A body with all that it needs to run over the rows of a batch, whatever becomes of what it gives.

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{BodyId, ColumnId, GroupId};
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::program::Program;
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::ahead::Answers;
use super::blocks::{Blocks, Near};
use super::bound::{Bound, Rooms, recycle};
use super::core::Core;
use super::moved::{End, Moved};
use super::only::{Few, FewSlots};
use super::panel::Panel;
use crate::body::column::Column;
use crate::body::slots::Slots;
use crate::body::{Backend, executor};

/// A body that runs over rows of a group.
pub(super) struct Rule {
    pub core: Core,
    pub slots: Slots,
    /// The index that forms the blocks; without one blocks are stretches.
    forming: Option<usize>,
    pub blocks: Blocks,
    /// What is read at an offset; such a body is always a stream.
    pub moved: Option<Moved>,
    /// Cells that are computed by themselves: near the ends of lines, or few.
    pub ends: Vec<End>,
    pub rooms: Rooms,
    pub own: Vec<Column>,
    pub out: Vec<Column>,
}

impl Rule {
    /// For a verified body.
    pub fn new(program: &Program, group: GroupId, body: BodyId, backend: Backend) -> Result<Self, AccessError> {
        let body = &program.bodies[body];
        let slots = Slots::of(program, body);
        let core = Core::new(program, group, body, &slots, executor(program, body, backend)?);
        Ok(Self {
            forming: core.forming(),
            blocks: Blocks::new(core.lanes()),
            moved: Moved::of(program, group, &slots),
            ends: Vec::new(),
            rooms: Rooms::default(),
            own: slots.own.iter().map(|slot| Column::new(slot.scalar)).collect(),
            out: slots.out.iter().map(|scalar| Column::new(*scalar)).collect(),
            slots,
            core,
        })
    }

    /// Runs over a batch, with what was found ahead for its rows; what it gives, stores then results, goes to `panels`.
    pub fn run(&mut self, batch: &Batch<'_, '_>, ahead: Answers<'_>, panels: &mut [Panel<'_>]) {
        let bound = Bound::new(batch, &self.slots, &self.core, &mut self.rooms, ahead);
        self.core.forget();
        match (batch.slots(), self.forming) {
            (Some(index), _) => self.slotted(batch, &bound, panels, index, None),
            (None, Some(forming)) => self.gathered(batch, &bound, panels, forming, None),
            (None, None) => self.stream(batch, &bound, panels),
        }
        bound.give_back(&mut self.rooms);
    }

    /// Runs over few rows of a batch that is a stretch of them.
    pub fn run_few(&mut self, batch: &Batch<'_, '_>, ahead: Answers<'_>, panels: &mut [Panel<'_>], few: Few<'_>) {
        let bound = Bound::new(batch, &self.slots, &self.core, &mut self.rooms, ahead);
        self.core.forget();
        match self.forming {
            Some(forming) => self.gathered(batch, &bound, panels, forming, Some(few)),
            None => self.listed(batch, &bound, panels, few.rows),
        }
        bound.give_back(&mut self.rooms);
    }

    /// Runs over few rows of a batch that is given by the slots of an index; the others keep these columns.
    pub fn run_few_slots(
        &mut self,
        batch: &Batch<'_, '_>,
        ahead: Answers<'_>,
        panels: &mut [Panel<'_>],
        (few, stores): (FewSlots<'_>, &[ColumnId]),
    ) {
        let bound = Bound::new(batch, &self.slots, &self.core, &mut self.rooms, ahead);
        self.core.forget();
        if let Some(index) = batch.slots() {
            self.slotted(batch, &bound, panels, index, Some((few, stores)));
        }
        bound.give_back(&mut self.rooms);
    }

    /// Blocks are stretches.
    fn stream(&mut self, batch: &Batch<'_, '_>, bound: &Bound<'_>, panels: &mut [Panel<'_>]) {
        let step = self.core.stretch();
        let (mut next, end) = (batch.rows.start as usize, batch.rows.end as usize);
        while next < end {
            let first = next;
            // Few blocks of lines, as each has ends; but not more than the back end has room for near by.
            let far = end.min(first + 4 * step);
            // Whole lines compute some cells twice: not where turns ask for something.
            let lines = self.moved.as_ref().filter(|_| self.slots.asks.is_empty());
            if let Some(count) = lines.and_then(|moved| moved.lines(first, far)) {
                next += count;
                self.lines(batch, bound, panels, (first, count));
                continue;
            }
            let most = step.min(end - first);
            let count = self.moved.as_ref().map_or(most, |moved| moved.cut(first, most));
            next += count;
            if let Some(moved) = &mut self.moved {
                moved.ask(&bound.own, first, count, self.core.room(count));
            }
            self.stretch(batch, bound, panels, (first, count));
        }
    }

    /// One block of so many rows from `first` on; what it reads at an offset has been asked for.
    pub(super) fn stretch(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        panels: &mut [Panel<'_>],
        (first, count): (usize, usize),
    ) {
        let at = first - batch.rows.start as usize;
        let lanes = at..at + self.core.room(count);
        self.core.ask(batch, bound, first as u32..(first + count) as u32, None);
        let mut own: Vec<Values<'_>> = recycle(std::mem::take(&mut self.rooms.own));
        match &self.moved {
            Some(moved) => own.extend(moved.own(&bound.own, lanes.clone())),
            None => own.extend(bound.own.iter().map(|column| column.range(lanes.clone()))),
        }
        let mut out: Vec<ValuesMut<'_>> = recycle(std::mem::take(&mut self.rooms.out));
        out.extend(panels.iter_mut().map(|panel| panel.here().range(lanes.clone())));
        self.core.run(batch, bound, count, &own, &mut out);
        self.rooms.own = recycle(own);
        self.rooms.out = recycle(out);
    }

    /// Blocks are rows near each other; of few rows, those of them.
    fn gathered(
        &mut self,
        batch: &Batch<'_, '_>,
        bound: &Bound<'_>,
        panels: &mut [Panel<'_>],
        forming: usize,
        few: Option<Few<'_>>,
    ) {
        let by_parties = self.core.by_parties();
        self.blocks.form(self.core.around(forming), &bound.spaces[forming], batch.rows, by_parties);
        let place = |row: &u32| (row - batch.rows.start) as usize;
        for i in 0..self.blocks.len() {
            let mut rows = [0; BLOCK_ROWS_MAX];
            let mut rows = self.blocks.rows(i, &mut rows);
            let mut among = [0; BLOCK_ROWS_MAX];
            if let Some(few) = few {
                let mut count = 0;
                for row in rows.iter().filter(|row| few.has(**row)) {
                    among[count] = *row;
                    count += 1;
                }
                rows = &among[..count];
            }
            if rows.is_empty() {
                continue;
            }
            // Of few rows the box is smaller.
            let near = self.blocks.near(i).map(|near| Near { own: near.own.filter(|_| few.is_none()), ..near });
            let lanes = self.core.ask(batch, bound, rows.iter().copied(), near);
            for (room, column) in self.own.iter_mut().zip(&bound.own) {
                room.gather(*column, lanes.iter().map(place));
            }
            self.out.iter_mut().for_each(|room| room.resize(lanes.len()));
            let mut own: Vec<Values<'_>> = recycle(std::mem::take(&mut self.rooms.own));
            own.extend(self.own.iter().map(Column::values));
            let mut out: Vec<ValuesMut<'_>> = recycle(std::mem::take(&mut self.rooms.out));
            out.extend(self.out.iter_mut().map(Column::values_mut));
            self.core.run(batch, bound, rows.len(), &own, &mut out);
            self.rooms.own = recycle(own);
            self.rooms.out = recycle(out);
            for (room, panel) in self.out.iter().zip(&mut *panels) {
                room.scatter(panel.here(), rows.iter().map(place));
            }
        }
    }
}
