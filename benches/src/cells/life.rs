//! The game of life by hand: sixteen cells of a line at once, as wide as plain x86-64 has vectors.

use super::{Model, Start, torus};

/// `scenarios/game-of-life.dip`.
pub struct Life {
    width: usize,
    /// Which cells live, 0 or 1.
    pub alive: Vec<u8>,
    next: Vec<u8>,
    count: u32,
}

impl Life {
    /// From state 0.
    ///
    /// # Panics
    /// If it is another scenario's.
    pub fn new(start: &Start) -> Self {
        let alive = start.column("world", "Alive");
        Self { width: start.whole("width") as usize, next: alive.clone(), alive, count: 0 }
    }
}

impl Model for Life {
    fn frame(&mut self) {
        let (width, panels) = (self.width, [&mut self.alive, &mut self.next]);
        let buffer = || vec![0u8; width + 2];
        [self.count] = torus::lines(panels, width, buffer, |_, around, threes, next| {
            let (own, next) = (&around[1][..width], &mut next[..width]);
            // With itself: three neighbours, or two and itself; or three and itself.
            torus::nines(
                around,
                threes,
                |alive| alive,
                |x, nine| next[x] = u8::from(nine == 3) | u8::from(nine == 4) & own[x],
            );
            [torus::count(next, |alive| alive)]
        });
    }

    fn signals(&self) -> Vec<(&'static str, u32)> {
        vec![("alive", self.count)]
    }
}
