//! The smallest program with a system in Rust: particles fall around a heavy point. It brings its scenario along:
//!
//! ```sh
//! cargo run --release --example well
//! cargo run --release --example well -- run --set n=1_000_000 --frames 100
//! ```

use std::process::ExitCode;

use diptych::prelude::*;

/// `component Position = vec2`.
#[derive(Clone, Copy, Component)]
struct Position {
    x: f32,
    y: f32,
}

/// `component Velocity = vec2`.
#[derive(Clone, Copy, Component)]
struct Velocity {
    x: f32,
    y: f32,
}

/// The pull of a mass at the origin: `v' = v - g x / |x|^3 dt`, softened so that nothing falls through the middle.
struct Fall {
    g: f32,
}

impl System for Fall {
    const NAME: &'static str = "well.fall";
    type Query = (Prev<Position>, Own<Velocity>);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self { g: setup.constant("g")? })
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let dt = frame.dt();
        for (position, mut velocity) in view {
            let d2 = position.x * position.x + position.y * position.y + 0.01;
            let pull = self.g / (d2 * math::sqrt(d2)) * dt;
            velocity.x -= position.x * pull;
            velocity.y -= position.y * pull;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    App::new().system::<Fall>().scenario("well.dip", include_str!("well.dip")).main()
}
