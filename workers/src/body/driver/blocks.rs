//! Which rows of a batch ask together, whatever index they ask.

use std::ops::Range;

use diptych_protocol::id::{BodyId, IndexId, RowRange};
use diptych_protocol::limits::BLOCK_ROWS_MAX;

use super::around::Around;
use super::bound::{Found, Surroundings};
use crate::index::{Bounds, Party};
use crate::{grid, index};

/// Where a block is.
#[derive(Clone, Copy)]
pub(super) struct Near {
    /// The box around its rows, if it is known.
    pub own: Option<Bounds>,
    /// That around all blocks that are near each other, if there are more.
    pub area: Option<Bounds>,
    /// The index that formed it,
    pub index: IndexId,
    /// and the question whose points that is around, if it is not where rows are.
    pub by: Option<BodyId>,
}

/// The blocks of one batch.
pub(super) struct Blocks {
    tree: index::Blocks,
    grid: grid::Blocks,
    of_grid: bool,
    by_parties: bool,
    index: IndexId,
    by: Option<BodyId>,
    /// Of a batch by the slots of a tree: stretches of them,
    stretches: Vec<Range<usize>>,
    /// and whether the positions of its rows are known.
    placed: bool,
}

impl Blocks {
    /// For vectors of so many rows.
    pub fn new(lanes: usize) -> Self {
        let (tree, of_grid, stretches, by_parties, by, placed) = Default::default();
        Self { tree, grid: grid::Blocks::new(lanes), of_grid, stretches, by_parties, index: IndexId(0), by, placed }
    }

    /// `by_parties` says that no block may lie across the parties of a tree with summaries over the own group.
    pub fn form(&mut self, around: &Around, space: &Surroundings<'_>, rows: RowRange, by_parties: bool) {
        let (own, reach) = (space.own(), around.reach.unwrap_or(0.0));
        let own = &own[..space.axes()];
        (self.of_grid, self.by_parties) = (matches!(space.index, Found::Grid(_)), by_parties);
        (self.index, self.by) = (around.index, around.question);
        match &space.index {
            Found::Grid(grid) => self.grid.form(grid, own, rows, reach),
            Found::Tree(tree) if by_parties && let Some(summary) = &space.summary => {
                self.tree.form_by_parties(tree, summary, rows);
            }
            Found::Tree(tree) if around.own && around.question.is_none() => {
                self.tree.form(tree, space.theirs.axes(), rows, reach);
            }
            Found::Tree(_) => self.tree.form_apart(own, rows, reach),
        }
    }

    /// The same for a batch that is given by the slots of this index. Those of a tree are whole parties or buckets, as far as
    /// they are in the batch, or pieces of buckets, if it has cut them.
    pub fn form_slots(&mut self, around: &Around, space: &Surroundings<'_>, slots: RowRange, by_parties: bool) {
        (self.of_grid, self.by_parties) = (matches!(space.index, Found::Grid(_)), by_parties);
        (self.index, self.by) = (around.index, around.question);
        let (own, reach) = (space.own(), around.reach.unwrap_or(0.0));
        self.stretches.clear();
        self.placed = false;
        match &space.index {
            Found::Grid(grid) => self.grid.form_slots(grid, &own[..space.axes()], slots, reach),
            Found::Tree(tree) if !by_parties => {
                // These boxes are around rows, also where it is asked with points.
                (self.by, self.placed) = (None, true);
                self.tree.form_slots(tree, space.theirs.axes(), slots, reach);
                self.stretches.extend((0..self.tree.len()).map(|block| self.tree.range(block)));
            }
            Found::Tree(tree) => {
                let mut next = slots.start;
                while next < slots.end {
                    let row = tree.slot_rows[next as usize];
                    let end = match &space.summary {
                        Some(summary) => Party::of(tree, summary, row).slots(tree).end,
                        None => tree.bucket_slots(row).end,
                    };
                    // Ends of a batch may be anywhere.
                    let end = end.min(slots.end);
                    self.stretches.push((next - slots.start) as usize..(end - slots.start) as usize);
                    next = end;
                }
            }
        }
    }

    /// The positions of a batch's rows by its slots, an axis each, where forming blocks has found them.
    pub fn positions(&self) -> Option<[&[f32]; 3]> {
        self.placed.then(|| self.tree.positions())
    }

    /// Which of the batch's slots a block has.
    pub fn range(&self, block: usize) -> Range<usize> {
        if self.of_grid { self.grid.range(block) } else { self.stretches[block].clone() }
    }

    pub fn len(&self) -> usize {
        if self.of_grid { self.grid.len() } else { self.tree.len() }
    }

    /// How many there are in a batch that is given by slots.
    pub fn ranges(&self) -> usize {
        if self.of_grid { self.grid.len() } else { self.stretches.len() }
    }

    /// Where a block is, if a tree has looked: what is around several that are near each other may be looked for once. A
    /// grid needs no such search.
    pub fn near(&self, block: usize) -> Option<Near> {
        let known = !self.of_grid && !self.by_parties;
        known.then(|| Near {
            own: Some(self.tree.bounds(block)),
            area: self.tree.area(block),
            index: self.index,
            by: self.by,
        })
    }

    /// A block's rows, ascending.
    pub fn rows<'a>(&self, block: usize, sorted: &'a mut [u32; BLOCK_ROWS_MAX]) -> &'a [u32] {
        if self.of_grid { self.grid.rows(block, sorted) } else { self.tree.rows(block, sorted) }
    }
}
