//! Which rows of a batch ask together, whatever index they ask.

use std::ops::Range;

use diptych_protocol::id::RowRange;
use diptych_protocol::limits::BLOCK_ROWS_MAX;

use super::around::Around;
use super::bound::{Found, Surroundings};
use crate::{grid, index};

/// The blocks of one batch.
#[derive(Default)]
pub(super) struct Blocks {
    tree: index::Blocks,
    grid: grid::Blocks,
    of_grid: bool,
}

impl Blocks {
    pub fn form(&mut self, around: &Around, space: &Surroundings<'_>, rows: RowRange) {
        let (own, reach) = (space.own(), around.reach.unwrap_or(0.0));
        let own = &own[..space.axes()];
        self.of_grid = matches!(space.index, Found::Grid(_));
        match &space.index {
            Found::Grid(grid) => self.grid.form(grid, own, rows, reach),
            Found::Tree(tree) if around.own && around.question.is_none() => {
                self.tree.form(tree, space.theirs.axes(), rows, reach)
            }
            Found::Tree(_) => self.tree.form_apart(own, rows),
        }
    }

    /// The same for a batch that is given by the slots of this grid.
    pub fn form_slots(&mut self, around: &Around, space: &Surroundings<'_>, slots: RowRange) {
        self.of_grid = true;
        let own = space.own();
        if let Found::Grid(grid) = &space.index {
            self.grid.form(grid, &own[..space.axes()], slots, around.reach.unwrap_or(0.0));
        }
    }

    /// Which of the batch's slots a block has.
    pub fn range(&self, block: usize) -> Range<usize> {
        self.grid.range(block)
    }

    pub fn len(&self) -> usize {
        if self.of_grid { self.grid.len() } else { self.tree.len() }
    }

    /// A block's rows, ascending.
    pub fn rows<'a>(&self, block: usize, sorted: &'a mut [u32; BLOCK_ROWS_MAX]) -> &'a [u32] {
        if self.of_grid { self.grid.rows(block, sorted) } else { self.tree.rows(block, sorted) }
    }
}
