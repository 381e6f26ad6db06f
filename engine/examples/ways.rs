//! The same rule, a damped spring, gone over in three ways: a tuple a row, a row as one thing, a loop a column. The
//! scenario has it in text, too, and ensures that all four give the same bits. It is run from its file:
//!
//! ```sh
//! cargo run --release --example ways -- run engine/examples/ways.dip
//! ```

use std::process::ExitCode;

use diptych::prelude::*;

/// What the springs pull.
#[derive(Clone, Copy, Component)]
struct Position {
    x: f32,
    y: f32,
}

/// A velocity that one of the ways makes. The scenario has one of each, so that they can be compared.
macro_rules! velocities {
    ($($name:ident)*) => {$(
        #[derive(Clone, Copy, Component)]
        struct $name {
            x: f32,
            y: f32,
        }
    )*};
}
velocities! { ByTuples ByEntities ByColumns }

/// The spring's stiffness and damping, each by time.
#[derive(Clone, Copy)]
struct Spring {
    stiffness: f32,
    damping: f32,
}

impl Spring {
    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self { stiffness: setup.constant("stiffness")?, damping: setup.constant("damping")? })
    }

    /// The next velocity along one axis: the same operations in the same order as in the scenario.
    #[inline(always)]
    fn pulled(self, x: f32, v: f32, dt: f32) -> f32 {
        v - (x * self.stiffness + v * self.damping) * dt
    }
}

/// A tuple a row: what is owned can be changed in place.
struct Tuples(Spring);

impl System for Tuples {
    const NAME: &'static str = "ways.tuples";
    type Query = (Prev<Position>, Own<ByTuples>);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self(Spring::new(setup)?))
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        for (position, mut velocity) in view {
            velocity.x = self.0.pulled(position.x, velocity.x, frame.dt());
            velocity.y = self.0.pulled(position.y, velocity.y, frame.dt());
        }
        Ok(())
    }
}

/// A row as one thing: components by their types, and its name and number.
struct Entities(Spring);

impl System for Entities {
    const NAME: &'static str = "ways.entities";
    type Query = (Prev<Position>, Own<ByEntities>);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self(Spring::new(setup)?))
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        for mut spring in view.entities() {
            let position: Position = spring.get();
            let velocity: ByEntities = spring.get();
            if !velocity.x.is_finite() {
                let message = format!("spring {} is torn", spring.id().index);
                return Err(frame.fault(spring.place(), message));
            }
            spring.set(ByEntities {
                x: self.0.pulled(position.x, velocity.x, frame.dt()),
                y: self.0.pulled(position.y, velocity.y, frame.dt()),
            });
        }
        Ok(())
    }
}

/// A loop a column, compiled for the widest vectors that the processor has: rows are the lanes.
struct Columns(Spring);

impl System for Columns {
    const NAME: &'static str = "ways.columns";
    type Query = (Prev<Position>, Own<ByColumns>);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self(Spring::new(setup)?))
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let (position, velocity) = view.columns();
        let (spring, dt) = (self.0, frame.dt());
        let axes = [(position.x, velocity.prev.x, velocity.next.x), (position.y, velocity.prev.y, velocity.next.y)];
        wide(
            #[inline(always)]
            || {
                for (x, prev, next) in axes {
                    for ((x, v), next) in x.iter().zip(prev).zip(next) {
                        *next = spring.pulled(*x, *v, dt);
                    }
                }
            },
        );
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new().system::<Tuples>().system::<Entities>().system::<Columns>().main()
}
