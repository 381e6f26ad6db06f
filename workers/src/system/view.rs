//! A batch as a query sees it, and the three ways to go over its rows.

use std::cell::Cell;

use diptych_protocol::id::Entity;
use diptych_protocol::view::Batch;

use super::query::{Gets, Query, Sets};

/// The rows of a batch, and nothing of them but what the query names. Gone over once, in one of three ways:
///
/// - [`Self::iter`] (or just `for … in view`): a tuple a row;
/// - [`Self::entities`]: a row as one thing, with its name and number, its components found by their types;
/// - [`Self::columns`]: a slice a column, for loops over whole columns.
///
/// Rows that no loop comes to are carried, in whichever way: their `next` is their `prev`.
pub struct View<'b, Q: Query> {
    batch: &'b Batch<'b, 'b>,
    bound: &'b Q::Bound,
    opened: &'b Cell<bool>,
}

impl<'b, Q: Query> View<'b, Q> {
    pub(super) fn new(batch: &'b Batch<'b, 'b>, bound: &'b Q::Bound, opened: &'b Cell<bool>) -> Self {
        Self { batch, bound, opened }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.batch.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A tuple a row, in the order of the rows: the query's items.
    #[inline]
    #[must_use]
    pub fn iter(self) -> Iter<'b, Q> {
        self.opened.set(true);
        let count = self.len();
        // Cut here, so that the compiler sees that all slices are as long as the loop.
        Iter { block: Q::cut(Q::block(self.bound, self.batch), count), at: 0, count }
    }

    /// A row at a time, as one thing, in the order of the rows.
    #[inline]
    #[must_use]
    pub fn entities(self) -> Entities<'b, Q> {
        Entities { batch: self.batch, rows: self.iter() }
    }

    /// The columns of the batch's rows. What the system owns comes as `prev` and `next`, and `next` begins as `prev`.
    #[inline]
    #[must_use]
    pub fn columns(self) -> Q::Columns<'b> {
        self.opened.set(true);
        Q::columns(self.bound, self.batch)
    }
}

impl<'b, Q: Query> IntoIterator for View<'b, Q> {
    type Item = Q::Item<'b>;
    type IntoIter = Iter<'b, Q>;

    #[inline]
    fn into_iter(self) -> Iter<'b, Q> {
        self.iter()
    }
}

/// The rows of a batch, one by one. Dropped early, it carries the rows that are left.
pub struct Iter<'b, Q: Query> {
    block: Q::Block<'b>,
    at: usize,
    count: usize,
}

impl<'b, Q: Query> Iterator for Iter<'b, Q> {
    type Item = Q::Item<'b>;

    #[inline(always)]
    fn next(&mut self) -> Option<Q::Item<'b>> {
        if self.at >= self.count {
            return None;
        }
        let item = Q::item(&self.block, self.at);
        self.at += 1;
        Some(item)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count - self.at, Some(self.count - self.at))
    }
}

impl<Q: Query> ExactSizeIterator for Iter<'_, Q> {}

impl<Q: Query> Drop for Iter<'_, Q> {
    #[inline(always)]
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

/// The rows of a batch, each as one thing.
pub struct Entities<'b, Q: Query> {
    batch: &'b Batch<'b, 'b>,
    rows: Iter<'b, Q>,
}

impl<'b, Q: Query> Iterator for Entities<'b, Q> {
    type Item = EntityView<'b, Q>;

    #[inline(always)]
    fn next(&mut self) -> Option<EntityView<'b, Q>> {
        let place = self.rows.at;
        let item = self.rows.next()?;
        Some(EntityView { batch: self.batch, place, item })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.rows.size_hint()
    }
}

impl<Q: Query> ExactSizeIterator for Entities<'_, Q> {}

/// A row: its name and number, and those of its components that the query names.
pub struct EntityView<'b, Q: Query> {
    batch: &'b Batch<'b, 'b>,
    place: usize,
    item: Q::Item<'b>,
}

impl<Q: Query> EntityView<'_, Q> {
    /// Its stable name.
    pub fn id(&self) -> Entity {
        self.batch.entity(self.row())
    }

    /// Its number within the group.
    #[inline(always)]
    pub fn row(&self) -> u32 {
        self.batch.rows.start + self.place as u32
    }

    /// Its place within the batch, from 0.
    #[inline(always)]
    pub fn place(&self) -> usize {
        self.place
    }

    /// A component's value; of one that the system owns, the value that the frame started from.
    ///
    /// The second parameter is found by the compiler: `row.get::<Velocity, _>()`, or `let v: Velocity = row.get()`.
    #[inline(always)]
    pub fn get<C, At>(&self) -> C
    where
        Q: Gets<C, At>,
    {
        Q::get(&self.item)
    }

    /// Gives a component that the system owns its next value. Without it, it stays as it is.
    #[inline(always)]
    pub fn set<C, At>(&mut self, value: C)
    where
        Q: Sets<C, At>,
    {
        Q::set(&mut self.item, value);
    }
}
