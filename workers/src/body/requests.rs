//! What the turns of loops ask for, as it comes out of a body: by whom, and with which values.

use diptych_protocol::types::Scalar;
use diptych_protocol::values::Values;

use super::column::Column;

/// The requests of one number: those of a row in the order of its turns, rows in whatever order.
#[derive(Clone, Debug)]
pub struct Requests {
    rows: Vec<u32>,
    values: Vec<Column>,
}

impl Requests {
    /// None yet, with values of these types.
    pub fn new(scalars: &[Scalar]) -> Self {
        Self { rows: Vec::new(), values: scalars.iter().map(|scalar| Column::new(*scalar)).collect() }
    }

    /// The row of each.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The values of each, a column each.
    pub fn values(&self) -> impl Iterator<Item = Values<'_>> {
        self.values.iter().map(Column::values)
    }

    /// The values of a column.
    pub fn column(&self, place: usize) -> Option<Values<'_>> {
        self.values.get(place).map(Column::values)
    }

    /// One more: of a row, with the values that a lane of these columns has. NaN is canonical.
    pub(super) fn push<'c>(&mut self, row: u32, from: impl Iterator<Item = &'c Column>, lane: usize) {
        self.rows.push(row);
        self.values.iter_mut().zip(from).for_each(|(to, from)| to.append(from.values(), lane..lane + 1));
    }

    /// Forgets them; the room stays.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.values.iter_mut().for_each(Column::clear);
    }
}
