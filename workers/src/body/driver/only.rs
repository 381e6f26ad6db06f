//! Rows that a system looks at: those for which its condition holds. The others keep what they have.
//!
//! The condition is computed for all rows of the batch, which reads what it asks for and no more. Where it holds for few of
//! them, these alone are brought to the body, side by side, and of the others only those are copied whose panel does not hold
//! the right values already ([`diptych_protocol::chosen`]). Where it holds for most, the body goes over all rows as if
//! there were no condition: its own operations have it, too. Which of both it is shows in no bit.
//!
//! Where a batch is given by slots its rows move, and all are written: blocks without a row that is looked at are copied.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use diptych_protocol::access::AccessError;
use diptych_protocol::id::{BodyId, ColumnId, RowRange, SystemId};
use diptych_protocol::program::{Domain, Program, Reach, When};
use diptych_protocol::steps::pass_of;
use diptych_protocol::types::{Scalar, Value};
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::bound::recycle;
use super::panel::Panel;
use super::{fill_rows, uniforms};
use crate::body::block::{Block, Executor};
use crate::body::column::{Column, pair};
use crate::body::slots::Slots;
use crate::body::{Backend, executor};
use crate::finished::{FinishedBody, STRETCH};

/// The condition of a system, and what it found.
pub(super) struct Only {
    condition: Way,
    /// A bit for each of the batch's rows, from its first on.
    bits: Vec<u64>,
    /// The rows that are looked at, ascending.
    rows: Vec<u32>,
    /// Places in the batch of rows that are not, and have to be copied.
    stale: Vec<u32>,
}

/// How it is computed: as the system's batches are given.
enum Way {
    /// Over stretches of rows.
    Stretch(FinishedBody),
    /// Over rows that stand apart.
    Apart(Apart),
}

/// The rows of a batch that are looked at.
#[derive(Clone, Copy)]
pub(super) struct Few<'a> {
    first: u32,
    bits: &'a [u64],
    /// Their numbers, ascending.
    pub rows: &'a [u32],
    /// Places in the batch of others, which have to be copied.
    stale: &'a [u32],
}

impl Few<'_> {
    /// Whether a row of the batch is among them.
    #[inline]
    pub fn has(&self, row: u32) -> bool {
        let at = (row - self.first) as usize;
        self.bits[at / 64] >> (at % 64) & 1 != 0
    }

    /// Brings what the others keep to a panel of `next`.
    pub fn keep(&self, batch: &Batch<'_, '_>, column: ColumnId, panel: &mut Panel<'_>) {
        match panel.here() {
            ValuesMut::Bool(marks) if batch.program().columns[column].mark => marks.fill(0),
            panel => copy(batch.read_values(column, When::Prev, Reach::Own), panel, self.stale),
        }
    }
}

impl Only {
    /// For a verified condition.
    pub fn new(program: &Program, system: SystemId, condition: BodyId, backend: Backend) -> Result<Self, AccessError> {
        let condition = match pass_of(program, system).1 {
            Domain::Slots { .. } => Way::Apart(Apart::new(program, condition, backend)?),
            _ => Way::Stretch(FinishedBody::new(program, &program.bodies[condition], STRETCH, backend)?),
        };
        Ok(Self { condition, bits: Vec::new(), rows: Vec::new(), stale: Vec::new() })
    }

    /// Finds them of a batch that is given by slots; nothing if they are most of all.
    pub fn choose_slots(&mut self, batch: &Batch<'_, '_>) -> Option<FewSlots<'_>> {
        let Self { condition: Way::Apart(apart), bits, .. } = self else {
            unreachable!("the system's pass goes by slots")
        };
        bits.clear();
        for rows in batch.slot_rows().chunks(STRETCH) {
            bits.extend(apart.run(batch, rows).chunks(64).map(word_of));
        }
        let count: u32 = bits.iter().map(|word| word.count_ones()).sum();
        (2 * count as usize <= batch.rows.len()).then_some(FewSlots { bits })
    }

    /// Finds the rows of a batch, and says so for the next frame; nothing if they are most of all.
    pub fn choose(&mut self, batch: &Batch<'_, '_>) -> Option<Few<'_>> {
        let Self { condition: Way::Stretch(condition), bits, rows, stale } = self else {
            unreachable!("the system's pass goes by rows")
        };
        bits.clear();
        let mut next = batch.rows.start;
        while next < batch.rows.end {
            let stretch = RowRange::new(next, batch.rows.end.min(next + STRETCH as u32));
            condition.run_own(batch, stretch);
            let Values::Bool(truths) = condition.result(0, stretch.len()) else {
                unreachable!("a verified condition gives a truth value")
            };
            // Stretches are whole words, but for the last.
            bits.extend(truths.chunks(64).map(word_of));
            next = stretch.end;
        }
        let view = batch.chosen();
        let count: u32 = bits.iter().map(|word| word.count_ones()).sum();
        view.now.iter().zip(&*bits).for_each(|(to, word)| to.store(*word, Ordering::Relaxed));
        if 2 * count as usize > batch.rows.len() {
            return None;
        }
        let of = |words: Option<&[AtomicU64]>, at: usize, none: u64| {
            words.map_or(none, |words| words[at].load(Ordering::Relaxed))
        };
        rows.clear();
        stale.clear();
        for (at, word) in bits.iter().enumerate() {
            let left = batch.rows.len() - 64 * at;
            let there = if left < 64 { (1 << left) - 1 } else { u64::MAX };
            let old = (of(view.before, at, u64::MAX) | of(view.edited, at, 0)) & !word & there;
            each(*word, |bit| rows.push(batch.rows.start + 64 * at as u32 + bit));
            each(old, |bit| stale.push(64 * at as u32 + bit));
        }
        Some(Few { first: batch.rows.start, bits, rows, stale })
    }
}

/// The condition over rows that stand apart from each other.
struct Apart {
    executor: Box<dyn Executor>,
    slots: Slots,
    own: Vec<Column>,
    out: Column,
    rows: Vec<u32>,
    values: Vec<Values<'static>>,
}

impl Apart {
    fn new(program: &Program, condition: BodyId, backend: Backend) -> Result<Self, AccessError> {
        let body = &program.bodies[condition];
        let slots = Slots::of(program, body);
        Ok(Self {
            executor: executor(program, body, backend)?,
            own: slots.own.iter().map(|slot| Column::new(slot.scalar)).collect(),
            slots,
            out: Column::new(Scalar::Bool),
            rows: Vec::new(),
            values: Vec::new(),
        })
    }

    /// Whether it holds for each of these rows of `prev`.
    fn run(&mut self, batch: &Batch<'_, '_>, rows: &[u32]) -> &[u8] {
        let Self { executor, slots, own, out, rows: lanes, values, .. } = self;
        fill_rows(lanes, rows.iter().copied(), executor.room(rows.len()));
        for (column, slot) in own.iter_mut().zip(&slots.own) {
            let Some(panel) = batch.read_by_row(slot.column, When::Prev) else {
                unreachable!("`prev` is written by nobody")
            };
            column.gather(panel, lanes.iter().map(|row| *row as usize));
        }
        out.resize(lanes.len());
        let mut read: Vec<Values<'_>> = recycle(std::mem::take(values));
        read.extend(own.iter().map(Column::values));
        let block =
            Block { count: rows.len(), rows: lanes, own: &read, far: &[], loops: &[], uniforms: uniforms(batch) };
        executor.run(&block, &mut [out.values_mut()]);
        *values = recycle(read);
        match out {
            Column::Bool(truths) => &truths[..rows.len()],
            _ => unreachable!("a verified condition gives a truth value"),
        }
    }
}

/// The rows that are looked at of a batch that is given by slots, by the places of these.
#[derive(Clone, Copy)]
pub(super) struct FewSlots<'a> {
    bits: &'a [u64],
}

impl FewSlots<'_> {
    /// Whether any of these places of the batch is among them.
    pub fn any(&self, places: Range<usize>) -> bool {
        places.into_iter().any(|at| self.bits[at / 64] >> (at % 64) & 1 != 0)
    }

    /// Brings what rows keep that are not looked at to the panel of a column: those in these places of the batch.
    pub fn keep(
        batch: &Batch<'_, '_>,
        column: ColumnId,
        (places, rows): (Range<usize>, &[u32]),
        room: &mut Column,
        panel: &mut Panel<'_>,
    ) {
        let there = rows.iter().map(|row| *row as usize);
        if batch.program().columns[column].mark {
            room.resize(rows.len());
            room.fill(Value::Bool(false));
        } else if let Some(prev) = batch.read_by_row(column, When::Prev) {
            room.gather(prev, there.clone());
        }
        match panel {
            Panel::Here(panel) => room.scatter(panel, places),
            Panel::ByRow(cells) => room.scatter_cells(*cells, there),
        }
    }
}

/// A bit for each of at most 64 rows.
pub(super) fn word_of(truths: &[u8]) -> u64 {
    truths.iter().enumerate().fold(0, |bits, (at, holds)| bits | u64::from(*holds) << at)
}

fn copy(from: Values<'_>, to: &mut ValuesMut<'_>, places: &[u32]) {
    pair!(Values, ValuesMut, from, to, (from, to) => {
        places.iter().for_each(|place| to[*place as usize] = from[*place as usize]);
    });
}

fn each(mut word: u64, mut f: impl FnMut(u32)) {
    while word != 0 {
        f(word.trailing_zeros());
        word &= word - 1;
    }
}
