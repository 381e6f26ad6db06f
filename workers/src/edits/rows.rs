//! Writing the rows: births into holes and behind the end, survivors into the holes that are left.

use std::ops::Range;
use std::sync::atomic::Ordering;

use diptych_protocol::blame::Fault;
use diptych_protocol::edit_view::PlacedView;
use diptych_protocol::id::GroupId;
use diptych_protocol::types::NO_ROW;
use diptych_protocol::view::Batch;

use super::{holes, set};

/// The rows that holes of these numbers are.
fn holes_of<'v>(v: &'v PlacedView<'_>, numbers: Range<u32>) -> impl Iterator<Item = u32> + 'v {
    let (block, skip) = holes::block_of(v.first_hole, numbers.start);
    holes::ending(&v.ended, block * v.block_rows..v.balance.before).skip(skip as usize).take(numbers.len())
}

/// Writes the births of a part of a list.
pub fn births(batch: &Batch<'_, '_>, group: GroupId, rows: &mut Vec<u32>) -> Result<(), Fault> {
    let (v, born, columns) = batch.edit_births(group);
    let births = born.numbers;
    if births.is_empty() {
        return Ok(());
    }
    let ends = v.balance.ends;
    rows.clear();
    rows.extend(holes_of(&v, births.start.min(ends)..births.end.min(ends)));
    rows.extend((births.start.max(ends)..births.end.max(ends)).map(|birth| v.balance.before + (birth - ends)));
    for (values, cells) in columns {
        cells.put(rows.iter().map(|row| *row as usize), values);
    }
    for &row in rows.iter() {
        let (at, entity) = (row as usize, v.entities[row as usize]);
        let life = v.generations[at].checked_add(1).filter(|life| *life != NO_ROW);
        let life =
            life.ok_or_else(|| Fault::new(format!("entity {entity} cannot be born once more: it was 2^32 times")))?;
        v.next_generations[at].store(life, Ordering::Relaxed);
        // Into a hole: it is there already.
        if row >= v.balance.before {
            v.next_directory[entity as usize].store(row, Ordering::Relaxed);
        }
        set(v.touched, row);
    }
    for (name, row) in born.names.iter().zip(rows.iter()) {
        let place = born.newborn.and_then(|newborn| newborn.place_of(*name));
        if let Some(known) = place.and_then(|place| born.rows.get(place)) {
            known.store(*row, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Closes the gaps of a block that births leave, and frees the names of those that ended there.
pub fn gaps(batch: &Batch<'_, '_>, group: GroupId, moves: &mut Vec<(u32, u32)>) {
    let (v, rows, columns) = batch.edit_gaps(group);
    let (births, end) = (v.balance.births, v.balance.after() as u32);
    let rows = rows.start..rows.end.min(v.balance.before);
    if v.balance.ends <= births || rows.is_empty() {
        return;
    }
    let block = (rows.start / v.block_rows) as usize;
    let first = v.first_hole[block];
    // Holes that births take come first.
    let left = births.saturating_sub(first).min(v.first_hole[block + 1] - first);
    let open = || holes::ending(&v.ended, rows.clone()).skip(left as usize);
    moves.clear();
    let source = (first + left).saturating_sub(births);
    let (from, skip) = holes::block_of(v.survivors, source);
    let tail = (from * v.block_rows).max(end)..v.balance.before;
    let sources = holes::surviving(&v.ended, tail).skip(skip as usize);
    moves.extend(sources.zip(open().take_while(|hole| *hole < end)));
    let pairs = || moves.iter().map(|(from, to)| (*from as usize, *to as usize));
    columns.for_each(|column| column.copy(pairs()));
    for (from, to) in pairs() {
        let (ended, survivor) = (v.entities[to], v.entities[from]);
        v.next_entities[to].store(survivor, Ordering::Relaxed);
        v.next_entities[from].store(ended, Ordering::Relaxed);
        v.next_generations[to].store(v.generations[from], Ordering::Relaxed);
        v.next_generations[from].store(v.generations[to], Ordering::Relaxed);
        v.next_directory[survivor as usize].store(to as u32, Ordering::Relaxed);
        set(v.touched, from as u32);
        set(v.touched, to as u32);
    }
    for row in open() {
        v.next_directory[v.entities[row as usize] as usize].store(NO_ROW, Ordering::Relaxed);
        set(v.touched, row);
    }
}
