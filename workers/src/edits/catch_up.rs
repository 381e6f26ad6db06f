//! Bringing the panels that nobody owns up to date, a block at a time: first names, then what the frame before touched.

use std::sync::atomic::{AtomicU64, Ordering};

use diptych_protocol::edit_view::{BeginView, CatchUpView};
use diptych_protocol::types::NO_ROW;
use diptych_protocol::values::{Values, ValuesMut};

use super::{marked, set};

/// Names the entities of a block: the row of each is its number, and the first ones live. The first frame has to catch
/// up with all that set-up made.
pub fn begin(v: BeginView<'_>) {
    let lives = |row: u32| row < v.first;
    for panel in 0..2 {
        for (at, row) in v.rows.clone().enumerate() {
            v.entities[panel][at] = row;
            v.generations[panel][at] = u32::from(lives(row));
            v.directory[panel][at] = if lives(row) { row } else { NO_ROW };
        }
    }
    for (at, word) in v.touched.iter().enumerate() {
        let first = v.rows.start + 64 * at as u32;
        let living = v.first.saturating_sub(first).min(64);
        word.store(if living == 64 { u64::MAX } else { (1 << living) - 1 }, Ordering::Relaxed);
    }
}

/// Copies the touched rows of a block from `prev` to `next`, and the directory's rows of their entities. Counts the entities of
/// the block that end, and tells their rows. Makes room for the marks of this tick, and of the next.
pub fn catch_up<'b>(v: CatchUpView<'b>, columns: impl Iterator<Item = (Values<'b>, ValuesMut<'b>)>) {
    for (prev, next) in columns {
        copy(v.touched, prev, next);
    }
    each(v.touched, |at| {
        let entity = v.entities[at] as usize;
        v.next_directory[entity].store(v.directory[entity], Ordering::Relaxed);
    });
    *v.ends = marked::count(v.ended, v.block.clone());
    marked::marked(v.ended, v.block).for_each(|entity| set(v.holes, v.directory[entity as usize]));
    v.clear.iter().chain(v.old.into_iter().flatten()).for_each(|word| word.store(0, Ordering::Relaxed));
}

/// Calls with each row of a block whose bit is set, ascending.
pub(super) fn each(bits: &[AtomicU64], mut f: impl FnMut(usize)) {
    for (at, word) in bits.iter().enumerate() {
        let mut word = word.load(Ordering::Relaxed);
        while word != 0 {
            f(64 * at + word.trailing_zeros() as usize);
            word &= word - 1;
        }
    }
}

fn copy(bits: &[AtomicU64], prev: Values<'_>, next: ValuesMut<'_>) {
    match (prev, next) {
        (Values::F32(prev), ValuesMut::F32(next)) => each(bits, |row| next[row] = prev[row]),
        (Values::F64(prev), ValuesMut::F64(next)) => each(bits, |row| next[row] = prev[row]),
        (Values::I8(prev), ValuesMut::I8(next)) => each(bits, |row| next[row] = prev[row]),
        (Values::I16(prev), ValuesMut::I16(next)) => each(bits, |row| next[row] = prev[row]),
        (Values::I32(prev), ValuesMut::I32(next)) => each(bits, |row| next[row] = prev[row]),
        (Values::U8(prev), ValuesMut::U8(next)) | (Values::Bool(prev), ValuesMut::Bool(next)) => {
            each(bits, |row| next[row] = prev[row]);
        }
        (Values::U16(prev), ValuesMut::U16(next)) => each(bits, |row| next[row] = prev[row]),
        (Values::U32(prev), ValuesMut::U32(next)) => each(bits, |row| next[row] = prev[row]),
        _ => unreachable!("two panels of one column"),
    }
}
