//! Which rows of a batch ask a grid together.

use std::ops::Range;

use diptych_protocol::grid_view::GridView;
use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;

use super::slots;
use crate::index::{Keys, ascend_few, per_axes};

/// Rows of a vector, where vectors are wide.
const LANES: usize = 8;

/// What a block costs beside the candidates that it visits, as if it were so many more, by one vector of rows.
const BLOCK_COST: u32 = 48;

/// The blocks of one batch.
///
/// The rule: rows are sorted by cell, and consecutive ones of a line of cells are joined as long as that costs no more
/// than a block of its own would: each vector of rows visits all candidates of its block. How rows are blocked never
/// shows in the bits: each row sees its neighbours in the order of slots, whoever asks with it.
#[derive(Default)]
pub struct Blocks {
    keys: Keys,
    /// Where each block's keys end.
    ends: Vec<u32>,
}

impl Blocks {
    /// Forms the blocks of a batch's rows, of the grid's own group or of another; or, where it is given by the grid's own
    /// slots, of those, and [`Self::range`] says which a block has. `positions` are those of the batch alone.
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
        let lattice = &grid.lattice;
        // How many cells a reach may go over along x, and how many lines are visited: only a measure of cost.
        let over = |axis: usize| (reach * lattice.scale[axis]).ceil().min(lattice.counts[axis] as f32) as u32;
        let across = |axis: usize| over(axis).saturating_mul(2).saturating_add(1).min(lattice.counts[axis]);
        let lines: u32 = (1..axes).map(across).product();
        let (length, beside) = (lattice.counts[0], over(0));
        let visited = |line: u32, first: u32, last: u32| {
            let (first, last) = (first.saturating_sub(beside), last.saturating_add(beside).min(length - 1));
            let found = slots(grid, line, first, last);
            lines.saturating_mul(found.end - found.start)
        };
        let cost = |rows: usize, visited: u32| {
            BLOCK_COST.saturating_add((rows.div_ceil(LANES) as u32).saturating_mul(visited))
        };
        self.ends.clear();
        let mut open: Option<Open> = None;
        for (at, key) in self.keys.sorted().iter().enumerate() {
            let cell = (key >> 32) as u32;
            // Rows of one line, mostly: no division for them.
            let (line, x) = match &open {
                Some(open) if (open.line..open.line + length).contains(&cell) => (open.line, cell - open.line),
                _ => (cell - cell % length, cell % length),
            };
            let alone = visited(line, x, x);
            if let Some(open) = &mut open {
                let rows = at - open.start;
                if open.line == line && rows < BLOCK_ROWS_MAX {
                    let both = if open.last == x { open.visited } else { visited(line, open.first, x) };
                    if cost(rows + 1, both) <= cost(rows, open.visited).saturating_add(cost(1, alone)) {
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
