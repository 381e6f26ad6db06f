//! `gravity.far`: the softened pull of the other clusters, each a point at its barycentre. Formula in the module above.

use diptych_protocol::access::{Access, AccessError, Fresh, FreshOwn, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::space::Space;
use diptych_protocol::view::Batch;

use crate::kernel::Kernel;
use crate::wide::wide;

/// Rows that go through the clusters together: lanes.
const LANES: usize = 16;

struct Far {
    position: Prev<f32, 2>,
    cluster: FreshOwn<u32>,
    mass: Fresh<f32>,
    barycentre: Fresh<f32, 2>,
    pull: Own<f32, 2>,
    g: f32,
    softening: f32,
}

/// `owns FarPull reads Position fresh Cluster fresh clusters.Mass, clusters.Barycentre with { g, softening }`; the derived
/// group is the one of the scenario's only index with buckets.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    let program = access.program();
    let clusters = (access.system().reads.iter())
        .map(|read| &program.groups[program.columns[read.column].group])
        .find(|group| group.derived())
        .ok_or_else(|| AccessError("the kernel needs `fresh GROUP.Mass` of a group of buckets".into()))?;
    Ok(Box::new(Far {
        position: access.prev("Position")?,
        cluster: access.fresh_own("Cluster")?,
        mass: access.fresh(&format!("{}.Mass", clusters.name))?,
        barycentre: access.fresh(&format!("{}.Barycentre", clusters.name))?,
        pull: access.own("FarPull")?,
        g: access.constant_f32("g")?,
        softening: access.constant_f32("softening")?,
    }))
}

/// The clusters, all of them.
struct Clusters<'a> {
    x: &'a [f32],
    y: &'a [f32],
    mass: &'a [f32],
}

impl Kernel for Far {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let rows = batch.rows.indices();
        let [x, y] = batch.prev(self.position).map(|axis| &axis[rows.clone()]);
        let [own] = batch.fresh_own(self.cluster);
        let ([mass], [cx, cy]) = (batch.fresh(self.mass), batch.fresh(self.barycentre));
        let [pull_x, pull_y] = batch.own(self.pull);
        let clusters = Clusters { x: cx, y: cy, mass };
        let (g, softening, space) = (self.g, self.softening, batch.space());
        wide(
            #[inline(always)]
            || {
                for first in (0..x.len()).step_by(LANES) {
                    let lanes = first..x.len().min(first + LANES);
                    let block = Block::load(&x[lanes.clone()], &y[lanes.clone()], &own[lanes.clone()]);
                    let (px, py) = block.pulled(&clusters, g, softening, space);
                    pull_x[lanes.clone()].copy_from_slice(&px[..lanes.len()]);
                    pull_y[lanes.clone()].copy_from_slice(&py[..lanes.len()]);
                }
            },
        );
        Ok(())
    }
}

/// Rows as lanes; unused lanes repeat the first and are thrown away.
struct Block {
    x: [f32; LANES],
    y: [f32; LANES],
    own: [u32; LANES],
}

impl Block {
    #[inline(always)]
    fn load(x: &[f32], y: &[f32], own: &[u32]) -> Self {
        let mut block = Self { x: [x[0]; LANES], y: [y[0]; LANES], own: [own[0]; LANES] };
        block.x[..x.len()].copy_from_slice(x);
        block.y[..y.len()].copy_from_slice(y);
        block.own[..own.len()].copy_from_slice(own);
        block
    }

    /// Each cluster against all lanes, in the clusters' order; a lane's own cluster is selected away.
    #[inline(always)]
    fn pulled(&self, clusters: &Clusters<'_>, g: f32, softening: f32, space: &Space) -> ([f32; LANES], [f32; LANES]) {
        let (mut px, mut py) = ([0f32; LANES], [0f32; LANES]);
        let e2 = softening * softening;
        for (number, ((&cx, &cy), &mass)) in clusters.x.iter().zip(clusters.y).zip(clusters.mass).enumerate() {
            let gm = g * mass;
            for lane in 0..LANES {
                let (dx, dy) = (space.delta(0, self.x[lane], cx), space.delta(1, self.y[lane], cy));
                let s2 = dx * dx + dy * dy + e2;
                let scale = gm / (s2 * s2.sqrt());
                let scale = if self.own[lane] == number as u32 { 0.0 } else { scale };
                px[lane] += scale * dx;
                py[lane] += scale * dy;
            }
        }
        (px, py)
    }
}
