//! Runs a body that gives something of own rows, and goes over nothing but counters. About a finished state: of a
//! reduction, over stretches of rows; of the outputs, once a state. About the state that a frame starts from: of a side
//! of a matching.

use std::ops::Range;

use diptych_protocol::access::AccessError;
use diptych_protocol::body::{At, Body, Op, Typed};
use diptych_protocol::id::{ColumnId, RowRange, ValueId};
use diptych_protocol::outputs::state_of;
use diptych_protocol::program::{Program, Reach, When};
use diptych_protocol::still::Still;
use diptych_protocol::types::Scalar;
use diptych_protocol::view::Batch;

use crate::body::block::{Block, Executor, Turns, Uniforms, Values, ValuesMut};
use crate::body::column::Column;
use crate::body::driver::uniforms;
use crate::body::slots::Slots;
use crate::body::{Backend, executor};
use crate::extract::typed;

/// Rows that are computed at once: what the results take stays in the first cache. They are also summed together where a
/// reduction is a variance: its last bits go with this number.
pub(crate) const STRETCH: usize = 4_096;

/// A body, and the room to run it in. Nothing allocates after [`Self::new`].
pub(crate) struct FinishedBody {
    executor: Box<dyn Executor>,
    slots: Slots,
    loops: Vec<Turns<'static>>,
    rows: Vec<u32>,
    own: Vec<Values<'static>>,
    out: Vec<ValuesMut<'static>>,
    rooms: Vec<Room>,
    /// Of each result: the column that it is, if it is just that.
    plain: Vec<Option<(ColumnId, Scalar)>>,
}

impl FinishedBody {
    /// Takes room for so many rows at once.
    pub(crate) fn new(program: &Program, body: &Body, rows: usize, backend: Backend) -> Result<Self, AccessError> {
        let slots = Slots::of(program, body);
        let executor = executor(program, body, backend)?;
        let plain = |value: &ValueId| match body.ops[*value] {
            Typed { scalar, op: Op::Read { column, at: At::Own, .. } } => Some((column, scalar)),
            _ => None,
        };
        Ok(Self {
            plain: body.results.iter().map(plain).collect(),
            loops: vec![Turns::Count; body.loops.len()],
            rows: if body.asks_rows() { vec![0; executor.room(rows)] } else { Vec::new() },
            own: Vec::with_capacity(slots.own.len()),
            out: Vec::with_capacity(slots.out.len()),
            rooms: slots.out.iter().map(|&scalar| Room::new(scalar, executor.room(rows))).collect(),
            slots,
            executor,
        })
    }

    /// Computes rows (of which there is at least one), at most as many as there is room for. Of a body that reads signals
    /// with those of the state before.
    pub(crate) fn run(&mut self, batch: &Batch<'_, '_>, rows: RowRange, signals: &[u64], reduced: &[f64]) {
        let frame = state_of(batch.tick);
        let uniforms = Uniforms {
            seed: batch.program().seed,
            tick: batch.tick.0,
            frame,
            time: batch.program().time(frame),
            signals,
            reduced,
            space: batch.space(),
        };
        self.compute(rows, uniforms, |column, scalar, rows| finished(batch, column, scalar, rows));
    }

    /// The same about a whole state.
    pub(crate) fn run_still(&mut self, still: &Still<'_>, rows: RowRange, uniforms: Uniforms<'_>) {
        let lanes = rows.start as usize + self.executor.room(rows.len());
        // Where a column ends before the lanes do, its last values stand in memory of their own.
        let mut ends: Vec<(ColumnId, Column)> = Vec::new();
        for slot in &self.slots.own {
            let column = still.column(slot.column);
            if column.len() < lanes * slot.scalar.size() {
                let mut end = Column::new(slot.scalar);
                let there = rows.start as usize..column.len() / slot.scalar.size();
                end.append(typed(slot.scalar, column, there.clone()), 0..there.len());
                end.resize(lanes - rows.start as usize);
                ends.push((slot.column, end));
            }
        }
        self.compute(rows, uniforms, |column, scalar, range| match ends.iter().find(|(id, _)| *id == column) {
            Some((_, end)) => end.values().range(0..range.len()),
            None => typed(scalar, still.column(column), range),
        });
    }

    /// The same of a body that reads no row.
    pub(crate) fn run_alone(&mut self, uniforms: Uniforms<'_>) {
        self.compute(RowRange::new(0, 1), uniforms, |_, _, _| Values::Bool(&[]));
    }

    /// The same where the rows are those that a frame starts from, and the batch ranks them.
    pub(crate) fn run_ranked(&mut self, batch: &Batch<'_, '_>, rows: RowRange) {
        self.compute(rows, uniforms(batch), |column, _, rows| batch.ranked_values(column, rows));
    }

    /// The same for the own rows of a batch that is a stretch of them.
    pub(crate) fn run_own(&mut self, batch: &Batch<'_, '_>, rows: RowRange) {
        self.compute(rows, uniforms(batch), |column, _, rows| {
            let start = batch.rows.start as usize;
            batch.read_values(column, When::Prev, Reach::Own).range(rows.start - start..rows.end - start)
        });
    }

    fn compute<'v>(
        &mut self,
        rows: RowRange,
        uniforms: Uniforms<'_>,
        value: impl Fn(ColumnId, Scalar, Range<usize>) -> Values<'v>,
    ) {
        let Self { executor, slots, loops, rows: lanes, own, out, rooms, .. } = self;
        let room = executor.room(rows.len());
        // Where the body does not ask for them there are none.
        for (lane, row) in lanes.iter_mut().take(room).zip(rows.start..) {
            *lane = row.min(rows.end - 1);
        }
        let start = rows.start as usize;
        let mut values: Vec<Values<'_>> = std::mem::take(own);
        values.extend(slots.own.iter().map(|slot| value(slot.column, slot.scalar, start..start + room)));
        let mut results: Vec<ValuesMut<'_>> = std::mem::take(out);
        results.extend(rooms.iter_mut().map(|of| of.values_mut(room)));
        let block =
            Block { count: rows.len(), rows: &lanes[..room.min(lanes.len())], own: &values, far: &[], loops, uniforms };
        executor.run(&block, &mut results);
        *own = emptied(values);
        *out = emptied(results);
    }

    /// A result that is a column as it stands: its values, and nothing needs to be run for it.
    pub(crate) fn column<'b>(&self, batch: &'b Batch<'_, '_>, at: usize, rows: RowRange) -> Option<Values<'b>> {
        let (column, scalar) = self.plain[at]?;
        Some(finished(batch, column, scalar, rows.indices()))
    }

    /// The column that a result is, if it is just that.
    pub(crate) fn plain(&self, at: usize) -> Option<(ColumnId, Scalar)> {
        self.plain[at]
    }

    /// A result of the rows that were run last.
    pub(crate) fn result(&self, at: usize, rows: usize) -> Values<'_> {
        self.rooms[at].values(rows)
    }
}

/// An empty list in the memory of another: what was borrowed for one stretch of rows cannot stay, the room for the
/// list of it can. The standard library collects in place where the types have one layout; the test of a steady frame
/// sees if it no longer did.
fn emptied<T, U>(list: Vec<T>) -> Vec<U> {
    list.into_iter().filter_map(|_| None).collect()
}

fn finished<'b>(batch: &'b Batch<'_, '_>, column: ColumnId, scalar: Scalar, rows: Range<usize>) -> Values<'b> {
    match scalar {
        Scalar::F32 => Values::F32(batch.finished(column, rows)),
        Scalar::F64 => Values::F64(batch.finished(column, rows)),
        Scalar::I8 => Values::I8(batch.finished(column, rows)),
        Scalar::I16 => Values::I16(batch.finished(column, rows)),
        Scalar::I32 => Values::I32(batch.finished(column, rows)),
        Scalar::U8 => Values::U8(batch.finished(column, rows)),
        Scalar::U16 => Values::U16(batch.finished(column, rows)),
        Scalar::U32 => Values::U32(batch.finished(column, rows)),
        Scalar::Bool => Values::Bool(batch.finished(column, rows)),
    }
}

/// Room for the values of one result.
struct Room {
    scalar: Scalar,
    words: Vec<u64>,
}

impl Room {
    fn new(scalar: Scalar, lanes: usize) -> Self {
        Self { scalar, words: vec![0; (lanes * scalar.size()).div_ceil(8)] }
    }

    fn values_mut(&mut self, lanes: usize) -> ValuesMut<'_> {
        let words = self.words.as_mut_slice();
        match self.scalar {
            Scalar::F32 => ValuesMut::F32(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::F64 => ValuesMut::F64(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::I8 => ValuesMut::I8(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::I16 => ValuesMut::I16(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::I32 => ValuesMut::I32(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::U8 => ValuesMut::U8(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::U16 => ValuesMut::U16(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::U32 => ValuesMut::U32(&mut bytemuck::cast_slice_mut(words)[..lanes]),
            Scalar::Bool => ValuesMut::Bool(&mut bytemuck::cast_slice_mut(words)[..lanes]),
        }
    }

    fn values(&self, lanes: usize) -> Values<'_> {
        let words = self.words.as_slice();
        match self.scalar {
            Scalar::F32 => Values::F32(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::F64 => Values::F64(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::I8 => Values::I8(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::I16 => Values::I16(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::I32 => Values::I32(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::U8 => Values::U8(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::U16 => Values::U16(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::U32 => Values::U32(&bytemuck::cast_slice(words)[..lanes]),
            Scalar::Bool => Values::Bool(&bytemuck::cast_slice(words)[..lanes]),
        }
    }
}

/// The bits of a lane, in the low end.
pub(crate) fn bits_at(values: Values<'_>, lane: usize) -> u64 {
    match values {
        Values::F32(v) => u64::from(v[lane].to_bits()),
        Values::F64(v) => v[lane].to_bits(),
        Values::I8(v) => u64::from(v[lane] as u8),
        Values::I16(v) => u64::from(v[lane] as u16),
        Values::I32(v) => u64::from(v[lane] as u32),
        Values::U8(v) | Values::Bool(v) => u64::from(v[lane]),
        Values::U16(v) => u64::from(v[lane]),
        Values::U32(v) => u64::from(v[lane]),
    }
}
