//! `motion.accelerate`: v' = v + deflection + (near + far) dt.

use super::components::{Deflection, FarPull, NearPull, Velocity};
use crate::system::{AccessError, Fault, Frame, Fresh, Own, Setup, System, View};

/// `owns Velocity fresh NearPull, FarPull, Deflection`.
pub(super) struct Accelerate;

impl System for Accelerate {
    const NAME: &'static str = "motion.accelerate";
    type Query = (Fresh<NearPull>, Fresh<FarPull>, Fresh<Deflection>, Own<Velocity>);
    type Scratch = ();

    fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self)
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let dt = frame.dt();
        for (near, far, change, mut velocity) in view {
            velocity.x = velocity.x + change.x + (near.x + far.x) * dt;
            velocity.y = velocity.y + change.y + (near.y + far.y) * dt;
        }
        Ok(())
    }
}
