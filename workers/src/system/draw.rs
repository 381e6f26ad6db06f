//! Random draws: addressed, not drawn, so that they are the same whoever computes them and however often.

use diptych_protocol::id::Entity;
use diptych_protocol::math;
use diptych_protocol::random::{Address, site, uniform_f32, uniform_f64};

use super::frame::Frame;

/// A place in a system where random numbers are drawn.
///
/// A number is a pure function of (the scenario's seed, system and label, the row's entity, the frame, the turn): the
/// generator is Philox4x32-10 (see [`diptych_protocol::random`]). So each row has numbers of its own in each frame, and
/// a batch that is run twice draws the same. The address is that of rules in text: there the first draw that stands in
/// system `kick` is called `kick`'s `0`, and `setup.draw("0")` in a native system of that name gives its numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Draw {
    site: u32,
}

impl Draw {
    pub(super) fn new(system: &str, label: &str) -> Self {
        Self { site: site(&format!("system {system}/{label}")) }
    }

    /// The draw of an entity in this frame. `turn` tells several draws of one entity apart: 0, 1, 2, … or the number
    /// of another row.
    #[inline]
    pub fn of(self, frame: &Frame<'_>, entity: Entity, turn: u32) -> Drawn {
        let batch = frame.batch();
        let seed = batch.program().seed;
        let address = Address { seed, entity: entity.index, tick: batch.tick.0, site: self.site, turn };
        Drawn { block: address.block() }
    }
}

/// What was drawn: one number, to be taken in one of these ways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drawn {
    block: [u32; 4],
}

impl Drawn {
    /// Equally likely anywhere in `low <= x < high`, of 24 bits.
    #[inline]
    pub fn uniform(self, low: f32, high: f32) -> f32 {
        let x = low + (high - low) * uniform_f32(self.block, 0);
        // Where rounding gives `high`, `low` is taken.
        if x < high { x } else { low }
    }

    /// Equally likely anywhere in `0 <= x < 1`, of 53 bits.
    #[inline]
    pub fn unit_f64(self) -> f64 {
        uniform_f64(self.block, 0)
    }

    /// True with this probability.
    #[inline]
    pub fn chance(self, probability: f32) -> bool {
        uniform_f32(self.block, 0) < probability
    }

    /// Normally distributed: Box and Muller's transform, `sqrt(-2 ln(1 - u)) cos(2 pi v)`.
    #[inline]
    pub fn normal(self, mean: f32, deviation: f32) -> f32 {
        let (u, v) = (uniform_f32(self.block, 0), uniform_f32(self.block, 1));
        let radius = math::sqrt(-2.0 * math::ln(1.0 - u));
        mean + deviation * (radius * math::cos(std::f32::consts::TAU * v))
    }

    /// Exponentially distributed.
    #[inline]
    pub fn exponential(self, mean: f32) -> f32 {
        mean * -math::ln(1.0 - uniform_f32(self.block, 0))
    }
}
