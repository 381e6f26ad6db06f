//! Draws the graph of quantities while the body of the outputs is made: what each is made of, and where it is computed.

use std::collections::HashMap;

use diptych_protocol::graph::{Lane, Node, NodeKind};
use diptych_protocol::id::ValueId;
use diptych_protocol::program::Span;
use diptych_protocol::types::Type;

use crate::lower::builder::Builder;
use crate::lower::expressions::Flattener;

/// What a node is of: one node each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Key {
    /// A named signal, by its number.
    Signal(usize),
    /// A signal that has no name of its own, by its place.
    Nameless(usize),
    /// A state block.
    State(usize),
    /// A reduction, and which of its results.
    Reduction(usize, u16),
    /// Something that was noted, by where it stands.
    Note(u32, u32),
}

/// The graph so far.
#[derive(Default)]
pub struct Drawing {
    nodes: Vec<(Node, Vec<ValueId>)>,
    known: HashMap<Key, u32>,
    /// The nodes that are being made, outermost first.
    open: Vec<u32>,
}

impl Flattener<'_> {
    /// Makes a node of what `lanes` makes. Outside of the body of the outputs just that.
    pub fn drawn(
        &mut self,
        key: Key,
        kind: NodeKind,
        name: String,
        span: Span,
        ty: Type,
        lanes: impl FnOnce(&mut Self) -> Vec<ValueId>,
    ) -> Vec<ValueId> {
        if self.signals.is_none() {
            return lanes(self);
        }
        let at = self.graph.nodes.len() as u32;
        self.graph.nodes.push((Node { kind, name, span, ty, lanes: Vec::new(), from: Vec::new() }, Vec::new()));
        self.graph.known.insert(key, at);
        self.leans_on(key);
        self.graph.open.push(at);
        let lanes = lanes(self);
        self.graph.open.pop();
        self.graph.nodes[at as usize].1.clone_from(&lanes);
        lanes
    }

    /// Notes that the node that is being made is made of another one.
    pub fn leans_on(&mut self, key: Key) {
        let Drawing { nodes, known, open } = &mut self.graph;
        if let (Some(&on), Some(&open)) = (known.get(&key), open.last()) {
            let from = &mut nodes[open as usize].0.from;
            if on != open && !from.contains(&on) {
                from.push(on);
            }
        }
    }
}

impl Drawing {
    /// The nodes, once their values have their last ids.
    pub fn found(&self, builder: &Builder, new: &HashMap<ValueId, ValueId>) -> Vec<Node> {
        let lane = |value: &ValueId| match (builder.known(*value), new.get(value)) {
            (Some(known), _) => Lane::Known(known),
            (None, Some(new)) if builder.is_outside(*value) => Lane::Computed(*new),
            // A loop has one in each turn.
            (None, _) => Lane::Nowhere,
        };
        let nodes = self.nodes.iter();
        nodes.map(|(node, lanes)| Node { lanes: lanes.iter().map(lane).collect(), ..node.clone() }).collect()
    }
}
