//! Where what a body gives for the rows of a batch is written.

use diptych_protocol::id::ColumnId;
use diptych_protocol::values::{Cells, ValuesMut};
use diptych_protocol::view::Batch;

/// Room for one value a row.
pub(super) enum Panel<'b> {
    /// In the order of the batch: its rows, or its slots.
    Here(ValuesMut<'b>),
    /// As rows stand, where the batch is given by slots.
    ByRow(Cells<'b>),
}

impl<'b> Panel<'b> {
    /// `next` of a column that the running system owns.
    pub fn new(batch: &'b Batch<'_, '_>, column: ColumnId) -> Self {
        if batch.slots().is_none() || batch.in_order() {
            Panel::Here(batch.write_values(column))
        } else {
            Panel::ByRow(batch.write_cells(column))
        }
    }

    /// The same, as the frame before last left it, of a batch that is a stretch of rows.
    pub fn revised(batch: &'b Batch<'_, '_>, column: ColumnId) -> Self {
        Panel::Here(batch.revise_values(column))
    }

    /// The room of a batch that is a stretch of rows.
    pub fn here(&mut self) -> &mut ValuesMut<'b> {
        match self {
            Panel::Here(values) => values,
            Panel::ByRow(_) => unreachable!("the batch is a stretch of rows"),
        }
    }
}
