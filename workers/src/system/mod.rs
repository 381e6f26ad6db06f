//! Systems in Rust: a [`System`] is a rule over a [`Query`], which is a type. Its [`View`] of a batch allows what the query
//! says and nothing else, and goes over rows in three ways. `diptych::guide` tells how to write one.
//!
//! It stands on [`Access`](diptych_protocol::access::Access) and [`Batch`](diptych_protocol::view::Batch): a system is bound
//! to one of a scenario as a [`Kernel`](crate::kernel::Kernel), which asks for columns by name and checks types.

mod draw;
mod edits;
mod frame;
mod host;
mod matching;
mod query;
mod rows;
mod setup;
mod terms;
mod tree;
mod value;
mod view;

pub use diptych_derive::Component;
pub use diptych_protocol::access::AccessError;
pub use diptych_protocol::blame::Fault;
pub use diptych_protocol::id::{Entity, RowRange};
pub use diptych_protocol::math;
pub use diptych_protocol::space::{Edge, Space};

pub use crate::wide::wide;
pub use draw::{Draw, Drawn};
pub use edits::{Births, Bundle, Despawn, End, Ends, Spawn};
pub use frame::Frame;
pub(crate) use host::bind;
pub use matching::Binder;
pub use query::{Gets, Query, Sets};
pub use rows::{All, Marks, Mut, Ref};
pub use setup::{Constant, Setup};
pub use terms::{Any, Fresh, Group, Id, Ids, Of, Own, OwnBlock, OwnColumns, Owned, Prev};
pub use tree::{Around, Near, Tree};
pub use value::{Component, Leaf, LeafKind, Reference, Value, Values, ValuesMut};
pub use view::{Entities, EntityView, Iter, View};

/// A rule in Rust: what a scenario's `native "NAME"` does.
///
/// The same bits must come out whoever runs a batch, in whatever order, however often. So [`Self::run`] depends on
/// nothing but its arguments: no clock, no thread, no address, no map with a random order, no state from batch to
/// batch; and for functions beyond `+ - * / sqrt` it takes [`math`], since those of `std` differ from machine to
/// machine in their last bit. The system itself cannot be changed by `run`; its scratch can, and is room, not memory.
pub trait System: Sized + Send + 'static {
    /// What scenarios call it: `native "NAME"`.
    const NAME: &'static str;
    /// What it reads and owns.
    type Query: Query;
    /// Room that is kept from batch to batch: buffers to be cleared and filled again, so that a steady frame allocates
    /// nothing. `()` if it needs none.
    type Scratch: Default + Send;

    /// Takes its constants, or says what the scenario lacks. Called when a scenario is compiled, and once in each
    /// thread of each process that runs batches.
    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError>;

    /// Called once before the first batch of each instance: makes room for batches of so many rows. (A group's last
    /// batch may be shorter, and the first to come may be that one: room must be able to grow.)
    fn prepare(&self, scratch: &mut Self::Scratch, rows: usize) {
        let _ = (scratch, rows);
    }

    /// Computes a batch.
    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, scratch: &mut Self::Scratch) -> Result<(), Fault>;

    /// Called once behind the last batch of each instance that ran one, when its process leaves in order. A process
    /// that is killed does not come here.
    fn finish(&self, scratch: &mut Self::Scratch) {
        let _ = scratch;
    }
}
