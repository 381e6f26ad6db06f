//! What a body's rows ask for: births and ends, from the results it gives, into the records of the batch.

use diptych_protocol::ask_view::Record;
use diptych_protocol::blame::Fault;
use diptych_protocol::id::{EditId, SystemId};
use diptych_protocol::limits::LANES_MAX;
use diptych_protocol::nan::{Writer, watches};
use diptych_protocol::program::{Change, Edit, Program};
use diptych_protocol::types::{NO_ROW, Scalar};
use diptych_protocol::values::{Values, ValuesMut};
use diptych_protocol::view::Batch;

use super::core::Core;
use super::only::word_of;
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
        let slots = batch.slots().is_some().then(|| batch.slot_rows());
        let row = |at: &u32| slots.map_or(batch.rows.start + at, |rows| rows[*at as usize]);
        for (id, edit) in edits {
            let (record, columns) = batch.record(*id);
            if let Some(turns) = edit.turns {
                let Some(requests) = core.requests(usize::from(turns.ask)) else { continue };
                let value = |place: u16| place.checked_sub(1).and_then(|place| requests.column(usize::from(place)));
                match (&edit.change, record) {
                    (Change::Remove { row }, Record::Ends(ends)) => {
                        let Some(Values::U32(rows)) = value(*row) else { continue };
                        ends.end(rows.iter().copied());
                    }
                    (Change::Birth { values, newborn, .. }, Record::Births(births)) => {
                        in_order(batch, edit, requests.rows(), turns.most, chosen)?;
                        asked(*id, &mut chosen.iter().map(|at| requests.rows()[*at as usize]));
                        let places = values.iter().map(|(_, place)| *place).chain(newborn.map(|it| it.name));
                        for (values, column) in places.filter_map(value).zip(columns) {
                            take(values, column, chosen);
                        }
                        let row_of = |at: &u32| requests.rows()[*at as usize];
                        let by_row = chosen.chunk_by(|a, b| row_of(a) == row_of(b));
                        births.ask(by_row.map(|of_row| (row_of(&of_row[0]), of_row.len() as u32)));
                    }
                    _ => unreachable!("a record of another kind of edit"),
                }
                requests.clear();
                continue;
            }
            match (&edit.change, record) {
                (Change::Leave { when }, Record::Ends(ends)) => {
                    choose(&results[usize::from(*when)], count, chosen);
                    ends.end(chosen.iter().map(row));
                }
                (Change::Remove { row }, Record::Ends(ends)) => {
                    let Values::U32(rows) = results[usize::from(*row)].values() else { continue };
                    ends.end(rows[..count].iter().copied());
                }
                (Change::Birth { when, values, newborn }, Record::Births(births)) => {
                    choose(&results[usize::from(*when)], count, chosen);
                    asked(*id, &mut chosen.iter().map(row));
                    let places = values.iter().map(|(_, place)| *place).chain(newborn.map(|it| it.name));
                    for (place, column) in places.zip(columns) {
                        take(results[usize::from(place)].values(), column, chosen);
                    }
                    births.ask(chosen.iter().map(|at| (row(at), 1)));
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

/// The places where a truth value holds: few mostly, so that words of them are looked at.
fn choose(column: &Column, count: usize, chosen: &mut Vec<u32>) {
    chosen.clear();
    for (first, truths) in (0..).step_by(64).zip(truths(column)[..count].chunks(64)) {
        let mut word = word_of(truths);
        while word != 0 {
            chosen.push(first + word.trailing_zeros());
            word &= word - 1;
        }
    }
}

/// Brings the values at these places to the front of a list.
fn take(values: Values<'_>, to: ValuesMut<'_>, chosen: &[u32]) {
    pair!(Values, ValuesMut, values, to, (values, to) => {
        to.iter_mut().zip(chosen).for_each(|(to, at)| *to = values[*at as usize]);
    });
}
