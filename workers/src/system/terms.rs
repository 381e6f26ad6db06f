//! The terms of queries.

use std::cell::Cell;
use std::marker::PhantomData;

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{ColumnId, Entity};
use diptych_protocol::program::{Reach, When};
use diptych_protocol::values::ValuesMut;
use diptych_protocol::view::Batch;

use super::matching::Binder;
use super::query::{Gets, Query, Sets};
use super::rows::{All, Marks, Mut, Ref};
use super::value::Component;

macro_rules! terms {
    ($($(#[$doc:meta])* $name:ident<$($of:ident),*>),*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<$($of),*>(PhantomData<fn() -> ($($of,)*)>);
    )*};
}
terms! {
    /// The value of the own row that the frame started from: `reads C`.
    Prev<C>,
    /// The value of the own row that this frame made, before this system: `fresh C`.
    Fresh<C>,
    /// A component that the system writes: `owns C`.
    Own<C>,
    /// Any row of the own group: `Any<Prev<C>>` is `reads C`, `Any<Fresh<C>>` is `fresh others C`.
    Any<T>,
    /// Any row of another group `G`: `Of<G, Prev<C>>` is `reads g.C`, `Of<G, Fresh<C>>` is `fresh g.C`.
    Of<G, T>
}

/// The row's stable name.
#[derive(Debug)]
pub struct Id;

/// A group that a query names, beside the one that its system runs over.
pub trait Group: 'static {
    /// What the scenario calls it.
    const NAME: &'static str;
}

/// A column for each leaf.
type Places = Box<[ColumnId]>;

/// Every row of a component's columns.
fn all<'b, C: Component>(places: &Places, batch: &'b Batch<'_, '_>, when: When) -> All<'b, C> {
    let mut columns = places.iter();
    let mut rows = 0;
    let columns = C::columns(&mut || {
        let values = batch.read_values(next(&mut columns), when, Reach::Any);
        rows = values.len();
        values
    });
    All::new(columns, rows)
}

/// The batch's rows of a component's columns.
fn own_rows<'b, C: Component>(places: &Places, batch: &'b Batch<'_, '_>, when: When) -> C::Columns<'b> {
    let mut columns = places.iter();
    C::columns(&mut || batch.read_values(next(&mut columns), when, Reach::Own).range(0..batch.rows.len()))
}

/// The batch's rows of what the system owns.
fn to_write<'b, C: Component>(places: &Places, batch: &'b Batch<'_, '_>) -> C::ColumnsMut<'b> {
    let mut columns = places.iter();
    C::columns_mut(&mut || batch.write_values(next(&mut columns)).first(batch.rows.len()))
}

/// As many columns were bound as there are leaves.
fn next(columns: &mut std::slice::Iter<'_, ColumnId>) -> ColumnId {
    match columns.next() {
        Some(&column) => column,
        None => unreachable!("more leaves than bound columns"),
    }
}

/// What of the batch's own rows is read.
macro_rules! own_row {
    ($($term:ident at $reach:ident),*) => {$(
        impl<C: Component> Query for $term<C> {
            type Bound = Places;
            type Block<'b> = C::Columns<'b>;
            type Item<'b> = Ref<C>;
            type Columns<'b> = C::Columns<'b>;

            fn bind(binder: &mut Binder<'_, '_>) -> Result<Places, AccessError> {
                binder.read::<C>(None, When::$term, Reach::$reach)
            }
            fn block<'b>(bound: &Places, batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
                own_rows::<C>(bound, batch, When::$term)
            }
            #[inline(always)]
            fn cut(block: Self::Block<'_>, count: usize) -> Self::Block<'_> {
                C::cut(block, count)
            }
            #[inline(always)]
            fn item<'b>(block: &Self::Block<'b>, at: usize) -> Self::Item<'b> {
                Ref::new(C::load(block, at))
            }
            fn columns<'b>(bound: &Places, batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
                own_rows::<C>(bound, batch, When::$term)
            }
        }

        impl<C: Component> Gets<C, ()> for $term<C> {
            #[inline(always)]
            fn get(item: &Self::Item<'_>) -> C {
                **item
            }
        }
    )*};
}
// `reads` is of any row, whatever the kernel makes of it.
own_row!(Prev at Any, Fresh at Own);

/// What is read of any row.
macro_rules! any_row {
    ($([$($of:tt)*] $term:ty, $group:expr, $when:ident;)*) => {$(
        impl<$($of)* C: Component> Query for $term {
            type Bound = Places;
            type Block<'b> = All<'b, C>;
            type Item<'b> = All<'b, C>;
            type Columns<'b> = All<'b, C>;

            fn bind(binder: &mut Binder<'_, '_>) -> Result<Places, AccessError> {
                binder.read::<C>($group, When::$when, Reach::Any)
            }
            fn block<'b>(bound: &Places, batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
                all(bound, batch, When::$when)
            }
            #[inline(always)]
            fn cut(block: Self::Block<'_>, _: usize) -> Self::Block<'_> {
                block
            }
            #[inline(always)]
            fn item<'b>(block: &Self::Block<'b>, _: usize) -> Self::Item<'b> {
                *block
            }
            fn columns<'b>(bound: &Places, batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
                all(bound, batch, When::$when)
            }
        }
    )*};
}
any_row! {
    [] Any<Prev<C>>, None, Prev;
    [] Any<Fresh<C>>, None, Fresh;
    [G: Group,] Of<G, Prev<C>>, Some(G::NAME), Prev;
    [G: Group,] Of<G, Fresh<C>>, Some(G::NAME), Fresh;
}

/// What a system owns, whole.
pub struct OwnColumns<'b, C: Component> {
    /// What the frame started from.
    pub prev: C::Columns<'b>,
    /// What it makes; `prev` to begin with.
    pub next: C::ColumnsMut<'b>,
    /// Which rows have changed: none to begin with. Who writes whole columns says it himself.
    pub marks: Marks<'b>,
}

/// What a system owns, to take rows from.
pub struct OwnBlock<'b, C: Component> {
    prev: C::Columns<'b>,
    next: C::Cells<'b>,
    marks: Option<&'b [Cell<u8>]>,
}

/// Where a component stands that the system owns, and its marks, if the scenario asks for what changed.
#[derive(Debug)]
pub struct Owned {
    leaves: Places,
    mark: Option<ColumnId>,
}

impl<C: Component> Clone for OwnBlock<'_, C> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}
impl<C: Component> Copy for OwnBlock<'_, C> {}

impl<C: Component> Query for Own<C> {
    type Bound = Owned;
    type Block<'b> = OwnBlock<'b, C>;
    type Item<'b> = Mut<'b, C>;
    type Columns<'b> = OwnColumns<'b, C>;

    fn bind(binder: &mut Binder<'_, '_>) -> Result<Owned, AccessError> {
        Ok(Owned { leaves: binder.own::<C>()?, mark: binder.mark::<C>() })
    }
    fn block<'b>(bound: &Owned, batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
        let marks = bound.mark.map(|column| Cell::from_mut(unmarked(batch, column)).as_slice_of_cells());
        let prev = own_rows::<C>(&bound.leaves, batch, When::Prev);
        OwnBlock { prev, next: C::cells(to_write::<C>(&bound.leaves, batch)), marks }
    }
    #[inline(always)]
    fn cut(block: Self::Block<'_>, count: usize) -> Self::Block<'_> {
        let marks = block.marks.map(|marks| &marks[..count]);
        OwnBlock { prev: C::cut(block.prev, count), next: C::cut_cells(block.next, count), marks }
    }
    #[inline(always)]
    fn item<'b>(block: &Self::Block<'b>, at: usize) -> Self::Item<'b> {
        Mut::new(C::load(&block.prev, at), block.next, block.marks, at)
    }
    fn columns<'b>(bound: &Owned, batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
        let prev = own_rows::<C>(&bound.leaves, batch, When::Prev);
        let mut next = to_write::<C>(&bound.leaves, batch);
        C::carry(&prev, &mut next);
        OwnColumns { prev, next, marks: Marks::new(bound.mark.map(|column| unmarked(batch, column))) }
    }
}

/// The marks of the batch's rows: none is.
fn unmarked<'b>(batch: &'b Batch<'_, '_>, column: ColumnId) -> &'b mut [u8] {
    match batch.write_values(column).first(batch.rows.len()) {
        ValuesMut::Bool(marks) => {
            marks.fill(0);
            marks
        }
        _ => unreachable!("a verified mark is a truth value"),
    }
}

/// The batch's rows by name.
#[derive(Clone, Copy)]
pub struct Ids<'b> {
    batch: &'b Batch<'b, 'b>,
}

impl Ids<'_> {
    /// The stable name of the row at a place of the batch.
    #[inline]
    pub fn get(&self, at: usize) -> Entity {
        self.batch.entity(self.batch.rows.start + at as u32)
    }
}

impl Query for Id {
    type Bound = ();
    type Block<'b> = Ids<'b>;
    type Item<'b> = Entity;
    type Columns<'b> = Ids<'b>;

    fn bind(_: &mut Binder<'_, '_>) -> Result<(), AccessError> {
        Ok(())
    }
    fn block<'b>(_: &(), batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
        Ids { batch }
    }
    #[inline(always)]
    fn cut(block: Self::Block<'_>, _: usize) -> Self::Block<'_> {
        block
    }
    #[inline(always)]
    fn item<'b>(block: &Self::Block<'b>, at: usize) -> Self::Item<'b> {
        block.get(at)
    }
    fn columns<'b>(_: &(), batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
        Ids { batch }
    }
}

impl<C: Component> Gets<C, ()> for Own<C> {
    #[inline(always)]
    fn get(item: &Self::Item<'_>) -> C {
        item.prev()
    }
}

impl<C: Component> Sets<C, ()> for Own<C> {
    #[inline(always)]
    fn set(item: &mut Self::Item<'_>, value: C) {
        **item = value;
    }
}
