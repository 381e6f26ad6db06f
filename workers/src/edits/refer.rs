//! Making references of the names of newborn rows, a block at a time.

use std::sync::atomic::{AtomicU32, Ordering};

use diptych_protocol::edit_view::{HolderView, NewbornView};
use diptych_protocol::id::GroupId;
use diptych_protocol::types::{NEWBORN, NO_ROW};
use diptych_protocol::view::Batch;

use super::catch_up::each;

/// Rows that are looked at together.
const STRETCH: usize = 64;

/// Goes over all columns of a block that may hold names. Nothing to do where no row with a name was born.
pub fn refer(batch: &Batch<'_, '_>, group: GroupId) {
    if batch.edit_newborns().next().is_none() {
        return;
    }
    let one = |holder: &HolderView<'_>, row: usize| {
        let name = holder.indexes[row].load(Ordering::Relaxed);
        if !(NEWBORN..NO_ROW).contains(&name) {
            return;
        }
        let (index, life) = batch.edit_newborns().find_map(|it| entity(&it, name)).unwrap_or((NO_ROW, NO_ROW));
        // As long as the name stands there, it can be run again.
        holder.lives[row].store(life, Ordering::Relaxed);
        holder.indexes[row].store(index, Ordering::Release);
    };
    for holder in batch.edit_holders(group) {
        match holder.touched {
            Some(touched) => {
                each(touched).take_while(|row| *row < holder.indexes.len()).for_each(|row| one(&holder, row));
            }
            None => {
                for (at, rows) in holder.indexes.chunks(STRETCH).enumerate() {
                    if any(rows) {
                        (at * STRETCH..at * STRETCH + rows.len()).for_each(|row| one(&holder, row));
                    }
                }
            }
        }
    }
}

/// Whether there is a name among them.
fn any(indexes: &[AtomicU32]) -> bool {
    // From a name on, and below none: counted from `NEWBORN` and around.
    let is_name = |index: &AtomicU32| index.load(Ordering::Relaxed).wrapping_sub(NEWBORN) < NO_ROW - NEWBORN;
    indexes.iter().fold(false, |any, index| any | is_name(index))
}

/// Who has become of a name.
fn entity(born: &NewbornView<'_>, name: u32) -> Option<(u32, u32)> {
    let row = born.rows.get(born.newborn.place_of(name)?)?.load(Ordering::Relaxed) as usize;
    let entity = born.entities.get(row)?.load(Ordering::Relaxed);
    Some((entity, born.generations.get(row)?.load(Ordering::Relaxed)))
}
