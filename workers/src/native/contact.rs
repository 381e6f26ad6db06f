//! Pairs in contact: the blocks of a batch, and the test that counting and deflecting share.

use diptych_protocol::access::{Access, AccessError, IndexHandle, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::id::IndexId;
use diptych_protocol::limits::BLOCK_ROWS_MAX;
use diptych_protocol::space::Space;
use diptych_protocol::view::Batch;

use super::tree;
use crate::index::{Block, Neighbours};

/// What both kernels read, and their room.
pub(super) struct Contacts {
    mass: Prev<f32>,
    radius: Prev<f32>,
    velocity: Prev<f32, 2>,
    index: IndexHandle,
    reach: f32,
    neighbours: Neighbours,
    near: Near,
    pairs: Vec<Pair>,
}

/// A block's candidates, gathered.
#[derive(Default)]
struct Near {
    x: Vec<f32>,
    y: Vec<f32>,
    radius: Vec<f32>,
}

/// A pair in contact that approaches, as one of the two sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// The row that sees it.
    pub(super) own: u32,
    /// The other row.
    pub(super) other: u32,
    /// The unit vector from the own centre to the other's.
    pub(super) normal: [f32; 2],
    /// How deep they overlap.
    pub(super) overlap: f32,
    /// `(v_other - v_own) . normal`, negative.
    pub(super) closing: f32,
}

impl Contacts {
    pub(super) fn bind(access: &mut Access<'_>) -> Result<Self, AccessError> {
        Ok(Self {
            mass: access.prev("Mass")?,
            radius: access.prev("Radius")?,
            velocity: access.prev("Velocity")?,
            index: access.index()?,
            reach: access.constant_f32("reach")?,
            neighbours: Neighbours::default(),
            near: Near::default(),
            pairs: Vec::new(),
        })
    }

    /// The masses of all rows.
    pub(super) fn mass<'b>(&self, batch: &'b Batch<'_, '_>) -> &'b [f32] {
        batch.prev(self.mass)[0]
    }

    /// All pairs that rows of the batch see, each row's in ascending order of the other.
    pub(super) fn pairs(&mut self, batch: &Batch<'_, '_>) -> Result<&[Pair], Fault> {
        let index: IndexId = batch.index_of(self.index);
        let tree = tree(batch, index);
        let positions = batch.positions(index);
        let [x, y] = positions.axes() else { return Err(Fault::new("the kernel works in two dimensions")) };
        let ([radius], [vx, vy]) = (batch.prev(self.radius), batch.prev(self.velocity));
        if let Some(at) = radius[batch.rows.indices()].iter().position(|r| 2.0 * r > self.reach) {
            let row = batch.rows.start + at as u32;
            return Err(Fault::at(
                row,
                format!(
                    "Radius is {}, and `reach` is {}: contacts would be missed; make `reach` at least twice the \
                     largest radius",
                    radius[row as usize], self.reach
                ),
            ));
        }
        let (near, pairs, space) = (&mut self.near, &mut self.pairs, batch.space());
        pairs.clear();
        let bodies = Bodies { x, y, vx, vy, radius };
        self.neighbours.for_each_block(&tree, space, positions.axes(), batch.rows, self.reach, |block| {
            block.candidates.gather(x, &mut near.x);
            block.candidates.gather(y, &mut near.y);
            block.candidates.gather(radius, &mut near.radius);
            near.meet(&block, &bodies, space, pairs);
        });
        pairs.sort_unstable_by_key(|pair| (pair.own, pair.other));
        Ok(pairs)
    }
}

/// The columns of all rows.
struct Bodies<'a> {
    x: &'a [f32],
    y: &'a [f32],
    vx: &'a [f32],
    vy: &'a [f32],
    radius: &'a [f32],
}

impl Near {
    /// Finds a block's pairs: every candidate against all lanes, and only where some lane overlaps the rest of the work.
    fn meet(&self, block: &Block<'_>, bodies: &Bodies<'_>, space: &Space, pairs: &mut Vec<Pair>) {
        let mut lanes =
            Lanes { x: [f32::NAN; BLOCK_ROWS_MAX], y: [f32::NAN; BLOCK_ROWS_MAX], radius: [0.0; BLOCK_ROWS_MAX] };
        for (lane, &row) in block.rows.iter().enumerate() {
            let row = row as usize;
            (lanes.x[lane], lanes.y[lane], lanes.radius[lane]) = (bodies.x[row], bodies.y[row], bodies.radius[row]);
        }
        let others = block.candidates.rows();
        for (j, &other) in others.iter().enumerate() {
            if !lanes.any_overlaps(self.x[j], self.y[j], self.radius[j], space) {
                continue;
            }
            for &own in block.rows {
                pairs.extend(bodies.approach(own, other, space));
            }
        }
    }
}

/// The block's rows; an unused lane is NaN, and overlaps nothing.
struct Lanes {
    x: [f32; BLOCK_ROWS_MAX],
    y: [f32; BLOCK_ROWS_MAX],
    radius: [f32; BLOCK_ROWS_MAX],
}

impl Lanes {
    #[inline(always)]
    fn any_overlaps(&self, x: f32, y: f32, radius: f32, space: &Space) -> bool {
        let mut overlaps = 0u32;
        for lane in 0..BLOCK_ROWS_MAX {
            let (dx, dy) = (space.delta(0, self.x[lane], x), space.delta(1, self.y[lane], y));
            let reach = self.radius[lane] + radius;
            overlaps += u32::from(dx * dx + dy * dy < reach * reach);
        }
        // A row always overlaps itself: one overlap may be that, and is looked at more closely.
        overlaps > 0
    }
}

impl Bodies<'_> {
    /// The pair, if they are in contact and approach. Both see the same overlap and the same closing speed, to the
    /// bit, and opposite normals.
    fn approach(&self, own: u32, other: u32, space: &Space) -> Option<Pair> {
        let (i, j) = (own as usize, other as usize);
        let (dx, dy) = (space.delta(0, self.x[i], self.x[j]), space.delta(1, self.y[i], self.y[j]));
        let d2 = dx * dx + dy * dy;
        let reach = self.radius[i] + self.radius[j];
        if own == other || d2 >= reach * reach {
            return None;
        }
        let d = d2.sqrt();
        // Coincident centres have no line between them: the lower row is put to the left.
        let aside = if own < other { 1.0 } else { -1.0 };
        let normal = if d > 0.0 { [dx / d, dy / d] } else { [aside, 0.0] };
        let closing = (self.vx[j] - self.vx[i]) * normal[0] + (self.vy[j] - self.vy[i]) * normal[1];
        (closing < 0.0).then_some(Pair { own, other, normal, overlap: reach - d, closing })
    }
}
