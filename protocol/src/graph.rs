//! The graph of a model's quantities as data, for people: what each is made of, and where that is computed. No part of what a
//! program computes, nor of its hash.

use serde::{Deserialize, Serialize};

use crate::id::{ColumnId, GroupId, ValueId};
use crate::program::Span;
use crate::types::{Type, Value};

/// One place of the graph whose value can be asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Its name; of what has none of its own, nothing: then its text says what it is.
    pub name: String,
    /// Where it was written.
    pub span: Span,
    /// Its type.
    pub ty: Type,
    /// Of each lane where it is computed.
    pub lanes: Vec<Lane>,
    /// What it is made of: earlier or later nodes, by their places.
    pub from: Vec<u32>,
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum NodeKind {
    /// A signal.
    Signal,
    /// An event.
    Event,
    /// A signal that is set from outside.
    Input,
    /// A bus.
    Bus,
    /// What somebody publishes on a bus,
    Publisher,
    /// and whether they do, where that is a question.
    When,
    /// What comes out of an adapter.
    Adapter,
    /// A state block.
    State,
    /// What rows come to.
    Reduction,
}

impl NodeKind {
    /// Its name, for people.
    pub fn name(self) -> &'static str {
        match self {
            NodeKind::Signal => "signal",
            NodeKind::Event => "event",
            NodeKind::Input => "input",
            NodeKind::Bus => "bus",
            NodeKind::Publisher => "publish",
            NodeKind::When => "when",
            NodeKind::Adapter => "|>",
            NodeKind::State => "state",
            NodeKind::Reduction => "reduction",
        }
    }
}

/// Where a lane of a node is computed.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Lane {
    /// By this operation of the body of the outputs.
    Computed(ValueId),
    /// When compiling.
    Known(Value),
    /// Nowhere, or in each turn of a loop: what it is made of was put together in another way.
    Nowhere,
}

/// A field: a value a row. What is computed where it is read is nowhere else in the program.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whose rows.
    pub group: GroupId,
    /// Where it was written.
    pub span: Span,
    /// Of one that remembers the columns that it is made of, its own value first; of others none.
    pub made: Vec<ColumnId>,
    /// Who reads it: systems, and signals together.
    pub readers: Vec<String>,
}
