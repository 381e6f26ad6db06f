//! `motion.travel`: x' = x + shift + v' dt, brought back into the space.

use diptych_protocol::access::{Access, AccessError, FreshOwn, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;

use crate::kernel::Kernel;

struct Travel {
    position: Prev<f32, 2>,
    velocity: FreshOwn<f32, 2>,
    shift: FreshOwn<f32, 2>,
    next: Own<f32, 2>,
}

/// `owns Position reads Position fresh Velocity, Shift`.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    Ok(Box::new(Travel {
        position: access.prev("Position")?,
        velocity: access.fresh_own("Velocity")?,
        shift: access.fresh_own("Shift")?,
        next: access.own("Position")?,
    }))
}

impl Kernel for Travel {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let rows = batch.rows.indices();
        let (dt, space) = (batch.dt(), batch.space());
        let position = batch.prev(self.position);
        let (velocity, shift) = (batch.fresh_own(self.velocity), batch.fresh_own(self.shift));
        let next = batch.own(self.next);
        for axis in 0..2 {
            let lanes = next[axis].iter_mut().zip(&position[axis][rows.clone()]).zip(velocity[axis]).zip(shift[axis]);
            for (((next, x), v), shift) in lanes {
                *next = space.place(axis, x + shift + v * dt);
            }
        }
        Ok(())
    }
}
