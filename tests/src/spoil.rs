//! A system in Rust that makes a value that is no number: of its own row, or of one that it lets be born.

use diptych::prelude::*;

#[derive(Clone, Copy, Component)]
pub(crate) struct Charge(f32);

pub(crate) struct Spoil {
    /// Which of both.
    births: bool,
}

impl System for Spoil {
    const NAME: &'static str = "test.spoil";
    type Query = (Own<Charge>, Spawn<(Charge,)>);
    type Scratch = ();

    fn new(setup: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self { births: setup.constant::<f32>("births")? > 0.0 })
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        for (mut charge, births) in view {
            let now = charge.prev();
            // Many of one frame, in several batches.
            let spoilt = if frame.number() == 3 && now.0 < 0.1 { f32::NAN } else { 0.5 };
            match self.births {
                true => births.spawn((Charge(spoilt),))?,
                false => *charge = Charge(now.0 + 0.0 * spoilt),
            }
        }
        Ok(())
    }
}
