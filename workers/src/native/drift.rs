//! `drift`: position += velocity * dt, brought back into the space. The smallest useful rule.

use super::components::{Position, Velocity};
use crate::system::{AccessError, Fault, Frame, Own, Prev, Setup, System, View};

/// `owns Position reads Velocity`, both `vec2`.
pub(super) struct Drift;

impl System for Drift {
    const NAME: &'static str = "drift";
    type Query = (Prev<Velocity>, Own<Position>);
    type Scratch = ();

    fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self)
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let (dt, space) = (frame.dt(), frame.space());
        for (velocity, mut position) in view {
            position.x = space.place(0, position.x + velocity.x * dt);
            position.y = space.place(1, position.y + velocity.y * dt);
        }
        Ok(())
    }
}
