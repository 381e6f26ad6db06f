//! Asking a tree for everything: near rows by themselves, far ones by the summaries of nodes.
//!
//! The rows of a *party* ask together: those of the highest node of a chunk that has no more than
//! [`FAR_ROWS`] of them, or of one bucket, if that has more. What they get depends on the tree and the party alone, so that it
//! is the same whichever of them are in a block or batch.

use std::ops::Range;

use diptych_protocol::kd_view::SummaryView;
use diptych_protocol::limits::FAR_ROWS;
use diptych_protocol::types::NO_ROW;

use super::cut::{greater, lesser};
use super::tree::KdTree;

/// Rows that ask together: buckets of one chunk, by their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    chunk: u32,
    places: Range<u32>,
}

impl Party {
    /// That of a row.
    pub fn of(tree: &KdTree<'_>, summary: &SummaryView<'_>, row: u32) -> Self {
        let chunk = u32::from(tree.chunk_of[row as usize]);
        let own = tree.place_of_row(row);
        let places = tree.places(chunk as usize);
        let leaves = &summary.leaves[2 * places.start..];
        let (mut at, mut first) = (0, places.start as u32);
        loop {
            let end = first + leaves[at];
            let rows = tree.bucket_end[end as usize - 1] - tree.bucket_start[first as usize];
            if rows <= FAR_ROWS || leaves[at] == 1 {
                return Self { chunk, places: first..end };
            }
            let left = leaves[at + 1];
            if own < first + left {
                at += 1;
            } else {
                (at, first) = (at + 2 * left as usize, first + left);
            }
        }
    }

    /// Its slots.
    pub fn slots(&self, tree: &KdTree<'_>) -> Range<u32> {
        tree.bucket_start[self.places.start as usize]..tree.bucket_end[self.places.end as usize - 1]
    }
}

/// The others of a party. Room, no state.
#[derive(Default)]
pub struct FarList {
    /// The nodes that are taken as a whole: those above the chunks by their number, then the chunks' by their place.
    nodes: Vec<u32>,
    /// [`NO_ROW`] for each of the nodes, then the rows of all other buckets, the own ones' among them.
    rows: Vec<u32>,
    /// Rows in the making.
    found: Vec<u32>,
    /// Where in `rows` those of the party stand.
    own: Range<usize>,
    /// Nodes above the chunks to be looked at.
    open: Vec<u32>,
}

/// A party that asks: where it is, and its box.
struct Asking<const K: usize> {
    chunk: u32,
    /// Its buckets, counted within its chunk.
    buckets: Range<u32>,
    lo: [f64; K],
    hi: [f64; K],
}

impl FarList {
    /// Finds the others of a party in a tree with summaries.
    pub fn find(&mut self, tree: &KdTree<'_>, summary: &SummaryView<'_>, party: &Party) {
        self.nodes.clear();
        self.found.clear();
        match tree.shape.axes {
            1 => self.walk::<1>(tree, summary, party),
            2 => self.walk::<2>(tree, summary, party),
            _ => self.walk::<3>(tree, summary, party),
        }
        self.rows.clear();
        self.rows.resize(self.nodes.len(), NO_ROW);
        self.rows.extend_from_slice(&self.found);
        self.own = self.own.start + self.nodes.len()..self.own.end + self.nodes.len();
    }

    /// The row of each of the others, [`NO_ROW`] for summaries, which come first.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// How many of the others are summaries.
    pub fn summaries(&self) -> usize {
        self.nodes.len()
    }

    /// Where the party's rows stand among the others.
    pub fn own(&self) -> Range<usize> {
        self.own.clone()
    }

    /// One of the numbers of each of some summaries: its barycentre along an axis, or behind these and one more a sum.
    pub fn numbers<'a>(
        &'a self,
        tree: &KdTree<'a>,
        summary: &SummaryView<'a>,
        summaries: Range<usize>,
        number: usize,
    ) -> impl Iterator<Item = f64> + 'a {
        let (chunks, width) = (tree.shape.chunks, summary.shape.width());
        let (top, nodes) = (summary.top, summary.nodes);
        self.nodes[summaries].iter().map(move |&node| match node.checked_sub(chunks) {
            Some(place) => nodes[place as usize * width + number],
            None => top[node as usize * width + number],
        })
    }

    fn walk<const K: usize>(&mut self, tree: &KdTree<'_>, summary: &SummaryView<'_>, party: &Party) {
        let (chunks, chunk) = (tree.shape.chunks, party.chunk);
        let (mut lo, mut hi) = tree.box_at::<K>(party.places.start);
        for place in party.places.clone() {
            let (from, to) = tree.box_at::<K>(place);
            for axis in 0..K {
                (lo[axis], hi[axis]) = (lesser(lo[axis], from[axis]), greater(hi[axis], to[axis]));
            }
        }
        let first = tree.chunk_places[chunk as usize];
        let sides: [Range<f64>; K] = std::array::from_fn(|axis| summary.shape.widened(lo[axis]..hi[axis]));
        let asking = Asking::<K> {
            chunk,
            buckets: party.places.start - first..party.places.end - first,
            lo: std::array::from_fn(|axis| sides[axis].start),
            hi: std::array::from_fn(|axis| sides[axis].end),
        };
        let width = summary.shape.width();
        self.open.clear();
        self.open.push(1);
        while let Some(node) = self.open.pop() {
            if node >= chunks {
                self.walk_chunk(tree, summary, &asking, node - chunks);
            } else if !is_above(node, chunks + chunk) && asking.is_far(&summary.top[node as usize * width..]) {
                self.nodes.push(node);
            } else {
                self.open.extend([2 * node + 1, 2 * node]);
            }
        }
    }

    fn walk_chunk<const K: usize>(
        &mut self,
        tree: &KdTree<'_>,
        summary: &SummaryView<'_>,
        asking: &Asking<K>,
        chunk: u32,
    ) {
        let places = tree.places(chunk as usize);
        let Some(count) = (2 * places.len()).checked_sub(1) else { return };
        let width = summary.shape.width();
        let leaves = &summary.leaves[2 * places.start..][..count];
        let nodes = &summary.nodes[2 * places.start * width..][..count * width];
        let first = tree.shape.chunks + 2 * places.start as u32;
        let own = if chunk == asking.chunk { asking.buckets.clone() } else { 0..0 };
        let (mut at, mut bucket) = (0, 0);
        while at < count {
            let below = leaves[at];
            // Two nodes share nothing, or one is in the other.
            let holds_own = bucket < own.end && own.start < bucket + below;
            if !holds_own && asking.is_far(&nodes[at * width..]) {
                self.nodes.push(first + at as u32);
                at += 2 * below as usize - 1;
                bucket += below;
                continue;
            }
            at += 1;
            if below == 1 {
                let start = self.found.len();
                self.found.extend_from_slice(tree.rows_at(places.start as u32 + bucket));
                if holds_own {
                    self.own = if bucket == own.start { start } else { self.own.start }..self.found.len();
                }
                bucket += 1;
            }
        }
    }
}

impl<const K: usize> Asking<K> {
    /// Whether a node may be taken as a whole: its barycentre is beyond its reach from every point of the box. Never where
    /// one of them is no number.
    #[inline(always)]
    fn is_far(&self, node: &[f64]) -> bool {
        let mut squared = 0.0;
        for (centre, (lo, hi)) in node.iter().zip(self.lo.iter().zip(&self.hi)) {
            let gap = (lo - centre).max(centre - hi).max(0.0);
            squared += gap * gap;
        }
        squared > node[K]
    }
}

/// Whether one node of a tree in heap order is above another.
fn is_above(node: u32, other: u32) -> bool {
    other >> (other.ilog2() - node.ilog2()) == node
}

#[cfg(test)]
mod tests {
    use super::is_above;

    #[test]
    fn a_node_is_above_what_halves_lead_to_from_it() {
        for other in 8..16 {
            let mut above = other;
            let mut all = Vec::new();
            while above > 1 {
                above /= 2;
                all.push(above);
            }
            for node in 1..8 {
                assert_eq!(is_above(node, other), all.contains(&node), "{node} over {other}");
            }
        }
    }
}
