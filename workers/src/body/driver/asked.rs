//! What a body's rows ask for: births and ends, from the results it gives, into the records of the batch.

use std::sync::atomic::Ordering;

use diptych_protocol::edit_view::Record;
use diptych_protocol::id::{EditId, SystemId};
use diptych_protocol::limits::LANES_MAX;
use diptych_protocol::program::{Change, Program};
use diptych_protocol::types::{NO_ROW, Scalar, Value};
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::panel::Panel;
use crate::body::column::{Column, pair};

/// The edits of a system, and room for what its body gives.
pub(super) struct Asked {
    edits: Vec<(EditId, Change)>,
    results: Vec<Column>,
    /// Which of the batch's rows a record is about.
    chosen: Vec<u32>,
}

impl Asked {
    /// For a system whose body gives results of these types.
    pub fn new(program: &Program, system: SystemId, results: impl Iterator<Item = Scalar>) -> Self {
        let edits = program.edits_of(system).map(|(id, edit)| (id, edit.change.clone())).collect();
        Self { edits, results: results.map(Column::new).collect(), chosen: Vec::new() }
    }

    /// Room for the batch's results, in the order of the batch.
    pub fn panels<'a>(&'a mut self, batch: &Batch<'_, '_>) -> impl Iterator<Item = Panel<'a>> {
        let lanes = batch.rows.len().next_multiple_of(LANES_MAX);
        self.results.iter_mut().map(move |column| {
            column.resize(lanes);
            Panel::Here(column.values_mut())
        })
    }

    /// Room for the results of a batch of whose rows few are looked at: the others ask for nothing.
    pub fn panels_of_few<'a>(&'a mut self, batch: &Batch<'_, '_>) -> impl Iterator<Item = Panel<'a>> {
        let lanes = batch.rows.len().next_multiple_of(LANES_MAX);
        self.results.iter_mut().map(move |column| {
            column.resize(lanes);
            match column {
                Column::Bool(_) => column.fill(Value::Bool(false)),
                Column::U32(_) => column.fill(Value::U32(NO_ROW)),
                _ => {}
            }
            Panel::Here(column.values_mut())
        })
    }

    /// Records what was asked for. The same however often the batch is run.
    pub fn record(&mut self, batch: &Batch<'_, '_>) {
        let Self { edits, results, chosen } = self;
        let count = batch.rows.len();
        for (id, change) in edits {
            let (record, columns) = batch.record(*id);
            match (change, record) {
                (Change::Leave { when }, Record::Marks(words)) => {
                    let truths = &truths(&results[usize::from(*when)])[..count];
                    for (word, rows) in words.iter().zip(truths.chunks(64)) {
                        let bits = rows.iter().enumerate().fold(0, |bits, (at, ends)| bits | u64::from(*ends) << at);
                        word.store(bits, Ordering::Relaxed);
                    }
                }
                (Change::Leave { when }, Record::Rows(length, list)) => {
                    choose(&results[usize::from(*when)], count, chosen);
                    let rows = batch.slot_rows();
                    list.iter_mut().zip(&*chosen).for_each(|(to, at)| *to = rows[*at as usize]);
                    length.store(chosen.len() as u32, Ordering::Relaxed);
                }
                (Change::Remove { row }, Record::Rows(length, list)) => {
                    let Values::U32(rows) = results[usize::from(*row)].values() else { continue };
                    let there = batch.group_rows(batch.program().edits[*id].group);
                    let mut taken = 0;
                    let found = rows[..count].iter().filter(|row| **row < there);
                    list.iter_mut().zip(found).for_each(|(to, row)| {
                        *to = *row;
                        taken += 1;
                    });
                    length.store(taken, Ordering::Relaxed);
                }
                (Change::Birth { when, values }, Record::Births(length)) => {
                    choose(&results[usize::from(*when)], count, chosen);
                    for ((_, place), column) in values.iter().zip(columns) {
                        take(results[usize::from(*place)].values(), column, chosen);
                    }
                    length.store(chosen.len() as u32, Ordering::Relaxed);
                }
                _ => unreachable!("a record of another kind of edit"),
            }
        }
    }
}

fn truths(column: &Column) -> &[u8] {
    match column.values() {
        Values::Bool(truths) => truths,
        _ => unreachable!("a verified edit is told by a truth value"),
    }
}

/// The places where a truth value holds.
fn choose(column: &Column, count: usize, chosen: &mut Vec<u32>) {
    chosen.clear();
    chosen.extend((0..).zip(&truths(column)[..count]).filter(|(_, holds)| **holds != 0).map(|(at, _)| at));
}

/// Brings the values at these places to the front of a list.
fn take(values: Values<'_>, to: ValuesMut<'_>, chosen: &[u32]) {
    pair!(Values, ValuesMut, values, to, (values, to) => {
        to.iter_mut().zip(chosen).for_each(|(to, at)| *to = values[*at as usize]);
    });
}
