//! `gravity.near`: the softened pull of the own cluster's particles. Formula in the module above.

use diptych_protocol::access::{Access, AccessError, FreshOwn, IndexHandle, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::id::RowRange;
use diptych_protocol::space::Space;
use diptych_protocol::view::Batch;

use super::tree;
use crate::kernel::Kernel;
use crate::wide::wide;

struct Near {
    mass: Prev<f32>,
    radius: Prev<f32>,
    cluster: FreshOwn<u32>,
    pull: Own<f32, 2>,
    index: IndexHandle,
    g: f32,
    softening: f32,
    order: Vec<(u32, u32)>,
    members: Members,
}

/// A cluster's members, gathered.
#[derive(Default)]
struct Members {
    x: Vec<f32>,
    y: Vec<f32>,
    mass: Vec<f32>,
    radius: Vec<f32>,
    pull_x: Vec<f32>,
    pull_y: Vec<f32>,
}

/// `owns NearPull reads Mass, Radius fresh Cluster index … with { g, softening }`; positions are the index's.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    Ok(Box::new(Near {
        mass: access.prev("Mass")?,
        radius: access.prev("Radius")?,
        cluster: access.fresh_own("Cluster")?,
        pull: access.own("NearPull")?,
        index: access.index()?,
        g: access.constant_f32("g")?,
        softening: access.constant_f32("softening")?,
        order: Vec::new(),
        members: Members::default(),
    }))
}

impl Kernel for Near {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let index = batch.index_of(self.index);
        let tree = tree(batch, index);
        let positions = batch.positions(index);
        let [x, y] = positions.axes() else { return Err(Fault::new("the kernel works in two dimensions")) };
        let ([mass], [radius], [cluster]) =
            (batch.prev(self.mass), batch.prev(self.radius), batch.fresh_own(self.cluster));
        let [pull_x, pull_y] = batch.own(self.pull);
        let RowRange { start, end } = batch.rows;
        // Cluster by cluster, so that its members are gathered once for all the batch's rows in it.
        self.order.clear();
        self.order.extend(cluster.iter().copied().zip(start..end));
        self.order.sort_unstable();
        let members = &mut self.members;
        let mut gathered = None;
        for &(bucket, row) in &self.order {
            if gathered != Some(bucket) {
                gathered = Some(bucket);
                let rows = tree.bucket_rows(bucket);
                for (to, from) in [
                    (&mut members.x, *x),
                    (&mut members.y, *y),
                    (&mut members.mass, mass),
                    (&mut members.radius, radius),
                ] {
                    to.clear();
                    to.extend(rows.iter().map(|&row| from[row as usize]));
                }
            }
            let own = row as usize;
            let me = (x[own], y[own], radius[own]);
            let (g, softening, space) = (self.g, self.softening, batch.space());
            wide(
                #[inline(always)]
                || members.pull_on(me, g, softening, space),
            );
            let at = (row - start) as usize;
            (pull_x[at], pull_y[at]) = members.sum();
        }
        Ok(())
    }
}

impl Members {
    /// Each member's pull on one particle; none of a member in contact, and so none of the particle itself.
    #[inline(always)]
    fn pull_on(&mut self, (x, y, radius): (f32, f32, f32), g: f32, softening: f32, space: &Space) {
        let count = self.x.len();
        self.pull_x.resize(count, 0.0);
        self.pull_y.resize(count, 0.0);
        let (xs, ys, masses, radii) = (&self.x[..count], &self.y[..count], &self.mass[..count], &self.radius[..count]);
        let (pull_x, pull_y) = (&mut self.pull_x[..count], &mut self.pull_y[..count]);
        for j in 0..count {
            let (dx, dy) = (space.delta(0, x, xs[j]), space.delta(1, y, ys[j]));
            let d2 = dx * dx + dy * dy;
            let reach = radius + radii[j];
            let s2 = d2 + softening * softening;
            let scale = g * masses[j] / (s2 * s2.sqrt());
            let scale = if d2 <= reach * reach { 0.0 } else { scale };
            pull_x[j] = scale * dx;
            pull_y[j] = scale * dy;
        }
    }

    /// In the members' order, one after another.
    fn sum(&self) -> (f32, f32) {
        let (mut x, mut y) = (0.0, 0.0);
        for (px, py) in self.pull_x.iter().zip(&self.pull_y) {
            x += px;
            y += py;
        }
        (x, y)
    }
}
