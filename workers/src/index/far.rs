//! Asking a tree for everything: near rows by themselves, far ones by the summaries of nodes.
//!
//! The rows of a *party* ask together: those of the highest node of a chunk that has no more than
//! [`FAR_ROWS`] of them, or of one bucket, if that has more. What they get depends on the tree and the party alone, so that it
//! is the same whichever of them are in a block or batch.
//!
//! Parties near each other meet mostly the same nodes. A *district* has the parties of a higher node, of no more than
//! [`FAR_DISTRICT_ROWS`] rows. What is far from all of its box is far from each of them, and is found once; what is near to
//! all of it is opened once; each party looks itself at what is left. So it takes the nodes that it would take alone: a test
//! of a box is true of what is in it bit for bit, since no operation in it ever falls as its operand grows.

use std::ops::Range;

use diptych_protocol::kd_view::SummaryView;
use diptych_protocol::limits::{FAR_DISTRICT_ROWS, FAR_ROWS};
use diptych_protocol::types::NO_ROW;

use super::cut::{greater, lesser};
use super::tree::KdTree;

/// Rows that ask together, and the district that they are in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Party {
    own: Part,
    district: Part,
}

/// A node of a chunk: its place among the chunk's nodes, and its buckets by their places.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Part {
    chunk: u32,
    at: u32,
    places: Range<u32>,
}

impl Party {
    /// That of a row.
    pub fn of(tree: &KdTree<'_>, summary: &SummaryView<'_>, row: u32) -> Self {
        let chunk = u32::from(tree.chunk_of[row as usize]);
        let own = tree.place_of_row(row);
        let places = tree.places(chunk as usize);
        let leaves = &summary.leaves[2 * places.start..];
        let (mut at, mut first, mut district) = (0, places.start as u32, None);
        loop {
            let end = first + leaves[at];
            let rows = tree.bucket_end[end as usize - 1] - tree.bucket_start[first as usize];
            let part = || Part { chunk, at: at as u32, places: first..end };
            let is_bucket = leaves[at] == 1;
            if district.is_none() && (rows <= FAR_DISTRICT_ROWS || is_bucket) {
                district = Some(part());
            }
            if rows <= FAR_ROWS || is_bucket {
                return Self { own: part(), district: district.unwrap_or_else(part) };
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
        let places = &self.own.places;
        tree.bucket_start[places.start as usize]..tree.bucket_end[places.end as usize - 1]
    }
}

/// The others of a party. Room, and what its district has found.
#[derive(Default)]
pub struct FarList {
    /// The district, while the tree is the same.
    district: Option<Part>,
    /// The nodes that are taken as a whole: those above the chunks by their number, then the chunks' by their place.
    nodes: Vec<u32>,
    /// How many of them all of the district takes: these come first.
    shared: usize,
    /// What each party of the district looks at itself.
    left: Vec<Left>,
    /// [`NO_ROW`] for each of the nodes, then the rows of all other buckets, the own ones' among them.
    rows: Vec<u32>,
    /// Rows in the making.
    found: Vec<u32>,
    /// Where in `rows` those of the party stand.
    own: Range<usize>,
    /// Nodes above the chunks to be looked at.
    open: Vec<u32>,
}

/// A node that a district can neither take nor open.
#[derive(Clone, Copy)]
enum Left {
    /// Above the chunks.
    Top(u32),
    /// Of a chunk: its place among that one's nodes, and its first bucket.
    In(u32, Inner),
}

/// Where a node of a chunk stands: its place among the nodes, and how many buckets are before it.
#[derive(Clone, Copy)]
struct Inner {
    at: usize,
    bucket: u32,
}

/// Rows that ask: where they are, and their box.
struct Asking<const K: usize> {
    /// Their chunk, as a node.
    chunk: u32,
    /// Their buckets, counted within its chunk.
    buckets: Range<u32>,
    lo: [f64; K],
    hi: [f64; K],
}

impl FarList {
    /// Finds the others of a party in a tree with summaries. Returns how many of these, the first ones, are what it
    /// returned for the party before.
    pub fn find(&mut self, tree: &KdTree<'_>, summary: &SummaryView<'_>, party: &Party) -> usize {
        match tree.shape.axes {
            1 => self.find_in::<1>(tree, summary, party),
            2 => self.find_in::<2>(tree, summary, party),
            _ => self.find_in::<3>(tree, summary, party),
        }
    }

    /// The tree is another.
    pub fn forget(&mut self) {
        self.district = None;
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

    fn find_in<const K: usize>(&mut self, tree: &KdTree<'_>, summary: &SummaryView<'_>, party: &Party) -> usize {
        let kept = if self.district.as_ref() == Some(&party.district) {
            self.shared
        } else {
            self.share::<K>(tree, summary, &party.district);
            self.district = Some(party.district.clone());
            0
        };
        self.nodes.truncate(self.shared);
        self.found.clear();
        let asking = Asking::<K>::of(tree, summary, &party.own);
        for left in 0..self.left.len() {
            match self.left[left] {
                Left::Top(node) => self.walk(tree, summary, &asking, node),
                Left::In(chunk, from) => self.walk_chunk(tree, summary, &asking, chunk, from),
            }
        }
        self.rows.clear();
        self.rows.resize(self.nodes.len(), NO_ROW);
        self.rows.extend_from_slice(&self.found);
        self.own = self.own.start + self.nodes.len()..self.own.end + self.nodes.len();
        kept
    }

    /// Finds what all of a district takes, and what is left to its parties.
    fn share<const K: usize>(&mut self, tree: &KdTree<'_>, summary: &SummaryView<'_>, district: &Part) {
        let Self { nodes, left, open, .. } = self;
        let chunks = tree.shape.chunks;
        let asking = Asking::<K>::of(tree, summary, district);
        let width = summary.shape.width();
        nodes.clear();
        left.clear();
        open.clear();
        open.push(1);
        while let Some(node) = open.pop() {
            if node < chunks {
                let numbers = &summary.top[node as usize * width..];
                if is_above(node, asking.chunk) || asking.is_near(numbers) {
                    open.extend([2 * node + 1, 2 * node]);
                } else if asking.is_far(numbers) {
                    nodes.push(node);
                } else {
                    left.push(Left::Top(node));
                }
                continue;
            }
            let first = first_node(tree, node - chunks);
            through(tree, summary, node - chunks, Inner { at: 0, bucket: 0 }, |from, buckets, numbers| {
                let inside = asking.meets(node, from.bucket, buckets);
                if !inside && asking.is_far(numbers) {
                    nodes.push(first + from.at as u32);
                    return false;
                }
                // Of the nodes that have anything of the district, those above it, and it itself.
                let opens = if inside { buckets > district.places.len() as u32 } else { asking.is_near(numbers) };
                if !opens || buckets == 1 {
                    left.push(Left::In(node - chunks, from));
                    return false;
                }
                true
            });
        }
        self.shared = nodes.len();
    }

    /// What a party meets from a node above the chunks on.
    fn walk<const K: usize>(&mut self, tree: &KdTree<'_>, summary: &SummaryView<'_>, asking: &Asking<K>, from: u32) {
        let (chunks, width) = (tree.shape.chunks, summary.shape.width());
        self.open.clear();
        self.open.push(from);
        while let Some(node) = self.open.pop() {
            if node >= chunks {
                self.walk_chunk(tree, summary, asking, node - chunks, Inner { at: 0, bucket: 0 });
            } else if asking.is_far(&summary.top[node as usize * width..]) {
                self.nodes.push(node);
            } else {
                self.open.extend([2 * node + 1, 2 * node]);
            }
        }
    }

    /// What a party meets from a node of a chunk on.
    fn walk_chunk<const K: usize>(
        &mut self,
        tree: &KdTree<'_>,
        summary: &SummaryView<'_>,
        asking: &Asking<K>,
        chunk: u32,
        from: Inner,
    ) {
        let Self { nodes, found, own, .. } = self;
        let (first, first_place) = (first_node(tree, chunk), tree.chunk_places[chunk as usize]);
        let node = tree.shape.chunks + chunk;
        through(tree, summary, chunk, from, |from, buckets, numbers| {
            let holds_own = asking.meets(node, from.bucket, buckets);
            if !holds_own && asking.is_far(numbers) {
                nodes.push(first + from.at as u32);
                return false;
            }
            if buckets == 1 {
                let start = found.len();
                found.extend_from_slice(tree.rows_at(first_place + from.bucket));
                if holds_own {
                    *own = if from.bucket == asking.buckets.start { start } else { own.start }..found.len();
                }
            }
            true
        });
    }
}

/// The number of a chunk's first node.
fn first_node(tree: &KdTree<'_>, chunk: u32) -> u32 {
    tree.shape.chunks + 2 * tree.chunk_places[chunk as usize]
}

/// Goes through the tree of a chunk from a node on, in preorder. `opens` gets each node, the number of its buckets, and its
/// numbers; where it says no, what is below it is left out.
#[inline(always)]
fn through(
    tree: &KdTree<'_>,
    summary: &SummaryView<'_>,
    chunk: u32,
    from: Inner,
    mut opens: impl FnMut(Inner, u32, &[f64]) -> bool,
) {
    let places = tree.places(chunk as usize);
    let Some(count) = (2 * places.len()).checked_sub(1) else { return };
    let width = summary.shape.width();
    let leaves = &summary.leaves[2 * places.start..][..count];
    let nodes = &summary.nodes[2 * places.start * width..][..count * width];
    let Inner { mut at, mut bucket } = from;
    let end = at + 2 * leaves[at] as usize - 1;
    while at < end {
        let buckets = leaves[at];
        if opens(Inner { at, bucket }, buckets, &nodes[at * width..]) {
            at += 1;
            bucket += u32::from(buckets == 1);
        } else {
            at += 2 * buckets as usize - 1;
            bucket += buckets;
        }
    }
}

impl<const K: usize> Asking<K> {
    fn of(tree: &KdTree<'_>, summary: &SummaryView<'_>, part: &Part) -> Self {
        let (mut lo, mut hi) = tree.box_at::<K>(part.places.start);
        for place in part.places.clone() {
            let (from, to) = tree.box_at::<K>(place);
            for axis in 0..K {
                (lo[axis], hi[axis]) = (lesser(lo[axis], from[axis]), greater(hi[axis], to[axis]));
            }
        }
        let first = tree.chunk_places[part.chunk as usize];
        let sides: [Range<f64>; K] = std::array::from_fn(|axis| summary.shape.widened(lo[axis]..hi[axis]));
        Self {
            chunk: tree.shape.chunks + part.chunk,
            buckets: part.places.start - first..part.places.end - first,
            lo: std::array::from_fn(|axis| sides[axis].start),
            hi: std::array::from_fn(|axis| sides[axis].end),
        }
    }

    /// Whether a node of a chunk has any of the buckets. Two nodes share nothing, or one is in the other.
    #[inline(always)]
    fn meets(&self, chunk: u32, bucket: u32, buckets: u32) -> bool {
        chunk == self.chunk && bucket < self.buckets.end && self.buckets.start < bucket + buckets
    }

    /// Whether a node may be taken as a whole: its barycentre is beyond its reach from every point of the box. Never where
    /// one of them is no number.
    #[inline(always)]
    fn is_far(&self, node: &[f64]) -> bool {
        let node = &node[..K + 1];
        let gap = |axis| larger(larger(self.lo[axis] - node[axis], node[axis] - self.hi[axis]), 0.0);
        squared(std::array::from_fn::<f64, K, _>(gap)) > node[K]
    }

    /// Whether it is taken as a whole from no point of the box.
    #[inline(always)]
    fn is_near(&self, node: &[f64]) -> bool {
        let node = &node[..K + 1];
        let gap = |axis| larger(larger(self.hi[axis] - node[axis], node[axis] - self.lo[axis]), 0.0);
        squared(std::array::from_fn::<f64, K, _>(gap)) <= node[K]
    }
}

#[inline(always)]
fn squared<const K: usize>(gaps: [f64; K]) -> f64 {
    gaps.iter().fold(0.0, |sum, gap| sum + gap * gap)
}

/// The larger of two numbers, one instruction; the second if one of them is no number.
#[inline(always)]
fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// Whether one node of a tree in heap order is above another.
fn is_above(node: u32, other: u32) -> bool {
    other >> (other.ilog2() - node.ilog2()) == node
}

#[cfg(test)]
mod tests {
    use super::{Asking, is_above};

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

    /// What a district says of a node goes for each of its parties, also where numbers are as near as they can be.
    #[test]
    fn what_is_far_from_a_box_or_near_to_all_of_it_is_so_for_every_box_in_it() {
        let mut seed = 1_u64;
        let mut number = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 40) as f64 / 3.0
        };
        let (mut far, mut near) = (0, 0);
        for _ in 0..20_000 {
            let mut sides = [0.0; 4];
            sides.fill_with(&mut number);
            sides.sort_by(f64::total_cmp);
            let asking = |lo, hi| Asking::<1> { chunk: 1, buckets: 0..1, lo: [lo], hi: [hi] };
            let (outer, inner) = (asking(sides[0], sides[3]), asking(sides[1], sides[2]));
            let centre = number();
            let gap = (sides[1] - centre).max(centre - sides[2]);
            for reach in [number(), gap.abs(), gap.abs().next_up()] {
                let node = [centre, reach * reach];
                assert!(inner.is_far(&node) || !outer.is_far(&node), "{sides:?}, {node:?}");
                assert!(!inner.is_far(&node) || !outer.is_near(&node), "{sides:?}, {node:?}");
                (far, near) = (far + u32::from(outer.is_far(&node)), near + u32::from(outer.is_near(&node)));
            }
        }
        assert!(far > 1_000 && near > 1_000, "{far} far, {near} near");
    }
}
