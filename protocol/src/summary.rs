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
//! A node is taken as a whole for a box of rows that is further from its barycentre than the node's *reach*. That is
//!
//! > `8 r share^(1/6) / angle`, but at least `s / 2 + d`,
//!
//! with `r` the root of the weighed mean square of how far its rows are from the barycentre, `share` its part of all rows,
//! `s` the longest side of the box around them, and `d` the distance of the barycentre from that box's middle. It is asked
//! for a group of rows at once (J. E. Barnes, J. Comput. Phys. 87, 161, 1990).
//!
//! - What the sums of a node leave out begins with `r^2` (J. K. Salmon and M. S. Warren, J. Comput. Phys. 111, 136, 1994),
//!   which the side of its box only bounds. A cube that is filled evenly has a side of `2 r`.
//! - Of one angle for all nodes most of the error comes from the few heavy ones. So it is the wider the lighter a node is
//!   (W. Dehnen, J. Comput. Phys. 179, 27, 2002, who derives a power that goes with the order of his sums). With the sixth
//!   root the same median error takes a sixth fewer turns at wide angles and a quarter fewer at narrow ones than by sides
//!   and one angle, and the worst percent of rows is no worse; with the fourth root that is worse. `angle` is that of a node
//!   with a 4096th of the rows that fills a cube evenly.
//! - The least reach keeps a node closed off whose weight sits in a corner.
//! - Where a weight is below 0 `r` could be nothing though rows are apart, and of several sums it speaks for the first alone:
//!   then it is the half of the box's diagonal, or more by how far the barycentre is off its middle.

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
    /// Numbers a node: its barycentre an axis each, its reach squared, its sums, and [its spread](Self::spread).
    #[inline(always)]
    pub fn width(&self) -> usize {
        self.axes + 2 + self.sums
    }

    /// Which number is the spread: the squared distances of its rows from the barycentre, each weighed, summed; NaN where
    /// that means nothing.
    #[inline(always)]
    pub fn spread(&self) -> usize {
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
