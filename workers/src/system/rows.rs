//! What a query gives of rows.

use std::cell::Cell;
use std::ops::{Deref, DerefMut, Range};

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
/// What is left alone is carried so. What is written to has changed, whatever is written: see [`Mut::set_if_different`].
pub struct Mut<'b, C: Component> {
    prev: C,
    next: C,
    written: bool,
    cells: C::Cells<'b>,
    marks: Option<&'b [Cell<u8>]>,
    at: usize,
}

impl<'b, C: Component> Mut<'b, C> {
    #[inline(always)]
    pub(super) fn new(prev: C, cells: C::Cells<'b>, marks: Option<&'b [Cell<u8>]>, at: usize) -> Self {
        Self { prev, next: prev, written: false, cells, marks, at }
    }

    /// Writes a value if that makes it another one than it is; else nothing has changed.
    #[inline(always)]
    pub fn set_if_different(&mut self, value: C)
    where
        C: PartialEq,
    {
        if self.next != value {
            **self = value;
        }
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
        self.written = true;
        &mut self.next
    }
}

impl<C: Component> Drop for Mut<'_, C> {
    #[inline(always)]
    fn drop(&mut self) {
        self.next.store(&self.cells, self.at);
        if let Some(marks) = self.marks {
            marks[self.at].set(u8::from(self.written));
        }
    }
}

/// Which of a batch's rows have changed, of a component that a system owns and writes as whole columns. Where the scenario
/// does not ask what changed nothing is kept, and saying it costs nothing.
pub struct Marks<'b>(Option<&'b mut [u8]>);

impl<'b> Marks<'b> {
    pub(super) fn new(marks: Option<&'b mut [u8]>) -> Self {
        Self(marks)
    }

    /// Whether anybody asks.
    #[inline]
    pub fn asked(&self) -> bool {
        self.0.is_some()
    }

    /// A row of the batch has changed.
    ///
    /// # Panics
    /// If the batch has no such row: the run ends with blame.
    #[inline]
    pub fn mark(&mut self, at: usize) {
        if let Some(marks) = &mut self.0 {
            marks[at] = 1;
        }
    }

    /// All these rows of the batch have.
    ///
    /// # Panics
    /// As [`Self::mark`].
    #[inline]
    pub fn mark_all(&mut self, rows: Range<usize>) {
        if let Some(marks) = &mut self.0 {
            marks[rows].fill(1);
        }
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
