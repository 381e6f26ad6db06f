//! Which rows of a batch ask together, whatever index they ask.

use std::ops::Range;

use diptych_protocol::id::{BodyId, RowRange};
use diptych_protocol::limits::BLOCK_ROWS_MAX;

use super::around::Around;
use super::bound::{Found, Surroundings};
use crate::index::Bounds;
use crate::{grid, index};

/// Blocks that are near each other.
#[derive(Clone, Copy)]
pub(super) struct Area {
    /// The box around them.
    pub bounds: Bounds,
    /// The question whose points that is, if it is not where rows are.
    pub by: Option<BodyId>,
}

/// The blocks of one batch.
#[derive(Default)]
pub(super) struct Blocks {
    tree: index::Blocks,
    grid: grid::Blocks,
    of_grid: bool,
    by_buckets: bool,
    by: Option<BodyId>,
    /// Of a batch by the slots of a tree: stretches of them.
    stretches: Vec<Range<usize>>,
}

impl Blocks {
    /// `by_buckets` says that no block may lie across the buckets of a tree over the own group.
    pub fn form(&mut self, around: &Around, space: &Surroundings<'_>, rows: RowRange, by_buckets: bool) {
        let (own, reach) = (space.own(), around.reach.unwrap_or(0.0));
        let own = &own[..space.axes()];
        (self.of_grid, self.by_buckets) = (matches!(space.index, Found::Grid(_)), by_buckets);
        self.by = around.question;
        match &space.index {
            Found::Grid(grid) => self.grid.form(grid, own, rows, reach),
            Found::Tree(tree) if by_buckets => self.tree.form_by_buckets(tree, rows),
            Found::Tree(tree) if around.own && around.question.is_none() => {
                self.tree.form(tree, space.theirs.axes(), rows, reach);
            }
            Found::Tree(_) => self.tree.form_apart(own, rows, reach),
        }
    }

    /// The same for a batch that is given by the slots of this index. Those of a tree are whole buckets, as far as they are
    /// in the batch, or their pieces, if it has cut them.
    pub fn form_slots(&mut self, around: &Around, space: &Surroundings<'_>, slots: RowRange, by_buckets: bool) {
        (self.of_grid, self.by_buckets) = (matches!(space.index, Found::Grid(_)), by_buckets);
        self.by = around.question;
        let (own, reach) = (space.own(), around.reach.unwrap_or(0.0));
        self.stretches.clear();
        match &space.index {
            Found::Grid(grid) => self.grid.form_slots(grid, &own[..space.axes()], slots, reach),
            Found::Tree(tree) if !by_buckets => {
                self.tree.form_slots(tree, space.theirs.axes(), slots, reach);
                self.stretches.extend((0..self.tree.len()).map(|block| self.tree.range(block)));
            }
            Found::Tree(tree) => {
                let rows = &tree.slot_rows[slots.indices()];
                let mut start = 0;
                for stretch in rows.chunk_by(|a, b| tree.bucket_of(*a) == tree.bucket_of(*b)) {
                    self.stretches.push(start..start + stretch.len());
                    start += stretch.len();
                }
            }
        }
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

    /// A block's area, if it is not alone: what is around it may be looked for once. A grid needs no such search.
    pub fn area(&self, block: usize) -> Option<Area> {
        let bounds = if self.of_grid || self.by_buckets { None } else { self.tree.area(block) };
        bounds.map(|bounds| Area { bounds, by: self.by })
    }

    /// A block's rows, ascending.
    pub fn rows<'a>(&self, block: usize, sorted: &'a mut [u32; BLOCK_ROWS_MAX]) -> &'a [u32] {
        if self.of_grid { self.grid.rows(block, sorted) } else { self.tree.rows(block, sorted) }
    }
}
