//! Neighbours, constants, an enum, and scratch that is kept from batch to batch: walkers who push each other away. The
//! scenario has the same rule in text, and ensures that both give the same bits.
//!
//! ```sh
//! cargo run --release --example crowd
//! ```

use std::process::ExitCode;

use diptych::prelude::*;

/// How a walker is pushed, and how crowded it is there: `{ force: vec2, near: u32 }`.
#[derive(Clone, Copy, Component)]
struct Push {
    force: [f32; 2],
    near: u32,
}

/// `component State = Mood`.
#[derive(Clone, Copy, PartialEq, Component)]
#[component(name = "State")]
enum Mood {
    Calm,
    Hurried,
}

/// Everybody pushes everybody else within reach: less the further away, and more if in a hurry.
struct Shove {
    reach: f32,
    hurry: f32,
    tree: Tree,
}

/// Room, not memory: cleared in each batch.
#[derive(Default)]
struct Room {
    around: Around,
    pushes: Vec<Push>,
}

impl System for Shove {
    const NAME: &'static str = "crowd.shove";
    type Query = (Any<Prev<Mood>>, Own<Push>);
    type Scratch = Room;

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        let (reach, hurry) = (setup.constant("reach")?, setup.constant("hurry")?);
        if reach <= 0.0 {
            return Err(AccessError(format!("`with {{ reach = {reach} }}`: a walker's reach is above 0")));
        }
        Ok(Self { reach, hurry, tree: setup.tree()? })
    }

    fn prepare(&self, room: &mut Room, rows: usize) {
        room.pushes.reserve(rows);
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, room: &mut Room) -> Result<(), Fault> {
        let (moods, push) = view.columns();
        room.pushes.clear();
        room.pushes.resize(push.next.near.len(), Push { force: [0.0; 2], near: 0 });
        let Room { around, pushes } = room;
        self.tree.near(frame, around, self.reach, |near| {
            let push = &mut pushes[near.place];
            let strength = if moods.get(near.other) == Mood::Hurried { self.hurry } else { 1.0 };
            let weight = strength / math::max(near.distance_squared, 0.0001);
            push.force[0] -= near.delta[0] * weight;
            push.force[1] -= near.delta[1] * weight;
            push.near += 1;
        })?;
        for (place, made) in pushes.iter().enumerate() {
            push.next.force[0][place] = made.force[0];
            push.next.force[1][place] = made.force[1];
            push.next.near[place] = made.near;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new().system::<Shove>().scenario("crowd.dip", include_str!("crowd.dip")).main()
}
