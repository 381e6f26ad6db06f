//! `cluster.assign` and `cluster.summarise`: each particle gets its k-d bucket, each bucket its mass and barycentre.

use diptych_protocol::access::{Access, AccessError, IndexHandle, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;

use super::tree;
use crate::kernel::Kernel;

struct Assign {
    cluster: Own<u32>,
    index: IndexHandle,
}

/// `owns Cluster index …`: `Cluster` is `u32`, the number of the row's bucket.
pub fn bind_assign(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    Ok(Box::new(Assign { cluster: access.own("Cluster")?, index: access.index()? }))
}

impl Kernel for Assign {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let tree = tree(batch, batch.index_of(self.index));
        let [cluster] = batch.own(self.cluster);
        for (cluster, row) in cluster.iter_mut().zip(batch.rows.start..) {
            *cluster = tree.bucket_of(row);
        }
        Ok(())
    }
}

struct Summarise {
    members_mass: Prev<f32>,
    mass: Own<f32>,
    barycentre: Own<f32, 2>,
    index: IndexHandle,
}

/// For the derived group of the index's buckets: `owns Mass, Barycentre reads particles.Mass index …`.
/// `Mass` (`f32`) is the sum of the members', `Barycentre` (`vec2`) their mass-weighted mean position. Sums are in `f64`,
/// members in ascending row order. A bucket without mass has its barycentre at its first member.
pub fn bind_summarise(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    let index = access.index()?;
    let members = access.system().indexes.first().map(|&i| access.program().indexes[i].group);
    let members = members.map_or("", |group| access.program().groups[group].name.as_str());
    Ok(Box::new(Summarise {
        members_mass: access.prev(&format!("{members}.Mass"))?,
        mass: access.own("Mass")?,
        barycentre: access.own("Barycentre")?,
        index,
    }))
}

impl Kernel for Summarise {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let index = batch.index_of(self.index);
        let tree = tree(batch, index);
        let positions = batch.positions(index);
        let [x, y] = positions.axes() else { return Err(Fault::new("the kernel works in two dimensions")) };
        let [members_mass] = batch.prev(self.members_mass);
        let [mass] = batch.own(self.mass);
        let [centre_x, centre_y] = batch.own(self.barycentre);
        for (at, bucket) in (batch.rows.start..batch.rows.end).enumerate() {
            let members = tree.bucket_rows(bucket);
            let (mut m, mut mx, mut my) = (0f64, 0f64, 0f64);
            for &row in members {
                let row = row as usize;
                let w = f64::from(members_mass[row]);
                m += w;
                mx += w * f64::from(x[row]);
                my += w * f64::from(y[row]);
            }
            let first = members.first().map_or((0.0, 0.0), |&row| (x[row as usize], y[row as usize]));
            let centre = if m > 0.0 { ((mx / m) as f32, (my / m) as f32) } else { first };
            mass[at] = m as f32;
            (centre_x[at], centre_y[at]) = centre;
        }
        Ok(())
    }
}
