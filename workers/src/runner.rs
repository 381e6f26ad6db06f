//! Runs one batch of any step: blueprints, index phases, passes, reductions, the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diptych_protocol::access::AccessError;
use diptych_protocol::blame::{Blame, Fault};
use diptych_protocol::id::{GroupId, IndexId, StageId, SystemId, Tick};
use diptych_protocol::program::{IndexPhase, Origin, Program, Work};
use diptych_protocol::table::Table;
use diptych_protocol::track::Track;
use diptych_protocol::view::Batch;

use crate::index::{self, ChunkArrays, KdScratch, Splits};
use crate::interpreter::{Interpreter, Lanes};
use crate::kernel::{Kernel, Registry};
use crate::reduce::Reductions;
use crate::settle::Settle;

/// Everything that one thread needs to run batches of one program.
pub struct Runner {
    kernels: Table<SystemId, Option<Box<dyn Kernel>>>,
    blueprints: Table<GroupId, Option<Interpreter>>,
    kd: KdScratch,
    reductions: Reductions,
    settle: Settle,
}

impl Runner {
    /// Binds a program's kernels.
    pub fn new(program: &Program, registry: &Registry) -> Result<Self, AccessError> {
        let kernels = program.systems.ids().map(|id| registry.bind(program, id)).collect::<Result<_, _>>()?;
        let blueprints = program
            .groups
            .values()
            .map(|group| match group.origin {
                Origin::Blueprint(body) => Some(Interpreter::new(&program.bodies[body])),
                Origin::Buckets(_) => None,
            })
            .collect();
        let (reductions, settle) = (Reductions::new(program), Settle::new(program));
        Ok(Self { kernels, blueprints, kd: KdScratch::default(), reductions, settle })
    }

    /// Runs a claimed batch. A fault, or a panic of a kernel, comes back as blame.
    pub fn run(&mut self, mut batch: Batch<'_, '_>) -> Result<(), Box<Blame>> {
        let result = catch_unwind(AssertUnwindSafe(|| self.work(&mut batch)))
            .unwrap_or_else(|panic| Err(Fault::new(format!("the kernel panicked: {}", panic_message(&*panic)))));
        result.map_err(|fault| {
            Box::new(Blame {
                tick: batch.tick,
                step: batch.step,
                system: batch.system(),
                rows: batch.rows,
                entity: fault.row.map(|row| batch.entity(row)),
                fault,
            })
        })
    }

    fn work(&mut self, batch: &mut Batch<'_, '_>) -> Result<(), Fault> {
        let program = batch.program();
        match &program.steps[batch.step].work {
            Work::Blueprint(group) => self.blueprint(*group, batch),
            Work::Index(index, phase) => return self.index(*index, *phase, batch),
            Work::Pass(systems) => {
                for &system in systems {
                    batch.enter(system);
                    if let Some(kernel) = &mut self.kernels[system] {
                        kernel.run(batch)?;
                    }
                    if let Some((column, row)) = batch.unwritten() {
                        let name = program.columns[column].name();
                        return Err(Fault::at(row, format!("the kernel did not write {name} of this row")));
                    }
                }
            }
            Work::Inverse(..) => {}
            Work::Reduce(group) => self.reductions.block(*group, batch),
            Work::Commit => {
                self.settle.state(&mut self.reductions, batch);
                batch.commit();
            }
        }
        Ok(())
    }

    fn blueprint(&mut self, group: GroupId, batch: &mut Batch<'_, '_>) {
        let (rows, seed, tick) = (batch.rows, batch.program().seed, batch.tick);
        if let Some(interpreter) = &mut self.blueprints[group] {
            interpreter.run(rows, seed, tick, &mut |column, rows, lanes| match lanes {
                Lanes::F32(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::F64(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::I8(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::I16(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::I32(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::U8(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::U16(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::U32(values) => batch.blueprint_rows(column, rows).copy_from_slice(values),
                Lanes::Bool(values) => {
                    for (byte, value) in batch.blueprint_rows::<u8>(column, rows).iter_mut().zip(values) {
                        *byte = u8::from(*value);
                    }
                }
            });
        }
    }

    fn index(&mut self, index: IndexId, phase: IndexPhase, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let scratch = &mut self.kd;
        let positions = batch.positions(index);
        let positions = positions.axes();
        match phase {
            IndexPhase::Split => {
                let v = batch.kd_split(index);
                index::split(&v.shape, positions, scratch, v.axis, v.value, v.row);
            }
            IndexPhase::Count => {
                let v = batch.kd_count(index);
                let splits = Splits { axis: v.splits.axis, value: v.splits.value, row: v.splits.row };
                index::count(&v.shape, batch.space(), positions, splits, batch.rows, scratch, v.chunk_of, v.counts)
                    .map_err(|bad| {
                        let column = batch.program().indexes[index].positions[bad.axis];
                        let name = batch.program().columns[column].name();
                        Fault::at(bad.row, format!("{name} is {}, which {}", bad.value, unfit(batch, bad.axis)))
                    })?;
            }
            IndexPhase::Place => {
                let v = batch.kd_place(index);
                index::place(&v.shape, v.counts, v.first_slots, v.chunk_slots, v.chunk_places);
            }
            IndexPhase::Scatter => {
                let v = batch.kd_scatter(index);
                index::scatter(&v.shape, batch.rows, v.chunk_of, v.first_slots, scratch, v.scattered);
            }
            IndexPhase::Build => {
                let mut v = batch.kd_build(index);
                let arrays = ChunkArrays {
                    first_slot: v.first_slot,
                    slot_rows: v.slot_rows,
                    local_bucket: v.local_bucket,
                    bucket_start: v.bucket_start,
                    bucket_end: v.bucket_end,
                    bucket_box: &mut v.bucket_box[..2 * v.shape.axes],
                    chunk_box: v.chunk_box,
                    chunk_buckets: v.chunk_buckets,
                };
                index::build(&v.shape, positions, v.rows_of_chunk, scratch, arrays)
                    .map_err(|e| Fault::new(format!("an index could not be built: {e}")))?;
            }
            IndexPhase::Seal => {
                let v = batch.kd_seal(index);
                let buckets = index::seal(&v.shape, v.chunk_buckets, v.chunk_box, v.chunk_base, v.node_box);
                if let Some(group) = batch.program().indexes[index].buckets {
                    batch.track().set_derived_rows(group, batch.tick, buckets);
                }
            }
        }
        Ok(())
    }
}

fn unfit(batch: &Batch<'_, '_>, axis: usize) -> String {
    let space = batch.space();
    match space.edge {
        diptych_protocol::space::Edge::Torus => format!(
            "no index can hold on this torus: {} <= x < {} is needed; wrap positions when they move",
            space.lo[axis], space.hi[axis]
        ),
        _ => "no index can hold; find the rule that made it".into(),
    }
}

/// What a panic said.
fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_string(),
        (_, Some(text)) => text.clone(),
        _ => "no message".to_string(),
    }
}

/// Where a batch stands, for whoever claims it.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// The tick.
    pub tick: Tick,
    /// The stage.
    pub stage: StageId,
    /// The batch, counted within the stage.
    pub batch: u32,
}

impl Runner {
    /// Runs the batch that was claimed.
    ///
    /// # Safety
    /// As [`Batch::claimed`]: the caller alone holds the batch, all earlier stages are complete, and the program
    /// was verified.
    #[expect(unsafe_code, reason = "hands the duty of a claim to the caller")]
    pub unsafe fn run_claimed(&mut self, track: &Track<'_>, claim: Claim) -> Result<(), Box<Blame>> {
        // SAFETY: the caller's duty.
        match unsafe { Batch::claimed(track, claim.tick, claim.stage, claim.batch) } {
            Some(batch) => self.run(batch),
            None => Ok(()),
        }
    }
}
