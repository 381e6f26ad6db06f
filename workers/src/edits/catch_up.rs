//! Bringing the panels that nobody owns up to date, a block at a time: first names, then what the frame before touched.

use std::sync::atomic::{AtomicU64, Ordering};

use diptych_protocol::ask_view::Marks;
use diptych_protocol::edit_view::{BeginView, CatchUpView};
use diptych_protocol::types::NO_ROW;
use diptych_protocol::values::{Values, ValuesMut};

use super::marked;
use crate::body::column::pair;

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
    let from = v.from.saturating_sub(v.block.start) as usize;
    let touched = || each(v.touched).filter(|at| *at >= from);
    for (prev, next) in columns {
        copy(touched(), prev, next);
    }
    touched().map(|at| v.entities[at] as usize).for_each(|entity| {
        v.next_directory[entity].store(v.directory[entity], Ordering::Relaxed);
    });
    *v.ends = marked::count(v.ended, v.block.clone());
    let mut holes = Marks::new(v.holes);
    for entity in marked::marked(v.ended, v.block) {
        let at = entity as usize;
        let row = if v.in_order { v.next_directory[at].load(Ordering::Relaxed) } else { v.directory[at] };
        holes.set(row);
    }
    v.clear.iter().chain(v.old.into_iter().flatten()).for_each(|word| word.store(0, Ordering::Relaxed));
}

/// Each row of a block whose bit is set, ascending.
pub(super) fn each(bits: &[AtomicU64]) -> impl Iterator<Item = usize> {
    bits.iter().enumerate().flat_map(|(at, word)| {
        let mut word = word.load(Ordering::Relaxed);
        std::iter::from_fn(move || {
            let row = (word != 0).then(|| 64 * at + word.trailing_zeros() as usize);
            word &= word.wrapping_sub(1);
            row
        })
    })
}

fn copy(rows: impl Iterator<Item = usize>, prev: Values<'_>, next: ValuesMut<'_>) {
    pair!(Values, ValuesMut, prev, next, (prev, next) => rows.for_each(|row| next[row] = prev[row]));
}
