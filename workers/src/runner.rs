//! Runs one batch of any step: blueprints, phases of indexes, inverses and matchings, passes, reductions, the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use diptych_protocol::access::AccessError;
use diptych_protocol::blame::{Blame, Fault};
use diptych_protocol::id::{GroupId, IndexId, InverseId, RowRange, StageId, SystemId, Tick};
use diptych_protocol::inject::Moment;
use diptych_protocol::program::{Code, IndexKind, IndexPhase, InversePhase, Origin, Program, Work};
use diptych_protocol::table::Table;
use diptych_protocol::track::Track;
use diptych_protocol::view::Batch;

use crate::body::Backend;
use crate::body::blueprint::Blueprint;
use crate::body::driver::BodyKernel;
use crate::edits::{self, EditScratch};
use crate::grid::{self, Carry};
use crate::index::{self, BadPosition, ChunkArrays, KdScratch, Splits};
use crate::inverse::{self, InverseScratch};
use crate::kernel::{Kernel, Registry};
use crate::matching::Matchings;
use crate::nan::NanCheck;
use crate::reduce::Reductions;
use crate::settle::Settle;
use crate::trace::{Laps, Part};

/// Everything that one thread needs to run batches of one program.
pub struct Runner {
    kernels: Table<SystemId, Option<Box<dyn Kernel>>>,
    blueprints: Table<GroupId, Option<Blueprint>>,
    kd: KdScratch,
    inverse: InverseScratch,
    edits: EditScratch,
    matchings: Matchings,
    reductions: Reductions,
    settle: Settle,
    nan: NanCheck,
    laps: Laps,
}

impl Runner {
    /// Binds a program's kernels and bodies.
    pub fn new(program: &Program, registry: &Registry, backend: Backend) -> Result<Self, AccessError> {
        let kernel = |id| match program.systems[id].code {
            Code::Native(_) => registry.bind(program, id),
            Code::Body(_) => Ok(Some(Box::new(BodyKernel::new(program, id, backend)?) as Box<dyn Kernel>)),
            Code::Carry => Ok(Some(Box::new(Carry) as Box<dyn Kernel>)),
        };
        let blueprint = |origin| match origin {
            Origin::Blueprint(body) => Blueprint::new(program, body, backend).map(Some),
            Origin::Buckets(_) | Origin::Directory(_) => Ok(None),
        };
        Ok(Self {
            kernels: program.systems.ids().map(kernel).collect::<Result<_, _>>()?,
            blueprints: program.groups.values().map(|group| blueprint(group.origin)).collect::<Result<_, _>>()?,
            kd: KdScratch::default(),
            inverse: InverseScratch::default(),
            edits: EditScratch::default(),
            matchings: Matchings::new(program, backend)?,
            reductions: Reductions::new(program, backend)?,
            settle: Settle::new(program, backend)?,
            nan: NanCheck::new(program),
            laps: Laps::default(),
        })
    }

    /// When parts of batches were over, if somebody asks.
    pub(crate) fn laps(&mut self) -> &mut Laps {
        &mut self.laps
    }

    /// Runs a claimed batch. A fault, or a panic of a kernel, comes back as blame.
    pub fn run(&mut self, batch: Batch<'_, '_>) -> Result<(), Box<Blame>> {
        self.run_past(batch, |_| ())
    }

    /// The same, past failures that may be injected before and after its work.
    fn run_past(&mut self, mut batch: Batch<'_, '_>, moment: impl Fn(Moment)) -> Result<(), Box<Blame>> {
        let all = || {
            moment(Moment::Claimed);
            self.work(&mut batch)?;
            moment(Moment::Written);
            Ok(())
        };
        let result = catch_unwind(AssertUnwindSafe(all))
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
        self.laps.begin(batch.step, batch.number, batch.rows);
        match &program.steps[batch.step].work {
            Work::Blueprint(group) => {
                if let Some(blueprint) = &mut self.blueprints[*group] {
                    blueprint.run(batch);
                    self.nan.blueprint(*group, batch.written())?;
                }
            }
            Work::Index(index, phase) => {
                return match program.indexes[*index].kind {
                    IndexKind::Tree { .. } => self.tree(*index, *phase, batch),
                    IndexKind::Grid { .. } => self.grid(*index, *phase, batch),
                };
            }
            Work::Pass { systems, reduces } => {
                for &system in systems {
                    batch.enter(system);
                    let Some(kernel) = &mut self.kernels[system] else { continue };
                    kernel.run(batch)?;
                    if let Some((column, row)) = batch.unwritten() {
                        let name = program.columns[column].name();
                        return Err(Fault::at(row, format!("the kernel did not write {name} of this row")));
                    }
                    self.nan.system(system, batch.written(), &**kernel)?;
                    self.laps.end(Part::System(system));
                }
                batch.leave();
                if let Some(group) = batch.group().filter(|_| *reduces) {
                    self.reductions.blocks(group, batch);
                    self.laps.end(Part::Reduce);
                }
            }
            Work::Inverse(inverse, phase) => self.inverse(*inverse, *phase, batch),
            Work::Edit(group, phase) => return edits::run(batch, *group, *phase, &mut self.edits),
            Work::Match(matching, phase) => self.matchings.run(*matching, *phase, batch, &mut self.inverse),
            Work::Reduce(group) => self.reductions.blocks(*group, batch),
            Work::Tally(group, digit) => self.reductions.tally(*group, *digit, batch),
            Work::Pick(digit) => self.reductions.pick(*digit, batch),
            Work::Commit => {
                self.settle.state(&mut self.reductions, batch);
                batch.commit();
            }
        }
        Ok(())
    }

    fn inverse(&mut self, inverse: InverseId, phase: InversePhase, batch: &Batch<'_, '_>) {
        let scratch = &mut self.inverse;
        match phase {
            InversePhase::Count => {
                let v = batch.inverse_count(inverse);
                let rows = match v.lookup {
                    Some(lookup) => inverse::look_up(v.references, lookup),
                    None => v.references,
                };
                inverse::count(&v.shape, rows, v.counts);
            }
            InversePhase::Place => {
                let v = batch.inverse_place(inverse);
                inverse::place(&v.shape, v.counts, v.first_slots, v.chunk_slots);
            }
            InversePhase::Scatter => {
                let v = batch.inverse_scatter(inverse);
                inverse::scatter(&v.shape, batch.rows, v.references, v.first_slots, scratch, v.scattered);
            }
            InversePhase::List => {
                let Some(v) = batch.inverse_list(inverse) else { return };
                let (scattered, first_slot, starts, listed) = (v.scattered, v.first_slot, v.starts, v.listed);
                let chunk = inverse::Chunk { chunk: v.chunk, scattered, first_slot, starts, listed };
                inverse::list(&v.shape, v.references, scratch, chunk);
            }
        }
    }

    fn grid(&mut self, index: IndexId, phase: IndexPhase, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let scratch = &mut self.inverse;
        match phase {
            IndexPhase::Bounds => {
                let (found, rounded) = batch.grid_bounds(index);
                own_rows(batch, index, rounded, |positions, rows| {
                    grid::bounds(positions, rows, found);
                    Ok(())
                })?;
            }
            IndexPhase::Count => {
                let v = batch.grid_count(index);
                own_rows(batch, index, v.rounded, |positions, rows| {
                    grid::count(&v.lattice, &v.shape, batch.space(), positions, rows, v.cell_of, v.counts)
                })?;
            }
            IndexPhase::Place => {
                let v = batch.grid_place(index);
                inverse::place(&v.shape, v.counts, v.first_slots, v.chunk_slots);
            }
            IndexPhase::Scatter => {
                let v = batch.grid_scatter(index);
                inverse::scatter(&v.shape, batch.rows, v.references, v.first_slots, scratch, v.scattered);
            }
            IndexPhase::Build => {
                let Some((v, copies)) = batch.grid_build(index) else { return Ok(()) };
                let (scattered, first_slot, starts, listed) = (v.scattered, v.first_slot, v.starts, v.listed);
                let chunk = inverse::Chunk { chunk: v.chunk, scattered, first_slot, starts, listed: &mut *listed };
                inverse::list(&v.shape, v.references, scratch, chunk);
                copies.for_each(|(from, to)| grid::copy(listed, from, to));
            }
            IndexPhase::Split | IndexPhase::Seal => unreachable!("a verified grid has no such phase"),
        }
        Ok(())
    }

    fn tree(&mut self, index: IndexId, phase: IndexPhase, batch: &Batch<'_, '_>) -> Result<(), Fault> {
        let scratch = &mut self.kd;
        let positions = batch.positions(index);
        let positions = positions.axes();
        match phase {
            IndexPhase::Split => {
                let mut v = batch.kd_split(index);
                if v.rounded[0].is_empty() {
                    index::split(&v.shape, positions, scratch, v.axis, v.value, v.row);
                } else {
                    for (axis, rounded) in v.rounded.iter_mut().take(v.shape.axes).enumerate() {
                        index::round(batch.space(), axis, batch.wide_position(index, axis), rounded);
                    }
                    let [x, y, z] = &v.rounded;
                    let positions = [&**x, &**y, &**z];
                    index::split(&v.shape, &positions[..v.shape.axes], scratch, v.axis, v.value, v.row);
                }
            }
            IndexPhase::Count => {
                let v = batch.kd_count(index);
                let splits = Splits { axis: v.splits.axis, value: v.splits.value, row: v.splits.row };
                index::count(&v.shape, batch.space(), positions, splits, batch.rows, scratch, v.chunk_of, v.counts)
                    .map_err(|bad| misplaced(batch, index, bad))?;
                if let Some(stretches) = v.stretches {
                    index::refit(positions, batch.rows, stretches);
                }
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
                let Some(mut v) = batch.kd_build(index) else { return Ok(()) };
                let arrays = ChunkArrays {
                    first_slot: v.first_slot,
                    slot_rows: v.slot_rows,
                    local_bucket: v.local_bucket,
                    bucket_start: v.bucket_start,
                    bucket_end: v.bucket_end,
                    bucket_box: &mut v.bucket_box[..2 * v.shape.axes],
                    chunk_box: v.chunk_box,
                    chunk_buckets: v.chunk_buckets,
                    leaves: v.summary.as_mut().map(|summary| &mut *summary.leaves),
                    in_pieces: v.in_pieces,
                };
                index::build(&v.shape, positions, v.rows_of_chunk, scratch, arrays)
                    .map_err(|e| Fault::new(format!("an index could not be built: {e}")))?;
                if let Some(summary) = v.summary {
                    let count = *v.chunk_buckets as usize;
                    let bucket_box = v.bucket_box.each_ref().map(|side| &**side);
                    let buckets = index::ChunkBuckets {
                        slot_rows: v.slot_rows,
                        first_slot: v.first_slot,
                        bucket_start: &v.bucket_start[..count],
                        bucket_end: &v.bucket_end[..count],
                        bucket_box: &bucket_box[..2 * v.shape.axes],
                    };
                    let column = |number| batch.kd_column(index, number);
                    let (nodes, leaves) = (summary.nodes, summary.leaves);
                    let (shape, scratch) = (&summary.shape, &mut scratch.summary);
                    index::summarise(shape, v.shape.rows, buckets, column, scratch, nodes, leaves);
                }
            }
            IndexPhase::Seal => {
                let v = batch.kd_seal(index);
                let buckets = index::seal(&v.shape, v.chunk_buckets, v.chunk_box, v.chunk_base, v.node_box);
                if let Some(stretches) = v.stretches {
                    index::refit_above(v.shape.axes, stretches);
                }
                if let Some(s) = v.summary {
                    let chunks =
                        index::Chunks { slots: s.chunk_slots, places: s.chunk_places, buckets: v.chunk_buckets };
                    index::summarise_top(&s.shape, chunks, v.node_box, s.nodes, s.top);
                }
                if let Some(group) = batch.program().indexes[index].buckets {
                    batch.track().set_made_rows(group, batch.tick, buckets);
                }
            }
            IndexPhase::Bounds => unreachable!("a verified tree has no such phase"),
        }
        Ok(())
    }
}

/// Calls `f` with positions and the batch's rows among them: with those of the index as they stand, or, where there is
/// room for rounded ones, with those of the batch alone, rounded.
fn own_rows(
    batch: &Batch<'_, '_>,
    index: IndexId,
    mut rounded: [&mut [f32]; 3],
    f: impl FnOnce(&[&[f32]], RowRange) -> Result<(), BadPosition>,
) -> Result<(), Fault> {
    if rounded[0].is_empty() {
        let done = f(batch.positions(index).axes(), batch.rows);
        return done.map_err(|bad| misplaced(batch, index, bad));
    }
    let axes = batch.program().indexes[index].positions.len();
    for (axis, rounded) in rounded.iter_mut().enumerate().take(axes) {
        index::round(batch.space(), axis, &batch.wide_position(index, axis)[batch.rows.indices()], rounded);
    }
    let done = f(&rounded.each_ref().map(|axis| &**axis)[..axes], RowRange::new(0, batch.rows.len() as u32));
    done.map_err(|bad| misplaced(batch, index, BadPosition { row: batch.rows.start + bad.row, ..bad }))
}

fn misplaced(batch: &Batch<'_, '_>, index: IndexId, bad: BadPosition) -> Fault {
    let column = batch.program().indexes[index].positions[bad.axis];
    let name = batch.program().columns[column].name();
    Fault::at(bad.row, format!("{name} is {}, which {}", bad.value, unfit(batch, bad.axis)))
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
    /// Runs the batch that was claimed; `moment` is told how far it is with it.
    ///
    /// # Safety
    /// As [`Batch::claimed`]: the caller alone holds the batch, all earlier stages are complete, and the program
    /// was verified.
    #[expect(unsafe_code, reason = "hands the duty of a claim to the caller")]
    pub unsafe fn run_claimed(
        &mut self,
        track: &Track<'_>,
        claim: Claim,
        moment: impl Fn(Moment),
    ) -> Result<(), Box<Blame>> {
        // SAFETY: the caller's duty.
        match unsafe { Batch::claimed(track, claim.tick, claim.stage, claim.batch) } {
            Some(batch) => self.run_past(batch, moment),
            None => Ok(()),
        }
    }
}
