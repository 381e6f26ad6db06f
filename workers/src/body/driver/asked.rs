//! What a body's rows ask for: births and ends, from the results it gives, into the records of the batch.

use std::sync::atomic::{AtomicU64, Ordering};

use diptych_protocol::blame::Fault;
use diptych_protocol::edit_view::Record;
use diptych_protocol::id::{EditId, SystemId};
use diptych_protocol::limits::LANES_MAX;
use diptych_protocol::nan::{Writer, watches};
use diptych_protocol::program::{Change, Edit, Program};
use diptych_protocol::types::{NO_ROW, Scalar};
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::core::Core;
use super::panel::Panel;
use crate::body::column::{Column, pair};

/// The edits of a system, and room for what its body gives.
pub(super) struct Asked {
    edits: Vec<(EditId, Edit)>,
    results: Vec<Column>,
    /// Which of the batch's rows a record is about.
    chosen: Vec<u32>,
    /// Edits whose births are looked at, and the row of the batch that asked for each.
    askers: Vec<(EditId, Vec<u32>)>,
}

impl Asked {
    /// For a system whose body gives results of these types.
    pub fn new(program: &Program, system: SystemId, results: impl Iterator<Item = Scalar>) -> Self {
        let edits = program.edits_of(system).map(|(id, edit)| (id, edit.clone())).collect();
        let mut askers: Vec<(EditId, Vec<u32>)> = Vec::new();
        for watch in watches(program) {
            match watch.writer {
                Writer::Birth(edit) if askers.iter().all(|(id, _)| *id != edit) => askers.push((edit, Vec::new())),
                _ => {}
            }
        }
        Self { edits, results: results.map(Column::new).collect(), chosen: Vec::new(), askers }
    }

    /// The row that asked for a birth of the batch that was just recorded.
    pub fn row_of(&self, edit: EditId, birth: usize) -> Option<u32> {
        let (_, rows) = self.askers.iter().find(|(id, _)| *id == edit)?;
        rows.get(birth).copied()
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
            nothing(&mut column.values_mut(), 0..lanes);
            Panel::Here(column.values_mut())
        })
    }

    /// Records what was asked for. The same however often the batch is run.
    pub fn record(&mut self, batch: &Batch<'_, '_>, core: &mut Core) -> Result<(), Fault> {
        let Self { edits, results, chosen, askers } = self;
        let mut asked = |edit: EditId, rows: &mut dyn Iterator<Item = u32>| {
            if let Some((_, askers)) = askers.iter_mut().find(|(id, _)| *id == edit) {
                askers.clear();
                askers.extend(rows);
            }
        };
        let count = batch.rows.len();
        for (id, edit) in edits {
            let (record, columns) = batch.record(*id);
            let there = batch.group_rows(edit.group);
            if let Some(turns) = edit.turns {
                let Some(requests) = core.requests(usize::from(turns.ask)) else { continue };
                let value = |place: u16| place.checked_sub(1).and_then(|place| requests.column(usize::from(place)));
                match (&edit.change, record) {
                    (Change::Remove { row }, Record::Bits(bits)) => {
                        let Some(Values::U32(rows)) = value(*row) else { continue };
                        rows.iter().filter(|row| **row < there).for_each(|row| end(bits, *row));
                    }
                    (Change::Birth { values, newborn, .. }, Record::Births(length)) => {
                        in_order(batch, edit, requests.rows(), turns.most, chosen)?;
                        asked(*id, &mut chosen.iter().map(|at| requests.rows()[*at as usize]));
                        let places = values.iter().map(|(_, place)| *place).chain(newborn.map(|it| it.name));
                        for (values, column) in places.filter_map(value).zip(columns) {
                            take(values, column, chosen);
                        }
                        length.store(chosen.len() as u32, Ordering::Relaxed);
                    }
                    _ => unreachable!("a record of another kind of edit"),
                }
                requests.clear();
                continue;
            }
            match (&edit.change, record) {
                (Change::Leave { when }, Record::Marks(words)) => {
                    let truths = &truths(&results[usize::from(*when)])[..count];
                    for (word, rows) in words.iter().zip(truths.chunks(64)) {
                        let bits = rows.iter().enumerate().fold(0, |bits, (at, ends)| bits | u64::from(*ends) << at);
                        word.store(bits, Ordering::Relaxed);
                    }
                }
                (Change::Leave { when }, Record::Bits(bits)) => {
                    choose(&results[usize::from(*when)], count, chosen);
                    let rows = batch.slot_rows();
                    chosen.iter().for_each(|at| end(bits, rows[*at as usize]));
                }
                (Change::Remove { row }, Record::Bits(bits)) => {
                    let Values::U32(rows) = results[usize::from(*row)].values() else { continue };
                    rows[..count].iter().filter(|row| **row < there).for_each(|row| end(bits, *row));
                }
                (Change::Birth { when, values, newborn }, Record::Births(length)) => {
                    choose(&results[usize::from(*when)], count, chosen);
                    let slots = batch.slots().is_some().then(|| batch.slot_rows());
                    let row = |at: &u32| slots.map_or(batch.rows.start + at, |rows| rows[*at as usize]);
                    asked(*id, &mut chosen.iter().map(row));
                    let places = values.iter().map(|(_, place)| *place).chain(newborn.map(|it| it.name));
                    for (place, column) in places.zip(columns) {
                        take(results[usize::from(place)].values(), column, chosen);
                    }
                    length.store(chosen.len() as u32, Ordering::Relaxed);
                }
                _ => unreachable!("a record of another kind of edit"),
            }
        }
        Ok(())
    }
}

/// The places of requests, by the rows that ask, then in the order of their turns. None may ask more often than that.
fn in_order(batch: &Batch<'_, '_>, edit: &Edit, rows: &[u32], most: u32, chosen: &mut Vec<u32>) -> Result<(), Fault> {
    chosen.clear();
    chosen.extend(0..rows.len() as u32);
    // Those of a row come in their order.
    chosen.sort_unstable_by_key(|at| (rows[*at as usize], *at));
    let of_row = |a: &u32, b: &u32| rows[*a as usize] == rows[*b as usize];
    let Some(many) = chosen.chunk_by(of_row).find(|of_one| of_one.len() > most as usize) else { return Ok(()) };
    let group = &batch.program().groups[edit.group].name;
    let count = many.len();
    let message =
        format!("it asks for {count} births into {group}, and may for {most}: raise `spawn {group}[max {most}]`");
    Err(Fault { row: Some(rows[many[0] as usize]), ..Fault::full(message) })
}

/// Asks that a row ends. Most of what is asked for is asked once: it is not written where it stands already.
fn end(bits: &[AtomicU64], row: u32) {
    let (word, bit) = (&bits[row as usize / 64], 1 << (row % 64));
    if word.load(Ordering::Relaxed) & bit == 0 {
        word.fetch_or(bit, Ordering::Relaxed);
    }
}

/// What rows give in these places that ask for nothing.
pub(super) fn nothing(result: &mut ValuesMut<'_>, places: std::ops::Range<usize>) {
    match result {
        ValuesMut::Bool(truths) => truths[places].fill(0),
        ValuesMut::U32(rows) => rows[places].fill(NO_ROW),
        _ => {}
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
