//! The driver: brings a system's body its rows, a block at a time.
//!
//! Three ways. Where no loop goes over a neighbourhood, blocks are stretches of the batch's rows, and columns are used
//! where they stand, also those of cells at an offset (`moved`, `lines`). Else blocks are rows that are near each other:
//! their columns are gathered, and so are those of the rows that may be within reach, unless these stand in long runs, or
//! a grid has them in its order; what comes out is scattered. Blocks one behind another that are near each other in a tree are
//! an area, around which is looked once; where the rows of a tree are kept in its order, candidates are stretches of them,
//! used where they stand. Where a pass goes by the slots of an index, blocks are stretches of those
//! (`slotted`). Rows that ask for summaries of what is far do it in parties: then no block lies across those.
//!
//! A system that is for some of its rows (`only`) brings those alone, where they are few (`listed`).
//!
//! A loop that asks with points or radii of its own has a *question*: a body that gives them for all rows of the batch
//! before anything else is done. A loop over the nearest that a *condition* is true for gets them from another body, which
//! is run over offered rows, round by round, until no other row can count (`condition`).

use diptych_protocol::access::AccessError;
use diptych_protocol::blame::Fault;
use diptych_protocol::id::{ColumnId, EditId, SystemId};
use diptych_protocol::program::{Code, Program};
use diptych_protocol::view::Batch;

use self::ahead::Ahead;
use self::asked::Asked;
use self::bound::recycle;
use self::only::Only;
use self::panel::Panel;
use self::rule::Rule;
use super::Backend;
use super::block::Uniforms;
use crate::kernel::Kernel;

mod ahead;
mod around;
mod asked;
mod blocks;
mod bound;
mod candidates;
mod condition;
mod core;
mod far;
mod lines;
mod listed;
mod moved;
mod only;
mod panel;
mod question;
mod rule;
mod runs;
mod slotted;

/// A body as the kernel of its system.
pub struct BodyKernel {
    rule: Rule,
    ahead: Ahead,
    asked: Asked,
    only: Option<Only>,
    stores: Vec<ColumnId>,
    panels: Vec<Panel<'static>>,
}

impl BodyKernel {
    /// For a system whose code is a body.
    pub fn new(program: &Program, system: SystemId, backend: Backend) -> Result<Self, AccessError> {
        let (id, system) = (system, &program.systems[system]);
        let Code::Body(body) = system.code else {
            return Err(AccessError(format!("system {} has no body", system.name)));
        };
        let made = &program.bodies[body];
        let stores = made.stores.iter().map(|store| store.column).collect();
        let asked = Asked::new(program, id, made.results.iter().map(|value| made.ops[*value].scalar));
        let rule = Rule::new(program, system.group, body, backend)?;
        let ahead = Ahead::new(program, system.group, body, backend)?;
        let only = system.only.map(|condition| Only::new(program, id, condition, backend)).transpose()?;
        Ok(Self { rule, ahead, asked, only, stores, panels: Vec::new() })
    }
}

impl Kernel for BodyKernel {
    fn run(&mut self, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let mut panels: Vec<Panel<'_>> = recycle(std::mem::take(&mut self.panels));
        let by_slots = batch.slots().is_some();
        let few = self.only.as_mut().and_then(|only| match by_slots {
            true => only.choose_slots(batch).map(Few::Slots),
            false => only.choose(batch).map(Few::Rows),
        });
        match few {
            Some(Few::Slots(few)) => {
                panels.extend(self.stores.iter().map(|column| Panel::new(batch, *column)));
                panels.extend(self.asked.panels_of_few(batch));
                self.rule.run_few_slots(batch, self.ahead.ask(batch), &mut panels, (few, &self.stores));
            }
            Some(Few::Rows(few)) => {
                panels.extend(self.stores.iter().map(|column| Panel::revised(batch, *column)));
                self.stores.iter().zip(&mut panels).for_each(|(column, panel)| few.keep(batch, *column, panel));
                panels.extend(self.asked.panels_of_few(batch));
                if !few.rows.is_empty() {
                    self.rule.run_few(batch, self.ahead.ask(batch), &mut panels, few);
                }
            }
            None => {
                panels.extend(self.stores.iter().map(|column| Panel::new(batch, *column)));
                panels.extend(self.asked.panels(batch));
                self.rule.run(batch, self.ahead.ask(batch), &mut panels);
            }
        }
        self.panels = recycle(panels);
        self.asked.record(batch, &mut self.rule.core)
    }

    fn asked_by(&self, edit: EditId, birth: usize) -> Option<u32> {
        self.asked.row_of(edit, birth)
    }
}

/// Few rows of a batch, as it is given.
enum Few<'a> {
    Rows(only::Few<'a>),
    Slots(only::FewSlots<'a>),
}

/// The row of each lane; those that fill up repeat the last.
pub(super) fn fill_rows(room: &mut Vec<u32>, rows: impl Iterator<Item = u32>, lanes: usize) {
    room.clear();
    room.extend(rows);
    let last = room.last().copied().unwrap_or(0);
    room.resize(lanes, last);
}

/// What is the same for all rows of the batch's tick.
pub(crate) fn uniforms<'b>(batch: &'b Batch<'_, '_>) -> Uniforms<'b> {
    let frame = batch.tick.frame();
    Uniforms {
        seed: batch.program().seed,
        tick: batch.tick.0,
        frame,
        time: batch.program().time(frame),
        signals: batch.signals(),
        reduced: &[],
        space: batch.space(),
    }
}
