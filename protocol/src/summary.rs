//! The shape of the summaries of a k-d index in shared memory: what its nodes keep of their rows, so that one can stand
//! for all of them.
//!
//! A *summary* has the sums of some columns over the rows of a node, and their barycentre, weighed by the first of these
//! columns. The nodes are the binary tree of each chunk, whose leaves are the buckets, and above it the implicit tree over
//! the chunks. Boxes are halved in it, not rows, so that no bucket is long for the few of its rows that lie far out.
//!
//! A chunk's nodes stand in preorder: a node, all of its left half, all of its right half. Over so many buckets there are
//! twice as many nodes less one, so that where a node's whole tree ends is known from the number of its buckets.
//!
//! A node is taken as a whole for a box of rows that is further from its barycentre than the node's *reach*,
//! `s / angle + d`, with `s` the longest side of the box around the node's rows and `d` the distance of the barycentre
//! from that box's middle: Barnes's criterion (J. E. Barnes, in The Formation of Galaxies, Cambridge, 1995), asked for a group of rows at once (J. E. Barnes, J. Comput. Phys. 87, 161, 1990). The `d`
//! keeps a node closed off whose weight sits in a corner (J. K. Salmon and M. S. Warren, J. Comput. Phys. 111, 136, 1994,
//! show what happens without).

use std::ops::Range;

use crate::kd::KdShape;
use crate::layout::{Arena, Place};

/// The numbers that fix the arrays of summaries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SummaryShape {
    /// 1, 2 or 3.
    pub axes: usize,
    /// Columns that are summed; the first weighs.
    pub sums: usize,
    /// The opening angle, 0 or more: a ratio of lengths.
    pub angle: f64,
    /// Whether positions are of `f64`: boxes are then made of rounded ones, and are a little wider than they say.
    pub wide: bool,
}

impl SummaryShape {
    /// Numbers a node: its barycentre an axis each, its reach squared, its sums.
    #[inline(always)]
    pub fn width(&self) -> usize {
        self.axes + 1 + self.sums
    }

    /// A side of a box: where positions are of `f64`, wide enough for all that were rounded into it.
    #[inline]
    pub fn widened(&self, side: Range<f32>) -> Range<f64> {
        let by = if self.wide { f64::from(f32::EPSILON) } else { 0.0 };
        let (start, end) = (f64::from(side.start), f64::from(side.end));
        start - by * start.abs()..end + by * end.abs()
    }
}

/// Where the summaries of an index stand, [`SummaryShape::width`] numbers a node.
#[derive(Clone, Debug)]
pub struct SummaryPlaces {
    /// The numbers behind it.
    pub shape: SummaryShape,
    /// Build: the nodes of each chunk, in preorder, from twice the place of its first bucket.
    pub nodes: Place<f64>,
    /// Build: how many buckets each of these nodes has.
    pub leaves: Place<u32>,
    /// Seal: the nodes above the chunks (heap order, 1-based, `chunks` long).
    pub top: Place<f64>,
}

impl SummaryPlaces {
    /// Takes room for the summaries of an index.
    pub fn new(shape: SummaryShape, index: KdShape, arena: &mut Arena) -> Self {
        let nodes = 2 * index.buckets_max as usize;
        Self {
            shape,
            nodes: arena.place(nodes * shape.width()),
            leaves: arena.place(nodes),
            top: arena.place(index.chunks as usize * shape.width()),
        }
    }
}
