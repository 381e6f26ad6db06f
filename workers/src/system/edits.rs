//! Births and ends that a system in Rust asks for.

use std::marker::PhantomData;

use diptych_protocol::access::AccessError;
use diptych_protocol::ask_view::{self, Record};
use diptych_protocol::blame::Fault;
use diptych_protocol::id::{ColumnId, EditId};
use diptych_protocol::values::ValuesMut;
use diptych_protocol::view::Batch;

use super::matching::Binder;
use super::query::Query;
use super::terms::{Any, Group, Of};
use super::value::Component;

/// Values that a newborn row can have, at most.
const VALUES_MAX: usize = 128;

/// The own row ends, if it says so: `despawns G` of the own group `G`. `Any<Despawn>` ends any row of it, by its number,
/// `Of<G, Despawn>` any row of another group.
#[derive(Debug)]
pub struct Despawn;

/// Rows are born into the own group, with these components, which are all that it has: `Spawn<(Position, Age)>` is
/// `spawns G` of the own group `G`. `Of<G, Spawn<...>>` is of another group.
#[derive(Debug)]
pub struct Spawn<B>(PhantomData<fn() -> B>);

/// The components of a row: a tuple of one to eight.
pub trait Bundle: 'static {
    /// Where they are written.
    type Cells<'b>: Copy;

    /// Their columns, a component each.
    fn bind(binder: &Binder<'_, '_>, edit: EditId) -> Result<Vec<Box<[ColumnId]>>, AccessError>;
    /// Takes a column for each leaf.
    fn cells<'b>(next: &mut dyn FnMut() -> ValuesMut<'b>) -> Self::Cells<'b>;
    /// Writes the values at a place.
    fn store(self, cells: &Self::Cells<'_>, at: usize);
}

macro_rules! bundles {
    ($($($name:ident $at:tt),+;)*) => {$(
        impl<$($name: Component),+> Bundle for ($($name,)+) {
            type Cells<'b> = ($($name::Cells<'b>,)+);

            fn bind(binder: &Binder<'_, '_>, edit: EditId) -> Result<Vec<Box<[ColumnId]>>, AccessError> {
                Ok(vec![$(binder.of_edit::<$name>(edit)?),+])
            }
            fn cells<'b>(next: &mut dyn FnMut() -> ValuesMut<'b>) -> Self::Cells<'b> {
                ($($name::cells($name::columns_mut(next)),)+)
            }
            fn store(self, cells: &Self::Cells<'_>, at: usize) {
                $(self.$at.store(&cells.$at, at);)+
            }
        }
    )*};
}
bundles! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}

/// Ends rows of a group.
#[derive(Clone, Copy)]
pub struct Ends<'b> {
    ends: ask_view::Ends<'b>,
    /// The batch's first row.
    first: u32,
}

impl<'b> Ends<'b> {
    fn new(edit: EditId, batch: &'b Batch<'_, '_>) -> Self {
        let (Record::Ends(ends), _) = batch.record(edit) else { unreachable!("a verified end is a bit") };
        Self { ends, first: batch.rows.start }
    }

    /// The row with this number ends with the frame, however often it is asked; nothing where there is no such row.
    #[inline]
    pub fn despawn(&self, row: u32) {
        self.ends.end(std::iter::once(row));
    }
}

/// Ends the own row.
pub struct End<'b> {
    ends: Ends<'b>,
    row: u32,
}

impl End<'_> {
    /// The row ends with the frame.
    #[inline]
    pub fn despawn(&self) {
        self.ends.despawn(self.row);
    }
}

/// Lets rows be born.
pub struct Births<'b, B: Bundle> {
    cells: B::Cells<'b>,
    births: ask_view::Births<'b>,
    room: usize,
    group: &'b str,
}

impl<B: Bundle> Clone for Births<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<B: Bundle> Copy for Births<'_, B> {}

impl<'b, B: Bundle> Births<'b, B> {
    fn new((edit, places): &(EditId, Box<[usize]>), batch: &'b Batch<'_, '_>) -> Self {
        let (Record::Births(births), mut columns) = batch.record(*edit) else {
            unreachable!("a verified birth is in a list")
        };
        // The batch may have been run before.
        births.record(0);
        let mut values: [Option<ValuesMut<'b>>; VALUES_MAX] = std::array::from_fn(|_| columns.next());
        let room = values[0].as_ref().map_or(0, |column| column.len());
        let mut places = places.iter();
        let cells = B::cells(&mut || match places.next().and_then(|place| values[*place].take()) {
            Some(values) => values,
            None => unreachable!("more leaves than bound columns"),
        });
        let program = batch.program();
        Self { cells, births, room, group: &program.groups[program.edits[*edit].group].name }
    }

    /// A row is born with the end of the frame. Births of a batch come in the order in which they are asked for. An error, to
    /// be handed on, where the batch asks for more than the scenario says: `spawns G[max 2]` makes room for two a row.
    #[inline]
    pub fn spawn(&self, bundle: B) -> Result<(), Fault> {
        let at = self.births.recorded();
        if at as usize >= self.room {
            return Err(self.full());
        }
        bundle.store(&self.cells, at as usize);
        self.births.ask_together(at + 1);
        Ok(())
    }

    #[cold]
    fn full(&self) -> Fault {
        let Self { group, room, .. } = self;
        Fault::full(format!(
            "a batch of the kernel asks for more than {room} births into {group}: raise `spawns {group}[max ...]`"
        ))
    }
}

macro_rules! ends {
    ($([$($of:tt)*] $term:ty, $group:expr;)*) => {$(
        impl<$($of)*> Query for $term {
            type Bound = EditId;
            type Block<'b> = Ends<'b>;
            type Item<'b> = Ends<'b>;
            type Columns<'b> = Ends<'b>;

            fn bind(binder: &mut Binder<'_, '_>) -> Result<EditId, AccessError> {
                binder.edit($group, false)
            }
            fn block<'b>(bound: &EditId, batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
                Ends::new(*bound, batch)
            }
            #[inline(always)]
            fn cut(block: Self::Block<'_>, _: usize) -> Self::Block<'_> {
                block
            }
            #[inline(always)]
            fn item<'b>(block: &Self::Block<'b>, _: usize) -> Self::Item<'b> {
                *block
            }
            fn columns<'b>(bound: &EditId, batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
                Ends::new(*bound, batch)
            }
        }
    )*};
}
ends! {
    [] Any<Despawn>, None;
    [G: Group,] Of<G, Despawn>, Some(G::NAME);
}

impl Query for Despawn {
    type Bound = EditId;
    type Block<'b> = Ends<'b>;
    type Item<'b> = End<'b>;
    type Columns<'b> = Ends<'b>;

    fn bind(binder: &mut Binder<'_, '_>) -> Result<EditId, AccessError> {
        binder.edit(None, false)
    }
    fn block<'b>(bound: &EditId, batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
        Ends::new(*bound, batch)
    }
    #[inline(always)]
    fn cut(block: Self::Block<'_>, _: usize) -> Self::Block<'_> {
        block
    }
    #[inline(always)]
    fn item<'b>(block: &Self::Block<'b>, at: usize) -> Self::Item<'b> {
        End { ends: *block, row: block.first + at as u32 }
    }
    fn columns<'b>(bound: &EditId, batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
        Ends::new(*bound, batch)
    }
}

/// Where births are asked for, and where the leaves of their components stand.
type Bound = (EditId, Box<[usize]>);

macro_rules! births {
    ($([$($of:tt)*] $term:ty, $group:expr;)*) => {$(
        impl<$($of)* B: Bundle> Query for $term {
            type Bound = Bound;
            type Block<'b> = Births<'b, B>;
            type Item<'b> = Births<'b, B>;
            type Columns<'b> = Births<'b, B>;

            fn bind(binder: &mut Binder<'_, '_>) -> Result<Bound, AccessError> {
                let edit = binder.edit($group, true)?;
                let components = B::bind(binder, edit)?;
                let places = binder.born(edit, &components)?;
                if places.len() > VALUES_MAX {
                    return Err(AccessError(format!("a newborn row has more than {VALUES_MAX} values")));
                }
                Ok((edit, places))
            }
            fn block<'b>(bound: &Bound, batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
                Births::new(bound, batch)
            }
            #[inline(always)]
            fn cut(block: Self::Block<'_>, _: usize) -> Self::Block<'_> {
                block
            }
            #[inline(always)]
            fn item<'b>(block: &Self::Block<'b>, _: usize) -> Self::Item<'b> {
                *block
            }
            fn columns<'b>(bound: &Bound, batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
                Births::new(bound, batch)
            }
        }
    )*};
}
births! {
    [] Spawn<B>, None;
    [G: Group,] Of<G, Spawn<B>>, Some(G::NAME);
}
