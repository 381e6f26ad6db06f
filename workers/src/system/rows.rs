//! What a query gives of rows.

use std::ops::{Deref, DerefMut};

use super::value::Component;

/// A row's value of a component that the system reads. It can be looked at (`velocity.x`) and copied (`*velocity`), and not
/// be written to.
#[derive(Clone, Copy, Debug)]
pub struct Ref<C>(C);

impl<C> Ref<C> {
    #[inline(always)]
    pub(super) fn new(value: C) -> Self {
        Self(value)
    }
}

impl<C> Deref for Ref<C> {
    type Target = C;

    #[inline(always)]
    fn deref(&self) -> &C {
        &self.0
    }
}

/// A row's value of a component that the system owns: begins as `prev`, and becomes `next` when it goes out of scope.
/// What is left alone is carried so.
pub struct Mut<'b, C: Component> {
    prev: C,
    next: C,
    cells: C::Cells<'b>,
    at: usize,
}

impl<'b, C: Component> Mut<'b, C> {
    #[inline(always)]
    pub(super) fn new(prev: C, cells: C::Cells<'b>, at: usize) -> Self {
        Self { prev, next: prev, cells, at }
    }

    /// What the frame started from, whatever was written since.
    #[inline(always)]
    pub fn prev(&self) -> C {
        self.prev
    }
}

impl<C: Component> Deref for Mut<'_, C> {
    type Target = C;

    #[inline(always)]
    fn deref(&self) -> &C {
        &self.next
    }
}

impl<C: Component> DerefMut for Mut<'_, C> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut C {
        &mut self.next
    }
}

impl<C: Component> Drop for Mut<'_, C> {
    #[inline(always)]
    fn drop(&mut self) {
        self.next.store(&self.cells, self.at);
    }
}

/// All rows of a component, to be looked up by number.
pub struct All<'b, C: Component> {
    columns: C::Columns<'b>,
    rows: usize,
}

impl<C: Component> Clone for All<'_, C> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Component> Copy for All<'_, C> {}

impl<'b, C: Component> All<'b, C> {
    pub(super) fn new(columns: C::Columns<'b>, rows: usize) -> Self {
        Self { columns, rows }
    }

    /// How many rows there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The value of a row.
    ///
    /// # Panics
    /// If there is no such row: the run ends with blame.
    #[inline(always)]
    pub fn get(&self, row: u32) -> C {
        C::load(&self.columns, row as usize)
    }

    /// The columns, a slice a leaf.
    #[inline(always)]
    pub fn columns(&self) -> C::Columns<'b> {
        self.columns
    }
}
