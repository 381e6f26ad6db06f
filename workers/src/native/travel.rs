//! `motion.travel`: x' = x + shift + v' dt, brought back into the space.

use super::components::{Position, Shift, Velocity};
use crate::system::{AccessError, Fault, Frame, Fresh, Own, Setup, System, View};

/// `owns Position fresh Velocity, Shift`.
pub(super) struct Travel;

impl System for Travel {
    const NAME: &'static str = "motion.travel";
    type Query = (Fresh<Velocity>, Fresh<Shift>, Own<Position>);
    type Scratch = ();

    fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self)
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let (dt, space) = (frame.dt(), frame.space());
        for (velocity, shift, mut position) in view {
            position.x = space.place(0, position.x + shift.x + velocity.x * dt);
            position.y = space.place(1, position.y + shift.y + velocity.y * dt);
        }
        Ok(())
    }
}
