//! Writing the rows: births into holes and behind the end, survivors into the holes that are left, free names behind them.

use std::ops::Range;
use std::sync::atomic::Ordering;

use diptych_protocol::ask_view::Marks;
use diptych_protocol::blame::Fault;
use diptych_protocol::edit_view::PlacedView;
use diptych_protocol::id::GroupId;
use diptych_protocol::types::NO_ROW;
use diptych_protocol::view::Batch;

use super::asks;
use super::marked::{block_of, marked, numbered, unmarked};

/// A birth: where it stands among what was asked for, the row that it gets, and the entity that it becomes.
pub struct Birth {
    place: usize,
    row: u32,
    entity: u32,
    /// The last life of that entity.
    life: u32,
}

/// The rows that holes of these numbers are.
fn holes_of<'v>(v: &PlacedView<'v>, numbers: Range<u32>) -> impl Iterator<Item = u32> + use<'v> {
    numbered(v.holes, v.first_hole, v.block_rows, numbers)
}

/// The entities that end with these numbers, and their lives.
fn ended_of<'v>(v: &PlacedView<'v>, numbers: Range<u32>) -> impl Iterator<Item = (u32, u32)> + use<'v> {
    let (directory, generations) = (v.directory, v.generations);
    let ended = numbered(v.ended, v.first_end, v.block_rows, numbers);
    ended.map(move |entity| (entity, generations[directory[entity as usize] as usize]))
}

/// Writes the births that a block of askers asks for.
pub fn births(batch: &Batch<'_, '_>, group: GroupId, births: &mut Vec<Birth>) -> Result<(), Fault> {
    let (v, born, columns) = batch.edit_births(group);
    let numbers = born.numbers.clone();
    if numbers.is_empty() {
        return Ok(());
    }
    let (before, ends) = (v.balance.before, v.balance.ends);
    let into = numbers.start.min(ends)..numbers.end.min(ends);
    let appended = (numbers.start.max(ends)..numbers.end.max(ends)).map(|birth| before + (birth - ends));
    let rows = holes_of(&v, into.clone()).chain(appended.clone());
    let free = appended.map(|row| (v.entities[row as usize], v.generations[row as usize]));
    let names = ended_of(&v, into).chain(free);
    births.clear();
    let all = asks::places(&born.askers).zip(rows.zip(names));
    births.extend(all.map(|(place, (row, (entity, life)))| Birth { place, row, entity, life }));
    for (values, cells) in columns {
        cells.put(births.iter().map(|it| it.row as usize), values, births.iter().map(|it| it.place));
    }
    let mut touched = Marks::new(v.touched);
    for &Birth { place, row, entity, life } in births.iter() {
        let life = life.checked_add(1).filter(|life| *life != NO_ROW);
        let life =
            life.ok_or_else(|| Fault::new(format!("entity {entity} cannot be born once more: it was 2^32 times")))?;
        v.next_entities[row as usize].store(entity, Ordering::Relaxed);
        v.next_generations[row as usize].store(life, Ordering::Relaxed);
        v.next_directory[entity as usize].store(row, Ordering::Relaxed);
        touched.set(row);
        let name = born.names.get(place).zip(born.newborn).and_then(|(name, newborn)| newborn.place_of(*name));
        if let Some(known) = name.and_then(|name| born.rows.get(name)) {
            known.store(row, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Closes the gaps of a block that births leave, and lists names behind the new end that are free from now on.
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
    let open = marked(v.holes, rows.clone()).skip(left as usize);
    let source = (first + left).saturating_sub(births);
    let (from, skip) = block_of(v.survivors, source);
    let tail = (from * v.block_rows).max(end)..v.balance.before;
    let sources = unmarked(v.holes, tail).skip(skip as usize);
    moves.clear();
    moves.extend(sources.zip(open.take_while(|hole| *hole < end)));
    let pairs = || moves.iter().map(|(from, to)| (*from as usize, *to as usize));
    columns.for_each(|column| column.copy(pairs()));
    let mut touched = Marks::new(v.touched);
    for (from, to) in pairs() {
        let (survivor, life) = v.name(from);
        v.next_entities[to].store(survivor, Ordering::Relaxed);
        v.next_generations[to].store(life, Ordering::Relaxed);
        v.next_directory[survivor as usize].store(to as u32, Ordering::Relaxed);
        touched.set(to as u32);
    }
    let behind = rows.start.max(end)..rows.end.max(end);
    let names = ended_of(&v, births + (behind.start - end)..births + (behind.end - end));
    for (row, (entity, life)) in behind.zip(names) {
        v.next_entities[row as usize].store(entity, Ordering::Relaxed);
        v.next_generations[row as usize].store(life, Ordering::Relaxed);
        v.next_directory[entity as usize].store(NO_ROW, Ordering::Relaxed);
        touched.set(row);
    }
}
