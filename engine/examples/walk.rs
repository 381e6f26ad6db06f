//! Random draws: a walk whose steps are the same whoever computes them, however often.
//!
//! ```sh
//! cargo run --release --example walk
//! ```

use std::process::ExitCode;

use diptych::prelude::*;

/// Where a walker is.
#[derive(Clone, Copy, Component)]
struct Position {
    x: f32,
    y: f32,
}

/// Some rest in a frame, the others make a step that is normally distributed along each axis.
struct Step {
    restless: f32,
    length: f32,
    rest: Draw,
    east: Draw,
    north: Draw,
}

impl System for Step {
    const NAME: &'static str = "walk.step";
    type Query = (Id, Own<Position>);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self {
            restless: setup.constant("restless")?,
            length: setup.constant("length")?,
            // Any labels do. These are the ones that draws in text have, so that a rule in text can draw the same.
            rest: setup.draw("0"),
            east: setup.draw("1"),
            north: setup.draw("2"),
        })
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        for (id, mut position) in view {
            if self.rest.of(frame, id, 0).chance(self.restless) {
                position.x += self.east.of(frame, id, 0).normal(0.0, self.length);
                position.y += self.north.of(frame, id, 0).normal(0.0, self.length);
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new().system::<Step>().scenario("walk.dip", include_str!("walk.dip")).main()
}
