//! What is around a block's rows: candidates within reach, lists of the nearest, lists of those that refer.

use std::ops::Range;

use diptych_protocol::id::{BodyId, ColumnId, GroupId, IndexId};
use diptych_protocol::inverse_view::InverseView;
use diptych_protocol::program::{IndexKind, Program, When};
use diptych_protocol::values::Values;
use diptych_protocol::view::Batch;

use super::blocks::Near;
use super::bound::Surroundings;
use super::candidates::{Asking, Candidates, Places, Vectors};
use super::condition::Condition;
use crate::body::block::{Apart, Run, Shared, padded};
use crate::body::column::Column;
use crate::body::slots::Slot;
use crate::index::{KdTree, Nearest, extent, greater, lesser};

/// One index that a body asks: what its loops share.
pub(super) struct Around {
    pub index: IndexId,
    /// Where it is asked with points, and perhaps radii, that the rows compute: the question that gives them.
    pub question: Option<BodyId>,
    pub when: When,
    /// The own group's position.
    pub from: Vec<ColumnId>,
    /// Whether the index holds the own group: a row is no neighbour of itself.
    pub own: bool,
    /// The largest reach of the loops within one, if there is such a loop.
    pub reach: Option<f32>,
    /// Whether there is a loop over the nearest.
    pub nearest: bool,
    /// What these loops read of the other.
    slots: Vec<Slot>,
    /// Where each stands among the columns of all loops.
    whole: Vec<usize>,
    /// What a grid has copied into its order; nothing of a tree.
    copies: Option<Vec<(ColumnId, When)>>,
    /// Whether its rows of `next` are kept in its order.
    ordered: bool,
    /// Whether all that the loops read stands there: then it is read there.
    pub copied: bool,
    /// That of the block's candidates, where they are listed.
    columns: Vec<Column>,
    candidates: Candidates,
    places: Places,
    /// Rows of a vector.
    lanes: usize,
}

impl Around {
    /// For vectors of so many rows.
    pub fn new(program: &Program, group: GroupId, index: IndexId, question: Option<BodyId>, lanes: usize) -> Self {
        let copies = match &program.indexes[index].kind {
            IndexKind::Grid { copies, .. } => Some(copies.clone()),
            IndexKind::Tree { .. } => None,
        };
        Self {
            index,
            question,
            when: program.indexes[index].when,
            from: program.groups[group].position.clone(),
            own: program.indexes[index].group == group,
            reach: None,
            nearest: false,
            slots: Vec::new(),
            whole: Vec::new(),
            copied: copies.is_some(),
            copies,
            ordered: program.groups[program.indexes[index].group].order.is_some(),
            columns: Vec::new(),
            candidates: Candidates::default(),
            places: Places::Rows,
            lanes,
        }
    }

    /// Takes in a loop with a reach, whose columns stand among those of all loops from `first` on; says where they stand
    /// here.
    pub fn reaches(&mut self, reach: f32, slots: &[Slot], first: usize) -> Vec<usize> {
        self.reach = Some(self.reach.map_or(reach, |other| other.max(reach)));
        let known = |slot: &Slot| match &self.copies {
            Some(_) if self.ordered && slot.when == When::Fresh => true,
            copies => copies.as_ref().is_some_and(|all| all.contains(&(slot.column, slot.when))),
        };
        self.copied &= slots.iter().all(known);
        let place = |(at, slot): (usize, &Slot)| match self.slots.iter().position(|known| known == slot) {
            Some(at) => at,
            None => {
                self.slots.push(*slot);
                self.whole.push(first + at);
                self.columns.push(Column::new(slot.scalar));
                self.slots.len() - 1
            }
        };
        slots.iter().enumerate().map(place).collect()
    }

    /// Another batch: its index may be another one.
    pub fn forget(&mut self) {
        self.candidates.forget();
    }

    /// Finds the candidates of a block's rows.
    pub fn ask(
        &mut self,
        batch: &Batch<'_, '_>,
        space: &Surroundings<'_>,
        others: &[Values<'_>],
        members: &Members<'_>,
    ) {
        let Some(mut reach) = self.reach else { return };
        if let Some(radii) = space.radii {
            let places = members.rows.iter().enumerate().map(|(number, row)| members.place(space, number, *row));
            // Rows without a radius, or with none that is a number, ask for nothing.
            reach =
                places.map(|place| radii[place]).fold(0.0, |most, radius| if radius > most { radius } else { most });
        }
        let near = members.near.filter(|near| near.by == self.question);
        let known = near.filter(|near| near.index == self.index).and_then(|near| near.own);
        let (mut lo, mut hi) = known.unwrap_or_default();
        for (axis, column) in space.own().iter().take(space.axes()).enumerate().filter(|_| known.is_none()) {
            if space.by_slot {
                (lo[axis], hi[axis]) = extent(&column[members.offset..members.offset + members.rows.len()]);
            } else {
                let all = || members.rows.iter().map(|row| column[(row - members.first) as usize]);
                lo[axis] = all().fold(f32::INFINITY, lesser);
                hi[axis] = all().fold(f32::NEG_INFINITY, greater);
            }
        }
        let own = if self.own { members.rows } else { &[] };
        let (from, first) = (space.own(), members.first);
        let slots = members.slots.clone().filter(|_| space.own_slots);
        let area = near.and_then(|near| near.area);
        // Where rows stand by slot, those of a vector are near each other.
        let vectors = match &slots {
            Some(_) if space.by_slot && members.rows.len() > self.lanes => {
                Some(Vectors { x: &from[0][members.offset..members.offset + members.rows.len()], lanes: self.lanes })
            }
            _ => None,
        };
        let asking = Asking { space: batch.space(), own, from, first, slots, vectors, lo, hi, reach, area };
        self.places = self.candidates.find(space, &asking, self.copied);
        if self.places == Places::Listed {
            let rows = self.candidates.listed();
            for (&whole, column) in self.whole.iter().zip(&mut self.columns) {
                column.gather(others[whole], rows.iter().map(|row| *row as usize));
            }
        }
    }

    /// Whether the block's candidates are listed, and their columns gathered.
    pub fn listed(&self) -> bool {
        self.places == Places::Listed
    }

    /// A gathered column.
    pub fn gathered(&self, column: usize) -> Values<'_> {
        self.columns[column].values()
    }

    /// The candidates, for a loop with these columns.
    pub fn shared<'k>(&'k self, space: &Surroundings<'k>, columns: &'k [Values<'k>]) -> Shared<'k> {
        let rows = match self.places {
            Places::Rows => None,
            Places::Slots => space.slot_rows(),
            Places::Listed => Some(self.candidates.listed()),
        };
        let Candidates { runs, ends, straight, .. } = &self.candidates;
        let apart = (!ends.is_empty()).then_some(Apart { lanes: self.lanes, ends });
        Shared { runs, apart, rows, columns, straight: *straight }
    }
}

/// The rows of a block.
pub(super) struct Members<'a> {
    /// In the order of lanes.
    pub rows: &'a [u32],
    /// By their numbers.
    pub ascending: &'a [u32],
    /// Their slots, where the batch is given by slots, and where these begin among the batch's.
    pub slots: Option<Range<u32>>,
    pub offset: usize,
    /// The row that the batch's columns begin with.
    pub first: u32,
    /// Where they are, as far as an index that formed the block knows.
    pub near: Option<Near>,
}

impl Members<'_> {
    /// Where a row's own position stands.
    pub fn place(&self, space: &Surroundings<'_>, number: usize, row: u32) -> usize {
        if space.by_slot { self.offset + number } else { (row - self.first) as usize }
    }

    /// Where a row stands in the batch.
    pub fn place_in_batch(&self, number: usize, row: u32) -> usize {
        if self.slots.is_some() { self.offset + number } else { (row - self.first) as usize }
    }
}

/// Which bucket's rows a loop goes over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tie {
    /// The one that the own row is in: without that row.
    Shared,
    /// The one that the own row stands for.
    Own,
}

/// What one loop goes over for a block.
#[derive(Default)]
pub(super) struct LoopRoom {
    pub runs: Vec<Run>,
    pub starts: Vec<u32>,
    pub rows: Vec<u32>,
    /// Whether the lists are used where they stand,
    pub in_place: bool,
    /// and which of them, if the list of those is, too.
    pub lists: Option<Range<usize>>,
    nearest: Nearest,
}

impl LoopRoom {
    /// Lists the nearest of each row.
    pub fn nearest(
        &mut self,
        batch: &Batch<'_, '_>,
        around: &Around,
        space: &Surroundings<'_>,
        members: &Members<'_>,
        count: usize,
    ) {
        let rows = members.rows;
        self.starts.clear();
        self.rows.clear();
        if around.own && around.question.is_none() {
            let asked = space.asked(batch, [0.0; 3], None, count);
            self.nearest.ask_rows(&asked, rows, &mut self.starts, &mut self.rows);
        } else {
            for (number, &row) in rows.iter().enumerate() {
                self.starts.push(self.rows.len() as u32);
                let from = space.point(members.place(space, number, row));
                self.nearest.ask(&space.asked(batch, from, around.own.then_some(row), count), &mut self.rows);
            }
        }
        self.starts.resize(padded(rows.len()) + 1, self.rows.len() as u32);
    }

    /// Lists what a condition found for each row.
    pub fn found(&mut self, condition: &Condition, members: &Members<'_>) {
        self.starts.clear();
        self.rows.clear();
        for (number, &row) in members.rows.iter().enumerate() {
            self.starts.push(self.rows.len() as u32);
            self.rows.extend_from_slice(condition.found(members.place_in_batch(number, row)));
        }
        self.starts.resize(padded(members.rows.len()) + 1, self.rows.len() as u32);
    }

    /// Lists the rows of each row's bucket.
    pub fn members(&mut self, tree: &KdTree<'_>, tie: Tie, rows: &[u32]) {
        self.starts.clear();
        self.rows.clear();
        for &row in rows {
            self.starts.push(self.rows.len() as u32);
            match tie {
                Tie::Shared => {
                    let all = tree.bucket_rows(tree.bucket_of(row));
                    self.rows.extend(all.iter().copied().filter(|other| *other != row));
                }
                Tie::Own => self.rows.extend_from_slice(tree.bucket_rows(row)),
            }
        }
        self.starts.resize(padded(rows.len()) + 1, self.rows.len() as u32);
    }

    /// Lists the bucket of each row.
    pub fn holders(&mut self, tree: &KdTree<'_>, rows: &[u32]) {
        self.rows.clear();
        self.rows.extend(rows.iter().map(|row| tree.bucket_of(*row)));
        self.starts.clear();
        self.starts.extend(0..rows.len() as u32);
        self.starts.resize(padded(rows.len()) + 1, rows.len() as u32);
    }

    /// Lists those that refer to each row.
    pub fn referring(&mut self, inverse: &InverseView<'_>, rows: &[u32]) {
        let list = |row: u32| inverse.starts[row as usize]..inverse.starts[row as usize + 1];
        self.starts.clear();
        self.rows.clear();
        self.lists = None;
        // The lists of a stretch of rows stand one behind another already; what comes of lanes without a row means nothing.
        self.in_place = rows.windows(2).all(|pair| pair[0] + 1 == pair[1]);
        if let (true, Some(&first)) = (self.in_place, rows.first()) {
            let lists = first as usize..first as usize + padded(rows.len()) + 1;
            if lists.end <= inverse.starts.len() {
                self.lists = Some(lists);
                return;
            }
        }
        for &row in rows {
            let list = list(row);
            self.starts.push(if self.in_place { list.start } else { self.rows.len() as u32 });
            if !self.in_place {
                self.rows.extend_from_slice(&inverse.listed[list.start as usize..list.end as usize]);
            }
        }
        let end = match rows.last() {
            Some(&last) if self.in_place => list(last).end,
            _ => self.rows.len() as u32,
        };
        self.starts.resize(padded(rows.len()) + 1, end);
    }
}
