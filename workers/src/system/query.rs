//! What a system reads and owns, as a type.

use diptych_protocol::access::AccessError;
use diptych_protocol::view::Batch;

use super::matching::Binder;

/// What a system reads and owns: one of the terms, or a tuple of up to eight queries.
///
/// | term | the system declares | of each row |
/// |---|---|---|
/// | `Prev<C>` | `reads C` | a [`Ref`](super::Ref): the value that the frame started from |
/// | `Fresh<C>` | `fresh C` | the value that this frame made |
/// | `Own<C>` | `owns C` | a [`Mut`](super::Mut): `prev`, to be changed; what is left alone is carried |
/// | `Any<Prev<C>>` | `reads C` | [`All`](super::All) rows of the group, by number |
/// | `Any<Fresh<C>>` | `fresh others C` | the same, as this frame made them |
/// | `Of<G, Prev<C>>` | `reads g.C` | all rows of another group |
/// | `Of<G, Fresh<C>>` | `fresh g.C` | the same, as this frame made them |
/// | `Id` | | its [`Entity`](super::Entity) |
/// | `Despawn` | `despawns` its group | [`End`](super::End): the row ends, if it says so |
/// | `Any<Despawn>`, `Of<G, Despawn>` | `despawns` its group, `despawns g` | [`Ends`](super::Ends) any row, by number |
/// | `Spawn<(C, D)>`, `Of<G, Spawn<(C, D)>>` | `spawns` its group, `spawns g` | [`Births`](super::Births) of rows with these components |
pub trait Query: 'static {
    /// Where it finds its columns.
    type Bound: Send;
    /// A batch's columns, to take rows from one by one.
    type Block<'b>: Copy;
    /// What there is of a row.
    type Item<'b>;
    /// A batch's columns, whole.
    type Columns<'b>;

    /// Finds its columns, or says what the system lacks.
    fn bind(binder: &mut Binder<'_, '_>) -> Result<Self::Bound, AccessError>;
    /// The columns of a batch. Once a batch: it takes what the system owns.
    fn block<'b>(bound: &Self::Bound, batch: &'b Batch<'_, '_>) -> Self::Block<'b>;
    /// The block again, as one of so many rows.
    fn cut(block: Self::Block<'_>, count: usize) -> Self::Block<'_>;
    /// The row at a place.
    fn item<'b>(block: &Self::Block<'b>, at: usize) -> Self::Item<'b>;
    /// The columns of a batch, whole; owned ones begin as `prev`. Once a batch, as [`Self::block`].
    fn columns<'b>(bound: &Self::Bound, batch: &'b Batch<'_, '_>) -> Self::Columns<'b>;
}

macro_rules! tuples {
    ($($($name:ident $at:tt),+;)*) => {$(
        impl<$($name: Query),+> Query for ($($name,)+) {
            type Bound = ($($name::Bound,)+);
            type Block<'b> = ($($name::Block<'b>,)+);
            type Item<'b> = ($($name::Item<'b>,)+);
            type Columns<'b> = ($($name::Columns<'b>,)+);

            fn bind(binder: &mut Binder<'_, '_>) -> Result<Self::Bound, AccessError> {
                Ok(($($name::bind(binder)?,)+))
            }
            fn block<'b>(bound: &Self::Bound, batch: &'b Batch<'_, '_>) -> Self::Block<'b> {
                ($($name::block(&bound.$at, batch),)+)
            }
            #[inline(always)]
            fn cut(block: Self::Block<'_>, count: usize) -> Self::Block<'_> {
                ($($name::cut(block.$at, count),)+)
            }
            #[inline(always)]
            fn item<'b>(block: &Self::Block<'b>, at: usize) -> Self::Item<'b> {
                ($($name::item(&block.$at, at),)+)
            }
            fn columns<'b>(bound: &Self::Bound, batch: &'b Batch<'_, '_>) -> Self::Columns<'b> {
                ($($name::columns(&bound.$at, batch),)+)
            }
        }

        tuples!(@parts [$($name)+] $($name $at),+);
    )*};
    // Each place of the tuple in turn.
    (@parts $all:tt $($name:ident $at:tt),+) => {
        $(tuples!(@part $all $name $at);)+
    };
    (@part [$($all:ident)+] $name:ident $at:tt) => {
        impl<Part, At, $($all: Query),+> Gets<Part, ([(); $at], At)> for ($($all,)+)
        where
            $name: Gets<Part, At>,
        {
            #[inline(always)]
            fn get(item: &Self::Item<'_>) -> Part {
                $name::get(&item.$at)
            }
        }
        impl<Part, At, $($all: Query),+> Sets<Part, ([(); $at], At)> for ($($all,)+)
        where
            $name: Sets<Part, At>,
        {
            #[inline(always)]
            fn set(item: &mut Self::Item<'_>, value: Part) {
                $name::set(&mut item.$at, value);
            }
        }
    };
}

/// A query with a value of component `C`, at one place `At`, which the compiler finds.
pub trait Gets<C, At>: Query {
    /// The value of a row: of what it owns, as the frame started.
    fn get(item: &Self::Item<'_>) -> C;
}

/// A query that owns component `C`, at one place `At`, which the compiler finds.
pub trait Sets<C, At>: Query {
    /// Gives a row its next value.
    fn set(item: &mut Self::Item<'_>, value: C);
}

tuples! {
    A 0;
    A 0, B 1;
    A 0, B 1, C 2;
    A 0, B 1, C 2, D 3;
    A 0, B 1, C 2, D 3, E 4;
    A 0, B 1, C 2, D 3, E 4, F 5;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
}
