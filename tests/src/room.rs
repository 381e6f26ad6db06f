//! A system in Rust that keeps its room from batch to batch, and writes how often this process has allocated.

use diptych::prelude::*;

use crate::allocations;

#[derive(Clone, Copy, Component)]
pub(crate) struct Position {
    x: f32,
    y: f32,
}

/// Goes over its rows in each of the three ways, another from batch to batch.
pub(crate) struct Room;

impl System for Room {
    const NAME: &'static str = "test.room";
    type Query = (Id, Own<Position>);
    type Scratch = Vec<f32>;

    fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self)
    }

    fn prepare(&self, room: &mut Vec<f32>, rows: usize) {
        room.reserve(rows);
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, room: &mut Vec<f32>) -> Result<(), Fault> {
        room.clear();
        room.resize(view.len(), 0.0);
        // As far as `f32` counts exactly.
        let seen = Position { x: (allocations::count() % (1 << 24)) as f32, y: 0.0 };
        let first = frame.rows().start;
        match (first / 64) % 3 {
            0 => view.iter().for_each(|(_, mut position)| *position = seen),
            1 => view.entities().for_each(|mut row| row.set(seen)),
            _ => {
                let (_, position) = view.columns();
                position.next.x.fill(seen.x);
                position.next.y.copy_from_slice(room);
            }
        }
        Ok(())
    }
}
