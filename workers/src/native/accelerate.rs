//! `motion.accelerate`: v' = v + deflection + (near + far) dt.

use diptych_protocol::access::{Access, AccessError, FreshOwn, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;

use crate::kernel::Kernel;

struct Accelerate {
    velocity: Prev<f32, 2>,
    near: FreshOwn<f32, 2>,
    far: FreshOwn<f32, 2>,
    change: FreshOwn<f32, 2>,
    next: Own<f32, 2>,
}

/// `owns Velocity reads Velocity fresh NearPull, FarPull, Deflection`.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    Ok(Box::new(Accelerate {
        velocity: access.prev("Velocity")?,
        near: access.fresh_own("NearPull")?,
        far: access.fresh_own("FarPull")?,
        change: access.fresh_own("Deflection")?,
        next: access.own("Velocity")?,
    }))
}

impl Kernel for Accelerate {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let rows = batch.rows.indices();
        let dt = batch.dt();
        let velocity = batch.prev(self.velocity);
        let (near, far, change) = (batch.fresh_own(self.near), batch.fresh_own(self.far), batch.fresh_own(self.change));
        let next = batch.own(self.next);
        for axis in 0..2 {
            let lanes = next[axis].iter_mut().zip(&velocity[axis][rows.clone()]);
            for ((((next, v), near), far), change) in lanes.zip(near[axis]).zip(far[axis]).zip(change[axis]) {
                *next = v + change + (near + far) * dt;
            }
        }
        Ok(())
    }
}
