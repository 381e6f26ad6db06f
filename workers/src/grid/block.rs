//! Which rows of a batch ask a grid together.

use std::ops::Range;

use diptych_protocol::grid_view::GridView;
use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;

use super::slots;
use crate::index::{Keys, ascend_few, per_axes};

/// What a block costs beside the candidates that it visits, as if it were so many more, by one vector of rows.
const BLOCK_COST: u32 = 96;
/// So many candidates are few: with no more of them all rows that a block may have are one, without a closer look.
const FEW: u32 = 192;

/// The blocks of one batch.
///
/// The rule: rows are sorted by cell, and consecutive ones of a line of cells (of a grid's own slots whole vectors of
/// them, unless they are far apart) are joined as long as that costs no more than a block of its own would: each vector
/// of rows visits all candidates of its block, or of a grid's own slots, where a block has several vectors, its own
/// ([`Apart`](crate::body::block::Apart)). How rows are blocked never shows in the bits: each row sees its neighbours in
/// the order of slots, whoever asks with it.
pub struct Blocks {
    /// Rows of a vector.
    lanes: u32,
    keys: Keys,
    /// Where each block's keys end.
    ends: Vec<u32>,
}

impl Blocks {
    /// For vectors of so many rows.
    pub fn new(lanes: usize) -> Self {
        Self { lanes: lanes.clamp(1, BLOCK_ROWS_MAX) as u32, keys: Keys::default(), ends: Vec::new() }
    }

    /// Forms the blocks of a batch's rows, of the grid's own group or of another. `positions` are those of the batch alone.
    pub fn form(&mut self, grid: &GridView<'_>, positions: &[&[f32]], rows: RowRange, reach: f32) {
        let lattice = &grid.lattice;
        per_axes!(positions, |columns| {
            let columns = columns.map(|column| &column[..rows.len()]);
            let at = |row: u32| columns.map(|column| column[(row - rows.start) as usize]);
            self.keys.sort(rows, |row| lattice.cell_of(at(row)));
        });
        self.join(grid, positions.len(), reach);
    }

    /// Joins sorted rows.
    fn join(&mut self, grid: &GridView<'_>, axes: usize, reach: f32) {
        let price = Price::new(grid, axes, reach, self.lanes);
        let length = price.length;
        self.ends.clear();
        let mut open: Option<Open> = None;
        for (at, key) in self.keys.sorted().iter().enumerate() {
            let cell = (key >> 32) as u32;
            // Rows of one line, mostly: no division for them.
            let (line, x) = match &open {
                Some(open) if (open.line..open.line + length).contains(&cell) => (open.line, cell - open.line),
                _ => (cell - cell % length, cell % length),
            };
            let alone = price.visited(line, x, x);
            if let Some(open) = &mut open {
                let rows = at - open.start;
                if open.line == line && rows < BLOCK_ROWS_MAX {
                    let both = if open.last == x { open.visited } else { price.visited(line, open.first, x) };
                    if price.of(rows + 1, both) <= price.of(rows, open.visited).saturating_add(price.of(1, alone)) {
                        (open.last, open.visited) = (x, both);
                        continue;
                    }
                }
                self.ends.push(at as u32);
            }
            open = Some(Open { start: at, line, first: x, last: x, visited: alone });
        }
        if open.is_some() {
            self.ends.push(self.keys.sorted().len() as u32);
        }
    }

    /// The same for a batch that is given by the grid's own slots, in which rows are sorted: [`Self::range`] says which of
    /// them a block has.
    pub fn form_slots(&mut self, grid: &GridView<'_>, positions: &[&[f32]], batch: RowRange, reach: f32) {
        let price = Price::new(grid, positions.len(), reach, self.lanes);
        self.ends.clear();
        let mut start = batch.start;
        while start < batch.end {
            let place = (start - batch.start) as usize;
            let cell = per_axes!(positions, |columns| grid.lattice.cell_of(columns.map(|column| column[place])));
            let line = cell - cell % price.length;
            let end = grid.cell_start[(line + price.length) as usize].clamp(start + 1, batch.end);
            let x = |slot: u32| grid.lattice.along(0, positions[0][(slot - batch.start) as usize]);
            let cut = |slots: Range<u32>| {
                let (first, last) = (x(slots.start), x(slots.end - 1));
                Part { turns: price.visited(line, first, last), slots, first, last }
            };
            let mut open: Option<Part> = None;
            while start < end {
                let whole = start..end.min(start + BLOCK_ROWS_MAX as u32);
                start = whole.end;
                if self.apart() && open.is_none() && cut(whole.clone()).turns <= FEW {
                    self.ends.push(whole.end - batch.start);
                    continue;
                }
                for first in whole.clone().step_by(self.lanes as usize) {
                    let vector = first..whole.end.min(first + self.lanes);
                    self.take(&price, line, &mut open, cut(vector), &cut, batch.start);
                }
            }
            if open.is_some() {
                self.ends.push(end - batch.start);
            }
        }
    }

    /// Joins the next slots of a line to the open block, or opens another one with them; halves of them, if they are
    /// better off apart.
    fn take(
        &mut self,
        price: &Price<'_>,
        line: u32,
        open: &mut Option<Part>,
        part: Part,
        cut: &impl Fn(Range<u32>) -> Part,
        start: u32,
    ) {
        let Range { start: first, end } = part.slots;
        if end - first > 1 {
            let middle = first + (end - first) / 2;
            let halves = [cut(first..middle), cut(middle..end)];
            if halves.iter().map(Part::price).fold(0, u32::saturating_add) < part.price() {
                halves.into_iter().for_each(|half| self.take(price, line, open, half, cut, start));
                return;
            }
        }
        if let Some(before) = open {
            let slots = before.slots.start..end;
            if slots.len() <= BLOCK_ROWS_MAX {
                let turns = if self.apart() {
                    before.turns.saturating_add(part.turns)
                } else {
                    price.visited(line, before.first, part.last)
                };
                let both = Part { slots, first: before.first, last: part.last, turns };
                if both.price() <= before.price().saturating_add(part.price()) {
                    *before = both;
                    return;
                }
            }
            self.ends.push(before.slots.end - start);
        }
        *open = Some(part);
    }

    /// Whether a block may have several vectors, each with candidates of its own.
    fn apart(&self) -> bool {
        self.lanes < BLOCK_ROWS_MAX as u32
    }

    /// How many blocks were formed.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Which of the batch's sorted rows a block has.
    pub fn range(&self, block: usize) -> Range<usize> {
        block.checked_sub(1).map_or(0, |before| self.ends[before]) as usize..self.ends[block] as usize
    }

    /// A block's rows, ascending.
    pub fn rows<'a>(&self, block: usize, sorted: &'a mut [u32; BLOCK_ROWS_MAX]) -> &'a [u32] {
        let keys = &self.keys.sorted()[self.range(block)];
        for (row, key) in sorted.iter_mut().zip(keys) {
            *row = *key as u32;
        }
        let rows = &mut sorted[..keys.len()];
        ascend_few(rows);
        rows
    }
}

/// What a block costs: only a measure.
struct Price<'g> {
    grid: &'g GridView<'g>,
    /// Cells of a line.
    length: u32,
    /// How many cells a reach may go over along x.
    beside: u32,
    /// How many lines are visited.
    lines: u32,
    /// Rows of a vector.
    lanes: u32,
}

impl<'g> Price<'g> {
    fn new(grid: &'g GridView<'g>, axes: usize, reach: f32, lanes: u32) -> Self {
        let lattice = &grid.lattice;
        let over = |axis: usize| (reach * lattice.scale[axis]).ceil().min(lattice.counts[axis] as f32) as u32;
        let across = |axis: usize| over(axis).saturating_mul(2).saturating_add(1).min(lattice.counts[axis]);
        Self { grid, length: lattice.counts[0], beside: over(0), lines: (1..axes).map(across).product(), lanes }
    }

    /// How many candidates rows between these cells of a line visit.
    fn visited(&self, line: u32, first: u32, last: u32) -> u32 {
        let (first, last) = (first.saturating_sub(self.beside), last.saturating_add(self.beside).min(self.length - 1));
        let found = slots(self.grid, line, first, last);
        self.lines.saturating_mul(found.end - found.start)
    }

    /// What so many rows cost that visit so many candidates.
    fn of(&self, rows: usize, visited: u32) -> u32 {
        BLOCK_COST.saturating_add((rows as u32).div_ceil(self.lanes).saturating_mul(visited))
    }
}

/// Slots of one line.
struct Part {
    slots: Range<u32>,
    /// Their first and last cell, along the line.
    first: u32,
    last: u32,
    /// What their vectors visit, roughly.
    turns: u32,
}

impl Part {
    /// What they cost as a block.
    fn price(&self) -> u32 {
        BLOCK_COST.saturating_add(self.turns)
    }
}

/// A block in the making: rows of one line.
struct Open {
    /// Its first key.
    start: usize,
    /// The number of the line's first cell.
    line: u32,
    /// Its first and last cell, along the line.
    first: u32,
    last: u32,
    /// What it visits, roughly.
    visited: u32,
}
