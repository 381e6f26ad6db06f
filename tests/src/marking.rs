//! A system in Rust that says which rows it changed: row by row, or of whole columns.

use diptych::prelude::*;

#[derive(Clone, Copy, PartialEq, Component)]
pub(crate) struct Heat {
    now: u32,
    most: u32,
}

#[derive(Clone, Copy, Component)]
pub(crate) struct Push(u32);

/// Adds what pushes, in one of the three ways, another from batch to batch: what is pushed by 0 has not changed.
pub(crate) struct Marking;

impl System for Marking {
    const NAME: &'static str = "test.marking";
    type Query = (Prev<Push>, Own<Heat>);
    type Scratch = ();

    fn new(_: &mut Setup<'_, '_>) -> Result<Self, AccessError> {
        Ok(Self)
    }

    fn run(&self, view: View<'_, Self::Query>, frame: &Frame<'_>, (): &mut ()) -> Result<(), Fault> {
        let more = |heat: Heat, push: Push| Heat { now: heat.now + push.0, most: heat.most.max(push.0) };
        match (frame.rows().start / 64) % 3 {
            0 => view.iter().for_each(|(push, mut heat)| {
                let next = more(heat.prev(), *push);
                heat.set_if_different(next);
            }),
            1 => view.entities().for_each(|mut row| {
                let (push, heat): (Push, Heat) = (row.get(), row.get());
                if push.0 > 0 {
                    row.set(more(heat, push));
                }
            }),
            _ => {
                let (push, mut heat) = view.columns();
                for (at, &push) in push.iter().enumerate() {
                    let next = more(Heat { now: heat.prev.now[at], most: heat.prev.most[at] }, Push(push));
                    (heat.next.now[at], heat.next.most[at]) = (next.now, next.most);
                    if push > 0 {
                        heat.marks.mark(at);
                    }
                }
                if push.iter().all(|push| *push > 0) {
                    heat.marks.mark_all(0..push.len());
                }
            }
        }
        Ok(())
    }
}
