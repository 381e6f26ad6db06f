//! Births and ends in Rust: grass that seeds itself and withers, goats that crop it.
//!
//! ```sh
//! cargo run --release --example meadow
//! ```

use std::process::ExitCode;

use diptych::prelude::*;

#[derive(Clone, Copy, Component)]
struct Position {
    x: f32,
    y: f32,
}

#[derive(Clone, Copy, Component)]
struct Age(u32);

#[derive(Clone, Copy, Component)]
struct Eaten(u32);

/// The group that goats look at.
struct Grass;

impl Group for Grass {
    const NAME: &'static str = "grass";
}

/// A plant ages, scatters up to two seeds a frame, and withers.
struct Grow {
    lasts: u32,
    seeds: f32,
    most: u32,
    scatter: Draw,
}

impl System for Grow {
    const NAME: &'static str = "meadow.grow";
    type Query = (Id, Any<Prev<Position>>, Own<Age>, Spawn<(Position, Age)>, Despawn);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self {
            lasts: setup.constant("lasts")?,
            seeds: setup.constant("seeds")?,
            most: setup.constant("most")?,
            scatter: setup.draw("scatter"),
        })
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let space = frame.space();
        let rows = frame.rows();
        for (row, (id, all, mut age, grass, end)) in (rows.start..rows.end).zip(view) {
            age.0 += 1;
            if age.0 > self.lasts {
                end.despawn();
                continue;
            }
            // Where it is crowded nothing sprouts.
            let room = (all.len() as u32) < self.most;
            let own = all.get(row);
            for seed in 0..2 {
                let far = |axis: u32| self.scatter.of(frame, id, 3 * seed + axis).normal(0.0, 0.5);
                if room && self.scatter.of(frame, id, 3 * seed + 2).chance(self.seeds) {
                    let (x, y) = (space.place(0, own.x + far(0)), space.place(1, own.y + far(1)));
                    grass.spawn((Position { x, y }, Age(0)))?;
                }
            }
        }
        Ok(())
    }
}

/// A goat eats what is within its reach, and walks on. Two that reach one plant both count it; it is gone all the same.
struct Graze {
    reach: f32,
    step: Draw,
}

impl System for Graze {
    const NAME: &'static str = "meadow.graze";
    type Query = (Id, Own<Position>, Own<Eaten>, Of<Grass, Prev<Position>>, Of<Grass, Despawn>);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self { reach: setup.constant("reach")?, step: setup.draw("step") })
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let space = frame.space();
        for (id, mut position, mut eaten, plants, grass) in view {
            for plant in 0..plants.len() as u32 {
                let at = plants.get(plant);
                let (dx, dy) = (space.delta(0, position.x, at.x), space.delta(1, position.y, at.y));
                if dx * dx + dy * dy <= self.reach * self.reach {
                    grass.despawn(plant);
                    eaten.0 += 1;
                }
            }
            position.x = space.place(0, position.x + self.step.of(frame, id, 0).normal(0.0, 0.5));
            position.y = space.place(1, position.y + self.step.of(frame, id, 1).normal(0.0, 0.5));
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new().system::<Grow>().system::<Graze>().scenario("meadow.dip", include_str!("meadow.dip")).main()
}
