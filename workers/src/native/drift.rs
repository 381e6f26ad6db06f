//! `drift`: position += velocity * dt, brought back into the space. The smallest useful rule.

use diptych_protocol::access::{Access, AccessError, Own, Prev};
use diptych_protocol::blame::Fault;
use diptych_protocol::view::Batch;

use crate::kernel::Kernel;

struct Drift {
    position: Prev<f32, 2>,
    velocity: Prev<f32, 2>,
    next: Own<f32, 2>,
}

/// `owns Position reads Position, Velocity`, both `vec2`.
pub fn bind(access: &mut Access<'_>) -> Result<Box<dyn Kernel>, AccessError> {
    Ok(Box::new(Drift {
        position: access.prev("Position")?,
        velocity: access.prev("Velocity")?,
        next: access.own("Position")?,
    }))
}

impl Kernel for Drift {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let rows = batch.rows.indices();
        let (dt, space) = (batch.dt(), batch.space());
        let (position, velocity) = (batch.prev(self.position), batch.prev(self.velocity));
        let next = batch.own(self.next);
        for axis in 0..2 {
            let lanes = next[axis].iter_mut().zip(&position[axis][rows.clone()]).zip(&velocity[axis][rows.clone()]);
            if space.edge == diptych_protocol::space::Edge::Open {
                for ((next, x), v) in lanes {
                    *next = x + v * dt;
                }
            } else {
                for ((next, x), v) in lanes {
                    *next = space.place(axis, x + v * dt);
                }
            }
        }
        Ok(())
    }
}
